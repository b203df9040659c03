//! The losses that a trial can minimize: what each is worth at outputs `E` for targets `Y`, and its derivatives by
//! the outputs.
//!
//! With `c` from [`Loss::scale`] and `P` the softmax of the outputs, sample by sample:
//! `mean` and `sum` are `c/2 ||mask (E - Y)||_F^2`, with derivative `c mask (E - Y)` and second derivative `c mask`;
//! `cross_entropy` is `-c sum_j log P[class of j, j]`, with derivative `c (P - Y)` and, along `V`, second derivative
//! `c (P V - P (P^T V))` a sample. The passes over matrices are in `kernel`.

use ndarray::{Array2, ArrayView2, Axis};

use crate::choice::choice;
use crate::kernel::{Real, Threads, softmax, softmax_residual, squared_residual};

choice! {
    /// What is minimized over outputs and targets.
    pub enum Loss {
        /// Half the squared distance over the number of all entries.
        Mean = "mean" ("over all entries, seen or not"),
        /// Half the squared distance.
        Sum = "sum",
        /// `-log softmax(output)[class]`, for classification.
        CrossEntropy = "cross_entropy" ("of classes, mean over the samples"),
    }
}

impl Loss {
    /// `c` of `n` samples with this many outputs each.
    pub fn scale(self, outputs: usize, n: usize) -> f64 {
        match self {
            Loss::Mean => 1.0 / (outputs as f64 * n as f64),
            Loss::Sum => 1.0,
            Loss::CrossEntropy => 1.0 / n as f64,
        }
    }

    /// Whether it is half a squared distance, so that samples can be folded and the outputs' part of a curvature is
    /// the same everywhere.
    pub fn is_quadratic(self) -> bool {
        match self {
            Loss::Mean | Loss::Sum => true,
            Loss::CrossEntropy => false,
        }
    }

    /// Whether each sample must have one class.
    pub fn needs_classes(self) -> bool {
        match self {
            Loss::Mean | Loss::Sum => false,
            Loss::CrossEntropy => true,
        }
    }

    /// The loss at the outputs `E`, which become its derivative by them.
    ///
    /// # Panics
    /// Where the arrays are not all in row-major order and of one shape.
    pub(crate) fn derive<T: Real>(
        self,
        threads: Threads,
        E: &mut Array2<T>,
        (Y, mask): (&Array2<T>, Option<&Array2<T>>),
        c: f64,
    ) -> f64 {
        let factor = T::of(c);
        let sum = match self {
            Loss::Mean | Loss::Sum => squared_residual(threads, E, Y, mask, factor),
            Loss::CrossEntropy => softmax_residual(threads, E, Y, factor),
        };
        self.weighed(c, sum)
    }

    /// What some samples add to the sum that [`Loss::weighed`] takes.
    ///
    /// # Shapes
    /// Both `d_y x k`.
    pub(crate) fn sum_over(self, E: ArrayView2<'_, f64>, Y: ArrayView2<'_, f64>) -> f64 {
        match self {
            Loss::Mean | Loss::Sum => crate::measure::square_distance(E, Y),
            Loss::CrossEntropy => {
                let mut E = E.as_standard_layout().into_owned();
                let Y = Y.as_standard_layout().into_owned();
                softmax_residual(Threads::Seq, &mut E, &Y, 1.0)
            }
        }
    }

    /// The loss of all samples from its sum over them.
    pub(crate) fn weighed(self, c: f64, sum: f64) -> f64 {
        match self {
            Loss::Mean | Loss::Sum => 0.5 * c * sum,
            Loss::CrossEntropy => c * sum,
        }
    }

    /// The second derivative at the outputs `E`.
    pub(crate) fn curvature(self, E: ArrayView2<'_, f64>) -> OutputCurvature {
        match self {
            Loss::Mean | Loss::Sum => OutputCurvature::Flat,
            Loss::CrossEntropy => OutputCurvature::Softmax(softmax(E)),
        }
    }
}

/// How a loss bends in the outputs, over `c`.
#[derive(Clone, Debug)]
pub(crate) enum OutputCurvature {
    /// The identity.
    Flat,
    /// `diag(p) - p p^T` a sample, of these columns `p`.
    Softmax(Array2<f64>),
}

impl OutputCurvature {
    /// `V <- H V`, column by column.
    pub(crate) fn times(&self, V: &mut Array2<f64>) {
        match self {
            OutputCurvature::Flat => {}
            OutputCurvature::Softmax(P) => {
                *V *= P;
                let totals = V.sum_axis(Axis(0));
                for (mut row, p) in V.rows_mut().into_iter().zip(P.rows()) {
                    for ((v, &p), &total) in row.iter_mut().zip(p).zip(&totals) {
                        *v -= p * total;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture::normals;

    /// One-hot targets, the classes in turn.
    fn targets(classes: usize, n: usize) -> Array2<f64> {
        Array2::from_shape_fn((classes, n), |(class, sample)| {
            f64::from(u8::from(sample % classes == class))
        })
    }

    fn value(loss: Loss, E: &Array2<f64>, Y: &Array2<f64>, c: f64) -> f64 {
        loss.weighed(c, loss.sum_over(E.view(), Y.view()))
    }

    fn derivative(loss: Loss, E: &Array2<f64>, Y: &Array2<f64>, c: f64) -> Array2<f64> {
        let mut R = E.clone();
        let found = loss.derive(Threads::Seq, &mut R, (Y, None), c);
        let wanted = value(loss, E, Y, c);
        assert!((found - wanted).abs() <= 1e-14 * wanted, "{loss:?}");
        R
    }

    #[test]
    fn derivatives_are_those_of_the_value() {
        for &loss in Loss::ALL {
            for (classes, n) in [(1, 3), (4, 7), (3, 150)] {
                let (E, Y) = (normals(1, classes, n), targets(classes, n));
                let c = loss.scale(classes, n);
                let R = derivative(loss, &E, &Y, c);
                let h = 1e-5;
                for ((i, j), &r) in R.indexed_iter().filter(|((_, j), _)| j % 20 < 3) {
                    let moved = |by: f64| {
                        let mut E = E.clone();
                        E[[i, j]] += by;
                        E
                    };
                    let slope = (value(loss, &moved(h), &Y, c) - value(loss, &moved(-h), &Y, c))
                        / (2.0 * h);
                    assert!((slope - r).abs() < 1e-7, "{loss:?} {i} {j}: {slope} {r}");
                    let mut along = Array2::zeros(E.dim());
                    along[[i, j]] = 1.0;
                    loss.curvature(E.view()).times(&mut along);
                    let bent =
                        derivative(loss, &moved(h), &Y, c) - derivative(loss, &moved(-h), &Y, c);
                    let error = bent / (2.0 * h) - along * c;
                    assert!(error.iter().all(|e| e.abs() < 1e-7), "{loss:?} {i} {j}");
                }
            }
        }
    }
}
