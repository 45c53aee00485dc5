"""Certificates: a counterexample as exact rationals with the enclosures that decide it, and deciding it again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from entropy_theory.checking.certify import Finding, Status, examine
from entropy_theory.checking.claim import Claim

Array = np.ndarray[Any, Any]

FORMAT = "entropy-theory-certificate"
VERSION = 1


_RATIONAL = r"-?\d{1,4000}(\.\d{1,4000}|/\d{1,4000})?"


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


def read_instance(claim: Claim, data: Any) -> tuple[dict[str, Array], dict[str, int]]:
    """The exact instance of a certificate and its sizes, checked against the shapes of the claim's variables.

    Raises
    ------
    CertificateError
        If the certificate is malformed or its arrays do not fit the claim.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise CertificateError(f"format is {_get(data, 'format')!r}, expected {FORMAT!r}")
    if data.get("version") != VERSION:
        raise CertificateError(f"version is {data.get('version')!r}, expected {VERSION}")
    raw = data.get("instance")
    leaves = claim.space.leaves
    if not isinstance(raw, dict) or set(raw) != set(leaves):
        found = sorted(raw) if isinstance(raw, dict) else raw
        raise CertificateError(f"instance has {found!r}, expected {sorted(leaves)} for claim {claim.name!r}")
    lengths: dict[str, int] = {}
    instance = {}
    for name, leaf in leaves.items():
        value = _decode(raw[name], name)
        if value.ndim != len(leaf.axes):
            raise CertificateError(f"instance[{name!r}] has {value.ndim} axes, expected {len(leaf.axes)}")
        for label, length in zip(leaf.axes, value.shape, strict=True):
            plain, extra = (label.removesuffix("+end"), 1) if label.endswith("+end") else (label, 0)
            if lengths.setdefault(plain, length - extra) != length - extra or length - extra < 1:
                raise CertificateError(f"instance[{name!r}] has shape {value.shape}, which does not fit the others")
        if leaf.kind == "simplex" and any(total != 1 for total in np.asarray(value.sum(-1)).flat):
            raise CertificateError(f"instance[{name!r}] has a row that does not sum to one")
        instance[name] = value
    return instance, lengths


def recheck(claim: Claim, data: Any) -> Finding:
    """Decide the certificate `data` again, from its rationals alone.

    Returns
    -------
    Finding
        Status ``violated`` if the counterexample stands.

    Raises
    ------
    CertificateError
        If the certificate is malformed or belongs to another claim.
    """
    instance, sizes = read_instance(claim, data)
    if data.get("claim") != claim.name or data.get("reading") != claim.reading:
        raise CertificateError(
            f"claim is {data.get('claim')!r} ({data.get('reading')!r}), expected {claim.name!r} ({claim.reading!r})"
        )
    if not claim.space.admits_sizes(sizes):
        return Finding(Status.OUTSIDE)
    return examine(claim, instance)


def stands(finding: Finding) -> bool:
    """Whether the finding confirms a counterexample."""
    return finding.status is Status.VIOLATED


def strings(value: Any) -> Any:
    """An array of rational numbers as nested lists of strings; a single number as one string."""
    array = np.asarray(value, dtype=object)
    return str(array.item()) if array.ndim == 0 else [strings(x) for x in array]


def _decode(value: Any, name: str) -> Array:
    try:
        array = np.array(value, dtype=object)
        out = np.empty(array.shape, dtype=object)
        for index in np.ndindex(array.shape):
            entry: Any = array[index]
            if not isinstance(entry, str) or not re.fullmatch(_RATIONAL, entry):
                raise ValueError(f"{str(entry)[:40]!r} is no rational number such as '-3/4'")
            out[index] = Fraction(entry)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise CertificateError(f"instance[{name!r}] holds no rational numbers: {error}") from None
    return out


def _get(data: Any, key: str) -> Any:
    return data.get(key) if isinstance(data, dict) else data
