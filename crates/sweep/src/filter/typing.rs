//! Types of a condition's parts: like is compared with like, names are names that the key knows.

use std::ops::Range;

use super::expr::{Comparison, ExprNode, Rules};
use crate::error::{FilterMistake, FilterMistakeKind, nearest};
use crate::keys::{Key, KeyKind, hint, keys, name_help};
use crate::value::Value;

/// The type of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Number,
    /// A condition.
    Truth,
    /// A name; those that the key knows, if it is a key.
    Text(Option<&'static [&'static str]>),
    /// A list: written out, or a key that always holds one.
    List,
}

/// A part with its type and place.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) node: ExprNode,
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
            Type::List => "list",
        };
        match &self.node {
            ExprNode::Key(key) | ExprNode::Whole(key) => format!("the {what} `{}`", key.name),
            ExprNode::Literal(Value::Str(text)) => format!("the string '{text}'"),
            ExprNode::Literal(value) => format!("the {what} {value}"),
            _ => format!("a {what}"),
        }
    }

    fn mistake(&self, kind: FilterMistakeKind) -> FilterMistake {
        FilterMistake::new(kind, self.span.clone())
    }
}

/// The type of a key in a condition.
pub(super) fn key(
    key: &'static Key,
    span: Range<usize>,
    rules: Rules,
) -> Result<Typed, FilterMistake> {
    let of = match key.kind {
        KeyKind::Int { .. } | KeyKind::Float(_) => Type::Number,
        // Where it holds a list, `read_whole` sees to it.
        KeyKind::IntOrList { .. } | KeyKind::FloatOrList { .. } => Type::Number,
        KeyKind::Bool => Type::Truth,
        KeyKind::Name(names) => Type::Text(Some(names)),
        KeyKind::Spectrum => Type::Text(Some(dln::SpectrumKind::NAMES)),
        KeyKind::NameList(_) if matches!(rules, Rules::Second) => Type::List,
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
        node: ExprNode::Key(key),
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
    match hint(word, []) {
        Some(hint) => mistake.help(hint),
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
        (Type::List, _) | (_, Type::List) if equality && takes_list(left) && takes_list(right) => {
            list_fits(left, right)?;
            list_fits(right, left)
        }
        (Type::Text(_) | Type::Truth | Type::List, _) if left.of.same_kind(right.of) => Err(left
            .mistake(FilterMistakeKind::NotANumber {
                operator: op.sign(),
                found: left.words(),
            })
            .help("names, lists and conditions compare with == and != alone")),
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
                | (Type::List, Type::List)
        )
    }
}

/// A list, or a key that may hold one.
fn takes_list(part: &Typed) -> bool {
    match &part.node {
        ExprNode::Key(key) | ExprNode::Whole(key) => match key.kind {
            KeyKind::IntOrList { .. }
            | KeyKind::FloatOrList { .. }
            | KeyKind::NameList(_)
            | KeyKind::Spectrum => true,
            KeyKind::Int { .. }
            | KeyKind::Float(_)
            | KeyKind::Bool
            | KeyKind::Name(_)
            | KeyKind::Table(_) => false,
        },
        _ => part.of == Type::List,
    }
}

/// A written list holds what the lists of the key hold.
fn list_fits(key_side: &Typed, literal_side: &Typed) -> Result<(), FilterMistake> {
    let (ExprNode::Key(key) | ExprNode::Whole(key), ExprNode::Literal(Value::List(values))) =
        (&key_side.node, &literal_side.node)
    else {
        return Ok(());
    };
    let KeyKind::NameList(names) = key.kind else {
        let all_numbers = values.iter().all(|value| value.as_float().is_some());
        return if all_numbers {
            Ok(())
        } else {
            Err(types_differ(key_side, literal_side))
        };
    };
    for value in values {
        let Some(found) = value.as_str() else {
            return Err(types_differ(key_side, literal_side));
        };
        if !names.contains(&found) {
            return Err(literal_side
                .mistake(FilterMistakeKind::UnknownName {
                    key: key.name,
                    found: found.to_owned(),
                })
                .help(name_help(found, names)));
        }
    }
    Ok(())
}

/// Where both sides can be lists, keys are read with their lists, and a written list is put into the order in which
/// the key holds its own.
pub(super) fn read_whole(left: &mut Typed, right: &mut Typed) {
    if !takes_list(left) || !takes_list(right) {
        return;
    }
    in_order_of(left, right);
    in_order_of(right, left);
    for side in [left, right] {
        if let ExprNode::Key(key) = side.node {
            side.node = ExprNode::Whole(key);
        }
    }
}

fn in_order_of(key_side: &Typed, literal_side: &mut Typed) {
    let (ExprNode::Key(key) | ExprNode::Whole(key), ExprNode::Literal(Value::List(values))) =
        (&key_side.node, &mut literal_side.node)
    else {
        return;
    };
    match key.kind {
        KeyKind::Spectrum => values.sort_by(|a, b| b.cmp(a)),
        KeyKind::NameList(names) => {
            let place = |value: &Value| names.iter().position(|name| value.as_str() == Some(*name));
            values.sort_by_key(place);
            values.dedup();
        }
        KeyKind::Int { .. }
        | KeyKind::Float(_)
        | KeyKind::Bool
        | KeyKind::Name(_)
        | KeyKind::IntOrList { .. }
        | KeyKind::FloatOrList { .. }
        | KeyKind::Table(_) => {}
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
        ExprNode::Literal(Value::Str(text)) => nearest(text, keys().iter().map(|key| key.name)),
        _ => None,
    });
    match quoted {
        Some(name) => mistake.help(format!("a key stands without quotes: {name}")),
        None => mistake,
    }
}

/// A literal beside a key must be one of the key's names.
fn known_name(key_side: &Typed, literal_side: &Typed) -> Result<(), FilterMistake> {
    let (Type::Text(Some(names)), ExprNode::Literal(Value::Str(found)), ExprNode::Key(key)) =
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
