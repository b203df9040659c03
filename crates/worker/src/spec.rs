//! A sweep as the coordinator sends it.

/// A sweep's generations as text.
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) generations: Vec<SpecGeneration>,
}

/// One generation of a [`Spec`].
#[derive(Clone)]
pub(crate) struct SpecGeneration {
    pub(crate) base: u64,
    pub(crate) toml: String,
    /// Name in the sweep file, and content hash.
    pub(crate) files: Vec<(String, String)>,
}
