"""Decides a certificate from its claim, reading and instance alone, with the statements of this package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from entropy_theory.independent.numbers import (
    Number,
    as_interval,
    digits,
    log,
    power_of_ten,
    shown,
    sign,
)
from entropy_theory.independent.statement import Statement, entries, parameters

DIGITS = (20, 40, 80, 160, 320, 640)
"""Decimal digits tried in turn."""

AGREEMENT = 320
"""At the last digits, two sides whose difference is within 10 to the power -`AGREEMENT` of their size, or of 1 where
they vanish, count as equal."""

ORDER_RANGES = ((64, 128, 256), (512, 576, 704))
"""An order is measured between the steps ``2**-(k0 + k)`` for these k; k0 is four times the number of binary digits by
which the instance's numbers differ from one. Violated is what the second range says; where all digits do not decide
it, the first can still say that the order is met."""

SHORT_BY = Fraction(1, 4)
"""A measured order that falls short by more than this, throughout, violates the claimed one."""

HOLDS_WITHIN = Fraction(1, 20)
"""A measured order within this of the claimed one, or above, holds."""

RATIONAL = r"-?\d{1,1000}([./]\d{1,1000})?"
"""A rational number, of at most 1000 digits a part."""

MOST_AXES = 8

Outcome = Literal["violated", "not violated", "outside", "undecided", "unknown"]

Verdict = bool | None
"""Whether something is violated; None if it is not decided."""


@dataclass(frozen=True)
class Decision:
    """What the second evaluator says about a certificate.

    Attributes
    ----------
    outcome : str
        ``"violated"``; ``"not violated"``; ``"outside"`` the domain or the assumption; ``"undecided"``, the digits
        did not suffice; or ``"unknown"``, there is no second statement of the claim.
    digits : int
        Decimal digits at which it was decided; 0 if nothing was evaluated.
    lhs, rhs : str
        Enclosures of both sides of the entry that decides, as text; empty for an order.
    agree : bool
        Whether it is not violated only in that two sides agree to `AGREEMENT` digits, and which is larger is not known.
    """

    outcome: Outcome
    digits: int = 0
    lhs: str = ""
    rhs: str = ""
    agree: bool = False


def decide(certificate: Mapping[str, Any]) -> Decision:
    """Decide a certificate again, without a formula of the package.

    Parameters
    ----------
    certificate : mapping
        As `Verdict.certificate`. Only ``claim``, ``reading`` and ``instance`` are read.

    Returns
    -------
    Decision

    Raises
    ------
    ValueError
        If the certificate is malformed, or its instance does not have the claim's names.
    """
    from entropy_theory.independent.statements import find

    if not isinstance(certificate, Mapping):
        raise ValueError(f"certificate is {_brief(certificate)}, expected a mapping")
    claim, reading = (_text(certificate, key) for key in ("claim", "reading"))
    instance = read(certificate.get("instance"))
    statement = find(claim, reading)
    return Decision("unknown") if statement is None else examine(statement, instance)


def read(instance: Any) -> dict[str, Any]:
    """The numbers of an instance.

    Parameters
    ----------
    instance : mapping of str to nested list of str
        Rational numbers such as ``"-3/4"``.

    Returns
    -------
    dict of str to nested list of Fraction
        A dot in a name becomes an underscore.

    Raises
    ------
    ValueError
        If an entry is no rational number, or a list is empty or ragged.
    """
    if not isinstance(instance, Mapping) or not all(isinstance(name, str) for name in instance):
        raise ValueError(f"instance is {_brief(instance)}, expected a mapping of names to rational numbers")
    out: dict[str, Any] = {}
    for name, value in instance.items():
        key = name.replace(".", "_")
        if key in out:
            raise ValueError(f"instance[{name!r}] is given twice")
        out[key] = _rationals(value, name)
        _shape(out[key], name)
    return out


def examine(statement: Statement, instance: Mapping[str, Any]) -> Decision:
    """Decide one instance of a statement.

    Parameters
    ----------
    statement : Statement
    instance : mapping of str to nested list of Fraction
        By the statement's names.

    Returns
    -------
    Decision

    Raises
    ------
    ValueError
        If the names differ from the statement's.
    """
    if set(instance) != statement.names:
        raise ValueError(f"instance has {sorted(instance)}, expected {sorted(statement.names)} for {statement.claim!r}")
    decision = Decision("undecided")
    for n in DIGITS:
        with digits(n):
            decision = _at(statement, instance, n)
        if decision.outcome != "undecided":
            return decision
    return decision


def _at(statement: Statement, instance: Mapping[str, Any], n: int) -> Decision:
    inside = _call(statement.domain, instance)
    if inside is False:
        return Decision("outside", n)
    left = right = ""
    violated: Verdict = None
    agree = False
    try:
        if statement.kind == "order":
            violated = _order(statement, instance, n)
        else:
            violated, left, right, agree = _sides(statement, instance, n)
    except ArithmeticError:
        # A side has no value here, or none that the digits allow.
        return Decision("undecided", n)
    if violated is None or (violated and inside is None):
        return Decision("undecided", n, left, right)
    return Decision("violated" if violated else "not violated", n, left, right, agree)


def _call(function: Any, instance: Mapping[str, Any], **more: Any) -> Any:
    wanted = parameters(function)
    return function(**{name: value for name, value in instance.items() if name in wanted}, **more)


def pairs(statement: Statement, instance: Mapping[str, Any]) -> list[tuple[Number, Number]]:
    """Both sides of an instance, entry by entry, at the digits in force.

    Parameters
    ----------
    statement : Statement
        An inequality or an identity.
    instance : mapping of str to nested list of Fraction
        By the statement's names.

    Returns
    -------
    list of (Number, Number)
    """
    sides = _call(statement.sides, instance)
    left, right = entries(sides[0]), entries(sides[1])
    if len(left) == 1 or len(right) == 1:
        left, right = left * max(1, len(right) // len(left)), right * max(1, len(left) // len(right))
    return list(zip(left, right, strict=True))


def sizes(statement: Statement, instance: Mapping[str, Any], k: int) -> list[Number]:
    """Absolute values of the remainder at the step ``2**-k``, at the digits in force.

    Parameters
    ----------
    statement : Statement
        An order.
    instance : mapping of str to nested list of Fraction
        By the statement's names.
    k : int

    Returns
    -------
    list of Number
    """
    return [abs(x) for x in entries(_call(statement.remainder, instance, step=Fraction(1, 2**k)))]


def _sides(statement: Statement, instance: Mapping[str, Any], n: int) -> tuple[Verdict, str, str, bool]:
    both = pairs(statement, instance)
    chosen, outcome = 0, False if both else None
    for i, (a, b) in enumerate(both):
        violated = _violated(statement, a, b, n)
        if violated:
            return True, shown(a), shown(b), False
        if violated is None and outcome is not None:
            chosen, outcome = i, None
    agree = outcome is False and any(sign(b - a) is None for a, b in both)
    left, right = both[chosen]
    return outcome, shown(left), shown(right), agree


def _violated(statement: Statement, a: Number, b: Number, n: int) -> Verdict:
    gap = b - a
    side = sign(gap)
    if side is None:
        if n == DIGITS[-1] and not statement.strict and _small(gap, a, b):
            return False
        return _half_known(statement, gap)
    if statement.kind == "identity":
        return side != 0
    return side < 0 or (statement.strict and side == 0)


def _half_known(statement: Statement, gap: Number) -> Verdict:
    """Where an inequality that is not strict meets an interval from exactly zero upwards, it holds."""
    from mpmath import libmp

    low = as_interval(gap).ends[0]
    at_least_zero = low not in (libmp.fnan, libmp.fninf) and libmp.mpf_sign(low) >= 0
    return False if statement.kind == "inequality" and not statement.strict and at_least_zero else None


def _small(gap: Number, a: Number, b: Number) -> bool:
    unit = power_of_ten(-AGREEMENT)
    distance, size = abs(as_interval(gap)), abs(as_interval(a)) + abs(as_interval(b))
    return _below(distance, size * unit) or _below(size, unit)


def _below(x: Number, y: Number) -> bool:
    return sign(y - x) == 1


def _order(statement: Statement, instance: Mapping[str, Any], n: int) -> Verdict:
    first = 4 * _binary_digits(instance)
    # A lower order may show only at small steps, and nothing but the smallest decided ones speaks of the limit.
    far, near = (_order_in(statement, instance, [first + k for k in offsets]) for offsets in ORDER_RANGES)
    return False if near is None and far is False and n == DIGITS[-1] else near


def _order_in(statement: Statement, instance: Mapping[str, Any], steps: list[int]) -> Verdict:
    outcome: Verdict = False
    for column in zip(*(sizes(statement, instance, k) for k in steps), strict=True):
        violated = _falls_short(column, steps, Fraction(statement.power))
        if violated:
            return True
        outcome = None if violated is None else outcome
    return outcome


def _falls_short(column: Sequence[Number], steps: list[int], power: Fraction) -> Verdict:
    floors = [Fraction(1, 2 ** (-(-(power + 4) * k).__floor__())) for k in steps]
    if any(_below(size, floor) for size, floor in zip(column, floors, strict=True)):
        return False  # zero to far below the claimed order
    if any(sign(size) != 1 for size in column):
        return None
    double = log(Fraction(2))
    slopes = [
        log(as_interval(a) / as_interval(b)) / (double * (k2 - k1))
        for a, b, k1, k2 in zip(column, column[1:], steps, steps[1:], strict=False)
    ]
    if all(_below(slope, power - SHORT_BY) for slope in slopes):
        return True
    return False if _below(power - HOLDS_WITHIN, slopes[-1]) else None


def _binary_digits(instance: Mapping[str, Any]) -> int:
    """Binary digits of the largest number and of the inverse of the smallest but zero, whichever are more."""
    numbers = [abs(x) for value in instance.values() for x in entries(value) if x != 0]
    sizes = [max(x, 1 / x) for x in numbers]
    return max(((x.numerator // x.denominator) - 1).bit_length() for x in sizes) if sizes else 0


def _text(certificate: Mapping[str, Any], key: str) -> str:
    value = certificate.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} is {_brief(value)}, expected a name")
    return value


def _rationals(value: Any, name: str, depth: int = 0) -> Any:
    if isinstance(value, str):
        if not re.fullmatch(RATIONAL, value, re.ASCII):
            raise ValueError(f"instance[{name!r}] holds {_brief(value)}, expected a rational number such as '-3/4'")
        try:
            return Fraction(value)
        except ZeroDivisionError:
            raise ValueError(f"instance[{name!r}] holds {_brief(value)}, expected a denominator but zero") from None
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"instance[{name!r}] holds {_brief(value)}, expected rational numbers as strings, or lists")
    if depth == MOST_AXES:
        raise ValueError(f"instance[{name!r}] is nested too deeply, expected at most {MOST_AXES} axes")
    return [_rationals(part, name, depth + 1) for part in value]


def _shape(value: Any, name: str) -> tuple[int, ...]:
    if not isinstance(value, list):
        return ()
    shapes: Iterable[tuple[int, ...]] = {_shape(part, name) for part in value}
    if len(set(shapes)) != 1:
        raise ValueError(f"instance[{name!r}] holds lists of different lengths, expected an array")
    return (len(value), *next(iter(shapes)))


def _brief(value: Any) -> str:
    if isinstance(value, list | tuple | Mapping):
        # A deep one has no text that is not too long.
        return f"{type(value).__name__} of {len(value)}" if value else repr(value)
    return ascii(value)[:60]
