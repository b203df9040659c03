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

/// Final train loss (and test loss and accuracy where there are any) by the swept parameters: the axes that move the
/// loss most, as many as keep it to a screenful. Means are over completed trials alone; the other axes are averaged
/// over, and a line names them.
///
/// # Errors
/// [`ReportError`] where the tables cannot be read.
pub fn summary(run: &Path, grid: &Grid) -> Result<String, ReportError> {
    let runs = [run.to_owned()];
    let Axes { shown, dropped } = chosen_axes(&runs, grid)?;
    let mut columns = vec!["count(*) AS trials".to_owned()];
    if number(
        &runs,
        "SELECT count(*) AS n FROM trials WHERE status = 'diverged'",
    )? > 0.0
    {
        columns.push("sum(CASE WHEN status = 'diverged' THEN 1 ELSE 0 END) AS diverged".to_owned());
    }
    columns.push(format!("avg({}) AS steps", completed("steps")));
    columns.push(format!(
        "min({}) AS train_loss_min",
        completed("train_loss")
    ));
    columns.push(format!(
        "avg({}) AS train_loss_mean",
        completed("train_loss")
    ));
    for (column, name) in [
        ("test_loss", "test_loss_mean"),
        ("accuracy", "accuracy_mean"),
        ("test_accuracy", "test_accuracy_mean"),
        ("effective_rank", "effective_rank_mean"),
    ] {
        let sql = format!("SELECT count({column}) AS n FROM trials WHERE {column} IS NOT NULL");
        if number(&runs, &sql)? > 0.0 {
            columns.push(format!("avg({}) AS {name}", completed(column)));
        }
    }
    columns.push(format!(
        "avg({}) AS train_seconds_mean",
        completed("train_seconds")
    ));
    let sql = if shown.is_empty() {
        format!("SELECT {} FROM trials", columns.join(", "))
    } else {
        let keys = shown.join(", ");
        format!(
            "SELECT {keys}, {} FROM trials GROUP BY {keys} ORDER BY {keys}",
            columns.join(", ")
        )
    };
    let rows = table::query(&runs, &sql)?;
    let mut text = table::to_text(&rows);
    if !dropped.is_empty() {
        text += &format!("means are over {}\n", dropped.join(", "));
    }
    Ok(text + &refused_certificates(&runs)?)
}

/// A column's value in completed trials: what a diverged one leaves behind says nothing in a mean.
fn completed(column: &str) -> String {
    format!("CASE WHEN status = 'completed' THEN {column} END")
}

/// The number in the column `n` of a query's only row; 0 where it is null.
fn number(runs: &[PathBuf], sql: &str) -> Result<f64, ReportError> {
    let counted = table::query(runs, sql)?;
    Ok(counted.numbers("n").first().copied().unwrap_or(0.0))
}

/// A line about trials whose core did not hold what it promised, so that the full engine ran; nothing where there
/// are none.
fn refused_certificates(runs: &[PathBuf]) -> Result<String, ReportError> {
    let refused = "FROM trials WHERE engine = 'full' AND reduction_residual IS NOT NULL";
    let count = number(runs, &format!("SELECT count(*) AS n {refused}"))?;
    if count == 0.0 {
        return Ok(String::new());
    }
    let residual = number(
        runs,
        &format!("SELECT max(reduction_residual) AS n {refused}"),
    )?;
    Ok(format!(
        "{count} trial{} on the full engine instead of a core: its certificate did not hold (reduction_residual up to \
         {:.1e})\n",
        if count == 1.0 { " ran" } else { "s ran" },
        residual
    ))
}

/// Columns to group by, and names of the axes that are averaged over.
struct Axes {
    shown: Vec<String>,
    dropped: Vec<String>,
}

/// The axes that move the loss most, in the order of the sweep file, while their rows fit a screen.
fn chosen_axes(runs: &[PathBuf], grid: &Grid) -> Result<Axes, ReportError> {
    let mut ranked = Vec::new();
    let axes = grid.axes();
    for (place, axis) in axes.iter().enumerate() {
        let columns: Vec<String> = axis
            .keys
            .iter()
            .filter_map(|name| sweep::key(name))
            .map(|key| key.column.to_owned())
            .collect();
        let is_replicate = axis.keys.iter().all(|&key| key == "replicate");
        let fits = !is_replicate && axis.count <= ROWS && !columns.is_empty();
        let effect = if fits { effect(runs, &columns)? } else { 0.0 };
        ranked.push((place, axis, columns, fits, effect));
    }
    // Stable: axes of one effect stay in the file's order.
    ranked.sort_by(|a, b| b.4.total_cmp(&a.4));
    let mut rows = 1_u64;
    let mut shown = Vec::new();
    let mut dropped = Vec::new();
    for (place, axis, columns, fits, _) in ranked {
        let grown = rows.saturating_mul(axis.count);
        if fits && grown <= ROWS {
            rows = grown;
            shown.push((place, columns));
        } else if axis.count > 1 {
            dropped.push((place, axis.keys.join(" + ")));
        }
    }
    shown.sort_by_key(|(place, _)| *place);
    dropped.sort_by_key(|(place, _)| *place);
    Ok(Axes {
        shown: shown.into_iter().flat_map(|(_, columns)| columns).collect(),
        dropped: dropped.into_iter().map(|(_, name)| name).collect(),
    })
}

/// How far an axis moves the loss: the variance, over its values, of the mean decimal logarithm of the train loss.
fn effect(runs: &[PathBuf], columns: &[String]) -> Result<f64, ReportError> {
    let sql = format!(
        "SELECT avg(log10(train_loss)) AS mean FROM trials \
         WHERE status = 'completed' AND train_loss > 0 GROUP BY {}",
        columns.join(", ")
    );
    let groups = table::query(runs, &sql)?;
    let means = groups.numbers("mean");
    let count = means.len() as f64;
    let center = means.iter().sum::<f64>() / count.max(1.0);
    let squares = means.iter().map(|mean| (mean - center).powi(2));
    Ok(squares.sum::<f64>() / count.max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep::{Arrays, Spec};
    use table::{
        BatchBuilder, EngineKind, GenerationRecord, Meta, Outcome, RunFolder, ScalarValues, Status,
        TrialResult, TrialRow,
    };

    const SWEEP: &str =
        "name = \"s\"\n[axes]\n\"replicate\" = { range = [0, 3] }\n[problem]\ndim = 4\nrank = 1\n";

    /// Stands for a trial that diverged.
    const DIVERGED: &str = "diverged";

    /// A run of three trials: the engine of each and its residual.
    fn summary_of(trials: [(&'static str, Option<f64>); 3]) -> String {
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
            let diverged = engine == DIVERGED;
            let (status, engine) = match engine {
                DIVERGED => (Status::Diverged, EngineKind::Full),
                engine => (Status::Completed, EngineKind::named(engine).unwrap()),
            };
            let outcome = Outcome {
                steps: 10,
                last: ScalarValues {
                    train_loss: Some(if diverged { 1e222 } else { 0.5 }),
                    ..ScalarValues::default()
                },
                reduction_residual,
                flops: 1.0,
                ..Outcome::new(status, engine)
            };
            let point = grid.point(trial).unwrap();
            let result = TrialResult::ran(&outcome);
            builder.push(&TrialRow::new(trial, &point.id(), &point.row(), result));
        }
        folder.commit(&builder.finish().unwrap()).unwrap();
        summary(&run, &grid).unwrap()
    }

    #[test]
    fn a_certificate_that_did_not_hold_is_reported() {
        let full = ("full", None);
        let held = ("reduced", Some(1e-14));
        let text = summary_of([full, held, ("full", Some(3e-9))]);
        let line = text.lines().last().unwrap();
        assert!(
            line.starts_with("1 trial ran on the full engine instead of a core")
                && line.contains("3.0e-9"),
            "{text}"
        );
        let text = summary_of([("full", Some(2e-10)), held, ("full", Some(3e-9))]);
        assert!(
            text.contains("2 trials ran") && text.contains("3.0e-9"),
            "{text}"
        );
        assert!(!summary_of([full, held, held]).contains("certificate"));
    }

    #[test]
    fn diverged_trials_are_counted_and_left_out_of_means() {
        let full = ("full", None);
        let text = summary_of([full, (DIVERGED, None), full]);
        assert!(text.contains("diverged") && text.contains("0.5"), "{text}");
        assert!(!text.contains("222"), "{text}");
        assert!(text.contains("means are over replicate"), "{text}");
        assert!(!summary_of([full, full, full]).contains("diverged"));
    }
}
