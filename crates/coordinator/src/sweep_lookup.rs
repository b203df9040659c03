//! How requests find the sweep that they name: its folder is looked at, and opened where the sweep rests.

use std::time::Duration;

use tonic::Status;

use crate::event_loop::dormant::{Lookup, LookupPurpose};
use crate::event_loop::events::SweepRequest;
use crate::event_loop::open_sweep::OpenGuard;
use crate::folder_probe;
use crate::sweep_service::SweepHandler;
use crate::wire;

/// What is shown may be older than a look at a disk that does not answer.
const LOOK_PATIENCE: Duration = Duration::from_secs(2);

/// A request to see a sweep waits so long for its first opening, then shows that it is being opened.
const SEE_PATIENCE: Duration = Duration::from_secs(10);

impl SweepHandler {
    /// The sweep, open as long as what is returned lives.
    pub(crate) async fn open_guard(&self, name: &str) -> Result<OpenGuard, Status> {
        match self.found(name, LookupPurpose::Use).await? {
            Lookup::Open(open_guard) => Ok(open_guard),
            Lookup::Gone(dir) => Err(Status::failed_precondition(format!(
                "`{name}`: {}",
                folder_probe::missing_message(&dir)
            ))),
            Lookup::Unopened(why) => Err(why),
            Lookup::Unknown => Err(wire::no_sweep(name)),
        }
    }

    /// What there is of a sweep, after a look at its folder.
    pub(crate) async fn found(&self, name: &str, purpose: LookupPurpose) -> Result<Lookup, Status> {
        self.probe(Some(name)).await;
        let name = name.to_owned();
        self.ask(|reply| SweepRequest::LookUp {
            name,
            purpose,
            reply,
        })
        .await
    }

    /// As [`SweepHandler::found`], for showing a sweep.
    pub(crate) async fn see(&self, name: &str) {
        // What is known is shown whatever comes of it.
        let _ = tokio::time::timeout(SEE_PATIENCE, self.found(name, LookupPurpose::See)).await;
    }

    /// Makes known whether the folder of a sweep, or of every one, is still there.
    pub(crate) async fn probe(&self, name: Option<&str>) {
        let name = name.map(str::to_owned);
        let look = self.ask(|reply| SweepRequest::Probe { name, reply });
        let _ = tokio::time::timeout(LOOK_PATIENCE, look).await;
    }
}
