"""Numbers of the second evaluator: exact fractions, and intervals of mpmath where a value is irrational.

A `Fraction` stays exact as long as every step is rational. A function whose value is irrational gives an `Interval`,
rounded outward at the precision in force. An interval is never made into a float.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from typing import Any

from mpmath import libmp
from mpmath.libmp import libmpi

BITS_A_DIGIT = 3.3219280948873626

MOST_EXPONENT = 2**40
"""Arguments of an exponential beyond this are not evaluated: the interval is then the whole half-line."""

GUARD = 16
"""Bits by which exponentials and logarithms are computed beyond the precision; their ends are then moved outward by
one unit of it, since the library rounds them rightly in practice and not by proof."""

LONGEST_SHOWN = 4000
"""Bits of a numerator or denominator that is written out."""

_bits: ContextVar[int] = ContextVar("bits", default=70)


@contextmanager
def digits(n: int) -> Iterator[None]:
    """Compute with intervals of `n` decimal digits inside the block.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    ValueError
        If `n` is below 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}, expected at least 1 digit")
    token = _bits.set(math.ceil(n * BITS_A_DIGIT) + 4)
    try:
        yield
    finally:
        _bits.reset(token)


class UndefinedValue(ArithmeticError):
    """A function was asked for where it has no value, as the logarithm of a negative number."""


class Interval:
    """A real number known to lie between two ends, both included.

    Parameters
    ----------
    ends : tuple
        Lower and upper end as mpmath's raw numbers.
    """

    __slots__ = ("ends",)

    def __init__(self, ends: tuple[Any, Any]) -> None:
        self.ends = ends

    def __repr__(self) -> str:
        low, high = (libmp.to_str(end, 12) for end in self.ends)
        return f"[{low}, {high}]"

    def __neg__(self) -> Interval:
        return Interval(libmpi.mpi_neg(self.ends))

    def __abs__(self) -> Interval:
        return Interval(libmpi.mpi_abs(self.ends, _bits.get()))

    def __add__(self, other: Any) -> Any:
        return _operate(libmpi.mpi_add, self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return _operate(libmpi.mpi_sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _operate(libmpi.mpi_sub, other, self)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, int | Fraction) and other == 0:
            return Fraction(0)
        return _operate(libmpi.mpi_mul, self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return _operate(libmpi.mpi_div, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        if isinstance(other, int | Fraction) and other == 0 and sign(self) in (-1, 1):
            return Fraction(0)
        return _operate(libmpi.mpi_div, other, self)

    def __pow__(self, n: int) -> Any:
        if n == 0:
            return Fraction(1)
        return Interval(libmpi.mpi_pow_int(self.ends, n, _bits.get()))


Number = Fraction | Interval
"""An exact rational number or an enclosure of a real one."""


def as_interval(x: Number | int) -> Interval:
    """The tightest interval around a rational number at the precision in force; an interval as it is.

    Parameters
    ----------
    x : Fraction, int or Interval

    Returns
    -------
    Interval
    """
    if isinstance(x, Interval):
        return x
    p, q, bits = x.numerator, x.denominator, _bits.get()
    return Interval(tuple(libmp.from_rational(p, q, bits, way) for way in ("f", "c")))


def shown(x: Number | int) -> str:
    """A number as text: a fraction exactly unless it is very long, an interval by its ends.

    Parameters
    ----------
    x : Number

    Returns
    -------
    str
    """
    if isinstance(x, Interval):
        return repr(x)
    short = max(x.numerator.bit_length(), x.denominator.bit_length()) <= LONGEST_SHOWN
    return str(x) if short else repr(as_interval(x))


def sign(x: Number) -> int | None:
    """The sign of a number.

    Parameters
    ----------
    x : Number

    Returns
    -------
    int or None
        -1, 0 or 1; None if the interval does not decide it.
    """
    if not isinstance(x, Interval):
        return (x > 0) - (x < 0)
    low, high = (libmp.mpf_sign(end) for end in x.ends)
    if libmp.fnan in x.ends:
        return None
    return int(low) if low == high else None


def total(values: Iterable[Any]) -> Any:
    """The sum of numbers, of fractions alone exactly.

    Parameters
    ----------
    values : iterable of Number

    Returns
    -------
    Number
    """
    return sum(values, Fraction(0))


def maximum(values: Iterable[Number]) -> Number:
    """The largest of some numbers: exact where all are, else an interval around the largest.

    Parameters
    ----------
    values : iterable of Number
        At least one.

    Returns
    -------
    Number
    """
    numbers = list(values)
    if all(isinstance(x, int | Fraction) for x in numbers):
        return max(numbers)  # type: ignore[type-var]
    pairs = [as_interval(x).ends for x in numbers]
    low, high = pairs[0]
    for a, b in pairs[1:]:
        low = a if libmp.mpf_gt(a, low) else low
        high = b if libmp.mpf_gt(b, high) else high
    return Interval((low, high))


def minimum(values: Iterable[Number]) -> Number:
    """The smallest of some numbers, as `maximum`.

    Parameters
    ----------
    values : iterable of Number
        At least one.

    Returns
    -------
    Number
    """
    return -maximum([-x for x in values])


def around(*values: Number) -> Number:
    """The tightest interval that holds all of some numbers.

    Parameters
    ----------
    *values : Number
        At least one.

    Returns
    -------
    Interval
    """
    return Interval((as_interval(minimum(values)).ends[0], as_interval(maximum(values)).ends[1]))


def exp(x: Any) -> Any:
    """The exponential function; exact at 0.

    Parameters
    ----------
    x : Number, or anything with a method ``exp``

    Returns
    -------
    Number
    """
    if isinstance(x, int | Fraction):
        if x == 0:
            return Fraction(1)
        # The relative error of the value is the absolute one of the argument.
        with _more_bits(min(abs(x.numerator // x.denominator).bit_length(), 50)):
            low, high = as_interval(Fraction(x)).ends
    elif isinstance(x, Interval):
        low, high = x.ends
    else:
        return x.exp()
    bound = libmp.from_int(MOST_EXPONENT)
    small = libmp.mpf_gt(low, libmp.mpf_neg(bound))
    large = not libmp.mpf_lt(high, bound)
    if libmp.mpf_gt(low, bound):
        return Interval((libmp.from_int(1), libmp.finf))
    wide = _bits.get() + GUARD
    lower = libmp.mpf_exp(low, wide, "f") if small else libmp.fzero
    if large:
        upper = libmp.finf
    else:
        upper = libmp.mpf_exp(libmp.mpf_neg(bound) if libmp.mpf_lt(high, libmp.mpf_neg(bound)) else high, wide, "c")
    return _widened(lower, upper)


def log(x: Any) -> Any:
    """The natural logarithm; exact at 1. An interval that reaches below zero counts from zero on.

    Parameters
    ----------
    x : Number, or anything with a method ``log``

    Returns
    -------
    Number

    Raises
    ------
    UndefinedValue
        If no part of `x` is positive.
    """
    if isinstance(x, int | Fraction):
        if x <= 0:
            raise UndefinedValue(f"x is {shown(x)}, expected a number above 0")
        if x == 1:
            return Fraction(0)
        # Near 1 the logarithm is as small as the distance, which a rounded argument would lose.
        p, q = x.numerator, x.denominator
        with _more_bits(max(0, q.bit_length() - abs(p - q).bit_length())):
            low, high = as_interval(Fraction(x)).ends
    elif isinstance(x, Interval):
        low, high = x.ends
    else:
        return x.log()
    if libmp.mpf_sign(high) <= 0:
        raise UndefinedValue(f"x is {shown(x)}, expected a number above 0")
    wide = _bits.get() + GUARD
    lower = libmp.mpf_log(low, wide, "f") if libmp.mpf_sign(low) > 0 else libmp.fninf
    upper = high if high == libmp.finf else libmp.mpf_log(high, wide, "c")
    return _widened(lower, upper)


def x_log_x(x: Any) -> Any:
    """``x log x``, which is 0 at 0; for an interval that reaches down to 0 as tight as the function allows.

    Parameters
    ----------
    x : Number, or anything with a method ``log``
        At least 0. The part of an interval below zero is left out.

    Returns
    -------
    Number
    """
    if isinstance(x, int | Fraction) and x == 0:
        return Fraction(0)
    if not isinstance(x, Interval) or libmp.mpf_sign(x.ends[0]) > 0:
        return x * log(x)
    if libmp.mpf_sign(x.ends[1]) <= 0:
        return Fraction(0)
    top = Interval((x.ends[1], x.ends[1]))
    end = as_interval(top * log(top))
    # The function falls from 0 to -1/e at 1/e = 0.3678... and rises from there.
    falling = sign(top - Fraction(1, 3)) == -1
    low = end.ends[0] if falling else as_interval(Fraction(-368, 1000)).ends[0]
    high = end.ends[1] if libmp.mpf_sign(end.ends[1]) > 0 else libmp.fzero
    return Interval((low, high))


def sqrt(x: Number) -> Number:
    """The square root; exact for squares of fractions. An interval that reaches below zero counts from zero on.

    Parameters
    ----------
    x : Number

    Returns
    -------
    Number

    Raises
    ------
    UndefinedValue
        If `x` is negative.
    """
    if not isinstance(x, Interval):
        if x < 0:
            raise UndefinedValue(f"x is {shown(x)}, expected a number of at least 0")
        root = Fraction(math.isqrt(x.numerator), math.isqrt(x.denominator))
        return root if root * root == x else sqrt(as_interval(x))
    low, high = x.ends
    if libmp.mpf_sign(high) < 0:
        raise UndefinedValue(f"x is {shown(x)}, expected a number of at least 0")
    low = low if libmp.mpf_sign(low) > 0 else libmp.fzero
    return Interval(libmpi.mpi_sqrt((low, high), _bits.get()))


def power_of_ten(n: int) -> Fraction:
    """10 to the power `n`, exactly.

    Parameters
    ----------
    n : int
        May be negative.

    Returns
    -------
    Fraction
    """
    return Fraction(10) ** n


def _operate(operation: Any, a: Any, b: Any) -> Any:
    if not isinstance(a, int | Fraction | Interval) or not isinstance(b, int | Fraction | Interval):
        return NotImplemented
    return Interval(operation(as_interval(a).ends, as_interval(b).ends, _bits.get()))


def _widened(low: Any, high: Any) -> Interval:
    """The ends, moved outward by one unit of the precision and rounded to it."""
    bits = _bits.get()
    unit = libmp.from_man_exp(1, -bits)
    down = libmp.mpf_mul(libmp.mpf_abs(low), unit) if low not in (libmp.fninf, libmp.finf) else libmp.fzero
    up = libmp.mpf_mul(libmp.mpf_abs(high), unit) if high not in (libmp.fninf, libmp.finf) else libmp.fzero
    return Interval((libmp.mpf_sub(low, down, bits + GUARD, "f"), libmp.mpf_add(high, up, bits + GUARD, "c")))


@contextmanager
def _more_bits(extra: int) -> Iterator[None]:
    token = _bits.set(_bits.get() + extra)
    try:
        yield
    finally:
        _bits.reset(token)
