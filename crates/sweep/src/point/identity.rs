//! The identity of a point: what is hashed, and the hash.
//!
//! The text is a JSON object of every parameter that applies, by its dotted name, names sorted, values in
//! canonical form: `{"init.kind":"orthogonal",...,"seed":7,...}`. The leaves of tables are in their table's
//! value. Files stand by the hash of their content. A key that came after the first registry is left out while it has
//! its default. Anybody can compute an identity from a row of the trials table.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use crate::keys::{Id, Key, keys};
use crate::value::Value;

/// The first 128 bits of the BLAKE3 hash of a point's identity text, as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrialId([u8; 32]);

impl TrialId {
    pub(crate) fn of(text: &str) -> TrialId {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let hash = blake3::hash(text.as_bytes());
        let mut hex = [0_u8; 32];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(hash.as_bytes()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        TrialId(hex)
    }

    pub fn as_str(&self) -> &str {
        // Hexadecimal digits alone, so it is text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The digits as ASCII.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The keys of an identity in the order of their names.
fn order() -> &'static [Id] {
    static ORDER: OnceLock<Vec<Id>> = OnceLock::new();
    ORDER.get_or_init(|| {
        let mut whole: Vec<_> = keys().iter().filter(|key| key.parent.is_none()).collect();
        whole.sort_by_key(|key| key.name);
        whole.into_iter().map(|key| key.id).collect()
    })
}

/// The identity text of settled values, one a key. `hole` is asked at every value, with the length of the
/// text so far; where it says yes the value is left out, to be put in later ([`put`]).
///
/// A later key ([`Key::is_later`]) is absent while it has its default, and a hole leaves out its whole entry.
pub(crate) fn text(values: &[Option<Value>], hole: &mut dyn FnMut(usize, Id) -> bool) -> String {
    let mut text = String::with_capacity(1024);
    text.push('{');
    for &id in order() {
        let Some(value) = values.get(id as usize).and_then(Option::as_ref) else {
            continue;
        };
        let key = &keys()[id as usize];
        if key.is_later() && (hole(text.len(), id) || has_default(key, value)) {
            continue;
        }
        let value = without_later(key, value);
        if text.len() > 1 {
            text.push(',');
        }
        write_name(key, &mut text);
        if key.is_later() || !hole(text.len(), id) {
            value.write_json(&mut text);
        }
    }
    text.push('}');
    text
}

/// Puts a value into a hole of [`text`] that is at `at` there.
pub(crate) fn put(id: Id, value: &Value, json: Option<&str>, at: usize, text: &mut String) {
    let key = &keys()[id as usize];
    if key.is_later() {
        if has_default(key, value) {
            return;
        }
        if at > 1 {
            text.push(',');
        }
        write_name(key, text);
    }
    match json {
        Some(json) => text.push_str(json),
        None => value.write_json(text),
    }
    if key.is_later() && at == 1 {
        // An entry of the text always follows: no seed is ever left out.
        text.push(',');
    }
}

fn write_name(key: &Key, text: &mut String) {
    text.push('"');
    text.push_str(key.name);
    text.push_str("\":");
}

fn has_default(key: &Key, value: &Value) -> bool {
    key.fixed_default().as_ref() == Some(value)
}

/// A table without those fields that are later keys at their default.
fn without_later<'a>(key: &Key, value: &'a Value) -> Cow<'a, Value> {
    let Value::Table(table) = value else {
        return Cow::Borrowed(value);
    };
    let mut kept = Cow::Borrowed(table);
    for leaf in key.leaves().iter().filter(|leaf| leaf.is_later()) {
        let has_default = |value| has_default(leaf, value);
        if table.get(leaf.field()).is_some_and(has_default) {
            kept.to_mut().remove(leaf.field());
        }
    }
    match kept {
        Cow::Borrowed(_) => Cow::Borrowed(value),
        Cow::Owned(table) => Cow::Owned(Value::Table(table)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_pinned() {
        let mut values = vec![None; keys().len()];
        values[Id::Seed as usize] = Some(Value::Int(7));
        values[Id::NetworkDepth as usize] = Some(Value::Int(3));
        values[Id::InitScale as usize] = Some(Value::Float(3.0));
        let text = text(&values, &mut |_, _| false);
        assert_eq!(text, r#"{"init.scale":3,"network.depth":3,"seed":7}"#);
        let id = TrialId::of(&text);
        assert_eq!(id.as_str().len(), 32);
        assert_eq!(
            id.as_str(),
            &blake3::hash(text.as_bytes()).to_hex().as_str()[..32]
        );
    }

    #[test]
    fn holes_of_later_keys_take_whole_entries() {
        let check = |at: usize, value: i64, expected: &str| {
            let mut text = "{".to_owned();
            put(Id::MeasureDummy, &Value::Int(value), None, at, &mut text);
            assert_eq!(text, expected);
        };
        check(1, 5, "{");
        check(9, 5, "{");
        check(1, 6, r#"{"measure.dummy":6,"#);
        check(9, 6, r#"{,"measure.dummy":6"#);
    }
}
