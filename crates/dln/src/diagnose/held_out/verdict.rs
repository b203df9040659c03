//! From scores to one of four answers, with the numbers that decide it.

use super::answer::{Baseline, BaselineKind, Price, deviation, mean};

/// What decides, each with its reason.
pub mod limits {
    /// Seeded splits. Fewer leave the spread unknown; more cost time and share most of their samples.
    pub const SPLITS: usize = 5;
    /// Share of the samples that a split holds out.
    pub const HELD_OUT: f64 = 0.25;
    /// Fewest samples: with ten held out, one sample moves the accuracy by ten points.
    pub const SAMPLES: usize = 40;
    /// Points above the majority (0.02) that count as learning, beyond two standard errors.
    pub const CLEARLY: f64 = 0.02;
    /// A network that stays this far (0.03) below the best baseline of its kind has not learned what the data hold, so
    /// that its figures say nothing about the data.
    pub const LEARNED_WITHIN: f64 = 0.03;
    /// The largest loss (0.02) that counts as none, however large the standard error is: few samples must not make every
    /// loss look like noise.
    pub const TOLERATED: f64 = 0.02;
    /// The largest loss (0.05) that is a price; a larger one is a failure.
    pub const PRICE: f64 = 0.05;
    /// Most directions, as a share of all, that count as few: at two thirds products cost less than a third.
    pub const FEW: f64 = 2.0 / 3.0;
    /// Energy of a matrix that has to be kept for nothing to be lost but noise.
    pub const KEPT: f64 = 0.9;
    /// Updates of a network: rates that need more are refused by the search.
    pub const STEPS: u64 = 500;
    /// Samples a step of the cross-entropy, which cannot be folded: some twenty epochs of 1,500 samples.
    pub const BATCH: usize = 64;
    /// Of the heavy ball: a tenth of the steps of plain descent on data whose directions differ in size.
    pub const MOMENTUM: f64 = 0.9;
    /// Products of one training run at most: about a second on a core. Rows beyond it are not trained.
    pub const RUN_FLOPS: f64 = 1e10;
    /// Rates that are tried, as shares of the one at which plain descent from the start rises at once. Weights grow, so
    /// the small ones are needed, the smallest on data without a leading direction; momentum allows the largest.
    pub const RATES: [f64; 5] = [1.0 / 128.0, 1.0 / 32.0, 0.125, 0.5, 1.0];
    /// Splits of a training part on which the rate is chosen: the largest rate that learns on one of them may diverge on
    /// the next.
    pub const RATE_SPLITS: usize = 5;
    /// Times that a run that diverges is trained again, each time at a quarter of the rate.
    pub const CALMER: usize = 3;
    /// Shares of the energy of the table.
    pub const SHARES: [f64; 5] = [0.8, 0.9, 0.95, 0.99, 0.999];
    /// Numbers of all samples at most (5e7): the splits are some nine copies, 4 GB.
    pub const NUMBERS: f64 = 5e7;
    /// Products of a decomposition of the samples at most, the smaller side squared times the larger: of each of the
    /// ten splits about half a minute on a core.
    pub const DECOMPOSITION: f64 = 1e11;
}

/// The numbers behind a verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numbers {
    /// Directions.
    pub k: usize,
    /// Directions that there could be: inputs, or training samples where they are fewer; the smaller side of a matrix.
    pub of: usize,
    /// Mean score on `k` directions.
    pub score: f64,
    /// Mean score of what it is compared with.
    pub best: f64,
    /// `best - score`.
    pub lost: f64,
    /// Standard error of `best`.
    pub standard_error: f64,
}

/// What takes too much of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heavy {
    /// Products of one training run.
    Run,
    /// Numbers of the samples.
    Samples,
    /// Products of the decomposition of the samples.
    Decomposition,
}

/// Why nothing can be said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Doubt {
    /// Too few samples for held-out figures.
    FewSamples { found: usize, wanted: usize },
    /// No network is clearly better than the same answer for every sample.
    NothingLearned {
        score: f64,
        majority: f64,
        /// The best baseline.
        baseline: f64,
    },
    /// The network stays below a simple model.
    Behind {
        score: f64,
        baseline: f64,
        kind: BaselineKind,
        steps: u64,
    },
    /// A network that decides the answer, or the samples themselves, are too large.
    TooLarge { what: Heavy, found: f64, limit: f64 },
    /// Training diverged where the answer needs it, even at smaller rates.
    Diverged { k: usize },
    /// There is one class, or all targets are equal.
    NothingToLearn,
    /// So few samples have a class in common that none can be held out.
    NothingHeldOut { classes: usize },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The network on `k` directions is as good as the one on all.
    SmallIsEnough(Numbers),
    /// Few directions cost some points.
    SmallCosts(Numbers),
    /// Every small number of directions loses too much.
    NotLowDimensional(Numbers),
    CannotTell(Doubt),
}

impl Verdict {
    /// A word for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::SmallIsEnough(_) => "small_is_enough",
            Verdict::SmallCosts(_) => "small_costs",
            Verdict::NotLowDimensional(_) => "not_low_dimensional",
            Verdict::CannotTell(_) => "cannot_tell",
        }
    }

    pub fn numbers(&self) -> Option<Numbers> {
        match self {
            Verdict::SmallIsEnough(numbers)
            | Verdict::SmallCosts(numbers)
            | Verdict::NotLowDimensional(numbers) => Some(*numbers),
            Verdict::CannotTell(_) => None,
        }
    }

    /// The directions that a small model should use.
    pub fn directions(&self) -> Option<usize> {
        match self {
            Verdict::SmallIsEnough(numbers) | Verdict::SmallCosts(numbers) => Some(numbers.k),
            Verdict::NotLowDimensional(_) | Verdict::CannotTell(_) => None,
        }
    }
}

/// Mean of paired differences and its standard error.
///
/// # Source
/// Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52 (2003): splits of the same samples
/// are not independent, so the variance has `1/J + n_test/n_train` in place of `1/J`.
pub(super) fn difference(a: &[f64], b: &[f64], train: usize, test: usize) -> (f64, f64) {
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let error = standard_error(&differences, train, test);
    (mean(&differences).unwrap_or(0.0), error)
}

/// Standard error of a mean over splits; see [`difference`].
pub(super) fn standard_error(values: &[f64], train: usize, test: usize) -> f64 {
    let splits = values.len().max(1) as f64;
    let inflated = 1.0 / splits + test as f64 / train.max(1) as f64;
    deviation(values) * inflated.sqrt()
}

/// Whether a loss is none: within one standard error of the best (Breiman, Friedman, Olshen and Stone, "Classification
/// and Regression Trees", 1984, section 3.4.3), or less than one held-out sample is worth, and never above
/// [`limits::TOLERATED`].
pub(super) fn is_nothing(lost: f64, standard_error: f64, test: usize) -> bool {
    let sample = 1.0 / test.max(1) as f64;
    lost <= standard_error.max(sample).min(limits::TOLERATED)
}

/// Most directions that count as few, of all that there could be.
pub(super) fn few(of: usize) -> usize {
    // It is not negative and at most `of`.
    (limits::FEW * of as f64).floor() as usize
}

/// What the judge sees.
pub(super) struct Case<'a> {
    /// Inputs of a sample.
    pub(super) inputs: usize,
    pub(super) train: usize,
    pub(super) test: usize,
    pub(super) steps: u64,
    pub(super) baselines: &'a [Baseline],
    /// From the fewest directions to all.
    pub(super) prices: &'a [Price],
    /// The baseline that training should reach.
    pub(super) yardstick: BaselineKind,
}

impl Case<'_> {
    fn scores(&self, kind: BaselineKind) -> Option<&[f64]> {
        let found = self.baselines.iter().find(|baseline| baseline.kind == kind);
        found.map(|baseline| baseline.scores.as_slice())
    }

    /// The baseline that training should reach, else the best of the other models.
    fn yardstick(&self) -> Option<&Baseline> {
        let models = || self.baselines.iter().filter(|baseline| baseline.is_model());
        let asked = models().find(|baseline| baseline.kind == self.yardstick);
        asked.or_else(|| models().max_by(|a, b| a.mean().total_cmp(&b.mean())))
    }

    fn difference(&self, a: &[f64], b: &[f64]) -> (f64, f64) {
        difference(a, b, self.train, self.test)
    }

    pub(super) fn judge(&self) -> Verdict {
        let measured: Vec<&Price> = self.prices.iter().filter(|row| row.is_measured()).collect();
        let best = measured
            .iter()
            .max_by(|a, b| a.mean().unwrap_or(0.0).total_cmp(&b.mean().unwrap_or(0.0)));
        let Some(best) = best else {
            let diverged = self.prices.iter().find(|row| row.diverged > 0);
            let row = diverged.or(self.prices.first());
            return Verdict::CannotTell(row.map_or(Doubt::NothingToLearn, unmeasured));
        };
        if let Some(doubt) = self.doubt(&best.scores) {
            return Verdict::CannotTell(doubt);
        }
        // Where the network on all directions is too large to train or diverged, the baseline stands for it.
        let all = self.prices.last();
        let trained = all.filter(|row| row.is_measured()).map(|row| &row.scores);
        let reference = trained.or_else(|| Some(&self.yardstick()?.scores));
        match reference {
            Some(reference) => self.weigh(&measured, reference),
            None => Verdict::CannotTell(all.map_or(Doubt::NothingToLearn, unmeasured)),
        }
    }

    /// What keeps the figures from meaning anything.
    fn doubt(&self, best: &[f64]) -> Option<Doubt> {
        let score = mean(best)?;
        let majority = self.scores(BaselineKind::Majority).unwrap_or(&[]);
        let (above, error) = self.difference(best, majority);
        let baseline = self
            .baselines
            .iter()
            .filter_map(|baseline| mean(&baseline.scores))
            .fold(0.0, f64::max);
        if above <= limits::CLEARLY.max(2.0 * error) {
            return Some(Doubt::NothingLearned {
                score,
                majority: mean(majority).unwrap_or(0.0),
                baseline,
            });
        }
        let yardstick = self.yardstick()?;
        let (behind, error) = self.difference(&yardstick.scores, best);
        (behind > limits::LEARNED_WITHIN.max(error)).then_some(Doubt::Behind {
            score,
            baseline: yardstick.mean(),
            kind: yardstick.kind,
            steps: self.steps,
        })
    }

    /// The fewest directions that lose nothing, else what few directions lose.
    fn weigh(&self, measured: &[&Price], reference: &[f64]) -> Verdict {
        let of = self.inputs.min(self.train);
        let few = few(of);
        let best = mean(reference).unwrap_or(0.0);
        let standard_error = standard_error(reference, self.train, self.test);
        let numbers = |price: &Price| {
            let (lost, _) = self.difference(reference, &price.scores);
            Numbers {
                k: price.k,
                of,
                score: best - lost,
                best,
                lost,
                standard_error,
            }
        };
        let enough = measured
            .iter()
            .map(|price| numbers(price))
            .find(|found| is_nothing(found.lost, found.standard_error, self.test));
        if let Some(found) = enough.filter(|found| found.k <= few) {
            return Verdict::SmallIsEnough(found);
        }
        let small = measured.iter().filter(|price| price.k <= few);
        let cheapest = small
            .map(|price| numbers(price))
            .min_by(|a, b| a.lost.total_cmp(&b.lost));
        if let Some(found) = cheapest.filter(|found| found.lost <= limits::PRICE) {
            return Verdict::SmallCosts(found);
        }
        // That few directions lose more is known only if the most of them were measured.
        let most = self.prices.iter().rfind(|price| price.k <= few);
        if let Some(most) = most.filter(|price| !price.is_measured()) {
            return Verdict::CannotTell(unmeasured(most));
        }
        // If no measured number is enough, all directions are: they are what the others are compared with.
        let all = Numbers {
            k: self.prices.last().map_or(of, |price| price.k),
            of,
            score: best,
            best,
            lost: 0.0,
            standard_error,
        };
        Verdict::NotLowDimensional(enough.unwrap_or(all))
    }
}

/// Why a row has no figures.
fn unmeasured(row: &Price) -> Doubt {
    if row.diverged > 0 {
        return Doubt::Diverged { k: row.k };
    }
    Doubt::TooLarge {
        what: Heavy::Run,
        found: row.flops_per_step * row.steps as f64,
        limit: limits::RUN_FLOPS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Trial;
    use crate::data::fixture;

    fn some_trial() -> Trial {
        fixture::trial(fixture::factorization(2, 2, 1), &[2])
    }

    /// Rows of (directions, score); every split has the score, the odd ones a little more. A score that is not a number
    /// is a row that was not trained.
    fn prices(rows: &[(usize, f64)], spread: f64) -> Vec<Price> {
        rows.iter()
            .map(|&(k, score)| Price {
                share: None,
                k,
                core_width: Some(k),
                scores: (0..5)
                    .map(|at| score + if at % 2 == 0 { -spread } else { spread } * k as f64 / 10.0)
                    .filter(|score| !score.is_nan())
                    .collect(),
                diverged: 0,
                flops_per_step: 1.0,
                steps: 1,
                measured_seconds: None,
                bytes: 1.0,
                trial: some_trial(),
            })
            .collect()
    }

    #[track_caller]
    fn check(rows: &[(usize, f64)], spread: f64, majority: f64, logistic: f64) -> Verdict {
        let baselines = [
            (BaselineKind::Majority, majority),
            (BaselineKind::Logistic, logistic),
        ];
        judged(10, &prices(rows, spread), &baselines)
    }

    /// The verdict on samples of this number of inputs.
    fn judged(inputs: usize, prices: &[Price], baselines: &[(BaselineKind, f64)]) -> Verdict {
        let baseline = |&(kind, score): &(BaselineKind, f64)| Baseline {
            kind,
            scores: vec![score; 5],
            penalty: None,
        };
        let baselines: Vec<Baseline> = baselines.iter().map(baseline).collect();
        let case = Case {
            inputs,
            train: 300,
            test: 100,
            steps: 500,
            baselines: &baselines,
            prices,
            yardstick: BaselineKind::Logistic,
        };
        case.judge()
    }

    #[track_caller]
    fn doubt(verdict: Verdict) -> Doubt {
        match verdict {
            Verdict::CannotTell(doubt) => doubt,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn few_is_a_share_of_the_inputs_and_not_of_the_rank() {
        let rows = prices(&[(2, 0.5), (4, 0.8), (5, 0.95)], 0.0);
        let baselines = [
            (BaselineKind::Majority, 0.3),
            (BaselineKind::Logistic, 0.95),
        ];
        let verdict = judged(60, &rows, &baselines);
        assert_eq!(verdict.name(), "small_is_enough");
        let numbers = verdict.numbers().unwrap();
        assert_eq!((numbers.k, numbers.of), (5, 60));
        // Five inputs: five are all.
        let verdict = judged(5, &rows, &baselines);
        assert_eq!(verdict.name(), "not_low_dimensional");
        assert_eq!(few(1), 0);
    }

    #[test]
    fn what_few_directions_lose_is_measured_or_not_claimed() {
        // Three lose much, but six of ten are few too and were not trained.
        let rows = [(3, 0.5), (6, f64::NAN), (10, 0.95)];
        let found = doubt(check(&rows, 0.0, 0.3, 0.95));
        assert!(matches!(
            found,
            Doubt::TooLarge {
                what: Heavy::Run,
                ..
            }
        ));
        // No row is as good as the baseline, which stands for all ten: none of them is called enough.
        let mut rows = prices(&[(3, 0.5), (6, 0.7), (8, 0.93), (10, f64::NAN)], 0.0);
        let baselines = [
            (BaselineKind::Majority, 0.3),
            (BaselineKind::Logistic, 0.955),
        ];
        let verdict = judged(10, &rows, &baselines);
        assert_eq!(verdict.name(), "not_low_dimensional");
        let numbers = verdict.numbers().unwrap();
        assert_eq!((numbers.k, numbers.lost), (10, 0.0));
        // A row that diverged on a split is not measured.
        rows[1].diverged = 1;
        let found = doubt(judged(10, &rows, &baselines));
        assert_eq!(found, Doubt::Diverged { k: 6 });
    }

    #[test]
    fn a_reference_that_diverged_gives_way_to_the_baseline() {
        let mut rows = prices(&[(3, 0.5), (6, 0.948), (10, 0.76)], 0.0);
        rows[2].diverged = 1;
        let majority = (BaselineKind::Majority, 0.3);
        let verdict = judged(10, &rows, &[majority, (BaselineKind::Logistic, 0.95)]);
        assert_eq!(verdict.name(), "small_is_enough");
        assert_eq!(verdict.numbers().unwrap().best, 0.95);
        let found = doubt(judged(10, &rows, &[majority]));
        assert_eq!(found, Doubt::Diverged { k: 10 });
        // Nothing stands for a network that was not trained where there is no baseline either.
        let untrained = prices(&[(6, 0.9), (10, f64::NAN)], 0.0);
        let found = doubt(judged(10, &untrained, &[majority]));
        assert!(matches!(found, Doubt::TooLarge { .. }));
        let mut rows = prices(&[(6, 0.2)], 0.0);
        rows[0].diverged = 5;
        let found = doubt(judged(10, &rows, &[majority]));
        assert_eq!(found, Doubt::Diverged { k: 6 });
    }

    #[test]
    fn any_simple_model_checks_the_training() {
        let rows = prices(&[(3, 0.85), (6, 0.885), (10, 0.89)], 0.0);
        let majority = (BaselineKind::Majority, 0.63);
        let found = doubt(judged(
            10,
            &rows,
            &[majority, (BaselineKind::LeastSquares, 0.95)],
        ));
        assert!(matches!(
            found,
            Doubt::Behind {
                kind: BaselineKind::LeastSquares,
                ..
            }
        ));
        let verdict = judged(10, &rows, &[majority]);
        assert_eq!(verdict.name(), "small_is_enough");
    }

    #[test]
    fn the_four_answers() {
        let verdict = check(&[(3, 0.8), (6, 0.945), (10, 0.95)], 0.0, 0.3, 0.95);
        assert_eq!(verdict.directions(), Some(6));
        assert_eq!(verdict.name(), "small_is_enough");
        let verdict = check(&[(3, 0.8), (6, 0.92), (10, 0.95)], 0.0, 0.3, 0.95);
        assert_eq!(verdict.name(), "small_costs");
        assert!((verdict.numbers().unwrap().lost - 0.03).abs() < 1e-12);
        let verdict = check(&[(3, 0.5), (6, 0.7), (8, 0.8), (10, 0.95)], 0.0, 0.3, 0.95);
        assert_eq!(verdict.name(), "not_low_dimensional");
        assert_eq!(verdict.numbers().unwrap().k, 10);
        // As good as all on most directions, but most are not few.
        let verdict = check(&[(3, 0.5), (6, 0.7), (9, 0.95), (10, 0.95)], 0.0, 0.3, 0.95);
        assert_eq!(verdict.name(), "not_low_dimensional");
        assert_eq!(verdict.numbers().unwrap().k, 9);
    }

    #[test]
    fn figures_that_mean_nothing_are_refused() {
        // Under the majority, as a network at a useless rate is.
        let found = doubt(check(&[(3, 0.6), (10, 0.61)], 0.0, 0.63, 0.95));
        assert!(matches!(found, Doubt::NothingLearned { .. }));
        // Above it, but far from what a simple model reaches.
        let found = doubt(check(&[(3, 0.85), (10, 0.89)], 0.0, 0.63, 0.95));
        assert!(matches!(found, Doubt::Behind { .. }));
        // A spread that hides the distance to the majority.
        let found = doubt(check(&[(3, 0.6), (10, 0.7)], 0.2, 0.6, 0.6));
        assert!(matches!(found, Doubt::NothingLearned { .. }));
    }

    #[test]
    fn a_wide_spread_does_not_make_every_loss_nothing() {
        assert!(is_nothing(0.015, 0.3, 100));
        assert!(!is_nothing(0.03, 0.3, 100));
        assert!(is_nothing(0.009, 0.0, 100));
        assert!(!is_nothing(0.011, 0.0, 100));
    }

    #[test]
    fn the_standard_error_counts_shared_samples() {
        let (mean, error) = difference(&[1.0, 2.0, 3.0, 4.0], &[0.0; 4], 30, 10);
        assert!((mean - 2.5).abs() < 1e-15);
        let deviation = (5.0_f64 / 3.0).sqrt();
        assert!((error - deviation * (0.25_f64 + 1.0 / 3.0).sqrt()).abs() < 1e-15);
    }
}
