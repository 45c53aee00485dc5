"""Docstrings of claims as HTML: paragraphs, lists, and formulas in double backquotes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

from markupsafe import Markup, escape

from entropy_theory.report.prose import typeset

_INLINE = re.compile(r"``(?P<formula>.+?)``|`(?P<name>[^`]+)`|(?<!\w)\*(?P<emphasis>[A-Za-z][^*]*?)\*(?!\w)", re.DOTALL)


def set_notes(docstring: str, links: Mapping[str, str] | None = None, *, title: bool = False) -> Markup:
    """A docstring up to its proof, which stands with the claims.

    Parameters
    ----------
    docstring : str
    links : mapping of str to str, optional
        As in `prose.typeset`.
    title : bool
        Whether to begin with its first paragraph.

    Returns
    -------
    Markup
    """
    text = inspect.cleandoc(docstring).partition("\n\nProof.")[0]
    blocks = [block for block in re.split(r"\n\s*\n", text) if block.strip()]
    out = [_block(block, links) for block in blocks[1:]]
    if title and blocks:
        out.insert(0, Markup(f"<p><strong>{set_line(blocks[0], links)}</strong></p>"))
    return Markup("\n").join(out)


def _block(block: str, links: Mapping[str, str] | None) -> Markup:
    if re.match(r"[*-] ", block):
        items = re.split(r"\n(?=[*-] )", block)
        return Markup(f"<ul>{Markup('').join(Markup(f'<li>{set_line(item[2:], links)}</li>') for item in items)}</ul>")
    if block.startswith("    "):
        return Markup(f'<p class="display">{set_line(block, links)}</p>')
    return Markup(f"<p>{set_line(block, links)}</p>")


def set_line(text: str, links: Mapping[str, str] | None = None) -> Markup:
    """A line or a paragraph of a docstring."""
    text = " ".join(text.split())
    out, end = Markup(""), 0
    for match in _INLINE.finditer(text):
        out += typeset(text[end : match.start()], links)
        if match["formula"]:
            out += typeset(match["formula"], links)
        elif match["name"]:
            out += Markup(f"<code>{escape(match['name'])}</code>")
        else:
            out += Markup(f"<em>{typeset(match['emphasis'], links)}</em>")
        end = match.end()
    return out + typeset(text[end:], links)
