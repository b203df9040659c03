//! Smooth functions of one entry, the same bits on every machine.

mod functions;

#[cfg(test)]
mod tests;

pub(crate) use functions::Smooth;
