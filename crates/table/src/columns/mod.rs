//! The columns of the four tables, each declared once: name, type, whether it may be null, words, unit, the version of
//! the tables that brought it, and where its values come from. The schema, the lanes that gather rows, the wire, the
//! parts, the readers and the reference page follow from the declarations.

mod declare;
mod lanes;
mod measured;
#[cfg(test)]
pub(crate) mod tests;
mod trials;

pub(crate) use declare::{ColumnSpec, Kind, Table};
pub(crate) use lanes::Lanes;
pub(crate) use measured::{History, Layers, Of, Spectra};
pub(crate) use trials::Trials;

use declare::newest;

/// The version that gave every whole number a sign: counts were unsigned, of 64 or 32 bits.
const SIGNED: u32 = 3;

/// The newest version of a column that a key of the sweep file has. Raised with the first key of a release.
const NEWEST_KEY: u32 = 4;

/// Version of the tables' columns, written into each file and each journal: the newest of all columns, or of a change
/// of the type or the meaning of one. A program refuses folders of a higher version. No column is ever taken away.
pub const SCHEMA_VERSION: u32 = largest([
    SIGNED,
    NEWEST_KEY,
    newest(trials::TRIALS),
    newest(measured::HISTORY),
    newest(measured::SPECTRA),
    newest(measured::LAYERS),
]);

const fn largest<const N: usize>(versions: [u32; N]) -> u32 {
    let (mut largest, mut at) = (0, 0);
    while at < N {
        if versions[at] > largest {
            largest = versions[at];
        }
        at += 1;
    }
    largest
}
