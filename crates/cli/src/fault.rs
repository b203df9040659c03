//! Sudden death at a named place, for the fault tests. Faults have a count, not a probability.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Passages of the point that `PARSIMONY_FAULT` names.
static PASSED: AtomicU64 = AtomicU64::new(0);

/// Kills the process at the N-th passage of the point in `PARSIMONY_FAULT=POINT:N`.
pub(crate) fn at_point(point: &str) {
    static FAULT: OnceLock<Option<(String, u64)>> = OnceLock::new();
    let fault = FAULT.get_or_init(|| {
        let text = std::env::var("PARSIMONY_FAULT").ok()?;
        let (name, count) = text.rsplit_once(':')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    if let Some((name, count)) = fault
        && name == point
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        die();
    }
}

/// Kills the process before the trial in `PARSIMONY_FAULT_TRIAL`; waits before every trial for the time in
/// `PARSIMONY_FAULT_SLOW_MS`, as a worker does whose machine is slow.
pub(crate) fn before_trial(number: u64) {
    static TRIAL: OnceLock<Option<u64>> = OnceLock::new();
    static SLOW: OnceLock<Option<u64>> = OnceLock::new();
    let trial = TRIAL.get_or_init(|| read("PARSIMONY_FAULT_TRIAL"));
    if *trial == Some(number) {
        die();
    }
    if let Some(milliseconds) = SLOW.get_or_init(|| read("PARSIMONY_FAULT_SLOW_MS")) {
        std::thread::sleep(Duration::from_millis(*milliseconds));
    }
}

fn read(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// As kill -9: no destructor, no flush, no word.
fn die() {
    // The id fits: the kernel's are below 2^22.
    let id = std::process::id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-9", &id])
        .status();
    drop(killed);
    std::process::abort();
}
