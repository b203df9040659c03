//! The settled values of one point.

use std::borrow::Cow;
use std::sync::Arc;

use super::identity::{TrialId, text};
use crate::error::SweepError;
use crate::keys::{Id, index_of};
use crate::refs::Arrays;
use crate::value::Value;

/// What points take from files.
#[derive(Debug, Default)]
pub(crate) struct FromFiles {
    /// For each key that names a file, its table as written; in the values of a point the content's hash
    /// stands instead of the name.
    pub(crate) tables: Vec<(Id, Value)>,
    /// Sizes that the files bring, by the key that sets them where the data are drawn. They stand in rows and
    /// not in identities: the files' hashes decide them.
    pub(crate) sizes: Vec<(Id, Value)>,
}

/// One point of a grid: a value for every key that applies. Two points are equal when all values are.
#[derive(Clone, Debug)]
pub struct Point {
    values: Vec<Option<Value>>,
    files: Arc<FromFiles>,
}

impl PartialEq for Point {
    fn eq(&self, other: &Point) -> bool {
        self.values == other.values
    }
}

impl Eq for Point {}

impl Point {
    pub(crate) fn new(values: Vec<Option<Value>>, files: Arc<FromFiles>) -> Point {
        Point { values, files }
    }

    /// The value of a key by its dotted name; `None` if it does not apply, is null, or is no key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(index_of(key)?)?.as_ref()
    }

    /// One a key, in the order of [`crate::keys()`]: what the identity covers.
    pub fn values(&self) -> &[Option<Value>] {
        &self.values
    }

    /// One a key: what the parameter columns of a row hold. A table that names a file has the file's name for people
    /// and the content's `hash` next to it, and the sizes of data from files stand under the keys that set them for
    /// drawn data.
    pub fn row(&self) -> Cow<'_, [Option<Value>]> {
        if self.files.tables.is_empty() {
            return Cow::Borrowed(&self.values);
        }
        let mut values = self.values.clone();
        self.files.complete(&mut values);
        Cow::Owned(values)
    }

    /// The value of a key as the sweep file writes it: with the names of files, and no hash.
    pub fn written(&self, key: &str) -> Option<&Value> {
        let id = index_of(key)?;
        let mut tables = self.files.tables.iter();
        let file = tables.find(|(file, _)| *file as usize == id);
        match file {
            Some((_, table)) => Some(table),
            None => self.values.get(id)?.as_ref(),
        }
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
        let values = if self.files.tables.is_empty() {
            &self.values
        } else {
            written = self.as_written();
            &written
        };
        super::trial(values, arrays).map_err(super::Fault::without_place)
    }

    /// The values with the names of files instead of their hashes, as the lookup of arrays needs them.
    pub(crate) fn as_written(&self) -> Vec<Option<Value>> {
        let mut written = self.values.clone();
        for (id, table) in &self.files.tables {
            written[*id as usize] = Some(table.clone());
        }
        written
    }
}

impl FromFiles {
    /// Puts the names of files, as the sweep writes them, next to the hashes of their contents, and the sizes where
    /// the values of a row stand.
    pub(crate) fn complete(&self, values: &mut [Option<Value>]) {
        for (id, written) in &self.tables {
            let Some(Value::Table(table)) = &mut values[*id as usize] else {
                continue;
            };
            if let Some(name) = written.field("file")
                && let Some(hash) = table.insert("file".to_owned(), name.clone())
            {
                table.insert("hash".to_owned(), hash);
            }
        }
        for (id, size) in &self.sizes {
            values[*id as usize] = Some(size.clone());
        }
    }
}
