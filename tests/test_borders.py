"""Where an inequality is nearest to failing at the border of its assumption, the search follows the border."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking.borders import border_leads, pulled
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.search import Candidate, Harvest, score
from entropy_theory.checking.verify import check

d = et.domains

BUDGET = 4000


def _entropy(p: Any) -> Any:
    return -(p * np.log(p)).sum(-1)


def fano(actions: int, bound: str) -> Claim:
    """The entropy where one action has at least 9/10, largest where the others share the rest: ``h(1/10) + log(n - 1) /
    10``."""
    return et.Inequality(
        name="fano",
        given={"p": d.policies(actions)},
        assuming=lambda p: et.largest(p) >= et.exact("0.9"),
        lhs=_entropy,
        rhs=et.exact(bound),
    )


def supremum(actions: int) -> float:
    return -0.9 * math.log(0.9) - 0.1 * math.log(0.1) + 0.1 * math.log(actions - 1)


def disc(bound: str) -> Claim:
    """``x + y`` on the part of a disc where x is small: at most ``0.2 + sqrt(0.96)`` = 1.17979..."""
    return et.Inequality(
        name="disc",
        given={"x": d.reals(-2, 2), "y": d.reals(-2, 2)},
        assuming=lambda x, y: (x**2 + y**2 <= 1) & (x <= et.exact("0.2")),
        lhs=lambda x, y: x + y,
        rhs=et.exact(bound),
    )


FALSE = {
    "ten actions": fano(10, "0.5447"),
    "twenty actions": fano(20, "0.619"),
    "logits": et.Inequality(
        name="logits",
        given={"z": d.logits(10)},
        assuming=lambda z: et.largest(et.softmax(z)) >= et.exact("0.9"),
        lhs=lambda z: et.entropy(z),
        rhs=et.exact("0.5447"),
    ),
    "disc": disc("1.1797"),
}


@pytest.mark.parametrize("name", FALSE)
def test_what_fails_only_close_to_the_border_is_refuted(name: str) -> None:
    assert check(FALSE[name], budget=BUDGET).outcome == "refuted"


def test_the_bounds_are_just_below_and_above_the_suprema() -> None:
    assert 0.5447 < supremum(10) < 0.5449
    assert 0.619 < supremum(20) < 0.6198
    assert 1.1797 < 0.2 + math.sqrt(0.96) < 1.1798


@pytest.mark.parametrize(
    "claim", [fano(10, "0.5449"), fano(20, "0.6198"), disc("1.1798")], ids=lambda claim: claim.name
)
def test_a_true_claim_holds_and_its_slack_is_tight(claim: Claim) -> None:
    verdict = check(claim, budget=BUDGET)
    assert verdict.outcome == "holds"
    assert 0 < verdict.worst < 5e-4


def start(claim: Claim, leaves: dict[str, Any]) -> Harvest:
    arrays = {name: np.array(value, dtype=float) for name, value in leaves.items()}
    _, merit, slack = score(claim, {name: value[None] for name, value in arrays.items()})
    return Harvest(candidates=[[Candidate(arrays, float(merit[0]), float(slack[0]))]])


def test_the_instances_handed_on_are_lower_and_the_last_lies_well_inside() -> None:
    claim = disc("1.2")
    harvest = start(claim, {"x": 0.15, "y": 0.5})
    found = list(border_leads(claim, np.random.default_rng(0), BUDGET, harvest))
    assert len(found) == 3
    for instance in found:
        x, y = float(instance["x"].item()), float(instance["y"].item())
        assert 1.1797 < x + y < 1.1798
    x, y = (found[-1][name].item() for name in "xy")
    assert 5 * x <= 1
    assert x**2 + y**2 <= 1
    assert harvest.instances > 0
    assert 0 < harvest.admitted <= harvest.instances


def test_what_is_outside_is_pulled_to_the_border_and_the_rest_is_left() -> None:
    claim = disc("1.2")
    centre = {"x": np.array(0.0), "y": np.array(0.0)}
    leaves = {"x": np.array([0.1, 0.0, -2.0, 1.0]), "y": np.array([0.1, 2.0, 0.0, 0.0])}
    inside = pulled(claim, centre, leaves)
    np.testing.assert_allclose(inside["x"], [0.1, 0.0, -1.0, 0.2], rtol=2.0**-42)
    np.testing.assert_allclose(inside["y"], [0.1, 1.0, 0.0, 0.0], rtol=2.0**-42)
    assert claim.admitted(inside).all()
    assert leaves["x"].tolist() == [0.1, 0.0, -2.0, 1.0]


@pytest.mark.parametrize("high", [1, 9])
@pytest.mark.parametrize("budget", [2000, 20_000])
def test_a_strict_bound_fails_with_equality_at_the_border(high: int, budget: int) -> None:
    """At 1/10, which is no double."""
    tenth = et.exact("0.1")
    given = {"x": d.reals(0, high)}
    claim = et.Inequality(name="s", given=given, assuming=lambda x: x <= tenth, lhs=lambda x: x, rhs=tenth, strict=True)
    verdict = check(claim, budget=budget)
    assert verdict.outcome == "refuted"
    assert verdict.counterexample == {"x": "1/10"}


def test_an_assumption_that_fails_on_the_way_ends_a_descent_and_not_the_check() -> None:
    """It answers for the centre, which is the first that is alone, and refuses the best instance, which is the next."""
    alone: list[int] = []

    def refusing(x: Any, y: Any) -> Any:
        if len(x) == 1:
            alone.append(1)
            if len(alone) > 1:
                raise ValueError("alone")
        return x**2 + y**2 <= 1

    given = {"x": d.reals(-2, 2), "y": d.reals(-2, 2)}
    claim = et.Inequality(name="refusing", given=given, assuming=refusing, lhs=lambda x, y: x + y, rhs=2)
    harvest = start(claim, {"x": 0.15, "y": 0.5})
    alone.clear()
    assert list(border_leads(claim, np.random.default_rng(0), BUDGET, harvest)) == []
    assert len(alone) == 2


def test_it_is_left_out_where_it_has_nothing_to_do() -> None:
    rng = np.random.default_rng(0)
    free = et.Inequality(name="free", given={"x": d.reals(0, 1), "y": d.reals(0, 1)}, lhs=0, rhs=lambda x, y: 1 + x + y)
    assert list(border_leads(free, rng, BUDGET, start(free, {"x": 0.5, "y": 0.5}))) == []
    claim = disc("1.2")
    assert list(border_leads(claim, rng, 999, start(claim, {"x": 0.1, "y": 0.5}))) == []
    # An assumption that is met all about an instance has no border there, one that is met by itself alone no inside.
    wide = et.Inequality(
        name="wide", given=free.given, assuming=lambda x, y: x + y > -1, lhs=0, rhs=lambda x, y: 1 + x + y
    )
    point = et.Inequality(
        name="point", given=free.given, assuming=lambda x, y: (x == 0.5) & (y == 0.5), lhs=0, rhs=lambda x, y: 1 + x + y
    )
    for claim in (wide, point):
        harvest = start(claim, {"x": 0.5, "y": 0.5})
        assert list(border_leads(claim, rng, BUDGET, harvest)) == []
        assert harvest.instances == 0
