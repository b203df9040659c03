//! One step of the core: the loss with its forward pass, then every gradient.
//!
//! Goes by the outputs: `A_j = C_(L-1) .. C_j` down, `S_j = c R X^T C_0^T .. C_(j-1)^T` up, and the gradient of
//! core `j` is `A_(j+1)^T S_j`, added to the core as it is multiplied out.

use pulp::{Simd, WithSimd};

use super::net::Net;
use crate::kernel::Threads;
use crate::kernel::simd::Lane;
use crate::kernel::simd::{Large, Mat, MatMut, Products, Store, Tiles};

/// Partial sums of a sum of squares, so that additions do not wait for one another.
const SUMS: usize = 16;

/// What is done with the gradients.
#[derive(Clone, Copy, Debug)]
pub(super) enum Use<T> {
    /// `C <- keep C - rate G`.
    Descend { keep: T, rate: T },
    /// `V <- beta V + G + decay C; C <- C - rate V`.
    Momentum { beta: T, decay: T, rate: T },
    /// `V <- beta V + G + decay C; C <- C - rate (G + decay C + beta V)`.
    Nesterov { beta: T, decay: T, rate: T },
    /// The sum of squares of `scale (G + decay C)`; the core stays.
    Measure { decay: T, scale: f64 },
}

/// The forward pass; its output is `||R||_F^2`.
pub(super) struct Forward<'a, T> {
    pub(super) net: &'a mut Net<T>,
    /// Where large products run; `None` for small cores.
    pub(super) large: Option<Threads>,
}

impl<T: Lane> WithSimd for Forward<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        match self.large {
            Some(threads) => forward(self.net, Large(threads)),
            None => forward(self.net, Tiles(simd)),
        }
    }
}

/// The gradients of the last forward pass; its output is the sum that [`Use::Measure`] asks for, else 0.
pub(super) struct Backward<'a, T> {
    pub(super) net: &'a mut Net<T>,
    pub(super) large: Option<Threads>,
    pub(super) with: Use<T>,
}

impl<T: Lane> WithSimd for Backward<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        match self.large {
            Some(threads) => backward(self.net, Large(threads), self.with),
            None => backward(self.net, Tiles(simd), self.with),
        }
    }
}

fn plain<T: Lane>() -> Store<T> {
    Store::Replace { factor: T::of(1.0) }
}

#[inline(always)]
fn forward<T: Lane>(net: &mut Net<T>, products: impl Products<T>) -> f64 {
    let depth = net.cores.len();
    for j in (0..depth - 1).rev() {
        let place = net.chain_places[j];
        let (before, own) = net.chain.split_at_mut(place.at);
        let above = match net.chain_places.get(j + 1) {
            Some(above) => above.of(before),
            None => net.cores[depth - 1].of(&net.weights),
        };
        let core = net.cores[j].of(&net.weights);
        products.times(place.front_of_mut(own), above, core, plain());
    }
    let whole = match net.chain_places.first() {
        Some(place) => place.of(&net.chain),
        None => net.cores[0].of(&net.weights),
    };
    let targets = net.residual_place.of(&net.targets).entries;
    match &net.inputs {
        Some(inputs) => {
            let residual = net.residual_place;
            let X = inputs.X_place.of(&inputs.X);
            products.times(residual.of_mut(&mut net.residual), whole, X, plain());
            subtract(residual.of_mut(&mut net.residual).entries, targets)
        }
        None => {
            // The first sum of the way back at once: nothing else needs the residual.
            let first = net.up_places[0].of_mut(&mut net.up);
            difference(first.entries, whole.entries, targets, net.c)
        }
    }
}

/// `S <- c (W - Y)`; returns `||W - Y||_F^2`. All have zeros after their columns.
#[inline(always)]
fn difference<T: Lane>(S: &mut [T], W: &[T], Y: &[T], c: T) -> f64 {
    let mut sums = [0.0; SUMS];
    let (S_parts, S_rest) = S.as_chunks_mut::<SUMS>();
    let (W_parts, W_rest) = W.as_chunks::<SUMS>();
    let (Y_parts, Y_rest) = Y.as_chunks::<SUMS>();
    for ((S, W), Y) in S_parts.iter_mut().zip(W_parts).zip(Y_parts) {
        let mut apart = *W;
        for (r, &y) in apart.iter_mut().zip(Y) {
            *r -= y;
        }
        for (s, &r) in S.iter_mut().zip(&apart) {
            *s = c * r;
        }
        for (sum, r) in sums.iter_mut().zip(apart) {
            *sum += r.wide() * r.wide();
        }
    }
    let rest = S_rest.iter_mut().zip(W_rest).zip(Y_rest);
    for (sum, ((s, &w), &y)) in sums.iter_mut().zip(rest) {
        let r = w - y;
        *s = c * r;
        *sum += r.wide() * r.wide();
    }
    sums.iter().sum()
}

/// `R <- R - Y`; returns `||R||_F^2`. Both have zeros after their columns.
#[inline(always)]
fn subtract<T: Lane>(residual: &mut [T], targets: &[T]) -> f64 {
    let mut sums = [0.0; SUMS];
    let (R_parts, R_rest) = residual.as_chunks_mut::<SUMS>();
    let (Y_parts, Y_rest) = targets.as_chunks::<SUMS>();
    for (R, Y) in R_parts.iter_mut().zip(Y_parts) {
        let mut apart = *R;
        for (r, &y) in apart.iter_mut().zip(Y) {
            *r -= y;
        }
        *R = apart;
        for (sum, r) in sums.iter_mut().zip(apart) {
            *sum += r.wide() * r.wide();
        }
    }
    for ((sum, r), &y) in sums.iter_mut().zip(R_rest).zip(Y_rest) {
        *r -= y;
        *sum += r.wide() * r.wide();
    }
    sums.iter().sum()
}

#[inline(always)]
fn backward<T: Lane>(net: &mut Net<T>, products: impl Products<T>, with: Use<T>) -> f64 {
    let depth = net.cores.len();
    if let Some(inputs) = &net.inputs {
        let residual = net.residual_place.of(&net.residual);
        let first = net.up_places[0].of_mut(&mut net.up);
        let X_turned = inputs.X_turned_place.of(&inputs.X_turned);
        products.times(first, residual, X_turned, Store::Replace { factor: net.c });
    }
    let mut squares = 0.0;
    for j in 0..depth - 1 {
        // Before the core changes.
        let turned = net.turned_places[j];
        let core = net.cores[j].of(&net.weights);
        products.transpose(core, turned.of_mut(&mut net.turned));
        squares += inner_core(net, products, j, with);
        let turned = turned.of(&net.turned);
        let place = net.up_places[j + 1];
        let (before, own) = net.up.split_at_mut(place.at);
        let S = net.up_places[j].of(before);
        match with {
            // The last gradient is this product itself: the step is taken as it is multiplied out.
            Use::Descend { keep, rate } if j + 2 == depth => {
                let store = Store::Update {
                    keep,
                    factor: -rate,
                };
                let last = net.cores[j + 1].of_mut(&mut net.weights);
                products.times(last, S, turned, store);
                return squares;
            }
            Use::Descend { .. }
            | Use::Momentum { .. }
            | Use::Nesterov { .. }
            | Use::Measure { .. } => {
                products.times(place.front_of_mut(own), S, turned, plain());
            }
        }
    }
    squares + last_core(net, with)
}

/// Core `j` below the last.
#[inline(always)]
fn inner_core<T: Lane>(
    net: &mut Net<T>,
    products: impl Products<T>,
    j: usize,
    with: Use<T>,
) -> f64 {
    let place = net.cores[j];
    let last = net.cores[net.cores.len() - 1];
    let (lower, top) = net.weights.split_at_mut(last.at);
    let A = match net.chain_places.get(j + 1) {
        Some(above) => above.of(&net.chain),
        None => last.front_of(top),
    };
    let S = net.up_places[j].of(&net.up);
    match with {
        Use::Descend { keep, rate } => {
            let store = Store::Update {
                keep,
                factor: -rate,
            };
            products.transposed_times(place.of_mut(lower), A, S, store);
            0.0
        }
        Use::Momentum { beta, decay, rate } => {
            let store = Store::Update {
                keep: beta,
                factor: T::of(1.0),
            };
            products.transposed_times(place.of_mut(&mut net.velocity), A, S, store);
            glide(
                place.of_mut(lower),
                place.of_mut(&mut net.velocity),
                decay,
                rate,
            );
            0.0
        }
        Use::Nesterov { beta, decay, rate } => {
            products.transposed_times(place.front_of_mut(&mut net.gradient), A, S, plain());
            let both = (place.of_mut(lower), place.of_mut(&mut net.velocity));
            look_ahead(both, place.front_of(&net.gradient), [beta, decay, rate]);
            0.0
        }
        Use::Measure { decay, scale } => {
            products.transposed_times(place.front_of_mut(&mut net.gradient), A, S, plain());
            square_sum(place.front_of(&net.gradient), place.of(lower), decay, scale)
        }
    }
}

/// The last core, whose gradient is `S_(L-1)` itself.
#[inline(always)]
fn last_core<T: Lane>(net: &mut Net<T>, with: Use<T>) -> f64 {
    let j = net.cores.len() - 1;
    let place = net.cores[j];
    let S = net.up_places[j].of(&net.up);
    match with {
        Use::Descend { keep, rate } => {
            let core = place.of_mut(&mut net.weights);
            for (w, &g) in core.entries.iter_mut().zip(S.entries) {
                *w = keep * *w - rate * g;
            }
            0.0
        }
        Use::Momentum { beta, decay, rate } => {
            let velocity = place.of_mut(&mut net.velocity);
            for (v, &g) in velocity.entries.iter_mut().zip(S.entries) {
                *v = beta * *v + g;
            }
            let core = place.of_mut(&mut net.weights);
            glide(core, place.of_mut(&mut net.velocity), decay, rate);
            0.0
        }
        Use::Nesterov { beta, decay, rate } => {
            let core = place.of_mut(&mut net.weights);
            let both = (core, place.of_mut(&mut net.velocity));
            look_ahead(both, S, [beta, decay, rate]);
            0.0
        }
        Use::Measure { decay, scale } => square_sum(S, place.of(&net.weights), decay, scale),
    }
}

/// `V <- V + decay C; C <- C - rate V`.
#[inline(always)]
fn glide<T: Lane>(core: MatMut<'_, T>, velocity: MatMut<'_, T>, decay: T, rate: T) {
    for (w, v) in core.entries.iter_mut().zip(velocity.entries) {
        *v += decay * *w;
        *w -= rate * *v;
    }
}

/// `G <- G + decay C; V <- beta V + G; C <- C - rate (G + beta V)`, over the columns alone, as [`square_sum`].
#[inline(always)]
fn look_ahead<T: Lane>(
    (core, velocity): (MatMut<'_, T>, MatMut<'_, T>),
    gradient: Mat<'_, T>,
    [beta, decay, rate]: [T; 3],
) {
    let (stride, columns) = (core.stride.max(1), core.columns);
    let rows = core.entries.chunks_exact_mut(stride);
    let velocities = velocity.entries.chunks_exact_mut(stride);
    let gradients = gradient.entries.chunks_exact(stride);
    for ((C, V), G) in rows.zip(velocities).zip(gradients) {
        for ((w, v), &g) in C[..columns].iter_mut().zip(V).zip(G) {
            let g = g + decay * *w;
            *v = beta * *v + g;
            *w -= rate * (g + beta * *v);
        }
    }
}

/// `||scale (G + decay C)||_F^2`, over the columns alone: a buffer shared by cores is not clean beyond them.
#[inline(always)]
fn square_sum<T: Lane>(gradient: Mat<'_, T>, core: Mat<'_, T>, decay: T, scale: f64) -> f64 {
    if core.stride == 0 {
        return 0.0;
    }
    let mut sum = 0.0;
    let rows = gradient.entries.chunks_exact(core.stride);
    for (G, C) in rows.zip(core.entries.chunks_exact(core.stride)) {
        for (&g, &w) in G[..core.columns].iter().zip(C) {
            let whole = scale * (g + decay * w).wide();
            sum += whole * whole;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Draw;
    use crate::law::CoreProblem;
    use crate::stream::{Purpose, normal_rows};
    use ndarray::Array2;
    use pulp::Arch;

    fn normals(index: u64, rows: usize, columns: usize) -> Array2<f64> {
        let draw = Draw {
            seed: 51,
            replicate: 0,
        };
        let size = rows.max(columns).max(1) as f64;
        normal_rows(draw, Purpose::Init, index, rows, columns) * (0.5 / size.sqrt())
    }

    /// A core of these widths, with samples unless `samples` is `None`.
    fn core(widths: &[usize], samples: Option<usize>) -> (Vec<Array2<f64>>, CoreProblem) {
        let cores = (1..)
            .zip(widths.windows(2))
            .map(|(layer, pair)| normals(layer, pair[1], pair[0]))
            .collect();
        let outputs = widths[widths.len() - 1];
        let problem = CoreProblem {
            inputs: samples.map(|m| normals(90, widths[0], m)),
            targets: normals(91, outputs, samples.unwrap_or(widths[0])),
            c: 0.3,
            constant: 0.0,
        };
        (cores, problem)
    }

    fn residual(cores: &[Array2<f64>], problem: &CoreProblem) -> Array2<f64> {
        let mut whole = cores[0].clone();
        for core in &cores[1..] {
            whole = core.dot(&whole);
        }
        match &problem.inputs {
            Some(X) => whole.dot(X) - &problem.targets,
            None => whole - &problem.targets,
        }
    }

    /// Gradients by the textbook, plus `decay` times the weights.
    fn gradients(cores: &[Array2<f64>], problem: &CoreProblem, decay: f64) -> Vec<Array2<f64>> {
        let R = residual(cores, problem) * problem.c;
        let R = match &problem.inputs {
            Some(X) => R.dot(&X.t()),
            None => R,
        };
        (0..cores.len())
            .map(|j| {
                let mut G = R.clone();
                for core in cores[j + 1..].iter().rev() {
                    G = core.t().dot(&G);
                }
                for core in &cores[..j] {
                    G = G.dot(&core.t());
                }
                G + &cores[j] * decay
            })
            .collect()
    }

    fn near(a: &Array2<f64>, b: &Array2<f64>) -> bool {
        (a - b).iter().all(|x| x.abs() < 1e-13)
    }

    fn check(widths: &[usize], samples: Option<usize>) {
        let (cores, problem) = core(widths, samples);
        for large in [None, Some(Threads::Seq)] {
            for (decay, momentum, ahead) in [
                (0.0, false, false),
                (0.2, false, false),
                (0.0, true, false),
                (0.2, true, false),
                (0.2, true, true),
            ] {
                let mut net = Net::<f64>::new(&cores, &problem, momentum);
                let mut weights = cores.clone();
                let mut velocities: Vec<_> = cores.iter().map(|core| core * 0.0).collect();
                for _ in 0..3 {
                    let arch = Arch::new();
                    let found = arch.dispatch(Forward {
                        net: &mut net,
                        large,
                    });
                    let wanted: f64 = residual(&weights, &problem).iter().map(|r| r * r).sum();
                    assert!((found - wanted).abs() <= 1e-13 * wanted, "{found} {wanted}");
                    let G = gradients(&weights, &problem, decay);
                    let norm = arch.dispatch(Backward {
                        net: &mut net,
                        large,
                        with: Use::Measure { decay, scale: 1.0 },
                    });
                    let wanted: f64 = G.iter().flatten().map(|g| g * g).sum();
                    assert!((norm - wanted).abs() <= 1e-12 * wanted, "{norm} {wanted}");
                    let beta = if momentum { 0.9 } else { 0.0 };
                    let with = if ahead {
                        Use::Nesterov {
                            beta,
                            decay,
                            rate: 0.1,
                        }
                    } else if momentum {
                        Use::Momentum {
                            beta,
                            decay,
                            rate: 0.1,
                        }
                    } else {
                        Use::Descend {
                            keep: 1.0 - 0.1 * decay,
                            rate: 0.1,
                        }
                    };
                    arch.dispatch(Backward {
                        net: &mut net,
                        large,
                        with,
                    });
                    for ((W, V), G) in weights.iter_mut().zip(&mut velocities).zip(&G) {
                        *V = &*V * beta + G;
                        if ahead {
                            *W -= &((G + &(&*V * beta)) * 0.1);
                        } else {
                            *W -= &(&*V * 0.1);
                        }
                    }
                    for (j, W) in weights.iter().enumerate() {
                        assert!(near(&net.core(j), W), "{widths:?} core {j}");
                    }
                }
            }
        }
    }

    #[test]
    fn steps_are_those_of_the_textbook() {
        check(&[20, 20, 20, 20], None);
        check(&[5, 9, 7, 3], Some(4));
        check(&[6, 11, 4], None);
        check(&[3, 5], Some(3));
        check(&[4, 4], None);
        check(&[13, 2, 8, 5, 17], Some(13));
    }

    #[test]
    fn an_empty_core_has_the_loss_of_its_targets() {
        let (cores, problem) = core(&[0, 0, 0], None);
        let mut net = Net::<f64>::new(&cores, &problem, true);
        let arch = Arch::new();
        for large in [None, Some(Threads::Seq)] {
            let loss = arch.dispatch(Forward {
                net: &mut net,
                large,
            });
            assert_eq!(loss, 0.0);
            let with = Use::Momentum {
                beta: 0.9,
                decay: 0.1,
                rate: 0.1,
            };
            arch.dispatch(Backward {
                net: &mut net,
                large,
                with,
            });
        }
    }

    #[test]
    fn single_precision_is_single_precision() {
        let (cores, problem) = core(&[6, 7, 5], Some(6));
        let wanted: f64 = residual(&cores, &problem).iter().map(|r| r * r).sum();
        let mut net = Net::<f32>::new(&cores, &problem, false);
        let found = Arch::new().dispatch(Forward {
            net: &mut net,
            large: None,
        });
        let error = (found - wanted).abs() / wanted;
        assert!(error < 1e-5 && error > 0.0, "{error:e}");
    }
}
