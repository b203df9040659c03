//! ORDER BY: nulls come last unless the statement says otherwise, and a name means the column that comes out.

use sqlparser::ast::{Expr, OrderByExpr, OrderByOptions, Value};

use super::binder::{Binder, Place, same};
use super::error::{At, Result, StatementError};
use super::types::{Column, Node};

/// The terms of an ORDER BY in SQLite's words.
#[derive(Debug, Clone, Default)]
pub(super) struct Sorted {
    terms: Vec<String>,
}

impl Sorted {
    pub(super) fn push(&mut self, sql: String, never_null: bool, options: OrderByOptions) {
        let words = direction(never_null, options);
        self.terms.push(format!("{sql}{words}"));
    }

    pub(super) fn sql(&self) -> String {
        self.terms.join(", ")
    }
}

/// SQLite puts nulls first going up and last going down; DuckDB puts them last both times.
pub(super) fn direction(never_null: bool, options: OrderByOptions) -> &'static str {
    match (options.asc.unwrap_or(true), options.nulls_first) {
        (true, Some(true)) => "",
        (true, Some(false) | None) if never_null => "",
        (true, Some(false) | None) => " NULLS LAST",
        (false, Some(true)) if never_null => " DESC",
        (false, Some(true)) => " DESC NULLS FIRST",
        (false, Some(false) | None) => " DESC",
    }
}

/// The words of a term as DuckDB prints them in a header.
pub(super) fn direction_head(options: OrderByOptions) -> String {
    let mut words = String::new();
    match options.asc {
        Some(true) => words.push_str(" ASC"),
        Some(false) => words.push_str(" DESC"),
        None => {}
    }
    match options.nulls_first {
        Some(true) => words.push_str(" NULLS FIRST"),
        Some(false) => words.push_str(" NULLS LAST"),
        None => {}
    }
    words
}

/// The number of the output column that a term names or counts.
pub(super) fn output(expr: &Expr, columns: &[Column]) -> Result<Option<usize>> {
    match expr {
        Expr::Identifier(name) => Ok(columns
            .iter()
            .position(|column| same(&column.name, &name.value))),
        Expr::Nested(inner) => output(inner, columns),
        other => ordinal(other, columns.len(), "ORDER BY"),
    }
}

/// The index that a whole number stands for in ORDER BY and GROUP BY.
pub(super) fn ordinal(expr: &Expr, columns: usize, place: &str) -> Result<Option<usize>> {
    let Expr::Value(value) = expr else {
        return Ok(None);
    };
    let Value::Number(number, _) = &value.value else {
        return Ok(None);
    };
    match number.parse::<usize>() {
        Ok(number) if (1..=columns).contains(&number) => Ok(Some(number - 1)),
        _ => Err(StatementError::wrong(
            format!("{place} {number}: the columns are counted from 1 to {columns}"),
            At::of(value.span),
        )),
    }
}

/// The ORDER BY of a window or an aggregate: its SQL and its header.
impl<'q> Binder<'q> {
    pub(super) fn order_within(&mut self, terms: &'q [OrderByExpr]) -> Result<(String, String)> {
        let mut sorted = Sorted::default();
        let mut heads = Vec::new();
        for term in terms {
            let node = self.expr(&term.expr)?;
            heads.push(format!("{}{}", node.head, direction_head(term.options)));
            sorted.push(constant_free(&node), node.never_null, term.options);
        }
        Ok((sorted.sql(), heads.join(", ")))
    }

    /// A term of a SELECT's own ORDER BY: an output column, or an expression.
    pub(super) fn order_term(
        &mut self,
        term: &'q OrderByExpr,
        outputs: &[Column],
        nodes: &[Node],
    ) -> Result<OrderTerm> {
        if term.with_fill.is_some() {
            return Err(StatementError::unsupported("WITH FILL", "", At::default()));
        }
        if let Some(index) = output(&term.expr, outputs)? {
            return Ok(OrderTerm::Output(index));
        }
        if let Expr::Value(value) = &term.expr {
            let what = format!(
                "ORDER BY {value} orders by a constant; a column's name stands without single quotes"
            );
            return Err(StatementError::wrong(what, At::of(value.span)));
        }
        let node = self.at_place(Place::OrderBy, |binder| binder.expr(&term.expr))?;
        match nodes.iter().position(|other| other.sql == node.sql) {
            Some(index) => Ok(OrderTerm::Output(index)),
            None => Ok(OrderTerm::Other(node)),
        }
    }
}

/// What a term of ORDER BY sorts by.
#[derive(Debug, Clone)]
pub(super) enum OrderTerm {
    /// An output column.
    Output(usize),
    Other(Node),
}

/// A whole number in an ORDER BY or GROUP BY would count columns in SQLite.
pub(super) fn constant_free(node: &Node) -> String {
    if node.sql.parse::<f64>().is_ok() {
        "NULL".to_owned()
    } else {
        node.sql.clone()
    }
}
