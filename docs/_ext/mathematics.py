"""Formulas as MathML, which browsers show without a script and without the network; also those in the stored outputs of
notebooks, which Jupyter would set by a script."""

from __future__ import annotations

import html
import re
from typing import Any

from docutils import nodes

from entropy_theory.report.mathml import formula


def inline(self: Any, node: nodes.math) -> None:
    """A formula in a line of text."""
    self.body.append(f'<span class="formula">{formula(node.astext())}</span>')
    raise nodes.SkipNode


def display(self: Any, node: nodes.math_block) -> None:
    """A formula on a line of its own."""
    mathml = str(formula(node.astext().strip())).replace('display="inline"', 'display="block"')
    self.body.append(f'<div class="formula">{mathml}</div>')
    raise nodes.SkipNode


def in_outputs(app: Any, doctree: nodes.document) -> None:
    """The formulas that are the whole text of an HTML element: ``<td>$x$</td>``."""
    for raw in doctree.findall(lambda node: isinstance(node, nodes.raw) and node["format"] == "html"):
        text = re.sub(r">\$([^$<]+)\$<", lambda found: f">{formula(html.unescape(found[1]))}<", raw.astext())
        raw[:] = [nodes.Text(text)]


def setup(app: Any) -> dict[str, bool]:
    """Join the build."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    app.connect("doctree-read", in_outputs)
    return {"parallel_read_safe": True}
