//! `parsimony plan-check`: the stages of a plan against what they must reach.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::diagnose::{Criteria, Criterion, Stage};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;

/// Check the stages of a plan that `diagnose --write DIR` wrote: passed, failed, or not run
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony diagnose digits.csv.gz --columns 0..64 --labels 64 --write plan
  parsimony run plan/1-check.toml --out plan/runs/1-check && parsimony plan-check plan

Prints what each stage reached and which command comes next. The exit code is 3 if a stage fails.")]
pub(crate) struct PlanCheck {
    /// The folder of the plan
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

/// What a stage came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    NotRun,
    /// Some of its trials have no result.
    Running,
    Passed,
    Failed,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::NotRun => "not run",
            State::Running => "incomplete",
            State::Passed => "passed",
            State::Failed => "failed",
        }
    }
}

/// A criterion with what was found.
struct Judged {
    passed: bool,
    words: String,
}

struct Checked<'a> {
    stage: &'a Stage,
    state: State,
    found: Vec<Judged>,
}

impl PlanCheck {
    /// Reads the tables of the stages that ran, and prints what they reached.
    ///
    /// # Errors
    /// [`CliError`] where the folder is no plan, or a run cannot be read.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        let plan = Criteria::read(&self.folder)?;
        let mut checked = Vec::new();
        for stage in &plan.stages {
            checked.push(check(&plan, stage, &self.folder)?);
        }
        let failed = checked.iter().any(|stage| stage.state == State::Failed);
        let next = next(&checked, &self.folder);
        if self.json {
            output::json(&as_json(&checked, &next))?;
        } else {
            output::data(&as_text(&checked, &next))?;
        }
        Ok(if failed {
            Exit::TrialsFailed
        } else {
            Exit::Done
        })
    }
}

fn check<'a>(plan: &Criteria, stage: &'a Stage, folder: &Path) -> Result<Checked<'a>, CliError> {
    let checked = |state, found| Checked {
        stage,
        state,
        found,
    };
    let run = stage.run(folder);
    if !run.is_dir() {
        return Ok(checked(State::NotRun, Vec::new()));
    }
    let ended = count(&run, "SELECT count(*) AS n FROM trials")?;
    if ended < stage.trials as f64 {
        let words = format!("{ended} of {} trials have a result", stage.trials);
        let found = Judged {
            passed: false,
            words,
        };
        return Ok(checked(State::Running, vec![found]));
    }
    let mut found = Vec::new();
    for criterion in &stage.criteria {
        found.push(judge(plan, criterion, &run, folder)?);
    }
    let state = if found.iter().all(|judged| judged.passed) {
        State::Passed
    } else {
        State::Failed
    };
    Ok(checked(state, found))
}

fn judge(
    plan: &Criteria,
    criterion: &Criterion,
    run: &Path,
    folder: &Path,
) -> Result<Judged, CliError> {
    let column = plan.column.name();
    Ok(match criterion {
        Criterion::NoFailures => {
            let of = |status: &str| {
                let sql = format!("SELECT count(*) AS n FROM trials WHERE status = '{status}'");
                count(run, &sql)
            };
            let (failed, diverged, completed) = (of("failed")?, of("diverged")?, of("completed")?);
            Judged {
                passed: failed == 0.0 && completed > 0.0,
                words: format!(
                    "{completed} trials completed, {diverged} diverged, {failed} failed"
                ),
            }
        }
        Criterion::Best { bound, why } => {
            let best = best(plan, run)?;
            Judged {
                passed: best.is_some_and(|(best, _)| plan.column.reaches(best, *bound)),
                words: format!(
                    "best {column} {}, wanted {}: {why}",
                    shown(best.map(|(best, _)| best)),
                    shown(Some(*bound))
                ),
            }
        }
        Criterion::Verified => {
            let within = count(
                run,
                "SELECT count(*) AS n FROM trials WHERE run_verify = 'within'",
            )?;
            let beyond = count(
                run,
                "SELECT count(*) AS n FROM trials WHERE run_verify = 'beyond'",
            )?;
            Judged {
                passed: within > 0.0 && beyond == 0.0,
                words: format!("{within} trials agree on both engines, {beyond} do not"),
            }
        }
        Criterion::Near { stage, bound, why } => near(plan, (stage, *bound, why), run, folder)?,
        Criterion::Spread { bound } => {
            let spread = best(plan, run)?.map(|(_, spread)| spread);
            Judged {
                passed: spread.is_some_and(|spread| spread <= *bound),
                words: format!(
                    "standard deviation of {column} over starts {}, allowed {}",
                    shown(spread),
                    shown(Some(*bound))
                ),
            }
        }
    })
}

/// How far this stage is above an earlier one.
fn near(
    plan: &Criteria,
    (name, bound, why): (&str, f64, &str),
    run: &Path,
    folder: &Path,
) -> Result<Judged, CliError> {
    let column = plan.column.name();
    let other = plan.stages.iter().find(|stage| stage.name == *name);
    let other = other
        .map(|stage| stage.run(folder))
        .filter(|run| run.is_dir());
    let Some(other) = other else {
        let words = format!("stage {name} has not run, and this one is compared with it");
        return Ok(Judged {
            passed: false,
            words,
        });
    };
    let (own, small) = (best(plan, run)?, best(plan, &other)?);
    let passed = match (own, small) {
        (Some((own, _)), Some((small, _))) => {
            let better = if plan.column.reaches(1.0, 0.0) {
                own - small
            } else {
                small - own
            };
            better <= bound
        }
        _ => false,
    };
    let of = |found: Option<(f64, f64)>| shown(found.map(|(best, _)| best));
    Ok(Judged {
        passed,
        words: format!(
            "best {column} {} here, {} in {name}: {why}",
            of(own),
            of(small)
        ),
    })
}

/// Mean and standard deviation over the replicates of the best setting; none where no trial completed.
fn best(plan: &Criteria, run: &Path) -> Result<Option<(f64, f64)>, CliError> {
    let column = plan.column.name();
    let order = if plan.column.reaches(1.0, 0.0) {
        "DESC"
    } else {
        "ASC"
    };
    let sql = format!(
        "SELECT avg({column}) AS m, avg({column} * {column}) AS s, count(*) AS n FROM trials WHERE status = 'completed' AND \
         {column} IS NOT NULL GROUP BY init_kind, init_scale, optimizer_rate ORDER BY m {order} LIMIT 1"
    );
    let answer = table::query(&[run.to_owned()], &sql)?;
    let Some(row) = answer.rows.first() else {
        return Ok(None);
    };
    let number = |at: usize| row.get(at).and_then(table::Value::number);
    let (Some(mean), Some(square), Some(n)) = (number(0), number(1), number(2)) else {
        return Ok(None);
    };
    let variance = (square - mean * mean).max(0.0) * n / (n - 1.0).max(1.0);
    Ok(Some((mean, variance.sqrt())))
}

fn count(run: &Path, sql: &str) -> Result<f64, CliError> {
    let answer = table::query(&[run.to_owned()], sql)?;
    let cell = answer.rows.first().and_then(|row| row.first());
    Ok(cell.and_then(table::Value::number).unwrap_or(0.0))
}

fn shown(value: Option<f64>) -> String {
    value.map_or("none".to_owned(), report::words::number)
}

/// The command that comes next, with why.
fn next(checked: &[Checked<'_>], folder: &Path) -> Option<(String, String)> {
    for stage in checked {
        let name = &stage.stage.name;
        let command = stage.stage.command(folder);
        match stage.state {
            State::Passed => {}
            State::NotRun => return Some((format!("run stage {name}"), command)),
            State::Running => return Some((format!("finish stage {name}"), command)),
            State::Failed => {
                let why = format!("stage {name} fails: do not go on before its cause is found");
                let look = format!("parsimony describe {}", stage.stage.run(folder).display());
                return Some((why, look));
            }
        }
    }
    None
}

fn as_text(checked: &[Checked<'_>], next: &Option<(String, String)>) -> String {
    let mut text = String::new();
    for stage in checked {
        // A String takes whatever is written to it.
        let _ = writeln!(
            text,
            "{:<10}{:<11}{}",
            stage.stage.name,
            stage.state.name(),
            stage.stage.title
        );
        for judged in &stage.found {
            let mark = if judged.passed { "ok  " } else { "FAIL" };
            let _ = writeln!(text, "  {mark} {}", judged.words);
        }
    }
    match next {
        Some((why, command)) => {
            let _ = writeln!(text, "\nnext      {why}:\n  {command}");
        }
        None => text += "\nevery stage passed\n",
    }
    text
}

fn as_json(checked: &[Checked<'_>], next: &Option<(String, String)>) -> Value {
    let stages: Vec<Value> = checked
        .iter()
        .map(|stage| {
            let criteria: Vec<Value> = stage
                .found
                .iter()
                .map(|judged| json!({ "passed": judged.passed, "words": judged.words }))
                .collect();
            json!({ "name": stage.stage.name, "state": stage.state.name(), "criteria": criteria })
        })
        .collect();
    json!({ "stages": stages, "next": next.as_ref().map(|(_, command)| command) })
}
