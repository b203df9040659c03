//! The functions against the answers of DuckDB, and what DuckDB has no answer for.
//!
//! `answers.txt` has a question and DuckDB's answer in a line, `answers.sql` the tables that they ask.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result};

use super::{all, register};

fn connection() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    register(&connection).unwrap();
    connection
}

/// The rows as the answers write them.
fn ask(connection: &Connection, sql: &str) -> Result<String> {
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let cells: Vec<String> = (0..columns)
            .map(|column| match row.get_ref(column).unwrap() {
                ValueRef::Null => "null".to_owned(),
                ValueRef::Integer(value) => value.to_string(),
                ValueRef::Real(value) => format!("{value:?}"),
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                    String::from_utf8_lossy(bytes).into_owned()
                }
            })
            .collect();
        lines.push(cells.join(" | "));
    }
    Ok(lines.join(" ; "))
}

/// Equal texts, or reals that differ by rounding; a whole number is not a real.
fn same(left: &str, right: &str) -> bool {
    let is_real = |text: &str| text.contains(['.', 'e', 'i']);
    left == right
        || is_real(left)
            && is_real(right)
            && match (left.parse::<f64>(), right.parse::<f64>()) {
                (Ok(left), Ok(right)) => {
                    left == right
                        || (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1e-6)
                }
                _ => false,
            }
}

#[test]
fn duckdb_answers_the_same() {
    let connection = connection();
    connection
        .execute_batch(include_str!("answers.sql"))
        .unwrap();
    let mut wrong = Vec::new();
    for line in include_str!("answers.txt").lines() {
        let (sql, expected) = line.split_once(" => ").unwrap();
        let found = ask(&connection, sql);
        let fits = match &found {
            Ok(found) => {
                let cells = |text: &str| {
                    text.replace(" ; ", " | ")
                        .split(" | ")
                        .map(str::to_owned)
                        .collect::<Vec<_>>()
                };
                let (found, expected) = (cells(found), cells(expected));
                found.len() == expected.len()
                    && found
                        .iter()
                        .zip(&expected)
                        .all(|(left, right)| same(left, right))
            }
            Err(_) => expected == "error",
        };
        if !fits {
            wrong.push(format!("{sql}\n  duckdb {expected}\n  here   {found:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} questions\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_function_is_registered_under_its_name() {
    let connection = connection();
    let mut names: Vec<&str> = all().map(|declared| declared.name).collect();
    for name in &names {
        let sql = format!(
            "SELECT count(*) FROM pragma_function_list WHERE name = '{name}' AND NOT builtin"
        );
        assert_ne!(ask(&connection, &sql).unwrap(), "0", "{name}");
    }
    names.sort_unstable();
    assert!(
        names.windows(2).all(|pair| pair[0] != pair[1]),
        "a name twice"
    );
    let window =
        "SELECT count(DISTINCT name) FROM pragma_function_list WHERE type = 'w' AND NOT builtin";
    let aggregates = all().filter(|declared| declared.aggregate).count();
    assert_eq!(ask(&connection, window).unwrap(), aggregates.to_string());
}

/// A sequence of numbers that repeats and jumps, the same each time.
fn numbers(connection: &Connection, rows: u32) {
    let sql = format!(
        "CREATE TABLE n(id INTEGER, x REAL, s TEXT);
        INSERT INTO n WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM r LIMIT {rows})
        SELECT id, CASE WHEN id % 17 = 0 THEN NULL ELSE (id * 7919 % 1009) / 8.0 - 60 END,
        char(97 + id * 31 % 23) FROM r"
    );
    connection.execute_batch(&sql).unwrap();
}

#[test]
fn a_wide_frame_that_moves_gives_what_its_rows_give() {
    let connection = connection();
    numbers(&connection, 3000);
    let functions = [
        "median(x)",
        "quantile_disc(x, 0.9)",
        "quantile_disc(s, 0.4)",
        "quantile_cont(x, -0.33)",
        "mad(x)",
        "mode(x)",
        "mode(s)",
        "entropy(s)",
        "approx_count_distinct(x)",
        "stddev(x)",
        "kurtosis(x)",
        "skewness(x)",
        "corr(x, id)",
        "product(x)",
        "fsum(x)",
        "arg_min(id, x)",
        "arg_max(s, x)",
        "first(x)",
        "last(x)",
        "any_value(x)",
    ];
    for function in functions {
        let moving = format!(
            "SELECT value FROM (SELECT id, {function} OVER
            (ORDER BY id ROWS BETWEEN 1499 PRECEDING AND CURRENT ROW) AS value FROM n)
            WHERE id IN (1, 500, 1500, 1501, 2048, 3000) ORDER BY id"
        );
        let moving = ask(&connection, &moving).unwrap();
        let parts: Vec<String> = [1, 500, 1500, 1501, 2048, 3000]
            .iter()
            .map(|end| {
                let sql =
                    format!("SELECT {function} FROM n WHERE id BETWEEN {end} - 1499 AND {end}");
                ask(&connection, &sql).unwrap()
            })
            .collect();
        for (moved, part) in moving.split(" ; ").zip(&parts) {
            assert!(same(moved, part), "{function}: {moved} and {part}");
        }
        assert_eq!(moving.split(" ; ").count(), parts.len());
    }
}

#[test]
fn what_has_left_a_frame_leaves_no_trace() {
    let connection = connection();
    let table = "CREATE TABLE n AS SELECT column1 AS id, column2 AS x FROM (VALUES
        (1, 1e9), (2, 9e999), (3, 1.0), (4, 0.0), (5, -1e300), (6, 1.25), (7, 1.5), (8, 1.25), (9, 1.75))";
    connection.execute_batch(table).unwrap();
    let functions = [
        "var_pop", "stddev", "skewness", "kurtosis", "fsum", "favg", "product", "geomean", "median",
    ];
    for function in functions {
        let moving = format!(
            "SELECT value FROM (SELECT id, {function}(x) OVER
            (ORDER BY id ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS value FROM n) WHERE id = 9"
        );
        let moving = ask(&connection, &moving).unwrap();
        let part = ask(
            &connection,
            &format!("SELECT {function}(x) FROM n WHERE id > 5"),
        )
        .unwrap();
        assert!(same(&moving, &part), "{function}: {moving} and {part}");
    }
}

#[test]
fn a_large_offset_takes_no_digits() {
    let connection = connection();
    let table = "CREATE TABLE n AS WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM r LIMIT 1000)
        SELECT id, (id * 37 % 101) / 64.0 AS x, (id * 53 % 89) / 32.0 AS y FROM r";
    connection.execute_batch(table).unwrap();
    for function in [
        "stddev(x)",
        "variance(x)",
        "skewness(x)",
        "kurtosis(x)",
        "corr(y, x)",
        "regr_slope(y, x)",
    ] {
        for frame in [
            "",
            " OVER (ORDER BY id ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)",
        ] {
            let near = ask(&connection, &format!("SELECT {function}{frame} FROM n")).unwrap();
            let far = format!(
                "SELECT {function}{frame} FROM (SELECT id, x + 1e9 AS x, y - 1e9 AS y FROM n)"
            );
            let far = ask(&connection, &far).unwrap();
            for (near, far) in near.split(" ; ").zip(far.split(" ; ")) {
                assert!(same(near, far), "{function}{frame}: {near} and {far}");
            }
        }
    }
}

#[test]
fn strftime_takes_both_orders() {
    let connection = connection();
    let asked = [
        ("strftime('2024-05-17 13:45:56', '%H:%M')", "13:45"),
        ("strftime('%H:%M', '2024-05-17 13:45:56')", "13:45"),
        ("strftime('%f', '2024-05-17 13:45:56.789')", "56.789"),
        ("strftime('2024-05-17 13:45:56.789', '%f')", "789000"),
        ("strftime('%Y', '2024-05-17', '+1 year')", "2025"),
        ("strftime('%s', 0, 'unixepoch')", "0"),
        ("strftime('%Y', 2460000.5)", "2023"),
        ("strftime('2024-05-17', 'no format')", "no format"),
        ("strftime(NULL, '%Y')", "null"),
        ("strftime('%Y', NULL)", "null"),
        ("strftime('2024-05-17', NULL)", "null"),
        ("strftime('%Y', 'now') >= '2024'", "1"),
    ];
    for (sql, expected) in asked {
        assert_eq!(
            ask(&connection, &format!("SELECT {sql}")).unwrap(),
            expected,
            "{sql}"
        );
    }
}

#[test]
fn times_are_added_and_read_with_their_offset() {
    let connection = connection();
    let asked = [
        (
            "date_add('2024-01-31 10:00:00', 1, 'month')",
            "2024-02-29 10:00:00",
        ),
        ("date_add('2024-03-31', -1, 'month')", "2024-02-29 00:00:00"),
        (
            "date_add('2024-01-31 10:00:00', 3, 'hours')",
            "2024-01-31 13:00:00",
        ),
        ("date_add('2024-02-29', 1, 'year')", "2025-02-28 00:00:00"),
        ("date_add('2024-02-29', 2, 'week')", "2024-03-14 00:00:00"),
        (
            "timestamp('2024-01-02T03:04:05+02:00')",
            "2024-01-02 01:04:05",
        ),
        (
            "timestamp('2024-01-02 03:04:05-0030')",
            "2024-01-02 03:34:05",
        ),
        ("timestamp(NULL)", "null"),
        ("now() > '2024-01-01 00:00:00'", "1"),
        ("length(today())", "10"),
        (
            "median(x) FROM (SELECT '2024-01-01 00:00:00' AS x UNION ALL SELECT '2024-01-02 00:00:00')",
            "2024-01-01 12:00:00",
        ),
    ];
    for (sql, expected) in asked {
        assert_eq!(
            ask(&connection, &format!("SELECT {sql}")).unwrap(),
            expected,
            "{sql}"
        );
    }
}

#[test]
fn errors_say_what_was_wrong() {
    let connection = connection();
    let asked = [
        ("ln('abc')", "ln: \"abc\" is not a number"),
        (
            "stddev(x) FROM (SELECT 'abc' AS x)",
            "stddev: \"abc\" is not a number",
        ),
        (
            "cast_integer('2x')",
            "cast_integer: \"2x\" is not a whole number",
        ),
        (
            "year(2024)",
            "year: 2024 is not a time, write YYYY-MM-DD HH:MM:SS",
        ),
        (
            "year('2024-02-30')",
            "year: \"2024-02-30\" is not a time, write YYYY-MM-DD HH:MM:SS",
        ),
        (
            "strftime('2024-05-17', '%Q')",
            "strftime: %Q is not known in a format",
        ),
        (
            "date_add('9999-12-31', 1, 'day')",
            "date_add: the time is out of range, the range is the years 1 to 9999",
        ),
        (
            "date_add('2024-01-01', 9223372036854775807, 'week')",
            "date_add: the time is out of range, the range is the years 1 to 9999",
        ),
        (
            "repeat('abc', 1000000000)",
            "repeat: the result is longer than 16777216 bytes",
        ),
        (
            "lpad('abc', 9223372036854775807, 'x')",
            "lpad: the result is longer than 16777216 bytes",
        ),
        (
            "factorial(21)",
            "factorial: 21 is out of range, the range is 0 to 20",
        ),
        (
            "lcm(9223372036854775807, 2)",
            "lcm: the result is larger than a 64-bit number",
        ),
        (
            "abs(-9223372036854775807 - 1)",
            "abs: the result is larger than a 64-bit number",
        ),
        (
            "quantile_cont(x, x) FROM (SELECT 0.5 AS x UNION ALL SELECT 0.25)",
            "quantile_cont: the quantile must be one number for all rows, it is 0.5 and 0.25",
        ),
        (
            "regexp_matches('a', '(')",
            "regexp_matches: the pattern \"(\" cannot be used: unclosed group",
        ),
    ];
    for (sql, expected) in asked {
        let error = ask(&connection, &format!("SELECT {sql}")).unwrap_err();
        assert_eq!(error.to_string(), expected, "{sql}");
    }
    assert!(
        ask(
            &connection,
            "SELECT regexp_matches('a', '(a{1000}){1000}{1000}')"
        )
        .is_err()
    );
}

#[test]
fn patterns_may_differ_from_row_to_row() {
    let connection = connection();
    let sql = "SELECT regexp_matches(s, p, o) FROM (SELECT column1 AS s, column2 AS p, column3 AS o FROM
        (VALUES ('abc', 'b', ''), ('abc', 'x', ''), ('ABC', 'b', 'i'), ('ABC', 'b', 'c'), ('ABC', NULL, 'c')))";
    assert_eq!(ask(&connection, sql).unwrap(), "1 ; 0 ; 1 ; 0 ; null");
    let sql = "SELECT regexp_matches('ABC', 'b', o) FROM (SELECT '' AS o UNION ALL SELECT 'i')";
    assert_eq!(ask(&connection, sql).unwrap(), "0 ; 1");
}
