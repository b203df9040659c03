//! Types of a condition's parts: like is compared with like, names are names that the key knows.

use std::ops::Range;

use super::expr::{Comparison, Node};
use super::mistake::{FilterMistake, FilterMistakeKind};
use crate::error::nearest;
use crate::keys::check::name_help;
use crate::keys::{Key, KeyKind, keys};
use crate::value::Value;

/// The type of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Number,
    /// A condition.
    Truth,
    /// A name; those that the key knows, if it is a key.
    Text(Option<&'static [&'static str]>),
}

/// A part with its type and place.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) node: Node,
    pub(super) of: Type,
    pub(super) span: Range<usize>,
}

impl Typed {
    /// In the words of a message: "the name `init.kind`".
    fn words(&self) -> String {
        let what = match self.of {
            Type::Number => "number",
            Type::Truth => "condition",
            Type::Text(_) => "name",
        };
        match &self.node {
            Node::Key(key) => format!("the {what} `{}`", key.name),
            Node::Literal(Value::Str(text)) => format!("the string '{text}'"),
            Node::Literal(value) => format!("the {what} {value}"),
            _ => format!("a {what}"),
        }
    }

    fn mistake(&self, kind: FilterMistakeKind) -> FilterMistake {
        FilterMistake::new(kind, self.span.clone())
    }
}

/// The type of a key in a condition.
pub(super) fn key(key: &'static Key, span: Range<usize>) -> Result<Typed, FilterMistake> {
    let of = match key.kind {
        KeyKind::Int { .. } | KeyKind::Float(_) => Type::Number,
        // A list compares false, as a null does.
        KeyKind::IntOrList { .. } | KeyKind::FloatOrList(_) => Type::Number,
        KeyKind::Bool => Type::Truth,
        KeyKind::Name(names) => Type::Text(Some(names)),
        KeyKind::Spectrum => Type::Text(Some(crate::keys::check::SPECTRA)),
        KeyKind::NameList(_) | KeyKind::Table(_) => {
            let mistake =
                FilterMistake::new(FilterMistakeKind::NotComparable { key: key.name }, span);
            let leaves: Vec<String> = key
                .leaves()
                .iter()
                .map(|leaf| format!("`{}`", leaf.name))
                .collect();
            return Err(if leaves.is_empty() {
                mistake
            } else {
                mistake.help(format!("its leaves can: {}", leaves.join(", ")))
            });
        }
    };
    Ok(Typed {
        node: Node::Key(key),
        of,
        span,
    })
}

/// A word that is no key.
pub(super) fn unknown_word(word: &str, span: Range<usize>) -> FilterMistake {
    let mistake = FilterMistake::new(
        FilterMistakeKind::UnknownKey {
            name: word.to_owned(),
        },
        span,
    );
    let is_value = keys().iter().any(|key| match key.kind {
        KeyKind::Name(names) => names.contains(&word),
        _ => false,
    });
    if is_value {
        return mistake.help(format!("names are quoted: '{word}'"));
    }
    match nearest(word, keys().iter().map(|key| key.name)) {
        Some(name) => mistake.help(format!("did you mean `{name}`?")),
        None => mistake.help("a key is written with its section, such as `network.depth`"),
    }
}

/// Requires a condition.
pub(super) fn truth(part: &Typed) -> Result<(), FilterMistake> {
    if part.of == Type::Truth {
        return Ok(());
    }
    Err(part
        .mistake(FilterMistakeKind::NotACondition {
            found: part.words(),
        })
        .help("compare it, such as `network.depth == 3`"))
}

/// Requires a number on one side of an arithmetic sign.
pub(super) fn number(part: &Typed, operator: &'static str) -> Result<(), FilterMistake> {
    if part.of == Type::Number {
        return Ok(());
    }
    Err(part.mistake(FilterMistakeKind::NotANumber {
        operator,
        found: part.words(),
    }))
}

/// Requires that the two sides can be compared by `op`.
pub(super) fn comparable(op: Comparison, left: &Typed, right: &Typed) -> Result<(), FilterMistake> {
    let equality = matches!(op, Comparison::Equal | Comparison::Unequal);
    match (left.of, right.of) {
        (Type::Number, Type::Number) => Ok(()),
        (Type::Truth, Type::Truth) if equality => Ok(()),
        (Type::Text(_), Type::Text(_)) if equality => {
            known_name(left, right)?;
            known_name(right, left)
        }
        (Type::Text(_) | Type::Truth, _) if left.of.same_kind(right.of) => Err(left
            .mistake(FilterMistakeKind::NotANumber {
                operator: op.sign(),
                found: left.words(),
            })
            .help("names and conditions compare with == and != alone")),
        _ => Err(types_differ(left, right)),
    }
}

impl Type {
    fn same_kind(self, other: Type) -> bool {
        matches!(
            (self, other),
            (Type::Number, Type::Number)
                | (Type::Truth, Type::Truth)
                | (Type::Text(_), Type::Text(_))
        )
    }
}

fn types_differ(left: &Typed, right: &Typed) -> FilterMistake {
    let mistake = FilterMistake::new(
        FilterMistakeKind::TypesDiffer {
            left: left.words(),
            right: right.words(),
        },
        left.span.start..right.span.end,
    );
    // A quoted key is the likely reason.
    let quoted = [left, right].into_iter().find_map(|part| match &part.node {
        Node::Literal(Value::Str(text)) => nearest(text, keys().iter().map(|key| key.name)),
        _ => None,
    });
    match quoted {
        Some(name) => mistake.help(format!("a key stands without quotes: {name}")),
        None => mistake,
    }
}

/// A literal beside a key must be one of the key's names.
fn known_name(key_side: &Typed, literal_side: &Typed) -> Result<(), FilterMistake> {
    let (Type::Text(Some(names)), Node::Literal(Value::Str(found)), Node::Key(key)) =
        (key_side.of, &literal_side.node, &key_side.node)
    else {
        return Ok(());
    };
    if names.contains(&found.as_str()) {
        return Ok(());
    }
    Err(literal_side
        .mistake(FilterMistakeKind::UnknownName {
            key: key.name,
            found: found.clone(),
        })
        .help(name_help(found, names)))
}
