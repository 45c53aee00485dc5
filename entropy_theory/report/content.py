"""What the page says, as data: every claim with its verdict and all that the verdict rests on."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from types import ModuleType

from entropy_theory.checking.claim import Claim
from entropy_theory.checking.explain import ROLES, Section, role_of, sections
from entropy_theory.checking.plaintext import in_unicode
from entropy_theory.checking.table import counterexample, evidence
from entropy_theory.checking.verdict import Verdict
from entropy_theory.report import pictures
from entropy_theory.report.pictures import Picture
from entropy_theory.report.source import Source, statement_of

BRIEF = 90
"""Characters of a counterexample that is shown in a line beside its verdict."""

APART = ("provided", "remark")
"""Sections that are shown above the details of a reading."""

_INSTEAD = re.compile(r"What holds is ([\w/.-]+[\w])")

Key = tuple[str, str]
"""Name and reading of a claim."""


class UnfitVerdicts(ValueError):
    """Verdicts that do not belong to the claims."""


@dataclass(frozen=True)
class Reading:
    """One claim, as printed or as corrected.

    Attributes
    ----------
    name, reading, outcome : str
    role : str
        One of `ROLES`.
    statement : str
        LaTeX; empty if the claim has none.
    statement_text : str
        The same for a plain text.
    brief : str
        What the verdict rests on, in a line.
    evidence : str
        The number that it rests on.
    sections : tuple of Section
        Everything else that there is to say, without the statement.
    certificate : str or None
        The certificate as JSON.
    recheck : str
        The command that decides the certificate again.
    picture : Picture or None
    """

    name: str
    reading: str
    outcome: str
    role: str
    statement: str
    statement_text: str
    brief: str
    evidence: str
    sections: tuple[Section, ...]
    certificate: str | None
    recheck: str
    picture: Picture | None

    @property
    def anchor(self) -> str:
        return f"{self.name}:{self.reading}"

    @property
    def heading(self) -> str:
        return ROLES[self.role]

    @property
    def file_name(self) -> str:
        return _file_name(self.name, self.reading)

    @property
    def inside(self) -> str:
        """What its details hold, in words."""
        usual = ("for all", "verdict", *APART)
        labels = [section.label for section in self.sections if section.label not in usual]
        text = ", ".join((*labels, *(["picture"] if self.picture else [])))
        return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class Part:
    """What the readings of one name say together.

    Attributes
    ----------
    name : str
    readings : tuple of Reading
        As printed, as corrected, or both.
    instead : tuple of str
        Other parts that hold in the place of a line that fails.
    commands : tuple of str
        What reproduces them.
    """

    name: str
    readings: tuple[Reading, ...]
    instead: tuple[str, ...]
    commands: tuple[str, ...]

    def outcome(self, reading: str) -> str:
        """Outcome of a reading; empty if there is none."""
        return next((r.outcome for r in self.readings if r.reading == reading), "")

    def of(self, reading: str) -> Reading | None:
        return next((r for r in self.readings if r.reading == reading), None)

    @property
    def search(self) -> str:
        """What a search looks through."""
        return " ".join((self.name, *(r.statement_text for r in self.readings))).lower()


@dataclass(frozen=True)
class Figure:
    """A figure of the theory.

    Attributes
    ----------
    name, title : str
    picture : Picture
    """

    name: str
    title: str
    picture: Picture

    @property
    def anchor(self) -> str:
        return f"figure:{self.name}"


@dataclass(frozen=True)
class Statement:
    """A numbered statement of the text, or one that goes beyond it.

    Attributes
    ----------
    name, label, title : str
    notes : tuple of str
    figures : tuple of Figure
        Those that are shown here.
    elsewhere : tuple of Figure
        Those that are about it and shown at another statement.
    parts : tuple of Part
    """

    name: str
    label: str
    title: str
    notes: tuple[str, ...]
    figures: tuple[Figure, ...]
    elsewhere: tuple[Figure, ...]
    parts: tuple[Part, ...]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How many readings have which outcome, by their role."""
        return _counts(self.parts)


@dataclass(frozen=True)
class Chapter:
    """A section of the text.

    Attributes
    ----------
    name, title : str
    statements : tuple of Statement
    """

    name: str
    title: str
    statements: tuple[Statement, ...]

    @property
    def anchor(self) -> str:
        return f"section:{self.name}"


@dataclass(frozen=True)
class Atlas:
    """The whole page.

    Attributes
    ----------
    source : Source
    chapters : tuple of Chapter
    version : str
        Of the package.
    seed, budget : int
        Of the checks.
    command : str
        What makes the page again.
    origin : str
        File that the verdicts were read from; empty if they were reached for the page.
    mutants, caught : int
        Wrong variants that were checked, and how many were refuted.
    """

    source: Source
    chapters: tuple[Chapter, ...]
    version: str
    seed: int
    budget: int
    command: str
    origin: str
    mutants: int
    caught: int

    @property
    def statements(self) -> tuple[Statement, ...]:
        return tuple(s for chapter in self.chapters for s in chapter.statements)

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(p for statement in self.statements for p in statement.parts)

    @property
    def readings(self) -> tuple[Reading, ...]:
        return tuple(r for part in self.parts for r in part.readings)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How many readings have which outcome, by their role."""
        return _counts(self.parts)

    def outcomes(self, reading: str) -> list[str]:
        """The outcomes that parts have in a reading."""
        return list(_count(part.outcome(reading) for part in self.parts))


def build(
    source: Source,
    claims: Sequence[Claim],
    verdicts: Iterable[Verdict],
    mutants: Iterable[Verdict] = (),
    *,
    seed: int,
    budget: int,
    command: str,
    origin: str = "",
    figures: Mapping[str, ModuleType] | None = None,
    draw: bool = True,
    report: Callable[[str], None] | None = None,
) -> Atlas:
    """Gather what the page says.

    Parameters
    ----------
    source : Source
    claims : sequence of Claim
        In the order of the page.
    verdicts : iterable of Verdict
        One on each claim.
    mutants : iterable of Verdict
        On wrong variants of the claims.
    seed, budget : int
        Of the checks.
    command : str
        What makes the page again.
    origin : str
        File that the verdicts were read from.
    figures : mapping of str to module, optional
        Figures of the theory, as in `entropy_theory.figures.FIGURES`.
    draw : bool
        Whether to draw verdicts.
    report : callable, optional
        Called with the name of each claim and figure when it is finished.

    Returns
    -------
    Atlas

    Raises
    ------
    UnfitVerdicts
        If a claim has no verdict, or a verdict belongs to none of the claims.
    """
    found = fitting(claims, verdicts)
    caught = {(v.claim, v.reading): v.outcome for v in mutants}
    done = report or (lambda name: None)
    shown = _figures(figures or {}, claims, done)
    names = {claim.name for claim in claims}
    grouped: dict[str, dict[str, list[Claim]]] = {}
    for claim in claims:
        grouped.setdefault(statement_of(claim.name), {}).setdefault(claim.name, []).append(claim)
    statements = []
    for name, members in grouped.items():
        parts = []
        for part, same in members.items():
            readings = []
            for claim in same:
                picture = pictures.of_verdict(claim, found[claim.name, claim.reading], seed) if draw else None
                readings.append(
                    _reading(source, claim, found[claim.name, claim.reading], caught, picture, role_of(claim, same))
                )
                done(claim.name)
            instead = tuple(name for claim in same for name in _INSTEAD.findall(claim.remark) if name in names)
            parts.append(Part(part, tuple(readings), instead, _commands(source, part, seed, budget)))
        statements.append(
            Statement(
                name=name,
                label=source.label(name),
                title=source.title_of(name),
                notes=source.notes.get(name, ()),
                figures=tuple(figure for figure, home, _ in shown if home == name),
                elsewhere=tuple(figure for figure, home, on in shown if home != name and name in on),
                parts=tuple(parts),
            )
        )
    return Atlas(
        source=source,
        chapters=_chapters(source, statements),
        version=version("entropy_theory"),
        seed=seed,
        budget=budget,
        command=command,
        origin=origin,
        mutants=len(caught),
        caught=sum(outcome == "refuted" for outcome in caught.values()),
    )


def fitting(claims: Sequence[Claim], verdicts: Iterable[Verdict], said: str = "verdicts") -> dict[Key, Verdict]:
    """The verdict on each claim, checked to be one on its very statement.

    Parameters
    ----------
    claims : sequence of Claim
    verdicts : iterable of Verdict
    said : str
        What an error calls the verdicts.

    Returns
    -------
    dict
        By name and reading.

    Raises
    ------
    UnfitVerdicts
        If a claim has no verdict, or a verdict belongs to none of the claims.
    """
    known = {(c.name, c.reading): c for c in claims}
    found: dict[Key, Verdict] = {}
    for verdict in verdicts:
        key = verdict.claim, verdict.reading
        if key not in known:
            raise UnfitVerdicts(f"{said} has one on {_said(key)}, expected claims of this page only")
        if key in found:
            raise UnfitVerdicts(f"{said} has two on {_said(key)}, expected one a claim")
        if (verdict.statement, verdict.kind) != (known[key].statement, known[key].kind):
            raise UnfitVerdicts(f"{said} has another statement of {_said(key)} than the claim, expected the same")
        found[key] = verdict
    missing = [_said(key) for key in known if key not in found]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UnfitVerdicts(f"{said} has none on {missing[0]}{more}, expected one on each claim")
    return found


def _said(key: Key) -> str:
    return f"{key[0]} ({key[1]})"


def _reading(
    source: Source, claim: Claim, verdict: Verdict, caught: Mapping[Key, str], picture: Picture | None, role: str
) -> Reading:
    mutants = {
        mutant.name.removeprefix(f"{claim.name}/mutant-"): caught[mutant.name, mutant.reading]
        for mutant in claim.mutants
        if (mutant.name, mutant.reading) in caught
    }
    said = tuple(sections(claim, verdict, mutants))[1:]
    certificate = None if verdict.certificate is None else json.dumps(verdict.certificate, indent=1) + "\n"
    return Reading(
        name=claim.name,
        reading=claim.reading,
        outcome=verdict.outcome,
        role=role,
        statement=claim.statement,
        statement_text=in_unicode(claim.statement) or claim.name,
        brief=_brief(verdict),
        evidence=evidence(verdict),
        sections=said,
        certificate=certificate,
        recheck=_recheck(source, _file_name(claim.name, claim.reading)),
        picture=picture,
    )


def _brief(verdict: Verdict) -> str:
    if verdict.outcome == "refuted":
        text = counterexample(verdict)
        return f"fails at {text}" if len(text) <= BRIEF else "fails at a counterexample with many entries, see below"
    if verdict.outcome == "proved":
        return verdict.message
    if verdict.outcome == "undecided":
        return verdict.message
    return f"no counterexample in {verdict.admitted:,} instances"


def _commands(source: Source, name: str, seed: int, budget: int) -> tuple[str, ...]:
    options = f"--seed {seed} --budget {budget}"
    if source.is_paper:
        return (f"entropy-theory verify {name} {options}", f"entropy-theory show {name} {options}")
    return (f"entropy-theory hunt {shlex.quote(f'{source.file}:{name}')} {options}",)


def _recheck(source: Source, certificate: str) -> str:
    options = "" if source.is_paper else f" --claims {shlex.quote(source.file)}"
    return f"entropy-theory recheck {certificate}{options}"


def _file_name(name: str, reading: str) -> str:
    """Of a certificate."""
    return f"{name.replace('/', '_')}_{reading}.json"


def about(module: ModuleType, claims: Iterable[Claim]) -> list[str]:
    """The statements among those of some claims that a figure is about, the main one first.

    Parameters
    ----------
    module : module
        One of `entropy_theory.figures.FIGURES`.
    claims : iterable of Claim

    Returns
    -------
    list of str
    """
    names = {name for claim in claims for name in (claim.name, statement_of(claim.name))}
    return list(dict.fromkeys(statement_of(name) for name in module.ABOUT if name in names))


def _figures(
    modules: Mapping[str, ModuleType], claims: Sequence[Claim], done: Callable[[str], None]
) -> list[tuple[Figure, str, list[str]]]:
    """Each figure with the statement that shows it and all those that it is about."""
    out = []
    for name, module in modules.items():
        if statements := about(module, claims):
            out.append((Figure(name, module.TITLE, pictures.of_figure(module)), statements[0], statements))
            done(name)
    return out


def _chapters(source: Source, statements: Sequence[Statement]) -> tuple[Chapter, ...]:
    if not source.chapters:
        return (Chapter("claims", "Claims", tuple(statements)),)
    chapters = (
        Chapter(key, title, tuple(s for s in statements if source.where[s.name] == key))
        for key, title in source.chapters.items()
    )
    return tuple(chapter for chapter in chapters if chapter.statements)


def _counts(parts: Iterable[Part]) -> dict[str, dict[str, int]]:
    readings = [reading for part in parts for reading in part.readings]
    counted = {role: _count(reading.outcome for reading in readings if reading.role == role) for role in ROLES}
    return {role: outcomes for role, outcomes in counted.items() if outcomes}


def _count(outcomes: Iterable[str]) -> dict[str, int]:
    counted = [outcome for outcome in outcomes if outcome]
    return {o: counted.count(o) for o in ("refuted", "holds", "proved", "undecided") if o in counted}
