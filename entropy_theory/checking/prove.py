"""Proves an inequality on a whole box, by subdivision in ball arithmetic.

Eligible are inequalities whose variables are single real numbers in bounded intervals, at most `MOST_VARIABLES` of
them. A box is settled if the enclosure of ``gap = rhs - lhs`` over it has the right sign, or if no point of it meets
the assumption; otherwise it is halved. Three enclosures are tried, the first two with derivatives from dual numbers:

- *monotone*: in a variable in which the gap is monotone over the box, only the end where it is least counts;
- *mean value*: ``gap(centre) + sum_i slope_i (x_i - centre_i)``, slopes enclosed over the box;
- *plain*: the formula evaluated on the box.

A claim with equality inside the box cannot be proved in this way, unless the gap is monotone there; it stays at
"holds". Float constants in the formulas, and float ends of the domain, stand for all numbers that they may be the
rounding of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, fmpq

from entropy_theory.balls import SHORT, Ball, UndecidedComparison, constant, precision, widened_constants
from entropy_theory.checking.claim import Claim, ClaimError, Inequality
from entropy_theory.checking.variables import number_in_words
from entropy_theory.duals import Dual

Array = np.ndarray[Any, Any]

MOST_VARIABLES = 3

MOST_BOXES = 3000
"""Boxes after which the attempt ends without a proof."""

FINEST = Fraction(1, 2**24)
"""Side of a box, as a share of the domain's, below which the attempt ends: there is equality near by."""

BITS = 64

Box = tuple[tuple[Fraction, Fraction], ...]


@dataclass(frozen=True)
class Proof:
    """A completed subdivision.

    Attributes
    ----------
    boxes : int
        Boxes looked at.
    domain : str
        The box that they cover, in words.
    """

    boxes: int
    domain: str


def eligible(claim: Claim) -> bool:
    """Whether the claim is of the kind that subdivision can prove."""
    leaves = claim.space.leaves.values()
    return (
        isinstance(claim, Inequality)
        and len(leaves) <= MOST_VARIABLES
        and all(
            leaf.kind == "real"
            and not leaf.axes
            and not leaf.integer
            and math.isfinite(leaf.low)
            and math.isfinite(leaf.high)
            for leaf in leaves
        )
    )


def prove(claim: Claim, most_boxes: int = MOST_BOXES, *, derivatives: bool = True) -> Proof | None:
    """The proof of `claim` on its whole domain, or None if the attempt fails.

    Parameters
    ----------
    claim : Claim
    most_boxes : int
        Boxes after which it is given up.
    derivatives : bool
        Whether the monotone and the mean-value enclosures are tried; without them far more boxes are needed.
    """
    if not eligible(claim) or not isinstance(claim, Inequality):
        return None
    whole: Box = tuple((_outer(leaf.low, -1), _outer(leaf.high, 1)) for leaf in claim.space.leaves.values())
    todo, boxes = [whole], 0
    with precision(BITS), widened_constants():
        while todo:
            box = todo.pop()
            boxes += 1
            if boxes > most_boxes:
                return None
            settled, weights = _settled(claim, box, derivatives)
            if settled:
                continue
            halves = _halves(box, whole, weights)
            if halves is None:
                return None
            todo.extend(halves)
    return Proof(boxes, _in_words(claim))


def _outer(end: float, sign: int) -> Fraction:
    """An end of the domain, moved outwards to cover the number that it may be the rounding of, such as 3/10 for 0.3."""
    exact = Fraction(end)
    if max(abs(exact.numerator).bit_length(), exact.denominator.bit_length()) <= SHORT:
        return exact
    return exact + sign * abs(exact) * Fraction(1, 2**50)


def _in_words(claim: Inequality) -> str:
    parts = []
    for name, leaf in claim.space.leaves.items():
        left, right = "(" if leaf.open_low else "[", ")" if leaf.open_high else "]"
        parts.append(f"{name} in {left}{number_in_words(leaf.low)}, {number_in_words(leaf.high)}{right}")
    return ", ".join(parts)


def _settled(claim: Inequality, box: Box, derivatives: bool) -> tuple[bool, list[float]]:
    """Whether the claim is certain on the box, and how much each variable contributes to the doubt."""
    widths = [_as_float(high - low) for low, high in box]
    try:
        if claim.assuming is not None and not bool(claim.meets(_leaves(claim, box))[0]):
            return True, widths
    except (UndecidedComparison, ClaimError):
        pass
    if not derivatives:
        return _certain(claim, _gaps(claim, box)), widths
    slopes = [_slopes(claim, box, i) for i in range(len(box))]
    known = [s for s in slopes if s is not None]
    if len(known) < len(box):
        return _certain(claim, _gaps(claim, box)), widths
    entries = range(len(known[0]))
    settled = all(_entry_settled(claim, box, e, [s[e] for s in known]) for e in entries)
    doubt = [max(_size(s[e]) for e in entries) * width for s, width in zip(known, widths, strict=True)]
    return settled, doubt if all(math.isfinite(x) for x in doubt) and any(doubt) else widths


def _entry_settled(claim: Inequality, box: Box, entry: int, slopes: Sequence[Ball]) -> bool:
    """Monotone, then mean-value enclosure of one entry; where nothing is monotone the former is the plain one."""
    reduced = tuple(
        (low, low) if s.arb >= 0 else (high, high) if s.arb <= 0 else (low, high)
        for (low, high), s in zip(box, slopes, strict=True)
    )
    gaps = _gaps(claim, reduced)
    if gaps is not None and _holds(claim, gaps[entry]):
        return True
    centre = tuple(((low + high) / 2,) * 2 for low, high in reduced)
    middle = _gaps(claim, centre)
    if middle is None:
        return False
    value = middle[entry]
    for s, (low, high), (c, _) in zip(slopes, reduced, centre, strict=True):
        value = value + s * (_enclosure(low, high) - Ball(c))
    return _holds(claim, value)


def _as_float(x: Fraction) -> float:
    try:
        return float(x)
    except OverflowError:
        return math.inf


def _size(slope: Ball) -> float:
    return float(abs(slope.arb).upper())


def _certain(claim: Inequality, gaps: list[Ball] | None) -> bool:
    return gaps is not None and all(_holds(claim, g) for g in gaps)


def _holds(claim: Inequality, gap: Ball) -> bool:
    if not gap.arb.is_finite():
        return False
    try:
        return bool(gap > 0) if claim.strict else bool(gap >= 0)
    except UndecidedComparison:
        return False


def _gaps(claim: Inequality, box: Box) -> list[Ball] | None:
    """Plain enclosures of rhs - lhs over the box, entry by entry; None if the formula has no value there."""
    try:
        lhs, rhs = claim.sides(_leaves(claim, box))
        # `constant` widens a side that is a plain float as well.
        return [constant(b) - constant(a) for a, b in zip(lhs[0], rhs[0], strict=True)]
    except (UndecidedComparison, ClaimError):
        return None


def _slopes(claim: Inequality, box: Box, variable: int) -> list[Ball] | None:
    """Enclosures of the derivatives of rhs - lhs in one variable over the box; None if they are not to be had."""
    leaves = _leaves(claim, box)
    for i, value in enumerate(leaves.values()):
        value[0] = Dual(value[0], 1 if i == variable else 0)
    try:
        lhs, rhs = claim.sides(leaves)
        return [Dual.of(b).tangent - Dual.of(a).tangent for a, b in zip(lhs[0], rhs[0], strict=True)]
    except (UndecidedComparison, ClaimError):
        return None


def _leaves(claim: Inequality, box: Box) -> dict[str, Array]:
    leaves: dict[str, Array] = {}
    for name, (low, high) in zip(claim.space.leaves, box, strict=True):
        cell = np.empty(1, dtype=object)
        cell[0] = _enclosure(low, high)
        leaves[name] = cell
    return leaves


def _enclosure(low: Fraction, high: Fraction) -> Ball:
    if low == high:
        return Ball(low)
    a, b = (arb(fmpq(x.numerator, x.denominator)) for x in (low, high))
    return Ball(a.union(b))


def _halves(box: Box, whole: Box, weights: Sequence[float]) -> list[Box] | None:
    """The box halved in the variable that contributes most to the doubt; None if its sides are as fine as they get."""
    coarse = [
        i
        for i, ((low, high), (least, most)) in enumerate(zip(box, whole, strict=True))
        if high - low > FINEST * (most - least)
    ]
    if not coarse:
        return None
    i = max(coarse, key=lambda i: weights[i])
    low, high = box[i]
    middle = (low + high) / 2
    return [(*box[:i], (low, middle), *box[i + 1 :]), (*box[:i], (middle, high), *box[i + 1 :])]
