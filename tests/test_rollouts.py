"""Sampled responses against exact probabilities.

What a sample is made of is checked token by token against the numbering of the tree; how often a response comes
against its exact probability, by chi-square tests with fixed seeds that a correct sampler fails once in a million.
The ends of the unit interval, where a search in cumulative probabilities goes wrong, are reached with generators whose
state is set so that they draw 0 or the largest double below 1.
"""

from __future__ import annotations

import itertools
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import entropy_theory as et
from entropy_theory.rollouts import Rollouts, draw_prompts, sample
from tests.oracles import policies, rounding
from tests.oracles.numbers import assert_within
from tests.oracles.responses import Responses
from tests.test_bad_input import refuses

LIKELY = 1e-6
"""A correct sampler fails one test of a million; the seeds are fixed, so it fails none for good."""


def tree_of(responses: Responses) -> Any:
    return et.TokenTree(
        responses.vocabulary, responses.horizon, np.array(responses.reward, float), weights=responses.weights
    )


def random_responses(vocabulary: int, horizon: int, prompts: int, seed: int) -> Responses:
    """Rewards that are all different, so that a reward tells its response; dyadic weights."""
    rng = np.random.default_rng(seed)
    size = prompts * vocabulary**horizon
    reward = (rng.permutation(size) / 4).reshape(prompts, -1).tolist()
    weights = np.full(prompts, 1.0)
    weights[1:] = 0.5 ** np.arange(1, prompts)
    weights[0] = 1 - weights[1:].sum()
    return Responses(vocabulary, horizon, reward, weights.tolist())


@st.composite
def situations(draw: Any) -> tuple[Responses, Any, Any, int, int]:
    vocabulary, horizon = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    known = random_responses(vocabulary, horizon, draw(st.integers(1, 3)), draw(st.integers(0, 99)))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    scale = draw(st.sampled_from([0.0, 1.0, 30.0, 1000.0]))
    z = rng.normal(size=(known.states, vocabulary)) * scale
    prompts = rng.integers(0, known.prompts, size=draw(st.integers(0, 4)))
    return known, z, prompts, draw(st.integers(1, 4)), draw(st.integers(0, 10**6))


# What a sample is made of ----------------------------------------------------------------------------------------


@given(situations())
def test_states_rewards_and_log_probabilities(situation: tuple[Responses, Any, Any, int, int]) -> None:
    known, z, prompts, responses, seed = situation
    tree = tree_of(known)
    got = sample(tree, z, prompts, responses, np.random.default_rng(seed))
    assert isinstance(got, Rollouts)
    shape = (len(prompts), responses, known.horizon)
    assert (got.groups, got.responses, got.horizon) == shape
    assert np.array_equal(got.prompt, prompts)
    assert got.state.shape == got.action.shape == got.log_prob.shape == shape
    assert got.reward.shape == shape[:2]
    assert got.reward.dtype == got.log_prob.dtype == np.float64
    assert got.state.dtype.kind in "iu"
    assert got.action.dtype.kind in "iu"
    for g, k in np.ndindex(*shape[:2]):
        tokens = got.action[g, k].tolist()
        assert got.state[g, k].tolist() == known.path(int(prompts[g]), tokens)
        assert [tree.prefix(int(s)) for s in got.state[g, k]] == [
            (int(prompts[g]), tuple(tokens[:t])) for t in range(known.horizon)
        ]
        assert got.reward[g, k] == known.earned(int(prompts[g]), tokens)
    if got.groups:
        rows = z[got.state.ravel()]
        exact = policies.exactly(policies.log_softmax, rows, digits=60)
        taken = np.arange(len(rows)), got.action.ravel()
        assert_within(got.log_prob.ravel(), exact[taken], rounding.log_softmax(rows)[taken], "log_prob")


def test_a_sample_is_a_function_of_the_generator() -> None:
    known = random_responses(3, 3, 2, 0)
    tree, z, prompts = tree_of(known), np.zeros((known.states, 3)), np.array([0, 1, 1])

    def drawn(seed: int) -> Any:
        return sample(tree, z, prompts, 5, np.random.default_rng(seed))

    for name in ("prompt", "state", "action", "reward", "log_prob"):
        assert np.array_equal(getattr(drawn(7), name), getattr(drawn(7), name))
    assert not np.array_equal(drawn(7).action, drawn(8).action)
    rng = np.random.default_rng(7)
    first, second = sample(tree, z, prompts, 5, rng), sample(tree, z, prompts, 5, rng)
    assert not np.array_equal(first.action, second.action)


def test_arguments_are_left_as_they_are() -> None:
    known = random_responses(2, 2, 2, 0)
    z, prompts = np.linspace(-1, 1, known.states * 2).reshape(-1, 2), np.array([1, 0])
    kept = z.copy(), prompts.copy()
    sample(tree_of(known), z, prompts, 3, np.random.default_rng(0))
    assert np.array_equal(z, kept[0])
    assert np.array_equal(prompts, kept[1])


def test_some_groups() -> None:
    known = random_responses(2, 3, 3, 1)
    z = np.zeros((known.states, 2))
    whole = sample(tree_of(known), z, np.array([2, 0, 1, 1]), 3, np.random.default_rng(0))
    for index in (np.array([3, 1]), np.array([True, False, False, True]), np.array([], dtype=int)):
        part = whole.take(index)
        assert isinstance(part, Rollouts)
        for name in ("prompt", "state", "action", "reward", "log_prob"):
            assert np.array_equal(getattr(part, name), getattr(whole, name)[index])
        assert (part.responses, part.horizon) == (3, 3)
        assert part.groups == len(part.prompt)


# How often -------------------------------------------------------------------------------------------------------


def leaf_counts(known: Responses, got: Any) -> Any:
    """How often each response to each prompt was drawn."""
    place = np.zeros(got.action.shape[:2], dtype=int)
    for t in range(known.horizon):
        place = place * known.vocabulary + got.action[..., t]
    counts = np.zeros((known.prompts, known.vocabulary**known.horizon), dtype=int)
    np.add.at(counts, (np.broadcast_to(got.prompt[:, None], place.shape), place), 1)
    return counts


def response_probabilities(known: Responses, z: Any) -> Any:
    """P(y) for each prompt, shape (M, V**T)."""
    policy = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    out = np.zeros((known.prompts, known.vocabulary**known.horizon))
    for m, y in known.all():
        out[m, known.place(y)] = known.probability(policy.tolist(), m, y)
    return out


def chi_square(observed: Any, probability: Any) -> float:
    """p-value of the counts; cells of fewer than five expected are put together."""
    expected = probability * observed.sum()
    small = expected < 5
    if small.any():
        observed = np.append(observed[~small], observed[small].sum())
        expected = np.append(expected[~small], expected[small].sum())
    return float(scipy.stats.chisquare(observed, expected).pvalue)


@pytest.mark.parametrize(("vocabulary", "horizon", "scale"), [(2, 3, 1.0), (5, 2, 1.5), (7, 1, 1.0), (3, 3, 0.0)])
def test_frequencies_of_responses(vocabulary: int, horizon: int, scale: float) -> None:
    known = random_responses(vocabulary, horizon, 2, 0)
    z = np.random.default_rng(5).normal(size=(known.states, vocabulary)) * scale
    got = sample(tree_of(known), z, np.repeat([0, 1], 2000), 10, np.random.default_rng(11))
    counts, probability = leaf_counts(known, got), response_probabilities(known, z)
    for m in range(2):
        assert counts[m].sum() == 20000
        assert chi_square(counts[m], probability[m]) > LIKELY


def test_responses_are_independent() -> None:
    """Pairs within a group, and pairs of neighbours in different groups, by the product of the probabilities."""
    known = random_responses(2, 2, 1, 0)
    z = np.random.default_rng(3).normal(size=(known.states, 2))
    got = sample(tree_of(known), z, np.zeros(12000, dtype=int), 2, np.random.default_rng(1))
    place = got.action[..., 0] * 2 + got.action[..., 1]
    p = response_probabilities(known, z)[0]
    both = np.outer(p, p).ravel()
    pairs = {
        "in a group": place[:, 0] * 4 + place[:, 1],
        "across groups": place[0::2, 0] * 4 + place[1::2, 0],
        "the next but one": place[:-1:2, 1] * 4 + place[1::2, 0],
    }
    for what, pair in pairs.items():
        assert chi_square(np.bincount(pair, minlength=16), both) > LIKELY, what


def test_improbable_actions_are_never_drawn() -> None:
    """Probabilities that underflow to zero, at every place among the actions."""
    for where in range(4):
        known = random_responses(4, 2, 1, where)
        z = np.full((known.states, 4), -2000.0)
        z[:, where] = z[:, (where + 1) % 4] = 0.0
        got = sample(tree_of(known), z, np.zeros(50, dtype=int), 40, np.random.default_rng(where))
        assert set(np.unique(got.action)) == {where, (where + 1) % 4}
        assert np.isclose(got.log_prob, -np.log(2), rtol=1e-15).all()


def always_zero() -> Any:
    """A generator that draws 0.0 for ever: the state of the Mersenne twister is zero."""
    bits = np.random.MT19937(0)
    bits.state = {"bit_generator": "MT19937", "state": {"key": np.zeros(624, dtype=np.uint32), "pos": 0}}
    return np.random.Generator(bits)


def almost_one() -> Any:
    """A generator whose first draw is the largest double below one."""
    bits = np.random.SFC64(0)
    state: Any = bits.state
    state["state"]["state"] = np.array([2**64 - 1, 0, 0, 0], dtype=np.uint64)
    bits.state = state
    return np.random.Generator(bits)


def test_the_generators_at_the_ends() -> None:
    assert always_zero().random(3).tolist() == [0.0, 0.0, 0.0]
    assert almost_one().random() == 1 - 2.0**-53


@pytest.mark.parametrize("make", [always_zero, almost_one])
@pytest.mark.parametrize("likely", [[3], [0, 1, 2], [4, 5], list(range(10)), [1, 5, 8]])
def test_draws_at_the_ends_of_the_unit_interval(make: Any, likely: list[int]) -> None:
    """Ten equal probabilities add up to 1 - 2**-53 in floating point, which a draw may reach; and a draw of zero must
    not fall on a first action of probability zero."""
    known = random_responses(10, 1, 1, 0)
    z = np.full((1, 10), -2000.0)
    z[:, likely] = 0.0
    got = sample(tree_of(known), z, np.zeros(1, dtype=int), 4, make())
    assert set(got.action.ravel().tolist()) <= set(likely)
    assert np.isfinite(got.log_prob).all()


# Prompts ---------------------------------------------------------------------------------------------------------


def weighted_tree(weights: Any) -> Any:
    return et.TokenTree(2, 1, [0.0, 1.0], prompts=len(weights), weights=weights)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=8).filter(any), st.integers(1, 40), st.integers(0, 10**6))
def test_prompts_are_drawn_systematically(parts: list[int], number: int, seed: int) -> None:
    """Each prompt comes number * c_m times, rounded down or up; never if c_m is zero."""
    weights = np.array(parts) / sum(parts)
    got = draw_prompts(weighted_tree(weights), number, np.random.default_rng(seed))
    assert got.shape == (number,)
    assert got.dtype.kind in "iu"
    counts = np.bincount(got, minlength=len(parts))
    assert len(counts) == len(parts)
    for part, count in zip(parts, counts, strict=True):
        below, rest = divmod(number * part, sum(parts))
        # An expected number that is an integer may be missed by one where the weights are rounded.
        assert below - (rest == 0) <= count <= below + 1
        assert part or not count


@pytest.mark.parametrize("prompts", [1, 2, 3, 7, 10, 49, 100, 199, 1000])
def test_each_prompt_once(prompts: int) -> None:
    tree = et.TokenTree(2, 1, [0.0, 1.0], prompts=prompts)
    for seed in range(20):
        got = draw_prompts(tree, prompts, np.random.default_rng(seed))
        assert sorted(got.tolist()) == list(range(prompts))


@pytest.mark.parametrize("make", [always_zero, almost_one])
@pytest.mark.parametrize("weights", [[0.0, 0.5, 0.5, 0.0], [0.1] * 10, [0.7, 0.2, 0.1], [1.0, 0.0]])
def test_prompts_at_the_ends_of_the_unit_interval(make: Any, weights: list[float]) -> None:
    got = draw_prompts(weighted_tree(weights), 7, make())
    assert got.shape == (7,)
    assert set(got.tolist()) <= {m for m, c in enumerate(weights) if c}


def test_exact_shares() -> None:
    tree = weighted_tree([0.5, 0.25, 0.25])
    for seed in range(20):
        assert np.bincount(draw_prompts(tree, 8, np.random.default_rng(seed))).tolist() == [4, 2, 2]


def test_prompts_are_unbiased() -> None:
    """The mean count is number * c_m; a count is one of two neighbours, so its variance is at most 1/4."""
    weights = np.array([0.37, 0.05, 0.45, 0.13])
    runs, number = 4000, 5
    rng = np.random.default_rng(2)
    tree = weighted_tree(weights)
    mean = sum(np.bincount(draw_prompts(tree, number, rng), minlength=4) for _ in range(runs)) / runs
    limit = scipy.stats.norm.isf(LIKELY / 8) * 0.5 / np.sqrt(runs)
    assert np.abs(mean - number * weights).max() < limit


# Refusals --------------------------------------------------------------------------------------------------------


def test_bad_arguments() -> None:
    tree = et.TokenTree(2, 2, [0.0, 0.0, 0.0, 1.0], prompts=2)
    z, rng = np.zeros((tree.states, 2)), np.random.default_rng(0)
    first = np.array([0])
    refuses(lambda: sample(tree, z, np.array([0, 2]), 3, rng), "prompts", "2")
    refuses(lambda: sample(tree, z, np.array([-1]), 3, rng), "prompts", "-1")
    refuses(lambda: sample(tree, z, np.array([0.5]), 3, rng), "prompts", "")
    refuses(lambda: sample(tree, z, first, 0, rng), "responses", "0")
    refuses(lambda: sample(tree, z, first, 2.5, rng), "responses", "2.5")  # type: ignore[arg-type]
    refuses(lambda: sample(tree, z[:-1], first, 3, rng), "z", "")
    bad = z.copy()
    bad[0, 1] = np.nan
    refuses(lambda: sample(tree, bad, first, 3, rng), "z", "nan", (0, 1))
    refuses(lambda: draw_prompts(tree, -1, rng), "number", "-1")
    refuses(lambda: draw_prompts(tree, 1.5, rng), "number", "1.5")  # type: ignore[arg-type]


def test_the_mean_of_the_rewards_is_the_objective() -> None:
    """Within the bound of Bernstein's inequality; the variance of a response's reward is known by enumeration."""
    known = random_responses(3, 2, 2, 4)
    z = np.random.default_rng(0).normal(size=(known.states, 3))
    p = response_probabilities(known, z)
    value, number = np.array(known.reward, float), 6000
    got = sample(tree_of(known), z, np.repeat([0, 1], number // 2), 1, np.random.default_rng(9))
    for m in range(2):
        mean = (p[m] * value[m]).sum()
        variance, width = (p[m] * (value[m] - mean) ** 2).sum(), np.ptp(value[m])
        log = np.log(2 / LIKELY)
        limit = np.sqrt(2 * variance * log / (number / 2)) + 2 * width * log / (3 * number / 2)
        assert abs(got.reward[got.prompt == m].mean() - mean) < limit
    with mpmath.workdps(30):
        total = sum(known.weights[m] * (p[m] * value[m]).sum() for m in range(2))
        assert abs(float(tree_of(known).objective(z)) - total) < 1e-12


def test_every_response_can_come() -> None:
    known = random_responses(2, 2, 1, 0)
    got = sample(tree_of(known), np.zeros((known.states, 2)), np.zeros(40, dtype=int), 10, np.random.default_rng(0))
    drawn = {tuple(x) for x in got.action.reshape(-1, 2).tolist()}
    assert drawn == set(itertools.product(range(2), repeat=2))
