//! Deep linear (and ReLU) networks: data, initialization, engines, measurements.
//!
//! Everything here is a pure function of a [`Trial`]: no clock, no file, no socket, no entropy. Time comes
//! in as a closure, matrices read from files come in as arrays, randomness is a counter-based stream keyed
//! by the trial's [`Draw`].
//!
//! [`prepare`] makes the data of a trial, [`run()`] trains it and returns an [`Outcome`]; [`Run`] does the same
//! in pieces that can be checkpointed. [`plan`] predicts which engine would serve a trial.
#![expect(non_snake_case, reason = "matrices keep the capitals of the papers")]

mod activation;
mod batch;
mod checkpoint;
mod choice;
mod combinations;
pub mod config;
mod data;
pub mod diagnose;
mod engine;
mod engines;
mod error;
mod exported;
pub mod flops;
mod frame;
mod given;
mod hybrid;
mod init;
pub mod inspect;
mod isa;
mod kernel;
mod law;
mod loss;
mod measure;
pub mod metric;
mod normalize;
mod optimizer;
pub mod outcome;
mod reflectors;
mod run;
mod spectrum_draw;
mod start;
mod stream;
mod theory;
pub mod verify;

pub use config::*;
pub use data::{Data, Parts, prepare, preprocessing, whitened};
pub use engine::{EnginePlan, RowCounts, plan};
pub use error::*;
pub use exported::{Exported, ExportedParts, Preprocessing};
pub use isa::isa;
pub use kernel::Threads;
pub use normalize::Normalization;
pub use outcome::*;
pub use run::{Clock, Progress, Run, run};
