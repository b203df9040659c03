//! A condition on one point.
//!
//! Arithmetic on integers is exact; every float result is rounded to 15 digits, as the points of axes are, so
//! that `init.scale + 0.1 == 0.3` means what it says.

use super::decimal;
use super::expr::{Arithmetic, Comparison, Expr};
use super::walk::{Domain, truth};
use crate::keys::Key;
use crate::value::{Value, round_15};

impl Expr {
    /// Whether the condition holds where `get` gives the value of a key by name: `None` for a key that does not
    /// apply or is null.
    pub fn eval(&self, get: &dyn Fn(&str) -> Option<Value>) -> bool {
        truth(&self.root, &OnePoint(get))
    }
}

/// One point: every value is known.
struct OnePoint<'a>(&'a dyn Fn(&str) -> Option<Value>);

impl Domain for OnePoint<'_> {
    type Truth = bool;
    type Known = Option<Value>;

    fn literal(value: &Value) -> Option<Value> {
        Some(value.clone())
    }

    fn key(&self, key: &'static Key) -> Option<Value> {
        (self.0)(key.name)
    }

    fn scalar(value: Option<Value>) -> Option<Value> {
        scalar(value)
    }

    fn negate(value: Option<Value>) -> Option<Value> {
        negate(value?)
    }

    fn arithmetic(op: Arithmetic, left: &Option<Value>, right: &Option<Value>) -> Option<Value> {
        arithmetic(op, left.as_ref()?, right.as_ref()?)
    }

    fn compare(op: Comparison, left: &Option<Value>, right: &Option<Value>) -> bool {
        compare(op, left.as_ref(), right.as_ref())
    }

    fn is_true(value: &Option<Value>) -> bool {
        is_true(value.as_ref())
    }

    fn is_null(value: &Option<Value>) -> bool {
        value.is_none()
    }

    fn of_truth(truth: bool) -> Option<Value> {
        Some(Value::Bool(truth))
    }

    fn each(value: &Option<Value>, test: &dyn Fn(&Option<Value>) -> bool) -> bool {
        test(value)
    }
}

/// Whether a value that stands as a condition makes it hold.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    value == Some(&Value::Bool(true))
}

/// Lists and tables read as null where only single values can be meant.
pub(super) fn scalar(value: Option<Value>) -> Option<Value> {
    value.filter(|value| !matches!(value, Value::List(_) | Value::Table(_)))
}

/// False if either side is null. The order of values of two kinds means nothing.
pub(super) fn compare(op: Comparison, left: Option<&Value>, right: Option<&Value>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) if op.is_order() => {
            left.as_float().is_some() && right.as_float().is_some() && op.holds(left.cmp(right))
        }
        (Some(left), Some(right)) => op.holds(left.cmp(right)),
        _ => false,
    }
}

pub(super) fn negate(value: Value) -> Option<Value> {
    match value {
        Value::Int(i) => Some(
            i.checked_neg()
                .map_or(Value::Float(-(i as f64)), Value::Int),
        ),
        other => float(-other.as_float()?),
    }
}

/// `None` if a side is no number, the result is none (a division by zero), or it is too large for a float.
pub(super) fn arithmetic(op: Arithmetic, left: &Value, right: &Value) -> Option<Value> {
    if let (Value::Int(a), Value::Int(b)) = (left, right) {
        let exact = match op {
            Arithmetic::Add => a.checked_add(*b),
            Arithmetic::Subtract => a.checked_sub(*b),
            Arithmetic::Multiply => a.checked_mul(*b),
            Arithmetic::Divide => None,
            // Rounded down, so that the result has the sign of the divisor.
            Arithmetic::Remainder | Arithmetic::BinaryRemainder => {
                let rest = a.checked_rem(*b)?;
                Some(if rest != 0 && (rest < 0) != (*b < 0) {
                    rest + b
                } else {
                    rest
                })
            }
        };
        if let Some(exact) = exact {
            return Some(Value::Int(exact));
        }
    }
    let (a, b) = (left.as_float()?, right.as_float()?);
    float(match op {
        Arithmetic::Remainder => decimal::remainder(left, right)?,
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
        Arithmetic::BinaryRemainder => a - b * (a / b).floor(),
    })
}

fn float(x: f64) -> Option<Value> {
    x.is_finite().then(|| Value::Float(round_15(x)))
}

#[cfg(test)]
mod tests {
    use super::super::expr::Rules;
    use super::*;

    fn check_under(rules: Rules, text: &str, expected: bool) {
        let get = |name: &str| match name {
            "network.depth" => Some(Value::Int(4)),
            "network.width" => Some(Value::Int(5)),
            "problem.rank" => Some(Value::Int(7)),
            "init.kind" => Some(Value::text("uniform")),
            "init.scale" => Some(Value::Float(0.2)),
            "problem.whiten" => Some(Value::Bool(true)),
            "problem.singular_values" => Some(Value::List(vec![Value::Int(2), Value::Int(1)])),
            "measure.metrics" => Some(Value::List(
                ["train_loss", "spectrum"].map(Value::text).to_vec(),
            )),
            _ => None,
        };
        let expr = Expr::parse_under(text, rules).expect(text);
        assert_eq!(expr.eval(&get), expected, "{text} under {rules:?}");
    }

    fn check(text: &str, expected: bool) {
        check_under(Rules::Second, text, expected);
    }

    #[test]
    fn comparisons_and_arithmetic() {
        check("problem.rank <= network.width / 2", false);
        check("network.depth == 4 and init.kind == 'uniform'", true);
        check("not (network.depth == 4 and init.kind == 'uniform')", false);
        check("network.width / 2 == 2.5", true);
        check("-problem.rank % 4 == 1", true);
        check("problem.rank % -4 == -1", true);
        check("7.5 % 2 == 1.5", true);
        check("1 + 2 * 3 == 7 and (1 + 2) * 3 == 9", true);
        check("10 - 3 - 2 == 5", true);
        check("init.scale + 0.1 == 0.3", true);
        check("init.scale * 10 == 2", true);
        check("9007199254740993 + 0 == 9007199254740993", true);
        check("1e-3 * 1000 == 1", true);
        check("network.depth in [1, 2, 3 + 1]", true);
        check("init.kind not in ['gaussian', \"uniform\"]", false);
        check("problem.whiten", true);
        check("not problem.whiten or network.depth > 3", true);
        check("problem.whiten == (network.depth == 4)", true);
        check("network.depth != 4", false);
    }

    #[test]
    fn null_equals_nothing() {
        check("optimizer.momentum == 0.9", false);
        check("optimizer.momentum != 0.9", true);
        check("not (optimizer.momentum == 0.9)", true);
        check("optimizer.momentum in [0.9]", false);
        check("optimizer.momentum not in [0.9]", true);
        check("optimizer.momentum == optimizer.momentum", false);
        check("init.scale == init.scale", true);
        check(
            "optimizer.momentum < 0.9 or optimizer.momentum >= 0.9",
            false,
        );
        check("optimizer.momentum + 1 > 0", false);
        check("optimizer.momentum + 1 != 0", true);
        check("-optimizer.momentum < 0", false);
        check("1 / (network.depth - 4) > 0", false);
        check("1 % (network.depth - 4) == 0", false);
        check("1e308 * 10 > 0", false);
        check("problem.inputs.draw != 'gaussian'", true);
    }

    #[test]
    fn lists_are_compared_whole() {
        check("problem.singular_values == 'flat'", false);
        check("problem.singular_values != 'flat'", true);
        check("problem.singular_values == [2, 1]", true);
        // Their order means nothing.
        check("problem.singular_values == [1, 2.0]", true);
        check("problem.singular_values != [2, 1, 0]", true);
        check("problem.singular_values in [[3], [1, 2]]", true);
        check("problem.singular_values not in ['flat', [3]]", true);
        check("measure.metrics == ['spectrum', 'train_loss']", true);
        check("measure.metrics != []", true);
        check("network.width != [5, 5]", true);
        check("network.width in [[5, 5], 5]", true);
        check("network.width == init.scale", false);
    }

    #[test]
    fn decimals_are_what_is_written() {
        check("0.3 % 0.1 == 0 and 0.7 % 0.1 == 0", true);
        check("init.scale % 0.1 == 0", true);
        check("0.35 % 0.1 == 0.05", true);
        check("-7.5 % 2 == 0.5 and 7.5 % -2 == -0.5", true);
    }

    #[test]
    fn the_first_rules_stay() {
        let check = |text: &str, expected: bool| check_under(Rules::First, text, expected);
        check("optimizer.momentum != 0.9", false);
        check("not (optimizer.momentum == 0.9)", true);
        check("optimizer.momentum not in [0.9]", false);
        check("problem.singular_values == 'flat'", false);
        check("problem.singular_values != 'flat'", false);
        check("0.3 % 0.1 == 0", false);
        check("7.5 % 2 == 1.5 and 7 % 2 == 1", true);
    }
}
