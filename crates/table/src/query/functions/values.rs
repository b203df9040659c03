//! Arguments as numbers and texts, and values kept from row to row.

use std::borrow::Cow;
use std::cmp::Ordering;

use rusqlite::Result;
use rusqlite::functions::Context;
use rusqlite::types::{Value, ValueRef};

use super::error::FunctionError;

/// A value, or the end of the function: null if the argument is null.
macro_rules! given {
    ($argument:expr) => {
        match $argument? {
            Some(value) => value,
            None => return Ok(rusqlite::types::Value::Null),
        }
    };
}
pub(super) use given;

/// The most bytes of an argument that an error repeats: a line of a terminal.
const SHOWN: usize = 60;

/// One call of a function: its name, for errors, and its arguments.
pub(super) struct Call<'a> {
    pub(super) name: &'static str,
    pub(super) context: &'a Context<'a>,
}

impl<'a> Call<'a> {
    pub(super) fn new(name: &'static str, context: &'a Context<'_>) -> Self {
        Self { name, context }
    }

    pub(super) fn len(&self) -> usize {
        self.context.len()
    }

    pub(super) fn raw(&self, index: usize) -> ValueRef<'_> {
        self.context.get_raw(index)
    }

    /// The argument as SQLite would print it, cut where it is long.
    pub(super) fn shown(&self, index: usize) -> String {
        match self.raw(index) {
            ValueRef::Null => "null".to_owned(),
            ValueRef::Integer(value) => value.to_string(),
            ValueRef::Real(value) => format!("{value:?}"),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                let cut = &bytes[..bytes.len().min(SHOWN)];
                format!("{:?}", String::from_utf8_lossy(cut))
            }
        }
    }

    pub(super) fn real(&self, index: usize) -> Result<Option<f64>> {
        match self.raw(index) {
            ValueRef::Null => Ok(None),
            #[expect(
                clippy::cast_precision_loss,
                reason = "a number of a function of reals is a double"
            )]
            ValueRef::Integer(value) => Ok(Some(value as f64)),
            ValueRef::Real(value) => Ok(Some(value)),
            ValueRef::Text(bytes) => {
                let number = std::str::from_utf8(bytes).ok().and_then(parse_real);
                number.map(Some).ok_or_else(|| self.not_number(index))
            }
            ValueRef::Blob(_) => Err(self.not_number(index)),
        }
    }

    pub(super) fn not_number(&self, index: usize) -> rusqlite::Error {
        FunctionError::NotNumber {
            function: self.name,
            value: self.shown(index),
        }
        .into()
    }

    /// A whole number; a real counts if nothing stands behind its point.
    pub(super) fn integer(&self, index: usize) -> Result<Option<i64>> {
        let whole = match self.raw(index) {
            ValueRef::Null => return Ok(None),
            ValueRef::Integer(value) => Some(value),
            ValueRef::Real(value) => whole(value),
            ValueRef::Text(bytes) => std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.trim().parse().ok()),
            ValueRef::Blob(_) => None,
        };
        let error = || {
            FunctionError::NotWhole {
                function: self.name,
                value: self.shown(index),
            }
            .into()
        };
        whole.map(Some).ok_or_else(error)
    }

    /// A text; numbers are written as SQLite writes them.
    pub(super) fn text(&self, index: usize) -> Result<Option<Cow<'_, str>>> {
        match self.raw(index) {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(value) => Ok(Some(Cow::Owned(value.to_string()))),
            ValueRef::Real(value) => Ok(Some(Cow::Owned(format!("{value:?}")))),
            ValueRef::Text(bytes) => Ok(Some(String::from_utf8_lossy(bytes))),
            ValueRef::Blob(_) => Err(FunctionError::NotText {
                function: self.name,
                value: "a blob".to_owned(),
            }
            .into()),
        }
    }

    /// Whether a condition holds, as SQLite's WHERE would see it.
    pub(super) fn truth(&self, index: usize) -> Result<Option<bool>> {
        if let ValueRef::Text(bytes) = self.raw(index)
            && let Some(truth) = std::str::from_utf8(bytes).ok().and_then(parse_boolean)
        {
            return Ok(Some(truth));
        }
        Ok(self.real(index)?.map(|value| value != 0.0))
    }
}

/// The whole number that a real is, if it is one in 64 bits.
pub(super) fn whole(value: f64) -> Option<i64> {
    /// 2^63, the first double that is too large.
    const END: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "the bounds were compared")]
    (value.fract() == 0.0 && (-END..END).contains(&value)).then_some(value as i64)
}

/// A number as DuckDB reads it from a text: blanks around it and `_` between digits are allowed.
pub(super) fn parse_real(text: &str) -> Option<f64> {
    let text = text.trim();
    let between = |index: usize| {
        let digit = |index: usize| text.as_bytes().get(index).is_some_and(u8::is_ascii_digit);
        index > 0 && digit(index - 1) && digit(index + 1)
    };
    if text
        .bytes()
        .enumerate()
        .any(|(index, byte)| byte == b'_' && !between(index))
    {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// A truth value as DuckDB reads it from a text.
pub(super) fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" | "y" => Some(true),
        "false" | "f" | "0" | "no" | "n" => Some(false),
        _ => None,
    }
}

/// A value kept from a row, 16 bytes.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    Null,
    Integer(i64),
    Real(f64),
    Text(Box<Letters>),
}

/// A text behind one thin pointer.
#[derive(Clone, Debug)]
pub(super) struct Letters {
    text: Box<str>,
}

impl Kept {
    pub(super) fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(value) => Self::Integer(value),
            ValueRef::Real(value) => Self::Real(value),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Self::Text(Box::new(Letters {
                text: String::from_utf8_lossy(bytes).into(),
            })),
        }
    }

    pub(super) fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Integer(value) => Value::Integer(*value),
            Self::Real(value) => Value::Real(*value),
            Self::Text(letters) => Value::Text(letters.text.to_string()),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(letters) => Some(&letters.text),
            Self::Null | Self::Integer(_) | Self::Real(_) => None,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "used where one of two numbers is a double"
    )]
    pub(super) fn real(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Real(value) => Some(*value),
            Self::Null | Self::Text(_) => None,
        }
    }

    /// SQLite's order: null, numbers, texts.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => left.cmp(right),
            (Self::Text(left), Self::Text(right)) => left.text.cmp(&right.text),
            _ => match (self.real(), other.real()) {
                (Some(left), Some(right)) => left.total_cmp(&right),
                _ => self.class().cmp(&other.class()),
            },
        }
    }

    fn class(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Integer(_) | Self::Real(_) => 1,
            Self::Text(_) => 2,
        }
    }
}
