//! FROM: tables, common tables, subqueries and joins.

use sqlparser::ast::{ObjectName, ObjectNamePart, Query, TableAlias, TableFactor, TableWithJoins};

use super::binder::{Binder, Place, Relation, Scope, Source, at, same, under_alias};
use super::error::{At, Result, StatementError};
use super::join::beside;
use super::types::{Column, Kind, quoted};

impl<'q> Binder<'q> {
    /// The whole FROM of a SELECT.
    pub(super) fn from(&mut self, tables: &'q [TableWithJoins]) -> Result<Source> {
        let mut whole: Option<Source> = None;
        for table in tables {
            let mut source = self.joined(table)?;
            // A comma binds weaker than a join in SQL, and the same in SQLite.
            if whole.is_some() && !table.joins.is_empty() {
                source.sql = format!("({})", source.sql);
            }
            whole = Some(match whole {
                None => source,
                Some(left) => {
                    let sql = format!("{} JOIN {}", left.sql, source.sql);
                    beside(left, source, sql)?
                }
            });
        }
        Ok(whole.unwrap_or_default())
    }

    fn joined(&mut self, table: &'q TableWithJoins) -> Result<Source> {
        self.descend(At::default(), |binder| {
            let mut left = binder.factor(&table.relation)?;
            for join in &table.joins {
                left = binder.join(left, join)?;
            }
            Ok(left)
        })
    }

    pub(super) fn factor(&mut self, factor: &'q TableFactor) -> Result<Source> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                version: None,
                with_ordinality: false,
                json_path: None,
                sample: None,
                ..
            } => self.table(name, alias.as_ref()),
            TableFactor::Table {
                args: Some(_),
                name,
                ..
            } => Err(StatementError::unsupported(
                format!("the table function {name}(...)"),
                "a series comes from WITH RECURSIVE, as in WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9)",
                At::default(),
            )),
            TableFactor::Table {
                sample: Some(_), ..
            } => Err(StatementError::unsupported(
                "TABLESAMPLE",
                "write for example WHERE trial % 10 = 0",
                At::default(),
            )),
            TableFactor::Derived {
                lateral: false,
                subquery,
                alias,
                sample: None,
            } => self.derived(subquery, alias.as_ref()),
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => {
                let mut source = self.joined(table_with_joins)?;
                source.sql = format!("({})", source.sql);
                Ok(source)
            }
            TableFactor::Derived { lateral: true, .. } => Err(StatementError::unsupported(
                "LATERAL",
                "write a window function, or a subquery in SELECT",
                At::default(),
            )),
            TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => {
                Err(StatementError::unsupported(
                    "PIVOT",
                    "write an aggregate with FILTER (WHERE ...) for each column",
                    At::default(),
                ))
            }
            other => {
                let shown: String = other.to_string().chars().take(60).collect();
                Err(StatementError::unsupported(
                    format!("`{shown}` in FROM"),
                    "",
                    At::default(),
                ))
            }
        }
    }

    /// A subquery in FROM.
    fn derived(&mut self, subquery: &'q Query, alias: Option<&'q TableAlias>) -> Result<Source> {
        let bound = self.query(subquery)?;
        let name = match alias {
            Some(alias) => alias.name.value.clone(),
            None => self.fresh_name("unnamed_subquery"),
        };
        let names = renamed(&bound.columns, alias)?;
        let inner = wrapped_names(
            &format!("({})", bound.sql),
            &bound.columns,
            names.as_deref(),
        );
        Ok(source(
            format!("{inner} AS {}", quoted(&name)),
            &name,
            "",
            renamed_columns(bound.columns, names),
        ))
    }

    fn table(&mut self, name: &ObjectName, alias: Option<&TableAlias>) -> Result<Source> {
        let ident = match name.0.as_slice() {
            [ObjectNamePart::Identifier(ident)] => ident,
            _ => {
                return Err(StatementError::NoTable {
                    name: name.to_string(),
                    near: Default::default(),
                    hint: "; a table has no schema, write its name alone".to_owned(),
                    at: At::default(),
                });
            }
        };
        let shown = alias.map_or_else(|| ident.value.clone(), |alias| alias.name.value.clone());
        let common = self
            .commons
            .iter()
            .rev()
            .find(|common| same(&common.name, &ident.value));
        let (output, table, columns) = match common {
            Some(common) => (
                common.output.clone(),
                common.name.clone(),
                common.columns.clone(),
            ),
            None => {
                let Some(table) = self.catalog.table(&ident.value) else {
                    if ident.quote_style == Some('\'') || ident.value.contains(['/', '.']) {
                        return Err(StatementError::unsupported(
                            format!("reading the file `{}`", ident.value),
                            "query reads the tables of the folders it is given",
                            at(ident),
                        ));
                    }
                    return Err(self.no_table(&ident.value, at(ident)));
                };
                let columns = table.columns.iter().map(|(name, kind)| Column {
                    name: name.clone(),
                    sql: String::new(),
                    kind: Kind::from(*kind),
                    never_null: table.never_null.contains(name),
                });
                (table.name.clone(), table.name.clone(), columns.collect())
            }
        };
        let names = renamed(&columns, alias)?;
        let inner = match &names {
            None => quoted(&output),
            Some(_) => wrapped_names(&quoted(&output), &columns, names.as_deref()),
        };
        // Without an alias the table keeps the name as the catalog has it: an error prints it.
        let shown = if alias.is_none() {
            table.clone()
        } else {
            shown
        };
        Ok(source(
            format!("{inner} AS {}", quoted(&shown)),
            &shown,
            &table,
            renamed_columns(columns, names),
        ))
    }

    /// LIMIT, VALUES: expressions that see no table of this query.
    pub(super) fn apart<T>(
        &mut self,
        place: Place,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.scopes.push(Scope::new(place));
        let result = work(self);
        self.scopes.pop();
        result
    }
}

fn source(sql: String, alias: &str, table: &str, columns: Vec<Column>) -> Source {
    let columns = under_alias(&columns, alias);
    Source {
        sql,
        star: columns.clone(),
        relations: vec![Relation {
            alias: alias.to_owned(),
            table: table.to_owned(),
            columns,
        }],
    }
}

/// The names that `AS t(a, b)` gives.
pub(super) fn renamed(
    columns: &[Column],
    alias: Option<&TableAlias>,
) -> Result<Option<Vec<String>>> {
    let Some(alias) = alias.filter(|alias| !alias.columns.is_empty()) else {
        return Ok(None);
    };
    if alias.columns.len() > columns.len() {
        return Err(StatementError::wrong(
            format!(
                "{} names {} columns, and there are {}",
                alias.name.value,
                alias.columns.len(),
                columns.len()
            ),
            at(&alias.name),
        ));
    }
    let given = alias.columns.iter().map(|column| column.name.value.clone());
    let rest = columns
        .iter()
        .skip(alias.columns.len())
        .map(|column| column.name.clone());
    Ok(Some(given.chain(rest).collect()))
}

pub(super) fn renamed_columns(columns: Vec<Column>, names: Option<Vec<String>>) -> Vec<Column> {
    match names {
        None => columns,
        Some(names) => columns
            .into_iter()
            .zip(names)
            .map(|(column, name)| Column { name, ..column })
            .collect(),
    }
}

/// SQLite has no names for columns after a table's alias.
pub(super) fn wrapped_names(inner: &str, columns: &[Column], names: Option<&[String]>) -> String {
    let Some(names) = names else {
        return inner.to_owned();
    };
    let items = columns.iter().zip(names);
    let items: Vec<String> = items
        .map(|(column, name)| format!("{} AS {}", quoted(&column.name), quoted(name)))
        .collect();
    format!("(SELECT {} FROM {inner})", items.join(", "))
}
