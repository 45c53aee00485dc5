"""Searches in balls from where floats and balls disagree.

Where a side cancels, as ``1 - max p`` does for nearly deterministic policies, floats find an inequality violated all
over, and have nothing to say on where it is. From such instances the slack that the balls give is followed: numbers
and log-odds of probabilities are multiplied by powers of two, large ones first, as long as that lowers it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from entropy_theory.checking.certify import Examiner, Status, rationals
from entropy_theory.checking.claim import Claim, ClaimError
from entropy_theory.checking.leaf import Leaf
from entropy_theory.checking.search import Candidate, Harvest

Array = np.ndarray[Any, Any]
Instance = dict[str, Array]

DISPUTED = 1e-3
"""Relative slack by which floats and balls must differ."""

MOST_COORDINATES, FEW = 64, 12
"""Numbers of an instance up to which it is followed, and up to which its numbers are moved one by one as well."""

STARTS, WORK, SHARE = 4, 300, 50
"""Instances that are followed, and examinations for all of them: so many, and at most one for so many of the budget."""

POWERS = tuple(2.0**k for k in range(1, -5, -1))
"""Exponents of two by which numbers are multiplied, and divided."""

MOST_DIGITS = 10_000
"""Binary digits below one to which a probability is brought."""

NOWHERE = 2.0
"""Value of an instance outside the domain, or that is not decided, or fails: above every relative slack."""


def disputed_leads(claim: Claim, budget: int, harvest: Harvest, examine: Examiner) -> Iterator[Instance]:
    """Instances in exact rationals, each with a lower slack than the one before.

    Parameters
    ----------
    claim : Inequality
    budget : int
        Of the whole check.
    harvest : Harvest
        With the candidates that floats proposed.
    examine : Examiner
        Decides in balls.

    Yields
    ------
    dict of str to array of Fraction
    """
    few = [c for pool in harvest.candidates for c in pool if c.numbers <= MOST_COORDINATES]
    starts = [start for start in (_start(claim, candidate, examine) for candidate in few) if start is not None]
    work = min(WORK, budget // SHARE)
    for value, instance in sorted(starts, key=lambda start: start[0])[:STARTS]:
        yield from _walk(claim, value, instance, examine, work // STARTS)


def _start(claim: Claim, candidate: Candidate, examine: Examiner) -> tuple[float, Instance] | None:
    """The candidate with its slack in balls, if floats see another one."""
    instance = rationals(candidate.leaves, claim.space.leaves)
    value, slack = _value(examine, instance), candidate.slack
    # Where one side is zero in floats, the merit is no relative slack.
    seen = candidate.merit if candidate.merit != slack / (1 + abs(slack)) else math.copysign(slack != 0, slack)
    return (value, instance) if abs(value - seen) > DISPUTED else None


def _value(examine: Examiner, instance: Instance) -> float:
    """The relative slack in balls."""
    try:
        finding = examine(instance)
    except ClaimError:
        return NOWHERE
    if finding.status is Status.BALANCED:
        return 0.0
    decided = finding.status in (Status.SATISFIED, Status.VIOLATED)
    return finding.relative if decided and math.isfinite(finding.relative) else NOWHERE


def _walk(claim: Claim, value: float, instance: Instance, examine: Examiner, work: int) -> Iterator[Instance]:
    """A compass search with ever smaller powers; the move that helped last is tried first."""
    moves = _moves(claim, instance)
    for power in POWERS:
        tried = 0
        while tried < len(moves) and work > 0:
            moved = _moved(claim, instance, moves[tried], power)
            work -= 1
            lower = _value(examine, moved)
            if lower < value:
                value, instance = lower, moved
                moves.insert(0, moves.pop(tried))
                tried = 0
                yield instance
                if value < 0:
                    return
            else:
                tried += 1


@dataclass(frozen=True)
class _Part:
    """Numbers that are multiplied together.

    Attributes
    ----------
    name : str
        Of their leaf.
    place : int or None
        Which of its numbers; None for all.
    origin : Fraction
        What the distance is measured from that is multiplied.
    """

    name: str
    place: int | None = None
    origin: Fraction = Fraction(0)


Move = tuple[tuple[_Part, ...], int]
"""What is multiplied, and the sign of the exponent."""


def _moves(claim: Claim, instance: Instance) -> list[Move]:
    free = {name: leaf for name, leaf in claim.space.leaves.items() if not leaf.integer}
    parts: list[tuple[_Part, ...]] = [(_Part(name),) for name in free]
    if len(free) > 1:
        parts.append(tuple(_Part(name) for name in free))
    if sum(value.size for value in instance.values()) <= FEW:
        parts += [(_Part(name, i),) for name in free for i in range(instance[name].size)]
    parts += [
        (_Part(name, None, Fraction(end)),)
        for name, leaf in free.items()
        for end in (leaf.low, leaf.high)
        if leaf.kind == "real" and math.isfinite(end) and end != 0
    ]
    return [(part, sign) for part in parts for sign in (1, -1)]


def _moved(claim: Claim, instance: Instance, move: Move, power: float) -> Instance:
    parts, sign = move
    factor = 2.0 ** (sign * power)
    return {**instance, **{p.name: _times(instance[p.name], p, factor, claim.space.leaves[p.name]) for p in parts}}


def _times(value: Array, part: _Part, factor: float, leaf: Leaf) -> Array:
    """The numbers, or the log-odds of the probabilities against the largest, times a factor."""
    out = value.copy()
    places = range(value.size) if part.place is None else (part.place,)
    if leaf.kind == "simplex":
        top = np.broadcast_to(value.max(-1, keepdims=True), value.shape)
        for k in places:
            if value.flat[k]:
                out.flat[k] = top.flat[k] * power_of(value.flat[k] / top.flat[k], factor)
        return np.asarray(out / out.sum(-1, keepdims=True))
    for k in places:
        distance = float(value.flat[k] - part.origin) * factor
        if math.isfinite(distance):
            out.flat[k] = part.origin + Fraction(distance)
    return out


def power_of(q: Fraction, exponent: float) -> Fraction:
    """``q ** exponent`` of a positive q to about the digits of a double, however small it is.

    Parameters
    ----------
    q : Fraction
    exponent : float

    Returns
    -------
    Fraction
    """
    digits = max(exponent * (math.log2(q.numerator) - math.log2(q.denominator)), -MOST_DIGITS)
    whole = math.floor(digits)
    return Fraction(2.0 ** (digits - whole)) * Fraction(2) ** whole
