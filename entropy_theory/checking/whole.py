"""Claims about integers: all of a domain that is small enough, else its small numbers and lines through it.

Along a line all integers but one are held, and the slack is followed down to where it is least in the last one. A
slack like ``|x^2 + y^2 - z^2| - 1``, with one valley along each line, has its smallest values found in this way among
far more instances than are evaluated.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from entropy_theory.checking.claim import Claim, ClaimError, Order
from entropy_theory.checking.search import score

Array = np.ndarray[Any, Any]
Range = tuple[int, int]

ALL, MOST = 50, 1_000_000
"""Instances evaluated for one of the budget when a domain, or its small numbers, are gone through, and how many at most
unless the budget is more."""

LINES, MOST_ON_LINES = 100, 2_000_000
"""The same on lines."""

SMALL_LINES = 0.7
"""Share of the lines on which the numbers held are small."""

PIECE = 50_000

KEPT = 12

LARGEST = 2**50


@dataclass
class Whole:
    """What was found among integers.

    Attributes
    ----------
    leads : list of dict of str to float array
        The instances nearest to failing, by merit and by slack.
    instances, admitted, unevaluated : int
        Evaluated; of these meeting the assumption; and of these again without a number.
    size : int or None
        Instances of the domain, if all were evaluated and each gave a number.
    """

    leads: list[dict[str, Array]] = field(default_factory=list)
    instances: int = 0
    admitted: int = 0
    unevaluated: int = 0
    size: int | None = None


def ranges(claim: Claim) -> list[Range] | None:
    """First and last value of each variable, if all are single integers of a bounded domain.

    Parameters
    ----------
    claim : Claim

    Returns
    -------
    list of (int, int) or None
    """
    leaves = claim.space.leaves.values()
    if isinstance(claim, Order) or not all(leaf.kind == "real" and leaf.integer and not leaf.axes for leaf in leaves):
        return None
    if not all(abs(end) <= LARGEST for leaf in leaves for end in (leaf.low, leaf.high)):
        return None
    return [(int(leaf.low), int(leaf.high)) for leaf in leaves]


def whole(claim: Claim, rng: np.random.Generator, budget: int) -> Whole | None:
    """Evaluate a claim about integers on its domain, or on a part of it.

    Parameters
    ----------
    claim : Claim
    rng : Generator
    budget : int
        Of the whole check.

    Returns
    -------
    Whole or None
        None if the claim is about anything else.
    """
    ends = ranges(claim)
    if ends is None:
        return None
    names = list(claim.space.leaves)
    seen = _Seen(claim, names)
    cells = math.prod(high - low + 1 for low, high in ends)
    cap = max(budget, min(ALL * budget, MOST))
    on_lines = max(budget, min(LINES * budget, MOST_ON_LINES))
    if cells <= cap:
        numbers = [seen.look(points) for points in _product(ends)]
        return seen.whole(cells if all(numbers) else None)
    for points in _product(_small(ends, cap // 2)):
        seen.look(points)
    order = sorted(range(len(ends)), key=lambda i: ends[i][0] - ends[i][1])
    solved = order[: 2 if len(ends) > 1 else 1]
    for i in solved:
        _follow_lines(seen, ends, i, rng, on_lines // len(solved))
    return seen.whole(None)


class _Seen:
    """The instances nearest to failing of all that were looked at."""

    def __init__(self, claim: Claim, names: Sequence[str]) -> None:
        self.claim, self.names = claim, names
        self.by_merit: list[tuple[float, tuple[int, ...]]] = []
        self.by_slack: list[tuple[float, tuple[int, ...]]] = []
        self.instances = self.admitted = self.unevaluated = 0

    def values(self, points: Array) -> tuple[Array, Array, Array]:
        """Admitted, merit and slack."""
        self.instances += len(points)
        try:
            admitted, merit, slack = score(self.claim, self.leaves(points))
        except ClaimError:
            nothing = np.full(len(points), np.nan)
            return np.zeros(len(points), dtype=bool), nothing, nothing
        self.admitted += int(admitted.sum())
        self.unevaluated += int((admitted & np.isnan(merit)).sum())
        return admitted, merit, slack

    def look(self, points: Array) -> bool:
        """Keep the worst of the points; whether each that counts has a number."""
        admitted, merit, slack = self.values(points)
        for kept, values in ((self.by_merit, merit), (self.by_slack, slack)):
            good = np.flatnonzero(np.isfinite(values))
            worst = good[np.argsort(values[good], kind="stable")[:KEPT]]
            kept += [(float(values[i]), tuple(int(x) for x in points[i])) for i in worst]
            kept[:] = heapq.nsmallest(KEPT, dict.fromkeys(kept))
        return bool(len(admitted)) and not bool((admitted & np.isnan(merit)).any()) and self.admitted > 0

    def leaves(self, points: Array) -> dict[str, Array]:
        return {name: points[:, i].astype(float) for i, name in enumerate(self.names)}

    def whole(self, size: int | None) -> Whole:
        chosen = dict.fromkeys(point for _, point in (*self.by_merit, *self.by_slack[: KEPT // 2]))
        leads = [{name: np.array(float(x)) for name, x in zip(self.names, point, strict=True)} for point in chosen]
        return Whole(leads, self.instances, self.admitted, self.unevaluated, size)


def _product(ends: Sequence[Range]) -> Iterator[Array]:
    """All points of a product of ranges, in pieces."""
    lengths = [high - low + 1 for low, high in ends]
    lows = np.array([low for low, _ in ends])
    total = math.prod(lengths)
    for start in range(0, total, PIECE):
        index = np.arange(start, min(start + PIECE, total))
        yield lows + np.stack(np.unravel_index(index, lengths), axis=-1)


def _small(ends: Sequence[Range], cap: int) -> list[Range]:
    """Ranges of the numbers nearest to zero, as long as `cap` points allow."""
    low, high = 0, max(b - a for a, b in ends)
    while low < high:
        middle = (low + high + 1) // 2
        if math.prod(b - a + 1 for a, b in _within(ends, middle)) <= cap:
            low = middle
        else:
            high = middle - 1
    return _within(ends, low)


def _within(ends: Sequence[Range], reach: int) -> list[Range]:
    near = [min(max(0, a), b) for a, b in ends]
    return [(max(a, n - reach), min(b, n + reach)) for (a, b), n in zip(ends, near, strict=True)]


def _follow_lines(seen: _Seen, ends: Sequence[Range], i: int, rng: np.random.Generator, cap: int) -> None:
    """Halve each line by the slope of the slack until its lowest point is reached, and look at that and beside it."""
    low, high = ends[i]
    lines = cap // (2 * max(1, (high - low).bit_length()) + 3)
    held = [*ends[:i], *ends[i + 1 :]]
    pieces = list(_product(_small(held, max(1, int(SMALL_LINES * lines))))) if held else [np.zeros((1, 0), dtype=int)]
    if held and (rest := lines - sum(map(len, pieces))) > 0:
        columns = [rng.integers(a, b + 1, size=rest) for a, b in held]
        pieces += np.array_split(np.stack(columns, axis=-1), max(1, rest // PIECE))
    for others in pieces:
        a, b = np.full(len(others), low), np.full(len(others), high)
        while (b > a).any():
            middle = (a + b) // 2
            here, beyond = (_valley(seen, np.insert(others, i, m, axis=1)) for m in (middle, np.minimum(middle + 1, b)))
            left = here <= beyond
            a, b = np.where(left | (a == b), a, middle + 1), np.where(left, middle, b)
        for m in (a - 1, a, a + 1):
            seen.look(np.insert(others, i, np.clip(m, low, high), axis=1))


def _valley(seen: _Seen, points: Array) -> Array:
    slack = seen.values(points)[2]
    return np.where(np.isnan(slack), np.inf, slack)
