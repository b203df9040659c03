//! The one task that owns the scheduler and every sweep's state. It waits for events, never for a disk, a
//! worker or a client. What it does is in the other files of this folder.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use scheduler::{Now, Scheduler, SweepKey, WorkerId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::dormant::{DormantSweep, OpenQueue};
use super::events::Event;
use super::open_sweep::OpenSweep;
use super::worker_state::WorkerState;
use crate::checkpoints::Checkpoints;
use crate::config::Config;
use crate::files::FileIndex;
use crate::lease_token::TokenKey;
use crate::load::{PilotLimits, Pilots};
use crate::metrics::Counters;
use crate::writer_pool::WriterPool;

/// Statuses are sent to watchers at most this often while nothing else changes.
pub(super) const PUBLISH_EVERY: Duration = Duration::from_millis(200);

/// Results of a lost worker are welcome for so long: workers look for a lost coordinator for five minutes
/// unless it is set otherwise, and a minute is for the way.
pub(super) const LATE_WINDOW: Duration = Duration::from_secs(360);

/// Work in one lease: long enough that messages cost nothing, short enough that progress shows and a lost
/// worker loses little.
const LEASE_TARGET: Duration = Duration::from_secs(1);

/// Workers that may die of one trial.
const MAX_ATTEMPTS: u32 = 3;

pub(crate) struct EventLoop {
    pub(crate) config: Arc<Config>,
    pub(super) key: TokenKey,
    pub(crate) files: FileIndex,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) scheduler: Scheduler,
    pub(crate) sweeps: BTreeMap<SweepKey, OpenSweep>,
    pub(crate) names: BTreeMap<String, SweepKey>,
    /// Sweeps that are not open.
    pub(crate) dormant: BTreeMap<String, DormantSweep>,
    pub(crate) open_queue: OpenQueue,
    pub(crate) workers: BTreeMap<WorkerId, WorkerState>,
    pub(super) next_worker: u64,
    pub(super) next_sweep: u64,
    pub(super) next_connection: u64,
    /// Workers by the random number of their process, also those that may come back.
    pub(super) instances: BTreeMap<u64, WorkerId>,
    /// Processes whose connection was lost, and when.
    pub(super) absent: BTreeMap<u64, Instant>,
    pub(super) begun: Instant,
    pub(super) published: Instant,
    /// When folders were last looked at.
    pub(crate) probed: Instant,
    pub(crate) metrics: Counters,
    pub(super) pool: WriterPool,
    /// What the batch system says of workers that were asked for.
    pub(crate) pilots: Option<Pilots>,
    /// The most time and memory that any worker came with; none in it where one did not say.
    pub(crate) widest_limits: Option<PilotLimits>,
    /// Notified when everything is written.
    pub(crate) stopping: Option<oneshot::Sender<()>>,
}

impl EventLoop {
    /// A loop without sweeps. `generation` is greater than at any earlier start over the same folder.
    pub(crate) fn new(
        config: Arc<Config>,
        generation: u32,
        key: TokenKey,
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
            dormant: BTreeMap::new(),
            open_queue: OpenQueue::default(),
            workers: BTreeMap::new(),
            next_worker: 1,
            next_sweep: 1,
            next_connection: 1,
            instances: BTreeMap::new(),
            absent: BTreeMap::new(),
            begun: Instant::now(),
            published: Instant::now(),
            probed: Instant::now(),
            metrics: Counters::new(),
            pool,
            pilots: None,
            widest_limits: None,
            stopping: None,
        }
    }

    /// Handles events until a stop is complete or every sender is gone.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Event>) {
        loop {
            let wake = self.next_wake();
            tokio::select! {
                // In this order, so that a simulation repeats.
                biased;
                event = queue.recv() => match event {
                    Some(event) => self.handle(event),
                    None => return,
                },
                () = tokio::time::sleep_until(wake) => self.tick(),
            }
            // What has come meanwhile is handled before the slower chores.
            while let Ok(event) = queue.try_recv() {
                self.handle(event);
            }
            self.flush_due();
            self.publish_due();
            self.probe_due();
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
        let flushes = self.sweeps.values().filter_map(OpenSweep::flush_at);
        let publish = Some(self.published + PUBLISH_EVERY).filter(|_| self.anybody_runs());
        let calm = Instant::now() + Duration::from_secs(1);
        flushes
            .chain(scheduler)
            .chain(publish)
            .fold(calm, Instant::min)
    }

    fn anybody_runs(&self) -> bool {
        self.sweeps.values().any(|sweep| sweep.state.grants())
    }

    fn tick(&mut self) {
        self.drive(scheduler::Event::Tick);
    }
}
