"""The labels of the third set of the power benchmark are right, whatever the checker says.

As for the first two sets, the plain sides are evaluated in mpmath intervals at the witness of a false claim, and to
many digits at random points of a true one. Suprema, shares and the integers' exceptions are computed again by other
routes.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import isqrt
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mp

import entropy_theory as et
from benchmarks.power_claims import LABELLED
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.contenders import violated
from benchmarks.power_claims.labelled import Labelled
from benchmarks.power_claims.second import SECOND
from benchmarks.power_claims.third import THIRD, claims
from benchmarks.power_claims.third.ratios import OUTLIER
from tests import test_power as first
from tests import test_power_second as second

Array = np.ndarray[Any, Any]
Point = tuple[Fraction, ...]

BY_NAME = {x.name: x for x in THIRD}
TRUE = [x for x in THIRD if x.true]
FALSE = [x for x in THIRD if not x.true]
SIDED = [x for x in TRUE if not isinstance(x.claim, et.Order)]
ORDERS = [x for x in THIRD if isinstance(x.claim, et.Order)]
STRICT = [x for x in FALSE if x.strict]

SAMPLES = 400_000


def test_the_set_is_as_large_as_it_says_and_shares_nothing_with_the_others() -> None:
    assert claims() is THIRD
    assert (len(BY_NAME), len(TRUE), len(FALSE)) == (45, 15, 30)
    assert not set(BY_NAME) & {x.name for x in (*LABELLED, *SECOND)}
    assert {x.claim.kind for x in TRUE} == {x.claim.kind for x in FALSE} == {"inequality", "identity", "order"}
    assert all(x.why for x in THIRD)
    assert all((x.share is None) == (x.known in ("measured", "none")) for x in THIRD)
    assert all(x.points for x in FALSE)


def test_a_third_of_the_false_ones_fail_on_less_than_a_ten_thousandth() -> None:
    shares = [x.share for x in FALSE if x.share is not None]
    assert sum(share < 1e-4 for share in shares) >= len(FALSE) / 3
    assert sum(0 < share < 1e-9 for share in shares) >= 3
    assert max(shares) >= 0.5


@pytest.mark.parametrize("labelled", FALSE, ids=lambda x: x.name)
def test_a_false_claim_fails_at_its_witness(labelled: Labelled) -> None:
    first.test_a_false_claim_fails_at_its_witness(labelled)


@pytest.mark.parametrize("labelled", TRUE, ids=lambda x: x.name)
def test_a_true_claim_holds_at_random_points_and_where_it_is_tight(
    labelled: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    if labelled in ORDERS:  # to thousands of digits
        monkeypatch.setattr(first, "POINTS", 10)
    first.test_a_true_claim_holds_at_random_points_and_where_it_is_tight(labelled)


@pytest.mark.parametrize("labelled", THIRD, ids=lambda x: x.name)
def test_the_plain_sides_are_those_of_the_claim(labelled: Labelled) -> None:
    first.test_the_plain_sides_are_those_of_the_claim(labelled)


@pytest.mark.parametrize("labelled", [x for x in SIDED if x.points and not x.whole], ids=lambda x: x.name)
def test_a_true_claim_holds_next_to_its_equality(labelled: Labelled) -> None:
    second.test_a_true_claim_holds_next_to_its_equality(labelled)


@pytest.mark.parametrize(
    "labelled",
    [x for x in SIDED if any("logits" in repr(v) for v in x.claim.given.values())],
    ids=lambda x: x.name,
)
def test_a_true_claim_about_logits_holds_beyond_the_box(labelled: Labelled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first, "POINTS", 5)
    second.test_a_true_claim_about_logits_holds_beyond_the_box(labelled)


@pytest.mark.parametrize("labelled", [x for x in FALSE if not x.strict and x not in ORDERS], ids=lambda x: x.name)
def test_the_claim_as_written_runs_on_balls_and_fails_at_its_witness(labelled: Labelled) -> None:
    second.test_the_claim_as_written_runs_on_balls_and_fails_at_its_witness(labelled)


@pytest.mark.parametrize("labelled", SIDED, ids=lambda x: x.name)
def test_the_claim_as_written_is_not_refuted_in_balls(labelled: Labelled) -> None:
    second.test_the_claim_as_written_is_not_refuted_in_balls(labelled)


@pytest.mark.parametrize("labelled", ORDERS, ids=lambda x: x.name)
def test_an_order_as_written_runs_on_balls(labelled: Labelled) -> None:
    second.test_an_order_as_written_runs_on_balls(labelled)


@pytest.mark.parametrize("labelled", STRICT, ids=lambda x: x.name)
def test_a_strict_claim_holds_off_its_set_of_measure_zero(labelled: Labelled) -> None:
    second.test_a_strict_claim_holds_off_its_set_of_measure_zero(labelled)


APART = {
    "exploration-moves-tsallis-half-by-its-weight": ("1/3",),
    "soft-backup-errs-to-second-order": ("1/2", "1/4", "1/2", "1/4"),
}
"""Points off the set where an order fails."""


@pytest.mark.parametrize("name", APART)
def test_an_order_that_fails_on_a_set_of_measure_zero_holds_elsewhere(name: str) -> None:
    labelled = BY_NAME[name]
    point = tuple(map(Fraction, APART[name]))
    assert labelled.share == 0
    assert first.inside(labelled, point)
    small, large = first.ratio(labelled, point, first.STEPS[1]), first.ratio(labelled, point, first.STEPS[0])
    assert small <= 2 * large + 1e-6


def test_what_is_left_of_jensen_shannon_is_the_third_moment() -> None:
    labelled = BY_NAME["jensen-shannon-from-one-end-to-fourth-order"]
    point = tuple(map(Fraction, ("1/2", "-1", "2", "1/3", "-1", "1")))
    x, step = first.numbers(mp, point), mpmath.mpf(2) ** -60
    with mpmath.workdps(200):
        z, v = x[..., :3], x[..., 3:]
        third = f.mean(first.REALS, z, (v - f.mean(first.REALS, z, v)[..., None]) ** 3)[0]
        left = labelled.plain(first.REALS, x, step)[0] / step**3
    assert abs(left - third / 16) < 1e-12 < abs(third)


# Suprema


def one_against_equals(n: int, odds: Any) -> Array:
    """Logits of one action against n - 1 others that are tied."""
    x = np.full((1, n), mpmath.mpf(0), dtype=object)
    x[0, 0] = odds
    return x


def ratio_of_sides(labelled: Labelled, x: Array) -> Any:
    lhs, rhs = labelled.plain(first.REALS, x)
    return lhs[0] / rhs[0]


def greatest(value: Callable[[Any], Any], low: float, high: float) -> Any:
    """The maximum of a function with one peak, by golden sections."""
    a, b, section = mpmath.mpf(low), mpmath.mpf(high), (mpmath.sqrt(5) - 1) / 2
    for _ in range(60):
        c, e = b - section * (b - a), a + section * (b - a)
        a, b = (a, e) if value(c) > value(e) else (c, b)
    return value((a + b) / 2)


def peak(name: str, n: int) -> Any:
    """Of lhs / rhs over one of n actions against equal ones."""
    low, high = (1, 5) if name.startswith("entropy-times") else (5, 14)
    return greatest(lambda odds: ratio_of_sides(BY_NAME[name], one_against_equals(n, odds)), low, high)


@pytest.mark.parametrize(
    ("name", "n", "printed"),
    [
        ("entropy-times-collision-from-seven-on", 6, "0.5574"),
        ("entropy-times-collision-from-seven-on", 7, "0.5818"),
        ("entropy-below-a-power-of-the-error", 2, "4.0657"),
        ("entropy-below-a-power-of-the-error", 3, "4.3574"),
        ("entropy-below-a-power-of-the-error", 4, "4.5377"),
    ],
)
def test_a_peak_is_as_high_as_it_says(name: str, n: int, printed: str) -> None:
    constant = {"entropy-times-collision-from-seven-on": "0.58", "entropy-below-a-power-of-the-error": "4.53"}[name]
    assert printed in BY_NAME[name].why
    with mpmath.workdps(30):
        assert abs(peak(name, n) * mpmath.mpf(constant) - mpmath.mpf(printed)) < mpmath.mpf("0.6e-4")


@pytest.mark.parametrize(
    ("name", "n", "fails"),
    [
        ("entropy-times-collision-from-seven-on", 5, False),
        ("entropy-times-collision-from-seven-on", 6, False),
        ("entropy-times-collision-from-seven-on", 7, True),
        ("entropy-below-a-power-of-the-error", 3, False),
        ("entropy-below-a-power-of-the-error", 4, True),
        ("normalised-advantage-of-nine-below-2.82", 8, False),
        ("normalised-advantage-of-nine-below-2.82", 9, True),
        ("temperature-costs-0.466-of-alpha-log-n", 7, False),
        ("temperature-costs-0.466-of-alpha-log-n", 8, True),
    ],
)
def test_a_bound_fails_from_so_many_actions_on(name: str, n: int, fails: bool) -> None:
    """Random points round the peak, where the others are tied."""
    labelled = BY_NAME[name]
    low, high, alpha = {
        "entropy-times-collision-from-seven-on": (1.5, 4.0, ()),
        "entropy-below-a-power-of-the-error": (7.0, 11.0, ()),
        "normalised-advantage-of-nine-below-2.82": (0.5, 1.5, ()),
        "temperature-costs-0.466-of-alpha-log-n": (0.3, 0.7, (0.25,)),
    }[name]
    rng = np.random.default_rng(n)
    x = 0.02 * rng.random((20_000, n + len(alpha)))
    x[:, 0] = low + (high - low) * rng.random(len(x))
    x[: len(x) // 2, 1:] *= 20
    x[:, n:] = alpha
    assert violated(labelled, x)[1].any() == fails


@pytest.mark.parametrize("n", range(2, 10))
def test_a_temperature_costs_lambert_s_function(n: int) -> None:
    """The largest regret at one temperature, from many starts, is W((n - 1) / e)."""
    top = float(mpmath.lambertw((n - 1) / mpmath.e).real)
    labelled = BY_NAME["temperature-costs-half-a-log-n-up-to-nine-actions"]
    rng = np.random.default_rng(n)
    gaps = rng.random((5000, n)) * rng.choice([2.5, 5, 20], (5000, 1))
    gaps[:, 0] = 0
    gaps[0, 1:] = 1 + top
    cost, bound = labelled.plain(np, np.concatenate([-gaps, np.ones((5000, 1))], -1))
    assert cost.max() == pytest.approx(top, rel=1e-12)
    assert (cost <= bound).all()
    assert (top / np.log(n) > 0.466) == (n >= 8)


def test_entropy_moves_by_at_most_0_4477_of_a_logit() -> None:
    with mpmath.workdps(30):
        odds = mpmath.findroot(lambda x: x * mpmath.tanh(x / 2) - 1, 1.5)
        slope = odds / (2 * mpmath.cosh(odds / 2) ** 2)
    assert abs(slope - mpmath.mpf("0.4477432")) < 1e-7
    assert abs(odds - mpmath.mpf("1.5434")) < 1e-4


def test_pinsker_holds_with_four_ninths() -> None:
    rng = np.random.default_rng(4)
    p, q = rng.random((2, SAMPLES))
    p[::2] = 0.5 + 2 * (0.5 - q[::2]) + 0.02 * (p[::2] - 0.5)
    inside = (p > 0) & (p < 1)
    bound, divergence = BY_NAME["pinsker-with-half-a-fourth-power"].plain(np, np.stack([p, q], -1)[inside])
    fourth = (p - q)[inside] ** 4
    assert (divergence - bound + fourth / 18).min() > -1e-15


def test_a_slow_chain_has_the_variance_of_the_golden_section() -> None:
    labelled = BY_NAME["variance-of-the-return-as-of-a-uniform-one"]
    golden = (mpmath.sqrt(5) - 1) / 2
    limit = golden / (golden + 2) - golden**2 / (golden + 1) ** 2
    assert abs(limit - mpmath.mpf("0.0902")) < 1e-4
    ones, g = [mpmath.mpf(1)], 1 - mpmath.mpf(10) ** -8
    stay = 1 - golden * (1 - g)
    x = np.array([[0, 0, 0, 0, stay, stay, 0, 0, 0, 0, *ones, *ones, g]], dtype=object)
    with mpmath.workdps(40):
        variance, square = labelled.plain(first.REALS, x + mpmath.mpf(0))
    assert abs(variance[0] / 12 - limit) < 1e-6
    assert square[0] == 1


def returns(z: Array, t: Array, r: Array, g: float, runs: int) -> Array:
    """Discounted returns from state 0, by running the process."""
    rng = np.random.default_rng(6)
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    s, total, weight = np.zeros(runs, dtype=int), np.zeros(runs), 1.0
    while weight > 1e-7:
        a = (rng.random(runs) > p[s, 0]).astype(int)
        total += weight * r[s, a]
        s, weight = (rng.random(runs) > t[s, a]).astype(int), weight * g
    return total


def test_the_variance_is_that_of_runs() -> None:
    rng = np.random.default_rng(8)
    z, t, r = rng.normal(size=(2, 2)), rng.random((2, 2)), 2 * rng.random((2, 2)) - 1
    x = np.concatenate([z.ravel(), t.ravel(), r.ravel(), [0.9]])[None]
    variance = BY_NAME["variance-of-the-return-as-of-independent-steps"].plain(np, x)[0][0] / (1 - 0.9**2)
    sample = returns(z, t, r, 0.9, 100_000)
    fourth = ((sample - sample.mean()) ** 4).mean()
    assert abs(sample.var() - variance) < 5 * ((fourth - variance**2) / len(sample)) ** 0.5


def test_the_corridor_is_that_of_runs() -> None:
    z, g = np.array([0.5, 0.0, -0.25, 0.0, 1.0, 0.0]), 0.9
    value = BY_NAME["corridor-is-worth-its-first-attempt"].plain(np, np.array([[*z, g]]))[1][0]
    chances = 1 / (1 + np.exp(-z[::2]))
    rng = np.random.default_rng(9)
    s, paid = np.zeros(100_000, dtype=int), np.zeros(100_000)
    for step in range(150):
        forward = rng.random(len(s)) < chances[np.minimum(s, 2)]
        paid[forward & (s == 2)] = g**step
        s = np.where(s == 3, 3, np.where(forward, s + 1, 0))
    assert abs(paid.mean() - value) < 5 * paid.std() / len(paid) ** 0.5 + 1e-6


# Shares

SHARED = [x for x in FALSE if x.share and x.share >= 1e-4 and x.known == "formula" and x not in ORDERS]
BOUNDED = [x for x in FALSE if x.known == "bound"]


@pytest.mark.parametrize("labelled", SHARED, ids=lambda x: x.name)
def test_a_share_by_formula_is_that_of_random_points(labelled: Labelled) -> None:
    second.test_a_share_by_formula_is_that_of_random_points(labelled)


@pytest.mark.parametrize("labelled", BOUNDED, ids=lambda x: x.name)
def test_no_more_random_points_fail_than_the_bound_says(labelled: Labelled) -> None:
    second.test_no_more_random_points_fail_than_the_bound_says(labelled)


@pytest.mark.parametrize("labelled", [x for x in FALSE if x.known == "measured"], ids=lambda x: x.name)
def test_what_is_to_be_measured_can_be(labelled: Labelled) -> None:
    second.test_what_is_to_be_measured_can_be(labelled)


@pytest.mark.parametrize(
    ("name", "widths", "times"),
    [
        ("entropy-times-collision-from-seven-on", (1.6, 0.0, 1.2, 1.2, 1.2, 1.2, 1.2), 7 / 3),
        ("probability-is-concave-in-gaps-from-a-half-on", (0.9, 0.9, 0.9, 0.9), 1),
    ],
)
def test_a_bound_is_little_above_the_share_of_points_close_by(
    name: str, widths: tuple[float, ...], times: float
) -> None:
    """`times`: one of seven actions is the first, and one of three boxes has seven."""
    labelled = BY_NAME[name]
    share, error = second.local_share(labelled, widths)
    assert error < 0.1 * share
    assert labelled.share is not None
    assert times * share < labelled.share + 3 * times * error
    assert labelled.share < 2 * times * share


def bits(odds: Array) -> Array:
    """The entropy of two actions."""
    p = 1 / (1 + np.exp(-odds))
    return np.asarray(-p * np.log(p) - (1 - p) * np.log(1 - p))


def test_the_share_of_the_lipschitz_constant_is_its_integral() -> None:
    """Over both log-odds L and M and both sums s and u of logits, whose volume is dL dM ds du / 4.

    As the largest change is half of |L - M| + |s - u|, the width in u is known, and s is in 20 - |L| either way.
    """
    labelled = BY_NAME["entropy-is-lipschitz-in-the-logits"]
    (box,) = labelled.boxes
    side, cell = np.linspace(1.35, 1.75, 1601, retstep=True)
    a, b = np.meshgrid(side, side)
    width = np.maximum(0, 2 * np.abs(bits(a) - bits(b)) / 0.447 - np.abs(a - b))
    assert not width[0].any()
    assert not width[-1].any()
    positive = (2 * width * 2 * (20 - (a + b) / 2)).sum() * cell**2 / 4
    volume = np.prod(np.array(box.high) - np.array(box.low))
    # The share is given to five digits; half the cell changes the sum by five in ten million.
    assert labelled.share == pytest.approx(2 * positive / volume, rel=1e-5)


def test_the_share_of_equal_changes_is_that_of_points_close_by() -> None:
    """tanh(m / 2) < 0.49 m for m > 0.5, so that both policies have their logits within that."""
    labelled = BY_NAME["variation-below-0.49-of-the-change"]
    assert np.tanh(0.25) < 0.49 * 0.5
    rng = np.random.default_rng(2)
    found, drawn = 0, 0
    for _ in range(6):
        z, change = 20 * rng.random((SAMPLES, 4)) - 10, rng.random((SAMPLES, 4)) - 0.5
        # Only where two probabilities are above 0.01 can half of the mass move either way.
        near = np.sort(f.softmax(np, z), -1)[:, -2] > 0.01
        x = np.concatenate([z, z + change], -1)[near]
        found += int(violated(labelled, x)[1].sum())
        drawn += SAMPLES
    share, error = (y / drawn / 20**4 for y in (found, found**0.5))
    assert found > 50
    assert labelled.share is not None
    assert share < labelled.share + 3 * error
    assert labelled.share < 2 * share


def test_the_share_of_tied_others_is_that_of_points_close_by() -> None:
    """Of eight and nine actions, those whose gaps are within one temperature of the worst ones."""
    labelled = BY_NAME["temperature-costs-0.466-of-alpha-log-n"]
    rng = np.random.default_rng(12)
    share, variance, half, drawn = 0.0, 0.0, 1.0, 300_000
    for n in (8, 9):
        gap = 1 + float(mpmath.lambertw((n - 1) / mpmath.e).real)
        alpha = 0.125 + 0.125 * rng.random(drawn)
        best = 2 * rng.random(drawn) - 1
        others = best[:, None] - alpha[:, None] * (gap + half * (2 * rng.random((drawn, n - 1)) - 1))
        inside = (np.abs(others) <= 1).all(-1)
        x = np.concatenate([best[:, None], others, alpha[:, None]], -1)
        weight = n * (inside & violated(labelled, x)[1]) * (half * alpha) ** (n - 1) / 8
        share += weight.mean()
        variance += weight.var() / drawn
    error = variance**0.5
    assert error < 0.2 * share
    assert labelled.share is not None
    assert share < labelled.share + 3 * error
    assert labelled.share < 2 * share


def test_nine_rewards_fail_in_a_ball_of_the_others() -> None:
    labelled = BY_NAME["normalised-advantage-of-nine-below-2.82"]
    rng = np.random.default_rng(10)
    x = 0.08 * (rng.random((100_000, 9)) - 0.5)
    x[:, 0] = 1 - rng.random(len(x))
    others = x[:, 1:]
    scatter = ((others - others.mean(-1)[:, None]) ** 2).sum(-1) / (x[:, 0] - others.mean(-1)) ** 2
    failing = violated(labelled, x)[1]
    clear = np.abs(scatter / OUTLIER - 1) > 1e-9
    assert failing.any()
    assert not failing.all()
    assert (failing == (scatter < OUTLIER))[clear].all()


def test_the_advantage_is_large_only_where_it_says() -> None:
    labelled = BY_NAME["advantage-below-99-hundredths-of-the-horizon"]
    rng = np.random.default_rng(13)
    point = np.array([float(v) for v in labelled.points[0]])
    (box,) = labelled.boxes
    # Only the logits and chances that count are drawn close to the witness.
    width = np.array([4, 4, 10, 10, 0.02, 0.004, 0.01, 0.01, 0.1, 0.1, 0.1, 0.1, 0.098])
    x = np.clip(point + width * (2 * rng.random((SAMPLES, 13)) - 1), box.low, box.high)
    failing = x[violated(labelled, x)[1]]
    assert len(failing) > 50
    z, t = failing[:, :4], failing[:, 4:8]
    assert t[:, 0].max() < 0.0112
    assert t[:, 1].min() > 0.9987
    assert t[:, 2:].min(-1).max() < 0.0025
    assert (z[:, 1] - z[:, 0]).min() > 6.6


def test_the_logarithm_crosses_where_it_says() -> None:
    labelled = BY_NAME["logarithm-below-a-power-of-its-argument"]
    with mpmath.workdps(30):

        def gap(x: Any) -> Any:
            return first.gap(labelled, first.REALS, np.array([[x]], dtype=object))

        root = mpmath.findroot(gap, (mpmath.mpf("0.02"), mpmath.mpf("0.03")), solver="anderson")
        signs = [mpmath.sign(gap(mpmath.mpf(10) ** mpmath.mpf(k) / 4)) for k in np.linspace(-6, 4.6, 200)]
    assert labelled.share == pytest.approx(float(root) / 1e4, rel=5e-7)  # given to seven digits
    # Negative up to the root, positive from there on.
    assert signs == sorted(signs)


# Integers


def test_euler_s_polynomial_fails_at_the_witnesses_and_nowhere_else() -> None:
    labelled = BY_NAME["euler-s-polynomial-is-prime"]
    ranges = second.ranges(labelled)
    of = {n * n + n + 41: n for n in ranges[0]}
    failing = {(of[m * k], m, k) for m, k in product(*ranges[1:]) if m * k in of}
    assert {tuple(map(int, p)) for p in labelled.points} == failing
    count = len(ranges[0]) * len(ranges[1]) * len(ranges[2])
    assert labelled.share == pytest.approx(len(failing) / count, rel=1e-12)


def test_no_sum_of_two_fourth_powers_is_a_square() -> None:
    first_range, second_range, _ = second.ranges(BY_NAME["two-fourth-powers-are-no-square"])
    for x, y in product(first_range, second_range):
        total = x**4 + y**4
        assert isqrt(total) ** 2 != total


# Scans


@pytest.mark.parametrize("labelled", [x for x in SIDED if not x.whole], ids=lambda x: x.name)
def test_a_true_claim_holds_at_a_hundred_thousand_points(labelled: Labelled) -> None:
    """In floats, evenly, near corners and near ties; what rounding may do is what the plain sides may differ by."""
    rng = np.random.default_rng(19)
    for box in labelled.boxes:
        low, high = np.array(box.low), np.array(box.high)
        u = rng.random((100_000 // len(labelled.boxes), box.size))
        third = len(u) // 3
        u[:third] = np.where(rng.random(u[:third].shape) < 0.5, u[:third] ** 8, 1 - u[:third] ** 8)
        u[third : 2 * third] = rng.random((third, 1)) + 1e-3 * (u[third : 2 * third] - 0.5)
        x = np.clip(low + (high - low) * u, low + 1e-9, high - 1e-9)
        lhs, rhs = labelled.plain(np, x)
        apart = np.abs(rhs - lhs) if isinstance(labelled.claim, et.Identity) else lhs - rhs
        size = np.maximum(np.maximum(np.abs(lhs), np.abs(rhs)), 1)
        assert (apart <= first.ROUNDED * size).all()
