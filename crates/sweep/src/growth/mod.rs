//! How the sweep of a run folder grows: which numbers its points have, and which of them are new.
//!
//! Points that an older generation holds are recognised axis by axis, never by a list of them. What a single
//! grid holds is in `crate::grid`; which numbers are done is the business of the journal.

mod difference;
mod digits;
mod folder;
mod members;
mod older;
mod part;
mod verified;

pub use folder::{Folder, Generation, Growth};
pub use verified::Verified;
