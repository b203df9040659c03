//! Arrays of files, and differences of two, a few rows at a time.

use dln::inspect::Pieces;
use table::{ArrayEntry, ArrayFile, DataError};

use crate::error::CliError;

/// Values that are in memory of one array at a time: 8 MB.
const PIECE_VALUES: usize = 1 << 20;

/// An array of a file, or the difference of two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored<'a> {
    pub(super) of: (&'a ArrayFile, &'a ArrayEntry),
    pub(super) minus: Option<(&'a ArrayFile, &'a ArrayEntry)>,
}

impl<'a> Stored<'a> {
    /// The array of this name.
    ///
    /// # Errors
    /// [`CliError::Request`] where the file has none.
    pub(super) fn named(file: &'a ArrayFile, name: &str) -> Result<Stored<'a>, CliError> {
        Ok(Stored {
            of: (file, entry(file, name)?),
            minus: None,
        })
    }

    /// This array less the one of the same name in another file.
    ///
    /// # Errors
    /// As [`Stored::named`].
    pub(super) fn less(self, other: &'a ArrayFile) -> Result<Stored<'a>, CliError> {
        Ok(Stored {
            minus: Some((other, entry(other, &self.of.1.name)?)),
            ..self
        })
    }
}

fn entry<'a>(file: &'a ArrayFile, name: &str) -> Result<&'a ArrayEntry, CliError> {
    file.entry(name).ok_or_else(|| {
        CliError::Request(format!("{} holds no array '{name}'", file.path().display()))
    })
}

impl Pieces for Stored<'_> {
    type Error = DataError;

    fn shape(&self) -> (usize, usize) {
        // Arrays without two dimensions were never taken for layers.
        self.of.1.matrix().unwrap_or_default()
    }

    fn visit(
        &self,
        take: &mut dyn FnMut(usize, ndarray::ArrayView2<'_, f64>),
    ) -> Result<(), DataError> {
        let (file, entry) = self.of;
        let mut rows = file.rows(entry)?;
        let mut other = match self.minus {
            Some((file, entry)) => Some(file.rows(entry)?),
            None => None,
        };
        let (_, columns) = rows.shape();
        let together = (PIECE_VALUES / columns.max(1)).max(1);
        let mut first = 0;
        while let Some(mut block) = rows.next(together)? {
            if let Some(other) = &mut other
                && let Some(less) = other.next(together)?
            {
                block -= &less;
            }
            take(first, block.view());
            first += block.nrows();
        }
        Ok(())
    }
}
