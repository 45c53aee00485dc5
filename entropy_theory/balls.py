"""The number that decides: exact while it is rational, a ball as soon as it is not.

A `Ball` holds either an exact rational or an enclosure of a real number (python-flint's ``arb``). Sums, products
and quotients of rationals stay rational, so that an equality between them is decided; the first logarithm or
exponential turns the value into an enclosure at the precision in force (`precision`).

Python and NumPy decide ``max``, ``sort``, ``argmax`` and ``where`` by comparing numbers. A comparison of two
enclosures that overlap has no answer; here it raises `UndecidedComparison`, never ``False``.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq

from entropy_theory.brief import brief


class UndecidedComparison(ArithmeticError):
    """Two enclosures overlap (or one is not finite), so that the precision in force cannot order them."""


_in_force: ContextVar[bool] = ContextVar("balls_in_force", default=False)

MOST_PRECISION = 2**24
"""Bits that a `precision` block may ask for: a number of so many takes two megabytes, and a logarithm seconds."""

REMEMBERED_FROM = 2000
"""Bits from which a `precision` block remembers exponentials and other functions: the two sides of a claim are full of
the same ones, and from here on one costs several times as much as looking it up."""

MOST_REMEMBERED = 4096
"""Values that are remembered at a time at up to 4096 bits, some ten megabytes; beyond it fewer, in proportion."""

_remembered: ContextVar[dict[Any, arb] | None] = ContextVar("remembered", default=None)


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Carry balls with `bits` bits within the block, and let constants written with `exact` be balls there.

    Parameters
    ----------
    bits : int
        Of the significand, for enclosures of what is not rational; from 2 to `MOST_PRECISION`.

    Yields
    ------
    None

    Raises
    ------
    ValueError
        If `bits` is no such integer.
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or not 2 <= bits <= MOST_PRECISION:
        raise ValueError(f"bits is {brief(bits)}, expected an integer in [2, {MOST_PRECISION}]")
    before, token = ctx.prec, _in_force.set(True)
    memory = _remembered.set({} if bits >= REMEMBERED_FROM else None)
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before
        _remembered.reset(memory)
        _in_force.reset(token)


_widened: ContextVar[bool] = ContextVar("constants_widened", default=False)

CONSTANT_ERROR = -50
"""Within ``widened_constants`` a float constant x stands for all numbers within 2**-50 max(1, abs(x)) of it."""

MOST_DIGITS = 100_000
"""Largest decimal exponent of a string that is read as a rational."""

MOST_BITS = 100_000
"""Bits from which a power of a rational becomes an enclosure."""

SHORT = 32
"""A float whose numerator and denominator have at most so many binary digits, such as 0.25 or 1000, is meant
exactly."""


@contextmanager
def widened_constants() -> Iterator[None]:
    """Let the floats that a formula mixes with balls stand for all numbers that they may be the rounding of.

    What is decided within the block does not hang on the rounding of 0.1 or ``np.log(3)``.
    """
    token = _widened.set(True)
    try:
        yield
    finally:
        _widened.reset(token)


class Roundings:
    """Whether a formula has met a float that may be the rounding of another number."""

    met = False


_roundings: ContextVar[Roundings | None] = ContextVar("roundings", default=None)


@contextmanager
def noting_roundings() -> Iterator[Roundings]:
    """Note whether within the block a formula mixes balls with a float that `widened_constants` would widen.

    Yields
    ------
    Roundings
    """
    note = Roundings()
    token = _roundings.set(note)
    try:
        yield note
    finally:
        _roundings.reset(token)


def constant(value: Any) -> Ball:
    """A number that a formula mixes with balls."""
    kind = type(value)
    if kind is Ball:
        return value  # type: ignore[no-any-return]
    if (kind is int or kind is float) and (known := _SMALL.get(value)) is not None:
        return known
    ball = Ball(value)
    if isinstance(value, float | np.floating) and ball._rational is not None and may_be_rounded(ball._rational):
        if (note := _roundings.get()) is not None:
            note.met = True
        if _widened.get():
            return Ball(arb(arb(ball._rational), arb(2) ** CONSTANT_ERROR * max(1.0, abs(float(value)))))
    return ball


def may_be_rounded(value: fmpq) -> bool:
    """Whether a float of this value may be the rounding of another number: a short one is meant exactly."""
    return bool(value.height_bits() > SHORT)


def balls_in_force() -> bool:
    """Whether the code runs within a `precision` block."""
    return _in_force.get()


def to_fmpq(value: Any) -> fmpq:
    """`value` (int, float, Fraction, fmpq or a string such as ``"-3/4"``) as an exact rational.

    A float enters as the dyadic rational that it is: 0.1 is 3602879701896397/36028797018963968.
    """
    if isinstance(value, fmpq):
        return value
    if isinstance(value, Fraction):
        return fmpq(int(value.numerator), int(value.denominator))
    if isinstance(value, int | np.integer) and not isinstance(value, np.timedelta64):
        return fmpq(int(value))
    if isinstance(value, np.timedelta64):
        raise ValueError(f"{value!r} is not a finite rational number")
    try:
        if isinstance(value, float | np.floating):
            return fmpq(*float(value).as_integer_ratio())
        ratio = as_fraction(value)
    except (OverflowError, ValueError, ZeroDivisionError, TypeError):
        raise ValueError(f"{brief(value)} is not a finite rational number") from None
    return fmpq(int(ratio.numerator), int(ratio.denominator))


def as_fraction(value: Any) -> Fraction:
    """`value` as a Fraction; a ValueError if it is a string of which the digits would not fit in memory."""
    if isinstance(value, str) and (exponent := re.search(r"[eE]\s*[+-]?0*([0-9_]+)\s*$", value)):
        digits = exponent.group(1).replace("_", "")
        if len(digits) > len(str(MOST_DIGITS)) or int(digits) > MOST_DIGITS:
            raise ValueError(f"{brief(value)} has an exponent beyond {MOST_DIGITS}")
    return Fraction(value)


def rational_string(value: Any) -> str:
    """An exact rational as a string: ``"3/4"``, ``"-2"``."""
    return str(to_fmpq(value))


class Ball:
    """A real number known exactly (a rational) or within an enclosure.

    Parameters
    ----------
    value : int, float, Fraction, str, fmpq, arb or Ball
        A float counts as the exact binary number that it is.
    """

    __slots__ = ("_arb", "_rational")
    _rational: fmpq | None
    _arb: arb | None

    def __init__(self, value: Any = 0) -> None:
        if isinstance(value, Ball):
            self._rational, self._arb = value._rational, value._arb
        elif isinstance(value, arb):
            self._rational, self._arb = None, value
        else:
            self._rational, self._arb = to_fmpq(value), None

    @property
    def rational(self) -> fmpq | None:
        """The exact value, or None if only an enclosure is known."""
        return self._rational

    @property
    def arb(self) -> arb:
        """An enclosure, at the precision in force if the value is rational."""
        return arb(self._rational) if self._arb is None else self._arb

    def is_finite(self) -> bool:
        """Whether the enclosure is bounded.

        Returns
        -------
        bool
        """
        return self._arb is None or bool(self._arb.is_finite())

    def midpoint(self) -> float:
        """The double nearest to the value or to the centre of the enclosure.

        It is not the value: nothing may be decided by it.

        Returns
        -------
        float
        """
        if self._rational is None:
            return float(self._arb)  # type: ignore[arg-type]
        try:
            return int(self._rational.p) / int(self._rational.q)
        except OverflowError:
            return math.inf if self._rational > 0 else -math.inf

    def __float__(self) -> float:
        # A silent cast would pass a rounded number off as exact, and could refute a true claim.
        raise TypeError(
            f"{self!r} must not become a float: a formula may not leave ball arithmetic (float, astype, math.*)"
        )

    def __index__(self) -> int:
        if self._rational is None or self._rational.q != 1:
            raise TypeError(f"{self!r} is not known to be an integer")
        return int(self._rational.p)

    __int__ = __index__

    def __repr__(self) -> str:
        text = str(self._arb.str(15)) if self._arb is not None else str(self._rational)
        return f"Ball({text if len(text) < 60 else text[:28] + '…' + text[-28:]})"

    # Arithmetic ------------------------------------------------------------------------------------------

    # Millions of these run in an audit, so the common cases come first and make no call that they can do without.

    def _combine(self, other: Any, op: Callable[[Any, Any], Any]) -> Any:
        if type(other) is not Ball:
            other = _partner(other)
            if other is None:
                return NotImplemented
        a, b = self._rational, other._rational
        if a is None:
            return _enclosed(op(self._arb, other._arb if b is None else arb(b)))
        return _enclosed(op(arb(a), other._arb)) if b is None else _exact(op(a, b))

    def __add__(self, other: Any) -> Any:
        return self._combine(other, operator.add)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._combine(other, operator.sub)

    def __rsub__(self, other: Any) -> Any:
        return self._combine(other, _subtracted)

    def __mul__(self, other: Any) -> Any:
        known = type(other) is Ball
        product = self._combine(other, operator.mul)
        a, b = self._rational, other._rational if known else None
        if ((a is not None and not a) or (b is not None and not b)) and product is not NotImplemented:
            # Zero times a finite enclosure is exactly zero; times an infinite one it is not a number.
            return _SMALL[0] if product.arb.is_finite() else product
        return product

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._combine(other, operator.truediv)

    def __rtruediv__(self, other: Any) -> Any:
        return self._combine(other, _divided)

    def __neg__(self) -> Ball:
        return _enclosed(-self.arb) if self._rational is None else _exact(-self._rational)

    def __pos__(self) -> Ball:
        return self

    def __abs__(self) -> Ball:
        return _enclosed(abs(self.arb)) if self._rational is None else _exact(abs(self._rational))

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, np.ndarray) or getattr(exponent, "over_balls", False):
            return NotImplemented
        power = constant(exponent)
        if power._rational is not None and power._rational.q == 1:
            whole = int(power._rational.p)
            if self._rational is not None and abs(whole) * self._rational.height_bits() > MOST_BITS:
                return Ball(_whole_power(self.arb, whole))
            return Ball(self._rational**whole if self._rational is not None else _whole_power(self.arb, whole))
        return Ball(self.arb**power.arb)

    def __rpow__(self, base: Any) -> Any:
        return constant(base) ** self

    # Comparison ------------------------------------------------------------------------------------------

    def _compare(self, other: Any, relation: Callable[[Any, Any], bool], opposite: Callable[[Any, Any], bool]) -> bool:
        """Whether ``relation(self, other)``, if the enclosures decide it; an array compares its entries."""
        kind, a, value = type(other), self._rational, self._arb
        if (kind is int or kind is float) and other == 0:
            if a is not None:
                return relation(a, 0)
        elif isinstance(other, float) and math.isinf(other) and self.arb.is_finite():
            return relation(0.0, other)
        elif kind is not Ball and (isinstance(other, np.ndarray) or getattr(other, "over_balls", False)):
            return NotImplemented  # type: ignore[no-any-return]
        else:
            partner = other if kind is Ball else constant(other)
            b = partner._rational
            if a is not None and b is not None:
                return relation(a, b)
            value = self.arb - partner.arb
        if relation(value, 0):
            return True
        if opposite(value, 0):
            return False
        raise UndecidedComparison(
            f"{self!r} and {other!r} cannot be ordered at {ctx.prec} bits: their enclosures overlap "
            "(the larger or smaller of numbers that may be equal: et.largest, et.smallest)"
        )

    def __lt__(self, other: Any) -> bool:
        return self._compare(other, operator.lt, operator.ge)

    def __le__(self, other: Any) -> bool:
        return self._compare(other, operator.le, operator.gt)

    def __gt__(self, other: Any) -> bool:
        return self._compare(other, operator.gt, operator.le)

    def __ge__(self, other: Any) -> bool:
        return self._compare(other, operator.ge, operator.lt)

    def __eq__(self, other: object) -> bool:
        try:
            return self._compare(other, operator.eq, operator.ne)
        except ValueError:
            return NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __bool__(self) -> bool:
        return self != 0

    __hash__ = None  # type: ignore[assignment]

    # Functions that NumPy's ufuncs call on the elements of object arrays -----------------------------------

    def _function(self, name: str, argument: int | None = None, value: int = 0) -> Ball:
        x = self._arb
        if x is None:
            if argument is not None and self._rational == argument:
                return _SMALL[value]
            x = arb(self._rational)
        if ctx.prec >= REMEMBERED_FROM and (known := _remembered.get()) is not None and x.is_finite():
            key = name, ctx.prec, *x.mid().man_exp(), *x.rad().man_exp()
            if (result := known.get(key)) is None:
                if len(known) >= MOST_REMEMBERED * 4096 // max(ctx.prec, 4096):
                    known.clear()
                result = known[key] = getattr(x, name)()
            return _enclosed(result)
        return _enclosed(getattr(x, name)())

    def exp(self) -> Ball:
        """``exp(x)``.

        Returns
        -------
        Ball
        """
        return self._function("exp", 0, 1)

    def expm1(self) -> Ball:
        """``exp(x) - 1``.

        Returns
        -------
        Ball
        """
        return self._function("expm1", 0, 0)

    def log(self) -> Ball:
        """Natural logarithm.

        Returns
        -------
        Ball
        """
        return self._function("log", 1, 0)

    def log1p(self) -> Ball:
        """``log(1 + x)``.

        Returns
        -------
        Ball
        """
        return self._function("log1p", 0, 0)

    def sin(self) -> Ball:
        """Sine.

        Returns
        -------
        Ball
        """
        return self._function("sin", 0, 0)

    def cos(self) -> Ball:
        """Cosine.

        Returns
        -------
        Ball
        """
        return self._function("cos", 0, 1)

    def tan(self) -> Ball:
        """Tangent.

        Returns
        -------
        Ball
        """
        return self._function("tan", 0, 0)

    def sinh(self) -> Ball:
        """Hyperbolic sine.

        Returns
        -------
        Ball
        """
        return self._function("sinh", 0, 0)

    def cosh(self) -> Ball:
        """Hyperbolic cosine.

        Returns
        -------
        Ball
        """
        return self._function("cosh", 0, 1)

    def tanh(self) -> Ball:
        """Hyperbolic tangent.

        Returns
        -------
        Ball
        """
        return self._function("tanh", 0, 0)

    def arctan(self) -> Ball:
        """Inverse tangent.

        Returns
        -------
        Ball
        """
        return self._function("atan", 0, 0)

    def sqrt(self) -> Ball:
        """Square root; exact where that is rational.

        Returns
        -------
        Ball
        """
        if self._rational is not None and self._rational >= 0:
            p, q = int(self._rational.p), int(self._rational.q)
            root = Fraction(math.isqrt(p), math.isqrt(q))
            if root * root == Fraction(p, q):
                return Ball(root)
        return self._function("sqrt")

    def log2(self) -> Ball:
        """Logarithm to the base 2.

        Returns
        -------
        Ball
        """
        return Ball(self.log() / Ball(2).log())

    def log10(self) -> Ball:
        """Logarithm to the base 10.

        Returns
        -------
        Ball
        """
        return Ball(self.log() / Ball(10).log())

    def conjugate(self) -> Ball:
        """The number itself: balls are real.

        Returns
        -------
        Ball
        """
        return self


_new = object.__new__


def _exact(value: fmpq) -> Ball:
    """What `Ball` makes of a rational, without looking at its type."""
    ball = _new(Ball)
    ball._rational, ball._arb = value, None
    return ball


def _enclosed(value: arb) -> Ball:
    """What `Ball` makes of an enclosure, without looking at its type."""
    ball = _new(Ball)
    ball._rational, ball._arb = None, value
    return ball


def _partner(other: Any) -> Ball | None:
    """The other operand as a ball, or None where it has to answer itself."""
    if getattr(other, "over_balls", False):
        return None
    try:
        return constant(other)
    except ValueError:
        if isinstance(other, float | np.floating):  # infinite, or no number
            raise
        return None


def _subtracted(a: Any, b: Any) -> Any:
    return b - a


def _divided(a: Any, b: Any) -> Any:
    return b / a


_SMALL: dict[float, Ball] = {x: Ball(x) for x in (*range(-32, 65), 0.5, -0.5, 0.25, 1.5)}
"""Numbers that formulas are full of."""


def _whole_power(x: arb, n: int) -> arb:
    """By repeated squaring: ``arb ** int`` is undefined where the ball contains zero."""
    if n < 0:
        return 1 / _whole_power(x, -n)
    power = arb(1)
    for digit in bin(n)[2:]:
        power = power * power * (x if digit == "1" else 1)
    return power
