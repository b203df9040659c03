//! The part of a source text that an error shows: a few lines around its place, long lines cut.
//!
//! A sweep file may have a line of megabytes, and a place may span thousands of lines. Whatever draws an error, or
//! sends it, works on this part.

use std::ops::Range;

use super::place::Place;

/// Characters of a source line shown around a place; a list of 100,000 values is one line.
pub(crate) const SHOWN_CHARS: usize = 120;

/// Lines of a place that spans many.
const SHOWN_LINES: usize = 6;

/// Longest message, help or label of an error, in characters. With every character outside of ASCII escaped it still
/// fits the 16 KiB that HTTP/2 gives the head of an answer.
pub const MAX_MESSAGE_CHARS: usize = 1000;

/// Stands for what was cut off.
const DOTS: &str = "...";

/// A few lines of a source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The lines, long ones cut.
    pub text: String,
    /// The place within `text`.
    pub span: Range<usize>,
    /// Lines of the source before `text`.
    pub lines_before: usize,
    /// One-based line and column of the place in the source.
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// The lines of the place with a line before and after.
    pub fn excerpt(&self) -> Excerpt {
        let text = self.source.text.as_str();
        let (line, column) = self.line_column();
        let start = text.floor_char_boundary(self.span.start.min(text.len()));
        let end = text.ceil_char_boundary(self.span.end.clamp(start, text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);

        let mut excerpt = Excerpt {
            text: String::new(),
            span: 0..0,
            lines_before: line - 1,
            line,
            column,
        };
        if let Some(before) = text[..line_start].strip_suffix('\n') {
            let from = before.rfind('\n').map_or(0, |newline| newline + 1);
            excerpt.push_line(&before[from..], 0);
            excerpt.lines_before -= 1;
        }
        let mut at = line_start;
        // The marked lines, and the one after them.
        for number in 0..=SHOWN_LINES {
            let line = text[at..].split('\n').next().unwrap_or("");
            let line_end = at + line.len();
            let base = excerpt.text.len();
            let around = if number == 0 { start - at } else { 0 };
            let shown = excerpt.push_line(line, around);
            // Where a byte of the line went.
            let moved = |byte: usize| {
                base + shown.prefix + byte.clamp(shown.range.start, shown.range.end)
                    - shown.range.start
            };
            if number == 0 {
                excerpt.span = moved(start - at)..moved(start - at);
            }
            if at <= end {
                excerpt.span.end = moved(end.min(line_end) - at).max(excerpt.span.start);
            }
            let is_after = at > end;
            if is_after || line_end >= text.len() {
                break;
            }
            at = line_end + 1;
        }
        excerpt
    }
}

/// Which bytes of a line are shown, after how many bytes of dots.
struct Shown {
    range: Range<usize>,
    prefix: usize,
}

impl Excerpt {
    /// Appends a line, cut to what is around the byte `around`.
    fn push_line(&mut self, line: &str, around: usize) -> Shown {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let range = window(line, around);
        let prefix = if range.start > 0 { DOTS.len() } else { 0 };
        self.text.push_str(&DOTS[..prefix]);
        self.text.push_str(&line[range.clone()]);
        if range.end < line.len() {
            self.text.push_str(DOTS);
        }
        self.text.push('\n');
        Shown { range, prefix }
    }
}

/// Bytes of at most [`SHOWN_CHARS`] characters of `line` with the byte `around` among them.
fn window(line: &str, around: usize) -> Range<usize> {
    let around = line.floor_char_boundary(around.min(line.len()));
    if line.chars().take(SHOWN_CHARS + 1).count() <= SHOWN_CHARS {
        return 0..line.len();
    }
    let before = line[..around].char_indices().rev().take(SHOWN_CHARS / 2);
    let start = before.last().map_or(around, |(at, _)| at);
    let end = line[start..].char_indices().nth(SHOWN_CHARS);
    start..end.map_or(line.len(), |(at, _)| start + at)
}

/// `text`, its middle cut out where it has more than `limit` characters.
pub fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit || text.chars().take(limit + 1).count() <= limit {
        return text.to_owned();
    }
    // The end of a message often says what would be right.
    let tail = limit / 4;
    let head = limit.saturating_sub(tail + DOTS.len());
    let head = text
        .char_indices()
        .nth(head)
        .map_or(text.len(), |(at, _)| at);
    let back = text.char_indices().rev().take(tail).last();
    let tail = back.map_or(text.len(), |(at, _)| at);
    format!("{}{DOTS}{}", &text[..head], &text[tail..])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::error::{Mistake, SourceText, SweepError};

    fn place(text: &str, span: Range<usize>) -> Place {
        Place {
            source: Arc::new(SourceText {
                name: "s.toml".to_owned(),
                text: text.to_owned(),
            }),
            span,
        }
    }

    #[test]
    fn short_lines_are_whole() {
        let text = "one\ntwo\nthree\nfour\n";
        let excerpt = place(text, 8..13).excerpt();
        assert_eq!(excerpt.text, "two\nthree\nfour\n");
        assert_eq!(&excerpt.text[excerpt.span.clone()], "three");
        assert_eq!(
            (excerpt.lines_before, excerpt.line, excerpt.column),
            (1, 3, 1)
        );
        let first = place(text, 1..2).excerpt();
        assert_eq!((first.text.as_str(), first.span), ("one\ntwo\n", 1..2));
        let end = place(text, text.len()..text.len()).excerpt();
        assert_eq!((end.text.as_str(), end.span), ("four\n\n", 5..5));
        assert_eq!(place("", 0..0).excerpt().text, "\n");
    }

    #[test]
    fn long_lines_and_long_places_are_cut() {
        let text = format!(
            "{}\nx = [{}\"é\"]\n{}",
            "a".repeat(500),
            "1, ".repeat(40_000),
            "b".repeat(500)
        );
        let start = text.find("\"é\"").expect("the mark");
        let excerpt = place(&text, start..start + 4).excerpt();
        assert_eq!(&excerpt.text[excerpt.span.clone()], "\"é\"");
        assert_eq!((excerpt.line, excerpt.column), (2, 120_006));
        assert!(
            excerpt.text.len() < 3 * SHOWN_CHARS + 30,
            "{}",
            excerpt.text
        );
        assert_eq!(excerpt.text.lines().count(), 3);

        let lines = "1,\n".repeat(60_000);
        let excerpt = place(&lines, 3..lines.len()).excerpt();
        assert!(excerpt.text.lines().count() <= SHOWN_LINES + 2);
        assert!(excerpt.span.end <= excerpt.text.len());
    }

    #[test]
    fn messages_are_bounded() {
        assert_eq!(shortened("short", 5), "short");
        assert_eq!(shortened(&"é".repeat(9), 8).chars().count(), 8);
        let error = SweepError::new(Mistake::UnknownKey {
            key: "x".repeat(4_000_000),
        })
        .help("y".repeat(4_000_000))
        .label("z".repeat(4_000_000));
        let message = error.message();
        assert!(message.starts_with("unknown key `xxx") && message.ends_with("xxx`"));
        assert_eq!(message.chars().count(), MAX_MESSAGE_CHARS);
        assert_eq!(error.to_string(), message);
        assert!(error.render().len() < 4 * MAX_MESSAGE_CHARS);
    }
}
