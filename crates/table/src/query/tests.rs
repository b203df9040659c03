//! Queries over small run folders.

use std::path::PathBuf;

use crate::batch::tests::batch;
use crate::folder::{FolderError, Meta, RunFolder};
use crate::schema::{TableName, schema};

use super::{QueryError, query};

fn run(home: &tempfile::TempDir, name: &str, trials: std::ops::Range<u64>) -> PathBuf {
    let dir = home.path().join(name);
    let meta = Meta {
        name: name.to_owned(),
        program_version: "0".to_owned(),
        revision: "0".to_owned(),
    };
    let mut folder = RunFolder::create(&dir, &meta, None).unwrap();
    let middle = trials.start + (trials.end - trials.start) / 2;
    folder.commit(&batch(trials.start..middle, &[2])).unwrap();
    folder.commit(&batch(middle..trials.end, &[])).unwrap();
    dir
}

fn check(dirs: &[PathBuf], sql: &str, expected: &str) {
    let answer = query(dirs, sql).unwrap();
    let mut csv = Vec::new();
    answer.send(&mut crate::CsvWriter::new(&mut csv)).unwrap();
    assert_eq!(String::from_utf8(csv).unwrap(), expected, "{sql}");
}

#[test]
fn one_run_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let dirs = [run(&home, "a=1 [x]", 0..10)];
    check(&dirs, "SELECT count(*) AS n FROM trials", "n\n10\n");
    check(
        &dirs,
        "SELECT status, count(*) AS n FROM trials GROUP BY status ORDER BY status",
        "status,n\ncompleted,8\ndiverged,1\nfailed,1\n",
    );
    check(
        &dirs,
        "SELECT trial, step, train_loss FROM history WHERE trial = 1 ORDER BY step",
        "trial,step,train_loss\n1,0,0.5\n1,1,0.3333333333333333\n1,2,0.25\n",
    );
    check(
        &dirs,
        "SELECT count(*) AS n FROM trials t JOIN spectra s ON t.id = s.id",
        "n\n27\n",
    );
    check(
        &dirs,
        "SELECT started_at FROM trials WHERE trial = 0",
        "started_at\n2023-11-14 22:13:20\n",
    );
}

/// From 2^53 on whole numbers share their floating-point number, and so the hash by which a join finds them.
#[test]
fn keys_of_one_hash_are_not_joined() {
    let home = tempfile::tempdir().unwrap();
    let first = 1_u64 << 53;
    let dirs = [run(&home, "large", first..first + 6)];
    for join in ["JOIN", "LEFT JOIN"] {
        check(
            &dirs,
            &format!("SELECT count(*) AS n FROM history h {join} trials t ON h.trial = t.trial"),
            "n\n18\n",
        );
    }
    for (sought, found) in [
        ("9007199254740993", "9007199254740993\n"),
        ("9007199254740992.0", "9007199254740992\n"),
        ("9007199254740992.5", "9007199254740992\n"),
        ("NULL", ""),
        ("0.5", ""),
    ] {
        check(
            &dirs,
            &format!("SELECT t.trial FROM (SELECT {sought} AS x) s JOIN trials t ON t.trial = s.x"),
            &format!("trial\n{found}"),
        );
    }
}

#[test]
fn the_newest_parts_alone_are_asked() {
    let home = tempfile::tempdir().unwrap();
    let dirs = [run(&home, "a", 0..10)];
    let count = |parts| {
        let mut answer = crate::Answer::default();
        let sql = "SELECT count(*) AS n, min(trial) AS least FROM trials";
        super::query_newest(&dirs, sql, parts, &std::sync::Arc::default(), &mut answer).unwrap();
        (answer.numbers("n"), answer.numbers("least"))
    };
    assert_eq!(count(1), (vec![5.0], vec![5.0]));
    assert_eq!(count(2), (vec![10.0], vec![0.0]));
    assert_eq!(count(9), (vec![10.0], vec![0.0]));
}

#[test]
fn empty_tables_are_there() {
    let home = tempfile::tempdir().unwrap();
    let dirs = [run(&home, "none", 0..0)];
    for table in TableName::ALL {
        let sql = format!("SELECT count(*) AS n FROM {}", table.name());
        check(&dirs, &sql, "n\n0\n");
    }
    let all = query(&dirs, "SELECT * FROM layers").unwrap();
    assert_eq!(all.height(), 0);
    assert_eq!(all.columns.len(), schema(TableName::Layers).len());
}

#[test]
fn several_runs_stand_below_each_other() {
    let home = tempfile::tempdir().unwrap();
    let dirs = [run(&home, "one", 0..4), run(&home, "two", 0..6)];
    check(
        &dirs,
        "SELECT run, count(*) AS n FROM trials GROUP BY run ORDER BY run",
        "run,n\none,4\ntwo,6\n",
    );
    check(&dirs, "SELECT count(*) AS n FROM history", "n\n27\n");
}

#[test]
fn wrong_questions_have_reasons() {
    let home = tempfile::tempdir().unwrap();
    let dirs = [run(&home, "r", 0..2)];
    for sql in [
        "SELECT",
        "SELECT nothing FROM trials",
        "SELECT * FROM there",
        "SELECT 1; SELECT 2",
    ] {
        assert!(
            matches!(query(&dirs, sql), Err(QueryError::Statement(_))),
            "{sql}"
        );
    }
    assert!(matches!(query(&[], "SELECT 1"), Err(QueryError::NoRun)));
    assert!(matches!(
        query(&[home.path().to_owned()], "SELECT 1"),
        Err(QueryError::Folder(FolderError::NotARun { .. }))
    ));
}

/// The same question asked in a way that the tables help with and, behind a plus sign, in one that they cannot.
#[test]
fn rows_found_by_value_are_those_that_a_scan_finds() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("mixed");
    let meta = Meta {
        name: "mixed".to_owned(),
        program_version: "0".to_owned(),
        revision: "0".to_owned(),
    };
    let mut folder = RunFolder::create(&dir, &meta, None).unwrap();
    // In no order, so that neither a part nor the table is in the order of its trials.
    for trials in [20..30, 0..7, 40..55, 7..20, 30..40] {
        folder.commit(&batch(trials, &[3, 33])).unwrap();
    }
    let dirs = [dir];
    for (helped, plain) in [
        (
            "SELECT h.step, t.trial FROM trials t JOIN history h ON h.trial = t.trial ORDER BY 2, 1",
            "SELECT h.step, t.trial FROM trials t JOIN history h ON +h.trial = +t.trial ORDER BY 2, 1",
        ),
        (
            "SELECT count(*), sum(h.train_loss) FROM history h JOIN trials t ON t.id = h.id",
            "SELECT count(*), sum(h.train_loss) FROM history h JOIN trials t ON t.id || '' = h.id || ''",
        ),
        (
            "SELECT a.trial, b.trial FROM trials a LEFT JOIN trials b ON a.trial = b.trial + 1 ORDER BY 1",
            "SELECT a.trial, b.trial FROM trials a LEFT JOIN trials b ON +a.trial = +b.trial + 1 ORDER BY 1",
        ),
        (
            "SELECT count(*) FROM trials a JOIN trials b ON a.status = b.status AND a.steps = b.steps",
            "SELECT count(*) FROM trials a JOIN trials b ON a.status || '' = b.status || '' AND +a.steps = +b.steps",
        ),
        (
            "SELECT trial, step FROM history WHERE trial IN (33, 3, 99, 12) ORDER BY trial, step",
            "SELECT trial, step FROM history WHERE +trial IN (33, 3, 99, 12) ORDER BY trial, step",
        ),
        (
            "SELECT trial, step FROM history WHERE trial >= 12 AND step < 2 AND trial < 45 ORDER BY trial, step",
            "SELECT trial, step FROM history WHERE +trial >= 12 AND +step < 2 AND +trial < 45 ORDER BY +trial, step",
        ),
        (
            "SELECT trial, step FROM history ORDER BY trial, step",
            "SELECT trial, step FROM history ORDER BY +trial, +step",
        ),
        (
            "SELECT trial, count(*), max(step) FROM history GROUP BY trial ORDER BY trial",
            "SELECT +trial, count(*), max(step) FROM history GROUP BY +trial ORDER BY +trial",
        ),
        (
            "SELECT count(*) FROM trials WHERE status = 'failed' AND trial > 10",
            "SELECT count(*) FROM trials WHERE status || '' = 'failed' AND +trial > 10",
        ),
        (
            "SELECT count(*) FROM trials WHERE train_loss = NULL",
            "SELECT count(*) FROM trials WHERE +train_loss = NULL",
        ),
        (
            "SELECT (SELECT max(step) FROM history h WHERE h.trial = t.trial) FROM trials t ORDER BY trial",
            "SELECT (SELECT max(step) FROM history h WHERE +h.trial = t.trial) FROM trials t ORDER BY +trial",
        ),
        (
            "SELECT DISTINCT trial FROM spectra ORDER BY trial",
            "SELECT DISTINCT +trial FROM spectra ORDER BY 1",
        ),
    ] {
        let rows = |sql: &str| {
            query(&dirs, sql)
                .unwrap_or_else(|error| panic!("{sql}: {error}"))
                .rows
        };
        let found = rows(helped);
        assert!(!found.is_empty(), "{helped}");
        assert_eq!(found, rows(plain), "{helped}");
    }
}

#[test]
fn a_query_reads_and_does_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let dirs = [run(&home, "r", 0..2)];
    for sql in [
        "ATTACH 'x.sqlite' AS x",
        "CREATE TABLE x(a)",
        "DELETE FROM trials",
        "INSERT INTO trials(trial) VALUES (7)",
        "UPDATE trials SET trial = 7",
        "PRAGMA user_version",
        "SELECT load_extension('x')",
        "SELECT * FROM sqlite_master",
        "VACUUM INTO 'x.sqlite'",
        "DROP TABLE trials",
    ] {
        assert!(
            matches!(query(&dirs, sql), Err(QueryError::Statement(_))),
            "{sql}"
        );
    }
    check(&dirs, "SELECT count(*) AS n FROM trials", "n\n2\n");
}

#[test]
fn a_query_stops_on_request() {
    let home = tempfile::tempdir().unwrap();
    let dirs = [run(&home, "r", 0..50)];
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let mut answer = super::Answer::default();
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let ended = super::query_into(&dirs, endless, &stop, &mut answer);
    assert!(matches!(ended, Err(QueryError::Interrupted)));
}
