"""Mutants of the decision code, written by hand: each makes the gate give wrong answers, so each would be noticed.

The gate is a list of small claims whose truth is known from a line of mathematics. A claim that holds must not be
refuted, one that is false must be, with a counterexample that plain arithmetic confirms (fractions, and mpmath with 60
digits: none of it the checker's); what the prover settles and what must stay undecided is known as well.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb

import entropy_theory as et
from entropy_theory.balls import Ball
from entropy_theory.checking import certificate, certify, prove, verify
from entropy_theory.checking.certify import Finding, Status
from entropy_theory.checking.claim import Claim, Identity, Inequality

d = et.domains
BUDGET = 300
DIGITS = 60


@dataclass(frozen=True)
class Case:
    """A claim, the outcomes that are right, and for a false one whether plain arithmetic finds an instance to break
    it."""

    claim: Any
    right: frozenset[str]
    breaks: Callable[..., bool] | None = None


def numbers(strings: Any) -> Any:
    return [numbers(x) for x in strings] if isinstance(strings, list) else Fraction(strings)


def real(x: Fraction) -> Any:
    return mpmath.mpf(x.numerator) / x.denominator


def entropy_of(z: list[Fraction]) -> Any:
    weights = [mpmath.exp(real(x)) for x in z]
    total = mpmath.fsum(weights)
    return -mpmath.fsum(w / total * mpmath.log(w / total) for w in weights)


def holds(claim: Any, outcome: str = "holds") -> Case:
    return Case(claim, frozenset({outcome}))


def fails(claim: Any, breaks: Callable[..., bool]) -> Case:
    return Case(claim, frozenset({"refuted"}), breaks)


TINY = et.exact(1, 2**100)
HALF_LOG = et.exact(1, 2) * np.log(et.exact(2))
TWO = {"z": d.logits(actions=2)}
UNIT = {"x": d.reals(0, 1)}
FROM_ONE = {"x": d.reals(1, 2)}
LARGE, TINIEST = et.exact(10**300), et.exact(1, 2**1200)

GATE = [
    holds(et.Identity(name="log-of-exp", given=UNIT, lhs=lambda x: np.log(np.exp(x)), rhs=lambda x: x)),
    holds(
        et.Identity(
            name="mean-of-the-score", given=TWO, lhs=lambda z: (et.softmax(z) * et.log_softmax(z)).sum(-1) * -1,
            rhs=et.entropy,
        )
    ),
    holds(
        et.Inequality(name="gibbs", given=TWO | {"w": d.logits(like="z")}, lhs=0, rhs=lambda z, w: et.kl(z, w)),
    ),
    holds(et.Inequality(name="most-entropy", given=TWO, lhs=et.entropy, rhs=np.log(et.exact(2)))),
    holds(et.Inequality(name="square", given=UNIT, lhs=lambda x: x - x**2, rhs=et.exact(2, 7)), "proved"),
    holds(
        et.Inequality(
            name="inverse", given={"x": d.reals(-2, 2)}, assuming=lambda x: x > 1, lhs=lambda x: 1 / x, rhs=1,
        )
    ),
    holds(
        et.Inequality(
            name="close-above", given=FROM_ONE, lhs=lambda x: np.exp(x), rhs=lambda x: np.exp(x) + TINY, strict=True
        )
    ),
    holds(
        et.Order(name="first-order", given=TWO, power=2,
            remainder=lambda t, z: et.entropy_change(z, t[:, None] * z) - t * et.first_order_entropy_change(z, z))
    ),
    Case(
        et.Inequality(name="open-end", given={"x": d.reals(0, 0.1)}, lhs=lambda x: x, rhs=0.1, strict=True),
        frozenset({"undecided"}),
    ),
    Case(
        et.Inequality(name="never", given=UNIT, assuming=lambda x: x > 2, lhs=1, rhs=0),
        frozenset({"undecided"}),
    ),
    fails(et.Identity(name="tiny-gap", given=FROM_ONE, lhs=lambda x: np.exp(x), rhs=lambda x: np.exp(x) + TINY),
        lambda x: 1 <= x <= 2),
    fails(et.Identity(name="cancelling-gap", given=FROM_ONE, lhs=lambda x: np.exp(x) + LARGE - LARGE,
        rhs=lambda x: np.exp(x) + TINIEST), lambda x: 1 <= x <= 2),
    fails(et.Inequality(name="below-itself", given=FROM_ONE, lhs=lambda x: np.exp(x) + TINY,
        rhs=lambda x: np.exp(x), strict=True), lambda x: 1 <= x <= 2),
    fails(
        et.Inequality(name="less-than-most", given=TWO, lhs=et.entropy, rhs=et.exact("0.69")),
        lambda z: entropy_of(z) > mpmath.mpf("0.69"),
    ),
    fails(
        et.Inequality(name="at-a-tie", given={"x": d.reals(-1, 1)}, lhs=0, rhs=lambda x: x**2, strict=True),
        lambda x: x == 0,
    ),
    fails(
        et.Inequality(name="between", given={"x": d.reals(0, 4)}, assuming=lambda x: (x >= 2) & (x <= et.exact(5, 2)),
            lhs=1, rhs=0),
        lambda x: 2 <= x <= Fraction(5, 2),
    ),
    fails(
        et.Inequality(name="needle", given=UNIT, lhs=0,
            rhs=lambda x: (x - et.exact("0.3456")) ** 2 - et.exact(1, 10**6)),
        lambda x: 0 <= x <= 1 and (x - Fraction("0.3456")) ** 2 < Fraction(1, 10**6),
    ),
    fails(
        et.Inequality(name="half-of-the-entropy", given=TWO, lhs=HALF_LOG, rhs=et.entropy),
        lambda z: entropy_of(z) < mpmath.log(2) / 2,
    ),
    fails(
        et.Order(name="no-first-order", given=TWO, power=2,
            remainder=lambda t, z: et.entropy_change(z, t[:, None] * z)),
        lambda z: z[0] != z[1],
    ),
]  # fmt: skip


def confirmed(case: Case, verdict: et.Verdict) -> bool:
    """Whether a counterexample is one, by plain arithmetic, and its certificate is about the same numbers."""
    if case.breaks is None or verdict.counterexample is None or verdict.certificate is None:
        return False
    instance = {name: numbers(value) for name, value in verdict.counterexample.items()}
    with mpmath.workdps(DIGITS):
        return bool(case.breaks(**instance)) and verdict.certificate["instance"] == verdict.counterexample


def tampered(stated: Any) -> Iterator[dict[str, Any]]:
    """Certificates that confirm nothing: of points at which the needle's claim holds, or outside its domain."""
    for x in ("0", "1/2", "3457/5000", "-1", "2"):
        other = copy.deepcopy(stated)
        other["instance"]["x"] = x
        yield other


def gate() -> list[str]:
    """The names of the claims that are answered wrongly."""
    wrong = []
    for case in GATE:
        claim = case.claim
        verdict = verify.check(claim, budget=BUDGET)
        if verdict.outcome not in case.right or (verdict.outcome == "refuted" and not confirmed(case, verdict)):
            wrong.append(claim.name)
        elif verdict.outcome == "refuted":
            again = certificate.recheck(claim, verdict.certificate)
            stands = certificate.stands(again)
            if not stands or (
                claim.name == "needle"
                and any(
                    certificate.stands(certificate.recheck(claim, other)) for other in tampered(verdict.certificate)
                )
            ):
                wrong.append(f"recheck {claim.name}")
        if case.breaks is not None and prove.prove(claim) is not None:
            wrong.append(f"prove {claim.name}")
    return wrong


def test_the_gate_is_passed() -> None:
    assert gate() == []


Patch = Callable[[pytest.MonkeyPatch], None]


def always(status: Status) -> Patch:
    def patch(m: pytest.MonkeyPatch) -> None:
        m.setattr(certify, "_at_precision", lambda claim, balls, bits, *options: Finding(status, 0.0, bits=bits))

    return patch


def never_breaks(m: pytest.MonkeyPatch) -> None:
    m.setattr(certify, "_breaks", lambda gap, strict: False)


def always_keeps(m: pytest.MonkeyPatch) -> None:
    m.setattr(certify, "_breaks", lambda gap, strict: False)
    m.setattr(certify, "_keeps", lambda gap, strict: True)


def agrees_on_identities(m: pytest.MonkeyPatch) -> None:
    m.setattr(certify, "_identity", lambda left, right, gaps, bits: Finding(Status.SATISFIED, 0.0, bits=bits))


def agrees_on_orders(m: pytest.MonkeyPatch) -> None:
    m.setattr(certify, "_order", lambda claim, balls, bits, *options: Finding(Status.SATISFIED, 9.0, bits=bits))


def no_assumption(m: pytest.MonkeyPatch) -> None:
    m.setattr(Claim, "meets", lambda self, leaves: np.ones(len(next(iter(leaves.values()))), dtype=bool))


def no_assumption_in_balls(m: pytest.MonkeyPatch) -> None:
    whole = Claim.admitted

    def admitted(self: Claim, leaves: Any) -> Any:
        n = len(next(iter(leaves.values())))
        balls = any(value.dtype == object for value in leaves.values())
        return np.ones(n, dtype=bool) if balls else whole(self, leaves)

    m.setattr(Claim, "admitted", admitted)


def other_side(m: pytest.MonkeyPatch) -> None:
    sides = Inequality.sides

    def swapped(self: Inequality, leaves: Any) -> Any:
        lhs, rhs = sides(self, leaves)
        balls = any(value.dtype == object for value in leaves.values())
        return (rhs, lhs) if balls else (lhs, rhs)

    m.setattr(Inequality, "sides", swapped)


def midpoints(m: pytest.MonkeyPatch) -> None:
    plain = certify._ball

    def middle(x: Any) -> Ball:
        ball = plain(x)
        return ball if ball.rational is not None else Ball(arb(ball.arb.mid()))

    m.setattr(certify, "_ball", middle)


def one_precision(m: pytest.MonkeyPatch) -> None:
    m.setattr(certify, "PRECISIONS", (64, 64))
    m.setattr(certify, "THOROUGH", 64)


def floats(m: pytest.MonkeyPatch) -> None:
    """Decides by doubles."""
    m.setattr(certify, "_breaks", lambda gap, strict: gap.midpoint() < -1e-9)
    m.setattr(certify, "_keeps", lambda gap, strict: gap.midpoint() >= -1e-9)


def strictness_is_lost(m: pytest.MonkeyPatch) -> None:
    m.setattr(certify, "_breaks", lambda gap, strict, plain=certify._breaks: plain(gap, False))
    m.setattr(certify, "_keeps", lambda gap, strict, plain=certify._keeps: plain(gap, False))


def rounds_what_it_decides(m: pytest.MonkeyPatch) -> None:
    plain = certify.rationals

    def coarse(leaves: Any, spec: Any) -> Any:
        limit = np.frompyfunc(lambda x: Fraction(round(x * 10), 10), 1, 1)
        return {name: np.asarray(limit(value), dtype=object) for name, value in plain(leaves, spec).items()}

    m.setattr(verify, "rationals", coarse)


def rounds_what_it_writes(m: pytest.MonkeyPatch) -> None:
    plain = certificate.strings

    def coarse(value: Any) -> Any:
        rounded = np.frompyfunc(lambda x: Fraction(round(x * 10), 10), 1, 1)(np.asarray(value, dtype=object))
        return plain(rounded)

    m.setattr(certificate, "strings", coarse)
    m.setattr(verify, "strings", coarse)


def rounded_constants_count(m: pytest.MonkeyPatch) -> None:
    m.setattr(certify, "_despite_rounded_constants", lambda claim, balls, finding, logarithms: finding)


def undecided_is_satisfied(m: pytest.MonkeyPatch) -> None:
    plain = certify._at_precision

    def generous(claim: Claim, balls: Any, bits: int, *options: bool) -> Finding:
        finding = plain(claim, balls, bits, *options)
        return replace(finding, status=Status.SATISFIED) if finding.status is Status.UNDECIDED else finding

    m.setattr(certify, "_at_precision", generous)


def everything_is_tiny(m: pytest.MonkeyPatch) -> None:
    m.setattr(certify, "_tiny", lambda gap, left, right, bits: True)


def proves_everything(m: pytest.MonkeyPatch) -> None:
    m.setattr(verify, "prove", lambda claim: prove.Proof(1, "everything"))


def proves_each_box(m: pytest.MonkeyPatch) -> None:
    m.setattr(prove, "_holds", lambda claim, gap: True)


def proves_at_the_centre(m: pytest.MonkeyPatch) -> None:
    m.setattr(prove, "_enclosure", lambda low, high: Ball((low + high) / 2))


def shrinks_to_another_instance(m: pytest.MonkeyPatch) -> None:
    def other(claim: Claim, instance: Any, finding: Finding, examine: Any) -> Any:
        return {name: np.full(value.shape, Fraction(1, 8), dtype=object) for name, value in instance.items()}, finding

    m.setattr(verify, "shrink", other)


def confirms_any_certificate(m: pytest.MonkeyPatch) -> None:
    m.setattr(certificate, "examine", lambda claim, instance: Finding(Status.VIOLATED))
    m.setattr(type(GATE[0].claim.space), "admits_sizes", lambda self, sizes: True)


def vacuous_counts(m: pytest.MonkeyPatch) -> None:
    """A claim whose assumption is never met passes for one that holds."""
    search = verify.search  # type: ignore[attr-defined]

    def full(*arguments: Any) -> Any:
        harvest = search(*arguments)
        harvest.admitted = max(harvest.admitted, 1)
        return harvest

    m.setattr(verify, "search", full)
    m.setattr(verify._Decided, "examined", property(lambda self: 1, lambda self, value: None), raising=False)


PATCHES: dict[str, tuple[Patch, set[str]]] = {
    "always agrees": (always(Status.SATISFIED), {"less-than-most", "tiny-gap", "no-first-order", "open-end"}),
    "always balanced": (always(Status.BALANCED), {"less-than-most", "tiny-gap", "no-first-order"}),
    "always violated": (always(Status.VIOLATED), {"gibbs", "log-of-exp", "first-order", "square"}),
    "always outside": (always(Status.OUTSIDE), {"gibbs", "less-than-most"}),
    "always undecided": (always(Status.UNDECIDED), {"gibbs", "less-than-most"}),
    "never breaks": (never_breaks, {"less-than-most", "needle", "at-a-tie"}),
    "always holds": (always_keeps, {"less-than-most", "needle", "at-a-tie", "open-end"}),
    "identities always agree": (agrees_on_identities, {"tiny-gap"}),
    "orders always agree": (agrees_on_orders, {"no-first-order"}),
    "no assumption": (no_assumption, {"inverse", "never", "between"}),
    "no assumption in balls": (no_assumption_in_balls, {"between"}),
    "wrong side": (other_side, {"gibbs", "square", "less-than-most"}),
    "midpoints for balls": (midpoints, {"log-of-exp"}),
    "one precision": (one_precision, {"tiny-gap", "cancelling-gap", "close-above"}),
    "doubles": (floats, {"at-a-tie"}),
    "strict is not strict": (strictness_is_lost, {"at-a-tie", "open-end"}),
    "rounds the instance": (rounds_what_it_decides, {"open-end"}),
    "rounds the certificate": (rounds_what_it_writes, {"needle"}),
    "rounded constants count": (rounded_constants_count, {"open-end"}),
    "undecided counts as satisfied": (undecided_is_satisfied, {"below-itself", "cancelling-gap"}),
    "everything is tiny": (everything_is_tiny, {"cancelling-gap"}),
    "proves everything": (proves_everything, {"gibbs", "most-entropy", "first-order"}),
    "proves each box": (proves_each_box, {"prove needle"}),
    "proves at the centre": (proves_at_the_centre, {"prove needle"}),
    "shrinks to another instance": (shrinks_to_another_instance, {"needle", "between", "at-a-tie"}),
    "confirms any certificate": (confirms_any_certificate, {"recheck needle"}),
    "vacuous counts": (vacuous_counts, {"never"}),
}


@contextmanager
def patched(patch: Patch) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as m:
        patch(m)
        yield


@pytest.mark.parametrize("name", PATCHES)
def test_a_wrong_decision_is_noticed(name: str) -> None:
    """The gate answers wrongly at least where the fault must show."""
    patch, noticed = PATCHES[name]
    with patched(patch):
        wrong = set(gate())
    assert noticed <= wrong, f"answered as before: {sorted(noticed - wrong)}"
    assert gate_is_whole()


def gate_is_whole() -> bool:
    """Whether nothing of a patch is left: the decisions that it took are as they were."""
    false = next(case for case in GATE if case.claim.name == "needle")
    return verify.check(false.claim, budget=BUDGET).outcome == "refuted"


def test_the_gate_has_claims_of_every_kind_and_truth() -> None:
    kinds = {(type(case.claim).__name__, case.breaks is not None) for case in GATE}
    assert kinds == {(kind.__name__, false) for kind in (Identity, Inequality, et.Order) for false in (True, False)}
