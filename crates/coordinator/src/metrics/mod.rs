//! Numbers about the coordinator for a monitoring system: counted by the event loop, shown in Prometheus' text
//! format. Serving them is the caller's.

mod counters;
mod page;
mod process;

pub(crate) use counters::Counters;
pub(crate) use page::Page;
pub(crate) use process::Process;
/// Of Prometheus' text format, in which the page is written.
pub use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
