-- name: union
SELECT steps AS n FROM trials UNION SELECT step FROM history ORDER BY n

-- name: union all
SELECT 'trials' AS name, count(*) AS n FROM trials UNION ALL SELECT 'history', count(*) FROM history UNION ALL SELECT 'layers', count(*) FROM layers ORDER BY n DESC

-- name: union of nulls
SELECT tolerance_steps IS NULL AS missing FROM trials UNION SELECT NULL ORDER BY missing

-- name: except
SELECT trial FROM trials EXCEPT SELECT trial FROM history WHERE step = 50 ORDER BY trial LIMIT 10

-- name: intersect
SELECT steps FROM trials WHERE network_depth = 2 INTERSECT SELECT steps FROM trials WHERE network_depth = 3 ORDER BY steps

-- name: except with several columns
SELECT init_kind, optimizer_rate FROM trials EXCEPT SELECT init_kind, optimizer_rate FROM trials WHERE status = 'diverged' ORDER BY init_kind, optimizer_rate

-- name: a set in a subquery
SELECT count(*) AS n FROM (SELECT step FROM history UNION SELECT step FROM layers) AS steps

-- name: a set in a condition
SELECT count(*) AS n FROM trials WHERE steps IN (SELECT step FROM history WHERE trial = 20 EXCEPT SELECT 0)

-- name: the order belongs to the whole
SELECT network_depth AS x FROM trials WHERE trial = 0 UNION ALL SELECT 9 UNION ALL SELECT 1 ORDER BY x DESC LIMIT 2

-- name: sets from table expressions
WITH a AS (SELECT DISTINCT optimizer_rate AS r FROM trials), b AS (SELECT 0.5 AS r UNION ALL SELECT 2.0) SELECT r FROM a INTERSECT SELECT r FROM b
