//! What the digits of an index stand for: where each key gets its value from, and which axes that can depend
//! on.
//!
//! Settled values, once for each combination of the axes that decide something, are in `templates`; what is
//! known of a key over a whole box in `known`; the way back from values to digits in `find`.

use std::collections::BTreeSet;

use super::radix::Radix;
use super::template::{Deciding, Free};
use crate::axis::Axis;
use crate::error::{Mistake, SweepError};
use crate::keys::{Id, Key, KeyKind, Lookup, keys, reads, settle_all};
use crate::refs::Arrays;
use crate::spec::Spec;
use crate::value::Value;
use crate::values::Values;

/// What a sweep says about a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Written {
    Nothing,
    Fixed(Value),
    /// The column `position` of that axis.
    Axis {
        axis: usize,
        position: usize,
    },
}

/// The product of a spec's axes, its files loaded.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) spec: Spec,
    pub(crate) arrays: Arrays,
    pub(crate) radix: Radix,
    /// One a key.
    pub(super) written: Vec<Written>,
    /// One a key: the axes that its settled value can depend on, ascending.
    pub(super) reach: Vec<Vec<usize>>,
    /// One a key: the axes that decide whether it applies, ascending.
    pub(super) gates: Vec<Vec<usize>>,
    /// One a column of each axis: its values ascend or descend, so the ends of a part bound the part.
    pub(super) monotone: Vec<Vec<bool>>,
    pub(super) free: Vec<Free>,
    pub(super) deciding: Deciding,
}

impl Layout {
    /// # Errors
    /// A product of more than 2^64 points.
    pub(crate) fn new(spec: Spec, arrays: Arrays) -> Result<Layout, SweepError> {
        let lens = spec.axes.iter().map(Axis::len).collect();
        let radix = Radix::new(lens).ok_or_else(|| too_large(&spec))?;
        let written = written(&spec);
        let (reach, gates) = reaches(&written);
        let decides = deciding_keys(&spec, &written, &gates, &arrays);
        let decides = |key: &'static Key| decides[key.id as usize];
        let monotone = spec
            .axes
            .iter()
            .map(|axis| axis.values.iter().map(Values::is_monotone).collect())
            .collect();
        Ok(Layout {
            free: Free::of(&spec, &decides),
            deciding: Deciding::new(&spec, &decides),
            spec,
            arrays,
            radix,
            written,
            reach,
            gates,
            monotone,
        })
    }

    /// What the sweep says about a key.
    pub(crate) fn written(&self, id: Id) -> &Written {
        &self.written[id as usize]
    }

    /// The axes that the settled value of a key can depend on, ascending.
    pub(crate) fn reach(&self, id: Id) -> &[usize] {
        &self.reach[id as usize]
    }

    /// What is written for a key at the digits that `digit` gives by axis.
    pub(crate) fn written_at(
        &self,
        key: &'static Key,
        digit: &dyn Fn(usize) -> u64,
    ) -> Option<Value> {
        match &self.written[key.id as usize] {
            Written::Nothing => None,
            Written::Fixed(value) => Some(value.clone()),
            Written::Axis { axis, position } => {
                Some(self.spec.axes[*axis].value(*position, digit(*axis)))
            }
        }
    }

    /// A table that names a file, with the hash of the file's content instead of its name: what stands in
    /// rows and identities. `None` for every other value.
    pub(crate) fn with_hash(&self, value: &Value) -> Option<Value> {
        let table = value.as_table()?;
        let hash = self.arrays.hash_of_file(table.get("file")?.as_str()?)?;
        let mut table = table.clone();
        table.insert("file".to_owned(), Value::text(hash));
        Some(Value::Table(table))
    }

    /// The value as it stands in rows and identities.
    pub(crate) fn shown(&self, value: Value) -> Value {
        self.with_hash(&value).unwrap_or(value)
    }
}

/// The error of a grid with too many points, at its last axis.
pub(super) fn too_large(spec: &Spec) -> SweepError {
    let last = spec.axes.last().and_then(|axis| axis.keys.first());
    let place = last.and_then(|key| spec.source.place(key.name));
    SweepError::new(Mistake::GridTooLarge)
        .at(place)
        .help("take fewer or shorter axes")
}

fn written(spec: &Spec) -> Vec<Written> {
    let mut written: Vec<Written> = keys()
        .iter()
        .map(|key| match spec.fixed.get(key.name) {
            Some(value) => Written::Fixed(value.clone()),
            None => Written::Nothing,
        })
        .collect();
    // A seed read from a file is an i64.
    let seed = i64::try_from(spec.seed).unwrap_or(i64::MAX);
    written[Id::Seed as usize] = Written::Fixed(Value::Int(seed));
    for (axis, columns) in spec.axes.iter().enumerate() {
        for (position, key) in columns.keys.iter().enumerate() {
            written[key.id as usize] = Written::Axis { axis, position };
        }
    }
    written
}

/// For each key the axes that its value can depend on, and those that decide whether it applies.
fn reaches(written: &[Written]) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let own = |id: Id| match &written[id as usize] {
        Written::Axis { axis, .. } => Some(*axis),
        _ => None,
    };
    let mut reach: Vec<Vec<usize>> = Vec::with_capacity(written.len());
    let mut gates: Vec<Vec<usize>> = Vec::with_capacity(written.len());
    for key in keys() {
        // Everything that a key looks at stands before it, so its reach is there already.
        let mut gate = BTreeSet::new();
        for control in key.controls() {
            gate.extend(&reach[*control as usize]);
            gate.extend(own(*control));
        }
        let mut all = gate.clone();
        all.extend(own(key.id));
        all.extend(key.leaves().iter().filter_map(|leaf| own(leaf.id)));
        let is_written = written[key.id as usize] != Written::Nothing;
        for read in reads(key, is_written).chain(key.parent) {
            all.extend(&reach[read as usize]);
        }
        reach.push(all.into_iter().collect());
        gates.push(gate.into_iter().collect());
    }
    (reach, gates)
}

/// One a key: it decides more than its own value, namely whether another key applies, its default, or a table that
/// it is a part of.
fn deciding_keys(
    spec: &Spec,
    written: &[Written],
    gates: &[Vec<usize>],
    arrays: &Arrays,
) -> Vec<bool> {
    let at_first = |key: &'static Key| match &written[key.id as usize] {
        Written::Nothing => None,
        Written::Fixed(value) => Some(value.clone()),
        Written::Axis { axis, position } => Some(spec.axes[*axis].value(*position, 0)),
    };
    let first = settle_all(&at_first, arrays);
    let mut decides = vec![false; written.len()];
    for key in keys() {
        let never = gates[key.id as usize].is_empty() && !key.applies.eval(&Lookup::new(&first));
        if never {
            continue;
        }
        let is_written = written[key.id as usize] != Written::Nothing;
        for id in reads(key, is_written).chain(key.controls().iter().copied()) {
            decides[id as usize] = true;
        }
    }
    for key in keys() {
        decides[key.id as usize] |= key.parent.is_some()
            || !key.leaves().is_empty()
            || matches!(key.kind, KeyKind::Table(_));
    }
    decides
}
