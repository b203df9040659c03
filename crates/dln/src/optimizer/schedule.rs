//! Schedules: the rate of a step, by optax's formulas in double precision.
//!
//! With `eta` the rate of the optimizer and `t` the step, from 0:
//!
//! | schedule | rate |
//! | --- | --- |
//! | constant | `eta` |
//! | cosine | `eta ((1 - alpha) (1 + cos(pi min(t / steps, 1))) / 2 + alpha)` |
//! | warmup_cosine | `eta t / warmup` before `warmup`, then the cosine of `t - warmup` over `steps - warmup` with `alpha = end / eta` |
//! | step | `eta factor^floor(t / every)` |
//! | linear | `eta + (end - eta) min(t / steps, 1)` |
//! | list | `rates[t]`, the last one from there on |

use crate::config::Schedule;

impl Schedule {
    /// Whether every step has the same rate.
    pub(crate) fn is_constant(&self) -> bool {
        match self {
            Schedule::Constant => true,
            Schedule::Cosine { .. }
            | Schedule::WarmupCosine { .. }
            | Schedule::Step { .. }
            | Schedule::Linear { .. }
            | Schedule::List(_) => false,
        }
    }

    /// The rate of step `step`, from 0, where the optimizer's is `eta`. After `steps` the last value holds, at once
    /// where `steps` is 0.
    pub fn rate(&self, eta: f64, step: u64) -> f64 {
        match *self {
            Schedule::Constant => eta,
            Schedule::Cosine { alpha, steps } => cosine(eta, alpha, step, steps),
            Schedule::WarmupCosine { warmup, end, steps } => {
                if step < warmup {
                    // As optax's linear schedule from 0.
                    return eta - eta * (1.0 - step as f64 / warmup as f64);
                }
                let alpha = if eta == 0.0 { 0.0 } else { end / eta };
                cosine(eta, alpha, step - warmup, steps.saturating_sub(warmup))
            }
            Schedule::Step { every, factor } => {
                let drops = step / every.max(1);
                eta * i32::try_from(drops)
                    .map_or_else(|_| factor.powf(drops as f64), |drops| factor.powi(drops))
            }
            Schedule::Linear { end, steps } => eta + (end - eta) * share(step, steps),
            Schedule::List(ref rates) => {
                let last = rates.len().saturating_sub(1);
                let step = usize::try_from(step).map_or(last, |step| step.min(last));
                rates.get(step).copied().unwrap_or(eta)
            }
        }
    }
}

fn cosine(eta: f64, alpha: f64, step: u64, steps: u64) -> f64 {
    eta * ((1.0 - alpha) * half_wave(share(step, steps)) + alpha)
}

/// `min(step / steps, 1)`.
fn share(step: u64, steps: u64) -> f64 {
    if step >= steps {
        return 1.0;
    }
    step as f64 / steps as f64
}

/// `(1 + cos(pi x)) / 2` for `x` from 0 to 1, which is `cos(pi x / 2)^2`, with the same bits on every machine: libraries of
/// mathematics differ in the last one.
fn half_wave(x: f64) -> f64 {
    if x <= 0.5 {
        let s = sine(x);
        1.0 - s * s
    } else {
        let s = sine(1.0 - x);
        s * s
    }
}

/// `sin(pi x / 2)` for `x` from 0 to 1/2, by its series up to the 17th power, whose rest is below 1e-19 there.
fn sine(x: f64) -> f64 {
    let y = std::f64::consts::FRAC_PI_2 * x;
    let square = y * y;
    let mut sum = 0.0;
    // From the smallest term on: `y - y^3 / 3! + y^5 / 5! - ..`, each over the one before it.
    for k in (1..=8).rev() {
        let k = f64::from(k);
        sum = (1.0 + sum) * (-square / ((2.0 * k) * (2.0 * k + 1.0)));
    }
    y + y * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rates of the first steps, and of a late one.
    fn check(schedule: &Schedule, eta: f64, wanted: &[f64], late: f64) {
        for (step, &wanted) in wanted.iter().enumerate() {
            let found = schedule.rate(eta, step as u64);
            let error = (found - wanted).abs();
            assert!(
                error <= 1e-15 * eta.max(wanted),
                "{schedule:?} {step}: {found} {wanted}"
            );
        }
        let found = schedule.rate(eta, 1_000_000_000_000);
        assert!(
            (found - late).abs() <= 1e-15 * eta,
            "{schedule:?}: {found} {late}"
        );
    }

    #[test]
    fn rates_follow_the_formulas() {
        check(&Schedule::Constant, 0.3, &[0.3, 0.3], 0.3);
        let root = 0.5f64.sqrt();
        let cosine = Schedule::Cosine {
            alpha: 0.2,
            steps: 4,
        };
        let wave = |cos: f64| 0.5 * (0.8 * 0.5 * (1.0 + cos) + 0.2);
        check(
            &cosine,
            0.5,
            &[0.5, wave(root), wave(0.0), wave(-root), 0.1, 0.1],
            0.1,
        );
        let warmup = Schedule::WarmupCosine {
            warmup: 2,
            end: 0.1,
            steps: 6,
        };
        let wave = |cos: f64| 0.4 * (0.75 * 0.5 * (1.0 + cos) + 0.25);
        check(
            &warmup,
            0.4,
            &[0.0, 0.2, 0.4, wave(root), wave(0.0), wave(-root), 0.1, 0.1],
            0.1,
        );
        let step = Schedule::Step {
            every: 2,
            factor: 0.5,
        };
        check(&step, 0.8, &[0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1], 0.0);
        let linear = Schedule::Linear { end: 1.0, steps: 4 };
        check(&linear, 0.0, &[0.0, 0.25, 0.5, 0.75, 1.0, 1.0], 1.0);
        let list = Schedule::List(vec![0.1, 3.0, 0.2]);
        check(&list, 7.0, &[0.1, 3.0, 0.2, 0.2], 0.2);
    }

    #[test]
    fn no_steps_leave_the_last_value() {
        let cosine = Schedule::Cosine {
            alpha: 0.5,
            steps: 0,
        };
        check(&cosine, 2.0, &[1.0], 1.0);
        check(&Schedule::Linear { end: 3.0, steps: 0 }, 2.0, &[3.0], 3.0);
        let no_warmup = Schedule::WarmupCosine {
            warmup: 0,
            end: 0.0,
            steps: 2,
        };
        check(&no_warmup, 2.0, &[2.0, 1.0, 0.0], 0.0);
    }

    #[test]
    fn the_half_wave_is_that_of_the_library() {
        for i in 0..=1000 {
            let x = f64::from(i) / 1000.0;
            let wanted = 0.5 * (1.0 + (std::f64::consts::PI * x).cos());
            let error = (half_wave(x) - wanted).abs();
            assert!(error <= 2.0 * f64::EPSILON, "{x}: {error:e}");
        }
        assert_eq!((half_wave(0.0), half_wave(1.0)), (1.0, 0.0));
    }
}
