"""Where an assumption holds only close to a set, the search goes along its border."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.faces import Face
from entropy_theory.checking.narrow import moved_inside, narrow_leads
from entropy_theory.checking.search import Harvest
from entropy_theory.checking.verify import check

d = et.domains

BUDGET = 4000

TWO = {"p": d.policies((3, 4)), "q": d.policies(like="p")}


def _entropy(p: Any) -> Any:
    return et.entropy(np.log(p))


def _kl(p: Any, q: Any) -> Any:
    return et.kl(np.log(p), np.log(q))


def trust_region(radius: str, bound: str) -> Claim:
    """How much the entropy may rise within a ball of the divergence.

    To first order at most ``sqrt(2 radius)`` times the standard deviation of log p, of which the largest is about 1.02
    for three actions and 1.19 for four; the higher orders add to that.
    """
    return et.Inequality(
        name="trust-region",
        given=TWO,
        assuming=lambda p, q: _kl(p, q) <= et.exact(radius),
        lhs=lambda p, q: _entropy(q) - _entropy(p),
        rhs=et.exact(bound),
    )


def found(claim: Claim, budget: int = BUDGET, harvest: Harvest | None = None) -> list[dict[str, Any]]:
    return list(narrow_leads(claim, np.random.default_rng(0), budget, harvest or Harvest()))


FAILING = {
    "a trust region": trust_region("0.001", "0.045"),
    "a small trust region": trust_region("0.000001", "0.0014"),
    "steps": et.Inequality(
        name="steps",
        given={"x": d.reals(-10, 10), "y": d.reals(-10, 10)},
        assuming=lambda x, y: abs(x - y) <= et.exact("0.0001"),
        lhs=lambda x, y: np.sin(x) - np.sin(y),
        rhs=et.exact("0.00009"),
    ),
}


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_only_at_the_border_of_the_assumption_is_found(name: str) -> None:
    instances = found(FAILING[name])
    assert instances
    for instance in instances:
        balls = {key: np.vectorize(et.Ball, otypes=[object])(value)[None] for key, value in instance.items()}
        assert FAILING[name].admitted(balls).all()
        lhs, rhs = FAILING[name].sides(balls)
        assert bool(lhs.item() > rhs.item())


@pytest.mark.parametrize("name", FAILING)
def test_such_a_claim_is_refuted(name: str) -> None:
    assert check(FAILING[name]).outcome == "refuted"


TRUE = {
    "a trust region": trust_region("0.001", "0.06"),
    "pinsker": et.Inequality(
        name="pinsker",
        given=TWO,
        assuming=lambda p, q: _kl(p, q) <= et.exact("0.001"),
        lhs=lambda p, q: np.abs(p - q).sum(-1) ** 2,
        rhs=et.exact("0.002"),
    ),
    "an identity": et.Identity(
        name="identity",
        given=TWO,
        assuming=lambda p, q: _kl(p, q) <= et.exact("0.001"),
        lhs=lambda p, q: _kl(p, q) + _entropy(p),
        rhs=lambda p, q: -(p * np.log(q)).sum(-1),
    ),
}


@pytest.mark.parametrize("name", TRUE)
def test_a_true_claim_is_left_alone(name: str) -> None:
    assert check(TRUE[name]).outcome == "holds"
    if isinstance(TRUE[name], et.Inequality):
        assert found(TRUE[name]) == []


def test_instances_are_moved_to_the_border_and_not_beyond() -> None:
    claim = FAILING["steps"]
    leaves = {"x": np.array([1.0, 2.0, 3.0]), "y": np.array([2.0, 2.00005, -9.0])}
    moved = moved_inside(claim, Face("y", "x"), leaves)
    assert moved["x"] is leaves["x"]
    assert moved["y"][1] == leaves["y"][1]
    gap = np.abs(moved["x"] - moved["y"])[[0, 2]]
    assert (gap <= 1e-4).all()
    # The border is bracketed by a factor of four that is halved twelve times.
    assert (gap >= 1e-4 * (1 - 4 * 2.0**-12)).all()


def test_it_is_left_out_where_it_has_nothing_to_do() -> None:
    for claim in (
        et.Inequality(name="free", given=TWO, lhs=0, rhs=1),
        et.Inequality(name="wide", given=TWO, assuming=lambda p, q: p[:, 0] > 0, lhs=0, rhs=1),
        et.Inequality(name="never", given=TWO, assuming=lambda p, q: p[:, 0] > 1, lhs=0, rhs=1),
    ):
        harvest = Harvest()
        assert found(claim, harvest=harvest) == []
        assert harvest.instances <= 3 * 64
    harvest = Harvest()
    assert found(FAILING["steps"], 999, harvest) == []
    assert harvest.instances == 0
