//! How many trials run at once by their memory: a trial begins when the predicted memory of all that run leaves room for
//! it. Who asks, and when, is the executor's business; trials begin in the order of their leases.

/// A trial that takes less than this share of what is there for a thread is not counted: the smallest trials take
/// microseconds, and one a thread takes a 64th of the whole.
const SMALL: u64 = 64;

/// Prepared problems are kept for the next trials as long as this share of the memory holds them.
const CACHE_SHARE: f64 = 8.0;

/// The memory of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// `u64::MAX` where it is not known.
    total: u64,
    /// Trials up to this size are let in without being counted.
    small: u64,
}

/// Whether a trial may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Without a count.
    Small,
    /// It takes this many bytes of what is free.
    Counted(u64),
    /// Once more is free.
    Later,
    /// It needs more than there is.
    TooLarge,
}

impl Admission {
    pub(crate) fn new(total: Option<u64>, threads: usize) -> Self {
        let total = total.unwrap_or(u64::MAX);
        Admission {
            total,
            small: total / (SMALL * threads.max(1) as u64),
        }
    }

    /// All that there is.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Whether a trial of this size fits if nothing else runs.
    pub(crate) fn holds(&self, bytes: f64) -> bool {
        // The cast saturates; what is no number counts as nothing.
        self.total == u64::MAX || bytes as u64 <= self.total
    }

    /// Whether a trial of this size may begin while `free` are free.
    pub(crate) fn enter(&self, bytes: f64, free: u64) -> Entry {
        let whole = bytes as u64;
        if self.total == u64::MAX || whole <= self.small {
            Entry::Small
        } else if !self.holds(bytes) {
            Entry::TooLarge
        } else if whole <= free {
            Entry::Counted(whole)
        } else {
            Entry::Later
        }
    }

    /// How many prepared problems of trials of this size may be kept: that of the trials that run, which counts with
    /// them, and as many more as fit a share of the whole.
    pub(crate) fn kept_problems(&self, bytes: f64) -> usize {
        // The cast saturates.
        ((self.total as f64 / CACHE_SHARE / bytes.max(1.0)) as usize).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(admission: Admission, bytes: f64, free: u64, expected: Entry) {
        assert_eq!(admission.enter(bytes, free), expected, "{bytes} of {free}");
    }

    #[test]
    fn a_trial_begins_where_there_is_room() {
        let admission = Admission::new(Some(6400), 2);
        check(admission, 50.0, 0, Entry::Small);
        check(admission, 51.0, 51, Entry::Counted(51));
        check(admission, 51.0, 50, Entry::Later);
        check(admission, 6400.0, 6400, Entry::Counted(6400));
        check(admission, 6401.0, 6400, Entry::TooLarge);
        check(admission, f64::INFINITY, 6400, Entry::TooLarge);
        check(admission, f64::NAN, 0, Entry::Small);
        assert!(admission.holds(6400.0) && !admission.holds(6401.0));
        assert_eq!(admission.kept_problems(400.0), 2);
        assert_eq!(admission.kept_problems(6400.0), 1);
    }

    #[test]
    fn where_nothing_is_known_everything_begins() {
        let admission = Admission::new(None, 2);
        check(admission, 1e30, 0, Entry::Small);
        assert!(admission.holds(1e30));
    }
}
