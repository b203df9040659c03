//! What a model of the data reaches on samples that it has not seen, and what fewer directions cost.
//!
//! `split` cuts the samples, `prepared` learns the preparation and the directions on the training part, `linear` and
//! `logistic` are the baselines, `training` trains a network, `price` puts the table together and `verdict` judges it.
//! A matrix has no samples: its price is what is left out of it (`matrix`).

mod answer;
#[cfg(test)]
mod cases;
mod found;
mod linear;
mod logistic;
mod matrix;
mod prepared;
mod price;
mod split;
mod staged;
mod training;
mod verdict;

pub use answer::{
    Balance, Baseline, BaselineKind, Preparation, Price, Question, RateTried, Recipe, Score,
    WidthTried, deviation,
};
pub use found::HeldOut;
pub use prepared::scales;
pub use price::held_out;
pub use staged::{Staged, staged};
pub use verdict::{Doubt, Heavy, Numbers, Verdict, limits};
