//! NumPy's files: `.npy`, and `.npz` which is an archive of them.
//!
//! The header is parsed by `ndarray-npy`. Elements are taken from the bytes here, as they come: its readers
//! allocate what the header promises before they look for it, and a decompressed copy is never held.

use std::io::{Cursor, Read};

use ndarray::Array2;
use ndarray_npy::npy::header::Header;
use sweep::Columns;
use zip::{CompressionMethod, ZipArchive};

use super::bounds::{Limits, value_count};
use super::error::{Cause, DataProblem};
use super::matrix::{Matrix, cut};

const MAGIC: &[u8] = b"\x93NUMPY";

/// Bytes before the header's length: the magic and the version.
const FRONT: usize = 8;

/// Longest header that is parsed: NumPy's own are 118 bytes for a matrix of numbers.
const HEADER_BYTES: usize = 4096;

/// Brackets within brackets in a header: the dictionary and the shape, and one to spare.
const NESTING: usize = 3;

/// Names of arrays listed in an error.
const LISTED: usize = 20;

/// Bytes of elements that are read at once.
const PIECE: usize = 1 << 16;

/// One element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Bool,
    Int(usize),
    Uint(usize),
    Half,
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
            ("f", 2) => Element::Half,
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
            Element::Half => 2,
            Element::Int(size) | Element::Uint(size) | Element::Float(size) => size,
            Element::Unicode(characters) => 4 * characters,
            Element::Bytes(length) => length,
        }
    }

    fn is_text(self) -> bool {
        matches!(self, Element::Unicode(_) | Element::Bytes(_))
    }
}

/// What to call in numpy where the elements are of another type.
fn cure(descriptor: Option<&str>) -> &'static str {
    let Some(descriptor) = descriptor else {
        return "; they are records with named fields: save one field by itself, a['name']";
    };
    let kind = descriptor.trim_start_matches(['<', '>', '=', '|']);
    match kind.as_bytes().first() {
        Some(b'O') => {
            "; they are Python objects: save a.astype(float), or a.astype(str) for labels"
        }
        Some(b'c') => "; they are complex numbers: save a.real and a.imag",
        Some(b'f') => "; save a.astype('float64')",
        Some(b'M' | b'm') => "; they are dates or durations: save a.astype('int64')",
        _ => "",
    }
}

/// How an array is read.
pub(super) struct Options<'a> {
    pub(super) columns: Option<&'a Columns>,
    /// The matrix will be turned: rows are put where columns will be, so that turning copies nothing.
    pub(super) turned: bool,
    pub(super) limits: Limits,
}

/// Reads a `.npy`.
pub(super) fn read(bytes: &[u8], options: &Options<'_>) -> Result<Matrix, DataProblem> {
    read_from(bytes, bytes.len() as u64, options, &|_| Ok(()))
}

/// Reads a `.npy` that comes in pieces, `total` bytes by what is said of it. `allowed` is asked about the bytes
/// that the array takes before room is made for it.
fn read_from(
    mut bytes: impl Read,
    total: u64,
    options: &Options<'_>,
    allowed: &dyn Fn(u64) -> Result<(), DataProblem>,
) -> Result<Matrix, DataProblem> {
    let (header, header_bytes) = header(&mut bytes)?;
    let descriptor = header.type_descriptor.as_string();
    let descriptor = descriptor.map(String::as_str);
    let (element, big) =
        descriptor
            .and_then(Element::parse)
            .ok_or_else(|| DataProblem::NpyType {
                found: header.type_descriptor.to_string(),
                cure: cure(descriptor),
            })?;
    let (rows, width) = matrix_shape(&header.shape)?;
    let expected = (value_count(rows, width)? as u64).saturating_mul(element.bytes() as u64);
    let found = total.saturating_sub(header_bytes as u64);
    if expected != found {
        return Err(DataProblem::NpySize { expected, found });
    }
    let columns = cut(options.columns, width, None, || Cause::Unknown)?;
    let mut places = vec![None; width];
    for (place, &column) in columns.iter().enumerate() {
        places[column] = Some(place);
    }
    let count = value_count(rows, columns.len())? as u64;
    if element.is_text() {
        allowed(expected)?;
        options.limits.texts(count, expected)?;
    } else {
        allowed(expected.max(8 * count))?;
        options.limits.numbers(count)?;
    }
    let elements = Elements {
        rows,
        width,
        fortran: header.layout.is_fortran(),
        size: element.bytes(),
        expected,
    };
    let shape = (rows, columns.len());
    if element.is_text() {
        let mut texts = Array2::default(shape);
        elements.each(bytes, &mut |row, column, bytes| {
            if let Some(place) = places[column] {
                texts[(row, place)] = text(element, big, bytes);
            }
        })?;
        let lines = Vec::new();
        return Ok(Matrix::Texts { texts, lines });
    }
    let mut numbers = if options.turned {
        Array2::zeros((shape.1, shape.0)).reversed_axes()
    } else {
        Array2::zeros(shape)
    };
    elements.each(bytes, &mut |row, column, bytes| {
        if let Some(place) = places[column] {
            numbers[(row, place)] = number(element, big, bytes);
        }
    })?;
    Ok(Matrix::Numbers(numbers))
}

/// Rows and columns; a vector is a column.
fn matrix_shape(shape: &[usize]) -> Result<(usize, usize), DataProblem> {
    match *shape {
        [] => Ok((1, 1)),
        [rows] => Ok((rows, 1)),
        [rows, width] => Ok((rows, width)),
        _ => Err(DataProblem::Dimensions {
            shape: shape.to_vec(),
        }),
    }
}

/// How the elements of an array follow one another.
struct Elements {
    rows: usize,
    width: usize,
    fortran: bool,
    size: usize,
    /// Bytes of all.
    expected: u64,
}

impl Elements {
    /// Hands over each element with its row and column.
    fn each(
        &self,
        mut bytes: impl Read,
        take: &mut dyn FnMut(usize, usize, &[u8]),
    ) -> Result<(), DataProblem> {
        let mut piece = vec![0; (PIECE / self.size).max(1) * self.size];
        let (mut row, mut column) = (0, 0);
        let mut left = self.expected;
        while left > 0 {
            let wanted = left.min(piece.len() as u64) as usize;
            let found = fill(&mut bytes, &mut piece[..wanted])?;
            if found < wanted {
                return Err(DataProblem::NpySize {
                    expected: self.expected,
                    found: self.expected - left + found as u64,
                });
            }
            left -= wanted as u64;
            for element in piece[..wanted].chunks_exact(self.size) {
                take(row, column, element);
                if self.fortran {
                    row += 1;
                    if row == self.rows {
                        (row, column) = (0, column + 1);
                    }
                } else {
                    column += 1;
                    if column == self.width {
                        (row, column) = (row + 1, 0);
                    }
                }
            }
        }
        // The end is where a member of an archive checks its sum.
        match fill(&mut bytes, &mut piece[..1])? {
            0 => Ok(()),
            more => Err(DataProblem::NpySize {
                expected: self.expected,
                found: self.expected + more as u64,
            }),
        }
    }
}

/// Fills the buffer as far as there are bytes.
pub(super) fn fill(bytes: &mut impl Read, buffer: &mut [u8]) -> Result<usize, DataProblem> {
    let mut filled = 0;
    while filled < buffer.len() {
        match bytes.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(DataProblem::Read(error)),
        }
    }
    Ok(filled)
}

/// The header, and the bytes up to the elements.
pub(super) fn header(bytes: &mut impl Read) -> Result<(Header, usize), DataProblem> {
    let malformed = || DataProblem::NpyMalformed;
    let mut front = vec![0; FRONT];
    if fill(bytes, &mut front)? < FRONT || !front.starts_with(MAGIC) {
        return Err(malformed());
    }
    let is_first_version = front[MAGIC.len()] == 1;
    let mut length = [0; 4];
    let digits = if is_first_version { 2 } else { 4 };
    if fill(bytes, &mut length[..digits])? < digits {
        return Err(malformed());
    }
    front.extend(&length[..digits]);
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(|_| malformed())?;
    if length > HEADER_BYTES {
        return Err(malformed());
    }
    let mut text = vec![0; length];
    if fill(bytes, &mut text)? < length {
        return Err(malformed());
    }
    // The parser of Python's literals recurses.
    if nesting(&text) > NESTING {
        return Err(malformed());
    }
    front.extend(&text);
    let header = Header::from_reader(&mut &front[..]).map_err(DataProblem::NpyHeader)?;
    Ok((header, front.len()))
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
        Element::Half => half(u16::from_le_bytes(ordered(bytes, big))),
        Element::Float(4) => f64::from(f32::from_le_bytes(ordered(bytes, big))),
        _ => f64::from_le_bytes(ordered(bytes, big)),
    }
}

/// A number of 16 bits (IEEE 754), exactly.
pub(super) fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x3ff);
    let size = match (bits >> 10) & 0x1f {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + fraction) * 2f64.powi(i32::from(exponent) - 25),
    };
    sign * size
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
    options: &Options<'_>,
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
    let total = member.size();
    let is_stored = member.compression() == CompressionMethod::Stored;
    read_from(member, total, options, &|bytes| {
        // What is stored as it is lies in the file itself.
        if is_stored {
            return Ok(());
        }
        options.limits.expansion(bytes)
    })
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
    fn numbers_of_16_bits_are_read_exactly() {
        for (bits, number) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_953_125),
            (0x7bff, 65504.0),
            (0x0001, 2f64.powi(-24)),
            (0x0400, 2f64.powi(-14)),
            (0x8000, 0.0),
        ] {
            assert_eq!(half(bits), number);
        }
        assert!(half(0x8000).is_sign_negative() && half(0x7e00).is_nan());
        assert_eq!(half(0xfc00), f64::NEG_INFINITY);
        let data: Vec<u8> = [0x3c00_u16, 0xc000]
            .into_iter()
            .flat_map(u16::to_le_bytes)
            .collect();
        check(&raw("'<f2'", "(1, 2)", &data), &array![[1.0, -2.0]]);
        let data: Vec<u8> = [0x3c00_u16, 0xc000]
            .into_iter()
            .flat_map(u16::to_be_bytes)
            .collect();
        check(&raw("'>f2'", "(2,)", &data), &array![[1.0], [-2.0]]);
        let error = read_array(
            &raw("'<f2'", "(1,)", &0x7e00_u16.to_le_bytes()),
            &array_ref(Role::Target, "m.npy"),
        );
        assert!(error.unwrap_err().to_string().contains("NaN is not finite"));
    }

    /// An archive of one array of zeros, `rows` numbers of 8 bytes.
    fn zeros(rows: usize, method: CompressionMethod) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        zip.start_file("a.npy", options).unwrap();
        let mut out = std::io::BufWriter::new(&mut zip);
        std::io::Write::write_all(&mut out, &raw("'<f8'", &format!("({rows}, 1)"), &[])).unwrap();
        let piece = vec![0; 1 << 20];
        for _ in 0..rows * 8 / piece.len() {
            std::io::Write::write_all(&mut out, &piece).unwrap();
        }
        drop(out);
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn a_small_archive_does_not_expand_without_bound() {
        let array = array_ref(Role::Target, "m.npz");
        let bomb = zeros(36 << 20, CompressionMethod::Deflated);
        assert!(bomb.len() < 1 << 20);
        let error = read_array(&bomb, &array).unwrap_err().to_string();
        assert!(error.starts_with("m.npz: expands from"), "{error}");
        let small = zeros(1 << 20, CompressionMethod::Deflated);
        assert_eq!(read_array(&small, &array).unwrap().len(), 1 << 20);
    }

    #[test]
    fn room_is_made_for_what_fits_alone() {
        let options = |free| Options {
            columns: None,
            turned: false,
            limits: Limits::with(0, free),
        };
        let small = npy(&array![[1_u8, 2]]);
        assert!(read(&small, &options(16)).is_ok());
        let error = read(&small, &options(15)).map(drop).unwrap_err();
        assert_eq!(
            error.to_string(),
            "needs 16 bytes of memory, and 15 bytes are free"
        );
    }

    #[test]
    fn damage_in_an_archive_is_found() {
        let bytes = zeros(1 << 17, CompressionMethod::Stored);
        let array = array_ref(Role::Target, "m.npz");
        assert!(read_array(&bytes, &array).is_ok());
        let mut damaged = bytes;
        damaged[1000] ^= 1;
        assert!(read_array(&damaged, &array).is_err());
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
        cut.columns = Some(sweep::Columns::range(1, 2));
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
        let error = read_array(&bytes, &wanted).unwrap_err().to_string();
        assert_eq!(error, "m.npz: holds several arrays; name one of 'a', 'b'");
        for (name, value) in [("a", 1.0), ("b", 2.0), ("b.npy", 2.0)] {
            wanted.array = Some(name.to_owned());
            assert_eq!(read_array(&bytes, &wanted).unwrap(), array![[value]]);
        }
        wanted.array = Some("c".to_owned());
        let error = read_array(&bytes, &wanted).unwrap_err().to_string();
        assert_eq!(
            error,
            "array 'c' of m.npz: holds no array of that name; it has 'a', 'b'"
        );
    }

    #[test]
    fn promises_are_held_against_the_bytes() {
        let check = |bytes: &[u8], expected: &str| {
            let error = read_array(bytes, &array_ref(Role::Target, "m.npy")).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
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
        check(&raw("'<c16'", "(1,)", &[0; 16]), "save a.real and a.imag");
        check(&raw("'|O'", "(1,)", &[0; 8]), "a.astype(float)");
        check(&raw("'<f16'", "(1,)", &[0; 16]), "a.astype('float64')");
        check(&raw("'<M8[ns]'", "(1,)", &[0; 8]), "a.astype('int64')");
        check(&raw("[('a', '<f8')]", "(1,)", &[0; 8]), "type");
        check(&raw("[('a', '<f8')]", "(1,)", &[0; 8]), "a['name']");
        check(&raw("'<U0'", "(5,)", &[]), "type");
        check(
            &npy(&Array3::<f64>::zeros((2, 3, 4))),
            "has 3 dimensions, 2 x 3 x 4, where at most 2 are needed; in numpy, a.reshape(len(a), -1)",
        );
        check(&raw("'<f8'", &"(".repeat(2000), &[]), "malformed");
        check(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "malformed");
        check(b"P", "malformed");
        let whole = npy(&array![[1.0, 2.0]]);
        for length in 0..whole.len() {
            assert!(read_array(&whole[..length], &array_ref(Role::Target, "m.npy")).is_err());
        }
    }
}
