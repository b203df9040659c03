//! The time to the end of a sweep, as a function of what has been measured and what lies ahead. It knows no clock and no
//! scheduler, so it is tested on made-up histories.
//!
//! Predicted costs are wrong by factors that depend on the size of the trial: the fixed costs of the smallest, the stop
//! rules of the longest. So finished trials are kept by classes of predicted cost, and each class has a ratio of its own
//! of measured to predicted time. The end comes when the trials that run and those that have not begun, in their order,
//! are laid out over the threads.

use std::collections::BTreeMap;

/// Predicted seconds that the prediction itself counts for where nothing of a class is known.
const PRIOR_SECONDS: f64 = 0.5;

/// Trials by which a class is led by the others until its own outweigh them.
const PRIOR_TRIALS: f64 = 1.0;

/// Trials that a class remembers: the older ones fade, so that a machine that slows down is noticed.
const REMEMBERED: f64 = 64.0;

/// Finished trials from which a class says more of a running one than its pace so far: a stop rule may end it.
const KNOWN_FROM: f64 = 3.0;

/// A trial that has overrun what was expected has at least this share of it left.
const LEAST_LEFT: f64 = 0.05;

/// Threads that are laid out one by one. More are laid out by their share.
const LAID_OUT: usize = 64;

/// Measured against predicted time of finished trials.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    /// By the logarithm of the predicted seconds.
    classes: BTreeMap<i32, Class>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Class {
    trials: f64,
    predicted: f64,
    worked: f64,
}

/// A trial that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) predicted: f64,
    /// How long it has been seen to run.
    pub(crate) elapsed: f64,
    /// Seconds still by the pace of its own steps, where its worker reports them.
    pub(crate) left: Option<f64>,
}

/// What lies ahead of a sweep.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlook {
    /// Threads that work for it.
    pub(crate) threads: u32,
    pub(crate) running: Vec<Running>,
    /// Trials that have not begun, in their order, and the predicted seconds of each.
    pub(crate) pieces: Vec<(u64, f64)>,
}

fn class_of(predicted: f64) -> i32 {
    // The cast saturates; nothing predicted is the smallest class of all.
    predicted.log2().floor() as i32
}

impl Pace {
    /// Takes in trials of a report: pairs of a number and the predicted seconds of each, and what they took together.
    pub(crate) fn finished(&mut self, trials: &[(u64, f64)], worked: f64) {
        let usable = |x: f64| x.is_finite() && x > 0.0;
        let total: f64 = trials.iter().map(|&(n, each)| n as f64 * each).sum();
        if !usable(total) || !usable(worked) {
            return;
        }
        for &(n, each) in trials.iter().filter(|&&(_, each)| usable(each)) {
            let predicted = n as f64 * each;
            let class = self.classes.entry(class_of(each)).or_default();
            class.trials += n as f64;
            class.predicted += predicted;
            class.worked += worked * predicted / total;
            if class.trials > REMEMBERED {
                let fade = REMEMBERED / class.trials;
                class.trials = REMEMBERED;
                class.predicted *= fade;
                class.worked *= fade;
            }
        }
    }

    /// Seconds to the end; `None` where nothing has been measured yet, or nobody works.
    pub(crate) fn eta(&self, outlook: &Outlook) -> Option<f64> {
        let seen = self.with_running(&outlook.running);
        if seen.classes.is_empty() || outlook.threads == 0 {
            return None;
        }
        let left = |running: &Running| self.left(&seen, running);
        let running: Vec<f64> = outlook.running.iter().map(left).collect();
        let pieces = outlook
            .pieces
            .iter()
            .map(|&(trials, each)| (trials, seen.expected(each)));
        let longest = running.iter().copied().fold(0.0, f64::max);
        Some(laid_out(outlook.threads, &running, pieces).max(longest))
    }

    /// With what running trials show of classes of which none has finished.
    fn with_running(&self, running: &[Running]) -> Pace {
        let mut seen = self.clone();
        for trial in running {
            let class = class_of(trial.predicted);
            if let Some(left) = trial.left
                && !self.classes.contains_key(&class)
            {
                seen.finished(&[(1, trial.predicted)], trial.elapsed + left);
            }
        }
        seen
    }

    /// Seconds that a trial is expected to take.
    fn expected(&self, predicted: f64) -> f64 {
        let sum = |part: fn(&Class) -> f64| self.classes.values().map(part).sum::<f64>();
        let worked = sum(|class| class.worked);
        let all = (worked + PRIOR_SECONDS) / (sum(|class| class.predicted) + PRIOR_SECONDS);
        let Some(class) = self.classes.get(&class_of(predicted)) else {
            return predicted * all;
        };
        let prior = PRIOR_TRIALS * class.predicted / class.trials;
        predicted * (class.worked + prior * all) / (class.predicted + prior)
    }

    /// Seconds that a running trial takes still.
    fn left(&self, seen: &Pace, running: &Running) -> f64 {
        let expected = seen.expected(running.predicted);
        let rest = expected - running.elapsed;
        let least = LEAST_LEFT * expected;
        let class = self.classes.get(&class_of(running.predicted));
        let known = class.is_some_and(|class| class.trials >= KNOWN_FROM);
        match running.left {
            // Its own pace knows the machine, but not the stop rule that others like it have met.
            Some(left) if known && rest > 0.0 => left.min(rest.max(least)),
            Some(left) => left,
            None => rest.max(least),
        }
    }
}

/// When the last thread is through: running trials first, then pieces of equal trials in their order, each trial on the
/// thread that is free first.
fn laid_out(threads: u32, running: &[f64], pieces: impl Iterator<Item = (u64, f64)>) -> f64 {
    let threads = (threads as usize).max(running.len());
    let lanes = threads.min(LAID_OUT);
    // A lane stands for this number of threads.
    let share = threads as f64 / lanes as f64;
    let mut free = vec![0.0; lanes];
    let mut sorted = running.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    for (lane, slot) in free.iter_mut().enumerate() {
        // The longest of its threads: none is forgotten.
        let first = (lane as f64 * share) as usize;
        *slot = sorted.get(first).copied().unwrap_or(0.0);
    }
    for (trials, each) in pieces {
        let mut left = trials as f64 / share;
        // All but the last few are spread as evenly as water.
        let few = lanes as f64;
        if left > 2.0 * few {
            pour(&mut free, (left - few) * each);
            left = few;
        }
        while left > 0.0 {
            let Some(first) = free.iter_mut().min_by(|a, b| a.total_cmp(b)) else {
                break;
            };
            // The part of a trial that is less than a lane takes as long all the same.
            *first += each;
            left -= 1.0;
        }
    }
    free.into_iter().fold(0.0, f64::max)
}

/// Adds `seconds` of work to the lanes that are free first, until they are level.
fn pour(free: &mut [f64], seconds: f64) {
    free.sort_by(f64::total_cmp);
    let mut left = seconds;
    let mut wet = 1;
    while wet < free.len() {
        let room = (free[wet] - free[wet - 1]) * wet as f64;
        if room >= left {
            break;
        }
        left -= room;
        wet += 1;
    }
    let level = free[wet - 1] + left / wet as f64;
    free[..wet].fill(level);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlook(threads: u32, running: &[Running], pieces: &[(u64, f64)]) -> Outlook {
        Outlook {
            threads,
            running: running.to_vec(),
            pieces: pieces.to_vec(),
        }
    }

    fn pace(finished: &[(u64, f64, f64)]) -> Pace {
        let mut pace = Pace::default();
        for &(trials, predicted, worked) in finished {
            for _ in 0..trials {
                pace.finished(&[(1, predicted)], worked);
            }
        }
        pace
    }

    #[track_caller]
    fn check(pace: &Pace, outlook: &Outlook, expected: std::ops::RangeInclusive<f64>) {
        let eta = pace.eta(outlook).expect("an estimate");
        assert!(expected.contains(&eta), "{eta}");
    }

    fn begun(predicted: f64, elapsed: f64, left: Option<f64>) -> Running {
        Running {
            predicted,
            elapsed,
            left,
        }
    }

    #[test]
    fn where_nothing_is_known_nothing_is_said() {
        let new = Pace::default();
        assert_eq!(new.eta(&outlook(4, &[], &[(100, 1.0)])), None);
        let running = [begun(1.0, 0.5, None)];
        assert_eq!(new.eta(&outlook(4, &running, &[(100, 1.0)])), None);
        let known = pace(&[(3, 1.0, 1.0)]);
        assert_eq!(known.eta(&outlook(0, &[], &[(100, 1.0)])), None);
        assert_eq!(known.eta(&outlook(4, &[], &[])), Some(0.0));
    }

    #[test]
    fn equal_trials_end_as_their_pace_says() {
        // Predicted at 1 s, 2 s each: 600 are left on four threads.
        let known = pace(&[(400, 1.0, 2.0)]);
        check(&known, &outlook(4, &[], &[(600, 1.0)]), 290.0..=302.0);
    }

    #[test]
    fn classes_of_cost_have_ratios_of_their_own() {
        // The small ones take ten times what is predicted, the large ones what is.
        let known = pace(&[(100, 0.01, 0.1), (5, 10.0, 10.0)]);
        check(
            &known,
            &outlook(1, &[], &[(100, 0.01), (10, 10.0)]),
            108.0..=118.0,
        );
        // Of a class that nobody has seen, the heavier ones say more.
        check(&known, &outlook(1, &[], &[(1, 100.0)]), 95.0..=125.0);
    }

    #[test]
    fn a_report_of_unequal_trials_is_shared_out() {
        let mut known = Pace::default();
        known.finished(&[(10, 1.0), (1, 10.0)], 40.0);
        check(&known, &outlook(1, &[], &[(10, 1.0)]), 19.0..=21.0);
        // What is no time says nothing.
        known.finished(&[(10, 1.0)], 0.0);
        known.finished(&[(10, f64::NAN)], 5.0);
        check(&known, &outlook(1, &[], &[(10, 1.0)]), 19.0..=21.0);
    }

    #[test]
    fn stop_rules_are_learned_from_the_first_few() {
        // Predicted at 10 s, ended by a rule after 3 s; those that run report what their steps would take.
        let known = pace(&[(8, 10.0, 3.0)]);
        let running = [begun(10.0, 1.0, Some(9.0)), begun(10.0, 2.0, Some(8.0))];
        check(&known, &outlook(2, &running, &[(10, 10.0)]), 16.0..=21.0);
        // One that has overrun the others is believed.
        let late = [begun(10.0, 6.0, Some(4.0))];
        check(&known, &outlook(2, &late, &[]), 4.0..=4.0);
    }

    #[test]
    fn one_long_trial_among_short_ones_is_waited_for() {
        let known = pace(&[(20, 1.0, 1.0), (1, 100.0, 100.0)]);
        // It begins last.
        check(
            &known,
            &outlook(4, &[], &[(40, 1.0), (1, 100.0)]),
            108.0..=112.0,
        );
        // It runs.
        let running = [begun(100.0, 20.0, Some(80.0))];
        check(&known, &outlook(4, &running, &[(40, 1.0)]), 80.0..=80.0);
    }

    #[test]
    fn running_trials_speak_for_a_class_of_which_none_has_ended() {
        let running = [begun(10_800.0, 60.0, Some(600.0))];
        let new = Pace::default();
        check(
            &new,
            &outlook(1, &running, &[(2, 10_000.0)]),
            1700.0..=2000.0,
        );
        check(&new, &outlook(2, &running, &[]), 600.0..=600.0);
    }

    #[test]
    fn what_overruns_its_prediction_has_little_left_but_not_nothing() {
        let known = pace(&[(4, 10.0, 10.0)]);
        let running = [begun(10.0, 100.0, None)];
        check(&known, &outlook(2, &running, &[]), 0.3..=0.6);
    }

    #[test]
    fn a_machine_that_slows_down_is_noticed() {
        let known = pace(&[(1000, 1.0, 1.0), (128, 1.0, 3.0)]);
        check(&known, &outlook(1, &[], &[(100, 1.0)]), 260.0..=301.0);
    }

    #[test]
    fn thousands_of_threads_are_laid_out_by_their_share() {
        let known = pace(&[(20, 1.0, 1.0)]);
        check(&known, &outlook(6400, &[], &[(64_000, 1.0)]), 9.9..=11.1);
        let running = vec![begun(1.0, 0.5, Some(0.5)); 6400];
        check(&known, &outlook(6400, &running, &[]), 0.5..=0.5);
        let mut one_long = running;
        one_long[17].left = Some(50.0);
        one_long[17].predicted = 50.0;
        check(&known, &outlook(6400, &one_long, &[]), 50.0..=50.0);
    }

    /// Runs a made-up sweep: what its trials are predicted at and truly take, on this number of threads. Returns the estimates
    /// and the truth once tenths of it have passed.
    fn simulated(trials: &[(f64, f64)], threads: u32) -> Vec<(f64, f64)> {
        let mut free = vec![0.0; threads as usize];
        let mut spans = Vec::new();
        for &(predicted, takes) in trials {
            let first = free
                .iter_mut()
                .min_by(|a: &&mut f64, b: &&mut f64| a.total_cmp(b))
                .expect("a thread");
            spans.push((*first, *first + takes, predicted));
            *first += takes;
        }
        let end = free.into_iter().fold(0.0, f64::max);
        let mut predicted_ends = Vec::new();
        for tenth in 1..10 {
            let now = end * f64::from(tenth) / 10.0;
            let mut pace = Pace::default();
            let mut ended: Vec<_> = spans.iter().filter(|span| span.1 <= now).collect();
            ended.sort_by(|a, b| a.1.total_cmp(&b.1));
            for &&(from, to, predicted) in &ended {
                pace.finished(&[(1, predicted)], to - from);
            }
            let mut ahead = outlook(threads, &[], &[]);
            for &(from, to, predicted) in &spans {
                if from > now {
                    ahead.pieces.push((1, predicted));
                } else if to > now {
                    let running = begun(predicted, now - from, None);
                    ahead.running.push(running);
                }
            }
            if let Some(eta) = pace.eta(&ahead) {
                predicted_ends.push((eta, end - now));
            }
        }
        predicted_ends
    }

    #[test]
    fn the_end_is_predicted_within_a_quarter_from_a_tenth_on() {
        let jitter = |k: usize| 0.8 + 0.4 * ((k * 7919) % 101) as f64 / 100.0;
        let equal: Vec<_> = (0..400).map(|k| (1.0, 2.0 * jitter(k))).collect();
        let stopped: Vec<_> = (0..400).map(|k| (10.0, 3.0 * jitter(k))).collect();
        // Dear ones first and last in turn.
        let levels = [0.1, 0.4, 1.6, 6.4];
        let mixed: Vec<_> = (0..400)
            .map(|k| (levels[k % 4], levels[k % 4] * 1.5 * jitter(k)))
            .collect();
        for (name, trials) in [("equal", equal), ("stopped", stopped), ("mixed", mixed)] {
            let ends = simulated(&trials, 4);
            assert_eq!(ends.len(), 9, "{name}");
            for (eta, truth) in ends {
                let error = (eta - truth).abs();
                assert!(error < 0.25 * truth + 5.0, "{name}: {eta} for {truth}");
            }
        }
    }
}
