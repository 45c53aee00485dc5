"""Theorem VII.1, Eq. (27): the variance of an update whose entries are masked at random.

Eq. (27) says that masking never raises a variance. Exactly, an entry with mean m and variance s2 that is dropped with
probability rho has the variance ``(1 - rho) s2 + rho (1 - rho) m^2``, which is more than s2 iff ``(1 - rho) m^2 >
s2``. On two actions with rewards (1, 0) one sampled token has the advantage ``A = r - p_1`` and the update ``A (e_a -
p)``; there masking raises the variance in a wide range of policies around the uniform one.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from scipy.optimize import brentq

from entropy_theory.claims._shared import advantage
from entropy_theory.figures.style import DASHED, DIVERGING, EXACT, INK, PAPER, style
from entropy_theory.moments import Moments, entry_masked, token_moments

Array = np.ndarray[Any, Any]

TITLE = "Theorem VII.1: masking tokens can raise the variance"
CAPTION = (
    "Left: the variance of a masked update relative to the unmasked one, against the mask probability. Eq. (27) puts "
    "every curve below one; those with a mean square above the variance start above it. Right: for one sampled token "
    "of two actions with rewards one and zero, what masking adds to the variance. It adds in the hatched region "
    "around the uniform policy, where the unmasked update is the same whichever token is drawn."
)
ABOUT = ("theorem-vii.1", "beyond/random-masking")

RATIOS = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Values of ``m^2 / s2`` of the left panel."""
REWARD = (1.0, 0.0)
EXAMPLE = (0.5, 0.5)
"""``p_1`` and rho of the example."""


@dataclass(frozen=True)
class Data:
    """The numbers in the picture."""

    rho: Array
    """Mask probabilities, 0 to 1 in steps of 1/100, (101,)."""
    relative: Array
    """``Var / s2 = (1 - rho) + rho (1 - rho) k`` for each k of RATIOS and each `rho`, (len(RATIOS), 101)."""
    crossing: Array
    """``1 - 1 / k`` for each k of RATIOS with k > 1: the `rho` from which on masking lowers the variance."""
    probability: Array
    """Probability ``p_1`` of the rewarded action, 1/200 to 199/200 in steps of 1/200, (199,)."""
    mean: Array
    """``m = p_1 p_2`` at each `probability`: mean of the first entry of the unmasked update, at step size one."""
    variance: Array
    """``s2 = p_1 p_2 (p_1 - p_2)^2`` at each `probability`: variance of that entry."""
    excess: Array
    """``Var - s2 = rho (1 - rho) m^2 - rho s2`` at each `rho` and `probability`, (101, 199); row rho, column p_1."""
    boundary: Array
    """``1 - s2 / m^2`` at each `probability`: masking raises the variance for 0 < rho below it; negative where it
    never does."""
    edges: tuple[float, float]
    """The two values of ``p_1`` at which ``m^2 = s2``, ``(1 -+ 1 / sqrt 5) / 2``: between them masking with a small
    probability raises the variance."""
    example: tuple[float, float]
    """Variance of the entry unmasked and masked at EXAMPLE; 0 and 1/64."""


def data() -> Data:
    """Compute the picture's numbers."""
    rho, probability = np.arange(101) / 100, np.arange(1, 200) / 200
    ratio = np.array(RATIOS)[:, None]
    unit = Moments(np.sqrt(ratio)[..., None], np.ones((len(RATIOS), 1, 1, 1)))
    base = _update(probability)
    mean, variance = base.mean[:, 0], base.variance[:, 0]
    low, high = (brentq(_signal, *ends, xtol=1e-15) for ends in ((0.01, 0.5), (0.5, 0.99)))
    p, drop = EXAMPLE
    one = _update(np.array(p))
    return Data(
        rho=rho,
        relative=entry_masked(unit, 1 - rho[:, None]).variance[..., 0],
        crossing=1 - 1 / ratio[ratio > 1],
        probability=probability,
        mean=mean,
        variance=variance,
        excess=entry_masked(base, 1 - rho[:, None, None]).variance[..., 0] - variance,
        boundary=1 - variance / mean**2,
        edges=(float(low), float(high)),
        example=(float(one.variance[0]), float(entry_masked(one, 1 - drop).variance[0])),
    )


def _update(probability: Array) -> Moments:
    """Moments of the update from one token, at p_1."""
    p = np.stack([probability, 1 - probability], axis=-1)
    return token_moments(np.log(p), advantage(p, np.array(REWARD)))


def _signal(probability: float) -> float:
    """``m^2 - s2``."""
    base = _update(np.array(probability))
    return float(base.mean[0] ** 2 - base.variance[0])


def draw(data: Data) -> Figure:
    """Draw the picture: relative variance against the mask probability, and where two actions have more of it."""
    with style():
        figure = Figure(figsize=(9, 4.2), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07, wspace=0.03))
        left, right = figure.subplots(1, 2)
        _draw_relative(left, data)
        _draw_map(figure, right, data)
        return figure


def _draw_relative(axes: Axes, data: Data) -> None:
    axes.set_title("Masking raises a variance s²\nwhere (1 − ρ) m² exceeds it")
    top = 2.85
    axes.fill_between([0, 1], 1, top, color=PAPER, alpha=0.08, linewidth=0)
    axes.axhline(1, color=PAPER, linestyle=DASHED)
    for ratio, relative in zip(RATIOS, data.relative, strict=True):
        axes.plot(data.rho, relative, color=EXACT, linewidth=1.8)
        place = int(relative.argmax()) if ratio > 1 else len(data.rho) // 2
        words = f"m²/s² = {ratio:g}" if ratio == RATIOS[-1] else f"{ratio:g}"
        spot = (data.rho[place], relative[place])
        axes.annotate(words, spot, (2, 4), textcoords="offset points", color=EXACT, ha="center")
    axes.plot(data.crossing, np.ones_like(data.crossing), "o", color=INK, markersize=5)
    axes.text(0.985, 2.35, "excluded\nby Eq. (27)", color=PAPER, ha="right")
    axes.text(0.03, 0.12, "dots: ρ = 1 − s²/m²,\nbeyond it falls", color=INK, fontsize=8.5)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, top)
    axes.set_xlabel("mask probability ρ")
    axes.set_ylabel("variance, masked / unmasked")


def _draw_map(figure: Figure, axes: Axes, data: Data) -> None:
    axes.set_title("Two actions, rewards (1, 0): so it is\naround the uniform policy")
    reach = float(data.excess.max())
    step = data.probability[1] - data.probability[0]
    image = axes.imshow(
        data.excess,
        cmap=DIVERGING,
        vmin=-reach,
        vmax=reach,
        extent=(data.probability[0] - step / 2, data.probability[-1] + step / 2, -0.005, 1.005),
        origin="lower",
        aspect="auto",
    )
    inside = data.boundary >= 0
    axes.fill_between(
        data.probability[inside],
        0,
        data.boundary[inside],
        facecolor="none",
        edgecolor=INK,
        alpha=0.25,
        hatch="///",
        linewidth=0,
    )
    axes.plot(data.probability, data.boundary, color=INK, linewidth=1.5)
    p, rho = EXAMPLE
    axes.plot(p, rho, "o", color=INK, markersize=5.5)
    unmasked, masked = (Fraction(x).limit_denominator(1000) for x in data.example)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
    axes.text(p, rho - 0.06, f"variance {unmasked}\nbecomes {masked}", fontsize=8.5, ha="center", va="top", bbox=box)
    axes.text(0.87, 0.62, "falls", ha="center", bbox=box)
    axes.text(p, 0.7, "rises", ha="center", bbox=box)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    ticks = (0, data.edges[0], 0.5, data.edges[1], 1)
    axes.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
    axes.set_xlabel("probability $p_1$ of the rewarded action")
    axes.set_ylabel("mask probability ρ")
    bar = figure.colorbar(image, ax=axes, pad=0.02, extend="min", ticks=[-reach, 0, reach], aspect=30)
    bar.ax.set_yticklabels([f"−{masked}", "0", f"{masked}"])
    bar.set_label("variance added by the mask")
