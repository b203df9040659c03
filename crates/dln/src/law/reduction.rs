//! A trial cut down to its core: drawn, closed and certified.
//!
//! This file owns the order of these steps, the core's data and the refusals. Training the core is the
//! business of the reduced engine.

use ndarray::{Array2, ArrayView2, s};

use super::assumptions::{Law, check, see_rest};
use super::basis::{Basis, Coordinates, orthonormal};
use super::bounds::{Bounds, bounds, is_one_sided, isometric, widest_hidden};
use super::closure::{Closure, ClosureProblem, Seeds, close};
use super::layers::Layer;
use super::moments::Moments;
use super::off_core::{OffCore, RankRun, survey};
use super::span::{Span, left_factor};
use super::worse;
use crate::config::{StartLayers, Trial};
use crate::data::{Data, Folded, InputsMatrix, TrainSamples};
use crate::error::{Matrix, NotReducible, TrialError};
use crate::init::starts;
use crate::kernel::rank::OF_FOLD;
use crate::kernel::{Threads, multiply, square_sum, svd, triangle};

/// Shares of an image that count as a new direction, in the order tried. The root of the machine's precision
/// is right for all draws; where it drops a direction that the certificate misses, the finer one lets the
/// core grow.
const DIRECTIONS: [f64; 2] = [1e-8, 1e-11];
/// A reduction with a larger residual is not exact.
pub(crate) const CERTIFIED: f64 = 1e-10;

/// The core of a trial and all that the engine needs beside it.
#[derive(Clone, Debug)]
pub(crate) struct Reduction {
    /// `U_0 .. U_L`.
    pub(crate) bases: Vec<Basis>,
    /// `C_1(0) .. C_L(0)`, `k_l x k_(l-1)`.
    pub(crate) cores: Vec<Array2<f64>>,
    pub(crate) problem: CoreProblem,
    pub(crate) sigma2: f64,
    pub(crate) off: OffCore,
    /// The certificate.
    pub(crate) residual: f64,
    pub(crate) law: Law,
    /// Empty after [`Reduction::release`].
    layers: Vec<Layer>,
}

/// A layer off the core at the start, within a block.
#[derive(Clone, Debug)]
pub(crate) struct OffWithin {
    pub(crate) all: Array2<f64>,
    /// Of the directions that go through all layers.
    pub(crate) live: Array2<f64>,
}

/// What the core is trained on.
#[derive(Clone, Debug)]
pub(crate) struct CoreProblem {
    /// `k_0 x m`; `None` is the identity.
    pub(crate) inputs: Option<Array2<f64>>,
    /// `k_L x m`.
    pub(crate) targets: Array2<f64>,
    /// Scale of the loss.
    pub(crate) c: f64,
    /// What the loss has beside that of the core and of the live directions off it.
    pub(crate) constant: f64,
}

/// What test samples bring in from off the core: what the first layer makes of those directions, and the samples there.
type Entering = (Array2<f64>, Array2<f64>);

impl Reduction {
    /// Widest hidden core; `None` at depth 1.
    pub(crate) fn core_width(&self) -> Option<u64> {
        let widths: Vec<usize> = self.bases.iter().map(Basis::width).collect();
        widest_hidden(&widths).map(|width| width as u64)
    }

    /// Number of layers.
    pub(crate) fn depth(&self) -> usize {
        self.cores.len()
    }

    /// Gives up the initial weights, once nothing more is asked of them: given and dense ones are as large
    /// as the network.
    pub(crate) fn release(&mut self) {
        self.layers = Vec::new();
    }

    /// Scale of layer `layer`, from 1, off the core; 0 where it is no scaled isometry.
    pub(crate) fn scale(&self, layer: usize) -> f64 {
        self.layers[layer - 1].isometry().unwrap_or(0.0)
    }

    /// Squared Frobenius norm of layer `layer`, from 1, off the core at the start.
    pub(crate) fn off_square(&self, layer: usize) -> f64 {
        match &self.off {
            OffCore::Runs(runs) => {
                let passing = runs.iter().filter(|run| run.passes(layer));
                let count: usize = passing.map(|run| run.count).sum();
                self.scale(layer).powi(2) * count as f64
            }
            OffCore::Rest { .. } => {
                let weights = &self.layers[layer - 1];
                let (rows, columns) = weights.shape();
                // The norm of weights that are all zero stands for no size.
                let norm = match weights.isometry() {
                    Some(0.0) => 0.0,
                    _ => weights.norm(),
                };
                let all = norm.powi(2) * rows.min(columns) as f64;
                (all - square_sum(self.cores[layer - 1].view())).max(0.0)
            }
        }
    }

    /// What the initial weights make of the part of `X` off the core; `None` where that is nothing.
    ///
    /// # Shapes
    /// `X`: `d_x x k`; returns `d_y x k`.
    pub(crate) fn off_outputs(&self, X: ArrayView2<'_, f64>) -> Option<Array2<f64>> {
        if !self.passes_through() {
            return None;
        }
        let mut image = self.bases[0].coordinates(X).outside;
        for layer in &self.layers {
            image = layer.up(image.view());
            image *= layer.norm();
        }
        Some(image)
    }

    /// The initial end-to-end map off the core, `d_y x d_x`, from its thinner end where that is the outputs;
    /// `None` where it is zero.
    pub(crate) fn off_map(&self) -> Option<Array2<f64>> {
        if !self.passes_through() {
            return None;
        }
        let last = &self.bases[self.layers.len()];
        let mut rows = last.coordinates(Array2::eye(last.rows()).view()).outside;
        for layer in self.layers.iter().rev() {
            rows = layer.down(rows.view());
            rows *= layer.norm();
        }
        let rows = self.bases[0].coordinates(rows.view()).outside;
        Some(rows.reversed_axes())
    }

    /// What the first layer's initial weights send into `H_1` of the part of `X` off the core, as a product `V S`, `V`
    /// `k_1 x q` with orthonormal columns; `None` where that is nothing, as where the subspaces are closed on both sides.
    ///
    /// # Errors
    /// [`TrialError::NoConvergence`].
    pub(crate) fn entering(&self, X: ArrayView2<'_, f64>) -> Result<Option<Entering>, TrialError> {
        let first = &self.layers[0];
        let outside = self.bases[0].coordinates(X).outside;
        let image = first.up(outside.view()) * first.norm();
        let T = self.bases[1].coordinates(image.view()).within;
        let (U, s) = left_factor(T.view())?;
        // What is below changes an output by less than the engines are held to.
        let least = OF_FOLD * first.norm() * square_sum(X).sqrt();
        let count = s.iter().take_while(|&&value| value > least).count();
        if count == 0 {
            return Ok(None);
        }
        let V = U.slice(s![.., ..count]).as_standard_layout().into_owned();
        let S = multiply(Threads::Seq, V.t(), T.view());
        Ok(Some((V, S)))
    }

    /// Layer `layer`, from 1, off the core at the start, between these orthonormal bases above and below it.
    pub(crate) fn off_within(
        &self,
        layer: usize,
        above: ArrayView2<'_, f64>,
        below: ArrayView2<'_, f64>,
    ) -> OffWithin {
        let l = layer - 1;
        let at = |X: ArrayView2<'_, f64>| {
            let mut image = self.layers[l].up(X);
            image *= self.layers[l].norm();
            multiply(Threads::Seq, above.t(), image.view())
        };
        let outside = self.bases[l].coordinates(below).outside;
        let all = at(outside.view());
        let live = match &self.off {
            OffCore::Runs(runs) if self.off.live(self.depth()) > 0 => {
                let other =
                    |run: &RankRun| run.passes(layer) && run.last - run.first < self.depth();
                if runs.iter().any(other) {
                    at(self.through(l, outside).view())
                } else {
                    all.clone()
                }
            }
            OffCore::Runs(_) | OffCore::Rest { .. } => Array2::zeros(all.dim()),
        };
        OffWithin { all, live }
    }

    /// The part of `X`, which is off the core in space `l`, that goes through all layers: what comes from the inputs and
    /// reaches the outputs.
    fn through(&self, l: usize, mut X: Array2<f64>) -> Array2<f64> {
        let (below, above) = self.layers.split_at(l);
        for layer in above {
            X = layer.up(X.view());
        }
        for layer in above.iter().rev().chain(below.iter().rev()) {
            X = layer.down(X.view());
        }
        for layer in below {
            X = layer.up(X.view());
        }
        X
    }

    /// Squared norms of the part of `X` off the core after the first `0, 1, .. count` layers, each layer
    /// divided by its scale. Layers that keep norms are not applied where no other follows.
    pub(crate) fn off_squares(&self, X: ArrayView2<'_, f64>, count: usize) -> Vec<f64> {
        let mut image = self.bases[0].coordinates(X).outside;
        let mut square = square_sum(image.view());
        let mut squares = vec![square];
        let layers = &self.layers[..count];
        let narrowing = layers.iter().rposition(|layer| {
            let (rows, columns) = layer.shape();
            rows < columns
        });
        for (l, layer) in layers.iter().enumerate() {
            if narrowing.is_some_and(|last| l <= last) {
                image = layer.up(image.view());
                square = square_sum(image.view());
            }
            squares.push(square);
        }
        squares
    }

    /// Whether anything off the core reaches the outputs.
    fn passes_through(&self) -> bool {
        let between = self.bases.iter().all(|basis| basis.width() < basis.rows());
        let live = match self.off {
            OffCore::Runs(_) => self.off.live(self.depth()) > 0,
            OffCore::Rest { .. } => true,
        };
        between && live
    }
}

/// Reduces a trial. `worth` says whether cores of some widths `k_0 .. k_L` are still of use.
///
/// # Errors
/// [`NotReducible`] with the assumption that fails; what is wrong with the initial weights; a decomposition
/// of the data that does not converge.
pub(crate) fn reduce(
    trial: &Trial,
    data: &Data,
    worth: &dyn Fn(&[usize]) -> bool,
) -> Result<Reduction, TrialError> {
    reduce_within(trial, data, worth, CERTIFIED)
}

/// As [`reduce`], with the largest residual that counts as exact.
pub(crate) fn reduce_within(
    trial: &Trial,
    data: &Data,
    worth: &dyn Fn(&[usize]) -> bool,
    certified: f64,
) -> Result<Reduction, TrialError> {
    let law = check(trial)?;
    reducible(trial)?;
    reduce_under(law, trial, data, worth, certified)
}

/// As [`reduce_within`], of a trial that is under this law.
pub(crate) fn reduce_under(
    law: Law,
    trial: &Trial,
    data: &Data,
    worth: &dyn Fn(&[usize]) -> bool,
    certified: f64,
) -> Result<Reduction, TrialError> {
    let layers: Vec<Layer> = starts(trial)?.into_iter().map(Layer::new).collect();
    let asked = Asked::of(trial, data, law, &layers)?;
    let mut refused = 0.0;
    for tolerance in DIRECTIONS {
        let (input, output) = asked.seeds();
        let task = ClosureProblem {
            layers: &layers,
            input,
            output,
            one_sided: asked.one_sided,
            tolerance,
            worth,
        };
        let closure = close(&task).ok_or(NotReducible::NoCore {
            width: full_width(trial),
        })?;
        let (first, last) = ends(&closure.bases)?;
        let residual = worse(closure.residual, asked.residual(first, last));
        if residual <= certified {
            let off = survey(&layers, &closure.bases, asked.one_sided);
            refuse(trial, &closure, &layers, asked.sigma2(), &off)?;
            let problem = asked.problem(data, first, last)?;
            return Ok(Reduction {
                bases: closure.bases,
                cores: closure.cores,
                problem,
                sigma2: asked.sigma2(),
                off,
                residual,
                law,
                layers,
            });
        }
        refused = residual;
    }
    if !refused.is_finite() {
        return Err(NotReducible::Overflow.into());
    }
    Err(NotReducible::Residual {
        residual: refused,
        tolerance: certified,
    }
    .into())
}

/// What the data ask of the subspaces.
struct Asked {
    of: OfData,
    /// Whether the second side of the first layer stays open.
    one_sided: bool,
}

enum OfData {
    Moments {
        moments: Box<Moments>,
        /// What `H_0` must contain.
        input: Array2<f64>,
    },
    Span(Span),
}

impl Asked {
    fn of(trial: &Trial, data: &Data, law: Law, layers: &[Layer]) -> Result<Asked, TrialError> {
        match law {
            Law::Moments(_) => {
                let moments = Moments::of(data)?;
                let first_is_rotation = layers.first().is_some_and(Layer::is_rotation);
                let one_sided = is_one_sided(trial, moments.sigma2 > 0.0, first_is_rotation);
                let input = seeds(&moments, data, one_sided);
                let of = OfData::Moments {
                    moments: Box::new(moments),
                    input,
                };
                Ok(Asked { of, one_sided })
            }
            // What W_1 does off the inputs' range is nothing that a training sample shows.
            Law::Span => Ok(Asked {
                of: OfData::Span(Span::of(data)?),
                one_sided: !see_rest(&trial.measure.metrics),
            }),
        }
    }

    /// What `H_0` and `H_L` must contain.
    fn seeds(&self) -> (Seeds<'_>, Seeds<'_>) {
        match &self.of {
            OfData::Moments { moments, input } => (
                Seeds::Columns(input.view()),
                Seeds::Columns(moments.output_seeds()),
            ),
            OfData::Span(span) => (span.seeds(), Seeds::Everything),
        }
    }

    fn residual(&self, first: &Basis, last: &Basis) -> f64 {
        match &self.of {
            OfData::Moments { moments, .. } => moments.residual(first, last),
            OfData::Span(span) => span.residual(first),
        }
    }

    fn sigma2(&self) -> f64 {
        match &self.of {
            OfData::Moments { moments, .. } => moments.sigma2,
            OfData::Span(_) => 0.0,
        }
    }

    fn problem(&self, data: &Data, first: &Basis, last: &Basis) -> Result<CoreProblem, TrialError> {
        match &self.of {
            OfData::Moments { moments, .. } => core_problem(data, moments, first, last),
            OfData::Span(_) => Ok(CoreProblem {
                inputs: match &data.X {
                    InputsMatrix::Identity => None,
                    InputsMatrix::Dense(X) => {
                        Some(multiply(Threads::Seq, first.view().t(), X.view()))
                    }
                },
                targets: data.Y.dense().into_owned(),
                c: data.c,
                constant: 0.0,
            }),
        }
    }
}

/// The bounds of a trial that the law holds for, as far as it can be known without drawing.
///
/// # Errors
/// The assumption that fails.
pub(crate) fn reducible(trial: &Trial) -> Result<Bounds, NotReducible> {
    check(trial)?;
    let bounds = bounds(trial);
    match bounds.filled {
        Some(width) => Err(not_orthogonal(trial, width)),
        None => Ok(bounds),
    }
}

/// The widths `k_0 .. k_L` that an orthogonal start over these data leaves of a network of these sizes
/// `d_0 .. d_L`, from the ranks of the data alone, and the core's samples (none: identity inputs). Reached by
/// almost every draw, save at a bulge between two bottlenecks, where they are an upper bound.
///
/// # Errors
/// [`TrialError::NoConvergence`].
pub(crate) fn widths_of_data(
    data: &Data,
    sizes: &[usize],
) -> Result<(Vec<usize>, Option<usize>), TrialError> {
    let moments = Moments::of(data)?;
    let seeds = moments.input_seeds();
    let input = orthonormal(seeds.view()).ncols();
    let widths = isometric(sizes, input, moments.output_seeds().ncols());
    let samples = match data.samples(true) {
        TrainSamples::Identity => None,
        TrainSamples::Dense { .. } if moments.sigma2 > 0.0 => Some(widths[0]),
        TrainSamples::Dense { X, .. } => Some(X.ncols().min(widths[0])),
    };
    Ok((widths, samples))
}

/// The refusal of a start that fills every hidden layer.
fn not_orthogonal(trial: &Trial, width: usize) -> NotReducible {
    NotReducible::Start {
        kind: match trial.init.kind.layers() {
            StartLayers::Given => "given and not orthogonal",
            StartLayers::Isometric | StartLayers::Chained | StartLayers::Generic => {
                trial.init.kind.name()
            }
        },
        depth: trial.network.depth(),
        width,
    }
}

/// What `H_0` must contain. With an open side, the test inputs too: what `W_1` makes of them is not known
/// otherwise.
fn seeds(moments: &Moments, data: &Data, one_sided: bool) -> Array2<f64> {
    let mut input = moments.input_seeds();
    if let (true, Some(test)) = (one_sided, &data.test) {
        let mut all = Basis::new(input.nrows());
        all.extend(input.view(), DIRECTIONS[0]);
        // The same range in no more columns than rows.
        let mut unit = if test.X.ncols() > test.X.nrows() {
            triangle(test.X.t()).reversed_axes()
        } else {
            test.X.clone()
        };
        for mut column in unit.columns_mut() {
            let norm = column.dot(&column).sqrt();
            if norm > 0.0 {
                column /= norm;
            }
        }
        all.extend(unit.view(), DIRECTIONS[1]);
        input = all.view().to_owned();
    }
    input
}

/// The largest hidden width, or the inputs' dimension where there is no hidden layer.
fn full_width(trial: &Trial) -> usize {
    widest_hidden(&trial.sizes()).unwrap_or(trial.problem.inputs_dim)
}

/// `H_0` and `H_L`.
fn ends(bases: &[Basis]) -> Result<(&Basis, &Basis), TrialError> {
    match bases {
        [first, .., last] => Ok((first, last)),
        _ => Err(NotReducible::NoCore { width: 0 }.into()),
    }
}

/// The assumptions that show only once the subspaces are closed.
fn refuse(
    trial: &Trial,
    closure: &Closure,
    layers: &[Layer],
    sigma2: f64,
    off: &OffCore,
) -> Result<(), NotReducible> {
    let hidden = closure.bases.get(1..layers.len()).unwrap_or(&[]);
    let filled = hidden.iter().all(|basis| basis.width() == basis.rows());
    let generic = layers.iter().any(|layer| layer.isometry().is_none());
    let given = !trial.init.kind.is_scaled();
    if filled && generic && given && layers.len() >= 3 {
        return Err(NotReducible::NoCore {
            width: full_width(trial),
        });
    }
    if let OffCore::Rest { layer } = *off {
        if sigma2 > 0.0 {
            return Err(NotReducible::OffCore { layer });
        }
        if see_rest(&trial.measure.metrics) {
            return Err(NotReducible::Metrics);
        }
    }
    Ok(())
}

fn core_problem(
    data: &Data,
    moments: &Moments,
    first: &Basis,
    last: &Basis,
) -> Result<CoreProblem, TrialError> {
    let c = data.c;
    match data.samples(true) {
        TrainSamples::Identity => {
            let (targets, left_out) = moments.correlation_within(first, last);
            Ok(CoreProblem {
                inputs: None,
                targets,
                c,
                constant: 0.5 * c * left_out,
            })
        }
        TrainSamples::Dense { X, Y, constant } => {
            let inputs = multiply(Threads::Seq, first.view().t(), X);
            let Coordinates { within, outside } = last.coordinates(Y.view());
            let problem = CoreProblem {
                inputs: None,
                targets: within,
                c,
                constant: constant + 0.5 * c * square_sum(outside.view()),
            };
            fold(inputs, problem)
        }
    }
}

/// Folds the core's samples where there are more of them than inputs: off the core, samples that the core
/// does not see are left.
fn fold(inputs: Array2<f64>, problem: CoreProblem) -> Result<CoreProblem, TrialError> {
    let (k, n) = inputs.dim();
    if n <= k {
        return Ok(CoreProblem {
            inputs: Some(inputs),
            ..problem
        });
    }
    let CoreProblem {
        targets,
        c,
        constant,
        ..
    } = problem;
    if k == 0 {
        return Ok(CoreProblem {
            inputs: Some(Array2::zeros((0, 0))),
            targets: Array2::zeros((targets.nrows(), 0)),
            c,
            constant: constant + 0.5 * c * square_sum(targets.view()),
        });
    }
    let factor = svd(inputs.view()).ok_or(TrialError::NoConvergence {
        matrix: Matrix::Inputs,
    })?;
    let folded = Folded::by(&factor.U, &factor.s, &factor.V, targets.view(), c);
    Ok(CoreProblem {
        inputs: Some(folded.X),
        targets: folded.Y,
        c,
        constant: constant + folded.constant,
    })
}
