"""Section VIII.B(a): the entropy change of each update against the covariance."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.figures.simulations.parts import band
from entropy_theory.figures.style import DASHED, EXACT, INK, PAPER, style
from entropy_theory.simulations.result import Result


def draw(result: Result) -> Figure:
    """Left: both over the course of training. Right: one against the other, with the slope one that Eq. (8) has."""
    step = np.array(result.curves["step"][0])
    covariance, held, averaged = (np.array(result.curves[k]) for k in ("covariance", "held", "averaged"))
    with style():
        figure = Figure(figsize=(9, 4.0), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07, wspace=0.03))
        left, right = figure.subplots(1, 2)
        left.set_title("Both rise and fall together,\nwhich any slope would do")
        band(left, step, averaged, color=PAPER, label=r"$-\Delta \bar H$, Eq. (4)")
        band(left, step, covariance, color=EXACT, linestyle=DASHED, label="covariance")
        left.set_xlabel("update")
        left.set_ylabel("nats per update")
        left.set_ylim(bottom=min(0, left.get_ylim()[0]))
        left.legend(frameon=False)
        right.set_title("The slope is one with the visitation held,\nnot for the averaged entropy")
        points = {"linestyle": "none", "markersize": 3, "markeredgewidth": 0, "alpha": 0.5, "rasterized": True}
        right.plot(covariance.ravel(), averaged.ravel(), "^", color=PAPER, label="averaged entropy, Eq. (4)", **points)
        right.plot(covariance.ravel(), held.ravel(), "o", color=EXACT, label="states, visitation held", **points)
        ends = np.array([min(0, covariance.min()), covariance.max()])
        right.plot(ends, ends, color=INK, linewidth=1, label="slope 1")
        right.set_xlabel(r"covariance $\sum_s d(s)\,\mathrm{Cov}(\log p, dz)$, nats")
        right.set_ylabel("actual fall of the entropy, nats")
        right.legend(frameon=False)
        return figure
