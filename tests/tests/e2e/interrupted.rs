//! Ctrl-C and kill -9 of a local run: nothing is lost, nothing is written twice.

use std::time::Duration;

use tests::process::{Background, command, run, until};
use tests::tables::{assert_equal, number};

use crate::{SMALL, folder_with};

const SLOW: [&str; 4] = ["--set", "train.steps=4000", "--threads", "1"];

fn start(at: &std::path::Path) -> Background {
    let mut process = command(at);
    process.args(["run", "small.toml", "--out", "r"]).args(SLOW);
    Background::start(process)
}

fn rows(at: &std::path::Path) -> u64 {
    tests::tables::rows(&at.join("r"))
}

fn undisturbed(at: &std::path::Path) {
    let mut words = vec!["run", "small.toml", "--out", "whole"];
    words.extend(SLOW);
    run(at, &words).expect(0);
}

fn resume(at: &std::path::Path) {
    let mut words = vec!["run", "small.toml", "--out", "r"];
    words.extend(SLOW);
    run(at, &words).expect(0);
}

#[test]
fn ctrl_c_keeps_what_is_done_and_the_same_command_goes_on() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let mut process = start(at);
    until("some rows", || rows(at) > 0);
    process.signal("INT");
    assert_eq!(process.wait(), Some(130));
    let kept = rows(at);
    assert!(kept > 0 && kept < 72, "{kept} rows when interrupted");
    resume(at);
    undisturbed(at);
    assert_equal(&at.join("r"), &at.join("whole"));
}

#[test]
fn kill_9_again_and_again_loses_and_doubles_nothing() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    for milliseconds in [30, 200, 350, 500, 700] {
        let mut process = start(at);
        std::thread::sleep(Duration::from_millis(milliseconds));
        process.kill();
    }
    resume(at);
    undisturbed(at);
    assert_equal(&at.join("r"), &at.join("whole"));
    let ids = number(&at.join("r"), "SELECT count(DISTINCT id) AS n FROM trials");
    assert_eq!((rows(at), ids), (72, 72.0));
}

#[test]
fn a_death_at_each_point_of_the_durable_order_loses_and_doubles_nothing() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    for point in ["before-rename", "before-journal", "after-journal"] {
        for count in ["1", "2"] {
            let mut process = command(at);
            process.args(["run", "small.toml", "--out", "r"]).args(SLOW);
            process.env("PARSIMONY_FAULT", format!("{point}:{count}"));
            let mut process = Background::start(process);
            // The process dies by signal, or the run is over before the point comes a second time.
            let code = process.wait();
            assert!(
                code.is_none() || code == Some(0),
                "{point}:{count} ended with {code:?}"
            );
        }
    }
    resume(at);
    undisturbed(at);
    assert_equal(&at.join("r"), &at.join("whole"));
}

#[test]
fn one_process_at_a_time_has_a_run_folder() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let mut first = start(at);
    until("some rows", || rows(at) > 0);
    let mut words = vec!["run", "small.toml", "--out", "r"];
    words.extend(SLOW);
    let second = run(at, &words).expect(2);
    assert!(second.err.contains("another"), "{}", second.err);
    first.kill();
    resume(at);
}
