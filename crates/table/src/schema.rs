//! The four tables: names, columns, types. Types never depend on values.
//!
//! All of it follows from the declarations of `columns`, and is kept here in the forms that others need.

use std::sync::{Arc, LazyLock};

use polars::prelude::{DataType, PlSmallStr, Schema, SchemaRef};

pub use crate::columns::SCHEMA_VERSION;
pub(crate) use crate::columns::{ColumnSpec, Kind};
use crate::columns::{History, Layers, Spectra, Table, Trials};

/// One of the four tables, in the order in which they travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableName {
    Trials,
    History,
    Spectra,
    Layers,
}

impl TableName {
    pub const ALL: [TableName; 4] = [
        TableName::Trials,
        TableName::History,
        TableName::Spectra,
        TableName::Layers,
    ];

    /// Every table.
    pub fn all() -> [TableName; 4] {
        Self::ALL
    }

    /// Name of the folder and of the table in queries.
    pub fn name(self) -> &'static str {
        match self {
            TableName::Trials => "trials",
            TableName::History => "history",
            TableName::Spectra => "spectra",
            TableName::Layers => "layers",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<TableName> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }
}

/// A table's columns in order.
pub(crate) fn columns(table: TableName) -> &'static [ColumnSpec] {
    static COLUMNS: LazyLock<[Vec<ColumnSpec>; 4]> = LazyLock::new(|| of_each(|_| true));
    &COLUMNS[table as usize]
}

/// The columns of a table that are kept and sent: a row's id follows from its trial, so only `trials` has it.
pub(crate) fn carried(table: TableName) -> &'static [ColumnSpec] {
    static CARRIED: LazyLock<[Vec<ColumnSpec>; 4]> = LazyLock::new(|| of_each(|carried| carried));
    &CARRIED[table as usize]
}

/// The columns of each table, chosen by whether they are carried.
fn of_each(wanted: fn(bool) -> bool) -> [Vec<ColumnSpec>; 4] {
    [
        declared::<Trials>(wanted),
        declared::<History>(wanted),
        declared::<Spectra>(wanted),
        declared::<Layers>(wanted),
    ]
}

fn declared<T: Table>(wanted: fn(bool) -> bool) -> Vec<ColumnSpec> {
    let entries = T::entries().filter(|entry| wanted(entry.is_carried()));
    entries.flat_map(|entry| entry.specs()).collect()
}

/// A table's schema, exactly as in its files.
pub fn schema(table: TableName) -> SchemaRef {
    static SCHEMAS: LazyLock<[SchemaRef; 4]> =
        LazyLock::new(|| TableName::ALL.map(|table| Arc::new(polars_schema(columns(table)))));
    Arc::clone(&SCHEMAS[table as usize])
}

pub(crate) fn polars_schema<'a>(columns: impl IntoIterator<Item = &'a ColumnSpec>) -> Schema {
    columns
        .into_iter()
        .map(|column| (PlSmallStr::from_static(column.name), column.kind.dtype()))
        .collect()
}

/// A column as documents describe it.
#[derive(Clone, Debug)]
pub struct Described {
    pub name: &'static str,
    pub dtype: DataType,
    pub nullable: bool,
    /// Whether it depends on the run: all other columns are equal, bit for bit, whoever ran the trial on one
    /// instruction set.
    pub of_run: bool,
    pub words: String,
    /// Empty where it has none.
    pub unit: &'static str,
    /// [`SCHEMA_VERSION`] of the tables that brought it.
    pub since: u32,
}

/// A table's columns in order, described.
pub fn described(table: TableName) -> impl Iterator<Item = Described> {
    columns(table).iter().map(|column| Described {
        name: column.name,
        dtype: column.kind.dtype(),
        nullable: column.nullable,
        of_run: column.of_run,
        words: column.words.to_string(),
        unit: column.unit,
        since: column.since,
    })
}

/// Names of the columns of `trials` that depend on the run.
pub fn run_columns() -> Vec<&'static str> {
    let columns = columns(TableName::Trials).iter();
    let of_run = columns.filter(|column| column.of_run);
    of_run.map(|column| column.name).collect()
}

/// Fingerprint of the tables: a hash over the names and types of all columns. Two programs that agree in it read and
/// write each other's reports and parts.
pub fn schema_fingerprint() -> u64 {
    static NUMBER: LazyLock<u64> = LazyLock::new(|| {
        let mut hasher = blake3::Hasher::new();
        for table in TableName::ALL {
            for column in columns(table) {
                let line = format!("{} {} {:?}\n", table.name(), column.name, column.kind);
                hasher.update(line.as_bytes());
            }
        }
        let mut head = [0; 8];
        head.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        u64::from_be_bytes(head)
    });
    *NUMBER
}

/// [`schema_fingerprint`] as files carry it.
pub(crate) fn fingerprint() -> &'static str {
    static FINGERPRINT: LazyLock<String> = LazyLock::new(|| fingerprint_of(schema_fingerprint()));
    &FINGERPRINT
}

pub(crate) fn fingerprint_of(columns: u64) -> String {
    format!("{columns:016x}")
}

/// Reads [`fingerprint_of`] back.
pub(crate) fn columns_of_fingerprint(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_table_names_a_column_twice() {
        for table in TableName::all() {
            let names: BTreeSet<_> = columns(table).iter().map(|column| column.name).collect();
            assert_eq!(names.len(), columns(table).len(), "{}", table.name());
            assert_eq!(schema(table).len(), names.len());
        }
    }

    #[test]
    fn every_parameter_has_a_column_and_none_depends_on_the_run() {
        let run = run_columns();
        for key in sweep::keys() {
            assert!(
                schema(TableName::Trials).contains(key.column),
                "{}",
                key.column
            );
            assert!(!run.contains(&key.column), "{}", key.column);
        }
        for name in [
            "setup_seconds",
            "worker",
            "host",
            "attempt",
            "started_at",
            "run_isa",
            "run_version",
        ] {
            assert!(run.contains(&name), "{name}");
        }
        assert!(!run.contains(&"flops") && !run.contains(&"status"));
    }

    #[test]
    fn whole_numbers_have_a_sign_in_every_table() {
        let mut counts = BTreeSet::new();
        for table in TableName::ALL {
            for own in columns(table) {
                assert!(!own.kind.dtype().is_unsigned_integer(), "{}", own.name);
                counts.extend(own.kind.largest_count().map(|_| own.name));
            }
        }
        let expected = [
            "attempt",
            "core_width",
            "index",
            "layer",
            "multiplicity",
            "step",
            "steps",
            "tolerance_steps",
            "trial",
        ];
        assert!(counts.into_iter().eq(expected));
    }

    #[test]
    fn ids_of_rows_are_not_carried() {
        for table in TableName::all() {
            let carries = carried(table).iter().any(|column| column.name == "id");
            assert_eq!(carries, table == TableName::Trials);
            let head = columns(table)[..2].iter();
            let head: Vec<_> = head.map(|column| (column.name, column.kind)).collect();
            assert_eq!(head, [("trial", Kind::Count), ("id", Kind::Text)]);
        }
        assert_eq!(TableName::from_name("layers"), Some(TableName::Layers));
        assert_eq!(fingerprint().len(), 16);
        assert_eq!(
            columns_of_fingerprint(fingerprint()),
            Some(schema_fingerprint())
        );
    }
}
