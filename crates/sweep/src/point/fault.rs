//! What is wrong with one point: a mistake, and the keys that it is about.

use crate::error::{Mistake, Place, SweepError};
use crate::keys::Id;

/// A mistake of a point, not yet tied to a place in a file.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// The keys to point at, the first that is written somewhere being taken.
    pub(crate) about: &'static [Id],
    mistake: Mistake,
    help: Option<String>,
}

impl Fault {
    pub(crate) fn new(about: &'static [Id], mistake: Mistake) -> Fault {
        Fault {
            about,
            mistake,
            help: None,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        self
    }

    /// The error without a place: for a point that is looked at by itself.
    pub(crate) fn without_place(self) -> SweepError {
        self.placed(None, None)
    }

    /// The error, pointing at `place`, with words beside the caret.
    pub(crate) fn placed(self, place: Option<Place>, label: Option<String>) -> SweepError {
        let mut error = SweepError::new(self.mistake).at(place);
        if let Some(label) = label {
            error = error.label(label);
        }
        match self.help {
            Some(help) => error.help(help),
            None => error,
        }
    }
}
