-- name: the tables
SHOW TABLES

-- name: the columns of a table
-- columns: column_name column_type
DESCRIBE spectra

-- name: the columns of history
-- columns: column_name column_type
DESCRIBE history

-- name: the columns of layers in small letters
-- columns: column_name column_type
describe layers

-- name: a summary of a table
-- columns: column_name column_type min max count
SUMMARIZE layers
