"""Formulas as MathML, which browsers show without a script and without the network."""

from __future__ import annotations

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


def setup(app: Any) -> dict[str, bool]:
    """Join the build."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    return {"parallel_read_safe": True}
