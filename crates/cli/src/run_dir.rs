//! Where run folders are by default.

use std::path::PathBuf;

/// Where `run` puts a sweep if nothing else is asked for.
pub(crate) fn default_dir(name: &str) -> PathBuf {
    PathBuf::from("runs").join(name)
}
