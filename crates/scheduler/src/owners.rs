//! Which lease a leased number belongs to, as runs: so a late report finds the leases that it overtakes without looking
//! at all of them. Copies of a lease are not in here; they hang on the lease that is.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::LeaseId;

/// Disjoint runs of numbers, each with its lease.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    /// Start of a run: its end and its lease.
    runs: BTreeMap<u64, (u64, LeaseId)>,
    /// Numbers in all runs.
    len: u64,
}

impl Owners {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Every run, rising.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (Range<u64>, LeaseId)> {
        self.runs
            .iter()
            .map(|(&start, &(end, lease))| (start..end, lease))
    }

    /// Gives `range`, of which nothing may be owned, to `lease`.
    pub(crate) fn insert(&mut self, range: Range<u64>, lease: LeaseId) {
        debug_assert!(
            self.pieces(range.clone()).is_empty(),
            "numbers of {range:?} are owned already"
        );
        if range.is_empty() {
            return;
        }
        self.len += range.end - range.start;
        self.runs.insert(range.start, (range.end, lease));
    }

    /// The owned pieces of `range`, rising.
    pub(crate) fn pieces(&self, range: Range<u64>) -> Vec<(Range<u64>, LeaseId)> {
        let mut found = Vec::new();
        if range.is_empty() {
            return found;
        }
        let before = self.runs.range(..range.start).next_back();
        let inside = self.runs.range(range.clone());
        for (&start, &(end, lease)) in before.into_iter().chain(inside) {
            let piece = start.max(range.start)..end.min(range.end);
            if !piece.is_empty() {
                found.push((piece, lease));
            }
        }
        found
    }

    /// Takes `range` from its owners and returns the pieces with their owners.
    pub(crate) fn remove(&mut self, range: Range<u64>) -> Vec<(Range<u64>, LeaseId)> {
        let pieces = self.pieces(range);
        for (piece, lease) in &pieces {
            let Some((&start, &(end, _))) = self.runs.range(..=piece.start).next_back() else {
                continue;
            };
            self.runs.remove(&start);
            if start < piece.start {
                self.runs.insert(start, (piece.start, *lease));
            }
            if piece.end < end {
                self.runs.insert(piece.end, (end, *lease));
            }
            self.len -= piece.end - piece.start;
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: LeaseId = LeaseId(1);
    const B: LeaseId = LeaseId(2);

    fn owners() -> Owners {
        let mut owners = Owners::default();
        owners.insert(0..10, A);
        owners.insert(10..20, B);
        owners.insert(30..40, A);
        owners
    }

    fn check(
        removed: Range<u64>,
        pieces: &[(Range<u64>, LeaseId)],
        left: &[(Range<u64>, LeaseId)],
    ) {
        let mut owners = owners();
        assert_eq!(owners.pieces(removed.clone()), pieces);
        assert_eq!(owners.remove(removed), pieces);
        assert_eq!(owners.runs().collect::<Vec<_>>(), left);
        let len: u64 = left.iter().map(|(run, _)| run.end - run.start).sum();
        assert_eq!(owners.len(), len);
    }

    #[test]
    fn removal_splits_runs() {
        check(
            3..5,
            &[(3..5, A)],
            &[(0..3, A), (5..10, A), (10..20, B), (30..40, A)],
        );
        check(
            8..35,
            &[(8..10, A), (10..20, B), (30..35, A)],
            &[(0..8, A), (35..40, A)],
        );
        check(20..30, &[], &[(0..10, A), (10..20, B), (30..40, A)]);
        check(0..100, &[(0..10, A), (10..20, B), (30..40, A)], &[]);
        check(5..5, &[], &[(0..10, A), (10..20, B), (30..40, A)]);
        check(
            19..20,
            &[(19..20, B)],
            &[(0..10, A), (10..19, B), (30..40, A)],
        );
    }
}
