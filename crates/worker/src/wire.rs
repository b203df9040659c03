//! The only place where this crate meets generated types: messages in, messages out.

use std::ops::Range;

use rpc::convert::{self, WireError};
use rpc::lease::Lease;
use rpc::pieces::encoded_len;
use rpc::v1::session_request::Message as Request;
use rpc::v1::session_response::Message as Response;
use rpc::{limits, v1};
use sweep::IntervalSet;
use table::{Chunk, Spool};
use tonic::codegen::Bytes;

use crate::config::Config;
use crate::files::SpecFailure;
use crate::lease::ReportBody;
use crate::spec::{Spec, SpecGeneration};

/// What a lease in a list takes in addition to itself: its key and its length.
const HELD_OVERHEAD: usize = 8;

/// A message of the coordinator, checked.
pub(crate) enum Incoming {
    Welcome {
        worker_id: u64,
        heartbeat: std::time::Duration,
        credit_bytes: u64,
    },
    Sweep(Spec),
    Lease(Lease),
    Revoke(Revoke),
    Acknowledge {
        reports: Vec<u64>,
        /// Not durable, and not before the cause is repaired.
        deferred: Vec<u64>,
    },
    /// The coordinator ends the session; `finished` means for good.
    Stopping {
        finished: bool,
    },
    Refused(String),
}

/// Trials of a lease that are no longer wanted.
pub(crate) struct Revoke {
    pub(crate) lease: u64,
    pub(crate) numbers: IntervalSet,
    pub(crate) stop_running: bool,
}

/// Reads one message.
///
/// # Errors
/// [`WireError`] where a field is missing or out of bounds.
pub(crate) fn incoming(message: v1::SessionResponse) -> Result<Incoming, WireError> {
    let message = message
        .message
        .ok_or(WireError::Missing { field: "message" })?;
    Ok(match message {
        Response::Welcome(welcome) => Incoming::Welcome {
            worker_id: welcome.worker_id,
            heartbeat: std::time::Duration::from_millis(u64::from(
                welcome.heartbeat_interval_ms.max(10),
            )),
            credit_bytes: welcome.credit_bytes,
        },
        Response::Sweep(spec) => Incoming::Sweep(Spec {
            name: convert::sweep_name(&spec.name)?.to_owned(),
            generations: spec
                .generations
                .into_iter()
                .map(|generation| SpecGeneration {
                    base: generation.base,
                    toml: generation.toml,
                    files: generation
                        .files
                        .into_iter()
                        .map(|file| (file.name, file.hash))
                        .collect(),
                })
                .collect(),
        }),
        Response::Lease(lease) => Incoming::Lease(Lease::of_grant(lease)?),
        Response::Revoke(revoke) => Incoming::Revoke(Revoke {
            lease: revoke.lease,
            numbers: convert::intervals(&revoke.ranges)?,
            stop_running: revoke.stop_running,
        }),
        Response::Acknowledge(acknowledge) => Incoming::Acknowledge {
            reports: acknowledge.reports,
            deferred: acknowledge.deferred,
        },
        Response::Goodbye(goodbye) => match goodbye.reason {
            Some(v1::goodbye::Reason::Refused(refused)) => Incoming::Refused(refused.what),
            Some(v1::goodbye::Reason::Stopping(stopping)) => Incoming::Stopping {
                finished: stopping.finished,
            },
            None => return Err(WireError::Missing { field: "reason" }),
        },
    })
}

fn request(message: Request) -> v1::SessionRequest {
    v1::SessionRequest {
        message: Some(message),
    }
}

/// The first message of a session.
pub(crate) fn register(
    config: &Config,
    walltime_ms: u64,
    held: impl Iterator<Item = v1::HeldLease>,
) -> v1::SessionRequest {
    request(Request::Register(v1::Register {
        protocol_version: rpc::PROTOCOL_VERSION,
        name: config.name.clone(),
        host: config.host.clone(),
        threads: u32::try_from(config.threads).unwrap_or(u32::MAX),
        isa: dln::isa().to_owned(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        walltime_ms,
        instance: config.instance,
        held: few(held),
        memory_bytes: config.memory.unwrap_or(0),
        schema_fingerprint: table::schema_fingerprint(),
    }))
}

/// As many leases as the first message may carry. One that is not named goes back, and what is reported of it
/// counts all the same if nobody was faster.
fn few(held: impl Iterator<Item = v1::HeldLease>) -> Vec<v1::HeldLease> {
    let mut bytes = 0;
    held.take_while(|lease| {
        bytes += encoded_len(lease) + HELD_OVERHEAD;
        bytes <= limits::FRAME_BYTES / 2
    })
    .collect()
}

/// Every lease in held: whether it has been begun, its running trials and the seconds that each takes still.
pub(crate) fn heartbeat(
    leases: impl Iterator<Item = (u64, bool, Vec<(u64, f64)>)>,
) -> v1::SessionRequest {
    request(Request::Heartbeat(v1::Heartbeat {
        leases: leases
            .map(|(lease, begun, running)| {
                let (running, left_seconds) = running.into_iter().unzip();
                v1::LeaseBeat {
                    lease,
                    running,
                    left_seconds,
                    begun,
                }
            })
            .collect(),
    }))
}

/// Trials that will not be run here.
pub(crate) fn give_back(lease: u64, numbers: &IntervalSet) -> v1::SessionRequest {
    request(Request::GiveBack(v1::GiveBack {
        lease,
        ranges: convert::interval_ranges(numbers),
        cannot_run: None,
    }))
}

/// A lease whose sweep cannot be run here.
pub(crate) fn cannot_run(lease: &Lease, unrunnable: &SpecFailure) -> v1::SessionRequest {
    use v1::give_back::CannotRun;
    let what = v1::CannotRun {
        what: convert::reason(unrunnable.why()),
    };
    request(Request::GiveBack(v1::GiveBack {
        lease: lease.lease,
        ranges: convert::ranges(&lease.ranges),
        cannot_run: Some(match unrunnable {
            SpecFailure::Node(_) => CannotRun::Node(what),
            SpecFailure::Source(_) => CannotRun::Source(what),
            SpecFailure::Interrupted(_) => CannotRun::Interrupted(what),
        }),
    }))
}

pub(crate) fn drain() -> v1::SessionRequest {
    request(Request::Drain(v1::Drain {}))
}

pub(crate) fn checkpoint(
    lease: &Lease,
    trial: u64,
    step: u64,
    state: Vec<u8>,
) -> v1::SessionRequest {
    request(Request::Checkpoint(v1::Checkpoint {
        sweep: lease.sweep.to_string(),
        lease: lease.lease,
        trial,
        step,
        state: state.into(),
    }))
}

/// A report under its number. Bytes are shared, not copied: a report may be offered more than once.
pub(crate) fn report(number: u64, body: &ReportBody) -> v1::SessionRequest {
    request(Request::Report(v1::Report {
        report: number,
        trials: body.tables[0].clone(),
        history: body.tables[1].clone(),
        spectra: body.tables[2].clone(),
        layers: body.tables[3].clone(),
        work_seconds: body.work_seconds,
        rows: body.spool.as_ref().map_or(0, |spool| messages(spool)),
        ..body.lease.to_report()
    }))
}

/// As many messages as its rows on disk take.
fn messages(spool: &Spool) -> u32 {
    // A trial's limit is a few thousand chunks.
    u32::try_from(spool.chunks()).unwrap_or(u32::MAX)
}

/// Rows that go ahead of a report.
pub(crate) fn rows(report: u64, trial: u64, chunk: Chunk) -> v1::SessionRequest {
    let [history, spectra, layers] = chunk.map(Bytes::from);
    request(Request::Rows(v1::Rows {
        report,
        trial,
        history,
        spectra,
        layers,
    }))
}

/// Bytes that a report takes on the wire, near enough for credit.
pub(crate) fn report_bytes(body: &ReportBody) -> u64 {
    let columns: usize = body.tables.iter().map(|table| table.len()).sum();
    (columns + 256 + size_of::<Range<u64>>() * body.lease.ranges.len()) as u64
}
