//! The value of a subquery that stands for one: an aggregate that refuses a second row, as DuckDB does. Statements get
//! it while they are rewritten; it is no function of users, whose names have no space.

use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::Value;
use rusqlite::{Connection, Result};

use super::error::FunctionError;

pub(crate) const ONLY_ROW: &str = "only row";

struct OnlyRow;

impl Aggregate<Option<Value>, Value> for OnlyRow {
    fn init(&self, _: &mut Context<'_>) -> Result<Option<Value>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, kept: &mut Option<Value>) -> Result<()> {
        if kept.is_some() {
            return Err(FunctionError::SeveralRows.into());
        }
        *kept = Some(context.get(0)?);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, kept: Option<Option<Value>>) -> Result<Value> {
        Ok(kept.flatten().unwrap_or(Value::Null))
    }
}

pub(crate) fn register(connection: &Connection, flags: FunctionFlags) -> Result<()> {
    connection.create_aggregate_function(ONLY_ROW, 1, flags, OnlyRow)
}
