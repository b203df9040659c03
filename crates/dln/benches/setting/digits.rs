//! The handwritten digits of `sweeps/data`.

use std::fs::File;
use std::path::PathBuf;

use ndarray::Array2;

pub(crate) const PIXELS: usize = 64;
pub(crate) const CLASSES: usize = 10;

/// Pixels over 16 as columns, `64 x 1797`, and one-hot classes, `10 x 1797`.
pub(crate) fn read_digits() -> (Array2<f64>, Array2<f64>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../sweeps/data/digits.csv.gz");
    let file = File::open(path).expect("the digits lie in the repository");
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(flate2::read::GzDecoder::new(file));
    let rows: Vec<Vec<f64>> = reader
        .deserialize()
        .map(|row| row.expect("a row of numbers"))
        .collect();
    let pixels = Array2::from_shape_fn((PIXELS, rows.len()), |(i, sample)| rows[sample][i] / 16.0);
    let classes = Array2::from_shape_fn((CLASSES, rows.len()), |(class, sample)| {
        f64::from(u8::from(rows[sample][PIXELS] == class as f64))
    });
    (pixels, classes)
}
