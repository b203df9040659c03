//! A point in the making: the values settled so far, read by key.
//!
//! Conditions and defaults of a key look at the keys before it through this view.

use super::condition::Facts;
use super::id::Id;
use crate::value::Value;

/// Values by key, in the order of [`super::keys`]. A key that does not apply, has no value, or is not settled
/// yet reads as `None`.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    slots: &'a [Option<Value>],
    #[cfg(test)]
    read: Option<&'a Recorded>,
}

/// The keys that were read.
#[cfg(test)]
pub(crate) type Recorded = std::cell::RefCell<std::collections::BTreeSet<Id>>;

impl<'a> Lookup<'a> {
    /// `slots[i]` belongs to `keys()[i]`; the slice may end early.
    pub fn new(slots: &'a [Option<Value>]) -> Lookup<'a> {
        Lookup {
            slots,
            #[cfg(test)]
            read: None,
        }
    }

    /// A view that writes down what is read.
    #[cfg(test)]
    pub(crate) fn recorded(slots: &'a [Option<Value>], read: &'a Recorded) -> Lookup<'a> {
        Lookup {
            slots,
            read: Some(read),
        }
    }

    pub fn get(&self, id: Id) -> Option<&'a Value> {
        #[cfg(test)]
        if let Some(read) = self.read {
            read.borrow_mut().insert(id);
        }
        self.slots.get(id as usize)?.as_ref()
    }

    /// The value of a key that takes names.
    pub fn name(&self, id: Id) -> Option<&'a str> {
        self.get(id)?.as_str()
    }

    pub fn int(&self, id: Id) -> Option<i64> {
        self.get(id)?.as_int()
    }

    pub fn float(&self, id: Id) -> Option<f64> {
        self.get(id)?.as_float()
    }

    pub fn bool(&self, id: Id) -> Option<bool> {
        self.get(id)?.as_bool()
    }

    /// A field of a key that holds a table.
    pub fn field(&self, id: Id, name: &str) -> Option<&'a Value> {
        self.get(id)?.field(name)
    }

    /// The key holds a table that names a file.
    pub fn has_file(&self, id: Id) -> bool {
        self.field(id, "file").is_some()
    }
}

impl Facts for Lookup<'_> {
    type Truth = bool;

    fn is(&self, id: Id, names: &[&str]) -> bool {
        self.name(id).is_some_and(|name| names.contains(&name))
    }

    fn has_file(&self, id: Id) -> bool {
        Lookup::has_file(self, id)
    }

    fn is_set(&self, id: Id) -> bool {
        self.get(id).is_some()
    }

    fn is_at_least(&self, id: Id, number: i64) -> bool {
        self.int(id).is_some_and(|found| found >= number)
    }
}
