//! What each stage of a plan must reach: a file of the plan's folder, written by `diagnose` and read by `plan-check`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::CliError;

/// Name of the file.
pub(crate) const FILE: &str = "criteria.json";

/// Format of the file; another one is refused.
const VERSION: u64 = 1;

/// Largest file that is read: a plan has four stages of a few criteria.
const MOST_BYTES: u64 = 1 << 20;

/// A column of `trials` that stages are judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    TestAccuracy,
    TestLoss,
}

impl Column {
    const ALL: [Column; 2] = [Column::TestAccuracy, Column::TestLoss];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Column::TestAccuracy => "test_accuracy",
            Column::TestLoss => "test_loss",
        }
    }

    /// Whether `value` is as good as `bound` or better.
    pub(crate) fn reaches(self, value: f64, bound: f64) -> bool {
        match self {
            Column::TestAccuracy => value >= bound,
            Column::TestLoss => value <= bound,
        }
    }
}

/// A condition on a stage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Criterion {
    /// No trial failed, and at least one completed.
    NoFailures,
    /// The best setting, a mean over its replicates, reaches a value.
    Best { bound: f64, why: String },
    /// Trials were compared on both engines and agree.
    Verified,
    /// This stage is not further above an earlier one than that.
    Near {
        stage: String,
        bound: f64,
        why: String,
    },
    /// The standard deviation over the replicates of the best setting is at most that.
    Spread { bound: f64 },
}

/// A stage: its sweep file, and what must hold of its run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stage {
    /// Name of the sweep file without `.toml`, and of its run folder.
    pub(crate) name: String,
    pub(crate) title: String,
    /// Trials of the sweep.
    pub(crate) trials: u64,
    pub(crate) criteria: Vec<Criterion>,
}

/// A plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Criteria {
    pub(crate) column: Column,
    pub(crate) stages: Vec<Stage>,
}

impl Stage {
    /// Where its run is expected.
    pub(crate) fn run(&self, folder: &Path) -> PathBuf {
        folder.join("runs").join(&self.name)
    }

    /// The command that runs it.
    pub(crate) fn command(&self, folder: &Path) -> String {
        let file = folder.join(format!("{}.toml", self.name));
        let words = |path: &Path| super::words::quoted(&path.display().to_string());
        format!(
            "parsimony run {} --out {}",
            words(&file),
            words(&self.run(folder))
        )
    }
}

impl Criteria {
    pub(crate) fn to_json(&self) -> Value {
        let criterion = |criterion: &Criterion| match criterion {
            Criterion::NoFailures => json!({ "kind": "no_failures" }),
            Criterion::Best { bound, why } => json!({ "kind": "best", "bound": bound, "why": why }),
            Criterion::Verified => json!({ "kind": "verified" }),
            Criterion::Near { stage, bound, why } => {
                json!({ "kind": "near", "stage": stage, "bound": bound, "why": why })
            }
            Criterion::Spread { bound } => json!({ "kind": "spread", "bound": bound }),
        };
        let stage = |stage: &Stage| {
            let criteria: Vec<Value> = stage.criteria.iter().map(criterion).collect();
            json!({ "name": stage.name, "title": stage.title, "trials": stage.trials, "criteria": criteria })
        };
        let stages: Vec<Value> = self.stages.iter().map(stage).collect();
        json!({ "version": VERSION, "column": self.column.name(), "stages": stages })
    }

    /// Reads the file of a plan's folder.
    ///
    /// # Errors
    /// [`CliError::Request`] where there is none or it is damaged, with what is wrong.
    pub(crate) fn read(folder: &Path) -> Result<Criteria, CliError> {
        let path = folder.join(FILE);
        let wrong = |why: String| CliError::Request(format!("{}: {why}", path.display()));
        let length = std::fs::metadata(&path).map_err(|error| {
            wrong(format!(
                "{error}; is this a folder that `parsimony diagnose ... --write DIR` wrote?"
            ))
        })?;
        if length.len() > MOST_BYTES {
            return Err(wrong(format!("larger than {MOST_BYTES} bytes")));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        Criteria::of_json(&value).map_err(wrong)
    }

    fn of_json(value: &Value) -> Result<Criteria, String> {
        let version = value["version"].as_u64();
        if version != Some(VERSION) {
            let found = &value["version"];
            return Err(format!(
                "`version` is {found}, this program reads {VERSION}"
            ));
        }
        let column = text(value, "column")?;
        let known = Column::ALL.into_iter().find(|known| known.name() == column);
        let column =
            known.ok_or_else(|| format!("`column` is `{column}`, which no plan is judged by"))?;
        let stages = list(value, "stages")?;
        let stages: Result<Vec<Stage>, String> = stages.iter().map(stage_of).collect();
        let stages = stages?;
        if stages.is_empty() {
            return Err("no stage is named".to_owned());
        }
        Ok(Criteria { column, stages })
    }
}

fn stage_of(value: &Value) -> Result<Stage, String> {
    let name = text(value, "name")?;
    // It becomes a path below the folder.
    if !sweep::is_usable_name(&name) {
        return Err(format!("`name` is `{name}`, which no stage can have"));
    }
    let criteria: Result<Vec<Criterion>, String> =
        list(value, "criteria")?.iter().map(criterion_of).collect();
    Ok(Stage {
        title: text(value, "title")?,
        trials: value["trials"].as_u64().ok_or("`trials` is no count")?,
        criteria: criteria?,
        name,
    })
}

fn criterion_of(value: &Value) -> Result<Criterion, String> {
    let bound = || number(value, "bound");
    let kind = text(value, "kind")?;
    Ok(match kind.as_str() {
        "no_failures" => Criterion::NoFailures,
        "best" => Criterion::Best {
            bound: bound()?,
            why: text(value, "why")?,
        },
        "verified" => Criterion::Verified,
        "near" => Criterion::Near {
            stage: text(value, "stage")?,
            bound: bound()?,
            why: text(value, "why")?,
        },
        "spread" => Criterion::Spread { bound: bound()? },
        _ => return Err(format!("`kind` is `{kind}`, which is no criterion")),
    })
}

fn text(value: &Value, key: &str) -> Result<String, String> {
    let found = value[key].as_str().map(str::to_owned);
    found.ok_or_else(|| format!("`{key}` is missing or no text"))
}

fn number(value: &Value, key: &str) -> Result<f64, String> {
    let found = value[key].as_f64().filter(|found| found.is_finite());
    found.ok_or_else(|| format!("`{key}` is missing or no number"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    let found = value[key].as_array();
    found.ok_or_else(|| format!("`{key}` is missing or no list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Criteria {
        Criteria {
            column: Column::TestLoss,
            stages: vec![Stage {
                name: "1-check".to_owned(),
                title: "check".to_owned(),
                trials: 2,
                criteria: vec![
                    Criterion::NoFailures,
                    Criterion::Best {
                        bound: 0.5,
                        why: "why".to_owned(),
                    },
                    Criterion::Verified,
                    Criterion::Near {
                        stage: "0".to_owned(),
                        bound: 0.1,
                        why: "why".to_owned(),
                    },
                    Criterion::Spread { bound: 0.2 },
                ],
            }],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let plan = plan();
        assert_eq!(Criteria::of_json(&plan.to_json()), Ok(plan));
    }

    #[test]
    fn damaged_files_are_refused_with_what_is_wrong() {
        let check = |key: &str, value: Value, part: &str| {
            let mut json = plan().to_json();
            *json.pointer_mut(key).unwrap() = value;
            let error = Criteria::of_json(&json).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check("/version", json!(2), "version");
        check("/column", json!("seconds"), "seconds");
        check("/stages", json!([]), "no stage");
        check("/stages/0/name", json!("../up"), "../up");
        check("/stages/0/trials", json!(-1), "trials");
        check("/stages/0/criteria/0/kind", json!("luck"), "luck");
        check("/stages/0/criteria/1/bound", json!(null), "bound");
    }
}
