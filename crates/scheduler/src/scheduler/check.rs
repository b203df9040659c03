//! What must hold after every event. A failure here is a mistake of this crate.

use std::collections::BTreeSet;
use std::ops::Range;

use sweep::IntervalSet;

use super::Scheduler;
use crate::lease::Lease;
use crate::sweeps::Sweep;
use crate::{LeaseId, SweepKey, WorkerId, sets};

/// Where a number can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Open,
    Doubtful,
    LastChance,
    Leased,
    Closed,
}

/// The state contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvariantError {
    #[error("{sweep}: number {number} is both {first:?} and {second:?}")]
    Twice {
        sweep: SweepKey,
        number: u64,
        first: Place,
        second: Place,
    },
    #[error("{sweep}: number {number} is nowhere")]
    Nowhere { sweep: SweepKey, number: u64 },
    #[error("{sweep}: its counts or records of deaths do not fit its numbers")]
    Records { sweep: SweepKey },
    #[error("{sweep}: number {number} is doubtful, but no lease would ever hold it")]
    Ungrouped { sweep: SweepKey, number: u64 },
    #[error("{sweep}: it is missing among the sweeps with work, or wrongly there")]
    Order { sweep: SweepKey },
    #[error("{lease} holds number {number}, which it does not own and its twin does not hold")]
    Unowned { lease: LeaseId, number: u64 },
    #[error("{lease} owns number {number}, which it does not hold")]
    Unheld { lease: LeaseId, number: u64 },
    #[error("{lease}: more remains than was granted")]
    Overgranted { lease: LeaseId },
    #[error("{lease} is of a generation or count that was never granted")]
    Ungranted { lease: LeaseId },
    #[error(
        "{lease}: its place among its worker's or its sweep's leases, or the late ones, is wrong"
    )]
    Misplaced { lease: LeaseId },
    #[error("{lease} and its twin do not agree")]
    Twins { lease: LeaseId },
    #[error("{lease} should be alone in the hands of {worker}")]
    Company { lease: LeaseId, worker: WorkerId },
    #[error("{worker}: its place among the workers is wrong")]
    Worker { worker: WorkerId },
    #[error("the counts of workers are wrong")]
    Counts,
}

impl Scheduler {
    /// Checks everything that must hold between events. It costs as much as there are intervals, leases and workers.
    ///
    /// # Errors
    /// The first contradiction found; there is none unless this crate is wrong.
    pub fn check(&self) -> Result<(), InvariantError> {
        for (&key, sweep) in &self.sweeps {
            check_partition(key, sweep)?;
            check_records(key, sweep)?;
            self.check_order(key, sweep)?;
            self.check_owners(sweep)?;
        }
        for (&id, lease) in &self.leases {
            self.check_lease(id, lease)?;
        }
        self.check_workers()
    }

    fn check_order(&self, key: SweepKey, sweep: &Sweep) -> Result<(), InvariantError> {
        let fits = match sweep.ready {
            Some(ready) => {
                sweep.has_work()
                    && ready.sweep == key
                    && ready.priority.0 == sweep.priority
                    && ready.served == sweep.served
                    && self.ready.contains(&ready)
            }
            None => !sweep.has_work(),
        };
        let entries = self.ready.iter().filter(|ready| ready.sweep == key).count();
        if fits && entries == usize::from(sweep.ready.is_some()) {
            Ok(())
        } else {
            Err(InvariantError::Order { sweep: key })
        }
    }

    fn check_owners(&self, sweep: &Sweep) -> Result<(), InvariantError> {
        for (run, id) in sweep.pool.owners.runs() {
            let holds = self.leases.get(&id).and_then(|lease| {
                lease
                    .remaining
                    .next_gap(run.start, run.end)
                    .map(|gap| gap.start)
            });
            let number = match (self.leases.contains_key(&id), holds) {
                (true, None) => continue,
                (true, Some(number)) => number,
                (false, _) => run.start,
            };
            return Err(InvariantError::Unheld { lease: id, number });
        }
        Ok(())
    }

    fn check_lease(&self, id: LeaseId, lease: &Lease) -> Result<(), InvariantError> {
        let granted = id.generation() < self.config.generation
            || (id.generation() == self.config.generation && id.count() < self.granted);
        if !granted {
            return Err(InvariantError::Ungranted { lease: id });
        }
        if !sets::within(&lease.remaining, &lease.granted) {
            return Err(InvariantError::Overgranted { lease: id });
        }
        let (Some(worker), Some(sweep)) = (
            self.workers.get(&lease.worker),
            self.sweeps.get(&lease.sweep),
        ) else {
            return Err(InvariantError::Misplaced { lease: id });
        };
        let live = lease.live();
        let late = lease
            .forget_at
            .is_some_and(|at| self.late.contains(&(at, id)));
        let placed = worker.leases.contains(&id) == live
            && worker.late.contains(&id) != live
            && late != live
            && sweep.leases.contains(&id)
            && lease.ripe.is_none_or(|at| self.ripe.contains(&(at, id)))
            && lease.ripe.is_some() == (live && lease.twin.is_none());
        if !placed {
            return Err(InvariantError::Misplaced { lease: id });
        }
        let twin = match lease.twin {
            Some(twin) => match self.leases.get(&twin) {
                Some(other) if live && other.live() && other.twin == Some(id) => {
                    Some((twin, other))
                }
                _ => return Err(InvariantError::Twins { lease: id }),
            },
            None => None,
        };
        for run in lease.remaining.runs() {
            let pieces = sweep.pool.owners.pieces(run.clone());
            let mut from = run.start;
            for (piece, owner) in pieces {
                let shared = twin.is_some_and(|(twin, other)| {
                    twin == owner && other.remaining.next_gap(piece.start, piece.end).is_none()
                });
                if piece.start != from || (owner != id && !shared) {
                    return Err(InvariantError::Unowned {
                        lease: id,
                        number: from,
                    });
                }
                from = piece.end;
            }
            if from != run.end {
                return Err(InvariantError::Unowned {
                    lease: id,
                    number: from,
                });
            }
        }
        if lease.isolated && live {
            let set_aside = self.isolating.contains(&lease.worker) && worker.leases.len() == 1;
            if !set_aside || lease.remaining.len() != 1 {
                return Err(InvariantError::Company {
                    lease: id,
                    worker: lease.worker,
                });
            }
        }
        Ok(())
    }

    fn check_workers(&self) -> Result<(), InvariantError> {
        let mut available = 0;
        let mut proven = 0;
        for (&id, worker) in &self.workers {
            available += u64::from(worker.available());
            proven += u64::from(worker.proven());
            let known = |lease: &LeaseId| {
                self.leases
                    .get(lease)
                    .is_some_and(|lease| lease.worker == id)
            };
            let timed = worker
                .timer
                .is_some_and(|at| self.timers.contains(&(at, id)));
            let loaded = worker.finish.is_none_or(|at| self.load.contains(&(at, id)));
            let eager = self.seeking.contains(&id) || self.unmatched.contains(&id);
            let fits = timed
                && loaded
                && (worker.finish.is_none() || !worker.leases.is_empty())
                && worker.idle_since.is_some() == worker.leases.is_empty()
                && worker.leases.iter().all(known)
                && worker.late.iter().all(known)
                && (worker.leases.is_empty() || !worker.lost || self.holds_isolated(id))
                && (worker.available() || !eager)
                && !(self.seeking.contains(&id) && self.unmatched.contains(&id))
                && (worker.available() || !self.isolating.contains(&id) || self.holds_isolated(id));
            if !fits {
                return Err(InvariantError::Worker { worker: id });
            }
        }
        let everyone =
            |ids: &BTreeSet<WorkerId>| ids.iter().all(|id| self.workers.contains_key(id));
        let with_finish = self
            .workers
            .values()
            .filter(|worker| worker.finish.is_some());
        let with_ripe = self.leases.values().filter(|lease| lease.ripe.is_some());
        let late = self.leases.values().filter(|lease| !lease.live());
        let counted = available == self.available
            && proven == self.proven
            && self.timers.len() == self.workers.len()
            && self.load.len() == with_finish.count()
            && self.ripe.len() == with_ripe.count()
            && self.late.len() == late.count()
            && everyone(&self.seeking)
            && everyone(&self.unmatched)
            && everyone(&self.isolating);
        if counted {
            Ok(())
        } else {
            Err(InvariantError::Counts)
        }
    }
}

/// Each number is in exactly one place.
fn check_partition(key: SweepKey, sweep: &Sweep) -> Result<(), InvariantError> {
    let pool = &sweep.pool;
    let leased = pool.owners.runs().map(|(run, _)| (run, Place::Leased));
    let mut placed: Vec<(Range<u64>, Place)> = leased.collect();
    for (set, place) in [
        (&pool.open, Place::Open),
        (&pool.doubtful, Place::Doubtful),
        (&pool.last_chance, Place::LastChance),
        (&pool.closed, Place::Closed),
    ] {
        placed.extend(set.runs().map(|run| (run, place)));
    }
    placed.sort_by_key(|(run, _)| (run.start, run.end));
    let mut at = 0;
    let mut before = Place::Open;
    for (run, place) in placed {
        if run.start < at {
            return Err(InvariantError::Twice {
                sweep: key,
                number: run.start,
                first: before,
                second: place,
            });
        }
        if run.start > at {
            break;
        }
        (at, before) = (run.end, place);
    }
    if at == pool.end {
        Ok(())
    } else {
        Err(InvariantError::Nowhere {
            sweep: key,
            number: at,
        })
    }
}

/// Counts and records of deaths fit the numbers.
fn check_records(key: SweepKey, sweep: &Sweep) -> Result<(), InvariantError> {
    let pool = &sweep.pool;
    let mut fits = sets::within(&pool.failed, &pool.closed)
        && pool.done >= pool.failed.len()
        && pool.done <= pool.closed.len();
    let mut suspected = IntervalSet::new();
    for (level, numbers) in pool.blame.iter().enumerate() {
        let last = level + 1 == pool.blame.len();
        fits &= suspected.intersection(numbers).is_empty()
            && numbers.intersection(&pool.closed).is_empty()
            && numbers.intersection(&pool.open).is_empty()
            && numbers
                .intersection(if last {
                    &pool.doubtful
                } else {
                    &pool.last_chance
                })
                .is_empty();
        suspected.union(numbers);
    }
    fits &= sets::within(&pool.doubtful, &suspected) && sets::within(&pool.last_chance, &suspected);
    if !fits {
        return Err(InvariantError::Records { sweep: key });
    }
    match (pool.groups_cover(), sets::first_run(&pool.doubtful)) {
        (false, Some(run)) => Err(InvariantError::Ungrouped {
            sweep: key,
            number: run.start,
        }),
        _ => Ok(()),
    }
}
