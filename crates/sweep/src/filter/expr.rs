//! The tree of a parsed condition, and the three filters of a sweep.
//!
//! Plain data. It is built by `parser`, typed by `typing` and evaluated by `eval` and `decide`.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::keys::Key;
use crate::value::Value;

/// What `[filter]` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// `where`: points of the product for which it is false are left out.
    pub condition: Option<Expr>,
    /// Points of the product that agree with every value of one of these are left out.
    pub exclude: Vec<BTreeMap<&'static str, Value>>,
    /// Extra points after the product, not filtered; axes not named are at their first value.
    pub include: Vec<BTreeMap<&'static str, Value>>,
}

/// A condition, parsed and typed: every name is a key, every comparison compares like with like.
///
/// Evaluation cannot fail. A comparison with a key that does not apply, that is null or a list, or with a number
/// that does not exist (a division by zero) is false, also `!=`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub(super) text: String,
    pub(super) root: Node,
}

impl Expr {
    /// Parses and types a condition.
    ///
    /// # Errors
    /// The first mistake, with its bytes in `text`.
    pub fn parse(text: &str) -> Result<Expr, super::FilterMistake> {
        super::parser::parse(text)
    }

    /// The condition as written (a part of it, for one of [`Expr::conjuncts`]).
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The keys that the condition reads, each once, in the order of [`crate::keys()`].
    pub fn keys(&self) -> Vec<&'static Key> {
        let mut keys = Vec::new();
        self.root.collect(&mut keys);
        keys.sort_by_key(|key| key.id);
        keys.dedup();
        keys
    }

    /// Names of [`Expr::keys`].
    pub fn names(&self) -> Vec<&'static str> {
        self.keys().into_iter().map(|key| key.name).collect()
    }

    /// Conditions that hold together exactly where this one holds: the sides of its outermost `and`s. Each
    /// keeps the whole text.
    pub fn conjuncts(&self) -> Vec<Expr> {
        let parts = match &self.root {
            Node::And(parts) => parts.clone(),
            other => vec![other.clone()],
        };
        parts
            .into_iter()
            .map(|root| Expr {
                text: self.text.clone(),
                root,
            })
            .collect()
    }
}

/// One node of a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Literal(Value),
    Key(&'static Key),
    Not(Box<Node>),
    /// At least two.
    And(Vec<Node>),
    Or(Vec<Node>),
    Negate(Box<Node>),
    Arithmetic {
        op: Arithmetic,
        left: Box<Node>,
        right: Box<Node>,
    },
    Compare {
        op: Comparison,
        left: Box<Node>,
        right: Box<Node>,
    },
    In {
        item: Box<Node>,
        list: Vec<Node>,
        negated: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    /// Always a float: 5 / 2 is 2.5.
    Divide,
    /// Of the sign of the divisor, as the remainder of a division rounded down.
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// As written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::Unequal => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }

    /// Whether it holds between values of this order.
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::Unequal => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Node {
    fn collect(&self, keys: &mut Vec<&'static Key>) {
        match self {
            Node::Literal(_) => {}
            Node::Key(key) => keys.push(*key),
            Node::Not(inner) | Node::Negate(inner) => inner.collect(keys),
            Node::And(parts) | Node::Or(parts) => {
                for part in parts {
                    part.collect(keys);
                }
            }
            Node::Arithmetic { left, right, .. } | Node::Compare { left, right, .. } => {
                left.collect(keys);
                right.collect(keys);
            }
            Node::In { item, list, .. } => {
                item.collect(keys);
                for node in list {
                    node.collect(keys);
                }
            }
        }
    }
}
