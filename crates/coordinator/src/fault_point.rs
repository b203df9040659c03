//! Named points of the service where fault tests stop the process, besides those of `table::fault_point`.

/// A part is durable, or a report was not wanted; the worker has not heard of it.
pub const BEFORE_ACKNOWLEDGE: &str = "before-acknowledge";

/// The acknowledgement is in the connection's hands.
pub const AFTER_ACKNOWLEDGE: &str = "after-acknowledge";

/// A checkpoint is written and synced under its temporary name.
pub const MID_CHECKPOINT: &str = "mid-checkpoint";
