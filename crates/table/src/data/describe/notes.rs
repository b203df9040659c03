//! What is said of a data file, and what to do about it.

use std::fmt;

use super::{ColumnRole, ColumnValues, DataDescription, DescribedColumn, LeftOut};
use crate::data::error::At;
use crate::data::matrix::listed;
use crate::data::notes::MAGNITUDES;

/// Samples from which on whole numbers that all differ are a sign.
const MANY: u64 = 50;

/// Columns that are listed by name.
const LISTED: usize = 8;

/// Something to know about a data file, with what to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DescriptionNote {
    /// The first line was found to name the columns.
    Header { names: Vec<String> },
    /// The first line was taken for a sample, and may name the columns.
    PerhapsHeader,
    /// A column is no input.
    LeftOut {
        column: String,
        reason: LeftOut,
        values: ColumnValues,
    },
    /// Columns that are no inputs, besides those that are named.
    MoreLeftOut { columns: usize },
    /// A column that was asked for seems to number or name the samples.
    Suspect { column: String, reason: LeftOut },
    /// An input of whole numbers, each once, in the first column: perhaps the numbers of samples.
    PerhapsIdentifier { column: String },
    /// An input has missing values, so that it cannot be read.
    Missing {
        column: String,
        count: u64,
        first: Option<At>,
    },
    /// Inputs with missing values, besides those that are named.
    MoreMissing { columns: usize },
    /// Inputs whose deviations differ by orders of magnitude.
    Magnitudes {
        smallest: (String, f64),
        largest: (String, f64),
    },
    /// Inputs that are the same in every sample.
    Constant {
        /// The first of them.
        first: Vec<String>,
        count: usize,
    },
}

impl DescriptionNote {
    /// Whether inputs cannot be read for want of values.
    pub fn is_of_missing_values(&self) -> bool {
        matches!(
            self,
            DescriptionNote::Missing { .. } | DescriptionNote::MoreMissing { .. }
        )
    }
}

impl fmt::Display for DescriptionNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DescriptionNote::Header { names } => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                write!(
                    f,
                    "line 1 names the columns ({}) and is no sample; --header says so",
                    listed(&names)
                )
            }
            DescriptionNote::PerhapsHeader => f.write_str(
                "line 1 is read as a sample, but its numbers count, as names of columns do; if it names them, give --header",
            ),
            DescriptionNote::LeftOut {
                column,
                reason,
                values,
            } => left_out(f, column, *reason, values),
            DescriptionNote::MoreLeftOut { columns } => {
                write!(f, "{columns} more {} left out", counted(*columns, "column is", "columns are"))
            }
            DescriptionNote::MoreMissing { columns } => {
                write!(f, "{columns} more {} missing values", counted(*columns, "column has", "columns have"))
            }
            DescriptionNote::Suspect { column, reason } => write!(
                f,
                "{column} {}, and is read as an input since it was asked for; leave it out of --columns",
                does(*reason)
            ),
            DescriptionNote::PerhapsIdentifier { column } => write!(
                f,
                "{column} holds whole numbers, each once; if they number the samples, leave it out by --columns"
            ),
            DescriptionNote::Missing {
                column,
                count,
                first,
            } => {
                let values = if *count == 1 { "value" } else { "values" };
                write!(f, "{column} has {count} missing {values}")?;
                if let Some(first) = first {
                    write!(f, ", the first in {first}")?;
                }
                f.write_str(
                    "; fill them in, leave these samples out, or leave the column out by --columns",
                )
            }
            DescriptionNote::Magnitudes { smallest, largest } => write!(
                f,
                "deviations of the inputs reach from {:.3e}, {}, to {:.3e}, {}: descent would learn the large ones alone; divide each input by its own with --center --standardize (in a sweep, problem.inputs.center and problem.inputs.standardize)",
                smallest.1, smallest.0, largest.1, largest.0
            ),
            DescriptionNote::Constant { first, count } => {
                let are = counted(*count, "input is", "inputs are");
                write!(f, "{count} {are} constant: {}", first.join(", "))?;
                if *count > first.len() {
                    write!(f, " and {} more", count - first.len())?;
                }
                f.write_str("; they say nothing about a sample and may be left out by --columns")
            }
        }
    }
}

/// The words for one, or for more.
fn counted(count: usize, one: &'static str, more: &'static str) -> &'static str {
    if count == 1 { one } else { more }
}

fn left_out(
    f: &mut fmt::Formatter<'_>,
    column: &str,
    reason: LeftOut,
    values: &ColumnValues,
) -> fmt::Result {
    let decimal = |text: &str| {
        let point = text.replacen(',', ".", 1);
        point != text && point.parse::<f64>().is_ok()
    };
    let comma = "; write decimals with '.', as in 1.5";
    match values {
        ColumnValues::Mixed {
            texts,
            first,
            example,
        } if reason == LeftOut::Mixed => {
            let are = if *texts == 1 {
                "value that is no number"
            } else {
                "values that are no numbers"
            };
            let cure = if decimal(example) { comma } else { "" };
            write!(
                f,
                "{column} holds {texts} {are}, the first in {first}: '{example}'; it is left out until they are corrected{cure}"
            )
        }
        ColumnValues::Texts { first, example, .. } if decimal(example) => write!(
            f,
            "{column} holds texts, the first in {first}: '{example}', and is left out{comma}"
        ),
        ColumnValues::Numbers(_)
        | ColumnValues::Texts { .. }
        | ColumnValues::Mixed { .. }
        | ColumnValues::Empty => write!(
            f,
            "{column} {}, and is left out{}",
            does(reason),
            cure(reason)
        ),
    }
}

fn does(reason: LeftOut) -> String {
    match reason {
        LeftOut::Index => "counts the samples".to_owned(),
        LeftOut::Identifier => "names each sample".to_owned(),
        LeftOut::Texts { distinct: 1 } => "holds one text".to_owned(),
        LeftOut::Texts { distinct } => format!("holds texts, {distinct} different ones"),
        LeftOut::Mixed => "holds values that are no numbers".to_owned(),
        LeftOut::Empty => "has no value".to_owned(),
    }
}

/// What to do about a column that is left out.
fn cure(reason: LeftOut) -> &'static str {
    match reason {
        LeftOut::Index | LeftOut::Identifier => "; if it is data, name it in --columns",
        LeftOut::Texts { .. } => {
            "; to use it, make a column of 0 and 1 of each text, as pandas.get_dummies does"
        }
        LeftOut::Mixed | LeftOut::Empty => "",
    }
}

/// Everything that there is to say.
pub(super) fn of(description: &DataDescription) -> Vec<DescriptionNote> {
    let mut notes = Vec::new();
    if description.header_detected {
        let names = description.columns.iter();
        notes.push(DescriptionNote::Header {
            names: names
                .map(|column| column.name.clone().unwrap_or_default())
                .collect(),
        });
    }
    if description.perhaps_header {
        notes.push(DescriptionNote::PerhapsHeader);
    }
    notes.extend(of_columns(description));
    let incomplete = || description.inputs().filter(|column| column.missing > 0);
    notes.extend(incomplete().take(LISTED).map(missing));
    let columns = incomplete().skip(LISTED).count();
    if columns > 0 {
        notes.push(DescriptionNote::MoreMissing { columns });
    }
    notes.extend(magnitudes(description));
    let constant = || description.inputs().filter(|column| is_constant(column));
    let count = constant().count();
    if count > 0 && description.rows > 1 {
        notes.push(DescriptionNote::Constant {
            first: constant()
                .take(LISTED)
                .map(DescribedColumn::words)
                .collect(),
            count,
        });
    }
    notes
}

/// What is said of columns one by one: all of those that are inputs, and the first of those that are not. A table of a
/// million columns of texts is not a million lines.
fn of_columns(description: &DataDescription) -> Vec<DescriptionNote> {
    let mut left_out = 0;
    let mut notes = Vec::new();
    for column in &description.columns {
        if let ColumnRole::LeftOut(_) = column.role {
            left_out += 1;
            if left_out > LISTED {
                continue;
            }
        }
        notes.extend(of_column(column));
    }
    if left_out > LISTED {
        let columns = left_out - LISTED;
        notes.push(DescriptionNote::MoreLeftOut { columns });
    }
    notes
}

fn of_column(column: &DescribedColumn) -> Option<DescriptionNote> {
    let words = column.words();
    match (column.role, column.doubt) {
        (ColumnRole::LeftOut(reason), _) => Some(DescriptionNote::LeftOut {
            column: words,
            reason,
            values: column.values.clone(),
        }),
        (ColumnRole::Input, Some(reason @ (LeftOut::Index | LeftOut::Identifier))) => {
            Some(DescriptionNote::Suspect {
                column: words,
                reason,
            })
        }
        (ColumnRole::Input, None) if column.place == 0 && column.name.is_none() => {
            let numbers = match &column.values {
                ColumnValues::Numbers(numbers) => numbers.distinct_whole && numbers.count >= MANY,
                ColumnValues::Texts { .. } | ColumnValues::Mixed { .. } | ColumnValues::Empty => {
                    false
                }
            };
            numbers.then_some(DescriptionNote::PerhapsIdentifier { column: words })
        }
        (ColumnRole::Input | ColumnRole::Answer | ColumnRole::NotAsked, _) => None,
    }
}

fn missing(column: &DescribedColumn) -> DescriptionNote {
    DescriptionNote::Missing {
        column: column.words(),
        count: column.missing,
        first: column.first_missing,
    }
}

fn is_constant(column: &DescribedColumn) -> bool {
    match &column.values {
        ColumnValues::Numbers(numbers) => numbers.min == numbers.max,
        ColumnValues::Texts { .. } | ColumnValues::Mixed { .. } | ColumnValues::Empty => false,
    }
}

fn magnitudes(description: &DataDescription) -> Option<DescriptionNote> {
    let deviations: Vec<(&DescribedColumn, f64)> = description
        .inputs()
        .filter_map(|column| match &column.values {
            ColumnValues::Numbers(numbers) if numbers.deviation > 0.0 => {
                Some((column, numbers.deviation))
            }
            _ => None,
        })
        .collect();
    let by_size = |a: &&(&DescribedColumn, f64), b: &&(&DescribedColumn, f64)| a.1.total_cmp(&b.1);
    let smallest = *deviations.iter().min_by(by_size)?;
    let largest = *deviations.iter().max_by(by_size)?;
    let named = |(column, deviation): (&DescribedColumn, f64)| (column.words(), deviation);
    (largest.1 >= MAGNITUDES * smallest.1).then(|| DescriptionNote::Magnitudes {
        smallest: named(smallest),
        largest: named(largest),
    })
}
