//! Every ready sweep, run small: what its figure claims holds in numbers, and the queries that sweeps/README.md
//! gives for it have answers.
//!
//! The small settings keep what the figure rests on (ranks well below the dimension, rates below the edge of
//! stability, starts small enough to escape from) and shrink everything else.

use std::path::{Path, PathBuf};

use tests::process::{root, run};
use tests::tables::{number, query};

/// A finished small run.
pub(crate) struct Small {
    pub(crate) run: PathBuf,
    /// Removed with the value.
    _folder: tempfile::TempDir,
}

/// Runs `sweeps/NAME.toml` with these settings, and asks it what the README asks.
#[track_caller]
pub(crate) fn small(name: &str, sets: &[&str]) -> Small {
    let folder = tempfile::tempdir().unwrap();
    let sweep = root().join("sweeps").join(format!("{name}.toml"));
    let mut words = vec![
        "run",
        sweep.to_str().unwrap(),
        "--out",
        "r",
        "--threads",
        "2",
    ];
    for set in sets {
        words.extend(["--set", *set]);
    }
    run(folder.path(), &words).expect(0);
    run(folder.path(), &["plot", "r"]).expect(0);
    let run = folder.path().join("r");
    let asked = queries(name);
    assert!(
        !asked.is_empty(),
        "sweeps/README.md has no query for {name}"
    );
    for sql in asked {
        assert!(query(&run, &sql).height() > 0, "no answer: {sql}");
    }
    Small {
        run,
        _folder: folder,
    }
}

/// The SQL of the lines `parsimony query runs/NAME "..."` of sweeps/README.md.
fn queries(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("sweeps/README.md")).unwrap();
    let head = format!("parsimony query runs/{name} \"");
    let lines = text.lines().filter_map(|line| line.strip_prefix(&head));
    lines
        .map(|rest| rest.rsplit_once('"').unwrap().0.to_owned())
        .collect()
}

/// Rows of numbers; null is NaN.
#[track_caller]
pub(crate) fn numbers(run: &Path, sql: &str) -> Vec<Vec<f64>> {
    let rows = query(run, sql);
    let value = |value: &table::Value| value.number().unwrap_or(f64::NAN);
    let rows = rows.rows.iter();
    rows.map(|row| row.iter().map(value).collect()).collect()
}

/// One column.
#[track_caller]
pub(crate) fn column(run: &Path, sql: &str) -> Vec<f64> {
    numbers(run, sql).into_iter().map(|row| row[0]).collect()
}

/// Two engines' losses over the same steps are one curve.
#[track_caller]
fn assert_one_curve(run: &Path, one: u64, other: u64) {
    let curve = |trial: u64| {
        numbers(
            run,
            &format!("SELECT step, train_loss FROM history WHERE trial = {trial} ORDER BY step"),
        )
    };
    let (one, other) = (curve(one), curve(other));
    assert!(
        one.len() > 3 && one.len() == other.len(),
        "{} and {} rows",
        one.len(),
        other.len()
    );
    let first = one[0][1];
    for (a, b) in one.iter().zip(&other) {
        assert_eq!(a[0], b[0], "steps");
        let close = (a[1] - b[1]).abs() <= 1e-11 * b[1] + 1e-14 * first;
        assert!(close, "step {}: {:e} and {:e}", a[0], a[1], b[1]);
    }
}

/// How many of 30 singular values are one to rounding, which, and how they turned since step 1.
struct Cluster {
    together: usize,
    /// Largest value of the layer over the cluster's.
    spread: f64,
    /// The largest left or right angle; NaN where one is null.
    angle: f64,
}

#[track_caller]
fn cluster(run: &Path, trial: u64, layer: u64) -> Cluster {
    let sql = format!(
        "SELECT value, left_angle, right_angle FROM spectra WHERE trial = {trial} AND layer = {layer} AND step = 400 ORDER BY value DESC"
    );
    let rows = numbers(run, &sql);
    assert_eq!(rows.len(), 30);
    let middle = 0.5 * (rows[14][0] + rows[15][0]);
    let together: Vec<&Vec<f64>> = rows
        .iter()
        .filter(|row| (row[0] - middle).abs() < 1e-10 * rows[0][0])
        .collect();
    let angles = together.iter().flat_map(|row| [row[1], row[2]]);
    Cluster {
        together: together.len(),
        spread: rows[0][0] / middle,
        angle: angles.fold(0.0_f64, |a, b| {
            if a.is_nan() || b.is_nan() {
                f64::NAN
            } else {
                a.max(b)
            }
        }),
    }
}

#[test]
fn every_ready_sweep_has_its_section_and_its_query() {
    let text = std::fs::read_to_string(root().join("sweeps/README.md")).unwrap();
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("sweeps")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(
                text.contains(&format!("\n## {name}\n")),
                "no section `## {name}`"
            );
            assert!(!queries(name).is_empty(), "no query for {name}");
            count += 1;
        }
    }
    assert!(count >= 15, "only {count} sweeps found");
}

#[test]
fn only_twice_the_rank_of_directions_moves() {
    let small = small("fig-invariant-subspace", &["measure.every=100"]);
    for layer in 1..=3 {
        let found = cluster(&small.run, 0, layer);
        assert_eq!(found.together, 24, "layer {layer}");
        assert!(
            found.spread > 2.0,
            "the others never moved: {}",
            found.spread
        );
        assert!(
            found.angle < 1e-6,
            "layer {layer}: the subspace turned by {:e}",
            found.angle
        );
    }
}

#[test]
fn momentum_keeps_to_the_block_and_entrywise_optimizers_leave_it() {
    let small = small("fig-optimizers", &["measure.every=200"]);
    // gd, momentum, adam, rmsprop.
    for (trial, together) in [(0, 24..=24), (1, 24..=24), (2, 0..=2), (3, 0..=2)] {
        for layer in 1..=3 {
            let found = cluster(&small.run, trial, layer);
            assert!(
                together.contains(&found.together),
                "trial {trial}, layer {layer}: {}",
                found.together
            );
        }
    }
    let losses = column(&small.run, "SELECT max(train_loss) AS loss FROM trials");
    assert!(losses[0] < 1e-2, "{losses:?}");
}

#[test]
fn the_wide_network_and_its_core_have_one_loss_curve() {
    let sets = ["problem.dim=60", "train.steps=1000", "optimizer.rate=10"];
    let small = small("fig-equivalent-trajectories", &sets);
    assert_one_curve(&small.run, 0, 1);
    let rows = numbers(
        &small.run,
        "SELECT core_width, reduction_residual, flops, train_loss FROM trials ORDER BY trial",
    );
    assert_eq!(rows[0][0], 20.0, "twice the rank");
    assert!(rows[0][1] < 1e-10, "residual {:e}", rows[0][1]);
    assert!(
        rows[1][2] > 10.0 * rows[0][2],
        "{:e} and {:e} operations",
        rows[1][2],
        rows[0][2]
    );
    let first = number(
        &small.run,
        "SELECT max(train_loss) AS loss FROM history WHERE step = 0",
    );
    assert!(
        rows[0][3] < 1e-2 * first,
        "nothing was learned: {:e} of {first:e}",
        rows[0][3]
    );
}

#[test]
fn factors_that_train_complete_the_matrix_and_frozen_ones_stop_early() {
    let sets = [
        "problem.dim=60",
        "problem.rank=2",
        "problem.observed=0.5",
        "init.scale=0.03",
        "optimizer.rate=40",
        "optimizer.rank_estimate=2",
        "train.steps=3000",
        "measure.every=1000",
    ];
    let small = small("fig-completion", &sets);
    let rows = numbers(
        &small.run,
        "SELECT train_loss, test_loss FROM trials ORDER BY trial",
    );
    for (name, row) in [("wide", &rows[0]), ("factored", &rows[1])] {
        assert!(row[0] < 1e-9 && row[1] < 1e-8, "{name}: {row:?}");
    }
    assert!(
        rows[2][0] > 1e-4 && rows[2][1] > 1e-4,
        "frozen factors: {:?}",
        rows[2]
    );
}

#[test]
fn the_factored_network_needs_fewer_iterations_than_a_narrow_one() {
    let sets = [
        "problem.dim=60",
        "problem.rank=2",
        "problem.observed=0.5",
        "init.scale=0.01",
        "optimizer.rate=40",
        "axes.replicate=[0, 1]",
        "zip=[{\"train.engine\" = [\"factored\", \"factored\", \"full\", \"full\"], \"optimizer.rank_estimate\" = [2, 5, 2, 5], \"network.width\" = [60, 60, 4, 10]}]",
        "train.steps=10000",
        "train.stop.train_loss=1e-8",
        "measure.tolerance=1e-8",
        "measure.every=0",
    ];
    let small = small("fig-iteration-time", &sets);
    let steps = |engine: &str, width: u64| {
        let which = match engine {
            "factored" => format!("core_width = {width}"),
            _ => format!("network_width = {width}"),
        };
        let sql = format!(
            "SELECT avg(tolerance_steps) AS s, count(tolerance_steps) AS n FROM trials WHERE engine = '{engine}' AND {which}"
        );
        let row = numbers(&small.run, &sql).remove(0);
        assert_eq!(row[1], 2.0, "{engine}, width {width}: did not arrive");
        row[0]
    };
    let factored = [4, 10].map(|width| steps("factored", width));
    let narrow = [4, 10].map(|width| steps("full", width));
    // At every rank estimate the compressed network takes about as many (5 % at this size, 0.05 % at d = 1000); a
    // plain network takes fewer the wider it is.
    assert!(
        (factored[0] / factored[1] - 1.0).abs() < 0.1,
        "{factored:?}"
    );
    assert!(narrow[0] > 1.1 * narrow[1], "{narrow:?}");
    assert!(
        narrow[0] > 1.1 * factored[0] && narrow[1] > factored[1],
        "{narrow:?} against {factored:?}"
    );
}

#[test]
fn three_layers_recover_the_target_and_two_do_not() {
    let sets = [
        "problem.dim=40",
        "problem.rank=2",
        "problem.observed=0.4",
        "init.scale=0.01",
        "optimizer.rate=30",
        "axes.network.width=[6, 40]",
        "axes.replicate=[0, 1, 2]",
        "train.steps=4000",
        "train.stop.train_loss=1e-10",
        "measure.every=0",
    ];
    let small = small("fig-depth", &sets);
    let rows = numbers(
        &small.run,
        "SELECT network_depth, network_width, avg(test_loss) AS mean, min(test_loss) AS least, max(test_loss) AS most FROM trials GROUP BY network_depth, network_width ORDER BY network_depth, network_width",
    );
    let [narrow, wide, deep_narrow, deep_wide] = &rows[..] else {
        panic!("{rows:?}");
    };
    let deep = deep_narrow[4].max(deep_wide[4]);
    assert!(deep < 1e-7, "three layers: {deep:e}");
    assert!(
        wide[3] > 10.0 * deep,
        "two layers: {:e} at best, three {deep:e} at worst",
        wide[3]
    );
    assert!(
        wide[2] > 3.0 * narrow[2],
        "two layers: {:e} wide, {:e} narrow",
        wide[2],
        narrow[2]
    );
}

#[test]
fn inputs_that_are_not_white_have_a_small_exact_core_too() {
    let sets = [
        "problem.inputs_dim=40",
        "network.width=40",
        "optimizer.rate=5",
        "train.steps=200",
        "measure.every=50",
    ];
    let small = small("fig-nonwhitened", &sets);
    for depth in 0..3 {
        assert_one_curve(&small.run, depth, depth + 3);
        let separation = |trial: u64| {
            let sql =
                format!("SELECT separation FROM layers WHERE trial = {trial} ORDER BY step, layer");
            column(&small.run, &sql)
        };
        let (core, wide) = (separation(depth), separation(depth + 3));
        assert!(!core.is_empty() && core.len() == wide.len());
        for (a, b) in core.iter().zip(&wide) {
            let close = a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9 * b + 1e-12;
            assert!(close, "separation {a:e} and {b:e}");
        }
    }
    let widest = "SELECT max(core_width) AS k FROM trials WHERE engine = 'reduced'";
    assert!(
        number(&small.run, widest) <= 13.0,
        "rank of the inputs and classes"
    );
    let residual = "SELECT max(reduction_residual) AS r FROM trials WHERE engine = 'reduced'";
    assert!(number(&small.run, residual) < 1e-10);
    let falls = "SELECT max(train_loss) AS l FROM history WHERE step = 200";
    let starts = "SELECT min(train_loss) AS l FROM history WHERE step = 0";
    assert!(
        number(&small.run, falls) < 0.99 * number(&small.run, starts),
        "nothing was learned"
    );
}

#[test]
fn rates_past_two_over_the_sharpness_do_not_stay_at_the_minimum() {
    let small = small("edge-of-stability", &[]);
    let rows = numbers(
        &small.run,
        "SELECT optimizer_rate, train_loss, sharpness FROM trials ORDER BY optimizer_rate",
    );
    assert_eq!(rows.len(), 24);
    for row in rows {
        let [rate, loss, sharpness] = row[..] else {
            panic!("{row:?}");
        };
        // L sigma^(2 - 2/L) = 3 at the balanced minimum.
        if rate < 2.0 / 3.0 {
            assert!(loss < 2e-5, "rate {rate}: loss {loss:e}");
            assert!(
                (sharpness - 3.0).abs() < 0.03,
                "rate {rate}: sharpness {sharpness}"
            );
        } else {
            assert!(loss > 1e-3, "rate {rate}: loss {loss:e}");
        }
    }
}

#[test]
fn small_starts_learn_one_direction_after_the_other() {
    let sets = [
        "problem.dim=20",
        "axes.init.scale=[0.03, 0.01]",
        "train.steps=6000",
        "measure.every=25",
    ];
    let small = small("saddle-to-saddle", &sets);
    let reduced = "SELECT count(*) AS n FROM trials WHERE engine = 'reduced' AND core_width = 8";
    assert_eq!(number(&small.run, reduced), 2.0);
    let history = |trial: u64| {
        let sql = format!(
            "SELECT step, train_loss, effective_rank FROM history WHERE trial = {trial} ORDER BY step"
        );
        numbers(&small.run, &sql)
    };
    let rows = history(1);
    let values: [f64; 4] = [1.0, 0.5, 0.25, 0.125];
    let mut before = -1.0;
    for known in 0..4 {
        // The loss while the first `known` directions are learned and the others not yet.
        let level: f64 = 0.5 * values[known..].iter().map(|s| s * s).sum::<f64>();
        let plateau: Vec<&Vec<f64>> = rows
            .iter()
            .filter(|row| (row[1] / level - 1.0).abs() < 0.01)
            .collect();
        assert!(plateau.len() >= 5, "{} rows at {level}", plateau.len());
        assert!(plateau[0][0] > before, "plateaus out of order");
        before = plateau[plateau.len() - 1][0];
        if known > 0 {
            let sum: f64 = values[..known].iter().sum();
            let entropy: f64 = values[..known]
                .iter()
                .map(|s| -(s / sum) * (s / sum).ln())
                .sum();
            let found = plateau[plateau.len() / 2][2];
            assert!(
                (found - entropy.exp()).abs() < 0.02,
                "effective rank {found} with {known} learned"
            );
        }
    }
    // A start a third as large waits three times as long.
    let escape = |trial: u64| {
        let rows = history(trial);
        let half = 0.5 * rows[0][1];
        rows.iter().find(|row| row[1] < half).unwrap()[0]
    };
    let ratio = escape(1) / escape(0);
    assert!((2.3..3.9).contains(&ratio), "{ratio}");
}

/// Early stopping finds the target under the noise: the clean loss falls to the noise within the target's rows and
/// columns and rises to all of it.
#[test]
fn target_noise() {
    let small = small(
        "target-noise",
        &[
            "problem.dim=30",
            "axes.problem.noise=[0.5, 1.0]",
            "axes.replicate=[0, 1]",
            "train.steps=3000",
        ],
    );
    let found = numbers(
        &small.run,
        "SELECT problem_noise, min(history.clean_loss), max(trials.clean_loss), arg_min(step, history.clean_loss), max(trials.train_loss)
         FROM history JOIN trials ON history.trial = trials.trial GROUP BY history.trial, problem_noise",
    );
    assert_eq!(found.len(), 12);
    let (d, r) = (30.0, 3.0);
    // Rows and columns of the target.
    let share = (2.0 * d - r) * r / (d * d);
    for row in found {
        let [noise, best, last, step, train] = row[..] else {
            panic!("five numbers")
        };
        // Half of noise^2 ||Y||^2, with the fluctuation of 900 squares: a standard error of 5 %.
        let energy = 0.5 * noise * noise * r;
        assert!((0.7..1.25).contains(&(last / energy)), "{last} {energy}");
        assert!(
            (0.75..1.6).contains(&(best / last / share)),
            "{best} of {last}"
        );
        assert!(step > 0.0 && step < 1500.0, "{step}");
        assert!(train < 0.2 * last, "{train}");
    }
    let without = "SELECT count(*) AS n FROM trials WHERE clean_loss IS NULL";
    assert_eq!(number(&small.run, without), 0.0);
}

#[test]
fn weight_decay_lowers_the_rank_and_depth_makes_it_dearer() {
    let small = small("weight-decay-rank", &[]);
    let rows = numbers(
        &small.run,
        "SELECT network_depth, optimizer_weight_decay, nuclear_norm, effective_rank FROM trials ORDER BY network_depth, optimizer_weight_decay",
    );
    assert_eq!(rows.len(), 18);
    for depth in rows.chunks(6) {
        for pair in depth.windows(2) {
            assert!(
                pair[1][2] < pair[0][2],
                "more decay, more of the map: {pair:?}"
            );
            // A map that has collapsed to nothing has no rank to speak of.
            if pair[1][2] > 1e-3 {
                assert!(pair[1][3] < pair[0][3], "more decay, higher rank: {pair:?}");
            }
        }
    }
    let at = |depth: usize| rows[6 * depth + 4][3];
    assert!(
        at(0) > at(1) + 0.5 && at(1) > at(2) + 0.5,
        "decay 0.03: {} {} {}",
        at(0),
        at(1),
        at(2)
    );
}

#[test]
fn every_start_finds_the_target_and_the_orthogonal_rest_keeps_its_scale() {
    let small = small("quickstart", &["replicate=0"]);
    assert_eq!(number(&small.run, "SELECT count(*) AS n FROM trials"), 36.0);
    assert!(number(&small.run, "SELECT max(train_loss) AS l FROM trials") < 1e-3);
    let ranks = |kind: &str| {
        let sql = format!(
            "SELECT problem_rank, effective_rank FROM trials WHERE init_kind = '{kind}' ORDER BY problem_rank, network_depth"
        );
        numbers(&small.run, &sql)
    };
    let (orthogonal, gaussian) = (ranks("orthogonal"), ranks("gaussian"));
    for (orthogonal, gaussian) in orthogonal.iter().zip(&gaussian) {
        let rank = orthogonal[0];
        assert!(
            orthogonal[1] > rank - 1.5 && orthogonal[1] < rank + 3.0,
            "{orthogonal:?}"
        );
        assert!(orthogonal[1] > gaussian[1], "{orthogonal:?} {gaussian:?}");
    }
    // Depths 2, 3, 4 at rank 1.
    assert!(
        orthogonal[0][1] > orthogonal[1][1] && orthogonal[1][1] > orthogonal[2][1],
        "{orthogonal:?}"
    );
}

#[test]
fn the_digits_are_read_by_every_depth_and_start() {
    let small = small("digits", &["replicate=0", "train.steps=400"]);
    let rows = numbers(&small.run, "SELECT accuracy, test_accuracy FROM trials");
    assert_eq!(rows.len(), 9);
    for row in rows {
        assert!(
            (0.8..1.0).contains(&row[0]) && (0.75..1.0).contains(&row[1]),
            "{row:?}"
        );
    }
}
