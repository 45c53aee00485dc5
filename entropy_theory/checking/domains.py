"""What a claim may range over; `entropy_theory.domains` in a claim's ``given``.

>>> import entropy_theory as et
>>> given = {"z": et.domains.logits(actions=(2, 6)), "r": et.domains.rewards(like="z"), "alpha": et.domains.positive()}
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from entropy_theory.balls import Ball
from entropy_theory.brief import brief
from entropy_theory.checking.variables import Logits, MDPs, Policies, Reals, Rewards
from entropy_theory.constants import Exact

__all__ = ["integers", "logits", "mdps", "policies", "positive", "reals", "rewards"]


def logits(actions: Any = (2, 6), states: Any = None, like: str | None = None) -> Logits:
    """Logits of a policy, of shape (..., A), or (..., S, A) if `states` is given.

    From nearly uniform to nearly deterministic, also tied, wide, tiny and huge. Counterexamples are rational logits.

    Parameters
    ----------
    actions : int or (int, int)
        Number of actions, or the least and the largest number.
    states : int or (int, int), optional
        Number of states, or the least and the largest number. Left out, there is no state axis.
    like : str, optional
        Name of the variable whose shape it takes, in place of sizes of its own.

    Returns
    -------
    Logits
        For the ``given`` of a claim.

    Raises
    ------
    ValueError
        If a range is empty or below one.
    """
    return Logits(actions, states, like)


def policies(actions: Any = (2, 6), states: Any = None, like: str | None = None) -> Policies:
    """Probabilities of a policy, all positive, of shape (..., A), or (..., S, A) if `states` is given.

    The same set as `logits`, with rational probabilities as counterexamples instead of rational logits.

    Parameters
    ----------
    actions : int or (int, int)
        Number of actions, or the least and the largest number.
    states : int or (int, int), optional
        Number of states, or the least and the largest number. Left out, there is no state axis.
    like : str, optional
        Name of the variable whose shape it takes, in place of sizes of its own.

    Returns
    -------
    Policies
        For the ``given`` of a claim.

    Raises
    ------
    ValueError
        If a range is empty or below one.
    """
    return Policies(actions, states, like)


def rewards(like: str | None = None, actions: Any = (2, 6), states: Any = None) -> Rewards:
    """Rewards: any real numbers, of the shape of a policy.

    Parameters
    ----------
    like : str, optional
        Name of the policy or logits whose shape they take.
    actions : int or (int, int)
        Number of actions, or the least and the largest number.
    states : int or (int, int), optional
        Number of states, or the least and the largest number. Left out, there is no state axis.

    Returns
    -------
    Rewards
        For the ``given`` of a claim.

    Raises
    ------
    ValueError
        If a range is empty or below one.
    """
    return Rewards(actions, states, like)


def reals(
    low: float, high: float, like: str | None = None, *, open_low: bool = False, open_high: bool = False
) -> Reals:
    """Real numbers in [low, high].

    Parameters
    ----------
    low, high : float
        Ends of the range; they may be infinite. Each is a double: 0.1 is the one nearest to a tenth. For other ends
        scale the variable, as ``et.exact("0.1") * x`` for x in [0, 1].
    like : str, optional
        Name of the variable whose shape it takes. Left out, one number an instance, an array of shape (...).
    open_low, open_high : bool
        Whether that end is excluded.

    Returns
    -------
    Reals
        For the ``given`` of a claim.

    Raises
    ------
    ValueError
        If an end is no double, or the range is empty.
    """
    for side, bound in (("low", low), ("high", high)):
        if isinstance(bound, Fraction | Decimal | Exact | Ball | str):
            raise ValueError(
                f"{side} is {brief(bound)}, expected a real number as an int or a float: ends are doubles; for an "
                f"exact end scale the variable, as et.exact('0.1') * x for x in [0, 1]"
            )
    return Reals(low, high, like, open_low, open_high, integer=False)


def positive(like: str | None = None) -> Reals:
    """Real numbers > 0, from tiny to huge.

    Parameters
    ----------
    like : str, optional
        As in `reals`.

    Returns
    -------
    Reals
        For the ``given`` of a claim.
    """
    return Reals(0, math.inf, like, True, True, integer=False)


def integers(low: int, high: int) -> Reals:
    """Integers in [low, high], one an instance.

    Parameters
    ----------
    low, high : int
        Ends of the range, both included; they may be infinite.

    Returns
    -------
    Reals
        For the ``given`` of a claim.

    Raises
    ------
    ValueError
        If an end is no integer, or the range is empty.
    """
    for side, bound in (("low", low), ("high", high)):
        if isinstance(bound, float | np.floating) and math.isfinite(bound) and bound != math.floor(bound):
            raise ValueError(f"{side} is {brief(bound)}, expected an integer")
    return Reals(low, high, None, False, False, integer=True)


def mdps(
    states: Any = (1, 3),
    actions: Any = (2, 3),
    tables: bool = True,
    *,
    discount: float | tuple[float, float] = (0.0, 1.0),
) -> MDPs:
    """Discounted MDPs, dense, with and without an end of the episode.

    The claim's functions get a batched `MDP`. For its policy give ``logits(like=...)`` with the name of this variable.

    Parameters
    ----------
    states, actions : int or (int, int)
        Their number, or the least and the largest number.
    tables : bool
        Whether the claim is also evaluated on the tables of FrozenLake, Taxi and CliffWalking.
    discount : float or (float, float), default (0, 1)
        The discount, or the least and the largest one; 1 itself is excluded.

    Returns
    -------
    MDPs
        For the ``given`` of a claim.
    """
    return MDPs(states, actions, tables, discount)
