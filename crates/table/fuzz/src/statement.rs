//! Text that claims to be SQL over an empty run: checked, written anew for SQLite and compiled there, but not run.

use std::sync::LazyLock;

use table::{GenerationRecord, Meta, QueryError, RunFolder};
use tempfile::TempDir;

/// A run folder without rows.
static RUN: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let meta = Meta {
        name: "fuzz".to_owned(),
        program_version: "0".to_owned(),
        revision: String::new(),
    };
    let mut run = RunFolder::create(&dir.path().join("run"), &meta, None).expect("a new folder");
    let generation = GenerationRecord {
        number: 0,
        base: 0,
        size: 1,
        toml: String::new(),
        hash: String::new(),
        files: Vec::new(),
    };
    run.add_generation(&generation, "").expect("a generation");
    dir
});

/// `DESCRIBE` only checks the statement; `EXPLAIN` hands the one that was written for SQLite to SQLite, too.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let described = answered(&format!("DESCRIBE {text}"));
    let planned = answered(&format!("EXPLAIN {text}"));
    if let (Some(columns), Some(_)) = (described, planned) {
        assert!(columns > 0, "a statement without columns: {text}");
    }
}

/// Rows of the answer; `None` where the statement is refused, which comes with a reason.
fn answered(sql: &str) -> Option<usize> {
    match table::query(&[RUN.path().join("run")], sql) {
        Ok(answer) => Some(answer.rows.len()),
        Err(QueryError::Statement(error)) => {
            assert!(!error.to_string().is_empty(), "no reason for {sql}");
            None
        }
        Err(error) => panic!("{sql}: {error}"),
    }
}
