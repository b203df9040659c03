//! Bounds of cost over blocks of points, and the test that a point is within a worker's limits.
//!
//! Cost depends on some axes alone. A tree over the combinations of these axes holds the least and greatest cost below
//! each node, so whole blocks of points are passed over at once. What the limits are is the caller's business.

use super::radix::Radix;
use super::region::{Region, Test, Verdict};
use crate::cost::Cost;

/// Combinations that a tree is made for: some 50 bytes each, and as many costs to compute, a fraction of a second.
/// In a grid with more, every kept point counts as one that may fit.
pub(super) const MAX_TREE: u64 = 20_000;

/// What one worker can take of a single trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostLimits {
    /// Longest predicted seconds that end in the worker's time.
    pub seconds: f64,
    /// Trials from this length on leave checkpoints, so a worker may begin them though it cannot finish them. Infinite
    /// where it may not.
    pub long_seconds: f64,
    /// Largest working memory.
    pub bytes: f64,
}

impl CostLimits {
    /// Of a worker without an end of its time that does not know its memory.
    pub const NONE: CostLimits = CostLimits {
        seconds: f64::INFINITY,
        long_seconds: f64::INFINITY,
        bytes: f64::INFINITY,
    };

    /// Whether a trial of this cost may be begun.
    pub fn fits(&self, seconds: f64, bytes: f64) -> bool {
        self.fits_time(seconds) && self.fits_memory(bytes)
    }

    pub fn fits_time(&self, seconds: f64) -> bool {
        // A prediction that is no number says nothing against a trial.
        seconds.is_nan() || seconds <= self.seconds || seconds >= self.long_seconds
    }

    pub fn fits_memory(&self, bytes: f64) -> bool {
        bytes.is_nan() || bytes <= self.bytes
    }

    fn verdict(&self, bounds: &CostBounds) -> Verdict {
        let CostBounds { least, greatest } = bounds;
        let time = if greatest.seconds <= self.seconds || least.seconds >= self.long_seconds {
            Verdict::Holds
        } else if least.seconds > self.seconds && greatest.seconds < self.long_seconds {
            Verdict::Fails
        } else {
            Verdict::Depends
        };
        let memory = if greatest.bytes <= self.bytes {
            Verdict::Holds
        } else if least.bytes > self.bytes {
            Verdict::Fails
        } else {
            Verdict::Depends
        };
        match (time, memory) {
            (Verdict::Fails, _) | (_, Verdict::Fails) => Verdict::Fails,
            (Verdict::Holds, Verdict::Holds) => Verdict::Holds,
            (Verdict::Depends, _) | (_, Verdict::Depends) => Verdict::Depends,
        }
    }
}

/// The least and greatest cost of some points.
#[derive(Clone, Copy, Debug)]
struct CostBounds {
    least: Cost,
    greatest: Cost,
}

impl CostBounds {
    fn of(cost: Cost) -> CostBounds {
        CostBounds {
            least: cost,
            greatest: cost,
        }
    }

    fn and(self, other: CostBounds) -> CostBounds {
        let each = |a: Cost, b: Cost, pick: fn(f64, f64) -> f64| Cost {
            flops: pick(a.flops, b.flops),
            bytes: pick(a.bytes, b.bytes),
            seconds: pick(a.seconds, b.seconds),
            rows: pick(a.rows, b.rows),
            row_bytes: pick(a.row_bytes, b.row_bytes),
        };
        CostBounds {
            least: each(self.least, other.least, f64::min),
            greatest: each(self.greatest, other.greatest, f64::max),
        }
    }
}

/// Bounds of cost below each prefix of digits of the axes that cost depends on.
#[derive(Debug, Default)]
pub(super) struct CostTree {
    axes: Vec<usize>,
    lens: Vec<u64>,
    /// Level `k`: a node for each combination of the first `k` axes. The last level is the combinations themselves.
    levels: Vec<Vec<CostBounds>>,
}

impl CostTree {
    /// `cost` is that of an index.
    pub(super) fn of(radix: &Radix, axes: &[usize], cost: &dyn Fn(u64) -> Cost) -> CostTree {
        let lens: Vec<u64> = axes.iter().map(|&axis| radix.len(axis)).collect();
        let mut leaves = Vec::new();
        Region::full((0..radix.axes()).map(|axis| radix.len(axis))).each(axes, &mut |digits| {
            leaves.push(CostBounds::of(cost(radix.index(digits))));
            true
        });
        let mut levels = vec![leaves];
        for len in lens.iter().rev() {
            let below = &levels[levels.len() - 1];
            let merged = below
                .chunks(*len as usize)
                .filter_map(|chunk| chunk.iter().copied().reduce(CostBounds::and));
            levels.push(merged.collect());
        }
        levels.reverse();
        CostTree {
            axes: axes.to_vec(),
            lens,
            levels,
        }
    }

    /// Bounds over a region: exact where the axes of the tree are pinned, else perhaps too wide.
    fn bounds(&self, region: &Region) -> Option<CostBounds> {
        let mut node = 0;
        for (level, (&axis, &len)) in self.axes.iter().zip(&self.lens).enumerate() {
            let below = |digit: u64| {
                let at = usize::try_from(node * len + digit).ok()?;
                self.levels[level + 1].get(at).copied()
            };
            match region.pinned(axis) {
                Some(digit) => node = node * len + digit,
                None => return region.range(axis).filter_map(below).reduce(CostBounds::and),
            }
        }
        let at = usize::try_from(node).ok()?;
        self.levels.last()?.get(at).copied()
    }
}

/// Holds at the points whose cost is within the limits.
pub(super) struct Fits<'a> {
    pub(super) tree: &'a CostTree,
    pub(super) limits: CostLimits,
}

impl Test for Fits<'_> {
    fn axes(&self) -> &[usize] {
        &self.tree.axes
    }

    fn verdict(&self, region: &Region) -> Verdict {
        self.tree
            .bounds(region)
            .map_or(Verdict::Holds, |bounds| self.limits.verdict(&bounds))
    }
}
