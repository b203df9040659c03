//! Workers that a coordinator starts by itself: how many its queue needs, and what to do about it on a batch system.

mod autoscaler;
mod backoff;
mod decide;

pub use autoscaler::{Autoscaler, Event, GLANCE_EVERY, IDLE_TIMEOUT};
pub use decide::Demand;
