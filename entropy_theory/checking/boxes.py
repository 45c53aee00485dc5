"""Branch and bound in balls: where an inequality of few numbers may fail although it holds wherever points were drawn.

A box on which the enclosure of ``gap = rhs - lhs`` has the right sign, or that misses the assumption, is done with; any
other is halved, by turns the one that may fail by most and the largest. A narrow peak that is flat elsewhere is seen in
this way: enclosures hold on all of a box, points say nothing of what lies between them.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, fmpq

from entropy_theory.balls import Ball, UndecidedComparison, constant, precision
from entropy_theory.checking.claim import ClaimError, Inequality
from entropy_theory.checking.leaf import Leaf, Sizes
from entropy_theory.duals import Dual

Array = np.ndarray[Any, Any]
Instance = dict[str, Array]
Box = tuple[tuple[Fraction, Fraction], ...]

MOST_COORDINATES = 4

HALVINGS, MOST_HALVINGS = 10, 20_000
"""Boxes that may be halved in all regions of a claim together: one for so many of the budget, and how many at most."""

CHECKED_EVERY, OPEN_AT_FIRST, OPEN = 100, 0.6, 0.35
"""After each so many the attempt ends if more boxes than this share of them are open: the enclosures are too wide, or
the two sides are equal in too many places. Around a narrow peak few boxes are."""

MOST_FAILED = 2
"""Regions of a claim in which that may happen before the others are left out."""

MOST_FINE = 16
"""Boxes as fine as they get after which the attempt ends."""

BITS = 80

DOUBTFUL = 4
"""Boxes left whose centres are handed on."""

LARGE, SMALL = Fraction(2**20), Fraction(1, 2**30)
"""Ends put in the place of infinite ones, and of zero where numbers are positive."""

LARGEST_LOGIT = Fraction(64)

FINEST = Fraction(1, 2**40)
"""Side of a box, as a share of the first, from which it is not halved."""


@dataclass(frozen=True)
class Coordinate:
    """One number of an instance.

    Attributes
    ----------
    leaf : str
    index : tuple of int
    integer : bool
    """

    leaf: str
    index: tuple[int, ...]
    integer: bool


class Region:
    """The instances of one size, as a box of coordinates; the last probability of a vector is what is left to one.

    Parameters
    ----------
    spec : mapping of str to Leaf
    size : dict of str to int
    """

    def __init__(self, spec: dict[str, Leaf], size: Sizes) -> None:
        self.spec = spec
        self.shapes = {name: leaf.shape(size) for name, leaf in spec.items()}
        self.coordinates: list[Coordinate] = []
        ends = []
        for name, leaf in spec.items():
            shape = self.shapes[name]
            free = (*shape[:-1], shape[-1] - 1) if leaf.kind == "simplex" else shape
            for index in np.ndindex(free):
                self.coordinates.append(Coordinate(name, index, leaf.integer))
                ends.append((Fraction(0), Fraction(1)) if leaf.kind == "simplex" else _ends(leaf))
        self.whole: Box = tuple(ends)

    def leaves(self, values: Sequence[Any]) -> Instance:
        """A batch of one of what the coordinates hold: balls or duals."""
        return {name: value[None] for name, value in self.instance(values).items()}

    def instance(self, values: Sequence[Any]) -> Instance:
        """The same without the batch axis; of fractions an instance in exact rationals."""
        out = {name: np.empty(shape, dtype=object) for name, shape in self.shapes.items()}
        for coordinate, value in zip(self.coordinates, values, strict=True):
            out[coordinate.leaf][coordinate.index] = value
        for name, leaf in self.spec.items():
            if leaf.kind == "simplex":
                out[name][..., -1] = 1 - out[name][..., :-1].sum(-1)
        return out

    def reaches(self, box: Box) -> bool:
        """Whether some point of the box has probabilities that sum to one."""
        lows: dict[Any, Fraction] = {}
        for coordinate, (low, _) in zip(self.coordinates, box, strict=True):
            if self.spec[coordinate.leaf].kind == "simplex":
                row = (coordinate.leaf, coordinate.index[:-1])
                lows[row] = lows.get(row, Fraction(0)) + low
        return all(total < 1 for total in lows.values())

    def centre(self, box: Box) -> list[Fraction]:
        """A point in the middle, or near it where that has a negative probability."""
        point = [Fraction(math.floor((a + b) / 2)) if c.integer else (a + b) / 2 for c, (a, b) in self._pairs(box)]
        rows: dict[Any, list[int]] = {}
        for i, c in enumerate(self.coordinates):
            if self.spec[c.leaf].kind == "simplex":
                rows.setdefault((c.leaf, c.index[:-1]), []).append(i)
        for places in rows.values():
            total, least = sum((point[i] for i in places), Fraction(0)), sum((box[i][0] for i in places), Fraction(0))
            if total >= 1:
                share = (1 - least) / (2 * (total - least))
                for i in places:
                    point[i] = box[i][0] + share * (point[i] - box[i][0])
        return point

    def _pairs(self, box: Box) -> Iterator[tuple[Coordinate, tuple[Fraction, Fraction]]]:
        return zip(self.coordinates, box, strict=True)

    def halves(self, box: Box, i: int) -> tuple[Box, Box]:
        """The box cut in two in one coordinate."""
        low, high = box[i]
        if self.coordinates[i].integer:
            cut = Fraction(math.floor((low + high) / 2))
            return (*box[:i], (low, cut), *box[i + 1 :]), (*box[:i], (cut + 1, high), *box[i + 1 :])
        cut = _cut(low, high)
        return (*box[:i], (low, cut), *box[i + 1 :]), (*box[:i], (cut, high), *box[i + 1 :])


def regions(claim: Inequality) -> list[Region]:
    """The regions of a claim that have few coordinates, smallest sizes first.

    Parameters
    ----------
    claim : Inequality

    Returns
    -------
    list of Region
    """
    out = []
    for size in claim.space.sizes():
        if claim.space.numbers(size) <= 4 * MOST_COORDINATES:
            region = Region(claim.space.leaves, size)
            if 0 < len(region.coordinates) <= MOST_COORDINATES:
                out.append(region)
    return out


def box_leads(claim: Inequality, budget: int) -> Iterator[Instance]:
    """Points in exact rationals: centres at which the gap is negative, and of the most doubtful boxes that remain.

    Parameters
    ----------
    claim : Inequality
    budget : int
        Of the whole check.

    Yields
    ------
    dict of str to array of Fraction
        Without the batch axis.
    """
    left, failed = min(budget // HALVINGS, MOST_HALVINGS), 0
    for region in regions(claim):
        search = _Search(claim, region)
        while left > 0 and search.open() and not search.hopeless():
            left -= 1
            with precision(BITS):
                failing = list(search.halve())
            yield from (region.instance(point) for point in failing)
        for point in search.doubtful():
            yield region.instance(point)
        failed += search.hopeless()
        if failed >= MOST_FAILED or left <= 0:
            return


class _Search:
    """Boxes still in doubt, the settled share of the domain, and the step that halves one."""

    def __init__(self, claim: Inequality, region: Region) -> None:
        self.claim, self.region = claim, region
        self.boxes: dict[int, tuple[Box, int, int]] = {}
        self.by_bound: list[tuple[float, int]] = []
        self.by_depth: list[tuple[int, int]] = []
        self.fine: list[Box] = []
        self.made = self.halved = 0
        self._add(region.whole, -math.inf, 0, 0)

    def open(self) -> bool:
        return bool(self.boxes) and len(self.fine) < MOST_FINE

    def hopeless(self) -> bool:
        """Whether the boxes in doubt become ever more."""
        share = OPEN_AT_FIRST if self.halved == CHECKED_EVERY else OPEN
        return self.halved > 0 and self.halved % CHECKED_EVERY == 0 and len(self.boxes) > share * self.halved

    def doubtful(self) -> list[list[Fraction]]:
        """Centres of the boxes that may fail by most."""
        kept = [key for _, key in sorted(self.by_bound) if key in self.boxes][:DOUBTFUL]
        return [self.region.centre(box) for box in [*self.fine[:DOUBTFUL], *(self.boxes[key][0] for key in kept)]]

    def halve(self) -> Iterator[list[Fraction]]:
        """Halve one box; centres at which the claim fails."""
        box, depth, longest = self._next()
        self.halved += 1
        for half in self.region.halves(box, longest):
            bound, weights = self._bound(half)
            if bound is None:
                continue
            point = self.region.centre(half)
            if self._fails(point):
                yield point
            i = self._longest(half, weights)
            if i is None:
                self.fine.append(half)
            else:
                self._add(half, bound, depth + 1, i)

    def _add(self, box: Box, bound: float, depth: int, longest: int) -> None:
        self.boxes[self.made] = box, depth, longest
        if math.isfinite(bound):
            heapq.heappush(self.by_bound, (bound, self.made))
        heapq.heappush(self.by_depth, (depth, self.made))
        self.made += 1

    def _next(self) -> tuple[Box, int, int]:
        heaps: list[Any] = [self.by_bound, self.by_depth]
        for heap in heaps[:: 1 if self.halved % 4 else -1]:
            while heap:
                _, key = heapq.heappop(heap)
                if key in self.boxes:
                    return self.boxes.pop(key)
        raise AssertionError("no box is left")

    def _longest(self, box: Box, weights: Sequence[float]) -> int | None:
        """The coordinate to halve: of those that are not too fine the one that weighs most."""
        choices = []
        for i, ((low, high), (least, most)) in enumerate(zip(box, self.region.whole, strict=True)):
            fine = high == low if self.region.coordinates[i].integer else high - low <= FINEST * (most - least)
            if not fine:
                choices.append(i)
        return max(choices, key=lambda i: weights[i]) if choices else None

    def _bound(self, box: Box) -> tuple[float | None, list[float]]:
        """A lower bound of the gap, None where the claim is certain; and what each coordinate adds to the doubt."""
        widths = [_relative_width(part, whole) for part, whole in zip(box, self.region.whole, strict=True)]
        if not self.region.reaches(box):
            return None, widths
        balls = [_enclosure(low, high) for low, high in box]
        leaves = self.region.leaves(balls)
        try:
            if self.claim.assuming is not None and not bool(self.claim.meets(leaves)[0]):
                return None, widths
        except (UndecidedComparison, ClaimError):
            pass
        gaps = self._gaps(leaves)
        if gaps is None:
            return -math.inf, widths
        open_entries = [e for e, gap in enumerate(gaps) if not self._certain(gap)]
        if not open_entries:
            return None, widths
        lows = {e: _lower(gaps[e]) for e in open_entries}
        if any(map(math.isfinite, lows.values())):
            lows, widths = self._sharper(box, balls, lows, widths)
        return (min(lows.values()), widths) if lows else (None, widths)

    def _sharper(
        self, box: Box, balls: list[Ball], lows: dict[int, float], widths: list[float]
    ) -> tuple[dict[int, float], list[float]]:
        """The bounds of the entries in doubt, by their mean values; what is certain in this way is left out."""
        slopes = []
        for i in range(len(box)):
            line = [Dual(ball, 1 if i == j else 0) for j, ball in enumerate(balls)]
            gaps = self._gaps(self.region.leaves(line))
            if gaps is None:
                return lows, widths
            slopes.append([Dual.of(gap).tangent for gap in gaps])
        centre = [(low + high) / 2 for low, high in box]
        middle = self._gaps(self.region.leaves([Ball(x) for x in centre]))
        if middle is None:
            return lows, widths
        out = {}
        doubt = [0.0] * len(box)
        for e, low in lows.items():
            value = middle[e]
            for i, (ball, c) in enumerate(zip(balls, centre, strict=True)):
                part = slopes[i][e] * (ball - Ball(c))
                value = value + part
                doubt[i] = max(doubt[i], _radius(part))
            if not self._certain(value):
                bound = _lower(value)
                out[e] = low if not math.isfinite(bound) else max(low, bound)
        good = all(math.isfinite(x) for x in doubt) and any(doubt)
        return out, doubt if good else widths

    def _gaps(self, leaves: Instance) -> list[Any] | None:
        try:
            lhs, rhs = self.claim.sides(leaves)
            return [_lift(b) - _lift(a) for a, b in zip(lhs[0], rhs[0], strict=True)]
        except (UndecidedComparison, ClaimError, ValueError):  # the last for an infinite constant
            return None

    def _certain(self, gap: Ball) -> bool:
        return bool(gap.arb > 0 or (not self.claim.strict and gap.arb >= 0))

    def _fails(self, point: list[Fraction]) -> bool:
        """Whether the claim fails at a point, which is inside the domain and meets the assumption."""
        leaves = self.region.leaves([Ball(x) for x in point])
        gaps = self._gaps(leaves)
        if gaps is None or not any(g.arb < 0 or (self.claim.strict and g.arb == 0) for g in gaps):
            return False
        try:
            return bool(self.claim.admitted(leaves)[0])
        except (UndecidedComparison, ClaimError):
            return False


def _lift(x: Any) -> Any:
    return x if type(x) is Dual else constant(x)


def _lower(gap: Ball) -> float:
    low = float(gap.arb.lower()) if gap.arb.is_finite() else -math.inf
    return -math.inf if math.isnan(low) else low


def _radius(x: Ball) -> float:
    return float(x.arb.rad()) if x.arb.is_finite() else math.inf


def _relative_width(part: tuple[Fraction, Fraction], whole: tuple[Fraction, Fraction]) -> float:
    return float((part[1] - part[0]) / (whole[1] - whole[0])) if whole[1] > whole[0] else 0.0


def _enclosure(low: Fraction, high: Fraction) -> Ball:
    if low == high:
        return Ball(low)
    return Ball(arb(fmpq(low.numerator, low.denominator)).union(arb(fmpq(high.numerator, high.denominator))))


def _ends(leaf: Leaf) -> tuple[Fraction, Fraction]:
    if leaf.axes and leaf.low == -math.inf and leaf.high == math.inf:
        return -LARGEST_LOGIT, LARGEST_LOGIT
    low = -LARGE if leaf.low == -math.inf else Fraction(leaf.low)
    high = max(LARGE, 2 * low) if leaf.high == math.inf else Fraction(leaf.high)
    if leaf.low == 0 and leaf.high == math.inf:
        low = SMALL
    return (min(low, high - 1), high) if leaf.low == -math.inf else (low, high)


def _cut(low: Fraction, high: Fraction) -> Fraction:
    """Where an interval is halved: a long one of positive or of negative numbers near its geometric mean."""
    if low > 0 and high > 16 * low:
        return Fraction(2) ** ((_exponent(low) + _exponent(high)) // 2)
    if high < 0 and low < 16 * high:
        return -_cut(-high, -low)
    return (low + high) / 2


def _exponent(x: Fraction) -> int:
    return x.numerator.bit_length() - x.denominator.bit_length()
