//! Properties of grids and of growing folders over random sweeps, against a model that walks over every
//! point.

mod counting;
mod grid;
mod growth;
mod large;
mod sweeps;
