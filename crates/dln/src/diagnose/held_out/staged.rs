//! The samples of a staged plan: one seeded split in the coordinates of its training part, so that fewer directions are
//! fewer columns.

use ndarray::{Array1, Array2, Axis, concatenate};

use super::answer::Question;
use super::prepared::{Prepared, moments};
use super::price::{SEED, parts_of, table_of};
use crate::diagnose::report::Subject;
use crate::error::TrialError;

/// Samples of a plan, those that are trained on in front.
#[derive(Clone, Debug)]
pub struct Staged {
    /// `r x n`: coordinates along the directions, largest first.
    pub coordinates: Array2<f64>,
    /// `d_y x n`: one-hot classes, or targets without the means of the training ones.
    pub answers: Array2<f64>,
    /// Means of the training targets; empty where there are classes.
    pub target_means: Vec<f64>,
    /// How many are trained on.
    pub train: usize,
    /// What is subtracted from each input, and what it is then multiplied by.
    pub shift: Vec<f64>,
    pub factor: Vec<f64>,
    /// `d_x x r`.
    pub directions: Array2<f64>,
    /// Mean square of the held-out targets about the mean of the training ones.
    pub variance: f64,
}

/// The first of the splits that [`super::held_out`] looks at; `None` for a matrix.
///
/// # Errors
/// [`TrialError::NoConvergence`].
pub fn staged(subject: &Subject, question: &Question) -> Result<Option<Staged>, TrialError> {
    let Some((table, _)) = table_of(subject) else {
        return Ok(None);
    };
    let parts = parts_of(&table, SEED);
    let preparation = question.preparation;
    let split = Prepared::new(&table, &parts, preparation)?;
    let (shift, factor) = moments(table.X.select(Axis(1), &parts.train).view(), preparation);
    let (train, test) = split.projected(split.directions.ncols());
    let means: Array1<f64> = split.train.Y.sum_axis(Axis(1)) / split.train.count().max(1) as f64;
    let away = &split.test.Y - &means.insert_axis(Axis(1));
    let variance = away.iter().map(|y| y * y).sum::<f64>() / away.len().max(1) as f64;
    let joined = |a: &Array2<f64>, b: &Array2<f64>| {
        // Both have the same rows.
        concatenate(Axis(1), &[a.view(), b.view()]).unwrap_or_else(|_| a.clone())
    };
    Ok(Some(Staged {
        coordinates: joined(&train, &test),
        answers: joined(&split.train.Y, &split.test.Y),
        target_means: split.target_means,
        train: split.train.count(),
        shift,
        factor,
        directions: split.directions,
        variance,
    }))
}
