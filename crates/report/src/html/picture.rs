//! A picture as a page takes it.

/// A picture for the page: an SVG that this program drew.
#[derive(Clone, Debug)]
pub struct Picture {
    pub title: String,
    /// What its reader should know.
    pub notes: Vec<String>,
    pub svg: String,
}
