//! How lines with bands are drawn: their scales, layers, fits and sketch.
//!
//! How they are made of rows is the business of `lines`.

use serde_json::{Map, Value, json};
use sweep::{Band, LogScale};

use super::Drawing;
use super::channel::{self, Nature};
use super::error::PlotError;
use super::figure::{self, Figure, Layout, rounded};
use super::gather::Want;
use super::lines::{Lines, Place, Style, is_log};
use super::look::{self, Look};
use super::sketch::{Sketch, SketchSeries};
use super::stats::{Summary, line_fit};
use super::words;

/// Lines of up to this many places show each as a point.
const MOST_POINTS: usize = 24;

/// Pixels along a line that a point takes without touching the next.
const POINT_ROOM: f64 = 14.0;

impl Lines {
    fn summaries(&self) -> impl Iterator<Item = &Summary> {
        let places = self.series.iter().flat_map(|series| &series.places);
        places.map(|(_, summary)| summary)
    }

    /// Draws them.
    pub(crate) fn draw(
        mut self,
        want: &Want<'_>,
        look: &Look,
        style: Style,
        title: String,
    ) -> Result<Drawing, PlotError> {
        let asked = want.plot.log.as_ref();
        let y_log = is_log(asked, LogScale::Value, || {
            look::wants_log(self.summaries().map(|summary| summary.value))
        }) || asked.is_some_and(|asked| asked.contains(&LogScale::Y));
        let x_log = self.x_is_numbers
            && is_log(asked, LogScale::X, || {
                let numbers: Vec<f64> = self.x.numbers.iter().copied().flatten().collect();
                look::places_want_log(&numbers)
            });
        self.drop_nonpositive(x_log, y_log);
        if self.series.iter().all(|series| series.places.is_empty()) {
            let why = "no value is positive, and the scale is logarithmic".to_owned();
            return Err(PlotError::Empty {
                kind: want.plot.kind,
                why,
            });
        }
        let mut value_field = channel::field(std::slice::from_ref(&want.value));
        channel::distinct(&mut [
            &mut self.x.field,
            &mut value_field,
            &mut self.color.field,
            &mut self.facet.field,
        ]);
        let fits = self.fits(style, y_log);
        let layout = figure::layout(look, &self.color, self.facet.codes.len(), 0.68);
        let longest = self.series.iter().map(|series| series.places.len()).max();
        let longest = longest.unwrap_or(0);
        let has_points = longest <= MOST_POINTS && layout.width >= POINT_ROOM * longest as f64;
        let mut encoding = self.color_encoding(look, &layout, has_points);
        encoding.insert("x".to_owned(), self.x_encoding(x_log, layout.width));
        let y_title = words::title(std::slice::from_ref(&want.value));
        let y_range = figure::range(self.summaries().map(|summary| summary.value));
        encoding.insert(
            "y".to_owned(),
            json!({ "field": value_field, "type": "quantitative", "scale": figure::scale(y_log),
                "axis": figure::axis(y_log, 1.5 * layout.height, y_range), "title": y_title }),
        );
        let data = self.data(&value_field, &fits);
        let body = self.layers(&value_field, encoding, has_points, !fits.is_empty());
        let sketch = self.sketch(x_log, y_log, &y_title);
        let figure = Figure {
            data,
            body,
            layout,
            title,
            notes: std::mem::take(&mut self.notes),
        };
        Ok(Drawing {
            spec: figure.spec(look, &self.facet),
            warnings: self.warnings,
            sketch,
        })
    }

    /// Leaves out what a logarithmic scale cannot show.
    fn drop_nonpositive(&mut self, x_log: bool, y_log: bool) {
        let floor = self
            .summaries()
            .map(|summary| summary.value)
            .filter(|value| *value > 0.0)
            .fold(f64::INFINITY, f64::min);
        let mut dropped = 0;
        for series in &mut self.series {
            let before = series.places.len();
            series.places.retain(|(place, summary)| {
                let x_fits = match place {
                    Place::Number(x) => !x_log || *x > 0.0,
                    Place::Label(_) => true,
                };
                x_fits && (!y_log || summary.value > 0.0)
            });
            dropped += before - series.places.len();
            if y_log {
                for (_, summary) in &mut series.places {
                    if summary.low <= 0.0 {
                        summary.low = floor.min(summary.value);
                    }
                }
            }
        }
        if dropped > 0 {
            self.warnings.push(format!(
                "{dropped} places that are not positive are left out of the logarithmic scale"
            ));
        }
    }

    /// Colours, with shapes where there are points and else with dashes.
    fn color_encoding(&self, look: &Look, layout: &Layout, has_points: bool) -> Map<String, Value> {
        let second = if has_points || !self.is_joined {
            "shape"
        } else {
            "strokeDash"
        };
        let mut legend = layout.legend.clone();
        if let (Some(legend), true) = (legend.as_object_mut(), second == "strokeDash") {
            legend.insert("symbolType".to_owned(), json!("stroke"));
            legend.insert("symbolSize".to_owned(), json!(200));
        }
        self.color.encodings(look, second, &legend)
    }

    fn x_encoding(&self, is_log: bool, width: f64) -> Value {
        if self.x_is_numbers {
            let mut scale = figure::scale(is_log);
            if let Some(scale) = scale.as_object_mut() {
                scale.insert("nice".to_owned(), json!(false));
                scale.insert("padding".to_owned(), json!(4));
            }
            let whole = self
                .x
                .numbers
                .iter()
                .all(|x| x.is_some_and(|x| x.fract() == 0.0));
            let drawn = self.series.iter().flat_map(|series| &series.places);
            let numbers = drawn.filter_map(|(place, _)| match place {
                Place::Number(x) => Some(*x),
                Place::Label(_) => None,
            });
            let mut axis = figure::axis(is_log, width, figure::range(numbers));
            // Few places are labelled each: a depth of 2.5 is none.
            let few = self.x.numbers.len() <= 8 && (whole || is_log);
            if few {
                figure::set_ticks(&mut axis, json!(self.x.numbers));
            }
            return json!({ "field": self.x.field, "type": "quantitative", "scale": scale, "axis": axis,
                "title": self.x.title });
        }
        let total: f64 = self.x.label_width() * self.x.labels.len() as f64;
        let angle = if total > width { -40 } else { 0 };
        let kind = if self.is_joined { "point" } else { "band" };
        json!({ "field": self.x.field, "type": "ordinal", "sort": self.x.labels,
            "scale": { "type": kind, "domain": self.x.labels }, "axis": { "labelAngle": angle, "labelOverlap": false },
            "title": self.x.title })
    }

    /// A straight line a series, at the ends of its places: of the logarithm where the scale is one.
    fn fits(&mut self, style: Style, y_log: bool) -> Vec<[(f64, f64); 2]> {
        if !style.is_fitted {
            return Vec::new();
        }
        let mut fits = Vec::new();
        let mut factors: Vec<Vec<f64>> = vec![Vec::new(); self.color.labels.len()];
        let mut least = 1.0_f64;
        for series in &self.series {
            let points: Vec<(f64, f64)> = series
                .places
                .iter()
                .filter_map(|(place, summary)| match place {
                    Place::Number(x) if y_log => Some((*x, summary.value.log10())),
                    Place::Number(x) => Some((*x, summary.value)),
                    Place::Label(_) => None,
                })
                .collect();
            let Some((slope, start, explained)) = line_fit(&points) else {
                continue;
            };
            let at = |x: f64| {
                let y = start + slope * x;
                if y_log { 10f64.powf(y) } else { y }
            };
            let ends = (points[0].0, points[points.len() - 1].0);
            fits.push([(ends.0, at(ends.0)), (ends.1, at(ends.1))]);
            if let Some(own) = factors.get_mut(series.color as usize) {
                own.push(if y_log { 10f64.powf(slope) } else { slope });
            }
            least = least.min(explained);
        }
        if fits.len() < self.series.len() {
            return Vec::new();
        }
        let word = if y_log { "x" } else { "+" };
        let named = |factor: f64| format!("{word} {factor:.2} a {}", self.x.title);
        match (self.color.nature, factors.as_slice()) {
            (Nature::Single, [one]) if one.len() == 1 => self.notes.push(named(one[0])),
            (Nature::Categories | Nature::Ordered, several)
                if several.iter().all(|own| own.len() == 1) =>
            {
                for (label, own) in self.color.labels.iter_mut().zip(several) {
                    label.push_str(&format!(" ({word} {:.2})", own[0]));
                }
                let title = &mut self.color.title;
                title.push_str(&format!(" ({word} a {})", self.x.title));
            }
            _ => {}
        }
        self.notes
            .push(format!("dashed: fitted lines, R\u{b2} at least {least:.3}"));
        fits
    }

    fn data(&self, value_field: &str, fits: &[[(f64, f64); 2]]) -> Vec<Value> {
        let mut data = Vec::new();
        let has_band = self.reduction.band != Band::Off;
        for (place, series) in self.series.iter().enumerate() {
            let head = |at: Place| {
                let mut row = Map::new();
                let x = match at {
                    Place::Number(x) => json!(rounded(x)),
                    Place::Label(label) => json!(self.x.labels[label as usize]),
                };
                row.insert(self.x.field.clone(), x);
                if self.color.is_drawn() {
                    row.insert(self.color.field.clone(), self.color.datum(series.color));
                }
                if self.facet.is_drawn() {
                    row.insert(self.facet.field.clone(), self.facet.datum(series.facet));
                }
                row
            };
            for (at, summary) in &series.places {
                let mut row = head(*at);
                row.insert(value_field.to_owned(), json!(rounded(summary.value)));
                if has_band && summary.count > 1 {
                    row.insert("low".to_owned(), json!(rounded(summary.low)));
                    row.insert("high".to_owned(), json!(rounded(summary.high)));
                }
                row.insert("trials".to_owned(), json!(summary.count));
                data.push(Value::Object(row));
            }
            for (x, y) in fits.get(place).into_iter().flatten() {
                let mut row = head(Place::Number(*x));
                row.insert("fit".to_owned(), json!(rounded(*y)));
                data.push(Value::Object(row));
            }
        }
        data
    }

    fn layers(
        &self,
        value_field: &str,
        encoding: Map<String, Value>,
        has_points: bool,
        has_fits: bool,
    ) -> Value {
        let y = &encoding["y"];
        let mut layers = Vec::new();
        let color = encoding.get("color").cloned();
        let colored = |own: &mut Map<String, Value>| {
            own.extend(color.clone().map(|color| ("color".to_owned(), color)));
        };
        let has_band =
            self.reduction.band != Band::Off && self.summaries().any(|summary| summary.count > 1);
        if has_band {
            let mut own = Map::new();
            own.insert("y".to_owned(), with_field(y, "low"));
            own.insert("y2".to_owned(), json!({ "field": "high" }));
            self.offset(&mut own);
            colored(&mut own);
            let mark = if self.is_joined {
                json!({ "type": "area", "opacity": 0.18, "line": false })
            } else {
                json!({ "type": "rule", "strokeWidth": 1.4, "opacity": 0.7 })
            };
            // An area has no dash and no shape.
            layers.push(json!({ "transform": only("low"), "mark": mark, "encoding": own }));
        }
        if self.is_joined && !has_fits {
            let mut own = Map::new();
            if let Some(dash) = encoding.get("strokeDash") {
                own.insert("strokeDash".to_owned(), dash.clone());
            }
            colored(&mut own);
            layers.push(json!({ "transform": only(value_field), "mark": { "type": "line" }, "encoding": own }));
        }
        if has_points || !self.is_joined {
            let mut own = Map::new();
            if let Some(shape) = encoding.get("shape") {
                own.insert("shape".to_owned(), shape.clone());
            }
            self.offset(&mut own);
            colored(&mut own);
            layers.push(json!({ "transform": only(value_field),
                "mark": { "type": "point", "filled": true, "size": 28, "opacity": 1 }, "encoding": own }));
        }
        if has_fits {
            let mut fit = Map::new();
            fit.insert("y".to_owned(), with_field(y, "fit"));
            colored(&mut fit);
            layers.push(json!({ "transform": only("fit"),
                "mark": { "type": "line", "strokeDash": [5, 3], "strokeWidth": 1.2 },
                "encoding": fit }));
        }
        let mut shared = encoding;
        shared.remove("strokeDash");
        shared.remove("shape");
        shared.remove("color");
        json!({ "layer": layers, "encoding": shared })
    }

    /// Conditions at one label stand side by side.
    fn offset(&self, encoding: &mut Map<String, Value>) {
        if !self.is_joined && self.color.is_drawn() {
            let order =
                json!({ "field": self.color.field, "type": "nominal", "sort": self.color.labels });
            encoding.insert("xOffset".to_owned(), order);
        }
    }

    fn sketch(&self, x_log: bool, y_log: bool, y_title: &str) -> Sketch {
        let series = self
            .series
            .iter()
            .map(|series| {
                let mut name = Vec::new();
                for (channel, place) in [(&self.facet, series.facet), (&self.color, series.color)] {
                    if channel.is_drawn() {
                        name.push(channel.labels[place as usize].clone());
                    }
                }
                let x = |place: Place| match place {
                    Place::Number(x) => x,
                    Place::Label(label) => f64::from(label),
                };
                SketchSeries {
                    name: name.join(", "),
                    points: series
                        .places
                        .iter()
                        .map(|(place, summary)| (x(*place), summary.value))
                        .collect(),
                }
            })
            .collect();
        Sketch::Lines {
            x_title: self.x.title.clone(),
            y_title: y_title.to_owned(),
            x_log,
            y_log,
            is_joined: self.is_joined,
            series,
        }
    }
}

/// The encoding of another field on the same axis.
fn with_field(y: &Value, name: &str) -> Value {
    let mut own = y.clone();
    if let Some(own) = own.as_object_mut() {
        own.insert("field".to_owned(), json!(name));
    }
    own
}

/// Keeps the rows that have a field.
fn only(field: &str) -> Value {
    json!([{ "filter": format!("isValid(datum[{}])", json!(field)) }])
}
