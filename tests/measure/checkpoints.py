#!/usr/bin/env python3
"""Trains small networks on the digits with numpy alone and keeps checkpoints, for `parsimony inspect`.

    python3 tests/measure/checkpoints.py OUT [--activation tanh|relu|silu|linear] [--seed N] [--steps N] [--width N]

The setting of the book's page on inspecting checkpoints: the first 1,200 digits, centred and whitened (61 directions),
three layers of width 128, an orthogonal start of scale 0.3, all samples a step, the loss 1/2 ||.||^2, rate 0.01, 300
steps. OUT gets step0.npz, step1.npz and some later ones, inputs.npy, and gradient.npz, the gradient at the start.
"""

import argparse
import gzip
import pathlib

import numpy as np

SAMPLES = 1200


def digits():
    path = pathlib.Path(__file__).resolve().parents[2] / "sweeps/data/digits.csv.gz"
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    inputs, labels = table[:SAMPLES, :64].T, table[:SAMPLES, 64].astype(int)
    inputs = inputs - inputs.mean(axis=1, keepdims=True)
    _, s, vt = np.linalg.svd(inputs, full_matrices=False)
    rank = int((s > 1e-8 * s[0]).sum())
    # In the coordinates of their range: in all 64 the second moment would be no multiple of the identity.
    return vt[:rank], np.eye(10)[:, labels]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


ACTIVATIONS = {
    "linear": (lambda z: z, lambda z: np.ones_like(z)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z)))),
}


def orthogonal(rng, rows, columns):
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))
    return q if rows >= columns else q.T


def gradients(weights, inputs, targets, act, slope):
    before, after = [], [inputs]
    for number, w in enumerate(weights):
        z = w @ after[-1]
        before.append(z)
        after.append(act(z) if number + 1 < len(weights) else z)
    delta = after[-1] - targets
    found = []
    for number in reversed(range(len(weights))):
        found.append(delta @ after[number].T)
        if number > 0:
            delta = (weights[number].T @ delta) * slope(before[number - 1])
    return found[::-1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--activation", choices=sorted(ACTIVATIONS), default="tanh")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--rate", type=float, default=0.01)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    inputs, targets = digits()
    sizes = [len(inputs), options.width, options.width, len(targets)]
    rng = np.random.default_rng(options.seed)
    weights = [0.3 * orthogonal(rng, m, n) for n, m in zip(sizes, sizes[1:])]
    act, slope = ACTIVATIONS[options.activation]
    np.save(options.out / "inputs.npy", inputs.T)
    for step in range(options.steps + 1):
        if step in (0, 1) or step % 100 == 0 or step == options.steps:
            named = {f"layer{number + 1}.weight": w for number, w in enumerate(weights)}
            np.savez(options.out / f"step{step}.npz", **named)
        found = gradients(weights, inputs, targets, act, slope)
        if step == 0:
            np.savez(options.out / "gradient.npz", **{"layer1.weight": found[0]})
        weights = [w - options.rate * g for w, g in zip(weights, found)]


if __name__ == "__main__":
    main()
