//! NumPy's files: `.npy`, and `.npz` which is an archive of them.
//!
//! The header is parsed by `ndarray-npy`. Elements are taken from the bytes here: its readers allocate what the
//! header promises before they look for it.

use std::io::{Cursor, Read as _};

use ndarray::Array2;
use ndarray_npy::npy::header::Header;
use zip::ZipArchive;

use super::error::DataProblem;
use super::load::{MAX_BYTES, MAX_VALUES, Matrix, cut, value_count};

const MAGIC: &[u8] = b"\x93NUMPY";

/// Longest header that is parsed: NumPy's own are 118 bytes for a matrix of numbers.
const HEADER_BYTES: usize = 4096;

/// Brackets within brackets in a header: the dictionary and the shape, and one to spare.
const NESTING: usize = 3;

/// Names of arrays listed in an error.
const LISTED: usize = 20;

/// One element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Bool,
    Int(usize),
    Uint(usize),
    Float(usize),
    /// Characters of four bytes.
    Unicode(usize),
    Bytes(usize),
}

impl Element {
    /// Reads "<f8", "|u1", ">U12" and their like.
    fn parse(descriptor: &str) -> Option<(Element, bool)> {
        let (order, rest) = match *descriptor.as_bytes().first()? {
            b'<' | b'|' | b'=' | b'>' => descriptor.split_at(1),
            _ => ("<", descriptor),
        };
        let (kind, digits) = rest.split_at_checked(1)?;
        let size: usize = digits.parse().ok()?;
        let element = match (kind, size) {
            ("b", 1) => Element::Bool,
            ("i", 1 | 2 | 4 | 8) => Element::Int(size),
            ("u", 1 | 2 | 4 | 8) => Element::Uint(size),
            ("f", 4 | 8) => Element::Float(size),
            ("U", 1..=HEADER_BYTES) => Element::Unicode(size),
            ("S", 1..=HEADER_BYTES) => Element::Bytes(size),
            _ => return None,
        };
        Some((element, order == ">"))
    }

    fn bytes(self) -> usize {
        match self {
            Element::Bool => 1,
            Element::Int(size) | Element::Uint(size) | Element::Float(size) => size,
            Element::Unicode(characters) => 4 * characters,
            Element::Bytes(length) => length,
        }
    }
}

/// Reads a `.npy`.
pub(super) fn read(bytes: &[u8], columns: Option<(u64, u64)>) -> Result<Matrix, DataProblem> {
    let (header, data) = header(bytes)?;
    let descriptor = header.type_descriptor.as_string();
    let (element, big) = descriptor
        .and_then(|descriptor| Element::parse(descriptor))
        .ok_or_else(|| DataProblem::NpyType {
            found: header.type_descriptor.to_string(),
        })?;
    let (rows, width) = match header.shape[..] {
        [] => (1, 1),
        [rows] => (rows, 1),
        [rows, width] => (rows, width),
        _ => {
            return Err(DataProblem::Dimensions {
                found: header.shape.len(),
            });
        }
    };
    let expected = value_count(rows, width)?.saturating_mul(element.bytes());
    if expected != data.len() {
        return Err(DataProblem::NpySize {
            expected,
            found: data.len(),
        });
    }
    let columns = cut(columns, width)?;
    let fortran = header.layout.is_fortran();
    let at = |row: usize, column: usize| {
        let place = if fortran {
            column * rows + row
        } else {
            row * width + column
        };
        &data[place * element.bytes()..(place + 1) * element.bytes()]
    };
    let shape = (rows, columns.len());
    Ok(match element {
        Element::Unicode(_) | Element::Bytes(_) => {
            Matrix::Texts(Array2::from_shape_fn(shape, |(row, column)| {
                text(element, big, at(row, columns.start + column))
            }))
        }
        _ => Matrix::Numbers(Array2::from_shape_fn(shape, |(row, column)| {
            number(element, big, at(row, columns.start + column))
        })),
    })
}

/// Header and elements.
fn header(bytes: &[u8]) -> Result<(Header, &[u8]), DataProblem> {
    let malformed = || DataProblem::NpyMalformed;
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(malformed)?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(malformed)?;
    let (length, rest) = if version[0] == 1 {
        let (length, rest) = rest.split_first_chunk().ok_or_else(malformed)?;
        (usize::from(u16::from_le_bytes(*length)), rest)
    } else {
        let (length, rest) = rest.split_first_chunk().ok_or_else(malformed)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| malformed())?;
        (length, rest)
    };
    if length > HEADER_BYTES {
        return Err(malformed());
    }
    let (text, data) = rest.split_at_checked(length).ok_or_else(malformed)?;
    // The parser of Python's literals recurses.
    if nesting(text) > NESTING {
        return Err(malformed());
    }
    let header = Header::from_reader(&mut &bytes[..]).map_err(DataProblem::NpyHeader)?;
    Ok((header, data))
}

fn nesting(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Bytes of one element, the least significant first.
fn ordered<const N: usize>(bytes: &[u8], big: bool) -> [u8; N] {
    let mut ordered = [0; N];
    let length = bytes.len().min(N);
    ordered[..length].copy_from_slice(&bytes[..length]);
    if big {
        ordered[..length].reverse();
    }
    ordered
}

fn number(element: Element, big: bool, bytes: &[u8]) -> f64 {
    match element {
        Element::Bool => f64::from(bytes[0] != 0),
        Element::Uint(_) => u64::from_le_bytes(ordered(bytes, big)) as f64,
        Element::Int(size) => {
            let unsigned = u64::from_le_bytes(ordered(bytes, big));
            // Moves the sign bit to the top and back.
            let unused = 64 - 8 * size as u32;
            ((unsigned << unused).cast_signed() >> unused) as f64
        }
        Element::Float(4) => f64::from(f32::from_le_bytes(ordered(bytes, big))),
        _ => f64::from_le_bytes(ordered(bytes, big)),
    }
}

/// A text without the zeros that fill it up.
fn text(element: Element, big: bool, bytes: &[u8]) -> String {
    if let Element::Bytes(_) = element {
        return String::from_utf8_lossy(bytes)
            .trim_end_matches('\0')
            .to_owned();
    }
    let characters: String = bytes
        .chunks_exact(4)
        .map(|character| u32::from_le_bytes(ordered(character, big)))
        .map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    characters.trim_end_matches('\0').to_owned()
}

/// Reads one array of a `.npz`, the only one where none is named.
pub(super) fn read_archive(
    bytes: &[u8],
    name: Option<&str>,
    columns: Option<(u64, u64)>,
) -> Result<Matrix, DataProblem> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(DataProblem::Npz)?;
    let place = match name {
        Some(name) => archive
            .index_for_name(name)
            .or_else(|| archive.index_for_name(&format!("{name}.npy")))
            .ok_or_else(|| DataProblem::NoSuchArray {
                available: names(&archive),
            })?,
        None if archive.len() == 1 => 0,
        None => {
            return Err(DataProblem::NameNeeded {
                available: names(&archive),
            });
        }
    };
    let member = archive.by_index(place).map_err(DataProblem::Npz)?;
    let mut array = Vec::new();
    member
        .take(MAX_BYTES + 1)
        .read_to_end(&mut array)
        .map_err(DataProblem::Read)?;
    if array.len() as u64 > MAX_BYTES {
        return Err(DataProblem::TooLarge {
            found: array.len() as u64 / 8,
            allowed: MAX_VALUES,
        });
    }
    read(&array, columns)
}

fn names(archive: &ZipArchive<Cursor<&[u8]>>) -> String {
    let mut names: Vec<String> = archive
        .file_names()
        .map(|name| format!("'{}'", name.strip_suffix(".npy").unwrap_or(name)))
        .collect();
    names.sort();
    if names.is_empty() {
        return "none".to_owned();
    }
    if names.len() > LISTED {
        names.truncate(LISTED);
        names.push("...".to_owned());
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array3, array};
    use ndarray_npy::WriteNpyExt;
    use sweep::Role;

    use super::super::load::read_array;
    use super::super::load::tests::array_ref;
    use super::*;

    fn npy(array: &impl WriteNpyExt) -> Vec<u8> {
        let mut bytes = Vec::new();
        array.write_npy(&mut bytes).unwrap();
        bytes
    }

    /// A file with a header of this text and these elements.
    fn raw(descriptor: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let text =
            format!("{{'descr': {descriptor}, 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn check(bytes: &[u8], expected: &Array2<f64>) {
        let found = read_array(bytes, &array_ref(Role::Target, "m.npy")).unwrap();
        assert_eq!(&found, expected);
    }

    #[test]
    fn elements_of_every_type_become_numbers() {
        check(&npy(&array![[1.5, -2.0]]), &array![[1.5, -2.0]]);
        check(
            &npy(&array![[1.5_f32], [0.1]]),
            &array![[1.5], [f64::from(0.1_f32)]],
        );
        check(&npy(&array![[-1_i8, 127]]), &array![[-1.0, 127.0]]);
        check(&npy(&array![[-300_i16]]), &array![[-300.0]]);
        check(&npy(&array![[-70_000_i32]]), &array![[-70_000.0]]);
        check(&npy(&array![[-5_000_000_000_i64]]), &array![[-5e9]]);
        check(&npy(&array![[255_u8]]), &array![[255.0]]);
        check(&npy(&array![[u64::MAX]]), &array![[u64::MAX as f64]]);
        check(&npy(&array![[true, false]]), &array![[1.0, 0.0]]);
        check(
            &raw("'>f8'", "(1,)", &2.5_f64.to_be_bytes()),
            &array![[2.5]],
        );
        check(
            &raw("'>i2'", "(1, 1)", &(-2_i16).to_be_bytes()),
            &array![[-2.0]],
        );
    }

    #[test]
    fn both_orders_and_vectors_are_read() {
        let matrix = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        check(
            &npy(&matrix.clone().reversed_axes()),
            &matrix.clone().reversed_axes(),
        );
        check(&npy(&Array1::from(vec![1.0, 2.0])), &array![[1.0], [2.0]]);
        let mut cut = array_ref(Role::Target, "m.npy");
        cut.columns = Some((1, 2));
        assert_eq!(
            read_array(&npy(&matrix), &cut).unwrap(),
            array![[2.0], [5.0]]
        );
    }

    #[test]
    fn archives_hold_arrays_by_name() {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, method) in [
            ("a.npy", zip::CompressionMethod::Stored),
            ("b.npy", zip::CompressionMethod::Deflated),
        ] {
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            zip.start_file(name, options).unwrap();
            let value = if name == "a.npy" { 1.0 } else { 2.0 };
            std::io::Write::write_all(&mut zip, &npy(&array![[value]])).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        let mut wanted = array_ref(Role::Target, "m.npz");
        let told = read_array(&bytes, &wanted).unwrap_err().to_string();
        assert_eq!(told, "m.npz: holds several arrays; name one of 'a', 'b'");
        for (name, value) in [("a", 1.0), ("b", 2.0), ("b.npy", 2.0)] {
            wanted.array = Some(name.to_owned());
            assert_eq!(read_array(&bytes, &wanted).unwrap(), array![[value]]);
        }
        wanted.array = Some("c".to_owned());
        let told = read_array(&bytes, &wanted).unwrap_err().to_string();
        assert_eq!(
            told,
            "array 'c' of m.npz: holds no array of that name; it has 'a', 'b'"
        );
    }

    #[test]
    fn promises_are_held_against_the_bytes() {
        let check = |bytes: &[u8], expected: &str| {
            let told = read_array(bytes, &array_ref(Role::Target, "m.npy")).unwrap_err();
            assert!(told.to_string().contains(expected), "{told}");
        };
        check(&raw("'<f8'", "(1000000000, 1)", &[]), "more than");
        check(
            &raw("'<f8'", "(9223372036854775807, 9223372036854775807)", &[]),
            "more than",
        );
        check(
            &raw("'<f8'", "(2, 2)", &[0; 24]),
            "promises 32 bytes of elements, and 24 are there",
        );
        check(&raw("'<f8'", "(0, 2)", &[]), "holds no values");
        check(&raw("'<c16'", "(1,)", &[0; 16]), "type '<c16'");
        check(&raw("[('a', '<f8')]", "(1,)", &[0; 8]), "type");
        check(&raw("'<U0'", "(5,)", &[]), "type");
        check(&npy(&Array3::<f64>::zeros((1, 1, 1))), "has 3 dimensions");
        check(&raw("'<f8'", &"(".repeat(2000), &[]), "malformed");
        check(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "malformed");
        check(b"PK", "malformed");
        let whole = npy(&array![[1.0, 2.0]]);
        for length in 0..whole.len() {
            assert!(read(&whole[..length], None).is_err());
        }
    }
}
