//! Up to which step two engines can be held against each other: some runs amplify rounding, and engines that round
//! differently part there however exact both are.
//!
//! The measure is the wide network itself: it is trained once more from a start that differs in one weight by one
//! rounding. Where the losses of the two runs are apart, rounding decides, and nothing is judged from there on.

use crate::config::{EngineChoice, Given, Precision, StartKind, Trial};
use crate::error::TrialError;
use crate::init;
use crate::outcome::{Outcome, Scalars};

use super::differences::{FLOOR, SINGLE};

/// Two full runs are apart where their losses differ by more than this share: what some hundred roundings in a row make,
/// and a hundredth of what the engines are held to.
const APART: f64 = 1e-13;

/// The trial on the full engine, from a start with its largest weight of the last layer one rounding larger.
///
/// # Errors
/// What is wrong with the initial weights.
pub fn nudged(trial: &Trial) -> Result<Trial, TrialError> {
    let mut weights = init::weights(trial)?;
    let largest = weights.iter_mut().rev().find_map(|W| {
        let entries = W.iter_mut().filter(|w| **w != 0.0);
        entries.max_by(|a, b| a.abs().total_cmp(&b.abs()))
    });
    if let Some(w) = largest {
        *w = match trial.train.precision {
            Precision::F64 => w.next_up(),
            Precision::F32 => f64::from((*w as f32).next_up()),
        };
    }
    let mut nudged = super::on(trial, EngineChoice::Full);
    nudged.init.kind = StartKind::File;
    nudged.init.weights = weights.into_iter().map(Given::from).collect();
    Ok(nudged)
}

/// The last measured step up to which two full runs have the same train and test losses; `None` where they have them to the
/// end. At step 0 they have.
pub(crate) fn horizon(full: &Outcome, nudged: &Outcome, precision: Precision) -> Option<u64> {
    let apart = match precision {
        Precision::F64 => APART,
        Precision::F32 => APART * SINGLE,
    };
    // Losses far below the first are themselves rounding.
    let first = full
        .history
        .first()
        .map_or(Scalars::default(), |row| row.scalars);
    let one = |x: Option<f64>, y: Option<f64>, first: Option<f64>| match (x, y) {
        (Some(x), Some(y)) => {
            let size = x.abs() + FLOOR * first.unwrap_or(0.0).abs();
            (x - y).abs() <= apart * size
        }
        (x, y) => x == y,
    };
    let mut last = 0;
    for (a, b) in full.history.iter().zip(&nudged.history) {
        let (x, y) = (&a.scalars, &b.scalars);
        let losses = one(x.train_loss, y.train_loss, first.train_loss)
            && one(x.test_loss, y.test_loss, first.test_loss);
        if a.step > 0 && !(losses && a.step == b.step) {
            return Some(last);
        }
        last = a.step;
    }
    let all = full.history.len() == nudged.history.len() && full.status == nudged.status;
    if all { None } else { Some(last) }
}

/// The rows up to a step.
pub(crate) fn until(outcome: &Outcome, step: u64) -> Outcome {
    let mut part = outcome.clone();
    part.history.retain(|row| row.step <= step);
    part.spectra.retain(|row| row.step <= step);
    part.layers.retain(|row| row.step <= step);
    part
}
