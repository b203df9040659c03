//! A scheduler with its actions recorded, and short ways to say what happens.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use sweep::IntervalSet;

use crate::{
    Action, Config, Event, Grant, Held, LeaseBeat, LeaseId, Now, Report, Running, Scheduler,
    SweepKey, Work, WorkerId, sets,
};

pub(super) const S: SweepKey = SweepKey(1);
pub(super) const GENERATION: u32 = 7;
pub(super) const TIMEOUT: f64 = 10.0;

/// Numbers `0..count`, all kept, of equal cost.
#[derive(Debug)]
pub(super) struct Flat {
    pub(super) count: u64,
    pub(super) seconds: f64,
}

impl Work for Flat {
    fn end(&self) -> u64 {
        self.count
    }

    fn kept_run(&self, from: u64, end: u64, max_len: u64) -> Option<Range<u64>> {
        (from < end).then(|| from..end.min(from.saturating_add(max_len)))
    }

    fn count(&self) -> u64 {
        self.count
    }

    fn seconds(&self, _: u64) -> f64 {
        self.seconds
    }

    fn constant_run(&self, _: u64) -> u64 {
        self.count
    }
}

/// What a grant says, in short.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Granted {
    pub(super) worker: u64,
    pub(super) lease: LeaseId,
    pub(super) sweep: SweepKey,
    pub(super) numbers: IntervalSet,
    pub(super) attempt: u32,
    pub(super) isolated: bool,
    pub(super) speculative: bool,
}

pub(super) struct Bench {
    pub(super) scheduler: Scheduler,
    pub(super) now: Now,
    pub(super) actions: VecDeque<Action>,
}

pub(super) fn set(ranges: &[Range<u64>]) -> IntervalSet {
    ranges.iter().cloned().collect()
}

pub(super) fn config() -> Config {
    Config {
        generation: GENERATION,
        heartbeat_timeout: Duration::from_secs_f64(TIMEOUT),
        late_window: Duration::from_secs(100),
        lease_target: Duration::from_secs(1),
        max_attempts: 3,
        checkpoint_after: None,
    }
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench::with(config())
    }

    pub(super) fn with(config: Config) -> Bench {
        Bench {
            scheduler: Scheduler::new(config),
            now: Now::ZERO,
            actions: VecDeque::new(),
        }
    }

    pub(super) fn send(&mut self, event: Event) {
        let actions = self.scheduler.handle(self.now, event);
        self.scheduler.check().unwrap();
        self.actions.extend(actions);
    }

    /// Lets time pass, waking the scheduler when it asks for it. The workers named send heartbeats each second that
    /// name all their leases, with nothing known to be running.
    pub(super) fn wait(&mut self, seconds: f64, alive: &[u64]) {
        let end = self.now + Duration::from_secs_f64(seconds);
        let mut beat = self.now + Duration::from_secs(1);
        while self.now < end {
            let wake = self.scheduler.next_wakeup().unwrap_or(end);
            assert!(wake > self.now, "woken at {wake:?} for nothing");
            self.now = wake.min(beat).min(end);
            if self.now == beat {
                beat += Duration::from_secs(1);
                for &worker in alive {
                    self.beat(worker, &[]);
                }
            }
            self.send(Event::Tick);
        }
    }

    pub(super) fn beat(&mut self, worker: u64, running: &[u64]) {
        let leases = self
            .scheduler
            .leases()
            .filter(|lease| lease.worker == WorkerId(worker))
            .map(|lease| LeaseBeat {
                lease: lease.lease,
                begun: false,
                running: running.to_vec(),
            })
            .collect();
        self.send(Event::Heartbeat {
            worker: WorkerId(worker),
            leases,
        });
    }

    /// The worker hands a lease to its threads.
    pub(super) fn begin(&mut self, grant: &Granted) {
        let leases = self
            .scheduler
            .leases()
            .filter(|lease| lease.worker == WorkerId(grant.worker))
            .map(|lease| LeaseBeat {
                lease: lease.lease,
                begun: lease.lease == grant.lease,
                running: Vec::new(),
            })
            .collect();
        self.send(Event::Heartbeat {
            worker: WorkerId(grant.worker),
            leases,
        });
    }

    pub(super) fn add(&mut self, sweep: SweepKey, count: u64, seconds: f64) {
        self.add_with(sweep, count, seconds, 0, &[]);
    }

    pub(super) fn add_with(
        &mut self,
        sweep: SweepKey,
        count: u64,
        seconds: f64,
        priority: i32,
        done: &[Range<u64>],
    ) {
        self.send(Event::AddSweep {
            sweep,
            work: Arc::new(Flat { count, seconds }),
            done: set(done),
            failed: IntervalSet::new(),
            priority,
            paused: false,
        });
    }

    pub(super) fn join(&mut self, worker: u64, threads: u32) {
        self.rejoin(worker, threads, None, Vec::new());
    }

    pub(super) fn rejoin(
        &mut self,
        worker: u64,
        threads: u32,
        deadline: Option<f64>,
        held: Vec<Held>,
    ) {
        self.send(Event::Join {
            worker: WorkerId(worker),
            threads,
            name: format!("w{worker}"),
            deadline: deadline.map(Duration::from_secs_f64),
            memory: None,
            held,
        });
    }

    pub(super) fn leave(&mut self, worker: u64) {
        self.send(Event::Leave {
            worker: WorkerId(worker),
        });
    }

    /// Reports numbers of a lease as done, at the predicted speed.
    pub(super) fn report(&mut self, grant: &Granted, numbers: &IntervalSet) {
        self.report_at(grant, numbers, 1.0);
    }

    /// Reports numbers that took `slow` times the predicted second each.
    pub(super) fn report_at(&mut self, grant: &Granted, numbers: &IntervalSet, slow: f64) {
        let sweep = &self.scheduler.sweeps[&grant.sweep];
        let each = sets::first_run(numbers).map_or(0.0, |run| sweep.work.seconds(run.start));
        self.send(Event::Report(Report {
            worker: WorkerId(grant.worker),
            sweep: grant.sweep,
            lease: grant.lease,
            generation: GENERATION,
            numbers: numbers.clone(),
            failed: IntervalSet::new(),
            work_seconds: slow * each * numbers.len() as f64,
        }));
    }

    pub(super) fn finish(&mut self, grant: &Granted) {
        self.report(grant, &grant.numbers.clone());
        assert_eq!(self.accepted(), grant.numbers);
    }

    pub(super) fn take(&mut self) -> Action {
        self.actions.pop_front().expect("an action")
    }

    /// The next action, which must be a grant.
    pub(super) fn granted(&mut self) -> Granted {
        match self.take() {
            Action::Grant(Grant {
                worker,
                lease,
                generation,
                sweep,
                ranges,
                deadline,
                attempt,
                isolated,
                speculative,
            }) => {
                assert_eq!(generation, GENERATION);
                assert_eq!(deadline, self.now + Duration::from_secs_f64(TIMEOUT));
                Granted {
                    worker: worker.0,
                    lease,
                    sweep,
                    numbers: set(&ranges),
                    attempt,
                    isolated,
                    speculative,
                }
            }
            other => panic!("a grant expected, not {other:?}"),
        }
    }

    /// The next action must be a plain grant of these numbers to this worker.
    pub(super) fn granted_of(&mut self, worker: u64, range: Range<u64>) -> Granted {
        let grant = self.granted();
        assert_eq!((grant.worker, &grant.numbers), (worker, &sets::of(range)));
        assert!(!grant.isolated && !grant.speculative);
        grant
    }

    /// The next action must accept numbers.
    pub(super) fn accepted(&mut self) -> IntervalSet {
        match self.take() {
            Action::Accept { numbers, .. } => numbers,
            other => panic!("numbers accepted expected, not {other:?}"),
        }
    }

    /// The next action must revoke numbers of a lease.
    pub(super) fn revoked(&mut self, grant: &Granted, running: Running) -> IntervalSet {
        match self.take() {
            Action::Revoke {
                worker,
                lease,
                ranges,
                running: found,
            } => {
                assert_eq!(
                    (worker.0, lease, found),
                    (grant.worker, grant.lease, running)
                );
                set(&ranges)
            }
            other => panic!("a revocation expected, not {other:?}"),
        }
    }

    /// The next action must give a worker up.
    pub(super) fn lost(&mut self, worker: u64, trials: u64) {
        let expected = Action::Lost {
            worker: WorkerId(worker),
            trials,
        };
        assert_eq!(self.take(), expected);
    }

    pub(super) fn none_left(&self) {
        assert!(self.actions.is_empty(), "{:?}", self.actions);
    }

    pub(super) fn deaths(&self, number: u64) -> u32 {
        self.scheduler.sweeps[&S].pool.deaths(number)
    }
}
