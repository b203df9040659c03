//! What goes to the coordinator: heartbeats, reports, checkpoints, and what is given back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rpc::v1;

use super::Session;
use super::connection::Connection;
use super::held_lease::HeldLease;
use crate::lease::Output;
use crate::{fault_point, wire};

impl Session {
    /// Every lease in held, with what runs of it.
    pub(super) fn heartbeat(&self, connection: &Connection) -> v1::SessionRequest {
        let running = self.executor.running();
        let held = self.held.iter();
        let mut leases: BTreeMap<u64, bool> =
            held.map(|(&lease, held)| (lease, held.started)).collect();
        for lease in connection.large.given_back() {
            leases.entry(lease).or_insert(true);
        }
        let leases = leases.into_iter().map(|(lease, started)| {
            let of_lease = running.iter().filter(|running| running.lease == lease);
            (
                lease,
                started,
                of_lease
                    .map(|running| (running.trial, running.left))
                    .collect(),
            )
        });
        wire::heartbeat(leases)
    }

    /// Lets the next report follow once everything before it is said.
    pub(super) fn next_report(&mut self, connection: &mut Connection) {
        while connection.large.is_empty() {
            if std::mem::take(&mut connection.reporting) {
                self.pass(fault_point::REPORT_SENT);
            }
            let Some((number, body)) = self.outbox.next_to_send(connection.credit_bytes) else {
                return;
            };
            if let Some(spool) = &body.spool {
                connection.large.put_rows(number, Arc::clone(spool));
            }
            connection.large.put(wire::report(number, body));
            connection.reporting = true;
        }
    }

    pub(super) fn take(&mut self, connection: &mut Connection, output: Output) {
        match output {
            Output::Report(body) => {
                if let Some(held) = self.held.get_mut(&body.lease.lease) {
                    held.unreported.subtract(&body.numbers);
                }
                self.outbox.put(body);
            }
            Output::Checkpoint {
                lease,
                trial,
                step,
                state,
            } => {
                self.pass(fault_point::CHECKPOINT_TAKEN);
                // A checkpoint that is lost with the connection only costs the steps since the last one.
                connection
                    .large
                    .put(wire::checkpoint(&lease, trial, step, state));
            }
            Output::Ended(lease) => {
                self.last_lease = Instant::now();
                let Some(held) = self.held.get_mut(&lease.lease) else {
                    return;
                };
                held.ended = true;
                let left = std::mem::take(&mut held.unreported);
                if !left.is_empty() {
                    held.outstanding.subtract(&left);
                    // After the checkpoints from which others go on. Without a connection the next one's
                    // Register says as much.
                    connection.large.put(wire::give_back(lease.lease, &left));
                }
                self.forget_if_through(lease.lease);
            }
        }
    }

    pub(super) fn forget_if_through(&mut self, lease: u64) {
        let through = |held: &HeldLease| held.ended && held.outstanding.is_empty();
        if self.held.get(&lease).is_some_and(through) {
            self.held.remove(&lease);
        }
    }

    /// Fault tests stop the process here.
    pub(super) fn pass(&self, point: &str) {
        if let Some(hook) = self.config.fault_hook {
            hook(point);
        }
    }
}
