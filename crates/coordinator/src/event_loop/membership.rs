//! Workers that join, come back, leave and break rules.

use std::collections::BTreeMap;

use scheduler::{Held, SweepKey, WorkerId};
use tokio::time::Instant;

use super::EventLoop;
use super::worker_state::WorkerState;
use crate::lease_token::SweepIdentity;
use crate::load::PilotLimits;
use crate::messages::{PendingJoin, Registration};
use crate::outbox::Outbox;
use crate::wire;

impl EventLoop {
    /// The sweep of that name, if it is the one that is meant.
    pub(super) fn known(&self, name: &str, identity: SweepIdentity) -> Option<SweepKey> {
        let key = *self.names.get(name)?;
        (self.sweeps.get(&key)?.identity == identity).then_some(key)
    }

    /// Ends the session of a worker that broke a rule.
    pub(super) fn expel(&mut self, worker: WorkerId, why: &str) {
        tracing::warn!(worker = worker.0, why, "worker dropped");
        if let Some(state) = self.workers.get(&worker) {
            state.outgoing.send(wire::refused(why));
            let connection = state.connection;
            self.gone(worker, connection, true);
        }
    }

    pub(super) fn hear(&mut self, worker: WorkerId) {
        if let Some(state) = self.workers.get_mut(&worker) {
            state.heard = Instant::now();
        }
    }

    /// A process that was here before keeps its number.
    pub(super) fn worker_of(&mut self, instance: u64) -> WorkerId {
        self.absent.remove(&instance);
        let next = WorkerId(self.next_worker);
        let worker = *self.instances.entry(instance).or_insert(next);
        if worker == next {
            self.next_worker += 1;
            self.metrics.joined += 1;
        }
        worker
    }

    /// A worker that brings leases of sweeps that are not open yet joins when they are.
    pub(crate) fn join_when_ready(&mut self, pending: PendingJoin) {
        if self.must_wait_to_join(&pending) {
            self.hold_join(pending);
        } else {
            self.join(pending);
        }
    }

    pub(super) fn join(&mut self, pending: PendingJoin) {
        let PendingJoin {
            mut registration,
            outgoing,
            alive,
            reply,
            since: _,
        } = pending;
        let worker = self.worker_of(registration.instance);
        let connection = self.next_connection;
        self.next_connection += 1;
        if reply.send((worker, connection)).is_err() {
            return;
        }
        outgoing.send(wire::welcome(worker.0));
        if self.stopping.is_some() {
            outgoing.send(wire::stopping(self.is_local()));
        }
        tracing::info!(worker = worker.0, name = %registration.name, threads = registration.threads, "worker joined");
        if registration.program_version != env!("CARGO_PKG_VERSION") {
            tracing::warn!(name = %registration.name, version = %registration.program_version, "a worker of another version: its rows say so in `run_version`");
        }
        let (threads, name) = (registration.threads, registration.name.clone());
        // Where no other worker may come, a trial that is too large is its worker's to fail.
        let memory = registration.memory.filter(|_| !self.is_local());
        self.seen_limits(&registration);
        let held = self.sort_held(worker, &mut registration, &outgoing);
        let deadline = registration.walltime.map(|walltime| self.now() + walltime);
        self.workers.insert(
            worker,
            WorkerState {
                connection,
                registration,
                outgoing,
                _alive: alive,
                specs_sent: BTreeMap::new(),
                joined: Instant::now(),
                heard: Instant::now(),
                trials: 0,
                draining: false,
                problems: BTreeMap::new(),
                running: BTreeMap::new(),
                beat: Instant::now(),
                in_flight: BTreeMap::new(),
                in_flight_bytes: 0,
            },
        );
        self.drive(scheduler::Event::Join {
            worker,
            threads,
            name,
            deadline,
            memory,
            held,
        });
    }

    /// The leases that a worker brings along and may keep; the others are revoked.
    fn sort_held(
        &self,
        worker: WorkerId,
        registration: &mut Registration,
        outgoing: &Outbox,
    ) -> Vec<Held> {
        let mut unknown = std::mem::take(&mut registration.unknown);
        let mut held = Vec::new();
        for (name, identity, lease, numbers) in std::mem::take(&mut registration.held) {
            match self.known(&name, identity) {
                Some(sweep) => held.push(Held {
                    lease,
                    sweep,
                    numbers,
                }),
                // Its folder may be mended yet.
                None if self.keeps_reports(&name) => {}
                // Of a sweep that rests or was removed nothing is wanted.
                None => unknown.push((lease, numbers)),
            }
        }
        for (lease, numbers) in unknown {
            tracing::info!(
                worker = worker.0,
                lease = lease.0,
                "a lease of another coordinator is dropped"
            );
            let ranges: Vec<_> = numbers.runs().collect();
            outgoing.send(wire::revoke(lease.0, &ranges, true));
        }
        held
    }

    pub(super) fn gone(&mut self, worker: WorkerId, connection: u64, for_good: bool) {
        let this = |state: &WorkerState| state.connection == connection;
        if !self.workers.get(&worker).is_some_and(this) {
            return;
        }
        let Some(state) = self.workers.remove(&worker) else {
            return;
        };
        tracing::info!(worker = worker.0, name = %state.registration.name, "worker left");
        if for_good {
            self.metrics.dropped += 1;
        }
        let instance = state.registration.instance;
        self.forget_absent();
        if state.draining || for_good {
            self.instances.remove(&instance);
            self.drive(scheduler::Event::Goodbye { worker });
        } else {
            self.absent.insert(instance, Instant::now());
            self.drive(scheduler::Event::Leave { worker });
        }
    }

    /// Forgets processes that have been away for longer than anything of theirs is welcome.
    pub(super) fn forget_absent(&mut self) {
        let instances = &mut self.instances;
        self.absent.retain(|instance, since| {
            let keep = since.elapsed() <= 2 * super::state::LATE_WINDOW;
            if !keep {
                instances.remove(instance);
            }
            keep
        });
    }

    /// Keeps the most that workers come with: what later ones can be expected to have.
    pub(crate) fn seen_limits(&mut self, registration: &Registration) {
        let new = PilotLimits {
            time: registration.walltime,
            memory: registration.memory,
        };
        // One that does not say may have any.
        self.widest_limits = Some(match self.widest_limits {
            None => new,
            Some(most) => PilotLimits {
                time: most.time.zip(new.time).map(|(a, b)| a.max(b)),
                memory: most.memory.zip(new.memory).map(|(a, b)| a.max(b)),
            },
        });
    }
}
