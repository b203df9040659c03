//! The price of truncation: baselines, a rate that learns, the width to compare with, and a row for each number of
//! directions, all on the same seeded splits.

use rayon::prelude::*;

use super::answer::{
    Balance, Baseline, BaselineKind, Price, Question, RateTried, Recipe, Score, WidthTried, mean,
};
use super::found::HeldOut;
use super::linear::{least_squares, majority};
use super::logistic::{PENALTIES, is_affordable, logistic};
use super::matrix::matrix;
use super::prepared::{Part, Prepared, Table, prepared_inputs};
use super::split::split;
use super::training::{Shape, Trained};
use super::verdict::{
    Case, Doubt, Heavy, Verdict, difference, few, is_nothing, limits, standard_error,
};
use crate::config::{EngineChoice, Given, Loss, Trial};
use crate::data::Parts;
use crate::diagnose::report::{DataSpectrum, Subject};
use crate::diagnose::spectrum::{spectrum, spectrum_of};
use crate::engine::plan;
use crate::engines::EngineKind;
use crate::error::TrialError;
use crate::run::Clock;

/// Seed of the splits; split `i` has this seed plus `i`.
pub(super) const SEED: u64 = 0x5eed;

/// Looks at held-out samples, or at what a matrix loses. Networks are trained, for some seconds.
///
/// # Errors
/// As [`crate::diagnose::diagnose`].
pub fn held_out(
    subject: &Subject,
    question: &Question,
    clock: Clock<'_>,
) -> Result<HeldOut, TrialError> {
    let Some((table, score)) = table_of(subject) else {
        return Ok(matrix(subject, &spectrum(subject)?, question));
    };
    let mut found = Samples::new(table, score, question);
    if let Some(doubt) = found.refusal() {
        return Ok(found.without_training(doubt));
    }
    found.look(clock)
}

/// The samples, and what they are judged by; `None` for a matrix.
pub(super) fn table_of(subject: &Subject) -> Option<(Table<'_>, Score)> {
    let (inputs, answers, score) = match subject {
        Subject::Matrix(_) => return None,
        Subject::Labelled { inputs, classes } => (inputs, classes, Score::Accuracy),
        Subject::Paired { inputs, targets } => (inputs, targets, Score::Explained),
    };
    let table = Table {
        X: inputs.0.view(),
        Y: answers.0.view(),
        classes: matches!(score, Score::Accuracy).then(|| classes_of(answers)),
    };
    Some((table, score))
}

/// The split of this seed, of all samples or of a training part.
pub(super) fn parts_of(table: &Table<'_>, seed: u64) -> Parts {
    let classes = table.classes.as_deref();
    split(classes, table.count(), limits::HELD_OUT, seed)
}

/// The class of each sample.
fn classes_of(one_hot: &Given) -> Vec<usize> {
    let class = |column: ndarray::ArrayView1<'_, f64>| {
        let found = column.iter().position(|&value| value != 0.0);
        found.unwrap_or(0)
    };
    one_hot.0.columns().into_iter().map(class).collect()
}

/// Samples that are looked at.
struct Samples<'a> {
    table: Table<'a>,
    score: Score,
    question: &'a Question,
    balance: Option<Balance>,
}

/// The splits of the samples, and splits of the first one's training part on which the rate is chosen.
struct Splits {
    all: Vec<Prepared>,
    choosing: Vec<Prepared>,
    /// Directions that every split has.
    rank: usize,
}

impl<'a> Samples<'a> {
    fn new(table: Table<'a>, score: Score, question: &'a Question) -> Samples<'a> {
        let balance = table.classes.as_ref().map(|classes| {
            let mut counts = vec![0; table.Y.nrows()];
            for &class in classes {
                counts[class] += 1;
            }
            Balance { counts }
        });
        Samples {
            table,
            score,
            question,
            balance,
        }
    }

    /// What rules training out.
    fn refusal(&self) -> Option<Doubt> {
        let found = self.table.count();
        if found < limits::SAMPLES {
            let wanted = limits::SAMPLES;
            return Some(Doubt::FewSamples { found, wanted });
        }
        if let Some(doubt) = too_large(self.table.X.dim()) {
            return Some(doubt);
        }
        let is_one_class = self
            .balance
            .as_ref()
            .is_some_and(|balance| balance.majority() >= 1.0);
        let is_constant = |row: ndarray::ArrayView1<'_, f64>| row.iter().all(|&y| y == row[0]);
        let is_flat = matches!(self.score, Score::Explained)
            && self.table.Y.rows().into_iter().all(is_constant);
        if is_one_class || is_flat {
            return Some(Doubt::NothingToLearn);
        }
        let classes = self.table.Y.nrows();
        self.holds_nothing_out()
            .then_some(Doubt::NothingHeldOut { classes })
    }

    /// Whether classes are so small that a split, or a split of its training part, has no test sample. How many there
    /// are depends on the sizes of the classes alone, so one split speaks for all.
    fn holds_nothing_out(&self) -> bool {
        let parts = parts_of(&self.table, SEED);
        let of_train = self.table.classes.as_ref().map(|classes| {
            let of = parts.train.iter().map(|&at| classes[at]);
            of.collect::<Vec<usize>>()
        });
        let inner = split(
            of_train.as_deref(),
            parts.train.len(),
            limits::HELD_OUT,
            SEED,
        );
        parts.test.is_empty() || inner.test.is_empty()
    }

    fn without_training(&self, doubt: Doubt) -> HeldOut {
        HeldOut {
            score: self.score,
            splits: 0,
            train: 0,
            test: 0,
            balance: self.balance.clone(),
            baselines: Vec::new(),
            recipe: None,
            rates: Vec::new(),
            width: self.question.width.unwrap_or_else(|| self.table.Y.nrows()),
            width_is_given: self.question.width.is_some(),
            widths: Vec::new(),
            prices: Vec::new(),
            wide: None,
            verdict: Verdict::CannotTell(doubt),
        }
    }

    fn look(&mut self, clock: Clock<'_>) -> Result<HeldOut, TrialError> {
        let splits = self.splits()?;
        let baselines = self.baselines(&splits);
        // The best that a linear model of this loss can do.
        let yardstick = if self.loss().is_quadratic() {
            BaselineKind::LeastSquares
        } else {
            BaselineKind::Logistic
        };
        let (train, test) = (splits.all[0].train.count(), splits.all[0].test.count());
        let mut search = Search {
            splits: &splits,
            shape: self.shape(splits.rank + self.table.Y.nrows()),
            recipe: self.recipe(),
            clock,
        };
        let candidates = self.candidates(&splits, search.shape.width);
        search.shape.width = self.question.width.unwrap_or_else(|| {
            let affordable = |width: &usize| search.is_affordable(*width, splits.rank);
            let found = candidates.iter().copied().rfind(affordable);
            found.unwrap_or(candidates[0])
        });
        let spectrum = self.spectrum()?;
        let inputs = self.table.X.nrows();
        let levels = levels(&spectrum, splits.rank, few(inputs.min(train)));
        let rates = search.choose_rate(&levels)?;
        let mut widths = Vec::new();
        if self.question.width.is_none() && self.question.depth > 1 {
            widths = search.widths(&candidates)?;
            search.shape.width = narrowest(&widths, train, test).unwrap_or(search.shape.width);
        }
        let prices = search.prices(&levels)?;
        let case = Case {
            inputs,
            train,
            test,
            steps: search.recipe.steps,
            baselines: &baselines,
            prices: &prices,
            yardstick,
        };
        let verdict = case.judge();
        let mut wide = search.shape.trial(&search.recipe, &splits.all[0], None);
        wide.train.engine = EngineChoice::Full;
        Ok(HeldOut {
            score: self.score,
            splits: splits.all.len(),
            train,
            test,
            balance: self.balance.clone(),
            baselines,
            recipe: Some(search.recipe),
            rates,
            width: search.shape.width,
            width_is_given: self.question.width.is_some(),
            widths,
            prices,
            wide: Some(wide),
            verdict,
        })
    }

    fn splits(&self) -> Result<Splits, TrialError> {
        let table = &self.table;
        let preparation = self.question.preparation;
        let all = (0..limits::SPLITS)
            .into_par_iter()
            .map(|number| Prepared::new(table, &parts_of(table, SEED + number as u64), preparation))
            .collect::<Result<Vec<Prepared>, TrialError>>()?;
        let inner = all[0].train.table();
        let choosing = (0..limits::RATE_SPLITS)
            .into_par_iter()
            .map(|number| {
                let own = parts_of(&inner, SEED + number as u64);
                // Prepared once already.
                Prepared::new(&inner, &own, super::Preparation::default())
            })
            .collect::<Result<Vec<Prepared>, TrialError>>()?;
        let ranks = all.iter().map(|split| split.directions.ncols());
        let rank = ranks.min().unwrap_or(1);
        Ok(Splits {
            all,
            choosing,
            rank,
        })
    }

    fn spectrum(&self) -> Result<DataSpectrum, TrialError> {
        spectrum_of(prepared_inputs(self.table.X, self.question.preparation).view())
    }

    /// Squared losses of classes stay some points below the cross-entropy.
    fn loss(&self) -> Loss {
        match self.score {
            Score::Accuracy => Loss::CrossEntropy,
            Score::Explained | Score::Energy => Loss::Mean,
        }
    }

    fn shape(&self, width: usize) -> Shape {
        Shape {
            depth: self.question.depth,
            width,
            score: self.score,
            whiten: self.question.preparation.whiten,
        }
    }

    fn recipe(&self) -> Recipe {
        Recipe {
            loss: self.loss(),
            momentum: limits::MOMENTUM,
            rate: 0.0,
            scale: self.question.scale,
            steps: self.question.steps.unwrap_or(limits::STEPS),
            // A squared loss is folded into as many samples as there are directions.
            batch: if self.loss().is_quadratic() {
                0
            } else {
                limits::BATCH
            },
        }
    }

    /// Widths to choose from: the narrowest that holds any linear map of the data, doubled until the core is complete. A
    /// network any wider is exactly the same one.
    fn candidates(&self, splits: &Splits, widest: usize) -> Vec<usize> {
        let narrowest = self.table.Y.nrows().min(splits.rank).max(1);
        let doubled = std::iter::successors(Some(narrowest), |width| Some(2 * width));
        let mut all: Vec<usize> = doubled.take_while(|&width| width < widest).collect();
        all.push(widest);
        all
    }

    fn baselines(&self, splits: &Splits) -> Vec<Baseline> {
        let of = |kind, fit: &(dyn Fn(&Prepared) -> Option<f64> + Sync)| {
            let scores: Option<Vec<f64>> = splits.all.par_iter().map(fit).collect();
            scores.map(|scores| Baseline {
                kind,
                scores,
                penalty: None,
            })
        };
        let score = self.score;
        let mut found = vec![
            of(BaselineKind::Majority, &|split| {
                Some(majority(score, &split.train, &split.test))
            }),
            of(BaselineKind::LeastSquares, &|split| {
                least_squares(score, &split.train, &split.test)
            }),
        ];
        let fits = splits.all.len() * (1 + PENALTIES.len());
        let (d, classes) = (self.table.X.nrows(), self.table.Y.nrows());
        let has_classes = self.table.classes.is_some();
        if has_classes && is_affordable(d, classes, self.table.count(), fits) {
            found.push(logistics(&splits.all));
        }
        found.into_iter().flatten().collect()
    }
}

/// What makes samples of `d x n` numbers too many.
pub(super) fn too_large((d, n): (usize, usize)) -> Option<Doubt> {
    let (small, large) = (d.min(n) as f64, d.max(n) as f64);
    let bounds = [
        (Heavy::Samples, small * large, limits::NUMBERS),
        (
            Heavy::Decomposition,
            small * small * large,
            limits::DECOMPOSITION,
        ),
    ];
    let over = bounds.into_iter().find(|(_, found, limit)| found > limit);
    over.map(|(what, found, limit)| Doubt::TooLarge { what, found, limit })
}

/// The logistic regression on every split, each with a penalty of its own.
pub(super) fn logistics(splits: &[Prepared]) -> Option<Baseline> {
    let penalties: Vec<f64> = splits
        .par_iter()
        .map(|split| penalty(&split.train))
        .collect();
    let of = |(split, &penalty): (&Prepared, &f64)| logistic(&split.train, &split.test, penalty);
    let scores: Option<Vec<f64>> = splits.par_iter().zip(&penalties).map(of).collect();
    scores.map(|scores| Baseline {
        kind: BaselineKind::Logistic,
        scores,
        penalty: penalties.first().copied(),
    })
}

/// The penalty that does best on a part of the training samples; of equals the strongest.
pub(super) fn penalty(train: &Part) -> f64 {
    let table = train.table();
    let parts = parts_of(&table, SEED);
    let (fitted, judged) = (table.part(&parts.train), table.part(&parts.test));
    let tried = PENALTIES.par_iter().map(|&penalty| {
        let accuracy = logistic(&fitted, &judged, penalty);
        (accuracy.unwrap_or(0.0), penalty)
    });
    let tried: Vec<(f64, f64)> = tried.collect();
    let best = tried
        .iter()
        .copied()
        .fold((-1.0, PENALTIES[0]), |best, next| {
            if next.0 >= best.0 { next } else { best }
        });
    best.1
}

/// Shares of the energy with the directions that carry them, the most directions that count as few, and all directions.
fn levels(spectrum: &DataSpectrum, rank: usize, few: usize) -> Vec<(Option<f64>, usize)> {
    let of = |share: f64| (Some(share), spectrum.carrying(share).clamp(1, rank));
    let mut levels: Vec<(Option<f64>, usize)> = limits::SHARES.into_iter().map(of).collect();
    let is_listed = levels.iter().any(|&(_, k)| k == few);
    if (1..rank).contains(&few) && !is_listed {
        let after = levels.iter().filter(|&&(_, k)| k < few).count();
        levels.insert(after, (Some(spectrum.kept(few)), few));
    }
    levels.push((None, rank));
    levels
}

/// The narrowest width that loses nothing against the best.
fn narrowest(widths: &[WidthTried], train: usize, test: usize) -> Option<usize> {
    let best = widths
        .iter()
        .max_by(|a, b| {
            let of = |tried: &WidthTried| mean(&tried.scores).unwrap_or(0.0);
            of(a).total_cmp(&of(b))
        })?
        .scores
        .clone();
    let loses_nothing = |tried: &&WidthTried| {
        let (lost, _) = difference(&best, &tried.scores, train, test);
        is_nothing(lost, standard_error(&best, train, test), test)
    };
    widths.iter().find(loses_nothing).map(|tried| tried.width)
}

/// The first rate, of ascending ones, whose loss is within one standard error of the least: of rates that do equally
/// well the smallest diverges last. `losses`: of each rate, one a split; none where it diverges.
pub(super) fn calmest(losses: &[Vec<f64>], train: usize, test: usize) -> Option<usize> {
    let learned = losses.iter().filter_map(|own| Some((mean(own)?, own)));
    let (_, best) = learned.min_by(|a, b| a.0.total_cmp(&b.0))?;
    losses.iter().position(|own| {
        let (more, error) = difference(own, best, train, test);
        !own.is_empty() && more <= error
    })
}

/// Training on the splits.
struct Search<'a> {
    splits: &'a Splits,
    shape: Shape,
    recipe: Recipe,
    clock: Clock<'a>,
}

impl Search<'_> {
    fn planned(&self, trial: &Trial) -> f64 {
        plan(trial).flops_per_step * self.recipe.steps as f64
    }

    /// The network on `k` directions: of the width asked for where the reduced engine trains its core, else no wider than
    /// that core, `k` and the outputs.
    fn on(&self, width: usize, k: usize) -> Shape {
        let shape = Shape {
            width,
            ..self.shape
        };
        let choosing = &self.splits.choosing[0];
        let outputs = choosing.train.Y.nrows();
        let trial = shape.trial(&self.recipe, choosing, Some(k));
        match plan(&trial).engine {
            EngineKind::Reduced => shape,
            EngineKind::Full | EngineKind::Factored | EngineKind::Projected => Shape {
                width: width.min(k + outputs),
                ..shape
            },
        }
    }

    fn is_affordable(&self, width: usize, k: usize) -> bool {
        let trial = self
            .on(width, k)
            .trial(&self.recipe, &self.splits.choosing[0], Some(k));
        self.planned(&trial) <= limits::RUN_FLOPS
    }

    /// Tries rates on the most directions that are affordable, on a few splits of the first training part: the largest
    /// rate that learns on one of them may diverge on the next.
    fn choose_rate(
        &mut self,
        levels: &[(Option<f64>, usize)],
    ) -> Result<Vec<RateTried>, TrialError> {
        let affordable = |(_, k): &(Option<f64>, usize)| self.is_affordable(self.shape.width, *k);
        let Some((_, k)) = levels.iter().copied().rfind(affordable) else {
            return Ok(Vec::new());
        };
        let bound = 2.0 / self.curvature();
        let (tried, losses): (Vec<RateTried>, Vec<Vec<f64>>) = limits::RATES
            .into_par_iter()
            .map(|share| self.try_rate(three_digits(share * bound), k))
            .collect::<Result<Vec<(RateTried, Vec<f64>)>, TrialError>>()?
            .into_iter()
            .unzip();
        let inner = &self.splits.choosing[0];
        let chosen = calmest(&losses, inner.train.count(), inner.test.count());
        // Where every rate diverges, the smallest is the one to go on from.
        let rate = tried.get(chosen.unwrap_or(0)).map(|tried| tried.rate);
        self.recipe.rate = rate.unwrap_or(0.0);
        Ok(tried)
    }

    /// A rate with its losses, one an inner split; none where it diverges on one of them.
    fn try_rate(&self, rate: f64, k: usize) -> Result<(RateTried, Vec<f64>), TrialError> {
        let recipe = Recipe {
            rate,
            ..self.recipe
        };
        let shape = self.on(self.shape.width, k);
        let (mut scores, mut losses) = (Vec::new(), Vec::new());
        for split in &self.splits.choosing {
            let trained = shape.train(&recipe, split, k, self.clock)?;
            let Some(score) = trained.score.filter(|_| trained.loss.is_finite()) else {
                return Ok((RateTried { rate, score: None }, Vec::new()));
            };
            scores.push(score);
            losses.push(trained.loss);
        }
        let score = mean(&scores);
        Ok((RateTried { rate, score }, losses))
    }

    /// An estimate of the largest curvature at the start, `c (2 L - 1) eps^(2 L - 2) lambda`, `lambda` the largest
    /// eigenvalue of the inputs' second moment. A small start grows, so eps counts as at least 0.7.
    fn curvature(&self) -> f64 {
        let choosing = &self.splits.choosing[0];
        let train = &choosing.train;
        let (leading, _) = choosing.projected(1);
        let lambda = if self.shape.whiten {
            1.0
        } else {
            leading.iter().map(|x| x * x).sum()
        };
        let scale = self.recipe.loss.scale(train.Y.nrows(), train.count());
        // No curvature of a softmax is larger than a half.
        let c = if self.recipe.loss.is_quadratic() {
            scale
        } else {
            0.5 * scale
        };
        let (depth, eps) = (self.shape.depth as f64, self.recipe.scale.abs().max(0.7));
        let found = c * (2.0 * depth - 1.0) * eps.powf(2.0 * depth - 2.0) * lambda;
        found.max(f64::MIN_POSITIVE)
    }

    /// Trains on every split; empty where a run takes too long.
    fn on_all(&self, k: usize) -> Result<Vec<Trained>, TrialError> {
        if self.recipe.rate == 0.0 || !self.is_affordable(self.shape.width, k) {
            return Ok(Vec::new());
        }
        let shape = self.on(self.shape.width, k);
        let splits = self.splits.all.par_iter();
        let one = |split| shape.train_calmly(&self.recipe, split, k, self.clock);
        splits.map(one).collect()
    }

    fn widths(&mut self, candidates: &[usize]) -> Result<Vec<WidthTried>, TrialError> {
        let asked = self.shape.width;
        let mut found = Vec::new();
        for &width in candidates {
            self.shape.width = width;
            let trained = self.on_all(self.splits.rank)?;
            if !trained.is_empty() {
                let scores = scores(&trained);
                found.push(WidthTried { width, scores });
            }
        }
        self.shape.width = asked;
        Ok(found)
    }

    fn prices(&self, levels: &[(Option<f64>, usize)]) -> Result<Vec<Price>, TrialError> {
        let mut prices: Vec<Price> = Vec::with_capacity(levels.len());
        for &(share, k) in levels {
            let next = match prices.last() {
                // The same directions are the same networks.
                Some(last) if last.k == k => Price {
                    share,
                    ..last.clone()
                },
                _ => self.price(share, k)?,
            };
            prices.push(next);
        }
        Ok(prices)
    }

    fn price(&self, share: Option<f64>, k: usize) -> Result<Price, TrialError> {
        let trained = self.on_all(k)?;
        let shape = self.on(self.shape.width, k);
        let trial = shape.trial(&self.recipe, &self.splits.all[0], Some(k));
        let plan = plan(&trial);
        let outputs = trial.problem.outputs_dim;
        let planned = plan
            .core_width
            .and_then(|width| usize::try_from(width).ok());
        let found = trained.iter().filter_map(|run| run.core_width).max();
        let core = found
            .or(planned)
            .unwrap_or_else(|| self.shape.width.min(k + outputs));
        let depth = self.shape.depth;
        let numbers = match depth {
            1 => k * outputs,
            _ => k * core + core * core * (depth - 2) + core * outputs,
        };
        let inputs = self.splits.all[0].directions.nrows();
        let seconds: Vec<f64> = trained.iter().map(|run| run.seconds).collect();
        Ok(Price {
            share,
            k,
            core_width: (depth > 1).then_some(core),
            scores: scores(&trained),
            diverged: trained.iter().filter(|run| run.score.is_none()).count(),
            flops_per_step: plan.flops_per_step,
            steps: self.recipe.steps,
            measured_seconds: mean(&seconds),
            bytes: 8.0 * (numbers + inputs * k) as f64,
            trial,
        })
    }
}

/// A run that diverged has learned nothing.
fn scores(trained: &[Trained]) -> Vec<f64> {
    trained.iter().map(|run| run.score.unwrap_or(0.0)).collect()
}

/// A rate that a person can read, close enough.
fn three_digits(rate: f64) -> f64 {
    format!("{rate:.2e}").parse().unwrap_or(rate)
}
