//! The state of a walk over a parsed statement: the scopes of names, the common tables, what an expression refers to.
//!
//! The walk resolves every name, checks kinds and places, and writes the SQL for SQLite at the same time: what it has
//! no words for is refused, so nothing reaches SQLite unseen.

use sqlparser::ast::{Ident, NamedWindowDefinition};

use super::error::{At, Result, StatementError};
use super::types::{Aggregate, Catalog, Column, Node, quoted};

/// SQLite ends at expressions 1,000 deep; each level here is up to two there.
pub(super) const MAX_DEPTH: usize = 400;

/// An alias is put in where it is used, so a chain of aliases could grow without end: the text may grow tenfold.
const MAX_OUTPUT_BYTES: usize = 10 * super::parse::MAX_BYTES;

/// 100 kB of text holds at most 50,000 expressions; the rest is for aliases that are put in.
const MAX_EXPRESSIONS: usize = 200_000;

/// Where an expression stands, which decides on aggregates and windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Select,
    On,
    Where,
    GroupBy,
    Having,
    Qualify,
    OrderBy,
    Limit,
    Values,
    Aggregate,
    Window,
}

impl Place {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::On => "ON",
            Self::Where => "WHERE",
            Self::GroupBy => "GROUP BY",
            Self::Having => "HAVING",
            Self::Qualify => "QUALIFY",
            Self::OrderBy => "ORDER BY",
            Self::Limit => "LIMIT or OFFSET",
            Self::Values => "VALUES",
            Self::Aggregate => "an aggregate",
            Self::Window => "a window",
        }
    }
}

/// A table under the name it has in a FROM.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) alias: String,
    /// The table's own name, for an error where the alias hides it.
    pub(super) table: String,
    pub(super) columns: Vec<Column>,
}

/// What a FROM offers: its tables, and the columns of `*` with those of USING merged.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    pub(super) sql: String,
    pub(super) relations: Vec<Relation>,
    pub(super) star: Vec<Column>,
}

/// A select item after `*` is expanded.
#[derive(Debug, Clone)]
pub(super) enum ItemSource<'q> {
    Expr(&'q sqlparser::ast::Expr),
    Column(Column),
    /// What `* REPLACE` puts in for the column of the name.
    Replaced(&'q sqlparser::ast::Expr, String),
}

#[derive(Debug, Clone)]
pub(super) struct Item<'q> {
    pub(super) source: ItemSource<'q>,
    pub(super) alias: Option<String>,
}

/// One SELECT and what its names mean.
#[derive(Debug)]
pub(super) struct Scope<'q> {
    pub(super) source: Source,
    pub(super) items: Vec<Item<'q>>,
    /// Only the items before this one lend their alias: all of them outside of SELECT.
    pub(super) aliases: usize,
    /// The SQL of each expression of GROUP BY.
    pub(super) keys: Vec<String>,
    pub(super) place: Place,
    pub(super) aggregates: usize,
    pub(super) windows: usize,
    /// The aggregates, each once.
    pub(super) calls: Vec<Aggregate>,
    /// The names of the WINDOW clause.
    pub(super) named: Vec<&'q NamedWindowDefinition>,
}

impl Scope<'_> {
    pub(super) fn new(place: Place) -> Self {
        Self {
            source: Source::default(),
            items: Vec::new(),
            aliases: 0,
            keys: Vec::new(),
            place,
            aggregates: 0,
            windows: 0,
            calls: Vec::new(),
            named: Vec::new(),
        }
    }
}

/// A common table.
#[derive(Debug, Clone)]
pub(super) struct Common {
    pub(super) name: String,
    /// Its name in the SQL for SQLite: another one where a table has the name.
    pub(super) output: String,
    pub(super) columns: Vec<Column>,
}

/// A column that was referred to outside of an aggregate, and the scope it belongs to.
#[derive(Debug, Clone)]
pub(super) struct Free {
    pub(super) scope: usize,
    pub(super) name: String,
    pub(super) at: At,
}

pub(super) struct Binder<'q> {
    pub(super) catalog: &'q Catalog,
    pub(super) scopes: Vec<Scope<'q>>,
    pub(super) commons: Vec<Common>,
    pub(super) free: Vec<Free>,
    pub(super) depth: usize,
    pub(super) expressions: usize,
    pub(super) fresh: usize,
}

impl<'q> Binder<'q> {
    pub(super) fn new(catalog: &'q Catalog) -> Self {
        Self {
            catalog,
            scopes: Vec::new(),
            commons: Vec::new(),
            free: Vec::new(),
            depth: 0,
            expressions: 0,
            fresh: 0,
        }
    }

    /// The innermost scope. There is one wherever an expression is bound.
    pub(super) fn scope(&mut self) -> &mut Scope<'q> {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::new(Place::Limit));
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    pub(super) fn place(&self) -> Place {
        self.scopes.last().map_or(Place::Limit, |scope| scope.place)
    }

    /// Runs `work` with the innermost scope at `place`.
    pub(super) fn at_place<T>(
        &mut self,
        place: Place,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let before = std::mem::replace(&mut self.scope().place, place);
        let result = work(self);
        self.scope().place = before;
        result
    }

    /// A name that no statement holds.
    pub(super) fn fresh_name(&mut self, stem: &str) -> String {
        self.fresh += 1;
        format!("{stem}:{}", self.fresh)
    }

    /// Counts a step down. Every recursion over the statement goes through here.
    pub(super) fn descend<T>(
        &mut self,
        at: At,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.expressions += 1;
        if self.expressions > MAX_EXPRESSIONS {
            return Err(StatementError::TooMany {
                what: "expressions once its aliases are put in",
                limit: MAX_EXPRESSIONS,
            });
        }
        if self.depth >= MAX_DEPTH {
            return Err(StatementError::TooDeep {
                limit: MAX_DEPTH,
                at,
            });
        }
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    pub(super) fn bounded(&self, sql: &str) -> Result<()> {
        if sql.len() > MAX_OUTPUT_BYTES {
            return Err(StatementError::TooMany {
                what: "bytes once its aliases are put in",
                limit: MAX_OUTPUT_BYTES,
            });
        }
        Ok(())
    }

    /// A reference to a column of the scope `scope`.
    pub(super) fn refer(&mut self, scope: usize, column: &Column, at: At) -> Node {
        self.free.push(Free {
            scope,
            name: column.name.clone(),
            at,
        });
        Node {
            sql: column.sql.clone(),
            head: super::keywords::name(&column.name),
            kind: column.kind,
            never_null: column.never_null,
        }
    }

    /// Where `sql` is an expression of a GROUP BY, the columns in it (referred to since `mark`) are grouped.
    pub(super) fn note_keys(&mut self, sql: &str, mark: usize) {
        if self.free.len() == mark {
            return;
        }
        for (index, scope) in self.scopes.iter().enumerate() {
            if scope.keys.iter().any(|key| key == sql) {
                let mut position = 0;
                self.free.retain(|free| {
                    position += 1;
                    position <= mark || free.scope != index
                });
            }
        }
    }

    /// Forgets the columns of the scope `scope` referred to since `mark`: an aggregate takes them in.
    pub(super) fn absorb(&mut self, scope: usize, mark: usize) {
        let mut position = 0;
        self.free.retain(|free| {
            position += 1;
            position <= mark || free.scope < scope
        });
    }
}

/// The columns of a subquery as the query around it sees them, under `alias`.
pub(super) fn under_alias(columns: &[Column], alias: &str) -> Vec<Column> {
    columns
        .iter()
        .map(|column| Column {
            sql: format!("{}.{}", quoted(alias), quoted(&column.name)),
            ..column.clone()
        })
        .collect()
}

pub(super) fn at(ident: &Ident) -> At {
    At::of(ident.span)
}

pub(super) fn same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right) || left.to_lowercase() == right.to_lowercase()
}
