//! What every optimizer does to a small layer.

use super::*;
use crate::config::Polar;
use ndarray::array;

pub(super) fn optimizer(kind: OptimizerKind, weight_decay: f64) -> Optimizer {
    Optimizer {
        kind,
        rate: 0.1,
        momentum: kind.default_momentum().unwrap_or(0.0),
        weight_decay,
        factor_rate: 0.0,
        rank_estimate: 0,
        schedule: Schedule::Constant,
        polar: Polar::NewtonSchulz,
    }
}

/// Three steps of a 1 x 2 layer with gradients `t * (1, -2)`, against a scalar rule `(w, g, state, t)`, whose gradient
/// has the weight decay in it where that is not decoupled.
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
        let optimizer = optimizer(kind, weight_decay);
        let mut descent = Descent::new(&optimizer, &[(1, 2)], 0);
        let mut wanted = [1.0, 3.0];
        let mut states = [[0.0; 2]; 2];
        for t in 1..=3 {
            let left = left.mapv(|x| x * f64::from(t));
            let gradient = Gradient {
                left: left.view(),
                right,
            };
            descent.begin(None);
            descent.apply(Threads::Seq, 0, &mut W, &gradient);
            let slopes = [f64::from(t), -2.0 * f64::from(t)];
            for ((w, g), state) in wanted.iter_mut().zip(slopes).zip(&mut states) {
                *w = rule(*w, g + optimizer.penalty() * *w, state, t);
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
            descent.begin(None);
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

/// Weights move, and as many numbers are kept as the optimizer says.
#[test]
fn every_optimizer_keeps_what_it_declares() {
    for &kind in OptimizerKind::ALL {
        let optimizer = optimizer(kind, 0.1);
        let mut descent = Descent::<f64>::new(&optimizer, &[(1, 2)], 0);
        let before = array![[1.0, 3.0]];
        let mut W = before.clone();
        let G = array![[0.5, -1.0]];
        for _ in 0..3 {
            descent.begin(Some(1.0));
            let gradient = Gradient {
                left: G.view(),
                right: None,
            };
            descent.apply(Threads::Seq, 0, &mut W, &gradient);
        }
        assert_ne!(W, before, "{kind:?}");
        let kept = descent.rule.state().into_iter().flatten();
        let kept: usize = kept.map(Array2::len).sum();
        assert_eq!(kept, kind.state_numbers(1, 2), "{kind:?}");
        let kept = descent.rule.state_mut().into_iter().flatten();
        let kept: usize = kept.map(|matrix| matrix.len()).sum();
        assert_eq!(kept, kind.state_numbers(1, 2), "{kind:?}");
        assert_eq!(kind.is_linear(), optimizer.linear_rule().is_some());
        assert!(
            kind.commutes_with_rotations() || !kind.is_linear(),
            "{kind:?}"
        );
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
        check(OptimizerKind::Nesterov, decay, |w, g, state, _| {
            state[0] = g + 0.9 * state[0];
            w - 0.1 * (g + 0.9 * state[0])
        });
        check(OptimizerKind::Adamw, decay, |w, g, state, t| {
            state[0] = 0.9 * state[0] + 0.1 * g;
            state[1] = 0.999 * state[1] + 0.001 * g * g;
            let m = state[0] / (1.0 - 0.9f64.powi(t));
            let v = state[1] / (1.0 - 0.999f64.powi(t));
            w - 0.1 * (m / (v.sqrt() + 1e-8) + decay * w)
        });
        check(OptimizerKind::Lion, decay, |w, g, state, _| {
            let u = (0.9 * state[0] + 0.1 * g).signum();
            state[0] = 0.99 * state[0] + 0.01 * g;
            w - 0.1 * (u + decay * w)
        });
        check(OptimizerKind::Sign, decay, |w, g, _, _| {
            w - 0.1 * g.signum()
        });
    }
}

#[test]
fn no_gradient_has_no_sign() {
    for kind in [OptimizerKind::Lion, OptimizerKind::Sign] {
        let mut descent = Descent::new(&optimizer(kind, 0.0), &[(1, 3)], 0);
        let mut W = array![[1.0, 2.0, 3.0]];
        let G = array![[0.0, -0.0, f64::NAN]];
        let gradient = Gradient {
            left: G.view(),
            right: None,
        };
        descent.begin(None);
        descent.apply(Threads::Seq, 0, &mut W, &gradient);
        assert_eq!(W.slice(s![.., ..2]), array![[1.0, 2.0]], "{kind:?}");
        assert!(W[[0, 2]].is_nan(), "{kind:?}");
    }
}

/// A step takes the rate of its number, from 0, times the factor.
#[test]
fn rates_follow_the_schedule() {
    let mut optimizer = optimizer(OptimizerKind::Gd, 0.0);
    optimizer.schedule = Schedule::List(vec![0.5, 0.0, 0.25]);
    let mut descent = Descent::new(&optimizer, &[(1, 1)], 0).with_factor(2.0);
    let mut W = array![[8.0]];
    let G = array![[1.0]];
    let mut seen = Vec::new();
    let mut saved = Vec::new();
    for step in 0..4 {
        if step == 2 {
            descent.save(&mut saved);
        }
        let gradient = Gradient {
            left: G.view(),
            right: None,
        };
        descent.begin(None);
        descent.apply(Threads::Seq, 0, &mut W, &gradient);
        seen.push(W[[0, 0]]);
    }
    assert_eq!(seen, [7.0, 7.0, 6.5, 6.0]);
    let mut other = Descent::<f64>::new(&optimizer, &[(1, 1)], 0).with_factor(2.0);
    other.load(&mut saved.as_slice()).expect("the same shapes");
    other.begin(None);
    assert_eq!(other.rate, 0.5);
}
