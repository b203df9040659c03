//! What is done to the samples of a trial, as numbers that can be applied to others.

use ndarray::{Array1, Array2};

use super::fold::Factor;
use super::samples::cut;
use crate::config::{Task, TaskKind, Trial};
use crate::error::TrialError;
use crate::exported::Preprocessing;
use crate::normalize::Normalization;

/// The preprocessing that [`crate::prepare`] learns from the training samples of a trial; `None` for tasks without
/// samples.
///
/// # Errors
/// As [`crate::prepare`].
pub fn preprocessing(trial: &Trial) -> Result<Option<Preprocessing>, TrialError> {
    let (samples, classify) = match &trial.problem.task {
        Task::Factorization { .. } | Task::Completion { .. } => return Ok(None),
        Task::Regression { samples } => (samples, TaskKind::Regression.has_classes()),
        Task::Classification { samples } => (samples, TaskKind::Classification.has_classes()),
    };
    let inputs = trial.problem.inputs_dim;
    let mut found = Preprocessing {
        mean: Array1::zeros(inputs),
        scale: Array1::ones(inputs),
        whitening: None,
    };
    if !(samples.center || samples.standardize || samples.whiten) {
        return Ok(Some(found));
    }
    let mut X = cut(&trial.problem, samples, trial.draw, classify)?.X;
    if let Some(normalization) =
        Normalization::learned(X.view(), samples.center, samples.standardize)
    {
        normalization.apply(X.view_mut());
        found.mean = normalization.means.into();
        found.scale = normalization.deviations.into();
    }
    if samples.whiten {
        let factor = Factor::new(X.view())?;
        found.whitening = Some(factor.whiten(Array2::eye(inputs).view()));
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::types::InputsMatrix;
    use crate::data::{fixture, prepare};

    #[test]
    fn raw_samples_become_those_of_the_trial() {
        let raw = fixture::classification(5, 3, 10);
        let mut white = raw.clone();
        if let Task::Classification { samples } = &mut white.task {
            (samples.center, samples.standardize, samples.whiten) = (true, true, true);
        }
        let inputs = |problem| {
            let trial = fixture::trial(problem, &[4]);
            let data = prepare(&trial).expect("fits");
            let found = preprocessing(&trial).expect("fits").expect("samples");
            match data.X {
                InputsMatrix::Dense(X) => (X, found),
                InputsMatrix::Identity => panic!("drawn inputs are dense"),
            }
        };
        let (X, none) = inputs(raw);
        assert_eq!(none.whitening, None);
        let (expected, found) = inputs(white);
        let column = |values: &Array1<f64>| values.clone().insert_axis(ndarray::Axis(1));
        let X = (&X - &column(&found.mean)) / column(&found.scale);
        let X = found.whitening.expect("whitened").dot(&X);
        assert!((&X - &expected).iter().all(|x| x.abs() < 1e-13));
    }

    #[test]
    fn a_matrix_has_none() {
        let trial = fixture::trial(fixture::factorization(6, 4, 2), &[4]);
        assert_eq!(preprocessing(&trial), Ok(None));
    }
}
