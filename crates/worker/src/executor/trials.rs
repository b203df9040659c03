//! One number of a lease: trained, turned into a row, gathered, reported.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rpc::sealed;
use table::{ComparisonRow, Spool, TrialResult, TrialRow};

use super::columns::{ColumnSlot, PendingColumns};
use super::point_values::PointValues;
use super::queue::LeaseRun;
use super::threads::{ExecutorState, IDLE, Slot, UNKNOWN};
use crate::comparison::{self, Predicted};
use crate::encoding::{Encoded, encoded};
use crate::lease::{Output, ReportBody};
use crate::rows::Rows;
use crate::trial::{self, TrialContext, TrialEnd};
use crate::{memory, outcome};

impl ExecutorState {
    /// Reports what has been gathered, if anything.
    pub(super) fn hand_over(&self, run: &LeaseRun, gathered: &ColumnSlot) {
        let gathered = gathered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(gathered) = gathered {
            self.emit(run, gathered);
        }
    }

    /// Runs one number and gathers its rows.
    pub(super) fn run_trial(
        &self,
        run: &LeaseRun,
        number: u64,
        thread: usize,
        gathered: &ColumnSlot,
        values: &mut PointValues,
    ) {
        if run.sweep.folder.verified().cost(number).is_some() {
            // Its wide run may take long: what is there does not wait for it.
            self.hand_over(run, gathered);
        }
        let slot = &self.slots[thread];
        slot.lease.store(run.lease.lease, Ordering::Relaxed);
        slot.left.store(UNKNOWN.to_bits(), Ordering::Relaxed);
        slot.trial.store(number, Ordering::Relaxed);
        let due = self.gather(run, number, slot, gathered, values);
        slot.trial.store(IDLE, Ordering::Relaxed);
        if let Some(due) = due {
            self.emit(run, due);
        }
    }

    /// Memory that a trial takes at its peak. A comparison that would not fit at all is left out, so it does not count.
    pub(super) fn bytes(&self, run: &LeaseRun, number: u64) -> f64 {
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
        values: &mut PointValues,
    ) -> Option<PendingColumns> {
        let begun = Instant::now();
        // What a test makes it take counts as work, as it would in a trial that is slow by itself.
        if let Some(hook) = self.config.before_trial {
            hook(number);
        }
        let started_at_us = now_us();
        let (grid, index) = run.sweep.folder.grid_of(number)?;
        let cost = grid.cost(index);
        let rows = Rows::new(number, cost.row_bytes);
        let (compared, mut trained) = match grid.row_into(index, &mut values.row) {
            Err(error) => (None, failed(&error)),
            Ok(()) if !self.admission.holds(cost.bytes) => {
                (None, too_large(cost.bytes, self.admission.total()))
            }
            Ok(()) => match grid.trial_in(index, &mut values.slots) {
                Err(error) => (None, failed(&error)),
                Ok(trial) => self.train(run, number, &trial, cost.seconds, &rows, slot),
            },
        };
        let mut divergence = None;
        if let TrialEnd::Ran(outcome) = &mut trained {
            divergence = outcome::divergence(outcome);
            if let Err(error) = rows.split(outcome) {
                trained = TrialEnd::Failed {
                    error: error.to_string(),
                    seconds: begun.elapsed().as_secs_f64(),
                };
            }
        }
        let (result, ran) = match &trained {
            TrialEnd::GivenBack => return None,
            TrialEnd::Ran(outcome) => {
                let error = divergence.as_deref();
                (TrialResult::Ran { outcome, error }, true)
            }
            TrialEnd::Failed { error, seconds } => {
                let seconds = *seconds;
                (TrialResult::Failed { error, seconds }, false)
            }
        };
        let id = grid.id_of(index).ok()?;
        let row = TrialRow {
            trial: number,
            id: id.as_str(),
            params: &values.row,
            result,
            worker: &self.config.name,
            host: &self.config.host,
            attempt: run.lease.attempt,
            started_at_us,
            run_isa: dln::isa(),
            run_version: env!("CARGO_PKG_VERSION"),
            comparison: compared.as_ref(),
        };
        let spool = rows.into_spool().filter(|_| ran);
        gather_row(&row, begun, spool, gathered)
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
    pub(super) fn output(&self, output: Output) {
        let _ = self.output.blocking_send(output);
    }
}

/// Adds a row to what is gathered. A row with rows on disk is a report of its own.
fn gather_row(
    row: &TrialRow<'_>,
    begun: Instant,
    spool: Option<Spool>,
    gathered: &ColumnSlot,
) -> Option<PendingColumns> {
    let add = |columns: &mut PendingColumns| {
        columns.builder.push(row);
        columns.numbers.push(row.trial);
        columns.work_seconds += begun.elapsed().as_secs_f64();
    };
    if let Some(spool) = spool {
        let mut alone = PendingColumns::new(begun);
        add(&mut alone);
        alone.spool = Some(spool);
        return Some(alone);
    }
    let mut gathering = gathered.lock().unwrap_or_else(PoisonError::into_inner);
    let gathered = gathering.get_or_insert_with(|| PendingColumns::new(begun));
    add(gathered);
    if gathered.is_due() {
        gathering.take()
    } else {
        None
    }
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
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
