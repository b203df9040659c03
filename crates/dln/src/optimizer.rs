//! Optimizers: what becomes of weights and state once a layer's gradient is known.
//!
//! Gradients come as products not yet multiplied out, so that gradient descent adds them straight to the
//! weights. Which step comes when is the business of the engines.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use crate::checkpoint::{put_matrix, put_u64, take_matrix, take_u64};
use crate::config::{Optimizer, OptimizerKind};
use crate::error::TrialError;
use crate::kernel::{
    Accum, Real, Threads, entries, entries_mut, in_chunks, product, scale, scaled_add, vectorized,
};

/// Decay of Adam's first moment, optax's default.
const ADAM_FIRST: f64 = 0.9;
/// Decay of Adam's second moment, optax's default.
const ADAM_SECOND: f64 = 0.999;
/// Decay of RMSProp's second moment, optax's default.
const RMSPROP_SECOND: f64 = 0.9;
/// Added to Adam's root and inside RMSProp's, optax's default for both.
const EPSILON: f64 = 1e-8;

/// A gradient of the train loss: `left * right`, or `left` alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gradient<'a, T> {
    pub(crate) left: ArrayView2<'a, T>,
    pub(crate) right: Option<ArrayView2<'a, T>>,
}

impl<T: Real> Gradient<'_, T> {
    /// `target <- gradient`.
    pub(crate) fn write_to(&self, threads: Threads, mut target: ArrayViewMut2<'_, T>) {
        match self.right {
            Some(right) => {
                product(
                    threads,
                    target,
                    Accum::Replace,
                    T::of(1.0),
                    self.left,
                    right,
                );
            }
            None => target.assign(&self.left),
        }
    }

    /// `target <- target + factor * gradient`.
    pub(crate) fn add_to(&self, threads: Threads, target: &mut Array2<T>, factor: T) {
        match (self.right, self.left.as_slice()) {
            (Some(right), _) => {
                product(
                    threads,
                    target.view_mut(),
                    Accum::Add,
                    factor,
                    self.left,
                    right,
                );
            }
            (None, Some(left)) => scaled_add(threads, entries_mut(target), factor, left),
            (None, None) => target.scaled_add(factor, &self.left),
        }
    }
}

/// Rules and state of an optimizer over a list of layers.
///
/// # Source
/// Gradient descent and heavy-ball momentum as in optax's `sgd`, Adam and RMSProp as in optax's at their
/// defaults. `weight_decay * W` is added to the gradient first.
#[derive(Clone, Debug)]
pub(crate) struct Descent<T> {
    kind: OptimizerKind,
    rate: f64,
    weight_decay: f64,
    /// Steps begun.
    steps: u64,
    /// Velocity, or Adam's first moment, by layer; empty where there is none.
    first: Vec<Array2<T>>,
    /// Second moment, by layer; empty where there is none.
    second: Vec<Array2<T>>,
    /// Columns of each layer; any further ones only fill its rows up.
    columns: Vec<usize>,
    /// A gradient multiplied out, as large as the largest layer; empty where it is not needed.
    scratch: Vec<T>,
}

impl<T: Real> Descent<T> {
    /// The state before the first step, for layers of these shapes.
    pub(crate) fn new(optimizer: &Optimizer, shapes: &[(usize, usize)]) -> Descent<T> {
        let zeros = |wanted: bool| -> Vec<Array2<T>> {
            let shapes = shapes.iter().filter(|_| wanted);
            shapes.map(|&shape| Array2::zeros(shape)).collect()
        };
        let adam = optimizer.kind == OptimizerKind::Adam;
        let rmsprop = optimizer.kind == OptimizerKind::Rmsprop;
        let momentum = matches!(optimizer.kind, OptimizerKind::Momentum { .. });
        let largest = shapes.iter().map(|(m, n)| m * n).max().unwrap_or(0);
        Descent {
            kind: optimizer.kind,
            rate: optimizer.rate,
            weight_decay: optimizer.weight_decay,
            steps: 0,
            first: zeros(adam || momentum),
            second: zeros(adam || rmsprop),
            columns: shapes.iter().map(|&(_, columns)| columns).collect(),
            scratch: vec![T::of(0.0); if adam || rmsprop { largest } else { 0 }],
        }
    }

    /// Says that a layer has only so many columns, and rows that are filled up with zeros.
    pub(crate) fn with_columns(mut self, layer: usize, columns: usize) -> Descent<T> {
        self.columns[layer] = columns;
        self
    }

    /// Counts a step; every layer is then updated once.
    pub(crate) fn begin(&mut self) {
        self.steps += 1;
    }

    /// One update of layer `layer`, from 0, with the gradient of the train loss alone.
    pub(crate) fn apply(
        &mut self,
        threads: Threads,
        layer: usize,
        W: &mut Array2<T>,
        gradient: &Gradient<'_, T>,
    ) {
        match self.kind {
            OptimizerKind::Gd => {
                if self.weight_decay != 0.0 {
                    let shrink = T::of(1.0 - self.rate * self.weight_decay);
                    scale(threads, entries_mut(W), shrink);
                }
                gradient.add_to(threads, W, T::of(-self.rate));
            }
            OptimizerKind::Momentum { beta } => self.momentum(threads, layer, W, gradient, beta),
            OptimizerKind::Adam => self.adam(threads, layer, W, gradient),
            OptimizerKind::Rmsprop => self.rmsprop(threads, layer, W, gradient),
        }
    }

    /// `m <- g + beta m; W <- W - rate m`.
    fn momentum(
        &mut self,
        threads: Threads,
        layer: usize,
        W: &mut Array2<T>,
        gradient: &Gradient<'_, T>,
        beta: f64,
    ) {
        let m = &mut self.first[layer];
        let (beta, decay) = (T::of(beta), T::of(self.weight_decay));
        let parts = (entries_mut(m), entries(W));
        in_chunks(threads, parts, &|(m, W): (&mut [T], &[T])| {
            vectorized(|| {
                for (m, &w) in m.iter_mut().zip(W) {
                    *m = beta * *m + decay * w;
                }
            });
            0.0
        });
        gradient.add_to(threads, m, T::of(1.0));
        scaled_add(threads, entries_mut(W), T::of(-self.rate), entries(m));
    }

    /// `m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2;`
    /// `W <- W - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)`, entry by entry.
    fn adam(
        &mut self,
        threads: Threads,
        layer: usize,
        W: &mut Array2<T>,
        gradient: &Gradient<'_, T>,
    ) {
        let G = multiplied_out(&mut self.scratch, threads, W.dim(), gradient);
        let decay = T::of(self.weight_decay);
        let (b1, c1) = (T::of(ADAM_FIRST), T::of(1.0 - ADAM_FIRST));
        let (b2, c2) = (T::of(ADAM_SECOND), T::of(1.0 - ADAM_SECOND));
        let first_bias = T::of(1.0 - power(ADAM_FIRST, self.steps));
        let second_bias = T::of(1.0 - power(ADAM_SECOND, self.steps));
        let (rate, epsilon) = (T::of(self.rate), T::of(EPSILON));
        let parts = (
            (entries_mut(W), G),
            (
                entries_mut(&mut self.first[layer]),
                entries_mut(&mut self.second[layer]),
            ),
        );
        in_chunks(threads, parts, &|((W, G), (m, v)): Moments<'_, T>| {
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

    /// `v <- d v + (1 - d) g^2; W <- W - rate g / sqrt(v + eps)`, entry by entry.
    fn rmsprop(
        &mut self,
        threads: Threads,
        layer: usize,
        W: &mut Array2<T>,
        gradient: &Gradient<'_, T>,
    ) {
        let G = multiplied_out(&mut self.scratch, threads, W.dim(), gradient);
        let decay = T::of(self.weight_decay);
        let (b, c) = (T::of(RMSPROP_SECOND), T::of(1.0 - RMSPROP_SECOND));
        let (rate, epsilon) = (T::of(self.rate), T::of(EPSILON));
        let parts = ((entries_mut(W), G), entries_mut(&mut self.second[layer]));
        in_chunks(threads, parts, &|((W, G), v): Moment<'_, T>| {
            vectorized(|| {
                for ((w, &g), v) in W.iter_mut().zip(G).zip(v) {
                    let g = g + decay * *w;
                    *v = b * *v + c * (g * g);
                    *w -= rate * g / (*v + epsilon).sqrt();
                }
            });
            0.0
        });
    }

    /// Writes the state without what fills rows up, which depends on the machine.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        put_u64(out, self.steps);
        for states in [&self.first, &self.second] {
            for (state, &columns) in states.iter().zip(&self.columns) {
                put_matrix(out, &state.slice(s![.., ..columns]).to_owned());
            }
        }
    }

    /// # Errors
    /// [`crate::CheckpointError`] where the bytes end early or belong to other shapes.
    pub(crate) fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        self.steps = take_u64(bytes)?;
        for states in [&mut self.first, &mut self.second] {
            for (state, &columns) in states.iter_mut().zip(&self.columns) {
                let mut held = state.slice_mut(s![.., ..columns]);
                let mut own = held.to_owned();
                take_matrix(bytes, &mut own)?;
                held.assign(&own);
            }
        }
        Ok(())
    }
}

/// Weights, gradient and two moments.
type Moments<'a, T> = ((&'a mut [T], &'a [T]), (&'a mut [T], &'a mut [T]));
/// Weights, gradient and one moment.
type Moment<'a, T> = ((&'a mut [T], &'a [T]), &'a mut [T]);

/// The gradient in `scratch`, row by row.
fn multiplied_out<'s, T: Real>(
    scratch: &'s mut [T],
    threads: Threads,
    shape: (usize, usize),
    gradient: &Gradient<'_, T>,
) -> &'s [T] {
    let G = &mut scratch[..shape.0 * shape.1];
    let target = ArrayViewMut2::from_shape(shape, &mut *G);
    gradient.write_to(
        threads,
        target.expect("as many numbers as the layer has weights"),
    );
    G
}

/// `base^steps`, 0 beyond the range of `i32`, where it has long vanished.
fn power(base: f64, steps: u64) -> f64 {
    i32::try_from(steps).map_or(0.0, |steps| base.powi(steps))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn optimizer(kind: OptimizerKind, weight_decay: f64) -> Optimizer {
        Optimizer {
            kind,
            rate: 0.1,
            weight_decay,
            factor_rate: 0.0,
            rank_estimate: 0,
        }
    }

    /// Three steps of a 1 x 2 layer with gradients `t * (1, -2)`, against a scalar rule `(w, g, state, t)`.
    fn check(
        kind: OptimizerKind,
        weight_decay: f64,
        rule: impl Fn(f64, f64, &mut [f64; 2], i32) -> f64,
    ) {
        let left = array![[0.5]];
        let right = array![[2.0, -4.0]];
        let multiplied = left.dot(&right);
        let forms = [(left.view(), Some(right.view())), (multiplied.view(), None)];
        for (left, right) in forms {
            let mut W = array![[1.0, 3.0]];
            let mut descent = Descent::new(&optimizer(kind, weight_decay), &[(1, 2)]);
            let mut wanted = [1.0, 3.0];
            let mut states = [[0.0; 2]; 2];
            for t in 1..=3 {
                let left = left.mapv(|x| x * f64::from(t));
                let gradient = Gradient {
                    left: left.view(),
                    right,
                };
                descent.begin();
                descent.apply(Threads::Seq, 0, &mut W, &gradient);
                let slopes = [f64::from(t), -2.0 * f64::from(t)];
                for ((w, g), state) in wanted.iter_mut().zip(slopes).zip(&mut states) {
                    *w = rule(*w, g + weight_decay * *w, state, t);
                }
                for (found, wanted) in W.iter().zip(&wanted) {
                    assert!(
                        (found - wanted).abs() < 1e-14,
                        "{kind:?} {t}: {found} {wanted}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_state_moves_between_rows_of_different_filling() {
        for kind in [OptimizerKind::Momentum { beta: 0.9 }, OptimizerKind::Adam] {
            let descent = |stride| {
                let descent = Descent::<f64>::new(&optimizer(kind, 0.0), &[(2, stride), (1, 1)]);
                descent.with_columns(0, 3)
            };
            let step = |descent: &mut Descent<f64>, stride: usize| {
                let mut W = Array2::ones((2, stride));
                let mut G = Array2::zeros((2, stride));
                G.slice_mut(s![.., ..3])
                    .assign(&array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
                let gradient = Gradient {
                    left: G.view(),
                    right: None,
                };
                descent.begin();
                descent.apply(Threads::Seq, 0, &mut W, &gradient);
                W.slice(s![.., ..3]).to_owned()
            };
            let mut narrow = descent(4);
            step(&mut narrow, 4);
            let mut state = Vec::new();
            narrow.save(&mut state);
            let mut wide = descent(8);
            let mut bytes = state.as_slice();
            wide.load(&mut bytes).expect("the same columns");
            assert!(bytes.is_empty());
            assert_eq!(step(&mut narrow, 4), step(&mut wide, 8));
        }
    }

    #[test]
    fn every_rule_does_what_it_says() {
        for decay in [0.0, 0.3] {
            check(OptimizerKind::Gd, decay, |w, g, _, _| w - 0.1 * g);
            check(
                OptimizerKind::Momentum { beta: 0.9 },
                decay,
                |w, g, state, _| {
                    state[0] = g + 0.9 * state[0];
                    w - 0.1 * state[0]
                },
            );
            check(OptimizerKind::Adam, decay, |w, g, state, t| {
                state[0] = 0.9 * state[0] + 0.1 * g;
                state[1] = 0.999 * state[1] + 0.001 * g * g;
                let m = state[0] / (1.0 - 0.9f64.powi(t));
                let v = state[1] / (1.0 - 0.999f64.powi(t));
                w - 0.1 * m / (v.sqrt() + 1e-8)
            });
            check(OptimizerKind::Rmsprop, decay, |w, g, state, _| {
                state[1] = 0.9 * state[1] + 0.1 * g * g;
                w - 0.1 * g / (state[1] + 1e-8).sqrt()
            });
        }
    }

    #[test]
    fn state_reads_back() {
        let kind = OptimizerKind::Adam;
        let shapes = [(1, 2), (2, 1)];
        let mut one = Descent::<f32>::new(&optimizer(kind, 0.0), &shapes);
        let G = array![[0.5f32, -1.0]];
        let mut W = array![[1.0f32, 2.0]];
        one.begin();
        let gradient = Gradient {
            left: G.view(),
            right: None,
        };
        one.apply(Threads::Seq, 0, &mut W, &gradient);
        let mut out = Vec::new();
        one.save(&mut out);
        let mut other = Descent::<f32>::new(&optimizer(kind, 0.0), &shapes);
        let mut bytes = out.as_slice();
        other.load(&mut bytes).expect("the same shapes");
        assert!(bytes.is_empty());
        let mut V = W.clone();
        one.begin();
        other.begin();
        one.apply(Threads::Seq, 0, &mut W, &gradient);
        other.apply(Threads::Seq, 0, &mut V, &gradient);
        assert_eq!(W, V);
        let mut foreign = Descent::<f32>::new(&optimizer(kind, 0.0), &[(2, 2)]);
        assert!(foreign.load(&mut out.as_slice()).is_err());
    }
}
