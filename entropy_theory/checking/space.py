"""All variables of a claim together: its sizes, its draws, and deleting a state or an action of an instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from entropy_theory.checking.leaf import Leaf, Sizes
from entropy_theory.checking.variables import MDPs, Spread, Variable, axes_of, small_and_doubled
from entropy_theory.problems.tables import Table, tables

Array = np.ndarray[Any, Any]
Generator = np.random.Generator


class Space:
    """All variables of a claim together."""

    def __init__(self, given: Mapping[str, Variable]) -> None:
        if not isinstance(given, Mapping):
            raise ValueError(f"given is {given!r}, expected a mapping of names to domains")
        if not given:
            raise ValueError("given is empty, expected at least one variable")
        for name, variable in given.items():
            if not isinstance(variable, Variable):
                raise ValueError(f"given[{name!r}] is {variable!r}, expected a domain such as domains.logits()")
            if variable.like is not None and not _likes_end(variable.like, given, name):
                others = [other for other in sorted(given) if _likes_end(other, given, name)]
                expected = f"one of {others}" if others else "sizes of its own: no other variable has any"
                raise ValueError(f"given[{name!r}] is like {variable.like!r}, expected {expected}")
        self.given = dict(given)
        # What others are like is drawn first, so that rewards can follow the policy.
        self._order = sorted(given, key=lambda name: _depth(name, given))
        self.leaves: dict[str, Leaf] = {}
        for name, variable in given.items():
            self.leaves.update(variable.leaves(name, given))

    def sizes(self, spread: Spread = small_and_doubled) -> list[Sizes]:
        """All combinations of sizes that a spread picks from each range, smallest total first."""
        combinations: list[Sizes] = [{}]
        for name, variable in self.given.items():
            combinations = [c | s for c in combinations for s in variable.sizes(name, spread)]
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

    def numbers(self, sizes: Sizes) -> int:
        """How many numbers an instance of these sizes has."""
        return sum(leaf.numbers(sizes) for leaf in self.leaves.values())

    def admits(self, leaves: Mapping[str, Array]) -> Array:
        """Whether each instance lies in the domain."""
        inside = [leaf.admits(leaves[name]) for name, leaf in self.leaves.items()]
        return np.asarray(np.logical_and.reduce(inside))

    def admits_sizes(self, sizes: Sizes) -> bool:
        """Whether an instance of these sizes is in the domain."""
        for name, variable in self.given.items():
            for axis, bounds in (("states", variable.states), ("actions", variable.actions)):
                length = sizes.get(f"{name}.{axis}")
                if bounds is not None and length is not None and not bounds[0] <= length <= bounds[1]:
                    return False
        return True

    def numbers_together(self) -> int:
        """How many numbers an instance of each size holds, all sizes together."""
        return sum(self.numbers(sizes) for sizes in self.sizes())

    @property
    def on_tables(self) -> bool:
        """Whether the claim ranges over the shipped environments."""
        return any(isinstance(variable, MDPs) and variable.tables for variable in self.given.values())

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


def _likes_end(like: str, given: Mapping[str, Variable], name: str) -> bool:
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
