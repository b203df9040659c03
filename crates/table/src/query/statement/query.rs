//! A whole query: common tables, set operations, VALUES, LIMIT.

use sqlparser::ast::{Query, SetExpr, SetOperator, SetQuantifier, With};

use super::binder::{Binder, Common, at, same};
use super::error::{At, Result, StatementError};
use super::from::{renamed, renamed_columns};
use super::types::{Column, Kind, quoted};

/// A bound query.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub(super) sql: String,
    pub(super) columns: Vec<Column>,
    /// A plain SELECT without WITH, ORDER BY and LIMIT: one side of UNION as it is.
    pub(super) plain: bool,
    /// It has at most one row, whatever the tables hold.
    pub(super) one_row: bool,
}

impl<'q> Binder<'q> {
    pub(super) fn query(&mut self, query: &'q Query) -> Result<Bound> {
        let commons = self.commons.len();
        let bound = self.descend(At::default(), |binder| binder.query_inside(query));
        self.commons.truncate(commons);
        let bound = bound?;
        self.bounded(&bound.sql)?;
        Ok(bound)
    }

    fn query_inside(&mut self, query: &'q Query) -> Result<Bound> {
        if !query.locks.is_empty() || query.for_clause.is_some() {
            return Err(StatementError::ReadsOnly {
                verb: "FOR UPDATE".to_owned(),
            });
        }
        if query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty()
        {
            return Err(StatementError::unsupported(
                "what follows the query",
                "end it after LIMIT",
                At::default(),
            ));
        }
        let with = match &query.with {
            Some(with) => self.with(with)?,
            None => String::new(),
        };
        let limit = self.limit(query.limit_clause.as_ref(), query.fetch.as_ref())?;
        let order = query.order_by.as_ref();
        let mut bound = match query.body.as_ref() {
            SetExpr::Select(select) => self.select(select, order)?,
            body => {
                let mut bound = self.set(body)?;
                if let Some(order) = order {
                    let terms = self.order_outputs(order, &bound.columns)?;
                    // Parentheses around a query of its own order: its rows are sorted anew.
                    if !bound.plain && !matches!(body, SetExpr::SetOperation { .. }) {
                        bound.sql = format!("SELECT * FROM ({})", bound.sql);
                    }
                    bound.sql = format!("{} ORDER BY {terms}", bound.sql);
                    bound.plain = false;
                } else if !limit.is_empty() && matches!(body, SetExpr::Query(_)) {
                    bound.sql = format!("SELECT * FROM ({})", bound.sql);
                }
                bound
            }
        };
        bound.plain &= order.is_none();
        if !limit.is_empty() {
            bound.sql.push_str(&limit);
            bound.plain = false;
            bound.one_row |= limit == " LIMIT 1" || limit.starts_with(" LIMIT 1 ");
        }
        if !with.is_empty() {
            let inside = match query.body.as_ref() {
                SetExpr::Query(_) => format!("SELECT * FROM ({})", bound.sql),
                _ => bound.sql,
            };
            bound.sql = format!("{with} {inside}");
            bound.plain = false;
        }
        Ok(bound)
    }

    fn with(&mut self, with: &'q With) -> Result<String> {
        let mut texts = Vec::new();
        let first = self.commons.len();
        for cte in &with.cte_tables {
            let name = &cte.alias.name.value;
            if self
                .commons
                .iter()
                .skip(first)
                .any(|common| same(&common.name, name))
            {
                return Err(StatementError::wrong(
                    format!("WITH names `{name}` twice"),
                    at(&cte.alias.name),
                ));
            }
            // SQLite reads a table's name inside of its own definition as the common table.
            let output = match self.catalog.table(name) {
                Some(table) => self.fresh_name(&table.name),
                None => name.clone(),
            };
            let bound = match cte.query.body.as_ref() {
                SetExpr::SetOperation { left, .. } if with.recursive => {
                    self.recursive(cte, left, &output)?
                }
                _ => self
                    .query(&cte.query)
                    .map_err(|error| say_recursive(error, name, with.recursive))?,
            };
            let names = renamed(&bound.columns, Some(&cte.alias))?;
            let columns = renamed_columns(bound.columns, names);
            let list: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
            let how = match &cte.materialized {
                Some(sqlparser::ast::CteAsMaterialized::Materialized) => "MATERIALIZED ",
                Some(sqlparser::ast::CteAsMaterialized::NotMaterialized) => "NOT MATERIALIZED ",
                None => "",
            };
            texts.push(format!(
                "{}({}) AS {how}({})",
                quoted(&output),
                list.join(", "),
                bound.sql
            ));
            self.commons.push(Common {
                name: name.clone(),
                output,
                columns,
            });
        }
        let word = if with.recursive {
            "WITH RECURSIVE"
        } else {
            "WITH"
        };
        Ok(format!("{word} {}", texts.join(", ")))
    }

    /// A recursive common table: its first part gives the columns that the second one reads.
    fn recursive(
        &mut self,
        cte: &'q sqlparser::ast::Cte,
        left: &'q SetExpr,
        output: &str,
    ) -> Result<Bound> {
        let mut leftmost = left;
        while let SetExpr::SetOperation { left, .. } = leftmost {
            leftmost = left;
        }
        let commons = self.commons.len();
        let free = self.free.len();
        let expressions = self.expressions;
        let start = self.set(leftmost)?;
        self.free.truncate(free);
        self.expressions = expressions;
        let names = renamed(&start.columns, Some(&cte.alias))?;
        let columns = renamed_columns(start.columns, names)
            .into_iter()
            .map(|column| Column {
                // Only the first row's kind is known; a later one may be real where that was an integer.
                kind: if column.kind == Kind::Null {
                    Kind::Unknown
                } else {
                    column.kind
                },
                never_null: false,
                ..column
            });
        self.commons.push(Common {
            name: cte.alias.name.value.clone(),
            output: output.to_owned(),
            columns: columns.collect(),
        });
        let bound = self.query(&cte.query);
        self.commons.truncate(commons);
        bound
    }

    /// Set operations, VALUES and parentheses.
    fn set(&mut self, body: &'q SetExpr) -> Result<Bound> {
        self.descend(At::default(), |binder| match body {
            SetExpr::Select(select) => binder.select(select, None),
            SetExpr::Query(query) => binder.query(query),
            SetExpr::Values(values) => binder.values(values),
            SetExpr::SetOperation {
                left,
                op,
                set_quantifier,
                right,
            } => binder.operation(left, *op, *set_quantifier, right),
            SetExpr::Table(_) => Err(StatementError::unsupported(
                "TABLE t",
                "write SELECT * FROM t",
                At::default(),
            )),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                let verb = match body {
                    SetExpr::Insert(_) => "INSERT",
                    SetExpr::Update(_) => "UPDATE",
                    SetExpr::Delete(_) => "DELETE",
                    _ => "MERGE",
                };
                Err(StatementError::ReadsOnly {
                    verb: verb.to_owned(),
                })
            }
        })
    }

    fn operation(
        &mut self,
        left: &'q SetExpr,
        op: SetOperator,
        quantifier: SetQuantifier,
        right: &'q SetExpr,
    ) -> Result<Bound> {
        let word = match op {
            SetOperator::Union => "UNION",
            SetOperator::Except | SetOperator::Minus => "EXCEPT",
            SetOperator::Intersect => "INTERSECT",
        };
        let words = match (quantifier, op) {
            (SetQuantifier::None | SetQuantifier::Distinct, _) => word.to_owned(),
            (SetQuantifier::All, SetOperator::Union) => "UNION ALL".to_owned(),
            (SetQuantifier::ByName | SetQuantifier::DistinctByName, SetOperator::Union) => {
                word.to_owned()
            }
            (SetQuantifier::AllByName, SetOperator::Union) => "UNION ALL".to_owned(),
            (SetQuantifier::All | SetQuantifier::AllByName, _)
            | (SetQuantifier::ByName | SetQuantifier::DistinctByName, _) => {
                return Err(StatementError::unsupported(
                    format!("{word} {quantifier}"),
                    "number equal rows with row_number() first",
                    At::default(),
                ));
            }
        };
        let mut first = self.set(left)?;
        let mut second = self.set(right)?;
        let by_name = matches!(
            quantifier,
            SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName
        );
        if by_name {
            (first, second) = by_names(first, second);
        } else if first.columns.len() != second.columns.len() {
            return Err(StatementError::wrong(
                format!(
                    "the two sides of {word} have {} and {} columns; they must have as many",
                    first.columns.len(),
                    second.columns.len()
                ),
                At::default(),
            ));
        }
        let left_sql = match left {
            SetExpr::SetOperation { .. } => first.sql,
            _ => side(first.plain, first.sql),
        };
        let right_sql = match right {
            SetExpr::SetOperation { .. } => format!("SELECT * FROM ({})", second.sql),
            _ => side(second.plain, second.sql),
        };
        let columns = first
            .columns
            .into_iter()
            .zip(second.columns)
            .map(|(one, other)| Column {
                kind: one.kind.or(other.kind),
                never_null: one.never_null && other.never_null,
                ..one
            });
        Ok(Bound {
            sql: format!("{left_sql} {words} {right_sql}"),
            columns: columns.collect(),
            plain: false,
            one_row: false,
        })
    }
}

/// A side of a set operation: SQLite takes no parentheses there.
fn side(plain: bool, sql: String) -> String {
    if plain {
        sql
    } else {
        format!("SELECT * FROM ({sql})")
    }
}

/// UNION BY NAME: both sides get the columns of both, filled with nulls.
fn by_names(first: Bound, second: Bound) -> (Bound, Bound) {
    let mut all = first.columns.clone();
    for column in &second.columns {
        if !all.iter().any(|other| same(&other.name, &column.name)) {
            all.push(column.clone());
        }
    }
    let filled = |bound: Bound| {
        let mut items = Vec::new();
        let mut columns = Vec::new();
        for column in &all {
            let found = bound
                .columns
                .iter()
                .find(|other| same(&other.name, &column.name));
            let value = found.map_or_else(|| "NULL".to_owned(), |found| quoted(&found.name));
            items.push(format!("{value} AS {}", quoted(&column.name)));
            columns.push(Column {
                name: column.name.clone(),
                sql: String::new(),
                kind: found.map_or(Kind::Null, |found| found.kind),
                never_null: found.is_some_and(|found| found.never_null),
            });
        }
        Bound {
            sql: format!("SELECT {} FROM ({})", items.join(", "), bound.sql),
            columns,
            plain: true,
            one_row: bound.one_row,
        }
    };
    (filled(first), filled(second))
}

/// A common table that reads itself without the word for it.
fn say_recursive(error: StatementError, name: &str, recursive: bool) -> StatementError {
    match error {
        StatementError::NoTable {
            name: missing, at, ..
        } if same(&missing, name) => StatementError::NoTable {
            hint: if recursive {
                "; a common table that reads itself is a UNION of a first part and a next one"
                    .to_owned()
            } else {
                "; a common table that reads itself starts with WITH RECURSIVE".to_owned()
            },
            near: Default::default(),
            name: missing,
            at,
        },
        other => other,
    }
}
