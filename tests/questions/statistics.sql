-- name: median
SELECT network_depth, median(train_loss) AS loss, median(steps) AS steps FROM trials WHERE status = 'completed' GROUP BY network_depth ORDER BY network_depth

-- name: median of an even number of rows
SELECT median(trial) AS middle FROM trials WHERE trial < 4

-- name: median leaves nulls out
SELECT median(test_loss) AS test_loss, median(tolerance_steps) AS arrived FROM trials

-- name: median over no rows
SELECT median(train_loss) AS loss, stddev(train_loss) AS spread, quantile_cont(train_loss, 0.9) AS most FROM trials WHERE status = 'failed'

-- name: quantile between rows
SELECT problem_kind, quantile_cont(train_loss, 0.25) AS q1, quantile_cont(train_loss, 0.5) AS q2, quantile_cont(train_loss, 0.75) AS q3 FROM trials WHERE status = 'completed' GROUP BY problem_kind ORDER BY problem_kind

-- name: quantile of rows
SELECT quantile_disc(train_loss, 0.5) AS middle, quantile_disc(steps, 0.1) AS low, quantile(train_loss, 0.9) AS high FROM trials

-- name: outermost quantiles
SELECT quantile_cont(train_loss, 0) AS least, quantile_cont(train_loss, 1) AS most, quantile_disc(trial, 0.0) AS first, quantile_disc(trial, 1.0) AS last FROM trials WHERE status = 'completed'

-- name: standard deviation with variance
SELECT network_depth, stddev(train_loss) AS deviation, variance(train_loss) AS variance, stddev_pop(train_loss) AS of_population, var_pop(train_loss) AS population_variance FROM trials WHERE status = 'completed' GROUP BY network_depth ORDER BY network_depth

-- name: other names of deviations
SELECT stddev_samp(train_loss) AS deviation, var_samp(train_loss) AS variance FROM trials WHERE status = 'completed'

-- name: deviation of one row
SELECT stddev(train_loss) AS of_sample, stddev_pop(train_loss) AS of_population, count(*) AS n FROM trials WHERE trial = 0

-- name: interval of a mean
SELECT init_kind, avg(train_loss) AS mean, 1.96 * stddev(train_loss) / sqrt(count(*)) AS half_width FROM trials WHERE status = 'completed' GROUP BY init_kind ORDER BY init_kind

-- name: correlation and covariance
SELECT corr(train_loss, test_loss) AS correlation, covar_pop(train_loss, test_loss) AS population, covar_samp(train_loss, test_loss) AS sample FROM trials WHERE status = 'completed'

-- name: correlation by group
SELECT network_depth, corr(train_loss, effective_rank) AS correlation FROM trials WHERE status = 'completed' AND problem_kind = 'factorization' GROUP BY network_depth ORDER BY network_depth

-- name: slope of a learning curve
SELECT trial, regr_slope(ln(train_loss), step) AS slope, regr_intercept(ln(train_loss), step) AS start, regr_r2(ln(train_loss), step) AS straight FROM history WHERE trial IN (18, 19, 20) GROUP BY trial ORDER BY trial

-- name: mode
SELECT mode(steps) AS steps, mode(init_kind) AS kind FROM trials WHERE trial < 20

-- name: mode by group
SELECT status, mode(network_depth) AS depth, mode(optimizer_rate) AS rate FROM trials WHERE status = 'diverged' GROUP BY status

-- name: where the best is
SELECT network_depth, arg_min(trial, train_loss) AS trial, min(train_loss) AS loss FROM trials WHERE status = 'completed' AND engine = 'reduced' GROUP BY network_depth ORDER BY network_depth

-- name: where the most is
SELECT trial, arg_max(step, train_loss) AS worst, arg_min(step, train_loss) AS best, arg_max(effective_rank, step) AS rank FROM history WHERE trial IN (12, 14, 16, 20) GROUP BY trial ORDER BY trial

-- name: arg_min leaves nulls out
SELECT arg_min(init_kind, test_loss) AS kind, arg_max(trial, test_loss) AS trial, arg_min(trial, tolerance_steps) IS NULL AS none FROM trials WHERE status = 'completed' AND engine = 'reduced'

-- name: min_by and max_by
SELECT min_by(trial, train_loss) AS best, max_by(trial, train_loss) AS worst FROM trials WHERE status = 'completed' AND engine = 'reduced'

-- name: first and last of a group
SELECT trial, first(train_loss ORDER BY step) AS start, last(train_loss ORDER BY step) AS final FROM history WHERE trial IN (12, 18, 20) GROUP BY trial ORDER BY trial

-- name: any value of a constant group
SELECT trial, any_value(id) AS id, any_value(error) AS error FROM trials WHERE trial < 2 GROUP BY trial ORDER BY trial

-- name: geometric mean
SELECT optimizer_rate, geomean(train_loss) AS loss, exp(avg(ln(train_loss))) AS again FROM trials WHERE status = 'completed' GROUP BY optimizer_rate ORDER BY optimizer_rate

-- name: product
SELECT product(network_depth) AS depths, product(optimizer_rate) AS rates FROM trials WHERE trial IN (0, 6, 12, 72)

-- name: all and any
SELECT optimizer_rate, bool_and(status = 'completed') AS every, bool_or(status = 'diverged') AS some FROM trials GROUP BY optimizer_rate ORDER BY optimizer_rate

-- name: count where
SELECT count_if(status = 'diverged') AS diverged, count_if(test_loss > 0.3) AS poor FROM trials

-- name: logarithms
SELECT ln(exp(1.0)) AS one, log(1000.0) AS three, log10(0.01) AS minus_two, log2(8.0) AS bits, exp(0.0) AS unit

-- name: roots and powers
SELECT sqrt(2.0) AS root, pow(2, 10) AS power, power(2.0, 0.5) AS same, 2.0 * 3 - 1 AS five, cbrt(27.0) AS third

-- name: rounding
SELECT round(2.5) AS up, round(-2.5) AS down, round(train_loss, 3) AS three, floor(-1.5) AS floor, ceil(1.2) AS ceil, trunc(-1.7) AS trunc, abs(-3) AS positive, sign(-0.2) AS sign FROM trials WHERE trial = 0

-- name: angles
SELECT sin(0.5) AS sine, cos(0.5) AS cosine, atan2(1.0, 2.0) AS angle, degrees(pi()) AS half_turn, radians(180.0) AS radians, tanh(0.5) AS squashed

-- name: logarithm of a loss by decade
SELECT floor(log10(train_loss)) AS decade, count(*) AS n FROM trials WHERE status = 'completed' GROUP BY decade ORDER BY decade

-- name: signs and remainders
SELECT -7 % 3 AS remainder, 7 % -3 AS other, mod(7, 3) AS same, 7.5 % 2 AS fraction

-- name: quantiles of groups of groups
SELECT median(best) AS middle, max(best) AS most FROM (SELECT network_depth, init_kind, problem_kind, min(train_loss) AS best FROM trials WHERE status = 'completed' GROUP BY ALL) AS cells

-- name: median in a window
SELECT step, median(train_loss) OVER (ORDER BY step ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS smooth FROM history WHERE trial = 20 ORDER BY step

-- name: deviation in a window
SELECT trial, train_loss, (train_loss - avg(train_loss) OVER (PARTITION BY problem_kind)) / stddev(train_loss) OVER (PARTITION BY problem_kind) AS score FROM trials WHERE status = 'completed' AND trial < 12 ORDER BY trial

-- name: filtered statistics
SELECT median(train_loss) FILTER (WHERE network_depth = 2) AS shallow, median(train_loss) FILTER (WHERE network_depth = 3) AS deep, arg_min(trial, train_loss) FILTER (WHERE network_depth = 3 AND engine = 'reduced') AS best FROM trials WHERE status = 'completed'

-- name: distinct statistics
SELECT median(DISTINCT steps) AS middle, sum(DISTINCT steps) AS total FROM trials

-- name: infinities
SELECT count(*) AS n FROM trials WHERE isinf(train_loss * 1e300)

-- name: whether a number is finite
SELECT count(*) FILTER (WHERE isfinite(train_loss)) AS finite, count(*) FILTER (WHERE isnan(train_loss)) AS none FROM trials

-- name: first and last among nulls
SELECT first(tolerance_steps ORDER BY tolerance_steps) AS least, last(tolerance_steps ORDER BY tolerance_steps) AS last FROM trials WHERE trial < 36

-- name: rounding to tens
SELECT round(1234.5, -2) AS hundreds, round(steps, -1) AS tens FROM trials WHERE trial = 13

-- name: skew and tails
SELECT skewness(train_loss) AS skew, kurtosis(train_loss) AS tails, mad(train_loss) AS away FROM trials WHERE status = 'completed'
