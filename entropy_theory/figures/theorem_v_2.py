"""Theorem V.2, Eq. (16): what an entropy bonus costs at its optimum, against what is printed.

The regularised optimum of a bandit is ``softmax(r / alpha)``. Exactly, its gap to the best reward is ``alpha [H_reg -
H* - KL(pi* || pi_reg)]``, so that ``alpha (H_reg - H*)``, which Eq. (16) prints as a lower bound, is an upper one, and
``alpha log(n / m)`` another, m of the n actions being optimal. With one good action among many, V, the gap switches
from nearly nothing to nearly all at ``alpha = Delta / log(V - 1)``, where it is half of the difference Delta of the
rewards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.claims.theorem_v_2 import _divergence, _entropy_gain, _gap, _log_bound
from entropy_theory.figures.style import DASHED, EXACT, INK, MUTED, PAPER, style
from entropy_theory.softmax import softmax

Array = np.ndarray[Any, Any]

TITLE = "Theorem V.2: what an entropy bonus costs"
CAPTION = (
    "Left: for two actions with rewards one and zero, the reward that the regularised optimum gives up, against the "
    "bonus coefficient alpha. The expression that Eq. (16) prints as a lower bound lies above it everywhere, by alpha "
    "times a divergence; it is an upper bound. Right: with one good action among many the loss switches on around "
    "alpha = 1 / log(V - 1), a smaller coefficient and a sharper switch for every larger vocabulary V."
)
ABOUT = ("theorem-v.2", "corollary-v.1", "beyond/soft-path")

REWARD = (1.0, 0.0)
LARGEST_ALPHA = 1.5
EXAMPLE_ALPHA = 1.0
"""Coefficient at which the picture names both values."""
VOCABULARY = (10, 1_000, 100_000)
"""Numbers of actions V of the right panel: one with reward 1, the others with reward 0."""


@dataclass(frozen=True)
class Data:
    """The numbers in the picture. ``pi_reg = softmax(r / alpha)``; pi* is uniform on the optimal actions."""

    alpha: Array
    """Coefficients of the left panel: 300 numbers, evenly from LARGEST_ALPHA / 300 to LARGEST_ALPHA."""
    gap: Array
    """``max r - E_reg r`` for rewards REWARD at each `alpha`, in units of reward."""
    printed: Array
    """``alpha (H(pi_reg) - H(pi*))``, the lower bound that Eq. (16) prints, at each `alpha`."""
    identity: Array
    """``alpha [H(pi_reg) - H(pi*) - KL(pi* || pi_reg)]``, which is the gap, computed from the entropies and the
    divergence at each `alpha`."""
    log_bound: Array
    """``alpha log(n / m)`` with n = 2 actions, m = 1 optimal, at each `alpha`."""
    example: tuple[float, float]
    """`gap` and `printed` at EXAMPLE_ALPHA."""
    many_alpha: Array
    """Coefficients of the right panel: 300 numbers, geometric from 0.02 to 3."""
    many_gap: Array
    """``max r - E_reg r`` for each V of VOCABULARY and each `many_alpha`, (len(VOCABULARY), 300): one action of reward
    1 and V - 1 of reward 0. It is ``(V - 1) / (V - 1 + exp(1 / alpha))``."""
    switch: Array
    """``1 / log(V - 1)`` for each V, where the gap is one half, (len(VOCABULARY),)."""


def data() -> Data:
    """Compute the picture's numbers."""
    alpha = LARGEST_ALPHA * np.arange(1, 301) / 300
    many_alpha, vocabulary = np.geomspace(0.02, 3, 300), np.array(VOCABULARY)
    r, one = np.tile(REWARD, (len(alpha), 1)), np.array(EXAMPLE_ALPHA)
    printed = _entropy_gain(r, alpha, np.ones_like(r))
    return Data(
        alpha=alpha,
        gap=_gap(r, alpha),
        printed=printed,
        identity=printed - alpha * _divergence(r, alpha, np.ones_like(r)),
        log_bound=_log_bound(r, alpha),
        example=(float(_gap(r[0], one)), float(_entropy_gain(r[0], one, np.ones_like(r[0])))),
        many_alpha=many_alpha,
        many_gap=_one_good(vocabulary[:, None], many_alpha),
        switch=1 / np.log(vocabulary - 1),
    )


def _one_good(vocabulary: Array, alpha: Array) -> Array:
    """Probability of the bad actions under ``softmax(r / alpha)``; V - 1 equal actions are one of logit log(V - 1)."""
    logits = np.broadcast_arrays(1 / alpha, np.log(vocabulary - 1))
    return softmax(np.stack(logits, axis=-1))[..., 1]


def draw(data: Data) -> Figure:
    """Draw the picture: gap and bounds for two actions on the left, the switch for many actions on the right."""
    with style():
        figure = Figure(figsize=(9, 4.2), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07, wspace=0.03))
        left, right = figure.subplots(1, 2)
        _draw_gap(left, data)
        _draw_switch(right, data)
        return figure


def _draw_gap(axes: Axes, data: Data) -> None:
    axes.set_title("Eq. (16) prints as a lower\nbound what is an upper one")
    axes.plot(data.alpha, data.log_bound, color=INK, linewidth=1.3)
    axes.plot(data.alpha, data.printed, color=PAPER, linestyle=DASHED)
    axes.plot(data.alpha, data.gap, color=EXACT)
    gap, printed = data.example
    arrow = {"arrowstyle": "<->", "color": MUTED, "linewidth": 1, "shrinkA": 3, "shrinkB": 3}
    axes.annotate("", (EXAMPLE_ALPHA, printed), xytext=(EXAMPLE_ALPHA, gap), arrowprops=arrow)
    for value, colour in ((printed, PAPER), (gap, EXACT)):
        axes.plot(EXAMPLE_ALPHA, value, "o", color=colour, markersize=5.5)
        axes.annotate(
            f"{value:.4f}", (EXAMPLE_ALPHA, value), (6, -9), textcoords="offset points", color=colour, va="center"
        )
    kl = "$\\alpha\\,\\mathrm{KL}(\\pi^*\\|\\pi_{reg})$"
    axes.text(1.03 * EXAMPLE_ALPHA, 0.42, kl, color=MUTED, fontsize=8.5, va="center")
    labels = (
        (data.log_bound[-1] - 0.02, "bottom", INK, "proved:\n≤ $\\alpha\\,\\log(n/m)$"),
        (data.printed[-1] + 0.01, "top", PAPER, "printed as a\nlower bound:\n$\\alpha\\,(H_{reg} - H^*)$"),
        (data.gap[-1], "center", EXACT, "exact gap\n$J(\\pi^*) - J(\\pi_{reg})$"),
    )
    for height, side, colour, words in labels:
        axes.text(1.02 * LARGEST_ALPHA, height, words, color=colour, va=side)
    axes.set_xlim(0, LARGEST_ALPHA)
    axes.set_ylim(0, 1.1)
    axes.set_xlabel(r"bonus coefficient $\alpha$, rewards (1, 0)")
    axes.set_ylabel("reward given up")


def _draw_switch(axes: Axes, data: Data) -> None:
    axes.set_title("One good action among V: the loss\nswitches on at $\\alpha$ = 1 / log(V − 1)")
    axes.axhline(0.5, color=MUTED, linewidth=0.8)
    axes.plot(data.many_alpha, data.many_gap.T, color=EXACT)
    places = ((1.15, 0.36, "left"), (1.35, 0.58, "left"), (0.93, 0.58, "right"))
    for vocabulary, alpha, (factor, height, side) in zip(VOCABULARY, data.switch, places, strict=True):
        axes.plot(alpha, 0.5, "o", color=INK, markersize=5.5)
        axes.text(
            factor * alpha, height, f"V = {vocabulary:,}:\n$\\alpha$ = {alpha:.3f}", color=INK, fontsize=8.5, ha=side
        )
    axes.set_xscale("log")
    axes.set_xlim(data.many_alpha[0], data.many_alpha[-1])
    ticks = [0.03, 0.1, 0.3, 1, 3]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.tick_params(axis="x", which="minor", bottom=False)
    axes.set_ylim(0, 1.1)
    axes.set_xlabel(r"bonus coefficient $\alpha$, in units of the reward")
    axes.set_ylabel("share of the reward given up")
