//! What the first bytes of a file say that it is, whatever its name says.
//!
//! Only for errors: a file is read by the ending of its name.

use std::fmt;

/// Bytes that are looked at.
const HEAD: usize = 1024;

/// A format by the ending of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Npy,
    Npz,
    Csv,
    CsvGz,
    Parquet,
}

impl Format {
    /// By the name in the sweep file.
    pub(super) fn of(name: &str) -> Option<Format> {
        const ENDINGS: [(&str, Format); 5] = [
            (".npz", Format::Npz),
            (".npy", Format::Npy),
            (".csv", Format::Csv),
            (".csv.gz", Format::CsvGz),
            (".parquet", Format::Parquet),
        ];
        let name = name.to_ascii_lowercase();
        let ending = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending));
        ending.map(|&(_, format)| format)
    }

    /// What a sound file of the format is recognised as; nothing for plain text.
    fn content(self) -> Option<Content> {
        match self {
            Format::Npy => Some(Content::Npy),
            Format::Npz => Some(Content::Zip),
            Format::Csv => None,
            Format::CsvGz => Some(Content::Gzip),
            Format::Parquet => Some(Content::Parquet),
        }
    }
}

/// What a file is, to be displayed behind its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    LfsPointer,
    AnnexPointer,
    Html,
    Xml,
    Pickle,
    Gzip,
    NotGzip,
    Zip,
    Excel,
    Npy,
    Parquet,
    Arrow,
    Utf16,
    Hdf5,
    Matlab,
    Zstandard,
    Bzip2,
    Xz,
    Sqlite,
}

impl Content {
    fn is_text(self) -> bool {
        matches!(
            self,
            Content::LfsPointer | Content::AnnexPointer | Content::Html | Content::Xml
        )
    }

    /// What it is, and what to do about it.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Content::LfsPointer => (
                "is a pointer of Git LFS and not the data",
                "run `git lfs pull`",
            ),
            Content::AnnexPointer => (
                "is a pointer of git-annex and not the data",
                "run `git annex get`",
            ),
            Content::Html => (
                "is an HTML page",
                "download the file itself; a page of a login or of an error may have come instead",
            ),
            Content::Xml => ("is an XML document", "download the file itself"),
            Content::Pickle => (
                "is a Python pickle, which is not read",
                "load it in Python and save the array by numpy.save",
            ),
            Content::Gzip => (
                "is compressed by gzip",
                "only .csv.gz is read so: name it so, or unpack it by gunzip",
            ),
            Content::NotGzip => (
                "is not compressed by gzip",
                "name it .csv, or compress it by gzip",
            ),
            Content::Zip => ("is a zip archive", "name it .npz, or unpack it"),
            Content::Excel => ("is an Excel workbook", "save the sheet as CSV"),
            Content::Npy => ("is a NumPy array", "name it .npy"),
            Content::Parquet => ("is a Parquet file", "name it .parquet"),
            Content::Arrow => ("is an Arrow or Feather file", "save it as Parquet"),
            Content::Utf16 => ("is UTF-16 text", "save it as UTF-8"),
            Content::Hdf5 => (
                "is an HDF5 file",
                "save the array by numpy.save, in Python with h5py",
            ),
            Content::Matlab => (
                "is a MATLAB file",
                "save the array by numpy.save, in Python with scipy.io.loadmat",
            ),
            Content::Zstandard => ("is compressed by Zstandard", "unpack it by unzstd"),
            Content::Bzip2 => ("is compressed by bzip2", "unpack it by bunzip2"),
            Content::Xz => ("is compressed by xz", "unpack it by unxz"),
            Content::Sqlite => ("is an SQLite database", "save the table as CSV"),
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, cure) = self.words();
        write!(f, "{what}: {cure}")
    }
}

/// Beginnings of files, the longer ones of one kind first.
const BEGINNINGS: &[(&[u8], Content)] = &[
    (
        b"version https://git-lfs.github.com/spec/",
        Content::LfsPointer,
    ),
    (b"/annex/objects/", Content::AnnexPointer),
    (b"\x1f\x8b", Content::Gzip),
    (b"PK\x03\x04", Content::Zip),
    (b"PK\x05\x06", Content::Zip),
    (b"\x93NUMPY", Content::Npy),
    (b"PAR1", Content::Parquet),
    (b"ARROW1", Content::Arrow),
    (b"FEA1", Content::Arrow),
    (b"\xff\xfe", Content::Utf16),
    (b"\xfe\xff", Content::Utf16),
    (b"\x89HDF\r\n\x1a\n", Content::Hdf5),
    (b"MATLAB 7.3 MAT-file", Content::Hdf5),
    (b"MATLAB 5.0 MAT-file", Content::Matlab),
    (b"\x28\xb5\x2f\xfd", Content::Zstandard),
    (b"BZh", Content::Bzip2),
    (b"\xfd7zXZ\0", Content::Xz),
    (b"SQLite format 3\0", Content::Sqlite),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Content::Excel),
];

/// What the bytes are, where that is certain.
pub(super) fn recognise(bytes: &[u8]) -> Option<Content> {
    let head = &bytes[..bytes.len().min(HEAD)];
    let found = BEGINNINGS
        .iter()
        .find(|(beginning, _)| head.starts_with(beginning))
        .map(|&(_, content)| content);
    if found == Some(Content::Zip) && contains(head, b"[Content_Types].xml") {
        return Some(Content::Excel);
    }
    found
        .or_else(|| markup(head))
        .or_else(|| is_pickle(bytes).then_some(Content::Pickle))
        .or_else(|| is_utf16(head).then_some(Content::Utf16))
}

/// What a file is that should be of this format, where it is something else.
pub(super) fn mistaken(bytes: &[u8], format: Format) -> Option<Content> {
    let found = recognise(bytes);
    if format == Format::Csv && is_text(bytes) && !found.is_some_and(Content::is_text) {
        return None;
    }
    match format.content() {
        wanted if found == wanted => None,
        // An archive by its last bytes may begin with anything.
        Some(Content::Zip) if found == Some(Content::Excel) => None,
        Some(Content::Gzip) if found.is_none() => Some(Content::NotGzip),
        _ => found,
    }
}

/// Whether the beginning could be a CSV file, whatever its first letters are.
fn is_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(HEAD)];
    let cut = std::str::from_utf8(head).err();
    // A character may be cut at the end.
    cut.is_none_or(|error| error.error_len().is_none()) && !head.contains(&0)
}

fn markup(head: &[u8]) -> Option<Content> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let head = head.trim_ascii_start();
    let starts = |with: &str| {
        head.get(..with.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    };
    if starts("<!doctype html") || starts("<html") || starts("<head") {
        return Some(Content::Html);
    }
    starts("<?xml").then_some(Content::Xml)
}

/// Protocols 2 to 5 begin with their number and all end with a full stop.
fn is_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, .., b'.'])
}

/// Without a mark at the beginning: plain characters with a zero before or behind each.
fn is_utf16(head: &[u8]) -> bool {
    let pairs: Vec<(bool, bool)> = head
        .chunks_exact(2)
        .map(|pair| (pair[0] == 0, pair[1] == 0))
        .collect();
    // Text has no zeros at all; four characters show it.
    pairs.len() >= 4
        && (pairs.iter().all(|&pair| pair == (false, true))
            || pairs.iter().all(|&pair| pair == (true, false)))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_shows_at_its_beginning() {
        let check = |bytes: &[u8], expected| assert_eq!(recognise(bytes), expected, "{bytes:?}");
        check(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
            Some(Content::LfsPointer),
        );
        check(b"\n <!DOCTYPE html><html>", Some(Content::Html));
        check(b"<html>", Some(Content::Html));
        check(b"<?xml version=\"1.0\"?><Error/>", Some(Content::Xml));
        check(b"\x80\x04\x95\x01.", Some(Content::Pickle));
        check(b"\x1f\x8b\x08", Some(Content::Gzip));
        check(b"\xff\xfe1\0,\0", Some(Content::Utf16));
        check(b"1\0,\x002\0\n\0", Some(Content::Utf16));
        check(b"\x001\0,\x002\0\n", Some(Content::Utf16));
        check(
            b"PK\x03\x04\x14\0\0\0\0\0[Content_Types].xml",
            Some(Content::Excel),
        );
        check(b"PK\x03\x04rest", Some(Content::Zip));
        for plain in [
            &b""[..],
            b"1,2\n",
            b"a,b\n1,2\n",
            b"\xef\xbb\xbf1,2\n",
            b"<5,2\n",
        ] {
            check(plain, None);
        }
    }

    #[test]
    fn a_file_is_mistaken_where_its_name_says_something_else() {
        let check = |bytes: &[u8], format, expected| {
            assert_eq!(mistaken(bytes, format), expected, "{bytes:?}");
        };
        check(b"\x1f\x8b\x08", Format::CsvGz, None);
        check(b"1,2\n", Format::CsvGz, Some(Content::NotGzip));
        check(b"\x1f\x8b\x08", Format::Csv, Some(Content::Gzip));
        check(b"\x1f\x8b\x08", Format::Npy, Some(Content::Gzip));
        check(b"PK\x03\x04", Format::Npz, None);
        check(b"\x93NUMPY", Format::Npz, Some(Content::Npy));
        check(b"PAR1", Format::Parquet, None);
        check(b"1,2\n", Format::Csv, None);
        check(b"PAR1,BZh\n", Format::Csv, None);
        check(b"<html>", Format::Csv, Some(Content::Html));
        // What is not recognised is left to the readers.
        check(b"1,2\n", Format::Parquet, None);
        assert_eq!(Format::of("A/B.CSV.GZ"), Some(Format::CsvGz));
        assert_eq!(Format::of("a.csv.gz.npy"), Some(Format::Npy));
        assert_eq!(Format::of("a.xls"), None);
    }
}
