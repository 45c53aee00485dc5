"""Softmax policies with hundreds of digits.

Every formula is the definition, written for one policy: a list of logits.  The working precision is
800 digits, so that the difference of two numbers that agree to 300 digits (the probabilities of a policy
that is deterministic to double precision) is still known to hundreds of digits; no formula here
needs to be numerically stable.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

DIGITS = 800
Real = Any
"""An mpmath number (mpmath carries no type information)."""


def softmax(z: Sequence[Real]) -> list[Real]:
    """exp(z_a) / sum_b exp(z_b)."""
    weights = [mpmath.exp(x) for x in z]
    total = mpmath.fsum(weights)
    return [w / total for w in weights]


def log_softmax(z: Sequence[Real]) -> list[Real]:
    """z_a - log sum_b exp(z_b), as -log(1 + sum_{b != a} exp(z_b - z_a)).

    The second form keeps relative accuracy at any precision, even where 800 digits would not be enough.
    """
    weights = [mpmath.exp(x) for x in z]
    others = [mpmath.fsum(w for b, w in enumerate(weights) if b != a) for a in range(len(z))]
    return [-mpmath.log1p(rest / w) for rest, w in zip(others, weights, strict=True)]


def mean(z: Sequence[Real], x: Sequence[Real]) -> Real:
    """E_p x."""
    return mpmath.fsum(p * v for p, v in zip(softmax(z), x, strict=True))


def covariance(z: Sequence[Real], x: Sequence[Real], y: Sequence[Real]) -> Real:
    """Cov_p(x, y) = 1/2 sum_ab p_a p_b (x_a - x_b)(y_a - y_b)."""
    p = softmax(z)
    n = range(len(z))
    return mpmath.fsum(p[a] * p[b] * (x[a] - x[b]) * (y[a] - y[b]) for a in n for b in range(a))


def entropy(z: Sequence[Real]) -> Real:
    """-sum_a p_a log p_a."""
    return -mean(z, log_softmax(z))


def entropy_gradient(z: Sequence[Real]) -> list[Real]:
    """Derivative of the entropy: with dp_b = p_b (1[a=b] - p_a), sum_b -(log p_b + 1) dp_b."""
    p, logp = softmax(z), log_softmax(z)
    n = range(len(z))
    return [-mpmath.fsum((logp[b] + 1) * p[b] * ((a == b) - p[a]) for b in n) for a in n]


def varentropy(z: Sequence[Real]) -> Real:
    """Var_p(log p)."""
    return covariance(z, z, z)


def kl(z_old: Sequence[Real], z_new: Sequence[Real]) -> Real:
    """sum_a p_a (log p_a - log q_a)."""
    old, new = log_softmax(z_old), log_softmax(z_new)
    return mean(z_old, [x - y for x, y in zip(old, new, strict=True)])


def fisher_norm(z: Sequence[Real], v: Sequence[Real]) -> Real:
    """sqrt(v^T (diag p - p p^T) v)."""
    return mpmath.sqrt(covariance(z, v, v))


def first_order_entropy_change(z: Sequence[Real], dz: Sequence[Real]) -> Real:
    """<gradient of the entropy, dz>."""
    return mpmath.fsum(g * d for g, d in zip(entropy_gradient(z), dz, strict=True))


def entropy_change(z: Sequence[Real], dz: Sequence[Real]) -> Real:
    """H(z + dz) - H(z), the sum z + dz being exact."""
    return entropy([x + d for x, d in zip(z, dz, strict=True)]) - entropy(z)


def token_covariance(z: Sequence[Real], dz: Sequence[Real]) -> list[Real]:
    """(log p_a - E log p)(dz_a - E dz)."""
    logp = log_softmax(z)
    m, d = mean(z, logp), mean(z, dz)
    return [(x - m) * (y - d) for x, y in zip(logp, dz, strict=True)]


def exactly(function: Callable[..., Any], *arrays: Any, digits: int = DIGITS) -> Any:
    """Apply an oracle to arrays of doubles, along the last axis and broadcast over the others.

    The answer is an object array of mpmath numbers (of shape () for one number).
    """
    wide = np.broadcast_arrays(*[np.asarray(x, dtype=float) for x in arrays])
    lead = wide[0].shape[:-1]
    rows = [row_of(function, digits, *[tuple(x[index].tolist()) for x in wide]) for index in np.ndindex(*lead)]
    if rows and isinstance(rows[0], list):
        return np.array(rows, dtype=object).reshape(*lead, len(rows[0]))
    return np.array(rows, dtype=object).reshape(lead)


@functools.lru_cache(maxsize=4096)
def row_of(function: Callable[..., Any], digits: int, *rows: tuple[float, ...]) -> Any:
    """One policy; kept, since the same value is compared with several kinds of numbers."""
    with mpmath.workdps(digits):
        return function(*[[mpmath.mpf(x) for x in row] for row in rows])
