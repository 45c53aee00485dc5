"""Theorem V.1, Eq. (14): the effect of the entropy bonus on the entropy, as printed and exactly.

Under entropy regularisation the bonus changes the entropy by ``alpha eta K`` to first order, with ``K = sum_a p_a^2
(log p_a + H)^2 = ||grad H||^2``; Eq. (14) has ``Var(log p)`` in the place of K. Proved: ``K <= Var / 2`` and ``K <= 2
(1 - max p) Var``, so that ``K / Var`` tends to 0 as the policy becomes deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from scipy.optimize import minimize_scalar

from entropy_theory.figures.style import DASHED, EXACT, INK, MUTED, PAPER, style
from entropy_theory.softmax import entropy_gradient, softmax, varentropy

Array = np.ndarray[Any, Any]

TITLE = "Theorem V.1: what an entropy bonus adds to the entropy"
CAPTION = (
    "Left, two actions: the printed gain Var(log p) of Eq. (14) rises to a peak and falls again as the policy becomes "
    "deterministic, and the exact gain K, the squared norm of the entropy's gradient, is at most half of it. Right, "
    "random policies of 2 to 6 actions: K / Var is at most 1/2 and at most 2 (1 - max p), so Eq. (14) is most wrong "
    "where the entropy has collapsed."
)
ABOUT = ("theorem-v.1/eq-14", "theorem-v.1/variance-grows", "beyond/spectral-gap")

SMALLEST_GAP = 1e-4
"""Smallest value of ``1 - max p`` that is shown."""
EXAMPLE_GAP = 0.01
"""Value of ``1 - max p`` where the picture says how many times K goes into Var."""
ACTIONS = (2, 3, 4, 5, 6)
POLICIES = 500
"""Number of random policies for each number of actions."""
SEED = 14


@dataclass(frozen=True)
class Data:
    """The numbers in the picture."""

    gap: Array
    """``1 - p_1`` for two actions, from 1/2 down."""
    printed: Array
    """``Var(log p)`` at each `gap`."""
    exact: Array
    """``K`` at each `gap`."""
    peak_gap: float
    """The value of ``1 - p_1`` where Var is largest."""
    peak: float
    """The largest value of Var for two actions."""
    example: tuple[float, float]
    """Var and K for two actions at `EXAMPLE_GAP`."""
    logits: tuple[Array, ...]
    """Random policies, an array (policies, actions) for each number of actions."""
    random_gap: Array
    """``1 - max p`` of each random policy, in the order of `logits`."""
    ratio: Array
    """``K / Var`` of each random policy, in the order of `logits`."""


def data() -> Data:
    """Compute the picture's numbers."""
    gap = np.geomspace(0.5, SMALLEST_GAP, 400)
    two, example = _two_actions(gap), _two_actions(np.array(EXAMPLE_GAP))
    peak = minimize_scalar(
        lambda odds: -float(varentropy([odds, 0.0])), bounds=(1.0, 5.0), method="bounded", options={"xatol": 1e-9}
    )
    rng = np.random.default_rng(SEED)
    logits = tuple(_random_logits(rng, actions) for actions in ACTIONS)
    return Data(
        gap=gap,
        printed=varentropy(two),
        exact=_squared_gradient(two),
        peak_gap=float(softmax([peak.x, 0.0])[1]),
        peak=-float(peak.fun),
        example=(float(varentropy(example)), float(_squared_gradient(example))),
        logits=logits,
        random_gap=np.concatenate([_gap(z) for z in logits]),
        ratio=np.concatenate([_squared_gradient(z) / varentropy(z) for z in logits]),
    )


def _two_actions(gap: Array) -> Array:
    """Logits of the policies ``(1 - gap, gap)``."""
    return np.stack([np.log1p(-gap) - np.log(gap), np.zeros_like(gap)], axis=-1)


def _random_logits(rng: np.random.Generator, actions: int) -> Array:
    """Gaussian logits of random scale, but for the first: its probability is spread evenly on the picture's axis."""
    others = rng.uniform(0, 3, size=(POLICIES, 1)) * rng.normal(size=(POLICIES, actions - 1))
    gap = np.exp(rng.uniform(np.log(SMALLEST_GAP), np.log(0.9), size=(POLICIES, 1)))
    first = np.log1p(-gap) - np.log(gap) + np.log(np.exp(others).sum(-1, keepdims=True))
    return np.concatenate([first, others], axis=-1)


def _gap(z: Array) -> Array:
    """``1 - max p``, as the sum of the other probabilities."""
    return np.asarray(np.sort(softmax(z), axis=-1)[..., :-1].sum(-1))


def _squared_gradient(z: Array) -> Array:
    return np.asarray((entropy_gradient(z) ** 2).sum(-1))


def draw(data: Data) -> Figure:
    """Draw the picture: both terms for two actions on the left, their ratio for random policies on the right."""
    with style():
        figure = Figure(figsize=(9, 4.2), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07, wspace=0.03))
        left, right = figure.subplots(1, 2)
        _draw_terms(left, data)
        _draw_ratio(right, data)
        return figure


def _determinism_axis(axes: Axes, largest_gap: float, label: str) -> None:
    """A horizontal axis that is logarithmic in the gap, grows towards determinism and is labelled with p."""
    axes.set_xscale("log")
    axes.set_xlim(largest_gap, SMALLEST_GAP)
    gaps = [0.5, 0.1, 0.01, 0.001, 0.0001]
    axes.set_xticks(gaps, [f"{1 - gap:.4g}" for gap in gaps])
    axes.tick_params(axis="x", which="minor", bottom=False)
    axes.set_xlabel(label)


def _factor(axes: Axes, low: float, high: float) -> None:
    """A double arrow at `EXAMPLE_GAP` from `low` to `high`."""
    arrow = {"arrowstyle": "<->", "color": MUTED, "linewidth": 1, "shrinkA": 2, "shrinkB": 2}
    axes.annotate("", (EXAMPLE_GAP, high), xytext=(EXAMPLE_GAP, low), arrowprops=arrow)


def _draw_terms(axes: Axes, data: Data) -> None:
    axes.set_title("Var rises, then falls;\nthe exact K is at most half of it")
    axes.plot(data.gap, data.printed, color=PAPER, linestyle=DASHED)
    axes.plot(data.gap, data.exact, color=EXACT)
    axes.plot(data.peak_gap, data.peak, "o", color=PAPER, markersize=5.5)
    axes.annotate(
        f"peak {data.peak:.5f} at $p_1$ = {1 - data.peak_gap:.5f}",
        (data.peak_gap, data.peak),
        xytext=(0, 9),
        textcoords="offset points",
        color=MUTED,
        fontsize=8.5,
    )
    axes.text(
        0.0066,
        0.315,
        "Var(log p),\nprinted in Eq. (14);\nthe text expects it\nto keep growing",
        color=PAPER,
        va="center",
    )
    axes.text(0.07, 0.083, "exact\n$K = \\|\\nabla H\\|^2$", color=EXACT)
    printed, exact = data.example
    _factor(axes, exact, printed)
    axes.text(
        0.0113,
        0.175,
        f"at {1 - EXAMPLE_GAP:g}, Var is\n{printed / exact:.0f} times K",
        color=MUTED,
        fontsize=8.5,
        ha="right",
        va="center",
    )
    axes.set_ylim(0, 0.5)
    axes.set_ylabel(r"entropy gain from the bonus, in units of $\alpha\eta$")
    _determinism_axis(axes, 0.5, "probability $p_1$ of the likelier of two actions")


def _draw_ratio(axes: Axes, data: Data) -> None:
    axes.set_title("Nearer to determinism, K is\nan ever smaller part of Var")
    axes.plot(
        data.random_gap, data.ratio, "o", color=EXACT, alpha=0.4, markersize=1.9, markeredgewidth=0, rasterized=True
    )
    gap = np.array([0.9, 0.25, SMALLEST_GAP])
    axes.plot(gap, np.minimum(0.5, 2 * gap), color=INK, linewidth=1.3)
    axes.axhline(1, color=PAPER, linestyle=DASHED)
    axes.text(0.8, 1.3, "K = Var: here Eq. (14) would be accurate", color=PAPER)
    axes.text(0.2, 0.7, "proved: ≤ 1/2", color=INK, fontsize=8.5, va="center")
    axes.text(0.0012, 0.0042, "proved:\n≤ 2 (1 − max p)", color=INK, fontsize=8.5)
    axes.text(0.045, 0.005, "each dot is a\nrandom policy", color=EXACT, ha="right")
    bound = 2 * EXAMPLE_GAP
    _factor(axes, bound, 1)
    axes.text(
        0.0088,
        0.14,
        f"at {1 - EXAMPLE_GAP:g}, Var is\nat least {1 / bound:.0f} times K",
        color=MUTED,
        fontsize=8.5,
        va="center",
    )
    axes.set_yscale("log")
    axes.set_ylim(SMALLEST_GAP, 2.5)
    ticks = [1, 0.1, 0.01, 0.001, 0.0001]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.tick_params(axis="y", which="minor", left=False)
    axes.set_ylabel("K / Var")
    _determinism_axis(axes, 0.9, "max p, for 2 to 6 actions")
