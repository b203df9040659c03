//! What the program prints: tables, progress and summaries for people, JSON under names that stay for programs. What a
//! command prints in a line of its own stands in its file.

pub(crate) mod check;
pub(crate) mod comparisons;
pub(crate) mod diagnosis;
pub(crate) mod held_out;
pub(crate) mod hosts;
pub(crate) mod inspection;
pub(crate) mod numbers;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod screen;
pub(crate) mod sweeps;
pub(crate) mod table;
pub(crate) mod trials;
pub(crate) mod waiting;
pub(crate) mod workers;
