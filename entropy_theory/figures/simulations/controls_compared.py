"""Section VIII.B(c): entropy and final reward under each control, on both trees."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import NullFormatter

from entropy_theory.figures.simulations.parts import DASHES, SERIES
from entropy_theory.figures.style import INK, MUTED, style
from entropy_theory.simulations.controls_compared import (
    ANNEALED,
    BONUSES,
    CLIP_COV,
    CLIP_COV_MORE,
    HIGHER,
    KL_COV,
    KL_COV_MORE,
    NONE,
    PPO,
)
from entropy_theory.simulations.result import Estimate, Result

_LINES = {
    NONE: (INK, "-"),
    PPO: (SERIES[4], DASHES[4]),
    BONUSES[-2]: (SERIES[1], DASHES[1]),
    CLIP_COV_MORE: (SERIES[2], DASHES[2]),
    KL_COV_MORE: (SERIES[0], DASHES[5]),
    ANNEALED: (SERIES[3], DASHES[3]),
}
_MARKS = {
    **dict.fromkeys((PPO, HIGHER), (SERIES[4], "v")),
    **dict.fromkeys(BONUSES, (SERIES[1], "o")),
    **dict.fromkeys((CLIP_COV, CLIP_COV_MORE), (SERIES[2], "s")),
    **dict.fromkeys((KL_COV, KL_COV_MORE), (SERIES[0], "D")),
    ANNEALED: (SERIES[3], "P"),
}
_WORDS = {CLIP_COV: "Clip-Cov r = 0.0002", KL_COV: "KL-Cov k = 0.002"}
_LOWEST = -0.12
"""Smallest gain that is shown in its place; what is below is written at the edge."""


def draw(result: Result) -> Figure:
    """A row for each tree. Left: entropy along the run. Right: final reward of each control against none."""
    with style():
        figure = Figure(figsize=(9, 7.6), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07, wspace=0.02))
        for (left, right), tree in zip(figure.subplots(2, 2), result.curves["trees"], strict=True):
            _training(left, result, tree)
            _gains(right, result, tree)
        figure.legend(
            *left.get_legend_handles_labels(),
            loc="outside lower center",
            ncols=3,
            frameon=False,
            handlelength=2.9,
            fontsize=8.5,
        )
        return figure


def _training(axes: Axes, result: Result, tree: str) -> None:
    step, entropy = np.array(result.curves["step"]), result.curves["entropy"][tree]
    axes.set_title(f"Tree: {tree}. Entropy")
    for label, (color, dash) in _LINES.items():
        axes.plot(step, entropy[label], color=color, linestyle=dash, label=label)
    none = np.array(entropy[NONE])
    axes.plot(step, 10 * none, color=MUTED, linewidth=0.9, linestyle=":")
    i = int(np.flatnonzero(10 * none < none[0]).min(initial=len(none) - 1))
    axes.annotate("10 times none", (step[i], 10 * none[i]), (6, 2), textcoords="offset points", color=MUTED, fontsize=8)
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(top=1.6 * none[0])
    axes.set_xticks(step)
    axes.set_xlabel("update")
    axes.set_ylabel("mean entropy, nats")


def _gains(axes: Axes, result: Result, tree: str) -> None:
    last = {label: np.array(values) for label, values in result.curves["last_reward"][tree].items()}
    axes.set_title("Final reward against none")
    labels = list(_MARKS)
    for height, label in enumerate(reversed(labels)):
        gain, (color, marker) = Estimate.of(last[label] - last[NONE]), _MARKS[label]
        if gain.mean < _LOWEST:
            axes.annotate(f"\N{LEFTWARDS ARROW} {gain.mean:.2f}", (_LOWEST, height), color=color, va="center")
            continue
        ends = [[gain.mean - gain.low], [gain.high - gain.mean]]
        axes.errorbar(gain.mean, height, xerr=ends, color=color, marker=marker, markersize=6, elinewidth=1.6)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_yticks(range(len(labels)), [_WORDS.get(label, label) for label in reversed(labels)])
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=_LOWEST)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel("difference of J, mean and 95 % interval")
