"""Token trees against the enumeration of every response (``tests.oracles.token_tree``).

The limits are derived in ``tests.oracles.token_tree.allowed``, those of the discounted process of the same tree in
``tests.oracles.decision.allowed``, and those of the controls' updates in ``tests.test_controls``.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import entropy_theory as et
from entropy_theory import fast
from entropy_theory.problems import token_tree as module
from entropy_theory.simulations.setting import FULL
from tests.oracles import decision, dual, policies, rounding
from tests.oracles import released_controls as controls
from tests.oracles import token_tree as oracle
from tests.oracles.numbers import assert_encloses, assert_within, to_arb
from tests.oracles.token_tree import Tree
from tests.test_bad_input import INF, NAN, refuses
from tests.test_controls import Case, Errors, build, decided, errors_of, update_limit
from tests.test_gradients import complex_step

EPS = rounding.EPS
FIELDS = [f.name for f in dataclasses.fields(oracle.Exact)]
PRECISION = 200
"""Bits of the ball arithmetic."""
LOST = 2.0**-140
"""Radii are held against units of 2**-140: the balls may grow by 60 bits, far from the 53 bits of a double."""

checks = settings(derandomize=True, database=None)


def package_tree(tree: Tree) -> et.TokenTree:
    reward, weights = tree.arrays()
    return et.TokenTree(tree.vocabulary, tree.horizon, reward, weights=weights)


def normal(tree: Tree, seed: int, scale: float = 1.0) -> Any:
    """Logits, multiples of 2**-30 of the scale, so that moderate shifts are exact."""
    drawn = np.random.default_rng(seed).normal(0, 1, (len(tree.states), tree.vocabulary))
    return scale * np.round(drawn * 2.0**30) / 2.0**30


def everything(problem: Any, z: Any) -> dict[str, Any]:
    """All that the package computes for a problem."""
    values = problem.values(z)
    return {
        "objective": problem.objective(z),
        "v": values.v,
        "q": values.q,
        "advantage": values.advantage,
        "visits": values.visits,
        "visitation": values.visitation,
        "policy_gradient": et.policy_gradient(problem, z),
        "mean_entropy": et.mean_entropy(problem, z),
        "mean_entropy_gradient": et.mean_entropy_gradient(problem, z),
        "natural": et.natural_policy_gradient(problem, z),
    }


def exact_fields(exact: Any) -> dict[str, Any]:
    return {name: getattr(exact, name) for name in FIELDS} | {"natural": exact.advantage}


def limits(limit: oracle.Allowed) -> dict[str, Any]:
    return {name: getattr(limit, name) for name in FIELDS} | {"natural": limit.advantage}


def check(tree: Tree, z: Any, exact: Any) -> None:
    got, wanted, limit = everything(package_tree(tree), z), exact_fields(exact), limits(oracle.allowed(tree, z))
    for name, value in wanted.items():
        assert_within(got[name], value, limit[name], name)


TREES: dict[str, tuple[Tree, float]] = {
    "one token": (oracle.random_tree(0, 1, 1), 1.0),
    "one token, four times": (oracle.random_tree(1, 1, 4, 2), 1.0),
    "one step": (oracle.random_tree(2, 4, 1, 3), 1.0),
    "one prompt, one step": (oracle.random_tree(3, 3, 1), 2.0),
    "binary": (oracle.random_tree(4, 2, 4, 2), 2.0),
    "ternary": (oracle.random_tree(5, 3, 3, 3), 1.0),
    "success or failure": (oracle.random_tree(6, 2, 3, 3, binary=True), 3.0),
    "four to the fourth": (oracle.random_tree(7, 4, 4, 3), 1.0),
    "uniform": (oracle.random_tree(8, 3, 2, 2), 0.0),
    "nearly uniform": (oracle.random_tree(9, 3, 3, 1), 1e-9),
    "nearly deterministic": (oracle.random_tree(10, 2, 3, 2), 40.0),
    "far": (oracle.random_tree(11, 3, 2, 3), 300.0),
    "huge": (oracle.random_tree(12, 2, 3, 2), 1e6),
}
every_tree = pytest.mark.parametrize("name", TREES)
SMALL = [name for name, (tree, _) in TREES.items() if len(tree.states) <= 40]


@functools.cache
def case(name: str) -> tuple[Tree, Any, oracle.Exact, oracle.Allowed]:
    """A tree, logits, what is exact about them, and the errors allowed."""
    tree, scale = TREES[name]
    z = normal(tree, 0, scale)
    return tree, z, oracle.exactly(tree, z), oracle.allowed(tree, z)


@st.composite
def trees(draw: st.DrawFn, most: int = 27) -> tuple[Tree, Any]:
    """A tree of few responses, prompts that may weigh nothing, and logits from uniform to deterministic."""
    vocabulary = draw(st.integers(1, 4))
    horizon = draw(st.integers(1, 4).filter(lambda t: vocabulary**t <= most))
    prompts = draw(st.integers(1, 3))
    seed = draw(st.integers(0, 10**6))
    tree = oracle.random_tree(seed, vocabulary, horizon, prompts, binary=draw(st.booleans()))
    cuts = sorted(draw(st.lists(st.integers(0, 64), min_size=prompts - 1, max_size=prompts - 1)))
    ends = zip([0, *cuts], [*cuts, 64], strict=True)
    tree = dataclasses.replace(tree, weights=[Fraction(b - a, 64) for a, b in ends])
    return tree, normal(tree, seed, draw(st.sampled_from([0.0, 0.25, 1.0, 5.0, 30.0])))


# --- the oracle -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ternary", "binary", "far"])
def test_two_routes_of_the_oracle_to_the_mean_entropy(name: str) -> None:
    """The entropy of the law of the responses, and the chain rule."""
    tree, z, exact, _ = case(name)
    with mpmath.workdps(policies.DIGITS):
        other = oracle.mean_entropy_by_the_chain_rule(tree, z)
        assert abs(other - exact.mean_entropy[()]) < mpmath.mpf(10) ** -400 * other


def test_scores_of_the_oracle_are_the_derivatives_of_its_sums() -> None:
    """Likelihood ratios against dual numbers, which know the rules of differentiation only."""
    tree = oracle.random_tree(3, 3, 2, 2)
    z = normal(tree, 3)
    size = tree.vocabulary
    with mpmath.workdps(60):
        flat = dual.variables([mpmath.mpf(float(x)) for x in z.ravel()])
        rows = decision.softmax([flat[i : i + size] for i in range(0, len(flat), size)])
        policy = dict(zip(tree.states, rows, strict=True))
        terms = [
            decision.field(c) * oracle.likelihood(policy, m, y) * decision.field(tree.earned(m, y))
            for m, c in enumerate(tree.weights)
            for y in tree.responses
        ]
        laws = [[oracle.likelihood(policy, m, y) for y in tree.responses] for m in range(tree.prompts)]
        bits = [decision.field(c) * decision.state_entropy(law) for c, law in zip(tree.weights, laws, strict=True)]
        exact = oracle.exactly(tree, z, 60)
        for slope, wanted in (
            (decision.add(terms).gradient, exact.policy_gradient),
            ([g / tree.horizon for g in decision.add(bits).gradient], exact.mean_entropy_gradient),
        ):
            assert max(abs(x - y) for x, y in zip(slope, wanted.ravel(), strict=True)) < mpmath.mpf(10) ** -50


# --- numbers of states ----------------------------------------------------------------------------------------------

SHAPES = [(1, 1, 1), (1, 4, 1), (1, 3, 3), (2, 1, 2), (2, 4, 1), (3, 3, 2), (4, 2, 3), (2, 3, 4)]


@pytest.mark.parametrize(("vocabulary", "horizon", "prompts"), SHAPES)
def test_states_are_numbered_by_length_prompt_and_prefix(vocabulary: int, horizon: int, prompts: int) -> None:
    tree = et.TokenTree(vocabulary, horizon, np.zeros(vocabulary**horizon), prompts=prompts)
    expected = oracle.random_tree(0, vocabulary, horizon, prompts).states
    assert (tree.vocabulary, tree.horizon, tree.prompts) == (vocabulary, horizon, prompts)
    assert tree.states == len(expected) == prompts * sum(vocabulary**t for t in range(horizon))
    assert tree.actions == vocabulary
    assert float(tree.discount) == 1
    assert float(tree.effective_horizon) == horizon
    for number, (prompt, prefix) in enumerate(expected):
        assert tree.state(prompt, prefix) == number
        assert tree.state(prompt, list(prefix)) == number
        assert tree.prefix(number) == (prompt, prefix)
    integer: Any = np.int64(tree.states - 1)
    assert tree.prefix(integer) == expected[-1]
    for t in range(horizon):
        assert [len(p) for _, p in expected[tree.level(t)]] == [t] * (prompts * vocabulary**t)
        offset = prompts * t if vocabulary == 1 else prompts * (vocabulary**t - 1) // (vocabulary - 1)
        assert range(tree.states)[tree.level(t)] == range(offset, offset + prompts * vocabulary**t)


@pytest.mark.parametrize(("vocabulary", "horizon", "prompts"), SHAPES)
def test_expected_next_is_the_successors_value(vocabulary: int, horizon: int, prompts: int) -> None:
    tree = et.TokenTree(vocabulary, horizon, np.zeros(vocabulary**horizon), prompts=prompts)
    states = oracle.random_tree(0, vocabulary, horizon, prompts).states
    v = np.random.default_rng(0).normal(size=(2, tree.states))
    numbers = {s: i for i, s in enumerate(states)}
    expected = np.zeros((2, tree.states, vocabulary))
    for (prompt, prefix), number in numbers.items():
        for a in range(vocabulary):
            after = numbers.get((prompt, (*prefix, a)))
            if after is not None:
                expected[:, number, a] = v[:, after]
    np.testing.assert_array_equal(tree.expected_next(v), expected)
    np.testing.assert_array_equal(tree.expected_next(v[1]), expected[1])


# --- rewards and weights --------------------------------------------------------------------------------------------


def test_a_reward_for_all_prompts() -> None:
    reward = np.arange(8.0)
    tree = et.TokenTree(2, 3, reward, prompts=3)
    assert tree.reward.shape == (3, 8)
    np.testing.assert_array_equal(tree.reward, np.tile(reward, (3, 1)))
    assert et.TokenTree(2, 3, reward).prompts == 1
    assert et.TokenTree(2, 3, reward).reward.shape == (1, 8)
    assert et.TokenTree(2, 3, np.zeros((5, 8))).prompts == 5


def test_default_weights() -> None:
    tree = et.TokenTree(2, 2, np.zeros((3, 4)))
    np.testing.assert_allclose(np.asarray(tree.weights, dtype=float), [1 / 3] * 3, rtol=EPS, atol=0)


@pytest.mark.parametrize(("vocabulary", "horizon", "prompts"), SHAPES)
def test_a_reward_that_is_a_function(vocabulary: int, horizon: int, prompts: int) -> None:
    """It is called with one row a response, in whatever order."""
    seen: list[tuple[Any, Any]] = []

    def reward(prompt: Any, tokens: Any) -> Any:
        seen.append((prompt, tokens))
        return 100.0 * prompt + (tokens * 7.0 ** np.arange(horizon)).sum(-1)

    tree = et.TokenTree(vocabulary, horizon, reward, prompts=prompts)
    assert sum(p.size for p, _ in seen) == prompts * vocabulary**horizon
    for prompt, tokens in seen:
        assert prompt.dtype.kind == tokens.dtype.kind == "i"
        assert tokens.shape == (*prompt.shape, horizon)
    assert tree.reward.shape == (prompts, vocabulary**horizon)
    for m in range(prompts):
        for y in product(range(vocabulary), repeat=horizon):
            expected = 100 * m + sum(token * 7**t for t, token in enumerate(y))
            assert tree.reward[m, oracle.leaf(vocabulary, y)] == expected


def test_initial_is_the_law_of_the_prompts() -> None:
    tree = et.TokenTree(2, 3, np.zeros((3, 8)), weights=[0.5, 0.125, 0.375])
    expected = np.zeros(tree.states)
    expected[:3] = 0.5, 0.125, 0.375
    np.testing.assert_array_equal(tree.initial, expected)
    np.testing.assert_array_equal(tree.weights, expected[:3])


def test_a_reward_that_is_a_function_is_for_one_prompt_unless_more_are_asked_for() -> None:
    tree = et.TokenTree(2, 2, lambda prompt, tokens: 10.0 * prompt + tokens.sum(-1))
    assert tree.prompts == 1
    np.testing.assert_array_equal(tree.reward, [[0, 1, 1, 2]])


def test_first_states_of_weight_zero() -> None:
    """What follows the weights is zero whatever the first of them is, in floats and in exact numbers."""
    for weights in ([0.0, 0.25, 0.75], np.array([Fraction(0), Fraction(1, 4), Fraction(3, 4)], dtype=object)):
        tree = et.TokenTree(2, 2, np.zeros((3, 4)), weights=weights)
        assert np.all(tree.initial == np.array([0, 0.25, 0.75, 0, 0, 0, 0, 0, 0]))


def test_nothing_follows_the_last_token() -> None:
    """Whatever the first state has: a zero, an exact number, a ball around zero."""
    tree = et.TokenTree(2, 2, np.zeros(4))
    with et.precision(64):
        near_zero = et.Ball(2).arb.sqrt() ** 2 - 2
        for first in (0.0, Fraction(0), near_zero):
            v = np.array([first, 1.0, 2.0]) if isinstance(first, float) else np.array([first, 1, 2], dtype=object)
            after = tree.expected_next(v)
            assert np.all(after[0] == [1, 2])
            assert np.all(after[1:] == 0)


def test_what_a_tree_says_of_itself() -> None:
    tree = et.TokenTree(3, 2, np.zeros((2, 9)))
    assert repr(tree) == "TokenTree(2 prompts, vocabulary 3, horizon 2, 8 states)"
    batch = et.TokenTree(3, 2, np.zeros((5, 1, 9)))
    assert repr(batch) == "TokenTree(1 prompts, vocabulary 3, horizon 2, 4 states, batch (5,))"


def test_exact_weights_make_everything_exact() -> None:
    """Also beside rewards and logits in floats, whose rounded exponentials would pass for exact numbers."""
    weights = np.array([Fraction(1, 3), Fraction(2, 3)], dtype=object)
    tree = et.TokenTree(2, 1, [[0.0, 1.0], [3.0, 0.0]], weights=weights)
    assert np.asarray(tree.objective(np.zeros((2, 2))), dtype=object)[()] == Fraction(1, 3) / 2 + Fraction(2, 3) * 3 / 2
    assert tree.check_logits(np.zeros((2, 2))).dtype == object


# --- the compiled passes, here by plain recursion -------------------------------------------------------------------


def plain(
    z: Any, leaves: Any, now: Any, prompts: int, soft: bool
) -> tuple[list[float], list[list[float]], list[list[float]]]:
    """Values, policies and what each token is worth, state by state from the last: the successors of state s are the
    states M + s V and the V - 1 that follow, or, beyond the last state, the responses."""
    states, vocabulary = z.shape
    v, policies_, worth = [0.0] * states, [[0.0]] * states, [[0.0]] * states
    for s in reversed(range(states)):
        weight = [math.exp(x - max(z[s])) for x in z[s]]
        p = [x / sum(weight) for x in weight]
        children = [prompts + s * vocabulary + a for a in range(vocabulary)]
        after = [v[c] if c < states else 0.0 if leaves is None else leaves[c - states] for c in children]
        q = [x - math.log(y) if soft else x for x, y in zip(after, p, strict=True)]
        v[s] = sum(x * y for x, y in zip(p, q, strict=True)) + (0.0 if now is None else now[s])
        policies_[s], worth[s] = p, q
    return v, policies_, worth


class Plain:
    """What stands in for the compiled passes, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def state_values(self, z: Any, leaves: Any, now: Any, prompts: int, horizon: int, *, soft: bool = False) -> Any:
        self.asked += 1
        return np.array(plain(z, leaves, now, prompts, soft)[0])

    def gradient(self, z: Any, leaves: Any, weights: Any, horizon: int, out: Any, *, soft: bool = False) -> None:
        self.asked += 1
        v, p, q = plain(z, leaves, None, len(weights), soft)
        visits = self.visits(p, weights)
        for s, a in np.ndindex(z.shape):
            out[s, a] = visits[s] * p[s][a] * (q[s][a] - v[s])

    def values(self, z: Any, leaves: Any, weights: Any, horizon: int, v: Any, advantage: Any, visits: Any) -> None:
        self.asked += 1
        v[:], p, q = plain(z, leaves, None, len(weights), False)
        visits[:] = self.visits(p, weights)
        advantage[:] = np.array(q) - v[:, None]

    @staticmethod
    def visits(p: list[list[float]], weights: Any) -> list[float]:
        out = [float(c) for c in weights] + [0.0] * (len(p) - len(weights))
        for s, row in enumerate(p):
            for a, x in enumerate(row):
                if (child := len(weights) + s * len(row) + a) < len(p):
                    out[child] = out[s] * x
        return out


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Plain:
    kernels = Plain()
    monkeypatch.setattr(fast, "trees", kernels, raising=False)
    monkeypatch.setattr(fast, "enabled", lambda: True)
    monkeypatch.setattr(module, "COMPILED", 1)
    return kernels


@pytest.mark.parametrize(
    ("logits", "rewards"), [((), ()), ((2,), ()), ((), (2,)), ((3, 1), (2,)), ((1,), (2,)), ((2, 1), (2, 3))]
)
def test_each_problem_of_a_batch_goes_to_the_kernels(
    logits: tuple[int, ...], rewards: tuple[int, ...], stand_in: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its logits, its rewards and what its states pay; all this also agrees with the passes over levels."""
    rng = np.random.default_rng(6)
    problem = et.TokenTree(3, 2, rng.normal(size=(*rewards, 2, 9)), weights=[0.375, 0.625])
    z = rng.normal(size=(*logits, 8, 3))
    both = np.broadcast_shapes(logits, rewards)
    quantities: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
        "objective": (lambda: problem.objective(z), both),
        "v": (lambda: problem.values(z).v, both),
        "q": (lambda: problem.values(z).q, both),
        "advantage": (lambda: problem.values(z).advantage, both),
        "visits": (lambda: problem.values(z).visits, both),
        "visitation": (lambda: problem.values(z).visitation, both),
        "gradient": (lambda: problem.objective_gradient(z), both),
        "mean entropy": (lambda: problem.mean_entropy(z), logits),
        "its gradient": (lambda: problem.mean_entropy_gradient(z), both),
    }
    for name, own in (("one reward", ()), ("rewards", rewards)):
        u = np.random.default_rng(7).normal(size=(*own, 8))
        shape = np.broadcast_shapes(logits, own)
        quantities[f"state values of {name}"] = functools.partial(problem.state_values, z, u), shape
        quantities[f"total of {name}"] = functools.partial(problem.expected_total, z, u), shape
    for name, (quantity, batch) in quantities.items():
        stand_in.asked = 0
        got = quantity()
        assert stand_in.asked == math.prod(batch), name
        with monkeypatch.context() as patch:
            patch.setattr(fast, "enabled", lambda: False)
            wanted = quantity()
        assert stand_in.asked == math.prod(batch), name
        assert got.shape == wanted.shape
        # Sums of at most 3 * 3 terms of size three, by either way.
        np.testing.assert_allclose(got, wanted, rtol=0, atol=100 * EPS, err_msg=name)


def test_which_trees_go_to_the_kernels(stand_in: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of floats alone, from a number of entries on."""
    z, u = np.zeros((7, 2)), np.ones(7)
    tree = et.TokenTree(2, 3, np.ones(8))
    thirds_ = np.array([Fraction(1)], dtype=object)
    cases: list[tuple[Callable[[], Any], int, bool]] = [
        (lambda: tree.objective(z), 14, True),
        (lambda: tree.objective(z), 15, False),
        (lambda: tree.objective(z + 0j), 1, False),
        (lambda: tree.objective(as_balls(z)), 1, False),
        (lambda: tree.state_values(z, u), 14, True),
        (lambda: tree.state_values(z, u + 0j), 1, False),
        (lambda: et.TokenTree(2, 3, np.ones(8) + 0j).objective(z), 1, False),
        (lambda: et.TokenTree(2, 3, np.ones(8), weights=thirds_).objective(z), 1, False),
        (lambda: et.TokenTree(2, 3, np.ones(8), weights=[1 + 0j]).mean_entropy(z), 1, False),
    ]
    for call, compiled, expected in cases:
        monkeypatch.setattr(module, "COMPILED", compiled)
        stand_in.asked = 0
        call()
        assert stand_in.asked == expected
    monkeypatch.setattr(fast, "enabled", lambda: False)
    monkeypatch.setattr(module, "COMPILED", 1)
    stand_in.asked = 0
    tree.objective(z)
    assert stand_in.asked == 0


def test_the_trees_of_the_experiments_do_without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that their stored results do not depend on what is installed."""
    kernels = Plain()
    monkeypatch.setattr(fast, "trees", kernels, raising=False)
    monkeypatch.setattr(fast, "enabled", lambda: True)
    vocabulary, horizon = FULL.vocabulary, FULL.horizon
    tree = et.TokenTree(vocabulary, horizon, np.zeros(vocabulary**horizon), prompts=FULL.prompts)
    assert tree.objective(np.zeros((tree.states, vocabulary))) == 0
    assert kernels.asked == 0


# --- against the enumeration ----------------------------------------------------------------------------------------


@every_tree
def test_every_response(name: str) -> None:
    """J, values, visits, gradients and the mean entropy."""
    tree, z, exact, _ = case(name)
    check(tree, z, exact)


@checks
@given(trees())
def test_every_response_of_any_tree(pair: tuple[Tree, Any]) -> None:
    tree, z = pair
    check(tree, z, oracle.exactly(tree, z))


@every_tree
def test_gradients_by_complex_steps(name: str) -> None:
    tree, z, exact, limit = case(name)
    problem = package_tree(tree)
    steps = complex_step(problem.objective, z)
    assert_within(steps, exact.policy_gradient, limit.objective_step, "complex step of J")
    steps = complex_step(lambda x: et.mean_entropy(problem, x), z)
    assert_within(steps, exact.mean_entropy_gradient, limit.mean_entropy_step, "complex step of H")


@checks
@given(trees(16))
def test_gradients_of_any_tree_by_complex_steps(pair: tuple[Tree, Any]) -> None:
    """The package alone: its gradients are the derivatives of its scalar functions."""
    tree, z = pair
    problem, limit = package_tree(tree), oracle.allowed(tree, z)
    gap = complex_step(problem.objective, z) - et.policy_gradient(problem, z)
    assert np.all(np.abs(gap) <= limit.objective_step + limit.policy_gradient)
    gap = complex_step(lambda x: et.mean_entropy(problem, x), z) - et.mean_entropy_gradient(problem, z)
    assert np.all(np.abs(gap) <= limit.mean_entropy_step + limit.mean_entropy_gradient)


@pytest.mark.parametrize("name", ["one token, four times", "one step", "ternary", "nearly deterministic"])
def test_state_values(name: str) -> None:
    """Rewards of both signs on the states: the terms have the sizes |u|, and each level adds a rounding.

    The gradient sums the terms u with the signs of the likelihood ratio, of sizes p_b (u' after b, u' at s).
    """
    tree, z, _, limit = case(name)
    problem = package_tree(tree)
    u = np.random.default_rng(1).normal(size=len(tree.states))
    with mpmath.workdps(60):
        policy = oracle.softmax_policy(tree, z)
        held = {s: mpmath.mpf(float(x)) for s, x in zip(tree.states, u, strict=True)}
        exact = np.array(oracle.state_values(tree, policy, held), dtype=object)
        slope = np.array(oracle.state_values_slope(tree, policy, held), dtype=object)
        sizes = oracle.state_values(tree, policy, {s: abs(x) for s, x in held.items()})
    allowed = (tree.horizon + 1) * limit.unit * np.array(sizes, dtype=float)
    assert_within(problem.state_values(z, u), exact, allowed, "state values")
    together = problem.state_values(z, np.stack([u, -2 * u]))
    assert_within(together[1], -2 * exact, 2 * allowed, "two rewards")
    steps = complex_step(lambda x: (problem.initial * problem.state_values(x, u)).sum(-1), z)
    most = tree.horizon * np.abs(u).max()
    p, _ = rounding.parts(z)
    weight = problem.values(z).visits[:, None] * p
    room = 8 * (2 * tree.horizon + 3) * limit.unit * weight * most + rounding.SUBNORMAL / oracle.STEP
    assert_within(steps, slope, room, "complex step of the state values")


def test_state_values_are_dual_to_the_visits() -> None:
    """sum_m c_m E[sum of u] = sum_s w(s) u(s)."""
    tree, z, _, limit = case("four to the fourth")
    problem = package_tree(tree)
    u = np.random.default_rng(2).uniform(0, 1, len(tree.states))
    left = float((problem.initial * problem.state_values(z, u)).sum())
    right = float((problem.values(z).visits * u).sum())
    assert abs(left - right) <= 2 * (tree.horizon + 2) * limit.unit * right + len(u) * EPS * right


# --- properties -----------------------------------------------------------------------------------------------------


@checks
@given(trees())
def test_identities(pair: tuple[Tree, Any]) -> None:
    """Each level is visited once, each prompt as often as it is drawn; deviations have mean zero."""
    tree, z = pair
    problem, limit = package_tree(tree), oracle.allowed(tree, z)
    got = everything(problem, z)
    p, _ = rounding.parts(z)
    states = tree.states
    for t in range(tree.horizon):
        for m, c in enumerate(tree.weights):
            of = [i for i, (prompt, prefix) in enumerate(states) if prompt == m and len(prefix) == t]
            assert abs(got["visits"][of].sum() - float(c)) <= limit.visits[of].sum() + len(of) * EPS
    for i, (m, prefix) in enumerate(states):
        for a in range(tree.vocabulary):
            if len(prefix) + 1 < tree.horizon:
                after = problem.state(m, (*prefix, a))
                gap = got["visits"][after] - got["visits"][i] * p[i, a]
                assert abs(gap) <= limit.visits[after] + limit.visits[i] * p[i, a] + 2 * limit.unit * p[i, a]
                assert abs(got["q"][i, a] - got["v"][after]) <= limit.q[i, a] + limit.v[after]
    assert np.all(np.abs((p * got["advantage"]).sum(-1)) <= (p * limit.advantage).sum(-1) + limit.v)
    assert np.all(np.abs(got["policy_gradient"].sum(-1)) <= limit.policy_gradient.sum(-1))
    assert np.all(np.abs(got["mean_entropy_gradient"].sum(-1)) <= limit.mean_entropy_gradient.sum(-1))
    assert got["mean_entropy"] <= math.log(tree.vocabulary) + limit.mean_entropy
    assert got["mean_entropy"] >= 0


@checks
@given(trees(), st.integers(-100, 100), st.randoms(use_true_random=False))
def test_invariances(pair: tuple[Tree, Any], shift: int, random: Any) -> None:
    """A constant added to the logits of a state changes nothing; prompts may be listed in any order."""
    tree, z = pair
    z = np.round(z * 2.0**20) / 2.0**20
    limit = limits(oracle.allowed(tree, z))
    base = everything(package_tree(tree), z)
    moved = everything(package_tree(tree), z + shift * np.arange(len(z))[:, None])
    for name, most in limit.items():
        assert np.all(np.abs(moved[name] - base[name]) <= 2 * most), name
    order = list(range(tree.prompts))
    random.shuffle(order)
    other = dataclasses.replace(tree, reward=[tree.reward[m] for m in order], weights=[tree.weights[m] for m in order])
    rows = [tree.states.index((order[m], prefix)) for m, prefix in other.states]
    permuted = everything(package_tree(other), z[rows])
    for name, most in limit.items():
        by_state = np.ndim(base[name]) > 0
        expected, room = (base[name][rows], most[rows]) if by_state else (base[name], most)
        assert np.all(np.abs(permuted[name] - expected) <= 2 * room), name


@checks
@given(trees(), st.randoms(use_true_random=False))
def test_tokens_may_be_named_in_any_order(pair: tuple[Tree, Any], random: Any) -> None:
    """Renaming the tokens renames the answers."""
    tree, z = pair
    limit = limits(oracle.allowed(tree, z))
    names = list(range(tree.vocabulary))
    random.shuffle(names)

    def rename(y: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(names[token] for token in y)

    places = [oracle.leaf(tree.vocabulary, rename(y)) for y in tree.responses]
    other = dataclasses.replace(tree, reward=[[row[place] for place in places] for row in tree.reward])
    rows = [tree.states.index((m, rename(prefix))) for m, prefix in tree.states]
    base, renamed = everything(package_tree(tree), z), everything(package_tree(other), z[rows][:, names])
    for name, most in limit.items():
        index: Any = {0: (), 1: (rows,), 2: np.ix_(rows, names)}[np.ndim(base[name])]
        assert np.all(np.abs(renamed[name] - base[name][index]) <= 2 * np.asarray(most)[index]), name


@checks
@given(trees())
def test_the_rest_of_a_response_is_a_tree(pair: tuple[Tree, Any]) -> None:
    """v of a state is J of the tree that starts there, and the advantages after it are those of that tree."""
    tree, z = pair
    values, limit = package_tree(tree).values(z), oracle.allowed(tree, z)
    for i, (m, prefix) in enumerate(tree.states):
        size = tree.vocabulary ** (tree.horizon - len(prefix))
        first = oracle.leaf(tree.vocabulary, prefix) * size
        rest = Tree(tree.vocabulary, tree.horizon - len(prefix), [tree.reward[m][first : first + size]], [Fraction(1)])
        rows = [tree.states.index((m, prefix + after)) for _, after in rest.states]
        part = package_tree(rest)
        assert abs(part.objective(z[rows]) - values.v[i]) <= 3 * limit.v[i]
        gap = np.abs(part.values(z[rows]).advantage - values.advantage[rows])
        assert np.all(gap <= 2 * limit.advantage[rows])


def test_a_prompt_that_is_never_drawn() -> None:
    """It contributes nothing, but its values and its natural gradient are its own."""
    tree, z, _, limit = case("ternary")
    never = dataclasses.replace(tree, weights=[Fraction(0), Fraction(1, 4), Fraction(3, 4)])
    problem = package_tree(never)
    mine = [i for i, (m, _) in enumerate(tree.states) if m == 0]
    got = everything(problem, z)
    for name in ("visits", "visitation", "policy_gradient", "mean_entropy_gradient"):
        assert np.all(got[name][mine] == 0), name
    exact = oracle.exactly(never, z, 60)
    assert_within(got["natural"], exact.advantage, limit.advantage, "natural")
    assert np.abs(got["natural"][mine]).max() > 0.1


def test_complex_rewards() -> None:
    """J is linear in the reward: the imaginary part is J of the imaginary reward."""
    tree, z, exact, limit = case("ternary")
    reward, weights = tree.arrays()
    other = np.random.default_rng(4).integers(-8, 9, reward.shape) / 8
    problem = et.TokenTree(3, 3, reward + 1j * other, weights=weights)
    value = np.asarray(problem.objective(z))
    twin = dataclasses.replace(tree, reward=[[Fraction(float(x)) for x in row] for row in other])
    assert_within(value.real, exact.objective, limit.objective, "real part")
    second = oracle.exactly(twin, z, 60)
    assert_within(value.imag, second.objective, oracle.allowed(twin, z).objective, "imaginary part")
    advantage = problem.values(z).advantage
    assert_within(advantage.imag, second.advantage, 4 * (limit.advantage.max() + EPS), "imaginary advantage")


# --- token covariance -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["one step", "binary", "ternary", "nearly deterministic"])
def test_token_covariance_averages_to_the_covariance(name: str) -> None:
    """sum_s d(s) E_p C(s,.) = sum_s d(s) Cov_p(log p, dJ/dz), minus the slope of the entropies at held visitation.

    The covariance is a sum over pairs of tokens; the slope a complex step of the entropies along the gradient.
    """
    tree, z, exact, limit = case(name)
    problem = package_tree(tree)
    values, gradient = problem.values(z), et.policy_gradient(problem, z)
    p, _ = rounding.parts(z)
    c = et.token_covariance(z, gradient)
    got = float((values.visitation * (p * c).sum(-1)).sum())
    with mpmath.workdps(policies.DIGITS):
        rows = [[mpmath.mpf(float(x)) for x in row] for row in z]
        pairs = [policies.covariance(row, row, dz) for row, dz in zip(rows, exact.policy_gradient, strict=True)]
        wanted = decision.add([d * x for d, x in zip(exact.visitation, pairs, strict=True)])
    # C has the errors of two deviations; dz that of the gradient; and all is weighted by d p.
    size = rounding.deviation_sizes(z)[1]
    slack = size * (limit.policy_gradient + (p * limit.policy_gradient).sum(-1, keepdims=True))
    own = rounding.token_covariance(z, gradient) + 4 * limit.unit * np.abs(c)
    room = float((values.visitation[:, None] * p * (own + slack)).sum()) + 4 * limit.unit * abs(float(wanted))
    room += float((limit.visitation[:, None] * p * np.abs(c)).sum()) + (len(z) + 2) * EPS * float(np.abs(p * c).sum())
    assert_within(np.asarray(got), np.array(wanted, dtype=object), room, "averaged covariance")
    covariances = float((values.visitation * et.covariance(z, et.log_softmax(z), gradient)).sum())
    assert abs(covariances - got) <= 2 * room
    held = complex(np.sum(values.visitation * et.entropy(z + 1j * oracle.STEP * gradient))).imag / oracle.STEP
    step = 4 * limit.unit * p * (rounding.log_magnitude(z) + 1)
    along = step * (np.abs(gradient) + (p * np.abs(gradient)).sum(-1, keepdims=True))
    assert abs(held + got) <= 2 * room + float((values.visitation[:, None] * along).sum())


# --- the discounted process of the same tree ------------------------------------------------------------------------

DISCOUNTS = [Fraction(1, 64), Fraction(1, 2), Fraction(15, 16), Fraction(0.9), Fraction(0.999)]
every_discount = pytest.mark.parametrize("discount", DISCOUNTS, ids=float)
kinds = pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])


@kinds
@every_discount
@pytest.mark.parametrize("name", SMALL)
def test_table_of_the_process(name: str, discount: Fraction, sparse: bool) -> None:
    """The table is exact but for the last rewards: a power, a product or quotient for each step."""
    tree, _, _, _ = case(name)
    mdp = package_tree(tree).to_mdp(float(discount), sparse=sparse)
    transition, reward, _, initial, termination = oracle.process(tree, discount).arrays()
    assert isinstance(mdp, et.MDP)
    assert (mdp.states, mdp.actions, mdp.sparse) == (len(tree.states), tree.vocabulary, sparse)
    assert float(mdp.discount) == float(discount)
    table = mdp.transition.toarray().reshape(transition.shape) if sparse else mdp.transition
    np.testing.assert_array_equal(table, transition)
    np.testing.assert_array_equal(mdp.termination, termination)
    np.testing.assert_array_equal(mdp.initial, initial)
    np.testing.assert_allclose(mdp.reward, reward, rtol=2 * tree.horizon * EPS, atol=0)


@kinds
@every_discount
@pytest.mark.parametrize("name", [name for name in SMALL if name not in ("far", "huge")])
def test_answers_of_the_process(name: str, discount: Fraction, sparse: bool) -> None:
    """J and its gradient are the tree's; at level t visits have the factor discount^t, values discount^-t.

    The rewards of the process are rounded besides: T units of J and of values, within the limit of the solve.
    """
    tree, z, exact, _ = case(name)
    mdp = package_tree(tree).to_mdp(float(discount), sparse=sparse)
    limit = decision.allowed(oracle.process(tree, discount), z)
    got = everything(mdp, z)
    with mpmath.workdps(60):
        g = decision.field(discount)
        power = np.array([g**t for t in tree.level], dtype=object)
        wide = power[:, None]
        visits = exact.visits * power
        horizon = 1 / (1 - float(discount))
        assert_within(got["objective"], exact.objective, limit.objective, "J")
        assert_within(got["policy_gradient"], exact.policy_gradient, limit.policy_gradient, "gradient")
        assert_within(got["visits"], visits, limit.visitation * horizon, "visits")
        assert_within(got["visitation"], (1 - g) * visits, limit.visitation, "visitation")
        assert_within(got["v"], exact.v / power, limit.v, "v")
        assert_within(got["q"], exact.q / wide, limit.q, "q")
        assert_within(got["advantage"], exact.advantage / wide, limit.advantage, "advantage")
        assert_within(got["natural"], exact.advantage / wide, limit.advantage, "natural gradient")


@kinds
@every_discount
@pytest.mark.parametrize("name", [name for name in SMALL if name not in ("far", "huge")])
def test_mean_entropy_of_the_process(name: str, discount: Fraction, sparse: bool) -> None:
    """With the entropies as rewards discount^-t H, the process adds up the entropies of the tree.

    These rewards are at most discount^(1-T) log V, to which the limits of an objective and of its gradient are scaled.
    """
    tree, z, exact, _ = case(name)
    process = oracle.process(tree, discount)
    mdp = package_tree(tree).to_mdp(float(discount), sparse=sparse)
    scale = float(discount) ** -np.array(tree.level, dtype=float)

    def mean(x: Any) -> Any:
        return (mdp.initial * mdp.state_values(x, scale * et.entropy(x))).sum(-1) / tree.horizon

    largest = max(1e-300, max(abs(float(r)) for row in process.reward for r in row))
    limit = decision.allowed(process, z)
    ratio = float(scale.max()) * (math.log(tree.vocabulary) + 1) / largest
    assert_within(np.asarray(mean(z)), exact.mean_entropy, 2 * ratio * limit.objective, "mean entropy")
    if not sparse:
        steps = complex_step(mean, z)
        assert_within(steps, exact.mean_entropy_gradient, 8 * ratio * limit.policy_gradient, "its gradient")


def test_a_process_of_exact_rewards_is_exact() -> None:
    """Rewards and weights are thirds and fifths, the policy uniform: the answers are equal as rational numbers."""
    reward = np.array([[Fraction(k, 3) for k in range(9)], [Fraction(1, k + 1) for k in range(9)]], dtype=object)
    tree = et.TokenTree(3, 2, reward, weights=np.array([Fraction(2, 5), Fraction(3, 5)], dtype=object))
    mdp = tree.to_mdp(0.75)
    z = np.array([[Fraction(0)] * 3] * tree.states, dtype=object)
    assert np.asarray(mdp.objective(z))[()] == np.asarray(tree.objective(z))[()]
    assert np.all(et.policy_gradient(mdp, z) == et.policy_gradient(tree, z))


# --- controls -------------------------------------------------------------------------------------------------------

ETA = 0.75
RULES = {
    "policy gradient": controls.policy_gradient(),
    "natural": controls.natural(),
    "entropy bonus": controls.entropy_bonus(0.5),
    "entropy bonus, held": controls.entropy_bonus(0.5, "held"),
    "clip-higher": controls.clip_higher(),
    "clip-higher, narrow": controls.clip_higher(0.1, 0.05),
    "clip-cov, a small band": controls.clip_cov(0.25, 0.01, 0.5),
    "clip-cov, within the state": controls.clip_cov(0.1, 0.01, 0.5, centre="state", factor="logit-change"),
    "clip-cov, logits": controls.clip_cov(0.1, -0.5, 0.5, mask="logit", band="closed"),
    "kl-cov, tokens": controls.kl_cov(1, 0.25, penalty="kl"),
    "kl-cov, half": controls.kl_cov(0.5, 0.5, rank="abs", centre="state"),
    **{f"clip-cov {name}": controls.Rule("clip-cov", options) for name, options in controls.CLIP_PRESETS.items()},
    **{f"kl-cov {name}": controls.Rule("kl-cov", options) for name, options in controls.KL_PRESETS.items()},
}
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def table(tree: Tree, exact: Any, z: Any, anchor: Any) -> controls.Table:
    """What an update depends on, from the enumeration."""
    p, q = (decision.softmax(controls.wide(x)) for x in (z, anchor))
    slope = exact.mean_entropy_gradient.tolist()
    return controls.Table(p, q, exact.advantage.tolist(), list(exact.visits), list(exact.visitation), slope)


def tree_errors(tree: Tree, z: Any, anchor: Any) -> Errors:
    """The largest errors allowed; W = d q / sum d has those of d, of the sum of S of them, and of q."""
    limit = oracle.allowed(tree, z)
    unit = limit.unit + float(np.max(rounding.unit(anchor)))
    local = unit * 4 * (1 + math.log(tree.vocabulary) + float(np.ptp(z)))
    visitation = float(limit.visitation.max())
    return Errors(
        unit,
        float(limit.advantage.max()),
        float(limit.visits.max()),
        (1 + len(tree.states)) * visitation + 4 * unit,
        float(limit.mean_entropy_gradient.max()) + visitation + local,
    )


CONTROLLED = {
    "ternary": oracle.random_tree(40, 3, 2, 2),
    "binary": oracle.random_tree(41, 2, 3, 2),
    "one step": oracle.random_tree(42, 4, 1, 3),
    "success or failure": oracle.random_tree(43, 2, 3, 2, binary=True),
}


@functools.cache
def off_policy(name: str) -> tuple[Tree, Any, Any, controls.Table]:
    """A tree, logits, those of the old policy, and what an update depends on."""
    tree = CONTROLLED[name]
    z = normal(tree, 1)
    anchor = z + normal(tree, 2, 0.3)
    with mpmath.workdps(controls.DIGITS):
        return tree, z, anchor, table(tree, oracle.exactly(tree, z, controls.DIGITS), z, anchor)


def ties(rule: controls.Rule, t: controls.Table) -> set[tuple[tuple[int, int], tuple[int, int]]]:
    """Pairs of entries whose covariances are zero in any arithmetic: within states without advantage."""
    if rule.kind != "kl-cov" or rule.o.centre == "batch":
        return set()
    nothing = [(s, a) for s, a in t.entries if all(x == 0 for x in t.advantage[s])]
    return {(i, j) for k, i in enumerate(nothing) for j in nothing[k + 1 :]}


@every_rule
@pytest.mark.parametrize("name", CONTROLLED)
def test_updates(name: str, rule: controls.Rule) -> None:
    """Every control against the sums over states and tokens, with the visits of the enumeration."""
    tree, z, anchor, t = off_policy(name)
    errors = tree_errors(tree, z, anchor)
    with mpmath.workdps(controls.DIGITS):
        assert decided(rule, Case(None, None, z, anchor, ties(rule, t)), t, errors)
        exact = np.array([[mpmath.mpf(ETA) * x for x in row] for row in controls.update(rule, t)], dtype=object)
        limit = update_limit(rule, t, errors, ETA)
    problem = package_tree(tree)
    assert_within(build(rule).update(problem, z, ETA, anchor=anchor), exact, limit, "update")
    both = build(rule).update(problem, np.stack([z, 2 * z]), np.array([ETA, 2.0]), anchor=anchor)
    assert_within(both[0], exact, limit, "in a batch")


@every_rule
def test_updates_on_policy(rule: controls.Rule) -> None:
    """Without an anchor the old policy is the policy itself."""
    tree, z, _, t = off_policy("ternary")
    same = dataclasses.replace(t, q=t.p)
    errors = tree_errors(tree, z, z)
    with mpmath.workdps(controls.DIGITS):
        assert decided(rule, Case(None, None, z, z, set()), same, errors)
        exact = np.array([[mpmath.mpf(ETA) * x for x in row] for row in controls.update(rule, same)], dtype=object)
        limit = update_limit(rule, same, errors, ETA)
    assert_within(build(rule).update(package_tree(tree), z, ETA), exact, limit, "update")


def level_powers(tree: Tree, discount: Fraction, sign: int) -> Any:
    return float(discount) ** (sign * np.array(tree.level, dtype=float))[:, None]


def process_table(tree: Tree, t: controls.Table, discount: Fraction) -> controls.Table:
    """What an update on the process depends on: visits discount^t, advantages discount^-t times the tree's."""
    g = decision.field(discount)
    w = [g**k * x for k, x in zip(tree.level, t.w, strict=True)]
    advantage = [[x / g**k for x in row] for k, row in zip(tree.level, t.advantage, strict=True)]
    return controls.Table(t.p, t.q, advantage, w, [(1 - g) * x for x in w], t.mean_entropy_gradient)


ALIKE: dict[str, tuple[controls.Rule, int]] = {
    "policy gradient": (controls.policy_gradient(), 0),
    "natural": (controls.natural(), -1),
    "clip-higher": (controls.clip_higher(), 0),
    "clip-cov": (controls.clip_cov(1, 0, 8, centre="state"), 0),
    "clip-cov, paper's covariance": (controls.clip_cov(1, 0, 8, centre="state", ppo_clip=None), 0),
    "clip-cov, logits": (controls.clip_cov(1, 0, 8, centre="state", mask="logit"), 0),
}
"""Rules of which the update on the process is discount^(k t) times that on the tree.

w A is the same on both. The ratio is, too, so PPO clips the same entries. The covariance within a state has the factor
discount^-t: its sign is the same, and with the fraction one all of the band is selected, whatever the visitation.
"""
ADDED: dict[str, tuple[controls.Rule, bool]] = {
    "kl-cov": (controls.kl_cov(1, 1), False),
    "kl-cov, tokens": (controls.kl_cov(0.5, 1, penalty="kl"), False),
    "kl-cov, logits": (controls.kl_cov(0.5, 1, penalty="kl", mask="logit"), False),
    "entropy bonus, held": (controls.entropy_bonus(0.5, "held"), True),
}
"""Rules of which what is added to the policy gradient has the factor discount^t of the visits.

For KL-Cov this holds with the fraction one, for a bonus with T (1 - discount) besides: 1 / T and 1 - discount are
what makes a visitation of the visits.
"""


def process_limit(rule: controls.Rule, tree: Tree, z: Any, anchor: Any, t: controls.Table, g: Fraction) -> float:
    """The errors of the updates on the tree and on the process, the former times the largest factor."""
    mine = tree_errors(tree, z, anchor)
    with mpmath.workdps(controls.DIGITS):
        other = process_table(tree, t, g)
        theirs = errors_of(Case(oracle.process(tree, g), None, z, anchor, set()), other)
        choices = Case(None, None, z, anchor, set())
        assert decided(rule, choices, t, mine)
        assert decided(rule, choices, other, theirs)
        factor = float(g) ** (1 - tree.horizon)
        return factor * update_limit(rule, t, mine, ETA) + update_limit(rule, other, theirs, ETA)


@pytest.mark.parametrize("discount", [Fraction(1, 2), Fraction(15, 16)], ids=float)
@pytest.mark.parametrize("rule", ALIKE)
@pytest.mark.parametrize("name", ["ternary", "binary"])
def test_updates_that_the_process_has_too(name: str, rule: str, discount: Fraction) -> None:
    tree, z, anchor, t = off_policy(name)
    which, power = ALIKE[rule]
    problem = package_tree(tree)
    mine = build(which).update(problem, z, ETA, anchor=anchor)
    theirs = build(which).update(problem.to_mdp(float(discount)), z, ETA, anchor=anchor)
    limit = process_limit(which, tree, z, anchor, t, discount)
    assert np.abs(theirs - level_powers(tree, discount, power) * mine).max() <= limit
    if rule.startswith("clip"):
        plain = build(controls.policy_gradient()).update(problem, z, ETA)
        assert np.abs(mine - plain).max() > 1e-3, "the control did nothing"


@pytest.mark.parametrize("discount", [Fraction(1, 2), Fraction(15, 16)], ids=float)
@pytest.mark.parametrize("rule", ADDED)
@pytest.mark.parametrize("name", ["ternary", "binary"])
def test_updates_that_weigh_the_process_by_level(name: str, rule: str, discount: Fraction) -> None:
    tree, z, anchor, t = off_policy(name)
    which, normalised = ADDED[rule]
    problem = package_tree(tree)
    mdp = problem.to_mdp(float(discount))
    plain = ETA * et.policy_gradient(problem, z)
    mine = build(which).update(problem, z, ETA, anchor=anchor) - plain
    theirs = build(which).update(mdp, z, ETA, anchor=anchor) - ETA * et.policy_gradient(mdp, z)
    factor = level_powers(tree, discount, 1) * (tree.horizon * (1 - float(discount)) if normalised else 1.0)
    limit = process_limit(which, tree, z, anchor, t, discount)
    base = process_limit(controls.policy_gradient(), tree, z, anchor, t, discount)
    assert np.abs(theirs - factor * mine).max() <= limit + base
    assert np.abs(mine).max() > 1e-3, "the control did nothing"


CLOSE = Fraction(1) - Fraction(1, 2**40)


@every_rule
@pytest.mark.parametrize("name", ["ternary", "binary", "one step"])
def test_updates_of_the_process_in_the_limit(name: str, rule: controls.Rule) -> None:
    """As the discount tends to one all updates tend to those on the tree.

    Advantages and visits differ by the relative amount e = T (1 - discount), the shares of the tokens by 2 e: the
    update differs by as much as errors of these sizes would make. The bonus has its coefficient over T (1 - discount).
    """
    tree, z, anchor, t = off_policy(name)
    problem = package_tree(tree)
    rest = tree.horizon * float(1 - CLOSE)
    e = 2 * rest
    size = max(float(abs(a)) for row in t.advantage for a in row)
    slope = max(float(abs(x)) for row in t.mean_entropy_gradient for x in row) + math.log(tree.vocabulary)
    errors = Errors(e, e * size, e * max(float(w) for w in t.w), 2 * e, 2 * e * slope)
    control, mine = build(rule), build(rule).update(problem, z, ETA, anchor=anchor)
    if isinstance(control, et.EntropyBonus):
        assert not callable(control.alpha)
        control = dataclasses.replace(control, alpha=float(control.alpha) / rest)
    theirs = control.update(problem.to_mdp(float(CLOSE)), z, ETA, anchor=anchor)
    with mpmath.workdps(controls.DIGITS):
        assert decided(rule, Case(None, None, z, anchor, set()), t, errors)
        assert np.abs(theirs - mine).max() <= update_limit(rule, t, errors, ETA)


# --- one prompt, one step: a bandit ---------------------------------------------------------------------------------

CONTROLS = {
    "policy gradient": et.PolicyGradient(),
    "natural": et.NaturalPolicyGradient(),
    "entropy bonus": et.EntropyBonus(0.5),
    "entropy bonus, held": et.EntropyBonus(0.5, "held"),
    "annealed bonus": et.EntropyBonus(et.Annealed(1.0, 0.0, 4)),
    "clip-higher": et.ClipHigher(),
    "clip-higher, narrow": et.ClipHigher(0.1, 0.1),
    "clip-cov": et.ClipCov(0.25, 0.01, 0.5),
    **{f"clip-cov {name}": et.ClipCov.preset(name) for name in controls.CLIP_PRESETS},
    "kl-cov": et.KLCov(1, 0.25, penalty="kl", mask="token"),
    **{f"kl-cov {name}": et.KLCov.preset(name) for name in controls.KL_PRESETS},
}


@pytest.mark.parametrize("actions", [1, 2, 5])
def test_one_step_is_a_bandit(actions: int) -> None:
    """The limits are those of the tree, once for either."""
    tree = oracle.random_tree(20 + actions, actions, 1)
    for scale in (0.0, 1.0, 40.0):
        z = normal(tree, actions, scale)
        limit = limits(oracle.allowed(tree, z))
        mine, bandit = everything(package_tree(tree), z), everything(et.Bandit(tree.arrays()[0][0]), z[0])
        for name, most in limit.items():
            wanted = np.reshape(bandit[name], np.shape(mine[name]))
            assert np.all(np.abs(mine[name] - wanted) <= 2 * most), name


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
def test_one_step_is_a_bandit_under_every_control(control: Any) -> None:
    """In a batch of 50: both updates have products of shares, probabilities and advantages of size R.

    A share of the selected tokens is a quotient of masses, with four units over the smallest mass; the penalty has the
    size beta, at most one here.
    """
    rng = np.random.default_rng(9)
    z, reward, shift = rng.normal(size=(3, 50, 5))
    reward, anchor = 4 * reward, z + 0.3 * shift
    tree = et.TokenTree(5, 1, reward[:, None, :])
    p, q = rounding.parts(z)[0], rounding.parts(anchor)[0]
    unit = rounding.unit(z) + rounding.unit(anchor)
    size = 2 * np.abs(reward).max(-1) + 2 + rounding.log_magnitude(z).max(-1)
    limit = 64 * unit * size / np.minimum(p, q).min(-1)
    for step, old in ((0, anchor), (1, None), (3, anchor)):
        mine = control.update(tree, z[:, None, :], ETA, anchor=None if old is None else old[:, None, :], step=step)
        bandit = control.update(et.Bandit(reward), z, ETA, anchor=old, step=step)
        assert mine.shape == (50, 1, 5)
        assert np.all(np.abs(mine[:, 0] - bandit).max(-1) <= limit)


# --- batches --------------------------------------------------------------------------------------------------------


def test_batches_of_logits_and_of_rewards() -> None:
    """Leading axes of z (2, 1) and of the reward (3,) broadcast to (2, 3)."""
    shapes = [oracle.random_tree(seed, 3, 2, 2) for seed in (30, 31, 32)]
    shapes = [dataclasses.replace(tree, weights=shapes[0].weights) for tree in shapes]
    reward = np.stack([tree.arrays()[0] for tree in shapes])
    z = np.stack([normal(shapes[0], 1), normal(shapes[0], 2, 4.0)])[:, None]
    problem = et.TokenTree(3, 2, reward, weights=shapes[0].arrays()[1])
    assert problem.reward.shape == (3, 2, 9)
    together = everything(problem, z)
    for i in range(2):
        for k, tree in enumerate(shapes):
            alone, limit = exact_fields(oracle.exactly(tree, z[i, 0], 60)), limits(oracle.allowed(tree, z[i, 0]))
            for name, most in limit.items():
                full = np.broadcast_to(together[name], (2, 3, *np.shape(alone[name])))
                assert_within(np.asarray(full[i, k]), alone[name], most, name)
    u = np.random.default_rng(3).normal(size=len(shapes[0].states))
    values = np.broadcast_to(problem.state_values(z, u), (2, 3, u.size))
    for i in range(2):
        np.testing.assert_allclose(values[i, 1], package_tree(shapes[1]).state_values(z[i, 0], u), rtol=0, atol=1e-13)


@pytest.mark.parametrize("horizon", [1, 2])
@pytest.mark.parametrize(("logits", "rewards"), [((), ()), ((4,), ()), ((), (4,)), ((4, 1), (3,)), ((2, 1), (2, 3))])
def test_shapes(logits: tuple[int, ...], rewards: tuple[int, ...], horizon: int) -> None:
    """All that depends on the reward has the leading axes of both, what does not those of the logits at least."""
    problem = et.TokenTree(3, horizon, np.random.default_rng(0).normal(size=(*rewards, 2, 3**horizon)))
    states = problem.states
    z = np.random.default_rng(1).normal(size=(*logits, states, 3))
    both = np.broadcast_shapes(logits, rewards)
    tails = {"objective": (), "mean_entropy": (), "v": (states,), "visits": (states,), "visitation": (states,)}
    for name, got in everything(problem, z).items():
        tail = tails.get(name, (states, 3))
        free = name in ("visits", "visitation", "mean_entropy", "mean_entropy_gradient")
        assert np.shape(got) in ({(*both, *tail), (*logits, *tail)} if free else {(*both, *tail)}), name
    assert problem.state_values(z, np.arange(float(states))).shape in ((*both, states), (*logits, states))
    assert et.PolicyGradient().update(problem, z, 1.0).shape == (*both, states, 3)
    assert et.KLCov(1.0, 0.5).update(problem, z, 1.0, anchor=z / 2).shape == (*both, states, 3)


def test_a_reward_alone_may_be_a_batch() -> None:
    reward = np.random.default_rng(0).normal(size=(4, 2, 1, 8))
    problem = et.TokenTree(2, 3, reward)
    z = np.random.default_rng(1).normal(size=(7, 2))
    j = problem.objective(z)
    assert j.shape == (4, 2)
    assert et.policy_gradient(problem, z).shape == (4, 2, 7, 2)
    assert problem.values(z).v.shape == (4, 2, 7)
    limit = 4 * 3 * float(np.max(rounding.unit(z))) * np.abs(reward).max()
    for index in np.ndindex(4, 2):
        assert abs(j[index] - et.TokenTree(2, 3, reward[index]).objective(z)) <= limit


def test_a_batch_as_processes() -> None:
    """The dense process keeps the batch; a sparse one has none."""
    reward = np.random.default_rng(0).normal(size=(3, 2, 4))
    problem = et.TokenTree(2, 2, reward)
    mdp = problem.to_mdp(0.5)
    z = np.random.default_rng(1).normal(size=(problem.states, 2))
    # Reward / 0.5 and the solve: see the limits of single trees, of which this is a coarse multiple.
    np.testing.assert_allclose(mdp.objective(z), problem.objective(z), rtol=0, atol=1e-13)
    assert mdp.reward.shape == (3, problem.states, 2)
    with pytest.raises(ValueError, match=r"\breward\b"):
        problem.to_mdp(0.5, sparse=True)


# --- balls ----------------------------------------------------------------------------------------------------------


def as_balls(x: Any) -> Any:
    out = np.empty(np.shape(x), dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = et.Ball(float(np.asarray(x)[index]))
    return out


def as_arbs(x: Any) -> Any:
    """Balls and exact numbers as balls of python-flint."""
    source = np.asarray(x, dtype=object)
    out = np.empty(source.shape, dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = et.Ball(source[index]).arb
    return out


@pytest.mark.parametrize("kind", [to_arb, as_balls], ids=["arb", "Ball"])
@pytest.mark.parametrize("name", ["one step", "binary", "success or failure", "ternary", "nearly uniform"])
def test_enclosures(name: str, kind: Callable[[Any], Any]) -> None:
    """The balls contain the exact values, whatever is given as balls: the logits, or the rewards as well."""
    tree, z, exact, limit = case(name)
    reward, weights = tree.arrays()
    with et.precision(PRECISION):
        mixed = package_tree(tree)
        full = et.TokenTree(tree.vocabulary, tree.horizon, kind(reward), weights=weights)
        for problem, logits in ((mixed, kind(z)), (full, kind(z)), (full, z)):
            got = everything(problem, logits)
            for field, most in limits(limit).items():
                radius = most * LOST / EPS + 1e-40
                assert_encloses(as_arbs(got[field]), exact_fields(exact)[field], radius, 80, field)


def test_enclosures_hold_the_floats() -> None:
    """The float64 answers lie within their limits of the balls' centres, and the balls are narrow."""
    tree, z, _, limit = case("binary")
    with et.precision(PRECISION):
        got, floats = everything(package_tree(tree), as_balls(z)), everything(package_tree(tree), z)
        for name, most in limits(limit).items():
            room = np.broadcast_to(most, np.shape(floats[name]))
            for index in np.ndindex(np.shape(floats[name])):
                ball = et.Ball(np.asarray(got[name], dtype=object)[index]).arb
                assert abs(ball - flint.arb(float(floats[name][index]))) <= room[index]


@pytest.mark.parametrize("batch", [(), (1,)], ids=["one", "batch"])
@pytest.mark.parametrize("function", ["objective", "mean_entropy"])
def test_derivatives_on_balls(function: str, batch: tuple[int, ...]) -> None:
    """Dual numbers of balls enclose the slope along a direction, <gradient, direction>."""
    tree, z, exact, limit = case("binary")
    problem = package_tree(tree)
    direction = normal(tree, 6)
    gradient = exact.policy_gradient if function == "objective" else exact.mean_entropy_gradient
    room = limit.policy_gradient if function == "objective" else limit.mean_entropy_gradient
    with mpmath.workdps(policies.DIGITS):
        slope = decision.add(
            [g * mpmath.mpf(float(d)) for g, d in zip(gradient.ravel(), direction.ravel(), strict=True)]
        )

    def value(x: Any) -> Any:
        return problem.objective(x) if function == "objective" else et.mean_entropy(problem, x)

    with et.precision(PRECISION):
        shape = (*batch, *z.shape)
        got = et.directional_derivative(value, as_balls(z).reshape(shape), as_balls(direction).reshape(shape))
        wanted = np.full(batch, slope, dtype=object)
        radius = float((room * np.abs(direction)).sum()) * LOST / EPS + 1e-40
        assert_encloses(as_arbs(got), wanted, radius, 80, function)


def uniform_exactly(tree: Tree) -> dict[str, Any]:
    """Rational answers under the uniform policy."""
    answer = oracle.evaluate(tree, oracle.uniform(tree), convert=lambda x: x)

    def array(x: Any) -> Any:
        return np.array(x, dtype=object)

    return {
        "objective": array(answer.objective),
        "v": array(answer.v),
        "q": array(answer.q),
        "advantage": array(answer.advantage),
        "natural": array(answer.advantage),
        "visits": array(answer.visits),
        "visitation": array(answer.visitation),
        "policy_gradient": array(answer.slope),
    }


def thirds(vocabulary: int, horizon: int, weights: list[Fraction]) -> Tree:
    rows = [[Fraction(k + m, 3 + k % 5) for k in range(vocabulary**horizon)] for m in range(len(weights))]
    return Tree(vocabulary, horizon, rows, weights)


@pytest.mark.parametrize(("vocabulary", "horizon"), [(1, 2), (2, 3), (3, 2), (3, 3)])
def test_rational_numbers_stay_exact(vocabulary: int, horizon: int) -> None:
    """Equal logits are the uniform policy, so that all values of rational rewards are rational: no tolerance."""
    tree = thirds(vocabulary, horizon, [Fraction(2, 7), Fraction(5, 7)])
    problem = et.TokenTree(
        vocabulary,
        horizon,
        np.array(tree.reward, dtype=object),
        weights=np.array(tree.weights, dtype=object),
    )
    z = np.array([[Fraction(1, 7)] * vocabulary] * problem.states, dtype=object)
    got = everything(problem, z)
    for name, wanted in uniform_exactly(tree).items():
        assert np.all(np.asarray(got[name], dtype=object) == wanted), name


@pytest.mark.parametrize("exact_reward", [True, False], ids=["rational rewards", "float rewards"])
@pytest.mark.parametrize("prompts", [2, 3, 5])
def test_default_weights_are_exact_on_balls(prompts: int, exact_reward: bool) -> None:
    """1 / M is no double for M = 3: as a rounded number among balls it would be passed off as exact."""
    tree = thirds(2, 2, [Fraction(1, prompts)] * prompts)
    if not exact_reward:
        tree = dataclasses.replace(tree, reward=[[Fraction(float(x)) for x in row] for row in tree.reward])
    reward = np.array(tree.reward, dtype=object) if exact_reward else tree.arrays()[0]
    problem = et.TokenTree(2, 2, reward)
    z = np.array([[Fraction(0)] * 2] * problem.states, dtype=object)
    got = everything(problem, z)
    for name, wanted in uniform_exactly(tree).items():
        values = np.asarray(got[name], dtype=object)
        for index in np.ndindex(wanted.shape):
            fraction, ball = Fraction(wanted[index]), et.Ball(values[index])
            number = flint.fmpq(fraction.numerator, fraction.denominator)
            held = ball.rational == number if ball.rational is not None else ball.arb.contains(flint.arb(number))
            assert held, f"{name}{index}: {ball} is not {fraction}"


def test_controls_on_balls() -> None:
    """The updates of a tree on balls hold those of the enumeration, for a rule with a share and one with a band."""
    tree, z, anchor, t = off_policy("ternary")
    problem = package_tree(tree)
    errors = tree_errors(tree, z, anchor)
    for name in ("policy gradient", "entropy bonus", "clip-higher", "clip-cov, a small band", "kl-cov paper"):
        rule = RULES[name]
        with mpmath.workdps(controls.DIGITS):
            exact = np.array([[mpmath.mpf(ETA) * x for x in row] for row in controls.update(rule, t)], dtype=object)
            limit = update_limit(rule, t, errors, ETA)
        with et.precision(160):
            got = as_arbs(build(rule).update(problem, as_balls(z), ETA, anchor=as_balls(anchor)))
        # The unit of balls is 2^-160 instead of 2^-52; 2^44 of these units are room for radii to add up.
        assert_encloses(got, exact, limit * 2.0**-64 + 2.0**-128, controls.DIGITS - 10, name)


# --- random trees and pretrained logits -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vocabulary", "horizon", "prompts", "share"),
    [(2, 3, 1, 0.1), (4, 3, 5, 0.1), (3, 4, 3, 0.25), (2, 2, 4, 1.0), (5, 2, 2, 1e-6), (1, 3, 2, 0.3), (8, 3, 2, 0.5)],
)
def test_number_of_correct_responses(vocabulary: int, horizon: int, prompts: int, share: float) -> None:
    tree = et.TokenTree.random(vocabulary, horizon, prompts=prompts, correct=share, seed=1)
    size = vocabulary**horizon
    assert tree.reward.shape == (prompts, size)
    assert set(np.unique(tree.reward)) <= {0.0, 1.0}
    assert np.all(tree.reward.sum(-1) == max(1, round(share * size)))
    assert (tree.vocabulary, tree.horizon, tree.prompts) == (vocabulary, horizon, prompts)
    np.testing.assert_allclose(tree.weights, np.full(prompts, 1 / prompts), rtol=EPS, atol=0)


def test_defaults_of_random_trees() -> None:
    assert et.TokenTree.random(10, 3).reward.sum() == 100
    weighted = et.TokenTree.random(2, 3, prompts=2, weights=[0.25, 0.75])
    np.testing.assert_array_equal(weighted.weights, [0.25, 0.75])


def test_difficulty_is_log_uniform() -> None:
    """Shares between 0.01 and 0.5 of 4096 responses: log share has mean m and standard deviation s of a uniform law.

    Its mean over 1000 prompts may be five standard errors s / sqrt(1000) off, its square deviation five times
    s^2 sqrt(0.8 / 1000) (the fourth moment of a uniform law is 1.8 s^4); rounding a count moves a log share by at most
    0.5 / 40 and its deviation from the mean, at most sqrt(3) s, changes the square by twice their product.
    """
    low, high, prompts = 0.01, 0.5, 1000
    tree = et.TokenTree.random(8, 4, prompts=prompts, correct=(low, high), seed=2)
    counts = tree.reward.sum(-1)
    assert counts.min() >= round(low * 4096)
    assert counts.max() <= round(high * 4096)
    log_share = np.log(counts / 4096)
    m, s = (math.log(low) + math.log(high)) / 2, math.log(high / low) / math.sqrt(12)
    rounded = 0.5 / 40
    assert abs(log_share.mean() - m) <= 5 * s / math.sqrt(prompts) + rounded
    spread = ((log_share - m) ** 2).mean()
    assert abs(spread - s**2) <= 5 * s**2 * math.sqrt(0.8 / prompts) + 2 * math.sqrt(3) * s * rounded + rounded**2


def test_a_degenerate_difficulty_is_a_share() -> None:
    tree = et.TokenTree.random(4, 3, prompts=3, correct=(0.25, 0.25), seed=3)
    assert np.all(tree.reward.sum(-1) == 16)


def test_correct_responses_are_anywhere() -> None:
    """One of four responses is correct: each in a quarter of 4000 prompts, up to five standard deviations."""
    tree = et.TokenTree.random(2, 2, prompts=4000, correct=0.25, seed=4)
    frequency = tree.reward.mean(0)
    assert np.all(np.abs(frequency - 0.25) <= 5 * math.sqrt(0.25 * 0.75 / 4000))


@pytest.mark.parametrize("correct", [0.2, (0.05, 0.5)])
def test_seeds_of_random_trees(correct: Any) -> None:
    def rewards(seed: int) -> Any:
        return et.TokenTree.random(4, 3, prompts=4, correct=correct, seed=seed).reward

    np.testing.assert_array_equal(rewards(5), rewards(5))
    assert np.any(rewards(5) != rewards(6))
    np.testing.assert_array_equal(rewards(0), et.TokenTree.random(4, 3, prompts=4, correct=correct).reward)


def test_without_confidence_the_policy_is_uniform() -> None:
    tree = et.TokenTree.random(4, 3, prompts=2)
    z = tree.pretrained(0.0, skill=0.5, seed=1)
    assert z.shape == (tree.states, 4)
    np.testing.assert_array_equal(z, np.zeros(z.shape))


def standardised(tree: Tree) -> Any:
    """The numbers of successes after each state and token, which are integers, standardised; zero where constant."""
    success = np.array([[int(r) for r in row] for row in tree.reward])
    rows = []
    for t in range(tree.horizon):
        counts = success.reshape(tree.prompts * tree.vocabulary**t, tree.vocabulary, -1).sum(-1)
        constant = np.ptp(counts, axis=-1, keepdims=True) == 0
        deviation = counts - counts.mean(-1, keepdims=True)
        rows.append(np.where(constant, 0, deviation / np.where(constant, 1, counts.std(-1, keepdims=True))))
    return np.concatenate(rows)


@pytest.mark.parametrize(("vocabulary", "horizon"), [(1, 2), (2, 3), (3, 3), (3, 4), (5, 2), (6, 3)])
def test_skill_is_the_standardised_success_value(vocabulary: int, horizon: int) -> None:
    """With skill one no noise is left. Values are averages of 0 and 1: a deviation has T (V + 8) roundings of a number
    up to one, over a standard deviation of at least 1 / (V^T sqrt V) where it is not zero.

    Where the values are equal they count as constant, although their floats may differ in the last bit.
    """
    limit = 2 * 8 * horizon * (vocabulary + 8) * EPS * vocabulary**horizon * math.sqrt(vocabulary)
    for seed in range(60):
        tree = oracle.random_tree(seed, vocabulary, horizon, 2, binary=True)
        problem = package_tree(tree)
        got = problem.pretrained(2.0, skill=1.0, seed=seed)
        np.testing.assert_allclose(got, 2 * standardised(tree), rtol=0, atol=limit)
        np.testing.assert_array_equal(problem.pretrained(2.0, skill=1.0, seed=seed + 1), got)
        np.testing.assert_array_equal(problem.pretrained(2.0, skill=-1.0, seed=seed), -got)


@pytest.mark.parametrize(
    "tenths", [(1, 2, 3, 3, 2, 1, 2, 3, 1), (1, 1, 4, 2, 2, 2, 4, 1, 1), (7, 7, 7, 7, 7, 7, 7, 7, 7)]
)
def test_equal_success_values_are_constant_in_spite_of_rounding(tenths: tuple[int, ...]) -> None:
    """All tokens at the root have the same value, 0.2 or 0.7, but the sums of floats may round differently.

    The sums are equal also of the doubles: the same ones in another order, or multiples by powers of two.
    """
    tree = et.TokenTree(3, 2, np.array(tenths) / 10)
    np.testing.assert_array_equal(tree.pretrained(1.0, skill=1.0)[0], np.zeros(3))


@pytest.mark.parametrize("largest", [1.0, 64.0])
def test_chances_are_equal_up_to_their_last_bits(largest: float) -> None:
    """Two of them deviate from their mean by half their difference, here to the bit: at a share of 2^-40 of the largest
    they count as equal, at twice that share they do not."""
    for share, expected in ((2.0**-40, [0.0, 0.0]), (2.0**-39, [1.0, -1.0])):
        tree = et.TokenTree(2, 1, [largest, largest * (1 - 2 * share)])
        np.testing.assert_array_equal(tree.pretrained(1.0, skill=1.0), [expected])


@pytest.mark.parametrize("size", [2.0**-60, 2.0**-20, 2.0**20, 2.0**60])
def test_skill_does_not_depend_on_the_size_of_rewards(size: float) -> None:
    """A power of two rounds nothing; equal chances stay equal, others stay apart."""
    for reward in (np.array([1, 2, 3, 3, 2, 1, 0, 0, 6]) / 10, np.array([0.0, 0, 1, 0, 1, 0, 1, 1, 1])):
        wanted = et.TokenTree(3, 2, reward).pretrained(1.0, skill=1.0)
        np.testing.assert_array_equal(et.TokenTree(3, 2, size * reward).pretrained(1.0, skill=1.0), wanted)
        assert np.abs(wanted[1:]).max() > 1
    np.testing.assert_array_equal(et.TokenTree(3, 2, [1, 2, 3, 3, 2, 1, 0, 0, 6]).pretrained(1.0, skill=1.0)[0], 0)


def test_confidence_and_skill_are_coefficients() -> None:
    """z = c (k u + sqrt(1 - k^2) g) with the same g for a seed; three roundings of each term."""
    tree = et.TokenTree.random(3, 4, prompts=2, seed=8)
    noise, skill = tree.pretrained(1.0, seed=7), tree.pretrained(1.0, skill=1.0)
    np.testing.assert_array_equal(noise, np.random.default_rng(7).standard_normal((tree.states, 3)))
    for confidence in (0.5, 3.0):
        for k in (-0.75, 0.0, 0.28):
            got = tree.pretrained(confidence, skill=k, seed=7)
            expected = confidence * (k * skill + math.sqrt(1 - k * k) * noise)
            room = 4 * EPS * confidence * (np.abs(skill) + np.abs(noise))
            assert np.all(np.abs(got - expected) <= room)


def test_the_noise_is_standard_normal() -> None:
    """Of n = 37,448 numbers the moments 1, 2, 4 have standard errors sqrt(1, 2, 96) / sqrt(n): five of them."""
    tree = et.TokenTree.random(8, 5, seed=9)
    g = tree.pretrained(1.0, seed=10).ravel()
    n = g.size
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (4, 3, 96)):
        assert abs((g**power).mean() - moment) <= 5 * math.sqrt(variance / n)


def test_seeds_of_pretrained_logits() -> None:
    tree = et.TokenTree.random(4, 3, prompts=2)
    np.testing.assert_array_equal(tree.pretrained(1.0, seed=3), tree.pretrained(1.0, seed=3))
    assert np.all(tree.pretrained(1.0, seed=3) != tree.pretrained(1.0, seed=4))
    np.testing.assert_array_equal(tree.pretrained(1.0), tree.pretrained(1.0, skill=0.0, seed=0))


@given(st.integers(2, 6), st.integers(0, 1000), st.floats(0.01, 5), st.floats(1.01, 3))
def test_more_confidence_is_less_entropy_in_one_step(
    vocabulary: int, seed: int, confidence: float, more: float
) -> None:
    """dH/dc = -c Var_p(g) < 0 along z = c g, unless g is constant."""
    tree = et.TokenTree.random(vocabulary, 1, seed=seed)
    less, z = tree.pretrained(confidence * more, seed=seed), tree.pretrained(confidence, seed=seed)
    room = float(np.max(rounding.entropy(less) + rounding.entropy(z)))
    assert et.mean_entropy(tree, less) <= et.mean_entropy(tree, z) + room
    # At c = 0 the slope is zero and the variance that of g: log V - H >= c^2 Var_u(g) / 2 to leading order.
    assert et.mean_entropy(tree, less) < math.log(vocabulary)


@pytest.mark.parametrize("skill", [0.0, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_more_confidence_is_less_entropy(seed: int, skill: float) -> None:
    tree = et.TokenTree.random(4, 4, prompts=3, seed=seed)
    entropy = [
        float(et.mean_entropy(tree, tree.pretrained(c, skill=skill, seed=seed)))
        for c in (0.0, 0.5, 1.0, 2.0, 4.0, 16.0)
    ]
    assert abs(entropy[0] - math.log(4)) <= 8 * 64 * EPS
    assert np.all(np.diff(entropy) < 0)


def test_skill_raises_the_success_rate() -> None:
    """Over 40 seeds the difference of the means is at least five standard errors of the paired differences.

    With confidence zero all policies are uniform and succeed alike.
    """
    rates = []
    for seed in range(40):
        tree = et.TokenTree.random(4, 3, correct=0.1, seed=seed)
        rates.append([float(tree.objective(tree.pretrained(1.0, skill=k, seed=seed))) for k in (-0.5, 0.0, 0.5, 1.0)])
    gain = np.diff(np.array(rates), axis=1)
    assert np.all(gain.mean(0) > 5 * gain.std(0, ddof=1) / math.sqrt(40))


def test_pretrained_logits_are_those_of_one_tree_in_floats() -> None:
    exact = np.array([Fraction(1, 3)] * 4, dtype=object)
    for tree in (et.TokenTree(2, 2, np.zeros((3, 1, 4))), et.TokenTree(2, 2, exact)):
        refuses(functools.partial(tree.pretrained, 1.0), "rewards", str(tree.reward.shape))


# --- a million states -----------------------------------------------------------------------------------------------


def test_a_million_states() -> None:
    """V = 10, T = 7: a tree whose steps are independent, hidden behind a renaming of the tokens at each state.

    At level t the token a of a state with shift k has the logit z_t[a + k] and pays f_t[a + k] at the end, so that
    v = paid so far + sum of the later E f_t, the advantage is f_t - E f_t, w the product of p, and the later entropies
    do not depend on the token. Errors: T sums of ten terms, products of T numbers, on either side.
    """
    vocabulary, horizon = 10, 7
    rng = np.random.default_rng(11)
    logits, pay = rng.normal(size=(2, horizon, vocabulary))
    p, x = et.softmax(logits), et.log_softmax(logits)
    mean, entropy = (p * pay).sum(-1), -(p * x).sum(-1)
    later = np.append(np.cumsum(mean[::-1])[::-1], 0.0)
    paid, mass = [np.zeros(1)], [np.ones(1)]
    columns = []
    for t in range(horizon):
        columns.append((np.arange(vocabulary) + rng.integers(0, vocabulary, (paid[t].size, 1))) % vocabulary)
        paid.append((paid[t][:, None] + pay[t][columns[t]]).ravel())
        mass.append((mass[t][:, None] * p[t][columns[t]]).ravel())
    tree = et.TokenTree(vocabulary, horizon, paid[horizon])
    z = np.concatenate([logits[t][columns[t]] for t in range(horizon)])
    assert tree.states == len(z) == 1_111_111
    unit = float(np.max(rounding.unit(logits)))
    size = np.abs(pay).max(-1).sum()
    room = 4 * (horizon + 3) * unit * size
    assert abs(tree.objective(z) - later[0]) <= room
    assert abs(et.mean_entropy(tree, z) - entropy.mean()) <= 4 * (horizon + 3) * unit * entropy.mean()
    values = tree.values(z)
    gradient, turn = et.policy_gradient(tree, z), et.mean_entropy_gradient(tree, z)
    ahead = horizon * math.log(vocabulary)
    for t in range(horizon):
        at, own = tree.level(t), columns[t]
        weight = mass[t][:, None] * p[t][own]
        advantage = pay[t][own] - mean[t]
        assert np.abs(values.v[at] - paid[t] - later[t]).max() <= room
        assert np.abs(values.q[at] - (paid[t][:, None] + pay[t][own] + later[t + 1])).max() <= room
        assert np.abs(values.advantage[at] - advantage).max() <= 2 * room
        assert np.all(np.abs(values.visits[at] - mass[t]) <= 4 * (horizon + 1) * unit * mass[t])
        assert np.all(np.abs(gradient[at] - weight * advantage) <= 4 * room * weight)
        slope = -weight * (x[t][own] + entropy[t]) / horizon
        sizes = 3 * ahead + np.abs(x[t]).max() + entropy[t]
        assert np.all(np.abs(turn[at] - slope) <= 4 * (horizon + 3) * unit * weight * sizes / horizon)


# --- bad input ------------------------------------------------------------------------------------------------------

ZERO = np.zeros(4)


@pytest.mark.parametrize("bad", [0, -1, 2.5, "two", NAN, None])
def test_sizes_are_positive_integers(bad: Any) -> None:
    refuses(lambda: et.TokenTree(bad, 2, ZERO), "vocabulary", str(bad))
    refuses(lambda: et.TokenTree(2, bad, ZERO), "horizon", str(bad))
    refuses(lambda: et.TokenTree.random(bad, 2), "vocabulary", str(bad))
    refuses(lambda: et.TokenTree.random(2, bad), "horizon", str(bad))
    refuses(lambda: et.TokenTree.random(2, 2, prompts=bad), "prompts", str(bad))
    if bad is not None:
        refuses(lambda: et.TokenTree(2, 2, ZERO, prompts=bad), "prompts", str(bad))


@pytest.mark.parametrize(
    ("vocabulary", "horizon", "prompts", "fits"),
    [
        (10**9, 1, None, True),
        (10**9 + 1, 1, None, False),
        (999, 3, None, True),
        (1001, 3, None, False),
        (10**9, 1, 2, False),
        (10**4, 2, 9, True),
        (10**4, 2, 11, False),
        (2, 29, None, True),
        (2, 30, None, False),
        (2, 10**6, None, False),
        (10, 9, None, True),
        (10, 9, 2, False),
        (1000, 3, None, True),
        (1, 10**6, 10**9 + 1, False),
    ],
)
def test_most_responses(vocabulary: int, horizon: int, prompts: int | None, fits: bool) -> None:
    """A thousand million; where they are so many but one reward is given, what is refused is the reward."""
    message = r"^reward has shape \(1,\), expected" if fits else r"^vocabulary is .*, expected at most 1e\+09 responses"
    with pytest.raises(ValueError, match=message):
        et.TokenTree(vocabulary, horizon, [1.0], prompts=prompts)
    if not fits:
        with pytest.raises(ValueError, match=message):
            et.TokenTree.random(vocabulary, horizon, prompts=1 if prompts is None else prompts)


def test_weights_of_floats_may_be_off_by_1e_8() -> None:
    for off, fine in ((0.9e-8, True), (-0.9e-8, True), (1.1e-8, False), (-1.1e-8, False)):
        weights = [0.5, 0.5 + off]
        if fine:
            assert et.TokenTree(2, 2, np.zeros((2, 4)), weights=weights).weights.tolist() == weights
        else:
            shown = "1.00000001" if off > 0 else "0.99999998"
            call = functools.partial(et.TokenTree, 2, 2, np.zeros((2, 4)), weights=weights)
            refuses(call, "the sum of weights", shown)


@pytest.mark.parametrize("shape", [(), (3,), (5,), (2, 3), (2, 5), (0, 4), (2, 2, 2)])
def test_shape_of_the_reward(shape: tuple[int, ...]) -> None:
    refuses(lambda: et.TokenTree(2, 2, np.zeros(shape)), "reward", str(shape))


def test_reward_and_prompts() -> None:
    refuses(lambda: et.TokenTree(2, 2, np.zeros((3, 4)), prompts=2), "reward|prompts", "(3, 4)")
    refuses(lambda: et.TokenTree(2, 2, "success"), "reward", "success")


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_reward_is_finite(bad: float) -> None:
    reward = np.zeros((2, 4))
    reward[1, 3] = bad
    refuses(lambda: et.TokenTree(2, 2, reward), "reward", str(bad), (1, 3))
    refuses(lambda: et.TokenTree(2, 2, lambda m, y: np.full(m.size, bad), prompts=2), "reward", str(bad))


@pytest.mark.parametrize("answer", [np.zeros(7), np.zeros((8, 1)), np.zeros(()), "success"])
def test_answer_of_a_reward_function(answer: Any) -> None:
    shown = answer if isinstance(answer, str) else str(answer.shape)
    refuses(lambda: et.TokenTree(2, 2, lambda m, y: answer, prompts=2), "reward", shown)


def test_weights() -> None:
    def weighted(weights: Any) -> Callable[[], Any]:
        return lambda: et.TokenTree(2, 2, np.zeros((2, 4)), weights=weights)

    refuses(weighted([1.25, -0.25]), "weights", "-0.25", (1,))
    refuses(weighted([0.5, 0.375]), "weights", "0.875")
    refuses(weighted([0.5, 0.5 - 1e-6]), "weights", "0.99999")
    refuses(weighted([1.0]), "weights", "(1,)")
    refuses(weighted([0.5, 0.25, 0.25]), "weights", "(3,)")
    refuses(weighted(1.0), "weights", "()")
    refuses(weighted([0.5, NAN]), "weights", "nan", (1,))
    refuses(weighted("half"), "weights", "half")
    refuses(weighted(np.array([Fraction(1, 3), Fraction(1, 3)], dtype=object)), "weights", "2/3")
    refuses(lambda: et.TokenTree.random(2, 2, prompts=2, weights=[1.5, -0.5]), "weights", "-0.5", (1,))


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "objective": lambda tree, z: tree.objective(z),
    "values": lambda tree, z: tree.values(z),
    "state_values": lambda tree, z: tree.state_values(z, np.zeros(tree.states)),
    "policy_gradient": et.policy_gradient,
    "natural_policy_gradient": et.natural_policy_gradient,
    "mean_entropy": et.mean_entropy,
    "mean_entropy_gradient": et.mean_entropy_gradient,
    "update": lambda tree, z: et.KLCov(1.0, 0.5).update(tree, z, 1.0),
}


@pytest.mark.parametrize("call", CALLS)
def test_logits(call: str) -> None:
    tree = et.TokenTree(2, 2, np.zeros((2, 4)))
    function = CALLS[call]
    for shape in ((6, 3), (5, 2), (3, 2), (2,), (2, 6), (6, 0), ()):
        refuses(functools.partial(function, tree, np.zeros(shape)), "z", str(shape))
    for bad in (NAN, INF, -INF):
        z = np.zeros((6, 2))
        z[4, 1] = bad
        refuses(functools.partial(function, tree, z), "z", str(bad), (4, 1))
    refuses(lambda: function(tree, "logits"), "z", "logits")
    batch = et.TokenTree(2, 2, np.zeros((3, 2, 4)))
    refuses(lambda: function(batch, np.zeros((2, 6, 2))), "z|reward", "(2, 6, 2)")


def test_rewards_of_states() -> None:
    tree = et.TokenTree(2, 2, np.zeros((2, 4)))
    z = np.zeros((6, 2))
    refuses(lambda: tree.state_values(z, np.zeros(5)), "u|reward", "(5,)")
    refuses(lambda: tree.state_values(z, np.zeros(())), "u|reward", "()")
    refuses(lambda: tree.state_values(z, np.zeros((6, 5))), "u|reward", "(6, 5)")
    refuses(lambda: tree.expected_next(np.zeros((6, 5))), "v", "(6, 5)")
    refuses(lambda: tree.expected_next(1.0), "v", "()")
    refuses(lambda: tree.state_values(z, np.array([0, 0, 0, NAN, 0, 0])), "u|reward", "nan", (3,))


@pytest.mark.parametrize("bad", [-1, 2, 0.5, "first", None])
def test_prompt_of_a_state(bad: Any) -> None:
    tree = et.TokenTree(3, 3, np.zeros((2, 27)))
    refuses(lambda: tree.state(bad, ()), "prompt", str(bad))


@pytest.mark.parametrize("bad", [-1, 3, 0.5])
def test_tokens_of_a_state(bad: Any) -> None:
    tree = et.TokenTree(3, 3, np.zeros((2, 27)))
    refuses(lambda: tree.state(0, (bad,)), "prefix", str(bad))
    refuses(lambda: tree.state(0, (1, bad)), "prefix", str(bad))
    refuses(lambda: tree.state(0, (0, 1, 2)), "prefix", "(0, 1, 2)")


def test_a_prefix_is_a_sequence() -> None:
    refuses(lambda: et.TokenTree(3, 3, np.zeros(27)).state(0, 1), "prefix", "1")


@pytest.mark.parametrize("bad", [-1, 26, 0.5, "first", None])
def test_number_of_a_state(bad: Any) -> None:
    refuses(lambda: et.TokenTree(3, 3, np.zeros((2, 27))).prefix(bad), "state", str(bad))


@pytest.mark.parametrize("bad", [-1, 3, 0.5, None])
def test_number_of_a_level(bad: Any) -> None:
    refuses(lambda: et.TokenTree(3, 3, np.zeros((2, 27))).level(bad), "t", str(bad))


@pytest.mark.parametrize("bad", [0.0, 1.0, -0.25, 1.5, NAN, INF, "half"])
@kinds
def test_discount(bad: Any, sparse: bool) -> None:
    refuses(lambda: et.TokenTree(2, 2, ZERO).to_mdp(bad, sparse=sparse), "discount", str(bad))


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("bad", [0.0, 1.0])
def test_ends_of_the_discounts(bad: float, horizon: int) -> None:
    tree = et.TokenTree(2, horizon, np.ones(2**horizon))
    with pytest.raises(ValueError, match=rf"^discount is {bad}, expected a number in \(0, 1\)$"):
        tree.to_mdp(bad)


def test_a_power_of_the_discount_divides_the_rewards() -> None:
    """Of 1e-200 it is zero, and by 1e-10 squared a reward of 1e300 would be more than the largest double."""
    for discount, rewards in ((1e-200, [0.0] * 8), (1e-200, [1.0] * 8), (1e-10, [0.0, 1e300, *[1.0] * 6])):
        with pytest.raises(
            ValueError, match=rf"^discount is {discount}, expected one whose power 2 can divide rewards$"
        ):
            et.TokenTree(2, 3, rewards).to_mdp(discount)
    mdp = et.TokenTree(2, 3, [0.0, 1e280, *[1.0] * 6]).to_mdp(1e-10)
    np.testing.assert_allclose(mdp.reward.max(), 1e300, rtol=4 * EPS)


@pytest.mark.parametrize("bad", [1, "yes", None])
def test_sparse_is_true_or_false(bad: Any) -> None:
    tree = et.TokenTree(2, 2, ZERO)
    refuses(lambda: tree.to_mdp(0.5, sparse=bad), "sparse", str(bad))
    truth: Any = np.True_
    assert tree.to_mdp(0.5, sparse=truth).sparse
    assert not tree.to_mdp(0.5).sparse


def test_a_share_of_correct_responses_may_be_a_list() -> None:
    bad: Any = [0.25]
    refuses(lambda: et.TokenTree.random(2, 2, correct=bad), "correct", "0.25")
    shares: Any = [0.25, 0.25]
    assert et.TokenTree.random(4, 2, correct=shares).reward.sum() == 4


@pytest.mark.parametrize("bad", [0.0, -0.1, 1.5, NAN, INF, "many"])
def test_correct(bad: Any) -> None:
    refuses(lambda: et.TokenTree.random(2, 2, correct=bad), "correct", str(bad))
    refuses(lambda: et.TokenTree.random(2, 2, correct=(bad, 0.5)), "correct", str(bad))
    refuses(lambda: et.TokenTree.random(2, 2, correct=(0.5, bad)), "correct", str(bad))


def test_pairs_of_correct() -> None:
    refuses(lambda: et.TokenTree.random(2, 2, correct=(0.5, 0.25)), "correct", "0.5")
    bad: Any = (0.1, 0.2, 0.3)
    refuses(lambda: et.TokenTree.random(2, 2, correct=bad), "correct", "0.3")


@pytest.mark.parametrize("bad", [-1.0, -1e-9, NAN, INF, "high"])
def test_confidence(bad: Any) -> None:
    refuses(lambda: et.TokenTree(2, 2, ZERO).pretrained(bad), "confidence", str(bad))


@pytest.mark.parametrize("bad", [-1.5, 1.0 + 1e-9, NAN, INF, "much"])
def test_skill(bad: Any) -> None:
    refuses(lambda: et.TokenTree(2, 2, ZERO).pretrained(1.0, skill=bad), "skill", str(bad))


@pytest.mark.parametrize("vocabulary", [1, 2])
def test_no_tree_has_more_than_a_million_levels(vocabulary: int) -> None:
    with pytest.raises(ValueError, match=r"^horizon is 1000001, expected at most 1000000$"):
        et.TokenTree(vocabulary, 10**6 + 1, [1.0])
