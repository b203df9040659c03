//! What people see of sweeps and workers.

use std::time::Instant;

use rpc::v1;

use crate::sweeps::SweepState;

/// Elapsed time below which a speed means nothing yet.
const SPEED_AFTER_SECONDS: f64 = 0.5;

/// Whether nothing more will happen to the sweep by itself.
pub(crate) fn has_ended(status: &v1::SweepStatus) -> bool {
    matches!(
        status.state(),
        v1::SweepState::Finished | v1::SweepState::Cancelled | v1::SweepState::Stopped
    )
}

/// The sweep's status now.
pub(crate) fn of(sweep: &SweepState, leased: u64, leases: usize) -> v1::SweepStatus {
    let elapsed = sweep.begun.elapsed();
    v1::SweepStatus {
        name: sweep.name.clone(),
        state: sweep.state.into(),
        trials: sweep.folder.count(),
        completed: sweep.counts.completed,
        diverged: sweep.counts.diverged,
        failed: sweep.counts.failed,
        leased,
        predicted_seconds: sweep.predicted_seconds,
        done_seconds: sweep.done_seconds,
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        reported: sweep.reported,
        eta_seconds: eta_seconds(sweep, elapsed.as_secs_f64()),
        problem: sweep.problem.clone(),
        priority: sweep.priority,
        folder: sweep.dir.display().to_string(),
        leases: u32::try_from(leases).unwrap_or(u32::MAX),
        notes: sweep.notes.clone(),
    }
}

fn eta_seconds(sweep: &SweepState, elapsed: f64) -> f64 {
    let left = sweep.predicted_seconds - sweep.done_seconds;
    let done_here = sweep.done_seconds - sweep.done_seconds_at_start;
    if sweep.state != v1::SweepState::Running || done_here <= 0.0 || elapsed < SPEED_AFTER_SECONDS {
        return -1.0;
    }
    (left / (done_here / elapsed)).max(0.0)
}

/// Milliseconds since an instant, for the wire.
pub(crate) fn since_ms(then: Instant) -> u64 {
    u64::try_from(then.elapsed().as_millis()).unwrap_or(u64::MAX)
}
