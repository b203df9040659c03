#!/usr/bin/env python3
"""Microseconds a step and trial of small nonlinear networks, side by side with JAX.

    tests/measure/activations.py target/release/parsimony [--jax PYTHON] [--rounds 5] [--steps 4000] [ACTIVATION ...]

Eight trials of one network (64 inputs, two hidden layers of 64, 10 outputs, 100 samples, squared loss, gradient descent,
double precision) on two threads: here as eight replicates, in JAX as one compiled loop over the steps that vmaps over the
eight. Both take turns. Each side's time is that of a long run less that of a short one, so that starting and compiling
do not count; the fastest round of each is printed, and their ratio. Where `--jax` names no Python that has JAX, the script
makes an environment in a temporary folder and removes it afterwards.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

INPUTS, WIDTH, OUTPUTS, SAMPLES, TRIALS, THREADS = 64, 64, 10, 100, 8, 2
ACTIVATIONS = ["relu", "leaky_relu", "tanh", "gelu", "silu"]

SWEEP = f"""
name = "activations"
[axes]
"replicate" = {{ range = [0, {TRIALS}] }}
[problem]
kind = "regression"
inputs = {{ draw = "gaussian", count = {SAMPLES} }}
inputs_dim = {INPUTS}
outputs_dim = {OUTPUTS}
rank = 5
[network]
depth = 3
width = {WIDTH}
activation = "ACTIVATION"
[init]
kind = "gaussian"
[train]
engine = "full"
steps = STEPS
[optimizer]
rate = 0.01
"""

# Reads lines "ACTIVATION STEPS", answers each with the seconds of a compiled run.
JAX = f"""
import sys, time
import jax, jax.numpy as jnp
jax.config.update("jax_enable_x64", True)
functions = dict(
    relu=jax.nn.relu, leaky_relu=jax.nn.leaky_relu, tanh=jnp.tanh, silu=jax.nn.silu,
    gelu=lambda z: jax.nn.gelu(z, approximate=False),
)
sizes = [{INPUTS}, {WIDTH}, {WIDTH}, {OUTPUTS}]
keys = jax.random.split(jax.random.key(1), 5)
weights = [
    jax.random.normal(key, ({TRIALS}, rows, columns)) / columns**0.5
    for key, columns, rows in zip(keys, sizes, sizes[1:])
]
X = jax.random.normal(keys[3], ({TRIALS}, {INPUTS}, {SAMPLES}))
Y = jax.random.normal(keys[4], ({TRIALS}, {OUTPUTS}, {SAMPLES}))


def runner(name):
    function = functions[name]

    def loss(weights, X, Y):
        A = function(weights[0] @ X)
        A = function(weights[1] @ A)
        return 0.5 * jnp.mean((weights[2] @ A - Y) ** 2)

    def step(weights, X, Y):
        gradients = jax.grad(loss)(weights, X, Y)
        return [W - 0.01 * G for W, G in zip(weights, gradients)]

    def run(weights, X, Y, steps):
        return jax.lax.fori_loop(0, steps, lambda _, weights: jax.vmap(step)(weights, X, Y), weights)

    return jax.jit(run)


runners = {{}}
for line in sys.stdin:
    name, steps = line.split()
    if name not in runners:
        runners[name] = runner(name)
        jax.block_until_ready(runners[name](weights, X, Y, 1))
    begun = time.perf_counter()
    jax.block_until_ready(runners[name](weights, X, Y, int(steps)))
    print(time.perf_counter() - begun, flush=True)
"""


class Jax:
    def __init__(self, python, folder):
        if python is None:
            python = os.path.join(folder, "environment", "bin", "python")
            subprocess.run([sys.executable, "-m", "venv", os.path.join(folder, "environment")], check=True)
            subprocess.run([python, "-m", "pip", "-q", "install", "jax"], check=True)
        self.process = subprocess.Popen(
            [python, "-c", JAX], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=two_threads()
        )

    def seconds(self, activation, steps):
        self.process.stdin.write(f"{activation} {steps}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("JAX has ended")
        return float(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def two_threads():
    """The cores that both sides may use."""
    cores = sorted(os.sched_getaffinity(0))[:THREADS]
    if len(cores) < THREADS:
        sys.exit(f"needs {THREADS} cores")
    os.sched_setaffinity(0, cores)
    return dict(os.environ, JAX_PLATFORMS="cpu")


def ours(program, folder, activation, steps):
    path = os.path.join(folder, f"{activation}-{steps}.toml")
    with open(path, "w") as file:
        file.write(SWEEP.replace("ACTIVATION", activation).replace("STEPS", str(steps)))
    out = tempfile.mkdtemp(dir=folder)
    words = [program, "run", path, "--out", out, "--threads", str(THREADS)]
    begun = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("program")
    words.add_argument("activations", nargs="*", default=[], metavar="ACTIVATION")
    words.add_argument("--jax", metavar="PYTHON", help="a Python that has JAX")
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--steps", type=int, default=4000)
    asked = words.parse_args()
    program = os.path.abspath(asked.program)
    unknown = set(asked.activations) - set(ACTIVATIONS)
    if unknown or asked.rounds < 1 or asked.steps < 1000:
        words.error("activations are " + ", ".join(ACTIVATIONS) + "; at least 1 round and 1000 steps")
    with tempfile.TemporaryDirectory() as folder:
        jax = Jax(asked.jax, folder)
        for activation in asked.activations or ACTIVATIONS:
            both = {
                "parsimony": lambda steps: ours(program, folder, activation, steps),
                "jax": lambda steps: jax.seconds(activation, steps),
            }
            found = {}
            for _ in range(asked.rounds):
                for name, seconds in both.items():
                    few = asked.steps // 8
                    each = (seconds(asked.steps) - seconds(few)) / ((asked.steps - few) * TRIALS)
                    found.setdefault(name, []).append(1e6 * each)
            here, there = min(found["parsimony"]), min(found["jax"])
            print(
                f"{activation}: {here:.1f} us a step and trial, JAX {there:.1f} us, {there / here:.2f} times as long",
                flush=True,
            )
        jax.close()


if __name__ == "__main__":
    main()
