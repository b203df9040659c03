//! From the names of arrays to arrays: which reader, which columns, which way round.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::Array2;
use sweep::{ArrayRef, Arrays, Loaded, Role, Spec};

use super::error::{DataError, DataProblem};
use super::{delimited, labels, npy, parquet};

/// Values of one array: 4 GiB as f64, which is also the largest file that the wire takes.
pub(super) const MAX_VALUES: u64 = 1 << 29;

/// Bytes of one decompressed file or archive member.
pub(super) const MAX_BYTES: u64 = 8 * MAX_VALUES;

/// A matrix as a file holds it.
pub(super) enum Matrix {
    Numbers(Array2<f64>),
    Texts(Array2<String>),
}

/// What the values are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Numbers,
    Labels,
}

/// Reads every array that a sweep names. `resolve` says where a file is; the format follows the ending of the
/// name in the sweep file.
///
/// # Errors
/// [`DataError`] names file, array, row and column, and what was found there.
pub fn load_arrays(spec: &Spec, resolve: impl Fn(&str) -> PathBuf) -> Result<Arrays, DataError> {
    let mut by_file: BTreeMap<String, Vec<ArrayRef>> = BTreeMap::new();
    for array in spec.array_refs() {
        by_file.entry(array.file.clone()).or_default().push(array);
    }
    let mut arrays = Arrays::new();
    for (file, wanted) in by_file {
        let bytes = fs::read(resolve(&file)).map_err(|error| DataError {
            file: file.clone(),
            array: None,
            problem: Box::new(DataProblem::Read(error)),
        })?;
        let hash = hash_of(&bytes);
        for array in wanted {
            let loaded = Loaded {
                array: Arc::new(read_array(&bytes, &array)?),
                hash: hash.clone(),
            };
            arrays.insert(array, loaded);
        }
    }
    Ok(arrays)
}

/// `blake3:<hex>` of a file's bytes.
///
/// # Errors
/// Where the file cannot be read.
pub fn file_hash(path: &Path) -> Result<String, DataError> {
    let failed = |error| DataError {
        file: path.display().to_string(),
        array: None,
        problem: Box::new(DataProblem::Read(error)),
    };
    let mut hasher = blake3::Hasher::new();
    let mut file = fs::File::open(path).map_err(failed)?;
    std::io::copy(&mut file, &mut hasher).map_err(failed)?;
    Ok(format!("blake3:{}", hasher.finalize().to_hex()))
}

fn hash_of(bytes: &[u8]) -> String {
    format!("blake3:{}", blake3::hash(bytes).to_hex())
}

/// One array out of the bytes of a file.
///
/// # Shapes
/// Inputs and targets `d x n`, whichever way round the file has them; labels one-hot, `classes x n`; target,
/// mask and weights as stored.
/// # Errors
/// As [`load_arrays`].
pub fn read_array(bytes: &[u8], array: &ArrayRef) -> Result<Array2<f64>, DataError> {
    // The readers of others may panic on bytes from anywhere.
    catch_unwind(AssertUnwindSafe(|| read(bytes, array)))
        .unwrap_or(Err(DataProblem::Panic))
        .map_err(|problem| DataError {
            file: array.file.clone(),
            array: array.array.clone(),
            problem: Box::new(problem),
        })
}

fn read(bytes: &[u8], array: &ArrayRef) -> Result<Array2<f64>, DataProblem> {
    let wanted = match array.role {
        Role::Labels => Wanted::Labels,
        _ => Wanted::Numbers,
    };
    let matrix = stored(bytes, array, wanted)?;
    if array.role == Role::Labels {
        return labels::one_hot(matrix, array.transpose);
    }
    let Matrix::Numbers(mut matrix) = matrix else {
        return Err(DataProblem::Texts);
    };
    check_finite(&matrix)?;
    let scale = array.scale();
    if scale != 1.0 {
        matrix.mapv_inplace(|x| x * scale);
    }
    // A file has a sample a row, training wants a sample a column; other matrices stand as stored.
    let by_sample = matches!(array.role, Role::Inputs | Role::Targets);
    if by_sample != array.transpose {
        matrix = matrix.reversed_axes().as_standard_layout().into_owned();
    }
    Ok(matrix)
}

/// The matrix as stored, its columns cut.
fn stored(bytes: &[u8], array: &ArrayRef, wanted: Wanted) -> Result<Matrix, DataProblem> {
    let name = array.file.to_ascii_lowercase();
    if name.ends_with(".npz") {
        return npy::read_archive(bytes, array.array.as_deref(), array.columns);
    }
    if array.array.is_some() {
        return Err(DataProblem::NotAnArchive);
    }
    if name.ends_with(".npy") {
        npy::read(bytes, array.columns)
    } else if name.ends_with(".csv") {
        delimited::read(bytes, array.header, array.columns, wanted)
    } else if name.ends_with(".csv.gz") {
        delimited::read_compressed(bytes, array.header, array.columns, wanted)
    } else if name.ends_with(".parquet") {
        parquet::read(bytes, array.columns, wanted)
    } else {
        Err(DataProblem::Format)
    }
}

/// The columns to take of a file that has `width`.
pub(super) fn cut(columns: Option<(u64, u64)>, width: usize) -> Result<Range<usize>, DataProblem> {
    let Some((start, end)) = columns else {
        return Ok(0..width);
    };
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(from), Ok(to)) if from < to && to <= width => Ok(from..to),
        _ => Err(DataProblem::Columns {
            start,
            end,
            found: width,
        }),
    }
}

/// Number of values of a shape, if it is neither nothing nor too much.
pub(super) fn value_count(rows: usize, width: usize) -> Result<usize, DataProblem> {
    let found = (rows as u64).saturating_mul(width as u64);
    if found == 0 {
        return Err(DataProblem::Empty);
    }
    if found > MAX_VALUES {
        return Err(DataProblem::TooLarge {
            found,
            allowed: MAX_VALUES,
        });
    }
    Ok(rows * width)
}

fn check_finite(matrix: &Array2<f64>) -> Result<(), DataProblem> {
    match matrix.indexed_iter().find(|(_, x)| !x.is_finite()) {
        None => Ok(()),
        Some(((row, column), &found)) => Err(DataProblem::NotFinite {
            row: row as u64 + 1,
            column: column + 1,
            found,
        }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use ndarray::array;

    use super::*;

    pub(in crate::data) fn array_ref(role: Role, file: &str) -> ArrayRef {
        ArrayRef {
            role,
            file: file.to_owned(),
            array: None,
            columns: None,
            scale_text: None,
            transpose: false,
            header: false,
        }
    }

    fn check(array: &ArrayRef, bytes: &[u8], expected: &Array2<f64>) {
        assert_eq!(&read_array(bytes, array).unwrap(), expected, "{array:?}");
    }

    #[test]
    fn samples_become_columns_and_matrices_stay() {
        let bytes = b"1,2,3\n4,5,6\n";
        let by_sample = array![[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]];
        let as_stored = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        for (role, transpose, expected) in [
            (Role::Inputs, false, &by_sample),
            (Role::Inputs, true, &as_stored),
            (Role::Targets, false, &by_sample),
            (Role::Target, false, &as_stored),
            (Role::Mask, false, &as_stored),
            (Role::Weights, true, &by_sample),
        ] {
            let mut array = array_ref(role, "m.csv");
            array.transpose = transpose;
            check(&array, bytes, expected);
            assert!(read_array(bytes, &array).unwrap().is_standard_layout());
        }
    }

    #[test]
    fn columns_are_cut_and_numbers_scaled() {
        let mut array = array_ref(Role::Target, "M.CSV");
        array.columns = Some((1, 3));
        array.scale_text = Some("0.5".to_owned());
        check(&array, b"1,2,3\n4,5,6\n", &array![[1.0, 1.5], [2.5, 3.0]]);
    }

    #[test]
    fn mistakes_name_the_file_and_the_place() {
        let check = |array: &ArrayRef, bytes: &[u8], expected: &str| {
            assert_eq!(read_array(bytes, array).unwrap_err().to_string(), expected);
        };
        let plain = array_ref(Role::Inputs, "a/m.csv");
        check(
            &plain,
            b"1,2\n3,x\n",
            "a/m.csv: row 2, column 2: 'x' is not a number",
        );
        check(
            &plain,
            b"1,2\n3,inf\n",
            "a/m.csv: row 2, column 2: inf is not finite",
        );
        check(&plain, b"", "a/m.csv: holds no values");
        let mut far = plain.clone();
        far.columns = Some((1, 4));
        check(
            &far,
            b"1,2\n",
            "a/m.csv: columns 1..4 were asked for, and it has 2",
        );
        let mut named = plain.clone();
        named.array = Some("w".to_owned());
        check(
            &named,
            b"1,2\n",
            "array 'w' of a/m.csv: only .npz holds arrays by name",
        );
        check(
            &array_ref(Role::Inputs, "m.xls"),
            b"",
            "m.xls: its name does not end in .npy, .npz, .csv, .csv.gz or .parquet",
        );
    }

    #[test]
    fn hashes_are_of_the_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "abc").unwrap();
        assert_eq!(file_hash(&path).unwrap(), hash_of(b"abc"));
        assert!(file_hash(&path.with_file_name("y")).is_err());
    }
}
