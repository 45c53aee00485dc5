"""Constants that are exact in every arithmetic.

``0.1 * x`` means the binary number 0.1000000000000000055… also in ball arithmetic, and ``np.log(3)`` its rounded
double. ``exact("1/10") * x`` and ``np.log(exact(3))`` mean one tenth and the logarithm of three: they wait until they
meet an array and then take its arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from numbers import Rational
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from entropy_theory.balls import Ball, as_fraction, balls_in_force, precision
from entropy_theory.brief import brief

_PLAIN = (int, float, Fraction, np.integer, np.floating)

_COMPARISONS = {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}

DECIDED_AT = 4096
"""Bits at which two constants are compared."""


class Exact(NDArrayOperatorsMixin):
    """A constant expression, evaluated in the arithmetic of the array that it meets."""

    over_balls = True
    """A ball that meets a constant leaves the operation to it."""

    def __init__(self, evaluate: Callable[[Callable[[Fraction], Any]], Any], text: str) -> None:
        self._evaluate = evaluate
        self._text = text

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or ufunc.nout != 1:
            return NotImplemented
        others = [x for x in inputs if not isinstance(x, Exact)]
        if all(isinstance(x, _PLAIN) for x in others) and not kwargs:
            return _constant_result(ufunc, [x if isinstance(x, Exact) else _plain(x) for x in inputs])
        balls = balls_in_force() or any(np.asarray(x).dtype == object for x in others)
        return ufunc(*(_meet(x, balls) for x in inputs), **kwargs)

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __float__(self) -> float:
        if balls_in_force():
            raise TypeError(f"{self!r} must not become a float: a formula may not leave ball arithmetic")
        return float(self._evaluate(float))

    def ball(self) -> Ball:
        """An enclosure at the precision in force (exact if the constant is rational)."""
        return Ball(self._evaluate(Ball))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.ball(), dtype=object) if balls_in_force() else np.asarray(float(self), dtype=dtype)

    def __repr__(self) -> str:
        return f"exact({self._text})"


def _constant_result(ufunc: np.ufunc, parts: list[Exact]) -> Any:
    if ufunc in _COMPARISONS:
        with precision(DECIDED_AT):
            answer: Any = ufunc(*(np.array(p.ball(), dtype=object) for p in parts))
            return bool(answer)
    text = f"{ufunc.__name__}({', '.join(p._text for p in parts)})"
    return Exact(lambda number: ufunc(*(p._evaluate(number) for p in parts)), text)


def _meet(value: Any, balls: bool) -> Any:
    if isinstance(value, Exact):
        return np.array(value.ball(), dtype=object) if balls else float(value)
    return np.asarray(value, dtype=object) if balls and not isinstance(value, Ball) else value


def exact(numerator: int | str | Fraction, denominator: int = 1) -> Exact:
    """An exact rational constant for use in a formula.

    Parameters
    ----------
    numerator : int, str or Fraction
        ``exact(1, 3)``, ``exact("1/3")`` and ``exact("0.1")`` are exactly one third and one tenth.
    denominator : int, optional

    Returns
    -------
    Exact
        A constant that takes the arithmetic of the array it meets: a double beside floats, a ball beside balls.

    Raises
    ------
    ValueError
        If a float is given, which is rounded already, or no rational.

    Examples
    --------
    >>> import numpy as np, entropy_theory as et
    >>> float(np.log(et.exact(2)) / 2)
    0.34657359027997264
    """
    for name, part in (("numerator", numerator), ("denominator", denominator)):
        if isinstance(part, float | np.floating):
            raise ValueError(
                f"{name} is the float {brief(part)}, already rounded; write it as a string or as two integers"
            )
    if not isinstance(numerator, str | Rational) or not isinstance(denominator, Rational):
        raise ValueError(f"numerator/denominator is {brief(numerator)}/{brief(denominator)}, expected a rational")
    try:
        value = as_fraction(numerator) / denominator
    except (ValueError, TypeError, ZeroDivisionError):
        raise ValueError(
            f"numerator/denominator is {brief(numerator)}/{brief(denominator)}, expected a rational"
        ) from None
    return _plain(value)


def _plain(value: Any) -> Exact:
    """A plain number as the exact number that it is."""
    if isinstance(value, float | np.floating):
        value = float(value)
        if not np.isfinite(value):
            raise ValueError(f"{brief(value)} is not a finite rational number")
    fraction = Fraction(value)
    try:
        text = str(fraction)
    except ValueError:  # more digits than Python converts
        text = brief(fraction)
    return Exact(lambda number: number(fraction), text)
