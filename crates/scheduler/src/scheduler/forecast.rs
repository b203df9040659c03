//! What lies ahead of a sweep: why nothing of it is granted, how much of it fits a worker, and in which order its trials
//! will be run. For people, for those who start workers, and for the time to the end. Each look is bounded.

use std::ops::Range;
use std::time::Duration;

use super::Scheduler;
use crate::ahead::{Ahead, Fitting, Piece, Waiting};
use crate::config::MAX_PIECES;
use crate::sweeps::Sweep;
use crate::{SweepKey, sets};

impl Scheduler {
    /// Why nobody gets what is pending; `None` where somebody does, or nothing is.
    pub(super) fn waiting(&self, sweep: &Sweep, leases: usize, pending: u64) -> Option<Waiting> {
        if !sweep.state.grants() || pending == 0 {
            return None;
        }
        if self.available == 0 {
            let here = self.workers.values().filter(|worker| worker.reachable());
            return match here.count() as u64 {
                _ if leases > 0 => None,
                0 => Some(Waiting::NoWorker),
                workers => Some(Waiting::Draining { workers }),
            };
        }
        // A worker that would take more and was refused by every sweep is unmatched.
        if self.unmatched.len() as u64 >= self.available {
            return sweep.misfit.clone().map(Waiting::Misfit);
        }
        let workers = self.available;
        (leases == 0).then_some(Waiting::Busy { workers })
    }

    /// How much of a sweep's pending work could be given to a new worker that has so much time and memory, as far as
    /// these are known, and is as fast as the others. Past a bound of pieces the rest counts like what was seen.
    pub fn fitting(&self, key: SweepKey, time: Option<Duration>, memory: Option<u64>) -> Fitting {
        let limits = self.limits(time, 0.0, memory, self.fleet_ratio());
        let Some(sweep) = self.sweeps.get(&key) else {
            return Fitting::default();
        };
        let mut fitting = Fitting::default();
        let mut seen = 0;
        for piece in Pieces::pending(sweep).take(MAX_PIECES) {
            seen += piece.trials;
            if limits.fits(piece.seconds, piece.bytes) {
                fitting.trials += piece.trials;
                fitting.seconds += piece.seconds * piece.trials as f64;
            }
        }
        let pending = sweep.pool.pending(&*sweep.work);
        if seen > 0 && seen < pending {
            let share = pending as f64 / seen as f64;
            fitting.trials = crate::sizing::whole(fitting.trials as f64 * share);
            fitting.seconds *= share;
        }
        fitting
    }

    /// What of a sweep has not begun, in at most so many pieces: what workers hold, then what is pending.
    pub fn ahead(&self, key: SweepKey, most: usize) -> Ahead {
        let Some(sweep) = self.sweeps.get(&key) else {
            return Ahead::default();
        };
        let leases = sweep.leases.iter().filter_map(|id| self.leases.get(id));
        // A copy runs what another lease holds too.
        let held = leases.filter(|lease| lease.live() && !lease.speculative);
        let mut running = 0;
        let mut unstarted = Vec::new();
        for lease in held {
            running += lease.started().len();
            unstarted.extend(sets::ranges(&lease.unstarted()));
        }
        let held = unstarted
            .into_iter()
            .flat_map(|range| Pieces::of(sweep, range));
        let mut pieces: Vec<Piece> = Vec::new();
        for piece in held.chain(Pieces::pending(sweep)) {
            let full = pieces.len() == most;
            match pieces.last_mut() {
                Some(last) if (last.seconds, last.bytes) == (piece.seconds, piece.bytes) => {
                    last.trials += piece.trials;
                }
                _ if full => break,
                _ => pieces.push(piece),
            }
        }
        let seen: u64 = pieces.iter().map(|piece| piece.trials).sum();
        let left = sweep.work.count().saturating_sub(sweep.pool.done);
        Ahead {
            pieces,
            more: left.saturating_sub(running).saturating_sub(seen),
        }
    }
}

/// Numbers of a sweep cut where their predicted cost changes.
struct Pieces;

impl Pieces {
    /// Of all that is pending: what is left of dead workers' leases first.
    fn pending(sweep: &Sweep) -> impl Iterator<Item = Piece> {
        let pool = &sweep.pool;
        let waiting = [&pool.last_chance, &pool.doubtful, &pool.open];
        let runs = waiting.into_iter().flat_map(|set| set.runs());
        runs.flat_map(|run| Pieces::of(sweep, run))
    }

    fn of(sweep: &Sweep, range: Range<u64>) -> impl Iterator<Item = Piece> {
        let work = &*sweep.work;
        let mut from = range.start;
        std::iter::from_fn(move || {
            let kept = work.kept_run(from, range.end, range.end.saturating_sub(from).max(1))?;
            let start = kept.start;
            let end = work
                .constant_run(start)
                .clamp(start + 1, kept.end.max(start + 1));
            from = end;
            Some(Piece {
                trials: end - start,
                seconds: crate::sizing::seconds(work, start),
                bytes: work.bytes(start),
            })
        })
    }
}
