"""Exact and sampled training against loops by hand, and each field of a history against its definition.

The problems are small enough for enumeration: a bandit and a token tree by whole responses, a decision process by
elimination, all with many digits. A run of n steps is the beginning of a longer one, so that the logits after each step
are known from the runs of 0, 1, 2, ... steps; the rollouts of a sampled run are seen by its estimator. So every update
can be made again by hand from the rollouts, and which groups an update saw is told by the rows that it changed.

Tolerances count roundings. A quantity is a sum of products of probabilities, log-probabilities and rewards; a
probability is known to ``rounding.unit``, a product of T of them and a sum over S A entries to ``T unit + S A EPS``
relative to the sum of the sizes of its terms, and a solution of the linear system of a decision process to ``h (1 + 2
h)`` times that, h = 1 / (1 - discount), as in ``decision.allowed``.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import entropy_theory as et
from tests.oracles import decision, dual, rounding, training_record
from tests.oracles.decision import Process
from tests.oracles.responses import Responses
from tests.test_bad_input import refuses

EPS = rounding.EPS
DIGITS = 40
NAN, INF = float("nan"), float("inf")

# Problems --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """What is exact about a policy: mpmath numbers, by state."""

    objective: Any
    mean_entropy: Any
    visits: list[Any]
    visitation: list[Any]
    policy: list[list[Any]]
    advantage: list[list[Any]]
    gradient: list[list[Any]]


@dataclass(frozen=True)
class Case:
    """A problem of the package and its definition."""

    problem: Any
    known: Responses | Process
    z0: Any

    def rows(self, z: Any) -> list[list[Any]]:
        table = np.asarray(z, dtype=float).reshape(-1, self.problem.actions)
        return [[mpmath.mpf(x) for x in row] for row in table.tolist()]

    @property
    def horizon(self) -> Any:
        """Expected number of steps."""
        if isinstance(self.known, Process):
            return 1 / (1 - decision.field(self.known.discount))
        return mpmath.mpf(self.known.horizon)

    def mean_entropy(self, rows: Any) -> Any:
        """Of logits in any field."""
        policy = decision.softmax(rows)
        if isinstance(self.known, Process):
            return decision.mean_entropy(self.known, policy)
        return self.known.mean_entropy(policy)

    def entropy_slope(self, z: Any, dz: Any) -> Any:
        """Derivative of the mean entropy along dz."""
        pairs = zip(self.rows(z), self.rows(dz), strict=True)
        rows = [[dual.Dual(x, (v,)) for x, v in zip(*pair, strict=True)] for pair in pairs]
        return self.mean_entropy(rows).gradient[0]

    def divergence(self, z: Any, start: Any) -> Any:
        """sum_s w(s) KL_s, for responses by enumeration of whole responses."""
        p, q = decision.softmax(self.rows(z)), decision.softmax(self.rows(start))
        if isinstance(self.known, Responses):
            return self.known.divergence(p, q)
        return training_record.divergence(self.facts(z).visits, p, q)

    def facts(self, z: Any) -> Facts:
        rows = self.rows(z)
        policy = decision.softmax(rows)
        flat = dual.variables([x for row in rows for x in row])
        n = len(rows[0])
        smooth = decision.softmax([list(flat[i * n : (i + 1) * n]) for i in range(len(rows))])
        if isinstance(self.known, Process):
            answer = decision.evaluate(self.known, policy)
            slope = decision.evaluate(self.known, smooth).objective.gradient
            visits = [d * self.horizon for d in answer.visitation]
            objective, advantage = answer.objective, answer.advantage
        else:
            slope = self.known.objective(smooth).gradient
            visits = self.known.visits(policy)
            objective, advantage = self.known.objective(policy), self.known.advantages(policy)
        return Facts(
            objective,
            self.mean_entropy(rows),
            visits,
            [w / self.horizon for w in visits],
            policy,
            advantage,
            [list(slope[i * n : (i + 1) * n]) for i in range(len(rows))],
        )

    def unit(self, *logits: Any) -> float:
        """Relative error of a sum of products of probabilities, see above."""
        entries = int(self.problem.states * self.problem.actions)
        one = max(float(np.max(rounding.unit(z))) for z in logits)
        if isinstance(self.known, Process):
            h = 1 / (1 - float(self.known.discount))
            return (4 * one + 4 * entries * EPS) * h * (1 + 2 * h)
        return (2 + self.known.horizon) * one + 4 * entries * EPS

    def log_size(self, *logits: Any) -> float:
        """Largest log-probability."""
        return max(float(rounding.log_magnitude(z).max()) for z in logits)

    @property
    def reward_size(self) -> float:
        """Largest value of a state."""
        largest = max(abs(float(r)) for row in self.known.reward for r in row)
        return largest * (float(self.horizon) if isinstance(self.known, Process) else 1.0)


def logits(states: int, actions: int, seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=(states, actions))


@functools.cache
def case(name: str) -> Case:
    if name == "bandit":
        reward = [1.0, 0.25, -0.5, 0.0]
        return Case(et.Bandit(reward), Responses(4, 1, [reward], [1.0]), logits(1, 4, 1)[0])
    if name == "mdp":
        process = decision.random_process(4, 3, 3, Fraction(7, 8))
        transition, gain, discount, initial, _ = process.arrays()
        return Case(et.MDP(transition, gain, discount, initial), process, logits(3, 3, 2))
    reward_rows = [[0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.25, 0.0, 0.0], [1.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]]
    known = Responses(3, 2, reward_rows, [0.25, 0.75])
    return Case(et.TokenTree(3, 2, reward_rows, weights=[0.25, 0.75]), known, logits(known.states, 3, 3))


PROBLEMS = ["bandit", "mdp", "tree"]
CONTROLS: dict[str, Any] = {
    "policy gradient": et.PolicyGradient(),
    "natural": et.NaturalPolicyGradient(),
    "bonus": et.EntropyBonus(0.1),
    "bonus held": et.EntropyBonus(et.Annealed(0.5, 0.0, 3), visitation="held"),
    "clip-higher": et.ClipHigher(0.02, 0.03),
    "clip-cov": et.ClipCov(0.2, 0.01, 5.0, ppo_clip=(0.02, 0.03)),
    "clip-cov logit": et.ClipCov(0.3, -5.0, 0.2, mask="logit", centre="state"),
    "kl-cov": et.KLCov(0.5, 0.3),
    "kl-cov fixed": et.KLCov(1.0, 0.4, anchor="fixed"),
    "kl-cov paper": et.KLCov.preset("paper", fraction=0.4, beta=et.PowerDecay(2.0, 0.5)),
    "kl-cov fixed kl": et.KLCov(1.0, 0.25, penalty="kl", anchor="fixed", rank="abs"),
}


def step_by_hand(problem: Any, control: Any, z: Any, old: Any, z0: Any, eta: float, step: int) -> Any:
    """The exact update with the old policy `old`; a penalty on a fixed policy refers to `z0`."""
    fixed = {"reference": z0} if getattr(control, "anchor", "moving") == "fixed" else {}
    return control.update(problem, z, eta, anchor=old, step=step, **fixed)


def by_hand(
    problem: Any, control: Any, z0: Any, eta: Callable[[int], float], steps: int, updates: int = 1
) -> tuple[list[Any], list[Any]]:
    """The logits before each step and after the last, and the policies that served as the old ones."""
    path, anchors = [z0], []
    for t in range(steps):
        if t % updates == 0:
            old = path[-1]
        anchors.append(old)
        path.append(path[-1] + step_by_hand(problem, control, path[-1], old, z0, eta(t), t))
    return path, anchors


# Exact training --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("updates", [1, 3])
@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_exact_steps_are_those_by_hand(name: str, control: str, updates: int) -> None:
    known, rule = case(name), CONTROLS[control]
    path, _ = by_hand(known.problem, rule, known.z0, lambda t: 0.25, 7, updates)
    start = known.z0.copy()
    for steps in (1, 7):
        history = et.train(known.problem, rule, start, 0.25, steps, updates=updates)
        assert np.array_equal(history.logits, path[steps])
        assert history.logits.shape == known.z0.shape
    assert np.array_equal(start, known.z0)


def test_the_old_policy_matters() -> None:
    """Else the test above would not tell whether it was held."""
    for name in PROBLEMS:
        known = case(name)
        for control in ("kl-cov", "kl-cov fixed", "clip-higher"):
            ends = [by_hand(known.problem, CONTROLS[control], known.z0, lambda t: 0.25, 7, n)[0][-1] for n in (1, 3)]
            assert not np.array_equal(*ends)
            plain = by_hand(known.problem, et.PolicyGradient(), known.z0, lambda t: 0.25, 7)[0][-1]
            assert not np.array_equal(ends[1], plain)


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_step_size_for_each_step(name: str) -> None:
    known = case(name)

    def eta(t: int) -> float:
        return 0.5 / (1 + t)

    path, _ = by_hand(known.problem, CONTROLS["kl-cov"], known.z0, eta, 5, 2)
    history = et.train(known.problem, CONTROLS["kl-cov"], known.z0, eta, 5, updates=2)
    assert np.array_equal(history.logits, path[-1])


def test_whole_numbers_are_numbers() -> None:
    known = case("bandit")
    wanted = et.train(known.problem, et.PolicyGradient(), known.z0, 1.0, 3).logits
    assert np.array_equal(et.train(known.problem, et.PolicyGradient(), known.z0.tolist(), 1, 3).logits, wanted)
    again = et.train(known.problem, et.PolicyGradient(), known.z0, np.float64(1), np.int64(3))  # type: ignore[arg-type]
    assert np.array_equal(again.logits, wanted)


# Records ---------------------------------------------------------------------------------------------------------

EVERY_RECORD = [
    "objective",
    "entropy",
    "entropy_change",
    "predicted_entropy_change",
    "covariance",
    "state_entropy_change",
    "positive_share",
    "gradient_norm",
    "kl_to_start",
    "selected",
    "batch_reward",
    "batch_positive_share",
    "margin",
]


def check_update(known: Case, history: Any, r: int, z: Any, dz: Any, z0: Any) -> None:
    """Every field of a record that follows from the policy and the update, exactly or sampled."""
    after = z + dz
    u, logs = known.unit(z, after), known.log_size(z, after)
    change = float(np.abs(dz).sum())
    with mpmath.workdps(DIGITS):
        at = known.facts(z)
        changes, moved = known.rows(dz), decision.softmax(known.rows(after))
        entropies = [training_record.entropy(row) for row in at.policy]
        wanted = {
            "objective": (at.objective, u * known.reward_size),
            "entropy": (at.mean_entropy, u * logs),
            # Differences of two numbers of the size of a log-probability.
            "entropy_change": (known.mean_entropy(known.rows(after)) - at.mean_entropy, 4 * u * logs),
            "state_entropy_change": (
                training_record.state_entropy_change(at.visitation, at.policy, moved),
                4 * u * logs,
            ),
            # Entries of the gradient of the mean entropy are at most h log p, those of covariances alike.
            "predicted_entropy_change": (known.entropy_slope(z, dz), 8 * u * logs * change),
            "covariance": (training_record.covariance(at.visitation, at.policy, changes), 8 * u * logs * change),
            "gradient_norm": (
                mpmath.sqrt(mpmath.fsum(x * x for row in at.gradient for x in row)),
                16 * u * known.reward_size * float(known.horizon),
            ),
            # w sums to the horizon; the terms have the size of log-probabilities.
            "kl_to_start": (known.divergence(z, z0), 8 * known.unit(z, z0) * known.log_size(z, z0) * known.horizon),
        }
        for name, (exact, limit) in wanted.items():
            got = float(getattr(history, name)[r])
            assert abs(got - exact) <= limit, f"{name}[{r}] is {got}, expected {mpmath.nstr(exact, 17)}"
        if history.state_entropy.size:
            gap = max(abs(float(x) - y) for x, y in zip(history.state_entropy[r], entropies, strict=True))
            assert gap <= u * logs
        entries = training_record.token_covariances(at.visitation, at.policy, at.advantage)
        check_shares(history, "", r, entries, 16 * u * (1 + logs) * (1 + known.reward_size))


def check_shares(history: Any, prefix: str, r: int, entries: Any, slack: float) -> None:
    """Quantiles and the share of positive token-wise covariances."""
    levels, got = history.quantile_levels, getattr(history, f"{prefix}covariance_quantiles")[r]
    assert len(levels) == len(got)
    for level, value in zip(levels, got, strict=True):
        assert training_record.is_quantile(entries, float(level), float(value), slack), f"{prefix}quantile {level}"
    if all(abs(c) > slack for c, _ in entries):
        share = float(getattr(history, f"{prefix}positive_share")[r])
        assert abs(share - training_record.positive_share(entries)) <= slack


@pytest.mark.parametrize("control", ["policy gradient", "natural", "bonus", "clip-cov", "kl-cov", "kl-cov fixed kl"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_records(name: str, control: str) -> None:
    known, rule = case(name), CONTROLS[control]
    history = et.train(known.problem, rule, known.z0, 0.25, 4, updates=2, record_every=3, state_entropy=True)
    path, anchors = by_hand(known.problem, rule, known.z0, lambda t: 0.25, 4, 2)
    assert history.step.tolist() == [0, 3, 4]
    assert history.state_entropy.shape == (3, known.problem.states)
    for r, t in enumerate([0, 3]):
        dz = step_by_hand(known.problem, rule, path[t], anchors[t], known.z0, 0.25, t)
        check_update(known, history, r, path[t], dz, known.z0)
    assert np.isnan(history.entropy_change[-1])
    with mpmath.workdps(DIGITS):
        last = known.facts(path[-1])
        for field, exact in (("objective", last.objective), ("entropy", last.mean_entropy)):
            limit = known.unit(path[-1]) * max(known.reward_size, known.log_size(path[-1]))
            assert abs(float(getattr(history, field)[-1]) - exact) <= limit
        distance = known.divergence(path[-1], known.z0)
        limit = 8 * known.unit(path[-1], known.z0) * known.log_size(path[-1], known.z0) * float(known.horizon)
        assert abs(float(history.kl_to_start[-1]) - distance) <= limit
    assert history.kl_to_start[0] == 0
    for field in ("batch_reward", "batch_positive_share", "batch_covariance_quantiles", "margin"):
        assert np.isnan(getattr(history, field)).all()


def test_shapes_of_a_record() -> None:
    known = case("tree")
    for steps, every, wanted in ((5, 2, [0, 2, 4, 5]), (6, 3, [0, 3, 6]), (2, 7, [0, 2]), (1, 1, [0, 1])):
        history = et.train(known.problem, et.PolicyGradient(), known.z0, 0.1, steps, record_every=every)
        assert history.step.tolist() == wanted
        for field in EVERY_RECORD:
            assert getattr(history, field).shape == (len(wanted),), field
        levels = len(history.quantile_levels)
        assert history.covariance_quantiles.shape == (len(wanted), levels)
        assert history.batch_covariance_quantiles.shape == (len(wanted), levels)
    without = et.train(known.problem, et.PolicyGradient(), known.z0, 0.1, 2, state_entropy=False)
    assert without.state_entropy.shape == (3, 0)


@pytest.mark.parametrize("name", PROBLEMS)
def test_fewer_records_of_the_same_run(name: str) -> None:
    known = case(name)
    often = et.train(known.problem, CONTROLS["kl-cov"], known.z0, 0.2, 9, updates=2)
    seldom = et.train(known.problem, CONTROLS["kl-cov"], known.z0, 0.2, 9, updates=2, record_every=4)
    for field in [*EVERY_RECORD, "covariance_quantiles"]:
        assert np.array_equal(getattr(often, field)[seldom.step], getattr(seldom, field), equal_nan=True), field
    assert np.array_equal(often.logits, seldom.logits)


@pytest.mark.parametrize("name", PROBLEMS)
def test_nothing_is_positive_at_a_uniform_policy(name: str) -> None:
    """log p is its own mean there: the token-wise covariance is zero, not a rounding error above it."""
    known = case(name)
    history = et.train(known.problem, et.PolicyGradient(), np.zeros_like(known.z0), 0.1, 1)
    assert history.positive_share[0] == 0
    assert not history.covariance_quantiles[0].any()
    assert history.entropy[0] == pytest.approx(math.log(known.problem.actions), rel=16 * EPS)


def test_nothing_is_positive_where_all_rewards_are_equal() -> None:
    tree = et.TokenTree(3, 2, np.full(9, 0.1))
    history = et.train(tree, et.PolicyGradient(), logits(4, 3, 0), 0.1, 1)
    assert history.positive_share[0] == 0
    assert not history.covariance_quantiles[0].any()
    assert history.gradient_norm[0] == 0


def test_nothing_is_positive_where_success_is_certain() -> None:
    """The first token decides. With two tokens both covariances have the same sign, here positive at the root, which
    has a quarter of the tokens; below it all rewards are equal."""
    tree = et.TokenTree(2, 4, np.repeat([1.0, 0.0], 8))
    history = et.train(tree, et.PolicyGradient(), logits(tree.states, 2, 0), 0.1, 1)
    assert history.positive_share[0] == pytest.approx(0.25, rel=64 * EPS)


@pytest.mark.parametrize("name", PROBLEMS)
def test_share_selected(name: str) -> None:
    """KL-Cov fills up to its fraction exactly; the others select nothing, or what is eligible up to the fraction."""
    known = case(name)

    def selected(control: Any) -> Any:
        return et.train(known.problem, control, known.z0, 0.2, 6, updates=3).selected[:-1]

    for fraction in (0.3, 1.0):
        assert np.abs(selected(et.KLCov(0.5, fraction)) - fraction).max() <= known.unit(known.z0)
    assert not selected(et.PolicyGradient()).any()
    assert not selected(et.EntropyBonus(0.1)).any()
    # A band that holds every covariance, and one that holds none.
    everything, nothing = et.ClipCov(0.2, -1e3, 1e3, ppo_clip=None), et.ClipCov(0.2, 1e3, 1e4)
    assert np.abs(selected(everything) - 0.2).max() <= known.unit(known.z0)
    assert not selected(nothing).any()


def test_share_that_is_clipped() -> None:
    """Off policy, tokens are drawn from the old policy: the mass of the clipped entries under it."""
    known, rule = case("bandit"), et.ClipHigher(0.02, 0.03)
    history = et.train(known.problem, rule, known.z0, 0.25, 4, updates=4)
    path, anchors = by_hand(known.problem, rule, known.z0, lambda t: 0.25, 4, 4)
    for t in range(4):
        p, q = et.softmax(path[t]), et.softmax(anchors[t])
        advantage = known.problem.values(path[t]).advantage
        clipped = ((advantage > 0) & (p / q > 1.03)) | ((advantage < 0) & (p / q < 0.98))
        assert abs(history.selected[t] - q[clipped].sum()) <= 8 * known.unit(path[t])
    assert history.selected[0] == 0
    assert history.selected[-2] > 0.1


@pytest.mark.parametrize("epsilon", [1e-3, 0.1])
@pytest.mark.parametrize("control", ["policy gradient", "natural", "kl-cov"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_margin(name: str, control: str, epsilon: float) -> None:
    """At the margin the divergence, with the weights d, is epsilon: the step has an error of 1e-13 of it at most, and
    the divergence is convex, so that its own relative error is a few times that."""
    known, rule = case(name), CONTROLS[control]
    history = et.train(known.problem, rule, known.z0, 0.25, 3, margin=epsilon, updates=3)
    path, anchors = by_hand(known.problem, rule, known.z0, lambda t: 0.25, 3, 3)
    for t in range(3):
        direction = step_by_hand(known.problem, rule, path[t], anchors[t], known.z0, 0.25, t) / 0.25
        with mpmath.workdps(DIGITS):
            at = known.facts(path[t])
            step = mpmath.mpf(float(history.margin[t]))
            pairs = zip(known.rows(path[t]), known.rows(direction), strict=True)
            moved = decision.softmax([[x + step * v for x, v in zip(*pair, strict=True)] for pair in pairs])
            reached = training_record.divergence(at.visitation, at.policy, moved)
            assert abs(reached / epsilon - 1) < 1e-9


@pytest.mark.parametrize("control", ["policy gradient", "natural", "bonus", "clip-cov", "kl-cov"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_prediction_is_of_the_second_order(name: str, control: str) -> None:
    """The residual is a eta^2 + b eta^3 + ...: each halving of eta divides it by a number closer to 4."""
    known = case(name)
    residual = []
    for eta in (0.04, 0.02, 0.01, 0.005):
        history = et.train(known.problem, CONTROLS[control], known.z0, eta, 1)
        residual.append(abs(history.entropy_change[0] - history.predicted_entropy_change[0]))
    gaps = [abs(a / b - 4) for a, b in itertools.pairwise(residual)]
    assert gaps[2] < 0.2
    assert gaps[2] < gaps[0]
    assert residual[-1] > 1e3 * EPS


# Sampled training ------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """The batches of a run, as its estimator saw them."""

    rollouts: list[Any] = dataclasses.field(default_factory=list)
    advantages: list[Any] = dataclasses.field(default_factory=list)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Watches every estimator."""
    log = Seen()

    def watched(original: Callable[..., Any]) -> Callable[..., Any]:
        def advantages(self: Any, rollouts: Any, memory: Any = None) -> Any:
            out = original(self, rollouts, memory)
            log.rollouts.append(rollouts)
            log.advantages.append(np.array(out))
            return out

        return advantages

    for kind in (et.Reinforce, et.GRPO, et.RLOO, et.PRIME):
        monkeypatch.setattr(kind, "advantages", watched(kind.advantages))
    return log


def trained(known: Case, control: Any, steps: int, sampling: Any, eta: Any = 0.5, seed: int = 0, **more: Any) -> Any:
    return et.train(known.problem, control, known.z0, eta, steps, sampling=sampling, seed=seed, **more)


def path_of(known: Case, control: Any, steps: int, sampling: Any, eta: Any = 0.5, seed: int = 0) -> list[Any]:
    """The logits after each number of steps: a shorter run is the beginning of a longer one."""
    return [known.z0, *(trained(known, control, n, sampling, eta, seed).logits for n in range(1, steps + 1))]


def flat_tokens(rollouts: Any, advantage: Any, groups: Any = slice(None)) -> tuple[Any, Any, Any]:
    return rollouts.state[groups].ravel(), rollouts.action[groups].ravel(), advantage[groups].ravel()


def tree_case(vocabulary: int, horizon: int, prompts: int, seed: int, binary: bool = True) -> Case:
    rng = np.random.default_rng(seed)
    shape = (prompts, vocabulary**horizon)
    reward = rng.integers(0, 2, size=shape).astype(float) if binary else rng.uniform(size=shape)
    known = Responses(vocabulary, horizon, reward.tolist(), [1 / prompts] * prompts)
    z0 = rng.normal(size=(known.states, vocabulary))
    return Case(et.TokenTree(vocabulary, horizon, reward), known, z0)


SAMPLED_CONTROLS: dict[str, Any] = {
    "policy gradient": et.PolicyGradient(),
    "natural": et.NaturalPolicyGradient(),
    "bonus": et.EntropyBonus(et.Annealed(0.5, 0.0, 3)),
    "clip-higher": et.ClipHigher(0.01, 0.02),
    "clip-cov": et.ClipCov(1.0, 0.05, 5.0),
    "kl-cov": et.KLCov(0.5, 0.3),
    "kl-cov fixed": et.KLCov(0.5, 0.3, anchor="fixed"),
    "kl-cov paper": et.KLCov.preset("paper", fraction=0.4, beta=et.PowerDecay(2.0, 0.5)),
    "kl-cov fixed kl": et.KLCov(1.0, 0.25, penalty="kl", anchor="fixed"),
}


def reordered(size: float, tokens: int) -> float:
    """The tokens of a part may come in any order: a sum of `tokens` numbers of this size, over their number."""
    return 4 * (tokens + 16) * EPS * size


@pytest.mark.parametrize("control", SAMPLED_CONTROLS)
@pytest.mark.parametrize("estimator", [et.GRPO(), et.RLOO(), et.Reinforce(0.25), et.PRIME(0.5, 1.0)], ids=repr)
def test_sampled_steps_are_those_by_hand(control: str, estimator: Any, seen: Seen) -> None:
    """One part a batch, two epochs: the second update of a batch is off policy, the old policy being held.

    Rewards that are all different: where covariances tie, the order of the tokens decides which are selected.
    """
    known, rule = tree_case(3, 2, 2, 1, binary=False), SAMPLED_CONTROLS[control]
    sampling = et.Sampling(prompts=4, responses=4, minibatches=1, epochs=2, estimator=estimator)

    def eta(t: int) -> float:
        return 0.5 / (1 + t / 4)

    path = path_of(known, rule, 5, sampling, eta)
    seen.rollouts.clear()
    seen.advantages.clear()
    trained(known, rule, 5, sampling, eta)
    assert len(seen.rollouts) == 3
    for t in range(5):
        rollouts, advantage = seen.rollouts[t // 2], seen.advantages[t // 2]
        old = path[t - t % 2]
        state, action, value = flat_tokens(rollouts, advantage)
        taken = et.log_softmax(old)[state, action]
        assert np.abs(rollouts.log_prob.ravel() - taken).max() <= 16 * EPS * np.abs(taken).max()
        fixed = {"reference": known.z0} if getattr(rule, "anchor", "moving") == "fixed" else {}
        gradient = rule.loss_gradient(path[t], state, action, value, z_old=old, step=t, rng=0, **fixed)
        size = 10 * (1 + np.abs(value).max()) * (20 if control == "natural" else 1)
        gap = np.abs(path[t] - eta(t) * gradient - path[t + 1]).max()
        assert gap <= reordered(size, state.size) + EPS * np.abs(path[t]).max()


def test_first_update_of_kl_cov_is_the_policy_gradient() -> None:
    """On policy the penalty is at its minimum: the second update is the first on which it acts."""
    known = tree_case(3, 2, 2, 1)
    sampling = et.Sampling(prompts=4, responses=4, minibatches=2, epochs=1, estimator=et.RLOO())
    for rule in (et.KLCov(5.0, 0.5), et.KLCov(5.0, 0.5, anchor="fixed"), et.KLCov(5.0, 1.0, penalty="kl")):
        ends = {n: [trained(known, c, n, sampling).logits for c in (rule, et.PolicyGradient())] for n in (1, 2)}
        assert np.array_equal(*ends[1])
        assert not np.array_equal(*ends[2])


@pytest.mark.parametrize(("prompts", "minibatches"), [(6, 3), (7, 3), (8, 5), (2, 4), (1, 1), (5, 5)])
def test_parts_of_a_batch(prompts: int, minibatches: int, seen: Seen) -> None:
    """One token a response and each prompt once: the rows that an update changes are the groups of its part."""
    known = tree_case(5, 1, prompts, 3, binary=False)
    sampling = et.Sampling(prompts=prompts, responses=6, minibatches=minibatches, epochs=2, estimator=et.RLOO())
    steps = 2 * minibatches + 1
    path = path_of(known, et.PolicyGradient(), steps, sampling)
    seen.rollouts.clear()
    seen.advantages.clear()
    history = trained(known, et.PolicyGradient(), steps, sampling)
    assert history.step.tolist() == list(range(steps + 1))
    rollouts, advantage = seen.rollouts[0], seen.advantages[0]
    assert sorted(rollouts.prompt.tolist()) == list(range(prompts))
    moving = {int(m) for m, a in zip(rollouts.prompt, advantage, strict=True) if np.abs(a).max() > 1e-9}
    parts = [set(np.flatnonzero((a != b).any(-1)).tolist()) for a, b in itertools.pairwise(path)]
    for epoch in (parts[:minibatches], parts[minibatches : 2 * minibatches]):
        assert sorted(itertools.chain(*epoch)) == sorted(moving)
    if len(moving) < prompts:
        return
    for t, part in enumerate(parts[: 2 * minibatches]):
        assert prompts // minibatches <= len(part) <= -(-prompts // minibatches)
        groups = np.isin(rollouts.prompt, list(part))
        state, action, value = flat_tokens(rollouts, advantage, groups)
        gradient = et.PolicyGradient().loss_gradient(path[t], state, action, value, z_old=known.z0)
        gap = np.abs(path[t] - 0.5 * gradient - path[t + 1]).max()
        assert gap <= reordered(4.0, max(state.size, 1)) + EPS * np.abs(path[t]).max()


def test_the_parts_are_shuffled() -> None:
    known = tree_case(5, 1, 8, 3, binary=False)
    sampling = et.Sampling(prompts=8, responses=6, minibatches=2, epochs=2, estimator=et.RLOO())
    halves = set()
    for seed in range(6):
        path = path_of(known, et.PolicyGradient(), 3, sampling, seed=seed)
        parts = [frozenset(np.flatnonzero((a != b).any(-1)).tolist()) for a, b in itertools.pairwise(path)]
        halves |= {parts[0], parts[2]}
    assert len(halves) > 6


def test_an_empty_part_changes_nothing() -> None:
    """Two groups in four parts: two updates of four do nothing, not even that of an entropy bonus."""
    known = tree_case(3, 2, 2, 0)
    sampling = et.Sampling(prompts=2, responses=4, minibatches=4, epochs=1, estimator=et.RLOO())
    path = path_of(known, et.EntropyBonus(0.5), 8, sampling)
    still = [np.array_equal(a, b) for a, b in itertools.pairwise(path)]
    assert sum(still[:4]) == sum(still[4:]) == 2
    history = trained(known, et.EntropyBonus(0.5), 8, sampling)
    for t, idle in enumerate(still):
        assert (history.entropy_change[t] == 0) == idle
        assert (history.covariance[t] == 0) == idle


def test_only_visited_rows_change(seen: Seen) -> None:
    known = tree_case(4, 3, 3, 0)
    sampling = et.Sampling(prompts=2, responses=3, minibatches=1, epochs=1, estimator=et.GRPO(scale="none"))
    for rule in (et.PolicyGradient(), et.EntropyBonus(0.3), et.KLCov(1.0, 0.5), et.NaturalPolicyGradient()):
        seen.rollouts.clear()
        end = trained(known, rule, 1, sampling).logits
        visited = np.zeros(len(end), dtype=bool)
        visited[seen.rollouts[0].state.ravel()] = True
        assert not visited.all()
        assert np.array_equal(end[~visited], known.z0[~visited])


def test_groups_of_equal_rewards_leave_the_batch(seen: Seen) -> None:
    """They do not count as tokens either: the mean is over the others, and the bonus acts at no state of theirs."""
    known = tree_case(3, 2, 4, 2)
    sampling = et.Sampling(prompts=8, responses=3, minibatches=1, epochs=2, estimator=et.RLOO(), filter_equal=True)
    rule = et.EntropyBonus(0.3)
    path = path_of(known, rule, 4, sampling)
    seen.rollouts.clear()
    seen.advantages.clear()
    trained(known, rule, 4, sampling)
    left_out = 0
    for t in range(4):
        rollouts, advantage = seen.rollouts[t // 2], seen.advantages[t // 2]
        kept = np.ptp(rollouts.reward, axis=-1) > 0
        left_out += int(8 - kept.sum())
        state, action, value = flat_tokens(rollouts, advantage, kept)
        gradient = rule.loss_gradient(path[t], state, action, value, z_old=path[t - t % 2], step=t)
        gap = np.abs(path[t] - 0.5 * gradient - path[t + 1]).max()
        assert gap <= reordered(10.0, state.size) + EPS * np.abs(path[t]).max()
    assert left_out


def test_a_batch_of_equal_rewards_changes_nothing() -> None:
    tree = et.TokenTree(3, 2, np.full(9, 0.1))
    z0 = logits(4, 3, 0)
    for responses in (3, 7):
        sampling = et.Sampling(prompts=3, responses=responses, minibatches=2, epochs=1, filter_equal=True)
        history = et.train(tree, et.EntropyBonus(0.5), z0, 0.5, 6, sampling=sampling)
        assert np.array_equal(history.logits, z0)
        assert history.step.tolist() == list(range(7))
        assert not history.entropy_change[:-1].any()
    sampling = dataclasses.replace(sampling, filter_equal=False)
    assert not np.array_equal(et.train(tree, et.EntropyBonus(0.5), z0, 0.5, 6, sampling=sampling).logits, z0)


def test_rewards_come_from_a_model_that_has_not_seen_the_batch(seen: Seen) -> None:
    known, estimator = tree_case(3, 2, 2, 1), et.PRIME(0.5, 2.0)
    sampling = et.Sampling(prompts=4, responses=4, minibatches=2, epochs=1, estimator=estimator)
    trained(known, et.PolicyGradient(), 8, sampling)
    batches, advantages = list(seen.rollouts), list(seen.advantages)
    assert len(batches) == 4
    memory = estimator.start(known.problem, known.z0)
    for rollouts, advantage in zip(batches, advantages, strict=True):
        assert np.array_equal(estimator.advantages(rollouts, memory), advantage)
        memory = estimator.learn(rollouts, memory)


@pytest.mark.parametrize("control", ["policy gradient", "bonus", "kl-cov"])
def test_records_of_a_sampled_run(control: str, seen: Seen) -> None:
    known, rule = tree_case(3, 2, 2, 1, binary=False), SAMPLED_CONTROLS[control]
    sampling = et.Sampling(prompts=4, responses=3, minibatches=1, epochs=1, estimator=et.RLOO())
    path = path_of(known, rule, 4, sampling)
    seen.rollouts.clear()
    seen.advantages.clear()
    history = trained(known, rule, 4, sampling, state_entropy=True, margin=0.01)
    for t in range(4):
        check_update(known, history, t, path[t], path[t + 1] - path[t], known.z0)
        rollouts, advantage = seen.rollouts[t], seen.advantages[t].ravel()
        assert abs(history.batch_reward[t] - rollouts.reward.mean()) <= 16 * EPS
        with mpmath.workdps(DIGITS):
            entries = training_record.batch_covariances(rollouts.log_prob.ravel().tolist(), advantage.tolist())
            check_shares(history, "batch_", t, entries, 64 * EPS * (1 + np.abs(rollouts.log_prob).max()))
            at = known.facts(path[t])
            step = mpmath.mpf(float(history.margin[t]))
            pairs = zip(known.rows(path[t]), known.rows((path[t + 1] - path[t]) / 0.5), strict=True)
            moved = decision.softmax([[x + step * v for x, v in zip(*pair, strict=True)] for pair in pairs])
            # The update as a difference of logits has an error of EPS of those, relative to its own size.
            lost = EPS * np.abs(path[t]).max() / np.abs(path[t + 1] - path[t]).max()
            assert abs(training_record.divergence(at.visitation, at.policy, moved) / 0.01 - 1) < 1e-9 + 100 * lost
    assert np.isnan(history.entropy_change[-1])


@pytest.mark.parametrize(("prompts", "minibatches", "tokens"), [(4, 2, 16), (3, 1, 24)])
def test_share_selected_of_a_part(prompts: int, minibatches: int, tokens: int) -> None:
    """``int(fraction N)`` tokens of the N of the part."""
    known = tree_case(3, 2, 2, 1)
    sampling = et.Sampling(prompts=prompts, responses=4, minibatches=minibatches, epochs=2, estimator=et.RLOO())
    for fraction in (1e-3, 0.3, 0.5, 1.0):
        history = trained(known, et.KLCov(0.5, fraction), 4, sampling)
        wanted = max(1, int(fraction * tokens)) / tokens
        assert history.selected[:-1].tolist() == pytest.approx([wanted] * 4, rel=1e-15)
    assert not trained(known, et.PolicyGradient(), 4, sampling).selected[:-1].any()


# What a sampled step is on average -------------------------------------------------------------------------------


def mean_step(known: Case, control: Any, estimator: Any, prompts: int = 256, steps: int = 600, seed: int = 0) -> Any:
    """Mean of -loss_gradient over many batches at one policy: with steps of 1e-10 it moves by less than 1e-6."""
    sampling = et.Sampling(prompts=prompts, responses=2, minibatches=1, epochs=1, estimator=estimator)
    eta = 1e-10
    end = trained(known, control, steps, sampling, eta, seed, record_every=steps).logits
    return (end - known.z0) / (eta * steps)


def bernstein(variance: float, width: float, number: int) -> float:
    """Beyond it a mean of independent numbers lies with a probability of at most 1e-9."""
    log = math.log(2e9)
    return math.sqrt(2 * variance * log / number) + 2 * width * log / (3 * number)


@pytest.mark.parametrize("name", ["rloo", "reinforce", "dr grpo", "bonus"])
def test_a_sampled_step_is_a_share_of_the_gradient_on_average(name: str) -> None:
    """``grad J / T``, and the bonus ``alpha sum_s d(s) grad H_s``, T alpha in the exact update; without the division
    GRPO is (K - 1) / K of it."""
    reward = [[0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0]]
    known = Case(
        et.TokenTree(2, 2, reward, weights=[0.75, 0.25]), Responses(2, 2, reward, [0.75, 0.25]), logits(6, 2, 0) / 4
    )
    estimator: Any = {"reinforce": et.Reinforce(0.5), "dr grpo": et.GRPO(scale="none")}.get(name, et.RLOO())
    exact: Any = et.EntropyBonus(2 * 0.3, visitation="held") if name == "bonus" else et.PolicyGradient()
    wanted = exact.update(known.problem, known.z0, 1.0) / 2 * (0.5 if name == "dr grpo" else 1.0)
    control = et.EntropyBonus(0.3) if name == "bonus" else et.PolicyGradient()
    got = mean_step(known, control, estimator)
    # A response contributes at most |A| / T <= 1/2 to an entry, and 0.3 times an entry of grad H, at most 0.3 in size.
    limit = bernstein(0.6**2, 1.2, 256 * 600) + 1e-5
    assert np.abs(wanted).max() > 3 * limit
    assert np.abs(got - wanted).max() < limit


def test_one_update_over_many_seeds() -> None:
    """The same with a fresh run for each seed and one prompt a batch, whose variance is known by enumeration."""
    known = tree_case(2, 2, 1, 5)
    assert isinstance(known.known, Responses)
    tree, p = known.known, et.softmax(known.z0)
    sampling = et.Sampling(prompts=1, responses=2, minibatches=1, epochs=1, estimator=et.RLOO())
    mean = np.zeros_like(known.z0)
    square = np.zeros_like(known.z0)
    each = [y for _, y in tree.all()]
    for pair in itertools.product(each, repeat=2):
        mass = math.prod(float(tree.probability(p.tolist(), 0, y)) for y in pair)
        gap = float(tree.earned(0, pair[0]) - tree.earned(0, pair[1]))
        scores: Any = [
            np.array(tree.score(p.tolist(), 0, y, [a / 4] * 2)) for y, a in zip(pair, (gap, -gap), strict=True)
        ]
        mean += mass * sum(scores)
        square += mass * sum(scores) ** 2
    assert np.abs(mean - et.policy_gradient(known.problem, known.z0) / 2).max() <= 64 * EPS
    runs = 250
    total = sum(trained(known, et.PolicyGradient(), 1, sampling, 1.0, s).logits - known.z0 for s in range(runs))
    for got, m, s in zip(np.ravel(total) / runs, mean.ravel(), (square - mean**2).ravel(), strict=True):
        assert abs(got - m) <= bernstein(float(s), 2.0, runs)


# The same run again ----------------------------------------------------------------------------------------------

RUNS: dict[str, dict[str, Any]] = {
    "exact": {"control": et.KLCov(0.5, 0.3), "updates": 3, "record_every": 4, "margin": 0.01},
    "sampled": {
        "control": et.ClipCov(0.3, 0.0, 5.0),
        "sampling": et.Sampling(prompts=5, responses=4, minibatches=2, epochs=2, estimator=et.GRPO()),
        "record_every": 3,
        "state_entropy": True,
    },
    "learning": {
        "control": et.KLCov(et.PowerDecay(1.0, 1.0), 0.2, anchor="fixed"),
        "sampling": et.Sampling(
            prompts=4, responses=3, minibatches=3, epochs=1, estimator=et.PRIME(0.5, 1.0), filter_equal=True
        ),
        "margin": 0.1,
    },
}


def run(name: str, steps: int = 23, **changes: Any) -> Any:
    known = tree_case(3, 2, 2, 1)
    options = {"problem": known.problem, "z0": known.z0, "eta": 0.4, "seed": 3, **RUNS[name], **changes}
    return et.train(**options, steps=steps)


def saved(history: Any, folder: Path) -> bytes:
    path = folder / "history.npz"
    history.save(path)
    return path.read_bytes()


@pytest.mark.parametrize("name", RUNS)
def test_the_same_seed_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    one, two, other = run(name), run(name), run(name, seed=4)
    assert saved(one, tmp_path) == saved(two, tmp_path)
    assert one == two
    assert np.array_equal(one.logits, two.logits)
    if name != "exact":
        assert not np.array_equal(one.logits, other.logits)
        assert one != other


def test_a_shorter_run_is_the_beginning() -> None:
    """Also where it cuts a batch."""
    for name in RUNS:
        whole = run(name, 12, record_every=1)
        for steps in (1, 5, 9):
            part = run(name, steps, record_every=1)
            assert part.step.tolist() == list(range(steps + 1))
            for field in EVERY_RECORD:
                assert np.array_equal(getattr(part, field)[:-1], getattr(whole, field)[:steps], equal_nan=True), field
            for field in ("objective", "entropy", "kl_to_start", "gradient_norm", "positive_share"):
                assert getattr(part, field)[steps] == getattr(whole, field)[steps], field


@pytest.mark.parametrize("name", RUNS)
def test_progress(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[tuple[int, int]] = []
    plain = run(name, progress=None)
    watched = run(name, progress=lambda done, total: calls.append((done, total)))
    assert {total for _, total in calls} == {23}
    done = [d for d, _ in calls]
    assert done == sorted(done)
    assert done[-1] == 23
    assert watched == plain
    assert capsys.readouterr() == ("", "")
    assert run(name, progress=False) == plain
    assert capsys.readouterr() == ("", "")
    assert run(name, progress=True) == plain
    assert capsys.readouterr().out == ""


# Checkpoints -----------------------------------------------------------------------------------------------------


class Interrupter:
    """A progress callback that raises KeyboardInterrupt when it has been called often enough."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self, done: int, total: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@functools.cache
def whole_run(name: str, steps: int = 23) -> Any:
    return run(name, steps)


@settings(max_examples=12)
@given(st.sampled_from(list(RUNS)), st.lists(st.integers(0, 22), max_size=4))
def test_interrupted_runs_go_on(tmp_path_factory: pytest.TempPathFactory, name: str, cuts: list[int]) -> None:
    folder = tmp_path_factory.mktemp("runs")
    path = folder / "checkpoint"
    for cut in cuts:
        try:
            history = run(name, checkpoint=path, progress=Interrupter(cut))
        except KeyboardInterrupt:
            assert path.exists()
            continue
        assert history == whole_run(name)
    history = run(name, checkpoint=path)
    assert np.array_equal(history.logits, whole_run(name).logits)
    assert history == whole_run(name)
    assert saved(history, folder) == saved(whole_run(name), folder)


@pytest.mark.parametrize("name", RUNS)
def test_an_interrupt_is_not_swallowed_and_the_work_is_kept(name: str, tmp_path: Path) -> None:
    """The second call starts where the first stopped, not at zero."""
    path = tmp_path / "checkpoint"
    done: list[int] = []

    def stop_late(now: int, total: int) -> None:
        done.append(now)
        if now >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(name, checkpoint=path, progress=stop_late)
    again: list[int] = []
    assert run(name, checkpoint=path, progress=lambda now, total: again.append(now)) == whole_run(name)
    # The longest batch has four updates.
    assert min(again) >= done[-1] - 4


@pytest.mark.parametrize("name", RUNS)
def test_a_finished_run_is_returned_again(name: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    first = run(name, checkpoint=path)
    assert path.exists()
    kept = path.read_bytes()
    assert run(name, checkpoint=path) == first == whole_run(name)
    assert path.read_bytes() == kept


@pytest.mark.parametrize("name", RUNS)
def test_more_steps_go_on(name: str, tmp_path: Path) -> None:
    """Also from steps that cut a batch, or that are no multiple of record_every."""
    path = tmp_path / "checkpoint"
    for steps in (1, 2, 7, 8, 18):
        assert run(name, steps, checkpoint=path) == run(name, steps)
    history = run(name, 23, checkpoint=path)
    assert history == whole_run(name)
    assert saved(history, tmp_path) == saved(whole_run(name), tmp_path)


OTHER = tree_case(3, 2, 2, 2)
DIFFERENT: dict[str, Any] = {
    "seed": 4,
    "eta": 0.3,
    "control": et.KLCov(0.5, 0.31),
    "problem": OTHER.problem,
    "z0": OTHER.z0,
    "record_every": 2,
    "margin": 0.5,
    "state_entropy": False,
}


@pytest.mark.parametrize("argument", DIFFERENT)
@pytest.mark.parametrize("name", ["sampled", "exact"])
def test_a_checkpoint_of_other_arguments_is_refused(name: str, argument: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    run(name, 6, checkpoint=path)
    kept = path.read_bytes()
    with pytest.raises(ValueError, match=rf"\b{argument}\b"):
        run(name, 8, checkpoint=path, **{argument: DIFFERENT[argument]})
    assert path.read_bytes() == kept


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("prompts", 6),
        ("responses", 5),
        ("minibatches", 3),
        ("epochs", 1),
        ("estimator", et.RLOO()),
        ("filter_equal", True),
    ],
)
def test_a_checkpoint_of_another_sampling_is_refused(argument: str, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    run("sampled", 6, checkpoint=path)
    other = dataclasses.replace(RUNS["sampled"]["sampling"], **{argument: value})
    with pytest.raises(ValueError, match=rf"\b(sampling|{argument})\b"):
        run("sampled", 8, checkpoint=path, sampling=other)


def test_a_checkpoint_of_an_exact_run_is_refused_by_a_sampled_one(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    run("exact", 6, checkpoint=path)
    with pytest.raises(ValueError, match=r"\bsampling\b"):
        run("exact", 8, checkpoint=path, sampling=et.Sampling(prompts=2, responses=2))
    with pytest.raises(ValueError, match=r"\bupdates\b"):
        run("exact", 8, checkpoint=path, updates=2)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # an interrupt in a destructor is lost
def test_interrupts_at_any_moment(tmp_path: Path) -> None:
    """The keyboard does not wait for a progress report: an alarm raises KeyboardInterrupt anywhere in the code."""
    path, armed, stopped = tmp_path / "checkpoint", [False], 0
    rng = np.random.default_rng(0)

    def ring(number: int, frame: Any) -> None:
        if armed[0]:
            armed[0] = False
            raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, ring)
    gc.disable()  # an interrupt that is raised amid the callbacks of a collection is lost
    try:
        for _ in range(12):
            armed[0] = True
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.001, 0.04))
            try:
                run("learning", 150, checkpoint=path)
            except KeyboardInterrupt:
                stopped += 1
            armed[0] = False
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        gc.enable()
        signal.signal(signal.SIGALRM, previous)
    assert stopped
    history = run("learning", 150, checkpoint=path)
    assert history == whole_run("learning", 150)
    assert saved(history, tmp_path) == saved(whole_run("learning", 150), tmp_path)


KILLED = """
import sys, time
from tests.test_training import run

for steps in range(int(sys.argv[2]), 80):
    run("learning", steps, checkpoint=sys.argv[1])
    print(steps, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """The process writes a checkpoint after each step, so that it is killed while it writes, or nearly."""
    path = tmp_path / "checkpoint"
    for start, reached, delay in ((1, 15, 0.01), (40, 45, 0.003)):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path), str(start)],
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            cwd=Path(__file__).parent.parent,
        )
        assert child.stdout is not None
        try:
            for line in child.stdout:
                if int(line) == reached:
                    break
            time.sleep(delay)
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
        assert child.returncode == -signal.SIGKILL
    done: list[int] = []
    history = run("learning", 90, checkpoint=path, progress=lambda now, total: done.append(now))
    assert history == whole_run("learning", 90)
    assert saved(history, tmp_path) == saved(whole_run("learning", 90), tmp_path)
    assert min(done) >= 45


# History ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RUNS)
def test_saved_and_loaded(name: str, tmp_path: Path) -> None:
    history = whole_run(name)
    for path in (tmp_path / "run.npz", str(tmp_path / "other.npz")):
        history.save(path)
        again = et.History.load(path)
        assert again == history
        assert again.metadata == history.metadata
        assert type(again) is et.History
        for field in dataclasses.fields(history):
            one, two = getattr(history, field.name), getattr(again, field.name)
            if isinstance(one, np.ndarray):
                assert one.dtype == two.dtype
                assert one.tobytes() == two.tobytes(), field.name
            else:
                assert one == two, field.name
        assert saved(again, tmp_path) == saved(history, tmp_path)


def keys_of(value: Any) -> set[str]:
    """All keys of nested dictionaries."""
    if isinstance(value, dict):
        return {str(k) for k in value} | set().union(*map(keys_of, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(keys_of, value))
    return set()


@pytest.mark.parametrize("name", RUNS)
def test_a_file_describes_itself(name: str, tmp_path: Path) -> None:
    """Readable without the package and without pickles: arrays by the names of the fields, the rest as JSON."""
    history, path = whole_run(name), tmp_path / "run.npz"
    history.save(path)
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    for field in [*EVERY_RECORD, "step", "logits", "covariance_quantiles"]:
        assert np.array_equal(arrays[field], getattr(history, field), equal_nan=True), field
    texts = [str(x) for x in arrays.values() if x.ndim == 0 and x.dtype.kind in "US"]
    texts += [bytes(x.tobytes()).decode() for x in arrays.values() if x.dtype == np.uint8]
    described = [json.loads(x) for x in texts]
    (inside,) = described
    assert inside.items() >= history.metadata.items()
    assert json.loads(json.dumps(history.metadata)) == history.metadata
    keys, text = keys_of(inside), json.dumps(inside)
    for argument in ("problem", "control", "z0", "eta", "steps", "sampling", "updates", "record_every", "margin"):
        assert argument in keys, argument
    assert "seed" in keys
    assert "state_entropy" in keys
    assert et.__version__ in text
    assert np.__version__ in text
    for known in dataclasses.fields(history):
        if known.name != "metadata":
            assert known.name in keys, f"nothing says what {known.name} means"
    assert "nat" in text


def test_metadata_say_what_each_field_means() -> None:
    history = whole_run("exact")
    missing = {f.name for f in dataclasses.fields(history)} - {"metadata"} - keys_of(history.metadata)
    assert not missing


def test_metadata_tell_the_arguments() -> None:
    text = json.dumps(whole_run("learning").metadata)
    for part in ("KLCov", "PowerDecay", "PRIME", "fixed", "TokenTree"):
        assert part in text


def test_histories_compare_by_their_bytes() -> None:
    history = whole_run("sampled")
    same = dataclasses.replace(history, objective=history.objective.copy())
    assert same == history
    moved = history.objective.copy()
    moved[0] = np.nextafter(moved[0], 2)
    assert dataclasses.replace(history, objective=moved) != history
    assert history != 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        history.objective = moved


@pytest.mark.parametrize("name", RUNS)
def test_short_texts(name: str) -> None:
    history = whole_run(name)
    text, html = repr(history), history._repr_html_()
    assert "History" in text
    assert "23" in text
    assert len(text) < 800
    assert isinstance(html, str)
    assert "<" in html
    assert len(html) < 5000


# Refusals --------------------------------------------------------------------------------------------------------


def test_bad_arguments() -> None:
    known = case("tree")

    def call(argument: str, value: Any) -> Callable[[], Any]:
        options = {
            "problem": known.problem,
            "control": et.PolicyGradient(),
            "z0": known.z0,
            "eta": 0.1,
            "steps": 2,
            argument: value,
        }
        return lambda: et.train(**options)

    refuses(call("problem", 3), "problem", "3")
    refuses(call("control", None), "control", "None")
    refuses(call("control", et.PolicyGradient), "control", "PolicyGradient")
    bad = known.z0.copy()
    bad[3, 1] = NAN
    refuses(call("z0", bad), "z0", "nan", (3, 1))
    refuses(call("z0", known.z0[:-1]), "z0", "(7, 3)")
    refuses(call("z0", known.z0[None]), "z0", "(1, 8, 3)")
    value: Any
    for value in (0.0, -1.0, NAN, INF):
        refuses(call("eta", value), "eta", repr(value))
        refuses(call("eta", lambda t, value=value: value), "eta", repr(value))
    refuses(call("eta", np.ones(2)), "eta", "(2,)")
    for value in (-1, 2.5, "3"):
        refuses(call("steps", value), "steps", repr(value))
    for argument in ("updates", "record_every"):
        for value in (0, -2, 1.5, None):
            refuses(call(argument, value), argument, repr(value))
    for value in (0.0, -1.0, NAN, INF):
        refuses(call("margin", value), "margin", repr(value))
    refuses(call("sampling", 8), "sampling", "8")
    refuses(call("sampling", et.Sampling), "sampling", "Sampling")
    refuses(call("progress", 3), "progress", "3")
    refuses(call("state_entropy", "yes"), "state_entropy", "yes")


@pytest.mark.parametrize("name", ["bandit", "mdp"])
def test_only_trees_are_sampled(name: str) -> None:
    known = case(name)
    with pytest.raises(ValueError, match=r"\b(problem|sampling)\b"):
        et.train(known.problem, et.PolicyGradient(), known.z0, 0.1, 2, sampling=et.Sampling())


def test_one_problem_at_a_time() -> None:
    together = et.Bandit(np.array([[1.0, 0.0], [0.0, 1.0]]))
    with pytest.raises(ValueError, match=r"\b(problem|reward)\b"):
        et.train(together, et.PolicyGradient(), np.zeros((2, 2)), 0.1, 2)
    trees = et.TokenTree(2, 1, np.zeros((3, 1, 2)))
    with pytest.raises(ValueError, match=r"\b(problem|reward)\b"):
        et.train(trees, et.PolicyGradient(), np.zeros((1, 2)), 0.1, 2)


def test_bad_sampling() -> None:
    for argument in ("prompts", "responses", "minibatches", "epochs"):
        for value in (0, -1, 1.5, "2"):
            changes: dict[str, Any] = {argument: value}
            refuses(functools.partial(et.Sampling, **changes), argument, repr(value))
    refuses(lambda: et.Sampling(estimator="grpo"), "estimator", "grpo")  # type: ignore[arg-type]
    refuses(lambda: et.Sampling(estimator=et.GRPO), "estimator", "GRPO")  # type: ignore[arg-type]
    refuses(lambda: et.Sampling(filter_equal=2), "filter_equal", "2")  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        et.Sampling().prompts = 3  # type: ignore[misc]


def test_defaults_of_sampling() -> None:
    """Those of the paper's experiments; how often a batch is used is not compared."""
    got = et.Sampling()
    assert (got.prompts, got.responses, got.estimator, got.filter_equal) == (256, 8, et.GRPO(), False)
    assert got.minibatches * got.epochs == 8


def test_a_response_alone_has_no_baseline() -> None:
    known = case("tree")
    for estimator in (et.GRPO(), et.RLOO(), et.PRIME()):
        with pytest.raises(ValueError, match=r"\bresponses\b|\breward"):
            et.train(
                known.problem,
                et.PolicyGradient(),
                known.z0,
                0.1,
                2,
                sampling=et.Sampling(prompts=2, responses=1, minibatches=1, epochs=1, estimator=estimator),
            )


# Checkpoints that cannot be trusted ------------------------------------------------------------------------------


def exact_run(checkpoint: Any, eta: Any = 1.0, steps: int = 5, **options: Any) -> et.History:
    bandit = et.Bandit([1.0, 0.0])
    return et.train(bandit, et.PolicyGradient(), np.zeros(2), eta, steps, checkpoint=checkpoint, **options)


@pytest.mark.parametrize("damage", ["cut", "flipped", "junk", "empty"])
def test_damaged_files_are_named(damage: str, tmp_path: Path) -> None:
    path, saved = tmp_path / "run.ckpt", tmp_path / "run.npz"
    exact_run(path).save(saved)
    readers: list[tuple[Path, Callable[[], Any]]] = [
        (path, lambda: exact_run(path)),
        (saved, lambda: et.History.load(saved)),
    ]
    for file, read in readers:
        whole = file.read_bytes()
        middle, eighth = len(whole) // 2, len(whole) // 8
        flipped = whole[:middle] + bytes(x ^ 255 for x in whole[middle : middle + eighth]) + whole[middle + eighth :]
        file.write_bytes({"cut": whole[:middle], "flipped": flipped, "junk": b"PK\x03\x04junk", "empty": b""}[damage])
        with pytest.raises(ValueError, match=file.name):
            read()


def test_a_checkpoint_that_cannot_be_written_is_found_out_before_any_work(tmp_path: Path) -> None:
    steps: list[int] = []
    for path in (tmp_path, tmp_path / "none" / "run.ckpt", 3, Path("/proc/run.ckpt")):
        with pytest.raises(ValueError, match="checkpoint is"):
            exact_run(path, progress=lambda done, total: steps.append(done))
    assert not steps


def test_a_failing_save_does_not_hide_the_error(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def gone(step: int) -> float:
        if step == 3:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
            raise RuntimeError("the schedule fails")
        return 1.0

    with pytest.raises(RuntimeError, match="the schedule fails") as caught:
        exact_run(folder / "run.ckpt", gone)
    assert any("checkpoint is" in note for note in caught.value.__notes__)


def times(factor: float, step: int) -> float:
    return factor / (step + 1)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda step: 1.0, lambda step: 0.001),
        (functools.partial(times, 1.0), functools.partial(times, 0.001)),
        ((lambda c: lambda step: c)(1.0), (lambda c: lambda step: c)(0.001)),
    ],
)
def test_functions_are_told_apart_by_what_they_do(first: Any, second: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    exact_run(path, first)
    assert exact_run(path, first, 8) == exact_run(tmp_path / "other", first, 8)
    with pytest.raises(ValueError, match="with eta ="):
        exact_run(path, second, 9)


class Halved(et.Estimator):
    """An estimator that is no dataclass."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def advantages(self, rollouts: et.Rollouts, memory: Any = None) -> Any:
        return np.broadcast_to(self.factor * rollouts.reward[..., None], rollouts.action.shape)


def test_objects_are_described_by_their_attributes(tmp_path: Path) -> None:
    tree = et.TokenTree.random(3, 2, prompts=2)

    def run_with(factor: float, steps: int) -> et.History:
        sampling = et.Sampling(prompts=2, responses=2, estimator=Halved(factor))
        options: Any = {"sampling": sampling, "checkpoint": tmp_path / "run.ckpt"}
        return et.train(tree, et.PolicyGradient(), tree.pretrained(1.0), 1.0, steps, **options)

    assert run_with(0.5, 8) == run_with(0.5, 8)
    with pytest.raises(ValueError, match="with sampling ="):
        run_with(0.25, 8)


def test_metadata_is_one_s_own() -> None:
    first = exact_run(None)
    first.metadata["fields"]["step"] = "changed"
    assert exact_run(None).metadata["fields"]["step"] != "changed"


def test_problems_of_exact_numbers_are_refused() -> None:
    bandit = et.Bandit([Fraction(1, 2), Fraction(0)])
    with pytest.raises(ValueError, match=r"problem is .*expected one in floats"):
        et.train(bandit, et.PolicyGradient(), np.zeros(2), 1.0, 1)


@pytest.mark.parametrize("eta", [-1.0, 0.0, "x", np.nan])
def test_a_step_size_is_checked_before_the_first_step(eta: Any) -> None:
    with pytest.raises(ValueError, match="eta"):
        exact_run(None, eta, 0)


def test_the_natural_gradient_of_a_batch_estimates_the_advantage_itself() -> None:
    """What the docstring of `train` says about scales: grad J / T for the policy gradient, A for the natural one."""
    tree = et.TokenTree.random(2, 2, prompts=1, correct=0.5, seed=1)
    z = tree.pretrained(0.5, seed=3)
    sampling = et.Sampling(prompts=20_000, responses=4, epochs=1, estimator=et.RLOO())
    exact = {et.PolicyGradient: et.policy_gradient(tree, z) / 2, et.NaturalPolicyGradient: tree.values(z).advantage}
    for control, expected in exact.items():
        run = et.train(tree, control(), z, 1e-6, 1, sampling=sampling, seed=5)
        np.testing.assert_allclose((run.logits - z) / 1e-6, expected, atol=0.02)
