//! Columns under construction. A column costs nothing while all its values are equal: a value is stored per
//! row only from the first difference on. Most columns of a report hold one value, and 100,000 trials a
//! second leave no time to copy seventy numbers each.

use polars::prelude::{
    AnyValue, BooleanChunked, ChunkedArray, ChunkedBuilder, Column, DataType, Float64Type,
    Int64Type, IntoSeries, NewChunkedArray, PlSmallStr, PolarsNumericType, PrimitiveChunkedBuilder,
    Scalar, StringChunkedBuilder, TimeUnit, TimeZone,
};
use sweep::{ColumnType, Key, Value};

/// A number that columns hold.
pub(crate) trait Cell: Copy {
    /// Equal to the bit.
    fn same(self, other: Self) -> bool;
    fn any(self) -> AnyValue<'static>;
    fn dtype() -> DataType;
}

macro_rules! integer_cell {
    ($number:ty, $variant:ident) => {
        impl Cell for $number {
            #[inline]
            fn same(self, other: Self) -> bool {
                self == other
            }

            fn any(self) -> AnyValue<'static> {
                AnyValue::$variant(self)
            }

            fn dtype() -> DataType {
                DataType::$variant
            }
        }
    };
}

integer_cell!(i64, Int64);
integer_cell!(bool, Boolean);

impl Cell for f64 {
    #[inline]
    fn same(self, other: Self) -> bool {
        self.to_bits() == other.to_bits()
    }

    fn any(self) -> AnyValue<'static> {
        AnyValue::Float64(self)
    }

    fn dtype() -> DataType {
        DataType::Float64
    }
}

#[inline]
fn same<N: Cell>(a: Option<N>, b: Option<N>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.same(b),
        (None, None) => true,
        _ => false,
    }
}

fn name(name: &'static str) -> PlSmallStr {
    PlSmallStr::from_static(name)
}

/// Numbers, or nulls.
pub(crate) struct Numbers<T>
where
    T: PolarsNumericType,
{
    name: &'static str,
    rows: usize,
    first: Option<T::Native>,
    spread: Option<PrimitiveChunkedBuilder<T>>,
}

impl<T> Numbers<T>
where
    T: PolarsNumericType,
    T::Native: Cell,
    ChunkedArray<T>: IntoSeries,
{
    pub(crate) fn new(name: &'static str) -> Self {
        Numbers {
            name,
            rows: 0,
            first: None,
            spread: None,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: Option<T::Native>) {
        if let Some(builder) = &mut self.spread {
            builder.append_option(value);
        } else if self.rows == 0 {
            self.first = value;
        } else if !same(self.first, value) {
            self.spread(value);
        }
        self.rows += 1;
    }

    #[cold]
    fn spread(&mut self, value: Option<T::Native>) {
        let mut builder = PrimitiveChunkedBuilder::new(name(self.name), 2 * (self.rows + 1));
        for _ in 0..self.rows {
            builder.append_option(self.first);
        }
        builder.append_option(value);
        self.spread = Some(builder);
    }

    pub(crate) fn finish(self) -> Column {
        match self.spread {
            Some(builder) => Column::from(builder.finish().into_series()),
            None => {
                let value = self.first.map_or(AnyValue::Null, Cell::any);
                constant(self.name, <T::Native as Cell>::dtype(), value, self.rows)
            }
        }
    }
}

fn constant(
    column: &'static str,
    dtype: DataType,
    value: AnyValue<'static>,
    rows: usize,
) -> Column {
    Column::new_scalar(name(column), Scalar::new(dtype, value), rows)
}

/// Moments in microseconds; always stored, since no two trials start at once.
pub(crate) struct Times(PrimitiveChunkedBuilder<Int64Type>);

impl Times {
    pub(crate) fn new(column: &'static str) -> Self {
        Times(PrimitiveChunkedBuilder::new(name(column), 0))
    }

    #[inline]
    pub(crate) fn push(&mut self, microseconds: i64) {
        self.0.append_value(microseconds);
    }

    pub(crate) fn finish(self) -> Column {
        let moments = self
            .0
            .finish()
            .into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC));
        Column::from(moments.into_series())
    }
}

/// Truth values, or nulls.
pub(crate) struct Bools {
    name: &'static str,
    rows: usize,
    first: Option<bool>,
    spread: Option<Vec<Option<bool>>>,
}

impl Bools {
    fn new(name: &'static str) -> Self {
        Bools {
            name,
            rows: 0,
            first: None,
            spread: None,
        }
    }

    #[inline]
    fn push(&mut self, value: Option<bool>) {
        if let Some(values) = &mut self.spread {
            values.push(value);
        } else if self.rows == 0 {
            self.first = value;
        } else if !same(self.first, value) {
            let mut values = vec![self.first; self.rows];
            values.push(value);
            self.spread = Some(values);
        }
        self.rows += 1;
    }

    fn finish(self) -> Column {
        match self.spread {
            Some(values) => {
                let column = BooleanChunked::from_slice_options(name(self.name), &values);
                Column::from(column.into_series())
            }
            None => {
                let value = self.first.map_or(AnyValue::Null, Cell::any);
                constant(self.name, DataType::Boolean, value, self.rows)
            }
        }
    }
}

/// Texts, or nulls.
pub(crate) struct Texts {
    name: &'static str,
    rows: usize,
    first: Option<String>,
    spread: Option<StringChunkedBuilder>,
}

impl Texts {
    pub(crate) fn new(name: &'static str) -> Self {
        Texts {
            name,
            rows: 0,
            first: None,
            spread: None,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: Option<&str>) {
        if let Some(builder) = &mut self.spread {
            builder.append_option(value);
        } else if self.rows == 0 {
            self.first = value.map(str::to_owned);
        } else if self.first.as_deref() != value {
            self.spread(value);
        }
        self.rows += 1;
    }

    #[cold]
    fn spread(&mut self, value: Option<&str>) {
        let mut builder = StringChunkedBuilder::new(name(self.name), 2 * (self.rows + 1));
        for _ in 0..self.rows {
            builder.append_option(self.first.as_deref());
        }
        builder.append_option(value);
        self.spread = Some(builder);
    }

    pub(crate) fn finish(self) -> Column {
        match self.spread {
            Some(builder) => Column::from(builder.finish().into_series()),
            None => {
                let value = self
                    .first
                    .map_or(AnyValue::Null, |text| AnyValue::StringOwned(text.into()));
                constant(self.name, DataType::String, value, self.rows)
            }
        }
    }
}

/// The text of a value, remembered: neighbouring trials mostly share their lists and tables.
#[derive(Default)]
pub(crate) struct Remembered {
    of: Option<Value>,
    text: String,
}

impl Remembered {
    fn text(&mut self, value: &Value) -> &str {
        if self.of.as_ref() != Some(value) {
            self.text = value.to_column_text();
            self.of = Some(value.clone());
        }
        &self.text
    }
}

/// The column or the two columns of a parameter.
pub(crate) enum Parameter {
    Int(Numbers<Int64Type>),
    Float(Numbers<Float64Type>),
    Bool(Bools),
    Text(Texts, Remembered),
    /// A number in the first, or a list in the second.
    Either(Box<Parameter>, Texts, Remembered),
}

impl Parameter {
    pub(crate) fn new(key: &Key) -> Self {
        let one = match key.column_type {
            ColumnType::Int => Parameter::Int(Numbers::new(key.column)),
            ColumnType::Float => Parameter::Float(Numbers::new(key.column)),
            ColumnType::Bool => Parameter::Bool(Bools::new(key.column)),
            ColumnType::Str => Parameter::Text(Texts::new(key.column), Remembered::default()),
        };
        match key.list_column {
            None => one,
            Some(list) => Parameter::Either(Box::new(one), Texts::new(list), Remembered::default()),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: Option<&Value>) {
        match self {
            Parameter::Int(lane) => lane.push(value.and_then(Value::as_int)),
            Parameter::Float(lane) => lane.push(value.and_then(Value::as_float)),
            Parameter::Bool(lane) => lane.push(value.and_then(Value::as_bool)),
            Parameter::Text(lane, remembered) => match value {
                None => lane.push(None),
                Some(Value::Str(text)) => lane.push(Some(text)),
                Some(other) => lane.push(Some(remembered.text(other))),
            },
            Parameter::Either(one, list, remembered) => match value {
                Some(several @ Value::List(_)) => {
                    one.push(None);
                    list.push(Some(remembered.text(several)));
                }
                single => {
                    one.push(single);
                    list.push(None);
                }
            },
        }
    }

    pub(crate) fn finish_into(self, columns: &mut Vec<Column>) {
        match self {
            Parameter::Int(lane) => columns.push(lane.finish()),
            Parameter::Float(lane) => columns.push(lane.finish()),
            Parameter::Bool(lane) => columns.push(lane.finish()),
            Parameter::Text(lane, _) => columns.push(lane.finish()),
            Parameter::Either(one, list, _) => {
                one.finish_into(columns);
                columns.push(list.finish());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_numbers(values: &[Option<f64>], constant: bool) {
        let mut lane = Numbers::<Float64Type>::new("x");
        for &value in values {
            lane.push(value);
        }
        let column = lane.finish();
        assert_eq!(column.as_scalar_column().is_some(), constant, "{values:?}");
        let bits = |value: Option<f64>| value.map(f64::to_bits);
        let found: Vec<_> = column.f64().unwrap().iter().map(bits).collect();
        let expected: Vec<_> = values.iter().copied().map(bits).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn numbers_are_stored_from_the_first_difference_on() {
        check_numbers(&[None, None, None], true);
        check_numbers(&[Some(1.0), Some(1.0)], true);
        check_numbers(&[Some(f64::NAN), Some(f64::NAN)], true);
        check_numbers(&[Some(0.0), Some(-0.0), None], false);
        check_numbers(&[None, None, Some(3.5), None], false);
    }

    #[test]
    fn texts_and_truths_keep_their_nulls() {
        let mut lane = Texts::new("x");
        let values = [
            Some("a"),
            Some("a"),
            None,
            Some("longer than a view holds inline"),
        ];
        for value in values {
            lane.push(value);
        }
        let column = lane.finish();
        assert_eq!(column.str().unwrap().iter().collect::<Vec<_>>(), values);

        let mut lane = Bools::new("x");
        for value in [None, None, Some(true)] {
            lane.push(value);
        }
        let column = lane.finish();
        let found: Vec<_> = column.bool().unwrap().iter().collect();
        assert_eq!(found, [None, None, Some(true)]);
    }

    #[test]
    fn a_number_and_a_list_have_a_column_each() {
        let key = sweep::key("network.width").expect("a key of the registry");
        let mut parameter = Parameter::new(key);
        let list = Value::List(vec![Value::Int(3), Value::Int(4)]);
        for value in [Some(&Value::Int(7)), Some(&list), None] {
            parameter.push(value);
        }
        let mut columns = Vec::new();
        parameter.finish_into(&mut columns);
        let numbers: Vec<_> = columns[0].i64().unwrap().iter().collect();
        let lists: Vec<_> = columns[1].str().unwrap().iter().collect();
        assert_eq!(numbers, [Some(7), None, None]);
        assert_eq!(lists, [None, Some("[3,4]"), None]);
    }
}
