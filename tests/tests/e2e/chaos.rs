//! kill -9 of workers and of the coordinator, again and again, at random times and at named places, in an order
//! that one seed decides. At the end every trial is in the tables once, with the bits of an undisturbed run.
//!
//! `PARSIMONY_CHAOS_SEED` repeats an order (times on the machine still differ), `PARSIMONY_SOAK_SECONDS` goes on
//! for so long instead of stopping at a number of kills.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use tests::process::{Background, Coordinator, command, run, until};
use tests::tables::{assert_equal, number, query, texts};

use crate::common::{count, log, logged, long, rows, state, steps_for};
use crate::{SMALL, folder_with};

/// Kills of services; with those of local runs more than 200.
const KILLS: u32 = 170;

/// Kills of local runs.
const LOCAL_KILLS: u32 = 40;

/// A trial shorter than a quarter of a second leaves no checkpoint, the others do so all the time.
const CHECKPOINTS: (&str, &str) = ("PARSIMONY_CHECKPOINT_SECONDS", "0.1");

/// Where a coordinator may be stopped.
const COORDINATOR_POINTS: [&str; 6] = [
    "before-rename",
    "before-journal",
    "after-journal",
    "before-acknowledge",
    "after-acknowledge",
    "mid-checkpoint",
];

/// Where a worker may be stopped.
const WORKER_POINTS: [&str; 3] = ["report-sent", "acknowledged", "checkpoint-taken"];

/// Everything random, from one seed.
struct Chance(ChaCha8Rng);

impl Chance {
    /// The seed asked for, or a new one; printed either way.
    fn new(test: &str) -> Self {
        let asked = std::env::var("PARSIMONY_CHAOS_SEED").ok();
        let seed = asked.and_then(|text| text.parse().ok()).unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::from(now.subsec_nanos()) ^ now.as_secs()
        });
        eprintln!("{test}: PARSIMONY_CHAOS_SEED={seed}");
        Chance(ChaCha8Rng::seed_from_u64(seed))
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    fn percent(&mut self, of_hundred: u64) -> bool {
        self.below(100) < of_hundred
    }

    fn pick<'a>(&mut self, among: &[&'a str]) -> &'a str {
        // Lists of a few words.
        among[self.below(among.len() as u64) as usize]
    }

    fn milliseconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

/// How the next life of a process ends: at a place, and if it does not come there, at a time.
struct Fate {
    setting: Option<(&'static str, String)>,
    after: Duration,
}

impl Fate {
    fn of_coordinator(chance: &mut Chance) -> Self {
        let setting = chance.percent(60).then(|| {
            let point = chance.pick(&COORDINATOR_POINTS);
            (
                "PARSIMONY_FAULT",
                format!("{point}:{}", 1 + chance.below(4)),
            )
        });
        let after = match chance.below(10) {
            // Longer than a heartbeat timeout, so that lost workers are found lost.
            0 => chance.milliseconds(5_500, 8_000),
            1..3 => chance.milliseconds(1_500, 3_000),
            _ => chance.milliseconds(50, 1_500),
        };
        Fate { setting, after }
    }

    fn of_worker(chance: &mut Chance, trials: u64) -> Self {
        let setting = match chance.below(10) {
            0..4 => {
                let point = chance.pick(&WORKER_POINTS);
                Some((
                    "PARSIMONY_FAULT",
                    format!("{point}:{}", 1 + chance.below(4)),
                ))
            }
            4..6 => Some(("PARSIMONY_FAULT_TRIAL", chance.below(trials).to_string())),
            _ => None,
        };
        let after = if chance.percent(20) {
            chance.milliseconds(1_500, 3_000)
        } else {
            chance.milliseconds(50, 1_500)
        };
        Fate { setting, after }
    }
}

/// A process in its present life.
struct Life {
    process: Background,
    dies_at: Instant,
}

impl Life {
    /// Whether this life is over, by its own fault or by its time. Leaving of one's own accord is an error.
    fn is_over(&mut self, who: &str, talk: &Path) -> bool {
        if let Some(status) = self.process.child.try_wait().expect("the child is ours") {
            assert_eq!(
                status.code(),
                None,
                "the {who} left by itself:\n{}",
                tail(talk)
            );
            return true;
        }
        let over = Instant::now() >= self.dies_at;
        if over {
            self.process.kill();
        }
        over
    }
}

/// The last of what a process said.
fn tail(talk: &Path) -> String {
    let text = log(talk);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// A sweep that grows each time it has finished, so that there is work for as long as the chaos lasts.
struct Growing {
    name: &'static str,
    /// Its text with so many replicates.
    text: fn(u64) -> String,
    /// Replicates that each generation adds.
    step: u64,
    generations: u64,
}

impl Growing {
    fn file(&self, generation: u64) -> String {
        format!("{}-{generation}.toml", self.name)
    }

    fn new(name: &'static str, text: fn(u64) -> String, step: u64) -> Self {
        Growing {
            name,
            text,
            step,
            generations: 0,
        }
    }

    fn write_next(&mut self, at: &Path) -> String {
        self.generations += 1;
        let file = self.file(self.generations);
        std::fs::write(at.join(&file), (self.text)(self.step * self.generations)).unwrap();
        file
    }
}

fn short_text(replicates: u64) -> String {
    SMALL
        .replace("steps = 60", "steps = 6000")
        .replace("every = 20", "every = 2000")
        .replace("range = [0, 4]", &format!("range = [0, {replicates}]"))
}

fn long_text(replicates: u64) -> String {
    long("long", replicates, steps_for(1.0))
}

/// A port that is free and that the system gives to nobody who does not ask for it, since the coordinator
/// leaves it again and again.
fn port(chance: &mut Chance) -> u16 {
    loop {
        // Below 32,768, where Linux begins with the ports that it gives out.
        let port = u16::try_from(20_000 + chance.below(10_000)).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A coordinator, two workers, two sweeps, and the kills so far.
struct Arena {
    home: tempfile::TempDir,
    chance: Chance,
    address: String,
    url: String,
    coordinator: Life,
    workers: Vec<Life>,
    sweeps: [Growing; 2],
    kills: u32,
    /// Rows seen in each sweep, which must never become fewer.
    seen: [u64; 2],
}

impl Arena {
    fn open() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut chance = Chance::new("services");
        let address = format!("127.0.0.1:{}", port(&mut chance));
        let url = format!("http://{address}");
        let coordinator =
            start_coordinator(home.path(), &address, &Fate::of_coordinator(&mut chance));
        let mut arena = Arena {
            home,
            chance,
            address,
            url,
            coordinator,
            workers: Vec::new(),
            sweeps: [
                Growing::new("small", short_text, 30),
                Growing::new("long", long_text, 4),
            ],
            kills: 0,
            seen: [0; 2],
        };
        for k in 0..2 {
            let life = arena.start_worker(k);
            arena.workers.push(life);
        }
        arena
    }

    fn at(&self) -> &Path {
        self.home.path()
    }

    fn run_folder(&self, sweep: usize) -> PathBuf {
        self.at().join("data").join(self.sweeps[sweep].name)
    }

    fn start_worker(&mut self, k: usize) -> Life {
        let trials = 18 * self.sweeps[0].step * self.sweeps[0].generations.max(1);
        let fate = Fate::of_worker(&mut self.chance, trials);
        let mut worker = command(self.at());
        // Numbers of threads differ on purpose.
        let threads = (k + 1).to_string();
        worker.args(["worker", "--coordinator", &self.url, "--threads", &threads]);
        worker.args(["--name", &format!("w{k}")]);
        begin(worker, &fate, &self.at().join("worker.log"))
    }

    /// Kills whose time has come, and starts again whoever has died.
    fn turn(&mut self) {
        let (worker_log, coordinator_log) = (
            self.at().join("worker.log"),
            self.at().join("coordinator.log"),
        );
        for k in 0..self.workers.len() {
            if self.workers[k].is_over("worker", &worker_log) {
                self.kills += 1;
                self.workers[k] = self.start_worker(k);
            }
        }
        if !self.coordinator.is_over("coordinator", &coordinator_log) {
            return;
        }
        self.kills += 1;
        if self.chance.percent(25) {
            // Both at once.
            self.workers[0].process.kill();
            self.kills += 1;
            self.workers[0] = self.start_worker(0);
        }
        for sweep in 0..2 {
            self.seen[sweep] = at_least(self.seen[sweep], &self.run_folder(sweep));
        }
        let fate = Fate::of_coordinator(&mut self.chance);
        self.coordinator = start_coordinator(self.home.path(), &self.address, &fate);
    }

    /// Grows each sweep that has no work left.
    fn feed(&mut self) {
        for sweep in 0..2 {
            let growing = &mut self.sweeps[sweep];
            let words = ["status", growing.name, "--json", "--coordinator", &self.url];
            // A coordinator that is away, or dies meanwhile, is asked again the next time.
            let idle = growing.generations == 0 || {
                let status = run(self.home.path(), &words);
                status.code == Some(0) && status.out.contains("\"finished\"")
            };
            if idle {
                let file = growing.write_next(self.home.path());
                self.submit(&file);
            }
        }
    }

    /// Submits until it is answered, while the others go on dying.
    fn submit(&mut self, file: &str) {
        let begun = Instant::now();
        loop {
            let output = run(self.at(), &["submit", file, "--coordinator", &self.url]);
            if output.code == Some(0) {
                return;
            }
            assert_ne!(output.code, Some(2), "{}", output.err);
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", output.err);
            self.turn();
        }
    }

    /// Lets everybody live and waits for the end of both sweeps.
    fn settle(&mut self) {
        for life in self.workers.iter_mut().chain([&mut self.coordinator]) {
            life.process.kill();
        }
        let at = self.home.path().to_owned();
        let coordinator = Coordinator::with(&at, "data", &self.address, |_| {});
        let _workers = [
            coordinator.worker(&at, "last-1", 1),
            coordinator.worker(&at, "last-2", 2),
        ];
        for name in ["small", "long"] {
            until("the end of the sweep", || {
                state(&coordinator, &at, name) == "finished"
            });
            if count(&coordinator, &at, name, "failed") == 0 {
                continue;
            }
            // A trial during which three workers died is reported as such, and runs again after `retry`.
            let sql = "SELECT error FROM trials WHERE status = 'failed'";
            let failed = query(&at.join("data").join(name), sql);
            for error in texts(&failed, "error") {
                assert!(error.contains("workers died"), "{error}");
            }
            coordinator
                .call(&at, &["retry", name, "--failed"])
                .expect(0);
            until("the end of the retry", || {
                state(&coordinator, &at, name) == "finished"
                    && count(&coordinator, &at, name, "failed") == 0
            });
        }
    }

    /// Compares with runs that nobody disturbed and that grew as the sweeps did.
    fn compare(&self) {
        for (sweep, growing) in self.sweeps.iter().enumerate() {
            let whole = format!("whole-{}", growing.name);
            for generation in 1..=growing.generations {
                run(
                    self.at(),
                    &["run", &growing.file(generation), "--out", &whole],
                )
                .expect(0);
            }
            let run_folder = self.run_folder(sweep);
            let ids = number(&run_folder, "SELECT count(DISTINCT id) AS n FROM trials");
            assert_eq!(ids as u64, rows(&run_folder), "a trial has two rows");
            assert_equal(&self.at().join(whole), &run_folder);
        }
        for talk in ["worker.log", "coordinator.log"] {
            let text = log(&self.at().join(talk));
            assert!(!text.contains("panicked"), "{text}");
        }
    }
}

/// Counts a sweep's rows, of which there must be as many as were seen before.
fn at_least(seen: u64, run_folder: &Path) -> u64 {
    if seen == 0 {
        return rows(run_folder);
    }
    let found = number(run_folder, "SELECT count(*) AS n FROM trials") as u64;
    assert!(
        found >= seen,
        "{found} rows in {} after {seen}",
        run_folder.display()
    );
    found
}

fn start_coordinator(at: &Path, address: &str, fate: &Fate) -> Life {
    let begun = Instant::now();
    let talk = at.join("coordinator.log");
    let coordinator =
        Coordinator::with(at, "data", address, |command| prepare(command, fate, &talk));
    Life {
        process: coordinator.process,
        dies_at: begun + fate.after,
    }
}

fn begin(mut command: std::process::Command, fate: &Fate, talk: &Path) -> Life {
    prepare(&mut command, fate, talk);
    Life {
        process: Background::talking(command),
        dies_at: Instant::now() + fate.after,
    }
}

fn prepare(command: &mut std::process::Command, fate: &Fate, talk: &Path) {
    command.env(CHECKPOINTS.0, CHECKPOINTS.1);
    if let Some((name, value)) = &fate.setting {
        command.env(name, value);
    }
    logged(command, talk);
}

#[test]
fn services_killed_again_and_again_lose_and_double_nothing() {
    let soak = std::env::var("PARSIMONY_SOAK_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let soak = soak.map(Duration::from_secs);
    let mut arena = Arena::open();
    let begun = Instant::now();
    let mut fed = Instant::now();
    arena.feed();
    loop {
        let enough = match soak {
            Some(soak) => begun.elapsed() >= soak,
            None => arena.kills >= KILLS,
        };
        if enough {
            break;
        }
        let bound = soak.unwrap_or_default() + Duration::from_secs(300);
        assert!(begun.elapsed() < bound, "only {} kills", arena.kills);
        arena.turn();
        if fed.elapsed() >= Duration::from_millis(500) {
            fed = Instant::now();
            arena.feed();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let lasted = begun.elapsed();
    arena.settle();
    arena.compare();
    let generations = arena.sweeps.each_ref().map(|sweep| sweep.generations);
    eprintln!(
        "{} kills in {lasted:?}, generations {generations:?}",
        arena.kills
    );
}

#[test]
fn local_runs_killed_again_and_again_lose_and_double_nothing() {
    let folder = folder_with("small.toml", &short_text(12));
    let at = folder.path();
    let mut chance = Chance::new("local runs");
    let words = ["run", "small.toml", "--out", "r", "--threads", "2"];
    let mut kills = 0;
    let mut seen = 0;
    while kills < LOCAL_KILLS {
        let setting = chance.percent(50).then(|| {
            // A local run is coordinator and worker in one.
            let points = [&COORDINATOR_POINTS[..5], &WORKER_POINTS[..2]].concat();
            let point = chance.pick(&points);
            (
                "PARSIMONY_FAULT",
                format!("{point}:{}", 1 + chance.below(2)),
            )
        });
        let fate = Fate {
            setting,
            after: chance.milliseconds(20, 700),
        };
        let mut process = command(at);
        process.args(words);
        let mut life = begin(process, &fate, &at.join("log"));
        let ended = loop {
            if let Some(status) = life.process.child.try_wait().unwrap() {
                break status.code();
            }
            if Instant::now() >= life.dies_at {
                life.process.kill();
                break None;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        match ended {
            None => kills += 1,
            // It was through before its time came: the next one begins anew.
            Some(0) => {
                run(at, &["run", "small.toml", "--out", "whole"]).expect(0);
                assert_equal(&at.join("whole"), &at.join("r"));
                std::fs::remove_dir_all(at.join("r")).unwrap();
                seen = 0;
            }
            Some(code) => panic!("it left by itself with {code}:\n{}", tail(&at.join("log"))),
        }
        seen = at_least(seen, &at.join("r"));
    }
    run(at, &words).expect(0);
    run(at, &["run", "small.toml", "--out", "whole"]).expect(0);
    assert_equal(&at.join("whole"), &at.join("r"));
    assert!(
        !log(&at.join("log")).contains("panicked"),
        "{}",
        tail(&at.join("log"))
    );
}
