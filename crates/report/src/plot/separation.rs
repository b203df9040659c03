//! `separation`: separation of the classes over the layers after training, with a line fitted to each condition.

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
    let detail = TableName::Layers;
    let mut free = Free::of(tables, plot);
    let value = plot.value.as_deref().unwrap_or("separation");
    let value = defaults::one(tables, plot, detail, "value", value)?;
    if value.is_column {
        lines::needs(tables, plot, detail, &value.sql)?;
    }
    let x = tables.channel(plot.kind, detail, "x", plot.x.as_deref().unwrap_or("layer"))?;
    let [color, facet] = defaults::color_and_facet(tables, plot, detail, &mut free)?;
    let want = Want {
        plot,
        detail,
        x,
        value,
        color,
        facet,
        is_last_step: true,
    };
    let style = Style {
        is_fitted: true,
        drops_stragglers: false,
    };
    let lines = lines::lines(tables, &want, style)?;
    lines.draw(&want, look, style, title(tables, plot))
}
