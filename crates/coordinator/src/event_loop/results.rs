//! Results on their way to the disk: reports in, parts out, acknowledgements back.

use std::collections::BTreeMap;

use rpc::limits;
use scheduler::{Action, Change, SweepKey, WorkerId};
use sweep::IntervalSet;
use table::{Batch, BatchBuilder, Comparison, FolderError, TrialResult, TrialRow};
use tokio::time::Instant;

use super::EventLoop;
use super::events::Event;
use super::open_sweep::{self, Compaction};
use crate::messages::{ReceivedCheckpoint, ReceivedReport};
use crate::writer::Committed;
use crate::{fault_point, wire};

/// What a report takes in addition to its columns.
const REPORT_OVERHEAD: u64 = 256;

impl EventLoop {
    /// Gives a report to the scheduler and keeps what it accepts for the next part.
    pub(super) fn report(&mut self, report: ReceivedReport) {
        self.hear(report.worker);
        if !self.within_credit(&report) {
            self.expel(report.worker, "more reports than its credit allows");
            return;
        }
        let Some(sweep) = self.known(&report.sweep, report.identity) else {
            // What cannot be written now may be wanted once its folder is mended: its worker keeps it.
            let this = [(report.worker, report.report)];
            if self.keeps_reports(&report.sweep) {
                self.defer(&this);
            } else {
                self.acknowledge(&this);
            }
            return;
        };
        if let Some(trial) = self.misplaced(sweep, &report) {
            let why = format!("the row of trial {trial} is not that of its point of the grid");
            self.expel(report.worker, &why);
            return;
        }
        if let Some(trial) = self.compared_unasked(sweep, &report) {
            let why = format!("nobody asked for a comparison of trial {trial}");
            self.expel(report.worker, &why);
            return;
        }
        let failed = report.failed.iter().map(|(trial, _)| *trial..*trial + 1);
        let now = self.now();
        let actions = self.scheduler.handle(
            now,
            scheduler::Event::Report(scheduler::Report {
                worker: report.worker,
                sweep,
                lease: report.lease,
                generation: report.generation,
                numbers: report.numbers.clone(),
                failed: failed.collect(),
                work_seconds: report.work_seconds,
            }),
        );
        let mut accepted = IntervalSet::new();
        let mut others = Vec::new();
        for action in actions {
            match action {
                Action::Accept { numbers, .. } => accepted = numbers,
                other => others.push(other),
            }
        }
        let repeated = report.numbers.len().saturating_sub(accepted.len());
        self.metrics.reported(
            report.wire_bytes,
            accepted.len(),
            repeated,
            report.work_seconds,
        );
        self.keep(sweep, report, &accepted);
        self.apply(others);
    }

    /// A trial of the report that was compared on both engines though the sweep does not choose it: what is kept of
    /// comparisons has as many rows as were asked for.
    fn compared_unasked(&self, sweep: SweepKey, report: &ReceivedReport) -> Option<u64> {
        let verified = self.sweeps.get(&sweep)?.folder.verified();
        // Verdicts were read when the report came in.
        let compared = report.batch.comparisons().unwrap_or_default();
        let unasked = |comparison: &Comparison| verified.cost(comparison.trial).is_none();
        compared
            .into_iter()
            .find(unasked)
            .map(|comparison| comparison.trial)
    }

    /// Whether the worker may have this report in flight with the others; counts it. What it sent over an
    /// earlier connection may be acknowledged on this one while it is on its way once more, and the last report
    /// may pass the credit by its own size: so it is let have twice both.
    fn within_credit(&mut self, report: &ReceivedReport) -> bool {
        let Some(worker) = self.workers.get_mut(&report.worker) else {
            return true;
        };
        let before = worker.in_flight_bytes;
        // A report without rows takes room as well; the worker's own count has this much for each.
        let bytes = report.wire_bytes + REPORT_OVERHEAD;
        *worker.in_flight.entry(report.report).or_default() += bytes;
        worker.in_flight_bytes += bytes;
        before < 2 * (limits::CREDIT_BYTES + limits::MESSAGE_BYTES as u64)
    }

    /// A trial of the report whose row does not carry the id and the parameters of its point: a worker of
    /// another build numbers otherwise, and one that lies writes what it likes. The first row, the last and
    /// one that nobody can foresee are looked at.
    fn misplaced(&self, sweep: SweepKey, report: &ReceivedReport) -> Option<u64> {
        let folder = &self.sweeps.get(&sweep)?.folder;
        let last = report.numbers.len().checked_sub(1)?;
        // Without randomness the first is looked at twice.
        let any = getrandom::u64().unwrap_or(0) % (last + 1);
        let mut places = vec![0, any, last];
        places.sort_unstable();
        places.dedup();
        let trials = places.into_iter().filter_map(|k| nth(&report.numbers, k));
        let points = trials.map(|trial| (trial, folder.point(trial).ok()));
        report.batch.first_misplaced(points)
    }

    fn keep(&mut self, sweep: SweepKey, mut report: ReceivedReport, accepted: &IntervalSet) {
        let Some(state) = self.sweeps.get_mut(&sweep) else {
            return;
        };
        if accepted.is_empty() {
            let this = (report.worker, report.report);
            if state.nothing_waits() {
                self.acknowledge(&[this]);
                return;
            }
            // It may repeat what still waits for the disk, and an acknowledgement means durable.
            state.buffer.reports.push(this);
            if state.is_blocked() {
                self.defer(&[this]);
            }
            return;
        }
        let (this, blocked) = ((report.worker, report.report), state.is_blocked());
        state.recent.reported(accepted);
        for (trial, error) in &report.failed {
            state.recent.failed(*trial, error);
        }
        let numbers = report.numbers.len();
        let mut unwanted = report.numbers;
        unwanted.subtract(accepted);
        if !unwanted.is_empty()
            && let Err(error) = report.batch.drop_trials(&unwanted)
        {
            tracing::error!(%error, "a batch could not be cut");
            return;
        }
        if state.problem.is_empty()
            && let Some((trial, error)) = report.failed.first()
        {
            state.problem = format!("trial {trial}: {error}");
        }
        // What failed says nothing of how long its like take.
        let mut ran = accepted.clone();
        for (trial, _) in &report.failed {
            ran.remove(*trial..*trial + 1);
        }
        let share = ran.len() as f64 / numbers.max(1) as f64;
        let pieces = open_sweep::pieces(&state.folder, &ran);
        state.pace.finished(&pieces, report.work_seconds * share);
        match state.take(report.worker, report.report, report.batch, accepted) {
            Ok(()) => self
                .metrics
                .waits(report.worker, report.report, Instant::now()),
            Err(error) => tracing::error!(%error, "a batch could not be joined"),
        }
        if let Some(worker) = self.workers.get_mut(&this.0) {
            worker.trials += accepted.len();
            worker.problems.remove(&sweep);
        }
        if blocked {
            self.defer(&[this]);
        }
    }

    pub(super) fn checkpoint(&mut self, checkpoint: ReceivedCheckpoint) {
        self.hear(checkpoint.worker);
        let Some(&key) = self.names.get(&checkpoint.sweep) else {
            return;
        };
        let (worker, lease, trial) = (checkpoint.worker, checkpoint.lease, checkpoint.trial);
        let held = self.scheduler.holds(worker, lease, key, trial);
        let Some(state) = self.sweeps.get(&key).filter(|_| held) else {
            return;
        };
        let (checkpoints, dir, hook) = (
            self.checkpoints.clone(),
            state.dir.clone(),
            self.config.fault_hook,
        );
        let (sweep, share) = (checkpoint.sweep, checkpoint.share);
        checkpoints.expect(&sweep, trial, checkpoint.state);
        tokio::task::spawn_blocking(move || {
            let kept = checkpoints.put(&sweep, &dir, trial, hook);
            drop(share);
            if let Err(error) = kept {
                tracing::warn!(trial, %error, "checkpoint not kept");
            }
        });
    }

    /// Starts writes that are due.
    pub(super) fn flush_due(&mut self) {
        let now = Instant::now();
        for (&sweep, state) in &mut self.sweeps {
            if state.flush_at().is_none_or(|at| at > now) {
                continue;
            }
            let Some(batch) = state.buffer.batch.take() else {
                continue;
            };
            state.writing = Some(std::mem::take(&mut state.buffer.reports));
            state.settling_now.append(&mut state.settling);
            state.compaction = Compaction::Due;
            state.last_flush = now;
            let events = self.events.clone();
            state.writer.commit(batch, move |result| {
                // A closed loop means that the coordinator is ending: nothing is acknowledged.
                let _ = events.blocking_send(Event::Written { sweep, result });
            });
        }
    }

    pub(super) fn written(
        &mut self,
        sweep: SweepKey,
        result: Result<Committed, (FolderError, Batch)>,
    ) {
        let Some(state) = self.sweeps.get_mut(&sweep) else {
            return;
        };
        let mut reports = state.writing.take().unwrap_or_default();
        match result {
            Ok(Committed {
                info,
                all_comparisons,
            }) => {
                self.metrics.written(&info);
                state.counts = info.counts;
                match all_comparisons {
                    Some(all) => state.comparisons = all,
                    None => state.comparisons.extend(info.comparisons),
                }
                for run in info.numbers.runs() {
                    self.checkpoints.drop_range(&state.name, &run);
                }
                if state.buffer.batch.is_none() {
                    // Repeats that came meanwhile: what they repeat is durable now.
                    reports.append(&mut state.buffer.reports);
                }
                tracing::debug!(sweep = %state.name, seconds = info.seconds, bytes = info.bytes, "part written");
                self.acknowledge(&reports);
            }
            Err((error, batch)) => {
                self.metrics.not_written();
                tracing::error!(sweep = %state.name, %error, "the sweep stops: its tables cannot be written");
                state.problem = error.to_string();
                // One whose folder is gone stays so.
                state.apply(Change::Stop);
                state.lacks_file = false;
                let later = state.buffer.batch.replace(batch);
                let newer = std::mem::replace(&mut state.buffer.reports, reports);
                state.buffer.reports.extend(newer);
                if let Some(later) = later
                    && let Err(error) = state.append(later)
                {
                    tracing::error!(%error, "a batch could not be joined");
                }
                let reports = state.buffer.reports.clone();
                self.defer(&reports);
                self.drive(scheduler::Event::Pause { sweep });
            }
        }
        self.finish(sweep);
    }

    /// Small parts of a complete sweep have been joined.
    pub(super) fn compacted(&mut self, sweep: SweepKey) {
        let mut repeats = Vec::new();
        if let Some(state) = self.sweeps.get_mut(&sweep) {
            state.compaction = Compaction::Done;
            if state.nothing_waits() {
                repeats.append(&mut state.buffer.reports);
            }
        }
        self.acknowledge(&repeats);
        self.finish(sweep);
    }

    /// Finishes a sweep that has come to its end, and answers those who wait for its rows.
    pub(crate) fn finish(&mut self, sweep: SweepKey) {
        if let Some(state) = self.sweeps.get_mut(&sweep) {
            if state.finish_if_done() {
                let events = self.events.clone();
                state.writer.join(table::Joining::AtEnd, move || {
                    // A closed loop means that the coordinator is ending.
                    let _ = events.blocking_send(Event::Compacted { sweep });
                });
            }
            // What those waited for who came before the last write began is durable, or cannot become so.
            if state.writing.is_none() {
                for reply in std::mem::take(&mut state.settling_now) {
                    state.writer.list(reply);
                }
            }
            if state.at_rest() {
                for reply in std::mem::take(&mut state.settling) {
                    state.writer.list(reply);
                }
            }
        }
        self.publish(sweep);
    }

    /// Sends workers which reports are durable, or were not wanted.
    pub(crate) fn acknowledge(&mut self, reports: &[(WorkerId, u64)]) {
        self.pass(fault_point::BEFORE_ACKNOWLEDGE);
        self.metrics.acknowledged(reports, Instant::now());
        for (worker, reports) in by_worker(reports) {
            if let Some(state) = self.workers.get_mut(&worker) {
                state.settle(&reports);
                // A session that has ended offers its reports again.
                state.outgoing.send(wire::acknowledge(reports));
            }
        }
        self.pass(fault_point::AFTER_ACKNOWLEDGE);
    }

    /// Sends workers which reports wait until the cause is repaired. They take none of their credit.
    fn defer(&mut self, reports: &[(WorkerId, u64)]) {
        for (worker, reports) in by_worker(reports) {
            if let Some(state) = self.workers.get_mut(&worker) {
                state.settle(&reports);
                state.outgoing.send(wire::defer(reports));
            }
        }
    }

    /// Fault tests stop the process here.
    fn pass(&self, point: &str) {
        if let Some(hook) = self.config.fault_hook {
            hook(point);
        }
    }

    /// Writes the row of a trial that no worker could finish.
    pub(super) fn fail(&mut self, sweep: SweepKey, number: u64, attempts: u32, error: &str) {
        let Some(state) = self.sweeps.get_mut(&sweep) else {
            return;
        };
        let point = match state.folder.point(number) {
            Ok(point) => point,
            Err(error) => {
                tracing::error!(number, %error, "a failed trial has no point");
                return;
            }
        };
        let mut builder = BatchBuilder::new();
        let result = TrialResult::Failed {
            error,
            seconds: 0.0,
        };
        builder.push(&TrialRow {
            attempt: attempts,
            started_at_us: now_us(),
            ..TrialRow::new(number, &point.id(), &point.row(), result)
        });
        if state.problem.is_empty() {
            state.problem = format!("trial {number}: {error}");
        }
        state.recent.failed(number, error);
        match builder.finish() {
            Ok(batch) => {
                if let Err(error) = state.append(batch) {
                    tracing::error!(%error, "a batch could not be joined");
                }
            }
            Err(error) => tracing::error!(%error, "a failed trial's row could not be made"),
        }
    }
}

fn by_worker(reports: &[(WorkerId, u64)]) -> BTreeMap<WorkerId, Vec<u64>> {
    let mut by_worker: BTreeMap<WorkerId, Vec<u64>> = BTreeMap::new();
    for &(worker, report) in reports {
        by_worker.entry(worker).or_default().push(report);
    }
    by_worker
}

/// The `k`-th number of a set, from 0.
fn nth(numbers: &IntervalSet, mut k: u64) -> Option<u64> {
    for run in numbers.runs() {
        let length = run.end - run.start;
        if k < length {
            return Some(run.start + k);
        }
        k -= length;
    }
    None
}

/// Microseconds since 1970.
pub(super) fn now_us() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        })
}
