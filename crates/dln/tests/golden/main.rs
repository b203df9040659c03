//! Trajectories that other programs computed, reproduced from their initial weights by each engine: the papers' authors'
//! own code (`tests/golden` at the root of the repository) and, in `golden2`, JAX and optax (`tests/golden2`). The
//! manifests there say what every array is.
#![expect(
    clippy::disallowed_methods,
    reason = "the files are read here, at the edge"
)]

mod factored;
mod files;
mod full;
mod golden2;
mod law;
