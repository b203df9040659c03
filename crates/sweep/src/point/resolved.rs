//! The settled values of one point.

use std::sync::Arc;

use super::identity::{TrialId, text};
use crate::error::SweepError;
use crate::keys::{Id, index_of};
use crate::refs::Arrays;
use crate::value::Value;

/// One point of a grid: a value for every key that applies. Two points are equal when all values are.
#[derive(Clone, Debug)]
pub struct Point {
    values: Vec<Option<Value>>,
    files: Arc<[(Id, Value)]>,
}

impl PartialEq for Point {
    fn eq(&self, other: &Point) -> bool {
        self.values == other.values
    }
}

impl Eq for Point {}

impl Point {
    /// `files`: for each key that names a file, its table as written; in `values` the content's hash stands
    /// instead of the name.
    pub(crate) fn new(values: Vec<Option<Value>>, files: Arc<[(Id, Value)]>) -> Point {
        Point { values, files }
    }

    /// The value of a key by its dotted name; `None` if it does not apply, is null, or is no key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(index_of(key)?)?.as_ref()
    }

    /// One a key, in the order of [`crate::keys()`]: what the parameter columns of a row hold.
    pub fn values(&self) -> &[Option<Value>] {
        &self.values
    }

    /// See [`TrialId`]; 32 hexadecimal digits.
    pub fn id(&self) -> String {
        self.trial_id().as_str().to_owned()
    }

    /// The same without an allocation for the result.
    pub fn trial_id(&self) -> TrialId {
        TrialId::of(&text(&self.values, &mut |_, _| false))
    }

    /// The experiment that the point describes, the files' arrays taken from `arrays`.
    ///
    /// # Errors
    /// What contradicts itself or does not fit an array, naming the key.
    pub fn trial(&self, arrays: &Arrays) -> Result<dln::Trial, SweepError> {
        let written;
        let values = if self.files.is_empty() {
            &self.values
        } else {
            written = with_files(&self.values, &self.files);
            &written
        };
        super::trial(values, arrays).map_err(super::Fault::without_place)
    }
}

/// The values with the names of files instead of their hashes, as the lookup of arrays needs them.
fn with_files(values: &[Option<Value>], files: &[(Id, Value)]) -> Vec<Option<Value>> {
    let mut written = values.to_vec();
    for (id, table) in files {
        written[*id as usize] = Some(table.clone());
    }
    written
}
