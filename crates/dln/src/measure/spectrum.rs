//! Spectra: the singular values of a matrix, with vectors where angles are asked for.
//!
//! A spectrum is a list of entries, one a singular vector pair or one a whole invariant block; the full
//! engine has pairs alone, the reduced engine also the block off its core. Their rows and angles are made in
//! `spectrum_rows`.

use ndarray::{Array2, ArrayView2};

use crate::checkpoint::{
    put_bool, put_f64, put_matrix, put_u64, take_any_matrix, take_bool, take_count, take_f64,
    take_u32, take_u64,
};
use crate::error::{CheckpointError, TrialError};
use crate::kernel::{Svd, singular_values, svd};

/// One singular value with what it belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) value: f64,
    pub(crate) kind: EntryKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// One value, with the columns of this number in `U` and `V`.
    Pair { column: usize },
    /// A value with multiplicity on a fixed pair of subspaces, orthogonal to all pairs and other blocks. The
    /// id distinguishes the blocks of one layer.
    Block { id: u32, multiplicity: u32 },
}

impl Entry {
    pub(crate) fn multiplicity(&self) -> u32 {
        match self.kind {
            EntryKind::Pair { .. } => 1,
            EntryKind::Block { multiplicity, .. } => multiplicity,
        }
    }
}

/// The singular values of one matrix, descending, with vectors in any fixed orthonormal coordinates.
#[derive(Clone, Debug)]
pub(crate) struct Spectrum {
    pub(crate) entries: Vec<Entry>,
    /// Left vectors of the pairs as columns; no columns where angles are not asked for.
    pub(crate) U: Array2<f64>,
    /// Right vectors of the pairs as columns.
    pub(crate) V: Array2<f64>,
    /// Whether the left vectors leave a rest: the matrix has more rows than singular values, so that
    /// beyond the last value there is another, 0.
    pub(crate) left_rest: bool,
    /// The same on the right: more columns than singular values.
    pub(crate) right_rest: bool,
}

impl Spectrum {
    /// Of a matrix, with vectors or without; `None` where it is not finite.
    pub(crate) fn decomposed(A: ArrayView2<'_, f64>, vectors: bool) -> Option<Spectrum> {
        Some(Spectrum::new(thin(A, vectors)?, Vec::new(), A.dim()))
    }

    /// The pairs of `svd` and the `blocks` beside them, of a matrix of this shape.
    pub(crate) fn new(svd: Svd, blocks: Vec<Entry>, shape: (usize, usize)) -> Spectrum {
        let pairs = svd.s.iter().enumerate().map(|(column, &value)| Entry {
            value,
            kind: EntryKind::Pair { column },
        });
        let mut entries: Vec<Entry> = pairs.chain(blocks).collect();
        entries.sort_by(|a, b| b.value.total_cmp(&a.value));
        let (rows, columns) = shape;
        // Row by row, as a checkpoint reads them back: products of other layouts may differ in the last bit.
        Spectrum {
            entries,
            U: svd.U.as_standard_layout().into_owned(),
            V: svd.V.as_standard_layout().into_owned(),
            left_rest: rows > columns,
            right_rest: columns > rows,
        }
    }

    /// The largest singular value; 0 where there is none.
    pub(super) fn largest(&self) -> f64 {
        self.entries.first().map_or(0.0, |entry| entry.value)
    }

    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        put_u64(out, self.entries.len() as u64);
        for entry in &self.entries {
            put_f64(out, entry.value);
            let (tag, what, multiplicity) = match entry.kind {
                EntryKind::Pair { column } => (0, column as u64, 1),
                EntryKind::Block { id, multiplicity } => (1, u64::from(id), multiplicity),
            };
            put_u64(out, tag);
            put_u64(out, what);
            put_u64(out, u64::from(multiplicity));
        }
        put_matrix(out, &self.U);
        put_matrix(out, &self.V);
        put_bool(out, self.left_rest);
        put_bool(out, self.right_rest);
    }

    /// # Errors
    /// [`crate::CheckpointError`] where the bytes end early or make no sense.
    pub(crate) fn load(bytes: &mut &[u8]) -> Result<Spectrum, TrialError> {
        let count = take_count(bytes, 32)?;
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            let value = take_f64(bytes)?;
            let block = take_bool(bytes)?;
            let what = take_u64(bytes)?;
            let multiplicity = take_u32(bytes)?;
            let kind = if block {
                let id = u32::try_from(what).map_err(|_| CheckpointError::OtherTrial)?;
                EntryKind::Block { id, multiplicity }
            } else {
                let column = what as usize;
                EntryKind::Pair { column }
            };
            entries.push(Entry { value, kind });
        }
        let spectrum = Spectrum {
            entries,
            U: take_any_matrix(bytes)?,
            V: take_any_matrix(bytes)?,
            left_rest: take_bool(bytes)?,
            right_rest: take_bool(bytes)?,
        };
        let columns = spectrum.U.ncols().min(spectrum.V.ncols());
        let fits = |entry: &Entry| match entry.kind {
            EntryKind::Pair { column } => column < columns,
            EntryKind::Block { .. } => true,
        };
        if spectrum.entries.iter().all(fits) {
            Ok(spectrum)
        } else {
            Err(CheckpointError::OtherTrial.into())
        }
    }
}

/// A thin decomposition, without vectors where they are not wanted; `None` where an entry is not finite.
pub(crate) fn thin(A: ArrayView2<'_, f64>, vectors: bool) -> Option<Svd> {
    let (m, n) = A.dim();
    if m == 0 || n == 0 {
        return Some(Svd {
            U: Array2::zeros((m, 0)),
            s: Vec::new(),
            V: Array2::zeros((n, 0)),
        });
    }
    if vectors {
        return svd(A);
    }
    let none = Array2::zeros((0, 0));
    Some(Svd {
        U: none.clone(),
        s: singular_values(A)?,
        V: none,
    })
}
