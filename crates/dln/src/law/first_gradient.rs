//! The gradients of the first and of the last layer at the start, over all training samples.
//!
//! With `R` the derivative of the loss by the outputs and `A_l` the features, `G_L = R A_(L-1)^T` and
//! `G_1 = delta_1 X^T`, where `delta_l = f'(Z_l) (W_(l+1)^T delta_(l+1))` and `delta_L = R`. Linear networks need no
//! features: `R X^T` is carried through the weights.

use std::borrow::Cow;

use ndarray::{Array2, ArrayView2};

use crate::config::Trial;
use crate::data::{Data, TrainSamples};
use crate::error::TrialError;
use crate::init::weights;
use crate::kernel::{Threads, multiply};

/// `G_1(0)` and `G_L(0)`.
pub(super) struct FirstGradients {
    pub(super) first: Array2<f64>,
    pub(super) last: Array2<f64>,
}

/// # Errors
/// What is wrong with the initial weights.
pub(super) fn first_gradients(
    trial: &Trial,
    data: &Data,
    threads: Threads,
) -> Result<FirstGradients, TrialError> {
    let W = weights(trial)?;
    let linear = trial.network.is_linear();
    let (X, Y): (_, Cow<'_, Array2<f64>>) = match data.samples(trial.folds()) {
        TrainSamples::Identity => (None, data.Y.dense()),
        TrainSamples::Dense { X, Y, .. } => (Some(X), Y),
    };
    let Y = Y.as_standard_layout().into_owned();
    let loss = trial.problem.loss;
    let residual = |mut outputs: Array2<f64>| {
        loss.derive(threads, &mut outputs, (&Y, data.mask.as_ref()), data.c);
        outputs
    };
    Ok(if linear {
        of_linear(threads, &W, X, residual)
    } else {
        of_samples(trial, threads, &W, X, residual)
    })
}

fn of_linear(
    threads: Threads,
    W: &[Array2<f64>],
    X: Option<ArrayView2<'_, f64>>,
    residual: impl Fn(Array2<f64>) -> Array2<f64>,
) -> FirstGradients {
    // What the layers below make of the inputs' coordinates, and what those above make of the outputs'.
    let mut below = Array2::eye(W[0].ncols());
    let mut before_last = below.clone();
    for W in W {
        before_last = below;
        below = multiply(threads, W.view(), before_last.view());
    }
    let outputs = match X {
        Some(X) => multiply(threads, below.view(), X),
        None => below,
    };
    let R = residual(outputs);
    let carried = match X {
        Some(X) => multiply(threads, R.view(), X.t()),
        None => R,
    };
    let mut first = carried.clone();
    for W in W[1..].iter().rev() {
        first = multiply(threads, W.t(), first.view());
    }
    let last = multiply(threads, carried.view(), before_last.t());
    FirstGradients { first, last }
}

fn of_samples(
    trial: &Trial,
    threads: Threads,
    W: &[Array2<f64>],
    X: Option<ArrayView2<'_, f64>>,
    residual: impl Fn(Array2<f64>) -> Array2<f64>,
) -> FirstGradients {
    let functions = trial.network.functions();
    let mut features: Vec<Array2<f64>> = Vec::with_capacity(functions.len());
    let mut slopes: Vec<Array2<f64>> = Vec::with_capacity(functions.len());
    let through = |W: &Array2<f64>, A: Option<ArrayView2<'_, f64>>| match A {
        Some(A) => multiply(threads, W.view(), A),
        None => W.clone(),
    };
    for (W, function) in W.iter().zip(&functions) {
        let below = features.last().map(|A| A.view()).or(X);
        let mut A = through(W, below);
        let mut D = Array2::zeros(A.dim());
        function.apply_keeping(threads, &mut A, &mut D);
        features.push(A);
        slopes.push(D);
    }
    let top = features.last().map(|A| A.view()).or(X);
    let mut delta = residual(through(&W[W.len() - 1], top));
    let last = match top {
        Some(A) => multiply(threads, delta.view(), A.t()),
        None => delta.clone(),
    };
    for (l, W) in W.iter().enumerate().skip(1).rev() {
        delta = multiply(threads, W.t(), delta.view());
        functions[l - 1].slope(threads, &mut delta, &features[l - 1], &slopes[l - 1]);
    }
    let first = match X {
        Some(X) => multiply(threads, delta.view(), X.t()),
        None => delta,
    };
    FirstGradients { first, last }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Activation, Loss, Problem};
    use crate::data::{fixture, prepare};
    use ndarray::s;

    /// The train loss of these weights.
    fn loss(trial: &Trial, data: &Data, W: &[Array2<f64>]) -> f64 {
        let (X, Y, constant) = match data.samples(false) {
            TrainSamples::Identity => (Array2::eye(W[0].ncols()), data.Y.dense(), 0.0),
            TrainSamples::Dense { X, Y, constant } => (X.to_owned(), Y, constant),
        };
        let mut A = X;
        for (l, W) in W.iter().enumerate() {
            A = W.dot(&A);
            if let Some(function) = trial.network.functions().get(l) {
                function.apply(Threads::Seq, &mut A);
            }
        }
        let loss = trial.problem.loss;
        let Y = Y.as_standard_layout().into_owned();
        constant + loss.derive(Threads::Seq, &mut A, (&Y, data.mask.as_ref()), data.c)
    }

    fn check(problem: Problem, widths: &[usize], activation: Activation) {
        let mut trial = fixture::trial(problem, widths);
        trial.network.activation = activation;
        let data = prepare(&trial).expect("fits");
        let found = first_gradients(&trial, &data, Threads::Seq).expect("drawn");
        let W = weights(&trial).expect("drawn");
        let last = W.len() - 1;
        for (layer, G) in [(0, &found.first), (last, &found.last)] {
            assert_eq!(G.dim(), W[layer].dim());
            let size = G.iter().fold(0.0f64, |a, b| a.max(b.abs()));
            for (i, j) in [(0, 0), (1, 2), (2, 1)] {
                let h = 1e-6;
                let at = |h: f64| {
                    let mut W = W.clone();
                    W[layer][[i, j]] += h;
                    loss(&trial, &data, &W)
                };
                let wanted = (at(h) - at(-h)) / (2.0 * h);
                let off = (G[[i, j]] - wanted).abs();
                assert!(off < 1e-7 * size, "{layer} ({i}, {j}): {off:e}");
            }
        }
        assert!(found.first.slice(s![.., ..]).iter().any(|&g| g != 0.0));
    }

    #[test]
    fn first_gradients_are_derivatives() {
        for activation in [Activation::Linear, Activation::Relu] {
            for widths in [&[][..], &[7], &[6, 5]] {
                check(fixture::factorization(8, 6, 2), widths, activation);
                check(fixture::completion(8, 6, 2, 0.6), widths, activation);
                let mut classes = fixture::classification(5, 3, 7);
                check(classes.clone(), widths, activation);
                classes.loss = Loss::CrossEntropy;
                check(classes, widths, activation);
            }
        }
    }
}
