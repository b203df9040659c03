//! The staged plan as a folder: one split of the samples, four sweep files, and what each must reach.
//!
//! The samples stand along the singular directions of the training part, so that a small model is fewer columns of the
//! same file, and every stage is judged on the same held-out rows.

use std::fmt::Write as _;
use std::path::Path;

use dln::diagnose::held_out::{BaselineKind, HeldOut, Recipe, Score, Staged, Verdict, limits};
use dln::{EngineChoice, EngineKind, Trial};
use sweep::Spec;
use table::StagedFile;

use super::criteria::{self, Column, Criteria, Criterion, Stage};
use super::diagnosis::Diagnosis;
use crate::error::CliError;

/// Most numbers of the file of samples: some 400 MB of text.
const MOST_NUMBERS: usize = 20_000_000;

/// The samples.
const SAMPLES: &str = "samples.csv";

/// How a new sample gets the coordinates of the samples' file.
const DIRECTIONS: &str = "directions.csv";

/// What the targets of the samples' file are without.
const TARGETS: &str = "targets.csv";

/// What a plan may stay below the best simple model: one point.
const POINT: f64 = 0.01;

/// Largest standard deviation of a score over starts: two points.
const STEADY: f64 = 0.02;

/// Trials that run on both engines, where the law serves the wide network.
const VERIFY: u64 = 2;

/// What the stages share.
struct Plan<'a> {
    diagnosis: &'a Diagnosis,
    held: &'a HeldOut,
    staged: &'a Staged,
    recipe: Recipe,
    /// Directions of the small model.
    k: usize,
    /// Points that few directions cost.
    lost: f64,
    column: Column,
}

/// The networks of a stage.
struct Networks {
    /// Directions.
    k: usize,
    /// Of every hidden layer.
    width: usize,
    steps: u64,
    /// Trials on both engines.
    verify: u64,
}

/// Writes the folder.
///
/// # Errors
/// [`CliError`]: a folder that holds files already or cannot be written, a verdict that nothing can be planned on, too
/// many samples.
pub(crate) fn write(
    diagnosis: &Diagnosis,
    staged: Option<&Staged>,
    folder: &Path,
) -> Result<(), CliError> {
    let refuse = |why: String| Err(CliError::Request(why));
    let held = &diagnosis.held;
    let Some(staged) = staged else {
        return refuse(
            "the stages of a folder need labels or targets; for a matrix write a sweep: --write FILE.toml".to_owned(),
        );
    };
    if let Verdict::CannotTell(_) = held.verdict {
        return refuse(format!(
            "no plan is written, because nothing can be promised of it: {}",
            crate::render::held_out::verdict(held)
        ));
    }
    let (Some(recipe), Some(numbers)) = (held.recipe, held.verdict.numbers()) else {
        return refuse("no plan is written: no network was trained".to_owned());
    };
    let numbers_written = staged.coordinates.len() + staged.answers.len();
    if numbers_written > MOST_NUMBERS {
        return refuse(format!(
            "the plan's samples would be {numbers_written} numbers, more than {MOST_NUMBERS}; write a sweep: --write FILE.toml"
        ));
    }
    let small = held.verdict.directions();
    let plan = Plan {
        diagnosis,
        held,
        staged,
        recipe,
        k: small.unwrap_or(numbers.of).min(staged.coordinates.nrows()),
        lost: small.map_or(0.0, |_| numbers.lost.max(0.0)),
        column: match held.score {
            Score::Accuracy => Column::TestAccuracy,
            Score::Explained | Score::Energy => Column::TestLoss,
        },
    };
    make(folder)?;
    put(folder, SAMPLES, &plan.samples())?;
    put(folder, DIRECTIONS, &plan.directions())?;
    if !staged.target_means.is_empty() {
        put(folder, TARGETS, &target_means(&staged.target_means))?;
    }
    let mut stages = Vec::new();
    for (stage, text) in plan.stages() {
        let name = format!("{}.toml", stage.name);
        put(folder, &name, &text)?;
        stages.push(stage);
    }
    let criteria = Criteria {
        column: plan.column,
        stages,
    };
    // Last: a folder with it is complete.
    put(
        folder,
        criteria::FILE,
        &format!("{:#}\n", criteria.to_json()),
    )
}

/// Makes the folder, or takes an empty one.
fn make(folder: &Path) -> Result<(), CliError> {
    let failed = |source| CliError::Write {
        path: folder.to_owned(),
        source,
    };
    match std::fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(CliError::Request(format!(
                "{} is not empty and nothing in it is overwritten; choose another name",
                folder.display()
            ))),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => std::fs::create_dir(folder)
            .map_err(|error| {
                CliError::Request(format!("{} cannot be made: {error}", folder.display()))
            }),
        Err(error) => Err(failed(error)),
    }
}

fn put(folder: &Path, name: &str, text: &str) -> Result<(), CliError> {
    let path = folder.join(name);
    if name.ends_with(".toml") {
        // What is written must be a sweep.
        Spec::parse(text, &path.display().to_string(), &[])?;
    }
    let written = StagedFile::with_content(&path, text.as_bytes()).and_then(StagedFile::publish);
    written.map_err(|source| CliError::Write { path, source })
}

/// A text as a field of a CSV file.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A target a row: the mean that was subtracted.
fn target_means(means: &[f64]) -> String {
    let rows = means.iter().map(|&mean| sweep::float_text(mean) + "\n");
    std::iter::once("shift\n".to_owned()).chain(rows).collect()
}

impl Plan<'_> {
    fn rank(&self) -> usize {
        self.staged.coordinates.nrows()
    }

    fn count(&self) -> usize {
        self.staged.coordinates.ncols()
    }

    /// A sample a row: its coordinates, then its class or targets.
    fn samples(&self) -> String {
        let mut text = String::new();
        let answers = &self.staged.answers;
        for at in 0..self.count() {
            let mut cells: Vec<String> = self
                .staged
                .coordinates
                .column(at)
                .iter()
                .map(|&x| sweep::float_text(x))
                .collect();
            match self.held.score {
                Score::Accuracy => {
                    let class = answers.column(at).iter().position(|&y| y != 0.0);
                    cells.push(class.unwrap_or(0).to_string());
                }
                Score::Explained | Score::Energy => {
                    cells.extend(answers.column(at).iter().map(|&y| sweep::float_text(y)));
                }
            }
            text += &cells.join(",");
            text.push('\n');
        }
        text
    }

    /// An input a row: its name, what is subtracted, the factor, and its part in each direction. Shift and factor are
    /// those of the numbers in the file, before `--scale`: `(scale x - shift) factor` is
    /// `(x - shift / scale) (factor scale)`.
    fn directions(&self) -> String {
        let mut text = String::from("input,shift,factor");
        for at in 1..=self.rank() {
            // A String takes whatever is written to it.
            let _ = write!(text, ",direction_{at}");
        }
        text.push('\n');
        let scale = self.diagnosis.sources.main.array.scale();
        let moments = self.staged.shift.iter().zip(&self.staged.factor);
        let rows = self.staged.directions.rows().into_iter().zip(moments);
        for (name, (row, (shift, factor))) in self.input_names().iter().zip(rows) {
            let moments = [shift / scale, factor * scale];
            let numbers = moments.into_iter().chain(row.iter().copied());
            let cells = std::iter::once(field(name)).chain(numbers.map(sweep::float_text));
            text += &cells.collect::<Vec<_>>().join(",");
            text.push('\n');
        }
        text
    }

    /// The name of each input, or its number as `--columns` counts.
    fn input_names(&self) -> Vec<String> {
        let columns = self.diagnosis.sources.description.inputs();
        let mut names: Vec<String> = columns
            .map(|column| {
                let name = column.name.clone();
                name.unwrap_or_else(|| column.place.to_string())
            })
            .collect();
        let inputs = self.staged.directions.nrows();
        if names.len() != inputs {
            names = (0..inputs).map(|at| at.to_string()).collect();
        }
        names
    }

    /// The score of the best simple model on the plan's held-out samples, which are those of the first split.
    fn reference(&self) -> (f64, &'static str) {
        let kinds = [BaselineKind::Logistic, BaselineKind::LeastSquares];
        let found = kinds.into_iter().find_map(|kind| {
            let scores = &self.held.baseline(kind)?.scores;
            Some((*scores.first()?, kind.name()))
        });
        found.unwrap_or((self.majority(), BaselineKind::Majority.name()))
    }

    fn majority(&self) -> f64 {
        let found = self.held.baseline(BaselineKind::Majority);
        found
            .and_then(|found| found.scores.first().copied())
            .unwrap_or(0.0)
    }

    /// A bound on the column from a bound on the score.
    fn bound(&self, score: f64) -> f64 {
        match self.column {
            Column::TestAccuracy => sweep::round_15(score),
            Column::TestLoss => sweep::round_15(0.5 * self.staged.variance * (1.0 - score)),
        }
    }

    /// A difference of the column from a difference of the score.
    fn distance(&self, points: f64) -> f64 {
        match self.column {
            Column::TestAccuracy => points,
            Column::TestLoss => 0.5 * self.staged.variance * points,
        }
    }

    fn small_width(&self) -> usize {
        let row = self.held.prices.iter().find(|price| price.k >= self.k);
        let core = row.and_then(|price| price.core_width);
        core.unwrap_or(self.held.width)
            .clamp(1, self.held.width.max(1))
    }

    /// The width that was asked for, else the one at which the core is complete.
    fn wide_width(&self) -> usize {
        if self.held.width_is_given {
            self.held.width
        } else {
            self.rank() + self.staged.answers.nrows()
        }
    }

    /// Whether the wide network runs on its core, so that both engines can be compared.
    fn is_reducible(&self) -> bool {
        let Some(trial) = &self.held.wide else {
            return false;
        };
        let mut trial: Trial = trial.clone();
        trial.train.engine = EngineChoice::Reduced;
        trial.network.widths = vec![self.wide_width(); trial.network.depth() - 1];
        let plan = dln::plan(&trial);
        let on_core = match plan.engine {
            EngineKind::Reduced => true,
            EngineKind::Full | EngineKind::Factored | EngineKind::Projected => false,
        };
        plan.refused.is_none() && on_core
    }

    fn stages(&self) -> [(Stage, String); 4] {
        [self.check(), self.small(), self.verify(), self.scale()]
    }

    /// One point; of few held-out samples, one sample.
    fn point(&self) -> f64 {
        let test = self.count() - self.staged.train;
        POINT.max(1.0 / test.max(1) as f64)
    }

    /// The best setting is within one point of the best simple model, and of what few directions cost.
    /// `lost`: what may be lost besides.
    fn near_the_best(&self, lost: f64) -> Criterion {
        let (reference, name) = self.reference();
        let more = if lost > 0.0 {
            let points = 100.0 * lost;
            format!(" and the {points:.1} points that few directions cost")
        } else {
            String::new()
        };
        Criterion::Best {
            bound: self.bound(reference - self.point() - lost),
            why: format!(
                "within one point, or one held-out sample,{more} of {name}, {reference:.4}"
            ),
        }
    }

    /// A line of rates, as shares of the one that learned.
    fn rates(&self, shares: &[f64]) -> String {
        let rates: Vec<String> = shares
            .iter()
            .map(|share| sweep::float_text(sweep::round_15(share * self.recipe.rate)))
            .collect();
        format!("\"optimizer.rate\" = [{}]\n", rates.join(", "))
    }

    fn on_few(&self) -> Networks {
        Networks {
            k: self.k,
            width: self.small_width(),
            steps: self.recipe.steps,
            verify: 0,
        }
    }

    fn on_all(&self, verify: u64) -> Networks {
        Networks {
            k: self.rank(),
            width: self.wide_width(),
            steps: self.recipe.steps,
            verify,
        }
    }

    fn check(&self) -> (Stage, String) {
        let majority = self.majority();
        let learns = Criterion::Best {
            bound: self.bound(majority + limits::CLEARLY),
            why: format!("clearly above the same answer for every sample, {majority:.4}"),
        };
        self.stage(
            (
                "1-check",
                "do the data read, and does a small network learn at all",
            ),
            vec![Criterion::NoFailures, learns],
            (&self.rates(&[1.0]), 1, 2),
            self.on_few(),
        )
    }

    fn small(&self) -> (Stage, String) {
        let scale = self.recipe.scale;
        let axes = format!(
            "\"init.kind\" = [\"orthogonal\", \"uniform\"]\n\"init.scale\" = [{}, {}]\n{}",
            sweep::float_text(0.5 * scale),
            sweep::float_text(scale),
            self.rates(&[0.5, 1.0, 2.0])
        );
        self.stage(
            (
                "2-small",
                "the small model: a search over start, scale and rate",
            ),
            vec![Criterion::NoFailures, self.near_the_best(self.lost)],
            (&axes, 12, 2),
            self.on_few(),
        )
    }

    fn verify(&self) -> (Stage, String) {
        let verify = if self.is_reducible() { VERIFY } else { 0 };
        let most = limits::TOLERATED + self.lost;
        let mut criteria = vec![Criterion::NoFailures];
        if verify > 0 {
            criteria.push(Criterion::Verified);
        }
        criteria.push(Criterion::Near {
            stage: "2-small".to_owned(),
            bound: self.distance(most),
            why: format!("the small model may lose {:.1} points", 100.0 * most),
        });
        self.stage(
            (
                "3-verify",
                "the wide network on all directions, against the small model",
            ),
            criteria,
            (&self.rates(&[0.5, 1.0, 2.0]), 3, 2),
            self.on_all(verify),
        )
    }

    fn scale(&self) -> (Stage, String) {
        let steady = Criterion::Spread {
            bound: self.distance(STEADY),
        };
        self.stage(
            (
                "4-scale",
                "the wide network on all directions, from many starts",
            ),
            vec![Criterion::NoFailures, self.near_the_best(0.0), steady],
            (&self.rates(&[0.5, 1.0]), 2, 5),
            self.on_all(0),
        )
    }

    /// A sweep with its criteria. `axes`: without replicates, how many settings they are, and the replicates.
    fn stage(
        &self,
        (name, title): (&str, &str),
        criteria: Vec<Criterion>,
        (axes, settings, replicates): (&str, u64, u64),
        networks: Networks,
    ) -> (Stage, String) {
        let Networks {
            k,
            width,
            steps,
            verify,
        } = networks;
        let trials = settings * replicates;
        let mut text = format!(
            "# Stage {name} of a plan of `parsimony diagnose`: {title}.\n# {SAMPLES} holds the samples along their singular \
             directions, training rows first; columns 0..{k} are the first {k} directions.\n"
        );
        // A String takes whatever is written to it.
        let _ = write!(
            text,
            "name = \"{name}\"\nseed = 1\n\n[axes]\n{axes}\"replicate\" = {{ range = [0, {replicates}] }}\n"
        );
        text += &self.problem(k);
        let depth = self.diagnosis.proposal.depth;
        let _ = write!(text, "\n[network]\ndepth = {depth}\n");
        if depth > 1 {
            let _ = writeln!(text, "width = {width}");
        }
        text += "\n[init]\n";
        if !axes.contains("init.kind") {
            text += "kind = \"orthogonal\"\n";
        }
        if !axes.contains("init.scale") {
            let _ = writeln!(text, "scale = {}", sweep::float_text(self.recipe.scale));
        }
        let _ = write!(text, "\n[train]\nsteps = {steps}\nverify = {verify}\n");
        if (1..self.staged.train).contains(&self.recipe.batch) {
            let _ = writeln!(text, "batch = {}", self.recipe.batch);
        }
        let _ = write!(
            text,
            "\n[optimizer]\nkind = \"momentum\"\nmomentum = {}\n\n[measure]\nevery = {}\nmetrics = [\"train_loss\", \"test_loss\"]\n",
            sweep::float_text(self.recipe.momentum),
            steps.div_ceil(10)
        );
        let stage = Stage {
            name: name.to_owned(),
            title: title.to_owned(),
            trials,
            criteria,
        };
        (stage, text)
    }

    fn problem(&self, k: usize) -> String {
        let (rank, train, count) = (self.rank(), self.staged.train, self.count());
        let outputs = self.staged.answers.nrows();
        let (kind, key, last) = match self.held.score {
            Score::Accuracy => ("classification", "labels", rank + 1),
            Score::Explained | Score::Energy => ("regression", "targets", rank + outputs),
        };
        let loss = self.recipe.loss.name();
        let whiten = self.diagnosis.preparation.whiten;
        format!(
            "\n[problem]\nkind = \"{kind}\"\ninputs = {{ file = \"{SAMPLES}\", columns = \"0..{k}\" }}\n{key} = {{ file = \
             \"{SAMPLES}\", columns = \"{rank}..{last}\" }}\nsamples = {{ range = [0, {train}] }}\ntest = {{ range = [{train}, \
             {count}] }}\nloss = \"{loss}\"\nwhiten = {whiten}\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_one_field() {
        let check = |name: &str, expected: &str| assert_eq!(field(name), expected);
        check("age", "age");
        check("age, years", "\"age, years\"");
        check("5\" pipe", "\"5\"\" pipe\"");
    }

    #[test]
    fn the_means_of_the_targets_are_a_row_each() {
        assert_eq!(target_means(&[100.25, -3.0]), "shift\n100.25\n-3\n");
    }
}
