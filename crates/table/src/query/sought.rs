//! The values of a key that a join looks for, compared as SQLite compares them. Which rows they may stand in is found by
//! `lookup`.

use rusqlite::types::ValueRef;

use super::lookup::{hash_number, hash_text};
use super::values::{Type, Value};

/// A value of a key that is looked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Sought {
    #[default]
    Nothing,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
}

impl Sought {
    /// Takes a value that a column of this kind can equal, and returns its hash; None for a value of another kind.
    pub(super) fn set(&mut self, kind: Type, value: ValueRef<'_>) -> Option<u64> {
        match (kind, value) {
            (Type::Integer | Type::Real | Type::Boolean, ValueRef::Integer(n)) => {
                *self = Sought::Integer(n);
                Some(hash_number(n as f64))
            }
            (Type::Integer | Type::Real | Type::Boolean, ValueRef::Real(x)) => {
                *self = Sought::Real(x);
                Some(hash_number(x))
            }
            (Type::Text, ValueRef::Text(text)) => {
                // The buffer is kept: a join asks for a text a row.
                if let Sought::Text(known) = self {
                    known.clear();
                    known.extend_from_slice(text);
                } else {
                    *self = Sought::Text(text.to_vec());
                }
                Some(hash_text(text))
            }
            (
                Type::Integer | Type::Real | Type::Boolean | Type::Text | Type::Timestamp,
                ValueRef::Null
                | ValueRef::Integer(_)
                | ValueRef::Real(_)
                | ValueRef::Text(_)
                | ValueRef::Blob(_),
            ) => None,
        }
    }

    /// Whether a column's value equals it, as SQLite compares: exactly, 1 and 1.0 are equal, true is 1.
    pub(super) fn is(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Sought::Integer(sought), Value::Integer(n)) => *sought == n,
            (Sought::Integer(sought), Value::Boolean(truth)) => *sought == i64::from(truth),
            (Sought::Integer(sought), Value::Real(x)) => is_whole(x, *sought),
            (Sought::Real(sought), Value::Integer(n)) => is_whole(*sought, n),
            (Sought::Real(sought), Value::Real(x)) => *sought == x,
            (Sought::Real(sought), Value::Boolean(truth)) => *sought == f64::from(u8::from(truth)),
            (Sought::Text(sought), Value::Text(text)) => sought == text.as_bytes(),
            (
                Sought::Nothing | Sought::Integer(_) | Sought::Real(_) | Sought::Text(_),
                Value::Null
                | Value::Integer(_)
                | Value::Real(_)
                | Value::Boolean(_)
                | Value::Text(_)
                | Value::Time(_),
            ) => false,
        }
    }
}

/// Whether a floating-point number is this whole number. 2^63 is the first one that no i64 equals.
fn is_whole(x: f64, n: i64) -> bool {
    x.abs() < 9_223_372_036_854_775_808.0 && x.fract() == 0.0 && x as i64 == n
}

/// A key is looked for among values of another kind.
pub(super) fn mixed(column: &str, value: ValueRef<'_>) -> rusqlite::Error {
    let kind = match value {
        ValueRef::Null => "null",
        ValueRef::Integer(_) | ValueRef::Real(_) => "a number",
        ValueRef::Text(_) => "a text",
        ValueRef::Blob(_) => "bytes",
    };
    rusqlite::Error::ModuleError(format!(
        "cannot compare {column} with {kind}; CAST one of them"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_equals_what_it_equals_in_sql() {
        let large = (1_i64 << 53) + 1;
        let check = |kind, sought: ValueRef<'_>, value, expected| {
            let mut key = Sought::default();
            assert!(key.set(kind, sought).is_some(), "{sought:?}");
            assert_eq!(key.is(value), expected, "{sought:?} and {value:?}");
        };
        let (whole, real, text) = (ValueRef::Integer, ValueRef::Real, ValueRef::Text);
        check(Type::Integer, whole(large), Value::Integer(large), true);
        check(
            Type::Integer,
            whole(large),
            Value::Integer(large - 1),
            false,
        );
        check(
            Type::Integer,
            real(large as f64),
            Value::Integer(large),
            false,
        );
        check(Type::Integer, real(2.0), Value::Integer(2), true);
        check(Type::Integer, real(2.5), Value::Integer(2), false);
        check(
            Type::Integer,
            real(f64::INFINITY),
            Value::Integer(i64::MAX),
            false,
        );
        check(
            Type::Integer,
            real(9_223_372_036_854_775_808.0),
            Value::Integer(i64::MAX),
            false,
        );
        check(Type::Real, whole(0), Value::Real(-0.0), true);
        check(Type::Boolean, whole(1), Value::Boolean(true), true);
        check(Type::Boolean, whole(2), Value::Boolean(true), false);
        check(Type::Boolean, real(0.0), Value::Boolean(false), true);
        check(Type::Text, text(b"a"), Value::Text("a"), true);
        check(Type::Text, text(b"a"), Value::Text("A"), false);
        check(Type::Text, text(b"a"), Value::Null, false);
    }

    #[test]
    fn a_value_of_another_kind_is_no_key() {
        let check =
            |kind, sought: ValueRef<'_>| assert_eq!(Sought::default().set(kind, sought), None);
        check(Type::Integer, ValueRef::Text(b"1"));
        check(Type::Text, ValueRef::Integer(1));
        check(Type::Text, ValueRef::Blob(b"a"));
        check(Type::Timestamp, ValueRef::Text(b"2023"));
        check(Type::Real, ValueRef::Null);
    }
}
