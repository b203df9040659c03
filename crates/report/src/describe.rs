//! One run on a page of the terminal: what was swept, what came out, where time and operations went, what the reduction
//! saved; as text, and as JSON with the same numbers.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::error::ReportError;
use crate::facts::{
    Ask, Asked, Axis, EngineShare, Expense, Extreme, Origin, Outcome, Saving, Unexplained, all_axes,
};
use crate::importance::Importance;
use crate::sentences;
use crate::words::{counted, duration, grouped, scaled};

/// Reasons shown in the terminal.
const REASONS: usize = 5;

/// What is known of one run, or of several together.
#[derive(Clone, Debug)]
pub struct Description {
    pub asked: Vec<Asked>,
    /// Those of all runs.
    pub axes: Vec<Axis>,
    pub outcome: Outcome,
    pub expense: Expense,
    pub origin: Origin,
}

/// Reads what is known of the runs.
///
/// # Errors
/// [`ReportError`] where the tables cannot be read.
pub fn describe(runs: &[PathBuf]) -> Result<Description, ReportError> {
    let names = table::run_names(runs);
    let runs: Vec<PathBuf> = names.iter().map(|(dir, _)| dir.clone()).collect();
    let ask = Ask::new(&runs);
    let asked = names
        .iter()
        .map(|(dir, name)| Asked::read(dir, name))
        .collect::<Result<Vec<_>, _>>()?;
    let axes = all_axes(&asked);
    Ok(Description {
        outcome: Outcome::read(&ask, &axes)?,
        expense: Expense::read(&ask, &asked, &axes)?,
        origin: Origin::read(&ask)?,
        axes,
        asked,
    })
}

impl Description {
    /// Names of the sweeps.
    pub fn title(&self) -> String {
        let names: Vec<String> = self.asked.iter().map(|asked| asked.name.clone()).collect();
        crate::words::listed(&names)
    }

    /// Trials of all sweeps together; none where that is not known of one.
    pub fn planned(&self) -> Option<u64> {
        self.asked.iter().map(|asked| asked.planned).sum()
    }

    /// The answer in sentences.
    pub fn answer(&self) -> Vec<String> {
        let outcome = &self.outcome;
        let mut answer = vec![sentences::statuses(outcome, self.planned())];
        if let Some(measure) = outcome.judged_by() {
            let setting = outcome.settings.first();
            answer.extend(setting.map(|setting| sentences::setting(measure, setting)));
            let ends = [("best", &outcome.best), ("worst", &outcome.worst)];
            if measure.varies() {
                for (which, end) in ends {
                    answer.extend(
                        end.as_ref()
                            .map(|end| sentences::extreme(which, measure, end)),
                    );
                }
            } else if let Some(only) = &outcome.best {
                answer.push(sentences::same(measure, only));
            }
        }
        let explained = outcome.measures.iter().zip(&outcome.explained);
        for (measure, explained) in explained.take(1) {
            answer.extend(sentences::matters(measure, explained));
        }
        answer.extend(outcome.places.iter().map(sentences::elsewhere));
        answer
    }

    /// For a terminal, at a wattage of a core.
    pub fn to_text(&self, watts: f64) -> String {
        let mut text = String::new();
        for asked in &self.asked {
            asked_text(asked, &mut text);
        }
        text.push('\n');
        for sentence in self.answer() {
            line(&mut text, &sentence);
        }
        text.push('\n');
        line(&mut text, &sentences::expense(&self.expense));
        let rows: Vec<Vec<String>> = self.expense.engines.iter().map(engine_row).collect();
        text += &columns(&ENGINE_HEADER, &rows);
        if let Some((axis, levels)) = &self.expense.slow_axis {
            let levels: Vec<String> = levels
                .iter()
                .map(|(value, _, seconds)| format!("{} at {value}", duration(*seconds)))
                .collect();
            line(
                &mut text,
                &format!("a trial by {axis}: {}", levels.join(", ")),
            );
        }
        let saved = sentences::saving(&self.expense.saving, watts);
        if !saved.is_empty() {
            text.push('\n');
        }
        for sentence in saved {
            line(&mut text, &sentence);
        }
        self.reasons_text(&mut text);
        text
    }

    fn reasons_text(&self, text: &mut String) {
        let reasons = &self.outcome.reasons;
        if reasons.is_empty() {
            return;
        }
        text.push('\n');
        for reason in reasons.iter().take(REASONS) {
            let words = format!(
                "{} {}, for example {}: {}",
                counted(reason.trials, "trial"),
                reason.status,
                reason.example,
                one_line(&reason.error)
            );
            line(text, &words);
        }
        if reasons.len() > REASONS || self.outcome.more_reasons {
            line(
                text,
                "(further reasons: GROUP BY error in a query, or the report)",
            );
        }
    }

    /// The same numbers, and more.
    pub fn to_json(&self, watts: f64) -> Value {
        let outcome = &self.outcome;
        let statuses: serde_json::Map<String, Value> = outcome
            .statuses
            .iter()
            .map(|(status, count)| (status.clone(), json!(count)))
            .collect();
        let explained = outcome.measures.iter().zip(&outcome.explained);
        let importance: serde_json::Map<String, Value> = explained
            .map(|(measure, explained)| {
                let value = importance_json(explained, measure.is_log());
                (measure.column.to_owned(), value)
            })
            .collect();
        let reasons: Vec<Value> = outcome
            .reasons
            .iter()
            .map(|reason| {
                json!({
                    "status": reason.status, "error": reason.error, "trials": reason.trials,
                    "example": reason.example,
                })
            })
            .collect();
        json!({
            "runs": self.asked.iter().map(asked_json).collect::<Vec<_>>(),
            "axes": self.axes.iter().map(axis_json).collect::<Vec<_>>(),
            "planned": self.planned(),
            "trials": outcome.trials,
            "statuses": statuses,
            "measure": outcome.judged_by().map(|measure| measure.column),
            "best": outcome.best.as_ref().map(extreme_json),
            "worst": outcome.worst.as_ref().map(extreme_json),
            "importance": importance,
            "reasons": reasons,
            "engines": self.expense.engines.iter().map(engine_json).collect::<Vec<_>>(),
            "seconds": self.expense.seconds(),
            "flops": self.expense.flops(),
            "saving": saving_json(&self.expense.saving, watts),
            "answer": self.answer(),
        })
    }
}

fn asked_text(asked: &Asked, text: &mut String) {
    line(text, &format!("sweep   {}", one_line(&asked.name)));
    line(text, &format!("folder  {}", asked.dir.display()));
    if let Some(planned) = asked.planned {
        line(text, &format!("trials  {}", grouped(planned)));
    }
    let rows: Vec<Vec<String>> = asked
        .axes
        .iter()
        .map(|axis| {
            vec![
                axis.name.clone(),
                axis.count.to_string(),
                one_line(&axis.values),
            ]
        })
        .collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&columns(&["AXIS", "VALUES", ""], &rows));
    }
    if let Some(filter) = &asked.filter {
        line(text, &format!("where   {}", one_line(filter)));
    }
    let rows: Vec<Vec<String>> = asked
        .fixed
        .iter()
        .map(|(key, value)| vec![key.clone(), one_line(value)])
        .collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&columns(&["FIXED", ""], &rows));
    }
}

const ENGINE_HEADER: [&str; 7] = [
    "ENGINE",
    "TRIALS",
    "STEPS",
    "OPERATIONS",
    "SETUP",
    "TRAIN",
    "MEASURE",
];

fn engine_row(share: &EngineShare) -> Vec<String> {
    vec![
        share.engine.clone().unwrap_or_else(|| "-".to_owned()),
        grouped(share.trials),
        scaled(share.steps),
        scaled(share.flops),
        duration(share.setup_seconds),
        duration(share.train_seconds),
        duration(share.measure_seconds),
    ]
}

fn asked_json(asked: &Asked) -> Value {
    let fixed: serde_json::Map<String, Value> = asked
        .fixed
        .iter()
        .map(|(key, value)| (key.clone(), json!(value)))
        .collect();
    json!({
        "folder": asked.dir.display().to_string(), "run": asked.run, "name": asked.name, "hash": asked.hash,
        "planned": asked.planned, "fixed": fixed, "where": asked.filter,
    })
}

fn axis_json(axis: &Axis) -> Value {
    json!({
        "keys": axis.keys, "columns": axis.columns, "count": axis.count, "values": axis.values,
    })
}

fn extreme_json(extreme: &Extreme) -> Value {
    let place: serde_json::Map<String, Value> = extreme
        .place
        .iter()
        .map(|(axis, value)| (axis.clone(), json!(value)))
        .collect();
    json!({ "trial": extreme.trial, "id": extreme.id, "value": extreme.value, "point": place })
}

fn importance_json(explained: &Result<Importance, Unexplained>, is_log: bool) -> Value {
    let found = match explained {
        Ok(found) => found,
        Err(why) => return json!({ "unknown": why.to_string() }),
    };
    let axes: Vec<Value> = found
        .axes
        .iter()
        .map(|axis| {
            json!({
                "axis": axis.name, "levels": axis.levels, "share": found.share(axis.main),
                "total": axis.total.map(|total| found.share(total)),
            })
        })
        .collect();
    let pairs: Vec<Value> = found
        .pairs
        .iter()
        .map(|pair| {
            let names = pair.axes.map(|at| found.axes[at].name.as_str());
            json!({ "axes": names, "share": found.share(pair.variance) })
        })
        .collect();
    json!({
        "log10": is_log, "complete": found.is_complete(), "cells": found.cells, "missing": found.missing,
        "variance": found.variance, "axes": axes, "pairs": pairs,
        "higher": found.higher.map(|higher| found.share(higher)),
        "replicates": found.share(found.residual),
    })
}

fn engine_json(share: &EngineShare) -> Value {
    json!({
        "engine": share.engine, "trials": share.trials, "steps": share.steps, "flops": share.flops,
        "setup_seconds": share.setup_seconds, "train_seconds": share.train_seconds,
        "measure_seconds": share.measure_seconds, "failed_seconds": share.failed_seconds,
    })
}

fn saving_json(saving: &Saving, watts: f64) -> Value {
    let measured = saving.measured.map(|(trials, full, reduced)| {
        json!({ "trials": trials, "full_seconds": full, "reduced_seconds": reduced })
    });
    json!({
        "trials": saving.trials, "known": saving.known,
        "flops": saving.done_flops, "full_flops": saving.wide_flops,
        "seconds": saving.done_seconds, "full_seconds": saving.wide_seconds,
        "watts": watts, "kwh": saving.is_known().then(|| saving.kwh(watts)),
        "measured": measured,
        "residual": saving.residual, "core_width": saving.core_width,
        "refused": saving.refused, "refused_residual": saving.refused_residual,
    })
}

/// A line of text, without what would move a terminal's cursor.
fn line(text: &mut String, words: &str) {
    // A String takes whatever is written to it.
    let _ = writeln!(text, "{}", one_line(words).trim_end());
}

fn one_line(text: &str) -> String {
    text.replace(|letter: char| letter.is_control(), " ")
}

/// Rows under a header, columns aligned.
pub(crate) fn columns(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        widest.max(header[column].chars().count())
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let head: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    let mut text = String::new();
    for cells in std::iter::once(&head).chain(rows) {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"));
        line(&mut text, &padded.collect::<Vec<_>>().join("  "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_runs::{Made, make};

    const SWEEP: &str = "name = \"s\"\n[axes]\n\"network.depth\" = [2, 3]\n\"optimizer.rate\" = [1.0, 2.0]\n\
        \"replicate\" = { range = [0, 2] }\n[problem]\ndim = 64\nrank = 1\n[train]\nsteps = 10\n";

    /// Eight trials: those of depth 2 on a core, those of depth 3 and rate 2 diverged or failed, one without a result.
    fn run(home: &tempfile::TempDir) -> PathBuf {
        make(home, "run", SWEEP, |trial, _| match trial {
            0..4 => Some(Made {
                train_loss: 10_f64.powi(-(trial as i32)),
                ..Made::on_core(1e-14)
            }),
            4 | 5 => Some(Made::completed(0.5)),
            6 => Some(Made::diverged()),
            _ => None,
        })
    }

    #[test]
    fn a_run_is_described_in_sentences() {
        let home = tempfile::tempdir().unwrap();
        let about = describe(&[run(&home)]).unwrap();
        let answer = about.answer();
        assert_eq!(
            answer[0],
            "6 of 7 trials completed, 1 diverged. 1 of the 8 trials of the sweep has no result yet."
        );
        assert_eq!(
            answer[1],
            "The best setting is network.depth = 2, optimizer.rate = 2: a median train loss of 0.0055 over 2 \
             replicates, from 0.001 to 0.01."
        );
        assert!(
            answer[2].starts_with("The best trial is number 3 ("),
            "{answer:?}"
        );
        assert!(
            answer[3].starts_with("The worst trial is number 0 ("),
            "{answer:?}"
        );
        let text = answer.join("\n");
        assert!(text.contains("matters most"), "{text}");
        // Depth 3 with rate 2 has no completed trial.
        assert!(text.contains("1 of 4 combinations"), "{text}");
        assert!(text.contains("1 trial diverged: 1 of "), "{text}");
    }

    #[test]
    fn the_full_engine_would_have_done_more() {
        let home = tempfile::tempdir().unwrap();
        let about = describe(&[run(&home)]).unwrap();
        let saving = &about.expense.saving;
        assert_eq!((saving.trials, saving.known), (4, 4));
        assert_eq!(saving.done_flops, 4e6);
        // Two layers of 64 x 64 over identity inputs: the second one's three products, 2 * 64^3 each, ten steps.
        let wide = 4.0 * 10.0 * 3.0 * 2.0 * 64_f64.powi(3);
        assert!((saving.wide_flops / wide - 1.0).abs() < 0.5, "{saving:?}");
        assert_eq!(saving.residual, Some(1e-14));
        assert_eq!(about.expense.seconds(), 7.0 * 1.75);
    }

    #[test]
    fn text_and_json_hold_the_same() {
        let home = tempfile::tempdir().unwrap();
        let about = describe(&[run(&home)]).unwrap();
        let text = about.to_text(100.0);
        for words in [
            "sweep   s",
            "network.depth   2",
            "problem.dim",
            "reduced",
            "full",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        let value = about.to_json(100.0);
        assert_eq!(value["trials"], 7);
        assert_eq!(value["planned"], 8);
        assert_eq!(value["statuses"]["completed"], 6);
        assert_eq!(value["best"]["trial"], 3);
        assert_eq!(value["best"]["point"]["network.depth"], "2");
        assert_eq!(value["importance"]["train_loss"]["complete"], false);
        assert_eq!(value["saving"]["trials"], 4);
    }

    #[test]
    fn runs_together_have_the_run_as_an_axis() {
        let home = tempfile::tempdir().unwrap();
        let again = SWEEP.replace("[2, 3]", "[2, 3, 4]");
        let other = make(&home, "other", &again, |_, _| Some(Made::completed(0.25)));
        let about = describe(&[run(&home), other]).unwrap();
        assert_eq!(about.axes[0].name, "run");
        assert_eq!(about.outcome.trials, 7 + 12);
        assert_eq!(about.planned(), Some(8 + 12));
        let depth = about.axes.iter().find(|axis| axis.name == "network.depth");
        assert_eq!(depth.unwrap().count, 3);
        assert_eq!(about.expense.saving.known, 4);
    }

    #[test]
    fn a_folder_without_a_sweep_file_has_the_parameters_that_vary_as_axes() {
        let home = tempfile::tempdir().unwrap();
        let run = run(&home);
        std::fs::remove_file(run.join("sweep.toml")).unwrap();
        let about = describe(&[run]).unwrap();
        let names: Vec<&str> = about.axes.iter().map(|axis| axis.name.as_str()).collect();
        assert!(
            names.contains(&"network.depth") && names.contains(&"replicate"),
            "{names:?}"
        );
        assert_eq!(about.outcome.trials, 7);
    }

    #[test]
    fn nothing_done_is_described_too() {
        let home = tempfile::tempdir().unwrap();
        let run = make(&home, "run", SWEEP, |trial, _| {
            (trial == 0).then(|| Made::failed("no memory"))
        });
        let about = describe(&[run]).unwrap();
        let answer = about.answer();
        assert!(
            answer[0].starts_with("No trial completed: 1 failed."),
            "{answer:?}"
        );
        assert!(
            about
                .to_text(100.0)
                .contains("1 trial failed, for example 0: no memory")
        );
    }
}
