//! Optimizers and schedules from the sweep file on: what the ready sweeps claim of them, run small, and what a plan
//! refuses.

use tests::process::run;
use tests::tables::{number, query};

use crate::figures::{column, small};
use crate::folder_with;

/// Optimizers whose updates commute with rotations change layers within the law's block alone.
#[test]
fn optimizers_keep_the_law_where_they_commute_with_rotations() {
    let small = small("equivariant-optimizers", &["measure.every=100"]);
    let kinds = dln::OptimizerKind::ALL;
    assert_eq!(
        number(&small.run, "SELECT count(*) AS n FROM trials"),
        kinds.len() as f64
    );
    for kind in kinds {
        let of = |value: &str| {
            let sql = format!(
                "SELECT {value} AS value FROM layers JOIN trials ON layers.id = trials.id \
                 WHERE optimizer_kind = '{}' AND step = 200 AND layer > 0",
                kind.name()
            );
            number(&small.run, &sql)
        };
        let (least, most) = (of("min(leak)"), of("max(leak)"));
        let holds = if kind.commutes_with_rotations() {
            most < 1e-12
        } else {
            least > 0.05
        };
        assert!(holds, "{}: leaks {least:e} to {most:e}", kind.name());
    }
    let sql = "SELECT count(*) AS n FROM trials JOIN history ON trials.id = history.id \
               WHERE step = 0 AND trials.train_loss < 0.9 * history.train_loss";
    assert_eq!(
        number(&small.run, sql),
        kinds.len() as f64,
        "trials that learned"
    );
}

/// Every direction of the target grows by the same amount, and what is left is halved at each step.
#[test]
fn muon_grows_every_mode_at_one_rate() {
    let small = small("muon-modes", &["axes.replicate=[0, 1]"]);
    let wanted = [2.34, 2.34, 5.46, 0.776, 0.488, 0.112, 0.0259, 0.00636];
    for replicate in 0..2 {
        let sql = format!(
            "SELECT history.train_loss FROM history JOIN trials ON trials.id = history.id \
             WHERE replicate = {replicate} ORDER BY step"
        );
        let losses = column(&small.run, &sql);
        assert_eq!(losses.len(), 13);
        for (step, (found, wanted)) in losses.iter().zip(wanted).enumerate() {
            let error = (found - wanted).abs();
            assert!(
                error <= 0.03 * wanted,
                "step {step}: {found} instead of {wanted}"
            );
        }
    }
    let sql = "SELECT value FROM spectra WHERE layer = 0 AND step = 2 AND trial = 0 ORDER BY value";
    let modes = column(&small.run, sql);
    assert_eq!(modes.len(), 25);
    assert!((modes[24] - modes[0]).abs() < 1e-2, "{modes:?}");
}

const SWEEP: &str = r#"
name = "scheduled"
seed = 2

[axes]
"replicate" = [0]

[problem]
kind = "factorization"
dim = 8

[train]
engine = "full"
steps = 40

[optimizer]
kind = "momentum"
rate = 0.1
"#;

/// What is written for the optimizer, and words of the error.
const REFUSED: [(&str, &[&str]); 10] = [
    (
        "schedule = { kind = 'warmup_cosine', warmup = 50 }",
        &["optimizer.schedule", "40 steps", "takes 50"],
    ),
    (
        "schedule = { kind = 'cosin' }",
        &["cosin", "did you mean 'cosine'"],
    ),
    (
        "schedule = { alpha = 0.1 }",
        &["optimizer.schedule", "kind"],
    ),
    (
        "schedule = { kind = 'list', rates = [] }",
        &["rates", "a list"],
    ),
    (
        "schedule = { kind = 'list' }",
        &["rates", "rates = [0.1, 0.01]"],
    ),
    (
        "schedule = { kind = 'list', rates = [0.1, -1.0] }",
        &["-1", "at least 0"],
    ),
    (
        "schedule = { kind = 'linear', end = -0.5 }",
        &["-0.5", "at least 0"],
    ),
    (
        "schedule = { kind = 'step', every = 0, factor = 0.5 }",
        &["every", "from 1"],
    ),
    ("schedule = { kind = 'step', every = 5 }", &["factor"]),
    ("polar = 'svd'", &["svd", "newton_schulz, exact"]),
];

#[test]
fn a_schedule_that_is_none_is_refused_with_its_line() {
    for (line, words) in REFUSED {
        let folder = folder_with("s.toml", &format!("{SWEEP}{line}\n"));
        let planned = run(folder.path(), &["plan", "s.toml"]).expect(2);
        for word in words.iter().chain(&["s.toml:19:"]) {
            assert!(
                planned.err.contains(word),
                "{line}: no `{word}` in {}",
                planned.err
            );
        }
    }
}

/// `constant` is what holds without a schedule: one identity, one row.
#[test]
fn a_schedule_is_in_its_column_and_constant_is_none() {
    let swept = "\"optimizer.schedule\" = [{ kind = 'constant' }, { kind = 'cosine', alpha = 0.1 }, \
                 { kind = 'list', rates = [0.1, 0.2] }]";
    let text = SWEEP.replace("\"replicate\" = [0]", swept);
    let folder = folder_with("s.toml", &text);
    let at = folder.path();
    std::fs::write(at.join("plain.toml"), SWEEP.replace("scheduled", "plain")).unwrap();
    run(at, &["run", "s.toml", "--out", "r"]).expect(0);
    run(at, &["run", "plain.toml", "--out", "p"]).expect(0);
    let sql = "SELECT optimizer_schedule FROM trials ORDER BY trial";
    let columns = tests::tables::texts(&query(&at.join("r"), sql), "optimizer_schedule");
    assert_eq!(
        columns,
        [
            r#"{"kind":"constant"}"#,
            r#"{"alpha":0.1,"kind":"cosine","steps":40}"#,
            r#"{"kind":"list","rates":[0.1,0.2]}"#,
        ]
    );
    let of = |run: &str| {
        let sql = "SELECT id, train_loss FROM trials WHERE trial = 0";
        let rows = query(&at.join(run), sql).rows;
        format!("{rows:?}")
    };
    assert_eq!(of("r"), of("p"));
}
