//! Requests that are wrong: the error shows the place and what to do, the exit code says what kind it is, and nothing that
//! was there is touched. The texts are in `snapshots/errors`.

use std::path::Path;

use tests::process::run;

use crate::snapshots;
use crate::{SMALL, folder_with};

/// Errors in a sweep file: a name, what is replaced in a sound file, and by what.
const IN_THE_FILE: [(&str, &str, &str); 16] = [
    ("unknown-axis", "\"network.depth\"", "\"network.dept\""),
    ("unknown-key", "dim = 12", "dimm = 12"),
    (
        "unknown-key-of-an-optimizer",
        "rate = 0.5",
        "rate = 0.5\nrtae = 1",
    ),
    ("unknown-table", "[measure]", "[mesure]"),
    ("wrong-type", "dim = 12", "dim = \"twelve\""),
    ("empty-range", "range = [1, 4]", "range = [4, 4]"),
    ("rank-above-dim", "range = [1, 4]", "range = [1, 40]"),
    ("negative-steps", "steps = 60", "steps = -1"),
    ("no-value", "steps = 60", "steps = "),
    ("unknown-start", "\"gaussian\"", "\"gausian\""),
    (
        "unknown-problem",
        "kind = \"factorization\"",
        "kind = \"factorisation\"",
    ),
    ("unknown-metric", "\"effective_rank\"", "\"efective_rank\""),
    (
        "engine-that-does-not-apply",
        "engine = \"full\"",
        "engine = \"reduced\"",
    ),
    ("unknown-engine", "engine = \"full\"", "engine = \"ful\""),
    (
        "empty-list",
        "\"network.depth\" = [2, 3]",
        "\"network.depth\" = []",
    ),
    (
        "unknown-word-in-a-filter",
        "[problem]",
        "[filter]\nwhere = \"network.depht > 2\"\n[problem]",
    ),
];

#[test]
fn errors_in_a_sweep_file_show_the_place_and_what_to_do() {
    let mut texts = Vec::new();
    for (name, from, to) in IN_THE_FILE {
        let text = SMALL.replace(from, to);
        assert_ne!(text, SMALL, "`{from}` is not in the sweep");
        let folder = folder_with("bad.toml", &text);
        let at = folder.path();
        let planned = run(at, &["plan", "bad.toml"]).expect(2);
        let ran = run(at, &["run", "bad.toml"]).expect(2);
        assert_eq!(planned.err, ran.err, "plan and run differ");
        for out in [&planned.out, &ran.out] {
            assert!(out.is_empty(), "talk on standard output: {out}");
        }
        let left = std::fs::read_dir(at).unwrap().count();
        assert_eq!(left, 1, "{name}: a refused sweep left something");
        texts.push((name.to_owned(), planned.err));
    }
    snapshots::check("errors/sweep", &[], &texts);
}

#[test]
fn wrong_requests_exit_with_2() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    std::fs::create_dir(at.join("full")).unwrap();
    std::fs::write(at.join("full/letter.txt"), "mine").unwrap();
    let requests: [(&str, &[&str]); 12] = [
        ("absent-file", &["run", "absent.toml"]),
        ("no-file", &["run"]),
        ("unknown-command", &["fly"]),
        ("unknown-flag", &["run", "small.toml", "--treads", "2"]),
        (
            "set-without-a-key",
            &["run", "small.toml", "--set", "nonsense"],
        ),
        (
            "set-of-an-unknown-key",
            &["run", "small.toml", "--set", "train.stepz=3"],
        ),
        ("no-threads", &["run", "small.toml", "--threads", "0"]),
        (
            "folder-with-other-files",
            &["run", "small.toml", "--out", "full"],
        ),
        (
            "open-to-all",
            &["coordinator", "--data", "d", "--listen", "0.0.0.0:0"],
        ),
        ("query-of-nothing", &["query", "absent", "SELECT 1"]),
        ("not-a-run", &["query", "full", "SELECT 1"]),
        ("no-such-plan", &["plan", "absent.toml", "--list"]),
    ];
    let mut texts = Vec::new();
    for (name, words) in requests {
        let refused = run(at, words).expect(2);
        assert!(refused.out.is_empty(), "{}", refused.out);
        texts.push((name.to_owned(), refused.err));
    }
    let letter = std::fs::read_to_string(at.join("full/letter.txt")).unwrap();
    assert_eq!(letter, "mine");
    assert_eq!(std::fs::read_dir(at.join("full")).unwrap().count(), 1);
    run(at, &["completions", "bash"]).expect(0);
    snapshots::check("errors/request", &[], &texts);
}

#[test]
fn wrong_questions_are_refused_with_a_suggestion() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let fix = ["--set", "train.steps=2", "--set", "replicate=0"];
    run(
        at,
        &[&["run", "small.toml", "--out", "r"], &fix[..]].concat(),
    )
    .expect(0);
    let questions = [
        ("unknown-column", "SELECT train_los FROM trials"),
        ("unknown-table", "SELECT count(*) FROM trails"),
        ("unknown-function", "SELECT men(train_loss) FROM trials"),
        (
            "not-grouped",
            "SELECT init_kind, avg(train_loss) FROM trials",
        ),
        (
            "text-against-number",
            "SELECT * FROM trials WHERE init_kind > 3",
        ),
        ("half-a-statement", "SELECT"),
        ("a-statement-that-writes", "DELETE FROM trials"),
        ("two-statements", "SELECT 1; SELECT 2"),
    ];
    let texts = questions.map(|(name, sql)| {
        let refused = run(at, &["query", "r", sql]).expect(2);
        assert!(refused.out.is_empty(), "{}", refused.out);
        (name.to_owned(), refused.err)
    });
    snapshots::check("errors/query", &[], &texts);
}

#[test]
fn a_coordinator_that_is_not_there_exits_with_4() {
    let folder = folder_with("small.toml", SMALL);
    // Port 9 of loopback: nothing listens there.
    let url = ["--coordinator", "http://127.0.0.1:9"];
    let mut texts = Vec::new();
    for words in [
        &["list"][..],
        &["status"],
        &["workers"],
        &["submit", "small.toml"],
        &["watch", "x"],
    ] {
        let refused = run(folder.path(), &[words, &url].concat()).expect(4);
        texts.push((words[0].to_owned(), refused.err));
    }
    snapshots::check("errors/unreachable", &[], &texts);
}

/// Writes a data file and returns what a run of the sweep says.
fn refused(at: &Path, content: &str) -> String {
    std::fs::write(at.join("x.csv"), content).unwrap();
    run(at, &["run", "d.toml"]).expect(2).err
}

#[test]
fn data_files_that_do_not_fit_are_refused() {
    let text = "name = \"d\"\n[problem]\nkind = \"classification\"\ninputs = { file = \"x.csv\", columns = \"0..2\" }\nlabels = { file = \"x.csv\", columns = \"2..3\" }\n[train]\nsteps = 2\n";
    let folder = folder_with("d.toml", text);
    let at = folder.path();
    let absent = run(at, &["run", "d.toml"]).expect(2).err;
    let mut texts = vec![("absent".to_owned(), absent)];
    for (name, content) in [
        ("not-a-number", "1,2,a\n3,oops,b\n"),
        ("too-few-columns", "1,2\n3,4\n"),
        ("ragged-rows", "1,2,a\n3,4\n"),
        ("empty", ""),
        ("not-finite", "1,2,a\n3,nan,b\n"),
    ] {
        texts.push((name.to_owned(), refused(at, content)));
    }
    std::fs::write(at.join("x.csv"), "1,2,a\n3,4,b\n").unwrap();
    run(at, &["run", "d.toml"]).expect(0);
    texts.push(("changed".to_owned(), refused(at, "1,2,a\n3,5,b\n")));
    snapshots::check("errors/data", &[], &texts);
}
