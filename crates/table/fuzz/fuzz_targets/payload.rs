//! Bytes that claim to be a report's columns: decoding ends with an answer, and what it accepts makes sense.
#![no_main]

use libfuzzer_sys::fuzz_target;
use table::{Batch, Limits, Payload};

// Panics of the decoders are caught and become answers; one of this target still ends the process.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| ())), |data: &[u8]| {
    // The first byte says how the rest is dealt out to the four tables.
    let Some((&split, rest)) = data.split_first() else {
        return;
    };
    let at = rest.len() * usize::from(split) / 256;
    let (trials, history) = rest.split_at(at);
    let payload = Payload::from_tables([trials.to_vec(), history.to_vec(), Vec::new(), Vec::new()]);
    if let Ok(batch) = Batch::from_ipc(&payload, &Limits::default())
        && batch.check_consistent().is_ok()
    {
        let again = batch.to_ipc().expect("what decodes encodes");
        let twice = Batch::from_ipc(&again, &Limits::default()).expect("own bytes decode");
        assert_eq!(twice.trial_numbers(), batch.trial_numbers());
    }
});
