//! Closed forms to lay over measured curves: what the singular modes of a linear network do in theory.
//!
//! `closed_form` says of a trial whether one holds, without drawing anything; `modes` are the target's singular values and
//! bases; `scalar` follows single modes from aligned starts, by the recursion of gradient descent and by its flow; `riccati`
//! solves the flow of two layers. This file chooses between them. What is measured is the business of `measure`.
//!
//! Time of the flow is `c sigma^2 rate step`, with `c` the scale of the loss and `X X^T = sigma^2 I`.

mod closed_form;
mod modes;
mod riccati;
mod scalar;

use crate::config::Trial;
use crate::data::Data;
use crate::kernel::Threads;

pub(crate) use closed_form::closed_form;
pub(crate) use modes::Modes;

use closed_form::ClosedForm;
use riccati::Riccati;
use scalar::Scalar;

/// The prediction for a trial.
#[derive(Debug)]
pub(crate) struct Theory {
    /// Of the target.
    pub(crate) modes: Modes,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Scalar(Scalar),
    Riccati(Box<Riccati>),
}

/// What is predicted at a step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prediction {
    /// Of the target's modes, in order; NaN where the flow could not be followed.
    pub(crate) modes: Vec<f64>,
    /// Singular values of the layers, largest first, with their multiplicities.
    pub(crate) layers: Vec<Vec<(f64, u64)>>,
}

impl Theory {
    /// `None` where the metric is not asked for or no closed form holds. What a plan cannot see is looked at here: the
    /// inputs' second moment and the balance of the start.
    pub(crate) fn new(trial: &Trial, data: &Data) -> Option<Theory> {
        if !trial.measure.metrics.theory {
            return None;
        }
        let form = closed_form(trial).ok()?;
        let modes = Modes::of(data)?;
        let form = match form {
            ClosedForm::Scalar => Form::Scalar(Scalar::new(trial, data, &modes)?),
            ClosedForm::Riccati => Form::Riccati(Box::new(Riccati::new(trial, data, &modes)?)),
        };
        Some(Theory { modes, form })
    }

    pub(crate) fn at(&self, step: u64, threads: Threads) -> Prediction {
        match &self.form {
            Form::Scalar(scalar) => scalar.at(step),
            Form::Riccati(riccati) => riccati.at(step, threads),
        }
    }
}

/// Runs of values, largest first; those that count nothing left out.
fn sorted(mut values: Vec<(f64, u64)>) -> Vec<(f64, u64)> {
    values.retain(|&(_, count)| count > 0);
    values.sort_by(|a, b| b.0.total_cmp(&a.0));
    values
}

#[cfg(test)]
mod tests;
