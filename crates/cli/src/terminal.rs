//! What the terminals behind standard output and standard error can show. Colour only where there is one and `NO_COLOR`
//! does not forbid it.

use std::io::IsTerminal as _;

/// Whether talk may be coloured. Meaning never rests on it.
pub(crate) fn colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && is_terminal()
}

/// Whether talk may be redrawn in place: on a terminal that can move its cursor.
pub(crate) fn is_terminal() -> bool {
    std::io::stderr().is_terminal() && can_move()
}

/// Whether a full screen can be shown on standard output and keys be read from standard input.
pub(crate) fn is_screen() -> bool {
    std::io::stdout().is_terminal() && std::io::stdin().is_terminal() && can_move()
}

/// Whether the terminal can move its cursor.
fn can_move() -> bool {
    let can = |term: std::ffi::OsString| !term.is_empty() && term != "dumb";
    std::env::var_os("TERM").is_some_and(can)
}

/// Columns of the terminal that standard output is; none where it is none.
pub(crate) fn output_width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let (width, _) = terminal_size::terminal_size()?;
    Some(usize::from(width.0))
}

/// Columns of the terminal that standard error is; none where it is none.
pub(crate) fn talk_width() -> Option<usize> {
    let err = std::io::stderr();
    if !err.is_terminal() {
        return None;
    }
    let (width, _) = terminal_size::terminal_size_of(err)?;
    Some(usize::from(width.0))
}
