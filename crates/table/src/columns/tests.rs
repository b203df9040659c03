//! A column is declared in one place: a dummy is declared here and found everywhere, in a process of its own, so that
//! no other test meets it.

use std::path::Path;
use std::process::Command;

use sweep::{EngineKind, Outcome, Status};

use super::declare::{Entry, newest};
use super::trials::TRIALS;
use super::{SCHEMA_VERSION, Trials};
use crate::Batch;
use crate::batch::tests::batch;
use crate::folder::tests_support::run;
use crate::folder::{FolderError, Format, RunFolder};
use crate::packed::Limits;
use crate::query::query;
use crate::schema::{TableName, described, run_columns, schema};
use crate::text::to_text;

/// Set to a run folder where the dummy is declared.
const DECLARED: &str = "PARSIMONY_TEST_DUMMY_COLUMN";

const DUMMY: &[Entry<Trials>] =
    &[
        Entry::<Trials>::seconds("dummy_seconds", "twice the training time", |row| {
            Some(2.0 * row.ran()?.train_seconds)
        })
        .since(SCHEMA_VERSION + 1),
    ];

/// What tests declare further.
pub(super) fn further() -> &'static [Entry<Trials>] {
    match std::env::var_os(DECLARED) {
        Some(_) => DUMMY,
        None => &[],
    }
}

/// Runs tests of this crate again with the dummy declared.
#[track_caller]
fn check_with_dummy(dir: &Path, tests: &[&str]) {
    let program = std::env::current_exe().unwrap();
    let ran = Command::new(program)
        .args(tests)
        .env(DECLARED, dir)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}");
    assert!(!said.contains("running 0 tests"), "{said}");
}

fn answer(dir: &Path, sql: &str) -> String {
    to_text(&query(&[dir.to_owned()], sql).unwrap())
}

#[test]
fn a_column_needs_no_more_than_its_declaration() {
    let home = tempfile::tempdir().unwrap();
    let mut folder = run(&home);
    folder.commit(&batch(0..4, &[1])).unwrap();
    let dir = folder.dir().to_owned();
    drop(folder);
    check_with_dummy(
        &dir,
        &["--exact", "columns::tests::the_dummy_is_everywhere"],
    );
    // To this program, which lacks the column, the folder is of a newer one.
    match RunFolder::open(&dir, None) {
        Err(FolderError::Newer { found, .. }) => {
            assert!(
                matches!(&found, Format::Column(_, name) if name == "dummy_seconds"),
                "{found:?}"
            );
        }
        other => panic!("{other:?}"),
    }
}

/// What holds for the tables holds with one column more.
#[test]
fn other_tests_pass_with_one_column_more() {
    let nowhere = Path::new("");
    let tests = [
        "batch::",
        "evolution::",
        "part::",
        "payload::",
        "schema::",
        "spool::",
    ];
    check_with_dummy(nowhere, &tests);
}

/// Run by [`a_column_needs_no_more_than_its_declaration`]; without the dummy there is nothing to see.
#[test]
fn the_dummy_is_everywhere() {
    let Some(dir) = std::env::var_os(DECLARED) else {
        return;
    };
    let dir = Path::new(&dir);
    // The schema, the list of columns that depend on the run, and what documents say.
    assert!(schema(TableName::Trials).contains("dummy_seconds"));
    assert!(run_columns().contains(&"dummy_seconds"));
    let last = described(TableName::Trials).last().unwrap();
    assert_eq!((last.name, last.unit), ("dummy_seconds", "s"));
    assert_eq!(last.words, "twice the training time");
    assert_eq!((last.since, last.nullable), (newest(DUMMY), true));
    // Pushed, sent and received; null where the trial failed.
    let sent = batch(4..8, &[5]);
    let received = Batch::from_payload(&sent.to_payload().unwrap(), &Limits::default()).unwrap();
    let frame = received.frame(TableName::Trials).unwrap();
    let values = frame.column("dummy_seconds").unwrap().f64().unwrap();
    let values: Vec<_> = values.iter().collect();
    assert_eq!(values, [Some(2.0), None, Some(3.0), Some(3.5)]);
    // A folder of a program without the column opens; its rows have none.
    let count = "SELECT count(*) AS n, sum(dummy_seconds) AS s FROM trials";
    assert_eq!(answer(dir, count), "n  s\n4  null\n");
    let mut folder = RunFolder::open(dir, None).unwrap();
    assert!(folder.repairs().is_empty(), "{:?}", folder.repairs());
    // It grows: written, read and asked for.
    folder.commit(&received).unwrap();
    drop(folder);
    assert_eq!(answer(dir, count), "n    s\n8  8.5\n");
}

/// The compiler names this place with a field that training leaves behind and no column holds.
#[test]
fn every_field_of_an_outcome_is_in_the_tables() {
    let Outcome {
        status: _,
        steps: _,
        last: _,
        history: _,
        spectra: _,
        layers: _,
        engine: _,
        core_width: _,
        reduction_residual: _,
        flops: _,
        tolerance_steps: _,
        tolerance_seconds: _,
        setup_seconds: _,
        train_seconds: _,
        measure_seconds: _,
    } = Outcome::new(Status::Completed, EngineKind::Full);
    let trials = schema(TableName::Trials);
    for name in [
        "status",
        "steps",
        "train_loss",
        "engine",
        "core_width",
        "reduction_residual",
        "flops",
        "tolerance_steps",
        "tolerance_seconds",
        "setup_seconds",
        "train_seconds",
        "measure_seconds",
    ] {
        assert!(trials.contains(name), "{name}");
    }
}

#[test]
fn columns_say_what_they_hold_and_since_when() {
    assert!(newest(TRIALS) <= SCHEMA_VERSION);
    for table in TableName::ALL {
        for column in described(table) {
            assert!(
                !column.words.is_empty() && !column.words.ends_with('.'),
                "{column:?}"
            );
            assert!(!column.words.contains('\n'), "{column:?}");
            assert!((1..=SCHEMA_VERSION).contains(&column.since), "{column:?}");
            assert_eq!(
                column.unit == "s",
                column.name.ends_with("_seconds"),
                "{column:?}"
            );
        }
    }
}
