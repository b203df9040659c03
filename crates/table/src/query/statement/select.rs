//! One SELECT: its items and their headers, grouping, QUALIFY and DISTINCT ON.

use sqlparser::ast::{
    Distinct, ExcludeSelectItem, Expr, GroupByExpr, NamedWindowExpr, OrderBy, OrderByKind, Select,
    SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::binder::{Binder, Item, ItemSource, Place, Scope, same};
use super::compose::{Parts, bare_name, distinct_names, plain, refuse, wrapped};
use super::error::{At, Result, StatementError};
use super::order::OrderTerm;
use super::query::Bound;
use super::types::{Column, Node, quoted};

/// SQLite's limit for the columns of a result.
const MAX_COLUMNS: usize = 2000;

impl<'q> Binder<'q> {
    pub(super) fn select(
        &mut self,
        select: &'q Select,
        order: Option<&'q OrderBy>,
    ) -> Result<Bound> {
        refuse(select)?;
        let mark = self.free.len();
        self.scopes.push(Scope::new(Place::Select));
        let result = self.select_inside(select, order);
        let scope = self.scopes.len() - 1;
        self.scopes.pop();
        self.absorb(scope, mark);
        result
    }

    fn select_inside(&mut self, select: &'q Select, order: Option<&'q OrderBy>) -> Result<Bound> {
        let depth = self.scopes.len() - 1;
        let mark = self.free.len();
        let source = self.from(&select.from)?;
        let from = source.sql.clone();
        self.scope().source = source;
        self.scope().items = self.items(select)?;
        self.scope().aliases = self.scope().items.len();
        let mut parts = Parts::default();
        self.named_windows(select);
        if let Some(condition) = &select.selection {
            parts.condition = Some(
                self.at_place(Place::Where, |binder| binder.condition(condition))?
                    .sql,
            );
        }
        let grouped = self.group(&select.group_by)?;
        self.absorb(depth, mark);
        let grouped_mark = self.free.len();
        self.project(&mut parts)?;
        if let Some(having) = &select.having {
            parts.having = Some(
                self.at_place(Place::Having, |binder| binder.condition(having))?
                    .sql,
            );
        }
        if let Some(qualify) = &select.qualify {
            parts.qualify = Some(
                self.at_place(Place::Qualify, |binder| binder.condition(qualify))?
                    .sql,
            );
        }
        self.windows_sql(select, &mut parts)?;
        self.distinct(select, &mut parts)?;
        if let Some(order) = order {
            self.order(order, &mut parts)?;
        }
        parts.keys = self.scope().keys.clone();
        if grouped || select.having.is_some() || self.scope().aggregates > 0 {
            self.only_grouped(grouped_mark, depth)?;
        }
        let sql = if parts.qualify.is_some() || parts.on.is_some() {
            wrapped(&from, &parts)?
        } else {
            self.hashed(&from, &parts, mark)
                .unwrap_or_else(|| plain(&from, &parts))
        };
        self.bounded(&sql)?;
        let aggregated = select.having.is_some() || self.scope().aggregates > 0;
        Ok(Bound {
            sql,
            columns: parts.columns,
            plain: order.is_none(),
            one_row: select.from.is_empty() || aggregated && !grouped,
        })
    }

    fn distinct(&mut self, select: &'q Select, parts: &mut Parts) -> Result<()> {
        match &select.distinct {
            Some(Distinct::Distinct) => parts.distinct = true,
            Some(Distinct::On(keys)) => {
                let bind = |binder: &mut Self| {
                    keys.iter()
                        .map(|key| binder.distinct_key(key, parts))
                        .collect::<Result<Vec<_>>>()
                };
                parts.on = Some(self.at_place(Place::OrderBy, bind)?);
            }
            Some(Distinct::All) | None => {}
        }
        Ok(())
    }

    /// Refuses a column of this SELECT, bound since `mark`, that stands outside of its groups and aggregates.
    fn only_grouped(&self, mark: usize, depth: usize) -> Result<()> {
        let mut bound = self.free.iter().skip(mark);
        match bound.find(|free| free.scope == depth) {
            Some(loose) => Err(StatementError::NotGrouped {
                name: loose.name.clone(),
                at: loose.at,
            }),
            None => Ok(()),
        }
    }

    /// The SELECT grouped by hash, where its rows come in no order of its keys: from a join, or by an expression. A
    /// statement of its own inside knows no common table and no query around it.
    fn hashed(&mut self, from: &str, parts: &Parts, mark: usize) -> Option<String> {
        let depth = self.scopes.len() - 1;
        let scope = self.scopes.last()?;
        let is_joined = scope.source.relations.len() > 1;
        let is_computed = |key: &String| key.contains(['(', ' ']);
        let is_alone =
            self.commons.is_empty() && self.free.iter().skip(mark).all(|free| free.scope == depth);
        if parts.keys.is_empty() || !is_alone || !(is_joined || parts.keys.iter().any(is_computed))
        {
            return None;
        }
        let name = self.fresh_name("groups");
        let scope = self.scopes.last()?;
        let relations = scope.source.relations.iter();
        let aliases: Vec<&str> = relations.map(|relation| relation.alias.as_str()).collect();
        super::hashed::hashed(from, parts, &scope.calls, &aliases, &name)
    }

    /// The items with `*` expanded.
    fn items(&mut self, select: &'q Select) -> Result<Vec<Item<'q>>> {
        let mut items = Vec::new();
        if select.projection.is_empty() {
            // FROM t without SELECT.
            let star = self.scope().source.star.clone();
            items.extend(star.into_iter().map(|column| Item {
                source: ItemSource::Column(column),
                alias: None,
            }));
        }
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => items.push(Item {
                    source: ItemSource::Expr(expr),
                    alias: None,
                }),
                SelectItem::ExprWithAlias { expr, alias } => items.push(Item {
                    source: ItemSource::Expr(expr),
                    alias: Some(alias.value.clone()),
                }),
                SelectItem::Wildcard(options) => self.expand(None, options, &mut items)?,
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    options,
                ) => {
                    let table = super::single::single(name)?;
                    self.expand(Some(&table), options, &mut items)?;
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(expr), _) => {
                    return Err(StatementError::unsupported(
                        format!("`{expr}.*`"),
                        "",
                        At::default(),
                    ));
                }
                SelectItem::ExprWithAliases { expr, .. } => {
                    return Err(StatementError::wrong(
                        format!("`{expr}` has several names"),
                        At::default(),
                    ));
                }
            }
        }
        if items.len() > MAX_COLUMNS {
            return Err(StatementError::TooMany {
                what: "columns",
                limit: MAX_COLUMNS,
            });
        }
        Ok(items)
    }

    /// The columns that `*`, or `table.*`, stands for.
    fn starred(&mut self, table: Option<&sqlparser::ast::Ident>) -> Result<Vec<Column>> {
        let source = &self.scope().source;
        let Some(table) = table else {
            if source.relations.is_empty() {
                return Err(StatementError::wrong("`*` needs a FROM", At::default()));
            }
            return Ok(source.star.clone());
        };
        let mut relations = source.relations.iter();
        match relations.find(|relation| same(&relation.alias, &table.value)) {
            Some(relation) => Ok(relation.columns.clone()),
            None => Err(self.no_table(&table.value, super::binder::at(table))),
        }
    }

    fn expand(
        &mut self,
        table: Option<&sqlparser::ast::Ident>,
        options: &'q WildcardAdditionalOptions,
        items: &mut Vec<Item<'q>>,
    ) -> Result<()> {
        if options.opt_ilike.is_some()
            || options.opt_rename.is_some()
            || options.opt_alias.is_some()
            || options.opt_except.is_some()
        {
            return Err(StatementError::unsupported(
                "this addition to `*`",
                "EXCLUDE (...) and REPLACE (...) exist",
                At::default(),
            ));
        }
        let columns = self.starred(table)?;
        let excluded = match &options.opt_exclude {
            None => Vec::new(),
            Some(ExcludeSelectItem::Single(name)) => vec![super::single::single(name)?],
            Some(ExcludeSelectItem::Multiple(names)) => names
                .iter()
                .map(super::single::single)
                .collect::<Result<_>>()?,
        };
        let replaced = options
            .opt_replace
            .as_ref()
            .map_or(&[][..], |replace| replace.items.as_slice());
        let names = excluded
            .iter()
            .chain(replaced.iter().map(|replace| &replace.column_name));
        for name in names {
            if !columns.iter().any(|column| same(&column.name, &name.value)) {
                return Err(self.no_column(name));
            }
        }
        for column in columns {
            if excluded.iter().any(|name| same(&name.value, &column.name)) {
                continue;
            }
            let replace = replaced
                .iter()
                .find(|replace| same(&replace.column_name.value, &column.name));
            items.push(match replace {
                // The column itself is meant inside of its replacement, so its name is a header and no alias.
                Some(replace) => Item {
                    source: ItemSource::Replaced(&replace.expr, column.name),
                    alias: None,
                },
                None => Item {
                    source: ItemSource::Column(column),
                    alias: None,
                },
            });
        }
        Ok(())
    }

    /// Binds the item `index`, whose expression may use the aliases before it.
    fn item(&mut self, index: usize) -> Result<(Node, String)> {
        let item = self.scope().items[index].clone();
        let before = std::mem::replace(&mut self.scope().aliases, index);
        let scope = self.scopes.len() - 1;
        let node = match &item.source {
            ItemSource::Expr(expr) | ItemSource::Replaced(expr, _) => self.expr(expr),
            ItemSource::Column(column) => {
                let mark = self.free.len();
                let mut node = self.refer(scope, column, At::default());
                self.note_keys(&node.sql, mark);
                node.head = column.name.clone();
                Ok(node)
            }
        };
        self.scope().aliases = before;
        let node = node?;
        let name = match (&item.alias, &item.source) {
            (Some(alias), _) => alias.clone(),
            (None, ItemSource::Column(column)) => column.name.clone(),
            (None, ItemSource::Replaced(_, name)) => name.clone(),
            (None, ItemSource::Expr(expr)) => bare_name(expr, &node),
        };
        Ok((node, name))
    }

    fn project(&mut self, parts: &mut Parts) -> Result<()> {
        let count = self.scope().items.len();
        for index in 0..count {
            let (node, name) = self.at_place(Place::Select, |binder| binder.item(index))?;
            parts.columns.push(Column {
                name,
                sql: String::new(),
                kind: node.kind,
                never_null: node.never_null,
            });
            parts.nodes.push(node);
        }
        distinct_names(&mut parts.columns);
        Ok(())
    }

    /// Binds GROUP BY; true where there is one.
    fn group(&mut self, group: &'q GroupByExpr) -> Result<bool> {
        let refused = || {
            StatementError::unsupported(
                "ROLLUP, CUBE and GROUPING SETS",
                "write one SELECT for each grouping and join them with UNION ALL",
                At::default(),
            )
        };
        let mut keys = Vec::new();
        match group {
            GroupByExpr::All(modifiers) if modifiers.is_empty() => {
                let count = self.scope().items.len();
                for index in 0..count {
                    let before = (self.scope().aggregates, self.scope().windows);
                    let (node, _) = self.at_place(Place::Select, |binder| binder.item(index))?;
                    if (self.scope().aggregates, self.scope().windows) == before {
                        keys.push(node.sql);
                    }
                }
                self.scope().aggregates = 0;
                self.scope().calls.clear();
                self.scope().windows = 0;
                self.scope().keys = keys;
                return Ok(true);
            }
            GroupByExpr::Expressions(expressions, modifiers) if modifiers.is_empty() => {
                for expr in expressions {
                    // GROUP BY () is one group.
                    if matches!(expr, Expr::Tuple(none) if none.is_empty()) {
                        continue;
                    }
                    if matches!(
                        expr,
                        Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_)
                    ) {
                        return Err(refused());
                    }
                    let count = self.scope().items.len();
                    let node = match super::order::ordinal(expr, count, "GROUP BY")? {
                        Some(index) => {
                            self.at_place(Place::GroupBy, |binder| binder.item(index))?
                                .0
                        }
                        None => self.at_place(Place::GroupBy, |binder| binder.expr(expr))?,
                    };
                    keys.push(node.sql);
                }
            }
            GroupByExpr::All(_) | GroupByExpr::Expressions(..) => return Err(refused()),
        }
        let grouped = !keys.is_empty();
        self.scope().keys = keys;
        Ok(grouped)
    }

    fn named_windows(&mut self, select: &'q Select) {
        self.scope().named = select.named_window.iter().collect();
    }

    /// The WINDOW clause, after GROUP BY is known.
    fn windows_sql(&mut self, select: &'q Select, parts: &mut Parts) -> Result<()> {
        for window in &select.named_window {
            let sql = match &window.1 {
                NamedWindowExpr::NamedWindow(name) => {
                    format!("({})", quoted(&self.window_name(name)?))
                }
                NamedWindowExpr::WindowSpec(spec) => {
                    self.at_place(Place::Select, |binder| binder.window(spec))?
                        .0
                }
            };
            parts
                .windows
                .push(format!("{} AS {sql}", quoted(&window.0.value)));
        }
        Ok(())
    }

    fn distinct_key(&mut self, key: &'q Expr, parts: &Parts) -> Result<String> {
        match super::order::output(key, &parts.columns)? {
            Some(index) => Ok(parts.nodes[index].sql.clone()),
            None => Ok(self.expr(key)?.sql),
        }
    }

    fn order(&mut self, order: &'q OrderBy, parts: &mut Parts) -> Result<()> {
        match &order.kind {
            OrderByKind::All(options) => {
                parts.order = (0..parts.columns.len())
                    .map(|index| (OrderTerm::Output(index), *options))
                    .collect();
            }
            OrderByKind::Expressions(terms) => {
                for term in terms {
                    let bound = self.order_term(term, &parts.columns, &parts.nodes)?;
                    parts.order.push((bound, term.options));
                }
            }
        }
        Ok(())
    }
}
