"""The evidence printed in a certificate, held against what its numbers give."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flint import fmpq, fmpz

ENCLOSED = ("lhs", "rhs", "rhs_minus_lhs", "remainders", "orders", "logarithms")
"""Entries that are enclosures, or lists of them; the others are what they are."""

LONGEST = 2100
"""Characters of an enclosure that is not the text that was expected."""

MOST_SAID = 3
"""Entries with other digits that are named."""

OTHERWISE = "where the certificate has"
"""What a line says that names other digits."""

_DECIMAL = r"(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d{1,5}))?"
_FRACTION = r"(-?\d+)(?:/(\d*[1-9]\d*))?"


def other_digits(printed: Any, found: Mapping[str, Any]) -> list[str]:
    """Where printed evidence has other digits than the evidence found anew, and may yet be true.

    Parameters
    ----------
    printed : object
        The evidence of a certificate, as JSON gives it.
    found : mapping
        The evidence of `certify.examine` at the same numbers.

    Returns
    -------
    list of str
        For each entry whose text differs what was found and what is printed; of many the first three.

    Raises
    ------
    ValueError
        If an entry is missing or is none of evidence, or cannot be true: an enclosure that does not meet the one found.
    """
    if not isinstance(printed, dict):
        raise ValueError(f"evidence is {brief(printed)}, expected an object")
    if set(printed) != set(found):
        names = ", ".join(sorted(map(brief, printed))[:10]) or "nothing"
        raise ValueError(f"evidence has {names}, expected {', '.join(map(repr, sorted(found)))}")
    said = [said for name, value in found.items() for said in _compared(name, printed[name], value)]
    more = len(said) - MOST_SAID
    return said if more <= 0 else [*said[:MOST_SAID], f"{more} more differ"]


def brief(value: Any) -> str:
    """A value of JSON for a message: in one line, short, and printable everywhere.

    Parameters
    ----------
    value : object

    Returns
    -------
    str
    """
    if isinstance(value, list | dict):
        return f"a{' list' if isinstance(value, list) else 'n object'} of {len(value)}"
    text = ascii(value if not isinstance(value, str) else value[:61])
    return text if len(text) <= 62 else f"{text[:60]}..."


def _compared(name: str, printed: Any, found: Any) -> Iterator[str]:
    enclosed = name in ENCLOSED
    if not isinstance(found, list):
        yield from _single(name, enclosed, printed, found)
        return
    if not isinstance(printed, list) or len(printed) != len(found):
        raise ValueError(f"evidence: {name} is {brief(printed)}, expected a list of {len(found)}")
    for i, (own, true) in enumerate(zip(printed, found, strict=True)):
        yield from _single(f"{name}[{i}]", enclosed, own, true)


def _single(place: str, enclosed: bool, printed: Any, found: Any) -> Iterator[str]:
    if type(printed) is type(found) and printed == found:
        return
    ends = _ends(printed) if enclosed and isinstance(printed, str) and len(printed) <= LONGEST else None
    known = _ends(found) if ends is not None else None
    if ends is None or known is None or ends[0] > known[1] or ends[1] < known[0]:
        raise ValueError(f"evidence: {place} is {brief(printed)}, expected {brief(found)}")
    yield f"{place} is {brief(found)}, {OTHERWISE} {brief(printed)}"


def _ends(text: str) -> tuple[fmpq, fmpq] | None:
    """The ends of an enclosure, or a number twice; None if the text is neither."""
    if match := re.fullmatch(_FRACTION, text, re.ASCII):
        number = fmpq(fmpz(match[1]), fmpz(match[2] or "1"))
        return number, number
    if match := re.fullmatch(_DECIMAL, text, re.ASCII):
        number = _decimal(*match.groups())
        return number, number
    if match := re.fullmatch(rf"\[(?:{_DECIMAL} )?\+/- {_DECIMAL}\]", text, re.ASCII):
        middle, radius = (_decimal(*match.groups()[i : i + 4]) for i in (0, 4))
        return (middle - radius, middle + radius) if radius >= 0 else None
    return None


def _decimal(sign: str | None, whole: str | None, part: str | None, power: str | None) -> fmpq:
    digits = fmpz((sign or "") + (whole or "0") + (part or ""))
    return fmpq(digits) * fmpq(10) ** (int(power or 0) - len(part or ""))
