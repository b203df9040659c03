-- name: rows of each run
-- runs: grid pairs
SELECT run, count(*) AS n FROM trials GROUP BY run ORDER BY run

-- name: rows of both runs
-- runs: grid pairs
SELECT count(*) AS n FROM trials

-- name: rows of every table by run
-- runs: grid pairs
SELECT t.run, t.n AS trials, h.n AS history, s.n AS spectra, l.n AS layers FROM (SELECT run, count(*) AS n FROM trials GROUP BY run) t LEFT JOIN (SELECT run, count(*) AS n FROM history GROUP BY run) h ON t.run = h.run LEFT JOIN (SELECT run, count(*) AS n FROM spectra GROUP BY run) s ON t.run = s.run LEFT JOIN (SELECT run, count(*) AS n FROM layers GROUP BY run) l ON t.run = l.run ORDER BY t.run

-- name: the other order of runs
-- runs: pairs grid
SELECT run, network_depth, count(*) AS n, avg(train_loss) FILTER (WHERE status = 'completed') AS loss FROM trials GROUP BY run, network_depth ORDER BY run, network_depth

-- name: trials of two runs have the same numbers
-- runs: grid pairs
SELECT trial, count(*) AS n, min(run) AS first, max(run) AS last FROM trials WHERE trial IN (0, 35, 36) GROUP BY trial ORDER BY trial

-- name: a join of several runs needs the run
-- runs: grid pairs
SELECT t.run, h.step, count(*) AS n, min(h.train_loss) AS best FROM trials t JOIN history h ON t.run = h.run AND t.trial = h.trial WHERE t.init_kind = 'gaussian' AND h.step % 50 = 0 GROUP BY t.run, h.step ORDER BY t.run, h.step

-- name: a join of several runs by id
-- runs: grid pairs
SELECT t.run, count(*) AS n, max(h.step) AS last FROM trials t JOIN history h ON t.id = h.id GROUP BY t.run ORDER BY t.run

-- name: one run of two
-- runs: grid pairs
SELECT optimizer_kind, init_scale, avg(steps) AS steps FROM trials WHERE run = 'pairs' GROUP BY optimizer_kind, init_scale ORDER BY optimizer_kind, init_scale

-- name: best of each run
-- runs: grid pairs
SELECT run, trial, train_loss FROM (SELECT run, trial, train_loss, row_number() OVER (PARTITION BY run ORDER BY train_loss, trial) AS place FROM trials WHERE status = 'completed') AS ranked WHERE place <= 2 ORDER BY run, place

-- name: a run against another
-- runs: grid pairs
SELECT a.network_depth, count(*) AS pairs_of_trials, avg(a.train_loss / b.train_loss) AS ratio FROM trials a JOIN trials b ON a.network_depth = b.network_depth AND a.run = 'grid' AND b.run = 'pairs' AND a.replicate = b.replicate WHERE a.status = 'completed' GROUP BY a.network_depth ORDER BY a.network_depth

-- name: a column that one run lacks values of
-- runs: grid pairs
SELECT run, count(problem_whiten) AS whiten, count(optimizer_momentum) AS momentum, count(tolerance_steps) AS arrived FROM trials GROUP BY run ORDER BY run

-- name: rows of both runs as they are
-- runs: grid pairs
SELECT run, trial, network_depth, status FROM trials WHERE trial IN (12, 13) ORDER BY run DESC, trial

-- name: the second run by itself
-- runs: pairs
SELECT optimizer_kind, network_depth, count(*) AS n, avg(steps) AS steps, count(tolerance_steps) AS arrived FROM trials GROUP BY optimizer_kind, network_depth ORDER BY optimizer_kind, network_depth

-- name: an empty table of a run
-- runs: pairs
SELECT count(*) AS n, max(value) AS value FROM spectra

-- name: rows of an empty table
-- runs: pairs
SELECT trial, step, layer, index, value FROM spectra

-- name: a left join with an empty table
-- runs: pairs
SELECT count(*) AS n, count(s.value) AS found FROM trials t LEFT JOIN spectra s ON t.trial = s.trial
