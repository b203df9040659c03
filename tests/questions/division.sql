-- name: an integer by an integer is an integer
-- duckdb: SELECT trial, steps // 7 AS sevenths, steps // network_depth AS by_depth FROM trials WHERE trial < 3 ORDER BY trial
SELECT trial, steps / 7 AS sevenths, steps / network_depth AS by_depth FROM trials WHERE trial < 3 ORDER BY trial

-- name: counts divided are an integer
-- duckdb: SELECT count(*) FILTER (WHERE status = 'diverged') // count(*) AS nothing, 1.0 * count(*) FILTER (WHERE status = 'diverged') / count(*) AS share FROM trials
SELECT count(*) FILTER (WHERE status = 'diverged') / count(*) AS nothing, 1.0 * count(*) FILTER (WHERE status = 'diverged') / count(*) AS share FROM trials

-- name: towards zero
-- duckdb: SELECT CAST(trunc(-7 / 2) AS BIGINT) AS minus_three
SELECT -7 / 2 AS minus_three

-- name: groups of fifty
-- duckdb: SELECT trial // 50 AS part, count(*) AS n FROM trials GROUP BY part ORDER BY part
SELECT trial / 50 AS part, count(*) AS n FROM trials GROUP BY part ORDER BY part

-- name: division of an integer by zero
-- duckdb: SELECT NULL AS nothing, NULL AS nothing_either
SELECT 1 / 0 AS nothing, 1.0 / 0 AS nothing_either
