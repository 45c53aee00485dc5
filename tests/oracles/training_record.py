"""What a training history records of one update, from the tables of a policy, in plain sums.

The inputs are lists of mpmath numbers (or of doubles): the visits w(s), the visitation d(s), the policy p, the
advantages A and the update dz, each by state. How they are found is not the concern of this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath

Number = Any
Rows = Sequence[Sequence[Number]]


def average(p: Sequence[Number], x: Sequence[Number]) -> Number:
    """E_p x."""
    return mpmath.fsum(a * b for a, b in zip(p, x, strict=True))


def covariance(d: Sequence[Number], p: Rows, dz: Rows) -> Number:
    """sum_s d(s) Cov_p(log p, dz)."""
    total = []
    for weight, row, change in zip(d, p, dz, strict=True):
        x = [mpmath.log(a) for a in row]
        m, n = average(row, x), average(row, change)
        total.append(weight * mpmath.fsum(a * (b - m) * (c - n) for a, b, c in zip(row, x, change, strict=True)))
    return mpmath.fsum(total)


def entropy(row: Sequence[Number]) -> Number:
    """-sum p log p."""
    return -mpmath.fsum(a * mpmath.log(a) for a in row)


def state_entropy_change(d: Sequence[Number], p: Rows, after: Rows) -> Number:
    """sum_s d(s) [H(after) - H(p)], the visitation held."""
    return mpmath.fsum(w * (entropy(b) - entropy(a)) for w, a, b in zip(d, p, after, strict=True))


def divergence(w: Sequence[Number], p: Rows, q: Rows) -> Number:
    """sum_s w(s) KL(p_s || q_s)."""
    return mpmath.fsum(
        weight * a * (mpmath.log(a) - mpmath.log(b))
        for weight, x, y in zip(w, p, q, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def token_covariances(d: Sequence[Number], p: Rows, advantage: Rows) -> list[tuple[Number, Number]]:
    """For each entry (C, mass): C(s,a) = (log p - E log p)(A - E A), and its share of the tokens."""
    whole = mpmath.fsum(d)
    out = []
    for weight, row, values in zip(d, p, advantage, strict=True):
        x = [mpmath.log(a) for a in row]
        m, n = average(row, x), average(row, values)
        out += [((b - m) * (c - n), weight * a / whole) for a, b, c in zip(row, x, values, strict=True)]
    return out


def batch_covariances(log_prob: Sequence[float], advantage: Sequence[float]) -> list[tuple[Number, Number]]:
    """For each token (C, 1 / N), the deviations being taken from the means over the batch."""
    n = len(log_prob)
    m = mpmath.fsum(log_prob) / n
    k = mpmath.fsum(advantage) / n
    return [
        ((mpmath.mpf(x) - m) * (mpmath.mpf(y) - k), mpmath.mpf(1) / n) for x, y in zip(log_prob, advantage, strict=True)
    ]


def is_quantile(entries: Sequence[tuple[Number, Number]], level: float, value: float, slack: Number) -> bool:
    """Whether a number is the smallest entry below or at which there is at least the mass `level` (inverted cdf).

    Entries within `slack` of each other count as equal, masses as known to `slack`.
    """
    at_most = mpmath.fsum(mass for c, mass in entries if c <= value + slack)
    below = mpmath.fsum(mass for c, mass in entries if c < value - slack)
    near = any(abs(c - value) <= slack for c, _ in entries)
    return bool(near and at_most >= level - slack and below <= level + slack)


def positive_share(entries: Sequence[tuple[Number, Number]]) -> Number:
    """Mass of the entries above zero."""
    return mpmath.fsum(mass for c, mass in entries if c > 0)
