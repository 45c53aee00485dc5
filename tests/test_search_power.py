"""The ways of looking that follow where draws and descents refute nothing: each finds what it is there for, and none of
them refutes a true claim."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from benchmarks.power_claims import LABELLED
from benchmarks.power_claims.labelled import Labelled
from entropy_theory.checking import boxes, leads, order_leads, polish, structure, verify, whole
from entropy_theory.checking.certificate import recheck
from entropy_theory.checking.certify import Status, examine
from entropy_theory.checking.search import Harvest
from entropy_theory.checking.verify import check

d = et.domains

BUDGET = 2000
"""Of a test that looks for something."""

X = {"x": d.reals(1, 2)}

UNIT = {"x": d.reals(0, 1), "y": d.reals(0, 1)}


def at_one() -> dict[str, Any]:
    return {"x": np.array(Fraction(1), dtype=object)}


def order(remainder: Callable[..., Any], power: float = 1, **given: Any) -> et.Order:
    return et.Order(name="remainder", given=given or X, remainder=remainder, power=power)


def below(lhs: Any, rhs: Any, given: Any = UNIT, **more: Any) -> et.Inequality:
    return et.Inequality(name="below", given=given, lhs=lhs, rhs=rhs, **more)


def binary_entropy(t: Any) -> Any:
    return -t * np.log(t) - (1 - t) * np.log(1 - t)


TOO_LARGE: dict[str, tuple[Callable[..., Any], float]] = {
    "a logarithm": (lambda t, x: -x * t * np.log(t), 1),
    "its fourth root": (lambda t, x: x * t * np.sqrt(np.sqrt(-np.log(t))), 1),
    "its square": (lambda t, x: x * t**2 * np.log(t) ** 2, 2),
    "its tenth power": (lambda t, x: t * np.log(t / x) ** 10, 1),
    "late, behind a large constant": (lambda t, x: t * (1000 - x * np.log(t)), 1),
    "an entropy": (lambda t, x: x * binary_entropy(t), 1),
    "with its logarithm": (lambda t, x: x * t * np.log(t) * np.log(-np.log(t)), 1),
}

BOUNDED: dict[str, tuple[Callable[..., Any], float]] = {
    "a higher power with its logarithm": (lambda t, x: x * t**2 * np.log(t) ** 4, 1),
    "a factor that settles slowly": (lambda t, x: t * (x + 1 / np.log(t)), 1),
    "a factor that settles slowly from below": (lambda t, x: t * (x + 50 / np.log(t)), 1),
    "a factor that swings": (lambda t, x: t * (2 + np.sin(x / t)), 1),
    "a factor that swings with the logarithm": (lambda t, x: t * (2 + np.cos(5 * x * np.log(t))), 1),
    "a factor that swings with its logarithm": (lambda t, x: t * (et.exact("1.001") + np.sin(np.log(-np.log(t)))), 1),
    "a logarithm cut off at the smallest double": (lambda t, x: t * np.log(t + 2.0**-1074), 1),
    "a logarithm cut off by an exponential": (lambda t, x: t * np.log(t + np.exp(-700 * x)), 1),
    "a logarithm that bends": (lambda t, x: t * np.log(t) / (1 - x * et.exact(1, 10**9) * np.log(t)), 1),
    "a logarithm that bends late": (lambda t, x: t * np.log(t) / np.sqrt(1 + (np.log(t) / 10**6) ** 2), 1),
    "a difference of two powers": (lambda t, x: x * (t - np.exp(np.log(t) * et.exact(10**7 + 1, 10**7))), 1),
    "a factor that swings slowly": (lambda t, x: t * (et.exact("1.001") + np.sin(np.log(-np.log(t)) * 3 / 10)), 1),
    "an entropy of a higher order": (lambda t, x: x * binary_entropy(t) * t, 1),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_an_order_that_a_logarithm_breaks_is_violated(name: str) -> None:
    claim = order(*TOO_LARGE[name])
    finding = examine(claim, at_one())
    assert finding.status is Status.VIOLATED
    assert finding.evidence is not None
    assert len(finding.evidence["steps"]) == len(finding.evidence["remainders"]) > 4
    assert examine(claim, at_one(), logarithms=False).status is not Status.VIOLATED


@pytest.mark.parametrize("name", BOUNDED)
def test_an_order_that_is_met_is_not(name: str) -> None:
    claim = order(*BOUNDED[name])
    assert examine(claim, at_one()).status is not Status.VIOLATED
    assert examine(claim, at_one(), thorough=True).status is not Status.VIOLATED


def test_the_certificate_of_a_logarithm_is_decided_again() -> None:
    claim = order(lambda t, x: -x * t * np.log(t))
    verdict = check(claim, budget=BUDGET)
    assert (verdict.outcome, verdict.counterexample) == ("refuted", {"x": "1"})
    assert recheck(claim, json.loads(json.dumps(verdict.certificate))).status is Status.VIOLATED


ONLY_AT: dict[str, tuple[et.Order, Callable[..., bool]]] = {
    "a tie": (order(lambda t, x, y: np.sqrt((x - y) ** 2 + t**2) - np.abs(x - y), 2, **UNIT), lambda x, y: x == y),
    "a ratio": (
        order(lambda t, x, y: t**2 / (np.abs(4 * x - 3 * y) + t), 2, x=d.reals(1, 2), y=d.reals(1, 2)),
        lambda x, y: 4 * x == 3 * y,
    ),
    "a sum": (order(lambda t, x, y: t**2 / (np.abs(x + y - 1) + t), 2, **UNIT), lambda x, y: x + y == 1),
}


@pytest.mark.parametrize("name", ONLY_AT)
def test_an_order_broken_where_numbers_are_related_is_refuted(name: str) -> None:
    claim, related = ONLY_AT[name]
    verdict = check(claim)
    assert verdict.outcome == "refuted"
    assert verdict.counterexample is not None
    assert related(**{k: Fraction(v) for k, v in verdict.counterexample.items()})


def test_structured_instances_are_what_they_say_exactly() -> None:
    given = {
        "z": d.logits(actions=3),
        "p": d.policies(actions=3),
        "x": d.reals(0.1, 0.2, open_low=True),
        "n": d.integers(-3, 9),
        "w": d.reals(5, math.inf, like="z"),
    }
    claim = et.Inequality(name="claim", given=given, lhs=0, rhs=1)
    (size,) = claim.space.sizes()
    inside = 0
    for grid in structure.structured(claim.space, np.random.default_rng(0), 640, size):
        floats = grid.floats()
        admitted = claim.admitted(floats)
        inside += int(admitted.sum())
        exact = grid.exact(5)
        for name, value in floats.items():
            assert value[5] == pytest.approx(exact[name].astype(float), rel=1e-15)
        assert sum(exact["p"]) == 1
    assert inside > 200


def test_every_small_ratio_comes_up() -> None:
    space = order(lambda t, x, y: t, x=d.reals(-10, 10), y=d.reals(-10, 10)).space
    met: set[Fraction] = set()
    for grid in structure.structured(space, np.random.default_rng(0), 2000, {}):
        x, y = grid.numerators.values()
        met |= {Fraction(int(a), int(b)) for a, b in zip(x, y, strict=True) if b}
    assert {Fraction(a, b) for a, b in structure.SMALL_RATIOS} <= met


def test_all_instances_of_a_small_domain_are_evaluated() -> None:
    claim = et.Inequality(
        name="claim", given={"m": d.integers(-7, 30), "n": d.integers(2, 40)}, lhs=1, rhs=lambda m, n: abs(m**2 - n**3)
    )
    found = whole.whole(claim, np.random.default_rng(0), 100)
    assert found is not None
    assert found.instances == found.size == 38 * 39
    roots = {(m, n) for m, n in product(range(-7, 31), range(2, 41)) if m**2 == n**3}
    assert roots <= {(int(lead["m"]), int(lead["n"])) for lead in found.leads}
    assert {(8, 4), (27, 9)} <= roots


def test_a_verdict_that_rests_on_all_instances_says_so() -> None:
    given = {"m": d.integers(0, 99), "n": d.integers(1, 99)}
    claim = et.Inequality(name="claim", given=given, lhs=1, rhs=lambda m, n: abs(m**2 - 2 * n**2))
    verdict = check(claim, budget=BUDGET)
    assert verdict.outcome == "holds"
    assert verdict.message == "floats evaluated every one of the 9,900 instances of the domain"
    assert "every one" not in check(claim, budget=100).message


def test_lines_lead_to_integers_that_no_cap_reaches() -> None:
    """The solution in small numbers is not in the domain."""
    given = {"x": d.integers(80, 10**6), "y": d.integers(80, 10**9)}
    claim = et.Inequality(name="claim", given=given, lhs=1, rhs=lambda x, y: abs(y**2 - 13 * x**2 - 3))
    verdict = check(claim, budget=2 * BUDGET)
    assert verdict.outcome == "refuted"
    assert verdict.counterexample is not None
    x, y = (int(v) for v in verdict.counterexample.values())
    assert y**2 == 13 * x**2 + 3


PEAKS: dict[str, et.Inequality] = {
    "in a square": below(
        lambda x, y: np.exp(-(10**9) * ((x - et.exact(311, 997)) ** 2 + (y - et.exact(177, 997)) ** 2)), et.exact(1, 2)
    ),
    "on a line without ends": below(
        lambda x: 1 / (1 + (x - et.exact(7777777, 11)) ** 2),
        et.exact(1, 2),
        {"x": d.reals(-math.inf, math.inf)},
    ),
    "of positive numbers": below(
        lambda x, y: 1 / (1 + 10**4 * ((x - et.exact(77, 1100)) ** 2 + (y - et.exact(4321, 10)) ** 2)),
        et.exact(1, 2),
        {"x": d.positive(), "y": d.positive()},
    ),
    "among probabilities": below(
        lambda p: np.exp(-(10**8) * ((p[..., 0] - et.exact(311, 997)) ** 2 + (p[..., 1] - et.exact(1, 7)) ** 2)),
        et.exact(1, 2),
        {"p": d.policies(actions=3)},
    ),
    "among integers and reals": below(
        et.exact(1, 10**9),
        lambda n, x: (n - 137) ** 2 + (x - et.exact(3, 7)) ** 2,
        {"n": d.integers(1, 1000), "x": d.reals(0, 1)},
    ),
}


@pytest.mark.parametrize("name", PEAKS)
def test_boxes_close_in_on_a_peak_that_is_flat_elsewhere(name: str) -> None:
    claim = PEAKS[name]
    found = (examine(claim, point) for point in boxes.box_leads(claim, 10 * BUDGET))
    assert any(finding.status is Status.VIOLATED for finding in found)


def test_boxes_give_up_where_the_sides_are_equal_all_over() -> None:
    claim = below(lambda x, y: x * y, lambda x, y: y * x)
    search = boxes._Search(claim, boxes.regions(claim)[0])
    while search.open() and not search.hopeless():
        list(search.halve())
    assert search.halved == boxes.CHECKED_EVERY


def test_points_in_boxes_are_probabilities() -> None:
    claim = below(lambda p: 0 * p[..., 0], lambda p: p[..., 0] * p[..., 1] * p[..., 2], {"p": d.policies(actions=3)})
    points = list(boxes.box_leads(claim, BUDGET))
    assert points
    for point in points:
        assert sum(point["p"]) == 1
        assert min(point["p"]) >= 0


def pinsker(excess: Any) -> et.Inequality:
    given = {"p": d.policies(actions=3), "q": d.policies(actions=3)}
    return below(
        lambda p, q: (1 + excess) * np.abs(p - q).sum(-1) ** 2 / 2,
        lambda p, q: et.kl(np.log(p), np.log(q)),
        given,
    )


def starts() -> list[dict[str, Any]]:
    return [{"p": np.array([0.2, 0.3, 0.5]), "q": np.array([0.25, 0.3, 0.45])}, {"p": np.ones(3), "q": np.ones(3)}]


def test_more_digits_tell_sides_apart_that_meet_where_both_vanish() -> None:
    claim = pinsker(et.exact(1, 10**10))
    found = [examine(claim, x) for x in polish.polish_leads(claim, starts(), np.random.default_rng(0), 20_000)]
    assert found
    assert all(finding.status is Status.VIOLATED for finding in found)
    assert all(-1e-10 < finding.relative < 0 for finding in found)


def test_more_digits_leave_a_true_claim_alone() -> None:
    claim = pinsker(0)
    assert not list(polish.polish_leads(claim, starts(), np.random.default_rng(0), 5000))


def test_a_peak_among_many_numbers_is_climbed_by_its_logarithm() -> None:
    centre = [et.exact(k, 997) for k in (311, 177, 701, 201, 332, 141)]
    given = {name: d.reals(0, 1) for name in "abcdef"}
    claim = below(
        lambda **x: np.exp(-1000 * sum((v - c) ** 2 for v, c in zip(x.values(), centre, strict=True))),
        et.exact(1, 2),
        given,
    )
    assert not boxes.regions(claim)
    assert check(claim, budget=BUDGET).outcome == "refuted"


def test_a_claim_that_the_search_refutes_is_looked_at_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = below(lambda x, y: x * y, et.exact(1, 2))
    before = json.dumps(check(claim, budget=BUDGET).to_json())

    def never(*arguments: Any) -> Iterator[Any]:
        raise AssertionError("looked further")

    monkeypatch.setattr(verify, "leads", never)
    assert json.dumps(check(claim, budget=BUDGET).to_json()) == before
    with pytest.raises(AssertionError, match="looked further"):
        check(below(lambda x, y: 0 * x, lambda x, y: (x - y) ** 2), budget=BUDGET)


def test_verdicts_depend_on_seed_and_budget_alone() -> None:
    claim = PEAKS["in a square"]
    first, second = (json.dumps(check(claim, budget=20_000).to_json()) for _ in range(2))
    assert first == second
    assert json.loads(first)["outcome"] == "refuted"


def test_a_small_budget_stays_small() -> None:
    given = {"z": d.logits(actions=(2, 6)), "r": d.rewards(like="z")}
    claim = below(lambda z, r: et.covariance(z, r, r), lambda z, r: et.fisher_norm(z, r) ** 2 + 1, given)
    search = sum(1 for _ in order_leads.order_leads(order(lambda t, x: t), np.random.default_rng(0), 100, Harvest()))
    verdict = check(claim, budget=100)
    assert verdict.outcome == "holds"
    assert search <= 10
    assert verdict.stages is not None
    assert verdict.stages.proposed == 100
    assert verdict.stages.further < 1000
    assert verdict.stages.examined < 600


def test_what_fails_in_a_lead_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(x: Any) -> Any:
        if x.dtype == object and any(v == Fraction(7, 9) for v in x):
            raise RuntimeError("no value here")
        return 1 + x

    lead = {"x": np.array(Fraction(7, 9), dtype=object)}
    monkeypatch.setattr(verify, "leads", lambda *arguments: iter([iter([lead])]))
    monkeypatch.setattr(verify, "prove", lambda claim: None)
    claim = below(0, nowhere, {"x": d.reals(0, 1)})
    assert check(claim, budget=200).outcome == "holds"


def test_a_lead_that_only_rounding_violates_leaves_the_claim_undecided() -> None:
    """No draw is so large that a tenth of it and its tenth differ; the last of the integers does."""
    given = {"n": d.integers(1, 30)}
    claim = et.Inequality(
        name="claim", given=given, lhs=lambda n: (n - 29) * 0.1, rhs=lambda n: (n - 29) * et.exact("0.1")
    )
    assert check(claim, budget=20).outcome == "undecided"


def test_an_assumption_that_only_structure_meets_is_met() -> None:
    claim = below(
        lambda x, y: (x - y) ** 2,
        lambda x, y: 0 * x,
        {"x": d.reals(1, 2), "y": d.reals(1, 2)},
        assuming=lambda x, y: 7 * x == 5 * y,
    )
    verdict = check(claim, budget=BUDGET)
    assert verdict.outcome in ("refuted", "undecided")


@pytest.mark.parametrize("labelled", [x for x in LABELLED if x.true], ids=lambda x: x.name)
def test_no_true_labelled_claim_is_refuted(labelled: Labelled) -> None:
    assert check(labelled.claim, seed=5, budget=400).outcome != "refuted"


def test_the_ratio_of_sides_has_a_slope_where_their_difference_has_none() -> None:
    claim = below(lambda x, y: np.exp(-1000 * x), 1)
    points = {"x": np.array([0.6, 0.7]), "y": np.zeros(2)}
    _, merit, slack = leads.log_score(claim, points)
    assert slack[0] == slack[1] == 1
    assert merit[0] < merit[1] < leads.UNKNOWN
