//! What comparing trials on both engines found: the columns `run_verify*` of `trials`, written and read back.

use polars::prelude::{AnyValue, DataFrame};

use crate::error::{RowFault, TableError};
use crate::frames;

/// Largest differences between both engines' outcomes of a trial, where `[train] verify` compares them.
pub(crate) const DIFFERENCES: [&str; 6] = [
    "run_verify_loss",
    "run_verify_test_loss",
    "run_verify_accuracy",
    "run_verify_singular_values",
    "run_verify_angles",
    "run_verify_separation",
];

/// What they are, in a line each.
pub(crate) const DIFFERENCE_WORDS: [&str; DIFFERENCES.len()] = [
    "largest relative difference of the train losses on both engines",
    "the same of the test losses",
    "largest difference of the accuracies",
    "largest difference of singular values, relative to the largest",
    "largest difference of angles",
    "largest relative difference of separations",
];

pub(crate) const DIFFERENCE_UNITS: [&str; DIFFERENCES.len()] = ["", "", "", "", "rad", ""];

/// How far a trial's outcomes on both engines are apart.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparisonRow {
    pub verdict: Verdict,
    /// In the order of the columns `run_verify_*`; none where there is nothing to compare.
    pub differences: [Option<f64>; 6],
    /// Of the steps alone.
    pub full_seconds: Option<f64>,
    pub reduced_seconds: Option<f64>,
}

impl ComparisonRow {
    /// A verdict where there are no differences to report.
    pub fn without(verdict: Verdict) -> ComparisonRow {
        ComparisonRow {
            verdict,
            differences: [None; 6],
            full_seconds: None,
            reduced_seconds: None,
        }
    }
}

/// The column `run_verify`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As near as the law promises.
    Within,
    /// As near as the law promises up to this step; from there on the run amplifies rounding, and nothing is judged.
    WithinUntil(u64),
    /// Not as near; words where there are no differences to report.
    Beyond(Option<String>),
    /// Why not.
    NotCompared(String),
}

const WITHIN: &str = "within";
const UNTIL: &str = "within until step ";
const BEYOND: &str = "beyond";
const NOT_COMPARED: &str = "not compared";

impl Verdict {
    /// As it stands in the table.
    pub fn text(&self) -> String {
        match self {
            Verdict::Within => WITHIN.to_owned(),
            Verdict::WithinUntil(step) => format!("{UNTIL}{step}"),
            Verdict::Beyond(None) => BEYOND.to_owned(),
            Verdict::Beyond(Some(why)) => format!("{BEYOND}: {why}"),
            Verdict::NotCompared(why) => format!("{NOT_COMPARED}: {why}"),
        }
    }

    /// The last step that is judged, where that is not the last of the run.
    pub fn until(&self) -> Option<u64> {
        match self {
            Verdict::WithinUntil(step) => Some(*step),
            Verdict::Within | Verdict::Beyond(_) | Verdict::NotCompared(_) => None,
        }
    }

    /// Reads [`Verdict::text`] back; `None` for any other text.
    pub fn of(text: &str) -> Option<Verdict> {
        if let Some(step) = text.strip_prefix(UNTIL) {
            let verdict = step.parse().ok().map(Verdict::WithinUntil);
            return verdict.filter(|verdict| verdict.text() == text);
        }
        let (verdict, why) = match text.split_once(": ") {
            Some((verdict, why)) => (verdict, Some(why.to_owned())),
            None => (text, None),
        };
        match (verdict, why) {
            (WITHIN, None) => Some(Verdict::Within),
            (BEYOND, why) => Some(Verdict::Beyond(why)),
            (NOT_COMPARED, Some(why)) => Some(Verdict::NotCompared(why)),
            _ => None,
        }
    }
}

/// A comparison as it was read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    pub trial: u64,
    pub id: String,
    pub row: ComparisonRow,
}

impl Comparison {
    /// Names of the differences, in the order of [`ComparisonRow::differences`], without `run_verify_`.
    pub fn names() -> [&'static str; 6] {
        DIFFERENCES.map(|name| name.strip_prefix("run_verify_").unwrap_or(name))
    }
}

/// Columns of `trials` that [`read`] looks at.
pub(crate) fn columns() -> Vec<&'static str> {
    let mut columns = vec!["trial", "id", "run_verify"];
    columns.extend(DIFFERENCES);
    columns.extend(["verify_full_seconds", "verify_reduced_seconds"]);
    columns
}

/// The comparisons in a frame of `trials`.
///
/// # Errors
/// Where a column is missing or a verdict is none.
pub(crate) fn read(frame: &DataFrame) -> Result<Vec<Comparison>, TableError> {
    let verdicts = frames::texts(frame, "run_verify")?;
    if matches!(verdicts, frames::Texts::One(None, _)) {
        return Ok(Vec::new());
    }
    let ids = frames::texts(frame, "id")?;
    let mut found = Vec::new();
    for row in 0..frame.height() {
        let Some(text) = verdicts.get(row) else {
            continue;
        };
        let number = |name: &str| -> Result<Option<f64>, TableError> {
            Ok(match frame.column(name)?.get(row)? {
                AnyValue::Float64(value) => Some(value),
                _ => None,
            })
        };
        let trial = frame.column("trial")?.get(row)?.try_extract()?;
        let mut differences = [None; 6];
        for (difference, name) in differences.iter_mut().zip(DIFFERENCES) {
            *difference = number(name)?;
        }
        found.push(Comparison {
            trial,
            id: ids.get(row).unwrap_or_default().to_owned(),
            row: ComparisonRow {
                verdict: Verdict::of(text).ok_or(RowFault::Verdict { trial })?,
                differences,
                full_seconds: number("verify_full_seconds")?,
                reduced_seconds: number("verify_reduced_seconds")?,
            },
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_read_back_and_nothing_else_does() {
        for verdict in [
            Verdict::Within,
            Verdict::WithinUntil(150),
            Verdict::Beyond(None),
            Verdict::Beyond(Some("one engine diverges: the other does not".to_owned())),
            Verdict::NotCompared("it diverges".to_owned()),
        ] {
            assert_eq!(Verdict::of(&verdict.text()), Some(verdict));
        }
        for text in [
            "within until step",
            "within until step 07",
            "within until step x",
        ] {
            assert_eq!(Verdict::of(text), None, "{text}");
        }
        for text in ["", "within: what", "not compared", "Within", "beyond:why"] {
            assert_eq!(Verdict::of(text), None, "{text}");
        }
    }
}
