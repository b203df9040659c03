//! Talk on standard error. A line that cannot be written (a full disk, a reader or a terminal that went away) is
//! dropped: the work goes on and ends in order, which `eprintln!` would end with a panic.

use std::fmt;
use std::io::Write as _;

/// Writes talk; what cannot be written is dropped.
pub(crate) fn write(text: fmt::Arguments<'_>) {
    // In one call, so that lines of several threads never mix.
    let text = text.to_string();
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// `eprintln!` without its panic.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::talk::write(format_args!("{}\n", format_args!($($words)*)))
    };
}
