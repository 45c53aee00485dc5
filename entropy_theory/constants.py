"""Constants that are exact in every arithmetic.

``0.1 * x`` means the binary number 0.1000000000000000055… also in ball arithmetic, and ``np.log(3)`` its rounded
double. ``exact("1/10") * x`` and ``np.log(exact(3))`` mean one tenth and the logarithm of three: they wait until they
meet an array and then take its arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from entropy_theory.balls import Ball


class Exact(NDArrayOperatorsMixin):
    """A constant expression, evaluated in the arithmetic of the array that it meets."""

    def __init__(self, evaluate: Callable[[Callable[[Fraction], Any]], Any], text: str) -> None:
        self._evaluate = evaluate
        self._text = text

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or ufunc.nout != 1:
            return NotImplemented
        others = [x for x in inputs if not isinstance(x, Exact)]
        if all(isinstance(x, int | Fraction) and not isinstance(x, bool) for x in others) and not kwargs:
            parts = [x if isinstance(x, Exact) else exact(x) for x in inputs]
            text = f"{ufunc.__name__}({', '.join(p._text for p in parts)})"
            return Exact(lambda number: ufunc(*(p._evaluate(number) for p in parts)), text)
        balls = any(np.asarray(x).dtype == object for x in others)
        return ufunc(*(_meet(x, balls) for x in inputs), **kwargs)

    def __float__(self) -> float:
        return float(self._evaluate(float))

    def ball(self) -> Ball:
        """An enclosure at the precision in force (exact if the constant is rational)."""
        return Ball(self._evaluate(Ball))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.asarray(float(self), dtype=dtype)

    def __repr__(self) -> str:
        return f"exact({self._text})"


def _meet(value: Any, balls: bool) -> Any:
    if not isinstance(value, Exact):
        return value
    return np.array(value.ball(), dtype=object) if balls else float(value)


def exact(numerator: int | str | Fraction, denominator: int = 1) -> Exact:
    """An exact rational constant for use in a formula.

    Parameters
    ----------
    numerator : int, str or Fraction
        ``exact(1, 3)``, ``exact("1/3")`` and ``exact("0.1")`` are exactly one third and one tenth.
    denominator : int, optional

    Examples
    --------
    >>> import numpy as np, entropy_theory as et
    >>> float(np.log(et.exact(2)) / 2)
    0.34657359027997264
    """
    if isinstance(numerator, float):
        raise ValueError(
            f"numerator is the float {numerator!r}, already rounded; write it as a string or as two integers"
        )
    try:
        value = Fraction(numerator) / denominator
    except (ValueError, TypeError, ZeroDivisionError):
        raise ValueError(f"numerator/denominator is {numerator!r}/{denominator!r}, expected a rational") from None
    return Exact(lambda number: number(value), str(value))
