-- name: row number
SELECT trial, row_number() OVER (ORDER BY train_loss DESC, trial) AS place FROM trials WHERE trial < 12 ORDER BY trial

-- name: row number within groups
SELECT network_depth, optimizer_rate, trial, row_number() OVER (PARTITION BY network_depth, optimizer_rate ORDER BY train_loss, trial) AS place FROM trials WHERE status = 'completed' AND replicate = 0 AND engine = 'full' ORDER BY network_depth, optimizer_rate, place

-- name: rank and dense rank
SELECT trial, steps, rank() OVER (ORDER BY steps) AS rank, dense_rank() OVER (ORDER BY steps) AS dense FROM trials WHERE optimizer_rate = 30 AND network_depth = 3 ORDER BY steps, trial LIMIT 20

-- name: nulls rank last
SELECT trial, tolerance_steps, rank() OVER (ORDER BY tolerance_steps) AS place FROM trials WHERE trial < 24 ORDER BY place, trial

-- name: nulls rank last downwards
SELECT trial, tolerance_steps, rank() OVER (ORDER BY tolerance_steps DESC) AS place FROM trials WHERE trial < 24 ORDER BY place, trial

-- name: nulls rank last where asked
SELECT trial, rank() OVER (ORDER BY test_loss NULLS LAST) AS place, test_loss FROM trials WHERE status = 'completed' AND trial < 12 ORDER BY place, trial

-- name: nulls rank first where asked
SELECT trial, rank() OVER (ORDER BY test_loss DESC NULLS FIRST) AS place FROM trials WHERE status = 'completed' AND trial < 12 ORDER BY place, trial

-- name: percent rank and share
SELECT trial, percent_rank() OVER (ORDER BY steps) AS percent, cume_dist() OVER (ORDER BY steps) AS share FROM trials WHERE optimizer_rate = 30 AND network_depth = 2 AND replicate = 0 ORDER BY trial

-- name: quarters
SELECT trial, ntile(4) OVER (ORDER BY train_loss, trial) AS quarter FROM trials WHERE status = 'completed' AND trial < 30 ORDER BY trial

-- name: more parts than rows
SELECT network_depth, ntile(5) OVER (ORDER BY network_depth) AS part FROM (SELECT DISTINCT network_depth FROM trials) AS depths ORDER BY network_depth

-- name: the row before
SELECT step, train_loss, lag(train_loss) OVER (ORDER BY step) AS before FROM history WHERE trial = 20 ORDER BY step

-- name: the change from row to row
SELECT trial, step, train_loss - lag(train_loss) OVER (PARTITION BY trial ORDER BY step) AS change FROM history WHERE trial IN (18, 19, 20) ORDER BY trial, step

-- name: two rows before with a value for none
SELECT step, lag(step, 2, -1) OVER (ORDER BY step) AS before FROM history WHERE trial = 20 ORDER BY step

-- name: the row after
SELECT trial, step, lead(step) OVER (PARTITION BY trial ORDER BY step) AS next, lead(step, 1, 0) OVER (PARTITION BY trial ORDER BY step) AS next_or_zero FROM history WHERE trial IN (12, 13, 14) ORDER BY trial, step

-- name: lag downwards
SELECT step, lag(step) OVER (ORDER BY step DESC) AS after FROM history WHERE trial = 20 ORDER BY step

-- name: running sum
SELECT trial, sum(steps) OVER (ORDER BY trial) AS total FROM trials WHERE trial < 16 ORDER BY trial

-- name: running mean
SELECT trial, step, avg(train_loss) OVER (PARTITION BY trial ORDER BY step) AS mean FROM history WHERE trial IN (20, 21) ORDER BY trial, step

-- name: running count over nulls
SELECT trial, count(tolerance_steps) OVER (ORDER BY trial) AS arrived, count(*) OVER (ORDER BY trial) AS seen FROM trials WHERE trial < 12 ORDER BY trial

-- name: peers count together
SELECT trial, steps, sum(1) OVER (ORDER BY steps) AS up_to FROM trials WHERE optimizer_rate = 30 AND network_depth = 2 ORDER BY steps, trial

-- name: the whole group
SELECT network_depth, trial, train_loss / avg(train_loss) OVER (PARTITION BY network_depth) AS relative FROM trials WHERE status = 'completed' AND replicate = 0 AND optimizer_rate = 0.5 AND engine = 'full' ORDER BY trial

-- name: the whole table
SELECT trial, steps, sum(steps) OVER () AS total, 100.0 * steps / sum(steps) OVER () AS percent FROM trials WHERE trial < 16 ORDER BY trial

-- name: moving mean over three rows
SELECT step, avg(train_loss) OVER (ORDER BY step ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS mean FROM history WHERE trial = 20 ORDER BY step

-- name: centred mean
SELECT step, avg(train_loss) OVER (ORDER BY step ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS mean, count(*) OVER (ORDER BY step ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS n FROM history WHERE trial = 20 ORDER BY step

-- name: rows that follow
SELECT step, min(train_loss) OVER (ORDER BY step ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS least_to_come, max(train_loss) OVER (ORDER BY step ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS next_two FROM history WHERE trial = 20 ORDER BY step

-- name: short form of a frame
SELECT step, sum(step) OVER (ORDER BY step ROWS UNBOUNDED PRECEDING) AS total, sum(step) OVER (ORDER BY step ROWS 1 PRECEDING) AS two FROM history WHERE trial = 20 ORDER BY step

-- name: range of values
SELECT step, count(*) OVER (ORDER BY step RANGE BETWEEN 100 PRECEDING AND 50 FOLLOWING) AS near FROM history WHERE trial = 20 ORDER BY step

-- name: range with fractions
SELECT trial, optimizer_rate, count(*) OVER (ORDER BY optimizer_rate RANGE BETWEEN 0.4 PRECEDING AND 0.1 FOLLOWING) AS near FROM trials WHERE trial < 18 ORDER BY trial

-- name: range downwards
SELECT step, sum(step) OVER (ORDER BY step DESC RANGE BETWEEN 50 PRECEDING AND CURRENT ROW) AS total FROM history WHERE trial = 20 ORDER BY step

-- name: groups of peers
SELECT trial, steps, count(*) OVER (ORDER BY steps GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) AS near FROM trials WHERE optimizer_rate = 30 AND network_depth = 3 AND replicate = 0 ORDER BY steps, trial

-- name: without the row itself
SELECT step, avg(train_loss) OVER (ORDER BY step ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) AS neighbours FROM history WHERE trial = 20 ORDER BY step

-- name: without peers
SELECT trial, steps, count(*) OVER (ORDER BY steps RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE GROUP) AS others, count(*) OVER (ORDER BY steps RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES) AS untied FROM trials WHERE optimizer_rate = 30 AND network_depth = 2 AND replicate = 1 ORDER BY steps, trial

-- name: first and last value
SELECT trial, step, first_value(train_loss) OVER (PARTITION BY trial ORDER BY step) AS first, last_value(train_loss) OVER (PARTITION BY trial ORDER BY step) AS so_far FROM history WHERE trial IN (20, 21) ORDER BY trial, step

-- name: last value of the whole group
SELECT trial, step, last_value(train_loss) OVER (PARTITION BY trial ORDER BY step ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS final FROM history WHERE trial IN (20, 21) ORDER BY trial, step

-- name: last value of a frame
SELECT step, last_value(step) OVER (ORDER BY step ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS next FROM history WHERE trial = 20 ORDER BY step

-- name: nth value
SELECT step, nth_value(train_loss, 2) OVER (ORDER BY step) AS second, nth_value(step, 3) OVER (ORDER BY step ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS third FROM history WHERE trial = 20 ORDER BY step

-- name: best so far
SELECT trial, train_loss, min(train_loss) OVER (ORDER BY trial ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS best FROM trials WHERE trial < 20 ORDER BY trial

-- name: a named window
SELECT step, avg(train_loss) OVER w AS mean, min(train_loss) OVER w AS least, row_number() OVER w AS n FROM history WHERE trial = 21 WINDOW w AS (ORDER BY step ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY step

-- name: two named windows
SELECT trial, step, sum(step) OVER a AS so_far, count(*) OVER b AS n FROM history WHERE trial IN (12, 20) WINDOW a AS (PARTITION BY trial ORDER BY step), b AS (PARTITION BY trial) ORDER BY trial, step

-- name: filter within a window
SELECT trial, status, count(*) FILTER (WHERE status = 'diverged') OVER (ORDER BY trial) AS diverged FROM trials WHERE trial BETWEEN 8 AND 18 ORDER BY trial

-- name: window over groups
SELECT status, count(*) AS n, count(*) * 100.0 / sum(count(*)) OVER () AS percent FROM trials GROUP BY status ORDER BY status

-- name: rank of groups
SELECT init_kind, optimizer_rate, avg(train_loss) AS loss, rank() OVER (PARTITION BY init_kind ORDER BY avg(train_loss)) AS place FROM trials WHERE status = 'completed' AND engine = 'full' GROUP BY init_kind, optimizer_rate ORDER BY init_kind, place

-- name: running total of groups
SELECT optimizer_rate, count(*) AS n, sum(count(*)) OVER (ORDER BY optimizer_rate) AS total FROM trials WHERE status = 'completed' GROUP BY optimizer_rate ORDER BY optimizer_rate

-- name: filter by a window
SELECT trial, network_depth, init_kind, train_loss FROM (SELECT *, row_number() OVER (PARTITION BY network_depth, init_kind ORDER BY train_loss, trial) AS place FROM trials WHERE status = 'completed') AS ranked WHERE place = 1 ORDER BY network_depth, init_kind

-- name: qualify
SELECT trial, network_depth, init_kind, train_loss FROM trials WHERE status = 'completed' QUALIFY row_number() OVER (PARTITION BY network_depth, init_kind ORDER BY train_loss, trial) = 1 ORDER BY network_depth, init_kind

-- name: qualify by an alias
SELECT network_depth, trial, rank() OVER (PARTITION BY network_depth ORDER BY train_loss) AS place FROM trials WHERE engine = 'reduced' AND status = 'completed' QUALIFY place <= 2 ORDER BY network_depth, place

-- name: ordered by a window
SELECT trial, steps FROM trials WHERE trial < 20 ORDER BY rank() OVER (ORDER BY steps), trial DESC

-- name: a window in a case
SELECT step, CASE WHEN train_loss < lag(train_loss) OVER (ORDER BY step) THEN 'down' WHEN lag(train_loss) OVER (ORDER BY step) IS NULL THEN 'start' ELSE 'up' END AS way FROM history WHERE trial = 14 ORDER BY step

-- name: distinct after a window
SELECT DISTINCT network_depth, max(steps) OVER (PARTITION BY network_depth) AS longest FROM trials WHERE status = 'diverged' ORDER BY network_depth

-- name: windows over an ordering by text
SELECT init_kind, optimizer_rate, lag(init_kind) OVER (ORDER BY init_kind, optimizer_rate) AS before FROM (SELECT DISTINCT init_kind, optimizer_rate FROM trials) AS cells ORDER BY init_kind, optimizer_rate

-- name: different orders in one statement
SELECT trial, row_number() OVER (ORDER BY train_loss, trial) AS by_loss, row_number() OVER (ORDER BY steps DESC, trial DESC) AS by_steps FROM trials WHERE trial BETWEEN 6 AND 17 ORDER BY trial

-- name: range of values among nulls
SELECT trial, tolerance_steps, count(*) OVER (ORDER BY tolerance_steps RANGE BETWEEN 10 PRECEDING AND CURRENT ROW) AS near FROM trials WHERE trial < 36 AND problem_kind = 'factorization' ORDER BY tolerance_steps, trial

-- name: first and last value among nulls
SELECT DISTINCT first_value(tolerance_steps) OVER (ORDER BY tolerance_steps DESC) AS most, last_value(tolerance_steps) OVER (ORDER BY tolerance_steps ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last FROM trials WHERE trial < 12

-- name: running sums among nulls
SELECT trial, tolerance_steps, sum(tolerance_steps) OVER (ORDER BY tolerance_steps, trial) AS total FROM trials WHERE trial BETWEEN 6 AND 18 ORDER BY tolerance_steps, trial
