//! Data files that a sweep names: NumPy, CSV, Parquet, to arrays as training wants them.
//!
//! Files come from people and, on a cluster, over the wire: nothing is allocated on the word of a header alone,
//! decompression is bounded, and every refusal says where in the file it is.

mod arrays;
mod bounds;
mod content;
mod delimited;
mod describe;
mod error;
mod footer;
mod labels;
mod lines;
mod load;
mod matrix;
mod missing;
mod notes;
mod npy;
mod open;
mod parquet;

pub use arrays::{ArrayEntry, ArrayFile, Element, NamedArray, RowReader, write_arrays};
pub use content::Content;
pub use describe::{
    ColumnRole, ColumnValues, DataDescription, Describe, DescribedColumn, DescriptionNote, LeftOut,
    Numbers, describe,
};
pub use error::{At, Cause, DataError, DataProblem};
pub use load::{
    LoadedFiles, class_names, file_hash, load_arrays, load_files, read_array, read_array_file,
};
pub use notes::{DataNote, DataWarning};
