//! Growing waits while something outside does not answer, or nothing changes.

use std::time::Duration;

/// Waits that double up to a longest one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Backoff {
            first,
            longest,
            next: first,
        }
    }

    /// The wait after another failure.
    pub(crate) fn again(&mut self) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(self.longest);
        wait
    }

    /// It answers again.
    pub(crate) fn well(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(2), seconds(5));
        assert_eq!(
            [backoff.again(), backoff.again(), backoff.again()],
            [2, 4, 5].map(seconds)
        );
        backoff.well();
        assert_eq!(backoff.again(), seconds(2));
    }
}
