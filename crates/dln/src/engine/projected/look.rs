//! What of a gradient lies outside a block, and what to add to the block.

use ndarray::{Array2, s};

use super::block::{LayerBlock, ProjectionScratch, widened};
use crate::kernel::{Real, Threads, square_sum, svd};
use crate::optimizer::Gradient;

/// Share of the bound that a block is widened to.
const BELOW_BOUND: f64 = 0.5;
/// Share of a matrix's entries above which a block of it saves too little to be kept.
const WORTH: f64 = 0.5;

/// A gradient in double precision.
pub(super) fn multiplied_out<T: Real>(
    threads: Threads,
    gradient: &Gradient<'_, T>,
    shape: (usize, usize),
) -> Array2<f64> {
    let mut G = Array2::<T>::zeros(shape);
    gradient.write_to(threads, G.view_mut());
    G.mapv(T::wide)
}

/// `G - U U^T G V V^T`, multiplied out. Allocates: looks are far apart.
pub(super) fn outside<T: Real>(
    threads: Threads,
    block: &LayerBlock<T>,
    gradient: &Gradient<'_, T>,
    (m, n): (usize, usize),
    scratch: &mut ProjectionScratch<T>,
) -> Array2<f64> {
    if block.is_whole() {
        return Array2::zeros((m, n));
    }
    let mut G = Array2::zeros((m, n));
    gradient.write_to(threads, G.view_mut());
    let mut within = Array2::zeros(block.shape((m, n)));
    block.project(threads, &Gradient::of(&G), &mut within, scratch);
    block.add_to(threads, &mut G, T::of(-1.0), &within, scratch);
    G.mapv(T::wide)
}

/// `||A||_F`.
pub(super) fn norm(A: &Array2<f64>) -> f64 {
    square_sum(A.view()).sqrt()
}

/// The block with the leading directions of what lies outside it, as few as leave at most half of `limit` outside; the
/// whole matrix where that saves too little. `None` where there is no decomposition.
pub(super) fn wider<T: Real>(
    block: &LayerBlock<T>,
    outside: &Array2<f64>,
    limit: f64,
) -> Option<LayerBlock<T>> {
    let found = svd(outside.view())?;
    let squares: Vec<f64> = found.s.iter().map(|s| s * s).collect();
    let mut left: f64 = squares.iter().sum();
    let mut count = 0;
    while count < squares.len() && left.max(0.0).sqrt() > BELOW_BOUND * limit {
        left -= squares[count];
        count += 1;
    }
    let side = |basis: &Option<Array2<T>>, vectors: &Array2<f64>| {
        let vectors = vectors.slice(s![.., ..count]);
        basis.as_ref().map(|basis| widened(basis, vectors))
    };
    let next = LayerBlock {
        left: side(&block.left, &found.U),
        right: side(&block.right, &found.V),
    };
    let (m, n) = outside.dim();
    let (a, b) = next.shape((m, n));
    let saves = ((a * b) as f64) < WORTH * (m * n) as f64;
    Some(if saves { next } else { LayerBlock::WHOLE })
}

/// The leading `rank` singular vectors of a gradient: on the left where it is wider than tall, else on the right.
/// `None` where there is no decomposition.
pub(super) fn leading<T: Real>(G: &Array2<f64>, rank: usize) -> Option<LayerBlock<T>> {
    let found = svd(G.view())?;
    let cut = |vectors: &Array2<f64>| {
        let kept = rank.min(vectors.ncols());
        let kept = vectors.slice(s![.., ..kept]).mapv(T::of);
        // As a checkpoint lays it out: the bits of a product may depend on it.
        Some(kept.as_standard_layout().into_owned())
    };
    let (m, n) = G.dim();
    Some(if n > m {
        LayerBlock {
            left: cut(&found.U),
            right: None,
        }
    } else {
        LayerBlock {
            left: None,
            right: cut(&found.V),
        }
    })
}
