//! What each key depends on, derived from its entry: nothing here is written down twice, so nothing can be forgotten.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::condition::Read;
use super::kind::{Key, Preset};
use super::{Id, keys};

/// What one key depends on.
struct Depends {
    controls: Vec<Id>,
    by_default: Vec<Id>,
    by_completion: Vec<Id>,
}

/// One a key.
fn table() -> &'static [Depends] {
    static TABLE: OnceLock<Vec<Depends>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Vec::with_capacity(keys().len());
        for key in keys() {
            let mut controls = BTreeSet::new();
            for read in key.applies.reads() {
                reach(&table, read, &mut controls);
            }
            table.push(Depends {
                controls: controls.into_iter().collect(),
                by_default: match key.parent {
                    // Read from its table, which looks at what the default depends on.
                    Some(_) => Vec::new(),
                    None => by_default(key),
                },
                by_completion: by_completion(key),
            });
        }
        table
    })
}

/// Adds everything that what is read depends on. All of it stands before the reader in the registry.
fn reach(table: &[Depends], read: Read, found: &mut BTreeSet<Id>) {
    let id = read.id();
    let key = &keys()[id as usize];
    let own = &table[id as usize];
    found.insert(id);
    found.extend(&own.controls);
    match read {
        Read::File(_) => {}
        Read::Value(_) => {
            found.extend(key.leaves().iter().map(|leaf| leaf.id));
            found.extend(key.parent);
            for &further in own.by_default.iter().chain(&own.by_completion) {
                reach(table, Read::Value(further), found);
            }
        }
    }
}

fn by_default(key: &Key) -> Vec<Id> {
    match key.default {
        Preset::Derived(derived) => distinct(derived.rule.reads()),
        Preset::None
        | Preset::Int(_)
        | Preset::Float(_)
        | Preset::Bool(_)
        | Preset::Name(_)
        | Preset::Names(_)
        | Preset::Kind(_) => Vec::new(),
    }
}

/// A table is completed with the fields that apply, at their defaults.
fn by_completion(key: &Key) -> Vec<Id> {
    let of_leaves = key.leaves().iter().flat_map(|leaf| {
        let conditions = leaf.applies.reads().into_iter().map(Read::id);
        conditions.chain(by_default(leaf))
    });
    let is_own = |id: Id| id == key.id || keys()[id as usize].parent == Some(key.id);
    distinct(of_leaves.filter(|&id| !is_own(id)))
}

fn distinct(ids: impl IntoIterator<Item = Id>) -> Vec<Id> {
    let ids: BTreeSet<Id> = ids.into_iter().collect();
    ids.into_iter().collect()
}

impl Key {
    /// Every key that decides whether this one applies, the deciders of the deciders included, so that a condition
    /// over a grid is one over the axes of these keys alone.
    pub fn controls(&self) -> &'static [Id] {
        &table()[self.id as usize].controls
    }
}

/// Every key that the settled value of `key` looks at, apart from those that decide whether it applies.
pub(crate) fn reads(key: &Key, is_written: bool) -> impl Iterator<Item = Id> + use<> {
    let own = &table()[key.id as usize];
    let by_default: &[Id] = if is_written { &[] } else { &own.by_default };
    by_default.iter().chain(&own.by_completion).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_depends_on_stands_before_it() {
        for key in keys() {
            for id in key.controls().iter().copied().chain(reads(key, false)) {
                assert!(id < key.id, "{}: {id:?}", key.name);
            }
        }
    }

    #[test]
    fn deciders_of_deciders_are_derived() {
        let check = |id: Id, expected: &[Id]| {
            assert_eq!(keys()[id as usize].controls(), expected, "{id:?}");
        };
        check(Id::ProblemKind, &[]);
        check(
            Id::ProblemSamplesPerClass,
            &[
                Id::ProblemKind,
                Id::ProblemLabels,
                Id::ProblemTargets,
                Id::ProblemClasses,
            ],
        );
        check(
            Id::ProblemInputsRank,
            &[Id::ProblemKind, Id::ProblemInputs, Id::ProblemInputsDraw],
        );
        check(
            Id::ProblemDim,
            &[
                Id::ProblemKind,
                Id::ProblemTarget,
                Id::ProblemLabels,
                Id::ProblemTargets,
                Id::ProblemClasses,
                Id::ProblemInputs,
                Id::ProblemInputsDim,
                Id::ProblemOutputsDim,
            ],
        );
        // The default depth is the number of weights where these come from a file.
        check(
            Id::NetworkWidth,
            &[
                Id::TrainEngine,
                Id::InitKind,
                Id::InitWeights,
                Id::NetworkDepth,
            ],
        );
    }
}
