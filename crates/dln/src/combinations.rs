//! Choices that have no meaning together, and numbers that do not fit each other, as far as a trial alone shows them.

use crate::config::{Samples, Trial};
use crate::error::TrialError;

/// # Errors
/// A loss that needs classes without them, biases of a network that fits a matrix, a batch of more samples than train.
pub(crate) fn check(trial: &Trial) -> Result<(), TrialError> {
    let task = trial.problem.task.kind();
    let loss = trial.problem.loss;
    if loss.needs_classes() && !task.has_classes() {
        return Err(TrialError::LossWithoutClasses { loss, task });
    }
    let Some(samples) = trial.problem.task.samples().map(Samples::trained) else {
        return if trial.network.bias {
            Err(TrialError::BiasOfMatrix { task })
        } else {
            Ok(())
        };
    };
    let batch = trial.train.batch;
    if batch > samples {
        return Err(TrialError::Batch { batch, samples });
    }
    Ok(())
}

impl Trial {
    /// Whether a step may see fewer samples that stand for all: a linear map without an offset, a loss that is half a
    /// squared distance.
    pub(crate) fn folds(&self) -> bool {
        self.network.is_linear() && !self.network.bias && self.problem.loss.is_quadratic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Loss, Problem, TaskKind};
    use crate::data::fixture;

    fn error(problem: Problem, change: impl Fn(&mut Trial)) -> Option<TrialError> {
        let mut trial = fixture::trial(problem, &[4]);
        change(&mut trial);
        let found = check(&trial).err();
        let data = crate::prepare(&trial).expect("data");
        let run = crate::run(&trial, &data, crate::Threads::Seq, &|| 0.0);
        assert_eq!(run.err(), found);
        found
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        let matrix = || fixture::factorization(6, 4, 2);
        let samples = || fixture::classification(5, 3, 10);
        let loss = Loss::CrossEntropy;
        for (problem, task) in [
            (matrix(), TaskKind::Factorization),
            (fixture::completion(6, 4, 2, 0.5), TaskKind::Completion),
        ] {
            let found = error(problem.clone(), |trial| trial.problem.loss = loss);
            assert_eq!(found, Some(TrialError::LossWithoutClasses { loss, task }));
            let found = error(problem, |trial| trial.network.bias = true);
            assert_eq!(found, Some(TrialError::BiasOfMatrix { task }));
        }
        let found = error(samples(), |trial| trial.train.batch = 31);
        let (batch, samples_trained) = (31, 30);
        assert_eq!(
            found,
            Some(TrialError::Batch {
                batch,
                samples: samples_trained
            })
        );
        let all = |trial: &mut Trial| {
            trial.problem.loss = loss;
            trial.network.bias = true;
            trial.train.batch = 30;
        };
        assert_eq!(error(samples(), all), None);
        assert_eq!(error(matrix(), |trial| trial.train.batch = 99), None);
    }
}
