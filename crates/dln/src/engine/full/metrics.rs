//! What the full engine measures, from its weights widened to double precision.

use ndarray::{Array2, ArrayView2};

use super::fit::widened;
use super::started::Started;
use crate::config::{Metrics, Trial};
use crate::data::{Data, InputsMatrix, TestSet, TrainSamples};
use crate::kernel::{Real, Threads, add_to_rows, multiply};
use crate::measure::{
    Alignment, Classes, LossHessian, MeasuredNetwork, Moved, Spectrum, balancedness, chain,
    correct, finite, hidden_square_distance, over_samples, sample_separation, seen_square_distance,
    share_correct, square_distance,
};
use crate::metric::{Decomposition, Scalars};
use crate::theory::{Modes, Theory};

/// What is measured against, made once.
#[derive(Debug)]
pub(super) struct Meter {
    alignment: Option<Alignment>,
    /// For linear networks.
    classes: Option<Classes>,
    /// Where what the layers move is asked for.
    started: Option<Started>,
    theory: Option<Theory>,
}

impl Meter {
    pub(super) fn new(trial: &Trial, data: &Data) -> Meter {
        let metrics = &trial.measure.metrics;
        let linear = trial.network.is_linear();
        let wanted = metrics.separation && linear;
        let classes = data.classified().filter(|_| wanted);
        let classes = classes.map(|(X, classes)| Classes::new(X.view(), classes));
        let alignment = if metrics.alignment && linear {
            Alignment::new(data)
        } else {
            None
        };
        Meter {
            alignment,
            classes,
            started: None,
            theory: Theory::new(trial, data),
        }
    }

    /// Has updates measured against this start.
    pub(super) fn start(&mut self, started: Option<Started>) {
        self.started = started;
    }
}

/// The network at the step that is measured.
pub(super) struct FullNetwork<'a, T> {
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
    meter: &'a Meter,
    /// Features of the training samples after each hidden layer, where the pass keeps them.
    features: Option<&'a [Array2<T>]>,
    /// `W_1 .. W_L`.
    W: Vec<Array2<f64>>,
    /// `b_1 .. b_L`, where there are biases.
    b: Vec<Array2<f64>>,
    /// `W_L .. W_1` where it is needed. A network with an activation is no such map.
    map: Option<Array2<f64>>,
    /// What biases add to the outputs of that map.
    offset: Option<Array2<f64>>,
}

impl<'a, T: Real> FullNetwork<'a, T> {
    pub(super) fn new(
        (trial, data, threads): (&'a Trial, &'a Data, Threads),
        meter: &'a Meter,
        (weights, biases): (&[Array2<T>], &[Array2<T>]),
        features: Option<&'a [Array2<T>]>,
    ) -> FullNetwork<'a, T> {
        let mut here = FullNetwork {
            trial,
            data,
            threads,
            meter,
            features,
            W: weights.iter().map(widened).collect(),
            b: biases.iter().map(widened).collect(),
            map: None,
            offset: None,
        };
        let metrics = here.metrics();
        let judged = metrics.train_loss && (data.classes.is_some() || data.clean.is_some())
            || metrics.test_loss && (data.test.is_some() || data.mask.is_some());
        let decomposed = metrics.map() != Decomposition::Not;
        if trial.network.is_linear() && (judged || decomposed) {
            here.map = Some(here.end_to_end());
            here.offset = here.offset();
        }
        here
    }

    fn metrics(&self) -> &'a Metrics {
        &self.trial.measure.metrics
    }

    /// `W_L .. W_1`, multiplied from its thinner end.
    fn end_to_end(&self) -> Array2<f64> {
        let problem = &self.trial.problem;
        let outputs_first = problem.outputs_dim <= problem.inputs_dim;
        chain(self.threads, &self.W, outputs_first)
    }

    /// What a linear network gives at zero inputs: `b_L + W_L (b_(L-1) + ..)`.
    fn offset(&self) -> Option<Array2<f64>> {
        let (first, others) = self.b.split_first()?;
        let mut at_zero = first.clone();
        for (W, b) in self.W.iter().skip(1).zip(others) {
            at_zero = multiply(self.threads, W.view(), at_zero.view());
            at_zero += b;
        }
        Some(at_zero)
    }

    /// Fills in what the test samples say.
    fn judge_test(&self, test: &TestSet, scalars: &mut Scalars) {
        let mut hits = 0.0;
        let outputs = |X: ArrayView2<'_, f64>| self.outputs(X);
        let loss = self.trial.problem.loss;
        let sum = over_samples(test.X.view(), outputs, |start, outputs| {
            let end = start + outputs.ncols();
            if let Some(classes) = &test.classes {
                hits += correct(outputs, &classes[start..end]) as f64;
            }
            let Y = test.Y.slice(ndarray::s![.., start..end]);
            loss.sum_over(outputs, Y)
        });
        let (outputs, n) = test.Y.dim();
        scalars.test_loss = finite(loss.weighed(loss.scale(outputs, n), sum));
        scalars.test_accuracy = test.classes.is_some().then(|| hits / n as f64);
    }

    /// The train loss against the targets before noise was added to them; `None` without noise.
    fn clean_loss(&self) -> Option<f64> {
        let data = self.data;
        let Y = data.clean.as_ref()?.dense();
        let squares = match (&data.X, &self.map) {
            (InputsMatrix::Identity, Some(map)) => {
                let mask = data.mask.as_ref().map(|mask| mask.view());
                seen_square_distance(map.view(), Y.view(), mask)
            }
            (InputsMatrix::Identity, None) => {
                let outputs = self.outputs(Array2::eye(Y.ncols()).view());
                let mask = data.mask.as_ref().map(|mask| mask.view());
                seen_square_distance(outputs.view(), Y.view(), mask)
            }
            (InputsMatrix::Dense(X), _) => over_samples(
                X.view(),
                |X| self.outputs(X),
                |start, outputs| {
                    let end = start + outputs.ncols();
                    square_distance(outputs, Y.slice(ndarray::s![.., start..end]))
                },
            ),
        };
        finite(0.5 * data.c * squares)
    }

    /// The network's outputs, `d_y x n`, through its end-to-end map where that is known.
    fn outputs(&self, X: ArrayView2<'_, f64>) -> Array2<f64> {
        let threads = self.threads;
        if let Some(map) = &self.map {
            let mut outputs = multiply(threads, map.view(), X);
            if let Some(offset) = &self.offset {
                add_to_rows(&mut outputs, offset);
            }
            return outputs;
        }
        let functions = self.trial.network.functions();
        let mut A = X.to_owned();
        for (l, W) in self.W.iter().enumerate() {
            A = multiply(threads, W.view(), A.view());
            if let Some(b) = self.b.get(l) {
                add_to_rows(&mut A, b);
            }
            if let Some(function) = functions.get(l) {
                function.apply(threads, &mut A);
            }
        }
        A
    }
}

impl<T: Real> MeasuredNetwork for FullNetwork<'_, T> {
    fn depth(&self) -> usize {
        self.W.len()
    }

    fn threads(&self) -> Threads {
        self.threads
    }

    fn judge(&self, scalars: &mut Scalars) {
        let (metrics, data) = (self.metrics(), self.data);
        let trained = data.classified().filter(|_| metrics.train_loss);
        scalars.accuracy =
            trained.map(|(X, classes)| share_correct(X.view(), classes, |X| self.outputs(X)));
        if metrics.train_loss {
            scalars.clean_loss = self.clean_loss();
        }
        if !metrics.test_loss {
            return;
        }
        if let Some(mask) = &data.mask {
            let Y = data.Y.dense();
            let outputs = match &self.map {
                Some(map) => map,
                None => &self.outputs(Array2::eye(self.trial.problem.inputs_dim).view()),
            };
            let squares = hidden_square_distance(outputs.view(), Y.view(), mask.view());
            scalars.test_loss = finite(0.5 * data.c * squares);
        }
        if let Some(test) = &data.test {
            self.judge_test(test, scalars);
        }
    }

    fn map(&self, vectors: bool) -> Option<Spectrum> {
        Spectrum::decomposed(self.map.as_ref()?.view(), vectors)
    }

    fn layer(&self, layer: usize, vectors: bool) -> Option<Spectrum> {
        Spectrum::decomposed(self.W[layer - 1].view(), vectors)
    }

    fn alignment(&self, map: &Spectrum) -> Option<f64> {
        self.meter.alignment.as_ref()?.angle(map)
    }

    fn balancedness(&self, layer: usize) -> f64 {
        let (above, below) = (&self.W[layer], &self.W[layer - 1]);
        balancedness(above.view(), below.view(), self.threads)
    }

    fn theory(&self) -> Option<&Theory> {
        self.meter.theory.as_ref()
    }

    fn modes(&self) -> Option<Vec<f64>> {
        let target = &self.meter.theory.as_ref()?.modes;
        let map = self.map.as_ref()?;
        let bases = (&target.U, &target.V);
        Some(Modes::values_of(map, bases, self.threads))
    }

    fn moved(&self, layer: usize) -> Option<Moved> {
        let started = self.meter.started.as_ref()?;
        started.moved(layer, &self.W[layer - 1], self.threads)
    }

    fn separation(&self) -> Vec<Option<f64>> {
        if let Some(classes) = &self.meter.classes {
            let hidden = &self.W[..self.W.len() - 1];
            let hidden: Vec<_> = hidden.iter().map(|W| W.view()).collect();
            return classes.by_layer(&hidden, self.threads);
        }
        let classified = self.data.classified().zip(self.features);
        let Some(((X, classes), features)) = classified.filter(|_| self.metrics().separation)
        else {
            return Vec::new();
        };
        let mut found = vec![sample_separation(X.view(), classes)];
        for A in features {
            found.push(sample_separation(widened(A).view(), classes));
        }
        found
    }

    fn hessian(&self, read: &dyn Fn(&LossHessian<'_>) -> Option<f64>) -> Option<f64> {
        let (trial, data) = (self.trial, self.data);
        let (X, Y) = match data.samples(trial.folds()) {
            TrainSamples::Identity => (None, data.Y.dense()),
            TrainSamples::Dense { X, Y, .. } => (Some(X), Y),
        };
        read(&LossHessian {
            weights: self.W.iter().map(|W| W.view()).collect(),
            biases: self.b.iter().map(|b| b.view()).collect(),
            X,
            Y: Y.view(),
            mask: data.mask.as_ref().map(|mask| mask.view()),
            loss: trial.problem.loss,
            c: data.c,
            functions: trial.network.functions(),
            weight_decay: trial.optimizer.penalty(),
            threads: self.threads,
        })
    }
}
