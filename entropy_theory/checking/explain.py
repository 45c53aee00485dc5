"""All there is to say about a claim, for a reader who does not have the paper in hand.

The printed and the corrected line of a part stand together: statement, hypotheses, outcome, the counterexample with
both sides evaluated step by step, where the printed proof breaks, the line that holds and its proof.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from flint import arb

from entropy_theory.balls import Ball, precision
from entropy_theory.checking.certificate import read_instance
from entropy_theory.checking.certify import balls_of
from entropy_theory.checking.claim import Claim, ClaimError
from entropy_theory.checking.plaintext import in_unicode
from entropy_theory.checking.table import checked_on, evidence, fails_on
from entropy_theory.checking.verdict import Verdict, plain

Array = np.ndarray[Any, Any]

BITS = 128
"""Precision of the calculation that is shown."""

DIGITS = 10

READABLE = 6
"""Most digits of a fraction that is shown as one."""

ROLES = {"printed": "As printed", "corrected": "As corrected", "added": "Added"}
"""What a line is to the text, with its title: the text's own, one in the place of such a line, or one more."""

_MEANING = {
    "refuted": "refuted: the counterexample below is certified in ball arithmetic",
    "holds": "holds: no counterexample was found",
    "proved": "proved",
    "undecided": "undecided",
}


def role_of(claim: Claim, part: Iterable[Claim]) -> str:
    """``"printed"``, ``"corrected"``, or ``"added"`` if nothing in the part is printed.

    Parameters
    ----------
    claim : Claim
    part : iterable of Claim
        All that have its name.

    Returns
    -------
    str
    """
    return claim.reading if any(c.reading == "printed" for c in part) else "added"


def explain(
    claim: Claim, verdict: Verdict, mutants: Mapping[str, str], width: int = 100, *, title: str | None = None
) -> Iterator[str]:
    """Lines of text about one claim and its verdict.

    Parameters
    ----------
    claim : Claim
    verdict : Verdict
        Of that claim.
    mutants : mapping of str to str
        Outcome of each of its wrong variants, by label.
    width : int
        Columns to wrap to.
    title : str, optional
        What the line is; by default its reading.

    Yields
    ------
    str
    """
    yield f"{title or ROLES[claim.reading]}: {verdict.outcome}"
    for section in sections(claim, verdict, mutants):
        yield f"  {section.label}"
        for line in _plain(section, claim.name):
            yield from textwrap.wrap(
                line, width, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False
            ) or [""]


@dataclass(frozen=True)
class Section:
    """One of the things that there are to say about a claim.

    Attributes
    ----------
    label : str
    kind : str
        ``"formula"``: `lines` is one line of LaTeX. ``"text"``: paragraphs. ``"lines"``: a list, or the lines of a
        calculation. ``"outcomes"``: a list of names, each with an outcome after a colon.
    lines : tuple of str
        Plain text with formulas in ASCII, unless it is LaTeX.
    """

    label: str
    kind: Literal["formula", "text", "lines", "outcomes"]
    lines: tuple[str, ...]


def sections(claim: Claim, verdict: Verdict, mutants: Mapping[str, str]) -> Iterator[Section]:
    """What there is to say about a claim and its verdict, in the order in which it is read.

    Parameters
    ----------
    claim : Claim
    verdict : Verdict
        Of that claim.
    mutants : mapping of str to str
        Outcome of each of its wrong variants, by label.

    Yields
    ------
    Section
    """
    yield Section("statement", "formula", (claim.statement,))
    yield Section("for all", "lines", tuple(variable.in_words(name) for name, variable in claim.space.given.items()))
    if claim.hypotheses:
        yield Section("provided", "text", (claim.hypotheses,))
    yield Section("verdict", "text", (_verdict(verdict),))
    if verdict.counterexample is not None:
        values = tuple(f"{name} = {plain(value)}" for name, value in verdict.counterexample.items())
        yield Section("counterexample", "lines", values)
        yield Section("step by step", "lines", tuple(steps(claim, verdict)))
        if fails_on(verdict):
            yield Section("elsewhere", "text", (fails_on(verdict),))
    elif verdict.environments:
        yield Section("checked on", "text", (checked_on(verdict),))
    if claim.breaks:
        yield Section("where the proof breaks", "text", (claim.breaks,))
    if claim.proof:
        yield Section("proof", "text", tuple(claim.proof.splitlines()))
    if claim.remark:
        yield Section("remark", "text", (claim.remark,))
    if mutants:
        outcomes = tuple(f"{label}: {outcome}" for label, outcome in mutants.items())
        yield Section("wrong variants", "outcomes", outcomes)


def _plain(section: Section, name: str) -> Sequence[str]:
    """The lines of a section for a terminal."""
    if section.kind == "formula":
        return [in_unicode(section.lines[0]) or name]
    return [", ".join(section.lines)] if section.kind == "outcomes" else section.lines


def _verdict(verdict: Verdict) -> str:
    text = _MEANING[verdict.outcome]
    if verdict.outcome == "refuted":
        return text
    if verdict.outcome == "proved":
        return verdict.message
    counted = f"{verdict.admitted:,} instances"
    if verdict.admitted < verdict.instances:
        counted += f" that meet the hypotheses, of {verdict.instances:,} drawn"
    found = evidence(verdict)
    return "; ".join(x for x in (text, counted, found, verdict.message) if x)


def steps(claim: Claim, verdict: Verdict) -> Iterator[str]:
    """The terms of the claim and its two sides at the counterexample, in the order of the calculation."""
    proof = verdict.certificate or {}
    instance, _ = read_instance(claim, proof)
    with precision(BITS):
        leaves = {name: balls_of(value)[None] for name, value in instance.items()}
        try:
            terms = claim.evaluate_terms(leaves)
        except (ClaimError, ArithmeticError):
            terms = {}
        for label, value in terms.items():
            yield f"{label} = {_numbers(value[0])}"
    shown = proof.get("evidence") or {}
    if "orders" in shown:
        yield f"at the steps t = {', '.join(shown['steps'])} the remainder is {', '.join(_short(shown['remainders']))}"
        claimed = f"t^{float(shown['claimed_order']):g}"
        if "logarithms" in shown:
            power = float(arb(shown["logarithms"][-1]))
            yield f"so it exceeds the claimed {claimed} by |log t|^{power:.3g}, which grows without bound"
        else:
            yield f"so it falls like t^{_short(shown['orders'])[-1]}, where {claimed} is claimed"
        return
    entry = f" (entry {shown['entry'] + 1})" if "entry" in shown else ""
    relation = {"identity": "=", "inequality": "<" if shown.get("strict") else "<="}[claim.kind]
    yield f"left side{entry} = {shown['lhs']}"
    yield f"right side{entry} = {shown['rhs']}"
    yield f"claimed: left {relation} right"
    yield f"but right - left = {shown['rhs_minus_lhs']}, decided at {proof['bits']} bits"


def _numbers(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.ndim:
        return f"({', '.join(_numbers(x) for x in value)})"
    scalar = value.item() if isinstance(value, np.ndarray) else value
    if isinstance(scalar, bool | np.bool_):
        return "yes" if scalar else "no"
    if isinstance(scalar, float) and math.isinf(scalar):
        return "infinity" if scalar > 0 else "-infinity"
    ball = Ball(scalar)
    text = str(ball.rational) if ball.rational is not None else ""
    if text and len(text) <= 2 * READABLE:
        return text
    if ball.arb.contains(0):
        return "0"
    return str(ball.arb.str(DIGITS, radius=False))


def _short(values: Sequence[str]) -> list[str]:
    """Printed balls to a few digits."""
    return [str(arb(v).str(5, radius=False)) for v in values]
