//! How long to wait before the next try. Hundreds of workers that lose one coordinator must not come back together, so
//! each wait is drawn evenly between nothing and a bound, and the bound doubles from try to try.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// The waits of one client. The same seed makes the same waits.
#[derive(Debug)]
pub struct Backoff {
    bounds: ExponentialBuilder,
    seed: u64,
    /// Each wait with its bound added, as `backon` draws it.
    jittered: ExponentialBackoff,
    plain: ExponentialBackoff,
}

impl Backoff {
    /// The first wait is shorter than `first`, and none is longer than `longest`; clients differ by their seeds.
    pub fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        let bounds = ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(longest)
            .without_max_times();
        Self {
            bounds,
            seed,
            jittered: bounds.with_jitter().with_jitter_seed(seed).build(),
            plain: bounds.build(),
        }
    }

    /// The wait before the next try.
    pub fn wait(&mut self) -> Duration {
        // Without a limit of tries neither ends.
        let jittered = self.jittered.next().unwrap_or_default();
        jittered.saturating_sub(self.plain.next().unwrap_or_default())
    }

    /// It went well: the waits begin anew, with other jitter.
    pub fn reset(&mut self) {
        self.seed = self.seed.wrapping_add(1);
        let jittered = self.bounds.with_jitter().with_jitter_seed(self.seed);
        (self.jittered, self.plain) = (jittered.build(), self.bounds.build());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(2);
    const LONGEST: Duration = Duration::from_secs(5);
    const CLIENTS: u64 = 256;

    fn waits(seed: u64) -> Vec<Duration> {
        let mut backoff = Backoff::new(FIRST, LONGEST, seed);
        (0..12).map(|_| backoff.wait()).collect()
    }

    #[test]
    fn waits_stay_below_a_bound_that_doubles() {
        let mut longest = [Duration::ZERO; 12];
        for seed in 0..CLIENTS {
            let mut bound = FIRST;
            for (wait, longest) in waits(seed).into_iter().zip(&mut longest) {
                assert!(wait <= bound, "{wait:?} of {bound:?}");
                *longest = wait.max(*longest);
                bound = (2 * bound).min(LONGEST);
            }
        }
        // They fill their bounds.
        assert!(longest[0] > FIRST * 9 / 10 && longest[11] > LONGEST * 9 / 10);
        assert!(longest[1] > FIRST * 3 / 2, "{longest:?}");
    }

    #[test]
    fn after_a_success_waits_begin_anew() {
        let mut backoff = Backoff::new(FIRST, LONGEST, 1);
        let begins: Vec<_> = (0..9).map(|_| backoff.wait()).collect();
        backoff.reset();
        let again: Vec<_> = (0..9).map(|_| backoff.wait()).collect();
        assert!(again[0] <= FIRST && begins != again);
        assert_eq!(waits(3), waits(3));
    }

    /// 256 clients that lose their coordinator in one moment try it at about 17 a tenth of a second, which is a
    /// fifteenth of all.
    #[test]
    fn clients_that_are_lost_together_come_back_one_by_one() {
        const BUCKET: Duration = Duration::from_millis(100);
        let mut tries = [0_u64; 50];
        for seed in 0..CLIENTS {
            let mut at = Duration::ZERO;
            for wait in waits(seed) {
                at += wait;
                let bucket = (at.as_millis() / BUCKET.as_millis()) as usize;
                if let Some(tries) = tries.get_mut(bucket) {
                    *tries += 1;
                }
            }
        }
        assert!(tries.iter().max() < Some(&(CLIENTS / 6)), "{tries:?}");
        // Nobody waits for the others: all have tried once when the first bound is over, and again in the time after.
        assert!(tries.iter().sum::<u64>() > 2 * CLIENTS, "{tries:?}");
    }
}
