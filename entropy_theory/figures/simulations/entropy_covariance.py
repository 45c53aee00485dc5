"""Section VIII.B(a): the entropy change of each update against the covariance."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import NullLocator

from entropy_theory.figures.simulations.parts import DASHES, SERIES, band
from entropy_theory.figures.style import DASHED, EXACT, INK, MUTED, PAPER, style
from entropy_theory.simulations.result import Result

_THOUSAND = 1e3


def draw(result: Result) -> Figure:
    """Left: the fall of the entropy and two covariances in training. Middle: fall against covariance, with the slope
    one of Eq. (8). Right: correlation and slope as the step size grows."""
    with style():
        figure = Figure(figsize=(9, 3.9), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.04))
        left, middle, right = figure.subplots(1, 3, width_ratios=(1.1, 1.1, 0.9))
        _training(left, result)
        _scatter(middle, result)
        _step_sizes(right, result)
        return figure


def _training(axes, result: Result) -> None:  # type: ignore[no-untyped-def]
    step = np.array(result.curves["step"])
    axes.set_title("In training")
    lines = (
        ("averaged", PAPER, "-", r"fall of the entropy, Eq. (4)"),
        ("covariance", EXACT, DASHED, "covariance of tokens, Eq. (8)"),
        ("response", SERIES[2], DASHES[2], "covariance of sampled\nresponses"),
    )
    for name, color, dash, label in lines:
        values = _THOUSAND * np.array(result.curves[name])
        band(axes, step, values, color=color, linestyle=dash, label=label)
    axes.set_xlabel("update")
    axes.set_ylabel("nats per 1000 updates")
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]), top=1.45 * axes.get_ylim()[1])
    axes.legend(frameon=False, loc="upper left", fontsize=8.5, handlelength=2.4, borderaxespad=0.1)


def _scatter(axes, result: Result) -> None:  # type: ignore[no-untyped-def]
    covariance, held, averaged = (
        _THOUSAND * np.array(result.curves[k]).ravel() for k in ("covariance", "held", "averaged")
    )
    axes.set_title("Fall against covariance")
    points = {"linestyle": "none", "markersize": 3, "markeredgewidth": 0, "alpha": 0.5, "rasterized": True}
    axes.plot(covariance, averaged, "^", color=PAPER, label="Eq. (4)", **points)
    axes.plot(covariance, held, "o", color=EXACT, label="visitation held", **points)
    ends = np.array([min(0, covariance.min()), covariance.max()])
    axes.plot(ends, ends, color=INK, linewidth=1, label="slope 1")
    axes.set_xlabel(r"covariance of tokens, 10$^{-3}$ nats")
    axes.set_ylabel(r"fall of the entropy, 10$^{-3}$ nats")
    axes.legend(frameon=False, loc="upper left", fontsize=8.5, markerscale=1.6, borderaxespad=0.1)


def _step_sizes(axes, result: Result) -> None:  # type: ignore[no-untyped-def]
    factor = np.array(result.curves["factor"])
    axes.set_title("Larger steps")
    for name, color, dash, marker, label in (
        ("pearson", SERIES[3], DASHES[3], "s", "Pearson"),
        ("slope", EXACT, "-", "o", "slope"),
    ):
        samples = np.array(result.curves[f"{name}_by_factor"]).T
        band(axes, factor, samples, color=color, linestyle=dash, marker=marker, markersize=5, label=label)
    axes.axhline(0.92, color=MUTED, linewidth=0.9, linestyle=":")
    axes.annotate("0.92", (1, 0.92), xytext=(-2, -3), textcoords="offset points", va="top", color=MUTED, fontsize=8.5)
    axes.set_xscale("log")
    axes.set_xticks(factor, [str(f) for f in factor])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(top=1.04)
    axes.set_xlabel("step size, multiples")
    axes.set_ylabel("visitation held")
    axes.legend(frameon=False, loc="lower left", fontsize=8.5)
