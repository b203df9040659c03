//! What optimizers do to matrices and biases: their formulas written out, rotations, threads, checkpoints.

use super::tests::optimizer;
use super::*;
use crate::config::{Draw, Polar};
use crate::kernel::{norm_of, svd};
use crate::stream::{Purpose, normal_rows};

/// Matrices of standard normals, another one for each `index`.
fn normals(index: u64, (rows, columns): (usize, usize)) -> Array2<f64> {
    let draw = Draw {
        seed: 15,
        replicate: 0,
    };
    normal_rows(draw, Purpose::Init, index, rows, columns)
}

/// An orthogonal matrix.
fn orthogonal(index: u64, size: usize) -> Array2<f64> {
    svd(normals(index, (size, size)).view()).expect("finite").U
}

fn norm(A: &Array2<f64>) -> f64 {
    A.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// One step over all layers; `gradients` are those of the train loss alone.
fn step<T: Real>(
    descent: &mut Descent<T>,
    threads: Threads,
    weights: &mut [Array2<T>],
    gradients: &[Array2<T>],
) {
    let norm = descent.needs_norm().then(|| {
        norm_of(|scale| {
            let layers = weights.iter().zip(gradients).enumerate();
            let squares = layers.map(|(l, (W, G))| descent.square(threads, l, W, G, scale));
            squares.sum()
        })
    });
    descent.begin(norm);
    for (layer, (W, G)) in weights.iter_mut().zip(gradients).enumerate() {
        let gradient = Gradient {
            left: G.view(),
            right: None,
        };
        descent.apply(threads, layer, W, &gradient);
    }
}

const SHAPES: [(usize, usize); 4] = [(5, 3), (4, 5), (5, 1), (4, 1)];
const BIASES: usize = 2;
const DECAY: f64 = 0.2;

/// Three steps of two layers and their biases, against `rule(layer, weights, gradients, t)`, whose gradients have the
/// weight decay in them, that of biases none.
fn check(
    optimizer: &Optimizer,
    mut rule: impl FnMut(usize, &Array2<f64>, &[Array2<f64>], i32) -> Array2<f64>,
) {
    let mut descent = Descent::<f64>::new(optimizer, &SHAPES, BIASES);
    let mut weights: Vec<_> = (0..)
        .zip(SHAPES)
        .map(|(l, shape)| normals(l, shape))
        .collect();
    let mut wanted = weights.clone();
    for t in 1..=3i32 {
        let index = 10 * t as u64;
        let gradients: Vec<_> = (index..)
            .zip(SHAPES)
            .map(|(l, shape)| normals(l, shape))
            .collect();
        step(&mut descent, Threads::Seq, &mut weights, &gradients);
        let layers = gradients.iter().zip(&wanted).enumerate();
        let whole: Vec<_> = layers
            .map(|(l, (G, W))| if l < 2 { G + &(W * DECAY) } else { G.clone() })
            .collect();
        for (layer, (found, wanted)) in weights.iter().zip(&mut wanted).enumerate() {
            *wanted = rule(layer, wanted, &whole, t);
            let error = norm(&(found - &*wanted));
            let kind = optimizer.kind;
            assert!(
                error < 1e-10 * norm(wanted),
                "{kind:?} {layer} {t}: {error:e}"
            );
        }
    }
}

#[test]
fn the_normalized_gradient_counts_every_layer() {
    let optimizer = optimizer(OptimizerKind::Normalized, DECAY);
    check(&optimizer, |layer, W, G, _| {
        let all: f64 = G.iter().map(|G| norm(G).powi(2)).sum();
        W - &(&G[layer] * (0.1 / (all.sqrt() + 1e-6)))
    });
}

/// Adam on a bias, from its moments.
fn adam(
    W: &Array2<f64>,
    G: &Array2<f64>,
    m: &mut Array2<f64>,
    v: &mut Array2<f64>,
    t: i32,
) -> Array2<f64> {
    *m = &*m * 0.9 + G * 0.1;
    *v = &*v * 0.999 + G * G * 0.001;
    let m = &*m / (1.0 - 0.9f64.powi(t));
    let v = &*v / (1.0 - 0.999f64.powi(t));
    W - &(m / (v.mapv(f64::sqrt) + 1e-8) * 0.1)
}

#[test]
fn muon_makes_its_average_orthogonal() {
    for polar in [Polar::NewtonSchulz, Polar::Exact] {
        for momentum in [0.95, 0.0] {
            let mut muon = optimizer(OptimizerKind::Muon, DECAY);
            muon.polar = polar;
            muon.momentum = momentum;
            let zeros = SHAPES.map(Array2::<f64>::zeros);
            let (mut first, mut second) = (zeros.clone(), zeros);
            check(&muon, |layer, W, G, t| {
                let (G, mu) = (&G[layer], &mut first[layer]);
                if layer >= 2 {
                    return adam(W, G, mu, &mut second[layer], t);
                }
                let b = momentum;
                *mu = &*mu * b + G * (1.0 - b);
                let m = &*mu * (b / (1.0 - b.powi(t + 1))) + G * ((1.0 - b) / (1.0 - b.powi(t)));
                let P = match polar {
                    Polar::Exact => {
                        let svd = svd(m.view()).expect("finite");
                        svd.U.dot(&svd.V.t())
                    }
                    Polar::NewtonSchulz => {
                        let mut X = &m / (norm(&m) + 1e-8);
                        if X.nrows() > X.ncols() {
                            X = X.reversed_axes();
                        }
                        for _ in 0..5 {
                            let A = X.dot(&X.t());
                            let B = &A * -4.775 + A.dot(&A) * 2.0315;
                            X = &X * 3.4445 + B.dot(&X);
                        }
                        if m.nrows() > m.ncols() {
                            X.reversed_axes()
                        } else {
                            X
                        }
                    }
                };
                let longer = (m.nrows() as f64 / m.ncols() as f64).max(1.0).sqrt();
                W - &(P * (0.1 * longer))
            });
        }
    }
}

/// A singular matrix has many polar factors with orthonormal columns: the one that leaves its null space alone is taken.
#[test]
fn the_exact_polar_factor_leaves_the_null_space_alone() {
    let mut muon = optimizer(OptimizerKind::Muon, 0.0);
    muon.polar = Polar::Exact;
    let mut descent = Descent::<f64>::new(&muon, &[(6, 7)], 0);
    let (u, v) = (normals(1, (6, 1)), normals(2, (7, 1)));
    let mut weights = [Array2::zeros((6, 7))];
    step(
        &mut descent,
        Threads::Seq,
        &mut weights,
        &[u.dot(&v.t()) * 3.0],
    );
    let wanted = u.dot(&v.t()) * (-0.1 / (norm(&u) * norm(&v)));
    assert!(norm(&(&weights[0] - &wanted)) < 1e-14);
    step(
        &mut descent,
        Threads::Seq,
        &mut weights,
        &[Array2::from_elem((6, 7), f64::NAN)],
    );
    assert!(weights[0].iter().all(|w| w.is_nan()));
}

/// `A^(-1/4)` by the singular values of a symmetric positive matrix.
fn inverse_root(A: &Array2<f64>) -> Array2<f64> {
    let svd = svd(A.view()).expect("finite");
    let roots = ndarray::Array1::from_iter(svd.s.iter().map(|s| s.powf(-0.25)));
    (&svd.U * &roots).dot(&svd.U.t())
}

#[test]
fn shampoo_divides_by_the_roots_of_its_sums() {
    let start = |size: usize| Array2::<f64>::eye(size) * 1e-8;
    let mut left = SHAPES.map(|(rows, _)| start(rows));
    let mut right = SHAPES.map(|(_, columns)| start(columns));
    check(
        &optimizer(OptimizerKind::Shampoo, DECAY),
        |layer, W, G, _| {
            let (G, L, R) = (&G[layer], &mut left[layer], &mut right[layer]);
            if layer >= 2 {
                return W - &(G * 0.1);
            }
            *L += &G.dot(&G.t());
            *R += &G.t().dot(G);
            W - &(inverse_root(L).dot(G).dot(&inverse_root(R)) * 0.1)
        },
    );
}

/// Steps from `U W V^T` with gradients `U G V^T` are those from `W` with `G`, turned, just where the optimizer says so.
#[test]
fn rotations_commute_with_what_says_so() {
    for &kind in OptimizerKind::ALL {
        let optimizer = optimizer(kind, 0.1);
        let shape = (5, 4);
        let (U, V) = (orthogonal(90, 5), orthogonal(91, 4));
        let turn = |A: &Array2<f64>| U.dot(A).dot(&V.t());
        let mut plain = [normals(0, shape)];
        let mut turned = [turn(&plain[0])];
        let mut one = Descent::new(&optimizer, &[shape], 0);
        let mut other = Descent::new(&optimizer, &[shape], 0);
        for t in 1..=4 {
            let G = normals(t, shape);
            step(&mut one, Threads::Seq, &mut plain, std::slice::from_ref(&G));
            step(&mut other, Threads::Seq, &mut turned, &[turn(&G)]);
        }
        let apart = norm(&(&turned[0] - &turn(&plain[0])));
        let commutes = apart < 1e-11;
        assert_eq!(
            commutes,
            kind.commutes_with_rotations(),
            "{kind:?}: {apart:e}"
        );
        assert!(commutes || apart > 1e-3, "{kind:?}: {apart:e}");
    }
}

/// Twice the gradients, and weights from zero, make twice the steps, just where the rule is linear.
#[test]
fn linear_rules_are_linear() {
    for &kind in OptimizerKind::ALL {
        let optimizer = optimizer(kind, 0.1);
        let shape = (3, 4);
        let mut plain = [Array2::zeros(shape)];
        let mut doubled = [Array2::zeros(shape)];
        let mut one = Descent::<f64>::new(&optimizer, &[shape], 0);
        let mut other = Descent::<f64>::new(&optimizer, &[shape], 0);
        for t in 1..=3 {
            let G = normals(t, shape);
            step(&mut one, Threads::Seq, &mut plain, std::slice::from_ref(&G));
            step(&mut other, Threads::Seq, &mut doubled, &[&G * 2.0]);
        }
        let is_linear = norm(&(&doubled[0] - &(&plain[0] * 2.0))) < 1e-12 * norm(&doubled[0]);
        assert_eq!(is_linear, kind.is_linear(), "{kind:?}");
    }
}

/// Large enough for products and passes in several blocks.
#[test]
fn threads_change_no_bit() {
    let shapes = [(300, 130), (300, 1)];
    for &kind in OptimizerKind::ALL {
        let mut seen = Vec::new();
        for threads in [Threads::Seq, Threads::Pool] {
            let mut descent = Descent::<f64>::new(&optimizer(kind, 0.1), &shapes, 1);
            let mut weights = shapes.map(|shape| normals(shape.1 as u64, shape));
            for t in 1..=2 {
                let gradients = shapes.map(|shape| normals(50 + 2 * t + shape.1 as u64, shape));
                step(&mut descent, threads, &mut weights, &gradients);
            }
            let mut bytes = Vec::new();
            descent.save(&mut bytes);
            seen.push((weights.map(|W| W.mapv(f64::to_bits)), bytes));
        }
        assert!(seen[0] == seen[1], "{kind:?}");
    }
}

fn check_state<T: Real>(optimizer: &Optimizer) {
    let shapes = [(3, 2), (2, 3), (3, 1), (2, 1)];
    let draw = |index: u64| {
        let layers = (index..).zip(shapes);
        let layers = layers.map(|(l, shape)| normals(l, shape).mapv(T::of));
        layers.collect::<Vec<Array2<T>>>()
    };
    let mut one = Descent::<T>::new(optimizer, &shapes, 2);
    let mut weights = draw(0);
    for t in 1..=3 {
        step(&mut one, Threads::Seq, &mut weights, &draw(10 * t));
    }
    let mut out = Vec::new();
    one.save(&mut out);
    let mut other = Descent::<T>::new(optimizer, &shapes, 2);
    let mut bytes = out.as_slice();
    other.load(&mut bytes).expect("the same shapes");
    assert!(bytes.is_empty(), "{optimizer:?}");
    let mut same = weights.clone();
    for t in 4..=6 {
        step(&mut one, Threads::Seq, &mut weights, &draw(10 * t));
        step(&mut other, Threads::Seq, &mut same, &draw(10 * t));
    }
    assert_eq!(weights, same, "{optimizer:?}");
    if one.rule.state().is_empty() {
        return;
    }
    let mut foreign = Descent::<T>::new(optimizer, &[(4, 4)], 0);
    assert!(foreign.load(&mut out.as_slice()).is_err(), "{optimizer:?}");
    assert!(
        other.load(&mut &out[..out.len() - 1]).is_err(),
        "{optimizer:?}"
    );
}

#[test]
fn states_read_back() {
    for &kind in OptimizerKind::ALL {
        for schedule in [
            Schedule::Constant,
            Schedule::List(vec![0.3, 0.1, 0.1, 0.2, 0.4]),
        ] {
            let optimizer = Optimizer {
                schedule,
                ..optimizer(kind, 0.1)
            };
            check_state::<f64>(&optimizer);
            check_state::<f32>(&optimizer);
        }
    }
}

/// A decoupled decay is no part of the gradient, and biases have none.
#[test]
fn norms_have_the_penalty_where_it_is_one() {
    let W = normals(0, (2, 3));
    let G = normals(1, (2, 3));
    for &kind in OptimizerKind::ALL {
        let descent = Descent::new(&optimizer(kind, 0.5), &[(2, 3), (2, 3)], 1);
        let square = |layer| descent.square(Threads::Seq, layer, &W, &G, 2.0);
        let decay = if kind.has_decoupled_decay() { 0.0 } else { 0.5 };
        let wanted = 4.0 * norm(&(&G + &(&W * decay))).powi(2);
        assert!((square(0) - wanted).abs() < 1e-12 * wanted, "{kind:?}");
        let wanted = 4.0 * norm(&G).powi(2);
        assert!((square(1) - wanted).abs() < 1e-12 * wanted, "{kind:?}");
    }
}
