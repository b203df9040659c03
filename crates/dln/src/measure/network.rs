//! From a network at one step to its rows: the one place where they are put together.
//!
//! An engine says what its network is, through [`MeasuredNetwork`]: its maps, its features, its products with the Hessian.
//! What is worked out follows from the metrics that are asked for.

use rayon::prelude::*;

use super::scalars::{SpectrumScalars, spectrum_scalars};
use super::spectrum_rows::{ByIndex, RowExtras, push_spectrum};
use super::updates::Moved;
use super::{LossHessian, Rows, Spectrum, finite};
use crate::kernel::Threads;
use crate::metric::{Decomposition, HistoryRow, LayerRow, MeasuredTable, Metrics, Scalars};
use crate::theory::{Prediction, Theory};

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

    /// What theory predicts, where that is asked for and a closed form holds.
    fn theory(&self) -> Option<&Theory>;

    /// The diagonal of the end-to-end map in the target's bases, where there is a prediction.
    fn modes(&self) -> Option<Vec<f64>>;

    /// What layer `layer`, from 1, has moved since the start, where that is asked for; `None` where it is not finite.
    fn moved(&self, layer: usize) -> Option<Moved>;

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
    let moved = moved(network, metrics);
    if metrics.fills(MeasuredTable::Layers) {
        push_layers(network, metrics, step, (&spectra, &moved), rows);
    }
    if metrics.fills(MeasuredTable::Spectra) {
        let prediction = network.theory();
        let prediction = prediction.map(|theory| theory.at(step, network.threads()));
        for (layer, spectrum) in (0..).zip(spectra) {
            let Some(spectrum) = spectrum else { continue };
            let mut extras = predicted(network, prediction.as_ref(), layer);
            let moved = moved.get(layer).and_then(Option::as_ref);
            if let Some(moved) = moved.filter(|_| metrics.update_spectrum) {
                extras.update = ByIndex::of(&moved.values);
            }
            push_spectrum(rows, step, layer as u32, spectrum, &extras, metrics.angles);
        }
    }
}

/// What the rows of a layer hold of a prediction.
fn predicted(
    network: &impl MeasuredNetwork,
    prediction: Option<&Prediction>,
    layer: usize,
) -> RowExtras {
    let mut extras = RowExtras::default();
    let Some(prediction) = prediction else {
        return extras;
    };
    let single = |values: Vec<f64>| ByIndex(values.into_iter().map(|value| (value, 1)).collect());
    if layer == 0 {
        extras.theory = single(prediction.modes.clone());
        extras.modes = Some(single(network.modes().unwrap_or_default()));
    } else if let Some(values) = prediction.layers.get(layer - 1) {
        extras.theory = ByIndex(values.clone());
    }
    extras
}

/// What every layer has moved, by its number, where that is asked for; layer 0 is none.
fn moved(network: &impl MeasuredNetwork, metrics: &Metrics) -> Vec<Option<Moved>> {
    let layers = if metrics.any(|about| about.updates) {
        0..network.depth() + 1
    } else {
        0..0
    };
    let moved = |layer: usize| match layer {
        0 => None,
        layer => network.moved(layer),
    };
    match network.threads() {
        Threads::Seq => layers.map(moved).collect(),
        // Each decomposition is sequential, and products are the same on any threads.
        Threads::Pool => layers.into_par_iter().map(moved).collect(),
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
    (spectra, moved): (&[Option<Spectrum>], &[Option<Moved>]),
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
        let moved = moved.get(layer).and_then(Option::as_ref);
        let leaks = moved.filter(|_| metrics.leak).map(Moved::leaks);
        let leaks = leaks.unwrap_or_default();
        rows.layers.push(LayerRow {
            separation: separation.get(layer).copied().flatten(),
            balancedness: unbalanced
                .then(|| network.balancedness(layer))
                .and_then(finite),
            effective_rank: found.effective_rank,
            stable_rank: found.stable_rank,
            leak: leaks.leak,
            leak_best: leaks.best,
            leak_chance: leaks.chance,
            update_effective_rank: moved
                .filter(|_| metrics.update_spectrum)
                .and_then(Moved::effective_rank),
            ..LayerRow::new(step, layer as u32)
        });
    }
}
