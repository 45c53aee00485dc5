"""The labels of the second set of the power benchmark are right, whatever the checker says.

As for the first set, the plain sides are evaluated in mpmath intervals at the witness of a false claim, and to many
digits at random points of a true one. Suprema, shares and the integers' exceptions are computed again by other routes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import factorial
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mp

import entropy_theory as et
from benchmarks import power
from benchmarks.power_claims import LABELLED
from benchmarks.power_claims.contenders import violated
from benchmarks.power_claims.labelled import Labelled
from benchmarks.power_claims.second import SECOND, claims
from benchmarks.power_claims.second.reals import CORNER
from tests import test_power as first

Array = np.ndarray[Any, Any]
Point = tuple[Fraction, ...]

BY_NAME = {x.name: x for x in SECOND}
TRUE = [x for x in SECOND if x.true]
FALSE = [x for x in SECOND if not x.true]
SIDED = [x for x in TRUE if not isinstance(x.claim, et.Order)]
WHOLE = [x for x in FALSE if x.whole]

EXTREME = 900
"""Digits at which policies with logits 300 apart keep 60 after cancellation: exp(-300) to the third power is 1e-391."""

NEAR = (Fraction(1, 10**3), Fraction(1, 10**6), Fraction(1, 10**10))

SAMPLES = 400_000


def test_the_set_is_as_large_as_it_says_and_shares_nothing_with_the_first() -> None:
    assert claims() is SECOND
    assert (len(BY_NAME), len(TRUE), len(FALSE)) == (60, 20, 40)
    assert not set(BY_NAME) & {x.name for x in LABELLED}
    assert {x.claim.kind for x in TRUE} == {x.claim.kind for x in FALSE} == {"inequality", "identity", "order"}
    assert all(x.why for x in SECOND)
    assert all((x.share is None) == (x.known in ("measured", "none")) for x in SECOND)
    assert all(x.points for x in FALSE)


@pytest.mark.parametrize("labelled", FALSE, ids=lambda x: x.name)
def test_a_false_claim_fails_at_its_witness(labelled: Labelled) -> None:
    first.test_a_false_claim_fails_at_its_witness(labelled)


@pytest.mark.parametrize("labelled", TRUE, ids=lambda x: x.name)
def test_a_true_claim_holds_at_random_points_and_where_it_is_tight(labelled: Labelled) -> None:
    first.test_a_true_claim_holds_at_random_points_and_where_it_is_tight(labelled)


@pytest.mark.parametrize("labelled", SECOND, ids=lambda x: x.name)
def test_the_plain_sides_are_those_of_the_claim(labelled: Labelled) -> None:
    first.test_the_plain_sides_are_those_of_the_claim(labelled)


def box_of(labelled: Labelled, size: int) -> tuple[Array, Array]:
    box = next(b for b in labelled.boxes if b.size == size)
    return np.array(box.low), np.array(box.high)


def neighbours(labelled: Labelled, point: Point) -> list[Point]:
    """Points of the box at small distances from one, in a few directions."""
    low, high = box_of(labelled, len(point))
    rng = np.random.default_rng([11, len(labelled.name)])
    out = []
    for step in NEAR:
        for _ in range(6):
            move = [Fraction(int(k), 8) * step for k in rng.integers(-8, 9, size=len(point))]
            moved = [x + m for x, m in zip(point, move, strict=True)]
            out.append(
                tuple(
                    min(max(x, Fraction(float(a))), Fraction(float(b)))
                    for x, a, b in zip(moved, low, high, strict=True)
                )
            )
    return out


@pytest.mark.parametrize("labelled", [x for x in SIDED if x.points and not x.whole], ids=lambda x: x.name)
def test_a_true_claim_holds_next_to_its_equality(labelled: Labelled) -> None:
    differ = 0
    for point in labelled.points:
        for near in neighbours(labelled, point):
            with mpmath.workdps(2 * first.DIGITS):
                gap = first.gap(labelled, first.REALS, first.numbers(mp, near))
                assert gap >= -(mpmath.mpf(10) ** (15 - 2 * first.DIGITS))
                differ += gap > mpmath.mpf(10) ** -70
    assert differ > 0 or isinstance(labelled.claim, et.Identity)


@pytest.mark.parametrize(
    "labelled",
    [x for x in SIDED if any("logits" in repr(v) for v in x.claim.given.values())],
    ids=lambda x: x.name,
)
def test_a_true_claim_about_logits_holds_beyond_the_box(labelled: Labelled) -> None:
    """The package's domain is all logits, the box only what the others search."""
    for point in first.random_points(labelled):
        low, _ = box_of(labelled, len(point))
        far = tuple(30 * x if a <= -5 else x for x, a in zip(point, low, strict=True))
        with mpmath.workdps(EXTREME):
            sides = labelled.plain(first.REALS, first.numbers(mp, far))
            size = max(1, *(abs(s[0]) for s in sides))
            gap = first.gap(labelled, first.REALS, first.numbers(mp, far))
            assert gap >= -size * mpmath.mpf(10) ** -60


CALCULATED: dict[str, Callable[..., bool]] = {
    "no-pyramid-of-squares-is-a-square": lambda n, y: sum(k * k for k in range(1, n + 1)) == y * y,
    "no-tetrahedral-number-is-triangular": lambda n, m: n * (n + 1) * (n + 2) // 6 == m * (m + 1) // 2,
    "no-square-is-seven-below-a-power-of-two": lambda x, n: x * x + 7 == 2**n,
}
"""Whether a claim about integers fails, in integers."""


def ranges(labelled: Labelled) -> list[range]:
    (box,) = labelled.boxes
    return [range(int(a), int(b) + 1) for a, b in zip(box.low, box.high, strict=True)]


@pytest.mark.parametrize("name", CALCULATED)
def test_the_integers_that_fail_are_the_witnesses_and_no_others(name: str) -> None:
    labelled = BY_NAME[name]
    everything = list(product(*ranges(labelled)))
    failing = [tuple(map(Fraction, x)) for x in everything if CALCULATED[name](*x)]
    assert failing == sorted(labelled.points)
    assert len(everything) <= 100_000
    assert labelled.share == pytest.approx(len(failing) / len(everything), rel=1e-12)


def test_the_logarithm_over_a_number_rises_once() -> None:
    """(n + 1)^n < n^(n + 1) fails at 2; exactly up to 300, and by the sign of the slope beyond e."""
    labelled = BY_NAME["logarithm-of-a-number-over-it-falls"]
    assert [n for n in range(2, 301) if (n + 1) ** n > n ** (n + 1)] == [2]
    assert labelled.points == [(Fraction(2),)]
    (numbers,) = ranges(labelled)
    assert labelled.share == 1 / len(numbers)


def test_three_squares_are_never_seven_modulo_eight() -> None:
    labelled = BY_NAME["three-squares-are-not-seven-modulo-eight"]
    assert {(x * x + y * y + w * w) % 8 for x, y, w in product(range(8), repeat=3)} == {0, 1, 2, 3, 4, 5, 6}
    assert len(list(product(*ranges(labelled)))) <= 100_000


def test_the_whole_claims_are_all_counted() -> None:
    assert {x.name for x in WHOLE} == {*CALCULATED, "logarithm-of-a-number-over-it-falls"}


def in_balls(labelled: Labelled, point: Point) -> tuple[Any, Any]:
    """The two sides as the package has them, at the precision in force."""
    claim = labelled.claim
    assert isinstance(claim, et.Inequality | et.Identity)
    x = np.empty((1, len(point)), dtype=object)
    x[0] = [et.Ball(v) for v in point]
    values = dict(labelled.build(x))
    lhs, rhs = (side(**values) if callable(side) else side for side in (claim.lhs, claim.rhs))
    return (np.asarray(lhs - rhs).item(), 0) if isinstance(claim, et.Identity) else (lhs.item(), np.asarray(rhs).item())


@pytest.mark.parametrize(
    "labelled", [x for x in FALSE if not x.strict and not isinstance(x.claim, et.Order)], ids=lambda x: x.name
)
def test_the_claim_as_written_runs_on_balls_and_fails_at_its_witness(labelled: Labelled) -> None:
    for point in labelled.points:
        with et.precision(256):
            lhs, rhs = in_balls(labelled, point)
            assert lhs != rhs if isinstance(labelled.claim, et.Identity) else lhs > rhs


@pytest.mark.parametrize("labelled", SIDED, ids=lambda x: x.name)
def test_the_claim_as_written_is_not_refuted_in_balls(labelled: Labelled) -> None:
    decided = 0
    for point in [*labelled.points, *first.random_points(labelled)[::3]]:
        with et.precision(512):
            try:
                lhs, rhs = in_balls(labelled, point)
                assert lhs == rhs if isinstance(labelled.claim, et.Identity) else lhs <= rhs
                decided += 1
            except et.UndecidedComparison:
                # Equality; nothing is decided of what is no rational.
                continue
    assert decided or isinstance(labelled.claim, et.Identity)


@pytest.mark.parametrize("labelled", [x for x in SECOND if isinstance(x.claim, et.Order)], ids=lambda x: x.name)
def test_an_order_as_written_runs_on_balls(labelled: Labelled) -> None:
    claim = labelled.claim
    assert isinstance(claim, et.Order)
    for point in labelled.points or first.random_points(labelled)[:3]:
        with et.precision(4000):
            x = np.empty((1, len(point)), dtype=object)
            x[0] = [et.Ball(v) for v in point]
            steps = [et.Ball(Fraction(1, 2**k)) for k in (30, 330)]
            remainders = [claim.remainder(t=np.array([t], dtype=object), **labelled.build(x)).item() for t in steps]
            # A power of t takes 300 bits a unit off between the two steps.
            large, small = (abs(r) / t ** int(claim.power) for r, t in zip(remainders, steps, strict=True))
            if labelled.true:
                assert small <= 2 * large + et.Ball(Fraction(1, 10**6))
            else:
                assert small > 5 * large


SUPREMA: dict[str, tuple[Callable[[], Any], str, int]] = {
    "tempering-costs-one-thousandth-less": (lambda: mpmath.lambertw(mpmath.exp(-1)).real, "0.278186", 3),
    "third-moment-one-millionth-less": (lambda: 1 / (6 * mpmath.sqrt(3)), "0.0962249486", 6),
    "squared-surprise-one-billionth-less": (lambda: 4 * mpmath.exp(-2), "0.5413411324", 9),
    "weighted-product-one-billionth-less": (lambda: mpmath.mpf(1), "0.999999999", 9),
}
"""The supremum of the left side over the scale of the right one, the claimed constant, and how many digits below."""


@pytest.mark.parametrize("name", SUPREMA)
def test_a_needle_is_as_far_below_the_supremum_as_it_says(name: str) -> None:
    supremum, text, digits = SUPREMA[name]
    labelled = BY_NAME[name]
    with mpmath.workdps(40):
        relative = 1 - mpmath.mpf(text) / supremum()
        assert abs(relative * 10**digits - 1) < 0.02
        lhs, rhs = labelled.plain(first.REALS, first.numbers(mp, labelled.points[0]))
        # The witness lies between the constant and the supremum.
        assert 1 < lhs[0] / rhs[0] <= 1 / (1 - relative) + mpmath.mpf(10) ** -30


@pytest.mark.parametrize("name", SUPREMA)
def test_nothing_is_above_the_supremum(name: str) -> None:
    labelled = BY_NAME[name]
    supremum, text, _ = SUPREMA[name]
    with mpmath.workdps(40):
        most = float(supremum() / mpmath.mpf(text))
    rng = np.random.default_rng(5)
    low, high = box_of(labelled, labelled.boxes[0].size)
    x = low + (high - low) * rng.random((SAMPLES, len(low)))
    near = np.array([float(v) for v in labelled.points[0]])
    x[::2] = np.clip(near + 1e-2 * (rng.random((SAMPLES // 2, len(low))) - 0.5), low, high)
    with np.errstate(all="ignore"):
        lhs, rhs = labelled.plain(np, x)
    assert np.nanmax(lhs - most * rhs) <= 1e-14


SHARED = [x for x in FALSE if x.share and x.share >= 1e-4 and x.known == "formula"]
BOUNDED = [x for x in FALSE if x.known == "bound"]


def hits(labelled: Labelled) -> tuple[int, int]:
    """Violations among uniform points of the boxes."""
    rng = np.random.default_rng(17)
    found, drawn = 0, 0
    for box in labelled.boxes:
        low, high = np.array(box.low), np.array(box.high)
        for _ in range(4):
            x = low + (high - low) * rng.random((SAMPLES // 4 // len(labelled.boxes), box.size))
            with np.errstate(all="ignore"):
                found += int(violated(labelled, x)[1].sum())
            drawn += len(x)
    return found, drawn


@pytest.mark.parametrize("labelled", SHARED, ids=lambda x: x.name)
def test_a_share_by_formula_is_that_of_random_points(labelled: Labelled) -> None:
    found, drawn = hits(labelled)
    assert labelled.share is not None
    assert abs(found - drawn * labelled.share) <= 5 * (drawn * labelled.share) ** 0.5


@pytest.mark.parametrize("labelled", BOUNDED, ids=lambda x: x.name)
def test_no_more_random_points_fail_than_the_bound_says(labelled: Labelled) -> None:
    found, drawn = hits(labelled)
    assert labelled.share is not None
    assert found <= drawn * labelled.share + 5 * (drawn * labelled.share) ** 0.5


def local_share(labelled: Labelled, widths: tuple[float, ...]) -> tuple[float, float]:
    """The share from points of a box round the witness, and its standard error.

    Where one width is zero, what fails depends on differences to that coordinate alone: it runs over the whole box and
    takes the others with it.
    """
    point = np.array([float(v) for v in labelled.points[0]])
    low, high = box_of(labelled, len(point))
    rng = np.random.default_rng(23)
    width = np.array(widths)
    x = point + width * (rng.random((SAMPLES, len(point))) - 0.5)
    part = np.prod(np.where(width > 0, width, 1) / (high - low))
    if not width.all():
        free = int(np.argmin(width))
        shift = low[free] + (high - low)[free] * rng.random(SAMPLES) - point[free]
        x += shift[:, None]
        part *= (high - low)[free]
    with np.errstate(all="ignore"):
        failing = violated(labelled, x)[1] & (x >= low).all(-1) & (x <= high).all(-1)
    share = failing.mean()
    return float(share * part), float(part * (share * (1 - share) / SAMPLES) ** 0.5)


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("third-moment-one-millionth-less", (4e-3, 0.0)),
        ("weighted-product-one-billionth-less", (0.0, 2e-4, 2e-4)),
        ("squared-surprise-one-billionth-less", (3e-5,)),
        ("resonance-of-an-oscillator", (1e-4,)),
        ("two-resonances-do-not-meet", (4e-4, 4e-4)),
    ],
)
def test_the_share_of_a_needle_is_that_of_points_close_by(name: str, widths: tuple[float, ...]) -> None:
    labelled = BY_NAME[name]
    if name == "third-moment-one-millionth-less":
        labelled = logits_alone(labelled)
    share, error = local_share(labelled, widths)
    assert error < 0.02 * share
    assert labelled.share == pytest.approx(share, abs=5 * error + 1e-3 * share)


def logits_alone(labelled: Labelled) -> Labelled:
    """The claim about two logits and two values at the values (1, -1), as only their order matters."""
    (box,) = labelled.boxes
    return replace(
        labelled,
        plain=lambda xp, z: labelled.plain(xp, np.concatenate([z, np.broadcast_to([1.0, -1.0], z.shape)], -1)),
        boxes=(replace(box, low=box.low[:2], high=box.high[:2]),),
        points=[labelled.points[0][:2]],
    )


def test_the_band_of_the_pulls_is_as_wide_as_it_says() -> None:
    labelled = BY_NAME["pulls-are-out-of-balance-by-a-billionth"]
    with mpmath.workdps(40):
        half = 2 * mpmath.acosh(1 / (2 * mpmath.sqrt(mpmath.mpf("0.249999999"))))
        # For each a in [1, 2] the numbers b within half / 2 of 5 a / 2 that are in [2, 5]: all but a triangle at the
        # end, of area half**2 / 20.
        assert labelled.share == pytest.approx(float(half / 3), rel=float(half / 20))


def test_the_corner_is_as_small_as_it_says() -> None:
    labelled = BY_NAME["product-of-six-below-their-sum"]
    with mpmath.workdps(40):
        root = mpmath.findroot(lambda s: mpmath.mpf(13) / 2 * mpmath.exp(-s) + s - 6, mpmath.mpf("0.09"))
        assert root < CORNER < root * mpmath.mpf("1.002")
    assert labelled.share == pytest.approx(CORNER**6 / factorial(6))
    # 6.5 exp(-s) + s - 6 is convex, so it is negative from the root on until where it is at most zero again.
    assert 6.5 * np.exp(-5.9) + 5.9 - 6 < 0
    # Of a sum of at most 0.1 the product is at most the sum times 0.1^5 / 6^6.
    assert 6.5 * 0.1**5 / 6**6 < 1
    rng = np.random.default_rng(3)
    x = 1 - 0.2 * rng.random((SAMPLES, 6))
    failing = violated(labelled, x)[1]
    assert failing.any()
    assert (6 - x[failing].sum(-1)).max() < CORNER


def test_parabolas_meet_once() -> None:
    """x - (A - x^2)^2 rises in the square, so it is B once."""
    labelled = BY_NAME["two-resonances-do-not-meet"]
    x, y = labelled.points[0]
    a, b = x**2 + y, x - y**2
    ends = [t - (a - t**2) ** 2 - b for t in (Fraction(0), Fraction(867, 1000))]
    assert ends[0] < 0 < ends[1]
    assert a - Fraction(868, 1000) ** 2 < 0


def peak_of_varentropy(n: int) -> Any:
    """The largest variance of log p where one of n actions stands against equal ones."""
    with mpmath.workdps(40):

        def slope(p: Any) -> Any:
            level = mpmath.log((n - 1) * p / (1 - p))
            return (1 - 2 * p) * level + 2

        p = mpmath.findroot(slope, (mpmath.mpf("0.6"), mpmath.mpf("0.999")), solver="anderson")
        return p * (1 - p) * mpmath.log((n - 1) * p / (1 - p)) ** 2


def test_perplexity_bends_from_seven_actions_on() -> None:
    assert peak_of_varentropy(6) < 1.5 < peak_of_varentropy(7)
    assert abs(peak_of_varentropy(6) - mpmath.mpf("1.4421309")) < 1e-6


def test_perplexity_of_six_is_concave_where_it_bends_for_seven() -> None:
    labelled = BY_NAME["power-of-perplexity-is-concave"]
    for n, fails in ((6, False), (7, True)):
        with mpmath.workdps(40):
            low = [
                first.gap(labelled, first.REALS, first.numbers(mp, pair(n, level)))
                for level in map(Fraction, np.arange(0.25, 6, 0.0625))
            ]
        assert (min(low) < 0) is fails


def pair(n: int, level: Fraction) -> Point:
    """Two policies close to each other, one of n actions against equal ones."""
    zeros = (Fraction(0),) * (n - 1)
    return (level, *zeros, level - Fraction(1, 16), *zeros)


APART = {
    "soft-maximum-to-second-order": ("1/3", "1/4", "-1"),
    "second-difference-of-surprise": ("1/8",),
    "logarithm-at-a-tie": ("1/3", "1/2"),
    "small-denominator-at-five-to-two": ("1", "9/4"),
}
"""Points off the set where an order fails."""


@pytest.mark.parametrize("name", APART)
def test_an_order_that_fails_at_one_parameter_holds_elsewhere(name: str) -> None:
    labelled = BY_NAME[name]
    point = tuple(map(Fraction, APART[name]))
    assert first.inside(labelled, point)
    small, large = first.ratio(labelled, point, first.STEPS[1]), first.ratio(labelled, point, first.STEPS[0])
    assert small <= 2 * large + 1e-6


@pytest.mark.parametrize("labelled", [x for x in FALSE if x.strict], ids=lambda x: x.name)
def test_a_strict_claim_holds_off_its_set_of_measure_zero(labelled: Labelled) -> None:
    assert labelled.share == 0
    for point in first.random_points(labelled)[::5]:
        with mpmath.workdps(first.DIGITS):
            assert first.gap(labelled, first.REALS, first.numbers(mp, point)) > 0


@pytest.mark.parametrize("labelled", [x for x in FALSE if x.known == "measured"], ids=lambda x: x.name)
def test_what_is_to_be_measured_can_be(labelled: Labelled) -> None:
    share, known = power.share_of(labelled, 40_000)
    assert share is not None
    assert known in ("measured", "bound")
    assert 0 < share < 1
