"""Dual numbers over balls: a value and its derivative along a line, both enclosed."""

from __future__ import annotations

from typing import Any

import numpy as np

from entropy_theory.balls import Ball, constant


class Dual:
    """``value + tangent * t`` modulo t², with balls as coefficients. Comparisons look at the values."""

    __slots__ = ("tangent", "value")

    over_balls = True
    """A ball that meets a dual leaves the operation to it."""

    def __init__(self, value: Any, tangent: Any = 0) -> None:
        self.value = value if type(value) is Ball else Ball(value)
        self.tangent = tangent if type(tangent) is Ball else Ball(tangent)

    @staticmethod
    def of(x: Any) -> Dual:
        """`x` itself if it is a dual, else the constant."""
        return _lift(x)

    @staticmethod
    def split(x: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Values and tangents of an array whose elements are duals or constants."""
        duals = [_lift(entry) for entry in x.flat]
        value, tangent = np.empty(len(duals), dtype=object), np.empty(len(duals), dtype=object)
        value[:], tangent[:] = [dual.value for dual in duals], [dual.tangent for dual in duals]
        return value.reshape(x.shape), tangent.reshape(x.shape)

    def midpoint(self) -> float:
        """The double nearest to the value; see `Ball.midpoint`."""
        return self.value.midpoint()

    def __repr__(self) -> str:
        return f"Dual({self.value!r}, {self.tangent!r})"

    # A constant has no tangent, and where the value is finite no product with zero need be formed.

    def __add__(self, other: Any) -> Dual:
        if type(other) is not Dual:
            if _answers(other):
                return NotImplemented
            return Dual(self.value + constant(other), self.tangent)
        return Dual(self.value + other.value, self.tangent + other.tangent)

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.tangent)

    def __sub__(self, other: Any) -> Dual:
        if type(other) is not Dual:
            if _answers(other):
                return NotImplemented
            return Dual(self.value + -constant(other), self.tangent)
        return Dual(self.value + -other.value, self.tangent + -other.tangent)

    def __rsub__(self, other: Any) -> Dual:
        if type(other) is not Dual:
            if _answers(other):
                return NotImplemented
            return Dual(constant(other) + -self.value, -self.tangent)
        return other + -self

    def __mul__(self, other: Any) -> Dual:
        if type(other) is not Dual:
            if _answers(other):
                return NotImplemented
            factor = constant(other)
            if self.value.is_finite():
                return Dual(self.value * factor, self.tangent * factor)
            other = Dual(factor)
        return Dual(self.value * other.value, self.value * other.tangent + self.tangent * other.value)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Dual:
        if _answers(other):
            return NotImplemented
        other = _lift(other)
        quotient = self.value / other.value
        return Dual(quotient, (self.tangent - quotient * other.tangent) / other.value)

    def __rtruediv__(self, other: Any) -> Dual:
        return NotImplemented if _answers(other) else _lift(other) / self

    def __pow__(self, exponent: Any) -> Dual:
        if _answers(exponent):
            return NotImplemented
        if type(exponent) is Dual:
            return (exponent * self.log()).exp()
        power = constant(exponent)
        return Dual(self.value**power, power * self.value ** (power - 1) * self.tangent)

    def __rpow__(self, base: Any) -> Dual:
        return NotImplemented if _answers(base) else _lift(base) ** self

    def __lt__(self, other: Any) -> bool:
        return NotImplemented if _answers(other) else self.value < _lift(other).value

    def __le__(self, other: Any) -> bool:
        return NotImplemented if _answers(other) else self.value <= _lift(other).value

    def __gt__(self, other: Any) -> bool:
        return NotImplemented if _answers(other) else self.value > _lift(other).value

    def __ge__(self, other: Any) -> bool:
        return NotImplemented if _answers(other) else self.value >= _lift(other).value

    def __eq__(self, other: object) -> bool:
        return NotImplemented if _answers(other) else self.value == _lift(other).value

    def __ne__(self, other: object) -> bool:
        return NotImplemented if _answers(other) else self.value != _lift(other).value

    def __bool__(self) -> bool:
        return self != 0

    __hash__ = None  # type: ignore[assignment]

    def exp(self) -> Dual:
        value = self.value.exp()
        return Dual(value, value * self.tangent)

    def expm1(self) -> Dual:
        return Dual(self.value.expm1(), self.value.exp() * self.tangent)

    def log(self) -> Dual:
        return Dual(self.value.log(), self.tangent / self.value)

    def log1p(self) -> Dual:
        return Dual(self.value.log1p(), self.tangent / (1 + self.value))

    def sqrt(self) -> Dual:
        root = self.value.sqrt()
        return Dual(root, self.tangent / (2 * root))

    def tanh(self) -> Dual:
        value = self.value.tanh()
        return Dual(value, (1 - value * value) * self.tangent)

    def conjugate(self) -> Dual:
        return self


def _answers(other: Any) -> bool:
    """Whether an operand takes each element by itself, as arrays and exact constants do."""
    return hasattr(type(other), "__array_ufunc__") and not isinstance(other, np.generic)


def _lift(x: Any) -> Dual:
    return x if type(x) is Dual else Dual(constant(x))
