-- name: a table expression
WITH done AS (SELECT * FROM trials WHERE status = 'completed') SELECT network_depth, count(*) AS n FROM done GROUP BY network_depth ORDER BY network_depth

-- name: a table expression named like a table
WITH trials AS (SELECT * FROM trials WHERE status = 'completed') SELECT count(*) AS n, max(optimizer_rate) AS rate FROM trials

-- name: a constant table expression named like a table
WITH trials AS (SELECT 7 AS x) SELECT x FROM trials

-- name: an expression named like a table, joined
WITH history AS (SELECT trial, max(step) AS last FROM history GROUP BY trial) SELECT t.trial, h.last FROM trials t JOIN history h ON t.trial = h.trial WHERE t.status = 'diverged' ORDER BY t.trial LIMIT 10

-- name: two table expressions
WITH a AS (SELECT trial, min(train_loss) AS least FROM history GROUP BY trial), b AS (SELECT trial, least FROM a WHERE least < 0.01) SELECT count(*) AS n, min(least) AS best FROM b

-- name: an expression used twice
WITH cell AS (SELECT optimizer_rate AS rate, count(*) FILTER (WHERE status = 'completed') AS good FROM trials GROUP BY optimizer_rate) SELECT a.rate, b.rate AS other, a.good - b.good AS more FROM cell a JOIN cell b ON a.rate < b.rate ORDER BY a.rate, b.rate

-- name: names of columns in the head
WITH cell(depth, n) AS (SELECT network_depth, count(*) FROM trials GROUP BY network_depth) SELECT depth, n FROM cell ORDER BY depth

-- name: an expression within another
WITH outside AS (WITH inside AS (SELECT steps FROM trials WHERE status = 'diverged') SELECT max(steps) AS most FROM inside) SELECT most FROM outside

-- name: counting up
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i, i * i AS square FROM n ORDER BY i

-- name: steps that should be there
WITH RECURSIVE due(step) AS (SELECT 0 UNION ALL SELECT step + 50 FROM due WHERE step < 200) SELECT due.step, count(h.trial) AS measured FROM due LEFT JOIN history h ON h.step = due.step GROUP BY due.step ORDER BY due.step

-- name: doubling until the limit
WITH RECURSIVE d(x, n) AS (SELECT 1, 0 UNION ALL SELECT 2 * x, n + 1 FROM d WHERE x < (SELECT max(steps) FROM trials)) SELECT max(n) AS doublings, max(x) AS reached FROM d

-- name: a chain from trial to trial
WITH RECURSIVE chain(trial, loss, depth) AS (SELECT trial, train_loss, 1 FROM trials WHERE trial = 0 UNION ALL SELECT t.trial, t.train_loss, c.depth + 1 FROM chain c JOIN trials t ON t.trial = c.trial + 6 WHERE c.depth < 6) SELECT * FROM chain ORDER BY depth

-- name: values as a table
WITH limits(name, least) AS (VALUES ('good', 0.0), ('fair', 0.02), ('poor', 0.2)) SELECT name, (SELECT count(*) FROM trials WHERE train_loss >= least) AS n FROM limits ORDER BY least

-- name: a scalar in the list
SELECT trial, train_loss, (SELECT min(train_loss) FROM trials) AS best FROM trials WHERE trial < 5 ORDER BY trial

-- name: a scalar in a condition
SELECT trial, network_depth, engine FROM trials WHERE train_loss = (SELECT min(train_loss) FROM trials WHERE status = 'completed') ORDER BY trial

-- name: a scalar within arithmetic
SELECT trial, train_loss / (SELECT avg(train_loss) FROM trials WHERE status = 'completed') AS relative FROM trials WHERE trial < 6 ORDER BY trial

-- name: a scalar without rows is null
SELECT trial, (SELECT step FROM history WHERE step > 1000) AS step, (SELECT max(steps) FROM trials WHERE status = 'failed') AS most FROM trials WHERE trial = 0

-- name: a scalar for each row
SELECT t.trial, t.steps, (SELECT count(*) FROM history h WHERE h.trial = t.trial) AS rows FROM trials t WHERE t.trial BETWEEN 10 AND 16 ORDER BY t.trial

-- name: a scalar for each row in a condition
SELECT count(*) AS n FROM trials t WHERE t.train_loss > (SELECT avg(o.train_loss) FROM trials o WHERE o.network_depth = t.network_depth AND o.status = 'completed') AND t.status = 'completed'

-- name: the row with the greatest value of its group
SELECT trial, step, train_loss FROM history h WHERE step = (SELECT max(step) FROM history WHERE trial = h.trial) AND trial < 16 ORDER BY trial

-- name: best of each group by a subquery
SELECT network_depth, init_kind, min(trial) AS trial, train_loss FROM trials t WHERE status = 'completed' AND train_loss = (SELECT min(train_loss) FROM trials o WHERE o.network_depth = t.network_depth AND o.init_kind = t.init_kind AND o.status = 'completed') GROUP BY network_depth, init_kind, train_loss ORDER BY network_depth, init_kind

-- name: exists
SELECT count(*) AS n FROM trials t WHERE EXISTS (SELECT 1 FROM history h WHERE h.trial = t.trial AND h.train_loss < 0.01)

-- name: not exists
SELECT t.trial FROM trials t WHERE NOT EXISTS (SELECT 1 FROM history h WHERE h.trial = t.trial AND h.step = 50) ORDER BY t.trial LIMIT 12

-- name: exists without a link
SELECT EXISTS (SELECT * FROM trials WHERE status = 'failed') AS failed, EXISTS (SELECT * FROM trials WHERE status = 'diverged') AS diverged

-- name: in a subquery
SELECT count(*) AS n FROM history WHERE trial IN (SELECT trial FROM trials WHERE status = 'diverged' AND network_depth = 2)

-- name: not in a subquery
SELECT count(*) AS n FROM history WHERE trial NOT IN (SELECT trial FROM trials WHERE status = 'diverged')

-- name: not in a subquery with null
SELECT count(*) AS n FROM layers WHERE layer NOT IN (SELECT tolerance_steps FROM trials)

-- name: in a subquery with null
SELECT count(*) AS n FROM layers WHERE layer IN (SELECT tolerance_steps FROM trials)

-- name: pairs in a subquery
SELECT trial, step FROM history WHERE (trial, step) IN (SELECT trial, steps FROM trials WHERE status = 'diverged') ORDER BY trial LIMIT 10

-- name: rows from groups
SELECT max(n) AS most, min(n) AS least FROM (SELECT trial, count(*) AS n FROM history GROUP BY trial) AS counts

-- name: groups of groups
SELECT n, count(*) AS trials FROM (SELECT trial, count(*) AS n FROM history GROUP BY trial) AS counts GROUP BY n ORDER BY n

-- name: the mean of group means
SELECT avg(loss) AS mean FROM (SELECT network_depth, init_kind, avg(train_loss) AS loss FROM trials WHERE status = 'completed' GROUP BY network_depth, init_kind) AS cells

-- name: a subquery without an alias
SELECT count(*) AS n FROM (SELECT DISTINCT trial FROM layers)

-- name: limit within a subquery
SELECT avg(train_loss) AS mean FROM (SELECT train_loss FROM trials WHERE status = 'completed' ORDER BY train_loss LIMIT 10) AS best

-- name: a subquery in a join
SELECT t.trial, t.train_loss - m.mean AS above FROM trials t JOIN (SELECT network_depth, avg(train_loss) AS mean FROM trials WHERE status = 'completed' GROUP BY network_depth) m ON t.network_depth = m.network_depth WHERE t.trial < 6 ORDER BY t.trial

-- name: a subquery in a case
SELECT trial, CASE WHEN trial IN (SELECT trial FROM history WHERE step = 200) THEN 'whole' ELSE 'cut' END AS course FROM trials WHERE trial BETWEEN 10 AND 18 ORDER BY trial

-- name: a subquery in having
SELECT network_depth, optimizer_rate, avg(train_loss) AS loss FROM trials WHERE status = 'completed' GROUP BY network_depth, optimizer_rate HAVING avg(train_loss) < (SELECT avg(train_loss) FROM trials WHERE status = 'completed') ORDER BY network_depth, optimizer_rate

-- name: a subquery in order by
SELECT optimizer_rate, count(*) AS n FROM trials t GROUP BY optimizer_rate ORDER BY (SELECT count(*) FROM trials o WHERE o.optimizer_rate = t.optimizer_rate AND o.status = 'diverged') DESC, optimizer_rate
