"""The page: content set by the templates, in one file that needs no other."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from entropy_theory.checking.explain import ROLES
from entropy_theory.checking.plaintext import printable
from entropy_theory.report.content import APART, Atlas
from entropy_theory.report.mathml import formula
from entropy_theory.report.notes import set_line, set_notes
from entropy_theory.report.prose import typeset

MEANINGS = {
    "refuted": "A counterexample in rational numbers, certified in ball arithmetic: the line is false as it stands "
    "here, with the domain and the assumptions beside it.",
    "holds": "No counterexample, neither among the instances drawn nor by optimisation from the worst of them. That is "
    "evidence and no proof; a proof in words, which no computer has checked, stands beside it where there is one.",
    "proved": "Decided for every instance of a compact domain, by subdivision in ball arithmetic.",
    "undecided": "Neither; the verdict says why.",
}

_TELLING = re.compile(r"^(?=.*[a-z])(?=.*[\d./-])")
"""A name that is neither a bare word nor a number."""

SIGNS = {"refuted": "✗", "holds": "✓", "proved": "∎", "undecided": "?"}


def render(atlas: Atlas) -> str:
    """The page as HTML.

    Parameters
    ----------
    atlas : Atlas

    Returns
    -------
    str
    """
    environment = Environment(
        loader=PackageLoader("entropy_theory.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    links = addresses(atlas)
    environment.filters["prose"] = partial(typeset, links=links)
    environment.filters["formula"] = _formula
    environment.filters["notes"] = partial(set_notes, links=links)
    environment.filters["line"] = set_line
    environment.filters["breakable"] = _breakable
    environment.filters["json_uri"] = _json_uri
    loader: Any = environment.loader
    inlined = {
        name: Markup(loader.get_source(environment, file)[0])
        for name, file in (("style", "style.css"), ("script", "filters.js"))
    }
    text = environment.get_template("page.html").render(
        atlas=atlas, meanings=MEANINGS, roles=ROLES, signs=SIGNS, apart=APART, **inlined
    )
    # Trailing blanks and empty lines are left by the templates.
    return "\n".join(line.rstrip() for line in printable(text).splitlines() if line.strip()) + "\n"


def addresses(atlas: Atlas) -> Mapping[str, str]:
    """Where on the page the claims and statements are, by name; without names that may be words or numbers."""
    names = (*(statement.name for statement in atlas.statements), *(part.name for part in atlas.parts))
    return {name: f"#{name}" for name in names if _TELLING.search(name)}


def _formula(latex: str) -> Markup:
    """The formula, or its LaTeX where it cannot be translated."""
    try:
        return formula(latex)
    except ValueError:
        return Markup(f"<code>{escape(latex)}</code>")


def _breakable(name: str) -> Markup:
    """A claim's name that may be broken after its slashes."""
    return Markup("/<wbr>").join(escape(piece) for piece in name.split("/"))


def _json_uri(text: str) -> str:
    return f"data:application/json;base64,{base64.b64encode(text.encode()).decode()}"
