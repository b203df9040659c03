//! What the core is measured against, made once: targets, samples and classes as the core sees them.

use ndarray::{Array2, ArrayView2};

use super::off_core::OffCoreScales;
use super::updates::Updates;
use crate::config::Trial;
use crate::data::{Data, TestSet, fold_both};
use crate::error::TrialError;
use crate::kernel::{Threads, dot, multiply, square_sum};
use crate::law::{Coordinates, OffCore, Reduction};
use crate::measure::{Alignment, Classes};
use crate::theory::Theory;

/// Everything that measures need beside the core and the scalars.
#[derive(Debug)]
pub(super) struct Views {
    /// In the coordinates of the core.
    pub(super) alignment: Option<Alignment>,
    pub(super) separation: Option<Separation>,
    pub(super) test: Option<TestView>,
    /// The training samples with the targets before noise was added to them.
    pub(super) clean: Option<TestView>,
    /// The initial end-to-end map off the core, `d_y x d_x`; for accuracies.
    pub(super) off_map: Option<Array2<f64>>,
    pub(super) updates: Option<Updates>,
    pub(super) theory: Option<TheoryView>,
}

/// The prediction, with the target's bases in the coordinates of the core, which holds them.
#[derive(Debug)]
pub(super) struct TheoryView {
    pub(super) theory: Theory,
    pub(super) U: Array2<f64>,
    pub(super) V: Array2<f64>,
}

impl TheoryView {
    fn new(trial: &Trial, data: &Data, reduction: &Reduction) -> Option<TheoryView> {
        let theory = Theory::new(trial, data)?;
        let (first, last) = (&reduction.bases[0], &reduction.bases[reduction.depth()]);
        Some(TheoryView {
            U: last.coordinates(theory.modes.U.view()).within,
            V: first.coordinates(theory.modes.V.view()).within,
            theory,
        })
    }
}

impl Views {
    /// # Errors
    /// What is wrong with the initial weights.
    pub(super) fn new(
        trial: &Trial,
        data: &Data,
        reduction: &Reduction,
        threads: Threads,
    ) -> Result<Views, TrialError> {
        let metrics = &trial.measure.metrics;
        let classified = data.classified().filter(|_| metrics.separation);
        let separation = classified.map(|(X, classes)| {
            let classes = Classes::new(X.view(), classes);
            Separation::new(&classes, reduction)
        });
        let judged = metrics.train_loss || metrics.test_loss;
        let test = data.test.as_ref().filter(|_| metrics.test_loss);
        let clean = data.clean_samples().filter(|_| metrics.train_loss);
        Ok(Views {
            alignment: alignment(trial, data, reduction),
            separation,
            test: test.map(|test| TestView::new(trial, test, reduction)),
            clean: clean.map(|clean| TestView::new(trial, &clean, reduction)),
            off_map: if data.classes.is_some() && judged {
                reduction.off_map()
            } else {
                None
            },
            updates: Updates::new(trial, data, reduction, threads)?,
            theory: TheoryView::new(trial, data, reduction),
        })
    }
}

impl Views {
    /// Of a core that judges its outputs by itself.
    ///
    /// # Errors
    /// What is wrong with the initial weights.
    pub(super) fn aligned(
        trial: &Trial,
        data: &Data,
        reduction: &Reduction,
        threads: Threads,
    ) -> Result<Views, TrialError> {
        Ok(Views {
            alignment: alignment(trial, data, reduction),
            separation: None,
            test: None,
            clean: None,
            off_map: None,
            updates: Updates::new(trial, data, reduction, threads)?,
            theory: TheoryView::new(trial, data, reduction),
        })
    }
}

fn alignment(trial: &Trial, data: &Data, reduction: &Reduction) -> Option<Alignment> {
    if !trial.measure.metrics.alignment {
        return None;
    }
    let target = Alignment::new(data)?;
    let (first, last) = (&reduction.bases[0], &reduction.bases[reduction.depth()]);
    Some(Alignment {
        U: last.coordinates(target.U.view()).within,
        V: first.coordinates(target.V.view()).within,
    })
}

/// Classes as the core sees them.
#[derive(Debug)]
pub(super) struct Separation {
    /// `k_0 x r` and `k_0 x K`: as [`Classes::within`] and [`Classes::between`].
    within: Array2<f64>,
    between: Array2<f64>,
    /// `K / n`.
    ratio: f64,
    /// `D_0`.
    of_inputs: Option<f64>,
    /// Squared norms off the core by layer `0 .. L-1`, in units of the scalars.
    off_within: Vec<OffSquares>,
    off_between: Vec<OffSquares>,
}

/// Squared norms of samples off the core at one layer.
#[derive(Clone, Copy, Debug, Default)]
struct OffSquares {
    /// Of the part that goes through all layers.
    moving: f64,
    /// Of the part that only decays.
    idle: f64,
}

impl Separation {
    fn new(classes: &Classes, reduction: &Reduction) -> Separation {
        let first = &reduction.bases[0];
        let inside = |A: &Array2<f64>| first.coordinates(A.view()).within;
        Separation {
            within: inside(&classes.within),
            between: inside(&classes.between),
            ratio: classes.ratio,
            of_inputs: classes.quotient(classes.within.view(), classes.between.view()),
            off_within: off_squares(classes.within.view(), reduction),
            off_between: off_squares(classes.between.view(), reduction),
        }
    }

    /// `D_0 .. D_(L-1)` for these cores `C_1 .. C_L`.
    pub(super) fn by_layer(
        &self,
        cores: &[Array2<f64>],
        off: &OffCoreScales,
        threads: Threads,
    ) -> Vec<Option<f64>> {
        let mut found = vec![self.of_inputs];
        let mut within = self.within.clone();
        let mut between = self.between.clone();
        let (mut moving, mut idle) = (1.0, 1.0);
        for (l, core) in cores[..cores.len() - 1].iter().enumerate() {
            within = multiply(threads, core.view(), within.view());
            between = multiply(threads, core.view(), between.view());
            moving *= off.moving(l);
            idle *= off.idle(l);
            let whole = |inside: &Array2<f64>, outside: &OffSquares| {
                let off = outside.moving * moving * moving + outside.idle * idle * idle;
                square_sum(inside.view()) + off
            };
            found.push(self.quotient(
                whole(&within, &self.off_within[l + 1]),
                whole(&between, &self.off_between[l + 1]),
            ));
        }
        found
    }

    fn quotient(&self, within: f64, between: f64) -> Option<f64> {
        if self.between.ncols() < 2 {
            return None;
        }
        let D = self.ratio * within / between;
        D.is_finite().then_some(D)
    }
}

/// Squared norms off the core of `X` at layers `0 .. L-1`.
///
/// What must vanish is set to zero rather than left to rounding: the training inputs themselves where
/// `sigma^2 = 0`, and either part where no direction from the inputs is of its kind.
fn off_squares(X: ArrayView2<'_, f64>, reduction: &Reduction) -> Vec<OffSquares> {
    let depth = reduction.depth();
    let nothing = vec![OffSquares::default(); depth];
    let OffCore::Runs(runs) = &reduction.off else {
        return nothing;
    };
    if reduction.sigma2 == 0.0 {
        return nothing;
    }
    let live = reduction.off.live(depth) > 0;
    // The last layer shows what goes through all of them.
    let squares = reduction.off_squares(X, if live { depth } else { depth - 1 });
    let moving = if live { squares[depth] } else { 0.0 };
    (0..depth)
        .map(|l| {
            let some_idle = runs
                .iter()
                .any(|run| run.first == 0 && run.holds(l) && run.last < depth);
            OffSquares {
                moving,
                idle: if some_idle {
                    (squares[l] - moving).max(0.0)
                } else {
                    0.0
                },
            }
        })
        .collect()
}

/// Test samples as the core sees them.
#[derive(Debug)]
pub(super) struct TestView {
    /// `k_0 x r` and `k_L x r`, folded where there are many samples.
    inputs: Array2<f64>,
    targets: Array2<f64>,
    /// `||Y||^2` off the core.
    targets_off: f64,
    /// `||T||^2` and `<T, Y>` of the initial outputs `T` off the core.
    outputs_off: f64,
    overlap: f64,
    /// Scale of the test loss.
    c: f64,
}

impl TestView {
    fn new(trial: &Trial, test: &TestSet, reduction: &Reduction) -> TestView {
        let (first, last) = (&reduction.bases[0], &reduction.bases[reduction.depth()]);
        let inputs = first.coordinates(test.X.view()).within;
        let Coordinates { within, outside } = last.coordinates(test.Y.view());
        let (outputs_off, overlap) = match reduction.off_outputs(test.X.view()) {
            Some(T) => (square_sum(T.view()), inner(&T, &outside)),
            None => (0.0, 0.0),
        };
        let (inputs, targets) = fold_both(inputs, within);
        TestView {
            inputs,
            targets,
            targets_off: square_sum(outside.view()),
            outputs_off,
            overlap,
            c: trial.problem.loss.scale(test.Y.nrows(), test.Y.ncols()),
        }
    }

    /// The test loss of the end-to-end core `C_L .. C_1`.
    pub(super) fn loss(&self, whole: &Array2<f64>, off: &OffCoreScales, threads: Threads) -> f64 {
        let mut residual = multiply(threads, whole.view(), self.inputs.view());
        residual -= &self.targets;
        let share = off.end_to_end_share();
        let outside = self.targets_off + share * (share * self.outputs_off - 2.0 * self.overlap);
        0.5 * self.c * (square_sum(residual.view()) + outside)
    }
}

fn inner(A: &Array2<f64>, B: &Array2<f64>) -> f64 {
    let (A, B) = (A.as_standard_layout(), B.as_standard_layout());
    match (A.as_slice(), B.as_slice()) {
        (Some(a), Some(b)) => dot(a, b),
        _ => (&A * &B).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture::normals;

    #[test]
    fn inner_products_do_not_mind_the_layout() {
        let (A, B) = (normals(1, 4, 3), normals(2, 4, 3));
        let turned = B.t().to_owned().reversed_axes();
        assert!((inner(&A, &turned) - (&A * &B).sum()).abs() < 1e-14);
    }
}
