"""Theorem VII.4, Eq. (33): does an entropy bonus shrink the stability margin?

``g = p A`` is the direction without the bonus, ``h = grad H``, ``g + alpha h`` the direction with it; the margin of a
direction is the largest step along it with ``KL(p || p_new) <= epsilon``, Definition VII.2. Eq. (33) says that the
margin shrinks: ``gamma_reg <= gamma_base / (1 + alpha kappa)`` with a kappa > 0. The appendix derives the bound in the
other direction. For every p that is comonotone with the rewards a small bonus shortens the direction and enlarges the
margin, without bound where ``g + alpha h`` vanishes: there p is the soft optimum softmax(r / alpha).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.claims._shared import ascent
from entropy_theory.figures.style import DASHED, DIVERGING, EXACT, INK, MUTED, PAPER, style
from entropy_theory.figures.ternary import lattice, level, region, shade, ternary_axes
from entropy_theory.softmax import covariance, entropy_gradient, fisher_norm, softmax
from entropy_theory.stability import quadratic_stability_margin, stability_margin

Array = np.ndarray[Any, Any]

TITLE = "Theorem VII.4: an entropy bonus can enlarge the stability margin"
CAPTION = (
    "Left, a likely good action and a rare bad one: the stability margin with the bonus over the margin without it, "
    "which by Eq. (33) is below 1. It rises at first, to infinity where the bonus cancels the policy gradient, and is "
    "below 1 only for a larger bonus; what is proved is the bound from below. Right, all policies of three actions "
    "with one bonus: in the hatched regions it enlarges the margin."
)
ABOUT = ("theorem-vii.4/eq-33", "theorem-vii.4/quadratic", "beyond/margin-gauge")

EPSILON = 0.5
"""Bound on the divergence, in nats."""
TWO, TWO_REWARDS = (0.9, 0.1), (1.0, 0.0)
"""Policy and rewards on the left."""
EXAMPLE = 0.25
"""The value of alpha that is marked on the left."""
LARGEST, TOP = 1.5, 30
"""Largest alpha and largest ratio that are shown on the left."""
REWARDS, ALPHA = (1.0, 0.5, 0.0), 0.5
"""Rewards and alpha on the right."""


@dataclass(frozen=True)
class Data:
    """The numbers in the picture.

    ``g = p A``, ``h = grad H``; gamma is the exact margin at `EPSILON`, as ``stability_margin`` computes it, and
    gamma_q that of the quadratic model, ``sqrt(2 EPSILON) / ||.||_F``. No unit: all are ratios, but for alpha.
    """

    alpha: Array
    """From 0 to `LARGEST`, evenly, (1501,); p is `TWO`, the rewards are `TWO_REWARDS`."""
    ratio: Array
    """``gamma(g + alpha h) / gamma(g)`` at each of `alpha`, (1501,). It would be infinite at `pole`, which is none of
    them."""
    lower: Array
    """``1 / (1 + alpha gamma(g) / gamma(h))``, the bound that is proved for the exact ratio, at each of `alpha`."""
    quadratic: Array
    """``gamma_q(g + alpha h) / gamma_q(g)`` at each of `alpha`."""
    quadratic_lower: Array
    """``1 / (1 + alpha k1)``, ``k1 = ||h||_F / ||g||_F``, a proved bound of `quadratic`, at each of `alpha`."""
    quadratic_upper: Array
    """``1 / (1 + alpha k2)``, ``k2 = <g, h>_F / ||g||_F^2``, a proved bound of `quadratic` where ``1 + alpha k2 > 0``;
    NaN where it is not and nothing is said. For two actions it is attained."""
    example: float
    """The ratio at alpha = `EXAMPLE`."""
    pole: float
    """The alpha at which ``g + alpha h = 0``: ``A_1 / (log p_1 + H)``, 0.4551."""
    shrinks_from: float
    """The alpha beyond which the ratio is below 1. For two actions h is parallel to g, and beyond the pole ``g +
    alpha h = -(alpha/pole - 1) g``; so it is ``pole (1 + gamma(-g) / gamma(g))``."""
    policies: Array
    """Policies of three actions, ``ternary.lattice()``, (29161, 3); the rewards are `REWARDS`."""
    log_ratio: Array
    """Binary logarithm of ``gamma(g + ALPHA h) / gamma(g)`` at each of `policies`, (29161,): positive where the bonus
    enlarges the margin."""
    optimum: Array
    """``softmax(REWARDS / ALPHA)``, (3,): there ``g + ALPHA h = 0`` and the ratio is infinite. It is none of
    `policies`."""


def data() -> Data:
    """Compute the picture's numbers."""
    alpha = np.linspace(0, LARGEST, 1501)
    p, r = np.array(TWO), np.array(TWO_REWARDS)
    z, g, h = _directions(p, r)
    with_bonus = g + alpha[:, None] * h
    size = fisher_norm(z, g)
    slope = 1 + alpha * covariance(z, g, h) / size**2
    base, backward = (float(stability_margin(z, v, EPSILON)) for v in (g, -g))
    pole = -float(g[0] / h[0])
    policies, rewards = lattice(), np.array(REWARDS)
    return Data(
        alpha=alpha,
        ratio=stability_margin(z, with_bonus, EPSILON) / base,
        lower=1 / (1 + alpha * base / stability_margin(z, h, EPSILON)),
        quadratic=quadratic_stability_margin(z, with_bonus, EPSILON) / quadratic_stability_margin(z, g, EPSILON),
        quadratic_lower=1 / (1 + alpha * fisher_norm(z, h) / size),
        quadratic_upper=1 / np.where(slope > 0, slope, np.nan),
        example=float(_ratio(p, r, EXAMPLE)),
        pole=pole,
        shrinks_from=pole * (1 + backward / base),
        policies=policies,
        log_ratio=np.log2(_ratio(policies, rewards, ALPHA)),
        optimum=softmax(rewards / ALPHA),
    )


def _directions(p: Array, r: Array) -> tuple[Array, Array, Array]:
    """Logits, g and h."""
    z = np.log(p)
    return z, ascent(p, r), entropy_gradient(z)


def _ratio(p: Array, r: Array, alpha: float) -> Array:
    """The margin with the bonus over that without it."""
    z, g, h = _directions(p, r)
    return stability_margin(z, g + alpha * h, EPSILON) / stability_margin(z, g, EPSILON)


def draw(data: Data) -> Figure:
    """Draw the picture: the ratio against alpha on the left, for all policies of three actions on the right."""
    with style():
        figure = Figure(figsize=(9, 4.4), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07, wspace=0.03))
        grid = figure.add_gridspec(1, 2)
        _draw_ratio(figure.add_subplot(grid[0]), data)
        _draw_simplex(ternary_axes(figure, grid[1]), data)
        return figure


def _curve(axes: Axes, alpha: Array, values: Array, **options: Any) -> None:
    """A curve that is broken where it leaves the picture, as it does at the pole."""
    axes.plot(alpha, np.where(values <= TOP, values, np.nan), **options)


def _draw_ratio(axes: Axes, data: Data) -> None:
    axes.set_title("A small bonus enlarges the margin,\nonly a large one shrinks it")
    axes.axhline(1, color=PAPER, linestyle=DASHED)
    _curve(axes, data.alpha, data.ratio, color=EXACT)
    for model in (data.quadratic, data.quadratic_lower, data.quadratic_upper):
        _curve(axes, data.alpha, model, color=MUTED, linestyle=":", linewidth=1.3)
    axes.plot(data.alpha, data.lower, color=INK, linewidth=1.3)
    axes.plot(EXAMPLE, data.example, "o", color=EXACT, markersize=5.5)
    axes.text(0.29, 1.4, f"{data.example:.4f} at\n$\\alpha$ = {EXAMPLE:g}", color=EXACT, fontsize=8.5)
    axes.text(0.3, 14, f"infinite at\n$\\alpha$ = {data.pole:.4f}", color=EXACT, fontsize=8.5, ha="right", va="center")
    axes.text(0.66, 14, f"exact ratio, below 1\nonly beyond {data.shrinks_from:.4f}", color=EXACT, va="center")
    axes.text(0.66, 4.4, "dotted: the quadratic\nmodel and its bounds", color=MUTED, fontsize=8.5)
    axes.text(0.96, 1.15, "printed: below 1", color=PAPER)
    axes.text(0.05, 0.2, "proved:\nabove this", fontsize=8.5)
    axes.set_yscale("log")
    axes.set_ylim(0.1, TOP)
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.tick_params(axis="y", which="minor", left=False)
    axes.set_xlim(0, LARGEST)
    axes.set_xticks(np.arange(0, LARGEST + 0.1, 0.25))
    axes.set_xlabel("coefficient $\\alpha$ of the bonus; p = (9, 1)/10, rewards 1, 0")
    axes.set_ylabel("margin with the bonus / margin without it")


def _draw_simplex(axes: Any, data: Data) -> None:
    share = (data.log_ratio > 0).mean()
    axes.set_title(f"Rewards 1, 1/2, 0, $\\alpha$ = {ALPHA:g}: on {share:.0%} of\nthe simplex the margin is enlarged")
    shade(axes, data.policies, data.log_ratio, cmap=DIVERGING, vmin=-4, vmax=4)
    region(axes, data.policies, data.log_ratio, "none", "///", PAPER)
    level(axes, data.policies, data.log_ratio, [-1, 1], colors=INK, linewidths=0.8, linestyles=[DASHED])
    level(axes, data.policies, data.log_ratio, [0], colors=INK, linewidths=1.8)
    axes.plot(*data.optimum, "*", color=INK, markersize=9)
    corner = {"transform": axes.transAxes, "va": "top", "fontsize": 8.5}
    axes.text(0, 0.98, "hatched: larger,\nagainst Eq. (33)", color=PAPER, **corner)
    axes.text(0, 0.86, "dashed: by a\nfactor of 2, 1/2", **corner)
    axes.text(0.68, 0.98, "star: infinite,\nthe bonus cancels\nthe gradient", **corner)
    axes.text(0.22, 0.34, 0.44, "smaller with\nthe bonus", ha="center", va="center")
