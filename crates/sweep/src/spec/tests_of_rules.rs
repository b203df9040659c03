//! Rules of earlier programs: which a file is read under, and when that is written.

use super::Spec;
use super::tests::{check, read};

#[test]
fn rules_of_where_are_written_where_they_matter() {
    let with =
        |filter: &str| format!("name = \"x\"\n[axes]\nreplicate = [0, 1]\n[filter]\n{filter}\n");
    let differing = with("where = \"optimizer.momentum != 0.9\"");
    let newest = read(&differing, &[]);
    assert!(
        newest.to_toml().contains("\nrules = 2\n"),
        "{}",
        newest.to_toml()
    );
    let stored = Spec::parse_stored(&differing, "s.toml", &[]).expect("a stored sweep");
    assert!(!stored.to_toml().contains("rules"), "{}", stored.to_toml());
    assert_ne!(stored, newest);
    assert_eq!(read(&format!("{differing}rules = 1"), &[]), stored);
    for spec in [&stored, &newest] {
        let again = Spec::parse_stored(&spec.to_toml(), "s.toml", &[]).expect("what is written");
        assert_eq!(&again, spec);
    }
    let same = with("where = \"optimizer.momentum < 0.9\"");
    let stored = Spec::parse_stored(&same, "s.toml", &[]).expect("a stored sweep");
    assert_eq!(read(&same, &[]), stored);
    assert_eq!(read(&same, &["filter.rules=1"]), stored);
    check(
        "[filter]\nrules = 3",
        "`filter.rules` is 3, but must be 1 or 2",
        "3",
        None,
    );
}

#[test]
fn rules_of_data_files_are_written_where_files_are_read() {
    let mask = "name = \"x\"\n[problem]\nkind = \"completion\"\nmask = { file = \"m.csv\" }\n";
    let newest = read(mask, &[]);
    let text = newest.to_toml();
    assert!(text.contains("\nrules = 2\n"), "{text}");
    let stored = Spec::parse_stored(mask, "s.toml", &[]).expect("a stored sweep");
    assert_eq!(stored.reading, crate::filter::Rules::First);
    assert!(!stored.to_toml().contains("rules"), "{}", stored.to_toml());
    assert_ne!(stored, newest);
    for spec in [&stored, &newest] {
        let again = Spec::parse_stored(&spec.to_toml(), "s.toml", &[]).expect("what is written");
        assert_eq!(&again, spec);
    }
    let drawn = read("name = \"x\"\n", &[]);
    assert_eq!(drawn.to_toml(), "name = \"x\"\n");
    check(
        "[problem]\nrules = 3",
        "`problem.rules` is 3, but must be 1 or 2",
        "3",
        None,
    );
    check(
        "[axes]\n\"problem.rules\" = [1, 2]",
        "`problem.rules` cannot be swept",
        "[1, 2]",
        None,
    );
}
