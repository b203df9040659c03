//! The report of a run: one HTML file that needs nothing from outside. Texts from sweeps and tables are escaped by
//! `writer`; what the sentences say is made in `sentences`.

mod listing;
mod page;
mod picture;
mod pictures;
mod provenance;
mod report;
mod rows;
mod writer;

pub use picture::Picture;
pub use pictures::pictures;
pub(crate) use pictures::with_own_ids;
pub use report::report;
pub(crate) use writer::Html;
