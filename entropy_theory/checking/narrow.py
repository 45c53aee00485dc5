"""Searches inside an assumption that holds only close to a set, such as ``KL(p || q) <= 1/1000``.

Draws hardly ever meet it, and a descent that leaves it sees nothing. So instances are moved towards the set, to the
farthest point on the way at which the assumption is met, and the merit there is minimised over all instances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from entropy_theory.checking.certify import rationals
from entropy_theory.checking.claim import Claim, ClaimError, Identity
from entropy_theory.checking.faces import Face, faces
from entropy_theory.checking.search import Candidate, Harvest, Scored, Scores, descend, score
from entropy_theory.checking.stages import count, stage

Array = np.ndarray[Any, Any]
Instance = dict[str, Array]

COARSE, FINE = 10, 12
"""Quarters of the distance that are tried, and halvings that follow."""

SELDOM, OFTEN = 0.5, 0.5
"""The way is taken where at most so many draws meet the assumption and, moved towards the set, at least so many do."""

SHARE, FROM_BUDGET = 10, 1000
"""One instance for so many of the budget is drawn for each set, all sizes together; and the budget from which on."""

PROBED, MOST_SIZES, MOST_COORDINATES, MOST_NUMBERS = 64, 8, 64, 200_000
"""Draws at first, and bounds on the sizes, on the numbers of an instance and on those that are drawn together."""

STARTS, HANDED_ON = 4, 4

SEEN = 1e-9
"""Residual of an identity, relative to its sides, from which rounding is not what it is."""


def narrow_leads(claim: Claim, rng: np.random.Generator, budget: int, harvest: Harvest) -> Iterator[Instance]:
    """Instances in exact rationals, inside a narrow assumption, at which floats find the claim violated.

    Parameters
    ----------
    claim : Identity or Inequality
    rng : Generator
    budget : int
        Of the whole check.
    harvest : Harvest
        Counts what is evaluated.

    Yields
    ------
    dict of str to array of Fraction
    """
    if claim.assuming is None or budget < FROM_BUDGET:
        return
    sizes = [size for size in claim.space.sizes()[-MOST_SIZES:] if _numbers(claim, size) <= MOST_COORDINATES]
    least = -SEEN if isinstance(claim, Identity) else 0.0
    for face in faces(claim.space) if sizes else ():
        try:
            if not _narrow(claim, face, rng, sizes[len(sizes) // 2], harvest):
                continue
            with stage("propose"):
                drawn = [c for size in sizes for c in _lowest(claim, face, rng, budget // len(sizes), size, harvest)]
            drawn.sort(key=lambda candidate: candidate.merit)
            with stage("optimise"):
                drawn += descend(claim, drawn[:STARTS], harvest, rng, scored_inside(face))
            for candidate in sorted(drawn, key=lambda c: c.merit)[:HANDED_ON]:
                if candidate.merit < least:
                    inside = moved_inside(claim, face, {name: x[None] for name, x in candidate.leaves.items()})
                    yield rationals({name: x[0] for name, x in inside.items()}, claim.space.leaves)
        except ClaimError:
            continue


def _lowest(
    claim: Claim, face: Face, rng: np.random.Generator, budget: int, size: dict[str, int], harvest: Harvest
) -> list[Candidate]:
    """Of draws of one size those with the lowest merit once they are moved inside."""
    n = max(1, min(budget // SHARE, MOST_NUMBERS // _numbers(claim, size)))
    leaves = claim.space.draw(rng, n, size)
    _counted(harvest, n)
    admitted, merit, slack = scored_inside(face)(claim, leaves)
    harvest.admitted += int(admitted.sum())
    # On the set itself a side may vanish, and the merit there is on another scale.
    off = face.towards(leaves, 0.0)[face.name] != leaves[face.name]
    merit = np.where(off.reshape(n, -1).any(-1), merit, np.nan)
    return [
        Candidate({name: np.array(value[i]) for name, value in leaves.items()}, float(merit[i]), float(slack[i]))
        for i in np.argsort(merit, kind="stable")[:HANDED_ON]
        if np.isfinite(merit[i])
    ]


def moved_inside(claim: Claim, face: Face, leaves: Mapping[str, Array]) -> Instance:
    """The instances (first axis) moved towards the face, about as little as the assumption asks for.

    Parameters
    ----------
    claim : Claim
    face : Face
    leaves : mapping of str to array

    Returns
    -------
    dict of str to array
        Close to the face, and perhaps outside the assumption, where it is met nowhere on the way.
    """
    value = leaves[face.name]
    axes = tuple(range(1, value.ndim))

    def met(share: Array) -> Array:
        return np.asarray(claim.admitted(face.towards(leaves, np.expand_dims(share, axes))))

    n = len(value)
    low, done = np.full(n, 0.25**COARSE), np.zeros(n, dtype=bool)
    for k in range(COARSE):
        here = met(np.full(n, 0.25**k)) & ~done
        low[here] = 0.25**k
        done |= here
        if done.all():
            break
    high = np.where(low < 1, 4 * low, 1.0)
    for _ in range(FINE):
        middle = (low + high) / 2
        inside = met(middle)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return face.towards(leaves, np.expand_dims(low, axes))


def scored_inside(face: Face) -> Scored:
    """The merit of instances once they are moved inside the assumption.

    Parameters
    ----------
    face : Face

    Returns
    -------
    callable
        As `score`.
    """

    def scored(claim: Claim, leaves: Mapping[str, Array]) -> Scores:
        return score(claim, moved_inside(claim, face, leaves))

    return scored


def _narrow(claim: Claim, face: Face, rng: np.random.Generator, size: dict[str, int], harvest: Harvest) -> bool:
    """Whether the assumption is seldom met, but often close to the face."""
    n = max(1, min(PROBED, MOST_NUMBERS // _numbers(claim, size)))
    with stage("propose"):
        leaves = claim.space.draw(rng, n, size)
        _counted(harvest, n)
        before = claim.admitted(leaves)
        harvest.admitted += int(before.sum())
        return bool(before.mean() <= SELDOM and claim.admitted(moved_inside(claim, face, leaves)).mean() >= OFTEN)


def _numbers(claim: Claim, size: dict[str, int]) -> int:
    return sum(leaf.numbers(size) for leaf in claim.space.leaves.values())


def _counted(harvest: Harvest, n: int) -> None:
    harvest.instances += n
    count("further", n)
