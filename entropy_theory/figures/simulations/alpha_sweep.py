"""Corollary V.1: J against alpha at the optimum, and after a budget of exact and of sampled updates."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.figures.simulations.parts import DASHES, SERIES, band
from entropy_theory.figures.style import INK, style
from entropy_theory.simulations.result import Result

_REGIMES = ("optimum", "exact", "sampled")
_MARKERS = ("", "", "o")


def draw(result: Result) -> Figure:
    """Left and middle: J against alpha for each start, bars where it is near the best. Right: more updates."""
    steps = result.setting["steps"]
    words = ("at the optimum of Eq. (4)", f"{steps} exact updates", f"{steps} sampled updates")
    with style():
        figure = Figure(figsize=(9, 4.2), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.07, wspace=0.03))
        left, middle, right = figure.subplots(1, 3)
        for axes, start, title in ((left, "right", "Start likely right"), (middle, "wrong", "Start confidently wrong")):
            axes.set_title(title)
            _sweep(axes, result.curves, start, words)
        left.set_ylabel("expected reward J")
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=3, frameon=False)
        _longer(right, result.curves)
        return figure


def _sweep(axes: Axes, curves: dict[str, Any], start: str, words: tuple[str, ...]) -> None:
    alpha = np.array(curves["alpha"])
    for i, (regime, label) in enumerate(zip(_REGIMES, words, strict=True)):
        name = regime if regime == "optimum" else f"{start}_{regime}"
        look = {"color": SERIES[i], "linestyle": DASHES[i], "marker": _MARKERS[i], "markersize": 4}
        band(axes, alpha, curves[name], label=label, **look)
        low, high = 10 ** np.array(curves[f"{name}_ends"])
        height = -0.07 - 0.06 * i
        axes.plot([low, high], [height, height], color=SERIES[i], linewidth=4, solid_capstyle="butt")
        axes.text(high * 1.4, height, regime, color=SERIES[i], fontsize=8, va="center")
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_ylim(-0.24, 1.04)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xlabel(r"$\alpha$ (bars: $J$ within 0.02 of the best)")


def _longer(axes: Axes, curves: dict[str, Any]) -> None:
    axes.set_title(rf"Confidently wrong, $\alpha = 10^{{{np.log10(curves['alpha'][0]):g}}}$")
    step = np.array(curves["longer_step"])
    for i, regime in ((1, "exact"), (2, "sampled")):
        look = {"color": SERIES[i], "linestyle": DASHES[i], "marker": _MARKERS[i], "markersize": 4}
        band(axes, step, curves[f"longer_{regime}"], **look)
    axes.axvline(step[1], color=INK, linewidth=0.8)
    axes.text(step[1], 1.02, " the budget of the sweep", fontsize=8, va="top", color=INK)
    axes.set_ylim(-0.24, 1.04)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xticks(step[::2])
    axes.set_xlabel("updates")
