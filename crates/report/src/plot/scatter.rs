//! `scatter`: two columns against each other, a point for each condition, with the Pareto front.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use sweep::{LogScale, Plot, PlotKind};
use table::TableName;

use super::channel::{self, Channel, MOST_CATEGORIES, MOST_ORDERED, MOST_PANELS};
use super::counts::{self, Point};
use super::defaults::{self, Free};
use super::error::PlotError;
use super::expression::Expression;
use super::figure::{self, Figure, rounded};
use super::gather::{Condition, LeftOut, number};
use super::levels::Levels;
use super::lines::is_log;
use super::look::{self, Look};
use super::sketch::{Sketch, SketchSeries};
use super::stats::Reduction;
use super::tables::Tables;
use super::{Declaration, Drawing, title, words};

pub(super) const KIND: Declaration = Declaration {
    kind: PlotKind::Scatter,
    detail: TableName::Trials,
    channels: &[
        ("x", "flops"),
        ("y", "test_loss, else train_loss"),
        ("color", "the first axis"),
        ("facet", "nothing"),
    ],
    needs: "trials",
    fits: |_| Ok(true),
    draw,
};

/// Points that an eye can distinguish; more are counted in cells.
const MOST_POINTS: usize = 3000;

/// Every condition that is drawn, and the codes of its channels.
struct Found {
    points: Vec<Point>,
    color: Levels,
    facet: Levels,
    left_out: LeftOut,
}

fn draw(tables: &Tables, plot: &Plot, look: &Look) -> Result<Drawing, PlotError> {
    let trials = TableName::Trials;
    let mut free = Free::of(tables, plot);
    let y = match &plot.y {
        Some(y) => y.clone(),
        None => defaults::result(tables, trials)?.to_owned(),
    };
    let x = plot.x.as_deref().unwrap_or("flops");
    let x = defaults::one(tables, plot, trials, "x", x)?;
    let y = defaults::one(tables, plot, trials, "y", &y)?;
    let read = |name, text: Option<&str>| match text {
        Some(text) => tables.channel(plot.kind, trials, name, text),
        None => Ok(Vec::new()),
    };
    let color = plot.color.clone().or_else(|| free.color());
    let color = read("color", color.as_deref())?;
    let facet = read("facet", plot.facet.as_deref())?;
    let found = conditions(tables, plot, [&x, &y], &color, &facet)?;
    if found.points.is_empty() {
        let why = found.left_out.why_empty(plot, &y);
        return Err(PlotError::Empty {
            kind: plot.kind,
            why,
        });
    }
    let channels = Channels {
        color: Channel::new(
            &found.color,
            &color,
            &tables.listed(&color),
            if found.color.have_order() {
                MOST_ORDERED
            } else {
                MOST_CATEGORIES
            },
        ),
        facet: Channel::new(&found.facet, &facet, &tables.listed(&facet), MOST_PANELS),
    };
    picture(tables, plot, look, [x, y], found, channels)
}

struct Channels {
    color: Channel,
    facet: Channel,
}

/// Reads the trials and puts those of one condition together: replicates are no conditions.
fn conditions(
    tables: &Tables,
    plot: &Plot,
    [x, y]: [&Expression; 2],
    color: &[Expression],
    facet: &[Expression],
) -> Result<Found, PlotError> {
    let condition = Condition::of(plot, tables, TableName::Trials)?;
    let is_repeated = tables.replicates() > 1;
    let axes: Vec<String> = match is_repeated {
        true => tables
            .axes()
            .iter()
            .flat_map(|axis| axis.columns.clone())
            .collect(),
        false => Vec::new(),
    };
    let text = query([x, y], color, facet, &axes, &condition);
    let mut found = Found {
        points: Vec::new(),
        color: Levels::new(color.len()),
        facet: Levels::new(facet.len()),
        left_out: LeftOut::default(),
    };
    let mut keys = Levels::new(axes.len());
    let mut groups: HashMap<(u32, u32, u32), usize> = HashMap::new();
    let mut values: Vec<(u32, f64, f64)> = Vec::new();
    let mut members: Vec<(u32, u32)> = Vec::new();
    tables.scan(&text, |cells| {
        if !found.left_out.takes(&cells[2]) && !condition.names_status {
            return;
        }
        let (Some(x), Some(y)) = (number(&cells[0]), number(&cells[1])) else {
            found.left_out.nulls += 1;
            return;
        };
        let (own_color, rest) = cells[3..].split_at(color.len());
        let (own_facet, own_axes) = rest.split_at(facet.len());
        let key = (found.color.code(own_color), found.facet.code(own_facet));
        let group = match is_repeated {
            true => *groups
                .entry((key.0, key.1, keys.code(own_axes)))
                .or_insert(members.len()),
            false => members.len(),
        };
        if group == members.len() {
            members.push(key);
        }
        values.push((u32::try_from(group).unwrap_or(u32::MAX), x, y));
    })?;
    if condition.names_status {
        (found.left_out.diverged, found.left_out.failed) = (0, 0);
    }
    found.points = summarized(plot, values, &members);
    Ok(found)
}

/// The columns in the order in which [`conditions`] takes them.
fn query(
    [x, y]: [&Expression; 2],
    color: &[Expression],
    facet: &[Expression],
    axes: &[String],
    condition: &Condition,
) -> String {
    let sql = |own: &Expression| format!("({})", own.sql);
    let mut selected = vec![sql(x), sql(y), "status".to_owned()];
    selected.extend(color.iter().chain(facet).map(sql));
    selected.extend(axes.iter().cloned());
    format!(
        "SELECT {} FROM trials{}",
        selected.join(", "),
        condition.trials
    )
}

/// A point for each group of values; `members`: codes of color and facet by group.
fn summarized(plot: &Plot, mut values: Vec<(u32, f64, f64)>, members: &[(u32, u32)]) -> Vec<Point> {
    values.sort_by_key(|row| row.0);
    let reduction = Reduction::of(plot.aggregate, plot.band);
    let across = Reduction {
        band: sweep::Band::Off,
        ..reduction
    };
    let mut points = Vec::new();
    for same in values.chunk_by(|a, b| a.0 == b.0) {
        let (own_color, own_facet) = members[same[0].0 as usize];
        let mut xs: Vec<f64> = same.iter().map(|row| row.1).collect();
        let mut ys: Vec<f64> = same.iter().map(|row| row.2).collect();
        let summary = reduction.summary(&mut ys);
        points.push(Point {
            x: across.summary(&mut xs).value,
            y: summary.value,
            low: summary.low,
            high: summary.high,
            trials: summary.count,
            color: own_color,
            facet: own_facet,
        });
    }
    points
}

/// Whether more of a column is better.
fn is_gain(expression: &Expression) -> bool {
    expression.sql.contains("accuracy")
}

/// Points that no other one beats in both columns, in order of x.
fn front(points: &[Point], gains: [bool; 2]) -> Vec<(f64, f64)> {
    let sign = |gain: bool| if gain { -1.0 } else { 1.0 };
    let [sx, sy] = gains.map(sign);
    let mut costs: Vec<(f64, f64)> = points.iter().map(|p| (sx * p.x, sy * p.y)).collect();
    costs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut front: Vec<(f64, f64)> = Vec::new();
    let mut best = f64::INFINITY;
    for (x, y) in costs {
        if y < best {
            best = y;
            front.push((sx * x, sy * y));
        }
    }
    front
}

fn picture(
    tables: &Tables,
    plot: &Plot,
    look: &Look,
    [x, y]: [Expression; 2],
    found: Found,
    mut channels: Channels,
) -> Result<Drawing, PlotError> {
    let (mut points, left_out) = (found.points, found.left_out);
    let logs = logs(plot, &points);
    let warnings = drop_hidden(&mut points, logs, &channels);
    if points.is_empty() {
        let why = "no value is positive, and the scale is logarithmic".to_owned();
        return Err(PlotError::Empty {
            kind: plot.kind,
            why,
        });
    }
    let fields = fields([&x, &y], &mut channels);
    let is_counted = points.len() > MOST_POINTS;
    let counts = counts::legend(&channels.facet);
    let legend = if is_counted { &counts } else { &channels.color };
    let layout = figure::layout(look, legend, channels.facet.codes.len(), 0.68);
    let gains = [is_gain(&x), is_gain(&y)];
    let counted = is_counted.then_some(points.len());
    let notes = notes(tables, plot, [&x, &y], counted, &left_out);
    let range = |of: fn(&Point) -> f64| figure::range(points.iter().map(of));
    let (x_range, y_range) = (range(|p| p.x), range(|p| p.y));
    let encodings = [
        axis(&fields[0], logs[0], layout.width, &x, x_range),
        axis(&fields[1], logs[1], 1.5 * layout.height, &y, y_range),
    ];
    let mut data = if is_counted {
        counts::counted(&points, &channels.facet, &fields, logs)
    } else {
        rows_of(&points, &fields, &channels)
    };
    let fronts = fronts(&points, &channels.facet, &fields, gains);
    let has_front = fronts.len() > 1;
    data.extend(fronts);
    let body = layers(
        look,
        &channels.color,
        &fields,
        encodings,
        &layout,
        is_counted,
        has_front,
        gains,
    );
    let sketch = sketch(&points, &channels.color, [&x, &y], logs);
    let figure = Figure {
        data,
        body,
        layout,
        title: title(tables, plot),
        notes,
    };
    Ok(Drawing {
        spec: figure.spec(look, &channels.facet),
        warnings,
        sketch,
    })
}

/// Which of the two scales are logarithmic.
fn logs(plot: &Plot, points: &[Point]) -> [bool; 2] {
    let wants = |of: fn(&Point) -> f64| look::wants_log(points.iter().map(of));
    let asked = plot.log.as_ref();
    [
        is_log(asked, LogScale::X, || wants(|p| p.x)),
        is_log(asked, LogScale::Y, || wants(|p| p.y)),
    ]
}

/// Names of both columns in the data; those of the channels give way to them.
fn fields([x, y]: [&Expression; 2], channels: &mut Channels) -> [String; 2] {
    let mut x = channel::field(std::slice::from_ref(x));
    let mut y = channel::field(std::slice::from_ref(y));
    channel::distinct(&mut [
        &mut x,
        &mut y,
        &mut channels.color.field,
        &mut channels.facet.field,
    ]);
    [x, y]
}

/// Leaves out what the scales or the channels do not show; what a reader should know of it.
fn drop_hidden(points: &mut Vec<Point>, logs: [bool; 2], channels: &Channels) -> Vec<String> {
    let before = points.len();
    points.retain(|p| (!logs[0] || p.x > 0.0) && (!logs[1] || p.y > 0.0));
    let mut warnings = Vec::new();
    if points.len() < before {
        warnings.push(format!(
            "{} points that are not positive are left out of the logarithmic scale",
            before - points.len()
        ));
    }
    points.retain(|p| {
        channels.color.place(p.color).is_some() && channels.facet.place(p.facet).is_some()
    });
    warnings
}

/// What the points and the line are; `counted`: points where they are counted in cells.
fn notes(
    tables: &Tables,
    plot: &Plot,
    [x, y]: [&Expression; 2],
    counted: Option<usize>,
    left_out: &LeftOut,
) -> Vec<String> {
    let better = |own: &Expression| if is_gain(own) { "more" } else { "less" };
    let mut notes = Vec::new();
    if tables.replicates() > 1 {
        let reduction = Reduction::of(plot.aggregate, plot.band);
        notes.push(format!(
            "{} of each condition's replicates",
            reduction.words()
        ));
    }
    if let Some(points) = counted {
        notes.push(format!("{points} conditions, counted in cells"));
    }
    notes.push(format!(
        "line: Pareto front ({} {} and {} {} are better)",
        better(x),
        words::title(std::slice::from_ref(x)),
        better(y),
        words::title(std::slice::from_ref(y)),
    ));
    notes.extend(left_out.words());
    notes
}

/// The encoding of an axis.
fn axis(field: &str, log: bool, length: f64, own: &Expression, range: (f64, f64)) -> Value {
    let mut scale = figure::scale(log);
    if let Some(scale) = scale.as_object_mut() {
        scale.insert("padding".to_owned(), json!(6));
        scale.insert("nice".to_owned(), json!(false));
    }
    json!({ "field": field, "type": "quantitative", "scale": scale, "axis": figure::axis(log, length, range),
        "title": words::title(std::slice::from_ref(own)) })
}

/// Rows of the Pareto front of each panel.
fn fronts(points: &[Point], facet: &Channel, fields: &[String; 2], gains: [bool; 2]) -> Vec<Value> {
    let mut rows = Vec::new();
    for place in 0..facet.codes.len().max(1) {
        let own: Vec<Point> = points
            .iter()
            .filter(|p| facet.place(p.facet) == u32::try_from(place).ok())
            .map(|p| Point { ..*p })
            .collect();
        for (own_x, own_y) in front(&own, gains).into_iter().take(400) {
            let mut row = Map::new();
            row.insert(fields[0].clone(), json!(rounded(own_x)));
            row.insert("front".to_owned(), json!(rounded(own_y)));
            if facet.is_drawn() {
                let place = u32::try_from(place).unwrap_or(0);
                row.insert(facet.field.clone(), facet.datum(place));
            }
            rows.push(Value::Object(row));
        }
    }
    rows
}

fn rows_of(points: &[Point], fields: &[String; 2], channels: &Channels) -> Vec<Value> {
    let row = |point| row_of(point, fields, channels);
    points.iter().map(row).collect()
}

fn row_of(point: &Point, fields: &[String; 2], channels: &Channels) -> Value {
    let mut row = Map::new();
    row.insert(fields[0].clone(), json!(rounded(point.x)));
    row.insert(fields[1].clone(), json!(rounded(point.y)));
    if point.trials > 1 && point.low < point.high {
        row.insert("low".to_owned(), json!(rounded(point.low)));
        row.insert("high".to_owned(), json!(rounded(point.high)));
    }
    row.insert("trials".to_owned(), json!(point.trials));
    for (channel, code) in [
        (&channels.color, point.color),
        (&channels.facet, point.facet),
    ] {
        if let (true, Some(place)) = (channel.is_drawn(), channel.place(code)) {
            row.insert(channel.field.clone(), channel.datum(place));
        }
    }
    Value::Object(row)
}

#[expect(clippy::too_many_arguments, reason = "each is one part of the picture")]
fn layers(
    look: &Look,
    color: &Channel,
    fields: &[String; 2],
    [x, y]: [Value; 2],
    layout: &figure::Layout,
    is_counted: bool,
    has_front: bool,
    gains: [bool; 2],
) -> Value {
    let only = |field: &str| json!([{ "filter": format!("isValid(datum[{}])", json!(field)) }]);
    let with_field = |encoding: &Value, field: &str| {
        let mut own = encoding.clone();
        if let Some(own) = own.as_object_mut() {
            own.insert("field".to_owned(), json!(field));
        }
        own
    };
    let mut layers = Vec::new();
    if is_counted {
        let color = json!({ "field": "count", "type": "quantitative", "title": "conditions",
            "legend": layout.legend,
            "scale": { "type": "log", "scheme": { "name": "viridis", "extent": look::extent(look.theme) } } });
        layers.push(json!({
            "transform": only("count"),
            "mark": { "type": "rect", "stroke": null },
            "encoding": {
                "x": with_field(&x, &format!("{}_from", fields[0])),
                "x2": { "field": format!("{}_to", fields[0]) },
                "y": with_field(&y, &format!("{}_from", fields[1])),
                "y2": { "field": format!("{}_to", fields[1]) },
                "color": color
            }
        }));
    } else {
        let mut shade = color.encodings(look, "shape", &layout.legend);
        let shape = shade.remove("shape");
        if shade.is_empty() {
            shade.insert(
                "color".to_owned(),
                json!({ "value": look::categories(1, look.theme)[0] }),
            );
        }
        let mut rule = shade.clone();
        rule.insert("x".to_owned(), x.clone());
        rule.insert("y".to_owned(), with_field(&y, "low"));
        rule.insert("y2".to_owned(), json!({ "field": "high" }));
        layers.push(json!({ "transform": only("low"),
            "mark": { "type": "rule", "strokeWidth": 1, "opacity": 0.5 }, "encoding": rule }));
        shade.insert("x".to_owned(), x.clone());
        shade.insert("y".to_owned(), y.clone());
        shade.extend(shape.map(|shape| ("shape".to_owned(), shape)));
        layers.push(json!({ "transform": only(&fields[1]),
            "mark": { "type": "point", "filled": true, "size": 30, "opacity": 0.85 }, "encoding": shade }));
    }
    if has_front {
        // From a point of the front on, its value can be had.
        let interpolate = if gains[0] {
            "step-before"
        } else {
            "step-after"
        };
        layers.push(json!({ "transform": only("front"),
            "mark": { "type": "line", "interpolate": interpolate, "color": look.theme.ink(), "strokeWidth": 1.2 },
            "encoding": { "x": x, "y": with_field(&y, "front") } }));
    }
    json!({ "layer": layers })
}

fn sketch(points: &[Point], color: &Channel, [x, y]: [&Expression; 2], logs: [bool; 2]) -> Sketch {
    let mut series: Vec<SketchSeries> = color
        .labels
        .iter()
        .map(|label| SketchSeries {
            name: if color.is_drawn() {
                label.clone()
            } else {
                String::new()
            },
            points: Vec::new(),
        })
        .collect();
    if series.is_empty() {
        series.push(SketchSeries {
            name: String::new(),
            points: Vec::new(),
        });
    }
    for point in points {
        let place = color.place(point.color).unwrap_or(0) as usize;
        if let Some(own) = series.get_mut(place) {
            own.points.push((point.x, point.y));
        }
    }
    Sketch::Lines {
        x_title: words::title(std::slice::from_ref(x)),
        y_title: words::title(std::slice::from_ref(y)),
        x_log: logs[0],
        y_log: logs[1],
        is_joined: false,
        series,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_what_nothing_beats() {
        let point = |x, y| Point {
            x,
            y,
            low: y,
            high: y,
            trials: 1,
            color: 0,
            facet: 0,
        };
        let points = [
            point(1.0, 5.0),
            point(2.0, 3.0),
            point(2.5, 4.0),
            point(3.0, 1.0),
            point(4.0, 1.0),
        ];
        assert_eq!(
            front(&points, [false, false]),
            [(1.0, 5.0), (2.0, 3.0), (3.0, 1.0)]
        );
        assert_eq!(front(&points, [false, true]), [(1.0, 5.0)]);
        assert_eq!(front(&points, [true, false]), [(4.0, 1.0)]);
    }
}
