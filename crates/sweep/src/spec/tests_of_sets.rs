//! Tests of `--set`.

use super::Spec;
use super::tests::{EXAMPLE, parse, read};
use crate::value::Value;

#[test]
fn sets_replace() {
    let fixed = |sets: &[&str], key: &str| read(EXAMPLE, sets).fixed.get(key).cloned();
    assert_eq!(
        fixed(&["problem.dim=7"], "problem.dim"),
        Some(Value::Int(7))
    );
    assert_eq!(
        fixed(&["problem.loss=sum"], "problem.loss"),
        Some(Value::text("sum"))
    );
    assert_eq!(
        fixed(&["train.stop.train_loss=1e-3"], "train.stop.train_loss"),
        Some(Value::Float(1e-3))
    );
    assert_eq!(fixed(&["train.stop.train_loss=1e-3"], "train.stop"), None);
    // An axis that is fixed is gone; one that is set anew keeps its place.
    let spec = read(
        EXAMPLE,
        &[
            "network.depth=5",
            "axes.init.kind=[\"gaussian\"]",
            "network.width=9",
            "train.steps=5",
        ],
    );
    assert_eq!(spec.fixed["network.depth"], Value::Int(5));
    let names: Vec<String> = spec.axes.iter().map(|axis| axis.name()).collect();
    assert_eq!(
        names,
        ["problem.rank", "init.kind", "init.scale", "replicate"]
    );
    let spec = read(
        EXAMPLE,
        &[
            "name=other",
            "seed=3",
            "filter.where=network.depth == 2",
            "train.verify=0",
        ],
    );
    assert_eq!((spec.name(), spec.seed(), spec.verify()), ("other", 3, 0));
    assert_eq!(
        spec.filter
            .condition
            .as_ref()
            .map(|condition| condition.text()),
        Some("network.depth == 2")
    );
    assert_eq!(read(&spec.to_toml(), &[]), spec);
}

#[test]
fn sets_replace_whole_statements() {
    let names = |spec: &Spec| -> Vec<String> { spec.axes.iter().map(|axis| axis.name()).collect() };
    let spec = read(EXAMPLE, &["zip=[]"]);
    assert_eq!(spec.axes.len(), 5);
    assert!(!spec.fixed.contains_key("train.steps"));
    let zip = "zip=[{ \"optimizer.rate\" = [1, 2], \"problem.dim\" = [3, 4] }]";
    let spec = read(EXAMPLE, &[zip]);
    assert_eq!(spec.axes[5].name(), "optimizer.rate + problem.dim");
    let spec = read(EXAMPLE, &["zip=[]", "axes={ \"init.scale\" = [1, 2] }"]);
    assert_eq!(names(&spec), ["init.scale"]);
    assert!(read(EXAMPLE, &["zip=[]", "axes={}"]).axes.is_empty());
    let spec = read(EXAMPLE, &["filter.where="]);
    assert!(spec.filter.condition.is_none());
    assert_eq!(spec.filter.exclude.len(), 1);
    let spec = read(EXAMPLE, &["filter.exclude=[]", "filter.include=[]"]);
    assert!(spec.filter.exclude.is_empty() && spec.filter.include.is_empty());
    assert!(spec.filter.condition.is_some());
    let spec = read(EXAMPLE, &["filter={}"]);
    assert_eq!(spec.filter, crate::filter::Filter::default());
}

#[test]
fn half_a_zip_is_not_replaced() {
    let error = parse(EXAMPLE, &["network.width=9"]).expect_err("half of a zip");
    assert_eq!(
        error.render(),
        "error: `network.width` moves together with `train.steps` in a [[zip]], and --set gives it alone\n   \
         ,-[--set:1:9]\n \
         1 | network.width=9\n   \
         :         ^^^^^\n  \
         help: set the whole [[zip]] (--set train.steps=.. as well), or drop every [[zip]] with --set 'zip=[]'\n"
    );
    assert!(parse(EXAMPLE, &["axes.network.width=[9]"]).is_err());
    for sets in [
        ["network.width=9", "train.steps=7"],
        ["network.width=9", "zip=[]"],
        ["zip=[]", "network.width=9"],
    ] {
        let spec = read(EXAMPLE, &sets);
        assert_eq!(spec.axes.len(), 5);
        assert_eq!(spec.fixed["network.width"], Value::Int(9));
    }
}

#[test]
fn includes_follow_a_set() {
    let spec = read(EXAMPLE, &["network.depth=4"]);
    assert_eq!(spec.filter.include.len(), 1);
    assert!(!spec.filter.include[0].contains_key("network.depth"));
    let note =
        "1 point of `filter.include` has another `network.depth`; --set replaces it there too";
    assert_eq!(spec.warnings(), [note]);
    let spec = read(EXAMPLE, &["network.depth=4", "problem.rank=2"]);
    assert!(spec.filter.include.is_empty());
    let spec = read(EXAMPLE, &["axes.network.depth=[5, 6]"]);
    assert!(!spec.filter.include[0].contains_key("network.depth"));
    // What is set later stands.
    let later = "filter.include=[{ \"network.depth\" = 9 }]";
    let spec = read(EXAMPLE, &["network.depth=4", later]);
    assert_eq!(spec.filter.include[0]["network.depth"], Value::Int(9));
}

#[test]
fn sets_read_numbers_and_truths_of_shells() {
    let fixed = |set: &str, key: &str| read(EXAMPLE, &[set]).fixed.get(key).cloned();
    let half = Some(Value::Float(0.5));
    assert_eq!(fixed("optimizer.momentum=.5", "optimizer.momentum"), half);
    assert_eq!(
        fixed("optimizer.rate=5.", "optimizer.rate"),
        Some(Value::Float(5.0))
    );
    assert_eq!(
        fixed("optimizer.rate=.5e1", "optimizer.rate"),
        Some(Value::Float(5.0))
    );
    let whiten = "problem.whiten=True";
    assert_eq!(fixed(whiten, "problem.whiten"), Some(Value::Bool(true)));
    let help = |set: &str| {
        let error = parse(EXAMPLE, &[set]).expect_err(set);
        error.help_text().unwrap_or_default().to_owned()
    };
    assert_eq!(
        help("depth=2,3"),
        "to sweep it: --set 'axes.network.depth=[2, 3]'"
    );
    assert_eq!(
        help("init.kind=gaussian,uniform"),
        "to sweep it: --set 'axes.init.kind=[\"gaussian\", \"uniform\"]'"
    );
    assert_eq!(
        help("optimizer.lr=.1, 0.2"),
        "to sweep it: --set 'axes.optimizer.rate=[0.1, 0.2]'"
    );
    assert!(help("optimizer.momentum=None").contains("left out has its default"));
}

#[test]
fn mistakes_in_sets_show_the_argument() {
    let render = |set: &str| parse(EXAMPLE, &[set]).expect_err(set).render();
    assert_eq!(
        render("network.depth=three"),
        "error: `network.depth` is 'three', but must be an integer from 1 to 10000\n   \
         ,-[--set:1:15]\n \
         1 | network.depth=\"three\"\n   \
         :               ^^^^^^^\n"
    );
    assert!(render("network.dpeth=3").contains("did you mean `network.depth`?"));
    assert!(render("network.depth").contains("is not of the form KEY=VALUE"));
    assert!(render("network.depth=[2").contains("not valid TOML"));
}
