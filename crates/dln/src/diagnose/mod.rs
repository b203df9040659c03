//! How low-dimensional data are, the core that they would need, and what to do with them.
//!
//! A pure report of a matrix, with labels or targets where there are any. Reading files, printing and writing
//! the plan as a sweep are left to others.

pub mod held_out;
mod look;
mod report;
mod spectrum;
mod stages;

pub use look::diagnose;
pub use report::{
    Advice, Curvature, DataSpectrum, Energy, EngineCost, Proposal, Report, Stage, Subject,
};
