//! Checks what workers send: nothing of it is used before.

use std::time::Duration;

use rpc::convert::{self, WireError};
use rpc::lease::Lease;
use rpc::{limits, v1};
use scheduler::{LeaseBeat, LeaseId, WorkerId};
use sweep::IntervalSet;
use table::{Batch, Payload, Spool};
use tonic::Status;

use crate::checkpoint_budget::BudgetShare;
use crate::lease_token::{SweepIdentity, TokenKey};
use crate::messages::{ReceivedCheckpoint, ReceivedReport, Registration, TimeLeft};
use crate::{row_spool, skew, wire};

/// Seconds past which nobody knows how long a trial still takes.
const KNOWN_SECONDS: std::ops::Range<f64> = 0.0..1e9;

/// The trials that run, and how long they still take where that is known.
fn left(heartbeat: &v1::Heartbeat) -> Vec<TimeLeft> {
    let mut all = Vec::new();
    for beat in &heartbeat.leases {
        for (at, &trial) in beat.running.iter().enumerate() {
            let reported = beat.left_seconds.get(at).copied();
            all.push(TimeLeft {
                lease: LeaseId(beat.lease),
                trial,
                seconds: reported.filter(|seconds| KNOWN_SECONDS.contains(seconds)),
            });
        }
    }
    all
}

pub(crate) fn beats(heartbeat: v1::Heartbeat) -> Result<(Vec<LeaseBeat>, Vec<TimeLeft>), Status> {
    let running: usize = heartbeat
        .leases
        .iter()
        .map(|lease| lease.running.len())
        .sum();
    if heartbeat.leases.len() > scheduler::MAX_HELD_LEASES || running > limits::THREADS as usize {
        return Err(Status::invalid_argument(
            "more leases or running trials than one worker has",
        ));
    }
    let left = left(&heartbeat);
    let beats = heartbeat.leases.into_iter().map(|beat| LeaseBeat {
        lease: LeaseId(beat.lease),
        begun: beat.begun,
        running: beat.running,
    });
    Ok((beats.collect(), left))
}

/// Leases that a worker brings along.
#[derive(Default)]
struct BroughtLeases {
    /// Those with their proof.
    held: Vec<(String, SweepIdentity, LeaseId, IntervalSet)>,
    /// Those that were never granted here.
    unknown: Vec<(LeaseId, IntervalSet)>,
}

/// Checks what a worker brings along.
fn brought(leases: Vec<v1::HeldLease>, key: &TokenKey) -> Result<BroughtLeases, Status> {
    if leases.len() > scheduler::MAX_HELD_LEASES {
        return Err(Status::invalid_argument("more leases than one worker has"));
    }
    let mut brought = BroughtLeases::default();
    for lease in leases {
        let granted = Lease::of_held(&lease).map_err(|error| wire::status(&error))?;
        let outstanding =
            convert::intervals(&lease.outstanding).map_err(|error| wire::status(&error))?;
        let Some(identity) = key.verify(&granted) else {
            let lease = LeaseId(lease.lease);
            brought.unknown.push((lease, outstanding));
            continue;
        };
        within(&outstanding, &granted.numbers())?;
        let number = LeaseId(lease.lease);
        brought
            .held
            .push((lease.sweep, identity, number, outstanding));
    }
    Ok(brought)
}

/// Whether a report's lease was granted here.
pub(crate) fn is_granted(report: &v1::Report, key: &TokenKey) -> bool {
    Lease::of_report(report).is_ok_and(|lease| key.verify(&lease).is_some())
}

fn within(numbers: &IntervalSet, granted: &IntervalSet) -> Result<(), Status> {
    let mut outside = numbers.clone();
    outside.subtract(granted);
    if outside.is_empty() {
        return Ok(());
    }
    Err(Status::permission_denied("trials outside the lease"))
}

pub(crate) fn registration(register: v1::Register, key: &TokenKey) -> Result<Registration, Status> {
    skew::check(&register).map_err(|skew| wire::skew_status(&skew))?;
    let number = |field, found: u64, allowed| {
        Err(wire::status(&WireError::Number {
            field,
            found,
            allowed,
        }))
    };
    if register.threads == 0 || register.threads > limits::THREADS {
        return number("threads", register.threads.into(), "1 to 4096");
    }
    let checked = |field, text: &str| {
        convert::name(field, text)
            .map(str::to_owned)
            .map_err(|error| wire::status(&error))
    };
    let brought = brought(register.held, key)?;
    Ok(Registration {
        name: checked("name", &register.name)?,
        host: convert::host_name(&register.host)
            .map(str::to_owned)
            .map_err(|error| wire::status(&error))?,
        threads: register.threads,
        isa: checked("isa", &register.isa)?,
        program_version: checked("program_version", &register.program_version)?,
        instance: register.instance,
        held: brought.held,
        unknown: brought.unknown,
        memory: (register.memory_bytes > 0).then_some(register.memory_bytes),
        walltime: (register.walltime_ms > 0).then(|| Duration::from_millis(register.walltime_ms)),
    })
}

/// Decodes a report and holds it against its lease. A worker cannot write outside what it was granted.
pub(crate) fn report(
    worker: WorkerId,
    report: v1::Report,
    spool: Option<Spool>,
    key: &TokenKey,
) -> Result<ReceivedReport, Status> {
    let lease = Lease::of_report(&report).map_err(|error| wire::status(&error))?;
    let identity = key.verify(&lease);
    let identity =
        identity.ok_or_else(|| Status::permission_denied("a lease that was never granted"))?;
    let tables = [report.trials, report.history, report.spectra, report.layers];
    let wire_bytes = tables.iter().map(|table| table.len() as u64).sum();
    let batch = if tables.iter().all(|table| table.is_empty()) {
        Batch::empty()
    } else {
        let payload = Payload::from_tables(tables.map(Vec::from));
        let decoded = Batch::from_payload(&payload, &table::Limits::default());
        decoded.map_err(|error| Status::invalid_argument(error.to_string()))?
    };
    let batch = row_spool::joined(batch, spool)?;
    batch
        .check_consistent()
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    let numbers = batch.trial_numbers();
    within(&numbers, &lease.numbers())?;
    // A set of ranges cannot hold the largest number of all: a row of it would slip through.
    if numbers.len() != batch.trials() as u64 {
        return Err(Status::permission_denied("trials outside the lease"));
    }
    Ok(ReceivedReport {
        worker,
        report: report.report,
        sweep: report.sweep,
        identity,
        lease: LeaseId(report.lease),
        generation: report.generation,
        failed: batch.failed(),
        batch,
        numbers,
        wire_bytes,
        work_seconds: if report.work_seconds.is_finite() {
            report.work_seconds.max(0.0)
        } else {
            0.0
        },
    })
}

/// Checks a checkpoint, which takes its share of the memory for large ones.
pub(crate) fn checkpoint(
    worker: WorkerId,
    checkpoint: v1::Checkpoint,
    share: Option<BudgetShare>,
) -> Result<ReceivedCheckpoint, Status> {
    if checkpoint.state.len() > limits::CHECKPOINT_BYTES {
        return Err(Status::out_of_range("larger than a checkpoint may be"));
    }
    Ok(ReceivedCheckpoint {
        worker,
        sweep: checkpoint.sweep,
        lease: LeaseId(checkpoint.lease),
        trial: checkpoint.trial,
        state: checkpoint.state.into(),
        share,
    })
}
