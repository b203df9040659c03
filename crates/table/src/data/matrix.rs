//! What the readers of all formats give back, and what they are asked for.

use ndarray::Array2;
use sweep::Columns;

use super::error::{Cause, DataProblem};

/// Names of columns that an error lists.
const LISTED: usize = 20;

/// A matrix as a file holds it.
pub(super) enum Matrix {
    Numbers(Array2<f64>),
    Texts {
        texts: Array2<String>,
        /// Line of each text, where the file has lines.
        lines: Vec<u64>,
    },
}

/// What the values are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Numbers,
    /// Numbers, or `true` and `false` as texts.
    Mask,
    Labels,
}

/// The columns to take of a file that has `width`, by number from 0; `cause` says why it may have too few, `names` are
/// those of all columns, where they have any.
pub(super) fn cut(
    columns: Option<&Columns>,
    width: usize,
    names: Option<&[&str]>,
    cause: impl FnOnce() -> Cause,
) -> Result<Vec<usize>, DataProblem> {
    match columns {
        None => Ok((0..width).collect()),
        Some(Columns::Ranges(ranges)) => {
            let mut taken = Vec::new();
            for &(start, end) in ranges {
                match (usize::try_from(start), usize::try_from(end)) {
                    (Ok(from), Ok(to)) if from < to && to <= width => taken.extend(from..to),
                    _ => {
                        return Err(DataProblem::Columns {
                            start,
                            end,
                            found: width,
                            cause: cause(),
                        });
                    }
                }
            }
            Ok(taken)
        }
        Some(Columns::Named(wanted)) => {
            let names = names.ok_or_else(|| DataProblem::NoNames {
                wanted: wanted.join(", "),
            })?;
            wanted.iter().map(|name| named(name, names)).collect()
        }
    }
}

/// The place of a column.
fn named(wanted: &str, names: &[&str]) -> Result<usize, DataProblem> {
    let mut found = (0..).zip(names).filter(|(_, name)| **name == wanted);
    match (found.next(), found.next()) {
        (Some((place, _)), None) => Ok(place),
        (Some(_), Some(_)) => Err(DataProblem::NameDoubled {
            name: wanted.to_owned(),
        }),
        (None, _) => Err(DataProblem::NameUnknown {
            name: wanted.to_owned(),
            available: listed(names),
        }),
    }
}

/// "'a', 'b', 'c' and 7 more".
pub(super) fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(LISTED)
        .map(|name| format!("'{name}'"))
        .collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_cut_by_range_and_by_name() {
        let names = ["id", "a", "b", "a"];
        let check = |columns: Columns, expected: Result<Vec<usize>, &str>| {
            let found = cut(Some(&columns), 4, Some(&names), || Cause::Unknown);
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => {
                    let found = found.to_string();
                    assert!(found.contains(expected), "{found}");
                }
                (found, expected) => panic!("{found:?} is not {expected:?}"),
            }
        };
        let named = |names: &[&str]| Columns::Named(names.iter().map(|&n| n.to_owned()).collect());
        check(Columns::of([1, 3]), Ok(vec![1, 3]));
        check(
            Columns::range(2, 5),
            Err("columns 2..5 were asked for, and it has 4"),
        );
        check(named(&["b", "id"]), Ok(vec![2, 0]));
        check(named(&["a"]), Err("several columns named 'a'"));
        check(
            named(&["c"]),
            Err("no column named 'c'; it has 'id', 'a', 'b', 'a'"),
        );
        assert!(cut(Some(&named(&["a"])), 4, None, || Cause::Unknown).is_err());
        assert_eq!(cut(None, 2, None, || Cause::Unknown).unwrap(), [0, 1]);
    }
}
