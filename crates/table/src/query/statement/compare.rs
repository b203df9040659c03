//! Which values go together in a comparison and in arithmetic, and the cure where they do not.

use super::error::{At, Result, StatementError};
use super::types::{Kind, Node};

/// A Boolean in a text is true or false, as in DuckDB.
pub(super) fn as_text(node: &Node) -> String {
    if node.kind == Kind::Boolean {
        format!(
            "(CASE {} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)",
            node.sql
        )
    } else {
        node.sql.clone()
    }
}

pub(super) fn needs_text(node: &Node, function: &str, at: At) -> Result<()> {
    if matches!(node.kind, Kind::Text | Kind::Unknown | Kind::Null) {
        return Ok(());
    }
    Err(StatementError::Argument {
        function: function.to_owned(),
        wanted: "text",
        argument: node.described(),
        at,
    })
}

/// The SQL of both sides of a comparison. A text beside a time is read as a time.
pub(super) fn compared(left: &Node, right: &Node, at: At) -> Result<(String, String)> {
    let time = |node: &Node, kind: Kind| match (kind, node.kind) {
        (Kind::Timestamp, Kind::Text | Kind::Date) => call("timestamp", &node.sql),
        (Kind::Date, Kind::Text) => call("date", &node.sql),
        _ => node.sql.clone(),
    };
    let plain = || Ok((left.sql.clone(), right.sql.clone()));
    match (left.kind, right.kind) {
        (Kind::Unknown | Kind::Null, _) | (_, Kind::Unknown | Kind::Null) => plain(),
        (one, other) if one == other => plain(),
        (
            Kind::Integer | Kind::Real | Kind::Boolean,
            Kind::Integer | Kind::Real | Kind::Boolean,
        ) => plain(),
        (Kind::Timestamp, Kind::Text | Kind::Date) | (Kind::Text | Kind::Date, Kind::Timestamp) => {
            Ok((time(left, Kind::Timestamp), time(right, Kind::Timestamp)))
        }
        (Kind::Date, Kind::Text) | (Kind::Text, Kind::Date) => {
            Ok((time(left, Kind::Date), time(right, Kind::Date)))
        }
        _ => Err(StatementError::Compared {
            left: left.described(),
            right: right.described(),
            cure: cure(left, right),
            at,
        }),
    }
}

/// A subquery's column has no SQL of its own here.
fn call(function: &str, sql: &str) -> String {
    if sql.is_empty() {
        String::new()
    } else {
        format!("{function}({sql})")
    }
}

fn cure(left: &Node, right: &Node) -> String {
    let (text, other) = if left.kind == Kind::Text {
        (left, right)
    } else {
        (right, left)
    };
    let bare = text.head.trim_matches('\'');
    match (other.kind, text.kind) {
        (Kind::Boolean, Kind::Text) if text.head.starts_with('\'') => {
            let word = match bare.to_lowercase().as_str() {
                "false" | "f" | "no" | "0" => "false",
                _ => "true",
            };
            format!("; write {} = {word} without quotes", other.shown())
        }
        (Kind::Integer | Kind::Real, Kind::Text)
            if bare.parse::<f64>().is_ok() && text.head.starts_with('\'') =>
        {
            format!("; write {bare} without quotes")
        }
        (Kind::Integer | Kind::Real, Kind::Text) if !text.head.starts_with('\'') => {
            format!("; write CAST({} AS DOUBLE)", text.shown())
        }
        (Kind::Integer | Kind::Real, Kind::Timestamp | Kind::Date)
        | (Kind::Timestamp | Kind::Date, _) => "; epoch(t) is a time in seconds".to_owned(),
        _ => String::new(),
    }
}

pub(super) fn check_numbers(
    left: &Node,
    sign: &str,
    right: &Node,
    expression: &str,
    at: At,
) -> Result<()> {
    let wrong = [left, right]
        .into_iter()
        .find(|node| matches!(node.kind, Kind::Text | Kind::Timestamp | Kind::Date));
    let Some(wrong) = wrong else {
        return Ok(());
    };
    let cure = if left.kind.is_time() && right.kind.is_time() {
        format!(
            "; write date_diff('second', {}, {}) or epoch(t)",
            right.shown(),
            left.shown()
        )
    } else if wrong.kind.is_time() {
        format!("; write epoch({}), or add an INTERVAL", wrong.shown())
    } else if sign == "+" && left.kind == Kind::Text && right.kind == Kind::Text {
        "; texts are joined with ||".to_owned()
    } else {
        format!("; write CAST({} AS DOUBLE)", wrong.shown())
    };
    let expression = expression
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(expression);
    Err(StatementError::Computed {
        expression: format!("`{expression}`"),
        operand: wrong.described(),
        cure,
        at,
    })
}
