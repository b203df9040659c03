//! What people see of sweeps and workers.

use std::collections::BTreeMap;
use std::time::Instant;

use rpc::v1;

use crate::comparisons;
use crate::events::Left;
use crate::sweeps::SweepState;

/// Elapsed time below which a pace means nothing yet.
const PACE_AFTER_SECONDS: f64 = 0.5;

/// Predicted seconds that the prediction itself counts for, until measured trials outweigh it.
const PRIOR_SECONDS: f64 = 1.0;

/// A running trial is never taken for more than this share of what its sweep has left.
const MOST_IN_FLIGHT: f64 = 0.95;

/// Whether nothing more will happen to the sweep by itself.
pub(crate) fn has_ended(status: &v1::SweepStatus) -> bool {
    matches!(
        status.state(),
        v1::SweepState::Finished
            | v1::SweepState::Cancelled
            | v1::SweepState::Stopped
            | v1::SweepState::Unopened
            | v1::SweepState::Gone
    )
}

/// Seconds that each trial takes still. Of one that runs twice, the quicker counts.
pub(crate) fn quickest(left: impl Iterator<Item = Left>) -> BTreeMap<u64, f64> {
    let mut quickest: BTreeMap<u64, f64> = BTreeMap::new();
    for Left { trial, seconds, .. } in left {
        let least = quickest.entry(trial).or_insert(seconds);
        *least = least.min(seconds);
    }
    quickest
}

/// The sweep's status now; `left` are the running trials whose workers tell how many seconds they take still.
pub(crate) fn of(
    sweep: &SweepState,
    leased: u64,
    leases: usize,
    threads: u32,
    left: &BTreeMap<u64, f64>,
) -> v1::SweepStatus {
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
        eta_seconds: eta_seconds(sweep, leased, threads, left),
        problem: sweep.problem.clone(),
        priority: sweep.priority,
        folder: sweep.dir.display().to_string(),
        leases: u32::try_from(leases).unwrap_or(u32::MAX),
        notes: sweep.notes.clone(),
        comparisons: comparisons::told(sweep.folder.verified(), &sweep.comparisons),
    }
}

/// Seconds to the end of a sweep, negative where nothing is known.
fn eta_seconds(sweep: &SweepState, leased: u64, threads: u32, left: &BTreeMap<u64, f64>) -> f64 {
    let elapsed = sweep.begun.elapsed().as_secs_f64();
    if sweep.state != v1::SweepState::Running || threads == 0 || elapsed < PACE_AFTER_SECONDS {
        return -1.0;
    }
    eta(&Ahead {
        predicted: sweep.predicted_seconds - sweep.done_seconds,
        predicted_here: sweep.done_seconds - sweep.done_seconds_at_start,
        worked: sweep.work_seconds,
        elapsed,
        trials: sweep.folder.count().saturating_sub(sweep.counts.total()),
        leased,
        threads,
        told: left
            .iter()
            .map(|(&trial, &seconds)| (sweep.folder.cost(trial).seconds, seconds))
            .collect(),
    })
}

/// What an estimate of the time to the end rests on.
struct Ahead {
    /// Predicted thread seconds of what is not done.
    predicted: f64,
    /// Predicted thread seconds of what was done since `elapsed` began.
    predicted_here: f64,
    /// Thread seconds that it took.
    worked: f64,
    elapsed: f64,
    /// Trials that are not done, and those of them that are leased.
    trials: u64,
    leased: u64,
    threads: u32,
    /// Of the leased trials, those whose workers tell how long they take still: predicted thread seconds, and seconds
    /// still.
    told: Vec<(f64, f64)>,
}

/// The pace is that of the finished trials, thread by thread, and not results over time: after a hundred small
/// trials and an hour of a large one the latter would promise months.
fn eta(ahead: &Ahead) -> f64 {
    let pace = (ahead.worked + PRIOR_SECONDS) / (ahead.predicted_here.max(0.0) + PRIOR_SECONDS);
    let trials = ahead.trials.max(1) as f64;
    let threads = f64::from(ahead.threads).min(trials);
    let of_told: f64 = ahead.told.iter().map(|told| told.0).sum();
    let left = (ahead.predicted - of_told).max(0.0) * pace;
    if ahead.told.is_empty() {
        let leased = (ahead.leased as f64 / trials).min(1.0);
        let in_flight = (ahead.elapsed * threads - ahead.worked).max(0.0);
        return (left - in_flight.min(MOST_IN_FLIGHT * left * leased)) / threads;
    }
    // Their own pace is better than any prediction, and the longest of them is the least that there is to wait for.
    let seconds = ahead.told.iter().map(|told| told.1);
    let longest = seconds.clone().fold(0.0, f64::max);
    ((left + seconds.sum::<f64>()) / threads).max(longest)
}

/// Milliseconds since an instant, for the wire.
pub(crate) fn since_ms(then: Instant) -> u64 {
    u64::try_from(then.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ahead: &Ahead, least: f64, most: f64) {
        let eta = eta(ahead);
        assert!((least..=most).contains(&eta), "{eta}");
    }

    #[test]
    fn equal_trials_end_as_their_pace_says() {
        // 1,000 trials predicted at 1 s each take 2 s; 400 are done after 200 s on four threads.
        let ahead = Ahead {
            predicted: 600.0,
            predicted_here: 400.0,
            worked: 800.0,
            elapsed: 200.0,
            trials: 600,
            leased: 8,
            threads: 4,
            told: Vec::new(),
        };
        check(&ahead, 295.0, 301.0);
    }

    #[test]
    fn one_large_trial_after_a_small_one_promises_no_months() {
        // Of a trial of 430 s, 360 s have passed.
        let ahead = Ahead {
            predicted: 430.0,
            predicted_here: 0.01,
            worked: 0.02,
            elapsed: 360.0,
            trials: 1,
            leased: 1,
            threads: 2,
            told: Vec::new(),
        };
        check(&ahead, 60.0, 80.0);
    }

    #[test]
    fn a_running_trials_own_pace_beats_its_prediction() {
        // Predicted at three hours each; their steps say ten and four minutes, and a third has not begun.
        let mut ahead = Ahead {
            predicted: 2.0 * 10_800.0,
            predicted_here: 0.0,
            worked: 0.0,
            elapsed: 60.0,
            trials: 2,
            leased: 2,
            threads: 2,
            told: vec![(10_800.0, 600.0), (10_800.0, 240.0)],
        };
        check(&ahead, 600.0, 600.0);
        (ahead.trials, ahead.predicted) = (3, 2.0 * 10_800.0 + 900.0);
        // 900 s of it on two threads beside 840 s.
        check(&ahead, 870.0, 870.0);
    }

    #[test]
    fn of_a_trial_that_runs_twice_the_quicker_counts() {
        let left = |lease, trial, seconds| Left {
            lease: scheduler::LeaseId(lease),
            trial,
            seconds,
        };
        let all = [left(1, 7, 1000.0), left(2, 7, 200.0), left(3, 8, 50.0)];
        let quickest = quickest(all.into_iter());
        assert_eq!(
            quickest.into_iter().collect::<Vec<_>>(),
            [(7, 200.0), (8, 50.0)]
        );
    }

    #[test]
    fn what_overruns_its_prediction_has_little_left_but_not_nothing() {
        let ahead = Ahead {
            predicted: 10.0,
            predicted_here: 0.0,
            worked: 0.0,
            elapsed: 100.0,
            trials: 2,
            leased: 2,
            threads: 2,
            told: Vec::new(),
        };
        check(&ahead, 0.2, 0.3);
    }
}
