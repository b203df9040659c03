//! Helpers of the end-to-end tests: real processes of the program, watched and ended by their ids, and tables
//! compared bit for bit.

pub mod filters;
pub mod process;
pub mod tables;
