//! The full engine on inputs in the coordinates of what the training samples span.
//!
//! The first layer's gradient is `B X^T`: its rows never leave the range of `X`, whatever stands above. So `W_1 Q` trains on
//! `Q^T X` in its place, `Q` a basis of that range; off it weight decay alone acts on `W_1`. Rows are measured on the whole
//! network. Exact under optimizers that commute with rotations.

use std::borrow::Cow;

use ndarray::Array2;

use super::exported::exported;
use super::fit::cast;
use super::metrics::{FullNetwork, Meter};
use super::network::Full;
use crate::config::{Metrics, Precision, Trial};
use crate::data::{Data, Folded, InputsMatrix};
use crate::engine::idle::Idle;
use crate::engine::{Engine, EngineReport};
use crate::error::TrialError;
use crate::exported::Exported;
use crate::init::{self, layer_shapes};
use crate::kernel::simd::Lane;
use crate::kernel::{Accum, Threads, multiply, product, square_sum};
use crate::law::{Span, thin_inputs};
use crate::measure::{Rows, measure};

/// The engine of a trial whose network trains so, ready at step 0; `None` for any other.
///
/// # Errors
/// What is wrong with the initial weights; a decomposition of the inputs that does not converge.
pub(super) fn build<'a>(
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
) -> Result<Option<Box<dyn Engine + 'a>>, TrialError> {
    if thin_inputs(trial).is_none() {
        return Ok(None);
    }
    let Some(Q) = Span::of(data)?.directions().filter(|Q| Q.ncols() > 0) else {
        return Ok(None);
    };
    let weights = init::weights(trial)?;
    let all = (trial, data, threads);
    Ok(Some(match trial.train.precision {
        Precision::F64 => Box::new(ThinInputs::<f64>::new(all, &weights, Q)),
        Precision::F32 => Box::new(ThinInputs::<f32>::new(all, &weights, Q)),
    }))
}

#[derive(Debug)]
struct ThinInputs<'a, T> {
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
    meter: Meter,
    thin: Full<'static, T>,
    /// `d_x x r`, orthonormal columns.
    Q: Array2<f64>,
    /// `W_1(0) (I - Q Q^T)`.
    rest: Array2<f64>,
    /// `||rest||_F^2`.
    rest_square: f64,
    idle: Idle,
    /// Train loss of the kept pass.
    loss: f64,
}

impl<'a, T: Lane> ThinInputs<'a, T> {
    /// Starts from these weights `W_1 .. W_L`.
    fn new(
        (trial, data, threads): (&'a Trial, &'a Data, Threads),
        weights: &[Array2<f64>],
        Q: Array2<f64>,
    ) -> ThinInputs<'a, T> {
        let mut weights = weights.to_vec();
        let mut rest = weights[0].clone();
        weights[0] = multiply(threads, rest.view(), Q.view());
        let within = weights[0].view();
        product(threads, rest.view_mut(), Accum::Add, -1.0, within, Q.t());
        let mut thin = trial.clone();
        thin.problem.inputs_dim = Q.ncols();
        thin.measure.metrics = Metrics::NONE;
        let thin_data = in_coordinates(data, &Q);
        ThinInputs {
            meter: Meter::new(trial, data),
            thin: Full::of(Cow::Owned(thin), Cow::Owned(thin_data), threads, &weights)
                .standing_for(&layer_shapes(trial)),
            rest_square: square_sum(rest.view()),
            idle: Idle::new(&trial.optimizer),
            trial,
            data,
            threads,
            Q,
            rest,
            loss: f64::NAN,
        }
    }

    /// `W_1 .. W_L` of the whole network.
    fn whole(&self) -> Vec<Array2<f64>> {
        let mut weights = self.thin.wide_weights();
        let mut first = &self.rest * self.idle.share();
        let within = weights[0].view();
        let threads = self.threads;
        product(
            threads,
            first.view_mut(),
            Accum::Add,
            1.0,
            within,
            self.Q.t(),
        );
        weights[0] = first;
        weights
    }
}

/// The training samples in the coordinates of `Q`. Nothing is measured on them.
fn in_coordinates(data: &Data, Q: &Array2<f64>) -> Data {
    let X = match &data.X {
        InputsMatrix::Identity => InputsMatrix::Identity,
        InputsMatrix::Dense(X) => InputsMatrix::Dense(multiply(Threads::Seq, Q.t(), X.view())),
    };
    let folded = data.folded.as_ref().map(|folded| Folded {
        X: multiply(Threads::Seq, Q.t(), folded.X.view()),
        ..folded.clone()
    });
    data.in_coordinates(X, folded, None)
}

impl<T: Lane> Engine for ThinInputs<'_, T> {
    fn loss(&mut self) -> f64 {
        self.loss = self.thin.loss();
        self.loss
    }

    fn gradient_norm(&mut self) -> f64 {
        let decay = self.trial.optimizer.weight_decay * self.idle.share();
        let rest = decay.abs() * self.rest_square.sqrt();
        self.thin.gradient_norm().hypot(rest)
    }

    fn update(&mut self) {
        self.thin.update();
        self.idle.update();
    }

    fn sees_finite(&self) -> bool {
        self.thin.sees_finite()
    }

    fn measure(&mut self, step: u64, rows: &mut Rows) {
        let weights: Vec<Array2<T>> = self.whole().iter().map(|W| cast(W.view())).collect();
        let here = FullNetwork::new(
            (self.trial, self.data, self.threads),
            &self.meter,
            (&weights, self.thin.layers().1),
            self.thin.pass.features(),
        );
        measure(&here, &self.trial.measure.metrics, self.loss, step, rows);
    }

    fn parameters(&self) -> Vec<Array2<f64>> {
        let mut all = self.whole();
        all.extend(self.thin.wide_biases());
        all
    }

    fn flops_per_step(&self) -> f64 {
        self.thin.flops_per_step()
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.thin.save(out);
        self.idle.save(out);
    }

    fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        self.loss = f64::NAN;
        self.thin.load(bytes)?;
        self.idle.load(bytes)
    }

    fn set_threads(&mut self, threads: Threads) {
        self.threads = threads;
        self.thin.set_threads(threads);
    }

    fn exported(&self) -> Option<Exported> {
        Some(exported(self.parameters(), &self.trial.network))
    }

    fn report(&self) -> EngineReport {
        self.thin.report()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Activation, EngineChoice, OptimizerKind, Schedule};
    use crate::data::fixture::{classification, trial};
    use crate::outcome::Outcome;
    use crate::prepare;

    /// 12 samples of 40 inputs, others held out.
    fn few(activation: Activation, kind: OptimizerKind) -> Trial {
        let mut trial = trial(classification(40, 3, 4), &[16, 9]);
        trial.network.activation = activation;
        trial.network.bias = !kind.moves_biases_by_adam();
        trial.init.kind = crate::StartKind::Gaussian;
        trial.optimizer.kind = kind;
        trial.optimizer.rate = 0.02;
        trial.optimizer.schedule = Schedule::Linear {
            end: 0.01,
            steps: 30,
        };
        if trial.optimizer.kind.is_linear() {
            trial.optimizer.weight_decay = 0.1;
        }
        trial.train.steps = 40;
        trial.train.batch = 5;
        trial.measure.every = 10;
        trial.measure.metrics = Metrics {
            train_loss: true,
            test_loss: true,
            separation: true,
            ..Metrics::NONE
        };
        trial
    }

    fn check(trial: &Trial) {
        // Updates that divide by what may be small amplify rounding.
        let close = if trial.optimizer.kind.is_linear() {
            1e-12
        } else {
            1e-9
        };
        let data = prepare(trial).expect("data");
        let weights = init::weights(trial).expect("weights");
        let Q = Span::of(&data).expect("converges").directions();
        let Q = Q.expect("dense inputs");
        assert_eq!(Q.ncols(), 12);
        let all = (trial, &data, Threads::Seq);
        let mut thin = ThinInputs::<f64>::new(all, &weights, Q);
        let mut full = Full::<f64>::new(trial, &data, Threads::Seq, &weights);
        for step in 0..=40 {
            let (a, b) = (full.loss(), thin.loss());
            assert!((a - b).abs() <= close * a, "step {step}: {a:e} {b:e}");
            let (a, b) = (full.gradient_norm(), thin.gradient_norm());
            assert!(
                (a - b).abs() <= 10.0 * close * a,
                "step {step}: {a:e} {b:e}"
            );
            full.update();
            thin.update();
        }
        let rows = |engine: &mut dyn Engine| {
            let mut rows = Rows::default();
            engine.loss();
            engine.measure(41, &mut rows);
            rows
        };
        let (a, b) = (rows(&mut full), rows(&mut thin));
        let (x, y) = (a.history[0].scalars, b.history[0].scalars);
        let near = |a: Option<f64>, b: Option<f64>| {
            let (a, b) = (a.expect("measured"), b.expect("measured"));
            assert!((a - b).abs() <= 10.0 * close * a, "{a:e} {b:e}");
        };
        near(x.test_loss, y.test_loss);
        assert_eq!(x.test_accuracy, y.test_accuracy);
        for (a, b) in a.layers.iter().zip(&b.layers) {
            if a.separation.is_some() {
                near(a.separation, b.separation);
            }
        }
        for (A, B) in full.wide_weights().iter().zip(thin.whole()) {
            assert!((A - &B).iter().all(|x| x.abs() <= close));
        }
        let mut bytes = Vec::new();
        thin.save(&mut bytes);
        let before = thin.loss();
        thin.update();
        thin.load(&mut bytes.as_slice()).expect("its own state");
        assert_eq!(thin.loss().to_bits(), before.to_bits());
    }

    #[test]
    fn networks_train_alike_in_the_coordinates_of_their_inputs() {
        let kinds = [
            OptimizerKind::Gd,
            OptimizerKind::Momentum,
            OptimizerKind::Nesterov,
            OptimizerKind::Normalized,
            OptimizerKind::Muon,
            OptimizerKind::Shampoo,
        ];
        for &activation in Activation::ALL {
            for kind in kinds {
                check(&few(activation, kind));
            }
        }
    }

    #[test]
    fn the_whole_network_can_be_taken_away() {
        let mut trial = few(Activation::Relu, OptimizerKind::Gd);
        trial.train.steps = 3000;
        let data = prepare(&trial).expect("fits");
        let thin = build(&trial, &data, Threads::Seq).expect("starts");
        let thin = thin.expect("it trains so");
        let taken = thin.exported().expect("a network");
        let crate::exported::ExportedParts::Weights { weights, .. } = taken.parts else {
            panic!("weights are trained");
        };
        assert_eq!(weights, thin.parameters()[..3]);
        assert_eq!(weights[0].dim(), (16, 40));
    }

    #[test]
    fn whole_runs_take_them_where_the_plan_says_so() {
        let mut trial = few(Activation::Relu, OptimizerKind::Momentum);
        trial.train.steps = 3000;
        assert_eq!(thin_inputs(&trial), Some(12));
        let outcome = |trial: &Trial| -> Outcome {
            let data = prepare(trial).expect("data");
            crate::run(trial, &data, Threads::Seq, &|| 0.0).expect("runs")
        };
        trial.train.engine = EngineChoice::Full;
        let thin = outcome(&trial);
        let planned = crate::plan(&trial).flops_per_step;
        assert!((thin.flops - 3000.0 * planned).abs() <= 1e-9 * thin.flops);
        // A metric of the whole network has it trained on the inputs as they are.
        trial.measure.metrics.balancedness = true;
        let full = outcome(&trial);
        assert!(full.flops > 1.2 * thin.flops);
        for (a, b) in full.history.iter().zip(&thin.history) {
            let (a, b) = (a.scalars.train_loss, b.scalars.train_loss);
            let (a, b) = (a.expect("finite"), b.expect("finite"));
            assert!((a - b).abs() <= 1e-10 * a, "{a:e} {b:e}");
        }
    }
}
