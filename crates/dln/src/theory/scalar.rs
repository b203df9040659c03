//! Modes that are learned by themselves: from aligned starts a layer is one number `w_l` a mode.
//!
//! With `u = w_1 .. w_L` and the target's `s`,
//!
//! ```text
//! gradient descent  w_l <- w_l - c rate (u - s) prod_(j != l) w_j       exactly
//! its flow          dw_l/dt = (s - u) prod_(j != l) w_j,   t = c rate step
//! ```
//!
//! From equal scales the flow is `du/dt = L u^(2 - 2/L) (s - u)`, for `L = 1` and `L = 2` in closed form (Saxe, McClelland,
//! Ganguli, arXiv 1312.6120); else it is integrated with the pair of Dormand and Prince, orders 5 and 4 (Hairer, Norsett,
//! Wanner, Solving Ordinary Differential Equations I, table 5.2).

use std::sync::{Mutex, PoisonError};

use super::{Modes, Prediction, sorted};
use crate::config::Trial;
use crate::data::Data;

/// Error of a step of the integration, relative to the largest number; that of a trial's rate is far above it.
const TOLERANCE: f64 = 1e-12;
/// A mode this near to its value, relative, has arrived: the flow moves it no further than that.
const ARRIVED: f64 = 1e-12;
/// Steps of one integration. Flows of a few thousand steps of descent take hundreds; where this is not enough, there is
/// no prediction.
const MOST_STEPS: u64 = 200_000;

/// The modes of a trial.
#[derive(Debug)]
pub(super) struct Scalar {
    /// `c rate`.
    rate: f64,
    /// The target's, then one that stands for all others.
    modes: Vec<Mode>,
    /// By layer: how many of the others there are, and the values, with their multiplicities, that never move because
    /// not every layer has them.
    others: u64,
    still: Vec<(f64, u64)>,
    /// Which of the target's modes go through all layers.
    through: Vec<bool>,
    /// The last step that was asked for and the layers there: the next one goes on from it.
    known: Mutex<(u64, Vec<Vec<f64>>)>,
}

/// One mode at the start.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mode {
    pub(super) s: f64,
    /// `w_1 .. w_L`.
    pub(super) w: Vec<f64>,
}

impl Scalar {
    /// `None` for a start that is neither aligned nor the identity on a diagonal target.
    pub(super) fn new(trial: &Trial, data: &Data, modes: &Modes) -> Option<Scalar> {
        let sizes = trial.sizes();
        let reached = sizes.iter().copied().min()?;
        let scales = &trial.init.scales;
        let rank = modes.s.len();
        // A mode is a coordinate of the hidden layers: of an aligned start its own number.
        let (coordinates, signs) = if trial.init.kind.needs_target() {
            ((0..rank).collect(), vec![1.0; rank])
        } else {
            let coordinates = modes.coordinates.clone()?;
            let sign = |(mode, &at): (usize, &usize)| modes.U[[at, mode]];
            let signs = coordinates.iter().enumerate().map(sign).collect();
            (coordinates, signs)
        };
        let through: Vec<bool> = coordinates.iter().map(|&at| at < reached).collect();
        let start = |s: f64, sign: f64| {
            let mut w = scales.clone();
            if let Some(last) = w.last_mut() {
                *last *= sign;
            }
            Mode { s, w }
        };
        let of_target = modes.s.iter().zip(&signs);
        let mut all: Vec<Mode> = of_target.map(|(&s, &sign)| start(s, sign)).collect();
        all.push(start(0.0, 1.0));
        let passing = through.iter().filter(|&&through| through).count();
        let layers = sizes.windows(2).zip(scales);
        Some(Scalar {
            rate: data.c * trial.optimizer.rate,
            known: Mutex::new((0, all.iter().map(|mode| mode.w.clone()).collect())),
            modes: all,
            others: (reached - passing) as u64,
            still: layers
                .map(|(pair, scale)| (scale.abs(), (pair[0].min(pair[1]) - reached) as u64))
                .collect(),
            through,
        })
    }

    pub(super) fn at(&self, step: u64) -> Prediction {
        let w = self.descended(step);
        let (of_target, other) = w.split_at(self.through.len());
        let layers = self.still.iter().enumerate().map(|(l, &still)| {
            let passing = of_target.iter().zip(&self.through);
            let passing = passing.filter(|&(_, &through)| through);
            let mut values: Vec<(f64, u64)> = passing.map(|(w, _)| (w[l].abs(), 1)).collect();
            values.extend(other.iter().map(|w| (w[l].abs(), self.others)));
            values.push(still);
            sorted(values)
        });
        let time = self.rate * step as f64;
        let modes = self.modes.iter().zip(&self.through);
        Prediction {
            modes: modes
                .map(|(mode, &through)| {
                    if through {
                        product(&flow(mode, time).unwrap_or(vec![f64::NAN]))
                    } else {
                        0.0
                    }
                })
                .collect(),
            layers: layers.collect(),
        }
    }

    /// `w` of every mode after `step` steps of gradient descent. Each step is taken from the one before, so that the
    /// bits do not depend on what was asked for in between.
    fn descended(&self, step: u64) -> Vec<Vec<f64>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 > step {
            *known = (0, self.modes.iter().map(|mode| mode.w.clone()).collect());
        }
        let (done, all) = &mut *known;
        for (mode, w) in self.modes.iter().zip(all.iter_mut()) {
            descend(mode.s, w, self.rate, step - *done);
        }
        *done = step;
        all.clone()
    }
}

fn product(w: &[f64]) -> f64 {
    w.iter().product()
}

/// The products of all numbers but one, for each.
fn others(w: &[f64], out: &mut [f64]) {
    let mut before = 1.0;
    for (out, w) in out.iter_mut().zip(w) {
        *out = before;
        before *= w;
    }
    let mut after = 1.0;
    for (out, w) in out.iter_mut().zip(w).rev() {
        *out *= after;
        after *= w;
    }
}

/// Steps of gradient descent.
pub(super) fn descend(s: f64, w: &mut [f64], rate: f64, steps: u64) {
    let mut slopes = vec![0.0; w.len()];
    for _ in 0..steps {
        others(w, &mut slopes);
        let off = product(w) - s;
        if !off.is_finite() {
            w.fill(f64::NAN);
            return;
        }
        let mut moves = false;
        for (w, slope) in w.iter_mut().zip(&slopes) {
            let next = *w - rate * off * slope;
            moves |= next != *w;
            *w = next;
        }
        // A fixed point stays.
        if !moves {
            return;
        }
    }
}

/// `w` at a time of the flow; `None` where it takes too many steps.
pub(super) fn flow(mode: &Mode, time: f64) -> Option<Vec<f64>> {
    let (s, w) = (mode.s, &mode.w);
    let u = product(w);
    match w[..] {
        [w] => return Some(vec![s + (w - s) * (-time).exp()]),
        [one, other] if one == other && one != 0.0 && s > 0.0 => {
            let u = s / (1.0 + (s / u - 1.0) * (-2.0 * s * time).exp());
            let root = one.signum() * u.sqrt();
            return Some(vec![root, root]);
        }
        _ => {}
    }
    integrate(s, w.clone(), time)
}

/// Weights of the stages for the next stage, and for the fifth order.
const STAGES: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[
        19372.0 / 6561.0,
        -25360.0 / 2187.0,
        64448.0 / 6561.0,
        -212.0 / 729.0,
    ],
    &[
        9017.0 / 3168.0,
        -355.0 / 33.0,
        46732.0 / 5247.0,
        49.0 / 176.0,
        -5103.0 / 18656.0,
    ],
    &[
        35.0 / 384.0,
        0.0,
        500.0 / 1113.0,
        125.0 / 192.0,
        -2187.0 / 6784.0,
        11.0 / 84.0,
    ],
];
/// Fifth order less fourth.
const ERROR: [f64; 7] = [
    71.0 / 57600.0,
    0.0,
    -71.0 / 16695.0,
    71.0 / 1920.0,
    -17253.0 / 339_200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];

fn slope(s: f64, w: &[f64]) -> Vec<f64> {
    let mut slopes = vec![0.0; w.len()];
    others(w, &mut slopes);
    let off = s - product(w);
    for slope in &mut slopes {
        *slope *= off;
    }
    slopes
}

/// `dw_l/dt = (s - u) prod_(j != l) w_j` from `w` over `time`.
fn integrate(s: f64, mut w: Vec<f64>, time: f64) -> Option<Vec<f64>> {
    let size = |w: &[f64]| w.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    let mut first = slope(s, &w);
    let mut left = time;
    let fastest = size(&first);
    if fastest == 0.0 {
        return Some(w);
    }
    let mut h = left.min(0.01 * size(&w).max(TOLERANCE) / fastest);
    for _ in 0..MOST_STEPS {
        if left <= 0.0 || (s > 0.0 && (s - product(&w)).abs() <= ARRIVED * s) {
            return Some(w);
        }
        h = h.min(left);
        let mut slopes = vec![first.clone()];
        let mut next = w.clone();
        for weights in STAGES {
            next.clone_from(&w);
            for (weight, k) in weights.iter().zip(&slopes) {
                for (x, k) in next.iter_mut().zip(k) {
                    *x += h * weight * k;
                }
            }
            slopes.push(slope(s, &next));
        }
        let error = (0..w.len()).map(|l| {
            let parts = ERROR.iter().zip(&slopes).map(|(weight, k)| weight * k[l]);
            (h * parts.sum::<f64>()).abs()
        });
        let error = error.fold(0.0f64, f64::max) / (TOLERANCE * size(&next).max(size(&w)));
        if !error.is_finite() {
            h *= 0.1;
            continue;
        }
        if error <= 1.0 {
            left -= h;
            w = next;
            first = slopes.pop()?;
        }
        h *= (0.9 * error.powf(-0.2)).clamp(0.2, 5.0);
    }
    None
}
