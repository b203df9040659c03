//! Trajectories that the papers' authors' own code computed, reproduced from their initial weights by each engine.
//!
//! `tests/golden/manifest.json` at the root of the repository says what every array is.
#![expect(
    clippy::disallowed_methods,
    reason = "the files are read here, at the edge"
)]

mod factored;
mod files;
mod full;
mod law;
