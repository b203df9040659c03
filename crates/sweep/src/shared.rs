//! Arrays that several sweeps read: equal parts of files of equal content are kept once, as long as a sweep has them.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use dln::GivenMatrix;

use crate::refs::{ArrayRef, Arrays, Loaded};

/// What sweeps have at present.
#[derive(Debug, Default)]
pub struct SharedArrays(BTreeMap<(String, ArrayRef), Weak<GivenMatrix>>);

impl SharedArrays {
    /// Nothing.
    pub const fn new() -> SharedArrays {
        SharedArrays(BTreeMap::new())
    }

    /// The same arrays; those that another sweep has already are that sweep's.
    pub fn share(&mut self, arrays: Arrays) -> Arrays {
        self.0.retain(|_, array| array.strong_count() > 0);
        let mut shared = Arrays::new();
        for (array, Loaded { array: read, hash }) in arrays {
            let key = (hash.clone(), nameless(&array));
            let known = self.0.get(&key).and_then(Weak::upgrade);
            // Earlier rules may have read the file in another way.
            let known = known.filter(|known| ***known == **read);
            let read = known.unwrap_or_else(|| {
                self.0.insert(key, Arc::downgrade(&read));
                read
            });
            shared.insert(array, Loaded { array: read, hash });
        }
        shared
    }
}

/// The reference without the file's name, whose ending says how it is read.
fn nameless(array: &ArrayRef) -> ArrayRef {
    let name = array.file.to_ascii_lowercase();
    let name = name.rsplit('/').next().unwrap_or_default();
    let ending = name.split_once('.').map_or("", |(_, ending)| ending);
    ArrayRef {
        file: ending.to_owned(),
        ..array.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refs::{Columns, Role};

    fn of(file: &str, hash: &str, columns: Option<(u64, u64)>) -> (ArrayRef, Arrays) {
        let array = ArrayRef {
            role: Role::Inputs,
            file: file.to_owned(),
            array: None,
            columns: columns.map(|(start, end)| Columns::range(start, end)),
            scale_text: None,
            transpose: false,
            header: false,
        };
        let mut arrays = Arrays::new();
        let loaded = Loaded {
            array: Arc::new(ndarray::Array2::zeros((1, 1)).into()),
            hash: hash.to_owned(),
        };
        arrays.insert(array.clone(), loaded);
        (array, arrays)
    }

    #[test]
    fn equal_content_read_in_the_same_way_is_kept_once_and_let_go() {
        let mut shared = SharedArrays::default();
        let mut take = |file: &str, hash: &str, columns| {
            let (array, arrays) = of(file, hash, columns);
            Arc::clone(&shared.share(arrays).get(&array).unwrap().array)
        };
        let first = take("a/x.npy", "1", None);
        assert!(Arc::ptr_eq(&first, &take("b/y.npy", "1", None)));
        assert!(!Arc::ptr_eq(&first, &take("x.npy", "2", None)));
        assert!(!Arc::ptr_eq(&first, &take("x.csv", "1", None)));
        assert!(!Arc::ptr_eq(&first, &take("x.npy", "1", Some((0, 1)))));
        let was = Arc::downgrade(&first);
        drop(first);
        take("x.npy", "3", None);
        assert!(was.upgrade().is_none() && shared.0.len() <= 2);
    }
}
