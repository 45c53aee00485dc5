"""Verdicts and claims as tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from entropy_theory.checking.claim import Claim
from entropy_theory.checking.stages import STAGES, Stages
from entropy_theory.checking.verdict import Verdict, plain

STYLES = {"proved": "bold green", "holds": "green", "refuted": "bold red", "undecided": "yellow"}

UNDERFLOW = 1e-300
"""Slacks below are reported as such: the smallest doubles say no more."""

MEASURE = {"inequality": "slack", "identity": "residual", "order": "order"}


UNBOUNDED = 100_000
"""Columns of a table of which no cell is to wrap."""


@dataclass(frozen=True)
class Fitting:
    """A table, or where there are fewer than `least` columns, or than it needs, the same one below the other."""

    table: Table
    narrow: Sequence[RenderableType]
    least: int = 0

    def fits(self, console: Console, options: ConsoleOptions) -> bool:
        """Whether there is room for the table."""
        needed = Measurement.get(console, options.update(width=UNBOUNDED), self.table).minimum
        return options.max_width >= max(needed, self.least)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.fits(console, options):
            yield self.table
        else:
            yield from self.narrow


def of_verdicts(verdicts: Sequence[Verdict]) -> Table:
    """One row a verdict, in the order given."""
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    out.add_column("claim", no_wrap=True)
    out.add_column("reading", no_wrap=True)
    out.add_column("outcome", no_wrap=True)
    out.add_column("instances", justify="right", no_wrap=True)
    out.add_column("evidence", no_wrap=True)
    out.add_column("counterexample, or where it was checked", overflow="fold", min_width=30)
    for v in verdicts:
        out.add_row(
            v.claim,
            v.reading,
            Text(v.outcome, STYLES[v.outcome]),
            f"{v.admitted:,}" + (f" ({v.share_admitted:.0%})" if v.share_admitted < 0.995 else ""),
            evidence(v),
            Text(details(v)),
        )
    return out


def narrow_verdicts(verdicts: Iterable[Verdict]) -> Iterator[RenderableType]:
    """The same for a narrow terminal: name, outcome and evidence, and the rest indented below."""
    for v in verdicts:
        outcome = Text(v.outcome, STYLES[v.outcome])
        yield Text.assemble(f"{v.claim} ({v.reading}): ", outcome, f", {evidence(v)}" if evidence(v) else "")
        if details(v):
            yield Padding(Text(details(v)), (0, 0, 0, 4))


def of_timings(verdicts: Sequence[Verdict]) -> Table:
    """Seconds, instances a second and the share of each stage: a row a verdict that was checked now, and their sum."""
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    out.add_column("claim", no_wrap=True)
    out.add_column("reading", no_wrap=True)
    for column in ("seconds", "instances/s", *STAGES):
        out.add_column(column, justify="right", no_wrap=True)
    for name, reading, instances, stages in _timed(verdicts):
        out.add_row(
            name,
            reading,
            f"{stages.seconds:.2f}",
            f"{instances / stages.seconds:,.0f}" if stages.seconds else "",
            *(f"{share:.0%}" for share in stages.shares().values()),
        )
    return out


def narrow_timings(verdicts: Sequence[Verdict]) -> Iterator[RenderableType]:
    """The same for a narrow terminal: stages that took a share are named below."""
    for name, reading, instances, stages in _timed(verdicts):
        speed = f", {instances / stages.seconds:,.0f} instances/s" if stages.seconds else ""
        yield Text(f"{name}{f' ({reading})' if reading else ''}: {stages.seconds:.2f} s{speed}")
        shares = (f"{stage} {share:.0%}" for stage, share in stages.shares().items() if share >= 0.005)
        yield Padding(Text(", ".join(shares)), (0, 0, 0, 4))


def _timed(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str, int, Stages]]:
    known = [(v, v.stages) for v in verdicts if v.stages is not None]
    for v, stages in known:
        yield v.claim, v.reading, v.instances, stages
    yield "all", "", sum(v.instances for v, _ in known), Stages.total(stages for _, stages in known)


def details(v: Verdict) -> str:
    """The counterexample and where else the claim fails, or where it was checked."""
    return "; ".join(x for x in (counterexample(v), fails_on(v)) if x) if v.counterexample else checked_on(v)


def evidence(v: Verdict) -> str:
    """The number that the verdict rests on."""
    if v.outcome == "refuted" and v.certificate is not None and v.kind != "order":
        gap = str((v.certificate.get("evidence") or {}).get("rhs_minus_lhs", ""))
        return f"rhs - lhs = {_short(gap)}"
    if v.outcome == "proved":
        return f"{v.boxes:,} box{'es' * (v.boxes != 1)}"
    if math.isnan(v.worst):
        return ""
    if v.kind == "order":
        claimed = (v.certificate or {}).get("evidence", {}).get("claimed_order")
        measured = f"order {v.worst + 0:.3g}" if math.isfinite(v.worst) else "remainder 0"
        return f"{measured}, not {float(claimed):g}" if claimed else measured
    if v.tight and not math.isnan(v.ratio):
        return f"lhs / rhs up to {v.ratio:.6f}"
    if v.kind == "inequality" and v.worst == 0:
        return "equality met"
    if 0 < v.worst < UNDERFLOW:
        return f"slack below {UNDERFLOW:g}"
    return f"{MEASURE[v.kind]} {v.worst:.2g}"


def counterexample(v: Verdict) -> str:
    """The counterexample in one line; parts of an MDP without their common prefix."""
    parts = v.counterexample or {}
    return ", ".join(f"{name.removeprefix('mdp.')} = {plain(value)}" for name, value in parts.items())


def fails_on(v: Verdict) -> str:
    """The environments on which a refuted claim fails as well."""
    labels = [e.label if e.certified else f"{e.label} (floats)" for e in v.environments if e.violated]
    return f"fails also on {', '.join(labels)}" if labels else ""


def checked_on(v: Verdict) -> str:
    """The environments that a claim on MDPs was checked on, or the note of the verdict."""
    certified = [e.label for e in v.environments if e.violated is False and e.certified]
    floats = [e.label for e in v.environments if e.violated is False and not e.certified]
    text = ", ".join(["random MDPs", *certified]) if certified else ""
    text += f"; in floats {', '.join(floats)}" if floats else ""
    return "; ".join(x for x in (text, v.message) if x)


def notes(verdicts: Sequence[Verdict], *, narrow: bool = False) -> Iterator[str]:
    """What the table cannot say in a row; of columns, if it is `narrow`, only what it shows then."""
    for v in verdicts:
        if v.error:
            yield f"{v.claim} ({v.reading}) failed: {v.message}"
    yield counts(verdicts)
    instances = "instances: those that lie in the domain and meet the assumption, with their share of all drawn. "
    yield (
        f"{'' if narrow else instances}evidence: the certified difference at the counterexample; else the smallest "
        "rhs - lhs (slack), the largest certified |lhs - rhs| (residual), the lowest measured order or the number of "
        "boxes of a proof."
    )


def counts(verdicts: Sequence[Verdict]) -> str:
    """How many verdicts have which outcome."""
    count = {o: sum(v.outcome == o for v in verdicts) for o in STYLES}
    return " ".join((", ".join(f"{n} {o}" for o, n in count.items() if n), f"of {len(verdicts)} readings.")).strip()


def narrow_claims(claims: Iterable[Claim]) -> Iterator[RenderableType]:
    """The same as `of_claims` for a narrow terminal."""
    for claim in claims:
        yield Text(f"{claim.name} ({claim.reading}, {claim.kind})")
        yield Padding(Text(claim.statement), (0, 0, 0, 4))


def of_claims(claims: Iterable[Claim]) -> Table:
    """Names, readings, kinds and statements."""
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in ("claim", "reading", "kind"):
        out.add_column(column, no_wrap=True)
    out.add_column("statement", overflow="fold")
    for claim in claims:
        out.add_row(claim.name, claim.reading, claim.kind, Text(claim.statement))
    return out


def _short(gap: str) -> str:
    """``[-0.25000 +/- 3e-19]`` or a fraction, as a number of three digits."""
    centre = gap.strip("[]").split(" ")[0]
    try:
        if "/" in centre:
            p, q = centre.split("/")
            return f"{int(p) / int(q):.3g}"
        return f"{float(centre):.3g}"
    except ValueError:
        return gap
