"""Textbook formulas for the plain sides, for NumPy, `jax.numpy` or any namespace with exp, log, sum, abs, max, min.

They are written straight from the definitions and share nothing with `entropy_theory`.
"""

from __future__ import annotations

from typing import Any


def softmax(xp: Any, z: Any) -> Any:
    """Probabilities; the logits of the boxes are too small to overflow."""
    e = xp.exp(z)
    return e / xp.sum(e, -1)[..., None]


def log_sum_exp(xp: Any, z: Any) -> Any:
    """``log sum exp z``."""
    return xp.log(xp.sum(xp.exp(z), -1))


def log_softmax(xp: Any, z: Any) -> Any:
    """Log-probabilities."""
    return z - log_sum_exp(xp, z)[..., None]


def entropy(xp: Any, z: Any) -> Any:
    """Shannon entropy of the softmax of z."""
    return -xp.sum(softmax(xp, z) * log_softmax(xp, z), -1)


def entropy_of(xp: Any, p: Any) -> Any:
    """Shannon entropy of probabilities."""
    return -xp.sum(p * xp.log(p), -1)


def kl(xp: Any, z: Any, w: Any) -> Any:
    """``KL(softmax z || softmax w)``."""
    return xp.sum(softmax(xp, z) * (log_softmax(xp, z) - log_softmax(xp, w)), -1)


def total_variation(xp: Any, z: Any, w: Any) -> Any:
    """Half the sum of the absolute differences."""
    return xp.sum(xp.abs(softmax(xp, z) - softmax(xp, w)), -1) / 2


def mean(xp: Any, z: Any, v: Any) -> Any:
    """Mean of v under the softmax of z."""
    return xp.sum(softmax(xp, z) * v, -1)


def covariance(xp: Any, z: Any, x: Any, y: Any) -> Any:
    """Covariance under the softmax of z."""
    x = x - mean(xp, z, x)[..., None]
    y = y - mean(xp, z, y)[..., None]
    return mean(xp, z, x * y)


def variance(xp: Any, z: Any, v: Any) -> Any:
    """Variance under the softmax of z."""
    return covariance(xp, z, v, v)


def spread(xp: Any, v: Any) -> Any:
    """Largest less smallest entry."""
    return xp.max(v, -1) - xp.min(v, -1)


def values(xp: Any, z: Any, t: Any, r: Any, gamma: Any) -> tuple[Any, Any]:
    """Values of both states of a process with two states and two actions, by Cramer's rule.

    Parameters
    ----------
    z, t, r : array (B, 4)
        Logits, probability that state 0 is next, and rewards, of (s, a) = (0, 0), (0, 1), (1, 0), (1, 1).
    gamma : array (B,)

    Returns
    -------
    (array (B,), array (B,))
    """
    (c0, c1), (p0, p1), det = _system(xp, z, t, r, gamma)
    v0 = (c0 * (1 - gamma + gamma * p1) + gamma * (1 - p0) * c1) / det
    v1 = (c1 * (1 - gamma * p0) + gamma * p1 * c0) / det
    return v0, v1


def visits(xp: Any, z: Any, t: Any, gamma: Any) -> tuple[Any, Any]:
    """Expected discounted visits of both states from state 0."""
    _, (p0, p1), det = _system(xp, z, t, t, gamma)
    return (1 - gamma + gamma * p1) / det, gamma * (1 - p0) / det


def advantages(xp: Any, z: Any, t: Any, r: Any, gamma: Any) -> tuple[Any, Any]:
    """``q - v`` of both states, each of shape (B, 2)."""
    v0, v1 = values(xp, z, t, r, gamma)
    g, lower, upper = gamma[..., None], v1[..., None], v0[..., None]
    q = r + g * (t * upper + (1 - t) * lower)
    return q[..., :2] - upper, q[..., 2:] - lower


def _system(xp: Any, z: Any, t: Any, r: Any, gamma: Any) -> tuple[tuple[Any, Any], tuple[Any, Any], Any]:
    """Mean rewards, probabilities of state 0 next, and ``det(I - gamma P) = (1 - gamma)(1 - gamma (p0 - p1))``."""
    pi0, pi1 = softmax(xp, z[..., :2]), softmax(xp, z[..., 2:])
    c = xp.sum(pi0 * r[..., :2], -1), xp.sum(pi1 * r[..., 2:], -1)
    p0, p1 = xp.sum(pi0 * t[..., :2], -1), xp.sum(pi1 * t[..., 2:], -1)
    return c, (p0, p1), (1 - gamma) * (1 - gamma * (p0 - p1))
