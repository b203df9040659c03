//! Errors in words: names that do not exist, columns outside of aggregates, values of two kinds.

use super::fixture::{error, rows};

fn starts(sql: &str, start: &str) {
    let text = error(sql);
    assert!(
        text.starts_with(start),
        "{sql}\n  gives {text}\n  wants {start}"
    );
}

#[test]
fn unknown_names_have_near_ones() {
    assert_eq!(
        error("SELECT train_los FROM trials"),
        "no column `train_los` in trials; did you mean `train_loss`? (line 1, column 8)"
    );
    starts(
        "SELECT t.train_los FROM trials t",
        "no column `train_los` in t; did you mean `train_loss`?",
    );
    starts(
        "SELECT rank FROM trials",
        "no column `rank` in trials; did you mean `problem_rank`?",
    );
    starts(
        "SELECT problem.rank FROM trials",
        "no column `problem.rank`; did you mean `problem_rank`?",
    );
    starts(
        "SELECT \"problem.rank\" FROM trials",
        "no column `problem.rank` in trials; did you mean `problem_rank`?",
    );
    starts(
        "SELECT \"hello\" FROM trials",
        "no column `hello` in trials; text is written in single quotes",
    );
    starts(
        "SELECT step FROM trials",
        "no column `step` in trials; the table history has one",
    );
    starts(
        "SELECT trial",
        "no column `trial`; the table trials has one",
    );
    starts(
        "SELECT * FROM trails",
        "no table `trails`; did you mean `trials`?",
    );
    starts(
        "SELECT * FROM nowhere",
        "no table `nowhere`; there is trials, history, spectra",
    );
    starts(
        "SELECT trials.trial FROM trials t",
        "no table `trials`: it is called t in this FROM",
    );
    starts(
        "SELECT history.loss FROM trials",
        "no table `history` in this FROM; join it first",
    );
    starts(
        "SELECT medain(trial) FROM trials",
        "no function `medain`; did you mean `median`",
    );
    starts(
        "SELECT list(trial) FROM trials",
        "no function `list`; there are no lists here",
    );
    starts(
        "SELECT x FROM (SELECT trial FROM trials) s",
        "no column `x` in s",
    );
    starts(
        "SELECT trial FROM trials a JOIN history b ON true",
        "column `trial` is in more than one table; write a.trial or b.trial",
    );
    starts(
        "SELECT * FROM trials, trials",
        "two tables of this FROM are called `trials`",
    );
    starts(
        "SELECT * EXCLUDE (traial) FROM trials",
        "no column `traial` in trials; did you mean `trial`?",
    );
    starts(
        "WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT * FROM n",
        "no table `n`; a common table that reads itself starts with WITH RECURSIVE",
    );
    starts("SELECT sum(trial) OVER w FROM trials", "no window `w`");
    assert!(
        error("SELECT nothing_alike FROM trials").len() < 120,
        "no list of columns"
    );
}

#[test]
fn columns_stand_inside_of_an_aggregate_or_in_group_by() {
    starts(
        "SELECT name, count(*) FROM trials",
        "column `name` stands outside of an aggregate",
    );
    starts(
        "SELECT * FROM trials GROUP BY network_depth",
        "column `trial` stands outside",
    );
    starts(
        "SELECT network_depth FROM trials GROUP BY network_depth HAVING trial > 1",
        "column `trial` stands outside",
    );
    starts(
        "SELECT network_depth FROM trials GROUP BY network_depth ORDER BY trial",
        "column `trial` stands outside",
    );
    starts(
        "SELECT network_depth + trial FROM trials GROUP BY network_depth",
        "column `trial` stands outside",
    );
    starts(
        "SELECT trial, (SELECT count(*) FROM history h WHERE h.trial = t.problem_rank) FROM trials t GROUP BY trial",
        "column `problem_rank` stands outside",
    );
    starts(
        "SELECT count(*), rank() OVER (ORDER BY trial) FROM trials",
        "column `trial` stands outside",
    );
    starts(
        "SELECT trial FROM trials WHERE count(*) > 1",
        "the aggregate count cannot stand in WHERE; write HAVING",
    );
    starts(
        "SELECT max(trial) AS m FROM trials WHERE m > 1",
        "the aggregate max cannot stand in WHERE",
    );
    starts(
        "SELECT sum(count(*)) FROM trials",
        "the aggregate count cannot stand in an aggregate",
    );
    starts(
        "SELECT trial FROM trials WHERE rank() OVER (ORDER BY trial) = 1",
        "the window function rank cannot stand in WHERE; write QUALIFY",
    );
    starts("SELECT rank() FROM trials", "rank is a window function");
    starts("SELECT max(1, 2)", "max takes one argument");
}

#[test]
fn kinds_are_not_mixed() {
    starts(
        "SELECT * FROM trials WHERE trial = '5'",
        "cannot compare number `trial` with text '5'; write 5 without quotes",
    );
    starts(
        "SELECT * FROM trials WHERE name > 5",
        "cannot compare text `name` with number 5",
    );
    starts(
        "SELECT * FROM trials WHERE trial IN (1, 'x')",
        "cannot compare number `trial` with text 'x'",
    );
    starts(
        "SELECT * FROM trials WHERE trial BETWEEN 1 AND 'x'",
        "cannot compare number `trial` with text 'x'",
    );
    starts(
        "SELECT CASE trial WHEN 'x' THEN 1 END FROM trials",
        "cannot compare number `trial` with text 'x'",
    );
    starts(
        "SELECT * FROM trials a JOIN trials b ON a.trial = b.name",
        "cannot compare number `a.trial` with text `b.name`",
    );
    starts(
        "SELECT * FROM trials WHERE trial IN (SELECT name FROM trials)",
        "cannot compare number `trial` with text `name`",
    );
    starts(
        "SELECT * FROM trials WHERE converged = 'true'",
        "cannot compare boolean `converged` with text 'true'; write converged = true without quotes",
    );
    starts(
        "SELECT * FROM trials WHERE (trial, id) = (1, 2)",
        "cannot compare text `id` with number 2",
    );
    starts(
        "SELECT name + 1 FROM trials",
        "cannot compute `name + 1`: text `name` is no number",
    );
    starts(
        "SELECT max(started) - min(started) FROM trials",
        "cannot compute `max(started) - min(started)`: timestamp `max(started)` is no number; write date_diff(",
    );
    starts(
        "SELECT sum(name) FROM trials",
        "sum needs a number, and text `name` is none",
    );
    starts(
        "SELECT * FROM trials WHERE name",
        "text `name` is no condition",
    );
    starts(
        "SELECT trial LIKE '1%' FROM trials",
        "LIKE needs a text, and number `trial` is none",
    );
    starts(
        "SELECT trial + INTERVAL '1 day' FROM trials",
        "INTERVAL needs a timestamp",
    );
    starts(
        "SELECT INTERVAL '1 day'",
        "`INTERVAL '1 day'` by itself is not supported",
    );
}

#[test]
fn what_is_not_supported_has_words() {
    starts(
        "SELECT * FROM trials, LATERAL (SELECT 1) x",
        "LATERAL is not supported",
    );
    starts(
        "SELECT * FROM trials ASOF JOIN history USING (trial)",
        "ASOF JOIN is not supported",
    );
    starts(
        "SELECT network_depth FROM trials GROUP BY ROLLUP (network_depth)",
        "ROLLUP, CUBE and GROUPING SETS is not supported",
    );
    starts(
        "SELECT * FROM range(3)",
        "the table function range(...) is not supported",
    );
    starts(
        "SELECT * FROM 'x.parquet'",
        "reading the file `x.parquet` is not supported",
    );
    starts(
        "SELECT trial FROM trials EXCEPT ALL SELECT trial FROM history",
        "EXCEPT ALL is not supported",
    );
    starts(
        "SELECT first_value(trial IGNORE NULLS) OVER () FROM trials",
        "IGNORE NULLS is not supported",
    );
    starts(
        "SELECT trial FROM trials WHERE trial = ?",
        "the parameter `?` is not supported",
    );
    starts(
        "SELECT 1 UNION SELECT 1, 2",
        "the two sides of UNION have 1 and 2 columns",
    );
    starts(
        "SELECT (SELECT 1, 2)",
        "a subquery that stands for a value has one column, not 2",
    );
    starts(
        "SELECT trial FROM trials ORDER BY 3",
        "ORDER BY 3: the columns are counted from 1 to 1",
    );
    starts(
        "SELECT trial FROM trials ORDER BY 'trial'",
        "ORDER BY 'trial' orders by a constant",
    );
    starts("SELECT FROM", "cannot read the statement:");
    starts(
        "SELEC 1",
        "cannot read the statement: a statement starts with SELECT",
    );
    starts("SELECT abs(1, 2)", "abs takes another number of arguments");
}

#[test]
fn a_subquery_that_stands_for_a_value_has_one_row() {
    let several = "a subquery that stands for a value has more than one row";
    starts("SELECT (SELECT step FROM history) AS s", several);
    starts(
        "SELECT trial FROM trials WHERE trial = (SELECT trial FROM history WHERE trial = 0)",
        several,
    );
    starts(
        "SELECT t.trial, (SELECT h.step FROM history h WHERE h.trial = t.trial) AS s FROM trials t",
        several,
    );
    starts("SELECT (SELECT 1 AS a UNION ALL SELECT 1) AS s", several);
    for (sql, found) in [
        ("SELECT (SELECT max(step) FROM history) AS s", "20"),
        (
            "SELECT (SELECT step FROM history WHERE loss = 7.0) AS s",
            "0",
        ),
        (
            "SELECT (SELECT step FROM history WHERE loss = 8.0) AS s",
            "null",
        ),
        (
            "SELECT (SELECT loss FROM history WHERE trial = 1 AND step = 10) AS s",
            "null",
        ),
        (
            "SELECT (SELECT step FROM history ORDER BY step DESC LIMIT 1) AS s",
            "20",
        ),
        (
            "SELECT (SELECT name FROM trials WHERE trial = 5) AS s",
            "Muon",
        ),
        (
            "SELECT sum((SELECT h.step FROM history h WHERE h.trial = t.trial AND h.loss > 4)) AS s FROM trials t",
            "0",
        ),
    ] {
        assert_eq!(rows(sql), found, "{sql}");
    }
}
