//! What people write: sweep files and conditions. Each target is a function, so that tests call it without a fuzzer.

pub mod filter;
pub mod grammar;
