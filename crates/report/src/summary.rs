//! The table that ends a run: final losses by what was swept.

use std::path::{Path, PathBuf};

use sweep::Grid;
use table::Answer;

use crate::error::ReportError;
use crate::facts::{Ask, Axis, Unexplained, explained, measures};

/// Rows that a person still reads.
const ROWS: u64 = 24;

/// Final train loss (and test loss and accuracy where there are any) by the swept parameters: the axes that move the
/// loss most, as many as keep it to a screenful. Means are over completed trials alone; the other axes are averaged
/// over, and a line names them. Columns that say least are left out to fit the width of a terminal, and a line names
/// them too.
///
/// # Errors
/// [`ReportError`] where the tables cannot be read.
pub fn summary(run: &Path, grid: &Grid, width: Option<usize>) -> Result<String, ReportError> {
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
    let (mut text, narrowed) = fitted(table::query(&runs, &sql)?, width);
    if !dropped.is_empty() {
        text += &format!("means are over {}\n", dropped.join(", "));
    }
    if !narrowed.is_empty() {
        text += &format!("left out to fit the terminal: {}\n", narrowed.join(", "));
    }
    Ok(text + &refused_certificates(&runs)?)
}

/// Columns that are left out of a narrow terminal, the one that says least first.
const LEFT_OUT: [&str; 8] = [
    "train_seconds_mean",
    "steps",
    "effective_rank_mean",
    "accuracy_mean",
    "train_loss_min",
    "test_loss_mean",
    "diverged",
    "trials",
];

/// The table with as many columns as fit, and the names of the others.
fn fitted(mut answer: Answer, width: Option<usize>) -> (String, Vec<&'static str>) {
    let mut left_out = Vec::new();
    let mut candidates = LEFT_OUT.into_iter();
    loop {
        let text = table::to_text(&answer);
        let widest = text.lines().map(|line| line.chars().count()).max();
        if width.is_none_or(|width| widest.unwrap_or(0) <= width) {
            return (text, left_out);
        }
        let place = |name| answer.columns.iter().position(|column| column.name == name);
        let next = candidates.find_map(|name| Some((name, place(name)?)));
        let Some((name, place)) = next else {
            return (text, left_out);
        };
        answer.columns.remove(place);
        for row in &mut answer.rows {
            row.remove(place);
        }
        left_out.push(name);
    }
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
    let axes: Vec<Axis> = grid.spec().axes.iter().map(Axis::of).collect();
    let effects = effects(runs, &axes)?;
    let mut ranked: Vec<(usize, f64)> = effects.into_iter().enumerate().collect();
    // Stable: axes of one effect stay in the file's order.
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut rows = 1_u64;
    let mut shown = Vec::new();
    let mut dropped = Vec::new();
    for (place, _) in ranked {
        let axis = &axes[place];
        let grown = rows.saturating_mul(axis.count);
        if !axis.is_replicate && grown <= ROWS {
            rows = grown;
            shown.push(place);
        } else if axis.count > 1 {
            dropped.push(place);
        }
    }
    shown.sort_unstable();
    dropped.sort_unstable();
    Ok(Axes {
        shown: shown
            .into_iter()
            .flat_map(|place| axes[place].columns.clone())
            .collect(),
        dropped: dropped
            .into_iter()
            .map(|place| axes[place].name.clone())
            .collect(),
    })
}

/// How far each axis moves the loss: its share of the variance with all its interactions where every combination of
/// values has a completed trial, else what it does alone.
fn effects(runs: &[PathBuf], axes: &[Axis]) -> Result<Vec<f64>, ReportError> {
    let ask = Ask::new(runs);
    let loss = measures(&ask)?;
    let loss = loss
        .into_iter()
        .find(|measure| measure.column == "train_loss");
    let Some(loss) = loss else {
        return Ok(vec![0.0; axes.len()]);
    };
    let explained = explained(&ask, axes, &[loss])?;
    let found = match explained.first() {
        Some(Ok(found)) => found,
        Some(Err(Unexplained::TooManyTrials)) => {
            let each = axes.iter().map(|axis| match axis.count <= ROWS {
                true => effect(runs, &axis.columns),
                false => Ok(0.0),
            });
            return each.collect();
        }
        Some(Err(_)) | None => return Ok(vec![0.0; axes.len()]),
    };
    let of = |axis: &Axis| {
        let own = found.axes.iter().find(|known| known.name == axis.name);
        own.map_or(0.0, |own| own.total.unwrap_or(own.main))
    };
    Ok(axes.iter().map(of).collect())
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
    use crate::test_runs::{Made, grid, make};

    const SWEEP: &str =
        "name = \"s\"\n[axes]\n\"replicate\" = { range = [0, 3] }\n[problem]\ndim = 4\nrank = 1\n";

    /// The summary of a run of three trials.
    fn of(trials: [Made; 3]) -> String {
        let home = tempfile::tempdir().unwrap();
        let run = make(&home, "run", SWEEP, |trial, _| {
            trials.get(trial as usize).cloned()
        });
        summary(&run, &grid(SWEEP), None).unwrap()
    }

    /// On the full engine; with a residual, since its certificate did not hold.
    fn full(residual: Option<f64>) -> Made {
        Made {
            residual,
            ..Made::completed(0.5)
        }
    }

    #[test]
    fn a_certificate_that_did_not_hold_is_reported() {
        let held = || Made::on_core(1e-14);
        let text = of([full(None), held(), full(Some(3e-9))]);
        let line = text.lines().last().unwrap();
        assert!(
            line.starts_with("1 trial ran on the full engine instead of a core")
                && line.contains("3.0e-9"),
            "{text}"
        );
        let text = of([full(Some(2e-10)), held(), full(Some(3e-9))]);
        assert!(
            text.contains("2 trials ran") && text.contains("3.0e-9"),
            "{text}"
        );
        assert!(!of([full(None), held(), held()]).contains("certificate"));
    }

    #[test]
    fn diverged_trials_are_counted_and_left_out_of_means() {
        let text = of([full(None), Made::diverged(), full(None)]);
        assert!(text.contains("diverged") && text.contains("0.5"), "{text}");
        assert!(!text.contains("222"), "{text}");
        assert!(text.contains("means are over replicate"), "{text}");
        assert!(!of([full(None), full(None), full(None)]).contains("diverged"));
    }

    const WIDE: &str = "name = \"s\"\n[axes]\n\"network.depth\" = [2, 3, 4, 5]\n\
        \"network.width\" = [4, 5, 6, 7]\n\"problem.rank\" = [1, 2, 3, 4]\n[problem]\ndim = 4\n";

    /// A run whose loss depends on the positions of depth, width and rank.
    fn wide(loss: impl Fn([u64; 3]) -> f64) -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let run = make(&home, "run", WIDE, |trial, _| {
            Some(Made::completed(loss([
                trial / 16,
                trial / 4 % 4,
                trial % 4,
            ])))
        });
        (home, run)
    }

    #[test]
    fn an_axis_that_matters_by_its_interactions_alone_is_shown() {
        // Depth and rank decide together, width a little; 24 rows hold two axes of four values at most.
        let loss = |[depth, width, rank]: [u64; 3]| {
            let together = if (depth + rank).is_multiple_of(2) {
                0.0
            } else {
                3.0
            };
            10_f64.powf(-together - 0.1 * width as f64)
        };
        let (_home, run) = wide(loss);
        let text = summary(&run, &grid(WIDE), None).unwrap();
        assert!(text.starts_with("network_depth"), "{text}");
        assert!(text.contains("problem_rank"), "{text}");
        assert!(text.contains("means are over network.width"), "{text}");
    }

    #[test]
    fn the_table_fits_its_terminal() {
        let (_home, run) = wide(|[depth, ..]| 10_f64.powf(-(depth as f64)));
        let whole = summary(&run, &grid(WIDE), None).unwrap();
        assert!(whole.contains("train_seconds_mean") && !whole.contains("left out"));
        let narrow = summary(&run, &grid(WIDE), Some(80)).unwrap();
        let table = narrow.lines().take_while(|line| !line.starts_with("means"));
        assert!(table.clone().count() == 17, "{narrow}");
        for line in table {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(
            narrow.contains("left out to fit the terminal: train_seconds_mean"),
            "{narrow}"
        );
        assert!(narrow.contains("train_loss_mean"), "{narrow}");
    }
}
