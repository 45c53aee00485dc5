"""The numbers of the figure of Theorem VI.2, by routes of their own.

The penalty on the selected actions I moves their logits by ``-beta eta (p_a - q_a)``, so that ``delta_I / eta =
-Cov_p(log p, -1_I (p - q))``. For two actions with ``L = log(p_1 / p_2)``: ``Cov = 2 p_1^2 p_2^2 L (r_1 - r_2)``,
``C_1 = 2 p_1 p_2^3 L (r_1 - r_2)``, ``C_2 = 2 p_1^3 p_2 L (r_1 - r_2)``: the regime is ``p_1 > 1/2``. There ``delta_I
= p_1 p_2 L (p_1 - q_1)`` whichever is selected, negative where ``q_1 > p_1``.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from matplotlib.patches import Polygon

from entropy_theory.figures import theorem_vi_2
from tests.drawings import cartesian, contours, region_is, shows_curve, words
from tests.oracles import simplex

EPS = 2.0**-52
SIZE = 100 * EPS
"""Margins are differences of products of probabilities, advantages and surpluses ``log p_a + H``, of size 7 at most;
a rare action's surplus always comes with its probability or with terms of this size: some roundings of 1."""
OLD = [Fraction(5, 10), Fraction(3, 10), Fraction(2, 10)]
REWARDS = [Fraction(1), Fraction(1, 2), Fraction(0)]


@pytest.fixture(scope="module", name="data")
def _data() -> theorem_vi_2.Data:
    return theorem_vi_2.data()


@pytest.fixture(scope="module", name="parts")
def _parts() -> Any:
    return simplex.lattice(theorem_vi_2.FINE)


def margins(p: Any, old: Any, reward: Any) -> tuple[Any, Any, Any]:
    """The three margins of `Data`."""
    c = simplex.token_covariances(p, reward)
    delta = simplex.penalties(p, old)
    regime = np.minimum(simplex.fall(p, reward), c.max(-1) + c.min(-1))
    lowered = np.minimum(np.minimum(simplex.gap(c), -delta).max(-1), regime)
    return regime, lowered, np.minimum(lowered, -delta.sum(-1))


def stated(p: Any, old: Any, reward: Any) -> tuple[Any, Any, Any]:
    """The theorem's regime, and in it ``delta_I < 0``, and also ``delta < 0``, from the words of the theorem."""
    c = simplex.token_covariances(p, reward)
    selected = np.abs(c).argmax(-1)[..., None]
    regime = (simplex.fall(p, reward) > 0) & (np.take_along_axis(c, selected, -1)[..., 0] > 0)
    lowered = regime & (np.take_along_axis(simplex.penalties(p, old), selected, -1)[..., 0] < 0)
    delta = simplex.covariance(p, simplex.log(p), p - old)
    return regime, lowered, lowered & (delta < 0)


def settings() -> tuple[Any, Any]:
    """q and the rewards on the right."""
    return simplex.rounded(OLD), simplex.rounded(REWARDS)


def square_of(x: Any) -> tuple[Any, Any]:
    """p and q at each point of the square, q_1 in the first axis."""
    q, p = np.meshgrid(x, x, indexing="ij")
    return np.stack([p, 1 - p], -1), np.stack([q, 1 - q], -1)


def test_constants() -> None:
    assert theorem_vi_2.TWO_REWARDS == (1, 0)
    assert theorem_vi_2.EXAMPLE == (0.6, 0.9)
    assert tuple(map(float, REWARDS)) == theorem_vi_2.REWARDS
    assert tuple(map(float, OLD)) == theorem_vi_2.OLD


def test_grids(data: theorem_vi_2.Data, parts: Any) -> None:
    # A spacing of 1 / (240 + 2/3), that is i + 1/3 over 722/3.
    np.testing.assert_allclose(data.square, (3 * np.arange(241) + 1) / 722, rtol=4 * EPS)
    np.testing.assert_allclose(data.policies, simplex.floats(parts), rtol=4 * EPS)
    for name in ("square_regime", "square_lowered", "square_broken"):
        assert getattr(data, name).shape == (241, 241)
    for name in ("regime", "lowered", "broken"):
        assert getattr(data, name).shape == (len(parts),) == (65341,)


def test_margins_on_the_square(data: theorem_vi_2.Data) -> None:
    got = data.square_regime, data.square_lowered, data.square_broken
    reward = np.array(theorem_vi_2.TWO_REWARDS)
    for margin, oracle in zip(got, margins(*square_of(data.square), reward), strict=True):
        np.testing.assert_allclose(margin, oracle, rtol=0, atol=SIZE)
    with simplex.precise:
        chosen = np.array([0, 1, 7, 60, 119, 120, 121, 180, 233, 239, 240])  # 120 is p_1 = 1/2
        p, q = square_of(simplex.wide([Fraction(3 * int(i) + 1, 722) for i in chosen]))
        for margin, oracle in zip(got, margins(p, q, simplex.wide(reward)), strict=True):
            assert abs(oracle - margin[np.ix_(chosen, chosen)]).max() < SIZE


def test_two_actions_by_hand(data: theorem_vi_2.Data) -> None:
    """The regions on both sides of their borders p_1 = 1/2 and p_1 = q_1; a border itself is in neither."""
    n = 3 * np.arange(241) + 1  # over 722, exactly
    p, q = n[None, :], n[:, None]
    less_sharp = (2 * p > 722) & (q > p)
    tiny = 8 * EPS
    np.testing.assert_array_equal(data.square_regime > tiny, np.broadcast_to(2 * p > 722, (241, 241)))
    np.testing.assert_array_equal(data.square_lowered > tiny, less_sharp)
    np.testing.assert_array_equal(data.square_broken > tiny, less_sharp)
    x = np.broadcast_to(data.square, (241, 241))
    log_odds = np.log(x / (1 - x))
    # Cov against C_1 + C_2: 2 p^2 q^2 L is the smaller by p q < p^2 + q^2.
    np.testing.assert_allclose(
        data.square_regime[x > 0.5], (2 * (x * (1 - x)) ** 2 * log_odds)[x > 0.5], rtol=0, atol=SIZE
    )


def test_example(data: theorem_vi_2.Data) -> None:
    with simplex.precise:
        p, q = (simplex.wide([x, 1 - x]) for x in (Fraction(3, 5), Fraction(9, 10)))
        c = simplex.token_covariances(p, simplex.wide(theorem_vi_2.TWO_REWARDS))
        assert min(c) > 0
        assert np.argmax(np.abs(c)) == 1
        exact = simplex.penalties(p, q)[1]
        assert mpmath.almosteq(exact, -mpmath.log(1.5) * 9 / 125, 1e-45)
        # p - q = 0.3 and log p + H are each rounded once or twice.
        assert abs(data.example - exact) < 20 * EPS * abs(exact)


def test_margins_on_the_simplex(data: theorem_vi_2.Data, parts: Any) -> None:
    got = data.regime, data.lowered, data.broken
    for margin, oracle in zip(got, margins(simplex.floats(parts), *settings()), strict=True):
        np.testing.assert_allclose(margin, oracle, rtol=0, atol=SIZE)
    chosen = np.unique(np.concatenate([simplex.sample(margin, 600) for margin in got]))
    with simplex.precise:
        p, q, r = simplex.exact(parts[chosen]), simplex.wide(OLD), simplex.wide(REWARDS)
        for margin, oracle in zip(got, margins(p, q, r), strict=True):
            assert abs(oracle - margin[chosen]).max() < SIZE
        # The points nearest to the borders are among these.
        for margin, region in zip(got, stated(p, q, r), strict=True):
            clear = np.abs(margin[chosen]) > SIZE
            np.testing.assert_array_equal(margin[chosen][clear] > 0, region[clear])


def test_regions_are_those_of_the_theorem(data: theorem_vi_2.Data, parts: Any) -> None:
    """Everywhere but within rounding of a border."""
    regions = stated(simplex.floats(parts), *settings())
    for margin, region in zip((data.regime, data.lowered, data.broken), regions, strict=True):
        clear = np.abs(margin) > SIZE
        assert clear.mean() > 0.99
        np.testing.assert_array_equal(margin[clear] > 0, region[clear])
    counts = [np.count_nonzero(margin > SIZE) for margin in (data.regime, data.lowered, data.broken)]
    assert counts == sorted(counts, reverse=True)
    assert counts[2] > 1000


def test_negative_between_the_old_policy_and_uniform() -> None:
    """``p = q + t (1/3 - q)``: all in the regime, delta_I < 0 and delta < 0, for 0 < t < 1."""
    with simplex.precise:
        points = [[q + Fraction(k, 100) * (Fraction(1, 3) - q) for q in OLD] for k in range(1, 100)]
        p, q, r = (simplex.wide(x) for x in (points, OLD, REWARDS))
        assert all(np.all(region) for region in stated(p, q, r))
        assert (margins(p, q, r)[2] > 0).all()


def test_triangles_hold_the_sharper_policies(data: theorem_vi_2.Data, parts: Any) -> None:
    """Membership against the definition, in integers; and there ``delta > 0``, as is proved."""
    corners = np.array([[list(corner) for corner in triangle(order)] for order in itertools.permutations(range(3))])
    assert data.sharper.shape == (6, 3, 3)
    # A few roundings of numbers up to 1.
    np.testing.assert_allclose(data.sharper, corners.astype(float), rtol=0, atol=8 * EPS)
    some = parts[::23]
    p = simplex.floats(some)
    weights = np.stack([np.linalg.solve(t.T, p.T).T for t in data.sharper])  # barycentric, (6, m, 3)
    # No lattice point is nearer to a side than about 1 / (10 * 1083), unless it lies on it.
    inside = (weights > -1e-9).all(-1).any(0)
    sharper = np.array([simplex.sharper([int(x) for x in row], OLD) for row in some])
    np.testing.assert_array_equal(inside, sharper)
    assert sharper.sum() > 500
    delta = simplex.covariance(p, np.log(p), p - settings()[0])
    assert (delta[sharper] > 0).all()
    assert (delta[~sharper] < 0).any()
    assert not (sharper & (data.broken[::23] > 0)).any()
    # ... though delta_I can be negative even there.
    assert (sharper & (data.lowered[::23] > 0)).any()


def triangle(order: tuple[int, ...]) -> list[list[Fraction]]:
    """Corners where two of ``p_a >= p_b, p_b >= p_c, p_c >= 0`` and of the ratios' inequalities are tight."""
    a, b, c = order
    u, v = max(Fraction(1), OLD[a] / OLD[b]), max(Fraction(1), OLD[b] / OLD[c])
    rays = [{a: Fraction(1)}, {a: u, b: Fraction(1)}, {a: u * v, b: v, c: Fraction(1)}]
    return [[ray.get(i, Fraction(0)) / sum(ray.values()) for i in range(3)] for ray in rays]


def test_data_are_the_same_each_time(data: theorem_vi_2.Data) -> None:
    again = theorem_vi_2.data()
    for name in theorem_vi_2.Data.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(data, name), getattr(again, name))


def test_picture_shows_the_data(data: theorem_vi_2.Data) -> None:
    left, right = theorem_vi_2.draw(data).axes
    assert shows_curve(left, 0.6, 0.9)
    assert "p = (6, 4)/10, q = (9, 1)/10, it changes by −0.0292" in words(left)
    p, q = square_of(data.square)
    points = np.stack([p[..., 0], q[..., 0]], -1).reshape(-1, 2)
    for contour, margin in zip(contours(left, True), (data.square_regime, data.square_lowered), strict=True):
        region_is(contour, points, margin.ravel())
    dot = cartesian(settings()[0])
    assert any(np.allclose(line.get_xydata(), dot, rtol=0, atol=8 * EPS) for line in right.lines)
    drawn = [np.asarray(patch.get_xy())[:3] for patch in right.patches if isinstance(patch, Polygon)]
    np.testing.assert_allclose(drawn, cartesian(data.sharper), rtol=0, atol=8 * EPS)
    shown = data.regime, data.lowered, data.broken, -data.regime
    for contour, margin in zip(contours(right, True), shown, strict=True):
        region_is(contour, cartesian(data.policies), margin)
