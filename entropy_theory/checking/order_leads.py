"""Instances at which a remainder looks larger than its claimed order, as far as floats can see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from entropy_theory.checking.certify import rationals
from entropy_theory.checking.claim import ClaimError, Order
from entropy_theory.checking.search import Harvest
from entropy_theory.checking.stages import count, stage
from entropy_theory.checking.structure import structured

Array = np.ndarray[Any, Any]
Instance = dict[str, Array]

SHARE = 10
"""One instance for so many of the budget is drawn at random, and as many with structure; all sizes together."""

STEPS = tuple(2.0**-k for k in (2, 4, 6, 8, 11, 14, 18))

LOST = 1e-11
"""Remainders below this, relative to the first one where that is more than one, may be nothing but rounding."""

SUSPICIOUS = 4
"""Instances of each size and kind that are handed on, the steepest shortfall first."""

PLAIN = 2
"""Instances of each size, of numbers near one, that are handed on whatever floats say: they see no logarithm."""

MOST_SIZES = 6

MOST_NUMBERS = 1_000_000
"""Bound on the numbers that the instances of a kind and size hold together."""


def order_leads(claim: Order, rng: np.random.Generator, budget: int, harvest: Harvest) -> Iterator[Instance]:
    """Instances in exact rationals, likelier ones first within each size.

    Parameters
    ----------
    claim : Order
    rng : Generator
    budget : int
        Of the whole check.
    harvest : Harvest
        Counts what is evaluated.

    Yields
    ------
    dict of str to array of Fraction
    """
    sizes = claim.space.sizes()[:MOST_SIZES]
    n = max(8, budget // SHARE // len(sizes))
    for size in sizes:
        numbers = claim.space.numbers(size)
        most = max(1, min(n, MOST_NUMBERS // numbers))
        found: list[tuple[float, int, Instance]] = []
        plain: list[Instance] = []
        with stage("propose"):
            for block, grid in enumerate(structured(claim.space, rng, most, size)):
                ranked = _ranked(claim, grid.floats(), harvest)
                found += [(merit, block, grid.exact(i)) for merit, i in ranked[:SUSPICIOUS] if merit < 0]
                if not plain:
                    simplest = sorted((i for _, i in ranked), key=_simplicity(grid.floats()))[:PLAIN]
                    plain = [grid.exact(i) for i in simplest]
            drawn = claim.space.draw(rng, most, size)
            ranked = _ranked(claim, drawn, harvest)[:SUSPICIOUS]
        likely = sorted(found, key=lambda x: x[0])[:SUSPICIOUS]
        yield from (instance for *_, instance in likely)
        yield from plain
        for merit, i in ranked:
            if merit < 0:
                yield rationals({name: value[i] for name, value in drawn.items()}, claim.space.leaves)


def _simplicity(leaves: dict[str, Array]) -> Callable[[int], float]:
    """How far the numbers of an instance are from one, and from zero, in binary digits."""
    with np.errstate(divide="ignore"):
        digits = [np.abs(np.log2(np.abs(np.where(value == 0, 1.0, value)))) for value in leaves.values()]
    largest = np.max([x.reshape(len(x), -1).max(-1) for x in digits], axis=0)
    return lambda i: float(largest[i])


def _ranked(claim: Order, leaves: dict[str, Array], harvest: Harvest) -> list[tuple[float, int]]:
    """Measured less claimed order and index of the admitted instances, lowest first."""
    n = len(next(iter(leaves.values())))
    count("further", n)
    harvest.instances += n
    try:
        admitted = np.flatnonzero(claim.admitted(leaves))
        harvest.admitted += len(admitted)
        if not len(admitted):
            return []
        inside = {name: value[admitted] for name, value in leaves.items()}
        rows = [np.abs(claim.at(t, inside).astype(float)) for t in STEPS]
    except ClaimError:
        return []
    n = len(admitted)
    sizes = np.stack([np.broadcast_to(x, (n, x.shape[1])) for x in rows])
    with np.errstate(all="ignore"):
        seen = sizes > LOST * np.maximum(1.0, sizes[0])
        # A row of what is still seen after each step: beyond the first that is lost nothing counts.
        seen = np.logical_and.accumulate(seen & np.isfinite(sizes), axis=0)
        slopes = np.diff(np.log2(sizes), axis=0) / np.diff(np.log2(np.array(STEPS)))[:, None, None]
        last = np.maximum(seen.sum(0) - 2, 0)
        slope = np.take_along_axis(slopes, last[None], axis=0)[0]
        merit = np.where(seen[1], slope - claim.power + 0.1, np.inf).min(-1)
    merit = np.where(np.isnan(merit), np.inf, merit)
    return [(float(merit[i]), int(admitted[i])) for i in np.argsort(merit, kind="stable")]
