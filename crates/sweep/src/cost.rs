//! Predicted cost of a trial, from its shapes alone.
//!
//! The operations of a step are `dln`'s business (`dln::plan`). This file turns them, the setup and the
//! measurements into time on one nominal core. The predictions size leases and estimate how long a sweep takes;
//! nothing depends on them being right.

use dln::metric::Decomposition;
use dln::{
    EngineChoice, EngineKind, EnginePlan, Inputs, Metrics, Precision, StartDraw, Task, Trial,
};

/// What one trial, or many, are predicted to take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Floating-point operations of all steps, products alone, if no stop rule ends a trial early.
    pub flops: f64,
    /// Working memory of one trial, the data included; of several trials, that of the largest.
    pub bytes: f64,
    /// On one core at a nominal rate, setup and measurements included.
    pub seconds: f64,
    /// Rows of all tables, at most.
    pub rows: f64,
    /// Bytes of those rows as columns, before they are compressed.
    pub row_bytes: f64,
}

/// Products of double-precision matrices on one core, operations a second: between what faer does at n = 10
/// and the peak of the machines at hand.
const PRODUCT_RATE: f64 = 3e10;

/// Decompositions of small matrices, whose inner products are short.
const DECOMPOSITION_RATE: f64 = 4e9;

/// What each row of the smaller side adds to the rate of a decomposition: on one core of an EPYC with AVX-512 singular
/// values alone run at 1.2e9 at n = 20, 5.2e9 at 60, 1e10 at 150 and 2e10 at 300, with vectors at 1.7e9, 7.5e9, 1.9e10
/// and 3.3e10.
const DECOMPOSITION_RATE_A_ROW: f64 = 8e7;

/// The same where vectors are wanted as well, as angles want them: they come of longer products.
const VECTORS_RATE_A_ROW: f64 = 1.2e8;

/// A measured sharpness in steps of the network: some 80 Lanczos steps of twice a step's products. There, a row takes
/// 14 to 19 ms at n = 60, 0.17 to 0.4 s at 150 and 1.5 to 2.5 s at 300.
const CURVATURE_STEPS: f64 = 160.0;

/// Of those `dln::flops` counts 40 Lanczos steps.
const CURVATURE_STEPS_COUNTED: f64 = 80.0;

/// Normal numbers drawn a second.
const DRAW_RATE: f64 = 2e8;

/// Bytes of a row of each table, near enough: of `trials` what varies from one to the next, of the others their
/// numbers.
const TRIAL_BYTES: f64 = 220.0;
const HISTORY_BYTES: f64 = 64.0;
const SPECTRUM_BYTES: f64 = 56.0;
const LAYER_BYTES: f64 = 56.0;

/// Seconds that a layer adds to a step whatever its size.
const LAYER_SECONDS: f64 = 2e-7;

/// Seconds that a trial takes whatever it does: decoding, setting up, its rows.
const TRIAL_SECONDS: f64 = 1e-5;

impl Cost {
    /// Cost of a trial under the engine that would serve it.
    pub fn of(trial: &Trial) -> Cost {
        Cost::of_plan(trial, &dln::plan(trial))
    }

    /// Cost of a trial on the full engine, whichever would serve it.
    pub fn of_full_engine(trial: &Trial) -> Cost {
        let mut trial = trial.clone();
        trial.train.engine = EngineChoice::Full;
        Cost::of(&trial)
    }

    /// As [`Cost::of`], the plan being known.
    pub fn of_plan(trial: &Trial, plan: &EnginePlan) -> Cost {
        let rate = match trial.train.precision {
            Precision::F64 => PRODUCT_RATE,
            Precision::F32 => 2.0 * PRODUCT_RATE,
        };
        let steps = trial.train.steps as f64;
        let layers = trial.network.depth() as f64;
        let step =
            plan.flops_per_step / rate + layers * LAYER_SECONDS + activation_seconds(trial, plan);
        // The norm of the gradient is one more pass over what a step has made. With batches it is taken at measured steps.
        let checks = if trial.train.stop_gradient_norm.is_some() && trial.train.batch == 0 {
            1.5
        } else {
            1.0
        };
        let measured = measured_rows(trial);
        let seconds = TRIAL_SECONDS
            + setup_seconds(trial, plan)
            + steps * step * checks
            + measured * row_seconds(trial, plan);
        let [history, spectra, layers] =
            [plan.rows.history, plan.rows.spectra, plan.rows.layers].map(|rows| rows as f64);
        let row_bytes = history * HISTORY_BYTES + spectra * SPECTRUM_BYTES + layers * LAYER_BYTES;
        Cost {
            flops: steps * plan.flops_per_step,
            bytes: memory(trial, plan),
            seconds,
            rows: 1.0 + measured * (history + spectra + layers),
            row_bytes: TRIAL_BYTES + measured * row_bytes,
        }
    }

    /// Cost of a trial that is refused before it starts.
    pub(crate) fn refused() -> Cost {
        Cost {
            flops: 0.0,
            bytes: 0.0,
            seconds: TRIAL_SECONDS,
            rows: 1.0,
            row_bytes: TRIAL_BYTES,
        }
    }

    /// The cost of `trials` such trials.
    pub(crate) fn times(self, trials: u64) -> Cost {
        Cost {
            flops: self.flops * trials as f64,
            bytes: self.bytes,
            seconds: self.seconds * trials as f64,
            rows: self.rows * trials as f64,
            row_bytes: self.row_bytes * trials as f64,
        }
    }

    /// The cost of these trials and of the others.
    pub fn and(self, other: Cost) -> Cost {
        Cost {
            flops: self.flops + other.flops,
            bytes: self.bytes.max(other.bytes),
            seconds: self.seconds + other.seconds,
            rows: self.rows + other.rows,
            row_bytes: self.row_bytes + other.row_bytes,
        }
    }
}

/// The activations of a step: the smaller engines have none.
fn activation_seconds(trial: &Trial, plan: &EnginePlan) -> f64 {
    let of_double = match plan.engine {
        EngineKind::Full | EngineKind::Projected => {
            1e-9 * dln::flops::activation_nanoseconds(trial)
        }
        EngineKind::Reduced | EngineKind::Factored => 0.0,
    };
    match trial.train.precision {
        Precision::F64 => of_double,
        Precision::F32 => 0.5 * of_double,
    }
}

/// What a trial takes at its peak, over what its engine holds between two steps: copies while it is drawn and measured,
/// and what the allocator keeps. Measured over the engines at 0.4 to 1.2 times the plan's bytes without what is added
/// here; a worker begins only what this leaves room for.
const PEAK: f64 = 1.25;

/// Peak of a trial's working memory, the data included.
fn memory(trial: &Trial, plan: &EnginePlan) -> f64 {
    let all = trial.problem.inputs_dim as f64 * trial.problem.outputs_dim as f64;
    let prepared = match &trial.problem.task {
        // The target, its mask and what of it is seen, as they are drawn.
        Task::Completion { .. } => 3.0 * all,
        Task::Factorization { .. } | Task::Regression { .. } | Task::Classification { .. } => 0.0,
    };
    // Noise is drawn as a matrix and added to one.
    let noisy = if trial.problem.noise > 0.0 {
        let samples = trial.problem.task.samples();
        let count = samples.map_or(trial.problem.inputs_dim, |samples| samples.trained());
        2.0 * trial.problem.outputs_dim as f64 * count as f64
    } else {
        0.0
    };
    let drawn = match (plan.engine, trial.train.precision) {
        // Weights are drawn in double precision.
        (EngineKind::Full | EngineKind::Projected, Precision::F32) => {
            sizes(trial).windows(2).map(|d| d[0] * d[1]).sum()
        }
        (EngineKind::Full | EngineKind::Projected, Precision::F64)
        | (EngineKind::Reduced | EngineKind::Factored, Precision::F64 | Precision::F32) => 0.0,
    };
    PEAK * (plan.bytes + 8.0 * (prepared + noisy + drawn))
}

/// `d_0 .. d_L`.
fn sizes(trial: &Trial) -> Vec<f64> {
    trial.sizes().into_iter().map(|size| size as f64).collect()
}

/// Drawing the weights, and the data of the problem.
fn setup_seconds(trial: &Trial, plan: &EnginePlan) -> f64 {
    let sizes = sizes(trial);
    let core = plan.core_width.unwrap_or(1) as f64;
    let mut seconds = data_seconds(trial);
    for pair in sizes.windows(2) {
        let (n, m) = (pair[0], pair[1]);
        let entries = n * m;
        let (drawn, products) = match (trial.init.kind.draw(), plan.engine) {
            (StartDraw::Nothing, _) => (0.0, 0.0),
            (StartDraw::Entries, _) => (entries, 0.0),
            // Reflectors are formed into a matrix, or applied to the columns of the core alone.
            (StartDraw::Bases, EngineKind::Full | EngineKind::Projected) => {
                (entries / 2.0, 2.0 * entries * n.min(m))
            }
            (StartDraw::Bases, EngineKind::Reduced | EngineKind::Factored) => {
                (entries / 2.0, 8.0 * entries * core)
            }
        };
        seconds += drawn / DRAW_RATE + products / PRODUCT_RATE;
    }
    seconds
}

fn data_seconds(trial: &Trial) -> f64 {
    let (d_x, d_y) = (
        trial.problem.inputs_dim as f64,
        trial.problem.outputs_dim as f64,
    );
    let samples = match &trial.problem.task {
        Task::Factorization { .. } if trial.problem.noise > 0.0 => return d_x * d_y / DRAW_RATE,
        Task::Factorization { .. } => return 0.0,
        Task::Completion { .. } => return d_x * d_y / DRAW_RATE,
        Task::Regression { samples } | Task::Classification { samples } => samples,
    };
    let n = samples.trained() as f64;
    let drawn = match samples.inputs {
        Inputs::Given(_) => 0.0,
        Inputs::Orthonormal { .. } | Inputs::Gaussian { .. } => d_x * n,
    };
    // A factorization of the inputs, to fold or to whiten them.
    drawn / DRAW_RATE + 4.0 * d_x * n * d_x.min(n) / DECOMPOSITION_RATE
}

/// Rows of history: the start, the first step where angles are measured, each `every` steps, the end.
fn measured_rows(trial: &Trial) -> f64 {
    let (steps, every) = (trial.train.steps, trial.measure.every);
    let between = steps.checked_div(every).unwrap_or(0);
    let ends_between = steps.checked_rem(every).unwrap_or(steps) != 0;
    let first = trial.measure.metrics.angles && every != 1 && steps > 1;
    (1 + between + u64::from(ends_between) + u64::from(first)) as f64
}

fn row_seconds(trial: &Trial, plan: &EnginePlan) -> f64 {
    let metrics = &trial.measure.metrics;
    let layers = trial.network.depth() as f64;
    let curvature = if metrics.any(|about| about.hessian) {
        CURVATURE_STEPS
    } else {
        0.0
    };
    let decomposed = metrics.map() != Decomposition::Not;
    let overhead = curvature * layers * LAYER_SECONDS;
    // The projected engine measures the whole network too, and makes its gradient for a look.
    let (core, look) = match plan.engine {
        EngineKind::Full => (None, 0.0),
        EngineKind::Projected => (None, plan.flops_per_step / PRODUCT_RATE),
        EngineKind::Reduced | EngineKind::Factored => (plan.core_width, 0.0),
    };
    let Some(core) = core else {
        let evaluation = dln::flops::evaluation(trial) / PRODUCT_RATE;
        return overhead + look + evaluation + full_row_seconds(trial, decomposed);
    };
    let core = core as f64;
    let decompositions = if decomposed {
        30.0 * (layers + 1.0) * core.powi(3)
    } else {
        0.0
    };
    overhead
        + decompositions / DECOMPOSITION_RATE
        + (1.0 + curvature) * plan.flops_per_step / PRODUCT_RATE
}

/// A row of the full engine: its decompositions at their own rate, everything else at that of products.
fn full_row_seconds(trial: &Trial, decomposed: bool) -> f64 {
    let of = |metrics: Metrics| {
        let mut trial = trial.clone();
        trial.measure.metrics = metrics;
        dln::flops::full_measure(&trial)
    };
    let metrics = trial.measure.metrics;
    let decompositions = if decomposed {
        of(metrics.only(|about| about.map != Decomposition::Not))
    } else {
        0.0
    };
    let curved = metrics.any(|about| about.hessian);
    let products = if decomposed || curved {
        of(metrics.only(|about| !about.hessian)) - decompositions
    } else {
        dln::flops::full_measure(trial)
    };
    let curvature = if curved {
        of(metrics.only(|about| about.hessian)) * CURVATURE_STEPS / CURVATURE_STEPS_COUNTED
    } else {
        0.0
    };
    let narrowest = sizes(trial).into_iter().fold(f64::INFINITY, f64::min);
    let rate_a_row = if metrics.angles {
        VECTORS_RATE_A_ROW
    } else {
        DECOMPOSITION_RATE_A_ROW
    };
    let rate = (narrowest * rate_a_row).clamp(1e9, PRODUCT_RATE);
    decompositions / rate + (products + curvature) / PRODUCT_RATE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arrays, Grid, Spec};

    fn cost(lines: &str) -> Cost {
        let text = format!("name = \"x\"\n{lines}");
        let spec = Spec::parse(&text, "x.toml", &[]).expect("a sweep");
        let grid = Grid::new(spec, Arrays::new()).expect("a grid");
        grid.cost(0)
    }

    #[test]
    fn wide_long_and_measured_trials_cost_more() {
        let base = "[problem]\ndim = 64\n[train]\nengine = \"full\"\nsteps = 100\n";
        let seconds = |more: &str| cost(&format!("{base}{more}")).seconds;
        let plain = seconds("");
        assert!(seconds("[network]\nwidth = 256\n") > 2.0 * plain);
        assert!(seconds("[measure]\nevery = 1\nmetrics = [\"spectrum\"]\n") > 2.0 * plain);
        let long = cost("[problem]\ndim = 64\n[train]\nengine = \"full\"\nsteps = 200\n");
        let short = cost(base);
        assert!((long.flops / short.flops - 2.0).abs() < 1e-12);
        assert!(short.bytes > 64.0 * 64.0 * 8.0);
    }

    /// Predicted seconds against those of one quiet core of an EPYC with AVX-512.
    #[test]
    fn measured_rows_cost_what_they_take() {
        let row = |dim: u64, metrics: &str| {
            let base = format!(
                "[problem]\ndim = {dim}\nrank = 3\n[train]\nengine = \"full\"\nsteps = 20\n[measure]\n"
            );
            let rows = |every: u64| {
                cost(&format!(
                    "{base}every = {every}\nmetrics = [\"{metrics}\"]\n"
                ))
                .seconds
            };
            (rows(1) - rows(0)) / 19.0
        };
        for (dim, metrics, found) in [
            (60, "spectrum", 1.7e-3),
            (300, "spectrum", 55e-3),
            (60, "angles", 3.5e-3),
            (300, "angles", 99e-3),
            (60, "sharpness", 16e-3),
            (150, "sharpness", 0.28),
            (300, "sharpness", 2.0),
        ] {
            let share = row(dim, metrics) / found;
            assert!((0.4..2.5).contains(&share), "{metrics} at {dim}: {share}");
            // `verify` is made of such rows.
            if metrics == "angles" {
                assert!((0.8..1.25).contains(&share), "{metrics} at {dim}: {share}");
            }
        }
    }

    #[test]
    fn activations_cost_their_passes() {
        let step = |network: &str| {
            let base = "[problem]\nkind = \"classification\"\ndim = 64\nclasses = 10\n[train]\nengine = \"full\"\n";
            let seconds = |steps: u64| {
                cost(&format!(
                    "{base}steps = {steps}\n[network]\nwidth = 64\n{network}\n"
                ))
                .seconds
            };
            (seconds(2000) - seconds(1000)) / 1000.0
        };
        let relu = step("activation = \"relu\"");
        let gelu = step("activation = \"gelu\"");
        let hybrid = step("activation = \"gelu\"\nnonlinear_layers = 1");
        // A hundred samples, two hidden layers, some nanoseconds an entry.
        assert!((20e-6..100e-6).contains(&(gelu - relu)), "{gelu} {relu}");
        assert!(hybrid < gelu && relu < hybrid, "{hybrid}");
    }

    #[test]
    fn rows_are_counted_with_what_is_measured() {
        let rows = |more: &str| {
            let base = "[problem]\ndim = 16\n[network]\ndepth = 12\n[train]\nengine = \"full\"\nsteps = 90000\n";
            cost(&format!("{base}[measure]\n{more}"))
        };
        let history = rows("every = 1\nmetrics = [\"train_loss\"]\n");
        assert_eq!(history.rows, 1.0 + 90_001.0);
        // Sixteen values of the map and of each of twelve layers.
        let spectra = rows("every = 1\nmetrics = [\"train_loss\", \"spectrum\"]\n");
        assert_eq!(spectra.rows, 1.0 + 90_001.0 * (1.0 + 13.0 * 16.0));
        assert!(spectra.row_bytes > 1e9);
        let layers = rows("every = 10\nmetrics = [\"balancedness\"]\n");
        assert_eq!(layers.rows, 1.0 + 9_001.0 * (1.0 + 12.0));
        let both = spectra.and(layers.times(2));
        assert_eq!(both.rows, spectra.rows + 2.0 * layers.rows);
    }

    #[test]
    fn batches_are_cheaper_than_all_samples_and_cost_their_measurements() {
        let of = |more: &str| {
            let base = "[problem]\nkind = \"classification\"\ninputs = { draw = \"gaussian\" }\n\
                        classes = 10\nsamples_per_class = 100\ndim = 64\n[train]\nengine = \"full\"\n";
            cost(&format!("{base}{more}"))
        };
        let relu = "[network]\nactivation = \"relu\"\n";
        let (all, few) = (of(relu), of(&format!("batch = 100\n{relu}")));
        assert!((few.flops / all.flops - 0.1).abs() < 1e-12);
        let often = of(&format!("batch = 100\n{relu}[measure]\nevery = 1\n"));
        assert!(often.seconds > 2.0 * few.seconds);
    }

    #[test]
    fn nothing_to_do_costs_a_floor() {
        let idle = cost("[problem]\ndim = 2\n[train]\nsteps = 0\n");
        assert_eq!(idle.flops, 0.0);
        assert!(idle.seconds >= TRIAL_SECONDS && idle.seconds < 1e-3);
    }
}
