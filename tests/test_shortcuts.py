"""What the checker leaves out to save time changes nothing of what it finds."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

import entropy_theory as et
from entropy_theory.balls import REMEMBERED_FROM, Ball, constant, noting_roundings, precision
from entropy_theory.checking import certify
from entropy_theory.checking.certify import Examiner, Status, examine
from entropy_theory.checking.search import STARTS, Candidate, Harvest, descend, search
from entropy_theory.checking.verify import generator
from entropy_theory.duals import Dual

d = et.domains

FUNCTIONS: tuple[str, ...] = ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "sin")


def same(a: Any, b: Any) -> bool:
    """Whether two enclosures have the same centre and the same radius."""
    return bool(a.mid() == b.mid() and a.rad() == b.rad())


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("bits", [REMEMBERED_FROM - 1, REMEMBERED_FROM, 4 * REMEMBERED_FROM])
def test_a_remembered_function_is_the_function(name: str, bits: int) -> None:
    with precision(bits):
        numbers = [Ball(Fraction(1, 3)), Ball(arb(2).sqrt()), Ball(arb(2).sqrt() + arb(0, 1e-30)), Ball(arb(2).sqrt())]
        for x in (*numbers, *numbers):
            assert same(getattr(x, name)().arb, getattr(x.arb, name)())
        with precision(2 * bits):
            again = getattr(numbers[0], name)().arb
            assert same(again, getattr(arb(numbers[0].rational), name)())
            assert again.rel_accuracy_bits() > bits + 8
        # Outside the inner block the outer precision holds again.
        assert ctx.prec == bits
        assert same(getattr(numbers[0], name)().arb, getattr(numbers[0].arb, name)())


@pytest.mark.parametrize("sign", [1, -1])
def test_a_constant_beside_a_dual_is_a_dual_without_tangent(sign: int) -> None:
    with precision(80):
        x = Dual(Ball(arb(2).sqrt()), Ball(arb(3).log()))
        for number in (Ball(Fraction(sign, 3)), sign * 2, sign * 0.1, Ball(arb(5).log()), 0, Ball(arb(1, 0.25))):
            lifted = Dual.of(number)
            for ours, general in (
                (x + number, x + lifted),
                (number + x, x + lifted),
                (x - number, x - lifted),
                (number - x, lifted - x),
                (x * number, x * lifted),
                (number * x, x * lifted),
            ):
                assert same(ours.value.arb, general.value.arb)
                assert same(ours.tangent.arb, general.tangent.arb)


def test_a_constant_times_what_is_not_finite_is_not_finite() -> None:
    with precision(64):
        product = Dual(Ball(arb("inf")), Ball(1)) * 2
        assert not product.tangent.is_finite()


def test_roundings_are_noted_where_a_float_may_be_one() -> None:
    for value, met in ((0.1, True), (np.float64(1 / 3), True), (0.25, False), (3, False), (2.0**40, True)):
        with precision(64), noting_roundings() as note:
            constant(value)
        assert note.met is met
    with precision(64), noting_roundings() as note:
        et.exact("0.1").ball()
    assert not note.met


CLAIMS = (
    et.Inequality(name="square", given={"x": d.reals(-1, 1)}, lhs=lambda x: x, rhs=lambda x: x * x),
    et.Inequality(
        name="rounded", given={"x": d.reals(-1, 1)}, lhs=lambda x: 0.1 * x, rhs=lambda x: x * et.exact("0.1")
    ),
    et.Inequality(name="end", given={"x": d.reals(0, 0.3)}, lhs=lambda x: x, rhs=et.exact("0.29")),
    et.Inequality(name="only-at-the-end", given={"x": d.reals(0, 0.7)}, lhs=lambda x: -x, rhs=et.exact("-0.7") - 0),
    et.Identity(name="logarithm", given={"x": d.reals(1, 9)}, lhs=lambda x: np.log(x), rhs=lambda x: x - 1),
    et.Order(name="slow", given={"x": d.reals(1, 2)}, remainder=lambda t, x: np.exp(t * x) - 1, power=2),
)

POINTS = (Fraction(1, 2), Fraction(1), Fraction(0.3), Fraction(0.7), Fraction(1, 3), Fraction(3, 2), Fraction(0))


def at(x: Fraction) -> dict[str, np.ndarray[Any, Any]]:
    return {"x": np.array(x, dtype=object)}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_a_violation_is_examined_with_widened_constants_where_that_may_matter(
    claim: et.Inequality, point: Fraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = examine(claim, at(point))
    monkeypatch.setattr(certify, "_at_an_end", lambda *_: True)
    assert examine(claim, at(point)) == quick


def test_the_points_include_violations_of_every_sort() -> None:
    found = {(c.name, examine(c, at(x)).status) for c in CLAIMS for x in POINTS}
    assert {(name, Status.VIOLATED) for name in ("square", "end", "logarithm", "slow")} <= found
    assert any(name == "rounded" and status is Status.UNDECIDED for name, status in found)


def test_no_instance_is_decided_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    decided: list[Any] = []
    genuine = certify.examine

    def spy(*arguments: Any, **options: Any) -> Any:
        decided.append(arguments)
        return genuine(*arguments, **options)

    monkeypatch.setattr(certify, "examine", spy)
    examiner = Examiner(CLAIMS[0])
    first = [examiner(at(x)) for x in POINTS]
    assert [examiner(at(x)) for x in POINTS] == first == [genuine(CLAIMS[0], at(x)) for x in POINTS]
    assert len(decided) == len(POINTS)
    examiner(at(POINTS[0]), thorough=True)
    assert len(decided) == len(POINTS) + 1


def _fails_beyond(limit: float) -> Callable[..., Any]:
    def side(z: Any) -> Any:
        if z.dtype != object and np.abs(z).max() > limit:
            raise ValueError("too large")
        return et.entropy(z)

    return side


@pytest.mark.parametrize(
    "lhs", [lambda z: et.entropy(z), _fails_beyond(6.0)], ids=["everywhere", "fails-on-some-batches"]
)
def test_descents_side_by_side_are_the_descents_one_by_one(lhs: Callable[..., Any]) -> None:
    claim = et.Inequality(name="below-one", given={"z": d.logits(actions=(3, 3))}, lhs=lhs, rhs=1)
    draws = np.random.default_rng(5).normal(size=(STARTS, 3))
    starts = [Candidate({"z": z}, 0.0, 0.0) for z in draws]
    together, apart = Harvest(), Harvest()
    ours = descend(claim, starts, together, generator(0, "x"))
    rng = generator(0, "x")
    theirs = [candidate for start in starts for candidate in descend(claim, [start], apart, rng)]
    assert len(ours) == len(theirs) > STARTS
    for one, other in zip(ours, theirs, strict=True):
        assert (one.merit, one.slack) == (other.merit, other.slack)
        np.testing.assert_array_equal(one.leaves["z"], other.leaves["z"])
    assert together.instances == apart.instances


def test_the_memory_of_the_search_does_not_grow_with_the_budget() -> None:
    claim = et.Inequality(name="bounded", given={"z": d.logits(actions=(2, 3))}, lhs=lambda z: et.entropy(z), rhs=2)
    kept = [sum(map(len, search(claim, generator(0, "x"), budget).candidates)) for budget in (2_000, 100_000)]
    assert kept[1] <= kept[0] + 10
