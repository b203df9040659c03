//! `payload` for libFuzzer.
#![no_main]

use libfuzzer_sys::fuzz_target;

// Panics of the decoders are caught and become answers; one of the target still ends the process.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| ())), |data: &[u8]| table_fuzz::payload::fuzz(
    data
));
