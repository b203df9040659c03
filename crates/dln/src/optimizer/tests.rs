//! What every optimizer does to a small layer.

use super::*;
use crate::config::{Polar, Schedule};
use ndarray::array;

fn optimizer(kind: OptimizerKind, weight_decay: f64) -> Optimizer {
    Optimizer {
        kind,
        rate: 0.1,
        momentum: 0.9,
        weight_decay,
        factor_rate: 0.0,
        rank_estimate: 0,
        schedule: Schedule::Constant,
        polar: Polar::NewtonSchulz,
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
        let mut descent = Descent::new(&optimizer(kind, weight_decay), &[(1, 2)], 0);
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
    for kind in [OptimizerKind::Momentum, OptimizerKind::Adam] {
        let descent = |stride| {
            let descent = Descent::<f64>::new(&optimizer(kind, 0.0), &[(2, stride), (1, 1)], 0);
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

/// Weights after a few steps of one layer, and as many matrices kept as the optimizer says.
#[test]
fn every_optimizer_keeps_what_it_declares() {
    for &kind in OptimizerKind::ALL {
        let optimizer = optimizer(kind, 0.1);
        let mut descent = Descent::<f64>::new(&optimizer, &[(1, 2)], 0);
        let before = array![[1.0, 3.0]];
        let mut W = before.clone();
        let G = array![[0.5, -1.0]];
        for _ in 0..3 {
            descent.begin();
            let gradient = Gradient {
                left: G.view(),
                right: None,
            };
            descent.apply(Threads::Seq, 0, &mut W, &gradient);
        }
        assert_ne!(W, before, "{kind:?}");
        assert_eq!(descent.rule.state().len(), kind.states(), "{kind:?}");
        assert_eq!(descent.rule.state_mut().len(), kind.states(), "{kind:?}");
        assert_eq!(kind.is_linear(), optimizer.linear_rule().is_some());
    }
}

#[test]
fn every_rule_does_what_it_says() {
    for decay in [0.0, 0.3] {
        check(OptimizerKind::Gd, decay, |w, g, _, _| w - 0.1 * g);
        check(OptimizerKind::Momentum, decay, |w, g, state, _| {
            state[0] = g + 0.9 * state[0];
            w - 0.1 * state[0]
        });
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
    let mut one = Descent::<f32>::new(&optimizer(kind, 0.0), &shapes, 0);
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
    let mut other = Descent::<f32>::new(&optimizer(kind, 0.0), &shapes, 0);
    let mut bytes = out.as_slice();
    other.load(&mut bytes).expect("the same shapes");
    assert!(bytes.is_empty());
    let mut V = W.clone();
    one.begin();
    other.begin();
    one.apply(Threads::Seq, 0, &mut W, &gradient);
    other.apply(Threads::Seq, 0, &mut V, &gradient);
    assert_eq!(W, V);
    let mut foreign = Descent::<f32>::new(&optimizer(kind, 0.0), &[(2, 2)], 0);
    assert!(foreign.load(&mut out.as_slice()).is_err());
}
