//! Predicted cost over a grid: of one point, of a run of points, of all.
//!
//! Cost depends on some axes alone. It is computed once for each combination of those and remembered where
//! there are not too many.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::count::count;
use super::kept_costs::{EngineGroup, Survey};
use super::model::Grid;
use super::region::{Pinned, Region, Test, Wanted};
use super::search::first;
use super::work::{Meter, Spent, keep_on};
use crate::cost::Cost;
use crate::point::trial;

/// Combinations that are gone through to add up a grid: a fraction of a second.
const MAX_COMBINATIONS: u64 = 20_000;

/// Points that stand for all where there are more combinations.
const SAMPLES: u64 = 4096;

/// Questions that adding up a grid, and then looking for samples, may take: some seconds. A grid that is larger or
/// harder is estimated from what was found.
const SURVEY_WORK: u64 = 1_000_000;

impl Grid {
    /// Predicted cost of the trial at `index`, kept or not; next to nothing where it would be refused.
    pub fn cost(&self, index: u64) -> Cost {
        let layout = self.layout();
        if index >= self.product_size() {
            return self
                .trial(index)
                .map_or_else(|_| Cost::refused(), |trial| Cost::of(&trial));
        }
        let cell = self.costs().cell(&layout.radix, index);
        if let Some(cost) = cell.and_then(OnceLock::get) {
            return *cost;
        }
        match self.product_trial(index) {
            Some(trial) => {
                let cost = Cost::of(&trial);
                if let Some(cell) = cell {
                    // Another thread may have been first, with the same answer.
                    let _ = cell.set(cost);
                }
                cost
            }
            // Not kept: another point with the same shapes may be sound.
            None => Cost::refused(),
        }
    }

    /// End of a run of indices from `index` on whose predicted costs are the same.
    pub fn constant_run(&self, index: u64) -> u64 {
        let product = self.product_size();
        if index >= product {
            return index + 1;
        }
        match self.costs().axes().last() {
            Some(&axis) => {
                let stride = self.layout().radix.stride(axis);
                (index / stride + 1) * stride
            }
            None => product,
        }
    }

    /// Predicted cost of all kept points. Its `bytes` are those of the largest trial.
    pub fn total_cost(&self) -> Cost {
        self.survey().total
    }

    /// All kept points added up, and which engines serve them.
    pub fn survey(&self) -> &Survey {
        self.survey_until(&keep_on)
    }

    /// As [`Grid::survey`], cut short where `stop` says that the grid is not wanted any more.
    pub fn survey_until(&self, stop: &dyn Fn() -> bool) -> &Survey {
        self.costs().survey.get_or_init(|| {
            let mut tally = Tally::default();
            let exact = self.costs().combinations() <= MAX_COMBINATIONS
                && self.add_combinations(&mut tally, stop).is_ok();
            if !exact {
                tally = Tally::default();
                self.add_samples(&mut tally, stop);
            }
            for index in self.product_size()..self.size() {
                self.add(&mut tally, index, 1);
            }
            tally.survey(exact)
        })
    }

    /// Adds the kept points of every combination of the axes that cost depends on, one of them standing for
    /// all.
    ///
    /// # Errors
    /// [`Spent`] where that takes too long.
    fn add_combinations(&self, tally: &mut Tally, stop: &dyn Fn() -> bool) -> Result<(), Spent> {
        let meter = Meter::new(SURVEY_WORK, stop);
        let layout = self.layout();
        let radix = &layout.radix;
        let axes = self.costs().axes();
        let tests = self.tests();
        let all = Region::full((0..radix.axes()).map(|axis| radix.len(axis)));
        let mut region = all.clone();
        let mut result = Ok(());
        all.each(axes, &mut |digits| {
            for &axis in axes {
                region.pin(axis, digits[axis]);
            }
            result = self.add_combination(tally, (axes, digits), &region, &tests, &meter);
            result.is_ok()
        });
        result
    }

    /// Adds the kept points with these digits of these axes: those of the region.
    fn add_combination(
        &self,
        tally: &mut Tally,
        (axes, digits): (&[usize], &[u64]),
        region: &Region,
        tests: &[&dyn Test],
        meter: &Meter<'_>,
    ) -> Result<(), Spent> {
        let radix = &self.layout().radix;
        let trials = count(region, radix.axes(), tests, meter)?;
        if trials == 0 {
            return Ok(());
        }
        let pinned = Pinned { axes, digits };
        let mut parts: Vec<&dyn Test> = vec![&pinned];
        parts.extend(tests);
        // The corner is the first point of the combination.
        let range = (radix.index(digits), u64::MAX);
        if let Some(index) = first(radix, &parts, Wanted::Passing, range, meter)? {
            self.add(tally, index, trials);
        }
        Ok(())
    }

    /// Adds points spread evenly over the product, each standing for its share of the kept ones.
    fn add_samples(&self, tally: &mut Tally, stop: &dyn Fn() -> bool) {
        /// Steps of the golden ratio fall in no rhythm with the strides of axes.
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let product = self.product_size();
        let count = self.product_count();
        if count == 0 {
            return;
        }
        let (radix, tests) = (&self.layout().radix, self.tests());
        let meter = Meter::new(SURVEY_WORK, stop);
        let samples = SAMPLES.min(count);
        let mut found = Vec::new();
        for sample in 0..samples {
            let share = (sample as f64 + 0.5) * GOLDEN;
            let from = (share.fract() * product as f64) as u64;
            let next = |from| first(radix, &tests, Wanted::Passing, (from, product), &meter);
            let index = match next(from) {
                Ok(None) => next(0),
                other => other,
            };
            match index {
                Ok(Some(index)) => found.push(index),
                // Kept or not, its cost is that of its neighbours.
                Err(_) if found.is_empty() => found.push(from),
                Ok(None) => {}
                Err(_) => break,
            }
        }
        // The shares add up to the count.
        let shares = found.len().max(1) as u64;
        let upto = |k: u64| (u128::from(k) * u128::from(count) / u128::from(shares)) as u64;
        for (sample, index) in (0..).zip(found) {
            self.add(tally, index, upto(sample + 1) - upto(sample));
        }
    }

    fn add(&self, tally: &mut Tally, index: u64, trials: u64) {
        let Ok(trial) = self.trial(index) else {
            tally.refused(index, trials);
            return;
        };
        let plan = dln::plan(&trial);
        let each = Cost::of_plan(&trial, &plan);
        if index < self.product_size()
            && let Some(cell) = self.costs().cell(&self.layout().radix, index)
        {
            // It may be known already, with the same answer.
            let _ = cell.set(each);
        }
        let cost = each.times(trials);
        let key = (plan.engine.name(), plan.core_width, plan.reason);
        tally.add(key, index, trials, cost);
    }

    /// The trial at an index of the product, if it makes one.
    fn product_trial(&self, index: u64) -> Option<dln::Trial> {
        let layout = self.layout();
        let mut slots = Vec::new();
        layout.slots_into(&layout.radix.digits(index), &mut slots);
        trial(&slots, &layout.arrays).ok()
    }
}

type GroupKey = (&'static str, Option<u64>, String);

#[derive(Default)]
struct Tally {
    groups: BTreeMap<GroupKey, EngineGroup>,
}

impl Tally {
    fn add(&mut self, key: GroupKey, example: u64, trials: u64, cost: Cost) {
        let (engine, core_width, reason) = key.clone();
        let group = self.groups.entry(key).or_insert_with(|| EngineGroup {
            engine,
            core_width,
            reason,
            trials: 0,
            cost: Cost::default(),
            example,
        });
        group.trials += trials;
        group.cost = group.cost.and(cost);
    }

    fn refused(&mut self, example: u64, trials: u64) {
        let reason = "the trial will be refused: its parameters contradict each other".to_owned();
        let key = (dln::EngineKind::Full.name(), None, reason);
        self.add(key, example, trials, Cost::refused().times(trials));
    }

    fn survey(self, exact: bool) -> Survey {
        let mut groups: Vec<EngineGroup> = self.groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.trials));
        let total = groups
            .iter()
            .fold(Cost::default(), |total, group| total.and(group.cost));
        Survey {
            total,
            groups,
            exact,
        }
    }
}
