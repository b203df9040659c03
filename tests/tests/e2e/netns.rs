//! A real cable between coordinator and worker, pulled and put back: two network namespaces and a pair of
//! virtual interfaces, where the machine allows them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::process::{Background, Coordinator, Finished, command, program, run, until};
use tests::tables::assert_equal;

use crate::common::{log, logged, long, steps_for};
use crate::folder_with;

pub(crate) const HEAD: &str = "10.213.77.1";
const NODE: &str = "10.213.77.2";

/// Cables of this process.
static LAID: AtomicU32 = AtomicU32::new(0);

/// Two namespaces with a link between them, gone with this value.
pub(crate) struct Cable {
    pub(crate) head: String,
    pub(crate) node: String,
    link: String,
}

impl Cable {
    /// `None` where this machine does not allow namespaces.
    pub(crate) fn lay() -> Option<Self> {
        let number = LAID.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{number}", std::process::id());
        let cable = Cable {
            head: format!("parsimony-head-{id}"),
            node: format!("parsimony-node-{id}"),
            // Names of interfaces have at most 15 letters.
            link: format!("pn{id}"),
        };
        let (head, node) = (cable.head.as_str(), cable.node.as_str());
        let (near, far) = (format!("{}a", cable.link), format!("{}b", cable.link));
        let steps: [&[&str]; 11] = [
            &["netns", "add", head],
            &["netns", "add", node],
            &[
                "link", "add", &near, "netns", head, "type", "veth", "peer", "name", &far, "netns",
                node,
            ],
            &[
                "-n",
                head,
                "addr",
                "add",
                &format!("{HEAD}/24"),
                "dev",
                &near,
            ],
            &[
                "-n",
                node,
                "addr",
                "add",
                &format!("{NODE}/24"),
                "dev",
                &far,
            ],
            &["-n", head, "link", "set", "lo", "up"],
            &["-n", node, "link", "set", "lo", "up"],
            &["-n", head, "link", "set", &near, "up"],
            &["-n", node, "link", "set", &far, "up"],
            &["netns", "exec", head, "true"],
            &["netns", "exec", node, "true"],
        ];
        steps.iter().all(|words| ip(words)).then_some(cable)
    }

    /// Lets so much through from the worker's end; false where the machine cannot.
    pub(crate) fn slow(&self, rate: &str) -> bool {
        let far = format!("{}b", self.link);
        let shape = [
            "qdisc", "add", "dev", &far, "root", "tbf", "rate", rate, "burst", "32kb", "latency",
            "400ms",
        ];
        let mut words = vec!["netns", "exec", &self.node, "tc"];
        words.extend(shape);
        ip(&words)
    }

    /// Pulls the cable at the worker's end, or puts it back.
    fn set(&self, state: &str) {
        let far = format!("{}b", self.link);
        assert!(
            ip(&["-n", &self.node, "link", "set", &far, state]),
            "the link does not go {state}"
        );
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        // The interfaces go with their namespaces. What was never there cannot be removed.
        ip(&["netns", "del", &self.node]);
        ip(&["netns", "del", &self.head]);
    }
}

fn ip(words: &[&str]) -> bool {
    let output = Command::new("ip").args(words).stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success())
}

/// The program inside a namespace. `ip` becomes it, so the process can be ended by its id.
pub(crate) fn inside(namespace: &str, folder: &Path, words: &[&str]) -> Command {
    // The folder and the settings are those of any other call.
    let plain = command(folder);
    let mut inside = Command::new("ip");
    inside
        .args(["netns", "exec", namespace])
        .arg(program())
        .args(words);
    inside.current_dir(folder).stdin(Stdio::null());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => inside.env(name, value),
            None => inside.env_remove(name),
        };
    }
    inside
}

/// A client's call from the coordinator's machine.
pub(crate) fn ask(cable: &Cable, at: &Path, url: &str, words: &[&str]) -> Finished {
    let mut words = words.to_vec();
    words.extend(["--coordinator", url]);
    let output = inside(&cable.head, at, &words).output().unwrap();
    Finished {
        words: words.join(" "),
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn a_worker_behind_a_pulled_cable_comes_back_with_its_results() {
    let folder = folder_with("short.toml", &long("short", 150, steps_for(0.1)));
    let at = folder.path();
    let Some(cable) = Cable::lay() else {
        eprintln!("SKIPPED: this machine does not let the test make network namespaces");
        return;
    };
    let listen = format!("{HEAD}:7070");
    let words = [
        "coordinator",
        "--listen",
        &listen,
        "--insecure",
        "--data",
        "data",
    ];
    let mut coordinator = inside(&cable.head, at, &words);
    logged(&mut coordinator, &at.join("coordinator.log"));
    let coordinator = Coordinator::of(coordinator);
    let url = coordinator.url.clone();
    let json = |words: &[&str]| -> Value {
        let ended = ask(&cable, at, &url, words).expect(0);
        serde_json::from_str(&ended.out).unwrap()
    };
    let number = |key: &str| json(&["status", "short", "--json"])[key].as_u64().unwrap();
    ask(&cable, at, &url, &["submit", "short.toml"]).expect(0);
    let words = [
        "worker",
        "--coordinator",
        &url,
        "--name",
        "far",
        "--threads",
        "1",
    ];
    let mut worker = inside(&cable.node, at, &words);
    logged(&mut worker, &at.join("worker.log"));
    let mut worker = Background::talking(worker);
    until("first results", || number("reported") > 0);

    // Shorter than the keep-alive of the connection: the same connection goes on.
    cable.set("down");
    until("the loss of the worker", || number("leased") == 0);
    let before = number("reported");
    cable.set("up");
    until("results after the first cut", || {
        number("reported") > before
    });

    // Longer: both ends give the connection up, and the worker makes a new one.
    cable.set("down");
    let cut = Instant::now();
    let gone = || json(&["workers", "--json"]).as_array().unwrap().is_empty();
    until("the end of the connection", gone);
    assert!(
        cut.elapsed() < Duration::from_secs(60),
        "it took {:?}",
        cut.elapsed()
    );
    let before = number("reported");
    cable.set("up");
    until("results after the second cut", || {
        number("reported") > before
    });

    assert!(
        worker.child.try_wait().unwrap().is_none(),
        "{}",
        log(&at.join("worker.log"))
    );
    ask(&cable, at, &url, &["watch", "short"]).expect(0);
    run(at, &["run", "short.toml", "--out", "local"]).expect(0);
    assert_equal(&at.join("local"), &at.join("data/short"));
    worker.signal("TERM");
    assert_eq!(worker.wait(), Some(0), "{}", log(&at.join("worker.log")));
    drop(coordinator);
}
