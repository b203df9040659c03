//! Expressions: one arm a form, and whatever has none is refused.

use sqlparser::ast::{CaseWhen, Expr, Query, UnaryOperator};

use super::binder::Binder;
use super::compare::compared;
use super::constants::{as_condition, lists, literal, negation, place, shown};
use super::error::{At, Result, StatementError};
use super::types::{Kind, Node, quoted};
use crate::query::functions::ONLY_ROW;

impl<'q> Binder<'q> {
    /// The bound expression. What GROUP BY lists is grouped as a whole.
    pub(super) fn expr(&mut self, expr: &'q Expr) -> Result<Node> {
        let mark = self.free.len();
        let node = self.descend(At::default(), |binder| binder.form(expr))?;
        self.bounded(&node.sql)?;
        self.note_keys(&node.sql, mark);
        Ok(node)
    }

    /// An expression that is true or false.
    pub(super) fn condition(&mut self, expr: &'q Expr) -> Result<Node> {
        let node = self.expr(expr)?;
        as_condition(&node, place(expr))?;
        Ok(node)
    }

    fn form(&mut self, expr: &'q Expr) -> Result<Node> {
        match expr {
            Expr::Identifier(name) => self.column(name),
            Expr::CompoundIdentifier(names) => self.qualified(names),
            Expr::Nested(inner) => self.expr(inner),
            Expr::Value(value) => literal(&value.value, At::of(value.span)),
            Expr::TypedString(typed) => self.typed(typed),
            Expr::BinaryOp { left, op, right } => self.binary(expr, left, op, right),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::IsNull(inner) | Expr::IsUnknown(inner) => self.is(inner, "IS NULL"),
            Expr::IsNotNull(inner) | Expr::IsNotUnknown(inner) => self.is(inner, "IS NOT NULL"),
            Expr::IsTrue(inner) => self.is(inner, "IS TRUE"),
            Expr::IsNotTrue(inner) => self.is(inner, "IS NOT TRUE"),
            Expr::IsFalse(inner) => self.is(inner, "IS FALSE"),
            Expr::IsNotFalse(inner) => self.is(inner, "IS NOT FALSE"),
            Expr::IsDistinctFrom(left, right) => self.comparison(left, "IS DISTINCT FROM", right),
            Expr::IsNotDistinctFrom(left, right) => {
                self.comparison(left, "IS NOT DISTINCT FROM", right)
            }
            Expr::InList {
                expr,
                list,
                negated,
            } => self.in_list(expr, list, *negated),
            Expr::InSubquery {
                expr,
                subquery,
                negated,
            } => self.in_subquery(expr, subquery, *negated),
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => self.between(expr, *negated, low, high),
            Expr::AnyOp {
                left,
                compare_op,
                right,
                ..
            } => self.quantified(left, compare_op, right, false),
            Expr::AllOp {
                left,
                compare_op,
                right,
            } => self.quantified(left, compare_op, right, true),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(operand.as_deref(), conditions, else_result.as_deref()),
            Expr::Exists { subquery, negated } => {
                let bound = self.query(subquery)?;
                let head = format!("EXISTS({})", shown(subquery));
                let node = Node::new(format!("EXISTS ({})", bound.sql), head, Kind::Boolean);
                Ok(if *negated { negation(node) } else { node })
            }
            Expr::Subquery(query) => self.scalar(query),
            Expr::Tuple(values) => self.tuple(values),
            Expr::Function(function) => self.function(function),
            other => self.special(other),
        }
    }

    fn tuple(&mut self, values: &'q [Expr]) -> Result<Node> {
        let nodes = values
            .iter()
            .map(|value| self.expr(value))
            .collect::<Result<Vec<_>>>()?;
        let (sql, heads) = lists(&nodes);
        Ok(Node::new(
            format!("({sql})"),
            format!("\"row\"({heads})"),
            Kind::Unknown,
        ))
    }

    fn unary(&mut self, op: UnaryOperator, expr: &'q Expr) -> Result<Node> {
        match op {
            UnaryOperator::Not => Ok(negation(self.condition(expr)?)),
            UnaryOperator::Minus | UnaryOperator::Plus | UnaryOperator::BitwiseNot => {
                let node = self.expr(expr)?;
                if !node.kind.is_number()
                    && !matches!(node.kind, Kind::Boolean | Kind::Null | Kind::Unknown)
                {
                    return Err(StatementError::Computed {
                        expression: format!("`{op}{}`", node.head),
                        operand: node.described(),
                        cure: String::new(),
                        at: place(expr),
                    });
                }
                let constant = node
                    .sql
                    .starts_with(|first: char| first.is_ascii_digit() || first == '.');
                if op == UnaryOperator::Minus && constant {
                    return Ok(Node::new(
                        format!("-{}", node.sql),
                        format!("-{}", node.head),
                        node.kind,
                    ));
                }
                Ok(Node::new(
                    format!("({op} {})", node.sql),
                    format!("({op}({}))", node.head),
                    node.kind,
                ))
            }
            other => Err(StatementError::unsupported(
                format!("the operator `{other}`"),
                "",
                place(expr),
            )),
        }
    }

    fn is(&mut self, inner: &'q Expr, words: &str) -> Result<Node> {
        let node = if words.ends_with("NULL") {
            self.expr(inner)?
        } else {
            self.condition(inner)?
        };
        let head = match words {
            "IS TRUE" => format!("(CAST({} AS BOOLEAN) IS NOT DISTINCT FROM true)", node.head),
            "IS NOT TRUE" => format!("(CAST({} AS BOOLEAN) IS DISTINCT FROM true)", node.head),
            "IS FALSE" => format!(
                "(CAST({} AS BOOLEAN) IS NOT DISTINCT FROM false)",
                node.head
            ),
            "IS NOT FALSE" => format!("(CAST({} AS BOOLEAN) IS DISTINCT FROM false)", node.head),
            _ => format!("({} {words})", node.head),
        };
        Ok(Node::new(
            format!("({} {words})", node.sql),
            head,
            Kind::Boolean,
        ))
    }

    fn in_list(&mut self, expr: &'q Expr, list: &'q [Expr], negated: bool) -> Result<Node> {
        let node = self.expr(expr)?;
        let mut left = node.sql.clone();
        let mut sqls = Vec::new();
        let mut heads = Vec::new();
        let mut rows = false;
        for value in list {
            if let (Expr::Tuple(_), Expr::Tuple(_)) = (expr, value) {
                self.rows(expr, value)?;
                rows = true;
            }
            let other = self.expr(value)?;
            let (first, second) = compared(&node, &other, place(expr))?;
            left = first;
            sqls.push(second);
            heads.push(other.head);
        }
        // SQLite takes rows in an IN only from a query.
        let list = if rows {
            format!("VALUES {}", sqls.join(", "))
        } else {
            sqls.join(", ")
        };
        let plain = Node::new(
            format!("({left} IN ({list}))"),
            format!("({} IN ({}))", node.head, heads.join(", ")),
            Kind::Boolean,
        );
        Ok(if negated { negation(plain) } else { plain })
    }

    pub(super) fn in_subquery(
        &mut self,
        expr: &'q Expr,
        query: &'q Query,
        negated: bool,
    ) -> Result<Node> {
        let node = self.expr(expr)?;
        let bound = self.query(query)?;
        let wanted = match expr {
            Expr::Tuple(values) => values.len(),
            _ => 1,
        };
        if bound.columns.len() != wanted {
            return Err(StatementError::wrong(
                format!(
                    "the query of IN has {} columns where {wanted} is compared",
                    bound.columns.len()
                ),
                place(expr),
            ));
        }
        let mut left = node.sql.clone();
        if let ([column], 1) = (bound.columns.as_slice(), wanted) {
            let other = Node::new("", column.name.clone(), column.kind);
            let (first, second) = compared(&node, &other, place(expr))?;
            // A text column is no constant that could be read as a time.
            if second.is_empty() {
                left = first;
            }
        }
        let plain = Node::new(
            format!("({left} IN ({}))", bound.sql),
            format!("({} = ANY({}))", node.head, shown(query)),
            Kind::Boolean,
        );
        Ok(if negated { negation(plain) } else { plain })
    }

    fn between(
        &mut self,
        expr: &'q Expr,
        negated: bool,
        low: &'q Expr,
        high: &'q Expr,
    ) -> Result<Node> {
        let (node, low, high) = (self.expr(expr)?, self.expr(low)?, self.expr(high)?);
        let (first, low_sql) = compared(&node, &low, place(expr))?;
        let (second, high_sql) = compared(&node, &high, place(expr))?;
        let head = format!("({} BETWEEN {} AND {})", node.head, low.head, high.head);
        let sql = if first == second {
            format!("({first} BETWEEN {low_sql} AND {high_sql})")
        } else {
            format!("({first} >= {low_sql} AND {second} <= {high_sql})")
        };
        let plain = Node::new(sql, head, Kind::Boolean);
        Ok(if negated { negation(plain) } else { plain })
    }

    fn case(
        &mut self,
        operand: Option<&'q Expr>,
        conditions: &'q [CaseWhen],
        otherwise: Option<&'q Expr>,
    ) -> Result<Node> {
        let base = operand.map(|operand| self.expr(operand)).transpose()?;
        let mut sql = "CASE".to_owned();
        let mut head = "CASE ".to_owned();
        let mut kind = Kind::Null;
        for case in conditions {
            let (when, when_head) = match (&base, operand) {
                (Some(base), Some(operand)) => {
                    let value = self.expr(&case.condition)?;
                    let (left, right) = compared(base, &value, place(operand))?;
                    (
                        format!("({left} = {right})"),
                        format!("({} = {})", base.head, value.head),
                    )
                }
                _ => {
                    let condition = self.condition(&case.condition)?;
                    (condition.sql, condition.head)
                }
            };
            let result = self.expr(&case.result)?;
            kind = kind.or(result.kind);
            sql.push_str(&format!(" WHEN {when} THEN {}", result.sql));
            head.push_str(&format!(" WHEN ({when_head}) THEN ({})", result.head));
        }
        let last = match otherwise {
            Some(otherwise) => self.expr(otherwise)?,
            None => Node::new("NULL", "NULL", Kind::Null),
        };
        kind = kind.or(last.kind);
        Ok(Node::new(
            format!("({sql} ELSE {} END)", last.sql),
            format!("{head} ELSE {} END", last.head),
            kind,
        ))
    }

    fn scalar(&mut self, query: &'q Query) -> Result<Node> {
        let bound = self.query(query)?;
        match bound.columns.as_slice() {
            [column] => {
                let sql = match bound.one_row {
                    true => format!("({})", bound.sql),
                    // SQLite would take the first row and say nothing of the others.
                    false => format!(
                        "(SELECT {}({}) FROM ({}))",
                        quoted(ONLY_ROW),
                        quoted(&column.name),
                        bound.sql
                    ),
                };
                Ok(Node::new(sql, format!("({})", shown(query)), column.kind))
            }
            columns => Err(StatementError::wrong(
                format!(
                    "a subquery that stands for a value has one column, not {}",
                    columns.len()
                ),
                At::default(),
            )),
        }
    }
}
