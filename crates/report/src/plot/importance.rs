//! `importance`: share of the variance of a result that each axis explains.
//!
//! What the shares are is the business of `crate::importance`.

use serde_json::{Value, json};
use sweep::{LogScale, Plot, PlotKind};
use table::TableName;

use super::channel::Channel;
use super::defaults;
use super::error::PlotError;
use super::expression::Expression;
use super::figure::{Figure, Layout, rounded};
use super::gather::{Condition, LeftOut, number};
use super::levels::{self, Levels};
use super::lines::is_log;
use super::look::{self, LETTERS, Look};
use super::sketch::{Sketch, SketchBar};
use super::tables::{Axis, Tables};
use super::{Declaration, Drawing, title, words};
use crate::facts::measure::wants_log;
use crate::importance::{Factor, Importance, importance};
use crate::render::text_width;

pub(super) const KIND: Declaration = Declaration {
    kind: PlotKind::Importance,
    detail: TableName::Trials,
    channels: &[
        ("value", "test_loss, else train_loss"),
        ("x", "every axis; columns with commas between them"),
    ],
    needs: "one swept axis",
    fits: |tables| Ok(tables.axes().len() >= 2),
    draw,
};

/// Axes whose effects are separated: pairs grow with the square.
const MOST_AXES: usize = 12;

/// Bars; small effects are added up.
const MOST_BARS: usize = 14;

/// The effect of an axis or of several together.
#[derive(Clone, Debug, PartialEq)]
struct Effect {
    name: String,
    sort: Sort,
    share: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Axis,
    Together,
    Rest,
}

impl Sort {
    const ALL: [Sort; 3] = [Sort::Axis, Sort::Together, Sort::Rest];

    fn words(self) -> &'static str {
        match self {
            Sort::Axis => "axis alone",
            Sort::Together => "axes together",
            Sort::Rest => "replicates",
        }
    }
}

/// The trials of a run by the levels of their axes.
struct Table {
    factors: Vec<Factor>,
    values: Vec<f64>,
}

fn draw(tables: &Tables, plot: &Plot, look: &Look) -> Result<Drawing, PlotError> {
    let trials = TableName::Trials;
    let value = match &plot.value {
        Some(value) => value.clone(),
        None => defaults::result(tables, trials)?.to_owned(),
    };
    let value = defaults::one(tables, plot, trials, "value", &value)?;
    let (mut table, left_out) = read(tables, plot, &value)?;
    if table.values.is_empty() {
        let why = left_out.why_empty(plot, &value);
        return Err(PlotError::Empty {
            kind: plot.kind,
            why,
        });
    }
    let log = is_log(plot.log.as_ref(), LogScale::Value, || {
        // As `describe` and `report` do, so that all name the same shares.
        let least = table.values.iter().copied().fold(f64::INFINITY, f64::min);
        wants_log(&value.sql, least) || look::wants_log(table.values.iter().copied())
    });
    if log {
        if table.values.iter().any(|value| *value <= 0.0) {
            let why = "values that are not positive have no logarithm; leave value out of --log";
            return Err(PlotError::Empty {
                kind: plot.kind,
                why: why.to_owned(),
            });
        }
        for value in &mut table.values {
            *value = value.log10();
        }
    }
    let parts = importance(&table.factors, &table.values).map_err(|error| PlotError::Empty {
        kind: plot.kind,
        why: error.to_string(),
    })?;
    let mut notes = Vec::new();
    if parts.is_complete() {
        notes.push("exact: the grid is complete".to_owned());
    } else {
        notes.push(format!(
            "{} of {} conditions have no value: the axes overlap, shares are approximate",
            parts.missing,
            parts.cells + parts.missing
        ));
    }
    notes.extend(left_out.words());
    let value_title = words::title(std::slice::from_ref(&value));
    let of = if log {
        format!("log10 of {value_title}")
    } else {
        value_title
    };
    Ok(picture(
        tables,
        plot,
        look,
        bars(effects(&parts)),
        &of,
        notes,
    ))
}

/// The axes whose effects are asked for.
fn axes_of(tables: &Tables, plot: &Plot) -> Result<Vec<Axis>, PlotError> {
    let kind = plot.kind;
    let mut axes: Vec<Axis> = tables.axes();
    if let Some(text) = &plot.x {
        let wanted = tables.channel(kind, TableName::Trials, "x", text)?;
        axes = wanted
            .into_iter()
            .map(|own| Axis {
                columns: vec![own.sql],
                count: 0,
                is_numeric: false,
            })
            .collect();
    }
    axes.truncate(MOST_AXES);
    if axes.is_empty() {
        return Err(PlotError::FewAxes {
            kind,
            needs: "an axis, or --x COLUMN,COLUMN",
            varies: "nothing but replicates".to_owned(),
        });
    }
    Ok(axes)
}

fn read(tables: &Tables, plot: &Plot, value: &Expression) -> Result<(Table, LeftOut), PlotError> {
    let axes = axes_of(tables, plot)?;
    let condition = Condition::of(plot, tables, TableName::Trials)?;
    let mut selected: Vec<String> = axes.iter().flat_map(|axis| axis.columns.clone()).collect();
    let width = selected.len();
    selected.push(format!("({})", value.sql));
    selected.push("status".to_owned());
    let text = format!(
        "SELECT {} FROM trials{}",
        selected.join(", "),
        condition.trials
    );
    let mut found: Vec<Levels> = axes
        .iter()
        .map(|axis| Levels::new(axis.columns.len()))
        .collect();
    let mut left_out = LeftOut::default();
    let mut codes: Vec<Vec<u32>> = vec![Vec::new(); axes.len()];
    let mut values = Vec::new();
    tables.scan(&text, |cells| {
        if !left_out.takes(&cells[width + 1]) && !condition.names_status {
            return;
        }
        let Some(value) = number(&cells[width]) else {
            left_out.nulls += 1;
            return;
        };
        let mut at = 0;
        for ((levels, axis), codes) in found.iter_mut().zip(&axes).zip(&mut codes) {
            codes.push(levels.code(&cells[at..at + axis.columns.len()]));
            at += axis.columns.len();
        }
        values.push(value);
    })?;
    if condition.names_status {
        (left_out.diverged, left_out.failed) = (0, 0);
    }
    let factors = axes
        .iter()
        .zip(&found)
        .zip(codes)
        .map(|((axis, found), levels)| Factor {
            name: axis.channel().replace('_', " "),
            levels,
            count: u32::try_from(found.len()).unwrap_or(u32::MAX),
        });
    let table = Table {
        factors: factors.collect(),
        values,
    };
    Ok((table, left_out))
}

/// Every part of the variance as a share of the whole.
fn effects(parts: &Importance) -> Vec<Effect> {
    // Rounding leaves some 1e-16 where there is no effect.
    let share = |part: f64| {
        let share = parts.share(part);
        if share < 1e-12 { 0.0 } else { share }
    };
    let effect = |name: String, sort, part| Effect {
        name,
        sort,
        share: share(part),
    };
    let mut effects: Vec<Effect> = parts
        .axes
        .iter()
        .map(|axis| effect(axis.name.clone(), Sort::Axis, axis.main))
        .collect();
    effects.extend(parts.pairs.iter().map(|pair| {
        let [i, j] = pair.axes.map(|at| parts.axes[at].name.as_str());
        effect(format!("{i} \u{d7} {j}"), Sort::Together, pair.variance)
    }));
    if let (Some(higher), true) = (parts.higher, parts.axes.len() > 2) {
        effects.push(effect(
            "three axes or more".to_owned(),
            Sort::Together,
            higher,
        ));
    }
    effects.push(effect("replicates".to_owned(), Sort::Rest, parts.residual));
    effects
}

/// The largest effects first, the small ones of axes together added up; the replicates last.
fn bars(effects: Vec<Effect>) -> Vec<Effect> {
    let (rest, mut effects): (Vec<Effect>, Vec<Effect>) = effects
        .into_iter()
        .partition(|effect| effect.sort == Sort::Rest);
    // Stable: equal effects stay in the order of the axes.
    effects.sort_by(|a, b| b.share.total_cmp(&a.share));
    let is_shown = |place: usize, effect: &Effect| match effect.sort {
        Sort::Axis => true,
        Sort::Together => place < MOST_BARS && effect.share >= 0.0005,
        Sort::Rest => false,
    };
    let mut shown = Vec::new();
    let mut small = 0.0;
    let mut hidden = 0;
    for (place, effect) in effects.into_iter().enumerate() {
        if is_shown(place, &effect) {
            shown.push(effect);
        } else {
            small += effect.share;
            hidden += 1;
        }
    }
    if hidden > 0 {
        shown.push(Effect {
            name: "other axes together".to_owned(),
            sort: Sort::Together,
            share: small,
        });
    }
    shown.extend(rest.into_iter().filter(|effect| effect.share > 0.0));
    shown
}

fn picture(
    tables: &Tables,
    plot: &Plot,
    look: &Look,
    effects: Vec<Effect>,
    of: &str,
    notes: Vec<String>,
) -> Drawing {
    let size = LETTERS - 1.0;
    let room = (look.width * 0.42).min(220.0);
    let names = levels::labels(
        effects.iter().map(|effect| effect.name.clone()).collect(),
        room,
        size,
    );
    let widest = names
        .iter()
        .map(|name| text_width(name, size))
        .fold(0.0, f64::max);
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let data: Vec<Value> = effects
        .iter()
        .zip(&names)
        .map(|(effect, name)| {
            json!({ "effect": name, "of": effect.sort.words(), "share": rounded(effect.share),
                "label": percent(effect.share) })
        })
        .collect();
    let layout = Layout {
        width: (look.width - widest - 70.0).max(120.0),
        height: 21.0 * effects.len() as f64,
        columns: 1,
        legend: json!({ "orient": "bottom", "direction": "horizontal" }),
    };
    let body = layers(&effects, &names, look, &layout.legend, of);
    let sketch = Sketch::Bars {
        title: format!("share of the variance of {of}, %"),
        is_log: false,
        bars: effects
            .iter()
            .map(|effect| SketchBar {
                name: effect.name.clone(),
                value: 100.0 * effect.share,
            })
            .collect(),
    };
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

/// Bars with their shares written at their ends.
fn layers(effects: &[Effect], names: &[String], look: &Look, legend: &Value, of: &str) -> Value {
    let sorts: Vec<&str> = Sort::ALL.map(Sort::words).to_vec();
    let shown: Vec<&str> = sorts
        .into_iter()
        .filter(|words| effects.iter().any(|effect| effect.sort.words() == *words))
        .collect();
    let palette = look::categories(3, look.theme);
    let colors: Vec<&String> = shown
        .iter()
        .filter_map(|words| palette.get(Sort::ALL.iter().position(|sort| sort.words() == *words)?))
        .collect();
    let most = effects
        .iter()
        .map(|effect| effect.share)
        .fold(0.0, f64::max)
        .max(0.01);
    json!({
        "encoding": {
            "y": { "field": "effect", "type": "nominal", "sort": names, "scale": { "domain": names },
                "axis": { "ticks": false, "domain": false, "labelOverlap": false }, "title": null },
            "x": { "field": "share", "type": "quantitative", "title": format!("share of the variance of {of}"),
                "scale": { "domain": [0, rounded(most * 1.18)], "nice": false },
                "axis": { "format": ".0%", "tickCount": 5 } }
        },
        "layer": [
            { "mark": { "type": "bar", "height": { "band": 0.72 } },
                "encoding": { "color": { "field": "of", "type": "nominal", "title": null, "legend": legend,
                    "scale": { "domain": shown, "range": colors } } } },
            { "mark": { "type": "text", "align": "left", "dx": 4, "color": look.theme.ink() },
                "encoding": { "text": { "field": "label", "type": "nominal" } } }
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_effects_are_added_up_and_repeats_stand_last() {
        let effect = |name: &str, sort, share| Effect {
            name: name.to_owned(),
            sort,
            share,
        };
        let all = vec![
            effect("a", Sort::Axis, 0.0),
            effect("b", Sort::Axis, 0.7),
            effect("a x b", Sort::Together, 0.0001),
            effect("replicates", Sort::Rest, 0.2),
            effect("b x c", Sort::Together, 0.0999),
        ];
        let names: Vec<String> = bars(all).into_iter().map(|effect| effect.name).collect();
        assert_eq!(
            names,
            ["b", "b x c", "a", "other axes together", "replicates"]
        );
    }
}
