//! What filters keep, what they say when they keep nothing, and that stored sweeps keep what they kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use ndarray::Array2;
use sweep::{ArrayRef, Arrays, Folder, Grid, Growth, Loaded, Mistake, Role, Spec, SweepError};

const OPTIMIZERS: &str = r#"
name = "x"
[axes]
"optimizer.kind" = ["gd", "momentum"]
"optimizer.momentum" = [0.5, 0.9]
"network.width" = [[8, 8], 4]
"#;

fn with(filter: &str) -> String {
    format!("{OPTIMIZERS}\n[filter]\n{filter}\n")
}

fn grid(text: &str) -> Grid {
    let spec = Spec::parse(text, "s.toml", &[]).unwrap_or_else(|error| panic!("{error}"));
    Grid::new(spec, Arrays::new()).expect("a grid")
}

fn stored(text: &str) -> Grid {
    let spec = Spec::parse_stored(text, "s.toml", &[]).expect("a stored sweep");
    Grid::new(spec, Arrays::new()).expect("a grid")
}

/// Kind, momentum and width of every kept point.
fn kept(grid: &Grid) -> Vec<String> {
    let points = (0..grid.size()).filter(|&index| grid.kept(index));
    let words = |index| {
        let point = grid.point(index).expect("below the size");
        let word = |key| {
            point
                .get(key)
                .map_or("null".to_owned(), |value| value.to_json())
        };
        let keys = ["optimizer.kind", "optimizer.momentum", "network.width"];
        keys.map(word).join(" ").replace('"', "")
    };
    points.map(words).collect()
}

#[test]
fn null_and_lists_are_kept_as_people_expect() {
    let check = |condition: &str, expected: &[&str]| {
        let grid = grid(&with(&format!("where = {condition:?}")));
        assert_eq!(kept(&grid), expected, "{condition}");
        assert_eq!(grid.count(), expected.len() as u64, "{condition}");
    };
    check(
        "network.width != 4",
        &["gd null [8,8]", "momentum 0.5 [8,8]", "momentum 0.9 [8,8]"],
    );
    check(
        "network.width == [8, 8] and optimizer.kind == 'gd'",
        &["gd null [8,8]"],
    );
    check(
        "optimizer.momentum != 0.9 and network.width == 4",
        &["gd null 4", "momentum 0.5 4"],
    );
    check(
        "optimizer.momentum not in [0.9] and network.width not in [[8, 8]]",
        &["gd null 4", "momentum 0.5 4"],
    );
    check(
        "optimizer.momentum == 0.9 and network.width < 5",
        &["momentum 0.9 4"],
    );
    check(
        "not (optimizer.momentum >= 0.9) and network.width in [4, [7, 7]]",
        &["gd null 4", "momentum 0.5 4"],
    );
}

#[test]
fn decimals_leave_no_remainder() {
    let text = "name = \"x\"\n[axes]\n\"init.scale\" = { lin = [0.1, 1.0], points = 19 }\n\
                [filter]\nwhere = \"init.scale % 0.1 == 0\"\n";
    assert_eq!(grid(text).count(), 10);
}

#[test]
fn a_stored_sweep_keeps_the_trials_that_it_had() {
    let text = with("where = \"optimizer.momentum != 0.9 and network.width != 4\"");
    // Under the rules of the folder, lists and nulls differ from nothing.
    let old = stored(&text);
    assert_eq!(old.count(), 0);
    let text = with("where = \"optimizer.momentum != 0.9\"");
    let old = stored(&text);
    assert_eq!(kept(&old), ["momentum 0.5 [8,8]", "momentum 0.5 4"]);
    let again = stored(&old.spec().to_toml());
    assert_eq!((again.hash(), kept(&again)), (old.hash(), kept(&old)));

    // The same file of a person means more now: the folder grows by it, and keeps its numbers.
    let mut folder = Folder::new(Arc::new(old));
    let before: Vec<u64> = (0..folder.end())
        .filter(|&number| folder.kept(number))
        .collect();
    let new = Arc::new(grid(&text));
    assert_eq!(folder.grow(Arc::clone(&new)).expect("more"), Growth::Grown);
    assert_eq!(folder.count(), 4);
    let after: Vec<u64> = (0..folder.end())
        .filter(|&number| folder.kept(number))
        .collect();
    assert!(after.starts_with(&before), "{before:?} {after:?}");
    let ids: BTreeSet<String> = after
        .iter()
        .map(|&number| folder.id_of(number).expect("an id").to_string())
        .collect();
    assert_eq!(ids.len(), 4);
}

#[test]
fn a_folder_of_earlier_rules_says_how_to_go_on() {
    let text = "name = \"x\"\n[axes]\n\"init.scale\" = [0.3, 0.35]\n[filter]\nwhere = \"init.scale % 0.1 != 0\"\n";
    let mut folder = Folder::new(Arc::new(stored(text)));
    assert_eq!(folder.count(), 2);
    let error = folder.grow(Arc::new(grid(text))).expect_err("0.3 is lost");
    assert_eq!(
        error.message(),
        "the new sweep does not contain the old one: `filter.where` was \"init.scale % 0.1 != 0\" under rules 1 and is \
         \"init.scale % 0.1 != 0\" under rules 2"
    );
    assert!(
        error
            .help_text()
            .is_some_and(|help| help.contains("rules = 1"))
    );
    let kept = grid(&format!("{text}rules = 1\n"));
    assert_eq!(folder.grow(Arc::new(kept)).expect("the same"), Growth::Same);
}

#[test]
fn growth_that_is_refused_has_a_way_out() {
    let mut folder = Folder::new(Arc::new(grid(OPTIMIZERS)));
    let other = OPTIMIZERS.replace("[0.5, 0.9]", "[0.5]");
    let error = folder.grow(Arc::new(grid(&other))).expect_err("less");
    let help = error.help_text().expect("help");
    assert!(
        help.contains("--out") && help.contains("put the old values back"),
        "{help}"
    );
}

fn nothing_kept(text: &str) -> SweepError {
    grid(text)
        .refuse_nothing_kept()
        .expect_err("nothing is kept")
}

#[test]
fn filters_that_leave_nothing_are_refused() {
    let text = with("where = \"optimizer.momentum < 0.1\"");
    let error = nothing_kept(&text);
    assert!(matches!(
        error.mistake(),
        Mistake::NothingKept { points: 8, .. }
    ));
    let span = error.span().expect("a place");
    assert_eq!(&text[span], "\"optimizer.momentum < 0.1\"");
    nothing_kept(&with(
        "exclude = [{ \"optimizer.kind\" = \"gd\" }, { \"optimizer.kind\" = \"momentum\" }]",
    ));
    assert!(grid(OPTIMIZERS).refuse_nothing_kept().is_ok());
    let included =
        with("where = \"network.depth > 9\"\ninclude = [{ \"optimizer.kind\" = \"adam\" }]");
    let grid = grid(&included);
    assert!(grid.refuse_nothing_kept().is_ok());
    assert_eq!(
        grid.warnings(),
        ["`where` and `exclude` leave only the points of `include`"]
    );
}

#[test]
fn filters_without_an_effect_are_warned_of() {
    let check = |filter: &str, expected: &[&str]| {
        assert_eq!(grid(&with(filter)).warnings(), expected, "{filter}");
    };
    check("where = \"optimizer.momentum != 0.9\"", &[]);
    check("exclude = [{ \"optimizer.momentum\" = 0.9 }]", &[]);
    check(
        "exclude = [{ \"network.depth\" = 7 }]",
        &["`exclude` leaves out no trial: none has network.depth = 7"],
    );
    check(
        "exclude = [{ \"optimizer.kind\" = \"gd\", \"optimizer.momentum\" = 0.9 }]",
        &[
            "`exclude` leaves out no trial: none has optimizer.kind = \"gd\", optimizer.momentum = 0.9",
        ],
    );
    check(
        "exclude = [{ \"network.width\" = 5 }]",
        &["`exclude` names 5 for `network.width`, which the axis does not have"],
    );
    check(
        "include = [{ \"optimizer.kind\" = \"momentum\" }]",
        &[
            "`include` adds nothing with optimizer.kind = \"momentum\": the sweep has that trial already",
        ],
    );
    check(
        "where = \"problem.dim > 3\"",
        &["`where` leaves out nothing: it reads no key that varies"],
    );
    check(
        "where = \"problem.classes != 3 and optimizer.kind == 'gd'\"",
        &[
            "`where` reads `problem.classes`, which applies to no trial of the axes, or has no value there",
        ],
    );
}

/// A sweep over two files, the second with the content that `second` names.
fn files(second: &str) -> Grid {
    let text = "name = \"x\"\n[problem]\nkind = \"factorization\"\n[axes]\n\
                \"problem.target\" = [{ file = \"a.npy\" }, { file = \"b.npy\" }]\n";
    let spec = Spec::parse(text, "s.toml", &[]).expect("a sweep");
    let mut arrays = Arrays::new();
    for array in spec.array_refs() {
        let content = if array.file == "a.npy" { "aa" } else { second };
        let loaded = Loaded {
            array: Arc::new(Array2::eye(4).into()),
            hash: format!("blake3:{content}"),
        };
        assert_eq!(array.role, Role::Target);
        arrays.insert(ArrayRef::clone(&array), loaded);
    }
    Grid::new(spec, arrays).expect("a grid")
}

#[test]
fn rows_keep_the_names_of_files_and_identities_their_content() {
    let grid = files("bb");
    let mut row = Vec::new();
    let at = sweep::index_of("problem.target").expect("a key");
    let text = |row: &[Option<sweep::Value>]| row[at].as_ref().map(sweep::Value::to_json);
    for (index, name, hash) in [(0, "a.npy", "aa"), (1, "b.npy", "bb"), (0, "a.npy", "aa")] {
        let point = grid.point(index).expect("a point");
        let shown = Some(format!(r#"{{"file":"{name}","hash":"blake3:{hash}"}}"#));
        grid.row_into(index, &mut row).expect("a row");
        assert_eq!(text(&row), shown);
        assert_eq!(text(&point.row()), shown);
        let plain = Some(format!(r#"{{"file":"blake3:{hash}"}}"#));
        assert_eq!(text(point.values()), plain);
        let written = point.written("problem.target").map(sweep::Value::to_json);
        assert_eq!(written, Some(format!(r#"{{"file":"{name}"}}"#)));
    }
    // The id is of the content alone, as it always was.
    let id = grid.point(0).expect("a point").id();
    assert_eq!(files("cc").point(0).expect("a point").id(), id);
    assert_ne!(files("cc").id_of(1), grid.id_of(1));
    assert_eq!(id, "f22de9e2cb013ade5729dd4155cb52b5");
}
