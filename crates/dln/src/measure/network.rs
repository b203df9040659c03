//! From a network at one step to its rows: the one place where they are put together.
//!
//! An engine says what its network is, through [`MeasuredNetwork`]: its maps, its features, its products with the Hessian.
//! What is worked out follows from the metrics that are asked for.

use rayon::prelude::*;

use super::scalars::{SpectrumScalars, spectrum_scalars};
use super::spectrum_rows::push_spectrum;
use super::{LossHessian, Rows, Spectrum, finite};
use crate::kernel::Threads;
use crate::metric::{Decomposition, HistoryRow, LayerRow, MeasuredTable, Metrics, Scalars};

/// The network of an engine at the step that is measured, in double precision.
pub(crate) trait MeasuredNetwork: Sync {
    /// Number of layers.
    fn depth(&self) -> usize;

    fn threads(&self) -> Threads;

    /// Fills in the losses on what is held out and the accuracies, as far as they are asked for.
    fn judge(&self, scalars: &mut Scalars);

    /// The end-to-end map, decomposed with vectors or without; `None` where there is no such map or the decomposition
    /// does not converge.
    fn map(&self, vectors: bool) -> Option<Spectrum>;

    /// As [`MeasuredNetwork::map`], of a layer, from 1.
    fn layer(&self, layer: usize, vectors: bool) -> Option<Spectrum>;

    /// The angle between the end-to-end map and the target, where there are both.
    fn alignment(&self, map: &Spectrum) -> Option<f64>;

    /// `||W_(l+1)^T W_(l+1) - W_l W_l^T||_F` of layer `l`, from 1.
    fn balancedness(&self, layer: usize) -> f64;

    /// `D_0 .. D_(L-1)` of the features; empty where they are not asked for or there are no classes.
    fn separation(&self) -> Vec<Option<f64>>;

    /// What `read` makes of the products with the Hessian of what is minimized.
    fn hessian(&self, read: &dyn Fn(&LossHessian<'_>) -> Option<f64>) -> Option<f64>;
}

/// Pushes the rows of `step`.
pub(crate) fn measure(
    network: &impl MeasuredNetwork,
    metrics: &Metrics,
    train_loss: f64,
    step: u64,
    rows: &mut Rows,
) {
    let mut scalars = Scalars {
        train_loss: finite(train_loss),
        ..Scalars::default()
    };
    network.judge(&mut scalars);
    if metrics.sharpness {
        scalars.sharpness = network.hessian(&|curvature| curvature.sharpness());
    }
    let spectra = spectra(network, metrics);
    if let Some(map) = spectra.first().and_then(Option::as_ref) {
        let found = asked(metrics, map);
        scalars.effective_rank = found.effective_rank;
        scalars.stable_rank = found.stable_rank;
        scalars.nuclear_norm = found.nuclear_norm;
        if metrics.alignment {
            scalars.alignment = network.alignment(map);
        }
    }
    rows.history.push(HistoryRow { step, scalars });
    if metrics.fills(MeasuredTable::Layers) {
        push_layers(network, metrics, step, &spectra, rows);
    }
    if metrics.fills(MeasuredTable::Spectra) {
        for (layer, spectrum) in (0..).zip(spectra) {
            if let Some(spectrum) = spectrum {
                push_spectrum(rows, step, layer, spectrum, metrics.angles);
            }
        }
    }
}

/// The scalars of a spectrum that are asked for.
fn asked(metrics: &Metrics, spectrum: &Spectrum) -> SpectrumScalars {
    let found = spectrum_scalars(&spectrum.entries);
    SpectrumScalars {
        effective_rank: found.effective_rank.filter(|_| metrics.effective_rank),
        stable_rank: found.stable_rank.filter(|_| metrics.stable_rank),
        nuclear_norm: found
            .nuclear_norm
            .and_then(finite)
            .filter(|_| metrics.nuclear_norm),
    }
}

/// Spectra of the end-to-end map and of every layer, as far as they are asked for.
fn spectra(network: &impl MeasuredNetwork, metrics: &Metrics) -> Vec<Option<Spectrum>> {
    let (map, layers) = (metrics.map(), metrics.layers());
    let wanted = match (map, layers) {
        (Decomposition::Not, Decomposition::Not) => 0..0,
        (_, Decomposition::Not) => 0..1,
        (_, Decomposition::Values | Decomposition::Vectors) => 0..network.depth() + 1,
    };
    let decompose = |layer: usize| match layer {
        0 => network.map(map == Decomposition::Vectors),
        layer => network.layer(layer, layers == Decomposition::Vectors),
    };
    match network.threads() {
        Threads::Seq => wanted.map(decompose).collect(),
        // Each decomposition is sequential, so the bits stay the same.
        Threads::Pool => wanted.into_par_iter().map(decompose).collect(),
    }
}

fn push_layers(
    network: &impl MeasuredNetwork,
    metrics: &Metrics,
    step: u64,
    spectra: &[Option<Spectrum>],
    rows: &mut Rows,
) {
    let depth = network.depth();
    let separation = network.separation();
    let first = if separation.is_empty() { 1 } else { 0 };
    for layer in first..=depth {
        let spectrum = spectra.get(layer).and_then(Option::as_ref);
        let found = spectrum
            .filter(|_| layer > 0)
            .map(|spectrum| asked(metrics, spectrum))
            .unwrap_or_default();
        let unbalanced = metrics.balancedness && (1..depth).contains(&layer);
        rows.layers.push(LayerRow {
            step,
            layer: layer as u32,
            separation: separation.get(layer).copied().flatten(),
            balancedness: unbalanced
                .then(|| network.balancedness(layer))
                .and_then(finite),
            effective_rank: found.effective_rank,
            stable_rank: found.stable_rank,
        });
    }
}
