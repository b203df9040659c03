//! `curves`: a metric over the steps of training, a line for each condition.

use sweep::{Plot, PlotKind};
use table::TableName;

use super::defaults::{self, Free};
use super::error::PlotError;
use super::gather::Want;
use super::lines::{self, Style};
use super::look::Look;
use super::tables::Tables;
use super::{Declaration, Drawing, title};

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
    let mut free = Free::of(tables, plot);
    let value = match &plot.value {
        Some(value) => value.clone(),
        None => super::gather::first_with_values(tables, detail, &RESULTS)?
            .unwrap_or_else(|| RESULTS[0].to_owned()),
    };
    let value = defaults::one(tables, plot, detail, "value", &value)?;
    if value.is_column {
        lines::needs(tables, plot, detail, &value.sql)?;
    }
    let x = plot.x.as_deref().unwrap_or("step");
    let x = tables.channel(plot.kind, detail, "x", x)?;
    let [color, facet] = defaults::color_and_facet(tables, plot, detail, &mut free)?;
    let want = Want {
        plot,
        detail,
        x,
        value,
        color,
        facet,
        is_last_step: false,
    };
    let style = Style {
        is_fitted: false,
        drops_stragglers: true,
    };
    let lines = lines::lines(tables, &want, style)?;
    lines.draw(&want, look, style, title(tables, plot))
}
