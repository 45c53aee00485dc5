"""What a claim ranges over: logits, policies, rewards, reals, integers and MDPs, drawn from many regimes.

A variable is made of *leaves*: arrays of reals within bounds, or of probability vectors. Search, shrinking and
certification know leaves only; `build` turns them into what the claim's functions receive. A draw mixes regimes on
purpose: nearly uniform, tied, nearly deterministic (1 - p down to 1e-12), wide, comonotone and anticomonotone with
the policy, tiny and huge, and small rationals, which make readable counterexamples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from entropy_theory.balls import Ball
from entropy_theory.problems import MDP
from entropy_theory.problems.tables import Table, tables

Array = np.ndarray[Any, Any]
Generator = np.random.Generator

Sizes = dict[str, int]
"""Length of each axis, by label: ``"z.actions"``."""


@dataclass(frozen=True)
class Leaf:
    """One array of an instance.

    Attributes
    ----------
    kind : "real" or "simplex"
        A simplex leaf holds probability vectors along its last axis.
    axes : tuple of str
        Labels of the axes after the batch axis.
    low, high : float
        Bounds of a real leaf.
    open_low, open_high : bool
        Whether a bound itself is excluded.
    integer : bool
    interior : bool
        Whether the probabilities of a simplex leaf are all positive.
    """

    kind: Literal["real", "simplex"]
    axes: tuple[str, ...]
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    integer: bool = False
    interior: bool = True

    def admits(self, value: Array) -> Array:
        """Whether each instance (first axis) lies within the leaf, exactly if the entries are balls."""
        trailing = tuple(range(1, value.ndim))
        if self.kind == "simplex":
            inside = (value > 0) if self.interior else (value >= 0)
            return np.asarray(inside.all(axis=trailing), dtype=bool)
        inside = _whole(value) if self.integer else np.ones(value.shape, dtype=bool)
        if self.low > -math.inf:
            inside &= ((value > self.low) if self.open_low else (value >= self.low)).astype(bool)
        if self.high < math.inf:
            inside &= ((value < self.high) if self.open_high else (value <= self.high)).astype(bool)
        return np.asarray(inside.all(axis=trailing), dtype=bool)

    def to_free(self, value: Array) -> Array:
        """Coordinates (n, k) for an optimiser: logits of a simplex, logarithms of what is positive and unbounded."""
        flat = value.reshape(value.shape[0], -1)
        if self.kind == "simplex":
            return np.log(np.maximum(flat, 1e-300))
        if self.low == 0 and self.high == math.inf:
            return np.log(np.maximum(flat, 1e-300))
        return np.array(flat, dtype=np.float64)

    def from_free(self, free: Array, shape: tuple[int, ...]) -> Array:
        """Inverse of `to_free`, clipped to the bounds."""
        value = free.reshape(free.shape[0], *shape)
        if self.kind == "simplex":
            p = _probabilities(np.clip(value, -690, 690))
            return p if self.interior else np.where(p < 1e-30, 0.0, p)
        if self.low == 0 and self.high == math.inf:
            value = np.exp(np.clip(value, -690, 690))
        value = np.rint(value) if self.integer else value
        low = np.nextafter(self.low, math.inf) if self.open_low else self.low
        high = np.nextafter(self.high, -math.inf) if self.open_high else self.high
        return np.asarray(np.clip(value, low, high))


def _whole(value: Array) -> Array:
    if value.dtype != object:
        return np.asarray(value == np.rint(value))
    rationals = [Ball(x).rational for x in value.flat]
    return np.array([q is not None and q.q == 1 for q in rationals], dtype=bool).reshape(value.shape)


class Variable:
    """A variable of a claim. `anchor` is the variable whose shape it shares, itself if it has its own."""

    like: str | None = None

    def sizes(self, name: str) -> list[Sizes]:
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
        self.actions = None if like else _range(actions, "actions", 1)
        self.states = None if like or states is None else _range(states, "states", 1)
        self.like = like

    def __repr__(self) -> str:
        inner = f"like={self.like!r}" if self.like else f"actions={self.actions}, states={self.states}"
        return f"{type(self).__name__.lower()}({inner})"

    def sizes(self, name: str) -> list[Sizes]:
        if self.actions is None:
            return [{}]
        states = _spread(self.states) if self.states is not None else [None]
        return [
            {f"{name}.actions": a} | ({} if s is None else {f"{name}.states": s})
            for s in states
            for a in _spread(self.actions)
        ]


class Logits(_Actions):
    """Logits ``z`` of a softmax policy."""

    def leaves(self, name: str, given: Mapping[str, Variable]) -> dict[str, Leaf]:
        return {name: Leaf("real", axes_of(name, given))}

    def draw(self, rng: Generator, n: int, name: str, sizes: Sizes, drawn: Mapping[str, Array]) -> dict[str, Array]:
        return {name: _draw_logits(rng, (n, *sizes.values()), widest=1000.0)}


class Policies(_Actions):
    """Probabilities ``p`` of a policy that gives every action positive probability; its logits are ``np.log(p)``."""

    def leaves(self, name: str, given: Mapping[str, Variable]) -> dict[str, Leaf]:
        return {name: Leaf("simplex", axes_of(name, given))}

    def draw(self, rng: Generator, n: int, name: str, sizes: Sizes, drawn: Mapping[str, Array]) -> dict[str, Array]:
        shape = (n, *sizes.values())
        p = _probabilities(_draw_logits(rng, shape, widest=600.0))
        weights = rng.integers(1, rng.choice([3, 6, 21], size=(n,) + (1,) * (len(shape) - 1)), size=shape).astype(float)
        simple = _chosen(rng, n, 0.3, len(shape))
        return {name: np.where(simple, weights / weights.sum(-1, keepdims=True), p)}


class Rewards(_Actions):
    """Rewards, one an action: often ordered like the policy, against it, tied, constant, tiny or huge."""

    def leaves(self, name: str, given: Mapping[str, Variable]) -> dict[str, Leaf]:
        return {name: Leaf("real", axes_of(name, given))}

    def draw(self, rng: Generator, n: int, name: str, sizes: Sizes, drawn: Mapping[str, Array]) -> dict[str, Array]:
        shape = (n, *sizes.values())
        r = rng.normal(size=shape)
        r = np.where(_chosen(rng, n, 0.15, r.ndim), rng.integers(0, 2, size=shape), r)
        r = np.where(_chosen(rng, n, 0.15, r.ndim), rng.integers(-3, 4, size=shape), r)
        r = np.where(_chosen(rng, n, 0.05, r.ndim), r[..., :1], r)
        scale = 10.0 ** rng.uniform(-6, 6, size=(n,) + (1,) * (r.ndim - 1))
        r = np.where(_chosen(rng, n, 0.1, r.ndim), r * scale, r)
        reference = drawn.get(self.like) if self.like else None
        if reference is not None and reference.shape == shape:
            rank = np.argsort(np.argsort(reference, axis=-1), axis=-1)
            rising = np.take_along_axis(np.sort(r, axis=-1), rank, -1)
            r = np.where(_chosen(rng, n, 0.35, r.ndim), rising, r)
            r = np.where(_chosen(rng, n, 0.15, r.ndim), -rising, r)
        return {name: r}


class Reals(Variable):
    """Real numbers in an interval, one an instance or an array of the shape of another variable."""

    def __init__(
        self, low: float, high: float, like: str | None, open_low: bool, open_high: bool, integer: bool
    ) -> None:
        kind = "integers" if integer else "reals"
        for side, bound in (("low", low), ("high", high)):
            if isinstance(bound, bool | str) or not isinstance(bound, int | float | np.number) or math.isnan(bound):
                raise ValueError(f"{side} is {bound!r}, expected a real number")
        self.low, self.high, self.like = float(low), float(high), like
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
                f"low is {low!r} and high is {high!r}: the domain of {kind} is empty, expected low <= high"
            )

    def __repr__(self) -> str:
        kind = "integers" if self.integer else "reals"
        return f"{kind}({self.low}, {self.high}{f', like={self.like!r}' if self.like else ''})"

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
            x = rng.uniform(low, high, size=shape)
            near = (high - low) * 10.0 ** rng.uniform(-12, 0, size=shape)
            x = np.where(_chosen(rng, n, 0.15, x.ndim), low + near, x)
            x = np.where(_chosen(rng, n, 0.15, x.ndim), high - near, x)
        elif math.isfinite(self.low):
            x = self.low + np.where(_chosen(rng, n, 0.5, len(shape)), magnitude, rng.exponential(size=shape))
        elif math.isfinite(self.high):
            x = self.high - np.where(_chosen(rng, n, 0.5, len(shape)), magnitude, rng.exponential(size=shape))
        else:
            sign = rng.choice([-1.0, 1.0], size=shape)
            x = np.where(_chosen(rng, n, 0.3, len(shape)), sign * magnitude, rng.normal(size=shape))
        simple = rng.integers(-8, 9, size=shape) / rng.choice([1, 1, 1, 2, 4, 3, 5, 10], size=shape)
        inside = (simple >= self.low) & (simple <= self.high)
        x = np.where(_chosen(rng, n, 0.3, x.ndim) & inside, simple, x)
        ends = rng.choice([low, high], size=shape)
        x = np.where(_chosen(rng, n, 0.05, x.ndim), ends, x)
        x = np.clip(x, low, high)
        # An excluded end is replaced by a value strictly inside.
        inner = (low + high) / 2 if math.isfinite(self.low) and math.isfinite(self.high) else self.low + 1
        if self.open_low and math.isfinite(self.low):
            x = np.where(x <= self.low, inner, x)
        if self.open_high and math.isfinite(self.high):
            x = np.where(x >= self.high, inner if math.isfinite(self.low) else self.high - 1, x)
        return {name: np.clip(np.rint(x), low, high) if self.integer else x}


class MDPs(Variable):
    """Discounted MDPs, with and without termination, discount from 0.1 to 0.999; the claim's functions receive a
    batched `MDP`.

    Beside random problems a claim is evaluated on the tables of FrozenLake, Taxi and CliffWalking, unless `tables` is
    false.
    """

    def __init__(self, states: Any, actions: Any, tables: bool) -> None:
        self.states = _range(states, "states", 1)
        self.actions = _range(actions, "actions", 1)
        self.tables = tables

    def __repr__(self) -> str:
        return f"mdps(states={self.states}, actions={self.actions})"

    def sizes(self, name: str) -> list[Sizes]:
        return [
            {f"{name}.states": s, f"{name}.actions": a} for s in _spread(self.states) for a in _spread(self.actions)
        ]

    def leaves(self, name: str, given: Mapping[str, Variable]) -> dict[str, Leaf]:
        states, actions = f"{name}.states", f"{name}.actions"
        return {
            f"{name}.transition": Leaf("simplex", (states, actions, f"{states}+end"), interior=False),
            f"{name}.reward": Leaf("real", (states, actions)),
            f"{name}.discount": Leaf("real", (), 0.1, 0.999),
            f"{name}.initial": Leaf("simplex", (states,), interior=False),
        }

    def draw(self, rng: Generator, n: int, name: str, sizes: Sizes, drawn: Mapping[str, Array]) -> dict[str, Array]:
        s, a = sizes.values()
        rows = rng.standard_gamma(rng.choice([0.1, 1.0, 1.0, 10.0], size=(n, 1, 1, 1)), size=(n, s, a, s + 1)) + 1e-12
        target = rng.integers(0, s + 1, size=(n, s, a, 1))
        point = (np.arange(s + 1) == target).astype(float)
        rows = np.where(_chosen(rng, n, 0.5, 4), point, rows)
        endless = _chosen(rng, n, 0.4, 4) & (np.arange(s + 1) == s)
        rows = np.where(endless, 0.0, rows)
        rows = np.where(rows.sum(-1, keepdims=True) > 0, rows, np.eye(s + 1)[rng.integers(0, s, size=(n, s, a))])
        reward = rng.normal(size=(n, s, a))
        reward = np.where(_chosen(rng, n, 0.4, 3), rng.integers(0, 2, size=(n, s, a)), reward)
        discount = rng.uniform(0.1, 0.99, size=n)
        discount = np.where(_chosen(rng, n, 0.3, 1), 0.5, discount)
        discount = np.where(_chosen(rng, n, 0.1, 1), 1 - 10.0 ** rng.uniform(-3, -1, size=n), discount)
        start = rng.standard_gamma(1.0, size=(n, s)) + 1e-12
        start = np.where(_chosen(rng, n, 0.5, 2), np.arange(s) == 0, start)
        return {
            f"{name}.transition": rows / rows.sum(-1, keepdims=True),
            f"{name}.reward": reward,
            f"{name}.discount": discount,
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


class Space:
    """All variables of a claim together."""

    def __init__(self, given: Mapping[str, Variable]) -> None:
        if not given:
            raise ValueError("given is empty, expected at least one variable")
        for name, variable in given.items():
            if not isinstance(variable, Variable):
                raise ValueError(f"given[{name!r}] is {variable!r}, expected a domain such as domains.logits()")
            if variable.like is not None and not likes_end(variable.like, given, name):
                raise ValueError(f"given[{name!r}] is like {variable.like!r}, expected one of {sorted(given)}")
        self.given = dict(given)
        # What others are like is drawn first, so that rewards can follow the policy.
        self._order = sorted(given, key=lambda name: _depth(name, given))
        self.leaves: dict[str, Leaf] = {}
        for name, variable in given.items():
            self.leaves.update(variable.leaves(name, given))

    def sizes(self) -> list[Sizes]:
        """All combinations of sizes, smallest total first."""
        combinations: list[Sizes] = [{}]
        for name, variable in self.given.items():
            combinations = [c | s for c in combinations for s in variable.sizes(name)]
        return sorted(combinations, key=lambda s: (sum(s.values()), tuple(s.values())))

    def draw(self, rng: Generator, n: int, sizes: Sizes, fixed: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """`n` instances; leaves in `fixed` (batch of one) are repeated instead of drawn."""
        drawn: dict[str, Array] = {}
        for name in self._order:
            own = {label: sizes[label] for label in axes_of(name, self.given)}
            fresh = self.given[name].leaves(name, self.given)
            if fixed is not None and all(leaf in fixed for leaf in fresh):
                drawn |= {leaf: np.repeat(fixed[leaf], n, axis=0) for leaf in fresh}
            else:
                drawn |= self.given[name].draw(rng, n, name, own, drawn)
        return {leaf: drawn[leaf] for leaf in self.leaves}

    def build(self, leaves: Mapping[str, Array]) -> dict[str, Any]:
        """Arguments of the claim's functions."""
        return {name: variable.build(name, leaves) for name, variable in self.given.items()}

    def describe(self, leaves: Mapping[str, Array]) -> dict[str, Array]:
        """One instance (no batch axis) as a reader expects it."""
        parts: dict[str, Array] = {}
        for name, variable in self.given.items():
            parts |= variable.describe(name, leaves)
        return parts

    def admits(self, leaves: Mapping[str, Array]) -> Array:
        """Whether each instance lies in the domain."""
        inside = [leaf.admits(leaves[name]) for name, leaf in self.leaves.items()]
        return np.asarray(np.logical_and.reduce(inside))

    def admits_sizes(self, sizes: Sizes) -> bool:
        """Whether an instance of these sizes is in the domain."""
        for name, variable in self.given.items():
            if isinstance(variable, MDPs | _Actions):
                for axis, bounds in (("states", variable.states), ("actions", variable.actions)):
                    length = sizes.get(f"{name}.{axis}")
                    if bounds is not None and length is not None and not bounds[0] <= length <= bounds[1]:
                        return False
        return True

    def tables(self) -> list[tuple[str, Table, dict[str, Array]]]:
        """Label, table and leaves of the shipped environments that the claim ranges over."""
        for name, variable in self.given.items():
            if isinstance(variable, MDPs) and variable.tables:
                return [(table.label, table, variable.table_leaves(name, table)) for table in tables()]
        return []

    def sizes_of_table(self, table: Table) -> Sizes:
        """The sizes of an instance on a table."""
        states, actions = table.reward.shape
        return {label: states if label.endswith(".states") else actions for label in self.sizes()[0]}


def delete(space: Space, leaves: Mapping[str, Array], label: str, index: int) -> dict[str, Array] | None:
    """The instance (no batch axis) without one state or action, or None if nothing would be left."""
    out: dict[str, Array] = {}
    for name, leaf in space.leaves.items():
        value = leaves[name]
        for axis, own in enumerate(leaf.axes):
            if own in (label, f"{label}+end"):
                if value.shape[axis] < 2:
                    return None
                value = np.delete(value, index, axis=axis)
        if leaf.kind == "simplex":
            mass = value.sum(-1, keepdims=True)
            if any(m == 0 for m in mass.flat):
                return None
            value = value / mass
        out[name] = value
    return out


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


def likes_end(like: str, given: Mapping[str, Variable], name: str) -> bool:
    """Whether `like` names a variable whose chain of likes ends."""
    seen = {name}
    current: str | None = like
    while current is not None:
        if current in seen or current not in given:
            return False
        seen.add(current)
        current = given[current].like
    return True


def _depth(name: str, given: Mapping[str, Variable]) -> int:
    like = given[name].like
    return 0 if like is None else 1 + _depth(like, given)


def _range(value: Any, name: str, least: int) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not (isinstance(pair, tuple | list) and len(pair) == 2 and all(type(x) is int for x in pair)):
        raise ValueError(f"{name} is {value!r}, expected a number or a pair (least, most)")
    low, high = pair
    if low < least or high < low:
        raise ValueError(f"{name} is {value!r}, expected {least} <= least <= most: the domain is empty")
    return low, high


def _spread(bounds: tuple[int, int]) -> list[int]:
    """All sizes of a short range; of a long one the small sizes and then ever larger steps up to the end."""
    low, high = bounds
    sizes = list(range(low, min(high, low + 5) + 1))
    while sizes[-1] < high:
        sizes.append(min(high, 2 * sizes[-1]))
    return sizes


def _chosen(rng: Generator, n: int, share: float, ndim: int) -> Array:
    """A share of the batch, as a mask that broadcasts."""
    return (rng.random(n) < share).reshape(n, *(1,) * (ndim - 1))


def _probabilities(z: Array) -> Array:
    e = np.exp(z - z.max(-1, keepdims=True))
    e = np.maximum(e, 1e-290)
    return np.asarray(e / e.sum(-1, keepdims=True))


def _draw_logits(rng: Generator, shape: tuple[int, ...], widest: float) -> Array:
    n, ndim = shape[0], len(shape)
    column = (n,) + (1,) * (ndim - 1)
    z = rng.normal(size=shape) * 10.0 ** rng.uniform(-1, 1, size=column)
    z = np.where(_chosen(rng, n, 0.1, ndim), rng.normal(size=shape) * 10.0 ** rng.uniform(-9, -1, size=column), z)
    z = np.where(_chosen(rng, n, 0.2, ndim), rng.integers(-3, 4, size=shape), z)
    mode = np.arange(shape[-1]) == rng.integers(0, shape[-1], size=(*shape[:-1], 1))
    z = np.where(_chosen(rng, n, 0.2, ndim) & mode, z + rng.uniform(0, 28, size=column), z)
    wide = np.clip(rng.normal(size=shape) * 10.0 ** rng.uniform(1, 3, size=column), -widest, widest)
    z = np.where(_chosen(rng, n, 0.05, ndim), wide, z)
    return np.where(_chosen(rng, n, 0.02, ndim), 0.0, z)


__all__ = [
    "integers",
    "logits",
    "mdps",
    "policies",
    "positive",
    "reals",
    "rewards",
]
