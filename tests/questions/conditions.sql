-- name: case with an operand
SELECT status, CASE status WHEN 'completed' THEN 'yes' WHEN 'diverged' THEN 'no' ELSE '?' END AS good, count(*) AS n FROM trials GROUP BY status ORDER BY status

-- name: case without else
SELECT trial, CASE WHEN steps < 5 THEN 'short' WHEN steps < 100 THEN 'middle' END AS course FROM trials WHERE trial BETWEEN 10 AND 18 ORDER BY trial

-- name: nested case
SELECT CASE WHEN status = 'completed' THEN CASE WHEN train_loss < 0.1 THEN 'low' ELSE 'high' END ELSE 'none' END AS loss, count(*) AS n FROM trials GROUP BY loss ORDER BY loss

-- name: coalesce
SELECT sum(coalesce(core_width, network_width)) AS width, count(coalesce(test_loss, tolerance_steps)) AS n FROM trials

-- name: nullif
SELECT network_depth, nullif(network_depth, 2) AS other, count(nullif(status, 'diverged')) AS n FROM trials GROUP BY network_depth ORDER BY network_depth

-- name: ifnull
SELECT ifnull(problem_whiten, false) AS whiten, count(*) AS n FROM trials GROUP BY ifnull(problem_whiten, false) ORDER BY n

-- name: is null and is not null
SELECT count(*) AS n FROM trials WHERE test_loss IS NULL AND tolerance_steps IS NOT NULL

-- name: equals null is never true
SELECT count(*) AS n FROM trials WHERE test_loss = NULL OR test_loss <> NULL

-- name: not equal leaves nulls out
SELECT count(*) AS n FROM trials WHERE core_width <> 5

-- name: is distinct from
SELECT count(*) AS n, (SELECT count(*) FROM trials WHERE core_width IS NOT DISTINCT FROM NULL) AS nulls FROM trials WHERE core_width IS DISTINCT FROM 5

-- name: is not true
SELECT count(*) AS n FROM trials WHERE problem_whiten IS NOT TRUE

-- name: is true and is false
SELECT count(*) FILTER (WHERE problem_whiten IS TRUE) AS yes, count(*) FILTER (WHERE problem_whiten IS FALSE) AS no, count(*) FILTER (WHERE problem_whiten IS NOT FALSE) AS not_no, count(*) FILTER (WHERE problem_whiten IS NULL) AS unknown FROM trials

-- name: a condition is not true
SELECT count(*) AS n FROM trials WHERE (test_loss < 0.3) IS NOT TRUE

-- name: a Boolean column is a condition
SELECT count(*) AS n FROM trials WHERE problem_whiten

-- name: not a Boolean column
SELECT count(*) AS n FROM trials WHERE NOT problem_whiten

-- name: compared with true and false
SELECT count(*) FILTER (WHERE problem_whiten = true) AS yes, count(*) FILTER (WHERE problem_whiten = false) AS no, count(*) FILTER (WHERE problem_whiten <> true) AS other FROM trials

-- name: a Boolean column as it is
SELECT trial, problem_whiten FROM trials WHERE trial < 6 ORDER BY trial

-- name: sum of a Boolean column
SELECT sum(CAST(problem_whiten AS INTEGER)) AS n, max(problem_whiten) AS most FROM trials

-- name: three valued and, or, not
SELECT problem_whiten AS a, (problem_whiten AND NULL) AS with_and, (problem_whiten OR NULL) AS with_or, (NOT problem_whiten) AS negated FROM (SELECT DISTINCT problem_whiten FROM trials) AS b ORDER BY a

-- name: not in with a null in the list
SELECT count(*) AS n FROM trials WHERE network_depth NOT IN (2, NULL)

-- name: in with a null in the list
SELECT count(*) AS n FROM trials WHERE network_depth IN (2, NULL)

-- name: in a list of texts
SELECT count(*) AS n FROM trials WHERE init_kind IN ('gaussian', 'identity') AND status NOT IN ('failed', 'diverged')

-- name: between
SELECT count(*) AS n FROM trials WHERE steps BETWEEN 4 AND 7

-- name: not between
SELECT count(*) AS n FROM trials WHERE steps NOT BETWEEN 4 AND 199

-- name: between leaves nulls out
SELECT count(*) AS n FROM trials WHERE tolerance_steps NOT BETWEEN 10 AND 100

-- name: order of and and or
SELECT count(*) AS n FROM trials WHERE status = 'diverged' OR network_depth = 2 AND optimizer_rate = 0.5

-- name: numbers with exponents
SELECT count(*) FILTER (WHERE train_loss < 1e-2) AS small, count(*) FILTER (WHERE train_loss > 1E+100) AS large, 1e-3 AS thousandth FROM trials

-- name: a remainder
SELECT trial % 6 AS place, count(*) AS n FROM trials WHERE trial % 2 = 1 GROUP BY trial % 6 ORDER BY place

-- name: arithmetic with null is null
SELECT trial, steps - tolerance_steps AS after, core_width * 2 AS double_width FROM trials WHERE trial IN (8, 11, 20, 26) ORDER BY trial

-- name: division by a fraction
SELECT trial, steps / 4.0 AS quarter, 2.0 / optimizer_rate AS edge FROM trials WHERE trial IN (0, 6, 12) ORDER BY trial

-- name: division by null is null
SELECT count(*) AS n FROM trials WHERE train_loss / nullif(optimizer_weight_decay, 0) IS NULL

-- name: casts
SELECT CAST(train_loss * 1000 AS INTEGER) AS thousandths, CAST(steps AS VARCHAR) || ' steps' AS text, CAST('12' AS BIGINT) + 1 AS number, CAST(steps AS DOUBLE) / 3 AS third FROM trials WHERE trial = 44

-- name: casts by two colons
SELECT steps::DOUBLE / 3 AS third, '7'::INTEGER + 1 AS eight, network_depth::VARCHAR || 'x' AS text FROM trials WHERE trial = 0

-- name: a cast of text that is no number
SELECT try_cast(init_kind AS INTEGER) AS nothing, try_cast('15' AS INTEGER) AS fifteen FROM trials WHERE trial = 0

-- name: quoted names
SELECT "trial", "train_loss" AS "loss of training" FROM "trials" WHERE "trial" = 3

-- name: names in upper case
SELECT Trial, TRAIN_LOSS FROM Trials WHERE STATUS = 'completed' AND trial < 3 ORDER BY TRIAL

-- name: a quote within a text
SELECT 'it''s' AS text, count(*) AS n FROM trials WHERE init_kind <> 'it''s'

-- name: comments
-- The trials that went wrong.
SELECT count(*) AS n /* all of them */ FROM trials -- of the run
WHERE status = 'diverged'

-- name: a keyword as an alias
SELECT count(*) AS "order", max(steps) AS "limit" FROM trials

-- name: a column named index
SELECT layer, index, max(value) AS value FROM spectra WHERE trial = 20 AND step = 200 AND index <= 2 GROUP BY layer, index ORDER BY layer, index

-- name: a Boolean as text
SELECT coalesce(CAST(problem_whiten AS VARCHAR), 'none') AS whiten, count(*) AS n FROM trials GROUP BY whiten ORDER BY whiten

-- name: a float as text
SELECT CAST(train_loss AS VARCHAR) AS loss, init_kind || ' ' || optimizer_rate AS cell FROM trials WHERE trial IN (0, 6, 12) ORDER BY trial

-- name: pairs compared
SELECT trial, (steps, network_depth) = (200, 2) AS same FROM trials WHERE trial IN (0, 12, 90) ORDER BY trial

-- name: if
SELECT if(steps > 100, 'long', 'short') AS course, count(*) AS n FROM trials GROUP BY course ORDER BY course

-- name: a fraction without a leading zero
SELECT count(*) AS n FROM trials WHERE train_loss BETWEEN 1e-3 AND .01

-- name: a semicolon at the end
SELECT count(*) AS n FROM trials;

-- name: an alias with spaces
SELECT optimizer_rate AS "rate of descent", count(*) AS n FROM trials GROUP BY "rate of descent" ORDER BY "rate of descent" DESC

-- name: small letters and lines
select
    network_depth,
    count(*) as n
from trials
where status = 'completed'
group by network_depth
order by network_depth

-- name: large integers stay exact
SELECT 9007199254740993 AS large, max(trial) + 9007199254740993 AS larger FROM trials
