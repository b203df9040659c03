//! From the names of arrays to arrays: which reader, which columns, which way round.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::Array2;
use sweep::{ArrayRef, Arrays, Columns, Loaded, Role, Rules, Spec, Value};

use super::bounds::Limits;
use super::content::{Format, mistaken};
use super::error::{At, DataError, DataProblem};
use super::matrix::{Matrix, Wanted};
use super::notes::{DataNote, DataWarning, of_inputs};
use super::open::{check_regular, read_file};
use super::{delimited, labels, npy, parquet};

/// The arrays of a sweep, and what is odd about their files.
#[derive(Debug)]
pub struct LoadedFiles {
    pub arrays: Arrays,
    pub warnings: Vec<DataWarning>,
}

/// Reads every array that a sweep names, under its rules. `resolve` says where a file is; the format follows the ending of the
/// name in the sweep file.
///
/// # Errors
/// [`DataError`] names key, file, array, line or row and column, and what was found there.
pub fn load_arrays(spec: &Spec, resolve: impl Fn(&str) -> PathBuf) -> Result<Arrays, DataError> {
    load_files(spec, resolve).map(|loaded| loaded.arrays)
}

/// As [`load_arrays`], with what is odd about the files, for people.
///
/// # Errors
/// As [`load_arrays`].
pub fn load_files(
    spec: &Spec,
    resolve: impl Fn(&str) -> PathBuf,
) -> Result<LoadedFiles, DataError> {
    let mut by_file: BTreeMap<String, Vec<ArrayRef>> = BTreeMap::new();
    for array in spec.array_refs() {
        by_file.entry(array.file.clone()).or_default().push(array);
    }
    let mut loaded = LoadedFiles {
        arrays: Arrays::new(),
        warnings: Vec::new(),
    };
    for (file, wanted) in by_file {
        let key = wanted.first().map(|array| array.role.key());
        let bytes = read_file(&resolve(&file)).map_err(|problem| DataError {
            key,
            file: file.clone(),
            array: None,
            problem: Box::new(problem),
        })?;
        let hash = hash_of(&bytes);
        for array in wanted {
            let key = Some(array.role.key());
            let (read, mut warnings) = read_keyed(&bytes, &array, key, spec.reading)?;
            if array.role == Role::Inputs && !is_evened(spec) {
                warnings.extend(odd_inputs(&read, &array, key));
            }
            for warning in warnings {
                let same = |other: &DataWarning| {
                    (&other.file, &other.note) == (&warning.file, &warning.note)
                };
                // Inputs and labels of one file have one header.
                if !loaded.warnings.iter().any(same) {
                    loaded.warnings.push(warning);
                }
            }
            let found = Loaded {
                array: Arc::new(read.into()),
                hash: hash.clone(),
            };
            loaded.arrays.insert(array, found);
        }
    }
    Ok(loaded)
}

/// Whether some trials standardize or whiten their inputs, so that somebody has thought of it.
fn is_evened(spec: &Spec) -> bool {
    let is_set = |value: &Value| value.as_bool() == Some(true);
    let keys = ["problem.inputs.standardize", "problem.whiten"];
    let by_key = keys
        .iter()
        .any(|key| spec.written_values(key).iter().any(is_set));
    let tables = spec.written_values("problem.inputs");
    by_key
        || tables
            .iter()
            .any(|table| table.field("standardize").is_some_and(is_set))
}

/// What is odd about the numbers of inputs.
fn odd_inputs(
    inputs: &Array2<f64>,
    array: &ArrayRef,
    key: Option<&'static str>,
) -> Vec<DataWarning> {
    let mut notes = Vec::new();
    of_inputs(inputs, &mut notes);
    let warning = |note| DataWarning {
        key,
        file: array.file.clone(),
        array: array.array.clone(),
        note,
    };
    notes.into_iter().map(warning).collect()
}

/// `blake3:<hex>` of a file's bytes.
///
/// # Errors
/// Where the file cannot be read.
pub fn file_hash(path: &Path) -> Result<String, DataError> {
    let failed = |problem| DataError {
        key: None,
        file: path.display().to_string(),
        array: None,
        problem: Box::new(problem),
    };
    let unread = |error| failed(DataProblem::Read(error));
    check_regular(&fs::metadata(path).map_err(unread)?).map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    let mut file = fs::File::open(path).map_err(unread)?;
    std::io::copy(&mut file, &mut hasher).map_err(unread)?;
    Ok(format!("blake3:{}", hasher.finalize().to_hex()))
}

fn hash_of(bytes: &[u8]) -> String {
    format!("blake3:{}", blake3::hash(bytes).to_hex())
}

/// One array out of the bytes of a file, under the newest rules.
///
/// # Shapes
/// Inputs and targets `d x n`, whichever way round the file has them; labels one-hot, `classes x n`; target,
/// mask and weights as stored.
/// # Errors
/// As [`load_arrays`].
pub fn read_array(bytes: &[u8], array: &ArrayRef) -> Result<Array2<f64>, DataError> {
    read_keyed(bytes, array, None, Rules::NEWEST).map(|(read, _)| read)
}

/// One array of a file that no sweep names, with what is odd about it. `array.file` is its name in errors.
///
/// # Errors
/// As [`load_arrays`].
pub fn read_array_file(
    path: &Path,
    array: &ArrayRef,
) -> Result<(Array2<f64>, Vec<DataWarning>), DataError> {
    let bytes = read_file(path).map_err(|problem| DataError {
        key: None,
        file: array.file.clone(),
        array: None,
        problem: Box::new(problem),
    })?;
    read_keyed(&bytes, array, None, Rules::NEWEST)
}

/// The names of the classes of a file of labels, in the order of the rows that [`read_array`] makes of them. A class that is
/// written in several ways has the first of them.
///
/// # Errors
/// As [`load_arrays`].
pub fn class_names(path: &Path, array: &ArrayRef, rules: Rules) -> Result<Vec<String>, DataError> {
    let failed = |problem| DataError {
        key: None,
        file: array.file.clone(),
        array: array.array.clone(),
        problem: Box::new(problem),
    };
    let bytes = read_file(path).map_err(failed)?;
    let (classes, _) = read_keyed(&bytes, array, None, rules)?;
    let limits = Limits::of(bytes.len() as u64).under(rules);
    let stored = stored(&bytes, array, (rules, limits), &mut Vec::new()).map_err(failed)?;
    let texts = labels::texts(stored, array.transpose).map_err(failed)?;
    let name = |row: ndarray::ArrayView1<'_, f64>| {
        let sample = row.iter().position(|&entry| entry != 0.0);
        let text = sample.and_then(|sample| texts.get(sample));
        text.cloned().unwrap_or_default()
    };
    Ok(classes.rows().into_iter().map(name).collect())
}

pub(super) fn read_keyed(
    bytes: &[u8],
    array: &ArrayRef,
    key: Option<&'static str>,
    rules: Rules,
) -> Result<(Array2<f64>, Vec<DataWarning>), DataError> {
    let mut notes = Vec::new();
    // The readers of others may panic on bytes from anywhere.
    let read = catch_unwind(AssertUnwindSafe(|| read(bytes, array, rules, &mut notes)))
        .unwrap_or(Err(DataProblem::Panic))
        .map_err(|problem| DataError {
            key,
            file: array.file.clone(),
            array: array.array.clone(),
            problem: Box::new(problem),
        })?;
    let warning = |note| DataWarning {
        key,
        file: array.file.clone(),
        array: array.array.clone(),
        note,
    };
    Ok((read, notes.into_iter().map(warning).collect()))
}

fn read(
    bytes: &[u8],
    array: &ArrayRef,
    rules: Rules,
    notes: &mut Vec<DataNote>,
) -> Result<Array2<f64>, DataProblem> {
    let limits = Limits::of(bytes.len() as u64).under(rules);
    let matrix = stored(bytes, array, (rules, limits), notes)?;
    if array.role == Role::Labels {
        let options = labels::Options {
            transpose: array.transpose,
            may_have_header: is_csv(array)
                && !array.header
                && !matches!(array.columns, Some(Columns::Named(_))),
            rules,
            limits,
        };
        return labels::one_hot(matrix, &options, notes);
    }
    let Matrix::Numbers(mut matrix) = matrix else {
        return Err(DataProblem::Texts);
    };
    check_finite(&matrix)?;
    let scale = array.scale();
    if scale != 1.0 {
        matrix.mapv_inplace(|x| x * scale);
    }
    match rules {
        Rules::Second if array.role == Role::Mask => check_mask(&matrix)?,
        Rules::First | Rules::Second => {}
    }
    if !is_turned(array) {
        return Ok(matrix);
    }
    let turned = matrix.reversed_axes();
    if turned.is_standard_layout() {
        return Ok(turned);
    }
    // What has been read is in memory by now, and the copy comes to as much again.
    Limits::of(bytes.len() as u64).numbers(turned.len() as u64)?;
    Ok(turned.as_standard_layout().into_owned())
}

/// A file has a sample a row, training wants a sample a column; other matrices stand as stored.
fn is_turned(array: &ArrayRef) -> bool {
    let by_sample = matches!(array.role, Role::Inputs | Role::Targets);
    by_sample != array.transpose
}

fn is_csv(array: &ArrayRef) -> bool {
    matches!(Format::of(&array.file), Some(Format::Csv | Format::CsvGz))
}

/// The matrix as stored, its columns cut.
pub(super) fn stored(
    bytes: &[u8],
    array: &ArrayRef,
    (rules, limits): (Rules, Limits),
    notes: &mut Vec<DataNote>,
) -> Result<Matrix, DataProblem> {
    let format = Format::of(&array.file).ok_or(DataProblem::Format)?;
    if array.array.is_some() && format != Format::Npz {
        return Err(DataProblem::NotAnArchive);
    }
    if bytes.is_empty() {
        return Err(DataProblem::Empty);
    }
    match (rules, mistaken(bytes, format)) {
        (Rules::Second, Some(content)) => return Err(DataProblem::Content(content)),
        (Rules::First | Rules::Second, _) => {}
    }
    let wanted = match array.role {
        Role::Labels => Wanted::Labels,
        Role::Mask => Wanted::Mask,
        Role::Inputs | Role::Targets | Role::Target | Role::Weights => Wanted::Numbers,
    };
    let columns = array.columns.as_ref();
    let of_numpy = npy::Options {
        columns,
        turned: is_turned(array),
        limits,
    };
    let of_text = delimited::Options {
        // A header gives the names.
        header: array.header || matches!(columns, Some(Columns::Named(_))),
        columns,
        wanted,
        limits,
        packed: format == Format::CsvGz,
    };
    match format {
        Format::Npz => npy::read_archive(bytes, array.array.as_deref(), &of_numpy),
        Format::Npy => npy::read(bytes, &of_numpy),
        Format::Csv => delimited::read(bytes, &of_text, notes),
        Format::CsvGz => delimited::read_compressed(bytes, &of_text, notes),
        Format::Parquet => {
            let options = parquet::Options {
                columns,
                wanted,
                limits,
            };
            parquet::read(bytes, &options, notes)
        }
    }
}

fn check_finite(matrix: &Array2<f64>) -> Result<(), DataProblem> {
    match matrix.indexed_iter().find(|(_, x)| !x.is_finite()) {
        None => Ok(()),
        Some(((row, column), &found)) => Err(DataProblem::NotFinite {
            at: At::Row(row as u64 + 1),
            column: column + 1,
            found,
        }),
    }
}

/// Under the newest rules a mask holds 0 and 1, and some 1: -1 and shares would all count as seen.
fn check_mask(matrix: &Array2<f64>) -> Result<(), DataProblem> {
    let mut entries = matrix.indexed_iter();
    if let Some(((row, column), &found)) = entries.find(|&(_, &x)| x != 0.0 && x != 1.0) {
        return Err(DataProblem::MaskEntry {
            at: At::Row(row as u64 + 1),
            column: column + 1,
            found,
        });
    }
    if matrix.iter().all(|&x| x == 0.0) {
        return Err(DataProblem::MaskEmpty);
    }
    Ok(())
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

    /// What is said of a file.
    #[track_caller]
    pub(in crate::data) fn notes_of(bytes: &[u8], array: &ArrayRef) -> Vec<String> {
        let (_, warnings) = read_keyed(bytes, array, None, Rules::NEWEST).unwrap();
        warnings
            .iter()
            .map(|warning| warning.note.to_string())
            .collect()
    }

    fn check(array: &ArrayRef, bytes: &[u8], expected: &Array2<f64>) {
        assert_eq!(&read_array(bytes, array).unwrap(), expected, "{array:?}");
    }

    #[test]
    fn a_mask_holds_any_numbers_under_the_first_rules() {
        let wanted = array_ref(Role::Mask, "m.csv");
        for (bytes, expected) in [
            (b"1,-1\n0,0.5\n".as_slice(), array![[1.0, -1.0], [0.0, 0.5]]),
            (b"0,0\n", array![[0.0, 0.0]]),
        ] {
            let (found, _) = read_keyed(bytes, &wanted, None, Rules::First).unwrap();
            assert_eq!(found, expected);
            assert!(read_keyed(bytes, &wanted, None, Rules::Second).is_err());
        }
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
        array.columns = Some(sweep::Columns::range(1, 3));
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
            "a/m.csv: line 2, column 2: 'x' is not a number",
        );
        check(
            &plain,
            b"1,2\n3,inf\n",
            "a/m.csv: line 2, column 2: inf is not finite",
        );
        check(&plain, b"", "a/m.csv: holds no values");
        let mut far = plain.clone();
        far.columns = Some(sweep::Columns::range(1, 4));
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
    fn masks_hold_zeros_and_ones() {
        let mask = array_ref(Role::Mask, "m.csv");
        check(&mask, b"1,0\n0,1\n", &array![[1.0, 0.0], [0.0, 1.0]]);
        check(&mask, b"True,False\n", &array![[1.0, 0.0]]);
        let refused = |bytes: &[u8], expected: &str| {
            let error = read_array(bytes, &mask).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        refused(
            b"1,1\n1,-1\n",
            "row 2, column 2: a mask holds 0 and 1 (or booleans) alone, and -1 is here",
        );
        refused(b"0.5,1\n", "0.5 is here");
        refused(b"0,0\n", "this mask sees no entry");
        let target = array_ref(Role::Target, "m.csv");
        assert!(read_array(b"True,False\n", &target).is_err());
    }

    #[test]
    fn what_a_file_is_instead_is_named() {
        let refused = |file: &str, bytes: &[u8], expected: &str| {
            let error = read_array(bytes, &array_ref(Role::Inputs, file)).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        };
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n";
        for file in ["m.csv", "m.npy", "m.npz", "m.parquet", "m.csv.gz"] {
            refused(file, pointer, "git lfs pull");
            refused(file, b"<!DOCTYPE html>\n", "is an HTML page");
            refused(file, b"", "holds no values");
        }
        refused("m.npy", b"\x80\x04K\x01.", "is a Python pickle");
        refused(
            "m.csv",
            b"\xff\xfe1\0\n\0",
            "is UTF-16 text: save it as UTF-8",
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
