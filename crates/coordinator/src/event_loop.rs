//! The one task that owns the scheduler and every sweep's state. It waits for events, never for a disk, a
//! worker or a person. What it does with results is in the file beside this.

mod publish;
mod results;
mod unable;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rpc::v1;
use scheduler::{Action, Ended, Held, LeaseId, Now, Running, Scheduler, SweepKey, WorkerId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::checkpoints::Checkpoints;
use crate::closed::{Awake, Closed, Openings};
use crate::config::Config;
use crate::eta::Pace;
use crate::events::{Early, Event, Hello, Left, Outgoing};
use crate::files::FileIndex;
use crate::metrics::Counters;
use crate::observer::{PilotLimits, Pilots};
use crate::open::Opened;
use crate::proof::{Identity, Key};
use crate::status::Seen;
use crate::stopwatch::Stopwatch;
use crate::sweeps::{self, Buffer, SweepState, Tidying};
use crate::work::FolderWork;
use crate::writer::Writer;
use crate::writer_pool::WriterPool;
use crate::{status, wire};

/// Statuses are sent to watchers at most this often while nothing else changes.
const PUBLISH_EVERY: Duration = Duration::from_millis(200);

/// Results of a lost worker are welcome for so long: workers look for a lost coordinator for five minutes
/// unless told otherwise, and a minute is for the way.
const LATE_WINDOW: Duration = Duration::from_secs(360);

/// Work in one lease: long enough that messages cost nothing, short enough that progress shows and a lost
/// worker loses little.
const LEASE_TARGET: Duration = Duration::from_secs(1);

/// Workers that may die of one trial.
const MAX_ATTEMPTS: u32 = 3;

pub(crate) struct EventLoop {
    pub(crate) config: Arc<Config>,
    key: Key,
    pub(crate) files: FileIndex,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) scheduler: Scheduler,
    pub(crate) sweeps: BTreeMap<SweepKey, SweepState>,
    pub(crate) names: BTreeMap<String, SweepKey>,
    /// Sweeps that are not open.
    pub(crate) closed: BTreeMap<String, Closed>,
    pub(crate) openings: Openings,
    pub(crate) workers: BTreeMap<WorkerId, WorkerState>,
    next_worker: u64,
    next_sweep: u64,
    next_connection: u64,
    /// Workers by the random number of their process, also those that may come back.
    instances: BTreeMap<u64, WorkerId>,
    /// Processes whose connection was lost, and when.
    absent: BTreeMap<u64, Instant>,
    begun: Instant,
    published: Instant,
    /// When folders were last looked at.
    pub(crate) looked: Instant,
    pub(crate) metrics: Counters,
    pool: WriterPool,
    /// What the batch system says of workers that were asked for.
    pub(crate) pilots: Option<Pilots>,
    /// The most time and memory that any worker came with; none in it where one did not say.
    pub(crate) most: Option<PilotLimits>,
    /// Told when everything is written.
    pub(crate) stopping: Option<oneshot::Sender<()>>,
}

pub(crate) struct WorkerState {
    connection: u64,
    pub(crate) hello: Hello,
    pub(crate) outgoing: Outgoing,
    /// The session ends when this is dropped.
    _alive: oneshot::Sender<()>,
    /// Generations of each sweep that it has been told.
    pub(crate) told: BTreeMap<SweepKey, usize>,
    pub(crate) joined: Instant,
    pub(crate) heard: Instant,
    pub(crate) trials: u64,
    pub(crate) draining: bool,
    /// Why it cannot run sweeps.
    pub(crate) problems: BTreeMap<SweepKey, String>,
    /// What runs there, by its last heartbeat.
    pub(crate) running: BTreeMap<(u64, u64), Seen>,
    /// When that came.
    pub(crate) beat: Instant,
    /// Bytes of its reports that are not acknowledged, and their sum.
    pub(crate) in_flight: BTreeMap<u64, u64>,
    pub(crate) in_flight_bytes: u64,
}

impl WorkerState {
    /// Reports count against its credit no more.
    fn settle(&mut self, reports: &[u64]) {
        for report in reports {
            let bytes = self.in_flight.remove(report).unwrap_or(0);
            self.in_flight_bytes -= bytes;
        }
    }
}

/// The parts of a grant that go to the worker.
struct Grant {
    lease: LeaseId,
    generation: u32,
    ranges: Vec<Range<u64>>,
    deadline: Now,
    attempt: u32,
}

impl EventLoop {
    /// A loop without sweeps. `generation` is greater than at any earlier start over the same folder.
    pub(crate) fn new(
        config: Arc<Config>,
        generation: u32,
        key: Key,
        files: FileIndex,
        checkpoints: Checkpoints,
        pool: WriterPool,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let scheduler = Scheduler::new(scheduler::Config {
            generation,
            heartbeat_timeout: config.heartbeat_timeout,
            late_window: LATE_WINDOW,
            lease_target: LEASE_TARGET,
            max_attempts: MAX_ATTEMPTS,
            checkpoint_after: Some(config.checkpoint_after),
        });
        EventLoop {
            config,
            key,
            files,
            checkpoints,
            events,
            scheduler,
            sweeps: BTreeMap::new(),
            names: BTreeMap::new(),
            closed: BTreeMap::new(),
            openings: Openings::default(),
            workers: BTreeMap::new(),
            next_worker: 1,
            next_sweep: 1,
            next_connection: 1,
            instances: BTreeMap::new(),
            absent: BTreeMap::new(),
            begun: Instant::now(),
            published: Instant::now(),
            looked: Instant::now(),
            metrics: Counters::default(),
            pool,
            pilots: None,
            most: None,
            stopping: None,
        }
    }

    /// Handles events until a stop is complete or every sender is gone.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Event>) {
        loop {
            let wake = self.next_wake();
            tokio::select! {
                event = queue.recv() => match event {
                    Some(event) => self.handle(event),
                    None => return,
                },
                () = tokio::time::sleep_until(wake.into()) => self.tick(),
            }
            // What has come meanwhile is handled before the slower chores.
            while let Ok(event) = queue.try_recv() {
                self.handle(event);
            }
            self.flush_due();
            self.publish_due();
            self.look_due();
            if self.stopped() {
                return;
            }
        }
    }

    pub(crate) fn now(&self) -> Now {
        self.begun.elapsed()
    }

    fn next_wake(&self) -> Instant {
        let scheduler = self.scheduler.next_wakeup().map(|at| self.begun + at);
        let flushes = self.sweeps.values().filter_map(SweepState::flush_at);
        let publish = Some(self.published + PUBLISH_EVERY).filter(|_| self.anybody_runs());
        let calm = Instant::now() + Duration::from_secs(1);
        flushes
            .chain(scheduler)
            .chain(publish)
            .fold(calm, Instant::min)
    }

    fn anybody_runs(&self) -> bool {
        self.sweeps
            .values()
            .any(|sweep| sweep.state == v1::SweepState::Running)
    }

    fn tick(&mut self) {
        self.drive(scheduler::Event::Tick);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Joined(early) => self.join_in_time(*early),
            Event::Gone {
                worker,
                connection,
                for_good,
            } => self.gone(worker, connection, for_good),
            Event::Heartbeat {
                worker,
                leases,
                left,
            } => {
                self.hear(worker);
                self.drive(scheduler::Event::Heartbeat { worker, leases });
                if let Some(state) = self.workers.get_mut(&worker) {
                    let known = |left: &Left| self.scheduler.sweep_of(worker, left.lease);
                    let named = left.iter().filter_map(|left| Some((known(left)?, *left)));
                    state.beat = Instant::now();
                    state.running = status::seen(&state.running, state.beat, named);
                }
            }
            Event::Heard { worker } => {
                self.hear(worker);
                self.drive(scheduler::Event::Heard { worker });
            }
            Event::GiveBack {
                worker,
                lease,
                numbers,
                cannot_run,
            } => {
                self.hear(worker);
                if let Some(why) = &cannot_run {
                    self.cannot_run(worker, lease, why);
                }
                self.drive(scheduler::Event::GiveBack {
                    worker,
                    lease,
                    numbers,
                    unfit: cannot_run.is_some(),
                });
            }
            Event::Drain { worker } => {
                if let Some(state) = self.workers.get_mut(&worker) {
                    state.draining = true;
                    state.heard = Instant::now();
                }
                self.drive(scheduler::Event::Drain { worker });
            }
            Event::Report(report) => self.report(*report),
            Event::Checkpoint(checkpoint) => self.checkpoint(*checkpoint),
            Event::Written { sweep, result } => self.written(sweep, result),
            Event::Tidied { sweep } => self.tidied(sweep),
            Event::FileDamaged { hash, path, what } => self.file_damaged(&hash, &path, what),
            Event::Opened { name, result } => self.opened(&name, result),
            Event::Closed { name } => self.closed(&name),
            Event::Looked { seen, reply } => {
                self.looked(seen);
                // Whoever asked may have gone.
                let _ = reply.map(|reply| reply.send(()));
            }
            Event::User(user) => self.user(user),
        }
    }

    /// Puts an opened sweep under the scheduler.
    pub(crate) fn add(&mut self, opened: Opened, priority: i32) -> SweepKey {
        let sweep = SweepKey(self.next_sweep);
        let writer = Writer::new(&self.pool, opened.run_folder);
        self.next_sweep += 1;
        for files in &opened.files {
            self.know_files(&opened.dir, files);
        }
        let done = opened.progress.done;
        self.checkpoints
            .take_up(&opened.name, &opened.dir, |trial| !done.contains(trial));
        let folder = Arc::new(opened.folder);
        let predicted_seconds = folder.total_cost().seconds;
        let done_seconds = sweeps::predicted(&folder, &done).min(predicted_seconds);
        let tidying = if done.len() == folder.count() {
            // Complete since an earlier process: it is shown as finished at once, and what small parts that one
            // left are joined beside it.
            let events = self.events.clone();
            writer.join(table::Joining::AtEnd, move || {
                // A closed loop means that the coordinator is ending.
                let _ = events.blocking_send(Event::Tidied { sweep });
            });
            Tidying::Late
        } else {
            Tidying::Due
        };
        let state = match opened.state.as_deref() {
            Some("paused") => v1::SweepState::Paused,
            Some("cancelled") => v1::SweepState::Cancelled,
            _ => v1::SweepState::Running,
        };
        let state = SweepState {
            name: opened.name.clone(),
            identity: Identity::of_folder(&folder),
            dir: opened.dir,
            mark: opened.mark,
            folder: Arc::clone(&folder),
            files: opened.files,
            writer,
            buffer: Buffer::default(),
            writing: None,
            last_flush: Instant::now(),
            begun: Instant::now(),
            running_time: Stopwatch::default(),
            state,
            complete: false,
            counts: opened.progress.counts,
            comparisons: opened.progress.comparisons,
            predicted_seconds,
            done_seconds,
            reported: 0,
            pace: Pace::default(),
            problem: String::new(),
            lacks_file: false,
            priority,
            notes: opened.notes,
            watch: watch::channel(v1::SweepStatus::default()).0,
            settling: Vec::new(),
            settling_now: Vec::new(),
            tidying,
            awake: Awake::default(),
            changed: Instant::now(),
        };
        let paused = state.state != v1::SweepState::Running;
        self.closed.remove(&opened.name);
        self.names.insert(opened.name, sweep);
        self.sweeps.insert(sweep, state);
        let failed = opened.progress.failed.iter().map(|f| f.trial..f.trial + 1);
        self.drive(scheduler::Event::AddSweep {
            sweep,
            work: Arc::new(FolderWork(folder)),
            done,
            failed: failed.collect(),
            priority,
            paused,
        });
        self.publish(sweep);
        sweep
    }

    /// The sweep of that name, if it is the one that is meant.
    fn known(&self, name: &str, identity: Identity) -> Option<SweepKey> {
        let key = *self.names.get(name)?;
        (self.sweeps.get(&key)?.identity == identity).then_some(key)
    }

    /// Ends the session of a worker that broke a rule.
    fn send_away(&mut self, worker: WorkerId, why: &str) {
        tracing::warn!(worker = worker.0, why, "worker dropped");
        if let Some(state) = self.workers.get(&worker) {
            state.outgoing.send(wire::refused(why));
            let connection = state.connection;
            self.gone(worker, connection, true);
        }
    }

    fn hear(&mut self, worker: WorkerId) {
        if let Some(state) = self.workers.get_mut(&worker) {
            state.heard = Instant::now();
        }
    }

    /// A process that was here before keeps its number.
    fn worker_of(&mut self, instance: u64) -> WorkerId {
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
    pub(crate) fn join_in_time(&mut self, early: Early) {
        if self.is_early(&early) {
            self.wait_early(early);
        } else {
            self.join(early);
        }
    }

    fn join(&mut self, early: Early) {
        let Early {
            mut hello,
            outgoing,
            alive,
            reply,
            since: _,
        } = early;
        let worker = self.worker_of(hello.instance);
        let connection = self.next_connection;
        self.next_connection += 1;
        if reply.send((worker, connection)).is_err() {
            return;
        }
        outgoing.send(wire::welcome(worker.0));
        if self.stopping.is_some() {
            outgoing.send(wire::stopping(self.is_local()));
        }
        tracing::info!(worker = worker.0, name = %hello.name, threads = hello.threads, "worker joined");
        if hello.program_version != env!("CARGO_PKG_VERSION") {
            tracing::warn!(name = %hello.name, version = %hello.program_version, "a worker of another version: its rows say so in `run_version`");
        }
        let (threads, name) = (hello.threads, hello.name.clone());
        // Where no other worker may come, a trial that is too large is its worker's to fail.
        let memory = hello.memory.filter(|_| !self.is_local());
        self.seen_limits(&hello);
        let mut unknown = std::mem::take(&mut hello.unknown);
        let mut held = Vec::new();
        for (name, identity, lease, numbers) in std::mem::take(&mut hello.held) {
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
        let deadline = hello.walltime.map(|walltime| self.now() + walltime);
        self.workers.insert(
            worker,
            WorkerState {
                connection,
                hello,
                outgoing,
                _alive: alive,
                told: BTreeMap::new(),
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

    fn gone(&mut self, worker: WorkerId, connection: u64, for_good: bool) {
        let this = |state: &WorkerState| state.connection == connection;
        if !self.workers.get(&worker).is_some_and(this) {
            return;
        }
        let Some(state) = self.workers.remove(&worker) else {
            return;
        };
        tracing::info!(worker = worker.0, name = %state.hello.name, "worker left");
        if for_good {
            self.metrics.dropped += 1;
        }
        let instance = state.hello.instance;
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
    fn forget_absent(&mut self) {
        let instances = &mut self.instances;
        self.absent.retain(|instance, since| {
            let keep = since.elapsed() <= 2 * LATE_WINDOW;
            if !keep {
                instances.remove(instance);
            }
            keep
        });
    }

    /// Hands an event to the scheduler and does what it says.
    pub(crate) fn drive(&mut self, event: scheduler::Event) {
        let now = self.now();
        let actions = self.scheduler.handle(now, event);
        self.apply(actions);
    }

    fn apply(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Grant {
                    worker,
                    lease,
                    generation,
                    sweep,
                    ranges,
                    deadline,
                    attempt,
                    ..
                } => {
                    let granted = Grant {
                        lease,
                        generation,
                        ranges,
                        deadline,
                        attempt,
                    };
                    self.grant(worker, sweep, &granted);
                }
                Action::Revoke {
                    worker,
                    lease,
                    ranges,
                    running,
                } => {
                    let stop = running == Running::Stop;
                    self.tell(worker, wire::revoke(lease.0, &ranges, stop));
                }
                Action::Fail {
                    sweep,
                    number,
                    attempts,
                    name,
                    ..
                } => {
                    let error = format!(
                        "{attempts} workers died with this trial in their hands, the last one, `{name}`, while it ran nothing else"
                    );
                    self.fail(sweep, number, attempts, &error);
                }
                Action::Finished { sweep, ended } => {
                    if let Some(state) = self.sweeps.get_mut(&sweep)
                        && ended == Ended::Complete
                    {
                        state.complete = true;
                    }
                    self.finish(sweep);
                }
                Action::Lost { worker, trials } => {
                    self.metrics.lost += 1;
                    tracing::warn!(
                        worker = worker.0,
                        trials,
                        "worker lost: its trials go to others"
                    );
                }
                Action::DropWorker {
                    worker,
                    reason: scheduler::DropReason::Unknown,
                } => {
                    // It was away for so long that it was forgotten: it may join anew, with what it has in hand.
                    tracing::info!(worker = worker.0, "a forgotten worker is to join anew");
                    self.tell(worker, wire::stopping(false));
                    self.workers.remove(&worker);
                }
                Action::DropWorker { worker, reason } => {
                    self.metrics.dropped += 1;
                    tracing::warn!(worker = worker.0, %reason, "worker dropped");
                    self.tell(worker, wire::refused(&reason.to_string()));
                    if let Some(state) = self.workers.remove(&worker) {
                        self.instances.remove(&state.hello.instance);
                    }
                }
                Action::Drained { .. } | Action::Accept { .. } | Action::Stale { .. } => {}
            }
        }
    }

    fn grant(&mut self, worker: WorkerId, sweep: SweepKey, grant: &Grant) {
        let Some(state) = self.sweeps.get(&sweep) else {
            return;
        };
        let generations = state.folder.generations().len();
        let Some(to) = self.workers.get_mut(&worker) else {
            return;
        };
        if to.told.insert(sweep, generations) != Some(generations) {
            let spec = wire::spec(&state.name, &state.folder, &state.files);
            to.outgoing.send(spec);
        }
        self.metrics.leases += 1;
        let (lease, ranges) = (grant.lease.0, &grant.ranges);
        let trials: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        tracing::info!(worker = worker.0, lease, sweep = %state.name, first = ranges.first().map(|r| r.start), trials, "lease");
        let checkpoints = ranges
            .iter()
            .flat_map(|range| self.checkpoints.in_range(&state.name, range))
            .collect();
        let left = grant.deadline.saturating_sub(self.begun.elapsed());
        let granted = wire::Granted {
            lease,
            generation: grant.generation,
            sweep: &state.name,
            ranges,
            deadline_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            proof: self
                .key
                .proof(&state.name, state.identity, lease, grant.generation, ranges),
            attempt: grant.attempt,
            checkpoints,
        };
        to.outgoing.send(wire::lease(granted));
    }

    fn tell(&self, worker: WorkerId, message: v1::SessionResponse) {
        if let Some(state) = self.workers.get(&worker) {
            state.outgoing.send(message);
        }
    }
}
