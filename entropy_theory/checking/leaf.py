"""The arrays that an instance is made of: reals within bounds, or probability vectors.

Search, shrinking and certification know leaves only; a `Variable` turns them into what a claim's functions receive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from entropy_theory.balls import Ball
from entropy_theory.checking.regimes import probabilities

Array = np.ndarray[Any, Any]

Sizes = dict[str, int]
"""Length of each axis, by label: ``"z.actions"``."""

FAR = 1e300
"""Size of an end beyond which steps on the numbers themselves would leave the doubles."""

LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Leaf:
    """One array of an instance.

    Attributes
    ----------
    kind : "real" or "simplex"
        A simplex leaf holds probability vectors along its last axis.
    axes : tuple of str
        Labels of the axes after the batch axis.
    low, high : float
        Bounds of a real leaf.
    open_low, open_high : bool
        Whether a bound itself is excluded.
    integer : bool
    interior : bool
        Whether the probabilities of a simplex leaf are all positive.
    reach : float
        Largest number that descents go to: beyond it floats are of no use.
    """

    kind: Literal["real", "simplex"]
    axes: tuple[str, ...]
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    integer: bool = False
    interior: bool = True
    reach: float = math.inf

    def numbers(self, sizes: Sizes) -> int:
        """How many numbers it holds at these sizes."""
        return math.prod(self.shape(sizes))

    def shape(self, sizes: Sizes) -> tuple[int, ...]:
        """The shape of its part of one instance at these sizes."""
        return tuple(sizes.get(label.removesuffix("+end"), 1) + label.endswith("+end") for label in self.axes)

    def admits(self, value: Array) -> Array:
        """Whether each instance (first axis) lies within the leaf, exactly if the entries are balls."""
        trailing = tuple(range(1, value.ndim))
        if self.kind == "simplex":
            inside = (value > 0) if self.interior else (value >= 0)
            return np.asarray(inside.all(axis=trailing), dtype=bool)
        if not self.integer and self.low == -math.inf and self.high == math.inf:
            return np.ones(len(value), dtype=bool)
        inside = _whole(value) if self.integer else np.ones(value.shape, dtype=bool)
        low, high = (Ball(b) if value.dtype == object and math.isfinite(b) else b for b in (self.low, self.high))
        if self.low > -math.inf:
            inside &= ((value > low) if self.open_low else (value >= low)).astype(bool)
        if self.high < math.inf:
            inside &= ((value < high) if self.open_high else (value <= high)).astype(bool)
        return np.asarray(inside.all(axis=trailing), dtype=bool)

    def to_free(self, value: Array) -> Array:
        """Coordinates (n, k) for an optimiser: logits of a simplex, logarithms of what is positive and unbounded, the
        inverse hyperbolic sine of what reaches the end of the doubles."""
        flat = value.reshape(value.shape[0], -1)
        if self.kind == "simplex":
            return np.log(np.maximum(flat, 1e-300))
        if self.low == 0 and self.high == math.inf:
            return np.log(np.maximum(flat, 1e-300))
        return np.arcsinh(flat) if self._far else np.array(flat, dtype=np.float64)

    def from_free(self, free: Array, shape: tuple[int, ...]) -> Array:
        """Inverse of `to_free`, clipped to the bounds."""
        value = free.reshape(free.shape[0], *shape)
        if self.kind == "simplex":
            p = probabilities(np.clip(value, -690, 690))
            return p if self.interior else np.where(p < 1e-30, 0.0, p)
        if self.low == 0 and self.high == math.inf:
            value = np.exp(np.clip(value, -690, 690))
        elif self._far:
            with np.errstate(over="ignore"):
                value = np.clip(np.sinh(value), -LARGEST, LARGEST)
        value = np.rint(value) if self.integer else value
        low = np.nextafter(self.low, math.inf) if self.open_low else self.low
        high = np.nextafter(self.high, -math.inf) if self.open_high else self.high
        return np.asarray(np.clip(value, low, min(high, max(self.low, self.reach))))

    @property
    def _far(self) -> bool:
        return any(FAR < abs(end) < math.inf for end in (self.low, self.high))


def _whole(value: Array) -> Array:
    if value.dtype != object:
        return np.asarray(value == np.rint(value))
    rationals = [Ball(x).rational for x in value.flat]
    return np.array([q is not None and q.q == 1 for q in rationals], dtype=bool).reshape(value.shape)
