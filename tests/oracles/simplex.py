"""Policies as probabilities, an array (..., n) of floats or of mpmath numbers, and what the claims say of them.

One line of NumPy serves both: floats for whole lattices, mpmath (50 digits, in `precise`) for chosen points. All
rests on differences between pairs of actions, ``x_a - E_p x = sum_b p_b (x_a - x_b)`` and ``Cov_p(x, y) = sum_{a < b}
p_a p_b (x_a - x_b)(y_a - y_b)``. The effect of a control on the entropy is ``-Cov_p(log p, dz)`` of its change of the
logits, as the text defines the control.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

Array = Any
"""An array of float64 or of mpmath numbers (which carry no type information)."""

precise = mpmath.workdps(50)
_LOG = np.frompyfunc(mpmath.log, 1, 1)


def lattice(size: int) -> Any:
    """Numerators 3 i + 1, 3 j + 1, 3 k + 1 over 3 (size + 1) of the policies with i + j + k = size, i first, then j."""
    pairs = [(i, j) for i in range(size + 1) for j in range(size + 1 - i)]
    return np.array([(3 * i + 1, 3 * j + 1, 3 * (size - i - j) + 1) for i, j in pairs])


def floats(parts: Any) -> Array:
    """Numerators to probabilities, each rounded once."""
    return parts / parts.sum(-1, keepdims=True)


def wide(x: Any) -> Array:
    """Integers, rational numbers or floats as mpmath numbers."""
    return np.frompyfunc(_number, 1, 1)(np.asarray(x, dtype=object))


def rounded(x: Any) -> Array:
    """Rational numbers as floats."""
    return np.array(x, dtype=float)


def _number(x: Any) -> Any:
    return mpmath.mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else mpmath.mpf(float(x))


def exact(parts: Any) -> Array:
    """Numerators to probabilities in mpmath numbers."""
    return wide(parts) / wide(parts.sum(-1, keepdims=True))


def log(p: Array) -> Array:
    return _LOG(p) if p.dtype == object else np.log(p)


def deviation(p: Array, x: Array) -> Array:
    """x_a - E_p x."""
    return (p[..., None, :] * (x[..., :, None] - x[..., None, :])).sum(-1)


def covariance(p: Array, x: Array, y: Array) -> Array:
    """Cov_p(x, y)."""
    a, b = np.triu_indices(p.shape[-1], 1)
    return (p[..., a] * p[..., b] * (x[..., a] - x[..., b]) * (y[..., a] - y[..., b])).sum(-1)


def surplus(p: Array) -> Array:
    """log p_a + H."""
    return deviation(p, log(p))


def entropy(p: Array) -> Array:
    return -(p * log(p)).sum(-1)


def direction(p: Array, reward: Array) -> Array:
    """p A, the policy gradient."""
    return p * deviation(p, np.broadcast_to(reward, p.shape))


def fall(p: Array, reward: Array) -> Array:
    """Cov_p(log p, p A): how fast the policy gradient lowers the entropy."""
    return covariance(p, log(p), direction(p, reward))


def token_covariances(p: Array, reward: Array) -> Array:
    """C_a of Eq. (17) with the policy gradient."""
    return surplus(p) * deviation(p, direction(p, reward))


def influences(p: Array, reward: Array) -> Array:
    """By how much the fall is smaller if the tokens of action a are left out of the loss.

    The loss ``E_p[m_a A_a log p_a]`` moves the logits by ``p_b (m_b A_b - E_p[m A])``; m leaves out one action.
    """
    total = np.asarray(fall(p, reward))[..., None]
    advantage = deviation(p, np.broadcast_to(reward, p.shape))[..., None, :]
    p = p[..., None, :]
    kept = advantage * (1 - np.eye(p.shape[-1]))
    change = p * (kept - (p * kept).sum(-1, keepdims=True))
    return total - covariance(p, log(p), change)


def penalties(p: Array, old: Array) -> Array:
    """delta_I / eta for I = {a}: the penalty moves the logit of a alone, by ``-(p_a - q_a)``."""
    change = -(p - old)[..., None, :] * np.eye(p.shape[-1])
    return -covariance(p[..., None, :], log(p)[..., None, :], change)


def gap(score: Array) -> Array:
    """score_a - max_{b != a} score_b."""
    return score - (score[..., None, :] + np.where(np.eye(score.shape[-1]), -np.inf, 0.0)).max(-1)


def sharper(p: Sequence[int], old: Sequence[Fraction]) -> bool:
    """Whether p/q does not fall as p rises, exactly; p may be numerators."""
    pairs = [(a, b) for a in range(len(p)) for b in range(a)]
    return all((p[a] - p[b]) * (p[a] * old[b] - p[b] * old[a]) >= 0 for a, b in pairs)


def sample(values: Any, every: int, *, nearest: int = 20) -> Any:
    """Indices: the first, the last and every so many; the extreme values; those nearest to 0, a region's border."""
    order = np.argsort(np.abs(values))
    ends = [0, len(values) - 1, int(np.argmin(values)), int(np.argmax(values))]
    return np.unique([*range(0, len(values), every), *ends, *order[:nearest]])
