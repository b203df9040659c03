//! Singular values with the angles of their vectors to those of another matrix.

use super::singular::Singular;
use crate::kernel::Svd;
use crate::measure::{RowExtras, Spectrum, spectrum_against};
use crate::outcome::SpectrumRow;

/// A singular value and the angles of its vectors, or of its cluster of equal values, in radians; null where the
/// cluster changed or another value is too near.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AngledValue {
    pub value: f64,
    pub left: Option<f64>,
    pub right: Option<f64>,
}

/// The values of a matrix with their angles to those of `reference`; both with vectors. Without a reference there are
/// no angles.
pub fn angled(found: &Singular, reference: Option<&Singular>) -> Vec<AngledValue> {
    let reference = reference.map(spectrum);
    let mut rows: Vec<SpectrumRow> = Vec::new();
    let nothing = RowExtras::default();
    spectrum_against(
        &mut rows,
        (0, 0),
        &spectrum(found),
        reference.as_ref(),
        &nothing,
    );
    // Below the last value of a sketch comes one that is not known.
    let last = match found.error {
        Some(_) => found.values.last().copied(),
        None => None,
    };
    let value = |row: SpectrumRow| {
        let is_last = last == Some(row.value);
        AngledValue {
            value: row.value,
            left: row.left_angle.filter(|_| !is_last),
            right: row.right_angle.filter(|_| !is_last),
        }
    };
    rows.into_iter().map(value).collect()
}

fn spectrum(found: &Singular) -> Spectrum {
    let svd = Svd {
        U: found.U.clone(),
        s: found.values.clone(),
        V: found.V.clone(),
    };
    Spectrum::new(svd, Vec::new(), found.shape)
}

#[cfg(test)]
mod tests {
    use super::super::singular::{Wanted, singular};
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn angles_are_to_the_reference() {
        let wanted = Wanted {
            leading: 3,
            vectors: true,
        };
        let of = |A: &Array2<f64>| singular(A, wanted).expect("converges");
        let A = Array2::from_diag(&array![3.0, 2.0, 1.0]);
        let (cos, sin) = (0.3f64.cos(), 0.3f64.sin());
        let turned = array![[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]].dot(&A);
        let found = angled(&of(&turned), Some(&of(&A)));
        let left: Vec<f64> = found
            .iter()
            .map(|value| value.left.expect("apart"))
            .collect();
        for (left, expected) in left.iter().zip([0.3, 0.0, 0.3]) {
            assert!((left - expected).abs() < 1e-12, "{left}");
        }
        assert!(found.iter().all(|value| value.right.expect("apart") < 1e-7));
        assert!(
            angled(&of(&A), None)
                .iter()
                .all(|value| value.left.is_none())
        );
        // All values of a rotation are equal: nothing to compare.
        let rotation = of(&Array2::eye(3));
        assert!(
            angled(&rotation, Some(&of(&A)))
                .iter()
                .all(|value| value.left.is_none())
        );
    }
}
