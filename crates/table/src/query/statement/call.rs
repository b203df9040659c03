//! A call of a function: its names and where it stands.

use sqlparser::ast::{Function, ObjectNamePart};

use super::error::At;

/// A bound call before it is written.
pub(super) struct Call {
    /// SQLite's name.
    pub(super) name: String,
    /// The name as it is printed in the header.
    pub(super) head: String,
    pub(super) aggregate: bool,
    pub(super) at: At,
}

/// Where the function's name stands.
pub(super) fn place(function: &Function) -> At {
    match function.name.0.first() {
        Some(ObjectNamePart::Identifier(name)) => At::of(name.span),
        _ => At::default(),
    }
}
