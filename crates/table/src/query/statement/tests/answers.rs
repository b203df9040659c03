//! Answers of DuckDB to the same tables and statements, with whole numbers divided as in PostgreSQL.

use super::fixture::rows;
use super::{asked, asked_further};

/// Numbers are compared as numbers: a sum of whole numbers prints with or without a point.
fn cells(rows: &str, sorted: bool) -> Vec<String> {
    let mut lines: Vec<String> = rows
        .lines()
        .map(|line| {
            let cells: Vec<String> = line
                .split(',')
                .map(|cell| {
                    cell.parse::<f64>()
                        .map_or_else(|_| cell.to_owned(), |number| format!("{number:.10}"))
                })
                .collect();
            cells.join(",")
        })
        .collect();
    if sorted {
        lines.sort();
    }
    lines
}

#[test]
fn answers_are_those_of_duckdb() {
    let mut wrong = Vec::new();
    for (sql, answer) in asked::ANSWERS.iter().chain(asked_further::ANSWERS) {
        let unordered = !sql.to_lowercase().contains("order by");
        let ours = rows(sql);
        if cells(&ours, unordered) != cells(answer, unordered) {
            wrong.push(format!("{sql}\n  ours: {ours}\n  DuckDB: {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tables_are_described() {
    assert_eq!(
        rows("DESCRIBE history"),
        "trial,BIGINT,YES,null,null,null\nstep,BIGINT,YES,null,null,null\nloss,DOUBLE,YES,null,null,null"
    );
    assert_eq!(
        rows("DESCRIBE SELECT name, converged, started FROM trials")
            .lines()
            .count(),
        3
    );
    assert_eq!(rows("SHOW TABLES"), "history\nspectra\ntrials");
    let summary = rows("SUMMARIZE trials");
    assert_eq!(summary.lines().count(), 9);
    assert!(
        summary.contains("converged,BOOLEAN,false,true,2,null,null,null,null,null,6,16.67"),
        "{summary}"
    );
    assert!(
        rows("SUMMARIZE SELECT trial FROM trials WHERE trial > 3")
            .starts_with("trial,BIGINT,4,5,2,4.5,")
    );
    let wide: Vec<String> = (0..501)
        .map(|number| format!("{number} AS c{number}"))
        .collect();
    assert_eq!(
        rows(&format!("SUMMARIZE SELECT {}", wide[..500].join(", ")))
            .lines()
            .count(),
        500
    );
    let text = super::fixture::error(&format!("SUMMARIZE SELECT {}", wide.join(", ")));
    assert_eq!(text, "the statement has more than 500 columns in SUMMARIZE");
}

#[test]
fn nulls_come_last_unless_a_column_has_none() {
    let sql = super::fixture::sql_of;
    assert!(
        sql("SELECT name FROM trials ORDER BY trial").ends_with("ORDER BY \"trials\".\"trial\"")
    );
    assert!(sql("SELECT trial FROM trials ORDER BY 1").ends_with("ORDER BY 1"));
    assert!(sql("SELECT name FROM trials ORDER BY 1").ends_with("ORDER BY 1 NULLS LAST"));
    assert!(sql("SELECT name FROM trials ORDER BY 1 DESC").ends_with("ORDER BY 1 DESC"));
    let joined =
        sql("SELECT a.id FROM trials a LEFT JOIN history h ON a.trial = h.trial ORDER BY h.step");
    assert!(joined.ends_with("NULLS LAST"), "{joined}");
}
