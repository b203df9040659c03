//! Steps and seconds.

use std::time::Instant;

use dln::{Progress, Run};

/// Takes this many steps of a run that has not ended by then.
pub(crate) fn advance(run: &mut Run<'_>, steps: u64) {
    let progress = run.advance(steps).expect("advances");
    assert_eq!(progress, Progress::Running, "diverged");
}

/// Seconds that the work takes.
pub(crate) fn timed(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}
