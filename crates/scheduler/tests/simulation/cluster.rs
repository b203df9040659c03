//! A simulated cluster: virtual time, a network that delays, repeats, reorders and cuts, and what befalls workers. The
//! scheduler under test stands where the coordinator is.

use std::collections::BTreeMap;
use std::time::Duration;

use scheduler::{
    Action, Config, DropReason, Event, Grant, LeaseId, Now, Running, Scheduler, SweepKey,
    SweepState, WorkerId,
};
use sweep::IntervalSet;

use crate::chance::Chance;
use crate::crew::{Killers, Member, Outcome};
use crate::pattern::Pattern;
use crate::shadow::{ATTEMPTS, Shadow};

/// Seconds between two heartbeats of a worker.
const BEAT: f64 = 2.0;

/// What to simulate.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) workers: u64,
    pub(crate) most_threads: u64,
    pub(crate) sweeps: Vec<(Pattern, i32)>,
    pub(crate) killers: Killers,
    /// Memory of every other worker; the rest have all that is needed.
    pub(crate) memory: Option<u64>,
    /// Mean seconds between two misfortunes of the cluster; `None`: a calm day.
    pub(crate) misfortune: Option<f64>,
    /// Of sixteen misfortunes one is the coordinator's, and so often it stands still for up to twenty seconds.
    pub(crate) stalls: f64,
    /// All workers equally fast.
    pub(crate) even: bool,
    /// Check the scheduler's whole state after every so many events. The shadow is checked after each.
    pub(crate) check_every: u64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) time: Duration,
    pub(crate) events: u64,
    pub(crate) leases: u64,
    pub(crate) trials_granted: u64,
    pub(crate) lost: u64,
    pub(crate) failed: BTreeMap<SweepKey, IntervalSet>,
}

enum Happening {
    /// A message reaches the coordinator.
    Arrive {
        event: Event,
        stream: u64,
    },
    /// A message reaches a worker.
    Deliver {
        worker: WorkerId,
        stream: u64,
        order: Order,
    },
    Join(WorkerId),
    Step {
        worker: WorkerId,
        step: u64,
        dies: bool,
    },
    Beat {
        worker: WorkerId,
        stream: u64,
    },
    /// A cut heals: the worker offers again what was not acknowledged.
    Heal(WorkerId),
    Spawn,
    Misfortune,
    Wake,
}

#[derive(Clone)]
enum Order {
    Grant {
        lease: LeaseId,
        sweep: SweepKey,
        ranges: Vec<std::ops::Range<u64>>,
    },
    Revoke {
        lease: LeaseId,
        ranges: Vec<std::ops::Range<u64>>,
        running: Running,
    },
    Acknowledge {
        lease: LeaseId,
        numbers: IntervalSet,
    },
    Drained,
}

pub(crate) struct Cluster {
    plan: Plan,
    chance: Chance,
    now: Now,
    queue: BTreeMap<(Now, u64), Happening>,
    queued: u64,
    scheduler: Scheduler,
    shadow: Shadow,
    crew: BTreeMap<WorkerId, Member>,
    /// The stream of each worker that the coordinator holds for the present one.
    streams: BTreeMap<WorkerId, u64>,
    last_stream: u64,
    last_worker: u64,
    /// The coordinator stands still until then.
    stalled_until: Now,
    wake: Option<Now>,
    events: u64,
}

impl Cluster {
    pub(crate) fn new(plan: Plan, seed: u64) -> Cluster {
        let config = Config {
            generation: 1,
            heartbeat_timeout: Duration::from_secs(8),
            late_window: Duration::from_secs(60),
            lease_target: Duration::from_secs(1),
            max_attempts: ATTEMPTS,
            checkpoint_after: None,
        };
        Cluster {
            plan,
            chance: Chance::new(seed),
            now: Now::ZERO,
            queue: BTreeMap::new(),
            queued: 0,
            scheduler: Scheduler::new(config),
            shadow: Shadow::default(),
            crew: BTreeMap::new(),
            streams: BTreeMap::new(),
            last_stream: 0,
            last_worker: 0,
            stalled_until: Now::ZERO,
            wake: None,
            events: 0,
        }
    }

    /// Runs until every sweep has ended.
    pub(crate) fn run(mut self) -> Report {
        for (key, (pattern, priority)) in (1..).zip(self.plan.sweeps.clone()) {
            let event = self.shadow.add(SweepKey(key), pattern, priority);
            self.feed(event);
        }
        for _ in 0..self.plan.workers {
            let at = self.chance.delay(0.0, 2.0);
            self.later(at, Happening::Spawn);
        }
        if let Some(mean) = self.plan.misfortune {
            let at = self.chance.wait(mean);
            self.later(at, Happening::Misfortune);
        }
        while self.shadow.sweeps.values().any(|books| !books.ended) {
            let ((at, _), happening) = self.queue.pop_first().expect("something happens");
            assert!(at < Duration::from_secs(20_000), "the sweeps do not end");
            self.now = at;
            self.happen(happening);
        }
        self.scheduler.check().expect("a sound state");
        for (key, books) in &self.shadow.sweeps {
            let status = self.scheduler.sweep_status(*key).expect("a sweep");
            assert_eq!(status.state, SweepState::Finished);
            assert_eq!((status.leased, status.pending, status.leases), (0, 0, 0));
            assert_eq!(status.done, books.done.len());
            assert_eq!(status.failed, books.failed.len());
        }
        Report {
            time: self.now,
            events: self.events,
            leases: self.shadow.leases_granted,
            trials_granted: self.shadow.trials_granted,
            lost: self.shadow.lost,
            failed: self
                .shadow
                .sweeps
                .into_iter()
                .map(|(key, books)| (key, books.failed))
                .collect(),
        }
    }

    fn later(&mut self, after: Duration, happening: Happening) {
        self.queued += 1;
        self.queue
            .insert((self.now + after, self.queued), happening);
    }

    fn happen(&mut self, happening: Happening) {
        let at_coordinator = matches!(
            happening,
            Happening::Arrive { .. } | Happening::Wake | Happening::Join(_)
        );
        if at_coordinator && self.now < self.stalled_until {
            let wait = self.stalled_until - self.now;
            self.later(wait, happening);
            return;
        }
        match happening {
            Happening::Arrive { event, stream } => self.arrive(event, stream),
            Happening::Deliver {
                worker,
                stream,
                order,
            } => self.deliver(worker, stream, order),
            Happening::Join(worker) => self.join(worker),
            Happening::Step { worker, step, dies } => self.step(worker, step, dies),
            Happening::Beat { worker, stream } => self.beat(worker, stream),
            Happening::Heal(worker) => self.offer(worker),
            Happening::Spawn => self.spawn(),
            Happening::Misfortune => self.misfortune(),
            Happening::Wake => {
                self.wake = None;
                self.feed(Event::Tick);
            }
        }
    }

    /// Gives the scheduler an event and sends what it answers.
    fn feed(&mut self, event: Event) {
        let reported = match &event {
            Event::Report(report) => Some((report.worker, report.lease, report.numbers.clone())),
            _ => None,
        };
        let heard = match &event {
            Event::Heartbeat { worker, .. }
            | Event::Drain { worker }
            | Event::GiveBack { worker, .. } => Some(*worker),
            Event::Report(report) => Some(report.worker),
            _ => None,
        };
        let actions = self.scheduler.handle(self.now, event);
        self.events += 1;
        self.shadow.watch(&actions);
        if self.events.is_multiple_of(self.plan.check_every) {
            self.scheduler.check().expect("a sound state");
        }
        for action in actions {
            self.act(action);
        }
        // New or not, a report that was taken in is acknowledged whole.
        if let Some((worker, lease, numbers)) = reported {
            self.send(worker, Order::Acknowledge { lease, numbers });
        }
        let nothing_held = |worker: &WorkerId| {
            let status = self.scheduler.worker_status(*worker);
            status.is_some_and(|status| status.draining && status.leases == 0)
        };
        if let Some(worker) = heard.filter(nothing_held) {
            self.send(worker, Order::Drained);
        }
        if let Some(at) = self.scheduler.next_wakeup()
            && self.wake.is_none_or(|wake| at < wake)
        {
            assert!(at > self.now, "woken for nothing at {at:?}");
            self.wake = Some(at);
            self.later(at - self.now, Happening::Wake);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Grant(Grant {
                worker,
                lease,
                sweep,
                ranges,
                ..
            }) => {
                if let Some(memory) = self.memory(worker) {
                    let numbers = ranges.iter().cloned().collect();
                    let largest = self.shadow.sweeps[&sweep].pattern.largest(&numbers);
                    assert!(largest <= memory as f64, "{lease} does not fit {worker}");
                }
                self.send(
                    worker,
                    Order::Grant {
                        lease,
                        sweep,
                        ranges,
                    },
                );
            }
            Action::Revoke {
                worker,
                lease,
                ranges,
                running,
            } => self.send(
                worker,
                Order::Revoke {
                    lease,
                    ranges,
                    running,
                },
            ),
            Action::DropWorker { worker, reason } => {
                assert_eq!(reason, DropReason::Unknown, "an honest worker is sent away");
                self.disconnect(worker, false);
            }
            Action::Accept { .. }
            | Action::Fail { .. }
            | Action::Finished { .. }
            | Action::Lost { .. } => {}
        }
    }

    /// Whether messages between a worker and the coordinator are lost at present.
    fn cut(&self, worker: WorkerId) -> bool {
        self.crew
            .get(&worker)
            .is_none_or(|member| self.now < member.cut_until)
    }

    /// Sends a message to a worker on the stream that the coordinator holds for its present one.
    fn send(&mut self, worker: WorkerId, order: Order) {
        let Some(&stream) = self.streams.get(&worker) else {
            return;
        };
        if self.cut(worker) {
            return;
        }
        if self.chance.happens(0.02) {
            let again = Happening::Deliver {
                worker,
                stream,
                order: order.clone(),
            };
            let after = self.chance.delay(0.001, 0.5);
            self.later(after, again);
        }
        let after = self.chance.delay(0.000_5, 0.01);
        self.later(
            after,
            Happening::Deliver {
                worker,
                stream,
                order,
            },
        );
    }

    /// A worker sends a message.
    fn report(&mut self, worker: WorkerId, event: Event) {
        let Some(stream) = self.crew.get(&worker).and_then(|member| member.stream) else {
            return;
        };
        if self.cut(worker) {
            return;
        }
        if self.chance.happens(0.02) {
            let again = Happening::Arrive {
                event: event.clone(),
                stream,
            };
            let after = self.chance.delay(0.001, 3.0);
            self.later(after, again);
        }
        let after = self.chance.delay(0.000_5, 0.01);
        self.later(after, Happening::Arrive { event, stream });
    }

    fn arrive(&mut self, event: Event, stream: u64) {
        // The end of a stream that was followed by another says nothing of the worker.
        if let Event::Leave { worker } = event
            && self.streams.get(&worker) != Some(&stream)
        {
            return;
        }
        if let Event::Leave { worker } | Event::Goodbye { worker } = event {
            self.streams.remove(&worker);
        }
        self.feed(event);
    }

    fn deliver(&mut self, worker: WorkerId, stream: u64, order: Order) {
        let cut = self.cut(worker);
        let Some(member) = self.crew.get_mut(&worker) else {
            return;
        };
        if !member.alive || cut || member.stream != Some(stream) {
            return;
        }
        match order {
            Order::Grant {
                lease,
                sweep,
                ranges,
            } => member.granted(lease, sweep, &ranges),
            Order::Revoke {
                lease,
                ranges,
                running,
            } => member.revoked(lease, &ranges, running),
            Order::Acknowledge { lease, numbers } => member.acknowledged(lease, &numbers),
            Order::Drained => {
                if member.draining {
                    self.report(worker, Event::Goodbye { worker });
                    self.bury(worker);
                }
                return;
            }
        }
        self.begin(worker);
    }

    fn begin(&mut self, worker: WorkerId) {
        let Some(member) = self.crew.get_mut(&worker) else {
            return;
        };
        let Some(outcome) = member.begin(&self.shadow.sweeps, &self.plan.killers) else {
            return;
        };
        let step = member.step;
        // As a worker does that hands a lease to its threads.
        let beat = member.heartbeat();
        self.report(worker, beat);
        let (after, dies) = match outcome {
            Outcome::Done(after) => (after, false),
            Outcome::Dies(after) => (after, true),
        };
        self.later(after, Happening::Step { worker, step, dies });
    }

    fn step(&mut self, worker: WorkerId, step: u64, dies: bool) {
        let Some(member) = self.crew.get_mut(&worker) else {
            return;
        };
        if !member.alive || member.step != step {
            return;
        }
        if dies {
            self.kill(worker);
        } else {
            if let Some(report) = member.finish() {
                self.report(worker, report);
            }
            self.begin(worker);
        }
    }

    fn beat(&mut self, worker: WorkerId, stream: u64) {
        let Some(member) = self.crew.get(&worker) else {
            return;
        };
        if member.alive && member.stream == Some(stream) {
            let beat = member.heartbeat();
            self.report(worker, beat);
            let after = Duration::from_secs_f64(BEAT);
            self.later(after, Happening::Beat { worker, stream });
        }
    }

    fn memory(&self, worker: WorkerId) -> Option<u64> {
        self.plan.memory.filter(|_| worker.0.is_multiple_of(2))
    }

    fn spawn(&mut self) {
        self.last_worker += 1;
        let id = WorkerId(self.last_worker);
        let threads = 1 + self.chance.below(self.plan.most_threads) as u32;
        let speed = match self.chance.below(20) {
            _ if self.plan.even => 1.0,
            0 => 0.05,
            _ => self.chance.between(0.5, 2.0),
        };
        self.crew.insert(id, Member::new(id, threads, speed));
        self.later(Duration::ZERO, Happening::Join(id));
    }

    /// A worker opens a stream and says what it holds.
    fn join(&mut self, worker: WorkerId) {
        if self.cut(worker) {
            let after = self.chance.delay(0.5, 2.0);
            if self.crew.contains_key(&worker) {
                self.later(after, Happening::Join(worker));
            }
            return;
        }
        let Some(member) = self.crew.get_mut(&worker) else {
            return;
        };
        if !member.alive || member.stream.is_some() {
            return;
        }
        self.last_stream += 1;
        let stream = self.last_stream;
        member.stream = Some(stream);
        let held = member.held();
        let (threads, draining) = (member.threads, member.draining);
        self.streams.insert(worker, stream);
        for held in &held {
            self.shadow
                .brought(worker, held.lease, held.sweep, &held.numbers);
        }
        self.feed(Event::Join {
            worker,
            threads,
            name: format!("worker-{}", worker.0),
            deadline: None,
            memory: self.memory(worker),
            held,
        });
        if draining {
            self.report(worker, Event::Drain { worker });
        }
        self.offer(worker);
        let after = self.chance.delay(0.0, BEAT);
        self.later(after, Happening::Beat { worker, stream });
        self.begin(worker);
    }

    /// A worker sends again what was not acknowledged.
    fn offer(&mut self, worker: WorkerId) {
        let offers = match self.crew.get(&worker) {
            Some(member) if member.alive => member.offers(),
            _ => Vec::new(),
        };
        for offer in offers {
            self.report(worker, offer);
        }
    }

    /// A worker's stream breaks, and it will open another. The coordinator may hear of the end.
    fn disconnect(&mut self, worker: WorkerId, heard: bool) {
        if heard {
            self.report(worker, Event::Leave { worker });
        }
        if let Some(member) = self.crew.get_mut(&worker)
            && member.alive
        {
            member.stream = None;
            let after = self.chance.delay(0.05, 12.0);
            self.later(after, Happening::Join(worker));
        }
    }

    /// A worker dies. The coordinator usually learns from its machine that the stream is closed.
    fn kill(&mut self, worker: WorkerId) {
        if self.chance.happens(0.7) {
            self.report(worker, Event::Leave { worker });
        }
        self.bury(worker);
    }

    /// A worker is gone, and another takes its place some time later.
    fn bury(&mut self, worker: WorkerId) {
        if let Some(mut member) = self.crew.remove(&worker) {
            member.drop_all();
            let after = self.chance.delay(0.5, 15.0);
            self.later(after, Happening::Spawn);
        }
    }

    fn misfortune(&mut self) {
        if let Some(mean) = self.plan.misfortune {
            let after = self.chance.wait(mean);
            self.later(after, Happening::Misfortune);
        }
        let from = WorkerId(self.chance.below(self.last_worker + 1));
        let Some(worker) = self.crew.range(from..).next().map(|(id, _)| *id) else {
            return;
        };
        match self.chance.below(16) {
            0..4 => self.kill(worker),
            4..8 => self.disconnect(worker, true),
            8 => self.disconnect(worker, false),
            9..13 => {
                let cut = self.chance.delay(0.5, 90.0);
                let until = self.now + cut;
                if let Some(member) = self.crew.get_mut(&worker) {
                    member.cut_until = until;
                }
                self.later(cut, Happening::Heal(worker));
            }
            13 => {
                if let Some(member) = self.crew.get_mut(&worker) {
                    member.speed /= 20.0;
                }
            }
            14 => {
                if let Some(member) = self.crew.get_mut(&worker) {
                    member.draining = true;
                    self.report(worker, Event::Drain { worker });
                }
            }
            // The coordinator stands still, now and then for longer than the heartbeat timeout.
            _ if self.chance.happens(self.plan.stalls) => {
                let stall = self.chance.delay(1.0, 20.0);
                self.stalled_until = self.now + stall;
            }
            _ => {}
        }
    }
}
