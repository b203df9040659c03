//! One sweep as the event loop knows it: its numbering, its writer, the columns that wait to be written and
//! the reports that wait to be acknowledged.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rpc::v1;
use scheduler::{Change, SweepState, WorkerId};
use sweep::IntervalSet;
use table::{Batch, Comparison, Counts};
use tokio::sync::watch;
use tokio::time::Instant;

use super::recent::Recent;
use crate::eta::Pace;
use crate::folder_probe::FolderId;
use crate::lease_token::SweepIdentity;
use crate::stopwatch::Stopwatch;
use crate::writer::{ListingReply, Writer};

/// Columns are written once they reach this size, whatever the clock says: half the credit of one worker,
/// so that no worker stands still for want of acknowledgements.
const FLUSH_BYTES: usize = 24 << 20;

/// Shortest time between two parts while a sweep is young: results become durable and visible quickly.
const FIRST_FLUSH: Duration = Duration::from_millis(300);

/// Longest time between two parts: what a killed coordinator makes workers offer again.
const LAST_FLUSH: Duration = Duration::from_secs(10);

/// A part is written each time the sweep has grown older by a thirtieth, so a sweep of any length leaves a
/// few hundred parts instead of one a second.
const FLUSH_FRACTION: u32 = 30;

/// A paused sweep rests once nothing has happened to it for so long: whoever pauses for a moment waits for nothing.
const PAUSED_CLOSE_AFTER: Duration = Duration::from_secs(600);

/// Columns that have been accepted and are not durable yet.
#[derive(Default)]
pub(crate) struct Buffer {
    pub(crate) batch: Option<Batch>,
    /// Worker and number of the reports in it.
    pub(crate) reports: Vec<(WorkerId, u64)>,
}

pub(crate) struct OpenSweep {
    pub(crate) name: String,
    pub(crate) identity: SweepIdentity,
    pub(crate) dir: PathBuf,
    /// Distinguishes its folder from a later one of the same name.
    pub(crate) folder_id: Option<FolderId>,
    pub(crate) folder: Arc<sweep::Folder>,
    pub(crate) files: Vec<Vec<v1::FileName>>,
    pub(crate) writer: Writer,
    pub(crate) buffer: Buffer,
    /// Reports in the part being written; `None` while the writer is idle.
    pub(crate) writing: Option<Vec<(WorkerId, u64)>>,
    pub(crate) last_flush: Instant,
    pub(crate) begun: Instant,
    /// Time in which it ran on this coordinator.
    pub(crate) running_time: Stopwatch,
    pub(crate) state: SweepState,
    /// Every number is accounted for; the last part may still be on its way.
    pub(crate) complete: bool,
    pub(crate) counts: Counts,
    /// Durable results of `[train] verify`.
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) predicted_seconds: f64,
    pub(crate) done_seconds: f64,
    pub(crate) reported: u64,
    /// What finished trials took against what was predicted.
    pub(crate) pace: Pace,
    pub(crate) problem: String,
    /// It stopped because a file that it reads is damaged: its rows can be written all the same.
    pub(crate) lacks_file: bool,
    pub(crate) priority: i32,
    pub(crate) notes: Vec<String>,
    pub(crate) watch: watch::Sender<v1::SweepStatus>,
    /// Notified when nothing waits to be written.
    pub(crate) settling: Vec<ListingReply>,
    /// The same, of those for whom the write under way is the last.
    pub(crate) settling_now: Vec<ListingReply>,
    pub(crate) compaction: Compaction,
    /// Held by whoever wants something of the sweep.
    pub(crate) open_guard: OpenGuard,
    /// When a request last changed its state.
    pub(crate) changed: Instant,
    pub(crate) recent: Recent,
}

/// Whether the parts of a complete sweep have been joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compaction {
    /// Rows have come since.
    Due,
    /// The writer is at it.
    UnderWay,
    /// The writer is at it for a sweep that was complete when its folder opened: nobody waits for it but a stop.
    Late,
    Done,
}

/// Keeps a sweep open while it is held.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenGuard(Arc<()>);

impl OpenGuard {
    /// Nobody else holds it.
    pub(super) fn is_free(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl OpenSweep {
    /// Takes accepted columns in.
    ///
    /// # Errors
    /// Where the columns cannot be joined, which the check of their schema rules out.
    pub(crate) fn take(
        &mut self,
        worker: WorkerId,
        report: u64,
        batch: Batch,
        accepted: &IntervalSet,
    ) -> Result<(), table::TableError> {
        self.reported += accepted.len();
        self.done_seconds += self.predicted(accepted);
        self.buffer.reports.push((worker, report));
        self.append(batch)
    }

    /// Adds columns to those that wait.
    ///
    /// # Errors
    /// As [`OpenSweep::take`].
    pub(crate) fn append(&mut self, batch: Batch) -> Result<(), table::TableError> {
        match &mut self.buffer.batch {
            Some(waiting) => waiting.append(batch),
            None => {
                self.buffer.batch = Some(batch);
                Ok(())
            }
        }
    }

    /// Predicted seconds of a set of numbers, by runs of constant cost.
    pub(crate) fn predicted(&self, numbers: &IntervalSet) -> f64 {
        predicted(&self.folder, numbers)
    }

    /// Changes what it is at. Returns the new state, which may be the old one; `None` where the change is not allowed.
    pub(super) fn apply(&mut self, change: Change) -> Option<SweepState> {
        let new = self.state.after(change)?;
        self.state = new;
        Some(new)
    }

    /// It is stopped because its tables cannot be written.
    pub(crate) fn is_blocked(&self) -> bool {
        match self.state {
            SweepState::Gone => true,
            SweepState::Stopped => !self.lacks_file,
            SweepState::Running
            | SweepState::Paused
            | SweepState::Cancelled
            | SweepState::Finished
            | SweepState::Opening
            | SweepState::Unopened => false,
        }
    }

    /// When the waiting columns are due to be written; `None` while there are none or a write is under way.
    pub(crate) fn flush_at(&self) -> Option<Instant> {
        let batch = self.buffer.batch.as_ref()?;
        if self.writing.is_some() || self.is_blocked() {
            return None;
        }
        let hurry = self.complete
            || !self.settling.is_empty()
            || !self.state.grants()
            || batch.bytes() >= FLUSH_BYTES;
        if hurry {
            return Some(self.last_flush);
        }
        let age = self.begun.elapsed() / FLUSH_FRACTION;
        Some(self.last_flush + age.clamp(FIRST_FLUSH, LAST_FLUSH))
    }

    /// No row waits, and none is being written.
    pub(crate) fn nothing_waits(&self) -> bool {
        self.buffer.batch.is_none() && self.writing.is_none()
    }

    /// The folder is left alone: nothing waits, nothing is being written or joined.
    pub(crate) fn settled(&self) -> bool {
        self.nothing_waits() && self.compaction != Compaction::UnderWay
    }

    /// Nothing is being written, and nothing will be before a request changes that.
    pub(crate) fn at_rest(&self) -> bool {
        self.settled() && self.compaction != Compaction::Late
            || self.is_blocked() && self.writing.is_none()
    }

    /// Finishes the sweep once its last row is durable and its small parts are joined. True where the joining
    /// is to be started.
    pub(crate) fn finish_if_done(&mut self) -> bool {
        let open = match self.state {
            SweepState::Running | SweepState::Paused => true,
            // What stopped it stands in no row's way any more.
            SweepState::Stopped => !self.is_blocked(),
            SweepState::Cancelled
            | SweepState::Finished
            | SweepState::Opening
            | SweepState::Unopened
            | SweepState::Gone => false,
        };
        if !(self.complete && open && self.settled()) {
            return false;
        }
        if self.compaction == Compaction::Due {
            self.compaction = Compaction::UnderWay;
            return true;
        }
        self.apply(Change::Finish);
        tracing::info!(sweep = %self.name, trials = self.folder.count(), "finished");
        false
    }

    /// Whether nothing is lost by closing its folder: it has ended, or has been paused for long, and nobody is at it.
    pub(super) fn may_close(&self, leased: u64) -> bool {
        let ended = match self.state {
            SweepState::Finished | SweepState::Cancelled => true,
            SweepState::Paused => leased == 0 && self.changed.elapsed() > PAUSED_CLOSE_AFTER,
            SweepState::Running
            | SweepState::Stopped
            | SweepState::Opening
            | SweepState::Unopened
            | SweepState::Gone => false,
        };
        let nobody_waits = self.settling.is_empty() && self.settling_now.is_empty();
        ended
            && nobody_waits
            && self.settled()
            && self.open_guard.is_free()
            && !self.writer.is_read()
    }
}

/// Pieces of a set that are looked at one by one; the rest counts as their mean. A filter that leaves single numbers of
/// a folder of millions must not hold up its opening.
const MOST_PIECES: usize = 1 << 14;

/// Runs of equal predicted cost among numbers of a folder: how many, and the predicted seconds of each.
pub(crate) fn pieces(folder: &sweep::Folder, numbers: &IntervalSet) -> Vec<(u64, f64)> {
    let mut pieces: Vec<(u64, f64)> = Vec::new();
    let mut seen = 0;
    'runs: for run in numbers.runs() {
        let mut at = run.start;
        while at < run.end {
            if pieces.len() == MOST_PIECES {
                break 'runs;
            }
            let end = folder.constant_run(at).clamp(at + 1, run.end);
            let each = folder.cost(at).seconds;
            match pieces.last_mut() {
                Some(last) if last.1 == each => last.0 += end - at,
                _ => pieces.push((end - at, each)),
            }
            seen += end - at;
            at = end;
        }
    }
    if seen < numbers.len() {
        let total: f64 = pieces.iter().map(|&(n, each)| n as f64 * each).sum();
        pieces.push((numbers.len() - seen, total / seen.max(1) as f64));
    }
    pieces
}

/// Predicted seconds of a set of numbers of a folder.
pub(crate) fn predicted(folder: &sweep::Folder, numbers: &IntervalSet) -> f64 {
    let pieces = pieces(folder, numbers).into_iter();
    pieces.map(|(n, each)| n as f64 * each).sum()
}
