"""How far a stable float64 evaluation may lie from the exact value.

One rounding has relative error at most EPS / 2; exp, log, expm1 and log1p are taken to be within 4 units
(numpy's vectorised versions are).  Notation: d_a = z_a - max z, which is rounded once, so that exp(d_a)
carries the relative error |d_a| EPS / 2 besides those of exp and of the sum over A actions.  Hence
``unit(z) = 4 (A + 8 + spread) EPS`` bounds the relative error of every probability, of every log-probability and of
every sum of such numbers with one sign.  The spread is capped at 745: beyond that exp underflows to zero.

Differences are bounded by the sizes of what is subtracted.  Covariances do not change when x is shifted, so
the sizes are those of x' = x - x_mode (one rounding, exact where x_mode is near x): they shrink with
the covariance when the policy becomes deterministic.

Probabilities below 2**-1022 have absolute errors of 2**-1074; multiplied by quantities as large as a
log-probability (at most 745 before underflow, so ``SUBNORMAL = 2**-1074 * 4 * 750``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

EPS = 2.0**-52
SUBNORMAL = 2.0**-1074 * 4 * 750
LARGEST_DROP = 745.0
Array = NDArray[np.float64]


def parts(z: ArrayLike) -> tuple[Array, Array]:
    """(p, d): the probabilities and d = z - max z."""
    logits = np.asarray(z, dtype=float)
    d = logits - logits.max(axis=-1, keepdims=True)
    weight = np.exp(d)
    return weight / weight.sum(axis=-1, keepdims=True), d


def unit(z: ArrayLike, *more: ArrayLike) -> Any:
    """Relative error of probabilities and of sums of one sign."""
    _, d = parts(z)
    spread = np.minimum(-d.min(axis=-1), LARGEST_DROP)
    for x in more:
        spread = spread + np.minimum(np.ptp(np.asarray(x, dtype=float), axis=-1), LARGEST_DROP)
    return 4 * (d.shape[-1] + 8 + spread) * EPS


def from_mode(z: ArrayLike, x: ArrayLike) -> Array:
    """|x - x_mode|."""
    logits, values = np.broadcast_arrays(np.asarray(z, dtype=float), np.asarray(x, dtype=float))
    mode = logits.argmax(axis=-1)[..., None]
    return np.asarray(np.abs(values - np.take_along_axis(values, mode, axis=-1)))


def expectation(z: ArrayLike, x: Array) -> Any:
    """E_p x."""
    p, _ = parts(z)
    return (p * x).sum(axis=-1)


def softmax(z: ArrayLike) -> Any:
    """Relative error of one probability: its own shift |d_a|, and a sum dominated by small shifts."""
    p, d = parts(z)
    return 4 * (d.shape[-1] + 8 + np.minimum(-d, LARGEST_DROP)) * EPS * p + 2.0**-1074 * 4


def log_magnitude(z: ArrayLike) -> Any:
    """|log p_a| = |d_a| + log(sum exp d), the sum exceeding one by the ``rest``."""
    _, d = parts(z)
    ties = (d == 0).sum(axis=-1, keepdims=True)
    rest = np.where(d < 0, np.exp(d), 0.0).sum(axis=-1, keepdims=True) + (ties - 1)
    return -d + np.log1p(rest)


def log_softmax(z: ArrayLike) -> Any:
    """d_a and -log1p(rest) have one sign."""
    magnitude = log_magnitude(z)
    return np.asarray(unit(z))[..., None] * magnitude + 2.0**-1074 * 4 * magnitude.shape[-1]


def deviation_sizes(z: ArrayLike) -> tuple[Array, Array]:
    """(|d_a - E d|, |d_a| + E|d|): log p_a - E log p, and the sizes of what is subtracted to form it."""
    p, d = parts(z)
    average = (p * d).sum(axis=-1, keepdims=True)
    return np.abs(d - average), -d - average


def entropy(z: ArrayLike) -> Any:
    """All terms of -sum p log p have one sign."""
    p, _ = parts(z)
    return unit(z) * (p * log_magnitude(z)).sum(axis=-1) + SUBNORMAL * p.shape[-1]


def entropy_gradient(z: ArrayLike) -> Any:
    """p_a times the difference log p_a - E log p."""
    p, _ = parts(z)
    _, size = deviation_sizes(z)
    return np.asarray(unit(z))[..., None] * p * size + SUBNORMAL * p.shape[-1]


def covariance(z: ArrayLike, x: ArrayLike, y: ArrayLike) -> Any:
    """sum_a p_a (|x'_a| + E|x'|)(|y'_a| + E|y'|)."""
    p, _ = parts(z)
    a, b = from_mode(z, x), from_mode(z, y)
    sizes = (a + (p * a).sum(axis=-1, keepdims=True)) * (b + (p * b).sum(axis=-1, keepdims=True))
    largest = a.max(axis=-1) * b.max(axis=-1)
    return unit(z) * (p * sizes).sum(axis=-1) + 2.0**-1074 * 4 * p.shape[-1] * (1 + largest)


def varentropy(z: ArrayLike) -> Any:
    """The covariance of the logits with themselves."""
    return covariance(z, parts(z)[1], parts(z)[1])


def fisher_norm(z: ArrayLike, v: ArrayLike, exact: Any) -> Any:
    """d sqrt(V) = dV / (2 sqrt(V))."""
    norm = np.asarray(exact, dtype=float)
    return covariance(z, v, v) / np.maximum(2 * norm, 2.0**-1074) + 4 * EPS * norm


def token_covariance(z: ArrayLike, dz: ArrayLike) -> Any:
    """Product of two differences, each bounded by the sizes of what is subtracted."""
    p, _ = parts(z)
    left, left_size = deviation_sizes(z)
    x = from_mode(z, dz)
    logits, change = np.broadcast_arrays(np.asarray(z, dtype=float), np.asarray(dz, dtype=float))
    shifted = change - np.take_along_axis(change, logits.argmax(axis=-1)[..., None], axis=-1)
    right = np.abs(shifted - (p * shifted).sum(axis=-1, keepdims=True))
    right_size = x + (p * x).sum(axis=-1, keepdims=True)
    bound = np.asarray(unit(z))[..., None] * (left_size * right + left * right_size)
    return bound + SUBNORMAL * (1 + x.max(axis=-1, keepdims=True))


def kl(z_old: ArrayLike, z_new: ArrayLike, exact: Any) -> Any:
    """KL = sum_a p_a phi(q_a / p_a) with phi(r) = r - 1 - log r >= 0, so that all terms have one sign.

    With delta = z_new - z_old (each entry rounded once, by e_a <= |delta_a| EPS / 2) the derivative of KL in delta is
    q - p and the second one at most one, so rounding delta moves KL by sum |q - p| e + E_(p+q) e^2.  Forming the
    deviations of delta' = delta - delta_mode from its mean costs sqrt(E delta'^2 / Var delta) in relative terms,
    at most sqrt(A): delta' vanishes at the mode, so (E delta')^2 <= (1 - p_mode) E delta'^2 and p_mode >= 1 / A.
    """
    p, _ = parts(z_old)
    q, _ = parts(z_new)
    delta = np.asarray(z_new, dtype=float) - np.asarray(z_old, dtype=float)
    size = from_mode(z_old, delta)
    value = np.asarray(exact, dtype=float)
    scale = (1 + 2 * np.sqrt(p.shape[-1])) * value + (np.abs(q - p) * size).sum(axis=-1)
    rounded = EPS * np.abs(delta)
    shift = (np.abs(q - p) * rounded).sum(axis=-1) + ((p + q) * rounded**2).sum(axis=-1)
    return unit(z_old, z_new, delta) * scale + shift + SUBNORMAL * p.shape[-1] * (1 + size.max(axis=-1))


def entropy_change(z: ArrayLike, dz: ArrayLike) -> Any:
    """H(q) - H(p) = -sum (q - p) log p - KL(q || p).

    Every q_a - p_a = p_a expm1(dz_a - log E exp dz) is known to max(p_a, q_a) (|dz'_a| + E|dz'|), which is
    multiplied by log p_a - E log p; the terms of KL(q || p) are at most the squares of these deviations.  For
    changes larger than one the plain difference H(q) - H(p) is as good, and either is accepted.
    """
    after = np.asarray(z, dtype=float) + np.asarray(dz, dtype=float)
    p, _ = parts(z)
    q, _ = parts(after)
    x = from_mode(z, dz)
    size = x + (p * x).sum(axis=-1, keepdims=True)
    larger = np.maximum(p, q)
    small = (larger * size * (deviation_sizes(z)[1] + size)).sum(axis=-1)
    plain = (p * log_magnitude(z)).sum(axis=-1) + (q * log_magnitude(after)).sum(axis=-1)
    scale = np.where(x.max(axis=-1) <= 1, small, np.maximum(small, plain))
    return unit(z, dz) * scale + SUBNORMAL * p.shape[-1] * (1 + x.max(axis=-1))
