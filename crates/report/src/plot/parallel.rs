//! `parallel`: every axis and the result side by side, a line for each condition.

use std::collections::HashMap;

use serde_json::{Value, json};
use sweep::{LogScale, Plot, PlotKind};
use table::TableName;

use super::channel::{Channel, Nature, spaced};
use super::defaults;
use super::error::PlotError;
use super::expression::Expression;
use super::figure::{self, Figure, rounded};
use super::gather::{Condition, LeftOut, number};
use super::levels::{self, Levels, number_label};
use super::lines::is_log;
use super::look::{self, LETTERS, Look};
use super::sketch::{Sketch, SketchSeries};
use super::stats::Reduction;
use super::tables::Tables;
use super::{Declaration, Drawing, title, words};

pub(super) const KIND: Declaration = Declaration {
    kind: PlotKind::Parallel,
    detail: TableName::Trials,
    channels: &[
        ("value", "test_loss, else train_loss"),
        ("x", "every axis; columns with commas between them"),
    ],
    needs: "one swept axis",
    fits: |tables| Ok(tables.axes().len() >= 3),
    draw,
};

/// Lines that an eye can follow.
const MOST_LINES: usize = 400;

/// Axes that stand side by side.
const MOST_AXES: usize = 10;

/// Values of an axis that are labelled each.
const MOST_LABELS: usize = 10;

/// One of the upright axes.
struct Upright {
    title: String,
    /// Height of each code, from 0 to 1.
    heights: Vec<f64>,
    /// Labels and their heights.
    ticks: Vec<(String, f64)>,
}

fn draw(tables: &Tables, plot: &Plot, look: &Look) -> Result<Drawing, PlotError> {
    let trials = TableName::Trials;
    let value = match &plot.value {
        Some(value) => value.clone(),
        None => defaults::result(tables, trials)?.to_owned(),
    };
    let value = defaults::one(tables, plot, trials, "value", &value)?;
    let columns = columns_of(tables, plot)?;
    let mut notes = Vec::new();
    let columns = &columns[..columns.len().min(MOST_AXES)];
    let (axes, mut lines, left_out) = conditions(tables, plot, columns, &value)?;
    if lines.is_empty() {
        let why = left_out.why_empty(plot, &value);
        return Err(PlotError::Empty {
            kind: plot.kind,
            why,
        });
    }
    let log = is_log(plot.log.as_ref(), LogScale::Value, || {
        look::wants_log(lines.iter().map(|(_, value)| *value))
    });
    lines.retain(|(_, value)| !log || *value > 0.0);
    lines.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    let all = lines.len();
    let mut lines = spaced(&lines.iter().collect::<Vec<_>>(), MOST_LINES);
    // The least value is drawn last, above the others.
    lines.reverse();
    if lines.is_empty() {
        let why = "no value is positive, and the scale is logarithmic".to_owned();
        return Err(PlotError::Empty {
            kind: plot.kind,
            why,
        });
    }
    if lines.len() < all {
        notes.push(format!(
            "{} of {all} conditions, evenly by {}",
            lines.len(),
            words::title(std::slice::from_ref(&value))
        ));
    }
    if tables.replicates() > 1 {
        notes.push(format!(
            "{} of each condition's replicates",
            Reduction::of(plot.aggregate, Some(sweep::Band::Off)).words()
        ));
    }
    notes.extend(left_out.words());
    let listed = tables.listed(columns);
    let slot = (look.width - 110.0) / columns.len() as f64;
    let mut uprights: Vec<Upright> = axes
        .iter()
        .zip(columns)
        .zip(listed)
        .map(|((levels, column), listed)| upright(levels, column, listed, slot))
        .collect();
    let values: Vec<f64> = lines.iter().map(|(_, value)| *value).collect();
    uprights.push(value_axis(&value, &values, log));
    Ok(picture(
        tables, plot, look, &uprights, &lines, &value, log, notes,
    ))
}

/// The columns that stand side by side.
fn columns_of(tables: &Tables, plot: &Plot) -> Result<Vec<Expression>, PlotError> {
    let read = |text: &str| tables.channel(plot.kind, TableName::Trials, "x", text);
    let columns = match &plot.x {
        Some(text) => read(text)?,
        None => {
            let mut columns = Vec::new();
            for axis in tables.axes() {
                columns.extend(read(&axis.channel())?);
            }
            columns
        }
    };
    if columns.is_empty() {
        return Err(PlotError::FewAxes {
            kind: plot.kind,
            needs: "an axis, or --x COLUMN,COLUMN",
            varies: "nothing but replicates".to_owned(),
        });
    }
    Ok(columns)
}

/// Codes of the columns, and the value.
type Line = (Vec<u32>, f64);

fn conditions(
    tables: &Tables,
    plot: &Plot,
    columns: &[Expression],
    value: &Expression,
) -> Result<(Vec<Levels>, Vec<Line>, LeftOut), PlotError> {
    let condition = Condition::of(plot, tables, TableName::Trials)?;
    let mut selected: Vec<String> = columns.iter().map(|own| format!("({})", own.sql)).collect();
    selected.push(format!("({})", value.sql));
    selected.push("status".to_owned());
    let text = format!(
        "SELECT {} FROM trials{}",
        selected.join(", "),
        condition.trials
    );
    let mut axes: Vec<Levels> = columns.iter().map(|_| Levels::new(1)).collect();
    let mut left_out = LeftOut::default();
    let mut groups: HashMap<Vec<u32>, u32> = HashMap::new();
    let mut values: Vec<(u32, f64)> = Vec::new();
    let mut codes = Vec::new();
    tables.scan(&text, |cells| {
        if !left_out.takes(&cells[columns.len() + 1]) && !condition.names_status {
            return;
        }
        let Some(value) = number(&cells[columns.len()]) else {
            left_out.nulls += 1;
            return;
        };
        codes.clear();
        codes.extend(
            axes.iter_mut()
                .zip(cells)
                .map(|(axis, cell)| axis.code(&[*cell])),
        );
        let next = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        let group = match groups.get(&codes) {
            Some(group) => *group,
            None => {
                groups.insert(codes.clone(), next);
                next
            }
        };
        values.push((group, value));
    })?;
    if condition.names_status {
        (left_out.diverged, left_out.failed) = (0, 0);
    }
    values.sort_by_key(|row| row.0);
    let mut by_group: Vec<(u32, Vec<u32>)> = groups
        .into_iter()
        .map(|(key, group)| (group, key))
        .collect();
    by_group.sort_unstable();
    let reduction = Reduction::of(plot.aggregate, Some(sweep::Band::Off));
    let lines = values
        .chunk_by(|a, b| a.0 == b.0)
        .map(|same| {
            let mut own: Vec<f64> = same.iter().map(|(_, value)| *value).collect();
            let key = by_group[same[0].0 as usize].1.clone();
            (key, reduction.summary(&mut own).value)
        })
        .collect();
    Ok((axes, lines, left_out))
}

/// Values of an axis at their heights: one step a value, or as numbers where there are many.
fn upright(levels: &Levels, column: &Expression, listed: Vec<sweep::Value>, slot: f64) -> Upright {
    let order = levels.order(&[listed]);
    let count = order.len();
    let mut heights = vec![0.0; count];
    let numbers: Vec<f64> = order
        .iter()
        .filter_map(|&code| levels.number(code))
        .collect();
    let is_scale = numbers.len() == count && count > 30;
    let is_log = is_scale && look::places_want_log(&numbers);
    let to = |x: f64| if is_log { x.ln() } else { x };
    for (place, &code) in order.iter().enumerate() {
        heights[code as usize] = match (is_scale, numbers.get(place)) {
            (true, Some(&x)) => {
                let (low, high) = (to(numbers[0]), to(numbers[count - 1]));
                (to(x) - low) / (high - low)
            }
            _ if count > 1 => place as f64 / (count - 1) as f64,
            _ => 0.5,
        };
    }
    let shown = spaced(&order, if is_scale { 6 } else { MOST_LABELS });
    let size = LETTERS - 2.0;
    let ticks = shown
        .into_iter()
        .map(|code| {
            let label = levels::shortened(&levels.label(code), slot - 16.0, size);
            (label, heights[code as usize])
        })
        .collect();
    Upright {
        title: words::title(std::slice::from_ref(column)),
        heights,
        ticks,
    }
}

/// A number of two digits that matter.
fn short(x: f64) -> String {
    let text = format!("{x:.1e}");
    number_label(text.parse().unwrap_or(x))
}

fn value_axis(value: &Expression, values: &[f64], log: bool) -> Upright {
    let (low, high) = values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| {
            (low.min(x), high.max(x))
        });
    let ticks = (0..5).map(|i| f64::from(i) / 4.0).map(|height| {
        let at = match log {
            true => (low.ln() + height * (high.ln() - low.ln())).exp(),
            false => low + height * (high - low),
        };
        (short(at.clamp(low, high)), height)
    });
    let ticks: Vec<(String, f64)> = ticks.collect();
    Upright {
        title: words::title(std::slice::from_ref(value)),
        heights: vec![low, high],
        ticks: if low < high {
            ticks
        } else {
            vec![(number_label(low), 0.5)]
        },
    }
}

#[expect(clippy::too_many_arguments, reason = "each is one part of the picture")]
fn picture(
    tables: &Tables,
    plot: &Plot,
    look: &Look,
    uprights: &[Upright],
    lines: &[&Line],
    value: &Expression,
    log: bool,
    notes: Vec<String>,
) -> Drawing {
    let field = super::channel::field(std::slice::from_ref(value));
    let last = uprights.len() - 1;
    let (low, high) = (uprights[last].heights[0], uprights[last].heights[1]);
    let to = |x: f64| if log { x.ln() } else { x };
    let height = |axis: usize, line: &Line| match axis == last {
        true if low < high => (to(line.1) - to(low)) / (to(high) - to(low)),
        true => 0.5,
        false => uprights[axis].heights[line.0[axis] as usize],
    };
    let data = rows_of(uprights, lines, &field, height);
    let scale_channel = Channel {
        nature: Nature::Scale { is_log: log },
        title: words::title(std::slice::from_ref(value)),
        ..Channel::new(&Levels::new(0), &[], &[], 1)
    };
    let mut layout = figure::layout(look, &scale_channel, 1, 0.5);
    // The labels of the axes stand within the picture.
    layout.legend = Value::Null;
    layout.width = (look.width - 90.0).max(120.0);
    let x = places(uprights, layout.width);
    let body = layers(look, x, &field, lines.len(), log);
    let sketch = sketch(uprights, lines, height);
    let figure = Figure {
        data,
        body,
        layout,
        title: title(tables, plot),
        notes,
    };
    let none = Channel::new(&Levels::new(0), &[], &[], 1);
    Drawing {
        spec: figure.spec(look, &none),
        warnings: Vec::new(),
        sketch,
    }
}

/// Rows of the lines and of the labels. Titles may be the same: the axes are named by their places.
fn rows_of(
    uprights: &[Upright],
    lines: &[&Line],
    field: &str,
    height: impl Fn(usize, &Line) -> f64,
) -> Vec<Value> {
    let mut data = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        for axis in 0..uprights.len() {
            data.push(
                json!({ "line": number, "axis": axis, "height": rounded(height(axis, line)),
                field: rounded(line.1) }),
            );
        }
    }
    for (axis, upright) in uprights.iter().enumerate() {
        for (label, height) in &upright.ticks {
            data.push(json!({ "axis": axis, "label": label, "at": rounded(*height) }));
        }
    }
    data
}

/// The encoding of the places of the axes, with their titles at the top.
fn places(uprights: &[Upright], width: f64) -> Value {
    let slot = width / uprights.len() as f64;
    let titles: Vec<Vec<String>> = uprights
        .iter()
        .map(|upright| figure::wrapped(&upright.title, slot - 6.0, LETTERS - 1.0))
        .collect();
    // Lines of a title go down from its first one.
    let lines_of_title = titles.iter().map(Vec::len).max().unwrap_or(1);
    let padding = 8.0 + 12.0 * (lines_of_title as f64 - 1.0);
    let places: Vec<usize> = (0..uprights.len()).collect();
    let titles = json!(titles);
    json!({ "field": "axis", "type": "ordinal", "scale": { "type": "point", "domain": places, "padding": 0.5 },
        "axis": { "orient": "top", "labelExpr": format!("{titles}[datum.value]"), "labelAngle": 0, "domain": false,
            "ticks": false, "grid": true, "labelOverlap": false, "labelPadding": padding, "gridOpacity": 1 },
        "title": null })
}

fn layers(look: &Look, x: Value, field: &str, lines: usize, log: bool) -> Value {
    let y = |field: &str| {
        json!({ "field": field, "type": "quantitative", "scale": { "domain": [0, 1], "padding": 6, "nice": false },
            "axis": null })
    };
    let only = |field: &str| json!([{ "filter": format!("isValid(datum[{}])", json!(field)) }]);
    let color = json!({ "field": field, "type": "quantitative", "legend": null,
        "scale": { "type": if log { "log" } else { "linear" }, "zero": false,
            "scheme": { "name": "viridis", "extent": look::extent(look.theme) } } });
    let opacity = (30.0 / lines as f64).clamp(0.25, 0.9);
    let text = |width: f64, stroke: &str, color: &str| {
        json!({ "transform": only("label"),
            "mark": { "type": "text", "align": "right", "dx": -5, "baseline": "middle", "fontSize": LETTERS - 2.0,
                "strokeWidth": width, "stroke": stroke, "color": color, "strokeJoin": "round" },
            "encoding": { "y": y("at"), "text": { "field": "label", "type": "nominal" } } })
    };
    json!({
        "encoding": { "x": x },
        "view": { "stroke": null },
        "layer": [
            { "transform": only("line"),
                "mark": { "type": "line", "strokeWidth": 1.2, "opacity": opacity },
                "encoding": { "y": y("height"), "detail": { "field": "line", "type": "nominal" }, "color": color,
                    "order": { "field": "axis", "type": "quantitative" } } },
            text(3.0, look.theme.paper(), look.theme.paper()),
            text(0.0, "transparent", look.theme.ink())
        ]
    })
}

fn sketch(uprights: &[Upright], lines: &[&Line], height: impl Fn(usize, &Line) -> f64) -> Sketch {
    let titles: Vec<String> = uprights
        .iter()
        .map(|upright| upright.title.clone())
        .collect();
    let series = lines.iter().map(|line| SketchSeries {
        name: String::new(),
        points: (0..uprights.len())
            .map(|axis| (axis as f64, height(axis, line)))
            .collect(),
    });
    Sketch::Lines {
        x_title: titles.join(" | "),
        y_title: String::new(),
        x_log: false,
        y_log: false,
        is_joined: true,
        series: series.collect(),
    }
}
