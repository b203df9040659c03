//! Keeps a coordinator's queue met: asks the batch system what there is, and does what is decided. The batch system may
//! be down for as long as it likes.

use std::time::Duration;

use super::backoff::Backoff;
use super::decide::{Decider, Decision, Demand, PilotCount, Policy};
use crate::batch::{
    BatchError, BatchSystem, Order, Ours, State, Submitted, count, in_state, reason,
};

/// Time between two glances at the coordinator's own queue, which cost nothing.
pub const GLANCE_EVERY: Duration = Duration::from_millis(500);

/// Idle pilots leave after this, unless the user says otherwise: longer than it takes to submit the next sweep.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// First and longest time between two looks at the batch system while there is nothing to do about it: `squeue`
/// lists every job of the site, and its controller has others to serve.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const LONGEST_LOOK: Duration = Duration::from_secs(30);

/// First and longest wait while the batch system does not answer.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_secs(120);

/// What has happened, for the coordinator's status and its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Pilots in the batch system's queue, and why those wait that do.
    Queued {
        waiting: u32,
        running: u32,
        reason: String,
    },
    /// Pilots were submitted as a job.
    Submitted { job: String, count: u32 },
    /// The id of that job cannot be kept: it is found by its comment alone.
    NotKept { job: String, why: String },
    /// Pilots that wait were cancelled: nothing waits for a worker.
    Cancelled { count: u32 },
    /// Pilots have ended before a worker of theirs joined, as often as this in a row.
    Fruitless { in_a_row: u32 },
    /// Trials wait that no pilot could take.
    NothingFits { trials: u64 },
    /// The batch system does not answer, or does not do what it is asked.
    Refused { why: String, again_in: Duration },
}

/// Starts and cancels the pilots of one coordinator.
#[derive(Debug)]
pub struct Autoscaler<'a> {
    system: &'a dyn BatchSystem,
    order: Order,
    /// Ids of jobs that were submitted before, also by an earlier process.
    submitted: Option<Submitted>,
    decider: Decider,
    quiet: Backoff,
    trouble: Backoff,
    next_look: Duration,
    had_work: bool,
    had_misfits: bool,
}

impl<'a> Autoscaler<'a> {
    /// Of pilots of one kind, `max_workers` at a time at most. `submitted` keeps the ids of their jobs.
    pub fn new(
        system: &'a dyn BatchSystem,
        order: Order,
        max_workers: u32,
        submitted: Option<Submitted>,
    ) -> Self {
        let policy = Policy {
            max_workers,
            threads: order.pilot.threads,
        };
        Autoscaler {
            system,
            order,
            submitted,
            decider: Decider::new(policy),
            quiet: Backoff::new(LOOK_EVERY, LONGEST_LOOK),
            trouble: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
            next_look: Duration::ZERO,
            had_work: false,
            had_misfits: false,
        }
    }

    /// The batch system that it speaks to.
    pub fn system(&self) -> &'a dyn BatchSystem {
        self.system
    }

    /// How long its pilots may run, where that is known.
    pub fn time(&self) -> Option<Duration> {
        self.order.time
    }

    /// Asks the batch system whether it would take a pilot, so that a wrong option is known before there is work.
    ///
    /// # Errors
    /// [`BatchError`] with what it says against it. One that is down now may be there once there is work.
    pub fn check(&self) -> Result<(), BatchError> {
        self.system.check(&self.order)
    }

    /// Whether [`Autoscaler::step`] has anything to do, by a glance at the coordinator's queue.
    pub fn is_due(&self, now: Duration, demand: &Demand) -> bool {
        has_work(demand) != self.had_work
            || has_misfits(demand) != self.had_misfits
            || now >= self.next_look && self.decider.must_look(demand)
    }

    /// Compares the coordinator's queue with the batch system's, does what that calls for, and says what has happened.
    /// `clock` counts from any start; calls of the batch system take their time.
    pub fn step(&mut self, clock: &dyn Fn() -> Duration, demand: &Demand) -> Vec<Event> {
        let mut events = Vec::new();
        if has_misfits(demand) && !self.had_misfits {
            events.push(Event::NothingFits {
                trials: demand.misfit,
            });
        }
        self.had_misfits = has_misfits(demand);
        if has_work(demand) != self.had_work {
            self.had_work = has_work(demand);
            self.next_look = clock();
            self.quiet.well();
        }
        if clock() < self.next_look || !self.decider.must_look(demand) {
            return events;
        }
        let looked = self.look(clock(), demand, &mut events);
        let wait = match looked {
            Ok(decision) => {
                self.trouble.well();
                match decision {
                    Decision::Nothing => {}
                    Decision::Submit(_) | Decision::CancelWaiting(_) => self.quiet.well(),
                }
                self.quiet.again()
            }
            Err(error) => {
                let again_in = self.trouble.again();
                let why = error.to_string();
                events.push(Event::Refused { why, again_in });
                again_in
            }
        };
        self.next_look = clock() + wait;
        events
    }

    /// One look at the batch system, and what follows from it.
    fn look(
        &mut self,
        now: Duration,
        demand: &Demand,
        events: &mut Vec<Event>,
    ) -> Result<Decision, BatchError> {
        let coordinator = &self.order.pilot.coordinator;
        // Where the ids cannot be read, pilots are found by the comment.
        let known = self.submitted.as_ref();
        let known = known.and_then(|submitted| submitted.of(coordinator).ok());
        let ours = Ours::new(coordinator, &known.unwrap_or_default());
        let jobs = self.system.list(&ours)?;
        let (waiting, running) = count(&jobs);
        let failures = self.decider.failures();
        let pilots = PilotCount { waiting, running };
        let decision = self.decider.look(now, demand, pilots);
        if self.decider.failures() > failures {
            let in_a_row = self.decider.failures();
            events.push(Event::Fruitless { in_a_row });
        }
        let done = match decision {
            Decision::Nothing => Ok(()),
            Decision::Submit(count) => self.submit(count, events),
            Decision::CancelWaiting(count) => {
                let cancelled = self.system.cancel(&in_state(&jobs, State::Waiting));
                cancelled.map(|()| events.push(Event::Cancelled { count }))
            }
        };
        match &done {
            Ok(()) => events.push(Event::Queued {
                waiting,
                running,
                reason: reason(&jobs),
            }),
            Err(_) => self.decider.undone(decision),
        }
        done.map(|()| decision)
    }

    fn submit(&self, count: u32, events: &mut Vec<Event>) -> Result<(), BatchError> {
        let job = self.system.submit(&self.order, count)?;
        let coordinator = &self.order.pilot.coordinator;
        let kept = self.submitted.as_ref();
        let kept = kept.map(|submitted| submitted.add(coordinator, &job));
        if let Some(Err(error)) = kept {
            let (job, why) = (job.clone(), error.to_string());
            events.push(Event::NotKept { job, why });
        }
        events.push(Event::Submitted { job, count });
        Ok(())
    }
}

fn has_work(demand: &Demand) -> bool {
    demand.pending > 0
}

/// Whether all that waits is more than a pilot could take.
fn has_misfits(demand: &Demand) -> bool {
    demand.pending == 0 && demand.misfit > 0
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::batch::fake::Fake;
    use crate::pilot::tests::plain;

    const BOUND: u32 = 8;

    /// An autoscaler over a batch system in memory, with time and demand that the test sets.
    struct Site<'a> {
        scaler: Autoscaler<'a>,
        now: Cell<Duration>,
        demand: Demand,
    }

    impl<'a> Site<'a> {
        fn new(fake: &'a Fake) -> Self {
            Site::with(fake, None)
        }

        fn with(fake: &'a Fake, submitted: Option<Submitted>) -> Self {
            let order = Order {
                pilot: plain("parsimony"),
                time: None,
                options: Vec::new(),
            };
            Site {
                scaler: Autoscaler::new(fake, order, BOUND, submitted),
                now: Cell::new(Duration::ZERO),
                demand: Demand::default(),
            }
        }

        /// Work of `pilots` pilots of one thread.
        fn wants(&mut self, pilots: u32) {
            self.demand.pending = u64::from(pilots) * 100;
            self.demand.seconds = f64::from(pilots) * 30.0;
        }

        /// Workers of these pilots have joined, `workers` in all.
        fn joined(&mut self, workers: u32) {
            self.demand.joined += u64::from(workers.saturating_sub(self.demand.workers));
            self.demand.workers = workers;
            self.demand.threads = workers;
        }

        /// Lets time pass, glance by glance, and collects what happens.
        fn pass(&mut self, seconds: u64) -> Vec<Event> {
            let end = self.now.get() + Duration::from_secs(seconds);
            let mut events = Vec::new();
            while self.now.get() < end {
                if self.scaler.is_due(self.now.get(), &self.demand) {
                    events.extend(self.scaler.step(&|| self.now.get(), &self.demand));
                }
                self.now.set(self.now.get() + GLANCE_EVERY);
            }
            events
        }
    }

    fn submitted(events: &[Event]) -> Vec<u32> {
        let mut counts = Vec::new();
        for event in events {
            if let Event::Submitted { count, .. } = event {
                counts.push(*count);
            }
        }
        counts
    }

    fn refused(events: &[Event]) -> Vec<(&str, u64)> {
        let mut refused = Vec::new();
        for event in events {
            if let Event::Refused { why, again_in } = event {
                refused.push((why.as_str(), again_in.as_secs()));
            }
        }
        refused
    }

    #[test]
    fn pilots_follow_the_demand() {
        let fake = Fake::new();
        let mut site = Site::new(&fake);
        // The batch system is left alone without work.
        assert!(site.pass(60).is_empty());
        assert_eq!(fake.calls(), 0);
        site.wants(3);
        assert_eq!(submitted(&site.pass(1)), [3]);
        // What waits counts as help that is on its way.
        assert!(submitted(&site.pass(120)).is_empty());
        fake.start(3);
        site.joined(3);
        site.wants(5);
        assert_eq!(submitted(&site.pass(60)), [2]);
        assert_eq!(fake.count(), (2, 3));
    }

    #[test]
    fn pilots_never_exceed_the_bound() {
        let fake = Fake::new();
        let mut site = Site::new(&fake);
        let mut workers = 0;
        for round in 0..200_u32 {
            site.wants(round * 7 % 40);
            site.pass(u64::from(round % 9) + 1);
            let (waiting, running) = fake.count();
            assert!(waiting + running <= BOUND, "{waiting} wait, {running} run");
            match round % 3 {
                0 => workers += fake.start(round % 4),
                1 => workers -= fake.end(round % 3),
                _ => site.joined(workers),
            }
        }
        site.wants(1000);
        fake.end(BOUND);
        site.joined(0);
        site.pass(2000);
        assert_eq!(fake.count().0 + fake.count().1, BOUND);
    }

    #[test]
    fn pilots_that_nobody_needs_are_cancelled_and_those_that_run_stay() {
        let fake = Fake::new();
        let mut site = Site::new(&fake);
        site.wants(4);
        site.pass(1);
        fake.start(1);
        site.joined(1);
        site.pass(60);
        site.wants(0);
        let events = site.pass(60);
        assert!(
            events.contains(&Event::Cancelled { count: 3 }),
            "{events:?}"
        );
        assert_eq!(fake.count(), (0, 1));
        // The last one leaves by itself; then nobody is asked any more.
        fake.end(1);
        site.joined(0);
        site.pass(60);
        let calls = fake.calls();
        site.pass(600);
        assert_eq!(fake.calls(), calls);
    }

    #[test]
    fn a_restarted_coordinator_counts_the_pilots_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = || Some(Submitted::of_system(folder.path(), "fake"));
        let fake = Fake::new();
        let mut before = Site::with(&fake, file());
        before.wants(6);
        before.pass(1);
        fake.start(2);
        // The site rewrites comments: only the ids are left.
        fake.rewrite_comments("project=physics");
        let mut after = Site::with(&fake, file());
        after.wants(6);
        let events = after.pass(120);
        assert!(submitted(&events).is_empty(), "{events:?}");
        let queued = Event::Queued {
            waiting: 4,
            running: 2,
            reason: "Priority".to_owned(),
        };
        assert!(events.contains(&queued), "{events:?}");
        // Without the file they are strangers.
        let mut lost = Site::new(&fake);
        lost.wants(6);
        assert_eq!(submitted(&lost.pass(1)), [6]);
    }

    #[test]
    fn refusals_are_reported_and_tried_again_later_and_later() {
        let fake = Fake::new();
        let mut site = Site::new(&fake);
        fake.refuse(Some("invalid partition"));
        assert!(site.scaler.check().is_err());
        site.wants(2);
        let events = site.pass(63);
        let why = "fsub could not load the jobs: invalid partition";
        let expected: Vec<_> = [2, 4, 8, 16, 32, 64].map(|wait| (why, wait)).into();
        assert_eq!(refused(&events), expected);
        assert!(
            refused(&site.pass(1200))
                .iter()
                .all(|(_, wait)| *wait <= 120)
        );
        fake.refuse(None);
        assert_eq!(submitted(&site.pass(120)), [2]);
        // The next trouble begins with a short wait.
        fake.refuse(Some("down"));
        site.wants(4);
        let events = site.pass(60);
        assert_eq!(refused(&events).first().map(|(_, wait)| *wait), Some(2));
    }

    #[test]
    fn a_submission_that_is_refused_is_made_again() {
        let fake = Fake::new();
        let mut site = Site::new(&fake);
        fake.refuse_jobs(Some("no account"));
        site.wants(2);
        let events = site.pass(10);
        assert!(submitted(&events).is_empty(), "{events:?}");
        assert!(refused(&events).len() >= 2, "{events:?}");
        fake.refuse_jobs(None);
        let events = site.pass(60);
        assert_eq!(submitted(&events), [2]);
        assert!(
            !events
                .iter()
                .any(|event| matches!(event, Event::Fruitless { .. }))
        );
    }

    #[test]
    fn pilots_that_vanish_before_they_join_are_reported() {
        let fake = Fake::new();
        let mut site = Site::new(&fake);
        site.wants(1);
        site.pass(1);
        fake.start(1);
        site.pass(30);
        fake.end(1);
        let events = site.pass(100);
        assert!(
            events.contains(&Event::Fruitless { in_a_row: 1 }),
            "{events:?}"
        );
        assert_eq!(submitted(&events), [1]);
    }

    #[test]
    fn trials_that_no_pilot_could_take_are_reported_once() {
        let fake = Fake::new();
        let mut site = Site::new(&fake);
        site.demand.misfit = 7;
        assert_eq!(site.pass(60), [Event::NothingFits { trials: 7 }]);
        site.demand.misfit = 0;
        assert!(site.pass(60).is_empty());
        site.demand.misfit = 2;
        assert_eq!(site.pass(60), [Event::NothingFits { trials: 2 }]);
    }
}
