//! How fast predicted work really goes: on one worker, or over the fleet.

use std::time::Duration;

/// Predicted seconds for each second of a thread, as an average over recent work that forgets at the rate at which work
/// is done: a long trial counts for more than a short one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Speed {
    predicted: f64,
    worked: f64,
}

/// A ratio outside of these bounds says that a clock or a prediction is broken; leases stay within reason all the same.
const RATIO: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

impl Speed {
    /// Takes in that `predicted` seconds of work took `worked` seconds of threads. Work older than `window` seconds of
    /// threads fades. What is not a positive number is left out.
    pub(crate) fn add(&mut self, predicted: f64, worked: f64, window: f64) {
        let usable = |x: f64| x.is_finite() && x > 0.0;
        if !usable(predicted) || !usable(worked) {
            return;
        }
        self.predicted += predicted;
        self.worked += worked;
        if self.worked > window {
            let fade = window / self.worked;
            self.predicted *= fade;
            self.worked *= fade;
        }
    }

    /// Predicted seconds a second of a thread; `None` before the first measurement.
    pub(crate) fn ratio(&self) -> Option<f64> {
        (self.worked > 0.0)
            .then(|| (self.predicted / self.worked).clamp(*RATIO.start(), *RATIO.end()))
    }
}

/// Seconds as a duration; what is negative or not a number is none, what is huge is a century.
pub(crate) fn duration(seconds: f64) -> Duration {
    const CENTURY: f64 = 100.0 * 365.25 * 86_400.0;
    if seconds > 0.0 {
        Duration::from_secs_f64(seconds.min(CENTURY))
    } else {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(works: &[(f64, f64)], expected: Option<f64>) {
        let mut speed = Speed::default();
        for &(predicted, worked) in works {
            speed.add(predicted, worked, 10.0);
        }
        match (speed.ratio(), expected) {
            (Some(found), Some(expected)) => {
                assert!(
                    (found - expected).abs() < 1e-12 * expected,
                    "{found} {expected}"
                );
            }
            (found, expected) => assert_eq!(found, expected),
        }
    }

    #[test]
    fn ratios() {
        check(&[], None);
        check(&[(2.0, 1.0)], Some(2.0));
        check(&[(2.0, 1.0), (4.0, 1.0)], Some(3.0));
        // A long trial outweighs what came before it.
        check(&[(10.0, 10.0), (20.0, 10.0)], Some(1.5));
        check(&[(10.0, 10.0), (2000.0, 1000.0)], Some(2010.0 / 1010.0));
        check(
            &[
                (f64::NAN, 1.0),
                (1.0, f64::INFINITY),
                (1.0, 0.0),
                (-1.0, 1.0),
            ],
            None,
        );
        check(&[(1e30, 1e-30)], Some(1e6));
    }

    #[test]
    fn durations_are_bounded() {
        assert_eq!(duration(1.5), Duration::from_millis(1500));
        assert_eq!(duration(-1.0), Duration::ZERO);
        assert_eq!(duration(f64::NAN), Duration::ZERO);
        assert!(duration(f64::INFINITY) < Duration::from_secs(4_000_000_000));
    }
}
