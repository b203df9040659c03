//! Operators: comparisons between values of one kind, arithmetic on numbers, times with intervals.

use sqlparser::ast::{BinaryOperator, Expr};

use super::binder::Binder;
use super::compare::{as_text, check_numbers, compared, needs_text};
use super::constants::{negation, place};
use super::error::{Result, StatementError};
use super::types::{Kind, Node};

impl<'q> Binder<'q> {
    pub(super) fn binary(
        &mut self,
        whole: &'q Expr,
        left: &'q Expr,
        op: &BinaryOperator,
        right: &'q Expr,
    ) -> Result<Node> {
        match op {
            BinaryOperator::And => self.chain(whole, "AND"),
            BinaryOperator::Or => self.chain(whole, "OR"),
            BinaryOperator::Eq => self.comparison(left, "=", right),
            BinaryOperator::NotEq => self.comparison(left, "!=", right),
            BinaryOperator::Lt => self.comparison(left, "<", right),
            BinaryOperator::LtEq => self.comparison(left, "<=", right),
            BinaryOperator::Gt => self.comparison(left, ">", right),
            BinaryOperator::GtEq => self.comparison(left, ">=", right),
            BinaryOperator::Plus | BinaryOperator::Minus => match (left, right) {
                (_, Expr::Interval(interval)) => {
                    self.shifted(left, interval, *op == BinaryOperator::Minus)
                }
                (Expr::Interval(interval), _) if *op == BinaryOperator::Plus => {
                    self.shifted(right, interval, false)
                }
                _ => self.arithmetic(left, op, right),
            },
            BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo
            | BinaryOperator::DuckIntegerDivide
            | BinaryOperator::BitwiseXor
            | BinaryOperator::PGExp
            | BinaryOperator::BitwiseAnd
            | BinaryOperator::BitwiseOr
            | BinaryOperator::PGBitwiseShiftLeft
            | BinaryOperator::PGBitwiseShiftRight => self.arithmetic(left, op, right),
            BinaryOperator::StringConcat => {
                let (one, other) = (self.expr(left)?, self.expr(right)?);
                let head = format!("({} || {})", one.head, other.head);
                Ok(Node::new(
                    format!("({} || {})", as_text(&one), as_text(&other)),
                    head,
                    Kind::Text,
                ))
            }
            BinaryOperator::PGRegexMatch | BinaryOperator::Regexp => {
                self.matches(left, right, "regexp_matches", false, false)
            }
            BinaryOperator::PGRegexNotMatch => {
                self.matches(left, right, "regexp_matches", true, false)
            }
            BinaryOperator::PGRegexIMatch => {
                self.matches(left, right, "regexp_matches", false, true)
            }
            BinaryOperator::PGRegexNotIMatch => {
                self.matches(left, right, "regexp_matches", true, true)
            }
            BinaryOperator::PGLikeMatch => self.like(left, right, None, false, false),
            BinaryOperator::PGNotLikeMatch => self.like(left, right, None, true, false),
            BinaryOperator::PGILikeMatch => self.like(left, right, None, false, true),
            BinaryOperator::PGNotILikeMatch => self.like(left, right, None, true, true),
            other => Err(StatementError::unsupported(
                format!("the operator `{other}`"),
                "",
                place(left),
            )),
        }
    }

    /// AND and OR: a long row of them is a balanced tree for SQLite, whose expressions end 1,000 deep.
    fn chain(&mut self, whole: &'q Expr, word: &str) -> Result<Node> {
        let mut parts: Vec<&'q Expr> = Vec::new();
        let mut rest = whole;
        while let Expr::BinaryOp { left, op, right } = rest {
            if !matches!(
                (op, word),
                (BinaryOperator::And, "AND") | (BinaryOperator::Or, "OR")
            ) {
                break;
            }
            parts.push(right);
            rest = left;
        }
        parts.push(rest);
        parts.reverse();
        let nodes = parts
            .into_iter()
            .map(|part| self.condition(part))
            .collect::<Result<Vec<_>>>()?;
        let sqls: Vec<&str> = nodes.iter().map(|node| node.sql.as_str()).collect();
        let heads: Vec<&str> = nodes.iter().map(|node| node.head.as_str()).collect();
        let head = format!("({})", heads.join(&format!(" {word} ")));
        Ok(Node::new(balanced(&sqls, word), head, Kind::Boolean))
    }

    pub(super) fn comparison(&mut self, left: &'q Expr, op: &str, right: &'q Expr) -> Result<Node> {
        if let (Expr::Tuple(_), Expr::Tuple(_)) = (left, right) {
            self.rows(left, right)?;
        }
        let (one, other) = (self.expr(left)?, self.expr(right)?);
        let (first, second) = compared(&one, &other, place(left))?;
        let head = format!("({} {op} {})", one.head, other.head);
        Ok(Node::new(
            format!("({first} {op} {second})"),
            head,
            Kind::Boolean,
        ))
    }

    /// Two rows are compared value by value.
    pub(super) fn rows(&mut self, left: &'q Expr, right: &'q Expr) -> Result<()> {
        let (Expr::Tuple(ones), Expr::Tuple(others)) = (left, right) else {
            return Ok(());
        };
        if ones.len() != others.len() {
            return Err(StatementError::wrong(
                format!(
                    "a row of {} values is compared with one of {}",
                    ones.len(),
                    others.len()
                ),
                ones.first().map(place).unwrap_or_default(),
            ));
        }
        let mark = self.free.len();
        for (one, other) in ones.iter().zip(others) {
            let (first, second) = (self.expr(one)?, self.expr(other)?);
            compared(&first, &second, place(one))?;
        }
        self.free.truncate(mark);
        Ok(())
    }

    /// `= ANY (SELECT ...)` is IN, `<> ALL` is NOT IN; SQLite has no other.
    pub(super) fn quantified(
        &mut self,
        left: &'q Expr,
        op: &BinaryOperator,
        right: &'q Expr,
        all: bool,
    ) -> Result<Node> {
        let query = match right {
            Expr::Subquery(query) => query,
            Expr::Nested(inner) => match inner.as_ref() {
                Expr::Subquery(query) => query,
                _ => {
                    return Err(StatementError::unsupported(
                        "ANY and ALL of a list",
                        "write IN (...)",
                        place(left),
                    ));
                }
            },
            _ => {
                return Err(StatementError::unsupported(
                    "ANY and ALL of a list",
                    "write IN (...)",
                    place(left),
                ));
            }
        };
        let negated = match (op, all) {
            (BinaryOperator::Eq, false) => false,
            (BinaryOperator::NotEq, true) => true,
            _ => {
                return Err(StatementError::unsupported(
                    format!("`{op} {}`", if all { "ALL" } else { "ANY" }),
                    "compare with (SELECT min(...)) or (SELECT max(...))",
                    place(left),
                ));
            }
        };
        self.in_subquery(left, query, negated)
    }

    fn arithmetic(&mut self, left: &'q Expr, op: &BinaryOperator, right: &'q Expr) -> Result<Node> {
        let (one, other) = (self.expr(left)?, self.expr(right)?);
        let sign = match op {
            BinaryOperator::PGExp => "^".to_owned(),
            other => other.to_string(),
        };
        let head = format!("({} {sign} {})", one.head, other.head);
        let expression = format!("({} {sign} {})", one.shown(), other.shown());
        check_numbers(&one, &sign, &other, &expression, place(left))?;
        let both = if one.kind == Kind::Integer && other.kind == Kind::Integer {
            Kind::Integer
        } else if [one.kind, other.kind].contains(&Kind::Unknown) {
            Kind::Unknown
        } else if [one.kind, other.kind].contains(&Kind::Real) {
            Kind::Real
        } else {
            Kind::Integer
        };
        let (sql, kind) = match op {
            BinaryOperator::BitwiseXor | BinaryOperator::PGExp => {
                (format!("pow({}, {})", one.sql, other.sql), Kind::Real)
            }
            // SQLite's own % cuts both sides to whole numbers.
            BinaryOperator::Modulo if both != Kind::Integer => {
                (format!("mod({}, {})", one.sql, other.sql), both)
            }
            BinaryOperator::DuckIntegerDivide => (format!("({} / {})", one.sql, other.sql), both),
            _ => (format!("({} {sign} {})", one.sql, other.sql), both),
        };
        Ok(Node::new(sql, head, kind))
    }

    pub(super) fn matches(
        &mut self,
        left: &'q Expr,
        right: &'q Expr,
        function: &str,
        negated: bool,
        caseless: bool,
    ) -> Result<Node> {
        let (one, other) = (self.expr(left)?, self.expr(right)?);
        needs_text(&one, function, place(left))?;
        let pattern = if caseless {
            format!("('(?i)' || {})", other.sql)
        } else {
            other.sql
        };
        let node = Node::new(
            format!("{function}({}, {pattern})", one.sql),
            format!("{function}({}, {})", one.head, other.head),
            Kind::Boolean,
        );
        Ok(if negated { negation(node) } else { node })
    }

    pub(super) fn like(
        &mut self,
        left: &'q Expr,
        right: &'q Expr,
        escape: Option<String>,
        negated: bool,
        caseless: bool,
    ) -> Result<Node> {
        let (one, other) = (self.expr(left)?, self.expr(right)?);
        needs_text(&one, if caseless { "ILIKE" } else { "LIKE" }, place(left))?;
        let (first, second) = if caseless {
            (
                format!("lower({})", one.sql),
                format!("lower({})", other.sql),
            )
        } else {
            (one.sql, other.sql)
        };
        let words = if negated { "NOT LIKE" } else { "LIKE" };
        let sign = match (negated, caseless) {
            (false, false) => "~~",
            (true, false) => "!~~",
            (false, true) => "~~*",
            (true, true) => "!~~*",
        };
        let (tail, head) = match escape {
            None => (
                String::new(),
                format!("({} {sign} {})", one.head, other.head),
            ),
            Some(escape) => (
                format!(" ESCAPE {escape}"),
                format!("like_escape({}, {}, {escape})", one.head, other.head),
            ),
        };
        Ok(Node::new(
            format!("({first} {words} {second}{tail})"),
            head,
            Kind::Boolean,
        ))
    }
}

/// Parentheses in halves.
fn balanced(parts: &[&str], word: &str) -> String {
    match parts {
        [] => "TRUE".to_owned(),
        [part] => (*part).to_owned(),
        parts => {
            let (left, right) = parts.split_at(parts.len() / 2);
            format!(
                "({} {word} {})",
                balanced(left, word),
                balanced(right, word)
            )
        }
    }
}
