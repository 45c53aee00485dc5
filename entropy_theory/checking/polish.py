"""Local search in balls, for an inequality whose two sides come so close that floats cannot tell them apart.

Where both sides vanish together, as a divergence and its bound do where two policies are equal, rounding hides a
relative slack below 1e-8 or so, and a constant that is too small by less shows only there. Here the relative slack and
its slope are evaluated at doubles in high precision, and followed downhill.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np

from entropy_theory.balls import Ball, UndecidedComparison, constant, precision
from entropy_theory.checking.certify import balls_of, rationals
from entropy_theory.checking.claim import Claim, ClaimError
from entropy_theory.checking.leaf import Leaf
from entropy_theory.checking.stages import count

Array = np.ndarray[Any, Any]
Leaves = dict[str, Array]

BITS = 320

STEP = Fraction(1, 2**100)
"""Step of the difference quotients, far below the distance of two doubles and far above the rounding at `BITS`."""

MOST_COORDINATES = 24

STARTS, TRIED = 2, 10

PHASE, FALLEN, LEAST = 12, 0.5, 1e-20
"""After each so many evaluations of slack and slope the descent goes on only if the slack has fallen by this factor;
down at the last the two sides are as good as equal."""

WORK, MOST_WORK = 3, 600_000
"""Numbers that all instances evaluated may hold together: so many for one of the budget, and how many at most."""

SHAKEN = 1e-3
"""Relative size of the step off a point at which both sides are equal."""


def polish_leads(claim: Claim, starts: list[Leaves], rng: np.random.Generator, budget: int) -> Iterator[Leaves]:
    """Instances in exact rationals at which the polished slack is negative.

    Parameters
    ----------
    claim : Inequality
    starts : list of dict of str to float array
        Instances nearly equal, as far as floats see.
    rng : Generator
    budget : int
        Of the whole check.

    Yields
    ------
    dict of str to array of Fraction
    """
    found: list[tuple[float, int, _Descent]] = []
    work = min(WORK * budget, MOST_WORK)
    for leaves in starts[:TRIED]:
        descent = _Descent(claim, leaves)
        if not 0 < len(descent.x) <= MOST_COORDINATES or work <= 0:
            continue
        work -= len(descent.places)
        value = descent.value(descent.x)
        if value is None or value == 0:
            descent.shake(rng)
            value = descent.value(descent.x)
        if value is not None and value > 0:
            found.append((value, len(found), descent))
        elif value is not None and value < 0:
            yield descent.exact(descent.x)
    for value, _, descent in sorted(found)[:STARTS]:
        k = len(descent.places)
        evaluations = work // (STARTS * k * (k + 1))
        while evaluations > 1 and value > LEAST:
            used, now = descent.follow(value, evaluations)
            evaluations -= used
            if now > FALLEN * value:
                break
            value = now
        if value < 0:
            yield descent.exact(descent.x)


class _Descent:
    """Coordinates of one instance, and its relative slack in high precision.

    A coordinate is a number of a real leaf, or the logarithm of a probability over where it started.
    """

    def __init__(self, claim: Claim, leaves: Mapping[str, Array]) -> None:
        self.claim, self.leaves = claim, {name: np.array(value) for name, value in leaves.items()}
        self.places: list[tuple[str, int]] = []
        x, low, high = [], [], []
        for name, leaf in claim.space.leaves.items():
            for i, number in enumerate(self.leaves[name].flat):
                if leaf.integer or (leaf.kind == "simplex" and number == 0):
                    continue
                self.places.append((name, i))
                a, b = _bounds(leaf)
                x.append(0.0 if leaf.kind == "simplex" else float(number))
                low.append(a)
                high.append(b)
        self.x, self.low, self.high = np.array(x), np.array(low), np.array(high)
        self.scale = np.maximum(np.abs(self.x), 1e-3)
        self.scale = np.where([claim.space.leaves[name].kind == "simplex" for name, _ in self.places], 1.0, self.scale)

    def shake(self, rng: np.random.Generator) -> None:
        """Step off a point at which both sides are equal."""
        moved = self.x + SHAKEN * self.scale * rng.normal(size=len(self.x))
        self.x = np.clip(moved, self.low, self.high)

    def exact(self, x: Array) -> Leaves:
        """The instance at these coordinates, in exact rationals."""
        return rationals(self._moved(x), self.claim.space.leaves)

    def _moved(self, x: Array) -> Leaves:
        out = {name: value.astype(float) for name, value in self.leaves.items()}
        for (name, i), value in zip(self.places, x, strict=True):
            simplex = self.claim.space.leaves[name].kind == "simplex"
            out[name].flat[i] = self.leaves[name].flat[i] * math.exp(value) if simplex else value
        return out

    def value(self, x: Array) -> float | None:
        """The relative slack."""
        if not np.isfinite(x).all():
            return None
        slack = self._slack(self.exact(x))
        return None if slack is None else slack.midpoint()

    def _slack(self, instance: Leaves) -> Ball | None:
        """The least relative slack of the entries; None where there is none or the assumption is not met."""
        count("examined")
        balls = {name: balls_of(value)[None] for name, value in instance.items()}
        try:
            with precision(BITS):
                if not bool(self.claim.admitted(balls)[0]):
                    return None
                lhs, rhs = self.claim.sides(balls)
                entries = [_relative(constant(a), constant(b)) for a, b in zip(lhs[0], rhs[0], strict=True)]
        except (UndecidedComparison, ClaimError, ValueError):
            return None
        known = [entry for entry in entries if entry is not None]
        return min(known, key=lambda entry: entry.midpoint()) if known else None

    def value_and_slope(self, x: Array) -> tuple[float, Array]:
        """The relative slack and its slope, by forward differences."""
        instance = self.exact(x)
        here = self._slack(instance)
        if here is None:
            return 2.0, np.zeros(len(x))
        slope = np.zeros(len(x))
        for k, (name, i) in enumerate(self.places):
            moved = {**instance, name: instance[name].copy()}
            if self.claim.space.leaves[name].kind == "simplex":
                moved[name].flat[i] *= 1 + STEP
                moved[name] = moved[name] / moved[name].sum(-1, keepdims=True)
                step = STEP
            else:
                step = STEP * Fraction(float(self.scale[k]))
                step = -step if x[k] + float(step) >= self.high[k] else step
                moved[name].flat[i] += step
            beside = self._slack(moved)
            if beside is not None:
                with precision(BITS):
                    slope[k] = ((beside - here) / Ball(step)).midpoint()
        return here.midpoint(), np.where(np.isfinite(slope), slope, 0.0)

    def follow(self, value: float, evaluations: int) -> tuple[int, float]:
        """Go downhill from a slack of `value` until it is below `LEAST` or falls too slowly; evaluations, least slack.

        A search that has come to a kink ends there and may be begun again.
        """
        from scipy.optimize import minimize

        best, start, used = value, value, 0

        def scaled(u: Array) -> tuple[float, Array]:
            nonlocal best, start, used
            if used >= evaluations or best < LEAST:
                raise StopIteration
            if used % PHASE == PHASE - 1:
                if best > FALLEN * start:
                    raise StopIteration
                start = best
            used += 1
            x = np.clip(u * self.scale, self.low, self.high)
            if not np.isfinite(x).all():
                return 2.0, np.zeros(len(x))
            here, slope = self.value_and_slope(x)
            if here < best:
                best, self.x = here, x
            return here, slope * self.scale

        options = {"maxiter": evaluations, "maxfun": evaluations, "ftol": 0.0, "gtol": 0.0}
        bounds = list(zip(self.low / self.scale, self.high / self.scale, strict=True))
        with suppress(StopIteration):
            minimize(scaled, self.x / self.scale, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        return max(used, 1), best


def _bounds(leaf: Leaf) -> tuple[float, float]:
    if leaf.kind == "simplex":
        return -60.0, 60.0
    low = math.nextafter(leaf.low, math.inf) if leaf.open_low and math.isfinite(leaf.low) else leaf.low
    return low, math.nextafter(leaf.high, -math.inf) if leaf.open_high and math.isfinite(leaf.high) else leaf.high


def _relative(left: Ball, right: Ball) -> Ball | None:
    """The slack over the size of the sides, squeezed into (-1, 1) where one of them is zero; None if unknown."""
    gap = right - left
    if not gap.arb.is_finite():
        return None
    if left.rational == 0 or right.rational == 0:
        return Ball(gap / (1 + abs(gap)))
    size = abs(left) + abs(right)
    return Ball(gap / size) if size.arb > 0 else None
