//! Messages of a worker that are too large to be sent whole: cut by whoever sends, joined by whoever receives.
//!
//! A slow link then shows that its worker lives, other messages find their way in between, and nobody has to take
//! a large message before it is known who sends it.

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use tonic::codegen::Bytes;

use crate::limits;
use crate::v1;
use crate::v1::session_request::Message;

/// Fields of [`v1::SessionRequest`] and of [`v1::Checkpoint`] that are written by hand below.
const CHECKPOINT: u32 = 5;
const STATE: u32 = 5;

/// What a checkpoint takes in addition to its state: the name of a sweep and three numbers.
const CHECKPOINT_OVERHEAD: usize = 1 << 10;

/// Bytes that a message takes on the wire, for those who do not know prost.
pub fn encoded_len(message: &impl prost::Message) -> usize {
    message.encoded_len()
}

/// A message on its way, in pieces where it has to be.
#[derive(Debug)]
pub struct Pieces {
    /// Small enough.
    whole: Option<v1::SessionRequest>,
    /// What is still to be sent, and after it the rest.
    head: Bytes,
    body: Bytes,
    total_bytes: u64,
}

impl Pieces {
    /// Cuts a message. A checkpoint's state is shared, not copied.
    pub fn of(message: v1::SessionRequest) -> Pieces {
        if message.encoded_len() <= limits::PART_BYTES {
            return Pieces {
                whole: Some(message),
                head: Bytes::new(),
                body: Bytes::new(),
                total_bytes: 0,
            };
        }
        let (head, body) = match message.message {
            Some(Message::Checkpoint(checkpoint)) => of_checkpoint(checkpoint),
            message => {
                let bytes = v1::SessionRequest { message }.encode_to_vec();
                (bytes.into(), Bytes::new())
            }
        };
        Pieces {
            whole: None,
            total_bytes: (head.len() + body.len()) as u64,
            head,
            body,
        }
    }
}

/// The encoded message up to the bytes of its state, and these.
fn of_checkpoint(mut checkpoint: v1::Checkpoint) -> (Bytes, Bytes) {
    let state = std::mem::take(&mut checkpoint.state);
    let mut inner = checkpoint.encode_to_vec();
    encode_key(STATE, WireType::LengthDelimited, &mut inner);
    encode_varint(state.len() as u64, &mut inner);
    let mut head = Vec::with_capacity(inner.len() + 16);
    encode_key(CHECKPOINT, WireType::LengthDelimited, &mut head);
    encode_varint((inner.len() + state.len()) as u64, &mut head);
    head.extend_from_slice(&inner);
    (head.into(), state)
}

impl Iterator for Pieces {
    type Item = v1::SessionRequest;

    fn next(&mut self) -> Option<v1::SessionRequest> {
        if let Some(whole) = self.whole.take() {
            return Some(whole);
        }
        if self.head.is_empty() {
            self.head = std::mem::take(&mut self.body);
        }
        if self.head.is_empty() {
            return None;
        }
        let data = self.head.split_to(limits::PART_BYTES.min(self.head.len()));
        Some(v1::SessionRequest {
            message: Some(Message::Piece(v1::Piece {
                total_bytes: self.total_bytes,
                data,
            })),
        })
    }
}

/// Pieces that make no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PieceError {
    #[error("a message of {found} bytes in pieces; at most {allowed} are taken")]
    TooLarge { found: u64, allowed: u64 },
    #[error("a piece of a message of {found} bytes amid one of {expected}")]
    OtherMessage { expected: u64, found: u64 },
    #[error("a piece that is empty, or goes beyond the end of its message")]
    Length,
    #[error("pieces that are no message: {why}")]
    Message { why: String },
}

/// What has come of a message so far.
#[derive(Debug, Default)]
pub struct Joiner {
    bytes: Vec<u8>,
    /// Of the message under way; 0 between two messages.
    total_bytes: u64,
    come: u64,
    skipped: bool,
}

impl Joiner {
    /// Bytes of the message that a piece begins; `None` where one is under way already.
    pub fn begins(&self, piece: &v1::Piece) -> Option<u64> {
        (self.total_bytes == 0).then_some(piece.total_bytes)
    }

    /// The message that the next piece begins is of no use: its pieces are checked and dropped.
    pub fn skip(&mut self) {
        self.skipped = true;
    }

    /// Takes the next piece; with the last one comes the message, unless it is skipped. No more is held than has
    /// come.
    ///
    /// # Errors
    /// [`PieceError`].
    pub fn take(&mut self, piece: &v1::Piece) -> Result<Option<v1::SessionRequest>, PieceError> {
        if let Some(found) = self.begins(piece) {
            let allowed = allowed(&piece.data);
            if found > allowed {
                return Err(PieceError::TooLarge { found, allowed });
            }
            self.total_bytes = found;
            self.come = 0;
        }
        if piece.total_bytes != self.total_bytes {
            return Err(PieceError::OtherMessage {
                expected: self.total_bytes,
                found: piece.total_bytes,
            });
        }
        self.come += piece.data.len() as u64;
        if piece.data.is_empty() || self.come > self.total_bytes {
            return Err(PieceError::Length);
        }
        if !self.skipped {
            self.bytes.extend_from_slice(&piece.data);
        }
        if self.come < self.total_bytes {
            return Ok(None);
        }
        self.total_bytes = 0;
        if std::mem::take(&mut self.skipped) {
            return Ok(None);
        }
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        let message = v1::SessionRequest::decode(bytes).map_err(|error| PieceError::Message {
            why: error.to_string(),
        })?;
        match message.message {
            Some(Message::Piece(_)) => Err(PieceError::Message {
                why: "a piece of a piece".to_owned(),
            }),
            _ => Ok(Some(message)),
        }
    }
}

/// Bytes that a message may have which begins so.
fn allowed(begin: &[u8]) -> u64 {
    let mut key = Vec::new();
    encode_key(CHECKPOINT, WireType::LengthDelimited, &mut key);
    if begin.starts_with(&key) {
        (limits::CHECKPOINT_BYTES + CHECKPOINT_OVERHEAD) as u64
    } else {
        limits::MESSAGE_BYTES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(bytes: usize) -> v1::SessionRequest {
        let state: Vec<u8> = (0..bytes).map(|k| (k % 251) as u8).collect();
        v1::SessionRequest {
            message: Some(Message::Checkpoint(v1::Checkpoint {
                sweep: "s".to_owned(),
                lease: 7,
                trial: 8,
                step: 9,
                state: state.into(),
            })),
        }
    }

    fn report(bytes: usize) -> v1::SessionRequest {
        v1::SessionRequest {
            message: Some(Message::Report(v1::Report {
                report: 3,
                history: vec![5; bytes].into(),
                ..v1::Report::default()
            })),
        }
    }

    fn pieces(message: &v1::SessionRequest) -> Vec<v1::Piece> {
        let pieces = Pieces::of(message.clone()).map(|piece| match piece.message {
            Some(Message::Piece(piece)) => piece,
            other => panic!("{other:?} is no piece"),
        });
        pieces.collect()
    }

    #[test]
    fn small_messages_stay_whole() {
        for message in [report(10), checkpoint(10)] {
            assert_eq!(Pieces::of(message.clone()).collect::<Vec<_>>(), [message]);
        }
    }

    #[test]
    fn what_is_cut_is_joined_to_the_same_message() {
        let mut joiner = Joiner::default();
        for message in [report(1 << 20), checkpoint(300_000), report(70_000)] {
            let pieces = pieces(&message);
            assert!(pieces.len() > 1);
            let (last, before) = pieces.split_last().unwrap();
            for piece in before {
                assert!(piece.encoded_len() <= limits::PART_BYTES + 32);
                assert_eq!(joiner.take(piece), Ok(None));
            }
            assert_eq!(joiner.take(last), Ok(Some(message)));
        }
    }

    #[test]
    fn a_message_that_is_skipped_leaves_the_next_one_whole() {
        let mut joiner = Joiner::default();
        joiner.skip();
        for piece in pieces(&checkpoint(200_000)) {
            assert_eq!(joiner.take(&piece), Ok(None));
            assert!(joiner.bytes.is_empty());
        }
        let message = report(100_000);
        let joined = pieces(&message)
            .iter()
            .find_map(|p| joiner.take(p).unwrap());
        assert_eq!(joined, Some(message));
    }

    #[test]
    fn lies_about_sizes_are_refused_before_they_take_room() {
        let piece = |total_bytes, data: Vec<u8>| v1::Piece {
            total_bytes,
            data: data.into(),
        };
        let report = vec![0x12; 10];
        let refused = Joiner::default().take(&piece(limits::MESSAGE_BYTES as u64 + 1, report));
        assert!(matches!(refused, Err(PieceError::TooLarge { .. })));
        let state = vec![0x2a; 10];
        let refused = Joiner::default().take(&piece(u64::MAX, state.clone()));
        assert!(matches!(refused, Err(PieceError::TooLarge { .. })));
        let mut joiner = Joiner::default();
        assert_eq!(joiner.take(&piece(400 << 20, state.clone())), Ok(None));
        assert!(joiner.bytes.capacity() < 1 << 10);
        assert_eq!(
            joiner.take(&piece(401 << 20, state.clone())),
            Err(PieceError::OtherMessage {
                expected: 400 << 20,
                found: 401 << 20
            })
        );
        for wrong in [piece(100, Vec::new()), piece(9, state)] {
            assert_eq!(Joiner::default().take(&wrong), Err(PieceError::Length));
        }
        let inner = pieces(&super::tests::report(70_000)).remove(0);
        let nested = v1::SessionRequest {
            message: Some(Message::Piece(inner)),
        };
        let bytes = nested.encode_to_vec();
        let refused = Joiner::default().take(&piece(bytes.len() as u64, bytes));
        assert!(matches!(refused, Err(PieceError::Message { .. })));
    }
}
