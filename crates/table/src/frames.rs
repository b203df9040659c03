//! Small operations on frames that polars does not offer in the form needed: joining frames without giving up
//! columns that hold one value, and reading whole columns.

use polars::prelude::{AnyValue, Column, DataFrame, PolarsResult, Scalar};

use crate::error::{RowFault, TableError};

/// Puts frames of one schema below each other, as one chunk. A column that holds one value in all of them
/// stays a single value in memory.
pub(crate) fn concat(mut frames: Vec<DataFrame>) -> PolarsResult<DataFrame> {
    if frames.len() > 1 && frames.iter().any(|frame| frame.height() > 0) {
        // The value of an empty constant column means nothing.
        frames.retain(|frame| frame.height() > 0);
    }
    if frames.len() <= 1 {
        let mut only = frames.pop().unwrap_or_else(DataFrame::empty);
        only.rechunk_mut();
        return Ok(only);
    }
    let height = frames.iter().map(DataFrame::height).sum();
    let columns = (0..frames[0].width())
        .map(|at| {
            let parts: Vec<&Column> = frames.iter().map(|frame| &frame.columns()[at]).collect();
            join(&parts, height)
        })
        .collect::<PolarsResult<Vec<_>>>()?;
    DataFrame::new(height, columns)
}

fn join(parts: &[&Column], height: usize) -> PolarsResult<Column> {
    if let Some(scalar) = common_scalar(parts) {
        return Ok(Column::new_scalar(
            parts[0].name().clone(),
            scalar.clone(),
            height,
        ));
    }
    let mut series = parts[0].clone().take_materialized_series();
    for part in &parts[1..] {
        series.append_owned((*part).clone().take_materialized_series())?;
    }
    Ok(Column::from(series.rechunk()))
}

/// The value that all parts consist of.
fn common_scalar<'a>(parts: &[&'a Column]) -> Option<&'a Scalar> {
    let first = parts[0].as_scalar_column()?.scalar();
    parts[1..]
        .iter()
        .all(|part| {
            part.as_scalar_column()
                .is_some_and(|other| same(first, other.scalar()))
        })
        .then_some(first)
}

/// Equal to the bit: 0.0 and -0.0 are two values here.
fn same(a: &Scalar, b: &Scalar) -> bool {
    same_value(a.value(), b.value())
}

/// As [`same`], of values.
pub(crate) fn same_value(a: &AnyValue<'_>, b: &AnyValue<'_>) -> bool {
    match (a, b) {
        (AnyValue::Float64(x), AnyValue::Float64(y)) => x.to_bits() == y.to_bits(),
        (x, y) => x == y,
    }
}

/// A column of counts without nulls.
///
/// # Errors
/// Where the column is missing or of another type; [`RowFault::Count`] where a number is negative.
pub(crate) fn numbers(frame: &DataFrame, name: &'static str) -> Result<Vec<u64>, TableError> {
    let column = frame.column(name)?;
    if let Some(scalar) = column.as_scalar_column()
        && let AnyValue::Int64(value) = scalar.scalar().value()
    {
        return Ok(vec![count(name, *value)?; frame.height()]);
    }
    let values = column.i64()?.iter().flatten();
    values.map(|value| count(name, value)).collect()
}

/// A column of counts without nulls, as runs of equal values: (value, length).
///
/// # Errors
/// As [`numbers`].
pub(crate) fn runs(frame: &DataFrame, name: &'static str) -> Result<Vec<(u64, usize)>, TableError> {
    let column = frame.column(name)?;
    if let Some(scalar) = column.as_scalar_column()
        && let AnyValue::Int64(value) = scalar.scalar().value()
    {
        return Ok(vec![(count(name, *value)?, frame.height())]);
    }
    let mut runs: Vec<(u64, usize)> = Vec::new();
    for value in column.i64()?.iter().flatten() {
        let value = count(name, value)?;
        match runs.last_mut() {
            Some((last, length)) if *last == value => *length += 1,
            _ => runs.push((value, 1)),
        }
    }
    Ok(runs)
}

/// A count as it is in memory.
fn count(column: &'static str, found: i64) -> Result<u64, TableError> {
    u64::try_from(found).map_err(|_| {
        let largest = i64::MAX;
        TableError::from(RowFault::Count {
            column,
            found,
            largest,
        })
    })
}

/// A column of texts; null as `None`. A column that holds one value is not spread out.
///
/// # Errors
/// Where the column is missing or of another type.
pub(crate) fn texts<'a>(frame: &'a DataFrame, name: &str) -> PolarsResult<Texts<'a>> {
    let column = frame.column(name)?;
    if let Some(scalar) = column.as_scalar_column() {
        let value = match scalar.scalar().value() {
            AnyValue::String(text) => Some(*text),
            AnyValue::StringOwned(text) => Some(text.as_str()),
            _ => None,
        };
        return Ok(Texts::One(value, frame.height()));
    }
    Ok(Texts::Many(column.str()?.iter().collect()))
}

/// Texts of a column, borrowed.
pub(crate) enum Texts<'a> {
    One(Option<&'a str>, usize),
    Many(Vec<Option<&'a str>>),
}

impl<'a> Texts<'a> {
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Texts::One(value, _) => *value,
            Texts::Many(values) => values.get(row).copied().flatten(),
        }
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::{DataType, NamedFrom, PlSmallStr, Series};

    use super::*;

    fn constant(value: f64, rows: usize) -> DataFrame {
        let scalar = Scalar::new(DataType::Float64, AnyValue::Float64(value));
        let column = Column::new_scalar(PlSmallStr::from_static("x"), scalar, rows);
        DataFrame::new(rows, vec![column]).unwrap()
    }

    fn check(frames: Vec<DataFrame>, expected: &[f64], stays_constant: bool) {
        let joined = concat(frames).unwrap();
        let column = &joined.columns()[0];
        assert_eq!(column.as_scalar_column().is_some(), stays_constant);
        let bits: Vec<u64> = column
            .f64()
            .unwrap()
            .iter()
            .flatten()
            .map(f64::to_bits)
            .collect();
        let expected: Vec<u64> = expected.iter().map(|x| x.to_bits()).collect();
        assert_eq!(bits, expected);
    }

    #[test]
    fn constants_stay_constants_while_they_agree_to_the_bit() {
        check(vec![constant(2.0, 2), constant(2.0, 1)], &[2.0; 3], true);
        check(
            vec![constant(0.0, 1), constant(-0.0, 2)],
            &[0.0, -0.0, -0.0],
            false,
        );
        check(
            vec![constant(9.0, 0), constant(1.5, 2), constant(7.0, 0)],
            &[1.5; 2],
            true,
        );
    }

    #[test]
    fn counts_are_read_and_negative_ones_are_refused() {
        let frame = |values: &[i64]| {
            let series = Series::new(PlSmallStr::from_static("trial"), values);
            DataFrame::new(values.len(), vec![Column::from(series)]).unwrap()
        };
        let good = frame(&[3, 3, i64::MAX]);
        let most = i64::MAX.cast_unsigned();
        assert_eq!(numbers(&good, "trial").unwrap(), [3, 3, most]);
        assert_eq!(runs(&good, "trial").unwrap(), [(3, 2), (most, 1)]);
        let scalar = Scalar::new(DataType::Int64, AnyValue::Int64(-2));
        let constant = Column::new_scalar(PlSmallStr::from_static("trial"), scalar, 2);
        let constant = DataFrame::new(2, vec![constant]).unwrap();
        for bad in [frame(&[3, -2]), constant] {
            let found = [
                numbers(&bad, "trial").map(|_| ()),
                runs(&bad, "trial").map(|_| ()),
            ];
            for found in found {
                let fault = RowFault::Count {
                    column: "trial",
                    found: -2,
                    largest: i64::MAX,
                };
                assert!(matches!(found, Err(TableError::Rows(found)) if found == fault));
            }
        }
    }

    #[test]
    fn a_constant_joins_a_column_that_varies() {
        let series = Series::new(PlSmallStr::from_static("x"), [1.0, 2.0]);
        let varying = DataFrame::new(2, vec![Column::from(series)]).unwrap();
        check(
            vec![varying, constant(3.0, 2)],
            &[1.0, 2.0, 3.0, 3.0],
            false,
        );
    }
}
