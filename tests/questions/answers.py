#!/usr/bin/env python3
"""DuckDB's answers to the questions of this folder.

    answers.py          writes NAME.answers for each NAME.sql
    answers.py check    asks again and compares with what is stored; exits 1 where an answer differs
    answers.py print    writes all answers to standard output, as the tests read them

README.md says what the files hold. Needs Python with duckdb.
"""
import csv
import datetime
import decimal
import io
import math
import os
import sys

import duckdb

HERE = os.path.dirname(os.path.abspath(__file__))
TABLES = ["trials", "history", "spectra", "layers"]
OPTIONS = ["name", "runs", "columns", "duckdb", "says"]


def numbered(names):
    """As DuckDB names the columns of a data frame: a name that is there already has a number."""
    header = []
    for name in names:
        number, free = 0, name
        while free in header:
            number += 1
            free = f"{name}_{number}"
        header.append(free)
    return header


def questions(path):
    """Dictionaries of a file: a line `-- OPTION: VALUE` sets an option, `name` begins a question."""
    found = []
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        option, _, value = line.removeprefix("-- ").partition(": ")
        if line.startswith("-- ") and option in OPTIONS:
            if option == "name":
                found.append({"name": value, "sql": ""})
            found[-1][option] = value
        elif line.strip() and found:
            found[-1]["sql"] += line + "\n"
    return found


def connection(runs):
    """DuckDB with the four tables of these run folders as views. Programs that wrote unsigned integers are read as
    those that write signed ones."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    for table in TABLES:
        parts = []
        for run in runs:
            source = f"read_parquet('{HERE}/{run}/{table}/*.parquet', union_by_name = true, hive_partitioning = false)"
            columns = []
            for name, kind, *_ in database.execute(f"DESCRIBE SELECT * FROM {source}").fetchall():
                cast = {"UBIGINT": "BIGINT", "UINTEGER": "BIGINT", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP"}.get(kind)
                columns.append(f'"{name}"::{cast} AS "{name}"' if cast else f'"{name}"')
            named = f"'{run}' AS run, " if len(runs) > 1 else ""
            parts.append(f"SELECT {named}{', '.join(columns)} FROM {source}")
        database.execute(f"CREATE VIEW {table} AS {' UNION ALL BY NAME '.join(parts)}")
    return database


def text(value):
    """A value as CSV holds it: nothing for null, floats to the last bit."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else {math.inf: "inf", -math.inf: "-inf"}.get(value, "NaN")
    if isinstance(value, decimal.Decimal):
        return repr(float(value))
    if isinstance(value, (datetime.datetime, datetime.date)):
        return str(value)
    if isinstance(value, (int, str)):
        return str(value)
    raise SystemExit(f"no text for {type(value)}: {value!r}")


def answers(path, databases):
    """The answers to a file's questions as text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for question in questions(path):
        runs = tuple(question.get("runs", "grid").split())
        if runs not in databases:
            databases[runs] = connection(runs)
        try:
            result = databases[runs].execute(question.get("duckdb", question["sql"]))
        except duckdb.Error as error:
            raise SystemExit(f"{os.path.basename(path)}: {question['name']}: {error}")
        header, rows = numbered([column[0] for column in result.description]), result.fetchall()
        if "columns" in question:
            kept = [header.index(name) for name in question["columns"].split()]
            header, rows = [header[at] for at in kept], [[row[at] for at in kept] for row in rows]
        out.write(f"-- name: {question['name']}\n")
        writer.writerow(header)
        writer.writerows([text(value) for value in row] for row in rows)
    return out.getvalue()


def close(left, right):
    """Whether two files of answers are equal up to the last digits of floats."""
    a, b = left.splitlines(), right.splitlines()
    return len(a) == len(b) and all(x == y or close_lines(x, y) for x, y in zip(a, b))


def close_lines(left, right):
    a, b = next(csv.reader([left])), next(csv.reader([right]))
    return len(a) == len(b) and all(x == y or close_cells(x, y) for x, y in zip(a, b))


def close_cells(left, right):
    try:
        return math.isclose(float(left), float(right), rel_tol=1e-12)
    except ValueError:
        return False


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else "write"
    databases, differ = {}, []
    for name in sorted(os.listdir(HERE)):
        if not name.endswith(".sql") or name == "refused.sql":
            continue
        found = answers(os.path.join(HERE, name), databases)
        stored = os.path.join(HERE, name.removesuffix(".sql") + ".answers")
        if what == "write":
            with open(stored, "w", encoding="utf-8") as file:
                file.write(found)
        elif what == "print":
            sys.stdout.write(found)
        elif not close(found, open(stored, encoding="utf-8").read()):
            differ.append(name)
    if differ:
        raise SystemExit(f"answers differ: {', '.join(differ)}")


if __name__ == "__main__":
    main()
