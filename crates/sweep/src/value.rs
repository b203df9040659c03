//! A parameter's value: one canonical form, one order, one text.
//!
//! This file owns equality and the canonical JSON text that identities and table columns are made of. Which
//! values a key allows is the business of `keys`; how they are written in TOML that of `spec`.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

/// A value as resolved for one trial.
///
/// Numbers are equal when they are the same number, whatever the variant: `Int(3) == Float(3.0)`. Floats are
/// finite by construction in `spec`; the order is total all the same.
#[derive(Clone, Debug)]
pub enum Value {
    Int(i64),
    Float(f64),
    Bool(bool),
    Str(String),
    List(Vec<Value>),
    Table(BTreeMap<String, Value>),
}

impl Value {
    /// A string value.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Str(text.into())
    }

    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(i) => Some(*i),
            _ => None,
        }
    }

    /// The number, from an integer too.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Int(i) => Some(*i as f64),
            Value::Float(x) => Some(*x),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(values) => Some(values),
            _ => None,
        }
    }

    pub fn as_table(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// A field of a table; `None` for every other value.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.as_table()?.get(name)
    }

    /// Canonical JSON: keys sorted, no blanks, a whole float without a fraction, other floats with the fewest
    /// digits that read back to the same bits. Equal values have equal texts.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    /// Appends [`Value::to_json`] to `out`.
    pub fn write_json(&self, out: &mut String) {
        use fmt::Write as _;
        match self {
            Value::Int(i) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "{i}");
            }
            Value::Float(x) => out.push_str(&float_text(*x)),
            Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Value::Str(text) => write_json_string(text, out),
            Value::List(values) => {
                out.push('[');
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    value.write_json(out);
                }
                out.push(']');
            }
            Value::Table(table) => {
                out.push('{');
                for (i, (name, value)) in table.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write_json_string(name, out);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }

    /// What a string column holds: a plain name stands as it is, everything else as canonical JSON.
    pub fn to_column_text(&self) -> String {
        match self {
            Value::Str(text) => text.clone(),
            other => other.to_json(),
        }
    }

    /// The value as it would be written in a sweep file. Reads back to an equal value.
    pub fn to_toml(&self) -> String {
        match self {
            Value::List(values) => {
                let parts: Vec<String> = values.iter().map(Value::to_toml).collect();
                format!("[{}]", parts.join(", "))
            }
            Value::Table(table) => {
                let parts: Vec<String> = table
                    .iter()
                    .map(|(name, value)| format!("{} = {}", toml_key(name), value.to_toml()))
                    .collect();
                if parts.is_empty() {
                    "{}".to_owned()
                } else {
                    format!("{{ {} }}", parts.join(", "))
                }
            }
            other => other.to_json(),
        }
    }

    fn order_of_kind(&self) -> u8 {
        match self {
            Value::Bool(_) => 0,
            Value::Int(_) | Value::Float(_) => 1,
            Value::Str(_) => 2,
            Value::List(_) => 3,
            Value::Table(_) => 4,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => float_cmp(*a, *b),
            (Value::Int(a), Value::Float(b)) => int_float_cmp(*a, *b),
            (Value::Float(a), Value::Int(b)) => int_float_cmp(*b, *a).reverse(),
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Str(a), Value::Str(b)) => a.cmp(b),
            (Value::List(a), Value::List(b)) => a.cmp(b),
            (Value::Table(a), Value::Table(b)) => a.cmp(b),
            _ => self.order_of_kind().cmp(&other.order_of_kind()),
        }
    }
}

impl fmt::Display for Value {
    /// The form of the sweep file, which is what a person who reads a message has written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_toml())
    }
}

/// Shortest text that reads back to the same bits: valid JSON and valid TOML, whole numbers that an `i64` holds
/// without a fraction.
pub fn float_text(x: f64) -> String {
    if x.fract() == 0.0 && x.abs() < MAX_WHOLE {
        format!("{}", x as i64)
    } else {
        format!("{x:?}")
    }
}

/// Whole floats below 2^63 are written as the integers that they equal.
const MAX_WHOLE: f64 = 9_223_372_036_854_775_808.0;

/// A float rounded to 15 significant digits: every decimal of that length survives it unchanged, so 0.1 + 0.2
/// becomes 0.3.
pub fn round_15(x: f64) -> f64 {
    // A multiple of 1/64 below 10^9 has at most 15 digits already; the common case of whole numbers and halves.
    if x.abs() < 1e9 && (x * 64.0).fract() == 0.0 {
        return x + 0.0;
    }
    // The text is that of a finite float; for NaN and infinities there is nothing to round.
    format!("{x:.14e}").parse().unwrap_or(x)
}

fn float_cmp(a: f64, b: f64) -> Ordering {
    // Adding zero makes -0.0 and 0.0 one value.
    (a + 0.0).total_cmp(&(b + 0.0))
}

fn int_float_cmp(a: i64, b: f64) -> Ordering {
    if b.is_nan() {
        return 0.0_f64.total_cmp(&b);
    }
    if b >= MAX_WHOLE {
        return Ordering::Less;
    }
    if b < -MAX_WHOLE {
        return Ordering::Greater;
    }
    let whole = b.trunc();
    match a.cmp(&(whole as i64)) {
        Ordering::Equal => 0.0_f64.total_cmp(&(b - whole + 0.0)),
        unequal => unequal,
    }
}

fn write_json_string(text: &str, out: &mut String) {
    use fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // DEL is legal in JSON but not in a TOML string, and one text serves both.
            c if (c as u32) < 0x20 || c == '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A key as TOML writes it: bare where that is allowed, else quoted.
pub(crate) fn toml_key(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare {
        name.to_owned()
    } else {
        toml_string(name)
    }
}

/// A basic TOML string with its quotes.
pub(crate) fn toml_string(text: &str) -> String {
    let mut out = String::new();
    write_json_string(text, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_json(value: Value, expected: &str) {
        assert_eq!(value.to_json(), expected);
    }

    #[test]
    fn one_number_has_one_text() {
        check_json(Value::Float(3_000_000.0), "3000000");
        check_json(Value::Int(3_000_000), "3000000");
        check_json(Value::Float(-0.0), "0");
        check_json(Value::Float(1e-3), "0.001");
        check_json(Value::Float(1e-10), "1e-10");
        check_json(Value::Float(0.1 + 0.2), "0.30000000000000004");
        assert_eq!(Value::Int(3), Value::Float(3.0));
        assert_eq!(Value::Float(0.0), Value::Float(-0.0));
        assert_ne!(Value::Int(3), Value::Float(3.5));
    }

    #[test]
    fn numbers_compare_across_variants() {
        let check = |a: Value, b: Value, expected: Ordering| {
            assert_eq!(a.cmp(&b), expected, "{a:?} {b:?}");
            assert_eq!(b.cmp(&a), expected.reverse(), "{b:?} {a:?}");
        };
        check(Value::Int(-3), Value::Float(-3.5), Ordering::Greater);
        check(Value::Int(-3), Value::Float(-2.5), Ordering::Less);
        check(Value::Int(i64::MAX), Value::Float(9.3e18), Ordering::Less);
        // 2^53 + 1 is no float: the comparison must not round the integer first.
        check(
            Value::Int(9_007_199_254_740_993),
            Value::Float(9_007_199_254_740_992.0),
            Ordering::Greater,
        );
        check(Value::Int(7), Value::text("7"), Ordering::Less);
    }

    #[test]
    fn tables_are_sorted_and_escaped() {
        let table = Value::Table(BTreeMap::from([
            ("b".to_owned(), Value::text("a\"\\\n\u{7f}")),
            (
                "a".to_owned(),
                Value::List(vec![Value::Int(1), Value::Bool(true)]),
            ),
        ]));
        check_json(table.clone(), r#"{"a":[1,true],"b":"a\"\\\n\u007f"}"#);
        assert_eq!(table.to_toml(), r#"{ a = [1, true], b = "a\"\\\n\u007f" }"#);
        assert_eq!(Value::text("flat").to_column_text(), "flat");
    }

    #[test]
    fn fifteen_digits_make_decimals_exact() {
        for (x, expected) in [
            (0.1 + 0.2, 0.3),
            (0.1 * 3.0, 0.3),
            (1.0 / 3.0, 0.333333333333333),
            (2.5, 2.5),
            (-1e-3 * 3.0, -0.003),
            (1e300 * 3.0, 3e300),
            (0.0, 0.0),
        ] {
            assert_eq!(round_15(x), expected);
        }
    }
}
