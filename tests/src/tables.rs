//! Tables of run folders, compared row for row and bit for bit.

use std::path::Path;

use polars::prelude::{DataFrame, SortMultipleOptions};

/// The four tables.
pub const TABLES: [&str; 4] = ["trials", "history", "spectra", "layers"];

/// Rows of a query over one run.
#[track_caller]
pub fn query(run: &Path, sql: &str) -> DataFrame {
    table::query(&[run.to_owned()], sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// One number.
#[track_caller]
pub fn number(run: &Path, sql: &str) -> f64 {
    let rows = query(run, sql);
    let column = &rows.columns()[0];
    column
        .get(0)
        .expect("a row")
        .try_extract::<f64>()
        .expect("a number")
}

/// A table without the columns that depend on the run, sorted, as text in which floats keep their bits.
#[track_caller]
pub fn canonical(run: &Path, name: &str) -> String {
    let rows = query(run, &format!("SELECT * FROM {name}"));
    let dependent = table::run_columns();
    let kept: Vec<&str> = rows
        .get_column_names()
        .into_iter()
        .map(|name| name.as_str())
        .filter(|name| {
            !dependent.contains(name) && !name.starts_with("run_") && !name.ends_with("_seconds")
        })
        .collect();
    let rows = rows.select(kept).expect("columns of the table itself");
    let keys: Vec<&str> = match name {
        "trials" => vec!["trial"],
        "history" => vec!["trial", "step"],
        "spectra" => vec!["trial", "step", "layer", "index"],
        _ => vec!["trial", "step", "layer"],
    };
    let mut rows = rows
        .sort(keys, SortMultipleOptions::default())
        .expect("the keys are columns");
    let mut text = Vec::new();
    table::write_csv(&mut rows, &mut text).expect("a vector takes everything");
    String::from_utf8(text).expect("CSV is text")
}

/// Fails unless both runs hold the same tables.
#[track_caller]
pub fn assert_equal(a: &Path, b: &Path) {
    for name in TABLES {
        let (left, right) = (canonical(a, name), canonical(b, name));
        if left != right {
            let differing = left.lines().zip(right.lines()).find(|(l, r)| l != r);
            panic!(
                "table {name} differs between {} ({} lines) and {} ({} lines); first: {differing:?}",
                a.display(),
                left.lines().count(),
                b.display(),
                right.lines().count()
            );
        }
    }
}
