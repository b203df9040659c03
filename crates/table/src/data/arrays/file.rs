//! What a file of arrays holds: names, shapes, types and places. Values are the business of `reader`.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use safetensors::tensor::Metadata;
use zip::{CompressionMethod, ZipArchive};

use super::super::content::recognise;
use super::super::error::{DataError, DataProblem};
use super::super::npy;
use super::super::open::check_regular;
use super::element::Element;
use super::entry::{ArrayEntry, Place};
use super::reader::RowReader;

/// Longest header of a `.safetensors`: what the format allows.
const HEADER_BYTES: u64 = 100_000_000;

/// Endings of pickles: what `torch.save`, `joblib` and `pickle` write.
const PICKLES: [&str; 7] = ["pt", "pth", "pkl", "pickle", "ckpt", "bin", "joblib"];

/// Bytes of a file's beginning by which a foreign format is recognised.
const HEAD: u64 = 1024;

/// A file of named arrays. Its arrays are read when they are asked for.
#[derive(Clone, Debug)]
pub struct ArrayFile {
    path: PathBuf,
    entries: Vec<ArrayEntry>,
    /// What the file says of itself: the metadata of a `.safetensors`.
    notes: Vec<(String, String)>,
}

impl ArrayFile {
    /// Reads what the file holds; the format follows the ending of its name.
    ///
    /// # Errors
    /// [`DataError`]: what cannot be read, a pickle, a file of another format, a damaged one.
    pub fn open(path: &Path) -> Result<ArrayFile, DataError> {
        let failed = |problem| DataError {
            key: None,
            file: path.display().to_string(),
            array: None,
            problem: Box::new(problem),
        };
        // The readers of others may panic on bytes from anywhere.
        let read = catch_unwind(AssertUnwindSafe(|| read(path)));
        read.unwrap_or(Err(DataProblem::Panic)).map_err(failed)
    }

    /// The arrays, in natural order of their names: `layer2` before `layer10`.
    pub fn entries(&self) -> &[ArrayEntry] {
        &self.entries
    }

    /// The array of that name.
    pub fn entry(&self, name: &str) -> Option<&ArrayEntry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a `.safetensors` says of itself under a key.
    pub fn note(&self, key: &str) -> Option<&str> {
        let found = self.notes.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }

    /// The values of an array, row by row.
    ///
    /// # Errors
    /// [`DataError`] names the array: other elements than floating-point numbers, fewer than two dimensions, a file that
    /// has gone.
    pub fn rows(&self, entry: &ArrayEntry) -> Result<RowReader, DataError> {
        RowReader::new(&self.path, entry)
    }
}

fn read(path: &Path) -> Result<ArrayFile, DataProblem> {
    let name = path.display().to_string();
    let ending = path.extension().and_then(|ending| ending.to_str());
    let ending = ending.unwrap_or_default().to_ascii_lowercase();
    if PICKLES.contains(&ending.as_str()) {
        return Err(DataProblem::Pickle { file: name });
    }
    check_regular(&std::fs::metadata(path).map_err(DataProblem::Read)?)?;
    let mut file = File::open(path).map_err(DataProblem::Read)?;
    let size = file.metadata().map_err(DataProblem::Read)?.len();
    let found = match ending.as_str() {
        "npz" => of_archive(&mut file, &name),
        "safetensors" => of_safetensors(&mut file, size),
        _ => return Err(DataProblem::ArraysFormat),
    };
    let (mut entries, notes) = found.map_err(|problem| instead(&mut file, &ending, problem))?;
    entries.sort_by(|a, b| natural(&a.name, &b.name));
    Ok(ArrayFile {
        path: path.to_owned(),
        entries,
        notes,
    })
}

/// The error, or what the file is instead of what its name says, where that shows.
fn instead(file: &mut File, ending: &str, problem: DataProblem) -> DataProblem {
    let mut head = Vec::new();
    let read = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.take(HEAD).read_to_end(&mut head));
    let is_zip = head.starts_with(b"PK\x03\x04");
    match recognise(&head) {
        Some(content) if read.is_ok() && !(is_zip && ending == "npz") => {
            DataProblem::Content(content)
        }
        _ => problem,
    }
}

type Found = (Vec<ArrayEntry>, Vec<(String, String)>);

fn of_safetensors(file: &mut File, size: u64) -> Result<Found, DataProblem> {
    let wrong = |why: String| DataProblem::Safetensors { why };
    let mut length = [0; 8];
    if npy::fill(file, &mut length)? < length.len() {
        return Err(wrong("it ends within its first eight bytes".to_owned()));
    }
    let header = u64::from_le_bytes(length);
    let after = header.saturating_add(8);
    if header > HEADER_BYTES || after > size {
        return Err(wrong(format!(
            "its header would have {header} bytes, and the file has {size}"
        )));
    }
    let mut text = vec![0; header as usize];
    if npy::fill(file, &mut text)? < text.len() {
        return Err(wrong("it ends within its header".to_owned()));
    }
    let metadata: Metadata =
        serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    let expected = metadata.data_len() as u64;
    if expected != size - after {
        return Err(DataProblem::NpySize {
            expected,
            found: size - after,
        });
    }
    let entry = |(name, info): (String, &safetensors::tensor::TensorInfo)| {
        let (start, end) = info.data_offsets;
        ArrayEntry {
            name,
            shape: info.shape.clone(),
            element: Element::of_safetensors(info.dtype),
            kind: info.dtype.to_string(),
            place: Place {
                offset: after + start as u64,
                packed: (end - start) as u64,
                deflated: false,
                front: 0,
                crc: None,
                big: false,
                by_columns: false,
            },
        }
    };
    let entries = metadata.tensors().into_iter().map(entry).collect();
    let notes = metadata.metadata().iter().flatten();
    let notes = notes.map(|(key, value)| (key.clone(), value.clone()));
    Ok((entries, notes.collect()))
}

fn of_archive(file: &mut File, name: &str) -> Result<Found, DataProblem> {
    let mut archive = ZipArchive::new(BufReader::new(&mut *file)).map_err(DataProblem::Npz)?;
    if archive
        .file_names()
        .any(|member| member.ends_with("data.pkl"))
    {
        return Err(DataProblem::Pickle {
            file: name.to_owned(),
        });
    }
    let mut entries = Vec::with_capacity(archive.len());
    for at in 0..archive.len() {
        let mut member = archive.by_index(at).map_err(DataProblem::Npz)?;
        let Some(array) = member.name().strip_suffix(".npy").map(str::to_owned) else {
            continue;
        };
        let deflated = match member.compression() {
            CompressionMethod::Stored => false,
            CompressionMethod::Deflated => true,
            // As numpy never writes them.
            _ => return Err(DataProblem::NpyMalformed),
        };
        let offset = member.data_start();
        let (packed, crc, total) = (member.compressed_size(), member.crc32(), member.size());
        let (header, front) = npy::header(&mut member)?;
        let descriptor = header.type_descriptor.to_string();
        let descriptor = descriptor.trim_matches('\'').to_owned();
        let element = Element::of_numpy(&descriptor);
        if let Some((element, _)) = element {
            let sides = header.shape.iter();
            let count = sides.fold(1u64, |all, &side| all.saturating_mul(side as u64));
            let expected = count.saturating_mul(element.bytes() as u64);
            let found = total.saturating_sub(front as u64);
            if expected != found {
                return Err(DataProblem::NpySize { expected, found });
            }
        }
        entries.push(ArrayEntry {
            name: array,
            place: Place {
                offset,
                packed,
                deflated,
                front: front as u64,
                crc: Some(crc),
                big: element.is_some_and(|(_, big)| big),
                by_columns: header.layout.is_fortran() && header.shape.len() > 1,
            },
            shape: header.shape,
            element: element.map(|(element, _)| element),
            kind: descriptor,
        });
    }
    Ok((entries, Vec::new()))
}

/// Texts with their runs of digits compared as numbers.
pub(super) fn natural(a: &str, b: &str) -> std::cmp::Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (one, rest_one) = run(left);
        let (other, rest_other) = run(right);
        let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let order = if digits(one) && digits(other) {
            let bare = |text: &str| text.trim_start_matches('0').to_owned();
            let (one, other) = (bare(one), bare(other));
            one.len().cmp(&other.len()).then(one.cmp(&other))
        } else {
            one.cmp(other)
        };
        if order.is_ne() || (one.is_empty() && other.is_empty()) {
            return order.then(a.cmp(b));
        }
        (left, right) = (rest_one, rest_other);
    }
}

/// The leading digits, or what is before the first digit, and the rest.
fn run(text: &str) -> (&str, &str) {
    let is_number = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != is_number);
    text.split_at(end.unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_people_count() {
        let mut names = ["l10.w", "l2.w", "l2.b", "l2.10", "l2.9", "a", "l02.w", "b1"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(
            names,
            ["a", "b1", "l2.9", "l2.10", "l2.b", "l02.w", "l2.w", "l10.w"]
        );
    }

    #[track_caller]
    fn check(name: &str, bytes: &[u8], expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = ArrayFile::open(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains(name), "{error}");
    }

    #[test]
    fn what_is_no_file_of_arrays_is_named() {
        check("a.csv", b"1,2\n", "does not end in .npz or .safetensors");
        check("a.npz", b"", "is no .npz");
        check("a.npz", b"\x93NUMPY", "is a NumPy array");
        check("a.npz", b"\x80\x04K\x01.", "is a Python pickle");
        check(
            "a.safetensors",
            b"PK\x03\x04 more than eight bytes",
            "is a zip archive",
        );
        check("a.safetensors", b"123", "ends within its first eight bytes");
        check("a.safetensors", &[255; 40], "its header would have");
        check(
            "a.safetensors",
            b"\x02\0\0\0\0\0\0\0[]",
            "is no .safetensors",
        );
        let header = br#"{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend([0; 15]);
        check(
            "a.safetensors",
            &bytes,
            "promises 16 bytes of elements, and 15 are there",
        );
        let error = ArrayFile::open(Path::new("absent.npz"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("absent.npz: cannot be read"), "{error}");
    }

    #[test]
    fn pickles_come_with_the_lines_that_convert_them() {
        check(
            "model.pt",
            b"PK\x03\x04",
            "safetensors.torch.save_file(torch.load(",
        );
        check("m.v2.pth", b"", "m.v2.safetensors");
        check("m.pkl", b"", "import torch, safetensors.torch");
    }
}
