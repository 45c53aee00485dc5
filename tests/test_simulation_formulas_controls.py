"""Formulas of the experiments on controls, each against a calculation of another kind."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from entropy_theory.simulations import controls_compared as compared
from entropy_theory.simulations.entropy_level import entropy_at
from entropy_theory.simulations.result import Row
from entropy_theory.simulations.setting import SMALL
from entropy_theory.softmax import softmax


def test_entropy_at_a_reward_lies_on_the_first_segment_that_reaches_it() -> None:
    reward, entropy = np.array([0.0, 0.4, 0.2, 0.8]), np.array([1.0, 0.5, 0.6, 0.1])
    assert entropy_at(reward, entropy, 0.3) == pytest.approx(np.interp(0.3, [0.0, 0.4], [1.0, 0.5]))
    assert entropy_at(reward, entropy, 0.4) == pytest.approx(0.5)
    assert entropy_at(reward, entropy, 0.5) == pytest.approx(np.interp(0.5, [0.2, 0.8], [0.6, 0.1]))
    assert entropy_at(reward, entropy, 0.0) == 1.0
    assert entropy_at(reward, entropy, 0.9) == 0.1


def test_wrong_signs_counts_triples() -> None:
    # Of the four triples of (-4, 1, 2, 3) three hold the -4: sums -1, 0 and 1; the mean of all is positive.
    assert compared.wrong_signs((-4.0, 1.0, 2.0, 3.0)) == 2 / 4
    assert compared.wrong_signs((1.0, 2.0)) == 0.0


def test_ratios_are_geometric_means() -> None:
    def of(*last: float) -> dict[str, np.ndarray]:
        return {"entropy": np.array([[5.0, x] for x in last])}

    found = {"tree": {"none": of(1.0, 2.0, 4.0), "more": of(2.0, 16.0, 4.0)}}
    ratio = compared.times(found, "tree", "more")
    assert ratio.samples == pytest.approx((2.0, 8.0, 1.0))
    assert ratio.mean == pytest.approx(math.prod((2, 8, 1)) ** (1 / 3))
    # Intervals of log ratios log 2 (1, 3, 0): t quantile 4.302653 of two degrees of freedom (half a unit of its
    # last digit is 1.2e-7 of it), standard error sqrt(7)/3.
    assert math.log2(ratio.high / ratio.mean) == pytest.approx(4.302653 * math.sqrt(7) / 3, rel=1.2e-7)
    assert ratio.low * ratio.high == pytest.approx(ratio.mean**2)


@pytest.mark.parametrize(
    ("reference", "row"), [("none", compared._accuracy), ("PPO clip", compared._accuracy_over_clip)]
)
def test_each_accuracy_row_is_judged_by_its_own_reference(
    reference: str, row: Callable[[compared.Found, str], Row]
) -> None:
    """Covariance control at 0.5 is above one reference, at 0.1, and below the other, at 0.9."""
    runs = {label: {"reward": np.full((2, 2), 0.5)} for label in compared.COMPARED}
    runs |= {label: {"reward": np.full((2, 2), 0.9)} for label in ("none", "PPO clip")}
    assert row({"tree": runs}, "tree").agrees is False
    runs[reference] = {"reward": np.full((2, 2), 0.1)}
    assert row({"tree": runs}, "tree").agrees is True


def test_ends_are_rewards_and_shares_of_the_starting_entropy() -> None:
    runs = {"none": {"reward": np.array([[0.1, 0.6], [0.1, 0.8]]), "entropy": np.array([[2.0, 1.0], [4.0, 1.0]])}}
    model = compared._ends({"tree": runs}, "tree").model
    assert model["reward, none"].samples == (0.6, 0.8)
    assert model["share of the starting entropy, none"].samples == (0.5, 0.25)


def test_part_credit_touches_wrong_responses_only() -> None:
    tree, z0, _ = compared.problem(SMALL, 0.5, 3)
    plain, same, _ = compared.problem(SMALL, 0.0, 3)
    assert (z0 == same).all()
    assert (tree.reward[plain.reward == 1] == 1).all()
    wrong = tree.reward[plain.reward == 0]
    assert set(np.unique(wrong)) == {0.0, compared.PART_CREDIT}
    assert abs((wrong > 0).mean() - 0.5) < 5 * 0.5 / math.sqrt(wrong.size)


def test_solved_prompts_by_enumeration() -> None:
    tree, z0, _ = compared.problem(SMALL, 0.5, 0)
    policy, count = softmax(4 * z0), 0
    for prompt in range(tree.prompts):
        chance = 0.0
        for y, reward in enumerate(tree.reward[prompt]):
            first, second = divmod(y, tree.vocabulary)
            if reward == 1:
                chance += policy[tree.state(prompt), first] * policy[tree.state(prompt, (first,)), second]
        count += chance > 0.5
    assert 0 < count < tree.prompts
    assert compared.solved(tree, 4 * z0) == count / tree.prompts


def test_start_covariance_is_that_of_the_sampled_tokens() -> None:
    tree, z0, seed = compared.problem(SMALL, 0.0, 1)
    rollouts = compared.batches(SMALL).collect(tree, z0, np.random.default_rng(seed))
    pairs = []
    for rewards, log_probs in zip(rollouts.reward, rollouts.log_prob, strict=True):
        scaled = (rewards - rewards.mean()) / np.std(rewards, ddof=1)
        pairs += [(lp, a) for a, lps in zip(scaled, log_probs, strict=True) for lp in lps]
    expected = np.cov(np.array(pairs).T, ddof=0)[0, 1]
    assert compared.start_covariance(SMALL, 0.0, 1) == pytest.approx(expected)
