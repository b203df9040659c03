//! Conditions in words, for the reference of keys.

use super::condition::Condition;
use super::{Id, keys};

impl Condition {
    /// The condition in words: "`problem.kind` is completion and `problem.mask` names no file".
    pub fn words(&self) -> String {
        self.worded(false)
    }

    fn worded(&self, negated: bool) -> String {
        let name = |id: Id| format!("`{}`", keys()[id as usize].name);
        let or = |yes: &'static str, no: &'static str| if negated { no } else { yes };
        match *self {
            Condition::Always => or("always", "never").to_owned(),
            Condition::Is(id, names) => {
                format!("{} {} {}", name(id), or("is", "is not"), names.join(" or "))
            }
            Condition::HasFile(id) => {
                format!("{} names {} file", name(id), or("a", "no"))
            }
            Condition::IsSet(id) => format!("{} {} set", name(id), or("is", "is not")),
            Condition::AtLeast(id, number) => {
                format!("{} is {} {number}", name(id), or("at least", "below"))
            }
            Condition::Not(inner) => inner.worded(!negated),
            Condition::All(parts) => joined(parts, negated, or(" and ", " or ")),
            Condition::Any(parts) => joined(parts, negated, or(" or ", " and ")),
        }
    }
}

fn joined(parts: &[Condition], negated: bool, word: &str) -> String {
    let parts: Vec<String> = parts
        .iter()
        .map(|part| {
            let words = part.worded(negated);
            match part {
                Condition::All(_) | Condition::Any(_) => format!("({words})"),
                Condition::Always
                | Condition::Is(..)
                | Condition::HasFile(_)
                | Condition::IsSet(_)
                | Condition::AtLeast(..)
                | Condition::Not(_) => words,
            }
        })
        .collect();
    parts.join(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::apply;

    #[test]
    fn conditions_have_words() {
        let check = |condition: &Condition, expected: &str| {
            assert_eq!(condition.words(), expected);
        };
        check(
            &apply::TARGET,
            "`problem.kind` is factorization or completion",
        );
        check(
            &apply::OBSERVED,
            "`problem.kind` is completion and `problem.mask` names no file",
        );
        check(
            &apply::RANK_ESTIMATE,
            "`train.engine` is factored and `init.kind` is not file",
        );
        check(&apply::HIDDEN, "`network.depth` is at least 2");
        check(
            &Condition::Not(&Condition::Any(&[apply::OBSERVED, apply::FACTORED])),
            "(`problem.kind` is not completion or `problem.mask` names a file) and `train.engine` is not factored",
        );
    }
}
