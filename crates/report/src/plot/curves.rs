//! `curves`: a metric over the steps of training, a line for each condition.

use sweep::{Plot, PlotKind};
use table::TableName;

use super::error::PlotError;
use super::lines::{self, Style};
use super::look::Look;
use super::tables::Tables;
use super::{Declaration, Drawing};

pub(super) const KIND: Declaration = Declaration {
    kind: PlotKind::Curves,
    detail: TableName::History,
    channels: &[
        ("x", "step"),
        ("value", "train_loss, or the first metric that was measured"),
        ("color", "the first axis"),
        ("facet", "the next axis"),
    ],
    needs: "rows of history",
    fits,
    draw,
};

/// More than a start and an end.
fn fits(tables: &Tables) -> Result<bool, PlotError> {
    let mut steps = 0;
    let sql = "SELECT count(DISTINCT step) FROM history";
    tables.scan(sql, |cells| {
        if let Some(table::Cell::Integer(count)) = cells.first() {
            steps = *count;
        }
    })?;
    Ok(steps > 2)
}

const RESULTS: [&str; 6] = [
    "train_loss",
    "test_loss",
    "effective_rank",
    "stable_rank",
    "nuclear_norm",
    "accuracy",
];

fn draw(tables: &Tables, plot: &Plot, look: &Look) -> Result<Drawing, PlotError> {
    let detail = TableName::History;
    let measured = match &plot.value {
        Some(_) => None,
        None => super::gather::first_with_values(tables, detail, &RESULTS)?,
    };
    let value = measured.as_deref().unwrap_or(RESULTS[0]);
    let style = Style {
        is_fitted: false,
        drops_stragglers: true,
    };
    lines::drawn(tables, plot, look, (detail, value, "step"), false, style)
}
