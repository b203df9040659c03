//! `parsimony plan`: what would run, on which engine, and what it would cost.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sweep::{AxisSummary, Cost, DataSizes, DataSummary, Folder, Grid, Verified};

use crate::args::Plan;
use crate::error::CliError;
use crate::exit::Exit;
use crate::load::{self, Begun};
use crate::numbering::{self, Numbered};
use crate::{output, service};

/// Lines printed at once by `--list`.
const LIST_CHUNK: usize = 1000;

/// Different sizes of data that are shown.
const DATA_LINES: usize = 5;

/// Prints the plan.
///
/// # Errors
/// [`CliError`].
pub(crate) fn plan(options: &Plan) -> Result<Exit, CliError> {
    let Some(file) = &options.file else {
        output::data(&sweep::defaults_toml())?;
        return Ok(Exit::Done);
    };
    let sweep = load::sweep(file, &options.sets.sets, Begun::In(options.out.as_deref()))?;
    let data = sweep.data.clone();
    let numbered = numbering::of(sweep, options.out.as_deref())?;
    if options.list {
        list(&numbered, options.json)?;
        return Ok(Exit::Done);
    }
    if options.json {
        output::json(&as_json(&numbered, &data))?;
    } else {
        output::data(&as_text(&numbered, &data))?;
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
        rows: (all.rows - done.rows).max(0.0),
        row_bytes: (all.row_bytes - done.row_bytes).max(0.0),
    };
    (trials, if trials == 0 { Cost::default() } else { cost })
}

fn as_text(numbered: &Numbered, data: &DataSummary) -> String {
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
    for words in data_lines(data) {
        line(words);
    }
    line(format!("flops   {}", output::scaled(survey.total.flops)));
    line(format!(
        "tables  {} rows, {}B before compression",
        output::scaled(cost.rows),
        output::scaled(cost.row_bytes)
    ));
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
    let number = output::grouped;
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

fn as_json(numbered: &Numbered, data: &DataSummary) -> Value {
    let grid = &numbered.grid;
    let (trials_left, cost_left) = left(numbered);
    let mut warnings = grid.warnings();
    warnings.extend_from_slice(&data.warnings);
    let sizes: Vec<Value> = data.sizes.iter().map(data_json).collect();
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
