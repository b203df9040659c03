//! The batch script of pilots, and which of sbatch's options its caller may add.

use std::time::Duration;

use crate::batch::error::BatchError;
use crate::batch::jobs::{JOB_NAME, comment};
use crate::pilot::{Pilot, seconds};

/// Most workers of one `sbatch`: Slurm's own bound on an array (MaxArraySize) is 1001 unless a site raised it,
/// and its indices begin at 0 where ours begin at 1.
const MAX_WORKERS: u32 = 1000;

/// Time before the walltime's end at which Slurm sends SIGTERM, so that a worker can drain. Slurm may be a
/// minute early.
const WARNING: Duration = Duration::from_secs(60);

/// Options that the script sets itself, as words and letters, and what to write instead.
static OURS: [(&str, Option<&str>, &str); 8] = [
    ("--array", Some("-a"), ": give --workers before the `--`"),
    ("--comment", None, ": its pilots are found by it"),
    ("--job-name", Some("-J"), ": its pilots are found by it"),
    ("--open-mode", None, ""),
    ("--parsable", None, ""),
    ("--signal", None, ": it lets a worker drain"),
    (
        "--time",
        Some("-t"),
        ": give it before the `--`, so that the workers know it too",
    ),
    ("--wrap", None, ": the script is its own"),
];

/// Refuses options of `sbatch` that would undo the script's own.
///
/// # Errors
/// [`BatchError::Option`] or [`BatchError::Script`] names the first.
pub(super) fn check_options(options: &[String]) -> Result<(), BatchError> {
    if let Some(first) = options.first().filter(|first| !first.starts_with('-')) {
        return Err(BatchError::Script {
            program: "sbatch",
            found: first.clone(),
        });
    }
    for option in options {
        let name = option.split('=').next().unwrap_or_default();
        let ours = OURS.iter().find(|(long, short, _)| {
            let is_short =
                short.is_some_and(|short| !option.starts_with("--") && option.starts_with(short));
            name == *long || is_short
        });
        if let Some((_, _, help)) = ours {
            return Err(BatchError::Option {
                program: "sbatch",
                found: name.to_owned(),
                help,
            });
        }
    }
    Ok(())
}

/// The options of `sbatch` that make the pilots what they are. They go on the command line, since variables like
/// `SBATCH_TIMELIMIT` in the caller's environment beat the lines of a script.
pub(super) fn options(pilot: &Pilot, workers: u32, time: Option<Duration>) -> Vec<String> {
    let mut words = vec![
        format!("--job-name={JOB_NAME}"),
        format!("--comment={}", comment(&pilot.coordinator)),
        format!("--array=1-{}", workers.clamp(1, MAX_WORKERS)),
        format!("--signal=B:TERM@{}", warning(time).as_secs()),
        "--requeue".to_owned(),
        "--open-mode=append".to_owned(),
    ];
    if let Some(time) = time {
        words.push(format!("--time={}", slurm_time(time)));
    }
    if let Some(threads) = pilot.threads {
        words.push(format!("--cpus-per-task={threads}"));
    }
    words
}

/// Variables of the environment that must not reach `sbatch`: those of a job that this process runs in, which the
/// pilots would take for their own (`SLURM_CPUS_PER_TASK` among them), and those that undo what a pilot is or make
/// `sbatch` wait. Where the site's choice of partition, account and the like is kept in `SBATCH_` variables, it holds.
pub(super) fn is_harmful(name: &str) -> bool {
    const OURS: [&str; 11] = [
        "SBATCH_ARRAY_INX",
        "SBATCH_COMMENT",
        "SBATCH_EXPORT",
        "SBATCH_GET_USER_ENV",
        "SBATCH_JOB_NAME",
        "SBATCH_NO_REQUEUE",
        "SBATCH_OPEN_MODE",
        "SBATCH_REQUEUE",
        "SBATCH_SIGNAL",
        "SBATCH_TEST_ONLY",
        "SBATCH_WAIT",
    ];
    // How Slurm itself is found and spoken to.
    const KEPT: [&str; 4] = [
        "SLURM_CONF",
        "SLURM_CLUSTERS",
        "SLURM_CONF_SERVER",
        "SLURM_JWT",
    ];
    OURS.contains(&name) || name.starts_with("SLURM_") && !KEPT.contains(&name)
}

/// The batch script of a pilot. `exec` makes the worker the process that Slurm signals.
///
/// A worker learns how long it has: by Slurm's own word where there is one, since a partition's limit and a
/// requeue after the loss of a node are known to it alone; else by `time`.
pub(super) fn script(pilot: &Pilot, time: Option<Duration>) -> String {
    let mut lines = vec!["#!/bin/sh".to_owned()];
    // By its array's id: the last task of an array has that id for its own, and `squeue` would list all of them.
    lines.push("job=${SLURM_ARRAY_JOB_ID:-0}_${SLURM_ARRAY_TASK_ID:-0}".to_owned());
    lines.push(format!("set -- {}", pilot.words().join(" ")));
    lines.push("set -- \"$@\" --name \"slurm-$job\"".to_owned());
    lines.push(
        "set -- \"$@\" --threads \"${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}\"".to_owned(),
    );
    lines.extend(time_lines(time));
    lines.push(format!("exec {} \"$@\"", pilot.program()));
    lines.join("\n") + "\n"
}

/// Lines that give the worker its end. The variable came after Slurm 22.05; before, `squeue` knows
/// what is left, as `1-02:03:04`, or a word where there is no limit.
fn time_lines(time: Option<Duration>) -> Vec<String> {
    let otherwise = match time {
        Some(time) => format!("    set -- \"$@\" --time {}", seconds(time)),
        None => "    left=$(squeue --noheader --job \"$job\" --format %L 2>/dev/null)\n    \
                 case $left in *[0-9]) set -- \"$@\" --time \"$left\" ;; esac"
            .to_owned(),
    };
    vec![
        "now=$(date +%s)".to_owned(),
        "if [ \"${SLURM_JOB_END_TIME:-0}\" -gt \"$now\" ]; then".to_owned(),
        "    set -- \"$@\" --time \"$((SLURM_JOB_END_TIME - now))s\"".to_owned(),
        "else".to_owned(),
        otherwise,
        "fi".to_owned(),
    ]
}

/// A tenth of a short time is enough of a warning.
fn warning(time: Option<Duration>) -> Duration {
    time.map_or(WARNING, |time| WARNING.min(time / 10))
}

/// `DAYS-HH:MM:SS`. Zero would mean no limit.
fn slurm_time(time: Duration) -> String {
    let seconds = time.as_secs().max(1);
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    format!(
        "{days}-{hours:02}:{:02}:{:02}",
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pilot::tests::plain;

    #[test]
    fn the_script_makes_the_worker_the_signalled_process() {
        let pilot = plain("/opt/par simony");
        let time = Some(Duration::from_secs(5400));
        let text = script(&pilot, time);
        assert!(text.starts_with("#!/bin/sh\n"), "{text}");
        let wanted = [
            "--job-name=parsimony-worker",
            "--comment=parsimony https://head:7070",
            "--array=1-4",
            "--signal=B:TERM@60",
            "--requeue",
            "--open-mode=append",
            "--time=0-01:30:00",
        ];
        assert_eq!(options(&pilot, 4, time), wanted);
        assert!(
            text.contains("set -- worker --coordinator https://head:7070\n"),
            "{text}"
        );
        assert!(text.contains("    set -- \"$@\" --time 5400s\n"), "{text}");
        assert!(
            text.ends_with("\nexec '/opt/par simony' \"$@\"\n"),
            "{text}"
        );
    }

    #[test]
    fn the_environment_of_an_outer_job_stays_outside() {
        for name in [
            "SLURM_CPUS_PER_TASK",
            "SLURM_JOB_ID",
            "SBATCH_ARRAY_INX",
            "SBATCH_JOB_NAME",
            "SBATCH_WAIT",
        ] {
            assert!(is_harmful(name), "{name}");
        }
        for name in [
            "SLURM_CONF",
            "SBATCH_PARTITION",
            "SBATCH_ACCOUNT",
            "SBATCH_TIMELIMIT",
            "PATH",
        ] {
            assert!(!is_harmful(name), "{name}");
        }
    }

    #[test]
    fn without_a_time_the_queue_is_asked() {
        let mut pilot = plain("p");
        pilot.threads = Some(16);
        let text = script(&pilot, None);
        assert!(text.contains("squeue --noheader"), "{text}");
        let options = options(&pilot, 1, None);
        assert!(
            options.contains(&"--cpus-per-task=16".to_owned()),
            "{options:?}"
        );
        assert!(
            !options.iter().any(|word| word.starts_with("--time")),
            "{options:?}"
        );
    }

    #[test]
    fn times_are_written_as_slurm_reads_them() {
        let check = |seconds, expected: &str| {
            assert_eq!(slurm_time(Duration::from_secs(seconds)), expected);
        };
        check(0, "0-00:00:01");
        check(90, "0-00:01:30");
        check(90_061, "1-01:01:01");
        assert_eq!(
            warning(Some(Duration::from_secs(120))),
            Duration::from_secs(12)
        );
        assert_eq!(warning(None), WARNING);
    }

    #[test]
    fn options_of_ours_are_refused_and_others_pass() {
        let check = |options: &[&str], refused: Option<&str>| {
            let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
            let error = check_options(&options).err().map(|error| error.to_string());
            match (refused, error) {
                (None, error) => assert_eq!(error, None),
                (Some(word), error) => {
                    assert!(
                        error.is_some_and(|error| error.contains(word)),
                        "{options:?}"
                    )
                }
            }
        };
        check(&[], None);
        check(
            &[
                "--partition=gpu",
                "-A",
                "lab",
                "--mem=2G",
                "--output=/dev/null",
            ],
            None,
        );
        check(&["--array=3"], Some("--workers"));
        check(&["-p", "gpu", "-t", "60"], Some("workers know it"));
        check(&["-t60"], Some("-t60"));
        check(&["--time=60"], Some("--time"));
        check(&["-Jx"], Some("found by it"));
        check(&["job.sh"], Some("job.sh"));
    }
}
