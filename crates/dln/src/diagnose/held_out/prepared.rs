//! A split with its inputs prepared, and the directions that carry their energy: both learned on the training part
//! alone and applied to the other.

use ndarray::{Array2, ArrayView2, Axis, s};

use super::answer::Preparation;
use crate::data::Parts;
use crate::error::{Matrix, TrialError};
use crate::kernel::rank::{OF_DATA, rank};
use crate::kernel::{Threads, multiply, svd, triangle};

/// Samples in columns, and what each should give.
pub(super) struct Table<'a> {
    pub(super) X: ArrayView2<'a, f64>,
    /// One-hot classes, or targets.
    pub(super) Y: ArrayView2<'a, f64>,
    /// Classification only.
    pub(super) classes: Option<Vec<usize>>,
}

/// A part of the samples.
pub(super) struct Part {
    pub(super) X: Array2<f64>,
    pub(super) Y: Array2<f64>,
    pub(super) classes: Option<Vec<usize>>,
}

/// A split, ready to be learned from.
pub(super) struct Prepared {
    pub(super) train: Part,
    pub(super) test: Part,
    /// Means of the training targets, which both parts are without: a linear network has no intercept. Empty where
    /// there are classes.
    pub(super) target_means: Vec<f64>,
    /// `d_x x r`, orthonormal: the singular directions of the training inputs, largest first.
    pub(super) directions: Array2<f64>,
}

impl Table<'_> {
    pub(super) fn count(&self) -> usize {
        self.X.ncols()
    }

    pub(super) fn part(&self, of: &[usize]) -> Part {
        Part {
            X: self.X.select(Axis(1), of),
            Y: self.Y.select(Axis(1), of),
            classes: self
                .classes
                .as_ref()
                .map(|classes| of.iter().map(|&at| classes[at]).collect()),
        }
    }
}

impl Part {
    pub(super) fn count(&self) -> usize {
        self.X.ncols()
    }

    /// A part of this part.
    pub(super) fn table(&self) -> Table<'_> {
        Table {
            X: self.X.view(),
            Y: self.Y.view(),
            classes: self.classes.clone(),
        }
    }
}

impl Prepared {
    /// # Errors
    /// [`TrialError::NoConvergence`].
    pub(super) fn new(
        table: &Table<'_>,
        parts: &Parts,
        preparation: Preparation,
    ) -> Result<Prepared, TrialError> {
        let (mut train, mut test) = (table.part(&parts.train), table.part(&parts.test));
        let (shift, factor) = moments(train.X.view(), preparation);
        for part in [&mut train, &mut test] {
            apply(&mut part.X, &shift, &factor);
        }
        let target_means = match table.classes {
            Some(_) => Vec::new(),
            None => centered(&mut train, &mut test),
        };
        let directions = directions(train.X.view())?;
        Ok(Prepared {
            train,
            test,
            target_means,
            directions,
        })
    }

    /// Both parts in the coordinates of the first `k` directions: `k x n`.
    pub(super) fn projected(&self, k: usize) -> (Array2<f64>, Array2<f64>) {
        let k = k.min(self.directions.ncols());
        let V = self.directions.slice(s![.., ..k]);
        let of = |part: &Part| multiply(Threads::Seq, V.t(), part.X.view());
        (of(&self.train), of(&self.test))
    }
}

/// Takes the means of the training targets away from the targets of both parts.
fn centered(train: &mut Part, test: &mut Part) -> Vec<f64> {
    let means = means(train);
    for part in [train, test] {
        part.Y -= &means;
    }
    means.column(0).to_vec()
}

/// The inputs of all samples, prepared.
pub(super) fn prepared_inputs(X: ArrayView2<'_, f64>, preparation: Preparation) -> Array2<f64> {
    let (shift, factor) = moments(X, preparation);
    let mut X = X.to_owned();
    apply(&mut X, &shift, &factor);
    X
}

/// Means of the targets, `d_y x 1`.
pub(super) fn means(part: &Part) -> Array2<f64> {
    let count = part.count().max(1) as f64;
    (part.Y.sum_axis(Axis(1)) / count).insert_axis(Axis(1))
}

/// What is subtracted from each input, and what it is then multiplied by.
pub(super) fn moments(X: ArrayView2<'_, f64>, preparation: Preparation) -> (Vec<f64>, Vec<f64>) {
    let count = X.ncols().max(1) as f64;
    let of_row = |row: ndarray::ArrayView1<'_, f64>| {
        let mean = row.sum() / count;
        let square = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        // Rounding alone makes a constant input vary.
        let varies = square.sqrt() > 1e-12 * mean.abs();
        let factor = if preparation.standardize && varies {
            1.0 / square.sqrt()
        } else {
            1.0
        };
        (if preparation.center { mean } else { 0.0 }, factor)
    };
    X.rows().into_iter().map(of_row).unzip()
}

/// Largest over smallest deviation of the inputs that vary, as they are trained on.
pub fn scales(X: ArrayView2<'_, f64>, preparation: Preparation) -> f64 {
    let X = prepared_inputs(X, preparation);
    let deviations = X.rows().into_iter().map(|row| row.std(0.0));
    let varying = deviations.filter(|&deviation| deviation > 0.0);
    let (low, high) = varying.fold((f64::INFINITY, 0.0_f64), |(low, high), deviation| {
        (low.min(deviation), high.max(deviation))
    });
    if high > 0.0 { high / low } else { 1.0 }
}

fn apply(X: &mut Array2<f64>, shift: &[f64], factor: &[f64]) {
    for ((mut row, &shift), &factor) in X.rows_mut().into_iter().zip(shift).zip(factor) {
        if shift != 0.0 || factor != 1.0 {
            row.mapv_inplace(|x| (x - shift) * factor);
        }
    }
}

fn directions(X: ArrayView2<'_, f64>) -> Result<Array2<f64>, TrialError> {
    let (d, n) = X.dim();
    let found = if n > d {
        svd(triangle(X.t()).view()).map(|svd| (svd.V, svd.s))
    } else {
        svd(X).map(|svd| (svd.U, svd.s))
    };
    let (V, values) = found.ok_or(TrialError::NoConvergence {
        matrix: Matrix::Inputs,
    })?;
    let rank = rank(&values, OF_DATA).max(1).min(V.ncols());
    Ok(V.slice(s![.., ..rank]).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture::normals;
    use crate::diagnose::held_out::split::split;

    const BOTH: Preparation = Preparation {
        center: true,
        standardize: true,
        whiten: false,
    };

    #[test]
    fn the_preparation_is_learned_on_the_training_part() {
        let mut X = normals(1, 4, 40) * 7.0 + 3.0;
        X.row_mut(2).fill(5.0);
        let Y = normals(2, 1, 40);
        let table = Table {
            X: X.view(),
            Y: Y.view(),
            classes: None,
        };
        let parts = split(None, 40, 0.25, 1);
        let prepared = Prepared::new(&table, &parts, BOTH).unwrap();
        for (at, row) in prepared.train.X.rows().into_iter().enumerate() {
            let mean = row.mean().unwrap();
            let deviation = row.std(0.0);
            assert!(mean.abs() < 1e-12, "{mean:e}");
            let wanted = if at == 2 { 0.0 } else { 1.0 };
            assert!((deviation - wanted).abs() < 1e-12);
        }
        assert!(prepared.test.X.row(0).mean().unwrap().abs() > 1e-3);
        assert_eq!(prepared.directions.ncols(), 3);
    }

    #[test]
    fn targets_are_without_the_means_of_the_training_part() {
        let (X, Y) = (normals(1, 3, 40), normals(2, 2, 40) + 100.0);
        let table = Table {
            X: X.view(),
            Y: Y.view(),
            classes: None,
        };
        let parts = split(None, 40, 0.25, 1);
        let prepared = Prepared::new(&table, &parts, Preparation::default()).unwrap();
        for row in prepared.train.Y.rows() {
            assert!(row.sum().abs() < 1e-10);
        }
        let first = prepared.test.Y[[1, 0]] + prepared.target_means[1];
        assert!((first - Y[[1, parts.test[0]]]).abs() < 1e-12);
        assert!(prepared.target_means.iter().all(|mean| *mean > 98.0));
    }

    #[test]
    fn all_directions_keep_every_length() {
        for n in [30, 5] {
            let X = normals(1, 8, n);
            let Y = normals(2, 1, n);
            let table = Table {
                X: X.view(),
                Y: Y.view(),
                classes: None,
            };
            let parts = Parts {
                train: (0..n).collect(),
                test: vec![0],
            };
            let prepared = Prepared::new(&table, &parts, Preparation::default()).unwrap();
            let (all, _) = prepared.projected(8);
            let (one, _) = prepared.projected(1);
            let square = |A: &Array2<f64>| A.iter().map(|x| x * x).sum::<f64>();
            assert!((square(&all) / square(&X) - 1.0).abs() < 1e-12);
            assert!(square(&one) < square(&all));
        }
    }
}
