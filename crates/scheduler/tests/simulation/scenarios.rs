//! Clusters on calm days and on bad ones, and a sweep of a billion trials.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use scheduler::{
    Action, Config, Event, Grant, Now, Scheduler, SweepKey, SweepState, Work, WorkerId,
};
use sweep::IntervalSet;

use crate::cluster::{Cluster, Plan, Report};
use crate::crew::{Killers, fails};
use crate::pattern::Pattern;
use crate::shadow::ATTEMPTS;

/// The seeds to run: those given, or what the environment asks for. Printed on standard error, which a failing test shows.
fn for_seeds(scenario: &str, seeds: &[u64], run: impl Fn(u64)) {
    let number =
        |name: &str| -> Option<u64> { std::env::var(name).ok().and_then(|text| text.parse().ok()) };
    let seeds: Vec<u64> = match number("PARSIMONY_SIM_SEED") {
        Some(first) => {
            let runs = number("PARSIMONY_SIM_RUNS").unwrap_or(1);
            (first..first.saturating_add(runs)).collect()
        }
        None => seeds.to_vec(),
    };
    for seed in seeds {
        eprintln!("{scenario}: replay with PARSIMONY_SIM_SEED={seed}");
        run(seed);
    }
}

/// Runs a plan and checks what the shadow cannot: that no trial failed but for a reason.
fn check(plan: &Plan, seed: u64) -> Report {
    let report = Cluster::new(plan.clone(), seed).run();
    for (sweep, n) in &plan.killers {
        assert!(
            report.failed[sweep].contains(*n),
            "trial {n} killed, and did not fail"
        );
    }
    if plan.misfortune.is_none() {
        for (&sweep, failed) in &report.failed {
            for n in failed.runs().flatten() {
                let reason = fails(sweep, n) || plan.killers.contains(&(sweep, n));
                assert!(reason, "trial {n} of {sweep} failed beside a killer");
            }
        }
    }
    report
}

fn calm() -> Plan {
    Plan {
        workers: 100,
        most_threads: 1,
        sweeps: vec![(Pattern::plain(40_000, 0.1), 0)],
        killers: Killers::new(),
        misfortune: None,
        memory: None,
        stalls: 0.0,
        even: true,
        check_every: 1,
    }
}

#[test]
fn nobody_waits_on_a_calm_day() {
    for_seeds("calm", &[1, 2], |seed| {
        let report = check(&calm(), seed);
        // 4,000 seconds of work over a hundred threads that come up within two seconds.
        let ideal = 40.0 + 1.0;
        let time = report.time.as_secs_f64();
        assert!(time < 1.1 * ideal + 1.0, "{report:?}");
        // Little is run twice.
        assert!(report.trials_granted < 40_000 + 800, "{report:?}");
        assert_eq!(report.lost, 0);
    });
}

#[test]
fn killers_fail_and_nothing_beside_them() {
    let killers = [3, 4, 1_000, 2_500, 19_999];
    let plan = Plan {
        workers: 40,
        most_threads: 8,
        sweeps: vec![(Pattern::plain(20_000, 0.1), 0)],
        killers: killers.into_iter().map(|n| (SweepKey(1), n)).collect(),
        even: false,
        ..calm()
    };
    for_seeds("killers", &[1, 2, 3], |seed| {
        let report = check(&plan, seed);
        // Three workers for each; fewer where two were suspected together, more where a copy ran.
        assert!((9..=20).contains(&report.lost), "{report:?}");
    });
}

#[test]
fn bad_days_lose_nothing() {
    let filtered = Pattern {
        end: 8_000,
        block: 7,
        period: 4,
        kept: 3,
        seconds: 0.05,
        cost_block: 100,
        levels: 4,
        bytes: 1.0,
    };
    let plan = Plan {
        workers: 30,
        most_threads: 4,
        sweeps: vec![
            (filtered, 0),
            (Pattern::plain(5_000, 0.1), 0),
            (Pattern::plain(200, 4.0), 1),
        ],
        killers: [(SweepKey(1), 0), (SweepKey(2), 1_234)]
            .into_iter()
            .collect(),
        misfortune: Some(1.0),
        memory: Some(2),
        stalls: 0.3,
        even: false,
        check_every: 1,
    };
    for_seeds("bad days", &[1, 2, 3, 4, 5, 6, 7, 8], |seed| {
        check(&plan, seed);
    });
}

#[test]
fn a_storm_over_two_thousand_workers_and_a_million_trials() {
    let filtered = Pattern {
        end: 800_000,
        block: 7,
        period: 4,
        kept: 3,
        seconds: 0.05,
        cost_block: 1_000,
        levels: 4,
        bytes: 0.0,
    };
    let plan = Plan {
        workers: 2_000,
        most_threads: 4,
        sweeps: vec![
            (filtered, 0),
            (Pattern::plain(390_000, 0.1), 0),
            (Pattern::plain(10_000, 2.5), 1),
        ],
        killers: [(SweepKey(1), 77_000), (SweepKey(2), 1_234)]
            .into_iter()
            .collect(),
        misfortune: Some(0.05),
        memory: None,
        stalls: 0.02,
        even: false,
        check_every: 2_003,
    };
    let trials: u64 = plan.sweeps.iter().map(|(pattern, _)| pattern.count()).sum();
    assert!(trials >= 1_000_000);
    for_seeds("storm", &[1], |seed| {
        let report = check(&plan, seed);
        eprintln!(
            "{} events, {} leases, {} workers lost, {:?}",
            report.events, report.leases, report.lost, report.time
        );
    });
}

/// A worker that does at once what it is granted; some die with it, some leave in good order.
struct Quick {
    scheduler: Scheduler,
    now: Now,
    queue: VecDeque<Action>,
    living: BTreeSet<WorkerId>,
    last: u64,
}

impl Quick {
    fn feed(&mut self, event: Event) {
        let actions = self.scheduler.handle(self.now, event);
        self.queue.extend(actions);
    }

    fn join(&mut self) {
        self.last += 1;
        let worker = WorkerId(self.last);
        self.living.insert(worker);
        self.feed(Event::Join {
            worker,
            threads: 8,
            name: String::new(),
            deadline: None,
            memory: None,
            held: Vec::new(),
        });
    }

    /// Works a sweep off. Returns the trials accepted and the leases that it took.
    fn run(&mut self, sweep: SweepKey) -> (u64, u64) {
        let (mut accepted, mut leases) = (0u64, 0u64);
        loop {
            let Some(action) = self.queue.pop_front() else {
                // The dead hold the rest: the living beat until they are given up.
                self.now += Duration::from_secs(1);
                let living: Vec<WorkerId> = self.living.iter().copied().collect();
                for worker in living {
                    let leases = Vec::new();
                    self.feed(Event::Heartbeat { worker, leases });
                }
                assert!(self.now < Duration::from_secs(10_000), "stuck");
                continue;
            };
            match action {
                Action::Grant(Grant {
                    worker,
                    lease,
                    generation,
                    ranges,
                    ..
                }) => {
                    leases += 1;
                    if !self.living.contains(&worker) {
                        continue;
                    }
                    self.now += Duration::from_millis(1);
                    let numbers: IntervalSet = ranges.into_iter().collect();
                    if leases.is_multiple_of(997) {
                        self.living.remove(&worker);
                        self.feed(Event::Goodbye { worker });
                        self.join();
                    } else if leases.is_multiple_of(1_499) && numbers.len() > 10_000 {
                        // Never with a suspected trial: this is not about those.
                        self.living.remove(&worker);
                        self.feed(Event::Leave { worker });
                        self.join();
                    } else {
                        self.feed(Event::Report(scheduler::Report {
                            worker,
                            sweep,
                            lease,
                            generation,
                            numbers,
                            failed: IntervalSet::new(),
                            work_seconds: 0.1,
                        }));
                    }
                    if leases.is_multiple_of(500) {
                        self.scheduler.check().expect("a sound state");
                    }
                }
                Action::Accept { numbers, .. } => accepted += numbers.len(),
                Action::Finished { .. } => return (accepted, leases),
                _ => {}
            }
        }
    }
}

#[test]
fn a_billion_trials_cost_as_many_leases_as_they_need() {
    let sweep = SweepKey(1);
    let pattern = Pattern {
        end: 1_000_000_000,
        block: 1_000,
        period: 4,
        kept: 3,
        seconds: 1e-5,
        cost_block: 1_000_000,
        levels: 3,
        bytes: 0.0,
    };
    let mut quick = Quick {
        scheduler: Scheduler::new(Config {
            generation: 1,
            heartbeat_timeout: Duration::from_secs(8),
            late_window: Duration::from_secs(60),
            lease_target: Duration::from_secs(1),
            max_attempts: ATTEMPTS,
            checkpoint_after: None,
        }),
        now: Now::ZERO,
        queue: VecDeque::new(),
        living: BTreeSet::new(),
        last: 0,
    };
    quick.feed(Event::AddSweep {
        sweep,
        work: Arc::new(pattern),
        done: IntervalSet::new(),
        failed: IntervalSet::new(),
        priority: 0,
        paused: false,
    });
    for _ in 0..64 {
        quick.join();
    }
    let (accepted, leases) = quick.run(sweep);
    assert_eq!(accepted, 750_000_000);
    let status = quick.scheduler.sweep_status(sweep).expect("the sweep");
    assert_eq!(
        (status.state, status.done),
        (SweepState::Finished, accepted)
    );
    assert!(leases < 40_000, "{leases} leases");
}
