#!/usr/bin/env python3
"""Seconds and memory of every kind of plot over large run folders.

    tests/measure/plots.py FOLDER... --program P [--repeats 3] [--kinds KIND ...]

Each FOLDER is one that `tests/measure/query.py make` has filled: trials and ten rows of history a trial. Prints a
Markdown table: seconds on the clock, seconds of all cores, and the peak of memory of `parsimony plot FOLDER --kind KIND
--out FILE.svg`, medians of the repeats. Kinds whose tables have no rows there say so.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

# Kinds and the channels of the invented tables.
KINDS = {
    "curves": ["--value", "train_loss", "--color", "network_depth", "--facet", "init_kind"],
    "line": ["--x", "network_width", "--value", "train_loss", "--color", "network_depth", "--facet", "init_kind"],
    "heatmap": ["--x", "network_width", "--y", "optimizer_rate", "--value", "train_loss"],
    "spectrum": ["--facet", "layer"],
    "angles": ["--facet", "layer"],
    "separation": ["--color", "network_depth", "--facet", "init_kind"],
    "scatter": ["--x", "flops", "--y", "train_loss", "--color", "init_kind"],
    "parallel": ["--x", "network_depth, init_kind, optimizer_rate, network_width", "--value", "train_loss"],
    "importance": ["--x", "network_depth, init_kind, optimizer_rate, network_width", "--value", "train_loss"],
    "distribution": ["--x", "init_kind", "--value", "train_loss", "--facet", "network_depth"],
}


def trials(program, folder):
    asked = [program, "query", folder, "SELECT count(*) AS n FROM trials", "--csv"]
    return int(subprocess.run(asked, capture_output=True, check=True, text=True).stdout.split()[1])


def measured(command):
    """Wall and CPU seconds, peak memory in MB, and what it said where it failed."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        said.seek(0)
        words = said.read().decode()
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, words if status else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--program", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    options = parser.parse_args()
    print("| kind | trials | seconds | of all cores | peak memory |\n| --- | --- | --- | --- | --- |")
    for kind in options.kinds:
        for folder in options.folders:
            count = trials(options.program, folder)
            with tempfile.TemporaryDirectory() as out:
                command = [options.program, "plot", folder, "--kind", kind, *KINDS[kind]]
                command += ["--out", os.path.join(out, "p.svg")]
                runs = [measured(command) for _ in range(options.repeats)]
            words = next((run[3] for run in runs if run[3]), "")
            if words:
                print(f"| {kind} | {count:,} | {words.strip().splitlines()[-1]} | | |")
            else:
                wall, cpu, memory = (statistics.median(run[i] for run in runs) for i in range(3))
                print(f"| {kind} | {count:,} | {wall:.2f} | {cpu:.2f} | {memory:.0f} MB |")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
