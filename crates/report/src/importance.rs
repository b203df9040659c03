//! What moves a value: its variance over a grid, split exactly into what each axis does alone, what two axes do
//! together, and what is left to replicates. Pure arithmetic over columns; which columns is the caller's choice.
//!
//! The points of a grid with the same levels of all axes are a cell, its values are replicates. Let `f` be the mean of
//! a cell and `E` the mean over all cells, each weighing the same. Functional ANOVA over a complete grid:
//!
//! ```text
//! f0        = E f
//! f_i(a)    = E[f | axis i at a] - f0                               V_i  = E f_i^2
//! f_ij(a,b) = E[f | i at a, j at b] - f0 - f_i(a) - f_j(b)          V_ij = E f_ij^2
//! V = sum V_i + sum V_ij + (three axes and more) + residual         residual: mean variance within a cell
//! ```
//!
//! The parts are orthogonal, so they add up to the variance. The total of an axis, `E[var of f along axis i]`, is the
//! sum of all parts that contain it. If cells are missing the parts are not orthogonal: the group means over what is
//! there approximate the main effects, and [`Importance::is_complete`] says so.

use std::collections::BTreeMap;

/// One axis: the level that each row has on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    pub name: String,
    /// One a row, below `count`.
    pub levels: Vec<u32>,
    /// Number of levels.
    pub count: u32,
}

/// The variance of a value and its parts. Variances are in the square of the value's unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// Rows that were given.
    pub values: usize,
    /// Combinations of levels that have a value.
    pub cells: u64,
    /// Combinations that have none.
    pub missing: u64,
    pub mean: f64,
    /// All parts together.
    pub variance: f64,
    /// One an axis, in the order given.
    pub axes: Vec<AxisEffect>,
    /// Each pair of axes, the strongest first; empty if cells are missing.
    pub pairs: Vec<PairEffect>,
    /// What takes three axes and more; none if cells are missing.
    pub higher: Option<f64>,
    /// Mean variance of the replicates of a cell.
    pub residual: f64,
}

/// What one axis does.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisEffect {
    pub name: String,
    pub levels: u32,
    /// Variance of the mean over its levels; an approximation if cells are missing.
    pub main: f64,
    /// The main effect and every interaction of this axis; none if cells are missing.
    pub total: Option<f64>,
}

/// What two axes do together, beyond what each does alone.
#[derive(Clone, Debug, PartialEq)]
pub struct PairEffect {
    /// Positions in [`Importance::axes`], ascending.
    pub axes: [usize; 2],
    pub variance: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportanceError {
    #[error("there is no value to explain")]
    NoValues,
    #[error("axis {axis} has {found} rows; the value has {expected}")]
    Rows {
        axis: String,
        found: usize,
        expected: usize,
    },
    #[error("axis {axis} has level {level} in row {row}; it has {count} levels")]
    Level {
        axis: String,
        row: usize,
        level: u32,
        count: u32,
    },
    #[error("row {row} is not a finite number")]
    NotFinite { row: usize },
    #[error("the axes have more than 2^64 combinations")]
    TooManyCombinations,
}

impl Factor {
    /// Numbers the different values in their order.
    pub fn of<T: Ord>(name: &str, values: &[T]) -> Factor {
        let mut levels: BTreeMap<&T, u32> = values.iter().map(|value| (value, 0)).collect();
        for (level, number) in levels.values_mut().zip(0..) {
            *level = number;
        }
        Factor {
            name: name.to_owned(),
            levels: values.iter().map(|value| levels[value]).collect(),
            count: u32::try_from(levels.len()).unwrap_or(u32::MAX),
        }
    }
}

impl Importance {
    /// Every combination of levels has a value, so that the parts are exact.
    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// A variance as a share of the whole; 0 where nothing varies.
    pub fn share(&self, variance: f64) -> f64 {
        if self.variance > 0.0 {
            variance / self.variance
        } else {
            0.0
        }
    }

    /// Positions of the axes, the strongest first: by total, or by main effect if cells are missing. Equal ones keep
    /// their order.
    pub fn ranked(&self) -> Vec<usize> {
        let strength = |at: usize| self.axes[at].total.unwrap_or(self.axes[at].main);
        let mut order: Vec<usize> = (0..self.axes.len()).collect();
        order.sort_by(|&a, &b| strength(b).total_cmp(&strength(a)));
        order
    }
}

/// Splits the variance of `values` between the axes. Memory and time are those of a sort of the rows; a pair of axes
/// takes a pass over the cells.
///
/// # Errors
/// [`ImportanceError`].
pub fn importance(factors: &[Factor], values: &[f64]) -> Result<Importance, ImportanceError> {
    let radix = Radix::of(factors)?;
    check(factors, values)?;
    let cells = Cells::of(factors, values, &radix);
    let missing = radix.size - cells.means.len() as u64;
    let mains: Vec<Vec<f64>> = (0..factors.len())
        .map(|axis| cells.main(&radix, axis))
        .collect();
    let is_complete = missing == 0;
    let axes = factors.iter().enumerate().map(|(axis, factor)| AxisEffect {
        name: factor.name.clone(),
        levels: factor.count,
        main: cells.mean_square(|key| mains[axis][radix.digit(key, axis)]),
        total: is_complete.then(|| cells.total(&radix, axis)),
    });
    let axes: Vec<AxisEffect> = axes.collect();
    let mut pairs = Vec::new();
    if is_complete {
        for i in 0..factors.len() {
            for j in i + 1..factors.len() {
                let variance = cells.pair(&radix, [i, j], [&mains[i], &mains[j]]);
                pairs.push(PairEffect {
                    axes: [i, j],
                    variance,
                });
            }
        }
    }
    let between = cells.means.iter().map(|mean| mean * mean).sum::<f64>() / cells.count();
    let known = axes.iter().map(|axis| axis.main).sum::<f64>()
        + pairs.iter().map(|pair| pair.variance).sum::<f64>();
    pairs.sort_by(|a, b| b.variance.total_cmp(&a.variance));
    Ok(Importance {
        values: values.len(),
        cells: cells.means.len() as u64,
        missing,
        mean: cells.center,
        variance: between + cells.within,
        axes,
        pairs,
        // Rounding may leave less than nothing.
        higher: is_complete.then(|| (between - known).max(0.0)),
        residual: cells.within,
    })
}

fn check(factors: &[Factor], values: &[f64]) -> Result<(), ImportanceError> {
    if values.is_empty() {
        return Err(ImportanceError::NoValues);
    }
    if let Some(row) = values.iter().position(|value| !value.is_finite()) {
        return Err(ImportanceError::NotFinite { row });
    }
    for factor in factors {
        if factor.levels.len() != values.len() {
            return Err(ImportanceError::Rows {
                axis: factor.name.clone(),
                found: factor.levels.len(),
                expected: values.len(),
            });
        }
        if let Some(row) = factor
            .levels
            .iter()
            .position(|&level| level >= factor.count)
        {
            return Err(ImportanceError::Level {
                axis: factor.name.clone(),
                row,
                level: factor.levels[row],
                count: factor.count,
            });
        }
    }
    Ok(())
}

/// Cells as numbers: a digit an axis, the last one fastest.
struct Radix {
    counts: Vec<u64>,
    strides: Vec<u64>,
    /// Number of cells.
    size: u64,
}

impl Radix {
    fn of(factors: &[Factor]) -> Result<Radix, ImportanceError> {
        let counts: Vec<u64> = factors
            .iter()
            .map(|factor| u64::from(factor.count))
            .collect();
        let mut size = 1_u64;
        let mut strides = vec![0; counts.len()];
        for (stride, count) in strides.iter_mut().zip(&counts).rev() {
            *stride = size;
            size = size
                .checked_mul(*count)
                .ok_or(ImportanceError::TooManyCombinations)?;
        }
        Ok(Radix {
            counts,
            strides,
            size,
        })
    }

    fn digit(&self, key: u64, axis: usize) -> usize {
        // Below a count of 32 bits.
        (key / self.strides[axis] % self.counts[axis]) as usize
    }

    fn count(&self, axis: usize) -> usize {
        self.counts[axis] as usize
    }
}

/// The cells that have a value, ascending.
struct Cells {
    keys: Vec<u64>,
    /// Means of the cells, less their own mean.
    means: Vec<f64>,
    /// Mean of the cells' means.
    center: f64,
    /// Mean variance within a cell.
    within: f64,
}

impl Cells {
    fn of(factors: &[Factor], values: &[f64], radix: &Radix) -> Cells {
        let mut rows: Vec<(u64, f64)> = values.iter().map(|&value| (0, value)).collect();
        for (factor, stride) in factors.iter().zip(&radix.strides) {
            for (row, &level) in rows.iter_mut().zip(&factor.levels) {
                row.0 += u64::from(level) * stride;
            }
        }
        // Stable, so that replicates are added in the order given.
        rows.sort_by_key(|row| row.0);
        let (mut keys, mut means, mut within) = (Vec::new(), Vec::new(), 0.0);
        for cell in rows.chunk_by(|a, b| a.0 == b.0) {
            let mean = mean(cell.iter().map(|row| row.1));
            within += self::mean(cell.iter().map(|row| (row.1 - mean).powi(2)));
            keys.push(cell[0].0);
            means.push(mean);
        }
        let center = mean(means.iter().copied());
        for mean in &mut means {
            *mean -= center;
        }
        Cells {
            within: within / keys.len() as f64,
            keys,
            means,
            center,
        }
    }

    fn count(&self) -> f64 {
        self.means.len() as f64
    }

    /// Mean of a level of the axis over the cells that have it, less the mean over all.
    fn main(&self, radix: &Radix, axis: usize) -> Vec<f64> {
        self.group_means(radix.count(axis), |key| radix.digit(key, axis))
    }

    /// Means of the cells by group; 0 for a group without a cell.
    fn group_means(&self, groups: usize, group: impl Fn(u64) -> usize) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); groups];
        for (&key, mean) in self.keys.iter().zip(&self.means) {
            let (sum, count) = &mut sums[group(key)];
            *sum += mean;
            *count += 1.0;
        }
        let mean = |(sum, count): (f64, f64)| if count > 0.0 { sum / count } else { 0.0 };
        sums.into_iter().map(mean).collect()
    }

    fn mean_square(&self, part: impl Fn(u64) -> f64) -> f64 {
        mean(self.keys.iter().map(|&key| part(key).powi(2)))
    }

    /// Variance of two axes together beyond what each does alone. Cells must be complete.
    fn pair(&self, radix: &Radix, axes: [usize; 2], mains: [&[f64]; 2]) -> f64 {
        let columns = radix.count(axes[1]);
        let place = |key| radix.digit(key, axes[0]) * columns + radix.digit(key, axes[1]);
        let means = self.group_means(radix.count(axes[0]) * columns, place);
        let parts = means
            .iter()
            .enumerate()
            .map(|(at, mean)| (mean - mains[0][at / columns] - mains[1][at % columns]).powi(2));
        self::mean(parts)
    }

    /// Mean variance along an axis. Cells must be complete: the key of each is its position.
    fn total(&self, radix: &Radix, axis: usize) -> f64 {
        let (stride, count) = (radix.strides[axis], radix.counts[axis]);
        let rest = |key: u64| (key / (stride * count) * stride + key % stride) as usize;
        let means = self.group_means(self.means.len() / radix.count(axis), rest);
        let deviations = self.keys.iter().zip(&self.means);
        self::mean(deviations.map(|(&key, mean)| (mean - means[rest(key)]).powi(2)))
    }
}

/// 0 where there is none.
fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0_f64);
    for number in numbers {
        sum += number;
        count += 1.0;
    }
    sum / count.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grid of two levels an axis, coded -1 and 1, the last axis fastest.
    fn signs(axes: usize) -> (Vec<Factor>, Vec<Vec<f64>>) {
        let points: Vec<Vec<f64>> = (0..1_u32 << axes)
            .map(|point| {
                let sign = |axis: usize| f64::from(point >> (axes - 1 - axis) & 1) * 2.0 - 1.0;
                (0..axes).map(sign).collect()
            })
            .collect();
        let factors = (0..axes)
            .map(|axis| {
                let level = |point: &Vec<f64>| u32::from(point[axis] > 0.0);
                Factor {
                    name: ["x", "y", "z"][axis].to_owned(),
                    levels: points.iter().map(level).collect(),
                    count: 2,
                }
            })
            .collect();
        (factors, points)
    }

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    }

    #[test]
    fn a_polynomial_of_signs_splits_into_the_squares_of_its_coefficients() {
        let (factors, points) = signs(3);
        let f =
            |p: &Vec<f64>| 7.0 + p[0] + 2.0 * p[1] + 3.0 * p[0] * p[1] + 0.5 * p[0] * p[1] * p[2];
        let values: Vec<f64> = points.iter().map(f).collect();
        let found = importance(&factors, &values).unwrap();
        assert!(found.is_complete() && found.cells == 8 && found.values == 8);
        near(found.mean, 7.0);
        near(found.variance, 1.0 + 4.0 + 9.0 + 0.25);
        let mains: Vec<f64> = found.axes.iter().map(|axis| axis.main).collect();
        near(mains[0], 1.0);
        near(mains[1], 4.0);
        near(mains[2], 0.0);
        near(found.axes[0].total.unwrap(), 1.0 + 9.0 + 0.25);
        near(found.axes[1].total.unwrap(), 4.0 + 9.0 + 0.25);
        near(found.axes[2].total.unwrap(), 0.25);
        assert_eq!(found.pairs[0].axes, [0, 1]);
        near(found.pairs[0].variance, 9.0);
        near(found.pairs[1].variance + found.pairs[2].variance, 0.0);
        near(found.higher.unwrap(), 0.25);
        near(found.residual, 0.0);
        near(found.share(found.pairs[0].variance), 9.0 / 14.25);
        assert_eq!(found.ranked(), [1, 0, 2]);
    }

    #[test]
    fn axes_of_three_and_of_two_levels_by_hand() {
        // Rows 0 1 5 and 2 3 7: the mean is 3, means of rows 2 and 4, of columns 1, 2 and 6.
        let factors = [
            Factor::of("row", &[0, 0, 0, 1, 1, 1]),
            Factor::of("column", &["a", "b", "c", "a", "b", "c"]),
        ];
        let found = importance(&factors, &[0.0, 1.0, 5.0, 2.0, 3.0, 7.0]).unwrap();
        near(found.axes[0].main, 1.0);
        near(found.axes[1].main, (4.0 + 1.0 + 9.0) / 3.0);
        near(found.pairs[0].variance, 0.0);
        near(found.variance, 1.0 + 14.0 / 3.0);
        assert_eq!((found.axes[0].levels, found.axes[1].levels), (2, 3));
    }

    #[test]
    fn replicates_are_the_residual_however_many_a_cell_has() {
        // Cells of 1 +- 1 (two rows) and of 5, 5, 5.
        let factors = [Factor::of("x", &[1, 0, 1, 0, 1])];
        let found = importance(&factors, &[5.0, 0.0, 5.0, 2.0, 5.0]).unwrap();
        near(found.mean, 3.0);
        near(found.axes[0].main, 4.0);
        near(found.residual, 0.5);
        near(found.variance, 4.5);
        near(found.higher.unwrap(), 0.0);
        assert_eq!(found.cells, 2);
    }

    #[test]
    fn without_an_axis_all_is_replicates() {
        let found = importance(&[], &[1.0, 3.0]).unwrap();
        near(found.residual, 1.0);
        near(found.variance, 1.0);
        assert!(found.is_complete() && found.axes.is_empty());
    }

    #[test]
    fn a_grid_with_a_gap_has_approximate_main_effects_alone() {
        // Of (0,0) (0,1) (1,0) (1,1) the last is missing: values 0 2 4.
        let factors = [Factor::of("x", &[0, 0, 1]), Factor::of("y", &[0, 1, 0])];
        let found = importance(&factors, &[0.0, 2.0, 4.0]).unwrap();
        assert!(!found.is_complete());
        assert_eq!((found.cells, found.missing), (3, 1));
        // Means: 1 and 4 along x, 2 and 2 along y, 2 over all.
        near(found.axes[0].main, (1.0 + 1.0 + 4.0) / 3.0);
        near(found.axes[1].main, 0.0);
        assert!(found.pairs.is_empty() && found.higher.is_none());
        assert!(found.axes.iter().all(|axis| axis.total.is_none()));
        assert_eq!(found.ranked(), [0, 1]);
    }

    #[test]
    fn a_level_without_a_value_is_a_gap() {
        let mut factor = Factor::of("x", &[0, 1]);
        factor.count = 3;
        let found = importance(&[factor], &[1.0, 2.0]).unwrap();
        assert_eq!(found.missing, 1);
    }

    #[test]
    fn what_does_not_vary_has_no_share() {
        let (factors, points) = signs(2);
        let found = importance(&factors, &vec![0.1; points.len()]).unwrap();
        near(found.variance, 0.0);
        assert_eq!(importance(&factors, &[0.0; 4]).unwrap().share(1.0), 0.0);
    }

    #[test]
    fn a_large_offset_costs_no_digits() {
        let (factors, points) = signs(2);
        let values: Vec<f64> = points.iter().map(|p| 1e9 + p[0]).collect();
        let found = importance(&factors, &values).unwrap();
        near(found.axes[0].main, 1.0);
        near(found.variance, 1.0);
    }

    #[test]
    fn columns_that_do_not_fit_are_refused() {
        let factor = Factor::of("x", &[0, 1]);
        let check = |factors: &[Factor], values: &[f64], expected| {
            assert_eq!(importance(factors, values), Err(expected));
        };
        check(&[], &[], ImportanceError::NoValues);
        check(&[], &[1.0, f64::NAN], ImportanceError::NotFinite { row: 1 });
        let rows = ImportanceError::Rows {
            axis: "x".to_owned(),
            found: 2,
            expected: 1,
        };
        check(std::slice::from_ref(&factor), &[1.0], rows);
        let level = ImportanceError::Level {
            axis: "x".to_owned(),
            row: 1,
            level: 1,
            count: 1,
        };
        let short = Factor {
            count: 1,
            ..factor.clone()
        };
        check(&[short], &[1.0, 2.0], level);
        let vast = Factor {
            count: u32::MAX,
            ..factor
        };
        let vast = [vast.clone(), vast.clone(), vast];
        check(&vast, &[1.0, 2.0], ImportanceError::TooManyCombinations);
    }
}
