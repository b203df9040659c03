//! Scalars of a spectrum and of neighbouring layers.

use ndarray::ArrayView2;

use super::Entry;
use crate::kernel::{Accum, Threads, multiply, product, square_sum};

/// What one number can say about a spectrum; `None` where the matrix is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct SpectrumScalars {
    /// exp of the entropy of the singular values over their sum.
    pub(crate) effective_rank: Option<f64>,
    /// `||W||_F^2 / ||W||_2^2`.
    pub(crate) stable_rank: Option<f64>,
    /// Sum of the singular values; 0 for a zero matrix.
    pub(crate) nuclear_norm: Option<f64>,
}

/// The scalars of a spectrum in descending order.
///
/// # Source
/// Effective rank: Roy and Vetterli, "The effective rank", EUSIPCO 2007.
pub(crate) fn spectrum_scalars(entries: &[Entry]) -> SpectrumScalars {
    let largest = entries.first().map_or(0.0, |entry| entry.value);
    if largest == 0.0 {
        return SpectrumScalars {
            nuclear_norm: Some(0.0),
            ..SpectrumScalars::default()
        };
    }
    let (mut sum, mut squares, mut entropy) = (0.0, 0.0, 0.0);
    for entry in entries {
        let count = f64::from(entry.multiplicity());
        let q = entry.value / largest;
        sum += count * q;
        squares += count * q * q;
        if q > 0.0 {
            entropy -= count * q * q.ln();
        }
    }
    // With p = q / sum: -sum p ln p = ln sum - (sum q ln q) / sum.
    SpectrumScalars {
        effective_rank: Some((sum.ln() + entropy / sum).exp()),
        stable_rank: Some(squares),
        nuclear_norm: Some(largest * sum),
    }
}

/// `||W_(l+1)^T W_(l+1) - W_l W_l^T||_F`: how unbalanced two neighbouring layers are.
///
/// # Shapes
/// `above`: `W_(l+1)`, `k x d`; `below`: `W_l`, `d x j`.
pub(crate) fn balancedness(
    above: ArrayView2<'_, f64>,
    below: ArrayView2<'_, f64>,
    threads: Threads,
) -> f64 {
    let mut difference = multiply(threads, above.t(), above);
    product(
        threads,
        difference.view_mut(),
        Accum::Add,
        -1.0,
        below,
        below.t(),
    );
    square_sum(difference.view()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::EntryKind;
    use ndarray::array;

    fn check(values: &[(f64, u32)], effective: Option<f64>, stable: Option<f64>, nuclear: f64) {
        let entries: Vec<Entry> = values
            .iter()
            .map(|&(value, multiplicity)| Entry {
                value,
                kind: EntryKind::Block {
                    id: 0,
                    multiplicity,
                },
            })
            .collect();
        let found = spectrum_scalars(&entries);
        let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-13 * b,
            (a, b) => a == b,
        };
        assert!(near(found.effective_rank, effective), "{found:?}");
        assert!(near(found.stable_rank, stable), "{found:?}");
        assert!(near(found.nuclear_norm, Some(nuclear)), "{found:?}");
    }

    #[test]
    fn equal_values_count_and_zeros_do_not() {
        check(&[(2.0, 1), (2.0, 3), (0.0, 5)], Some(4.0), Some(4.0), 8.0);
        check(&[(5.0, 1)], Some(1.0), Some(1.0), 5.0);
        check(&[(0.0, 4)], None, None, 0.0);
        // p = 3/4, 1/4: entropy 0.5623351446188083.
        let effective = Some(0.562_335_144_618_808_3_f64.exp());
        check(
            &[(3e-200, 1), (1e-200, 1)],
            effective,
            Some(10.0 / 9.0),
            4e-200,
        );
    }

    #[test]
    fn balanced_layers_differ_by_nothing() {
        let below = array![[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        let above = array![[2.0, 0.0], [0.0, 1.0]];
        let seq = Threads::Seq;
        assert_eq!(balancedness(above.view(), below.view(), seq), 0.0);
        let other = array![[0.0, 3.0]];
        // diag(0, 9) - diag(4, 1).
        let wanted = 80f64.sqrt();
        assert!((balancedness(other.view(), below.view(), seq) - wanted).abs() < 1e-14);
    }
}
