//! A function's entry: its declaration and its code. The list of all entries is in `table`.

use std::panic::{RefUnwindSafe, UnwindSafe};

use rusqlite::Result;
use rusqlite::types::Value;

use super::values::Call;

/// What documents and suggestions say of a function.
pub struct Declared {
    pub name: &'static str,
    /// The arguments as documents write them, without the parentheses.
    pub arguments: &'static str,
    pub words: &'static str,
    pub aggregate: bool,
}

/// A function: its declaration, the numbers of arguments that it takes (-1 is any number) and its code.
pub(super) struct Entry {
    pub(super) declared: Declared,
    pub(super) counts: &'static [i32],
    pub(super) kind: Kind,
}

/// How a function is computed.
pub(super) enum Kind {
    /// Of one number.
    Real(fn(f64) -> f64),
    Scalar(fn(&Call<'_>) -> Result<Value>),
    Aggregate(fn() -> Box<dyn State>),
}

/// The rows of an aggregate: a group, or the present frame of a window.
pub(super) trait State: Send + UnwindSafe + RefUnwindSafe {
    fn add(&mut self, row: &Call<'_>) -> Result<()>;
    /// Takes the oldest row out again.
    fn remove(&mut self, row: &Call<'_>) -> Result<()>;
    fn value(&mut self) -> Result<Value>;
    /// The value of a group, after which no row comes or goes.
    fn last_value(&mut self) -> Result<Value> {
        self.value()
    }
}

pub(super) const fn real(name: &'static str, words: &'static str, run: fn(f64) -> f64) -> Entry {
    let declared = Declared {
        name,
        arguments: "x",
        words,
        aggregate: false,
    };
    Entry {
        declared,
        counts: &[1],
        kind: Kind::Real(run),
    }
}

pub(super) const fn scalar(
    name: &'static str,
    arguments: &'static str,
    words: &'static str,
    counts: &'static [i32],
    run: fn(&Call<'_>) -> Result<Value>,
) -> Entry {
    let declared = Declared {
        name,
        arguments,
        words,
        aggregate: false,
    };
    Entry {
        declared,
        counts,
        kind: Kind::Scalar(run),
    }
}

pub(super) const fn aggregate(
    name: &'static str,
    arguments: &'static str,
    words: &'static str,
    counts: &'static [i32],
    start: fn() -> Box<dyn State>,
) -> Entry {
    let declared = Declared {
        name,
        arguments,
        words,
        aggregate: true,
    };
    Entry {
        declared,
        counts,
        kind: Kind::Aggregate(start),
    }
}
