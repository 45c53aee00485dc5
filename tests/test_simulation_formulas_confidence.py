"""Formulas of the experiments on confidence, guidelines and operation counts, each against a calculation of another
kind."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entropy_theory.controls import KLCov
from entropy_theory.gradients import mean_entropy
from entropy_theory.problems import TokenTree
from entropy_theory.simulations import confidence, guidelines, operation_counts
from entropy_theory.simulations.setting import SMALL
from entropy_theory.softmax import entropy, softmax
from entropy_theory.training import train


def test_slope_is_that_of_the_normal_equations() -> None:
    x, y = np.array(confidence.CONFIDENCES), np.array([0.3, -0.1, 0.4, 1.5])
    design = np.stack([np.ones(4), x], axis=1)
    expected = np.linalg.solve(design.T @ design, design.T @ y)[1]
    assert confidence.slope(x, y) == pytest.approx(expected)
    assert confidence.slope(x, np.full(4, 0.1)) == 0.0


def test_early_loss_is_that_of_a_tenth_of_the_run() -> None:
    assert confidence.lost_early(np.arange(0, 101, 5), np.linspace(2.0, 1.0, 21)) == pytest.approx(0.1 / 2)


def test_covariances_of_a_start_by_enumeration() -> None:
    found = confidence.start(SMALL, 1.5, 4)
    tree, z, _ = SMALL.changed(confidence=1.5).start(4)
    policy, totals = softmax(z), {"advantage": 0.0, "logit_change": 0.0}
    for m, first in itertools.product(range(tree.prompts), [None, *range(tree.vocabulary)]):
        leaf = tree.reward[m].reshape(tree.vocabulary, tree.vocabulary)
        root, below = policy[tree.state(m)], [policy[tree.state(m, (a,))] for a in range(tree.vocabulary)]
        if first is None:
            p, q = root, np.array([below[a] @ leaf[a] for a in range(tree.vocabulary)])
            weight = 0.5 / tree.prompts
        else:
            p, q, weight = below[first], leaf[first], 0.5 * root[first] / tree.prompts
        a = q - p @ q
        for name, y in (("advantage", a), ("logit_change", p * a)):
            totals[name] += weight * ((p * np.log(p)) @ y - (p @ np.log(p)) * (p @ y))
    assert found["advantage"] == pytest.approx(totals["advantage"], abs=1e-12)
    assert found["logit_change"] == pytest.approx(totals["logit_change"], abs=1e-12)
    assert found["entropy"] == pytest.approx(float(mean_entropy(tree, z)))


def test_coverage_counts_the_right_responses_in_use() -> None:
    reward = np.array([[1.0, 1.0, 0.0, 1.0], [0.0, 0.5, 1.0, 1.0]])
    tree = TokenTree(2, 2, reward)
    assert guidelines.coverage(tree, np.zeros((tree.states, 2))) == pytest.approx(1.0)
    z = np.random.default_rng(0).standard_normal((tree.states, 2))
    policy, shares = softmax(z), []
    for m in range(2):
        chance = [policy[tree.state(m), a] * policy[tree.state(m, (a,)), b] for a in range(2) for b in range(2)]
        right = [c for c, r in zip(chance, reward[m], strict=True) if r == 1]
        spread = -sum(c / sum(right) * math.log(c / sum(right)) for c in right)
        shares.append(math.exp(spread) / len(right))
    assert guidelines.coverage(tree, z) == pytest.approx(np.mean(shares))


@pytest.mark.parametrize("name", ["none", "bonus 0.2 to 0", "KL-Cov as released", "KL-Cov of the paper, fixed anchor"])
def test_gaps_of_all_seeds_at_once_are_those_of_training(name: str) -> None:
    setting = guidelines.SMALL.exact.changed(seeds=2, steps=20)
    control = guidelines.exact_controls(setting.steps)[name]
    found = guidelines.gaps(setting, control, (9, 20))
    for seed in range(2):
        tree, z0, _ = setting.start(seed)
        for place, steps in enumerate((9, 20)):
            run = train(tree, control, z0, setting.eta, steps, updates=guidelines.HELD)
            assert found[place, seed] == pytest.approx(1 - run.objective[-1], rel=1e-9)


def test_bands_by_hand() -> None:
    """Mean 1; the top 2 % of ten tokens is one of them, 6.5."""
    values = np.array([6.5, 3.0, 2.0, 1.0, 0.5, 0.0, -0.5, -0.5, -1.0, -1.0])
    found = guidelines.held(values)
    assert found["1 to 5 means"] == pytest.approx([0.3, 6 / 13, 0])
    assert found["above 5 means"] == pytest.approx([0.1, 0.5, 1])
    assert found["1 to 5"] == pytest.approx([0.2, 5 / 13, 0])
    assert found["above 5"] == pytest.approx([0.1, 0.5, 1])


def test_the_best_of_a_kind() -> None:
    def runs(*pairs: tuple[float, float]) -> list[dict[str, float]]:
        return [{"reward": r, "coverage": c, "margin": 1.0} for r, c in pairs]

    of = guidelines._Task({"none": runs((0.9, 0.1)), "a": runs((0.89, 0.3)), "b": runs((0.87, 0.9))})
    assert of.best(("a", "b")) == "a"
    assert of.most_covering(("a", "b")) == "a"
    assert of.most_covering(("b",)) == "b"
    assert of.minus("a", "none", "coverage").mean == pytest.approx(0.2)


@pytest.mark.parametrize(("costs", "agrees"), [((0.01, 0.011), True), ((0.001, 0.035), None), ((0.05, 0.051), False)])
def test_the_first_guideline_counts_the_cost(costs: tuple[float, float], agrees: bool | None) -> None:
    """The best bonus covers more, but its cost in reward has to be small as well."""

    def runs(coverage: float, costs: tuple[float, float] = (0.0, 0.0)) -> list[dict[str, float]]:
        return [{"reward": 0.9 - cost, "coverage": coverage, "margin": 1.0} for cost in costs]

    bonuses = (*guidelines.CONSTANT, *guidelines.ANNEALED)
    others = dict.fromkeys((guidelines.NONE, *guidelines.COVARIANCE), runs(0.2))
    row, *_ = guidelines._first(guidelines._Task({**others, **dict.fromkeys(bonuses, runs(0.8, costs))}))
    assert row.agrees is agrees


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=40), st.data())
@settings(deadline=None)
def test_selection_by_partition(keys: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(keys)))
    chosen = operation_counts.largest_by_partition(keys, count, np.random.default_rng(len(keys)))
    assert sorted(chosen) == sorted(keys)[len(keys) - count :]


def test_counts_of_formulas_that_can_be_counted_by_hand() -> None:
    tally = operation_counts.Tally()
    x = operation_counts.counted(np.arange(1.0, 6.0), tally)
    assert float((np.exp(x) - 2 * x).sum().midpoint()) == pytest.approx(
        (np.exp(np.arange(1, 6)) - 2 * np.arange(1, 6)).sum()
    )
    assert (tally.arithmetic, tally.comparisons) == (5 + 5 + 5 + 4, 1)
    assert (-x[0] < x[1]) & (x[2] >= 3)
    assert (tally.arithmetic, tally.comparisons) == (20, 3)


def test_counting_changes_no_value() -> None:
    z = np.random.default_rng(1).standard_normal((3, 5))
    counted = entropy(operation_counts.counted(z, operation_counts.Tally()))
    np.testing.assert_allclose([float(h.arb) for h in counted], entropy(z), rtol=1e-12)


def test_sorting_stays_below_the_bound_of_merging() -> None:
    piece = operation_counts.repetition(operation_counts.SMALL, 5)
    for n, comparisons, selecting in zip(operation_counts.SMALL.tokens, piece["sort"], piece["partition"], strict=True):
        rounds = math.ceil(math.log2(n))
        # No sorting is below log2(n!) on average; merging is at most n L - 2^L + 1.
        assert math.lgamma(n + 1) / math.log(2) - n / 4 < n * comparisons <= n * rounds - 2**rounds + 1
        assert (n - 1) / n <= selecting < 4


def test_share_of_the_fixed_anchor() -> None:
    """What differs between the two anchors of the exact runs is the anchor alone."""
    controls = guidelines.exact_controls(10)
    moving, fixed = controls[guidelines.DEFINED], controls[guidelines.FIXED]
    assert isinstance(moving, KLCov)
    assert isinstance(fixed, KLCov)
    assert (moving.anchor, fixed.anchor) == ("moving", "fixed")
    assert (moving.beta, moving.fraction, moving.mask) == (fixed.beta, fixed.fraction, fixed.mask)
