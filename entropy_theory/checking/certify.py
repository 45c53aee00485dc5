"""Decides one instance, given by exact rationals, in ball arithmetic.

The precision is raised until each sign is decided. An identity is refuted only by an enclosure of ``lhs - rhs`` that
excludes zero, an inequality only by an enclosure of ``rhs - lhs`` below zero (or, where it is strict, by a value that
is exactly zero).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, fmpq

from entropy_theory.balls import (
    Ball,
    UndecidedComparison,
    constant,
    may_be_rounded,
    noting_roundings,
    precision,
    to_fmpq,
    widened_constants,
)
from entropy_theory.checking.claim import Claim, ClaimError, Identity, Inequality, Order
from entropy_theory.checking.leaf import Leaf
from entropy_theory.checking.logarithm import excess
from entropy_theory.checking.stages import count

Array = np.ndarray[Any, Any]

PRECISIONS = (64, 128, 256, 1024, 4096)
"""Bits tried in turn; an identity starts at the second."""

THOROUGH = 2048
"""Bits of a thorough examination of an identity: differences down to 2**-1280 of the sides are seen."""

BALANCED_AT = 256
"""Bits from which an inequality whose two sides agree is left at that, unless it is examined thoroughly: differences
down to 2**-160 of the sides are seen, in a thorough examination down to 2**-2560."""

ORDER_STEPS = (64, 128, 256)
"""An order is measured between the steps 2**-(k0 + k) for these k, where k0 is `SCALES` times the number of binary
digits by which the instance's numbers differ from one: a remainder shows its order only below every scale of the
instance."""

SCALES = 4

DEEP_ENOUGH, DEEPEST = 1024, 20_000

MOST_DIGITS = 1500
"""Bound on the digits that exponentials are given: logits are drawn within 1000 of zero."""

ORDER_HOLDS = 0.05
"""A measured order within this of the claimed one, or above, holds."""

ORDER_MARGIN = 0.25
"""A measured order that falls short by more than this violates; in between it is undecided, as for a remainder whose
leading term carries powers of a logarithm."""

LOGARITHMIC = 1e-4
"""A measured order that falls short by more than this may hide a logarithm: see `logarithm`."""

MANY_NUMBERS = 1000
"""Numbers from which on an instance that was decided is remembered by a digest."""

ONLY_ROUNDED = (
    "violated only by the rounding of a float, in a formula or at an end of the domain; write constants such as "
    "0.1 and np.log(3) with et.exact"
)
"""Why such an instance is undecided."""


class Status(StrEnum):
    """What the balls say about an instance."""

    SATISFIED = "satisfied"
    VIOLATED = "violated"
    BALANCED = "balanced"
    """An inequality whose two sides agree within an enclosure too small to matter, and no further is known."""
    OUTSIDE = "outside"
    """The instance is outside the domain or does not meet the assumption."""
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Finding:
    """The decision on one instance.

    Attributes
    ----------
    status : Status
    value : float
        Inequality: rhs - lhs. Identity: an upper bound of |lhs - rhs|. Order: the measured order. Of the worst
        entry.
    ratio : float
        Inequality: lhs / rhs of the worst entry where both are positive, else nan.
    bits : int
        Precision at which it was decided.
    evidence : dict
        Enclosures as decimal strings, for the certificate.
    reason : str
        Why it is undecided.
    relative : float
        Of the worst entry, (rhs - lhs) / (|lhs| + |rhs|).
    counts : bool
        Whether the balls confirm that the instance meets the assumption.
    """

    status: Status
    value: float = math.nan
    ratio: float = math.nan
    bits: int = 0
    evidence: dict[str, Any] | None = None
    reason: str = ""
    relative: float = math.nan
    counts: bool = True


def rationals(leaves: Mapping[str, Array], spec: Mapping[str, Leaf]) -> dict[str, Array]:
    """One float instance (no batch axis) as exact rationals; probabilities are divided by their exact sum."""
    exact: dict[str, Array] = {}
    for name, value in leaves.items():
        entries = np.empty(np.shape(value), dtype=object)
        for index in np.ndindex(entries.shape):
            x = np.asarray(value)[index]
            entries[index] = x if isinstance(x, Fraction) else Fraction(float(x))
        exact[name] = entries / entries.sum(-1, keepdims=True) if spec[name].kind == "simplex" else entries
    return exact


def examine(claim: Claim, instance: Mapping[str, Array], thorough: bool = False, *, logarithms: bool = True) -> Finding:
    """Decide `claim` on one instance of exact rationals (arrays of Fraction, no batch axis).

    A thorough examination of an identity is made at `THOROUGH` bits, of an inequality at all precisions, and of an
    order at all step sizes. With `logarithms` an order is also violated where a power of a logarithm is all that the
    remainder has too much.
    """
    count("examined")
    balls = {name: balls_of(value)[None] for name, value in instance.items()}
    finding = Finding(Status.UNDECIDED)
    identity = isinstance(claim, Identity)
    for bits in (THOROUGH, PRECISIONS[-1]) if identity and thorough else PRECISIONS[identity:]:
        try:
            with precision(bits), noting_roundings() as roundings:
                finding = _at_precision(claim, balls, bits, thorough, logarithms)
        except UndecidedComparison as error:
            finding = Finding(Status.UNDECIDED, bits=bits, reason=str(error))
        if finding.status is Status.VIOLATED:
            if isinstance(claim, Order) or roundings.met or _at_an_end(claim, balls):
                return _despite_rounded_constants(claim, balls, finding, logarithms)
            return finding
        if finding.status in (Status.SATISFIED, Status.OUTSIDE):
            return finding
        if finding.status is Status.BALANCED and bits >= BALANCED_AT and not thorough:
            return finding
    return finding


class Examiner:
    """`examine` for one claim, which decides no instance twice: candidates often coincide, and so do the instances that
    they are rounded to.

    Parameters
    ----------
    claim : Claim
    logarithms : bool
        As in `examine`.
    """

    def __init__(self, claim: Claim, *, logarithms: bool = True) -> None:
        self.claim, self.logarithms = claim, logarithms
        self._found: dict[Any, Finding] = {}

    def __call__(self, instance: Mapping[str, Array], thorough: bool = False) -> Finding:
        key = thorough, _key(instance)
        finding = self._found.get(key)
        if finding is None:
            finding = self._found[key] = examine(self.claim, instance, thorough, logarithms=self.logarithms)
        return finding


def _key(instance: Mapping[str, Array]) -> Any:
    """What tells an instance from others: its numbers, or of many numbers a digest, which takes less memory."""
    numbers = tuple((name, x.shape, *[e.as_integer_ratio() for e in x.flat]) for name, x in instance.items())
    if sum(map(len, numbers)) < MANY_NUMBERS:
        return numbers
    return hashlib.sha256(repr(numbers).encode()).digest()


def _despite_rounded_constants(claim: Claim, balls: Mapping[str, Array], finding: Finding, logarithms: bool) -> Finding:
    """The violation, if it does not hang on the rounding of a float: of a constant in the claim's formulas, or of an
    end of the domain at which the instance lies."""
    again = Finding(Status.UNDECIDED)
    try:
        with precision(finding.bits), widened_constants():
            wide = {name: _off_the_ends(value, claim.space.leaves[name]) for name, value in balls.items()}
            if bool(claim.meets(wide)[0]):
                if isinstance(claim, Order):
                    again = _order(claim, wide, finding.bits, True, logarithms)
                else:
                    again = _sides(claim, wide, finding.bits)
    except UndecidedComparison:
        pass
    if again.status is Status.VIOLATED:
        return finding
    return replace(finding, status=Status.UNDECIDED, reason=ONLY_ROUNDED)


def _at_an_end(claim: Claim, balls: Mapping[str, Array]) -> bool:
    """Whether some number lies at an end of its interval that may be rounded."""
    return any(
        leaf.kind == "real" and may_be_rounded(end) and any(x.rational == end for x in balls[name].flat)
        for name, leaf in claim.space.leaves.items()
        for end in _ends(leaf)
    )


def _ends(leaf: Leaf) -> list[fmpq]:
    return [to_fmpq(end) for end in (leaf.low, leaf.high) if math.isfinite(end)]


def _off_the_ends(value: Array, leaf: Leaf) -> Array:
    """The values, with one that lies at an end of its interval widened like a constant."""
    if leaf.kind != "real" or not (ends := _ends(leaf)):
        return value
    out = value.copy()
    for index in np.ndindex(out.shape):
        for end, exact in zip((e for e in (leaf.low, leaf.high) if math.isfinite(e)), ends, strict=True):
            here: Any = out[index]
            if here.rational == exact:
                out[index] = constant(end)
    return out


def _at_precision(claim: Claim, balls: Mapping[str, Array], bits: int, thorough: bool, logarithms: bool) -> Finding:
    open_assumption = ""
    try:
        if not bool(claim.admitted(balls)[0]):
            return Finding(Status.OUTSIDE, bits=bits)
    except UndecidedComparison as error:
        open_assumption = str(error)
    if isinstance(claim, Order):
        finding = _order(claim, balls, bits, thorough, logarithms)
    else:
        finding = _sides(claim, balls, bits)
    # Where it is open whether the instance counts, only that the claim is not violated there is an answer.
    if open_assumption and finding.status not in (Status.SATISFIED, Status.BALANCED):
        return Finding(Status.UNDECIDED, bits=bits, reason=f"the assumption is not decided: {open_assumption}")
    return replace(finding, counts=not open_assumption)


def _sides(claim: Claim, balls: Mapping[str, Array], bits: int) -> Finding:
    lhs, rhs = claim.sides(balls)
    left, right = [_ball(x) for x in lhs[0]], [_ball(x) for x in rhs[0]]
    gaps = [b - a for a, b in zip(left, right, strict=True)]
    if not all(g.arb.is_finite() for g in gaps):
        return Finding(Status.UNDECIDED, bits=bits, reason=f"a side is not finite at {bits} bits")
    if isinstance(claim, Identity):
        return _identity(left, right, gaps, bits)
    assert isinstance(claim, Inequality)
    worst = min(range(len(gaps)), key=lambda i: _relative(gaps[i], left[i], right[i]))
    violated = [i for i, g in enumerate(gaps) if _breaks(g, claim.strict)]
    chosen = min(violated, key=lambda i: _relative(gaps[i], left[i], right[i])) if violated else worst
    gap = gaps[chosen]
    evidence = _evidence(left[chosen], right[chosen], gap, chosen, len(gaps), claim.strict)
    if violated:
        status, reason = Status.VIOLATED, ""
    elif all(_keeps(g, claim.strict) for g in gaps):
        status, reason = Status.SATISFIED, ""
    elif not claim.strict and all(
        _keeps(g, False) or _tiny(g, a, b, bits) for g, a, b in zip(gaps, left, right, strict=True)
    ):
        status, reason = Status.BALANCED, "the two sides agree to the precision reached"
    else:
        status, reason = Status.UNDECIDED, f"the sign of rhs - lhs is not decided at {bits} bits: {gap!r}"
    value = 0.0 if status is Status.BALANCED and not _keeps(gap, claim.strict) else gap.midpoint()
    if value == 0 and status in (Status.SATISFIED, Status.VIOLATED) and gap.rational != 0:
        # Decided, but below the smallest double.
        value = 5e-324 if gap.arb > 0 else -5e-324 if gap.arb < 0 else 0.0
    ratio = _ratio(left[chosen], right[chosen])
    relative = _relative(gap, left[chosen], right[chosen])
    return Finding(status, value, ratio, bits, evidence, reason, relative)


def _identity(left: list[Ball], right: list[Ball], gaps: list[Ball], bits: int) -> Finding:
    excluded = [i for i, g in enumerate(gaps) if g.rational != 0 and not g.arb.contains(0)]
    if excluded:
        worst = max(excluded, key=lambda i: abs(gaps[i].midpoint()))
        evidence = _evidence(left[worst], right[worst], gaps[worst], worst, len(gaps), False)
        bound, relative = float(abs(gaps[worst]).arb.upper()), _relative(gaps[worst], left[worst], right[worst])
        return Finding(Status.VIOLATED, bound, bits=bits, evidence=evidence, relative=relative)
    bound = max(float(abs(g).arb.upper()) for g in gaps)
    if all(g.rational == 0 or _tiny(g, a, b, bits) for g, a, b in zip(gaps, left, right, strict=True)):
        return Finding(Status.SATISFIED, bound, bits=bits)
    return Finding(Status.UNDECIDED, bound, bits=bits, reason=f"lhs - rhs is only known to {bound:.1e} at {bits} bits")


def _order(claim: Order, balls: Mapping[str, Array], bits: int, thorough: bool, logarithms: bool) -> Finding:
    """Measure the order. One that falls short is measured again at ever smaller steps: below the exponentials of the
    instance's numbers, and far below those."""
    first = SCALES * _digits(balls)
    below = first + SCALES * _exponents(balls)
    lowest = math.inf
    for start in (first, below, min(4 * below + 1024, DEEPEST)):
        finding = _measured_order(claim, balls, bits, start)
        lowest = min(lowest, finding.value)
        if finding.status is not Status.VIOLATED and not (thorough and start < DEEP_ENOUGH):
            break
    short = finding.status is not Status.VIOLATED and claim.power - lowest > LOGARITHMIC
    return _with_logarithm(claim, balls, bits, finding, below) if logarithms and short else finding


def _with_logarithm(claim: Order, balls: Mapping[str, Array], bits: int, finding: Finding, first: int) -> Finding:
    """The finding, or a violation if the remainder exceeds the claimed order by a power of a logarithm."""
    try:
        evidence = excess(claim.power, lambda k, needed: _remainder(claim, balls, k, max(bits, needed)), first)
    except (UndecidedComparison, ClaimError):
        return finding
    if evidence is None:
        return finding
    return Finding(Status.VIOLATED, float(arb(evidence["orders"][-1])), bits=bits, evidence=evidence)


def _measured_order(claim: Order, balls: Mapping[str, Array], bits: int, first: int) -> Finding:
    """Measure the order between steps 2**-k; the remainder's own cancellation sets the precision."""
    steps = [first + k for k in ORDER_STEPS]
    sizes = [_remainder(claim, balls, k, bits) for k in steps]
    entries = len(sizes[0])
    worst, worst_evidence, status = math.inf, None, Status.SATISFIED
    for entry in range(entries):
        values = [v for s in sizes if (v := s[entry]) is not None]
        if len(values) < len(sizes):
            continue  # zero to far below the claimed order
        slopes = [
            (a.log() - b.log()) / (Ball(2).log() * (k2 - k1)).arb
            for (a, b, k1, k2) in zip(values, values[1:], steps, steps[1:], strict=False)
        ]
        last = slopes[-1]
        measured = float(last)
        below = all(s < claim.power - ORDER_MARGIN for s in slopes)
        above = last > claim.power - ORDER_HOLDS
        if measured < worst:
            worst = measured
            worst_evidence = {
                "entry": entry,
                "claimed_order": str(claim.power),
                "steps": [f"2^-{k}" for k in steps],
                "remainders": [v.str(20) for v in values],
                "orders": [s.str(20) for s in slopes],
            }
        if below:
            status = Status.VIOLATED
        elif not above and status is not Status.VIOLATED:
            status = Status.UNDECIDED
    reason = "the measured order has not settled" if status is Status.UNDECIDED else ""
    return Finding(status, worst, bits=bits, evidence=worst_evidence, reason=reason)


def _digits(balls: Mapping[str, Array]) -> int:
    """Binary digits of the largest and of the inverse of the smallest nonzero number, whichever are more."""
    sizes = [abs(Ball(x)) for value in balls.values() for x in value.flat if x != 0]
    extremes = [abs(math.log2(s)) if 0 < (s := x.midpoint()) < math.inf else 1100.0 for x in sizes]
    return math.ceil(max(extremes, default=0.0))


def _exponents(balls: Mapping[str, Array]) -> int:
    """Binary digits of the exponential of the largest number, as a logit gives them to a probability."""
    largest = max((abs(Ball(x).midpoint()) for value in balls.values() for x in value.flat), default=0.0)
    return math.ceil(min(largest / math.log(2), MOST_DIGITS))


def _remainder(claim: Order, balls: Mapping[str, Array], k: int, bits: int) -> list[arb | None]:
    """Absolute values at t = 2**-k with at least 16 correct bits; None where below 2**(-(power + 4) k)."""
    floor = arb(2) ** (-math.ceil(claim.power + 4) * k)
    step = Fraction(1, 2**k)
    for factor in (1, 2, 4):
        with precision(factor * (bits + math.ceil(claim.power + 5) * k)):
            row = [abs(Ball(x).arb) for x in claim.at(step, balls)[0]]
            if all(x.is_finite() and (x < floor or x.rel_accuracy_bits() >= 16) for x in row):
                return [None if x < floor else x for x in row]
    raise UndecidedComparison(f"the remainder at 2^-{k} is not decided")


def _ball(x: Any) -> Ball:
    """A side's value; an infinite or undefined constant becomes a ball that is not finite."""
    try:
        return constant(int(x) if isinstance(x, bool | np.bool_) else x)
    except ValueError:
        return Ball(arb("nan"))


def balls_of(value: Array) -> Array:
    """An array of exact rationals as balls."""
    out = np.empty(value.size, dtype=object)
    out[:] = [Ball(x) for x in value.flat]
    return out.reshape(value.shape)


def _breaks(gap: Ball, strict: bool) -> bool:
    if gap.rational is not None:
        return bool(gap.rational <= 0 if strict else gap.rational < 0)
    return bool(gap.arb < 0 or (strict and gap.arb.is_exact() and gap.arb == 0))


def _keeps(gap: Ball, strict: bool) -> bool:
    if gap.rational is not None:
        return bool(gap.rational > 0 if strict else gap.rational >= 0)
    return bool(gap.arb > 0 or (not strict and gap.arb >= 0))


def _tiny(gap: Ball, left: Ball, right: Ball, bits: int) -> bool:
    """Whether the enclosure of the gap is below 2**-(5/8 of the bits) of the two sides; at the last precision, where
    both sides may vanish, whether it is below 2**-(4/5 of the bits)."""
    bound = abs(gap.arb).upper()
    if bound <= (abs(left.arb) + abs(right.arb)).lower() * arb(2) ** (-5 * bits // 8):
        return True
    return bits == PRECISIONS[-1] and bool(bound <= arb(2) ** (-4 * bits // 5))


def _relative(gap: Ball, left: Ball, right: Ball) -> float:
    scale = abs(left.arb) + abs(right.arb)
    return float((gap.arb / scale).mid()) if scale > 0 else float(gap.arb.mid())


def _ratio(left: Ball, right: Ball) -> float:
    a, b = left.arb, right.arb
    return float((a / b).mid()) if a > 0 and b > 0 else math.nan


def _evidence(left: Ball, right: Ball, gap: Ball, entry: int, entries: int, strict: bool) -> dict[str, Any]:
    text: dict[str, Any] = {"lhs": _text(left), "rhs": _text(right), "rhs_minus_lhs": _text(gap)}
    if entries > 1:
        text["entry"] = entry
    if strict:
        text["strict"] = True
    return text


def _text(ball: Ball) -> str:
    return str(ball.rational) if ball.rational is not None else str(ball.arb.str(30))
