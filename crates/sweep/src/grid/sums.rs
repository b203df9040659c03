//! Counting a box over the values of sums: how many points have which remainder, axis by axis.
//!
//! A test that is a function of sums of its axes (`filter::sums`) sees two points with equal sums as one. The
//! points of each value of the sums are added up along one axis after the other, as in a convolution, so that
//! 10^9 points of a sum modulo 5 take five numbers an axis.

use std::collections::BTreeMap;

use super::region::{Region, Test};
use super::summed::Sum;
use super::work::{Meter, Spent};
use crate::value::Value;
use crate::values::Values;

/// Boxes with fewer points are split: that is as quick.
const MIN_POINTS: u64 = 1024;

/// Combinations of values of the sums, of 8 bytes each, twice.
const MAX_STATES: u64 = 1 << 20;

/// Additions in one box, a fraction of a second. A box that takes more is split first.
const MAX_STEPS: u64 = 1 << 25;

/// What digits add to each sum, and how many of them add that.
type Additions = Vec<(Vec<u64>, u64)>;

/// Points of the box that pass all tests; `None` where the tests are no functions of sums, or of too many values.
///
/// # Errors
/// [`Spent`].
pub(super) fn count(
    region: &Region,
    axes: &[usize],
    tests: &[&dyn Test],
    meter: &Meter<'_>,
) -> Result<Option<u64>, Spent> {
    if region.points(axes) < MIN_POINTS {
        return Ok(None);
    }
    let Some(summed) = tests
        .iter()
        .map(|test| test.sums(region))
        .collect::<Option<Vec<_>>>()
    else {
        return Ok(None);
    };
    let sums = summed.iter().flat_map(|test| &test.sums);
    let Some(lines) = sums
        .map(|sum| Line::new(sum, region))
        .collect::<Option<Vec<_>>>()
    else {
        return Ok(None);
    };
    let Some(table) = Table::new(lines) else {
        return Ok(None);
    };
    let Some((counts, free)) = table.fill(region, axes, meter)? else {
        return Ok(None);
    };
    let mut total = 0;
    for (state, &points) in counts.iter().enumerate() {
        if points == 0 {
            continue;
        }
        meter.spend(1)?;
        let values = table.values(state as u64);
        let mut values = values.as_slice();
        let holds = summed.iter().all(|test| {
            let (own, rest) = values.split_at(test.sums.len());
            values = rest;
            (test.holds)(own)
        });
        if holds {
            total += points;
        }
    }
    Ok(Some(total * free))
}

/// What the digits of one axis add to a sum: of the range of the region, from its first digit on.
enum Steps {
    /// The number at the first digit and what each further one adds.
    Even(i128, i128),
    Listed(Vec<i64>),
}

impl Steps {
    fn at(&self, j: u64) -> i128 {
        match self {
            Steps::Even(first, step) => first + step * i128::from(j),
            Steps::Listed(list) => i128::from(list[j as usize]),
        }
    }

    /// Each number less `low`.
    fn from(self, low: i128) -> Option<Steps> {
        Some(match self {
            Steps::Even(first, step) => Steps::Even(first - low, step),
            Steps::Listed(list) => {
                let low = i64::try_from(low).ok()?;
                let less = |number: i64| number.checked_sub(low);
                Steps::Listed(list.into_iter().map(less).collect::<Option<_>>()?)
            }
        })
    }

    /// The smallest and the largest of `count` numbers.
    fn ends(&self, count: u64) -> (i128, i128) {
        match self {
            Steps::Even(first, step) => {
                let last = first + step * i128::from(count - 1);
                (*first.min(&last), *first.max(&last))
            }
            Steps::Listed(list) => {
                let ends = list.iter().min().zip(list.iter().max());
                ends.map_or((0, 0), |(low, high)| (i128::from(*low), i128::from(*high)))
            }
        }
    }
}

/// A sum over a region. Its value is kept as the distance from `low`, below `size`.
struct Line<'a> {
    steps: BTreeMap<usize, Steps>,
    /// Of a plain sum the smallest value; of a remainder the constant.
    low: i128,
    size: u64,
    modulus: Option<i128>,
    /// The column whose digits stand for themselves, and the first digit of the region.
    column: Option<(&'a Values, u64)>,
}

impl<'a> Line<'a> {
    fn new(sum: &Sum<'a>, region: &Region) -> Option<Line<'a>> {
        match sum {
            Sum::Column(axis, values) => Some(Line {
                steps: BTreeMap::from([(*axis, Steps::Even(0, 1))]),
                low: 0,
                size: region.width(*axis),
                modulus: None,
                column: Some((values, region.range(*axis).start)),
            }),
            Sum::Numbers {
                terms,
                constant,
                modulus,
            } => {
                let mut by_axis: BTreeMap<usize, Vec<(&Values, i64)>> = BTreeMap::new();
                for &(axis, values, factor) in terms {
                    by_axis.entry(axis).or_default().push((values, factor));
                }
                let mut steps = BTreeMap::new();
                let (mut low, mut high) = (i128::from(*constant), i128::from(*constant));
                for (axis, terms) in by_axis {
                    let of_axis = along(&terms, region, axis)?;
                    let (least, most) = of_axis.ends(region.width(axis));
                    low += least;
                    high += most;
                    let from = modulus.map_or(least, |_| 0);
                    steps.insert(axis, of_axis.from(from)?);
                }
                let size = match modulus {
                    Some(modulus) => u64::try_from(*modulus).ok()?,
                    None => u64::try_from(high - low + 1).ok()?,
                };
                Some(Line {
                    steps,
                    low: modulus.map_or(low, |_| i128::from(*constant)),
                    size,
                    modulus: modulus.map(i128::from),
                    column: None,
                })
            }
        }
    }

    /// What digit `j` of the region's range of `axis` adds.
    fn adds(&self, axis: usize, j: u64) -> u64 {
        let Some(steps) = self.steps.get(&axis) else {
            return 0;
        };
        let number = steps.at(j);
        let number = self
            .modulus
            .map_or(number, |modulus| number.rem_euclid(modulus));
        // Below the size of the line, which is a u64.
        number as u64
    }

    /// After how many digits of `axis` what they add comes again; `None` if it does not.
    fn period(&self, axis: usize) -> Option<u64> {
        match (self.steps.get(&axis), self.modulus) {
            (None, _) => Some(1),
            (Some(Steps::Even(_, step)), Some(modulus)) => {
                u64::try_from(modulus / gcd(step.rem_euclid(modulus), modulus)).ok()
            }
            (Some(_), _) => None,
        }
    }

    fn value(&self, state: u64) -> Value {
        if let Some((values, start)) = self.column {
            return values.get(start + state);
        }
        let number = self.low + i128::from(state);
        let number = self
            .modulus
            .map_or(number, |modulus| number.rem_euclid(modulus));
        // The filter has checked that its sums fit.
        Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// The sum of the terms of one axis over the digits of the region.
fn along(terms: &[(&Values, i64)], region: &Region, axis: usize) -> Option<Steps> {
    let range = region.range(axis);
    let rule = terms.iter().all(|(values, _)| values.steps().is_some());
    let at = |j: u64| -> Option<i64> {
        terms.iter().try_fold(0_i64, |sum, (values, by)| {
            sum.checked_add(values.get(j).as_int()?.checked_mul(*by)?)
        })
    };
    if rule {
        let first = i128::from(at(range.start)?);
        let step = terms.iter().map(|(values, by)| {
            let step = values.steps().map_or(0, |(_, step)| step);
            i128::from(step) * i128::from(*by)
        });
        return Some(Steps::Even(first, step.sum()));
    }
    range.map(at).collect::<Option<Vec<_>>>().map(Steps::Listed)
}

/// The counts of every combination of values of some sums, in mixed radix.
struct Table<'a> {
    lines: Vec<Line<'a>>,
    strides: Vec<u64>,
    size: u64,
}

impl<'a> Table<'a> {
    fn new(lines: Vec<Line<'a>>) -> Option<Table<'a>> {
        let mut strides = Vec::with_capacity(lines.len());
        let mut size: u64 = 1;
        for line in &lines {
            strides.push(size);
            size = size
                .checked_mul(line.size)
                .filter(|size| *size <= MAX_STATES)?;
        }
        Some(Table {
            lines,
            strides,
            size,
        })
    }

    /// Points of each combination, and by how much to multiply them for the axes that no sum names. `None` where
    /// there are too many additions.
    fn fill(
        &self,
        region: &Region,
        axes: &[usize],
        meter: &Meter<'_>,
    ) -> Result<Option<(Vec<u64>, u64)>, Spent> {
        let mut counts = vec![0; self.size as usize];
        counts[0] = 1;
        let (mut free, mut reached, mut steps) = (1, 1_u64, 0_u64);
        for &axis in axes {
            let width = region.width(axis);
            if self
                .lines
                .iter()
                .all(|line| !line.steps.contains_key(&axis))
            {
                free *= width;
                continue;
            }
            let Some(added) = self.added(axis, width, meter)? else {
                return Ok(None);
            };
            let additions = reached.saturating_mul(added.len() as u64);
            steps = steps.saturating_add(additions);
            if steps > MAX_STEPS {
                return Ok(None);
            }
            meter.spend_steps(additions)?;
            reached = additions.min(self.size);
            let mut next = vec![0; self.size as usize];
            for (state, points) in counts.iter().enumerate().filter(|(_, points)| **points > 0) {
                for (parts, times) in &added {
                    next[self.moved(state as u64, parts)] += points * times;
                }
            }
            counts = next;
        }
        Ok(Some((counts, free)))
    }

    /// What the digits of an axis add to each sum, and how many digits add that.
    fn added(
        &self,
        axis: usize,
        width: u64,
        meter: &Meter<'_>,
    ) -> Result<Option<Additions>, Spent> {
        let period = self.lines.iter().try_fold(1_u64, |period, line| {
            let own = line.period(axis)?;
            let common = gcd(i128::from(period), i128::from(own));
            period.checked_mul(own / u64::try_from(common).ok()?)
        });
        let distinct = period.unwrap_or(u64::MAX).min(width);
        if distinct > MAX_STEPS {
            return Ok(None);
        }
        meter.spend_steps(distinct)?;
        let mut added: BTreeMap<Vec<u64>, u64> = BTreeMap::new();
        for j in 0..distinct {
            let parts = self.lines.iter().map(|line| line.adds(axis, j));
            // The digits j, j + distinct, ... below the width.
            *added.entry(parts.collect()).or_default() += (width - j).div_ceil(distinct);
        }
        Ok(Some(added.into_iter().collect()))
    }

    /// The combination that follows when `parts` are added.
    fn moved(&self, state: u64, parts: &[u64]) -> usize {
        let mut to = 0;
        for ((line, stride), part) in self.lines.iter().zip(&self.strides).zip(parts) {
            let sum = state / stride % line.size + part;
            let sum = if sum >= line.size {
                sum - line.size
            } else {
                sum
            };
            to += sum * stride;
        }
        // Below the size of the table.
        to as usize
    }

    fn values(&self, state: u64) -> Vec<Value> {
        self.lines
            .iter()
            .zip(&self.strides)
            .map(|(line, stride)| line.value(state / stride % line.size))
            .collect()
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}
