//! `spectrum`: singular values over the steps of training, a line for each index.

use sweep::{Plot, PlotKind};
use table::{Cell, TableName};

use super::defaults::{self, Free};
use super::error::PlotError;
use super::gather::Want;
use super::lines::{self, Style};
use super::look::Look;
use super::tables::Tables;
use super::{Declaration, Drawing, title};

pub(super) const KIND: Declaration = Declaration {
    kind: PlotKind::Spectrum,
    detail: TableName::Spectra,
    channels: &[
        ("x", "step"),
        ("value", "value"),
        ("color", "index"),
        (
            "facet",
            "the first axis, for the end-to-end map; layer, where nothing is swept",
        ),
    ],
    needs: "the metric spectrum",
    fits: |tables| tables.has_values(TableName::Spectra, "value"),
    draw: |tables, plot, look| over_steps(tables, plot, look, "value", 0),
};

/// A column of `spectra` over the steps. `first_layer`: the least that has such values.
pub(super) fn over_steps(
    tables: &Tables,
    plot: &Plot,
    look: &Look,
    value: &str,
    first_layer: i64,
) -> Result<Drawing, PlotError> {
    let detail = TableName::Spectra;
    let mut plot = plot.clone();
    let value = plot.value.as_deref().unwrap_or(value).to_owned();
    let value = defaults::one(tables, &plot, detail, "value", &value)?;
    if value.is_column {
        lines::needs(tables, &plot, detail, &value.sql)?;
    }
    let mut free = Free::of(tables, &plot);
    let mut notes = None;
    if plot.facet.is_none() {
        plot.facet = if free.is_empty() {
            Some("layer".to_owned())
        } else {
            free.facet()
        };
        if plot.facet.as_deref() != Some("layer") && plot.condition.is_none() {
            let layer = least_layer(tables, first_layer)?;
            plot.condition = Some(format!("layer = {layer}"));
            notes = Some(match layer {
                0 => "end-to-end map".to_owned(),
                layer => format!("layer {layer}"),
            });
        }
    }
    let read = |name, text: &str| tables.channel(plot.kind, detail, name, text);
    let x = read("x", plot.x.as_deref().unwrap_or("step"))?;
    let color = read("color", plot.color.as_deref().unwrap_or("index"))?;
    let facet = match &plot.facet {
        Some(facet) => read("facet", facet)?,
        None => Vec::new(),
    };
    let want = Want {
        plot: &plot,
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
    let mut lines = lines::lines(tables, &want, style)?;
    if let Some(note) = notes {
        lines.notes.insert(0, note);
    }
    lines.draw(&want, look, style, title(tables, &plot))
}

fn least_layer(tables: &Tables, first: i64) -> Result<i64, PlotError> {
    let mut least = first;
    let sql = format!("SELECT min(layer) FROM spectra WHERE layer >= {first}");
    tables.scan(&sql, |cells| {
        if let Some(Cell::Integer(layer)) = cells.first() {
            least = *layer;
        }
    })?;
    Ok(least)
}
