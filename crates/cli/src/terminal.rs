//! What the terminals behind standard output and standard error can show. Colour only where there is one and `NO_COLOR`
//! does not forbid it.

use std::io::IsTerminal as _;

/// Whether talk may be coloured. Meaning never rests on it.
pub(crate) fn colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && is_terminal()
}

/// Whether talk may be redrawn in place: on a terminal that can move its cursor.
pub(crate) fn is_terminal() -> bool {
    let can_move = |term: std::ffi::OsString| !term.is_empty() && term != "dumb";
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(can_move)
}

/// Columns of the terminal that standard output is; none where it is none.
pub(crate) fn output_width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let (width, _) = terminal_size::terminal_size()?;
    Some(usize::from(width.0))
}
