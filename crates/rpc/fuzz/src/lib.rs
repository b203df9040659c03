//! Messages of a session. Each target is a function, so that tests call it without a fuzzer.

pub mod session;
