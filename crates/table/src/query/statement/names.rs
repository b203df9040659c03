//! What a name means: columns with their scopes, aliases of the SELECT list, and the nearest names where there is none.

use sqlparser::ast::Ident;

use super::binder::{Binder, ItemSource, at, same};
use super::error::{At, Near, Result, StatementError};
use super::suggest::near;
use super::types::{Column, Node};

impl Binder<'_> {
    /// `x`: a column of this SELECT, an alias of it, a column of a SELECT around it.
    pub(super) fn column(&mut self, name: &Ident) -> Result<Node> {
        for scope in (0..self.scopes.len()).rev() {
            let found: Vec<Column> = self.scopes[scope]
                .source
                .star
                .iter()
                .filter(|column| same(&column.name, &name.value))
                .cloned()
                .collect();
            match found.as_slice() {
                [] => {}
                [column] => return Ok(self.refer(scope, column, at(name))),
                several => {
                    let choices: Vec<String> = several
                        .iter()
                        .map(|column| column.sql.replace('"', ""))
                        .collect();
                    return Err(StatementError::Ambiguous {
                        name: name.value.clone(),
                        choices: choices.join(" or "),
                        at: at(name),
                    });
                }
            }
            if scope + 1 == self.scopes.len()
                && let Some(node) = self.alias(name)?
            {
                return Ok(node);
            }
        }
        Err(self.no_column(name))
    }

    /// The expression that an alias of the SELECT list stands for.
    fn alias(&mut self, name: &Ident) -> Result<Option<Node>> {
        let scope = self.scope();
        let before = scope.aliases;
        let index = scope.items.iter().take(before).position(|item| {
            let alias = item.alias.as_deref();
            alias.is_some_and(|alias| same(alias, &name.value))
        });
        let Some(index) = index else {
            return Ok(None);
        };
        let source = self.scope().items[index].source.clone();
        // An alias may use those before it, never itself.
        self.scope().aliases = index;
        let node = match source {
            ItemSource::Expr(expr) | ItemSource::Replaced(expr, _) => self.expr(expr),
            ItemSource::Column(column) => {
                let scope = self.scopes.len() - 1;
                Ok(self.refer(scope, &column, at(name)))
            }
        };
        self.scope().aliases = before;
        let mut node = node?;
        node.head = super::keywords::name(&name.value);
        Ok(Some(node))
    }

    /// `a.x`.
    pub(super) fn qualified(&mut self, names: &[Ident]) -> Result<Node> {
        if let [table, column] = names {
            for scope in (0..self.scopes.len()).rev() {
                let relations = &self.scopes[scope].source.relations;
                let Some(relation) = relations
                    .iter()
                    .find(|relation| same(&relation.alias, &table.value))
                else {
                    continue;
                };
                let found = relation
                    .columns
                    .iter()
                    .find(|found| same(&found.name, &column.value))
                    .cloned();
                return match found {
                    Some(found) => {
                        let mut node = self.refer(scope, &found, at(column));
                        node.head =
                            format!("{}.{}", super::keywords::name(&table.value), node.head);
                        Ok(node)
                    }
                    None => {
                        let columns = relation.columns.iter().map(|column| column.name.as_str());
                        Err(StatementError::NoColumn {
                            name: column.value.clone(),
                            place: format!(" in {}", relation.alias),
                            near: near(&column.value, columns),
                            hint: String::new(),
                            at: at(column),
                        })
                    }
                };
            }
        }
        Err(self.no_qualified(names))
    }

    fn no_qualified(&self, names: &[Ident]) -> StatementError {
        let parts: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
        let first = names.first().cloned().unwrap_or_else(|| Ident::new(""));
        // A key of the sweep file, `problem.rank`, is the column problem_rank.
        let key = parts.join("_");
        if self.visible().any(|column| same(column, &key)) {
            return StatementError::NoColumn {
                name: parts.join("."),
                place: String::new(),
                near: Near(vec![
                    self.visible()
                        .find(|column| same(column, &key))
                        .unwrap_or(&key)
                        .to_owned(),
                ]),
                hint: " A key of the sweep file is a column with `_` for the dot".to_owned(),
                at: at(&first),
            };
        }
        let mut relations = self.scopes.iter().flat_map(|scope| &scope.source.relations);
        let hint = if let Some(relation) =
            relations.find(|relation| same(&relation.table, &first.value))
        {
            format!(": it is called {} in this FROM", relation.alias)
        } else if self.catalog.table(&first.value).is_some() {
            " in this FROM; join it first".to_owned()
        } else {
            " in this FROM".to_owned()
        };
        let aliases = self.scopes.iter().flat_map(|scope| &scope.source.relations);
        let mut near = near(
            &first.value,
            aliases.map(|relation| relation.alias.as_str()),
        );
        if near.0.is_empty() {
            near = self::near(&key, self.visible());
        }
        StatementError::NoTable {
            name: first.value.clone(),
            near: Near::default(),
            hint: format!("{hint}{near}"),
            at: at(&first),
        }
    }

    /// The names of all columns that an expression may use here.
    fn visible(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().rev().flat_map(|scope| {
            let aliases = scope.items.iter().filter_map(|item| item.alias.as_deref());
            scope
                .source
                .star
                .iter()
                .map(|column| column.name.as_str())
                .chain(aliases)
        })
    }

    pub(super) fn no_column(&self, name: &Ident) -> StatementError {
        let relations: Vec<&str> = self
            .scopes
            .last()
            .map(|scope| {
                scope
                    .source
                    .relations
                    .iter()
                    .map(|relation| relation.alias.as_str())
                    .collect()
            })
            .unwrap_or_default();
        // An alias of an outer SELECT has the very name and still means nothing here.
        let others = self.visible().filter(|column| !same(column, &name.value));
        let near = near(&name.value, others);
        let place = match relations.as_slice() {
            [] => String::new(),
            some if some.len() <= 4 => format!(" in {}", some.join(" or ")),
            some => format!(" in the {} tables of this FROM", some.len()),
        };
        let elsewhere = self.elsewhere(&name.value);
        let hint = if name.quote_style.is_some() {
            if near.0.is_empty() {
                "; text is written in single quotes".to_owned()
            } else {
                " Text is written in single quotes".to_owned()
            }
        } else if !near.0.is_empty() {
            String::new()
        } else if let Some(table) = elsewhere {
            format!("; the table {table} has one")
        } else if relations.is_empty() {
            ": there is no FROM".to_owned()
        } else {
            let table = self
                .scopes
                .last()
                .and_then(|scope| scope.source.relations.first());
            let table = table.map_or("trials", |relation| relation.table.as_str());
            match self.catalog.table(table) {
                Some(table) => format!("; DESCRIBE {} prints the columns", table.name),
                None => String::new(),
            }
        };
        StatementError::NoColumn {
            name: name.value.clone(),
            place,
            near,
            hint,
            at: at(name),
        }
    }

    /// A table that has the column and is not in this FROM.
    fn elsewhere(&self, name: &str) -> Option<&str> {
        let tables = self.catalog.tables.iter();
        let mut holders =
            tables.filter(|table| table.columns.iter().any(|(column, _)| same(column, name)));
        holders.next().map(|table| table.name.as_str())
    }

    pub(super) fn no_table(&self, name: &str, place: At) -> StatementError {
        let commons = self.commons.iter().map(|common| common.name.as_str());
        let tables = self.catalog.tables.iter().map(|table| table.name.as_str());
        let near = near(name, commons.chain(tables));
        let hint = if near.0.is_empty() {
            let tables: Vec<&str> = self
                .catalog
                .tables
                .iter()
                .map(|table| table.name.as_str())
                .collect();
            format!("; there is {}", tables.join(", "))
        } else {
            String::new()
        };
        StatementError::NoTable {
            name: name.to_owned(),
            near,
            hint,
            at: place,
        }
    }
}
