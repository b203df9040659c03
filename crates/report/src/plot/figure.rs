//! A picture put together: panels that fill the width, a legend where it fits, title and notes.

use serde_json::{Value, json};

use super::channel::{Channel, Nature};
use super::look::{self, LETTERS, Look};
use super::words;
use crate::render::text_width;

/// Names the grammar of the specifications, for programs that read them.
const SCHEMA: &str = "https://vega.github.io/schema/vega-lite/v6.json";

/// Room for the vertical axis: its labels and its title.
const AXIS_WIDTH: f64 = 58.0;

/// Between panels.
const SPACING: f64 = 14.0;

/// Narrowest panel whose axis has readable labels.
const NARROWEST: f64 = 120.0;

/// Sizes of a picture, worked out before it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    /// Of a panel.
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) columns: usize,
    /// What a legend says about where it stands.
    pub(crate) legend: Value,
}

/// Works out the sizes. `aspect`: height over width of a panel.
pub(crate) fn layout(look: &Look, color: &Channel, panels: usize, aspect: f64) -> Layout {
    let symbol = 26.0;
    let entry = color.label_width() + symbol;
    let title = text_width(&color.title, LETTERS);
    let wide = match color.nature {
        Nature::Single => 0.0,
        Nature::Categories | Nature::Ordered => entry.max(title) + 18.0,
        Nature::Scale { .. } => title.max(60.0) + 18.0,
    };
    let is_right = wide > 0.0 && wide <= 0.3 * look.width && look.width >= 400.0;
    let room = look.width - AXIS_WIDTH - if is_right { wide } else { 0.0 };
    let fitting = ((room + SPACING) / (NARROWEST + SPACING)).floor().max(1.0) as usize;
    let columns = match panels {
        0..=3 => panels.max(1),
        4 => 2,
        5 | 6 | 9 => 3,
        _ => 4,
    };
    let mut columns = columns.min(fitting);
    if panels == 4 && fitting >= 4 && look.width >= 700.0 {
        columns = 4;
    }
    let gaps = SPACING * (columns as f64 - 1.0);
    let width = ((room - gaps) / columns as f64).floor().max(80.0);
    let height = (width * aspect).clamp(130.0, 340.0).round();
    let legend = match (color.nature, is_right) {
        (Nature::Single, _) => Value::Null,
        (Nature::Scale { .. }, true) => {
            json!({ "orient": "right", "gradientLength": height.min(160.0), "tickCount": 5 })
        }
        (Nature::Scale { .. }, false) => {
            json!({ "orient": "bottom", "direction": "horizontal", "gradientLength": (look.width * 0.5).min(220.0),
                "tickCount": 4 })
        }
        (_, true) => json!({ "orient": "right", "symbolLimit": 0, "symbolOpacity": 1 }),
        (_, false) => {
            let columns = (look.width / (entry + 14.0)).floor().max(1.0);
            json!({ "orient": "bottom", "direction": "horizontal", "columns": columns, "symbolLimit": 0,
                "symbolOpacity": 1 })
        }
    };
    Layout {
        width,
        height,
        columns,
        legend,
    }
}

/// A picture without its frame.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// Rows.
    pub(crate) data: Vec<Value>,
    /// A layer or a unit, without its size.
    pub(crate) body: Value,
    pub(crate) layout: Layout,
    pub(crate) title: String,
    /// Sentences under the title.
    pub(crate) notes: Vec<String>,
}

impl Figure {
    /// The specification.
    pub(crate) fn spec(self, look: &Look, facet: &Channel) -> Value {
        let Figure {
            data,
            mut body,
            layout,
            title,
            notes,
        } = self;
        if let Some(body) = body.as_object_mut() {
            body.insert("width".to_owned(), json!(layout.width));
            body.insert("height".to_owned(), json!(layout.height));
        }
        let mut spec = json!({
            "$schema": SCHEMA,
            "background": look.theme.paper(),
            "padding": 6,
            "config": look::config(look.theme),
            "data": { "values": data },
        });
        let Some(whole) = spec.as_object_mut() else {
            return spec;
        };
        if let Some(title) = heading(&title, &notes, look) {
            whole.insert("title".to_owned(), title);
        }
        if facet.is_drawn() {
            let header = json!({
                "field": facet.field, "type": "nominal", "sort": facet.labels, "title": facet.title
            });
            whole.insert("facet".to_owned(), header);
            whole.insert("columns".to_owned(), json!(layout.columns));
            whole.insert("spec".to_owned(), body);
        } else if let Value::Object(body) = body {
            whole.extend(body);
        }
        spec
    }
}

/// The title and the notes under it, broken into lines that the picture is wide enough for.
fn heading(title: &str, notes: &[String], look: &Look) -> Option<Value> {
    let width = look.width - 20.0;
    let lines = |text: &str, size: f64| -> Vec<String> { wrapped(text, width, size) };
    let notes: Vec<String> = notes
        .iter()
        .filter(|note| !note.is_empty())
        .cloned()
        .collect();
    let under = lines(&notes.join("; "), LETTERS - 1.0);
    match (title.is_empty(), under.is_empty()) {
        (true, true) => None,
        (false, true) => Some(json!({ "text": lines(title, LETTERS + 2.0) })),
        (true, false) => Some(json!({ "text": "", "subtitle": under })),
        (false, false) => Some(json!({ "text": lines(title, LETTERS + 2.0), "subtitle": under })),
    }
}

/// Words in lines of at most a width; a word that is wider has a line of its own, cut.
pub(crate) fn wrapped(text: &str, width: f64, size: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = super::levels::shortened(word, width, size);
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size) <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// The scale of numbers, logarithmic or not, without a zero that nobody asked for.
pub(crate) fn scale(is_log: bool) -> Value {
    match is_log {
        true => json!({ "type": "log" }),
        false => json!({ "zero": false }),
    }
}

/// An axis of numbers over a range.
pub(crate) fn axis(is_log: bool, length: f64, (low, high): (f64, f64)) -> Value {
    let ticks = (length / 45.0).floor().clamp(2.0, 8.0);
    let mut axis = json!({ "tickCount": ticks, "labelExpr": words::numbers(is_log) });
    let values = if is_log {
        decades(low, high, ticks)
    } else {
        Vec::new()
    };
    if !values.is_empty() {
        set_ticks(&mut axis, json!(values));
    }
    axis
}

/// Puts ticks at values; with a number of ticks besides, Vega would leave some out.
pub(crate) fn set_ticks(axis: &mut Value, values: Value) {
    if let Some(axis) = axis.as_object_mut() {
        axis.remove("tickCount");
        axis.insert("values".to_owned(), values);
    }
}

/// The smallest and the largest of some numbers.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// Ticks of a logarithmic scale: powers of ten, or 1, 2 and 5 of each where they are few. None where they say nothing.
fn decades(low: f64, high: f64, most: f64) -> Vec<f64> {
    if low <= 0.0 || !high.is_finite() || high <= low {
        return Vec::new();
    }
    let (from, to) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let span = (high / low).log10();
    if span < 0.7 {
        return Vec::new();
    }
    let stride = (f64::from(to - from) / most).ceil().max(1.0) as usize;
    let power = |at: i32| format!("1e{at}").parse::<f64>().unwrap_or(1.0);
    let powers = (from..=to)
        .filter(|at| at.rem_euclid(stride as i32) == 0)
        .map(power);
    if stride == 1 && span < most / 3.0 {
        return powers
            .flat_map(|power| [power, 2.0 * power, 5.0 * power])
            .map(rounded)
            .collect();
    }
    powers.collect()
}

/// A number of the data, short of the digits that no picture shows.
pub(crate) fn rounded(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let text = format!("{x:.8e}");
    text.parse().unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_broken_into_lines() {
        let lines = wrapped("one two three four", 60.0, 10.0);
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), "one two three four");
        let long = wrapped(&"x".repeat(300), 100.0, 10.0);
        assert_eq!(long.len(), 1);
        assert!(text_width(&long[0], 10.0) <= 100.0);
    }

    #[test]
    fn numbers_keep_nine_digits() {
        assert_eq!(rounded(0.1 + 0.2), 0.3);
        assert_eq!(rounded(123_456_789.0), 123_456_789.0);
        assert_eq!(rounded(1e-300), 1e-300);
        assert!(rounded(f64::NAN).is_nan());
    }
}
