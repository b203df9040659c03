//! A network on the leading directions of a split: its trial, and what it reaches on the held-out part.

use ndarray::{Array2, Axis, concatenate};

use super::answer::{Recipe, Score};
use super::prepared::{Prepared, means};
use super::verdict::limits;
use crate::config::{EngineChoice, Given, Metrics, OptimizerKind, Task, Trial};
use crate::data::prepare;
use crate::diagnose::look;
use crate::diagnose::report::{Proposal, Subject};
use crate::error::TrialError;
use crate::kernel::Threads;
use crate::outcome::{Outcome, Status};
use crate::run::{Clock, run};

/// The network, apart from what it is trained on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) depth: usize,
    pub(super) width: usize,
    pub(super) score: Score,
    pub(super) whiten: bool,
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trained {
    /// None where it diverged.
    pub(super) score: Option<f64>,
    /// Of the held-out part; infinite where it diverged.
    pub(super) loss: f64,
    pub(super) core_width: Option<usize>,
    pub(super) seconds: f64,
}

impl Shape {
    /// The trial on the first `k` directions of a split; `None`: on the inputs as they are.
    pub(super) fn trial(&self, recipe: &Recipe, split: &Prepared, k: Option<usize>) -> Trial {
        let (train, test) = match k {
            Some(k) => split.projected(k),
            None => (split.train.X.clone(), split.test.X.clone()),
        };
        let (of_train, of_test) = (train.ncols(), test.ncols());
        let inputs = Given::from(joined(&train, &test));
        let answers = Given::from(joined(&split.train.Y, &split.test.Y));
        let subject = match self.score {
            Score::Accuracy => Subject::Labelled {
                inputs,
                classes: answers,
            },
            Score::Explained | Score::Energy => Subject::Paired {
                inputs,
                targets: answers,
            },
        };
        let proposal = Proposal {
            depth: self.depth,
            width: self.width,
            scale: recipe.scale,
            loss: recipe.loss,
        };
        let mut trial = look::trial(&subject, &proposal);
        match &mut trial.problem.task {
            Task::Regression { samples } | Task::Classification { samples } => {
                samples.train = (0, of_train);
                samples.test = Some((of_train, of_train + of_test));
                samples.whiten = self.whiten;
            }
            Task::Factorization { .. } | Task::Completion { .. } => {}
        }
        trial.train.engine = EngineChoice::Auto;
        trial.train.steps = recipe.steps;
        // A batch of all samples or more is no batch.
        trial.train.batch = if recipe.batch < of_train {
            recipe.batch
        } else {
            0
        };
        trial.optimizer.kind = OptimizerKind::Momentum;
        trial.optimizer.momentum = recipe.momentum;
        trial.optimizer.rate = recipe.rate;
        trial.measure.metrics = Metrics {
            test_loss: true,
            ..Metrics::default()
        };
        trial
    }

    /// Trains and measures it.
    ///
    /// # Errors
    /// [`TrialError`] of data that do not fit.
    pub(super) fn train(
        &self,
        recipe: &Recipe,
        split: &Prepared,
        k: usize,
        clock: Clock<'_>,
    ) -> Result<Trained, TrialError> {
        let trial = self.trial(recipe, split, Some(k));
        let data = prepare(&trial)?;
        let outcome = run(&trial, &data, Threads::Seq, clock)?;
        let score = match outcome.status {
            Status::Completed => self.score_of(&outcome, split),
            Status::Diverged => None,
        };
        let loss = outcome.last.test_loss.filter(|_| score.is_some());
        Ok(Trained {
            score,
            loss: loss.unwrap_or(f64::INFINITY),
            core_width: outcome
                .core_width
                .and_then(|width| usize::try_from(width).ok()),
            seconds: outcome.setup_seconds + outcome.train_seconds + outcome.measure_seconds,
        })
    }

    /// As [`Shape::train`], again at smaller rates where it diverges, as anybody would.
    ///
    /// # Errors
    /// [`TrialError`] of data that do not fit.
    pub(super) fn train_calmly(
        &self,
        recipe: &Recipe,
        split: &Prepared,
        k: usize,
        clock: Clock<'_>,
    ) -> Result<Trained, TrialError> {
        let mut calmer = *recipe;
        let mut trained = self.train(&calmer, split, k, clock)?;
        for _ in 0..limits::CALMER {
            if trained.score.is_some() {
                break;
            }
            calmer.rate *= 0.25;
            trained = self.train(&calmer, split, k, clock)?;
        }
        Ok(trained)
    }

    fn score_of(&self, outcome: &Outcome, split: &Prepared) -> Option<f64> {
        match self.score {
            Score::Accuracy => outcome.last.test_accuracy,
            Score::Explained | Score::Energy => {
                let Y = &split.test.Y;
                let means = means(&split.train);
                let all: f64 = (Y - &means).iter().map(|y| y * y).sum();
                // The mean loss is half of the mean square.
                let left = 2.0 * outcome.last.test_loss? * Y.len() as f64;
                (all > 0.0).then(|| 1.0 - left / all)
            }
        }
    }
}

/// Samples of both parts, those of the first in front.
fn joined(first: &Array2<f64>, second: &Array2<f64>) -> Array2<f64> {
    // Both have the same rows.
    concatenate(Axis(1), &[first.view(), second.view()]).unwrap_or_else(|_| first.clone())
}
