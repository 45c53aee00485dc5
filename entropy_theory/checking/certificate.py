"""Certificates: a counterexample as exact rationals with the enclosures that decide it, and deciding it again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from entropy_theory.checking.certify import Finding, Status, examine
from entropy_theory.checking.claim import Claim, ClaimError, OutOfMemory
from entropy_theory.checking.evidence import OTHERWISE, brief, other_digits
from entropy_theory.checking.verdict import Verdict

Array = np.ndarray[Any, Any]

FORMAT = "entropy-theory-certificate"
VERSION = 1

MOST_DIGITS = 1000
"""Digits that a numerator or a denominator may have. A float written out exactly has at most 324."""

MOST_BYTES = 2**25
"""Size that a file of certificates may have: JSON of empty lists takes twenty times as much when it is read."""

MOST_CERTIFICATES = 100_000
"""Certificates that a file may have."""

_RATIONAL = rf"-?\d{{1,{MOST_DIGITS}}}([./]\d{{1,{MOST_DIGITS}}})?"


class CertificateError(ValueError):
    """A certificate that cannot be read, or that does not belong to the claim."""


def certificate(claim: Claim, instance: Mapping[str, Array], finding: Finding) -> dict[str, Any]:
    """The certificate of a violated instance."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "claim": claim.name,
        "reading": claim.reading,
        "kind": claim.kind,
        "instance": {name: strings(value) for name, value in instance.items()},
        "bits": finding.bits,
        "evidence": finding.evidence,
    }


def read_certificates(content: bytes) -> list[Any]:
    """The certificates in a file: one, a verdict that holds one, or a list of either.

    Parameters
    ----------
    content : bytes
        JSON in UTF-8.

    Returns
    -------
    list
        As they stand, a verdict with what stands beside its certificate; what is neither is refused when it is decided.
        Verdicts without a counterexample have none.

    Raises
    ------
    CertificateError
        If the content is too large, not JSON, nested too deeply, or has a key twice in one object or too many entries.
    """
    if len(content) > MOST_BYTES:
        raise CertificateError(f"it has more than {MOST_BYTES} bytes")
    try:
        data = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_each_once, parse_constant=_no_constant)
    except RecursionError:
        raise CertificateError("it is nested too deeply") from None
    except ValueError as error:
        raise CertificateError(_line(error)) from None
    items = data if isinstance(data, list) else [data]
    if len(items) > MOST_CERTIFICATES:
        raise CertificateError(f"it holds {len(items)} entries, expected at most {MOST_CERTIFICATES}")
    return [item for item in items if not _needs_none(item)]


def _needs_none(item: Any) -> bool:
    """Whether it is a verdict of another outcome than refuted, and shows nothing to decide."""
    return (
        _is_verdict(item)
        and item["outcome"] in ("proved", "holds", "undecided")
        and item.get("certificate") is None
        and item.get("counterexample") is None
    )


def _is_verdict(item: Any) -> bool:
    return isinstance(item, dict) and "outcome" in item


def read_instance(claim: Claim, data: Any) -> tuple[dict[str, Array], dict[str, int]]:
    """The exact instance of a certificate and its sizes, checked against the shapes of the claim's variables.

    Parameters
    ----------
    claim : Claim
    data : object
        The certificate, as JSON gives it.

    Returns
    -------
    instance : dict of str to array of Fraction
    sizes : dict of str to int
        Length of each axis by its label. They may lie outside the claim's domain.

    Raises
    ------
    CertificateError
        If the certificate is malformed or its arrays do not fit the claim.
    """
    if not isinstance(data, dict):
        raise CertificateError(f"the certificate is {brief(data)}, expected an object")
    if data.get("format") != FORMAT:
        raise CertificateError(f"format is {brief(data.get('format'))}, expected {FORMAT!r}")
    version = data.get("version")
    if type(version) is not int or version != VERSION:
        raise CertificateError(f"version is {brief(version)}, expected {VERSION}")
    raw = data.get("instance")
    leaves = claim.space.leaves
    if not isinstance(raw, dict) or set(raw) != set(leaves):
        found = ", ".join(sorted(map(brief, raw))[:20]) if isinstance(raw, dict) else brief(raw)
        expected = ", ".join(map(repr, sorted(leaves)))
        raise CertificateError(f"instance has {found}, expected {expected} for claim {claim.name!r}")
    lengths: dict[str, int] = {}
    instance = {}
    for name, leaf in leaves.items():
        value = _decode(raw[name], name, len(leaf.axes))
        for label, length in zip(leaf.axes, value.shape, strict=True):
            plain, extra = (label.removesuffix("+end"), 1) if label.endswith("+end") else (label, 0)
            if lengths.setdefault(plain, length - extra) != length - extra or length - extra < 1:
                raise CertificateError(f"instance[{name!r}] has shape {value.shape}, which does not fit the others")
        instance[name] = value
    # An exact sum of very many numbers takes long; sizes outside the domain are no reason for it.
    if claim.space.admits_sizes(lengths):
        for name, leaf in leaves.items():
            if leaf.kind == "simplex" and any(total != 1 for total in np.asarray(instance[name].sum(-1)).flat):
                raise CertificateError(f"instance[{name!r}] has a row that does not sum to one")
    return instance, lengths


def recheck(claim: Claim, data: Any) -> Finding:
    """Decide the certificate `data` again, from its rationals alone.

    Parameters
    ----------
    claim : Claim
    data : object
        The certificate, as JSON gives it. Its evidence and precision decide nothing.

    Returns
    -------
    Finding
        Status ``violated`` if the counterexample stands.

    Raises
    ------
    CertificateError
        If the certificate is malformed, belongs to another claim, or its evidence is not that of its numbers.
    ClaimError
        If the claim's own functions fail.
    OutOfMemory
        If they ask for more memory than there is.
    """
    finding = _decided(claim, data)
    _otherwise(data, finding)
    return finding


def check_verdict(claim: Claim, verdict: Verdict, instance: Mapping[str, Array]) -> None:
    """Refuse a verdict that is not on the claim and the numbers of its certificate.

    Parameters
    ----------
    claim : Claim
        The claim of the certificate.
    verdict : Verdict
        Read from a file.
    instance : dict of str to array of Fraction
        The numbers of the certificate.

    Raises
    ------
    CertificateError
        If it says of claim or counterexample what its certificate does not.
    """
    own, said = (claim.name, claim.reading, claim.kind), (verdict.claim, verdict.reading, verdict.kind)
    if said != own:
        on = [f"{brief(name)} ({reading}, {kind})" for name, reading, kind in (said, own)]
        raise CertificateError(f"the verdict is on {on[0]}, expected {on[1]}, the claim of its certificate")
    for name in ("statement", "remark", "tight"):
        if getattr(verdict, name) != getattr(claim, name):
            texts = brief(getattr(verdict, name)), brief(getattr(claim, name))
            raise CertificateError(f"the {name} of the verdict is {texts[0]}, expected that of the claim: {texts[1]}")
    if not _same(verdict.counterexample, claim.space.describe(instance)):
        raise CertificateError("the verdict has another counterexample than its certificate, expected the same numbers")


def _same(shown: Any, value: Any) -> bool:
    """Whether nested strings are an array of fractions, or a dictionary of such; 2/4 is 1/2."""
    if isinstance(value, Mapping):
        return isinstance(shown, dict) and set(shown) == set(value) and all(_same(shown[k], value[k]) for k in value)
    if np.ndim(value):
        return isinstance(shown, list) and len(shown) == len(value) and all(map(_same, shown, value))
    try:
        return bool(_rationals(shown, 0) == value)
    except ValueError:
        return False


def _decided(claim: Claim, data: Any) -> Finding:
    instance, sizes = read_instance(claim, data)
    if data.get("claim") != claim.name or data.get("reading") != claim.reading:
        raise CertificateError(
            f"claim is {brief(data.get('claim'))} ({brief(data.get('reading'))}), "
            f"expected {claim.name!r} ({claim.reading!r})"
        )
    if data.get("kind", claim.kind) != claim.kind:
        raise CertificateError(f"kind is {brief(data['kind'])}, expected {claim.kind!r} for claim {claim.name!r}")
    if "bits" in data and (type(data["bits"]) is not int or data["bits"] < 1):
        raise CertificateError(f"bits is {brief(data['bits'])}, expected an integer >= 1")
    if not claim.space.admits_sizes(sizes):
        return Finding(Status.OUTSIDE)
    finding = examine(claim, instance)
    if finding.status in (Status.VIOLATED, Status.OUTSIDE):
        return finding
    # Sides that agree to the digits that a search asks for may still differ.
    return examine(claim, instance, thorough=True)


def _otherwise(data: Any, finding: Finding) -> str:
    """What the certificate says of its evidence and its precision in other digits, and may; nothing if none."""
    if not stands(finding):
        return ""
    printed, found = data.get("evidence"), finding.evidence
    try:
        said = [] if printed is None or found is None else other_digits(printed, found)
    except ValueError as error:
        raise CertificateError(str(error)) from None
    if data.get("bits", finding.bits) != finding.bits:
        said = [f"bits are {finding.bits}, {OTHERWISE} {brief(data['bits'])}", *said]
    return "; ".join(said)


def answer(known: Sequence[Claim], item: Any) -> tuple[bool, str]:
    """Decide a certificate again, for a claim of the paper also by the second evaluator.

    Parameters
    ----------
    known : sequence of Claim
        The claims that it may belong to.
    item : object
        The certificate, or a verdict that holds one, as JSON gives it.

    Returns
    -------
    confirmed : bool
        Whether the claim is violated; for a claim of the paper, whether both evaluators say so.
    line : str
        What was found, in one line.
    """
    data = item["certificate"] if _is_verdict(item) and item.get("certificate") is not None else item
    label = _label(data)
    try:
        claim = _claim_of(known, data)
        label = f"{claim.name} ({claim.reading})"
        if _is_verdict(item):
            check_verdict(claim, _verdict(item), read_instance(claim, data)[0])
        finding = _decided(claim, data)
        otherwise = _otherwise(data, finding)
    except CertificateError as error:
        return False, f"{label}: rejected: {error}"
    except (ClaimError, OutOfMemory) as error:
        return False, f"{label}: not confirmed: {_line(error)}"
    violated = stands(finding)
    assumption = "" if finding.counts else ", whether the assumption is met is undecided"
    found = "refuted" if violated else f"not confirmed ({finding.status}{assumption})"
    line = f"{label}: {found}" + (f", decided at {finding.bits} bits" if finding.bits else "")
    line += f"; {otherwise}" if otherwise else ""
    if not _in_the_paper(claim):
        return violated, line
    return _second(data, violated, line)


def _verdict(item: Any) -> Verdict:
    try:
        return Verdict.from_json(item)
    except ValueError as error:
        raise CertificateError(f"what holds the certificate is no verdict: {_line(error)}") from None


def _second(item: Any, violated: bool, line: str) -> tuple[bool, str]:
    """The answer after the second evaluator has been heard."""
    from entropy_theory.independent.decide import AGREEMENT, decide
    from entropy_theory.independent.evidence import contradiction

    try:
        second = decide(item)
    except ValueError as error:
        return False, f"{line}; the second evaluator cannot read it: {_line(error)}: not confirmed"
    if second.outcome == "unknown":
        return violated, f"{line}; this reading has no second statement; second evaluator: unknown"
    if second.outcome == "undecided":
        return False, f"{line}; second evaluator: undecided" + (": not confirmed" if violated else "")
    differ = violated != (second.outcome == "violated")
    if second.agree:
        # Which side is larger is not known, or whether they are equal.
        found = f"both sides agree to {AGREEMENT} digits"
        return False, f"{line}; second evaluator: {found}" + (": not confirmed" if differ else "")
    if differ:
        return False, f"{line}; the second evaluator says {second.outcome}, with {second.digits} digits: not confirmed"
    line = f"{line}; second evaluator: {'refuted' if violated else second.outcome}, with {second.digits} digits"
    if violated and item.get("evidence") is not None and (other := contradiction(item, second.digits)):
        return False, f"{line}; its evidence is rejected: {other}: not confirmed"
    return violated, line


def _in_the_paper(claim: Claim) -> bool:
    from entropy_theory.checking.registry import paper_claims

    return claim in paper_claims()


def _claim_of(known: Sequence[Claim], item: Any) -> Claim:
    if not isinstance(item, dict):
        raise CertificateError(f"the certificate is {brief(item)}, expected an object")
    if _is_verdict(item) and "format" not in item:
        raise CertificateError(f"the verdict says {brief(item['outcome'])} and has no certificate")
    named = (item.get("claim"), item.get("reading"))
    for claim in known:
        if (claim.name, claim.reading) == named:
            return claim
    if any(claim.name == named[0] for claim in known):
        raise CertificateError(f"reading is {brief(named[1])}, expected one that the claim has")
    raise CertificateError(
        f"claim is {brief(named[0])}, expected a known one (for your own claims give --claims FILE.py)"
    )


def _label(item: Any) -> str:
    return f"{brief(item.get('claim'))} ({brief(item.get('reading'))})" if isinstance(item, dict) else brief(item)


def stands(finding: Finding) -> bool:
    """Whether the finding confirms a counterexample.

    Parameters
    ----------
    finding : Finding

    Returns
    -------
    bool
    """
    return finding.status is Status.VIOLATED


def strings(value: Any) -> Any:
    """An array of rational numbers as nested lists of strings; a single number as one string.

    Parameters
    ----------
    value : array-like of Fraction

    Returns
    -------
    str or nested list of str
    """
    array = np.asarray(value, dtype=object)
    return str(array.item()) if array.ndim == 0 else [strings(x) for x in array]


def _decode(value: Any, name: str, axes: int) -> Array:
    try:
        rows = _rationals(value, axes)
        shape = _shape(rows)
    except ValueError as error:
        raise CertificateError(f"instance[{name!r}] holds {error}") from None
    array = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        entry = rows
        for i in index:
            entry = entry[i]
        array[index] = entry
    return array


def _rationals(value: Any, axes: int) -> Any:
    """Nested lists of `axes` levels, their strings read as rational numbers."""
    if axes:
        if not isinstance(value, list) or not value:
            raise ValueError(f"{brief(value)}, expected a list, of {axes} axes in all below it")
        return [_rationals(part, axes - 1) for part in value]
    if not isinstance(value, str) or not re.fullmatch(_RATIONAL, value, re.ASCII):
        raise ValueError(
            f"{brief(value)}, expected a rational number such as '-3/4', of at most {MOST_DIGITS} digits a part"
        )
    try:
        return Fraction(value)
    except ZeroDivisionError:
        raise ValueError(f"{brief(value)}, expected a denominator other than zero") from None


def _shape(rows: Any) -> tuple[int, ...]:
    if not isinstance(rows, list):
        return ()
    shapes = {_shape(row) for row in rows}
    if len(shapes) > 1:
        raise ValueError("lists of different lengths, expected an array")
    return (len(rows), *shapes.pop())


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise CertificateError(f"the key {brief(key)} is given twice")
        found[key] = value
    return found


def _no_constant(text: str) -> Any:
    raise CertificateError(f"{text} is no number of JSON")


def _line(error: Exception) -> str:
    """A message in one short line that can be printed everywhere."""
    text = " ".join(str(error).split())[:300]
    return text.encode("ascii", "backslashreplace").decode()
