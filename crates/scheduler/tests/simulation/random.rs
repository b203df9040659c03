//! Any order of events, sensible or not, keeps the invariants, counts no trial twice, and leaves a state from which
//! every sweep can be finished.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use scheduler::{
    Action, Config, Event, Grant, Held, LeaseBeat, LeaseId, Now, Report, Scheduler, SweepKey,
    SweepState, WorkerId,
};
use sweep::IntervalSet;

use crate::pattern::Pattern;
use crate::shadow::{ATTEMPTS, Shadow};

#[derive(Clone, Debug)]
enum Op {
    Join {
        worker: u64,
        threads: u32,
        time_left: Option<u64>,
        memory: Option<u64>,
        /// Percent of its leases that it remembers.
        remembers: u64,
    },
    Leave(u64),
    Goodbye(u64),
    Drain(u64),
    Beat {
        worker: u64,
        /// Percent of its leases that it names.
        names: u64,
        running: bool,
    },
    /// Some numbers of some lease that it was ever granted.
    Report {
        worker: u64,
        lease: u64,
        from: u64,
        len: u64,
        fails: bool,
        slow: u32,
    },
    /// Numbers of any lease, or beyond, from anybody.
    Forge {
        worker: u64,
        lease: u64,
        numbers: u64,
        generation: u32,
    },
    GiveBack {
        worker: u64,
        lease: u64,
        len: u64,
    },
    /// Tenths of a second, woken as asked for or only at the end.
    Wait {
        tenths: u64,
        woken: bool,
    },
    Pause(u64),
    Resume(u64),
    Cancel(u64),
    Retry(u64),
    Grow(u64),
    Priority(u64, i32),
    Add(u64),
    Remove(u64),
    /// The coordinator starts again from what is durable, and workers come back with what they hold.
    Restart {
        returns: u64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let worker = 0u64..6;
    let sweep = 0u64..3;
    let join = (
        worker.clone(),
        1u32..5,
        proptest::option::of(1u64..40),
        proptest::option::of(0u64..4),
        0u64..=100,
    );
    let report = (
        worker.clone(),
        0u64..8,
        0u64..20,
        1u64..20,
        any::<bool>(),
        0u32..50,
    );
    let forge = (worker.clone(), 0u64..40, 0u64..80, 0u32..3);
    prop_oneof![
        6 => join.prop_map(|(worker, threads, time_left, memory, remembers)| {
            Op::Join { worker, threads, time_left, memory, remembers }
        }),
        2 => worker.clone().prop_map(Op::Leave),
        1 => worker.clone().prop_map(Op::Goodbye),
        1 => worker.clone().prop_map(Op::Drain),
        6 => (worker.clone(), 50u64..=120, any::<bool>()).prop_map(|(worker, names, running)| {
            Op::Beat { worker, names, running }
        }),
        14 => report.prop_map(|(worker, lease, from, len, fails, slow)| {
            Op::Report { worker, lease, from, len, fails, slow }
        }),
        1 => forge.prop_map(|(worker, lease, numbers, generation)| {
            Op::Forge { worker, lease, numbers, generation }
        }),
        1 => (worker, 0u64..8, 1u64..20).prop_map(|(worker, lease, len)| {
            Op::GiveBack { worker, lease, len }
        }),
        8 => (1u64..150, any::<bool>()).prop_map(|(tenths, woken)| Op::Wait { tenths, woken }),
        1 => sweep.clone().prop_map(Op::Pause),
        2 => sweep.clone().prop_map(Op::Resume),
        1 => sweep.clone().prop_map(Op::Cancel),
        1 => sweep.clone().prop_map(Op::Retry),
        1 => sweep.clone().prop_map(Op::Grow),
        1 => (sweep.clone(), -2i32..3).prop_map(|(sweep, priority)| Op::Priority(sweep, priority)),
        2 => sweep.clone().prop_map(Op::Add),
        1 => sweep.prop_map(Op::Remove),
        1 => (0u64..=100).prop_map(|returns| Op::Restart { returns }),
    ]
}

/// `len` of the numbers from the one at `from` on.
fn some_of(numbers: &IntervalSet, from: u64, len: u64) -> IntervalSet {
    let numbers = numbers.runs().flatten().skip(from as usize);
    numbers.take(len as usize).map(|n| n..n + 1).collect()
}

/// What a worker was granted and has not reported, as it sees it.
type Hands = BTreeMap<LeaseId, (SweepKey, IntervalSet)>;

struct Machine {
    scheduler: Scheduler,
    shadow: Shadow,
    generation: u32,
    now: Now,
    hands: BTreeMap<WorkerId, Hands>,
    memory: BTreeMap<WorkerId, Option<u64>>,
    /// Everything ever granted, oldest first.
    granted: Vec<(WorkerId, LeaseId, SweepKey, IntervalSet)>,
    fresh: VecDeque<Action>,
}

fn config(generation: u32) -> Config {
    Config {
        generation,
        heartbeat_timeout: Duration::from_secs(5),
        late_window: Duration::from_secs(20),
        lease_target: Duration::from_secs(1),
        max_attempts: ATTEMPTS,
        checkpoint_after: Some(Duration::from_secs(15)),
    }
}

fn pattern(sweep: SweepKey, end: u64) -> Pattern {
    match sweep.0 {
        0 => Pattern::plain(end, 0.2),
        1 => Pattern {
            end,
            block: 2,
            period: 3,
            kept: 2,
            seconds: 0.05,
            cost_block: 5,
            levels: 3,
            bytes: 1.0,
        },
        _ => Pattern::plain(end, 20.0),
    }
}

impl Machine {
    fn new() -> Machine {
        Machine {
            scheduler: Scheduler::new(config(1)),
            shadow: Shadow::default(),
            generation: 1,
            now: Now::ZERO,
            hands: BTreeMap::new(),
            memory: BTreeMap::new(),
            granted: Vec::new(),
            fresh: VecDeque::new(),
        }
    }

    fn send(&mut self, event: Event) {
        let actions = self.scheduler.handle(self.now, event);
        if let Err(error) = self.scheduler.check() {
            panic!("{error}");
        }
        self.shadow.watch(&actions);
        for action in &actions {
            match action {
                Action::Grant(Grant {
                    worker,
                    lease,
                    sweep,
                    ranges,
                    ..
                }) => {
                    let status = self.scheduler.sweep_status(*sweep).expect("a sweep");
                    assert_eq!(status.state, SweepState::Running);
                    let numbers: IntervalSet = ranges.iter().cloned().collect();
                    if let Some(Some(memory)) = self.memory.get(worker) {
                        let largest = self.shadow.sweeps[sweep].pattern.largest(&numbers);
                        assert!(largest <= *memory as f64, "{lease} does not fit {worker}");
                    }
                    let hands = self.hands.entry(*worker).or_default();
                    hands.insert(*lease, (*sweep, numbers.clone()));
                    self.granted.push((*worker, *lease, *sweep, numbers));
                }
                Action::Revoke {
                    worker,
                    lease,
                    ranges,
                    ..
                } => {
                    let held = self
                        .hands
                        .get_mut(worker)
                        .and_then(|hands| hands.get_mut(lease));
                    if let Some((_, numbers)) = held {
                        numbers.subtract(&ranges.iter().cloned().collect());
                    }
                }
                _ => {}
            }
        }
        self.fresh.extend(actions);
        let wake = self.scheduler.next_wakeup();
        assert!(wake.is_none_or(|wake| wake > self.now), "woken for nothing");
    }

    fn join(
        &mut self,
        worker: WorkerId,
        threads: u32,
        time_left: Option<u64>,
        memory: Option<u64>,
        remembers: u64,
    ) {
        self.memory.insert(worker, memory);
        let mut held = Vec::new();
        for (at, (lease, (sweep, numbers))) in
            self.hands.entry(worker).or_default().iter().enumerate()
        {
            // Some that it forgets, by a rule that differs from lease to lease.
            if (at as u64 * 37 + 11) % 100 < remembers && !numbers.is_empty() {
                self.shadow.brought(worker, *lease, *sweep, numbers);
                held.push(Held {
                    lease: *lease,
                    sweep: *sweep,
                    numbers: numbers.clone(),
                });
            }
        }
        let deadline = time_left.map(|left| self.now + Duration::from_secs(left));
        self.send(Event::Join {
            worker,
            threads,
            name: String::new(),
            deadline,
            memory,
            held,
        });
    }

    fn wait(&mut self, tenths: u64, woken: bool) {
        let end = self.now + Duration::from_millis(100 * tenths);
        while woken
            && let Some(at) = self.scheduler.next_wakeup()
            && at < end
        {
            self.now = at;
            self.send(Event::Tick);
        }
        self.now = end;
        self.send(Event::Tick);
    }

    /// The `pick`-th latest lease that this worker, or anybody, was granted.
    fn pick(
        &self,
        worker: Option<WorkerId>,
        pick: u64,
    ) -> Option<(LeaseId, SweepKey, IntervalSet)> {
        let of = |granted: &&(WorkerId, LeaseId, SweepKey, IntervalSet)| {
            worker.is_none_or(|worker| granted.0 == worker)
        };
        let mut found = self.granted.iter().rev().filter(of);
        let (_, lease, sweep, numbers) = found.nth(pick as usize)?;
        Some((*lease, *sweep, numbers.clone()))
    }

    fn report(
        &mut self,
        worker: WorkerId,
        lease: LeaseId,
        sweep: SweepKey,
        numbers: IntervalSet,
        fails: bool,
        slow: f64,
    ) {
        if let Some((_, held)) = self
            .hands
            .get_mut(&worker)
            .and_then(|hands| hands.get_mut(&lease))
        {
            held.subtract(&numbers);
        }
        self.send(Event::Report(Report {
            worker,
            sweep,
            lease,
            generation: lease.generation(),
            failed: if fails {
                numbers.clone()
            } else {
                IntervalSet::new()
            },
            work_seconds: slow * numbers.len() as f64,
            numbers,
        }));
    }

    fn restart(&mut self, returns: u64) {
        self.generation += 1;
        self.scheduler = Scheduler::new(config(self.generation));
        let patterns: Vec<(SweepKey, Pattern)> = self
            .shadow
            .sweeps
            .iter()
            .map(|(key, books)| (*key, books.pattern))
            .collect();
        for (key, pattern) in patterns {
            let event = self.shadow.add(key, pattern, 0);
            self.send(event);
        }
        let workers: Vec<WorkerId> = self.hands.keys().copied().collect();
        for worker in workers {
            self.join(worker, 2, None, None, returns);
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Join {
                worker,
                threads,
                time_left,
                memory,
                remembers,
            } => self.join(WorkerId(worker), threads, time_left, memory, remembers),
            Op::Leave(worker) => self.send(Event::Leave {
                worker: WorkerId(worker),
            }),
            Op::Goodbye(worker) => {
                let worker = WorkerId(worker);
                self.hands.remove(&worker);
                self.send(Event::Goodbye { worker });
            }
            Op::Drain(worker) => self.send(Event::Drain {
                worker: WorkerId(worker),
            }),
            Op::Beat {
                worker,
                names,
                running,
            } => self.beat(WorkerId(worker), names, running),
            Op::Report {
                worker,
                lease,
                from,
                len,
                fails,
                slow,
            } => {
                let worker = WorkerId(worker);
                if let Some((lease, sweep, granted)) = self.pick(Some(worker), lease) {
                    let numbers = some_of(&granted, from % 3, len);
                    self.report(worker, lease, sweep, numbers, fails, f64::from(slow) * 0.1);
                }
            }
            Op::Forge {
                worker,
                lease,
                numbers,
                generation,
            } => self.forge(WorkerId(worker), lease, numbers, generation),
            Op::GiveBack { worker, lease, len } => self.give_back(WorkerId(worker), lease, len),
            Op::Wait { tenths, woken } => self.wait(tenths, woken),
            Op::Restart { returns } => self.restart(returns),
            other => self.administer(other),
        }
    }

    fn beat(&mut self, worker: WorkerId, names: u64, running: bool) {
        let hands = self.hands.entry(worker).or_default();
        let named = hands.iter().filter(|(lease, (_, numbers))| {
            !numbers.is_empty() && (lease.0 * 37 + 11) % 100 < names
        });
        let leases = named
            .map(|(lease, (_, numbers))| LeaseBeat {
                lease: *lease,
                begun: running,
                running: numbers
                    .runs()
                    .flatten()
                    .take(usize::from(running))
                    .collect(),
            })
            .collect();
        self.send(Event::Heartbeat { worker, leases });
    }

    fn forge(&mut self, worker: WorkerId, lease: u64, numbers: u64, generation: u32) {
        let nothing = (LeaseId(lease), SweepKey(0), IntervalSet::new());
        let (lease, sweep, _) = self.pick(None, lease).unwrap_or(nothing);
        self.send(Event::Report(Report {
            worker,
            sweep,
            lease,
            generation,
            numbers: (numbers..numbers + 2).map(|n| n..n + 1).collect(),
            failed: IntervalSet::new(),
            work_seconds: -1.0,
        }));
    }

    fn give_back(&mut self, worker: WorkerId, lease: u64, len: u64) {
        let Some((lease, _, granted)) = self.pick(Some(worker), lease) else {
            return;
        };
        let numbers = some_of(&granted, 0, len);
        let hands = self.hands.get_mut(&worker);
        if let Some((_, held)) = hands.and_then(|hands| hands.get_mut(&lease)) {
            held.subtract(&numbers);
        }
        self.send(Event::GiveBack {
            worker,
            lease,
            numbers,
            unfit: len.is_multiple_of(3),
        });
    }

    fn administer(&mut self, op: Op) {
        match op {
            Op::Pause(sweep) => self.send(Event::Pause {
                sweep: SweepKey(sweep),
            }),
            Op::Resume(sweep) => self.resume(SweepKey(sweep)),
            Op::Cancel(sweep) => self.send(Event::Cancel {
                sweep: SweepKey(sweep),
            }),
            Op::Retry(sweep) => {
                let sweep = SweepKey(sweep);
                // A sweep that is not there has nothing to run again.
                if self.scheduler.sweep_status(sweep).is_some() {
                    let mut numbers = IntervalSet::new();
                    numbers.insert(0..1_000);
                    self.shadow.reopen(sweep, &numbers);
                    self.send(Event::Retry { sweep, numbers });
                }
            }
            Op::Grow(sweep) => {
                let sweep = SweepKey(sweep);
                if self.scheduler.sweep_status(sweep).is_some()
                    && let Some(books) = self.shadow.sweeps.get_mut(&sweep)
                {
                    books.ended = false;
                    books.pattern.end += 7;
                    let work = Arc::new(books.pattern);
                    self.send(Event::GrowSweep { sweep, work });
                }
            }
            Op::Priority(sweep, priority) => {
                let sweep = SweepKey(sweep);
                self.send(Event::SetPriority { sweep, priority });
            }
            Op::Add(sweep) => {
                let sweep = SweepKey(sweep);
                let event = self.shadow.add(sweep, pattern(sweep, 40), 0);
                self.send(event);
            }
            Op::Remove(sweep) => self.send(Event::RemoveSweep {
                sweep: SweepKey(sweep),
            }),
            _ => {}
        }
    }

    fn resume(&mut self, sweep: SweepKey) {
        if let Some(books) = self.shadow.sweeps.get_mut(&sweep) {
            books.ended = books.complete();
        }
        self.send(Event::Resume { sweep });
    }

    /// One good worker finishes everything.
    fn finish(&mut self) {
        let sweeps: Vec<SweepKey> = self.shadow.sweeps.keys().copied().collect();
        for sweep in sweeps {
            if self.scheduler.sweep_status(sweep).is_some() {
                self.resume(sweep);
            }
        }
        for worker in 0..6 {
            self.send(Event::Goodbye {
                worker: WorkerId(worker),
            });
        }
        self.fresh.clear();
        let good = WorkerId(99);
        self.join(good, 2, None, None, 0);
        while let Some(action) = self.fresh.pop_front() {
            if let Action::Grant(Grant {
                lease,
                sweep,
                ranges,
                ..
            }) = action
            {
                let numbers = ranges.into_iter().collect();
                self.report(good, lease, sweep, numbers, false, 0.01);
            }
        }
        for status in self.scheduler.sweeps().collect::<Vec<_>>() {
            assert_eq!(status.state, SweepState::Finished, "{status:?}");
            assert!(self.shadow.sweeps[&status.sweep].complete());
        }
        assert_eq!(self.scheduler.leases().count(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_events_keeps_the_invariants(ops in proptest::collection::vec(op(), 1..80)) {
        let mut machine = Machine::new();
        machine.apply(Op::Add(0));
        machine.apply(Op::Add(2));
        for op in ops {
            machine.apply(op);
        }
        machine.finish();
    }
}
