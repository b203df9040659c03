//! Dense kernels over ndarray views: products, decompositions, element-wise passes.

mod dense;
mod eigen;
mod elementwise;
mod norm;
mod product;
pub(crate) mod rank;
mod real;
mod rows;
pub(crate) mod simd;
mod smooth;
mod softmax;
mod svd;
mod triangle;
mod view;

pub(crate) use dense::Dense;
pub(crate) use eigen::SymmetricScratch;
pub(crate) use elementwise::{
    dispatched, dot, entries, entries_mut, in_chunks, scale, scaled_add, square_sum,
    squared_residual, vectorized,
};
pub(crate) use norm::norm_of;
pub use product::Threads;
pub(crate) use product::{Accum, multiply, multiply_into, product};
pub(crate) use real::Real;
pub(crate) use rows::{add_to_rows, row_sums};
pub(crate) use smooth::Smooth;
pub(crate) use softmax::{softmax, softmax_residual};
pub(crate) use svd::{Svd, singular_values, svd};
pub(crate) use triangle::triangle;
pub(crate) use view::{view, view_mut};
