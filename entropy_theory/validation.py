"""Checks of arguments: an error names the argument, the place, the offending value and what was expected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq, fmpz

from entropy_theory.arithmetic import to_balls
from entropy_theory.balls import Ball, UndecidedComparison
from entropy_theory.brief import brief
from entropy_theory.duals import Dual

Array = np.ndarray[Any, Any]

LARGEST = 1e300

MOST_NUMBERS = 2**36
"""Numbers of an array, half a terabyte: a broadcast view may claim more, and would take hours to look through."""

_FINITE = float(np.finfo(np.float64).max)

_ENCLOSED = (Ball, Dual, arb)
_EXACT = (int, float, Fraction, fmpq, fmpz, np.integer, np.floating)


def as_numbers(value: Any, name: str, *, axes: int = 0) -> Array:
    """`value` as an array of float64, complex128 or balls with at least `axes` axes and only finite entries.

    Raises
    ------
    ValueError
        If `value` is not numeric, is empty, has too few axes, or holds an infinite or undefined entry.
    """
    array = as_array(value, name, axes=axes)
    _require_within(array, _FINITE, name)
    return array


def as_reals(value: Any, name: str, *, axes: int = 0) -> Array:
    """As `as_numbers`, without complex and dual numbers: for what is not differentiated."""
    return real_only(as_numbers(value, name, axes=axes), name)


def real_only(array: Array, name: str, why: str = "") -> Array:
    """The array itself; a ValueError if it holds the complex or the dual numbers of a derivative."""
    if array.dtype.kind == "c":
        raise ValueError(f"{name} has dtype {array.dtype}, expected real numbers")
    if array.dtype == object and (dual := next((x for x in array.flat if isinstance(x, Dual)), None)) is not None:
        reason = f": {why}" if why else ""
        raise ValueError(f"{name} holds dual numbers such as {brief(dual)}, expected floats or balls{reason}")
    return array


def as_logits(value: Any, name: str = "z") -> Array:
    """`value` as finite logits of shape (..., A) with A >= 1, small enough that their differences are finite."""
    logits = as_array(value, name, axes=1)
    _require_within(logits, LARGEST if logits.dtype == np.float64 else _FINITE, name)
    return logits


def as_array(value: Any, name: str, *, axes: int = 0, bounded: bool = True) -> Array:
    """As `as_numbers`, for a caller that finds out by itself whether the floats among the entries are finite; and with
    `bounded` false, whether the balls are."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is {brief(value)}, expected an array of numbers, with rows of one length") from None
    if array.size > MOST_NUMBERS:
        raise ValueError(f"{name} has shape {array.shape}, expected at most {MOST_NUMBERS:,} numbers")
    if np.ma.is_masked(value):
        raise ValueError(f"{name} is {brief(value)}, a masked array, expected numbers that are all there")
    if array.dtype == object:
        array = _as_balls(array, name, bounded)
    elif array.dtype.kind in "biufc":
        with np.errstate(over="ignore"):  # a number beyond the doubles becomes infinite, and is refused as that
            array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64, copy=False)
    else:
        raise ValueError(f"{name} has dtype {array.dtype} (first entry {brief(_first(array))}), expected real numbers")
    if array.ndim < axes:
        raise ValueError(f"{name} has shape {array.shape}, expected at least {axes} ax{'i' if axes == 1 else 'e'}s")
    if axes and 0 in array.shape[-axes:]:
        where = "the last axis" if axes == 1 else f"each of the last {axes} axes"
        raise ValueError(f"{name} has shape {array.shape}, expected at least one entry along {where}")
    return array


def _require_within(array: Array, limit: float, name: str) -> None:
    if array.dtype == object or within(array, limit):
        return
    report(~np.isfinite(array), array, name, "a finite number")
    report(np.abs(array) > limit, array, name, f"a number of size at most {limit:g}")


def within(array: Array, limit: float) -> bool:
    """Whether all entries have size at most `limit`; of complex numbers both parts. No array is made for it."""
    if not array.size:
        return True
    if array.dtype.kind == "c":
        return within(array.real, limit) and within(array.imag, limit)
    return bool(array.max() <= limit and array.min() >= -limit)


def report(wrong: Array, array: Array, name: str, expected: str) -> None:
    """Raise a ValueError that points at the first entry of `array` where `wrong` is true, if there is one."""
    if np.any(wrong):
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"{name}{_place(index)} is {_plain(array[index])}, expected {expected}")


def _place(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""


def broadcast(**arrays: Array) -> list[Array]:
    """The arrays broadcast against each other, all balls if one is; or a ValueError that names them and their shapes.

    Floats among balls would pass rounded exponentials off as exact numbers.
    """
    if len({array.dtype == object for array in arrays.values()}) > 1:
        arrays = {name: to_balls(array, name) for name, array in arrays.items()}
    try:
        return list(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} has shape {array.shape}" for name, array in arrays.items())
        raise ValueError(f"{shapes}, expected shapes that broadcast against each other") from None


@contextmanager
def within_doubles(*names: str) -> Iterator[None]:
    """Products of finite floats that are beyond the doubles raise an OverflowError that names the arguments."""
    try:
        with np.errstate(over="raise", invalid="raise"):
            yield
    except FloatingPointError:
        raise OverflowError(
            f"{' or '.join(names)} is too large, expected numbers of which the result is within the range of doubles"
        ) from None


def as_fraction(value: Any, name: str) -> float:
    """A share in (0, 1]."""
    number = as_scalar(value, name)
    if not 0 < number <= 1:
        raise ValueError(f"{name} is {brief(number)}, expected a fraction in (0, 1]")
    return number


def as_scalar(value: Any, name: str) -> float:
    """One finite real number, as a float."""
    if isinstance(value, Fraction):
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"{name} is {brief(value)}, expected a number in the range of doubles") from None
    array = as_numbers(value, name)
    if array.ndim or array.dtype.kind in "cO":
        raise ValueError(f"{name} has shape {array.shape} and dtype {array.dtype}, expected one real number")
    return float(array)


def is_whole(value: Any) -> bool:
    """Whether `value` is an integer: Python's or NumPy's, but no truth value and no span of time."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64)


def as_count(value: Any, name: str, least: int = 1) -> int:
    """An integer of at least `least`."""
    if not is_whole(value) or value < least:
        raise ValueError(f"{name} is {brief(value)}, expected an integer >= {least}")
    return int(value)


def as_generator(seed: Any, name: str = "seed") -> np.random.Generator:
    """A generator from a seed: an integer >= 0, a SeedSequence or a Generator, which is used as it is."""
    whole = is_whole(seed) and seed >= 0
    if not whole and not isinstance(seed, np.random.SeedSequence | np.random.Generator):
        raise ValueError(f"{name} is {brief(seed)}, expected an integer >= 0, a SeedSequence or a Generator")
    return np.random.default_rng(seed)


def _as_balls(array: Array, name: str, bounded: bool) -> Array:
    out = np.empty(array.shape, dtype=object)
    for index in np.ndindex(array.shape):
        x = array[index]
        if isinstance(x, _EXACT) and not isinstance(x, np.timedelta64):
            try:
                x = Ball(int(x) if isinstance(x, np.integer | fmpz) else float(x) if isinstance(x, np.floating) else x)
            except ValueError:
                report(np.ones((), dtype=bool), np.array(x), f"{name}{_place(index)}", "a finite number")
        elif not isinstance(x, _ENCLOSED):
            raise ValueError(f"{name}{_place(index)} is {brief(x)} of type {type(x).__name__}, expected a real number")
        if bounded and isinstance(x, arb) and not x.is_finite():
            raise ValueError(f"{name}{_place(index)} is {x}, expected a finite number, bounded at {ctx.prec} bits")
        if bounded and isinstance(x, Ball) and not x.is_finite():
            raise UndecidedComparison(f"{name}{_place(index)} is {x}, not bounded at {ctx.prec} bits")
        out[index] = x
    return out


def _plain(x: Any) -> str:
    return repr(x.item()) if isinstance(x, np.generic) else repr(x)


def _first(array: Array) -> Any:
    return array.flat[0] if array.size else None
