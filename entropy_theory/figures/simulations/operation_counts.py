"""Proposition VII.1: operations against the vocabulary and the number of tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.figures.simulations.parts import DASHES, SERIES, band
from entropy_theory.figures.style import INK, MUTED, style
from entropy_theory.simulations.result import Result


def draw(result: Result) -> Figure:
    """Left: operations a token against |A|. Middle: operations of a batch against N. Right: comparisons a token."""
    curves = {name: np.array(values, dtype=float) for name, values in result.curves.items()}
    sorting, selecting = curves["covariance"] + curves["sort"], curves["covariance"] + curves["partition"]
    tokens, vocabularies = curves["tokens"], curves["vocabularies"]
    with style():
        figure = Figure(figsize=(9, 3.9), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07, wspace=0.03))
        left, middle, right = figure.subplots(1, 3)
        left.set_title("Operations a token\nagainst the vocabulary")
        _line(left, 0, "o", vocabularies, curves["entropy_by_vocabulary"], "entropies")
        _line(left, 1, "s", vocabularies, sorting[:, -1:] + 0 * vocabularies, "KL-Cov, sorting")
        _line(left, 2, "^", vocabularies, selecting[:, -1:] + 0 * vocabularies, "KL-Cov, partition")
        _line(left, 3, "D", vocabularies, curves["clip_cov"][:, -1:] + 0 * vocabularies, "Clip-Cov, band")
        _slope(left, vocabularies, curves["entropy_by_vocabulary"], r"slope 1")
        left.set_xlabel(r"vocabulary $|A|$")
        left.legend(frameon=False, fontsize=8.5)
        middle.set_title("Operations of a batch\nagainst its tokens")
        _line(middle, 0, "o", tokens, curves["entropy"] * tokens, rf"entropies, $|A|$ = {vocabularies[0]:.0f}")
        _line(middle, 1, "s", tokens, sorting * tokens, "KL-Cov, sorting")
        _line(middle, 2, "^", tokens, selecting * tokens, "KL-Cov, partition")
        _line(middle, 3, "D", tokens, curves["clip_cov"] * tokens, "Clip-Cov, band")
        _slope(middle, tokens, curves["entropy"] * tokens, "slope 1")
        middle.set_xlabel(r"tokens $N$")
        middle.legend(frameon=False, fontsize=8.5)
        right.set_title("Comparisons a token\nto find the top covariances")
        right.plot(tokens, np.log2(tokens), color=INK, linewidth=1, label=r"$\log_2 N$")
        right.plot(tokens, curves["merge_sort"], ":", color=MUTED, linewidth=1.4, label="merge sort at most")
        _line(right, 1, "s", tokens, curves["sort"], "sorting")
        _line(right, 2, "^", tokens, curves["partition"], "partition")
        right.set_xscale("log", base=2)
        right.set_ylim(bottom=0)
        right.set_xlabel(r"tokens $N$")
        right.legend(frameon=False, fontsize=8.5)
        return figure


def _line(axes: Axes, place: int, marker: str, x: Any, samples: Any, label: str) -> None:
    band(axes, x, samples, color=SERIES[place], linestyle=DASHES[place], marker=marker, markersize=4, label=label)


def _slope(axes: Axes, x: Any, samples: Any, label: str) -> None:
    """A line of slope one below the first curve, on two log axes."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    start = samples.mean(0)[0] / 2.5
    axes.plot(x, start * x / x[0], color=MUTED, linewidth=1, label=label)
