"""Balls, exact constants and dual numbers against mpmath with many digits and against fractions."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb, ctx, fmpq
from hypothesis import given
from hypothesis import strategies as st

import entropy_theory as et
from entropy_theory.balls import as_fraction as rational_of
from entropy_theory.balls import constant, noting_roundings, widened_constants
from entropy_theory.constants import Exact
from entropy_theory.duals import Dual

Array = np.ndarray[Any, Any]

BITS = (53, 64, 128, 700)

fractions = st.fractions(min_value=-50, max_value=50, max_denominator=10**6)
positive_fractions = st.fractions(min_value=Fraction(1, 10**6), max_value=50, max_denominator=10**6)


def exact_of(x: Any) -> Fraction:
    """An arb whose radius is zero, as the dyadic rational that it is."""
    mantissa, exponent = x.man_exp()
    return Fraction(Fraction(int(mantissa)) * Fraction(2) ** int(exponent))


def bounds(ball: et.Ball) -> tuple[Fraction, Fraction]:
    """Exact ends of an enclosure: its centre and radius are binary fractions."""
    if ball.rational is not None:
        value = Fraction(int(ball.rational.p), int(ball.rational.q))
        return value, value
    middle, radius = exact_of(ball.arb.mid()), exact_of(ball.arb.rad())
    return middle - radius, middle + radius


def as_fraction(x: Any) -> Fraction:
    """An mpmath number as the binary fraction that it is, whatever the precision in force."""
    sign, mantissa, exponent, _ = x._mpf_
    return Fraction((-1) ** int(sign) * Fraction(int(mantissa)) * Fraction(2) ** int(exponent))


def assert_encloses(ball: et.Ball, function: Callable[[], Any], bits: int) -> None:
    """The enclosure holds the value that mpmath finds with 2000 bits, and is as thin as the precision promises."""
    with mpmath.workprec(2000):
        value = as_fraction(function())
    # mpmath is off by a few units in the 2000th bit.
    margin = (abs(value) + Fraction(1, 2**60)) / 2**1900
    low, high = bounds(ball)
    assert low - margin <= value <= high + margin
    assert high - low <= (abs(value) + 1) * Fraction(1, 2 ** (bits - 16))


def mp(q: Fraction) -> Any:
    return mpmath.mpf(q.numerator) / q.denominator


def objects(*values: Any) -> Array:
    return np.array([v if isinstance(v, Dual) else et.Ball(v) for v in values], dtype=object)


def overlapping() -> Array:
    """Two enclosures of e, of which nothing says that they are of one number."""
    half = (et.Ball(1) / 2).exp()
    return np.array([et.Ball(1).exp(), half * half], dtype=object)


# Arithmetic ------------------------------------------------------------------------------------------------------

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
}


@pytest.mark.parametrize("name", OPERATIONS)
@given(a=fractions, b=fractions)
def test_rational_operations_are_those_of_fractions(name: str, a: Fraction, b: Fraction) -> None:
    op = OPERATIONS[name]
    if name == "truediv" and b == 0:
        with pytest.raises(ZeroDivisionError):
            op(et.Ball(a), et.Ball(b))
        return
    expected = op(a, b)
    for left, right in ((et.Ball(a), et.Ball(b)), (a, et.Ball(b)), (et.Ball(a), b)):
        result = op(left, right)
        assert isinstance(result, et.Ball)
        assert result.rational == fmpq(expected.numerator, expected.denominator)


@given(a=fractions, n=st.integers(-6, 6))
def test_whole_powers_of_rationals_are_exact(a: Fraction, n: int) -> None:
    if a == 0 and n < 0:
        with pytest.raises(ZeroDivisionError):
            et.Ball(a) ** n
        return
    assert bounds(et.Ball(a) ** n) == (a**n, a**n)


@pytest.mark.parametrize("bits", BITS)
@given(a=positive_fractions, b=positive_fractions)
def test_operations_on_enclosures_enclose(bits: int, a: Fraction, b: Fraction) -> None:
    with et.precision(bits):
        x, y = et.Ball(a).log(), et.Ball(b).sqrt() + et.Ball(a).exp()
        results = {
            "sum": x + y,
            "difference": x - y,
            "reversed": 3 - x,
            "product": x * y,
            "quotient": x / y,
            "reciprocal": 1 / y,
            "square": x**2,
            "cube": (-x) ** 3,
            "inverse square": y**-2,
            "zeroth": x**0,
            "absolute": abs(x),
            "power": y ** et.Ball("1/3"),
            "base": 2**x,
        }
    with mpmath.workprec(2000):
        u, v = mpmath.log(mp(a)), mpmath.sqrt(mp(b)) + mpmath.exp(mp(a))
        expected = {
            "sum": u + v,
            "difference": u - v,
            "reversed": 3 - u,
            "product": u * v,
            "quotient": u / v,
            "reciprocal": 1 / v,
            "square": u**2,
            "cube": (-u) ** 3,
            "inverse square": v**-2,
            "zeroth": mpmath.mpf(1),
            "absolute": abs(u),
            "power": v ** (mpmath.mpf(1) / 3),
            "base": mpmath.mpf(2) ** u,
        }
    for name, result in results.items():
        value, (low, high) = as_fraction(expected[name]), bounds(result)
        # The value from mpmath is right to 1900 bits of the operands.
        margin = (abs(value) + Fraction(2) ** 80) / 2**1900
        assert low - margin <= value <= high + margin, name


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "arctan": mpmath.atan,
    "sqrt": mpmath.sqrt,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "log10": mpmath.log10,
}


@pytest.mark.parametrize("bits", [64, 256])
@pytest.mark.parametrize("name", FUNCTIONS)
@given(q=st.fractions(min_value=Fraction(1, 1000), max_value=Fraction(3, 2), max_denominator=10**5))
def test_functions_enclose(name: str, bits: int, q: Fraction) -> None:
    ufunc = getattr(np, name)
    with et.precision(bits):
        (result,) = ufunc(objects(q))
    assert_encloses(result, lambda: FUNCTIONS[name](mp(q)), bits)


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("exp", 0, 1),
        ("expm1", 0, 0),
        ("log", 1, 0),
        ("log1p", 0, 0),
        ("sin", 0, 0),
        ("cos", 0, 1),
        ("cosh", 0, 1),
        ("tanh", 0, 0),
        ("arctan", 0, 0),
        ("sqrt", Fraction(9, 4), Fraction(3, 2)),
        ("sqrt", 0, 0),
        ("log2", 1, 0),
    ],
)
def test_functions_keep_rational_values_rational(name: str, argument: Any, value: Any) -> None:
    (result,) = getattr(np, name)(objects(argument))
    assert bounds(result) == (Fraction(value), Fraction(value))


@pytest.mark.parametrize("huge", [10**400, Fraction(1, 10**400), -(10**400)], ids=["huge", "tiny", "negative"])
def test_sizes_beyond_doubles_survive(huge: Any) -> None:
    ball = et.Ball(huge)
    assert bounds(ball + 1 - 1) == (huge, huge)
    assert (ball > 0) is (huge > 0)
    assert ball.midpoint() == (0.0 if isinstance(huge, Fraction) else math.inf if huge > 0 else -math.inf)


@pytest.mark.parametrize("x", [0.1, -1e-300, 5e-324, 1e308, 2.0**-1074 * 3])
def test_floats_enter_as_the_binary_numbers_that_they_are(x: float) -> None:
    value = Fraction(x)
    assert bounds(et.Ball(x)) == (value, value)
    assert bounds(x * et.Ball("1/3")) == (value / 3, value / 3)
    assert bounds(np.float64(x) * et.Ball("1/3")) == (value / 3, value / 3)
    assert bounds((np.array([x]) * objects("1/3"))[0]) == (value / 3, value / 3)
    assert bounds((objects("1/3") - x)[0]) == (Fraction(1, 3) - value, Fraction(1, 3) - value)


@pytest.mark.parametrize("x", [np.float32(0.1), np.float16(0.1), np.int64(-7), np.uint8(200), np.int32(5)])
def test_numpy_scalars_enter_exactly(x: Any) -> None:
    value = Fraction(x.item())
    assert bounds(et.Ball(x)) == (value, value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "x", "1/0", None, 1j, np.timedelta64(3, "s")])
def test_what_is_no_finite_rational_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="finite rational"):
        et.Ball(value)


def test_undefined_values_are_never_finite() -> None:
    undefined = [et.Ball(0).log(), et.Ball(-1).log(), et.Ball(-1).sqrt(), et.Ball(-8) ** et.Ball("1/3")]
    undefined.append(1 / (overlapping()[0] - overlapping()[1]))
    for ball in undefined:
        assert not ball.arb.is_finite()
        assert not (0 * ball).arb.is_finite()
        for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
            with pytest.raises(et.UndecidedComparison):
                compare(ball, 1)


def test_precision_is_restored_after_an_error() -> None:
    before = et.Ball(2).log().arb.rad()
    with pytest.raises(RuntimeError), et.precision(1000):
        raise RuntimeError
    assert et.Ball(2).log().arb.rad() == before


# Comparison ------------------------------------------------------------------------------------------------------

COMPARISONS = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)


@given(a=fractions, b=fractions)
def test_rationals_are_compared_exactly(a: Fraction, b: Fraction) -> None:
    for compare in COMPARISONS:
        assert compare(et.Ball(a), et.Ball(b)) is compare(a, b)
        assert compare(et.Ball(a), et.Ball(a)) is compare(a, a)
        assert compare(a, et.Ball(b)) is compare(a, b)
    assert bool(et.Ball(a)) is bool(a)


def test_rationals_that_floats_cannot_tell_apart() -> None:
    third = et.Ball("1/3")
    assert third * 3 == 1
    assert third != 1 / 3
    assert third > 1 / 3  # the double lies below one third
    assert third + et.Ball(Fraction(1, 10**200)) > third


@pytest.mark.parametrize("compare", COMPARISONS)
def test_overlapping_enclosures_are_not_ordered(compare: Callable[[Any, Any], Any]) -> None:
    a, b = overlapping()
    for left, right in ((a, b), (b, a), (a, a), (a - b, 0), (a - b, et.Ball(0))):
        with pytest.raises(et.UndecidedComparison):
            compare(left, right)


def test_enclosures_apart_are_ordered() -> None:
    e, near = et.Ball(1).exp(), et.Ball(Fraction(271828182845, 10**11))
    assert e > near
    assert near < e
    assert e >= near
    assert e != near
    assert not e <= near


def test_a_higher_precision_decides() -> None:
    close = Fraction(1, 10**40)
    with pytest.raises(et.UndecidedComparison):
        assert et.Ball(1).exp() < et.Ball(1).exp() + close
    with et.precision(256):
        assert et.Ball(1).exp() < et.Ball(1).exp() + close


UNDECIDABLE: dict[str, Callable[[Array], Any]] = {
    "max": np.max,
    "min": np.min,
    "sort": np.sort,
    "argsort": np.argsort,
    "argmax": np.argmax,
    "argmin": np.argmin,
    "where": lambda x: np.where(x[:1] > x[1:], 1, 0),
    "where on the difference": lambda x: np.where(x - x[::-1], 1, 0),
    "maximum": lambda x: np.maximum(x, x[::-1]),
    "minimum": lambda x: np.minimum(x, x[::-1]),
    "clip": lambda x: np.clip(x, x[::-1], 10),
    "unique": np.unique,
    "median": np.median,
    "partition": lambda x: np.partition(x, 1),
    "searchsorted": lambda x: np.searchsorted(x, x[1]),
    "ptp": np.ptp,
    "sign": lambda x: np.sign(x - x[::-1]),
    "equal": lambda x: x == x[::-1],
    "array_equal": lambda x: np.array_equal(x, x[::-1]),
    "nonzero": lambda x: np.nonzero(x - x[::-1]),
    "count_nonzero": lambda x: np.count_nonzero(x - x[::-1]),
    "logical_not": lambda x: np.logical_not(x - x[::-1]),
    "astype(bool)": lambda x: (x - x[::-1]).astype(bool),
    "any": lambda x: bool(np.any(x - x[::-1])),
    "isin": lambda x: np.isin(x, x[::-1]),
    "python max": max,
    "python sorted": sorted,
}


@pytest.mark.parametrize("name", UNDECIDABLE)
def test_numpy_raises_where_enclosures_overlap(name: str) -> None:
    with pytest.raises(et.UndecidedComparison):
        UNDECIDABLE[name](overlapping())


def test_numpy_orders_what_is_apart() -> None:
    e, third = et.Ball(1).exp(), et.Ball("1/3")
    x = np.array([e, third, et.Ball(-2), et.Ball(5)], dtype=object)
    assert np.max(x) is x[3]
    assert np.min(x) is x[2]
    assert np.argmax(x) == 3
    assert np.argsort(x).tolist() == [2, 1, 0, 3]
    assert [v.midpoint() for v in np.sort(x)] == pytest.approx([-2, 1 / 3, math.e, 5])
    assert np.where(x > 1, 1, 0).tolist() == [1, 0, 0, 1]


def test_numpy_finds_ties_of_rationals() -> None:
    x = objects("1/3", "2/6", "1/4")
    assert (x == x[0]).tolist() == [True, True, False]
    assert np.max(x) == et.Ball(Fraction(1, 3))
    assert np.sign(x - x[0]).tolist() == [0, 0, -1]


@pytest.mark.parametrize("rounding", [np.floor, np.ceil, np.rint, np.trunc, np.round], ids=lambda f: f.__name__)
def test_rounding_to_integers_is_right_or_refused(rounding: Callable[[Any], Any]) -> None:
    """One minus 10**-30 is no double; its floor is 0. A floor of its rounded double, 1, would be wrong."""
    below = objects(Fraction(10**30 - 1, 10**30))
    expected = {"floor": 0, "ceil": 1, "rint": 1, "trunc": 0, "round": 1}[rounding.__name__]
    try:
        (result,) = rounding(below)
    except (TypeError, ArithmeticError):
        pass
    else:
        assert result == expected
    with pytest.raises((TypeError, ArithmeticError)):  # whether the difference is below zero is not known
        rounding(overlapping()[:1] - overlapping()[1:])


# Largest and smallest --------------------------------------------------------------------------------------------


@given(values=st.lists(st.fractions(-5, 5, max_denominator=7), min_size=1, max_size=6))
def test_largest_and_smallest_of_rationals(values: list[Fraction]) -> None:
    x = objects(*values)
    assert et.largest(x).item() == et.Ball(max(values))
    assert et.smallest(x).item() == et.Ball(min(values))
    assert float(et.largest(np.array([float(v) for v in values]))) == max(float(v) for v in values)
    assert float(et.smallest(np.array([float(v) for v in values]))) == min(float(v) for v in values)


@pytest.mark.parametrize("bits", BITS)
def test_largest_encloses_the_maximum_of_what_overlaps(bits: int) -> None:
    with et.precision(bits):
        e = overlapping()
        nearly = np.array([*e, e[0] + Fraction(1, 2**bits), et.Ball(1)], dtype=object)
        assert_encloses(et.largest(e).item(), lambda: mpmath.e, bits)
        assert_encloses(et.smallest(e).item(), lambda: mpmath.e, bits)
        assert_encloses(et.largest(nearly).item(), lambda: mpmath.e + mpmath.mpf(2) ** -bits, bits)
        assert et.smallest(nearly).item() == 1


def test_largest_along_an_axis() -> None:
    x = np.array([[1.0, 5.0], [3.0, 2.0]])
    balls = np.array([[et.Ball(v) for v in row] for row in x], dtype=object)
    for axis in (0, 1, -1):
        assert et.largest(x, axis).tolist() == x.max(axis).tolist()
        assert [v.midpoint() for v in et.largest(balls, axis)] == x.max(axis).tolist()
        assert [v.midpoint() for v in et.smallest(balls, axis)] == x.min(axis).tolist()


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int64, np.uint64])
def test_smallest_of_integers_does_not_wrap(kind: Any) -> None:
    lowest = np.iinfo(kind).min
    assert int(et.smallest(np.array([lowest, 1], dtype=kind))) == lowest


# Exact constants -------------------------------------------------------------------------------------------------


def ball_of(value: Any) -> et.Ball:
    """`value`, a constant of any kind, once it has met a ball."""
    (result,) = objects(0) + value
    assert isinstance(result, et.Ball)
    return result


def test_exact_constants_are_rational_in_balls() -> None:
    assert bounds(ball_of(et.exact("1/10"))) == (Fraction(1, 10),) * 2
    assert bounds(ball_of(et.exact("0.1"))) == (Fraction(1, 10),) * 2
    assert bounds(ball_of(et.exact(-3, 7))) == (Fraction(-3, 7),) * 2
    assert bounds(ball_of(et.exact(Fraction(2, 3)) ** 2)) == (Fraction(4, 9),) * 2
    assert bounds(ball_of(1 - et.exact(1, 3) * 6)) == (Fraction(-1),) * 2
    assert bounds((objects("1/7") / et.exact(1, 3))[0]) == (Fraction(3, 7),) * 2


@pytest.mark.parametrize("bits", BITS)
def test_exact_logarithms_in_balls(bits: int) -> None:
    with et.precision(bits):
        assert_encloses(ball_of(np.log(et.exact(3)) ** 2 / 4 + 1), lambda: mpmath.log(3) ** 2 / 4 + 1, bits)
        assert_encloses(ball_of(np.sqrt(et.exact(1, 5))), lambda: mpmath.sqrt(mpmath.mpf(1) / 5), bits)


def test_exact_constants_on_floats() -> None:
    x = np.array([0.5, -3.0])
    assert (x * et.exact("1/10")).tolist() == (x * 0.1).tolist()
    assert (np.log(et.exact(3)) + x).tolist() == (np.log(3) + x).tolist()
    assert float(np.exp(et.exact(2))) == np.exp(2.0)
    assert (x.astype(complex) * et.exact(1, 3)).dtype == np.complex128


def test_exact_constants_on_duals() -> None:
    (tangent,) = et.directional_derivative(lambda x: et.exact(1, 3) * x**2, objects(5), objects(1))
    assert bounds(tangent) == (Fraction(10, 3),) * 2


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (lambda: 2.0 * et.exact(1, 3), Fraction(2, 3)),
        (lambda: et.exact(1, 3) * 0.5, Fraction(1, 6)),
        (lambda: np.float64(0.5) * et.exact(1, 3), Fraction(1, 6)),
        (lambda: np.int64(2) * et.exact(1, 3), Fraction(2, 3)),
        (lambda: et.exact(1, 3) + np.int64(1), Fraction(4, 3)),
        (lambda: et.exact(1, 3) - 0.5, Fraction(-1, 6)),
    ],
)
def test_exact_constants_stay_exact_beside_plain_numbers(expression: Callable[[], Any], value: Fraction) -> None:
    """A float is an exact binary number: two times one third is two thirds, not the double nearest to it."""
    assert bounds(ball_of(expression())) == (value, value)


def test_exact_constants_have_a_truth_value_or_none() -> None:
    """Python's ``if``, ``min`` and ``max`` ask for one; an answer that is always true would be wrong."""
    for wrong in (
        lambda: et.exact(1, 3) > et.exact(1, 2),
        lambda: np.log(et.exact(3)) > 2,
        lambda: et.exact(1, 2) == et.exact(1, 3),
        lambda: et.exact(0),
    ):
        try:
            answer = bool(wrong())
        except TypeError:
            continue
        assert answer is False


def test_where_keeps_an_exact_constant() -> None:
    """``np.where`` is no ufunc; a constant that enters through it must not be rounded on the way to balls."""
    x = objects("1/7", -1)
    with et.precision(53):
        result = np.where(x > 0, et.exact(1, 10), x)
    assert bounds(et.Ball(ball_of(result[0]))) == (Fraction(1, 10),) * 2


@pytest.mark.parametrize("arguments", [(0.1,), ("x",), (1, 0), ("1/0",), (None,), (1, 0.1), ("nan",), ("inf",)])
def test_what_is_no_rational_constant_is_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected|already rounded"):
        et.exact(*arguments)


def test_exact_constants_print_what_they_are() -> None:
    assert repr(et.exact(1, 3)) == "exact(1/3)"
    assert "log" in repr(np.log(et.exact(3)))
    assert isinstance(np.log(et.exact(3)), Exact)


# Duals and derivatives -------------------------------------------------------------------------------------------

CURVES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "polynomial": (lambda x: 3 * x**3 - x * x + 2, lambda x: 3 * x**3 - x * x + 2),
    "quotient": (lambda x: (1 - x) / (2 + x), lambda x: (1 - x) / (2 + x)),
    "reciprocal": (lambda x: 1 / x, lambda x: 1 / x),
    "negative power": (lambda x: x**-3, lambda x: x**-3),
    "fractional power": (lambda x: x**0.5, lambda x: x**0.5),
    "exp": (lambda x: np.exp(-(x**2)), lambda x: mpmath.exp(-(x**2))),
    "expm1": (np.expm1, mpmath.expm1),
    "log": (lambda x: x * np.log(x), lambda x: x * mpmath.log(x)),
    "log1p": (np.log1p, mpmath.log1p),
    "sqrt": (lambda x: np.sqrt(1 + x), lambda x: mpmath.sqrt(1 + x)),
    "tanh": (np.tanh, mpmath.tanh),
    "softplus": (lambda x: np.log(1 + np.exp(x)), lambda x: mpmath.log(1 + mpmath.exp(x))),
    "constant": (lambda x: 0 * x + 2, lambda x: mpmath.mpf(2)),
}


@pytest.mark.parametrize("name", CURVES)
@given(q=st.fractions(Fraction(1, 50), 4, max_denominator=1000), v=st.sampled_from([1, -2, Fraction(1, 3), 0]))
def test_directional_derivative_of_curves(name: str, q: Fraction, v: Fraction) -> None:
    function, reference = CURVES[name]
    with mpmath.workprec(1200):
        # A symmetric quotient at 400 bits of step: its error is below 2**-600 of the third derivative.
        h = mpmath.mpf(2) ** -400
        expected = as_fraction((reference(mp(q) + h) - reference(mp(q) - h)) / (2 * h) * mp(Fraction(v)))
    with et.precision(128):
        (tangent,) = et.directional_derivative(function, objects(q), objects(v))
    low, high = bounds(tangent)
    margin = Fraction(1, 2**500)
    assert low - margin <= expected <= high + margin
    assert high - low <= Fraction(1, 2**60)
    floats = et.directional_derivative(function, np.array([float(q)]), np.array([float(v)]))
    # q and v are rounded to doubles: a relative 2**-53 each, times derivatives below 2**24 on this interval.
    assert abs(float(floats[0]) - float(expected)) <= 2.0**-50 * 2.0**24


@given(z=st.lists(st.fractions(-6, 6, max_denominator=50), min_size=2, max_size=4))
def test_directional_derivative_of_the_entropy(z: list[Fraction]) -> None:
    v = [Fraction((-1) ** i * (i + 1), 2) for i in range(len(z))]
    with et.precision(128):
        tangent = et.directional_derivative(et.entropy, objects(*z), objects(*v)).item()
    with mpmath.workprec(600):
        weights = [mpmath.exp(mp(q)) for q in z]
        p = [w / mpmath.fsum(weights) for w in weights]
        entropy = -mpmath.fsum(x * mpmath.log(x) for x in p)
        expected = as_fraction(mpmath.fsum(-x * (mpmath.log(x) + entropy) * mp(d) for x, d in zip(p, v, strict=True)))
    low, high = bounds(tangent)
    assert low - Fraction(1, 2**500) <= expected <= high + Fraction(1, 2**500)


def test_directional_derivative_through_an_mdp() -> None:
    """A chain with one state: the value is (p . r) / (1 - gamma), whose derivative is a rational at z = 0."""

    def objective(z: Array) -> Array:
        transition = np.array([[[et.Ball(1)], [et.Ball(1)]]], dtype=object)
        reward = np.array([[et.Ball(3), et.Ball(1)]], dtype=object)
        return et.MDP(transition, reward, et.Ball("1/3"), objects(1)).objective(z)[None]

    z, v = objects(0, 0)[None], objects(1, -1)[None]
    (tangent,) = et.directional_derivative(objective, z, v)
    low, high = bounds(tangent)
    assert low <= Fraction(3, 2) <= high  # (1/2)(1/2) (3 - 1) 2 / (2/3)
    assert high - low < Fraction(1, 10**12)


@pytest.mark.parametrize("compare", COMPARISONS)
def test_duals_compare_by_value(compare: Callable[[Any, Any], Any]) -> None:
    """A function on a line may choose between formulas; the choice must be that of the values, or be refused."""
    for left, right in ((1, 1), (1, 2), (Fraction(2, 3), Fraction(1, 3)), (0, 0)):
        for other in (right, et.Ball(right), Dual(right, 5)):
            try:
                answer = compare(Dual(left, 1), other)
            except (TypeError, et.UndecidedComparison):
                assert left == right  # at a tie the derivative may depend on the side
                continue
            assert answer is compare(left, right)


def test_duals_of_overlapping_values_are_not_ordered() -> None:
    a, b = overlapping()
    for compare in COMPARISONS:
        with pytest.raises((et.UndecidedComparison, TypeError)):
            compare(Dual(a, 1), Dual(b, 1))


def test_the_truth_of_a_dual_is_that_of_its_value_or_refused() -> None:
    try:
        answer = bool(Dual(0, 1))
    except (TypeError, et.UndecidedComparison):
        return
    assert answer is False


def test_a_branch_at_zero_has_the_right_derivative_or_is_refused() -> None:
    """(exp(x) - 1) / x, written with its limit 1 at 0 by np.where: equality must be seen on duals too."""

    def chosen(x: Array) -> Array:
        return np.where(x == 0, 7 * x, x)

    try:
        (tangent,) = et.directional_derivative(chosen, objects(0), objects(1))
    except (TypeError, ArithmeticError):
        return
    assert tangent == 7


def test_a_derivative_is_not_lost_in_a_cast_to_floats() -> None:
    """A cast drops the tangent; the derivative 2 must be found, or the cast be refused."""
    try:
        (tangent,) = et.directional_derivative(lambda x: x.astype(float) ** 2, objects(1), objects(1))
    except (TypeError, ValueError, ArithmeticError):
        return
    low, high = bounds(et.Ball(tangent))
    assert low <= 2 <= high


CASTS: dict[str, Callable[[Array], Any]] = {
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "complex": lambda x: complex(x[0]),
    "math": lambda x: math.exp(x[0]),
    "astype": lambda x: x.astype(float),
    "astype complex": lambda x: x.astype(complex),
    "astype int": lambda x: x.astype(int),
    "asarray": lambda x: np.asarray(x, dtype=np.float64),
    "assignment": lambda x: np.zeros(2).__setitem__(slice(None), x),
    "gradient": np.gradient,
    "interp": lambda x: np.interp(x, [0.0, 5.0], [0.0, 5.0]),
    "isclose": lambda x: np.isclose(x, x),
    "linalg": lambda x: np.linalg.inv(np.array([[x[0], 1], [1, x[1]]])),
    "out": lambda x: np.add(x, x, out=np.zeros(2), casting="unsafe"),
    "histogram": lambda x: np.histogram(x, bins=[0.0, 1.0, 5.0]),
}


@pytest.mark.parametrize("name", CASTS)
def test_an_enclosure_does_not_become_a_float_in_silence(name: str) -> None:
    with pytest.raises((TypeError, ValueError, ArithmeticError)):
        CASTS[name](overlapping())


def test_arb_enters_a_ball_as_it_is() -> None:
    wide = arb(1, 1)
    low, high = bounds(et.Ball(wide))
    assert low <= 0
    assert high >= 2
    with pytest.raises(et.UndecidedComparison):
        assert et.Ball(wide) > 1


@pytest.mark.parametrize("shift", [40, 57, 700])
def test_divergences_of_far_policies_are_enclosed(shift: int) -> None:
    """A rescaling against overflow must not bring the rounding of a float exponential into the enclosure."""
    old = [Fraction(1, 10**12), 1 - Fraction(1, 10**12)]
    change = [Fraction(shift) + Fraction(1, 3), Fraction(0)]
    with mpmath.workdps(400):
        x = [mpmath.log(mpmath.mpf(p.numerator) / p.denominator) for p in old]
        new = [a + mpmath.mpf(c.numerator) / c.denominator for a, c in zip(x, change, strict=True)]
        total = mpmath.log(sum(mpmath.exp(b) for b in new))
        weights = [mpmath.mpf(p.numerator) / p.denominator for p in old]
        divergence = sum(w * (a - b + total) for w, a, b in zip(weights, x, new, strict=True))
        text = mpmath.nstr(divergence, 300)
    with et.precision(1100):
        reference = arb(text)
    for bits in (64, 256, 900):
        with et.precision(bits):
            z = np.log(np.array([et.Ball(p) for p in old], dtype=object))
            value = et.kl(z, z + np.array([et.Ball(c) for c in change], dtype=object))
            assert value.item().arb.overlaps(reference)


# Where a value is exact, and where it is not ----------------------------------------------------------------------

AT_ZERO = {
    "exp": 1,
    "expm1": 0,
    "log1p": 0,
    "sin": 0,
    "cos": 1,
    "tan": 0,
    "sinh": 0,
    "cosh": 1,
    "tanh": 0,
    "arctan": 0,
    "sqrt": 0,
}


@pytest.mark.parametrize("name", AT_ZERO)
def test_a_function_is_exact_at_zero_and_enclosed_elsewhere(name: str) -> None:
    assert getattr(et.Ball(0), name)().rational == AT_ZERO[name]
    reference = getattr(mpmath, {"arctan": "atan"}.get(name, name))
    for x in (Fraction(1), Fraction(1, 2), Fraction(3)):
        with et.precision(128):
            ball = getattr(et.Ball(x), name)()
        if name != "sqrt" or x != 1:
            assert ball.rational is None
        assert_encloses(ball, lambda x=x: reference(mp(x)), 128)  # type: ignore[misc]


def test_a_logarithm_is_exact_at_one_only() -> None:
    assert et.Ball(1).log().rational == 0
    assert et.Ball(2).log().rational is None


def test_a_root_is_exact_where_it_is_rational() -> None:
    assert et.Ball(Fraction(4, 9)).sqrt().rational == fmpq(2, 3)
    assert et.Ball(2).sqrt().rational is None
    assert et.Ball(Fraction(4, 3)).sqrt().rational is None


def test_an_index_is_a_whole_number() -> None:
    assert int(et.Ball(3)) == 3
    assert [10, 20, 30][et.Ball(1)] == 20
    for ball in (et.Ball(Fraction(1, 2)), et.Ball(1).exp()):
        with pytest.raises(TypeError, match="is not known to be an integer"):
            int(ball)


def test_zero_times_a_bounded_enclosure_is_zero() -> None:
    e, unbounded = et.Ball(1).exp(), et.Ball(arb("inf"))
    for product in (et.Ball(0) * e, e * et.Ball(0)):
        assert product.rational == 0
    for product in (e * 0, 0 * e):
        assert not any(bounds(product))
    assert (et.Ball(0) * unbounded).rational is None
    assert not (et.Ball(0) * unbounded).is_finite()
    assert (e * 1).rational is None
    with pytest.raises(TypeError):
        et.Ball(0) * object()


def test_a_large_power_is_enclosed() -> None:
    """Up to 100,000 bits exactly: of 3, two bits, to the 50,000th power; of 2047, eleven bits, not to the 9091st."""
    with et.precision(64):
        assert (et.Ball(3) ** 50_000).rational == fmpq(3) ** 50_000
        assert (et.Ball(2047) ** 9090).rational == fmpq(2047) ** 9090
        assert (et.Ball(2047) ** 9091).rational is None
        assert (et.Ball(Fraction(1, 2047)) ** -9091).rational is None
        large = et.Ball(3) ** 60_000
    assert large.rational is None
    low, high = bounds(large)
    assert low <= 3**60_000 <= high


def test_how_far_a_constant_is_widened() -> None:
    """By 2**-50 of it, at least by that much; what is short is meant exactly."""
    with et.precision(128), widened_constants():
        for value, radius in ((0.1, 1.0), (3.7, 3.7), (-1000.1, 1000.1)):
            low, high = bounds(constant(value))
            assert abs((high - low) / 2 * 2**50 / Fraction(radius) - 1) < Fraction(1, 10**6)
            assert low < Fraction(value) < high
        assert constant(0.25).rational == fmpq(1, 4)
    assert constant(0.1).rational == et.Ball(0.1).rational


def test_a_float_that_may_be_rounded_is_noted_within_the_block_alone() -> None:
    with noting_roundings() as outer:
        for value in (0.25, 1000.0, 3, Fraction(1, 10), et.Ball(0.1)):
            assert constant(value) == value
        assert not outer.met
        with noting_roundings() as inner:
            assert et.Ball(1) + 0.1 > 1
        assert inner.met
        assert not outer.met
        assert et.Ball(0.1) < np.float64(0.7)
        assert outer.met
    constant(0.3)
    with noting_roundings() as later:
        pass
    assert not later.met


def test_a_ball_shows_fifteen_digits() -> None:
    with et.precision(64):
        assert repr(et.Ball(1).exp()).startswith("Ball([2.71828182845905 +/- ")
    assert repr(et.Ball(Fraction(1, 3))) == "Ball(1/3)"


def test_a_number_is_compared_with_an_enclosure_of_zero() -> None:
    around = et.Ball(arb(0, 1))
    assert et.Ball(5) > around
    assert around < et.Ball(5)
    assert et.Ball(5) != around
    with pytest.raises(et.UndecidedComparison):
        bool(around > 0)


# What is accepted, and what is taken for exact ---------------------------------------------------------------------


@pytest.mark.parametrize("bits", [1, 0, -64, 2**24 + 1, True, 64.0, "64", None])
def test_bits_are_a_whole_number_that_fits_in_memory(bits: Any) -> None:
    with pytest.raises(ValueError, match=r"bits is .*expected an integer in \[2, 16777216\]"), et.precision(bits):
        pass


@pytest.mark.parametrize("bits", [2, 2**24])
def test_the_least_and_the_most_bits(bits: int) -> None:
    with et.precision(bits):
        assert ctx.prec == bits


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e3", fmpq(1000)),
        ("-25E-2", fmpq(-1, 4)),
        ("3e+0000001", fmpq(30)),
        ("1e-100000", fmpq(1, 10**100_000)),
        ("1e99_999", fmpq(10**99_999)),
    ],
)
def test_decimal_exponents_are_read_exactly(text: str, value: fmpq) -> None:
    assert et.Ball(text).rational == value


@pytest.mark.parametrize("text", ["1e100001", "1e-100001", "1e999999", "1e1000000", "1e" + "9" * 20])
def test_strings_of_more_digits_than_fit_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="finite rational"):
        et.Ball(text)
    with pytest.raises(ValueError, match="has an exponent beyond 100000"):
        rational_of(text)


@pytest.mark.parametrize(
    ("value", "short"),
    [(2.0**32 - 1, True), (2.0**33 - 1, False), (2.0**-31, True), (2.0**-32, False), (-(2.0**32) + 1, True)],
)
def test_floats_of_up_to_32_binary_digits_are_meant_exactly(value: float, short: bool) -> None:
    with widened_constants():
        widened = constant(value)
    assert (widened.rational is not None) is short
    low, high = bounds(widened)
    assert low <= Fraction(value) <= high


def test_a_ball_equals_nothing_that_is_no_number() -> None:
    """It leaves the answer to the other operand: an array answers entry by entry."""
    one = et.Ball(1)
    for other in ([1], {1}, "x", None, object()):
        assert one != other
        assert (one == other) is False
    assert np.asarray(one == objects(1, 2)).tolist() == [True, False]


def test_a_ball_of_nothing_is_zero() -> None:
    assert et.Ball().rational == 0


def test_a_ball_beside_an_array_answers_for_each_entry() -> None:
    x = np.array([1.0, 2.0, 4.0])
    two: Any = et.Ball(2)
    assert (two < x).tolist() == (x > two).tolist() == [False, False, True]
    assert (two <= x).tolist() == (x >= two).tolist() == [False, True, True]
    assert (two > x).tolist() == (x < two).tolist() == [True, False, False]
    assert (two >= x).tolist() == (x <= two).tolist() == [True, True, False]
    assert (two == x).tolist() == [False, True, False]
    assert [y.rational for y in two**x] == [2, 4, 16]
