-- name: count of rows
SELECT count(*) AS n FROM trials

-- name: count of a column leaves nulls out
SELECT count(*) AS n, count(test_loss) AS tested, count(tolerance_steps) AS arrived, count(error) AS errors FROM trials

-- name: count of distinct values
SELECT count(DISTINCT init_kind) AS kinds, count(DISTINCT optimizer_rate) AS rates, count(DISTINCT core_width) AS widths, count(DISTINCT error) AS errors FROM trials

-- name: count of distinct values by group
SELECT engine, count(DISTINCT steps) AS lengths FROM trials GROUP BY engine ORDER BY engine

-- name: least and greatest of several columns
SELECT min(steps) AS shortest, max(steps) AS longest, min(init_kind) AS first, max(init_kind) AS last, min(test_loss) AS best FROM trials

-- name: least and greatest of one column
SELECT min(train_loss) AS least, max(train_loss) AS greatest FROM trials WHERE status = 'completed'

-- name: sum of a constant
SELECT sum(1) AS n, sum(2.5) AS more FROM trials

-- name: sum of integers is an integer
SELECT sum(steps) AS steps, sum(network_depth) AS layers FROM trials

-- name: sum over no rows is null
SELECT sum(steps) AS total, count(*) AS n, avg(train_loss) AS mean, max(steps) AS most FROM trials WHERE status = 'failed'

-- name: no groups over no rows
SELECT init_kind, count(*) AS n FROM trials WHERE status = 'failed' GROUP BY init_kind

-- name: mean leaves nulls out
SELECT problem_kind, avg(test_loss) AS test_loss, avg(train_loss) AS train_loss FROM trials WHERE status = 'completed' GROUP BY problem_kind ORDER BY problem_kind

-- name: statuses
SELECT status, count(*) AS n FROM trials GROUP BY status ORDER BY status

-- name: several keys
SELECT network_depth, init_kind, status, count(*) AS n, min(train_loss) AS best FROM trials GROUP BY network_depth, init_kind, status ORDER BY network_depth, init_kind, status

-- name: keys by number
SELECT engine, network_depth, count(*) AS n FROM trials GROUP BY 1, 2 ORDER BY 1, 2

-- name: all other columns as keys
SELECT engine, network_depth, avg(steps) AS steps FROM trials GROUP BY ALL ORDER BY engine, network_depth

-- name: all keys with two aggregates
SELECT status, count(*) AS n, init_kind, max(steps) AS longest FROM trials GROUP BY ALL ORDER BY status, init_kind

-- name: group by an expression
SELECT steps >= 200 AS whole, count(*) AS n FROM trials GROUP BY steps >= 200 ORDER BY n

-- name: group by the alias of an expression
SELECT CASE WHEN optimizer_rate < 1 THEN 'small' ELSE 'large' END AS rate, count(*) AS n FROM trials GROUP BY rate ORDER BY rate

-- name: null is a group
SELECT problem_whiten, count(*) AS n FROM trials GROUP BY problem_whiten ORDER BY problem_whiten

-- name: null is the last group
SELECT core_width, count(*) AS n FROM trials GROUP BY core_width ORDER BY core_width

-- name: having
SELECT network_depth, optimizer_rate, count(*) AS diverged FROM trials WHERE status = 'diverged' GROUP BY network_depth, optimizer_rate HAVING count(*) > 5 ORDER BY network_depth, optimizer_rate

-- name: having by alias
SELECT init_kind, optimizer_rate, avg(steps) AS mean FROM trials GROUP BY init_kind, optimizer_rate HAVING mean < 150 ORDER BY init_kind, optimizer_rate

-- name: having with an aggregate that is not selected
SELECT init_kind FROM trials GROUP BY init_kind, optimizer_rate HAVING max(steps) = 200 AND min(steps) < 10 ORDER BY init_kind

-- name: having without groups
SELECT count(*) AS n FROM trials HAVING count(*) > 1000

-- name: filter of an aggregate
SELECT network_depth, count(*) FILTER (WHERE status = 'diverged') AS diverged, count(*) AS all_trials, avg(train_loss) FILTER (WHERE status = 'completed') AS loss FROM trials GROUP BY network_depth ORDER BY network_depth

-- name: filters without groups
SELECT sum(steps) FILTER (WHERE engine = 'reduced') AS reduced, sum(steps) FILTER (WHERE engine = 'full') AS full_steps, count(*) FILTER (WHERE problem_whiten) AS whitened, count(*) FILTER (WHERE NOT problem_whiten) AS raw FROM trials

-- name: filter that keeps nothing
SELECT count(*) FILTER (WHERE status = 'failed') AS n, sum(steps) FILTER (WHERE status = 'failed') AS steps, max(train_loss) FILTER (WHERE status = 'failed') AS loss FROM trials

-- name: share of a group by filter
SELECT optimizer_rate, 1.0 * count(*) FILTER (WHERE status = 'diverged') / count(*) AS share FROM trials GROUP BY optimizer_rate ORDER BY optimizer_rate

-- name: sum of a case
SELECT optimizer_rate, sum(CASE WHEN status = 'diverged' THEN 1 ELSE 0 END) AS diverged, sum(CASE WHEN status = 'completed' THEN 1 END) AS completed FROM trials GROUP BY optimizer_rate ORDER BY optimizer_rate

-- name: an aggregate within an expression
SELECT network_depth, max(steps) - min(steps) AS spread, round(avg(steps) / 200, 3) AS share, 2 * count(*) + 1 AS odd FROM trials GROUP BY network_depth ORDER BY network_depth

-- name: an aggregate of an expression
SELECT network_depth, sum(steps * network_depth) AS updates, avg(train_loss * train_loss) AS square, max(abs(train_loss - 0.2)) AS away FROM trials WHERE status = 'completed' GROUP BY network_depth ORDER BY network_depth

-- name: an expression over a key
SELECT network_depth * 10 AS tens, network_depth + 1 AS more, count(*) AS n FROM trials GROUP BY network_depth ORDER BY network_depth

-- name: ordered by an aggregate
SELECT init_kind, optimizer_rate, count(*) AS n FROM trials WHERE status = 'completed' GROUP BY init_kind, optimizer_rate ORDER BY count(*) DESC, init_kind, optimizer_rate

-- name: ordered by an aggregate that is not selected
SELECT optimizer_rate FROM trials GROUP BY optimizer_rate ORDER BY avg(steps), optimizer_rate

-- name: an aggregate twice
SELECT count(*) AS a, count(*) AS b, max(steps) AS c, max(steps) + 0 AS d FROM trials

-- name: distinct sum
SELECT sum(DISTINCT optimizer_rate) AS rates, avg(DISTINCT network_depth) AS depth, count(DISTINCT network_depth) AS depths FROM trials

-- name: large products do not wrap
SELECT count(*) * 1000000000 AS large, count(*) * 1000000000000 AS larger FROM trials

-- name: differences below zero
SELECT trial, steps - 1000 AS missing, trial - 5 AS shifted FROM trials WHERE trial < 4 ORDER BY trial

-- name: negative sums
SELECT sum(steps - 200) AS cut, min(trial - 100) AS least, -max(steps) AS negative FROM trials

-- name: text joined over a group
SELECT network_depth, string_agg(DISTINCT init_kind, ',' ORDER BY init_kind) AS kinds FROM trials GROUP BY network_depth ORDER BY network_depth

-- name: text joined in an order
SELECT string_agg(status, ' ' ORDER BY trial DESC) AS statuses FROM trials WHERE trial < 6

-- name: constant over a table
SELECT DISTINCT 7 AS seven, 'x' AS letter FROM history

-- name: no table
SELECT 1 + 2 AS three, 'a' || 'b' AS text, NULL AS nothing, 2.5 * 2 AS five

-- name: aggregates without a table
SELECT count(*) AS n, sum(3) AS three

-- name: distinct rows
SELECT DISTINCT engine, init_kind FROM trials ORDER BY engine, init_kind

-- name: distinct with null
SELECT DISTINCT problem_whiten FROM trials ORDER BY problem_whiten

-- name: distinct of an expression
SELECT DISTINCT steps > 100 AS long, status FROM trials ORDER BY long, status

-- name: number of distinct pairs
SELECT count(*) AS n FROM (SELECT DISTINCT network_depth, init_kind, optimizer_rate FROM trials) AS cells

-- name: rows of every table
SELECT (SELECT count(*) FROM trials) AS trials, (SELECT count(*) FROM history) AS history, (SELECT count(*) FROM spectra) AS spectra, (SELECT count(*) FROM layers) AS layers

-- name: a key whose alias hides a column
SELECT network_depth + 1 AS network_depth, count(*) AS n FROM trials GROUP BY network_depth ORDER BY network_depth

-- name: mean of a condition
SELECT optimizer_rate, avg(CAST(status = 'diverged' AS INTEGER)) AS diverged, sum(CAST(steps < 5 AS INTEGER)) AS short FROM trials GROUP BY optimizer_rate ORDER BY optimizer_rate

-- name: a constant as a key
SELECT 10 AS ten, count(*) AS n FROM trials GROUP BY ten

-- name: joined text leaves nulls out
SELECT string_agg(CAST(tolerance_steps AS VARCHAR), ',' ORDER BY tolerance_steps, trial) AS steps FROM trials WHERE trial < 36

-- name: conditions that are not true are counted
SELECT count(*) AS n, avg(tolerance_steps) AS mean FROM trials WHERE tolerance_steps > 0 AND NOT (status = 'diverged' OR optimizer_rate > 1)
