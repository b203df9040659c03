//! The factored engine itself: factors, cores, the optimizer.

use std::borrow::Cow;

use ndarray::{Array1, Array2, ArrayView2, s};

use super::cost::{check, flops, is_dense};
use super::metrics::FactoredNetwork;
use super::start::{FactoredStart, start};
use crate::checkpoint::{put_matrix, take_matrix};
use crate::config::{Precision, Trial};
use crate::data::Data;
use crate::engine::{Engine, EngineReport};
use crate::error::TrialError;
use crate::exported::{Exported, ExportedParts, collapsed, embedded};
use crate::kernel::Dense;
use crate::kernel::simd::Observed;
use crate::kernel::simd::{Lane, arch_for, stride};
use crate::kernel::{Threads, multiply, multiply_into, norm_of};
use crate::measure::{Alignment, Rows, measure, rounded};
use crate::optimizer::{Descent, Gradient};
use crate::outcome;

/// The factored engine for a trial, in the precision it asks for, ready at step 0.
///
/// # Errors
/// [`crate::NotFactorable`] where it cannot serve the trial; what is wrong with the initial weights.
pub(crate) fn build<'a>(
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
) -> Result<Box<dyn Engine + 'a>, TrialError> {
    check(trial)?;
    let begun = start(trial, data, threads)?;
    let engine: Box<dyn Engine + 'a> = match trial.train.precision {
        Precision::F64 => Box::new(Factored::<f64>::new(trial, data, threads, &begun)),
        Precision::F32 => Box::new(Factored::<f32>::new(trial, data, threads, &begun)),
    };
    Ok(engine)
}

#[derive(Debug)]
pub(super) struct Factored<'a, T> {
    pub(super) trial: &'a Trial,
    pub(super) data: &'a Data,
    pub(super) threads: Threads,
    /// The targets, formed.
    pub(super) Y: Cow<'a, Array2<f64>>,
    pub(super) alignment: Option<Alignment>,
    /// Columns of `V` and of the left factor, `p_0`.
    width: usize,
    /// `d_x x stride`, zero from `p_0` on.
    V: Array2<T>,
    /// `C_1 .. C_L`, numbered from 0 here, `p_(j+1) x p_j`.
    C: Vec<Array2<T>>,
    /// `d_y x p_L`.
    U: Array2<T>,
    pass: FactoredPass<T>,
    /// `U C_L .. C_1`, `d_y x stride`.
    left: Array2<T>,
    /// `c R V` and `c R^T U C_L .. C_1` of the residual `R`; the second is empty where the factors are frozen.
    out: Array2<T>,
    back: Array2<T>,
    /// `A_j = C_(L-1) .. C_j`, `p_L x p_j`, `j = 0 .. L-2`; `A_(L-1)` is the last core itself.
    down: Vec<Array2<T>>,
    /// `S_j = U^T (c R V) C_0^T .. C_(j-1)^T`, `p_L x p_j`, `j = 0 .. L-1`.
    up: Vec<Array2<T>>,
    inner: Descent<T>,
    /// Of `V` and `U`; none where they are frozen.
    outer: Option<Descent<T>>,
    /// `C_1(0) .. C_L(0)`, where updates are asked for.
    started: Vec<Array2<f64>>,
    /// Train loss of the kept pass.
    pub(super) loss: f64,
    flops: f64,
}

/// The two ways over the entries, chosen once by how many are observed.
#[derive(Debug)]
enum FactoredPass<T> {
    Observed(Observed<T>),
    Dense(Dense<T>),
}

impl<T: Lane> FactoredPass<T> {
    /// The pass over the entries of `Y`, and how many it goes over.
    fn new(data: &Data, Y: &Array2<f64>, width: usize, trained: bool) -> (FactoredPass<T>, f64) {
        let c = T::of(data.c);
        let observed = data.mask.as_ref().map_or(1.0, |mask| mask.sum());
        let all = Y.len() as f64;
        match &data.mask {
            Some(mask) if !is_dense(observed / all) => {
                let pass = Observed::new(Y, mask, width, trained, c);
                let count = pass.count() as f64;
                (FactoredPass::Observed(pass), count)
            }
            mask => {
                let mask = mask.as_ref().map(cast);
                (FactoredPass::Dense(Dense::new(cast(Y), mask, c)), all)
            }
        }
    }
}

impl<'a, T: Lane> Factored<'a, T> {
    pub(super) fn new(
        trial: &'a Trial,
        data: &'a Data,
        threads: Threads,
        begun: &FactoredStart,
    ) -> Factored<'a, T> {
        let FactoredStart { V, C, U } = begun;
        let (d_x, width) = V.dim();
        let (d_y, last) = U.dim();
        let row = stride::<T>(arch_for::<T>(width), width);
        let optimizer = &trial.optimizer;
        let trained = optimizer.factor_rate != 0.0;
        let Y = data.Y.dense();
        let (pass, entries) = FactoredPass::new(data, &Y, width, trained);
        let mut V_padded = Array2::zeros((d_x, row));
        let mut held = V_padded.slice_mut(s![.., ..width]);
        held.zip_mut_with(V, |to: &mut T, &from| *to = T::of(from));
        let shapes: Vec<(usize, usize)> = C.iter().map(|C| C.dim()).collect();
        let mut widths = vec![width];
        widths.extend(shapes.iter().map(|&(rows, _)| rows));
        let by_columns = |count: usize| -> Vec<Array2<T>> {
            let shapes = shapes[..count].iter();
            shapes
                .map(|&(_, columns)| Array2::zeros((last, columns)))
                .collect()
        };
        let alignment = if trial.measure.metrics.alignment {
            Alignment::new(data)
        } else {
            None
        };
        Factored {
            trial,
            data,
            threads,
            Y,
            alignment,
            width,
            V: V_padded,
            C: C.iter().map(cast).collect(),
            U: cast(U),
            pass,
            left: Array2::zeros((d_y, row)),
            out: Array2::zeros((d_y, row)),
            back: Array2::zeros(if trained { (d_x, row) } else { (0, 0) }),
            down: by_columns(shapes.len() - 1),
            up: by_columns(shapes.len()),
            inner: Descent::new(optimizer, &shapes, 0),
            outer: trained.then(|| {
                let outer = Descent::new(optimizer, &[(d_x, row), (d_y, last)], 0);
                outer
                    .with_columns(0, width)
                    .with_factor(optimizer.factor_rate)
            }),
            started: if trial.measure.metrics.any(|about| about.updates) {
                let precision = trial.train.precision;
                C.iter().map(|C| rounded(precision, C)).collect()
            } else {
                Vec::new()
            },
            loss: f64::NAN,
            flops: flops(entries, d_y, &widths, trained),
        }
    }

    /// The factors and cores in double precision: `V`, `C_1 .. C_L`, `U`.
    pub(super) fn network(&self) -> FactoredStart {
        FactoredStart {
            V: wide(self.V.slice(s![.., ..self.width])),
            C: self.C.iter().map(|C| wide(C.view())).collect(),
            U: wide(self.U.view()),
        }
    }

    /// Number of cores.
    fn depth(&self) -> usize {
        self.C.len()
    }

    /// `S_0 .. S_(L-1)` of the kept pass.
    fn sums_up(&mut self) {
        let out = self.out.slice(s![.., ..self.width]);
        set(&mut self.up[0], self.U.t(), out);
        for j in 1..self.depth() {
            let (before, own) = self.up.split_at_mut(j);
            set(&mut own[0], before[j - 1].view(), self.C[j - 1].t());
        }
    }

    /// Sum of squares of all gradients that are taken, penalty included, at the weights of the kept pass, each
    /// entry times `scale`.
    fn gradient_squares(&self, scale: f64) -> f64 {
        let decay = T::of(self.trial.optimizer.penalty());
        let square = |mut G: Array2<T>, W: ArrayView2<'_, T>| -> f64 {
            G.scaled_add(decay, &W);
            let entries = G.iter().map(|g| scale * g.wide());
            entries.map(|g| g * g).sum()
        };
        let mut sum = 0.0;
        for (j, C) in self.C.iter().enumerate() {
            let S = self.up[j].view();
            let G = match self.down.get(j + 1).or(self.C.last()) {
                Some(A) if j + 1 < self.depth() => multiply(self.threads, A.t(), S),
                _ => S.to_owned(),
            };
            sum += square(G, C.view());
        }
        if self.outer.is_some() {
            sum += square(self.back.clone(), self.V.view());
            let out = self.out.slice(s![.., ..self.width]);
            let G = multiply(self.threads, out, self.whole().t());
            sum += square(G, self.U.view());
        }
        sum
    }

    /// `C_(L-1) .. C_0`.
    fn whole(&self) -> &Array2<T> {
        self.down.first().unwrap_or(&self.C[0])
    }
}

impl<T: Lane> Engine for Factored<'_, T> {
    fn loss(&mut self) -> f64 {
        let depth = self.depth();
        for j in (0..depth - 1).rev() {
            let (own, above) = self.down.split_at_mut(j + 1);
            let A = above.first().unwrap_or(&self.C[depth - 1]);
            set(&mut own[j], A.view(), self.C[j].view());
        }
        let whole = self.down.first().unwrap_or(&self.C[0]);
        let left = self.left.slice_mut(s![.., ..self.width]);
        multiply_into(self.threads, left, self.U.view(), whole.view());
        let back = self.outer.is_some().then_some(&mut self.back);
        let both = [&self.left, &self.V];
        let squares = match &mut self.pass {
            FactoredPass::Observed(pass) => pass.pass(self.threads, both, &mut self.out, back),
            FactoredPass::Dense(pass) => {
                pass.pass(self.threads, self.width, both, &mut self.out, back)
            }
        };
        self.loss = 0.5 * self.data.c * squares;
        self.loss
    }

    fn gradient_norm(&mut self) -> f64 {
        self.sums_up();
        norm_of(|scale| self.gradient_squares(scale))
    }

    fn update(&mut self) {
        let norm = self.inner.needs_norm().then(|| self.gradient_norm());
        self.sums_up();
        let threads = self.threads;
        let depth = self.depth();
        if let Some(outer) = &mut self.outer {
            outer.begin(norm);
            let whole = self.down.first().unwrap_or(&self.C[0]);
            let of_V = Gradient {
                left: self.back.view(),
                right: None,
            };
            outer.apply(threads, 0, &mut self.V, &of_V);
            let of_U = Gradient {
                left: self.out.slice(s![.., ..self.width]),
                right: Some(whole.t()),
            };
            outer.apply(threads, 1, &mut self.U, &of_U);
        }
        self.inner.begin(norm);
        for j in 0..depth {
            let (below, above) = self.C.split_at_mut(j + 1);
            let S = self.up[j].view();
            let gradient = match above.last() {
                Some(last) => Gradient {
                    left: self.down.get(j + 1).unwrap_or(last).t(),
                    right: Some(S),
                },
                None => Gradient {
                    left: S,
                    right: None,
                },
            };
            self.inner.apply(threads, j, &mut below[j], &gradient);
        }
    }

    fn measure(&mut self, step: u64, rows: &mut Rows) {
        let here = FactoredNetwork {
            trial: self.trial,
            data: self.data,
            threads: self.threads,
            Y: &self.Y,
            target: self.alignment.as_ref(),
            network: self.network(),
            started: &self.started,
        };
        measure(&here, &self.trial.measure.metrics, self.loss, step, rows);
    }

    fn flops_per_step(&self) -> f64 {
        self.flops
    }

    fn save(&self, out: &mut Vec<u8>) {
        put_matrix(out, &self.V.slice(s![.., ..self.width]).to_owned());
        for W in std::iter::once(&self.U).chain(&self.C) {
            put_matrix(out, W);
        }
        self.inner.save(out);
        if let Some(outer) = &self.outer {
            outer.save(out);
        }
    }

    fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        let mut held = self.V.slice_mut(s![.., ..self.width]);
        let mut V = held.to_owned();
        take_matrix(bytes, &mut V)?;
        held.assign(&V);
        for W in std::iter::once(&mut self.U).chain(&mut self.C) {
            take_matrix(bytes, W)?;
        }
        self.loss = f64::NAN;
        self.inner.load(bytes)?;
        match &mut self.outer {
            Some(outer) => outer.load(bytes),
            None => Ok(()),
        }
    }

    fn set_threads(&mut self, threads: Threads) {
        self.threads = threads;
    }

    fn exported(&self) -> Option<Exported> {
        let FactoredStart { V, C, U } = self.network();
        let (whole, _) = collapsed(&C, &[]);
        Some(Exported {
            end_to_end: Some(embedded(U.view(), whole.view(), V.view())),
            offset: Some(Array1::zeros(U.nrows())),
            parts: ExportedParts::Core {
                bases: vec![(0, V), (C.len(), U)],
                cores: C,
                biases: Vec::new(),
            },
        })
    }

    fn report(&self) -> EngineReport {
        EngineReport {
            engine: outcome::EngineKind::Factored,
            core_width: Some(self.width as u64),
            residual: None,
        }
    }
}

/// `C <- A B`, all small.
fn set<T: Lane>(C: &mut Array2<T>, A: ArrayView2<'_, T>, B: ArrayView2<'_, T>) {
    multiply_into(Threads::Seq, C.view_mut(), A, B);
}

/// A row-major copy in precision `T`.
fn cast<T: Lane>(A: &Array2<f64>) -> Array2<T> {
    let mut copy = Array2::zeros(A.dim());
    copy.zip_mut_with(A, |to, &from| *to = T::of(from));
    copy
}

/// A row-major copy in double precision.
fn wide<T: Lane>(A: ArrayView2<'_, T>) -> Array2<f64> {
    let mut copy = Array2::zeros(A.dim());
    copy.zip_mut_with(&A, |to, &from| *to = from.wide());
    copy
}
