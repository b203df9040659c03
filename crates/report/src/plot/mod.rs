//! Pictures of runs: each kind asks the tables, aggregates what it finds, and makes a Vega-Lite specification with its
//! data inline, of at most [`MARKS`] rows however many trials there are.
//!
//! A kind is a file and an entry of [`KINDS`]. How a specification becomes an image is the business of `render`; which
//! pictures are drawn, and where to, of the command.

mod angles;
mod cells;
mod channel;
mod check;
mod contour;
mod counts;
mod curves;
mod defaults;
mod distribution;
mod error;
mod expression;
mod figure;
mod gather;
mod guess;
mod heatmap;
mod importance;
mod levels;
mod line;
mod lines;
mod look;
mod parallel;
mod reference;
mod scatter;
mod separation;
mod sketch;
mod spectrum;
mod stats;
mod strokes;
mod tables;
#[cfg(test)]
mod tests;
mod words;

pub use check::check;
pub use error::PlotError;
pub use guess::guess;
pub(crate) use look::config;
pub use look::{Look, Theme, WIDTHS};
pub use reference::reference;
pub use sketch::Sketch;
pub use tables::Tables;

use serde_json::Value;
use sweep::{Plot, PlotKind};
use table::TableName;

/// Rows of data that leave a picture, at most.
pub const MARKS: usize = 10_000;

/// A kind of picture.
pub struct Declaration {
    pub kind: PlotKind,
    /// The table whose rows it draws.
    pub detail: TableName,
    /// The channels that it takes, each with what it is without being given.
    pub channels: &'static [(&'static str, &'static str)],
    /// What a run must have.
    pub needs: &'static str,
    /// Whether it says something about a run, for a run that asks for no picture.
    fits: fn(&Tables) -> Result<bool, PlotError>,
    draw: fn(&Tables, &Plot, &Look) -> Result<Drawing, PlotError>,
}

/// Every kind.
pub static KINDS: &[Declaration] = &[
    curves::KIND,
    line::KIND,
    heatmap::KIND,
    spectrum::KIND,
    angles::KIND,
    separation::KIND,
    scatter::KIND,
    parallel::KIND,
    importance::KIND,
    distribution::KIND,
];

/// The declaration of a kind: the place of both is one, which a test checks.
pub fn declaration(kind: PlotKind) -> &'static Declaration {
    &KINDS[kind as usize]
}

/// What a kind makes.
pub(crate) struct Drawing {
    spec: Value,
    warnings: Vec<String>,
    sketch: Sketch,
}

/// A picture.
pub struct Picture {
    /// Name of its file.
    pub name: String,
    /// Vega-Lite with its data.
    pub spec: Value,
    /// What its reader should know, a sentence each.
    pub warnings: Vec<String>,
    /// For a terminal.
    pub sketch: Sketch,
}

impl Picture {
    /// The specification as text, the same for the same picture.
    pub fn json(&self) -> String {
        self.spec.to_string()
    }
}

/// Draws a picture of the runs.
///
/// # Errors
/// [`PlotError`]: a column that there is none of, something that was not measured, nothing to draw.
pub fn draw(tables: &Tables, plot: &Plot, look: &Look) -> Result<Picture, PlotError> {
    let declared = declaration(plot.kind);
    let takes: Vec<&'static str> = declared.channels.iter().map(|(name, _)| *name).collect();
    gather::refuse_channels(plot, plot.kind, &takes)?;
    let drawing = (declared.draw)(tables, plot, look)?;
    Ok(Picture {
        name: plot.name.clone(),
        spec: drawing.spec,
        warnings: drawing.warnings,
        sketch: drawing.sketch,
    })
}

/// The title of a picture: the one that is given, or the run's name.
pub(crate) fn title(tables: &Tables, plot: &Plot) -> String {
    let given = plot.title.as_deref().unwrap_or(tables.name());
    given
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}
