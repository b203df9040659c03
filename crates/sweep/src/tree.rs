//! TOML as a small tree with the place of every node.
//!
//! One conversion away from `toml_edit`, so that everything after it sees tables in one form: headers, dotted
//! keys and inline tables differ only in the flag `dotted`.

use std::ops::Range;
use std::sync::Arc;

use toml_edit::{Document, Item, TableLike};

use crate::error::{Mistake, Place, SourceText, SweepError};
use crate::value::float_text;

/// A written-out list of 100,000 numbers of 17 digits takes 2 MB; a file has few of those.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// Tables and lists within each other. The deepest that the grammar knows is a list in a table in a list in
/// `[filter]`; dotted keys add some. The bound keeps a hostile text from overflowing the stack.
const MAX_DEPTH: usize = 24;

/// Words for "not set" elsewhere; TOML has none.
const NOT_SET: [&str; 7] = ["none", "null", "nil", "na", "unset", "default", ""];

/// A value as written.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) node: Node,
    pub(crate) place: Place,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Int(i64),
    Float(f64),
    Bool(bool),
    Str(String),
    Date,
    List(Vec<Tree>),
    Table {
        entries: Vec<Entry>,
        /// Made by a dotted key (`a.b = 1`), not by a header or braces.
        dotted: bool,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Of the name.
    pub(crate) place: Place,
    pub(crate) value: Tree,
}

impl Tree {
    /// The value in the words of a message: "'abc'", "3", "a list".
    pub(crate) fn found(&self) -> String {
        const SHOWN: usize = 40;
        match &self.node {
            Node::Int(i) => i.to_string(),
            Node::Float(x) => float_text(*x),
            Node::Bool(b) => b.to_string(),
            Node::Str(text) if text.chars().count() <= SHOWN => format!("'{text}'"),
            Node::Str(text) => {
                let start: String = text.chars().take(SHOWN).collect();
                format!("'{start}...'")
            }
            Node::Date => "a date".to_owned(),
            Node::List(values) if values.is_empty() => "an empty list".to_owned(),
            Node::List(_) => "a list".to_owned(),
            Node::Table { entries, .. } if entries.is_empty() => "an empty table".to_owned(),
            Node::Table { .. } => "a table".to_owned(),
        }
    }

    /// A whole number, also if written as a float (`1e4`).
    pub(crate) fn whole(&self) -> Option<i64> {
        match self.node {
            Node::Int(i) => Some(i),
            // Larger floats are whole by accident; nobody counts so far.
            Node::Float(x) if x.fract() == 0.0 && x.abs() <= 9.0e15 => Some(x as i64),
            _ => None,
        }
    }

    /// A finite number.
    pub(crate) fn number(&self) -> Option<f64> {
        match self.node {
            Node::Int(i) => Some(i as f64),
            Node::Float(x) if x.is_finite() => Some(x + 0.0),
            _ => None,
        }
    }

    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.node {
            Node::Table { entries, .. } => Some(entries),
            _ => None,
        }
    }

    /// `key` has the wrong type here.
    pub(crate) fn wrong(&self, key: &str, allowed: impl Into<String>) -> SweepError {
        let error = SweepError::new(Mistake::WrongType {
            key: key.to_owned(),
            found: self.found(),
            allowed: allowed.into(),
        })
        .at(Some(self.place.clone()));
        match &self.node {
            Node::Str(text) if NOT_SET.contains(&text.to_lowercase().as_str()) => error.help(
                "a key that is left out has its default; on an axis write the default itself \
                 (`parsimony plan --defaults`), or sweep the table of the key, in which {} sets nothing",
            ),
            _ => error,
        }
    }
}

/// Reads a TOML document.
///
/// # Errors
/// A text that is too long, is not TOML or is nested too deep.
pub(crate) fn parse(source: &Arc<SourceText>) -> Result<Vec<Entry>, SweepError> {
    let text = &source.text;
    if text.len() > MAX_TEXT_BYTES {
        return Err(Mistake::TextTooLong {
            bytes: text.len(),
            limit: MAX_TEXT_BYTES,
        }
        .into());
    }
    let document = Document::parse(text.as_str()).map_err(|error| {
        let mistake = SweepError::new(Mistake::Syntax {
            message: error.message().trim().replace('\n', ", "),
        });
        let help = error.span().and_then(|span| help(text, span.start));
        let mistake = mistake.at(error.span().map(|span| Place {
            source: Arc::clone(source),
            span,
        }));
        match help {
            Some(help) => mistake.help(help),
            None => mistake,
        }
    })?;
    entries_of(document.as_table(), source, MAX_DEPTH)
}

/// What to write instead of a word that other languages know and TOML does not.
fn help(text: &str, at: usize) -> Option<String> {
    // The parser may stop within the word.
    let is_part = |c: char| c.is_alphanumeric() || "._+-".contains(c);
    let at = text.floor_char_boundary(at.min(text.len()));
    let start = text[..at].rfind(|c| !is_part(c));
    let start = start.map_or(0, |before| text.ceil_char_boundary(before + 1));
    let word = &text[start..];
    let word = &word[..word.find(|c| !is_part(c)).unwrap_or(word.len())];
    match word {
        "True" | "TRUE" => Some("write true".to_owned()),
        "False" | "FALSE" => Some("write false".to_owned()),
        "None" | "null" | "nil" | "NULL" => {
            Some("there is no null: leave the key out for its default".to_owned())
        }
        _ => decimal(word).map(|number| format!("write {number}")),
    }
}

/// `.5` and `5.` with the zero that TOML wants.
pub(crate) fn decimal(text: &str) -> Option<String> {
    let sign = if text.starts_with(['+', '-']) { 1 } else { 0 };
    let (sign, digits) = text.split_at(sign);
    let (whole, rest) = digits.split_once('.')?;
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = whole.is_empty() != fraction.is_empty();
    if !is_short || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let or_zero = |text: &str| if text.is_empty() { "0" } else { text }.to_owned();
    let number = format!("{sign}{}.{}{exponent}", or_zero(whole), or_zero(fraction));
    number.parse::<f64>().ok().map(|_| number)
}

fn entries_of(
    table: &dyn TableLike,
    source: &Arc<SourceText>,
    depth: usize,
) -> Result<Vec<Entry>, SweepError> {
    let mut entries = Vec::with_capacity(table.len());
    for (name, item) in table.iter() {
        if item.is_none() {
            continue;
        }
        let key_span = table
            .key(name)
            .and_then(|key| key.span())
            .unwrap_or_default();
        let value = convert(item, source, key_span.clone(), depth)?;
        entries.push(Entry {
            name: name.to_owned(),
            place: Place {
                source: Arc::clone(source),
                span: key_span,
            },
            value,
        });
    }
    // Dotted keys of one table may be spread over the file; order is that of the text.
    entries.sort_by_key(|entry| entry.place.span.start);
    Ok(entries)
}

/// `near` is the place of an item that has none of its own: a table made by dotted keys.
fn convert(
    item: &Item,
    source: &Arc<SourceText>,
    near: Range<usize>,
    depth: usize,
) -> Result<Tree, SweepError> {
    let place = Place {
        source: Arc::clone(source),
        span: item.span().unwrap_or(near.clone()),
    };
    let Some(depth) = depth.checked_sub(1) else {
        return Err(SweepError::new(Mistake::Syntax {
            message: "lists and tables are nested too deep".to_owned(),
        })
        .at(Some(place)));
    };
    let node = match item {
        Item::None => Node::List(Vec::new()),
        Item::Table(table) => Node::Table {
            entries: entries_of(table, source, depth)?,
            dotted: table.is_dotted(),
        },
        Item::ArrayOfTables(tables) => {
            let mut list = Vec::with_capacity(tables.len());
            for table in tables {
                list.push(Tree {
                    node: Node::Table {
                        entries: entries_of(table, source, depth)?,
                        dotted: false,
                    },
                    place: Place {
                        source: Arc::clone(source),
                        span: table.span().unwrap_or(near.clone()),
                    },
                });
            }
            Node::List(list)
        }
        Item::Value(value) => convert_value(value, source, depth)?,
    };
    Ok(Tree { node, place })
}

fn convert_value(
    value: &toml_edit::Value,
    source: &Arc<SourceText>,
    depth: usize,
) -> Result<Node, SweepError> {
    use toml_edit::Value;
    Ok(match value {
        Value::String(text) => Node::Str(text.value().clone()),
        Value::Integer(i) => Node::Int(*i.value()),
        Value::Float(x) => Node::Float(*x.value()),
        Value::Boolean(b) => Node::Bool(*b.value()),
        Value::Datetime(_) => Node::Date,
        Value::InlineTable(table) => Node::Table {
            entries: entries_of(table, source, depth)?,
            dotted: table.is_dotted(),
        },
        Value::Array(array) => {
            let Some(depth) = depth.checked_sub(1) else {
                return Err(Mistake::Syntax {
                    message: "lists and tables are nested too deep".to_owned(),
                }
                .into());
            };
            let mut list = Vec::with_capacity(array.len());
            for element in array {
                list.push(Tree {
                    node: convert_value(element, source, depth)?,
                    place: Place {
                        source: Arc::clone(source),
                        span: element.span().unwrap_or_default(),
                    },
                });
            }
            Node::List(list)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Entry>, SweepError> {
        parse(&Arc::new(SourceText {
            name: "s.toml".to_owned(),
            text: text.to_owned(),
        }))
    }

    #[test]
    fn entries_are_in_the_order_of_the_text() {
        let text = "[axes]\na.x = 1\n\"b.c\" = [2, 3]\n";
        let entries = read(text).expect("TOML");
        let axes = entries[0].value.entries().expect("a table");
        let names: Vec<&str> = axes.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["a", "b.c"]);
        let Node::List(list) = &axes[1].value.node else {
            panic!("a list");
        };
        assert_eq!(&text[list[1].place.span.clone()], "3");
        assert_eq!(&text[axes[1].place.span.clone()], "\"b.c\"");
        assert!(matches!(
            axes[0].value.node,
            Node::Table { dotted: true, .. }
        ));
    }

    #[test]
    fn deep_nesting_is_an_error() {
        for text in [
            format!("x = {}1{}", "[".repeat(60), "]".repeat(60)),
            format!("x = {}1{}", "{ a = ".repeat(60), " }".repeat(60)),
            format!("{}x = 1", "a.".repeat(60)),
            format!("x = {}", "[".repeat(5000)),
        ] {
            let error = read(&text).expect_err("too deep");
            assert!(matches!(error.mistake(), Mistake::Syntax { .. }));
        }
    }

    #[test]
    fn syntax_errors_point_at_the_text() {
        let error = read("name = \"a\"\nseed = = 3\n").expect_err("no TOML");
        assert_eq!(error.place().map(|place| place.line_column().0), Some(2));
    }
}
