"""Section VIII.C: reward against entropy, what the beginning predicts, the coefficients, and the use of the entropy."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.figures.simulations.parts import DASHES, SERIES, band
from entropy_theory.figures.style import INK, MUTED, style
from entropy_theory.simulations.exponential_law import BEGINNING, MAIN
from entropy_theory.simulations.law import FORMS, predict
from entropy_theory.simulations.result import Estimate, Result

_MARKERS = ("o", "s", "^", "D")
_SMALL = 8.5


def draw(result: Result) -> Figure:
    """Four panels; the first shows one seed, the others means over the seeds."""
    with style():
        figure = Figure(figsize=(9, 7.4), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, wspace=0.03))
        (first, second), (third, fourth) = figure.subplots(2, 2)
        _runs(first, result.curves)
        _predictions(second, result.curves)
        _coefficients(third, result.curves)
        _use(fourth, result.curves)
        return figure


def _runs(axes: Axes, curves: dict[str, Any]) -> None:
    share = f"{100 * BEGINNING:.0f} %"
    axes.set_title(f"One seed: runs, and the law fitted\nto the first {share} of the updates")
    begun = np.array(curves["step"]) <= BEGINNING * curves["step"][-1]
    for i, confidence in enumerate(curves["confidence"]):
        entropy, reward = (np.array(curves[k][i][0]) for k in ("entropy", "reward"))
        look: dict[str, Any] = {"color": SERIES[i], "marker": _MARKERS[i], "linestyle": "none", "markersize": 4.5}
        axes.plot(entropy[~begun], reward[~begun], markerfacecolor="white", **look)
        axes.plot(entropy[begun], reward[begun], label=f"confidence {confidence:g}", **look)
        levels = np.linspace(0, entropy.max(), 100)
        law = predict("exponential", np.array(curves["early"][i][0]), levels)
        axes.plot(levels, law, color=SERIES[i], linestyle=DASHES[i], linewidth=1.2)
    axes.set_xlabel("mean entropy, nats per token (training goes to the left)")
    axes.set_ylabel("expected reward J")
    axes.legend(frameon=False, title="filled: fitted", fontsize=_SMALL, title_fontsize=_SMALL)


def _predictions(axes: Axes, curves: dict[str, Any]) -> None:
    axes.set_title("Error of the prediction of the rest,\nby the form that is fitted")
    for i, form in enumerate(FORMS):
        label = {"exponential": r"$-a e^H + b$", "line": r"$-a H + b$", "quadratic": "quadratic in $H$"}[form]
        _intervals(axes, curves["confidence"], curves[f"predicts_{form}"], i, label)
    axes.axhline(0.01, color=INK, linewidth=0.9)
    axes.annotate("source: about 1 %", (1, 0.01), xytext=(2, -11), textcoords="offset points", fontsize=_SMALL)
    axes.set_yscale("log", nonpositive="clip")
    axes.set_ylim(0.006, 1.5)
    axes.set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
    axes.set_xticks(curves["confidence"])
    axes.set_xlabel("confidence of the start")
    axes.set_ylabel("root mean square error of J")
    axes.legend(frameon=False, fontsize=_SMALL, ncols=3, loc="upper center", columnspacing=1, handletextpad=0.5)


def _coefficients(axes: Axes, curves: dict[str, Any]) -> None:
    axes.set_title("Coefficients of the whole run")
    whole = np.array(curves["whole"])
    for i, name in enumerate("ab"):
        _intervals(axes, curves["confidence"], whole[:, :, i], i, f"${name}$")
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(curves["confidence"], [f"{c:g}" for c in curves["confidence"]])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("confidence of the start, log scale")
    axes.legend(frameon=False)


def _use(axes: Axes, curves: dict[str, Any]) -> None:
    axes.set_title(f"Use of the entropy, confidence {MAIN:g}")
    share = np.array(curves["step"]) / curves["step"][-1]
    band(axes, share, curves["used"], color=SERIES[0], linestyle=DASHES[0], label="entropy used")
    band(axes, share, curves["gained"], color=SERIES[1], linestyle=DASHES[1], label="reward gained")
    for value, i, marker in ((0.73, 0, "o"), (0.76, 1, "^")):
        axes.plot(1 / 12, value, marker, color=SERIES[i], markersize=6, markeredgecolor="white")
    axes.annotate("source", (1 / 12, 0.76), xytext=(-4, 8), textcoords="offset points", fontsize=_SMALL)
    axes.axvline(1 / 12, color=MUTED, linewidth=0.8)
    axes.set_xlabel("share of the updates (line: 1/12)")
    axes.set_ylabel("share of what the run uses or gains")
    axes.legend(frameon=False, loc="lower right")


def _intervals(axes: Axes, x: Any, samples: Any, i: int, label: str) -> None:
    """Means with intervals; `samples` has a row of seeds a point."""
    found = [Estimate.of(row) for row in samples]
    mean = np.array([e.mean for e in found])
    ends = np.array([[e.mean - e.low for e in found], [e.high - e.mean for e in found]])
    look = {"color": SERIES[i], "linestyle": DASHES[i], "marker": _MARKERS[i], "markersize": 5}
    axes.errorbar(x, mean, yerr=ends, label=label, linewidth=1.4, elinewidth=1.2, capsize=3, **look)
