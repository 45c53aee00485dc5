"""Texts for a terminal: LaTeX statements as a line of Unicode, and words without control characters."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_FUNCTIONS = ("log", "exp", "sinh", "cosh", "tanh", "max", "min", "sup", "inf", "det")

_BEFORE = (
    (r"(?<!\\)%", r"\\%"),
    (r"\\[td]frac", r"\\frac"),
    (r"\\ne\b", r"\\neq"),
    (r"\\\|", "‖"),
    (r"\\(?:text|display)style|\\[bB]igg?[lr]?\b", ""),
)

_AFTER = (
    (r"\s*([≤≥⇒⇔≈∝≠≼≽∈∉→])\s*", r" \1 "),
    (r"\s*(?<![<>=])([<>=-])\s+", r" \1 "),
    (r"\((\w+)\)/\((\w+)\)", r"\1/\2"),
    (r"\b(" + "|".join(_FUNCTIONS) + r") (?=[(_^])", r"\1"),
    (r"(?<=\()\s+|\s+(?=[,;:.)])", ""),
)

_CONTROL = dict.fromkeys((*(set(range(32)) - {9, 10}), *range(127, 160)), "\ufffd")


@cache
def _converter() -> Any:
    # Read here: only a person who asks for a statement needs the parser.
    from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db

    context = get_default_latex_context_db()
    macros = [MacroTextSpec("frac", simplify_repl="(%s)/(%s)", discard=False)]
    macros += [MacroTextSpec(name, simplify_repl=f" {name} ", discard=False) for name in _FUNCTIONS]
    macros += [MacroTextSpec("iff", simplify_repl=" ⇔ ", discard=False)]
    context.add_context_category("statements", prepend=True, macros=macros)
    return LatexNodes2Text(
        latex_context=context, math_mode="text", keep_braced_groups=True, keep_braced_groups_minlen=2
    )


def in_unicode(latex: str) -> str:
    """`latex` (without dollar signs) as readable text; unchanged if it cannot be read.

    Examples
    --------
    >>> in_unicode(r"K \\le \\tfrac12\\,\\mathrm{Var}(\\log p)")
    'K ≤ 1/2 Var(log p)'
    """
    text = latex
    for pattern, replacement in _BEFORE:
        text = re.sub(pattern, replacement, text)
    try:
        text = _converter().latex_to_text(text)
    except Exception:
        return latex
    for pattern, replacement in _AFTER:
        text = re.sub(pattern, replacement, text)
    return " ".join(text.split())


def printable(text: str) -> str:
    """`text` with the replacement character for control characters, which a terminal obeys; lines and tabs stay.

    Examples
    --------
    >>> printable("a\\x1b[31mb")
    'a\ufffd[31mb'
    """
    return text.translate(_CONTROL)
