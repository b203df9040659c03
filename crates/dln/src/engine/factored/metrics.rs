//! What the factored engine measures: the map that its network is, and its cores as the layers.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis, s};

use super::start::FactoredStart;
use crate::config::Trial;
use crate::data::{Data, scale_columns};
use crate::kernel::{Svd, Threads, multiply, svd};
use crate::measure::{
    Alignment, LossHessian, MeasuredNetwork, Moved, Spectrum, balancedness, chain, finite,
    hidden_square_distance, seen_square_distance,
};
use crate::metric::Scalars;
use crate::theory::Theory;

/// Rows of the outputs that are formed together.
const TOGETHER: usize = 128;

/// The network at the step that is measured. The layers are the cores; the end-to-end map has as many singular values
/// as the factors have columns, the others being zero.
pub(super) struct FactoredNetwork<'a> {
    pub(super) trial: &'a Trial,
    pub(super) data: &'a Data,
    pub(super) threads: Threads,
    /// Targets, formed.
    pub(super) Y: &'a Array2<f64>,
    pub(super) target: Option<&'a Alignment>,
    pub(super) network: FactoredStart,
    /// `C_1(0) .. C_L(0)`, where updates are asked for.
    pub(super) started: &'a [Array2<f64>],
}

impl FactoredNetwork<'_> {
    /// The loss on the entries that training does not see; `None` where it sees all.
    fn test_loss(&self) -> Option<f64> {
        let mask = self.data.mask.as_ref()?;
        let squares = self.squares(self.Y, |E, Y, rows| {
            hidden_square_distance(E, Y, mask.slice(s![rows, ..]))
        });
        finite(0.5 * self.data.c * squares)
    }

    /// The train loss against the target before noise was added to it; `None` without noise.
    fn clean_loss(&self) -> Option<f64> {
        let Y = self.data.clean.as_ref()?.dense();
        let mask = self.data.mask.as_ref();
        let squares = self.squares(&Y, |E, Y, rows| {
            let mask = mask.map(|mask| mask.slice(s![rows, ..]));
            seen_square_distance(E, Y, mask)
        });
        finite(0.5 * self.data.c * squares)
    }

    /// Adds up what `visit` makes of some rows of the outputs, the same rows of `Y` and their numbers, part by part.
    fn squares(
        &self,
        Y: &Array2<f64>,
        visit: impl Fn(ArrayView2<'_, f64>, ArrayView2<'_, f64>, Range<usize>) -> f64,
    ) -> f64 {
        let whole = chain(Threads::Seq, &self.network.C, false);
        let left = multiply(Threads::Seq, self.network.U.view(), whole.view());
        let (mut squares, mut start) = (0.0, 0);
        let parts = left.axis_chunks_iter(Axis(0), TOGETHER);
        let targets = Y.axis_chunks_iter(Axis(0), TOGETHER);
        for (left, Y) in parts.zip(targets) {
            let E = multiply(self.threads, left, self.network.V.t());
            let rows = start..start + Y.nrows();
            start = rows.end;
            squares += visit(E.view(), Y, rows);
        }
        squares
    }
}

impl MeasuredNetwork for FactoredNetwork<'_> {
    fn depth(&self) -> usize {
        self.network.C.len()
    }

    fn threads(&self) -> Threads {
        self.threads
    }

    fn judge(&self, scalars: &mut Scalars) {
        if self.trial.measure.metrics.test_loss {
            scalars.test_loss = self.test_loss();
        }
        if self.trial.measure.metrics.train_loss {
            scalars.clean_loss = self.clean_loss();
        }
    }

    fn map(&self, _: bool) -> Option<Spectrum> {
        end_to_end(&self.network)
    }

    fn layer(&self, layer: usize, vectors: bool) -> Option<Spectrum> {
        Spectrum::decomposed(self.network.C[layer - 1].view(), vectors)
    }

    fn alignment(&self, map: &Spectrum) -> Option<f64> {
        self.target?.angle(map)
    }

    fn balancedness(&self, layer: usize) -> f64 {
        let (above, below) = (&self.network.C[layer], &self.network.C[layer - 1]);
        balancedness(above.view(), below.view(), Threads::Seq)
    }

    fn theory(&self) -> Option<&Theory> {
        None
    }

    fn modes(&self) -> Option<Vec<f64>> {
        None
    }

    fn moved(&self, layer: usize) -> Option<Moved> {
        let D = &self.network.C[layer - 1] - self.started.get(layer - 1)?;
        Moved::of(&D, None, Threads::Seq)
    }

    fn separation(&self) -> Vec<Option<f64>> {
        Vec::new()
    }

    /// In all factors and cores.
    fn hessian(&self, read: &dyn Fn(&LossHessian<'_>) -> Option<f64>) -> Option<f64> {
        let network = &self.network;
        let mut weights = vec![network.V.t()];
        weights.extend(network.C.iter().map(|C| C.view()));
        weights.push(network.U.view());
        read(&LossHessian {
            weights,
            biases: Vec::new(),
            X: None,
            Y: self.Y.view(),
            mask: self.data.mask.as_ref().map(|mask| mask.view()),
            loss: self.trial.problem.loss,
            c: self.data.c,
            functions: Vec::new(),
            weight_decay: self.trial.optimizer.penalty(),
            threads: self.threads,
        })
    }
}

/// The spectrum of `U C_L .. C_1 V^T`, from thin decompositions of both factors.
fn end_to_end(network: &FactoredStart) -> Option<Spectrum> {
    let left = svd(network.U.view())?;
    let right = svd(network.V.view())?;
    // U = A S B^T on both sides: the inner matrix carries everything but the orthonormal A.
    let above = scale_columns(left.V.view(), &left.s);
    let below = scale_columns(right.V.view(), &right.s);
    let inner = multiply(
        Threads::Seq,
        above.t(),
        chain(Threads::Seq, &network.C, false).view(),
    );
    let inner = multiply(Threads::Seq, inner.view(), below.view());
    let Svd { U, s, V } = svd(inner.view())?;
    let shape = (network.U.nrows(), network.V.nrows());
    let held = s.len();
    let turned = Svd {
        U: multiply(Threads::Seq, left.U.view(), U.view()),
        s,
        V: multiply(Threads::Seq, right.U.view(), V.view()),
    };
    let mut spectrum = Spectrum::new(turned, Vec::new(), shape);
    // Beyond the last value there is another, 0, on both sides.
    spectrum.left_rest = held < shape.0;
    spectrum.right_rest = held < shape.1;
    Some(spectrum)
}
