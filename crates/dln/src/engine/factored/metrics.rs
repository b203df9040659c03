//! What the factored engine measures: the map that its network is, and its cores as the layers.

use ndarray::{Array2, Axis};

use super::network::Factored;
use super::start::Start;
use crate::config::{Activation, Metrics};
use crate::data::scale_columns;
use crate::engine::reduced::Lane;
use crate::kernel::{Svd, Threads, multiply, svd};
use crate::measure::{
    Curvature, Rows, Spectrum, balancedness, finite, hidden_square_distance, layer_rows_wanted,
    push_spectrum, spectrum_scalars,
};
use crate::outcome::{HistoryRow, LayerRow, Scalars};

/// Rows of the outputs that are formed together.
const TOGETHER: usize = 128;

/// Pushes the rows of `step`. The layers are the cores; the end-to-end map has as many singular values as
/// the factors have columns, the others being zero.
pub(super) fn measure<T: Lane>(factored: &Factored<'_, T>, step: u64, rows: &mut Rows) {
    let metrics = &factored.trial.measure.metrics;
    let network = factored.network();
    let mut scalars = Scalars {
        train_loss: finite(factored.loss),
        ..Scalars::default()
    };
    if metrics.test_loss {
        scalars.test_loss = test_loss(factored, &network);
    }
    if metrics.sharpness {
        scalars.sharpness = sharpness(factored, &network);
    }
    let spectra = spectra(metrics, &network);
    if let Some(spectrum) = spectra.first().and_then(Option::as_ref) {
        let found = spectrum_scalars(&spectrum.entries);
        scalars.effective_rank = found.effective_rank.filter(|_| metrics.effective_rank);
        scalars.stable_rank = found.stable_rank.filter(|_| metrics.stable_rank);
        scalars.nuclear_norm = found
            .nuclear_norm
            .and_then(finite)
            .filter(|_| metrics.nuclear_norm);
        let alignment = factored.alignment.as_ref();
        scalars.alignment = alignment.and_then(|alignment| alignment.angle(spectrum));
    }
    rows.history.push(HistoryRow { step, scalars });
    if layer_rows_wanted(metrics) {
        push_layers(metrics, &network, step, &spectra, rows);
    }
    if metrics.spectrum || metrics.angles {
        for (layer, spectrum) in (0..).zip(spectra) {
            if let Some(spectrum) = spectrum {
                push_spectrum(rows, step, layer, spectrum, metrics.angles);
            }
        }
    }
}

/// `C_L .. C_1`.
fn whole(network: &Start) -> Array2<f64> {
    let mut M = network.C[0].clone();
    for C in &network.C[1..] {
        M = multiply(Threads::Seq, C.view(), M.view());
    }
    M
}

/// The loss on the entries that training does not see; `None` where it sees all.
fn test_loss<T: Lane>(factored: &Factored<'_, T>, network: &Start) -> Option<f64> {
    let mask = factored.data.mask.as_ref()?;
    let left = multiply(Threads::Seq, network.U.view(), whole(network).view());
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

/// The largest eigenvalue of the Hessian in all factors and cores.
fn sharpness<T: Lane>(factored: &Factored<'_, T>, network: &Start) -> Option<f64> {
    let mut weights = vec![network.V.t()];
    weights.extend(network.C.iter().map(|C| C.view()));
    weights.push(network.U.view());
    let curvature = Curvature {
        weights,
        X: None,
        Y: factored.Y.view(),
        mask: factored.data.mask.as_ref().map(|mask| mask.view()),
        c: factored.data.c,
        activation: Activation::Linear,
        weight_decay: factored.trial.optimizer.weight_decay,
        threads: factored.threads,
    };
    curvature.sharpness()
}

/// Spectra of the end-to-end map and of every core, as far as they are asked for.
fn spectra(metrics: &Metrics, network: &Start) -> Vec<Option<Spectrum>> {
    let cores = metrics.spectrum || metrics.angles || metrics.effective_rank || metrics.stable_rank;
    if !(cores || metrics.nuclear_norm || metrics.alignment) {
        return Vec::new();
    }
    let mut found = vec![end_to_end(network)];
    if cores {
        found.extend(network.C.iter().map(|C| {
            if metrics.angles {
                Spectrum::of(C.view())
            } else {
                Spectrum::values_of(C.view())
            }
        }));
    }
    found
}

/// The spectrum of `U C_L .. C_1 V^T`, from thin decompositions of both factors.
fn end_to_end(network: &Start) -> Option<Spectrum> {
    let left = svd(network.U.view())?;
    let right = svd(network.V.view())?;
    // U = A S B^T on both sides: the inner matrix carries everything but the orthonormal A.
    let above = scale_columns(left.V.view(), &left.s);
    let below = scale_columns(right.V.view(), &right.s);
    let inner = multiply(Threads::Seq, above.t(), whole(network).view());
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

fn push_layers(
    metrics: &Metrics,
    network: &Start,
    step: u64,
    spectra: &[Option<Spectrum>],
    rows: &mut Rows,
) {
    let depth = network.C.len();
    for layer in 1..=depth {
        let spectrum = spectra.get(layer).and_then(Option::as_ref);
        let found = spectrum
            .map(|spectrum| spectrum_scalars(&spectrum.entries))
            .unwrap_or_default();
        let unbalanced = metrics.balancedness && layer < depth;
        rows.layers.push(LayerRow {
            step,
            layer: layer as u32,
            separation: None,
            balancedness: unbalanced
                .then(|| {
                    let (above, below) = (&network.C[layer], &network.C[layer - 1]);
                    balancedness(above.view(), below.view(), Threads::Seq)
                })
                .and_then(finite),
            effective_rank: found.effective_rank.filter(|_| metrics.effective_rank),
            stable_rank: found.stable_rank.filter(|_| metrics.stable_rank),
        });
    }
}
