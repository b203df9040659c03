//! Named points of the durable order, where tests stop the process to show that nothing is lost.

/// Called with a name of [`fault_point`] each time that point is passed.
pub type Hook = fn(&str);

/// The points, in the order in which a commit passes them.
pub mod fault_point {
    /// Every part of the commit is written and synced beside its place.
    pub const BEFORE_RENAME: &str = "before-rename";
    /// Every part has its name; the journal does not know them yet.
    pub const BEFORE_JOURNAL: &str = "before-journal";
    /// The journal names the parts; nothing is acknowledged yet.
    pub const AFTER_JOURNAL: &str = "after-journal";
    /// Small parts are about to be joined.
    pub const BEFORE_JOIN: &str = "before-join";
    /// A rewritten or joined part is in place and in the journal; the parts that it replaces are still there.
    pub const BEFORE_REMOVAL: &str = "before-removal";

    /// Every point.
    pub const ALL: [&str; 5] = [
        BEFORE_RENAME,
        BEFORE_JOURNAL,
        AFTER_JOURNAL,
        BEFORE_JOIN,
        BEFORE_REMOVAL,
    ];
}
