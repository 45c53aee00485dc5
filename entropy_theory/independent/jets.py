"""Truncated power series: derivatives along a line without a formula for any of them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from entropy_theory.independent import numbers


class Jet:
    """``c_0 + c_1 t + ... + c_m t**m``, a function of t near 0 with all higher powers dropped.

    Parameters
    ----------
    coefficients : sequence of Number
        ``c_k`` is the k-th derivative at 0 divided by ``k!``. Jets that meet in an operation have the same length.
    """

    __slots__ = ("coefficients",)

    def __init__(self, coefficients: Sequence[Any]) -> None:
        self.coefficients = list(coefficients)

    def __repr__(self) -> str:
        return f"Jet({self.coefficients})"

    @property
    def value(self) -> Any:
        """The value at 0."""
        return self.coefficients[0]

    @property
    def slope(self) -> Any:
        """The first derivative at 0."""
        return self.coefficients[1]

    def __neg__(self) -> Jet:
        return Jet([-c for c in self.coefficients])

    def __add__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet([self.value + other, *self.coefficients[1:]])
        return Jet([a + b for a, b in zip(self.coefficients, other.coefficients, strict=True)])

    __radd__ = __add__

    def __sub__(self, other: Any) -> Jet:
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> Jet:
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet([c * other for c in self.coefficients])
        a, b = self.coefficients, other.coefficients
        return Jet([numbers.total(a[i] * b[k - i] for i in range(k + 1)) for k in range(len(a))])

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet([c / other for c in self.coefficients])
        out: list[Any] = []
        for k, c in enumerate(self.coefficients):
            rest = numbers.total(out[i] * other.coefficients[k - i] for i in range(k))
            out.append((c - rest) / other.value)
        return Jet(out)

    def __rtruediv__(self, other: Any) -> Jet:
        return constant(other, len(self.coefficients)) / self

    def __pow__(self, n: int) -> Any:
        out: Any = Fraction(1)
        for _ in range(n):
            out = self * out
        return out

    def exp(self) -> Jet:
        """The exponential of the series."""
        c = self.coefficients
        out = [numbers.exp(c[0])]
        for k in range(1, len(c)):
            out.append(numbers.total(i * c[i] * out[k - i] for i in range(1, k + 1)) / Fraction(k))
        return Jet(out)

    def log(self) -> Jet:
        """The logarithm of the series, whose value is above 0."""
        c = self.coefficients
        out = [numbers.log(c[0])]
        for k in range(1, len(c)):
            rest = numbers.total(i * out[i] * c[k - i] for i in range(1, k)) / Fraction(k)
            out.append((c[k] - rest) / c[0])
        return Jet(out)


def constant(x: Any, length: int) -> Jet:
    """A number as a series.

    Parameters
    ----------
    x : Number
    length : int
        Number of coefficients.

    Returns
    -------
    Jet
    """
    return Jet([x, *[Fraction(0)] * (length - 1)])
