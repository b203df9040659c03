//! A table and what was found out about its rows: indexes by hash and lists of texts, each made once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::lookup::Index;
use super::order::{By, Texts};
use super::source::Source;
use super::values::Type;

/// A table and what was found out about its rows so far.
pub(super) struct Table {
    source: Source,
    indexes: RefCell<HashMap<Vec<usize>, Rc<Index>>>,
    texts: RefCell<HashMap<usize, Option<Rc<Texts>>>>,
}

impl Table {
    /// Nothing is known yet.
    pub(super) fn new(source: Source) -> Table {
        Table {
            source,
            indexes: RefCell::default(),
            texts: RefCell::default(),
        }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn has_one_row_a_trial(&self) -> bool {
        self.source.column("step").is_none()
    }

    /// Whether the rows can be put in this order.
    ///
    /// # Errors
    /// A part that cannot be read.
    pub(super) fn can_sort(&self, order: &[By]) -> rusqlite::Result<bool> {
        if u32::try_from(self.source.contents()?.rows).is_err() {
            return Ok(false);
        }
        // Codes of at most 64 bits each, and keys of 128.
        let mut bits = 0;
        for by in order {
            bits += match self.source.columns[by.column].kind {
                Type::Text if self.texts(by.column)?.is_none() => return Ok(false),
                Type::Text => 22,
                Type::Boolean => 2,
                Type::Integer => 32,
                Type::Real | Type::Timestamp => 64,
            };
        }
        Ok(bits <= 128)
    }

    pub(super) fn texts(&self, column: usize) -> rusqlite::Result<Option<Rc<Texts>>> {
        if let Some(texts) = self.texts.borrow().get(&column) {
            return Ok(texts.clone());
        }
        let texts = Texts::list(&self.source, column)?.map(Rc::new);
        self.texts.borrow_mut().insert(column, texts.clone());
        Ok(texts)
    }

    pub(super) fn index(&self, key: &[usize]) -> rusqlite::Result<Rc<Index>> {
        if let Some(index) = self.indexes.borrow().get(key) {
            return Ok(Rc::clone(index));
        }
        let index = Rc::new(Index::build(&self.source, key)?);
        let mut indexes = self.indexes.borrow_mut();
        indexes.insert(key.to_vec(), Rc::clone(&index));
        Ok(index)
    }
}
