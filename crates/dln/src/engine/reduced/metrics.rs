//! What the reduced engine measures: the wide network's rows, from the core and the scalars.

use ndarray::{Array2, s};

use super::off_core::OffCoreScales;
use super::updates::OffMoved;
use super::views::Views;
use crate::config::Trial;
use crate::data::Data;
use crate::kernel::{Accum, Threads, multiply, product};
use crate::law::{Law, OffCore, RankRun, Reduction};
use crate::measure::{
    Alignment, Entry, EntryKind, LossHessian, MeasuredNetwork, Moved, Spectrum, balancedness,
    chain, finite, share_correct, thin,
};
use crate::metric::Scalars;
use crate::theory::{Modes, Theory};

/// Directions of each run that stand for all of them in the Hessian. It commutes with every rotation of a
/// run's directions, so its blocks are built from products of two directions, and two show them all: equal,
/// symmetric and antisymmetric.
const COPIES: usize = 2;
/// Names of the blocks off the core.
const MOVING: u32 = 0;
const IDLE: u32 = 1;
const ZERO: u32 = 2;

/// The network at the step that is measured.
pub(super) struct WideNetwork<'a> {
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
    reduction: &'a Reduction,
    views: &'a Views,
    off: &'a OffCoreScales,
    /// `C_1 .. C_L`.
    C: Vec<Array2<f64>>,
    /// `C_L .. C_1`.
    whole: Array2<f64>,
    /// The biases `b_1 .. b_L` on the core, where there are any.
    b: Vec<Array2<f64>>,
}

impl<'a> WideNetwork<'a> {
    pub(super) fn new(
        (trial, data, threads): (&'a Trial, &'a Data, Threads),
        reduction: &'a Reduction,
        views: &'a Views,
        off: &'a OffCoreScales,
        C: Vec<Array2<f64>>,
    ) -> WideNetwork<'a> {
        let outputs_first = C[C.len() - 1].nrows() <= C[0].ncols();
        WideNetwork {
            trial,
            data,
            threads,
            reduction,
            views,
            off,
            whole: chain(threads, &C, outputs_first),
            C,
            b: Vec::new(),
        }
    }

    pub(super) fn with_biases(self, b: Vec<Array2<f64>>) -> WideNetwork<'a> {
        WideNetwork { b, ..self }
    }

    fn runs(&self) -> &'a [RankRun] {
        match &self.reduction.off {
            OffCore::Runs(runs) => runs,
            OffCore::Rest { .. } => &[],
        }
    }

    fn is_live(&self, run: &RankRun) -> bool {
        run.first == 0 && run.last == self.C.len()
    }

    /// Directions off the core that pass through a layer, from 1: those through all layers, and the others.
    fn off_counts(&self, layer: usize) -> [usize; 2] {
        let live = self.reduction.off.live(self.C.len());
        let passing = self.runs().iter().filter(|run| run.passes(layer));
        let passing: usize = passing.map(|run| run.count).sum();
        [live, passing - live]
    }

    /// The size of the wide network's space `l`, from 0.
    fn size(&self, l: usize) -> usize {
        self.reduction.bases[l].rows()
    }

    /// The end-to-end map of the wide network, `d_y x d_x`; for classification, where `d_y` is small.
    fn outputs_map(&self) -> Array2<f64> {
        let bases = &self.reduction.bases;
        let (first, last) = (&bases[0], &bases[self.C.len()]);
        let outer = multiply(self.threads, last.view(), self.whole.view());
        let mut map = match &self.views.off_map {
            Some(off) => off * self.off.end_to_end_share(),
            None => Array2::zeros((last.rows(), first.rows())),
        };
        product(
            self.threads,
            map.view_mut(),
            Accum::Add,
            1.0,
            outer.view(),
            first.view().t(),
        );
        map
    }

    /// `rho` of a run at a layer, from 1; 0 where it does not pass.
    fn value(&self, run: &RankRun, layer: usize) -> f64 {
        if !run.passes(layer) {
            0.0
        } else if self.is_live(run) {
            self.off.moving(layer - 1)
        } else {
            self.off.idle(layer - 1)
        }
    }

    /// The core of a layer, from 1, with [`COPIES`] directions of every run beside it.
    fn extended(&self, layer: usize) -> Array2<f64> {
        let C = &self.C[layer - 1];
        let mut entries = Vec::new();
        let (mut row, mut column) = C.dim();
        for run in self.runs() {
            let count = run.count.min(COPIES);
            if run.passes(layer) {
                let value = self.value(run, layer);
                entries.extend((0..count).map(|i| (row + i, column + i, value)));
            }
            row += if run.holds(layer) { count } else { 0 };
            column += if run.holds(layer - 1) { count } else { 0 };
        }
        let mut W = Array2::zeros((row, column));
        W.slice_mut(s![..C.nrows(), ..C.ncols()]).assign(C);
        for (i, j, value) in entries {
            W[[i, j]] = value;
        }
        W
    }
}

impl MeasuredNetwork for WideNetwork<'_> {
    fn depth(&self) -> usize {
        self.C.len()
    }

    fn threads(&self) -> Threads {
        self.threads
    }

    fn judge(&self, scalars: &mut Scalars) {
        let metrics = &self.trial.measure.metrics;
        if let Some(test) = &self.views.test {
            scalars.test_loss = finite(test.loss(&self.whole, self.off, self.threads));
        }
        if let Some(clean) = &self.views.clean {
            scalars.clean_loss = finite(clean.loss(&self.whole, self.off, self.threads));
        }
        let trained = self.data.classified().filter(|_| metrics.train_loss);
        let test = self.data.test.as_ref().filter(|_| metrics.test_loss);
        let held_out = test.and_then(|test| Some((&test.X, test.classes.as_ref()?)));
        if trained.is_none() && held_out.is_none() {
            return;
        }
        let map = self.outputs_map();
        let share = |(X, classes): (&Array2<f64>, &Vec<u32>)| {
            share_correct(X.view(), classes, |X| multiply(self.threads, map.view(), X))
        };
        scalars.accuracy = trained.map(share);
        scalars.test_accuracy = held_out.map(share);
    }

    fn map(&self, vectors: bool) -> Option<Spectrum> {
        let depth = self.C.len();
        let live = self.reduction.off.live(depth);
        let through = [block(MOVING, self.off.through(), live)];
        let shape = (self.size(depth), self.size(0));
        spectrum(&self.whole, shape, &through, vectors)
    }

    fn layer(&self, layer: usize, vectors: bool) -> Option<Spectrum> {
        let l = layer - 1;
        let [live, idle] = self.off_counts(layer);
        let blocks = [
            block(MOVING, self.off.moving(l), live),
            block(IDLE, self.off.idle(l), idle),
        ];
        let shape = (self.size(layer), self.size(l));
        spectrum(&self.C[l], shape, &blocks, vectors)
    }

    fn theory(&self) -> Option<&Theory> {
        Some(&self.views.theory.as_ref()?.theory)
    }

    fn modes(&self) -> Option<Vec<f64>> {
        let theory = self.views.theory.as_ref()?;
        let bases = (&theory.U, &theory.V);
        Some(Modes::values_of(&self.whole, bases, self.threads))
    }

    fn moved(&self, layer: usize) -> Option<Moved> {
        let updates = self.views.updates.as_ref()?;
        let l = layer - 1;
        let [change, relative] = self.off.changes(l);
        let off = OffMoved {
            count: self.off_counts(layer),
            change,
            relative,
        };
        updates.moved(layer, (self.size(layer), self.size(l)), &self.C[l], off)
    }

    fn alignment(&self, map: &Spectrum) -> Option<f64> {
        angle(self.views.alignment.as_ref()?, map)
    }

    fn balancedness(&self, layer: usize) -> f64 {
        let (above, below) = (&self.C[layer], &self.C[layer - 1]);
        let core = balancedness(above.view(), below.view(), self.threads);
        let runs = self.runs().iter().filter(|run| run.holds(layer));
        let off: f64 = runs
            .map(|run| {
                let above = self.value(run, layer + 1).powi(2);
                let below = self.value(run, layer).powi(2);
                run.count as f64 * (above - below).powi(2)
            })
            .sum();
        core.hypot(off.sqrt())
    }

    fn separation(&self) -> Vec<Option<f64>> {
        match &self.views.separation {
            Some(classes) => classes.by_layer(&self.C, self.off, self.threads),
            None => Vec::new(),
        }
    }

    /// Of the core with a few directions of every run beside it, whose largest eigenvalue is the wide network's.
    fn hessian(&self, read: &dyn Fn(&LossHessian<'_>) -> Option<f64>) -> Option<f64> {
        let depth = self.C.len();
        let copies = |l: usize| -> usize {
            let runs = self.runs().iter().filter(|run| run.holds(l));
            runs.map(|run| run.count.min(COPIES)).sum()
        };
        let weights: Vec<Array2<f64>> = (1..=depth).map(|layer| self.extended(layer)).collect();
        let problem = &self.reduction.problem;
        let (k, m) = problem.targets.dim();
        let (above, below) = (copies(depth), copies(0));
        // Samples that show the directions outside of the core, where some do.
        let samples = match self.reduction.law {
            Law::Moments(_) => below,
            Law::Span => 0,
        };
        let mut Y = Array2::zeros((k + above, m + samples));
        Y.slice_mut(s![..k, ..m]).assign(&problem.targets);
        let X = problem.inputs.as_ref().map(|inputs| {
            let (k, m) = inputs.dim();
            let mut X = Array2::zeros((k + below, m + samples));
            X.slice_mut(s![..k, ..m]).assign(inputs);
            let sigma = self.reduction.sigma2.sqrt();
            X.slice_mut(s![k.., m..]).diag_mut().fill(sigma);
            X
        });
        let biases: Vec<Array2<f64>> = (1..)
            .zip(&self.b)
            .map(|(l, b)| {
                let mut extended = Array2::zeros((b.nrows() + copies(l), 1));
                extended.slice_mut(s![..b.nrows(), ..]).assign(b);
                extended
            })
            .collect();
        read(&LossHessian {
            weights: weights.iter().map(|W| W.view()).collect(),
            biases: biases.iter().map(|b| b.view()).collect(),
            X: X.as_ref().map(|X| X.view()),
            Y: Y.view(),
            mask: None,
            loss: self.trial.problem.loss,
            c: problem.c,
            functions: Vec::new(),
            weight_decay: self.trial.optimizer.weight_decay,
            threads: self.threads,
        })
    }
}

/// The angle between target and map, whose core may have rows and columns of zeros more than the target's
/// coordinates.
fn angle(target: &Alignment, spectrum: &Spectrum) -> Option<f64> {
    let (rows, columns) = (spectrum.U.nrows(), spectrum.V.nrows());
    if (target.U.nrows(), target.V.nrows()) == (rows, columns) {
        return target.angle(spectrum);
    }
    let among = |A: &Array2<f64>, rows: usize| {
        let mut more = Array2::zeros((rows, A.ncols()));
        more.slice_mut(s![..A.nrows(), ..]).assign(A);
        more
    };
    let target = Alignment {
        U: among(&target.U, rows),
        V: among(&target.V, columns),
    };
    target.angle(spectrum)
}

fn block(id: u32, value: f64, count: usize) -> Entry {
    Entry {
        value: value.abs(),
        kind: EntryKind::Block {
            id,
            multiplicity: count as u32,
        },
    }
}

/// The spectrum of a matrix of this shape that is `core` beside blocks, and zero elsewhere.
fn spectrum(
    core: &Array2<f64>,
    shape: (usize, usize),
    blocks: &[Entry],
    vectors: bool,
) -> Option<Spectrum> {
    let (rows, columns) = core.dim();
    let of_blocks: usize = blocks
        .iter()
        .map(|entry| entry.multiplicity() as usize)
        .sum();
    let held = rows.min(columns) + of_blocks;
    let mut zeros = shape.0.min(shape.1).saturating_sub(held);
    // The longer side of the core turns among zeros of the shorter one, so those belong to the pairs.
    let taken = zeros.min(rows.abs_diff(columns));
    zeros -= taken;
    let core = if taken > 0 {
        grown(core, taken)
    } else {
        core.clone()
    };
    let pairs = thin(core.view(), vectors)?;
    let blocks = blocks
        .iter()
        .copied()
        .chain([block(ZERO, 0.0, zeros)])
        .filter(|entry| entry.multiplicity() > 0)
        .collect();
    Some(Spectrum::new(pairs, blocks, shape))
}

/// `core` with so many zero rows or columns more on its shorter side.
fn grown(core: &Array2<f64>, count: usize) -> Array2<f64> {
    let (rows, columns) = core.dim();
    let shape = if rows < columns {
        (rows + count, columns)
    } else {
        (rows, columns + count)
    };
    let mut more = Array2::zeros(shape);
    more.slice_mut(s![..rows, ..columns]).assign(core);
    more
}
