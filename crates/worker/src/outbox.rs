//! Reports that the coordinator has not acknowledged. They outlive a lost connection and are offered again.

use std::collections::{BTreeMap, BTreeSet};

use crate::lease::ReportBody;
use crate::wire;

/// Unacknowledged reports in order of their numbers, and which ones the present connection has seen.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    reports: BTreeMap<u64, ReportBody>,
    next: u64,
    /// Reports from this number on wait to be sent on this connection.
    unsent: u64,
    in_flight_bytes: u64,
    /// Those that the coordinator cannot make durable at present: kept in case that changes, outside the credit.
    deferred: BTreeSet<u64>,
    /// Of reports that an acknowledgement will come for.
    bytes: u64,
    /// Of those, the ones with rows on disk.
    spools: usize,
}

/// Reports with rows on disk before threads wait: each holds a descriptor and what room it takes.
const SPOOLS: usize = 64;

/// An outbox of this size takes nothing more, and the threads wait: several times what may be in flight.
const FULL_BYTES: u64 = 4 * rpc::limits::CREDIT_BYTES;

impl Outbox {
    /// Keeps a report until it is acknowledged.
    pub(crate) fn put(&mut self, body: ReportBody) {
        self.next += 1;
        self.bytes += wire::report_bytes(&body);
        self.spools += usize::from(body.spool.is_some());
        self.reports.insert(self.next, body);
        if self.unsent == 0 {
            self.unsent = 1;
        }
    }

    /// The next report to send, if the credit allows one. At least one report is always allowed in flight.
    pub(crate) fn next_to_send(&mut self, credit_bytes: u64) -> Option<(u64, &ReportBody)> {
        if self.in_flight_bytes > 0 && self.in_flight_bytes >= credit_bytes {
            return None;
        }
        let (&number, body) = self.reports.range(self.unsent..).next()?;
        self.unsent = number + 1;
        self.in_flight_bytes += wire::report_bytes(body);
        Some((number, body))
    }

    /// Forgets acknowledged reports and returns them.
    pub(crate) fn acknowledge(&mut self, numbers: &[u64]) -> Vec<ReportBody> {
        let mut gone = Vec::new();
        for number in numbers {
            if let Some(body) = self.reports.remove(number) {
                if !self.deferred.remove(number) {
                    self.in_flight_bytes = self
                        .in_flight_bytes
                        .saturating_sub(wire::report_bytes(&body));
                    self.count_out(&body);
                }
                gone.push(body);
            }
        }
        gone
    }

    /// A new connection has seen nothing yet.
    pub(crate) fn reconnect(&mut self) {
        self.unsent = self.reports.keys().next().copied().unwrap_or(self.next + 1);
        self.in_flight_bytes = 0;
        self.deferred.clear();
        self.bytes = self.reports.values().map(wire::report_bytes).sum();
        let spools = self.reports.values().filter(|body| body.spool.is_some());
        self.spools = spools.count();
    }

    /// The coordinator cannot make these durable before the cause is repaired.
    pub(crate) fn defer(&mut self, numbers: &[u64]) {
        for &number in numbers {
            let sent = number < self.unsent;
            if let Some(body) = self.reports.get(&number).filter(|_| sent)
                && self.deferred.insert(number)
            {
                let bytes = wire::report_bytes(body);
                self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes);
                self.bytes -= bytes;
                self.spools -= usize::from(body.spool.is_some());
            }
        }
    }

    /// Whether an acknowledgement will come by itself.
    pub(crate) fn awaits_nothing(&self) -> bool {
        self.reports.len() == self.deferred.len()
    }

    /// Reports that are kept in case the coordinator can take them later.
    pub(crate) fn deferred(&self) -> usize {
        self.deferred.len()
    }

    fn count_out(&mut self, body: &ReportBody) {
        self.bytes -= wire::report_bytes(body);
        self.spools -= usize::from(body.spool.is_some());
    }

    /// Whether acknowledgements are to be waited for before anything more is put here.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= FULL_BYTES || self.spools >= SPOOLS
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use rpc::lease::Lease;

    fn body(bytes: usize) -> ReportBody {
        ReportBody {
            lease: Arc::new(Lease {
                lease: 1,
                generation: 1,
                sweep: "s".into(),
                ranges: vec![0..1],
                proof: Default::default(),
                attempt: 1,
                checkpoints: Vec::new(),
            }),
            numbers: sweep::IntervalSet::new(),
            tables: [
                vec![0; bytes].into(),
                Default::default(),
                Default::default(),
                Default::default(),
            ],
            work_seconds: 0.0,
            spool: None,
        }
    }

    #[test]
    fn credit_holds_reports_back_until_an_acknowledgement() {
        let mut outbox = Outbox::default();
        outbox.put(body(1000));
        outbox.put(body(1000));
        assert_eq!(outbox.next_to_send(500).map(|r| r.0), Some(1));
        assert_eq!(outbox.next_to_send(500).map(|r| r.0), None);
        outbox.acknowledge(&[1]);
        assert_eq!(outbox.next_to_send(500).map(|r| r.0), Some(2));
        assert!(!outbox.awaits_nothing());
        outbox.acknowledge(&[2]);
        assert!(outbox.awaits_nothing());
    }

    #[test]
    fn what_cannot_be_stored_takes_no_credit_and_is_not_waited_for() {
        let mut outbox = Outbox::default();
        outbox.put(body(1000));
        outbox.put(body(1000));
        assert_eq!(outbox.next_to_send(500).map(|r| r.0), Some(1));
        // The second has not been sent: nobody can have answered it.
        outbox.defer(&[1, 2, 7]);
        assert!(!outbox.awaits_nothing());
        assert_eq!(outbox.next_to_send(500).map(|r| r.0), Some(2));
        outbox.defer(&[2]);
        assert!(outbox.awaits_nothing());
        assert_eq!(outbox.deferred(), 2);
        // Mended after all, and over another connection.
        outbox.acknowledge(&[1]);
        outbox.reconnect();
        assert!(!outbox.awaits_nothing());
        assert_eq!(outbox.next_to_send(500).map(|r| r.0), Some(2));
        outbox.acknowledge(&[2]);
        assert!(outbox.awaits_nothing());
    }

    #[test]
    fn a_full_outbox_waits_for_acknowledgements() {
        let mut outbox = Outbox::default();
        let large = usize::try_from(FULL_BYTES / 2).unwrap();
        outbox.put(body(large));
        assert!(!outbox.is_full());
        outbox.put(body(large));
        assert!(outbox.is_full());
        outbox.acknowledge(&[1]);
        assert!(!outbox.is_full());
        outbox.acknowledge(&[1, 2]);
        assert_eq!(outbox.bytes, 0);
    }

    #[test]
    fn a_new_connection_is_offered_everything_again() {
        let mut outbox = Outbox::default();
        outbox.put(body(10));
        outbox.put(body(10));
        outbox.next_to_send(u64::MAX);
        outbox.next_to_send(u64::MAX);
        outbox.acknowledge(&[1]);
        outbox.reconnect();
        assert_eq!(outbox.next_to_send(u64::MAX).map(|r| r.0), Some(2));
        assert_eq!(outbox.next_to_send(u64::MAX).map(|r| r.0), None);
        outbox.put(body(10));
        assert_eq!(outbox.next_to_send(u64::MAX).map(|r| r.0), Some(3));
    }
}
