"""Beyond the paper: from a comonotone start every exact step majorises, and every entropy falls.

Comonotone: no action that is more probable than another has less reward. Then one exact policy-gradient step of any
size leads to a policy that majorises the old one: for each k the k most probable actions together have at least as much
probability. So Shannon's entropy falls, and with it each Rényi entropy. The same policy with the rewards of its two
best actions exchanged is not comonotone: its curves cross, and the entropy falls, rises and falls again, although
Cov(log p, pA) is positive at the start (Remark IV.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.controls import PolicyGradient
from entropy_theory.convergence import ascend
from entropy_theory.figures.style import DASHED, EXACT, INK, MUTED, style
from entropy_theory.problems import Bandit
from entropy_theory.softmax import entropy, log_softmax, softmax

Array = np.ndarray[Any, Any]

TITLE = "Beyond the paper: ordered like its rewards, a policy only sharpens"
CAPTION = (
    "Left: along exact policy gradient from a policy that is ordered like its rewards, the probability of the k most "
    "probable actions rises for every k, so that every entropy falls. Middle: with the rewards of the two best actions "
    "exchanged, the curves cross. Right: Shannon's entropy, the Rényi entropy of order two and the min-entropy all "
    "fall in the first run; in the second they fall, rise and fall again."
)
ABOUT = ("beyond/majorization", "beyond/comonotone-invariance", "remark-iv.1")

START = (16 / 20, 3 / 20, 1 / 20)
REWARDS = ((1.0, 0.9, 0.0), (0.9, 1.0, 0.0))
"""Comonotone with START, and not."""
ETA = 1.0
UPDATES = 240


@dataclass(frozen=True)
class Data:
    """The numbers in the picture. Two runs: the first with the comonotone rewards, the second with the others."""

    policies: Array
    """Policies along exact ascent ``z' = z + ETA p A`` from START, (2, UPDATES + 1, 3)."""
    snapshots: Array
    """Four numbers of updates: 0; that of the second run's lowest Shannon entropy before its highest; that of its
    highest; and UPDATES."""
    sums: Array
    """Probability of the k most probable actions, k = 0, ..., 3, at each snapshot of each run, (2, 4, 4)."""
    entropies: Array
    """Entropies in nats after each update, (2, 3, UPDATES + 1): Shannon's, Rényi's of order two, ``-log sum p^2``, and
    the min-entropy ``-log max p``."""


def data() -> Data:
    """Compute the picture's numbers."""
    path = ascend(Bandit(np.array(REWARDS)), PolicyGradient(), np.tile(np.log(START), (2, 1)), ETA, UPDATES)
    z = np.swapaxes(path, 0, 1)
    policies = softmax(z)
    shannon = entropy(z)
    highest = int(shannon[1].argmax())
    snapshots = np.array([0, shannon[1, :highest].argmin(), highest, UPDATES])
    ordered = -np.sort(-policies[:, snapshots], axis=-1)
    return Data(
        policies=policies,
        snapshots=snapshots,
        sums=np.concatenate([np.zeros((2, 4, 1)), np.cumsum(ordered, axis=-1)], axis=-1),
        entropies=np.stack([shannon, -np.log((policies**2).sum(-1)), -log_softmax(z).max(-1)], axis=1),
    )


def draw(data: Data) -> Figure:
    """Draw the picture: sums of the largest probabilities of both runs, and their entropies."""
    with style():
        figure = Figure(figsize=(9, 4.2), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.07, wspace=0.03))
        left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.25))
        left.set_title("Ordered like its rewards:\nevery curve above the last")
        _draw_sums(left, data, 0, EXACT)
        left.set_ylabel("probability of the k likeliest actions")
        middle.set_title("Not so ordered:\nthe curves cross")
        _draw_sums(middle, data, 1, INK)
        _draw_entropies(right, data)
        return figure


_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (2, 1)), (0, (6, 1.5, 1.5, 1.5)))
_LINE = 0.031  # height of a label


def _draw_sums(axes: Axes, data: Data, run: int, colour: str) -> None:
    k = np.arange(1, data.sums.shape[-1])
    for row, dash in zip(data.sums[run], _DASHES, strict=True):
        axes.plot(k, row[1:], marker="o", markersize=4, color=colour, linestyle=dash, linewidth=1.5)
    height = -np.inf
    for first, t in sorted(zip(data.sums[run, :, 1], data.snapshots, strict=True)):
        height = max(first, height + _LINE)
        words = "start" if t == 0 else f"after {t}"
        axes.text(0.9, height, words, color=colour, fontsize=8.5, ha="right", va="center")
    p, r = (", ".join(f"{x:g}" for x in values) for values in (START, REWARDS[run]))
    axes.text(3.05, 0.5, f"p = ({p})\nr = ({r})", color=MUTED, fontsize=8.5, ha="right")
    axes.set_xlim(0.1, 3.1)
    axes.set_ylim(0.48, 1.02)
    axes.set_xticks(k)
    axes.set_xlabel("k")


def _draw_entropies(axes: Axes, data: Data) -> None:
    axes.set_title("Entropies of the first (solid)\nand second run (dashed)")
    names, widths = ("Shannon", "Rényi, order 2", "min-entropy"), (2.4, 1.5, 0.8)
    for run, colour, dash in zip(data.entropies, (EXACT, INK), ("-", DASHED), strict=True):
        for values, name, width in zip(run, names, widths, strict=True):
            axes.plot(values, color=colour, linestyle=dash, linewidth=width, label=name)
    handles = axes.get_legend_handles_labels()[0][: len(names)]
    axes.legend(handles=handles, loc="upper right", frameon=False, borderpad=0)
    axes.set_xlim(0, UPDATES)
    axes.set_ylim(0, 0.82)
    axes.set_xlabel("updates")
    axes.set_ylabel("entropy, nats")
