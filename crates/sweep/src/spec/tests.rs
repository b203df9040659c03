//! The grammar of the file by example: what it accepts, what it says about mistakes, and that it reads what it
//! writes.

use proptest::prelude::*;

use super::{Spec, defaults_toml};
use crate::error::SweepError;
use crate::value::Value;
use crate::values::{Rule, Values};

/// The example of the documentation, its comments taken in.
pub(super) const EXAMPLE: &str = r#"
name = "depth-rank-init"
seed = 7

[axes]
"network.depth" = [2, 3, 4]
"problem.rank"  = { range = [1, 9], step = 2 }
"init.kind"     = ["orthogonal", "gaussian", "uniform"]
"init.scale"    = { log = [1e-3, 1.0], points = 4 }
"replicate"     = { range = [0, 5] }

[[zip]]
"network.width" = [50, 100]
"train.steps"   = [2000, 1000]

[filter]
where = "problem.rank <= network.width / 2 and not (network.depth == 4 and init.kind == 'uniform')"
exclude = [ { "network.depth" = 4, "problem.rank" = 7 } ]
include = [ { "network.depth" = 12, "problem.rank" = 1 } ]

[problem]
kind = "factorization"
dim = 100
singular_values = { geometric = 0.5 }
loss = "mean"

[network]
activation = "linear"

[train]
engine = "auto"
precision = "f64"
stop = { train_loss = 1e-10 }
verify = 2

[optimizer]
kind = "momentum"
rate = 1
momentum = 0.9
weight_decay = 0.0

[measure]
every = 50
metrics = ["spectrum", "train_loss"]
"#;

const DIGITS: &str = r#"
name = "digits"
[problem]
kind = "classification"
inputs = { file = "digits.csv.gz", columns = "0..64", scale = 0.0625 }
labels = { file = "digits.csv.gz", columns = "64..65" }
target = { file = "unused.npz", array = "target" }
samples = { range = [0, 400] }
test = { range = [400, 1797] }
[init]
kind = "file"
weights = { file = "m.npz", arrays = ["w1", "w2"] }
"#;

pub(super) fn parse(text: &str, sets: &[&str]) -> Result<Spec, SweepError> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    Spec::parse(text, "s.toml", &sets)
}

pub(super) fn read(text: &str, sets: &[&str]) -> Spec {
    parse(text, sets).unwrap_or_else(|error| panic!("{}", error.render()))
}

pub(super) fn lengths(spec: &Spec) -> Vec<(String, u64)> {
    spec.axes
        .iter()
        .map(|axis| (axis.name(), axis.len()))
        .collect()
}

/// Parses `body` after a name and checks the message, the marked text and the help.
pub(super) fn check(body: &str, message: &str, marked: &str, help: Option<&str>) {
    let text = format!("name = \"s\"\n{body}");
    let error = parse(&text, &[]).expect_err(body);
    assert_eq!(error.message(), message, "{body}");
    let span = error.span().expect("a place");
    assert_eq!(&text[span], marked, "{body}");
    if let Some(help) = help {
        let found = error.help_text().unwrap_or("");
        assert!(found.contains(help), "{body}: {found}");
    }
}

#[test]
fn the_example_reads() {
    let spec = read(EXAMPLE, &[]);
    assert_eq!(
        (spec.name(), spec.seed(), spec.verify()),
        ("depth-rank-init", 7, 2)
    );
    let expected = [
        ("network.depth", 3),
        ("problem.rank", 4),
        ("init.kind", 3),
        ("init.scale", 4),
        ("replicate", 5),
        ("network.width + train.steps", 2),
    ]
    .map(|(name, len)| (name.to_owned(), len));
    assert_eq!(lengths(&spec), expected);
    assert_eq!(spec.axes[3].value(0, 1), Value::Float(0.01));
    assert_eq!(spec.axes[5].value(1, 1), Value::Int(1000));
    // A float key holds floats, a set of names is in one order.
    assert!(matches!(spec.fixed["optimizer.rate"], Value::Float(_)));
    assert_eq!(
        spec.fixed["measure.metrics"].to_json(),
        r#"["train_loss","spectrum"]"#
    );
    assert_eq!(spec.filter.exclude[0].len(), 2);
    assert_eq!(spec.filter.include[0]["network.depth"], Value::Int(12));
    assert_eq!(spec.warnings(), Vec::<String>::new());
    let span = spec
        .source
        .value_place("network.depth", 2)
        .expect("a place")
        .span;
    assert_eq!(&EXAMPLE[span], "4");
    assert_eq!(
        spec.source.span("problem.dim").map(|span| &EXAMPLE[span]),
        Some("100")
    );
}

#[test]
fn the_smallest_file_is_a_name() {
    let spec = read("name = \"x\"", &[]);
    assert!(spec.axes.is_empty() && spec.fixed.is_empty());
    assert_eq!(spec.seed(), 0);
}

#[test]
fn every_way_to_write_a_key_is_one() {
    let one = read(
        "name = \"x\"\nnetwork.depth = 4\n[problem.inputs]\nnoise = 0.1\n[axes]\ninit.scale = [1, 2]\nreplicate = [1]",
        &[],
    );
    let other = read(
        "name = \"x\"\n[network]\ndepth = 4.0\n[problem]\ninputs = { noise = 1e-1 }\n[axes]\n\"init.scale\" = { range = [1, 3] }\n\"replicate\" = [1]",
        &[],
    );
    assert_eq!(one.fixed, other.fixed);
    // A range of a float key is evenly spaced floats.
    assert!(matches!(other.axes[0].values[0], Values::Lin { .. }));
    for j in 0..2 {
        assert_eq!(one.axes[0].value(0, j), other.axes[0].value(0, j));
    }
    // Dotted leaves that are keys stand for themselves.
    let leaf = read("name = \"x\"\n[problem]\ninputs.noise = 0.1", &[]);
    assert_eq!(leaf.fixed["problem.inputs.noise"], Value::Float(0.1));
}

#[test]
fn integer_axes_stay_integers() {
    let spec = read(
        "name = \"x\"\n[axes]\n\"network.width\" = { lin = [100, 10], points = 10 }\n\"train.steps\" = { log = [1, 1e3], points = 4 }",
        &[],
    );
    let steps: Vec<Value> = (0..4).map(|j| spec.axes[1].value(0, j)).collect();
    assert_eq!(steps, [1, 10, 100, 1000].map(Value::Int));
    assert!(matches!(
        spec.axes[0].values[0],
        Values::Range {
            start: 100,
            end: 9,
            step: -10
        }
    ));
}

#[test]
fn every_rule_is_read_and_written() {
    for (at, rule) in Rule::ALL.into_iter().enumerate() {
        assert_eq!(rule as usize, at);
        let key = match rule {
            Rule::Range => "train.steps",
            Rule::Lin | Rule::Log => "init.scale",
        };
        let count = match rule.counted_by() {
            "points" => "points = 3",
            _ => "step = 2",
        };
        let text = format!(
            "name = \"x\"\n[axes]\n\"{key}\" = {{ {} = [1, 9], {count} }}\n",
            rule.name()
        );
        let spec = read(&text, &[]);
        assert_eq!(spec.axes[0].values[0].rule(), Some(rule));
        assert_eq!(read(&spec.to_toml(), &[]), spec, "{text}");
    }
}

#[test]
fn what_it_writes_it_reads() {
    let sources = [
        EXAMPLE,
        DIGITS,
        "name = \"x\"",
        "name = \"x\"\n[[zip]]\n\"network.width\" = [[3, 4], 5]\nreplicate = [0, 1]\n[[zip]]\n\"init.scale\" = [1]\n",
        "name = \"x\"\nreplicate = 3\n[axes]\n\"train.stop.train_loss\" = [1e-8, 1e-10]\n\"problem.singular_values\" = [\"flat\", [3, 1, 2]]\n\"init.scale\" = { range = [1, 2] }\n",
    ];
    for text in sources {
        let spec = read(text, &[]);
        let written = spec.to_toml();
        let again = read(&written, &[]);
        assert_eq!(again, spec, "{written}");
        assert_eq!(again.to_toml(), written);
    }
}

#[test]
fn the_defaults_read() {
    let text = defaults_toml();
    let spec = read(&text, &[]);
    assert!(spec.axes.is_empty());
    for key in crate::keys::keys() {
        let default = key.fixed_default().filter(|_| key.parent.is_none());
        assert_eq!(spec.fixed.get(key.name), default.as_ref(), "{}", key.name);
    }
}

#[test]
fn unknown_keys_name_the_nearest() {
    check(
        "[axes]\n\"network.dpeth\" = [2]",
        "unknown key `network.dpeth`",
        "\"network.dpeth\"",
        Some("did you mean `network.depth`?"),
    );
    check(
        "[network]\nscale = 1",
        "unknown key `network.scale`",
        "scale",
        Some("did you mean `init.scale`?"),
    );
    check(
        "[porblem]\nrank = 1",
        "unknown key `porblem`",
        "porblem",
        Some("did you mean `problem`?"),
    );
    check(
        "[filter]\nwhen = ''",
        "unknown key `filter.when`",
        "when",
        Some("did you mean `filter.where`?"),
    );
    check(
        "[problem]\ninputs = { draw = \"gaussian\", nois = 0.1 }",
        "unknown key `problem.inputs.nois`",
        "nois",
        Some("did you mean `noise`?"),
    );
    check(
        "[axes]\n\"init.scale\" = { lni = [1, 2], points = 2 }",
        "unknown key `init.scale.lni`",
        "lni",
        Some("did you mean `lin`?"),
    );
    check(
        "[init]\nkind = \"orthogonl\"",
        "unknown value 'orthogonl' of `init.kind`",
        "\"orthogonl\"",
        Some("did you mean 'orthogonal'? allowed are orthogonal, gaussian"),
    );
}

#[test]
fn types_and_bounds_are_checked() {
    check(
        "[network]\ndepth = \"three\"",
        "`network.depth` is 'three', but must be an integer from 1 to 10000",
        "\"three\"",
        None,
    );
    check(
        "[network]\ndepth = 2.5",
        "`network.depth` is 2.5, but must be an integer from 1 to 10000",
        "2.5",
        None,
    );
    check(
        "[axes]\n\"problem.rank\" = [1, 0]",
        "`problem.rank` is 0, but must be an integer from 1 to 1000000",
        "0",
        None,
    );
    check(
        "[axes]\n\"init.scale\" = { lin = [0, 1], points = 3 }",
        "`init.scale` is 0, but must be a number above 0, or a list of numbers at least 0",
        "{ lin = [0, 1], points = 3 }",
        None,
    );
}

#[test]
fn bounds_of_numbers_are_checked() {
    check(
        "[optimizer]\nrate = nan",
        "`optimizer.rate` is NaN, but must be a number above 0",
        "nan",
        None,
    );
    check(
        "[problem]\nobserved = 1.5",
        "`problem.observed` is 1.5, but must be a number above 0 and at most 1",
        "1.5",
        None,
    );
    check(
        "seed = -1",
        "`seed` is -1, but must be an integer of at least 0",
        "-1",
        None,
    );
    check(
        "[train]\nverify = -1",
        "`train.verify` is -1, but must be an integer from 0 to 10000",
        "-1",
        None,
    );
}

#[test]
fn tables_and_lists_are_checked() {
    check(
        "problem = 3",
        "`problem` is 3, but must be a section with its keys, [problem]",
        "3",
        None,
    );
    check(
        "[problem]\nsamples = { range = [5, 5] }",
        "`problem.samples.range` is [5, 5], but must be a range of samples, half open, not empty, from 0 on",
        "[5, 5]",
        None,
    );
    check(
        "[problem]\nlabels = { columns = \"0..1\" }",
        "`problem.labels` has no `file`",
        "{ columns = \"0..1\" }",
        None,
    );
    check(
        "[problem]\ninputs = { draw = \"gaussian\", file = \"x.npy\" }",
        "`problem.inputs` has both `draw` and `file`",
        "file",
        None,
    );
    check(
        "[problem]\ninputs = { file = \"x.csv\", columns = \"5\" }",
        "`problem.inputs.columns` is '5', but must be columns such as \"0..64\", \"0..4,6..9\", or names from a header, [\"age\", \"weight\"]",
        "\"5\"",
        None,
    );
    check(
        "[network]\nwidth = []",
        "`network.width` is an empty list, but must be an integer from 1 to 1000000, or a list of them",
        "[]",
        None,
    );
}

#[test]
fn axes_are_checked() {
    check(
        "[axes]\nreplicate = []",
        "axis `replicate` is empty",
        "[]",
        None,
    );
    check(
        "[axes]\nreplicate = { range = [3, 3] }",
        "axis `replicate` is empty",
        "{ range = [3, 3] }",
        None,
    );
    check(
        "[axes]\nreplicate = { range = [0, 3], step = 0 }",
        "the step of axis `replicate` is zero",
        "{ range = [0, 3], step = 0 }",
        None,
    );
    check(
        "[axes]\n\"network.depth\" = 3",
        "`network.depth` is 3, but must be a list, { range = [a, b], step = s }, { lin = [a, b], points = n } or { log = [a, b], points = n }",
        "3",
        Some("fixed in [network]"),
    );
    check(
        "[[zip]]\n\"network.width\" = [1, 2]\n\"train.steps\" = [1, 2, 3]",
        "`train.steps` has 3 values, but `network.width` beside it in [[zip]] has 2",
        "[1, 2, 3]",
        None,
    );
    check(
        "[axes]\n\"network.depth\" = [2]\n[network]\ndepth = 3",
        "`network.depth` is set twice: fixed and in [axes]",
        "\"network.depth\"",
        None,
    );
    check(
        "[axes]\nseed = [1, 2]",
        "`seed` cannot be swept",
        "seed",
        Some("replicate"),
    );
    let many = format!("[axes]\nreplicate = [{}]", "1,".repeat(100_001));
    let error = parse(&format!("name = \"s\"\n{many}"), &[]).expect_err("too many");
    assert_eq!(
        error.message(),
        "axis `replicate` lists 100001 values, more than 100000"
    );
}

#[test]
fn rules_of_axes_are_checked() {
    check(
        "[axes]\n\"init.scale\" = { lin = [1, 2] }",
        "`init.scale` has no `points`",
        "{ lin = [1, 2] }",
        None,
    );
    check(
        "[axes]\n\"init.scale\" = { lin = [1, 2], step = 1 }",
        "`init.scale` has both `lin` and `step`",
        "step",
        None,
    );
    check(
        "[axes]\n\"init.scale\" = { log = [0, 2], points = 3 }",
        "axis `init.scale` needs positive ends for `log`, found [0, 2]",
        "{ log = [0, 2], points = 3 }",
        None,
    );
    check(
        "[axes]\n\"network.depth\" = { lin = [1, 2], points = 3 }",
        "axis `network.depth` needs an integer at every point, found [1, 2] with 3 points",
        "{ lin = [1, 2], points = 3 }",
        None,
    );
}

#[test]
fn filters_are_checked() {
    check(
        "[filter]\nwhere = \"network.depth < 3 and problm.rank > 2\"",
        "unknown key `problm.rank` in the condition",
        "problm.rank",
        Some("did you mean `problem.rank`?"),
    );
    // Escapes move bytes: the whole string is marked.
    check(
        "[filter]\nwhere = \"init.kind == \\\"gausian\\\"\"",
        "unknown value 'gausian' of `init.kind`",
        "\"init.kind == \\\"gausian\\\"\"",
        Some("did you mean 'gaussian'?"),
    );
    check(
        "[filter]\nwhere = 3",
        "`filter.where` is 3, but must be a condition in quotes",
        "3",
        None,
    );
    check(
        "[filter]\nexclude = [{ \"network.depth\" = [2, 3] }]",
        "`network.depth` is a list, but must be an integer from 1 to 10000",
        "[2, 3]",
        Some("`in [..]`"),
    );
    check(
        "[filter]\nexclude = [{}]",
        "`filter.exclude` is an empty table, but must be a list of tables with at least one key each",
        "{}",
        None,
    );
}

#[test]
fn the_file_as_a_whole_is_checked() {
    let error = parse("seed = 3", &[]).expect_err("no name");
    assert_eq!(error.message(), "the sweep has no name");
    for name in ["", "../x", "a/b", ".hidden", "a b", &"x".repeat(129)] {
        let error = parse(&format!("name = {name:?}"), &[]).expect_err(name);
        assert!(error.message().contains("not usable"), "{name}");
    }
    check(
        "[init]\nkind = \"file\"",
        "`init.weights` is missing, and `init.kind` = 'file' needs it",
        "\"file\"",
        None,
    );
    check(
        "[problem]\nsingular_values = \"flat\"\n\"singular_values.geometric\" = 0.5",
        "`problem.singular_values.geometric` is set twice: in its table and under its own name",
        "0.5",
        None,
    );
    let error = parse("name = \"s\"\nseed = 1\nseed = 2", &[]).expect_err("a double");
    assert!(error.render().contains("s.toml:3:"), "{}", error.render());
}

#[test]
fn an_error_is_drawn_with_line_and_caret() {
    let error = parse("name = \"s\"\n[axes]\n\"problem.rank\" = [1, 0]", &[]).expect_err("zero");
    assert_eq!(
        error.render(),
        "error: `problem.rank` is 0, but must be an integer from 1 to 1000000\n   \
         ,-[s.toml:3:22]\n \
         3 | \"problem.rank\" = [1, 0]\n   \
         :                      ^ in axis `problem.rank`\n"
    );
}

#[test]
fn words_of_other_languages_get_a_hint() {
    let help = |body: &str| {
        let error = parse(&format!("name = \"s\"\n{body}"), &[]).expect_err(body);
        error.help_text().unwrap_or_default().to_owned()
    };
    assert_eq!(help("[problem]\nwhiten = True"), "write true");
    assert_eq!(help("[optimizer]\nrate = .5"), "write 0.5");
    assert_eq!(help("[optimizer]\nrate = 5."), "write 5.0");
    assert!(help("[optimizer]\nrate = null").contains("no null"));
    assert!(help("[axes]\n\"optimizer.rate\" = [\"default\", 0.1]").contains("write the default"));
    assert!(help("[axes]\n\"measure.tolerance\" = [\"none\", 0.1]").contains("sets nothing"));
    assert_eq!(help("[train]\nlr = 0.1"), "did you mean `optimizer.rate`?");
    assert_eq!(help("[train]\nepochs = 3"), "did you mean `train.steps`?");
    assert_eq!(
        help("[filter]\nwhere = \"train.lr > 1\""),
        "did you mean `optimizer.rate`?"
    );
    let metrics = help("[measure]\nmetrics = [\"accuracy\"]");
    assert!(
        metrics.starts_with("`accuracy` is always there"),
        "{metrics}"
    );
    assert_eq!(
        help("[axes]\n\"init.scale\" = { range = [0.1, 1.0], step = 0.1 }"),
        "`lin` takes any numbers, both ends included: { lin = [0.1, 0.9], points = 9 }"
    );
    assert_eq!(
        help("[axes]\n\"init.scale\" = { range = [0, 1], step = 0.25 }"),
        "`lin` takes any numbers, both ends included: { lin = [0, 0.75], points = 4 }"
    );
}

#[test]
fn errors_of_different_keys_come_together() {
    let text = "name = \"s\"\n[axes]\n\"network.dpeth\" = [2]\n\"problem.rank\" = [0]\n[problem]\ndim = \"x\"\n\
                loss = \"median\"\n[filter]\nwhere = \"network.depth <\"\nexclude = [{ wdith = 3 }]\n";
    let error = parse(text, &[]).expect_err("six errors");
    let rendered = error.render();
    let places: Vec<&str> = rendered
        .lines()
        .filter_map(|line| line.trim().strip_prefix(",-[s.toml:"))
        .collect();
    let lines: Vec<&str> = places
        .iter()
        .filter_map(|at| at.split(':').next())
        .collect();
    assert_eq!(lines, ["3", "4", "6", "7", "9", "10"], "{rendered}");
    assert_eq!(error.others().len(), 5);
    // Nothing that only follows from another error is reported.
    let error = parse("name = \"s\"\n[init]\nkind = \"file\"\nweigths = 3\n", &[]);
    assert!(error.expect_err("a typo").others().is_empty());
    let many = format!(
        "name = \"s\"\n[network]\n{}",
        (0..50).map(|i| format!("x{i}y = 1\n")).collect::<String>()
    );
    assert_eq!(parse(&many, &[]).expect_err("many").others().len(), 19);
}

#[test]
fn files_are_listed_where_a_trial_reads_them() {
    let spec = read(DIGITS, &[]);
    assert_eq!(spec.file_names(), ["digits.csv.gz", "m.npz"]);
    let arrays: Vec<String> = spec.array_refs().iter().map(ToString::to_string).collect();
    assert_eq!(
        arrays,
        [
            "in 'digits.csv.gz'",
            "in 'digits.csv.gz'",
            "'w1' of 'm.npz'",
            "'w2' of 'm.npz'"
        ]
    );
    let spec = read(DIGITS, &["problem.kind=completion", "init.kind=orthogonal"]);
    assert_eq!(spec.file_names(), ["unused.npz"]);
}

#[test]
fn what_has_no_effect_is_warned_of() {
    let check = |body: &str, expected: &[&str]| {
        let spec = read(&format!("name = \"s\"\n{body}"), &[]);
        assert_eq!(spec.warnings(), expected, "{body}");
    };
    check(
        "[problem]\nclasses = 4",
        &["`problem.classes` is set, but applies to no trial"],
    );
    check(
        "[axes]\n\"problem.kind\" = [\"factorization\", \"classification\"]\n[problem]\nclasses = 4",
        &[],
    );
    check(
        "[problem]\nclasses = 4\n[filter]\ninclude = [{ \"problem.kind\" = \"regression\" }]",
        &[],
    );
    check(
        "[optimizer]\nmomentum = 0.5\n[problem]\ninputs = { noise = 0.1 }",
        &[
            "`problem.inputs` is set, but applies to no trial",
            "`optimizer.momentum` is set, but applies to no trial",
        ],
    );
    check(
        "[network]\nwidth = 5\n[axes]\n\"network.depth\" = { range = [1, 3] }",
        &[],
    );
    check(
        "[axes]\nreplicate = [0, 1, 1, 0.0]",
        &["axis `replicate` lists 1 more than once (2 repetitions in all); it counts once"],
    );
    check(
        "[[zip]]\n\"network.width\" = [5, 5, 6]\n\"train.steps\" = [7, 7, 7]",
        &["axis `network.width + train.steps` lists 5 + 7 more than once; it counts once"],
    );
    check(
        "[axes]\nreplicate = [0, 1]\n[filter]\nexclude = [{ replicate = 2 }]",
        &["`exclude` names 2 for `replicate`, which the axis does not have"],
    );
}

proptest! {
    /// Cuts and splices of a real file: errors, never a panic, and every error can be drawn.
    #[test]
    fn no_text_panics(
        cut in 0usize..EXAMPLE.len(),
        length in 0usize..40,
        splice in "[a-z\"'\\[\\]{}=,.0-9 \n-]{0,12}",
    ) {
        let end = (cut + length).min(EXAMPLE.len());
        let text = format!("{}{splice}{}", &EXAMPLE[..cut], &EXAMPLE[end..]);
        match parse(&text, &[]) {
            Ok(spec) => {
                prop_assert_eq!(read(&spec.to_toml(), &[]), spec);
            }
            Err(error) => prop_assert!(error.render().starts_with("error: ")),
        }
    }
}
