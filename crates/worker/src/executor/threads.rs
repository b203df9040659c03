//! The threads: they wait for numbers and memory, and run one trial after another.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::columns::ColumnSlot;
use super::point_values::PointValues;
use super::queue::{ActiveLease, Claim, LeaseQueue, LeaseRun, QueuedLease};
use crate::admission::{Admission, Entry};
use crate::cache::Cache;
use crate::config::{Config, WorkerError};
use crate::lease::{Flag, Output};
use crate::memory;

/// No trial: the mark of an idle slot.
pub(super) const IDLE: u64 = u64::MAX;

/// Seconds that a trial still takes, where nobody knows.
pub(super) const UNKNOWN: f64 = -1.0;

/// The threads and what they share. They end after the trials in their hands once this is dropped.
pub(crate) struct Executor {
    shared: Arc<ExecutorState>,
}

pub(super) struct ExecutorState {
    pub(super) queue: Mutex<LeaseQueue>,
    /// Notified when leases come, memory is free again, or the threads are to end.
    pub(super) queued: Condvar,
    pub(super) closed: AtomicBool,
    /// Threads with a trial in their hands.
    pub(super) busy: AtomicUsize,
    /// Threads that there are; never more than slots, nor more than there was work for.
    pub(super) threads: Mutex<usize>,
    /// For the products of trials, when threads are idle: no larger than the machine.
    pub(super) pool: rayon::ThreadPool,
    pub(super) config: Config,
    pub(super) cache: Cache,
    /// By which trials begin only where their memory allows.
    pub(super) admission: Admission,
    pub(super) draining: Flag,
    pub(super) output: mpsc::Sender<Output>,
    pub(super) slots: Vec<Slot>,
}

/// What one thread is doing.
pub(super) struct Slot {
    pub(super) lease: AtomicU64,
    pub(super) trial: AtomicU64,
    /// Bits of the seconds that the trial is expected to take still; negative where nothing is known.
    pub(super) left: AtomicU64,
}

/// A trial in the hands of a thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) lease: u64,
    pub(crate) trial: u64,
    /// Seconds that it is expected to take still; negative where nothing is known.
    pub(crate) left: f64,
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

    /// Starts a lease; its reports come on the output, and its end after the last report.
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

impl ExecutorState {
    fn queue(&self) -> MutexGuard<'_, LeaseQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes threads until there are this many.
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
        let mut values = PointValues::default();
        while let Some(taken) = self.take(held) {
            let Claim {
                active,
                numbers,
                bytes,
            } = taken;
            let count = numbers.end - numbers.start;
            for number in numbers {
                if !self.draining.is_raised() && !active.run.revoked.is_unwanted(number) {
                    let gathered = &active.gathered[thread];
                    self.run_trial(&active.run, number, thread, gathered, &mut values);
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
}
