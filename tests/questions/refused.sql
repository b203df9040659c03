-- name: nothing
-- says: error
--

-- name: half a statement
-- says: error
SELECT

-- name: two statements
-- says: error
SELECT 1; SELECT 2

-- name: an unknown column
-- says: train_loss
SELECT train_los FROM trials

-- name: an unknown column in a condition
-- says: optimizer_rate
SELECT count(*) FROM trials WHERE optimizer_rat > 1

-- name: an unknown column in double quotes
-- says: completed
SELECT count(*) FROM trials WHERE status = "completed"

-- name: an unknown column of a table
-- says: separation
SELECT l.seperation FROM layers l

-- name: an unknown table
-- says: trials
SELECT count(*) FROM trails

-- name: an unknown function
-- says: nosuch
SELECT nosuch(train_loss) FROM trials

-- name: a column of two tables
-- says: train_loss
SELECT train_loss FROM trials t JOIN history h ON t.trial = h.trial

-- name: a column next to an aggregate
-- says: init_kind
SELECT init_kind, count(*) FROM trials

-- name: a column that is no key
-- says: init_kind
SELECT network_depth, init_kind, count(*) FROM trials GROUP BY network_depth

-- name: an aggregate in a condition
-- says: error
SELECT trial FROM trials WHERE count(*) > 1

-- name: a window in a condition
-- says: error
SELECT trial FROM trials WHERE row_number() OVER (ORDER BY trial) = 1

-- name: sets of different widths
-- says: error
SELECT trial FROM trials UNION SELECT trial, steps FROM trials

-- name: two columns where one is due
-- says: error
SELECT (SELECT trial, steps FROM trials) AS x

-- name: an order by a column that is not there
-- says: error
SELECT trial FROM trials ORDER BY 7

-- name: a new table
-- says: error
CREATE TABLE mine AS SELECT 1 AS x

-- name: a new row
-- says: error
INSERT INTO trials (trial) VALUES (1000)

-- name: a change
-- says: error
UPDATE trials SET status = 'completed'

-- name: a removal
-- says: error
DELETE FROM trials

-- name: the end of a table
-- says: error
DROP TABLE trials

-- name: a change with a table expression
-- says: error
WITH x AS (SELECT 1 AS y) DELETE FROM trials

-- name: another database
-- says: error
ATTACH 'other.sqlite' AS other

-- name: a copy of the database
-- says: error
VACUUM INTO 'copy.sqlite'

-- name: a setting
-- says: error
PRAGMA database_list

-- name: a transaction
-- says: error
BEGIN

-- name: an extension
-- says: error
SELECT load_extension('x')

-- name: a file read
-- says: error
SELECT readfile('sweep.toml')

-- name: a file written
-- says: error
SELECT writefile('x', 'y')

-- name: a file as a table
-- says: error
SELECT * FROM 'grid/trials/part-00000001.parquet'

-- name: a join without a condition
-- says: ON
SELECT count(*) FROM trials JOIN history

-- name: the mean of a text
-- says: init_kind
SELECT avg(init_kind) FROM trials

-- name: the sum of a text
-- says: status
SELECT sum(status) FROM trials

-- name: an order by a column that is no key
-- says: trial
SELECT network_depth FROM trials GROUP BY network_depth ORDER BY trial

-- name: the difference of two times
-- says: date_diff
SELECT max(started_at) - min(started_at) FROM trials

-- name: a text as a condition
-- says: status
SELECT count(*) FROM trials WHERE status

-- name: a number compared with a text
-- says: steps
SELECT count(*) FROM trials WHERE steps = 'many'

-- name: a text plus a number
-- says: init_kind
SELECT init_kind + 1 FROM trials

-- name: a cast of a text that is no number
-- says: abc
SELECT CAST('abc' AS INTEGER)

-- name: a value of several rows
-- says: more than one row
SELECT trial, (SELECT step FROM history) AS step FROM trials
