//! Folders that were damaged while nobody looked: what can be mended is mended, the rest is reported, nothing that
//! was sound is lost or written twice.

use std::path::{Path, PathBuf};

use tests::process::{Background, Coordinator, Finished, run, until};
use tests::tables::{TABLES, assert_equal, number};

use crate::common::{
    copy, count, log, logged, long, rows, state, status, steps_for, until_finished,
};
use crate::disk::SmallDisk;
use crate::{SMALL, folder_with};

/// Trials of the sweep below.
const TRIALS: u64 = 72;

/// A sweep whose run takes three seconds on one thread and so leaves several parts.
fn three_seconds() -> String {
    lasting(3.0)
}

fn lasting(seconds: f64) -> String {
    long("small", TRIALS, steps_for(seconds / TRIALS as f64))
}

fn again(at: &Path, out: &str) -> Finished {
    run(
        at,
        &[
            "run",
            "small.toml",
            "--out",
            out,
            "--json",
            "--threads",
            "1",
        ],
    )
}

/// Parts of a table that hold rows, in order.
fn parts(run_folder: &Path, table: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(run_folder.join(table)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_part = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("part-")
    };
    let mut parts: Vec<PathBuf> = paths.filter(is_part).collect();
    parts.sort();
    parts
}

/// The second part of a table: neither the first nor, in the runs here, the last.
fn part(run_folder: &Path, table: &str) -> PathBuf {
    parts(run_folder, table)[1].clone()
}

fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Trials that a damage may cost.
enum Cost {
    Nothing,
    /// Those of the part that was hit, and no others.
    Part,
    Everything,
}

/// A run that ended, to be copied and damaged.
struct Sound {
    home: tempfile::TempDir,
}

impl Sound {
    fn new() -> Self {
        // The pace was measured once; where the machine is quicker now, a longer run leaves the parts.
        for seconds in [3.0, 9.0, 27.0] {
            let home = folder_with("small.toml", &lasting(seconds));
            // It dies once it has all rows, before it joins them.
            let mut begun = tests::process::command(home.path());
            begun.args(["run", "small.toml", "--out", "sound", "--threads", "1"]);
            begun.env("PARSIMONY_FAULT", "before-join:1");
            assert_eq!(Background::start(begun).wait(), None);
            if parts(&home.path().join("sound"), "trials").len() >= 3 {
                return Sound { home };
            }
        }
        panic!("fewer than 3 parts: the run was too fast for this test");
    }

    /// Damages a copy and runs it again.
    #[track_caller]
    fn check(&self, what: &str, harm: impl FnOnce(&Path), output: &str, cost: Cost) {
        let at = self.home.path();
        let (sound, harmed) = (at.join("sound"), at.join(what));
        copy(&sound, &harmed);
        harm(&harmed);
        let mended = again(at, what).expect(0);
        assert!(
            mended.err.contains(output),
            "{what}: `{output}` is missing in:\n{}",
            mended.err
        );
        let status: serde_json::Value = serde_json::from_str(&mended.out).unwrap();
        let computed = status["reported"].as_u64().unwrap();
        let expected = match cost {
            Cost::Nothing => computed == 0,
            Cost::Part => computed > 0 && computed < TRIALS,
            Cost::Everything => computed == TRIALS,
        };
        assert!(expected, "{what}: {computed} trials were computed again");
        assert_equal(&sound, &harmed);
        let whole = again(at, what).expect(0);
        assert!(
            !whole.err.contains("note:"),
            "{what} was not mended for good:\n{}",
            whole.err
        );
    }
}

#[test]
fn a_damaged_part_costs_its_own_trials_and_no_others() {
    let sound = Sound::new();
    let half = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
    let wiped = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle..].fill(0);
    };
    for table in TABLES {
        sound.check(
            &format!("truncated-{table}"),
            |folder| rewrite(&part(folder, table), half),
            "another size",
            Cost::Part,
        );
        sound.check(
            &format!("torn-{table}"),
            |folder| rewrite(&part(folder, table), wiped),
            "is damaged",
            Cost::Part,
        );
        sound.check(
            &format!("deleted-{table}"),
            |folder| std::fs::remove_file(part(folder, table)).unwrap(),
            "is missing",
            Cost::Part,
        );
    }
    sound.check(
        "emptied",
        |folder| rewrite(&part(folder, "trials"), Vec::clear),
        "another size",
        Cost::Part,
    );
    sound.check(
        "no-spectra",
        |folder| std::fs::remove_dir_all(folder.join("spectra")).unwrap(),
        "is missing",
        Cost::Everything,
    );
}

#[test]
fn a_damaged_journal_costs_nothing() {
    let sound = Sound::new();
    let journal = |folder: &Path| folder.join("journal.sqlite");
    sound.check(
        "garbage-appended",
        |folder| rewrite(&journal(folder), |bytes| bytes.extend([0x5a; 9000])),
        "",
        Cost::Nothing,
    );
    sound.check(
        "journal-truncated",
        |folder| rewrite(&journal(folder), |bytes| bytes.truncate(bytes.len() / 2)),
        "made again from the parts",
        Cost::Nothing,
    );
    sound.check(
        "journal-of-words",
        |folder| std::fs::write(journal(folder), "lorem ipsum ".repeat(2000)).unwrap(),
        "made again from the parts",
        Cost::Nothing,
    );
    sound.check(
        "journal-emptied",
        |folder| std::fs::write(journal(folder), "").unwrap(),
        "made again from",
        Cost::Nothing,
    );
    sound.check(
        "journal-deleted",
        |folder| std::fs::remove_file(journal(folder)).unwrap(),
        "made again from",
        Cost::Nothing,
    );
    sound.check(
        "both",
        |folder| {
            std::fs::remove_file(journal(folder)).unwrap();
            rewrite(&part(folder, "history"), |bytes| bytes.truncate(100));
        },
        "will run again",
        Cost::Part,
    );
}

#[test]
fn what_a_kill_or_a_hand_left_in_the_folder_is_put_right() {
    let sound = Sound::new();
    sound.check(
        "strays",
        |folder| {
            // The second would double its rows.
            std::fs::write(folder.join("trials/.part-00000998.parquet.tmp"), "half").unwrap();
            std::fs::copy(
                part(folder, "trials"),
                folder.join("trials/part-00000999.parquet"),
            )
            .unwrap();
        },
        "",
        Cost::Nothing,
    );
    sound.check(
        "no-sweep-file",
        |folder| std::fs::remove_file(folder.join("sweep.toml")).unwrap(),
        "",
        Cost::Nothing,
    );
    sound.check(
        "no-lock",
        |folder| std::fs::remove_file(folder.join(".lock")).unwrap(),
        "",
        Cost::Nothing,
    );
    let restored = sound.home.path().join("no-sweep-file/sweep.toml");
    assert!(
        std::fs::read_to_string(restored)
            .unwrap()
            .contains("name = \"small\"")
    );
}

#[test]
fn a_coordinator_mends_its_folders_when_it_starts() {
    let folder = folder_with("small.toml", &three_seconds());
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "local"]).expect(0);
    // It dies once it has all rows, before it joins them.
    let mut coordinator = Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        command.env("PARSIMONY_FAULT", "before-join:1");
    });
    let mut worker = coordinator.worker(at, "w", 1);
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    assert_eq!(coordinator.process.wait(), None);
    worker.kill();
    let run_folder = at.join("data/small");
    std::fs::remove_file(part(&run_folder, "layers")).unwrap();
    coordinator = Coordinator::start(at, "data");
    let _worker = coordinator.worker(at, "w", 1);
    let mended = status(&coordinator, at, "small");
    assert!(
        mended["notes"].to_string().contains("is missing"),
        "{mended}"
    );
    until_finished(&coordinator, at, "small");
    assert_equal(&at.join("local"), &run_folder);
    // Without its journal it is a run folder all the same.
    coordinator.process.kill();
    std::fs::remove_file(run_folder.join("journal.sqlite")).unwrap();
    coordinator = Coordinator::start(at, "data");
    // Its small parts are joined first, where that had not come to pass.
    until_finished(&coordinator, at, "small");
    assert_eq!(count(&coordinator, at, "small", "completed"), TRIALS);
    assert_equal(&at.join("local"), &run_folder);
}

#[test]
fn a_folder_beyond_repair_is_reported_left_alone_and_stops_no_other() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    std::fs::create_dir(at.join("data")).unwrap();
    run(at, &["run", "small.toml", "--out", "data/good"]).expect(0);
    copy(&at.join("data/good"), &at.join("data/bad"));
    let bad = at.join("data/bad");
    std::fs::write(bad.join("journal.sqlite"), "x".repeat(5000)).unwrap();
    std::fs::remove_file(bad.join("trials/generation-00000000.parquet")).unwrap();
    let before = parts(&bad, "trials");
    let output = run(at, &["run", "small.toml", "--out", "data/bad"]).expect(2);
    assert!(
        output.err.contains("cannot be read") && output.err.contains("put back"),
        "{}",
        output.err
    );
    let coordinator = Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        logged(command, &at.join("log"));
    });
    let listed = coordinator.call(at, &["list", "--json"]).expect(0);
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    let shown: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|sweep| (sweep["name"].as_str(), sweep["state"].as_str()))
        .collect();
    let wanted = [("bad", "unopened"), ("good", "finished")];
    assert_eq!(shown, wanted.map(|(name, state)| (Some(name), Some(state))));
    let why = listed[0]["problem"].as_str().unwrap();
    assert!(why.contains("cannot be read"), "{why}");
    assert!(
        log(&at.join("log")).contains("bad"),
        "{}",
        log(&at.join("log"))
    );
    assert_eq!(parts(&bad, "trials"), before);
}

#[test]
fn one_owner_at_a_time_and_the_lock_dies_with_it() {
    let folder = folder_with("long.toml", &long("long", 3, steps_for(0.5)));
    let at = folder.path();
    let mut first = Coordinator::start(at, "data");
    first.call(at, &["submit", "long.toml"]).expect(0);
    let second = run(
        at,
        &["coordinator", "--listen", "127.0.0.1:0", "--data", "data"],
    )
    .expect(2);
    assert!(
        second.err.contains("another coordinator uses"),
        "{}",
        second.err
    );
    let local = run(at, &["run", "long.toml", "--out", "data/long"]).expect(2);
    assert!(
        local.err.contains("in use by another process"),
        "{}",
        local.err
    );
    first.process.kill();
    run(at, &["run", "long.toml", "--out", "data/long"]).expect(0);
    let third = Coordinator::start(at, "data");
    assert_eq!(state(&third, at, "long"), "finished");
}

#[test]
fn a_read_only_folder_is_reported_can_be_read_and_goes_on_later() {
    let folder = folder_with("small.toml", &three_seconds());
    let at = folder.path();
    let place = at.join("disk");
    let Some(disk) = SmallDisk::mount(&place, 100_000) else {
        eprintln!("SKIPPED: this machine does not let the test mount a file system");
        return;
    };
    let mut begun = tests::process::command(at);
    begun.args(["run", "small.toml", "--out", "disk/r", "--threads", "1"]);
    let mut begun = Background::start(begun);
    until("rows", || rows(&place.join("r")) > 0);
    begun.signal("INT");
    assert_eq!(begun.wait(), Some(130));
    assert!(disk.set_read_only(true), "the file system is still in use");
    let output = run(at, &["run", "small.toml", "--out", "disk/r"]).expect(1);
    assert!(
        output.err.contains("Read-only file system"),
        "{}",
        output.err
    );
    let output = run(at, &["run", "small.toml", "--out", "disk/new"]).expect(1);
    assert!(
        output.err.contains("Read-only file system"),
        "{}",
        output.err
    );
    let words = ["coordinator", "--listen", "127.0.0.1:0", "--data", "disk"];
    let output = run(at, &words).expect(2);
    assert!(
        output.err.contains("Read-only file system"),
        "{}",
        output.err
    );
    let read = run(
        at,
        &[
            "query",
            "disk/r",
            "SELECT count(*) AS n FROM trials",
            "--csv",
        ],
    )
    .expect(0);
    assert_ne!(read.out.lines().nth(1), Some("0"));
    assert!(disk.set_read_only(false));
    run(at, &["run", "small.toml", "--out", "disk/r"]).expect(0);
    run(at, &["run", "small.toml", "--out", "whole"]).expect(0);
    assert_equal(&at.join("whole"), &place.join("r"));
}

#[test]
fn a_coordinator_whose_disk_is_full_stops_the_sweep_and_resumes_it() {
    let text = SMALL
        .replace("every = 20", "every = 1")
        .replace("steps = 60", "steps = 300");
    let folder = folder_with("small.toml", &text);
    let at = folder.path();
    let place = at.join("disk");
    let Some(disk) = SmallDisk::mount(&place, 400) else {
        eprintln!("SKIPPED: this machine does not let the test mount a small file system");
        return;
    };
    let coordinator = Coordinator::start(at, "disk");
    let mut worker = coordinator.worker(at, "w", 1);
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    until("a full disk", || {
        state(&coordinator, at, "small") == "stopped"
    });
    let stopped = status(&coordinator, at, "small");
    assert!(
        stopped["problem"].to_string().contains("No space left"),
        "{stopped}"
    );
    coordinator.call(at, &["watch", "small"]).expect(1);
    assert!(disk.resize(400_000));
    coordinator.call(at, &["resume", "small"]).expect(0);
    until_finished(&coordinator, at, "small");
    run(at, &["run", "small.toml", "--out", "whole"]).expect(0);
    assert_equal(&at.join("whole"), &place.join("small"));
    assert_eq!(
        number(
            &place.join("small"),
            "SELECT count(DISTINCT id) AS n FROM trials"
        ),
        72.0
    );
    worker.signal("TERM");
    assert_eq!(worker.wait(), Some(0));
    drop(coordinator);
    drop(disk);
}
