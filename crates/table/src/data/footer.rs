//! The footer of a Parquet file, looked through before a reader believes it.
//!
//! Thrift's compact protocol gives the number of items of a list before the items come. A reader that makes room for
//! the number given ends the process over a hundred made-up bytes, so every count and length is held against
//! the bytes that are there first.
//!
//! Formats: Apache Parquet, "File Format"; Apache Thrift, "Thrift Compact protocol encoding".

/// Ends of a file: the length of the footer, then these four bytes.
const MAGIC: &[u8; 4] = b"PAR1";

/// Structures within structures: the format needs six.
const DEPTH: u32 = 24;

/// What a field holds.
#[derive(Clone, Copy)]
enum Shape {
    Truth,
    Byte,
    /// A whole number, of any of the widths that are written alike.
    Number,
    /// A length, and so many bytes.
    Text,
    Struct(Fields),
    List(&'static Shape),
}

/// Fields of a structure by their numbers. One that is not named may hold anything: readers go by its type.
type Fields = &'static [(u64, Shape)];

use Shape::{Byte, List, Number, Struct, Text, Truth};

const EMPTY: Fields = &[];
const UNIT: Fields = &[(1, Struct(EMPTY)), (2, Struct(EMPTY)), (3, Struct(EMPTY))];
const DECIMAL: Fields = &[(1, Number), (2, Number)];
const TIME: Fields = &[(1, Truth), (2, Struct(UNIT))];
const INTEGER: Fields = &[(1, Byte), (2, Truth)];
const LOGICAL_TYPE: Fields = &[
    (1, Struct(EMPTY)),
    (2, Struct(EMPTY)),
    (3, Struct(EMPTY)),
    (4, Struct(EMPTY)),
    (5, Struct(DECIMAL)),
    (6, Struct(EMPTY)),
    (7, Struct(TIME)),
    (8, Struct(TIME)),
    (10, Struct(INTEGER)),
    (11, Struct(EMPTY)),
    (12, Struct(EMPTY)),
    (13, Struct(EMPTY)),
    (14, Struct(EMPTY)),
    (15, Struct(EMPTY)),
];
const SCHEMA_ELEMENT: Fields = &[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Text),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, Number),
    (9, Number),
    (10, Struct(LOGICAL_TYPE)),
];
const KEY_VALUE: Fields = &[(1, Text), (2, Text)];
const STATISTICS: Fields = &[
    (1, Text),
    (2, Text),
    (3, Number),
    (4, Number),
    (5, Text),
    (6, Text),
    (7, Truth),
    (8, Truth),
];
const COLUMN_META_DATA: Fields = &[
    (1, Number),
    (2, List(&Number)),
    (3, List(&Text)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, List(&Struct(KEY_VALUE))),
    (9, Number),
    (10, Number),
    (11, Number),
    (12, Struct(STATISTICS)),
    (13, List(&Struct(&[(1, Number), (2, Number), (3, Number)]))),
    (14, Number),
    (15, Number),
];
const COLUMN_CHUNK: Fields = &[
    (1, Text),
    (2, Number),
    (3, Struct(COLUMN_META_DATA)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
];
const SORTING_COLUMN: Fields = &[(1, Number), (2, Truth), (3, Truth)];
const ROW_GROUP: Fields = &[
    (1, List(&Struct(COLUMN_CHUNK))),
    (2, Number),
    (3, Number),
    (4, List(&Struct(SORTING_COLUMN))),
    (5, Number),
    (6, Number),
    (7, Number),
];
const FILE_META_DATA: Fields = &[
    (1, Number),
    (2, List(&Struct(SCHEMA_ELEMENT))),
    (3, Number),
    (4, List(&Struct(ROW_GROUP))),
    (5, List(&Struct(KEY_VALUE))),
    (6, Text),
    (7, List(&Struct(&[(1, Struct(EMPTY))]))),
];

impl Shape {
    /// Whether the protocol's type of a value is that of this shape.
    fn is_type(self, kind: u8) -> bool {
        match self {
            Truth => matches!(kind, 1 | 2),
            Byte => kind == 3,
            Number => matches!(kind, 4..=6),
            Text => kind == 8,
            List(_) => kind == 9,
            Struct(_) => kind == 12,
        }
    }
}

/// Whether the file has a footer of the format whose counts and lengths fit in it.
pub(super) fn is_sound(file: &[u8]) -> bool {
    footer(file).is_some_and(|bytes| Footer { bytes }.structure(FILE_META_DATA, DEPTH).is_some())
}

/// What the headers of a column's pages say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pages {
    /// Of all pages but the dictionary.
    pub(super) values: u64,
    /// Bytes of all pages once decompressed.
    pub(super) expanded: u64,
}

/// Goes through the pages of a column up to so many values. `None` where a header is malformed or a page does
/// not lie in the column.
pub(super) fn pages(mut chunk: &[u8], values: u64) -> Option<Pages> {
    let mut pages = Pages::default();
    while pages.values < values {
        let mut header = Footer { bytes: chunk };
        let page = header.page()?;
        pages.values = pages.values.checked_add(page.values)?;
        pages.expanded = pages.expanded.checked_add(page.expanded)?;
        let after = header.bytes.get(usize::try_from(page.packed).ok()?..)?;
        // Every header takes bytes, so this comes to an end.
        chunk = after;
    }
    Some(pages)
}

/// One page's header.
#[derive(Default)]
struct PageHeader {
    packed: u64,
    expanded: u64,
    values: u64,
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

    fn structure(&mut self, fields: Fields, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let mut last = 0;
        loop {
            let head = self.byte()?;
            let kind = head & 0x0f;
            if kind == 0 {
                return Some(());
            }
            // The field's number: by how much it is above the last one's, or itself, zigzag.
            let field = match head >> 4 {
                0 => self.number().filter(|number| number % 2 == 0)? / 2,
                more => last + u64::from(more),
            };
            if field <= last {
                return None;
            }
            last = field;
            let shape = fields.iter().find(|(number, _)| *number == field);
            let shape = shape.map(|(_, shape)| *shape);
            if shape.is_some_and(|shape| !shape.is_type(kind)) {
                return None;
            }
            // A field's truth lies in its type.
            if !matches!(kind, 1 | 2) {
                self.value(kind, shape, depth)?;
            }
        }
    }

    /// A header of a page: its sizes are the fields 2 and 3, the number of values is the first field of the
    /// structure 5 (a data page) or 8 (one of version 2).
    fn page(&mut self) -> Option<PageHeader> {
        let mut page = PageHeader::default();
        let mut last = 0;
        while let Some((field, kind)) = self.head(last)? {
            last = field;
            match (field, kind) {
                (2, 4..=6) => page.expanded = self.size()?,
                (3, 4..=6) => page.packed = self.size()?,
                (5 | 8, 12) => {
                    let (first, kind) = self.head(0)??;
                    if first != 1 || !matches!(kind, 4..=6) {
                        return None;
                    }
                    page.values = self.size()?;
                    self.rest(first, DEPTH)?;
                }
                (_, 1 | 2) => {}
                (_, kind) => self.value(kind, None, DEPTH)?,
            }
        }
        Some(page)
    }

    /// A signed number, zigzag, that must not be negative.
    fn size(&mut self) -> Option<u64> {
        self.number()
            .filter(|number| number % 2 == 0)
            .map(|number| number / 2)
    }

    /// Number and type of the next field; `Some(None)` at the end of the structure.
    fn head(&mut self, last: u64) -> Option<Option<(u64, u8)>> {
        let head = self.byte()?;
        let kind = head & 0x0f;
        if kind == 0 {
            return Some(None);
        }
        let field = match head >> 4 {
            0 => self.size()?,
            more => last + u64::from(more),
        };
        (field > last).then_some(Some((field, kind)))
    }

    /// What follows the field `last` of a structure.
    fn rest(&mut self, mut last: u64, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        while let Some((field, kind)) = self.head(last)? {
            last = field;
            if !matches!(kind, 1 | 2) {
                self.value(kind, None, depth)?;
            }
        }
        Some(())
    }

    fn value(&mut self, kind: u8, shape: Option<Shape>, depth: u32) -> Option<()> {
        match kind {
            1..=3 => self.skip(1),
            4..=6 => self.number().map(drop),
            7 => self.skip(8),
            8 => {
                let length = self.count()?;
                self.skip(length)
            }
            9 | 10 => {
                let items = match shape {
                    Some(List(items)) => Some(*items),
                    _ => None,
                };
                self.list(items, depth)
            }
            12 => {
                let fields = match shape {
                    Some(Struct(fields)) => fields,
                    _ => EMPTY,
                };
                self.structure(fields, depth)
            }
            // The format has no maps; a reader that meets one is free to stumble.
            _ => None,
        }
    }

    fn list(&mut self, items: Option<Shape>, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let head = self.byte()?;
        let kind = head & 0x0f;
        let count = match head >> 4 {
            15 => self.count()?,
            few => usize::from(few),
        };
        // Some writers give an empty list no type.
        if count > 0 && items.is_some_and(|items| !items.is_type(kind)) {
            return None;
        }
        for _ in 0..count {
            self.value(kind, items, depth)?;
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
    fn pages_are_added_up() {
        // Fields 1 to 3: kind 0, 200 bytes, 3 compressed; field 5: 7 values and an encoding; then 3 bytes.
        let page = [
            0x15, 0, 0x15, 0x90, 3, 0x15, 6, 0x2c, 0x15, 14, 0x15, 0, 0, 0, 1, 2, 3,
        ];
        let two = [page, page].concat();
        let found = |values: u64, expanded: u64| Some(Pages { values, expanded });
        assert_eq!(pages(&page, 7), found(7, 200));
        assert_eq!(pages(&two, 14), found(14, 400));
        // The first page holds enough.
        assert_eq!(pages(&two, 5), found(7, 200));
        assert_eq!(pages(&page, 8), None);
        for end in 0..page.len() {
            assert_eq!(pages(&page[..end], 7), None, "{end} bytes");
        }
        assert_eq!(pages(&[0; 3], 7), None);
    }

    #[test]
    fn counts_beyond_the_footer_are_seen() {
        assert!(is_sound(&file(&[0])));
        // Field 2, a list of structures: two empty ones are there, and the number given is two or many.
        assert!(is_sound(&file(&[0x29, 0x2c, 0, 0, 0])));
        assert!(!is_sound(&file(&[
            0x29, 0xfc, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0
        ])));
        // An empty list, without a type as fastparquet writes it, or with another: there is nothing to mistake.
        assert!(is_sound(&file(&[0x29, 0x00, 0])));
        assert!(is_sound(&file(&[0x29, 0x05, 0])));
        // The same field as a text, as a list of numbers, and after itself.
        assert!(!is_sound(&file(&[0x28, 2, 0, 0, 0])));
        assert!(!is_sound(&file(&[0x29, 0x25, 0, 0, 0])));
        assert!(!is_sound(&file(&[0x29, 0x0c, 0x09, 0x04, 0x0c, 0])));
        // A field that nobody knows goes by its type: 40, a list of texts.
        assert!(is_sound(&file(&[0x09, 80, 0x28, 1, b'x', 1, b'y', 0])));
        assert!(!is_sound(&file(&[0x09, 80, 0x28, 9, b'x', 1, b'y', 0])));
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
