//! What the scheduler asks of interval sets beyond what they offer. The cost follows the smaller operand or the result, not
//! the larger set: a sweep's sets may hold very many runs, an event's hold few.

use std::ops::Range;

use sweep::IntervalSet;

/// The set of one range.
pub(crate) fn of(range: Range<u64>) -> IntervalSet {
    let mut set = IntervalSet::new();
    set.insert(range);
    set
}

pub(crate) fn first_run(set: &IntervalSet) -> Option<Range<u64>> {
    set.runs().next()
}

/// One past the greatest number.
pub(crate) fn end(set: &IntervalSet) -> Option<u64> {
    set.runs().next_back().map(|run| run.end)
}

pub(crate) fn ranges(set: &IntervalSet) -> Vec<Range<u64>> {
    set.runs().collect()
}

/// Numbers of `a` that are not in `b`.
pub(crate) fn minus(a: &IntervalSet, b: &IntervalSet) -> IntervalSet {
    if b.is_empty() {
        return a.clone();
    }
    let mut rest = IntervalSet::new();
    for run in a.runs() {
        for gap in gaps(b, run) {
            rest.insert(gap);
        }
    }
    rest
}

/// Whether every number of `a` is in `b`.
pub(crate) fn within(a: &IntervalSet, b: &IntervalSet) -> bool {
    a.runs().all(|run| b.next_gap(run.start, run.end).is_none())
}

/// The runs of `range` that are not in `set`, rising.
pub(crate) fn gaps(set: &IntervalSet, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut from = range.start;
    let end = range.end;
    std::iter::from_fn(move || {
        if from >= end {
            return None;
        }
        let gap = set.next_gap(from, end)?;
        let gap = gap.start.max(from)..gap.end.min(end);
        from = gap.end;
        Some(gap)
    })
}

/// The smallest `count` numbers.
pub(crate) fn first(set: &IntervalSet, count: u64) -> IntervalSet {
    let mut taken = IntervalSet::new();
    let mut left = count;
    for run in set.runs() {
        if left == 0 {
            break;
        }
        let end = run.end.min(run.start.saturating_add(left));
        left -= end - run.start;
        taken.insert(run.start..end);
    }
    taken
}

/// The greatest `count` numbers.
pub(crate) fn last(set: &IntervalSet, count: u64) -> IntervalSet {
    let total = set.len();
    if count >= total {
        return set.clone();
    }
    minus(set, &first(set, total - count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[Range<u64>]) -> IntervalSet {
        let mut set = IntervalSet::new();
        for range in ranges {
            set.insert(range.clone());
        }
        set
    }

    fn check(found: IntervalSet, expected: &[Range<u64>]) {
        assert_eq!(ranges(&found), expected);
    }

    #[test]
    fn set_operations() {
        let a = set(&[0..10, 20..30, 40..41]);
        let b = set(&[5..22, 29..45]);
        check(minus(&a, &b), &[0..5, 22..29]);
        check(minus(&b, &a), &[10..20, 30..40, 41..45]);
        check(minus(&a, &IntervalSet::new()), &[0..10, 20..30, 40..41]);
        check(first(&a, 12), &[0..10, 20..22]);
        check(last(&a, 3), &[28..30, 40..41]);
        check(last(&a, 99), &[0..10, 20..30, 40..41]);
        check(first(&a, 0), &[]);
        assert_eq!((end(&a), end(&IntervalSet::new())), (Some(41), None));
        assert!(within(&set(&[1..3, 25..30]), &a));
        assert!(!within(&set(&[1..3, 25..31]), &a));
        assert_eq!(
            gaps(&a, 5..45).collect::<Vec<_>>(),
            [10..20, 30..40, 41..45]
        );
    }
}
