#!/usr/bin/env python3
"""The coefficients of crates/dln/src/kernel/smooth/functions.rs, in 70 digits (needs mpmath and numpy).

    python3 -m venv /tmp/v && /tmp/v/bin/pip install mpmath numpy && /tmp/v/bin/python tests/measure/coefficients.py

- EXP: Q of e^r = 1 + r + r^2 Q(r), Q(0) = 1/2, least squares of the absolute error at Chebyshev nodes of |r| <= ln(2)/2
  and a thousandth more.
- TAIL_ABOVE, TAIL_BELOW: N and D of (u + a) F(-u) e^(u^2/2) = a/2 + u N(u) / D(u), a = 51/64, F the distribution
  function of the normal distribution, on 0 <= u <= top. Least squares of the absolute error at Chebyshev nodes of
  (u - 3) / (u + 3), weights iterated (Sanathanan and Koerner 1963), all coefficients positive or next to nothing.

Each table is followed by the largest error over dense points, of e^r relative to 1, of F relative to F.
"""
import numpy
from mpmath import cos, erfc, exp, expm1, log, matrix, mp, mpf, nstr, pi, qr_solve, sqrt

mp.dps = 70
A = mpf(51) / 64


def nodes(count):
    return [cos(pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def value(coefficients, x):
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def least_squares(rows, wanted):
    scale = [max(abs(row[j]) for row in rows) for j in range(len(rows[0]))]
    M = matrix([[entry / s for entry, s in zip(row, scale)] for row in rows])
    x, _ = qr_solve(M, matrix(wanted))
    return [x[j] / s for j, s in enumerate(scale)]


def exponential(degree):
    edge = log(2) / 2 * mpf("1.001")
    xs = [edge * x for x in nodes(60)]
    rows = [[x ** (j + 2) for j in range(1, degree + 1)] for x in xs]
    q = [mpf(1) / 2] + least_squares(rows, [expm1(x) - x - x * x / 2 for x in xs])
    points = [edge * (2 * mpf(i) / 999 - 1) for i in range(1000)]
    return q, max(abs((1 + r + r * r * value(q, r)) / exp(r) - 1) for r in points)


def mapped(x, top):
    edge = (top - 3) / (top + 3)
    t = (edge - 1) / 2 + (edge + 1) / 2 * x
    return 3 * (1 + t) / (1 - t)


def tail(degree, top):
    ratio = lambda u: erfc(u / sqrt(2)) * exp(u * u / 2) / 2
    wanted = lambda u: (u + A) * ratio(u) - A / 2
    us = [mapped(x, top) for x in nodes(120)]
    f = [wanted(u) for u in us]
    weights = [1 / (1 + u) ** degree for u in us]
    for _ in range(8):
        rows = [
            [w * u**j for j in range(1, degree + 1)] + [-w * y * u**j for j in range(1, degree + 1)]
            for u, y, w in zip(us, f, weights)
        ]
        c = least_squares(rows, [w * y for w, y in zip(weights, f)])
        N, D = c[:degree], [mpf(1)] + c[degree:]
        weights = [1 / value(D, u) for u in us]
    points = [mapped(2 * mpf(i) / 499 - 1, top) for i in range(500)]
    error = lambda u: (A / 2 + u * value(N, u) / value(D, u)) / (u + A) / ratio(u) - 1
    return N, D, max(abs(error(u)) for u in points)


def show(name, kind, coefficients):
    form = repr if kind == "f64" else lambda x: str(numpy.float32(x))
    numbers = [form(float(c)) for c in coefficients]
    print(f"const {name}: [{kind}; {len(numbers)}] = [")
    for number in numbers:
        print(f"    {number},")
    print("];")


for kind, degree in [("f64", 9), ("f32", 4)]:
    q, error = exponential(degree)
    show("EXP", kind, q)
    print(f"// error {nstr(error, 3)} = 2^{nstr(log(error, 2), 4)}\n")
for kind, degree, top in [("f64", 11, mpf(39)), ("f32", 5, mpf(15))]:
    N, D, error = tail(degree, top)
    show("TAIL_ABOVE", kind, N)
    show("TAIL_BELOW", kind, D)
    print(f"// error {nstr(error, 3)} = 2^{nstr(log(error, 2), 4)}\n")
