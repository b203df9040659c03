//! Decoded values of one column in one row group, and single values as SQLite sees them.

use std::sync::Arc;

use chrono::DateTime;
use polars::prelude::{DataType, PolarsResult, Series, TimeUnit};
use polars_arrow::array::{BooleanArray, PrimitiveArray, Utf8ViewArray};

/// Type of a column in queries, by which it is declared to SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Integer,
    Real,
    Text,
    Boolean,
    Timestamp,
}

impl Type {
    /// The type in which a column of a file is read.
    pub(crate) fn of(dtype: &DataType) -> Type {
        match dtype {
            DataType::Boolean => Type::Boolean,
            DataType::Datetime(_, _) => Type::Timestamp,
            dtype if dtype.is_integer() => Type::Integer,
            dtype if dtype.is_float() => Type::Real,
            _ => Type::Text,
        }
    }

    /// Name in the declaration of a table. SQLite derives from it how values compare: times are texts, a Boolean is
    /// the number 1 or 0.
    pub(super) fn declared(self) -> &'static str {
        match self {
            Type::Integer => "BIGINT",
            Type::Real => "DOUBLE",
            Type::Text => "VARCHAR",
            Type::Boolean => BOOLEAN,
            Type::Timestamp => "TIMESTAMP_TEXT",
        }
    }
}

/// Declared type of a column whose values are shown as true and false.
pub(super) const BOOLEAN: &str = "BOOLEAN";

/// Values of one column in one row group.
pub(crate) enum Values {
    /// The file lacks the column.
    Null,
    /// The name of the run, in every row.
    Constant(Arc<str>),
    Integers(PrimitiveArray<i64>),
    Reals(PrimitiveArray<f64>),
    Booleans(BooleanArray),
    Texts(Utf8ViewArray),
    /// Microseconds since 1970, UTC.
    Times(PrimitiveArray<i64>),
}

/// One value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Boolean(bool),
    Text(&'a str),
    Time(i64),
}

impl Values {
    /// The values of a decoded column.
    ///
    /// # Errors
    /// Where a value does not fit the type: a whole number above 2^63 - 1.
    pub(crate) fn new(series: &Series, wanted: Type) -> PolarsResult<Values> {
        let series = series.rechunk();
        Ok(match wanted {
            Type::Integer => {
                let series = series.strict_cast(&DataType::Int64)?;
                first(series.i64()?.downcast_iter(), Values::Integers)
            }
            Type::Real => {
                let series = series.cast(&DataType::Float64)?;
                first(series.f64()?.downcast_iter(), Values::Reals)
            }
            Type::Boolean => {
                let series = series.cast(&DataType::Boolean)?;
                first(series.bool()?.downcast_iter(), Values::Booleans)
            }
            Type::Text => {
                let series = series.cast(&DataType::String)?;
                first(series.str()?.downcast_iter(), Values::Texts)
            }
            Type::Timestamp => {
                let series = series.cast(&DataType::Datetime(TimeUnit::Microseconds, None))?;
                let series = series.to_physical_repr().into_owned();
                first(series.i64()?.downcast_iter(), Values::Times)
            }
        })
    }

    /// The value of a row; null beyond the last one.
    pub(crate) fn get(&self, row: usize) -> Value<'_> {
        match self {
            Values::Null => Value::Null,
            Values::Constant(text) => Value::Text(text),
            Values::Integers(array) => of(get_primitive(array, row), Value::Integer),
            Values::Reals(array) => of(get_primitive(array, row), Value::Real),
            Values::Booleans(array) if row < array.len() => of(array.get(row), Value::Boolean),
            Values::Texts(array) if row < array.len() => of(array.get(row), Value::Text),
            Values::Booleans(_) | Values::Texts(_) => Value::Null,
            Values::Times(array) => of(get_primitive(array, row), Value::Time),
        }
    }

    /// Bytes in memory, roughly.
    pub(super) fn size(&self) -> usize {
        match self {
            Values::Null | Values::Constant(_) => 0,
            Values::Integers(array) | Values::Times(array) => array.len() * 8,
            Values::Reals(array) => array.len() * 8,
            Values::Booleans(array) => array.len() / 8,
            Values::Texts(array) => array.len() * 16 + array.total_buffer_len(),
        }
    }
}

fn first<'a, A: Clone + 'a>(
    mut arrays: impl Iterator<Item = &'a A>,
    values: impl FnOnce(A) -> Values,
) -> Values {
    arrays.next().cloned().map_or(Values::Null, values)
}

fn get_primitive<T: polars_arrow::types::NativeType>(
    array: &PrimitiveArray<T>,
    row: usize,
) -> Option<T> {
    let value = *array.values().as_slice().get(row)?;
    let is_valid = array.validity().is_none_or(|valid| valid.get_bit(row));
    is_valid.then_some(value)
}

fn of<'a, T>(value: Option<T>, some: impl FnOnce(T) -> Value<'a>) -> Value<'a> {
    value.map_or(Value::Null, some)
}

impl Value<'_> {
    /// Whether both are one value of one type. Null and NaN are no value.
    pub(super) fn is(self, other: Value<'_>) -> bool {
        match (self, other) {
            (Value::Integer(a), Value::Integer(b)) | (Value::Time(a), Value::Time(b)) => a == b,
            (Value::Real(a), Value::Real(b)) => a == b,
            (Value::Boolean(a), Value::Boolean(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a == b,
            (
                Value::Null
                | Value::Integer(_)
                | Value::Real(_)
                | Value::Boolean(_)
                | Value::Text(_)
                | Value::Time(_),
                _,
            ) => false,
        }
    }

    /// The number that it is to SQLite.
    pub(super) fn number(self) -> Option<f64> {
        match self {
            Value::Integer(n) => Some(n as f64),
            Value::Real(x) if !x.is_nan() => Some(x),
            Value::Boolean(truth) => Some(f64::from(u8::from(truth))),
            Value::Null | Value::Real(_) | Value::Text(_) | Value::Time(_) => None,
        }
    }
}

/// A moment as text, UTC: `2023-11-14 22:13:20`, with a fraction where there is one, without zeros at its end.
pub(crate) fn moment(micros: i64) -> String {
    let Some(time) = DateTime::from_timestamp_micros(micros) else {
        return micros.to_string();
    };
    let text = time.format("%Y-%m-%d %H:%M:%S").to_string();
    match micros.rem_euclid(1_000_000) {
        0 => text,
        fraction => {
            let digits = format!("{fraction:06}");
            format!("{text}.{}", digits.trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_without_needless_digits() {
        let check = |micros, expected: &str| assert_eq!(moment(micros), expected);
        check(1_700_000_000_000_000, "2023-11-14 22:13:20");
        check(1_700_000_000_120_000, "2023-11-14 22:13:20.12");
        check(1_700_000_000_000_001, "2023-11-14 22:13:20.000001");
        check(-1, "1969-12-31 23:59:59.999999");
    }
}
