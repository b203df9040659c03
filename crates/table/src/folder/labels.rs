//! Under which names a folder keeps what it says of itself: in the metadata of its parts, and in its journal.

/// Keys of a part's metadata.
pub(super) mod label {
    pub(in crate::folder) const SCHEMA_VERSION: &str = "parsimony.schema_version";
    pub(in crate::folder) const SCHEMA: &str = "parsimony.schema";
    pub(in crate::folder) const SWEEP: &str = "parsimony.sweep";
    pub(in crate::folder) const SWEEP_HASH: &str = "parsimony.sweep_hash";
    pub(in crate::folder) const VERSION: &str = "parsimony.version";
    pub(in crate::folder) const REVISION: &str = "parsimony.revision";
    /// Parts that this one stands for: numbers, comma between.
    pub(in crate::folder) const REPLACES: &str = "parsimony.replaces";
    /// In a part of `trials`: the other tables' parts of the same commit, `table=number`, comma between.
    pub(in crate::folder) const SIBLINGS: &str = "parsimony.siblings";
    /// In a generation's part.
    pub(in crate::folder) const BASE: &str = "parsimony.generation.base";
    pub(in crate::folder) const SIZE: &str = "parsimony.generation.size";
    pub(in crate::folder) const TOML: &str = "parsimony.generation.toml";
    pub(in crate::folder) const SWEEP_TOML: &str = "parsimony.generation.sweep_toml";
    pub(in crate::folder) const FILES: &str = "parsimony.generation.files";
}

/// Settings of the journal that are the folder's own; others are the caller's.
pub(crate) mod setting {
    pub(crate) const NAME: &str = "meta.name";
    pub(crate) const VERSION: &str = "meta.version";
    pub(crate) const REVISION: &str = "meta.revision";
    pub(crate) const COLUMNS: &str = "meta.columns";
    pub(crate) const SCHEMA_VERSION: &str = "meta.schema_version";
    /// Before the table and number of a part that was found damaged while the folder was in use.
    pub(crate) const SUSPECT: &str = "suspect.";
    /// Before the keys of [`crate::RunFolder::set_state`].
    pub(crate) const STATE: &str = "state.";
}
