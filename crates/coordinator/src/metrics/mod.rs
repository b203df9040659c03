//! Numbers about the coordinator for a monitoring system: counted by the event loop, shown in Prometheus' text
//! format. Serving them is the caller's.

mod counters;
mod histogram;
mod page;

pub(crate) use counters::Counters;
pub(crate) use page::{Kind, Page};
