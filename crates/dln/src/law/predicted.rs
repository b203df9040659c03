//! The block of every layer that the law predicts its updates to stay in, for any network.
//!
//! The subspaces `H_0 .. H_L` are closed through the initial weights, both ways at every layer (a block that is closed
//! upwards alone is wrong: linear networks would leave it), from what the data or the first gradient say:
//!
//! ```text
//! samples   data:      H_0 = range(X),  H_L = R^(d_y)
//!           gradient:  H_0 = the leading d_y right singular vectors of G_1(0),  H_L = R^(d_y)
//! a matrix  data:      H_0 = row(T),  H_L = col(T),  T the target
//!           gradient:  H_0 = the leading rank(T) right singular vectors of G_1(0),
//!                      H_L = the leading rank(T) left singular vectors of G_L(0)
//! ```
//!
//! Linear networks keep to the first exactly under every loss, batch and schedule. They nearly keep to the third: off it
//! layers move by the product of the others' scales. For nonlinear ones both are predictions, and the metric `leak` says
//! how good they are. The projected engine may ask for other numbers of directions, and for random ones in their place.

use ndarray::{Array2, ArrayView2, s};

use super::basis::{Basis, completed, orthonormal};
use super::closure::{ClosureProblem, Seeds, close};
use super::first_gradient::{FirstGradients, first_gradients};
use super::layers::Layer;
use super::moments::Moments;
use super::span::left_factor;
use crate::config::{BlockKind, Trial};
use crate::data::{Data, TrainSamples};
use crate::error::TrialError;
use crate::init::starts;
use crate::kernel::rank::{OF_DATA, rank};
use crate::kernel::{Threads, svd};
use crate::stream::{Purpose, normal_rows};

/// Share of a unit vector's image that counts as a new direction.
const DIRECTION: f64 = 1e-8;

/// `H_0 .. H_L` as the trial asks for them; `None` where a decomposition of the data or of the gradient does not
/// converge, as when they are not finite.
///
/// # Errors
/// What is wrong with the initial weights.
pub(crate) fn predicted(
    trial: &Trial,
    data: &Data,
    threads: Threads,
) -> Result<Option<Vec<Basis>>, TrialError> {
    let origin = Origin {
        block: trial.measure.leak_block.into(),
        count: None,
    };
    closed_from(origin, trial, data, threads)
}

/// What the subspaces are closed from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) block: BlockKind,
    /// Directions at most; `None`: those of the table above, all of the data's.
    pub(crate) count: Option<usize>,
}

/// As [`predicted`], from elsewhere than the trial's own choice.
///
/// # Errors
/// As [`predicted`].
pub(crate) fn closed_from(
    origin: Origin,
    trial: &Trial,
    data: &Data,
    threads: Threads,
) -> Result<Option<Vec<Basis>>, TrialError> {
    let Some((input, output)) = seeds(origin, trial, data, threads)? else {
        return Ok(None);
    };
    let layers: Vec<Layer> = starts(trial)?.into_iter().map(Layer::new).collect();
    let closure = close(&ClosureProblem {
        layers: &layers,
        input: Seeds::Columns(input.view()),
        output: Seeds::Columns(output.view()),
        one_sided: false,
        tolerance: DIRECTION,
        worth: &|_| true,
    });
    Ok(closure.map(|closure| closure.bases))
}

/// What `H_0` and `H_L` contain.
type Ends = (Array2<f64>, Array2<f64>);

fn seeds(
    Origin { block, count }: Origin,
    trial: &Trial,
    data: &Data,
    threads: Threads,
) -> Result<Option<Ends>, TrialError> {
    let (inputs, outputs) = (trial.problem.inputs_dim, trial.problem.outputs_dim);
    let at_most = |A: Array2<f64>, count: usize| {
        let kept = count.min(A.ncols());
        A.slice(s![.., ..kept]).to_owned()
    };
    let samples = match data.samples(true) {
        TrainSamples::Dense { X, .. } => Some(X),
        TrainSamples::Identity => None,
    };
    let Some(X) = samples else {
        let Ok(moments) = Moments::of(data) else {
            return Ok(None);
        };
        let rank = moments.output_seeds().ncols();
        let count = count.unwrap_or(rank);
        return Ok(match block {
            BlockKind::Data => Some((
                at_most(moments.input_seeds(), count),
                at_most(moments.output_seeds().to_owned(), count),
            )),
            BlockKind::Gradient => {
                let FirstGradients { first, last } = first_gradients(trial, data, threads)?;
                leading(first.view(), count).zip(leading(last.t(), count))
            }
            BlockKind::Random => Some((
                random(trial, 0, inputs, count),
                random(trial, 1, outputs, count),
            )),
        });
    };
    let input = match block {
        BlockKind::Data => range(X).map(|input| at_most(input, count.unwrap_or(usize::MAX))),
        BlockKind::Gradient => {
            let FirstGradients { first, .. } = first_gradients(trial, data, threads)?;
            leading(first.view(), count.unwrap_or(outputs))
        }
        BlockKind::Random => Some(random(trial, 0, inputs, count.unwrap_or(outputs))),
    };
    Ok(input.map(|input| (input, Array2::eye(outputs))))
}

/// Random orthonormal columns, at most `count`; `end` is 0 at the inputs, 1 at the outputs.
fn random(trial: &Trial, end: u64, rows: usize, count: usize) -> Array2<f64> {
    let count = count.min(rows);
    let rows_of = normal_rows(trial.draw, Purpose::Block, end, rows, count);
    orthonormal((rows_of / (rows as f64).sqrt()).view())
}

/// An orthonormal basis of the columns of `X`.
fn range(X: ArrayView2<'_, f64>) -> Option<Array2<f64>> {
    let (U, s) = left_factor(X).ok()?;
    let rank = rank(&s, OF_DATA);
    Some(completed(U.view(), rank))
}

/// The leading right singular vectors of `G`, at most `count` and at most its rank.
fn leading(G: ArrayView2<'_, f64>, count: usize) -> Option<Array2<f64>> {
    let found = svd(G)?;
    let kept = count.min(rank(&found.s, OF_DATA));
    Some(found.V.slice(s![.., ..kept]).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Activation, LeakBlock};
    use crate::data::{fixture, prepare};

    fn widths(trial: &Trial) -> Vec<usize> {
        let data = prepare(trial).expect("fits");
        let found = predicted(trial, &data, Threads::Seq).expect("drawn");
        let found = found.expect("converges");
        found.iter().map(Basis::width).collect()
    }

    #[test]
    fn blocks_have_the_widths_of_the_law() {
        let mut trial = fixture::trial(fixture::factorization(20, 20, 2), &[20, 20]);
        trial.init.scales = vec![0.1; 3];
        for block in [LeakBlock::Data, LeakBlock::Gradient] {
            trial.measure.leak_block = block;
            assert_eq!(widths(&trial), [4; 4], "{block:?}");
        }
        // r_x + K hidden; of the gradient twice the classes, and once more behind a tall layer.
        let mut trial = fixture::trial(fixture::classification(9, 3, 10), &[30, 30]);
        for activation in [Activation::Linear, Activation::Relu] {
            trial.network.activation = activation;
            trial.measure.leak_block = LeakBlock::Data;
            assert_eq!(widths(&trial), [9, 12, 12, 3]);
            trial.measure.leak_block = LeakBlock::Gradient;
            assert_eq!(widths(&trial), [6, 9, 9, 3]);
        }
    }
}
