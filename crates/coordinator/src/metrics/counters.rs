//! What only grows while a coordinator lives, and the reports that wait to be acknowledged.

use std::collections::BTreeMap;

use prometheus_client::metrics::histogram::Histogram;
use scheduler::WorkerId;
use table::CommitInfo;
use tokio::time::Instant;

/// Upper bounds of the buckets of latencies in seconds, from a journal on memory to a disk that is stuck; a last bucket
/// without a bound follows.
const BOUNDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// An empty histogram of latencies.
pub(crate) fn latencies() -> Histogram {
    Histogram::new(BOUNDS)
}

/// Counted since the coordinator's start.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Worker processes; one that reconnects is the same.
    pub(crate) joined: u64,
    /// Workers that fell silent.
    pub(crate) lost: u64,
    /// Workers that broke a rule.
    pub(crate) dropped: u64,
    pub(crate) leases: u64,
    pub(crate) reports: u64,
    /// Columns of reports as they came.
    pub(crate) report_bytes: u64,
    /// Trials reported that were new.
    pub(crate) accepted: u64,
    /// Trials that another worker reported before, or that are no longer wanted.
    pub(crate) repeated: u64,
    /// Seconds on workers' threads.
    pub(crate) work_seconds: f64,
    /// Trials with a durable row.
    pub(crate) durable: u64,
    pub(crate) written_bytes: u64,
    pub(crate) flush_failures: u64,
    pub(crate) flush: Histogram,
    pub(crate) acknowledge: Histogram,
    /// When each report came that is not durable yet. Workers' credit bounds them.
    waiting: BTreeMap<(WorkerId, u64), Instant>,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            joined: 0,
            lost: 0,
            dropped: 0,
            leases: 0,
            reports: 0,
            report_bytes: 0,
            accepted: 0,
            repeated: 0,
            work_seconds: 0.0,
            durable: 0,
            written_bytes: 0,
            flush_failures: 0,
            flush: latencies(),
            acknowledge: latencies(),
            waiting: BTreeMap::new(),
        }
    }

    /// A report has come; `accepted` and `repeated` are trials.
    pub(crate) fn reported(&mut self, bytes: u64, accepted: u64, repeated: u64, work_seconds: f64) {
        self.reports += 1;
        self.report_bytes += bytes;
        self.accepted += accepted;
        self.repeated += repeated;
        self.work_seconds += work_seconds;
    }

    /// The clock of a report's acknowledgement starts.
    pub(crate) fn waits(&mut self, worker: WorkerId, report: u64, since: Instant) {
        self.waiting.insert((worker, report), since);
    }

    /// Reports are acknowledged, whether or not their worker is still there to hear it.
    pub(crate) fn acknowledged(&mut self, reports: &[(WorkerId, u64)], now: Instant) {
        for report in reports {
            if let Some(since) = self.waiting.remove(report) {
                let latency = now.saturating_duration_since(since);
                self.acknowledge.observe(latency.as_secs_f64());
            }
        }
    }

    /// A part is durable.
    pub(crate) fn written(&mut self, info: &CommitInfo) {
        self.durable += info.numbers.len();
        self.written_bytes += info.bytes;
        self.flush.observe(info.seconds);
    }

    /// A part could not be written.
    pub(crate) fn not_written(&mut self) {
        self.flush_failures += 1;
    }

    pub(crate) fn unacknowledged(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::Page;

    #[test]
    fn a_report_waits_from_its_coming_to_its_acknowledgement() {
        let mut counters = Counters::new();
        let start = Instant::now();
        let (first, second) = ((WorkerId(1), 1), (WorkerId(2), 1));
        for (worker, report) in [first, second] {
            counters.reported(100, 3, 1, 0.5);
            counters.waits(worker, report, start);
        }
        // A report that nobody wanted is acknowledged without having waited.
        let unwanted = (WorkerId(1), 2);
        counters.acknowledged(&[first, unwanted], start + Duration::from_secs(2));
        assert_eq!(counters.unacknowledged(), 1);
        let mut page = Page::new();
        page.histogram("acknowledge_seconds", "Time", &counters.acknowledge);
        let text = page.into_text();
        assert!(text.contains("acknowledge_seconds_count 1\n"), "{text}");
        assert!(text.contains("acknowledge_seconds_sum 2.0\n"), "{text}");
        assert_eq!(
            (counters.reports, counters.accepted, counters.repeated),
            (2, 6, 2)
        );
    }
}
