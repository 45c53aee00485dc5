"""Searches along the border of an assumption, such as ``max p >= 9/10``.

Where an inequality is nearest to failing at the border, a descent stops as soon as it meets it: half of all steps lead
outside. So a point outside is pulled back towards a centre inside, to the farthest point at which the assumption is
met, and the merit there is followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from entropy_theory.checking.certify import rationals
from entropy_theory.checking.claim import Claim, ClaimError, Inequality
from entropy_theory.checking.narrow import SHORT
from entropy_theory.checking.search import Candidate, Harvest, Scores, descend, score
from entropy_theory.checking.stages import stage

Array = np.ndarray[Any, Any]
Instance = dict[str, Array]

HALVINGS = 44
"""Binary digits of the share of the way to the border."""

CLOUD, WIDTHS = 128, (1.0, 0.3, 0.1)
"""Points drawn about an instance for a centre inside, and their distance, relative or not: one descent for each."""

STARTS, LEAST_STARTS, MOST_SIZES, MOST_COORDINATES = 6, 2, 8, 64
"""Instances that are followed, shared by the sizes, and at least so many for each, of the lowest merits; and bounds on
the sizes and on the numbers of an instance."""

SIMPLE = 100
"""Largest denominator of a simple number."""

FROM_BUDGET = 1000
"""Budget from which on."""


def border_leads(claim: Claim, rng: np.random.Generator, budget: int, harvest: Harvest) -> Iterator[Instance]:
    """Instances in exact rationals on the border of the assumption, or inside, of lower merit than draws and descents
    came to.

    Parameters
    ----------
    claim : Inequality
    rng : Generator
    budget : int
        Of the whole check.
    harvest : Harvest
        With the candidates found; counts what is evaluated.

    Yields
    ------
    dict of str to array of Fraction
    """
    if claim.assuming is None or budget < FROM_BUDGET:
        return
    pools = [[c for c in pool if c.numbers <= MOST_COORDINATES] for pool in harvest.candidates]
    pools = [pool for pool in pools if pool][-MOST_SIZES:]
    for pool in pools:
        for start in sorted(pool, key=lambda c: c.merit)[: max(LEAST_STARTS, STARTS // len(pools))]:
            try:
                with stage("optimise"):
                    found = _followed(claim, start, rng, harvest)
            except ClaimError:
                continue
            for leaves in found:
                yield rationals(leaves, claim.space.leaves)
            if isinstance(claim, Inequality) and claim.strict:
                yield _simple(claim, found[0] if found else start.leaves)


def _followed(claim: Claim, start: Candidate, rng: np.random.Generator, harvest: Harvest) -> list[Instance]:
    """The best instance of descents about closer and closer centres, as it is and short of the border."""
    best, within = start, [start.leaves]
    for width in WIDTHS:
        centre = _centre(claim, best, width, rng)
        if centre is None:
            continue

        def scored(claim: Claim, leaves: Mapping[str, Array], centre: Instance = centre) -> Scores:
            return score(claim, pulled(claim, centre, leaves))

        for candidate in descend(claim, [best], harvest, rng, scored):
            if candidate.merit < best.merit:
                inside = pulled(claim, centre, {name: x[None] for name, x in candidate.leaves.items()})
                best = Candidate({name: x[0] for name, x in inside.items()}, candidate.merit, candidate.slack)
                within = [_between(centre, best.leaves, 1 - short) for short in SHORT]
    return within if best is not start else []


def _centre(claim: Claim, about: Candidate, width: float, rng: np.random.Generator) -> Instance | None:
    """The mean of the points near an instance that meet the assumption, if it meets it itself and is not one of few."""
    leaves = claim.space.leaves
    cloud: Instance = {}
    for name, value in about.leaves.items():
        free = leaves[name].to_free(value[None])
        steps = width * np.maximum(1.0, np.abs(free)) * rng.normal(size=(CLOUD, free.shape[1]))
        cloud[name] = leaves[name].from_free(free + steps, value.shape)
    try:
        inside = claim.admitted(cloud)
        if not CLOUD / 16 <= inside.sum() < CLOUD:
            return None
        centre = {name: value[inside].mean(0) for name, value in cloud.items()}
        return centre if bool(claim.admitted({name: x[None] for name, x in centre.items()})[0]) else None
    except ClaimError:
        return None


def pulled(claim: Claim, centre: Instance, leaves: Mapping[str, Array]) -> Instance:
    """The instances, those outside the assumption pulled towards the centre up to where it is met.

    Parameters
    ----------
    claim : Claim
    centre : dict of str to array
        An instance that meets the assumption.
    leaves : mapping of str to array
        With a batch axis.

    Returns
    -------
    dict of str to array
    """
    outside = np.flatnonzero(~claim.admitted(leaves))
    if not len(outside):
        return dict(leaves)
    away = {name: value[outside] for name, value in leaves.items()}
    low, high = np.zeros(len(outside)), np.ones(len(outside))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        inside = claim.admitted(_between(centre, away, middle))
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    moved = {name: np.array(value) for name, value in leaves.items()}
    for name, value in _between(centre, away, low).items():
        moved[name][outside] = value
    return moved


def _between(centre: Instance, leaves: Mapping[str, Array], share: float | Array) -> Instance:
    """The points at `share` of the way from the centre to the instances."""
    out = {}
    for name, value in leaves.items():
        part = np.reshape(share, np.shape(share) + (1,) * (value.ndim - np.ndim(share)))
        out[name] = centre[name] + part * (value - centre[name])
    return out


def _simple(claim: Claim, leaves: Instance) -> Instance:
    """Simple numbers close by, at which a strict inequality may fail with equality."""
    exact = rationals(leaves, claim.space.leaves)
    for name, leaf in claim.space.leaves.items():
        if leaf.kind == "real":
            numbers = [x.limit_denominator(SIMPLE) for x in exact[name].flat]
            exact[name] = np.array(numbers, dtype=object).reshape(exact[name].shape)
    return exact
