//! What must be true of the scheduler's actions, kept apart from its own books.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scheduler::{
    Action, Ended, Event, Grant, LeaseId, MAX_LEASE_RUNS, MAX_LEASE_TRIALS, SweepKey, WorkerId,
};
use sweep::IntervalSet;

use crate::pattern::Pattern;

/// Deaths after which a trial fails, in all tests here.
pub(crate) const ATTEMPTS: u32 = 3;

/// Who was ever granted what, and what is done.
#[derive(Default)]
pub(crate) struct Shadow {
    pub(crate) sweeps: BTreeMap<SweepKey, Books>,
    granted: BTreeMap<LeaseId, Granted>,
    by_worker: BTreeMap<WorkerId, BTreeSet<LeaseId>>,
    /// Trials in all grants, repeated ones included.
    pub(crate) trials_granted: u64,
    pub(crate) leases_granted: u64,
    pub(crate) lost: u64,
}

pub(crate) struct Books {
    pub(crate) pattern: Pattern,
    pub(crate) done: IntervalSet,
    pub(crate) failed: IntervalSet,
    pub(crate) ended: bool,
    /// How many lost workers had held a number that was not done.
    losses: BTreeMap<u64, u32>,
}

struct Granted {
    worker: WorkerId,
    sweep: SweepKey,
    numbers: IntervalSet,
}

impl Books {
    fn new(pattern: Pattern) -> Books {
        Books {
            pattern,
            done: IntervalSet::new(),
            failed: IntervalSet::new(),
            ended: false,
            losses: BTreeMap::new(),
        }
    }

    pub(crate) fn complete(&self) -> bool {
        self.done.len() == scheduler::Work::count(&self.pattern)
    }

    pub(crate) fn losses(&self, n: u64) -> u32 {
        self.losses.get(&n).copied().unwrap_or(0)
    }
}

fn meet(a: &IntervalSet, b: &IntervalSet) -> bool {
    a.runs().any(|run| b.runs_within(run).next().is_some())
}

fn within(a: &IntervalSet, b: &IntervalSet) -> bool {
    a.runs().all(|run| b.next_gap(run.start, run.end).is_none())
}

impl Shadow {
    /// The event that adds the sweep with what is done of it, or adds it again.
    pub(crate) fn add(&mut self, sweep: SweepKey, pattern: Pattern, priority: i32) -> Event {
        let books = self
            .sweeps
            .entry(sweep)
            .or_insert_with(|| Books::new(pattern));
        books.ended = false;
        Event::AddSweep {
            sweep,
            work: Arc::new(books.pattern),
            done: books.done.clone(),
            failed: books.failed.clone(),
            priority,
            paused: false,
        }
    }

    /// A worker brings a lease along when it joins.
    pub(crate) fn brought(
        &mut self,
        worker: WorkerId,
        lease: LeaseId,
        sweep: SweepKey,
        numbers: &IntervalSet,
    ) {
        self.by_worker.entry(worker).or_default().insert(lease);
        self.granted
            .entry(lease)
            .or_insert_with(|| Granted {
                worker,
                sweep,
                numbers: IntervalSet::new(),
            })
            .numbers
            .union(numbers);
    }

    /// Failed trials are to run again.
    pub(crate) fn reopen(&mut self, sweep: SweepKey, numbers: &IntervalSet) {
        if let Some(books) = self.sweeps.get_mut(&sweep) {
            let again = books.failed.intersection(numbers);
            books.failed.subtract(&again);
            books.done.subtract(&again);
            books.ended &= again.is_empty();
        }
    }

    pub(crate) fn watch(&mut self, actions: &[Action]) {
        for action in actions {
            self.watch_one(action);
        }
    }

    fn watch_one(&mut self, action: &Action) {
        match action {
            Action::Grant(Grant {
                worker,
                lease,
                sweep,
                ranges,
                isolated,
                ..
            }) => {
                let numbers: IntervalSet = ranges.iter().cloned().collect();
                self.grant(*worker, *lease, *sweep, numbers.clone());
                assert_eq!(numbers.run_count(), ranges.len(), "ranges touch or overlap");
                assert!(!isolated || numbers.len() == 1, "isolated, but not alone");
            }
            Action::Revoke {
                worker,
                lease,
                ranges,
                ..
            } => {
                let granted = &self.granted[lease];
                assert_eq!(granted.worker, *worker, "{lease} revoked from another");
                let numbers: IntervalSet = ranges.iter().cloned().collect();
                assert!(
                    within(&numbers, &granted.numbers),
                    "{lease} revoked beyond it"
                );
            }
            Action::Accept {
                worker,
                lease,
                sweep,
                numbers,
                failed,
            } => self.accept(*worker, *lease, *sweep, numbers, failed),
            Action::Fail {
                sweep,
                number,
                attempts,
                ..
            } => self.fail(*sweep, *number, *attempts),
            Action::Finished { sweep, ended } => {
                let books = self.books(*sweep);
                assert!(!books.ended, "{sweep} ended twice");
                books.ended = true;
                assert!(
                    *ended == Ended::Cancelled || books.complete(),
                    "{sweep} ended early"
                );
            }
            Action::Lost { worker, .. } => self.lose(*worker),
            Action::DropWorker { .. } => {}
        }
    }

    fn books(&mut self, sweep: SweepKey) -> &mut Books {
        self.sweeps.get_mut(&sweep).expect("a sweep that was added")
    }

    fn grant(&mut self, worker: WorkerId, lease: LeaseId, sweep: SweepKey, numbers: IntervalSet) {
        let books = self.books(sweep);
        assert!(!books.ended, "{lease} of {sweep}, which has ended");
        assert!(!numbers.is_empty(), "{lease} of nothing");
        assert!(numbers.len() <= MAX_LEASE_TRIALS && numbers.run_count() <= MAX_LEASE_RUNS);
        assert!(!meet(&numbers, &books.done), "{lease} of what is done");
        let kept = numbers.runs().all(|run| books.pattern.keeps(run));
        assert!(kept, "{lease} of numbers that are not kept");
        self.trials_granted += numbers.len();
        self.leases_granted += 1;
        self.by_worker.entry(worker).or_default().insert(lease);
        let granted = Granted {
            worker,
            sweep,
            numbers,
        };
        let known = self.granted.insert(lease, granted);
        assert!(known.is_none(), "{lease} granted twice");
    }

    fn accept(
        &mut self,
        worker: WorkerId,
        lease: LeaseId,
        sweep: SweepKey,
        numbers: &IntervalSet,
        failed: &IntervalSet,
    ) {
        let granted = &self.granted[&lease];
        assert_eq!((granted.worker, granted.sweep), (worker, sweep));
        assert!(
            within(numbers, &granted.numbers),
            "{lease} accepted beyond it"
        );
        assert!(within(failed, numbers));
        assert!(!numbers.is_empty());
        let books = self.books(sweep);
        assert!(
            !meet(numbers, &books.done),
            "a trial of {lease} counted twice"
        );
        books.done.union(numbers);
        books.failed.union(failed);
    }

    fn fail(&mut self, sweep: SweepKey, number: u64, attempts: u32) {
        let books = self.books(sweep);
        assert!(!books.done.contains(number), "trial {number} counted twice");
        assert_eq!(attempts, ATTEMPTS);
        // The loss that it fails of is reported after it.
        let losses = books.losses(number) + 1;
        assert!(
            losses >= ATTEMPTS,
            "trial {number} failed after {losses} losses"
        );
        books.done.insert(number..number + 1);
        books.failed.insert(number..number + 1);
    }

    fn lose(&mut self, worker: WorkerId) {
        self.lost += 1;
        for lease in self.by_worker.remove(&worker).unwrap_or_default() {
            let granted = &self.granted[&lease];
            let Some(books) = self.sweeps.get_mut(&granted.sweep) else {
                continue;
            };
            for run in granted.numbers.runs() {
                let mut from = run.start;
                while let Some(open) = books.done.next_gap(from, run.end) {
                    from = open.end;
                    for number in open {
                        *books.losses.entry(number).or_default() += 1;
                    }
                }
            }
        }
    }
}
