"""Section VIII.B(b): the tail of the token-wise covariance beside Table 1 of the source."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import NullLocator

from entropy_theory.figures.simulations.parts import DASHES, SERIES, band
from entropy_theory.figures.style import DASHED, EXACT, INK, MUTED, PAPER, style
from entropy_theory.simulations.result import Result


def draw(result: Result) -> Figure:
    """Left: means over top shares of the tokens. Middle: mean over top against the length of the responses. Right:
    share of positive covariance against the share of right responses."""
    with style():
        figure = Figure(figsize=(9, 3.9), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.04))
        left, middle, right = figure.subplots(1, 3, width_ratios=(1.15, 1, 1))
        _tail(left, result)
        _length(middle, result)
        _positive(right, result)
        return figure


def _tail(axes: Axes, result: Result) -> None:
    share = 100 * np.array(result.curves["share"])
    axes.set_title("Mean over the top tokens")
    for i, (name, means) in enumerate(result.curves["tails"].items()):
        values = np.array(means)
        shown = values > 0  # a logarithmic axis; a mean of all tokens may be negative
        axes.plot(share[shown], values[shown], color=SERIES[i], linestyle=DASHES[i], label=f"model, {name}")
    axes.plot(share, result.curves["source"], "D", color=PAPER, markersize=5, label="Table 1 of the source")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("top share of the tokens, %")
    axes.set_ylabel("mean covariance")
    axes.set_xticks(share, [f"{x:g}" if x < 100 else "all" for x in share])
    axes.tick_params(axis="x", labelsize=8)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.legend(frameon=False, fontsize=8.5, loc="lower left", handlelength=2.8)


def _length(axes: Axes, result: Result) -> None:
    length: Any = np.array(result.curves["length"])
    axes.set_title("Mean against length")
    band(axes, length, np.array(result.curves["ratio"]).T, color=EXACT, marker="o", markersize=5, label="model, GRPO")
    source = result.curves["source"]
    axes.axhline(1000 * source[-1] / source[0], color=PAPER, linestyle=DASHED, linewidth=1.4, label="Table 1")
    axes.axhline(1, color=MUTED, linestyle=":", linewidth=1.2, label="a thousandth")
    axes.set_xscale("log")
    axes.set_xticks(length, [str(t) for t in length])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel("tokens of a response, T")
    axes.set_ylabel("1000 × mean of all / top 0.02 %")
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.legend(frameon=False, fontsize=8.5)


def _positive(axes: Axes, result: Result) -> None:
    axes.set_title("Positive covariance")
    accuracy, positive = (np.array(result.curves[name]) for name in ("accuracy", "positive"))
    axes.plot(accuracy, positive, color=EXACT, marker="o", markersize=5, label="model, GRPO")
    axes.axhline(0.68, color=PAPER, linestyle=DASHED, linewidth=1.4, label="the paper: 68 %")
    axes.axhline(0.5, color=INK, linestyle=":", linewidth=1)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("share of right responses")
    axes.set_ylabel("share of the tokens")
    axes.legend(frameon=False, fontsize=8.5, loc="upper left")
