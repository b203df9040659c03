//! How requests find the sweep that they name: its folder is looked at, and opened where the sweep rests.

use std::time::Duration;

use tonic::Status;

use crate::closed::{Awake, Found, Purpose};
use crate::events::User;
use crate::presence;
use crate::users::{Users, no_sweep};

/// What is shown may be older than a look at a disk that does not answer.
const LOOK_PATIENCE: Duration = Duration::from_secs(2);

/// A request to see a sweep waits so long for its first opening, then shows that it is being opened.
const SEE_PATIENCE: Duration = Duration::from_secs(10);

impl Users {
    /// The sweep, open as long as what is returned lives.
    pub(crate) async fn awake(&self, name: &str) -> Result<Awake, Status> {
        match self.found(name, Purpose::Use).await? {
            Found::Open(awake) => Ok(awake),
            Found::Gone(dir) => Err(Status::failed_precondition(format!(
                "`{name}`: {}",
                presence::words(&dir)
            ))),
            Found::Unopened(why) => Err(why),
            Found::Unknown => Err(no_sweep(name)),
        }
    }

    /// What there is of a sweep, after a look at its folder.
    pub(crate) async fn found(&self, name: &str, purpose: Purpose) -> Result<Found, Status> {
        self.look(Some(name)).await;
        let name = name.to_owned();
        self.ask(|reply| User::Wake {
            name,
            purpose,
            reply,
        })
        .await
    }

    /// As [`Users::found`], for showing a sweep.
    pub(crate) async fn see(&self, name: &str) {
        // What is known is shown whatever comes of it.
        let _ = tokio::time::timeout(SEE_PATIENCE, self.found(name, Purpose::See)).await;
    }

    /// Makes known whether the folder of a sweep, or of every one, is still there.
    pub(crate) async fn look(&self, name: Option<&str>) {
        let name = name.map(str::to_owned);
        let look = self.ask(|reply| User::Look { name, reply });
        let _ = tokio::time::timeout(LOOK_PATIENCE, look).await;
    }
}
