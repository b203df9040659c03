//! What the page's scripts read: sweeps and workers as JSON.

use serde_json::{Value, json};

use crate::source::{Failure, Overview, Sweep, Worker};

/// Sweeps and workers in one answer: what a screen holds. More come page by page.
pub(crate) const PAGE: usize = 50;

/// Failures in one answer.
const FAILURES: usize = 10;

/// Everything at one moment, as large for a thousand sweeps as for fifty.
pub(crate) fn overview(overview: &Overview, rates: &[f64], rate_seconds: f64) -> Value {
    let Overview { sweeps, workers } = overview;
    let sum = |of: fn(&Sweep) -> u64| sweeps.iter().map(of).fold(0, u64::saturating_add);
    let in_state = |state: &str| {
        workers
            .iter()
            .filter(|worker| worker.state == state)
            .count()
    };
    let here = || workers.iter().filter(|worker| worker.state != "away");
    let mut failures: Vec<(&Sweep, &Failure)> = sweeps
        .iter()
        .flat_map(|sweep| sweep.failures.iter().map(move |failure| (sweep, failure)))
        .collect();
    failures.sort_by_key(|(_, failure)| std::cmp::Reverse(failure.at));
    failures.truncate(FAILURES);
    let failures: Vec<Value> = failures
        .into_iter()
        .map(|(sweep, failure)| {
            json!({ "sweep": sweep.name, "trial": failure.trial, "error": failure.error, "at": failure.at })
        })
        .collect();
    json!({
        "totals": {
            "sweeps": sweeps.len(),
            "running": sweeps.iter().filter(|sweep| sweep.state == "running").count(),
            "trials": sum(|sweep| sweep.trials),
            "completed": sum(|sweep| sweep.completed),
            "diverged": sum(|sweep| sweep.diverged),
            "failed": sum(|sweep| sweep.failed),
            "leased": sum(|sweep| sweep.leased),
            "workers": here().count(),
            "threads": here().map(|worker| u64::from(worker.threads)).sum::<u64>(),
            "busy": in_state("busy"),
            "idle": in_state("idle"),
            "draining": in_state("draining"),
            "away": in_state("away"),
        },
        "rates": rates,
        "rate_seconds": rate_seconds,
        "failures": failures,
        "sweeps": sweeps_page(overview, 0),
        "workers": workers_page(overview, 0),
    })
}

/// One page of sweeps: those that run first, then those that wait for somebody, then the rest by name.
pub(crate) fn sweeps_page(overview: &Overview, page: usize) -> Value {
    let mut sweeps: Vec<&Sweep> = overview.sweeps.iter().collect();
    sweeps.sort_by_key(|sweep| (rank(sweep.state), sweep.name.as_str()));
    paged(&sweeps, page, sweep)
}

/// One page of workers: those with a problem first, then by name.
pub(crate) fn workers_page(overview: &Overview, page: usize) -> Value {
    let mut workers: Vec<&Worker> = overview.workers.iter().collect();
    workers.sort_by_key(|worker| (worker.problem.is_empty(), worker.name.as_str(), worker.id));
    paged(&workers, page, worker)
}

fn paged<T>(rows: &[&T], page: usize, row: impl Fn(&T) -> Value) -> Value {
    let pages = rows.len().div_ceil(PAGE).max(1);
    let page = page.min(pages - 1);
    let shown = rows.iter().skip(page * PAGE).take(PAGE);
    json!({
        "page": page,
        "pages": pages,
        "count": rows.len(),
        "rows": shown.map(|shown| row(shown)).collect::<Vec<_>>(),
    })
}

/// What needs eyes comes first.
fn rank(state: &str) -> u8 {
    match state {
        "running" => 0,
        "stopped" | "unopened" | "gone" => 1,
        "paused" | "opening" => 2,
        _ => 3,
    }
}

/// One sweep.
pub(crate) fn sweep(sweep: &Sweep) -> Value {
    json!({
        "name": sweep.name,
        "state": sweep.state,
        "trials": sweep.trials,
        "completed": sweep.completed,
        "diverged": sweep.diverged,
        "failed": sweep.failed,
        "leased": sweep.leased,
        "reported": sweep.reported,
        "elapsed_seconds": sweep.elapsed_seconds,
        "eta_seconds": sweep.eta_seconds,
        "predicted_seconds": sweep.predicted_seconds,
        "done_seconds": sweep.done_seconds,
        "waiting": sweep.waiting,
        "problem": sweep.problem,
        "notes": sweep.notes,
        "priority": sweep.priority,
    })
}

fn worker(worker: &Worker) -> Value {
    json!({
        "name": worker.name,
        "host": worker.host,
        "state": worker.state,
        "threads": worker.threads,
        "held": worker.held,
        "trials": worker.trials,
        "sweep": worker.sweep,
        "running": worker.running,
        "silent_seconds": worker.silent_seconds.round(),
        "connected_seconds": worker.connected_seconds.round(),
        "memory_bytes": worker.memory_bytes,
        "isa": worker.isa,
        "problem": worker.problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(count: u64) -> Overview {
        let sweep = |k: u64| Sweep {
            name: format!("sweep-{k:06}"),
            state: if k.is_multiple_of(7) {
                "running"
            } else {
                "finished"
            },
            trials: 10,
            ..Sweep::default()
        };
        let worker = |k: u64| Worker {
            id: k,
            name: format!("node-{k:06}"),
            state: "busy",
            threads: 4,
            problem: if k == count - 1 {
                "no file".to_owned()
            } else {
                String::new()
            },
            ..Worker::default()
        };
        Overview {
            sweeps: (0..count).map(sweep).collect(),
            workers: (0..count).map(worker).collect(),
        }
    }

    #[test]
    fn an_answer_holds_a_page_whatever_there_is() {
        let everything = many(2000);
        let answer = overview(&everything, &[1.0], 2.0);
        assert_eq!(
            answer["sweeps"]["rows"].as_array().map(Vec::len),
            Some(PAGE)
        );
        assert_eq!(answer["sweeps"]["pages"], 40);
        assert_eq!(answer["totals"]["trials"], 20_000);
        assert_eq!(answer["totals"]["threads"], 8000);
        assert!(answer.to_string().len() < 64 << 10);
        assert_eq!(answer["sweeps"]["rows"][0]["state"], "running");
        assert_eq!(answer["workers"]["rows"][0]["problem"], "no file");
        let last = workers_page(&everything, usize::MAX);
        assert_eq!(
            (&last["page"], last["rows"].as_array().map(Vec::len)),
            (&json!(39), Some(PAGE))
        );
    }

    /// Prints what one aggregate costs: `cargo test --release -p web an_aggregate -- --nocapture`.
    #[test]
    fn an_aggregate_of_200_workers_is_small() {
        let mut everything = many(200);
        everything.sweeps.truncate(5);
        for worker in &mut everything.workers {
            worker.host = format!("{}.cluster.example.org", worker.name);
            worker.sweep = Some("sweep-000000".to_owned());
            worker.running = (1_000_000..1_000_008).collect();
        }
        let begun = std::time::Instant::now();
        let text = overview(&everything, &[1234.5; 180], 2.0).to_string();
        let micros = begun.elapsed().as_micros();
        eprintln!("an aggregate: {} bytes, {micros} us", text.len());
        assert!(text.len() < 32 << 10, "{}", text.len());
    }

    #[test]
    fn nothing_is_one_empty_page() {
        let answer = overview(&Overview::default(), &[], 2.0);
        assert_eq!(
            (&answer["sweeps"]["count"], &answer["sweeps"]["pages"]),
            (&json!(0), &json!(1))
        );
    }
}
