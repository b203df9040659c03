//! The pictures of a run that asks for none: of every kind that says something about it, the first few.

use sweep::{Plot, PlotKind};

use super::declaration;
use super::error::PlotError;
use super::tables::Tables;

/// Kinds in the order in which they are worth a look. Others are drawn on request.
const ORDER: [PlotKind; 7] = [
    PlotKind::Heatmap,
    PlotKind::Line,
    PlotKind::Separation,
    PlotKind::Curves,
    PlotKind::Spectrum,
    PlotKind::Importance,
    PlotKind::Angles,
];

/// Pictures that are looked at together.
const MOST: usize = 5;

/// Pictures that say something about the runs, by their axes and the tables that have rows.
///
/// # Errors
/// [`PlotError::Query`].
pub fn guess(tables: &Tables) -> Result<Vec<Plot>, PlotError> {
    let mut plots = Vec::new();
    for kind in ORDER {
        if plots.len() < MOST && (declaration(kind).fits)(tables)? {
            plots.push(Plot::of(kind));
        }
    }
    if plots.is_empty() {
        // A single trial has at least its result.
        plots.push(Plot::of(PlotKind::Distribution));
    }
    Ok(plots)
}
