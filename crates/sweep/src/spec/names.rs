//! Names that are files and folders: of sweeps and of their plots.

/// A sweep's name is the name of its folder, on every machine that takes part.
const MAX_NAME_BYTES: usize = 128;

/// Whether a sweep may be called so: the name is safe as a folder of any file system.
pub fn is_usable_name(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.ends_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
