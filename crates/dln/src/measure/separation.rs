//! The separation of a layer, `D_l = tr(Sigma_W) / tr(Sigma_B)`.
//!
//! `Sigma_W` is the within-class scatter over the number of samples, `Sigma_B` the scatter of the class means
//! about the global mean over the number of classes (Wang et al., arXiv 2311.02960).

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::kernel::{Threads, multiply, square_sum, triangle};

/// Labelled samples as a linear map sees them: centred by class, and folded where there are many.
#[derive(Clone, Debug)]
pub(crate) struct Classes {
    /// `d_x x r`, `r <= min(n, d_x)`: the samples about their class means, up to a rotation of samples, so
    /// that `||M within||_F^2` is `n tr(Sigma_W)` of the samples mapped by `M`.
    pub(crate) within: Array2<f64>,
    /// `d_x x K`: the class means about the global mean; `||M between||_F^2` is `K tr(Sigma_B)`.
    pub(crate) between: Array2<f64>,
    /// `K / n`.
    pub(crate) ratio: f64,
}

impl Classes {
    /// # Shapes
    /// `X`: `d_x x n`; `classes`: `n` numbers. A class without samples does not count.
    pub(crate) fn new(X: ArrayView2<'_, f64>, classes: &[u32]) -> Classes {
        let Centred { within, between } = centred(X, classes);
        let ratio = between.ncols() as f64 / X.ncols() as f64;
        let within = if within.ncols() > within.nrows() {
            triangle(within.t()).reversed_axes()
        } else {
            within
        };
        Classes {
            within: within.as_standard_layout().into_owned(),
            between,
            ratio,
        }
    }

    /// `D_0 .. D_(L-1)` of the linear layers `W_1 .. W_(L-1)`; `None` where the class means are one.
    pub(crate) fn by_layer(
        &self,
        hidden: &[ArrayView2<'_, f64>],
        threads: Threads,
    ) -> Vec<Option<f64>> {
        let mut within = self.within.clone();
        let mut between = self.between.clone();
        let mut found = vec![self.quotient(within.view(), between.view())];
        for W in hidden {
            within = multiply(threads, *W, within.view());
            between = multiply(threads, *W, between.view());
            found.push(self.quotient(within.view(), between.view()));
        }
        found
    }

    /// `D` of the mapped samples, from the two mapped matrices.
    pub(crate) fn quotient(
        &self,
        within: ArrayView2<'_, f64>,
        between: ArrayView2<'_, f64>,
    ) -> Option<f64> {
        quotient(self.ratio, within, between)
    }
}

/// `D` of samples as they are; `None` where the class means are one.
///
/// # Shapes
/// `H`: `d x n`; `classes`: `n` numbers.
pub(crate) fn sample_separation(H: ArrayView2<'_, f64>, classes: &[u32]) -> Option<f64> {
    let Centred { within, between } = centred(H, classes);
    let ratio = between.ncols() as f64 / H.ncols() as f64;
    quotient(ratio, within.view(), between.view())
}

fn quotient(ratio: f64, within: ArrayView2<'_, f64>, between: ArrayView2<'_, f64>) -> Option<f64> {
    if between.ncols() < 2 {
        return None;
    }
    let D = ratio * square_sum(within) / square_sum(between);
    D.is_finite().then_some(D)
}

struct Centred {
    /// Samples about their class means, `d x n`.
    within: Array2<f64>,
    /// Class means about the global mean, `d x K`.
    between: Array2<f64>,
}

fn centred(X: ArrayView2<'_, f64>, classes: &[u32]) -> Centred {
    let slots = classes.iter().max().map_or(0, |&class| class as usize + 1);
    let mut means = Array2::<f64>::zeros((X.nrows(), slots));
    let mut counts = vec![0usize; slots];
    for (x, &class) in X.columns().into_iter().zip(classes) {
        let mut mean = means.column_mut(class as usize);
        mean += &x;
        counts[class as usize] += 1;
    }
    for (mut mean, &count) in means.columns_mut().into_iter().zip(&counts) {
        if count > 0 {
            mean /= count as f64;
        }
    }
    let mut within = X.as_standard_layout().into_owned();
    for (mut x, &class) in within.columns_mut().into_iter().zip(classes) {
        x -= &means.column(class as usize);
    }
    let global: Array1<f64> = X.sum_axis(Axis(1)) / X.ncols() as f64;
    let present: Vec<usize> = (0..slots).filter(|&class| counts[class] > 0).collect();
    let mut between = means.select(Axis(1), &present);
    let size = square_sum(between.view());
    for mut mean in between.columns_mut() {
        mean -= &global;
    }
    // A mean of n numbers is off by up to n roundings of its size: differences below that are no differences.
    let noise = X.ncols() as f64 * f64::EPSILON;
    if square_sum(between.view()) <= noise * noise * size {
        between.fill(0.0);
    }
    Centred {
        within,
        between: between.as_standard_layout().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn matrix(rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            (((i * 131 + j * 17 + i * j) % 101) as f64 / 50.5) - 1.0
        })
    }

    #[test]
    fn a_case_by_hand() {
        // Classes 0 and 2 at (0, 2) and (5, 7, 6); class 1 is absent.
        let H = array![[0.0, 5.0, 2.0, 7.0, 6.0]];
        let classes = [0, 2, 0, 2, 2];
        // Within: (1 + 1 + 1 + 1 + 0) / 5. Means 1 and 6, global mean 4: (9 + 4) / 2.
        let wanted = (4.0 / 5.0) / (13.0 / 2.0);
        let found = sample_separation(H.view(), &classes).expect("two classes");
        assert!((found - wanted).abs() < 1e-15);
    }

    #[test]
    fn folding_and_mapping_commute() {
        let X = matrix(4, 60);
        let classes: Vec<u32> = (0..60).map(|i| (i * i) % 3).collect();
        let W = [matrix(7, 4), matrix(5, 7)];
        let folded = Classes::new(X.view(), &classes);
        assert_eq!(folded.within.dim(), (4, 4));
        let hidden: Vec<_> = W.iter().map(|W| W.view()).collect();
        let found = folded.by_layer(&hidden, Threads::Seq);
        let mut H = X;
        for (layer, D) in found.iter().enumerate() {
            let wanted = sample_separation(H.view(), &classes).expect("three classes");
            let D = D.expect("three classes");
            assert!((D - wanted).abs() <= 1e-12 * wanted, "{layer}");
            if layer < W.len() {
                H = W[layer].dot(&H);
            }
        }
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn equal_samples_have_no_separation() {
        let classes: Vec<u32> = (0..9).map(|i| i % 3).collect();
        for value in [0.1, 1.0 / 3.0, 7e5, 1e-12] {
            let column = Array1::from_shape_fn(5, |i| value * (1.0 + i as f64 / 7.0));
            let X = Array2::from_shape_fn((5, 9), |(i, _)| column[i]);
            assert_eq!(sample_separation(X.view(), &classes), None, "{value}");
            let found = Classes::new(X.view(), &classes);
            let layers = found.by_layer(&[matrix(4, 5).view()], Threads::Seq);
            assert_eq!(layers, [None, None], "{value}");
        }
        // What differs by more than rounding is kept.
        let X = Array2::from_shape_fn((5, 9), |(i, j)| {
            1.0 + i as f64 + 1e-9 * ((j % 3) as f64 + ((j * 7) % 5) as f64)
        });
        assert!(sample_separation(X.view(), &classes).is_some());
    }

    #[test]
    fn one_class_has_no_separation() {
        assert_eq!(sample_separation(matrix(3, 5).view(), &[0; 5]), None);
        let folded = Classes::new(matrix(3, 5).view(), &[4; 5]);
        assert_eq!(folded.by_layer(&[], Threads::Seq), vec![None]);
    }
}
