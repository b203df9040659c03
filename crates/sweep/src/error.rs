//! What is wrong with a sweep, where it is written, and what to do about it.
//!
//! This file owns the error type of the crate, the place that an error points at and the plain rendering with
//! a caret. The binary draws the same parts with colour; the mistakes inside `where` are in `filter`.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::excerpt::{Excerpt, MAX_MESSAGE_CHARS, SHOWN_CHARS, shortened};
use crate::filter::FilterMistake;

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

    fn before(&self) -> &str {
        let text = &self.source.text;
        // Spans come from parsers of this very text; the floor only guards a caller's arithmetic.
        &text[..text.floor_char_boundary(self.span.start.min(text.len()))]
    }
}

/// Everything that can be wrong with a sweep. Texts in back quotes are keys.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    #[error("the sweep file has {bytes} bytes, more than {limit}")]
    TextTooLong { bytes: usize, limit: usize },
    #[error("the sweep has {bytes} bytes when it is written out, more than {limit}")]
    SweepTooLong { bytes: usize, limit: usize },
    #[error(
        "the generations of the run folder have {bytes} bytes together when they are written out, more than {limit}"
    )]
    FolderTooLong { bytes: usize, limit: usize },
    #[error("not valid TOML: {message}")]
    Syntax { message: String },
    #[error("`{argument}` is not of the form KEY=VALUE")]
    NotAPair { argument: String },
    #[error("the sweep has no name")]
    NameMissing,
    #[error("the sweep name `{found}` is not usable as a folder name")]
    NameUnusable { found: String },
    #[error("unknown key `{key}`")]
    UnknownKey { key: String },
    #[error("`{key}` is {found}, but must be {allowed}")]
    WrongType {
        key: String,
        found: String,
        allowed: String,
    },
    #[error("`{key}` is {found}, but must be {allowed}")]
    OutOfBounds {
        key: String,
        found: String,
        allowed: String,
    },
    #[error("unknown value '{found}' of `{key}`")]
    UnknownName { key: String, found: String },
    #[error("`{key}` has no `{field}`")]
    FieldMissing { key: String, field: &'static str },
    #[error("`{key}` has both `{first}` and `{second}`")]
    FieldsExclude {
        key: String,
        first: String,
        second: String,
    },
    #[error("`{key}` is set twice: {first} and {second}")]
    SetTwice {
        key: String,
        first: &'static str,
        second: &'static str,
    },
    #[error("`{key}` cannot be swept")]
    NotSweepable { key: String },
    #[error("axis `{axis}` is empty")]
    EmptyAxis { axis: String },
    #[error("axis `{axis}` lists {count} values, more than {limit}")]
    TooManyValues {
        axis: String,
        count: usize,
        limit: usize,
    },
    #[error("axis `{axis}` has {count} points, more than {limit}")]
    TooManyPoints {
        axis: String,
        count: u128,
        limit: u64,
    },
    #[error("the step of axis `{axis}` is zero")]
    ZeroStep { axis: String },
    #[error("axis `{axis}` needs {needs}, found {found}")]
    BadEnds {
        axis: String,
        found: String,
        needs: &'static str,
    },
    #[error("axis `{axis}` repeats a value: its points are closer than 15 digits can tell")]
    PointsTooClose { axis: String },
    #[error("`{key}` has {found} values, but `{first}` beside it in [[zip]] has {expected}")]
    UnequalZip {
        key: String,
        found: u64,
        first: String,
        expected: u64,
    },
    #[error("{found} {what}, more than {limit}")]
    TooMany {
        what: &'static str,
        found: usize,
        limit: usize,
    },
    #[error("{0}")]
    Filter(FilterMistake),
    #[error("`{key}` moves together with {rest} in a [[zip]], and --set gives it alone")]
    HalfZip { key: String, rest: String },
    #[error("`{key}` is missing, and {reason} needs it")]
    KeyMissing { key: String, reason: String },

    // What needs more than one key, the shapes of files or the numbering of a grid.
    #[error("{what} {found} is larger than {limit_name} {limit}")]
    LargerThan {
        what: &'static str,
        found: u64,
        limit_name: &'static str,
        limit: u64,
    },
    #[error("`{key}` is {found}, but {needs}")]
    Contradiction {
        key: String,
        found: String,
        needs: String,
    },
    #[error("no trial is left: {filters} leave out all {points} points of the axes")]
    NothingKept { filters: String, points: u64 },
    #[error("the grid has more than 2^64 points")]
    GridTooLarge,
    #[error(
        "counting the trials takes more than {limit} steps: `{filter}` ties {points} points of {keys} together"
    )]
    TooMuchWork {
        filter: &'static str,
        /// The swept keys that it ties together.
        keys: String,
        points: u64,
        limit: u64,
    },
    #[error("planning was stopped before it was done")]
    Stopped,
    #[error("the array {array} is not loaded")]
    ArrayNotLoaded { array: String },
    #[error("no trial {index}: the grid has the indices 0 to {size} (not included)")]
    IndexOutside { index: u64, size: u64 },
    #[error(
        "trial {index} is not one of the sweep: a filter, or an equal point before it, leaves it out"
    )]
    IndexNotKept { index: u64 },
    #[error("the new sweep does not contain the old one: `{key}` was {old} and is {new}")]
    NotContained {
        key: String,
        old: String,
        new: String,
    },
}

/// A mistake with its place and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepError(Box<Parts>);

#[derive(Clone, Debug, PartialEq)]
struct Parts {
    mistake: Mistake,
    place: Option<Place>,
    label: Option<String>,
    help: Option<String>,
    /// Further errors of the same text.
    others: Vec<SweepError>,
}

/// Errors reported together; more are hardly read at once.
const MOST_TOGETHER: usize = 20;

impl SweepError {
    pub fn new(mistake: Mistake) -> SweepError {
        SweepError(Box::new(Parts {
            mistake,
            place: None,
            label: None,
            help: None,
            others: Vec::new(),
        }))
    }

    /// Points at `place`.
    #[must_use]
    pub fn at(mut self, place: Option<Place>) -> SweepError {
        self.0.place = place;
        self
    }

    /// Words beside the caret, such as "in axis `problem.rank`".
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> SweepError {
        self.0.label = Some(shortened(&label.into(), MAX_MESSAGE_CHARS));
        self
    }

    /// What to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> SweepError {
        self.0.help = Some(shortened(&help.into(), MAX_MESSAGE_CHARS));
        self
    }

    pub fn mistake(&self) -> &Mistake {
        &self.0.mistake
    }

    /// What was wrong, at most [`MAX_MESSAGE_CHARS`]: a mistake may quote a condition of megabytes.
    pub fn message(&self) -> String {
        shortened(&self.0.mistake.to_string(), MAX_MESSAGE_CHARS)
    }

    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The lines of the source to show.
    pub fn excerpt(&self) -> Option<Excerpt> {
        Some(self.0.place.as_ref()?.excerpt())
    }

    pub fn file_name(&self) -> Option<&str> {
        Some(&self.0.place.as_ref()?.source.name)
    }

    pub fn source_text(&self) -> Option<&str> {
        Some(&self.0.place.as_ref()?.source.text)
    }

    pub fn span(&self) -> Option<Range<usize>> {
        Some(self.0.place.as_ref()?.span.clone())
    }

    pub fn label_text(&self) -> Option<&str> {
        self.0.label.as_deref()
    }

    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// Errors of the same text that were found with this one.
    pub fn others(&self) -> &[SweepError] {
        &self.0.others
    }

    /// The whole report as plain text: message, place, the line with a caret, help. Ends with a newline.
    pub fn render(&self) -> String {
        let mut out = self.render_one();
        for other in &self.0.others {
            out.push_str(&other.render_one());
        }
        out
    }

    fn render_one(&self) -> String {
        let mut out = format!("error: {}\n", self.message());
        if let Some(place) = &self.0.place {
            render_place(place, self.0.label.as_deref(), &mut out);
        }
        if let Some(help) = &self.0.help {
            out.push_str("  help: ");
            out.push_str(help);
            out.push('\n');
        }
        out
    }
}

/// Errors of one text, collected to be reported together.
#[derive(Debug, Default)]
pub(crate) struct Errors(Vec<SweepError>);

impl Errors {
    pub(crate) fn push(&mut self, error: SweepError) {
        self.0.push(error);
    }

    /// The value, or nothing where there is an error to report later.
    pub(crate) fn take<T>(&mut self, result: Result<T, SweepError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.push(error);
                None
            }
        }
    }

    /// The errors as one, the first in the text first.
    ///
    /// # Errors
    /// Where there is at least one.
    pub(crate) fn finish(&mut self) -> Result<(), SweepError> {
        let mut errors = std::mem::take(&mut self.0);
        // Stable: errors without a place, and those of different texts, keep their order.
        let start = |error: &SweepError| error.span().map_or(0, |span| span.start);
        let is_one_text = errors
            .windows(2)
            .all(|pair| pair[0].file_name() == pair[1].file_name());
        if is_one_text {
            errors.sort_by_key(start);
        }
        errors.truncate(MOST_TOGETHER);
        let mut errors = errors.into_iter();
        let Some(mut first) = errors.next() else {
            return Ok(());
        };
        first.0.others = errors.collect();
        Err(first)
    }
}

impl fmt::Display for SweepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for SweepError {}

impl From<Mistake> for SweepError {
    fn from(mistake: Mistake) -> SweepError {
        SweepError::new(mistake)
    }
}

fn render_place(place: &Place, label: Option<&str>, out: &mut String) {
    let (line, column) = place.line_column();
    let text = &place.source.text;
    let line_start = place.before().rfind('\n').map_or(0, |newline| newline + 1);
    let shown: Vec<char> = text[line_start..]
        .lines()
        .next()
        .unwrap_or("")
        .chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .collect();
    let carets = place
        .source
        .text
        .get(place.span.clone())
        .and_then(|marked| marked.lines().next())
        .map_or(1, |marked| marked.chars().count().max(1));

    // A window of the line that holds the caret, with dots where something is cut off.
    let first = (column - 1).saturating_sub(SHOWN_CHARS / 2);
    let last = (first + SHOWN_CHARS).min(shown.len());
    let window: String = shown.get(first..last).unwrap_or(&[]).iter().collect();
    let dots_before = if first > 0 { "..." } else { "" };
    let dots_after = if last < shown.len() { "..." } else { "" };
    let carets = carets.min((last + 1).saturating_sub(column).max(1));

    let number = line.to_string();
    let margin = " ".repeat(number.len() + 2);
    let blanks = " ".repeat(column - 1 - first + dots_before.len());
    let label = label.map_or_else(String::new, |label| format!(" {label}"));
    out.push_str(&format!(
        "{margin},-[{}:{line}:{column}]\n",
        place.source.name
    ));
    out.push_str(&format!(" {number} | {dots_before}{window}{dots_after}\n"));
    out.push_str(&format!(
        "{margin}: {blanks}{}{label}\n",
        "^".repeat(carets)
    ));
}

/// "did you mean `x`?" for the candidate nearest to `written`, where one is near.
pub(crate) fn did_you_mean<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(written, candidates).map(|name| format!("did you mean `{name}`?"))
}

/// The candidate nearest to `written`: the fewest edits, at most a third of its length. A candidate that is
/// `section.written` counts as one edit away, so that `depth` finds `network.depth`.
pub(crate) fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Edit distance is quadratic; no key is longer than this.
    const LONGEST: usize = 64;
    if written.len() > LONGEST {
        return None;
    }
    let written = written.to_lowercase();
    let limit = (written.chars().count() / 3).max(1);
    let last_part = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    candidates
        .into_iter()
        .map(|candidate| {
            let whole = strsim::osa_distance(&written, candidate);
            let leaf = strsim::osa_distance(&last_part(&written), &last_part(candidate)) + 1;
            (whole.min(leaf), whole, candidate)
        })
        .filter(|(edits, _, _)| *edits <= limit)
        .min_by_key(|(edits, whole, _)| (*edits, *whole))
        .map(|(_, _, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, marked: &str) -> Place {
        let start = text.find(marked).expect("the text holds the mark");
        Place {
            source: Arc::new(SourceText {
                name: "sweeps/depth_rank.toml".to_owned(),
                text: text.to_owned(),
            }),
            span: start..start + marked.len(),
        }
    }

    #[test]
    fn renders_line_and_caret() {
        let text = "name = \"x\"\n[axes]\n\"problem.rank\" = [1, 8, 128]\n";
        let error = SweepError::new(Mistake::LargerThan {
            what: "rank",
            found: 128,
            limit_name: "dim",
            limit: 64,
        })
        .at(Some(place(text, "128")))
        .label("in axis `problem.rank`")
        .help("lower it, or raise `problem.dim`");
        assert_eq!(
            error.render(),
            "error: rank 128 is larger than dim 64\n   \
             ,-[sweeps/depth_rank.toml:3:25]\n \
             3 | \"problem.rank\" = [1, 8, 128]\n   \
             :                         ^^^ in axis `problem.rank`\n  \
             help: lower it, or raise `problem.dim`\n"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let text = format!("x = [{}7]", "1, ".repeat(1000));
        let rendered = SweepError::new(Mistake::GridTooLarge)
            .at(Some(place(&text, "7")))
            .render();
        let lines: Vec<&str> = rendered.lines().collect();
        assert!(lines[2].starts_with(" 1 | ..."), "{rendered}");
        assert!(lines[2].len() < 150, "{rendered}");
        assert_eq!(
            lines[2].chars().nth(lines[3].find('^').expect("a caret")),
            Some('7')
        );
    }

    #[test]
    fn a_place_at_the_end_is_shown() {
        let at_end = Place {
            source: Arc::new(SourceText {
                name: "s.toml".to_owned(),
                text: "a\n".to_owned(),
            }),
            span: 2..2,
        };
        assert_eq!(at_end.line_column(), (2, 1));
        assert!(
            SweepError::new(Mistake::NameMissing)
                .at(Some(at_end))
                .render()
                .contains("2 | \n")
        );
    }

    #[test]
    fn nearest_names() {
        let names = [
            "network.depth",
            "network.width",
            "init.scale",
            "problem.rank",
        ];
        let check = |written: &str, expected: Option<&str>| {
            assert_eq!(nearest(written, names), expected, "{written}");
        };
        check("network.dpeth", Some("network.depth"));
        check("depth", Some("network.depth"));
        check("network.scale", Some("init.scale"));
        check("Network.Width", Some("network.width"));
        check("colour", None);
        check(&"x".repeat(1000), None);
    }
}
