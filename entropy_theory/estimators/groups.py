"""Rewards of a group of responses: deviations, standardised deviations, means of the others.

The last axis holds the K responses. Everything works on floats and on balls; equality of rewards is decided by their
differences, so that a group of equal rewards, whose mean may be rounded, has deviations that are exactly zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from entropy_theory.arithmetic import largest
from entropy_theory.controls.expected import decided, greater
from entropy_theory.validation import as_logits, real_only

Array = np.ndarray[Any, Any]


def as_rewards(value: Any, least: int) -> Array:
    """`value` as real rewards of shape (..., K) with K >= `least`."""
    reward = as_logits(value, "reward")
    if reward.dtype.kind == "c":
        raise ValueError(f"reward has dtype {reward.dtype}, expected real numbers")
    if reward.shape[-1] < least:
        raise ValueError(f"reward has shape {reward.shape}, expected at least {least} responses along the last axis")
    return reward


def from_first(reward: Array) -> Array:
    """``R_i - R_1``: what is common to the group cancels before anything is rounded."""
    return np.asarray(reward - reward[..., :1])


def deviations(reward: Array) -> Array:
    """``R_i - mean R``."""
    difference = from_first(reward)
    return np.asarray(difference - difference.sum(-1, keepdims=True) / difference.shape[-1])


def standardised(reward: Array, ddof: int) -> Array:
    """``(R_i - mean R) / sqrt(sum_j (R_j - mean R)^2 / (K - ddof))``; all zero where all rewards are equal.

    Raises
    ------
    ValueError
        If rewards are dual numbers: where all are equal there is no derivative.
    UndecidedComparison
        If balls leave open whether all rewards are equal.
    """
    real_only(reward, "reward", "advantages in units of the standard deviation jump where all rewards are equal")
    difference = from_first(reward)
    apart = np.maximum(greater(difference, 0), greater(0, difference)).max(-1, keepdims=True)
    equal = ~decided(apart, "whether all rewards of a group are equal")
    # In units of the largest difference, so that no square overflows or vanishes.
    unit = largest(np.abs(difference))[..., None]
    deviation = deviations(difference / np.where(equal, 1 + 0 * unit, unit))
    variance = (deviation**2).sum(-1, keepdims=True) / (deviation.shape[-1] - ddof)
    return np.asarray(deviation / np.sqrt(np.where(equal, 1 + 0 * variance, variance)))


def mean_of_others(values: Array) -> Array:
    """``mean_{j != i} v_j``."""
    return np.asarray((values.sum(-1, keepdims=True) - values) / (values.shape[-1] - 1))
