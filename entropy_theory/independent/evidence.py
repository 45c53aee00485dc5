"""The evidence printed in a certificate, held against what the statements of this package give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from mpmath import libmp

from entropy_theory.independent.decide import pairs, read, sizes
from entropy_theory.independent.margins import as_fraction
from entropy_theory.independent.numbers import Interval, as_interval, digits, shown
from entropy_theory.independent.statement import Statement

LEAST_DIGITS, MOST_DIGITS = 160, 2000
"""Decimal digits that a remainder is evaluated with; half as many as binary digits of its step are in between."""

MOST_SHOWN = 2
"""Entries that a message names."""

LONGEST = 60
"""Characters that a message shows of a text."""

_DECIMAL = r"-?\d{1,60}(?:\.\d{1,60})?(?:e[+-]?\d{1,5})?"
_FRACTION = r"-?\d{1,1000}(?:/\d{0,999}[1-9]\d{0,999})?"

Ends = tuple[Fraction | None, Fraction | None]
"""Lower and upper end; None for one that is not known."""


def contradiction(certificate: Mapping[str, Any], n: int) -> str:
    """What a certificate prints as evidence, and its numbers do not give.

    Parameters
    ----------
    certificate : mapping
        As `Verdict.certificate`: one that both evaluators confirm.
    n : int
        Decimal digits at which it is decided.

    Returns
    -------
    str
        What is found and what is printed. Empty if they may be the same, or cannot be compared, as where the statement
        has sides of its own.
    """
    from entropy_theory.independent.statements import find

    statement, evidence = find(certificate["claim"], certificate["reading"]), certificate["evidence"]
    if statement is None or statement.own_sides:
        return ""
    instance = read(certificate["instance"])
    if statement.kind == "order":
        return _of_order(statement, instance, evidence)
    texts = [evidence[name] for name in ("lhs", "rhs", "rhs_minus_lhs")]
    printed = [_printed(text) for text in texts]
    with digits(n):
        both = pairs(statement, instance)
        if any(all(map(_meet, printed, map(_ends, (a, b, b - a)))) for a, b in both):
            return ""
        found = ", ".join(f"{_shown(a)} and {_shown(b)}" for a, b in both[:MOST_SHOWN])
    return f"the sides are {found}, expected {' and '.join(text[:LONGEST] for text in texts[:2])}"


def _of_order(statement: Statement, instance: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:
    for step, text in zip(evidence["steps"], evidence["remainders"], strict=True):
        k = int(step.removeprefix("2^-"))
        with digits(min(max(LEAST_DIGITS, k // 2), MOST_DIGITS)):
            found = sizes(statement, instance, k)
            if not any(_meet(_printed(text), _ends(size)) for size in found):
                seen = ", ".join(map(_shown, found[:MOST_SHOWN]))
                return f"the remainder at {step} is {seen}, expected {text[:LONGEST]}"
    return ""


def _meet(a: Ends, b: Ends) -> bool:
    return (a[0] is None or b[1] is None or a[0] <= b[1]) and (b[0] is None or a[1] is None or b[0] <= a[1])


def _printed(text: str) -> Ends:
    """The ends of what is printed: a fraction, a decimal number, or ``[middle +/- radius]``."""
    if re.fullmatch(rf"{_FRACTION}|{_DECIMAL}", text, re.ASCII):
        return Fraction(text), Fraction(text)
    match = re.fullmatch(rf"\[(?:({_DECIMAL}) )?\+/- ({_DECIMAL})\]", text, re.ASCII)
    if match is None:
        return None, None
    middle, radius = Fraction(match[1] or 0), Fraction(match[2])
    return middle - radius, middle + radius


def _shown(x: Any) -> str:
    """With enough digits to see where it departs from what a certificate prints."""
    if not isinstance(x, Interval) and len(text := shown(x)) <= LONGEST:
        return text
    return f"[{', '.join(libmp.to_str(end, 32) for end in as_interval(x).ends)}]"


def _ends(x: Any) -> Ends:
    if not isinstance(x, Interval):
        return x, x
    low, high = (None if end in (libmp.fnan, libmp.finf, libmp.fninf) else as_fraction(end) for end in x.ends)
    return low, high
