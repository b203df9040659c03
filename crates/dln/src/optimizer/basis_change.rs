//! What becomes of an optimizer's memory where a layer goes on in other coordinates.

use ndarray::Array2;

use super::Descent;
use super::rule::{Kept, Layers};
use crate::config::Optimizer;
use crate::kernel::{Real, Threads, multiply};

/// A change of a layer's coordinates: a gradient `g` there becomes `left g right^T`; `None`: that side stays as it is.
#[derive(Clone, Debug)]
pub(crate) struct BasisChange<T> {
    pub(crate) left: Option<Array2<T>>,
    pub(crate) right: Option<Array2<T>>,
}

impl<T: Real> BasisChange<T> {
    /// `left M right^T`.
    pub(crate) fn apply(&self, M: &Array2<T>) -> Array2<T> {
        between(self.left.as_ref(), M, self.right.as_ref())
    }
}

impl<T: Real> Descent<T> {
    /// Has layer `layer`, from 0, go on in other coordinates, after which the layers have these shapes, the last `biases`
    /// of them biases. Sums of gradients and of their products turn with the coordinates. Sums of squares are turned by
    /// the squared entries, which is what they would be on average where the old coordinates are uncorrelated.
    pub(crate) fn change_basis(
        &mut self,
        optimizer: &Optimizer,
        (shapes, biases): (&[(usize, usize)], usize),
        layer: usize,
        change: &BasisChange<T>,
    ) {
        let mut rule = optimizer.kind.rule(optimizer, Layers { shapes, biases });
        let lists = self.rule.state_mut().into_iter().zip(rule.state_mut());
        for ((from, to), &kept) in lists.zip(optimizer.kind.facts().keeps) {
            let of_layer = match kept {
                Kept::Gradients | Kept::Squares | Kept::Rows | Kept::Columns => Some(layer),
                Kept::OfBiases => None,
            };
            for (at, (from, to)) in from.iter_mut().zip(to).enumerate() {
                if of_layer.is_some_and(|layer| layer == at) {
                    *to = turned(kept, from, change);
                } else {
                    std::mem::swap(from, to);
                }
            }
        }
        self.rule = rule;
    }
}

fn turned<T: Real>(kept: Kept, M: &Array2<T>, change: &BasisChange<T>) -> Array2<T> {
    let (left, right) = (change.left.as_ref(), change.right.as_ref());
    match kept {
        Kept::Gradients | Kept::OfBiases => between(left, M, right),
        Kept::Squares => {
            let squared = |Q: &Array2<T>| Q.mapv(|q| q * q);
            let (left, right) = (left.map(squared), right.map(squared));
            between(left.as_ref(), M, right.as_ref())
        }
        Kept::Rows => between(left, M, left),
        Kept::Columns => between(right, M, right),
    }
}

/// `left M right^T`.
fn between<T: Real>(
    left: Option<&Array2<T>>,
    M: &Array2<T>,
    right: Option<&Array2<T>>,
) -> Array2<T> {
    let mut found = match left {
        Some(left) => multiply(Threads::Seq, left.view(), M.view()),
        None => M.clone(),
    };
    if let Some(right) = right {
        found = multiply(Threads::Seq, found.view(), right.t());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{OptimizerKind, Polar, Schedule};
    use crate::data::fixture::normals;
    use crate::optimizer::Gradient;
    use ndarray::s;

    fn optimizer(kind: OptimizerKind) -> Optimizer {
        Optimizer {
            kind,
            rate: 0.01,
            momentum: 0.9,
            weight_decay: 0.0,
            factor_rate: 0.01,
            rank_estimate: 1,
            schedule: Schedule::Constant,
            polar: Polar::Exact,
        }
    }

    fn step(descent: &mut Descent<f64>, W: &mut Array2<f64>, G: &Array2<f64>) {
        let norm = (G * G).sum().sqrt();
        descent.begin(Some(norm));
        descent.apply(Threads::Seq, 0, W, &Gradient::of(G));
    }

    /// After steps on a 3 x 4 layer it goes on as the corner of a 5 x 6 one, as if it had been there from the start.
    #[test]
    fn a_layer_goes_on_in_a_larger_one() {
        for &kind in OptimizerKind::ALL {
            let optimizer = optimizer(kind);
            let bias = (3, 1);
            let mut small = Descent::<f64>::new(&optimizer, &[(3, 4), bias], 1);
            let mut large = Descent::<f64>::new(&optimizer, &[(5, 6), bias], 1);
            let mut W = Array2::zeros((3, 4));
            let mut wide: Array2<f64> = Array2::zeros((5, 6));
            let padded = |G: &Array2<f64>| {
                let mut wide = Array2::zeros((5, 6));
                wide.slice_mut(s![..3, ..4]).assign(G);
                wide
            };
            for number in 0..4 {
                let G = normals(number, 3, 4);
                step(&mut small, &mut W, &G);
                step(&mut large, &mut wide, &padded(&G));
            }
            let corner = |rows, columns| {
                Array2::from_shape_fn((rows, columns), |(i, j)| f64::from(u8::from(i == j)))
            };
            let change = BasisChange {
                left: Some(corner(5, 3)),
                right: Some(corner(6, 4)),
            };
            small.change_basis(&optimizer, (&[(5, 6), bias], 1), 0, &change);
            let G = normals(9, 5, 6);
            let mut W = padded(&W);
            step(&mut small, &mut W, &G);
            step(&mut large, &mut wide, &G);
            let off = (&W - &wide).iter().fold(0.0f64, |a, b| a.max(b.abs()));
            // The sums of shampoo start a little above zero.
            let allowed = if kind.works_on_matrices() { 1e-6 } else { 0.0 };
            assert!(off <= allowed, "{kind:?}: {off:e}");
        }
    }

    #[test]
    fn memory_turns_with_the_coordinates() {
        let M = normals(1, 3, 2);
        let (left, right) = (normals(2, 4, 3), normals(3, 5, 2));
        let change = BasisChange {
            left: Some(left.clone()),
            right: Some(right.clone()),
        };
        let near = |kept, wanted: Array2<f64>, M: &Array2<f64>| {
            let off = turned(kept, M, &change) - wanted;
            assert!(off.iter().all(|x: &f64| x.abs() < 1e-13), "{kept:?}");
        };
        near(Kept::Gradients, left.dot(&M).dot(&right.t()), &M);
        let (l, r) = (&left * &left, &right * &right);
        near(Kept::Squares, l.dot(&M).dot(&r.t()), &M);
        let rows = M.dot(&M.t());
        near(Kept::Rows, left.dot(&rows).dot(&left.t()), &rows);
        let columns = M.t().dot(&M);
        near(Kept::Columns, right.dot(&columns).dot(&right.t()), &columns);
        let one = BasisChange {
            left: None,
            right: Some(right.clone()),
        };
        assert_eq!(turned(Kept::Rows, &rows, &one), rows);
        let found = turned(Kept::Gradients, &M, &one);
        assert!((found - M.dot(&right.t())).iter().all(|x| x.abs() < 1e-13));
    }
}
