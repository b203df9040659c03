//! The four tables: names, columns, types. Types never depend on values.
//!
//! The parameter columns come from the registry of `sweep`; everything else is listed here once, and the
//! builder, the wire, the parts and the readers all follow this list.

use std::sync::{Arc, LazyLock};

use polars::prelude::{DataType, PlSmallStr, Schema, SchemaRef, TimeUnit, TimeZone};
use sweep::ColumnType;
use sweep::metric::{LayerRow, Scalars, SpectrumRow};

/// Version of the tables' columns, written into each file and each journal. Raised by each release that adds a
/// column, or changes the type or the meaning of one; a program refuses folders of a higher version. No column is
/// ever taken away. From version 3 on every whole number is signed: counts were unsigned, of 64 or 32 bits.
pub const SCHEMA_VERSION: u32 = 3;

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

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number from zero on: a trial, a step, a width. Signed in the columns like every whole number, so that
    /// a difference of two of them is one too.
    Count,
    /// As [`Kind::Count`], of 32 bits in memory.
    SmallCount,
    I64,
    F64,
    Bool,
    Text,
    /// Microseconds, UTC.
    Time,
}

impl Kind {
    pub(crate) fn dtype(self) -> DataType {
        match self {
            Kind::Count | Kind::SmallCount | Kind::I64 => DataType::Int64,
            Kind::F64 => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Text => DataType::String,
            Kind::Time => DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)),
        }
    }

    /// The largest number of a column of counts; none of other columns.
    pub(crate) fn largest_count(self) -> Option<i64> {
        match self {
            Kind::Count => Some(i64::MAX),
            Kind::SmallCount => Some(i64::from(u32::MAX)),
            Kind::I64 | Kind::F64 | Kind::Bool | Kind::Text | Kind::Time => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColumnSpec {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// Metrics of one step, in `trials` (at the last finite step) and `history`.
pub(crate) const SCALARS: [&str; Scalars::MEASURED.len()] = Scalars::MEASURED;

/// Largest differences between both engines' outcomes of a trial, where `[train] verify` compares them.
pub(crate) const DIFFERENCES: [&str; 6] = [
    "run_verify_loss",
    "run_verify_test_loss",
    "run_verify_accuracy",
    "run_verify_singular_values",
    "run_verify_angles",
    "run_verify_separation",
];

/// Columns of `trials` that depend on the run besides `run_*` and `*_seconds`.
const RUN: [&str; 4] = ["worker", "host", "attempt", "started_at"];

/// A table's columns in order.
pub(crate) fn columns(table: TableName) -> &'static [ColumnSpec] {
    static COLUMNS: LazyLock<[Vec<ColumnSpec>; 4]> =
        LazyLock::new(|| [trials(), history(), spectra(), layers()]);
    &COLUMNS[table as usize]
}

/// The columns of a table that are kept and sent: a row's id follows from its trial, so only `trials` has it.
pub(crate) fn carried(table: TableName) -> &'static [ColumnSpec] {
    static CARRIED: LazyLock<[Vec<ColumnSpec>; 4]> = LazyLock::new(|| {
        TableName::ALL.map(|table| {
            let own = |column: &&ColumnSpec| table == TableName::Trials || column.name != "id";
            columns(table).iter().filter(own).copied().collect()
        })
    });
    &CARRIED[table as usize]
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

/// Names of the columns of `trials` that depend on the run: all others are equal, bit for bit, whoever ran
/// the trial on one instruction set.
pub fn run_columns() -> Vec<&'static str> {
    columns(TableName::Trials)
        .iter()
        .map(|column| column.name)
        .filter(|name| name.starts_with("run_") || name.ends_with("_seconds") || RUN.contains(name))
        .collect()
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

fn column(name: &'static str, kind: Kind) -> ColumnSpec {
    ColumnSpec { name, kind }
}

fn head() -> Vec<ColumnSpec> {
    vec![column("trial", Kind::Count), column("id", Kind::Text)]
}

fn measured(names: &[&'static str]) -> impl Iterator<Item = ColumnSpec> {
    names.iter().map(|name| column(name, Kind::F64))
}

fn trials() -> Vec<ColumnSpec> {
    let mut all = head();
    for key in sweep::keys() {
        let kind = match key.column_type {
            ColumnType::Int => Kind::I64,
            ColumnType::Float => Kind::F64,
            ColumnType::Str => Kind::Text,
            ColumnType::Bool => Kind::Bool,
        };
        all.push(column(key.column, kind));
        all.extend(key.list_column.map(|name| column(name, Kind::Text)));
    }
    all.push(column("status", Kind::Text));
    all.push(column("error", Kind::Text));
    all.push(column("steps", Kind::Count));
    all.extend(measured(&SCALARS));
    all.extend([
        column("tolerance_steps", Kind::Count),
        column("engine", Kind::Text),
        column("core_width", Kind::Count),
        column("reduction_residual", Kind::F64),
        column("flops", Kind::F64),
        column("setup_seconds", Kind::F64),
        column("train_seconds", Kind::F64),
        column("measure_seconds", Kind::F64),
        column("tolerance_seconds", Kind::F64),
        column("failed_seconds", Kind::F64),
        column("worker", Kind::Text),
        column("host", Kind::Text),
        column("attempt", Kind::SmallCount),
        column("started_at", Kind::Time),
        column("run_isa", Kind::Text),
        column("run_version", Kind::Text),
        column("run_verify", Kind::Text),
    ]);
    all.extend(DIFFERENCES.map(|name| column(name, Kind::F64)));
    all.extend([
        column("verify_full_seconds", Kind::F64),
        column("verify_reduced_seconds", Kind::F64),
    ]);
    all
}

fn history() -> Vec<ColumnSpec> {
    let mut all = head();
    all.push(column("step", Kind::Count));
    all.extend(measured(&SCALARS));
    all
}

fn spectra() -> Vec<ColumnSpec> {
    let mut all = head();
    all.extend([
        column("step", Kind::Count),
        column("layer", Kind::SmallCount),
        column("index", Kind::SmallCount),
        column("value", Kind::F64),
        column("multiplicity", Kind::SmallCount),
    ]);
    all.extend(measured(&SpectrumRow::MEASURED));
    all
}

fn layers() -> Vec<ColumnSpec> {
    let mut all = head();
    all.extend([
        column("step", Kind::Count),
        column("layer", Kind::SmallCount),
    ]);
    all.extend(measured(&LayerRow::MEASURED));
    all
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
            assert_eq!(columns(table)[0], column("trial", Kind::Count));
            assert_eq!(columns(table)[1], column("id", Kind::Text));
        }
        assert_eq!(TableName::from_name("layers"), Some(TableName::Layers));
        assert_eq!(fingerprint().len(), 16);
        assert_eq!(
            columns_of_fingerprint(fingerprint()),
            Some(schema_fingerprint())
        );
    }
}
