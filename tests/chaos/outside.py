#!/usr/bin/env python3
"""Fuzzes the program from outside: sweep files, data files and SQL that nobody would write.

    tests/chaos/outside.py --program PATH [--seconds 60] [--seed N] [--kind sweep,data,sql|all] [--case NUMBER]

Each case is drawn from the seed and its number alone, so `--seed N --case NUMBER` runs one again. Whatever the input, the
program must answer in order: exit code 0, 2 or 3 (1 only for an I/O error), no signal, no panic, at most 10 seconds of
processor time and 2 GB of memory. The inputs of `corpus/`, which found something once, run first. An input that breaks
a rule is kept in a folder and printed with its command. Ends with `outside: 0 violations` and exit code 0, else 1.
"""

import argparse
import base64
import gzip
import io
import itertools
import json
import os
import random
import re
import resource
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
AT_A_TIME = 2
ADDRESS_SPACE = 6 << 30
LARGEST_RSS = 2 << 30
SLOW_SECONDS = 10.0
# A process is ended after this; three that are repeated alone still fit into two minutes.
KILL_SECONDS = 30.0
SLOW_CASES = 3
LARGEST_INPUT = 10_000_000
IO_ERROR = re.compile(r"os error \d+|broken pipe|input/output|no space left", re.IGNORECASE)
SMALL_SWEEP = """name = "small"
[axes]
"network.depth" = [2, 3]
"problem.rank" = [1, 2]
"init.kind" = ["orthogonal", "gaussian"]
[problem]
dim = 6
[train]
steps = 20
[measure]
every = 10
metrics = ["train_loss", "effective_rank", "spectrum", "angles", "balancedness"]
"""


@dataclass
class Case:
    """One call of the program. `{run}` and `{sweeps}` in words and texts stand for folders."""

    kind: str
    arguments: list[str]
    files: dict[str, bytes] = field(default_factory=dict)
    # The reader of standard output goes away after that many lines.
    close_after: int | None = None
    name: str = ""

    def as_json(self) -> str:
        def words(content: bytes) -> object:
            try:
                return content.decode()
            except UnicodeDecodeError:
                return {"base64": base64.b64encode(content).decode()}

        files = {name: words(content) for name, content in self.files.items()}
        return json.dumps({"kind": self.kind, "arguments": self.arguments, "close_after": self.close_after, "files": files}, indent=1)

    @staticmethod
    def read(path: Path) -> "Case":
        case = json.loads(path.read_text())
        files = {
            name: content.encode() if isinstance(content, str) else base64.b64decode(content["base64"]) * content.get("times", 1)
            for name, content in case["files"].items()
        }
        return Case(case["kind"], case["arguments"], files, case["close_after"], path.stem)


@dataclass
class Ended:
    code: int
    err: str
    wall: float
    cpu: float
    rss: int
    command: str

    def violation(self) -> str | None:
        if "panicked" in self.err:
            return "a panic"
        if self.cpu > SLOW_SECONDS:
            return f"{self.cpu:.1f} s of processor time"
        if self.code < 0:
            return f"killed by {signal.Signals(-self.code).name}"
        if self.code not in (0, 2, 3) and not (self.code == 1 and IO_ERROR.search(self.err)):
            return f"exit code {self.code}"
        if self.rss > LARGEST_RSS:
            return f"{self.rss >> 20} MB of memory"
        return None


class Fuzzer:
    """Runs cases and keeps those that break a rule."""

    def __init__(self, program: Path, work: Path, kept: Path) -> None:
        self.program, self.work, self.kept = program, work, kept
        self.run_folder = work / "run"
        self.lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()
        self.violations = 0
        self.slow: list[Case] = []

    def filled(self, text: str) -> str:
        return text.replace("{run}", str(self.run_folder)).replace("{sweeps}", str(ROOT / "sweeps"))

    def write(self, case: Case, folder: Path) -> list[str]:
        folder.mkdir(parents=True)
        for name, content in case.files.items():
            sweeps = str(ROOT / "sweeps").encode()
            (folder / name).write_bytes(content.replace(b"{sweeps}", sweeps) if name.endswith(".toml") else content)
        # An argument holds no NUL, and Linux takes 128 KiB in one.
        words = [self.filled(word).replace("\0", " ")[:100_000] for word in case.arguments]
        return [word.encode(errors="replace")[:120_000].decode(errors="ignore") for word in words]

    def call(self, case: Case, folder: Path) -> Ended:
        words = self.write(case, folder)
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "RUST_BACKTRACE": "0"}
        begin = time.monotonic()
        with open(folder / "stderr", "w+b") as err:
            process = subprocess.Popen(
                [str(self.program), *words], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err
            )
            timer = threading.Timer(KILL_SECONDS, os.kill, (process.pid, signal.SIGKILL))
            timer.start()
            assert process.stdout is not None
            if case.close_after is not None:
                for _ in range(case.close_after):
                    if not process.stdout.readline():
                        break
            else:
                while process.stdout.read(1 << 16):
                    pass
            process.stdout.close()
            _, status, usage = os.wait4(process.pid, 0)
            timer.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
            wall = time.monotonic() - begin
            err.seek(0)
            text = err.read(200_000).decode(errors="replace")
        cpu = usage.ru_utime + usage.ru_stime
        command = shlex.join(["parsimony", *words])
        return Ended(process.returncode, text, wall, cpu, usage.ru_maxrss * 1024, command)

    def check(self, case: Case, alone: bool = False) -> None:
        with self.lock:
            number = sum(self.counts.values())
            self.counts[case.kind] += 1
        folder = self.work / f"case-{number}-{case.name}"
        ended = self.call(case, folder)
        why = ended.violation()
        if ended.wall > SLOW_SECONDS and not alone and (why is None or ended.code == -signal.SIGKILL):
            # Others may have had the processor: judged once more, alone.
            with self.lock:
                self.slow.append(case)
            why = None
        with self.lock:
            self.codes[ended.code] += 1
            if why is not None:
                self.violations += 1
                self.keep(case, ended, why, folder)
        shutil.rmtree(folder, ignore_errors=True)

    def keep(self, case: Case, ended: Ended, why: str, folder: Path) -> None:
        kept = self.kept / f"{case.kind}-{case.name}"
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        (kept / "case.json").write_text(case.as_json())
        (kept / "command").write_text(ended.command + "\n")
        reason = [line for line in ended.err.splitlines() if line.strip()][:3]
        print(f"VIOLATION {case.kind} {case.name}: {why} ({ended.wall:.1f} s, {ended.rss >> 20} MB)")
        print(f"  cd {kept} && {ended.command[:300]}", *(f"  {line[:200]}" for line in reason), sep="\n", flush=True)


# Bytes and words.


def literals(text: str) -> list[str]:
    """Rust's string literals that look like sweep files."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', text, re.DOTALL)
    unescape: Callable[[str], str] = lambda s: s.replace('\\n', "\n").replace('\\"', '"').replace("{{", "{").replace("}}", "}")
    return [unescape(one) for one in found if "name = " in one and "[" in one]


def damaged(draw: random.Random, content: bytes, other: bytes) -> bytes:
    """Flips, cuts, doubles, overwrites or splices some bytes."""
    out = bytearray(content)
    if draw.random() < 0.5:
        # The length stays, and so do most formats' tables of offsets.
        for _ in range(draw.choice([1, 1, 2, 8])):
            if out:
                out[draw.randrange(len(out))] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, 0x30, draw.randrange(256)])
        return bytes(out)
    for _ in range(draw.choice([1, 1, 1, 2, 4, 16])):
        at = draw.randrange(len(out) + 1)
        to = min(len(out), at + draw.choice([1, 2, 4, 8, 100, 10_000]))
        match draw.randrange(7):
            case 0 if at < len(out):
                out[at] ^= 1 << draw.randrange(8)
            case 1:
                del out[at:]
            case 2:
                out[at:at] = out[at:to] * draw.choice([1, 2, 50])
            case 3:
                out[at:to] = draw.choice([b"\xff", b"\0", b"\x7f", b"\x80", b"9", b"\r", b'"']) * (to - at)
            case 4:
                out[at:] = other[draw.randrange(len(other) + 1) :]
            case 5:
                del out[at:to]
            case _:
                out[at : at + 8] = struct.pack("<q", draw.choice([-1, 0, 1, 1 << 31, 1 << 40, (1 << 63) - 1, -(1 << 63)]))
    return bytes(out[:LARGEST_INPUT])


NUMBERS = (
    "0 -1 1 2 3 7 64 1000 1000000 1000000000 4294967296 9223372036854775807 -9223372036854775808 18446744073709551616 "
    "0x7fffffffffffffff 0o7 1_0 -0.0 0.1 1e-3 1e308 -1e308 1e309 5e-324 1e-320 inf -inf nan 0.30000000000000004 1e15 1e18 9007199254740993.0"
).split()
WORDS = (
    '"" "é" "\\u0000" "\\U0001F600" "gd" "adam" "orthogonal" "gaussian" "file" "completion" "classification" "regression" '
    '"full" "factored" "train_loss" "f32" "relu" "../../x" "/dev/zero" "0..64" "0..18446744073709551615" true false 1979-05-27 1979-05-27T07:32:00Z'
).split()

SIZES = "0 1 2 3 7 64 1000 1000000 4294967295 4294967296 9223372036854775807 18446744073709551615".split()


def value(draw: random.Random, depth: int = 0) -> str:
    """A TOML value."""
    pick = lambda: draw.choice(NUMBERS)
    match draw.randrange(14 if depth < 4 else 4):
        case 0 | 1 | 2:
            return pick()
        case 3 | 4:
            return draw.choice(WORDS)
        case 5:
            return "[" + ", ".join(value(draw, depth + 1) for _ in range(draw.choice([0, 1, 2, 3, 30]))) + "]"
        case 6:
            return f"{{ range = [{pick()}, {pick()}]" + draw.choice(["", f", step = {pick()}"]) + " }"
        case 7:
            return f"{{ {draw.choice(['log', 'lin'])} = [{pick()}, {pick()}], points = {pick()} }}"
        case 8:
            return f"{{ {draw.choice(['train_loss', 'geometric', 'file', 'draw', 'range', 'x'])} = {value(draw, depth + 1)} }}"
        case 9:
            return draw.choice(["{}", "[]", "[[]]", "[{}]", "[{}, { train_loss = 1e-8 }]"])
        case 10 if draw.random() < 0.2:
            many = draw.choice([50, 300, 20_000])
            return draw.choice(["[" * many + "]" * many, "[" * many, "{ a = " * many + "1" + " }" * many])
        case 11 if draw.random() < 0.2:
            return '"' + draw.choice(["a", "é", "\\u0301", "(", "not "]) * draw.choice([1000, 100_000]) + '"'
        case 12 if draw.random() < 0.2:
            return "[" + ", ".join(str(k) for k in range(draw.choice([1000, 100_001]))) + "]"
        case _:
            return f"[{draw.randrange(5)}, {pick()}]"


def condition(draw: random.Random, keys: list[str], depth: int = 0) -> str:
    """A condition of `where`, right in grammar most of the time."""
    again = lambda: condition(draw, keys, depth + 1)
    atom = lambda: draw.choice([draw.choice(keys), draw.choice(keys), draw.choice("0 1 2 3 0.5 1e-3 64".split()), draw.choice(NUMBERS), draw.choice(["'gd'", "true", "'é'", "[8, 8]", "[]", "x.y", "''"])])
    if depth > 6 or draw.random() < 0.15:
        return atom()
    match draw.randrange(9):
        case 0 | 1:
            return f"{again()} {draw.choice(['==', '!=', '<', '<=', '>', '>=', '=', '<>'])} {again()}"
        case 2 | 3:
            return f"{again()} {draw.choice(['and', 'or'])} {again()}"
        case 4:
            return f"{again()} {draw.choice('+-*/%+-*/%^')} {again()}"
        case 5:
            return draw.choice(["not ", "-", "- -", "not not "]) + again()
        case 6:
            return f"({again()})"
        case 7:
            return f"{atom()} {draw.choice(['in', 'not in'])} [{', '.join(atom() for _ in range(draw.choice([0, 1, 3, 200])))}]"
        case _:
            many = draw.choice([2, 20, 200, 5000]) if draw.random() < 0.1 else 2
            return draw.choice(["(" * many + atom() + ")" * many, "not " * many + atom(), "-" * many + atom(), " or ".join([again()[:200]] * many)])


# The kinds of cases.


@dataclass
class Sources:
    """What cases are drawn from."""

    sweeps: list[str]
    keys: list[str]
    # What the sweeps of the repository give each key.
    values: dict[str, list[str]]
    questions: list[str]
    parts: list[bytes]

    def value(self, draw: random.Random, key: str) -> str:
        """A value that the key may well take, or any."""
        known = self.values.get(key.rpartition(".")[2], [])
        chance = draw.random()
        if known and chance < 0.65:
            return draw.choice(known)
        if chance < 0.85:
            return draw.choice(["1", "2", "5", "0.5", "1e-3", "[2, 3]", "[1, 2, 3]", "{ range = [1, 4] }", "{ log = [1e-3, 1.0], points = 4 }", "true"])
        return value(draw)

    def sweep(self, draw: random.Random) -> Case:
        text = draw.choice(self.sweeps)
        match draw.randrange(6):
            case 0:
                content = damaged(draw, text.encode(), draw.choice(self.sweeps).encode())
            case 1 | 2:
                tokens = re.findall(r'"[^"\n]*"|[\w.+-]+|\s+|.', text)
                for _ in range(draw.choice([1, 2, 5])):
                    right = [k for k, token in enumerate(tokens) if token.strip() and token not in "=,"]
                    tokens[draw.choice(right)] = draw.choice([value(draw), draw.choice(self.keys), draw.choice(tokens)])
                content = "".join(tokens).encode()
                if draw.random() < 0.6:
                    lines = text.split("\n")
                    for at in draw.choices([k for k, line in enumerate(lines) if " = " in line], k=2):
                        key = lines[at].partition(" = ")[0]
                        lines[at] = f"{key} = {self.value(draw, key.strip(chr(34)))}"
                    content = "\n".join(lines).encode()
            case 3:
                content = self.drawn_sweep(draw).encode()
            case 4:
                content = damaged(draw, self.drawn_sweep(draw).encode(), text.encode())
            case _:
                where = condition(draw, self.keys).replace("\\", "").replace('"', "'")
                content = (re.sub(r"\[filter\]\n(.*=.*\n)*", "", text) + f'\n[filter]\nwhere = "{where}"\n').encode()
        arguments = ["plan", "s.toml"]
        close_after = None
        if draw.random() < 0.9:
            content = content.decode(errors="ignore").encode()
        for _ in range(draw.choice([0, 0, 0, 1, 3])):
            key = draw.choice([*self.keys, "filter.where", "axes." + draw.choice(self.keys), "zip", "axes", "filter.include", "filter.exclude"])
            arguments += ["--set", f"{key}={condition(draw, self.keys) if key.endswith('where') else self.value(draw, key)}"]
        if draw.random() < 0.4:
            arguments.append("--list")
            close_after = draw.choice([0, 1, 2, 10, 1000])
        if draw.random() < 0.1:
            arguments.append("--json")
        return Case("sweep", arguments, {"s.toml": content}, close_after)

    def drawn_sweep(self, draw: random.Random) -> str:
        lines = ['name = "s"']
        keys = draw.sample(self.keys, min(len(self.keys), draw.choice([1, 3, 8])))
        lines += [f"{key} = {self.value(draw, key)}" for key in keys[::2]]
        many = draw.choice([0, 1, 2, 5, 40])
        axes = [draw.choice(self.keys) for _ in range(many)]
        lines += ["[axes]", *(f'"{key}" = [{self.value(draw, key)}, {self.value(draw, key)}]' if draw.random() < 0.5 else f'"{key}" = {self.value(draw, key)}' for key in dict.fromkeys(axes))]
        for key in keys[1::2]:
            lines += ["[[zip]]", f'"{key}" = {value(draw)}', f'"{draw.choice(self.keys)}" = {value(draw)}']
        if draw.random() < 0.5:
            lines += ["[filter]", f'where = "{condition(draw, self.keys)}"'.replace("\\", "")]
            lines += [f'exclude = [{{ "{draw.choice(self.keys)}" = {value(draw)} }}]', f'include = [{{ "{draw.choice(self.keys)}" = {value(draw)} }}]']
        return "\n".join(lines) + "\n"

    def data(self, draw: random.Random) -> Case:
        name, content = draw.choice([npy_file, npz_file, csv_file, csv_gz_file, self.parquet_file])(draw)
        if draw.random() < 0.6:
            _, other = draw.choice([npy_file, npz_file, csv_file])(draw)
            content = damaged(draw, content, other)
        if draw.random() < 0.5:
            arguments = ["diagnose", name]
            for word, values in [("--columns", ["0..2", "1..3", "5..9", "0..99999999999", "2..1", "0"]), ("--labels", ["2", "2..3", ":y", "0"]),
                                 ("--targets", ["2..3", ":b"]), ("--scale", NUMBERS), ("--depth", SIZES), ("--width", SIZES),
                                 ("--init-scale", ["1", "0.001", "1e308", "5e-324", "0", "nan"]), ("--array", ["a", "y", "é"] if name == "x.npz" else []), ("--steps", SIZES)]:  # fmt: skip
                if values and draw.random() < 0.12:
                    arguments += [f"{word}={draw.choice(values)}"]
            arguments += [flag for flag in ("--transpose", "--header", "--json") if draw.random() < 0.15]
            return Case("data", arguments, {name: content})
        more = draw.choice(["", "", ', columns = "0..2"', ', columns = "5..9"', ', array = "a"' if name == "x.npz" else "", ", transpose = true", ", header = true", f", scale = {draw.choice(NUMBERS)}"])
        read = f'{{ file = "{name}"{more} }}'
        also = draw.choice([read, f'{{ file = "{name}", ' + ('array = "y" }' if name == "x.npz" else 'columns = "2..3" }')])
        text = 'name = "d"\n' + draw.choice([
            f'[problem]\ntarget = {read}\n[init]\nkind = "gaussian"\n',
            f'[problem]\nkind = "completion"\ntarget = {read}\nmask = {also}\n[init]\nkind = "gaussian"\n',
            f'[problem]\nkind = "classification"\ninputs = {read}\nlabels = {also}\n',
            f'[problem]\nkind = "regression"\ninputs = {read}\ntargets = {also}\ntest = {{ range = [1, 2] }}\n',
            f'[init]\nkind = "file"\nweights = {{ file = "{name}"' + (', arrays = ["a", "y"] }' if name == "x.npz" else "}") + "\n",
        ])  # fmt: skip
        return Case("data", ["plan", "d.toml"], {name: content, "d.toml": text.encode()})

    def parquet_file(self, draw: random.Random) -> tuple[str, bytes]:
        return "x.parquet", draw.choice(self.parts)

    def sql(self, draw: random.Random) -> Case:
        flags = draw.choice([[], [], ["--csv"], ["--json"]])
        if draw.random() < 0.5:
            return Case("sql", ["query", *flags, *["{run}"] * draw.choice([1, 1, 1, 2]), "--", select(draw)])
        tokens = re.findall(r"'[^']*'|\"[^\"]*\"|\w+|\S", draw.choice(self.questions))
        other = re.findall(r"'[^']*'|\"[^\"]*\"|\w+|\S", draw.choice(self.questions))
        for _ in range(draw.choice([1, 1, 2, 3, 6])):
            at, to = draw.randrange(len(tokens)), draw.randrange(len(tokens))
            match draw.randrange(7):
                case 0:
                    tokens[at], tokens[to] = tokens[to], tokens[at]
                case 1:
                    tokens[at] = draw.choice(other)
                case 2 | 3:
                    tokens[at : at + draw.choice([0, 1])] = draw.choice(SQL).split()
                case 4:
                    tokens[at:at] = tokens[at : at + 5]
                case 5 if len(tokens) > 4:
                    del tokens[at : at + draw.choice([1, 2])]
                case _:
                    tokens[at:] = other[draw.randrange(len(other)) :]
            tokens = tokens[:400] or ["SELECT"]
        sql = " ".join(tokens)
        if draw.random() < 0.02:
            many = draw.choice([50, 500, 20_000])
            sql = draw.choice(["SELECT " + "(" * many + "1" + ")" * many, f"SELECT {'- ' * many}1 FROM trials", f"SELECT {'trial + ' * many}1 FROM trials",
                               "SELECT * FROM (" * (many // 10) + "SELECT 1" + ")" * (many // 10)])  # fmt: skip
        return Case("sql", ["query", *flags, *["{run}"] * draw.choice([1, 1, 1, 2]), "--", sql])


SQL = [
    *"SELECT|FROM|WHERE|GROUP BY|ORDER BY|HAVING|LIMIT|OFFSET|UNION ALL|EXCEPT|DISTINCT|JOIN|LEFT JOIN|CROSS JOIN|USING ( id )|NULL|IS NULL|NOT".split("|"),
    *"-1|0|1|1e10|9223372036854775807|-9223372036854775808|18446744073709551616|0.5|1e400|''|'é'|'%'|\"trial\"|*|( )|( 1 , 2 )|[ 1 , 2 ]|::|->|{ 1 }|?|$1".split("|"),
    *"trials|history|spectra|layers|trials . *|run|trial|id|step|train_loss|network_width|started_at|init_kind|value|index|status|nothing".split("|"),
    *"+|-|*|/|%|//|=|<>|<|>=|AND|OR|LIKE|ILIKE|IN|BETWEEN 1 AND 2|XOR|^|&|<<|~|CASE WHEN 1 THEN 2 END|AS x|OVER ( PARTITION BY id ORDER BY step )".split("|"),
    *"count ( * )|sum ( trial )|avg ( id )|median ( value )|quantile_cont ( value , 2 )|min ( status )|stddev ( trial )|corr ( step , trial )".split("|"),
    *"substr ( status , -1 , 9 )|strpos ( status , '' )|replace ( status , '' , 'x' )|regexp_like ( status , '(' )|round ( value , 99 )|left ( status , -9 )".split("|"),
    *"array_agg ( id )|unnest ( id )|coalesce ( )|if ( 1 , 2 , 3 )|greatest ( )|date_part ( 'x' , started_at )|strftime ( started_at , '%Q' )|array_get ( id , 0 )".split("|"),
    *"cast ( id AS INT )|cast ( value AS DATE )|cast ( status AS DECIMAL ( 99 , 98 ) )|try_cast ( trial AS TINYINT )|cast ( trial AS TIME )|INTERVAL '1 x'".split("|"),
    *"concat_ws ( )|date '2020-99-99'|log ( 0 )|sqrt ( -1 )|mod ( 1 , 0 )|1 / 0|trial // 0|trial % 0|pow ( trial , -1 )|chr ( 1 )|repeat ( 'a' , 9999999999 )".split("|"),
    *"row_number ( ) OVER ( )|lag ( value , -1 ) OVER ( ORDER BY step )|first_value ( id ) OVER ( )|WITH a AS ( SELECT 1 )|EXPLAIN|SHOW TABLES|DROP TABLE trials".split("|"),
    *"( SELECT max ( trial ) FROM trials )|EXISTS ( SELECT 1 )|read_csv ( 'x' )|VALUES ( 1 )|FETCH FIRST 1 ROWS ONLY|TRUNCATE TABLE trials|CREATE TABLE b AS SELECT 1".split("|"),
    *"LIMIT -1|OFFSET 99999999999999999999|EXCLUDE ( id )|RENAME ( id AS x )|REPLACE ( 1 AS id )|COLUMNS ( '*' )|QUALIFY 1|ROLLUP ( id )|NULLS FIRST|FILTER ( WHERE 1 )".split("|"),
]


COLUMNS = "id trial status train_loss network_depth init_kind started_at problem_rank steps network_width optimizer_momentum".split()
OF_TABLE = {"trials": COLUMNS, "history": ["id", "trial", "step", "train_loss"], "spectra": ["id", "step", "layer", "index", "value"], "layers": ["id", "layer"]}


def expression(draw: random.Random, columns: list[str], depth: int = 0) -> str:
    """An expression of SQL over these columns."""
    again = lambda: expression(draw, columns, depth + 1)
    if depth > 3 or draw.random() < 0.3:
        return draw.choice([*columns, *columns, *"0 1 -1 2.5 'a' '' NULL 1e308 9223372036854775807 TRUE".split()])
    one = "abs ceil floor round sqrt ln log exp sign length upper lower reverse trim char_length cbrt acos sin degrees isnan initcap octet_length md5 sum avg min max count"
    two = "left right nullif coalesce greatest least starts_with strpos substr round mod pow concat corr covar atan2 log array_contains regexp_like quantile_disc ltrim"
    match draw.randrange(11):
        case 0 | 1:
            return f"({again()} {draw.choice(['+', '-', '*', '/', '//', '%', '||', '&', '|', '<=>'])} {again()})"
        case 2:
            return f"({again()} {draw.choice(['=', '<>', '<', '>=', 'AND', 'OR', 'LIKE', 'IS DISTINCT FROM', 'IS NOT', '~'])} {again()})"
        case 3 | 4:
            return f"{draw.choice(one.split())}({again()})"
        case 5:
            return f"{draw.choice(two.split())}({again()}, {again()})"
        case 6:
            kind = draw.choice("INT BIGINT TINYINT UINT8 DOUBLE FLOAT TEXT BOOLEAN DATE TIME TIMESTAMP DECIMAL(38,9) DECIMAL(9) BYTEA INTERVAL INT[] JSON UUID".split())
            return f"{draw.choice(['CAST', 'TRY_CAST'])}({again()} AS {kind})"
        case 7:
            return f"CASE WHEN {again()} THEN {again()} ELSE {again()} END"
        case 8:
            return f"{again()} {draw.choice(['IN', 'NOT IN'])} ({again()}, {again()})"
        case 9:
            frame = draw.choice(["", "", f" ROWS BETWEEN {draw.choice(['UNBOUNDED', '1', '0'])} PRECEDING AND CURRENT ROW"])
            name = draw.choice([f"sum({again()})", "row_number()", "rank()", "count(*)", f"lag({again()}, {draw.choice([1, -1, 0, 99])})", f"last_value({again()})"])
            return f"{name} OVER (PARTITION BY {draw.choice(columns)} ORDER BY {draw.choice(columns)}{frame})"
        case _:
            return f"(SELECT {draw.choice(['max', 'count', ''])}({draw.choice(columns)}) FROM trials{draw.choice(['', ' LIMIT 1'])})"


def select(draw: random.Random) -> str:
    """A question in right grammar."""
    table = draw.choice(list(OF_TABLE))
    columns = OF_TABLE[table]
    draw_one = lambda: expression(draw, columns)
    sql = f"SELECT {draw.choice(['', '', 'DISTINCT '])}" + ", ".join(f"{draw_one()} AS c{k}" for k in range(draw.choice([1, 2, 4]))) + f" FROM {table}"
    if draw.random() < 0.2:
        sql += f" {draw.choice(['JOIN', 'LEFT JOIN', 'FULL JOIN', 'SEMI JOIN', 'ANTI JOIN', 'RIGHT JOIN'])} {draw.choice(['trials', 'layers'])} t USING (id)"
    for words, chance in [("WHERE", 0.4), ("GROUP BY", 0.3), ("HAVING", 0.1), ("ORDER BY", 0.3)]:
        if draw.random() < chance:
            sql += f" {words} {draw.choice([draw_one(), draw_one(), '1', draw.choice(columns)])}"
    if draw.random() < 0.2:
        sql += f" LIMIT {draw.choice(['1', '0', '-1', '99999999999', 'NULL'])} OFFSET {draw.choice(['0', '5', '18446744073709551615'])}"
    if draw.random() < 0.1:
        sql = draw.choice([f"WITH w AS ({sql}) SELECT * FROM w, w AS v", f"SELECT * FROM ({sql}) s ORDER BY ALL", f"{sql} UNION ALL {sql}", f"{sql} EXCEPT {select(draw)}"])
    return sql


def npy(draw: random.Random, rows: int, columns: int, kind: str) -> bytes:
    """An array of NumPy's format, with a header that sometimes promises something else."""
    codes = {"<f8": "d", "<f4": "f", "<i8": "q", "|u1": "B", "|b1": "?", "<i4": "i"}
    count = rows * columns
    values = [draw.choice([0, 1, 1]) if kind in ("|u1", "|b1") else draw.randrange(-9, 9) for _ in range(count)]
    body = struct.pack(f"<{count}{codes[kind]}", *values)
    shape = f"({rows}, {columns})" if columns > 1 else f"({rows},)"
    if draw.random() < 0.2:
        odd = "() (0, 3) (4294967296, 4294967296) (-1, 3) (1000000000,) (3, 99999999999999999999) (2, 2, 2) (0, 18446744073709551615) [3, 3]".split(" (")
        shape = ("" if (one := draw.choice(odd)).startswith("(") else "(") + one
    if draw.random() < 0.1:
        kind = draw.choice([">f8", "<f2", "<c16", "|O", "<U5", "<U99999999999", "|S0", "<M8[ns]", "<f16", "", "é", "|V8"])
    header = f"{{'descr': '{kind}', 'fortran_order': {draw.choice(['False', 'False', 'True'])}, 'shape': {shape}, }}"
    if draw.random() < 0.05:
        header = draw.choice(["{" * 30_000, header * 100, "{'shape': " + "(" * 20_000, "", "{}"])
    version = draw.choice([1, 1, 1, 2, 3, 0, 255])
    text = header.encode()
    padded = (text + b" " * (-(len(text) + 11) % 64) + b"\n")[:65_000]
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(padded)) + padded + body


def npy_file(draw: random.Random) -> tuple[str, bytes]:
    kind = draw.choice(["<f8", "<f4", "<i8", "|u1", "|b1", "<i4"])
    return "x.npy", npy(draw, draw.choice([0, 1, 3, 40]), draw.choice([1, 3, 20]), kind)


def npz_file(draw: random.Random) -> tuple[str, bytes]:
    out = io.BytesIO()
    method = draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    with zipfile.ZipFile(out, "w", method) as archive:
        for name in ["a", "y", "b"][: draw.choice([0, 1, 2, 3])]:
            array = npy(draw, 4, 3 if name == "a" else 1, "<f8" if name == "a" else "<i8")
            # Damaged before the check sum is made.
            archive.writestr(f"{name}.npy", damaged(draw, array, array) if draw.random() < 0.2 else array)
        if draw.random() < 0.05:
            archive.writestr("z.npy", npy(draw, 1, 1, "<f8") + bytes(50_000_000))
    return "x.npz", out.getvalue()


def csv_file(draw: random.Random) -> tuple[str, bytes]:
    cells = ["1", "2.5", "-3e4", "1e999", "nan", "", '"a"', '"a""b"', '"', "é", "0x10", "1_000", " 7 ", "inf", "\0", "9" * 400, "'"]
    cell = lambda: str(draw.randrange(9)) if draw.random() < 0.97 else draw.choice(cells)
    between = draw.choice([",", ",", ",", ";", "\t", " ", ", "])
    rows = [between.join(cell() for _ in range(3)) for _ in range(draw.choice([0, 1, 5, 60]))]
    head = draw.choice(["", "", "a,b,c\n", "\ufeff", ",a,b\n", "# x\n", "\n\n"])
    long = draw.choice(["1," * 400_000, "9" * 3_000_000, '"' + "\n" * 500_000, "1\n" * 500_000]) if draw.random() < 0.03 else ""
    return "x.csv", (head + long + draw.choice(["\n", "\n", "\r\n", "\r", "\n\n"]).join(rows) + draw.choice(["", "\n"])).encode()


def csv_gz_file(draw: random.Random) -> tuple[str, bytes]:
    content = csv_file(draw)[1]
    if draw.random() < 0.3:
        content = damaged(draw, content, content)
    if draw.random() < 0.05:
        content = draw.choice([b"1,2,0\n", b"1", b"\n", b","]) * draw.choice([1_000_000, 8_000_000])
    packed = gzip.compress(content, 1, mtime=0)
    if draw.random() < 0.002:
        # Members of one file follow each other: one endless line, or one endless field.
        packed = gzip.compress(draw.choice([b"1,", b"1"]) * 4_000_000, 9, mtime=0) * 50
    return "x.csv.gz", packed + (packed if len(packed) < 1000 and draw.random() < 0.2 else b"")


def sources(fuzzer: Fuzzer) -> Sources:
    (fuzzer.work / "small.toml").write_text(SMALL_SWEEP)
    call = [fuzzer.program, "run", "small.toml", "--out", fuzzer.run_folder, "--threads", "1"]
    subprocess.run(call, cwd=fuzzer.work, check=True, capture_output=True)
    sweeps = [path.read_text().replace('"data/', '"{sweeps}/data/') for path in sorted((ROOT / "sweeps").glob("*.toml"))]
    for path in sorted([*(ROOT / "tests/tests/e2e").glob("*.rs"), *(ROOT / "crates/sweep/src").rglob("*.rs")]):
        sweeps += literals(path.read_text())
    defaults = subprocess.run([fuzzer.program, "plan", "--defaults"], check=True, capture_output=True, text=True).stdout
    kinds = {"completion", "classification", "regression", "factorization", "lambda", "engine", "where", "exclude", "include"}
    keys, section = [], ""
    for line in defaults.splitlines():
        if found := re.match(r"\[(\w+)\]", line):
            section = found[1] + "."
        elif found := re.match(r'(?:# )?"?([a-z_.]+)"?(?::| =)', line):
            keys += [section + found[1]] if found[1] not in kinds or section == "train." else []
    values: dict[str, list[str]] = {}
    for found in re.finditer(r'^"?(?:\w+\.)*(\w+)"? = (.+)$', "\n".join(sweeps), re.MULTILINE):
        values.setdefault(found[1], []).append(found[2])
    questions = []
    for readme in (ROOT / "README.md", ROOT / "sweeps/README.md"):
        questions += re.findall(r'parsimony query \S+ "([^"\n]+)"', readme.read_text())
    parts = [part.read_bytes() for part in sorted(fuzzer.run_folder.glob("*/*.parquet"))]
    parts.append((ROOT / "crates/table/src/data/fixtures/pandas.parquet").read_bytes())
    return Sources(sweeps, keys, values, questions, parts)


def main() -> int:
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("--program", type=Path, required=True)
    words.add_argument("--seconds", type=float, default=60)
    words.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    words.add_argument("--kind", default="all", help="sweep, data, sql, several with commas between, or all")
    words.add_argument("--case", type=int, help="run only the case of this number")
    words.add_argument("--keep", type=Path, help="where inputs that break a rule are kept")
    options = words.parse_args()
    kinds = ["sweep", "data", "sql"] if options.kind == "all" else options.kind.split(",")
    if not set(kinds) <= {"sweep", "data", "sql"}:
        words.error("--kind takes sweep, data, sql or all")
    # The program inherits both.
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    kept = options.keep or Path(tempfile.gettempdir()) / f"parsimony-outside-{options.seed}"
    print(f"outside: seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="parsimony-outside-") as work:
        fuzzer = Fuzzer(options.program.resolve(), Path(work), kept)
        drawn = sources(fuzzer)
        corpus = [Case.read(path) for path in sorted((HERE / "corpus").glob("*.json"))]
        numbers = itertools.count() if options.case is None else iter([options.case])
        waiting = iter([] if options.case is not None else [case for case in corpus if case.kind in kinds])
        end = time.monotonic() + options.seconds
        failures: list[BaseException] = []

        def next_case() -> Case | None:
            with fuzzer.lock:
                if (known := next(waiting, None)) is not None:
                    return known
                if time.monotonic() > end or len(fuzzer.slow) >= SLOW_CASES or (number := next(numbers, None)) is None:
                    return None
            kind = kinds[number % len(kinds)]
            case = getattr(drawn, kind)(random.Random(f"{options.seed} {options.kind} {number}"))
            case.name = str(number)
            return case

        def work_on() -> None:
            try:
                while (case := next_case()) is not None:
                    fuzzer.check(case)
            except BaseException as error:  # noqa: BLE001 - raised again below, in the main thread
                failures.append(error)

        threads = [threading.Thread(target=work_on) for _ in range(AT_A_TIME)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        for case in fuzzer.slow:
            fuzzer.check(case, alone=True)
    counts = ", ".join(f"{kind} {fuzzer.counts[kind]}" for kind in kinds)
    codes = ", ".join(f"{code}: {count}" for code, count in sorted(fuzzer.codes.items()))
    print(f"outside: {counts} (exit codes {codes}), seed {options.seed}")
    if fuzzer.violations:
        print(f"outside: {fuzzer.violations} violations, kept in {kept}")
        return 1
    print("outside: 0 violations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
