//! `distribution`: quartiles and single trials of a result, for each condition.

use serde_json::{Map, Value, json};
use sweep::{LogScale, Plot, PlotKind};
use table::TableName;

use super::channel::{self, Channel, MOST_CATEGORIES, MOST_PANELS, spaced};
use super::defaults::{self, Free};
use super::error::PlotError;
use super::figure::{self, Figure, rounded};
use super::gather::{Rows, Want, gather};
use super::lines::is_log;
use super::look::{self, Look};
use super::sketch::{Sketch, SketchBar};
use super::stats::quantile;
use super::tables::Tables;
use super::{Declaration, Drawing, title, words};

pub(super) const KIND: Declaration = Declaration {
    kind: PlotKind::Distribution,
    detail: TableName::Trials,
    channels: &[
        ("x", "the first axis"),
        ("value", "test_loss, else train_loss"),
        ("color", "nothing"),
        ("facet", "nothing"),
    ],
    needs: "trials",
    fits: |_| Ok(true),
    draw,
};

/// Single trials of a picture; of a condition with more than its share, evenly spaced quantiles.
const MOST_TRIALS: usize = 3000;

/// The trials of one condition.
struct Spread {
    x: u32,
    color: u32,
    facet: u32,
    /// Least, quartiles, largest.
    five: [f64; 5],
    count: usize,
    trials: Vec<f64>,
}

fn draw(tables: &Tables, plot: &Plot, look: &Look) -> Result<Drawing, PlotError> {
    let want = wanted(tables, plot)?;
    let rows = gather(tables, &want)?;
    let new =
        |levels, columns: &[_], most| Channel::new(levels, columns, &tables.listed(columns), most);
    let mut x = new(&rows.x, &want.x, MOST_CATEGORIES);
    let mut color = new(&rows.color, &want.color, 8);
    let mut facet = new(&rows.facet, &want.facet, MOST_PANELS);
    let mut field = channel::field(std::slice::from_ref(&want.value));
    channel::distinct(&mut [&mut x.field, &mut field, &mut color.field, &mut facet.field]);
    let mut notes: Vec<String> = [&x, &color, &facet]
        .into_iter()
        .filter(|channel| channel.dropped > 0)
        .map(|channel| format!("{} more values of {}", channel.dropped, channel.title))
        .collect();
    notes.extend(rows.left_out.words());
    let spreads = spreads(&rows, &x, &color, &facet);
    let log = is_log(plot.log.as_ref(), LogScale::Value, || {
        look::wants_log(spreads.iter().flat_map(|spread| spread.five))
    });
    if log && spreads.iter().any(|spread| spread.five[0] <= 0.0) {
        let why = "values that are not positive have no place on a logarithmic scale; leave value out of --log";
        return Err(PlotError::Empty {
            kind: plot.kind,
            why: why.to_owned(),
        });
    }
    notes.insert(0, "box: quartiles, line: range, ticks: trials".to_owned());
    let all = || spreads.iter().flat_map(|spread| spread.five);
    let range = figure::range(all());
    let layout = figure::layout(look, &color, facet.codes.len(), 0.66);
    let value_title = words::title(std::slice::from_ref(&want.value));
    let body = layers(
        range,
        &x,
        &color,
        look,
        &layout,
        (&field, &value_title),
        log,
    );
    let data = spreads
        .iter()
        .flat_map(|spread| rows_of(spread, &x, &color, &facet, &field))
        .collect();
    let sketch = sketch(&spreads, &x, &color, &facet, &value_title, log);
    let figure = Figure {
        data,
        body,
        layout,
        title: title(tables, plot),
        notes,
    };
    Ok(Drawing {
        spec: figure.spec(look, &facet),
        warnings: Vec::new(),
        sketch,
    })
}

/// What the picture asks of the tables.
fn wanted<'a>(tables: &Tables, plot: &'a Plot) -> Result<Want<'a>, PlotError> {
    let trials = TableName::Trials;
    let mut free = Free::of(tables, plot);
    let x = plot.x.clone().or_else(|| free.color());
    let value = match &plot.value {
        Some(value) => value.clone(),
        None => defaults::result(tables, trials)?.to_owned(),
    };
    let read = |name, text: Option<&str>| match text {
        Some(text) => tables.channel(plot.kind, trials, name, text),
        None => Ok(Vec::new()),
    };
    Ok(Want {
        plot,
        detail: trials,
        x: read("x", x.as_deref())?,
        value: defaults::one(tables, plot, trials, "value", &value)?,
        color: read("color", plot.color.as_deref())?,
        facet: read("facet", plot.facet.as_deref())?,
        is_last_step: false,
    })
}

/// The trials of each condition that is drawn, by facet, x and color.
fn spreads(rows: &Rows, x: &Channel, color: &Channel, facet: &Channel) -> Vec<Spread> {
    let mut placed: Vec<(u32, u32, u32, f64)> = rows
        .points
        .iter()
        .filter_map(|point| {
            let (own_color, own_facet) = rows.groups[point.group as usize];
            Some((
                facet.place(own_facet)?,
                x.place(point.x)?,
                color.place(own_color)?,
                point.value,
            ))
        })
        .collect();
    placed.sort_unstable_by(|a, b| {
        (a.0, a.1, a.2)
            .cmp(&(b.0, b.1, b.2))
            .then(a.3.total_cmp(&b.3))
    });
    let key = |row: &(u32, u32, u32, f64)| (row.0, row.1, row.2);
    let conditions = placed.chunk_by(|a, b| key(a) == key(b)).count();
    let share = (MOST_TRIALS / conditions.max(1)).clamp(2, 60);
    placed
        .chunk_by(|a, b| key(a) == key(b))
        .map(|same| {
            let values: Vec<f64> = same.iter().map(|row| row.3).collect();
            Spread {
                facet: same[0].0,
                x: same[0].1,
                color: same[0].2,
                five: [0.0, 0.25, 0.5, 0.75, 1.0].map(|at| quantile(&values, at)),
                count: values.len(),
                trials: spaced(&values, share),
            }
        })
        .collect()
}

fn rows_of(
    spread: &Spread,
    x: &Channel,
    color: &Channel,
    facet: &Channel,
    field: &str,
) -> Vec<Value> {
    let mut head = Map::new();
    if x.is_drawn() {
        head.insert(x.field.clone(), json!(x.labels[spread.x as usize]));
    }
    for (channel, place) in [(color, spread.color), (facet, spread.facet)] {
        if channel.is_drawn() {
            head.insert(channel.field.clone(), channel.datum(place));
        }
    }
    let mut whole = head.clone();
    let names = ["least", "low", field, "high", "most"];
    for (name, value) in names.into_iter().zip(spread.five) {
        whole.insert(name.to_owned(), json!(rounded(value)));
    }
    whole.insert("trials".to_owned(), json!(spread.count));
    let mut rows = vec![Value::Object(whole)];
    rows.extend(spread.trials.iter().map(|value| {
        let mut row = head.clone();
        row.insert("one".to_owned(), json!(rounded(*value)));
        Value::Object(row)
    }));
    rows
}

fn layers(
    range: (f64, f64),
    x: &Channel,
    color: &Channel,
    look: &Look,
    layout: &figure::Layout,
    (field, value_title): (&str, &str),
    log: bool,
) -> Value {
    let y = |name: &str| {
        json!({ "field": name, "type": "quantitative", "scale": figure::scale(log),
            "axis": figure::axis(log, 1.5 * layout.height, range), "title": value_title })
    };
    let only = |name: &str| json!([{ "filter": format!("isValid(datum[{}])", json!(name)) }]);
    let mut shared = Map::new();
    if x.is_drawn() {
        let wide = x.label_width() * x.labels.len() as f64 > layout.width;
        let angle = if wide { -40 } else { 0 };
        shared.insert(
            "x".to_owned(),
            json!({ "field": x.field, "type": "nominal", "sort": x.labels, "scale": { "domain": x.labels },
                "axis": { "labelAngle": angle, "labelOverlap": false, "grid": false }, "title": x.title }),
        );
    }
    let mut shade = Map::new();
    if color.is_drawn() {
        shared.extend(color.encodings(look, "none", &layout.legend));
        shared.insert(
            "xOffset".to_owned(),
            json!({ "field": color.field, "type": "nominal", "sort": color.labels }),
        );
    } else {
        shade.insert(
            "color".to_owned(),
            json!({ "value": look::categories(1, look.theme)[0] }),
        );
    }
    let groups = x.labels.len().max(1) * color.labels.len().max(1);
    let band = (layout.width / groups as f64 * 0.6).clamp(4.0, 40.0);
    let with = |pairs: Vec<(&str, Value)>| {
        let mut own = shade.clone();
        own.extend(
            pairs
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        own
    };
    json!({
        "encoding": shared,
        "layer": [
            { "transform": only("least"), "mark": { "type": "rule" },
                "encoding": with(vec![("y", y("least")), ("y2", json!({ "field": "most" }))]) },
            { "transform": only("least"), "mark": { "type": "bar", "size": band, "opacity": 0.35 },
                "encoding": with(vec![("y", y("low")), ("y2", json!({ "field": "high" }))]) },
            { "transform": only("one"), "mark": { "type": "tick", "size": band * 0.6, "thickness": 0.8, "opacity": 0.6 },
                "encoding": with(vec![("y", y("one"))]) },
            { "transform": only("least"), "mark": { "type": "tick", "size": band, "thickness": 2.5, "opacity": 1 },
                "encoding": with(vec![("y", y(field))]) }
        ]
    })
}

fn sketch(
    spreads: &[Spread],
    x: &Channel,
    color: &Channel,
    facet: &Channel,
    value_title: &str,
    is_log: bool,
) -> Sketch {
    let bars = spreads
        .iter()
        .map(|spread| {
            let mut name = Vec::new();
            for (channel, place) in [(facet, spread.facet), (x, spread.x), (color, spread.color)] {
                if channel.is_drawn() {
                    name.push(channel.labels[place as usize].clone());
                }
            }
            SketchBar {
                name: name.join(", "),
                value: spread.five[2],
            }
        })
        .collect();
    Sketch::Bars {
        title: format!("median {value_title}"),
        is_log,
        bars,
    }
}
