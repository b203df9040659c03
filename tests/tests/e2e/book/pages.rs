//! A file for each generated page.

pub(super) mod columns;
pub(super) mod commands;
pub(super) mod functions;
pub(super) mod keys;
pub(super) mod plots;
