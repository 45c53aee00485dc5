"""Balls, rationals and dual numbers in place of floats: a result, or an error that names the argument."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from flint import arb, fmpq

import entropy_theory as et
from entropy_theory.checking import registry
from entropy_theory.duals import Dual
from entropy_theory.figures import gallery
from tests.fuzz_cases import CASES
from tests.hostile import violation

Array = np.ndarray[Any, Any]


def array(*entries: Any) -> Array:
    out = np.empty(len(entries), dtype=object)
    out[:] = entries
    return out


def alike(make: Callable[[float], Any]) -> Callable[[Any], Any]:
    """The numbers of a good argument in another arithmetic; None if they are not numbers."""

    def replaced(good: Any) -> Any:
        numbers = np.asarray(good)
        if numbers.dtype.kind not in "biuf" or not numbers.size:
            return None
        out = np.empty(numbers.shape, dtype=object)
        for index in np.ndindex(numbers.shape):
            out[index] = make(float(numbers[index]))
        return out

    return replaced


VALUES: dict[str, Callable[[Any], Any]] = {
    "a ball": lambda good: et.Ball(1),
    "a list of a ball": lambda good: [et.Ball(1)],
    "a pair of balls": lambda good: (et.Ball(1), et.Ball(2)),
    "a ball without axes": lambda good: np.array(et.Ball(1), dtype=object),
    "a dictionary of a ball": lambda good: {"a": et.Ball(1)},
    "a fraction": lambda good: Fraction(1, 3),
    "a whole fraction": lambda good: Fraction(2),
    "fractions": lambda good: [Fraction(1, 3), Fraction(2, 3)],
    "a rational": lambda good: fmpq(1, 3),
    "an enclosure": lambda good: arb(1),
    "an exact constant": lambda good: et.exact(1, 3),
    "exact constants": lambda good: [et.exact(1, 3), et.exact(2)],
    "the same as balls": alike(et.Ball),
    "the same as fractions": alike(Fraction),
    "the same as enclosures": alike(arb),
    "the same as exact constants": alike(lambda x: et.exact(Fraction(x))),
    "the same as rationals": alike(lambda x: fmpq(*x.as_integer_ratio())),
    "a dual number": lambda good: Dual(1, 1),
    "a list of a dual number": lambda good: [Dual(1, 1)],
    "the same as dual numbers": alike(lambda x: Dual(x, 1)),
    "the same as constant dual numbers": alike(Dual),
    "the same as dual numbers of wide balls": alike(lambda x: Dual(et.Ball(arb(x, 1)), 1)),
    "the same as dual numbers of unknown slope": alike(lambda x: Dual(x, arb("nan"))),
    "a wide ball": lambda good: et.Ball(arb(0, 1e300)),
    "a ball that is none": lambda good: et.Ball(arb("nan")),
    "an enclosure that is none": lambda good: arb("nan"),
    "an infinite enclosure": lambda good: arb("inf"),
    "the same as wide balls": alike(lambda x: et.Ball(arb(x, 1))),
    "the same as wider balls": alike(lambda x: et.Ball(arb(x, 1e300))),
    "the same as wide enclosures": alike(lambda x: arb(x, 1)),
    "the same as wider enclosures": alike(lambda x: arb(x, 1e300)),
    "the same as unbounded balls": alike(lambda x: et.Ball(arb("0 +/- inf"))),
    "as many balls that are none": alike(lambda x: et.Ball(arb("nan"))),
    "as many enclosures that are none": alike(lambda x: arb("nan")),
    "as many balls beyond the doubles": alike(lambda x: et.Ball(10**400)),
    "as many enclosures beyond all exponents": alike(lambda x: arb(10) ** (10**30)),
}


def wrong(name: str, argument: str) -> list[str]:
    """What is wrong with the calls of a case in which one argument is of another arithmetic."""
    case, found = CASES[name], []
    for label, make in VALUES.items():
        value = make(case.good[argument])
        if value is None:
            continue
        call = partial(case.call, **{**case.good, argument: value})
        said = violation(call, (*case.good, *case.names), may_be_nan=case.may_be_nan)
        if said is not None:
            found.append(f"{argument} is {label}: {said}")
    return found


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.good])
def test_numbers_of_another_arithmetic(name: str) -> None:
    assert [line for argument in CASES[name].good for line in wrong(name, argument)] == []


# What was found -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [et.Ball, Fraction, fmpq, arb])
@pytest.mark.parametrize("argument", ["w0", "total", "largest_step"])
def test_bounds_of_two_arms_with_one_exact_number(argument: str, number: Any) -> None:
    """Had no attribute 'dtype': of an array without axes NumPy makes the ball alone."""
    floats: dict[str, Any] = {"w0": 1.0, "total": 3.0, "largest_step": 2.0}
    enclosed = et.two_armed_bounds(**{**floats, argument: number(int(floats[argument]))})
    for exact, rounded in zip(enclosed, et.two_armed_bounds(**floats), strict=True):
        assert et.Ball(exact[()]).midpoint() == pytest.approx(float(rounded), rel=1e-12)


LOG_3 = np.log(et.exact(3))

LINEAR: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "times": (lambda z: z.sum() * LOG_3, LOG_3),
    "by": (lambda z: z.sum() / LOG_3, 1 / LOG_3),
    "plus": (lambda z: z.sum() + LOG_3, et.exact(1)),
    "minus": (lambda z: z.sum() - LOG_3, et.exact(1)),
    "from the left": (lambda z: LOG_3 * z.sum(), LOG_3),
    "an array": (lambda z: (z.sum() * array(et.Ball(2), et.Ball(3)))[0], et.exact(2)),
    "an array without axes": (lambda z: z.sum() * np.array(2.0), et.exact(2)),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_derivative_along_a_line_meets_an_exact_constant(name: str) -> None:
    """A sum is one dual number, which took the constant for a number of its own."""
    function, slope = LINEAR[name]
    z, v = array(et.Ball(1), et.Ball(2)), array(et.Ball(1), et.Ball(0))
    found = et.Ball(np.asarray(et.directional_derivative(function, z, v))[()])
    wanted = slope.ball()
    assert found.arb.overlaps(wanted.arb)
    assert float((found - wanted).arb.rad()) < 1e-12


@pytest.mark.parametrize("argument", ["z", "direction"])
def test_a_derivative_within_a_derivative_is_refused(argument: str) -> None:
    arguments: dict[str, Any] = {"z": array(et.Ball(1)), "direction": array(et.Ball(1)), argument: array(Dual(1, 1))}
    with pytest.raises(ValueError, match=rf"^{argument} holds dual numbers, expected floats or balls"):
        et.directional_derivative(et.entropy, **arguments)


@pytest.mark.parametrize("names", [0, None, et.Ball(1), [0], [et.Ball(1)], [None], [["a"]], [np.zeros(2)]], ids=repr)
def test_names_that_are_none_are_refused_by_their_word(names: Any) -> None:
    for select in (gallery.select, lambda names: registry.select(registry.paper_claims(), names)):
        with pytest.raises(ValueError, match=r"^names? is .*, expected (the )?names? of "):
            select(names)


@pytest.mark.parametrize("text", ["1e-4999", "1e4999"])
def test_a_constant_of_thousands_of_digits_is_exact(text: str) -> None:
    """Python converts no integer of more than 4,300 digits to text unless it is told to."""
    constant = et.exact(text)
    inverse = et.exact(10 ** int(text.removeprefix("1e").removeprefix("-")))
    one = np.array([et.Ball(1)])
    product = (one * constant * inverse) if "-" in text else (one * constant / inverse)
    assert product[0].rational == 1
    assert "cannot be printed" in repr(constant)
