//! Words in a sweep's journal, and answers that wait for them.

use std::pin::Pin;

use tonic::Status;

use super::EventLoop;
use crate::wire;

/// Completes once what was changed is in the sweep's journal; at once where nothing had to be.
#[derive(Default)]
pub(crate) struct Durable(pub(super) Option<PendingWrite>);

type PendingWrite = Pin<Box<dyn Future<Output = Result<(), Status>> + Send>>;

impl Durable {
    pub(super) async fn wait(self) -> Result<(), Status> {
        match self.0 {
            Some(kept) => kept.await,
            None => Ok(()),
        }
    }
}

impl EventLoop {
    /// Keeps a word in the sweep's journal; completes once it is there, or cannot be.
    pub(super) fn remember(
        &self,
        name: &str,
        key: &'static str,
        value: String,
    ) -> impl Future<Output = Result<(), Status>> + use<> {
        let kept = self
            .named(name)
            .map(|(_, sweep)| sweep.writer.set_state(key, value));
        let name = name.to_owned();
        async move {
            let Some(kept) = kept else {
                return Err(wire::no_sweep(&name));
            };
            match kept.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => {
                    tracing::error!(sweep = %name, %error, "not remembered");
                    Err(Status::internal(format!(
                        "`{name}` does as asked until the coordinator is started again: {error}"
                    )))
                }
                Err(_) => Err(wire::coordinator_stops()),
            }
        }
    }
}
