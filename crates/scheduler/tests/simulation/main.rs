//! The scheduler from outside: random events, and a simulated cluster under virtual time.
//!
//! Every scenario draws all its chance from one seed, which it prints. `PARSIMONY_SIM_SEED=n` replays that seed instead of
//! the fixed ones; `PARSIMONY_SIM_RUNS=k` goes on with the seeds `n + 1 ..`, for a long run by hand:
//! `PARSIMONY_SIM_SEED=1 PARSIMONY_SIM_RUNS=500 cargo test --release -p scheduler --test simulation`.

mod chance;
mod cluster;
mod crew;
mod pattern;
mod random;
mod scenarios;
mod shadow;
