//! `heatmap`: a final result over two axes, with contours where both are numbers.

use serde_json::{Map, Value, json};
use sweep::{LogScale, Plot, PlotKind};
use table::TableName;

use super::cells::{CellAxis, Edges, MOST_CELLS};
use super::channel::{self, Channel, MOST_PANELS, Nature};
use super::contour;
use super::defaults::{self, Free};
use super::error::PlotError;
use super::figure::{self, Figure, rounded};
use super::gather::{Rows, Want, gather};
use super::lines::{is_log, over_all_but};
use super::look::{self, Look};
use super::sketch::Sketch;
use super::stats::Reduction;
use super::tables::Tables;
use super::{Declaration, Drawing, MARKS, title, words};
use crate::render::text_width;

pub(super) const KIND: Declaration = Declaration {
    kind: PlotKind::Heatmap,
    detail: TableName::Trials,
    channels: &[
        ("x", "the axis with most values"),
        ("y", "the axis with most values of the others"),
        ("value", "test_loss, else train_loss"),
        ("facet", "the next axis"),
    ],
    needs: "two swept axes",
    fits: |tables| {
        let axes = tables.axes();
        Ok(axes.len() >= 2 && axes.iter().map(|axis| axis.count).product::<u64>() >= 6)
    },
    draw,
};

/// Fewest cells along an axis whose contours say something.
const FEWEST_FOR_CONTOURS: usize = 6;

/// Contours between the smallest and the largest value.
const CONTOURS: usize = 6;

/// Cells that have their number written in them.
const MOST_WRITTEN: usize = 56;

/// Size of the letters of those numbers.
const WRITTEN_LETTERS: f64 = 9.0;

/// Numbers below that are written with an exponent: their zeros would fill the cell.
const SHORT_BELOW: f64 = 0.001;

/// The cells of a picture.
struct Map2 {
    x: CellAxis,
    y: CellAxis,
    facet: Channel,
    /// By facet, then y, then x.
    values: Vec<Vec<Vec<Option<f64>>>>,
    trials: Vec<Vec<Vec<usize>>>,
}

fn draw(tables: &Tables, plot: &Plot, look: &Look) -> Result<Drawing, PlotError> {
    let trials = TableName::Trials;
    let mut free = Free::of(tables, plot);
    let mut axis = |given: &Option<String>| given.clone().or_else(|| free.longest());
    let (Some(x), Some(y)) = (axis(&plot.x), axis(&plot.y)) else {
        let axes = tables.axes();
        let varies: Vec<String> = axes.iter().map(super::tables::Axis::channel).collect();
        return Err(PlotError::FewAxes {
            kind: plot.kind,
            needs: "two axes, or --x and --y",
            varies: match varies.as_slice() {
                [] => "nothing but replicates".to_owned(),
                some => some.join(" and "),
            },
        });
    };
    let value = match &plot.value {
        Some(value) => value.clone(),
        None => defaults::result(tables, trials)?.to_owned(),
    };
    let facet = plot.facet.clone().or_else(|| free.facet());
    let want = Want {
        plot,
        detail: trials,
        x: tables.channel(plot.kind, trials, "x", &x)?,
        value: defaults::one(tables, plot, trials, "value", &value)?,
        color: tables.channel(plot.kind, trials, "y", &y)?,
        facet: match facet {
            Some(facet) => tables.channel(plot.kind, trials, "facet", &facet)?,
            None => Vec::new(),
        },
        is_last_step: false,
    };
    let rows = gather(tables, &want)?;
    let reduction = Reduction::of(plot.aggregate, Some(sweep::Band::Off));
    let shown: Vec<&str> = [&want.x, &want.color, &want.facet]
        .into_iter()
        .flatten()
        .map(|own| own.sql.as_str())
        .collect();
    let over = over_all_but(tables, &shown, plot.condition.as_deref());
    let mut notes = Vec::new();
    if !over.is_empty() {
        notes.push(format!("{} over {over}", reduction.words()));
    }
    notes.extend(rows.left_out.words());
    let map = cells(tables, &want, rows, reduction, &mut notes);
    Ok(picture(&map, &want, look, title(tables, plot), notes))
}

fn cells(
    tables: &Tables,
    want: &Want<'_>,
    rows: Rows,
    reduction: Reduction,
    notes: &mut Vec<String>,
) -> Map2 {
    let asked = |scale: LogScale| {
        let log = want.plot.log.as_ref();
        log.map(|asked| asked.contains(&scale))
    };
    let axis = |levels, columns: &[_], scale| {
        let most = if super::levels::Levels::are_numbers(levels) {
            usize::MAX
        } else {
            MOST_CELLS
        };
        let channel = Channel::new(levels, columns, &tables.listed(columns), most);
        CellAxis::new(channel, asked(scale))
    };
    let mut x = axis(&rows.x, &want.x, LogScale::X);
    let mut y = axis(&rows.color, &want.color, LogScale::Y);
    let cells = x.count * y.count;
    let panels = (MARKS / 2 / cells.max(1)).clamp(1, MOST_PANELS);
    let mut facet = Channel::new(
        &rows.facet,
        &want.facet,
        &tables.listed(&want.facet),
        panels,
    );
    channel::distinct(&mut [&mut x.channel.field, &mut y.channel.field, &mut facet.field]);
    for channel in [&x.channel, &y.channel, &facet] {
        if channel.dropped > 0 {
            notes.push(format!(
                "{} more values of {}",
                channel.dropped, channel.title
            ));
        }
    }
    let panels = facet.codes.len().max(1);
    let placed = placed(&rows, &x, &y, &facet);
    drop(rows);
    let mut values = vec![vec![vec![None; x.count]; y.count]; panels];
    let mut trials = vec![vec![vec![0; x.count]; y.count]; panels];
    for same in placed.chunk_by(|a, b| a.0 == b.0) {
        let cell = same[0].0 as usize;
        let (panel, rest) = (cell / (x.count * y.count), cell % (x.count * y.count));
        let mut own: Vec<f64> = same.iter().map(|(_, value)| *value).collect();
        let summary = reduction.summary(&mut own);
        values[panel][rest / x.count][rest % x.count] = Some(summary.value);
        trials[panel][rest / x.count][rest % x.count] = summary.count;
    }
    Map2 {
        x,
        y,
        facet,
        values,
        trials,
    }
}

/// Every value with the number of its cell, sorted by both.
fn placed(rows: &Rows, x: &CellAxis, y: &CellAxis, facet: &Channel) -> Vec<(u32, f64)> {
    let mut placed: Vec<(u32, f64)> = Vec::with_capacity(rows.points.len());
    for point in &rows.points {
        let (own_y, own_facet) = rows.groups[point.group as usize];
        let found = (
            x.channel.place(point.x),
            y.channel.place(own_y),
            facet.place(own_facet),
        );
        let (Some(own_x), Some(own_y), Some(own_facet)) = found else {
            continue;
        };
        let own_x = x.cell_of[own_x as usize] as usize;
        let own_y = y.cell_of[own_y as usize] as usize;
        let cell = (own_facet as usize * y.count + own_y) * x.count + own_x;
        placed.push((u32::try_from(cell).unwrap_or(u32::MAX), point.value));
    }
    placed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    placed
}

fn picture(
    map: &Map2,
    want: &Want<'_>,
    look: &Look,
    title: String,
    mut notes: Vec<String>,
) -> Drawing {
    let all = || map.values.iter().flatten().flatten().copied().flatten();
    let value_log = is_log(want.plot.log.as_ref(), LogScale::Value, || {
        look::wants_log(all())
    });
    let fits = |value: f64| !value_log || value > 0.0;
    let (low, high) = all()
        .filter(|value| fits(*value))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    let mut field = channel::field(std::slice::from_ref(&want.value));
    while [&map.x.channel.field, &map.y.channel.field, &map.facet.field].contains(&&field) {
        field.push('_');
    }
    let value_title = words::title(std::slice::from_ref(&want.value));
    let legend_channel = Channel {
        nature: Nature::Scale { is_log: value_log },
        title: value_title.clone(),
        ..map.facet.clone()
    };
    let aspect = if map.facet.is_drawn() { 0.8 } else { 0.66 };
    let layout = figure::layout(look, &legend_channel, map.facet.codes.len(), aspect);
    let (mut data, missing) = rows_of(map, &field, fits);
    let pieces = outlines(map, value_log, low, high, data.len(), &mut data);
    if missing {
        notes.push("grey: no completed trial".to_owned());
    }
    let body = layers(
        map,
        look,
        &layout,
        (&field, &value_title),
        value_log,
        (low, high),
        pieces,
    );
    let sketch = sketch(map, value_title, value_log);
    let figure = Figure {
        data,
        body,
        layout,
        title,
        notes,
    };
    Drawing {
        spec: figure.spec(look, &map.facet),
        warnings: Vec::new(),
        sketch,
    }
}

/// A row of data a cell, and whether some cell has no value.
fn rows_of(map: &Map2, field: &str, fits: impl Fn(f64) -> bool) -> (Vec<Value>, bool) {
    let mut data = Vec::new();
    let mut missing = false;
    for (panel, rows) in map.values.iter().enumerate() {
        for (y, row) in rows.iter().enumerate() {
            for (x, value) in row.iter().enumerate() {
                let Some(value) = value.filter(|value| fits(*value)) else {
                    missing = true;
                    continue;
                };
                let mut own = Map::new();
                map.x.put(x, &mut own);
                map.y.put(y, &mut own);
                if map.facet.is_drawn() {
                    let place = u32::try_from(panel).unwrap_or(0);
                    own.insert(map.facet.field.clone(), map.facet.datum(place));
                }
                own.insert(field.to_owned(), json!(rounded(value)));
                own.insert("trials".to_owned(), json!(map.trials[panel][y][x]));
                data.push(Value::Object(own));
            }
        }
    }
    (data, missing)
}

fn sketch(map: &Map2, value_title: String, is_log: bool) -> Sketch {
    Sketch::Cells {
        x_title: map.x.channel.title.clone(),
        y_title: map.y.channel.title.clone(),
        value_title,
        is_log,
        x_labels: axis_labels(&map.x),
        y_labels: axis_labels(&map.y),
        panels: map
            .values
            .iter()
            .enumerate()
            .map(|(panel, rows)| {
                let name = match map.facet.is_drawn() {
                    true => map.facet.labels[panel].clone(),
                    false => String::new(),
                };
                (name, rows.clone())
            })
            .collect(),
    }
}

fn axis_labels(axis: &CellAxis) -> Vec<String> {
    match &axis.edges {
        Some(edges) => edges
            .centers
            .iter()
            .map(|center| super::levels::number_label(*center))
            .collect(),
        None => axis.channel.labels.clone(),
    }
}

/// Adds the pieces of contours to the data; whether there are any.
fn outlines(
    map: &Map2,
    value_log: bool,
    low: f64,
    high: f64,
    used: usize,
    data: &mut Vec<Value>,
) -> bool {
    let (Some(x), Some(y)) = (&map.x.edges, &map.y.edges) else {
        return false;
    };
    if map.x.count < FEWEST_FOR_CONTOURS || map.y.count < FEWEST_FOR_CONTOURS || low >= high {
        return false;
    }
    let levels = contour::levels(to(low, value_log), to(high, value_log), CONTOURS);
    let found = pieces(map, [x, y], value_log, &levels);
    // Contours of noise are a scrawl.
    if found.is_empty() || used + found.len() > MARKS || found.len() > 2 * used {
        return false;
    }
    let back = |t: f64, is_log: bool| if is_log { t.exp() } else { t };
    for (panel, piece) in found {
        let mut row = Map::new();
        let mut put = |name: String, at: f64, is_log: bool| {
            row.insert(name, json!(rounded(back(at, is_log))));
        };
        let (x_field, y_field) = (&map.x.channel.field, &map.y.channel.field);
        put("contour".to_owned(), piece.level, value_log);
        put(format!("{x_field}_from"), piece.from.0, x.is_log);
        put(format!("{x_field}_to"), piece.to.0, x.is_log);
        put(format!("{y_field}_from"), piece.from.1, y.is_log);
        put(format!("{y_field}_to"), piece.to.1, y.is_log);
        if map.facet.is_drawn() {
            let place = u32::try_from(panel).unwrap_or(0);
            row.insert(map.facet.field.clone(), map.facet.datum(place));
        }
        data.push(Value::Object(row));
    }
    true
}

/// The pieces of contours of every panel, on the scales of the picture.
fn pieces(
    map: &Map2,
    [x, y]: [&Edges; 2],
    value_log: bool,
    levels: &[f64],
) -> Vec<(usize, contour::Piece)> {
    let places = |axis: &Edges| -> Vec<f64> {
        let centers = axis.centers.iter();
        centers.map(|&center| to(center, axis.is_log)).collect()
    };
    let (xs, ys) = (places(x), places(y));
    let mut found = Vec::new();
    for (panel, rows) in map.values.iter().enumerate() {
        let values: Vec<Vec<Option<f64>>> = rows
            .iter()
            .map(|row| {
                let kept = |value: &Option<f64>| {
                    let value = value.filter(|value| !value_log || *value > 0.0)?;
                    Some(to(value, value_log))
                };
                row.iter().map(kept).collect()
            })
            .collect();
        let pieces = contour::contours(&xs, &ys, &values, levels);
        found.extend(pieces.into_iter().map(|piece| (panel, piece)));
    }
    found
}

/// A number on its scale.
fn to(x: f64, is_log: bool) -> f64 {
    if is_log { x.ln() } else { x }
}

fn layers(
    map: &Map2,
    look: &Look,
    layout: &figure::Layout,
    (field, value_title): (&str, &str),
    value_log: bool,
    (low, high): (f64, f64),
    has_contours: bool,
) -> Value {
    let mut encoding = Map::new();
    map.x.encode("x", layout.width, &mut encoding);
    map.y.encode("y", layout.height, &mut encoding);
    let mut legend = layout.legend.clone();
    if let Some(legend) = legend.as_object_mut() {
        legend.insert("labelExpr".to_owned(), json!(words::numbers(value_log)));
    }
    let color = json!({
        "field": field, "type": "quantitative", "title": value_title, "legend": legend,
        "scale": { "type": if value_log { "log" } else { "linear" }, "scheme": "viridis",
            "domain": [rounded(low), rounded(high)], "nice": false }
    });
    let only = |field: &str| json!([{ "filter": format!("isValid(datum[{}])", json!(field)) }]);
    let mut layers = vec![json!({
        "transform": only(field),
        "mark": { "type": "rect", "stroke": null, "clip": true },
        "encoding": { "color": color }
    })];
    if has_contours {
        layers.push(json!({
            "transform": only("contour"),
            "mark": { "type": "rule", "strokeWidth": 0.8, "opacity": 0.75, "color": "#ffffff" }
        }));
    }
    if are_written(map, layout, value_log) {
        layers.push(numbers_layer(map, field, value_log, (low, high)));
    }
    json!({
        "layer": layers,
        "encoding": encoding,
        "view": { "fill": look.theme.faint() }
    })
}

/// Whether every number fits its cell.
fn are_written(map: &Map2, layout: &figure::Layout, value_log: bool) -> bool {
    if map.x.count * map.y.count > MOST_WRITTEN || map.y.shortest(layout.height) <= 14.0 {
        return false;
    }
    let values = map.values.iter().flatten().flatten().copied().flatten();
    let widest = values
        .filter(|value| !value_log || *value > 0.0)
        .map(|value| text_width(&written(value), WRITTEN_LETTERS))
        .fold(0.0, f64::max);
    map.x.shortest(layout.width) > widest + 4.0
}

/// A number with two digits that matter, as the picture writes it.
fn written(value: f64) -> String {
    let short = format!("{value:.1e}");
    let Some((digits, exponent)) = short.split_once('e') else {
        return short;
    };
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    match exponent.parse().unwrap_or(0) {
        _ if value == 0.0 => "0".to_owned(),
        _ if value.abs() < SHORT_BELOW => format!("{digits}e{exponent}"),
        large @ 2.. => format!("{digits}e+{large}"),
        _ => short.parse().unwrap_or(value).to_string(),
    }
}

/// The numbers in the cells: dark on light cells, light on dark ones.
fn numbers_layer(map: &Map2, field: &str, value_log: bool, (low, high): (f64, f64)) -> Value {
    let middle = if value_log {
        (low * high).sqrt()
    } else {
        f64::midpoint(low, high)
    };
    let mut own = Map::new();
    for (name, axis) in [("x", &map.x), ("y", &map.y)] {
        if axis.edges.is_some() {
            let center = json!({ "field": axis.channel.field, "type": "quantitative",
                "title": axis.channel.title });
            own.insert(name.to_owned(), center);
            own.insert(format!("{name}2"), Value::Null);
        }
    }
    let datum = format!("datum[{}]", json!(field));
    own.insert(
        "text".to_owned(),
        json!({ "field": "written", "type": "nominal" }),
    );
    own.insert(
        "color".to_owned(),
        json!({ "condition": { "test": format!("{datum} > {middle}"), "value": "#000000" },
            "value": "#ffffff" }),
    );
    let number = format!(
        "{datum} != 0 && abs({datum}) < {SHORT_BELOW} ? format({datum}, '.1~e') : format({datum}, '.2~g')"
    );
    json!({
        "transform": [{ "filter": format!("isValid({datum})") }, { "calculate": number, "as": "written" }],
        "mark": { "type": "text", "fontSize": WRITTEN_LETTERS },
        "encoding": own
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_cells_are_short() {
        let numbers = [0.0, 0.000_038, -0.000_5, 0.0012, 0.5, 1.26, 38.4, 12_345.0];
        assert_eq!(
            numbers.map(written),
            [
                "0", "3.8e-5", "-5e-4", "0.0012", "0.5", "1.3", "38", "1.2e+4"
            ]
        );
    }
}
