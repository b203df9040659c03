//! The live page: a router that shows what a coordinator does, and changes it for those who have a token.
//!
//! It reads a coordinator through [`Source`] and run folders through `table`, whose pictures `report` draws. It keeps no state of its own but caches,
//! decides nothing, and sends nothing to anywhere but its viewers. Listening is the caller's.

mod access;
mod assets;
mod cache;
mod cells;
mod feed;
mod json;
mod pictures;
mod query;
mod routes;
mod source;
mod tables;

pub use access::{Access, TokenCheck};
pub use routes::{About, router};
pub use source::{Change, Failure, Overview, Refusal, Source, Standing, Sweep, Worker};
