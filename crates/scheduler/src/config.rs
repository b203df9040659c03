//! What the coordinator decides once, and the bounds that hold whatever it decides.

use std::time::Duration;

/// Settings of a scheduler. There is no default: the coordinator decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Of this coordinator over its data folder: greater than at any earlier start; below 2^24.
    pub generation: u32,
    /// A worker unheard of for so long is lost; a lease that no heartbeat names for so long expires.
    pub heartbeat_timeout: Duration,
    /// For so long after its loss a worker may come back with results. At least the workers' reconnect window.
    pub late_window: Duration,
    /// Work in one lease, as time on the worker that gets it.
    pub lease_target: Duration,
    /// So many workers may die of a trial before it is `failed`. Fewer than two count as two: the first death alone
    /// cannot separate a trial from those that shared its lease.
    pub max_attempts: u32,
    /// Trials that take longer than this leave checkpoints, so a worker with an end of its time may begin one that it
    /// cannot finish, as long as this much time is left. `None`: nothing is begun that cannot be finished.
    pub checkpoint_after: Option<Duration>,
}

/// Trials in one lease. At 100,000 trials a second through one worker this is two thirds of a second of work, which is
/// what a lost worker costs at most, and the heartbeat of a worker never waits behind more.
pub const MAX_LEASE_TRIALS: u64 = 1 << 16;

/// Runs of numbers in one lease. A run is two varints of at most 10 bytes and a tag on the wire, so a grant stays below
/// 100 kB where a filter leaves single numbers.
pub const MAX_LEASE_RUNS: usize = 1 << 12;

/// Pieces of equal predicted cost that are looked at for one lease: as many as runs, so that a cost that changes with
/// every trial bounds the time of an event as a filter does.
pub(crate) const MAX_PIECES: usize = MAX_LEASE_RUNS;

/// Pieces that are more than a worker can take and are looked at for one lease, where they are not passed over by blocks:
/// a thousand workers that ask again with every heartbeat must not fill the scheduler's time. The next look goes on
/// where this one ended.
pub(crate) const MAX_MISFITS: usize = 256;

/// Leases that a worker may name when it joins: it holds two, or one a thread where trials are long (up to 1,024
/// threads), and as many again whose results wait to be acknowledged.
pub const MAX_HELD_LEASES: usize = 1 << 12;

/// Trials that a worker may name when it joins: those of sixteen full leases, which is four times what is ever in its
/// hands together with results that wait.
pub const MAX_HELD_TRIALS: u64 = 16 * MAX_LEASE_TRIALS;

/// Leases that are no longer held but whose results would still be welcome. One takes some 300 bytes, so 20 MB
/// at most; beyond it the oldest are forgotten, and their results are then refused, which costs only time.
pub const MAX_LATE_LEASES: usize = 1 << 16;

/// A lease on a worker whose speed is not known yet is so much smaller, so that the first measurement comes early.
pub(crate) const FIRST_LEASE_SHARE: f64 = 0.25;

/// Time on a worker below which leases do not shrink near the end of a sweep: a message and its answer take some milliseconds.
pub(crate) const LEAST_LEASE: Duration = Duration::from_millis(50);

/// A second lease is queued while the work in hand is below so many leases: one and a half keeps the queue from running dry
/// while a report is on its way, and never holds two full leases beside a third.
pub(crate) const QUEUE_BELOW: f64 = 1.5;

/// A wake-up that comes so much later than asked for means that the coordinator itself stood still, and heartbeats
/// are waiting behind it.
pub(crate) const LATE_WAKEUP: Duration = Duration::from_secs(1);

/// Trials are taken from a busy worker only where it would need longer than this for what it holds; below it, moving them
/// costs more than it saves.
pub(crate) const STEAL_ABOVE: Duration = Duration::from_millis(500);

/// Workers that are looked at for trials to take over. The most loaded come first, so a few are enough.
pub(crate) const STEAL_LOOKS: usize = 4;

/// A lease is a straggler once it has taken so many times what the fleet would need, and [`SPECULATE_AFTER`] more.
pub(crate) const SPECULATE_FACTOR: f64 = 2.0;

/// The least age of a straggler: below it the variance of short trials would pass for slowness.
pub(crate) const SPECULATE_AFTER: Duration = Duration::from_secs(2);

/// Stragglers that are looked at for one to help, the longest overdue first.
pub(crate) const SPECULATE_LOOKS: usize = 4;

/// Of the time that a worker has left, so much is planned with: predictions err by about a fifth.
pub(crate) const WALLTIME_SHARE: f64 = 0.8;

/// Time before a worker's end that is kept for its last report.
pub(crate) const WALLTIME_MARGIN: Duration = Duration::from_secs(2);

/// Groups of suspected trials that are looked at for one that fits a worker's time and memory. Those that do not go to
/// the end of the line, so the next look sees others.
pub(crate) const GROUP_LOOKS: usize = 4;

/// Trials with their last chance that are looked at for one that fits. There are seldom more than a few.
pub(crate) const SUSPECT_LOOKS: usize = 64;

/// One worker in so many may be set aside to run trials suspected of killing workers, one at a time; the others go on.
pub(crate) const ISOLATE_SHARE: u64 = 4;

/// A worker that cannot run a sweep is asked again after this long: a folder that was swept away is made again in less.
pub(crate) const FIRST_QUARANTINE: Duration = Duration::from_secs(5);

/// The longest wait until it is asked again: a disk that somebody has made room on is found within this.
pub(crate) const LONGEST_QUARANTINE: Duration = Duration::from_secs(300);

/// Predicted seconds below this, or not a number, count as this: a prediction of nothing would make endless leases.
pub(crate) const LEAST_SECONDS: f64 = 1e-9;

/// More deaths than this for one trial serve nobody, and a record is kept for each count.
const MOST_ATTEMPTS: u32 = 100;

impl Config {
    /// Deaths after which a trial fails.
    pub(crate) fn attempts(&self) -> u32 {
        self.max_attempts.clamp(2, MOST_ATTEMPTS)
    }
}
