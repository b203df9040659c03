//! A worker's stream as whole messages: joins what comes in pieces, and says now and then that more is coming.

use std::time::Duration;

use rpc::pieces::Joiner;
use rpc::v1::session_request::Message;
use rpc::{limits, v1};
use scheduler::WorkerId;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::{Code, Status, Streaming};

use crate::checkpoint_budget::{BudgetShare, CheckpointBudget};
use crate::event_loop::events::Event;
use crate::session_error::SessionError;
use crate::wire;

/// The event loop hears of pieces at most this often: a fraction of what a worker may be silent.
const HEARD_EVERY: Duration = Duration::from_millis(250);

/// The messages of one registered worker.
pub(crate) struct Inbox {
    stream: Streaming<v1::SessionRequest>,
    joiner: Joiner,
    room: CheckpointBudget,
    share: Option<BudgetShare>,
    heard: Instant,
}

impl Inbox {
    pub(crate) fn new(stream: Streaming<v1::SessionRequest>, room: CheckpointBudget) -> Self {
        Inbox {
            stream,
            joiner: Joiner::default(),
            room,
            share: None,
            heard: Instant::now(),
        }
    }

    /// The next message, with the room that it takes where that is unusual; `None` at the end of the stream. What
    /// has come of a message stays when this is cancelled.
    ///
    /// # Errors
    /// [`SessionError`] where the connection is lost, or the pieces are no message.
    pub(crate) async fn next(
        &mut self,
        worker: WorkerId,
        events: &mpsc::Sender<Event>,
    ) -> Result<Option<(Message, Option<BudgetShare>)>, SessionError> {
        loop {
            let request = self.stream.message().await.map_err(broken)?;
            let Some(request) = request else {
                return Ok(None);
            };
            let piece = match request.message {
                Some(Message::Piece(piece)) => piece,
                Some(message) => return Ok(Some((message, None))),
                None => return Err(Status::invalid_argument("an empty message").into()),
            };
            self.begin(&piece);
            let joined = self
                .joiner
                .take(&piece)
                .map_err(|error| Status::invalid_argument(error.to_string()))?;
            match joined.and_then(|request| request.message) {
                Some(message) => return Ok(Some((message, self.share.take()))),
                None => self.report_heard(worker, events).await?,
            }
        }
    }

    /// A large message finds room, or is not kept.
    fn begin(&mut self, piece: &v1::Piece) {
        let Some(bytes) = self.joiner.begins(piece) else {
            return;
        };
        self.share = None;
        if bytes <= limits::MESSAGE_BYTES as u64 {
            return;
        }
        self.share = self.room.take(bytes);
        if self.share.is_none() {
            tracing::warn!(
                bytes,
                "no room for a checkpoint at this moment: it is dropped"
            );
            self.joiner.skip();
        }
    }

    async fn report_heard(
        &mut self,
        worker: WorkerId,
        events: &mpsc::Sender<Event>,
    ) -> Result<(), SessionError> {
        if self.heard.elapsed() < HEARD_EVERY {
            return Ok(());
        }
        self.heard = Instant::now();
        let sent = events.send(Event::Heard { worker }).await;
        sent.map_err(|_| SessionError::Connection(wire::coordinator_stops()))
    }
}

/// A message beyond the bounds is against the rules; everything else is the connection's.
fn broken(status: Status) -> SessionError {
    if status.code() == Code::OutOfRange {
        SessionError::Rule(status)
    } else {
        SessionError::Connection(status)
    }
}
