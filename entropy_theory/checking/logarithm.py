"""Tells a remainder that exceeds its claimed order by a power of a logarithm from one that meets it.

The remainder is followed down the steps ``t = 2**-(2**j k)``. There ``|log t|**a`` is multiplied by ``2**a`` from each
step to the next, for ever. What is bounded comes to rest, and long before it departs from a power of the logarithm by
more at each step, as ``|log t| / (1 + c |log t|)`` and ``(1 - t**c) / c`` do; a factor that swings does not grow at six
steps in a row.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from flint import arb

from entropy_theory.balls import Ball, precision

Sizes = list[arb | None]
"""Absolute values of a remainder, entry by entry; None where it is as good as zero."""

FIRST, LATEST_FIRST, DOUBLINGS = 256, 512, 6
"""Binary digits of the first step at least and at most, and how often they are doubled."""

EARLY = 2
"""Doublings after which a remainder that has not grown is left."""

LEAST, FALLS = 0.2, 0.03
"""Power of the logarithm that shows at every doubling, and by how much less it may be than the time before."""

SETTLED = 1e-12
"""The power comes to rest: at each of the last two doublings it changes by no more than this and its last change."""

BITS = 256


def excess(power: float, remainder: Callable[[int, int], Sizes], first: int) -> dict[str, Any] | None:
    """Evidence that a remainder exceeds ``t**power`` by a power of a logarithm, or None.

    Parameters
    ----------
    power : float
        The claimed order.
    remainder : callable
        Maps k and a number of bits to the remainder at ``t = 2**-k``.
    first : int
        Least k at which the remainder shows its order.

    Returns
    -------
    dict or None
        ``entry``, ``claimed_order``, ``steps``, ``remainders``; ``orders`` between one step and the next, and
        ``logarithms``, the powers of the logarithm that account for what they lack.
    """
    first = max(FIRST, first)
    if first > LATEST_FIRST:
        return None
    steps: list[int] = []
    sizes: list[Sizes] = []
    for j in range(DOUBLINGS + 1):
        steps.append(first * 2**j)
        sizes.append(remainder(steps[-1], BITS))
        with precision(BITS):
            grown = [_powers(power, [row[i] for row in sizes], steps) for i in range(len(sizes[0]))]
        if j >= EARLY and not any(map(_grows, grown)):
            return None
    with precision(BITS):
        for entry, powers in enumerate(grown):
            if _grows(powers) and _settles(powers):
                values = [v for row in sizes if (v := row[entry]) is not None]
                orders = [power - p / (b - a) for p, (a, b) in zip(powers, pairwise(steps), strict=True)]
                return {
                    "entry": entry,
                    "claimed_order": str(power),
                    "steps": [f"2^-{k}" for k in steps],
                    "remainders": [v.str(20) for v in values],
                    "orders": [x.str(20) for x in orders],
                    "logarithms": [x.str(20) for x in powers],
                }
    return None


def _powers(power: float, sizes: Sizes, steps: list[int]) -> list[arb]:
    """The power of the logarithm that shows at each doubling; empty where the remainder vanishes."""
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return []
    two, order = arb(2).log(), Ball(power).arb
    levels = [size.log() / two + order * k for size, k in zip(known, steps, strict=True)]
    return [b - a for a, b in pairwise(levels)]


def _grows(powers: list[arb]) -> bool:
    return bool(powers) and all(p > LEAST for p in powers) and all(b - a > -FALLS for a, b in pairwise(powers))


def _settles(powers: list[arb]) -> bool:
    changes = [abs(b - a) for a, b in pairwise(powers[-4:])]
    return len(changes) == 3 and all(bool(b < a + SETTLED) for a, b in pairwise(changes))
