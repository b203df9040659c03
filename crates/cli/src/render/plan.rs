//! A plan: what would run, on which engine, and what it would cost.

use serde_json::{Value, json};
use sweep::{AxisSummary, DataSizes, DataSummary, Grid, Verified};

use super::numbers;
use super::table::{self, Column};
use crate::numbering::Numbered;
use crate::process;

/// Different sizes of data that are shown.
const DATA_LINES: usize = 5;

const AXES: [Column; 3] = [
    Column::Text("AXIS"),
    Column::Number("VALUES"),
    Column::Text(""),
];

const ENGINES: [Column; 5] = [
    Column::Text("ENGINE"),
    Column::Number("CORE"),
    Column::Number("TRIALS"),
    Column::Number("EXAMPLE"),
    Column::Text("WHY"),
];

/// The plan for people.
pub(crate) fn as_text(numbered: &Numbered, data: &DataSummary) -> String {
    let grid = &numbered.grid;
    let survey = grid.survey();
    let mut lines = vec![format!("sweep   {}", grid.spec().name())];
    let axes = grid.axes().into_iter().map(|axis| {
        vec![
            axis.keys.join(" + "),
            axis.count.to_string(),
            preview(&axis),
        ]
    });
    let axes: Vec<Vec<String>> = axes.collect();
    if !axes.is_empty() {
        lines.extend([String::new(), table::columns(&AXES, &axes), String::new()]);
    }
    lines.push(format!("trials  {}", numbers::grouped(grid.count())));
    lines.extend(data_lines(data));
    lines.extend(cost_lines(numbered));
    lines.extend([String::new(), engines(grid)]);
    if !survey.exact {
        lines.push("(a sample of the grid's combinations stands for all: flops, time and engines are estimates)".to_owned());
    }
    let lines = lines.iter().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

/// What the trials cost, those that are left, and those that are compared.
fn cost_lines(numbered: &Numbered) -> Vec<String> {
    let grid = &numbered.grid;
    let survey = grid.survey();
    let verified = verified(grid);
    let cost = survey.total.and(verified.total());
    let threads = process::threads(None);
    let time = |seconds: f64| {
        format!(
            "{} on one core, about {} on this machine's {threads}",
            numbers::duration(seconds),
            numbers::duration(seconds / threads as f64),
        )
    };
    let mut lines = vec![
        format!("flops   {}", numbers::scaled(survey.total.flops)),
        format!(
            "tables  {} rows, {}B before compression",
            numbers::scaled(cost.rows),
            numbers::scaled(cost.row_bytes)
        ),
        format!(
            "memory  {}B a trial at the most",
            numbers::scaled(cost.bytes)
        ),
        format!("time    {}", time(cost.seconds)),
    ];
    if let Some(dir) = &numbered.dir {
        let (trials, cost) = numbered.left();
        lines.push(format!(
            "left    {} trials in {}: {}",
            numbers::grouped(trials),
            dir.display(),
            time(cost.seconds)
        ));
    }
    if verified.wanted > 0 {
        lines.push(format!(
            "verify  {} trials on both engines, {} of that time",
            numbers::grouped(verified.chosen.len() as u64),
            numbers::duration(verified.total().seconds)
        ));
    }
    lines
}

/// The engines that the trials run on, and why.
fn engines(grid: &Grid) -> String {
    let rows = grid.survey().groups.iter().map(|group| {
        let core = group.core_width;
        vec![
            group.engine.to_owned(),
            core.map_or("-".to_owned(), |core| core.to_string()),
            group.trials.to_string(),
            group.example.to_string(),
            group.reason.clone(),
        ]
    });
    table::columns(&ENGINES, &rows.collect::<Vec<_>>())
}

/// The trials that `[train] verify` has compared on both engines.
fn verified(grid: &Grid) -> Verified {
    Verified::of_grid(grid, grid.spec().verify())
}

/// The first and last values of an axis.
fn preview(axis: &AxisSummary) -> String {
    let tuple = |values: &Vec<sweep::Value>| {
        let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
        match texts.as_slice() {
            [one] => one.clone(),
            many => format!("({})", many.join(", ")),
        }
    };
    let first: Vec<String> = axis.first.iter().map(tuple).collect();
    let last: Vec<String> = axis.last.iter().map(tuple).collect();
    let all = (axis.first.len() + axis.last.len()) as u64 == axis.count;
    match (last.is_empty(), all) {
        (true, _) => first.join(" "),
        (false, true) => format!("{} {}", first.join(" "), last.join(" ")),
        (false, false) => format!("{} ... {}", first.join(" "), last.join(" ")),
    }
}

/// The sizes of the data, a line each.
fn data_lines(data: &DataSummary) -> Vec<String> {
    let shown = data.sizes.iter().take(DATA_LINES);
    let mut lines: Vec<String> = shown.map(data_words).collect();
    let more = data.sizes.len() - lines.len();
    if more > 0 || !data.exact {
        let more = if data.exact {
            format!("{more} more")
        } else {
            "more".to_owned()
        };
        lines.push(format!("(and {more} that differ in size)"));
    }
    let heads = std::iter::once("data").chain(std::iter::repeat(""));
    heads
        .zip(lines)
        .map(|(head, words)| format!("{head:<8}{words}"))
        .collect()
}

fn data_words(sizes: &DataSizes) -> String {
    let number = numbers::grouped;
    let mut words = format!(
        "{} inputs x {} outputs",
        number(sizes.inputs),
        number(sizes.outputs)
    );
    if let Some(samples) = sizes.samples {
        words += &format!(" x {} samples", number(samples));
    }
    if let Some(classes) = sizes.classes {
        words += &format!(", {} classes", number(classes));
    }
    if let Some(train) = sizes.train {
        words += &format!(", {} to train on", number(train));
    }
    if let Some(test) = sizes.test {
        words += &format!(", {} to test on", number(test));
    }
    words
}

fn data_json(sizes: &DataSizes) -> Value {
    json!({
        "inputs": sizes.inputs, "outputs": sizes.outputs, "samples": sizes.samples,
        "classes": sizes.classes, "train": sizes.train, "test": sizes.test,
        "from_files": sizes.from_files,
    })
}

/// The plan for programs, under names that stay.
pub(crate) fn as_json(numbered: &Numbered, data: &DataSummary) -> Value {
    let grid = &numbered.grid;
    let (trials_left, cost_left) = numbered.left();
    let mut warnings = grid.warnings();
    warnings.extend_from_slice(&data.warnings);
    let sizes: Vec<Value> = data.sizes.iter().map(data_json).collect();
    let survey = grid.survey();
    let verified = verified(grid);
    let comparisons = verified.total();
    let total = survey.total.and(comparisons);
    let axes: Vec<Value> = grid
        .axes()
        .into_iter()
        .map(|axis| json!({ "keys": axis.keys, "values": axis.count }))
        .collect();
    let engines: Vec<Value> = survey
        .groups
        .iter()
        .map(|group| {
            json!({
                "engine": group.engine, "core_width": group.core_width, "trials": group.trials,
                "example": group.example, "reason": group.reason, "flops": group.cost.flops,
                "bytes": group.cost.bytes, "seconds": group.cost.seconds,
            })
        })
        .collect();
    json!({
        "name": grid.spec().name(),
        "trials": grid.count(),
        "flops": survey.total.flops,
        "seconds": total.seconds,
        "bytes": total.bytes,
        "rows": total.rows,
        "row_bytes": total.row_bytes,
        "verify": {
            "wanted": verified.wanted, "trials": verified.chosen.len(), "flops": comparisons.flops,
            "seconds": comparisons.seconds,
        },
        "folder": numbered.dir.as_ref().map(|dir| dir.display().to_string()),
        "left": {
            "trials": trials_left, "flops": cost_left.flops, "seconds": cost_left.seconds,
        },
        "axes": axes,
        "engines": engines,
        "exact": survey.exact,
        "data": sizes,
        "warnings": warnings,
    })
}
