#!/usr/bin/env python3
"""How far the time to the end is off, over six kinds of sweep.

Runs a coordinator and a worker of the program given, asks for the status several times a second, and compares the
estimates with what truly was left at 10, 50 and 90 % of each sweep's time. Ratios above 1 promise too long a time.

    tests/measure/eta.py target/release/parsimony [--threads 2] [--seconds 20] [KIND ...]
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

BASE = """
name = "{name}"
seed = 5
[axes]
{axes}
[problem]
kind = "factorization"
dim = 40
rank = 3
[network]
depth = 2
[init]
kind = "gaussian"
scale = 0.1
[train]
{steps}
engine = "full"
{more}
[optimizer]
rate = {rate}
"""


def sweep(name, axes, steps=None, more="", rate=0.5):
    fixed = f"steps = {steps}" if steps else ""
    return BASE.format(name=name, axes=axes, steps=fixed, more=more, rate=rate)


class Lab:
    def __init__(self, program, threads):
        self.program, self.threads = os.path.abspath(program), threads
        self.folder = tempfile.TemporaryDirectory()
        self.listen = "127.0.0.1:0"
        self.start()

    def start(self):
        words = [self.program, "coordinator", "--listen", self.listen, "--data", "data"]
        self.coordinator = subprocess.Popen(
            words, cwd=self.folder.name, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.url = self.coordinator.stdout.readline().split()[-1]
        self.listen = self.url.split("//")[1]
        self.work()

    def work(self):
        words = [self.program, "worker", "--coordinator", self.url, "--threads", str(self.threads)]
        self.worker = subprocess.Popen(words, cwd=self.folder.name, stderr=subprocess.DEVNULL)

    def kill(self):
        for process in (self.worker, self.coordinator):
            process.send_signal(signal.SIGKILL)
            process.wait()

    def call(self, *words):
        words = [self.program, *words, "--coordinator", self.url]
        return subprocess.run(words, cwd=self.folder.name, capture_output=True, text=True, check=True).stdout

    def submit(self, text):
        with open(os.path.join(self.folder.name, "s.toml"), "w") as file:
            file.write(text)
        self.call("submit", "s.toml")

    def status(self, name):
        return json.loads(self.call("status", name, "--json"))

    def follow(self, name, until=lambda status: False):
        """Statuses with their times, until the sweep has ended or `until` says so."""
        seen = []
        while True:
            status = self.status(name)
            seen.append((time.monotonic(), status))
            if status["state"] == "finished" or until(status):
                return seen
            time.sleep(0.2)


def done(status):
    return status["completed"] + status["diverged"] + status["failed"]


def pace(lab):
    """Steps a second of one thread, with all threads at work."""
    count = 4 * lab.threads
    lab.submit(sweep("pace", f'"replicate" = {{ range = [0, {count}] }}', 20000))
    seen = lab.follow("pace")
    return 20000 * count / lab.threads / (seen[-1][0] - seen[0][0])


def equal(lab, steps):
    trials = 20 * lab.threads
    lab.submit(sweep("equal", f'"replicate" = {{ range = [0, {trials}] }}', int(steps / 20)))
    return lab.follow("equal")


def unequal(lab, steps):
    each = [int(steps * share / 12) for share in (0.05, 1.5, 0.2, 0.8, 2.0, 0.1)]
    axes = f'"replicate" = {{ range = [0, {lab.threads * 4}] }}\n"train.steps" = {each}'
    lab.submit(sweep("unequal", axes))
    return lab.follow("unequal")


def stopped(lab, steps):
    more = "stop = { train_loss = 1e-4 }"
    trials = 400 * lab.threads
    lab.submit(sweep("stopped", f'"replicate" = {{ range = [0, {trials}] }}', int(steps / 20), more, 2.0))
    return lab.follow("stopped")


def one_long(lab, steps):
    zipped = f'[[zip]]\n"replicate" = {list(range(40))}\n"train.steps" = {[int(steps / 60)] * 20 + [int(steps)] + [int(steps / 60)] * 19}\n'
    text = sweep("one-long", "").replace("[problem]", zipped + "[problem]")
    lab.submit(text)
    return lab.follow("one-long")


def continued(lab, steps):
    trials = 30 * lab.threads
    lab.submit(sweep("continued", f'"replicate" = {{ range = [0, {trials}] }}', int(steps / 20)))
    lab.follow("continued", lambda status: done(status) >= trials / 3)
    lab.kill()
    lab.start()
    return lab.follow("continued")


def grown(lab, steps):
    trials = 10 * lab.threads
    text = '"replicate" = {{ range = [0, {}] }}'
    lab.submit(sweep("grown", text.format(trials), int(steps / 20)))
    lab.follow("grown", lambda status: done(status) >= trials / 2)
    lab.submit(sweep("grown", text.format(3 * trials), int(steps / 20)))
    return lab.follow("grown")


KINDS = {
    "equal": equal,
    "unequal": unequal,
    "stopped": stopped,
    "one-long": one_long,
    "continued": continued,
    "grown": grown,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("kinds", nargs="*")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_intermixed_args()
    lab = Lab(options.program, options.threads)
    try:
        steps = pace(lab) * options.seconds
        print(f"{'kind':10}  {'seconds':>7}  {'first eta':>9}  10 %            50 %            90 %")
        for kind in options.kinds or KINDS:
            seen = KINDS[kind](lab, steps)
            begun, end = seen[0][0], seen[-1][0]
            known = [at for at, status in seen if status["eta_seconds"] is not None]
            first = f"{known[0] - begun:7.1f} s" if known else "never"
            row = f"{kind:10}  {end - begun:7.1f}  {first:>9}"
            for share in (0.1, 0.5, 0.9):
                at, status = min(seen, key=lambda pair: abs(pair[0] - begun - share * (end - begun)))
                left, eta = end - at, status["eta_seconds"]
                shown = "?" if eta is None else f"{eta:.1f} / {left:.1f} = {eta / left:.2f}" if left > 0 else "-"
                row += f"  {shown:<20}"
            print(row, flush=True)
            longer = [done(status) for _, status in seen]
            assert longer == sorted(longer), "rows were lost"
    finally:
        lab.kill()


if __name__ == "__main__":
    sys.exit(main())
