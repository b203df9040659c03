//! Alignment of the end-to-end map with the target.

use std::f64::consts::FRAC_PI_2;

use ndarray::{Array2, ArrayView2, Axis, s};

use super::{EntryKind, Spectrum, largest_angle};
use crate::data::{Data, InputsMatrix, TrainSamples, scale_columns};
use crate::kernel::rank::{OF_TARGET, rank};
use crate::kernel::{Svd, Threads, multiply, svd};

/// A gap between the `r`-th and the next singular value of the end-to-end map below this, relative to the
/// largest, leaves its top subspace undefined.
const GAP: f64 = 1e-8;

/// The singular subspaces of the target.
#[derive(Clone, Debug)]
pub(crate) struct Alignment {
    /// `d_y x r`.
    pub(crate) U: Array2<f64>,
    /// `d_x x r`.
    pub(crate) V: Array2<f64>,
}

impl Alignment {
    /// The target as a map of inputs to outputs: the target matrix itself, or, where there are samples, the
    /// least-squares map `Y X^+`. `None` where it is zero or its decomposition does not converge.
    pub(crate) fn new(data: &Data) -> Option<Alignment> {
        // Noise has no direction that a map could find.
        let target = data.clean.as_ref();
        let factors = match (data.samples(true), &data.X, target) {
            (TrainSamples::Identity, _, target) => target.unwrap_or(&data.Y).decomposed()?,
            (TrainSamples::Dense { .. }, InputsMatrix::Dense(X), Some(clean)) => {
                least_squares(X.view(), &clean.dense())?
            }
            (TrainSamples::Dense { X, Y, .. }, _, _) => least_squares(X, &Y)?,
        };
        let rank = rank(&factors.s, OF_TARGET);
        (rank > 0).then(|| Alignment {
            U: factors.U.slice(s![.., ..rank]).to_owned(),
            V: factors.V.slice(s![.., ..rank]).to_owned(),
        })
    }

    /// The largest principal angle between the top `r` singular subspaces of the map and those of the
    /// target, left or right, in radians; blocks count as orthogonal to the target. `None` where the map's
    /// top subspaces are not defined.
    pub(crate) fn angle(&self, map: &Spectrum) -> Option<f64> {
        let rank = self.U.ncols() as u64;
        let mut columns = Vec::new();
        let mut turned = false;
        let (mut covered, mut taken) = (0, 0);
        for entry in &map.entries {
            if covered >= rank {
                break;
            }
            match entry.kind {
                EntryKind::Pair { column } => columns.push(column),
                EntryKind::Block { .. } => turned = true,
            }
            covered += u64::from(entry.multiplicity());
            taken += 1;
        }
        if covered != rank {
            return None;
        }
        let largest = map.entries.first()?.value;
        let last = map.entries[taken - 1].value;
        let next = map.entries.get(taken).map_or(0.0, |entry| entry.value);
        if last - next <= GAP * largest {
            return None;
        }
        if turned {
            return Some(FRAC_PI_2);
        }
        let left = largest_angle(self.U.view(), map.U.select(Axis(1), &columns).view())?;
        let right = largest_angle(self.V.view(), map.V.select(Axis(1), &columns).view())?;
        Some(left.max(right))
    }
}

/// The decomposition of the target as a map of inputs to outputs; `None` where it does not converge.
pub(crate) fn target_factors(data: &Data) -> Option<Svd> {
    match data.samples(true) {
        TrainSamples::Identity => data.Y.decomposed(),
        TrainSamples::Dense { X, Y, .. } => least_squares(X, &Y),
    }
}

/// The decomposition of `Y X^+`.
fn least_squares(X: ArrayView2<'_, f64>, Y: &Array2<f64>) -> Option<Svd> {
    let inputs = svd(X)?;
    let rank = rank(&inputs.s, OF_TARGET);
    let inverse: Vec<f64> = inputs.s[..rank].iter().map(|value| 1.0 / value).collect();
    let V = scale_columns(inputs.V.slice(s![.., ..rank]), &inverse);
    // Y V S^-1 carries the map on the rows of U^T.
    let carried = multiply(Threads::Seq, Y.view(), V.view());
    let outer = svd(carried.view())?;
    let right = multiply(Threads::Seq, inputs.U.slice(s![.., ..rank]), outer.V.view());
    Some(Svd {
        U: outer.U,
        s: outer.s,
        V: right,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn least_squares_finds_the_map_behind_the_samples() {
        let M = array![[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]];
        let X = Array2::from_shape_fn((3, 8), |(i, j)| ((i * 5 + j * 3 + i * j) % 7) as f64);
        let found = least_squares(X.view(), &M.dot(&X)).expect("finite");
        let wanted = svd(M.view()).expect("finite");
        for (a, b) in found.s.iter().zip(&wanted.s) {
            assert!((a - b).abs() < 1e-12);
        }
        let back = scale_columns(found.U.view(), &found.s).dot(&found.V.t());
        assert!((&back - &M).iter().all(|x| x.abs() < 1e-12));
    }

    #[test]
    fn the_angle_is_the_larger_of_both_sides() {
        let column = |angle: f64| array![[angle.cos()], [angle.sin()], [0.0]];
        let target = Alignment {
            U: column(0.0),
            V: column(0.0),
        };
        let map = |s: f64| {
            let A = column(0.2).dot(&column(0.5).t()) * 3.0
                + array![[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, s]];
            Spectrum::decomposed(A.view(), true).expect("finite")
        };
        let angle = target.angle(&map(1.0)).expect("a gap");
        assert!((angle - 0.5).abs() < 1e-13);
        assert_eq!(target.angle(&map(3.0)), None);
        let zero = Spectrum::decomposed(Array2::zeros((3, 3)).view(), true).expect("finite");
        assert_eq!(target.angle(&zero), None);
    }
}
