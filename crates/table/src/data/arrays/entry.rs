//! One array of a file: its name, shape, type and place.

use super::element::Element;

/// An array of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayEntry {
    pub name: String,
    pub shape: Vec<usize>,
    /// `None` where the array does not hold floating-point numbers; the name of its type is in `kind`.
    pub element: Option<Element>,
    /// The type as the file names it.
    pub kind: String,
    pub(super) place: Place,
}

/// Where the values of an array are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// First byte in the file, before decompression.
    pub(super) offset: u64,
    /// Bytes in the file.
    pub(super) packed: u64,
    pub(super) deflated: bool,
    /// Bytes of the member before the values.
    pub(super) front: u64,
    /// Sum of the member, where the file has one.
    pub(super) crc: Option<u32>,
    pub(super) big: bool,
    /// Values follow one another column by column.
    pub(super) by_columns: bool,
}

impl ArrayEntry {
    /// Rows and columns: further dimensions are flattened into the columns. `None` for fewer than two dimensions.
    pub fn matrix(&self) -> Option<(usize, usize)> {
        let (&rows, rest) = self.shape.split_first()?;
        if rest.is_empty() {
            return None;
        }
        let columns = rest
            .iter()
            .try_fold(1usize, |all, &side| all.checked_mul(side))?;
        Some((rows, columns))
    }
}
