//! DESCRIBE, SHOW TABLES and SUMMARIZE as SELECTs.

use super::query::Bound;
use super::types::{Catalog, Column, ColumnType, Kind, quoted, text};

/// SQLite joins at most 500 SELECTs in a row, and each column is one.
pub(super) const SUMMARIZED_COLUMNS: usize = 500;

/// The names of DESCRIBE's columns.
const DESCRIBED: &[&str] = &[
    "column_name",
    "column_type",
    "null",
    "key",
    "default",
    "extra",
];

/// The names of SUMMARIZE's columns.
const SUMMARY: &[(&str, Kind)] = &[
    ("column_name", Kind::Text),
    ("column_type", Kind::Text),
    ("min", Kind::Unknown),
    ("max", Kind::Unknown),
    ("approx_unique", Kind::Integer),
    ("avg", Kind::Real),
    ("std", Kind::Real),
    ("q25", Kind::Real),
    ("q50", Kind::Real),
    ("q75", Kind::Real),
    ("count", Kind::Integer),
    ("null_percentage", Kind::Real),
];

fn output(name: &str, kind: Kind) -> Column {
    Column {
        name: name.to_owned(),
        sql: String::new(),
        kind,
        never_null: false,
    }
}

/// DuckDB's name of a kind; a value that is known only by running is shown as text.
fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Date => "DATE",
        Kind::Null | Kind::Unknown => "VARCHAR",
        other => other.column_type().map_or("VARCHAR", ColumnType::name),
    }
}

pub(super) fn describe(columns: &[(String, Kind)]) -> Bound {
    let rows: Vec<String> = columns
        .iter()
        .map(|(name, kind)| format!("({}, {})", text(name), text(type_name(*kind))))
        .collect();
    let sql = format!(
        "SELECT column1 AS \"column_name\", column2 AS \"column_type\", 'YES' AS \"null\", NULL AS \"key\", NULL AS \"default\", \
         NULL AS \"extra\" FROM (VALUES {})",
        rows.join(", ")
    );
    Bound {
        sql,
        columns: DESCRIBED
            .iter()
            .map(|name| output(name, Kind::Text))
            .collect(),
        plain: false,
        one_row: false,
    }
}

pub(super) fn show_tables(catalog: &Catalog) -> Bound {
    let mut names: Vec<&str> = catalog
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    names.sort_unstable();
    let rows: Vec<String> = names
        .iter()
        .map(|name| format!("({})", text(name)))
        .collect();
    let sql = if rows.is_empty() {
        "SELECT NULL AS \"name\" WHERE FALSE".to_owned()
    } else {
        format!(
            "SELECT column1 AS \"name\" FROM (VALUES {})",
            rows.join(", ")
        )
    };
    Bound {
        sql,
        columns: vec![output("name", Kind::Text)],
        plain: false,
        one_row: false,
    }
}

/// One row a column of `from`, each a scan of its own. `with` defines `from` where it is a query.
pub(super) fn summarize(with: &str, from: &str, columns: &[(String, Kind)]) -> Bound {
    let rows: Vec<String> = columns
        .iter()
        .map(|(name, kind)| row(from, name, *kind))
        .collect();
    let sql = rows.join(" UNION ALL ");
    Bound {
        sql: format!("{with}{sql}"),
        columns: SUMMARY
            .iter()
            .map(|(name, kind)| output(name, *kind))
            .collect(),
        plain: false,
        one_row: false,
    }
}

fn row(from: &str, name: &str, kind: Kind) -> String {
    let column = quoted(name);
    let number = kind.is_number();
    let of = |function: &str| {
        if number {
            function.replace('?', &column)
        } else {
            "NULL".to_owned()
        }
    };
    let shown = |function: &str| match kind {
        Kind::Boolean => {
            format!("CASE {function}({column}) WHEN 1 THEN 'true' WHEN 0 THEN 'false' END")
        }
        _ => format!("{function}({column})"),
    };
    let values = [
        text(name),
        text(type_name(kind)),
        shown("min"),
        shown("max"),
        format!("approx_count_distinct({column})"),
        of("avg(?)"),
        of("stddev(?)"),
        of("quantile_cont(?, 0.25)"),
        of("quantile_cont(?, 0.5)"),
        of("quantile_cont(?, 0.75)"),
        "count(*)".to_owned(),
        format!("round(100.0 * (count(*) - count({column})) / count(*), 2)"),
    ];
    let items: Vec<String> = values
        .iter()
        .zip(SUMMARY)
        .map(|(value, (name, _))| format!("{value} AS {}", quoted(name)))
        .collect();
    format!("SELECT {} FROM {}", items.join(", "), quoted(from))
}
