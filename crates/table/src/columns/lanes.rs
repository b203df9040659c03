//! The columns of a table under construction, one lane for each declaration.

use polars::prelude::{Column, DataFrame, Float64Type, Int64Type, PolarsResult};

use super::declare::{Entry, Get, GetParameters, GetText, PushAll, Source, Table};
use crate::lane::{Numbers, Parameter, Texts, Times};

/// Rows of a table, gathered.
pub(crate) struct Lanes<T: Table> {
    lanes: Vec<Lane<T>>,
    rows: usize,
}

enum Lane<T: Table> {
    Count(Numbers<Int64Type>, Get<T, Option<u64>>),
    SmallCount(Numbers<Int64Type>, Get<T, Option<u32>>),
    Float(Numbers<Float64Type>, Get<T, Option<f64>>),
    Text(Texts, GetText<T>),
    Time(Times, Get<T, i64>),
    Floats(Vec<Numbers<Float64Type>>, PushAll<T>),
    Parameters(Vec<Parameter>, GetParameters<T>),
}

impl<T: Table> Lane<T> {
    /// None of a column that is looked up.
    fn new(entry: &Entry<T>) -> Option<Lane<T>> {
        Some(match entry {
            Entry::Column(column) => match column.source {
                Source::Count(get) => Lane::Count(Numbers::new(column.name()), get),
                Source::SmallCount(get) => Lane::SmallCount(Numbers::new(column.name()), get),
                Source::Float(get) => Lane::Float(Numbers::new(column.name()), get),
                Source::Text(get) => Lane::Text(Texts::new(column.name()), get),
                Source::Time(get) => Lane::Time(Times::new(column.name()), get),
                Source::OfTrial => return None,
            },
            Entry::Floats(group, push) => {
                let lanes = group.names.iter().map(|name| Numbers::new(name));
                Lane::Floats(lanes.collect(), *push)
            }
            Entry::Parameters(get) => {
                Lane::Parameters(sweep::keys().iter().map(Parameter::new).collect(), *get)
            }
        })
    }

    #[inline]
    fn push(&mut self, row: &T::Row<'_>) {
        match self {
            Lane::Count(lane, get) => lane.push(get(row).map(count)),
            Lane::SmallCount(lane, get) => lane.push(get(row).map(i64::from)),
            Lane::Float(lane, get) => lane.push(get(row)),
            Lane::Text(lane, get) => lane.push(get(row).as_deref()),
            Lane::Time(lane, get) => lane.push(get(row)),
            Lane::Floats(lanes, push) => push(row, lanes),
            Lane::Parameters(lanes, get) => {
                let values = get(row);
                for (at, lane) in lanes.iter_mut().enumerate() {
                    lane.push(values.get(at).and_then(Option::as_ref));
                }
            }
        }
    }

    fn finish_into(self, columns: &mut Vec<Column>) {
        match self {
            Lane::Count(lane, _) | Lane::SmallCount(lane, _) => columns.push(lane.finish()),
            Lane::Float(lane, _) => columns.push(lane.finish()),
            Lane::Text(lane, _) => columns.push(lane.finish()),
            Lane::Time(lane, _) => columns.push(lane.finish()),
            Lane::Floats(lanes, _) => columns.extend(lanes.into_iter().map(Numbers::finish)),
            Lane::Parameters(lanes, _) => {
                for lane in lanes {
                    lane.finish_into(columns);
                }
            }
        }
    }
}

/// A count as the columns hold it. Numbers of trials and steps end before 2^63; one beyond would turn negative here,
/// which the decoder of a payload refuses.
#[inline]
fn count(number: u64) -> i64 {
    number.cast_signed()
}

impl<T: Table> Lanes<T> {
    pub(crate) fn new() -> Self {
        Lanes {
            lanes: T::entries().filter_map(Lane::new).collect(),
            rows: 0,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, row: &T::Row<'_>) {
        for lane in &mut self.lanes {
            lane.push(row);
        }
        self.rows += 1;
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The columns that are carried.
    ///
    /// # Errors
    /// Where the columns do not make a table, which would be an error of this crate.
    pub(crate) fn finish(self) -> PolarsResult<DataFrame> {
        let mut columns = Vec::new();
        for lane in self.lanes {
            lane.finish_into(&mut columns);
        }
        DataFrame::new(self.rows, columns)
    }

    /// A frame of rows that are there.
    ///
    /// # Errors
    /// As [`Lanes::finish`].
    pub(crate) fn frame<'a>(rows: impl IntoIterator<Item = T::Row<'a>>) -> PolarsResult<DataFrame> {
        let mut lanes = Lanes::<T>::new();
        for row in rows {
            lanes.push(&row);
        }
        lanes.finish()
    }
}
