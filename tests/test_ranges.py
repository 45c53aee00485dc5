"""Sizes and magnitudes that draws leave out are looked at as well."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking.certify import Examiner
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.ranges import MOST_SIZES, magnitude_leads, size_leads
from entropy_theory.checking.search import Harvest
from entropy_theory.checking.space import Space
from entropy_theory.checking.variables import evenly, small_and_doubled
from entropy_theory.checking.verify import check

d = et.domains


def only_at(actions: int, domain: tuple[int, int]) -> Claim:
    """The entropy is at most log n everywhere but with this number of actions."""

    def bound(p: Any) -> Any:
        n = p.shape[-1]
        return np.log(et.exact(n)) * (et.exact("0.99") if n == actions else 1)

    return et.Inequality(
        name="one-size", given={"p": d.policies(domain)}, lhs=lambda p: et.entropy(np.log(p)), rhs=bound
    )


@pytest.mark.parametrize(("actions", "domain"), [(8, (2, 12)), (13, (2, 20)), (37, (2, 64)), (101, (101, 101))])
def test_a_claim_that_fails_with_one_number_of_actions_is_refuted(actions: int, domain: tuple[int, int]) -> None:
    verdict = check(only_at(actions, domain), budget=2000)
    assert verdict.outcome == "refuted"
    assert verdict.counterexample is not None
    assert len(verdict.counterexample["p"]) == actions


def test_sizes_left_out_are_all_drawn_if_they_are_few() -> None:
    seen: set[int] = set()

    def note(p: Any) -> Any:
        seen.add(p.shape[-1])
        return 2 * p.sum(-1)

    claim = et.Inequality(name="noted", given={"p": d.policies((2, 40))}, lhs=0, rhs=note)
    harvest = Harvest()
    assert list(size_leads(claim, np.random.default_rng(0), 2000, harvest)) == []
    drawn = {size["p.actions"] for size in claim.space.sizes()}
    assert seen == set(range(2, 41)) - drawn
    assert harvest.instances >= 16 * len(seen)
    assert harvest.admitted == harvest.instances


def test_of_very_many_sizes_some_are_drawn() -> None:
    sizes: list[int] = []

    def note(p: Any) -> Any:
        sizes.append(p.shape[-1])
        return 2 * p.sum(-1)

    claim = et.Inequality(name="noted", given={"p": d.policies((2, 5000))}, lhs=0, rhs=note)
    list(size_leads(claim, np.random.default_rng(0), 2000, Harvest()))
    assert len(set(sizes)) <= MOST_SIZES
    assert max(sizes) > 4000


def test_a_short_range_has_no_sizes_left_out() -> None:
    claim = et.Inequality(name="short", given={"p": d.policies((2, 6))}, lhs=0, rhs=1)
    harvest = Harvest()
    assert list(size_leads(claim, np.random.default_rng(0), 2000, harvest)) == []
    assert harvest.instances == 0


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 3), (1, 101), (1, 102), (5, 10**6), (3, 250)])
def test_sizes_at_even_distances(low: int, high: int) -> None:
    sizes = evenly((low, high))
    assert sizes[0] == low
    assert sizes[-1] == high
    assert len(sizes) == min(high - low, 100) + 1
    steps = np.diff(sizes)
    assert len(steps) == 0 or steps.max() - steps.min() <= 1
    space = Space({"p": d.policies((low, high))})
    assert [size["p.actions"] for size in space.sizes()] == small_and_doubled((low, high))
    assert [size["p.actions"] for size in space.sizes(evenly)] == sizes


MAGNITUDES: dict[str, tuple[Any, Any, Any]] = {
    "large rewards": ({"r": d.rewards(actions=2)}, lambda r: r[:, 0], et.exact(10**50)),
    "large reals": ({"x": d.reals(-np.inf, np.inf)}, lambda x: x, et.exact(10**200)),
    "small positive": ({"x": d.positive()}, lambda x: et.exact(1, 10**250), lambda x: x),
    "two together": (
        {"x": d.positive(), "y": d.positive()},
        lambda x, y: x + y,
        lambda x, y: abs(x - y) + et.exact(10**100),
    ),
}


@pytest.mark.parametrize("name", MAGNITUDES)
def test_magnitudes_that_draws_leave_out(name: str) -> None:
    given, lhs, rhs = MAGNITUDES[name]
    claim = et.Inequality(name=name.replace(" ", "-"), given=given, lhs=lhs, rhs=rhs)
    assert check(claim, budget=2000).outcome == "refuted"


def test_small_rewards_that_are_not_zero() -> None:
    claim = et.Inequality(
        name="small-rewards",
        given={"r": d.rewards(actions=2)},
        assuming=lambda r: r[:, 0] != 0,
        lhs=et.exact(1, 10**50),
        rhs=lambda r: abs(r[:, 0]),
    )
    assert check(claim, budget=2000).outcome == "refuted"


def test_the_residual_of_an_identity_is_that_of_usual_magnitudes() -> None:
    """Floats find it violated where w is far larger than x; the balls do not, and enclose a huge difference."""
    given = {"x": d.reals(-np.inf, np.inf), "w": d.reals(-np.inf, np.inf)}
    root = np.sqrt(et.exact(2))
    claim = et.Identity(name="i", given=given, lhs=lambda x, w: root * (x + w) - root * w, rhs=lambda x, w: root * x)
    harvest = Harvest()
    assert list(magnitude_leads(claim, np.random.default_rng(0), 20_000, harvest, Examiner(claim))) == []
    assert harvest.instances > 0


def test_bounded_numbers_and_integers_are_not_multiplied() -> None:
    claim = et.Inequality(
        name="bounded", given={"x": d.reals(0, 1), "n": d.integers(0, 10**6), "p": d.policies()}, lhs=0, rhs=1
    )
    harvest = Harvest()
    assert list(magnitude_leads(claim, np.random.default_rng(0), 20_000, harvest, Examiner(claim))) == []
    assert harvest.instances == 0


def test_what_floats_cannot_hold_is_left_out() -> None:
    """A square overflows; that says nothing of the claim."""
    claim = et.Inequality(name="square", given={"x": d.reals(-np.inf, np.inf)}, lhs=0, rhs=lambda x: x * x)
    harvest = Harvest()
    for instance in magnitude_leads(claim, np.random.default_rng(0), 20_000, harvest, Examiner(claim)):
        assert all(isinstance(x, Fraction) for x in instance["x"].flat)
    assert harvest.unevaluated == 0
    assert 0 < harvest.instances == harvest.admitted < 10 * 64
    verdict = check(claim, budget=2000)
    assert verdict.outcome in ("holds", "proved")
    assert "no number" not in verdict.message
