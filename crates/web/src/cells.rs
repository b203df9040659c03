//! A grid as a map of cells: two axes across, the others summed. At most [`MOST`] cells a side, whatever the size of the
//! grid: the sets of trial numbers are cut into boxes of the product, and each box is added to a table of differences.
//!
//! A run of numbers is at most two boxes an axis: in a box the axes before one have one position each, that one has a
//! range, and those after it have all. So the cost follows the runs, never the trials.

use std::ops::Range;

use serde_json::{Value, json};
use sweep::{Axis, Folder, Generation, IntervalSet};

use crate::source::Standing;

/// Cells on a side of the map: more than a screen shows apart.
pub(crate) const MOST: u64 = 200;

/// Positions of an older generation's axis that are looked up one by one in the newest.
const MOST_MOVED: u64 = 10_000;

/// Runs of kept numbers that are looked for one by one: a filter that leaves more shows shares of all points.
const MOST_KEPT_RUNS: usize = 200_000;

/// What a cell says besides its share: a trial of it failed, one runs.
const FAILED: i64 = 16;
const RUNNING: i64 = 32;

/// The map of a sweep over two of its axes; by default the two longest, the replicates last.
pub(crate) fn cells(standing: &Standing, x: Option<usize>, y: Option<usize>) -> Value {
    let folder = &standing.folder;
    let axes = &folder.newest().spec().axes;
    let chosen = chosen(axes, x, y);
    let sides = [Side::of(axes, chosen.0), Side::of(axes, chosen.1)];
    let (kept, exact) = kept(folder);
    let mut closed = standing.closed.clone();
    if exact && let Some(kept) = &kept {
        closed = closed.intersection(kept);
    }
    let all = kept.unwrap_or_else(|| std::iter::once(0..folder.end()).collect());
    let count = |numbers: &IntervalSet| counted(folder, &sides, chosen, numbers);
    let (all, done) = (count(&all), count(&closed));
    let (failed, running) = (count(&standing.failed), count(&standing.running));
    let cell = |at: usize| match all.cells[at] {
        0 => -1,
        points => {
            let tenths = match done.cells[at] {
                0 => 0,
                done if done >= points => 10,
                done => (done.saturating_mul(10) / points).clamp(1, 9).cast_signed(),
            };
            tenths
                + FAILED * i64::from(failed.cells[at] > 0)
                + RUNNING * i64::from(running.cells[at] > 0)
        }
    };
    json!({
        "axes": axes.iter().map(|axis| json!({ "name": axis.name(), "count": axis.len() })).collect::<Vec<_>>(),
        "x": side(axes, chosen.0, &sides[0]),
        "y": side(axes, chosen.1, &sides[1]),
        "cells": runs((0..all.cells.len()).map(cell)),
        "exact": exact,
        "elsewhere": { "points": all.elsewhere, "done": done.elsewhere },
    })
}

/// Positions of the axes to show: those asked for, then the longest that are not replicates.
fn chosen(axes: &[Axis], x: Option<usize>, y: Option<usize>) -> (Option<usize>, Option<usize>) {
    let there = |place: Option<usize>| place.filter(|&place| place < axes.len());
    let mut ranked: Vec<usize> = (0..axes.len()).collect();
    let is_replicate = |place: usize| axes[place].keys.iter().all(|key| key.name == "replicate");
    ranked.sort_by_key(|&place| (is_replicate(place), std::cmp::Reverse(axes[place].len())));
    let asked = (there(x), there(y));
    let next = |other: Option<usize>| {
        let mut left = ranked.iter().copied().filter(|&place| Some(place) != other);
        left.next()
    };
    let x = asked.0.or_else(|| next(asked.1));
    let y = asked
        .1
        .filter(|&place| Some(place) != x)
        .or_else(|| next(x));
    (x, y)
}

/// A side of the map: an axis, a number of its positions to a cell.
#[derive(Clone, Copy, Debug)]
struct Side {
    len: u64,
    width: u64,
}

impl Side {
    fn of(axes: &[Axis], place: Option<usize>) -> Side {
        let len = place.map_or(1, |place| axes[place].len());
        Side {
            len,
            width: len.div_ceil(MOST).max(1),
        }
    }

    fn cells(self) -> usize {
        // At most `MOST`.
        usize::try_from(self.len.div_ceil(self.width)).unwrap_or(usize::MAX)
    }

    fn cell(self, position: u64) -> usize {
        usize::try_from(position / self.width).unwrap_or(usize::MAX)
    }

    /// A range of positions as ranges of cells, and how many positions are in each cell.
    fn pieces(self, range: Range<u64>) -> Vec<(Range<usize>, u64)> {
        if range.is_empty() {
            return Vec::new();
        }
        let (first, last) = (self.cell(range.start), self.cell(range.end - 1));
        if first == last {
            return vec![(first..first + 1, range.end - range.start)];
        }
        let mut pieces = vec![(
            first..first + 1,
            (first as u64 + 1) * self.width - range.start,
        )];
        if first + 1 < last {
            pieces.push((first + 1..last, self.width));
        }
        pieces.push((last..last + 1, range.end - last as u64 * self.width));
        pieces
    }
}

/// Counts by cell, x fastest, and those of points outside of the product.
struct Counted {
    cells: Vec<u64>,
    elsewhere: u64,
}

/// How many of the numbers are in each cell.
fn counted(
    folder: &Folder,
    sides: &[Side; 2],
    chosen: (Option<usize>, Option<usize>),
    numbers: &IntervalSet,
) -> Counted {
    let mut table = Table::new(sides[0].cells(), sides[1].cells());
    let mut elsewhere = 0;
    let newest = folder.generations().len() - 1;
    for (place, generation) in folder.generations().iter().enumerate() {
        let axes = &generation.grid.spec().axes;
        let lens: Vec<u64> = axes.iter().map(Axis::len).collect();
        let product: u64 = lens.iter().product();
        let own = |chosen, side| match place == newest {
            true => Along::own(chosen, side),
            false => Along::moved(folder, generation, chosen, side),
        };
        let along = [own(chosen.0, sides[0]), own(chosen.1, sides[1])];
        let end = generation.base + generation.grid.size();
        for run in numbers.runs_within(generation.base..end) {
            let (start, end) = (run.start - generation.base, run.end - generation.base);
            elsewhere += end.saturating_sub(start.max(product));
            let (xs, ys) = (&along[0], &along[1]);
            let (Some(xs), Some(ys)) = (xs, ys) else {
                elsewhere += end.min(product).saturating_sub(start);
                continue;
            };
            boxes(&lens, start..end.min(product), &mut |found| {
                let (x, y) = (found.range(&lens, xs.axis), found.range(&lens, ys.axis));
                let across = (x.end - x.start) * (y.end - y.start);
                let each = found.points / across.max(1);
                for (columns, m) in xs.pieces(x) {
                    for (rows, n) in ys.pieces(y.clone()) {
                        table.add(columns.clone(), rows, each.wrapping_mul(m).wrapping_mul(n));
                    }
                }
            });
        }
    }
    Counted {
        cells: table.into_cells(),
        elsewhere,
    }
}

/// Where the positions of a generation's axis lie on a side of the map.
struct Along {
    /// The axis in its generation; `None` where it has one value for all.
    axis: Option<usize>,
    side: Side,
    /// The position on the newest axis by the generation's own, where they differ.
    moved: Option<Vec<u64>>,
}

impl Along {
    fn own(axis: Option<usize>, side: Side) -> Option<Along> {
        Some(Along {
            axis,
            side,
            moved: None,
        })
    }

    /// Of a generation before the newest; `None` where its positions cannot be looked up.
    fn moved(
        folder: &Folder,
        generation: &Generation,
        chosen: Option<usize>,
        side: Side,
    ) -> Option<Along> {
        let Some(chosen) = chosen else {
            return Along::own(None, side);
        };
        let newest = &folder.newest().spec().axes[chosen];
        let older = &generation.grid.spec().axes;
        let axis = older.iter().position(|axis| axis.keys == newest.keys);
        let moved = match axis {
            Some(place) => {
                let axis = &older[place];
                if axis.len() > MOST_MOVED {
                    return None;
                }
                let at = |j| {
                    let values: Vec<_> = (0..axis.keys.len()).map(|k| axis.value(k, j)).collect();
                    newest.find(&values.iter().collect::<Vec<_>>())
                };
                (0..axis.len()).map(at).collect::<Option<Vec<u64>>>()?
            }
            None => {
                // Fixed there: every point has the value of the first.
                let point = generation.grid.point(0).ok()?;
                let values = newest.keys.iter().map(|key| point.written(key.name));
                let values = values.collect::<Option<Vec<_>>>()?;
                vec![newest.find(&values)?]
            }
        };
        Some(Along {
            axis,
            side,
            moved: Some(moved),
        })
    }

    fn pieces(&self, range: Range<u64>) -> Vec<(Range<usize>, u64)> {
        let Some(moved) = &self.moved else {
            return self.side.pieces(range);
        };
        let position = |j| moved.get(usize::try_from(j).ok()?);
        let found = range.filter_map(|j| position(j).map(|&at| self.side.cell(at)));
        found.map(|cell| (cell..cell + 1, 1)).collect()
    }
}

/// Points of a product: one position of each axis before `axis`, some of that one, all of those after it.
struct Block {
    axis: usize,
    range: Range<u64>,
    /// Index of the first point.
    start: u64,
    points: u64,
}

impl Block {
    /// Positions of an axis in the box; of no axis, one.
    fn range(&self, lens: &[u64], axis: Option<usize>) -> Range<u64> {
        let Some(axis) = axis else { return 0..1 };
        match axis.cmp(&self.axis) {
            std::cmp::Ordering::Greater => 0..lens[axis],
            std::cmp::Ordering::Equal => self.range.clone(),
            std::cmp::Ordering::Less => {
                let stride: u64 = lens[axis + 1..].iter().product();
                let digit = self.start / stride % lens[axis];
                digit..digit + 1
            }
        }
    }
}

/// Cuts a run of indices of a product into boxes.
fn boxes(lens: &[u64], run: Range<u64>, each: &mut dyn FnMut(Block)) {
    let mut at = run.start;
    while at < run.end {
        // The slowest axis at whose position a box can begin and end within the run.
        let (mut axis, mut stride) = (lens.len(), 1);
        let mut outer = lens.len();
        let mut outer_stride = 1_u64;
        while outer > 0 {
            outer -= 1;
            if at.is_multiple_of(outer_stride) && at + outer_stride <= run.end {
                (axis, stride) = (outer, outer_stride);
            } else {
                break;
            }
            outer_stride = outer_stride.saturating_mul(lens[outer]);
        }
        // A product without axes is one point.
        let (digit, len) = match lens.get(axis) {
            Some(&len) => (at / stride % len, len),
            None => (0, 1),
        };
        let many = ((run.end - at) / stride).min(len - digit).max(1);
        let points = many * stride;
        each(Block {
            axis,
            range: digit..digit + many,
            start: at,
            points,
        });
        at += points;
    }
}

/// A table of differences: adding a box costs four numbers.
struct Table {
    width: usize,
    height: usize,
    differences: Vec<u64>,
}

impl Table {
    fn new(width: usize, height: usize) -> Table {
        Table {
            width,
            height,
            differences: vec![0; (width + 1) * (height + 1)],
        }
    }

    fn add(&mut self, columns: Range<usize>, rows: Range<usize>, each: u64) {
        let mut change = |x: usize, y: usize, by: u64| {
            let at = y * (self.width + 1) + x;
            self.differences[at] = self.differences[at].wrapping_add(by);
        };
        change(columns.start, rows.start, each);
        change(columns.end, rows.start, each.wrapping_neg());
        change(columns.start, rows.end, each.wrapping_neg());
        change(columns.end, rows.end, each);
    }

    fn into_cells(self) -> Vec<u64> {
        let mut cells = Vec::with_capacity(self.width * self.height);
        let mut above = vec![0_u64; self.width];
        for y in 0..self.height {
            let mut row = 0_u64;
            for (x, above) in above.iter_mut().enumerate() {
                row = row.wrapping_add(self.differences[y * (self.width + 1) + x]);
                *above = above.wrapping_add(row);
                cells.push(*above);
            }
        }
        cells
    }
}

/// The kept numbers, `None` where all are; and whether that is exact.
fn kept(folder: &Folder) -> (Option<IntervalSet>, bool) {
    let newest = folder.newest();
    if folder.generations().len() == 1 && newest.count() == newest.size() {
        return (None, true);
    }
    let mut kept = IntervalSet::new();
    let (mut from, end) = (0, folder.end());
    for _ in 0..MOST_KEPT_RUNS {
        let Some(run) = folder.kept_run(from, end, u64::MAX) else {
            return (Some(kept), true);
        };
        from = run.end;
        kept.insert(run);
    }
    (None, false)
}

/// Name and texts of a side, the first value of each cell.
fn side(axes: &[Axis], place: Option<usize>, side: &Side) -> Value {
    let Some(axis) = place.map(|place| &axes[place]) else {
        return Value::Null;
    };
    let label = |cell: u64| {
        let texts = (0..axis.keys.len()).map(|key| axis.value(key, cell * side.width).to_string());
        let text = texts.collect::<Vec<_>>().join(" + ");
        sweep::shortened(text.trim_matches(['"', '\'']), 40)
    };
    json!({
        "place": place,
        "name": axis.name(),
        "count": axis.len(),
        "width": side.width,
        "labels": (0..side.cells() as u64).map(label).collect::<Vec<_>>(),
    })
}

/// Values as runs: value, count, value, count.
fn runs(values: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut runs: Vec<i64> = Vec::new();
    for value in values {
        match runs.len() {
            n if n >= 2 && runs[n - 2] == value => runs[n - 1] += 1,
            _ => runs.extend([value, 1]),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::source::Sweep;

    fn grid(text: &str) -> Arc<sweep::Grid> {
        let spec = sweep::Spec::parse(text, "sweep.toml", &[]).unwrap();
        Arc::new(sweep::Grid::new(spec, sweep::Arrays::default()).unwrap())
    }

    fn standing(folder: Folder, closed: IntervalSet) -> Standing {
        Standing {
            sweep: Sweep::default(),
            folder: Arc::new(folder),
            dir: "nowhere".into(),
            closed,
            failed: IntervalSet::new(),
            running: IntervalSet::new(),
            recent: Vec::new(),
        }
    }

    const SMALL: &str = r#"
name = "s"
[axes]
"network.depth" = [2, 3, 4]
"problem.rank" = { range = [1, 8] }
"replicate" = { range = [0, 5] }
[problem]
kind = "factorization"
dim = 10
"#;

    /// Three axes of `values` values each.
    fn cube(values: u64) -> String {
        format!(
            r#"
name = "s"
[axes]
"problem.rank" = {{ range = [1, {end}] }}
"train.steps" = {{ range = [1, {end}] }}
"replicate" = {{ range = [0, {values}] }}
[problem]
kind = "factorization"
dim = {end}
"#,
            end = values + 1
        )
    }

    #[test]
    fn boxes_cover_a_run_once() {
        let lens = [3, 4, 5];
        for start in 0..60 {
            for end in start..=60 {
                let (mut at, mut count) = (start, 0);
                boxes(&lens, start..end, &mut |found| {
                    assert_eq!(found.start, at);
                    let points: u64 = (0..3)
                        .map(|axis| {
                            let range = found.range(&lens, Some(axis));
                            range.end - range.start
                        })
                        .product();
                    assert_eq!(points, found.points);
                    at += found.points;
                    count += 1;
                });
                assert_eq!(at, end);
                assert!(count <= 6, "{start}..{end}: {count} boxes");
            }
        }
    }

    #[test]
    fn counts_are_those_of_the_points_one_by_one() {
        let folder = Folder::new(grid(SMALL));
        let numbers: IntervalSet = [0..7, 11..12, 20..63, 70..104].into_iter().collect();
        for (x, y) in [(0, 1), (1, 0), (2, 1), (0, 2)] {
            let axes = &folder.newest().spec().axes;
            let chosen = chosen(axes, Some(x), Some(y));
            let sides = [Side::of(axes, chosen.0), Side::of(axes, chosen.1)];
            let found = counted(&folder, &sides, chosen, &numbers);
            let lens = [3, 7, 5];
            let digit = |n: u64, axis: usize| {
                let stride: u64 = lens[axis + 1..].iter().product();
                (n / stride % lens[axis]) as usize
            };
            let mut expected = vec![0; (lens[x] * lens[y]) as usize];
            for n in numbers.runs().flatten() {
                expected[digit(n, y) * lens[x] as usize + digit(n, x)] += 1;
            }
            assert_eq!((found.cells, found.elsewhere), (expected, 0));
        }
    }

    #[test]
    fn a_grid_of_a_billion_is_a_map_of_at_most_40000_cells() {
        let folder = Folder::new(grid(&cube(1000)));
        assert_eq!(folder.count(), 1_000_000_000);
        let closed = [0..400_000_123].into_iter().collect();
        let map = cells(&standing(folder, closed), None, None);
        let cells: Vec<i64> = serde_json::from_value(map["cells"].clone()).unwrap();
        let count: i64 = cells.chunks(2).map(|run| run[1]).sum();
        assert_eq!(count, 40_000);
        assert!(map.to_string().len() < 20_000, "{}", map.to_string().len());
        let done: i64 = cells
            .chunks(2)
            .filter(|run| run[0] == 10)
            .map(|run| run[1])
            .sum();
        assert_eq!(done, 16_000);
    }

    /// Prints what a map costs: `cargo test --release -p web a_map_of -- --nocapture`.
    #[test]
    fn a_map_of_a_million_trials_in_ten_thousand_runs_is_small() {
        let folder = Folder::new(grid(&cube(100)));
        assert_eq!(folder.count(), 1_000_000);
        // Leases that end in any order leave gaps.
        let closed = (0..10_000)
            .map(|k| k * 100..k * 100 + 37 + k % 50)
            .collect();
        let standing = standing(folder, closed);
        let begun = std::time::Instant::now();
        let text = cells(&standing, None, None).to_string();
        let micros = begun.elapsed().as_micros();
        eprintln!(
            "a map of 10^6 trials in 10^4 runs: {} bytes, {micros} us",
            text.len()
        );
        assert!(text.len() < 128 << 10, "{}", text.len());
    }

    #[test]
    fn a_filter_leaves_holes_and_growth_moves_points() {
        let filtered = format!("{SMALL}[filter]\nwhere = \"problem.rank != 3\"\n");
        let mut folder = Folder::new(grid(&filtered));
        let all: IntervalSet = std::iter::once(0..folder.end()).collect();
        let map = cells(&standing(folder.clone(), all.clone()), Some(0), Some(1));
        let none: Vec<i64> = serde_json::from_value(map["cells"].clone()).unwrap();
        assert_eq!(none, [10, 6, -1, 3, 10, 12]);
        // One more depth, in front of the others: what is done moves one cell on.
        let grown = filtered.replace("[2, 3, 4]", "[5, 2, 3, 4]");
        folder.grow(grid(&grown)).unwrap();
        let map = cells(&standing(folder, all), Some(0), Some(1));
        let moved: Vec<i64> = serde_json::from_value(map["cells"].clone()).unwrap();
        assert_eq!(moved[..6], [0, 1, 10, 3, 0, 1]);
        assert_eq!(map["exact"], true);
    }

    #[test]
    fn failed_and_running_trials_show() {
        let folder = Folder::new(grid(SMALL));
        let mut standing = standing(folder, std::iter::once(0..5).collect());
        standing.failed.insert(4..5);
        standing.running.insert(5..6);
        let map = cells(&standing, Some(0), Some(1));
        let found: Vec<i64> = serde_json::from_value(map["cells"].clone()).unwrap();
        assert_eq!(found[..6], [10 + FAILED, 1, 0, 2, RUNNING, 1]);
        assert_eq!(map["x"]["labels"], json!(["2", "3", "4"]));
    }

    #[test]
    fn axes_that_are_not_there_are_replaced() {
        let axes = &grid(SMALL).spec().axes.clone();
        assert_eq!(chosen(axes, None, None), (Some(1), Some(0)));
        assert_eq!(chosen(axes, Some(9), Some(2)), (Some(1), Some(2)));
        assert_eq!(chosen(axes, Some(2), Some(2)), (Some(2), Some(1)));
        assert_eq!(chosen(&[], None, None), (None, None));
    }
}
