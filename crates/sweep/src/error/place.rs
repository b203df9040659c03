//! A text that a person wrote, and a place within it.

use std::ops::Range;
use std::sync::Arc;

/// A text that a person wrote: the sweep file, or one `--set` argument.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceText {
    /// File name as given, or `--set`.
    pub name: String,
    pub text: String,
}

/// Bytes of a source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub source: Arc<SourceText>,
    pub span: Range<usize>,
}

impl Place {
    /// One-based line and column (in characters) of the first byte.
    pub fn line_column(&self) -> (usize, usize) {
        let before = self.before();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    /// A part of this place, `range` being relative to its first byte.
    pub fn part(&self, range: Range<usize>) -> Place {
        let start = (self.span.start + range.start).min(self.span.end);
        let end = (self.span.start + range.end).clamp(start, self.span.end);
        Place {
            source: Arc::clone(&self.source),
            span: start..end,
        }
    }

    pub(super) fn before(&self) -> &str {
        let text = &self.source.text;
        // Spans come from parsers of this very text; the floor only guards a caller's arithmetic.
        &text[..text.floor_char_boundary(self.span.start.min(text.len()))]
    }
}
