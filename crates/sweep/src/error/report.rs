//! A mistake with its place in a text and what to do about it, and several reported together.
//!
//! The binary draws the parts with colour.

use std::fmt;
use std::ops::Range;

use super::excerpt::{Excerpt, MAX_MESSAGE_CHARS, shortened};
use super::mistake::Mistake;
use super::place::Place;

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
