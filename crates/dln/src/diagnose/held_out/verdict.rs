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
    /// Splits on which each rate is tried, besides the one on which everything is chosen.
    pub const RATE_SPLITS: usize = 2;
    /// Times that a run that diverges is trained again, each time at a quarter of the rate.
    pub const CALMER: usize = 3;
    /// Shares of the energy of the table.
    pub const SHARES: [f64; 5] = [0.8, 0.9, 0.95, 0.99, 0.999];
}

/// The numbers behind a verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numbers {
    /// Directions.
    pub k: usize,
    /// All directions.
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
    /// Training even the smallest network takes too long.
    TooLarge { flops: f64, limit: f64 },
    /// There is one class, or all targets are equal.
    NothingToLearn,
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

/// What the judge sees.
pub(super) struct Case<'a> {
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

    fn difference(&self, a: &[f64], b: &[f64]) -> (f64, f64) {
        difference(a, b, self.train, self.test)
    }

    pub(super) fn judge(&self) -> Verdict {
        let trained: Vec<&Price> = self
            .prices
            .iter()
            .filter(|price| !price.scores.is_empty())
            .collect();
        let best = trained
            .iter()
            .max_by(|a, b| a.mean().unwrap_or(0.0).total_cmp(&b.mean().unwrap_or(0.0)));
        let Some(best) = best else {
            let first = self.prices.first();
            let flops = first.map_or(0.0, |price| price.flops_per_step * price.steps as f64);
            let limit = limits::RUN_FLOPS;
            return Verdict::CannotTell(Doubt::TooLarge { flops, limit });
        };
        if let Some(doubt) = self.doubt(&best.scores) {
            return Verdict::CannotTell(doubt);
        }
        // Where the network on all directions is too large to train, the baseline stands for it.
        let all = self.prices.last().map(|price| price.scores.as_slice());
        let reference = all
            .filter(|scores| !scores.is_empty())
            .or_else(|| self.scores(self.yardstick))
            .unwrap_or(&best.scores);
        self.weigh(&trained, reference)
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
        let yardstick = self.scores(self.yardstick)?;
        let (behind, error) = self.difference(yardstick, best);
        (behind > limits::LEARNED_WITHIN.max(error)).then_some(Doubt::Behind {
            score,
            baseline: mean(yardstick)?,
            kind: self.yardstick,
            steps: self.steps,
        })
    }

    /// The fewest directions that lose nothing, else what few directions lose.
    fn weigh(&self, trained: &[&Price], reference: &[f64]) -> Verdict {
        let of = self.prices.last().map_or(0, |price| price.k);
        let few = (limits::FEW * of as f64).floor() as usize;
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
        let enough = trained
            .iter()
            .map(|price| numbers(price))
            .find(|found| is_nothing(found.lost, found.standard_error, self.test));
        if let Some(found) = enough.filter(|found| found.k <= few) {
            return Verdict::SmallIsEnough(found);
        }
        let small = trained.iter().filter(|price| price.k <= few);
        let cheapest = small
            .map(|price| numbers(price))
            .min_by(|a, b| a.lost.total_cmp(&b.lost));
        match (cheapest, enough) {
            (Some(found), _) if found.lost <= limits::PRICE => Verdict::SmallCosts(found),
            (_, Some(found)) | (Some(found), None) => Verdict::NotLowDimensional(found),
            (None, None) => Verdict::NotLowDimensional(Numbers {
                k: of,
                of,
                score: best,
                best,
                lost: 0.0,
                standard_error: 0.0,
            }),
        }
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

    /// Rows of (directions, score); every split has the score, the odd ones a little more.
    fn prices(rows: &[(usize, f64)], spread: f64) -> Vec<Price> {
        rows.iter()
            .map(|&(k, score)| Price {
                share: None,
                k,
                core_width: Some(k),
                scores: (0..5)
                    .map(|at| score + if at % 2 == 0 { -spread } else { spread } * k as f64 / 10.0)
                    .collect(),
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
        let prices = prices(rows, spread);
        let baseline = |kind, score| Baseline {
            kind,
            scores: vec![score; 5],
            penalty: None,
        };
        let baselines = [
            baseline(BaselineKind::Majority, majority),
            baseline(BaselineKind::Logistic, logistic),
        ];
        let case = Case {
            train: 300,
            test: 100,
            steps: 500,
            baselines: &baselines,
            prices: &prices,
            yardstick: BaselineKind::Logistic,
        };
        case.judge()
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
        let doubt = |verdict| match verdict {
            Verdict::CannotTell(doubt) => doubt,
            other => panic!("{other:?}"),
        };
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
