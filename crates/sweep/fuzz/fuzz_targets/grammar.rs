//! `grammar` for libFuzzer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| sweep_fuzz::grammar::fuzz(data));
