"""Section VIII.C, Figure 8 right of the source: the covariance of a prompt against its difficulty."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.figures.simulations.parts import DASHES, SERIES, band
from entropy_theory.figures.style import MUTED, style
from entropy_theory.simulations.result import Result

_MARKERS = "os^Dv"
_READINGS = (
    ("success, A", "exact, $A$"),
    ("success, pA", "exact, $pA$"),
    ("success, sampled", "sampled, GRPO"),
)


def draw(result: Result) -> Figure:
    """Left and middle: mean covariance by the chance of success, at stages of training. Right: rank correlations."""
    with style():
        figure = Figure(figsize=(9, 3.9), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.04))
        left, middle, right = figure.subplots(1, 3)
        _bins(left, result, "pA", "Exact")
        left.set_xlabel("chance of success")
        left.set_ylabel(r"$\sum_s d(s|m)\,\mathrm{Cov}(\log p, pA)$")
        _bins(middle, result, "sampled", "The source's estimate")
        middle.set_xlabel("share of right responses")
        middle.set_ylabel(r"$\mathrm{Cov}(\log \pi(y)/T, A)$, sampled")
        left.set_ylim(top=1.15 * left.get_ylim()[1])
        left.legend(
            frameon=False, fontsize=8.5, title="update", title_fontsize=8.5, handlelength=2.6, loc="upper right"
        )
        _ranks(right, result)
        return figure


def _bins(axes: Axes, result: Result, name: str, title: str) -> None:
    axes.set_title(title)
    for i, (stage, points) in enumerate(zip(result.curves["stage"], result.curves[name], strict=True)):
        place, mean = np.array(points).T
        axes.plot(place, mean, color=SERIES[i], linestyle=DASHES[i], marker=_MARKERS[i], markersize=5, label=str(stage))
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_xlim(0, 1)


def _ranks(axes: Axes, result: Result) -> None:
    stage: Any = np.array(result.curves["stage"])
    axes.set_title("Rank correlation")
    for i, (name, label) in enumerate(_READINGS):
        samples = np.array(result.curves["rank"][name])
        band(axes, stage, samples, color=SERIES[i], linestyle=DASHES[i], marker=_MARKERS[i], markersize=5, label=label)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_ylim(-1, 1)
    axes.set_xlabel("update")
    axes.set_ylabel("success and covariance, over the prompts")
    axes.legend(frameon=False, fontsize=8.5, loc="lower left", handlelength=3)
