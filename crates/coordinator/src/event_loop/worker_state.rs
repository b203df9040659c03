//! One worker as the event loop knows it.

use std::collections::BTreeMap;

use scheduler::SweepKey;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::messages::{Registration, TimeLeft};
use crate::outbox::Outbox;

pub(crate) struct WorkerState {
    pub(super) connection: u64,
    pub(crate) registration: Registration,
    pub(crate) outgoing: Outbox,
    /// The session ends when this is dropped.
    pub(super) _alive: oneshot::Sender<()>,
    /// Generations of each sweep that was sent to it.
    pub(crate) specs_sent: BTreeMap<SweepKey, usize>,
    pub(crate) joined: Instant,
    pub(crate) heard: Instant,
    pub(crate) trials: u64,
    pub(crate) draining: bool,
    /// Why it cannot run sweeps.
    pub(crate) problems: BTreeMap<SweepKey, String>,
    /// What runs there, by its last heartbeat.
    pub(crate) running: BTreeMap<(u64, u64), RunningTrial>,
    /// When that came.
    pub(crate) beat: Instant,
    /// Bytes of its reports that are not acknowledged, and their sum.
    pub(crate) in_flight: BTreeMap<u64, u64>,
    pub(crate) in_flight_bytes: u64,
}

impl WorkerState {
    /// Reports count against its credit no more.
    pub(super) fn settle(&mut self, reports: &[u64]) {
        for report in reports {
            let bytes = self.in_flight.remove(report).unwrap_or(0);
            self.in_flight_bytes -= bytes;
        }
    }
}

/// A trial that a worker named as running at its last heartbeat.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunningTrial {
    pub(crate) sweep: SweepKey,
    /// Since when it has been named.
    pub(crate) since: Instant,
    pub(crate) left: Option<f64>,
}

/// Running trials of a worker by lease and number, as its last heartbeat names them; what was named before keeps its
/// beginning.
pub(crate) fn running_trials(
    before: &BTreeMap<(u64, u64), RunningTrial>,
    now: Instant,
    named: impl Iterator<Item = (SweepKey, TimeLeft)>,
) -> BTreeMap<(u64, u64), RunningTrial> {
    let kept = named.map(|(sweep, left)| {
        let key = (left.lease.0, left.trial);
        let since = before.get(&key).map_or(now, |before| before.since);
        let seen = RunningTrial {
            sweep,
            since,
            left: left.seconds,
        };
        (key, seen)
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_a_heartbeat_names_again_keeps_its_beginning() {
        let begun = Instant::now();
        let left = |trial, seconds| {
            let lease = scheduler::LeaseId(1);
            let left = TimeLeft {
                lease,
                trial,
                seconds,
            };
            (SweepKey(1), left)
        };
        let first = running_trials(
            &BTreeMap::new(),
            begun,
            [left(1, None), left(2, None)].into_iter(),
        );
        let later = begun + Duration::from_secs(1);
        let second = running_trials(
            &first,
            later,
            [left(2, Some(3.0)), left(3, None)].into_iter(),
        );
        let since = |trial| {
            second
                .get(&(1, trial))
                .map(|seen: &RunningTrial| seen.since)
        };
        assert_eq!(
            (since(1), since(2), since(3)),
            (None, Some(begun), Some(later))
        );
    }
}
