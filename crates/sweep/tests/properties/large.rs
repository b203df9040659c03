//! Grids too large to walk: they must plan, number and grow all the same. A step that walks would not end.

use std::sync::Arc;

use sweep::{Folder, Growth, Mistake};

use super::sweeps::{grid, try_grid};

const BILLION: &str = "name = \"billion\"\n[axes]\n\
    'network.depth' = { range = [2, 12] }\n\
    'problem.rank' = { range = [1, 101] }\n\
    'init.scale' = { log = [1e-3, 1.0], points = 1000 }\n\
    'replicate' = { range = [0, 1000] }\n";

#[test]
fn a_billion_points_are_planned_at_once() {
    let text = format!(
        "{BILLION}[filter]\nwhere = \"problem.rank + network.depth <= 20 and replicate < 250\"\n\
         exclude = [{{ 'network.depth' = 3, 'problem.rank' = 5 }}]\n\
         [problem]\ndim = 100\n"
    );
    let grid = grid(&text);
    assert_eq!(grid.size(), 1_000_000_000);
    // Depth d allows ranks 1 to 20 - d, d = 2..11; one pair is excluded.
    let pairs: u64 = (2..12).map(|depth| 20 - depth).sum::<u64>() - 1;
    assert_eq!(grid.count(), pairs * 1000 * 250);
    assert_eq!(grid.next_kept(250, u64::MAX), Some(1000));
    // After the last rank of depth 2 comes the first of depth 3.
    assert_eq!(grid.next_kept(18_000_000, u64::MAX), Some(100_000_000));
    assert_eq!(grid.next_kept(999_999_999, u64::MAX), None);
    let cost = grid.total_cost();
    assert!(cost.flops > 0.0 && cost.seconds > 0.0 && grid.survey().exact);
    for index in [0, 1, 123_456_789, 999_999_999] {
        let point = grid.point(index).expect("within");
        assert_eq!(grid.locate(&point), grid.kept(index).then_some(index));
    }
}

#[test]
fn a_filter_on_one_long_axis_is_not_walked() {
    let text = "name = \"long\"\n[axes]\n'replicate' = { range = [0, 1000000000000] }\n\
        'network.depth' = [2, 3]\n\
        [filter]\nwhere = \"replicate >= 999999999990 or replicate == 77\"\n";
    let grid = grid(text);
    assert_eq!(grid.count(), 22);
    assert_eq!(grid.next_kept(0, u64::MAX), Some(154));
    assert_eq!(grid.next_kept(156, u64::MAX), Some(1_999_999_999_980));
}

#[test]
fn any_axis_of_a_large_grid_can_grow() {
    let axes = |depth: u64, kinds: &str, scale: u64, replicate: u64, extra: &str| {
        format!(
            "name = \"x\"\n[axes]\n'network.depth' = {{ range = [2, {depth}] }}\n\
             'init.kind' = [{kinds}]\n\
             'optimizer.rate' = {{ lin = [1.0, {scale}.0], points = {scale} }}\n\
             'replicate' = {{ range = [0, {replicate}] }}\n{extra}"
        )
    };
    let two = "'orthogonal', 'gaussian'";
    let three = "'orthogonal', 'uniform', 'gaussian'";
    // 10 x 2 x 50 x 100,000 = 10^8.
    let base = axes(12, two, 50, 100_000, "");
    for (next, size) in [
        (axes(13, two, 50, 100_000, ""), 110_000_000),
        (axes(12, three, 50, 100_000, ""), 150_000_000),
        (axes(12, two, 51, 100_000, ""), 102_000_000),
        (axes(12, two, 50, 100_001, ""), 100_001_000),
        (
            axes(
                12,
                two,
                50,
                100_000,
                "'optimizer.weight_decay' = [0.0, 0.1]\n",
            ),
            200_000_000,
        ),
        (
            axes(
                12,
                two,
                50,
                100_000,
                "[filter]\ninclude = [{ 'network.depth' = 40 }]\n",
            ),
            100_000_001,
        ),
    ] {
        let mut folder = Folder::new(Arc::new(grid(&base)));
        let before = folder.count();
        assert_eq!(before, 100_000_000);
        assert_eq!(folder.grow(Arc::new(grid(&next))), Ok(Growth::Grown));
        assert_eq!(folder.count(), size);
        assert_eq!(folder.end(), before + size);
        // The new numbers, in runs that begin and end where they must.
        let mut from = before;
        let mut found = 0;
        let mut runs = 0;
        while let Some(run) = folder.kept_run(from, u64::MAX, u64::MAX) {
            assert!(folder.kept(run.start) && folder.kept(run.end - 1));
            assert!(run.start == from || !folder.kept(run.start - 1));
            found += run.end - run.start;
            from = run.end;
            runs += 1;
            // The fastest axis leaves a new number every few; the first runs are enough.
            if runs == 300 {
                break;
            }
        }
        assert!(runs == 300 || found == size - before, "{next}");
        assert!(found > 0);
    }
}

#[test]
fn a_grid_that_is_too_large_is_refused() {
    let text = "name = \"x\"\n[axes]\n\
        'replicate' = { range = [0, 1000000000000] }\n\
        'train.steps' = { range = [0, 1000000000000] }\n";
    let error = try_grid(text).expect_err("10^24 points");
    assert_eq!(*error.mistake(), Mistake::GridTooLarge);

    // 2^32 (2^31 - 1) points are numbered without a bit for the sign, 2^63 are not.
    let steps = |end: u64| {
        format!(
            "name = \"x\"\n[axes]\n'replicate' = {{ range = [0, {}] }}\n\
             'train.steps' = {{ range = [1, {end}] }}\n",
            1_u64 << 32
        )
    };
    let almost = try_grid(&steps(1 << 31)).expect("fewer than 2^63 points");
    assert_eq!(almost.size(), (1 << 32) * ((1 << 31) - 1));
    let error = try_grid(&steps((1 << 31) + 1)).expect_err("2^63 points");
    assert_eq!(*error.mistake(), Mistake::GridTooLarge);
    let half = |end| Arc::new(grid(&steps(end)));
    let mut folder = Folder::new(half((1 << 30) + 1));
    let error = folder.grow(half((1 << 30) + 2)).expect_err("2^63 numbers");
    assert_eq!(*error.mistake(), Mistake::GridTooLarge);
}
