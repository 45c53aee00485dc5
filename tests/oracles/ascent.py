"""Gradient ascent on bandits, and on two arms, written from the mathematics alone.

Second derivatives are central differences of the function itself with many digits; runs are plain loops over numbers
of Python or mpmath.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import mpmath

Real = Any
"""An mpmath number (mpmath carries no type information)."""

STEP = mpmath.mpf(10) ** -20
"""Step of the second differences: their error is of the order of its square, 1e-40, at 100 digits."""

DIGITS = 100


def hessian(function: Callable[[list[Real]], Real], z: Sequence[float]) -> Any:
    """Matrix of second central differences, each entry from four values."""
    n = len(z)
    out = mpmath.matrix(n, n)
    for a in range(n):
        for b in range(n):
            total = mpmath.mpf(0)
            for i in (1, -1):
                for j in (1, -1):
                    point = [mpmath.mpf(x) for x in z]
                    point[a] += i * STEP
                    point[b] += j * STEP
                    total += i * j * function(point)
            out[a, b] = total / (4 * STEP**2)
    return out


def curvature(function: Callable[[list[Real]], Real], z: Sequence[float]) -> float:
    """Largest absolute eigenvalue of the matrix of second differences."""
    with mpmath.workdps(DIGITS):
        matrix = hessian(function, z)
        values = mpmath.eigsy((matrix + matrix.T) / 2, eigvals_only=True)
        return float(max(abs(x) for x in values))


def probabilities(z: Sequence[Real]) -> list[Real]:
    weights = [mpmath.exp(x) for x in z]
    total = mpmath.fsum(weights)
    return [w / total for w in weights]


def objective(reward: Sequence[float]) -> Callable[[list[Real]], Real]:
    """``sum_a p_a r_a`` as a function of the logits."""
    return lambda z: mpmath.fsum(p * mpmath.mpf(r) for p, r in zip(probabilities(z), reward, strict=True))


def entropy(z: list[Real]) -> Real:
    """``-sum_a p_a log p_a``."""
    return -mpmath.fsum(p * mpmath.log(p) for p in probabilities(z))


Bias = Callable[[list[Real], int], list[Real]]


def run(reward: Sequence[float], z0: Sequence[float], eta: float, steps: int, bias: Bias | None = None) -> list[Any]:
    """Logits ``z_0, ..., z_T`` of ``z' = z + eta (p (r - J) + bias(z, t))``."""
    z = [mpmath.mpf(x) for x in z0]
    path = [z]
    for t in range(steps):
        p = probabilities(z)
        value = mpmath.fsum(x * mpmath.mpf(r) for x, r in zip(p, reward, strict=True))
        extra = bias(z, t) if bias else [0] * len(z)
        z = [
            x + mpmath.mpf(eta) * (q * (mpmath.mpf(r) - value) + b)
            for x, q, r, b in zip(z, p, reward, extra, strict=True)
        ]
        path.append(z)
    return path


def towards(anchor: Sequence[float], beta: Callable[[int], float]) -> Bias:
    """``-beta_t (p - q)``, q the policy with logits `anchor`, at the precision in force when it is called."""

    def bias(z: list[Real], t: int) -> list[Real]:
        q = probabilities([mpmath.mpf(x) for x in anchor])
        return [-beta(t) * (a - b) for a, b in zip(probabilities(z), q, strict=True)]

    return bias


def entropy_bonus(alpha: Callable[[int], float]) -> Bias:
    """``-alpha_t p_a (log p_a + H)``."""

    def bias(z: list[Real], t: int) -> list[Real]:
        p, h = probabilities(z), entropy(z)
        return [-alpha(t) * x * (mpmath.log(x) + h) for x in p]

    return bias


def flow_root(w0: float, s: float) -> Real:
    """The w with ``w + sinh w = s + w0 + sinh w0``, by bisection with 60 digits beyond the size of the target."""
    with mpmath.workdps(400):
        start = mpmath.mpf(w0)
        target = mpmath.mpf(s) + start + mpmath.sinh(start)
        low, high = -mpmath.asinh(abs(target)) - 1, mpmath.asinh(abs(target)) + 1
        for _ in range(300):
            middle = (low + high) / 2
            if middle + mpmath.sinh(middle) < target:
                low = middle
            else:
                high = middle
        return (low + high) / 2


def two_arms(w0: float, etas: Iterable[float]) -> float:
    """The last ``z_1 - z_2`` of exact ascent with rewards (1, 0), both logits moved one by one."""
    first, second = w0, 0.0
    for eta in etas:
        p = 1 / (1 + math.exp(second - first))
        slope = p * (1 - p)
        first, second = first + eta * slope, second - eta * slope
    return first - second


def squared_gradient(w: float) -> float:
    """``|grad J|^2`` for rewards (1, 0): both entries are ``+- p (1 - p)``."""
    p = 1 / (1 + math.exp(w))
    return 2 * (p * (1 - p)) ** 2


def held_to_uniform(eta: float, beta: float, power: float, steps: int) -> tuple[list[float], list[float]]:
    """Probabilities of the worse arm, and the coefficients, of ``z' = z + eta [p A - beta_t (p - 1/2)]`` from the
    uniform policy, ``beta_t = beta t^(-power)``, t = 1, 2, ..."""
    w, shares, coefficients = 0.0, [], []
    for t in range(1, steps + 1):
        u = 1 / (1 + math.exp(w))
        coefficient = beta * t**-power
        shares.append(u)
        coefficients.append(coefficient)
        w += eta * (2 * u * (1 - u) - coefficient * (1 - 2 * u))
    return shares, coefficients
