//! Data files that a sweep names: NumPy, CSV, Parquet, to arrays as training wants them.
//!
//! Files come from people and, on a cluster, over the wire: nothing is allocated on the word of a header alone,
//! decompression is bounded, and every refusal says where in the file it is.

mod delimited;
mod error;
mod footer;
mod labels;
mod load;
mod npy;
mod parquet;

pub use error::{DataError, DataProblem};
pub use load::{file_hash, load_arrays, read_array};
