"""Lemma IV.2, Eq. (8): the first-order entropy change, the exact one, and how the difference falls with the step.

``H(z + D) - H(z) = -Cov_p(log p, D) + o(||D||)``. Proved: the remainder is at most ``c osc(D)^2``, with ``c = 1/8 +
log(n - 1) / (12 sqrt 3)`` for n actions and ``osc = max - min``. So it falls like the square of the step. The
difference of two entropies in double precision cannot show this for small steps: rounding, some 1e-16, swamps it;
`entropy_change` takes no such difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.claims._shared import osc
from entropy_theory.claims.beyond_remainder_bound import _factor
from entropy_theory.figures.style import DASHED, EXACT, INK, MUTED, PAPER, SKY, style
from entropy_theory.softmax import entropy, entropy_change, first_order_entropy_change

Array = np.ndarray[Any, Any]

TITLE = "Lemma IV.2: the first-order entropy change against the exact one"
CAPTION = (
    "Left: for random policies of four actions the exact entropy change of a step against the first-order change of "
    "Eq. (8), both per unit of the step; small steps lie on the line of equality, large ones leave it, within the "
    "band that is proved for them. Right: the remainder falls with slope two on logarithmic axes, below the proved "
    "bound, while a plain difference of two entropies drowns in rounding."
)
ABOUT = ("lemma-iv.2", "beyond/remainder-bound")

ACTIONS = 4
POLICIES = 150
"""Number of random policies, each with a random direction."""
STEPS = (2.0, 0.5, 0.05)
"""Step sizes of the scatter."""
CURVES = 12
"""How many of the policies have their remainder drawn against the step."""
SEED = 8


@dataclass(frozen=True)
class Data:
    """The numbers in the picture."""

    logits: Array
    """Random logits z, (POLICIES, ACTIONS): with ``rng = default_rng(SEED)`` standard normal entries, each row times a
    factor that is uniform on [0, 3] (drawn first, shape (POLICIES, 1))."""
    direction: Array
    """Random directions D, (POLICIES, ACTIONS), drawn after the logits: standard normal rows, divided by max - min, so
    that ``osc(D) = 1``."""
    predicted: Array
    """``-Cov_p(log p, D)``, Eq. (8) per unit of the step, (POLICIES,), in nats."""
    exact: Array
    """``[H(z + t D) - H(z)] / t`` for each t of STEPS, (len(STEPS), POLICIES), in nats."""
    constant: float
    """``c = 1/8 + log(ACTIONS - 1) / (12 sqrt 3)``: the remainder of a step t D is at most ``c t^2``."""
    step: Array
    """Step sizes t of the right panel, geometric from 1e-12 to 10, ten a decade, (131,)."""
    remainder: Array
    """``|H(z + t D) - H(z) + t Cov_p(log p, D)|`` for the first CURVES policies, (CURVES, 131), by `entropy_change`.
    Its error is at most of the order of 1e-16 t: relative to the remainder, some 1e-14 / t or less away from its
    zeros."""
    bound: Array
    """``c t^2`` at each `step`, (131,)."""
    plain: Array
    """The remainder of the first policy as the plain difference ``|entropy(z + t D) - entropy(z) + t Cov|`` in double
    precision, (131,)."""
    lost: float
    """The largest `step` at which `plain` differs from `remainder[0]` by more than a tenth of it."""
    order: Array
    """Slope of log remainder against log step for each curve, by least squares over 1e-9 <= t <= 1e-3, (CURVES,)."""


def data() -> Data:
    """Compute the picture's numbers."""
    rng = np.random.default_rng(SEED)
    z = rng.uniform(0, 3, size=(POLICIES, 1)) * rng.normal(size=(POLICIES, ACTIONS))
    direction = rng.normal(size=(POLICIES, ACTIONS))
    direction = direction / osc(direction)[:, None]
    predicted = first_order_entropy_change(z, direction)
    sizes = np.array(STEPS)[:, None]
    constant = float(_factor(ACTIONS, np.array(1 / 8), 12))
    step = np.geomspace(1e-12, 10, 131)
    few, along, slope = z[:CURVES, None], step[:, None] * direction[:CURVES, None], step * predicted[:CURVES, None]
    remainder = abs(entropy_change(few, along) - slope)
    plain = abs(entropy(few[0] + along[0]) - entropy(few[0]) - slope[0])
    fitted = (step >= 1e-9) & (step <= 1e-3)
    return Data(
        logits=z,
        direction=direction,
        predicted=predicted,
        exact=entropy_change(z, sizes[..., None] * direction) / sizes,
        constant=constant,
        step=step,
        remainder=remainder,
        bound=constant * step**2,
        plain=plain,
        lost=float(step[abs(plain - remainder[0]) > 0.1 * remainder[0]].max()),
        order=np.polyfit(np.log(step[fitted]), np.log(remainder[:, fitted].T), 1)[0],
    )


def draw(data: Data) -> Figure:
    """Draw the picture: exact against first-order change on the left, the remainder against the step on the right."""
    with style():
        figure = Figure(figsize=(9, 4.2), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07, wspace=0.03))
        left, right = figure.subplots(1, 2)
        _draw_changes(left, data)
        _draw_remainder(right, data)
        return figure


def _draw_changes(axes: Axes, data: Data) -> None:
    axes.set_title("Eq. (8) is right for small steps,\nand rough for large ones")
    end = 1.1 * float(np.abs(data.predicted).max())
    line = np.array([-end, end])
    largest = STEPS[0] * data.constant
    axes.fill_between(line, line - largest, line + largest, color=MUTED, alpha=0.1, linewidth=0)
    axes.plot(line, line, color=PAPER, linestyle=DASHED, linewidth=1.5)
    looks: tuple[dict[str, Any], ...] = (
        {"marker": "^", "color": INK, "markersize": 4, "fillstyle": "none", "markeredgewidth": 0.8},
        {"marker": "s", "color": SKY, "markersize": 3},
        {"marker": "o", "color": EXACT, "markersize": 2.6},
    )
    for size, exact, look in zip(STEPS, data.exact, looks, strict=True):
        axes.plot(data.predicted, exact, linestyle="none", label=f"step {size:g}", **look)
    axes.set_xlim(-end, end)
    axes.set_ylim(-end - largest, end + largest)
    axes.legend(loc="upper left", frameon=False, handletextpad=0.2, borderpad=0, labelspacing=0.3)
    axes.text(0.95 * end, 1.12 * end, "exact = Eq. (8)", color=PAPER, ha="right")
    axes.text(
        0.95 * end, -end - 0.8 * largest, f"band: proved\nfor step {STEPS[0]:g}", color=MUTED, fontsize=8.5, ha="right"
    )
    axes.set_xlabel(r"first order, $-\mathrm{Cov}(\log p, \Delta z)$, per unit of step")
    axes.set_ylabel("exact entropy change, per unit of step")


def _draw_remainder(axes: Axes, data: Data) -> None:
    axes.set_title("The remainder falls with the square\nof the step, below its bound")
    axes.plot(data.step, data.step, color=PAPER, linestyle=DASHED, linewidth=1.5)
    shown = data.plain > 0  # a difference that rounds to zero has no place on the axis
    axes.plot(data.step[shown], data.plain[shown], "x", color=MUTED, markersize=3, markeredgewidth=0.8)
    axes.plot(data.step, data.remainder.T, color=EXACT, linewidth=0.8, alpha=0.7)
    axes.plot(data.step, data.bound, color=INK, linewidth=1.5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(data.step[0], data.step[-1])
    axes.set_ylim(1e-26, 1e2)
    axes.set_xticks(10.0 ** np.arange(-12, 2, 3))
    axes.set_yticks(10.0 ** np.arange(-25, 1, 5))
    axes.minorticks_off()
    axes.text(2e-12, 1e-6, "slope 1: by Eq. (8) the\nremainder falls faster", color=PAPER)
    axes.text(2e-12, 4e-15, f"proved: ≤ {data.constant:.3f} step²", color=INK, fontsize=8.5)
    axes.text(1e-6, 1e-18, f"exact, {CURVES} policies:\nslope {data.order.mean():.3f}", color=EXACT)
    plain = f"× plain difference of entropies:\nrounding, from a step of $10^{{{np.log10(data.lost):.1f}}}$ down"
    axes.text(3e-9, 1e-24, plain, color=MUTED, fontsize=8.5)
    axes.set_xlabel(r"step, $\max\Delta z - \min\Delta z$")
    axes.set_ylabel("remainder of Eq. (8), nats")
