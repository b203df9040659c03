//! Values in order, for frames that move: adding, taking out and the k-th value without sorting again.

use std::cmp::Ordering;

/// The most values of a chunk. A step moves at most one chunk and passes over the lengths of all; 10^7 values are
/// 20,000 chunks.
const CHUNK: usize = 1024;

/// A sorted list in chunks. No chunk is empty.
pub(super) struct Sorted<T> {
    chunks: Vec<Vec<T>>,
    order: fn(&T, &T) -> Ordering,
}

impl<T> Sorted<T> {
    pub(super) fn new(mut values: Vec<T>, order: fn(&T, &T) -> Ordering) -> Self {
        values.sort_unstable_by(order);
        let mut chunks = Vec::new();
        let mut values = values.into_iter();
        loop {
            // Half full, so that the first values do not split each chunk.
            let chunk: Vec<T> = values.by_ref().take(CHUNK / 2).collect();
            if chunk.is_empty() {
                return Self { chunks, order };
            }
            chunks.push(chunk);
        }
    }

    /// The first chunk whose last value is not before `value`.
    fn chunk_of(&self, value: &T) -> usize {
        self.chunks.partition_point(|chunk| {
            chunk
                .last()
                .is_some_and(|last| (self.order)(last, value) == Ordering::Less)
        })
    }

    pub(super) fn insert(&mut self, value: T) {
        let order = self.order;
        if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
        }
        let index = self.chunk_of(&value).min(self.chunks.len() - 1);
        let chunk = &mut self.chunks[index];
        let place = chunk.partition_point(|other| order(other, &value) == Ordering::Less);
        chunk.insert(place, value);
        if chunk.len() > CHUNK {
            let upper = chunk.split_off(CHUNK / 2);
            self.chunks.insert(index + 1, upper);
        }
    }

    /// Takes out one value equal to `value`; nothing happens if there is none.
    pub(super) fn remove(&mut self, value: &T) {
        let order = self.order;
        let index = self.chunk_of(value);
        let Some(chunk) = self.chunks.get_mut(index) else {
            return;
        };
        let place = chunk.partition_point(|other| order(other, value) == Ordering::Less);
        if chunk
            .get(place)
            .is_some_and(|other| order(other, value) == Ordering::Equal)
        {
            chunk.remove(place);
        }
        if chunk.is_empty() {
            self.chunks.remove(index);
        }
    }

    pub(super) fn get(&self, mut index: usize) -> Option<&T> {
        for chunk in &self.chunks {
            if let Some(value) = chunk.get(index) {
                return Some(value);
            }
            index -= chunk.len();
        }
        None
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}
