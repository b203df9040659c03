//! Messages to one worker, in order. The event loop never waits for a worker.

use std::sync::Arc;

use rpc::v1;
use tokio::sync::{Notify, mpsc};
use tonic::Status;

/// Messages that may wait for one worker. The protocol needs a few (two leases, one spec a sweep, an
/// acknowledgement a part); a worker that lets more wait has stopped reading.
const WAITING: usize = 4096;

/// Messages to one worker. The event loop never waits for a worker: one that does not read is sent away.
#[derive(Clone)]
pub(crate) struct Outbox {
    queue: mpsc::Sender<Result<v1::SessionResponse, Status>>,
    full: Arc<Notify>,
}

impl Outbox {
    /// The queue, and its end for the connection.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Result<v1::SessionResponse, Status>>) {
        let (queue, stream) = mpsc::channel(WAITING);
        let full = Arc::new(Notify::new());
        (Outbox { queue, full }, stream)
    }

    /// Queues a message. A session that has ended hears nothing: its end is an event of its own.
    pub(crate) fn send(&self, message: v1::SessionResponse) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(Ok(message)) {
            self.full.notify_one();
        }
    }

    /// Completes when a message has found no room.
    pub(crate) async fn overflows(&self) {
        self.full.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_worker_that_reads_nothing_is_noticed() {
        let (outgoing, _unread) = Outbox::new();
        for _ in 0..WAITING {
            outgoing.send(v1::SessionResponse::default());
        }
        let none = Duration::from_millis(1);
        assert!(
            tokio::time::timeout(none, outgoing.overflows())
                .await
                .is_err()
        );
        outgoing.send(v1::SessionResponse::default());
        outgoing.overflows().await;
    }
}
