"""Section VIII.B(c): entropy, reward and divergence against the coefficient of a reference-KL penalty."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.figures.simulations.parts import DASHES, SERIES, band
from entropy_theory.figures.style import MUTED, style
from entropy_theory.simulations.result import Result

_MARKERS = ("o", "s")


def draw(result: Result) -> Figure:
    """Against the coefficient: entropy, reward and divergence from the start, at the end of the run."""
    with style():
        figure = Figure(figsize=(9, 3.8), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.07, wspace=0.03))
        panels = figure.subplots(1, 3)
        words = ("Entropy, nats", "Reward J", "Divergence from the start, nats")
        for axes, name, title in zip(panels, ("entropy", "reward", "divergence"), words, strict=True):
            axes.set_title(title)
            _panel(axes, result, name)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
        return figure


def _panel(axes: Axes, result: Result, name: str) -> None:
    betas = result.curves["betas"]
    place = np.arange(len(betas))
    for i, (tree, samples) in enumerate(result.curves[name].items()):
        look = {"color": SERIES[i], "linestyle": DASHES[i], "marker": _MARKERS[i], "markersize": 5}
        band(axes, place, np.array(samples).T, label=f"tree: {tree}", **look)
    axes.set_xticks(place, [f"{beta:g}" for beta in betas])
    axes.set_xlabel(r"coefficient $\beta$ of the penalty")
    for i, (tree, values) in enumerate(result.curves["start"].get(name, {}).items()):
        height = float(np.mean(values))
        axes.axhline(height, color=SERIES[i], linewidth=0.9, linestyle=":")
        if i == 0 or name == "reward":
            label = "at the start" if name == "entropy" else f"at the start: {tree}"
            axes.annotate(
                label, (0, height), xytext=(0, 3), textcoords="offset points", color=MUTED, fontsize=8, va="bottom"
            )
    axes.set_ylim(bottom=0)
