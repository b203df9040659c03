//! `parsimony launch slurm` and `coordinator --autoscale` against a real Slurm of two nodes on this machine.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use tests::process::{Coordinator, Finished, command, root, run, until};
use tests::tables::assert_equal;

use crate::common::{count, long, steps_for, until_finished};
use crate::{SMALL, folder_with};

/// A cluster of its own, stopped when dropped.
struct Lab {
    folder: PathBuf,
    port: u16,
}

impl Lab {
    /// Starts one in a folder; `None`, with a word, where Slurm is not installed.
    fn start(at: &Path) -> Option<Self> {
        let look = "PATH=$PATH:/usr/sbin:/sbin; for p in slurmctld slurmd munged sbatch squeue scancel; \
                    do command -v $p >/dev/null || exit 1; done";
        let installed = Command::new("sh").args(["-c", look]).status();
        if !installed.is_ok_and(|status| status.success()) {
            eprintln!(
                "SKIPPED: no Slurm is installed (Debian: slurmctld slurmd slurm-client munge)"
            );
            return None;
        }
        let lab = Lab {
            folder: at.join("slurm"),
            port: three_ports(),
        };
        lab.call("start");
        Some(lab)
    }

    #[track_caller]
    fn call(&self, verb: &str) {
        self.call_with(verb, &[]);
    }

    #[track_caller]
    fn call_with(&self, verb: &str, more: &[&str]) {
        let output = Command::new(root().join("tests/slurm/one-machine.sh"))
            .arg(verb)
            .arg(&self.folder)
            .args(more)
            .env("SLURM_PORT", self.port.to_string())
            .output()
            .unwrap();
        let ended = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "one-machine.sh {verb}: {ended}");
    }

    fn point(&self, command: &mut Command) {
        command
            .env("SLURM_CONF", self.folder.join("slurm.conf"))
            // What this user's launches are remembered in is not the tests' to change.
            .env("XDG_STATE_HOME", self.folder.join("state"));
    }

    /// A call of the program that finds this cluster.
    fn run(&self, at: &Path, words: &[&str]) -> Finished {
        let mut command = command(at);
        self.point(&mut command);
        let output = command.args(words).output().unwrap();
        Finished {
            words: words.join(" "),
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What one of Slurm's own programs says.
    fn ask(&self, words: &[&str]) -> String {
        let mut command = Command::new(words[0]);
        self.point(&mut command);
        let output = command.args(&words[1..]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn queue(&self) -> String {
        self.ask(&["squeue", "--noheader", "--array", "--format", "%i %T"])
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Not by `call`: a panic while another unwinds would end the process without a word.
        let _ = Command::new(root().join("tests/slurm/one-machine.sh"))
            .arg("stop")
            .arg(&self.folder)
            .status();
    }
}

/// The first of three free ports in a row, below those that the system hands out by itself.
fn three_ports() -> u16 {
    // Each is looked at once: a cluster of another test may not listen yet where it soon will.
    static LOOKED_AT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + u16::try_from(std::process::id() % 1000).unwrap() * 10;
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut candidates = (0..600).map(|_| start + 3 * LOOKED_AT.fetch_add(1, Ordering::Relaxed));
    candidates
        .find(|&port| (port..port + 3).all(is_free))
        .expect("three free ports")
}

fn workers(at: &Path, coordinator: &Coordinator, more: &[&str]) -> Vec<String> {
    let listed = coordinator
        .call(at, &[&["workers", "--json"][..], more].concat())
        .expect(0);
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    let workers = listed.as_array().unwrap();
    workers
        .iter()
        .map(|worker| worker["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn pilots_run_a_sweep_and_drain() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let Some(lab) = Lab::start(at) else {
        return;
    };
    run(at, &["certs", "certs", "--host", "127.0.0.1"]).expect(0);
    let coordinator = Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        command.args(["--certs", "certs"]);
    });
    let to = ["--coordinator", &coordinator.url];
    let mut words = vec![
        "launch",
        "slurm",
        "--workers",
        "2",
        "--time",
        "30m",
        "--threads",
        "1",
    ];
    words.extend([
        "--reconnect",
        "5s",
        "--ca",
        "certs/ca.pem",
        "--token-file",
        "certs/worker.token",
    ]);
    words.extend(to);
    words.extend(["--", "--output=pilot-%a.log"]);
    let submitted = lab.run(at, &words).expect(0);
    let job = submitted.out.trim();
    assert!(
        !job.is_empty() && job.bytes().all(|c| c.is_ascii_digit()),
        "{}",
        submitted.out
    );
    assert!(
        submitted.err.contains(&format!("{job}_1 to {job}_2")),
        "{}",
        submitted.err
    );

    let user = ["--ca", "certs/ca.pem", "--token-file", "certs/user.token"];
    let call = |words: &[&str]| coordinator.call(at, &[words, &user[..]].concat());
    until("both pilots to join", || {
        workers(at, &coordinator, &user).len() == 2
    });
    let mut names = workers(at, &coordinator, &user);
    names.sort();
    assert_eq!(names, [format!("slurm-{job}_1"), format!("slurm-{job}_2")]);
    call(&["submit", "small.toml"]).expect(0);
    call(&["watch", "small"]).expect(0);
    run(at, &["run", "small.toml", "--out", "local"]).expect(0);
    assert_equal(&at.join("local"), &at.join("data/small"));

    // The token is in its file alone: not in the script, not among the words of a process.
    let token = std::fs::read_to_string(at.join("certs/worker.token")).unwrap();
    let script = lab.ask(&[
        "scontrol",
        "write",
        "batch_script",
        &format!("{job}_1"),
        "-",
    ]);
    assert!(
        script.contains("exec ") && !script.contains(token.trim()),
        "{script}"
    );

    // Told to go, they drain: the jobs have ended well, and not by a signal.
    let mut words = vec!["launch", "slurm", "--stop", "--json"];
    words.extend(to);
    let stopped = lab.run(at, &words).expect(0);
    let stopped: serde_json::Value = serde_json::from_str(&stopped.out).unwrap();
    assert_eq!(stopped["stopped"].as_array().unwrap().len(), 2);
    until("an empty queue", || lab.queue().is_empty());
    let shown = lab.ask(&["scontrol", "show", "job", job]);
    assert_eq!(shown.matches("JobState=COMPLETED").count(), 2, "{shown}");
    assert_eq!(shown.matches("ExitCode=0:0").count(), 2, "{shown}");
    assert!(workers(at, &coordinator, &user).is_empty());
}

#[test]
fn the_queue_brings_pilots_up_and_lets_them_go() {
    let text = SMALL.replace("steps = 60", "steps = 4000");
    let folder = folder_with("small.toml", &text);
    let at = folder.path();
    let Some(lab) = Lab::start(at) else {
        return;
    };
    let coordinator = Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        lab.point(command);
        command.args([
            "--autoscale",
            "slurm",
            "--max-workers",
            "2",
            "--pilot-threads",
            "1",
        ]);
        command.args(["--pilot-idle-timeout", "2s", "--pilot-time", "30m"]);
        command.args(["--", "--output=/dev/null"]);
    });
    // Nobody is started while there is nothing to do, and a controller that is down harms nobody.
    assert_eq!(lab.queue(), "");
    lab.call("down");
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    std::thread::sleep(std::time::Duration::from_secs(4));
    let status = coordinator
        .call(at, &["status", "small", "--json"])
        .expect(0);
    let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(status["state"], "running");
    assert_eq!(status["completed"], 0);
    lab.call("up");
    let mut most = 0;
    until("the sweep's end", || {
        most = most.max(workers(at, &coordinator, &[]).len());
        let status = coordinator
            .call(at, &["status", "small", "--json"])
            .expect(0);
        let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
        status["state"] == "finished"
    });
    assert!((1..=2).contains(&most), "{most} workers at a time");
    run(at, &["run", "small.toml", "--out", "local"]).expect(0);
    assert_equal(&at.join("local"), &at.join("data/small"));
    until("the pilots to leave", || {
        lab.queue().is_empty() && workers(at, &coordinator, &[]).is_empty()
    });
}

/// A sweep of a minute, a coordinator, and one pilot on its way; the pilot's job.
fn one_pilot(at: &Path, lab: &Lab, coordinator: &Coordinator) -> String {
    coordinator.call(at, &["submit", "long.toml"]).expect(0);
    let mut words = vec!["launch", "slurm", "--workers", "1", "--time", "30m"];
    words.extend(["--threads", "1", "--coordinator", &coordinator.url]);
    words.extend(["--", "--output=/dev/null"]);
    lab.run(at, &words).expect(0).out.trim().to_owned()
}

/// Ends the sweep with a worker of this machine beside the pilots, and holds it against one that met no trouble.
fn finished_as_if_nothing_were(at: &Path, coordinator: &Coordinator) {
    let _helper = coordinator.worker(at, "helper", 1);
    until_finished(coordinator, at, "long");
    run(at, &["run", "long.toml", "--out", "local"]).expect(0);
    assert_equal(&at.join("local"), &at.join("data/long"));
}

/// A controller that dies just after it took a job in may begin it once more when it is back: two pilots of one
/// name, of which the controller knows one.
#[test]
fn a_job_that_a_dead_controller_starts_twice_doubles_nothing() {
    let folder = folder_with("long.toml", &long("long", 40, steps_for(0.5)));
    let at = folder.path();
    let Some(lab) = Lab::start(at) else {
        return;
    };
    let coordinator = Coordinator::start(at, "data");
    one_pilot(at, &lab, &coordinator);
    until("the pilot", || !workers(at, &coordinator, &[]).is_empty());
    lab.call("crash");
    lab.call("up");
    until("some trials", || {
        count(&coordinator, at, "long", "completed") >= 4
    });
    // One or two, by what the controller had written down.
    let pilots = workers(at, &coordinator, &[]).len();
    assert!((1..=2).contains(&pilots), "{pilots} pilots");
    finished_as_if_nothing_were(at, &coordinator);
}

/// The node is gone with all that ran there; Slurm misses it after half a minute and begins the job again elsewhere.
#[test]
fn a_job_whose_node_is_lost_comes_back_and_nothing_is_lost() {
    let folder = folder_with("long.toml", &long("long", 24, steps_for(1.0)));
    let at = folder.path();
    let Some(lab) = Lab::start(at) else {
        return;
    };
    let coordinator = Coordinator::start(at, "data");
    let job = one_pilot(at, &lab, &coordinator);
    until("some trials", || {
        count(&coordinator, at, "long", "completed") >= 2
    });
    let ask = |format: &str| {
        let ended = lab.ask(&["squeue", "--noheader", "--array", "--format", format]);
        ended.trim().to_owned()
    };
    lab.call_with("lose", &[&ask("%N")]);
    until("the worker to be missed", || {
        workers(at, &coordinator, &[]).is_empty()
    });
    until("the job to wait again", || ask("%T") == "PENDING");
    // Slurm lets a requeued job wait for two more minutes; its keeper may have it begin at once.
    lab.ask(&[
        "scontrol",
        "update",
        &format!("JobId={job}"),
        "StartTime=now",
    ]);
    until("the pilot to come back", || {
        workers(at, &coordinator, &[]) == [format!("slurm-{job}_1")]
    });
    finished_as_if_nothing_were(at, &coordinator);
}

/// Programs of a site that stand before Slurm's own in the search path and print notices around their answers.
fn noisy(at: &Path) -> std::ffi::OsString {
    use std::os::unix::fs::PermissionsExt as _;
    let bin = at.join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["sbatch", "squeue"] {
        let path = bin.join(name);
        let real = Command::new("sh")
            .args([
                "-c",
                &format!("PATH=$PATH:/usr/sbin:/sbin command -v {name}"),
            ])
            .output()
            .unwrap();
        let real = String::from_utf8_lossy(&real.stdout).trim().to_owned();
        let script = format!(
            "#!/bin/sh\necho 'Notice: maintenance on Friday'\n{real} \"$@\" || exit\necho\necho 'Your fair share is 0.3'\n"
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut paths = vec![bin];
    paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    std::env::join_paths(paths).unwrap()
}

/// A site's habits: variables in everybody's environment, jobs that are submitted from within a job, comments that are
/// rewritten, notices around every answer.
#[test]
fn a_sites_habits_do_not_change_what_a_pilot_is() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let Some(lab) = Lab::start(at) else {
        return;
    };
    let coordinator = Coordinator::start(at, "data");
    let path = noisy(at);
    let call = |words: &[&str]| {
        let mut command = command(at);
        lab.point(&mut command);
        command.env("PATH", &path).args(words);
        for (name, value) in [
            ("SBATCH_TIMELIMIT", "2"),
            ("SBATCH_ARRAY_INX", "1-5"),
            ("SBATCH_JOB_NAME", "mine"),
            ("SLURM_JOB_ID", "1"),
            ("SLURM_CPUS_PER_TASK", "3"),
        ] {
            command.env(name, value);
        }
        let output = command.output().unwrap();
        Finished {
            words: words.join(" "),
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    };
    let mut words = vec!["launch", "slurm", "--workers", "1", "--time", "30m"];
    words.extend([
        "--coordinator",
        &coordinator.url,
        "--",
        "--output=/dev/null",
    ]);
    let submitted = call(&words).expect(0);
    let job = submitted.out.trim().to_owned();
    assert!(job.bytes().all(|c| c.is_ascii_digit()), "{}", submitted.out);
    let shown = lab.ask(&["scontrol", "show", "job", &job]);
    assert!(shown.contains("TimeLimit=00:30:00"), "{shown}");
    assert!(shown.contains("JobName=parsimony-worker"), "{shown}");
    assert!(!shown.contains("1-5") && !shown.contains("_5"), "{shown}");
    until("the pilot to join", || {
        !workers(at, &coordinator, &[]).is_empty()
    });
    let listed = coordinator.call(at, &["workers", "--json"]).expect(0);
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    assert_ne!(
        listed[0]["threads"], 3,
        "the outer job's share is not the pilot's"
    );
    lab.ask(&[
        "scontrol",
        "update",
        &format!("JobId={job}"),
        "Comment=project=physics",
    ]);
    let shown = lab.ask(&["scontrol", "show", "job", &job]);
    assert!(shown.contains("Comment=project=physics"), "{shown}");
    let stopped = call(&[
        "launch",
        "slurm",
        "--stop",
        "--coordinator",
        &coordinator.url,
    ])
    .expect(0);
    assert_eq!(stopped.out, format!("{job}_1\n"), "{}", stopped.err);
    until("an empty queue", || lab.queue().is_empty());
}

#[test]
fn what_slurm_refuses_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let Some(lab) = Lab::start(at) else {
        return;
    };
    let launch = |more: &[&str]| {
        let words = [
            "launch",
            "slurm",
            "--workers",
            "1",
            "--coordinator",
            "http://head:7070",
        ];
        lab.run(at, &[&words[..], more].concat())
    };
    let ended = launch(&["--", "--partition=nowhere"]).expect(1);
    assert!(
        ended.err.contains("sbatch") && ended.err.contains("partition"),
        "{}",
        ended.err
    );
    assert_eq!(ended.out, "");
    let ended = launch(&["--", "--array=1-5"]).expect(2);
    assert!(ended.err.contains("--workers"), "{}", ended.err);
    launch(&["--time", "30s"]).expect(2);
    // Another coordinator's pilots are nobody's business here.
    launch(&["--program", "/bin/sleep", "--", "--hold"]).expect(0);
    let others = [
        "launch",
        "slurm",
        "--stop",
        "--coordinator",
        "http://other:7070",
    ];
    assert_eq!(lab.run(at, &others).expect(0).out, "");
    assert!(lab.queue().contains("PENDING"), "{}", lab.queue());
    let ours = [
        "launch",
        "slurm",
        "--stop",
        "--coordinator",
        "http://head:7070/",
    ];
    assert_ne!(lab.run(at, &ours).expect(0).out, "");
    until("an empty queue", || lab.queue().is_empty());
    // A controller that is down is an error, and not an empty queue.
    lab.call("down");
    let ended = lab.run(at, &ours).expect(1);
    assert!(ended.err.contains("squeue"), "{}", ended.err);
}
