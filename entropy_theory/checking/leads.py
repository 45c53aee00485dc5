"""Where else a claim may fail that random draws and descents from them did not refute.

Each kind of place is looked at in its own way: integers (`whole`), sizes and magnitudes that are not drawn (`ranges`),
relations between numbers (`structure`), instances on which floats and balls differ (`disputed`), sides that differ by
many magnitudes (here), narrow peaks (`boxes`), sides that nearly agree (`polish`), the surroundings of equality
(`faces`), the border of an assumption (`borders`), narrow assumptions (`narrow`) and orders (`order_leads`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from entropy_theory.checking.borders import border_leads
from entropy_theory.checking.boxes import box_leads
from entropy_theory.checking.certify import Examiner, rationals
from entropy_theory.checking.claim import Claim, ClaimError, Identity, Inequality, Order
from entropy_theory.checking.disputed import disputed_leads
from entropy_theory.checking.faces import face_leads
from entropy_theory.checking.narrow import narrow_leads
from entropy_theory.checking.order_leads import order_leads
from entropy_theory.checking.polish import MOST_COORDINATES, polish_leads
from entropy_theory.checking.ranges import magnitude_leads, seen, size_leads
from entropy_theory.checking.search import Candidate, Harvest, Scores, descend, score
from entropy_theory.checking.stages import count, stage
from entropy_theory.checking.structure import structured
from entropy_theory.checking.whole import whole

Array = np.ndarray[Any, Any]
Instance = dict[str, Array]

SHARE = 10
"""One instance for so many of the budget is drawn with structure, and as many without; all sizes together."""

MOST_SIZES, MOST_NUMBERS = 8, 2_000_000
"""Bounds on the sizes that are drawn again, and on the numbers that the instances of one hold together."""

HANDED_ON = 4
"""Structured instances of each size that are handed on, the lowest merit first."""

FAR = 0.02
"""Least merit at which the two sides differ so much that their ratio says where they are nearest."""

FROM_BUDGET = 1000
"""Budget from which descents are made."""

NEAR = 1e-3
"""Merit from which on down the two sides are taken to come together, so that more digits may tell them apart."""

RESOLVED, ROUNDED = 1e-6, 1e-10
"""Merit and slack above which rounding has no part in them."""

STARTS = 4


def leads(
    claim: Claim, rng: np.random.Generator, budget: int, harvest: Harvest, examine: Examiner
) -> Iterator[Iterator[Instance]]:
    """Instances in exact rationals to be decided, one iterator for each way of looking.

    Parameters
    ----------
    claim : Claim
        That no candidate of `harvest` refutes.
    rng : Generator
    budget : int
        Of the whole check: all ways do less where it is less.
    harvest : Harvest
        What the search found; counts what is evaluated here.
    examine : Examiner
        Decides in balls.

    Yields
    ------
    iterator of dict of str to array of Fraction
    """
    if isinstance(claim, Order):
        yield order_leads(claim, rng, budget, harvest)
        return
    yield _whole_leads(claim, rng, budget, harvest)
    yield size_leads(claim, rng, budget, harvest)
    yield magnitude_leads(claim, rng, budget, harvest, examine)
    again = _Again(claim, rng, budget, harvest)
    yield again.structured()
    if isinstance(claim, Inequality):
        yield disputed_leads(claim, budget, harvest, examine)
        yield again.clear()
        yield again.far()
        centres: list[Instance] = []
        yield _noted(box_leads(claim, budget), centres)
        yield again.near(centres)
        yield face_leads(claim, rng, budget, harvest)
        yield border_leads(claim, rng, budget, harvest)
    yield narrow_leads(claim, rng, budget, harvest)


def _whole_leads(claim: Claim, rng: np.random.Generator, budget: int, harvest: Harvest) -> Iterator[Instance]:
    with stage("propose"):
        found = whole(claim, rng, budget)
    if found is None:
        return
    harvest.instances += found.instances
    harvest.admitted += found.admitted
    harvest.unevaluated += found.unevaluated
    harvest.complete = found.size
    count("further", found.instances)
    for lead in found.leads:
        yield rationals(lead, claim.space.leaves)


def _noted(instances: Iterator[Instance], into: list[Instance]) -> Iterator[Instance]:
    for instance in instances:
        into.append({name: value.astype(float) for name, value in instance.items()})
        yield instance


class _Again:
    """Fresh draws of all sizes, with structure and without, and what is worth a descent among them."""

    def __init__(self, claim: Claim, rng: np.random.Generator, budget: int, harvest: Harvest) -> None:
        self.claim, self.rng, self.budget, self.harvest = claim, rng, budget, harvest
        self.sizes = claim.space.sizes()[:MOST_SIZES]
        self.resolved: list[Candidate] = []
        self.by_ratio: list[Candidate] = []
        self.lowest = min((c.merit for pool in harvest.candidates for c in pool), default=1.0)

    def structured(self) -> Iterator[Instance]:
        unseen = not self.harvest.admitted
        n = max(1, self.budget // SHARE // len(self.sizes))
        for size in self.sizes:
            numbers = self.claim.space.numbers(size)
            most = max(1, min(n, MOST_NUMBERS // numbers))
            found: list[tuple[float, int, Instance]] = []
            with stage("propose"):
                for grid in structured(self.claim.space, self.rng, most, size):
                    admitted, merit = self._scored(grid.floats())
                    worst = np.argsort(np.where(admitted & ~np.isnan(merit), merit, np.inf), kind="stable")[:HANDED_ON]
                    for i in worst:
                        if admitted[i] and (merit[i] < -seen(self.claim) or (unseen and len(found) < HANDED_ON)):
                            found.append((float(merit[i]), len(found), grid.exact(int(i))))
                self._scored(self.claim.space.draw(self.rng, min(most, MOST_NUMBERS // 25 // numbers + 1), size))
            yield from (instance for *_, instance in sorted(found, key=lambda x: x[:2])[:HANDED_ON])

    def _scored(self, leaves: Instance) -> tuple[Array, Array]:
        """Which instances are admitted, and their merit; some are kept for descents."""
        n = len(next(iter(leaves.values())))
        count("further", n)
        self.harvest.instances += n
        try:
            admitted, merit, slack = score(self.claim, leaves)
        except ClaimError:
            return np.zeros(n, dtype=bool), np.full(n, np.nan)
        self.harvest.admitted += int(admitted.sum())
        self.harvest.unevaluated += int((admitted & np.isnan(merit)).sum())
        if isinstance(self.claim, Inequality):
            with np.errstate(invalid="ignore"):
                clear = np.flatnonzero(admitted & (merit > RESOLVED) & (slack > ROUNDED) & np.isfinite(merit))
            clear = clear[np.argsort(merit[clear], kind="stable")[:STARTS]]
            self.resolved = self._best([*self.resolved, *self._taken(leaves, clear, merit, slack)])
            if self.lowest > FAR and self.budget >= FROM_BUDGET:
                _, ratio, slack = log_score(self.claim, leaves)
                good = np.flatnonzero(admitted & (ratio < UNKNOWN))
                good = good[np.argsort(ratio[good], kind="stable")[:STARTS]]
                self.by_ratio = self._best([*self.by_ratio, *self._taken(leaves, good, ratio, slack)])
        return admitted, merit

    @staticmethod
    def _taken(leaves: Instance, places: Array, merit: Array, slack: Array) -> list[Candidate]:
        return [
            Candidate({name: np.array(value[i]) for name, value in leaves.items()}, float(merit[i]), float(slack[i]))
            for i in places
        ]

    @staticmethod
    def _best(pool: list[Candidate]) -> list[Candidate]:
        """Few of each size, whatever the merit of the others."""
        kept: dict[Any, list[Candidate]] = {}
        for candidate in sorted(pool, key=lambda c: c.merit):
            same = kept.setdefault(tuple(value.shape for value in candidate.leaves.values()), [])
            if len(same) < STARTS:
                same.append(candidate)
        return [candidate for same in kept.values() for candidate in same]

    def clear(self) -> Iterator[Instance]:
        """Where the lowest merits are equalities, descents from the lowest that are none."""
        if self.lowest > RESOLVED or self.budget < FROM_BUDGET:
            return
        with stage("optimise"):
            found = descend(self.claim, self.resolved, self.harvest, self.rng)
        for candidate in found:
            if candidate.merit < 0:
                yield rationals(candidate.leaves, self.claim.space.leaves)

    def far(self) -> Iterator[Instance]:
        """Where one side is far below the other everywhere, descents on the logarithm of their ratio."""
        with stage("optimise"):
            starts = sorted(self.by_ratio, key=lambda c: c.merit)[:STARTS]
            found = descend(self.claim, starts, self.harvest, self.rng, log_score)
        for candidate in found:
            if candidate.merit <= 0 and all(np.isfinite(value).all() for value in candidate.leaves.values()):
                yield rationals(candidate.leaves, self.claim.space.leaves)

    def near(self, centres: list[Instance]) -> Iterator[Instance]:
        """Where the two sides come together, descents with as many digits as that takes."""
        if not isinstance(self.claim, Inequality) or self.lowest > NEAR:
            return
        worst = [c for pool in self.harvest.candidates for c in pool[:2]]
        pool = sorted(self.resolved, key=lambda c: c.merit)
        few = [c.leaves for c in (*worst[:STARTS], *pool) if sum(v.size for v in c.leaves.values()) <= MOST_COORDINATES]
        with stage("optimise"):
            found = list(polish_leads(self.claim, [*centres[:STARTS], *few], self.rng, self.budget))
        yield from found


UNKNOWN = 1.9
"""`log_score` of what has no ratio."""


def log_score(claim: Claim, leaves: Mapping[str, Array]) -> Scores:
    """As `score`, the merit a function of the logarithm of the ratio of the sides: it has a slope where both are far
    apart, down to where one of them underflows.

    Parameters
    ----------
    claim : Inequality
    leaves : mapping of str to array

    Returns
    -------
    admitted, merit, slack : array (n,)
    """
    admitted = claim.admitted(leaves)
    merit, slack = np.full(admitted.shape, np.nan), np.full(admitted.shape, np.nan)
    if not admitted.any() or isinstance(claim, Identity):
        return admitted, merit, slack
    lhs, rhs = claim.sides({name: value[admitted] for name, value in leaves.items()})
    with np.errstate(all="ignore"):
        gap = rhs - lhs
        ratio = np.sign(rhs) * (np.log(np.abs(rhs)) - np.log(np.abs(lhs)))
        known = (np.sign(lhs) * np.sign(rhs) > 0) & np.isfinite(ratio)
        far = np.where(known, ratio, np.where(gap < 0, -1.0, np.nan))
        squeezed = np.where(far > 0, np.log1p(np.abs(far)) / 20, far)
        merit[admitted] = np.where(np.isnan(squeezed), UNKNOWN, squeezed).min(-1)
        slack[admitted] = gap.min(-1)
    return admitted, merit, slack
