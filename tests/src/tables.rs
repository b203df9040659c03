//! Tables of run folders, compared row for row and bit for bit.

use std::path::Path;

use table::{Answer, Value};

/// The four tables.
pub const TABLES: [&str; 4] = ["trials", "history", "spectra", "layers"];

/// Rows of a query over one run.
#[track_caller]
pub fn query(run: &Path, sql: &str) -> Answer {
    table::query(&[run.to_owned()], sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// One number.
#[track_caller]
pub fn number(run: &Path, sql: &str) -> f64 {
    let rows = query(run, sql);
    rows.rows[0][0].number().expect("a number")
}

/// Rows of `trials` that can be read now; none where there is no table yet.
pub fn rows(run: &Path) -> u64 {
    let counted = table::query(&[run.to_owned()], "SELECT count(*) AS n FROM trials");
    // A count fits.
    counted.map_or(0, |rows| rows.numbers("n")[0] as u64)
}

/// The texts of a column.
#[track_caller]
pub fn texts(rows: &Answer, name: &str) -> Vec<String> {
    let values = rows.column(name).expect("a column of the answer");
    let text = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    };
    values.into_iter().map(text).collect()
}

/// A table without the columns that depend on the run, sorted, as text in which floats keep their bits.
#[track_caller]
pub fn canonical(run: &Path, name: &str) -> String {
    let keys = match name {
        "trials" => "trial",
        "history" => "trial, step",
        "spectra" => "trial, step, layer, \"index\"",
        _ => "trial, step, layer",
    };
    let rows = query(run, &format!("SELECT * FROM {name} ORDER BY {keys}"));
    let dependent = table::run_columns();
    let is_kept = |name: &str| {
        !dependent.contains(&name) && !name.starts_with("run_") && !name.ends_with("_seconds")
    };
    let kept: Vec<bool> = rows
        .columns
        .iter()
        .map(|column| is_kept(&column.name))
        .collect();
    let rows = Answer {
        columns: of_kept(&rows.columns, &kept),
        rows: rows.rows.iter().map(|row| of_kept(row, &kept)).collect(),
    };
    let mut text = Vec::new();
    let mut writer = table::CsvWriter::new(&mut text);
    rows.send(&mut writer).expect("a vector takes everything");
    drop(writer);
    String::from_utf8(text).expect("CSV is text")
}

fn of_kept<T: Clone>(all: &[T], kept: &[bool]) -> Vec<T> {
    let kept = all.iter().zip(kept).filter(|(_, kept)| **kept);
    kept.map(|(one, _)| one.clone()).collect()
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
