//! `separation`: separation of the classes over the layers after training, with a line fitted to each condition.

use sweep::{Plot, PlotKind};
use table::TableName;

use super::error::PlotError;
use super::lines::{self, Style};
use super::look::Look;
use super::tables::Tables;
use super::{Declaration, Drawing};

pub(super) const KIND: Declaration = Declaration {
    kind: PlotKind::Separation,
    detail: TableName::Layers,
    channels: &[
        ("x", "layer"),
        ("value", "separation, at the last step"),
        ("color", "the first axis"),
        ("facet", "the next axis"),
    ],
    needs: "the metric separation",
    fits: |tables| tables.has_values(TableName::Layers, "separation"),
    draw,
};

fn draw(tables: &Tables, plot: &Plot, look: &Look) -> Result<Drawing, PlotError> {
    let shown = (TableName::Layers, "separation", "layer");
    let style = Style {
        is_fitted: true,
        drops_stragglers: false,
    };
    lines::drawn(tables, plot, look, shown, true, style)
}
