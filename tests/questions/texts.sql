-- name: like distinguishes capital letters
SELECT count(*) FILTER (WHERE init_kind LIKE 'G%') AS upper_case, count(*) FILTER (WHERE init_kind LIKE 'g%') AS lower_case FROM trials

-- name: like with one letter
SELECT count(*) AS n FROM trials WHERE engine LIKE 'f_ll'

-- name: not like
SELECT DISTINCT init_kind FROM trials WHERE init_kind NOT LIKE '%ss%'

-- name: like with an escape
SELECT count(*) AS n FROM trials WHERE measure_metrics LIKE '%train!_loss%' ESCAPE '!'

-- name: ilike
SELECT count(*) AS n FROM trials WHERE init_kind ILIKE 'G%'

-- name: like on null
SELECT count(*) AS n FROM trials WHERE error LIKE '%' OR error NOT LIKE '%'

-- name: texts joined
SELECT init_kind || '-' || network_depth AS cell, count(*) AS n FROM trials GROUP BY cell ORDER BY cell

-- name: null within joined texts
SELECT trial, 'width ' || core_width AS width FROM trials WHERE trial IN (0, 18) ORDER BY trial

-- name: concat leaves nulls out
SELECT trial, concat(init_kind, ' ', core_width, ' ', optimizer_kind) AS text, concat_ws('/', init_kind, error, engine) AS path FROM trials WHERE trial IN (0, 18) ORDER BY trial

-- name: upper and lower case
SELECT upper(status) AS loud, lower('ABC') AS quiet FROM trials WHERE trial IN (0, 12) ORDER BY trial

-- name: length
SELECT init_kind, length(init_kind) AS letters, length('größe') AS of_utf8 FROM trials GROUP BY init_kind ORDER BY init_kind

-- name: parts of a text
SELECT substr(init_kind, 1, 4) AS first, substring(init_kind, 3) AS rest, substr(init_kind, -3) AS last FROM trials WHERE trial = 0

-- name: left and right
SELECT DISTINCT left(init_kind, 3) AS first, right(init_kind, 2) AS last FROM trials ORDER BY first

-- name: replace and trim
SELECT replace(init_kind, 'o', '0') AS replaced, trim('  x ') AS trimmed, ltrim('xxy', 'x') AS cut, rtrim('y  ') || '.' AS ended FROM trials WHERE trial = 0

-- name: place of a text
SELECT instr(init_kind, 'n') AS at, strpos(init_kind, 'z') AS nowhere FROM trials WHERE trial = 0

-- name: contains and begins
SELECT DISTINCT init_kind, contains(init_kind, 'ssi') AS has, starts_with(init_kind, 'orth') AS begins, ends_with(init_kind, 'l') AS ends FROM trials ORDER BY init_kind

-- name: padding
SELECT lpad(CAST(trial AS VARCHAR), 4, '0') AS number, rpad(engine, 8, '.') AS name, repeat('-', 3) AS line FROM trials WHERE trial IN (7, 101) ORDER BY trial

-- name: split
SELECT split_part('a/b/c', '/', 2) AS second, split_part(problem_kind, 'i', 1) AS first FROM trials WHERE trial = 2

-- name: regular expressions
SELECT count(*) AS n FROM trials WHERE regexp_matches(init_kind, '^g.*n$')

-- name: part of a text by a regular expression
SELECT DISTINCT regexp_extract(init_kind, '[a-z]h') AS part, regexp_replace(init_kind, '[aeiou]', '_') AS one FROM trials ORDER BY part

-- name: texts compare by their bytes
SELECT 'Z' < 'a' AS upper_first, 'abc' < 'abd' AS letters, '10' < '9' AS digits, 'é' > 'z' AS accent

-- name: least and greatest of a row
SELECT trial, least(steps, 100) AS cut, greatest(network_depth, 3) AS deep FROM trials WHERE trial IN (0, 12, 90) ORDER BY trial

-- name: begins with a letter of an id
SELECT count(*) AS n FROM trials WHERE id LIKE '0%' OR id < '1'

-- name: an id
SELECT trial, init_kind, length(id) AS letters FROM trials WHERE id = (SELECT min(id) FROM trials)

-- name: a metric in the list
SELECT count(*) AS n FROM trials WHERE measure_metrics LIKE '%"spectrum"%'
