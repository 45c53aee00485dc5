"""Searches beside the sets on which the two sides of an inequality come together.

A bound is often an equality on a set that shows in its domain: two policies that are equal, a vector whose entries are,
a number at an end of its interval. Beside such a set the slack is small whatever its sign. What decides is how it
grows, as ``c d^k`` with the distance d, where c may be negative along few directions only. So instances are moved
towards the set, and what is minimised is the slack over the k-th power of the change of the sides, which has a limit
there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from entropy_theory.checking.certify import rationals
from entropy_theory.checking.claim import Claim, ClaimError
from entropy_theory.checking.leaf import Sizes
from entropy_theory.checking.search import Candidate, Harvest, Scored, Scores, descend
from entropy_theory.checking.space import Space
from entropy_theory.checking.stages import count, stage

Array = np.ndarray[Any, Any]
Instance = dict[str, Array]

MOST_FACES, MOST_SIZES, MOST_COORDINATES, MOST_NUMBERS = 6, 8, 64, 400_000
"""Bounds on the faces and sizes that are looked at, on the numbers of an instance that is followed downhill, and on
those of the instances that are drawn together."""

SHARE = 10
"""One instance for so many of the budget is drawn beside each face, all sizes together."""

FROM_BUDGET = 1000
"""Budget from which descents are made."""

DISTANCES = (0.5, 0.125, 0.03125)
"""Shares of their distance from the face at which draws are put."""

PROBED, ENOUGH = 64, 8
"""Instances at which the order k is measured, and how many must tell."""

RESOLVED = 1e-11
"""Slack, relative to the sides, below which its sign may be rounding."""

STARTS, HANDED_ON = 4, 4
"""Descents beside a face, and instances beside it that are handed on; of each size so many are considered."""


@dataclass(frozen=True)
class Face:
    """A set of instances: a leaf equal to another one, to a number, or constant along its last axis.

    Attributes
    ----------
    name : str
        The leaf that is moved.
    target : str, float or None
        What it is equal to on the face: another leaf, a number, or the mean of its own last axis.
    """

    name: str
    target: str | float | None

    def towards(self, leaves: Mapping[str, Array], share: float | Array) -> Instance:
        """The instances at `share` of their distance from the face, on the straight line to it."""
        value = leaves[self.name]
        if self.target is None:
            goal = value.mean(-1, keepdims=True)
        else:
            goal = leaves[self.target] if isinstance(self.target, str) else np.float64(self.target)
        # From the instance on, so that a share of one leaves it as it is, and small probabilities stay positive.
        return {**leaves, self.name: value + (1 - share) * (goal - value)}


def faces(space: Space) -> list[Face]:
    """The faces of a domain, pairs of like leaves first, then constant vectors, then numbers at an end or at zero.

    Parameters
    ----------
    space : Space

    Returns
    -------
    list of Face
    """
    free = {name: leaf for name, leaf in space.leaves.items() if not leaf.integer}
    found = [
        Face(b, a) for a, b in combinations(free, 2) if (free[a].kind, free[a].axes) == (free[b].kind, free[b].axes)
    ]
    found += [Face(name, None) for name, leaf in free.items() if leaf.axes]
    for name, leaf in free.items():
        if leaf.kind == "real":
            ends = {x for x in (leaf.low, leaf.high) if math.isfinite(x)}
            ends |= {0.0} if leaf.low <= 0 <= leaf.high and not leaf.axes else set()
            found += [Face(name, x) for x in sorted(ends, key=lambda x: (abs(x), x))]
    return found[:MOST_FACES]


def face_leads(claim: Claim, rng: np.random.Generator, budget: int, harvest: Harvest) -> Iterator[Instance]:
    """Instances in exact rationals beside the faces at which floats find the inequality violated.

    Parameters
    ----------
    claim : Inequality
    rng : Generator
    budget : int
        Of the whole check.
    harvest : Harvest
        Counts what is evaluated.

    Yields
    ------
    dict of str to array of Fraction
    """
    for face in faces(claim.space):
        with stage("propose"):
            k = _order(claim, face, rng, harvest)
        if k is not None:
            yield from _beside(claim, face, scored_beside(face, k), rng, budget, harvest)


def _order(claim: Claim, face: Face, rng: np.random.Generator, harvest: Harvest) -> float | None:
    """The power of the distance with which the slack typically vanishes, to the nearest half; None if it does not."""
    sizes = claim.space.sizes()
    size = sizes[len(sizes) // 2]
    n = _most(claim, size, PROBED)
    leaves = claim.space.draw(rng, n, size)
    slacks = []
    for share in (0.125, 0.03125):
        moved = face.towards(leaves, share)
        _counted(harvest, n)
        try:
            admitted = claim.admitted(moved)
            harvest.admitted += int(admitted.sum())
            slacks.append(np.full(n, np.nan))
            if admitted.any():
                _, _, slack, scale = _sides(claim, moved, admitted)
                slacks[-1][admitted] = np.where(np.abs(slack) > RESOLVED * scale, slack, np.nan).min(-1)
        except ClaimError:
            return None
    with np.errstate(all="ignore"):
        powers = np.log2(slacks[0] / slacks[1]) / 2
    known = powers[np.isfinite(powers)]
    if len(known) < min(ENOUGH, n):
        return None
    k = round(2 * float(np.median(known))) / 2
    return k if k >= 0.5 else None


def _beside(
    claim: Claim, face: Face, scored: Scored, rng: np.random.Generator, budget: int, harvest: Harvest
) -> Iterator[Instance]:
    """Draws beside one face at all sizes, and descents from the lowest merits among them."""
    sizes = claim.space.sizes()[-MOST_SIZES:]
    pool: list[Candidate] = []
    with stage("propose"):
        for size in sizes:
            n = _most(claim, size, budget // SHARE // len(sizes) // len(DISTANCES) + 1)
            drawn = (face.towards(claim.space.draw(rng, n, size), share) for share in DISTANCES)
            pool += sorted(_lowest(claim, drawn, scored, harvest), key=lambda c: c.merit)[:HANDED_ON]
    pool.sort(key=lambda candidate: candidate.merit)
    starts = [c for c in pool if c.numbers <= MOST_COORDINATES]
    if budget >= FROM_BUDGET:
        with stage("optimise"):
            pool += descend(claim, starts[:STARTS], harvest, rng, scored)
    for candidate in sorted(pool, key=lambda c: c.merit)[:HANDED_ON]:
        if candidate.merit < 0 and all(np.isfinite(value).all() for value in candidate.leaves.values()):
            yield rationals(candidate.leaves, claim.space.leaves)


def _lowest(claim: Claim, drawn: Iterable[Instance], scored: Scored, harvest: Harvest) -> Iterator[Candidate]:
    for leaves in drawn:
        _counted(harvest, len(next(iter(leaves.values()))))
        try:
            admitted, merit, slack = scored(claim, leaves)
        except ClaimError:
            return
        harvest.admitted += int(admitted.sum())
        for i in np.argsort(merit, kind="stable")[:HANDED_ON]:  # what is not a number comes last
            if np.isfinite(merit[i]):
                one = {name: np.array(value[i]) for name, value in leaves.items()}
                yield Candidate(one, float(merit[i]), float(slack[i]))


def scored_beside(face: Face, k: float) -> Scored:
    """A merit as `score` gives it: the relative slack over the k-th power of the relative change of the sides on the
    way half back to the face, squeezed into (-1, 1).

    Parameters
    ----------
    face : Face
    k : float

    Returns
    -------
    callable
    """

    def scored(claim: Claim, leaves: Mapping[str, Array]) -> Scores:
        half = face.towards(leaves, 0.5)
        admitted = claim.admitted(leaves) & claim.admitted(half)
        merit, worst = np.full(admitted.shape, np.nan), np.full(admitted.shape, np.nan)
        if not admitted.any():
            return admitted, merit, worst
        lhs, rhs, slack, scale = _sides(claim, leaves, admitted)
        nearer_lhs, nearer_rhs, _, _ = _sides(claim, half, admitted)
        with np.errstate(all="ignore"):
            change = (np.abs(lhs - nearer_lhs) + np.abs(rhs - nearer_rhs)) / scale
            growth = slack / scale / change**k
            growth = np.where(np.abs(slack) > RESOLVED * scale, growth / (1 + np.abs(growth)), np.nan)
        known = ~np.isnan(growth).all(-1)
        inside = np.full(len(growth), np.nan)
        inside[known] = np.nanmin(growth[known], axis=-1)
        merit[admitted], worst[admitted] = inside, slack.min(-1)
        return admitted, merit, worst

    return scored


def _sides(claim: Claim, leaves: Mapping[str, Array], admitted: Array) -> tuple[Array, Array, Array, Array]:
    """Both sides where the assumption is met, the slack and the size of the sides."""
    lhs, rhs = claim.sides({name: value[admitted] for name, value in leaves.items()})
    with np.errstate(all="ignore"):
        return lhs, rhs, rhs - lhs, np.abs(lhs) + np.abs(rhs)


def _most(claim: Claim, size: Sizes, n: int) -> int:
    """So many instances of a size, or as many as memory has room for."""
    return max(1, min(n, MOST_NUMBERS // claim.space.numbers(size)))


def _counted(harvest: Harvest, n: int) -> None:
    harvest.instances += n
    count("further", n)
