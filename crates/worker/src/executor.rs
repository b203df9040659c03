//! Leases on the rayon pool. Parallel over trials first: each lease is one parallel loop, and a second lease
//! fills the threads that the first one's tail leaves idle.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use table::{BatchBuilder, TrialResult, TrialRow};
use tokio::sync::mpsc;
use tonic::codegen::Bytes;

use crate::cache::Cache;
use crate::config::Config;
use crate::files::Sweep;
use crate::lease::{Flag, Lease, Output, ReportBody, Revoked};
use crate::outcome;
use crate::trial::{self, Bench, Trained};

/// Columns wait at most so long before they are reported, so that people see progress and a lost worker
/// loses little.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// No trial: the mark of an idle slot.
const IDLE: u64 = u64::MAX;

/// One lease with what it takes to run it.
pub(crate) struct Job {
    pub(crate) lease: Arc<Lease>,
    pub(crate) sweep: Arc<Sweep>,
    pub(crate) revoked: Revoked,
    /// States fetched for trials that continue.
    pub(crate) checkpoints: Vec<(u64, Vec<u8>)>,
}

/// The pool and what its threads share.
pub(crate) struct Executor {
    pool: rayon::ThreadPool,
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    cache: Cache,
    draining: Flag,
    output: mpsc::Sender<Output>,
    slots: Vec<Slot>,
}

/// What one thread is doing.
struct Slot {
    lease: AtomicU64,
    trial: AtomicU64,
}

/// Columns gathered by one thread for one lease, and the numbers that the thread has finished.
struct Gathered {
    builder: BatchBuilder,
    begun: Instant,
    work_seconds: f64,
    numbers: Vec<u64>,
}

impl Gathered {
    fn new() -> Self {
        Gathered {
            builder: BatchBuilder::new(),
            begun: Instant::now(),
            work_seconds: 0.0,
            numbers: Vec::new(),
        }
    }

    fn is_due(&self) -> bool {
        self.builder.bytes_estimate() >= rpc::limits::REPORT_BYTES
            || self.begun.elapsed() >= REPORT_EVERY
    }
}

impl Executor {
    /// A pool of the configured number of threads, answering on `output`.
    ///
    /// # Errors
    /// Where the operating system gives no threads.
    pub(crate) fn new(
        config: &Config,
        output: mpsc::Sender<Output>,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        let threads = config.threads.max(1);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|k| format!("trial-{k}"))
            .build()?;
        let slot = || Slot {
            lease: AtomicU64::new(0),
            trial: AtomicU64::new(IDLE),
        };
        let shared = Arc::new(Shared {
            config: config.clone(),
            cache: Cache::default(),
            draining: Flag::default(),
            output,
            slots: std::iter::repeat_with(slot).take(threads).collect(),
        });
        Ok(Executor { pool, shared })
    }

    /// Starts a lease; its reports come on the output, and its end after the last of them.
    pub(crate) fn start(&self, job: Job) {
        let shared = Arc::clone(&self.shared);
        self.pool.spawn_fifo(move || shared.run(&job));
    }

    /// Begin no further trial; long ones checkpoint and are given back.
    pub(crate) fn drain(&self) {
        self.shared.draining.raise();
    }

    /// Pairs of lease and trial being trained.
    pub(crate) fn running(&self) -> Vec<(u64, u64)> {
        let slots = self.shared.slots.iter();
        slots
            .map(|slot| {
                (
                    slot.lease.load(Ordering::Relaxed),
                    slot.trial.load(Ordering::Relaxed),
                )
            })
            .filter(|&(_, trial)| trial != IDLE)
            .collect()
    }
}

impl Shared {
    fn run(&self, job: &Job) {
        let gathered: Vec<Mutex<Gathered>> = self
            .slots
            .iter()
            .map(|_| Mutex::new(Gathered::new()))
            .collect();
        for range in &job.lease.ranges {
            range.clone().into_par_iter().for_each(|number| {
                if !self.draining.is_raised() && !job.revoked.is_unwanted(number) {
                    self.one(job, number, &gathered);
                }
            });
        }
        for gathered in gathered {
            let gathered = gathered
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner);
            if !gathered.numbers.is_empty() {
                self.emit(job, gathered);
            }
        }
        self.output(Output::Ended(Arc::clone(&job.lease)));
    }

    /// Runs one number and gathers its rows.
    fn one(&self, job: &Job, number: u64, gathered: &[Mutex<Gathered>]) {
        let thread = rayon::current_thread_index().unwrap_or(0) % gathered.len();
        let slot = &self.slots[thread];
        // An outer trial may wait inside a product while its thread takes up this one.
        let outer = (
            slot.lease.swap(job.lease.lease, Ordering::Relaxed),
            slot.trial.swap(number, Ordering::Relaxed),
        );
        if let Some(hook) = self.config.before_trial {
            hook(number);
        }
        let due = self.gather(job, number, &gathered[thread]);
        slot.lease.store(outer.0, Ordering::Relaxed);
        slot.trial.store(outer.1, Ordering::Relaxed);
        if let Some(due) = due {
            self.emit(job, due);
        }
    }

    /// Trains and pushes; hands over what has been gathered when it is due.
    fn gather(&self, job: &Job, number: u64, gathered: &Mutex<Gathered>) -> Option<Gathered> {
        let begun = Instant::now();
        let started_at_us = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            });
        let (grid, index) = job.sweep.folder.grid_of(number)?;
        let mut params = Vec::new();
        let trained = match grid.resolve_into(index, &mut params) {
            Err(error) => failed(&error),
            Ok(()) => match grid.trial(index) {
                Err(error) => failed(&error),
                Ok(trial) => self.train(job, number, &trial, grid.cost(index).seconds),
            },
        };
        let outcome;
        let result = match &trained {
            Trained::GivenBack => return None,
            Trained::Failed { error, seconds } => TrialResult::Failed {
                error,
                seconds: *seconds,
            },
            Trained::Ran(ran) => {
                outcome = outcome::row(ran);
                TrialResult::Ran(&outcome)
            }
        };
        let id = grid.id_of(index).ok()?;
        let row = TrialRow {
            trial: number,
            id: id.as_str(),
            params: &params,
            result,
            worker: &self.config.name,
            host: &self.config.host,
            attempt: job.lease.attempt,
            started_at_us,
            run_isa: dln::isa(),
        };
        let mut gathered = gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.builder.push(&row);
        gathered.numbers.push(number);
        gathered.work_seconds += begun.elapsed().as_secs_f64();
        gathered
            .is_due()
            .then(|| std::mem::replace(&mut *gathered, Gathered::new()))
    }

    fn train(&self, job: &Job, number: u64, trial: &dln::Trial, predicted: f64) -> Trained {
        let save = |step: u64, state: Vec<u8>| {
            self.output(Output::Checkpoint {
                lease: Arc::clone(&job.lease),
                trial: number,
                step,
                state,
            });
        };
        let resume = job
            .checkpoints
            .iter()
            .find(|(trial, _)| *trial == number)
            .map(|(_, state)| state.clone());
        let unwanted = || job.revoked.must_stop(number);
        let bench = Bench {
            cache: &self.cache,
            unwanted: &unwanted,
            draining: &self.draining,
            checkpoint_every: self.config.checkpoint_every,
            resume,
            save: &save,
        };
        trial::train(trial, predicted, &bench)
    }

    /// Turns gathered columns into a report. Columns that cannot be encoded are an error of ours: their
    /// trials are given back when the lease ends.
    fn emit(&self, job: &Job, mut gathered: Gathered) {
        let tables = match gathered.builder.finish().and_then(|batch| batch.to_ipc()) {
            Ok(payload) => payload.into_tables().map(Bytes::from),
            Err(error) => {
                tracing::error!(lease = job.lease.lease, %error, "columns could not be encoded");
                return;
            }
        };
        gathered.numbers.sort_unstable();
        let numbers = gathered.numbers.iter().map(|&n| n..n + 1).collect();
        self.output(Output::Report(ReportBody {
            lease: Arc::clone(&job.lease),
            numbers,
            tables,
            work_seconds: gathered.work_seconds,
        }));
    }

    /// A closed channel means that the worker is ending; the coordinator gives the lease to others.
    fn output(&self, output: Output) {
        let _ = self.output.blocking_send(output);
    }
}

fn failed(error: &sweep::SweepError) -> Trained {
    Trained::Failed {
        error: error.to_string(),
        seconds: 0.0,
    }
}
