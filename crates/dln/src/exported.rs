//! A trained network as matrices, to be used elsewhere, and what was done to the inputs before it saw them.

use ndarray::{Array1, Array2, ArrayView2};

use crate::kernel::{Threads, multiply};
use crate::measure::chain;

/// A trained network, in double precision whatever it was trained in.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    pub parts: ExportedParts,
    /// `d_y x d_x`, what the network makes of preprocessed inputs, biases aside; `None` where an activation lies between.
    pub end_to_end: Option<Array2<f64>>,
    /// `d_y`, what the biases add to the outputs of a network without activations; zero without biases.
    pub offset: Option<Array1<f64>>,
}

/// What the engine trained.
#[derive(Clone, Debug, PartialEq)]
pub enum ExportedParts {
    /// `W_1 .. W_L` and a bias a layer, or none.
    Weights {
        weights: Vec<Array2<f64>>,
        biases: Vec<Array1<f64>>,
    },
    /// `W_L .. W_1 = U_L C_L .. C_1 U_0^T` on the core's subspaces.
    Core {
        /// `C_1 .. C_L`, `k_l x k_(l-1)`.
        cores: Vec<Array2<f64>>,
        /// `U_0 .. U_L`, orthonormal columns but for the factored engine, which has the two outer ones alone.
        bases: Vec<(usize, Array2<f64>)>,
        /// In the coordinates of the core, a bias a layer, or none.
        biases: Vec<Array1<f64>>,
    },
}

/// `W_L .. W_1` and what biases add to the outputs.
pub(crate) fn collapsed(
    weights: &[Array2<f64>],
    biases: &[Array1<f64>],
) -> (Array2<f64>, Array1<f64>) {
    let outputs_first = weights[weights.len() - 1].nrows() <= weights[0].ncols();
    let map = chain(Threads::Pool, weights, outputs_first);
    (map, offset(weights, biases))
}

/// What the biases add to the outputs of a linear network.
pub(crate) fn offset(weights: &[Array2<f64>], biases: &[Array1<f64>]) -> Array1<f64> {
    let mut added = Array1::zeros(0);
    for (W, b) in weights.iter().zip(biases) {
        added = if added.is_empty() {
            b.clone()
        } else {
            W.dot(&added) + b
        };
    }
    if added.is_empty() {
        added = Array1::zeros(weights.last().map_or(0, Array2::nrows));
    }
    added
}

/// `U A V^T`.
pub(crate) fn embedded(
    U: ArrayView2<'_, f64>,
    A: ArrayView2<'_, f64>,
    V: ArrayView2<'_, f64>,
) -> Array2<f64> {
    let outer = multiply(Threads::Pool, U, A);
    multiply(Threads::Pool, outer.view(), V.t())
}

/// What a trial does to every sample before the network sees it: `whitening (x - mean) / scale`, entry by entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    /// `d_x`; zero where inputs are not centred.
    pub mean: Array1<f64>,
    /// `d_x`; one where inputs are not standardized.
    pub scale: Array1<f64>,
    /// `d_x x d_x`; `None` where inputs are not whitened.
    pub whitening: Option<Array2<f64>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn biases_go_through_the_layers_above() {
        let weights = [array![[1.0, 2.0], [0.0, 1.0]], array![[3.0, -1.0]]];
        let biases = [array![1.0, 10.0], array![0.5]];
        let (map, added) = collapsed(&weights, &biases);
        assert_eq!(map, array![[3.0, 5.0]]);
        assert_eq!(added, array![-6.5]);
        assert_eq!(collapsed(&weights, &[]).1, array![0.0]);
    }
}
