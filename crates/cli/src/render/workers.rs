//! The workers of a coordinator.

use rpc::v1::WorkerStatus;
use serde_json::{Value, json};

use super::numbers;
use super::table::{self, Column};

/// A row for each worker.
pub(crate) fn table(workers: &[WorkerStatus]) -> String {
    let rows: Vec<Vec<String>> = workers
        .iter()
        .map(|worker| {
            vec![
                worker.name.clone(),
                worker.host.clone(),
                worker.threads.to_string(),
                worker.leases.to_string(),
                worker.trials.to_string(),
                match worker.memory_bytes {
                    0 => "?".to_owned(),
                    bytes => worker::memory::words(bytes as f64),
                },
                numbers::duration(worker.silent_ms as f64 / 1e3),
                numbers::duration(worker.connected_ms as f64 / 1e3),
                worker.isa.clone(),
                match (worker.draining, worker.problem.as_str()) {
                    (true, "") => "draining".to_owned(),
                    (true, problem) => format!("draining; {problem}"),
                    (false, problem) => problem.to_owned(),
                },
            ]
        })
        .collect();
    let columns = [
        Column::Text("WORKER"),
        Column::Text("HOST"),
        Column::Number("THREADS"),
        Column::Number("LEASES"),
        Column::Number("TRIALS"),
        Column::Number("MEMORY"),
        Column::Number("SILENT"),
        Column::Number("CONNECTED"),
        Column::Text("ISA"),
        Column::Text(""),
    ];
    table::columns(&columns, &rows)
}

/// The same under names that stay.
pub(crate) fn as_json(workers: &[WorkerStatus]) -> Value {
    workers
            .iter()
            .map(|worker| {
                json!({
                    "worker": worker.worker_id, "name": worker.name, "host": worker.host,
                    "threads": worker.threads, "isa": worker.isa, "version": worker.program_version,
                    "leases": worker.leases, "trials": worker.trials,
                    "silent_seconds": worker.silent_ms as f64 / 1e3,
                    "connected_seconds": worker.connected_ms as f64 / 1e3,
                    "draining": worker.draining,
                    "problem": if worker.problem.is_empty() { Value::Null } else { json!(worker.problem) },
                    "memory_bytes": if worker.memory_bytes == 0 { Value::Null } else { json!(worker.memory_bytes) },
                })
            })
            .collect()
}
