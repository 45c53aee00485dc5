"""Counterexamples and constants of Sections VI to VIII worked out by hand, against the public functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import entropy_theory as et

EPS = float(np.finfo(np.float64).eps)


def test_clipping_the_largest_covariance_speeds_up_the_collapse() -> None:
    """Proposition VI.1 at p = (12, 7, 1)/20, r = (1, 0, 1), action 3 clipped: .05553, .05505, .05743, .05882."""
    p, r = np.array([12, 7, 1]) / 20, np.array([1.0, 0.0, 1.0])
    z, advantage = np.log(p), r - p @ r
    covariance = et.token_covariance(z, p * advantage)
    assert covariance.argmax() == 2
    rate, kept = p @ covariance, p[:2] @ covariance[:2] / p[:2].sum()
    entry = np.where(np.arange(3) == 2, 0, p * advantage)
    weighted = np.where(np.arange(3) == 2, 0, advantage)
    token = p * (weighted - p @ weighted)
    rates = [rate, kept, *(-et.first_order_entropy_change(z, dz) for dz in (entry, token))]
    assert [round(float(x), 5) for x in rates] == [0.05553, 0.05505, 0.05743, 0.05882]


def test_the_penalty_can_lower_the_entropy() -> None:
    """Theorem VI.2 at p = (3/5, 2/5), q = (9/10, 1/10), r = (1, 0): top-1 is action 2 and delta = -(9/125) log(3/2)."""
    z, old, bandit = np.log([0.6, 0.4]), np.log([0.9, 0.1]), et.Bandit([1.0, 0.0])
    control = et.KLCov.preset("paper", fraction=0.1)
    plain = et.PolicyGradient().update(bandit, z, 1.0)
    penalty = control.update(bandit, z, 1.0, anchor=old) - plain
    assert penalty[0] == 0
    delta = et.first_order_entropy_change(z, penalty)
    assert float(delta) == pytest.approx(-9 / 125 * math.log(1.5), abs=16 * EPS)


@pytest.mark.parametrize("preset", ["paper", "cui2025", "prime", "verl", "skyrl"])
def test_kl_cov_does_nothing_in_the_first_step(preset: str) -> None:
    rng = np.random.default_rng(1)
    z, bandit = rng.normal(size=(20, 5)), et.Bandit(rng.normal(size=(20, 5)))
    plain = et.PolicyGradient().update(bandit, z, 0.5)
    np.testing.assert_array_equal(et.KLCov.preset(preset).update(bandit, z, 0.5), plain)


def test_masking_can_raise_the_variance() -> None:
    """Eq. (27) at p = (1/2, 1/2), r = (1, 0): one-sample REINFORCE has variance 0, with half of it masked 1/64."""
    base = et.token_moments(np.zeros(2), np.array([0.5, -0.5]))
    np.testing.assert_array_equal(base.variance, [0, 0])
    np.testing.assert_array_equal(et.randomly_masked(base, 0.5).variance, [1 / 64, 1 / 64])


def test_a_masked_entry_breaks_the_loewner_order() -> None:
    """Eq. (28) at p = (2/3, 1/3), r = (1, 0), entry 2 masked: the difference is (2/81) [[0, -1], [-1, 1]]."""
    z = np.log([2 / 3, 1 / 3])
    base = et.token_moments(z, np.array([1 / 3, -2 / 3]))
    masked = et.entry_masked(base, np.array([1.0, 0.0]))
    difference = base.covariance - masked.covariance
    np.testing.assert_allclose(difference, 2 / 81 * np.array([[0, -1], [-1, 1]]), rtol=0, atol=16 * EPS)
    assert float(et.loewner_gap(masked.covariance, base.covariance)) < -0.01


def test_the_squared_gradient_is_no_lyapunov_function() -> None:
    """Theorem VII.3's V = |grad J|^2 / 2 at r = (1, 0), p = 1/4: dV/dt = 27/2048 along the gradient."""
    bandit, z = et.Bandit([1.0, 0.0]), np.log([1 / 4, 3 / 4])

    def potential(logits: Any) -> Any:
        return np.asarray((et.policy_gradient(bandit, logits) ** 2).sum(-1) / 2)

    slope = et.directional_derivative(potential, z, et.policy_gradient(bandit, z))
    assert float(slope) == pytest.approx(27 / 2048, abs=16 * EPS)


def test_an_entropy_bonus_can_more_than_double_the_margin() -> None:
    """Theorem VII.4 at p = (9/10, 1/10), r = (1, 0), alpha = 1/4: the exact margin is 2.2188 times the base one."""
    z, bandit = np.log([0.9, 0.1]), et.Bandit([1.0, 0.0])
    base = et.PolicyGradient().update(bandit, z, 1.0)
    regularised = et.EntropyBonus(0.25).update(bandit, z, 1.0)
    for epsilon in (1e-4, 0.01, 1.0):  # both directions are multiples of one, so the ratio is that of their lengths
        ratio = et.stability_margin(z, regularised, epsilon) / et.stability_margin(z, base, epsilon)
        assert round(float(ratio), 4) == 2.2188


def test_reward_against_the_exponential_of_entropy() -> None:
    """Section VIII: the slope of R against e^H is 1.26 at p = 0.6 and 0.14 at p = 0.999."""
    for p, slope in ((0.6, 1.26), (0.999, 0.14)):
        z = np.log([p, 1 - p])
        growth = np.exp(et.entropy(z)) * et.first_order_entropy_change(z, np.array([1 / p, -1 / (1 - p)]))
        assert round(float(-1 / growth), 2) == slope


def test_the_driving_covariance_peaks() -> None:
    """Section VIII: 2 p^2 q^2 log(p/q) is largest near p = 0.74, not at certainty."""
    p = np.linspace(0.5, 0.9999, 5000)
    z = np.stack([np.log(p), np.log1p(-p)], axis=-1)
    gradient = et.policy_gradient(et.Bandit([1.0, 0.0]), z)
    covariance = et.covariance(z, z, gradient)
    assert round(float(p[covariance.argmax()]), 2) == 0.74
    assert covariance[-1] < covariance.max() / 1e4
