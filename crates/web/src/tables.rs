//! What the page shows of a run folder's tables: trials page by page, the curves of recent trials, one trial. Every
//! question is bounded in rows and in time.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};
use sweep::{Folder, IntervalSet};
use table::Answer;

use crate::source::{Refusal, Standing};

/// Rows of one page of trials.
pub(crate) const ROWS: usize = 50;

/// Recent trials whose curves are drawn: more look the same.
const CURVES: usize = 8;

/// Newest parts of `history` that are read for them: one is written every few seconds, and the trials that were
/// reported last may not be in one yet.
const NEWEST_PARTS: usize = 3;

/// Sweeps of so few trials are read whole for them.
const FEW: u64 = 20_000;

/// Numbers looked at for the last trials: a filter leaves numbers out.
const LOOKED_AT: usize = 10_000;

/// Points of a curve: a screen has no more columns.
const POINTS: usize = 400;

/// Singular values drawn of a layer.
const SPECTRUM: usize = 12;

/// A question about 10^6 trials takes a second on one core; a disk may be busy.
const LONGEST: Duration = Duration::from_secs(20);

/// Axes shown in the table of trials; the trial's own page has every parameter.
const AXES: usize = 8;

/// Columns of the table of trials after those of the axes.
const COLUMNS: [&str; 7] = [
    "status",
    "train_loss",
    "test_loss",
    "steps",
    "train_seconds",
    "worker",
    "error",
];

/// Scalars drawn of a trial.
const SCALARS: [&str; 9] = [
    "train_loss",
    "test_loss",
    "accuracy",
    "test_accuracy",
    "effective_rank",
    "stable_rank",
    "nuclear_norm",
    "sharpness",
    "alignment",
];

/// Characters of a parameter's text: a list of widths may be long.
const LONGEST_VALUE: usize = 200;

/// Which trials a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    Completed,
    Diverged,
    Failed,
}

impl Which {
    const ALL: [Which; 4] = [Which::All, Which::Completed, Which::Diverged, Which::Failed];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Which::All => "all",
            Which::Completed => "completed",
            Which::Diverged => "diverged",
            Which::Failed => "failed",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Which> {
        Which::ALL.into_iter().find(|which| which.name() == name)
    }
}

/// One page of trials, from a number on.
///
/// # Errors
/// [`Refusal`] where the tables cannot be read.
pub(crate) async fn trials(standing: &Standing, which: Which, from: u64) -> Result<Value, Refusal> {
    let axes = &standing.folder.newest().spec().axes;
    let keys = axes.iter().flat_map(|axis| axis.keys.iter()).take(AXES);
    let mut columns = vec!["trial"];
    columns.extend(keys.map(|key| key.column));
    columns.extend(COLUMNS);
    let wanted = match which {
        // The rows of these numbers are the page: no other is looked at.
        Which::All => span(&standing.closed, &standing.folder, from),
        Which::Failed => span(&standing.failed, &standing.folder, from),
        Which::Completed | Which::Diverged => Some(from..=i64::MAX.cast_unsigned()),
    };
    let answer = match wanted {
        None => Answer::default(),
        Some(span) => {
            let of_status = match which {
                Which::All => String::new(),
                Which::Completed | Which::Diverged | Which::Failed => {
                    format!(" AND status = '{}'", which.name())
                }
            };
            let sql = format!(
                "SELECT {} FROM trials WHERE trial BETWEEN {} AND {}{of_status} ORDER BY trial LIMIT {}",
                list(&columns),
                span.start(),
                span.end(),
                ROWS + 1
            );
            ask(&standing.dir, sql, None).await?
        }
    };
    let more = answer.rows.len() > ROWS;
    let rows: Vec<Value> = answer
        .rows
        .iter()
        .take(ROWS)
        .map(|row| row.iter().map(value).collect())
        .collect();
    let next = answer.rows.get(ROWS).and_then(|row| row.first()?.number());
    Ok(json!({
        "columns": columns,
        "axes": columns.len() - 1 - COLUMNS.len(),
        "rows": rows,
        "next": if more { next } else { None },
        "from": from,
    }))
}

/// The first and the last of a page's numbers: kept ones of a set, from a number on, one more than fit.
fn span(numbers: &IntervalSet, folder: &Folder, from: u64) -> Option<RangeInclusive<u64>> {
    let mut left = ROWS as u64 + 1;
    let mut found: Option<RangeInclusive<u64>> = None;
    for run in numbers.runs_within(from..folder.end()) {
        let mut at = run.start;
        while left > 0
            && let Some(kept) = folder.kept_run(at, run.end, left)
        {
            left -= (kept.end - kept.start).min(left);
            at = kept.end;
            let first = found.as_ref().map_or(kept.start, |found| *found.start());
            found = Some(first..=kept.end - 1);
        }
        if left == 0 {
            break;
        }
    }
    found
}

/// Curves of the trials that were reported last and are durable.
///
/// # Errors
/// [`Refusal`] where the tables cannot be read.
pub(crate) async fn curves(standing: &Standing) -> Result<Value, Refusal> {
    let mut recent = recent(standing);
    if recent.is_empty() {
        return Ok(json!({ "trials": [] }));
    }
    let numbers: Vec<String> = recent.iter().map(u64::to_string).collect();
    let of_trials = |numbers: &str| {
        format!("SELECT trial, step, train_loss, test_loss FROM history WHERE trial IN ({numbers})")
    };
    let newest = (standing.closed.len() > FEW).then_some(NEWEST_PARTS);
    let mut answer = ask(&standing.dir, of_trials(&numbers.join(", ")), newest).await?;
    if answer.rows.is_empty() {
        // A quick sweep reports faster than it writes: the trials of its newest part are as good.
        let last = format!("SELECT trial FROM trials ORDER BY started_at DESC LIMIT {CURVES}");
        answer = ask(&standing.dir, of_trials(&last), Some(1)).await?;
        recent = trials_of(&answer);
    }
    let axes = &standing.folder.newest().spec().axes;
    let mut shown = Vec::new();
    for trial in recent {
        if shown.len() == CURVES {
            break;
        }
        let number = trial as f64;
        let mut rows: Vec<_> = answer
            .rows
            .iter()
            .filter(|row| row[0].number() == Some(number))
            .collect();
        if rows.is_empty() {
            continue;
        }
        rows.sort_by(|a, b| {
            a[1].number()
                .partial_cmp(&b[1].number())
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        let rows = thinned(&rows);
        let column = |k: usize| -> Vec<Value> { rows.iter().map(|row| value(&row[k])).collect() };
        let point = standing.folder.point(trial).ok();
        let keys = axes.iter().flat_map(|axis| axis.keys.iter()).take(AXES);
        let label = keys.filter_map(|key| {
            let value = point.as_ref()?.get(key.name)?;
            Some(format!("{} {value}", key.name))
        });
        shown.push(json!({
            "trial": trial,
            "label": sweep::shortened(&label.collect::<Vec<_>>().join(", "), 200),
            "step": column(1),
            "train_loss": column(2),
            "test_loss": column(3),
        }));
    }
    Ok(json!({ "trials": shown }))
}

/// Trials reported last; after a restart of the coordinator, those with the highest numbers.
fn recent(standing: &Standing) -> Vec<u64> {
    if !standing.recent.is_empty() {
        return standing.recent.clone();
    }
    let last = standing.closed.runs().rev().flat_map(Iterator::rev);
    let kept = last
        .take(LOOKED_AT)
        .filter(|&trial| standing.folder.kept(trial));
    kept.take(CURVES).collect()
}

/// The trials in the first column of an answer, the highest number first.
fn trials_of(answer: &Answer) -> Vec<u64> {
    let numbers = answer.rows.iter().filter_map(|row| row.first()?.number());
    // Whole numbers from 0 to 2^63.
    let trials: BTreeSet<u64> = numbers.map(|number| number as u64).collect();
    trials.into_iter().rev().collect()
}

/// One trial: where it stands, its parameters, its row, its curves, the spectra of one layer.
///
/// # Errors
/// [`Refusal::NotFound`] where the sweep has no such trial; others where the tables cannot be read.
pub(crate) async fn trial(standing: &Standing, trial: u64, layer: u64) -> Result<Value, Refusal> {
    let folder = &standing.folder;
    if !folder.kept(trial) {
        return Err(Refusal::NotFound(format!("the sweep has no trial {trial}")));
    }
    let dir = &standing.dir;
    let own = ask(
        dir,
        format!("SELECT * FROM trials WHERE trial = {trial}"),
        None,
    )
    .await?;
    let mut row = Map::new();
    for values in own.rows.first().into_iter() {
        for (column, found) in own.columns.iter().zip(values) {
            row.insert(column.name.clone(), value(found));
        }
    }
    let sql = format!(
        "SELECT step, {} FROM history WHERE trial = {trial} ORDER BY step",
        list(&SCALARS)
    );
    let history = match row.is_empty() {
        true => Answer::default(),
        false => ask(dir, sql, None).await?,
    };
    let sql = format!(
        "SELECT DISTINCT layer FROM spectra WHERE trial = {trial} ORDER BY layer LIMIT 200"
    );
    let layers = match row.is_empty() {
        true => Answer::default(),
        false => ask(dir, sql, None).await?,
    };
    let sql = format!(
        "SELECT step, \"index\", value FROM spectra WHERE trial = {trial} AND layer = {layer} \
         AND \"index\" <= {SPECTRUM} ORDER BY step, \"index\""
    );
    let spectrum = match layers.rows.is_empty() {
        true => Answer::default(),
        false => ask(dir, sql, None).await?,
    };
    let attempts = attempts(dir, trial).await?;
    let state = match (row.get("status"), standing.running.contains(trial)) {
        (Some(status), _) => status.clone(),
        (None, true) => json!("running"),
        (None, false) if standing.closed.contains(trial) => json!("being written"),
        (None, false) => json!("pending"),
    };
    Ok(json!({
        "trial": trial,
        "state": state,
        "parameters": parameters(folder, trial),
        "row": row,
        "attempts": attempts,
        "history": scalars(&history),
        "layers": layers.rows.iter().filter_map(|row| row[0].number()).collect::<Vec<_>>(),
        "layer": layer,
        "spectrum": spectra(&spectrum),
    }))
}

/// Earlier attempts of a trial, as far as the journal keeps them.
async fn attempts(dir: &Path, trial: u64) -> Result<Vec<Value>, Refusal> {
    let dir = dir.to_owned();
    let kept = tokio::task::spawn_blocking(move || table::attempts(&dir, trial)).await;
    let kept = kept.map_err(|error| Refusal::Failed(error.to_string()))?;
    let kept = kept.map_err(|error| Refusal::Failed(error.to_string()))?;
    let shown = kept.into_iter().map(|attempt| {
        let worker = attempt
            .worker
            .as_deref()
            .map(|name| sweep::shortened(name, LONGEST_VALUE));
        json!({
            "worker": worker,
            "ended_at_ms": attempt.ended_at_us / 1000,
            "outcome": sweep::shortened(&attempt.outcome, LONGEST_VALUE),
        })
    });
    Ok(shown.collect())
}

/// Parameters of a trial: those that are swept in the order of their axes, then those that are fixed; what does not apply
/// is left out.
fn parameters(folder: &Folder, trial: u64) -> Vec<Value> {
    let Ok(point) = folder.point(trial) else {
        return Vec::new();
    };
    let axes = &folder.newest().spec().axes;
    let swept: Vec<&str> = axes
        .iter()
        .flat_map(|axis| axis.keys.iter().map(|key| key.name))
        .collect();
    let fixed = sweep::keys().iter().map(|key| key.name);
    let fixed = fixed.filter(|name| !swept.contains(name));
    let shown = swept.iter().copied().chain(fixed).filter_map(|name| {
        let value = point.get(name)?;
        let text = sweep::shortened(&value.to_string(), LONGEST_VALUE);
        Some(json!({ "name": name, "value": text, "swept": swept.contains(&name) }))
    });
    shown.collect()
}

/// Steps, and each scalar that has a value.
fn scalars(history: &Answer) -> Value {
    let rows: Vec<_> = history.rows.iter().collect();
    let rows = thinned(&rows);
    let mut columns = Map::new();
    for (place, column) in history.columns.iter().enumerate() {
        let values: Vec<Value> = rows.iter().map(|row| value(&row[place])).collect();
        if place == 0 || values.iter().any(|value| !value.is_null()) {
            columns.insert(column.name.clone(), values.into());
        }
    }
    columns.into()
}

/// Steps, and the singular values of each index at each; null where there is none.
fn spectra(spectrum: &Answer) -> Value {
    let mut steps: Vec<f64> = Vec::new();
    for step in spectrum.rows.iter().filter_map(|row| row[0].number()) {
        if steps.last() != Some(&step) {
            steps.push(step);
        }
    }
    let every = steps.len().div_ceil(POINTS).max(1);
    let last = steps.len().saturating_sub(1);
    let kept: Vec<f64> = steps
        .iter()
        .enumerate()
        .filter(|(at, _)| at % every == 0 || *at == last)
        .map(|(_, step)| *step)
        .collect();
    let mut values: Vec<Vec<Value>> = Vec::new();
    for row in &spectrum.rows {
        let (Some(step), Some(index)) = (row[0].number(), row[1].number()) else {
            continue;
        };
        let Ok(at) = kept.binary_search_by(|kept| kept.total_cmp(&step)) else {
            continue;
        };
        // 1 to `SPECTRUM`.
        let index = (index as usize).clamp(1, SPECTRUM) - 1;
        if values.len() <= index {
            values.resize(index + 1, vec![Value::Null; kept.len()]);
        }
        values[index][at] = value(&row[2]);
    }
    json!({ "step": kept, "values": values })
}

/// At most [`POINTS`] rows and the last one, evenly.
fn thinned<T: Copy>(rows: &[T]) -> Vec<T> {
    let every = rows.len().div_ceil(POINTS).max(1);
    let last = rows.len().saturating_sub(1);
    let kept = rows.iter().enumerate();
    let kept = kept.filter(|(at, _)| at % every == 0 || *at == last);
    kept.map(|(_, row)| *row).collect()
}

/// Columns of a statement; `index` and others are words of SQL.
fn list(columns: &[&str]) -> String {
    let quoted: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(", ")
}

fn value(value: &table::Value) -> Value {
    match value {
        table::Value::Null | table::Value::Bytes(_) => Value::Null,
        table::Value::Integer(n) => json!(n),
        table::Value::Real(x) => json!(x),
        table::Value::Boolean(truth) => json!(truth),
        table::Value::Text(text) => json!(sweep::shortened(text, 2000)),
    }
}

/// Asks the tables of a run folder, or their newest parts, on a thread that may wait.
async fn ask(dir: &Path, sql: String, newest: Option<usize>) -> Result<Answer, Refusal> {
    let stop = Arc::new(AtomicBool::new(false));
    let (dirs, stopped) = ([PathBuf::from(dir)], Arc::clone(&stop));
    let asked = tokio::task::spawn_blocking(move || {
        let mut answer = Answer::default();
        match newest {
            None => table::query_into(&dirs, &sql, &stopped, &mut answer),
            Some(parts) => table::query_newest(&dirs, &sql, parts, &stopped, &mut answer),
        }
        .map(|()| answer)
    });
    let found = tokio::select! {
        found = asked => found,
        () = tokio::time::sleep(LONGEST) => {
            stop.store(true, Ordering::Relaxed);
            return Err(Refusal::Failed("the tables took too long to read".to_owned()));
        }
    };
    match found {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Refusal::Failed(error.to_string())),
        Err(error) => Err(Refusal::Failed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_thinned_and_keep_their_end() {
        let rows: Vec<usize> = (0..10_001).collect();
        let kept = thinned(&rows);
        assert!(kept.len() <= POINTS + 1, "{}", kept.len());
        assert_eq!((kept[0], kept.last()), (0, Some(&10_000)));
        assert_eq!(thinned(&[1, 2, 3]), [1, 2, 3]);
        assert!(thinned::<u8>(&[]).is_empty());
    }

    #[test]
    fn spectra_are_columns_by_index() {
        let row = |step: i64, index: i64, value: f64| {
            vec![
                table::Value::Integer(step),
                table::Value::Integer(index),
                table::Value::Real(value),
            ]
        };
        let answer = Answer {
            columns: Vec::new(),
            rows: vec![row(0, 1, 2.0), row(0, 2, 1.0), row(5, 1, 3.0)],
        };
        let expected = json!({ "step": [0.0, 5.0], "values": [[2.0, 3.0], [1.0, null]] });
        assert_eq!(spectra(&answer), expected);
    }

    #[test]
    fn every_status_has_its_name() {
        for which in Which::ALL {
            assert_eq!(Which::of_name(which.name()), Some(which));
        }
        assert_eq!(Which::of_name("x' OR 1"), None);
    }
}
