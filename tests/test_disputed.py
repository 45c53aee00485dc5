"""Where floats and balls disagree on an inequality, what the balls say is followed."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking.certify import Examiner, Status
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.disputed import WORK, disputed_leads, power_of
from entropy_theory.checking.search import Candidate, Harvest, score
from entropy_theory.checking.verify import check

d = et.domains

BUDGET = 4000


def entropy_bound(constant: int) -> Claim:
    """``H <= c (1 - max p)``: of two logits at a distance g the ratio is about 1 + g, so that it fails from about c - 1
    on; from 37 on ``1 - max p`` is zero in floats."""
    return et.Inequality(
        name="entropy",
        given={"z": d.logits(2)},
        lhs=lambda z: et.entropy(z),
        rhs=lambda z: constant * (1 - et.largest(et.softmax(z))),
    )


def collision_bound(constant: int) -> Claim:
    """``H <= c (1 - sum p^2)``, of policies: the ratio is about half of the one above."""
    return et.Inequality(
        name="collision",
        given={"p": d.policies(2)},
        lhs=lambda p: -(p * np.log(p)).sum(-1),
        rhs=lambda p: constant * (1 - (p**2).sum(-1)),
    )


def tail_bound() -> Claim:
    """``1 - tanh x <= (1 - 1e-20) 2 exp(-2 x)``, where the ratio of the sides is ``1 / (1 + exp(-2 x))``.

    False from 23.03 on, and ``tanh x`` is one in floats from 20 on.
    """
    return et.Inequality(
        name="tail",
        given={"x": d.positive()},
        lhs=lambda x: 1 - np.tanh(x),
        rhs=lambda x: 2 * np.exp(-2 * x) * (1 - et.exact("1e-20")),
    )


def assumed() -> Claim:
    """Floats take each gap from 37 on for one that meets the assumption, which asks for 69.1; false below 73.3."""
    return et.Inequality(
        name="assumed",
        given={"z": d.logits(2)},
        assuming=lambda z: et.largest(et.softmax(z)) >= 1 - et.exact("1e-30"),
        lhs=lambda z: et.entropy(z),
        rhs=et.exact("1e-30"),
    )


FALSE = {
    "entropy 300": entropy_bound(300),
    "entropy 1500": entropy_bound(1500),
    "collision 100": collision_bound(100),
    "collision 300": collision_bound(300),
    "tail": tail_bound(),
    "assumed": assumed(),
}


@pytest.mark.parametrize("name", FALSE)
def test_what_fails_where_floats_cancel_is_refuted(name: str) -> None:
    assert check(FALSE[name], budget=BUDGET).outcome == "refuted"


def test_a_true_bound_that_floats_find_violated_holds() -> None:
    """``1 - max p <= H``, and the same with the entropy of floats on the other side of a cancelling sum."""
    for lhs in (lambda z: 1 - et.largest(et.softmax(z)), lambda z: (1 - (et.softmax(z) ** 2).sum(-1)) / 2):
        claim = et.Inequality(name="true", given={"z": d.logits((2, 4))}, lhs=lhs, rhs=lambda z: et.entropy(z))
        assert check(claim, budget=BUDGET).outcome == "holds"


def harvest_of(claim: Claim, *leaves: dict[str, Any]) -> Harvest:
    candidates = []
    for one in leaves:
        arrays = {name: np.array(value, dtype=float) for name, value in one.items()}
        _, merit, slack = score(claim, {name: value[None] for name, value in arrays.items()})
        candidates.append(Candidate(arrays, float(merit[0]), float(slack[0])))
    return Harvest(candidates=[candidates])


def test_each_step_lowers_the_slack_of_the_balls_until_it_is_negative() -> None:
    claim = entropy_bound(1500)
    examine = Examiner(claim)
    found = list(disputed_leads(claim, 20_000, harvest_of(claim, {"z": [0.0, 50.0]}), examine))
    slacks = [examine(instance).relative for instance in found]
    assert slacks == sorted(slacks, reverse=True)
    assert len(slacks) > 1
    assert [examine(instance).status is Status.VIOLATED for instance in found] == [False] * (len(found) - 1) + [True]
    # At a distance of 50 the two sides are 51 and 1500 times the probability.
    assert slacks[0] < (1500 - 51) / (1500 + 51)


def test_candidates_on_which_floats_and_balls_agree_are_left_alone() -> None:
    claim = entropy_bound(200)
    assert (
        list(disputed_leads(claim, 20_000, harvest_of(claim, {"z": [0.0, 3.0]}, {"z": [1.0, 1.0]}), Examiner(claim)))
        == []
    )
    # A side that is a zero of both is no matter of rounding.
    claim = et.Inequality(name="zero", given={"x": d.positive()}, lhs=0, rhs=lambda x: x)
    assert list(disputed_leads(claim, 20_000, harvest_of(claim, {"x": 1e-30}), Examiner(claim))) == []


class Counted(Examiner):
    """Counts how often it is asked."""

    calls = 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        return super().__call__(*args, **options)


@pytest.mark.parametrize("budget", [50, 1000, 20_000, 10**9])
def test_the_work_is_bounded(budget: int) -> None:
    claim = entropy_bound(10**9)
    examine = Counted(claim)
    list(disputed_leads(claim, budget, harvest_of(claim, *({"z": [0.0, 40.0 + k]} for k in range(6))), examine))
    assert 6 <= examine.calls <= 6 + min(WORK, budget // 50)


def test_what_lies_outside_or_fails_on_the_way_is_passed_over() -> None:
    """The walk leaves [0, 60], and the formula refuses what is above 50."""

    def refusing(x: Any) -> Any:
        if bool((x > 50).any()):
            raise ValueError("too large")
        return 1 - np.tanh(x)

    claim = et.Inequality(name="refusing", given={"x": d.reals(0, 60)}, lhs=refusing, rhs=lambda x: 3 * np.exp(-2 * x))
    found = list(disputed_leads(claim, 20_000, harvest_of(claim, {"x": 25.0}), Examiner(claim)))
    assert all(0 <= instance["x"].item() <= 50 for instance in found)


def test_distances_to_the_ends_of_an_interval_are_halved_as_well() -> None:
    """``1/(1 - x) <= (1 - 1e-25) 2/(1 - x^2)`` fails within 2e-25 of one, where there is no double."""
    claim = et.Inequality(
        name="near-one",
        given={"x": d.reals(0, 1, open_high=True)},
        lhs=lambda x: 1 - x**2,
        rhs=lambda x: 2 * (1 - x) * (1 - et.exact("1e-25")),
    )
    harvest = harvest_of(claim, {"x": 1 - 2.0**-53})
    harvest.candidates[0][0].merit = -0.5  # as where the sides cancel
    *_, last = disputed_leads(claim, 10**6, harvest, Examiner(claim))
    assert 0 < 1 - last["x"].item() < Fraction(1, 2**53)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("q", [Fraction(1, 3), Fraction(1), Fraction(5, 2), Fraction(1, 10**400)])
def test_a_power_of_a_fraction(q: Fraction, exponent: float) -> None:
    found = power_of(q, exponent)
    expected = exponent * (math.log(q.numerator) - math.log(q.denominator))
    assert math.log(found.numerator) - math.log(found.denominator) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_a_power_stops_at_ten_thousand_digits() -> None:
    assert power_of(Fraction(1, 2**9000), 4.0) == Fraction(1, 2**10_000)
