-- name: share of diverged by cell
SELECT network_depth, optimizer_rate, count(*) AS n, avg(CASE WHEN status = 'diverged' THEN 1.0 ELSE 0.0 END) AS diverged FROM trials GROUP BY network_depth, optimizer_rate ORDER BY network_depth, optimizer_rate

-- name: largest rate that never diverges
SELECT network_depth, max(optimizer_rate) AS rate FROM (SELECT network_depth, optimizer_rate, count(*) FILTER (WHERE status = 'diverged') AS diverged FROM trials GROUP BY network_depth, optimizer_rate) AS cells WHERE diverged = 0 GROUP BY network_depth ORDER BY network_depth

-- name: best configuration
SELECT trial, network_depth, init_kind, optimizer_rate, replicate, train_loss FROM trials WHERE status = 'completed' AND engine = 'reduced' ORDER BY train_loss LIMIT 1

-- name: three best configurations over repeats
SELECT network_depth, init_kind, optimizer_rate, avg(train_loss) AS loss, count(*) AS n FROM trials WHERE status = 'completed' AND train_engine = 'full' GROUP BY network_depth, init_kind, optimizer_rate HAVING count(*) >= 4 ORDER BY avg(train_loss) LIMIT 3

-- name: best of each depth
SELECT network_depth, init_kind, optimizer_rate, train_loss FROM (SELECT *, row_number() OVER (PARTITION BY network_depth ORDER BY train_loss, trial) AS place FROM trials WHERE status = 'completed') AS ranked WHERE place = 1 ORDER BY network_depth

-- name: two best of each kind and start
SELECT problem_kind, init_kind, place, trial, train_loss FROM (SELECT problem_kind, init_kind, trial, train_loss, row_number() OVER (PARTITION BY problem_kind, init_kind ORDER BY train_loss, trial) AS place FROM trials WHERE status = 'completed' AND train_engine = 'full') AS ranked WHERE place <= 2 ORDER BY problem_kind, init_kind, place

-- name: ratio to the baseline depth
SELECT a.init_kind, a.optimizer_rate, a.problem_kind, count(*) AS n, avg(a.train_loss / b.train_loss) AS ratio FROM trials a JOIN trials b ON a.replicate = b.replicate AND a.init_kind = b.init_kind AND a.optimizer_rate = b.optimizer_rate AND a.problem_kind = b.problem_kind AND a.problem_whiten IS NOT DISTINCT FROM b.problem_whiten AND a.train_engine = b.train_engine AND a.network_depth = 3 AND b.network_depth = 2 WHERE a.status = 'completed' AND b.status = 'completed' GROUP BY a.init_kind, a.optimizer_rate, a.problem_kind ORDER BY a.init_kind, a.optimizer_rate, a.problem_kind

-- name: ratio to the baseline by a window
SELECT network_depth, problem_kind, loss, loss / first_value(loss) OVER (PARTITION BY problem_kind ORDER BY network_depth) AS ratio FROM (SELECT network_depth, problem_kind, avg(train_loss) AS loss FROM trials WHERE status = 'completed' GROUP BY network_depth, problem_kind) AS cells ORDER BY problem_kind, network_depth

-- name: ratio to the baseline by a case
SELECT init_kind, avg(CASE WHEN optimizer_rate = 0.5 THEN train_loss END) / avg(CASE WHEN optimizer_rate = 0.1 THEN train_loss END) AS ratio FROM trials GROUP BY init_kind ORDER BY init_kind

-- name: rank within a group
SELECT network_depth, optimizer_rate, init_kind, loss, rank() OVER (PARTITION BY network_depth ORDER BY loss) AS place FROM (SELECT network_depth, optimizer_rate, init_kind, avg(train_loss) AS loss FROM trials WHERE status = 'completed' AND train_engine = 'full' GROUP BY network_depth, optimizer_rate, init_kind) AS cells ORDER BY network_depth, place

-- name: steps until a loss
SELECT t.trial, min(h.step) AS step FROM trials t JOIN history h ON t.trial = h.trial AND h.train_loss < 0.05 WHERE t.status = 'completed' AND t.train_engine = 'full' GROUP BY t.trial ORDER BY t.trial

-- name: steps until a loss with those that never arrive
SELECT t.optimizer_rate, count(*) AS trials, count(a.step) AS arrived, avg(a.step) AS steps FROM trials t LEFT JOIN (SELECT trial, min(step) AS step FROM history WHERE train_loss < 0.05 GROUP BY trial) a ON t.trial = a.trial WHERE t.problem_kind = 'factorization' GROUP BY t.optimizer_rate ORDER BY t.optimizer_rate

-- name: share that arrives
SELECT optimizer_rate, count(tolerance_steps) AS arrived, count(*) AS n, 100.0 * count(tolerance_steps) / count(*) AS percent FROM trials WHERE problem_kind = 'factorization' GROUP BY optimizer_rate ORDER BY optimizer_rate

-- name: median steps to the tolerance
SELECT network_depth, optimizer_rate, median(tolerance_steps) AS steps, min(tolerance_steps) AS fastest FROM trials WHERE tolerance_steps IS NOT NULL GROUP BY network_depth, optimizer_rate ORDER BY network_depth, optimizer_rate

-- name: saving of the reduced engine
SELECT f.network_depth, f.problem_kind, count(*) AS n, avg(f.flops / r.flops) AS times FROM trials f JOIN trials r ON f.network_depth = r.network_depth AND f.init_kind = r.init_kind AND f.optimizer_rate = r.optimizer_rate AND f.replicate = r.replicate AND f.problem_kind = r.problem_kind AND f.problem_whiten IS NOT DISTINCT FROM r.problem_whiten WHERE f.train_engine = 'full' AND r.engine = 'reduced' AND f.status = 'completed' AND r.status = 'completed' GROUP BY f.network_depth, f.problem_kind ORDER BY f.network_depth, f.problem_kind

-- name: agreement of the two engines
SELECT count(*) AS n, max(abs(f.train_loss - r.train_loss) / f.train_loss) < 1e-9 AS equal FROM trials f JOIN trials r ON f.network_depth = r.network_depth AND f.init_kind = r.init_kind AND f.optimizer_rate = r.optimizer_rate AND f.replicate = r.replicate AND f.problem_kind = r.problem_kind AND f.problem_whiten IS NOT DISTINCT FROM r.problem_whiten WHERE f.train_engine = 'full' AND r.train_engine = 'auto' AND r.engine = 'reduced' AND f.optimizer_rate < 1

-- name: total operations saved
SELECT sum(CASE WHEN train_engine = 'full' THEN flops ELSE 0 END) / sum(CASE WHEN train_engine = 'auto' THEN flops ELSE 0 END) AS times FROM trials WHERE init_kind = 'orthogonal'

-- name: learning curves by depth
SELECT network_depth, step, avg(h.train_loss) AS loss, min(h.train_loss) AS least, max(h.train_loss) AS most FROM history h JOIN trials t ON h.trial = t.trial WHERE status = 'completed' AND t.optimizer_rate = 0.5 AND problem_kind = 'factorization' GROUP BY network_depth, step ORDER BY network_depth, step

-- name: learning curves as medians with a band
SELECT step, median(h.train_loss) AS middle, quantile_cont(h.train_loss, 0.25) AS low, quantile_cont(h.train_loss, 0.75) AS high FROM history h JOIN trials t USING (trial) WHERE status = 'completed' AND problem_kind = 'factorization' GROUP BY step ORDER BY step

-- name: a table of rates by depth
SELECT optimizer_rate, avg(CASE WHEN network_depth = 2 THEN train_loss END) AS two, avg(CASE WHEN network_depth = 3 THEN train_loss END) AS three FROM trials WHERE status = 'completed' GROUP BY optimizer_rate ORDER BY optimizer_rate

-- name: a table of statuses by depth
SELECT network_depth, count(*) FILTER (WHERE status = 'completed') AS completed, count(*) FILTER (WHERE status = 'diverged') AS diverged, count(*) FILTER (WHERE status = 'failed') AS failed, count(*) AS n FROM trials GROUP BY network_depth ORDER BY network_depth

-- name: best so far over the trials
SELECT trial, train_loss, best FROM (SELECT trial, train_loss, min(train_loss) OVER (ORDER BY trial) AS best FROM trials WHERE status = 'completed') AS course WHERE train_loss = best ORDER BY trial

-- name: best so far along a curve
SELECT trial, step, min(train_loss) OVER (PARTITION BY trial ORDER BY step) AS best FROM history WHERE trial IN (14, 16) ORDER BY trial, step

-- name: the step with the best loss
SELECT h.trial, min(h.step) AS step, h.train_loss FROM history h JOIN (SELECT trial, min(train_loss) AS least FROM history GROUP BY trial) b ON h.trial = b.trial AND h.train_loss = b.least WHERE h.trial IN (12, 14, 16, 20) GROUP BY h.trial, h.train_loss ORDER BY h.trial

-- name: curves that rise somewhere
SELECT count(DISTINCT trial) AS n FROM (SELECT trial, train_loss > lag(train_loss) OVER (PARTITION BY trial ORDER BY step) AS rises FROM history) AS changes WHERE rises

-- name: relative fall from row to row
SELECT step, avg(fall) AS fall FROM (SELECT h.trial, h.step, 1 - h.train_loss / lag(h.train_loss) OVER (PARTITION BY h.trial ORDER BY h.step) AS fall FROM history h JOIN trials t ON t.trial = h.trial WHERE t.status = 'completed' AND t.optimizer_rate < 1) AS falls WHERE fall IS NOT NULL GROUP BY step ORDER BY step

-- name: loss at the start and at the end
SELECT t.problem_kind, avg(a.train_loss) AS start, avg(t.train_loss) AS final, avg(t.train_loss / a.train_loss) AS left_over FROM trials t JOIN history a ON a.trial = t.trial AND a.step = 0 WHERE t.status = 'completed' GROUP BY t.problem_kind ORDER BY t.problem_kind

-- name: gap between test and train
SELECT network_depth, problem_whiten, avg(test_loss - train_loss) AS gap, max(test_loss / train_loss) AS ratio FROM trials WHERE status = 'completed' AND test_loss IS NOT NULL GROUP BY network_depth, problem_whiten ORDER BY network_depth, problem_whiten

-- name: gap along the curve
SELECT step, avg(h.test_loss - h.train_loss) AS gap FROM history h JOIN trials t ON h.id = t.id WHERE t.status = 'completed' AND h.test_loss IS NOT NULL GROUP BY step ORDER BY step

-- name: best test loss and when
SELECT trial, step, test_loss FROM (SELECT trial, step, test_loss, row_number() OVER (PARTITION BY trial ORDER BY test_loss, step) AS place FROM history WHERE test_loss IS NOT NULL) AS ranked WHERE place = 1 AND trial < 8 ORDER BY trial

-- name: effect of whitening on each pair
SELECT count(*) AS pairs, avg(w.train_loss / r.train_loss) AS ratio, count(*) FILTER (WHERE w.train_loss < r.train_loss) AS better FROM trials w JOIN trials r ON w.network_depth = r.network_depth AND w.init_kind = r.init_kind AND w.optimizer_rate = r.optimizer_rate AND w.replicate = r.replicate AND w.train_engine = r.train_engine AND w.problem_whiten AND NOT r.problem_whiten WHERE w.status = 'completed' AND r.status = 'completed'

-- name: spread over repeats
SELECT network_depth, init_kind, optimizer_rate, max(train_loss) / min(train_loss) AS spread FROM trials WHERE status = 'completed' AND problem_kind = 'factorization' AND train_engine = 'full' GROUP BY network_depth, init_kind, optimizer_rate HAVING count(*) = 2 ORDER BY spread DESC

-- name: mean and deviation over repeats
SELECT network_depth, init_kind, avg(train_loss) AS mean, stddev(train_loss) AS deviation, count(*) AS n FROM trials WHERE status = 'completed' AND optimizer_rate = 0.5 AND problem_kind = 'factorization' GROUP BY network_depth, init_kind ORDER BY network_depth, init_kind

-- name: cells with too few repeats
SELECT network_depth, init_kind, optimizer_rate, problem_kind, count(*) AS n FROM trials WHERE status = 'completed' GROUP BY ALL HAVING count(*) < 4 ORDER BY network_depth, init_kind, optimizer_rate, problem_kind

-- name: trials per cell of the grid
SELECT n, count(*) AS cells FROM (SELECT network_depth, init_kind, optimizer_rate, train_engine, problem_kind, problem_whiten, count(*) AS n FROM trials GROUP BY ALL) AS cells GROUP BY n ORDER BY n

-- name: values of each axis
SELECT 'depth' AS axis, CAST(network_depth AS VARCHAR) AS value, count(*) AS n FROM trials GROUP BY network_depth UNION ALL SELECT 'start', init_kind, count(*) FROM trials GROUP BY init_kind UNION ALL SELECT 'kind', problem_kind, count(*) FROM trials GROUP BY problem_kind ORDER BY axis, value

-- name: which rate is best for each depth and kind
SELECT network_depth, problem_kind, arg_min(optimizer_rate, loss) AS rate, min(loss) AS loss FROM (SELECT network_depth, problem_kind, optimizer_rate, avg(train_loss) AS loss FROM trials WHERE status = 'completed' GROUP BY ALL) AS cells GROUP BY network_depth, problem_kind ORDER BY network_depth, problem_kind

-- name: how often a rate wins
SELECT optimizer_rate, count(*) AS wins FROM (SELECT optimizer_rate, rank() OVER (PARTITION BY network_depth, init_kind, problem_kind, problem_whiten, replicate, train_engine ORDER BY train_loss) AS place FROM trials WHERE status = 'completed') AS ranked WHERE place = 1 GROUP BY optimizer_rate ORDER BY wins DESC

-- name: failed and diverged with their parameters
SELECT trial, network_depth, init_kind, optimizer_rate, steps FROM trials WHERE status <> 'completed' AND steps > 6 ORDER BY trial

-- name: how long until divergence
SELECT network_depth, avg(steps) AS steps, min(steps) AS soonest, max(steps) AS latest FROM trials WHERE status = 'diverged' GROUP BY network_depth ORDER BY network_depth

-- name: largest singular value over time
SELECT step, avg(value) AS value FROM spectra WHERE layer = 0 AND index = 1 AND trial IN (SELECT trial FROM trials WHERE status = 'completed' AND problem_kind = 'factorization') GROUP BY step ORDER BY step

-- name: spectrum at the end
SELECT index, value, value / first_value(value) OVER (ORDER BY index) AS relative FROM spectra WHERE trial = 44 AND step = 200 AND layer = 0 AND index <= 5 ORDER BY index

-- name: gap after the rank
SELECT trial, max(CASE WHEN index = 1 THEN value END) / max(CASE WHEN index = 2 THEN value END) AS gap FROM spectra WHERE layer = 0 AND step = 200 AND trial IN (2, 8, 38, 44) GROUP BY trial ORDER BY trial

-- name: number of values above a threshold
SELECT s.trial, sum(s.multiplicity) AS large FROM spectra s JOIN trials t ON s.trial = t.trial AND s.step = t.steps WHERE s.layer = 0 AND s.value > 0.1 AND t.status = 'completed' AND t.trial < 24 GROUP BY s.trial ORDER BY s.trial

-- name: sum of squares of singular values
SELECT layer, sqrt(sum(multiplicity * value * value)) AS norm FROM spectra WHERE trial = 20 AND step = 200 GROUP BY layer ORDER BY layer

-- name: separation from layer to layer
SELECT network_depth, layer, geomean(separation) AS separation FROM layers JOIN trials USING (trial) WHERE step = steps AND separation > 0 AND status = 'completed' GROUP BY network_depth, layer ORDER BY network_depth, layer

-- name: fall of separation by layer
SELECT trial, layer, separation, separation / lag(separation) OVER (PARTITION BY trial ORDER BY layer) AS factor FROM layers WHERE trial IN (78, 79) AND step = 200 AND separation IS NOT NULL ORDER BY trial, layer

-- name: balance over time
SELECT step, max(balancedness) AS worst, avg(balancedness) AS mean FROM layers WHERE trial IN (SELECT trial FROM trials WHERE status = 'completed' AND init_kind = 'gaussian') AND balancedness IS NOT NULL GROUP BY step ORDER BY step

-- name: effective rank at the end by kind
SELECT problem_kind, init_kind, avg(effective_rank) AS rank, min(effective_rank) AS least FROM trials WHERE status = 'completed' AND optimizer_rate = 0.5 GROUP BY problem_kind, init_kind ORDER BY problem_kind, init_kind

-- name: rank and loss go together
SELECT problem_kind, round(corr(effective_rank, train_loss), 6) AS correlation, count(*) AS n FROM trials WHERE status = 'completed' GROUP BY problem_kind ORDER BY problem_kind

-- name: histogram of losses
SELECT CASE WHEN train_loss < 0.01 THEN 'a: below 0.01' WHEN train_loss < 0.1 THEN 'b: below 0.1' WHEN train_loss < 0.22 THEN 'c: below 0.22' ELSE 'd: more' END AS bin, count(*) AS n FROM trials WHERE status = 'completed' GROUP BY bin ORDER BY bin

-- name: widths of the cores
SELECT problem_kind, core_width, count(*) AS n, max(reduction_residual) < 1e-10 AS exact FROM trials WHERE engine = 'reduced' GROUP BY problem_kind, core_width ORDER BY problem_kind, core_width

-- name: which trials ran on which engine
SELECT train_engine, engine, init_kind, count(*) AS n FROM trials GROUP BY ALL ORDER BY train_engine, engine, init_kind

-- name: trials better than the mean of their cell
SELECT count(*) AS n FROM (SELECT train_loss, avg(train_loss) OVER (PARTITION BY network_depth, init_kind, optimizer_rate, problem_kind) AS mean FROM trials WHERE status = 'completed') AS compared WHERE train_loss < mean

-- name: rows at one step and the last
SELECT t.network_depth, avg(h.train_loss) AS at_100, avg(t.train_loss) AS final, avg(h.train_loss) / avg(t.train_loss) AS ratio FROM trials t JOIN history h ON h.trial = t.trial AND h.step = 100 GROUP BY t.network_depth ORDER BY t.network_depth

-- name: area under the curve
SELECT trial, sum(0.5 * (train_loss + before) * (step - step_before)) AS area FROM (SELECT trial, step, train_loss, lag(train_loss) OVER (PARTITION BY trial ORDER BY step) AS before, lag(step) OVER (PARTITION BY trial ORDER BY step) AS step_before FROM history) AS pieces WHERE trial IN (18, 20, 21) GROUP BY trial ORDER BY trial

-- name: two trials side by side
SELECT a.step, a.train_loss AS one, b.train_loss AS other, a.train_loss - b.train_loss AS difference FROM history a JOIN history b ON a.step = b.step AND a.trial = 18 AND b.trial = 20 ORDER BY a.step

-- name: the best tenth
SELECT count(*) AS n, max(train_loss) AS worst FROM (SELECT train_loss, ntile(10) OVER (ORDER BY train_loss, trial) AS tenth FROM trials WHERE status = 'completed') AS parts WHERE tenth = 1

-- name: outliers
SELECT trial, train_loss FROM (SELECT trial, train_loss, median(train_loss) OVER (PARTITION BY problem_kind) AS middle FROM trials WHERE status = 'completed' AND train_engine = 'full') AS compared WHERE train_loss > 3 * middle ORDER BY train_loss DESC, trial LIMIT 8

-- name: percent of all updates by rate
SELECT optimizer_rate, sum(steps) AS steps, 100.0 * sum(steps) / sum(sum(steps)) OVER () AS percent FROM trials GROUP BY optimizer_rate ORDER BY optimizer_rate
