//! What the wide network's layers have moved since the start, from the core and the scalars.
//!
//! `W_l(t) - W_l(0)` is `U_l (C_l(t) - C_l(0)) U_(l-1)^T` and, off the core, the start itself times what its scalars have
//! changed by. Within a predicted block of bases `B_l` that is
//!
//! ```text
//! (B_l^T U_l) (C_l(t) - C_l(0)) (U_(l-1)^T B_(l-1))  +  i_l O_l  +  (m_l - i_l) O'_l
//! ```
//!
//! with `O_l = B_l^T W_l(0) B_(l-1)` off the core, `O'_l` the part of it that goes through all layers, and `m_l`, `i_l` the
//! relative changes of the two scalars.

use ndarray::Array2;

use crate::config::Trial;
use crate::data::Data;
use crate::error::TrialError;
use crate::kernel::{Threads, multiply, singular_values, square_sum};
use crate::law::{OffWithin, Reduction, predicted};
use crate::measure::{Moved, Within, entry, rounded};

/// Made once, where updates are asked for.
#[derive(Debug)]
pub(super) struct Updates {
    /// `C_1(0) .. C_L(0)` as they are trained.
    cores: Vec<Array2<f64>>,
    /// One a layer; `None` where no leak is asked for, or no block can be had.
    blocks: Option<Vec<BlockView>>,
}

/// A layer's predicted block as the core sees it.
#[derive(Debug)]
struct BlockView {
    /// `B_l^T U_l`.
    above: Array2<f64>,
    /// `U_(l-1)^T B_(l-1)`.
    below: Array2<f64>,
    off: OffWithin,
}

/// Off the core, at one layer: how many directions, and by how much each has moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct OffMoved {
    /// Of those that go through all layers, and of the others.
    pub(super) count: [usize; 2],
    pub(super) change: [f64; 2],
    /// Relative to the start.
    pub(super) relative: [f64; 2],
}

impl Updates {
    /// `None` where no metric asks for it.
    ///
    /// # Errors
    /// What is wrong with the initial weights.
    pub(super) fn new(
        trial: &Trial,
        data: &Data,
        reduction: &Reduction,
        threads: Threads,
    ) -> Result<Option<Updates>, TrialError> {
        let metrics = &trial.measure.metrics;
        if !metrics.any(|about| about.updates) {
            return Ok(None);
        }
        let bases = if metrics.leak {
            predicted(trial, data, threads)?
        } else {
            None
        };
        let precision = trial.train.precision;
        let cores = reduction.cores.iter();
        Ok(Some(Updates {
            cores: cores.map(|C| rounded(precision, C)).collect(),
            blocks: bases.map(|bases| {
                let layers = bases.windows(2).enumerate();
                layers
                    .map(|(l, pair)| {
                        let (above, below) = (pair[1].view(), pair[0].view());
                        let own = [reduction.bases[l + 1].view(), reduction.bases[l].view()];
                        BlockView {
                            above: multiply(threads, above.t(), own[0]),
                            below: multiply(threads, own[1].t(), below),
                            off: reduction.off_within(l + 1, above, below),
                        }
                    })
                    .collect()
            }),
        }))
    }

    /// What layer `layer`, from 1 and of this shape, has moved: its core has become `C`.
    pub(super) fn moved(
        &self,
        layer: usize,
        shape: (usize, usize),
        C: &Array2<f64>,
        off: OffMoved,
    ) -> Option<Moved> {
        let l = layer - 1;
        let D = C - &self.cores[l];
        let inside = singular_values(D.view())?;
        let mut square = square_sum(D.view());
        let mut held = inside.len();
        let mut values: Vec<_> = inside.into_iter().map(|value| entry(value, 1)).collect();
        for (count, change) in off.count.into_iter().zip(off.change) {
            square += count as f64 * change * change;
            values.push(entry(change.abs(), count as u32));
            held += count;
        }
        let zeros = shape.0.min(shape.1).saturating_sub(held);
        values.push(entry(0.0, zeros as u32));
        let blocks = self.blocks.as_ref();
        let within = blocks.map(|blocks| blocks[l].within(&D, off, shape));
        Some(Moved::sorted(values, square, within))
    }
}

impl BlockView {
    fn within(&self, D: &Array2<f64>, off: OffMoved, shape: (usize, usize)) -> Within {
        let rows = multiply(Threads::Seq, self.above.view(), D.view());
        let mut inner = multiply(Threads::Seq, rows.view(), self.below.view());
        let [moving, idle] = off.relative;
        inner.scaled_add(idle, &self.off.all);
        inner.scaled_add(moving - idle, &self.off.live);
        Within {
            square: square_sum(inner.view()),
            block: inner.dim(),
            shape,
        }
    }
}
