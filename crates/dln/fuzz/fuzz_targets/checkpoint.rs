//! `checkpoint` for libFuzzer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| dln_fuzz::checkpoint::fuzz(data));
