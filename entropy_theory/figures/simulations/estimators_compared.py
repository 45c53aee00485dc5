"""The estimators of the advantage: reward against entropy, the coefficients of the law, and the speed."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.figures.simulations.parts import DASHES, SERIES, band
from entropy_theory.figures.style import INK, MUTED, style
from entropy_theory.simulations.result import Estimate, Result

_MARKERS = ("o", "s", "^", "D", "v")


def draw(result: Result) -> Figure:
    """Left: one seed. Middle: the coefficients against those of the first estimator. Right: entropy over updates."""
    with style():
        figure = Figure(figsize=(9, 4.3), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.07, wspace=0.03))
        left, middle, right = figure.subplots(1, 3, width_ratios=(1.1, 1, 1.1))
        _curves(left, result.curves)
        _ratios(middle, result.curves)
        _speed(right, result.curves)
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
        return figure


def _look(i: int, size: float = 4) -> dict[str, Any]:
    return {"color": SERIES[i], "linestyle": DASHES[i], "marker": _MARKERS[i], "markersize": size, "linewidth": 1.5}


def _curves(axes: Axes, curves: dict[str, Any]) -> None:
    axes.set_title("Reward against entropy,\none seed")
    for i, name in enumerate(curves["names"]):
        axes.plot(curves["entropy"][0][i], curves["reward"][0][i], label=name, **_look(i))
    axes.axvline(curves["lowest"][0], color=MUTED, linewidth=0.8)
    axes.annotate(
        "fitted", (curves["lowest"][0], 0.02), xycoords=("data", "axes fraction"), xytext=(4, 0),
        textcoords="offset points", fontsize=8.5, color=INK,
    )  # fmt: skip
    axes.set_xlabel("mean entropy, nats per token")
    axes.set_ylabel("expected reward J")


def _ratios(axes: Axes, curves: dict[str, Any]) -> None:
    names = curves["names"]
    axes.set_title(f"$a$ and $b$, as multiples\nof those of {names[0]}")
    axes.axvspan(0.9, 1.1, color="#EEEEEE", linewidth=0)
    axes.axvline(1, color=INK, linewidth=0.8)
    for k, row in (("a", 0.14), ("b", -0.14)):
        for i, name in enumerate(names[1:], 1):
            found = Estimate.of(curves[f"ratio_{k}"][name])
            ends = [[found.mean - found.low], [found.high - found.mean]]
            look = {**_look(i, 5), "linestyle": "none", "markerfacecolor": SERIES[i] if k == "a" else "white"}
            axes.errorbar(found.mean, row - i, xerr=ends, capsize=3, elinewidth=1.2, **look)
    axes.set_yticks([-i for i in range(1, len(names))], names[1:])
    axes.set_ylim(0.5 - len(names), -0.5)
    axes.set_xlabel("ratio (filled $a$, open $b$; grey: within 10 %)")


def _speed(axes: Axes, curves: dict[str, Any]) -> None:
    axes.set_title("Entropy over the updates,\nmean over the seeds")
    entropy = np.array(curves["entropy"])
    for i in range(len(curves["names"])):
        band(axes, curves["step"], entropy[:, i], **{**_look(i), "marker": ""})
    axes.set_ylim(bottom=0)
    axes.set_xlabel("updates")
    axes.set_ylabel("mean entropy, nats per token")
