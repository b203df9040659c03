//! Vector code: numbers in lanes, products of small matrices in tiles, the pass over observed entries.

mod lanes;
mod observed;
mod tiles;

#[cfg(test)]
pub(crate) use lanes::archs;
pub(crate) use lanes::{Buffer, LINE, Lane, arch_for, stride};
pub(crate) use observed::Observed;
pub(crate) use tiles::{Large, Mat, MatMut, Products, Store, Tiles};
