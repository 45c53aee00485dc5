"""The second evaluator's statements beyond the paper, and of Section III: closed forms, corners, planted errors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from entropy_theory.independent.decide import decide
from entropy_theory.independent.numbers import as_interval, digits, exp, log, sign
from entropy_theory.independent.statements import (
    beyond_bounds,
    beyond_flow,
    beyond_margins,
    beyond_optimum,
    beyond_order,
    beyond_tokens,
    find,
    section_iii,
)
from tests.test_independent import CLAIMS, differences, rational_ends

F = Fraction
MODULES = (beyond_bounds, beyond_flow, beyond_margins, beyond_optimum, beyond_order, beyond_tokens, section_iii)
OWN = [(s.claim, s.reading) for module in MODULES for s in module.STATEMENTS]
TINY = F(1, 10**60)
HALVES, THIRDS, FIRST = [F(1, 2), F(1, 2)], [F(2, 3), F(1, 3)], [F(1), F(0)]


@pytest.fixture(autouse=True)
def thirty_digits() -> Iterator[None]:
    with digits(30):
        yield


def same(x: Any, y: Any) -> bool:
    """Whether two enclosures share a number and are narrow."""
    (a, b), (c, d) = (rational_ends(as_interval(v)) for v in (x, y))
    widest: Fraction = max(b - a, d - c)
    return a <= d and c <= b and widest <= F(1, 10**22) * (1 + abs(a))


def text(x: Any) -> Any:
    return [text(part) for part in x] if isinstance(x, list) else str(x)


def outcome(claim: str, **instance: Any) -> str:
    reading = "printed" if claim.startswith("equation") else "corrected"
    return decide({"claim": claim, "reading": reading, "instance": {k: text(v) for k, v in instance.items()}}).outcome


# Values in closed form


def test_a_step_with_two_arms_sharpens() -> None:
    # A step of size 9/4 from (2/3, 1/3) with rewards (1, 0): the difference of logits grows by 9/4 * 4/9 = 1.
    left, right = beyond_order.majorization(THIRDS, FIRST, F(9, 4))
    odds = 2 * exp(F(1))
    after = odds / (1 + odds)
    assert same(left[0], F(2, 3) * (1 - after))
    assert same(right[0], after / 3)


def test_sharpening_of_two_actions() -> None:
    # f = (2/9, -2/9) log 2, so that delta = 4/9 log 2 (p_1 - q_1).
    delta, q = beyond_order.penalty_rate(THIRDS, [F(1), F(0)])
    assert same(q[0] / q[1], 2 * exp(F(-1)))
    assert same(delta, F(4, 9) * log(F(2)) * (F(2, 3) - q[0]))


def test_curvature_of_two_actions() -> None:
    # H'' = -p q (1 - w (p - q)) along w, at w = 0: -1/4.
    assert same(beyond_bounds.curvature(HALVES, FIRST), F(-1, 4))
    assert same(beyond_bounds.remainder_two_actions(F(1))[0], abs(second_slope(F(1))))


def second_slope(w: Fraction) -> Any:
    p = 1 / (1 + exp(-w))
    return p * (1 - p) * (1 - w * (2 * p - 1))


def test_bounds_met_with_equality() -> None:
    left, right = beyond_bounds.second_derivative(HALVES, FIRST)
    assert same(left, right)
    assert same(left, F(1, 4))
    low, high = beyond_bounds.spectral_gap(HALVES, FIRST)
    assert low == high == [F(1, 8), F(1, 8)]
    assert len(set(beyond_bounds.remainder_spread([F(1, 4), F(3, 4)], FIRST))) == 1
    v = [F(0), F(1), F(-1)]
    left, right = beyond_tokens.random_masking_zero_advantage([F(1, 2), F(1, 4), F(1, 4)], v, v)
    assert left == right == F(1, 8)
    assert beyond_margins.margin_lower_policy_gradient(HALVES, FIRST) == (F(1, 2), F(1, 2))
    left, right = beyond_flow.no_stationary_point(THIRDS, FIRST)
    assert left == [right] == [F(8, 81)]


def test_influence_of_two_arms() -> None:
    # I_1 = A_1 (f_1 - E f) = 1/3 (2/9 - 2/27) log 2.
    influences = beyond_tokens.token_influences(THIRDS, FIRST)
    assert same(influences[0], F(4, 81) * log(F(2)))
    assert same(influences[1], F(-2, 3) * F(-8, 27) * log(F(2)))


def test_soft_optima_of_two_arms() -> None:
    p, h = beyond_optimum.soft_optimum(FIRST, F(1))
    odds = exp(F(1))
    assert same(p[0], odds / (1 + odds))
    assert same(h, log(1 + odds) - odds / (1 + odds))
    slopes, _ = beyond_optimum.soft_path(FIRST, F(1))
    assert same(slopes[0], -odds / (1 + odds) ** 2)


def test_powers_are_whole_numbers() -> None:
    assert beyond_optimum.powers(F(1), F(2), F(4)) == [F(4**4 * 4), F(4**4 * 4, 2**7), F(4**4 * 4, 4**7)]
    # With the last number taken four times 2^10 = 4^4 2^2: a policy on six actions with a zero entry.
    assert beyond_optimum.powers(F(2), F(4), F(1), F(1), F(1), F(1))[0] == 1


def test_one_state_that_is_left_with_one_action() -> None:
    problem = {"mdp_transition": [[[F(1), F(0)], [F(0), F(1)]]], "mdp_reward": [[F(2), F(5)]]}
    problem |= {"mdp_discount": F(1, 2), "mdp_initial": [F(1)]}
    p, v = [[F(3, 4), F(1, 4)]], [[F(1), F(0)]]
    left, right = section_iii.equation_5(**problem, p=p, v=v)
    # J = (5 - 3 p) / (1 - p/2), and p moves by p (1 - p).
    slope = (-3 * (1 - F(3, 8)) + (5 - F(9, 4)) / 2) / (1 - F(3, 8)) ** 2 * F(3, 16)
    assert left == right == slope
    del problem["mdp_initial"]
    assert section_iii.equation_6(**problem, p=p)[0] == [0]


@pytest.mark.parametrize("steps", [1, 10, 1000])
def test_runs_of_two_arms_lie_between_their_bounds(steps: int) -> None:
    with digits(40):
        w: Any = F(1)
        for _ in range(steps):
            w = beyond_flow.stepped(w, F(1, 2))
        actual = (F(steps, 2) / (1 + (exp(w) + exp(-w)) / 2)) ** 2 / 2 - F(1, 2)
        least, most = beyond_flow.two_arm_limit(F(1), F(1, 2), F(1, steps))
    # A larger w has the smaller gradient.
    assert sign(least - actual) == 1 or same(least, actual)
    assert sign(actual - most) == 1


# Corners


@pytest.mark.parametrize(
    ("claim", "instance"),
    [
        ("equation-3", {"p": HALVES, "shift": 11}),
        ("beyond/majorization", {"p": THIRDS, "r": [0, 1], "eta": 1}),
        ("beyond/majorization", {"p": THIRDS, "r": [1, 0], "eta": 0}),
        ("beyond/majorization/entropies", {"p": THIRDS, "r": [1, 1], "eta": 1}),
        ("beyond/comonotone-invariance", {"p": [F(1, 3)] * 3, "r": [1, 0, 2]}),
        ("beyond/comonotone-invariance", {"p": THIRDS, "r": [1, 0]}),
        ("beyond/sharpening", {"p": THIRDS, "s": [0, 0]}),
        ("beyond/sharpening", {"p": HALVES, "s": [1, 0]}),
        ("beyond/sharpening/separated", {"p": HALVES, "s": [1, 0]}),
        ("beyond/remainder-bound", {"p": HALVES, "D": [1, 1]}),
        ("beyond/remainder-bound/second-derivative", {"p": HALVES, "D": [0, 2]}),
        ("beyond/remainder-bound/two-actions", {"w": F(1, 17)}),
        ("beyond/spectral-gap", {"p": HALVES, "v": [0, 0]}),
        ("beyond/spectral-gap/entropy-gradient", {"p": [F(1, 3)] * 3}),
        ("beyond/influence/mode", {"p": THIRDS, "r": [0, 1]}),
        ("beyond/random-masking", {"p": HALVES, "r": FIRST, "rho": 1}),
        ("beyond/random-masking/attained", {"p": [F(1, 3)] * 3, "r": [0, 1, 1]}),
        ("beyond/soft-path/price", {"r": FIRST, "alpha": 1, "c": 0}),
        ("beyond/rational-rigidity", {"i": 2, "j": 2, "k": 2}),
        ("beyond/rational-rigidity", {"i": F(1, 2), "j": 1, "k": 2}),
        ("beyond/rational-rigidity/link", {"i": 31, "j": 1, "k": 2}),
        ("beyond/two-arm-flow/sandwich", {"w": 1, "eta": 0}),
        ("beyond/no-finite-stationary-point", {"p": HALVES, "r": [1, 1]}),
        ("beyond/margin-gauge", {"p": [F(1, 3)] * 3, "u": [1, 0, 0], "v": [-1, 0, 0], "epsilon": 1}),
        ("beyond/margin-lower", {"p": HALVES, "v": [1, 1], "epsilon": 1}),
    ],
)
def test_outside_the_domain(claim: str, instance: dict[str, Any]) -> None:
    assert outcome(claim, **instance) == "outside"


@pytest.mark.parametrize(
    ("claim", "instance"),
    [
        ("beyond/majorization", {"p": [F(1, 3)] * 3, "r": [1, 1, 1], "eta": 10**300}),
        ("beyond/majorization", {"p": THIRDS, "r": [10**300, 0], "eta": 10**300}),
        ("beyond/comonotone-invariance/natural", {"p": [F(1, 4), F(1, 4), F(1, 2)], "r": [1, 1, 2], "eta": 10**9}),
        (
            "beyond/sharpening/separated",
            {"p": [F(1, 3) - F(1, 10**60), F(1, 3), F(1, 3) + F(1, 10**60)], "s": [0, 1, 1]},
        ),
        ("beyond/sharpening/separated", {"p": THIRDS, "s": [0, 0]}),
        ("beyond/soft-path/price", {"r": FIRST, "alpha": F(1, 10**6), "c": 1}),
        ("beyond/one-step-soft-optimum", {"p": [1 - F(1, 10**300), F(1, 10**300)], "r": FIRST, "alpha": F(1, 100)}),
        ("beyond/influence/mode", {"p": [F(1, 4)] * 4, "r": [1, 0, 0, 0]}),
        ("beyond/rational-rigidity/powers", {"i": 30, "j": 1, "k": 29}),
        ("beyond/two-arm-flow/sandwich", {"w": 0, "eta": F(1, 10**100)}),
        ("beyond/margin-lower", {"p": HALVES, "v": [1, -1], "epsilon": F(1, 10**30)}),
    ],
)
def test_extreme_instances_are_decided(claim: str, instance: dict[str, Any]) -> None:
    assert outcome(claim, **instance) == "not violated"


# Planted errors


def scaled_right(left: Any, right: Any) -> tuple[Any, Any]:
    """The right side wrong by a factor of 1 + 1e-30."""
    return left, scaled(right)


def scaled(x: Any) -> Any:
    return [scaled(part) for part in x] if isinstance(x, list) else x * (1 + F(1, 10**30))


def swapped(left: Any, right: Any) -> tuple[Any, Any]:
    return right, left


def planted(claim: str, reading: str, change: Callable[[Any, Any], tuple[Any, Any]]) -> Any:
    statement = find(claim, reading)
    assert statement is not None
    sides = statement.sides
    assert sides is not None

    @functools.wraps(sides)
    def wrong(**numbers: Any) -> tuple[Any, Any]:
        return change(*sides(**numbers))

    return replace(statement, sides=wrong)


ALWAYS_ZERO = {"equation-6"}
IDENTITIES = [key for key in OWN if CLAIMS[key].kind == "identity" and key[0] not in ALWAYS_ZERO]
INEQUALITIES = [key for key in OWN if CLAIMS[key].kind == "inequality"]


@pytest.mark.parametrize(("claim", "reading"), IDENTITIES)
def test_a_slightly_wrong_identity_is_noticed(claim: str, reading: str) -> None:
    assert differences(CLAIMS[claim, reading], planted(claim, reading, scaled_right), False)[1]


@pytest.mark.parametrize(("claim", "reading"), INEQUALITIES)
def test_swapped_sides_are_noticed(claim: str, reading: str) -> None:
    assert differences(CLAIMS[claim, reading], planted(claim, reading, swapped), False)[1]
