//! The table that ends a run: final losses by what was swept.

use std::path::Path;

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
    Ok(table::to_text(&rows))
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
