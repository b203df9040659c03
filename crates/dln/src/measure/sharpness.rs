//! Sharpness: the largest eigenvalue of the Hessian of what is minimized.
//!
//! Hessian-vector products are exact (Pearlmutter's R-operator); the eigenvalue comes from Lanczos steps
//! with three vectors, whatever the number of weights.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::activation::LayerFunction;
use crate::config::Loss;
use crate::kernel::{
    Accum, Threads, add_to_rows, dot, multiply, product, row_sums, scale, scaled_add,
};
use crate::loss::OutputCurvature;
use crate::stream::fill_normal;

/// Lanczos steps after which the estimate, always a lower bound, is taken as it is.
const MOST_STEPS: usize = 1000;
/// Residual of the Ritz pair, relative to the eigenvalue, at which it counts as found. The eigenvalue's own
/// error goes with the square of the residual.
const RESIDUAL: f64 = 1e-8;
/// Residual relative to the norm of the operator below which nothing more can be resolved.
const NOISE: f64 = 1e-14;
/// Largest entries of the first product between which the squares of Lanczos stay far from the ends of a double's
/// range: operators beyond are scaled by a power of two, which rounds nothing.
const PLAIN: std::ops::RangeInclusive<f64> = 1e-100..=1e100;
/// Seed of the start vector, the same for every trial.
const START: u64 = 0x5ba9_7e55;

/// A network at fixed weights and biases, which are its parameters, and what it is trained on: the loss of the outputs
/// `f(X)` for the targets `Y`, and `weight_decay/2 sum ||W_l||_F^2`.
#[derive(Clone, Debug)]
pub(crate) struct LossHessian<'a> {
    /// `W_1 .. W_L`.
    pub(crate) weights: Vec<ArrayView2<'a, f64>>,
    /// `b_1 .. b_L`, columns in row-major order; empty where there are none.
    pub(crate) biases: Vec<ArrayView2<'a, f64>>,
    /// `d_x x n`; `None` is the identity.
    pub(crate) X: Option<ArrayView2<'a, f64>>,
    /// `d_y x n`.
    pub(crate) Y: ArrayView2<'a, f64>,
    /// 0 or 1, `d_y x n`.
    pub(crate) mask: Option<ArrayView2<'a, f64>>,
    pub(crate) loss: Loss,
    pub(crate) c: f64,
    /// After the first layers; nothing stands after the others.
    pub(crate) functions: Vec<LayerFunction>,
    pub(crate) weight_decay: f64,
    pub(crate) threads: Threads,
}

impl LossHessian<'_> {
    /// The largest eigenvalue of the Hessian; `None` where it is not finite. An activation with a kink counts as
    /// smooth on the side where it stands, as its derivative does.
    ///
    /// # Source
    /// Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6 (1994).
    pub(crate) fn sharpness(&self) -> Option<f64> {
        let size = self.parameters().map(|P| P.len()).sum();
        let pass = KeptPass::new(self);
        largest_eigenvalue(size, |v, out| pass.hessian_times(self, v, out))
    }

    /// The weights, then the biases: the order of the vectors that the Hessian takes.
    fn parameters(&self) -> impl Iterator<Item = &ArrayView2<'_, f64>> {
        self.weights.iter().chain(&self.biases)
    }

    /// `A X`, where the inputs may be the identity.
    fn times_inputs(&self, A: ArrayView2<'_, f64>) -> Array2<f64> {
        match self.X {
            Some(X) => multiply(self.threads, A, X),
            None => A.as_standard_layout().into_owned(),
        }
    }

    /// `c mask R`, entry by entry.
    fn weighted(&self, mut R: Array2<f64>) -> Array2<f64> {
        if let Some(mask) = self.mask {
            R *= &mask;
        }
        R *= self.c;
        R
    }

    /// The derivative of the loss by the outputs `E`.
    fn residual(&self, mut E: Array2<f64>) -> Array2<f64> {
        let Y = self.Y.as_standard_layout().into_owned();
        let mask = self.mask.map(|mask| mask.as_standard_layout().into_owned());
        let fitted_to = (&Y, mask.as_ref());
        self.loss.derive(self.threads, &mut E, fitted_to, self.c);
        E
    }
}

/// Activations and gradients at the fixed weights.
struct KeptPass {
    /// `A_1 .. A_(L-1)`, after the activation.
    hidden: Vec<Array2<f64>>,
    /// Slopes of the functions after those layers, empty where they follow from the values.
    slopes: Vec<Array2<f64>>,
    /// `B_1 .. B_L`, the gradient of the loss before the activation of each layer.
    gradients: Vec<Array2<f64>>,
    /// `f''(Z_l)` times the gradient after the activation, for the layers `1 .. L-1`; `None` for functions that are
    /// not curved.
    curved: Vec<Option<Array2<f64>>>,
    outputs: OutputCurvature,
}

impl KeptPass {
    fn new(net: &LossHessian<'_>) -> KeptPass {
        let depth = net.weights.len();
        let mut hidden: Vec<Array2<f64>> = Vec::with_capacity(depth);
        let (mut slopes, mut curved) = (Vec::new(), Vec::new());
        for (l, W) in net.weights.iter().enumerate() {
            let mut Z = match hidden.last() {
                Some(A) => multiply(net.threads, *W, A.view()),
                None => net.times_inputs(*W),
            };
            if let Some(b) = net.biases.get(l) {
                add_to_rows(&mut Z, &b.to_owned());
            }
            if let Some(function) = net.functions.get(l) {
                curved.push(function.is_curved().then(|| {
                    let mut bent = Z.clone();
                    function.curvature(net.threads, &mut bent);
                    bent
                }));
                let kept = if function.keeps_slope() {
                    Z.dim()
                } else {
                    (0, 0)
                };
                let mut D = Array2::zeros(kept);
                function.apply_keeping(net.threads, &mut Z, &mut D);
                slopes.push(D);
            }
            hidden.push(Z);
        }
        // The last entry is the output; without a layer there would be no gradient to go through either.
        let E = hidden.pop().unwrap_or_else(|| net.Y.to_owned());
        let outputs = net.loss.curvature(E.view());
        let mut B = net.residual(E);
        let mut gradients = Vec::with_capacity(depth);
        for (l, W) in net.weights.iter().enumerate().skip(1).rev() {
            let mut below = multiply(net.threads, W.t(), B.view());
            if let Some(Some(bent)) = curved.get_mut(l - 1) {
                *bent *= &below;
            }
            if let Some(function) = net.functions.get(l - 1) {
                function.slope(net.threads, &mut below, &hidden[l - 1], &slopes[l - 1]);
            }
            gradients.push(std::mem::replace(&mut B, below));
        }
        gradients.push(B);
        gradients.reverse();
        KeptPass {
            hidden,
            slopes,
            gradients,
            curved,
            outputs,
        }
    }

    /// `R B` of the layer below layer `l`, from that of layer `l` and `V_l`.
    fn carried_down(
        &self,
        net: &LossHessian<'_>,
        l: usize,
        (RB, V): (ArrayView2<'_, f64>, ArrayView2<'_, f64>),
        bend: Option<&Array2<f64>>,
    ) -> Array2<f64> {
        let mut below = multiply(net.threads, net.weights[l].t(), RB);
        add(net, below.view_mut(), V.t(), self.gradients[l].view());
        if let Some(function) = net.functions.get(l - 1) {
            let (A, D) = (&self.hidden[l - 1], &self.slopes[l - 1]);
            function.slope(net.threads, &mut below, A, D);
        }
        if let Some(bend) = bend {
            below += bend;
        }
        below
    }

    /// `out <- H v`.
    fn hessian_times(&self, net: &LossHessian<'_>, v: &[f64], out: &mut [f64]) {
        let V = layers(net.parameters(), v);
        let (V, v_biases) = V.split_at(net.weights.len());
        // R A_1 .. R A_(L-1), then R of the output.
        let mut tangents: Vec<Array2<f64>> = Vec::with_capacity(V.len());
        // What the turn of the activations' slopes adds to R B_1 .. R B_(L-1).
        let mut bends: Vec<Option<Array2<f64>>> = Vec::new();
        for (l, W) in net.weights.iter().enumerate() {
            let mut RZ = match l {
                0 => net.times_inputs(V[0]),
                _ => multiply(net.threads, V[l], self.hidden[l - 1].view()),
            };
            if let Some(RA) = tangents.last() {
                add(net, RZ.view_mut(), *W, RA.view());
            }
            if let Some(v) = v_biases.get(l) {
                add_to_rows(&mut RZ, &v.to_owned());
            }
            if let Some(function) = net.functions.get(l) {
                bends.push(self.curved[l].as_ref().map(|bent| bent * &RZ));
                function.slope(net.threads, &mut RZ, &self.hidden[l], &self.slopes[l]);
            }
            tangents.push(RZ);
        }
        let mut RB = match tangents.pop() {
            Some(mut RE) => {
                self.outputs.times(&mut RE);
                net.weighted(RE)
            }
            None => return,
        };
        let of_weights: usize = net.weights.iter().map(|W| W.len()).sum();
        let (mut rest, mut rest_of_biases) = out.split_at_mut(of_weights);
        for (l, W) in net.weights.iter().enumerate().rev() {
            let border = rest.len() - W.len();
            let (before, own) = std::mem::take(&mut rest).split_at_mut(border);
            let mut HV = layer_mut(own, W.dim());
            match (l, net.X) {
                (0, Some(X)) => replace(net, HV.view_mut(), RB.view(), X.t()),
                (0, None) => HV.assign(&RB),
                _ => {
                    replace(net, HV.view_mut(), RB.view(), self.hidden[l - 1].t());
                    let B = self.gradients[l].view();
                    add(net, HV.view_mut(), B, tangents[l - 1].t());
                }
            }
            HV.scaled_add(net.weight_decay, &V[l]);
            if !net.biases.is_empty() {
                let border = rest_of_biases.len() - W.nrows();
                let (before, own) = std::mem::take(&mut rest_of_biases).split_at_mut(border);
                let mut sums = Array2::zeros((W.nrows(), 1));
                row_sums(RB.view(), &mut sums);
                layer_mut(own, (W.nrows(), 1)).assign(&sums);
                rest_of_biases = before;
            }
            if l > 0 {
                let bend = bends.get(l - 1).and_then(Option::as_ref);
                RB = self.carried_down(net, l, (RB.view(), V[l]), bend);
            }
            rest = before;
        }
    }
}

fn replace(
    net: &LossHessian<'_>,
    C: ArrayViewMut2<'_, f64>,
    A: ArrayView2<'_, f64>,
    B: ArrayView2<'_, f64>,
) {
    product(net.threads, C, Accum::Replace, 1.0, A, B);
}

fn add(
    net: &LossHessian<'_>,
    C: ArrayViewMut2<'_, f64>,
    A: ArrayView2<'_, f64>,
    B: ArrayView2<'_, f64>,
) {
    product(net.threads, C, Accum::Add, 1.0, A, B);
}

/// A vector of all parameters, one matrix after another, each row by row, as matrices.
fn layers<'a, 'v>(
    parameters: impl Iterator<Item = &'a ArrayView2<'a, f64>>,
    v: &'v [f64],
) -> Vec<ArrayView2<'v, f64>> {
    let mut rest = v;
    let mut found = Vec::new();
    for W in parameters {
        let (own, after) = rest.split_at(W.len());
        let layer = ArrayView2::from_shape(W.dim(), own);
        found.push(layer.expect("as many numbers as the layer has weights"));
        rest = after;
    }
    found
}

fn layer_mut(own: &mut [f64], shape: (usize, usize)) -> ArrayViewMut2<'_, f64> {
    ArrayViewMut2::from_shape(shape, own).expect("as many numbers as the layer has weights")
}

/// The algebraically largest eigenvalue of the symmetric operator `apply(v, out)`: `out <- H v`, on vectors of
/// this size; `None` where it is not finite.
///
/// # Source
/// Lanczos without reorthogonalization, whose Ritz values stay correct (Paige, Linear Algebra and its
/// Applications 34, 1980): orthogonality is lost to vectors already found, which only repeats their values.
fn largest_eigenvalue(size: usize, mut apply: impl FnMut(&[f64], &mut [f64])) -> Option<f64> {
    let mut v = vec![0.0; size];
    fill_normal(&mut ChaCha8Rng::seed_from_u64(START), &mut v);
    let norm = dot(&v, &v).sqrt();
    scale(Threads::Seq, &mut v, 1.0 / norm);
    let mut previous = vec![0.0; size];
    let mut w = vec![0.0; size];
    let mut T = Tridiagonal::default();
    let mut beta = 0.0;
    let mut found = None;
    let mut factor = 1.0;
    // Rounding can cost a small operator a few steps beyond its size.
    for step in 0..(2 * size + 8).min(MOST_STEPS) {
        apply(&v, &mut w);
        if step == 0 {
            factor = factor_of(&w);
        }
        if factor != 1.0 {
            scale(Threads::Seq, &mut w, factor);
        }
        scaled_add(Threads::Seq, &mut w, -beta, &previous);
        let alpha = dot(&w, &v);
        scaled_add(Threads::Seq, &mut w, -alpha, &v);
        beta = dot(&w, &w).sqrt();
        if !alpha.is_finite() || !beta.is_finite() {
            return None;
        }
        T.push(alpha, beta);
        let (value, residual) = T.largest();
        found = Some(value / factor);
        if residual <= RESIDUAL * value.abs() || residual <= NOISE * T.norm {
            break;
        }
        std::mem::swap(&mut previous, &mut v);
        v.copy_from_slice(&w);
        scale(Threads::Seq, &mut v, 1.0 / beta);
    }
    found
}

/// The power of two that brings the largest of these numbers near 1, where it is outside of [`PLAIN`]; else 1.
fn factor_of(numbers: &[f64]) -> f64 {
    let largest = numbers.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    if largest == 0.0 || !largest.is_finite() || PLAIN.contains(&largest) {
        return 1.0;
    }
    // Of a subnormal number the logarithm is below -1022: the factor is then as large as a double holds.
    (-largest.log2().round()).clamp(-1000.0, 1000.0).exp2()
}

/// The matrix of the Lanczos steps taken so far.
#[derive(Default)]
struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Below each diagonal entry; the last one belongs to the step to come.
    off: Vec<f64>,
    /// Largest entry seen, an estimate of the operator's norm.
    norm: f64,
}

impl Tridiagonal {
    fn push(&mut self, alpha: f64, beta: f64) {
        self.diagonal.push(alpha);
        self.off.push(beta);
        self.norm = self.norm.max(alpha.abs()).max(beta);
    }

    /// The largest eigenvalue, by bisection, and the residual of its Ritz vector.
    fn largest(&self) -> (f64, f64) {
        let last = self.diagonal.len() - 1;
        let mut low = f64::NEG_INFINITY;
        let mut high = f64::NEG_INFINITY;
        for (i, &alpha) in self.diagonal.iter().enumerate() {
            let before = if i > 0 { self.off[i - 1] } else { 0.0 };
            let after = if i < last { self.off[i] } else { 0.0 };
            low = low.max(alpha);
            high = high.max(alpha + before + after);
        }
        let mut pivots = vec![0.0; self.diagonal.len()];
        loop {
            let middle = low + 0.5 * (high - low);
            if middle <= low || middle >= high {
                break;
            }
            if self.all_below(middle, &mut pivots) {
                high = middle;
            } else {
                low = middle;
            }
        }
        self.all_below(high, &mut pivots);
        // The Ritz vector from its last component up: s_i = -off_i s_(i+1) / pivot_i.
        let (mut component, mut squares) = (1.0f64, 1.0f64);
        for i in (0..last).rev() {
            component *= -self.off[i] / pivots[i];
            squares += component * component;
        }
        (high, self.off[last] / squares.sqrt())
    }

    /// Whether every eigenvalue lies below `x`: the pivots of `T - x I` are all negative. Fills the pivots up
    /// to the first that is not.
    fn all_below(&self, x: f64, pivots: &mut [f64]) -> bool {
        let mut carried = 0.0;
        for ((pivot, &alpha), &off) in pivots.iter_mut().zip(&self.diagonal).zip(&self.off) {
            *pivot = alpha - x - carried;
            if *pivot >= 0.0 {
                return false;
            }
            carried = off * off / *pivot;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Activation;
    use crate::kernel::view;
    use ndarray::Array1;

    fn matrix(rows: usize, columns: usize, seed: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            (((i * 131 + j * 17 + seed * 7919) % 101) as f64 / 61.7) - 0.8137
        })
    }

    /// The gradient, laid out as the Hessian's vectors.
    fn gradient(net: &LossHessian<'_>) -> Vec<f64> {
        let pass = KeptPass::new(net);
        let mut found = Vec::new();
        for (l, W) in net.weights.iter().enumerate() {
            let B = &pass.gradients[l];
            let G = match (l, net.X) {
                (0, Some(X)) => B.dot(&X.t()),
                (0, None) => B.clone(),
                _ => B.dot(&pass.hidden[l - 1].t()),
            };
            found.extend(G + W * net.weight_decay);
        }
        for (B, _) in pass.gradients.iter().zip(&net.biases) {
            found.extend(B.sum_axis(ndarray::Axis(1)));
        }
        found
    }

    /// With these weights and, after them, biases.
    fn net<'a>(parameters: &'a [Array2<f64>], like: &'a LossHessian<'_>) -> LossHessian<'a> {
        let biases = parameters.iter().filter(|P| P.ncols() == 1);
        let weights = parameters.iter().filter(|P| P.ncols() > 1);
        LossHessian {
            weights: weights.map(|W| W.view()).collect(),
            biases: biases.map(|b| b.view()).collect(),
            X: like.X.as_ref().map(|X| X.view()),
            Y: like.Y.view(),
            mask: like.mask.as_ref().map(|M| M.view()),
            loss: like.loss,
            c: like.c,
            functions: like.functions.clone(),
            weight_decay: like.weight_decay,
            threads: like.threads,
        }
    }

    /// Every column of the Hessian against central differences of the gradient, then its largest
    /// eigenvalue against faer's.
    fn check(
        dims: &[usize],
        X: Option<&Array2<f64>>,
        mask: bool,
        (activation, loss, bias): (Activation, Loss, bool),
        nonlinear: usize,
    ) {
        let functions = (0..dims.len() - 2).map(|l| {
            let linear = Activation::Linear;
            LayerFunction::of(if l < nonlinear { activation } else { linear }, 0.3)
        });
        let n = X.map_or(dims[0], |X| X.ncols());
        let outputs = dims[dims.len() - 1];
        let Y = if loss.needs_classes() {
            Array2::from_shape_fn((outputs, n), |(i, j)| {
                f64::from(u8::from((j * 7 + 2) % outputs == i))
            })
        } else {
            matrix(outputs, n, 5)
        };
        let mask_values = matrix(outputs, n, 6).mapv(|x| f64::from(u8::from(x > 0.0)));
        let mut weights: Vec<Array2<f64>> = dims
            .windows(2)
            .enumerate()
            .map(|(l, pair)| matrix(pair[1], pair[0], 10 + l))
            .collect();
        if bias {
            weights.extend((1..dims.len()).map(|l| matrix(dims[l], 1, 30 + l)));
        }
        let like = LossHessian {
            weights: Vec::new(),
            biases: Vec::new(),
            X: X.map(|X| X.view()),
            Y: Y.view(),
            mask: mask.then(|| mask_values.view()),
            loss,
            c: 0.3,
            functions: functions.collect(),
            weight_decay: 0.05,
            threads: Threads::Seq,
        };
        let here = net(&weights, &like);
        let size: usize = weights.iter().map(|W| W.len()).sum();
        let mut H = Array2::<f64>::zeros((size, size));
        let pass = KeptPass::new(&here);
        let step = 1e-5;
        for k in 0..size {
            let mut e = vec![0.0; size];
            e[k] = 1.0;
            let mut column = vec![0.0; size];
            pass.hessian_times(&here, &e, &mut column);
            let moved = |by: f64| {
                let mut weights = weights.clone();
                let mut at = k;
                for W in &mut weights {
                    if at < W.len() {
                        let columns = W.ncols();
                        W[[at / columns, at % columns]] += by;
                        break;
                    }
                    at -= W.len();
                }
                gradient(&net(&weights, &like))
            };
            for ((up, down), found) in moved(step).iter().zip(moved(-step)).zip(&column) {
                let wanted = (up - down) / (2.0 * step);
                assert!(
                    (wanted - found).abs() < 1e-7,
                    "{dims:?} {k}: {wanted} {found}"
                );
            }
            H.column_mut(k).assign(&Array1::from(column));
        }
        let values = view(H.view())
            .self_adjoint_eigenvalues(faer::Side::Lower)
            .expect("converges");
        let wanted = values[size - 1];
        let found = here.sharpness().expect("finite");
        assert!(
            (found - wanted).abs() <= 1e-10 * wanted,
            "{dims:?}: {found} {wanted}"
        );
    }

    #[test]
    fn the_hessian_is_exact_and_its_largest_eigenvalue_found() {
        let X = matrix(4, 6, 3);
        for &activation in Activation::ALL {
            for &loss in Loss::ALL {
                for bias in [false, true] {
                    let of = (activation, loss, bias);
                    check(&[4, 3], Some(&X), false, of, 0);
                    for nonlinear in [1, 2] {
                        check(&[4, 3, 5, 2], Some(&X), false, of, nonlinear);
                    }
                }
            }
            check(
                &[4, 3, 3, 4],
                None,
                true,
                (activation, Loss::Mean, false),
                2,
            );
        }
        let plain = (Activation::Linear, Loss::Mean, false);
        check(&[4, 5, 3], Some(&X), false, plain, 0);
        check(&[4, 5, 4], None, true, plain, 0);
    }

    #[test]
    fn a_balanced_minimum_has_the_sharpness_of_the_theory() {
        // W_l = D^(1/L), target D: c L sigma_1^(2 - 2/L).
        let values = [3.0f64, 1.0, 0.25];
        for depth in [2usize, 3, 4] {
            let root = 1.0 / depth as f64;
            let W = Array2::from_diag(&Array1::from_iter(values.iter().map(|s| s.powf(root))));
            let Y = Array2::from_diag(&Array1::from(values.to_vec()));
            let net = LossHessian {
                weights: vec![W.view(); depth],
                biases: Vec::new(),
                X: None,
                Y: Y.view(),
                mask: None,
                loss: Loss::Sum,
                c: 0.01,
                functions: Vec::new(),
                weight_decay: 0.0,
                threads: Threads::Seq,
            };
            let wanted = 0.01 * depth as f64 * 3f64.powf(2.0 - 2.0 * root);
            let found = net.sharpness().expect("finite");
            assert!(
                (found - wanted).abs() <= 1e-9 * wanted,
                "{depth}: {found} {wanted}"
            );
        }
    }

    #[test]
    fn operators_with_known_eigenvalues() {
        let size = 400;
        let found = largest_eigenvalue(size, |v, out| {
            for (i, (out, v)) in out.iter_mut().zip(v).enumerate() {
                *out = (i as f64 - 350.0) * v;
            }
        });
        assert!((found.expect("finite") - 49.0).abs() < 1e-7);
        let zero = largest_eigenvalue(5, |_, out| out.fill(0.0));
        assert_eq!(zero, Some(0.0));
        assert_eq!(largest_eigenvalue(3, |_, out| out.fill(f64::NAN)), None);
        let one = largest_eigenvalue(1, |v, out| out.copy_from_slice(&[-2.0 * v[0]]));
        assert!((one.expect("finite") + 2.0).abs() < 1e-14);
        // Squares of these underflow and overflow.
        for size in [1e-200, 1e-300, 1e160, 1e250] {
            let found = largest_eigenvalue(30, |v, out| {
                for (i, (out, v)) in out.iter_mut().zip(v).enumerate() {
                    *out = size * (i as f64 + 1.0) * v;
                }
            });
            let found = found.expect("finite") / size;
            assert!((found - 30.0).abs() < 1e-9, "{size:e}: {found}");
        }
        // A tight pair at the top.
        let top = largest_eigenvalue(30, |v, out| {
            out.copy_from_slice(v);
            out[3] = 5.0 * v[3];
            out[4] = 5.000_001 * v[4];
        });
        assert!((top.expect("finite") - 5.000_001).abs() < 1e-6);
    }
}
