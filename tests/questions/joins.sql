-- name: inner join by id
SELECT t.network_depth, h.step, count(*) AS n, avg(h.train_loss) AS loss FROM history h JOIN trials t ON h.id = t.id WHERE t.status = 'completed' GROUP BY t.network_depth, h.step ORDER BY t.network_depth, h.step

-- name: inner join by trial
SELECT init_kind, step, avg(history.train_loss) AS loss FROM history JOIN trials ON history.trial = trials.trial WHERE status = 'completed' AND problem_kind = 'factorization' AND step % 50 = 0 GROUP BY init_kind, step ORDER BY init_kind, step

-- name: join without a name for the table
SELECT network_depth, layer, avg(separation) AS separation FROM layers JOIN trials ON layers.id = trials.id WHERE step = steps AND layer > 0 AND separation IS NOT NULL AND status = 'completed' GROUP BY network_depth, layer ORDER BY network_depth, layer

-- name: using one column
SELECT trial, step, optimizer_rate FROM history JOIN trials USING (trial) WHERE trial IN (3, 4) ORDER BY trial, step

-- name: using two columns
SELECT trial, layer, step, s.value FROM spectra s JOIN layers l USING (trial, layer, step) WHERE trial = 20 AND s.index = 1 ORDER BY layer, step

-- name: using keeps one column
SELECT count(trial) AS n, count(DISTINCT trial) AS trials FROM history JOIN layers USING (trial, step)

-- name: left join counts what is missing
SELECT t.trial, count(l.layer) AS rows FROM trials t LEFT JOIN layers l ON t.trial = l.trial AND l.separation IS NOT NULL WHERE t.trial < 8 GROUP BY t.trial ORDER BY t.trial

-- name: left join with a condition in ON
SELECT t.trial, h.step, h.train_loss FROM trials t LEFT JOIN history h ON t.trial = h.trial AND h.step = 200 WHERE t.trial BETWEEN 40 AND 60 ORDER BY t.trial

-- name: left join with a condition in WHERE
SELECT count(*) AS n FROM trials t LEFT JOIN history h ON t.trial = h.trial WHERE h.step = 200

-- name: left join that finds nothing
SELECT t.trial, h.step FROM trials t LEFT JOIN history h ON t.trial = h.trial AND h.step > 1000 WHERE t.trial < 3 ORDER BY t.trial

-- name: rows without a partner
SELECT count(*) AS n FROM trials t LEFT JOIN history h ON t.trial = h.trial AND h.step = 200 WHERE h.trial IS NULL

-- name: right join
SELECT t.trial, h.trial AS other, h.step FROM trials t RIGHT JOIN history h ON t.trial = h.trial AND t.status = 'diverged' WHERE h.step = 100 AND h.trial < 40 ORDER BY h.trial

-- name: full join
WITH a AS (SELECT DISTINCT steps FROM trials WHERE engine = 'full'), b AS (SELECT DISTINCT step FROM history WHERE step < 60) SELECT a.steps, b.step FROM a FULL JOIN b ON a.steps = b.step ORDER BY a.steps, b.step

-- name: full join with an inequality
WITH a AS (SELECT DISTINCT network_depth AS depth FROM trials), b AS (SELECT DISTINCT layer FROM layers) SELECT a.depth, b.layer FROM a FULL JOIN b ON a.depth < b.layer ORDER BY a.depth, b.layer

-- name: left join with an inequality
SELECT a.trial, count(b.trial) AS better FROM trials a LEFT JOIN trials b ON a.network_depth = b.network_depth AND b.train_loss < a.train_loss AND b.status = 'completed' WHERE a.trial < 12 GROUP BY a.trial ORDER BY a.trial

-- name: left join with nothing but an inequality
WITH d AS (SELECT DISTINCT network_depth AS depth FROM trials) SELECT a.depth, b.depth AS below FROM d a LEFT JOIN d b ON b.depth < a.depth ORDER BY a.depth

-- name: right join with an inequality
WITH d AS (SELECT DISTINCT network_depth AS depth FROM trials) SELECT a.depth AS below, b.depth FROM d a RIGHT JOIN d b ON a.depth < b.depth ORDER BY b.depth

-- name: cross join
SELECT a.kind, b.depth FROM (SELECT DISTINCT init_kind AS kind FROM trials) a CROSS JOIN (SELECT DISTINCT network_depth AS depth FROM trials) b ORDER BY a.kind, b.depth

-- name: join by a comma
SELECT count(*) AS n FROM trials a, trials b WHERE a.network_depth = b.network_depth AND a.replicate < b.replicate AND a.init_kind = b.init_kind AND a.optimizer_rate = b.optimizer_rate

-- name: self join with a constant in ON
SELECT a.trial, b.trial AS other, a.network_depth, b.network_depth AS base FROM trials a JOIN trials b ON a.replicate = b.replicate AND a.init_kind = b.init_kind AND a.train_engine = b.train_engine AND a.optimizer_rate = b.optimizer_rate AND a.problem_kind = b.problem_kind AND a.problem_whiten IS NOT DISTINCT FROM b.problem_whiten AND b.network_depth = 2 ORDER BY a.trial LIMIT 12 OFFSET 66

-- name: constant in ON on the left side
SELECT count(*) AS n, min(a.network_depth) AS a, max(b.network_depth) AS b FROM trials a JOIN trials b ON a.replicate = b.replicate AND a.network_depth = 3 AND 2 = b.network_depth

-- name: only a constant in ON
SELECT count(*) AS n FROM (SELECT DISTINCT init_kind FROM trials) a JOIN (SELECT DISTINCT engine FROM trials) b ON b.engine = 'full'

-- name: always true in ON
SELECT count(*) AS n FROM (SELECT DISTINCT init_kind FROM trials) a JOIN (SELECT DISTINCT engine FROM trials) b ON true

-- name: join with an expression in ON
SELECT a.step, b.step AS next, b.train_loss - a.train_loss AS change FROM history a JOIN history b ON a.trial = b.trial AND b.step = a.step + 50 WHERE a.trial = 20 ORDER BY a.step

-- name: join with between
SELECT a.step, count(*) AS before FROM history a JOIN history b ON a.trial = b.trial AND b.step BETWEEN a.step - 100 AND a.step WHERE a.trial = 20 GROUP BY a.step ORDER BY a.step

-- name: join with or
SELECT count(*) AS n FROM trials a JOIN trials b ON (a.trial = b.trial + 1 OR a.trial = b.trial - 1) AND a.status = 'diverged' AND b.status = 'diverged'

-- name: three tables
SELECT t.engine, l.layer, h.step, avg(l.balancedness) AS balancedness, avg(h.train_loss) AS loss FROM trials t JOIN history h ON t.trial = h.trial JOIN layers l ON l.trial = h.trial AND l.step = h.step WHERE t.status = 'completed' AND l.layer = 1 AND h.step IN (0, 100, 200) GROUP BY t.engine, l.layer, h.step ORDER BY t.engine, l.layer, h.step

-- name: four tables
SELECT count(*) AS n FROM trials JOIN history USING (trial) JOIN layers USING (trial, step) JOIN spectra USING (trial, step, layer) WHERE trials.status = 'completed' AND spectra.index = 1

-- name: three tables by id
SELECT t.trial, h.step, s.value FROM trials t JOIN history h ON h.id = t.id JOIN spectra s ON s.id = h.id AND s.step = h.step WHERE s.layer = 0 AND s.index = 1 AND t.trial IN (18, 19) ORDER BY t.trial, h.step

-- name: all columns of one side
SELECT h.* FROM history h JOIN trials t USING (trial) WHERE t.trial = 17 AND h.step IN (0, 200) ORDER BY h.step

-- name: both columns of one name
SELECT t.train_loss AS final, h.train_loss AS at_step FROM trials t JOIN history h ON t.trial = h.trial AND t.steps = h.step WHERE t.trial < 18 AND t.status = 'completed' ORDER BY t.trial

-- name: last row of history is the trial's
SELECT count(*) AS n, count(*) FILTER (WHERE h.train_loss = t.train_loss) AS equal FROM trials t JOIN history h ON t.trial = h.trial AND t.steps = h.step

-- name: nulls do not join
SELECT count(*) AS n FROM trials a JOIN trials b ON a.tolerance_steps = b.tolerance_steps AND a.trial < b.trial

-- name: nulls join where asked
SELECT count(*) AS n FROM trials a JOIN trials b ON a.tolerance_steps IS NOT DISTINCT FROM b.tolerance_steps AND a.trial < b.trial

-- name: join of groups
SELECT a.network_depth, a.loss AS full_loss, b.loss AS reduced_loss FROM (SELECT network_depth, avg(train_loss) AS loss FROM trials WHERE engine = 'full' AND status = 'completed' GROUP BY network_depth) a JOIN (SELECT network_depth, avg(train_loss) AS loss FROM trials WHERE engine = 'reduced' AND status = 'completed' GROUP BY network_depth) b ON a.network_depth = b.network_depth ORDER BY a.network_depth

-- name: a chain of left joins
SELECT t.trial, a.train_loss AS start, b.train_loss AS half, c.train_loss AS last FROM trials t LEFT JOIN history a ON a.trial = t.trial AND a.step = 0 LEFT JOIN history b ON b.trial = t.trial AND b.step = 100 LEFT JOIN history c ON c.trial = t.trial AND c.step = 200 WHERE t.trial < 20 ORDER BY t.trial

-- name: using with a full join
SELECT trial, count(*) AS n FROM (SELECT trial FROM trials WHERE trial < 4) AS a FULL JOIN (SELECT trial FROM history WHERE trial BETWEEN 2 AND 5) AS b USING (trial) GROUP BY trial ORDER BY trial

-- name: using trial and id
SELECT count(*) AS n, count(DISTINCT id) AS ids FROM trials JOIN history USING (trial, id)

-- name: a comma and a condition
SELECT t.network_depth, max(h.train_loss) AS most FROM history h, trials t WHERE h.trial = t.trial AND t.status = 'completed' GROUP BY t.network_depth ORDER BY t.network_depth

-- name: baseline of the whole table
SELECT a.trial, a.train_loss / b.train_loss AS ratio FROM trials a JOIN trials b ON b.trial = 0 WHERE a.trial BETWEEN 1 AND 6 ORDER BY a.trial

-- name: baseline by a constant and a key
SELECT a.optimizer_rate, b.optimizer_rate AS base, count(*) AS n FROM trials a JOIN trials b ON b.optimizer_rate = 0.1 AND a.replicate = b.replicate AND a.init_kind = b.init_kind AND a.network_depth = b.network_depth GROUP BY a.optimizer_rate, b.optimizer_rate ORDER BY a.optimizer_rate

-- name: left join with a constant on the left
SELECT a.trial, b.step FROM trials a LEFT JOIN history b ON a.trial = b.trial AND a.status = 'diverged' AND b.step > 0 WHERE a.trial BETWEEN 10 AND 16 ORDER BY a.trial
