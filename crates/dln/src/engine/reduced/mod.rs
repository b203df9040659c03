//! The reduced engine: trains the exact core of the law and reports the wide network.
//!
//! `net` holds the core and its products (`tiles`, over `lanes`), `off_core` the scalars off it, `network` puts
//! both under the optimizer, `views` and `metrics` measure. What the core is, and that it is exact, is the
//! business of `law`.

mod lanes;
mod metrics;
mod net;
mod network;
mod off_core;
mod steps;
mod tiles;
mod views;

#[cfg(test)]
mod random_cases;
#[cfg(test)]
mod random_rows;
#[cfg(test)]
mod tests;

pub(crate) use lanes::{BLOCK, Buffer, Lane, arch_for, stride};
pub(crate) use network::{build, start};
