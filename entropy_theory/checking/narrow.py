"""Searches inside an assumption that holds only close to a set, such as ``KL(p || q) <= 1/1000``.

Draws hardly ever meet it, and a descent that leaves it sees nothing. So instances are moved towards the set, to the
farthest point on the way at which the assumption is met, and the merit there is minimised over all instances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from entropy_theory.checking.certify import rationals
from entropy_theory.checking.claim import Claim, ClaimError, Identity, Inequality
from entropy_theory.checking.faces import Face, faces
from entropy_theory.checking.search import Candidate, Harvest, Scores, descend, score
from entropy_theory.checking.stages import count, stage

Array = np.ndarray[Any, Any]
Instance = dict[str, Array]

COARSE, ROUGH, FINE, FEW = 10, 16, 32, 200
"""Quarters of the distance that are tried, and halvings that follow: rough ones, and fine ones for a few instances at a
time, whose differences make a slope."""

STEEP = 2.0
"""Height of a step, see `Way`; of probabilities, of their logarithm."""

SELDOM, OFTEN = 0.5, 0.5
"""The way is taken where at most so many draws meet the assumption and, moved towards the set, at least so many do."""

SHARE, FROM_BUDGET = 10, 1000
"""One instance for so many of the budget is drawn for each set, all sizes together; and the budget from which on."""

PROBED, MOST_SIZES, MOST_COORDINATES, MOST_NUMBERS = 64, 8, 64, 200_000
"""Draws at first, and bounds on the sizes, on the numbers of an instance and on those that are drawn together."""

SHORT = (0.0, 2.0**-30, 2.0**-15)
"""Shares of the way by which an instance is put short of the border: at it rounding decides on the assumption."""

STARTS, LEAST_STARTS, HANDED_ON = 10, 2, 4
"""Descents on one way, shared by the sizes, and at least so many for each; and instances that are handed on."""

SEEN = 1e-9
"""Residual of an identity, relative to its sides, from which rounding is not what it is."""


@dataclass(frozen=True)
class Way:
    """A way to a face.

    Attributes
    ----------
    face : Face
    stepped : bool
        Whether instances start from a step off the face, up where the leaf that is moved is above its mean and down
        elsewhere: what is linear is extreme at such a one if the assumption bounds each number, as clipping does.
    """

    face: Face
    stepped: bool = False

    def start(self, claim: Claim, leaves: Mapping[str, Array]) -> Instance:
        """Where the instances start from."""
        name, goal = self.face.name, self.face.target
        if not self.stepped or not isinstance(goal, str):
            return dict(leaves)
        up = leaves[name] > leaves[name].mean(-1, keepdims=True)
        step = np.where(up, STEEP, -STEEP)
        if claim.space.leaves[name].kind == "simplex":
            value = leaves[goal] * np.exp(step)
            return {**leaves, name: value / value.sum(-1, keepdims=True)}
        return {**leaves, name: leaves[goal] + step}

    def inside(self, claim: Claim, leaves: Mapping[str, Array], halvings: int | None = None) -> Instance:
        """The instances (first axis) moved towards the face, about as little as the assumption asks for.

        Parameters
        ----------
        claim : Claim
        leaves : mapping of str to array
        halvings : int, optional
            Binary digits of the share of the way; left out, more for few instances.

        Returns
        -------
        dict of str to array
            Close to the face, and perhaps outside the assumption, where it is met nowhere on the way.
        """
        leaves = self.start(claim, leaves)
        value = leaves[self.face.name]
        axes = tuple(range(1, value.ndim))

        def met(share: Array) -> Array:
            return np.asarray(claim.admitted(self.face.towards(leaves, np.expand_dims(share, axes))))

        n = len(value)
        low, done = np.full(n, 0.25**COARSE), np.zeros(n, dtype=bool)
        for k in range(COARSE):
            here = met(np.full(n, 0.25**k)) & ~done
            low[here] = 0.25**k
            done |= here
            if done.all():
                break
        high = np.where(low < 1, 4 * low, 1.0)
        for _ in range(halvings or (FINE if n <= FEW else ROUGH)):
            middle = (low + high) / 2
            inside = met(middle)
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        return self.face.towards(leaves, np.expand_dims(low, axes))

    def score(self, claim: Claim, leaves: Mapping[str, Array]) -> Scores:
        """The merit of the instances once they are moved inside the assumption."""
        return score(claim, self.inside(claim, leaves))


def narrow_leads(claim: Claim, rng: np.random.Generator, budget: int, harvest: Harvest) -> Iterator[Instance]:
    """Instances in exact rationals, inside a narrow assumption, at which floats find the claim violated, or nearest to
    it if it is an inequality.

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
    sizes = [size for size in claim.space.sizes()[-MOST_SIZES:] if claim.space.numbers(size) <= MOST_COORDINATES]
    for face in faces(claim.space) if sizes else ():
        steps = isinstance(claim, Inequality) and isinstance(face.target, str) and claim.space.leaves[face.name].axes
        try:
            if _narrow(claim, face, rng, sizes[len(sizes) // 2], harvest):
                for way in (Way(face), Way(face, stepped=True)) if steps else (Way(face),):
                    yield from _along(claim, way, rng, budget, sizes, harvest)
        except ClaimError:
            continue


def _along(
    claim: Claim, way: Way, rng: np.random.Generator, budget: int, sizes: list[dict[str, int]], harvest: Harvest
) -> Iterator[Instance]:
    """What draws and descents on one way find."""
    with stage("propose"):
        drawn = [_lowest(claim, way, rng, budget // len(sizes), size, harvest) for size in sizes]
    each = max(LEAST_STARTS, STARTS // len(sizes))
    starts = [candidate for of_a_size in drawn for candidate in of_a_size[:each]]
    with stage("optimise"):
        found = descend(claim, starts, harvest, rng, way.score)
    best = sorted([*starts, *found], key=lambda c: c.merit)[:HANDED_ON]
    least, always = (-SEEN, 0) if isinstance(claim, Identity) else (0.0, 1)
    # The slack of the first counts even if it is positive: draws do not come as close.
    for candidate in [c for c in best if c.merit < least] or best[:always]:
        inside = way.inside(claim, {name: x[None] for name, x in candidate.leaves.items()})
        for short in SHORT:
            within = way.face.towards(inside, 1 - short)
            yield rationals({name: x[0] for name, x in within.items()}, claim.space.leaves)


def _lowest(
    claim: Claim, way: Way, rng: np.random.Generator, budget: int, size: dict[str, int], harvest: Harvest
) -> list[Candidate]:
    """Of draws of one size those with the lowest merit once they are moved inside."""
    n = max(1, min(budget // SHARE, MOST_NUMBERS // claim.space.numbers(size)))
    leaves = claim.space.draw(rng, n, size)
    if way.stepped:
        leaves[way.face.name] = _steps(leaves, way.face.name, rng)
    _counted(harvest, n)
    admitted, merit, slack = way.score(claim, leaves)
    harvest.admitted += int(admitted.sum())
    # On the set itself a side may vanish, and the merit there is on another scale.
    off = way.face.towards(leaves, 0.0)[way.face.name] != leaves[way.face.name]
    merit = np.where(off.reshape(n, -1).any(-1), merit, np.nan)
    return [
        Candidate({name: np.array(value[i]) for name, value in leaves.items()}, float(merit[i]), float(slack[i]))
        for i in np.argsort(merit, kind="stable")[:STARTS]
        if np.isfinite(merit[i])
    ]


def _steps(leaves: Mapping[str, Array], name: str, rng: np.random.Generator) -> Array:
    """A leaf that takes two values, up or down from some rank on of it or another leaf of its shape."""
    shape = leaves[name].shape
    alike = np.stack([value for value in leaves.values() if value.shape == shape])
    source = alike[rng.integers(len(alike), size=shape[0]), np.arange(shape[0])]
    rank = source.argsort(-1).argsort(-1)
    least = rng.integers(1, max(2, shape[-1]), size=(*shape[:-1], 1))
    up = (rank >= least) != rng.choice([True, False], size=(shape[0],) + (1,) * (len(shape) - 1))
    value = np.where(up, 4.0, 1.0)
    return np.asarray(value / value.sum(-1, keepdims=True))


def _narrow(claim: Claim, face: Face, rng: np.random.Generator, size: dict[str, int], harvest: Harvest) -> bool:
    """Whether the assumption is seldom met, but often close to the face."""
    n = max(1, min(PROBED, MOST_NUMBERS // claim.space.numbers(size)))
    with stage("propose"):
        leaves = claim.space.draw(rng, n, size)
        _counted(harvest, n)
        before = claim.admitted(leaves)
        harvest.admitted += int(before.sum())
        return bool(before.mean() <= SELDOM and claim.admitted(Way(face).inside(claim, leaves, ROUGH)).mean() >= OFTEN)


def _counted(harvest: Harvest, n: int) -> None:
    harvest.instances += n
    count("further", n)
