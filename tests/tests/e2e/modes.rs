//! The ready sweeps on modes, leaks and hybrid networks, run small: closed forms lie on the measured curves, modes
//! oscillate where theory says, smooth activations keep to the law and kinked ones leave it.

use std::path::Path;

use tests::tables::number;

use crate::figures::{column, numbers, small};

/// The largest `theory_error` at layer 0 for each rate, from the largest rate on, of the trials of `condition`.
#[track_caller]
fn errors(run: &Path, condition: &str) -> Vec<f64> {
    let sql = format!(
        "SELECT max(theory_error) AS error FROM spectra JOIN trials ON spectra.id = trials.id WHERE layer = 0 AND {condition} GROUP BY optimizer_rate ORDER BY optimizer_rate DESC"
    );
    column(run, &sql)
}

/// Half the rate, half the error.
#[track_caller]
fn assert_halved(errors: &[f64], what: &str) {
    assert_eq!(errors.len(), 2, "{what}");
    let ratio = errors[0] / errors[1];
    assert!((1.8..2.2).contains(&ratio), "{what}: {errors:?}");
}

#[test]
fn aligned_modes_lie_on_the_flow_and_layers_on_the_recursion() {
    let small = small(
        "saxe-modes",
        &[
            "problem.dim=8",
            "zip=[{ \"optimizer.rate\" = [4e-3, 2e-3], \"train.steps\" = [1000, 2000], \"measure.every\" = [50, 100] }]",
        ],
    );
    for depth in [2, 3, 4] {
        let found = errors(&small.run, &format!("network_depth = {depth}"));
        assert_halved(&found, &format!("depth {depth}"));
        let last = column(
            &small.run,
            &format!(
                "SELECT mode_value FROM spectra JOIN trials ON spectra.id = trials.id WHERE layer = 0 AND index = 1 AND step = steps AND network_depth = {depth}"
            ),
        );
        assert!(last.iter().all(|u| (u - 3.0).abs() < 1e-3), "{last:?}");
    }
    let layers = number(
        &small.run,
        "SELECT max(theory_error) AS error FROM spectra WHERE layer > 0",
    );
    assert!(layers < 1e-12, "{layers:e}");
}

#[test]
fn two_balanced_layers_lie_on_the_riccati_formula() {
    let small = small(
        "riccati",
        &[
            "problem.dim=7",
            "network.width=7",
            "zip=[{ \"optimizer.rate\" = [2e-3, 1e-3], \"train.steps\" = [2000, 4000], \"measure.every\" = [100, 200] }]",
        ],
    );
    for scales in ["[0.2,0.2]", "[0.2,1]", "[1.5,0.5]"] {
        let found = errors(&small.run, &format!("init_scale_list = '{scales}'"));
        assert_halved(&found, scales);
        assert!(found[1] < 1e-2, "{scales}: {found:?}");
    }
    let nulls = number(
        &small.run,
        "SELECT count(*) AS n FROM spectra WHERE layer = 0 AND index <= 4 AND theory_value IS NULL",
    );
    assert_eq!(nulls, 0.0);
}

/// `|u_i(1500) - u_i(1499)|` of the three modes, a row a rate.
#[track_caller]
fn ranges(run: &Path) -> Vec<Vec<f64>> {
    numbers(
        run,
        "SELECT optimizer_rate, max(CASE WHEN index = 1 THEN range END) AS first, max(CASE WHEN index = 2 THEN range END) AS second, max(CASE WHEN index = 3 THEN range END) AS third FROM (SELECT optimizer_rate, index, max(mode_value) - min(mode_value) AS range FROM spectra JOIN trials ON spectra.id = trials.id WHERE layer = 0 AND step >= 1499 GROUP BY optimizer_rate, index) GROUP BY optimizer_rate ORDER BY optimizer_rate",
    )
}

#[test]
fn modes_oscillate_past_their_own_edge() {
    let rates = "axes.optimizer.rate=[0.031, 0.032, 0.0335, 0.036]";
    let one = small("edge-modes", &[rates]);
    let wanted = [
        [0.66631, 0.0, 0.0],
        [2.82677, 0.0, 0.0],
        [4.25858, 1.55167, 0.0],
        [5.69536, 4.12932, 1.46229],
    ];
    let found = ranges(&one.run);
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        for (range, wanted) in found[1..].iter().zip(wanted) {
            assert!((range - wanted).abs() < 1e-4, "{found:?}, not {wanted}");
        }
    }
    // The grid of the file, a step of 1e-4.
    let grid = small("edge-modes", &[]);
    let found = ranges(&grid.run);
    assert_eq!(found.len(), 66);
    for (mode, threshold) in [(1, 0.030_943_9), (2, 0.033_134_3), (3, 0.035_611_1)] {
        // Below its threshold a mode comes to rest, slower the nearer it is.
        let first = found.iter().find(|row| row[mode] > 0.2);
        let first = first.expect("it oscillates at the largest rate")[0];
        let off = first - threshold;
        assert!((0.0..=1e-4).contains(&off), "mode {mode}: {first}");
    }
}

#[test]
fn smooth_activations_keep_to_the_law_and_kinked_ones_leave_it() {
    let small = small(
        "nonlinear-leak",
        &[
            "axes.network.activation=[\"linear\", \"gelu\", \"relu\"]",
            "replicate=0",
            "problem.samples={ range = [0, 300] }",
            "problem.test={ range = [300, 400] }",
            "network.width=64",
            "train.steps=200",
            "measure.every=200",
        ],
    );
    let leaks = |activation: &str| {
        column(
            &small.run,
            &format!(
                "SELECT leak FROM layers JOIN trials ON layers.id = trials.id WHERE step = 200 AND layer IN (1, 2) AND network_activation = '{activation}' ORDER BY layer"
            ),
        )
    };
    let (linear, gelu, relu) = (leaks("linear"), leaks("gelu"), leaks("relu"));
    assert!(linear.iter().all(|&leak| leak < 0.02), "{linear:?}");
    assert!(gelu.iter().all(|&leak| leak < 0.25), "{gelu:?}");
    assert!(relu.iter().all(|&leak| leak > 0.4), "{relu:?}");
}

#[test]
fn learning_in_the_block_of_the_law_loses_little_and_in_a_random_one_much() {
    let small = small("steering", &["axes.replicate=[0]", "measure.every=100"]);
    let last = |column_name: &str, activation: &str, which: &str| {
        let sql = format!(
            "SELECT {column_name} FROM trials WHERE network_activation = '{activation}' AND {which}"
        );
        let found = column(&small.run, &sql);
        assert_eq!(found.len(), 1, "{sql}");
        found[0]
    };
    let full = "train_engine = 'full' AND network_width = 128";
    let (data, gradient, random, refreshed) = (
        "projected_block = 'data'",
        "projected_block = 'gradient'",
        "projected_block = 'random'",
        "projected_kind = 'refreshed'",
    );
    // Made once with NumPy: test accuracies of a median of five seeds.
    for (activation, wanted) in [
        ("linear", [0.878, 0.878, 0.878]),
        ("gelu", [0.884, 0.879, 0.884]),
        ("relu", [0.926, 0.901, 0.913]),
    ] {
        for (which, wanted) in [full, gradient, refreshed].iter().zip(wanted) {
            let found = last("test_accuracy", activation, which);
            assert!(
                (found - wanted).abs() < 0.03,
                "{activation}, {which}: {found}, not {wanted}"
            );
        }
        let lost =
            last("test_accuracy", activation, full) - last("test_accuracy", activation, random);
        assert!(lost > 0.2, "{activation}: {lost}");
    }
    let (wide, held) = (
        last("train_loss", "linear", full),
        last("train_loss", "linear", data),
    );
    assert!((wide - held).abs() < 1e-10 * wide, "{wide}, {held}");
    let outside = |activation: &str, which: &str| {
        let sql = format!(
            "SELECT max(outside) FROM layers JOIN trials ON layers.id = trials.id WHERE network_activation = '{activation}' AND {which}"
        );
        column(&small.run, &sql)[0]
    };
    assert!(outside("linear", data) < 1e-10);
    assert!(outside("relu", gradient) > 0.1);
    let blocks = column(
        &small.run,
        "SELECT max(block_left) FROM layers JOIN trials ON layers.id = trials.id WHERE projected_block = 'gradient'",
    );
    assert_eq!(blocks, [30.0]);
}

#[test]
fn linear_layers_behind_nonlinear_ones_separate_at_one_rate() {
    let small = small(
        "hybrid-separation",
        &[
            "axes.network.nonlinear_layers=[1, 2]",
            "axes.replicate=[0]",
            "network.depth=7",
            "network.width=20",
            "problem.inputs_dim=20",
            "problem.samples_per_class=4",
            "train.steps=8000",
            "measure.every=0",
        ],
    );
    for (trial, nonlinear) in [(0_u64, 1_usize), (1, 2)] {
        let found = crate::collapse::separations(&small.run, trial);
        assert_eq!(found.len(), 6);
        // From the last nonlinear layer on.
        let (slope, square) = crate::collapse::line(&found[nonlinear - 1..]);
        assert!(square > 0.99, "trial {trial}: {square} of {found:?}");
        assert!(slope < -1.0, "trial {trial}: {} a layer", slope.exp());
    }
}
