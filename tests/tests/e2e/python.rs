//! The tables as Python reads them.

use std::process::Command;

use tests::process::run;

use crate::{SMALL, folder_with};

/// Reads the tables with pyarrow and DuckDB and prints a line of facts.
const SCRIPT: &str = r#"
import sys, duckdb, pyarrow.parquet as pq
run = sys.argv[1]
table = pq.read_table(run + "/trials")
assert table.num_rows == 72, table.num_rows
types = {field.name: str(field.type) for field in table.schema}
for name in ["trial", "steps", "tolerance_steps", "core_width", "attempt"]:
    assert types[name] == "int64", types
assert types["train_loss"] == "double", types
assert types["network_depth"] == "int64", types
assert types["started_at"] == "timestamp[us, tz=UTC]", types
assert table["accuracy"].null_count == 72
for name in ["history", "spectra", "layers"]:
    rows = pq.read_table(run + "/" + name)
    assert rows.num_rows > 0
    for column in {"trial", "step", "layer", "index", "multiplicity"} & set(rows.column_names):
        assert str(rows.schema.field(column).type) == "int64", (name, column)
below = duckdb.sql(f"SELECT min(step - 100), min(trial - 1) FROM '{run}/history/*.parquet'").fetchall()
assert below == [(-100, -1)], below
rows = duckdb.sql(f"""
    SELECT init_kind, count(*), avg(train_loss) FROM '{run}/trials/*.parquet' GROUP BY 1 ORDER BY 1
""").fetchall()
assert [row[:2] for row in rows] == [("gaussian", 24), ("identity", 24), ("orthogonal", 24)], rows
joined = duckdb.sql(f"""
    SELECT count(*) FROM '{run}/trials/*.parquet' t JOIN '{run}/spectra/*.parquet' s USING (trial, id) WHERE s.step = 60
""").fetchall()
assert joined[0][0] > 0
import glob
metadata = pq.read_metadata(sorted(glob.glob(run + "/trials/*.parquet"))[0]).metadata
print(sorted(key.decode() for key in metadata if key.startswith(b"parsimony")))
"#;

#[test]
fn pyarrow_and_duckdb_read_the_tables() {
    let python = std::env::var("PARSIMONY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python)
        .args(["-c", "import pyarrow, duckdb"])
        .output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: {python} has no pyarrow and duckdb");
        return;
    }
    let folder = folder_with("small.toml", SMALL);
    run(folder.path(), &["run", "small.toml", "--out", "r"]).expect(0);
    let output = Command::new(&python)
        .args(["-c", SCRIPT])
        .arg(folder.path().join("r"))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{err}");
    assert!(
        out.contains("version"),
        "the metadata name no version: {out}"
    );
}
