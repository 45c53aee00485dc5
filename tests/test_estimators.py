"""Estimators of the advantage against loops, and their bias by enumeration of every K-tuple of responses.

A tuple of K independent responses has the probability of the product; the expected update of an estimator, the mean
over the responses of the scores times the advantages, is a finite sum of rational numbers. An unbiased one gives the
gradient of the objective, GRPO gives a multiple of it that follows from the number N of successes: with P the chance
of a success, ``E[score | success] = grad P / P`` and ``E[score | failure] = -grad P / (1 - P)``, so that

    E (1/K) sum_i A_i score_i = grad P / (P (1 - P)) * E[N (K - N) / K^2 / sigma_N],

which for the standard deviation with ddof = 0 is ``E[sigma_N] / (P (1 - P)) grad P``, and without the division
``(K - 1) / K grad P``.
"""

from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction
from math import comb
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import entropy_theory as et
from entropy_theory.rollouts import Rollouts, sample
from tests.oracles import decision, rounding
from tests.oracles import group_advantages as oracle
from tests.oracles.group_advantages import EPS, Group
from tests.oracles.numbers import assert_encloses, assert_within
from tests.oracles.responses import Responses, accumulate, rational_policy
from tests.test_bad_input import refuses

OUTCOME: dict[str, Any] = {
    "reinforce": lambda: et.Reinforce(),
    "baseline": lambda: et.Reinforce(baseline=0.25),
    "normalised": lambda: et.Reinforce(normalise=True),
    "grpo": lambda: et.GRPO(),
    "grpo ddof 0": lambda: et.GRPO(ddof=0),
    "dr grpo": lambda: et.GRPO(scale="none"),
    "rloo": lambda: et.RLOO(),
}


def of_outcomes(reward: Any, horizon: int = 2) -> Rollouts:
    """Rollouts that differ in nothing but their rewards (G, K)."""
    reward = np.asarray(reward, dtype=float)
    shape = (*reward.shape, horizon)
    return Rollouts(
        prompt=np.zeros(len(reward), dtype=int),
        state=np.broadcast_to(np.arange(horizon), shape).copy(),
        action=np.zeros(shape, dtype=int),
        reward=reward,
        log_prob=np.zeros(shape),
    )


@st.composite
def reward_groups(draw: Any, least: int = 2) -> list[list[float]]:
    """Groups with ties, equal ones, binary ones, large offsets."""
    groups, responses = draw(st.integers(1, 4)), draw(st.integers(least, 6))
    number = st.one_of(
        st.sampled_from([0.0, 1.0]),
        st.sampled_from([0.1, 0.3, 0.7]),
        st.floats(-1e3, 1e3, allow_subnormal=False),
        st.floats(1e6, 1e6 + 1),
    )
    pool = draw(st.lists(number, min_size=1, max_size=3))
    row = st.lists(st.sampled_from(pool), min_size=responses, max_size=responses)
    reward: list[list[float]] = draw(st.lists(row, min_size=groups, max_size=groups))
    return reward


def rows(reward: list[list[float]]) -> list[list[Any]]:
    return [[mpmath.mpf(r) for r in group] for group in reward]


def sizes(reward: list[list[float]]) -> Any:
    """EPS times (K + 4) times the largest of each group, the error of a deviation from a mean; shape (G, 1)."""
    return np.array([[(len(g) + 4) * EPS * max(abs(r) for r in g)] for g in reward])


# Formulas --------------------------------------------------------------------------------------------------------


@given(reward_groups(1), st.sampled_from([0.0, 0.5, -3.0]))
def test_reinforce(reward: list[list[float]], baseline: float) -> None:
    got = et.Reinforce(baseline=baseline).of_rewards(np.array(reward))
    assert_within(got, np.array(oracle.reinforce(rows(reward), baseline), dtype=object), sizes(reward) + 4 * EPS)


@given(reward_groups())
def test_leave_one_out(reward: list[list[float]]) -> None:
    with mpmath.workdps(50):
        exact = np.array(oracle.leave_one_out(rows(reward)), dtype=object)
    assert_within(et.RLOO().of_rewards(np.array(reward)), exact, 4 * sizes(reward))


@given(reward_groups())
def test_centred(reward: list[list[float]]) -> None:
    with mpmath.workdps(50):
        exact = np.array(oracle.centred(rows(reward)), dtype=object)
    assert_within(et.GRPO(scale="none").of_rewards(np.array(reward)), exact, 2 * sizes(reward))


@given(reward_groups(), st.sampled_from([0, 1]))
def test_grpo(reward: list[list[float]], ddof: int) -> None:
    limit = np.array([[oracle.grpo_error(g, ddof)] for g in reward])
    assume(np.isfinite(limit).all())
    with mpmath.workdps(50):
        exact = np.array(oracle.grpo(rows(reward), ddof), dtype=object)
    assert_within(et.GRPO(ddof=ddof).of_rewards(np.array(reward)), exact, 2 * limit)


@given(reward_groups())
def test_an_estimator_that_looks_at_the_group_ignores_the_other_groups(reward: list[list[float]]) -> None:
    for name in ("grpo", "grpo ddof 0", "dr grpo", "rloo", "reinforce", "baseline"):
        estimator = OUTCOME[name]()
        whole = estimator.of_rewards(np.array(reward))
        alone = [estimator.of_rewards(np.array(group)) for group in reward]
        assert np.array_equal(whole, np.array(alone)), name


def test_leading_axes() -> None:
    reward = np.random.default_rng(0).normal(size=(2, 3, 4))
    for name in ("grpo", "dr grpo", "rloo", "reinforce"):
        estimator = OUTCOME[name]()
        got = estimator.of_rewards(reward)
        assert got.shape == reward.shape
        assert np.array_equal(got, np.stack([estimator.of_rewards(x) for x in reward])), name


@given(reward_groups(1))
def test_standardised_over_the_batch(reward: list[list[float]]) -> None:
    """Which divisor the standard deviation has, N or N - 1, is not said; for both it is the same multiple for all."""
    flat = [r for group in reward for r in group]
    error = oracle.grpo_error(flat, 0)
    assume(np.isfinite(error))
    got = et.Reinforce(normalise=True).advantages(of_outcomes(reward))[..., 0]
    if all(r == flat[0] for r in flat):
        assert not got.any()
        return
    with mpmath.workdps(50):
        exact = np.array(oracle.standardised(rows(reward), 0), dtype=object)
        n = len(flat)
        factor = 1 if abs(got - exact.astype(float)).max() <= 4 * error else mpmath.sqrt(mpmath.mpf(n - 1) / n)
        assert_within(got, exact * factor, 4 * error)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 0.3, 0.7, 1e6 + 0.1, -1 / 3])
@pytest.mark.parametrize("responses", [2, 3, 5, 6, 7, 8, 11, 16])
def test_equal_rewards(value: float, responses: int) -> None:
    """The mean of equal numbers need not be that number in floating point, and dividing would turn the error into 1."""
    reward = np.full((3, responses), value)
    for name in ("grpo", "grpo ddof 0", "normalised"):
        assert not OUTCOME[name]().advantages(of_outcomes(reward)).any(), name
    for name in ("dr grpo", "rloo"):
        assert np.abs(OUTCOME[name]().of_rewards(reward)).max() <= 4 * (responses + 4) * EPS * abs(value), name
    mixed = np.vstack([reward, np.arange(responses) / 4])
    got = et.GRPO().of_rewards(mixed)
    assert not got[:3].any()
    assert got[3].all() == (responses % 2 == 0)


def test_by_hand() -> None:
    reward = np.array([[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]])
    assert et.RLOO().of_rewards(reward).round(12).tolist() == [
        [0.666666666667, -0.666666666667, -0.666666666667, 0.666666666667],
        [1.0, -0.333333333333, -0.333333333333, -0.333333333333],
    ]
    assert et.GRPO(ddof=0).of_rewards(reward)[0].tolist() == [1.0, -1.0, -1.0, 1.0]
    assert np.allclose(et.GRPO().of_rewards(reward)[1], [1.5, -0.5, -0.5, -0.5], rtol=1e-15)
    assert et.GRPO(scale="none").of_rewards(reward)[1].tolist() == [0.75, -0.25, -0.25, -0.25]
    assert et.Reinforce(baseline=0.5).of_rewards(reward)[1].tolist() == [0.5, -0.5, -0.5, -0.5]


@pytest.mark.parametrize("name", OUTCOME)
def test_every_token_of_a_response_has_its_advantage(name: str) -> None:
    reward = np.random.default_rng(1).normal(size=(3, 4))
    rollouts, estimator = of_outcomes(reward, horizon=3), OUTCOME[name]()
    got = estimator.advantages(rollouts)
    assert got.shape == (3, 4, 3)
    assert got.dtype == np.float64
    assert np.array_equal(got, np.repeat(got[..., :1], 3, axis=-1))
    if name != "normalised":
        assert np.array_equal(got[..., 0], estimator.of_rewards(reward))
    assert np.array_equal(rollouts.reward, reward)


@pytest.mark.parametrize("name", OUTCOME)
def test_outcome_estimators_learn_nothing(name: str) -> None:
    tree = et.TokenTree(2, 2, [0.0, 0.0, 0.0, 1.0])
    estimator, rollouts = OUTCOME[name](), of_outcomes([[0.0, 1.0]])
    memory = estimator.start(tree, np.zeros((3, 2)))
    assert memory == {}
    assert estimator.learn(rollouts, memory) == {}
    assert np.array_equal(estimator.advantages(rollouts, memory), estimator.advantages(rollouts))


@pytest.mark.parametrize("name", [*OUTCOME, "prime"])
def test_estimators_are_values(name: str) -> None:
    make: Any = OUTCOME.get(name, et.PRIME)
    assert make() == make()
    assert dataclasses.is_dataclass(make())
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(make(), dataclasses.fields(make())[0].name if dataclasses.fields(make()) else "x", 1)


# Exact arithmetic ------------------------------------------------------------------------------------------------


def ball_rewards(reward: Any) -> Any:
    source: Any = np.asarray(reward, dtype=object)
    out = np.empty(source.shape, dtype=object)
    for index in np.ndindex(*source.shape):
        out[index] = et.Ball(source[index])
    return out


def as_arbs(x: Any) -> Any:
    out = np.empty(x.shape, dtype=object)
    for index in np.ndindex(*x.shape):
        out[index] = et.Ball(x[index]).arb
    return out


@pytest.mark.parametrize("make", [lambda x: x, ball_rewards], ids=["rationals", "balls"])
def test_balls_enclose(make: Any) -> None:
    reward = [[Fraction(1, 3), Fraction(0), Fraction(5, 7)], [Fraction(1), Fraction(1, 10), Fraction(-2, 3)]]
    with mpmath.workdps(60), et.precision(160):
        wide = [[mpmath.mpf(r.numerator) / r.denominator for r in group] for group in reward]
        exact = {
            "reinforce": wide,
            "baseline": oracle.reinforce(wide, mpmath.mpf(1) / 4),
            "rloo": oracle.leave_one_out(wide),
            "dr grpo": oracle.centred(wide),
            "grpo": oracle.grpo(wide, 1),
            "grpo ddof 0": oracle.grpo(wide, 0),
        }
        for name, value in exact.items():
            got = OUTCOME[name]().of_rewards(make(np.array(reward, dtype=object)))
            assert_encloses(as_arbs(got), np.array(value, dtype=object), 2.0**-140, 50, name)


def test_equal_rewards_in_balls() -> None:
    third = np.array([[Fraction(1, 3)] * 3], dtype=object)
    for name in ("grpo", "grpo ddof 0"):
        got = OUTCOME[name]().of_rewards(third)
        assert all(et.Ball(x).arb == 0 for x in got.flat)


# Bias, by enumeration --------------------------------------------------------------------------------------------


def small_tree(binary: bool, prompts: int = 1) -> Responses:
    """Two levels of two tokens; dyadic rewards."""
    reward: Any = [[0, 0, 0, 1], [1, 0, 1, 0]] if binary else [[Fraction(1, 2), -1, 3, 0], [2, 0, Fraction(1, 4), 1]]
    weights = [Fraction(1)] if prompts == 1 else [Fraction(1, 4), Fraction(3, 4)]
    return Responses(2, 2, reward[:prompts], weights)


def tuples(tree: Responses, policy: Any, prompt: int, responses: int) -> tuple[list[Any], list[Fraction]]:
    """Every tuple of responses to a prompt, with its probability."""
    each = [y for m, y in tree.all() if m == prompt]
    together = list(itertools.product(each, repeat=responses))
    mass = [Fraction(np.prod([tree.probability(policy, prompt, y) for y in group])) for group in together]
    return together, mass


def as_rollouts(tree: Responses, prompt: int, groups: list[Any]) -> Rollouts:
    """A group for each tuple."""
    action = np.array(groups)
    return Rollouts(
        prompt=np.full(len(groups), prompt),
        state=np.array([[tree.path(prompt, y) for y in group] for group in groups]),
        action=action,
        reward=np.array([[float(tree.earned(prompt, y)) for y in group] for group in groups]),
        log_prob=np.zeros(action.shape),
    )


def expected_update(tree: Responses, policy: Any, responses: int, estimator: Any, memory: Any = None) -> Any:
    """Mean over all tuples of ``(1/K) sum_i sum_t A_{i,t} score_{i,t}``, rational, the advantages taken as they are."""
    total = [[Fraction(0)] * tree.vocabulary for _ in range(tree.states)]
    for prompt in range(tree.prompts):
        groups, mass = tuples(tree, policy, prompt, responses)
        advantage = estimator.advantages(as_rollouts(tree, prompt, groups), memory)
        for group, probability, values in zip(groups, mass, advantage, strict=True):
            size = tree.weights[prompt] * probability / responses
            for y, tokens in zip(group, values, strict=True):
                accumulate(total, tree.score(policy, prompt, y, [size * Fraction(float(x)) for x in tokens]))
    return np.array(total)


def largest_gap(got: Any, exact: Any) -> float:
    return float(max(abs(x - y) for x, y in zip(np.ravel(got), np.ravel(exact), strict=True)))


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("responses", [2, 3])
@pytest.mark.parametrize("name", ["rloo", "reinforce", "baseline", "dr grpo"])
def test_unbiased(name: str, responses: int, binary: bool) -> None:
    """Exactly, but for the rounding of the advantages: a score is at most 1 an entry, a path has two."""
    tree = small_tree(binary, prompts=2)
    policy = rational_policy(tree.states, 2, seed=3)
    wanted: Any = np.array(tree.gradient(policy))
    if name == "dr grpo":
        wanted = wanted * Fraction(responses - 1, responses)
    got = expected_update(tree, policy, responses, OUTCOME[name]())
    assert largest_gap(got, wanted) <= 2 * 4 * (responses + 4) * EPS * 3
    assert float(abs(wanted).max()) > 0.01


def test_leave_one_out_is_exactly_unbiased_in_balls() -> None:
    """Ternary responses, K = 4, an update of rational numbers that the balls enclose."""
    policy, reward = [[Fraction(1, 6), Fraction(1, 3), Fraction(1, 2)]], [Fraction(1, 3), Fraction(2), Fraction(-1, 7)]
    bandit = Responses(3, 1, [reward], [Fraction(1)])
    together = list(itertools.product(range(3), repeat=4))
    with et.precision(128):
        advantage = et.RLOO().of_rewards(np.array([[reward[a] for a in group] for group in together], dtype=object))
        total = [et.Ball(0)] * 3
        for group, values in zip(together, advantage, strict=True):
            mass = Fraction(1, 4)
            for a in group:
                mass *= policy[0][a]
            for a, x in zip(group, values, strict=True):
                for b in range(3):
                    total[b] = total[b] + x * (mass * ((a == b) - policy[0][b]))
        for got, wanted in zip(total, bandit.gradient(policy)[0], strict=True):
            ball = et.Ball(got).arb
            assert ball.contains(flint.fmpq(wanted.numerator, wanted.denominator))
            assert ball.rad() < 2.0**-110


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("responses", [2, 3, 4])
def test_factor_of_grpo(responses: int, ddof: int) -> None:
    """``E[sigma_N] sqrt((K - ddof) / K) / (P (1 - P))`` times the gradient, sigma_N the standard deviation of N
    successes among K."""
    tree = small_tree(binary=True)
    policy = rational_policy(tree.states, 2, seed=5)
    chance = tree.objective(policy)
    with mpmath.workdps(30):
        p = mpmath.mpf(chance.numerator) / chance.denominator
        mean = mpmath.fsum(
            comb(responses, n) * p**n * (1 - p) ** (responses - n) * mpmath.sqrt(n * (responses - n)) / responses
            for n in range(responses + 1)
        )
        factor = float(mean * mpmath.sqrt(mpmath.mpf(responses - ddof) / responses) / (p * (1 - p)))
    got = expected_update(tree, policy, responses, et.GRPO(ddof=ddof)).astype(float)
    wanted = factor * np.array(tree.gradient(policy)).astype(float)
    # An advantage of binary rewards is at most sqrt(K), and known to oracle.grpo_error.
    worst = max(oracle.grpo_error([1.0] * n + [0.0] * (responses - n), ddof) for n in range(1, responses))
    assert np.abs(got - wanted).max() <= 2 * worst + 16 * EPS
    assert np.abs(wanted).max() > 0.03


def test_standardising_over_the_batch_is_biased() -> None:
    """A batch of one group of two: the differences are lost, only their signs are kept."""
    got = et.Reinforce(normalise=True).advantages(of_outcomes([[0.0, 0.125]]))[0, :, 0]
    other = et.Reinforce(normalise=True).advantages(of_outcomes([[0.0, 8.0]]))[0, :, 0]
    assert np.abs(got - other).max() <= 8 * EPS
    assert got[1] > 0


# PRIME -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Learner:
    """A tree, a policy, rollouts, and the memory of an estimator that has moved away from its start."""

    tree: Any
    rollouts: Rollouts
    memory: dict[str, Any]
    beta: float
    groups: list[Group]


def learner(seed: int, beta: float = 0.05, binary: bool = True, groups: int = 3, responses: int = 3) -> Learner:
    rng = np.random.default_rng(seed)
    reward = rng.integers(0, 2, size=(2, 9)) if binary else rng.uniform(size=(2, 9))
    tree = et.TokenTree(3, 2, reward.astype(float))
    z0 = rng.normal(size=(tree.states, 3))
    rollouts = sample(tree, z0, rng.integers(0, 2, size=groups), responses, rng)
    memory = dict(et.PRIME(beta=beta).start(tree, z0))
    memory["logits"] = memory["logits"] + rng.normal(size=z0.shape)
    parts = zip(rollouts.state.tolist(), rollouts.action.tolist(), rollouts.reward.tolist(), strict=True)
    return Learner(tree, rollouts, memory, beta, [Group(s, a, r) for s, a, r in parts])


def table(z: Any) -> Any:
    """Probabilities with many digits."""
    return decision.softmax([[mpmath.mpf(float(x)) for x in row] for row in z])


def rewards_of(known: Learner) -> list[list[list[Any]]]:
    phi, reference = table(known.memory["logits"]), table(known.memory["reference"])
    return [oracle.token_rewards(group, phi, reference, mpmath.mpf(known.beta)) for group in known.groups]


def test_prime_starts_as_its_reference() -> None:
    tree, z0 = et.TokenTree(3, 2, np.zeros(9)), np.random.default_rng(0).normal(size=(4, 3))
    memory = et.PRIME().start(tree, z0)
    assert set(memory) >= {"logits", "reference"}
    assert np.array_equal(memory["logits"], z0)
    assert np.array_equal(memory["reference"], z0)
    z0[0, 0] = 99.0
    assert memory["logits"][0, 0] != 99.0
    assert memory["reference"][0, 0] != 99.0


def test_prime_at_its_start_is_leave_one_out() -> None:
    known = learner(0)
    start = et.PRIME().start(known.tree, known.memory["reference"])
    got = et.PRIME().advantages(known.rollouts, start)
    assert np.abs(got - et.RLOO().advantages(known.rollouts)).max() <= 32 * EPS


@pytest.mark.parametrize("beta", [0.05, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_prime(seed: int, beta: float) -> None:
    """rho is beta times a difference of log-probabilities; a sum over T = 2 tokens, K = 3 responses and a mean each
    adds as many roundings of numbers no larger than the sum of all."""
    known = learner(seed, beta, binary=bool(seed % 2))
    with mpmath.workdps(40):
        rho = rewards_of(known)
        exact = [oracle.prime(r, [mpmath.mpf(x) for x in g.reward]) for r, g in zip(rho, known.groups, strict=True)]
        size = max(abs(x) for group in rho for row in group for x in row)
    logs = rounding.log_softmax(known.memory["logits"]).max() + rounding.log_softmax(known.memory["reference"]).max()
    magnitude = rounding.log_magnitude(known.memory["logits"]).max()
    limit = 6 * (beta * logs + 4 * EPS * beta * magnitude) + 40 * EPS * (1 + float(size))
    got = et.PRIME(beta=beta).advantages(known.rollouts, known.memory)
    assert_within(got, np.array(exact, dtype=object), limit)


@pytest.mark.parametrize(("beta", "rate"), [(0.05, 1.0), (1.0, 0.25), (0.3, 100.0)])
@pytest.mark.parametrize("binary", [True, False])
def test_prime_learns_by_descent(beta: float, rate: float, binary: bool) -> None:
    """The gradient in a logit is a mean of ``(sigma - R) beta score``, numbers of size beta."""
    known = learner(7, beta, binary, groups=1)
    kept = {name: x.copy() for name, x in known.memory.items()}
    estimator = et.PRIME(beta=beta, learning_rate=rate)
    after = estimator.learn(known.rollouts, known.memory)
    exact = oracle.learnt(known.groups, kept["logits"], kept["reference"], beta, rate)
    unit = float(rounding.unit(kept["logits"]).max() + rounding.unit(kept["reference"]).max())
    limit = EPS * np.abs(kept["logits"]).max() + rate * beta * 2 * (unit * (1 + 2 * beta * 10) + 40 * EPS)
    assert_within(after["logits"], np.array(exact, dtype=object), limit)
    for name, x in kept.items():
        assert np.array_equal(known.memory[name], x), f"{name} was changed in place"
    assert np.array_equal(after["reference"], kept["reference"])
    visited = np.zeros(len(kept["logits"]), dtype=bool)
    visited[known.rollouts.state.ravel()] = True
    assert np.array_equal(after["logits"][~visited], kept["logits"][~visited])
    assert (after["logits"][visited] != kept["logits"][visited]).any()
    assert not visited.all()


def test_prime_learns_to_predict_the_reward() -> None:
    """Many small steps on the same batch lower its cross-entropy, here close to that of a perfect prediction."""
    known = learner(1, beta=1.0)
    estimator = et.PRIME(beta=1.0, learning_rate=1.0)

    def loss(memory: Any) -> float:
        with mpmath.workdps(20):
            phi, reference = table(memory["logits"]), table(memory["reference"])
            return float(oracle.cross_entropy(known.groups, phi, reference, mpmath.mpf(1)))

    memory, losses = known.memory, [loss(known.memory)]
    for _ in range(5):
        for _ in range(20):
            memory = estimator.learn(known.rollouts, memory)
        losses.append(loss(memory))
    assert all(b < a for a, b in itertools.pairwise(losses))


def test_prime_climbs_its_own_objective() -> None:
    """With phi held, the mean over the others is no function of the response, and what a token adds is a reward that
    depends on nothing drawn later: the expected update is the gradient of ``E[R + sum_t rho_t]``."""
    tree = small_tree(binary=True)
    policy = rational_policy(tree.states, 2, seed=8)
    rng = np.random.default_rng(3)
    z0, phi = rng.normal(size=(2, tree.states, 2))
    problem = et.TokenTree(2, 2, np.array(tree.reward, dtype=float))
    memory = {**et.PRIME(beta=0.5).start(problem, z0), "logits": phi}
    got = expected_update(tree, policy, 2, et.PRIME(beta=0.5), memory)
    x, y = (np.log(np.exp(v) / np.exp(v).sum(-1, keepdims=True)) for v in (phi, z0))
    rho = 0.5 * (x - y)

    def earned(m: int, tokens: Any) -> Fraction:
        steps = zip(tree.path(m, tokens), tokens, strict=True)
        return Fraction(tree.earned(m, tokens)) + sum((Fraction(float(rho[s, a])) for s, a in steps), Fraction(0))

    wanted: Any = np.array(tree.gradient(policy, earned))
    limit = 2 * 6 * float(rounding.log_softmax(phi).max() + rounding.log_softmax(z0).max()) + 200 * EPS
    assert largest_gap(got, wanted) <= limit
    assert float(abs(wanted - np.array(tree.gradient(policy))).max()) > 0.05


# Refusals --------------------------------------------------------------------------------------------------------


def test_bad_settings() -> None:
    nan = float("nan")
    refuses(lambda: et.Reinforce(baseline=nan), "baseline", "nan")
    refuses(lambda: et.Reinforce(normalise="yes"), "normalise", "yes")  # type: ignore[arg-type]
    refuses(lambda: et.GRPO(scale="variance"), "scale", "variance")
    refuses(lambda: et.GRPO(ddof=-1), "ddof", "-1")
    refuses(lambda: et.GRPO(ddof=0.5), "ddof", "0.5")  # type: ignore[arg-type]
    refuses(lambda: et.PRIME(beta=-1.0), "beta", "-1")
    refuses(lambda: et.PRIME(beta=nan), "beta", "nan")
    refuses(lambda: et.PRIME(learning_rate=-0.5), "learning_rate", "-0.5")
    refuses(lambda: et.PRIME(learning_rate=float("inf")), "learning_rate", "inf")


@pytest.mark.parametrize("name", ["grpo", "rloo"])
def test_a_response_alone(name: str) -> None:
    with pytest.raises(ValueError, match=r"\b(reward|rewards|responses|K)\b"):
        OUTCOME[name]().of_rewards(np.array([[1.0]]))
    with pytest.raises(ValueError, match=r"\b(reward|rewards|responses|K)\b"):
        OUTCOME[name]().advantages(of_outcomes([[1.0], [0.0]]))


def test_prime_with_a_response_alone() -> None:
    known = learner(0, responses=1)
    with pytest.raises(ValueError, match=r"\b(reward|rewards|responses|K)\b"):
        et.PRIME().advantages(known.rollouts, known.memory)


@pytest.mark.parametrize("name", ["grpo", "rloo", "dr grpo", "reinforce"])
def test_bad_rewards(name: str) -> None:
    with pytest.raises(ValueError, match=r"\breward") as caught:
        OUTCOME[name]().of_rewards(np.array([[1.0, 0.0], [float("nan"), 1.0]]))
    assert "nan" in str(caught.value)
    with pytest.raises(ValueError, match=r"\breward"):
        OUTCOME[name]().of_rewards(np.array([["a", "b"]]))


def test_prime_needs_rewards_between_zero_and_one() -> None:
    known = learner(0)
    rollouts = dataclasses.replace(known.rollouts, reward=known.rollouts.reward + 1.0)
    with pytest.raises(ValueError, match=r"\breward"):
        et.PRIME().learn(rollouts, known.memory)
