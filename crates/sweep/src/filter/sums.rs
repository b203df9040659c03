//! A condition as a function of a few sums over its keys: `network.depth * 7 + problem.rank * 13`, the same sum
//! modulo 5, or one key by itself.
//!
//! Points with equal sums are equal to the condition, so a grid can be counted over the values of the sums instead
//! of over its points. How that is done is in `grid::sums`.

use std::collections::BTreeMap;

use super::expr::{Arithmetic, Expr, ExprNode};
use crate::keys::{Id, Key, keys};
use crate::value::Value;

/// Different sums in one condition. Each multiplies the number of combinations that are counted, so more of them
/// are of no use.
const MAX_FORMS: usize = 8;

/// What is known of a key over a box of points.
pub(crate) enum Part {
    /// The same value everywhere.
    Constant(Value),
    /// Integers from the first to the second.
    Int(i64, i64),
    /// Any values, never null.
    Other,
}

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    /// The constant and each key times its factor; of that the remainder, where there is a modulus.
    Sum {
        terms: BTreeMap<Id, i64>,
        constant: i64,
        /// Positive.
        modulus: Option<i64>,
    },
    /// The value of a key.
    Key(Id),
}

/// A condition and the forms that it is a function of.
#[derive(Debug)]
pub(crate) struct Forms {
    pub(crate) forms: Vec<Form>,
    /// The condition with the `i`-th form written as the `i`-th key of the registry.
    stand_in: Expr,
}

impl Expr {
    /// The forms of the condition over a box of points; `None` where `part` knows nothing of a key that it reads, or
    /// where there are too many.
    pub(crate) fn forms(&self, part: &dyn Fn(&'static Key) -> Option<Part>) -> Option<Forms> {
        let mut forms = Vec::new();
        let root = rebuild(&self.root, part, &mut forms)?;
        Some(Forms {
            forms,
            stand_in: Expr {
                text: String::new(),
                root,
                rules: self.rules,
            },
        })
    }
}

impl Forms {
    /// Whether the condition holds where its forms have these values.
    pub(crate) fn holds(&self, values: &[Value]) -> bool {
        self.stand_in.eval(&|name| {
            let slot = keys().iter().position(|key| key.name == name)?;
            values.get(slot).cloned()
        })
    }
}

/// The node with its forms replaced by their stand-ins.
fn rebuild(
    node: &ExprNode,
    part: &dyn Fn(&'static Key) -> Option<Part>,
    forms: &mut Vec<Form>,
) -> Option<ExprNode> {
    if let Some(sum) = linear(node, part) {
        return slot(sum.form(None), forms);
    }
    let mut again = |node: &ExprNode| rebuild(node, part, forms);
    Some(match node {
        ExprNode::Literal(value) => ExprNode::Literal(value.clone()),
        ExprNode::Key(key) => match part(key)? {
            Part::Constant(value) => ExprNode::Literal(value),
            Part::Int(..) | Part::Other => slot(Form::Key(key.id), forms)?,
        },
        ExprNode::Whole(key) => match part(key)? {
            Part::Constant(value) => ExprNode::Literal(value),
            Part::Int(..) | Part::Other => match slot(Form::Key(key.id), forms)? {
                ExprNode::Key(stand_in) => ExprNode::Whole(stand_in),
                other => other,
            },
        },
        ExprNode::Not(inner) => ExprNode::Not(Box::new(again(inner)?)),
        ExprNode::Negate(inner) => ExprNode::Negate(Box::new(again(inner)?)),
        ExprNode::And(parts) => ExprNode::And(parts.iter().map(again).collect::<Option<_>>()?),
        ExprNode::Or(parts) => ExprNode::Or(parts.iter().map(again).collect::<Option<_>>()?),
        ExprNode::Arithmetic { op, left, right } => {
            // Of integers both are exact.
            if matches!(op, Arithmetic::Remainder | Arithmetic::BinaryRemainder)
                && let (Some(sum), Some(divisor)) = (linear(left, part), linear(right, part))
                && divisor.terms.is_empty()
                && divisor.constant > 0
            {
                return slot(sum.form(Some(divisor.constant)), forms);
            }
            ExprNode::Arithmetic {
                op: *op,
                left: Box::new(again(left)?),
                right: Box::new(again(right)?),
            }
        }
        ExprNode::Compare { op, left, right } => ExprNode::Compare {
            op: *op,
            left: Box::new(again(left)?),
            right: Box::new(again(right)?),
        },
        ExprNode::In {
            item,
            list,
            negated,
        } => ExprNode::In {
            item: Box::new(again(item)?),
            list: list.iter().map(again).collect::<Option<_>>()?,
            negated: *negated,
        },
    })
}

/// The stand-in of a form; the number, where it has no keys.
fn slot(form: Form, forms: &mut Vec<Form>) -> Option<ExprNode> {
    if let Form::Sum {
        terms, constant, ..
    } = &form
        && terms.is_empty()
    {
        return Some(ExprNode::Literal(Value::Int(*constant)));
    }
    let known = forms.iter().position(|other| *other == form);
    let slot = known.unwrap_or_else(|| {
        forms.push(form);
        forms.len() - 1
    });
    (slot < MAX_FORMS).then(|| ExprNode::Key(&keys()[slot]))
}

/// Integers times keys.
struct Linear {
    terms: BTreeMap<Id, i64>,
    constant: i64,
    /// No part of the sum is larger, whatever its sign: all of it is exact in 64 bits, as in `eval`.
    bound: i128,
}

impl Linear {
    fn constant(constant: i64) -> Linear {
        Linear {
            terms: BTreeMap::new(),
            constant,
            bound: i128::from(constant).abs(),
        }
    }

    fn form(self, modulus: Option<i64>) -> Form {
        let reduced = |x: i64| modulus.map_or(x, |modulus| x.rem_euclid(modulus));
        let terms = self.terms.into_iter().map(|(id, by)| (id, reduced(by)));
        Form::Sum {
            terms: terms.filter(|(_, by)| *by != 0).collect(),
            constant: reduced(self.constant),
            modulus,
        }
    }

    fn scaled(mut self, by: i64) -> Option<Linear> {
        for factor in self.terms.values_mut() {
            *factor = factor.checked_mul(by)?;
        }
        self.constant = self.constant.checked_mul(by)?;
        self.bound = self.bound.checked_mul(i128::from(by).abs().max(1))?;
        self.exact()
    }

    fn plus(mut self, other: Linear) -> Option<Linear> {
        for (id, by) in other.terms {
            let factor = self.terms.entry(id).or_insert(0);
            *factor = factor.checked_add(by)?;
        }
        self.constant = self.constant.checked_add(other.constant)?;
        self.bound = self.bound.checked_add(other.bound)?;
        self.exact()
    }

    fn exact(self) -> Option<Linear> {
        (self.bound <= i128::from(i64::MAX)).then_some(self)
    }
}

fn linear(node: &ExprNode, part: &dyn Fn(&'static Key) -> Option<Part>) -> Option<Linear> {
    match node {
        ExprNode::Literal(Value::Int(number)) => Some(Linear::constant(*number)),
        ExprNode::Key(key) | ExprNode::Whole(key) => match part(key)? {
            Part::Constant(value) => Some(Linear::constant(value.as_int()?)),
            Part::Int(low, high) => Some(Linear {
                terms: BTreeMap::from([(key.id, 1)]),
                constant: 0,
                bound: i128::from(low).abs().max(i128::from(high).abs()),
            }),
            Part::Other => None,
        },
        ExprNode::Negate(inner) => linear(inner, part)?.scaled(-1),
        ExprNode::Arithmetic { op, left, right } => {
            let (left, right) = (linear(left, part)?, linear(right, part)?);
            match op {
                Arithmetic::Add => left.plus(right),
                Arithmetic::Subtract => left.plus(right.scaled(-1)?),
                Arithmetic::Multiply if left.terms.is_empty() => right.scaled(left.constant),
                Arithmetic::Multiply if right.terms.is_empty() => left.scaled(right.constant),
                Arithmetic::Multiply
                | Arithmetic::Divide
                | Arithmetic::Remainder
                | Arithmetic::BinaryRemainder => None,
            }
        }
        ExprNode::Literal(_)
        | ExprNode::Not(_)
        | ExprNode::And(_)
        | ExprNode::Or(_)
        | ExprNode::Compare { .. }
        | ExprNode::In { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Depth from 1 to 9, rank 5, momentum a float, the kind unknown.
    fn part(key: &'static Key) -> Option<Part> {
        match key.name {
            "network.depth" | "train.steps" => Some(Part::Int(1, 9)),
            "problem.rank" => Some(Part::Constant(Value::Int(5))),
            "init.scale" => Some(Part::Other),
            _ => None,
        }
    }

    fn forms(text: &str) -> Option<Vec<Form>> {
        let expr = Expr::parse(text).expect(text);
        expr.forms(&part).map(|forms| forms.forms)
    }

    fn sum(terms: &[(Id, i64)], constant: i64, modulus: Option<i64>) -> Form {
        Form::Sum {
            terms: terms.iter().copied().collect(),
            constant,
            modulus,
        }
    }

    #[test]
    fn sums_are_found_and_reduced() {
        use Id::{NetworkDepth as Depth, TrainSteps as Steps};
        assert_eq!(
            forms("(network.depth * 7 - problem.rank + 3 * -train.steps) % 5 == 2"),
            Some(vec![sum(&[(Depth, 2), (Steps, 2)], 0, Some(5))])
        );
        assert_eq!(
            forms("network.depth + train.steps < 4 or train.steps + network.depth == 9"),
            Some(vec![sum(&[(Depth, 1), (Steps, 1)], 0, None)])
        );
        assert_eq!(
            forms("init.scale * 2 > network.depth / problem.rank"),
            Some(vec![Form::Key(Id::InitScale), sum(&[(Depth, 1)], 0, None)])
        );
        assert_eq!(forms("problem.rank % 2 == 1"), Some(vec![]));
        assert_eq!(
            forms("network.depth * train.steps == 4"),
            Some(vec![
                sum(&[(Depth, 1)], 0, None),
                sum(&[(Steps, 1)], 0, None)
            ])
        );
        assert_eq!(forms("init.kind == 'uniform'"), None);
        // Beyond 64 bits a sum is a float.
        let text = "network.depth * 9223372036854775807 % 5 == 1";
        assert_eq!(
            forms(text),
            None.or(Some(vec![sum(&[(Depth, 1)], 0, None)]))
        );
    }

    #[test]
    fn a_condition_is_a_function_of_its_forms() {
        let expr =
            Expr::parse("(network.depth * 7 + train.steps) % 5 in [1, 2] and init.scale > 1")
                .expect("a condition");
        let forms = expr.forms(&part).expect("two forms");
        assert_eq!(forms.forms.len(), 2);
        let holds = |rest, scale| forms.holds(&[Value::Int(rest), Value::Float(scale)]);
        assert!(holds(2, 1.5) && !holds(3, 1.5) && !holds(1, 1.0));
    }
}
