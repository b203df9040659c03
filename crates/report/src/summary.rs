//! The table that ends a run: final losses by what was swept.

use std::path::{Path, PathBuf};

use sweep::Grid;

/// Rows that a person still reads.
const ROWS: u64 = 24;

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(transparent)]
    Query(#[from] table::QueryError),
}

/// Final train loss (and test loss and accuracy where there are any) by the swept parameters: as many axes,
/// from the first, as keep it to a screenful; `replicate` is averaged over.
///
/// # Errors
/// [`ReportError`] where the tables cannot be read.
pub fn summary(run: &Path, grid: &Grid) -> Result<String, ReportError> {
    let runs = [run.to_owned()];
    let keys = group_keys(grid);
    let has = |column: &str| -> Result<bool, ReportError> {
        let sql = format!("SELECT count({column}) AS n FROM trials WHERE {column} IS NOT NULL");
        let counted = table::query(&runs, &sql)?;
        Ok(counted.column("n").is_ok_and(|n| {
            n.max_reduce()
                .is_ok_and(|max| max.value().try_extract::<u64>().is_ok_and(|n| n > 0))
        }))
    };
    let mut columns = vec![
        "count(*) AS trials".to_owned(),
        "avg(steps) AS steps".to_owned(),
        "min(train_loss) AS train_loss_min".to_owned(),
        "avg(train_loss) AS train_loss_mean".to_owned(),
    ];
    for (column, name) in [
        ("test_loss", "test_loss_mean"),
        ("accuracy", "accuracy_mean"),
        ("test_accuracy", "test_accuracy_mean"),
        ("effective_rank", "effective_rank_mean"),
    ] {
        if has(column)? {
            columns.push(format!("avg({column}) AS {name}"));
        }
    }
    columns.push("sum(train_seconds) AS train_seconds".to_owned());
    let sql = if keys.is_empty() {
        format!("SELECT {} FROM trials", columns.join(", "))
    } else {
        let keys = keys.join(", ");
        format!(
            "SELECT {keys}, {} FROM trials GROUP BY {keys} ORDER BY {keys}",
            columns.join(", ")
        )
    };
    let rows = table::query(&runs, &sql)?;
    Ok(table::to_text(&rows) + &refused_certificates(&runs)?)
}

/// A line about trials whose core did not hold what it promised, so that the full engine ran; nothing where there
/// are none.
fn refused_certificates(runs: &[PathBuf]) -> Result<String, ReportError> {
    let sql = "SELECT count(*) AS n, max(reduction_residual) AS residual FROM trials \
               WHERE engine = 'full' AND reduction_residual IS NOT NULL";
    let row = table::query(runs, sql)?;
    let value = |name: &str| -> f64 {
        let largest = row.column(name).ok().and_then(|n| n.max_reduce().ok());
        let largest = largest.and_then(|largest| largest.value().try_extract::<f64>().ok());
        largest.unwrap_or(0.0)
    };
    let count = value("n");
    if count == 0.0 {
        return Ok(String::new());
    }
    Ok(format!(
        "{count} trial{} on the full engine instead of a core: its certificate did not hold (reduction_residual up to \
         {:.1e})\n",
        if count == 1.0 { " ran" } else { "s ran" },
        value("residual")
    ))
}

/// Columns to group by.
fn group_keys(grid: &Grid) -> Vec<String> {
    let mut keys = Vec::new();
    let mut rows = 1_u64;
    for axis in grid.axes() {
        let is_replicate = axis.keys.iter().all(|&key| key == "replicate");
        let grown = rows.saturating_mul(axis.count);
        if is_replicate || grown > ROWS {
            continue;
        }
        rows = grown;
        let columns = axis.keys.iter().filter_map(|name| sweep::key(name));
        keys.extend(columns.map(|key| key.column.to_owned()));
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep::{Arrays, Spec};
    use table::{
        BatchBuilder, GenerationRecord, Meta, OutcomeRow, RunFolder, ScalarValues, TrialResult,
        TrialRow,
    };

    const SWEEP: &str =
        "name = \"s\"\n[axes]\n\"replicate\" = { range = [0, 3] }\n[problem]\ndim = 4\nrank = 1\n";

    /// A run of three trials: the engine of each and its residual.
    fn told(trials: [(&'static str, Option<f64>); 3]) -> String {
        let home = tempfile::tempdir().unwrap();
        let spec = Spec::parse(SWEEP, "s.toml", &[]).unwrap();
        let grid = Grid::new(spec, Arrays::new()).unwrap();
        let meta = Meta {
            name: "s".to_owned(),
            program_version: "0".to_owned(),
            revision: "none".to_owned(),
        };
        let run = home.path().join("run");
        let mut folder = RunFolder::create(&run, &meta, None).unwrap();
        let record = GenerationRecord {
            number: 0,
            base: 0,
            size: 3,
            toml: grid.spec().to_toml(),
            hash: grid.hash().to_owned(),
            files: Vec::new(),
        };
        folder.add_generation(&record, SWEEP).unwrap();
        let mut builder = BatchBuilder::new();
        for (trial, (engine, reduction_residual)) in (0..).zip(trials) {
            let outcome = OutcomeRow {
                status: "completed",
                steps: 10,
                last: ScalarValues {
                    train_loss: Some(0.5),
                    ..ScalarValues::default()
                },
                history: Vec::new(),
                spectra: Vec::new(),
                layers: Vec::new(),
                engine,
                core_width: None,
                reduction_residual,
                flops: 1.0,
                tolerance_steps: None,
                tolerance_seconds: None,
                setup_seconds: 0.0,
                train_seconds: 0.0,
                measure_seconds: 0.0,
            };
            let point = grid.point(trial).unwrap();
            builder.push(&TrialRow {
                trial,
                id: &point.id(),
                params: point.values(),
                result: TrialResult::Ran(&outcome),
                worker: "w",
                host: "h",
                attempt: 1,
                started_at_us: 0,
                run_isa: "none",
                comparison: None,
            });
        }
        folder.commit(&builder.finish().unwrap()).unwrap();
        summary(&run, &grid).unwrap()
    }

    #[test]
    fn a_certificate_that_did_not_hold_is_told() {
        let full = ("full", None);
        let held = ("reduced", Some(1e-14));
        let text = told([full, held, ("full", Some(3e-9))]);
        let line = text.lines().last().unwrap();
        assert!(
            line.starts_with("1 trial ran on the full engine instead of a core")
                && line.contains("3.0e-9"),
            "{text}"
        );
        let text = told([("full", Some(2e-10)), held, ("full", Some(3e-9))]);
        assert!(
            text.contains("2 trials ran") && text.contains("3.0e-9"),
            "{text}"
        );
        assert!(!told([full, held, held]).contains("certificate"));
    }
}
