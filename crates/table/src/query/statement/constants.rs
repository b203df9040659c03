//! Constants, and what every form of expression shares: lists, negation, the place of an error.

use sqlparser::ast::{Expr, Query, Value};

use super::error::{At, Result, StatementError};
use super::types::{Kind, Node, text};

pub(super) fn negation(node: Node) -> Node {
    Node::new(
        format!("(NOT {})", node.sql),
        format!("(NOT {})", node.head),
        Kind::Boolean,
    )
}

pub(super) fn as_condition(node: &Node, at: At) -> Result<()> {
    if matches!(node.kind, Kind::Text | Kind::Timestamp | Kind::Date) {
        return Err(StatementError::Condition {
            operand: node.described(),
            at,
        });
    }
    Ok(())
}

/// The SQL and the headers of a list.
pub(super) fn lists(nodes: &[Node]) -> (String, String) {
    let sql: Vec<&str> = nodes.iter().map(|node| node.sql.as_str()).collect();
    let heads: Vec<&str> = nodes.iter().map(|node| node.head.as_str()).collect();
    (sql.join(", "), heads.join(", "))
}

/// A query as a header prints it.
pub(super) fn shown(query: &Query) -> String {
    let text = query.to_string().replace(super::tokens::EXCLUDE_MARK, "");
    text.replace("count(*)", "count_star()")
}

pub(super) fn literal(value: &Value, at: At) -> Result<Node> {
    Ok(match value {
        Value::Number(number, _) => {
            let plain = number.replace('_', "");
            let whole = plain.bytes().all(|byte| byte.is_ascii_digit());
            // A number too large for 64 bits is a double, as in SQLite.
            let kind = if whole && (plain.parse::<i64>().is_ok() || plain == "9223372036854775808")
            {
                Kind::Integer
            } else {
                Kind::Real
            };
            Node::new(plain, number.clone(), kind)
        }
        Value::HexStringLiteral(digits) => {
            if digits.len() > 16
                || digits.is_empty()
                || !digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            {
                return Err(StatementError::wrong(
                    format!("0x{digits} is no number of 64 bits"),
                    at,
                ));
            }
            Node::new(format!("0x{digits}"), format!("0x{digits}"), Kind::Integer)
        }
        Value::SingleQuotedString(string)
        | Value::EscapedStringLiteral(string)
        | Value::UnicodeStringLiteral(string) => {
            // SQLite ends a statement at a zero byte.
            if string.contains('\0') {
                return Err(StatementError::wrong("a text with a zero byte", at));
            }
            Node::new(text(string), text(string), Kind::Text)
        }
        Value::Boolean(true) => Node::new("TRUE", "true", Kind::Boolean),
        Value::Boolean(false) => Node::new("FALSE", "false", Kind::Boolean),
        Value::Null => Node::new("NULL", "NULL", Kind::Null),
        Value::Placeholder(name) => {
            return Err(StatementError::unsupported(
                format!("the parameter `{name}`"),
                "write the value itself",
                at,
            ));
        }
        other => {
            return Err(StatementError::unsupported(
                format!("the constant {other}"),
                "text is written as 'text'",
                at,
            ));
        }
    })
}

/// Where an expression starts, as far as the parser says: its first name or constant.
pub(super) fn place(expr: &Expr) -> At {
    // The left edge can be as long as the statement, and an error is worth a few steps.
    const STEPS: usize = 64;
    let mut expr = expr;
    for _ in 0..STEPS {
        expr = match expr {
            Expr::Identifier(name) => return At::of(name.span),
            Expr::CompoundIdentifier(names) => {
                return names
                    .first()
                    .map(|name| At::of(name.span))
                    .unwrap_or_default();
            }
            Expr::Value(value) => return At::of(value.span),
            Expr::Function(function) => return super::call::place(function),
            Expr::BinaryOp { left, .. } => left,
            Expr::Nested(inner)
            | Expr::Cast { expr: inner, .. }
            | Expr::UnaryOp { expr: inner, .. } => inner,
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => inner,
            Expr::Between { expr, .. } | Expr::InList { expr, .. } | Expr::Like { expr, .. } => {
                expr
            }
            _ => return At::default(),
        };
    }
    At::default()
}
