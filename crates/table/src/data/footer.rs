//! The footer of a Parquet file, looked through before a reader believes it.
//!
//! Thrift's compact protocol tells how many items a list has before the items come. A reader that makes room for
//! as many as are told ends the process over a hundred made-up bytes, so every count and length is held against
//! the bytes that are there first.
//!
//! Formats: Apache Parquet, "File Format"; Apache Thrift, "Thrift Compact protocol encoding".

/// Ends of a file: the length of the footer, then these four bytes.
const MAGIC: &[u8; 4] = b"PAR1";

/// Structures within structures: the format needs six.
const DEPTH: u32 = 24;

/// Whether the file has a footer whose counts and lengths fit in it.
pub(super) fn is_sound(file: &[u8]) -> bool {
    footer(file).is_some_and(|bytes| Footer { bytes }.structure(DEPTH).is_some())
}

/// The footer's bytes.
fn footer(file: &[u8]) -> Option<&[u8]> {
    let (rest, magic) = file.split_last_chunk::<4>()?;
    let (rest, length) = rest.split_last_chunk::<4>()?;
    // At most 2^32, which a usize holds wherever a file of that size can be.
    let length = u32::from_le_bytes(*length) as usize;
    (magic == MAGIC).then(|| rest.len().checked_sub(length).map(|at| &rest[at..]))?
}

/// What is left of the footer. Every method moves on past one thing, or ends with `None` where it does not fit.
struct Footer<'a> {
    bytes: &'a [u8],
}

impl Footer<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.bytes = self.bytes.get(count..)?;
        Some(())
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A count of things that take a byte each, or more.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.bytes.len()).then_some(count)
    }

    fn structure(&mut self, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        loop {
            let head = self.byte()?;
            let kind = head & 0x0f;
            if kind == 0 {
                return Some(());
            }
            if head >> 4 == 0 {
                // The field's number, which did not fit beside its type.
                self.number()?;
            }
            // A field's truth lies in its type.
            if !matches!(kind, 1 | 2) {
                self.value(kind, depth)?;
            }
        }
    }

    fn value(&mut self, kind: u8, depth: u32) -> Option<()> {
        match kind {
            1..=3 => self.skip(1),
            4..=6 => self.number().map(drop),
            7 => self.skip(8),
            8 => {
                let length = self.count()?;
                self.skip(length)
            }
            9 | 10 => self.list(depth),
            12 => self.structure(depth),
            // The format has no maps; a reader that meets one is free to stumble.
            _ => None,
        }
    }

    fn list(&mut self, depth: u32) -> Option<()> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.count()?,
            few => usize::from(few),
        };
        for _ in 0..count {
            self.value(head & 0x0f, depth)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::{DataFrame, NamedFrom, ParquetWriter, Series};

    fn file(footer: &[u8]) -> Vec<u8> {
        let length = u32::try_from(footer.len()).unwrap();
        [b"PAR1", footer, &length.to_le_bytes(), b"PAR1"].concat()
    }

    #[test]
    fn written_files_are_sound_and_their_fronts_are_not() {
        let columns =
            (0..40).map(|k| Series::new(format!("c{k}").into(), [1.0, f64::from(k)]).into());
        let mut frame = DataFrame::new_infer_height(columns.collect()).unwrap();
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
        assert!(is_sound(&bytes));
        for end in 0..bytes.len() {
            assert!(!is_sound(&bytes[..end]), "the first {end} bytes");
        }
        let footer = footer(&bytes).unwrap();
        for end in 0..footer.len() {
            assert!(
                !is_sound(&file(&footer[..end])),
                "{end} bytes of the footer"
            );
        }
    }

    #[test]
    fn counts_beyond_the_footer_are_seen() {
        assert!(is_sound(&file(&[0])));
        // Field 2, a list of structures: two empty ones are there, and two or many are told.
        assert!(is_sound(&file(&[0x29, 0x2c, 0, 0, 0])));
        assert!(!is_sound(&file(&[
            0x29, 0xfc, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0
        ])));
        // A text of more bytes than there are; a number without an end; a map.
        assert!(!is_sound(&file(&[0x18, 0xff, 0x7f, 0, 0])));
        assert!(!is_sound(&file(&[&[0x16][..], &[0xff; 12]].concat())));
        assert!(!is_sound(&file(&[0x1b, 0, 0])));
        // Structures within structures, without an end.
        assert!(!is_sound(&file(&[0x1c; 10_000])));
        for short in [&b""[..], b"PAR1", b"\x01\0\0\0PAR1"] {
            assert!(!is_sound(short));
        }
    }
}
