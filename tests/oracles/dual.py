"""Numbers that carry their derivatives: value + <gradient, epsilon> with epsilon**2 = 0.

Any formula evaluated on them yields its exact gradient, by the rules of differentiation alone; no policy
gradient theorem is used.  The entries may be of any field (here: mpmath numbers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mpmath


@dataclass(frozen=True)
class Dual:
    """A number and its gradient."""

    value: Any
    gradient: tuple[Any, ...]

    def _lift(self, other: Any) -> Dual:
        return other if isinstance(other, Dual) else Dual(other, (0,) * len(self.gradient))

    def _scale(self, factor: Any) -> tuple[Any, ...]:
        return tuple(factor * g for g in self.gradient)

    def __add__(self, other: Any) -> Dual:
        o = self._lift(other)
        return Dual(self.value + o.value, tuple(a + b for a, b in zip(self.gradient, o.gradient, strict=True)))

    def __neg__(self) -> Dual:
        return Dual(-self.value, self._scale(-1))

    def __sub__(self, other: Any) -> Dual:
        return self + (-self._lift(other))

    def __rsub__(self, other: Any) -> Dual:
        return self._lift(other) + (-self)

    def __mul__(self, other: Any) -> Dual:
        o = self._lift(other)
        pairs = zip(self.gradient, o.gradient, strict=True)
        return Dual(self.value * o.value, tuple(a * o.value + self.value * b for a, b in pairs))

    def __truediv__(self, other: Any) -> Dual:
        o = self._lift(other)
        ratio = self.value / o.value
        pairs = zip(self.gradient, o.gradient, strict=True)
        return Dual(ratio, tuple((a - ratio * b) / o.value for a, b in pairs))

    def __rtruediv__(self, other: Any) -> Dual:
        return self._lift(other) / self

    __radd__ = __add__
    __rmul__ = __mul__


def exp(x: Any) -> Any:
    """exp of an mpmath number or of a dual one."""
    if isinstance(x, Dual):
        value = mpmath.exp(x.value)
        return Dual(value, tuple(value * g for g in x.gradient))
    return mpmath.exp(x)


def log(x: Any) -> Any:
    """log of an mpmath number or of a dual one."""
    if isinstance(x, Dual):
        return Dual(mpmath.log(x.value), tuple(g / x.value for g in x.gradient))
    return mpmath.log(x)


def variables(values: Sequence[Any]) -> list[Dual]:
    """Independent variables: the gradient of the i-th is the i-th unit vector."""
    n = len(values)
    return [Dual(v, tuple(int(i == j) for j in range(n))) for i, v in enumerate(values)]
