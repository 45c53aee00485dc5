"""Small tables in HTML for notebooks: no script, no style sheet, nothing loaded, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

IGNORED = "mathjax_ignore tex2jax_ignore"
"""Classes that keep MathJax away from text that is no formula."""

_TABLE = "border-collapse:collapse;text-align:left"
_WHOLE = "text-align:left;vertical-align:top;white-space:nowrap"
_WRAPPED = "text-align:left;vertical-align:top;overflow-wrap:anywhere"


def pairs(caption: str, rows: Iterable[tuple[str, str]]) -> str:
    """A table with a label and a text, both HTML, in each row."""
    body = "".join(f'<tr><th scope="row" style="{_WHOLE}">{label}</th>{cell}</tr>' for label, cell in rows)
    return f'<table style="{_TABLE}">{_caption(caption)}<tbody>{body}</tbody></table>'


def text(words: str) -> str:
    """A cell with plain text, in which a long number wraps."""
    ignored = f' class="{IGNORED}"' if "$" in words or "\\" in words else ""
    return f'<td{ignored} style="{_WRAPPED}">{escape(words)}</td>'


def formula(latex: str) -> str:
    """A cell with a formula, which a notebook typesets."""
    return f'<td style="text-align:left"><div style="overflow-x:auto">${escape(latex)}$</div></td>'


def badge(word: str, colour: str) -> str:
    """A word on a ground of that colour, with which white has a contrast of 4.5 or more."""
    return f'<strong style="background:{colour};color:#fff;padding:0 .4em;border-radius:.3em">{escape(word)}</strong>'


def grid(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of numbers: a heading a column, and cells that are HTML, the first of a row its heading."""
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows
    )
    return f'<table style="{_TABLE}">{_caption(caption)}<thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table>'


def listing(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of words, of which those in the last column wrap; as `grid` otherwise."""
    columns = "".join(f'<th scope="col" style="{_WHOLE}">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row" style="{_WHOLE}">{first}</th>'
        f'{"".join(f"""<td style="{_WHOLE}">{cell}</td>""" for cell in between)}<td style="{_WRAPPED}">{last}</td></tr>'
        for first, *between, last in rows
    )
    parts = _caption(caption), f"<thead><tr>{columns}</tr></thead>", f"<tbody>{body}</tbody>"
    return f'<table class="{IGNORED}" style="{_TABLE}">{"".join(parts)}</table>'


def _caption(html: str) -> str:
    return f'<caption style="text-align:left;color:inherit;font-weight:bold">{html}</caption>'
