"""Proves an inequality on a whole box, by subdivision in ball arithmetic.

Eligible are inequalities without an assumption whose variables are real numbers in bounded closed intervals, at most
`MOST_VARIABLES` of them. The box is halved along its longest side until on each part the enclosure of ``rhs - lhs``
has the right sign. A claim with equality inside the box cannot be proved in this way; it stays at "holds".
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, fmpq

from entropy_theory.balls import Ball, UndecidedComparison, precision
from entropy_theory.checking.claim import Claim, ClaimError, Inequality

MOST_VARIABLES = 3

MOST_BOXES = 4000
"""Boxes after which the attempt ends without a proof."""

BITS = 64

Box = tuple[tuple[Fraction, Fraction], ...]


def eligible(claim: Claim) -> bool:
    """Whether the claim is of the kind that subdivision can prove."""
    leaves = claim.space.leaves.values()
    return (
        isinstance(claim, Inequality)
        and claim.assuming is None
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


def prove(claim: Claim) -> int | None:
    """The number of boxes that prove `claim`, or None if the attempt fails."""
    if not eligible(claim) or not isinstance(claim, Inequality):
        return None
    start: Box = tuple((Fraction(leaf.low), Fraction(leaf.high)) for leaf in claim.space.leaves.values())
    todo, boxes = [start], 0
    with precision(BITS):
        while todo:
            box = todo.pop()
            boxes += 1
            if boxes > MOST_BOXES:
                return None
            if not _holds(claim, box):
                if all(low == high for low, high in box):
                    return None
                todo.extend(_halves(box))
    return boxes


def _holds(claim: Inequality, box: Box) -> bool:
    """Whether the enclosure of rhs - lhs over the box shows the claim."""
    leaves: dict[str, np.ndarray[Any, Any]] = {}
    for name, (low, high) in zip(claim.space.leaves, box, strict=True):
        cell = np.empty(1, dtype=object)
        cell[0] = _enclosure(low, high)
        leaves[name] = cell
    try:
        lhs, rhs = claim.sides(leaves)
        gaps = [Ball(b) - Ball(a) for a, b in zip(lhs[0], rhs[0], strict=True)]
        return all((g > 0) if claim.strict else (g >= 0) for g in gaps)
    except (UndecidedComparison, ClaimError):
        return False


def _enclosure(low: Fraction, high: Fraction) -> Ball:
    if low == high:
        return Ball(low)
    a, b = (arb(fmpq(x.numerator, x.denominator)) for x in (low, high))
    return Ball(a.union(b))


def _halves(box: Box) -> list[Box]:
    widest = max(range(len(box)), key=lambda i: box[i][1] - box[i][0])
    low, high = box[widest]
    middle = (low + high) / 2
    return [
        (*box[:widest], (low, middle), *box[widest + 1 :]),
        (*box[:widest], (middle, high), *box[widest + 1 :]),
    ]
