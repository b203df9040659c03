//! `[train] verify = n`: some trials of a finished sweep run on both engines, and how far apart they are.
//!
//! The trials are spread evenly over those that are run and that the law can reduce. Both engines train the
//! same draw from beginning to end; nothing of it reaches the tables.

use std::collections::BTreeMap;
use std::time::Instant;

use dln::{
    Engine, EngineChoice, Metrics, NotReducible, Outcome, Precision, Status, Task, Threads, Trial,
    TrialError,
};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use serde_json::{Value, json};
use sweep::Grid;

use crate::error::CliError;
use crate::exit::Exit;
use crate::{output, service};

/// Grids of at most so many trials are looked at one by one: a fraction of a second.
const LISTED: u64 = 4096;

/// Neighbours looked at for one that can be reduced, where the grid is larger.
const NEIGHBOURS: usize = 1000;

/// Rows of a trial that are compared beside the first: decompositions of the wide network are costly.
const ROWS: u64 = 10;

/// What the law promises in double precision. Losses are held against themselves and a thousandth of the
/// first, separations against themselves and a thousandth, singular values against the largest of their
/// layer and step.
const LOSS: f64 = 1e-11;
const SINGULAR_VALUES: f64 = 1e-11;
const SEPARATION: f64 = 1e-9;
const FLOOR: f64 = 1e-3;

/// How much coarser single precision is.
const SINGLE: f64 = 536_870_912.0;

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

/// The largest differences over all rows; `None` where neither engine measures such a thing.
struct Differences {
    loss: f64,
    singular_values: Option<f64>,
    separation: Option<f64>,
    /// By how much the promise is stretched.
    coarser: f64,
    core_width: Option<u64>,
    full_seconds: f64,
    reduced_seconds: f64,
}

impl Differences {
    fn is_kept(&self) -> bool {
        // Not a number is no promise kept.
        let within = |found: f64, promised: f64| found <= promised * self.coarser;
        within(self.loss, LOSS)
            && self
                .singular_values
                .is_none_or(|found| within(found, SINGULAR_VALUES))
            && self
                .separation
                .is_none_or(|found| within(found, SEPARATION))
    }
}

/// What the verification of a sweep found.
pub(crate) struct Verified {
    wanted: u64,
    trials: Vec<Compared>,
    /// Why a trial that was looked at cannot be reduced.
    reason: Option<String>,
}

/// Runs the trials on both engines. A person's Ctrl-C ends the process: the sweep itself is on disk.
///
/// # Errors
/// [`CliError`] where threads cannot be had or a part of the program fails.
pub(crate) async fn verify(grid: Grid, threads: usize) -> Result<Verified, CliError> {
    let mut interrupts = service::Interrupts::new()?;
    let running = tokio::task::spawn_blocking(move || compare_all(&grid, threads));
    tokio::select! {
        ended = running => match ended {
            Ok(verified) => verified,
            Err(error) => Err(CliError::Ended(error.to_string())),
        },
        () = interrupts.next() => {
            eprintln!("verification interrupted: the tables are complete");
            std::process::exit(Exit::Interrupted as i32);
        }
    }
}

fn compare_all(grid: &Grid, threads: usize) -> Result<Verified, CliError> {
    let wanted = grid.spec().verify();
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
    trial.measure.metrics = Metrics {
        train_loss: true,
        spectrum: true,
        separation: matches!(trial.problem.task, Task::Classification { .. }),
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
    Ok(Differences {
        loss: loss_difference(&full, &reduced),
        singular_values: spectrum_difference(&full, &reduced),
        separation: separation_difference(&full, &reduced),
        coarser: match trial.train.precision {
            Precision::F64 => 1.0,
            Precision::F32 => SINGLE,
        },
        core_width: reduced.core_width,
        full_seconds: full.train_seconds,
        reduced_seconds: reduced.train_seconds,
    })
}

/// Over the steps that both have a row of: a stop rule may end one of them a step before the other.
fn loss_difference(full: &Outcome, reduced: &Outcome) -> f64 {
    let losses = |outcome: &Outcome| -> BTreeMap<u64, f64> {
        let rows = outcome.history.iter();
        rows.filter_map(|row| Some((row.step, row.scalars.train_loss?)))
            .collect()
    };
    let (full, reduced) = (losses(full), losses(reduced));
    let first = full.values().next().copied().unwrap_or(0.0);
    largest(full.iter().filter_map(|(step, a)| {
        let b = reduced.get(step)?;
        Some(relative(a - b, a.abs() + FLOOR * first.abs()))
    }))
    .unwrap_or(f64::NAN)
}

fn spectrum_difference(full: &Outcome, reduced: &Outcome) -> Option<f64> {
    let spectra = |outcome: &Outcome| {
        let mut spectra: BTreeMap<(u64, u32), Vec<f64>> = BTreeMap::new();
        for row in &outcome.spectra {
            let values = spectra.entry((row.step, row.layer)).or_default();
            values.extend((0..row.multiplicity).map(|_| row.value));
        }
        spectra
    };
    let (full, reduced) = (spectra(full), spectra(reduced));
    largest(full.iter().filter_map(|(place, a)| {
        let b = reduced.get(place)?;
        let size = a.first().copied().unwrap_or(0.0);
        // A value that one of them lacks is 0 there.
        let at = |values: &[f64], i: usize| values.get(i).copied().unwrap_or(0.0);
        largest((0..a.len().max(b.len())).map(|i| relative(at(a, i) - at(b, i), size)))
    }))
}

fn separation_difference(full: &Outcome, reduced: &Outcome) -> Option<f64> {
    let separations = |outcome: &Outcome| -> BTreeMap<(u64, u32), f64> {
        let rows = outcome.layers.iter();
        rows.filter_map(|row| Some(((row.step, row.layer), row.separation?)))
            .collect()
    };
    let (full, reduced) = (separations(full), separations(reduced));
    largest(full.iter().filter_map(|(place, a)| {
        let b = reduced.get(place)?;
        Some(relative(a - b, a.abs() + FLOOR))
    }))
}

fn relative(difference: f64, size: f64) -> f64 {
    if difference == 0.0 {
        0.0
    } else {
        difference.abs() / size
    }
}

/// The largest number, NaN where there is one; `None` without numbers.
fn largest(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    numbers.reduce(|a, b| if b.is_nan() || b > a { b } else { a })
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
            let say = |found: Option<f64>, words: &str| {
                found.map_or_else(String::new, |found| format!(", {words} {found:.1e}"))
            };
            text += &format!(
                "verified: {compared} of {} trials on both engines; largest differences: loss {:.1e} (relative){}{}: {}\n",
                output::grouped(self.wanted),
                self.loss().unwrap_or(f64::NAN),
                say(self.singular_values(), "singular values (of the largest)"),
                say(self.separation(), "separation (relative)"),
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
                Ok(found) => json!({
                    "id": trial.id,
                    "loss": found.loss,
                    "singular_values": found.singular_values,
                    "separation": found.separation,
                    "core_width": found.core_width,
                    "full_seconds": found.full_seconds,
                    "reduced_seconds": found.reduced_seconds,
                }),
                Err(unequal) => json!({ "id": trial.id, "not_compared": unequal.to_string() }),
            })
            .collect();
        json!({
            "wanted": self.wanted,
            "compared": self.differences().count(),
            "loss": self.loss(),
            "singular_values": self.singular_values(),
            "separation": self.separation(),
            "within": self.is_kept(),
            "trials": trials,
        })
    }

    fn loss(&self) -> Option<f64> {
        largest(self.differences().map(|found| found.loss))
    }

    fn singular_values(&self) -> Option<f64> {
        largest(self.differences().filter_map(|found| found.singular_values))
    }

    fn separation(&self) -> Option<f64> {
        largest(self.differences().filter_map(|found| found.separation))
    }
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
        let verified = compare_all(&grid(SWEEP), 2).unwrap();
        assert_eq!(verified.differences().count(), 4);
        assert!(verified.is_kept(), "{}", verified.as_text());
        assert!(verified.loss().unwrap() < 1e-12);
        assert!(verified.singular_values().unwrap() < 1e-12);
        assert!(
            verified.separation().is_none(),
            "a factorization has no classes"
        );
        let json = verified.as_json();
        assert_eq!(
            (&json["compared"], &json["within"]),
            (&json!(4), &json!(true))
        );

        let trial = grid(SWEEP).trial(0).unwrap();
        let mut other = trial.clone();
        other.optimizer.rate *= 1.0 + 1e-6;
        let outcome = |trial: &Trial| {
            let data = dln::prepare(trial).unwrap();
            dln::run(trial, &data, Threads::Seq, &|| 0.0).unwrap()
        };
        assert!(loss_difference(&outcome(&trial), &outcome(&other)) > 1e-9);
    }

    #[test]
    fn nothing_to_reduce_is_told() {
        let text = SWEEP.replace("[optimizer]", "[optimizer]\nkind = \"adam\"");
        let verified = compare_all(&grid(&text), 1).unwrap();
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
            loss: 0.0,
            singular_values: Some(0.0),
            separation: Some(0.0),
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

    /// A difference just below and just above its bound, in both precisions.
    #[track_caller]
    fn check_bound(what: &str, bound: f64, with: impl Fn(f64) -> Differences) {
        check_verdict(with(0.999 * bound), true, what);
        check_verdict(with(1.001 * bound), false, what);
        check_verdict(with(f64::NAN), false, what);
        // Single precision has 29 bits less.
        let coarser = 2.0_f64.powi(29);
        let single = |found| Differences {
            coarser: SINGLE,
            ..with(found)
        };
        check_verdict(single(0.999 * coarser * bound), true, what);
        check_verdict(single(1.001 * coarser * bound), false, what);
    }

    #[test]
    fn each_difference_over_its_bound_breaks_the_promise_by_itself() {
        check_bound("loss", 1e-11, |loss| Differences { loss, ..equal() });
        check_bound("singular values", 1e-11, |found| Differences {
            singular_values: Some(found),
            ..equal()
        });
        check_bound("separation", 1e-9, |found| Differences {
            separation: Some(found),
            ..equal()
        });
    }

    #[test]
    fn what_is_not_measured_breaks_nothing_and_one_engine_that_diverges_alone_does() {
        let losses = Differences {
            singular_values: None,
            separation: None,
            ..equal()
        };
        check_verdict(losses, true, "losses alone");
        let kept = |unequal| verified(vec![Ok(equal()), Err(unequal)]).is_kept();
        assert!(kept(Unequal::Diverged));
        assert!(kept(Unequal::Refused(NotReducible::Metrics.into())));
        assert!(!kept(Unequal::OneDiverged));
        assert!(!kept(Unequal::Grid("no such trial".to_owned())));
    }
}
