//! Singular values of a matrix that comes in pieces: all of them where that is cheap, else the leading ones by a random
//! sketch with power iterations, each within a stated distance of a true one.
//!
//! With `Q` an orthonormal basis of `(A A^T)^q A G`, `G` Gaussian, the values are those of `Q^T A`. For a pair `u, v` of
//! value `s` found there `A^T u = s v` holds exactly and `A v - s u = r` is what is missing, so that the symmetric matrix
//! `[0 A; A^T 0]` has an eigenvalue, hence `A` a singular value, within `||r|| / sqrt(2)` of `s`.
//!
//! # Source
//! Halko, Martinsson, Tropp, "Finding structure with randomness", SIAM Review 53 (2011), algorithm 4.4.

use ndarray::{Array2, ArrayView2, s};

use super::pieces::{Pieces, down, gathered, up};
use crate::config::Draw;
use crate::kernel::{Threads, multiply, singular_values, svd};
use crate::stream::{Purpose, normal_rows};

/// Multiplications of rows, columns and the smaller side of a matrix that is decomposed whole: 1,600 x 1,600 takes some
/// seconds on one core.
const WHOLE_WORK: u64 = 1 << 32;

/// Entries of a matrix that is decomposed whole: 64 MB.
const WHOLE_ENTRIES: u64 = 1 << 23;

/// Directions of a sketch beyond those that are wanted: with ten, the bound is exceeded once in 10^10 sketches.
const BEYOND: usize = 10;

/// Power iterations: after two, values a tenth of the largest are found to six digits of the largest.
const POWERS: usize = 2;

/// Entropy, in nats, that may be unknown where an effective rank is reported: 1 %.
const UNKNOWN_ENTROPY: f64 = 0.01;

/// What is asked of a decomposition.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Leading values of a matrix that is too large to be decomposed whole.
    pub leading: usize,
    /// Whether vectors are.
    pub vectors: bool,
}

/// Leading singular values, descending, with vectors where they were asked for.
#[derive(Clone, Debug)]
pub struct Singular {
    pub values: Vec<f64>,
    /// Left vectors as columns.
    pub(super) U: Array2<f64>,
    /// Right vectors as columns.
    pub(super) V: Array2<f64>,
    /// Rows and columns of the matrix.
    pub shape: (usize, usize),
    /// `||A||_F^2`.
    pub square: f64,
    /// Of a sketch: a true singular value is within this of each that is reported. `None` where all are known.
    pub error: Option<f64>,
}

/// Why a matrix could not be decomposed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SingularError<E> {
    #[error(transparent)]
    Read(E),
    #[error("its singular values do not converge")]
    NoConvergence,
}

/// The singular values of `A`.
///
/// # Errors
/// [`SingularError`].
pub fn singular<P: Pieces>(A: &P, wanted: Wanted) -> Result<Singular, SingularError<P::Error>> {
    let (m, n) = A.shape();
    if m == 0 || n == 0 {
        return Ok(empty(m, n));
    }
    let least = m.min(n);
    let entries = m as u64 * n as u64;
    let is_whole = entries <= WHOLE_ENTRIES && entries.saturating_mul(least as u64) <= WHOLE_WORK;
    // A sketch as wide as the matrix finds all of it.
    let taken = wanted.leading.saturating_add(BEYOND).min(least);
    if is_whole {
        let whole = gathered(A).map_err(SingularError::Read)?;
        return of_whole(whole.view(), wanted.vectors).ok_or(SingularError::NoConvergence);
    }
    sketched(A, taken, wanted.leading)
}

fn empty(m: usize, n: usize) -> Singular {
    Singular {
        values: Vec::new(),
        U: Array2::zeros((m, 0)),
        V: Array2::zeros((n, 0)),
        shape: (m, n),
        square: 0.0,
        error: None,
    }
}

fn of_whole(A: ArrayView2<'_, f64>, vectors: bool) -> Option<Singular> {
    let square = A.iter().map(|x| x * x).sum();
    let none = || Array2::zeros((0, 0));
    let (U, values, V) = if vectors {
        let found = svd(A)?;
        (found.U, found.s, found.V)
    } else {
        (none(), singular_values(A)?, none())
    };
    Some(Singular {
        values,
        U,
        V,
        shape: A.dim(),
        square,
        error: None,
    })
}

/// `taken` directions of a sketch, of which the leading ones are reported.
fn sketched<P: Pieces>(
    A: &P,
    taken: usize,
    leading: usize,
) -> Result<Singular, SingularError<P::Error>> {
    let (m, n) = A.shape();
    // The same directions for every matrix of the shape, so that the bits are the same every time.
    let draw = Draw {
        seed: 0,
        replicate: 0,
    };
    let start = normal_rows(draw, Purpose::Inputs, 0, n, taken);
    let read = SingularError::Read;
    let (image, square) = up(A, start.view()).map_err(read)?;
    let mut Q = basis_of(&image)?;
    for _ in 0..POWERS {
        let back = basis_of(&down(A, Q.view()).map_err(read)?)?;
        Q = basis_of(&up(A, back.view()).map_err(read)?.0)?;
    }
    // `A^T Q = V diag(s) W^T`, so that `U = Q W`.
    let back = down(A, Q.view()).map_err(read)?;
    let found = svd(back.view()).ok_or(SingularError::NoConvergence)?;
    let kept = leading.min(taken);
    let V = found.U.slice(s![.., ..kept]).to_owned();
    let U = multiply(Threads::Seq, Q.view(), found.V.slice(s![.., ..kept]));
    let values = found.s[..kept].to_vec();
    let (mut missing, _) = up(A, V.view()).map_err(read)?;
    let mut error = 0.0f64;
    for ((mut column, left), value) in missing
        .columns_mut()
        .into_iter()
        .zip(U.columns())
        .zip(&values)
    {
        column.scaled_add(-value, &left);
        error = error.max((column.dot(&column) / 2.0).sqrt());
    }
    Ok(Singular {
        values,
        U,
        V,
        shape: (m, n),
        square,
        error: Some(error),
    })
}

/// An orthonormal basis of the columns.
fn basis_of<E>(A: &Array2<f64>) -> Result<Array2<f64>, SingularError<E>> {
    let found = svd(A.view()).ok_or(SingularError::NoConvergence)?;
    Ok(found.U)
}

/// What numbers say about a spectrum. `None` where the matrix is zero, and an effective rank also where values that are
/// not known could change it by more than 1 %.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ranks {
    pub effective: Option<f64>,
    /// `||A||_F^2 / ||A||_2^2`.
    pub stable: Option<f64>,
}

/// The ranks of a matrix from its leading values and its norm.
pub fn ranks(found: &Singular) -> Ranks {
    let largest = found.values.first().copied().unwrap_or(0.0);
    if largest == 0.0 {
        return Ranks::default();
    }
    let mut sum = 0.0;
    let mut entropy = 0.0;
    for value in &found.values {
        let q = value / largest;
        sum += q;
        if q > 0.0 {
            entropy -= q * q.ln();
        }
    }
    let known = sum.ln() + entropy / sum;
    let is_known = unknown_entropy(found, known, largest * sum) <= UNKNOWN_ENTROPY;
    Ranks {
        effective: is_known.then(|| known.exp()),
        stable: Some(found.square / (largest * largest)),
    }
}

/// By how much the entropy of all values can differ from that of the known ones. The others have a known sum of squares,
/// so that their sum is at most the root of that times the root of their number; of a share `p` of all, they change the
/// entropy by at most the entropy of `p` and `p` times the larger of the two entropies.
fn unknown_entropy(found: &Singular, known: f64, sum: f64) -> f64 {
    let (m, n) = found.shape;
    let others = m.min(n).saturating_sub(found.values.len()) as f64;
    if found.error.is_none() || others == 0.0 {
        return 0.0;
    }
    let left = (found.square - found.values.iter().map(|s| s * s).sum::<f64>()).max(0.0);
    let most = (others * left).sqrt();
    let p = most / (sum + most);
    if p == 0.0 {
        return 0.0;
    }
    let own = -p * p.ln() - (1.0 - p) * (1.0 - p).ln();
    own + p * known.max(others.ln())
}

impl Singular {
    /// Values above a share of this size. `None` where more may be among those that are not known.
    pub fn count_above(&self, size: f64) -> Option<usize> {
        let count = self.values.iter().filter(|&&value| value > size).count();
        let all_known = self.error.is_none() || count < self.values.len();
        all_known.then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::tests::Sliced;
    use super::*;
    use ndarray::Array1;

    fn normals(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
        let draw = Draw { seed, replicate: 1 };
        normal_rows(draw, Purpose::Inputs, 0, rows, columns)
    }

    /// Singular values `1, ratio, ratio^2, ...` in random directions.
    fn decaying(m: usize, n: usize, ratio: f64) -> (Array2<f64>, Vec<f64>) {
        let k = m.min(n);
        let U = svd(normals(m, k, 1).view()).expect("finite").U;
        let V = svd(normals(n, k, 2).view()).expect("finite").U;
        let values: Vec<f64> = (0..k).map(|i| ratio.powi(i as i32)).collect();
        let A = (&U * &Array1::from(values.clone())).dot(&V.t());
        (A, values)
    }

    #[test]
    fn a_sketch_finds_the_leading_values_within_its_bound() {
        for (m, n, ratio) in [(90, 60, 0.8), (40, 100, 0.9), (80, 80, 0.98)] {
            let (A, values) = decaying(m, n, ratio);
            let found = sketched(&Sliced(A, 7), 22, 12).expect("converges");
            let error = found.error.expect("a sketch");
            assert_eq!(found.values.len(), 12);
            assert!((found.square - values.iter().map(|s| s * s).sum::<f64>()).abs() < 1e-10);
            for (found, value) in found.values.iter().zip(&values) {
                let nearest = values.iter().map(|value| (found - value).abs());
                let nearest = nearest.fold(f64::INFINITY, f64::min);
                assert!(nearest <= error + 1e-12, "{found} {value} {error:e}");
            }
            if ratio < 0.95 {
                assert!(error < 0.02, "{error:e}");
                assert!((found.values[0] - 1.0).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_sketch_of_a_matrix_of_low_rank_is_exact() {
        let A = normals(70, 5, 1).dot(&normals(5, 50, 2));
        let found = sketched(&A, 18, 8).expect("converges");
        let exact = singular_values(A.view()).expect("converges");
        for (found, exact) in found.values.iter().zip(&exact) {
            assert!((found - exact).abs() < 1e-12 * A.len() as f64);
        }
        assert!(found.error.expect("a sketch") < 1e-10);
        let (known, whole) = (
            ranks(&found),
            ranks(&of_whole(A.view(), false).expect("finite")),
        );
        let near = |a: Option<f64>, b: Option<f64>| (a.expect("known") - b.expect("known")).abs();
        assert!(near(known.effective, whole.effective) < 1e-9);
        assert!(near(known.stable, whole.stable) < 1e-9);
        assert_eq!(found.count_above(1e-6), Some(5));
    }

    #[test]
    fn ranks_that_the_rest_could_change_are_not_reported() {
        let A = normals(60, 60, 1);
        let found = sketched(&A, 18, 8).expect("converges");
        assert_eq!(ranks(&found).effective, None);
        let exact = singular_values(A.view()).expect("converges");
        let stable = exact.iter().map(|s| s * s).sum::<f64>() / exact[0].powi(2);
        let found = ranks(&found).stable.expect("not zero");
        assert!((found / stable - 1.0).abs() < 0.05, "{found} {stable}");
    }

    #[test]
    fn small_matrices_are_decomposed_whole() {
        let A = normals(9, 5, 1);
        for vectors in [false, true] {
            let wanted = Wanted {
                leading: 2,
                vectors,
            };
            let found = singular(&Sliced(A.clone(), 2), wanted).expect("converges");
            assert_eq!((found.values.len(), found.error), (5, None));
            assert_eq!(found.U.ncols(), if vectors { 5 } else { 0 });
        }
        let zero = singular(
            &Array2::zeros((3, 2)),
            Wanted {
                leading: 1,
                vectors: false,
            },
        );
        assert_eq!(ranks(&zero.expect("finite")), Ranks::default());
    }
}
