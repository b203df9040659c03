//! Bytes that claim to be a session's messages: what is joined from pieces makes sense, and a lease that is taken goes
//! out and comes back the same.
//!
//! The first byte says how: an even one cuts the rest into honest pieces, an odd one into pieces whose sizes are lies.

use rpc::convert;
use rpc::lease::Lease;
use rpc::pieces::{Joiner, Pieces, encoded_len};
use rpc::v1;
use rpc::v1::session_request::Message;

/// Bytes of a piece that is cut honestly.
const CUT: usize = 48;

pub fn fuzz(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else {
        return;
    };
    let mut joiner = Joiner::default();
    let pieces = if kind % 2 == 0 {
        honest(rest)
    } else {
        lies(rest)
    };
    for piece in pieces {
        let is_first = joiner.begins(&piece).is_some();
        if is_first && piece.total_bytes % 7 == 6 {
            joiner.skip();
        }
        match joiner.take(&piece) {
            Ok(None) => (),
            Ok(Some(message)) => check(message),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return;
            }
        }
    }
}

fn piece(total_bytes: u64, data: &[u8]) -> v1::Piece {
    v1::Piece {
        total_bytes,
        data: data.to_vec().into(),
    }
}

fn honest(bytes: &[u8]) -> Vec<v1::Piece> {
    // No skipping: a message has its own length.
    let total = bytes.len() as u64;
    bytes.chunks(CUT).map(|data| piece(total, data)).collect()
}

/// Three bytes say a piece's length and the size that it claims.
fn lies(mut bytes: &[u8]) -> Vec<v1::Piece> {
    let mut pieces = Vec::new();
    while let Some(([length, low, high], rest)) = bytes.split_first_chunk::<3>() {
        let (data, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        let claimed = match high {
            0xff => u64::MAX >> (low % 64),
            _ => u64::from(u16::from_le_bytes([*low, *high])),
        };
        pieces.push(piece(claimed, data));
        bytes = rest;
    }
    pieces
}

/// What a coordinator does with a message before it uses it.
fn check(message: v1::SessionRequest) {
    match &message.message {
        Some(Message::Register(register)) => {
            for held in &register.held {
                check_held(held);
            }
            let _ = convert::name("name", &register.name);
            let _ = convert::host_name(&register.host);
        }
        Some(Message::Report(report)) => {
            if let Ok(lease) = Lease::of_report(report) {
                assert_eq!(Lease::of_report(&lease.to_report()), Ok(lease.clone()));
                check_grant(lease);
            }
        }
        Some(Message::Piece(_)) => panic!("a piece of a piece"),
        Some(
            Message::Heartbeat(_)
            | Message::Drain(_)
            | Message::Checkpoint(_)
            | Message::GiveBack(_)
            | Message::Rows(_),
        )
        | None => (),
    }
    // It is cut and joined to itself, by whatever size it has.
    let whole = encoded_len(&message);
    let mut joiner = Joiner::default();
    for sent in Pieces::of(message.clone()) {
        match &sent.message {
            Some(Message::Piece(part)) => {
                assert_eq!(part.total_bytes, whole as u64);
                if let Some(joined) = joiner.take(part).expect("own pieces join") {
                    assert_eq!(joined, message);
                }
            }
            _ => assert_eq!(sent, message),
        }
    }
}

fn check_held(held: &v1::HeldLease) {
    let (Ok(lease), Ok(outstanding)) =
        (Lease::of_held(held), convert::intervals(&held.outstanding))
    else {
        return;
    };
    let again = lease.to_held(&outstanding);
    assert_eq!(Lease::of_held(&again), Ok(lease.clone()));
    assert_eq!(convert::intervals(&again.outstanding), Ok(outstanding));
    check_grant(lease);
}

fn check_grant(lease: Lease) {
    let numbers = lease.numbers();
    assert!(numbers.runs().all(|run| run.start < run.end));
    let granted = Lease::of_grant(lease.clone().into_grant(1));
    assert_eq!(granted, Ok(lease));
}
