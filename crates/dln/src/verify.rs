//! One trial on both engines, and whether the law keeps its word: `[train] verify`.
//!
//! Both engines train the same draw from beginning to end with measurements of their own, so nothing of a
//! comparison is a part of the trial's outcome. Where they are apart, the wide network is trained once more from a start
//! one rounding away: a run that amplifies rounding is judged up to the step where those two part. [`both`] does it in
//! one go; whoever trains in pieces takes [`compared`], [`on_reduced`], [`on`], [`between`] and, where [`is_open`],
//! [`nudged`] and [`between_until`], one after the other.

mod differences;
mod horizon;

pub use differences::{COMPARED, Compared, Differences, Found, largest};
pub use horizon::nudged;
pub(crate) use horizon::{horizon, until};

use crate::config::{EngineChoice, Metrics, Precision, Trial};
use crate::data::Data;
use crate::error::{NotReducible, TrialError};
use crate::kernel::Threads;
use crate::law::leaves_rest_out;
use crate::outcome::{Outcome, Status};
use crate::run::{Clock, run};

/// Rows of a trial that are compared beside the first: decompositions of the wide network are costly.
const ROWS: u64 = 10;

/// Why there is nothing to compare, or too much.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotCompared {
    #[error("{0}")]
    Refused(#[from] TrialError),
    #[error("it diverges")]
    Diverged,
    #[error("one engine diverges, the other does not")]
    OneDiverged,
}

impl NotCompared {
    /// Whether the law breaks its promise here. A trial outside of the law is no broken promise; a core whose
    /// certificate fails is one.
    pub fn breaks(&self) -> bool {
        match self {
            NotCompared::Refused(TrialError::NotReducible(refused)) => {
                matches!(refused, NotReducible::Residual { .. })
            }
            NotCompared::Refused(_) | NotCompared::OneDiverged => true,
            NotCompared::Diverged => false,
        }
    }
}

/// The trial with the measurements that are compared. A core that leaves out what its own metrics do not show is compared as
/// it is: spectra would ask for another one.
pub fn compared(trial: &Trial) -> Trial {
    let spectra = !leaves_rest_out(trial);
    let mut trial = trial.clone();
    trial.measure.every = trial.train.steps.div_ceil(ROWS).max(1);
    trial.measure.metrics = Metrics {
        train_loss: true,
        test_loss: true,
        spectrum: spectra,
        angles: spectra,
        separation: trial.problem.task.kind().has_classes(),
        ..Metrics::default()
    };
    trial
}

/// The trial on an engine.
pub fn on(trial: &Trial, engine: EngineChoice) -> Trial {
    let mut trial = trial.clone();
    trial.train.engine = engine;
    trial
}

/// Has a trial of [`compared`] trained on the reduced engine. At depth 2 an open core carries the losses of any
/// start, but not all singular values: those are not measured then, and the trial's own metrics say so afterwards.
///
/// # Errors
/// Those of `train`.
pub fn on_reduced<R>(
    trial: &mut Trial,
    train: impl Fn(&Trial) -> Result<R, TrialError>,
) -> Result<R, TrialError> {
    match train(&on(trial, EngineChoice::Reduced)) {
        Err(TrialError::NotReducible(NotReducible::Metrics)) => {
            trial.measure.metrics.spectrum = false;
            trial.measure.metrics.angles = false;
            train(&on(trial, EngineChoice::Reduced))
        }
        ran => ran,
    }
}

/// How far the two outcomes are apart.
///
/// # Errors
/// [`NotCompared`] where either of them diverges.
pub fn between(
    full: &Outcome,
    reduced: &Outcome,
    precision: Precision,
) -> Result<Differences, NotCompared> {
    match (full.status, reduced.status) {
        (Status::Completed, Status::Completed) => {
            Ok(Differences::between(full, reduced, precision))
        }
        (Status::Diverged, Status::Diverged) => Err(NotCompared::Diverged),
        (Status::Completed, Status::Diverged) | (Status::Diverged, Status::Completed) => {
            Err(NotCompared::OneDiverged)
        }
    }
}

/// Whether a verdict has to wait for a full run from a start one rounding away: the engines are apart.
pub fn is_open(found: &Result<Differences, NotCompared>) -> bool {
    match found {
        Ok(found) => !found.is_kept(),
        Err(NotCompared::OneDiverged) => true,
        Err(NotCompared::Diverged | NotCompared::Refused(_)) => false,
    }
}

/// As [`between`], judged up to the step where the full run and the one of [`nudged`] part.
///
/// # Errors
/// As [`between`], where they do not part.
pub fn between_until(
    full: &Outcome,
    reduced: &Outcome,
    nudged: &Outcome,
    precision: Precision,
) -> Result<Differences, NotCompared> {
    let Some(step) = horizon(full, nudged, precision) else {
        return between(full, reduced, precision);
    };
    let (full, reduced) = (until(full, step), until(reduced, step));
    Ok(Differences {
        until: Some(step),
        ..Differences::between(&full, &reduced, precision)
    })
}

/// Trains a trial on both engines. `data` serve the trial of [`compared`].
///
/// # Errors
/// [`NotCompared`].
pub fn both(
    trial: &Trial,
    data: &Data,
    threads: Threads,
    clock: Clock<'_>,
) -> Result<Differences, NotCompared> {
    let mut trial = compared(trial);
    let train = |trial: &Trial| run(trial, data, threads, clock);
    let reduced = on_reduced(&mut trial, train)?;
    let full = train(&on(&trial, EngineChoice::Full))?;
    let precision = trial.train.precision;
    let found = between(&full, &reduced, precision);
    if !is_open(&found) {
        return found;
    }
    let nudged = train(&nudged(&trial)?)?;
    between_until(&full, &reduced, &nudged, precision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        Inputs, Loss, OptimizerKind, Problem, Samples, SingularValues, StartKind, Target, Targets,
        Task,
    };
    use crate::data::fixture::{classification, factorization, given, trial};
    use crate::data::prepare;
    use ndarray::{Array2, array};

    fn verified(trial: &Trial) -> Result<Differences, NotCompared> {
        let data = prepare(&compared(trial)).expect("data");
        both(trial, &data, Threads::Seq, &|| 0.0)
    }

    #[test]
    fn both_engines_agree_in_all_that_they_measure() {
        let mut factors = trial(factorization(12, 12, 2), &[12, 12]);
        factors.train.steps = 30;
        factors.optimizer.rate = 2.0;
        let found = verified(&factors).expect("within the law");
        assert!(found.is_kept(), "{found:?}");
        let found_of = |name: &str| {
            let at = COMPARED.iter().position(|c| c.name == name).expect("known");
            found.found[at]
        };
        for name in ["loss", "singular_values", "angles"] {
            assert!(found_of(name).is_some(), "{name}");
        }
        for name in ["test_loss", "accuracy", "separation"] {
            assert!(
                found_of(name).is_none(),
                "a factorization has no classes: {name}"
            );
        }
        let mut classes = trial(classification(12, 3, 10), &[20]);
        classes.train.steps = 20;
        let found = verified(&classes).expect("within the law");
        assert!(
            found.is_kept() && found.found.iter().all(Option::is_some),
            "{found:?}"
        );
    }

    #[test]
    fn what_cannot_be_compared_is_named_and_judged() {
        let mut adam = trial(factorization(12, 12, 2), &[16, 16]);
        adam.optimizer.kind = OptimizerKind::Adam;
        let refused = verified(&adam).expect_err("outside of the law");
        assert!(
            !refused.breaks() && refused.to_string().contains("adam"),
            "{refused}"
        );
        let mut wild = trial(factorization(12, 12, 2), &[16, 16]);
        wild.optimizer.rate = 1e6;
        wild.train.steps = 200;
        assert_eq!(
            verified(&wild).expect_err("diverges"),
            NotCompared::Diverged
        );
        assert!(!NotCompared::Diverged.breaks() && NotCompared::OneDiverged.breaks());
        let refused = |why: NotReducible| NotCompared::from(TrialError::from(why)).breaks();
        assert!(!refused(NotReducible::Metrics));
        let residual = NotReducible::Residual {
            residual: 1e-9,
            tolerance: 1e-10,
        };
        assert!(
            refused(residual),
            "a certificate that fails is a broken promise"
        );
    }

    /// A factorization at a rate past the edge of stability, where the one mode moves without order.
    fn chaotic() -> Trial {
        let mut problem = factorization(12, 12, 1);
        problem.loss = Loss::Sum;
        problem.task = Task::Factorization {
            target: Target::Drawn {
                rank: 1,
                singular_values: SingularValues::Flat,
            },
        };
        let mut wild = trial(problem, &[12, 12]);
        wild.init.scales = vec![0.7; 3];
        wild.train.steps = 120;
        wild.optimizer.rate = 0.95;
        wild
    }

    #[test]
    fn a_run_that_amplifies_rounding_is_judged_up_to_where_it_does() {
        let wild = chaotic();
        let data = prepare(&compared(&wild)).expect("data");
        let run = |trial: &Trial| run(trial, &data, Threads::Seq, &|| 0.0).expect("runs");
        let asked = compared(&wild);
        let full = run(&on(&asked, EngineChoice::Full));
        let nudged = run(&nudged(&asked).expect("weights"));
        assert_eq!(full.status, Status::Completed);
        let step = horizon(&full, &nudged, Precision::F64).expect("they part");
        assert!((1..80).contains(&step), "{step}");
        let found = verified(&wild).expect("judged in part");
        assert_eq!(found.until, Some(step));
        assert!(found.is_kept(), "{found:?}");
        // What differs before that is judged.
        let mut other = on(&asked, EngineChoice::Reduced);
        other.optimizer.rate *= 1.001;
        let other = run(&other);
        let found = between_until(&full, &other, &nudged, Precision::F64).expect("in part");
        assert!(found.until.is_some() && !found.is_kept());
        // A run that does not amplify is judged to its end.
        let mut calm = wild.clone();
        calm.optimizer.rate = 0.2;
        let asked = compared(&calm);
        let full = run(&on(&asked, EngineChoice::Full));
        let nudged = run(&super::nudged(&asked).expect("weights"));
        assert_ne!(full.history, nudged.history, "one rounding shows");
        assert_eq!(horizon(&full, &nudged, Precision::F64), None);
        assert_eq!(verified(&calm).expect("judged").until, None);
    }

    #[test]
    fn losses_are_compared_where_a_core_carries_no_spectrum() {
        let corner = |value| {
            let mut A = Array2::zeros((4, 3));
            A[[0, 0]] = value;
            given(A)
        };
        let problem = Problem {
            task: Task::Regression {
                samples: Samples {
                    inputs: Inputs::Given(corner(1.0)),
                    targets: Targets::Given(corner(1.5)),
                    train: (0, 3),
                    test: None,
                    whiten: false,
                    center: false,
                    standardize: false,
                    split: None,
                },
            },
            ..factorization(4, 4, 1)
        };
        let mut open = trial(problem, &[]);
        let W = Array2::from_diag(&array![1.0, 2.0, 3.0, 4.0]);
        open.init.kind = StartKind::File;
        open.init.weights = vec![given(W)];
        let found = verified(&open).expect("a core with a rest");
        assert!(found.is_kept(), "{found:?}");
        assert!(found.found[0].is_some() && found.found[3..5].iter().all(Option::is_none));
    }
}
