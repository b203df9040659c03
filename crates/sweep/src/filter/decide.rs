//! A condition on a whole box of points at once: it holds everywhere, fails everywhere, or that is not known.
//!
//! Keys are known as one value, as a few, or as numbers between two; arithmetic carries the bounds along. Float
//! arithmetic and its rounding never change the order of two results, so bounds computed at the ends are bounds
//! of everything between.

use super::eval::{arithmetic, compare, is_true, negate, scalar};
use super::expr::{Arithmetic, Comparison, Expr};
use super::walk::{Domain, truth};
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
        truth(&self.root, &Points(known))
    }
}

/// A box of points: values are known as far as [`Known`] says.
struct Points<'a>(&'a dyn Fn(&'static Key) -> Known);

impl Domain for Points<'_> {
    type Truth = Option<bool>;
    type Known = Known;

    fn literal(value: &Value) -> Known {
        Known::Exactly(Some(value.clone()))
    }

    fn key(&self, key: &'static Key) -> Known {
        (self.0)(key)
    }

    fn scalar(known: Known) -> Known {
        match known {
            Known::Exactly(value) => Known::Exactly(scalar(value)),
            Known::Among(values) => Known::Among(values.into_iter().map(scalar).collect()),
            Known::Between(..) | Known::Unknown => known,
        }
    }

    fn negate(known: Known) -> Known {
        negate_known(known)
    }

    fn arithmetic(op: Arithmetic, left: &Known, right: &Known) -> Known {
        arithmetic_known(op, left, right)
    }

    fn compare(op: Comparison, left: &Known, right: &Known) -> Option<bool> {
        compare_known(op, left, right)
    }

    fn is_true(known: &Known) -> Option<bool> {
        match known {
            Known::Exactly(value) => Some(is_true(value.as_ref())),
            Known::Among(values) => agree(values.iter().map(|value| Some(is_true(value.as_ref())))),
            Known::Between(..) | Known::Unknown => None,
        }
    }

    fn is_null(known: &Known) -> bool {
        *known == Known::Exactly(None)
    }

    fn of_truth(truth: Option<bool>) -> Known {
        match truth {
            Some(truth) => Known::Exactly(Some(Value::Bool(truth))),
            None => Known::Among(vec![Some(Value::Bool(false)), Some(Value::Bool(true))]),
        }
    }

    fn each(known: &Known, test: &dyn Fn(&Known) -> Option<bool>) -> Option<bool> {
        match known {
            Known::Among(values) => {
                let one = |value: &Option<Value>| test(&Known::Exactly(value.clone()));
                agree(values.iter().map(one))
            }
            Known::Unknown => None,
            Known::Exactly(_) | Known::Between(..) => test(known),
        }
    }
}

/// The answer that all have.
fn agree(mut answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let first = answers.next()??;
    answers.all(|answer| answer == Some(first)).then_some(first)
}

fn compare_known(op: Comparison, left: &Known, right: &Known) -> Option<bool> {
    if matches!(left, Known::Exactly(None)) || matches!(right, Known::Exactly(None)) {
        return Some(false);
    }
    if let (Some(lefts), Some(rights)) = (listed(left), listed(right)) {
        if lefts.len().saturating_mul(rights.len()) > MAX_PAIRS {
            return None;
        }
        return agree(lefts.iter().flat_map(|left| {
            rights
                .iter()
                .map(move |right| Some(compare(op, left.as_ref(), right.as_ref())))
        }));
    }
    let (low, high) = bounds(left)?;
    let (other_low, other_high) = bounds(right)?;
    let below = high < other_low;
    let above = low > other_high;
    let same = low == high && other_low == other_high && low == other_low;
    let decided = |holds: bool, fails: bool| (holds || fails).then_some(holds);
    match op {
        Comparison::Less => decided(below, low >= other_high),
        Comparison::LessOrEqual => decided(high <= other_low, above),
        Comparison::Greater => decided(above, high <= other_low),
        Comparison::GreaterOrEqual => decided(low >= other_high, below),
        Comparison::Equal => decided(same, below || above),
        Comparison::Unequal => decided(below || above, same),
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
