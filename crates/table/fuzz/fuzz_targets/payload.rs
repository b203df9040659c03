//! `payload` for libFuzzer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| table_fuzz::payload::fuzz(data));
