//! Where a run's rows come from: programs, instruction sets, machines, times.

use super::ask::{Ask, Row};
use crate::error::ReportError;

/// Machines that are named.
const MACHINES: u64 = 20;

#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// Versions of the program that wrote rows, with how many.
    pub versions: Vec<(String, u64)>,
    pub instruction_sets: Vec<(String, u64)>,
    /// The one with the most seconds first.
    pub machines: Vec<Machine>,
    pub more_machines: bool,
    /// Start of the first and of the last trial, UTC.
    pub first: Option<String>,
    pub last: Option<String>,
}

/// A host and its trials.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    pub host: String,
    pub workers: u64,
    pub trials: u64,
    pub train_seconds: f64,
}

impl Origin {
    pub(crate) fn read(ask: &Ask<'_>) -> Result<Origin, ReportError> {
        let answer = ask.rows(&format!(
            "SELECT host, count(DISTINCT worker) AS workers, count(*) AS n, sum(train_seconds) AS seconds FROM trials \
             GROUP BY host ORDER BY seconds DESC, host LIMIT {}",
            MACHINES + 1
        ))?;
        let mut machines: Vec<Machine> = Row::all(&answer)
            .map(|row| Machine {
                host: row.text("host").unwrap_or("-").to_owned(),
                workers: row.count("workers"),
                trials: row.count("n"),
                train_seconds: row.number("seconds").unwrap_or(0.0),
            })
            .collect();
        let more_machines = machines.len() as u64 > MACHINES;
        machines.truncate(MACHINES as usize);
        let times =
            ask.rows("SELECT min(started_at) AS first, max(started_at) AS last FROM trials")?;
        let time = |column| {
            let row = Row::first(&times)?;
            // To the second.
            let text = row.text(column)?;
            Some(text.split('.').next().unwrap_or(text).to_owned() + " UTC")
        };
        Ok(Origin {
            versions: counts(ask, "run_version")?,
            instruction_sets: counts(ask, "run_isa")?,
            machines,
            more_machines,
            first: time("first"),
            last: time("last"),
        })
    }
}

fn counts(ask: &Ask<'_>, column: &str) -> Result<Vec<(String, u64)>, ReportError> {
    let answer = ask.rows(&format!(
        "SELECT {column} AS name, count(*) AS n FROM trials WHERE {column} IS NOT NULL GROUP BY {column} \
         ORDER BY n DESC, name LIMIT {MACHINES}"
    ))?;
    let named = |row: Row<'_>| Some((row.text("name")?.to_owned(), row.count("n")));
    Ok(Row::all(&answer).filter_map(named).collect())
}
