"""What a verdict is made of: how findings are collected, which are looked at again, and what is said of them."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking import certify, verify
from entropy_theory.checking.certify import Examiner, Finding, Status
from entropy_theory.checking.search import Candidate, Harvest
from entropy_theory.checking.verify import check, generator, sample

d = et.domains
F = Fraction
UNIT = {"x": d.reals(0, 1)}


def inequality(lhs: Any, rhs: Any, given: Any = None, **more: Any) -> Any:
    return et.Inequality(name="one", given=given or UNIT, lhs=lhs, rhs=rhs, **more)


def identity(lhs: Any, rhs: Any) -> Any:
    return et.Identity(name="one", given=UNIT, lhs=lhs, rhs=rhs)


def fractions(*numbers: Any) -> Any:
    return np.array([F(x) for x in numbers], dtype=object)


def candidate(x: Any) -> Candidate:
    return Candidate({"x": np.asarray(x)}, 0.0, 0.0)


# Findings -----------------------------------------------------------------------------------------------------------


def test_findings_are_collected_by_what_they_say() -> None:
    claim, decided = inequality(0, 1), verify._Decided()
    decided.add(claim, {}, Finding(Status.OUTSIDE, 9.0, 9.0))
    assert (decided.examined, decided.best, math.isnan(decided.ratio)) == (0, None, True)
    open_ = Finding(Status.UNDECIDED, -7.0, 7.0)
    decided.add(claim, {}, open_)
    assert ([f for _, f in decided.open], decided.best, math.isnan(decided.ratio)) == ([open_], None, True)
    for value, ratio in ((2.0, 0.5), (1.0, 0.25), (3.0, 0.75), (4.0, math.nan)):
        decided.add(claim, {}, Finding(Status.SATISFIED, value, ratio))
    decided.add(claim, {}, Finding(Status.BALANCED, 1.5, 0.1, counts=False))
    assert decided.best is not None
    assert (decided.best.value, decided.ratio, decided.examined) == (1.0, 0.75, 5)
    broken = Finding(Status.VIOLATED, -1.0)
    decided.add(claim, {}, broken)
    assert ([f for _, f in decided.violated], decided.best, decided.examined) == ([broken], broken, 6)
    assert decided.open[0][1] is open_


def test_the_worst_of_an_identity_is_the_largest() -> None:
    decided = verify._Decided()
    for value in (1.0, 3.0, 2.0):
        decided.add(identity(0, 0), {}, Finding(Status.SATISFIED, value))
    assert decided.best is not None
    assert decided.best.value == 3.0
    assert verify._worse(identity(0, 0), 2.0, 1.0)
    assert not verify._worse(identity(0, 0), 1.0, 1.0)
    assert verify._worse(inequality(0, 1), 1.0, 2.0)
    assert not verify._worse(inequality(0, 1), 1.0, 1.0)


def test_what_may_fail_with_equality_is_looked_at_again() -> None:
    """A strict inequality that holds by less than 2**-16, of its sides or of one."""
    strict, plain = inequality(0, 1, strict=True), inequality(0, 1)
    near, far = (
        Finding(Status.SATISFIED, 2.0**-17, relative=1.0),
        Finding(Status.SATISFIED, 2.0**-16, relative=2.0**-16),
    )
    relatively = Finding(Status.SATISFIED, 1.0, relative=2.0**-17)
    equal = Finding(Status.SATISFIED, 0.0, relative=0.0)
    assert all(verify._nearly_equal(strict, f) for f in (near, relatively, equal))
    assert not any(verify._nearly_equal(plain, f) for f in (near, relatively))
    assert not verify._nearly_equal(strict, far)
    assert not verify._nearly_equal(identity(0, 0), near)
    for status in (Status.VIOLATED, Status.BALANCED, Status.UNDECIDED):
        assert not verify._nearly_equal(strict, Finding(status, 2.0**-17, relative=2.0**-17))
    assert not verify._nearly_equal(strict, Finding(Status.SATISFIED, -(2.0**-17), relative=-(2.0**-17)))


def test_simple_points_near_an_instance() -> None:
    claim = inequality(0, 1, {"x": d.reals(0, 1), "p": d.policies(actions=2)})
    instance = {"x": np.array(F(314159, 10**6), dtype=object), "p": fractions(F(1, 3), F(2, 3))}
    points = list(verify._simple_points(claim, instance))
    assert [p["x"].item() for p in points] == [
        *(F(round(F(314159, 10**6) * k), k) for k in (1000, 100, 10, 6, 4, 3, 2, 1)),
        F(314159, 10**6).limit_denominator(100),
        F(314159, 10**6).limit_denominator(10),
    ]
    assert (points[-1]["p"] == instance["p"]).all()


def test_the_best_approximations_have_denominators_up_to_a_hundred_and_ten() -> None:
    """Of 51/103 it would be 50/101 from 101 on, and of 6/13 it would be 5/11 from 11 on."""
    for x, best in ((F(51, 103), [F(49, 99), F(1, 2)]), (F(6, 13), [F(6, 13), F(4, 9)])):
        points = list(verify._simple_points(inequality(0, 1), {"x": np.array(x, dtype=object)}))
        assert [p["x"].item() for p in points[-2:]] == best


def test_the_extremeness_of_an_instance() -> None:
    """Digits of the number, and of its exponential: of -8 three and eight, of 1/4 two and a quarter."""
    for values, extremeness in (([-8.0, 0.0, 1.0], 11.0), ([0.25, 0.5], 2.25), ([0.0, 0.0], 0.0)):
        assert verify._extremeness(candidate(np.array(values))) == extremeness
    both = Candidate({"x": np.array(0.25), "y": np.array([2.0, 0.0])}, 0.0, 0.0)
    assert verify._extremeness(both) == 3.0


# Verdicts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-1, True, 1.0, "1", None])
def test_a_seed_is_a_whole_number(value: Any) -> None:
    with pytest.raises(ValueError, match=r"seed is .* expected an integer >= 0"):
        check(inequality(0, 1), seed=value)


@pytest.mark.parametrize("value", [0, -1, True, 1.0, "1", None])
def test_a_budget_is_a_whole_number(value: Any) -> None:
    with pytest.raises(ValueError, match=r"budget is .* expected an integer from 1 to 100,000,000,000"):
        check(inequality(0, 1), budget=value)


def test_random_numbers_depend_on_the_seed_and_the_name() -> None:
    """Of the name on all of the first 16 bytes of its digest."""
    one = generator(0, "a").random(4).tolist()
    assert generator(0, "a").random(4).tolist() == one
    assert generator(1, "a").random(4).tolist() != one
    assert generator(0, "b").random(4).tolist() != one
    digest = hashlib.sha256(b"a").digest()
    words = np.frombuffer(digest[:16], dtype="<u4").tolist()
    again = np.random.Generator(np.random.PCG64(np.random.SeedSequence([0, *words])))
    assert again.random(4).tolist() == one


def test_a_claim_that_is_never_meant_is_vacuous() -> None:
    verdict = check(inequality(1, 0, assuming=lambda x: x > 2), budget=100)
    assert (verdict.outcome, verdict.admitted) == ("undecided", 0)
    assert verdict.message == f"vacuous: none of {verdict.instances:,} instances meets the assumption"


def test_an_assumption_that_floats_alone_meet_is_vacuous() -> None:
    claim = inequality(1, 0, {"x": d.reals(1, 2)}, assuming=lambda x: x + et.exact(1, 2**60) == x)
    verdict = check(claim, budget=200)
    assert verdict.outcome == "undecided"
    assert verdict.admitted == verdict.instances > 200
    assert verdict.message == (
        f"vacuous: none of {verdict.instances:,} instances meets the assumption exactly; "
        f"floats alone find that {verdict.admitted:,} do"
    )


def test_a_rare_assumption_is_said_to_be() -> None:
    """An order, whose instances are drawn and not optimised."""
    given = {"n": d.integers(0, 1000)}

    def where(assuming: Any) -> Any:
        claim = et.Order(name="o", given=given, remainder=lambda t, n: t + 0 * n, power=1, assuming=assuming)
        return check(claim, budget=200_000)

    rare, often = where(lambda n: n == 77), where(lambda n: n > 77)
    assert (rare.outcome, often.outcome) == ("holds", "holds")
    assert 0 < rare.admitted < 0.01 * rare.instances
    assert rare.message == f"the assumption is met by {rare.admitted:,} of {rare.instances:,} instances only"
    assert often.message == ""


def test_a_proof_says_what_it_covers() -> None:
    verdict = check(inequality(lambda x: x, 2), budget=50)
    assert (verdict.outcome, verdict.boxes) == ("proved", 1)
    assert verdict.message == "proved for all x in [0, 1] by subdivision into 1 box in ball arithmetic"
    more = check(inequality(lambda x: x - x * x, et.exact(3, 10)), budget=50)
    assert more.boxes is not None
    assert more.boxes > 1
    assert f"into {more.boxes:,} boxes in" in more.message


def test_an_open_instance_is_named() -> None:
    claim = inequality(lambda x: x, 0.1, {"x": d.reals(0, 0.1)}, strict=True)
    verdict = check(claim, budget=100)
    assert verdict.outcome == "undecided"
    assert verdict.message.startswith("not decided at x = ")
    assert "violated only by the rounding of a float" in verdict.message


def test_the_worst_and_the_ratio_of_a_true_claim() -> None:
    """1 - x is least at one, and x / 1 largest."""
    verdict = check(inequality(lambda x: x, 1), budget=500)
    assert (verdict.worst, verdict.ratio) == (0.0, 1.0)
    assert verdict.counterexample is verdict.certificate is None


@pytest.mark.parametrize(("shift", "outcome"), [(0, "holds"), (1, "undecided")])
def test_what_floats_cannot_evaluate_is_counted(shift: int, outcome: str) -> None:
    """exp(1000 x) exceeds the largest double from x = 0.71 on, exp(1000 (x + 1)) everywhere."""

    def large(x: Any) -> Any:
        return np.exp(1000 * (x + shift))

    verdict = check(identity(lambda x: large(x) + large(x), lambda x: 2 * large(x)), budget=400)
    assert verdict.outcome == outcome
    count = int(verdict.message.removeprefix("floats give no number at ").removesuffix(" instances").replace(",", ""))
    assert 0 < count < verdict.admitted / 2 if shift == 0 else count == verdict.admitted


# The sample ---------------------------------------------------------------------------------------------------------


def test_a_sample_is_of_the_entry_nearest_to_failing() -> None:
    def sides(x: Any) -> Any:
        return np.stack([x + 3, x + 1, x + 2], axis=-1)

    for claim, slack in ((inequality(lambda x: x, sides), 1), (identity(lambda x: x, sides), 3)):
        pairs = sample(claim, 0)
        assert 300 <= len(pairs) <= 400
        assert all(b - a == pytest.approx(slack) and 0 <= a <= 1 for a, b in pairs)
        assert sample(claim, 0) == pairs
        assert sample(claim, 1) != pairs
    assert sample(et.Order(name="o", given=UNIT, remainder=lambda t, x: t, power=1)) == ()


def test_the_entry_of_a_sample_is_chosen_by_the_difference_of_the_sides() -> None:
    """Of 0 and 1, 2 and 2.5: an inequality holds by least in the second entry, an identity fails by most in the first;
    the sums say the opposite."""

    def left(x: Any) -> Any:
        return np.stack([0 * x, 0 * x + 2], axis=-1)

    def right(x: Any) -> Any:
        return np.stack([0 * x + 1, 0 * x + 2.5], axis=-1)

    assert set(sample(inequality(left, right))) == {(2.0, 2.5)}
    assert set(sample(identity(left, right))) == {(0.0, 1.0)}


def test_a_sample_leaves_out_what_is_not_meant_or_has_no_value() -> None:
    half = et.exact(1, 2)
    pairs = sample(inequality(lambda x: x, 2, assuming=lambda x: x < half))
    assert pairs
    assert all(a < 0.5 for a, _ in pairs)
    pairs = sample(inequality(lambda x: x, lambda x: np.where((x < half).astype(bool), np.inf, 2.0)))
    assert pairs
    assert all(a >= 0.5 and b == 2.0 for a, b in pairs)
    assert sample(inequality(1, 0, assuming=lambda x: x > 2)) == ()


# Candidates -----------------------------------------------------------------------------------------------------------


class Told:
    """An examiner that notes what it is asked."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, []  # type: ignore[var-annotated]

    def __call__(self, instance: Any, thorough: bool = False) -> Finding:
        self.asked.append((instance["x"].item(), thorough))
        found: Finding = self.answer(instance["x"].item())
        return found


def harvest(*sizes: list[float]) -> Harvest:
    """Candidates of several sizes."""
    return Harvest([[candidate(x) for x in size] for size in sizes])


def test_the_first_two_of_a_size_are_examined_thoroughly_and_a_size_that_fails_is_the_last() -> None:
    told = Told(lambda x: Finding(Status.VIOLATED if x == F(3, 4) else Status.SATISFIED, 1.0, relative=1.0))
    decided = verify._decide(inequality(0, 1), harvest([0.5, 0.25, 0.125], [0.75, 0.5], [0.25]), told)  # type: ignore[arg-type]
    assert told.asked == [(F(1, 2), True), (F(1, 4), True), (F(1, 8), False), (F(3, 4), True), (F(1, 2), True)]
    assert len(decided.violated) == 1


def test_enough_violations_of_a_size_are_enough() -> None:
    told = Told(lambda x: Finding(Status.VIOLATED, -1.0, relative=-1.0))
    verify._decide(inequality(0, 1), harvest([x / 64 for x in range(1, 33)]), told)  # type: ignore[arg-type]
    assert len(told.asked) == 12
    told = Told(lambda x: Finding(Status.VIOLATED, -1.0, relative=-1.0))
    order = et.Order(name="o", given=UNIT, remainder=lambda t, x: t, power=1)
    verify._decide(order, harvest([x / 64 for x in range(1, 33)]), told)  # type: ignore[arg-type]
    assert len(told.asked) == 3


def test_an_open_instance_is_rounded() -> None:
    told = Told(lambda x: Finding(Status.VIOLATED if x.denominator <= 10 else Status.UNDECIDED, -1.0))
    decided = verify._decide(inequality(0, 1), harvest([0.34567]), told)  # type: ignore[arg-type]
    assert [x for x, _ in told.asked][1:] == [F(346, 1000), F(35, 100), F(3, 10)]
    assert [i["x"].item() for i, _ in decided.violated] == [F(3, 10)]


def test_what_nearly_fails_is_examined_at_simple_points() -> None:
    told = Told(lambda x: Finding(Status.VIOLATED if x == F(1, 3) else Status.SATISFIED, 2.0**-20, relative=2.0**-20))
    strict = inequality(0, 1, strict=True)
    decided = verify._decide(strict, harvest([0.3333]), told)  # type: ignore[arg-type]
    assert any(i["x"].item() == F(1, 3) for i, _ in decided.violated)
    assert len(told.asked) == 11
    told = Told(lambda x: Finding(Status.SATISFIED, 2.0**-20, relative=2.0**-20))
    verify._decide(strict, harvest([0.3333] * 5), told)  # type: ignore[arg-type]
    assert len(told.asked) == 5 + 3 * 10


def test_an_examiner_decides_no_instance_twice() -> None:
    claim = inequality(0, 1)
    examiner = Examiner(claim)
    one = {"x": np.array(F(1, 2), dtype=object)}
    assert examiner(one) is examiner({"x": np.array(F(2, 4), dtype=object)})
    assert examiner(one) is not examiner(one, thorough=True)
    assert examiner({"x": np.array(F(1, 3), dtype=object)}) is not examiner(one)


# Tables of environments ---------------------------------------------------------------------------------------------

ON_TABLES = {"m": d.mdps(states=(2, 2), actions=2), "z": d.logits(like="m")}
SMALL_TABLE, OTHER_TABLES = "FrozenLake 4x4", {"FrozenLake 8x8", "CliffWalking", "Taxi"}


def environments(kind: Any, **sides: Any) -> dict[str, Any]:
    """What is found on each table."""
    verdict = check(kind(name="on-tables", given=ON_TABLES, **sides), budget=20)
    return {e.label: (e.violated, e.worst, e.certified) for e in verdict.environments}


def constant(value: float) -> Any:
    return lambda m, z: m.objective(z) * 0 + value


def test_a_small_table_is_decided_in_balls_and_a_large_one_in_floats() -> None:
    """FrozenLake has 16 states or 64, CliffWalking 48 and Taxi 500."""
    for kind, lhs, rhs, violated, worst in (
        (et.Inequality, 1, 3, False, 2.0),
        (et.Inequality, 3, 1, True, -2.0),
        (et.Identity, 3, 1, True, 2.0),
    ):
        found = environments(kind, lhs=constant(lhs), rhs=constant(rhs))
        assert found == {SMALL_TABLE: (violated, worst, True)} | dict.fromkeys(OTHER_TABLES, (violated, worst, False))


@pytest.mark.parametrize(("gap", "violated"), [(2.5e-6, True), (1.5e-6, False)])
def test_what_floats_alone_find_counts_from_a_relative_size(gap: float, violated: bool) -> None:
    """1e-6 of both sides: of 1 and 1 - 2.5e-6 it is 1.25e-6, of 1 and 1 - 1.5e-6 it is 0.75e-6."""
    found = environments(et.Inequality, lhs=constant(1), rhs=constant(1 - gap))["Taxi"]
    assert found == (violated, pytest.approx(-gap, rel=1e-9), False)


def test_a_table_on_which_nothing_is_meant_says_nothing() -> None:
    found = environments(et.Inequality, lhs=constant(1), rhs=constant(3), assuming=lambda m, z: z[:, 0, 0] > 1e9)
    assert all((violated, math.isnan(worst), certified) == (None, True, False) for violated, worst, certified in
               found.values())  # fmt: skip


@pytest.mark.parametrize(("power", "violated"), [(1, False), (2, True)])
def test_an_order_is_measured_on_small_tables_only(power: int, violated: bool) -> None:
    found = environments(et.Order, remainder=lambda t, m, z: t + 0 * m.objective(z), power=power)
    assert found == {SMALL_TABLE: (violated, pytest.approx(1, rel=1e-9), True)}


# Counts and texts ---------------------------------------------------------------------------------------------------


def test_the_first_open_instances_of_all_are_rounded() -> None:
    """Six of them, each to three denominators."""
    told = Told(lambda x: Finding(Status.UNDECIDED, -1.0))
    decided = verify._decide(inequality(0, 1), harvest([(2 * x + 1) / 128 for x in range(10)]), told)  # type: ignore[arg-type]
    assert len(told.asked) == 10 + 6 * 3
    assert len(decided.open) == 10


def test_the_simplest_of_three_counterexamples_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = iter([F(999, 1000), F(3, 4), F(99, 100)])

    def to_an_end(claim: Any, instance: Any, finding: Finding, examine: Any) -> Any:
        return {"x": np.array(next(ends), dtype=object)}, finding

    monkeypatch.setattr(verify, "shrink", to_an_end)
    verdict = check(inequality(lambda x: x, et.exact(1, 2)), budget=200)
    assert verdict.counterexample == {"x": "3/4"}
    assert next(ends, None) is None


def test_a_sample_is_shared_out_among_the_sizes() -> None:
    pairs = sample(inequality(0, et.entropy, {"z": d.logits(actions=(2, 6))}, strict=False))
    assert 300 <= len(pairs) <= 400


@pytest.mark.parametrize(("digits", "length"), [(395, 399), (396, 401), (500, 401)])
def test_a_long_instance_is_cut_off(digits: int, length: int) -> None:
    text = verify._text(inequality(0, 1), {"x": np.array(F(10 ** (digits - 1) + 1), dtype=object)})
    assert text.startswith("x = 1000")
    assert len(text) == length
    assert text.endswith("…") == (length == 401)


def test_the_worst_of_four_policies_on_a_table_is_reported() -> None:
    seen: list[float] = []

    def first_logit(m: Any, z: Any) -> Any:
        value = z[:, 0, 0] + 10**6
        if z.dtype == np.float64 and z.shape[:2] == (4, 500):
            seen.append(float(value.min()))
            assert value.max() > value.min()
        return value

    assert environments(et.Inequality, lhs=0, rhs=first_logit)["Taxi"] == (False, seen[-1], False)


# Bounds -------------------------------------------------------------------------------------------------------------


def test_a_budget_has_two_ends() -> None:
    verify.check_budget(1)
    verify.check_budget(10**11)
    with pytest.raises(ValueError, match="budget is 100000000001, expected"):
        verify.check_budget(10**11 + 1)


def test_an_instance_has_so_many_numbers_at_most() -> None:
    verify._check_sizes(inequality(0, 1, {"z": d.logits(actions=2**22)}))
    with pytest.raises(et.ClaimError, match="an instance has 4,194,305 numbers, expected at most 4,194,304"):
        verify._check_sizes(inequality(0, 1, {"z": d.logits(actions=2**22 + 1)}))


def test_the_defaults_are_seed_zero_and_twenty_thousand() -> None:
    claim = inequality(lambda x: x * (1 - x), et.exact(1, 4))
    assert check(claim).to_json() == check(claim, 0, 20_000).to_json()
    assert check(claim).to_json() != check(claim, 1, 20_000).to_json()
    assert sample(claim) == sample(claim, 0)


@pytest.mark.parametrize(("numbers", "length"), [(2**13, 2**7), (2**21, 1)])
def test_a_sample_of_large_instances_is_small(numbers: int, length: int) -> None:
    assert len(sample(inequality(-1, et.entropy, {"z": d.logits(actions=numbers)}))) == length


def test_a_sample_needs_all_entries_of_both_sides() -> None:
    def partly(x: Any) -> Any:
        return np.stack([x, np.inf + 0 * x], axis=-1)

    assert sample(inequality(lambda x: x, partly)) == sample(inequality(partly, 2)) == ()
    assert 300 <= len(sample(inequality(lambda x: np.stack([x, x], axis=-1), 2))) <= 400


def test_an_order_is_searched_with_a_fortieth_of_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    budgets: list[int] = []
    search = verify.search  # type: ignore[attr-defined]

    def noting(claim: Any, rng: Any, budget: int) -> Any:
        budgets.append(budget)
        return search(claim, rng, budget)

    monkeypatch.setattr(verify, "search", noting)
    order = et.Order(name="o", given=UNIT, remainder=lambda t, x: t + 0 * x, power=1)
    for claim, budget in ((order, 1), (order, 1639), (inequality(lambda x: x, 2), 77)):
        check(claim, budget=budget)
    assert budgets == [1, 40, 77]


def test_what_holds_may_be_proved_unless_something_is_left() -> None:
    """Open, without an instance, none examined, or without a number at more than half."""
    claim = inequality(lambda x: x, 2)
    for admitted, unevaluated, examined, left_open, proved in (
        (100, 50, 1, False, True),
        (100, 51, 1, False, False),
        (100, 0, 0, False, False),
        (100, 0, 1, True, False),
        (0, 0, 1, False, False),
    ):
        decided = verify._Decided()
        decided.examined, decided.open = examined, [({}, Finding(Status.UNDECIDED))] * left_open
        proof = verify._proved(claim, Harvest(admitted=admitted, unevaluated=unevaluated), decided)
        assert (proof is not None) is proved, (admitted, unevaluated, examined, left_open)


RARE, NO_NUMBER = "the assumption is met by 19 of 2,000 instances only", "floats give no number at {} instances"


@pytest.mark.parametrize(
    ("instances", "admitted", "unevaluated", "outcome", "message"),
    [
        (100, 100, 50, "holds", NO_NUMBER.format(50)),
        (100, 100, 51, "undecided", NO_NUMBER.format(51)),
        (100, 1, 0, "holds", ""),
        (2000, 19, 0, "holds", RARE),
        (2000, 19, 2, "holds", f"{RARE}; {NO_NUMBER.format(2)}"),
    ],
)
def test_what_is_said_of_the_counts(
    instances: int, admitted: int, unevaluated: int, outcome: str, message: str
) -> None:
    claim, decided = inequality(0, 1), verify._Decided()
    decided.add(claim, {}, Finding(Status.SATISFIED, 1.0))
    harvest = Harvest(instances=instances, admitted=admitted, unevaluated=unevaluated)
    verdict = verify._verdict(claim, harvest, decided, (), 0, Examiner(claim), None)
    assert (verdict.outcome, verdict.message) == (outcome, message)


def test_the_first_of_the_open_instances_is_named() -> None:
    claim, decided = inequality(0, 1), verify._Decided()
    for x, reason in ((F(1, 3), "one"), (F(2, 3), "two")):
        decided.add(claim, {"x": np.array(x, dtype=object)}, Finding(Status.UNDECIDED, reason=reason))
    verdict = verify._verdict(claim, Harvest(instances=9, admitted=9), decided, (), 0, Examiner(claim), None)
    assert (verdict.outcome, verdict.message) == ("undecided", "not decided at x = 1/3: one")


def test_every_instance_of_a_small_domain_is_said_to_be_evaluated() -> None:
    verdict = check(inequality(lambda n: n, lambda n: n * n, {"n": d.integers(-9, 9)}), budget=100)
    assert (verdict.outcome, verdict.message) == (
        "holds",
        "floats evaluated every one of the 19 instances of the domain",
    )


# What is examined ---------------------------------------------------------------------------------------------------


def test_an_order_is_examined_first_where_numbers_are_near_one() -> None:
    """An inequality as the search has it, the worst first."""
    told = Told(lambda x: Finding(Status.SATISFIED, 1.0, relative=1.0))
    order = et.Order(name="o", given=UNIT, remainder=lambda t, x: t, power=1)
    for claim in (inequality(0, 1), order):
        verify._decide(claim, harvest([0.125, 0.5, 0.25]), told)  # type: ignore[arg-type]
    assert [x for x, _ in told.asked] == [F(1, 8), F(1, 2), F(1, 4), F(1, 2), F(1, 4), F(1, 8)]


@pytest.mark.parametrize(("numbers", "examined"), [(8192, 5), (8193, 4), (25_000, 3)])
def test_fewer_wide_candidates_are_examined(numbers: int, examined: int) -> None:
    """8192 numbers for each of the candidates together, and three at least."""
    found: list[Any] = []

    def examine(instance: Any, thorough: bool = False) -> Finding:
        found.append(instance)
        return Finding(Status.SATISFIED, 1.0, relative=1.0)

    claim = inequality(0, 1, {"x": d.logits(actions=numbers)})
    verify._decide(claim, Harvest([[candidate(np.zeros(numbers)) for _ in range(5)]]), examine)  # type: ignore[arg-type]
    assert len(found) == examined


@pytest.mark.parametrize(("numbers", "small"), [(8192, True), (8193, False)])
def test_a_wide_counterexample_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch, numbers: int, small: bool) -> None:
    made_small: list[Any] = []

    def noting(claim: Any, instance: Any, finding: Finding, examine: Any) -> Any:
        made_small.append(instance)
        return instance, finding

    monkeypatch.setattr(verify, "shrink", noting)
    claim, decided = inequality(0, lambda z: -1 + 0 * z[:, 0], {"z": d.logits(actions=numbers)}), verify._Decided()
    decided.add(claim, {"z": np.full(numbers, F(0), dtype=object)}, Finding(Status.VIOLATED, -1.0, evidence={}))
    verdict = verify._verdict(claim, Harvest(), decided, (), 0, Examiner(claim), None)
    assert (verdict.outcome, len(made_small)) == ("refuted", small)


def test_leads_are_followed_until_a_way_or_three_instances_refute(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is undecided there counts only where the rounding of a float is why."""
    ways = [[F(1, 2), F(1, 3)], [F(1, 4), F(1, 5), F(1, 6)], [F(1, 7)]]
    given = [[{"x": np.array(x, dtype=object)} for x in way] for way in ways]
    monkeypatch.setattr(verify, "leads", lambda *arguments: iter(given))
    claim = inequality(0, 1)

    def followed(answer: Any) -> tuple[list[F], verify._Decided]:
        told, decided = Told(answer), verify._Decided()
        verify._decide_leads(claim, 0, 100, Harvest(), decided, told)  # type: ignore[arg-type]
        return [x for x, _ in told.asked], decided

    def violated_from(k: int) -> Any:
        return lambda x: Finding(Status.VIOLATED if x.denominator >= k else Status.SATISFIED, 1.0)

    everything = [x for way in ways for x in way]
    assert followed(violated_from(8))[0] == everything
    assert followed(violated_from(6))[0] == everything[:5]
    assert followed(violated_from(2))[0] == everything[:2]
    assert followed(violated_from(4))[0] == everything[:5]
    ways_of_four = [[F(1, k) for k in range(2, 6)]]
    given[:] = [[{"x": np.array(x, dtype=object)} for x in way] for way in ways_of_four]
    asked, decided = followed(violated_from(2))
    assert (asked, len(decided.violated)) == (ways_of_four[0][:3], 3)
    for reason, left_open in (("", 0), ("the sign is not decided", 0), (verify.ONLY_ROUNDED, 4)):  # type: ignore[attr-defined]
        asked, decided = followed(lambda x, reason=reason: Finding(Status.UNDECIDED, reason=reason))
        assert (len(asked), len(decided.open)) == (4, left_open)


def test_a_claim_that_fails_on_a_lead_is_asked_about_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [{"x": np.array(F(1, k), dtype=object)} for k in (2, 3)]
    monkeypatch.setattr(verify, "leads", lambda *arguments: iter([given]))

    def answer(x: F) -> Finding:
        if x == F(1, 2):
            raise et.ClaimError("no")
        return Finding(Status.VIOLATED, -1.0)

    told, decided = Told(answer), verify._Decided()
    verify._decide_leads(inequality(0, 1), 0, 100, Harvest(), decided, told)  # type: ignore[arg-type]
    assert [i["x"].item() for i, _ in decided.violated] == [F(1, 3)]


def test_logarithms_are_looked_for_only_where_nothing_else_refutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The remainder is of order one from one half on, and below of order 1.9, short of two as with a logarithm."""
    looked: list[int] = []
    monkeypatch.setattr(certify, "excess", lambda *arguments: looked.append(1))
    half = et.exact(1, 2)
    given = {"x": d.reals(0, 1)}

    def remainder(t: Any, x: Any) -> Any:
        return np.where(x < half, t ** et.exact(19, 10), t if broken else t ** et.exact(19, 10))

    order = et.Order(name="o", given=given, remainder=remainder, power=2)
    for broken in (True, False):
        looked.clear()
        verdict = check(order, budget=400)
        assert verdict.outcome == ("refuted" if broken else "undecided"), verdict.message
        assert bool(looked) is not broken


def test_a_table_on_which_an_order_is_not_meant_says_nothing() -> None:
    sides = {"remainder": lambda t, m, z: t + 0 * m.objective(z), "assuming": lambda m, z: z[:, 0, 0] > 10**9}
    ((violated, worst, certified),) = environments(et.Order, power=1, **sides).values()
    assert (violated, math.isnan(worst), certified) == (None, True, False)


def test_a_policy_at_which_floats_have_no_number_is_left_out_on_a_table() -> None:
    """The least of four policies has none; the worst of the others is reported."""
    seen: list[float] = []

    def first_logit(m: Any, z: Any) -> Any:
        value = z[:, 0, 0] + 10**6
        if z.dtype == np.float64 and z.shape[:2] == (4, 500):
            low = float(value.min())
            value = np.where(value == low, np.nan, value)
            seen.append(float(np.nanmin(value)))
            assert seen[-1] > low
        return value

    assert environments(et.Inequality, lhs=0, rhs=first_logit)["Taxi"] == (False, seen[-1], False)
