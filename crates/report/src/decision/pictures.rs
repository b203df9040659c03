//! The two pictures of the page: the spectrum, and the price of truncation.

use serde_json::{Value, json};

use super::facts::{Answer, Decision, Measured, Reference};
use super::texts::{self, Language};
use crate::plot::{Theme, config};

/// Size of a picture: two next to each other fill the width of A4.
const WIDTH: f64 = 250.0;
const HEIGHT: f64 = 130.0;

/// Values of a spectrum that are drawn: more would be closer than a pixel.
const MOST_VALUES: usize = 300;

/// Smallest value that is drawn, relative to the largest: below it there is rounding.
const SMALLEST: f64 = 1e-12;

/// Name of a simple model.
pub(super) fn reference(reference: Reference, language: Language) -> &'static str {
    let text = match reference {
        Reference::Majority => &texts::MAJORITY,
        Reference::LeastSquares => &texts::LEAST_SQUARES,
        Reference::Logistic => &texts::LOGISTIC,
    };
    text.of(language)
}

pub(super) fn measured(measured: Measured, language: Language) -> &'static str {
    let text = match measured {
        Measured::Accuracy => &texts::ACCURACY,
        Measured::Explained => &texts::EXPLAINED,
        Measured::Energy => &texts::ENERGY,
    };
    text.of(language)
}

/// The directions that the answer is about.
fn chosen(answer: &Answer) -> Option<usize> {
    match answer {
        Answer::Enough(found) | Answer::Costs(found) | Answer::NotLowDimensional(found) => {
            Some(found.k)
        }
        Answer::CannotTell(_) => None,
    }
}

fn frame(data: Vec<Value>, layers: Vec<Value>) -> Value {
    json!({
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": Theme::Light.paper(),
        "padding": 4,
        "config": config(Theme::Light),
        "width": WIDTH,
        "height": HEIGHT,
        "data": { "values": data },
        "layer": layers,
    })
}

/// A vertical line at the chosen number of directions.
fn marker(k: usize, accent: &str) -> Value {
    json!({
        "mark": { "type": "rule", "color": accent, "strokeDash": [2, 2] },
        "encoding": { "x": { "datum": k, "type": "quantitative" } }
    })
}

/// Sizes of the singular values, on a log scale.
pub(super) fn spectrum(decision: &Decision, language: Language) -> Value {
    let largest = decision.spectrum.first().copied().unwrap_or(0.0);
    let relative = |value: &f64| value / largest.max(f64::MIN_POSITIVE);
    let stride = decision.spectrum.len().div_ceil(MOST_VALUES).max(1);
    let data: Vec<Value> = decision
        .spectrum
        .iter()
        .map(relative)
        .enumerate()
        .filter(|(at, value)| at % stride == 0 && *value > SMALLEST)
        .map(|(at, value)| json!({ "k": at + 1, "v": value }))
        .collect();
    let mut layers = vec![json!({
        "mark": { "type": "line", "color": "#0072b2", "point": { "size": 12, "color": "#0072b2" } },
        "encoding": {
            "x": { "field": "k", "type": "quantitative", "title": texts::SPECTRUM_X.of(language),
                "scale": { "zero": false, "nice": false }, "axis": { "tickCount": 5, "format": "d" } },
            "y": { "field": "v", "type": "quantitative", "title": texts::SPECTRUM_Y.of(language),
                "scale": { "type": "log" }, "axis": { "tickCount": 4, "format": "~g" } }
        }
    })];
    layers.extend(chosen(&decision.answer).map(|k| marker(k, "#d55e00")));
    frame(data, layers)
}

/// Scores over the directions that are kept, with simple models as dashed lines.
pub(super) fn curve(decision: &Decision, language: Language) -> Value {
    let data: Vec<Value> = decision
        .curve
        .iter()
        .filter(|point| !point.scores.is_empty())
        .map(|point| {
            let count = point.scores.len() as f64;
            let mean = point.scores.iter().sum::<f64>() / count;
            let low = point.scores.iter().copied().fold(f64::INFINITY, f64::min);
            let high = point
                .scores
                .iter()
                .copied()
                .fold(f64::NEG_INFINITY, f64::max);
            json!({ "k": point.k, "mean": mean, "low": low, "high": high })
        })
        .collect();
    let of = measured(decision.measured, language);
    let text = match decision.measured {
        Measured::Energy => &texts::CURVE_Y_MATRIX,
        Measured::Accuracy | Measured::Explained => &texts::CURVE_Y,
    };
    let title = text.with(language, &[("measured", of)]);
    let x = json!({ "field": "k", "type": "quantitative", "title": texts::CURVE_X.of(language),
        "scale": { "zero": true, "nice": false }, "axis": { "tickCount": 5, "format": "d" } });
    let y = |field: &str| {
        json!({ "field": field, "type": "quantitative", "title": title,
            "scale": { "zero": false }, "axis": { "tickCount": 5, "format": ".0%" } })
    };
    let mut layers = vec![
        json!({ "mark": { "type": "rule", "color": "#0072b2" },
            "encoding": { "x": x, "y": y("low"), "y2": { "field": "high" } } }),
        json!({ "mark": { "type": "line", "color": "#0072b2", "point": { "size": 30, "color": "#0072b2" } },
            "encoding": { "x": x, "y": y("mean") } }),
    ];
    for &(kind, score) in &decision.references {
        let label = reference(kind, language);
        layers.push(json!({
            "mark": { "type": "rule", "color": "#5a5a5a", "strokeDash": [5, 3] },
            "encoding": { "y": { "datum": score, "type": "quantitative" } }
        }));
        layers.push(json!({
            "mark": { "type": "text", "align": "right", "baseline": "bottom", "dy": -2, "fontSize": 9, "color": "#5a5a5a",
                "text": label, "x": WIDTH - 4.0 },
            "encoding": { "y": { "datum": score, "type": "quantitative" } }
        }));
    }
    layers.extend(chosen(&decision.answer).map(|k| marker(k, "#d55e00")));
    frame(data, layers)
}
