//! What a trial trains on, once its problem is drawn or cut out of what was handed in.
//!
//! This file owns the types that engines and measures read; `prepare` makes them. Dense matrices here are
//! row-major.

use std::borrow::Cow;

use ndarray::{Array2, ArrayView2};

use crate::config::{Draw, Problem, Trial};
use crate::kernel::{Svd, Threads, multiply, svd};

/// Everything that depends on the problem and the draw alone, shared between trials.
#[derive(Clone, Debug)]
pub struct Data {
    /// Scale of the loss, with the number of samples before folding.
    pub(crate) c: f64,
    /// `d_x x n`.
    pub(crate) X: InputsMatrix,
    /// `d_y x n`.
    pub(crate) Y: TargetMatrix,
    /// The targets before noise was added to them; `None` without noise.
    pub(crate) clean: Option<TargetMatrix>,
    /// The samples folded into the fewest columns that give the same loss up to a constant; `None` where
    /// there are no fewer. For squared losses and linear networks without a mask and without biases.
    pub(crate) folded: Option<Folded>,
    /// 0 or 1, `d_y x d_x`; completion only.
    pub(crate) mask: Option<Array2<f64>>,
    /// Class of each training sample; classification only.
    pub(crate) classes: Option<Vec<u32>>,
    /// Held-out samples; never for factorization and completion.
    pub(crate) test: Option<TestSet>,
    pub(super) problem: Problem,
    pub(super) draw: Draw,
    /// Whether any part came from the draw.
    pub(super) drawn: bool,
}

impl Data {
    /// Whether these data are those of `trial`: the same problem, and the same draw where anything is
    /// drawn. Given matrices are the same when they are the same allocation.
    pub fn serves(&self, trial: &Trial) -> bool {
        (!self.drawn || self.draw == trial.draw) && self.problem == trial.problem
    }

    /// The same samples with inputs in other coordinates; the targets stay.
    pub(crate) fn in_coordinates(
        &self,
        X: InputsMatrix,
        folded: Option<Folded>,
        test: Option<TestSet>,
    ) -> Data {
        Data {
            c: self.c,
            X,
            Y: self.Y.clone(),
            clean: self.clean.clone(),
            folded,
            mask: None,
            classes: self.classes.clone(),
            test,
            problem: self.problem.clone(),
            draw: self.draw,
            drawn: self.drawn,
        }
    }

    /// The samples that a step without batches sees: folded where the trial allows it and there is a fold.
    pub(crate) fn samples(&self, folds: bool) -> TrainSamples<'_> {
        match (&self.X, self.folded.as_ref().filter(|_| folds)) {
            (InputsMatrix::Identity, _) => TrainSamples::Identity,
            (InputsMatrix::Dense(_), Some(folded)) => TrainSamples::Dense {
                X: folded.X.view(),
                Y: Cow::Borrowed(&folded.Y),
                constant: folded.constant,
            },
            (InputsMatrix::Dense(X), None) => TrainSamples::Dense {
                X: X.view(),
                Y: self.Y.dense(),
                constant: 0.0,
            },
        }
    }

    /// The training inputs and the class of each; classification only.
    pub(crate) fn classified(&self) -> Option<(&Array2<f64>, &Vec<u32>)> {
        match &self.X {
            InputsMatrix::Identity => None,
            InputsMatrix::Dense(X) => self.classes.as_ref().map(|classes| (X, classes)),
        }
    }

    /// The training inputs with the targets before noise was added to them; `None` without noise.
    pub(crate) fn clean_samples(&self) -> Option<TestSet> {
        let Y = self.clean.as_ref()?.dense().into_owned();
        Some(TestSet {
            X: match &self.X {
                InputsMatrix::Identity => Array2::eye(Y.ncols()),
                InputsMatrix::Dense(X) => X.clone(),
            },
            Y,
            classes: None,
        })
    }

    /// Bytes that these data hold.
    pub fn bytes(&self) -> usize {
        let inputs = match &self.X {
            InputsMatrix::Identity => 0,
            InputsMatrix::Dense(X) => X.len(),
        };
        let targets = self.Y.len() + self.clean.as_ref().map_or(0, TargetMatrix::len);
        let folded = self
            .folded
            .as_ref()
            .map_or(0, |folded| folded.X.len() + folded.Y.len());
        let mask = self.mask.as_ref().map_or(0, Array2::len);
        let test = self
            .test
            .as_ref()
            .map_or(0, |test| test.X.len() + test.Y.len());
        (inputs + targets + folded + mask + test) * size_of::<f64>()
    }
}

/// The training inputs, `d_x x n`.
#[derive(Clone, Debug)]
pub(crate) enum InputsMatrix {
    /// The identity: factorization and completion.
    Identity,
    Dense(Array2<f64>),
}

/// What a step sees of the training samples.
pub(crate) enum TrainSamples<'a> {
    /// `X = I`, and the targets of [`Data::Y`].
    Identity,
    Dense {
        /// `d_x x n`.
        X: ArrayView2<'a, f64>,
        /// `d_y x n`.
        Y: Cow<'a, Array2<f64>>,
        /// What folding takes out of the loss.
        constant: f64,
    },
}

/// The training targets, `d_y x n`.
#[derive(Clone, Debug)]
pub(crate) enum TargetMatrix {
    /// `U diag(s) V^T`, with `U` `d_y x r`, `V` `d_x x r` orthonormal and `s` descending.
    LowRank {
        U: Array2<f64>,
        s: Vec<f64>,
        V: Array2<f64>,
    },
    Dense(Array2<f64>),
}

impl TargetMatrix {
    /// Numbers that it is made of.
    fn len(&self) -> usize {
        match self {
            TargetMatrix::LowRank { U, s, V } => U.len() + s.len() + V.len(),
            TargetMatrix::Dense(Y) => Y.len(),
        }
    }

    /// The targets as one matrix, formed where they are factors.
    pub(crate) fn dense(&self) -> Cow<'_, Array2<f64>> {
        match self {
            TargetMatrix::LowRank { U, s, V } => {
                let scaled = scale_columns(U.view(), s);
                Cow::Owned(multiply(Threads::Seq, scaled.view(), V.t()))
            }
            TargetMatrix::Dense(Y) => Cow::Borrowed(Y),
        }
    }

    /// The thin decomposition of the targets; `None` where it does not converge.
    pub(crate) fn decomposed(&self) -> Option<Svd> {
        match self {
            TargetMatrix::LowRank { U, s, V } => Some(Svd {
                U: U.clone(),
                s: s.clone(),
                V: V.clone(),
            }),
            TargetMatrix::Dense(Y) => svd(Y.view()),
        }
    }
}

/// `A diag(s)`, row-major.
pub(crate) fn scale_columns(A: ArrayView2<'_, f64>, s: &[f64]) -> Array2<f64> {
    let mut scaled = A.as_standard_layout().into_owned();
    for (mut column, &factor) in scaled.columns_mut().into_iter().zip(s) {
        column *= factor;
    }
    scaled
}

/// Samples folded by the thin factor of the inputs: `c/2 ||W X - Y||^2` is
/// `c/2 ||W X' - Y'||^2 + constant` for every linear map `W`.
#[derive(Clone, Debug)]
pub(crate) struct Folded {
    /// `d_x x r`.
    pub(crate) X: Array2<f64>,
    /// `d_y x r`.
    pub(crate) Y: Array2<f64>,
    /// What the loss has over that of the folded samples.
    pub(crate) constant: f64,
}

/// Samples that are measured and never trained on.
#[derive(Clone, Debug)]
pub(crate) struct TestSet {
    /// `d_x x n_test`.
    pub(crate) X: Array2<f64>,
    /// `d_y x n_test`.
    pub(crate) Y: Array2<f64>,
    /// Classification only.
    pub(crate) classes: Option<Vec<u32>>,
}
