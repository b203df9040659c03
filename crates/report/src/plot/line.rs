//! `line`: a final result over one axis, a line for each condition.

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
    kind: PlotKind::Line,
    detail: TableName::Trials,
    channels: &[
        ("x", "the axis with most values"),
        ("value", "test_loss, else train_loss"),
        ("color", "the next axis"),
        ("facet", "the axis after it"),
    ],
    needs: "one swept axis",
    fits: |tables| Ok(!tables.axes().is_empty()),
    draw,
};

fn draw(tables: &Tables, plot: &Plot, look: &Look) -> Result<Drawing, PlotError> {
    let trials = TableName::Trials;
    let mut free = Free::of(tables, plot);
    let x = plot.x.clone().or_else(|| free.longest());
    let x = x.ok_or_else(|| PlotError::FewAxes {
        kind: plot.kind,
        needs: "an axis, or --x COLUMN",
        varies: "nothing but replicates".to_owned(),
    })?;
    let x = tables.channel(plot.kind, trials, "x", &x)?;
    let value = match &plot.value {
        Some(value) => value.clone(),
        None => defaults::result(tables, trials)?.to_owned(),
    };
    let value = defaults::one(tables, plot, trials, "value", &value)?;
    let [color, facet] = defaults::color_and_facet(tables, plot, trials, &mut free)?;
    let want = Want {
        plot,
        detail: trials,
        x,
        value,
        color,
        facet,
        is_last_step: false,
    };
    let style = Style {
        is_fitted: false,
        drops_stragglers: false,
    };
    let lines = lines::lines(tables, &want, style)?;
    lines.draw(&want, look, style, title(tables, plot))
}
