//! The registry itself: one entry a key, in the order of the table's columns.
//!
//! The order is also one in which points can be settled: whatever decides whether a key applies, or what its
//! default is, stands before it. The entries are in `problem_keys` and `trial_keys`.

use super::id::Id;
use super::kind::{FIRST, Key, PLAIN, Preset};
use super::{problem_keys, trial_keys};

/// How many keys there are.
const COUNT: usize = Id::LAST as usize + 1;

static KEYS: [Key; COUNT] = joined([
    OF_THE_SWEEP,
    problem_keys::ENTRIES,
    trial_keys::ENTRIES,
    OF_TESTS,
]);

#[cfg(test)]
const OF_TESTS: &[Key] = &[super::dummy::ENTRY];
#[cfg(not(test))]
const OF_TESTS: &[Key] = &[];

const fn joined(parts: [&[Key]; 4]) -> [Key; COUNT] {
    let mut keys = [PLAIN; COUNT];
    let (mut part, mut filled) = (0, 0);
    while part < parts.len() {
        let mut i = 0;
        while i < parts[part].len() {
            keys[filled] = parts[part][i];
            // Whether a later key has its default must be seen from its value alone; a field of a table that is a later
            // key itself is always written in it.
            let is_derived = matches!(parts[part][i].default, Preset::Derived(_));
            let is_written = match parts[part][i].parent {
                Some(parent) => keys[parent as usize].since > FIRST,
                None => false,
            };
            assert!(parts[part][i].since == FIRST || !is_derived || is_written);
            filled += 1;
            i += 1;
        }
        part += 1;
    }
    // A missing or doubled entry does not compile.
    assert!(filled == COUNT);
    keys
}

/// Every key, in the order of the table's columns. `keys()[id as usize].id == id`.
pub fn keys() -> &'static [Key] {
    &KEYS
}

impl Key {
    /// The keys of the leaves of this key's table, where it has any.
    pub fn leaves(&self) -> &'static [Key] {
        let after = &KEYS[self.id as usize + 1..];
        let count = after
            .iter()
            .take_while(|key| key.parent == Some(self.id))
            .count();
        &after[..count]
    }
}

/// The key of that dotted name.
pub fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Position of the key of that dotted name in [`keys`].
pub fn index_of(name: &str) -> Option<usize> {
    KEYS.iter().position(|key| key.name == name)
}

const OF_THE_SWEEP: &[Key] = &[
    Key {
        id: Id::Seed,
        name: "seed",
        column: "seed",
        doc: "seed of the sweep: with `replicate` it fixes every draw",
        default: Preset::Int(0),
        costs: false,
        sweepable: false,
        ..PLAIN
    },
    Key {
        id: Id::Replicate,
        name: "replicate",
        column: "replicate",
        doc: "number of an independent repeat under the seed; sweep it for error bars",
        default: Preset::Int(0),
        costs: false,
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{ColumnType, KeyKind};

    #[test]
    fn ids_are_positions_and_columns_follow_names() {
        for (i, key) in keys().iter().enumerate() {
            assert_eq!(key.id as usize, i, "{}", key.name);
            assert_eq!(key.column, key.name.replace('.', "_"));
            assert_eq!(index_of(key.name), Some(i));
            assert!(!key.doc.is_empty(), "{}", key.name);
            if let Some(column) = key.list_column {
                assert_eq!(column, format!("{}_list", key.column));
            }
        }
    }

    #[test]
    fn columns_have_the_type_of_their_key() {
        for key in keys() {
            let expected = match key.kind {
                KeyKind::Int { .. } | KeyKind::IntOrList { .. } => ColumnType::Int,
                KeyKind::Float(_) | KeyKind::FloatOrList { .. } => ColumnType::Float,
                KeyKind::Bool => ColumnType::Bool,
                KeyKind::Name(_) | KeyKind::NameList(_) | KeyKind::Spectrum | KeyKind::Table(_) => {
                    ColumnType::Str
                }
            };
            assert_eq!(key.column_type, expected, "{}", key.name);
            let lists = matches!(
                key.kind,
                KeyKind::IntOrList { .. } | KeyKind::FloatOrList { .. }
            );
            assert_eq!(key.list_column.is_some(), lists, "{}", key.name);
        }
    }

    #[test]
    fn leaves_follow_their_table() {
        for key in keys() {
            let Some(parent) = key.parent else { continue };
            let parent = &keys()[parent as usize];
            assert!(parent.id < key.id);
            assert_eq!(format!("{}.{}", parent.name, key.field()), key.name);
        }
    }
}
