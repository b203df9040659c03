//! Headers as DuckDB prints them.

use super::fixture::headers;

/// An expression over `trials`, and DuckDB's header.
#[rustfmt::skip]
const HEADERS: &[(&str, &str)] = &[
    (r#"min(train_loss)"#, r#"min(train_loss)"#),
    (r#"count(*)"#, r#"count_star()"#),
    (r#"count()"#, r#"count_star()"#),
    (r#"trial + network_depth"#, r#"(trial + network_depth)"#),
    (r#"-trial"#, r#"(-(trial))"#),
    (r#"trial * (network_depth + 1)"#, r#"(trial * (network_depth + 1))"#),
    (r#"trials.trial"#, r#"trial"#),
    (r#"TRIAL"#, r#"trial"#),
    (r#"1"#, r#"1"#),
    (r#"1.5"#, r#"1.5"#),
    (r#"1e-10"#, r#"1e-10"#),
    (r#"'a'"#, r#"'a'"#),
    (r#"NULL"#, r#"NULL"#),
    (r#"true"#, r#"true"#),
    (r#"CAST(trial AS INTEGER)"#, r#"CAST(trial AS INTEGER)"#),
    (r#"trial::double"#, r#"CAST(trial AS double)"#),
    (r#"trial::varchar"#, r#"CAST(trial AS VARCHAR)"#),
    (r#"try_cast(name as integer)"#, r#"TRY_CAST("name" AS INTEGER)"#),
    (r#"name LIKE 'a%'"#, r#"("name" ~~ 'a%')"#),
    (r#"name NOT LIKE 'a%'"#, r#"("name" !~~ 'a%')"#),
    (r#"name ILIKE 'a'"#, r#"("name" ~~* 'a')"#),
    (r#"trial BETWEEN 1 AND 2"#, r#"(trial BETWEEN 1 AND 2)"#),
    (r#"trial NOT BETWEEN 1 AND 2"#, r#"(NOT (trial BETWEEN 1 AND 2))"#),
    (r#"CASE WHEN trial > 1 THEN 'a' ELSE 'b' END"#, r#"CASE  WHEN ((trial > 1)) THEN ('a') ELSE 'b' END"#),
    (r#"CASE trial WHEN 1 THEN 'a' END"#, r#"CASE  WHEN ((trial = 1)) THEN ('a') ELSE NULL END"#),
    (r#"trial IS NULL"#, r#"(trial IS NULL)"#),
    (r#"trial IS NOT NULL"#, r#"(trial IS NOT NULL)"#),
    (r#"NOT converged"#, r#"(NOT converged)"#),
    (r#"trial = 1 AND network_depth <> 2"#, r#"((trial = 1) AND (network_depth != 2))"#),
    (r#"trial = 1 AND network_depth != 2 AND trial < 3"#, r#"((trial = 1) AND (network_depth != 2) AND (trial < 3))"#),
    (r#"trial = 1 OR network_depth = 2"#, r#"((trial = 1) OR (network_depth = 2))"#),
    (r#"name || 'x'"#, r#"("name" || 'x')"#),
    (r#"count(DISTINCT trial)"#, r#"count(DISTINCT trial)"#),
    (r#"sum(trial) FILTER (WHERE trial > 1)"#, r#"sum(trial) FILTER (WHERE (trial > 1))"#),
    (r#"sum(trial) OVER (PARTITION BY network_depth ORDER BY trial)"#, r#"sum(trial) OVER (PARTITION BY network_depth ORDER BY trial)"#),
    (r#"row_number() OVER ()"#, r#"row_number() OVER ()"#),
    (r#"sum(trial) OVER (ORDER BY trial ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)"#, r#"sum(trial) OVER (ORDER BY trial ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)"#),
    (r#"EXISTS (SELECT 1 FROM history)"#, r#"EXISTS(SELECT 1 FROM history)"#),
    (r#"trial IN (SELECT trial FROM history)"#, r#"(trial = ANY(SELECT trial FROM history))"#),
    (r#"extract(year FROM started)"#, r#"date_part('YEAR', started)"#),
    (r#"date_part('year', started)"#, r#"date_part('year', started)"#),
    (r#"substring(name FROM 1 FOR 2)"#, r#""substring"("name", 1, 2)"#),
    (r#"substr(name, 1, 2)"#, r#"substr("name", 1, 2)"#),
    (r#"trim(name)"#, r#""trim"("name")"#),
    (r#"trim(both 'x' from name)"#, r#""trim"("name", 'x')"#),
    (r#"position('a' in name)"#, r#""position"("name", 'a')"#),
    (r#"ceil(train_loss)"#, r#"ceil(train_loss)"#),
    (r#"floor(train_loss)"#, r#"floor(train_loss)"#),
    (r#"converged IS TRUE"#, r#"(CAST(converged AS BOOLEAN) IS NOT DISTINCT FROM true)"#),
    (r#"trial IS DISTINCT FROM 3"#, r#"(trial IS DISTINCT FROM 3)"#),
    (r#"trial % 2"#, r#"(trial % 2)"#),
    (r#"trial / 2"#, r#"(trial / 2)"#),
    (r#"trial // 2"#, r#"(trial // 2)"#),
    (r#"trial ^ 2"#, r#"(trial ^ 2)"#),
    (r#"string_agg(name, ',' ORDER BY trial)"#, r#"string_agg("name", ',' ORDER BY trial)"#),
    (r#"quantile_cont(train_loss, 0.5)"#, r#"quantile_cont(train_loss, 0.5)"#),
    (r#"percentile_cont(0.5) WITHIN GROUP (ORDER BY train_loss)"#, r#"quantile_cont(0.5 ORDER BY train_loss)"#),
    (r#"ROUND(train_loss, 2)"#, r#"round(train_loss, 2)"#),
    (r#"coalesce(trial, 0)"#, r#"COALESCE(trial, 0)"#),
    (r#"started - INTERVAL '1 day'"#, r#"(started - CAST('1 day' AS INTERVAL))"#),
    (r#"DATE '2024-01-01'"#, r#"CAST('2024-01-01' AS DATE)"#),
    (r#"started::date"#, r#"CAST(started AS date)"#),
    (r#"name ~ 'a'"#, r#"regexp_matches("name", 'a')"#),
    (r#"name SIMILAR TO 'a'"#, r#"regexp_full_match("name", 'a')"#),
    (r#"(trial)"#, r#"trial"#),
    (r#"((trial + 1))"#, r#"(trial + 1)"#),
    (r#"current_timestamp"#, r#"current_timestamp"#),
    (r#"trial - -1"#, r#"(trial - -1)"#),
    (r#"'it''s'"#, r#"'it''s'"#),
    (r#"arg_max(trial, train_loss)"#, r#"arg_max(trial, train_loss)"#),
    (r#"max_by(trial, train_loss)"#, r#"max_by(trial, train_loss)"#),
    (r#"first(trial ORDER BY network_depth)"#, r#""first"(trial ORDER BY network_depth)"#),
    (r#"5.5 // 2"#, r#"(5.5 // 2)"#),
    (r#"-5.5 // 2"#, r#"(-5.5 // 2)"#),
    (r#"-5 // 2"#, r#"(-5 // 2)"#),
    (r#"5.5 % 2"#, r#"(5.5 % 2)"#),
    (r#"cast(trial as decimal(10,2))"#, r#"CAST(trial AS DECIMAL(10, 2))"#),
    (r#"cast(1.5 as integer)"#, r#"CAST(1.5 AS INTEGER)"#),
    (r#"ifnull(trial,1)"#, r#"COALESCE(trial, 1)"#),
    (r#"median(trial)"#, r#"median(trial)"#),
    (r#"mean(trial)"#, r#"mean(trial)"#),
    (r#"avg(trial)"#, r#"avg(trial)"#),
    (r#"first(trial)"#, r#""first"(trial)"#),
    (r#"any_value(trial)"#, r#"any_value(trial)"#),
    (r#"lead(trial, 1, 0) OVER (ORDER BY network_depth DESC NULLS LAST)"#, r#"lead(trial, 1, 0) OVER (ORDER BY network_depth DESC NULLS LAST)"#),
    (r#"trial IS NOT DISTINCT FROM 1"#, r#"(trial IS NOT DISTINCT FROM 1)"#),
    (r#"date_trunc('hour', started)"#, r#"date_trunc('hour', started)"#),
    (r#"started > '2024-01-01'"#, r#"(started > '2024-01-01')"#),
    (r#"~trial"#, r#"(~(trial))"#),
    (r#"trial != 1"#, r#"(trial != 1)"#),
    (r#"trial <> 1"#, r#"(trial != 1)"#),
    (r#"trial == 1"#, r#"(trial = 1)"#),
    (r#"converged = true"#, r#"(converged = true)"#),
    (r#"name NOT ILIKE 'a'"#, r#"("name" !~~* 'a')"#),
    (r#"regexp_matches(name,'a')"#, r#"regexp_matches("name", 'a')"#),
    (r#"name COLLATE NOCASE"#, r#""name" COLLATE NOCASE"#),
    (r#"name LIKE 'a' ESCAPE '\'"#, r#"like_escape("name", 'a', '\')"#),
    (r#"count(*) FILTER (WHERE trial=1)"#, r#"count_star() FILTER (WHERE (trial = 1))"#),
    (r#"sum(DISTINCT trial)"#, r#"sum(DISTINCT trial)"#),
    (r#"count(*) OVER ()"#, r#"count() OVER ()"#),
];

#[test]
fn headers_are_those_of_duckdb() {
    let mut wrong = Vec::new();
    for (expression, header) in HEADERS {
        let ours = headers(&format!("SELECT {expression} FROM trials"));
        if ours != [*header] {
            wrong.push(format!("{expression}: ours {ours:?}, DuckDB {header}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_second_header_gets_a_number() {
    assert_eq!(
        headers("SELECT trial, trial, a.id AS trial FROM trials a"),
        ["trial", "trial_1", "trial_2"]
    );
    assert_eq!(
        headers("SELECT TRIAL, \"Name\" FROM trials"),
        ["trial", "name"]
    );
    assert_eq!(headers("VALUES (1, 2)"), ["col0", "col1"]);
}
