"""Whether the numbers of an instance are what a claim ranges over."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from mpmath import libmp

from entropy_theory.independent.numbers import Interval, sign


def shape(x: Any) -> tuple[int, ...]:
    """The lengths of nested lists; empty for a number.

    Parameters
    ----------
    x : Fraction or nested list of Fraction

    Returns
    -------
    tuple of int
    """
    return (len(x), *shape(x[0])) if isinstance(x, Sequence) else ()


def is_number(x: Any, low: Any = None, high: Any = None, above: Any = None, below: Any = None) -> bool:
    """Whether `x` is one number within bounds.

    Parameters
    ----------
    x : object
    low, high : Fraction or int, optional
        Bounds that belong to the interval.
    above, below : Fraction or int, optional
        Bounds that do not.

    Returns
    -------
    bool
    """
    return (
        isinstance(x, int | Fraction)
        and (low is None or x >= low)
        and (high is None or x <= high)
        and (above is None or x > above)
        and (below is None or x < below)
    )


def is_vector(x: Any, length: int | None = None, low: Any = None, high: Any = None) -> bool:
    """Whether `x` is a list of numbers.

    Parameters
    ----------
    x : object
    length : int, optional
        How many; any number if not given.
    low, high : Fraction or int, optional
        Bounds of every entry, which belong to the interval.

    Returns
    -------
    bool
    """
    return len(shape(x)) == 1 and (length is None or len(x) == length) and all(is_number(a, low, high) for a in x)


def is_policy(p: Any, fewest: int = 2, most: int = 6) -> bool:
    """Whether `p` is a list of positive probabilities.

    Parameters
    ----------
    p : object
    fewest, most : int
        Bounds of the number of actions.

    Returns
    -------
    bool
    """
    return is_vector(p) and fewest <= len(p) <= most and all(a > 0 for a in p) and sum(p) == 1


def is_bandit(p: Any, r: Any, most: int = 6, low: Any = None, high: Any = None) -> bool:
    """Whether `p` is a policy of at least two actions and `r` has a reward for each.

    Parameters
    ----------
    p, r : object
    most : int
        Bound of the number of actions.
    low, high : Fraction or int, optional
        Bounds of the rewards, which belong to the interval.

    Returns
    -------
    bool
    """
    return is_policy(p, 2, most) and is_vector(r, len(p), low, high)


def is_simplex(p: Any, length: int | None = None) -> bool:
    """Whether `p` is a list of probabilities, zero allowed.

    Parameters
    ----------
    p : object
    length : int, optional

    Returns
    -------
    bool
    """
    return is_vector(p, length, low=0) and sum(p) == 1


def is_process(
    transition: Any,
    reward: Any,
    discount: Any,
    initial: Any,
    states: tuple[int, int] = (1, 3),
    actions: tuple[int, int] = (2, 3),
) -> bool:
    """Whether the tables are a discounted MDP.

    Parameters
    ----------
    transition, reward, discount, initial : object
        As in `processes`.
    states, actions : (int, int)
        Bounds of their number.

    Returns
    -------
    bool
    """
    if len(shape(reward)) != 2:
        return False
    n, k = shape(reward)
    return (
        states[0] <= n <= states[1]
        and actions[0] <= k <= actions[1]
        and shape(transition) == (n, k, n + 1)
        and all(is_simplex(row) for rows in transition for row in rows)
        and is_number(discount, low=0, below=1)
        and is_simplex(initial, n)
    )


def are_policies(p: Any, reward: Any) -> bool:
    """Whether `p` has a positive policy for every state of a table of rewards.

    Parameters
    ----------
    p, reward : object

    Returns
    -------
    bool
    """
    return shape(p) == shape(reward) and all(is_policy(row, 1, len(row)) for row in p)


def comonotone(p: Sequence[Any], x: Sequence[Any]) -> bool:
    """Whether no action that is more probable than another has less of `x`.

    Parameters
    ----------
    p, x : sequence of Fraction

    Returns
    -------
    bool
    """
    pairs = list(zip(p, x, strict=True))
    return all(not (a > b and u < v) for a, u in pairs for b, v in pairs)


def is_constant(x: Sequence[Any]) -> bool:
    """Whether all entries are equal.

    Parameters
    ----------
    x : sequence of Fraction

    Returns
    -------
    bool
    """
    return all(a == x[0] for a in x)


def is_integer(x: Any, low: int, high: int) -> bool:
    """Whether `x` is a whole number within bounds.

    Parameters
    ----------
    x : object
    low, high : int

    Returns
    -------
    bool
    """
    return is_number(x, low=low, high=high) and x.denominator == 1


def both(*tests: bool | None) -> bool | None:
    """Whether all of some tests pass.

    Parameters
    ----------
    *tests : bool or None
        None for a test that is not decided.

    Returns
    -------
    bool or None
        False if one fails, else None if one is not decided.
    """
    if any(test is False for test in tests):
        return False
    return None if any(test is None for test in tests) else True


def is_positive(x: Any) -> bool | None:
    """Whether ``x > 0``.

    Parameters
    ----------
    x : Number

    Returns
    -------
    bool or None
        None if the interval does not decide it.
    """
    side = sign(x)
    return None if side is None and _reaches_above(x) else side == 1


def is_at_least(x: Any, y: Any) -> bool | None:
    """Whether ``x >= y``.

    Parameters
    ----------
    x, y : Number

    Returns
    -------
    bool or None
        None if the intervals do not decide it.
    """
    below = is_positive(y - x)
    return None if below is None else not below


def _reaches_above(x: Interval) -> bool:
    high = x.ends[1]
    return bool(high == libmp.fnan or libmp.mpf_sign(high) > 0)
