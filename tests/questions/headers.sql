-- name: of a count of rows
SELECT count(*) FROM trials

-- name: of aggregates
SELECT min(train_loss), max(train_loss), avg(steps), sum(steps), count(test_loss) FROM trials

-- name: of an aggregate of distinct values
SELECT count(DISTINCT init_kind) FROM trials

-- name: of keys and aggregates
SELECT status, count(*), avg(network_depth) FROM trials GROUP BY status ORDER BY status

-- name: of a qualified column
SELECT t.trial, t.status FROM trials t WHERE t.trial = 3

-- name: of columns with one name
SELECT a.trial, b.trial FROM trials a JOIN trials b ON a.trial = b.trial WHERE a.trial = 3

-- name: of an expression
SELECT steps + 1, train_loss * 2 FROM trials WHERE trial = 12

-- name: of a function
SELECT round(train_loss, 2), upper(status), abs(steps) FROM trials WHERE trial = 0

-- name: of one expression twice
SELECT count(*), count(*) FROM trials

-- name: of an alias without AS
SELECT count(*) n, max(steps) longest FROM trials

-- name: of a star
SELECT * FROM layers WHERE trial = 20 AND step = 0 ORDER BY layer

-- name: of a star and more
SELECT *, layer + 1 AS next FROM layers WHERE trial = 20 AND step = 0 AND layer = 1

-- name: of an upper case function
SELECT COUNT(*), MAX(steps) FROM trials

-- name: of a subquery's columns
SELECT * FROM (SELECT status, count(*) AS n FROM trials GROUP BY status) AS s ORDER BY status
