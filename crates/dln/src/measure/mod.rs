//! What a run measures: scalars, spectra and angles, separation, sharpness, alignment.
//!
//! Everything here works in double precision. `network` asks an engine for its maps, features and products with the
//! Hessian and puts the rows together; which matrices those are is the business of the engines, which metrics there
//! are that of `metric`.

mod alignment;
mod angles;
mod network;
mod outputs;
mod rows;
mod scalars;
mod separation;
mod sharpness;
mod spectrum;
mod spectrum_rows;
mod updates;

pub(crate) use alignment::{Alignment, target_factors};
pub(crate) use angles::largest_angle;
pub(crate) use network::{MeasuredNetwork, measure};
pub(crate) use outputs::{
    chain, correct, hidden_square_distance, over_samples, seen_square_distance, share_correct,
    square_distance,
};
pub(crate) use rows::{Rows, finite};
pub(crate) use scalars::balancedness;
pub(crate) use separation::{Classes, sample_separation};
pub(crate) use sharpness::LossHessian;
pub(crate) use spectrum::{Entry, EntryKind, Spectrum, thin};
pub(crate) use spectrum_rows::{RowExtras, spectrum_against};
pub(crate) use updates::{Moved, Within, entry, rounded};
