"""Hypothesis strategies for tests of one's own: policies, rewards, directions, bandits and MDPs.

Sizes are drawn first and the smallest come first. What is drawn of a policy are its logits, which are valid
whatever they are, so that a counterexample shrinks to few states and actions, a uniform policy, whole
numbers, deterministic transitions and the smallest discount.

A vector of numbers is one of four kinds: whole numbers; floats; ties, at most two distinct values; or a peak,
one entry far above all others, which makes a policy nearly deterministic. Floats nearer to zero than 1e-50
times the end of their range are drawn as zero: squares and products of the others do not underflow.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from entropy_theory.brief import brief
from entropy_theory.problems import MDP, Bandit
from entropy_theory.softmax import softmax
from entropy_theory.validation import is_whole

try:
    from hypothesis import strategies as st
except ImportError:
    raise ImportError("entropy_theory.strategies needs hypothesis: pip install 'entropy-theory[hypothesis]'") from None

__all__ = [
    "bandits",
    "bandits_with_logits",
    "directions",
    "logits",
    "mdps",
    "mdps_with_logits",
    "policies",
    "rewards",
]

Array = np.ndarray[Any, Any]
Size = int | tuple[int, int]
T = TypeVar("T")

LARGEST_GAP = 700.0
"""Largest difference in a peak; the odds exp(-700), about 1e-304, are a normal double."""

TINY = 1e-50

NICE_DISCOUNTS = (0.0, 0.5, 0.9, 0.99)


def logits(
    actions: Size = (2, 6), states: Size | None = None, low: float = -30.0, high: float = 30.0
) -> st.SearchStrategy[Array]:
    """Logits of a policy, between uniform and nearly deterministic.

    Parameters
    ----------
    actions : int or (int, int), default (2, 6)
        Number of actions, or the least and the largest number.
    states : int or (int, int), optional
        Number of states, or the least and the largest number. Left out, the policy has no state axis.
    low, high : float, default -30 and 30
        Range of a logit. A peak is up to 700 above the others if the range allows it.

    Returns
    -------
    SearchStrategy of array (A,), or (S, A) if `states` is given
        In float64; the kind of vector is drawn for each state. Shrinks to zeros, or to numbers near zero.

    Raises
    ------
    ValueError
        If a size is not positive or not in order, a bound is not finite, or `low` is larger than `high`.

    Examples
    --------
    >>> from hypothesis import given
    >>> import entropy_theory as et
    >>> from entropy_theory.strategies import logits
    >>> @given(logits(actions=3))
    ... def test_entropy_is_not_negative(z):
    ...     assert et.entropy(z) >= 0
    """
    return _arrays(_sizes(actions, "actions"), _states(states), *_bounds(low, high))


def policies(
    actions: Size = (2, 6), states: Size | None = None, low: float = -30.0, high: float = 30.0
) -> st.SearchStrategy[Array]:
    """Probabilities of a policy, the softmax of `logits`.

    Parameters
    ----------
    actions : int or (int, int), default (2, 6)
        Number of actions, or the least and the largest number.
    states : int or (int, int), optional
        Number of states, or the least and the largest number. Left out, the policy has no state axis.
    low, high : float, default -30 and 30
        Range of a logit, at most 700 wide so that no probability underflows.

    Returns
    -------
    SearchStrategy of array (A,), or (S, A) if `states` is given
        Positive, and summing to one over the last axis to rounding. Shrinks to the uniform policy.

    Raises
    ------
    ValueError
        As for `logits`, and if the range is wider than 700.

    Examples
    --------
    >>> from hypothesis import given
    >>> from entropy_theory.strategies import policies
    >>> @given(policies(states=(1, 3)))
    ... def test_no_action_is_excluded(p):
    ...     assert (p > 0).all()
    """
    least, largest = _bounds(low, high)
    if largest - least > LARGEST_GAP:
        raise ValueError(
            f"low is {brief(low)} and high is {brief(high)}, expected a range at most {LARGEST_GAP:g} wide, "
            "so that every probability is positive"
        )
    return logits(actions, states, least, largest).map(softmax)


def rewards(
    like: Any = None,
    *,
    actions: Size | None = None,
    states: Size | None = None,
    low: float = -10.0,
    high: float = 10.0,
) -> st.SearchStrategy[Array]:
    """Rewards, of the shape of an array or of drawn sizes.

    Parameters
    ----------
    like : array (..., A), optional
        Array, such as logits, that has the shape of the rewards.
    actions, states : int or (int, int), optional
        Sizes as for `logits`, in place of `like`. Left out like `like`, there are 2 to 6 actions and no state
        axis.
    low, high : float, default -10 and 10
        Range of a reward.

    Returns
    -------
    SearchStrategy of array
        In float64, of the shape of `like`, or (A,), or (S, A) if `states` is given. Shrinks to zeros.

    Raises
    ------
    ValueError
        If `like` comes with `actions` or `states`, or has no axis or no entry; and as for `logits`.

    Examples
    --------
    >>> from hypothesis import given
    >>> from entropy_theory.strategies import rewards
    >>> @given(rewards(actions=4, low=0.0, high=1.0))
    ... def test_range(reward):
    ...     assert reward.shape == (4,) and 0 <= reward.min() <= reward.max() <= 1
    """
    if like is None:
        sizes = _sizes((2, 6) if actions is None else actions, "actions")
        return _arrays(sizes, _states(states), *_bounds(low, high))
    for name, size in (("actions", actions), ("states", states)):
        if size is not None:
            raise ValueError(f"{name} is {brief(size)}, expected none beside like, which has the shape already")
    return _shaped(_shape(like), *_bounds(low, high))


def directions(like: Any, low: float = -10.0, high: float = 10.0) -> st.SearchStrategy[Array]:
    """Directions in logits, or changes of them, of the shape of an array.

    Parameters
    ----------
    like : array (..., A)
        Array, such as logits, that has the shape of the directions.
    low, high : float, default -10 and 10
        Range of an entry.

    Returns
    -------
    SearchStrategy of array of the shape of `like`
        In float64. Shrinks to zeros: the zero vector is among them.

    Raises
    ------
    ValueError
        If `like` has no axis or no entry, a bound is not finite, or `low` is larger than `high`.

    Examples
    --------
    >>> from hypothesis import given, strategies as st
    >>> from entropy_theory.strategies import directions, logits
    >>> @given(st.data())
    ... def test_shape(data):
    ...     z = data.draw(logits())
    ...     assert data.draw(directions(z)).shape == z.shape
    """
    return _shaped(_shape(like), *_bounds(low, high))


def bandits(actions: Size = (2, 6)) -> st.SearchStrategy[Bandit]:
    """Bandits with rewards between -10 and 10.

    Parameters
    ----------
    actions : int or (int, int), default (2, 6)
        Number of actions, or the least and the largest number.

    Returns
    -------
    SearchStrategy of Bandit
        With `reward` of shape (A,). Shrinks to rewards of zero.

    Raises
    ------
    ValueError
        If a size is not positive or not in order.

    Examples
    --------
    >>> from hypothesis import given
    >>> from entropy_theory.strategies import bandits
    >>> @given(bandits(actions=(2, 4)))
    ... def test_size(bandit):
    ...     assert 2 <= bandit.actions <= 4
    """
    return st.builds(Bandit, rewards(actions=actions))


def bandits_with_logits(
    actions: Size = (2, 6), low: float = -30.0, high: float = 30.0
) -> st.SearchStrategy[tuple[Bandit, Array]]:
    """Bandits, each with the logits of a policy for it.

    Parameters
    ----------
    actions : int or (int, int), default (2, 6)
        Number of actions, or the least and the largest number.
    low, high : float, default -30 and 30
        Range of a logit.

    Returns
    -------
    SearchStrategy of (Bandit, array (A,))

    Raises
    ------
    ValueError
        As for `logits`.

    Examples
    --------
    >>> from hypothesis import given
    >>> from entropy_theory.strategies import bandits_with_logits
    >>> @given(bandits_with_logits())
    ... def test_objective_is_at_most_the_best_reward(case):
    ...     bandit, z = case
    ...     assert bandit.objective(z) <= bandit.reward.max() + 1e-13
    """
    least, largest = _bounds(low, high)
    return _between(_sizes(actions, "actions")).flatmap(
        lambda size: st.tuples(bandits(size), logits(size, None, least, largest))
    )


def mdps(
    states: Size = (1, 4),
    actions: Size = (2, 3),
    termination: bool = True,
    discount: float | tuple[float, float] = (0.0, 0.99),
) -> st.SearchStrategy[MDP]:
    """MDPs with rewards between -10 and 10, some with episodes that end.

    A row of the transition, and the initial distribution, is one of three kinds: deterministic; small whole
    weights over their sum, with zeros; or a softmax, in which every outcome has a positive probability,
    perhaps a tiny one.

    Parameters
    ----------
    states : int or (int, int), default (1, 4)
        Number of states, or the least and the largest number.
    actions : int or (int, int), default (2, 3)
        Number of actions, or the least and the largest number.
    termination : bool, default True
        Whether some of the MDPs may have episodes that end. If false, none have.
    discount : float or (float, float), default (0, 0.99)
        The discount, or its range.

    Returns
    -------
    SearchStrategy of MDP
        Dense and without batch axes; rows sum to one to rounding. Shrinks to one state, rewards of zero and
        the smallest discount.

    Raises
    ------
    ValueError
        If a size is not positive or not in order, or a discount is outside [0, 1) or not in order.

    Examples
    --------
    >>> from hypothesis import given
    >>> from entropy_theory.strategies import mdps
    >>> @given(mdps(states=2, discount=0.9))
    ... def test_size(mdp):
    ...     assert mdp.states == 2 and mdp.discount == 0.9
    """
    checked = (
        _sizes(states, "states"),
        _sizes(actions, "actions"),
        _flag(termination),
        _discount_range(discount),
    )
    return _draw_mdp(*checked)


def mdps_with_logits(
    states: Size = (1, 4),
    actions: Size = (2, 3),
    termination: bool = True,
    discount: float | tuple[float, float] = (0.0, 0.99),
    low: float = -30.0,
    high: float = 30.0,
) -> st.SearchStrategy[tuple[MDP, Array]]:
    """MDPs, each with the logits of a policy for it.

    Parameters
    ----------
    states, actions, termination, discount
        As for `mdps`.
    low, high : float, default -30 and 30
        Range of a logit.

    Returns
    -------
    SearchStrategy of (MDP, array (S, A))

    Raises
    ------
    ValueError
        As for `mdps` and `logits`.

    Examples
    --------
    >>> from hypothesis import given
    >>> from entropy_theory.strategies import mdps_with_logits
    >>> @given(mdps_with_logits(termination=False))
    ... def test_visitation_sums_to_one(case):
    ...     mdp, z = case
    ...     assert abs(mdp.values(z).visitation.sum() - 1) < 1e-9
    """
    least, largest = _bounds(low, high)
    return mdps(states, actions, termination, discount).flatmap(
        lambda mdp: st.tuples(st.just(mdp), logits(mdp.actions, mdp.states, least, largest))
    )


@st.composite
def _draw_mdp(
    draw: st.DrawFn,
    states: tuple[int, int],
    actions: tuple[int, int],
    termination: bool,
    discount: tuple[float, float],
) -> MDP:
    s, a = draw(_between(states)), draw(_between(actions))
    ends = termination and draw(st.booleans())
    # The end of the episode is one more outcome of a step, and the simplest one.
    rows = np.array(draw(_lists(_distributions(s + ends), s * a))).reshape(s, a, s + ends)
    problem: st.SearchStrategy[MDP] = st.builds(  # so that a failing example is shown with its tables
        MDP,
        transition=st.just(rows[..., int(ends) :]),
        reward=rewards(actions=a, states=s),
        discount=_discounts(*discount),
        initial=_distributions(s),
        **({"termination": st.just(rows[..., 0])} if ends else {}),
    )
    return draw(problem)


@st.composite
def _arrays(
    draw: st.DrawFn, actions: tuple[int, int], states: tuple[int, int] | None, low: float, high: float
) -> Array:
    leading = () if states is None else (draw(_between(states)),)
    return draw(_shaped((*leading, draw(_between(actions))), low, high))


def _shaped(shape: tuple[int, ...], low: float, high: float) -> st.SearchStrategy[Array]:
    rows = _lists(_vectors(shape[-1], low, high), math.prod(shape[:-1]))
    return rows.map(lambda drawn: np.array(drawn, dtype=np.float64).reshape(shape))


@lru_cache(maxsize=128)
def _vectors(size: int, low: float, high: float) -> st.SearchStrategy[list[float]]:
    """Whole numbers, floats, ties or a peak; simplest first."""
    floats = _floats(low, high)
    whole = st.integers(math.ceil(low), math.floor(high)).map(float) if math.ceil(low) <= high else floats
    ties = st.tuples(floats, floats).flatmap(lambda pair: _lists(st.sampled_from(pair), size))
    widest = min(high - low, LARGEST_GAP)
    gaps = _lists(st.floats(widest / 2, widest), size)
    centre = min(max(0.0, low), high)

    def peak(mode: int, below: list[float]) -> list[float]:
        top = min(high, centre + max(below))
        return [top if i == mode else max(low, top - gap) for i, gap in enumerate(below)]

    peaks = st.builds(peak, st.integers(0, size - 1), gaps)
    return st.one_of(_lists(whole, size), _lists(floats, size), ties, peaks)


@lru_cache(maxsize=128)
def _distributions(outcomes: int) -> st.SearchStrategy[Array]:
    """Deterministic, small whole weights, or a softmax; simplest first."""
    one = st.integers(0, outcomes - 1).map(lambda index: np.eye(outcomes)[index])
    weights = st.builds(lambda sure, more: np.array(more) + sure, one, _lists(st.integers(0, 4), outcomes)).map(
        lambda total: total / total.sum()
    )
    everywhere = _vectors(outcomes, -30.0, 30.0).map(softmax)
    return st.one_of(one, weights, everywhere)


def _discounts(low: float, high: float) -> st.SearchStrategy[float]:
    nice = [x for x in NICE_DISCOUNTS if low <= x <= high]
    return st.one_of(*([st.sampled_from(nice)] if nice else []), _floats(low, high))


def _floats(low: float, high: float) -> st.SearchStrategy[float]:
    least = TINY * max(-low, high) if low <= 0 <= high else 0.0
    return st.floats(low, high).map(lambda x: x if abs(x) >= least else 0.0)


def _lists(elements: st.SearchStrategy[T], size: int) -> st.SearchStrategy[list[T]]:
    return st.lists(elements, min_size=size, max_size=size)


def _between(sizes: tuple[int, int]) -> st.SearchStrategy[int]:
    return st.integers(*sizes)


def _sizes(value: Any, name: str) -> tuple[int, int]:
    pair = (value, value) if is_whole(value) else value
    if (
        not isinstance(pair, tuple | list)
        or len(pair) != 2
        or not all(map(is_whole, pair))
        or not 1 <= pair[0] <= pair[1]
    ):
        raise ValueError(
            f"{name} is {brief(value)}, expected an integer or (least, largest) with 1 <= least <= largest"
        )
    return int(pair[0]), int(pair[1])


def _states(value: Any) -> tuple[int, int] | None:
    return None if value is None else _sizes(value, "states")


def _bounds(low: Any, high: Any) -> tuple[float, float]:
    least, largest = _finite(low, "low"), _finite(high, "high")
    if least > largest:
        raise ValueError(f"low is {brief(low)} and high is {brief(high)}, expected low <= high")
    return least, largest


def _finite(value: Any, name: str) -> float:
    try:
        number = float(value) + 0.0  # turns -0.0 into 0.0
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} is {brief(value)}, expected a finite number")
    return number


def _discount_range(value: Any) -> tuple[float, float]:
    pair = value if isinstance(value, tuple | list) else (value, value)
    numbers = [_finite(x, "discount") for x in pair]
    if len(numbers) != 2 or not 0 <= numbers[0] <= numbers[1] < 1:
        raise ValueError(
            f"discount is {brief(value)}, expected a number in [0, 1) or (least, largest) with 0 <= least <= largest "
            "< 1"
        )
    return numbers[0], numbers[1]


def _flag(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"termination is {brief(value)}, expected True or False")
    return bool(value)


def _shape(like: Any) -> tuple[int, ...]:
    try:
        shape: tuple[int, ...] = np.shape(like)
    except ValueError:
        raise ValueError(f"like is {brief(like)}, expected an array (..., A)") from None
    if not shape or 0 in shape:
        raise ValueError(f"like has shape {shape}, expected an array (..., A) with at least one entry")
    return shape
