//! The checks and rewrites, with the rewritten statements run on SQLite.

mod answers;
mod asked;
mod asked_further;
mod bounds;
pub(crate) mod fixture;
mod headers;
mod refusals;
