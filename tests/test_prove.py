"""Proofs by subdivision: no claim with a known counterexample is ever proved, and plain true claims are.

Every family below has a supremum known in closed form, attained at a known point of the box. A constant just below it
makes the claim false, however hard its counterexamples are to find; one above it makes it true.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import entropy_theory as et
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.prove import _halves as halves
from entropy_theory.checking.prove import _outer as outer_end
from entropy_theory.checking.prove import _slopes as slopes
from entropy_theory.checking.prove import eligible, prove

Array = np.ndarray[Any, Any]
F = Fraction
d = et.domains
exact = et.exact

MOST = 5000
"""Boxes within which a well-behaved claim with five per cent of room has to be proved."""

UNIT = {"x": d.reals(0, 1)}
SQUARE = {"x": d.reals(0, 1), "y": d.reals(0, 1)}
CUBE = {"x": d.reals(0, 1), "y": d.reals(0, 1), "z": d.reals(0, 1)}


def claim(given: Any, lhs: Any, rhs: Any, **more: Any) -> Claim:
    return et.Inequality(name="some-claim", given=given, lhs=lhs, rhs=rhs, **more)


def unproved(false: Claim, most_boxes: int = MOST) -> None:
    """Neither with derivatives nor without, nor with many boxes or few."""
    for derivatives in (True, False):
        assert prove(false, most_boxes=most_boxes, derivatives=derivatives) is None
    assert prove(false, most_boxes=7) is None


def pair(a: Any, b: Any) -> Array:
    return np.stack([a, b], axis=-1)


# Claims drawn at random -----------------------------------------------------------------------------------------
#
# An atom is a function of one variable with values in [0, 1] and the maximum 1, of t = (x - low) / (high - low).


@dataclass(frozen=True)
class Atom:
    """A function of t in [0, 1], at most one and nowhere negative, and where it is one."""

    label: str
    function: Callable[[Any], Any]
    peak: float


def _bump(a: Fraction, width: Fraction) -> Callable[[Any], Any]:
    return lambda t: np.exp(-(((t - exact(a)) / exact(width)) ** 2))


def _hill(a: Fraction, width: Fraction) -> Callable[[Any], Any]:
    return lambda t: 1 / (1 + ((t - exact(a)) / exact(width)) ** 2)


def _parabola(a: Fraction) -> Callable[[Any], Any]:
    return lambda t: 1 - ((t - exact(a)) / exact(max(a, 1 - a))) ** 2


def _tent(a: Fraction) -> Callable[[Any], Any]:
    return lambda t: 1 - abs(t - exact(a)) / exact(max(a, 1 - a))


def _small_tent(a: Fraction) -> Callable[[Any], Any]:
    return lambda t: et.smallest(pair(t / exact(a), (1 - t) / exact(1 - a)))


def _switch(a: Fraction) -> Callable[[Any], Any]:
    return lambda t: np.where((t <= exact(a)).astype(bool), t / exact(a), (1 - t) / exact(1 - a))


def _jump(a: Fraction) -> Callable[[Any], Any]:
    return lambda t: np.where((t < exact(a)).astype(bool), t / 2, 1 - (t - exact(a)) / 2)


def _sorted(a: Fraction) -> Callable[[Any], Any]:
    return lambda t: 1 - np.maximum(t - exact(a), exact(a) - t) / exact(max(a, 1 - a))


E = np.exp(exact(1))
SMOOTH: list[Atom] = [
    Atom("rising", lambda t: t, 1.0),
    Atom("falling", lambda t: 1 - t, 0.0),
    Atom("4 t (1 - t)", lambda t: 4 * t * (1 - t), 0.5),
    Atom("s exp(1 - s), s = 4 t", lambda t: 4 * t * np.exp(1 - 4 * t), 0.25),
    Atom("-e s log s", lambda t: -E * (t + exact(1, 8)) / exact(9, 8) * np.log((t + exact(1, 8)) / exact(9, 8)), 0.0),
    Atom("tanh", lambda t: np.tanh(2 * t) / np.tanh(exact(2)), 1.0),
    Atom("log1p", lambda t: np.log1p(1 - t) / np.log(exact(2)), 0.0),
    Atom("power", lambda t: (1 - t) ** 5, 0.0),
    Atom("entropy", lambda t: et.entropy(pair(4 * t - 2, 0 * t)) / np.log(exact(2)), 0.5),
]
SMOOTH[4] = Atom(SMOOTH[4].label, SMOOTH[4].function, float((9 / 8) / math.e - 1 / 8))

centres = st.sampled_from([F(1, 2), F(1, 3), F(5, 8), F(9, 10), F(1, 1024), F(1, 10**9)])
smooth_atoms = st.one_of(
    st.sampled_from(SMOOTH),
    st.sampled_from([F(1, 2), F(1, 3), F(5, 8)]).flatmap(
        lambda a: st.sampled_from(
            [
                Atom(f"parabola at {a}", _parabola(a), float(a)),
                Atom(f"bump at {a}", _bump(a, F(1, 2)), float(a)),
                Atom(f"hill at {a}", _hill(a, F(1, 2)), float(a)),
            ]
        )
    ),
)
hostile_atoms = centres.flatmap(
    lambda a: st.sampled_from(
        [
            Atom(f"needle at {a}", _bump(a, F(1, 10**9)), float(a)),
            Atom(f"thin hill at {a}", _hill(a, F(1, 10**12)), float(a)),
            Atom(f"tent at {a}", _tent(a), float(a)),
            Atom(f"smallest at {a}", _small_tent(a), float(a)),
            Atom(f"switch at {a}", _switch(a), float(a)),
            Atom(f"jump at {a}", _jump(a), float(a)),
            Atom(f"maximum at {a}", _sorted(a), float(a)),
            Atom("steep rise", lambda t: t**200, 1.0),
            Atom("steep fall", lambda t: np.exp(-1000 * t), 0.0),
        ]
    )
)

OUTER: dict[str, Callable[[Any], Any]] = {
    "identity": lambda u: u,
    "square": lambda u: u**2,
    "exp": lambda u: np.exp(u) / E,
    "log1p": lambda u: np.log1p(u) / np.log(exact(2)),
    "tanh": lambda u: np.tanh(u) / np.tanh(exact(1)),
    "cancels": lambda u: (1 + u) ** 2 - 1 - u * u - u,
}
"""Increasing functions of u in [0, 1] with the value 1 at 1."""


@dataclass(frozen=True)
class Problem:
    """``size * (f(x, ...) + g) <= size * (c + g)`` with the supremum of f being one."""

    atoms: tuple[Atom, ...]
    ends: tuple[tuple[float, float], ...]
    multiply: bool
    outer: str
    size: Fraction
    both_sides: bool

    @property
    def given(self) -> dict[str, Any]:
        return {name: d.reals(*ends) for name, ends in zip("xyz", self.ends, strict=False)}

    def value(self, *variables: Any) -> Any:
        """f."""
        parts = [
            atom.function((x - low) / exact(F(high) - F(low)))
            for atom, x, (low, high) in zip(self.atoms, variables, self.ends, strict=True)
        ]
        total = parts[0]
        for part in parts[1:]:
            total = total * part if self.multiply else total + part
        return OUTER[self.outer](total if self.multiply else total / len(parts))

    def beside(self, x: Any) -> Any:
        """g, of size at most one."""
        return x * (1 + x) / 72 if self.both_sides else 0 * x

    def claim(self, c: Fraction) -> Claim:
        def lhs(x: Any, y: Any = None, z: Any = None) -> Any:
            return exact(self.size) * (self.value(*(v for v in (x, y, z) if v is not None)) + self.beside(x))

        def rhs(x: Any) -> Any:
            return exact(self.size) * (exact(c) + self.beside(x))

        return claim(self.given, lhs, rhs)

    def witness(self) -> list[Array]:
        return [
            np.array([low + atom.peak * (high - low)]) for atom, (low, high) in zip(self.atoms, self.ends, strict=True)
        ]


intervals = st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (-3.0, -2.5), (0.25, 8.0), (-1.0, 0.0)])


@st.composite
def problems(draw: st.DrawFn, atoms: st.SearchStrategy[Atom], most: int) -> Problem:
    n = draw(st.integers(1, most))
    return Problem(
        tuple(draw(atoms) for _ in range(n)),
        tuple(draw(intervals) for _ in range(n)),
        draw(st.booleans()),
        draw(st.sampled_from(list(OUTER))),
        draw(st.sampled_from([F(1), F(1, 1000), F(70, 3)])),
        draw(st.booleans()),
    )


any_problem = problems(st.one_of(smooth_atoms, hostile_atoms), 3)
shortfalls = st.sampled_from([F(1, 20), F(1, 1000), F(1, 10**9), F(1, 10**15)])


@settings(max_examples=100)
@given(any_problem)
def test_the_generator_knows_the_supremum(problem: Problem) -> None:
    """In floats: one at the known point, to the rounding of this point, and nowhere more."""
    rng = np.random.default_rng(0)
    draws = [rng.uniform(low, high, 2000) for low, high in problem.ends]
    assert problem.value(*draws).max() <= 1 + 1e-12
    needle = any(a.label.startswith(("needle", "thin", "jump")) for a in problem.atoms)
    if not needle:
        assert problem.value(*problem.witness())[0] >= 1 - 1e-5


@settings(max_examples=50)
@given(any_problem, shortfalls, st.booleans(), st.sampled_from([5, 40, 150]))
def test_no_false_claim_is_proved(problem: Problem, shortfall: Fraction, derivatives: bool, most_boxes: int) -> None:
    false = problem.claim(1 - shortfall)
    assert prove(false, most_boxes=most_boxes, derivatives=derivatives) is None


@settings(max_examples=20)
@given(problems(smooth_atoms, 2))
def test_well_behaved_claims_are_proved(problem: Problem) -> None:
    """Not among them: formulas of two variables in which most of the value cancels, which take the most boxes."""
    assume(problem.outer != "cancels" or len(problem.atoms) == 1)
    true = problem.claim(F(21, 20))
    proof = prove(true, most_boxes=2 * MOST)
    assert proof is not None
    assert 1 <= proof.boxes <= 2 * MOST
    assert all(f"{name} in [" in proof.domain for name in problem.given)


# Suprema in closed form -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Family:
    """A function, its supremum over the box (under the assumption) and a point where it is attained."""

    given: dict[str, Any]
    lhs: Callable[..., Any]
    peak: Any
    at: tuple[Any, ...]
    assuming: Callable[..., Any] | None = None
    provable: bool = True

    def claim(self, rhs: Any) -> Claim:
        return claim(self.given, self.lhs, rhs, assuming=self.assuming)


def _reals(**ends: tuple[float, float]) -> dict[str, Any]:
    return {name: d.reals(low, high) for name, (low, high) in ends.items()}


ROOT = np.sqrt(exact(1, 3))
FAMILIES = {
    "parabola": Family(UNIT, lambda x: x * (1 - x), exact(1, 4), (0.5,)),
    "cubic": Family(UNIT, lambda x: x - x**3, 2 * ROOT / 3, (3**-0.5,)),
    "cubic with two peaks": Family(_reals(x=(-3, 2)), lambda x: x**3 - 3 * x, exact(2), (-1,)),
    "quartic, two peaks": Family(_reals(x=(-2, 2)), lambda x: 2 + 2 * x**2 - x**4, exact(3), (1,)),
    "x exp(-x)": Family(_reals(x=(0, 10)), lambda x: x * np.exp(-x), np.exp(exact(-1)), (1,)),
    "log(x) / x": Family(_reals(x=(0.5, 10)), lambda x: np.log(x) / x, np.exp(exact(-1)), (math.e,)),
    "-x log x": Family(_reals(x=(2**-10, 1)), lambda x: -x * np.log(x), np.exp(exact(-1)), (1 / math.e,)),
    "entropy of two": Family(
        _reals(a=(0.0625, 0.9375)), lambda a: et.entropy(np.log(pair(a, 1 - a))), np.log(exact(2)), (0.5,)
    ),
    "entropy by logits": Family(_reals(z=(-8, 8)), lambda z: et.entropy(pair(z, 0 * z)), np.log(exact(2)), (0,)),
    "probability": Family(
        _reals(z=(-3, 3), w=(-1, 1)),
        lambda z, w: et.softmax(pair(z, w))[..., 0],
        1 / (1 + np.exp(exact(-4))),
        (3, -1),
    ),
    "product": Family(SQUARE, lambda x, y: x * (1 - x) * y * (1 - y), exact(1, 16), (0.5, 0.5)),
    "saddle": Family(_reals(x=(-1, 1), y=(-1, 1)), lambda x, y: x * y, exact(1), (-1, -1)),
    "saddle, other sign": Family(_reals(x=(-1, 1), y=(-1, 1)), lambda x, y: -x * y, exact(1), (1, -1)),
    "three factors": Family(CUBE, lambda x, y, z: x * (1 - y) * z, exact(1), (1, 0, 1)),
    "rational": Family(_reals(x=(0, 5)), lambda x: x / (1 + x * x), exact(1, 2), (1,)),
    "kink": Family(UNIT, lambda x: 1 - abs(x - exact(1, 3)), exact(1), (1 / 3,)),
    "kinks in two variables": Family(SQUARE, lambda x, y: 1 - abs(x - y), exact(1), (0.3, 0.3)),
    "smallest": Family(SQUARE, lambda x, y: et.smallest(pair(x + y, 2 - x - y)), exact(1), (0.75, 0.25)),
    "largest": Family(SQUARE, lambda x, y: et.largest(pair(x - y, y - x)), exact(1), (0, 1)),
    "half of the interval": Family(UNIT, lambda x: x, exact(1, 2), (0.5,), lambda x: (x <= exact(1, 2)).astype(bool)),
    "a triangle": Family(SQUARE, lambda x, y: x * y, exact(1, 4), (0.5, 0.5), lambda x, y: (x + y <= 1).astype(bool)),
    "a disc": Family(
        SQUARE,
        lambda x, y: x + y,
        np.sqrt(exact(2)),
        (2**-0.5, 2**-0.5),
        lambda x, y: (x * x + y * y <= 1).astype(bool),
    ),
    "cancellation": Family(SQUARE, lambda x, y: 1 + (x + y) ** 2 - (x - y) ** 2 - 4 * x * y, exact(1), (0, 0)),
    "many boxes of cancellation": Family(
        UNIT, lambda x: 1 + (x - 1) ** 6 - (x**3 - 3 * x**2 + 3 * x - 1) ** 2, exact(1), (0.5,), provable=False
    ),
    "switch": Family(
        UNIT, lambda x: np.where((x <= exact(1, 2)).astype(bool), x, 1 - x), exact(1, 2), (0.5,), provable=False
    ),
    "a hundredth power": Family(UNIT, lambda x: x**100, exact(1), (1,)),
    "needle": Family(UNIT, lambda x: np.exp(-((10**9 * (x - exact(1, 3))) ** 2)), exact(1), (1 / 3,), provable=False),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_families_have_their_suprema(name: str) -> None:
    family = FAMILIES[name]
    rng = np.random.default_rng(1)
    leaves = {k: rng.uniform(v.low, v.high, 5000) for k, v in family.given.items()}
    meets = np.ones(5000, dtype=bool) if family.assuming is None else family.assuming(**leaves)
    assert family.lhs(**leaves)[meets].max() <= float(family.peak) + 1e-12
    # A point known to EPS is off a needle of width 1e-9 by little.
    at = family.lhs(*(np.array([float(x)]) for x in family.at))
    assert abs(at[0] - float(family.peak)) < 1e-12


@pytest.mark.parametrize("name", FAMILIES)
def test_above_the_supremum(name: str) -> None:
    family = FAMILIES[name]
    proof = prove(family.claim(family.peak * exact(21, 20)), most_boxes=MOST)
    assert proof is not None or not family.provable


@pytest.mark.parametrize("shortfall", [F(1, 20), F(1, 10**6), F(1, 10**30)])
@pytest.mark.parametrize("name", FAMILIES)
def test_below_the_supremum(name: str, shortfall: Fraction) -> None:
    unproved(FAMILIES[name].claim(FAMILIES[name].peak * exact(1 - shortfall)), most_boxes=200)


@pytest.mark.parametrize("name", FAMILIES)
def test_strictly_below_the_supremum(name: str) -> None:
    """False at the point of equality alone, or on a curve."""
    family = FAMILIES[name]
    unproved(claim(family.given, family.lhs, family.peak, assuming=family.assuming, strict=True), most_boxes=200)


# Violations that are hard to find -------------------------------------------------------------------------------

SIGNS = [signs for n in (1, 2, 3) for signs in product((1, -1), repeat=n)]
NAMES = ("x", "y", "z")
MONOTONE: dict[str, Callable[[Any], Any]] = {
    "linear": lambda t: t,
    "exp": lambda t: np.exp(t - 1),
    "tanh": lambda t: np.tanh(t) / np.tanh(exact(1)),
    "cube": lambda t: (t**3 + t) / 2,
}
"""Increasing on [-1, 1], with the value one at the end."""


@pytest.mark.parametrize("name", MONOTONE)
@pytest.mark.parametrize("signs", SIGNS)
def test_violated_in_one_corner(signs: tuple[int, ...], name: str) -> None:
    def lhs(x: Any, y: Any = None, z: Any = None) -> Any:
        parts = [MONOTONE[name](s * v) for s, v in zip(signs, (x, y, z), strict=False)]
        return sum(parts[1:], start=parts[0])

    box = {name: d.reals(-1, 1) for name in NAMES[: len(signs)]}
    unproved(claim(box, lhs, exact(len(signs) * 10**12 - 1, 10**12)), most_boxes=300)
    assert prove(claim(box, lhs, exact(21 * len(signs), 20)), most_boxes=MOST) is not None


@pytest.mark.parametrize("signs", SIGNS)
def test_entries_that_fail_in_opposite_corners(signs: tuple[int, ...]) -> None:
    """One entry rises where the other falls, and a third is harmless."""

    def lhs(x: Any, y: Any = None, z: Any = None) -> Any:
        total = sum((s * v for s, v in zip(signs, (x, y, z), strict=False)), start=0 * x)
        return np.stack([0 * x, total, -total], axis=-1)

    box = {name: d.reals(-1, 1) for name in NAMES[: len(signs)]}
    unproved(claim(box, lhs, exact(len(signs) * 1000 - 1, 1000)), most_boxes=300)
    proof = prove(claim(box, lhs, exact(21 * len(signs), 20)))
    assert proof is not None


COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
every_comparison = pytest.mark.parametrize("sign", COMPARISONS)
every_switch = pytest.mark.parametrize("a", [F(0), F(1, 2), F(1, 3), F(3, 4), F(1)])


@every_comparison
@every_switch
def test_jumps(sign: str, a: Fraction) -> None:
    """Two pieces, both rising, falling or flat, that do not meet: violated beside the jump, at it or on one side."""
    for slope, (left, right) in product((1, -1, 0), ((0, 1), (1, 0))):

        def lhs(x: Any, slope: int = slope, left: int = left, right: int = right) -> Any:
            first = COMPARISONS[sign](x, exact(a)).astype(bool)
            return np.where(first, left + slope * (x - exact(a)), right + slope * (x - exact(a)))

        points = {F(0), F(1), a, a - F(1, 10**15), a + F(1, 10**15)}
        values = [(left if COMPARISONS[sign](p, a) else right) + slope * (p - a) for p in points if 0 <= p <= 1]
        unproved(claim(UNIT, lhs, exact(max(values) - F(1, 10**6))), most_boxes=300)


@every_comparison
def test_jumps_along_a_curve(sign: str) -> None:
    def lhs(x: Any, y: Any) -> Any:
        return np.where(COMPARISONS[sign](x, y).astype(bool), 1 + 0 * x, x * y - 1)

    unproved(claim(SQUARE, lhs, exact(999, 1000)), most_boxes=300)


ONE_POINT = exact(1, 3)
HARD: dict[str, Claim] = {
    "one point, by equality": claim(UNIT, lambda x: np.where((x == ONE_POINT).astype(bool), 2 + 0 * x, 0 * x), 1),
    "one dyadic point": claim(UNIT, lambda x: np.where((x == 0.5).astype(bool), 2 + 0 * x, 0 * x), 1),
    "one point at the end": claim(UNIT, lambda x: np.where((x > 0).astype(bool), 0 * x, 2 + 0 * x), 1),
    "one corner": claim(SQUARE, lambda x, y: np.where((x + y < 2).astype(bool), 0 * x, 2 + 0 * x), 1),
    "sign": claim(_reals(x=(-1, 1)), lambda x: np.sign(x), exact(99, 100)),
    "needle of a kink": claim(UNIT, lambda x: et.largest(pair(1 - 10**12 * abs(x - ONE_POINT), 0 * x)), exact(99, 100)),
    "needle on a slope": claim(UNIT, lambda x: x / 2 + np.exp(-((10**8 * (x - ONE_POINT)) ** 2)), exact(1)),
    "needle in the plane": claim(
        SQUARE, lambda x, y: np.exp(-(10**14) * ((x - ONE_POINT) ** 2 + (y - exact(2, 3)) ** 2)), exact(1, 2)
    ),
    "rising to the end": claim(UNIT, lambda x: x**2000, exact(10**12 - 1, 10**12)),
    "falling from the end": claim(UNIT, lambda x: (1 - x) ** 2000, exact(10**12 - 1, 10**12)),
    "short by 2**-200": claim(UNIT, lambda x: np.exp(x), E - exact(F(1, 2**200))),
    "short by 2**-200, constant": claim(UNIT, lambda x: 1 + 0 * x, exact(1 - F(1, 2**200))),
    "an infinite peak": claim(UNIT, lambda x: 1 / x, 1000),
    "an infinite peak inside": claim(_reals(x=(-1, 1)), lambda x: 1 / (x - ONE_POINT) ** 2, 10**6),
    "falls to minus infinity, and rises": claim(_reals(x=(-1, 1)), lambda x: 1 / (x - ONE_POINT), 10**6),
    "minus a logarithm": claim({"x": d.reals(0, 1, open_low=True)}, lambda x: -np.log(x), 1000),
    "only the last entry": claim(UNIT, lambda x: np.stack([x, x, x + exact(1, 10)], axis=-1), exact(109, 100)),
    "only one of many entries": claim(
        UNIT, lambda x: x[:, None] * np.arange(50), lambda x: x[:, None] * np.where(np.arange(50) == 31, 30, 100)
    ),
    "right side that depends on x": claim(UNIT, lambda x: x, lambda x: x**2 + exact(2499, 10000)),
    "open end": claim({"x": d.reals(0, 1, open_high=True)}, lambda x: x, exact(999, 1000)),
    "both ends open": claim(
        {"x": d.reals(0, 1, open_low=True, open_high=True)}, lambda x: abs(2 * x - 1), exact(999, 1000)
    ),
    "a single point": claim(_reals(x=(1, 1)), lambda x: x, exact(99, 100)),
    "flat beside a slope": claim(UNIT, lambda x: et.largest(pair(x - 1, 0 * x)), exact(-1, 10**9)),
    "three variables": claim(CUBE, lambda x, y, z: (x - y) * (y - z) * (x - z), exact(249, 1000)),
}


@pytest.mark.parametrize("name", HARD)
def test_violations_hard_to_find(name: str) -> None:
    unproved(HARD[name], most_boxes=300)


STRICT: dict[str, tuple[Any, Any, Any]] = {
    "x < x": (UNIT, lambda x: x, lambda x: x),
    "at the end": (UNIT, lambda x: x, 1),
    "at a dyadic point": (UNIT, lambda x: x * (1 - x), exact(1, 4)),
    "at a third": (UNIT, lambda x: -((3 * x - 1) ** 2), 0),
    "at an irrational point": (_reals(x=(1, 2)), lambda x: -((x * x - 2) ** 2), 0),
    "at 1 / e": (_reals(x=(2**-6, 1)), lambda x: -x * np.log(x), np.exp(exact(-1))),
    "at zero, inside": (_reals(x=(-1, 1)), lambda x: 1 + x, lambda x: np.exp(x)),
    "at zero, an end": (UNIT, lambda x: 1 + x, lambda x: np.exp(x)),
    "logarithm": (_reals(x=(0.5, 2)), lambda x: np.log(x), lambda x: x - 1),
    "on the diagonal": (SQUARE, lambda x, y: 2 * x * y, lambda x, y: x * x + y * y),
    "on a hyperbola": (SQUARE, lambda x, y: 0 * x, lambda x, y: (x * y - exact(1, 2)) ** 2),
    "on a circle": (SQUARE, lambda x, y: 0 * x, lambda x, y: abs(x * x + y * y - 1)),
    "on an edge": (SQUARE, lambda x, y: 0 * x, lambda x, y: x * (1 + y)),
    "in one corner": (CUBE, lambda x, y, z: x + y + z, 3),
    "everywhere, disguised": (SQUARE, lambda x, y: (x + y) * (x - y), lambda x, y: x * x - y * y),
    "everywhere, an entry": (UNIT, lambda x: pair(x - 1, x), lambda x: pair(x, x)),
    "entropy": (_reals(z=(-4, 4)), lambda z: et.entropy(pair(z, 0 * z)), np.log(exact(2))),
}


@pytest.mark.parametrize("name", STRICT)
def test_strict_claims_with_equality(name: str) -> None:
    box, lhs, rhs = STRICT[name]
    unproved(claim(box, lhs, rhs, strict=True), most_boxes=300)


EXTREME: dict[str, Claim] = {
    "wide": claim(_reals(x=(-1e300, 1e300)), lambda x: x, 1e299),
    "wider than a double": claim(_reals(x=(-1.7e308, 1.7e308)), lambda x: x, 1e308),
    "wide, with a needle": claim(_reals(x=(-1e15, 1e15)), lambda x: 1 / (1 + (x - ONE_POINT) ** 2), exact(99, 100)),
    "small": claim(_reals(x=(0, 1e-300)), lambda x: x, exact(F(1e-300) * F(99, 100))),
    "between two neighbouring doubles": claim(
        _reals(x=(1, 1 + 2**-52)), lambda x: (x - 1) * (exact(1 + F(1, 2**52)) - x), exact(F(1, 2**107))
    ),
    "one subnormal number": claim(_reals(x=(0, 5e-324)), lambda x: x, 0),
    "minus zero": claim(_reals(x=(-0.0, 1)), lambda x: -x, exact(-1, 10**9)),
}


@pytest.mark.parametrize("name", EXTREME)
def test_extreme_boxes(name: str) -> None:
    unproved(EXTREME[name], most_boxes=300)


# Undefined somewhere --------------------------------------------------------------------------------------------

UNDEFINED: dict[str, Claim] = {
    "logarithm": claim(_reals(x=(-1, 1)), lambda x: np.log(x), 10),
    "logarithm plus one": claim(_reals(x=(-2, 0)), lambda x: np.log1p(x), 10),
    "root": claim(_reals(x=(-1, 1)), lambda x: np.sqrt(x), 10),
    "half a power": claim(_reals(x=(-1, 1)), lambda x: x**0.5, 10),
    "nowhere defined": claim(UNIT, lambda x: np.log(x - 2), 10),
    "times zero": claim(_reals(x=(-1, 1)), lambda x: 0 * np.log(x), 10),
    "right side": claim(_reals(x=(-1, 1)), lambda x: 0 * x - 10, lambda x: np.sqrt(x)),
    "one entry": claim(_reals(x=(-1, 1)), lambda x: pair(x, np.log(x)), 10),
    "zero by zero": claim(_reals(x=(0, 2)), lambda x: (x * x - 1) / (x - 1), 4),
    "zero by zero at an end": claim(UNIT, lambda x: x / x, 2),
    "zero by zero on a curve": claim(SQUARE, lambda x, y: (x * x - y * y) / (x - y), 3),
    "zero times a logarithm": claim(UNIT, lambda x: -x * np.log(x), 1),
    "infinity minus infinity": claim(UNIT, lambda x: 1 / x - 1 / x, 1),
    "a needle of it": claim(UNIT, lambda x: np.sqrt((x - ONE_POINT) ** 2 - exact(F(1, 10**18))), 10),
    "one point": claim(UNIT, lambda x: abs(x - ONE_POINT) / (x - ONE_POINT), 2),
}


@pytest.mark.parametrize("name", UNDEFINED)
def test_undefined_on_part_of_the_box(name: str) -> None:
    """Where a side is no number the claim does not hold."""
    unproved(UNDEFINED[name], most_boxes=300)


# Assumptions ----------------------------------------------------------------------------------------------------

BOUNDARY: dict[str, tuple[Any, Callable[..., Any], Any, Callable[..., Any]]] = {
    "<=, a third": (UNIT, lambda x: x, exact(F(1, 3) - F(1, 10**12)), lambda x: x <= exact(1, 3)),
    "<, a third": (UNIT, lambda x: x, exact(F(1, 3) - F(1, 10**12)), lambda x: x < exact(1, 3)),
    ">=, dyadic": (UNIT, lambda x: -x, exact(F(-1, 2) - F(1, 10**12)), lambda x: x >= exact(1, 2)),
    "one point": (UNIT, lambda x: x, exact(1, 4), lambda x: x == exact(1, 2)),
    "one point, a third": (UNIT, lambda x: x, exact(1, 4), lambda x: x == exact(1, 3)),
    "one point, two bounds": (UNIT, lambda x: x, exact(1, 4), lambda x: (x <= exact(1, 2)) & (x >= exact(1, 2))),
    "the end": (UNIT, lambda x: x, exact(1, 4), lambda x: x >= 1),
    "a corner": (SQUARE, lambda x, y: x * y, exact(99, 100), lambda x, y: x + y >= 2),
    "a narrow band": (UNIT, lambda x: x, exact(1, 4), lambda x: abs(x - exact(1, 3)) <= exact(F(1, 10**12))),
    "a touching parabola": (UNIT, lambda x: x, exact(49, 100), lambda x: x * (1 - x) >= exact(1, 4)),
    "an exponential": (UNIT, lambda x: x, exact(F(1, 3) - F(1, 10**9)), lambda x: np.exp(x) <= np.exp(exact(1, 3))),
    "a line": (SQUARE, lambda x, y: x + y, exact(999, 1000), lambda x, y: x + y <= 1),
    "a circle": (SQUARE, lambda x, y: x + y, exact(1414, 1000), lambda x, y: x * x + y * y == 1),
    "the diagonal": (SQUARE, lambda x, y: x * y, exact(999, 1000), lambda x, y: x == y),
    "all but one point": (UNIT, lambda x: x * (1 - x), exact(249, 1000), lambda x: x != exact(1, 2)),
    "undefined on part": (_reals(x=(-1, 1)), lambda x: x, exact(999, 1000), lambda x: np.log(x) <= 0),
    "three": (CUBE, lambda x, y, z: x * y * z, exact(26, 729), lambda x, y, z: x + y + z <= 1),
    "two pieces": (UNIT, lambda x: x * (1 - x), exact(159, 1000), lambda x: (x <= exact(1, 5)) | (x >= exact(4, 5))),
}


@pytest.mark.parametrize("name", BOUNDARY)
def test_violated_only_at_the_boundary_of_the_assumption(name: str) -> None:
    box, lhs, rhs, assuming = BOUNDARY[name]
    unproved(
        claim(box, lhs, rhs, assuming=lambda **variables: np.asarray(assuming(**variables)).astype(bool)),
        most_boxes=1000,
    )


def test_the_function_of_the_assumption_gets_its_own_variables() -> None:
    """An assumption on y says nothing of x."""
    half = claim(SQUARE, lambda x: x, exact(3, 4), assuming=lambda y: (y <= exact(1, 2)).astype(bool))
    unproved(half)


def test_boxes_without_admissible_points_are_settled() -> None:
    for box, lhs, rhs, assuming in (
        (UNIT, lambda x: x, exact(21, 40), lambda x: (x <= exact(1, 2)).astype(bool)),
        (UNIT, lambda x: 1 / x, exact(21, 10), lambda x: (x >= exact(1, 2)).astype(bool)),
        (SQUARE, lambda x, y: x + y, exact(21, 20), lambda x, y: (x + y <= 1).astype(bool)),
    ):
        assert prove(claim(box, lhs, rhs, assuming=assuming), most_boxes=MOST) is not None


def test_what_nothing_meets_is_not_proved() -> None:
    verdict = et.verify(claim(UNIT, lambda x: x, 2, assuming=lambda x: (x > 2).astype(bool)), budget=500)
    assert isinstance(verdict, et.Verdict)
    assert verdict.outcome == "undecided"


@pytest.mark.parametrize("lhs", [lambda x: x - x.mean(), lambda x: x[::-1] - x])
def test_a_formula_that_mixes_instances_is_not_proved(lhs: Any) -> None:
    """Of a box alone it would be zero."""
    with pytest.raises(et.ClaimError, match="mixes instances"):
        et.verify(claim(UNIT, lhs, exact(1, 10)), budget=500)


# Constants that are rounded -------------------------------------------------------------------------------------

POSITIVE = _reals(x=(1, 2))
LOG_3 = float(np.log(3.0))

with mpmath.workdps(40):
    LOG_3_IS_LARGE = bool(mpmath.mpf(LOG_3) > mpmath.log(3))

ROUNDED: dict[str, Claim] = {
    "0.1 > 1/10": claim(POSITIVE, lambda x: x * 0.1, lambda x: exact(1, 10) * x),
    "0.3 < 3/10": claim(POSITIVE, lambda x: exact(3, 10) * x, lambda x: x * 0.3),
    "0.1 + 0.2 > 3/10": claim(POSITIVE, lambda x: x * (0.1 + 0.2), lambda x: exact(3, 10) * x),
    "strict, 0.1": claim(POSITIVE, lambda x: exact(1, 10) * x, lambda x: x * 0.1, strict=True),
    "strict, 0.3": claim(POSITIVE, lambda x: x * 0.3, lambda x: exact(3, 10) * x, strict=True),
    "strict, log 3 below": claim(POSITIVE, lambda x: x * LOG_3, lambda x: x * np.log(exact(3)), strict=True),
    "strict, log 3 above": claim(POSITIVE, lambda x: x * np.log(exact(3)), lambda x: x * LOG_3, strict=True),
    "a large constant": claim(
        POSITIVE,
        lambda x: x * 1234567.1,
        lambda x: x * exact("1234567.1") - exact(F(1, 10**12)),
    ),
    "an array of constants": claim(
        POSITIVE, lambda x: (x[:, None] * np.array([0.1, 0.2])).sum(-1), lambda x: exact(3, 10) * x
    ),
    "strict, an array of constants": claim(
        POSITIVE,
        lambda x: exact(3, 10) * x,
        lambda x: (x[:, None] * np.array([0.1, 0.2])).sum(-1),
        strict=True,
    ),
    "a power": claim(POSITIVE, lambda x: 0.1**x, lambda x: exact(1, 10) ** x),
    "strict, an exponent": claim(POSITIVE, lambda x: x ** exact(1, 10) + 0, lambda x: x**0.1, strict=True),
    "a switch": claim(
        UNIT, lambda x: np.where(((x <= 0.1) & (x > exact(1, 10))).astype(bool), 1 + 0 * x, 0 * x), exact(1, 2)
    ),
    "a number for a side": claim(UNIT, 0.1, lambda x: exact(1, 10) + 0 * x),
    "strict, a number for a side": claim(UNIT, lambda x: exact(1, 10) + 0 * x, 0.1, strict=True),
    "floats for a side": claim(UNIT, lambda x: np.full(len(x), 0.1 + 0.2), 0.3),
    "strict, floats for a side": claim(UNIT, lambda x: np.full(len(x), 0.3), 0.1 + 0.2, strict=True),
    "an end of the domain": claim(_reals(x=(0, 0.1)), lambda x: x, exact(1, 10)),
    "<= 0.1 admits more than 1/10": claim(UNIT, lambda x: x, exact(1, 10), assuming=lambda x: (x <= 0.1).astype(bool)),
    ">= 0.3 admits less than 3/10": claim(
        UNIT, lambda x: -x, exact(-3, 10), assuming=lambda x: (x >= 0.3).astype(bool)
    ),
}


@pytest.mark.parametrize("name", ROUNDED)
def test_constants_whose_rounding_matters(name: str) -> None:
    """False of the binary number, or (the strict ones) of the number that was meant."""
    unproved(ROUNDED[name], most_boxes=300)


def test_a_rounded_logarithm() -> None:
    constant = [lambda x: x * LOG_3, lambda x: x * np.log(exact(3))]
    lhs, rhs = constant if LOG_3_IS_LARGE else reversed(constant)
    unproved(claim(POSITIVE, lhs, rhs))


@pytest.mark.parametrize("constant", [0.1, 0.3, LOG_3, 1e-3, 1234567.1])
def test_rounded_constants_with_room(constant: float) -> None:
    assert prove(claim(POSITIVE, lambda x: x * constant, lambda x: 3 * constant + 0 * x)) is not None


# What is proved, and how ----------------------------------------------------------------------------------------

FUNCTIONS: dict[str, tuple[Any, Callable[[Any], Any], str, str]] = {
    "sin": (UNIT, lambda x: np.sin(x), "0.84", "0.9"),
    "cos": (UNIT, lambda x: np.cos(x), "0.99", "1.05"),
    "sinh": (UNIT, lambda x: np.sinh(x), "1.17", "1.25"),
    "cosh": (UNIT, lambda x: np.cosh(x), "1.54", "1.65"),
    "tanh": (UNIT, lambda x: np.tanh(x), "0.76", "0.81"),
    "arctan": (UNIT, lambda x: np.arctan(x), "0.78", "0.83"),
    "log2": (UNIT, lambda x: np.log2(1 + x), "0.99", "1.05"),
    "log10": (UNIT, lambda x: np.log10(1 + x), "0.30", "0.33"),
    "expm1": (UNIT, lambda x: np.expm1(x), "1.71", "1.81"),
    "exp2": (UNIT, lambda x: 2**x, "1.99", "2.1"),
    "exp2, float": (UNIT, lambda x: 2.0**x, "1.99", "2.1"),
    "square root": (_reals(x=(0.25, 1)), lambda x: np.sqrt(x), "0.99", "1.05"),
    "power 1/2": (_reals(x=(0.25, 1)), lambda x: x**0.5, "0.99", "1.05"),
    "power -1": (_reals(x=(0.25, 1)), lambda x: x**-1, "3.99", "4.2"),
    "power 0": (UNIT, lambda x: x**0, "0.99", "1.05"),
    "power x": (_reals(x=(0.25, 1)), lambda x: x**x, "0.99", "1.05"),
    "maximum": (UNIT, lambda x: np.maximum(x, 1 - x), "0.99", "1.05"),
    "mean": (UNIT, lambda x: pair(x, 1 + x).mean(-1), "1.49", "1.6"),
    "cumsum": (UNIT, lambda x: pair(x, 1 + x).cumsum(-1), "2.99", "3.2"),
    "product of rows": (UNIT, lambda x: (pair(x, 1 + x)[:, None, :] @ pair(x, x)[:, :, None])[:, 0, 0], "2.99", "3.2"),
    "varentropy": (_reals(x=(-8, 8)), lambda x: et.varentropy(pair(x, 0 * x)), "0.4390", "0.4613"),
    "largest": (UNIT, lambda x: et.largest(pair(x, 1 - x)), "0.99", "1.05"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    box, function, below, above = FUNCTIONS[name]
    unproved(claim(box, function, exact(below)), most_boxes=300)
    proof = prove(claim(box, function, exact(above)), most_boxes=MOST)
    if name != "maximum":  # it compares its arguments, which balls that overlap cannot settle
        assert proof is not None


SUITE = (
    "parabola",
    "cubic",
    "cubic with two peaks",
    "x exp(-x)",
    "log(x) / x",
    "-x log x",
    "entropy of two",
    "entropy by logits",
    "product",
    "rational",
)


def test_derivatives_save_boxes() -> None:
    few, many = [], []
    for name in SUITE:
        true = FAMILIES[name].claim(FAMILIES[name].peak * exact(101, 100))
        with_them, without = prove(true, most_boxes=MOST), prove(true, most_boxes=MOST, derivatives=False)
        assert with_them is not None, name
        few.append(with_them.boxes)
        many.append(MOST if without is None else without.boxes)
    assert all(a <= b for a, b in zip(few, many, strict=True))
    assert 2 * sum(few) < sum(many)


def test_the_number_of_boxes_is_kept() -> None:
    true = FAMILIES["entropy of two"].claim(FAMILIES["entropy of two"].peak * exact(21, 20))
    proof = prove(true, most_boxes=MOST)
    assert proof is not None
    assert prove(true, most_boxes=proof.boxes // 3) is None
    for most_boxes in (proof.boxes, 2 * proof.boxes):
        again = prove(true, most_boxes=most_boxes)
        assert again is not None
        assert again.boxes == proof.boxes


def test_more_room_needs_no_more_boxes() -> None:
    family = FAMILIES["x exp(-x)"]
    boxes = []
    for percent in (101, 105, 120, 200):
        proof = prove(family.claim(family.peak * exact(percent, 100)), most_boxes=MOST)
        assert proof is not None
        boxes.append(proof.boxes)
    assert boxes == sorted(boxes, reverse=True)


def test_the_precision_in_force_is_left_alone() -> None:
    before = flint.ctx.prec
    prove(FAMILIES["parabola"].claim(exact(1, 2)))
    prove(UNDEFINED["logarithm"])
    assert flint.ctx.prec == before


NOT_TRIED: dict[str, Claim] = {
    "an identity": et.Identity(name="some-claim", given=UNIT, lhs=lambda x: x, rhs=lambda x: x),
    "an order": et.Order(name="some-claim", given=UNIT, remainder=lambda t, x: t * t * x, power=2),
    "an unbounded domain": claim({"x": d.positive()}, lambda x: -x, 1),
    "half a line": claim({"x": d.reals(0, np.inf)}, lambda x: -x, 1),
    "a policy": claim({"p": d.policies(actions=2)}, lambda p: p[..., 0], 2),
    "logits": claim({"z": d.logits(actions=2)}, lambda z: 0 * z, 2),
    "an array of reals": claim({"z": d.logits(actions=2), "x": d.reals(0, 1, like="z")}, lambda x: x, 2),
    "four variables": claim({**CUBE, "w": d.reals(0, 1)}, lambda x, y, z, w: x + y + z + w, 5),
}


@pytest.mark.parametrize("name", NOT_TRIED)
def test_what_it_does_not_attempt(name: str) -> None:
    assert prove(NOT_TRIED[name]) is None


# The verdict ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["parabola", "entropy by logits", "saddle", "three factors", "a triangle"])
def test_verify_says_proved(name: str) -> None:
    family = FAMILIES[name]
    true = family.claim(family.peak * exact(21, 20))
    verdict = et.verify(true, budget=500)
    assert isinstance(verdict, et.Verdict)
    assert verdict.outcome == "proved"
    proof = prove(true)
    assert proof is not None
    assert verdict.boxes == proof.boxes >= 1
    for variable, domain in family.given.items():
        assert f"{variable} in [{domain.low:g}, {domain.high:g}]" in verdict.message
    assert "proved" in str(verdict)
    assert verdict.counterexample is None
    data = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
    assert data["outcome"] == "proved"
    assert data["boxes"] == verdict.boxes
    assert et.Verdict.from_json(data) == verdict


def test_a_claim_that_is_not_proved_has_no_boxes() -> None:
    for of in (FAMILIES["parabola"].claim(exact(1, 5)), claim({"x": d.positive()}, lambda x: -x, 1)):
        verdict = et.verify(of, budget=500)
        assert isinstance(verdict, et.Verdict)
        assert verdict.outcome in ("refuted", "holds")
        assert verdict.boxes is None
        assert et.Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


@pytest.mark.parametrize("name", HARD)
def test_verify_never_says_proved_of_a_false_claim(name: str) -> None:
    verdict = et.verify(HARD[name], budget=200)
    assert isinstance(verdict, et.Verdict)
    assert verdict.outcome != "proved"


@pytest.mark.parametrize(
    "claim",
    [
        et.Inequality(
            name="upper-end",
            given={"a": et.domains.reals(0, 0.3)},
            lhs=lambda a: a * a,
            rhs=et.exact("0.09"),
            strict=True,
        ),
        et.Inequality(
            name="lower-end",
            given={"a": et.domains.reals(0.2, 0.9)},
            lhs=et.exact("0.2"),
            rhs=lambda a: a,
            strict=True,
        ),
    ],
    ids=lambda claim: claim.name,
)
def test_a_float_end_covers_the_number_it_stands_for(claim: et.Inequality) -> None:
    """False at 3/10, and at 1/5, which the doubles 0.3 and 0.2 miss by their rounding."""
    assert prove(claim) is None


# The ends, the kind and the count ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1000.1", "0.3", "-0.3", "123456.789", "-1e-9", "33554432.1"])
def test_the_ends_cover_what_they_may_be_the_rounding_of(text: str) -> None:
    """By 2**-50 of them, on either side."""
    end, meant = float(text), F(text)
    low, high = outer_end(end, -1), outer_end(end, 1)
    assert low < meant < high
    assert (F(end) - low, high - F(end)) == (abs(F(end)) / 2**50,) * 2


def test_short_ends_are_meant_exactly() -> None:
    """Up to 32 binary digits above and below the line."""
    for end in (0.25, 1000.0, -3.0, 0.0, 2.0**31, 2.0**-31, 2.0**32 - 1):
        assert outer_end(end, 1) == outer_end(end, -1) == F(end)
    for end in (2.0**32, 2.0**-32, 2.0**-40, 2.0**40, 1 + 2.0**-40):
        assert outer_end(end, -1) < F(end) < outer_end(end, 1)


def test_a_claim_on_rounded_ends_is_proved() -> None:
    assert prove(claim({"x": d.reals(0.1, 0.3)}, lambda x: x, exact(31, 100))) is not None
    assert prove(claim({"x": d.reals(0.1, 0.3)}, lambda x: x, exact(3, 10))) is None


def test_every_variable_must_be_a_number_in_a_bounded_interval() -> None:
    assert eligible(claim(SQUARE, 0, 1))
    for other in (d.reals(0, np.inf), d.reals(-np.inf, 0), d.integers(0, 3), d.logits(actions=2)):
        assert not eligible(claim({**UNIT, "y": other}, 0, 1))
    assert not eligible(claim({**CUBE, "w": d.reals(0, 1)}, 0, 1))
    assert not eligible(et.Identity(name="same", given=UNIT, lhs=lambda x: x, rhs=lambda x: x))


def test_boxes_are_counted_from_the_first() -> None:
    at_once = claim(UNIT, lambda x: x, 2)
    for derivatives in (True, False):
        proof = prove(at_once, most_boxes=1, derivatives=derivatives)
        assert proof is not None
        assert proof.boxes == 1
    # As balls reach: x - x * x is enclosed below 3/2 over [0, 1], below 1/2 and 7/8 over its halves.
    twice = claim(UNIT, lambda x: x - x * x, exact(9, 10))
    assert prove(twice, most_boxes=2, derivatives=False) is None
    proof = prove(twice, most_boxes=3, derivatives=False)
    assert proof is not None
    assert proof.boxes == 3


def test_equality_at_an_end_is_proved_unless_the_claim_is_strict() -> None:
    for lhs, rhs in ((lambda x: x, 1), (0, 0)):
        assert prove(claim(UNIT, lhs, rhs)) is not None
        assert prove(claim(UNIT, lhs, rhs, strict=True)) is None
    assert prove(claim(UNIT, lambda x: x, exact(3, 2), strict=True)) is not None


def test_slopes_are_derivatives_of_the_difference() -> None:
    """Of 1 - x^2 y in x and in y, at a point."""
    one = claim(SQUARE, lambda x, y: x * x * y, 1)
    assert isinstance(one, et.Inequality)
    at = ((F(1, 2), F(1, 2)), (F(3), F(3)))
    with et.precision(64):
        for variable, slope in ((0, -3), (1, F(-1, 4))):
            found = slopes(one, at, variable)
            assert found is not None
            assert found[0] == slope


def test_a_box_is_halved_where_the_doubt_is_until_it_is_fine() -> None:
    whole = ((F(-1), F(1)), (F(0), F(2)))
    assert halves(whole, whole, [1.0, 2.0]) == [(whole[0], (F(0), F(1))), (whole[0], (F(1), F(2)))]
    assert halves(whole, whole, [2.0, 1.0]) == [((F(-1), F(0)), whole[1]), ((F(0), F(1)), whole[1])]
    fine = (F(0), F(2, 2**24))
    assert halves((fine, whole[1]), whole, [2.0, 1.0]) == [(fine, (F(0), F(1))), (fine, (F(1), F(2)))]
    assert halves((fine, fine), whole, [2.0, 1.0]) is None
    wider = (F(0), F(3, 2**24))
    assert halves((wider, fine), whole, [1.0, 2.0]) == [((F(0), wider[1] / 2), fine), ((wider[1] / 2, wider[1]), fine)]


def test_equality_at_an_end_is_proved_by_a_slope_between_zero_and_one() -> None:
    """x - x^2 / 2 rises from zero with a slope of at least 1/2, and falls to it on the other side."""
    for low, sign in ((0, 1), (-0.5, -1)):
        box = {"x": d.reals(low, low + 0.5)}
        assert prove(claim(box, lambda x: x * x / 2, lambda x, sign=sign: sign * x), most_boxes=1) is not None


def test_equality_at_an_end_is_proved_by_a_slope_that_begins_or_ends_at_zero() -> None:
    """x^2 + c x, where 2 x over the box is known to begin at -c, rounded outwards."""
    square = claim(UNIT, 0, lambda x: x * x)
    assert isinstance(square, et.Inequality)
    with et.precision(64):
        found = slopes(square, ((F(0), F(1)),), 0)
    assert found is not None
    c = found[0].arb.rad().fmpq() - found[0].arb.mid().fmpq()
    for low, sign in ((0, 1), (-1, -1)):
        box = {"x": d.reals(low, low + 1)}
        rising = claim(box, 0, lambda x, c=sign * c: x * x + exact(F(int(c.p), int(c.q))) * x)
        assert prove(rising, most_boxes=1) is not None


def test_a_proof_is_not_changed() -> None:
    proof = prove(claim(UNIT, 0, 1))
    assert proof is not None
    with pytest.raises(FrozenInstanceError):
        proof.boxes = 7  # type: ignore[misc]
