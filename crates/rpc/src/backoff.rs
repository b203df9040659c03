//! How long to wait before the next try: twice as long each time, up to a bound, and scattered. Hundreds of workers that
//! lose one coordinator must not come back in the same moment.

use std::time::Duration;

/// The waits of one client. The same seed makes the same waits.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
    /// SplitMix64.
    state: u64,
}

impl Backoff {
    /// Waits that begin at `first` and grow to `longest`; clients differ by their seeds.
    pub fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Backoff {
            first,
            longest,
            next: first,
            state: seed,
        }
    }

    /// The wait before the next try: between half of what it may be by now, and all of it.
    pub fn wait(&mut self) -> Duration {
        let most = self.next;
        self.next = (2 * self.next).min(self.longest);
        most.mul_f64(0.5 + 0.5 * self.unit())
    }

    /// It went well: the waits begin anew.
    pub fn reset(&mut self) {
        self.next = self.first;
    }

    /// A number of `0..1`.
    fn unit(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    fn waits(seed: u64) -> Vec<Duration> {
        let mut backoff = Backoff::new(FIRST, LONGEST, seed);
        (0..12).map(|_| backoff.wait()).collect()
    }

    #[test]
    fn waits_double_up_to_the_longest_and_keep_half_of_it() {
        for seed in 0..50 {
            let mut most = FIRST;
            for wait in waits(seed) {
                assert!(most / 2 <= wait && wait <= most, "{wait:?} of {most:?}");
                most = (2 * most).min(LONGEST);
            }
        }
        let mut backoff = Backoff::new(FIRST, LONGEST, 1);
        for _ in 0..9 {
            backoff.wait();
        }
        backoff.reset();
        assert!(backoff.wait() <= FIRST);
    }

    #[test]
    fn clients_that_are_lost_together_come_back_one_by_one() {
        let mut first: Vec<_> = (0..256).map(|seed| waits(seed)[5]).collect();
        first.sort_unstable();
        // Between 1.6 s and 3.2 s; at most a few of 256 within any 20 ms.
        let crowd = |at: &Duration| {
            let near = |other: &&Duration| **other >= *at && **other < *at + FIRST / 5;
            first.iter().filter(near).count()
        };
        assert!(first.iter().map(crowd).max() < Some(16));
        assert_eq!(waits(3), waits(3));
    }
}
