"""Formulas of the alpha sweep, of the law of reward against entropy and of the comparison of estimators."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.simulations.alpha_sweep import (
    ALPHAS,
    _Sweep,
    exact_training,
    held_optimum,
    near_optimal,
    soft_optimum,
)
from entropy_theory.simulations.estimators_compared import again, estimators, first_norms
from entropy_theory.simulations.exponential_law import halves, log_linear, shares
from entropy_theory.simulations.law import FORMS, fit, predict, reward_at, rmse
from entropy_theory.simulations.setting import FULL, SMALL

TREE = et.TokenTree(3, 3, np.random.default_rng(5).normal(size=(2, 27)), weights=[0.3, 0.7])


def logits_where(mass: dict[tuple[int, ...], float], prompt: int, z: np.ndarray) -> None:
    """Logits of a prompt whose responses are drawn with `mass`, prefix by prefix."""
    for t in range(TREE.horizon):
        for prefix in itertools.product(range(3), repeat=t):
            for token in range(3):
                start = (*prefix, token)
                z[TREE.state(prompt, prefix), token] = math.log(
                    math.fsum(m for y, m in mass.items() if y[: t + 1] == start)
                )


@pytest.mark.parametrize("alpha", [0.3, 1.0, 7.0])
def test_optimum_is_where_the_gradient_of_eq_4_vanishes(alpha: float) -> None:
    """``T Hbar`` is the entropy of the response, so that J + alpha T Hbar has its optimum at p(y) ~ exp(r / alpha)."""
    z = np.empty((TREE.states, 3))
    responses = list(itertools.product(range(3), repeat=3))
    for prompt in range(2):
        mass = {y: math.exp(r / alpha) for y, r in zip(responses, TREE.reward[prompt], strict=True)}
        logits_where(mass, prompt, z)
    slope = et.policy_gradient(TREE, z) + 3 * alpha * et.mean_entropy_gradient(TREE, z)
    np.testing.assert_allclose(slope, 0, atol=1e-14)
    assert soft_optimum(TREE, alpha) == pytest.approx(float(TREE.objective(z)), rel=1e-12)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 7.0])
def test_where_the_bonus_of_a_batch_rests(alpha: float) -> None:
    """Found by repeated application: the logits q / alpha of a level settle once those below it have."""
    z = np.zeros((TREE.states, 3))
    for _ in range(TREE.horizon):
        z = TREE.values(z).q / alpha
    update = et.EntropyBonus(3 * alpha, visitation="held").update(TREE, z, 1.0)
    np.testing.assert_allclose(update, 0, atol=1e-14)
    assert held_optimum(TREE, alpha) == pytest.approx(float(TREE.objective(z)), rel=1e-12)


def test_all_alphas_at_once_are_each_by_itself() -> None:
    z0 = np.random.default_rng(1).normal(size=(TREE.states, 3))
    together = exact_training(TREE, z0, (0.01, 2.0), 6.0, 7)
    for reward, alpha in zip(together, (0.01, 2.0), strict=True):
        alone = et.train(TREE, et.EntropyBonus(3 * alpha, visitation="held"), z0, 2.0, 7)
        assert reward == pytest.approx(alone.objective[-1], rel=1e-12)


def test_near_optimal_set_of_a_tent() -> None:
    """J = 1 - |log10 alpha|: within 0.5 of the best from 10^-1/2 to 10^1/2."""
    low, high, width = near_optimal([0.01, 1.0, 100.0], np.array([-1.0, 1.0, -1.0]), 0.5)
    assert (low, high, width) == pytest.approx((-0.5, 0.5, 1.0), abs=0.01)


def test_the_best_alpha_of_a_seed_is_that_of_the_others() -> None:
    reward = np.zeros((3, len(ALPHAS)))
    reward[0, 4] = 9.0  # the luck of one seed
    reward[1:, 2] = 1.0
    np.testing.assert_array_equal(_Sweep(reward).best, [0.0, 0.0, 0.0])
    reward[0, 4] = 0.5
    np.testing.assert_array_equal(_Sweep(reward).best, [0.0, 1.0, 1.0])


# The law ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_fit_finds_the_coefficients_of_its_form(form: str) -> None:
    entropy = np.linspace(0.1, 1.5, 9)
    curve = {
        "exponential": -0.3 * np.exp(entropy) + 1.2,
        "line": -0.3 * entropy + 1.2,
        "quadratic": -0.3 * entropy + 1.2 + 0.1 * entropy**2,
    }[form]
    coefficients = fit(form, entropy, curve)
    np.testing.assert_allclose(coefficients[:2], [0.3, 1.2], rtol=1e-10)
    assert rmse(form, coefficients, entropy, curve + 0.25) == pytest.approx(0.25)
    np.testing.assert_allclose(predict(form, coefficients, entropy), curve)


def test_fit_is_that_of_polyfit() -> None:
    rng = np.random.default_rng(3)
    entropy, reward = rng.uniform(size=20), rng.uniform(size=20)
    slope, offset = np.polyfit(np.exp(entropy), reward, 1)
    np.testing.assert_allclose(fit("exponential", entropy, reward), [-slope, offset])


def test_reward_at_an_entropy_between_records() -> None:
    assert reward_at(0.75, np.array([1.0, 0.5, 0.2]), np.array([0.1, 0.3, 0.6])) == pytest.approx(0.2)


def test_halves_of_the_law_and_of_a_line() -> None:
    """A law has one a; of a line the exponential's slope grows as the entropy falls, by e^-H.

    Between records h = 1.2/1999 apart the law 0.3 e^H is interpolated within 0.3 e^1.2 h^2 / 8 = 5e-8, on levels over
    which it falls by 0.25 or more: its slope is off by less than 1e-6. A line is interpolated exactly, and the levels
    of the two halves differ by 0.6, so the slopes by the factor e^0.6 up to rounding.
    """
    entropy = np.linspace(1.2, 0.0, 2000)
    assert halves(entropy, 1 - 0.3 * np.exp(entropy)) == pytest.approx(1, rel=1e-6)
    assert halves(entropy, 1 - 0.3 * entropy) == pytest.approx(math.exp(0.6), rel=1e-12)


def test_two_actions_have_no_constant_a() -> None:
    """section-viii: the slope -1 / (e^H log(p / (1 - p))) of R against e^H shrinks along the path, so a does."""
    p = np.linspace(0.6, 0.999, 4000)
    entropy = -p * np.log(p) - (1 - p) * np.log1p(-p)
    assert halves(entropy, p) < 1


def test_log_linear_is_that_of_polyfit() -> None:
    size, values = np.array([1.0, 2.0, 4.0, 5.0]), np.array([0.1, 0.5, 0.6, 0.9])
    line = np.polynomial.Polynomial.fit(np.log(size), values, 1)
    guess, r_squared = log_linear(size, values, 3.0)
    assert guess == pytest.approx(line(math.log(3)))
    assert r_squared == pytest.approx(np.corrcoef(np.log(size), values)[0, 1] ** 2)


def test_a_line_in_the_confidence_is_log_linear_in_its_exponential() -> None:
    confidence, values = np.array([1.0, 1.5, 2.0, 3.0]), np.array([0.1, 0.5, 0.6, 0.9])
    guess, r_squared = log_linear(np.exp(confidence), values, math.exp(4.0))
    assert guess == pytest.approx(np.polynomial.Polynomial.fit(confidence, values, 1)(4.0))
    assert r_squared == pytest.approx(np.corrcoef(confidence, values)[0, 1] ** 2)


def test_shares_of_a_run() -> None:
    step = np.array([0, 12, 24])
    found = shares(step, np.array([0.0, 0.6, 1.0]), np.array([2.0, 1.0, 0.0]))
    assert found["used_twelfth"] == pytest.approx(1 / 12)
    assert found["gained_twelfth"] == pytest.approx(0.1)
    assert found["gained_at_73"] == pytest.approx(0.6 + 0.4 * 0.46)
    assert found["steps_to_73"] == 1.0


# Estimators ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", estimators(SMALL))
def test_norm_of_the_first_update(name: str) -> None:
    setting = SMALL.changed(steps=1)
    _, z0, _ = setting.start(4)
    estimator = estimators(setting)[name]
    moved = setting.sampled(et.PolicyGradient(), 4, records=1, estimator=estimator).logits - z0
    assert np.linalg.norm(moved) == pytest.approx(setting.eta * first_norms(setting, 4)[name], rel=1e-12)


def test_prime_learns_at_the_rate_of_its_batch() -> None:
    assert estimators(FULL)["PRIME"] == et.PRIME()
    assert estimators(FULL.changed(prompts=64))["PRIME"] == et.PRIME(learning_rate=2500.0)


def test_the_second_run_has_samples_of_its_own() -> None:
    one, two = SMALL.sampled(et.PolicyGradient(), 0), again(SMALL, 0)
    assert one.objective[0] == two.objective[0]
    assert one.objective[-1] != two.objective[-1]
    assert again(SMALL, 0) == two
