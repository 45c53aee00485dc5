"""Looks at the sizes and magnitudes that draws leave out.

Of a wide range of sizes draws take some, and of an unbounded variable they take numbers of usual magnitudes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from entropy_theory.checking.certify import Examiner, Status, rationals
from entropy_theory.checking.claim import Claim, ClaimError, Inequality
from entropy_theory.checking.leaf import Leaf, Sizes
from entropy_theory.checking.search import Candidate, Harvest, descend, score
from entropy_theory.checking.stages import count, stage
from entropy_theory.checking.variables import evenly

Array = np.ndarray[Any, Any]
Instance = dict[str, Array]

SEEN = {"identity": 1e-9, "strict": -1e-12, "inequality": 0.0}
"""Merit below minus this from which an instance is handed on, by the kind of claim."""

MOST_SIZES = 64
"""Sizes that are looked at, evenly spread over those left out."""

SHARE, FEW, HANDED_ON = 10, 16, 2
"""One instance for so many of the budget is drawn, over all sizes together, and at least so many of each; and how many
of each are handed on."""

MOST_NUMBERS, MOST_COORDINATES = 200_000, 64
"""Bounds on the numbers that are drawn together, and on those of an instance that is followed downhill."""

FROM_BUDGET = 1000
"""Budget from which descents are made."""

FACTORS = tuple(2.0**k for k in (-960, -480, -240, -120, -60, 60, 120, 240, 480, 960))

SCALED, SCALED_SHARE, LEAST, SCALED_SIZES = 64, 200, 4, 3
"""Instances of a size that are multiplied by each, so many for one of the budget, and no less than so many; and sizes,
the smallest ones."""


def seen(claim: Claim) -> float:
    """The size of a negative merit from which an instance of this claim is handed on."""
    return SEEN["strict" if isinstance(claim, Inequality) and claim.strict else claim.kind]


def size_leads(claim: Claim, rng: np.random.Generator, budget: int, harvest: Harvest) -> Iterator[Instance]:
    """Instances of sizes that the search left out, at which floats find the claim violated.

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
    drawn = claim.space.sizes()
    sizes = [size for size in claim.space.sizes(evenly) if size not in drawn]
    sizes = sizes[:: -(-len(sizes) // MOST_SIZES) or 1]
    n = max(FEW, budget // SHARE // max(1, len(sizes)))
    for size in sizes:
        with stage("propose"):
            found = _lowest(claim, claim.space.draw(rng, _most(claim, size, n), size), harvest)
        if found and budget >= FROM_BUDGET and claim.space.numbers(size) <= MOST_COORDINATES:
            with stage("optimise"):
                found += descend(claim, found[:1], harvest, rng)
        yield from _handed_on(claim, found)


def magnitude_leads(
    claim: Claim, rng: np.random.Generator, budget: int, harvest: Harvest, examine: Examiner
) -> Iterator[Instance]:
    """Instances of magnitudes that draws leave out, at which the claim is violated.

    Others are not handed on: a residual or a slack of that magnitude would tell a reader nothing.

    Parameters
    ----------
    claim : Identity or Inequality
    rng : Generator
    budget : int
        Of the whole check.
    harvest : Harvest
        Counts what is evaluated.
    examine : Examiner
        Decides in balls.

    Yields
    ------
    dict of str to array of Fraction
    """
    names = [name for name, leaf in claim.space.leaves.items() if _unbounded(leaf)]
    parts = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
    for size in claim.space.sizes()[:SCALED_SIZES] if parts else ():
        found: list[Candidate] = []
        with stage("propose"):
            n = min(SCALED, max(LEAST, budget // SCALED_SHARE))
            leaves = claim.space.draw(rng, _most(claim, size, n), size)
            for part in parts:
                for factor in FACTORS:
                    with np.errstate(over="ignore"):
                        moved = {**leaves, **{name: leaves[name] * factor for name in part}}
                    finite = np.logical_and.reduce([_finite(moved[name]) for name in part])
                    if finite.any():
                        found += _lowest(claim, {name: value[finite] for name, value in moved.items()}, harvest)
        for instance in _handed_on(claim, sorted(found, key=lambda c: -c.merit)):
            with suppress(ClaimError):
                if examine(instance).status is Status.VIOLATED:
                    yield instance


def _lowest(claim: Claim, leaves: Mapping[str, Array], harvest: Harvest) -> list[Candidate]:
    """The instances of the lowest merit."""
    n = len(next(iter(leaves.values())))
    try:
        admitted, merit, slack = score(claim, leaves)
    except ClaimError:
        return []
    # What floats cannot hold says nothing of the claim.
    looked_at = n - int((admitted & np.isnan(merit)).sum())
    count("further", looked_at)
    harvest.instances += looked_at
    harvest.admitted += int((admitted & ~np.isnan(merit)).sum())
    return [
        Candidate({name: np.array(value[i]) for name, value in leaves.items()}, float(merit[i]), float(slack[i]))
        for i in np.argsort(merit, kind="stable")[:HANDED_ON]  # what is not a number comes last
        if np.isfinite(merit[i])
    ]


def _handed_on(claim: Claim, found: list[Candidate]) -> Iterator[Instance]:
    for candidate in [c for c in found if c.merit < -seen(claim)][-2 * HANDED_ON :]:
        yield rationals(candidate.leaves, claim.space.leaves)


def _finite(value: Array) -> Array:
    return np.asarray(np.isfinite(value).reshape(len(value), -1).all(-1))


def _unbounded(leaf: Leaf) -> bool:
    return leaf.kind == "real" and not leaf.integer and (math.isinf(leaf.low) or math.isinf(leaf.high))


def _most(claim: Claim, size: Sizes, n: int) -> int:
    """So many instances of a size, or as many as memory has room for."""
    return max(1, min(n, MOST_NUMBERS // claim.space.numbers(size)))
