//! Two runs next to each other: keys that differ, and results that differ in trials that both have, by their ids.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use table::TableName;

use crate::describe::columns;
use crate::error::ReportError;
use crate::facts::{Ask, Asked, Axis, Place, Row, all_axes, level, place};
use crate::words::{counted, grouped, number, shortened};

/// Longest value in a table of the terminal.
const CELL_CHARS: usize = 40;

/// What differs between two runs.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub a: Side,
    pub b: Side,
    /// Keys that are not the same in both: what each run does with them.
    pub keys: Vec<KeyDifference>,
    /// Trials that both have.
    pub both: u64,
    /// Of those, trials with a result that differs.
    pub differing: u64,
    /// Columns of results that differ, with how many trials.
    pub results: Vec<ResultDifference>,
    /// Some of the trials that differ.
    pub trials: Vec<TrialDifference>,
}

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    pub dir: PathBuf,
    /// Name of its sweep.
    pub name: String,
    pub trials: u64,
    /// Programs, instruction sets and hosts of its rows.
    pub versions: String,
    pub instruction_sets: String,
    pub hosts: String,
    pub train_seconds: f64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDifference {
    pub key: String,
    /// None where the run leaves the key at its default.
    pub a: Option<String>,
    pub b: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ResultDifference {
    pub column: String,
    pub trials: u64,
    /// Largest difference of two numbers.
    pub largest: Option<f64>,
}

/// A trial of both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialDifference {
    pub a: u64,
    pub b: u64,
    pub id: String,
    pub point: Place,
    /// Columns that differ, with both values.
    pub values: Vec<(String, table::Value, table::Value)>,
}

/// Compares two runs; `shown` bounds the trials that are listed.
///
/// # Errors
/// [`ReportError::OneRun`] where both are one folder; where the tables cannot be read.
pub fn compare(a: &Path, b: &Path, shown: u64) -> Result<Comparison, ReportError> {
    let names = table::run_names(&[a.to_owned(), b.to_owned()]);
    let [(_, first), (_, second)] = names.as_slice() else {
        return Err(ReportError::OneRun { dir: a.to_owned() });
    };
    let runs = [a.to_owned(), b.to_owned()];
    let ask = Ask::new(&runs);
    let asked = [Asked::read(a, first)?, Asked::read(b, second)?];
    let mut sides = Vec::new();
    for asked in &asked {
        sides.push(side(&ask, asked)?);
    }
    let b = sides.pop();
    let a = sides.pop();
    let (Some(a), Some(b)) = (a, b) else {
        return Err(ReportError::OneRun {
            dir: runs[0].clone(),
        });
    };
    let joined = joined(&asked);
    let names = result_columns();
    let (both, differing, results) = results(&ask, &joined, &names)?;
    let axes: Vec<Axis> = all_axes(&asked)
        .into_iter()
        .filter(|axis| axis.name != "run")
        .collect();
    let trials = trials(&ask, &joined, &axes, &results, shown)?;
    Ok(Comparison {
        keys: keys(&asked),
        a,
        b,
        both,
        differing,
        results,
        trials,
    })
}

fn side(ask: &Ask<'_>, asked: &Asked) -> Result<Side, ReportError> {
    let run = quoted(&asked.run);
    let distinct = |column: &str| {
        format!(
            "(SELECT string_agg(v, ', ') FROM (SELECT DISTINCT {column} AS v FROM trials WHERE run = {run} AND {column} IS NOT NULL ORDER BY 1 LIMIT 5)) AS {column}"
        )
    };
    let answer = ask.rows(&format!(
        "SELECT count(*) AS n, sum(train_seconds) AS seconds, {}, {}, {} FROM trials WHERE run = {run}",
        distinct("run_version"),
        distinct("run_isa"),
        distinct("host")
    ))?;
    let row = Row::first(&answer);
    let text = |column| {
        let text = row.and_then(|row| row.text(column));
        text.unwrap_or("-").to_owned()
    };
    Ok(Side {
        dir: asked.dir.clone(),
        name: asked.name.clone(),
        trials: row.map_or(0, |row| row.count("n")),
        versions: text("run_version"),
        instruction_sets: text("run_isa"),
        hosts: text("host"),
        train_seconds: row.and_then(|row| row.number("seconds")).unwrap_or(0.0),
    })
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The rows of both runs with one id.
fn joined(asked: &[Asked; 2]) -> String {
    format!(
        "FROM trials a JOIN trials b ON a.id = b.id WHERE a.run = {} AND b.run = {}",
        quoted(&asked[0].run),
        quoted(&asked[1].run)
    )
}

/// Columns that the parameters decide: neither parameters, nor what depends on the run.
fn result_columns() -> Vec<(String, bool)> {
    let run = table::run_columns();
    let is_parameter = |name: &str| {
        let own = |key: &sweep::Key| key.column == name || key.list_column == Some(name);
        name == "trial" || name == "id" || sweep::keys().iter().any(own)
    };
    let schema = table::schema(TableName::Trials);
    let columns = schema
        .iter()
        .map(|(name, kind)| (name.to_string(), kind.is_float()));
    columns
        .filter(|(name, _)| !run.contains(&name.as_str()) && !is_parameter(name))
        .collect()
}

type Results = (u64, u64, Vec<ResultDifference>);

fn results(
    ask: &Ask<'_>,
    joined: &str,
    columns: &[(String, bool)],
) -> Result<Results, ReportError> {
    let mut asked = vec!["count(*) AS n".to_owned()];
    let mut any = Vec::new();
    for (name, is_float) in columns {
        let differs = format!("a.{name} IS DISTINCT FROM b.{name}");
        asked.push(format!(
            "sum(CASE WHEN {differs} THEN 1 ELSE 0 END) AS n_{name}"
        ));
        if *is_float {
            asked.push(format!("max(abs(a.{name} - b.{name})) AS d_{name}"));
        }
        any.push(differs);
    }
    asked.push(format!(
        "sum(CASE WHEN {} THEN 1 ELSE 0 END) AS differing",
        any.join(" OR ")
    ));
    let answer = ask.rows(&format!("SELECT {} {joined}", asked.join(", ")))?;
    let Some(row) = Row::first(&answer) else {
        return Ok((0, 0, Vec::new()));
    };
    let found = columns.iter().filter_map(|(name, _)| {
        Some(ResultDifference {
            column: name.clone(),
            trials: Some(row.count(&format!("n_{name}"))).filter(|&count| count > 0)?,
            largest: row.number(&format!("d_{name}")),
        })
    });
    Ok((row.count("n"), row.count("differing"), found.collect()))
}

fn trials(
    ask: &Ask<'_>,
    joined: &str,
    axes: &[Axis],
    results: &[ResultDifference],
    shown: u64,
) -> Result<Vec<TrialDifference>, ReportError> {
    if results.is_empty() || shown == 0 {
        return Ok(Vec::new());
    }
    let points = axes
        .iter()
        .flat_map(|axis| &axis.columns)
        .map(|column| format!("a.\"{column}\" AS \"{column}\""));
    let values = results.iter().flat_map(|result| {
        let name = &result.column;
        [
            format!("a.{name} AS a_{name}"),
            format!("b.{name} AS b_{name}"),
        ]
    });
    let asked: Vec<String> = points.chain(values).collect();
    let any: Vec<String> = results
        .iter()
        .map(|result| format!("a.{0} IS DISTINCT FROM b.{0}", result.column))
        .collect();
    let answer = ask.rows(&format!(
        "SELECT a.trial AS trial_a, b.trial AS trial_b, a.id AS id, {} {joined} AND ({}) ORDER BY a.trial LIMIT {shown}",
        asked.join(", "),
        any.join(" OR ")
    ))?;
    let of_row = |row: Row<'_>| {
        let values = results.iter().filter_map(|result| {
            let name = &result.column;
            let a = row.value(&format!("a_{name}"))?;
            let b = row.value(&format!("b_{name}"))?;
            (a != b).then(|| (name.clone(), a.clone(), b.clone()))
        });
        TrialDifference {
            a: row.count("trial_a"),
            b: row.count("trial_b"),
            id: row.text("id").unwrap_or_default().to_owned(),
            point: place(&row, axes),
            values: values.collect(),
        }
    };
    Ok(Row::all(&answer).map(of_row).collect())
}

fn keys(asked: &[Asked; 2]) -> Vec<KeyDifference> {
    let [a, b] = [&asked[0], &asked[1]].map(|asked| {
        let axes = asked.axes.iter();
        let swept = axes.map(|axis| (axis.name.clone(), axis.values.clone()));
        let fixed = asked.fixed.iter().cloned();
        let filter = asked
            .filter
            .iter()
            .map(|text| ("filter.where".to_owned(), text.clone()));
        fixed.chain(swept).chain(filter).collect::<BTreeMap<_, _>>()
    });
    let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| a.get(*name) != b.get(*name))
        .map(|name| KeyDifference {
            key: name.clone(),
            a: a.get(name).cloned(),
            b: b.get(name).cloned(),
        })
        .collect()
}

impl Comparison {
    /// For a terminal.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        self.sides_text(&mut text);
        if self.keys.is_empty() {
            text += "\nall keys are the same\n";
        } else {
            let word = |value: &Option<String>| match value {
                Some(value) => cell(value),
                None => "(default)".to_owned(),
            };
            let rows: Vec<Vec<String>> = self
                .keys
                .iter()
                .map(|key| vec![key.key.clone(), word(&key.a), word(&key.b)])
                .collect();
            text.push('\n');
            text += &columns(&["KEY", "A", "B"], &rows);
        }
        // A String takes whatever is written to it.
        let _ = writeln!(
            text,
            "\n{} in both, {} in A alone, {} in B alone",
            counted(self.both, "trial"),
            grouped(self.a.trials.saturating_sub(self.both)),
            grouped(self.b.trials.saturating_sub(self.both))
        );
        if self.both > 0 {
            self.results_text(&mut text);
        }
        text
    }

    fn sides_text(&self, text: &mut String) {
        let rows: Vec<Vec<String>> = [("A", &self.a), ("B", &self.b)]
            .into_iter()
            .map(|(letter, side)| {
                vec![
                    letter.to_owned(),
                    side.dir.display().to_string(),
                    cell(&side.name),
                    grouped(side.trials),
                    crate::words::duration(side.train_seconds),
                    cell(&side.versions),
                    cell(&side.instruction_sets),
                    cell(&side.hosts),
                ]
            })
            .collect();
        let header = [
            "", "FOLDER", "SWEEP", "TRIALS", "TRAINING", "VERSION", "ISA", "HOST",
        ];
        text.push_str(&columns(&header, &rows));
    }

    fn results_text(&self, text: &mut String) {
        if self.differing == 0 {
            text.push_str("their results are the same, to the last bit\n");
            return;
        }
        let rows: Vec<Vec<String>> = self
            .results
            .iter()
            .map(|result| {
                vec![
                    result.column.clone(),
                    grouped(result.trials),
                    result.largest.map_or("-".to_owned(), number),
                ]
            })
            .collect();
        text.push('\n');
        text.push_str(&columns(
            &["RESULT", "TRIALS THAT DIFFER", "LARGEST DIFFERENCE"],
            &rows,
        ));
        let rows: Vec<Vec<String>> = self
            .trials
            .iter()
            .flat_map(|trial| {
                let point = crate::sentences::place(&trial.point);
                trial.values.iter().map(move |(column, a, b)| {
                    vec![
                        trial.a.to_string(),
                        trial.b.to_string(),
                        cell(&point),
                        column.clone(),
                        cell(&level(a)),
                        cell(&level(b)),
                    ]
                })
            })
            .collect();
        if !rows.is_empty() {
            text.push('\n');
            let header = ["TRIAL OF A", "OF B", "POINT", "RESULT", "A", "B"];
            text.push_str(&columns(&header, &rows));
        }
        let shown = self.trials.len() as u64;
        if shown < self.differing {
            let _ = writeln!(
                text,
                "({} of {} that differ are shown; --limit shows more)",
                grouped(shown),
                counted(self.differing, "trial")
            );
        }
    }

    pub fn to_json(&self) -> Value {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .map(|key| json!({ "key": key.key, "a": key.a, "b": key.b }))
            .collect();
        let results: Vec<Value> = self
            .results
            .iter()
            .map(|result| {
                json!({
                    "column": result.column, "trials": result.trials, "largest": result.largest,
                })
            })
            .collect();
        let trials: Vec<Value> = self.trials.iter().map(trial_json).collect();
        json!({
            "a": side_json(&self.a), "b": side_json(&self.b), "keys": keys,
            "both": self.both, "only_a": self.a.trials.saturating_sub(self.both),
            "only_b": self.b.trials.saturating_sub(self.both),
            "differing": self.differing, "results": results, "trials": trials,
        })
    }
}

fn side_json(side: &Side) -> Value {
    json!({
        "folder": side.dir.display().to_string(), "name": side.name, "trials": side.trials,
        "train_seconds": side.train_seconds, "versions": side.versions,
        "instruction_sets": side.instruction_sets, "hosts": side.hosts,
    })
}

fn trial_json(trial: &TrialDifference) -> Value {
    let point: serde_json::Map<String, Value> = trial
        .point
        .iter()
        .map(|(axis, value)| (axis.clone(), json!(value)))
        .collect();
    let values: serde_json::Map<String, Value> = trial
        .values
        .iter()
        .map(|(column, a, b)| (column.clone(), json!([value_json(a), value_json(b)])))
        .collect();
    json!({ "a": trial.a, "b": trial.b, "id": trial.id, "point": point, "values": values })
}

fn value_json(value: &table::Value) -> Value {
    match value {
        table::Value::Null | table::Value::Bytes(_) => Value::Null,
        table::Value::Integer(n) => json!(n),
        table::Value::Real(x) => json!(x),
        table::Value::Boolean(truth) => json!(truth),
        table::Value::Text(text) => json!(text),
    }
}

fn cell(text: &str) -> String {
    let text = text.replace(|letter: char| letter.is_control(), " ");
    shortened(&text, CELL_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_runs::{Made, make};

    const SWEEP: &str =
        "name = \"s\"\n[axes]\n\"network.depth\" = [2, 3, 4]\n[problem]\ndim = 4\nrank = 1\n";

    #[test]
    fn equal_runs_have_no_difference() {
        let home = tempfile::tempdir().unwrap();
        let each = |_, _: &sweep::Point| Some(Made::completed(0.5));
        let (a, b) = (make(&home, "a", SWEEP, each), make(&home, "b", SWEEP, each));
        let found = compare(&a, &b, 20).unwrap();
        assert!(found.keys.is_empty() && found.results.is_empty() && found.trials.is_empty());
        assert_eq!((found.both, found.differing), (3, 0));
        assert!(found.to_text().contains("the same, to the last bit"));
        assert!(matches!(
            compare(&a, &a, 20),
            Err(ReportError::OneRun { .. })
        ));
    }

    #[test]
    fn keys_and_results_that_differ_are_named() {
        let home = tempfile::tempdir().unwrap();
        let a = make(&home, "a", SWEEP, |_, _| Some(Made::completed(0.5)));
        let grown = SWEEP.replace("[2, 3, 4]", "[3, 4, 5, 6]");
        let b = make(&home, "b", &grown, |trial, _| match trial {
            0 => Some(Made::completed(0.75)),
            1 => Some(Made::diverged()),
            _ => Some(Made::completed(0.5)),
        });
        let found = compare(&a, &b, 1).unwrap();
        assert_eq!(found.keys.len(), 1);
        assert_eq!(found.keys[0].key, "network.depth");
        assert_eq!((found.both, found.differing), (2, 2));
        let loss = found
            .results
            .iter()
            .find(|result| result.column == "train_loss")
            .unwrap();
        assert_eq!((loss.trials, loss.largest), (2, Some(1e222 - 0.5)));
        let status = found
            .results
            .iter()
            .find(|result| result.column == "status")
            .unwrap();
        assert_eq!((status.trials, status.largest), (1, None));
        // The first trial that differs is number 1 there and 0 here.
        assert_eq!(found.trials.len(), 1);
        assert_eq!((found.trials[0].a, found.trials[0].b), (1, 0));
        assert_eq!(
            found.trials[0].point,
            [("network.depth".to_owned(), "3".to_owned())]
        );
        let text = found.to_text();
        assert!(
            text.contains("2 trials in both, 1 in A alone, 2 in B alone"),
            "{text}"
        );
        assert!(
            text.contains("(1 of 2 trials that differ are shown"),
            "{text}"
        );
        let value = found.to_json();
        assert_eq!(value["only_b"], 2);
        assert_eq!(
            value["trials"][0]["values"]["train_loss"],
            json!([0.5, 0.75])
        );
    }
}
