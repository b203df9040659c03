//! The one evaluator of conditions: over a single point, and over a whole box of points.
//!
//! What differs between the two is what is known of a key and of the results of arithmetic: a [`Domain`]. The domains
//! are in `eval` and `decide`.

use super::expr::{Arithmetic, Comparison, ExprNode};
use crate::keys::Key;
use crate::logic::Truth;
use crate::value::Value;

/// What is known of values, and what follows for the parts of a condition.
pub(super) trait Domain {
    type Truth: Truth;
    /// A value, or what is known of it; null among others.
    type Known;

    fn literal(value: &Value) -> Self::Known;

    /// A key with its lists and tables.
    fn key(&self, key: &'static Key) -> Self::Known;

    /// Lists and tables read as null.
    fn scalar(known: Self::Known) -> Self::Known;

    fn negate(known: Self::Known) -> Self::Known;

    fn arithmetic(op: Arithmetic, left: &Self::Known, right: &Self::Known) -> Self::Known;

    fn compare(op: Comparison, left: &Self::Known, right: &Self::Known) -> Self::Truth;

    /// Whether it is the truth value "true".
    fn is_true(known: &Self::Known) -> Self::Truth;

    /// Whether it is surely null.
    fn is_null(known: &Self::Known) -> bool;

    fn of_truth(truth: Self::Truth) -> Self::Known;

    /// The answer of `test`, put to every value there can be.
    fn each(known: &Self::Known, test: &dyn Fn(&Self::Known) -> Self::Truth) -> Self::Truth;
}

pub(super) fn truth<D: Domain>(node: &ExprNode, domain: &D) -> D::Truth {
    match node {
        ExprNode::Not(inner) => truth(inner, domain).opposite(),
        ExprNode::And(parts) => Truth::all(parts.iter().map(|part| truth(part, domain))),
        ExprNode::Or(parts) => Truth::any(parts.iter().map(|part| truth(part, domain))),
        ExprNode::Compare { op, left, right } => {
            D::compare(*op, &value(left, domain), &value(right, domain))
        }
        ExprNode::In {
            item,
            list,
            negated,
        } => contains(&value(item, domain), list, *negated, domain),
        ExprNode::Literal(_)
        | ExprNode::Key(_)
        | ExprNode::Whole(_)
        | ExprNode::Negate(_)
        | ExprNode::Arithmetic { .. } => D::is_true(&value(node, domain)),
    }
}

fn contains<D: Domain>(item: &D::Known, list: &[ExprNode], negated: bool, domain: &D) -> D::Truth {
    D::each(item, &|item| {
        if D::is_null(item) {
            // A null is neither in a list nor not in it.
            return Truth::of(false);
        }
        let equal = |node| D::compare(Comparison::Equal, item, &value(node, domain));
        let found = D::Truth::any(list.iter().map(equal));
        if negated { found.opposite() } else { found }
    })
}

fn value<D: Domain>(node: &ExprNode, domain: &D) -> D::Known {
    match node {
        ExprNode::Literal(value) => D::literal(value),
        ExprNode::Key(key) => D::scalar(domain.key(key)),
        ExprNode::Whole(key) => domain.key(key),
        ExprNode::Negate(inner) => D::negate(value(inner, domain)),
        ExprNode::Arithmetic { op, left, right } => {
            D::arithmetic(*op, &value(left, domain), &value(right, domain))
        }
        ExprNode::Not(_)
        | ExprNode::And(_)
        | ExprNode::Or(_)
        | ExprNode::Compare { .. }
        | ExprNode::In { .. } => D::of_truth(truth(node, domain)),
    }
}
