"""Section VIII.C: final reward, gains and the covariance of the start against the confidence of the start."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.figures.simulations.parts import DASHES, SERIES, band
from entropy_theory.figures.style import INK, style
from entropy_theory.simulations.result import Result

_MARKERS = "os^Dvp"


def draw(result: Result) -> Figure:
    """Left: rewards at the end. Middle: gains, paired by seed. Right: covariances and the early loss of entropy."""
    curves = result.curves
    objective = {name: np.array(table) for name, table in curves["objective"].items()}
    with style():
        figure = Figure(figsize=(9, 4.6), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07, wspace=0.03))
        left, middle, right = figure.subplots(1, 3)
        left.set_title("Reward at the end")
        for i, (name, table) in enumerate(objective.items()):
            _line(left, i, curves["confidences"], table, _plain(name))
        left.set_ylabel(r"expected reward $J$")
        middle.set_title("Gain over a reference")
        pairs = [(c, "none") for c in objective if c.startswith("KL-Cov")]
        pairs += [(c, "PPO clip") for c in objective if c not in ("none", "PPO clip", "KL-Cov 0.2")]
        for control, reference in pairs:
            label = f"{_plain(control)} − {_plain(reference)}"
            gain = objective[control] - objective[reference]
            _line(middle, list(objective).index(control), curves["confidences"], gain, label, reference == "none")
        middle.axhline(0, color=INK, linewidth=1)
        middle.set_ylabel("difference of $J$, same seed")
        right.set_title("The start")
        start = {name: np.array(table) for name, table in curves["start"].items()}
        for i, (name, label) in enumerate(
            (
                ("advantage", r"$\mathrm{Cov}(\log p, A)$"),
                ("logit_change", r"$\mathrm{Cov}(\log p, pA)$"),
                ("batch", "covariance of a GRPO batch"),
                ("entropy", "entropy"),
            )
        ):
            _line(right, i, curves["starts"], start[name] / start[name].mean(0).max(), label)
        collapse = np.array(curves["collapse"])
        _line(
            right,
            4,
            curves["confidences"],
            collapse / collapse.mean(0).max(),
            "entropy lost in the first\ntenth of the run",
        )
        right.set_ylabel("share of the largest mean")
        right.set_ylim(bottom=min(0.0, right.get_ylim()[0]))
        for axes in (left, middle, right):
            axes.set_xscale("log", base=2)
            axes.set_xlabel("confidence of the start")
            axes.set_xticks(curves["confidences"], [f"{c:g}" for c in curves["confidences"]])
            axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.45, -0.17))
        return figure


def _plain(name: str) -> str:
    return {"none": "no control"}.get(name, name)


def _line(axes: Axes, place: int, x: Any, samples: Any, label: str, unlike: bool = False) -> None:
    """A line of the series at `place`; `unlike` another one of that series solid and with open markers."""
    look = {"linestyle": "-", "markerfacecolor": "white"} if unlike else {"linestyle": DASHES[place]}
    marker = {"marker": _MARKERS[place], "markersize": 4.5, "linewidth": 1.8}
    band(axes, x, samples, color=SERIES[place], label=label, **marker, **look)
