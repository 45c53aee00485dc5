"""Formulas of the experiments on covariance, against loops, enumeration and known laws."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.special import digamma

from entropy_theory.controls import PolicyGradient
from entropy_theory.estimators import GRPO
from entropy_theory.rollouts import Rollouts, sample
from entropy_theory.simulations import covariance_tail as ct
from entropy_theory.simulations import difficulty, entropy_covariance
from entropy_theory.simulations.setting import FULL, SMALL
from entropy_theory.training import Sampling

TINY = ct.Model(vocabulary=3, horizon=3, entropy=0.7, prompts=40, responses=6)


def kinds(model: ct.Model, seed: int = 0) -> ct.Kinds:
    return ct.Kinds.of(model, np.random.default_rng(seed))


# The tail --------------------------------------------------------------------------------------------------------


def test_tail_against_a_loop() -> None:
    covariance = np.random.default_rng(0).standard_t(2, size=(10, 50, 20))
    found = ct.tail(covariance)
    ordered = sorted(covariance.ravel(), reverse=True)
    for share, mean in zip(ct.SHARES, found["means"], strict=True):
        number = round(share * 10_000)
        assert mean == pytest.approx(math.fsum(ordered[:number]) / number)
    total = sum(abs(c) for c in ordered)
    assert found["carried"] == pytest.approx(sum(ordered[:2]) / total)
    assert found["positive"] == sum(c > 0 for c in ordered) / 10_000
    assert found["ratio"] == pytest.approx(found["means"][-1] / found["means"][0])


def test_bound_of_the_absolute_mean_holds_and_is_sharp() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        values = np.sort(rng.normal(rng.normal(), 1, size=20))[::-1]
        bound = ct.least_absolute_mean(float(values[:10].mean()), float(values.mean()))
        assert np.abs(values).mean() >= bound - 1e-12
    assert ct.least_absolute_mean(0.152, 0.003) == pytest.approx(np.abs([0.152, -0.146]).mean())


# The model -------------------------------------------------------------------------------------------------------


def test_kinds_are_policies_with_the_entropy_that_is_asked() -> None:
    table = kinds(TINY)
    p = np.exp(table.log_p)
    np.testing.assert_allclose(p.sum(-1), 1)
    np.testing.assert_allclose((p * table.effect).sum(-1), 0, atol=1e-15)
    assert np.abs(table.effect).max() <= 1
    entropy = -(p * table.log_p).sum(-1).mean()
    assert table.entropy == pytest.approx(entropy)
    assert entropy == pytest.approx(0.7, rel=0.01)


@pytest.mark.parametrize("entropy", [0.3, 0.6, 1.2])
def test_confidence_is_near_that_of_the_poisson_dirichlet_law(entropy: float) -> None:
    """``psi(1) - psi(1 - m) = H`` with ``m = sqrt(2 log V) / c``; the approach to the law is slow, about 1 / log V."""
    g = np.random.default_rng(2).standard_normal((100, 50_000))
    c = ct.confidence_for(g - g.max(-1, keepdims=True), entropy)
    m = math.sqrt(2 * math.log(50_000)) / c
    assert digamma(1) - digamma(1 - m) == pytest.approx(entropy, rel=0.4)


def test_entropy_out_of_reach() -> None:
    with pytest.raises(ValueError, match=r"entropy is 2.0, expected one between 0 and log V"):
        ct.confidence_for(np.zeros((2, 3)) - np.arange(3), 2.0)


def test_tokens_are_drawn_by_their_probabilities() -> None:
    table = kinds(TINY)
    kind = np.repeat([0, 5], 40_000)
    token = table.draw(kind, np.random.default_rng(3))
    for k in (0, 5):
        p = np.exp(table.log_p[k])
        share = np.bincount(token[kind == k], minlength=3) / 40_000
        assert (np.abs(share - p) < 5 * np.sqrt(p * (1 - p) / 40_000)).all()


def test_advantages_are_those_of_the_chance_of_success() -> None:
    """By enumeration of all responses: v is the expectation of the v at the end, whatever the kinds on the way."""
    table = kinds(TINY)
    for start in (0.05, 0.5, 0.9):
        total = 0.0
        for first, second in itertools.product(range(3), repeat=2):
            v = start + start * (1 - start) * table.effect[1, first]
            last = v + v * (1 - v) * table.effect[2 + first, second]
            assert 0 <= last <= 1
            total += math.exp(table.log_p[1, first] + table.log_p[2 + first, second]) * last
        assert total == pytest.approx(start)


def test_rewards_have_the_chance_that_the_responses_end_with() -> None:
    model = ct.Model(vocabulary=8, horizon=20, entropy=0.7, prompts=4000, responses=2)
    rng = np.random.default_rng(4)
    batch = ct.sample(model, ct.Kinds.of(model, rng), rng)
    gain = batch.advantage.sum(-1)
    # R - v0 = sum of advantages + a coin of mean zero; v0 is uniform, with mean 1/2.
    assert abs((batch.reward - gain).mean() - 0.5) < 5 * 0.5 / math.sqrt(4000)
    assert np.polyfit(gain.ravel(), batch.reward.ravel(), 1)[0] == pytest.approx(1, abs=0.1)


def test_responses_with_a_common_prefix_share_its_state() -> None:
    """At most V distinct first tokens of a prompt and V^2 distinct pairs."""
    model = ct.Model(vocabulary=2, horizon=2, entropy=0.5, prompts=5, responses=200)
    rng = np.random.default_rng(5)
    batch = ct.sample(model, ct.Kinds.of(model, rng), rng)
    for of_prompt in batch.log_p:
        assert len(np.unique(of_prompt[:, 0])) <= 2
        assert len(np.unique(of_prompt, axis=0)) <= 4


def test_released_covariance_against_a_loop() -> None:
    rng = np.random.default_rng(6)
    batch = ct.sample(TINY, kinds(TINY), rng)
    kept = [g for g in range(40) if 0 < batch.reward[g].sum() < 6]
    advantage = {g: GRPO().of_rewards(batch.reward[g]) for g in kept}
    tokens = [(batch.log_p[g, i, t], advantage[g][i]) for g in kept for i in range(6) for t in range(3)]
    x, a = (math.fsum(column) / len(tokens) for column in zip(*tokens, strict=True))
    expected = [(log_p - x) * (value - a) for log_p, value in tokens]
    np.testing.assert_allclose(ct.covariances(batch)["GRPO"].ravel(), expected, atol=1e-12)


# Whole responses -------------------------------------------------------------------------------------------------


def drawn() -> tuple[Rollouts, np.ndarray]:
    tree, z, _ = SMALL.start(0)
    rollouts = sample(tree, z, np.arange(tree.prompts), 8, np.random.default_rng(7))
    return rollouts, GRPO().of_rewards(rollouts.reward)


def test_response_covariance_against_numpy() -> None:
    rollouts, advantage = drawn()
    found = entropy_covariance.response_covariance(rollouts, advantage)
    for g, value in enumerate(found):
        expected = np.cov(rollouts.log_prob[g].sum(-1) / rollouts.horizon, advantage[g], ddof=0)[0, 1]
        assert value == pytest.approx(expected, abs=1e-12)


def test_response_covariance_is_the_mean_over_the_tokens() -> None:
    """As the advantages of a prompt have mean zero, whatever the means over the batch are."""
    rollouts, advantage = drawn()
    found = entropy_covariance.response_covariance(rollouts, advantage)
    for centre in (0.0, -1.3):
        tokens = (rollouts.log_prob - centre) * advantage[..., None]
        np.testing.assert_allclose(tokens.mean((1, 2)), found, atol=1e-12)


@pytest.mark.parametrize("setting", [FULL, SMALL])
def test_records_are_at_first_updates_of_batches(setting: object) -> None:
    assert isinstance(setting, type(FULL))
    number = entropy_covariance._records(setting)
    assert (setting.steps // number) % setting.epochs == 0


def test_exact_covariance_is_the_mean_over_the_prompts() -> None:
    tree, z, _ = SMALL.start(1)
    expected = difficulty.per_prompt(tree, z)["pA"].mean()
    assert entropy_covariance.exact_covariance(tree, z) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("filter_equal", [True, False])
def test_watched_batches_are_those_of_plain_sampling(filter_equal: bool) -> None:
    """With sums over mixed prompts only, or over all, where the others count as zero."""
    tree, z, _ = SMALL.start(2)
    watched = entropy_covariance.Watched(prompts=tree.prompts, filter_equal=filter_equal, exact_every=2)
    plain = Sampling(prompts=tree.prompts, filter_equal=filter_equal)
    rng, same = np.random.default_rng(8), np.random.default_rng(8)
    for _ in range(3):
        rollouts, expected = watched.collect(tree, z, rng), plain.collect(tree, z, same)
        np.testing.assert_array_equal(rollouts.action, expected.action)
        advantage = GRPO().of_rewards(expected.reward)
        probability = np.exp(expected.log_prob.sum(-1))
        with_policy, without, groups = watched.responses_seen[-1]
        sums = [0.0, 0.0]
        for g in range(expected.groups):
            x = expected.log_prob[g].mean(-1)
            for i, change in enumerate((probability[g] * advantage[g], advantage[g])):
                sums[i] += np.cov(x, change, ddof=0)[0, 1]
        assert (with_policy, without) == pytest.approx(tuple(sums), abs=1e-12)
        assert groups == expected.groups
    assert watched.exact == [entropy_covariance.exact_covariance(tree, z)] * 2


def test_watching_changes_no_run() -> None:
    run = SMALL.sampled(PolicyGradient(), 0, records=entropy_covariance._records(SMALL))
    found = entropy_covariance.repetition(SMALL, 0)
    np.testing.assert_array_equal(found["step"], run.step[:-1])
    np.testing.assert_array_equal(found["covariance"], run.covariance[:-1])


def test_covariance_of_a_prompt_by_enumeration() -> None:
    tree, z, _ = SMALL.start(1)
    values = tree.values(z)
    found = difficulty.per_prompt(tree, z)
    for m in range(tree.prompts):
        expected = {"A": 0.0, "pA": 0.0, "entropy": 0.0}
        for prefix, chance in [((), 1.0), *(((a,), None) for a in range(4))]:
            s = tree.state(m, prefix)
            p = np.exp(z[s]) / np.exp(z[s]).sum()
            if not prefix:
                root = p
            share = (1.0 if chance else float(root[prefix[0]])) / 2
            x, a = np.log(p), values.advantage[s]
            expected["A"] += share * float(p @ (x * a))
            expected["pA"] += share * float(p @ (x * p * a) - (p @ x) * (p @ (p * a)))
            expected["entropy"] -= share * float(p @ x)
        for name, value in expected.items():
            assert found[name][m] == pytest.approx(value, abs=1e-12)
