//! An axis of a heat map: real places with edges between them where the numbers are even, else one step a value.

use serde_json::{Map, Value, json};

use super::channel::Channel;
use super::figure::{self, rounded};
use super::look::{self, LETTERS};
use crate::render::text_width;

/// Cells along an axis: narrower ones look the same.
pub(crate) const MOST_CELLS: usize = 64;

/// Fewest values of an axis whose places mean something.
const FEWEST: usize = 4;

/// Values that have a tick each, whatever their labels: Vega leaves out labels that would meet.
const ALWAYS_TICKED: usize = 8;

/// Values that have a tick each where their labels fit.
const MOST_TICKED: usize = 12;

/// How uneven the gaps of an axis of numbers may be.
const UNEVEN: f64 = 3.0;

/// An axis and its cells.
#[derive(Clone, Debug)]
pub(crate) struct CellAxis {
    pub(crate) channel: Channel,
    /// Cell of each place of the channel.
    pub(crate) cell_of: Vec<u32>,
    pub(crate) count: usize,
    /// Where the axis is one of real places.
    pub(crate) edges: Option<Edges>,
}

/// Centers and edges of cells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edges {
    pub(crate) is_log: bool,
    pub(crate) centers: Vec<f64>,
    /// One more than centers.
    pub(crate) edges: Vec<f64>,
}

impl CellAxis {
    /// `log`: as asked for.
    pub(crate) fn new(channel: Channel, log: Option<bool>) -> CellAxis {
        let numbers: Vec<f64> = channel.numbers.iter().copied().flatten().collect();
        let are_numbers = numbers.len() == channel.codes.len() && !numbers.is_empty();
        let places = channel.codes.len();
        let own: Vec<u32> = (0..u32::try_from(places).unwrap_or(u32::MAX)).collect();
        if !are_numbers {
            return CellAxis {
                channel,
                cell_of: own,
                count: places,
                edges: None,
            };
        }
        let wants_log = look::places_want_log(&numbers);
        let is_log = log.unwrap_or(wants_log) && numbers[0] > 0.0;
        if places > MOST_CELLS {
            return CellAxis::binned(channel, &numbers, is_log);
        }
        let edges =
            (places >= FEWEST && is_even(&numbers, is_log)).then(|| between(numbers, is_log));
        CellAxis {
            channel,
            cell_of: own,
            count: places,
            edges,
        }
    }

    fn binned(channel: Channel, numbers: &[f64], is_log: bool) -> CellAxis {
        let to = |x: f64| if is_log { x.ln() } else { x };
        let back = |t: f64| if is_log { t.exp() } else { t };
        let (low, high) = (to(numbers[0]), to(numbers[numbers.len() - 1]));
        let width = (high - low) / MOST_CELLS as f64;
        let cell = |x: f64| (((to(x) - low) / width).floor() as usize).min(MOST_CELLS - 1);
        let cell_of = numbers
            .iter()
            .map(|&x| u32::try_from(cell(x)).unwrap_or(0))
            .collect();
        let at = |i: f64| back(low + width * i);
        let edges = Edges {
            is_log,
            centers: (0..MOST_CELLS).map(|i| at(i as f64 + 0.5)).collect(),
            edges: (0..=MOST_CELLS).map(|i| at(i as f64)).collect(),
        };
        CellAxis {
            channel,
            cell_of,
            count: MOST_CELLS,
            edges: Some(edges),
        }
    }

    /// Length of the shortest cell of an axis of a length.
    pub(crate) fn shortest(&self, length: f64) -> f64 {
        let Some(Edges { is_log, edges, .. }) = &self.edges else {
            return length / self.count.max(1) as f64;
        };
        let to = |x: f64| if *is_log { x.ln() } else { x };
        let all = to(edges[self.count]) - to(edges[0]);
        let shares = edges
            .windows(2)
            .map(|pair| (to(pair[1]) - to(pair[0])) / all);
        length * shares.fold(f64::INFINITY, f64::min)
    }

    /// Puts the place of a cell into a row of data.
    pub(crate) fn put(&self, cell: usize, row: &mut Map<String, Value>) {
        let field = &self.channel.field;
        match &self.edges {
            Some(edges) => {
                let mut put = |name: String, x: f64| row.insert(name, json!(rounded(x)));
                put(field.clone(), edges.centers[cell]);
                put(format!("{field}_from"), edges.edges[cell]);
                put(format!("{field}_to"), edges.edges[cell + 1]);
            }
            None => {
                row.insert(field.clone(), json!(self.channel.labels[cell]));
            }
        }
    }

    /// Encodings of a rectangle along this axis, `x` or `y`.
    pub(crate) fn encode(&self, name: &str, length: f64, encoding: &mut Map<String, Value>) {
        let field = &self.channel.field;
        let title = &self.channel.title;
        match &self.edges {
            Some(edges) => {
                let ends = [edges.edges[0], edges.edges[self.count]].map(rounded);
                let mut scale = figure::scale(edges.is_log);
                if let Some(scale) = scale.as_object_mut() {
                    scale.insert("domain".to_owned(), json!(ends));
                    scale.insert("nice".to_owned(), json!(false));
                }
                let mut axis = figure::axis(edges.is_log, length, (ends[0], ends[1]));
                if has_tick_each(&edges.centers, name, length) {
                    figure::set_ticks(&mut axis, json!(edges.centers));
                }
                if let Some(axis) = axis.as_object_mut() {
                    axis.insert("grid".to_owned(), json!(false));
                }
                encoding.insert(
                    name.to_owned(),
                    json!({ "field": format!("{field}_from"), "type": "quantitative", "scale": scale, "axis": axis,
                        "title": title }),
                );
                encoding.insert(
                    format!("{name}2"),
                    json!({ "field": format!("{field}_to") }),
                );
            }
            None => {
                // The largest value of the vertical axis stands at the top, as on an axis of numbers.
                let mut labels = self.channel.labels.clone();
                let is_ordered = self.channel.numbers.iter().all(Option::is_some);
                if name == "y" && is_ordered {
                    labels.reverse();
                }
                let wide = self.channel.label_width() * labels.len() as f64 > length;
                let angle = if name == "x" && wide { -40 } else { 0 };
                encoding.insert(
                    name.to_owned(),
                    json!({ "field": field, "type": "ordinal", "sort": labels, "scale": { "domain": labels },
                        "axis": { "labelAngle": angle, "grid": false }, "title": title }),
                );
            }
        }
    }
}

/// Whether every value of an axis, `x` or `y`, has a tick of its own.
fn has_tick_each(centers: &[f64], name: &str, length: f64) -> bool {
    if centers.len() <= ALWAYS_TICKED {
        return true;
    }
    // As Vega writes numbers: six digits.
    let label = |x: f64| {
        let six: f64 = format!("{x:.5e}").parse().unwrap_or(x);
        six.to_string()
    };
    let size = LETTERS - 1.0;
    let room = |x: &f64| match name {
        "x" => text_width(&label(*x), size) + 4.0,
        _ => size,
    };
    centers.len() <= MOST_TICKED && centers.iter().map(room).sum::<f64>() <= length
}

fn is_even(numbers: &[f64], is_log: bool) -> bool {
    let to = |x: f64| if is_log { x.ln() } else { x };
    let gaps: Vec<f64> = numbers
        .windows(2)
        .map(|pair| to(pair[1]) - to(pair[0]))
        .collect();
    let least = gaps.iter().copied().fold(f64::INFINITY, f64::min);
    let most = gaps.iter().copied().fold(0.0, f64::max);
    most <= UNEVEN * least
}

/// Edges half-way between neighbours, and as far outside of the ends.
fn between(centers: Vec<f64>, is_log: bool) -> Edges {
    let to = |x: f64| if is_log { x.ln() } else { x };
    let back = |t: f64| if is_log { t.exp() } else { t };
    let t: Vec<f64> = centers.iter().map(|&x| to(x)).collect();
    let last = t.len() - 1;
    let mut edges = vec![t[0] - (t[1] - t[0]) / 2.0];
    edges.extend(t.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])));
    edges.push(t[last] + (t[last] - t[last - 1]) / 2.0);
    Edges {
        is_log,
        edges: edges.into_iter().map(back).collect(),
        centers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::levels::Levels;
    use table::Cell;

    fn axis(numbers: &[f64]) -> CellAxis {
        let mut levels = Levels::new(1);
        for number in numbers {
            levels.code(&[Cell::Real(*number)]);
        }
        CellAxis::new(Channel::new(&levels, &[], &[], usize::MAX), None)
    }

    #[test]
    fn even_numbers_have_edges_and_others_steps() {
        let even = axis(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(even.edges.unwrap().edges, [0.5, 1.5, 2.5, 3.5, 4.5]);
        let log = axis(&[0.001, 0.01, 0.1, 1.0]).edges.unwrap();
        assert!(log.is_log && (log.edges[1] - 10f64.powf(-2.5)).abs() < 1e-12);
        assert_eq!(axis(&[0.0, 0.001, 0.003, 0.01, 0.1]).edges, None);
        assert_eq!(axis(&[2.0, 3.0]).edges, None);
    }

    #[test]
    fn few_values_have_a_tick_each() {
        let ticks = |numbers: &[f64], length: f64| {
            let mut encoding = Map::new();
            axis(numbers).encode("x", length, &mut encoding);
            encoding["x"]["axis"]["values"].clone()
        };
        let powers = |count: i32| -> Vec<f64> { (0..count).map(|i| 2f64.powi(i)).collect() };
        assert_eq!(ticks(&powers(4), 100.0), json!(powers(4)));
        assert_eq!(ticks(&powers(12), 500.0), json!(powers(12)));
        assert_ne!(ticks(&powers(12), 100.0), json!(powers(12)));
        assert_ne!(ticks(&powers(13), 500.0), json!(powers(13)));
    }

    #[test]
    fn the_shortest_cell_is_found() {
        let uneven = axis(&[0.0, 1.0, 2.0, 4.0]);
        // Edges at -0.5, 0.5, 1.5, 3 and 5.
        assert!((uneven.shortest(110.0) - 20.0).abs() < 1e-9);
        assert!((axis(&[2.0, 3.0]).shortest(110.0) - 55.0).abs() < 1e-9);
    }

    #[test]
    fn many_numbers_are_put_together() {
        let numbers: Vec<f64> = (0..1000).map(f64::from).collect();
        let many = axis(&numbers);
        assert_eq!(many.count, MOST_CELLS);
        assert_eq!((many.cell_of[0], many.cell_of[999]), (0, 63));
        assert_eq!(many.edges.unwrap().edges.len(), MOST_CELLS + 1);
    }
}
