//! Forms with words of their own, as functions: LIKE, CAST, EXTRACT, SUBSTRING, TRIM, INTERVAL.

use sqlparser::ast::{
    CastKind, CeilFloorKind, DateTimeField, Expr, TrimWhereField, TypedString, Value,
};

use super::binder::{Binder, same};
use super::casts::{Target, cast};
use super::constants::{literal, place};
use super::error::{At, Result, StatementError};
use super::types::{Kind, Node, text};

impl<'q> Binder<'q> {
    pub(super) fn special(&mut self, expr: &'q Expr) -> Result<Node> {
        match expr {
            Expr::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char,
            } => self.like(
                expr,
                pattern,
                escape(escape_char.as_ref())?,
                *negated,
                false,
            ),
            Expr::ILike {
                negated,
                any: false,
                expr,
                pattern,
                escape_char,
            } => self.like(expr, pattern, escape(escape_char.as_ref())?, *negated, true),
            Expr::SimilarTo {
                negated,
                expr,
                pattern,
                escape_char: None,
            } => self.matches(expr, pattern, "regexp_full_match", *negated, false),
            Expr::RLike {
                negated,
                expr,
                pattern,
                ..
            } => self.matches(expr, pattern, "regexp_matches", *negated, false),
            Expr::Cast {
                kind,
                expr,
                data_type,
                array: false,
                format: None,
            } => self.cast(expr, kind, data_type),
            Expr::Extract { field, expr, .. } => self.extract(field, expr),
            Expr::Ceil {
                expr,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => self.call_of("ceil", &[expr]),
            Expr::Floor {
                expr,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => self.call_of("floor", &[expr]),
            other => self.cut(other),
        }
    }

    /// The forms that cut texts.
    fn cut(&mut self, expr: &'q Expr) -> Result<Node> {
        match expr {
            Expr::Position { expr, r#in } => {
                let (part, whole) = (self.expr(expr)?, self.expr(r#in)?);
                let head = format!("\"position\"({}, {})", whole.head, part.head);
                Ok(Node::new(
                    format!("instr({}, {})", whole.sql, part.sql),
                    head,
                    Kind::Integer,
                ))
            }
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                shorthand,
                ..
            } => self.substring(
                expr,
                substring_from.as_deref(),
                substring_for.as_deref(),
                *shorthand,
            ),
            Expr::Trim {
                trim_where,
                trim_what,
                expr,
                trim_characters,
            } => self.trim(
                *trim_where,
                trim_what.as_deref(),
                expr,
                trim_characters.as_deref(),
            ),
            Expr::Collate { expr, collation } => {
                let name = collation.to_string();
                if !["nocase", "binary", "rtrim"]
                    .iter()
                    .any(|known| same(known, &name))
                {
                    return Err(StatementError::unsupported(
                        format!("COLLATE {name}"),
                        "NOCASE and BINARY exist",
                        place(expr),
                    ));
                }
                let node = self.expr(expr)?;
                let upper = name.to_uppercase();
                Ok(Node::new(
                    format!("({} COLLATE {upper})", node.sql),
                    format!("{} COLLATE {upper}", node.head),
                    node.kind,
                ))
            }
            other => Err(refused(other)),
        }
    }

    /// A function that the parser has a form of its own for.
    fn call_of(&mut self, name: &str, arguments: &[&'q Expr]) -> Result<Node> {
        let nodes = arguments
            .iter()
            .map(|argument| self.expr(argument))
            .collect::<Result<Vec<_>>>()?;
        if let (Some(first), true) = (nodes.first(), super::kinds::needs_number(name))
            && (first.kind == Kind::Text || first.kind.is_time())
        {
            return Err(StatementError::Argument {
                function: name.to_owned(),
                wanted: "number",
                argument: first.described(),
                at: arguments
                    .first()
                    .map(|argument| place(argument))
                    .unwrap_or_default(),
            });
        }
        let (sql, heads) = super::constants::lists(&nodes);
        let kind = super::kinds::of_call(name, &nodes);
        Ok(Node::new(
            format!("{name}({sql})"),
            format!("{}({heads})", super::keywords::name(name)),
            kind,
        ))
    }

    fn substring(
        &mut self,
        expr: &'q Expr,
        from: Option<&'q Expr>,
        length: Option<&'q Expr>,
        short: bool,
    ) -> Result<Node> {
        let whole = self.expr(expr)?;
        let start = match from {
            Some(from) => self.expr(from)?,
            None => Node::new("1", "1", Kind::Integer),
        };
        let mut nodes = vec![whole, start];
        if let Some(length) = length {
            nodes.push(self.expr(length)?);
        }
        let (sql, heads) = super::constants::lists(&nodes);
        let head = if short { "substr" } else { "\"substring\"" };
        Ok(Node::new(
            format!("substr({sql})"),
            format!("{head}({heads})"),
            Kind::Text,
        ))
    }

    fn trim(
        &mut self,
        side: Option<TrimWhereField>,
        what: Option<&'q Expr>,
        expr: &'q Expr,
        characters: Option<&'q [Expr]>,
    ) -> Result<Node> {
        let name = match side {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            Some(TrimWhereField::Both) | None => "trim",
        };
        let mut nodes = vec![self.expr(expr)?];
        for part in what.into_iter().chain(characters.into_iter().flatten()) {
            nodes.push(self.expr(part)?);
        }
        let (sql, heads) = super::constants::lists(&nodes);
        Ok(Node::new(
            format!("{name}({sql})"),
            format!("{}({heads})", super::keywords::name(name)),
            Kind::Text,
        ))
    }

    fn extract(&mut self, field: &DateTimeField, expr: &'q Expr) -> Result<Node> {
        let node = self.expr(expr)?;
        if node.kind.is_number() || node.kind == Kind::Boolean {
            return Err(StatementError::Argument {
                function: "EXTRACT".to_owned(),
                wanted: "timestamp",
                argument: node.described(),
                at: place(expr),
            });
        }
        let name = field.to_string().trim_matches(['\'', '"']).to_lowercase();
        let shown = match field {
            DateTimeField::Custom(custom) if custom.quote_style.is_some() => name.clone(),
            _ => name.to_uppercase(),
        };
        let kind = if name == "epoch" {
            Kind::Real
        } else {
            Kind::Integer
        };
        Ok(Node::new(
            format!("date_part({}, {})", text(&name), node.sql),
            format!("date_part('{shown}', {})", node.head),
            kind,
        ))
    }

    fn cast(
        &mut self,
        expr: &'q Expr,
        kind: &CastKind,
        data_type: &sqlparser::ast::DataType,
    ) -> Result<Node> {
        let node = self.expr(expr)?;
        let attempt = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
        let target = Target::of(data_type, place(expr))?;
        Ok(cast(
            &node,
            &target,
            attempt,
            *kind == CastKind::DoubleColon,
        ))
    }

    /// DATE '...' and TIMESTAMP '...'.
    pub(super) fn typed(&mut self, typed: &'q TypedString) -> Result<Node> {
        let at = At::of(typed.value.span);
        let value = literal(&typed.value.value, at)?;
        let target = Target::of(&typed.data_type, at)?;
        Ok(cast(&value, &target, false, false))
    }
}

fn escape(escape: Option<&sqlparser::ast::ValueWithSpan>) -> Result<Option<String>> {
    match escape {
        None => Ok(None),
        Some(value) => match &value.value {
            Value::SingleQuotedString(letter) if letter.chars().count() == 1 => {
                Ok(Some(text(letter)))
            }
            other => Err(StatementError::wrong(
                format!("ESCAPE takes one letter, not {other}"),
                At::of(value.span),
            )),
        },
    }
}

/// What SQLite has no words for.
fn refused(expr: &Expr) -> StatementError {
    match expr {
        Expr::Interval(interval) => StatementError::unsupported(
            format!("`{interval}` by itself"),
            "an INTERVAL is added to a timestamp; the time between two is date_diff('second', a, b)",
            At::default(),
        ),
        Expr::AtTimeZone { timestamp, .. } => {
            StatementError::unsupported("AT TIME ZONE", "times are in UTC", place(timestamp))
        }
        Expr::Array(_)
        | Expr::Struct { .. }
        | Expr::Dictionary(_)
        | Expr::Map(_)
        | Expr::CompoundFieldAccess { .. } => StatementError::unsupported(
            "a list, struct or map",
            "string_agg(x, ',') joins values into a text",
            At::default(),
        ),
        Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) => StatementError::unsupported(
            "ROLLUP, CUBE and GROUPING SETS",
            "join one SELECT for each grouping with UNION ALL",
            At::default(),
        ),
        other => {
            let shown: String = other.to_string().chars().take(60).collect();
            StatementError::unsupported(format!("`{shown}`"), "", place(other))
        }
    }
}
