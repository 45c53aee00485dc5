"""The numbers of the figure of Theorem V.2, by routes of their own.

The regularised optimum of two actions maximises ``p + alpha H(p)``: the closed form of the tests is compared with a
search for the root of the derivative ``1 - alpha log(p / q)``. The gap is also the integral of ``Var_t(r) / t^2`` over
t from 0 to alpha.
"""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from entropy_theory.figures import theorem_v_2
from tests.drawings import shows_curve, words
from tests.oracles import policies, simplex

EPS = 2.0**-52


@pytest.fixture(scope="module", name="data")
def _data() -> theorem_v_2.Data:
    return theorem_v_2.data()


def gap(alpha: Any, others: int = 1) -> Any:
    """Loss of ``softmax(r / alpha)``, one action of reward 1 and the others of 0: their probability."""
    return others / (others + mpmath.exp(1 / alpha))


def entropy(q: Any) -> Any:
    return -(1 - q) * mpmath.log1p(-q) - q * mpmath.log(q)


def rounding(alpha: Any) -> Any:
    """Relative: ``r / alpha`` is rounded, which exp turns into ``EPS / (2 alpha)``; besides some roundings."""
    return EPS * (20 + 2 / alpha)


def test_optimum_is_where_the_derivative_is_zero() -> None:
    """The oracle itself: gap and entropy at the root, and the entropies by another oracle."""
    with simplex.precise:
        for alpha in map(mpmath.mpf, (0.2, 0.5, 1, 1.5)):
            q = mpmath.findroot(lambda q, a=alpha: 1 - a * mpmath.log((1 - q) / q), (0.001, 0.49), solver="anderson")
            assert mpmath.almosteq(q, gap(alpha), 1e-40)
            z = [1 / alpha, mpmath.mpf(0)]
            assert mpmath.almosteq(entropy(q), policies.entropy(z), 1e-40)
            around = [mpmath.mpf(x) for x in (0.99, 1.01)]
            assert all(1 - q + alpha * entropy(q) > 1 - x * q + alpha * entropy(x * q) for x in around)
        for v in (3, 10):
            z = [mpmath.mpf(2), *[mpmath.mpf(0)] * (v - 1)]
            assert mpmath.almosteq(gap(mpmath.mpf(0.5), v - 1), 1 - policies.softmax(z)[0], 1e-40)


def test_grids(data: theorem_v_2.Data) -> None:
    assert theorem_v_2.REWARD == (1, 0)
    np.testing.assert_allclose(data.alpha, 1.5 * np.arange(1, 301) / 300, rtol=4 * EPS)
    assert data.many_alpha.shape == (300,)
    assert (data.many_alpha[0], data.many_alpha[-1]) == (0.02, 3)
    np.testing.assert_allclose(np.diff(np.log(data.many_alpha)), np.log(150) / 299, rtol=0, atol=20 * EPS)
    assert data.many_gap.shape == (len(theorem_v_2.VOCABULARY), 300)


def test_gap_and_bounds_for_two_actions(data: theorem_v_2.Data) -> None:
    """At every alpha; the printed term exceeds the gap by ``alpha KL(pi* || pi_reg)``, KL = -log p_1."""
    with simplex.precise:
        for i, alpha in enumerate(map(mpmath.mpf, data.alpha)):
            q = gap(alpha)
            printed = alpha * entropy(q)  # H(pi*) = 0
            for value, exact in ((data.gap[i], q), (data.identity[i], q), (data.printed[i], printed)):
                assert abs(value - exact) < rounding(alpha) * exact
            assert mpmath.almosteq(printed + alpha * mpmath.log1p(-q), q, 1e-40)
            assert abs(data.log_bound[i] - alpha * mpmath.log(2)) < 4 * EPS * alpha


def test_gap_is_an_integral_of_the_variance_of_the_reward(data: theorem_v_2.Data) -> None:
    with mpmath.workdps(20):
        for i in (20, 50, 100, 199, 299):
            integral = mpmath.quad(lambda t: gap(t) * (1 - gap(t)) / t**2, [0.005, 0.05, 0.1, data.alpha[i]])
            assert abs(data.gap[i] - gap(mpmath.mpf(0.005)) - integral) < 1e-12


def test_printed_lower_bound_lies_above_the_gap_everywhere(data: theorem_v_2.Data) -> None:
    assert (data.gap < data.printed).all()
    assert (data.printed < data.log_bound).all()
    assert (data.gap > 0).all()
    assert (np.diff(data.gap) > 0).all()
    excess = data.printed - data.gap
    # Terms up to 1; beyond the difference's own rounding it is alpha times -log p_1.
    np.testing.assert_allclose(excess, -data.alpha * np.log1p(-data.gap), rtol=0, atol=8 * EPS)


def test_example(data: theorem_v_2.Data) -> None:
    """In closed form: q = 1/(1 + e), and ``H = log(1 + e) - e/(1 + e)``."""
    e = math.e
    np.testing.assert_allclose(data.example, (1 / (1 + e), np.log1p(e) - e / (1 + e)), rtol=8 * EPS)
    assert [f"{x:.4f}" for x in data.example] == ["0.2689", "0.5822"]
    assert theorem_v_2.EXAMPLE_ALPHA == 1


def test_one_good_action_among_many(data: theorem_v_2.Data) -> None:
    with simplex.precise:
        for v, row in zip(theorem_v_2.VOCABULARY, data.many_gap, strict=True):
            for alpha, value in zip(map(mpmath.mpf, data.many_alpha), row, strict=True):
                exact = gap(alpha, v - 1)
                # sums over up to 100,000 actions: in pairs, log2(V) < 17 roundings
                assert abs(value - exact) < (17 * EPS + rounding(alpha)) * exact
    assert (np.diff(data.many_gap) > 0).all()


def test_switch(data: theorem_v_2.Data) -> None:
    """Where the gap is one half, by bisection; the gap is on its two sides to the left and right."""
    with simplex.precise:
        for v, alpha, row in zip(theorem_v_2.VOCABULARY, data.switch, data.many_gap, strict=True):
            root = mpmath.findroot(lambda a, v=v: gap(a, v - 1) - 0.5, (0.02, 3), solver="bisect", tol=1e-20)
            assert abs(alpha - root) < 8 * EPS
            np.testing.assert_array_equal(row > 0.5, data.many_alpha > alpha)
    assert [f"{x:.3f}" for x in data.switch] == ["0.455", "0.145", "0.087"]


def test_more_actions_switch_at_a_smaller_alpha_and_more_sharply(data: theorem_v_2.Data) -> None:
    """The gap is g at ``1 / (log(V - 1) + log(1/g - 1))``: alpha grows by less from 1/4 to 3/4 for a larger V."""
    assert (np.diff(theorem_v_2.VOCABULARY) > 0).all()
    assert (np.diff(data.switch) < 0).all()
    within = ((data.many_gap > 0.25) & (data.many_gap < 0.75)).sum(-1)
    size = np.log(np.array(theorem_v_2.VOCABULARY) - 1)
    factor = (size + np.log(3)) / (size - np.log(3))
    assert (np.diff(factor) < 0).all()
    np.testing.assert_allclose(within, np.log(factor) / (np.log(150) / 299), rtol=0, atol=1)
    assert (data.many_gap[:, 0] < 1e-15).all()  # nearly nothing
    assert (data.many_gap[1:, -1] > 0.995).all()  # nearly all
    assert (data.many_gap[:, -1] < 1 - 1 / np.array(theorem_v_2.VOCABULARY)).all()  # of the uniform policy


def test_data_are_the_same_each_time(data: theorem_v_2.Data) -> None:
    again = theorem_v_2.data()
    for name in theorem_v_2.Data.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(data, name), getattr(again, name))


def test_picture_shows_the_data(data: theorem_v_2.Data) -> None:
    left, right = theorem_v_2.draw(data).axes
    for name in ("gap", "printed", "log_bound"):
        assert shows_curve(left, data.alpha, getattr(data, name)), name
    for value in data.example:
        assert shows_curve(left, theorem_v_2.EXAMPLE_ALPHA, value)
        assert f"{value:.4f}" in words(left)
    for v, row, alpha in zip(theorem_v_2.VOCABULARY, data.many_gap, data.switch, strict=True):
        assert shows_curve(right, data.many_alpha, row)
        assert shows_curve(right, alpha, 0.5)
        assert f"V = {v:,}: $\\alpha$ = {alpha:.3f}" in words(right)
    assert shows_curve(right, [0, 1], [0.5, 0.5])
