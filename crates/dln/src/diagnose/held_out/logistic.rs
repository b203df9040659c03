//! Multinomial logistic regression with an L2 penalty, by L-BFGS.
//!
//! `f(W) = mean over samples of -log softmax(W [x; 1])[class] + penalty / 2 ||W||^2`, the intercept not penalized, on
//! inputs of mean 0 and deviation 1.
//!
//! # Source
//! Nocedal and Wright, "Numerical Optimization", algorithm 7.4 (two-loop recursion), with a backtracking search.

use std::collections::VecDeque;

use ndarray::{Array2, ArrayView2, Axis, Zip, concatenate};

use super::Score;
use super::linear::{Features, score};
use super::prepared::{Part, means};
use crate::kernel::{Threads, multiply};

/// Penalties that are tried: from nearly none to one that holds every weight near 0.
pub(super) const PENALTIES: [f64; 4] = [1e-4, 1e-3, 1e-2, 1e-1];

/// The data of the sets at hand take 20 to 80.
const ITERATIONS: usize = 120;

/// Entries of the gradient below which nothing more is to be gained: accuracies do not move any more.
const FLAT: f64 = 1e-5;

/// Pairs of steps and changes of the gradient that stand for the Hessian.
const PAIRS: usize = 8;

/// Share of the promised decrease that a step must bring.
const DECREASE: f64 = 1e-4;

/// Halvings of a step.
const HALVINGS: usize = 30;

/// Most operations of all fits of a diagnosis, which run in parallel: half a minute on one core.
const FLOPS: f64 = 2.5e11;

/// Whether the fits of a diagnosis are few enough operations.
pub(super) fn is_affordable(inputs: usize, classes: usize, samples: usize, fits: usize) -> bool {
    let of_one = 4.0 * inputs as f64 * classes as f64 * samples as f64;
    of_one * ITERATIONS as f64 * fits as f64 <= FLOPS
}

/// Accuracy on the test part of a fit to the training part.
pub(super) fn logistic(train: &Part, test: &Part, penalty: f64) -> Option<f64> {
    let classes = train.classes.as_deref()?;
    let features = Features::new(train, test);
    let X = with_ones(features.train.view());
    let W = fit(X.view(), train.Y.view(), penalty);
    debug_assert_eq!(classes.len(), X.ncols());
    let outputs = multiply(
        Threads::Seq,
        W.view(),
        with_ones(features.test.view()).view(),
    );
    Some(score(Score::Accuracy, outputs.view(), test, &means(train)))
}

fn with_ones(X: ArrayView2<'_, f64>) -> Array2<f64> {
    let ones = Array2::ones((1, X.ncols()));
    // Both have the samples' columns.
    concatenate(Axis(0), &[X, ones.view()]).unwrap_or_else(|_| X.to_owned())
}

/// The weights `classes x (d + 1)` of the least penalized loss.
fn fit(X: ArrayView2<'_, f64>, Y: ArrayView2<'_, f64>, penalty: f64) -> Array2<f64> {
    let mut W = Array2::zeros((Y.nrows(), X.nrows()));
    let (mut value, mut gradient) = objective(&W, X, Y, penalty);
    let mut pairs: VecDeque<(Array2<f64>, Array2<f64>)> = VecDeque::new();
    for _ in 0..ITERATIONS {
        if gradient.iter().all(|g| g.abs() <= FLAT) {
            break;
        }
        let direction = direction(&gradient, &pairs);
        let slope = dot(&gradient, &direction);
        let mut step = if pairs.is_empty() {
            1.0 / dot(&gradient, &gradient).sqrt().max(1.0)
        } else {
            1.0
        };
        let mut found = None;
        for _ in 0..HALVINGS {
            let there = &W + &(&direction * step);
            let (at, slopes) = objective(&there, X, Y, penalty);
            if at <= value + DECREASE * step * slope {
                found = Some((there, at, slopes));
                break;
            }
            step *= 0.5;
        }
        let Some((there, at, slopes)) = found else {
            break;
        };
        let (moved, changed) = (&there - &W, &slopes - &gradient);
        if dot(&moved, &changed) > 1e-12 * dot(&changed, &changed) {
            pairs.push_back((moved, changed));
            if pairs.len() > PAIRS {
                pairs.pop_front();
            }
        }
        (W, value, gradient) = (there, at, slopes);
    }
    W
}

/// The loss and its gradient.
fn objective(
    W: &Array2<f64>,
    X: ArrayView2<'_, f64>,
    Y: ArrayView2<'_, f64>,
    penalty: f64,
) -> (f64, Array2<f64>) {
    let count = X.ncols().max(1) as f64;
    let mut R = multiply(Threads::Seq, W.view(), X);
    let mut loss = 0.0;
    for (mut outputs, wanted) in R.columns_mut().into_iter().zip(Y.columns()) {
        let largest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        outputs.mapv_inplace(|x| (x - largest).exp());
        let sum = outputs.sum();
        outputs /= sum;
        let right = outputs.dot(&wanted);
        loss -= right.max(f64::MIN_POSITIVE).ln();
        outputs -= &wanted;
    }
    let mut gradient = multiply(Threads::Seq, R.view(), X.t());
    gradient /= count;
    let inputs = X.nrows() - 1;
    let mut squares = 0.0;
    Zip::indexed(&mut gradient)
        .and(W)
        .for_each(|(_, at), g, &w| {
            if at < inputs {
                *g += penalty * w;
                squares += w * w;
            }
        });
    (loss / count + 0.5 * penalty * squares, gradient)
}

/// Minus the inverse Hessian, as the pairs know it, times the gradient.
fn direction(gradient: &Array2<f64>, pairs: &VecDeque<(Array2<f64>, Array2<f64>)>) -> Array2<f64> {
    let mut q = gradient.clone();
    let mut shares = Vec::with_capacity(pairs.len());
    for (moved, changed) in pairs.iter().rev() {
        let share = dot(moved, &q) / dot(moved, changed);
        q.scaled_add(-share, changed);
        shares.push(share);
    }
    if let Some((moved, changed)) = pairs.back() {
        q *= dot(moved, changed) / dot(changed, changed);
    }
    for ((moved, changed), share) in pairs.iter().zip(shares.iter().rev()) {
        let back = dot(changed, &q) / dot(moved, changed);
        q.scaled_add(share - back, moved);
    }
    -q
}

fn dot(A: &Array2<f64>, B: &Array2<f64>) -> f64 {
    A.iter().zip(B).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture::normals;

    fn one_hot(classes: &[usize], count: usize) -> Array2<f64> {
        Array2::from_shape_fn((count, classes.len()), |(row, at)| {
            f64::from(u8::from(classes[at] == row))
        })
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let X = with_ones(normals(1, 3, 20).view());
        let classes: Vec<usize> = (0..20).map(|at| at % 3).collect();
        let Y = one_hot(&classes, 3);
        let W = normals(2, 3, 4);
        let (_, gradient) = objective(&W, X.view(), Y.view(), 0.3);
        for ((row, at), &found) in gradient.indexed_iter() {
            let moved = |by: f64| {
                let mut W = W.clone();
                W[[row, at]] += by;
                objective(&W, X.view(), Y.view(), 0.3).0
            };
            let wanted = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((found - wanted).abs() < 1e-8, "{found} {wanted}");
        }
    }

    #[test]
    fn the_fit_is_flat_and_separates_what_can_be_separated() {
        let inputs = normals(3, 4, 200);
        let classes: Vec<usize> = inputs
            .columns()
            .into_iter()
            .map(|x| usize::from(x[0] + 0.5 * x[1] > 0.2))
            .collect();
        let part = Part {
            X: inputs.clone() * 50.0,
            Y: one_hot(&classes, 2),
            classes: Some(classes.clone()),
        };
        let accuracy = logistic(&part, &part, 1e-4).unwrap();
        assert!(accuracy > 0.98, "{accuracy}");
        let X = with_ones(inputs.view());
        let W = fit(X.view(), part.Y.view(), 1e-2);
        let (_, gradient) = objective(&W, X.view(), part.Y.view(), 1e-2);
        assert!(
            gradient.iter().all(|g| g.abs() <= FLAT),
            "not at the minimum"
        );
    }
}
