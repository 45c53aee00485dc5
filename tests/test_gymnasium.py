"""Processes read from Gymnasium, against power sums of the absorbing chain that the same tables describe.

No simulation and no linear system: ``tests.oracles.chains`` reads env.unwrapped.P with a plain loop, sends
terminated transitions to an absorbing state, and adds up discounted steps until the rest is below rounding.
"""

from __future__ import annotations

import sys
from typing import Any

import gymnasium
import numpy as np
import pytest

import entropy_theory as et
from tests.oracles import chains, rounding

ENVIRONMENTS: dict[str, tuple[str, dict[str, Any], float]] = {
    "lake 4x4": ("FrozenLake-v1", {"map_name": "4x4"}, 0.99),
    "lake 8x8": ("FrozenLake-v1", {"map_name": "8x8"}, 0.99),
    "dry lake": ("FrozenLake-v1", {"map_name": "4x4", "is_slippery": False}, 0.95),
    "taxi": ("Taxi-v4", {}, 0.95),
    "cliff": ("CliffWalking-v1", {}, 0.97),
}


def softmax(z: Any) -> Any:
    weight = np.exp(z - z.max(axis=-1, keepdims=True))
    return weight / weight.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_values_and_visitation(name: str) -> None:
    """v, J and the visitation of a random policy.

    Both sides carry at most c = 4 (A + k + 8 + spread) units per step, k <= S successors (three here), amplified by
    h = 1 / (1 - discount): |dv| <= c h (R + 2 V) with V = h R, in the 1-norm c h (1 + 2 h) (1 - discount) for the
    visitation; twice, for the two sides.  The truncated terms are below 1e-18.
    """
    identifier, options, discount = ENVIRONMENTS[name]
    env = gymnasium.make(identifier, **options)
    problem = et.MDP.from_gymnasium(env, discount)
    table = chains.tables(env)
    states, actions = table.reward.shape
    assert (problem.states, problem.actions) == (states, actions)
    z = np.random.default_rng(10).normal(size=(states, actions))
    v, visitation = chains.power_sums(table, softmax(z), discount)
    values = problem.values(z)
    h = 1 / (1 - discount)
    c = 4 * (actions + 3 + 8 + np.ptp(z, axis=-1).max()) * rounding.EPS
    largest = max(np.abs(table.reward).max(), 1.0)
    limit = 2 * c * h * (largest + 2 * h * largest)
    assert np.abs(values.v - v).max() <= limit
    assert abs(problem.objective(z) - table.initial @ v) <= limit
    assert np.abs(values.visitation - visitation).sum() <= 2 * c * (1 + 2 * h)
    q = table.reward + discount * (table.kernel[:, :states] @ v).reshape(states, actions)
    assert np.abs(values.q - q).max() <= 2 * limit
    # dJ/dz = w pi A, and the mean entropy, with the chain's own w and A.
    gradient = h * visitation[:, None] * softmax(z) * (q - v[:, None])
    allowed = h * (2 * c * (1 + 2 * h) * 2 * h * largest + 4 * limit)
    assert np.abs(et.policy_gradient(problem, z) - gradient).max() <= allowed
    p = softmax(z)
    mean = visitation @ -(p * np.log(p)).sum(axis=-1)
    assert abs(et.mean_entropy(problem, z) - mean) <= 4 * c * (1 + 2 * h) * (np.log(actions) + 1)
    env.close()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_tables(name: str) -> None:
    """The tables themselves: at most as many additions as there are duplicates, a few units of rounding."""
    identifier, options, discount = ENVIRONMENTS[name]
    env = gymnasium.make(identifier, **options)
    problem = et.MDP.from_gymnasium(env, discount)
    table = chains.tables(env)
    states, actions = table.reward.shape
    transition = problem.transition
    matrix = transition.toarray() if hasattr(transition, "toarray") else np.asarray(transition)
    kernel = table.kernel.toarray().reshape(states, actions, states + 1)
    some = 4 * rounding.EPS
    np.testing.assert_allclose(matrix.reshape(states, actions, states), kernel[..., :states], rtol=0, atol=some)
    np.testing.assert_allclose(np.asarray(problem.termination), kernel[..., states], rtol=0, atol=some)
    total = matrix.reshape(states, actions, states).sum(axis=-1) + np.asarray(problem.termination)
    np.testing.assert_allclose(total, 1, rtol=0, atol=2 * some)
    np.testing.assert_allclose(np.asarray(problem.reward), table.reward, rtol=some, atol=0)
    np.testing.assert_allclose(np.asarray(problem.initial), table.initial, rtol=0, atol=some)
    assert problem.discount == discount
    env.close()


def test_identifier_and_environment_agree() -> None:
    z = np.random.default_rng(11).normal(size=(16, 4))
    env = gymnasium.make("FrozenLake-v1")
    by_name = et.MDP.from_gymnasium("FrozenLake-v1", 0.9)
    by_env = et.MDP.from_gymnasium(env, 0.9)
    assert by_name.objective(z) == by_env.objective(z) == et.MDP.from_gymnasium(env.unwrapped, 0.9).objective(z)
    env.close()


def test_known_value_of_the_frozen_lake() -> None:
    """Without slipping, the policy down, down, right, down, right, right reaches the goal in six steps.

    It is paid 1 at the sixth, so J = discount**5; the logits of the other actions make them exactly impossible.
    """
    env = gymnasium.make("FrozenLake-v1", is_slippery=False)
    problem = et.MDP.from_gymnasium(env, 0.5)
    z = np.full((16, 4), -1e4)
    left, down, right = 0, 1, 2
    for state, action in ((0, down), (4, down), (8, right), (9, down), (13, right), (14, right)):
        z[state, action] = 0.0
    for state in set(range(16)) - {0, 4, 8, 9, 13, 14}:
        z[state, left] = 0.0
    assert problem.objective(z) == 0.5**5
    visitation = problem.values(z).visitation
    np.testing.assert_array_equal(visitation[[0, 4, 8, 9, 13, 14]], 0.5 ** np.arange(1, 7))
    assert visitation.sum() == 1 - 0.5**6
    env.close()


class Duplicated(gymnasium.Env[Any, Any]):
    """Two states and one action, with repeated successors, some of which end the episode."""

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Discrete(2)
        self.action_space = gymnasium.spaces.Discrete(1)
        self.P = {
            0: {0: [(0.25, 1, 8.0, False), (0.25, 1, 4.0, False), (0.25, 1, 2.0, True), (0.25, 0, 1.0, True)]},
            1: {0: [(0.5, 0, -2.0, False), (0.125, 0, 0.0, False), (0.375, 1, 16.0, False)]},
        }
        self.initial_state_distrib = np.array([0.75, 0.25])


def test_duplicated_successors_and_endings() -> None:
    """All entries are dyadic, so the sums are exact."""
    problem = et.MDP.from_gymnasium(Duplicated(), 0.5)
    transition = problem.transition
    matrix = transition.toarray() if hasattr(transition, "toarray") else np.asarray(transition)
    np.testing.assert_array_equal(matrix.reshape(2, 1, 2), [[[0.0, 0.5]], [[0.625, 0.375]]])
    np.testing.assert_array_equal(np.asarray(problem.termination), [[0.5], [0.0]])
    np.testing.assert_array_equal(np.asarray(problem.reward), [[3.75], [5.0]])
    np.testing.assert_array_equal(np.asarray(problem.initial), [0.75, 0.25])
    # v0 = 3.75 + v1 / 4, v1 = 5 + (5 v0 + 3 v1) / 16: 16 v1 = 80 + 18.75 + 1.25 v1 + 3 v1, v1 = 98.75 / 11.75
    v1 = 98.75 / 11.75
    np.testing.assert_allclose(problem.values(np.zeros((2, 1))).v, [3.75 + v1 / 4, v1], rtol=16 * rounding.EPS)


def test_missing_gymnasium_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is None in sys.modules cannot be imported."""
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(ImportError, match=r"entropy-theory\[gymnasium\]"):
        et.MDP.from_gymnasium("FrozenLake-v1", 0.9)
