//! From data and a proposed network to the report.

use ndarray::{Array2, ArrayView2};

use super::report::{Advice, Curvature, DataSpectrum, EngineCost, Proposal, Report, Subject};
use super::spectrum::spectrum;
use super::stages::{stages, steps};
use crate::config::{
    Activation, Draw, EngineChoice, Given, Init, Inputs, LeakBlock, Measure, Metrics, Network,
    Optimizer, OptimizerKind, Polar, Precision, Problem, Projected, Samples, Schedule, StartKind,
    Target, Targets, Task, Train, Trial,
};
use crate::data::{Data, InputsMatrix, TargetMatrix, prepare};
use crate::engine::reduced::{core_bytes, core_step};
use crate::error::{Matrix, TrialError};
use crate::flops;
use crate::kernel::rank::{OF_DATA, rank};
use crate::kernel::{Threads, multiply, singular_values};
use crate::law::widths_of_data;
use crate::run::run;

/// The core is advised where its step takes at most this share of the wide network's operations.
const WORTH: f64 = 0.5;

/// Normal numbers drawn for the exact curvature at most: some seconds. A start takes half of each layer's
/// entries, so a network as wide as a long matrix would cost its square.
const MAX_DRAWN: f64 = 5e8;

/// Looks at a matrix or at samples.
///
/// # Errors
/// Values that are not finite, shapes that do not fit, classes that are not one-hot; a decomposition that
/// does not converge.
/// # Panics
/// Where the depth is 0.
pub fn diagnose(subject: &Subject, proposal: &Proposal) -> Result<Report, TrialError> {
    assert!(proposal.depth > 0, "a network has a layer");
    let trial = trial(subject, proposal);
    let data = prepare(&trial)?;
    let spectrum = spectrum(subject)?;
    let mut sizes = vec![trial.problem.inputs_dim];
    sizes.extend(&trial.network.widths);
    sizes.push(trial.problem.outputs_dim);
    let (core_widths, samples) = widths_of_data(&data, &sizes)?;
    let full = EngineCost {
        flops_per_step: flops::full_step(&trial),
        bytes: flops::full_bytes(&trial),
    };
    let reduced = EngineCost {
        flops_per_step: core_step(&core_widths, samples),
        bytes: core_bytes(&trial, &core_widths, samples),
    };
    let advice = if reduced.flops_per_step <= WORTH * full.flops_per_step {
        Advice::Core
    } else {
        Advice::Wide
    };
    let correlation = correlation_values(&data)?;
    let curvature = curvature(&trial, &data, advice, proposal, &spectrum, &correlation);
    let hidden = &core_widths[1..core_widths.len() - 1];
    let mut report = Report {
        shape: subject.shape(),
        correlation_rank: rank(&correlation, OF_DATA),
        core_width: hidden.iter().copied().max(),
        core_widths,
        full,
        reduced,
        safe_rate: 2.0 / curvature.value,
        curvature,
        steps: steps(&spectrum, matches!(subject, Subject::Matrix(_))),
        spectrum,
        advice,
        stages: Vec::new(),
    };
    report.stages = stages(&report, proposal);
    Ok(report)
}

/// Inputs, outputs and the task of all samples.
fn task(subject: &Subject) -> (usize, usize, Task) {
    let samples = |inputs: &Given, targets: &Given| Samples {
        inputs: Inputs::Given(inputs.clone()),
        targets: Targets::Given(targets.clone()),
        train: (0, inputs.0.ncols()),
        test: None,
        whiten: false,
        center: false,
        standardize: false,
        split: None,
    };
    match subject {
        Subject::Matrix(target) => {
            let (rows, columns) = target.0.dim();
            let target = Target::Given(target.clone());
            (columns, rows, Task::Factorization { target })
        }
        Subject::Labelled { inputs, classes } => {
            let samples = samples(inputs, classes);
            let dims = (inputs.0.nrows(), classes.0.nrows());
            (dims.0, dims.1, Task::Classification { samples })
        }
        Subject::Paired { inputs, targets } => {
            let samples = samples(inputs, targets);
            let dims = (inputs.0.nrows(), targets.0.nrows());
            (dims.0, dims.1, Task::Regression { samples })
        }
    }
}

/// The trial that the proposal is, at step 0.
pub(super) fn trial(subject: &Subject, proposal: &Proposal) -> Trial {
    let (inputs_dim, outputs_dim, task) = task(subject);
    Trial {
        problem: Problem {
            inputs_dim,
            outputs_dim,
            loss: proposal.loss,
            noise: 0.0,
            task,
        },
        network: Network {
            widths: vec![proposal.width; proposal.depth - 1],
            activation: Activation::Linear,
            negative_slope: 0.01,
            nonlinear_layers: None,
            bias: false,
        },
        init: Init {
            kind: StartKind::Orthogonal,
            scales: vec![proposal.scale; proposal.depth],
            weights: Vec::new(),
        },
        train: Train {
            engine: EngineChoice::Reduced,
            precision: Precision::F64,
            steps: 0,
            stop_train_loss: None,
            stop_gradient_norm: None,
            batch: 0,
            projected: Projected::DEFAULT,
        },
        optimizer: Optimizer {
            kind: OptimizerKind::Gd,
            rate: 0.0,
            momentum: 0.9,
            weight_decay: 0.0,
            factor_rate: 0.0,
            rank_estimate: 1,
            schedule: Schedule::Constant,
            polar: Polar::NewtonSchulz,
        },
        measure: Measure {
            every: 0,
            metrics: Metrics {
                sharpness: true,
                ..Metrics::default()
            },
            tolerance: None,
            leak_block: LeakBlock::Gradient,
        },
        draw: Draw {
            seed: 0,
            replicate: 0,
        },
    }
}

/// Singular values of `Phi = Y X^T`.
fn correlation_values(data: &Data) -> Result<Vec<f64>, TrialError> {
    let of = |A: ArrayView2<'_, f64>| {
        singular_values(A).ok_or(TrialError::NoConvergence {
            matrix: Matrix::Targets,
        })
    };
    match (&data.X, &data.Y) {
        (InputsMatrix::Identity, TargetMatrix::LowRank { s, .. }) => Ok(s.clone()),
        (InputsMatrix::Identity, TargetMatrix::Dense(Y)) => of(Y.view()),
        (InputsMatrix::Dense(X), Y) => {
            let Phi: Array2<f64> = match &data.folded {
                Some(folded) => multiply(Threads::Seq, folded.Y.view(), folded.X.t()),
                None => multiply(Threads::Seq, Y.dense().view(), X.t()),
            };
            of(Phi.view())
        }
    }
}

/// Normal numbers that an orthogonal start takes: a reflector for each column of a layer's tall side, each one
/// shorter than the one before it.
fn drawn(trial: &Trial) -> f64 {
    let mut sizes = vec![trial.problem.inputs_dim];
    sizes.extend(&trial.network.widths);
    sizes.push(trial.problem.outputs_dim);
    let of_layer = |pair: &[usize]| {
        let (long, short) = (pair[0].max(pair[1]) as f64, pair[0].min(pair[1]) as f64);
        short * (long - 0.5 * short)
    };
    sizes.windows(2).map(of_layer).sum()
}

/// The largest curvature at the start: exact on a core, where the start is not too large to draw; elsewhere the bound
/// `c (L eps^(2L-2) lambda + (L-1) eps^(L-2) (eps^L lambda + ||Phi||))`, `lambda` the largest eigenvalue of
/// the inputs' second moment: Jacobian and residual term by Cauchy and Schwarz.
fn curvature(
    trial: &Trial,
    data: &Data,
    advice: Advice,
    proposal: &Proposal,
    spectrum: &DataSpectrum,
    correlation: &[f64],
) -> Curvature {
    if advice == Advice::Core && drawn(trial) <= MAX_DRAWN {
        let outcome = run(trial, data, Threads::Seq, &|| 0.0);
        let found = outcome.ok().and_then(|outcome| outcome.last.sharpness);
        if let Some(value) = found.filter(|&value| value > 0.0) {
            return Curvature { value, exact: true };
        }
    }
    let lambda = match data.X {
        InputsMatrix::Identity => 1.0,
        InputsMatrix::Dense(_) => spectrum.values.first().map_or(0.0, |s| s * s),
    };
    let phi = correlation.first().copied().unwrap_or(0.0);
    let (depth, eps) = (proposal.depth as f64, proposal.scale.abs());
    let jacobian = depth * eps.powf(2.0 * depth - 2.0) * lambda;
    let residual = if proposal.depth > 1 {
        (depth - 1.0) * eps.powf(depth - 2.0) * (eps.powf(depth) * lambda + phi)
    } else {
        0.0
    };
    Curvature {
        value: data.c * (jacobian + residual),
        exact: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Loss;
    use crate::data::fixture::{given, normals};
    use crate::law::reduce;

    fn proposal(depth: usize, width: usize) -> Proposal {
        Proposal {
            depth,
            width,
            scale: 0.7,
            loss: Loss::Mean,
        }
    }

    /// `d x n` inputs of this rank with `classes` classes in turn.
    fn labelled(d: usize, n: usize, rank: usize, classes: usize) -> Subject {
        let inputs = normals(1, d, rank).dot(&normals(2, rank, n));
        let classes = Array2::from_shape_fn((classes, n), |(class, sample)| {
            f64::from(u8::from(sample % classes == class))
        });
        Subject::Labelled {
            inputs: given(inputs),
            classes: given(classes),
        }
    }

    #[test]
    fn low_rank_samples_and_a_full_rank_matrix_get_opposite_advice() {
        let samples = labelled(20, 60, 6, 3);
        let wide = proposal(3, 200);
        let report = diagnose(&samples, &wide).expect("sound data");
        assert_eq!(report.advice, Advice::Core);
        assert_eq!(report.spectrum.rank, 6);
        assert_eq!(report.correlation_rank, 3);
        assert_eq!(report.core_width, Some(12));
        assert!(report.curvature.exact);
        assert!(report.full.flops_per_step > 20.0 * report.reduced.flops_per_step);
        assert!(report.full.bytes > report.reduced.bytes);
        assert_eq!(report.stages[2].title, "verify against a few wide trials");

        let matrix = Subject::Matrix(given(normals(3, 30, 30)));
        let square = proposal(3, matrix.usual_width());
        let report = diagnose(&matrix, &square).expect("a sound matrix");
        assert_eq!(report.advice, Advice::Wide);
        assert_eq!((report.spectrum.rank, report.core_width), (30, Some(30)));
        assert!(!report.curvature.exact);
        assert_eq!(report.stages.len(), 4);
    }

    /// The widths derived from ranks are those that a drawn start closes to.
    fn check_widths(subject: &Subject, depth: usize, width: usize) {
        let proposal = proposal(depth, width);
        let report = diagnose(subject, &proposal).expect("sound data");
        let trial = trial(subject, &proposal);
        let data = prepare(&trial).expect("sound data");
        let reduction = reduce(&trial, &data, &|_| true).expect("the law holds");
        let closed: Vec<usize> = reduction.bases.iter().map(|basis| basis.width()).collect();
        assert_eq!(report.core_widths, closed);
    }

    #[test]
    fn widths_are_those_of_the_closure() {
        check_widths(&labelled(20, 60, 6, 3), 3, 40);
        check_widths(&labelled(8, 60, 8, 3), 4, 25);
        check_widths(&labelled(12, 7, 7, 2), 2, 12);
        check_widths(
            &Subject::Matrix(given(normals(4, 12, 2).dot(&normals(5, 2, 12)))),
            3,
            12,
        );
        check_widths(
            &Subject::Matrix(given(normals(4, 9, 2).dot(&normals(5, 2, 12)))),
            3,
            12,
        );
        let targets = normals(6, 5, 30);
        let inputs = normals(7, 6, 30);
        let paired = Subject::Paired {
            inputs: given(inputs),
            targets: given(targets),
        };
        check_widths(&paired, 3, 20);
    }

    #[test]
    fn the_bound_is_above_the_exact_curvature_and_not_far() {
        for (depth, scale) in [(1, 0.7), (2, 0.7), (3, 1.0), (4, 0.5)] {
            let proposal = Proposal {
                scale,
                ..proposal(depth, 60)
            };
            let subject = labelled(20, 60, 4, 3);
            let trial = trial(&subject, &proposal);
            let data = prepare(&trial).expect("sound data");
            let spectrum = spectrum(&subject).expect("converges");
            let correlation = correlation_values(&data).expect("converges");
            let find =
                |advice| curvature(&trial, &data, advice, &proposal, &spectrum, &correlation);
            let (exact, bound) = (find(Advice::Core), find(Advice::Wide));
            assert!(exact.exact && !bound.exact);
            assert!(
                exact.value <= bound.value * (1.0 + 1e-7),
                "{exact:?} {bound:?}"
            );
            assert!(bound.value <= 4.0 * exact.value, "{exact:?} {bound:?}");
        }
    }

    #[test]
    fn a_long_matrix_costs_its_size_and_not_its_square() {
        for (rows, columns) in [(100_000, 1), (1, 100_000)] {
            let matrix = Subject::Matrix(given(normals(1, rows, columns)));
            let proposal = proposal(3, matrix.usual_width());
            // 10^10 numbers would be drawn, and none is.
            assert!(drawn(&trial(&matrix, &proposal)) > 9e9);
            let report = diagnose(&matrix, &proposal).expect("a sound matrix");
            assert_eq!((report.advice, report.spectrum.rank), (Advice::Core, 1));
            assert!(!report.curvature.exact && report.safe_rate > 0.0);
        }
        let small = trial(&labelled(20, 60, 6, 3), &proposal(3, 200));
        // 20 reflectors on 200, 200 on 200, 3 on 200.
        assert_eq!(drawn(&small), 3800.0 + 20_000.0 + 595.5);
    }

    #[test]
    fn unsound_data_are_refused() {
        let mut A = normals(1, 4, 4);
        A[[2, 3]] = f64::NAN;
        let error = diagnose(&Subject::Matrix(given(A)), &proposal(3, 4));
        assert!(matches!(
            error,
            Err(TrialError::NotFinite {
                row: 2,
                column: 3,
                ..
            })
        ));
        let subject = Subject::Labelled {
            inputs: given(normals(1, 4, 6)),
            classes: given(normals(2, 3, 6)),
        };
        let error = diagnose(&subject, &proposal(2, 8));
        assert!(matches!(error, Err(TrialError::NotOneHot { .. })));
    }
}
