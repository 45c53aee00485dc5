"""Where an assumption holds only close to a set, the search goes along its border."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.balls import UndecidedComparison, precision
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.faces import Face
from entropy_theory.checking.narrow import FINE, ROUGH, Way, narrow_leads
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


def clipped(epsilon: str, bound: str) -> Claim:
    """How much a reward may rise where no probability changes by more than a share: at most half of that share times
    the spread of the rewards, where the best half of the probability rises by the share and the rest falls by it."""
    return et.Inequality(
        name="clipped",
        given={"p": d.policies(4), "q": d.policies(like="p"), "r": d.reals(0, 1, like="p")},
        assuming=lambda p, q, r: (abs(q - p) <= et.exact(epsilon) * p).all(-1),
        lhs=lambda p, q, r: ((q - p) * r).sum(-1),
        rhs=et.exact(bound),
    )


def found(claim: Claim, budget: int = BUDGET, harvest: Harvest | None = None) -> list[dict[str, Any]]:
    return list(narrow_leads(claim, np.random.default_rng(0), budget, harvest or Harvest()))


FAILING = {
    "a trust region": trust_region("0.001", "0.045"),
    "a small trust region": trust_region("0.000001", "0.0014"),
    "clipping": clipped("1/5", "0.099"),
    "close clipping": clipped("1/100000", "0.00000499"),
    "steps": et.Inequality(
        name="steps",
        given={"x": d.reals(-10, 10), "y": d.reals(-10, 10)},
        assuming=lambda x, y: abs(x - y) <= et.exact("0.0001"),
        lhs=lambda x, y: np.sin(x) - np.sin(y),
        rhs=et.exact("0.00009"),
    ),
}


def slacks(claim: Claim, instances: list[dict[str, Any]]) -> list[float]:
    """The slack of the instances that meet the assumption exactly."""
    out = []
    for instance in instances:
        balls = {key: np.vectorize(et.Ball, otypes=[object])(value)[None] for key, value in instance.items()}
        with precision(256), suppress(UndecidedComparison):
            if claim.admitted(balls).all():
                lhs, rhs = claim.sides(balls)
                out.append(et.Ball(rhs.item() - lhs.item()).midpoint())
    return out


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_only_at_the_border_of_the_assumption_is_found(name: str) -> None:
    instances = found(FAILING[name])
    assert instances
    assert all(slack < 0 for slack in slacks(FAILING[name], instances))
    assert len(slacks(FAILING[name], instances)) >= len(instances) / 3


@pytest.mark.parametrize("name", FAILING)
def test_such_a_claim_is_refuted(name: str) -> None:
    assert check(FAILING[name]).outcome == "refuted"


TRUE = {
    "a trust region": trust_region("0.001", "0.06"),
    "clipping": clipped("1/5", "0.1"),
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
    assert all(slack >= 0 for slack in slacks(TRUE[name], found(TRUE[name])))


def test_a_true_claim_gets_its_slack_at_the_border() -> None:
    """The supremum of the rise in `clipped` is 0.1."""
    verdict = check(clipped("1/5", "0.11"))
    assert verdict.outcome == "holds"
    assert 0.01 - 1e-15 <= verdict.worst <= 0.011


@pytest.mark.parametrize("halvings", [None, ROUGH, FINE])
def test_instances_are_moved_to_the_border_and_not_beyond(halvings: int | None) -> None:
    claim = FAILING["steps"]
    leaves = {"x": np.array([1.0, 2.0, 3.0]), "y": np.array([2.0, 2.00005, -9.0])}
    moved = Way(Face("y", "x")).inside(claim, leaves, halvings)
    assert moved["x"] is leaves["x"]
    assert moved["y"][1] == leaves["y"][1]
    gap = np.abs(moved["x"] - moved["y"])[[0, 2]]
    assert (gap <= 1e-4).all()
    # The border is bracketed by a factor of four that is halved; the numbers are doubles of about one.
    assert (gap >= 1e-4 * (1 - 4 * 2.0 ** -(halvings or FINE)) - 1e-15).all()


def test_a_step_is_up_above_the_mean_and_down_elsewhere() -> None:
    p, marks = np.array([[0.5, 0.25, 0.25]]), np.array([[0.6, 0.3, 0.1]])
    claim = et.Inequality(name="two", given={"p": d.policies(3), "q": d.policies(like="p")}, lhs=0, rhs=1)
    start = Way(Face("q", "p"), stepped=True).start(claim, {"p": p, "q": marks})
    up, down = 0.5 * np.exp(2), 0.25 * np.exp(-2)
    np.testing.assert_allclose(start["q"], np.array([[up, down, down]]) / (up + 2 * down), rtol=1e-15)
    claim = et.Inequality(name="two", given={"z": d.logits(3), "w": d.logits(like="z")}, lhs=0, rhs=1)
    start = Way(Face("w", "z"), stepped=True).start(claim, {"z": np.array([[1.0, 2.0, 3.0]]), "w": marks})
    np.testing.assert_array_equal(start["w"], [[3.0, 0.0, 1.0]])


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
