//! The full network as matrices.

use ndarray::{Array1, Array2};

use crate::config::Network;
use crate::exported::{Exported, ExportedParts, collapsed};

/// Of the weights `W_1 .. W_L`, and after them the biases where there are any.
pub(super) fn exported(mut weights: Vec<Array2<f64>>, network: &Network) -> Exported {
    let biases = weights.split_off(network.depth().min(weights.len()));
    let biases: Vec<Array1<f64>> = biases.iter().map(column).collect();
    let linear = network.is_linear();
    let (end_to_end, offset) = if linear {
        let (map, offset) = collapsed(&weights, &biases);
        (Some(map), Some(offset))
    } else {
        (None, None)
    };
    Exported {
        parts: ExportedParts::Weights { weights, biases },
        end_to_end,
        offset,
    }
}

/// The entries of a matrix of one column.
fn column(b: &Array2<f64>) -> Array1<f64> {
    b.iter().copied().collect()
}
