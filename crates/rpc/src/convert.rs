//! Conversions between generated types and ours. Nothing from the wire is used before it went through one.

use std::ops::Range;

use sweep::IntervalSet;

use crate::{limits, v1};

/// A message that breaks a rule of the protocol.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum WireError {
    #[error("a range from {start} to {end} is empty or backwards")]
    Range { start: u64, end: u64 },
    #[error("{found} ranges in one message, more than {allowed}", allowed = limits::RANGES)]
    Ranges { found: usize },
    #[error("`{field}` is missing")]
    Missing { field: &'static str },
    #[error("`{field}` has {found} bytes, more than {allowed}")]
    TooLong {
        field: &'static str,
        found: usize,
        allowed: usize,
    },
    #[error("`{field}` holds a character that is not allowed")]
    Characters { field: &'static str },
    #[error("`{field}` is {found}, outside {allowed}")]
    Number {
        field: &'static str,
        found: u64,
        allowed: &'static str,
    },
}

/// Checks ranges and gathers them in a set.
///
/// # Errors
/// [`WireError`] where a range is empty, there are too many, or a number is larger than a trial's may be.
pub fn intervals(ranges: &[v1::Range]) -> Result<IntervalSet, WireError> {
    if ranges.len() > limits::RANGES {
        return Err(WireError::Ranges {
            found: ranges.len(),
        });
    }
    let mut set = IntervalSet::new();
    for range in ranges {
        if range.start >= range.end {
            return Err(WireError::Range {
                start: range.start,
                end: range.end,
            });
        }
        if range.end > sweep::MAX_NUMBERS {
            return Err(WireError::Number {
                field: "ranges.end",
                found: range.end,
                allowed: "1 to 2^63 - 1",
            });
        }
        set.insert(range.start..range.end);
    }
    Ok(set)
}

/// Ranges for the wire.
pub fn ranges(ranges: &[Range<u64>]) -> Vec<v1::Range> {
    ranges
        .iter()
        .map(|range| v1::Range {
            start: range.start,
            end: range.end,
        })
        .collect()
}

/// A set for the wire.
pub fn interval_ranges(set: &IntervalSet) -> Vec<v1::Range> {
    set.runs()
        .map(|range| v1::Range {
            start: range.start,
            end: range.end,
        })
        .collect()
}

/// Checks a name shown to people: not empty, bounded, printable.
///
/// # Errors
/// [`WireError`] names the field.
pub fn name<'a>(field: &'static str, text: &'a str) -> Result<&'a str, WireError> {
    shown(field, text, limits::NAME_BYTES)
}

/// Checks the name of a host, as [`name`].
///
/// # Errors
/// [`WireError`] names the field.
pub fn host_name(text: &str) -> Result<&str, WireError> {
    shown("host", text, limits::HOST_BYTES)
}

fn shown<'a>(field: &'static str, text: &'a str, allowed: usize) -> Result<&'a str, WireError> {
    if text.is_empty() {
        return Err(WireError::Missing { field });
    }
    if text.len() > allowed {
        return Err(WireError::TooLong {
            field,
            found: text.len(),
            allowed,
        });
    }
    if text.chars().any(char::is_control) {
        return Err(WireError::Characters { field });
    }
    Ok(text)
}

/// Words for people, cut to [`limits::REASON_BYTES`] and without control characters.
pub fn reason(text: &str) -> String {
    let end = text.floor_char_boundary(limits::REASON_BYTES);
    text[..end]
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Checks a sweep's name, which becomes a folder: letters, digits, `.`, `_`, `-`, not starting with a dot.
///
/// # Errors
/// [`WireError`] names the field.
pub fn sweep_name(text: &str) -> Result<&str, WireError> {
    let field = "name";
    name(field, text)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.starts_with('.') || !text.chars().all(allowed) {
        return Err(WireError::Characters { field });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweep_names_never_leave_the_folder() {
        for bad in ["", ".", "..", "a/b", "../a", "a\\b", "a\0b", ".hidden", "ä"] {
            assert!(sweep_name(bad).is_err(), "{bad:?} was taken");
        }
        assert_eq!(sweep_name("depth-rank_2.1"), Ok("depth-rank_2.1"));
        let of = |bytes| "a".repeat(bytes);
        assert!(sweep_name(&of(limits::NAME_BYTES)).is_ok());
        assert!(sweep_name(&of(limits::NAME_BYTES + 1)).is_err());
        assert!(host_name(&of(limits::HOST_BYTES)).is_ok());
        assert!(host_name(&of(limits::HOST_BYTES + 1)).is_err());
    }

    #[test]
    fn reasons_are_short_and_of_one_line() {
        assert_eq!(reason("no\nroom\u{1b}[31m"), "no room [31m");
        let long = "\u{e4}".repeat(limits::REASON_BYTES);
        assert_eq!(reason(&long).len(), limits::REASON_BYTES);
    }

    #[test]
    fn backward_ranges_are_refused() {
        let range = |start, end| v1::Range { start, end };
        assert!(intervals(&[range(3, 3)]).is_err());
        assert!(intervals(&[range(4, 3)]).is_err());
        let largest = i64::MAX.cast_unsigned();
        assert!(intervals(&[range(largest - 1, largest)]).is_ok());
        for end in [largest + 1, u64::MAX] {
            let refused = intervals(&[range(0, end)]).unwrap_err();
            assert!(matches!(refused, WireError::Number { found, .. } if found == end));
        }
        assert_eq!(intervals(&[range(0, 2), range(2, 5)]).unwrap().len(), 5);
    }
}
