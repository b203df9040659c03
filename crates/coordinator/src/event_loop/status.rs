//! What people see of sweeps and workers.

use std::collections::BTreeMap;

use rpc::v1;
use rpc::v1::waiting::Reason;
use scheduler::{Misfit, SweepKey, SweepState, Waiting};
use tokio::time::Instant;

use super::open_sweep::OpenSweep;
use super::view::View;
use super::worker_state::WorkerState;
use crate::comparisons;
use crate::eta::{Outlook, Running};
use crate::load::{Load, PilotLimits, Pilots};
use crate::wire;

/// Pieces of equal cost that are laid out for the time to the end; what comes after them counts as their mean.
const PIECES: usize = 256;

impl View<'_> {
    /// Every sweep, by name.
    pub(crate) fn statuses(&self) -> Vec<v1::SweepStatus> {
        let open = self.sweeps.iter();
        let open = open.map(|(&key, sweep)| self.status(key, sweep));
        let mut statuses: Vec<_> = self.dormant_statuses().into_values().collect();
        statuses.extend(open);
        statuses.sort_by(|a, b| a.name.cmp(&b.name));
        statuses
    }

    /// Sweeps that are not open, as people see them.
    pub(crate) fn dormant_statuses(&self) -> BTreeMap<&str, v1::SweepStatus> {
        self.dormant
            .iter()
            .map(|(name, closed)| (name.as_str(), closed.shown()))
            .collect()
    }

    pub(crate) fn status(&self, sweep: SweepKey, state: &OpenSweep) -> v1::SweepStatus {
        let seen = self.scheduler.sweep_status(sweep);
        let (leased, leases) = seen
            .as_ref()
            .map_or((0, 0), |seen| (seen.leased, seen.leases));
        let elapsed = state.running_time.read(Instant::now());
        v1::SweepStatus {
            name: state.name.clone(),
            state: wire::sweep_state(state.state).into(),
            trials: state.folder.count(),
            completed: state.counts.completed,
            diverged: state.counts.diverged,
            failed: state.counts.failed,
            leased,
            predicted_seconds: state.predicted_seconds,
            done_seconds: state.done_seconds,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            reported: state.reported,
            eta_seconds: self.eta_seconds(sweep, state).unwrap_or(-1.0),
            problem: state.problem.clone(),
            priority: state.priority,
            folder: state.dir.display().to_string(),
            leases: u32::try_from(leases).unwrap_or(u32::MAX),
            notes: state.notes.clone(),
            comparisons: comparisons::summary(state.folder.verified(), &state.comparisons),
            recent_failures: state.recent.failures(),
            waiting: seen.and_then(|seen| waiting(state.state, &seen, self.pilots)),
        }
    }

    /// Seconds to the end of a sweep, where it runs and something is known.
    fn eta_seconds(&self, key: SweepKey, sweep: &OpenSweep) -> Option<f64> {
        if !sweep.state.grants() {
            return None;
        }
        let ahead = self.scheduler.ahead(key, PIECES);
        let running = self.running(key, sweep);
        let bytes = ahead.pieces.first().map_or(0.0, |piece| piece.bytes);
        let mut pieces: Vec<(u64, f64)> = ahead
            .pieces
            .iter()
            .map(|piece| (piece.trials, piece.seconds))
            .collect();
        if ahead.more > 0 {
            let seen: f64 = pieces.iter().map(|&(n, each)| n as f64 * each).sum();
            let under_way: f64 = running.iter().map(|running| running.predicted).sum();
            let count: u64 = pieces.iter().map(|piece| piece.0).sum();
            let rest = sweep.predicted_seconds - sweep.done_seconds - under_way - seen;
            let mean = seen / count.max(1) as f64;
            // The total may be an estimate itself: it is not believed against what is seen.
            let each = (rest / ahead.more as f64).clamp(0.01 * mean, 100.0 * mean);
            pieces.push((ahead.more, each));
        }
        let waits = !pieces.is_empty() && running.is_empty();
        if waits && self.scheduler.sweep_status(key)?.leases == 0 {
            return None;
        }
        let outlook = Outlook {
            threads: self.threads_for(bytes),
            running,
            pieces,
        };
        sweep.pace.eta(&outlook)
    }

    /// Trials of a sweep that run now. Of one that runs twice, the one that ends first counts.
    fn running(&self, key: SweepKey, sweep: &OpenSweep) -> Vec<Running> {
        let mut running: BTreeMap<u64, Running> = BTreeMap::new();
        for (&worker, state) in self.workers {
            for (&(lease, trial), seen) in &state.running {
                let lease = scheduler::LeaseId(lease);
                if seen.sweep != key || !self.scheduler.holds(worker, lease, key, trial) {
                    continue;
                }
                // It was reported at some moment since the last heartbeat.
                let since = state.beat.elapsed().as_secs_f64();
                let now = Running {
                    predicted: sweep.folder.cost(trial).seconds,
                    elapsed: seen.since.elapsed().as_secs_f64(),
                    left: seen.left.map(|left| (left - since).max(0.0)),
                };
                let first = running.entry(trial).or_insert(now);
                if now.left.unwrap_or(f64::MAX) < first.left.unwrap_or(f64::MAX) {
                    *first = now;
                }
            }
        }
        running.into_values().collect()
    }

    /// Threads that work for one sweep: its share of all, as far as their memory holds trials of so many bytes.
    fn threads_for(&self, bytes: f64) -> u32 {
        let of_worker = |state: &WorkerState| {
            let threads = state.registration.threads;
            match state.registration.memory {
                // The cast saturates.
                Some(memory) if bytes > 0.0 => threads.min(((memory as f64 / bytes) as u32).max(1)),
                _ => threads,
            }
        };
        let staying = self.workers.values().filter(|state| !state.draining);
        let threads: u32 = staying.map(of_worker).fold(0, u32::saturating_add);
        let sharing = self.scheduler.sweeps_at_work().max(1);
        threads.div_ceil(u32::try_from(sharing).unwrap_or(u32::MAX))
    }

    /// The first of the sweeps that a worker cannot run, and why.
    fn problem_of(&self, worker: &WorkerState) -> String {
        let mut problems = worker.problems.iter();
        let found = problems.find(|(key, _)| self.sweeps.contains_key(key));
        found.map(|(_, why)| why.clone()).unwrap_or_default()
    }

    pub(crate) fn worker_statuses(&self) -> Vec<v1::WorkerStatus> {
        self.workers
            .iter()
            .map(|(&worker, state)| v1::WorkerStatus {
                worker_id: worker.0,
                name: state.registration.name.clone(),
                host: state.registration.host.clone(),
                threads: state.registration.threads,
                isa: state.registration.isa.clone(),
                program_version: state.registration.program_version.clone(),
                leases: self
                    .scheduler
                    .worker_status(worker)
                    .map_or(0, |seen| u32::try_from(seen.leases).unwrap_or(u32::MAX)),
                trials: state.trials,
                silent_ms: since_ms(state.heard),
                connected_ms: since_ms(state.joined),
                draining: state.draining,
                problem: self.problem_of(state),
                memory_bytes: state.registration.memory.unwrap_or(0),
            })
            .collect()
    }

    pub(crate) fn load(&self, limits: PilotLimits) -> Load {
        let mut load = Load {
            joined: self.metrics.joined,
            ..Load::default()
        };
        let most = self.widest_limits;
        let time = limits.time.or(most.time);
        let memory = limits.memory.or(most.memory);
        for (&key, sweep) in self.sweeps {
            if !sweep.state.grants() {
                continue;
            }
            if let Some(seen) = self.scheduler.sweep_status(key) {
                let fitting = self.scheduler.fitting(key, time, memory);
                load.pending += fitting.trials;
                load.misfit += seen.pending.saturating_sub(fitting.trials);
                load.leased += seen.leased;
                load.seconds += fitting.seconds + seen.leased_seconds;
            }
        }
        for worker in self.workers.values().filter(|worker| !worker.draining) {
            load.workers += 1;
            load.threads = load.threads.saturating_add(worker.registration.threads);
        }
        load
    }
}

/// Why nothing of a sweep is begun, for the wire.
fn waiting(
    state: SweepState,
    seen: &scheduler::SweepStatus,
    pilots: Option<&Pilots>,
) -> Option<v1::Waiting> {
    let reason = match (&seen.waiting, state) {
        (_, SweepState::Paused) if seen.pending > 0 => Reason::Paused(v1::Paused {}),
        (Some(waiting), SweepState::Running) => match waiting {
            Waiting::NoWorker => no_worker(pilots),
            Waiting::Draining { workers } => {
                Reason::AllDraining(v1::AllDraining { workers: *workers })
            }
            Waiting::Busy { workers } => Reason::AllBusy(v1::AllBusy { workers: *workers }),
            Waiting::Misfit(misfit) => nothing_fits(misfit, seen.pending),
        },
        _ => return None,
    };
    Some(v1::Waiting {
        reason: Some(reason),
    })
}

fn no_worker(pilots: Option<&Pilots>) -> Reason {
    match pilots {
        Some(Pilots::Refused { why }) => {
            Reason::PilotsRefused(v1::PilotsRefused { why: why.clone() })
        }
        Some(Pilots::Queued {
            waiting,
            running,
            reason,
        }) if waiting + running > 0 => Reason::PilotsQueued(v1::PilotsQueued {
            waiting: *waiting,
            running: *running,
            reason: reason.clone(),
        }),
        Some(Pilots::Queued { .. }) | None => Reason::NoWorker(v1::NoWorker {}),
    }
}

fn nothing_fits(misfit: &Misfit, trials: u64) -> Reason {
    Reason::NothingFits(v1::NothingFits {
        trials,
        trial: misfit.number,
        worker: misfit.name.clone(),
        needed_seconds: misfit.seconds.map(|seconds| seconds.0),
        given_seconds: misfit.seconds.map(|seconds| seconds.1),
        needed_bytes: misfit.bytes.map(|bytes| bytes.0),
        given_bytes: misfit.bytes.map(|bytes| bytes.1),
    })
}

/// Milliseconds since an instant, for the wire.
pub(crate) fn since_ms(then: Instant) -> u64 {
    u64::try_from(then.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn no_worker_is_said_with_what_the_batch_system_says() {
        let check = |pilots: Option<Pilots>, expected: Reason| {
            assert_eq!(no_worker(pilots.as_ref()), expected);
        };
        check(None, Reason::NoWorker(v1::NoWorker {}));
        let queued = |waiting| Pilots::Queued {
            waiting,
            running: 0,
            reason: "Priority".to_owned(),
        };
        check(Some(queued(0)), Reason::NoWorker(v1::NoWorker {}));
        check(
            Some(queued(2)),
            Reason::PilotsQueued(v1::PilotsQueued {
                waiting: 2,
                running: 0,
                reason: "Priority".to_owned(),
            }),
        );
        let why = "invalid partition".to_owned();
        check(
            Some(Pilots::Refused { why: why.clone() }),
            Reason::PilotsRefused(v1::PilotsRefused { why }),
        );
    }
}
