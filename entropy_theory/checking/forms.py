"""Verdicts as text, in colour for a terminal, and as HTML for a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from entropy_theory import markup
from entropy_theory.checking import table
from entropy_theory.checking.plaintext import in_unicode, printable
from entropy_theory.checking.verdict import Verdict

BADGES = {"proved": "#1b5e20", "holds": "#2e7d32", "refuted": "#b3261e", "undecided": "#7a5900"}
"""Grounds on which white words are read; the word says the same."""


def title(verdict: Verdict) -> str:
    """``theorem-v.2/eq-16 (printed)``."""
    return f"{verdict.claim} ({verdict.reading})"


def in_a_line(verdict: Verdict) -> str:
    """Claim, reading, outcome and evidence."""
    return ", ".join(x for x in (f"{title(verdict)}: {verdict.outcome}", table.evidence(verdict)) if x)


def as_text(verdict: Verdict) -> str:
    """Plain text of some lines."""
    lines = list(_readable(verdict))
    width = max(len(label) for label, _ in lines)
    return "\n".join([title(verdict), *(f"  {label:<{width}}  {text}" for label, text in lines)])


def as_rich(verdict: Verdict) -> RenderableType:
    """A panel in the colour of the outcome."""
    style = table.STYLES[verdict.outcome]
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    for label, text in _readable(verdict):
        rows.add_row(label, Text(text, style if label == "outcome" else ""))
    return Panel(rows, title=Text(title(verdict)), title_align="left", border_style=style, expand=False)


def as_html(verdict: Verdict) -> str:
    """A table with a row a line; the statement as a formula."""

    def cell(label: str, text: str) -> str:
        if label == "statement":
            return markup.formula(text)
        return f'<td style="text-align:left">{badge(text)}</td>' if label == "outcome" else markup.text(text)

    rows = ((escape(label), cell(label, text)) for label, text in verdict.lines())
    return markup.pairs(escape(title(verdict)), rows)


def badge(outcome: str) -> str:
    """The outcome on its colour."""
    return markup.badge(outcome, BADGES[outcome])


def all_as_text(verdicts: Sequence[Verdict]) -> str:
    """One line a verdict, and how many have which outcome."""
    cells = [(v.claim, v.reading, v.outcome, table.evidence(v)) for v in verdicts]
    widths = [max(map(len, column), default=0) for column in zip(*cells, strict=True)]
    lines = ("  ".join(f"{x:<{n}}" for x, n in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join([*lines, table.counts(verdicts)])


def all_as_rich(verdicts: Sequence[Verdict]) -> RenderableType:
    """The table of the command, and how many have which outcome."""
    shown = table.Fitting(table.of_verdicts(verdicts), tuple(table.narrow_verdicts(verdicts)))
    return Group(shown, Text(table.counts(verdicts)))


def all_as_html(verdicts: Sequence[Verdict]) -> str:
    """A table with a row a verdict, the counts above it."""
    head = ("claim", "reading", "outcome", "instances", "evidence", "counterexample, or where it was checked")
    rows = (
        (
            escape(v.claim),
            v.reading,
            badge(v.outcome),
            *map(escape, (f"{v.admitted:,}", table.evidence(v), table.details(v))),
        )
        for v in verdicts
    )
    return markup.listing(escape(table.counts(verdicts)), head, rows)


def _readable(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """The lines with the statement in Unicode and no control characters."""
    for label, text in verdict.lines():
        yield label, printable(in_unicode(text) if label == "statement" else text)
