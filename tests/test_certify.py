"""One decision at a time: what the balls say of an instance, which entry they name, and at which precision.

The numbers are chosen so that each finding is known from arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking import certify
from entropy_theory.checking.certificate import CertificateError, certificate, recheck
from entropy_theory.checking.certify import Finding, Status, balls_of, examine

d = et.domains
LARGE = et.exact(10**300)


def at(claim: Any, x: Any = 1, thorough: bool = False) -> Finding:
    """What is found at one number."""
    return examine(claim, {"x": np.array(Fraction(x), dtype=object)}, thorough)


def exp(x: Any) -> Any:
    return np.exp(x)


def claim_of(kind: Any, lhs: Any, rhs: Any, **more: Any) -> Any:
    return kind(name="one", given={"x": d.reals(-10, 10)}, lhs=lhs, rhs=rhs, **more)


def row(*entries: Any) -> Any:
    """A side with several entries, each a number or a function of x."""

    def side(x: Any) -> Any:
        return np.stack([entry(x) if callable(entry) else entry + 0 * x for entry in entries], axis=-1)

    return side


def inequality(lhs: Any, rhs: Any, **more: Any) -> Any:
    return claim_of(et.Inequality, lhs, rhs, **more)


def identity(lhs: Any, rhs: Any) -> Any:
    return claim_of(et.Identity, lhs, rhs)


# Inequalities -----------------------------------------------------------------------------------------------------


def test_the_entry_nearest_to_failing_is_named() -> None:
    """Relative slacks 3/5, 1/3 and 9/11."""
    finding = at(inequality(row(1, 1, 1), row(4, 2, 10)))
    assert (finding.status, finding.value, finding.ratio, finding.bits) == (Status.SATISFIED, 1.0, 0.5, 64)
    assert finding.relative == pytest.approx(1 / 3, rel=1e-15)
    assert finding.evidence == {"lhs": "1", "rhs": "2", "rhs_minus_lhs": "1", "entry": 1}


def test_the_entry_that_fails_most_is_named() -> None:
    """Relative slacks -1/3, -1 and 1/3."""
    half = Fraction(1, 2)
    finding = at(inequality(row(1, 1, 1), lambda x: np.stack([x / 2, -x / 2, 2 * x], axis=-1), strict=True))
    assert (finding.status, finding.value, finding.relative) == (Status.VIOLATED, -1.5, -1.0)
    assert math.isnan(finding.ratio)
    assert finding.evidence == {"lhs": "1", "rhs": str(-half), "rhs_minus_lhs": "-3/2", "entry": 1, "strict": True}


def test_of_one_entry_no_number_is_given_and_of_two_it_is() -> None:
    one, two = at(inequality(1, 2)), at(inequality(row(1, 1), 2))
    assert one.evidence is not None
    assert two.evidence is not None
    assert "entry" not in one.evidence
    assert two.evidence["entry"] == 0


@pytest.mark.parametrize(("lhs", "rhs"), [(-1, 2), (1, -2), (1, 0), (0, 1)])
def test_a_ratio_is_of_positive_numbers(lhs: int, rhs: int) -> None:
    assert math.isnan(at(inequality(lhs, rhs)).ratio)


def test_relative_slack_counts_both_sides() -> None:
    assert at(inequality(1, -3)).relative == -1.0
    assert at(inequality(-1, 3)).relative == 1.0
    assert at(inequality(0, 0)).relative == 0.0
    # Below the smallest double.
    assert at(inequality(et.exact(1, 10**400), et.exact(3, 10**400))).relative == 0.5


def test_one_entry_that_is_open_leaves_the_whole_open() -> None:
    finding = at(inequality(exp, row(exp, lambda x: np.exp(x) + 1), strict=True), Fraction(1, 3))
    assert (finding.status, finding.bits) == (Status.UNDECIDED, 4096)
    assert "the sign of rhs - lhs is not decided at 4096 bits" in finding.reason


@pytest.mark.parametrize(("thorough", "bits"), [(False, 256), (True, 4096)])
def test_sides_that_agree_are_balanced_and_thoroughly_so_at_every_precision(thorough: bool, bits: int) -> None:
    claim = inequality(lambda x: np.log(np.exp(x)), row(lambda x: x, lambda x: x + 1))
    finding = at(claim, Fraction(1, 3), thorough)
    assert (finding.status, finding.value, finding.bits) == (Status.BALANCED, 0.0, bits)


@pytest.mark.parametrize("thorough", [False, True])
def test_a_difference_below_the_first_precisions_is_seen(thorough: bool) -> None:
    """2**-100 of the sides is lost at 64 bits, and 2**-2000 at 256, where sides that agree are left at that."""
    near = inequality(lambda x: np.exp(x) + et.exact(1, 2**100), exp)
    assert at(near, Fraction(1, 3), thorough).status is Status.VIOLATED
    nearer = inequality(lambda x: np.exp(x) + et.exact(1, 2**2000), exp)
    assert at(nearer, Fraction(1, 3), True).status is Status.VIOLATED
    assert at(nearer, Fraction(1, 3), False).status is Status.BALANCED


@pytest.mark.parametrize("sides", [(0, 1), (1, 0)])
def test_what_is_decided_below_the_smallest_double_keeps_its_sign(sides: tuple[int, int]) -> None:
    sign = 1 if sides == (0, 1) else -1
    for tiny in (et.exact(1, 2**2000), lambda x: np.exp(-2000 * x)):
        finding = at(inequality(*((0, tiny) if sign > 0 else (tiny, 0))))
        assert finding.status is (Status.SATISFIED if sign > 0 else Status.VIOLATED)
        assert finding.value == sign * 5e-324
    assert at(inequality(1, 1)).value == 0.0


def test_an_entry_that_is_not_finite_is_said_to_be() -> None:
    finding = at(inequality(0, lambda x: np.array([[math.inf, 1.0]])))
    assert (finding.status, finding.reason) == (Status.UNDECIDED, "a side is not finite at 4096 bits")


# Identities -------------------------------------------------------------------------------------------------------


def test_the_largest_difference_is_named() -> None:
    finding = at(identity(row(1, 1, 1), row(2, 4, 1)))
    assert (finding.status, finding.value, finding.relative, finding.bits) == (Status.VIOLATED, 3.0, 0.6, 128)
    assert finding.evidence == {"lhs": "1", "rhs": "4", "rhs_minus_lhs": "3", "entry": 1}


def test_the_bound_of_an_identity_is_that_of_its_worst_entry() -> None:
    finding = at(identity(row(1, lambda x: np.log(np.exp(x))), row(1, lambda x: x)), Fraction(1, 3))
    assert finding.status is Status.SATISFIED
    assert 0 < finding.value < 2.0**-80


def test_an_identity_is_met_where_every_entry_is_known_closely() -> None:
    """Beside 10**300 = 2**997 nothing is left of exp(x) at 128 and 256 bits, and 2**-27 of it at 1024 bits."""

    def cancelling(x: Any) -> Any:
        return np.exp(x) + LARGE - LARGE

    assert (at(identity(cancelling, exp)).status, at(identity(cancelling, exp)).bits) == (Status.SATISFIED, 4096)
    finding = at(identity(row(1, cancelling), row(1, exp)))
    assert (finding.status, finding.bits) == (Status.SATISFIED, 4096)


def test_small_sides_are_compared_with_their_size() -> None:
    """Of exp(-2000) known to 2**-28 it is not said at 128 bits that it equals itself."""

    def cancelling(x: Any) -> Any:
        small = np.exp(-2000 * x)
        return (small * 2**100 + small) - small * 2**100

    finding = at(identity(cancelling, lambda x: np.exp(-2000 * x)))
    assert (finding.status, finding.bits) == (Status.SATISFIED, 1024)


def test_a_difference_that_vanishes_is_met_at_the_last_precision() -> None:
    finding = at(identity(lambda x: np.exp(x) - np.exp(x), 0), Fraction(1, 3))
    assert (finding.status, finding.bits) == (Status.SATISFIED, 4096)
    open_ = at(identity(lambda x: np.exp(x) + LARGE - LARGE - np.exp(x), 0), Fraction(1, 3))
    assert open_.status is Status.UNDECIDED


@pytest.mark.parametrize(("thorough", "bits"), [(False, 128), (True, 2048)])
def test_an_identity_is_examined_thoroughly_at_more_bits(thorough: bool, bits: int) -> None:
    finding = at(identity(lambda x: np.log(np.exp(x)), lambda x: x), Fraction(1, 3), thorough)
    assert (finding.status, finding.bits) == (Status.SATISFIED, bits)


# The domain, the assumption and constants that are rounded ----------------------------------------------------------


def test_outside_the_domain_or_the_assumption_nothing_is_decided() -> None:
    claim = inequality(1, 0, assuming=lambda x: x > 2)
    assert at(claim, 11).status is at(claim, 2).status is Status.OUTSIDE
    assert at(claim, 3).status is Status.VIOLATED


def test_where_the_assumption_is_open_only_what_holds_is_said() -> None:
    def open_(x: Any) -> Any:
        return np.log(np.exp(x)) >= x

    third = Fraction(1, 3)
    kept = at(inequality(0, 1, assuming=open_), third)
    assert (kept.status, kept.counts) == (Status.SATISFIED, False)
    assert at(inequality(0, 1), third).counts
    broken = at(inequality(1, 0, assuming=open_), third)
    assert broken.status is Status.UNDECIDED
    assert broken.reason.startswith("the assumption is not decided")


def test_a_violation_that_hangs_on_a_rounded_constant_is_open() -> None:
    assert at(inequality(0.1, et.exact("0.1"))).status is Status.UNDECIDED
    assert at(inequality(0.2, et.exact("0.1"))).status is Status.VIOLATED
    assert at(inequality(0.25, et.exact("0.24"))).status is Status.VIOLATED


def test_a_violation_at_a_rounded_end_of_the_domain_is_open() -> None:
    def below(low: float, high: float) -> Any:
        return et.Inequality(name="end", given={"x": d.reals(low, high)}, lhs=lambda x: x, rhs=et.exact("1/10"))

    assert at(below(0, 0.1), Fraction(0.1)).status is Status.UNDECIDED
    assert at(below(0, 0.2), Fraction(0.1)).status is Status.VIOLATED
    assert at(below(0, 0.125), Fraction(1, 8)).status is Status.VIOLATED
    assert at(below(0.3, 1), Fraction(0.3)).status is Status.VIOLATED


# Orders -----------------------------------------------------------------------------------------------------------


def order(remainder: Any, power: float = 2) -> Any:
    return et.Order(name="order", given={"x": d.reals(-10, 10)}, remainder=remainder, power=power)


def test_an_order_that_holds_is_measured_at_the_first_steps() -> None:
    finding = at(order(lambda t, x: t**2 * x))
    assert (finding.status, finding.reason) == (Status.SATISFIED, "")
    assert finding.value == pytest.approx(2, rel=1e-12)
    assert finding.evidence is not None
    assert finding.evidence["steps"] == ["2^-64", "2^-128", "2^-256"]
    first = Fraction(finding.evidence["remainders"][0].split(" ")[0].strip("["))
    assert abs(first * 2**128 - 1) < Fraction(1, 10**15)


def test_steps_lie_below_every_scale_of_the_instance() -> None:
    finding = at(order(lambda t, x: t**2 * x), Fraction(1, 8))
    assert finding.evidence is not None
    assert finding.evidence["steps"] == ["2^-76", "2^-140", "2^-268"]


def test_an_order_that_falls_short_is_measured_again_far_below() -> None:
    """Below the exponential of 1, 2 bits and so 4 * 2, and four times that and 1024 below."""
    finding = at(order(lambda t, x: t * x))
    assert finding.status is Status.VIOLATED
    assert finding.value == pytest.approx(1, rel=1e-12)
    assert finding.evidence is not None
    assert finding.evidence["steps"] == [f"2^-{4 * 8 + 1024 + k}" for k in (64, 128, 256)]
    assert finding.evidence["claimed_order"] == "2"


@pytest.mark.parametrize(("powers", "entry"), [((1, 2), 0), ((2, 1), 1), ((1, 1), 0)])
def test_the_lowest_order_is_named_and_of_equals_the_first(powers: tuple[int, int], entry: int) -> None:
    finding = at(order(lambda t, x: np.stack([x * t**k for k in powers], axis=-1)))
    assert finding.status is Status.VIOLATED
    assert finding.evidence is not None
    assert finding.evidence["entry"] == entry
    assert finding.value == pytest.approx(1, rel=1e-12)


def test_an_order_between_the_margins_has_not_settled() -> None:
    finding = at(order(lambda t, x: x * t ** et.exact(19, 10)))
    assert (finding.status, finding.reason) == (Status.UNDECIDED, "the measured order has not settled")
    assert at(order(lambda t, x: x * t ** et.exact(197, 100))).status is Status.SATISFIED
    assert at(order(lambda t, x: x * t ** et.exact(17, 10))).status is Status.VIOLATED


def test_an_order_that_falls_short_at_the_last_steps_only_has_not_settled() -> None:
    """t**2 down to 2**-160, then t."""
    assert at(order(lambda t, x: x * t**2 + t * et.exact(1, 2**160))).status is Status.UNDECIDED


def test_a_remainder_far_below_the_claimed_order_has_none() -> None:
    """Below 2**(-6 k): zero, and t**7."""
    for remainder in (lambda t, x: 0 * t, lambda t, x: x * t**7):
        finding = at(order(remainder))
        assert (finding.status, finding.value, finding.evidence) == (Status.SATISFIED, math.inf, None)


def scales(*numbers: Any) -> dict[str, Any]:
    return {"x": balls_of(np.array([Fraction(x) for x in numbers], dtype=object))}


def test_binary_digits_of_an_instance() -> None:
    for numbers, digits in (
        ((8, Fraction(1, 4)), 3),
        ((4, Fraction(1, 16)), 4),
        ((0, 1), 0),
        ((0,), 0),
        ((2**2000, 1), 1100),
        ((Fraction(1, 2**2000), 1), 1100),
        ((-5,), 3),
    ):
        assert certify._digits(scales(*numbers)) == digits


def test_binary_digits_of_exponentials() -> None:
    for numbers, digits in (((700, 0), 1010), ((-700, 3), 1010), ((0,), 0), ((10**6,), 1500)):
        assert certify._exponents(scales(*numbers)) == digits


# Certificates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["1e5", " 1", "1_0", "0x1", "1/0", "nan", "1/-2", 1, 0.5, None, True, ""])
def test_only_plain_rationals_are_read(number: Any) -> None:
    claim = inequality(1, 0)
    stated = certificate(claim, {"x": np.array(Fraction(1), dtype=object)}, at(claim))
    assert recheck(claim, stated).status is Status.VIOLATED
    with pytest.raises(CertificateError, match=r"instance\['x'\]"):
        recheck(claim, stated | {"instance": {"x": number}})


# What a first version of these tests did not notice -----------------------------------------------------------------


def root(x: Any) -> Any:
    """An enclosure without a radius: of 4 it is exactly 2, and not known to be rational."""
    return x ** et.exact(1, 2)


def test_an_enclosure_that_is_exact_decides_equality() -> None:
    assert at(inequality(2, root), 4).status is Status.SATISFIED
    assert at(inequality(2, root), 4).value == 0.0
    assert at(inequality(root, 2), 4).value == 0.0
    assert at(inequality(2, root, strict=True), 4).status is Status.VIOLATED
    assert at(inequality(root, 2, strict=True), 4).value == 0.0
    for smaller in (1, 0):
        assert at(inequality(smaller, root, strict=True), 4).status is Status.SATISFIED
        assert at(inequality(root, smaller), 4).status is Status.VIOLATED


def test_sides_that_agree_in_one_entry_only_are_not_balanced() -> None:
    """Beside 10**1300 = 2**4319 nothing is left of exp(x) at 4096 bits."""
    more = et.exact(10**1300)
    claim = inequality(row(0, exp), row(1, lambda x: np.exp(x) + more - more))
    assert at(claim, Fraction(1, 3)).status is Status.UNDECIDED


def test_the_difference_of_an_identity_is_bounded_from_above() -> None:
    """Beside 2**120 the number e is known to 2**-8 at 128 bits."""
    finding = at(identity(lambda x: np.exp(x) + 2**120 - 2**120, 0))
    assert (finding.status, finding.bits) == (Status.VIOLATED, 128)
    assert math.e < finding.value < math.e + 0.1


def test_a_difference_of_one_is_one() -> None:
    finding = at(identity(0, 1))
    assert (finding.status, finding.value) == (Status.VIOLATED, 1.0)
    assert at(identity(1, 1)).status is Status.SATISFIED


def test_small_numbers_are_compared_with_their_size_as_well() -> None:
    assert at(inequality(lambda x: x / 8, lambda x: x / 4)).relative == pytest.approx(1 / 3, rel=1e-15)


def test_enclosures_are_written_to_thirty_digits() -> None:
    finding = at(identity(exp, 0))
    assert finding.evidence is not None
    assert finding.evidence["lhs"].startswith("[2.71828182845904523536028747135 +/- ")


def test_remainders_and_orders_are_written_to_twenty_digits() -> None:
    """The third of 2**-128."""
    finding = at(order(lambda t, x: t**2 * x / 3))
    assert finding.evidence is not None
    assert finding.evidence["remainders"][0].startswith("[9.7957862568523958997e-40 +/- ")
    assert all(text.startswith("[2.000000000000000000 +/- ") for text in finding.evidence["orders"])


def test_a_remainder_that_cancels_is_measured_at_more_bits() -> None:
    """Beside 10**200 = 2**665 nothing is left of t**2 at 512 bits, and enough at twice as many."""
    much = et.exact(10**200)

    def cancelling(t: Any, x: Any) -> Any:
        return np.exp(x) * much + t**2 - np.exp(x) * much

    for remainder in (cancelling, lambda t, x: np.stack([t**2, cancelling(t, x)], axis=-1)):
        finding = at(order(remainder), 1)
        assert finding.status is Status.SATISFIED
        # Remainders of 16 good bits at steps 2**64 apart: 2 * 2**-16 / log(2**64).
        assert finding.value == pytest.approx(2, abs=7e-7)
        assert finding.bits == 64


def test_an_order_exactly_at_the_floor_is_measured() -> None:
    assert at(order(lambda t, x: x * t**6)).value == pytest.approx(6, rel=1e-12)


def test_a_thorough_measurement_goes_deep() -> None:
    """From steps below 2**-1024 on it is deep enough."""
    claim = et.Order(name="o", given={"x": d.reals(-1e100, 1e100)}, remainder=lambda t, x: t**2 + 0 * x, power=2)
    for x, first in ((1, 1056), (2**256, 1024)):
        finding = at(claim, x, thorough=True)
        assert finding.evidence is not None
        assert finding.evidence["steps"][0] == f"2^-{first + 64}"


@pytest.mark.parametrize(("lost", "bits"), [(38, 128), (60, 256)])
def test_an_identity_is_met_within_a_share_of_its_sides(lost: int, bits: int) -> None:
    """Beside 2**38 the number e is known to some 2**-90 at 128 bits, beside 2**60 to 2**-68; 2**-80 is asked for."""
    finding = at(identity(lambda x: np.exp(x) + 2**lost - 2**lost, exp))
    assert (finding.status, finding.bits) == (Status.SATISFIED, bits)


@pytest.mark.parametrize(("lost", "status"), [(800, Status.SATISFIED), (850, Status.UNDECIDED)])
def test_sides_that_vanish_are_asked_for_less(lost: int, status: Status) -> None:
    """At 4096 bits, below 2**-3276: known to 2**(800 - 4096) or to 2**(850 - 4096)."""
    finding = at(identity(lambda x: np.exp(x) + 2**lost - 2**lost - np.exp(x), 0), Fraction(1, 3))
    assert (finding.status, finding.bits) == (status, 4096)


def test_an_order_is_measured_down_to_the_deepest_step() -> None:
    """Of 10**5 there are 17 digits and 1500 of its exponential: 4 (17 + 1500), and four times that is too deep."""
    claim = et.Order(name="o", given={"x": d.reals(-1e9, 1e9)}, remainder=lambda t, x: t + 0 * x, power=2)
    finding = at(claim, 10**5)
    assert finding.status is Status.VIOLATED
    assert finding.evidence is not None
    assert finding.evidence["steps"][0] == f"2^-{20_000 + 64}"


def test_a_finding_is_not_changed_and_has_no_precision_until_it_is_decided() -> None:
    finding = Finding(Status.UNDECIDED)
    assert finding.bits == 0
    with pytest.raises(FrozenInstanceError):
        finding.status = Status.SATISFIED  # type: ignore[misc]


def test_an_enclosure_that_is_exactly_zero_equals_zero_at_once() -> None:
    finding = at(identity(lambda x: np.exp(x) * 0, 0))
    assert (finding.status, finding.value, finding.bits) == (Status.SATISFIED, 0.0, 128)


def test_one_number_at_a_rounded_end_is_enough_to_look_again() -> None:
    given = {"z": d.logits(actions=2), "x": d.reals(0, 0.1, like="z")}
    claim = et.Inequality(name="end", given=given, lhs=lambda x: x, rhs=et.exact("1/10"))
    instance: dict[str, list[Any]] = {"z": [0, 0], "x": [Fraction(0.1), 0]}
    arrays = {k: np.array([Fraction(x) for x in v], dtype=object) for k, v in instance.items()}
    assert examine(claim, arrays).status is Status.UNDECIDED


# What mutants of the module showed -----------------------------------------------------------------------------------


def test_a_ratio_of_numbers_below_one() -> None:
    finding = at(inequality(lambda x: x / 8, lambda x: x / 4, strict=True))
    assert (finding.status, finding.value, finding.ratio) == (Status.SATISFIED, 0.125, 0.5)


def test_an_identity_that_cancels_is_examined_thoroughly_at_the_last_precision() -> None:
    """Beside 2**1000 the number e is known to 2**-1048 at 2048 bits, and 2**-1280 is asked for."""
    much = et.exact(2**1000)
    finding = at(identity(lambda x: np.exp(x) + much - much, exp), thorough=True)
    assert (finding.status, finding.bits) == (Status.SATISFIED, 4096)


def test_an_order_that_falls_short_far_below_is_found_by_a_thorough_examination() -> None:
    """t**2 down to 2**-300, then t: at the steps that are tried first all is well."""
    claim = order(lambda t, x: x * t**2 + t * et.exact(1, 2**300))
    assert at(claim).status is Status.SATISFIED
    finding = at(claim, thorough=True)
    assert finding.status is Status.VIOLATED
    assert finding.value == pytest.approx(1, rel=1e-12)


def test_orders_are_written_to_twenty_digits_where_more_are_known() -> None:
    """Beside 10**602 = 2**2000 nothing is left of t**2 at the 4 (64 + 7 * 64) bits that are tried at most at first."""
    much = et.exact(10**602)
    finding = at(order(lambda t, x: np.exp(x) * much + t**2 - np.exp(x) * much))
    assert (finding.status, finding.bits) == (Status.SATISFIED, 128)
    assert finding.evidence is not None
    assert all(text.startswith("[2.0000000000000000000 +/- ") for text in finding.evidence["orders"])


def test_the_order_of_a_remainder_with_a_logarithm_is_that_of_the_last_steps() -> None:
    """t**2 log t between 2**-8192 and 2**-16384."""
    finding = at(order(lambda t, x: -x * t**2 * np.log(t)))
    assert (finding.status, finding.bits) == (Status.VIOLATED, 64)
    assert finding.value == pytest.approx(2 - 1 / 8192, rel=1e-15)
    assert finding.evidence is not None
    assert finding.evidence["steps"] == [f"2^-{2**j}" for j in range(8, 15)]


def test_a_remainder_with_a_logarithm_is_known_to_more_bits_than_asked_for() -> None:
    """Beside 10**400 = 2**1329 some 20 bits of it are left at 64 + 7 * 256 bits, and 192 more at 256 + 7 * 256."""
    much = et.exact(10**400)
    finding = at(order(lambda t, x: np.exp(x) * much - t**2 * np.log(t) - np.exp(x) * much))
    assert (finding.status, finding.bits) == (Status.VIOLATED, 64)
    assert finding.evidence is not None
    with mpmath.workdps(40):
        first = mpmath.nstr(256 * mpmath.log(2) * mpmath.mpf(2) ** -512, 20)
    mantissa, exponent = first.split("e")
    assert finding.evidence["remainders"][0].startswith(f"[{mantissa}e{exponent} +/- ")


def test_a_remainder_that_meets_its_order_is_followed_no_further() -> None:
    """It is evaluated at three steps."""
    met = []

    def remainder(t: Any, x: Any) -> Any:
        met.append(t)
        return t**2 * x

    assert at(order(remainder)).status is Status.SATISFIED
    assert len(met) == 3


def test_an_order_that_falls_short_by_little_is_followed() -> None:
    """t**2 (1 + c L**8) where t = 2**-L: at the steps that are tried first it falls short by 0.00014."""
    c = Fraction(15, 10**26)
    shortfall = math.log2((1 + c * 760**8) / (1 + c * 632**8)) / 128
    assert 1e-4 < shortfall < 2e-4
    claim = order(lambda t, x: t**2 * (1 + et.exact(c) * (np.log(t) / np.log(et.exact(2))) ** 8) + 0 * x)
    x = {"x": np.array(Fraction(1, 2**126), dtype=object)}
    first = examine(claim, x, logarithms=False)
    assert first.status is Status.SATISFIED
    assert first.value == pytest.approx(2 - shortfall, rel=1e-12)
    finding = examine(claim, x)
    assert finding.status is Status.VIOLATED
    assert finding.evidence is not None
    assert float(finding.evidence["logarithms"][-1].strip("[").split(" ")[0]) == pytest.approx(8, abs=1e-8)


@pytest.mark.parametrize("x", [Fraction(1, 10**9), Fraction(10**9 + 1, 10**9)])
def test_no_strict_claim_is_broken_by_a_small_gap(x: Fraction) -> None:
    assert at(inequality(0, lambda x: x, strict=True), x).status is Status.SATISFIED
    assert at(inequality(lambda x: x, 0, strict=True), x).status is Status.VIOLATED


def test_every_entry_of_a_remainder_must_be_known() -> None:
    """Beside 10**450 = 2**1495 nothing is left of the second at 64 + 7 * 256 bits, and enough at twice as many."""
    much = et.exact(10**450)

    def cancelling(t: Any, x: Any) -> Any:
        return np.exp(x) * much + t**2 - np.exp(x) * much

    finding = at(order(lambda t, x: np.stack([t**2, cancelling(t, x)], axis=-1)))
    assert (finding.status, finding.bits) == (Status.SATISFIED, 64)


def start_of(value: Any, bits: int) -> Any:
    """Where an enclosure begins, exactly."""
    with et.precision(bits):
        known = value(et.Ball(2)).arb
    low = known.mid().fmpq() - known.rad().fmpq()
    return et.exact(Fraction(int(low.p), int(low.q)))


def test_an_enclosure_that_begins_at_zero_does_not_exclude_equality() -> None:
    """The root of two at 64 bits, less the number at which it begins."""
    start = start_of(np.sqrt, 64)
    for strict, bits in ((False, 64), (True, 128)):
        finding = at(inequality(start, lambda x: np.sqrt(x), strict=strict), 2)
        assert (finding.status, finding.bits) == (Status.SATISFIED, bits)


def test_an_entry_that_begins_at_zero_is_kept_beside_sides_that_agree() -> None:
    """Beside 2**140 the root of two is known to 2**-115 at 256 bits: too little for sides that agree."""

    def known_to_little(x: Any) -> Any:
        return np.sqrt(x) + 2**140 - 2**140

    lhs = row(start_of(known_to_little, 256), lambda x: np.log(np.exp(x)))
    finding = at(inequality(lhs, row(known_to_little, lambda x: x)), 2)
    assert (finding.status, finding.bits) == (Status.BALANCED, 256)
