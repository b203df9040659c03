//! What is wrong is told with its place, the exit code is 2, and nothing that was there is touched.

use tests::process::run;

use crate::{SMALL, folder_with};

/// Runs a sweep with one replacement and returns what was told.
#[track_caller]
fn check(from: &str, to: &str, code: i32, words: &[&str]) {
    let text = SMALL.replace(from, to);
    assert_ne!(text, SMALL, "`{from}` is not in the sweep");
    let folder = folder_with("bad.toml", &text);
    for command in ["plan", "run"] {
        let told = run(folder.path(), &[command, "bad.toml"]).expect(code);
        for word in words {
            assert!(
                told.err.contains(word),
                "`{word}` is missing in:\n{}",
                told.err
            );
        }
        assert!(told.out.is_empty(), "talk on standard output: {}", told.out);
    }
    assert!(
        !folder.path().join("runs").exists(),
        "a refused sweep left a folder"
    );
}

#[test]
fn mistakes_in_a_sweep_file_are_told_with_place_and_cure() {
    check(
        "\"network.depth\"",
        "\"network.dept\"",
        2,
        &["bad.toml:6", "network.dept", "network.depth"],
    );
    check(
        "dim = 12",
        "dim = \"twelve\"",
        2,
        &["bad.toml:", "problem.dim"],
    );
    check("dim = 12", "dimm = 12", 2, &["dim"]);
    check("range = [1, 4]", "range = [4, 4]", 2, &["problem.rank"]);
    check("range = [1, 4]", "range = [1, 40]", 2, &["rank", "12"]);
    check("\"gaussian\"", "\"gausian\"", 2, &["gausian", "gaussian"]);
    check(
        "kind = \"factorization\"",
        "kind = \"factorisation\"",
        2,
        &["factorization"],
    );
    check("steps = 60", "steps = ", 2, &["bad.toml:16"]);
    check("steps = 60", "steps = -1", 2, &["train.steps"]);
    check("rate = 0.5", "rate = 0.5\nrtae = 1", 2, &["rtae"]);
}

#[test]
fn wrong_requests_exit_with_2() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["run", "absent.toml"]).expect(2);
    run(at, &["run"]).expect(2);
    run(at, &["fly"]).expect(2);
    run(at, &["run", "small.toml", "--set", "nonsense"]).expect(2);
    run(at, &["run", "small.toml", "--set", "train.stepz=3"]).expect(2);
    run(at, &["run", "small.toml", "--threads", "0"]).expect(2);
    std::fs::create_dir(at.join("full")).unwrap();
    std::fs::write(at.join("full/letter.txt"), "mine").unwrap();
    let told = run(at, &["run", "small.toml", "--out", "full"]).expect(2);
    assert!(told.err.contains("neither empty nor a run"), "{}", told.err);
    assert_eq!(
        std::fs::read_to_string(at.join("full/letter.txt")).unwrap(),
        "mine"
    );
    assert_eq!(std::fs::read_dir(at.join("full")).unwrap().count(), 1);
    run(at, &["--help"]).expect(0);
    run(at, &["coordinator", "--data", "d", "--listen", "0.0.0.0:0"]).expect(2);
    run(at, &["completions", "bash"]).expect(0);
}

#[test]
fn a_coordinator_that_is_not_there_exits_with_4() {
    let folder = folder_with("small.toml", SMALL);
    // Port 9 of loopback: nothing listens there.
    let url = ["--coordinator", "http://127.0.0.1:9"];
    for words in [
        vec!["list"],
        vec!["status"],
        vec!["workers"],
        vec!["submit", "small.toml"],
        vec!["watch", "x"],
    ] {
        let mut words = words;
        words.extend(url);
        run(folder.path(), &words).expect(4);
    }
}

#[test]
fn data_files_that_do_not_fit_are_told() {
    let text = "name = \"d\"\n[problem]\nkind = \"classification\"\ninputs = { file = \"x.csv\", columns = \"0..2\" }\nlabels = { file = \"x.csv\", columns = \"2..3\" }\n[train]\nsteps = 2\n";
    let folder = folder_with("d.toml", text);
    let at = folder.path();
    let check = |content: &str, word: &str| {
        std::fs::write(at.join("x.csv"), content).unwrap();
        let told = run(at, &["run", "d.toml"]).expect(2);
        assert!(
            told.err.contains(word),
            "`{word}` is missing in:\n{}",
            told.err
        );
    };
    let told = run(at, &["run", "d.toml"]).expect(2);
    assert!(told.err.contains("x.csv"), "{}", told.err);
    check("1,2,a\n3,oops,b\n", "oops");
    check("1,2\n3,4\n", "x.csv");
    check("1,2,a\n3,4\n", "x.csv");
    check("", "x.csv");
    check("1,2,a\n3,nan,b\n", "x.csv");
    std::fs::write(at.join("x.csv"), "1,2,a\n3,4,b\n").unwrap();
    run(at, &["run", "d.toml"]).expect(0);
    std::fs::write(at.join("x.csv"), "1,2,a\n3,5,b\n").unwrap();
    let changed = run(at, &["run", "d.toml"]).expect(2);
    assert!(changed.err.contains("x.csv"), "{}", changed.err);
}
