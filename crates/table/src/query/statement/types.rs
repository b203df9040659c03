//! What passes between the checks and the engine: the catalog of tables, the prepared statement, the kinds of values.

/// The type of a table's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Integer,
    Real,
    Text,
    Boolean,
    Timestamp,
}

impl ColumnType {
    /// The name DuckDB gives the type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Integer => "BIGINT",
            Self::Real => "DOUBLE",
            Self::Text => "VARCHAR",
            Self::Boolean => "BOOLEAN",
            Self::Timestamp => "TIMESTAMP",
        }
    }
}

/// A table and its columns in order.
#[derive(Debug, Clone)]
pub(crate) struct TableInfo {
    pub(crate) name: String,
    pub(crate) columns: Vec<(String, ColumnType)>,
    /// Columns without nulls: the engine can sort by them before SQLite does.
    pub(crate) never_null: Vec<String>,
}

/// The tables, and the names of all functions that exist (SQLite's and ours): the aggregates in their own list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    pub(crate) tables: Vec<TableInfo>,
    pub(crate) functions: Vec<String>,
    pub(crate) aggregates: Vec<String>,
}

impl Catalog {
    pub(super) fn table(&self, name: &str) -> Option<&TableInfo> {
        self.tables
            .iter()
            .find(|table| table.name.eq_ignore_ascii_case(name))
    }
}

/// A statement that SQLite can run.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) sql: String,
    /// One a column of the outermost SELECT; none where only a run shows it.
    pub(crate) headers: Vec<Option<String>>,
}

/// What is known of a value's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Real,
    Text,
    Boolean,
    Timestamp,
    Date,
    /// The constant NULL, which goes with everything.
    Null,
    Unknown,
}

impl From<ColumnType> for Kind {
    fn from(column: ColumnType) -> Self {
        match column {
            ColumnType::Integer => Self::Integer,
            ColumnType::Real => Self::Real,
            ColumnType::Text => Self::Text,
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Timestamp => Self::Timestamp,
        }
    }
}

impl Kind {
    pub(super) fn column_type(self) -> Option<ColumnType> {
        match self {
            Self::Integer => Some(ColumnType::Integer),
            Self::Real => Some(ColumnType::Real),
            Self::Text | Self::Date => Some(ColumnType::Text),
            Self::Boolean => Some(ColumnType::Boolean),
            Self::Timestamp => Some(ColumnType::Timestamp),
            Self::Null | Self::Unknown => None,
        }
    }

    /// The word for the kind in an error.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Integer | Self::Real => "number",
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::Null => "null",
            Self::Unknown => "value",
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Real)
    }

    pub(super) fn is_time(self) -> bool {
        matches!(self, Self::Timestamp | Self::Date)
    }

    /// The kind of a value that is one or the other: the branches of CASE, the sides of UNION.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Null, kind) | (kind, Self::Null) => kind,
            (Self::Integer, Self::Real) | (Self::Real, Self::Integer) => Self::Real,
            (left, right) if left == right => left,
            _ => Self::Unknown,
        }
    }
}

/// A bound expression: its SQL for SQLite, its text as DuckDB prints it, and what is known of its value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) sql: String,
    pub(super) head: String,
    pub(super) kind: Kind,
    /// A plain column that holds no nulls, so that the order of nulls needs no words.
    pub(super) never_null: bool,
}

impl Node {
    pub(super) fn new(sql: impl Into<String>, head: impl Into<String>, kind: Kind) -> Self {
        Self {
            sql: sql.into(),
            head: head.into(),
            kind,
            never_null: false,
        }
    }

    /// The header without the quotes that a keyword has there.
    pub(super) fn shown(&self) -> String {
        if self.head.contains(['(', '\'', ' ']) {
            self.head.clone()
        } else {
            self.head.replace('"', "")
        }
    }

    /// `number `trial`` or `text '5'`: the value in an error.
    pub(super) fn described(&self) -> String {
        let word = self.kind.word();
        let constant = |first: char| first.is_ascii_digit() || first == '\'';
        if self.head.starts_with(constant) {
            format!("{word} {}", self.head)
        } else {
            format!("{word} `{}`", self.shown())
        }
    }
}

/// A column of a table, a subquery or a join.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) sql: String,
    pub(super) kind: Kind,
    pub(super) never_null: bool,
}

/// An aggregate of a SELECT as SQLite would be given it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aggregate {
    pub(super) sql: String,
    /// The word of the table function for it, where it has one.
    pub(super) word: Option<&'static str>,
    pub(super) argument: Option<String>,
}

/// An identifier as SQLite reads it under every name.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text constant.
pub(super) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
