//! The full engine: every weight of the network is trained.
//!
//! `fit` is what is fitted, `samples_side`, `outputs_side` and `observed_side` are three ways to the same
//! gradients, `pass` chooses one, `batch_pass` takes a few samples at a time, `network` puts them under an optimizer,
//! `thin_inputs` trains on inputs in the coordinates of what they span, `metrics` measures, `started` keeps the start for it.

mod batch_pass;
mod build;
mod exported;
mod fit;
mod metrics;
mod network;
mod observed_side;
mod outputs_side;
mod pass;
mod samples_side;
mod started;
mod thin_inputs;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_combinations;

pub(crate) use build::build;
pub(super) use network::Full;
