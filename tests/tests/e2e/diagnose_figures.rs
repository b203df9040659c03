//! The figures that `parsimony diagnose` promises, held against runs: core width, operations, the safe rate.

use std::path::Path;

use serde_json::Value;
use tests::process::run;
use tests::tables::number;

use crate::matrices::{low_rank, noise, write_npy};

/// Draws of the start, of which the first is the one that a diagnosis looks at.
const DRAWS: usize = 4;

/// Standard output of a call as JSON.
#[track_caller]
fn ask(at: &Path, words: &[&str]) -> Value {
    let output = run(at, words).expect(0);
    serde_json::from_str(&output.out).expect("the answer is JSON")
}

#[track_caller]
fn float(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// Fails unless two numbers agree to a share of the second.
#[track_caller]
fn near(found: f64, wanted: f64, share: f64, what: &str) {
    assert!(
        (found - wanted).abs() <= share * wanted.abs(),
        "{what}: {found:e} is not {wanted:e}"
    );
}

/// The network that is diagnosed.
#[derive(Clone, Copy)]
struct Network {
    depth: usize,
    width: usize,
    scale: f64,
}

/// A diagnosis of the matrix in `m.npy`.
#[track_caller]
fn diagnosed(at: &Path, network: Network) -> Value {
    let Network {
        depth,
        width,
        scale,
    } = network;
    let (depth, width, scale) = (depth.to_string(), width.to_string(), scale.to_string());
    let words = [
        "diagnose",
        "m.npy",
        "--depth",
        &depth,
        "--width",
        &width,
        "--init-scale",
        &scale,
        "--json",
    ];
    ask(at, &words)
}

/// The largest curvature at the start of the wide network itself, one a draw.
#[track_caller]
fn sharpness(at: &Path, network: Network) -> Vec<f64> {
    let Network {
        depth,
        width,
        scale,
    } = network;
    let text = format!(
        r#"
name = "start"
seed = 0

[axes]
"replicate" = {{ range = [0, {DRAWS}] }}

[problem]
kind = "factorization"
target = {{ file = "m.npy" }}

[network]
depth = {depth}
width = {width}

[init]
kind = "orthogonal"
scale = {scale:?}

[train]
engine = "full"
steps = 0

[measure]
metrics = ["sharpness"]
"#
    );
    std::fs::write(at.join("start.toml"), text).unwrap();
    let out = format!("start-{depth}-{width}");
    run(at, &["run", "start.toml", "--out", &out]).expect(0);
    let of = |draw| {
        let sql =
            format!("SELECT sharpness FROM trials WHERE engine = 'full' AND replicate = {draw}");
        number(&at.join(&out), &sql)
    };
    (0..DRAWS).map(of).collect()
}

#[test]
fn core_and_operations_of_a_low_rank_matrix_are_those_of_its_plan_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_npy(&at.join("m.npy"), &low_rank(60, 40, 3));
    let words = [
        "diagnose",
        "m.npy",
        "--width",
        "60",
        "--steps",
        "60",
        "--write",
        "plan.toml",
        "--json",
    ];
    let found = ask(at, &words);
    assert_eq!(
        (&found["kind"], &found["rows"], &found["columns"]),
        (&Value::from("matrix"), &Value::from(60), &Value::from(40))
    );
    assert_eq!(
        (&found["rank"], &found["width"]),
        (&Value::from(3), &Value::from(60))
    );
    // A target that is not square: three times the rank.
    assert_eq!(
        (&found["core_width"], &found["advice"]),
        (&Value::from(9), &Value::from("core"))
    );
    let core = float(&found["core_width"]);
    let reduced = 60.0 * float(&found["reduced"]["flops_per_step"]);
    let full = 60.0 * float(&found["full"]["flops_per_step"]);
    assert!(reduced > 0.0 && full > reduced);
    near(
        float(&found["speed_up"]),
        full / reduced,
        1e-12,
        "the speed-up",
    );

    // Four rates of two draws each.
    let planned = ask(at, &["plan", "plan.toml", "--json"]);
    let engines = planned["engines"].as_array().unwrap();
    assert_eq!(engines.len(), 1, "{engines:?}");
    assert_eq!(engines[0]["engine"], "reduced");
    assert_eq!(engines[0]["core_width"], found["core_width"]);
    near(
        float(&planned["flops"]),
        8.0 * reduced,
        1e-12,
        "the plan's operations",
    );

    let ran = ask(at, &["run", "plan.toml", "--out", "r", "--json"]);
    let verified = &ran["verify"];
    assert_eq!(
        (&verified["compared"], &verified["within"]),
        (&Value::from(3), &Value::from(true)),
        "{verified}"
    );
    let rows = at.join("r");
    let completed = "SELECT count(*) AS n FROM trials WHERE status = 'completed' AND steps = 60 AND engine = 'reduced'";
    assert_eq!(number(&rows, completed), 8.0);
    for extreme in ["min", "max"] {
        let of = |column: &str| {
            let sql = format!("SELECT {extreme}({column}) AS x FROM trials");
            number(&rows, &sql)
        };
        assert_eq!(of("core_width"), core);
        near(of("flops"), reduced, 1e-12, "the run's operations");
    }

    let wide = [
        "run",
        "plan.toml",
        "--out",
        "w",
        "--set",
        "train.engine=full",
        "--set",
        "train.verify=0",
    ];
    run(at, &wide).expect(0);
    let rows = at.join("w");
    let of_wide = "SELECT max(flops) AS x FROM trials WHERE engine = 'full'";
    near(
        number(&rows, of_wide),
        full,
        1e-12,
        "the wide run's operations",
    );
}

#[test]
fn two_over_the_safe_rate_is_the_sharpness_of_the_wide_network_at_its_start() {
    for network in [
        Network {
            depth: 2,
            width: 60,
            scale: 0.7,
        },
        Network {
            depth: 3,
            width: 60,
            scale: 1.0,
        },
        Network {
            depth: 4,
            width: 60,
            scale: 0.5,
        },
    ] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        write_npy(&at.join("m.npy"), &low_rank(60, 40, 3));
        let found = diagnosed(at, network);
        assert_eq!(found["curvature_exact"], true);
        let output = 2.0 / float(&found["safe_rate"]);
        near(
            output,
            float(&found["curvature"]),
            1e-12,
            "the reported curvature",
        );
        let sharpness = sharpness(at, network);
        let what = format!("depth {}", network.depth);
        near(output, sharpness[0], 1e-6, &what);
        // Half of the safe rate, the largest that a plan tries, is stable at the start of every draw.
        for found in sharpness {
            assert!(found < 2.0 * output, "{what}: {found:e} against {output:e}");
        }
    }
}

#[test]
fn the_curvature_of_a_full_rank_matrix_is_a_bound_and_not_far() {
    let network = Network {
        depth: 3,
        width: 24,
        scale: 1.0,
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_npy(&at.join("m.npy"), &noise(24, 24, 1));
    let found = diagnosed(at, network);
    assert_eq!(
        (&found["advice"], &found["curvature_exact"]),
        (&Value::from("wide"), &Value::from(false))
    );
    let output = 2.0 / float(&found["safe_rate"]);
    for sharpness in sharpness(at, network) {
        assert!(
            sharpness <= output && output <= 4.0 * sharpness,
            "{sharpness:e} against {output:e}"
        );
    }
}
