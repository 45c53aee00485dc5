"""Where the claims of a page come from: the paper, or a file of one's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from entropy_theory.checking import registry

_KINDS = "Theorem|Lemma|Proposition|Corollary|Definition|Remark|Equation|Assumption|Section|Beyond the paper"


@dataclass(frozen=True)
class Source:
    """A set of claims with the words that go with it.

    Attributes
    ----------
    spec : str
        ``"paper"`` or the file, as the commands take it.
    title, authors, url : str
        Of the text that states the claims; empty where there is none.
    chapters : mapping of str to str
        Titles of the parts of the text by their short names, in order.
    where : mapping of str to str
        The chapter of each statement.
    notes : mapping of str to tuple of str
        Texts on each statement, docstrings as they are in the source.
    """

    spec: str
    title: str
    authors: str = ""
    url: str = ""
    chapters: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_paper(self) -> bool:
        return self.spec == "paper"

    @property
    def file(self) -> str:
        """Of one's own claims, without the name of one of them."""
        return self.spec.rpartition(":")[0] if ".py:" in self.spec else self.spec

    def label(self, statement: str) -> str:
        """``Theorem V.2`` of ``theorem-v.2``, for a heading."""
        if not self.is_paper:
            return statement
        if statement.startswith("beyond/"):
            return statement.removeprefix("beyond/").replace("-", " ").capitalize()
        kind, _, number = statement.partition("-")
        return f"{kind.capitalize()} ({number})" if kind == "equation" else f"{kind.capitalize()} {number.upper()}"

    def title_of(self, statement: str) -> str:
        """What a statement is about, in half a line of text with formulas in ASCII; empty where nothing says so."""
        first = next(iter(self.notes.get(statement, ())), "").split("\n\n")[0]
        text = re.sub(rf"^(?:{_KINDS})\b[^:]*: ", "", " ".join(first.split())).removesuffix(".")
        return text[:1].upper() + text[1:]


def statement_of(name: str) -> str:
    """``theorem-v.2`` of ``theorem-v.2/eq-16``; ``beyond/influence`` of ``beyond/influence/mean``."""
    return "/".join(name.split("/")[: 2 if name.startswith("beyond/") else 1])


def paper() -> Source:
    """The paper, with the sections that its claims stand in."""
    titles = {
        3: ("iii", "III. Preliminaries and notation"),
        4: ("iv", "IV. Foundations of entropy dynamics"),
        5: ("v", "V. Traditional entropy regularization"),
        6: ("vi", "VI. Covariance-based entropy mechanism"),
        7: ("vii", "VII. Comparative theoretical analysis"),
        8: ("viii", "VIII. Empirical validation and discussion"),
        9: ("beyond", "Beyond the paper"),
    }
    where: dict[str, str] = {}
    notes: dict[str, tuple[str, ...]] = {}
    for module in registry.paper_modules():
        for statement in dict.fromkeys(statement_of(claim.name) for claim in module.CLAIMS):
            where.setdefault(statement, titles[int(module.POSITION)][0])
            notes[statement] = (*notes.get(statement, ()), module.__doc__ or "")
    return Source(
        spec="paper",
        title="A Comparative Theoretical Analysis of Entropy Control Methods in Reinforcement Learning",
        authors="M. Lei, C. Baehr",
        url="https://arxiv.org/abs/2604.09676",
        chapters=dict(titles.values()),
        where=where,
        notes=notes,
    )


def own(spec: str) -> Source:
    """A file of one's own claims."""
    source = Source(spec=spec, title="")
    return replace(source, title=Path(source.file).name)
