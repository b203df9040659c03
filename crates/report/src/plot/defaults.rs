//! What a picture shows where its channels are not given: the axes of the sweep and the results that it has.

use sweep::Plot;
use table::TableName;

use super::channel::{MOST_CATEGORIES, MOST_ORDERED, MOST_PANELS};
use super::error::PlotError;
use super::expression::Expression;
use super::tables::{Axis, Tables};

/// Results of trials in the order in which they are worth a picture.
const RESULTS: [&str; 5] = [
    "test_loss",
    "train_loss",
    "effective_rank",
    "stable_rank",
    "nuclear_norm",
];

/// The result of a picture of trials: the first that has values.
pub(crate) fn result(tables: &Tables, table: TableName) -> Result<&'static str, PlotError> {
    for column in RESULTS {
        if tables.has_values(table, column)? {
            return Ok(column);
        }
    }
    Ok("train_loss")
}

/// The axes that a picture has not shown yet.
pub(crate) struct Free {
    axes: Vec<Axis>,
}

impl Free {
    /// Every axis but those of the channels that are given.
    pub(crate) fn of(tables: &Tables, plot: &Plot) -> Free {
        let given: Vec<String> = plot
            .columns()
            .into_iter()
            .filter_map(|(_, text)| text.map(|text| text.replace('.', "_")))
            .collect();
        let is_free = |axis: &Axis| {
            !axis.columns.iter().any(|column| {
                given
                    .iter()
                    .any(|text| text.split(',').any(|own| own.trim() == column))
            })
        };
        Free {
            axes: tables.axes().into_iter().filter(is_free).collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.axes.is_empty()
    }

    fn take(&mut self, place: Option<usize>) -> Option<String> {
        place.map(|place| self.axes.remove(place).channel())
    }

    /// The axis with most values, of numbers where there is one: the horizontal axis.
    pub(crate) fn longest(&mut self) -> Option<String> {
        let by = |(place, axis): &(usize, &Axis)| {
            (
                axis.is_numeric && axis.count > 2,
                axis.count,
                usize::MAX - place,
            )
        };
        let longest = self.axes.iter().enumerate().max_by_key(by);
        let place = longest.map(|(place, _)| place);
        self.take(place)
    }

    /// The first axis that colours can show.
    pub(crate) fn color(&mut self) -> Option<String> {
        let fits = |axis: &Axis| {
            axis.count <= MOST_CATEGORIES as u64
                || (axis.is_numeric && axis.count <= MOST_ORDERED as u64)
        };
        let place = self.axes.iter().position(fits);
        self.take(place)
    }

    /// The first axis that panels can show.
    pub(crate) fn facet(&mut self) -> Option<String> {
        let fits = |axis: &Axis| axis.count <= (MOST_PANELS as u64).min(9);
        let place = self.axes.iter().position(fits);
        self.take(place)
    }
}

/// Colour and panels of a picture: as given, else the next axes.
pub(crate) fn color_and_facet(
    tables: &Tables,
    plot: &Plot,
    detail: TableName,
    free: &mut Free,
) -> Result<[Vec<Expression>; 2], PlotError> {
    let color = plot.color.clone().or_else(|| free.color());
    let facet = plot.facet.clone().or_else(|| free.facet());
    let read = |name, text: Option<String>| match text {
        Some(text) => tables.channel(plot.kind, detail, name, &text),
        None => Ok(Vec::new()),
    };
    Ok([read("color", color)?, read("facet", facet)?])
}

/// A channel of one column.
pub(crate) fn one(
    tables: &Tables,
    plot: &Plot,
    detail: TableName,
    name: &'static str,
    text: &str,
) -> Result<Expression, PlotError> {
    let mut found = tables.channel(plot.kind, detail, name, text)?;
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (_, _) => Err(PlotError::UnknownColumn {
            kind: plot.kind,
            channel: name,
            column: text.to_owned(),
            near: super::error::Near::default(),
        }),
    }
}
