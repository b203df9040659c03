//! What a run measures: scalars, spectra and angles, separation, sharpness, alignment.
//!
//! Everything here works in double precision on matrices handed in; which matrices those are is the
//! business of the engines.

mod alignment;
mod angles;
mod outputs;
mod rows;
mod scalars;
mod separation;
mod sharpness;
mod spectrum;

pub(crate) use alignment::Alignment;
pub(crate) use angles::largest_angle;
pub(crate) use outputs::{correct, hidden_square_distance, square_distance};
pub(crate) use rows::{Rows, finite};
pub(crate) use scalars::{balancedness, layer_rows_wanted, spectrum_scalars};
pub(crate) use separation::{Classes, sample_separation};
pub(crate) use sharpness::Curvature;
pub(crate) use spectrum::{Entry, EntryKind, Spectrum, push_spectrum};
