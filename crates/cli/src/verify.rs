//! `[train] verify = n` and `parsimony verify`: some trials of a sweep run on both engines, and how far apart they
//! are.
//!
//! The trials are spread evenly over those that are run and that the law can reduce. Both engines train the
//! same draw from beginning to end; nothing of it reaches the tables.

mod differences;

use std::time::Instant;

use dln::{Engine, EngineChoice, Metrics, NotReducible, Status, Task, Threads, Trial, TrialError};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use serde_json::{Map, Value, json};
use sweep::Grid;

use self::differences::{COMPARED, Differences, Found, largest};
use crate::args::Verify;
use crate::error::CliError;
use crate::exit::Exit;
use crate::{load, output, service};

/// Grids of at most so many trials are looked at one by one: a fraction of a second.
const LISTED: u64 = 4096;

/// Neighbours looked at for one that can be reduced, where the grid is larger.
const NEIGHBOURS: usize = 1000;

/// Rows of a trial that are compared beside the first: decompositions of the wide network are costly.
const ROWS: u64 = 10;

/// One trial on both engines.
struct Compared {
    id: String,
    result: Result<Differences, Unequal>,
}

/// Why there is nothing to compare, or too much.
#[derive(Debug, thiserror::Error)]
enum Unequal {
    #[error("{0}")]
    Refused(TrialError),
    #[error("it diverges")]
    Diverged,
    #[error("one engine diverges, the other does not")]
    OneDiverged,
    #[error("{0}")]
    Grid(String),
}

/// What the verification of a sweep found.
pub(crate) struct Verified {
    wanted: u64,
    trials: Vec<Compared>,
    /// Why a trial that was looked at cannot be reduced.
    reason: Option<String>,
}

/// Trials of a sweep that does not say how many.
const TRIALS: u64 = 4;

/// `parsimony verify`.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn command(options: &Verify) -> Result<Exit, CliError> {
    let sweep = load::sweep(&options.file, &options.sets.sets)?;
    let told = sweep.grid.spec().verify();
    let wanted = options
        .trials
        .unwrap_or(if told > 0 { told } else { TRIALS });
    let threads = service::threads(options.threads);
    let verified = verify(sweep.grid, wanted, threads).await?;
    if options.json {
        output::json(&verified.as_json())?;
    } else {
        output::data(&verified.as_text())?;
    }
    Ok(if verified.is_kept() {
        Exit::Done
    } else {
        Exit::Unexpected
    })
}

/// Runs the trials on both engines. A person's Ctrl-C ends the process: the sweep itself is on disk.
///
/// # Errors
/// [`CliError`] where threads cannot be had or a part of the program fails.
pub(crate) async fn verify(grid: Grid, wanted: u64, threads: usize) -> Result<Verified, CliError> {
    let mut interrupts = service::Interrupts::new()?;
    let running = tokio::task::spawn_blocking(move || compare_all(&grid, wanted, threads));
    tokio::select! {
        ended = running => match ended {
            Ok(verified) => verified,
            Err(error) => Err(CliError::Ended(error.to_string())),
        },
        () = interrupts.next() => {
            eprintln!("verification interrupted; it writes no tables, and those there are stay complete");
            std::process::exit(Exit::Interrupted as i32);
        }
    }
}

fn compare_all(grid: &Grid, wanted: u64, threads: usize) -> Result<Verified, CliError> {
    let mut reason = None;
    let chosen = choose(grid, wanted, &mut reason);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .build()
        .map_err(|error| CliError::Ended(error.to_string()))?;
    let trials = pool.install(|| {
        chosen
            .par_iter()
            .map(|&index| compare(grid, index))
            .collect()
    });
    Ok(Verified {
        wanted,
        trials,
        reason,
    })
}

/// Indices of the trials to compare, ascending.
fn choose(grid: &Grid, wanted: u64, reason: &mut Option<String>) -> Vec<u64> {
    if grid.count() <= LISTED {
        let mut able = Vec::new();
        let mut from = 0;
        while let Some(index) = grid.next_kept(from, grid.size()) {
            from = index + 1;
            if can_reduce(grid, index, reason) {
                able.push(index);
            }
        }
        let count = wanted.min(able.len() as u64);
        let at = |k: u64| able[middle_of_share(k, count, able.len() as u64) as usize];
        return (0..count).map(at).collect();
    }
    let mut chosen = Vec::new();
    let mut free = 0;
    for k in 0..wanted.min(grid.count()) {
        let mut from = middle_of_share(k, wanted, grid.size()).max(free);
        for _ in 0..NEIGHBOURS {
            let Some(index) = grid.next_kept(from, grid.size()) else {
                break;
            };
            from = index + 1;
            if can_reduce(grid, index, reason) {
                chosen.push(index);
                free = from;
                break;
            }
        }
    }
    chosen
}

/// The middle of share `k` of `shares` of `0..size`.
fn middle_of_share(k: u64, shares: u64, size: u64) -> u64 {
    let middle = (2 * u128::from(k) + 1) * u128::from(size) / (2 * u128::from(shares.max(1)));
    // Below `size`, since `k` is below `shares`.
    middle as u64
}

/// Whether the law's assumptions hold, as far as they can be told without drawing.
fn can_reduce(grid: &Grid, index: u64, reason: &mut Option<String>) -> bool {
    let Ok(trial) = grid.trial(index) else {
        return false;
    };
    // The compressed network is another network.
    if trial.train.engine == EngineChoice::Factored {
        reason.get_or_insert_with(|| "the factored engine trains another network".to_owned());
        return false;
    }
    match dln::plan(&on(&trial, EngineChoice::Reduced)).refused {
        Some(refused) => {
            reason.get_or_insert_with(|| refused.to_string());
            false
        }
        None => true,
    }
}

fn on(trial: &Trial, engine: EngineChoice) -> Trial {
    let mut trial = trial.clone();
    trial.train.engine = engine;
    trial
}

/// Trains one trial on both engines.
fn compare(grid: &Grid, index: u64) -> Compared {
    let id = grid.id_of(index).map(|id| id.to_string());
    Compared {
        id: id.unwrap_or_else(|error| error.to_string()),
        result: match grid.trial(index) {
            Ok(trial) => both(&trial),
            Err(error) => Err(Unequal::Grid(error.to_string())),
        },
    }
}

fn both(trial: &Trial) -> Result<Differences, Unequal> {
    let mut trial = trial.clone();
    trial.measure.every = trial.train.steps.div_ceil(ROWS).max(1);
    let classes = matches!(trial.problem.task, Task::Classification { .. });
    trial.measure.metrics = Metrics {
        train_loss: true,
        test_loss: true,
        spectrum: true,
        angles: true,
        separation: classes,
        ..Metrics::default()
    };
    let data = dln::prepare(&trial).map_err(Unequal::Refused)?;
    let begun = Instant::now();
    let clock = || begun.elapsed().as_secs_f64();
    let run = |trial: &Trial, engine: EngineChoice| {
        dln::run(&on(trial, engine), &data, Threads::Pool, &clock)
    };
    // At depth 2 an open core carries the losses of any start, but not all singular values.
    let reduced = match run(&trial, EngineChoice::Reduced) {
        Err(TrialError::NotReducible(NotReducible::Metrics)) => {
            trial.measure.metrics.spectrum = false;
            trial.measure.metrics.angles = false;
            run(&trial, EngineChoice::Reduced)
        }
        ran => ran,
    };
    let reduced = reduced.map_err(Unequal::Refused)?;
    let full = run(&trial, EngineChoice::Full).map_err(Unequal::Refused)?;
    debug_assert_eq!(
        (full.engine, reduced.engine),
        (Engine::Full, Engine::Reduced)
    );
    match (full.status, reduced.status) {
        (Status::Completed, Status::Completed) => {}
        (Status::Diverged, Status::Diverged) => return Err(Unequal::Diverged),
        _ => return Err(Unequal::OneDiverged),
    }
    Ok(Differences::between(&full, &reduced, trial.train.precision))
}

impl Verified {
    fn differences(&self) -> impl Iterator<Item = &Differences> {
        self.trials
            .iter()
            .filter_map(|trial| trial.result.as_ref().ok())
    }

    /// Whether every comparison keeps what the law promises.
    pub(crate) fn is_kept(&self) -> bool {
        self.trials.iter().all(|trial| match &trial.result {
            Ok(differences) => differences.is_kept(),
            // A trial outside the law is no broken promise; a core whose certificate fails is one.
            Err(Unequal::Refused(TrialError::NotReducible(refused))) => {
                !matches!(refused, NotReducible::Residual { .. })
            }
            Err(unequal) => matches!(unequal, Unequal::Diverged),
        })
    }

    /// The lines of a summary.
    pub(crate) fn as_text(&self) -> String {
        let compared = self.differences().count();
        if self.trials.is_empty() {
            let reason = self.reason.as_deref().unwrap_or("there is none");
            return format!("verified: no trial can be reduced: {reason}\n");
        }
        let mut text = String::new();
        if compared > 0 {
            let largest: Vec<String> = COMPARED
                .iter()
                .zip(self.largest())
                .filter_map(|(compared, found)| Some(format!("{} {:.1e}", compared.words, found?)))
                .collect();
            text += &format!(
                "verified: {compared} of {} trials on both engines; largest differences: {}: {}\n",
                output::grouped(self.wanted),
                largest.join(", "),
                if self.is_kept() {
                    "within what the law promises"
                } else {
                    "MORE than the law allows"
                }
            );
            let full: f64 = self.differences().map(|found| found.full_seconds).sum();
            let reduced: f64 = self.differences().map(|found| found.reduced_seconds).sum();
            text += &format!(
                "verified: training took {} on the full engine, {} on the reduced one\n",
                output::duration(full),
                output::duration(reduced)
            );
        }
        for trial in &self.trials {
            if let Err(unequal) = &trial.result {
                text += &format!("verified: trial {} is not compared: {unequal}\n", trial.id);
            }
        }
        text
    }

    pub(crate) fn as_json(&self) -> Value {
        let trials: Vec<Value> = self
            .trials
            .iter()
            .map(|trial| match &trial.result {
                Ok(found) => {
                    let mut told = named(found.found);
                    told.insert("id".to_owned(), json!(trial.id));
                    told.insert("core_width".to_owned(), json!(found.core_width));
                    told.insert("full_seconds".to_owned(), json!(found.full_seconds));
                    told.insert("reduced_seconds".to_owned(), json!(found.reduced_seconds));
                    Value::Object(told)
                }
                Err(unequal) => json!({ "id": trial.id, "not_compared": unequal.to_string() }),
            })
            .collect();
        let mut all = named(self.largest());
        all.insert("wanted".to_owned(), json!(self.wanted));
        all.insert("compared".to_owned(), json!(self.differences().count()));
        all.insert("within".to_owned(), json!(self.is_kept()));
        all.insert("trials".to_owned(), json!(trials));
        Value::Object(all)
    }

    /// Over all trials, in the order of [`COMPARED`].
    fn largest(&self) -> Found {
        std::array::from_fn(|k| largest(self.differences().filter_map(|trial| trial.found[k])))
    }
}

/// Differences under their names.
fn named(found: Found) -> Map<String, Value> {
    let pairs = COMPARED.iter().zip(found);
    pairs
        .map(|(compared, found)| (compared.name.to_owned(), json!(found)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(text: &str) -> Grid {
        let spec = sweep::Spec::parse(text, "v.toml", &[]).unwrap();
        Grid::new(spec, sweep::Arrays::new()).unwrap()
    }

    const SWEEP: &str = r#"
name = "v"
[axes]
"init.kind" = ["orthogonal", "gaussian"]
"network.depth" = [3, 4]
"replicate" = { range = [0, 50] }
[problem]
dim = 12
rank = 2
[train]
steps = 30
verify = 4
[optimizer]
rate = 2.0
"#;

    #[test]
    fn trials_are_spread_over_those_that_the_law_can_reduce() {
        let grid = grid(SWEEP);
        let mut reason = None;
        let chosen = choose(&grid, 4, &mut reason);
        // The orthogonal half, 0..100, in shares of 25.
        assert_eq!(chosen, [12, 37, 62, 87]);
        assert!(
            reason.is_some_and(|reason| reason.contains("12")),
            "the gaussian half has no core"
        );
        let large = SWEEP.replace("[0, 50]", "[0, 1000000]");
        let grid = self::grid(&large);
        let chosen = choose(&grid, 4, &mut None);
        assert_eq!(
            chosen,
            [500_000, 1_500_000],
            "the gaussian half is not searched to its end"
        );
        assert_eq!(choose(&grid, 0, &mut None), Vec::<u64>::new());
    }

    #[test]
    fn both_engines_agree_and_a_difference_is_seen() {
        let verified = compare_all(&grid(SWEEP), 4, 2).unwrap();
        assert_eq!(verified.differences().count(), 4);
        assert!(verified.is_kept(), "{}", verified.as_text());
        let json = verified.as_json();
        for (name, bound) in [
            ("loss", 1e-12),
            ("singular_values", 1e-12),
            ("angles", 1e-7),
        ] {
            let found = json[name].as_f64().unwrap();
            assert!(found < bound, "{name}: {found:e}");
        }
        for name in ["test_loss", "accuracy", "separation"] {
            assert!(
                json[name].is_null(),
                "a factorization has no classes: {name}"
            );
        }
        let json = verified.as_json();
        assert_eq!(
            (&json["compared"], &json["within"]),
            (&json!(4), &json!(true))
        );
    }

    #[test]
    fn nothing_to_reduce_is_told() {
        let text = SWEEP.replace("[optimizer]", "[optimizer]\nkind = \"adam\"");
        let verified = compare_all(&grid(&text), 4, 1).unwrap();
        assert!(
            verified.as_text().contains("adam"),
            "{}",
            verified.as_text()
        );
        assert!(largest([1.0, f64::NAN, 2.0].into_iter()).is_some_and(f64::is_nan));
    }

    /// A comparison with nothing between the engines.
    fn equal() -> Differences {
        Differences {
            found: [Some(0.0); COMPARED.len()],
            coarser: 1.0,
            core_width: Some(4),
            full_seconds: 1.0,
            reduced_seconds: 0.5,
        }
    }

    /// A verification of one trial after another.
    fn verified(results: Vec<Result<Differences, Unequal>>) -> Verified {
        let compared = |result| Compared {
            id: "x".to_owned(),
            result,
        };
        Verified {
            wanted: results.len() as u64,
            trials: results.into_iter().map(compared).collect(),
            reason: None,
        }
    }

    /// The verdict is told alike everywhere.
    #[track_caller]
    fn check_verdict(differences: Differences, kept: bool, what: &str) {
        assert_eq!(differences.is_kept(), kept, "{what}");
        // One trial out of bounds is enough, wherever it stands.
        let verified = verified(vec![Ok(equal()), Ok(differences), Ok(equal())]);
        assert_eq!(verified.is_kept(), kept, "{what}");
        assert_eq!(verified.as_json()["within"], json!(kept), "{what}");
        let words = if kept {
            "within what the law promises"
        } else {
            "MORE than the law allows"
        };
        let text = verified.as_text();
        assert!(text.contains(words), "{what}: {text}");
    }

    #[test]
    fn each_difference_over_its_bound_breaks_the_promise_by_itself() {
        for (k, compared) in COMPARED.iter().enumerate() {
            let with = |found: f64, coarser: f64| {
                let mut differences = equal();
                (differences.found[k], differences.coarser) = (Some(found), coarser);
                differences
            };
            // Single precision has 29 bits less.
            for coarser in [1.0, 2.0_f64.powi(29)] {
                let bound = coarser * compared.promise;
                let judged = coarser == 1.0 || compared.in_single;
                check_verdict(with(0.999 * bound, coarser), true, compared.name);
                check_verdict(with(1.001 * bound, coarser), !judged, compared.name);
                check_verdict(with(f64::NAN, coarser), !judged, compared.name);
            }
        }
        let promises = COMPARED.map(|compared| (compared.name, compared.promise));
        assert_eq!(
            promises,
            [
                ("loss", 1e-11),
                ("test_loss", 1e-11),
                ("accuracy", 1e-12),
                ("singular_values", 1e-11),
                ("angles", 1e-6),
                ("separation", 1e-9),
            ]
        );
    }

    #[test]
    fn what_is_not_measured_breaks_nothing_and_one_engine_that_diverges_alone_does() {
        let mut losses = equal();
        losses.found[1..].fill(None);
        check_verdict(losses, true, "losses alone");
        let kept = |unequal| verified(vec![Ok(equal()), Err(unequal)]).is_kept();
        assert!(kept(Unequal::Diverged));
        assert!(kept(Unequal::Refused(NotReducible::Metrics.into())));
        assert!(!kept(Unequal::OneDiverged));
        assert!(!kept(Unequal::Grid("no such trial".to_owned())));
    }
}
