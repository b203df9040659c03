//! What a worker has to say, in order and in pieces: nothing waits behind a large message but other large ones, so
//! heartbeats find their way in between.

use std::collections::VecDeque;
use std::sync::Arc;

use rpc::pieces::Pieces;
use rpc::v1;
use rpc::v1::session_request::Message;
use table::{Spool, SpoolError};

use crate::wire;

/// Messages that wait for one connection. They are gone with it: what has to outlive it is kept elsewhere.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    current: Option<Pieces>,
    waiting: VecDeque<QueuedMessage>,
}

#[derive(Debug)]
enum QueuedMessage {
    Message(Box<v1::SessionRequest>),
    /// Chunks of a report's rows, read one at a time.
    Rows {
        report: u64,
        spool: Arc<Spool>,
        next: usize,
    },
}

impl SendQueue {
    /// Queues a message. A checkpoint takes the place of an older one of its trial that has not been begun.
    pub(crate) fn put(&mut self, message: v1::SessionRequest) {
        let place = trial_of(&message).and_then(|of| {
            let mut messages = self
                .waiting
                .iter_mut()
                .filter_map(QueuedMessage::message_mut);
            messages.find(|waiting| trial_of(waiting) == Some(of))
        });
        match place {
            Some(older) => *older = message,
            None => self
                .waiting
                .push_back(QueuedMessage::Message(Box::new(message))),
        }
    }

    /// Queues the rows that go ahead of a report.
    pub(crate) fn put_rows(&mut self, report: u64, spool: Arc<Spool>) {
        self.waiting.push_back(QueuedMessage::Rows {
            report,
            spool,
            next: 0,
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }

    /// The next piece.
    ///
    /// # Errors
    /// Where rows cannot be read back.
    pub(crate) fn next(&mut self) -> Result<Option<v1::SessionRequest>, SpoolError> {
        loop {
            if let Some(piece) = self.current.as_mut().and_then(Iterator::next) {
                return Ok(Some(piece));
            }
            self.current = self.next_message()?.map(Pieces::of);
            if self.current.is_none() {
                return Ok(None);
            }
        }
    }

    fn next_message(&mut self) -> Result<Option<v1::SessionRequest>, SpoolError> {
        loop {
            match self.waiting.pop_front() {
                None => return Ok(None),
                Some(QueuedMessage::Message(message)) => return Ok(Some(*message)),
                Some(QueuedMessage::Rows { next, spool, .. }) if next >= spool.chunks() => {}
                Some(QueuedMessage::Rows {
                    report,
                    spool,
                    next,
                }) => {
                    let message = wire::rows(report, spool.trial(), spool.chunk(next)?);
                    self.waiting.push_front(QueuedMessage::Rows {
                        report,
                        spool,
                        next: next + 1,
                    });
                    return Ok(Some(message));
                }
            }
        }
    }

    /// Leases that are given back in messages that wait: they are in the worker's hands until then.
    pub(crate) fn given_back(&self) -> impl Iterator<Item = u64> + '_ {
        self.waiting.iter().filter_map(|waiting| {
            if let QueuedMessage::Message(message) = waiting
                && let Some(Message::GiveBack(give_back)) = &message.message
            {
                Some(give_back.lease)
            } else {
                None
            }
        })
    }
}

impl QueuedMessage {
    fn message_mut(&mut self) -> Option<&mut v1::SessionRequest> {
        match self {
            QueuedMessage::Message(message) => Some(message),
            QueuedMessage::Rows { .. } => None,
        }
    }
}

/// Lease and trial of a checkpoint.
fn trial_of(message: &v1::SessionRequest) -> Option<(u64, u64)> {
    if let Some(Message::Checkpoint(checkpoint)) = &message.message {
        Some((checkpoint.lease, checkpoint.trial))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(trial: u64, step: u64, bytes: usize) -> v1::SessionRequest {
        v1::SessionRequest {
            message: Some(Message::Checkpoint(v1::Checkpoint {
                trial,
                step,
                state: vec![0; bytes].into(),
                ..v1::Checkpoint::default()
            })),
        }
    }

    fn give_back(lease: u64) -> v1::SessionRequest {
        v1::SessionRequest {
            message: Some(Message::GiveBack(v1::GiveBack {
                lease,
                ranges: Vec::new(),
                ..v1::GiveBack::default()
            })),
        }
    }

    fn next(outgoing: &mut SendQueue) -> Option<v1::SessionRequest> {
        outgoing.next().unwrap()
    }

    #[test]
    fn rows_go_ahead_of_their_report_chunk_by_chunk() {
        let mut spool = Spool::new(4, &std::env::temp_dir(), u64::MAX).unwrap();
        for step in 0..3 {
            let row = table::HistoryValues {
                step,
                scalars: table::ScalarValues::default(),
            };
            spool
                .push(&table::Measurements {
                    history: vec![row],
                    ..table::Measurements::default()
                })
                .unwrap();
        }
        let mut outgoing = SendQueue::default();
        outgoing.put_rows(9, Arc::new(spool));
        outgoing.put(give_back(1));
        for _ in 0..3 {
            match next(&mut outgoing).and_then(|m| m.message) {
                Some(Message::Rows(rows)) => assert_eq!((rows.report, rows.trial), (9, 4)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(next(&mut outgoing), Some(give_back(1)));
        assert!(next(&mut outgoing).is_none() && outgoing.is_empty());
    }

    #[test]
    fn messages_keep_their_order_and_the_newest_checkpoint_its_trials_place() {
        let mut outgoing = SendQueue::default();
        assert!(outgoing.is_empty() && next(&mut outgoing).is_none());
        outgoing.put(checkpoint(1, 10, 300_000));
        outgoing.put(checkpoint(2, 10, 10));
        outgoing.put(give_back(9));
        outgoing.put(checkpoint(1, 20, 10));
        assert_eq!(outgoing.given_back().collect::<Vec<_>>(), [9]);
        assert_eq!(next(&mut outgoing), Some(checkpoint(1, 20, 10)));
        outgoing.put(checkpoint(1, 30, 300_000));
        assert_eq!(next(&mut outgoing), Some(checkpoint(2, 10, 10)));
        assert_eq!(next(&mut outgoing), Some(give_back(9)));
        assert_eq!(outgoing.given_back().count(), 0);
        // One that is on its way is sent to its end.
        assert!(matches!(
            next(&mut outgoing).and_then(|m| m.message),
            Some(Message::Piece(_))
        ));
        outgoing.put(checkpoint(1, 40, 10));
        let mut last = None;
        while let Some(message) = next(&mut outgoing) {
            last = Some(message);
        }
        assert_eq!(last, Some(checkpoint(1, 40, 10)));
        assert!(outgoing.is_empty());
    }
}
