//! The only place where errors become status codes and decisions become messages.

use std::ops::Range;
use std::pin::Pin;
use std::time::Duration;

use rpc::convert::{self, WireError};
use rpc::lease::Lease;
use rpc::v1;
use rpc::v1::session_response::Message;
use scheduler::{Grant, SweepState};
use tokio_stream::Stream;
use tonic::codegen::Bytes;
use tonic::{Code, Status};

use crate::messages::CannotRun;
use crate::recovery::OpenError;
use crate::skew::Skew;

/// Status of a broken rule of the protocol.
pub(crate) fn status(error: &WireError) -> Status {
    Status::invalid_argument(sweep::shortened(
        &error.to_string(),
        sweep::MAX_MESSAGE_CHARS,
    ))
}

/// Status of a worker whose program does not fit.
pub(crate) fn skew_status(skew: &Skew) -> Status {
    Status::failed_precondition(skew.to_string())
}

/// Status of a folder that could not be opened for a sweep.
pub(crate) fn open_status(error: &OpenError) -> Status {
    let code = match error {
        OpenError::Sweep(error) if *error.mistake() == sweep::Mistake::Stopped => Code::Unavailable,
        OpenError::Sweep(_) | OpenError::Data(_) => Code::InvalidArgument,
        OpenError::FileChanged { .. } | OpenError::NoGeneration { .. } => Code::FailedPrecondition,
        OpenError::Folder(folder) if folder.is_request_error() => Code::FailedPrecondition,
        OpenError::Folder(_) => Code::Internal,
    };
    // A status travels in the head of an answer, which HTTP/2 bounds.
    let message = sweep::shortened(&with_help(error), sweep::MAX_MESSAGE_CHARS);
    Status::new(code, message)
}

/// The message, and what to do about it on a line of its own.
fn with_help(error: &OpenError) -> String {
    let help = match error {
        OpenError::Sweep(error) => error.help_text(),
        OpenError::Data(_)
        | OpenError::Folder(_)
        | OpenError::FileChanged { .. }
        | OpenError::NoGeneration { .. } => None,
    };
    match help {
        Some(help) => format!("{error}\n  help: {help}"),
        None => error.to_string(),
    }
}

fn response(message: Message) -> v1::SessionResponse {
    v1::SessionResponse {
        message: Some(message),
    }
}

pub(crate) fn welcome(worker_id: u64) -> v1::SessionResponse {
    let interval = rpc::limits::HEARTBEAT_INTERVAL.as_millis();
    response(Message::Welcome(v1::Welcome {
        worker_id,
        heartbeat_interval_ms: u32::try_from(interval).unwrap_or(u32::MAX),
        credit_bytes: rpc::limits::CREDIT_BYTES,
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
    }))
}

pub(crate) fn spec(
    name: &str,
    folder: &sweep::Folder,
    files: &[Vec<v1::FileName>],
) -> v1::SessionResponse {
    let generations = folder
        .generations()
        .iter()
        .zip(files)
        .map(|(generation, files)| v1::Generation {
            base: generation.base,
            toml: generation.grid.spec().to_toml(),
            files: files.clone(),
        });
    response(Message::Sweep(v1::SweepSpec {
        name: name.to_owned(),
        generations: generations.collect(),
    }))
}

/// A grant for the wire, not signed yet.
pub(crate) fn granted(grant: Grant, sweep: &str, checkpoints: Vec<u64>) -> Lease {
    Lease {
        lease: grant.lease.0,
        generation: grant.generation,
        sweep: sweep.into(),
        ranges: grant.ranges,
        proof: Bytes::new(),
        attempt: grant.attempt,
        checkpoints,
    }
}

/// A lease that expires after so long unless it is heard of.
pub(crate) fn lease(lease: Lease, left: Duration) -> v1::SessionResponse {
    let deadline_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    response(Message::Lease(lease.into_grant(deadline_ms)))
}

pub(crate) fn revoke(lease: u64, ranges: &[Range<u64>], stop_running: bool) -> v1::SessionResponse {
    response(Message::Revoke(v1::Revoke {
        lease,
        ranges: convert::ranges(ranges),
        stop_running,
    }))
}

pub(crate) fn acknowledge(reports: Vec<u64>) -> v1::SessionResponse {
    response(Message::Acknowledge(v1::Acknowledge {
        reports,
        deferred: Vec::new(),
    }))
}

/// Reports that cannot become durable before the cause is repaired.
pub(crate) fn defer(deferred: Vec<u64>) -> v1::SessionResponse {
    response(Message::Acknowledge(v1::Acknowledge {
        reports: Vec::new(),
        deferred,
    }))
}

/// Why a worker gives a lease back, if not for a few of its trials alone.
pub(crate) fn cannot_run(why: Option<v1::give_back::CannotRun>) -> Option<CannotRun> {
    use v1::give_back::CannotRun as Said;
    Some(match why? {
        Said::Node(why) => CannotRun::Node(convert::reason(&why.what)),
        Said::Source(why) => CannotRun::Source(convert::reason(&why.what)),
        Said::Interrupted(why) => CannotRun::Interrupted(convert::reason(&why.what)),
    })
}

pub(crate) fn refused(what: &str) -> v1::SessionResponse {
    response(Message::Goodbye(v1::Goodbye {
        reason: Some(v1::goodbye::Reason::Refused(v1::Refused {
            what: what.to_owned(),
        })),
    }))
}

pub(crate) fn stopping(finished: bool) -> v1::SessionResponse {
    response(Message::Goodbye(v1::Goodbye {
        reason: Some(v1::goodbye::Reason::Stopping(v1::Stopping { finished })),
    }))
}

/// Of a request that names no sweep of this coordinator.
pub(crate) fn no_sweep(name: &str) -> Status {
    Status::not_found(format!(
        "no sweep is called `{name}`; `parsimony list` shows those there are"
    ))
}

/// Of a call that comes while the coordinator ends.
pub(crate) fn coordinator_stops() -> Status {
    Status::unavailable("the coordinator stops")
}

/// What a streaming call answers with.
pub(crate) type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// A sweep's state for the wire.
pub(crate) fn sweep_state(state: SweepState) -> v1::SweepState {
    match state {
        SweepState::Opening => v1::SweepState::Opening,
        SweepState::Unopened => v1::SweepState::Unopened,
        SweepState::Running => v1::SweepState::Running,
        SweepState::Paused => v1::SweepState::Paused,
        SweepState::Stopped => v1::SweepState::Stopped,
        SweepState::Gone => v1::SweepState::Gone,
        SweepState::Cancelled => v1::SweepState::Cancelled,
        SweepState::Finished => v1::SweepState::Finished,
    }
}

/// Whether nothing more will happen to the sweep by itself.
pub(crate) fn has_ended(status: &v1::SweepStatus) -> bool {
    let mut ended = SweepState::ALL
        .into_iter()
        .filter(|state| state.has_ended());
    ended.any(|state| sweep_state(state) == status.state())
}
