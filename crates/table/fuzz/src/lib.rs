//! What comes from disks and the wire: data files, columns, SQL, journals. Each target is a function, so that tests call it without a fuzzer.

pub mod journal;
pub mod payload;
pub mod readers;
pub mod statement;
