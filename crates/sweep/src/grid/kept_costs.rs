//! What a grid remembers about costs: one for each combination of the axes that cost depends on, and their sum.

use std::sync::OnceLock;

use super::cost_tree::CostTree;
use super::layout::Layout;
use super::radix::Radix;
use super::region::union;
use crate::cost::Cost;
use crate::keys::keys;

/// Costs kept, of 32 bytes each.
const MAX_KEPT: u64 = 1 << 18;

/// Trials of one grid that one engine would serve for one reason.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineGroup {
    /// `full`, `reduced` or `factored`.
    pub engine: &'static str,
    /// Upper bound of the widest hidden core; the inner width of the factored engine.
    pub core_width: Option<u64>,
    /// Why this engine, for people.
    pub reason: String,
    pub trials: u64,
    pub cost: Cost,
    /// The index of one of them.
    pub example: u64,
}

/// All kept points of a grid, added up.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    pub total: Cost,
    /// The most trials first.
    pub groups: Vec<EngineGroup>,
    /// Every combination was looked at; else a sample of them stands for the rest.
    pub exact: bool,
}

/// What a grid remembers about costs.
#[derive(Debug)]
pub(crate) struct Costs {
    /// The axes that cost depends on, ascending.
    axes: Vec<usize>,
    /// Over those axes alone.
    strides: Vec<u64>,
    /// How many combinations they have.
    combinations: u64,
    /// One a combination; empty if there are too many.
    kept: Vec<OnceLock<Cost>>,
    pub(super) survey: OnceLock<Survey>,
    /// Made at the first search for what fits a worker.
    pub(super) tree: OnceLock<CostTree>,
}

impl Costs {
    pub(super) fn new(layout: &Layout) -> Costs {
        let of_keys = keys()
            .iter()
            .filter(|key| key.costs)
            .map(|key| layout.reach(key.id));
        let axes = union(of_keys);
        let own = Radix::new(axes.iter().map(|&axis| layout.radix.len(axis)).collect());
        let combinations = own.as_ref().map_or(u64::MAX, Radix::size);
        let kept = if combinations <= MAX_KEPT {
            combinations
        } else {
            0
        };
        Costs {
            strides: (0..axes.len())
                .map(|at| own.as_ref().map_or(0, |own| own.stride(at)))
                .collect(),
            axes,
            combinations,
            kept: (0..kept).map(|_| OnceLock::new()).collect(),
            survey: OnceLock::new(),
            tree: OnceLock::new(),
        }
    }

    /// The axes that cost depends on, ascending.
    pub(super) fn axes(&self) -> &[usize] {
        &self.axes
    }

    /// How many combinations these axes have.
    pub(super) fn combinations(&self) -> u64 {
        self.combinations
    }

    pub(super) fn cell(&self, radix: &Radix, index: u64) -> Option<&OnceLock<Cost>> {
        let pairs = self.axes.iter().zip(&self.strides);
        let number: u64 = pairs
            .map(|(&axis, stride)| radix.digit(index, axis) * stride)
            .sum();
        self.kept.get(usize::try_from(number).ok()?)
    }
}
