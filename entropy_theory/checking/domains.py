"""What a claim may range over; `entropy_theory.domains` in a claim's ``given``.

>>> import entropy_theory as et
>>> given = {"z": et.domains.logits(actions=(2, 6)), "r": et.domains.rewards(like="z"), "alpha": et.domains.positive()}
"""

from __future__ import annotations

import math
from typing import Any

from entropy_theory.checking.variables import Logits, MDPs, Policies, Reals, Rewards

__all__ = ["integers", "logits", "mdps", "policies", "positive", "reals", "rewards"]


def logits(actions: Any = (2, 6), states: Any = None, like: str | None = None) -> Logits:
    """Logits of shape (..., A), or (..., S, A) if `states` is given; actions and states are a number or a range.

    Raises
    ------
    ValueError
        If a range is empty or below one.
    """
    return Logits(actions, states, like)


def policies(actions: Any = (2, 6), states: Any = None, like: str | None = None) -> Policies:
    """Positive probabilities of shape (..., A) or (..., S, A). The same set as `logits`, with rational probabilities as
    counterexamples instead of rational logits."""
    return Policies(actions, states, like)


def rewards(like: str | None = None, actions: Any = (2, 6), states: Any = None) -> Rewards:
    """Rewards of the shape of the policy or logits `like`; without it of shape (..., A) or (..., S, A)."""
    return Rewards(actions, states, like)


def reals(
    low: float, high: float, like: str | None = None, *, open_low: bool = False, open_high: bool = False
) -> Reals:
    """Real numbers in [low, high]; `open_low` and `open_high` exclude an end. ``low`` and ``high`` may be infinite.

    Without `like` one number an instance, an array of shape (...); with it an array of the shape of that variable.
    """
    return Reals(low, high, like, open_low, open_high, integer=False)


def positive(like: str | None = None) -> Reals:
    """Real numbers > 0, from tiny to huge."""
    return Reals(0, math.inf, like, True, True, integer=False)


def integers(low: int, high: int) -> Reals:
    """Integers in [low, high], one an instance."""
    return Reals(low, high, None, False, False, integer=True)


def mdps(states: Any = (1, 3), actions: Any = (2, 3), tables: bool = True) -> MDPs:
    """Discounted MDPs with at most so many states and actions, and the tables of FrozenLake, Taxi and CliffWalking."""
    return MDPs(states, actions, tables)
