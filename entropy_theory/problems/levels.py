"""Passes over the levels of a complete tree, in any arithmetic.

The tree is worked on in parts: some consecutive states of one level, the split, with all states below them, so that
what is computed on the way up is still in the cache on the way down. The levels above the split, a small share of
the tree, are the last part. States, levels and successors are numbered as in `entropy_theory.problems.token_tree`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from entropy_theory.softmax import Policy

Array = np.ndarray[Any, Any]

PART = 2**17
"""Numbers in a part, at most, where one state has no more: its temporaries stay in the cache."""


class Level:
    """Consecutive states of one level, n of them.

    Attributes
    ----------
    states : slice
        Where they are among all states.
    q : array (..., n, V) or None
        Values of their successors; None if there are none.
    v, visits : array (..., n)
        Set by the pass that finds them.
    """

    v: Array
    visits: Array

    def __init__(self, states: slice, logits: Array, q: Array | None) -> None:
        self.states, self.q, self._logits = states, q, logits

    @cached_property
    def policy(self) -> Policy:
        """The policy at these states."""
        return Policy(self._logits)

    @property
    def ahead(self) -> Array:
        """Mean of q under the policy, shape (..., n); zero without successors."""
        value, _, mean = self._from_mode
        return np.asarray((value + mean)[..., 0])

    @property
    def advantage(self) -> Array:
        """q less its mean, shape (..., n, V); zero without successors."""
        _, difference, mean = self._from_mode
        return np.asarray(difference - mean)

    @cached_property
    def _from_mode(self) -> tuple[Array, Array, Array]:
        return self.policy.from_mode(0 * self._logits if self.q is None else self.q)

    @cached_property
    def reached(self) -> Array:
        """Visits of the successors, ``w(s) p(a|s)``, shape (..., n, V)."""
        return np.asarray(self.visits[..., None] * self.policy.probability)


class Passes:
    """Passes over a tree.

    Parameters
    ----------
    logits : array (..., S, V)
    prompts, horizon : int
        M and T.
    leaves : array (..., M V**T) or None
        What follows the last token; nothing with None.
    now : array (..., S) or None
        What each state pays.
    entropies : bool
        Whether each state pays its entropy.

    Leading axes are those of the logits; the others have as many and broadcast.
    """

    def __init__(
        self, logits: Array, prompts: int, horizon: int, leaves: Array | None, now: Array | None, entropies: bool
    ) -> None:
        self._logits, self._leaves, self._now, self._entropies = logits, leaves, now, entropies
        self._batch, self._actions = logits.shape[:-2], logits.shape[-1]
        self._sizes = [prompts * self._actions**t for t in range(horizon + 1)]
        self._starts = np.cumsum([0, *self._sizes]).tolist()
        self.kind = np.result_type(*(x for x in (logits, leaves, now) if x is not None))

    def up(self) -> Iterator[Level]:
        """Every state once, successors first, with v."""
        split, parts = self._division()
        ends = np.empty((*self._batch, self._sizes[split]), self.kind)
        for part in parts:
            for level in self._climb(split, len(self._sizes) - 1, part, self._leaves_of(split, part)):
                yield level
            ends[..., part] = level.v
        if split:
            yield from self._climb(0, split, slice(0, self._sizes[0]), ends)

    def up_and_down(self, weights: Array) -> Iterator[Level]:
        """Every state once, within a part predecessors first, with v and visits.

        `weights` (..., M) are the visits of the first states.
        """
        split, parts = self._division()
        ends = np.empty((*self._batch, self._sizes[split]), self.kind)
        reached = weights
        for t in range(split):
            level = Level(slice(0), self._logits[..., self._starts[t] : self._starts[t + 1], :], None)
            level.visits = reached
            reached = level.reached.reshape(*self._batch, -1)
        for part in parts:
            levels = list(self._climb(split, len(self._sizes) - 1, part, self._leaves_of(split, part)))
            ends[..., part] = levels[-1].v
            yield from self._descend(levels, reached[..., part])
        if split:
            yield from self._descend(list(self._climb(0, split, slice(0, self._sizes[0]), ends)), weights)

    def _division(self) -> tuple[int, list[slice]]:
        """The level of the split, and its states part by part."""
        below, numbers = [0], max(1, math.prod(self._batch))
        for _ in self._sizes[1:]:
            below.append(self._actions * (numbers + below[-1]))
        below.reverse()  # numbers in the tree below a state of each level, itself included
        split = next((t for t, size in enumerate(below[:-1]) if size <= PART), len(below) - 2)
        step, size = max(1, PART // below[split]), self._sizes[split]
        return split, [slice(i, min(i + step, size)) for i in range(0, size, step)]

    def _leaves_of(self, split: int, part: slice) -> Array | None:
        if self._leaves is None:
            return None
        each = self._sizes[-1] // self._sizes[split]
        return self._leaves[..., part.start * each : part.stop * each]

    def _climb(self, top: int, end: int, part: slice, after: Array | None) -> Iterator[Level]:
        """The levels from `end` - 1 up to `top`, of which the states in `part` are taken."""
        for t in reversed(range(top, end)):
            each, start = self._actions ** (t - top), self._starts[t]
            states = slice(start + part.start * each, start + part.stop * each)
            q = None if after is None else after.reshape(*after.shape[:-1], -1, self._actions)
            level = Level(states, self._logits[..., states, :], q)
            now = level.policy.entropy if self._entropies else None if self._now is None else self._now[..., states]
            if now is None:
                level.v = level.ahead
            else:
                level.v = now if q is None else np.asarray(now + level.ahead)
            yield level
            after = level.v

    def _descend(self, levels: list[Level], visits: Array) -> Iterator[Level]:
        while levels:
            level = levels.pop()
            level.visits = visits
            yield level
            if levels:
                visits = level.reached.reshape(*self._batch, -1)
