//! Statements over the tables of the fixture, with the rows that DuckDB gave: the second half.

#[rustfmt::skip]
pub(super) const ANSWERS: &[(&str, &str)] = &[
    (r#"SELECT coalesce(network_depth, 0), ifnull(name, 'x'), nullif(trial, 1) FROM trials ORDER BY trial"#,
     r#"1,Adam,0
2,sgd,null
2,adam,2
3,x,3
3,sgd,4
0,Muon,5"#),
    (r#"SELECT a.trial FROM trials a LEFT JOIN history b ON a.trial = b.trial AND b.step > 5 WHERE b.trial IS NULL ORDER BY 1"#,
     r#"2
3
4
5"#),
    (r#"SELECT a.trial, c.layer FROM trials a JOIN (history b JOIN spectra c ON b.trial = c.trial) ON a.trial = b.trial ORDER BY 1, 2"#,
     r#"0,0
0,0
0,0
0,0
0,0
0,0
1,0
1,0
1,0"#),
    (r#"SELECT trial FROM trials WHERE trial = ANY(SELECT trial FROM history) ORDER BY 1"#,
     r#"0
1
4"#),
    (r#"SELECT trial, network_depth FROM trials WHERE network_depth = 2 OR network_depth = 3 AND converged ORDER BY trial"#,
     r#"1,2
2,2"#),
    (r#"SELECT t.trial, (SELECT count(*) FROM history h WHERE h.trial = t.trial AND h.loss > (SELECT avg(loss) FROM history g WHERE g.trial = h.trial)) AS n FROM trials t ORDER BY 1"#,
     r#"0,1
1,1
2,0
3,0
4,0
5,0"#),
    (r#"SELECT network_depth, sum(train_loss) AS s, rank() OVER (ORDER BY sum(train_loss) DESC) FROM trials GROUP BY network_depth ORDER BY s"#,
     r#"2,0.25,4
1,0.5,3
null,1.0,2
3,2.125,1"#),
    (r#"SELECT network_depth FROM trials GROUP BY network_depth QUALIFY row_number() OVER (ORDER BY count(*) DESC, network_depth) = 1"#,
     r#"2"#),
    (r#"SELECT "index" + 1, layer FROM spectra ORDER BY ALL"#,
     r#"1,0
1,0
2,0"#),
    (r#"SELECT train_loss FROM trials ORDER BY 1"#,
     r#"0.125
0.25
0.5
1.0
2.0
null"#),
    (r#"SELECT network_depth + 0.5 AS h FROM trials ORDER BY h DESC LIMIT 3"#,
     r#"3.5
3.5
2.5"#),
    (r#"SELECT sum(train_loss) FILTER (WHERE trial > 1) FROM trials"#,
     r#"3.125"#),
    (r#"SELECT sum(trial) OVER (ORDER BY trial RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM trials ORDER BY trial"#,
     r#"1
3
6
9
12
9"#),
    (r#"SELECT count(*) OVER () FROM history LIMIT 1"#,
     r#"8"#),
    (r#"SELECT test_loss > train_loss FROM trials ORDER BY trial"#,
     r#"1
null
null
1
0
0"#),
    (r#"SELECT trial IN (1, 2), trial BETWEEN 1 AND 2, name IS NULL, name LIKE 'a' ESCAPE '\' FROM trials ORDER BY trial"#,
     r#"0,0,0,0
1,1,0,0
1,1,0,0
0,0,1,null
0,0,0,0
0,0,0,0"#),
    (r#"SELECT EXISTS (SELECT 1 FROM history), (SELECT max(step) FROM history)"#,
     r#"1,20"#),
    (r#"SELECT trial t, count(*) OVER (PARTITION BY t % 2) FROM trials ORDER BY t"#,
     r#"0,3
1,3
2,3
3,3
4,3
5,3"#),
    (r#"SELECT h.trial, t.name FROM history h JOIN trials t USING (trial) WHERE t.trial = 0 ORDER BY h.step"#,
     r#"0,Adam
0,Adam
0,Adam"#),
    (r#"SELECT trial, count(*) c FROM history GROUP BY trial HAVING c > 1 ORDER BY c DESC, trial"#,
     r#"0,3
1,3"#),
    (r#"SELECT count(*) c, network_depth FROM trials GROUP BY network_depth ORDER BY c DESC, network_depth LIMIT 2"#,
     r#"2,2
2,3"#),
    (r#"SELECT DISTINCT name FROM trials ORDER BY name DESC"#,
     r#"sgd
adam
Muon
Adam
null"#),
    (r#"SELECT * FROM trials a JOIN history b USING (trial) JOIN spectra c USING (trial) ORDER BY trial, step, "index""#,
     r#"0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2,0,2.0,0,0,3.0
0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2,0,2.0,0,1,1.0
0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2,10,1.0,0,0,3.0
0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2,10,1.0,0,1,1.0
0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2,20,0.5,0,0,3.0
0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2,20,0.5,0,1,1.0
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2,0,3.0,0,0,4.0
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2,10,null,0,0,4.0
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2,20,0.25,0,0,4.0"#),
    (r#"SELECT trial FROM (SELECT trial FROM trials UNION ALL SELECT trial FROM history) u GROUP BY trial ORDER BY trial"#,
     r#"0
1
2
3
4
5
9"#),
    (r#"WITH best AS (SELECT network_depth, min(train_loss) AS m FROM trials GROUP BY network_depth) SELECT t.trial, t.train_loss / b.m FROM trials t JOIN best b ON t.network_depth = b.network_depth ORDER BY t.trial"#,
     r#"0,1.0
1,1.0
2,null
3,1.0
4,16.0"#),
    (r#"WITH RECURSIVE t(n, s) AS (VALUES (1, 1) UNION ALL SELECT n + 1, s * (n + 1) FROM t WHERE n < 6) SELECT * FROM t ORDER BY n"#,
     r#"1,1
2,2
3,6
4,24
5,120
6,720"#),
    (r#"WITH x AS (WITH y AS (SELECT 1 a) SELECT a + 1 AS b FROM y) SELECT b FROM x"#,
     r#"2"#),
    (r#"SELECT a.trial, (SELECT min(b.step) FROM history b WHERE b.trial = a.trial) m FROM trials a WHERE a.trial IN (SELECT trial FROM history WHERE loss > 1) ORDER BY m, a.trial"#,
     r#"0,0
1,0
4,0"#),
    (r#"SELECT train_loss IS NULL AS missing, count(*) FROM trials GROUP BY missing ORDER BY missing"#,
     r#"0,5
1,1"#),
    (r#"SELECT CASE WHEN network_depth >= 3 THEN 'deep' ELSE 'shallow' END AS k, avg(train_loss) FROM trials GROUP BY ALL ORDER BY ALL DESC"#,
     r#"shallow,0.5833333333333334
deep,1.0625"#),
    (r#"SELECT sum(CASE WHEN converged THEN 1 ELSE 0 END) * 1.0 / count(*) FROM trials"#,
     r#"0.5"#),
    (r#"SELECT network_depth, count(*), count(train_loss), sum(train_loss) FROM trials WHERE trial < 100 GROUP BY 1 ORDER BY 1 NULLS FIRST"#,
     r#"null,1,1,1.0
1,1,1,0.5
2,2,1,0.25
3,2,2,2.125"#),
    (r#"SELECT ntile(2) OVER (ORDER BY trial), percent_rank() OVER (ORDER BY trial), cume_dist() OVER (ORDER BY trial) FROM trials ORDER BY trial"#,
     r#"1,0.0,0.16666666666666666
1,0.2,0.3333333333333333
1,0.4,0.5
2,0.6,0.6666666666666666
2,0.8,0.8333333333333334
2,1.0,1.0"#),
    (r#"SELECT trial, first_value(name) OVER (PARTITION BY problem_rank ORDER BY trial) FROM trials ORDER BY trial"#,
     r#"0,Adam
1,Adam
2,adam
3,adam
4,sgd
5,sgd"#),
    (r#"SELECT trial, nth_value(trial, 2) OVER (ORDER BY trial ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM trials ORDER BY trial"#,
     r#"0,1
1,1
2,1
3,1
4,1
5,1"#),
    (r#"SELECT trial, avg(loss) OVER (PARTITION BY trial ORDER BY step GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM history ORDER BY trial, step"#,
     r#"0,2.0
0,1.5
0,0.75
1,3.0
1,3.0
1,0.25
4,5.0
9,7.0"#),
    (r#"SELECT dense_rank() OVER w, rank() OVER w FROM trials WINDOW w AS (ORDER BY problem_rank) ORDER BY trial"#,
     r#"1,1
1,1
2,3
2,3
3,5
3,5"#),
    (r#"SELECT a.trial, b.step FROM trials a LEFT JOIN history b ON a.trial = b.trial AND b.step < a.network_depth * 10 ORDER BY a.trial, b.step"#,
     r#"0,0
1,0
1,10
2,null
3,null
4,0
5,null"#),
    (r#"SELECT a.trial, b.trial FROM trials a FULL JOIN history b ON a.trial = b.trial AND b.step = 0 ORDER BY a.trial, b.trial, b.step"#,
     r#"0,0
1,1
2,null
3,null
4,4
5,null
null,0
null,0
null,1
null,1
null,9"#),
    (r#"SELECT a.trial, b.trial FROM trials a, trials b WHERE a.trial < b.trial AND a.problem_rank = b.problem_rank ORDER BY ALL"#,
     r#"0,1
2,3
4,5"#),
    (r#"SELECT trial FROM trials WHERE NOT EXISTS (SELECT * FROM history WHERE history.trial = trials.trial) ORDER BY trial"#,
     r#"2
3
5"#),
    (r#"SELECT trial FROM trials t WHERE train_loss > (SELECT avg(train_loss) FROM trials s WHERE s.problem_rank = t.problem_rank) ORDER BY trial"#,
     r#"0
4"#),
    (r#"SELECT 1 WHERE NULL"#,
     r#""#),
    (r#"SELECT count(*) FROM trials WHERE name NOT LIKE '%d%'"#,
     r#"1"#),
    (r#"SELECT lower(name), length(name), replace(name, 'a', 'b') FROM trials ORDER BY trial"#,
     r#"adam,4,Adbm
sgd,3,sgd
adam,4,bdbm
null,null,null
sgd,3,sgd
muon,4,Muon"#),
    (r#"SELECT max(started), min(started) FROM trials"#,
     r#"2024-03-01 09:15:00,2024-01-01 10:00:00"#),
    (r#"SELECT trial FROM trials WHERE started BETWEEN '2024-01-01' AND '2024-01-31' ORDER BY trial"#,
     r#"0
1
2"#),
    (r#"SELECT trial FROM trials WHERE started IN ('2024-01-02 00:00:00') ORDER BY trial"#,
     r#"2"#),
    (r#"SELECT trial FROM trials WHERE started::date = '2024-01-01' ORDER BY trial"#,
     r#"0
1"#),
    (r#"SELECT trial FROM trials WHERE date_part('month', started) = 1 ORDER BY trial"#,
     r#"0
1
2"#),
    (r#"SELECT 5 AS a, a + 1 AS b"#,
     r#"5,6"#),
    (r#"SELECT trial FROM trials ORDER BY CASE WHEN name IS NULL THEN 0 ELSE 1 END, trial"#,
     r#"3
0
1
2
4
5"#),
    (r#"SELECT trial FROM trials ORDER BY train_loss * -1"#,
     r#"4
5
0
1
3
2"#),
    (r#"SELECT name FROM trials GROUP BY name ORDER BY max(train_loss) DESC"#,
     r#"sgd
Muon
Adam
null
adam"#),
    (r#"SELECT name, max(train_loss) - min(train_loss) AS spread FROM trials GROUP BY name HAVING spread >= 0 ORDER BY spread, name"#,
     r#"Adam,0.0
Muon,0.0
null,0.0
sgd,1.75"#),
    (r#"SELECT problem_rank, network_depth, count(*) FROM trials GROUP BY problem_rank, network_depth ORDER BY problem_rank, network_depth"#,
     r#"2,1,1
2,2,1
3,2,1
3,3,1
4,3,1
4,null,1"#),
    (r#"SELECT x.a FROM (SELECT 1 AS a UNION SELECT 2) x ORDER BY x.a"#,
     r#"1
2"#),
    (r#"SELECT (SELECT count(*) FROM history) + (SELECT count(*) FROM trials)"#,
     r#"14"#),
    (r#"SELECT coalesce(sum(loss), 0) FROM history WHERE trial = 100"#,
     r#"0.0"#),
    (r#"SELECT trial FROM trials EXCEPT (SELECT trial FROM history WHERE loss < 1 UNION SELECT 3) ORDER BY trial"#,
     r#"2
4
5"#),
    (r#"(SELECT 1) UNION (SELECT 2) ORDER BY 1 DESC"#,
     r#"2
1"#),
    (r#"SELECT * FROM (SELECT trial, rank() OVER (ORDER BY train_loss) AS r FROM trials) WHERE r <= 2 ORDER BY r"#,
     r#"3,1
1,2"#),
    (r#"SELECT t.* EXCLUDE (id, name, converged, started), h.loss FROM trials t JOIN history h ON t.trial = h.trial ORDER BY t.trial, h.step"#,
     r#"0,1,0.5,0.6,2,2.0
0,1,0.5,0.6,2,1.0
0,1,0.5,0.6,2,0.5
1,2,0.25,null,2,3.0
1,2,0.25,null,2,null
1,2,0.25,null,2,0.25
4,3,2.0,1.5,4,5.0"#),
    (r#"SELECT count(*) FILTER (WHERE converged) * 1.0 / count(*) AS share FROM trials"#,
     r#"0.5"#),
    (r#"SELECT string_agg(DISTINCT name, ',' ORDER BY name) FROM trials"#,
     r#"Adam,Muon,adam,sgd"#),
    (r#"SELECT problem_rank, string_agg(trial::varchar, '+' ORDER BY trial DESC) FROM trials GROUP BY 1 ORDER BY 1"#,
     r#"2,1+0
3,3+2
4,5+4"#),
    (r#"SELECT trial FROM trials LIMIT 0"#,
     r#""#),
    (r#"SELECT network_depth d, count(*) n FROM trials GROUP BY d QUALIFY rank() OVER (ORDER BY n DESC) = 1 ORDER BY d"#,
     r#"2,2
3,2"#),
    (r#"SELECT DISTINCT ON (name) name, trial FROM trials ORDER BY name, train_loss"#,
     r#"Adam,0
Muon,5
adam,2
sgd,1
null,3"#),
    (r#"SELECT trial + 1 AS trial FROM trials ORDER BY trial DESC LIMIT 1"#,
     r#"6"#),
    (r#"SELECT trial % 2 AS p, sum(train_loss) FROM trials GROUP BY p ORDER BY p"#,
     r#"0,2.5
1,1.375"#),
    (r#"SELECT trial % 2, sum(train_loss) FROM trials GROUP BY trial % 2 ORDER BY trial % 2"#,
     r#"0,2.5
1,1.375"#),
    (r#"SELECT -trial AS trial FROM trials WHERE trial > 3 ORDER BY trial"#,
     r#"-5
-4"#),
    (r#"SELECT trial FROM trials WHERE trial = 1.0"#,
     r#"1"#),
    (r#"SELECT 1 = 1.0, 1 < 2.5, true = 1"#,
     r#"1,1,1"#),
    (r#"SELECT NULL = 1, NULL IS NULL"#,
     r#"null,1"#),
    (r#"SELECT 'abc' LIKE 'A%', 'abc' ILIKE 'A%', 'a' || NULL"#,
     r#"0,1,null"#),
    (r#"SELECT trial FROM trials GROUP BY trial, name HAVING name = 'sgd' ORDER BY 1"#,
     r#"1
4"#),
    (r#"SELECT network_depth, avg(train_loss) a, a * 2 b FROM trials GROUP BY 1 ORDER BY 1"#,
     r#"1,0.5,1.0
2,0.25,0.5
3,1.0625,2.125
null,1.0,2.0"#),
    (r#"SELECT max(train_loss) FROM trials GROUP BY network_depth ORDER BY network_depth"#,
     r#"0.5
0.25
2.0
1.0"#),
    (r#"SELECT 1 AS "select", 2 AS "a b""#,
     r#"1,2"#),
    (r#"SELECT * FROM trials WHERE (trial = 1 OR trial = 2) AND NOT (name = 'sgd')"#,
     r#"2,a2,2,null,0.4,adam,1,2024-01-02 00:00:00,3"#),
    (r#"SELECT median(train_loss) FILTER (WHERE trial < 4) FROM trials"#,
     r#"0.25"#),
    (r#"SELECT network_depth FROM trials GROUP BY ALL ORDER BY count(*) DESC, 1"#,
     r#"2
3
1
null"#),
    (r#"SELECT count(*) + 1 FROM trials ORDER BY 1"#,
     r#"7"#),
    (r#"SELECT sum(trial) FROM trials GROUP BY ()"#,
     r#"15"#),
    (r#"SELECT a.* FROM trials a NATURAL LEFT JOIN history ORDER BY a.trial, step"#,
     r#"0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2
0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2
0,a0,1,0.5,0.6,Adam,1,2024-01-01 10:00:00,2
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2
1,a1,2,0.25,null,sgd,0,2024-01-01 11:30:00,2
2,a2,2,null,0.4,adam,1,2024-01-02 00:00:00,3
3,a3,3,0.125,0.2,null,null,null,3
4,a4,3,2.0,1.5,sgd,0,2024-02-01 08:00:00,4
5,a5,null,1.0,0.75,Muon,1,2024-03-01 09:15:00,4"#),
    (r#"SELECT step FROM history ORDER BY trial DESC, step DESC LIMIT 3 OFFSET 1"#,
     r#"0
20
10"#),
    (r#"SELECT trial FROM history GROUP BY trial ORDER BY min(step), trial"#,
     r#"0
1
4
9"#),
    (r#"SELECT sum(1) FROM trials"#,
     r#"6"#),
];
