//! The ends of a query: VALUES, LIMIT, and ORDER BY over what comes out.

use sqlparser::ast::{Expr, Fetch, LimitClause, OrderBy, OrderByKind, Values};

use super::binder::{Binder, Place};
use super::error::{At, Result, StatementError};
use super::order::Sorted;
use super::query::Bound;
use super::types::{Column, Kind};

impl<'q> Binder<'q> {
    pub(super) fn values(&mut self, values: &'q Values) -> Result<Bound> {
        let rows = values.rows.iter().map(|row| {
            self.apart(Place::Values, |binder| {
                row.content
                    .iter()
                    .map(|cell| binder.expr(cell))
                    .collect::<Result<Vec<_>>>()
            })
        });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let width = rows.first().map_or(0, Vec::len);
        if rows.iter().any(|row| row.len() != width) || width == 0 {
            return Err(StatementError::wrong(
                "the rows of VALUES have different lengths",
                At::default(),
            ));
        }
        let columns: Vec<Column> = (0..width)
            .map(|index| Column {
                name: format!("col{index}"),
                sql: String::new(),
                kind: rows
                    .iter()
                    .fold(Kind::Null, |kind, row| kind.or(row[index].kind)),
                never_null: false,
            })
            .collect();
        let names: Vec<String> = (0..width)
            .map(|index| format!("column{} AS \"col{index}\"", index + 1))
            .collect();
        let one_row = rows.len() == 1;
        let rows: Vec<String> = rows
            .iter()
            .map(|row| {
                let cells: Vec<&str> = row.iter().map(|cell| cell.sql.as_str()).collect();
                format!("({})", cells.join(", "))
            })
            .collect();
        Ok(Bound {
            sql: format!(
                "SELECT {} FROM (VALUES {})",
                names.join(", "),
                rows.join(", ")
            ),
            columns,
            plain: true,
            one_row,
        })
    }

    pub(super) fn limit(
        &mut self,
        clause: Option<&'q LimitClause>,
        fetch: Option<&'q Fetch>,
    ) -> Result<String> {
        let (mut limit, offset) = bounds(clause)?;
        let mut one_row = false;
        if let Some(fetch) = fetch {
            if fetch.with_ties || fetch.percent {
                return Err(StatementError::unsupported(
                    "FETCH WITH TIES or PERCENT",
                    "write QUALIFY rank() OVER (...) <= n",
                    At::default(),
                ));
            }
            limit = fetch.quantity.as_ref();
            one_row = limit.is_none();
        }
        let mut number = |expr: &'q Expr| -> Result<String> {
            let node = self.apart(Place::Limit, |binder| binder.expr(expr))?;
            if matches!(
                node.kind,
                Kind::Text | Kind::Real | Kind::Boolean | Kind::Timestamp | Kind::Date
            ) {
                return Err(StatementError::wrong(
                    format!(
                        "LIMIT and OFFSET take a whole number, not {}",
                        node.described()
                    ),
                    At::default(),
                ));
            }
            Ok(node.sql)
        };
        let limit = match limit {
            Some(limit) => Some(number(limit)?),
            None => one_row.then(|| "1".to_owned()),
        };
        let offset = offset.map(&mut number).transpose()?;
        Ok(match (limit, offset) {
            (None, None) => String::new(),
            (Some(limit), None) => format!(" LIMIT {limit}"),
            (limit, Some(offset)) => format!(
                " LIMIT {} OFFSET {offset}",
                limit.as_deref().unwrap_or("-1")
            ),
        })
    }

    /// ORDER BY after a set operation: by the columns that come out.
    pub(super) fn order_outputs(
        &mut self,
        order: &'q OrderBy,
        columns: &[Column],
    ) -> Result<String> {
        let mut sorted = Sorted::default();
        match &order.kind {
            OrderByKind::All(options) => {
                for (index, column) in columns.iter().enumerate() {
                    sorted.push((index + 1).to_string(), column.never_null, *options);
                }
            }
            OrderByKind::Expressions(terms) => {
                for term in terms {
                    let index = super::order::output(&term.expr, columns)?.ok_or_else(|| {
                        StatementError::unsupported(
                            format!("ORDER BY `{}` after a set operation", term.expr),
                            "name a column that comes out, or put the operation into FROM (...)",
                            At::default(),
                        )
                    })?;
                    let never_null = columns.get(index).is_some_and(|column| column.never_null);
                    sorted.push((index + 1).to_string(), never_null, term.options);
                }
            }
        }
        Ok(sorted.sql())
    }
}

/// LIMIT and OFFSET as they are written.
fn bounds(clause: Option<&LimitClause>) -> Result<(Option<&Expr>, Option<&Expr>)> {
    match clause {
        Some(LimitClause::LimitOffset { limit_by, .. }) if !limit_by.is_empty() => {
            Err(StatementError::unsupported(
                "LIMIT BY",
                "write QUALIFY row_number() OVER (...) <= n",
                At::default(),
            ))
        }
        Some(LimitClause::LimitOffset { limit, offset, .. }) => {
            Ok((limit.as_ref(), offset.as_ref().map(|offset| &offset.value)))
        }
        Some(LimitClause::OffsetCommaLimit { offset, limit }) => Ok((Some(limit), Some(offset))),
        None => Ok((None, None)),
    }
}
