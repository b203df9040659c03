//! Named points of a worker's life where fault tests stop the process.

/// A report is in the connection's hands.
pub const REPORT_SENT: &str = "report-sent";

/// The coordinator has said that reports are durable; nothing has been forgotten yet.
pub const ACKNOWLEDGED: &str = "acknowledged";

/// The state of a long trial is taken and has not been sent.
pub const CHECKPOINT_TAKEN: &str = "checkpoint-taken";
