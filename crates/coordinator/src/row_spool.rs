//! Rows that a worker sends ahead of a trial's report: checked into a file without a name, next to the tables that
//! they belong to, until the report is there.

use std::path::PathBuf;

use rpc::{limits, v1};
use table::{Batch, Chunk, Spool, SpoolError};
use tokio::sync::mpsc;
use tonic::Status;

use crate::event_loop::events::Event;
use crate::session_error::SessionError;
use crate::wire;
use scheduler::WorkerId;

/// The rows of the report that comes next on one stream.
pub(crate) struct RowSpool {
    dir: PathBuf,
    report: u64,
    spool: Option<Spool>,
}

impl RowSpool {
    /// Nothing yet; files are made in this folder.
    pub(crate) fn new(dir: PathBuf) -> Self {
        RowSpool {
            dir,
            report: 0,
            spool: None,
        }
    }

    /// Takes the next rows.
    ///
    /// # Errors
    /// [`SessionError::Rule`] where they are not rows of one trial, or too many; [`SessionError::Connection`] where the disk
    /// refuses: the worker keeps its report and offers it again.
    pub(crate) async fn take(
        &mut self,
        rows: v1::Rows,
        worker: WorkerId,
        events: &mpsc::Sender<Event>,
    ) -> Result<(), SessionError> {
        let same = |spool: &Spool| self.report == rows.report && spool.trial() == rows.trial;
        let kept = self.spool.take().filter(same);
        self.report = rows.report;
        let dir = self.dir.clone();
        let taken = tokio::task::spawn_blocking(move || taken(kept, &dir, rows)).await;
        let taken = taken.map_err(|error| Status::internal(error.to_string()))?;
        self.spool = Some(taken.map_err(broken)?);
        let sent = events.send(Event::Heard { worker }).await;
        sent.map_err(|_| SessionError::Connection(wire::coordinator_stops()))
    }

    /// The rows of a report that says how many messages they came in.
    ///
    /// # Errors
    /// Where those that came are others.
    pub(crate) fn of(&mut self, report: &v1::Report) -> Result<Option<Spool>, Status> {
        let spool = self.spool.take();
        if report.rows == 0 {
            return Ok(None);
        }
        let whole = |spool: &Spool| {
            self.report == report.report && u32::try_from(spool.chunks()) == Ok(report.rows)
        };
        match spool.filter(whole) {
            Some(spool) => Ok(Some(spool)),
            None => Err(Status::invalid_argument(
                "a report whose rows did not come ahead of it",
            )),
        }
    }
}

/// Puts spooled rows and the rest of a report together.
///
/// # Errors
/// Where the rows are of another trial than the report.
pub(crate) fn joined(mut batch: Batch, spool: Option<Spool>) -> Result<Batch, Status> {
    if let Some(spool) = spool {
        batch
            .attach(spool)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
    }
    Ok(batch)
}

fn taken(kept: Option<Spool>, dir: &std::path::Path, rows: v1::Rows) -> Result<Spool, SpoolError> {
    let mut spool = match kept {
        Some(spool) => spool,
        None => Spool::new(rows.trial, dir, limits::TRIAL_BYTES)?,
    };
    let chunk: Chunk = [rows.history, rows.spectra, rows.layers].map(Vec::from);
    spool.take(&chunk)?;
    Ok(spool)
}

fn broken(error: SpoolError) -> SessionError {
    let what = error.to_string();
    match error {
        SpoolError::TooLarge { .. } | SpoolError::Rows(_) => {
            SessionError::Rule(Status::invalid_argument(what))
        }
        SpoolError::Io { .. } | SpoolError::Gone => {
            tracing::error!(error = %what, "rows of a trial cannot be taken");
            SessionError::Connection(Status::unavailable(what))
        }
    }
}
