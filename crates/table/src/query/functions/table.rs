//! The table of all functions, and what registers them. An entry belongs to the file that computes it.

use rusqlite::functions::{Aggregate, Context, FunctionFlags, WindowAggregate};
use rusqlite::types::Value;
use rusqlite::{Connection, Result};

use super::entry::{Declared, Entry, Kind, State};
use super::values::Call;
use super::{
    casts, counts, cuts, dates, formats, making, moments, numbers, only, patterns, picks,
    quantiles, shape, sums, text,
};

static TABLE: &[&[Entry]] = &[
    quantiles::ENTRIES,
    moments::ENTRIES,
    shape::ENTRIES,
    sums::ENTRIES,
    picks::ENTRIES,
    counts::ENTRIES,
    numbers::ENTRIES,
    casts::ENTRIES,
    text::ENTRIES,
    cuts::ENTRIES,
    patterns::ENTRIES,
    dates::ENTRIES,
    making::ENTRIES,
    formats::ENTRIES,
];

fn entries() -> impl Iterator<Item = &'static Entry> {
    TABLE.iter().flat_map(|entries| entries.iter())
}

/// Every function that `register` adds, a name at a time.
pub fn all() -> impl Iterator<Item = &'static Declared> {
    entries().map(|entry| &entry.declared)
}

/// Adds every function to the connection.
///
/// All are deterministic, `now` and `today` too: SQLite then computes them once for a statement, as DuckDB does. None
/// has a side effect, so views may call them.
pub(crate) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    for Entry {
        declared,
        counts,
        kind,
    } in entries()
    {
        let name = declared.name;
        for &count in *counts {
            match *kind {
                Kind::Real(run) => {
                    connection.create_scalar_function(name, count, flags, move |context| {
                        Ok(Call::new(name, context).real(0)?.map(run))
                    })?
                }
                Kind::Scalar(run) => {
                    connection.create_scalar_function(name, count, flags, move |context| {
                        run(&Call::new(name, context))
                    })?
                }
                Kind::Aggregate(start) => {
                    connection.create_window_function(
                        name,
                        count,
                        flags,
                        Frames { name, start },
                    )?;
                }
            }
        }
    }
    only::register(connection, flags)?;
    formats::register(connection, flags)
}

/// An aggregate as rusqlite wants it.
struct Frames {
    name: &'static str,
    start: fn() -> Box<dyn State>,
}

impl Aggregate<Box<dyn State>, Value> for Frames {
    fn init(&self, _: &mut Context<'_>) -> Result<Box<dyn State>> {
        Ok((self.start)())
    }

    fn step(&self, context: &mut Context<'_>, state: &mut Box<dyn State>) -> Result<()> {
        state.add(&Call::new(self.name, context))
    }

    fn finalize(&self, _: &mut Context<'_>, state: Option<Box<dyn State>>) -> Result<Value> {
        state.unwrap_or_else(self.start).last_value()
    }
}

impl WindowAggregate<Box<dyn State>, Value> for Frames {
    fn value(&self, state: Option<&mut Box<dyn State>>) -> Result<Value> {
        match state {
            Some(state) => state.value(),
            None => (self.start)().value(),
        }
    }

    fn inverse(&self, context: &mut Context<'_>, state: &mut Box<dyn State>) -> Result<()> {
        state.remove(&Call::new(self.name, context))
    }
}
