//! Conditions on the keys of a point, as data: where a key applies, where a default holds, what a check is for.
//!
//! A condition is evaluated over one point or over what is known of many ([`Facts`]). What it looks at is derived from
//! it ([`Condition::reads`]), and so are its words (`words`).

use super::id::Id;
use crate::logic::Truth;

/// A condition on the values of keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    Always,
    /// The key has one of these names.
    Is(Id, &'static [&'static str]),
    /// The key holds a table that names a file.
    HasFile(Id),
    /// The key applies and has a value.
    IsSet(Id),
    AtLeast(Id, i64),
    Not(&'static Condition),
    All(&'static [Condition]),
    Any(&'static [Condition]),
}

/// For keys that always apply.
pub(crate) const ALWAYS: Condition = Condition::Always;

/// What is known of the keys that a condition looks at.
pub(crate) trait Facts {
    type Truth: Truth;

    fn is(&self, id: Id, names: &[&str]) -> Self::Truth;
    fn has_file(&self, id: Id) -> Self::Truth;
    fn is_set(&self, id: Id) -> Self::Truth;
    fn is_at_least(&self, id: Id, number: i64) -> Self::Truth;
}

/// What a condition looks at of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Read {
    Value(Id),
    /// Whether it names a file, which no other key can change.
    File(Id),
}

impl Read {
    pub(crate) fn id(self) -> Id {
        match self {
            Read::Value(id) | Read::File(id) => id,
        }
    }
}

impl Condition {
    pub(crate) fn eval<F: Facts>(&self, facts: &F) -> F::Truth {
        match *self {
            Condition::Always => Truth::of(true),
            Condition::Is(id, names) => facts.is(id, names),
            Condition::HasFile(id) => facts.has_file(id),
            Condition::IsSet(id) => facts.is_set(id),
            Condition::AtLeast(id, number) => facts.is_at_least(id, number),
            Condition::Not(inner) => inner.eval(facts).opposite(),
            Condition::All(parts) => Truth::all(parts.iter().map(|part| part.eval(facts))),
            Condition::Any(parts) => Truth::any(parts.iter().map(|part| part.eval(facts))),
        }
    }

    /// Everything that the condition looks at, each once.
    pub(crate) fn reads(&self) -> Vec<Read> {
        let mut reads = Vec::new();
        self.collect(&mut reads);
        reads.sort_unstable();
        reads.dedup();
        reads
    }

    fn collect(&self, reads: &mut Vec<Read>) {
        match *self {
            Condition::Always => {}
            Condition::Is(id, _) | Condition::IsSet(id) | Condition::AtLeast(id, _) => {
                reads.push(Read::Value(id));
            }
            Condition::HasFile(id) => reads.push(Read::File(id)),
            Condition::Not(inner) => inner.collect(reads),
            Condition::All(parts) | Condition::Any(parts) => {
                for part in parts {
                    part.collect(reads);
                }
            }
        }
    }
}
