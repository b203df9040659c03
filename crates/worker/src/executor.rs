//! Leases on the worker's threads. Parallel over trials first: every thread takes numbers of the oldest lease, and a
//! second lease fills the threads that the first one's tail leaves idle. Only what is idle even so helps inside
//! the products of the trials that run.
//!
//! Trials do not run on the rayon pool themselves. A thread of a pool that waits for the other half of a product
//! takes up whatever waits there, and a whole trial taken up so would hold up the one that waits for as long as
//! it lasts.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rpc::sealed;
use table::{BatchBuilder, ComparisonRow, Spool, TrialResult, TrialRow};
use tokio::sync::mpsc;

use crate::admission::{Admission, Entry};
use crate::cache::Cache;
use crate::comparison::{self, Predicted};
use crate::config::{Config, WorkerError};
use crate::encoding::{Encoded, encoded};
use crate::files::Sweep;
use crate::lease::{Flag, Lease, Output, ReportBody, Revoked};
use crate::rows::Rows;
use crate::trial::{self, TrialContext, TrialEnd};
use crate::{memory, outcome};

/// Columns wait at most so long before they are reported, so that people see progress and a lost worker
/// loses little.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// No trial: the mark of an idle slot.
const IDLE: u64 = u64::MAX;

/// Seconds that a trial takes still, where nobody can tell.
const UNKNOWN: f64 = -1.0;

/// One lease with what it takes to run it.
pub(crate) struct LeaseRun {
    pub(crate) lease: Arc<Lease>,
    pub(crate) sweep: Arc<Sweep>,
    pub(crate) revoked: Revoked,
    /// States fetched for trials that continue.
    pub(crate) checkpoints: Vec<(u64, Vec<u8>)>,
}

/// Most numbers that a thread takes at a time: enough that taking costs nothing beside the smallest trial.
const TAKEN: u64 = 64;

/// The threads and what they share. They end after the trials in their hands once this is dropped.
pub(crate) struct Executor {
    shared: Arc<ExecutorState>,
}

/// A lease that threads take numbers of.
struct ActiveLease {
    run: LeaseRun,
    /// By thread; made by the first trial of each.
    gathered: Vec<ColumnSlot>,
    /// Numbers that no thread is through with.
    left: AtomicU64,
}

/// A lease in the queue and what of it nobody has taken.
struct QueuedLease {
    active: Arc<ActiveLease>,
    ranges: VecDeque<Range<u64>>,
}

/// Leases with numbers that nobody has taken, oldest first, and the memory that no counted trial takes.
struct LeaseQueue {
    leases: VecDeque<QueuedLease>,
    free_bytes: u64,
}

/// Numbers in the hands of a thread, and the memory that is counted for them.
struct Claim {
    active: Arc<ActiveLease>,
    numbers: Range<u64>,
    bytes: u64,
}

struct ExecutorState {
    queue: Mutex<LeaseQueue>,
    /// Told when leases come, memory is free again, or the threads are to end.
    queued: Condvar,
    closed: AtomicBool,
    /// Threads with a trial in their hands.
    busy: AtomicUsize,
    /// Threads that there are; never more than slots, nor more than there was work for.
    threads: Mutex<usize>,
    /// For the products of trials, when threads are idle: no larger than the machine.
    pool: rayon::ThreadPool,
    config: Config,
    cache: Cache,
    /// By which trials begin only where their memory allows.
    admission: Admission,
    draining: Flag,
    output: mpsc::Sender<Output>,
    slots: Vec<Slot>,
}

/// What one thread is doing.
struct Slot {
    lease: AtomicU64,
    trial: AtomicU64,
    /// Bits of the seconds that the trial is expected to take still; negative where nothing is known.
    left: AtomicU64,
}

/// A trial in the hands of a thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) lease: u64,
    pub(crate) trial: u64,
    /// Seconds that it is expected to take still; negative where nothing is known.
    pub(crate) left: f64,
}

/// Columns gathered by one thread for one lease, and the numbers that the thread has finished.
struct PendingColumns {
    builder: BatchBuilder,
    begun: Instant,
    work_seconds: f64,
    numbers: Vec<u64>,
    /// Rows of the only trial that are not in the columns.
    spool: Option<Spool>,
}

type ColumnSlot = Mutex<Option<PendingColumns>>;

impl PendingColumns {
    fn new(begun: Instant) -> Self {
        PendingColumns {
            builder: BatchBuilder::new(),
            begun,
            work_seconds: 0.0,
            numbers: Vec::new(),
            spool: None,
        }
    }

    fn is_due(&self) -> bool {
        self.builder.bytes_estimate() >= rpc::limits::REPORT_BYTES
            || self.begun.elapsed() >= REPORT_EVERY
    }
}

impl Executor {
    /// The configured number of threads, answering on `output`.
    ///
    /// # Errors
    /// Where the operating system gives no threads.
    pub(crate) fn new(config: &Config, output: mpsc::Sender<Output>) -> Result<Self, WorkerError> {
        let threads = config.threads.max(1);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.min(cores))
            .thread_name(|k| format!("product-{k}"))
            .build()?;
        let slot = || Slot {
            lease: AtomicU64::new(0),
            trial: AtomicU64::new(IDLE),
            left: AtomicU64::new(UNKNOWN.to_bits()),
        };
        let shared = Arc::new(ExecutorState {
            queue: Mutex::new(LeaseQueue {
                leases: VecDeque::new(),
                free_bytes: config.memory.unwrap_or(u64::MAX),
            }),
            queued: Condvar::new(),
            closed: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            threads: Mutex::new(0),
            pool,
            config: config.clone(),
            cache: Cache::default(),
            admission: Admission::new(config.memory, threads),
            draining: Flag::default(),
            output,
            slots: std::iter::repeat_with(slot).take(threads).collect(),
        });
        let executor = Executor {
            shared: Arc::clone(&shared),
        };
        shared.ensure_threads(1).map_err(WorkerError::Thread)?;
        Ok(executor)
    }

    /// Starts a lease; its reports come on the output, and its end after the last of them.
    pub(crate) fn start(&self, run: LeaseRun) {
        self.shared.start(run);
    }

    /// Begin no further trial; long ones checkpoint and are given back.
    pub(crate) fn drain(&self) {
        self.shared.draining.raise();
        // Threads that wait for memory pass over what is left.
        drop(self.shared.queue());
        self.shared.queued.notify_all();
    }

    /// What is being trained.
    pub(crate) fn running(&self) -> Vec<Running> {
        let slots = self.shared.slots.iter();
        slots
            .map(|slot| Running {
                lease: slot.lease.load(Ordering::Relaxed),
                trial: slot.trial.load(Ordering::Relaxed),
                left: f64::from_bits(slot.left.load(Ordering::Relaxed)),
            })
            .filter(|running| running.trial != IDLE)
            .collect()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        // Claim once, so that no thread is between its look at the flag and its sleep.
        drop(self.shared.queue());
        self.shared.queued.notify_all();
    }
}

impl QueuedLease {
    fn left(&self) -> u64 {
        self.ranges
            .iter()
            .map(|range| range.end - range.start)
            .sum()
    }

    /// The first number that nobody has taken.
    fn first(&self) -> Option<u64> {
        self.ranges.front().map(|range| range.start)
    }

    /// Takes at most so many numbers that lie together; `None` once none is left.
    fn take(&mut self, threads: usize, most: u64) -> Option<Range<u64>> {
        let range = self.ranges.front_mut()?;
        let fair = (range.end - range.start) / (4 * threads as u64);
        let end = range.start + fair.min(most).clamp(1, TAKEN);
        let taken = range.start..end.min(range.end);
        range.start = taken.end;
        if range.is_empty() {
            self.ranges.pop_front();
        }
        Some(taken)
    }
}

impl ExecutorState {
    fn queue(&self) -> MutexGuard<'_, LeaseQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes threads until there are so many.
    fn ensure_threads(self: &Arc<Self>, wanted: usize) -> std::io::Result<()> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        while *threads < wanted.min(self.slots.len()) {
            let (shared, thread) = (Arc::clone(self), *threads);
            std::thread::Builder::new()
                .name(format!("trial-{thread}"))
                .spawn(move || {
                    // A panic outside of a trial is a defect of ours. Without this thread its lease would never
                    // end; without this process its trials go to others.
                    if catch_unwind(AssertUnwindSafe(|| shared.work(thread))).is_err() {
                        std::process::abort();
                    }
                })?;
            *threads += 1;
        }
        Ok(())
    }

    fn start(self: &Arc<Self>, run: LeaseRun) {
        let ranges: VecDeque<Range<u64>> = run
            .lease
            .ranges
            .iter()
            .filter(|range| !range.is_empty())
            .cloned()
            .collect();
        let left = ranges.iter().map(|range| range.end - range.start).sum();
        let slots = self.slots.iter();
        let active = Arc::new(ActiveLease {
            run,
            gathered: slots.map(|_| ColumnSlot::default()).collect(),
            left: AtomicU64::new(left),
        });
        if left == 0 {
            // Where this is called nobody may wait for room in the channel.
            let shared = Arc::clone(self);
            self.pool.spawn(move || shared.end(&active));
            return;
        }
        let mut queue = self.queue();
        queue.leases.push_back(QueuedLease { active, ranges });
        let waiting: u64 = queue.leases.iter().map(QueuedLease::left).sum();
        let waiting = usize::try_from(waiting).unwrap_or(usize::MAX);
        let wanted = waiting.saturating_add(self.busy.load(Ordering::Relaxed));
        drop(queue);
        if let Err(error) = self.ensure_threads(wanted) {
            // Those that there are do the work.
            tracing::warn!(%error, "the system gives no more threads (see `ulimit -u`)");
        }
        self.queued.notify_all();
    }

    /// What one thread does until the executor is gone.
    fn work(&self, thread: usize) {
        let mut held = 0;
        while let Some(taken) = self.take(held) {
            let Claim {
                active,
                numbers,
                bytes,
            } = taken;
            let count = numbers.end - numbers.start;
            for number in numbers {
                if !self.draining.is_raised() && !active.run.revoked.is_unwanted(number) {
                    self.run_trial(&active.run, number, thread, &active.gathered[thread]);
                }
            }
            self.busy.fetch_sub(1, Ordering::Relaxed);
            // What the others gathered is seen by the one that is through last.
            if active.left.fetch_sub(count, Ordering::AcqRel) == count {
                self.end(&active);
            }
            held = bytes;
            if held > 0 {
                // What the allocator keeps for this thread would count for nobody.
                memory::trim();
            }
        }
    }

    /// Waits for numbers and the memory to run them; `None` once the executor is gone. `held` bytes are given back first.
    fn take(&self, held: u64) -> Option<Claim> {
        let mut queue = self.queue();
        queue.free_bytes = queue.free_bytes.saturating_add(held);
        loop {
            if self.closed.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(taken) = self.take_first(&mut queue) {
                // Under the lock: whoever counts what waits and who is busy misses nothing.
                self.busy.fetch_add(1, Ordering::Relaxed);
                // There may be room for more than one.
                let counted = held > 0 || taken.bytes > 0;
                let more = counted && !queue.leases.is_empty();
                drop(queue);
                if more {
                    self.queued.notify_one();
                }
                return Some(taken);
            }
            queue = self
                .queued
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes numbers of the oldest lease that has some; `None` where there are none, or no memory for the first. Others
    /// do not overtake it, or the largest would wait for the end.
    fn take_first(&self, queue: &mut LeaseQueue) -> Option<Claim> {
        loop {
            let free = queue.free_bytes;
            let waiting = queue.leases.front_mut()?;
            let Some(number) = waiting.first() else {
                drop(queue.leases.pop_front());
                continue;
            };
            let run = &waiting.active.run;
            let passed_over = self.draining.is_raised() || run.revoked.is_unwanted(number);
            let entry = match passed_over {
                true => Entry::TooLarge,
                false => self.admission.enter(self.bytes(run, number), free),
            };
            let (most, bytes) = match entry {
                Entry::Later => return None,
                Entry::Counted(bytes) => (1, bytes),
                Entry::TooLarge => (1, 0),
                Entry::Small => (run.sweep.folder.constant_run(number) - number, 0),
            };
            let active = Arc::clone(&waiting.active);
            let numbers = waiting.take(self.slots.len(), most)?;
            queue.free_bytes -= bytes;
            let taken = Claim {
                active,
                numbers,
                bytes,
            };
            return Some(taken);
        }
    }

    /// The last numbers of a lease are through.
    fn end(&self, active: &ActiveLease) {
        for gathered in &active.gathered {
            self.hand_over(&active.run, gathered);
        }
        self.output(Output::Ended(Arc::clone(&active.run.lease)));
    }

    /// Reports what has been gathered, if anything.
    fn hand_over(&self, run: &LeaseRun, gathered: &ColumnSlot) {
        let gathered = gathered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(gathered) = gathered {
            self.emit(run, gathered);
        }
    }

    /// Runs one number and gathers its rows.
    fn run_trial(&self, run: &LeaseRun, number: u64, thread: usize, gathered: &ColumnSlot) {
        if run.sweep.folder.verified().cost(number).is_some() {
            // Its wide run may take long: what is there does not wait for it.
            self.hand_over(run, gathered);
        }
        let slot = &self.slots[thread];
        slot.lease.store(run.lease.lease, Ordering::Relaxed);
        slot.left.store(UNKNOWN.to_bits(), Ordering::Relaxed);
        slot.trial.store(number, Ordering::Relaxed);
        let due = self.gather(run, number, slot, gathered);
        slot.trial.store(IDLE, Ordering::Relaxed);
        if let Some(due) = due {
            self.emit(run, due);
        }
    }

    /// Memory that a trial takes at its peak. A comparison that would not fit at all is left out, so it does not count.
    fn bytes(&self, run: &LeaseRun, number: u64) -> f64 {
        let folder = &run.sweep.folder;
        let comparison = folder
            .verified()
            .cost(number)
            .map_or(0.0, |cost| cost.bytes);
        let counts = self.admission.holds(comparison);
        folder
            .bytes(number)
            .max(if counts { comparison } else { 0.0 })
    }

    /// Trains and pushes; hands over what has been gathered when it is due.
    fn gather(
        &self,
        run: &LeaseRun,
        number: u64,
        slot: &Slot,
        gathered: &ColumnSlot,
    ) -> Option<PendingColumns> {
        let begun = Instant::now();
        // What a test makes it take counts as work, as it would in a trial that is slow by itself.
        if let Some(hook) = self.config.before_trial {
            hook(number);
        }
        let started_at_us = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            });
        let (grid, index) = run.sweep.folder.grid_of(number)?;
        let mut params = Vec::new();
        let cost = grid.cost(index);
        let rows = Rows::new(number, cost.row_bytes);
        let (compared, mut trained) = match grid.row_into(index, &mut params) {
            Err(error) => (None, failed(&error)),
            Ok(()) if !self.admission.holds(grid.cost(index).bytes) => {
                let total = self.admission.total();
                (None, too_large(grid.cost(index).bytes, total))
            }
            Ok(()) => match grid.trial(index) {
                Err(error) => (None, failed(&error)),
                Ok(trial) => self.train(run, number, &trial, cost.seconds, &rows, slot),
            },
        };
        let mut outcome = None;
        if let TrialEnd::Ran(ran) = &trained {
            match outcome::row(ran, &rows) {
                Ok(row) => outcome = Some(row),
                Err(error) => {
                    trained = TrialEnd::Failed {
                        error: error.to_string(),
                        seconds: begun.elapsed().as_secs_f64(),
                    };
                }
            }
        }
        let result = match (&trained, &outcome) {
            (TrialEnd::Ran(_), Some(outcome)) => TrialResult::Ran(outcome),
            (TrialEnd::GivenBack | TrialEnd::Ran(_), _) => return None,
            (TrialEnd::Failed { error, seconds }, _) => TrialResult::Failed {
                error,
                seconds: *seconds,
            },
        };
        let id = grid.id_of(index).ok()?;
        let row = TrialRow {
            trial: number,
            id: id.as_str(),
            params: &params,
            result,
            worker: &self.config.name,
            host: &self.config.host,
            attempt: run.lease.attempt,
            started_at_us,
            run_isa: dln::isa(),
            run_version: env!("CARGO_PKG_VERSION"),
            comparison: compared.as_ref(),
        };
        if let (Some(_), Some(spool)) = (&outcome, rows.into_spool()) {
            // A report of its own.
            let mut alone = PendingColumns::new(begun);
            alone.builder.push(&row);
            alone.numbers.push(number);
            alone.work_seconds = begun.elapsed().as_secs_f64();
            alone.spool = Some(spool);
            return Some(alone);
        }
        let mut gathering = gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let gathered = gathering.get_or_insert_with(|| PendingColumns::new(begun));
        gathered.builder.push(&row);
        gathered.numbers.push(number);
        gathered.work_seconds += begun.elapsed().as_secs_f64();
        if gathered.is_due() {
            gathering.take()
        } else {
            None
        }
    }

    /// Trains, and before that compares both engines where the sweep wants it of this trial.
    fn train(
        &self,
        run: &LeaseRun,
        number: u64,
        trial: &dln::Trial,
        predicted: f64,
        rows: &Rows,
        slot: &Slot,
    ) -> (Option<ComparisonRow>, TrialEnd) {
        let save = |step: u64, mut state: Vec<u8>| {
            if state.len() + sealed::SEAL_BYTES > rpc::limits::CHECKPOINT_BYTES {
                return;
            }
            sealed::seal(number, &mut state);
            self.output(Output::Checkpoint {
                lease: Arc::clone(&run.lease),
                trial: number,
                step,
                state,
            });
        };
        let resume = run
            .checkpoints
            .iter()
            .find(|(trial, _)| *trial == number)
            .and_then(|(_, state)| match sealed::open(number, state) {
                Ok(state) => Some(state.to_vec()),
                Err(error) => {
                    tracing::warn!(trial = number, %error, "the trial begins anew");
                    None
                }
            });
        let unwanted = || run.revoked.must_stop(number);
        let idle = || self.busy.load(Ordering::Relaxed) < self.pool.current_num_threads();
        self.cache
            .bound(self.admission.kept_problems(self.bytes(run, number)));
        let context = TrialContext {
            cache: &self.cache,
            pool: &self.pool,
            idle: &idle,
            unwanted: &unwanted,
            draining: &self.draining,
            checkpoint_every: self.config.checkpoint_every,
            resume,
            save: &save,
            rows: Some(rows),
            ended: trial::IGNORE_END,
            left: &|seconds| slot.left.store(seconds.to_bits(), Ordering::Relaxed),
        };
        match run.sweep.folder.verified().cost(number) {
            None => (None, trial::train(trial, predicted, &context)),
            Some(cost) if !self.admission.holds(cost.bytes) => {
                let why = memory_words(cost.bytes, self.admission.total());
                let row = ComparisonRow::without(table::Verdict::NotCompared(why));
                (Some(row), trial::train(trial, predicted, &context))
            }
            Some(cost) => {
                let predicted = Predicted {
                    trial: predicted,
                    comparison: cost.seconds,
                };
                comparison::train(trial, &predicted, &context)
            }
        }
    }

    /// Turns gathered columns into a report. Columns that cannot be encoded are an error of ours: their
    /// trials are given back when the lease ends.
    fn emit(&self, run: &LeaseRun, mut gathered: PendingColumns) {
        let reports = match gathered.builder.finish().and_then(encoded) {
            Ok(reports) => reports,
            Err(error) => {
                tracing::error!(lease = run.lease.lease, %error, "columns could not be encoded");
                return;
            }
        };
        let each = gathered.work_seconds / gathered.numbers.len().max(1) as f64;
        let mut spool = gathered.spool.map(Arc::new);
        for Encoded { numbers, tables } in reports {
            self.output(Output::Report(ReportBody {
                lease: Arc::clone(&run.lease),
                work_seconds: each * numbers.len() as f64,
                numbers,
                tables,
                spool: spool.take(),
            }));
        }
    }

    /// A closed channel means that the worker is ending; the coordinator gives the lease to others.
    fn output(&self, output: Output) {
        let _ = self.output.blocking_send(output);
    }
}

/// A trial that is not begun since its memory is not there.
fn too_large(bytes: f64, total: u64) -> TrialEnd {
    TrialEnd::Failed {
        error: memory_words(bytes, total),
        seconds: 0.0,
    }
}

fn memory_words(bytes: f64, total: u64) -> String {
    format!(
        "needs {} of memory, and this worker has {} for trials",
        memory::words(bytes),
        memory::words(total as f64)
    )
}

fn failed(error: &sweep::SweepError) -> TrialEnd {
    TrialEnd::Failed {
        error: error.to_string(),
        seconds: 0.0,
    }
}
