"""The update of sampled tokens as a random vector with finitely many outcomes, and its moments by enumeration.

An `Outcomes` is a pair: probabilities (..., K) and values (..., K, A). Rational inputs stay rational.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from entropy_theory.claims._shared import Array, inner

Outcomes = tuple[Array, Array]


def rational_advantage(p: Array, r: Array) -> Array:
    """The advantage, in rational arithmetic."""
    return np.asarray(r - inner(p, r)[..., None])


def one_token(p: Array, r: Array) -> Outcomes:
    """The updates ``A_a (e_a - p)`` of one sampled token."""
    return p, rational_advantage(p, r)[..., None] * (np.eye(p.shape[-1]) - p[..., None, :])


def dropped(outcomes: Outcomes, keep: Array) -> Outcomes:
    """Each outcome kept with its probability ``keep`` (..., K), else replaced by zero."""
    chance, value = outcomes
    return np.concatenate([chance * keep, chance * (1 - keep)], axis=-1), np.concatenate([value, 0 * value], axis=-2)


def entries_dropped(outcomes: Outcomes, keep: Array) -> Outcomes:
    """Each entry kept with its probability ``keep`` (..., A), independently: all patterns of masks."""
    chance, value = outcomes
    patterns = np.array(list(product((0, 1), repeat=value.shape[-1])))
    odds = np.where(patterns == 1, keep[..., None, :], 1 - keep[..., None, :]).prod(-1)
    joint = odds[..., :, None] * chance[..., None, :]
    values = patterns[:, None, :] * value[..., None, :, :]
    return joint.reshape(*joint.shape[:-2], -1), values.reshape(*values.shape[:-3], -1, values.shape[-1])


def mean_of_two(outcomes: Outcomes) -> Outcomes:
    """The mean of two independent draws."""
    chance, value = outcomes
    joint = chance[..., :, None] * chance[..., None, :]
    values = (value[..., :, None, :] + value[..., None, :, :]) / 2
    return joint.reshape(*joint.shape[:-2], -1), values.reshape(*values.shape[:-3], -1, values.shape[-1])


def mean_of(outcomes: Outcomes) -> Array:
    chance, value = outcomes
    return np.asarray((chance[..., None] * value).sum(-2))


def variance_of(outcomes: Outcomes) -> Array:
    """Variance of each entry, (..., A)."""
    return np.asarray((outcomes[0][..., None] * (outcomes[1] - mean_of(outcomes)[..., None, :]) ** 2).sum(-2))


def covariance_of(outcomes: Outcomes) -> Array:
    chance, value = outcomes
    deviation = value - mean_of(outcomes)[..., None, :]
    return np.asarray(np.swapaxes(chance[..., None] * deviation, -1, -2) @ deviation)


def variance_along(outcomes: Outcomes, v: Array) -> Any:
    """Variance of ``v'X``, which is ``v' Cov(X) v``."""
    chance, value = outcomes
    return variance_of((chance, (value * v[..., None, :]).sum(-1, keepdims=True)))[..., 0]


def flat(matrix: Array) -> Array:
    return matrix.reshape(*matrix.shape[:-2], -1)


def same_for_all(p: Array, rho: Array) -> Array:
    """One probability of keeping, the same for all actions."""
    return np.asarray((1 - rho)[..., None] + 0 * p)
