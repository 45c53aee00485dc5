"""Proposition VI.1, Eq. (19): is the token of the largest covariance the one to clip?

With the tokens of action a out of the loss, the rate at which the policy gradient lowers the entropy changes from
``Cov_p(log p, pA)`` by ``-p_a I_a``, ``I_a = A_a (f_a - E_p f)``, ``f_a = p_a (log p_a + H)``. Clip-Cov goes by ``C_a =
(log p_a + H)(p_a A_a - E_p[pA])`` instead. Both are shares of the same total, ``E_p C = E_p I = Cov``. But where a rare
action has a positive advantage, its C may be the largest and its I negative: to clip it takes away what held the
entropy up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.claims._shared import driver, influence, token_driver
from entropy_theory.figures.style import EXACT, INK, LIGHT, LIGHT_EXACT, LIGHT_PAPER, MUTED, PAPER, style
from entropy_theory.figures.ternary import best_margin, lattice, level, region, rival, ternary_axes
from entropy_theory.softmax import softmax

Array = np.ndarray[Any, Any]

TITLE = "Proposition VI.1: is the largest covariance the token to clip?"
CAPTION = (
    "Left, random states: the share of the entropy's fall that the covariance C ascribes to the action with the "
    "largest C, against the share that this action really has. Where the second is negative, to clip it makes the "
    "entropy fall faster. Right, all policies of three actions with rewards 1, 0, 1: where that is so, and where "
    "another action would be the better one to clip."
)
ABOUT = ("proposition-vi.1/predicts-entropy", "proposition-vi.1/token-loss", "beyond/influence")

ACTIONS = (3, 4, 5, 6)
STATES = 500
"""Number of random states drawn for each number of actions."""
SEED = 61
SIZE = 360
"""Size of the lattice on the right: some regions are thin."""
REWARDS = (1.0, 0.0, 1.0)
"""Rewards on the right."""
EXAMPLE = (12 / 20, 7 / 20, 1 / 20)
"""The policy that is marked on the right."""


@dataclass(frozen=True)
class Data:
    """The numbers in the picture.

    Below, ``A = r - E_p r``, ``C_a = (log p_a + H)(p_a A_a - E_p[pA])``, ``I_a = A_a (f_a - E_p f)``, ``f_a = p_a (log
    p_a + H)``, ``Cov = sum_a p_a C_a = sum_a p_a I_a``; ``dH/d eta = -Cov``. "The clipped action" is the one with the
    largest C_a (the first of equal ones), "the best" the one with the largest ``p_a I_a``.
    """

    states: tuple[tuple[Array, Array], ...]
    """Random states ``(logits, rewards)``, two arrays (states, n) for each n of `ACTIONS`: those of the `STATES` drawn
    for each n for which ``max C > Cov > 0``, the hypothesis of the claim."""
    claimed: Array
    """``p_a C_a / Cov`` of the clipped action of each state, in the order of `states`: its share by C."""
    exact: Array
    """``p_a I_a / Cov`` of the clipped action of each state: its share in the fall of the entropy. Without its tokens
    the entropy falls at ``1 - exact`` times the rate."""
    is_best: Array
    """Booleans: whether the clipped action is the best, for each state."""
    policies: Array
    """Policies of three actions, ``ternary.lattice(SIZE)``, (65341, 3); `REWARDS` are their rewards."""
    falls: Array
    """Cov at each of `policies`, (65341,); where it is <= 0 the entropy does not fall."""
    other: Array
    """Margin of "to clip slows the fall, but another action would be the better one" at each of `policies`: ``max_a
    min(C_a - max_{b != a} C_b, max_{b != a} p_b I_b - p_a I_a, p_a I_a, Cov)``. Positive where Cov > 0, one action
    alone has the largest C, its influence is positive and another p_b I_b is larger; at most 0 elsewhere, so also where
    the largest C is shared. Its size has no meaning."""
    faster: Array
    """Margin of "to clip makes the entropy fall faster" at each of `policies`: ``max_a min(C_a - max_{b != a} C_b, -p_a
    I_a, Cov)``. Positive where Cov > 0, one action alone has the largest C and its influence is negative; at most 0
    elsewhere. Its size has no meaning."""
    example: tuple[int, float, float]
    """At `EXAMPLE`, rewards `REWARDS`: the clipped action, counted from 0, then Cov, and ``Cov - p_a I_a``, the rate at
    which the entropy falls without its tokens."""


def data() -> Data:
    """Compute the picture's numbers."""
    rng = np.random.default_rng(SEED)
    states = tuple(_random_states(rng, actions) for actions in ACTIONS)
    found = [_of_clipped(softmax(z), r) for z, r in states]
    claimed, exact, is_best = (np.concatenate(part) for part in zip(*found, strict=True))
    policies = lattice(SIZE)
    falls, other, faster = _margins(policies, np.array(REWARDS))
    return Data(states, claimed, exact, is_best, policies, falls, other, faster, _example())


def _random_states(rng: np.random.Generator, actions: int) -> tuple[Array, Array]:
    """Gaussian logits of random scale and uniform rewards, where the claim's hypothesis holds."""
    z = rng.uniform(0.2, 2, size=(STATES, 1)) * rng.normal(size=(STATES, actions))
    r = rng.uniform(size=(STATES, actions))
    p = softmax(z)
    cov = driver(p, r)
    typical = (cov > 0) & (token_driver(p, r).max(-1) > cov)
    return z[typical], r[typical]


def _of_clipped(p: Array, r: Array) -> tuple[Array, Array, Array]:
    """Both shares of the action with the largest C, and whether it is the best one to clip."""
    C, cov = token_driver(p, r), driver(p, r)
    parts = p * influence(p, r)
    clipped = C.argmax(-1)
    row = np.arange(len(p))
    return (p * C)[row, clipped] / cov, parts[row, clipped] / cov, clipped == parts.argmax(-1)


def _margins(p: Array, r: Array) -> tuple[Array, Array, Array]:
    C, cov = token_driver(p, r), driver(p, r)
    parts = p * influence(p, r)
    better = np.minimum(rival(parts) - parts, parts)
    return cov, np.minimum(best_margin(C, better), cov), np.minimum(best_margin(C, -parts), cov)


def _example() -> tuple[int, float, float]:
    p, r = np.array(EXAMPLE), np.array(REWARDS)
    clipped, cov = int(token_driver(p, r).argmax()), float(driver(p, r))
    return clipped, cov, cov - float((p * influence(p, r))[clipped])


def draw(data: Data) -> Figure:
    """Draw the picture: both shares at random states on the left, the regions on the simplex on the right."""
    with style():
        figure = Figure(figsize=(9, 4.4), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07, wspace=0.03))
        grid = figure.add_gridspec(1, 2)
        _draw_shares(figure.add_subplot(grid[0]), data)
        _draw_regions(ternary_axes(figure, grid[1]), data)
        return figure


def _draw_shares(axes: Axes, data: Data) -> None:
    axes.set_title("In many states C does not\nfind the token to clip")
    groups = (
        (data.is_best, "o", EXACT, 3.5),
        (~data.is_best & (data.exact >= 0), "D", MUTED, 2.6),
        (data.exact < 0, "x", PAPER, 4.5),
    )
    for chosen, marker, color, size in groups:
        axes.plot(
            data.claimed[chosen],
            data.exact[chosen],
            marker,
            color=color,
            markersize=size,
            markeredgewidth=1 if marker == "x" else 0,
            alpha=0.6,
            linestyle="none",
            rasterized=True,
        )
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=0.01, linscale=0.5)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xlim(5e-4, 300)
    axes.set_ylim(-0.1, 300)
    axes.set_xticks([1e-3, 1e-2, 1e-1, 1, 10, 100], ["0.001", "0.01", "0.1", "1", "10", "100"])
    axes.set_yticks([-0.1, -0.01, 0, 0.01, 0.1, 1, 10, 100], ["−0.1", "−0.01", "0", "0.01", "0.1", "1", "10", "100"])
    axes.minorticks_off()
    axes.set_xlabel("share by the covariance, $p_a C_a$ / Cov")
    axes.set_ylabel("exact share, $p_a I_a$ / Cov")
    best, worse, wrong = (int(group[0].sum()) for group in groups)
    axes.text(1e-3, 14, f"the largest C is the best\nto clip: {best} of {len(data.exact)} states", color=EXACT)
    axes.text(1e-3, 1.1, f"another action would\nbe better: {worse}", color=MUTED)
    axes.text(0.3, -0.012, f"without it the entropy\nfalls faster: {wrong}", color=PAPER, va="center")


def _draw_regions(axes: Any, data: Data) -> None:
    axes.set_title("Rewards 1, 0, 1: where clipping the\nlargest C makes the entropy fall faster")
    region(axes, data.policies, data.falls, LIGHT_EXACT)
    region(axes, data.policies, data.other, LIGHT, "||||", MUTED)
    region(axes, data.policies, data.faster, LIGHT_PAPER, "////", PAPER)
    level(axes, data.policies, data.falls, [0], colors=INK, linewidths=1)
    axes.plot(*EXAMPLE, "o", color=INK, markersize=5)
    corner = {"transform": axes.transAxes, "va": "top"}
    axes.text(0, 0.98, "hatched: it\nfalls faster", color=PAPER, **corner)
    axes.text(0, 0.86, "ruled: another\naction would be\nbetter to clip", color=MUTED, fontsize=8.5, **corner)
    axes.text(0.2, 0.14, 0.66, "it falls\nmore slowly", ha="center", va="center")
    axes.text(0.15, 0.65, 0.2, "the entropy\nrises", color=MUTED, ha="center", va="center")
    clipped, before, after = data.example
    axes.text(
        0.67,
        0.98,
        f"dot: (12, 7, 1)/20, rate\nof fall {before:.4f}; with\n"
        f"action {clipped + 1} clipped,\nthe largest C, {after:.4f}",
        fontsize=8.5,
        **corner,
    )
