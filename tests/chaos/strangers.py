#!/usr/bin/env python3
"""A chaos of strangers: real processes of the program under everything at once that a shared machine does to them.

A coordinator, three workers and users run on loopback while a seeded schedule closes their standard error, lowers
their limits, fills their disks, slows and cuts a network, stops, kills and restarts them, and while the users grow,
pause, cancel, retry, fetch, query and remove sweeps. Then all faults are lifted, and every sweep must end with the
bits of an undisturbed local run.

    strangers.py --program target/release/parsimony [--seconds 60] [--seed N] [--verbose] [--exhaust]

The seed is printed first. Every event draws from `random.Random(seed)` alone, by its number: the same seed gives the
same events with the same choices. How far they get into the program's work still depends on the machine.

As root the script moves itself into namespaces of its own (network, mounts, processes), so that nothing of it can
stay behind. What the machine does not allow is skipped with a line `SKIPPED: ...` on standard error.
`--exhaust` adds an event: the account of one worker runs out of processes for a while.

Exit code 0: no violation. 1: a violation; what, the seed and the last events are printed and the folder is kept.
"""

from __future__ import annotations

import argparse
import array
import csv
import io
import json
import os
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

INSIDE = "PARSIMONY_STRANGERS_INSIDE"
NAMESPACES = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
HEAD, NODE = "10.213.79.1", "10.213.79.2"
# Documented exit codes. 1 is the world's fault, and only a full disk is one here.
CODES = {0, 2, 3, 4, 130}
# Far above what a command needs here: a coordinator stands still for at most 15 seconds.
HANG_SECONDS = 75.0
# Younger than this a service may not have come to handle SIGTERM yet: it ends by it, with nothing in its hands.
EARLY_SECONDS = 2.0
# Commands of users at the same time.
MOST_PENDING = 6
SWEEPS = ("plain", "long", "data")
# Columns that depend on the sweep alone.
COLUMNS = "status, steps, train_loss, test_loss, accuracy, test_accuracy, effective_rank, stable_rank, nuclear_norm"
ROWS = f"SELECT id, {COLUMNS} FROM trials ORDER BY id"
CURVES = ("SELECT t.id, h.step, h.train_loss FROM trials t JOIN history h ON t.trial = h.trial ORDER BY t.id, h.step")

PLAIN = """name = "{name}"
seed = 3
[axes]
"network.depth" = [2, 3]
"init.kind" = ["orthogonal", "gaussian", "identity"]
"replicate" = {{ range = [0, {end}] }}
[problem]
kind = "factorization"
dim = 8
[train]
steps = 200
[optimizer]
rate = 0.5
[measure]
every = 50
metrics = ["train_loss", "effective_rank", "stable_rank", "nuclear_norm", "spectrum"]
"""

LONG = """name = "{name}"
seed = 5
[axes]
"replicate" = {{ range = [0, {end}] }}
[problem]
kind = "factorization"
dim = 12
rank = 3
[init]
kind = "gaussian"
scale = 0.1
[train]
steps = 150000
engine = "full"
[optimizer]
rate = 0.2
[measure]
every = 50000
metrics = ["train_loss", "effective_rank"]
"""

DATA = """name = "{name}"
seed = 7
[axes]
"network.depth" = [2, 3]
"replicate" = {{ range = [0, {end}] }}
[problem]
kind = "regression"
inputs = {{ file = "x.npy" }}
targets = {{ file = "y.csv" }}
[network]
width = 4
[train]
steps = 100
[optimizer]
rate = 0.05
[measure]
every = 25
metrics = ["train_loss", "effective_rank"]
"""

TEXTS = {"plain": PLAIN, "long": LONG, "data": DATA}
# Replicates at the start, by how many a sweep grows at a time, and the most, which keeps the last phase short.
REPLICATES = {"plain": (100, 20, 400), "long": (14, 1, 24), "data": (100, 20, 400)}
COUNT = "SELECT count(*), count(DISTINCT id) FROM trials"


class Violation(Exception):
    """The program broke a promise."""


def skipped(why: str) -> None:
    print(f"SKIPPED: {why}", file=sys.stderr, flush=True)


def quiet(words: list[str]) -> bool:
    """Whether a tool of the system did its work."""
    try:
        return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def write_data(at: Path) -> None:
    """Inputs as .npy, targets as .csv: 600 samples, so that a small disk is filled by a few copies."""
    chance = random.Random(1)
    inputs = array.array("d", (chance.gauss(0, 1) for _ in range(600 * 6)))
    head = "{'descr': '<f8', 'fortran_order': False, 'shape': (600, 6), }"
    head += " " * (-(10 + len(head) + 1) % 64) + "\n"
    magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()
    (at / "x.npy").write_bytes(magic + inputs.tobytes())
    rows = (f"{inputs[6 * n] + 0.5 * inputs[6 * n + 1]!r},{inputs[6 * n + 2]!r}\n" for n in range(600))
    (at / "y.csv").write_text("".join(rows))


class Disk:
    """A folder that can be filled; a small file system of its own where the machine allows one."""

    def __init__(self, at: Path, kilobytes: int, allowed: bool) -> None:
        self.at = at
        at.mkdir()
        size = f"size={kilobytes}k,mode=1777"
        self.small = allowed and quiet(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(at)])
        at.chmod(0o1777)
        self.spans: list[list[float]] = []

    def fill(self, left: int) -> None:
        if not self.small or (self.at / ".ballast").exists():
            return
        state = os.statvfs(self.at)
        size = max(0, state.f_bavail * state.f_bsize - left)
        self.spans.append([time.monotonic(), float("inf")])
        try:
            with open(self.at / ".ballast", "wb") as ballast:
                os.posix_fallocate(ballast.fileno(), 0, max(1, size))
        except OSError:
            pass

    def free(self) -> None:
        (self.at / ".ballast").unlink(missing_ok=True)
        if self.spans and self.spans[-1][1] == float("inf"):
            self.spans[-1][1] = time.monotonic()

    def was_full_since(self, start: float) -> bool:
        # Word of a full disk may come a little after the room is back.
        return any(end + 3 >= start for _, end in self.spans)

    def unmount(self) -> None:
        if self.small:
            quiet(["umount", "-l", str(self.at)])


class Process:
    """One process of the program, with its talk in files."""

    def __init__(self, child: subprocess.Popen[bytes], label: str, log: Path) -> None:
        self.child, self.label, self.log = child, label, log
        self.started = time.monotonic()
        self.killed = self.interrupted = False
        self.asked: list[float] = []
        self.floor = 0
        self.deadline = self.started + HANG_SECONDS

    def send(self, number: int) -> None:
        if self.child.poll() is None:
            self.child.send_signal(number)

    def interrupt(self) -> None:
        self.interrupted = True
        self.send(signal.SIGINT)

    def terminate(self) -> None:
        self.asked.append(time.monotonic())
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        self.killed = True
        self.send(signal.SIGKILL)
        self.child.wait(20)

    def out(self) -> str:
        return self.log.with_suffix(".out").read_text(errors="replace")


class World:
    """Everything that runs, and what has been seen of it."""

    def __init__(self, at: Path, program: Path, seed: int, seconds: float, verbose: bool, exhaust: bool) -> None:
        self.exhausting, self.hogs = exhaust, list[subprocess.Popen[bytes]]()
        self.at, self.seed, self.seconds, self.verbose = at, seed, seconds, verbose
        self.begun = time.monotonic()
        self.chance = random.Random(seed)
        self.root, self.inside = os.geteuid() == 0, bool(os.environ.get(INSIDE))
        # A copy that anybody can start, and that a build does not change meanwhile.
        self.program = at / "parsimony"
        shutil.copyfile(program, self.program)
        self.program.chmod(0o755)
        at.chmod(0o755)
        (at / "logs").mkdir()
        write_data(at)
        self.holder: subprocess.Popen[bytes] | None = None
        self.disk = Disk(at / "data", 48_000, self.inside)
        self.temps = [Disk(at / f"tmp{n}", 1_000, self.inside and n == 0) for n in range(3)]
        if not self.inside:
            skipped("no small disks and no slow network: the machine allows no namespaces here")
        elif not self.disk.small or not self.temps[0].small:
            skipped("no small disks: the machine mounts none")
        self.port = free_port()
        self.far = self.inside and self.lay_cable()
        if self.inside and not self.far:
            skipped("no slow network: the machine makes no pair of interfaces")
        if not self.root:
            skipped("no limit on processes: it needs an account of its own, which takes root")
        self.account = 100_000 + seed % 100_000
        self.log: list[str] = []
        self.events = self.kills = self.vanished = self.number = 0
        self.codes: Counter[str] = Counter()
        self.lives: Counter[str] = Counter()
        self.coordinator: Process | None = None
        self.workers: list[Process | None] = [None, None, None]
        self.pending: list[Process] = []
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.ends = {name: REPLICATES[name][0] for name in SWEEPS}
        self.floors = {name: 0 for name in SWEEPS}
        self.closing = False

    # The stage.

    def lay_cable(self) -> bool:
        """A namespace for the far worker, which lives as long as its holder."""
        try:
            self.holder = subprocess.Popen(["unshare", "--net", "sleep", "600"], stdin=subprocess.DEVNULL)
        except OSError:
            return False
        here = os.readlink("/proc/self/ns/net")
        for _ in range(200):
            if os.readlink(f"/proc/{self.holder.pid}/ns/net") != here:
                break
            time.sleep(0.01)
        far = self.across()
        steps = [
            ["ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(self.holder.pid)],
            ["ip", "addr", "add", f"{HEAD}/24", "dev", "near"],
            ["ip", "link", "set", "near", "up"],
            [*far, "ip", "addr", "add", f"{NODE}/24", "dev", "far"],
            [*far, "ip", "link", "set", "far", "up"],
            [*far, "ip", "link", "set", "lo", "up"],
        ]
        return all(quiet(step) for step in steps)

    def across(self) -> list[str]:
        assert self.holder is not None
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--"]

    def say(self, text: str) -> None:
        line = f"{time.monotonic() - self.begun:7.2f}s #{self.events} {text}"
        self.log.append(line)
        if self.verbose:
            print(line, file=sys.stderr, flush=True)

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self.timers.append((time.monotonic() + seconds, call))

    def start(self, words: list[str], label: str, stderr: str = "file", limits: dict[int, int] | None = None,
              before: list[str] | None = None, user: int | None = None, more: dict[str, str] | None = None) -> Process:
        """Starts the program; `stderr` is file, closed, full (/dev/full) or gone (a pipe without a reader)."""
        self.number += 1
        log = self.at / "logs" / f"{self.number:04}-{label}.err"
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PARSIMONY_", "RUST_"))}
        env |= {"PARSIMONY_COORDINATOR": f"http://127.0.0.1:{self.port}", "PARSIMONY_CHECKPOINT_SECONDS": "1"}
        env |= more or {}

        def prepare() -> None:
            for kind, most in (limits or {}).items():
                resource.setrlimit(kind, (most, most))
            if stderr == "closed":
                os.close(2)

        ends: list[int] = []
        if stderr == "gone":
            ends = list(os.pipe())
            target = os.fdopen(ends[1], "wb")
        else:
            target = open("/dev/full" if stderr == "full" else log, "wb")
        with target, open(log.with_suffix(".out"), "wb") as out:
            child = subprocess.Popen([*(before or []), str(self.program), *words], cwd=self.at, env=env,
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=target, preexec_fn=prepare, user=user,
                                     group=user, extra_groups=None if user is None else [])
        if ends:
            # The reader is there for the first words and then goes.
            self.after(0.3, lambda: os.close(ends[0]))
        return Process(child, label, log)

    def life(self, role: str) -> random.Random:
        """Chance for the next life of a service: by the seed and the number of its lives."""
        self.lives[role] += 1
        return random.Random(f"{self.seed} {role} {self.lives[role]}")

    def start_coordinator(self) -> None:
        if self.coordinator:
            return
        chance = self.life("coordinator")
        address = "0.0.0.0" if self.inside else "127.0.0.1"
        words = ["coordinator", "--listen", f"{address}:{self.port}", "--insecure", "--data", str(self.disk.at)]
        limits = {resource.RLIMIT_NOFILE: chance.randint(64, 128)} if chance.random() < 0.5 else {}
        talk = strange(chance)
        self.say(f"coordinator starts: stderr {talk}, files {list(limits.values())}")
        self.coordinator = self.start(words, "coordinator", talk, limits)

    def start_worker(self, n: int, clean: bool = False) -> None:
        """Worker 0 has the small disk, 1 the slow network, 2 an account of its own with few processes."""
        chance = self.life(f"worker {n}")
        slow, files, space = chance.choice([60, 120, 250, 400]), chance.randint(64, 128), chance.randint(4, 8)
        tasks, few, little, talk = chance.randint(24, 64), chance.random() < 0.5, chance.random() < 0.5, strange(chance)
        limits: dict[int, int] = {}
        if few and not clean:
            limits[resource.RLIMIT_NOFILE] = files
        if little and not clean:
            limits[resource.RLIMIT_AS] = space << 30
        # Limits of processes count all of an account, so that each seed has its own.
        user = self.account if n == 2 and self.root and not clean else None
        if user is not None:
            limits[resource.RLIMIT_NPROC] = 24 if self.exhausting else tasks
        far = n == 1 and self.far
        url = f"http://{HEAD if far else '127.0.0.1'}:{self.port}"
        words = ["worker", "--coordinator", url, "--name", f"{'fresh' if clean else 'w'}{n}", "--threads", "2"]
        more = {"TMPDIR": str(self.temps[n].at)} | ({"PARSIMONY_FAULT_SLOW_MS": str(slow)} if not clean else {})
        self.say(f"worker {n} starts: stderr {'file' if clean else talk}, limits {list(limits.values())}, slow {slow}")
        before = self.across() if far else None
        self.workers[n] = self.start(words, f"worker{n}", "file" if clean else talk, limits, before, user, more)

    def user(self, words: list[str], talk: str = "file") -> Process:
        while len(self.pending) >= MOST_PENDING:
            self.pump(0.02)
        process = self.start(words, words[0], talk)
        sweep = next((name for name in SWEEPS if name in words), None)
        if words[0] in ("query", "fetch") and sweep is None:
            sweep = next((name for name in SWEEPS if any(word.endswith(f"/{name}") for word in words)), None)
        process.floor = self.floors[sweep] if sweep else 0
        process.label = " ".join(words)
        self.pending.append(process)
        return process

    # What is seen.

    def judge(self, process: Process) -> None:
        code, label = process.child.returncode, process.label
        self.codes[f"{label.split()[0]} {code}"] += 1
        self.say(f"{label} -> {code}")
        service = label == "coordinator" or label.startswith("worker") and label[6:].isdigit()
        if code == -signal.SIGKILL and process.killed or code in ({0} if service else CODES):
            return
        if code == -signal.SIGTERM and process.asked and process.asked[0] < process.started + EARLY_SECONDS:
            return
        # Asked again, a service leaves at once.
        if code == 130 and len(process.asked) > 1:
            return
        # A client that Ctrl-C ends by its signal is a 130 to every shell.
        if code == -signal.SIGINT and process.interrupted:
            return
        # A worker that cannot write its temporary folder when it starts has been given a wrong one: 2.
        disk = self.temps[int(label[6:])] if service and label != "coordinator" else self.disk
        if code in ((1, 2) if service else (1,)) and disk.was_full_since(process.started):
            return
        raise Violation(f"`{label}` ended with {code}\n{tail(process.log)}")

    def answered(self, process: Process) -> None:
        """Takes in what a user's command printed."""
        words = process.label.split()
        if process.child.returncode != 0:
            return
        if words[0] in ("list", "status", "workers") and "--json" in words:
            printed = json.loads(process.out())
            sweeps = [] if words[0] == "workers" else printed if isinstance(printed, list) else [printed]
            for sweep in sweeps:
                name, done = sweep["name"], sweep["completed"]
                if name not in SWEEPS:
                    continue
                if words[-2:] == [name, "--json"] and done < process.floor:
                    raise Violation(f"{name}: {done} completed, after {process.floor} had been seen")
                self.floors[name] = max(self.floors[name], done)
        if words[0] == "fetch" and words[-1].startswith("once-"):
            self.user(["query", words[-1], COUNT, "--csv"]).floor = process.floor
        if words[0] == "query" and COUNT in process.label:
            count, distinct = (int(cell) for cell in process.out().splitlines()[1].split(","))
            if count != distinct:
                raise Violation(f"{count} rows with {distinct} ids: {process.label}")
            if count < process.floor:
                raise Violation(f"{count} rows, after {process.floor} completed had been seen: {process.label}")

    def pump(self, seconds: float) -> None:
        """Lets time pass: timers, ends of commands, services that left."""
        until = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            due = [timer for timer in self.timers if timer[0] <= now]
            self.timers = [timer for timer in self.timers if timer[0] > now]
            for _, call in due:
                call()
            for process in list(self.pending):
                if process.child.poll() is not None:
                    self.pending.remove(process)
                    self.judge(process)
                    self.answered(process)
                elif now > process.deadline:
                    raise Violation(f"`{process.label}` hangs\n{tail(process.log)}")
            self.look_after_services()
            if now >= until:
                return
            time.sleep(min(0.02, max(0.0, until - now)))

    def look_after_services(self) -> None:
        """Starts again what has ended, a little later."""
        if self.coordinator and self.coordinator.child.poll() is not None:
            process, self.coordinator = self.coordinator, None
            self.judge(process)
            self.after(0.5, self.start_coordinator)
        for n, worker in enumerate(self.workers):
            if worker and worker.child.poll() is not None:
                self.workers[n] = None
                self.judge(worker)
                if not self.closing:
                    self.after(0.5, lambda n=n: self.restart_worker(n))

    def restart_worker(self, n: int) -> None:
        if self.workers[n] is None and not self.closing:
            self.start_worker(n)

    # What happens.

    def submit(self, name: str, text: str, end: int, talk: str = "file") -> Process:
        file = self.at / f"{name}-{end}.toml"
        file.write_text(text.format(name=name, end=end))
        return self.user(["submit", file.name], talk)

    def event(self) -> None:
        """One event; all its choices come from its number and the seed."""
        chance = random.Random(self.chance.getrandbits(64))
        self.events += 1
        kinds = {
            self.kill_worker: 8, self.kill_coordinator: 6, self.end_worker: 5, self.end_coordinator: 2,
            self.stop_someone: 6, self.sweep_temp: 5, self.fill_temp: 4, self.fill_data: 3, self.shape_network: 6,
            self.cut_network: 2, self.grow: 10, self.cancel: 4, self.pause: 5, self.retry: 3, self.fetch: 8,
            self.query: 10, self.run_here: 4, self.ask: 20, self.watch: 3, self.throw_away: 5,
        }
        if self.exhausting:
            kinds[self.exhaust] = 8
        chance.choices(list(kinds), list(kinds.values()))[0](chance)
        self.pump(chance.choice([0.02, 0.1, 0.3, 0.6, 1.0]))

    def kill_worker(self, chance: random.Random) -> None:
        n, wait = chance.randrange(3), chance.choice([0.0, 0.2, 2.0])
        if worker := self.workers[n]:
            self.say(f"kill -9 of worker {n}")
            worker.kill()
            self.kills += 1
            self.vanished += 1
            self.workers[n] = None
            self.judge(worker)
        self.after(wait, lambda: self.restart_worker(n))

    def kill_coordinator(self, chance: random.Random) -> None:
        if process := self.coordinator:
            self.say("kill -9 of the coordinator")
            process.kill()
            self.kills += 1
            self.coordinator = None
            self.judge(process)
        self.after(chance.choice([0.0, 0.2, 3.0]), self.start_coordinator)

    def end_worker(self, chance: random.Random) -> None:
        n = chance.randrange(3)
        self.say(f"SIGTERM of worker {n}")
        if worker := self.workers[n]:
            worker.terminate()

    def end_coordinator(self, _: random.Random) -> None:
        self.say("SIGTERM of the coordinator")
        if self.coordinator:
            self.coordinator.terminate()

    def stop_someone(self, chance: random.Random) -> None:
        n, seconds = chance.randrange(4), chance.choice([1.0, 2.0, 4.0, 7.0, 15.0])
        process = self.coordinator if n == 3 else self.workers[n]
        self.say(f"SIGSTOP of {'the coordinator' if n == 3 else f'worker {n}'} for {seconds} s")
        if process:
            self.vanished += n != 3
            process.send(signal.SIGSTOP)
            self.after(seconds, lambda: process.send(signal.SIGCONT))

    def sweep_temp(self, chance: random.Random) -> None:
        n = chance.randrange(3)
        self.say(f"the temporary folder of worker {n} is swept")
        for path in self.temps[n].at.iterdir():
            if path.name != ".ballast":
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    def fill_temp(self, chance: random.Random) -> None:
        left, seconds = chance.choice([0, 8_192]), chance.choice([1.0, 4.0, 10.0])
        self.say(f"the temporary folder of worker 0 is full for {seconds} s")
        self.temps[0].fill(left)
        self.after(seconds, self.temps[0].free)

    def fill_data(self, chance: random.Random) -> None:
        left, seconds = chance.choice([0, 4_096, 65_536]), chance.choice([1.0, 3.0, 6.0])
        self.say(f"the data folder is full for {seconds} s")
        self.disk.fill(left)

        def free() -> None:
            self.say("the data folder has room again")
            self.disk.free()
            for name in SWEEPS:
                self.after(0.5, lambda name=name: self.user(["resume", name]) and None)

        self.after(seconds, free)

    def exhaust(self, chance: random.Random) -> None:
        """Takes every process that the account of worker 2 may still have, and gives them back."""
        seconds = chance.choice([1.0, 5.0, 15.0])
        self.say(f"the account of worker 2 has no more processes for {seconds} s")
        if not self.root or self.hogs:
            return
        # More than any limit of worker 2, and ended with their session's leader.
        code = (
            "import os, resource, signal, sys, time\n"
            "resource.setrlimit(resource.RLIMIT_NPROC, (24, 24))\n"
            "os.setgid(int(sys.argv[1]))\nos.setuid(int(sys.argv[1]))\n"
            "for _ in range(64):\n"
            "    try:\n        child = os.fork()\n    except OSError:\n        break\n"
            "    if child == 0:\n        time.sleep(20)\n        os._exit(0)\n"
            "time.sleep(20)\n"
        )
        hog = subprocess.Popen([sys.executable, "-c", code, str(self.account)], stdin=subprocess.DEVNULL,
                               start_new_session=True)
        self.hogs.append(hog)
        self.after(seconds, self.relieve)

    def relieve(self) -> None:
        while self.hogs:
            hog = self.hogs.pop()
            # The session is this script's own: its group has the id of its leader.
            os.killpg(hog.pid, signal.SIGKILL)
            hog.wait()

    def shape_network(self, chance: random.Random) -> None:
        delay, rate = chance.choice([0, 20, 80, 300]), chance.choice(["100mbit", "1mbit", "256kbit"])
        self.say(f"the network of worker 1: delay {delay} ms, rate {rate}")
        if self.far and not quiet([*self.across(), "tc", "qdisc", "replace", "dev", "far", "root", "netem",
                                   "delay", f"{delay}ms", "rate", rate]):
            if not quiet([*self.across(), "tc", "qdisc", "replace", "dev", "far", "root", "tbf", "rate", rate,
                          "burst", "32kb", "latency", "400ms"]):
                self.say("SKIPPED: the kernel shapes no traffic")

    def cut_network(self, chance: random.Random) -> None:
        seconds = chance.choice([1.0, 4.0, 8.0])
        self.say(f"the network of worker 1 is cut for {seconds} s")
        if self.far:
            self.vanished += 1
            quiet(["ip", "link", "set", "near", "down"])
            self.after(seconds, lambda: quiet(["ip", "link", "set", "near", "up"]) and None)

    def grow(self, chance: random.Random) -> None:
        name, by, talk = chance.choice(SWEEPS), chance.randint(1, 3), strange(chance)
        _, step, most = REPLICATES[name]
        self.ends[name] = min(most, self.ends[name] + by * step)
        self.submit(name, TEXTS[name], self.ends[name], talk)

    def cancel(self, chance: random.Random) -> None:
        self.there_and_back("cancel", chance)

    def pause(self, chance: random.Random) -> None:
        self.there_and_back("pause", chance)

    def there_and_back(self, command: str, chance: random.Random) -> None:
        name, talk = chance.choice(SWEEPS), strange(chance)
        self.user([command, name], talk)
        self.after(chance.choice([0.1, 1.0, 3.0]), lambda: self.user(["resume", name], talk) and None)

    def retry(self, chance: random.Random) -> None:
        self.user(["retry", "--failed", chance.choice(SWEEPS)], strange(chance))

    def fetch(self, chance: random.Random) -> None:
        name, talk = chance.choice(SWEEPS), strange(chance)
        # Into a folder that others fetch into at the same time, or into a new one whose rows are counted.
        folder = chance.choice([f"fetched-0/{name}", f"fetched-1/{name}", f"once-{self.events}/{name}"])
        (self.at / folder).parent.mkdir(exist_ok=True)
        process = self.user(["fetch", name, "--out", folder], talk)
        if chance.random() < 0.2:
            self.after(chance.choice([0.005, 0.02, 0.1]), lambda: self.give_up(process))

    def give_up(self, process: Process) -> None:
        if process.child.poll() is None:
            self.say(f"kill -9 of `{process.label}`")
            process.kill()

    def run_here(self, chance: random.Random) -> None:
        """A local run of the first sweep, interrupted or killed, which goes on at the next such event."""
        process = self.user(["run", f"plain-{REPLICATES['plain'][0]}.toml", "--out", "here"], strange(chance))
        how = chance.choice([self.give_up, Process.interrupt])
        self.after(chance.choice([0.05, 0.2, 1.0]), lambda: how(process))

    def query(self, chance: random.Random) -> None:
        # The floor is that of the coordinator's own folder; a fetched one may be older.
        name, place = chance.choice(SWEEPS), chance.choice(["data", "data", "fetched-0"])
        process = self.user(["query", f"{place}/{name}", COUNT, "--csv"], strange(chance))
        if place != "data":
            process.floor = 0

    def ask(self, chance: random.Random) -> None:
        name = chance.choice(SWEEPS)
        self.user(chance.choice([["status", name, "--json"], ["status", name, "--json"], ["status", "--json"],
                                 ["list", "--json"], ["workers", "--json"], ["list"], ["workers"]]), strange(chance))

    def watch(self, chance: random.Random) -> None:
        process = self.user(["watch", chance.choice(SWEEPS)], strange(chance))
        self.after(chance.choice([0.5, 2.0]), process.interrupt)

    def throw_away(self, chance: random.Random) -> None:
        name = f"away{chance.randrange(3)}"
        self.submit(name, PLAIN, 4, strange(chance))
        self.after(chance.choice([0.2, 1.0, 3.0]), lambda: self.user(["remove", name, "--yes"]) and None)

    # The end.

    def run(self) -> None:
        self.start_coordinator()
        self.pump(1.0)
        for name in SWEEPS:
            self.submit(name, TEXTS[name], self.ends[name])
        for n in range(3):
            self.start_worker(n)
        while time.monotonic() - self.begun < self.seconds:
            self.event()
        self.lift()
        self.finish()
        self.compare()
        self.stop()

    def settle(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        until = time.monotonic() + seconds
        while not done():
            if time.monotonic() > until:
                raise Violation(f"{what} does not come within {seconds} s")
            self.pump(0.1)

    def lift(self) -> None:
        """All faults end: stopped processes go on, disks have room, the network is whole."""
        self.say("all faults are lifted")
        self.closing = True
        timers, self.timers = self.timers, []
        for _, call in timers:
            call()
        for disk in [self.disk, *self.temps]:
            disk.free()
        if self.far:
            quiet(["ip", "link", "set", "near", "up"])
            quiet([*self.across(), "tc", "qdisc", "del", "dev", "far", "root"])
        for worker in self.workers:
            if worker:
                worker.terminate()
        self.settle(lambda: not any(self.workers), 30, "the end of drained workers")
        self.settle(lambda: not self.pending, HANG_SECONDS, "the end of all commands")
        self.settle(lambda: self.must(["list"], {0, 4}).child.returncode == 0, 20, "a coordinator that answers")
        for n in range(3):
            self.start_worker(n, clean=True)

    def must(self, words: list[str], codes: set[int]) -> Process:
        """A command that has to end with one of these codes."""
        process = self.user(words)
        while process in self.pending:
            self.pump(0.02)
        if process.child.returncode not in codes:
            raise Violation(f"`{process.label}` ended with {process.child.returncode}\n{tail(process.log)}")
        return process

    def finish(self) -> None:
        for name in SWEEPS:
            self.must(["submit", f"{name}-{self.ends[name]}.toml"], {0})
            self.must(["resume", name], {0, 2})
            self.must(["retry", "--failed", name], {0, 2})

        def finished() -> bool:
            states = json.loads(self.must(["status", "--json"], {0}).out())
            self.last = [(one["name"], one["state"], one["reported"], one["trials"], one["problem"]) for one in states]
            return all(one[1] == "finished" for one in self.last if one[0] in SWEEPS)

        try:
            self.settle(finished, 60, "the end of every sweep")
        except Violation as violation:
            raise Violation(f"{violation}: {self.last}") from None

    def compare(self) -> None:
        """The tables against those of an undisturbed local run."""
        for name in SWEEPS:
            self.must(["run", f"{name}-{self.ends[name]}.toml", "--out", f"local-{name}"], {0})
            self.must(["check", f"data/{name}"], {0})
            for sql in (ROWS, CURVES):
                ours, theirs = (self.must(["query", f"{place}{name}", sql, "--csv"], {0}).out().splitlines()
                                for place in ("data/", "local-"))
                if ours != theirs:
                    other = [pair for pair in zip(ours, theirs) if pair[0] != pair[1]][:3]
                    raise Violation(f"{name}: {len(ours)} lines, {len(theirs)} undisturbed; {other}: {sql}")
            sql = "SELECT status, attempt, error, count(*) AS n FROM trials GROUP BY 1, 2, 3"
            for row in csv.DictReader(io.StringIO(self.must(["query", f"data/{name}", sql, "--csv"], {0}).out())):
                if row["status"] == "failed" or int(row["attempt"]) > self.vanished + 1:
                    raise Violation(f"{name}: {row}, and workers vanished {self.vanished} times")
            self.must(["query", f"data/{name}", COUNT, "--csv"], {0})

    def stop(self) -> None:
        for worker in self.workers:
            if worker:
                worker.terminate()
        self.settle(lambda: not any(self.workers), 15, "the end of drained workers")
        if coordinator := self.coordinator:
            self.coordinator = None
            coordinator.terminate()
            coordinator.child.wait(15)
            self.judge(coordinator)
        if self.inside:
            keep = {os.getpid(), self.holder.pid if self.holder else 0}
            left = [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in keep and alive(pid)]
            if left:
                words = [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ") for pid in left]
                raise Violation(f"processes are left: {words}")
        for log in sorted((self.at / "logs").iterdir()):
            if any("panicked" in line for line in log.read_text(errors="replace").splitlines()):
                raise Violation(f"a panic in {log}\n{tail(log)}")

    def end(self) -> None:
        """Ends what is still there, by its process id."""
        self.relieve()
        for process in [self.coordinator, *self.workers, *self.pending]:
            if process and process.child.poll() is None:
                process.kill()
        if self.holder:
            self.holder.kill()
            self.holder.wait()


def strange(chance: random.Random) -> str:
    """Where standard error goes."""
    return chance.choice(["file", "file", "file", "closed", "full", "gone"])


def alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-20:] if log.exists() else []
    return "\n".join(f"    {line}" for line in [f"--- {log}", *lines])


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def too_long(number: int, _: object) -> None:
    raise Violation("the time of the whole is over" if number == signal.SIGALRM else "ended from outside")


def main() -> int:
    words = argparse.ArgumentParser(description="seeded chaos over real processes")
    words.add_argument("--program", type=Path, required=True)
    words.add_argument("--seconds", type=float, default=60.0)
    words.add_argument("--seed", type=int)
    words.add_argument("--verbose", action="store_true", help="print every event on standard error")
    words.add_argument("--exhaust", action="store_true", help="also take all processes of one worker's account")
    asked = words.parse_args()
    seed = int.from_bytes(os.urandom(4)) if asked.seed is None else asked.seed
    if not os.environ.get(INSIDE):
        print(f"seed {seed}", flush=True)
        if os.geteuid() == 0 and quiet([*NAMESPACES, "true"]):
            again = [sys.executable, __file__, "--program", str(asked.program.resolve()), "--seed", str(seed)]
            again += ["--seconds", str(asked.seconds), *(["--verbose"] if asked.verbose else [])]
            again += ["--exhaust"] if asked.exhaust else []
            os.execvpe(NAMESPACES[0], [*NAMESPACES, *again], os.environ | {INSIDE: "1"})
    else:
        quiet(["ip", "link", "set", "lo", "up"])
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, too_long)
    signal.alarm(int(asked.seconds) + 85)
    folder = tempfile.TemporaryDirectory(prefix="strangers-", ignore_cleanup_errors=True)
    world = World(Path(folder.name), asked.program.resolve(), seed, asked.seconds, asked.verbose, asked.exhaust)
    try:
        world.run()
    except Exception as error:
        kept = Path(f"{folder.name}.kept")
        print(f"VIOLATION: {type(error).__name__}: {error}\nseed {seed}\nfolder {kept}", flush=True)
        print("\n".join(world.log[-30:]), flush=True)
        if not isinstance(error, Violation):
            import traceback
            traceback.print_exc()
        world.end()
        shutil.copytree(folder.name, kept, symlinks=True, ignore=shutil.ignore_patterns(".ballast", "parsimony"))
        return 1
    finally:
        signal.alarm(0)
        world.end()
        for disk in [world.disk, *world.temps]:
            disk.unmount()
        folder.cleanup()
    if world.verbose:
        print(dict(sorted(world.codes.items())), file=sys.stderr)
    took = time.monotonic() - world.begun
    print(f"seed {seed}: {world.events} events, {world.kills} kills, {took:.0f} seconds, chaos: 0 violations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
