//! Matrices for tests of what reads them: reproducible noise, products of low rank, and NumPy's files.

use std::fs::File;
use std::path::Path;

use ndarray::Array2;
use ndarray_npy::NpzWriter;

/// Reproducible noise in [-0.5, 0.5), of full rank.
pub(crate) fn noise(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut state = seed;
    let numbers = (0..rows * columns).map(|_| {
        // Knuth's linear congruential generator; its upper bits are good enough for noise.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    });
    Array2::from_shape_vec((rows, columns), numbers.collect()).expect("a number for every entry")
}

/// A dense matrix of this rank, up to rounding.
pub(crate) fn low_rank(rows: usize, columns: usize, rank: usize) -> Array2<f64> {
    noise(rows, rank, 1).dot(&noise(rank, columns, 2))
}

/// Writes one array as `.npy`.
pub(crate) fn write_npy(path: &Path, array: &Array2<f64>) {
    ndarray_npy::write_npy(path, array).expect("the folder is ours");
}

/// Writes arrays by name as `.npz`.
pub(crate) fn write_npz(path: &Path, arrays: &[(&str, &Array2<f64>)]) {
    let file = File::create(path).expect("the folder is ours");
    let mut npz = NpzWriter::new(file);
    for &(name, array) in arrays {
        npz.add_array(name, array).expect("the folder is ours");
    }
    npz.finish().expect("the folder is ours");
}
