//! Time that runs while a sweep does, and stands while it does not.

use tokio::time::Instant;

use std::time::Duration;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stopwatch {
    counted: Duration,
    /// Until when it has counted, while it runs.
    since: Option<Instant>,
}

impl Stopwatch {
    /// Counts on to `now`, and runs from there on, or stands.
    pub(crate) fn set(&mut self, now: Instant, runs: bool) {
        self.counted = self.read(now);
        self.since = runs.then_some(now);
    }

    /// What it has counted by `now`.
    pub(crate) fn read(&self, now: Instant) -> Duration {
        let more = self.since.map(|since| now.saturating_duration_since(since));
        self.counted + more.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_only_while_it_runs() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut watch = Stopwatch::default();
        assert_eq!(watch.read(at(5)), Duration::ZERO);
        watch.set(at(5), true);
        assert_eq!(watch.read(at(8)), Duration::from_secs(3));
        watch.set(at(9), true);
        watch.set(at(10), false);
        assert_eq!(watch.read(at(60)), Duration::from_secs(5));
        watch.set(at(60), true);
        assert_eq!(watch.read(at(61)), Duration::from_secs(6));
    }
}
