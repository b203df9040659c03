//! The ready sweeps on separation by layer, run small: it falls by about one factor a layer.

use std::path::Path;

use tests::tables::number;

use crate::figures::{column, small};

/// 20 samples of 5 classes in 20 dimensions.
const SMALL: [&str; 5] = [
    "problem.inputs_dim=20",
    "problem.samples_per_class=4",
    "optimizer.rate=5",
    "train.steps=8000",
    "measure.every=0",
];

/// `D_1 .. D_(L-1)` at the end of a trial.
#[track_caller]
pub(crate) fn separations(run: &Path, trial: u64) -> Vec<f64> {
    let sql = format!(
        "SELECT separation FROM layers WHERE trial = {trial} AND step > 0 AND layer > 0 AND separation IS NOT NULL ORDER BY layer"
    );
    column(run, &sql)
}

/// Slope and squared correlation of `ln D_l` over `l`.
pub(crate) fn line(separations: &[f64]) -> (f64, f64) {
    let n = separations.len() as f64;
    let points: Vec<(f64, f64)> = (1_u32..)
        .map(f64::from)
        .zip(separations.iter().map(|d| d.ln()))
        .collect();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (a, b) in points {
        xx += (a - x) * (a - x);
        xy += (a - x) * (b - y);
        yy += (b - y) * (b - y);
    }
    (xy / xx, xy * xy / (xx * yy))
}

#[track_caller]
fn assert_fitted(run: &Path) {
    let left = number(
        run,
        "SELECT count(*) AS n FROM trials WHERE train_loss > 1.0e-6 OR status <> 'completed'",
    );
    assert_eq!(left, 0.0, "trials that did not fit their samples");
}

#[test]
fn features_separate_layer_by_layer_at_one_rate() {
    let mut sets = SMALL.to_vec();
    sets.extend(["network.width=20", "axes.network.depth=[4, 6]"]);
    let small = small("fig-collapse", &sets);
    assert_fitted(&small.run);
    // Depth 4 linear and relu, depth 6 linear and relu.
    for (trial, straight) in [(0, 0.999), (1, 0.95), (2, 0.999), (3, 0.95)] {
        let found = separations(&small.run, trial);
        assert_eq!(found.len(), if trial < 2 { 3 } else { 5 });
        let (slope, square) = line(&found);
        assert!(square > straight, "trial {trial}: {square} of {found:?}");
        assert!(
            slope < -1.0,
            "trial {trial}: a factor of {} a layer",
            slope.exp()
        );
    }
}

#[test]
fn small_starts_separate_more() {
    let mut sets = SMALL.to_vec();
    sets.extend([
        "network.width=20",
        "network.depth=5",
        "axes.init.scale=[0.3, 0.5, 1.0]",
    ]);
    let small = small("fig-collapse-init-scale", &sets);
    assert_fitted(&small.run);
    let last = |trial| separations(&small.run, trial)[3];
    assert!(
        last(0) < 0.1 * last(1) && last(1) < 0.1 * last(2),
        "{} {} {}",
        last(0),
        last(1),
        last(2)
    );
    let slope = |trial| line(&separations(&small.run, trial)).0;
    assert!(
        slope(0) < slope(1) && slope(1) < slope(2),
        "{} {} {}",
        slope(0),
        slope(1),
        slope(2)
    );
}

#[test]
fn orthogonal_starts_separate_evenly_and_the_others_nearly_so() {
    let mut sets = SMALL.to_vec();
    sets.extend([
        "network.width=20",
        "network.depth=4",
        "axes.replicate=[0, 1]",
    ]);
    let small = small("fig-collapse-init-kind", &sets);
    assert_fitted(&small.run);
    for trial in 0..6 {
        let (_, square) = line(&separations(&small.run, trial));
        let straight = if trial < 2 { 0.999 } else { 0.98 };
        assert!(square > straight, "trial {trial}: {square}");
    }
}

#[test]
fn deeper_networks_end_with_less_within_and_width_does_not_matter() {
    let mut sets = SMALL.to_vec();
    sets.extend([
        "axes.network.depth=[3, 5]",
        "axes.network.width=[20, 30]",
        "axes.replicate=[0, 1]",
    ]);
    let small = small("layerwise-separation", &sets);
    assert_fitted(&small.run);
    let last = |trial| {
        let found = separations(&small.run, trial);
        let (_, square) = line(&found);
        assert!(
            found.len() == 2 || square > 0.999,
            "trial {trial}: {square}"
        );
        found[found.len() - 1]
    };
    // Depth, width, replicate; the last fastest.
    for replicate in 0..2 {
        let [narrow, wide, deep_narrow, deep_wide] =
            [0, 2, 4, 6].map(|trial| last(trial + replicate));
        assert!(deep_narrow < 0.2 * narrow && deep_wide < 0.2 * wide);
        assert!((wide / narrow).ln().abs() < 0.4 && (deep_wide / deep_narrow).ln().abs() < 0.4);
    }
}
