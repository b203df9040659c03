//! Which digits of one axis have values that another axis holds as well, without walking over long rules.

use std::ops::Range;

use crate::axis::Axis;
use crate::grid::Verdict;
use crate::value::Value;
use crate::values::Values;

/// Digits that are tried one by one and written down, 8 bytes each. Two rules longer than this, neither a
/// range nor equal, are compared point by point where they are needed.
const MAX_TRIED: u64 = 1 << 20;

/// A set of digits of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum DigitSet {
    /// `count` digits from `first` on, `period` apart.
    Steps { first: u64, period: u64, count: u64 },
    /// Ascending.
    Listed(Vec<u64>),
}

impl DigitSet {
    fn empty() -> DigitSet {
        DigitSet::Listed(Vec::new())
    }

    /// `digits`, from `first` on without a gap.
    fn run(first: u64, count: u64) -> DigitSet {
        DigitSet::Steps {
            first,
            period: 1,
            count,
        }
    }

    /// How many digits of `range` are in the set.
    pub(super) fn count_within(&self, range: &Range<u64>) -> u64 {
        match self {
            DigitSet::Steps {
                first,
                period,
                count,
            } => {
                // Members below a digit.
                let below = |digit: u64| digit.saturating_sub(*first).div_ceil(*period).min(*count);
                below(range.end) - below(range.start)
            }
            DigitSet::Listed(digits) => {
                let below = |digit: u64| digits.partition_point(|&member| member < digit) as u64;
                below(range.end) - below(range.start)
            }
        }
    }

    pub(super) fn verdict(&self, range: &Range<u64>) -> Verdict {
        match self.count_within(range) {
            0 => Verdict::Fails,
            count if count == range.end - range.start => Verdict::Holds,
            _ => Verdict::Depends,
        }
    }
}

/// The digits of `new` whose value is one of `old`; `None` if that takes too long to find.
pub(super) fn shared_column(new: &Values, old: &Values) -> Option<DigitSet> {
    if new == old && new.listed().is_none() {
        return Some(DigitSet::run(0, new.len()));
    }
    if let (Some((start, step)), Some((old_start, old_step))) = (new.steps(), old.steps()) {
        return Some(shared_range(
            (start, step, new.len()),
            (old_start, old_step, old.len()),
        ));
    }
    // A list may repeat a value as a column of a [[zip]], so its own digits are tried; a rule may not.
    let by_new = new.listed().is_some() || new.len() <= old.len();
    if by_new && new.len() <= MAX_TRIED {
        let digits = (0..new.len()).filter(|&j| old.find(&new.get(j)).is_some());
        return Some(DigitSet::Listed(digits.collect()));
    }
    if by_new || old.len() > MAX_TRIED {
        return None;
    }
    let mut digits: Vec<u64> = (0..old.len())
        .filter_map(|i| new.find(&old.get(i)))
        .collect();
    digits.sort_unstable();
    digits.dedup();
    Some(DigitSet::Listed(digits))
}

/// The digits of `new` whose tuple is one of `old`, an axis of the same keys in any order; `None` if the keys
/// are others, or if that takes too long to find.
pub(super) fn shared_axis(new: &Axis, old: &Axis) -> Option<DigitSet> {
    if new.keys.len() != old.keys.len() {
        return None;
    }
    // Where each column of the old axis is in the new one, and the other way round.
    let in_new = positions(old, new)?;
    let in_old = positions(new, old)?;
    if let ([new], [old]) = (new.values.as_slice(), old.values.as_slice()) {
        return shared_column(new, old);
    }
    let step = |values: &Values| Some(values.steps()?.1);
    let parallel = in_new.iter().enumerate().all(|(old_at, &new_at)| {
        let old = step(&old.values[old_at]);
        old.is_some() && old == step(&new.values[new_at])
    });
    if parallel {
        return Some(shared_run(new, old, &in_new, &in_old));
    }
    if new.len() <= MAX_TRIED {
        let digits = (0..new.len()).filter(|&j| find(new, j, old, &in_new).is_some());
        return Some(DigitSet::Listed(digits.collect()));
    }
    if old.len() > MAX_TRIED {
        return None;
    }
    let mut digits: Vec<u64> = (0..old.len())
        .filter_map(|i| find(old, i, new, &in_old))
        .collect();
    digits.sort_unstable();
    Some(DigitSet::Listed(digits))
}

/// For each key of `of`, its position in `within`.
fn positions(of: &Axis, within: &Axis) -> Option<Vec<usize>> {
    of.keys
        .iter()
        .map(|key| within.keys.iter().position(|other| other == key))
        .collect()
}

/// The digit of `to` with the tuple that `from` has at `j`; `columns` are the places of `to`'s keys in
/// `from`.
fn find(from: &Axis, j: u64, to: &Axis, columns: &[usize]) -> Option<u64> {
    let tuple: Vec<Value> = columns.iter().map(|&at| from.value(at, j)).collect();
    to.find(&tuple.iter().collect::<Vec<_>>())
}

/// Ranges that move in step: the shared part is one run.
fn shared_run(new: &Axis, old: &Axis, in_new: &[usize], in_old: &[usize]) -> DigitSet {
    if let Some(first) = find(old, 0, new, in_old) {
        return DigitSet::run(first, old.len().min(new.len() - first));
    }
    match find(new, 0, old, in_new) {
        Some(first) => DigitSet::run(0, new.len().min(old.len() - first)),
        None => DigitSet::empty(),
    }
}

/// Of two ranges, each (start, step, points).
fn shared_range(new: (i64, i64, u64), old: (i64, i64, u64)) -> DigitSet {
    let (start, step, points) = (i128::from(new.0), i128::from(new.1), i128::from(new.2));
    let (old_start, old_step) = (i128::from(old.0), i128::from(old.1));
    let old_last = old_start + old_step * (i128::from(old.2) - 1);
    let (low, high) = (old_start.min(old_last), old_start.max(old_last));

    // start + step j = old_start (mod old_step) for j = residue (mod period).
    let modulus = old_step.abs();
    let common = gcd(step.abs(), modulus);
    let distance = old_start - start;
    if distance % common != 0 {
        return DigitSet::empty();
    }
    let period = modulus / common;
    let residue = (distance / common * inverse(step / common, period)).rem_euclid(period);

    // low <= start + step j <= high, and 0 <= j < points.
    let (nearest, farthest) = if step > 0 { (low, high) } else { (high, low) };
    let first_inside = div_ceil(nearest - start, step).max(0);
    let last_inside = div_floor(farthest - start, step).min(points - 1);
    let first = first_inside + (residue - first_inside).rem_euclid(period);
    if first > last_inside {
        return DigitSet::empty();
    }
    let count = (last_inside - first) / period + 1;
    match (
        u64::try_from(first),
        u64::try_from(period),
        u64::try_from(count),
    ) {
        (Ok(first), Ok(period), Ok(count)) => DigitSet::Steps {
            first,
            period,
            count,
        },
        // Not reached: all three are at most the number of points, or the step of a range.
        _ => DigitSet::empty(),
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// `x` with `a x = 1 (mod modulus)`; `a` and `modulus` have no common divisor.
fn inverse(a: i128, modulus: i128) -> i128 {
    let (mut old_r, mut r) = (a.rem_euclid(modulus), modulus);
    let (mut old_x, mut x) = (1, 0);
    while r != 0 {
        let quotient = old_r / r;
        (old_r, r) = (r, old_r - quotient * r);
        (old_x, x) = (x, old_x - quotient * x);
    }
    old_x.rem_euclid(modulus)
}

fn div_floor(a: i128, b: i128) -> i128 {
    let quotient = a / b;
    let exact = quotient * b == a;
    if exact || (a < 0) == (b < 0) {
        quotient
    } else {
        quotient - 1
    }
}

fn div_ceil(a: i128, b: i128) -> i128 {
    -div_floor(-a, b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The digits one by one.
    fn check(new: &Values, old: &Values) {
        let set = shared_column(new, old).expect("short");
        for j in 0..new.len() {
            let shared = old.find(&new.get(j)).is_some();
            let found = set.verdict(&(j..j + 1));
            assert_eq!(found, Verdict::of(shared), "{new} {old} {j} {set:?}");
        }
        for start in 0..new.len() {
            for end in start..=new.len() {
                let one_by_one = (start..end)
                    .filter(|&j| old.find(&new.get(j)).is_some())
                    .count();
                assert_eq!(set.count_within(&(start..end)), one_by_one as u64);
            }
        }
    }

    fn range() -> impl Strategy<Value = Values> {
        (-9i64..9, 1i64..7, 1i64..9, any::<bool>()).prop_map(|(start, step, points, down)| {
            let step = if down { -step } else { step };
            Values::range("x", start, start + step * points, step).expect("points")
        })
    }

    fn column() -> impl Strategy<Value = Values> {
        prop_oneof![
            4 => range(),
            1 => proptest::collection::btree_set(-9i64..9, 1..6)
                .prop_map(|set| Values::list(set.into_iter().map(Value::Int).collect())),
            1 => (0u32..3, 2u64..8).prop_map(|(first, points)| {
                Values::lin("x", f64::from(first), 6.0, points).expect("points")
            }),
        ]
    }

    proptest! {
        #[test]
        fn shared_digits_are_those_found_one_by_one(new in column(), old in column()) {
            check(&new, &old);
        }
    }

    #[test]
    fn long_ranges_are_compared_at_once() {
        let range = |start, end, step| Values::range("x", start, end, step).expect("points");
        let old = range(0, 100_000_000, 2);
        let set = shared_column(&range(-7, 300_000_000, 3), &old).expect("two ranges");
        // -7 + 3 j even from 2 on: 2, 8, 14, ...
        assert_eq!(
            set,
            DigitSet::Steps {
                first: 3,
                period: 2,
                count: 16_666_667
            }
        );
    }

    #[test]
    fn tuples_are_compared_by_key() {
        let keys = |names: [&str; 2]| names.map(|name| crate::key(name).expect("a key")).to_vec();
        let range = |start, end| Values::range("x", start, end, 1).expect("points");
        let old = Axis::new(
            keys(["network.width", "train.steps"]),
            vec![range(1, 5), range(11, 15)],
        );
        let new = Axis::new(
            keys(["train.steps", "network.width"]),
            vec![range(9, 30), range(-1, 20)],
        );
        assert_eq!(shared_axis(&new, &old), Some(DigitSet::run(2, 4)));
        let listed = Axis::new(
            keys(["train.steps", "network.width"]),
            vec![
                Values::list([14, 9, 12].map(Value::Int).to_vec()),
                Values::list([4, 9, 2].map(Value::Int).to_vec()),
            ],
        );
        assert_eq!(
            shared_axis(&listed, &old),
            Some(DigitSet::Listed(vec![0, 2]))
        );
        let other = Axis::new(keys(["train.steps", "replicate"]), old.values.clone());
        assert_eq!(shared_axis(&other, &old), None);
    }
}
