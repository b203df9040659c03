//! The block that the law predicts for a network's weights, and how much of an update lies outside it.
//!
//! From seeds for the inputs (the leading right singular vectors of the first gradient, or the range of the data) and
//! all of the outputs the subspaces are closed through the initial weights, both ways at every layer: `W_l H_(l-1)` in
//! `H_l` and `W_l^T H_l` in `H_(l-1)`.

use ndarray::{Array2, ArrayView2, s};

use super::pieces::{Pieces, down, square, up};
use super::singular::{Singular, SingularError, Wanted, singular};
use crate::kernel::{Threads, multiply, square_sum, svd, triangle};
use crate::law::Basis;

/// Widest subspace that is followed: a core of this width saves nothing, and a start that is not orthogonal fills every
/// layer. A thousand directions of a layer of 10,000 are 80 MB.
const WIDEST: usize = 1024;

/// The predicted subspaces `H_0 .. H_L`.
#[derive(Clone, Debug)]
pub struct Block {
    bases: Vec<Array2<f64>>,
}

/// Why there is no block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError<E> {
    #[error(transparent)]
    Read(E),
    #[error(
        "the start spreads over more than {width} directions of layer {layer}: it is not orthogonal"
    )]
    Wide { layer: usize, width: usize },
}

impl Block {
    /// `dim H_l`, `l` from 0 (the inputs).
    pub fn width(&self, l: usize) -> usize {
        self.bases[l].ncols()
    }

    /// Orthonormal columns of `H_l`.
    pub fn basis(&self, l: usize) -> ArrayView2<'_, f64> {
        self.bases[l].view()
    }

    /// Whether layer `l`, from 1, lies in the block whatever it does.
    pub fn is_whole(&self, l: usize) -> bool {
        [l - 1, l]
            .iter()
            .all(|&at| self.bases[at].nrows() == self.bases[at].ncols())
    }
}

/// Closes the subspaces through the initial weights `W_1(0) .. W_L(0)`, which chain.
///
/// `tolerance` is the share of a unit vector's image that counts as a new direction: above the rounding of the numbers
/// that the weights are stored in.
///
/// # Shapes
/// `input`: `d_0 x k`, columns of a norm of about 1.
/// # Errors
/// [`BlockError`].
pub fn block<P: Pieces>(
    layers: &[P],
    input: ArrayView2<'_, f64>,
    tolerance: f64,
) -> Result<Block, BlockError<P::Error>> {
    let read = BlockError::Read;
    let mut norms = Vec::with_capacity(layers.len());
    for layer in layers {
        let (m, n) = layer.shape();
        let norm = (square(layer).map_err(read)? / m.min(n).max(1) as f64).sqrt();
        norms.push(if norm > 0.0 { norm } else { 1.0 });
    }
    let below = layers.iter().map(|layer| layer.shape().1);
    let above = layers.last().map(|layer| layer.shape().0);
    let mut bases: Vec<Basis> = below.chain(above).map(Basis::new).collect();
    if let Some(first) = bases.first_mut() {
        first.extend(input, tolerance);
    }
    if let Some(last) = bases.last_mut() {
        let all = Array2::eye(last.rows());
        last.extend(all.view(), tolerance);
    }
    // Columns whose images are known to lie in the next basis, up and down.
    let mut seen = vec![(0, 0); layers.len()];
    loop {
        let mut grown = false;
        for (l, layer) in layers.iter().enumerate() {
            let pending = seen[l].0..bases[l].width();
            if pending.is_empty() || bases[l + 1].is_full() {
                continue;
            }
            seen[l].0 = pending.end;
            let (mut image, _) = up(layer, bases[l].columns(pending)).map_err(read)?;
            image /= norms[l];
            grown |= extended(&mut bases, l + 1, &image, tolerance)?;
        }
        for (l, layer) in layers.iter().enumerate().rev() {
            let pending = seen[l].1..bases[l + 1].width();
            if pending.is_empty() || bases[l].is_full() {
                continue;
            }
            seen[l].1 = pending.end;
            let mut image = down(layer, bases[l + 1].columns(pending)).map_err(read)?;
            image /= norms[l];
            grown |= extended(&mut bases, l, &image, tolerance)?;
        }
        if !grown {
            let bases = bases.iter();
            return Ok(Block {
                bases: bases.map(|basis| basis.view().to_owned()).collect(),
            });
        }
    }
}

/// Adds directions to a subspace; whether there were any.
fn extended<E>(
    bases: &mut [Basis],
    at: usize,
    image: &Array2<f64>,
    tolerance: f64,
) -> Result<bool, BlockError<E>> {
    let before = bases[at].width();
    bases[at].extend(image.view(), tolerance);
    let width = bases[at].width();
    let is_inner = at + 1 < bases.len();
    if is_inner && width > before && width > WIDEST {
        return Err(BlockError::Wide {
            layer: at,
            width: WIDEST,
        });
    }
    Ok(width > before)
}

/// The leading right singular vectors of a matrix as columns, at most `count`, those of values that are rounding left
/// out.
///
/// # Errors
/// [`SingularError`].
pub fn leading<P: Pieces>(
    A: &P,
    count: usize,
    tolerance: f64,
) -> Result<Array2<f64>, SingularError<P::Error>> {
    let wanted = Wanted {
        leading: count,
        vectors: true,
    };
    let found = singular(A, wanted)?;
    let largest = found.values.first().copied().unwrap_or(0.0);
    let values = found.values.iter().take(count);
    let kept = values
        .take_while(|&&value| value > tolerance * largest)
        .count();
    Ok(found.V.slice(s![.., ..kept]).to_owned())
}

/// The share of `||D||^2` outside the block between `below` and `above`; `None` where `D` is zero.
///
/// # Shapes
/// `update`: `m x n`, `above`: `m x p`, `below`: `n x q`, orthonormal columns.
/// # Errors
/// Where the update cannot be read.
pub fn leak<P: Pieces>(
    update: &P,
    above: ArrayView2<'_, f64>,
    below: ArrayView2<'_, f64>,
) -> Result<Option<f64>, P::Error> {
    let (image, all) = up(update, below)?;
    if all == 0.0 {
        return Ok(None);
    }
    let inside = multiply(Threads::Pool, above.t(), image.view());
    Ok(Some(
        (1.0 - square_sum(inside.view()) / all).clamp(0.0, 1.0),
    ))
}

/// The least leak of any block of these widths: what the largest singular values leave. `None` where the update is
/// zero, or where fewer values are known.
pub fn best_leak(update: &Singular, above: usize, below: usize) -> Option<f64> {
    let kept = above.min(below);
    let all_known = update.error.is_none() || kept <= update.values.len();
    if update.square == 0.0 || !all_known {
        return None;
    }
    let inside: f64 = update.values.iter().take(kept).map(|s| s * s).sum();
    Some((1.0 - inside / update.square).clamp(0.0, 1.0))
}

/// The leak of a random block of these widths in a matrix of this shape, in the mean.
pub fn chance_leak(above: usize, below: usize, shape: (usize, usize)) -> f64 {
    let (m, n) = shape;
    1.0 - (above as f64 / m as f64) * (below as f64 / n as f64)
}

/// An orthonormal basis of the range of `X`, `d x n`, directions below this share of the largest left out; `None` where
/// it does not converge.
pub fn range(X: ArrayView2<'_, f64>, tolerance: f64) -> Option<Array2<f64>> {
    let (d, n) = X.dim();
    let (U, values) = if n > d {
        // `X^T = Q R`, so `R` has the values and the vectors of `X` without anything as long as the samples.
        let found = svd(triangle(X.t()).view())?;
        (found.V, found.s)
    } else {
        let found = svd(X)?;
        (found.U, found.s)
    };
    let largest = values.first().copied().unwrap_or(0.0);
    let kept = values
        .iter()
        .take_while(|&&value| value > tolerance * largest)
        .count();
    Some(U.slice(s![.., ..kept]).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::pieces::tests::Sliced;
    use super::*;
    use crate::config::Draw;
    use crate::stream::{Purpose, normal_rows};

    fn normals(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
        let draw = Draw { seed, replicate: 2 };
        normal_rows(draw, Purpose::Inputs, 0, rows, columns)
    }

    fn rotation(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
        let found = svd(normals(rows, columns, seed).view()).expect("finite");
        found.U.dot(&found.V.t())
    }

    fn sliced(layers: &[Array2<f64>]) -> Vec<Sliced> {
        layers.iter().map(|W| Sliced(W.clone(), 5)).collect()
    }

    /// A linear network that is trained on whitened samples, with its first gradient.
    fn trained(eps: f64, steps: usize) -> (Vec<Array2<f64>>, Vec<Array2<f64>>, Array2<f64>) {
        let sizes = [20, 30, 30, 3];
        let start: Vec<Array2<f64>> = (0..3)
            .map(|l| rotation(sizes[l + 1], sizes[l], l as u64) * eps)
            .collect();
        let X = rotation(20, 20, 9);
        let Y = normals(3, 20, 8);
        let mut layers = start.clone();
        let mut first = None;
        for _ in 0..steps {
            let whole = layers[2].dot(&layers[1]).dot(&layers[0]);
            let residual = (whole.dot(&X) - &Y).dot(&X.t());
            let gradients = [
                layers[1].t().dot(&layers[2].t()).dot(&residual),
                layers[2].t().dot(&residual).dot(&layers[0].t()),
                residual.dot(&layers[0].t()).dot(&layers[1].t()),
            ];
            first.get_or_insert_with(|| gradients[0].clone());
            for (W, G) in layers.iter_mut().zip(&gradients) {
                *W -= &(G * 0.02);
            }
        }
        (start, layers, first.expect("a step"))
    }

    #[test]
    fn a_linear_network_leaks_nothing_from_the_block_of_its_first_gradient() {
        let (start, end, gradient) = trained(0.4, 60);
        let input = leading(&gradient, 3, 1e-8).expect("converges");
        let block = block(&sliced(&start), input.view(), 1e-8).expect("closes");
        let widths: Vec<usize> = (0..4).map(|l| block.width(l)).collect();
        // Of a tall first layer the next spaces hold the images of the inputs and what the outputs send back.
        assert_eq!(widths, [6, 9, 9, 3]);
        for l in 1..=3 {
            let update = &end[l - 1] - &start[l - 1];
            assert!(!block.is_whole(l));
            let found = leak(
                &Sliced(update.clone(), 4),
                block.basis(l),
                block.basis(l - 1),
            );
            assert!(found.expect("in memory").expect("moved") < 1e-12);
            // Half of the block holds less.
            let half = block.basis(l).slice(s![.., ..2]).to_owned();
            let found = leak(&update, half.view(), block.basis(l - 1));
            assert!(found.expect("in memory").expect("moved") > 0.01);
        }
    }

    #[test]
    fn a_start_that_is_not_orthogonal_fills_the_network() {
        let layers = [normals(30, 20, 1), normals(30, 30, 2), normals(3, 30, 3)];
        let input = rotation(20, 3, 4);
        let block = block(&sliced(&layers), input.view(), 1e-8).expect("closes");
        assert!((1..=3).all(|l| block.is_whole(l)));
    }

    #[test]
    fn the_best_and_the_chance_leak_are_those_of_the_sizes() {
        let D = Array2::from_diag(&ndarray::array![3.0, 2.0, 1.0, 0.0]);
        let wanted = Wanted {
            leading: 4,
            vectors: false,
        };
        let found = singular(&D, wanted).expect("converges");
        let best = best_leak(&found, 3, 2).expect("moved");
        assert!((best - 1.0 / 14.0).abs() < 1e-15);
        assert_eq!(best_leak(&found, 4, 4), Some(0.0));
        assert_eq!(chance_leak(2, 1, (4, 4)), 1.0 - 2.0 / 16.0);
        let zero = Array2::<f64>::zeros((4, 4));
        let axis = Array2::eye(4);
        assert_eq!(leak(&zero, axis.view(), axis.view()), Ok(None));
        assert_eq!(
            best_leak(&singular(&zero, wanted).expect("zero"), 2, 2),
            None
        );
    }

    #[test]
    fn ranges_leave_rounding_out() {
        // More samples than inputs, many more, and fewer.
        for samples in [50, 3000, 8] {
            let X = normals(12, 4, 1).dot(&normals(4, samples, 2));
            let U = range(X.view(), 1e-8).expect("converges");
            assert_eq!(U.dim(), (12, 4));
            let own = U.t().dot(&U) - Array2::<f64>::eye(4);
            assert!(own.iter().all(|x| x.abs() < 1e-12));
            let outside = &X - &U.dot(&U.t().dot(&X));
            assert!(outside.iter().all(|x| x.abs() < 1e-12));
        }
    }
}
