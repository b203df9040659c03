//! What the factored engine measures: the map that its network is, and its cores as the layers.

use ndarray::{Array2, Axis};

use super::network::Factored;
use super::start::Start;
use crate::config::Activation;
use crate::data::scale_columns;
use crate::engine::reduced::Lane;
use crate::kernel::{Svd, Threads, multiply, svd};
use crate::measure::{
    Curvature, Network, Rows, Spectrum, balancedness, chain, finite, hidden_square_distance,
};
use crate::metric::Scalars;

/// Rows of the outputs that are formed together.
const TOGETHER: usize = 128;

/// Pushes the rows of `step`. The layers are the cores; the end-to-end map has as many singular values as
/// the factors have columns, the others being zero.
pub(super) fn measure<T: Lane>(factored: &Factored<'_, T>, step: u64, rows: &mut Rows) {
    let here = Here {
        factored,
        network: factored.network(),
    };
    let metrics = &factored.trial.measure.metrics;
    crate::measure::measure(&here, metrics, factored.loss, step, rows);
}

/// The network at the step that is measured.
struct Here<'a, T> {
    factored: &'a Factored<'a, T>,
    network: Start,
}

impl<T: Lane> Network for Here<'_, T> {
    fn depth(&self) -> usize {
        self.network.C.len()
    }

    fn threads(&self) -> Threads {
        self.factored.threads
    }

    fn judge(&self, scalars: &mut Scalars) {
        if self.factored.trial.measure.metrics.test_loss {
            scalars.test_loss = test_loss(self.factored, &self.network);
        }
    }

    fn map(&self, _: bool) -> Option<Spectrum> {
        end_to_end(&self.network)
    }

    fn layer(&self, layer: usize, vectors: bool) -> Option<Spectrum> {
        Spectrum::decomposed(self.network.C[layer - 1].view(), vectors)
    }

    fn alignment(&self, map: &Spectrum) -> Option<f64> {
        self.factored.alignment.as_ref()?.angle(map)
    }

    fn balancedness(&self, layer: usize) -> f64 {
        let (above, below) = (&self.network.C[layer], &self.network.C[layer - 1]);
        balancedness(above.view(), below.view(), Threads::Seq)
    }

    fn separation(&self) -> Vec<Option<f64>> {
        Vec::new()
    }

    /// In all factors and cores.
    fn hessian(&self, read: &dyn Fn(&Curvature<'_>) -> Option<f64>) -> Option<f64> {
        let (factored, network) = (self.factored, &self.network);
        let mut weights = vec![network.V.t()];
        weights.extend(network.C.iter().map(|C| C.view()));
        weights.push(network.U.view());
        read(&Curvature {
            weights,
            X: None,
            Y: factored.Y.view(),
            mask: factored.data.mask.as_ref().map(|mask| mask.view()),
            c: factored.data.c,
            activation: Activation::Linear,
            weight_decay: factored.trial.optimizer.weight_decay,
            threads: factored.threads,
        })
    }
}

/// The loss on the entries that training does not see; `None` where it sees all.
fn test_loss<T: Lane>(factored: &Factored<'_, T>, network: &Start) -> Option<f64> {
    let mask = factored.data.mask.as_ref()?;
    let left = multiply(
        Threads::Seq,
        network.U.view(),
        chain(Threads::Seq, &network.C, false).view(),
    );
    let mut squares = 0.0;
    let parts = left.axis_chunks_iter(Axis(0), TOGETHER);
    let targets = factored.Y.axis_chunks_iter(Axis(0), TOGETHER);
    let masks = mask.axis_chunks_iter(Axis(0), TOGETHER);
    for ((left, Y), mask) in parts.zip(targets).zip(masks) {
        let E = multiply(factored.threads, left, network.V.t());
        squares += hidden_square_distance(E.view(), Y, mask);
    }
    finite(0.5 * factored.data.c * squares)
}

/// The spectrum of `U C_L .. C_1 V^T`, from thin decompositions of both factors.
fn end_to_end(network: &Start) -> Option<Spectrum> {
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
