//! Everything found on held-out samples, the verdict included.

use super::answer::{Balance, Baseline, BaselineKind, Price, RateTried, Recipe, Score, WidthTried};
use super::verdict::Verdict;
use crate::config::Trial;

/// Everything found on held-out samples.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldOut {
    pub score: Score,
    /// Seeded splits.
    pub splits: usize,
    /// Samples of a split that are trained on and held out.
    pub train: usize,
    pub test: usize,
    /// Classification only.
    pub balance: Option<Balance>,
    pub baselines: Vec<Baseline>,
    /// None where no network was trained.
    pub recipe: Option<Recipe>,
    pub rates: Vec<RateTried>,
    /// The hidden width that is compared against.
    pub width: usize,
    /// Whether the width was asked for.
    pub width_is_given: bool,
    /// What the width was chosen by; empty where it was given.
    pub widths: Vec<WidthTried>,
    /// From the fewest directions to all.
    pub prices: Vec<Price>,
    /// The network on all inputs on the full engine, at that width.
    pub wide: Option<Trial>,
    pub verdict: Verdict,
}

impl HeldOut {
    /// Whether a model that is no network was fitted, so that what the networks have learned is checked against it.
    pub fn is_checked(&self) -> bool {
        self.baselines.iter().any(Baseline::is_model)
    }

    pub fn baseline(&self, kind: BaselineKind) -> Option<&Baseline> {
        self.baselines.iter().find(|baseline| baseline.kind == kind)
    }
}
