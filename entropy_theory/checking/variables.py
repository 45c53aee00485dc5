"""The variables of a claim: logits, policies, rewards, reals, integers and MDPs; how each is drawn and put together.

A draw mixes regimes on purpose: nearly uniform, tied, nearly deterministic (1 - p down to 1e-12), wide, comonotone and
anticomonotone with the policy, tiny and huge, and small rationals, which make readable counterexamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from entropy_theory.brief import brief
from entropy_theory.checking.leaf import Leaf, Sizes
from entropy_theory.checking.regimes import chosen, draw_logits, probabilities
from entropy_theory.problems import MDP
from entropy_theory.problems.tables import Table

Array = np.ndarray[Any, Any]
Generator = np.random.Generator


Spread = Callable[[tuple[int, int]], list[int]]
"""Picks sizes from a range."""

MOST_STEPS = 100

PATIENT = 1 - 1e-6
"""Largest discount that is drawn: closer to one, the values of floats lose all their digits."""


class Variable:
    """A variable of a claim.

    Attributes
    ----------
    like : str or None
        The variable whose shape it shares.
    states, actions : (least, most) or None
        Bounds of its own numbers of states and actions, if it has any.
    """

    like: str | None = None
    states: tuple[int, int] | None = None
    actions: tuple[int, int] | None = None

    def sizes(self, name: str, spread: Spread) -> list[Sizes]:
        """The sizes that it ranges over, small ones first; a variable like another has none of its own."""
        return [{}]

    def leaves(self, name: str, given: Mapping[str, Variable]) -> dict[str, Leaf]:
        raise TypeError(f"{type(self).__name__} has no leaves")

    def draw(self, rng: Generator, n: int, name: str, sizes: Sizes, drawn: Mapping[str, Array]) -> dict[str, Array]:
        """`n` instances of its leaves."""
        raise TypeError(f"{type(self).__name__} cannot be drawn")

    def build(self, name: str, leaves: Mapping[str, Array]) -> Any:
        """What the claim's functions receive, with the batch as its first axis."""
        return leaves[name]

    def describe(self, name: str, leaves: Mapping[str, Array]) -> dict[str, Array]:
        """The parts of one instance as a reader expects them."""
        return {name: leaves[name]}

    def in_words(self, name: str) -> str:
        """What it ranges over, in a line for the reader."""
        return f"{name}: {self!r}"


def axes_of(name: str, given: Mapping[str, Variable]) -> tuple[str, ...]:
    """Labels of the state and action axes of variable `name`."""
    variable = given[name]
    if variable.like is not None:
        return axes_of(variable.like, given)
    if isinstance(variable, MDPs):
        return (f"{name}.states", f"{name}.actions")
    if isinstance(variable, _Actions):
        states = (f"{name}.states",) if variable.states is not None else ()
        return (*states, f"{name}.actions")
    return ()


class _Actions(Variable):
    """A variable of shape (..., A) or (..., S, A)."""

    def __init__(self, actions: Any, states: Any, like: str | None) -> None:
        _check_like(like)
        self.actions = None if like else _range(actions, "actions", 1)
        self.states = None if like or states is None else _range(states, "states", 1)
        self.like = like

    def __repr__(self) -> str:
        inner = f"like={self.like!r}" if self.like else f"actions={self.actions}, states={self.states}"
        return f"{type(self).__name__.lower()}({inner})"

    def _size_in_words(self) -> str:
        if self.like is not None:
            return f"of the shape of {self.like}"
        states = "" if self.states is None else f"{_range_in_words(self.states, 'state')} with "
        return f"with {states}{_range_in_words(self.actions or (1, 1), 'action')}" + (" each" if states else "")

    def sizes(self, name: str, spread: Spread) -> list[Sizes]:
        if self.actions is None:
            return [{}]
        states = spread(self.states) if self.states is not None else [None]
        return [
            {f"{name}.actions": a} | ({} if s is None else {f"{name}.states": s})
            for s in states
            for a in spread(self.actions)
        ]


class Logits(_Actions):
    """Logits ``z`` of a softmax policy."""

    def in_words(self, name: str) -> str:
        return f"{name}: logits of a softmax policy, {self._size_in_words()}"

    def leaves(self, name: str, given: Mapping[str, Variable]) -> dict[str, Leaf]:
        return {name: Leaf("real", axes_of(name, given))}

    def draw(self, rng: Generator, n: int, name: str, sizes: Sizes, drawn: Mapping[str, Array]) -> dict[str, Array]:
        return {name: draw_logits(rng, (n, *sizes.values()), widest=1000.0)}


class Policies(_Actions):
    """Probabilities ``p`` of a policy that gives every action positive probability; its logits are ``np.log(p)``."""

    def in_words(self, name: str) -> str:
        return f"{name}: a policy with all probabilities positive, {self._size_in_words()}"

    def leaves(self, name: str, given: Mapping[str, Variable]) -> dict[str, Leaf]:
        return {name: Leaf("simplex", axes_of(name, given))}

    def draw(self, rng: Generator, n: int, name: str, sizes: Sizes, drawn: Mapping[str, Array]) -> dict[str, Array]:
        shape = (n, *sizes.values())
        p = probabilities(draw_logits(rng, shape, widest=600.0))
        weights = rng.integers(1, rng.choice([3, 6, 21], size=(n,) + (1,) * (len(shape) - 1)), size=shape).astype(float)
        simple = chosen(rng, n, 0.3, len(shape))
        return {name: np.where(simple, weights / weights.sum(-1, keepdims=True), p)}


class Rewards(_Actions):
    """Rewards, one an action: often ordered like the policy, against it, tied, constant, tiny or huge."""

    def in_words(self, name: str) -> str:
        return f"{name}: real rewards, {self._size_in_words()}"

    def leaves(self, name: str, given: Mapping[str, Variable]) -> dict[str, Leaf]:
        return {name: Leaf("real", axes_of(name, given))}

    def draw(self, rng: Generator, n: int, name: str, sizes: Sizes, drawn: Mapping[str, Array]) -> dict[str, Array]:
        shape = (n, *sizes.values())
        r = rng.normal(size=shape)
        r = np.where(chosen(rng, n, 0.15, r.ndim), rng.integers(0, 2, size=shape), r)
        r = np.where(chosen(rng, n, 0.15, r.ndim), rng.integers(-3, 4, size=shape), r)
        r = np.where(chosen(rng, n, 0.05, r.ndim), r[..., :1], r)
        scale = 10.0 ** rng.uniform(-6, 6, size=(n,) + (1,) * (r.ndim - 1))
        r = np.where(chosen(rng, n, 0.1, r.ndim), r * scale, r)
        reference = drawn.get(self.like) if self.like else None
        if reference is not None and reference.shape == shape:
            rank = np.argsort(np.argsort(reference, axis=-1), axis=-1)
            rising = np.take_along_axis(np.sort(r, axis=-1), rank, -1)
            r = np.where(chosen(rng, n, 0.35, r.ndim), rising, r)
            r = np.where(chosen(rng, n, 0.15, r.ndim), -rising, r)
        return {name: r}


class Reals(Variable):
    """Real numbers in an interval, one an instance or an array of the shape of another variable."""

    def __init__(
        self, low: float, high: float, like: str | None, open_low: bool, open_high: bool, integer: bool
    ) -> None:
        kind = "integers" if integer else "reals"
        _check_like(like)
        for name, flag in (("open_low", open_low), ("open_high", open_high)):
            if not isinstance(flag, bool | np.bool_):
                raise ValueError(f"{name} is {brief(flag)}, expected True or False")
        for side, bound in (("low", low), ("high", high)):
            real = isinstance(bound, int | float | np.integer | np.floating)
            if not real or isinstance(bound, bool | np.timedelta64) or bound != bound:
                raise ValueError(f"{side} is {brief(bound)}, expected a real number")
        self.low, self.high, self.like = _end(low, "low"), _end(high, "high"), like
        self.open_low = open_low or low == -math.inf
        self.open_high = open_high or high == math.inf
        self.integer = integer
        if integer:
            self.low, self.high = float(np.ceil(self.low)), float(np.floor(self.high))
        if (
            self.low > self.high
            or self.low == math.inf
            or self.high == -math.inf
            or (self.low == self.high and (open_low or open_high))
        ):
            raise ValueError(
                f"low is {brief(low)} and high is {brief(high)}: the domain of {kind} is empty, expected "
                f"low <{'' if open_low or open_high else '='} high"
            )

    def __repr__(self) -> str:
        kind = "integers" if self.integer else "reals"
        return f"{kind}({self.low}, {self.high}{f', like={self.like!r}' if self.like else ''})"

    def in_words(self, name: str) -> str:
        kind = "integer" if self.integer else "real number"
        what = f"{kind}s, of the shape of {self.like}," if self.like else f"a{'n' * self.integer} {kind}"
        if self.low == -math.inf and self.high == math.inf:
            return f"{name}: {what.rstrip(',')}"
        if self.low == 0 and self.open_low and self.high == math.inf:
            return f"{name}: {what} > 0"
        left, right = "(" if self.open_low else "[", ")" if self.open_high else "]"
        return f"{name}: {what} in {left}{number_in_words(self.low)}, {number_in_words(self.high)}{right}"

    def leaves(self, name: str, given: Mapping[str, Variable]) -> dict[str, Leaf]:
        return {
            name: Leaf("real", axes_of(name, given), self.low, self.high, self.open_low, self.open_high, self.integer)
        }

    def draw(self, rng: Generator, n: int, name: str, sizes: Sizes, drawn: Mapping[str, Array]) -> dict[str, Array]:
        shape = (n, *(sizes.values() if self.like else ()))
        low = self.low if math.isfinite(self.low) else min(-1e12, self.high - 1e12)
        high = self.high if math.isfinite(self.high) else max(1e12, self.low + 1e12)
        magnitude = 10.0 ** rng.uniform(-12, 12, size=shape)
        if math.isfinite(self.low) and math.isfinite(self.high):
            width = high - low
            if math.isfinite(width):
                x = rng.uniform(low, high, size=shape)
            else:  # beyond the doubles
                share, width = rng.random(shape), high / 2 - low / 2
                x = low * (1 - share) + high * share
            near = width * 10.0 ** rng.uniform(-12, 0, size=shape)
            x = np.where(chosen(rng, n, 0.15, x.ndim), low + near, x)
            x = np.where(chosen(rng, n, 0.15, x.ndim), high - near, x)
        elif math.isfinite(self.low):
            x = self.low + np.where(chosen(rng, n, 0.5, len(shape)), magnitude, rng.exponential(size=shape))
        elif math.isfinite(self.high):
            x = self.high - np.where(chosen(rng, n, 0.5, len(shape)), magnitude, rng.exponential(size=shape))
        else:
            sign = rng.choice([-1.0, 1.0], size=shape)
            x = np.where(chosen(rng, n, 0.3, len(shape)), sign * magnitude, rng.normal(size=shape))
        simple = rng.integers(-8, 9, size=shape) / rng.choice([1, 1, 1, 2, 4, 3, 5, 10], size=shape)
        inside = (simple >= self.low) & (simple <= self.high)
        x = np.where(chosen(rng, n, 0.3, x.ndim) & inside, simple, x)
        ends = rng.choice([low, high], size=shape)
        x = np.where(chosen(rng, n, 0.05, x.ndim), ends, x)
        x = np.clip(x, low, high)
        # An excluded end is replaced by a value strictly inside.
        inner = _middle(low, high) if math.isfinite(self.low) and math.isfinite(self.high) else self.low + 1
        if self.open_low and math.isfinite(self.low):
            x = np.where(x <= self.low, inner, x)
        if self.open_high and math.isfinite(self.high):
            x = np.where(x >= self.high, inner if math.isfinite(self.low) else self.high - 1, x)
        return {name: np.clip(np.rint(x), low, high) if self.integer else x}


class MDPs(Variable):
    """Discounted MDPs, with and without termination; the claim's functions receive a batched `MDP`.

    Beside random problems a claim is evaluated on the tables of FrozenLake, Taxi and CliffWalking, unless `tables` is
    false.
    """

    states: tuple[int, int]
    actions: tuple[int, int]

    def __init__(self, states: Any, actions: Any, tables: bool, discount: Any) -> None:
        self.states = _range(states, "states", 1)
        self.actions = _range(actions, "actions", 1)
        self.tables = tables
        self.discount = _discounts(discount)

    def __repr__(self) -> str:
        return f"mdps(states={self.states}, actions={self.actions}, discount={self.discount})"

    def in_words(self, name: str) -> str:
        sizes = f"{_range_in_words(self.states, 'state')} and {_range_in_words(self.actions, 'action')}"
        tables = "; also the tables of FrozenLake, CliffWalking and Taxi" if self.tables else ""
        low, high = self.discount
        closing = ")" if high == 1 else "]"
        discount = (
            number_in_words(low) if low == high else f"in [{number_in_words(low)}, {number_in_words(high)}{closing}"
        )
        return f"{name}: an MDP with {sizes}, discount {discount}, whose episodes may end{tables}"

    def sizes(self, name: str, spread: Spread) -> list[Sizes]:
        return [{f"{name}.states": s, f"{name}.actions": a} for s in spread(self.states) for a in spread(self.actions)]

    def leaves(self, name: str, given: Mapping[str, Variable]) -> dict[str, Leaf]:
        states, actions = f"{name}.states", f"{name}.actions"
        return {
            f"{name}.transition": Leaf("simplex", (states, actions, f"{states}+end"), interior=False),
            f"{name}.reward": Leaf("real", (states, actions)),
            f"{name}.discount": Leaf("real", (), *self.discount, open_high=self.discount[1] == 1, reach=PATIENT),
            f"{name}.initial": Leaf("simplex", (states,), interior=False),
        }

    def draw(self, rng: Generator, n: int, name: str, sizes: Sizes, drawn: Mapping[str, Array]) -> dict[str, Array]:
        s, a = sizes.values()
        rows = rng.standard_gamma(rng.choice([0.1, 1.0, 1.0, 10.0], size=(n, 1, 1, 1)), size=(n, s, a, s + 1)) + 1e-12
        target = rng.integers(0, s + 1, size=(n, s, a, 1))
        point = (np.arange(s + 1) == target).astype(float)
        rows = np.where(chosen(rng, n, 0.5, 4), point, rows)
        endless = chosen(rng, n, 0.4, 4) & (np.arange(s + 1) == s)
        rows = np.where(endless, 0.0, rows)
        rows = np.where(rows.sum(-1, keepdims=True) > 0, rows, np.eye(s + 1)[rng.integers(0, s, size=(n, s, a))])
        reward = rng.normal(size=(n, s, a))
        least = rng.choice([-1, 0], size=(n, 1, 1))
        reward = np.where(chosen(rng, n, 0.4, 3), rng.integers(least, 2, size=(n, s, a)), reward)
        discount = rng.uniform(0.1, 0.99, size=n)
        discount = np.where(chosen(rng, n, 0.3, 1), 0.5, discount)
        discount = np.where(chosen(rng, n, 0.1, 1), 1 - 10.0 ** rng.uniform(-6, -1, size=n), discount)
        discount = np.where(chosen(rng, n, 0.05, 1), 10.0 ** rng.uniform(-6, -1, size=n), discount)
        discount = np.where(chosen(rng, n, 0.05, 1), 0.0, discount)
        low, high = self.discount
        start = rng.standard_gamma(1.0, size=(n, s)) + 1e-12
        start = np.where(chosen(rng, n, 0.5, 2), np.arange(s) == 0, start)
        return {
            f"{name}.transition": rows / rows.sum(-1, keepdims=True),
            f"{name}.reward": reward,
            f"{name}.discount": low + (high - low) * discount,
            f"{name}.initial": start / start.sum(-1, keepdims=True),
        }

    def build(self, name: str, leaves: Mapping[str, Array]) -> MDP:
        rows = leaves[f"{name}.transition"]
        return MDP(
            rows[..., :-1],
            leaves[f"{name}.reward"],
            leaves[f"{name}.discount"],
            leaves[f"{name}.initial"],
            rows[..., -1],
        )

    def describe(self, name: str, leaves: Mapping[str, Array]) -> dict[str, Array]:
        rows = leaves[f"{name}.transition"]
        return {
            f"{name}.transition": rows[..., :-1],
            f"{name}.termination": rows[..., -1],
            **{f"{name}.{part}": leaves[f"{name}.{part}"] for part in ("reward", "discount", "initial")},
        }

    def table_leaves(self, name: str, table: Table) -> dict[str, Array]:
        """The leaves of one table, with a batch axis of length one."""
        rows = np.concatenate([table.transition, table.termination[..., None]], axis=-1)
        return {
            f"{name}.transition": rows[None],
            f"{name}.reward": table.reward[None],
            f"{name}.discount": np.array([table.discount]),
            f"{name}.initial": table.initial[None],
        }


def _end(bound: Any, name: str) -> float:
    try:
        with np.errstate(over="ignore"):
            end = float(bound)
    except OverflowError:
        end = math.inf
    if math.isinf(end) and bound not in (math.inf, -math.inf):
        raise ValueError(f"{name} is {brief(bound)}, expected a number in the range of doubles, or infinity")
    return end


def _middle(low: float, high: float) -> float:
    middle = (low + high) / 2
    return middle if math.isfinite(middle) else low / 2 + high / 2


def _check_like(like: Any) -> None:
    if like is not None and (not isinstance(like, str) or not like):
        raise ValueError(f"like is {brief(like)}, expected the name of a variable")


def _range(value: Any, name: str, least: int) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not (isinstance(pair, tuple | list) and len(pair) == 2 and all(type(x) is int for x in pair)):
        raise ValueError(f"{name} is {brief(value)}, expected a number or a pair (least, most)")
    low, high = pair
    if low < least or high < low:
        raise ValueError(f"{name} is {brief(value)}, expected {least} <= least <= most: the domain is empty")
    return low, high


def _discounts(value: Any) -> tuple[float, float]:
    """A discount or a range of them as (least, most), where 1 is never reached."""
    pair = value if isinstance(value, tuple | list) else (value, value)
    try:
        low, high = (float(end) for end in pair)
    except (TypeError, ValueError, OverflowError):
        low = high = math.nan
    if not (0 <= low <= high <= 1 and low < 1):
        raise ValueError(
            f"discount is {brief(value)}, expected a number in [0, 1) or a pair (least, most) with "
            "0 <= least <= most <= 1"
        )
    return low, high


def number_in_words(x: float) -> str:
    """A float as a short fraction if it is one."""
    if not math.isfinite(x) or abs(x) >= 1e15:
        return f"{x:g}"
    exact = Fraction(x)
    return str(exact) if exact.denominator <= 4096 else f"{x:.10g}"


def _range_in_words(bounds: tuple[int, int], noun: str) -> str:
    low, high = bounds
    text = f"{low}" if low == high else f"{low} to {high}"
    return f"{text} {noun}{'' if high == 1 else 's'}"


def small_and_doubled(bounds: tuple[int, int]) -> list[int]:
    """All sizes of a short range; of a long one the small sizes and then ever larger steps up to the end."""
    low, high = bounds
    sizes = list(range(low, min(high, low + 5) + 1))
    while sizes[-1] < high:
        sizes.append(min(high, 2 * sizes[-1]))
    return sizes


def evenly(bounds: tuple[int, int]) -> list[int]:
    """All sizes of a range, or of a long one some at even distances."""
    low, high = bounds
    steps = min(high - low, MOST_STEPS)
    return sorted({low + (high - low) * k // max(steps, 1) for k in range(steps + 1)})
