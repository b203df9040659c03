//! `parsimony plan`: what would run, on which engine, and what it would cost.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sweep::{AxisSummary, Grid, Verified};

use crate::args::Plan;
use crate::error::CliError;
use crate::exit::Exit;
use crate::{load, output, service};

/// Lines printed at once by `--list`.
const LIST_CHUNK: usize = 1000;

/// Prints the plan.
///
/// # Errors
/// [`CliError`].
pub(crate) fn plan(options: &Plan) -> Result<Exit, CliError> {
    let Some(file) = &options.file else {
        output::data(&sweep::defaults_toml())?;
        return Ok(Exit::Done);
    };
    let sweep = load::sweep(file, &options.sets.sets)?;
    let grid = &sweep.grid;
    if options.list {
        list(grid, options.json)?;
        return Ok(Exit::Done);
    }
    if options.json {
        output::json(&as_json(grid))?;
    } else {
        output::data(&as_text(grid))?;
    }
    Ok(Exit::Done)
}

fn as_text(grid: &Grid) -> String {
    let mut text = String::new();
    let survey = grid.survey();
    let verified = verified(grid);
    let cost = survey.total.and(verified.total());
    let mut line = |words: String| {
        text.push_str(words.trim_end());
        text.push('\n');
    };
    line(format!("sweep   {}", grid.spec().name()));
    let axes: Vec<Vec<String>> = grid
        .axes()
        .iter()
        .map(|axis| vec![axis.keys.join(" + "), axis.count.to_string(), preview(axis)])
        .collect();
    if !axes.is_empty() {
        line(String::new());
        line(output::columns(&["AXIS", "VALUES", ""], &axes));
        line(String::new());
    }
    line(format!("trials  {}", output::grouped(grid.count())));
    line(format!("flops   {}", output::scaled(survey.total.flops)));
    let threads = service::threads(None);
    line(format!(
        "memory  {}B a trial at the most",
        output::scaled(cost.bytes)
    ));
    line(format!(
        "time    {} on one core, about {} on this machine's {threads}",
        output::duration(cost.seconds),
        output::duration(cost.seconds / threads as f64),
    ));
    if verified.wanted > 0 {
        line(format!(
            "verify  {} trials on both engines, {} of that time",
            output::grouped(verified.chosen.len() as u64),
            output::duration(verified.total().seconds)
        ));
    }
    line(String::new());
    let rows: Vec<Vec<String>> = survey
        .groups
        .iter()
        .map(|group| {
            vec![
                group.engine.to_owned(),
                group
                    .core_width
                    .map_or("-".to_owned(), |core| core.to_string()),
                group.trials.to_string(),
                group.example.to_string(),
                group.reason.clone(),
            ]
        })
        .collect();
    let header = ["ENGINE", "CORE", "TRIALS", "EXAMPLE", "WHY"];
    line(output::columns(&header, &rows));
    if !survey.exact {
        line("(a sample of the grid's combinations stands for all: flops, time and engines are estimates)".to_owned());
    }
    text
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

fn as_json(grid: &Grid) -> Value {
    let survey = grid.survey();
    let verified = verified(grid);
    let comparisons = verified.total();
    let total = survey.total.and(comparisons);
    let axes: Vec<Value> = grid
        .axes()
        .iter()
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
        "verify": {
            "wanted": verified.wanted, "trials": verified.chosen.len(), "flops": comparisons.flops,
            "seconds": comparisons.seconds,
        },
        "axes": axes,
        "engines": engines,
        "exact": survey.exact,
        "warnings": grid.warnings(),
    })
}

/// One line a trial: number, id, and what varies.
fn list(grid: &Grid, as_data: bool) -> Result<(), CliError> {
    let names: Vec<&str> = grid
        .axes()
        .iter()
        .flat_map(|axis| axis.keys.clone())
        .collect();
    if !as_data {
        output::data(&format!("trial\tid\t{}\n", names.join("\t")))?;
    }
    let mut text = String::new();
    let mut lines = 0;
    let mut from = 0;
    while let Some(index) = grid.next_kept(from, grid.size()) {
        from = index + 1;
        let point = grid.point(index)?;
        let shown = |name: &&str| {
            point
                .written(name)
                .map(ToString::to_string)
                .unwrap_or_default()
        };
        if as_data {
            let values: serde_json::Map<String, Value> = names
                .iter()
                .map(|name| {
                    let text = shown(name);
                    let value = serde_json::from_str(&text).unwrap_or(Value::from(text));
                    ((*name).to_owned(), value)
                })
                .collect();
            let row = json!({ "trial": index, "id": point.id(), "values": values });
            // A String takes whatever is written to it.
            let _ = writeln!(text, "{row}");
        } else {
            let values: Vec<String> = names.iter().map(shown).collect();
            let _ = writeln!(text, "{index}\t{}\t{}", point.id(), values.join("\t"));
        }
        lines += 1;
        if lines % LIST_CHUNK == 0 {
            output::data(&std::mem::take(&mut text))?;
        }
    }
    output::data(&text)
}
