"""The second evaluator's statements of Sections VI to VIII: values known in closed form, corners, planted errors."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entropy_theory.independent import laws, margins, two_arms
from entropy_theory.independent import tokens as shares
from entropy_theory.independent.decide import decide
from entropy_theory.independent.numbers import as_interval, digits, exp, log, sign, total
from entropy_theory.independent.policies import covariance, divergence, logs, mean, scaled, tilted
from entropy_theory.independent.statements import (
    find,
    section_vi_clipping,
    section_vi_penalty,
    section_vii_convergence,
    section_vii_cost,
    section_vii_stability,
    section_vii_variance,
    section_viii_covariance,
    section_viii_estimators,
)
from tests.test_independent import CLAIMS, REFUTED, differences, rational_ends, refutation

F = Fraction
MODULES = (
    section_vi_clipping,
    section_vi_penalty,
    section_vii_variance,
    section_vii_convergence,
    section_vii_stability,
    section_vii_cost,
    section_viii_covariance,
    section_viii_estimators,
)
OWN = {statement.claim for module in MODULES for statement in module.STATEMENTS}
HALVES = [F(1, 2), F(1, 2)]
THIRDS = [F(2, 3), F(1, 3)]
FIRST = [F(1), F(0)]


@pytest.fixture(autouse=True)
def thirty_digits() -> Iterator[None]:
    with digits(30):
        yield


policies = st.lists(st.integers(1, 60), min_size=2, max_size=4).map(lambda c: [F(x, sum(c)) for x in c])


def same(x: Any, y: Any) -> bool:
    """Whether two enclosures share a number and are narrow."""
    (a, b), (c, d) = (rational_ends(as_interval(v)) for v in (x, y))
    widest: Fraction = max(b - a, d - c)
    return a <= d and c <= b and widest <= F(1, 10**24) * (1 + abs(a))


def near(x: Any, value: float) -> bool:
    return all(abs(end - F(value)) <= F(6, 10**11) for end in rational_ends(as_interval(x)))


def text(x: Any) -> Any:
    return [text(part) for part in x] if isinstance(x, list) else str(x)


def outcome(claim: str, reading: str = "printed", **instance: Any) -> str:
    return decide({"claim": claim, "reading": reading, "instance": {k: text(v) for k, v in instance.items()}}).outcome


# Building blocks


@given(policies, st.data())
def test_mean_of_token_covariances_is_the_covariance(p: list[Fraction], data: st.DataObject) -> None:
    change = data.draw(st.lists(st.integers(-9, 9).map(F), min_size=len(p), max_size=len(p)))
    with digits(30):
        assert same(mean(p, shares.token_covariances(p, change)), covariance(p, logs(p), change))


def test_uniform_policies_are_exact() -> None:
    uniform = [F(1, 4)] * 4
    assert shares.centred_logs(uniform) == [0] * 4
    assert shares.token_covariances(uniform, [F(1), F(2), F(3), F(5)]) == [0] * 4


@given(policies, st.integers(1, 3))
def test_sampled_tokens_have_the_mean_and_variance_of_one(p: list[Fraction], tokens: int) -> None:
    r = [F(a * a, 3) for a in range(len(p))]
    one, some = laws.one_token(p, r), laws.mean_of_tokens(p, r, tokens)
    assert sum(w for w, _ in some) == 1
    assert laws.expectation(some) == laws.expectation(one) == shares.policy_gradient(p, r)
    assert laws.variances(some) == [v / tokens for v in laws.variances(one)]


def test_masks_of_entries_and_of_tokens() -> None:
    law = laws.one_token(HALVES, FIRST)
    assert laws.variances(law) == [0, 0]
    assert laws.variances(laws.masked_entries(law, HALVES)) == [F(1, 64)] * 2
    law = laws.one_token(THIRDS, [F(0), F(1)])
    masked, base = (laws.covariance_matrix(x) for x in (laws.masked_entries(law, [F(1), F(0)]), law))
    assert [masked[0][0], base[0][0]] == [base[0][0], F(2, 81)]
    assert [base[0][1] - masked[0][1], base[1][1] - masked[1][1]] == [-F(2, 81), F(2, 81)]


@given(policies, st.integers(-20, 20), st.integers(-20, 20), st.integers(1, 80))
def test_margins_reach_their_level(p: list[Fraction], x: int, y: int, level: int) -> None:
    v = [F(x), F(y), *[F(0)] * (len(p) - 2)]
    if len(set(v)) == 1:
        return
    with digits(30):
        gamma = margins.margin(p, v, F(level, 10))
        low, high = rational_ends(gamma)
        assert 0 < high - low <= high * F(1, 10**20)
        assert sign(divergence(p, tilted(p, scaled(low * F(999, 1000), v))) - F(level, 10)) == -1
        assert sign(divergence(p, tilted(p, scaled(high * F(1001, 1000), v))) - F(level, 10)) == 1
        scale = margins.margin(p, scaled(F(3), v), F(level, 10))
        assert same(gamma / high, 3 * scale / high)


def test_margin_for_two_equal_actions() -> None:
    # KL((1/2, 1/2) || q) = log cosh(step / 2) along (1, 0), so that it is log(5/4) at step 2 log 2.
    level = log(F(5, 4))
    root = margins.convex_root(
        lambda s: margins.ray_divergence(HALVES, FIRST, s) - level,
        lambda s: (exp(s) / (1 + exp(s))) - F(1, 2),
    )
    assert same(root, 2 * log(F(2)))


def test_a_function_that_stays_below_zero_has_no_bound_above() -> None:
    root = margins.convex_root(lambda s: F(-1), lambda s: F(0))
    assert "inf" in repr(root)


@pytest.mark.parametrize("s", [F(1, 100), F(1), F(50), F(10) ** 40])
def test_two_arm_equation(s: Fraction) -> None:
    w = two_arms.solved(s)
    with mpmath.workdps(60):
        low, high = (mpmath.mpf(x.numerator) / x.denominator for x in rational_ends(w))
        size = mpmath.mpf(s.numerator) / s.denominator
        assert low + mpmath.sinh(low) < size < high + mpmath.sinh(high)


@pytest.mark.parametrize("decaying", [False, True])
def test_bounds_of_two_arm_runs(decaying: bool) -> None:
    w = mpmath.mpf(0)
    for t in range(1, 1001):
        w += mpmath.mpf(1) / (t if decaying else 1) / (1 + mpmath.cosh(w))
    if decaying:
        bound = section_vii_convergence.theorem_vii_3_rate(F(0), F(1), F(1, 1000))
        actual = 1 / (2 * (1 + mpmath.cosh(w)) ** 2)
        grown = exp(F(1, 2)) * (1 + log(F(1000)))
    else:
        bound = section_vii_convergence.theorem_vii_3_stationary(F(0), F(1), F(1, 1000))
        actual, grown = 1 + mpmath.exp(w), F(1000)
    _, high = rational_ends(bound)
    assert mpmath.mpf(high.numerator) / high.denominator <= actual
    own = two_arms.solved(grown)
    assert same(bound, 1 / (2 * (1 + (exp(own) + exp(-own)) / 2) ** 2) if decaying else 1 + exp(own))


# Both sides at single instances


def test_clipping_the_largest_covariance() -> None:
    p, r = [F(1, 20), F(7, 20), F(3, 5)], [F(1), F(0), F(1)]
    left, right = section_vi_clipping.proposition_vi_1_predicts_entropy(p, r)
    assert near(right, 0.05552754964)
    assert near(left, 0.05742806062)
    assert outcome("proposition-vi.1/predicts-entropy", p=p, r=r) == "violated"


@pytest.mark.parametrize(
    ("claim", "instance"),
    [
        ("theorem-vi.1/opposes", {"p": [F(3, 5), F(2, 5)], "q": [F(9, 10), F(1, 10)], "r": FIRST}),
        ("theorem-vi.2/positive", {"p": [F(2, 5), F(3, 5)], "q": [F(1, 10), F(9, 10)], "r": [0, 1], "m": 1}),
        ("theorem-vii.3/lyapunov", {"p": [F(1, 4), F(3, 4)], "r": FIRST}),
        ("theorem-vii.4/eq-33", {"p": [F(9, 10), F(1, 10)], "r": FIRST, "alpha": F(1, 4), "epsilon": F(1, 10)}),
        ("section-viii/confidence", {"a": F(74, 100), "b": F(999, 1000)}),
        ("section-viii/exponential-law", {"a": F(3, 5), "b": F(999, 1000)}),
    ],
)
def test_known_counterexamples(claim: str, instance: dict[str, Any]) -> None:
    assert outcome(claim, **instance) == "violated"


def test_values_in_closed_form() -> None:
    left, _ = section_vii_convergence.theorem_vii_3_lyapunov([F(1, 4), F(3, 4)], FIRST)
    assert left == F(27, 2048)
    _, delta = section_vi_penalty.theorem_vi_2_positive([F(2, 5), F(3, 5)], [F(1, 10), F(9, 10)], [F(0), F(1)], F(1))
    assert same(delta, -F(9, 125) * log(F(3, 2)))
    assert same(section_viii_covariance.confidence_covariance(F(2, 3)), F(8, 81) * log(F(2)))
    assert abs(rational_ends(section_viii_covariance.reward_by_exp_entropy(F(3, 5)))[0] - F("1.26")) < F(1, 100)
    left, right = section_vii_convergence.remark_vii_1(FIRST, F(1), F(4))
    assert same(1000 * left, 1 / (1 + exp(F(1))))
    assert same(right, 1 / (1 + exp(F(16))))


def test_grpo_with_two_responses_is_exact() -> None:
    p = [F(1, 5), F(3, 10), F(1, 2)]
    assert section_viii_estimators.group_update(p, [F(1), F(0), F(0)], 2, section_viii_estimators.normalised) == [
        F(4, 25),
        -F(3, 50),
        -F(1, 10),
    ]
    update = section_viii_estimators.grpo_update([F(1, 3)] * 3, [F(0), F(1), F(1, 3)])
    assert near(update[0], -0.3122464597)
    assert near(update[1], 0.3807272562)


def test_equal_rewards_have_no_normalised_advantage() -> None:
    assert section_viii_estimators.normalised([F(1, 3)] * 5) == [0] * 5
    assert section_viii_estimators.mean_deviation(F(1), 8) == 0


@pytest.mark.parametrize("size", [1, 2, 5])
def test_compositions_are_all_there(size: int) -> None:
    counts = list(section_viii_estimators.compositions(size, 3))
    assert len(set(counts)) == len(counts) == (size + 1) * (size + 2) // 2
    assert {sum(c) for c in counts} == {size}


@given(st.lists(st.integers(0, 9).map(F), min_size=2, max_size=6, unique=True))
def test_advantages_of_a_group(rewards: list[Fraction]) -> None:
    n = len(rewards)
    others = [F(sum(rewards) - x, n - 1) for x in rewards]
    assert section_viii_estimators.leave_one_out(rewards) == [x - y for x, y in zip(rewards, others, strict=True)]
    with digits(30):
        assert same(total(x * x for x in section_viii_estimators.normalised(rewards)), F(n))
        assert same(total(x * x for x in section_viii_estimators.normalised(rewards, n - 1)), F(n - 1))


# Domains


@pytest.mark.parametrize(
    ("claim", "instance"),
    [
        ("definition-vi.2", {"C": [0, 0, 1, 0], "m": 3, "low": 1, "high": 2}),
        ("definition-vi.2", {"C": [0, 0, 1, 0], "m": F(3, 2), "low": 1, "high": 2}),
        ("definition-vi.2", {"C": [0, 0, 0, 0], "m": 2, "low": 1, "high": 2}),
        ("definition-vi.3", {"p": HALVES, "r": FIRST}),
        ("definition-vi.3", {"p": [F(1, 3), F(2, 3)], "r": FIRST}),
        ("theorem-vi.2/eq-22", {"p": [F(1, 3), F(2, 3)], "q": HALVES, "r": [0, 1], "beta": 0, "m": 1}),
        ("theorem-vii.1/eq-27", {"p": HALVES, "r": FIRST, "rho": F(1, 2)}),
        ("theorem-vii.1/dense", {"m": [0, 0, 0, 0, 0, 0]}),
        ("theorem-vii.1/kl-cov", {"p": [F(1, 3), F(2, 3)], "r": FIRST, "q": HALVES, "beta": 1}),
        ("theorem-vii.3/lyapunov", {"p": HALVES, "r": [1, 1]}),
        ("theorem-vii.4/eq-33", {"p": HALVES, "r": FIRST, "alpha": 1, "epsilon": 1}),
        ("section-viii/confidence", {"a": F(5, 6), "b": F(2, 3)}),
        ("section-viii/prime", {"p": HALVES, "r": [1, 1], "u": [0, 1]}),
        ("section-viii/grpo-prompts", {"p": [HALVES], "f": [[0, 1]]}),
    ],
)
def test_outside_the_domain(claim: str, instance: dict[str, Any]) -> None:
    assert outcome(claim, **instance) == "outside"


def test_a_zero_of_the_entropy_gradient_is_exact() -> None:
    assert section_vii_variance.theorem_vii_1_dense([F(x) for x in (0, 0, 1, 2, 0, 0)])[1] == 0
    assert sign(section_vii_variance.theorem_vii_1_dense([F(x, 2) for x in (0, 0, 1, 2, 0, 0)])[1]) == 1


@pytest.mark.parametrize("n", [2, 3, 1000, 2**20, 2**20 + 1])
def test_merge_sort_is_counted_by_its_recursion(n: int) -> None:
    @functools.cache
    def comparisons(k: int) -> int:
        return 0 if k == 1 else comparisons(k // 2) + comparisons(k - k // 2) + k - 1

    assert section_vii_cost.proposition_vii_1_selection(F(n))[0] == comparisons(n)


# Against the package


SHARED = [
    name
    for name in REFUTED
    if name in OWN
    and (other := find(name, "corrected")) is not None
    and (own := find(name, "printed")) is not None
    and own.names == other.names
]


@pytest.mark.parametrize("name", SHARED)
def test_the_corrected_line_holds_at_the_counterexample(name: str) -> None:
    assert decide({**refutation(name), "reading": "corrected"}).outcome in ("not violated", "outside")


@pytest.mark.parametrize(
    ("name", "reading"),
    [("definition-vi.3", "corrected"), ("theorem-vii.2/descent", "printed"), ("section-viii/annealing", "printed")],
)
def test_swapped_sides_are_noticed(name: str, reading: str) -> None:
    statement = find(name, reading)
    assert statement is not None
    sides = statement.sides
    assert sides is not None

    @functools.wraps(sides)
    def swapped(**numbers: Any) -> tuple[Any, Any]:
        left, right = sides(**numbers)
        return right, left

    assert differences(CLAIMS[name, reading], replace(statement, sides=swapped), False)[1]


@pytest.mark.parametrize("name", ["theorem-vi.2/eq-22", "theorem-vii.1/kl-cov", "section-viii/grpo-prompts"])
def test_a_slightly_wrong_identity_is_noticed(name: str) -> None:
    statement = find(name, "corrected")
    assert statement is not None
    sides = statement.sides
    assert sides is not None

    @functools.wraps(sides)
    def wrong(**numbers: Any) -> tuple[Any, Any]:
        left, right = sides(**numbers)
        scale = 1 + F(1, 10**30)
        return left, [scale * x for x in right] if isinstance(right, list) else scale * right

    assert differences(CLAIMS[name, "corrected"], replace(statement, sides=wrong), False)[1]
