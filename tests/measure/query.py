#!/usr/bin/env python3
"""Seconds and memory of twelve queries over large run folders, side by side with DuckDB and with another build.

    tests/measure/query.py make FOLDER --program P [--trials 1000000] [--rows 10]
    tests/measure/query.py ask FOLDER --program P [--old P] [--repeats 3] [--only NAME ...]

`make` has the program write a small run folder and fills a new one with invented rows of the same schema: that many
trials, ten rows of `history`, eight of `spectra` and three of `layers` each, parts of the size and compression that the program writes. `ask` prints a
Markdown table: seconds on the clock (of all cores), both medians, and peak memory of each program for each query. A
program that refuses a query or runs longer than the limit says so; an answer that is not DuckDB's is marked, and so
is one over the limits in the code. Needs Python with duckdb and pyarrow.
"""
import argparse
import csv
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TABLES = ["trials", "history", "spectra", "layers"]
HERE = os.path.dirname(os.path.abspath(__file__))
TEMPLATE = os.path.join(HERE, "..", "questions", "grid.toml")
# As the program writes them.
GROUP_ROWS = 1 << 16
PART_ROWS = 40 * GROUP_ROWS
# Longest wait for one answer.
LIMIT_SECONDS = 300

# A grid of 5 depths, 4 starts, 25 rates, 20 widths, 2 engines and as many replicates as fill the table. Numbers are
# drawn by a multiplicative hash, so that every version of every program makes the same ones.
DRAW = "(((({0}) * 2654435761 + {1} * 40503) % 4294967296) / 4294967296.0)"


def draw(of, salt):
    return DRAW.format(of, salt)


TRIALS = {
    "trial": "t",
    "id": "md5(t::VARCHAR)",
    "network_depth": "2 + t % 5",
    "init_kind": "['orthogonal', 'gaussian', 'uniform', 'balanced'][1 + (t // 5) % 4]",
    "optimizer_rate": "0.001 * pow(1.5, (t // 20) % 25)",
    "network_width": "10 * (1 + (t // 500) % 20)",
    "train_engine": "['full', 'reduced'][1 + (t // 10000) % 2]",
    "engine": "['full', 'reduced'][1 + (t // 10000) % 2]",
    "replicate": "t // 20000",
    "status": f"CASE WHEN {draw('t', 1)} < 0.07 THEN 'diverged' ELSE 'completed' END",
    "steps": f"CAST(1000 * {draw('t', 2)} AS BIGINT) + 1",
    "train_loss": f"exp(-12 * {draw('t', 3)})",
    "test_loss": f"CASE WHEN {draw('t', 4)} < 0.3 THEN NULL ELSE exp(-10 * {draw('t', 5)}) END",
    "effective_rank": f"1 + 20 * {draw('t', 6)}",
    "tolerance_steps": f"CASE WHEN {draw('t', 7)} < 0.5 THEN NULL ELSE CAST(900 * {draw('t', 8)} AS BIGINT) END",
    "core_width": "CASE WHEN (t // 10000) % 2 = 0 THEN NULL ELSE 10 END",
    "flops": f"1e6 * floor(1000 * {draw('t', 9)})",
    "setup_seconds": f"1e-4 * {draw('t', 10)}",
    "train_seconds": f"1e-2 * {draw('t', 11)}",
    "measure_seconds": f"1e-3 * {draw('t', 12)}",
    "worker": "'worker-' || (t % 16)",
    "host": "'node-' || (t % 16)",
    "started_at": "TIMESTAMPTZ '2025-01-01 00:00:00+00' + to_microseconds(t * 7919)",
}
HISTORY = {
    "trial": "t",
    "id": "md5(t::VARCHAR)",
    "step": "100 * s",
    "train_loss": f"exp(-s * {draw('t', 13)}) + 1e-3 * {draw('31 * t + s', 14)}",
    "test_loss": f"CASE WHEN {draw('t', 4)} < 0.3 THEN NULL ELSE exp(-s * {draw('t', 15)}) END",
    "effective_rank": f"1 + s + {draw('31 * t + s', 16)}",
}
LAST = TRIALS["steps"]
# Start and end, two layers, two singular values.
SPECTRA = {
    "trial": "t",
    "id": "md5(t::VARCHAR)",
    "step": f"CASE WHEN s < 4 THEN 0 ELSE {LAST} END",
    "layer": "1 + (s // 2) % 2",
    "index": "1 + s % 2",
    "value": f"exp(-(s % 2) - 3 * {draw('31 * t + s', 17)})",
    "multiplicity": "1",
    "left_angle": f"CASE WHEN s < 4 THEN NULL ELSE 1.5 * {draw('31 * t + s', 18)} END",
    "right_angle": f"CASE WHEN s < 4 THEN NULL ELSE 1.5 * {draw('31 * t + s', 19)} END",
}
# The inputs and two layers, at the end.
LAYERS = {
    "trial": "t",
    "id": "md5(t::VARCHAR)",
    "step": LAST,
    "layer": "s",
    "separation": f"pow(10, -s) * (0.5 + {draw('31 * t + s', 20)})",
    "balancedness": "NULL",
    "effective_rank": f"1 + 5 * {draw('31 * t + s', 21)}",
}
DETAIL = {"history": HISTORY, "spectra": SPECTRA, "layers": LAYERS}

# Seconds that an answer may take: scans, groups and joins; windows, quantiles and sorts. Up to 10^5 trials and above.
FAST, SLOW = (0.5, 5.0), (2.0, 20.0)
SMALL_TRIALS = 100_000
# Megabytes that an answer may take.
MOST_MEGABYTES = 1536

# Name, seconds, statement.
QUESTIONS = [
    ("scan", FAST, "SELECT count(*) AS n, avg(train_loss) AS mean, min(train_loss) AS best, max(step) AS last FROM history WHERE step >= 500 AND train_loss < 0.5"),
    ("group", FAST, "SELECT network_depth, init_kind, optimizer_rate, count(*) AS n, avg(train_loss) AS mean, min(test_loss) AS best FROM trials GROUP BY network_depth, init_kind, optimizer_rate ORDER BY network_depth, init_kind, optimizer_rate"),
    ("group history", FAST, "SELECT step, count(*) AS n, avg(train_loss) AS mean, min(train_loss) AS least, max(train_loss) AS most FROM history GROUP BY step ORDER BY step"),
    ("join by id", FAST, "SELECT network_depth, step, avg(h.train_loss) AS mean FROM history h JOIN trials t ON h.id = t.id GROUP BY network_depth, step ORDER BY network_depth, step"),
    ("join by trial", FAST, "SELECT init_kind, step, avg(h.train_loss) AS mean, count(*) AS n FROM history h JOIN trials t ON h.trial = t.trial WHERE t.status = 'completed' GROUP BY init_kind, step ORDER BY init_kind, step"),
    ("baseline", FAST, "SELECT a.network_depth, count(*) AS n, avg(a.train_loss / b.train_loss) AS ratio FROM trials a JOIN trials b ON a.replicate = b.replicate AND a.network_width = b.network_width AND a.optimizer_rate = b.optimizer_rate AND a.init_kind = b.init_kind AND a.engine = b.engine AND b.network_depth = 2 GROUP BY a.network_depth ORDER BY a.network_depth"),
    ("window", SLOW, "SELECT step, count(*) AS n, avg(drop) AS mean, max(drop) AS most FROM (SELECT step, lag(train_loss) OVER (PARTITION BY trial ORDER BY step) - train_loss AS drop FROM history) GROUP BY step ORDER BY step"),
    ("quantiles", SLOW, "SELECT step, median(train_loss) AS half, quantile_cont(train_loss, 0.9) AS most FROM history GROUP BY step ORDER BY step"),
    ("sort", SLOW, "SELECT trial, step, train_loss FROM history ORDER BY train_loss, trial, step LIMIT 10 OFFSET 500000"),
    ("count distinct", SLOW, "SELECT count(DISTINCT id) AS ids, count(DISTINCT step) AS steps, count(DISTINCT train_loss) AS losses FROM history"),
    ("best per group", SLOW, "SELECT network_depth, init_kind, optimizer_rate, place, trial, train_loss FROM (SELECT network_depth, init_kind, optimizer_rate, trial, train_loss, row_number() OVER (PARTITION BY network_depth, init_kind, optimizer_rate ORDER BY train_loss, trial) AS place FROM trials WHERE status = 'completed') WHERE place <= 3 ORDER BY network_depth, init_kind, optimizer_rate, place"),
    ("sort all rows out", SLOW, "SELECT trial, step, train_loss FROM history ORDER BY train_loss DESC, trial, step"),
]


def make(folder, program, trials, rows):
    """A run folder of that many trials, with rows of history a trial."""
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

    if os.path.exists(folder):
        sys.exit(f"{folder} is there already")
    with tempfile.TemporaryDirectory() as home:
        small = os.path.join(home, "grid")
        words = [program, "run", TEMPLATE, "--out", small, "--threads", "2"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.makedirs(folder)
        shutil.copy(os.path.join(small, "sweep.toml"), folder)
        database = duckdb.connect()
        database.execute("SET TimeZone = 'UTC'")
        database.execute("SET preserve_insertion_order = true")
        for table in TABLES:
            os.makedirs(os.path.join(folder, table))
            shutil.copy(os.path.join(small, table, "schema.parquet"), os.path.join(folder, table))
            part = os.path.join(small, table, "part-00000001.parquet")
            schema = pq.ParquetFile(part).schema_arrow
            labels = {key: value for key, value in (pq.ParquetFile(part).metadata.metadata or {}).items() if key in (b"parsimony.schema", b"parsimony.schema_version", b"parsimony.version")}
            each = {"trials": 1, "history": rows, "spectra": 8, "layers": 3}[table]
            source = DETAIL.get(table, TRIALS)
            wanted = f"range({trials}) r(t), range({each}) q(s)"
            first = f"(SELECT * FROM '{part}' LIMIT 1) first"
            columns = [f'{source[name]} AS "{name}"' if name in source else f'first."{name}"' for name in schema.names]
            write(database, columns, wanted, first, schema, labels, folder, table, trials, each)
    print(f"{folder}: {trials} trials, {trials * rows} rows of history")


def write(database, columns, wanted, first, schema, labels, folder, table, trials, rows):
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([field.remove_metadata() for field in schema], metadata=labels)
    step = PART_ROWS // rows
    for number, begin in enumerate(range(0, trials, step), 1):
        end = min(begin + step, trials)
        ranges = wanted.replace(f"range({trials})", f"range({begin}, {end})", 1)
        sql = f"SELECT {', '.join(columns)} FROM {ranges}, {first} ORDER BY t, s"
        path = os.path.join(folder, table, f"part-{number:08}.parquet")
        reader = database.sql(sql).to_arrow_reader(GROUP_ROWS)
        with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as out:
            rows_of = pa.Table.from_batches(list(reader)).cast(schema)
            out.write_table(rows_of, row_group_size=GROUP_ROWS)


DUCKDB = """
import csv, sys, duckdb
folder, sql = sys.argv[1:3]
database = duckdb.connect()
database.execute("SET TimeZone = 'UTC'")
database.execute("SET enable_progress_bar = false")
for table in ["trials", "history", "spectra", "layers"]:
    path = f"{folder}/{table}/*.parquet"
    database.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{path}', union_by_name = true, hive_partitioning = false)")
database.execute(f"COPY ({sql}) TO '/dev/stdout' (FORMAT csv, HEADER)")
"""


# Where Python begins to report an error; its last line says what it was.
TRACEBACK = "Traceback (most recent call last):"


class Answer:
    """Of one program: seconds on the clock and of all cores, megabytes, the rows, or why there are none."""

    def __init__(self, seconds, cores, megabytes, rows, refused):
        self.seconds, self.cores, self.megabytes, self.rows, self.refused = seconds, cores, megabytes, rows, refused


def ask(words):
    """Runs a command to its end; its peak memory is the kernel's."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.monotonic()
        child = subprocess.Popen(words, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        status = usage = None
        while status is None:
            pid, code, used = os.wait4(child.pid, os.WNOHANG)
            if pid:
                status, usage = code, used
            elif time.monotonic() - begun > LIMIT_SECONDS:
                child.kill()
                os.wait4(child.pid, 0)
                child.returncode = -9
                return Answer(LIMIT_SECONDS, 0, 0, None, f"over {LIMIT_SECONDS} s")
            else:
                time.sleep(0.002)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begun
        megabytes, cores = usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime
        if child.returncode != 0:
            err.seek(0)
            said = err.read().decode(errors="replace").strip().splitlines()
            print(f"refused: {' '.join(said[:2] if said[:1] != [TRACEBACK] else said[-1:])[:200]}", file=sys.stderr)
            return Answer(seconds, cores, megabytes, None, "refused")
        return Answer(seconds, cores, megabytes, summary(out), None)


# Significant digits in which answers have to agree.
DIGITS = 9


def summary(out):
    """Rows of a CSV file in a form that does not depend on how numbers are printed: their count, the first hundred, and
    a sum over all that takes no notice of order."""
    out.seek(0)
    lines = (line.decode() for line in out)
    reader = csv.reader(lines)
    header, count, sums, first = next(reader), 0, 0, []
    for row in reader:
        count += 1
        cells = tuple(plain(cell) for cell in row)
        sums = (sums + hash_of(cells)) % (1 << 64)
        if len(first) < 100:
            first.append(cells)
    return len(header), count, sums, first


def hash_of(cells):
    import zlib

    return zlib.crc32("\x1f".join(cells).encode()) * 2654435761


def plain(cell):
    try:
        number = float(cell)
    except ValueError:
        return cell
    # The last digit may be rounded either way.
    return f"{number:.{DIGITS}g}" if math.isfinite(number) else cell


def same(a, b):
    if a[0] != b[0] or a[1] != b[1]:
        return False
    if a[2] == b[2]:
        return True
    if a[1] > 100:
        return False
    close = lambda x, y: x == y or number(x) is not None and number(y) is not None and math.isclose(number(x), number(y), rel_tol=1e-8)
    return all(close(x, y) for left, right in zip(sorted(a[3]), sorted(b[3])) for x, y in zip(left, right))


def number(cell):
    try:
        return float(cell)
    except ValueError:
        return None


def measured(words, repeats):
    answers = [ask(words)]
    while answers[0].refused is None and len(answers) < repeats:
        answers.append(ask(words))
    seconds = statistics.median(answer.seconds for answer in answers)
    cores = statistics.median(answer.cores for answer in answers)
    megabytes = max(answer.megabytes for answer in answers)
    return Answer(seconds, cores, megabytes, answers[0].rows, answers[0].refused)


def cell(answer, right, seconds):
    """An answer as it stands in the table; what is wrong with it in bold."""
    if answer.refused:
        return answer.refused
    marks = ""
    if right is not None and right.rows is not None and not same(answer.rows, right.rows):
        marks += " **wrong**"
    if answer.seconds > seconds:
        marks += f" **over {seconds} s**"
    if answer.megabytes > MOST_MEGABYTES:
        marks += " **over 1.5 GB**"
    return f"{answer.seconds:.2f} s ({answer.cores:.2f}), {answer.megabytes:.0f} MB{marks}"


def trials_of(folder):
    import duckdb

    sql = f"SELECT count(*) FROM read_parquet('{folder}/trials/*.parquet', union_by_name = true, hive_partitioning = false)"
    return duckdb.sql(sql).fetchall()[0][0]


def compare(folder, program, old, repeats, only):
    names = ["query", "parsimony"] + (["old"] if old else []) + ["DuckDB", "rows"]
    print("| " + " | ".join(names) + " |")
    print("|" + " --- |" * len(names))
    large = trials_of(folder) > SMALL_TRIALS
    for name, limits, sql in QUESTIONS:
        if only and name not in only:
            continue
        limit = limits[large]
        duck = measured([sys.executable, "-c", DUCKDB, folder, sql], repeats)
        ours = [measured([one, "query", folder, sql, "--csv"], repeats) for one in [program] + ([old] if old else [])]
        count = duck.rows[1] if duck.rows else "?"
        row = [name] + [cell(answer, duck, limit) for answer in ours] + [cell(duck, None, math.inf), str(count)]
        print("| " + " | ".join(row) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "ask"])
    parser.add_argument("folder")
    parser.add_argument("--program", required=True)
    parser.add_argument("--old")
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*")
    words = parser.parse_args()
    if words.what == "make":
        make(words.folder, words.program, words.trials, words.rows)
    else:
        compare(words.folder, words.program, words.old, words.repeats, words.only)


if __name__ == "__main__":
    main()
