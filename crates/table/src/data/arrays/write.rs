//! Writing files of named arrays.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Cursor, Write as _};
use std::path::Path;

use safetensors::{Dtype, View};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::staged::StagedFile;

/// An array to be written: double precision, the last dimension's values next to one another.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedArray {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

/// Metadata key of the description in a `.safetensors`.
const KEY: &str = "parsimony";

/// Writes arrays with a description, which is text: into the metadata of a `.safetensors` under the key `parsimony`, or
/// for a `.npz` into a file of the same name that ends in `.json`. Returns the files, whole or not at all.
///
/// # Errors
/// Where the disk refuses, or the name has another ending.
pub fn write_arrays(
    path: &Path,
    arrays: Vec<NamedArray>,
    description: &str,
) -> std::io::Result<Vec<std::path::PathBuf>> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
        "npz" => {
            put(path, &npz(&arrays)?)?;
            let json = path.with_extension("json");
            put(&json, description.as_bytes())?;
            Ok(vec![path.to_owned(), json])
        }
        "safetensors" => {
            // One key: with several their order would differ from run to run.
            let notes = HashMap::from([(KEY.to_owned(), description.to_owned())]);
            let named = arrays.iter().map(|array| (array.name.as_str(), array));
            let bytes = safetensors::serialize(named, Some(notes))
                .map_err(|error| std::io::Error::other(error.to_string()))?;
            put(path, &bytes)?;
            Ok(vec![path.to_owned()])
        }
        _ => Err(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "its name does not end in .npz or .safetensors",
        )),
    }
}

fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    StagedFile::with_content(path, bytes).and_then(StagedFile::publish)
}

fn npz(arrays: &[NamedArray]) -> std::io::Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // The same date every time: the same arrays give the same bytes.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .large_file(arrays.iter().any(|array| array.values.len() > 1 << 28));
    for array in arrays {
        archive
            .start_file(format!("{}.npy", array.name), options)
            .map_err(std::io::Error::other)?;
        archive.write_all(&npy_header(&array.shape))?;
        archive.write_all(&array.data())?;
    }
    let written = archive.finish().map_err(std::io::Error::other)?;
    Ok(written.into_inner())
}

/// The header of a `.npy`, version 1.0, its length a multiple of 64.
fn npy_header(shape: &[usize]) -> Vec<u8> {
    let sides: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let mut text = format!(
        "{{'descr': '<f8', 'fortran_order': False, 'shape': ({}{comma}), }}",
        sides.join(", ")
    );
    const FRONT: usize = 10;
    let length = (FRONT + text.len() + 1).next_multiple_of(64) - FRONT;
    while text.len() + 1 < length {
        text.push(' ');
    }
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

impl View for &NamedArray {
    fn dtype(&self) -> Dtype {
        Dtype::F64
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let bytes = self.values.iter().flat_map(|value| value.to_le_bytes());
        Cow::Owned(bytes.collect())
    }

    fn data_len(&self) -> usize {
        8 * self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use ndarray::{Array2, array};
    use ndarray_npy::WriteNpyExt as _;

    use super::super::{ArrayFile, Element};
    use super::*;

    fn named(name: &str, shape: &[usize]) -> NamedArray {
        let count: usize = shape.iter().product();
        NamedArray {
            name: name.to_owned(),
            shape: shape.to_vec(),
            values: (0..count).map(|at| at as f64 / 8.0 - 1.0).collect(),
        }
    }

    fn whole(file: &ArrayFile, name: &str, at_once: usize) -> Array2<f64> {
        let mut rows = file.rows(file.entry(name).unwrap()).unwrap();
        let mut all = Vec::new();
        while let Some(block) = rows.next(at_once).unwrap() {
            assert!(block.nrows() <= at_once);
            all.extend(block.iter().copied());
        }
        Array2::from_shape_vec(rows.shape(), all).unwrap()
    }

    #[test]
    fn what_is_written_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.npz", "a.safetensors"] {
            let path = folder.path().join(name);
            let arrays = vec![
                named("w10", &[3, 5]),
                named("w2", &[4, 2, 3]),
                named("b", &[3]),
            ];
            let files = write_arrays(&path, arrays.clone(), "{\"k\": 1}").unwrap();
            let file = ArrayFile::open(&path).unwrap();
            let names: Vec<&str> = file
                .entries()
                .iter()
                .map(|entry| entry.name.as_str())
                .collect();
            assert_eq!(names, ["b", "w2", "w10"]);
            for at_once in [1, 2, 100] {
                let flat: Vec<f64> = whole(&file, "w2", at_once).into_iter().collect();
                assert_eq!(flat, arrays[1].values);
                assert_eq!(whole(&file, "w10", at_once).dim(), (3, 5));
            }
            assert_eq!(file.entry("w2").unwrap().matrix(), Some((4, 6)));
            assert_eq!(file.entry("b").unwrap().matrix(), None);
            let error = file.rows(file.entry("b").unwrap()).unwrap_err().to_string();
            assert!(error.contains("array 'b' of"), "{error}");
            if name == "a.npz" {
                assert_eq!(files.len(), 2);
                assert_eq!(std::fs::read_to_string(&files[1]).unwrap(), "{\"k\": 1}");
            } else {
                assert_eq!(file.note("parsimony"), Some("{\"k\": 1}"));
            }
            let again = folder.path().join(format!("again-{name}"));
            write_arrays(&again, arrays, "{\"k\": 1}").unwrap();
            assert_eq!(
                std::fs::read(&path).unwrap(),
                std::fs::read(&again).unwrap()
            );
        }
    }

    /// An archive with one array, compressed.
    fn archive(write: impl FnOnce(&mut Vec<u8>)) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let mut bytes = Vec::new();
        write(&mut bytes);
        let mut archive = ZipWriter::new(std::fs::File::create(&path).unwrap());
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        archive.start_file("w.npy", options).unwrap();
        archive.write_all(&bytes).unwrap();
        archive.finish().unwrap();
        (folder, path)
    }

    #[test]
    fn compressed_arrays_of_either_order_are_read() {
        let a = array![[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]];
        let by_columns = a.t().as_standard_layout().into_owned().reversed_axes();
        for array in [a.clone(), by_columns] {
            let (_folder, path) = archive(|bytes| array.write_npy(bytes).unwrap());
            let file = ArrayFile::open(&path).unwrap();
            assert_eq!(file.entries()[0].element, Some(Element::F32));
            assert_eq!(whole(&file, "w", 2), a.mapv(f64::from));
        }
    }

    #[test]
    fn values_that_are_not_finite_are_placed() {
        let mut a = Array2::<f64>::zeros((5, 3));
        a[[3, 1]] = f64::NAN;
        let (_folder, path) = archive(|bytes| a.write_npy(bytes).unwrap());
        let file = ArrayFile::open(&path).unwrap();
        let mut rows = file.rows(file.entry("w").unwrap()).unwrap();
        assert!(rows.next(2).is_ok());
        let error = rows.next(2).unwrap_err().to_string();
        assert!(error.contains("array 'w' of"), "{error}");
        assert!(
            error.contains("row 4, column 2: NaN is not finite"),
            "{error}"
        );
    }

    #[test]
    fn other_elements_are_refused_by_name() {
        let (_folder, path) = archive(|bytes| array![[1i32, 2]].write_npy(bytes).unwrap());
        let file = ArrayFile::open(&path).unwrap();
        let error = file.rows(&file.entries()[0]).unwrap_err().to_string();
        assert!(
            error.contains("array 'w' of") && error.contains("<i4"),
            "{error}"
        );
    }

    #[test]
    fn damage_is_seen_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        write_arrays(&path, vec![named("w", &[4, 4])], "").unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes
            .windows(8)
            .position(|window| window == 0.5f64.to_le_bytes())
            .unwrap();
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let file = ArrayFile::open(&path).unwrap();
        let mut rows = file.rows(&file.entries()[0]).unwrap();
        let error = rows.next(9).unwrap_err().to_string();
        assert!(error.contains("do not have the sum"), "{error}");
    }
}
