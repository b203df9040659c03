//! Adam, as optax's `adam` at its defaults, entry by entry: with `g` the gradient and the penalty's,
//! `m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2;`
//! `W <- W - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)`.

use ndarray::Array2;

use super::gradient::{Gradient, Scratch};
use super::rule::{Facts, Kept, Layers, PLAIN, Rule, Step, zeros};
use crate::config::Optimizer;
use crate::kernel::{Real, entries_mut, in_chunks, vectorized};

pub(super) const FACTS: Facts = Facts {
    state: |m, n| 2 * m * n,
    keeps: &[Kept::Gradients, Kept::Squares],
    ..PLAIN
};

/// Decay of the first moment.
const FIRST: f64 = 0.9;
/// Decay of the second moment.
const SECOND: f64 = 0.999;
/// Added to the root.
const EPSILON: f64 = 1e-8;

pub(super) fn rule<T: Real>(_: &Optimizer, layers: Layers<'_>) -> Adam<T> {
    Adam {
        first: zeros(layers.shapes),
        second: zeros(layers.shapes),
        scratch: Scratch::new(layers.shapes),
    }
}

#[derive(Debug)]
pub(super) struct Adam<T> {
    /// `m` and `v`, by layer.
    first: Vec<Array2<T>>,
    second: Vec<Array2<T>>,
    scratch: Scratch<T>,
}

/// Weights, gradient and both moments.
pub(super) type AdamParts<'a, T> = ((&'a mut [T], &'a [T]), (&'a mut [T], &'a mut [T]));

/// The numbers of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constants<T> {
    pub(super) b1: T,
    pub(super) c1: T,
    pub(super) b2: T,
    pub(super) c2: T,
    /// `1 - b1^t` and `1 - b2^t`.
    pub(super) first_bias: T,
    pub(super) second_bias: T,
    pub(super) epsilon: T,
}

impl<T: Real> Constants<T> {
    pub(super) fn of(step: &Step) -> Constants<T> {
        Constants {
            b1: T::of(FIRST),
            c1: T::of(1.0 - FIRST),
            b2: T::of(SECOND),
            c2: T::of(1.0 - SECOND),
            first_bias: T::of(1.0 - power(FIRST, step.number)),
            second_bias: T::of(1.0 - power(SECOND, step.number)),
            epsilon: T::of(EPSILON),
        }
    }
}

/// One step on the weights of a layer, with its gradient multiplied out and its moments.
pub(super) fn descend<T: Real>(
    step: &Step,
    W: &mut Array2<T>,
    G: &[T],
    m: &mut Array2<T>,
    v: &mut Array2<T>,
) {
    let Constants {
        b1,
        c1,
        b2,
        c2,
        first_bias,
        second_bias,
        epsilon,
    } = Constants::<T>::of(step);
    let (rate, decay) = (T::of(step.rate), T::of(step.weight_decay));
    let parts = ((entries_mut(W), G), (entries_mut(m), entries_mut(v)));
    in_chunks(step.threads, parts, &|((W, G), (m, v)): AdamParts<
        '_,
        T,
    >| {
        vectorized(|| {
            for (((w, &g), m), v) in W.iter_mut().zip(G).zip(m).zip(v) {
                let g = g + decay * *w;
                *m = b1 * *m + c1 * g;
                *v = b2 * *v + c2 * (g * g);
                *w -= rate * (*m / first_bias) / ((*v / second_bias).sqrt() + epsilon);
            }
        });
        0.0
    });
}

impl<T: Real> Rule<T> for Adam<T> {
    fn step(&mut self, step: &Step, layer: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>) {
        let shape = W.dim();
        let G = &*self.scratch.multiplied_out(step.threads, shape, gradient);
        let (m, v) = (&mut self.first[layer], &mut self.second[layer]);
        descend(step, W, G, m, v);
    }

    fn state(&self) -> Vec<&[Array2<T>]> {
        vec![&self.first, &self.second]
    }

    fn state_mut(&mut self) -> Vec<&mut [Array2<T>]> {
        vec![&mut self.first, &mut self.second]
    }
}

/// `base^steps`, 0 beyond the range of `i32`, where it has long vanished.
pub(super) fn power(base: f64, steps: u64) -> f64 {
    i32::try_from(steps).map_or(0.0, |steps| base.powi(steps))
}
