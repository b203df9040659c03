//! Points of a scatter counted in the cells of a grid, for where they are too many to distinguish.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::channel::{Channel, Nature};
use super::figure::rounded;

/// A condition.
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) trials: usize,
    pub(super) color: u32,
    pub(super) facet: u32,
}

/// Cells along each axis of a picture that counts.
const CELLS: usize = 48;

/// A legend of counts.
pub(super) fn legend(facet: &Channel) -> Channel {
    Channel {
        nature: Nature::Scale { is_log: true },
        title: "conditions".to_owned(),
        ..facet.clone()
    }
}

/// How many points lie in each cell of a grid.
pub(super) fn counted(
    points: &[Point],
    facet: &Channel,
    fields: &[String; 2],
    logs: [bool; 2],
) -> Vec<Value> {
    let to = |x: f64, log: bool| if log { x.ln() } else { x };
    let back = |t: f64, log: bool| if log { t.exp() } else { t };
    let range = |of: fn(&Point) -> f64, log: bool| {
        let values = points.iter().map(|p| to(of(p), log));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), t| {
            (low.min(t), high.max(t))
        });
        let width = (high - low) / CELLS as f64;
        (low, if width > 0.0 { width } else { 1.0 })
    };
    let ranges = [range(|p| p.x, logs[0]), range(|p| p.y, logs[1])];
    let mut counts: HashMap<(u32, usize, usize), usize> = HashMap::new();
    for point in points {
        let cell = |value: f64, axis: usize| {
            let (low, width) = ranges[axis];
            (((to(value, logs[axis]) - low) / width).floor() as usize).min(CELLS - 1)
        };
        let place = facet.place(point.facet).unwrap_or(0);
        *counts
            .entry((place, cell(point.x, 0), cell(point.y, 1)))
            .or_insert(0) += 1;
    }
    let mut cells: Vec<_> = counts.into_iter().collect();
    cells.sort_unstable();
    cells
        .into_iter()
        .map(|((place, i, j), count)| {
            let mut row = Map::new();
            for (axis, at) in [(0, i), (1, j)] {
                let (low, width) = ranges[axis];
                let edge = |at: usize| back(low + width * at as f64, logs[axis]);
                row.insert(format!("{}_from", fields[axis]), json!(rounded(edge(at))));
                row.insert(format!("{}_to", fields[axis]), json!(rounded(edge(at + 1))));
            }
            row.insert("count".to_owned(), json!(count));
            if facet.is_drawn() {
                row.insert(facet.field.clone(), facet.datum(place));
            }
            Value::Object(row)
        })
        .collect()
}
