//! The engine of a core that is trained as a network of its own: any loss, batches, biases, and every optimizer that
//! commutes with rotations are those of the full engine, on the core's sizes.
//!
//! Off the core weight decay alone acts. This file owns the core's trial and data and what is measured of both; passes,
//! losses and optimizers are the full engine's.

use std::borrow::Cow;

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use super::cost::core_trial;
use super::exported::CoreParts;
use super::metrics::WideNetwork;
use super::off_core::OffCoreScales;
use super::views::Views;
use crate::config::Trial;
use crate::data::{Data, Folded, InputsMatrix, TestSet};
use crate::engine::full::Full;
use crate::engine::idle::Idle;
use crate::engine::{Engine, EngineReport};
use crate::error::TrialError;
use crate::exported::Exported;
use crate::init::layer_shapes;
use crate::kernel::simd::Lane;
use crate::kernel::{Threads, multiply};
use crate::law::{Basis, Reduction};
use crate::measure::{LossHessian, MeasuredNetwork, Moved, Rows, Spectrum, measure};
use crate::metric::Scalars;
use crate::outcome;
use crate::theory::Theory;

#[derive(Debug)]
pub(super) struct CoreNetwork<'a, T> {
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
    reduction: Reduction,
    views: Views,
    /// The core, with further inputs for what held-out samples have off it. Those are zero in the training samples, so
    /// that weight decay alone moves their weights, as it does in the wide network.
    core: Full<'static, T>,
    off: OffCoreScales,
    idle: Idle,
    /// `sum_l ||W_l||_F^2` off the core at step 0, less what the further inputs' weights have.
    off_square: f64,
    /// Train loss of the kept pass.
    loss: f64,
}

impl<'a, T: Lane> CoreNetwork<'a, T> {
    /// # Errors
    /// [`TrialError::NoConvergence`].
    pub(super) fn new(
        (trial, data, threads): (&'a Trial, &'a Data, Threads),
        mut reduction: Reduction,
    ) -> Result<CoreNetwork<'a, T>, TrialError> {
        let judged = data
            .test
            .as_ref()
            .filter(|_| trial.measure.metrics.test_loss);
        let unseen = match judged {
            Some(test) => reduction.entering(test.X.view())?,
            None => None,
        };
        let mut cores = reduction.cores.clone();
        let mut more = 0;
        let test_rows = unseen.map(|(V, S)| {
            more = V.ncols();
            cores[0] = concatenate![Axis(1), cores[0], V];
            S
        });
        let widths: Vec<usize> = reduction.bases.iter().map(Basis::width).collect();
        let mut core = core_trial(trial, &widths);
        core.problem.inputs_dim += more;
        let keep = trial.measure.metrics.any(|about| about.hessian);
        let core_data = on_core(data, &mut reduction, keep, (test_rows, more));
        let off = OffCoreScales::without_live(&reduction);
        let views = Views::aligned(trial, data, &reduction, threads)?;
        reduction.release();
        let core = Full::of(Cow::Owned(core), Cow::Owned(core_data), threads, &cores);
        Ok(CoreNetwork {
            core: core.standing_for(&layer_shapes(trial)),
            idle: Idle::new(&trial.optimizer),
            off_square: off.square() - more as f64,
            trial,
            data,
            threads,
            reduction,
            views,
            off,
            loss: f64::NAN,
        })
    }
}

/// The data in the core's coordinates, with this number of further inputs, of which the held-out samples have these. `keep` leaves
/// the reduction its own.
fn on_core(
    data: &Data,
    reduction: &mut Reduction,
    keep: bool,
    (test_rows, more): (Option<Array2<f64>>, usize),
) -> Data {
    let problem = &mut reduction.problem;
    // The Hessian is taken on them; nothing else asks for them again.
    let inputs = if keep {
        problem.inputs.clone()
    } else {
        problem.inputs.take()
    };
    let first = &reduction.bases[0];
    let within = |X: ArrayView2<'_, f64>| multiply(Threads::Seq, first.view().t(), X);
    let X = match inputs {
        None => InputsMatrix::Identity,
        Some(X) => InputsMatrix::Dense(with_rows(X, None, more)),
    };
    let folded = data.folded.as_ref().map(|folded| Folded {
        X: with_rows(within(folded.X.view()), None, more),
        Y: folded.Y.clone(),
        constant: folded.constant,
    });
    let test = data.test.as_ref().map(|test| TestSet {
        X: with_rows(within(test.X.view()), test_rows, more),
        Y: test.Y.clone(),
        classes: test.classes.clone(),
    });
    data.in_coordinates(X, folded, test)
}

/// `X` above this number of further rows; zeros where none are given.
fn with_rows(X: Array2<f64>, rows: Option<Array2<f64>>, more: usize) -> Array2<f64> {
    if more == 0 {
        return X;
    }
    let rows = rows.unwrap_or_else(|| Array2::zeros((more, X.ncols())));
    concatenate![Axis(0), X, rows]
}

impl<T: Lane> Engine for CoreNetwork<'_, T> {
    fn loss(&mut self) -> f64 {
        self.loss = self.core.loss();
        self.loss
    }

    fn gradient_norm(&mut self) -> f64 {
        let of_core = self.core.gradient_norm();
        let decay = self.trial.optimizer.weight_decay * self.idle.share();
        if decay == 0.0 {
            return of_core;
        }
        let square = of_core * of_core + decay * decay * self.off_square;
        square.max(0.0).sqrt()
    }

    fn update(&mut self) {
        self.core.update();
        self.idle.update();
    }

    fn sees_finite(&self) -> bool {
        self.core.sees_finite()
    }

    fn measure(&mut self, step: u64, rows: &mut Rows) {
        self.off.decayed_to(self.idle.share());
        let here = MeasuredCore {
            core: &self.core.measured(),
            wide: WideNetwork::new(
                (self.trial, self.data, self.threads),
                &self.reduction,
                &self.views,
                &self.off,
                self.cores(),
            )
            .with_biases(self.core.wide_biases()),
        };
        measure(&here, &self.trial.measure.metrics, self.loss, step, rows);
    }

    fn flops_per_step(&self) -> f64 {
        self.core.flops_per_step()
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.core.save(out);
        self.idle.save(out);
    }

    fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        self.loss = f64::NAN;
        self.core.load(bytes)?;
        self.idle.load(bytes)
    }

    fn set_threads(&mut self, threads: Threads) {
        self.threads = threads;
        self.core.set_threads(threads);
    }

    fn exported(&self) -> Option<Exported> {
        let parts = CoreParts {
            trial: self.trial,
            bases: &self.reduction.bases,
            cores: self.cores(),
            biases: self.core.wide_biases(),
            first_share: self.idle.share(),
        };
        Some(parts.exported())
    }

    fn report(&self) -> EngineReport {
        EngineReport {
            engine: outcome::EngineKind::Reduced,
            core_width: self.reduction.core_width(),
            residual: Some(self.reduction.residual),
        }
    }
}

impl<T: Lane> CoreNetwork<'_, T> {
    /// `C_1 .. C_L` in double precision, without the further inputs.
    fn cores(&self) -> Vec<Array2<f64>> {
        let mut cores = self.core.wide_weights();
        if let Some(first) = cores.first_mut() {
            let width = self.reduction.bases[0].width();
            if first.ncols() > width {
                *first = first.slice(ndarray::s![.., ..width]).to_owned();
            }
        }
        cores
    }
}

/// What outputs and features show is the core's; matrices are the wide network's.
struct MeasuredCore<'m, N> {
    core: &'m N,
    wide: WideNetwork<'m>,
}

impl<N: MeasuredNetwork> MeasuredNetwork for MeasuredCore<'_, N> {
    fn depth(&self) -> usize {
        self.wide.depth()
    }

    fn threads(&self) -> Threads {
        self.wide.threads()
    }

    fn judge(&self, scalars: &mut Scalars) {
        self.core.judge(scalars);
    }

    fn map(&self, vectors: bool) -> Option<Spectrum> {
        self.wide.map(vectors)
    }

    fn layer(&self, layer: usize, vectors: bool) -> Option<Spectrum> {
        self.wide.layer(layer, vectors)
    }

    fn alignment(&self, map: &Spectrum) -> Option<f64> {
        self.wide.alignment(map)
    }

    fn balancedness(&self, layer: usize) -> f64 {
        self.wide.balancedness(layer)
    }

    fn theory(&self) -> Option<&Theory> {
        self.wide.theory()
    }

    fn modes(&self) -> Option<Vec<f64>> {
        self.wide.modes()
    }

    fn moved(&self, layer: usize) -> Option<Moved> {
        self.wide.moved(layer)
    }

    fn separation(&self) -> Vec<Option<f64>> {
        self.core.separation()
    }

    fn hessian(&self, read: &dyn Fn(&LossHessian<'_>) -> Option<f64>) -> Option<f64> {
        self.wide.hessian(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Metrics, OptimizerKind};
    use crate::data::fixture::{classification, factorization, trial};
    use crate::engine::reduced::tests::{ALL, LOSSES, compare_outcomes, outcome};
    use crate::law::{CERTIFIED, Law, reduce_under};
    use crate::outcome::{EngineKind, Outcome, Status};
    use crate::{EngineChoice, prepare};

    /// The rows of 40 steps on the core that the inputs span, measured every 20, though another law would serve.
    fn spanned(trial: &Trial) -> Outcome {
        let data = prepare(trial).expect("data");
        let reduction = reduce_under(Law::Span, trial, &data, &|_| true, CERTIFIED);
        let reduction = reduction.expect("the law holds");
        let all = (trial, &data, Threads::Seq);
        let mut engine = CoreNetwork::<f64>::new(all, reduction).expect("converges");
        let mut rows = Rows::default();
        for step in 0..=40 {
            engine.loss();
            if step % 20 == 0 || step == 1 && trial.measure.metrics.angles {
                engine.measure(step, &mut rows);
            }
            engine.update();
        }
        let mut found = Outcome::new(Status::Completed, EngineKind::Reduced);
        found.core_width = engine.report().core_width;
        found.history = rows.history;
        found.spectra = rows.spectra;
        found.layers = rows.layers;
        found
    }

    fn check(mut trial: Trial, metrics: Metrics, core: u64) {
        trial.train.steps = 40;
        trial.measure.every = 20;
        trial.measure.metrics = metrics;
        for (l, scale) in trial.init.scales.iter_mut().enumerate() {
            *scale = 0.6 + 0.1 * l as f64;
        }
        for momentum in [false, true] {
            if momentum {
                trial.optimizer.kind = OptimizerKind::Momentum;
                trial.optimizer.momentum = 0.8;
                trial.optimizer.weight_decay = 0.02;
            }
            let full = outcome(&trial, EngineChoice::Full).expect("the full engine runs");
            let found = spanned(&trial);
            assert_eq!(found.core_width, Some(core));
            compare_outcomes(&full, &found);
        }
    }

    #[test]
    fn a_core_that_the_inputs_span_is_the_wide_network() {
        // Six samples of nine inputs and three classes, others held out: 6 + 3 where the first layer stays open.
        let few = |widths: &[usize]| trial(classification(9, 3, 2), widths);
        check(few(&[20, 20]), LOSSES, 9);
        check(few(&[20, 20]), ALL, 12);
        check(few(&[9, 9]), ALL, 9);
        // Any start at depth 2.
        let mut gaussian = few(&[20]);
        gaussian.init.kind = crate::StartKind::Gaussian;
        check(gaussian, LOSSES, 9);
        check(trial(classification(4, 3, 10), &[20, 20]), ALL, 7);
        check(trial(factorization(5, 4, 2), &[16, 16]), ALL, 9);
    }

    #[test]
    fn gradients_count_what_is_off_the_core() {
        let mut trial = trial(classification(9, 3, 2), &[20, 20]);
        trial.optimizer.weight_decay = 0.3;
        trial.measure.metrics = LOSSES;
        let data = prepare(&trial).expect("data");
        let weights = crate::init::weights(&trial).expect("weights");
        let mut full = Full::<f64>::of(
            Cow::Borrowed(&trial),
            Cow::Borrowed(&data),
            Threads::Seq,
            &weights,
        );
        let reduction = reduce_under(Law::Span, &trial, &data, &|_| true, CERTIFIED);
        let all = (&trial, &data, Threads::Seq);
        let mut core =
            CoreNetwork::<f64>::new(all, reduction.expect("the law holds")).expect("converges");
        for _ in 0..4 {
            full.loss();
            core.loss();
            let (wanted, found) = (full.gradient_norm(), core.gradient_norm());
            assert!((found - wanted).abs() < 1e-12 * wanted, "{found} {wanted}");
            full.update();
            core.update();
        }
        let mut bytes = Vec::new();
        core.save(&mut bytes);
        core.update();
        core.load(&mut bytes.as_slice()).expect("its own state");
        let mut again = Vec::new();
        core.save(&mut again);
        assert_eq!(again, bytes);
    }
}
