//! A channel as it is drawn: which of its values, in which order, under which labels and colours.

use serde_json::{Map, Value, json};
use sweep::Value as Given;

use super::expression::Expression;
use super::levels::{self, Levels};
use super::look::{self, LETTERS, Look};
use super::words;
use crate::render::text_width;

/// Most categories that a legend names.
pub(crate) const MOST_CATEGORIES: usize = 24;

/// Most ordered values with a colour each; a scale from dark to light stands for their legend.
pub(crate) const MOST_ORDERED: usize = 60;

/// More ordered values than that have a scale as their legend.
const MOST_NAMED: usize = 12;

/// Most panels.
pub(crate) const MOST_PANELS: usize = 16;

/// Widest label of a legend or a panel, in pixels.
const LABEL_WIDTH: f64 = 170.0;

/// What the values of a channel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// The channel has one value: it says nothing.
    Single,
    Categories,
    /// Ordered, each named in the legend.
    Ordered,
    /// Ordered, with a scale as their legend.
    Scale {
        is_log: bool,
    },
}

/// The values of a channel that are drawn.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) nature: Nature,
    pub(crate) title: String,
    /// Field of the data.
    pub(crate) field: String,
    /// Codes, in order.
    pub(crate) codes: Vec<u32>,
    /// One a code.
    pub(crate) labels: Vec<String>,
    pub(crate) numbers: Vec<Option<f64>>,
    /// Place in [`Self::codes`] by code.
    pub(crate) places: Vec<Option<u32>>,
    /// Values that are not drawn.
    pub(crate) dropped: usize,
}

impl Channel {
    /// Orders the values and keeps at most `most`.
    pub(crate) fn new(
        levels: &Levels,
        columns: &[Expression],
        listed: &[Vec<Given>],
        most: usize,
    ) -> Channel {
        let ordered = levels.order(listed);
        let has_order = levels.have_order();
        let codes = if ordered.len() <= most {
            ordered.clone()
        } else if has_order {
            spaced(&ordered, most)
        } else {
            ordered[..most].to_vec()
        };
        let mut places = vec![None; levels.len()];
        for (place, code) in codes.iter().enumerate() {
            places[*code as usize] = u32::try_from(place).ok();
        }
        let numbers: Vec<Option<f64>> = codes.iter().map(|&code| levels.number(code)).collect();
        let all: Vec<f64> = numbers.iter().copied().flatten().collect();
        let nature = match (codes.len(), has_order) {
            (0 | 1, _) => Nature::Single,
            (_, false) => Nature::Categories,
            (count, true) if count <= MOST_NAMED || all.len() < count => Nature::Ordered,
            (_, true) => Nature::Scale {
                is_log: look::places_want_log(&all),
            },
        };
        let texts = codes.iter().map(|&code| levels.label(code)).collect();
        Channel {
            nature,
            title: levels::shortened(&words::title(columns), LABEL_WIDTH, LETTERS),
            field: field(columns),
            labels: levels::labels(texts, LABEL_WIDTH, LETTERS - 1.0),
            numbers,
            places,
            dropped: ordered.len() - codes.len(),
            codes,
        }
    }

    /// Where a value stands, unless it is not drawn.
    pub(crate) fn place(&self, code: u32) -> Option<u32> {
        self.places.get(code as usize).copied().flatten()
    }

    pub(crate) fn is_drawn(&self) -> bool {
        self.nature != Nature::Single
    }

    /// What the data hold for a place.
    pub(crate) fn datum(&self, place: u32) -> Value {
        match (self.nature, self.numbers[place as usize]) {
            (Nature::Scale { .. }, Some(number)) => json!(number),
            _ => json!(self.labels[place as usize]),
        }
    }

    /// Width of the widest label in pixels.
    pub(crate) fn label_width(&self) -> f64 {
        let widths = self
            .labels
            .iter()
            .map(|label| text_width(label, LETTERS - 1.0));
        widths.fold(0.0, f64::max)
    }

    /// Colours, one a place.
    pub(crate) fn colors(&self, look: &Look) -> Vec<String> {
        match self.nature {
            Nature::Single | Nature::Categories => look::categories(self.codes.len(), look.theme),
            Nature::Ordered | Nature::Scale { .. } => look::ordered(self.codes.len(), look.theme),
        }
    }

    /// The encodings of colour, and of dash or shape: a meaning never rests on colour alone.
    pub(crate) fn encodings(
        &self,
        look: &Look,
        second: &str,
        legend: &Value,
    ) -> Map<String, Value> {
        let mut encoding = Map::new();
        let title = json!(self.title);
        match self.nature {
            Nature::Single => {}
            Nature::Scale { is_log } => {
                let scale = json!({
                    "type": if is_log { "log" } else { "linear" },
                    "scheme": { "name": "viridis", "extent": look::extent(look.theme) }
                });
                let mut legend = legend.clone();
                if let Some(legend) = legend.as_object_mut() {
                    legend.insert("labelExpr".to_owned(), json!(words::numbers(is_log)));
                }
                encoding.insert(
                    "color".to_owned(),
                    json!({ "field": self.field, "type": "quantitative", "scale": scale, "title": title,
                        "legend": legend }),
                );
            }
            Nature::Categories | Nature::Ordered => {
                let scale = |range: Value| json!({ "domain": self.labels, "range": range });
                let with = |range: Value| {
                    json!({ "field": self.field, "type": "nominal", "scale": scale(range), "title": title,
                        "legend": legend })
                };
                encoding.insert("color".to_owned(), with(json!(self.colors(look))));
                let count = self.codes.len();
                let range = match second {
                    "strokeDash" if self.nature == Nature::Categories => {
                        Some(json!(look::dashes(count)))
                    }
                    "shape" => Some(json!(look::shapes(count))),
                    _ => None,
                };
                if let Some(range) = range {
                    encoding.insert(second.to_owned(), with(range));
                }
            }
        }
        encoding
    }
}

/// Some of a list, evenly spaced, its ends among them.
pub(crate) fn spaced<T: Copy>(all: &[T], most: usize) -> Vec<T> {
    if all.len() <= most || most < 2 {
        return all[..all.len().min(most)].to_vec();
    }
    let last = all.len() - 1;
    let place = |i: usize| (i * last + (most - 1) / 2) / (most - 1);
    (0..most).map(|i| all[place(i).min(last)]).collect()
}

/// Name of a channel in the data: its column, where it has one.
pub(crate) fn field(columns: &[Expression]) -> String {
    match columns {
        [one] if one.is_column => one.sql.clone(),
        [_] => "term".to_owned(),
        _ => "condition".to_owned(),
    }
}

/// Names that do not meet, in the order given.
pub(crate) fn distinct(names: &mut [&mut String]) {
    let mut taken: Vec<String> = ["low", "high", "trials", "fit", "front"]
        .map(str::to_owned)
        .to_vec();
    for name in names {
        while taken.contains(name) {
            name.push('_');
        }
        taken.push((*name).clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use table::Cell;

    fn channel(texts: &[&str], most: usize) -> Channel {
        let mut levels = Levels::new(1);
        for text in texts {
            match text.parse() {
                Ok(number) => levels.code(&[Cell::Real(number)]),
                Err(_) => levels.code(&[Cell::Text(text)]),
            };
        }
        Channel::new(&levels, &[], &[], most)
    }

    #[test]
    fn a_channel_keeps_what_it_can_show() {
        let few = channel(&["b", "a"], 24);
        assert_eq!(few.nature, Nature::Categories);
        assert_eq!(few.labels, ["a", "b"]);
        assert_eq!((few.place(0), few.place(1)), (Some(1), Some(0)));
        assert_eq!(channel(&["x"], 24).nature, Nature::Single);
        assert_eq!(channel(&["2", "1"], 24).nature, Nature::Ordered);
        let many: Vec<String> = (1..100).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let many = channel(&many, 60);
        assert_eq!(many.nature, Nature::Scale { is_log: false });
        assert_eq!((many.codes.len(), many.dropped), (60, 39));
        assert_eq!(many.numbers[0], Some(1.0));
        assert_eq!(many.numbers[59], Some(99.0));
    }

    #[test]
    fn fields_do_not_meet() {
        let (mut a, mut b, mut c) = ("step".to_owned(), "step".to_owned(), "low".to_owned());
        distinct(&mut [&mut a, &mut b, &mut c]);
        assert_eq!([a, b, c], ["step", "step_", "low_"]);
        assert_eq!(spaced(&[1, 2, 3, 4, 5], 3), [1, 3, 5]);
        assert_eq!(spaced(&[1, 2], 3), [1, 2]);
    }
}
