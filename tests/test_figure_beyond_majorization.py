"""The numbers of the figure of majorization, by routes of their own: plain loops with 50 digits from a rational policy.

The update by a step of any size: ``p'`` is ``p_a exp(eta p_a A_a)``, normalised; no logits are kept.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from entropy_theory.figures import beyond_majorization
from tests.drawings import shows_curve, words
from tests.oracles import ascent, simplex

EPS = 2.0**-52
START = [Fraction(16, 20), Fraction(3, 20), Fraction(1, 20)]
REWARDS = [[Fraction(1), Fraction(9, 10), Fraction(0)], [Fraction(9, 10), Fraction(1), Fraction(0)]]
ROUNDING = 500 * EPS
"""Of a probability. Each of 240 steps rounds logits, up to 7, by some EPS; a change of a logit counts at most 1/4. No
step draws policies apart by more than a few percent, and only while the second run changes its best action."""


@pytest.fixture(scope="module", name="data")
def _data() -> beyond_majorization.Data:
    return beyond_majorization.data()


def step(p: Any, reward: Any, eta: Any) -> Any:
    """One exact update by tilting the probabilities."""
    weight = p * np.array([mpmath.exp(eta * x) for x in simplex.direction(p, reward)])
    return weight / weight.sum()


@pytest.fixture(scope="module", name="runs")
def _runs() -> Any:
    """Policies, (2, UPDATES + 1, 3), with 50 digits."""
    with simplex.precise:
        runs = []
        for reward in simplex.wide(REWARDS):
            path = [simplex.wide(START)]
            for _ in range(beyond_majorization.UPDATES):
                path.append(step(path[-1], reward, 1))
            runs.append(path)
        return np.array(runs, dtype=object)


def largest(p: Any) -> Any:
    """Probability of the k most probable actions, k = 0, ..., 3."""
    sums = np.cumsum(-np.sort(-p, axis=-1), axis=-1)
    return np.concatenate([np.zeros_like(sums[..., :1]), sums], axis=-1)


def entropies(p: Any) -> Any:
    """Shannon's, Rényi's of order two and the min-entropy, from the limit formula ``log sum p^q / (1 - q)``, q -> 1,
    2 and infinity; (..., 3)."""
    return np.stack([simplex.entropy(p), -simplex.log((p**2).sum(-1)), simplex.log(1 / p.max(-1))], axis=-1)


def turns(values: Any) -> list[int]:
    """Signs of the changes, without repetition: -1 falls, 1 rises."""
    signs = [1 if b > a else -1 if b < a else 0 for a, b in itertools.pairwise(values)]
    return [s for i, s in enumerate(signs) if i == 0 or s != signs[i - 1]]


def test_runs(data: beyond_majorization.Data, runs: Any) -> None:
    assert tuple(map(float, START)) == beyond_majorization.START
    assert tuple(tuple(map(float, reward)) for reward in REWARDS) == beyond_majorization.REWARDS
    assert (beyond_majorization.ETA, data.policies.shape) == (1, (2, beyond_majorization.UPDATES + 1, 3))
    assert abs(data.policies - runs).max() < ROUNDING
    with simplex.precise:  # the logits, moved one by one, lead to the same policies
        for reward, path in zip(simplex.wide(REWARDS), runs, strict=True):
            logits = ascent.run(reward, list(simplex.log(path[0])), 1, beyond_majorization.UPDATES)
            assert abs(np.array(ascent.probabilities(logits[-1])) - path[-1]).max() < 1e-40


def test_entropies(data: beyond_majorization.Data, runs: Any) -> None:
    with simplex.precise:
        exact = np.moveaxis(entropies(runs), -1, 1)
        # Shannon's changes by at most ``sum |log p_a| dp_a``, log p > -7; the others by less, as max p > 1/2.
        assert data.entropies.shape == exact.shape == (2, 3, beyond_majorization.UPDATES + 1)
        assert abs(data.entropies - exact).max() < 15 * ROUNDING
        order: Any = np.diff(exact, axis=1)  # Rényi entropies fall with their order
        assert (order < 0).all()


def test_snapshots_and_sums(data: beyond_majorization.Data, runs: Any) -> None:
    with simplex.precise:
        shannon = list(simplex.entropy(runs[1]))
        high = shannon.index(max(shannon))
        low = shannon.index(min(shannon[:high]))
        assert data.snapshots.tolist() == [0, low, high, beyond_majorization.UPDATES]
        assert [mpmath.nstr(shannon[t], 3) for t in (0, low, high)] == ["0.613", "0.558", "0.746"]
        exact = largest(runs[:, data.snapshots])
        assert data.sums.shape == exact.shape == (2, 4, 4)
        assert abs(data.sums - exact).max() < 2 * ROUNDING


def test_known_example_with_smaller_steps() -> None:
    """The entropy falls from .613 to .560, then rises to .747, though Cov is positive at the start."""
    with simplex.precise:
        start, reward = simplex.wide(START), simplex.wide(REWARDS[1])
        assert simplex.fall(start, reward) > 0
        path = [start]
        for _ in range(300):
            path.append(step(path[-1], reward, mpmath.mpf(1) / 4))
        values = list(simplex.entropy(np.array(path)))
        high = values.index(max(values))
        assert [mpmath.nstr(x, 3) for x in (values[0], min(values[:high]), values[high])] == ["0.613", "0.56", "0.747"]


def test_from_a_comonotone_start_every_sum_rises_and_every_entropy_falls(
    data: beyond_majorization.Data, runs: Any
) -> None:
    """Each update's policy majorises the one before and keeps the order of the rewards; so does a step of any size
    majorise."""
    assert sorted(START, reverse=True) == START
    assert sorted(REWARDS[0], reverse=True) == REWARDS[0]
    with simplex.precise:
        assert (np.diff(-runs[0], axis=-1) > 0).all()
        for rises in (np.diff(largest(runs[0]), axis=0)[:, 1:3], np.diff(largest(data.policies[0]), axis=0)[:, 1:3]):
            assert (rises > 0).all()
        sums = np.diff(data.sums[0], axis=0)
        assert (sums[:, 1:3] > 0).all()
        assert np.abs(sums[:, 3]).max() < 4 * EPS
        assert [turns(row) for row in (*data.entropies[0], *entropies(runs[0]).T)] == [[-1]] * 6
        start, reward = simplex.wide(START), simplex.wide(REWARDS[0])
        for eta in (0.01, 1, 8, 60, 1000):
            before, after = largest(start), largest(step(start, reward, eta))
            assert (after[1:3] > before[1:3]).all()


def test_with_the_rewards_exchanged_the_curves_cross(data: beyond_majorization.Data, runs: Any) -> None:
    """All entropies fall, rise and fall again; the highest falls short in k = 1 and leads in k = 2."""
    assert REWARDS[1] == [REWARDS[0][1], REWARDS[0][0], REWARDS[0][2]]
    with simplex.precise:
        assert [turns(row) for row in (*data.entropies[1], *entropies(runs[1]).T)] == [[-1, 1, -1]] * 6
    _, one, two, _ = data.sums[1].T
    assert one[2] < one[0] < one[1] < one[3]
    assert (np.diff(two) > 0).all()
    best = data.policies[1].argmax(-1)
    assert (best[0], best[data.snapshots[1]], best[-1]) == (0, 0, 1)


def test_data_are_the_same_each_time(data: beyond_majorization.Data) -> None:
    again = beyond_majorization.data()
    for name in beyond_majorization.Data.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(data, name), getattr(again, name))


def test_picture_shows_the_data(data: beyond_majorization.Data) -> None:
    *bundles, right = beyond_majorization.draw(data).axes
    for axes, sums, reward in zip(bundles, data.sums, ("(1, 0.9, 0)", "(0.9, 1, 0)"), strict=True):
        said = words(axes)
        assert f"p = (0.8, 0.15, 0.05) r = {reward}" in said
        for count, row in zip(data.snapshots, sums, strict=True):
            assert shows_curve(axes, [1, 2, 3], row[1:])
            assert (f"after {count}" if count else "start") in said.split("\n")
    updates = np.arange(beyond_majorization.UPDATES + 1)
    for row in data.entropies.reshape(6, -1):
        assert shows_curve(right, updates, row)
