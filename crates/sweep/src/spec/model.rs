//! The parsed and validated sweep.
//!
//! Plain data with its places in the text. It is made in `build` and written back in `write`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::axis::Axis;
use crate::error::{Mistake, Place, SourceText, SweepError};
use crate::filter::{Filter, Rules};
use crate::keys::{ALWAYS, FILES, Facts, Id, keys};
use crate::plots::Plot;
use crate::refs::ArrayRef;
use crate::value::Value;

/// A sweep: what is fixed, what varies, what is left out. Single values are checked; what depends on several
/// keys or on files is checked by `Grid::new`.
#[derive(Clone, Debug)]
pub struct Spec {
    pub name: String,
    /// Seed of every draw. Also the key `seed` of [`crate::keys()`].
    pub seed: u64,
    /// Trials to run on both engines.
    pub verify: u64,
    /// In the order of the product: `[axes]` in file order, then each `[[zip]]`. The last is fastest.
    pub axes: Vec<Axis>,
    /// What the file sets and does not sweep, canonical, by key name. Leaves of tables stand under their own
    /// name where they were set so.
    pub fixed: BTreeMap<&'static str, Value>,
    pub filter: Filter,
    /// How strictly data files are read. Only a run folder that was begun under earlier rules has others than the
    /// newest: whoever opens a folder says so.
    pub reading: Rules,
    /// Pictures that `parsimony plot` draws: no part of the grid.
    pub plots: Vec<Plot>,
    pub source: Source,
    pub(super) warnings: Vec<String>,
}

impl PartialEq for Spec {
    /// Equal sweeps, wherever they were written.
    fn eq(&self, other: &Spec) -> bool {
        self.name == other.name
            && self.seed == other.seed
            && self.verify == other.verify
            && self.axes == other.axes
            && self.fixed == other.fixed
            && self.filter == other.filter
            && self.plots == other.plots
            && (self.reading == other.reading || self.array_refs().is_empty())
    }
}

impl Spec {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn verify(&self) -> u64 {
        self.verify
    }

    /// Things that are allowed but hardly meant, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// Every value that `key` is given anywhere: fixed, along its axis if that is a list, in an include.
    pub fn written_values(&self, key: &str) -> Vec<Value> {
        let fixed = self.fixed.get(key).cloned();
        let swept = self.axes.iter().flat_map(|axis| {
            axis.keys
                .iter()
                .zip(&axis.values)
                .filter(|(swept, _)| swept.name == key)
                .filter_map(|(_, values)| values.listed())
                .flat_map(|list| list.to_vec())
        });
        let included = self
            .filter
            .include
            .iter()
            .filter_map(|point| point.get(key).cloned());
        fixed.into_iter().chain(swept).chain(included).collect()
    }

    /// Every distinct array that a trial may read, in a stable order. Keys that apply to no trial, since no
    /// trial has the kind that reads them, are left out.
    pub fn array_refs(&self) -> Vec<ArrayRef> {
        let mut arrays = BTreeSet::new();
        for &(id, role) in FILES {
            let key = &keys()[id as usize];
            if key.applies.eval(self) == Some(false) {
                continue;
            }
            for value in self.written_values(key.name) {
                arrays.extend(ArrayRef::all_of(role, &value));
            }
        }
        arrays.into_iter().collect()
    }

    /// The names that a key takes in some trial, the default included unless it is overridden everywhere.
    pub(super) fn names_of(&self, id: Id) -> BTreeSet<String> {
        let key = &keys()[id as usize];
        let mut names: BTreeSet<String> = self
            .written_values(key.name)
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect();
        let swept = self.axes.iter().any(|axis| axis.keys.contains(&key));
        if !swept && !self.fixed.contains_key(key.name) {
            names.extend(
                key.fixed_default()
                    .and_then(|value| value.as_str().map(str::to_owned)),
            );
        }
        names
    }

    /// Every distinct file that a trial may read, as written, sorted.
    pub fn file_names(&self) -> Vec<String> {
        let files: BTreeSet<String> = self
            .array_refs()
            .into_iter()
            .map(|array| array.file)
            .collect();
        files.into_iter().collect()
    }
}

/// What is known of the trials of a sweep: what is true of all, or of none.
impl Facts for Spec {
    type Truth = Option<bool>;

    fn is(&self, id: Id, names: &[&str]) -> Option<bool> {
        let key = &keys()[id as usize];
        if *key.applies != ALWAYS || key.parent.is_some() {
            return None;
        }
        let is_one = |name: &String| names.contains(&name.as_str());
        let found = self.names_of(id);
        match (found.iter().any(is_one), found.iter().all(is_one)) {
            (false, _) => Some(false),
            (true, true) => Some(true),
            (true, false) => None,
        }
    }

    fn has_file(&self, _: Id) -> Option<bool> {
        None
    }

    fn is_set(&self, _: Id) -> Option<bool> {
        None
    }

    fn is_at_least(&self, _: Id, _: i64) -> Option<bool> {
        None
    }
}

/// Where things are written.
#[derive(Clone, Debug)]
pub struct Source {
    pub text: Arc<SourceText>,
    /// The value of each key that is fixed or swept, or the value in `--set` that replaced it.
    pub(super) keys: BTreeMap<&'static str, Place>,
    /// The values of each axis that is a list, by key; as long as the list.
    pub(super) values: BTreeMap<&'static str, Vec<Place>>,
    pub(super) condition: Option<Place>,
    /// One a point of `exclude` and `include`.
    pub(super) excluded: Vec<Place>,
    pub(super) included: Vec<Place>,
}

impl Source {
    pub fn file_name(&self) -> &str {
        &self.text.name
    }

    /// Bytes of the file at which `key` is given a value; `None` if it is not, or if `--set` gave it.
    pub fn span(&self, key: &str) -> Option<Range<usize>> {
        let place = self.keys.get(key)?;
        Arc::ptr_eq(&place.source, &self.text).then(|| place.span.clone())
    }

    /// Where `key` is given a value.
    pub fn place(&self, key: &str) -> Option<Place> {
        self.keys.get(key).cloned()
    }

    /// Where the value at position `j` of the axis of `key` is written: the value itself in a list, else the
    /// whole axis.
    pub fn value_place(&self, key: &str, j: u64) -> Option<Place> {
        let listed = self.values.get(key).and_then(|places| {
            let j = usize::try_from(j).ok()?;
            places.get(j).cloned()
        });
        listed.or_else(|| self.place(key))
    }

    /// Where `where` is written.
    pub fn condition_place(&self) -> Option<Place> {
        self.condition.clone()
    }

    /// Where the `i`-th point of `exclude` is written.
    pub fn exclude_place(&self, i: usize) -> Option<Place> {
        self.excluded.get(i).cloned()
    }

    /// Where the `i`-th point of `include` is written.
    pub fn include_place(&self, i: usize) -> Option<Place> {
        self.included.get(i).cloned()
    }

    /// `mistake` pointing at the place where `key` is given its value.
    pub fn error(&self, key: &str, mistake: Mistake) -> SweepError {
        SweepError::new(mistake).at(self.place(key))
    }
}
