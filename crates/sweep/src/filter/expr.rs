//! The tree of a parsed condition, and the three filters of a sweep.
//!
//! Plain data. It is built by `parser`, typed by `typing` and evaluated by `walk`.

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
/// Evaluation cannot fail; what null and lists do is said in the module's documentation.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub(super) text: String,
    pub(super) root: ExprNode,
    /// `None` where the condition means the same under all rules.
    pub(super) rules: Option<Rules>,
}

/// What a condition means, and how strictly data files are read. A run folder keeps the rules that it was made under,
/// so that its trials stay the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Every comparison with null or a list is false, `!=` and `not in` as well; `%` is of binary floats. In data
    /// files whatever is not 0 is seen by a mask, and every text is the label of a class of its own. The rules of
    /// stored sweeps that name none.
    First,
    /// Those of the module's documentation. Masks hold 0 and 1, labels are whole numbers or names, and what a
    /// compressed file expands to is bounded.
    Second,
}

impl Rules {
    /// The rules of sweep files that name none.
    pub const NEWEST: Rules = Rules::Second;

    pub const ALL: [Rules; 2] = [Rules::First, Rules::Second];

    /// As `filter.rules` and `problem.rules` write them.
    pub fn number(self) -> i64 {
        match self {
            Rules::First => 1,
            Rules::Second => 2,
        }
    }

    pub(super) fn other(self) -> Rules {
        match self {
            Rules::First => Rules::Second,
            Rules::Second => Rules::First,
        }
    }
}

impl Expr {
    /// The rules that the condition was read under, where others would make it another condition.
    pub fn rules(&self) -> Option<Rules> {
        self.rules
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

    /// Number of its names, numbers and signs.
    pub(crate) fn size(&self) -> u64 {
        self.root.size()
    }

    /// Names of [`Expr::keys`].
    pub fn names(&self) -> Vec<&'static str> {
        self.keys().into_iter().map(|key| key.name).collect()
    }

    /// Conditions that hold together exactly where this one holds: the sides of its outermost `and`s. Each
    /// keeps the whole text.
    pub fn conjuncts(&self) -> Vec<Expr> {
        let parts = match &self.root {
            ExprNode::And(parts) => parts.clone(),
            other => vec![other.clone()],
        };
        parts
            .into_iter()
            .map(|root| Expr {
                text: self.text.clone(),
                root,
                rules: self.rules,
            })
            .collect()
    }
}

/// One node of a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ExprNode {
    Literal(Value),
    /// A number, name or truth value; null where the key holds a list.
    Key(&'static Key),
    /// The same with its lists.
    Whole(&'static Key),
    Not(Box<ExprNode>),
    /// At least two.
    And(Vec<ExprNode>),
    Or(Vec<ExprNode>),
    Negate(Box<ExprNode>),
    Arithmetic {
        op: Arithmetic,
        left: Box<ExprNode>,
        right: Box<ExprNode>,
    },
    Compare {
        op: Comparison,
        left: Box<ExprNode>,
        right: Box<ExprNode>,
    },
    In {
        item: Box<ExprNode>,
        list: Vec<ExprNode>,
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
    /// Of the sign of the divisor, as the remainder of a division rounded down; of decimals exact.
    Remainder,
    /// The same on binary floats, which take 0.3 for a hair less than three times 0.1: [`Rules::First`].
    BinaryRemainder,
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

    /// Whether it asks for more than equality.
    pub(super) fn is_order(self) -> bool {
        match self {
            Comparison::Equal | Comparison::Unequal => false,
            Comparison::Less
            | Comparison::LessOrEqual
            | Comparison::Greater
            | Comparison::GreaterOrEqual => true,
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

impl ExprNode {
    fn size(&self) -> u64 {
        let all = |parts: &[ExprNode]| parts.iter().map(ExprNode::size).sum::<u64>();
        1 + match self {
            ExprNode::Literal(_) | ExprNode::Key(_) | ExprNode::Whole(_) => 0,
            ExprNode::Not(inner) | ExprNode::Negate(inner) => inner.size(),
            ExprNode::And(parts) | ExprNode::Or(parts) => all(parts),
            ExprNode::Arithmetic { left, right, .. } | ExprNode::Compare { left, right, .. } => {
                left.size() + right.size()
            }
            ExprNode::In { item, list, .. } => item.size() + all(list),
        }
    }

    fn collect(&self, keys: &mut Vec<&'static Key>) {
        match self {
            ExprNode::Literal(_) => {}
            ExprNode::Key(key) | ExprNode::Whole(key) => keys.push(*key),
            ExprNode::Not(inner) | ExprNode::Negate(inner) => inner.collect(keys),
            ExprNode::And(parts) | ExprNode::Or(parts) => {
                for part in parts {
                    part.collect(keys);
                }
            }
            ExprNode::Arithmetic { left, right, .. } | ExprNode::Compare { left, right, .. } => {
                left.collect(keys);
                right.collect(keys);
            }
            ExprNode::In { item, list, .. } => {
                item.collect(keys);
                for node in list {
                    node.collect(keys);
                }
            }
        }
    }
}
