"""Theorem VII.3: how fast KL-Cov with a decaying coefficient converges, against the printed O(1/T).

Two arms with rewards (1, 0) from the uniform policy, exact gradients, ``w = z_1 - z_2``. KL-Cov with the current policy
as pi_old adds nothing, whatever its coefficient: plain ascent. With constant steps ``|grad J|^2`` falls like ``1 / (2
T^2)``; with the proof's own steps ``1/t`` like ``1 / (2 log^2 T)``. With pi_old fixed at the uniform policy and
``beta_t = t^(-1/4)``, which tends to zero as the theorem asks, it falls like ``T^(-1/2) / 2``. Proved for constant
steps eta without bias: at most ``2 (J* - J_0) / (eta T)``, here 1/T.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.convergence import gradient_bound, two_armed_ascent, two_armed_squared_gradient
from entropy_theory.figures.style import DASHED, EXACT, MUTED, PAPER, style

Array = np.ndarray[Any, Any]

TITLE = "Theorem VII.3: the rate depends on the steps and on beta"
CAPTION = (
    "Left: the smallest squared gradient so far against the number of exact updates, for two arms. Constant steps beat "
    "the printed rate of one over T; the steps of the paper's proof, falling like one over t, and a coefficient that "
    "vanishes slowly with a fixed old policy both lie above it from T = 25 on. Right: the power of T at which each "
    "falls; the printed rate needs minus one or less."
)
ABOUT = ("theorem-vii.3", "beyond/two-arm-flow")

UPDATES = 1_000_000
ETA = 1.0
"""Step size, and first of the decaying step sizes ``ETA / t``."""
POWER = 0.25
"""``beta_t = t^(-POWER)`` where pi_old is fixed."""


@dataclass(frozen=True)
class Data:
    """The numbers in the picture. All runs start at w = 0, the uniform policy."""

    updates: Array
    """Numbers of updates T: the distinct integers nearest to a geometric grid of 121 points from 1 to UPDATES."""
    constant: Array
    """``min_{0 <= t <= T} |grad J(theta_t)|^2`` at each T, for constant steps ETA, ``|grad J|^2 = 1 / (2 (1 + cosh
    w)^2)`` and ``w_{t+1} = w_t + ETA / (1 + cosh w_t)``."""
    decaying: Array
    """The same for steps ``ETA / t``, t = 1, 2, ..."""
    anchored: Array
    """The same for constant steps ETA and the penalty's gradient ``-beta_t (p - q)``, q = (1/2, 1/2) for good and
    ``beta_t = t^(-POWER)``, t = 1, 2, ...: ``w_{t+1} = w_t + ETA [1 / (1 + cosh w_t) - beta_t tanh(w_t / 2)]``."""
    printed: Array
    """``1 / T``, the printed rate; the proved bound ``2 (J* - J_0) / (ETA T)`` on `constant`, computed as that."""
    power: Array
    """Local powers of T, (3, len(updates)): `numpy.gradient` of the log of the minimum with respect to log T, in the
    order constant, decaying, anchored."""
    limit: Array
    """Powers of T of what the three tend to, ``1 / (2 T^2)``, ``1 / (2 log^2 T)`` and ``T^(-1/2) / 2``: -2, ``-2 / log
    T`` and -1/2, (3, len(updates)); the second is -inf at T = 1."""


def data() -> Data:
    """Compute the picture's numbers."""
    updates = np.unique(np.rint(np.geomspace(1, UPDATES, 121)).astype(int))
    steps = np.arange(1, UPDATES + 1)
    runs = (
        two_armed_ascent(0.0, np.full(UPDATES, ETA)),
        two_armed_ascent(0.0, ETA / steps),
        two_armed_ascent(0.0, np.full(UPDATES, ETA), steps**-POWER),
    )
    least = [np.minimum.accumulate(two_armed_squared_gradient(w))[updates] for w in runs]
    with np.errstate(divide="ignore"):
        slow = -2 / np.log(updates)
    return Data(
        updates=updates,
        constant=least[0],
        decaying=least[1],
        anchored=least[2],
        printed=gradient_bound(0.5, ETA, np.zeros(UPDATES))[updates - 1],
        power=np.stack([np.gradient(np.log(x), np.log(updates)) for x in least]),
        limit=np.stack([np.full(len(updates), -2.0), slow, np.full(len(updates), -2 * POWER)]),
    )


_LOOKS: tuple[dict[str, Any], ...] = (
    {"linestyle": "-", "color": EXACT},
    {"linestyle": (0, (6, 1.5, 1.5, 1.5)), "color": EXACT},
    {"linestyle": (0, (2, 1)), "color": EXACT},
)


def draw(data: Data) -> Figure:
    """Draw the picture: the smallest squared gradient on the left, the power of T at which it falls on the right."""
    with style():
        figure = Figure(figsize=(9, 4.2), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07, wspace=0.03))
        left, right = figure.subplots(1, 2)
        _draw_gradient(left, data)
        _draw_power(right, data)
        return figure


def _updates_axis(axes: Axes, first: int) -> None:
    axes.set_xscale("log")
    axes.set_xlim(first, UPDATES)
    axes.set_xticks(10.0 ** np.arange(np.log10(first), 7))
    axes.minorticks_off()
    axes.set_xlabel("updates T")


def _draw_gradient(axes: Axes, data: Data) -> None:
    axes.set_title("One of three runs keeps\nthe printed rate O(1/T)")
    axes.plot(data.updates, data.printed, color=PAPER, linestyle=DASHED)
    for values, look in zip((data.constant, data.decaying, data.anchored), _LOOKS, strict=True):
        axes.plot(data.updates, values, **look)
    axes.set_yscale("log")
    axes.set_ylim(1e-13, 30)
    axes.set_yticks(10.0 ** np.arange(-12, 1, 3))
    _updates_axis(axes, first=1)
    labels = (
        (data.decaying[-1], "bottom", EXACT, "steps 1/t"),
        (1.5 * data.anchored[-1], "top", EXACT, "$\\beta_t = t^{-1/4}$, old\npolicy fixed"),
        (data.printed[-1], "center", PAPER, "C/T, printed;\nproved for\nconstant steps"),
        (data.constant[-1], "center", EXACT, "constant steps"),
    )
    for height, side, colour, words in labels:
        axes.text(1.3 * UPDATES, height, words, color=colour, va=side)
    axes.set_ylabel(r"smallest $\|\nabla J\|^2$ of T updates")


def _draw_power(axes: Axes, data: Data) -> None:
    axes.set_title("The others fall at powers of T\nthat stay far from −1")
    axes.axhspan(-2.4, -1, color=PAPER, alpha=0.08, linewidth=0)
    axes.axhline(-1, color=PAPER, linestyle=DASHED)
    late = data.updates >= 1000
    axes.plot(data.updates[late], data.limit[:, late].T, color=MUTED, linewidth=1)
    for values, look in zip(data.power, _LOOKS, strict=True):
        axes.plot(data.updates, values, **look)
    axes.set_ylim(-2.4, 0.1)
    axes.set_yticks(np.arange(-2, 0.1, 0.5))
    _updates_axis(axes, first=10)
    axes.text(8e5, -0.09, "steps 1/t: tends to 0", color=EXACT, ha="right")
    axes.text(8e5, -0.7, f"$\\beta_t = t^{{-1/4}}$: tends to −{-data.limit[2, -1]:g}", color=EXACT, ha="right")
    axes.text(8e5, -1.9, f"constant steps: tends to −{-data.limit[0, -1]:g}", color=EXACT, ha="right")
    axes.text(13, -0.88, "thin: −2 / log T and −1/2", color=MUTED, fontsize=8.5)
    axes.text(8e5, -1.15, "O(1/T), printed: −1 or less", color=PAPER, ha="right", va="center")
    axes.set_ylabel("local power of T")
