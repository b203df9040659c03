//! SQLite's own errors in our words. What the checks let through is rare: types that only a row shows, limits, an overflow.

use super::error::{At, StatementError};
use super::suggest::near;
use super::types::Catalog;

/// SQLite's error at prepare or while stepping.
pub(crate) fn explain(error: &rusqlite::Error, catalog: &Catalog) -> StatementError {
    let message = match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::UserFunctionError(inner) => inner.to_string(),
        other => other.to_string(),
    };
    known(&message, catalog).unwrap_or(StatementError::Engine { message })
}

/// Parts of SQLite's errors in small letters, and what they mean.
const LIMITS: &[(&str, &str)] = &[
    (
        "expression tree is too large",
        "an expression is nested more than 1,000 deep; put parts of it into a subquery",
    ),
    (
        "parser stack overflow",
        "the statement is nested too deep; put parts of it into WITH",
    ),
    (
        "integer overflow",
        "a whole number grew beyond 64 bits; compute in doubles, as in sum(CAST(x AS DOUBLE))",
    ),
    (
        "too many columns in result set",
        "a result has at most 2,000 columns",
    ),
    (
        "too many terms in compound select",
        "at most 500 SELECTs are joined with UNION",
    ),
    (
        "at most 64 tables in a join",
        "at most 64 tables are joined",
    ),
    ("interrupted", "the query was stopped"),
    (
        "database or disk is full",
        "no space is left for a sort on the temporary disk",
    ),
    ("string or blob too big", "a text grew beyond a gigabyte"),
    (
        "out of memory",
        "the query ran out of memory; read fewer rows or columns",
    ),
    (
        "recursive reference in a subquery",
        "a recursive common table reads itself in FROM alone, once, and not in a subquery",
    ),
    (
        "multiple recursive references",
        "a recursive common table reads itself once",
    ),
    (
        "recursive aggregate queries not supported",
        "a recursive common table takes no aggregate over itself",
    ),
    (
        "like or glob pattern too complex",
        "the pattern of LIKE is longer than 50,000 bytes",
    ),
    (
        "distinct is not supported for window functions",
        "DISTINCT in a window function is not supported; take the distinct rows in a subquery first",
    ),
    (
        "order by is not allowed for",
        "ORDER BY inside a window function's parentheses is not supported; write it in OVER (...)",
    ),
    (
        "may not be used as a window function",
        "this function takes no OVER",
    ),
    (
        "frame starting offset must be",
        "a window's frame starts at a number of rows that is not negative",
    ),
    (
        "frame ending offset must be",
        "a window's frame ends at a number of rows that is not negative",
    ),
    (
        "second argument to nth_value must be",
        "nth_value counts from 1",
    ),
    (
        "argument of ntile must be",
        "ntile takes a number of groups above 0",
    ),
    ("datatype mismatch", "LIMIT and OFFSET take a whole number"),
    (
        "not authorized",
        "query only reads the tables trials, history, spectra and layers",
    ),
    ("attempt to write a readonly database", "query only reads"),
];

fn known(message: &str, catalog: &Catalog) -> Option<StatementError> {
    let words = |text: &str| {
        Some(StatementError::Engine {
            message: text.to_owned(),
        })
    };
    if let Some(name) = after(message, "no such table: ") {
        return Some(StatementError::NoTable {
            near: near(
                &name,
                catalog.tables.iter().map(|table| table.name.as_str()),
            ),
            name,
            hint: String::new(),
            at: At::default(),
        });
    }
    if let Some(name) = after(message, "no such column: ") {
        let columns = catalog
            .tables
            .iter()
            .flat_map(|table| table.columns.iter().map(|(name, _)| name.as_str()));
        let last = name
            .rsplit('.')
            .next()
            .unwrap_or(&name)
            .trim_matches('"')
            .to_owned();
        return Some(StatementError::NoColumn {
            place: String::new(),
            near: near(&last, columns),
            name: last,
            hint: String::new(),
            at: At::default(),
        });
    }
    if let Some(name) = after(message, "no such function: ") {
        let functions = catalog.functions.iter().chain(&catalog.aggregates);
        return Some(StatementError::NoFunction {
            near: near(&name, functions.map(String::as_str)),
            name,
            hint: String::new(),
            at: At::default(),
        });
    }
    if let Some(name) = after(message, "wrong number of arguments to function ") {
        let name = name.trim_end_matches("()");
        return words(&format!("{name} takes another number of arguments"));
    }
    let lower = message.to_lowercase();
    let found = LIMITS.iter().find(|(part, _)| lower.contains(part));
    found.and_then(|(_, text)| words(text))
}

fn after(message: &str, start: &str) -> Option<String> {
    let rest = &message[message.find(start)? + start.len()..];
    let end = rest.find([' ', ';', ',']).unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}
