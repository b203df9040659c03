//! A condition on a whole box of points at once: it holds everywhere, fails everywhere, or that is not known.
//!
//! Keys are known as one value, as a few, or as numbers between two; arithmetic carries the bounds along. Float
//! arithmetic and its rounding never change the order of two results, so bounds computed at the ends are bounds
//! of everything between.

use super::eval::{arithmetic, compare, negate, scalar};
use super::expr::{Arithmetic, Comparison, Expr, Node};
use crate::keys::Key;
use crate::value::Value;

/// What is known of a key over a box of points.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// The same everywhere; `None` where it does not apply or is null.
    Exactly(Option<Value>),
    /// Everywhere one of these, of which there are few: they are tried one by one.
    Among(Vec<Option<Value>>),
    /// Everywhere a number, never null, from the first to the second. Of one variant, `Int` or `Float`.
    Between(Value, Value),
    Unknown,
}

/// More pairs than this are not tried one by one.
const MAX_PAIRS: usize = 256;

impl Expr {
    /// Whether the condition holds at every point of a box (`Some(true)`) or at none (`Some(false)`). `None` is
    /// not known; never so where every key that it reads is known exactly.
    pub fn decide(&self, known: &dyn Fn(&'static Key) -> Known) -> Option<bool> {
        truth(&self.root, known)
    }
}

fn truth(node: &Node, known: &dyn Fn(&'static Key) -> Known) -> Option<bool> {
    match node {
        Node::Not(inner) => Some(!truth(inner, known)?),
        Node::And(parts) => all(parts.iter().map(|part| truth(part, known)), true),
        Node::Or(parts) => all(parts.iter().map(|part| truth(part, known)), false),
        Node::Compare { op, left, right } => {
            compare_known(*op, &value(left, known), &value(right, known))
        }
        Node::In {
            item,
            list,
            negated,
        } => contains(&value(item, known), list, *negated, known),
        Node::Literal(_)
        | Node::Key(_)
        | Node::Whole(_)
        | Node::Negate(_)
        | Node::Arithmetic { .. } => agree(&value(node, known), |value| {
            value == Some(&Value::Bool(true))
        }),
    }
}

/// `and` of the parts for `neutral = true`, `or` for `false`: one part that is the opposite decides.
fn all(parts: impl Iterator<Item = Option<bool>>, neutral: bool) -> Option<bool> {
    let mut result = Some(neutral);
    for part in parts {
        match part {
            Some(part) if part == neutral => {}
            Some(part) => return Some(part),
            None => result = None,
        }
    }
    result
}

/// The answer of `test` if it is the same for every value there can be.
fn agree(known: &Known, test: impl Fn(Option<&Value>) -> bool) -> Option<bool> {
    match known {
        Known::Exactly(value) => Some(test(value.as_ref())),
        Known::Among(values) => {
            let mut answers = values.iter().map(|value| test(value.as_ref()));
            let first = answers.next()?;
            answers.all(|answer| answer == first).then_some(first)
        }
        Known::Between(..) | Known::Unknown => None,
    }
}

fn contains(
    item: &Known,
    list: &[Node],
    negated: bool,
    known: &dyn Fn(&'static Key) -> Known,
) -> Option<bool> {
    let list: Vec<Known> = list.iter().map(|node| value(node, known)).collect();
    let one = |item: &Known| -> Option<bool> {
        if matches!(item, Known::Exactly(None)) {
            // A null is neither in a list nor not in it.
            return Some(false);
        }
        let found = all(
            list.iter()
                .map(|element| compare_known(Comparison::Equal, item, element)),
            false,
        )?;
        Some(found != negated)
    };
    match item {
        Known::Among(values) => {
            let mut answers = values
                .iter()
                .map(|value| one(&Known::Exactly(value.clone())));
            let first = answers.next()??;
            answers.all(|answer| answer == Some(first)).then_some(first)
        }
        Known::Unknown => None,
        Known::Exactly(_) | Known::Between(..) => one(item),
    }
}

fn compare_known(op: Comparison, left: &Known, right: &Known) -> Option<bool> {
    if matches!(left, Known::Exactly(None)) || matches!(right, Known::Exactly(None)) {
        return Some(false);
    }
    if let (Some(lefts), Some(rights)) = (listed(left), listed(right)) {
        if lefts.len().saturating_mul(rights.len()) > MAX_PAIRS {
            return None;
        }
        let mut answers = lefts.iter().flat_map(|left| {
            rights
                .iter()
                .map(move |right| compare(op, left.as_ref(), right.as_ref()))
        });
        let first = answers.next()?;
        return answers.all(|answer| answer == first).then_some(first);
    }
    let (low, high) = bounds(left)?;
    let (other_low, other_high) = bounds(right)?;
    let below = high < other_low;
    let above = low > other_high;
    let same = low == high && other_low == other_high && low == other_low;
    match op {
        Comparison::Less if below => Some(true),
        Comparison::Less if low >= other_high => Some(false),
        Comparison::LessOrEqual if high <= other_low => Some(true),
        Comparison::LessOrEqual if above => Some(false),
        Comparison::Greater if above => Some(true),
        Comparison::Greater if high <= other_low => Some(false),
        Comparison::GreaterOrEqual if low >= other_high => Some(true),
        Comparison::GreaterOrEqual if below => Some(false),
        Comparison::Equal if same => Some(true),
        Comparison::Equal if below || above => Some(false),
        Comparison::Unequal if same => Some(false),
        Comparison::Unequal if below || above => Some(true),
        _ => None,
    }
}

/// The values one by one, where they are.
fn listed(known: &Known) -> Option<&[Option<Value>]> {
    match known {
        Known::Exactly(value) => Some(std::slice::from_ref(value)),
        Known::Among(values) => Some(values),
        Known::Between(..) | Known::Unknown => None,
    }
}

/// Smallest and largest, where all are numbers.
fn bounds(known: &Known) -> Option<(&Value, &Value)> {
    let values = match known {
        Known::Between(low, high) => return Some((low, high)),
        Known::Unknown => return None,
        Known::Exactly(value) => std::slice::from_ref(value),
        Known::Among(values) => values,
    };
    let mut ends: Option<(&Value, &Value)> = None;
    for value in values {
        let value = value
            .as_ref()
            .filter(|value| matches!(value, Value::Int(_) | Value::Float(_)))?;
        ends = Some(match ends {
            None => (value, value),
            Some((low, high)) => (low.min(value), high.max(value)),
        });
    }
    ends
}

fn value(node: &Node, known: &dyn Fn(&'static Key) -> Known) -> Known {
    match node {
        Node::Literal(value) => Known::Exactly(Some(value.clone())),
        Node::Key(key) => match known(key) {
            Known::Exactly(value) => Known::Exactly(scalar(value)),
            Known::Among(values) => Known::Among(values.into_iter().map(scalar).collect()),
            other => other,
        },
        Node::Whole(key) => known(key),
        Node::Negate(inner) => negate_known(value(inner, known)),
        Node::Arithmetic { op, left, right } => {
            arithmetic_known(*op, &value(left, known), &value(right, known))
        }
        Node::Not(_) | Node::And(_) | Node::Or(_) | Node::Compare { .. } | Node::In { .. } => {
            match truth(node, known) {
                Some(truth) => Known::Exactly(Some(Value::Bool(truth))),
                None => Known::Among(vec![Some(Value::Bool(false)), Some(Value::Bool(true))]),
            }
        }
    }
}

fn negate_known(known: Known) -> Known {
    match known {
        Known::Exactly(value) => Known::Exactly(value.and_then(negate)),
        Known::Among(values) => Known::Among(
            values
                .into_iter()
                .map(|value| value.and_then(negate))
                .collect(),
        ),
        Known::Between(low, high) => match (negate(high), negate(low)) {
            (Some(low), Some(high)) => Known::Between(low, high),
            _ => Known::Unknown,
        },
        Known::Unknown => Known::Unknown,
    }
}

fn arithmetic_known(op: Arithmetic, left: &Known, right: &Known) -> Known {
    if matches!(left, Known::Exactly(None)) || matches!(right, Known::Exactly(None)) {
        return Known::Exactly(None);
    }
    let one = |left: &Option<Value>, right: &Option<Value>| {
        arithmetic(op, left.as_ref()?, right.as_ref()?)
    };
    if let (Known::Exactly(left), Known::Exactly(right)) = (left, right) {
        return Known::Exactly(one(left, right));
    }
    if let (Some(lefts), Some(rights)) = (listed(left), listed(right))
        && lefts.len().saturating_mul(rights.len()) <= MAX_PAIRS
    {
        let results = lefts
            .iter()
            .flat_map(|left| rights.iter().map(move |right| one(left, right)));
        return Known::Among(results.collect());
    }
    match (bounds(left), bounds(right)) {
        (Some(left), Some(right)) => between(op, left, right).unwrap_or(Known::Unknown),
        _ => Known::Unknown,
    }
}

/// Bounds of the results of `op` on two ranges; `None` if some result may not be a number.
fn between(op: Arithmetic, left: (&Value, &Value), right: (&Value, &Value)) -> Option<Known> {
    let zero = Value::Int(0);
    let rests = matches!(op, Arithmetic::Remainder | Arithmetic::BinaryRemainder);
    let divides = rests || op == Arithmetic::Divide;
    if divides && *right.0 <= zero && zero <= *right.1 {
        return None;
    }
    if rests {
        return remainder(left, right);
    }
    // Each result is monotone in either argument, so the extremes are at corners.
    let corners = [
        arithmetic(op, left.0, right.0)?,
        arithmetic(op, left.0, right.1)?,
        arithmetic(op, left.1, right.0)?,
        arithmetic(op, left.1, right.1)?,
    ];
    let low = corners.iter().min()?.clone();
    let high = corners.iter().max()?.clone();
    Some(Known::Between(low, high))
}

/// Of ranges with a positive divisor: within one period if both ends are in it, else anything below the divisor.
fn remainder(left: (&Value, &Value), right: (&Value, &Value)) -> Option<Known> {
    let zero = Value::Int(0);
    if *right.0 < zero {
        return None;
    }
    if let (Value::Int(low), Value::Int(high), Value::Int(divisor)) = (left.0, left.1, right.0) {
        if left_period(*low, *divisor) == left_period(*high, *divisor) && right.0 == right.1 {
            return Some(Known::Between(
                arithmetic(Arithmetic::Remainder, left.0, right.0)?,
                arithmetic(Arithmetic::Remainder, left.1, right.0)?,
            ));
        }
        return Some(Known::Between(zero, right.1.clone()));
    }
    // Rounding may carry a float remainder to either end, or a hair beyond.
    None
}

fn left_period(number: i64, divisor: i64) -> i64 {
    number.div_euclid(divisor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn ints(low: i64, high: i64) -> Known {
        Known::Between(Value::Int(low), Value::Int(high))
    }

    fn check(text: &str, depth: Known, rank: Known, expected: Option<bool>) {
        let known = |key: &'static Key| match key.name {
            "network.depth" => depth.clone(),
            "problem.rank" => rank.clone(),
            "init.kind" => Known::Among(vec![
                Some(Value::text("gaussian")),
                Some(Value::text("file")),
            ]),
            _ => Known::Unknown,
        };
        let expr = Expr::parse(text).expect(text);
        assert_eq!(expr.decide(&known), expected, "{text}");
    }

    #[test]
    fn boxes_are_decided_where_all_points_agree() {
        let yes = Some(true);
        let no = Some(false);
        check("network.depth < problem.rank", ints(1, 3), ints(4, 9), yes);
        check("network.depth < problem.rank", ints(4, 7), ints(1, 4), no);
        check("network.depth < problem.rank", ints(1, 4), ints(4, 9), None);
        check("network.depth <= problem.rank", ints(1, 4), ints(4, 9), yes);
        check(
            "network.depth * 2 > problem.rank / 3",
            ints(5, 8),
            ints(1, 29),
            yes,
        );
        check(
            "network.depth / problem.rank > 0",
            ints(1, 8),
            ints(0, 2),
            None,
        );
        check("network.depth % 5 == 4", ints(5, 8), ints(1, 1), no);
        check("network.depth % 5 == 4", ints(5, 9), ints(1, 1), None);
        check("network.depth == 3", ints(3, 3), ints(1, 1), yes);
        check("network.depth in [1, 2]", ints(3, 9), ints(1, 1), no);
        check("network.depth not in [1, 2]", ints(3, 9), ints(1, 1), yes);
        check("init.kind == 'uniform'", ints(1, 1), ints(1, 1), no);
        check("init.kind == 'file'", ints(1, 1), ints(1, 1), None);
        check(
            "init.kind in ['file', 'gaussian']",
            ints(1, 1),
            ints(1, 1),
            yes,
        );
        check(
            "problem.whiten and network.depth > 3",
            ints(1, 3),
            ints(1, 1),
            no,
        );
        check(
            "problem.whiten or network.depth > 3",
            ints(4, 5),
            ints(1, 1),
            yes,
        );
        let null = Known::Exactly(None);
        check("network.depth == 3 or 1 < 2", null.clone(), ints(1, 1), yes);
        check("network.depth != 3", null, ints(1, 1), yes);
    }

    /// A random condition on depth and rank, from a few shapes with random numbers.
    fn condition() -> impl Strategy<Value = String> {
        let sum = prop_oneof![
            Just("network.depth".to_owned()),
            Just("problem.rank".to_owned()),
            (1i64..5).prop_map(|n| n.to_string()),
        ];
        let signs = select(vec!["+", "-", "*", "/", "%"]);
        let sum = (sum.clone(), signs, sum).prop_map(|(a, op, b)| format!("({a} {op} {b})"));
        let signs = select(vec!["<", "<=", ">", ">=", "==", "!="]);
        let comparison = (sum.clone(), signs, sum).prop_map(|(a, op, b)| format!("{a} {op} {b}"));
        comparison.prop_recursive(3, 8, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
                inner.prop_map(|a| format!("not ({a})")),
            ]
        })
    }

    proptest! {
        #[test]
        fn decisions_agree_with_every_point(
            text in condition(),
            depth in (-4i64..5, 0i64..4),
            rank in (-4i64..5, 0i64..4),
        ) {
            // A literal zero divisor cannot come up; an unlucky text is simply another.
            let expr = Expr::parse(&text).expect("a condition");
            let known = |key: &'static Key| match key.name {
                "network.depth" => ints(depth.0, depth.0 + depth.1),
                _ => ints(rank.0, rank.0 + rank.1),
            };
            let mut seen = [false, false];
            for d in depth.0..=depth.0 + depth.1 {
                for r in rank.0..=rank.0 + rank.1 {
                    let point = |name: &str| {
                        Some(Value::Int(if name == "network.depth" { d } else { r }))
                    };
                    seen[usize::from(expr.eval(&point))] = true;
                    let exactly = |key: &'static Key| Known::Exactly(point(key.name));
                    prop_assert_eq!(expr.decide(&exactly), Some(expr.eval(&point)), "{}", text);
                }
            }
            match expr.decide(&known) {
                Some(answer) => prop_assert!(!seen[usize::from(!answer)], "{}", text),
                None => prop_assert!(seen != [false, false]),
            }
        }
    }
}
