//! What the full engine measures, from its weights widened to double precision.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::fit::widened;
use super::network::Full;
use super::pass::Pass;
use crate::config::{Metrics, Trial};
use crate::data::{Data, InputsMatrix, TestSet};
use crate::kernel::{Real, Threads, multiply};
use crate::measure::{
    Alignment, Classes, Curvature, Rows, Spectrum, balancedness, correct, finite,
    hidden_square_distance, layer_rows_wanted, push_spectrum, sample_separation, spectrum_scalars,
    square_distance,
};
use crate::outcome::{HistoryRow, LayerRow, Scalars};

/// Samples evaluated together, so that a million of them need no more memory than a few thousand.
const TOGETHER: usize = 1024;

/// What is measured against, made once.
#[derive(Debug)]
pub(super) struct Meter {
    alignment: Option<Alignment>,
    /// For linear networks.
    classes: Option<Classes>,
}

impl Meter {
    pub(super) fn new(trial: &Trial, data: &Data) -> Meter {
        let metrics = &trial.measure.metrics;
        let linear = trial.network.activation.is_linear();
        let classes = match (&data.classes, &data.X) {
            (Some(classes), InputsMatrix::Dense(X)) if metrics.separation && linear => {
                Some(Classes::new(X.view(), classes))
            }
            _ => None,
        };
        let alignment = if metrics.alignment && linear {
            Alignment::new(data)
        } else {
            None
        };
        Meter { alignment, classes }
    }
}

/// Pushes the rows of `step`.
pub(super) fn measure<T: Real>(full: &Full<'_, T>, step: u64, rows: &mut Rows) {
    let metrics = &full.trial.measure.metrics;
    let mut scalars = Scalars {
        train_loss: finite(full.loss),
        ..Scalars::default()
    };
    let here = Here {
        trial: full.trial,
        data: full.data,
        threads: full.threads,
        W: full.weights.iter().map(widened).collect(),
    };
    let map = here.map_wanted().then(|| here.end_to_end());
    here.judge(map.as_ref(), &mut scalars);
    if metrics.sharpness {
        scalars.sharpness = here.sharpness();
    }
    let spectra = here.spectra(map.as_ref());
    if let Some(spectrum) = spectra.first().and_then(Option::as_ref) {
        let found = spectrum_scalars(&spectrum.entries);
        scalars.effective_rank = found.effective_rank.filter(|_| metrics.effective_rank);
        scalars.stable_rank = found.stable_rank.filter(|_| metrics.stable_rank);
        scalars.nuclear_norm = found
            .nuclear_norm
            .and_then(finite)
            .filter(|_| metrics.nuclear_norm);
        let alignment = full.meter.alignment.as_ref();
        scalars.alignment = alignment.and_then(|alignment| alignment.angle(spectrum));
    }
    rows.history.push(HistoryRow { step, scalars });
    if layer_rows_wanted(metrics) {
        let separation = separation(full, &here);
        push_layers(&here, step, &separation, &spectra, rows);
    }
    if metrics.spectrum || metrics.angles {
        for (layer, spectrum) in (0..).zip(spectra) {
            if let Some(spectrum) = spectrum {
                push_spectrum(rows, step, layer, spectrum, metrics.angles);
            }
        }
    }
}

/// `D_0 .. D_(L-1)`; empty where they are not asked for or there are no classes.
fn separation<T: Real>(full: &Full<'_, T>, here: &Here<'_>) -> Vec<Option<f64>> {
    let hidden = here.W.len() - 1;
    if let Some(classes) = &full.meter.classes {
        let hidden: Vec<_> = here.W[..hidden].iter().map(|W| W.view()).collect();
        return classes.by_layer(&hidden, full.threads);
    }
    match (&full.data.classes, &full.data.X, &full.pass) {
        (Some(classes), InputsMatrix::Dense(X), Pass::Samples(pass))
            if !here.linear() && here.metrics().separation =>
        {
            let mut found = vec![sample_separation(X.view(), classes)];
            for A in pass.hidden() {
                found.push(sample_separation(widened(A).view(), classes));
            }
            found
        }
        _ => Vec::new(),
    }
}

fn push_layers(
    here: &Here<'_>,
    step: u64,
    separation: &[Option<f64>],
    spectra: &[Option<Spectrum>],
    rows: &mut Rows,
) {
    let metrics = here.metrics();
    let depth = here.W.len();
    let first = if separation.is_empty() { 1 } else { 0 };
    for layer in first..=depth {
        let spectrum = spectra.get(layer).and_then(Option::as_ref);
        let found = spectrum
            .filter(|_| layer > 0)
            .map(|spectrum| spectrum_scalars(&spectrum.entries))
            .unwrap_or_default();
        let unbalanced = metrics.balancedness && (1..depth).contains(&layer);
        rows.layers.push(LayerRow {
            step,
            layer: layer as u32,
            separation: separation.get(layer).copied().flatten(),
            balancedness: unbalanced
                .then(|| balancedness(here.W[layer].view(), here.W[layer - 1].view(), here.threads))
                .and_then(finite),
            effective_rank: found.effective_rank.filter(|_| metrics.effective_rank),
            stable_rank: found.stable_rank.filter(|_| metrics.stable_rank),
        });
    }
}

/// The network at the step that is measured.
struct Here<'a> {
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
    /// `W_1 .. W_L`.
    W: Vec<Array2<f64>>,
}

impl Here<'_> {
    fn metrics(&self) -> &Metrics {
        &self.trial.measure.metrics
    }

    fn linear(&self) -> bool {
        self.trial.network.activation.is_linear()
    }

    /// Whether `W_L .. W_1` is needed. A ReLU network is no such map.
    fn map_wanted(&self) -> bool {
        let metrics = self.metrics();
        let judged = metrics.train_loss && self.data.classes.is_some()
            || metrics.test_loss && (self.data.test.is_some() || self.data.mask.is_some());
        self.linear() && (judged || self.map_decomposed() || self.layers_decomposed())
    }

    fn map_decomposed(&self) -> bool {
        let metrics = self.metrics();
        metrics.nuclear_norm || metrics.alignment
    }

    fn layers_decomposed(&self) -> bool {
        let metrics = self.metrics();
        metrics.spectrum || metrics.angles || metrics.effective_rank || metrics.stable_rank
    }

    /// `W_L .. W_1`, multiplied from its thinner end.
    fn end_to_end(&self) -> Array2<f64> {
        let depth = self.W.len();
        if self.trial.problem.outputs_dim <= self.trial.problem.inputs_dim {
            let mut M = self.W[depth - 1].clone();
            for W in self.W[..depth - 1].iter().rev() {
                M = multiply(self.threads, M.view(), W.view());
            }
            M
        } else {
            let mut M = self.W[0].clone();
            for W in &self.W[1..] {
                M = multiply(self.threads, W.view(), M.view());
            }
            M
        }
    }

    /// Spectra of the end-to-end map (where there is one) and of every layer, as far as they are asked for.
    fn spectra(&self, map: Option<&Array2<f64>>) -> Vec<Option<Spectrum>> {
        let metrics = self.metrics();
        let layers = self.layers_decomposed();
        let map = map.filter(|_| layers || self.map_decomposed());
        let mut wanted: Vec<(Option<&Array2<f64>>, bool)> =
            vec![(map, metrics.angles || metrics.alignment)];
        if layers {
            wanted.extend(self.W.iter().map(|W| (Some(W), metrics.angles)));
        }
        let decompose = |&(A, vectors): &(Option<&Array2<f64>>, bool)| match A {
            Some(A) if vectors => Spectrum::of(A.view()),
            Some(A) => Spectrum::values_of(A.view()),
            None => None,
        };
        match self.threads {
            Threads::Seq => wanted.iter().map(decompose).collect(),
            // Each decomposition is sequential, so the bits stay the same.
            Threads::Pool => wanted.par_iter().map(decompose).collect(),
        }
    }

    /// Fills in losses on what is held out and accuracies.
    fn judge(&self, map: Option<&Array2<f64>>, scalars: &mut Scalars) {
        let metrics = self.metrics();
        if let (true, Some(classes), InputsMatrix::Dense(X)) =
            (metrics.train_loss, &self.data.classes, &self.data.X)
        {
            let hits = self.over_samples(map, X.view(), |start, outputs| {
                correct(outputs, &classes[start..start + outputs.ncols()]) as f64
            });
            scalars.accuracy = Some(hits / X.ncols() as f64);
        }
        if !metrics.test_loss {
            return;
        }
        if let Some(mask) = &self.data.mask {
            let Y = self.data.Y.dense();
            let squares = match map {
                Some(map) => hidden_square_distance(map.view(), Y.view(), mask.view()),
                None => {
                    let identity = Array2::eye(self.trial.problem.inputs_dim);
                    let outputs = self.outputs(None, identity.view());
                    hidden_square_distance(outputs.view(), Y.view(), mask.view())
                }
            };
            scalars.test_loss = finite(0.5 * self.data.c * squares);
        }
        if let Some(test) = &self.data.test {
            self.judge_test(map, test, scalars);
        }
    }

    fn judge_test(&self, map: Option<&Array2<f64>>, test: &TestSet, scalars: &mut Scalars) {
        let count = test.X.ncols() as f64;
        let mut hits = 0.0;
        let squares = self.over_samples(map, test.X.view(), |start, outputs| {
            let end = start + outputs.ncols();
            if let Some(classes) = &test.classes {
                hits += correct(outputs, &classes[start..end]) as f64;
            }
            let Y = test.Y.slice(ndarray::s![.., start..end]);
            square_distance(outputs, Y)
        });
        let c = self
            .trial
            .problem
            .loss
            .scale(test.Y.nrows(), test.Y.ncols());
        scalars.test_loss = finite(0.5 * c * squares);
        scalars.test_accuracy = test.classes.is_some().then(|| hits / count);
    }

    /// Adds up what `visit` makes of the outputs of samples `start..`, some at a time.
    fn over_samples(
        &self,
        map: Option<&Array2<f64>>,
        X: ArrayView2<'_, f64>,
        mut visit: impl FnMut(usize, ArrayView2<'_, f64>) -> f64,
    ) -> f64 {
        let mut sum = 0.0;
        let mut start = 0;
        for part in X.axis_chunks_iter(Axis(1), TOGETHER) {
            let outputs = self.outputs(map, part);
            sum += visit(start, outputs.view());
            start += part.ncols();
        }
        sum
    }

    /// The network's outputs, `d_y x n`, through its end-to-end map where that is known.
    fn outputs(&self, map: Option<&Array2<f64>>, X: ArrayView2<'_, f64>) -> Array2<f64> {
        if let Some(map) = map {
            return multiply(self.threads, map.view(), X);
        }
        let mut A = X.to_owned();
        for (l, W) in self.W.iter().enumerate() {
            A = multiply(self.threads, W.view(), A.view());
            if l + 1 < self.W.len() {
                self.trial.network.activation.apply(self.threads, &mut A);
            }
        }
        A
    }

    fn sharpness(&self) -> Option<f64> {
        let Y = self.data.Y.dense();
        let folded = self
            .data
            .folded
            .as_ref()
            .filter(|_| self.linear() && self.data.mask.is_none());
        let (X, Y) = match (folded, &self.data.X) {
            (Some(folded), _) => (Some(folded.X.view()), folded.Y.view()),
            (None, InputsMatrix::Dense(X)) => (Some(X.view()), Y.view()),
            (None, InputsMatrix::Identity) => (None, Y.view()),
        };
        let curvature = Curvature {
            weights: self.W.iter().map(|W| W.view()).collect(),
            X,
            Y,
            mask: self.data.mask.as_ref().map(|mask| mask.view()),
            c: self.data.c,
            activation: self.trial.network.activation,
            weight_decay: self.trial.optimizer.weight_decay,
            threads: self.threads,
        };
        curvature.sharpness()
    }
}
