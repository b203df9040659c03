-- name: a time
SELECT trial, started_at FROM trials WHERE trial < 4 ORDER BY trial

-- name: first and last time
SELECT min(started_at) AS first, max(started_at) AS last FROM trials

-- name: rounded down to a minute
SELECT date_trunc('minute', started_at) AS minute, count(*) AS n FROM trials GROUP BY minute ORDER BY minute

-- name: rounded down to an hour
SELECT CAST(date_trunc('hour', started_at) AS VARCHAR) AS hour, count(*) AS n FROM trials GROUP BY hour ORDER BY hour

-- name: parts of a time
SELECT DISTINCT date_part('year', started_at) AS year, date_part('month', started_at) AS month, date_part('day', started_at) AS day, date_part('hour', started_at) AS hour FROM trials

-- name: extract
SELECT DISTINCT extract(year FROM started_at) AS year, extract(minute FROM started_at) AS minute FROM trials ORDER BY minute

-- name: year and month by name
SELECT DISTINCT year(started_at) AS year, month(started_at) AS month, day(started_at) AS day FROM trials

-- name: formatted
SELECT DISTINCT strftime(started_at, '%Y-%m-%d') AS day, strftime(started_at, '%H h %M') AS hour FROM trials ORDER BY hour

-- name: groups by a formatted time
SELECT strftime(started_at, '%Y-%m') AS month, count(*) AS n FROM trials GROUP BY month ORDER BY month

-- name: compared with a text
SELECT count(*) AS n FROM trials WHERE started_at >= '2020-01-01' AND started_at < '2200-01-01 00:00:00'

-- name: between two times of the table
SELECT count(*) AS n FROM trials WHERE started_at > (SELECT started_at FROM trials WHERE trial = 10) AND started_at <= (SELECT max(started_at) FROM trials WHERE trial <= 20)

-- name: hours between
SELECT date_diff('hour', TIMESTAMP '2026-03-01 08:30:00', TIMESTAMP '2026-03-02 10:15:00') AS hours, date_diff('day', TIMESTAMP '2026-03-01 23:59:00', TIMESTAMP '2026-03-02 00:01:00') AS days, date_diff('minute', TIMESTAMP '2026-03-01 08:30:50', TIMESTAMP '2026-03-01 08:32:10') AS minutes

-- name: seconds since the first
SELECT trial, date_diff('microsecond', (SELECT min(started_at) FROM trials), started_at) AS microseconds FROM trials WHERE trial < 6 ORDER BY trial

-- name: ordered by time
SELECT trial FROM trials WHERE trial < 12 ORDER BY started_at, trial

-- name: seconds of the epoch
SELECT epoch(TIMESTAMP '2026-03-01 08:30:00') AS seconds

-- name: time to the next start
SELECT count(*) AS n, min(gap) >= 0 AS forward FROM (SELECT date_diff('microsecond', lag(started_at) OVER (ORDER BY started_at), started_at) AS gap FROM trials) AS gaps WHERE gap IS NOT NULL

-- name: the day
SELECT CAST(started_at AS DATE) AS day, count(*) AS n FROM trials GROUP BY day ORDER BY day

-- name: a format in front of the time
SELECT DISTINCT strftime('%Y-%m-%d %H', started_at) AS hour FROM trials

-- name: names and numbers of a day
SELECT dayname(started_at) AS day, monthname(started_at) AS month, quarter(started_at) AS quarter, hour(started_at) AS hour FROM trials WHERE trial = 0

-- name: rounded down to several units
SELECT date_trunc('month', started_at) AS month, date_trunc('week', started_at) AS week, date_trunc('second', started_at) AS second FROM trials WHERE trial = 0
