"""The numbers of the figure of Theorem VII.4, by routes of their own.

For two actions with ``L = log(p_1 / p_2)`` and rewards (1, 0): ``g = p_1 p_2 (1, -1)`` and ``h = -p_1 p_2 L (1, -1)``,
so that ``g + alpha h = (1 - alpha L) g``: the ratio is ``1 / (1 - alpha L)`` up to the pole 1/L and ``rho / (alpha L -
1)`` beyond it, ``rho = gamma(-g) / gamma(g)``. In the quadratic model rho is 1, ``k1 = L`` and ``k2 = -L``.

On the simplex the margins of every policy come from bisection of ``L(z + eta v) - L(z) - eta E_p v = epsilon``, ``L(z)
= log sum exp z_a``, and those of a sample from ``tests.oracles.margins`` with 30 digits.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from matplotlib.collections import TriMesh

from entropy_theory.figures import theorem_vii_4
from tests.drawings import cartesian, contours, region_is, shows_curve, words
from tests.oracles import margins, simplex

EPS = 2.0**-52
EPSILON = Fraction(1, 2)
TWO = [Fraction(9, 10), Fraction(1, 10)]
REWARDS = [Fraction(1), Fraction(1, 2), Fraction(0)]
ALPHA = Fraction(1, 2)
CURVES = ("ratio", "lower", "quadratic", "quadratic_lower", "quadratic_upper")


@pytest.fixture(scope="module", name="data")
def _data() -> theorem_vii_4.Data:
    return theorem_vii_4.data()


@pytest.fixture(scope="module", name="parts")
def _parts() -> Any:
    return simplex.lattice(240)


def two_action_margin(sign: int, size: Any) -> Any:
    """Root of ``log(p_1 exp t + p_2 exp(-t)) - t (p_1 - p_2) = epsilon`` on the side of `sign`, by the size of v."""
    p, q = simplex.wide(TWO)
    epsilon = simplex.wide([EPSILON])[0]

    def excess(t: Any) -> Any:
        return mpmath.log(p * mpmath.exp(t) + q * mpmath.exp(-t)) - t * (p - q) - epsilon

    return abs(mpmath.findroot(excess, (sign * mpmath.mpf(0.1), sign * mpmath.mpf(10)), solver="anderson")) / size


@pytest.fixture(scope="module", name="two")
def _two() -> dict[str, Any]:
    """What the curves on the left follow from."""
    with simplex.precise:
        p, q = simplex.wide(TWO)
        size, log_odds = p * q, mpmath.log(p / q)
        forward, backward = two_action_margin(1, size), two_action_margin(-1, size)
        return {"L": log_odds, "rho": backward / forward, "k": forward / two_action_margin(-1, size * log_odds)}


def curves_at(alpha: Any, two: dict[str, Any]) -> tuple[Any, ...]:
    """The five curves at one alpha, the last None where it says nothing."""
    x = alpha * two["L"]
    quadratic = 1 / abs(1 - x)
    ratio = quadratic if x < 1 else two["rho"] * quadratic
    return ratio, 1 / (1 + alpha * two["k"]), quadratic, 1 / (1 + x), quadratic if x < 1 else None


def test_constants_and_grids(data: theorem_vii_4.Data, parts: Any) -> None:
    assert (theorem_vii_4.EPSILON, theorem_vii_4.ALPHA, theorem_vii_4.EXAMPLE) == (0.5, 0.5, 0.25)
    assert tuple(map(float, REWARDS)) == theorem_vii_4.REWARDS
    assert tuple(map(float, TWO)) == theorem_vii_4.TWO
    assert theorem_vii_4.TWO_REWARDS == (1, 0)
    np.testing.assert_allclose(data.alpha, np.arange(1501) / 1000, rtol=0, atol=4 * EPS)
    np.testing.assert_allclose(data.policies, simplex.floats(parts), rtol=4 * EPS)
    assert data.log_ratio.shape == (len(parts),) == (29161,)
    assert all(getattr(data, name).shape == (1501,) for name in CURVES)


def test_curves_for_two_actions(data: theorem_vii_4.Data, two: dict[str, Any]) -> None:
    """Every point. Near the pole the rounding of log p, some units, counts ``1 / |1 - alpha L|`` times."""
    with simplex.precise:
        for i, alpha in enumerate(data.alpha):
            oracle = curves_at(mpmath.mpf(alpha), two)
            for name, exact in zip(CURVES, oracle, strict=True):
                value = getattr(data, name)[i]
                if exact is None:
                    assert np.isnan(value)
                else:
                    assert abs(value - exact) <= 100 * EPS * exact * (1 + oracle[2]), (name, alpha)


def test_margins_of_two_actions_by_the_other_oracle(data: theorem_vii_4.Data) -> None:
    """The ratio from the definition of the margin, at the ends, beside the pole and here and there."""
    with simplex.precise:
        p, r = simplex.wide(TWO), simplex.wide([Fraction(1), Fraction(0)])
        g, h = simplex.direction(p, r), -p * simplex.surplus(p)
        base = margins.margin(simplex.log(p), g, 0.5, 20)
        for i in (0, 1, 250, 455, 456, 643, 644, 1000, 1500):
            exact = margins.margin(simplex.log(p), g + mpmath.mpf(data.alpha[i]) * h, 0.5, 20) / base
            assert abs(data.ratio[i] - exact) <= 100 * EPS * exact * (1 + data.quadratic[i])


def test_numbers_of_the_left_picture(data: theorem_vii_4.Data, two: dict[str, Any]) -> None:
    with simplex.precise:
        pole, ratio = 1 / mpmath.log(9), 1 / (1 - mpmath.log(9) / 4)
        shrinks = pole * (1 + two["rho"])
        assert abs(data.pole - pole) < 20 * EPS
        assert abs(data.example - ratio) < 100 * EPS * ratio
        assert abs(data.shrinks_from - shrinks) < 100 * EPS
        assert [mpmath.nstr(x, n) for x, n in ((ratio, 5), (pole, 4), (shrinks, 4))] == ["2.2188", "0.4551", "0.6431"]


def test_rises_to_infinity_and_is_below_one_only_later(data: theorem_vii_4.Data) -> None:
    """The printed line, below 1, fails at every alpha up to 0.643; what is proved holds throughout."""
    before = data.alpha < data.pole
    assert data.pole not in data.alpha
    assert (np.diff(data.ratio[before]) > 0).all()
    assert (np.diff(data.ratio[~before]) < 0).all()
    assert data.ratio.max() > 1000
    positive = data.alpha > 0
    assert data.ratio[0] == 1
    np.testing.assert_array_equal(data.ratio[positive] > 1, data.alpha[positive] < data.shrinks_from)
    assert (data.ratio[positive] > data.lower[positive]).all()
    assert (data.quadratic[positive] > data.quadratic_lower[positive]).all()
    np.testing.assert_array_equal(np.isnan(data.quadratic_upper), ~before)
    np.testing.assert_allclose(data.quadratic[before], data.quadratic_upper[before], rtol=1e-11)  # attained
    # The proved line of the quadratic model is none of the exact margin: for large alpha the ratio is below it.
    assert (data.ratio < data.quadratic_lower)[data.alpha > 1.2].all()


def directions(p: Any) -> tuple[Any, Any, Any]:
    """g, h and g + alpha h on the right."""
    reward, alpha = (simplex.wide if p.dtype == object else simplex.rounded)([REWARDS, [ALPHA] * 3])
    g, h = simplex.direction(p, reward), -p * simplex.surplus(p)
    return g, h, g + alpha * h


def bisected(p: Any, v: Any) -> Any:
    """Margins of many policies at once, on a logarithmic scale from 1e-3 to 1e9; the upper end where v is 0."""
    v = v - (p * v).sum(-1, keepdims=True)
    low, high = np.full(len(p), -3.0), np.full(len(p), 9.0)
    for _ in range(60):
        middle = (low + high) / 2
        x = 10 ** middle[:, None] * v
        top = x.max(-1)
        below = top + np.log((p * np.exp(x - top[:, None])).sum(-1)) < 0.5
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 10**low


def test_ratio_on_the_simplex_everywhere(data: theorem_vii_4.Data, parts: Any) -> None:
    p = simplex.floats(parts)
    g, h, regularised = directions(p)
    base, margin = bisected(p, g), bisected(p, regularised)
    # The divergence, 0.5, is a difference of terms up to 8 (it takes a rare action up from 1/723). As it is convex, the
    # margin has at most its relative error, some 20 roundings; near the optimum, where the direction is 1/200 of what
    # it is the difference of, some 200 times as many.
    np.testing.assert_allclose(data.log_ratio, np.log2(margin / base), rtol=0, atol=1e-12)
    assert (data.log_ratio > -np.log2(1 + base * 0.5 / bisected(p, h)) - 1e-9).all()  # proved: 1/gamma is a gauge
    uniform = (parts == 241).all(-1)
    assert uniform.sum() == 1
    assert abs(data.log_ratio[uniform][0]) < 10 * EPS  # h is 0 there


def test_ratio_on_the_simplex_with_many_digits(data: theorem_vii_4.Data, parts: Any) -> None:
    """With the extreme ratios and those nearest to 1 among them, whose signs are thus decided."""
    chosen = simplex.sample(data.log_ratio, 1000, nearest=12)
    with simplex.precise:
        for i, p in zip(chosen, simplex.exact(parts[chosen]), strict=True):
            g, _, regularised = directions(p)
            base, margin = (margins.margin(simplex.log(p), v, 0.5, 30) for v in (g, regularised))
            exact = mpmath.log(margin / base, 2)
            # Roundings of the two directions: of entries of size 1, over the size of the direction.
            size = 20 * EPS * (1 + 1 / max(abs(regularised)))
            assert abs(data.log_ratio[i] - exact) < size
            if abs(exact) > 1e-20:
                assert abs(data.log_ratio[i]) < size or (data.log_ratio[i] > 0) == (exact > 0)


def test_optimum(data: theorem_vii_4.Data, parts: Any) -> None:
    """softmax(r / alpha), where ``g + alpha h = 0`` is checked; the largest ratio is next to it."""
    with simplex.precise:
        weight = [mpmath.exp(2), mpmath.exp(1), mpmath.mpf(1)]
        p = np.array([x / mpmath.fsum(weight) for x in weight], dtype=object)
        assert max(abs(directions(p)[2])) < 1e-45
        assert max(abs(data.optimum - p)) < 8 * EPS
    largest = int(np.argmax(data.log_ratio))
    assert np.abs(data.policies[largest] - data.optimum).max() < 1 / 241
    assert 2.0 ** data.log_ratio[largest] > 100


def test_a_small_bonus_enlarges_the_margin_of_comonotone_policies(parts: Any) -> None:
    """The exact margin with alpha = 1/10000, wherever ``p_1 >= p_2 >= p_3`` and p is not uniform."""
    comonotone = parts[(np.diff(parts, axis=-1) <= 0).all(-1) & (parts[:, 0] > parts[:, 2])]
    with simplex.precise:
        for p in simplex.exact(comonotone[::500]):
            g, h, _ = directions(p)
            base, margin = (margins.margin(simplex.log(p), v, 0.5, 20) for v in (g, g + h / 10000))
            assert margin > base


def test_data_are_the_same_each_time(data: theorem_vii_4.Data) -> None:
    again = theorem_vii_4.data()
    for name in theorem_vii_4.Data.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(data, name), getattr(again, name))


def test_picture_shows_the_data(data: theorem_vii_4.Data) -> None:
    left, right = theorem_vii_4.draw(data).axes
    said = words(left)
    assert "2.2188 at $\\alpha$ = 0.25" in said
    assert "infinite at $\\alpha$ = 0.4551" in said
    assert "below 1 only beyond 0.6431" in said
    assert shows_curve(left, 0.25, data.example)
    assert shows_curve(left, [0, 1], [1, 1])  # printed
    for name in CURVES:  # without what lies above the axes
        curve = getattr(data, name)
        assert shows_curve(left, data.alpha, np.where(curve <= theorem_vii_4.TOP, curve, np.nan)), name
    share = np.count_nonzero(data.log_ratio > 0) / len(data.log_ratio)
    assert f"on {share:.0%} of the simplex" in words(right)
    assert f"{share:.0%}" == "37%"
    assert any(np.allclose(line.get_xydata(), cartesian(data.optimum), rtol=0, atol=8 * EPS) for line in right.lines)
    [shading] = [c for c in right.collections if isinstance(c, TriMesh)]
    np.testing.assert_array_equal(shading.get_array(), data.log_ratio)
    [region] = contours(right, True)
    region_is(region, cartesian(data.policies), data.log_ratio)
    assert [list(c.levels) for c in contours(right, False)] == [[-1, 1], [0]]
