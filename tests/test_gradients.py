"""Gradients without gradient theorems: complex steps of the scalar functions, and dual numbers.

For a function that is analytic, f(z + i h e) = f(z) + i h f'(z) + O(h^2), so the imaginary part divided by h is the
derivative up to h^2 = 1e-60: nothing is subtracted, and the error is that of one complex evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import FrozenInstanceError
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import entropy_theory as et
from entropy_theory import fast
from entropy_theory.problems import mdp as mdp_module
from tests.oracles import decision, policies, rounding
from tests.oracles.numbers import assert_within

H = 1e-30


def complex_step(function: Callable[[Any], Any], z: Any) -> Any:
    """Gradient of a scalar function: all directions in one batched call, a leading axis of z.size."""
    n = z.size
    steps = z + 1j * H * np.eye(n).reshape((n, *z.shape))
    return (np.asarray(function(steps)).imag / H).reshape(z.shape)


LOGITS = {
    "moderate": [0.1, -1.7, 2.3, 0.0, 1.1],
    "uniform": [0.5, 0.5, 0.5],
    "nearly uniform": [0.0, 1e-9, 2e-9],
    "nearly deterministic": [0.0, -40.0, -41.0],
    "far": [0.0, -400.0, -3.0],
    "huge": [1e6, 1e6 - 1, -1e6],
    "one action": [0.7],
}
DIRECTION = [0.5, -1.0, 2.0, 0.25, 3.0]


def entropy_step_limit(z: Any) -> Any:
    """The imaginary part of sum p log p is a sum of terms dp log p and p dlog p, each with the error of ``unit``.

    |dp_b / dz_a| <= p_b (1[a=b] + p_a), and likewise for log p_b: so p_a (|log p_a| + 1) twice, and p_a times the
    entropy plus one.
    """
    p, _ = rounding.parts(z)
    logs = rounding.log_magnitude(z)
    return rounding.unit(z) * p * (2 * (logs + 1) + (p * (logs + 1)).sum(axis=-1)) + rounding.SUBNORMAL / H


@pytest.mark.parametrize("name", LOGITS)
def test_entropy_gradient(name: str) -> None:
    z = np.array(LOGITS[name])
    limit = entropy_step_limit(z) + rounding.entropy_gradient(z)
    assert np.all(np.abs(complex_step(et.entropy, z) - et.entropy_gradient(z)) <= limit)


@pytest.mark.parametrize("name", LOGITS)
def test_kl_has_gradient_q_minus_p(name: str) -> None:
    """d KL(p || q) / dz_new = q - p; the imaginary part has terms of size p and q."""
    z = np.array(LOGITS[name])
    new = z + np.array(DIRECTION[: z.size])
    p, q = et.softmax(z), et.softmax(new)
    limit = 4 * rounding.unit(z, new) * (p + q + (q - p) ** 2) + rounding.SUBNORMAL / H
    got = complex_step(lambda x: et.kl(z.astype(complex), x), new)
    assert np.all(np.abs(got - (q - p)) <= limit)


@pytest.mark.parametrize("name", LOGITS)
def test_softmax_derivative_is_the_covariance(name: str) -> None:
    """d/dt softmax(z + t v) = p (v - E v), d/dt log softmax = v - E v, and d/dt E x = Cov(x, v)."""
    z = np.array(LOGITS[name])
    v = np.array(DIRECTION[: z.size])
    step = z + 1j * H * v
    p = et.softmax(z)
    centred = v - (p * v).sum()
    size = np.abs(v) + (p * np.abs(v)).sum()
    unit = rounding.unit(z)
    assert np.all(np.abs(et.softmax(step).imag / H - p * centred) <= 2 * unit * p * size + rounding.SUBNORMAL / H)
    assert np.all(np.abs(et.log_softmax(step).imag / H - centred) <= 2 * unit * size)


@pytest.mark.parametrize("name", LOGITS)
def test_the_entropy_change_has_the_stated_derivative(name: str) -> None:
    """d/dt [H(z + t dz) - H(z)] at t = 0 is the first-order change: the complex step of ``entropy_change``."""
    z = np.array(LOGITS[name])
    dz = np.array(DIRECTION[: z.size])
    got = np.asarray(et.entropy_change(z.astype(complex), 1j * H * dz)).imag / H
    exact = policies.exactly(policies.first_order_entropy_change, z, dz)
    # entropy_step_limit, contracted with |dz|: each entry of the gradient by complex step.
    limit = (entropy_step_limit(z) * np.abs(dz)).sum() + rounding.covariance(z, z, dz)
    assert_within(np.asarray(got), exact, limit, "complex step")
    assert_within(et.first_order_entropy_change(z, dz), exact, rounding.covariance(z, z, dz), "first order")


@pytest.mark.parametrize("name", ["moderate", "nearly uniform", "nearly deterministic"])
def test_varentropy_gradient_by_complex_step(name: str) -> None:
    """d Var log p / dz_a = p_a ((log p_a + H)^2 - V) + 2 p_a (log p_a + H), from dual numbers of the definition."""
    z = np.array(LOGITS[name])
    with mpmath.workdps(policies.DIGITS):
        x = [mpmath.mpf(float(v)) for v in z]
        p, logs = policies.softmax(x), policies.log_softmax(x)
        entropy, variance = policies.entropy(x), policies.varentropy(x)
        shifted = [y + entropy for y in logs]
        exact = np.array([w * (y**2 - variance + 2 * y) for w, y in zip(p, shifted, strict=True)], dtype=object)
    weights, d = rounding.parts(z)
    size = rounding.deviation_sizes(z)[1]
    limit = 4 * rounding.unit(z) * weights * ((1 + size) ** 2 + (weights * (1 + size) ** 2).sum())
    assert d.max() == 0
    assert_within(complex_step(et.varentropy, z), exact, limit, "varentropy")


def test_bandit_gradients() -> None:
    """dJ/dz_a = p_a (r_a - J), by complex step and by the definition with many digits."""
    reward = np.array([1.0, -0.5, 2.0, 0.0, 0.25])
    problem = et.Bandit(reward)
    for name in ("moderate", "nearly deterministic", "far"):
        z = np.array(LOGITS[name])
        problem = et.Bandit(reward[: z.size])
        p, _ = rounding.parts(z)
        limit = 4 * rounding.unit(z) * p * 4 + rounding.SUBNORMAL / H
        gradient = et.policy_gradient(problem, z)
        assert np.all(np.abs(complex_step(problem.objective, z) - gradient) <= limit)
        with mpmath.workdps(policies.DIGITS):
            x = [mpmath.mpf(float(v)) for v in z]
            mean = policies.mean(x, [mpmath.mpf(r) for r in reward[: z.size]])
            exact = np.array([w * (r - mean) for w, r in zip(policies.softmax(x), reward, strict=False)], dtype=object)
        # Counted from the mode's reward, r_a - J has the relative accuracy of its size.
        shifted = rounding.from_mode(z, reward[: z.size])
        size = p * (shifted + (p * shifted).sum())
        assert_within(gradient, exact, rounding.unit(z) * size + 4 * rounding.EPS * 8 * p, "policy gradient")
        assert np.all(np.abs(et.natural_policy_gradient(problem, z) - (reward[: z.size] - float(mean))) <= limit.max())
        np.testing.assert_array_equal(et.mean_entropy_gradient(problem, z), et.entropy_gradient(z))


PROCESSES = {
    "two states": decision.random_process(50, 2, 3),
    "four states": decision.random_process(51, 4, 3, Fraction(31, 32)),
    "terminating": decision.random_process(52, 4, 2, Fraction(63, 64), terminating=True),
    "acyclic": decision.random_process(53, 5, 2, Fraction(15, 16), acyclic=True),
    "one state": decision.random_process(54, 1, 4),
}


def problem_of(process: decision.Process) -> Any:
    transition, reward, discount, initial, termination = process.arrays()
    return et.MDP(transition, reward, discount, initial, termination=termination)


@pytest.mark.parametrize("name", PROCESSES)
def test_gradients_of_a_process(name: str) -> None:
    """Complex steps of the objective and of the mean entropy, and dual numbers through Gaussian elimination.

    A complex evaluation costs a few times the real one: four of the bound.
    """
    process = PROCESSES[name]
    problem = problem_of(process)
    z = np.random.default_rng(8).normal(0, 1.5, (process.states, process.actions))
    exact, limit = decision.exactly(process, z), decision.allowed(process, z)
    steps = complex_step(problem.objective, z)
    assert_within(steps, exact.policy_gradient, 4 * limit.policy_gradient, "complex step of J")
    assert_within(et.policy_gradient(problem, z), exact.policy_gradient, limit.policy_gradient, "gradient")
    steps = complex_step(lambda x: et.mean_entropy(problem, x), z)
    assert_within(steps, exact.mean_entropy_gradient, 4 * limit.mean_entropy_gradient, "complex step of H")
    assert_within(
        et.mean_entropy_gradient(problem, z),
        exact.mean_entropy_gradient,
        limit.mean_entropy_gradient,
        "gradient of H",
    )


def test_gradients_of_a_sparse_process() -> None:
    """The complex step of one direction at a time, for the sparse formulation."""
    process = PROCESSES["terminating"]
    transition, reward, discount, initial, termination = process.arrays()
    problem = et.MDP(sp.csr_array(transition.reshape(8, 4)), reward, discount, initial, termination=termination)
    z = np.random.default_rng(9).normal(size=(4, 2))
    exact, limit = decision.exactly(process, z), decision.allowed(process, z)
    for index in np.ndindex(4, 2):
        step = z.astype(complex)
        step[index] += 1j * H
        got = np.asarray(problem.objective(step)).imag / H
        assert_within(got, exact.policy_gradient[index], 4 * limit.policy_gradient, "complex step of J")
        got = np.asarray(et.mean_entropy(problem, step)).imag / H
        assert_within(got, exact.mean_entropy_gradient[index], 4 * limit.mean_entropy_gradient, "complex step of H")


checks = settings(max_examples=40, deadline=None, derandomize=True, database=None)


@checks
@given(
    st.integers(0, 10**6),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 63),
    st.booleans(),
    st.floats(0.1, 5),
)
def test_complex_steps_of_any_process(
    seed: int, states: int, actions: int, discount: int, ending: bool, scale: float
) -> None:
    process = decision.random_process(seed, states, actions, Fraction(discount, 64), terminating=ending)
    problem = problem_of(process)
    z = np.random.default_rng(seed).normal(0, scale, (states, actions))
    limit = decision.allowed(process, z)
    gap = complex_step(problem.objective, z) - et.policy_gradient(problem, z)
    assert np.abs(gap).max() <= 5 * limit.policy_gradient
    gap = complex_step(lambda x: et.mean_entropy(problem, x), z) - et.mean_entropy_gradient(problem, z)
    assert np.abs(gap).max() <= 5 * limit.mean_entropy_gradient


@checks
@given(st.lists(st.floats(-30, 30, allow_subnormal=False), min_size=1, max_size=8))
def test_complex_steps_of_any_policy(logits: list[float]) -> None:
    z = np.array(logits)
    limit = entropy_step_limit(z) + rounding.entropy_gradient(z)
    assert np.all(np.abs(complex_step(et.entropy, z) - et.entropy_gradient(z)) <= limit)


def test_an_evaluation_is_not_changed() -> None:
    result = et.evaluate(et.Bandit([1.0, 0.0]), np.zeros(2))
    with pytest.raises(FrozenInstanceError):
        result.objective = np.zeros(())  # type: ignore[misc]


def test_a_bandit_is_one_state_visited_once() -> None:
    bandit = et.Bandit(np.zeros((4, 3, 2)))
    assert (bandit.states, bandit.actions, float(bandit.effective_horizon)) == (1, 2, 1.0)
    assert repr(bandit) == "Bandit(reward of shape (4, 3, 2))"


def test_float_logits_beside_balls_are_taken_exactly() -> None:
    """Rounded exponentials would be off by 2**-53 and pass for exact."""
    z, reward = np.array([0.3, 0.0]), np.array([1.0, 0.0])
    with et.precision(128):
        balls = [np.array([et.Ball(float(x)) for x in values], dtype=object) for values in (z, reward)]
        wanted = 1 / (1 + et.Ball(-0.3).exp())
        for logits, rewards in ((z, balls[1]), (balls[0], reward), (balls[0], balls[1])):
            got = et.Bandit(rewards).objective(logits)
            assert abs(et.Ball(np.asarray(got)[()]) - wanted) < Fraction(1, 2**100)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("mass", "reward"), [(1.0, 1e308), (1 + 2.0**-30, 1.0)], ids=["too large", "singular"])
def test_one_process_of_a_batch_without_finite_values_is_refused(
    mass: float, reward: float, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second: values of 1e310, or the system 1 - (1 + 2**-30) / (1 + 2**-30) that is zero."""
    if compiled:
        pytest.importorskip("numba")
    monkeypatch.setattr(mdp_module, "COMPILED", 1)
    discount = 0.99 if mass == 1 else 1 / mass
    with nullcontext() if compiled else fast.disabled():
        for good in (1, 0):
            masses, rewards = [1.0] * good + [mass] * (2 - good), [1.0] * good + [reward] * (2 - good)
            tables = np.reshape(masses, (2, 1, 1, 1)), np.reshape(rewards, (2, 1, 1))
            with pytest.raises(ArithmeticError, match="singular in floats, expected a discount farther from one"):
                et.evaluate(et.MDP(*tables, discount, np.ones((2, 1))), np.zeros((2, 1, 1)))
