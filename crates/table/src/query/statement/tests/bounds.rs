//! Statements that are too long, too deep or not one: an answer or an error in a moment, never an overflow.

use std::time::{Duration, Instant};

use super::fixture::{error, rows, run};

/// A generous bound for a debug build on a busy machine: what grows with the square of the text takes minutes.
const MOMENT: Duration = Duration::from_secs(30);

fn quick(sql: &str) -> Result<String, String> {
    let start = Instant::now();
    let result = run(sql)
        .map(|(_, rows)| rows.concat().concat())
        .map_err(|error| error.to_string());
    assert!(
        start.elapsed() < MOMENT,
        "{:?}: {}",
        start.elapsed(),
        &sql[..60.min(sql.len())]
    );
    result
}

#[test]
fn long_chains_end_in_an_answer_or_an_error() {
    let sum = format!("SELECT {}", vec!["1"; 5000].join(" + "));
    assert!(quick(&sum).expect_err("a sum").contains("nested more than"));
    let longest = format!("SELECT {}", vec!["1"; 24_000].join(" + "));
    assert!(
        quick(&longest)
            .expect_err("a sum")
            .contains("nested more than")
    );
    let list = format!(
        "SELECT 4399 IN ({})",
        (0..4400)
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    );
    assert_eq!(quick(&list).expect("a list"), "1");
    let choices: Vec<String> = (0..4000)
        .map(|number| format!("trial = {number}"))
        .collect();
    let choices = format!("SELECT count(*) FROM trials WHERE {}", choices.join(" OR "));
    assert_eq!(quick(&choices).expect("many conditions"), "6");
}

#[test]
fn deep_nesting_is_an_error() {
    for (open, close) in [
        ("(", ")"),
        ("abs(", ")"),
        ("CASE WHEN true THEN ", " END"),
        ("NOT ", ""),
        ("- ", ""),
        ("(SELECT ", ")"),
    ] {
        for depth in [99, 1000, 10_000] {
            let sql = format!("SELECT {}1{}", open.repeat(depth), close.repeat(depth));
            match quick(&sql) {
                Ok(_) => assert!(depth < 1000, "{open} {depth}"),
                Err(text) => assert!(
                    text.contains("nested more than") || text.contains("bytes long") || depth == 99,
                    "{open} {depth}: {text}"
                ),
            }
        }
    }
    let tables = format!("SELECT * FROM {}trials{}", "(".repeat(90), ")".repeat(90));
    let _ = quick(&tables);
    let derived = format!("{}SELECT 1{}", "SELECT * FROM (".repeat(90), ")".repeat(90));
    let _ = quick(&derived);
}

#[test]
fn aliases_cannot_grow_a_statement_without_end() {
    let items: Vec<String> = (1..60)
        .map(|number| format!("a{} + a{} AS a{number}", number - 1, number - 1))
        .collect();
    let text = quick(&format!("SELECT 1 AS a0, {}", items.join(", "))).expect_err("doubling");
    assert!(text.contains("once its aliases are put in"), "{text}");
}

#[test]
fn a_text_has_a_length() {
    let text = error(&format!("SELECT '{}'", "x".repeat(200_000)));
    assert_eq!(
        text,
        "the statement is 200009 bytes long; the most is 100000"
    );
}

#[test]
fn there_is_exactly_one_statement() {
    assert!(error("").starts_with("the statement is empty"));
    assert!(error(" ; -- nothing").starts_with("the statement is empty"));
    assert_eq!(rows("-- a comment\n/* and one */ SELECT 1;"), "1");
    assert!(error("SELECT 1; SELECT 2").starts_with("one statement at a time"));
    assert!(error("SELECT 1 1").contains("is not expected here"));
}

#[test]
fn only_what_reads_passes() {
    for sql in [
        "INSERT INTO trials VALUES (1)",
        "ATTACH 'x.db' AS x",
        "PRAGMA table_info(trials)",
        "CREATE TABLE x (a INTEGER)",
        "COPY trials TO 'x.csv'",
        "SET threads = 1",
        "DROP TABLE trials",
        "UPDATE trials SET trial = 1",
        "DELETE FROM trials",
        "VACUUM",
        "WITH x AS (SELECT 1) INSERT INTO trials SELECT * FROM x",
        "SELECT * INTO x FROM trials",
        "EXPLAIN DELETE FROM trials",
    ] {
        assert!(
            error(sql).starts_with("query only reads"),
            "{sql}: {}",
            error(sql)
        );
    }
    assert!(rows("EXPLAIN QUERY PLAN SELECT * FROM trials").contains("SCAN"));
}
