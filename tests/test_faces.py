"""Beside the sets on which both sides agree, instances are found at which the slack grows the wrong way."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking.claim import Inequality
from entropy_theory.checking.faces import MOST_FACES, Face, face_leads, faces, scored_beside
from entropy_theory.checking.search import Harvest
from entropy_theory.checking.space import Space
from entropy_theory.checking.verify import check

d = et.domains

BUDGET = 4000


def below(lhs: Any, rhs: Any, **given: Any) -> Inequality:
    return et.Inequality(name="beside-a-face", given=given, lhs=lhs, rhs=rhs)


def found(claim: Inequality, budget: int = BUDGET, harvest: Harvest | None = None) -> list[dict[str, Any]]:
    return list(face_leads(claim, np.random.default_rng(0), budget, harvest or Harvest()))


# Slacks that vanish with the square of the distance. The factor is negative on a small part of the domain only.


def _pit(x: Any, width: Fraction) -> Any:
    """Negative where x is within the square root of `width` of 3, else positive."""
    return ((x - 3) ** 2 - et.exact(width)) / (1 + (x - 3) ** 2)


def _spread(x: Any) -> Any:
    return ((x - x.mean(-1, keepdims=True)) ** 2).sum(-1)


PIT = Fraction(1, 10**4)

AT_AN_END = below(lambda x, t: 1 - t**2 * _pit(x, PIT), 1, x=d.reals(-10, 10), t=d.reals(0, 1))
AT_AN_OPEN_END = below(lambda x, t: 1 - (t - 2) * _pit(x, PIT), 1, x=d.reals(-10, 10), t=d.reals(2, 3, open_low=True))
OF_A_PAIR = below(
    lambda x, y: 5 + x, lambda x, y: 5 + x + (x - y) ** 2 * _pit(y, PIT), x=d.reals(-10, 10), y=d.reals(-10, 10)
)
OF_CONSTANTS = below(1, lambda z: 1 + _spread(z) * _pit(z[..., 0], PIT), z=d.logits((3, 4)))
FAILING = {"an end": AT_AN_END, "an open end": AT_AN_OPEN_END, "a pair": OF_A_PAIR, "constants": OF_CONSTANTS}


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_on_a_small_part_beside_a_face_is_found(name: str) -> None:
    instances = found(FAILING[name])
    assert instances
    for instance in instances:
        batch = {key: np.array(value, dtype=object)[None] for key, value in instance.items()}
        lhs, rhs = FAILING[name].sides({key: np.vectorize(et.Ball, otypes=[object])(v) for key, v in batch.items()})
        assert bool(lhs.item() > rhs.item())


@pytest.mark.parametrize("name", FAILING)
def test_a_claim_that_fails_there_is_refuted(name: str) -> None:
    assert check(FAILING[name]).outcome == "refuted"


TRUE = {
    "of the second order": below(lambda x, t: 1 - t**2 * _pit(x, -PIT), 1, x=d.reals(-10, 10), t=d.reals(0, 1)),
    "of a pair": below(lambda p, q: 3 - et.kl(np.log(p), np.log(q)), 3, p=d.policies((2, 4)), q=d.policies(like="p")),
    "equal everywhere": below(lambda x, t: 1 + x * t - t * x, 1, x=d.reals(-10, 10), t=d.reals(0, 1)),
    "equal but for rounding": below(
        lambda z: np.log(np.exp(z).sum(-1)) - np.log(np.exp(z).sum(-1)), lambda z: z.sum(-1) * 0, z=d.logits((2, 4))
    ),
}


@pytest.mark.parametrize("name", TRUE)
def test_nothing_is_found_beside_the_faces_of_a_true_claim(name: str) -> None:
    assert found(TRUE[name]) == []


def test_faces_are_pairs_then_constants_then_ends() -> None:
    given = {
        "p": d.policies((2, 4)),
        "q": d.policies(like="p"),
        "t": d.reals(-1, 2),
        "n": d.integers(1, 5),
        "s": d.reals(1, 3),
    }
    assert faces(Space(given))[:3] == [Face("q", "p"), Face("s", "t"), Face("p", None)]
    only = faces(Space({"p": given["p"], "t": given["t"], "n": given["n"]}))
    assert only == [Face("p", None), Face("t", 0.0), Face("t", -1.0), Face("t", 2.0)]
    assert faces(Space({"x": d.positive()})) == [Face("x", 0.0)]
    assert faces(Space({"z": d.logits((2, 4))})) == [Face("z", None)]
    many = {f"x{i}": d.reals(0, 1) for i in range(9)}
    assert len(faces(Space(many))) == MOST_FACES


def test_instances_are_moved_on_the_straight_line_to_the_face() -> None:
    leaves = {"x": np.array([[1.0, 3.0]]), "y": np.array([[5.0, 7.0]])}
    assert Face("x", "y").towards(leaves, 0.25)["x"].tolist() == [[4.0, 6.0]]
    assert Face("x", None).towards(leaves, 0.25)["x"].tolist() == [[1.75, 2.25]]
    assert Face("x", 9.0).towards(leaves, 0.25)["x"].tolist() == [[7.0, 7.5]]
    assert Face("x", "y").towards(leaves, 0.25)["y"] is leaves["y"]


@pytest.mark.parametrize("k", [1.0, 1.5, 2.0, 4.0])
@pytest.mark.parametrize("x", [1.0, 1.5])
def test_the_merit_is_the_slack_over_a_power_of_the_change(k: float, x: float) -> None:
    claim = below(
        lambda x, t: 0.5 + x * t, lambda x, t: 0.5 + x * t + 2 * x**2 * t**k, x=d.reals(1, 2), t=d.reals(0, 1)
    )
    t = 2.0**-4
    slack = 2 * x**2 * t**k
    size = 1 + 2 * x * t + slack
    change = x * t + slack * (1 - 0.5**k)
    admitted, merit, worst = scored_beside(Face("t", 0.0), k)(claim, {"x": np.array([x]), "t": np.array([t])})
    # The slack is a difference of numbers below 2, each rounded once or twice.
    rounding = 8 * np.finfo(float).eps / slack
    assert admitted.all()
    assert worst[0] == pytest.approx(slack, rel=rounding)
    assert merit[0] / (1 - merit[0]) == pytest.approx(slack / size / (change / size) ** k, rel=2 * rounding)


def test_what_is_counted_is_what_was_evaluated() -> None:
    harvest = Harvest()
    found(TRUE["of the second order"], 100, harvest)
    small = harvest.instances
    assert 0 < harvest.admitted <= small
    assert small < 1000
    found(TRUE["of the second order"], BUDGET, harvest)
    assert harvest.instances > small + BUDGET


def test_a_claim_whose_sides_fail_beside_a_face_gives_nothing() -> None:
    def fails(x: Any, t: Any) -> Any:
        if np.asarray(t).dtype != object and (np.asarray(t) < 0.05).any():
            raise ValueError("too near")
        return 1 - t**2 * _pit(x, PIT)

    assert found(below(fails, 1, x=d.reals(-10, 10), t=d.reals(0, 1))) == []


def test_all_that_lies_in_a_domain_without_an_assumption_is_counted() -> None:
    harvest = Harvest()
    found(TRUE["equal but for rounding"], 100, harvest)
    found(OF_CONSTANTS, BUDGET, harvest)
    assert harvest.admitted == harvest.instances > BUDGET
