//! `parsimony plan`: what would run, on which engine, and what it would cost.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sweep::{AxisSummary, Cost, Folder, Grid, Verified};

use crate::args::Plan;
use crate::error::CliError;
use crate::exit::Exit;
use crate::numbering::{self, Numbered};
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
    let numbered = numbering::of(sweep, options.out.as_deref())?;
    if options.list {
        list(&numbered, options.json)?;
        return Ok(Exit::Done);
    }
    if options.json {
        output::json(&as_json(&numbered))?;
    } else {
        output::data(&as_text(&numbered))?;
    }
    Ok(Exit::Done)
}

/// Trials of the folder that are not done, and what they cost. Costs of all are added up from a sample of a large
/// grid, so a part can come out larger than the whole.
fn left(numbered: &Numbered) -> (u64, Cost) {
    let (all, done) = (
        numbered.folder.total_cost(),
        numbered.folder.cost_of(&numbered.done),
    );
    let trials = numbered.folder.count().saturating_sub(numbered.done.len());
    let cost = Cost {
        flops: (all.flops - done.flops).max(0.0),
        bytes: all.bytes,
        seconds: (all.seconds - done.seconds).max(0.0),
    };
    (trials, if trials == 0 { Cost::default() } else { cost })
}

fn as_text(numbered: &Numbered) -> String {
    let grid = &numbered.grid;
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
    if let Some(dir) = &numbered.dir {
        let (trials, cost) = left(numbered);
        line(format!(
            "left    {} trials in {}: {} on one core, about {} on this machine's {threads}",
            output::grouped(trials),
            dir.display(),
            output::duration(cost.seconds),
            output::duration(cost.seconds / threads as f64),
        ));
    }
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

fn as_json(numbered: &Numbered) -> Value {
    let grid = &numbered.grid;
    let (trials_left, cost_left) = left(numbered);
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
        "folder": numbered.dir.as_ref().map(|dir| dir.display().to_string()),
        "left": {
            "trials": trials_left, "flops": cost_left.flops, "seconds": cost_left.seconds,
        },
        "axes": axes,
        "engines": engines,
        "exact": survey.exact,
        "warnings": grid.warnings(),
    })
}

/// Names of the keys that vary: those of the axes, and those that a point of `include` names.
fn varying(grid: &Grid) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = grid
        .axes()
        .iter()
        .flat_map(|axis| axis.keys.clone())
        .collect();
    let mut more: Vec<&'static sweep::Key> = sweep::keys()
        .iter()
        .filter(|key| !names.contains(&key.name))
        .collect();
    let included = &grid.spec().filter.include;
    more.retain(|key| included.iter().any(|point| point.contains_key(key.name)));
    names.extend(more.iter().map(|key| key.name));
    names
}

/// One line a trial: its number in the run folder, id, and what varies.
fn list(numbered: &Numbered, as_data: bool) -> Result<(), CliError> {
    let folder: &Folder = &numbered.folder;
    let names = varying(&numbered.grid);
    if !as_data {
        output::data(&format!("trial\tid\t{}\n", names.join("\t")))?;
    }
    let mut text = String::new();
    let mut lines = 0;
    let mut from = 0;
    while let Some(number) = folder.next_kept(from, folder.end()) {
        from = number + 1;
        let point = folder.point(number)?;
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
            let done = numbered.done.contains(number);
            let row = json!({ "trial": number, "id": point.id(), "done": done, "values": values });
            // A String takes whatever is written to it.
            let _ = writeln!(text, "{row}");
        } else {
            let values: Vec<String> = names.iter().map(shown).collect();
            let _ = writeln!(text, "{number}\t{}\t{}", point.id(), values.join("\t"));
        }
        lines += 1;
        if lines % LIST_CHUNK == 0 {
            output::data(&std::mem::take(&mut text))?;
        }
    }
    output::data(&text)
}
