-- name: nulls come last
SELECT trial, tolerance_steps FROM trials WHERE trial < 12 ORDER BY tolerance_steps, trial

-- name: nulls come last downwards
SELECT trial, tolerance_steps FROM trials WHERE trial < 12 ORDER BY tolerance_steps DESC, trial

-- name: nulls first where asked
SELECT trial, tolerance_steps FROM trials WHERE trial < 12 ORDER BY tolerance_steps NULLS FIRST, trial

-- name: nulls last where asked
SELECT trial, tolerance_steps FROM trials WHERE trial < 12 ORDER BY tolerance_steps DESC NULLS LAST, trial DESC

-- name: by an expression
SELECT trial, steps FROM trials WHERE trial < 20 ORDER BY abs(steps - 10), trial

-- name: by a case
SELECT DISTINCT status, optimizer_rate FROM trials ORDER BY status, optimizer_rate DESC

-- name: by a case of statuses
SELECT trial, status FROM trials WHERE trial BETWEEN 10 AND 18 ORDER BY CASE status WHEN 'diverged' THEN 0 ELSE 1 END, trial

-- name: by a column that is not selected
SELECT trial FROM trials WHERE trial < 12 ORDER BY train_loss DESC, trial

-- name: by number and direction
SELECT network_depth, init_kind, count(*) AS n FROM trials GROUP BY 1, 2 ORDER BY 1 DESC, 2

-- name: by an alias that hides a column
SELECT trial, -steps AS steps FROM trials WHERE trial IN (8, 12, 13, 15) ORDER BY steps

-- name: limit and offset
SELECT trial FROM trials ORDER BY trial LIMIT 3 OFFSET 5

-- name: offset past the end
SELECT trial FROM trials ORDER BY trial LIMIT 3 OFFSET 143

-- name: limit of nothing
SELECT trial FROM trials LIMIT 0

-- name: limit of an expression
SELECT trial FROM trials ORDER BY trial DESC LIMIT 1 + 1

-- name: by several directions
SELECT init_kind, network_depth, optimizer_rate, count(*) AS n FROM trials GROUP BY ALL ORDER BY init_kind DESC, network_depth, optimizer_rate DESC

-- name: texts in order
SELECT name FROM (SELECT 'b' AS name UNION ALL SELECT 'B' UNION ALL SELECT 'a' UNION ALL SELECT NULL UNION ALL SELECT 'A') AS names ORDER BY name

-- name: a Boolean in order
SELECT DISTINCT problem_whiten FROM trials ORDER BY problem_whiten DESC

-- name: the top of all
SELECT trial, network_depth, optimizer_rate, train_loss FROM trials WHERE status = 'completed' ORDER BY train_loss, trial LIMIT 5

-- name: by whether a value is there
SELECT trial, test_loss FROM trials WHERE trial < 6 ORDER BY test_loss IS NULL DESC, test_loss, trial
