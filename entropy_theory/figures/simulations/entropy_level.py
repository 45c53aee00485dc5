"""Section VIII.B(c): entropy against the strength of Clip-Cov and of KL-Cov."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.figures.simulations.parts import DASHES, SERIES, band
from entropy_theory.figures.style import style
from entropy_theory.simulations.result import Result

_TITLES = {
    "r": ("Clip-Cov", "share $r$ of tokens taken out"),
    "beta": ("KL-Cov, share $k$ = 0.2", r"coefficient $\beta$"),
    "k": (r"KL-Cov, $\beta$ = 1", "share $k$ of tokens held back"),
}


def draw(result: Result) -> Figure:
    """A panel for each strength: entropy after the same updates, and at the same reward."""
    with style():
        figure = Figure(figsize=(9, 3.9), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.07, wspace=0.02))
        panels = figure.subplots(1, 3, sharey=True)
        for axes, name in zip(panels, _TITLES, strict=True):
            _panel(axes, result, name)
        panels[0].set_ylabel("mean entropy, nats")
        panels[0].set_ylim(bottom=0)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
        return figure


def _panel(axes: Axes, result: Result, name: str) -> None:
    strength = result.curves["strength"][name]
    # Evenly spaced: the strengths span decades and begin with zero.
    place = np.arange(len(strength))
    lines: tuple[tuple[str, str, Any], ...] = (
        ("equal", "at equal reward", {"color": SERIES[1], "linestyle": DASHES[1], "marker": "s"}),
        ("last", f"after {result.setting['steps']} updates", {"color": SERIES[0], "linestyle": "-", "marker": "o"}),
    )
    for measure, label, look in lines:
        band(axes, place, np.array(result.curves[measure][name]).T, label=label, markersize=5, **look)
    title, words = _TITLES[name]
    axes.set_title(title)
    axes.set_xticks(place, [f"{x:g}" for x in strength])
    axes.set_xlabel(words)
