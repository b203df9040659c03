//! Files of named arrays: `.npz` and `.safetensors`, such as checkpoints of networks. Arrays are read row by row, so
//! that one that does not fit in memory can be looked at; nothing is allocated on the word of a header alone.

mod element;
mod entry;
mod file;
mod reader;
mod write;

pub use element::Element;
pub use entry::ArrayEntry;
pub use file::ArrayFile;
pub use reader::RowReader;
pub use write::{NamedArray, write_arrays};
