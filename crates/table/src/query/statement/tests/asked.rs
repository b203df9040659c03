//! Statements over the tables of the fixture, with the rows that DuckDB gave: the first half.

#[rustfmt::skip]
pub(super) const ANSWERS: &[(&str, &str)] = &[
    (r#"SELECT min(train_loss), max(train_loss) FROM trials"#,
     r#"0.125,2.0"#),
    (r#"SELECT count(*) FROM trials"#,
     r#"6"#),
    (r#"select COUNT() from TRIALS"#,
     r#"6"#),
    (r#"SELECT * FROM trials ORDER BY train_loss"#,
     r#"3,a3,3,0.125,0.2,null,null,null,3
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2
0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2
5,a5,null,1.0,0.75,Muon,1,2024-03-01 09:15:00,4
4,a4,3,2.0,1.5,sgd,0,2024-02-01 08:00:00,4
2,a2,2,null,0.4,adam,1,2024-01-02 00:00:00,3"#),
    (r#"SELECT trial, train_loss FROM trials ORDER BY train_loss DESC"#,
     r#"4,2.0
5,1.0
0,0.5
1,0.25
3,0.125
2,null"#),
    (r#"SELECT trial + network_depth FROM trials ORDER BY trial"#,
     r#"1
3
4
6
7
null"#),
    (r#"SELECT * EXCLUDE (id, name) FROM trials ORDER BY trial"#,
     r#"0,1,0.5,0.6,1,2024-01-01 10:00:00,2
1,2,0.25,null,0,2024-01-01 11:30:00,2
2,2,null,0.4,1,2024-01-02 00:00:00,3
3,3,0.125,0.2,null,null,3
4,3,2.0,1.5,0,2024-02-01 08:00:00,4
5,null,1.0,0.75,1,2024-03-01 09:15:00,4"#),
    (r#"SELECT * REPLACE (trial + 1 AS trial) FROM trials ORDER BY trial"#,
     r#"1,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2
2,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2
3,a2,2,null,0.4,adam,1,2024-01-02 00:00:00,3
4,a3,3,0.125,0.2,null,null,null,3
5,a4,3,2.0,1.5,sgd,0,2024-02-01 08:00:00,4
6,a5,null,1.0,0.75,Muon,1,2024-03-01 09:15:00,4"#),
    (r#"SELECT trials.* FROM trials ORDER BY 1"#,
     r#"0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2
2,a2,2,null,0.4,adam,1,2024-01-02 00:00:00,3
3,a3,3,0.125,0.2,null,null,null,3
4,a4,3,2.0,1.5,sgd,0,2024-02-01 08:00:00,4
5,a5,null,1.0,0.75,Muon,1,2024-03-01 09:15:00,4"#),
    (r#"FROM history"#,
     r#"0,0,2.0
0,10,1.0
0,20,0.5
1,0,3.0
1,10,null
1,20,0.25
4,0,5.0
9,0,7.0"#),
    (r#"SELECT network_depth, count(*) FROM trials GROUP BY ALL ORDER BY ALL"#,
     r#"1,1
2,2
3,2
null,1"#),
    (r#"SELECT network_depth AS d, avg(train_loss) FROM trials GROUP BY d ORDER BY d"#,
     r#"1,0.5
2,0.25
3,1.0625
null,1.0"#),
    (r#"SELECT network_depth, count(*) FROM trials GROUP BY network_depth HAVING count(*) > 1 ORDER BY count(*), 1"#,
     r#"2,2
3,2"#),
    (r#"SELECT network_depth, count(*) * 100.0 / sum(count(*)) OVER () AS share FROM trials GROUP BY network_depth ORDER BY share, 1"#,
     r#"1,16.666666666666668
null,16.666666666666668
2,33.333333333333336
3,33.333333333333336"#),
    (r#"SELECT trial, rank() OVER (ORDER BY train_loss) FROM trials ORDER BY trial"#,
     r#"0,3
1,2
2,6
3,1
4,5
5,4"#),
    (r#"SELECT trial, row_number() OVER (PARTITION BY network_depth ORDER BY train_loss DESC) AS n FROM trials QUALIFY n = 1 ORDER BY trial"#,
     r#"0,1
1,1
4,1
5,1"#),
    (r#"SELECT trial, step, sum(loss) OVER (PARTITION BY trial ORDER BY step ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM history ORDER BY trial, step"#,
     r#"0,0,2.0
0,10,3.0
0,20,1.5
1,0,3.0
1,10,3.0
1,20,0.25
4,0,5.0
9,0,7.0"#),
    (r#"SELECT trial, step, sum(loss) OVER w FROM history WINDOW w AS (PARTITION BY trial ORDER BY step) ORDER BY trial, step"#,
     r#"0,0,2.0
0,10,3.0
0,20,3.5
1,0,3.0
1,10,3.0
1,20,3.25
4,0,5.0
9,0,7.0"#),
    (r#"SELECT trial, step, count(*) OVER (ORDER BY trial ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM history ORDER BY trial, step"#,
     r#"0,0,1
0,10,2
0,20,2
1,0,2
1,10,2
1,20,2
4,0,2
9,0,1"#),
    (r#"SELECT trial, step, sum(loss) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES) AS s FROM history WINDOW w AS (PARTITION BY trial ORDER BY step) ORDER BY 1, 2"#,
     r#"0,0,2.0
0,10,3.0
0,20,3.5
1,0,3.0
1,10,3.0
1,20,3.25
4,0,5.0
9,0,7.0"#),
    (r#"SELECT a.trial, b.trial FROM trials a JOIN trials b ON a.network_depth = b.network_depth AND b.trial > a.trial ORDER BY 1, 2"#,
     r#"1,2
3,4"#),
    (r#"SELECT trial, name, step FROM trials JOIN history USING (trial) ORDER BY trial, step"#,
     r#"0,Adam,0
0,Adam,10
0,Adam,20
1,sgd,0
1,sgd,10
1,sgd,20
4,sgd,0"#),
    (r#"SELECT trial, name, step FROM trials LEFT JOIN history USING (trial) ORDER BY trial, step"#,
     r#"0,Adam,0
0,Adam,10
0,Adam,20
1,sgd,0
1,sgd,10
1,sgd,20
2,adam,null
3,null,null
4,sgd,0
5,Muon,null"#),
    (r#"SELECT trial, name, step FROM trials RIGHT JOIN history USING (trial) ORDER BY trial, step"#,
     r#"0,Adam,0
0,Adam,10
0,Adam,20
1,sgd,0
1,sgd,10
1,sgd,20
4,sgd,0
9,null,0"#),
    (r#"SELECT trial, name, step FROM trials FULL JOIN history USING (trial) ORDER BY trial, step"#,
     r#"0,Adam,0
0,Adam,10
0,Adam,20
1,sgd,0
1,sgd,10
1,sgd,20
2,adam,null
3,null,null
4,sgd,0
5,Muon,null
9,null,0"#),
    (r#"SELECT * FROM trials NATURAL JOIN history ORDER BY trial, step"#,
     r#"0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2,0,2.0
0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2,10,1.0
0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2,20,0.5
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2,0,3.0
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2,10,null
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2,20,0.25
4,a4,3,2.0,1.5,sgd,0,2024-02-01 08:00:00,4,0,5.0"#),
    (r#"SELECT * FROM trials FULL JOIN history USING (trial) ORDER BY trial, step"#,
     r#"0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2,0,2.0
0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2,10,1.0
0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2,20,0.5
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2,0,3.0
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2,10,null
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2,20,0.25
2,a2,2,null,0.4,adam,1,2024-01-02 00:00:00,3,null,null
3,a3,3,0.125,0.2,null,null,null,3,null,null
4,a4,3,2.0,1.5,sgd,0,2024-02-01 08:00:00,4,0,5.0
5,a5,null,1.0,0.75,Muon,1,2024-03-01 09:15:00,4,null,null
9,null,null,null,null,null,null,null,null,0,7.0"#),
    (r#"SELECT t.trial, h.loss FROM trials t, history h WHERE t.trial = h.trial AND h.step = (SELECT max(step) FROM history x WHERE x.trial = t.trial) ORDER BY 1"#,
     r#"0,0.5
1,0.25
4,5.0"#),
    (r#"WITH trials AS (SELECT * FROM trials WHERE trial < 3) SELECT count(*) FROM trials"#,
     r#"3"#),
    (r#"WITH history AS (SELECT trial FROM trials) SELECT count(*) FROM history"#,
     r#"6"#),
    (r#"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i, i * i FROM n ORDER BY i"#,
     r#"0,0
1,1
2,4
3,9
4,16
5,25"#),
    (r#"WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT * FROM a, b"#,
     r#"1,2"#),
    (r#"SELECT trial FROM trials WHERE EXISTS (SELECT 1 FROM history WHERE history.trial = trials.trial) ORDER BY 1"#,
     r#"0
1
4"#),
    (r#"SELECT trial FROM trials WHERE trial IN (SELECT trial FROM history) ORDER BY trial"#,
     r#"0
1
4"#),
    (r#"SELECT trial FROM trials EXCEPT SELECT trial FROM history ORDER BY trial"#,
     r#"2
3
5"#),
    (r#"SELECT trial FROM trials INTERSECT SELECT trial FROM history ORDER BY trial"#,
     r#"0
1
4"#),
    (r#"SELECT trial FROM trials UNION SELECT trial FROM history UNION SELECT 77 ORDER BY 1 DESC"#,
     r#"77
9
5
4
3
2
1
0"#),
    (r#"(SELECT trial FROM trials ORDER BY trial LIMIT 2) UNION ALL (SELECT trial FROM history ORDER BY trial DESC LIMIT 1) ORDER BY trial"#,
     r#"0
1
9"#),
    (r#"SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 3"#,
     r#"1"#),
    (r#"VALUES (1, 'a'), (2, 'b')"#,
     r#"1,a
2,b"#),
    (r#"SELECT * FROM (VALUES (1, 2), (3, 4)) AS t(a, b) ORDER BY a DESC"#,
     r#"3,4
1,2"#),
    (r#"SELECT trial, CASE WHEN train_loss > 0.4 THEN 'high' ELSE 'low' END FROM trials ORDER BY trial"#,
     r#"0,high
1,low
2,low
3,low
4,high
5,high"#),
    (r#"SELECT CASE network_depth WHEN 1 THEN 'one' WHEN 2 THEN 'two' END AS w, count(*) FROM trials GROUP BY w ORDER BY w"#,
     r#"one,1
two,2
null,3"#),
    (r#"SELECT name, count(*) FILTER (WHERE converged) FROM trials GROUP BY name ORDER BY name"#,
     r#"Adam,1
Muon,1
adam,1
sgd,0
null,0"#),
    (r#"SELECT string_agg(name, ',' ORDER BY trial) FROM trials"#,
     r#"Adam,sgd,adam,sgd,Muon"#),
    (r#"SELECT median(train_loss), quantile_cont(train_loss, 0.25), percentile_cont(0.5) WITHIN GROUP (ORDER BY train_loss) FROM trials"#,
     r#"0.5,0.25,0.5"#),
    (r#"SELECT arg_max(name, train_loss), max_by(trial, test_loss) FROM trials"#,
     r#"sgd,4"#),
    (r#"SELECT trial::double, CAST(train_loss AS INTEGER), train_loss::varchar, TRY_CAST(name AS INTEGER) FROM trials ORDER BY trial"#,
     r#"0.0,0,0.5,null
1.0,0,0.25,null
2.0,null,null,null
3.0,0,0.125,null
4.0,2,2.0,null
5.0,1,1.0,null"#),
    (r#"SELECT name ILIKE 'ADAM', name LIKE 'a%', name ~ 'da' FROM trials ORDER BY trial"#,
     r#"1,0,1
0,0,0
1,1,1
null,null,null
0,0,0
0,0,0"#),
    (r#"SELECT extract(year FROM started), date_part('month', started), started::date FROM trials ORDER BY trial"#,
     r#"2024,1,2024-01-01
2024,1,2024-01-01
2024,1,2024-01-02
null,null,null
2024,2,2024-02-01
2024,3,2024-03-01"#),
    (r#"SELECT trial FROM trials WHERE started >= '2024-01-02' ORDER BY trial"#,
     r#"2
4
5"#),
    (r#"SELECT trial FROM trials WHERE started = TIMESTAMP '2024-01-02' ORDER BY trial"#,
     r#"2"#),
    (r#"SELECT trial FROM trials WHERE converged ORDER BY trial"#,
     r#"0
2
5"#),
    (r#"SELECT trial FROM trials WHERE converged = true ORDER BY trial"#,
     r#"0
2
5"#),
    (r#"SELECT trial FROM trials WHERE converged IS NOT TRUE ORDER BY trial"#,
     r#"1
3
4"#),
    (r#"SELECT trial FROM trials WHERE test_loss IS DISTINCT FROM 0.4 ORDER BY trial"#,
     r#"0
1
3
4
5"#),
    (r#"SELECT (trial, network_depth) = (1, 2) AS x FROM trials ORDER BY trial"#,
     r#"0
1
0
0
0
0"#),
    (r#"SELECT trial FROM trials WHERE (trial, network_depth) IN ((1, 2), (3, 3)) ORDER BY trial"#,
     r#"1
3"#),
    (r#"SELECT DISTINCT ON (network_depth) network_depth, trial FROM trials ORDER BY network_depth, trial DESC"#,
     r#"1,0
2,2
3,4
null,5"#),
    (r#"SELECT DISTINCT problem_rank FROM trials ORDER BY problem_rank"#,
     r#"2
3
4"#),
    (r#"SELECT trial FROM trials ORDER BY trial LIMIT 2 OFFSET 1"#,
     r#"1
2"#),
    (r#"SELECT trial FROM trials ORDER BY trial OFFSET 4"#,
     r#"4
5"#),
    (r#"SELECT trial FROM trials ORDER BY trial FETCH FIRST 2 ROWS ONLY"#,
     r#"0
1"#),
    (r#"SELECT trial AS x, x + 1 AS y, y * 2 AS z FROM trials ORDER BY z DESC"#,
     r#"5,6,12
4,5,10
3,4,8
2,3,6
1,2,4
0,1,2"#),
    (r#"SELECT trial AS t FROM trials WHERE t > 3 ORDER BY t"#,
     r#"4
5"#),
    (r#"SELECT upper(name) n, count(*) FROM trials GROUP BY n ORDER BY n"#,
     r#"ADAM,2
MUON,1
SGD,2
null,1"#),
    (r#"SELECT trial, trial FROM trials ORDER BY 1 LIMIT 1"#,
     r#"0,0"#),
    (r#"SELECT sum(x) FROM (SELECT trial AS x FROM trials)"#,
     r#"15"#),
    (r#"SELECT substring(name FROM 2 FOR 2), position('d' IN name), trim(BOTH 'A' FROM name) FROM trials ORDER BY trial"#,
     r#"da,2,dam
gd,3,sgd
da,2,adam
null,null,null
gd,3,sgd
uo,0,Muon"#),
    (r#"SELECT ceil(train_loss), floor(train_loss) FROM trials ORDER BY trial"#,
     r#"1.0,0.0
1.0,0.0
null,null
1.0,0.0
2.0,2.0
1.0,1.0"#),
    (r#"SELECT count(DISTINCT network_depth), sum(DISTINCT network_depth) FROM trials"#,
     r#"3,6"#),
    (r#"SELECT network_depth + 1, count(*) FROM trials GROUP BY network_depth + 1 ORDER BY 1"#,
     r#"2,1
3,2
4,2
null,1"#),
    (r#"SELECT (network_depth + 1) * 2, count(*) FROM trials GROUP BY network_depth + 1 ORDER BY 1"#,
     r#"4,1
6,2
8,2
null,1"#),
    (r#"SELECT network_depth, (SELECT max(loss) FROM history WHERE trial = network_depth) FROM trials GROUP BY network_depth ORDER BY 1"#,
     r#"1,3.0
2,null
3,null
null,null"#),
    (r#"SELECT avg(train_loss) FROM trials HAVING count(*) > 1"#,
     r#"0.775"#),
    (r#"SELECT first(trial ORDER BY train_loss DESC) FROM trials"#,
     r#"4"#),
    (r#"SELECT trial, lag(train_loss) OVER (ORDER BY trial), lead(train_loss, 1, 0.0) OVER (ORDER BY trial) FROM trials ORDER BY trial"#,
     r#"0,null,0.25
1,0.5,null
2,0.25,0.125
3,null,2.0
4,0.125,1.0
5,2.0,0.0"#),
    (r#"SELECT trial, last_value(train_loss) OVER (ORDER BY trial ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM trials ORDER BY trial"#,
     r#"0,1.0
1,1.0
2,1.0
3,1.0
4,1.0
5,1.0"#),
    (r#"SELECT a.trial FROM trials a JOIN history b USING (trial) GROUP BY trial ORDER BY 1"#,
     r#"0
1
4"#),
    (r#"SELECT * FROM (SELECT trial, trial FROM trials) ORDER BY 1 LIMIT 1"#,
     r#"0,0"#),
    (r#"SELECT count(*) FROM trials a CROSS JOIN history b"#,
     r#"48"#),
    (r#"SELECT network_depth, trial FROM trials ORDER BY network_depth NULLS FIRST, trial DESC"#,
     r#"null,5
1,0
2,2
2,1
3,4
3,3"#),
    (r#"SELECT 'it''s', "trial" FROM "trials" ORDER BY trial LIMIT 1"#,
     r#"it's,0"#),
    (r#"SELECT trial FROM trials UNION ALL BY NAME SELECT step, trial FROM history ORDER BY trial, step"#,
     r#"0,0
0,10
0,20
0,null
1,0
1,10
1,20
1,null
2,null
3,null
4,0
4,null
5,null
9,0"#),
    (r#"SELECT max(trial) OVER () - trial FROM trials ORDER BY trial"#,
     r#"5
4
3
2
1
0"#),
    (r#"SELECT trial FROM trials WHERE network_depth NOT IN (1, 3) ORDER BY trial"#,
     r#"1
2"#),
    (r#"SELECT trial FROM trials WHERE trial NOT BETWEEN 1 AND 4 ORDER BY trial"#,
     r#"0
5"#),
    (r#"SELECT name || '-' || trial, converged || '' FROM trials ORDER BY trial"#,
     r#"Adam-0,true
sgd-1,false
adam-2,true
null,null
sgd-4,false
Muon-5,true"#),
    (r#"SELECT converged::varchar, converged::int FROM trials ORDER BY trial"#,
     r#"true,1
false,0
true,1
null,null
false,0
true,1"#),
    (r#"SELECT -trial, +trial, ~trial, NOT converged FROM trials ORDER BY trial"#,
     r#"0,0,-1,0
-1,1,-2,1
-2,2,-3,0
-3,3,-4,null
-4,4,-5,1
-5,5,-6,0"#),
];
