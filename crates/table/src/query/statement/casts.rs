//! CAST: SQLite's own reads any text as a number (0 where it is none), so the casts from text are functions of ours.

use sqlparser::ast::DataType;

use super::compare::as_text;
use super::error::{At, Result, StatementError};
use super::types::{Kind, Node};

/// What a value is cast to, and the type's name as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    kind: Kind,
    /// The digits after the point of a DECIMAL.
    scale: Option<u32>,
    name: String,
}

/// DECIMAL without digits is DECIMAL(18, 3) in DuckDB.
const DECIMAL_SCALE: u32 = 3;

impl Target {
    pub(super) fn of(data_type: &DataType, at: At) -> Result<Self> {
        let name = data_type.to_string().to_uppercase();
        let (base, numbers) = match name.split_once('(') {
            Some((base, rest)) => (base.trim(), rest.trim_end_matches(')')),
            None => (name.as_str(), ""),
        };
        let mut scale = None;
        let kind = match base {
            "TINYINT" | "SMALLINT" | "INT" | "INTEGER" | "BIGINT" | "HUGEINT" | "INT1" | "INT2"
            | "INT4" | "INT8" | "INT16" | "INT32" | "INT64" | "UTINYINT" | "USMALLINT"
            | "UINTEGER" | "UBIGINT" | "LONG" | "SHORT" | "SIGNED" => Kind::Integer,
            "DOUBLE" | "DOUBLE PRECISION" | "REAL" | "FLOAT" | "FLOAT4" | "FLOAT8" | "FLOAT32"
            | "FLOAT64" => Kind::Real,
            "DECIMAL" | "NUMERIC" | "DEC" => {
                let digits = numbers
                    .split(',')
                    .nth(1)
                    .and_then(|digits| digits.trim().parse().ok());
                scale = Some(digits.unwrap_or(if numbers.is_empty() { DECIMAL_SCALE } else { 0 }));
                Kind::Real
            }
            "VARCHAR" | "TEXT" | "STRING" | "CHAR" | "CHARACTER VARYING" | "CHARACTER"
            | "NVARCHAR" | "BPCHAR" => Kind::Text,
            "BOOLEAN" | "BOOL" | "LOGICAL" => Kind::Boolean,
            "DATE" => Kind::Date,
            "TIMESTAMP" | "DATETIME" | "TIMESTAMP WITHOUT TIME ZONE" => Kind::Timestamp,
            _ => {
                return Err(StatementError::unsupported(
                    format!("the type {name}"),
                    "there are BIGINT, DOUBLE, VARCHAR, BOOLEAN, DATE and TIMESTAMP",
                    at,
                ));
            }
        };
        let name = match name.as_str() {
            "INT" => "INTEGER".to_owned(),
            "REAL" => "FLOAT".to_owned(),
            _ => name.replace(",", ", ").replace(",  ", ", "),
        };
        Ok(Self { kind, scale, name })
    }
}

/// `short` is the form `x::type`, in which DuckDB keeps the small letters of a type that is no keyword.
pub(super) fn cast(node: &Node, target: &Target, attempt: bool, short: bool) -> Node {
    let name = match target.name.as_str() {
        "DOUBLE" | "DATE" | "TEXT" | "STRING" | "BOOL" if short => target.name.to_lowercase(),
        other => other.to_owned(),
    };
    let word = if attempt { "TRY_CAST" } else { "CAST" };
    let head = format!("{word}({} AS {name})", node.head);
    let function =
        |name: &str| format!("{}{name}({})", if attempt { "try_" } else { "" }, node.sql);
    let sql = match (target.kind, node.kind) {
        (Kind::Integer, Kind::Integer)
        | (Kind::Text, Kind::Text | Kind::Date)
        | (Kind::Timestamp, Kind::Timestamp) => node.sql.clone(),
        (Kind::Integer, Kind::Boolean) => format!("CAST({} AS INTEGER)", node.sql),
        (Kind::Integer, _) => function("cast_integer"),
        (Kind::Real, Kind::Integer | Kind::Real | Kind::Boolean) => {
            format!("CAST({} AS REAL)", node.sql)
        }
        (Kind::Real, _) => function("cast_real"),
        (Kind::Text, Kind::Boolean) => as_text(node),
        (Kind::Text, _) => format!("CAST({} AS TEXT)", node.sql),
        (Kind::Boolean, Kind::Boolean) => node.sql.clone(),
        (Kind::Boolean, _) => function("cast_boolean"),
        (Kind::Date, _) => format!("date({})", node.sql),
        (Kind::Timestamp, _) => function("timestamp"),
        (Kind::Null | Kind::Unknown, _) => node.sql.clone(),
    };
    let sql = match target.scale {
        Some(scale) => format!("round({sql}, {scale})"),
        None => sql,
    };
    Node {
        sql,
        head,
        kind: target.kind,
        never_null: node.never_null && target.kind == node.kind,
    }
}
