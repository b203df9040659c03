//! What a grid refuses, what it keeps and how it settles points, by example. Properties over random sweeps
//! are in the crate's `tests/`.

use std::sync::Arc;

use ndarray::Array2;

use super::model::Grid;
use crate::error::SweepError;
use crate::keys::{Key, settle_all};
use crate::refs::{Arrays, Loaded};
use crate::spec::Spec;
use crate::value::Value;

fn with_arrays(body: &str, shapes: &[(&str, &str, (usize, usize))]) -> Result<Grid, SweepError> {
    let spec = Spec::parse(&format!("name = \"s\"\n{body}\n"), "s.toml", &[])?;
    let mut arrays = Arrays::new();
    for array in spec.array_refs() {
        let found = shapes.iter().find(|(file, name, _)| {
            *file == array.file && array.array.as_deref().unwrap_or("") == *name
        });
        if let Some((file, _, shape)) = found {
            arrays.insert(
                array,
                Loaded {
                    array: Arc::new(Array2::zeros(*shape).into()),
                    hash: format!("blake3:{:0>4}", file.trim_end_matches(".npy").len()),
                },
            );
        }
    }
    Grid::new(spec, arrays)
}

fn grid(body: &str) -> Grid {
    with_arrays(body, &[]).unwrap_or_else(|error| panic!("{}", error.render()))
}

/// The message of the mistake, and the text that it points at.
fn check(body: &str, message: &str, marked: &str) {
    check_arrays(body, &[], message, marked);
}

fn check_arrays(body: &str, shapes: &[(&str, &str, (usize, usize))], message: &str, marked: &str) {
    let error = with_arrays(body, shapes).expect_err(body);
    assert_eq!(error.message(), message, "{body}");
    let place = error.place().expect("a place");
    assert_eq!(&place.source.text[place.span.clone()], marked, "{body}");
}

#[test]
fn combinations_that_do_not_fit_are_refused_at_their_value() {
    check(
        "[axes]\n'problem.rank' = [1, 8, 128]\n[problem]\ndim = 64",
        "rank 128 is larger than dim 64",
        "128",
    );
    check(
        "[axes]\n'problem.dim' = [64, 32]\n[problem]\nrank = 40",
        "rank 40 is larger than dim 32",
        "40",
    );
    check(
        "[problem]\ninputs_dim = 30\noutputs_dim = 20\nrank = 25",
        "rank 25 is larger than outputs_dim 20",
        "25",
    );
    check(
        "[axes]\n'network.depth' = [2, 4]\n[network]\nwidth = [50]",
        "`network.width` is a list of 1, but depth 4 has 3 hidden layers",
        "[50]",
    );
    check(
        "[axes]\n'network.nonlinear_layers' = [0, 1, 2, 3]\n[network]\nactivation = 'relu'",
        "`network.nonlinear_layers` is 3, but depth 3 has 2 hidden layers",
        "3",
    );
    check(
        "[axes]\n'network.depth' = [3, 2]\n[network]\nactivation = 'gelu'\nnonlinear_layers = 2",
        "`network.nonlinear_layers` is 2, but depth 2 has 1 hidden layer",
        "2",
    );
    check(
        "[axes]\n'network.negative_slope' = [0.5, 1.0]\n[network]\nactivation = 'leaky_relu'",
        "`network.negative_slope` is 1, but leaky_relu of slope 1 is no activation: the network is linear",
        "1.0",
    );
    check(
        "[init]\nscale = [1.0, 2.0]",
        "`init.scale` is a list of 2, but depth 3 has 3 layers",
        "[1.0, 2.0]",
    );
    check(
        "[problem]\nrank = 2\nsingular_values = [3, 2, 1]",
        "`problem.rank` is 2, but `problem.singular_values` lists 3",
        "2",
    );
    check(
        "[problem]\nkind = 'classification'\ntest = { range = [40, 51] }",
        "`problem.test` is [40, 51], but there are 50 samples, 0 to 50 (not included)",
        "{ range = [40, 51] }",
    );
    check(
        "[problem]\nkind = 'regression'\ninputs = { draw = 'gaussian', rank = 101 }",
        "rank of the inputs 101 is larger than inputs_dim 100",
        "{ draw = 'gaussian', rank = 101 }",
    );
}

#[test]
fn losses_biases_and_batches_that_have_no_meaning_are_refused_at_their_value() {
    for kind in ["factorization", "completion", "regression"] {
        check(
            &format!("[problem]\nkind = '{kind}'\nloss = 'cross_entropy'"),
            &format!(
                "`problem.loss` is 'cross_entropy', but it needs one class a sample: kind {kind} has none"
            ),
            "'cross_entropy'",
        );
    }
    check(
        "[axes]\n'network.bias' = [false, true]",
        "`network.bias` is true, but kind factorization fits a product of matrices, which biases are no part of",
        "true",
    );
    check(
        "[problem]\nkind = 'classification'\n[axes]\n'train.batch' = [0, 50, 51]",
        "batch 51 is larger than the number of training samples 50",
        "51",
    );
    check(
        "[problem]\nkind = 'classification'\ntest = { range = [40, 50] }\n[train]\nbatch = 41",
        "batch 41 is larger than the number of training samples 40",
        "41",
    );
    let served = grid(
        "[problem]\nkind = 'classification'\nloss = 'cross_entropy'\n[network]\nbias = true\n\
         [axes]\n'train.batch' = [0, 1, 50]",
    );
    assert_eq!(served.count(), 3);
    // A matrix has no samples to take a few of.
    let ignored = grid("[train]\nbatch = 8");
    assert_eq!(ignored.point(0).expect("within").get("train.batch"), None);
    assert_eq!(
        ignored.warnings(),
        ["`train.batch` is set, but applies to no trial"]
    );
}

#[test]
fn new_keys_change_no_identity_at_their_defaults() {
    let plain = "[problem]\nkind = 'classification'\n";
    let id = |more: &str| {
        let id = grid(&format!("{plain}{more}")).id_of(0).expect("within");
        id.to_string()
    };
    let before = id("");
    assert_eq!(id("[network]\nbias = false\n[train]\nbatch = 0"), before);
    let others = [
        id("[network]\nbias = true"),
        id("[train]\nbatch = 10"),
        id("loss = 'cross_entropy'"),
    ];
    assert!(others.iter().all(|other| *other != before), "{others:?}");
}

#[test]
fn stop_rules_that_batches_leave_unchecked_are_warned_of() {
    let warnings =
        |more: &str| grid(&format!("[problem]\nkind = 'classification'\n{more}")).warnings();
    let found = warnings("[train]\nbatch = 10\nstop = { train_loss = 1e-3 }");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("checked at measured steps"), "{found:?}");
    for more in [
        "[train]\nbatch = 10\nstop = { train_loss = 1e-3 }\n[measure]\nevery = 5",
        "[train]\nstop = { train_loss = 1e-3 }",
        "[train]\nbatch = 10",
    ] {
        assert_eq!(warnings(more), [""; 0], "{more}");
    }
}

#[test]
fn engines_that_cannot_serve_are_refused() {
    let error = with_arrays(
        "[axes]\n'optimizer.kind' = ['gd', 'adam']\n[train]\nengine = 'reduced'",
        &[],
    )
    .expect_err("adam");
    assert!(
        error
            .message()
            .starts_with("`train.engine` is 'reduced', but"),
        "{error}"
    );
    grid("[axes]\n'optimizer.kind' = ['gd', 'momentum']\n[train]\nengine = 'reduced'");
    grid("[axes]\n'optimizer.kind' = ['gd', 'adam']");
    let hybrids = "[network]\nactivation = 'tanh'\n[train]\nengine = 'reduced'";
    grid(&format!(
        "{hybrids}\n[axes]\n'network.nonlinear_layers' = [0]"
    ));
    with_arrays(
        &format!("{hybrids}\n[axes]\n'network.nonlinear_layers' = [0, 1]"),
        &[],
    )
    .expect_err("not linear");
}

#[test]
fn what_a_filter_leaves_out_may_be_wrong() {
    let body = "[axes]\n'problem.rank' = [1, 8, 128]\n'problem.dim' = [64, 200]";
    check(body, "rank 128 is larger than dim 64", "128");
    let kept = grid(&format!(
        "{body}\n[filter]\nwhere = \"problem.rank <= problem.dim\""
    ));
    assert_eq!((kept.size(), kept.count()), (6, 5));
}

#[test]
fn extra_points_are_checked_and_held_once() {
    check(
        "[filter]\ninclude = [{ 'problem.rank' = 2 }, { 'problem.rank' = 101 }]",
        "rank 101 is larger than dim 100",
        "{ 'problem.rank' = 101 }",
    );
    let grid = grid(
        "[axes]\n'problem.rank' = [1, 2, 3]\n[filter]\nwhere = \"problem.rank != 3\"\n\
         include = [{ 'problem.rank' = 2 }, { 'problem.rank' = 3 }, { 'problem.rank' = 7 }, \
         { 'problem.rank' = 7, 'network.depth' = 3 }]",
    );
    // 2 is in the product; 3 was filtered and comes back; 7 is new, and 3 is the default depth.
    assert_eq!((grid.size(), grid.count()), (5, 4));
    let ranks: Vec<Option<i64>> = (0..5)
        .map(|i| {
            grid.point(i)
                .expect("within")
                .get("problem.rank")
                .and_then(Value::as_int)
        })
        .collect();
    assert_eq!(ranks, [Some(1), Some(2), Some(3), Some(3), Some(7)]);
    assert!(!grid.kept(2) && grid.kept(3));
}

#[test]
fn keys_that_do_not_apply_make_no_points() {
    let grid = grid(
        "[axes]\n'optimizer.kind' = ['gd', 'momentum']\n'optimizer.momentum' = [0.5, 0.9]\n\
         'replicate' = { range = [0, 10] }",
    );
    assert_eq!((grid.size(), grid.count()), (40, 30));
    let kept: Vec<u64> = (0..40).filter(|&i| grid.kept(i)).collect();
    assert_eq!(kept, (0..10).chain(20..40).collect::<Vec<u64>>());
    assert_eq!(grid.next_kept(10, 40), Some(20));
    let point = grid.point(15).expect("within");
    assert_eq!(point.get("optimizer.momentum"), None);
    assert_eq!(grid.locate(&point), Some(5));
}

#[test]
fn rows_that_decide_about_each_other_are_counted_once() {
    // At depth 1 there is no width, so rows with one scale are one point; 5 depths of 3 widths each.
    let row = |row: u64| (1 + row % 5, 2 + row / 5 % 3, row / 15);
    let column = |value: &dyn Fn((u64, u64, u64)) -> u64| {
        let texts: Vec<String> = (0..15 * 1000)
            .map(|at| value(row(at)).to_string())
            .collect();
        texts.join(", ")
    };
    let grid = grid(&format!(
        "[[zip]]\n'network.depth' = [{}]\n'network.width' = [{}]\n'replicate' = [{}]\n",
        column(&|(depth, _, _)| depth),
        column(&|(_, width, _)| width),
        column(&|(_, _, replicate)| replicate),
    ));
    assert_eq!((grid.size(), grid.count()), (15_000, 13_000));
    for at in [0, 5, 6, 14_985, 14_990, 14_999] {
        let (depth, width, _) = row(at);
        assert_eq!(grid.kept(at), depth > 1 || width == 2, "{at}");
        let point = grid.point(at).expect("within");
        let found = point.get("network.width").and_then(Value::as_int);
        assert_eq!(found, (depth > 1).then_some(width as i64));
        assert!(grid.locate(&point).is_some_and(|found| grid.kept(found)));
    }
}

#[test]
fn many_excluded_points_are_left_out() {
    let excluded: Vec<String> = (0..20_000)
        .map(|at| {
            format!(
                "{{ 'problem.rank' = {}, 'replicate' = {} }}",
                1 + at % 100,
                at / 100
            )
        })
        .collect();
    let grid = grid(&format!(
        "[axes]\n'problem.rank' = {{ range = [1, 101] }}\n'replicate' = {{ range = [0, 300] }}\n\
         [filter]\nexclude = [{}]\n",
        excluded.join(", ")
    ));
    assert_eq!((grid.size(), grid.count()), (30_000, 10_000));
    assert_eq!(grid.next_kept(0, u64::MAX), Some(200));
    assert_eq!(grid.next_kept(300, u64::MAX), Some(500));
}

const SAMPLES: &str = "[problem]\nkind = 'classification'\n\
    inputs = { file = 'x.npy' }\nlabels = { file = 'y.npy' }\n";

#[test]
fn files_set_the_sizes() {
    let shapes = [("x.npy", "", (64, 90)), ("y.npy", "", (10, 90))];
    let grid = with_arrays(SAMPLES, &shapes).expect("fits");
    let trial = grid.trial(0).expect("sound");
    assert_eq!(trial.problem.inputs_dim, 64);
    assert_eq!(trial.problem.outputs_dim, 10);
    assert_eq!(trial.network.widths, [64, 64]);
    let point = grid.point(0).expect("within");
    let shown = point.get("problem.inputs").map(Value::to_json);
    assert_eq!(shown.as_deref(), Some(r#"{"file":"blake3:0001"}"#));

    check_arrays(
        SAMPLES,
        &[("x.npy", "", (64, 90)), ("y.npy", "", (10, 89))],
        "`problem.labels` is 89 samples, but `problem.inputs` has 90",
        "{ file = 'y.npy' }",
    );
    check_arrays(
        SAMPLES,
        &shapes[..1],
        "the array in 'y.npy' is not loaded",
        "{ file = 'y.npy' }",
    );
}

#[test]
fn files_with_one_content_are_one_file() {
    let sweep = |file: &str| {
        let body = SAMPLES.replace("x.npy", file);
        with_arrays(&body, &[(file, "", (8, 9)), ("y.npy", "", (3, 9))]).expect("fits")
    };
    let (one, other, third) = (sweep("a.npy"), sweep("b.npy"), sweep("longer.npy"));
    let id = |grid: &Grid| grid.id_of(0).expect("within");
    assert_eq!(id(&one), id(&other));
    assert_ne!(id(&one), id(&third));
    let point = one.point(0).expect("within");
    assert_eq!(other.locate(&point), Some(0));
    // The array comes from whichever grid the point is taken from.
    assert!(point.trial(one.arrays()).is_ok());
}

#[test]
fn weights_from_a_file_must_chain() {
    let body = "[problem]\ndim = 4\nrank = 1\n[init]\nkind = 'file'\n\
        weights = { file = 'w.npz', arrays = ['w1', 'w2'] }";
    let fits = [("w.npz", "w1", (7, 4)), ("w.npz", "w2", (4, 7))];
    let grid = with_arrays(body, &fits).expect("chains");
    assert_eq!(grid.trial(0).expect("sound").network.widths, [7]);
    check_arrays(
        body,
        &[("w.npz", "w1", (7, 4)), ("w.npz", "w2", (4, 6))],
        "`init.weights` is 4 x 6 'w2' of 'w.npz', but matrix 2 must be 4 x 7 (output x input)",
        "{ file = 'w.npz', arrays = ['w1', 'w2'] }",
    );
}

/// Templates and holes give what settling each key gives.
fn check_settled(body: &str) {
    let grid = grid(body);
    let layout = grid.layout();
    let step = (layout.radix.size() / 500).max(1);
    let mut values = Vec::new();
    for index in (0..layout.radix.size()).step_by(step as usize) {
        let digits = layout.radix.digits(index);
        let written = |key: &'static Key| layout.written_at(key, &|axis| digits[axis]);
        let settled = settle_all(&written, &layout.arrays);
        layout.resolve_into(index, &mut values);
        assert_eq!(values, settled, "{body} {index}");
        let point = grid.point(index).expect("within");
        assert_eq!(point.values(), settled.as_slice());
        assert_eq!(point.trial_id(), grid.id_of(index).expect("within"));
    }
}

#[test]
fn templates_settle_every_default() {
    check_settled("");
    check_settled(
        "[axes]\n'problem.dim' = [10, 20]\n'problem.inputs_dim' = [10, 15]\n'network.depth' = [1, 2]",
    );
    check_settled(
        "[axes]\n'optimizer.kind' = ['gd', 'adam']\n'problem.loss' = ['mean', 'sum']\n\
         'problem.rank' = [1, 2]\n'train.engine' = ['auto', 'factored']\n[problem]\nkind = 'completion'",
    );
    check_settled(
        "[axes]\n'problem.kind' = ['classification', 'regression', 'factorization']\n\
         'problem.classes' = [3, 4]\n'problem.samples_per_class' = [5, 6]\n\
         'problem.test' = [{ range = [0, 5] }, { range = [10, 15] }]\n\
         'problem.inputs.noise' = [0.0, 0.5]\n'problem.inputs.draw' = ['gaussian', 'orthonormal']\n\
         'problem.inputs.rank' = [2, 3]\n'problem.singular_values' = ['flat', [2, 1], { geometric = 0.5 }]",
    );
    check_settled(
        "[axes]\n'train.stop.train_loss' = [1e-3, 1e-6]\n'init.scale' = [1.0, [1, 2, 3]]\n\
         'network.width' = [8, [8, 9]]\n'measure.metrics' = [['train_loss'], ['spectrum', 'angles']]\n\
         [train]\nstop = { gradient_norm = 1e-9 }",
    );
    // More combinations of deciding keys than templates are kept.
    check_settled(
        "[axes]\n'problem.dim' = { range = [10, 5010] }\n'replicate' = [3, 5]\n[problem]\nrank = 2",
    );
}

#[test]
fn axes_are_summed_up() {
    let grid = grid(
        "[axes]\n'replicate' = { range = [0, 100] }\n[[zip]]\n'network.width' = [8, 9]\n'train.steps' = [1, 2]",
    );
    let axes = grid.axes();
    assert_eq!(axes[0].keys, ["replicate"]);
    assert_eq!(axes[0].count, 100);
    let ints = |numbers: &[i64]| -> Vec<Vec<Value>> {
        numbers
            .iter()
            .map(|number| vec![Value::Int(*number)])
            .collect()
    };
    assert_eq!(axes[0].first, ints(&[0, 1, 2]));
    assert_eq!(axes[0].last, ints(&[98, 99]));
    assert_eq!(axes[1].keys, ["network.width", "train.steps"]);
    assert_eq!(axes[1].first.len(), 2);
    assert!(axes[1].last.is_empty());
}
