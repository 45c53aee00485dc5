"""Checks of what a control is made with, and of the coefficients and step sizes that it is given."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from entropy_theory.arithmetic import midpoint
from entropy_theory.balls import Ball
from entropy_theory.brief import brief, message
from entropy_theory.constants import Exact, exact
from entropy_theory.validation import as_numbers, report

Array = np.ndarray[Any, Any]

Number = int | float | Fraction | Exact
"""A number in a field of a control. A `Fraction` or a constant written with `exact` is exact also on balls."""

Coefficient = Number | Callable[[int], Any]
"""A number >= 0, or a schedule: a function of the step."""


def check_number(value: Any, name: str, expected: str, holds: Callable[[Any], bool]) -> None:
    """Raise a ValueError unless `value` is one finite real number of which `holds` is true."""
    if not isinstance(value, Exact | Fraction):
        array = as_numbers(value, name)
        if array.ndim or array.dtype != np.float64:
            raise ValueError(f"{name} is {brief(value)}, expected {expected}")
    elif not math.isfinite((value.ball() if isinstance(value, Exact) else Ball(value)).midpoint()):
        raise ValueError(f"{name} is {brief(value)}, expected {expected}, in the range of doubles")
    if not holds(value):
        raise ValueError(f"{name} is {brief(value)}, expected {expected}")


def check_finite(value: Any, name: str) -> None:
    """Raise a ValueError unless `value` is one finite real number."""
    check_number(value, name, "one real number", lambda x: True)


def check_nonnegative(value: Any, name: str) -> None:
    """Raise a ValueError unless `value` is a number >= 0."""
    check_number(value, name, "a number >= 0", lambda x: bool(x >= 0))


def check_share(value: Any, name: str) -> None:
    """Raise a ValueError unless `value` lies in (0, 1]."""
    check_number(value, name, "a fraction in (0, 1]", lambda x: bool(0 < x <= 1))


def check_coefficient(value: Any, name: str) -> None:
    """Raise a ValueError unless `value` is a number >= 0 or a function of the step."""
    if not callable(value):
        check_nonnegative(value, name)


def check_clip(low: Any, high: Any, names: tuple[str, str]) -> None:
    """Raise a ValueError unless the ratio may move within [1 - low, 1 + high], 0 <= low <= 1 and high >= 0."""
    check_number(low, names[0], "a number in [0, 1]", lambda x: bool(0 <= x <= 1))
    check_nonnegative(high, names[1])


def check_choice(value: Any, name: str, choices: tuple[str, ...]) -> None:
    """Raise a ValueError unless `value` is one of the names in `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} is {brief(value)}, expected one of {', '.join(map(repr, choices))}")


def check_flag(value: Any, name: str) -> None:
    """Raise a ValueError unless `value` is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} is {brief(value)}, expected True or False")


def as_step(step: Any) -> int:
    """The number of a step: an integer >= 0."""
    try:
        number = operator.index(step)
    except TypeError:
        number = -1
    if number < 0:
        raise ValueError(f"step is {brief(step)}, expected an integer >= 0")
    return number


def in_formula(value: Any) -> Any:
    """A number of a field as it may meet floats and balls: a `Fraction` would turn an array of floats into objects."""
    return exact(value) if isinstance(value, Fraction) else value


def at_step(schedule: Callable[[int], Any], step: int, name: str) -> Any:
    """What a function of the step gives; a TypeError that names it if it takes no step."""
    try:
        return schedule(step)
    except TypeError as error:
        raise TypeError(f"{name} is {brief(schedule)}, expected a function of the step: {message(error)}") from error


def coefficient_at(value: Coefficient, step: Any, name: str) -> Any:
    """A coefficient at a step: a constant written with `exact`, or an array, with an entry a problem or of shape ().

    Raises
    ------
    ValueError
        If `step` is no integer >= 0, or the coefficient is negative or not finite there.
    """
    number = in_formula(at_step(value, as_step(step), name) if callable(value) else value)
    if isinstance(number, Exact):
        check_nonnegative(number, name)
        return number
    array = as_numbers(number, name)
    report(midpoint(array) < 0, array, name, "a number >= 0")
    return array


def scalar_at(value: Coefficient, step: Any, name: str) -> float:
    """A coefficient at a step, for a batch of tokens: one float."""
    number = coefficient_at(value, step, name)
    if not isinstance(number, Exact) and (number.ndim or number.dtype != np.float64):
        raise ValueError(f"{name} has shape {number.shape} and dtype {number.dtype}, expected one real number")
    return float(number)


def as_step_size(eta: Any) -> Any:
    """A step size > 0, or an array of them with an entry a problem."""
    number = in_formula(eta)
    if isinstance(number, Exact):
        check_number(number, "eta", "a step size > 0", lambda x: bool(x > 0))
        return number
    array = as_numbers(number, "eta")
    report(midpoint(array) <= 0, array, "eta", "a step size > 0")
    return array


def spread(number: Any, axes: int) -> Any:
    """A number a problem, of shape (...), beside arrays with `axes` more axes."""
    return number if isinstance(number, Exact) else number.reshape(*number.shape, *(1,) * axes)
