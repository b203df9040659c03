//! What can be wrong with a condition. Positions are bytes of the condition; `spec` moves them into the file.

use std::ops::Range;

/// A mistake in a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct FilterMistake {
    pub kind: FilterMistakeKind,
    pub span: Range<usize>,
    pub help: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterMistakeKind {
    #[error("the condition is empty")]
    Empty,
    #[error("the condition has more than {limit} words and signs")]
    TooLong { limit: usize },
    #[error("the condition is nested more than {limit} deep")]
    TooDeep { limit: usize },
    #[error("unexpected character '{character}' in the condition")]
    UnexpectedCharacter { character: char },
    #[error("the quote is not closed")]
    OpenQuote,
    #[error("'{text}' is not a number that fits")]
    BadNumber { text: String },
    #[error("expected {expected}, found {found}")]
    Unexpected {
        expected: &'static str,
        found: String,
    },
    #[error("unknown key `{name}` in the condition")]
    UnknownKey { name: String },
    #[error("`{key}` is a table or a list and cannot be compared")]
    NotComparable { key: &'static str },
    #[error("{left} is compared with {right}")]
    TypesDiffer { left: String, right: String },
    #[error("'{operator}' takes numbers, found {found}")]
    NotANumber {
        operator: &'static str,
        found: String,
    },
    #[error("{found} is not a condition")]
    NotACondition { found: String },
    #[error("unknown value '{found}' of `{key}`")]
    UnknownName { key: &'static str, found: String },
    #[error("the list after `in` is empty")]
    EmptyList,
    #[error("division by zero")]
    DivisionByZero,
    #[error("comparisons do not chain")]
    Chained,
}

impl FilterMistake {
    pub(crate) fn new(kind: FilterMistakeKind, span: Range<usize>) -> FilterMistake {
        FilterMistake {
            kind,
            span,
            help: None,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> FilterMistake {
        self.help = Some(help.into());
        self
    }
}
