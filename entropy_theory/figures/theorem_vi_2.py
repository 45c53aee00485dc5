"""Theorem VI.2, Eq. (22): does the KL penalty on the tokens of high covariance hold the entropy up?

The penalty on the selected actions I changes the entropy by ``beta delta_I`` to first order, ``delta_I = eta sum_{a in
I} f_a (p_a - q_a)``, ``f_a = p_a (log p_a + H)``, q the old policy; Eq. (22) has the sum over all actions, ``delta``.
The text expects it to be positive in the "typical regime": the entropy falls, ``Cov_p(log p, pA) > 0``, and the
selected action has ``C_a > 0``. But the sign depends on how p and q compare. It is proved that delta is positive where
p is sharper than q: where p/q does not fall as p rises. With the action of the largest C alone selected, as here,
delta_I can be negative even there; see theorem-vi.2/positive for a selection with which it cannot.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.claims._shared import driver, token_driver
from entropy_theory.figures.style import EXACT, INK, LIGHT_EXACT, LIGHT_PAPER, MIDDLE_EXACT, MUTED, PAPER, style
from entropy_theory.figures.ternary import best_margin, lattice, region, ternary_axes
from entropy_theory.softmax import entropy_gradient

Array = np.ndarray[Any, Any]

TITLE = "Theorem VI.2: where KL-Cov holds the entropy up, and where it lowers it"
CAPTION = (
    "Old policies q and policies p for which the theorem's hypothesis holds, with the action of the largest covariance "
    "selected. Left, two actions: the penalty raises the entropy where p is sharper than q, and lowers it where p is "
    "less sharp. Right, three actions and one q: where p lies between q and the uniform policy the change is negative, "
    "by Eq. (22) and by its corrected form; dark is where Eq. (22) is proved to be positive."
)
ABOUT = ("theorem-vi.2/positive", "theorem-vi.2/eq-22", "beyond/sharpening")

TWO_REWARDS = (1.0, 0.0)
"""Rewards on the left."""
REWARDS = (1.0, 0.5, 0.0)
"""Rewards on the right."""
OLD = (0.5, 0.3, 0.2)
"""The old policy q on the right."""
EXAMPLE = (3 / 5, 9 / 10)
"""``(p_1, q_1)`` of the example that is marked on the left."""
SIZE, FINE = 240, 360
"""Sizes of the grid on the left and of the lattice on the right."""


@dataclass(frozen=True)
class Data:
    """The numbers in the picture.

    For policies p, q and rewards r let ``f_a = p_a (log p_a + H)``, ``C_a = (log p_a + H)(p_a A_a - E_p[pA])``, ``A = r
    - E_p r``, ``Cov = sum_a p_a C_a``; the selected action is the one with the largest ``|C_a|``. The regime of the
    theorem is: Cov > 0, and C > 0 for the selected action, which is ``max C > -min C``. Three margins describe a pair
    (p, q). Each is positive inside of its region and at most 0 elsewhere (0 on its border, and for the second and third
    where two actions share the largest C); their sizes have no meaning.

    - regime: ``min(Cov, max C + min C)``.
    - lowered: ``min(max_a min(C_a - max_{b != a} C_b, -f_a (p_a - q_a)), regime)``: in the regime delta_I < 0.
    - broken: ``min(lowered, -sum_a f_a (p_a - q_a))``: in the regime both delta_I < 0 and delta < 0.
    """

    square: Array
    """``(i + 1/3) / (SIZE + 2/3)``, i = 0, ..., SIZE, (241,): p_1 and q_1 on the left; p = (p_1, 1 - p_1), q likewise,
    rewards `TWO_REWARDS`."""
    square_regime: Array
    """The margin regime at ``q_1 = square[i]``, ``p_1 = square[j]``, entry [i, j], (241, 241)."""
    square_lowered: Array
    """The margin lowered, entries as in `square_regime`."""
    square_broken: Array
    """The margin broken, entries as in `square_regime`; it has the signs of `square_lowered`, as for two actions delta
    is twice delta_I."""
    example: float
    """``delta_I / eta`` at `EXAMPLE`: I = {2}, ``-(9/125) log(3/2)``."""
    policies: Array
    """Policies of three actions, ``ternary.lattice(FINE)``, (65341, 3): p on the right, where q is `OLD` and the
    rewards are `REWARDS`."""
    regime: Array
    """The margin regime at each of `policies`, (65341,)."""
    lowered: Array
    """The margin lowered at each of `policies`."""
    broken: Array
    """The margin broken at each of `policies`."""
    sharper: Array
    """Corners of the triangles in which p/q does not fall as p rises, (6, 3, 3): for each order (a, b, c) of the
    actions, as ``itertools.permutations`` gives them, the set ``p_a >= p_b >= p_c, p_a/q_a >= p_b/q_b >= p_c/q_c``. Its
    corners are ``e_a``, ``u e_a + e_b`` and ``u v e_a + v e_b + e_c``, each divided by its sum, ``u = max(1,
    q_a/q_b)``, ``v = max(1, q_b/q_c)``. Inside, ``delta > 0``."""


def data() -> Data:
    """Compute the picture's numbers."""
    square = (np.arange(SIZE + 1) + 1 / 3) / (SIZE + 2 / 3)
    two = np.stack([square, 1 - square], axis=-1)
    square_regime, square_lowered, square_broken = _margins(two, two[:, None], np.array(TWO_REWARDS))
    policies = lattice(FINE)
    regime, lowered, broken = _margins(policies, np.array(OLD), np.array(REWARDS))
    return Data(
        square=square,
        square_regime=np.broadcast_to(square_regime, square_lowered.shape),
        square_lowered=square_lowered,
        square_broken=square_broken,
        example=_example(),
        policies=policies,
        regime=regime,
        lowered=lowered,
        broken=broken,
        sharper=_sharper(np.array(OLD)),
    )


def _parts(p: Array, q: Array) -> Array:
    """``f_a (p_a - q_a)``."""
    return np.asarray(-entropy_gradient(np.log(p)) * (p - q))


def _margins(p: Array, q: Array, r: Array) -> tuple[Array, Array, Array]:
    C, parts = token_driver(p, r), _parts(p, q)
    regime = np.minimum(driver(p, r), C.max(-1) + C.min(-1))
    lowered = np.minimum(best_margin(*np.broadcast_arrays(C, -parts)), regime)
    return regime, lowered, np.minimum(lowered, -parts.sum(-1))


def _example() -> float:
    p, q = (np.array([x, 1 - x]) for x in EXAMPLE)
    selected = np.abs(token_driver(p, np.array(TWO_REWARDS))).argmax()
    return float(_parts(p, q)[selected])


def _sharper(q: Array) -> Array:
    corners = []
    for order in permutations(range(3)):
        a, b, c = np.eye(3)[list(order)]
        u, v = np.maximum(1, q[list(order[:2])] / q[list(order[1:])])
        corners.append([a, u * a + b, u * v * a + v * b + c])
    cone = np.array(corners)
    return np.asarray(cone / cone.sum(-1, keepdims=True))


def draw(data: Data) -> Figure:
    """Draw the picture: two actions on the left, three with a fixed old policy on the right."""
    with style():
        figure = Figure(figsize=(9, 4.4), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07, wspace=0.03))
        grid = figure.add_gridspec(1, 2)
        _draw_square(figure.add_subplot(grid[0]), data)
        _draw_simplex(ternary_axes(figure, grid[1]), data)
        return figure


def _fill(axes: Axes, data: Data, margin: Array, color: str, hatch: str | None, ink: str) -> None:
    levels = [0, 2 * margin.max()]
    axes.contourf(data.square, data.square, margin, levels, colors=[color], hatches=[hatch]).set(
        edgecolor=ink, linewidth=0
    )


def _draw_square(axes: Axes, data: Data) -> None:
    axes.set_title("Two actions: the penalty lowers the\nentropy where p is less sharp than q")
    _fill(axes, data, data.square_regime, MIDDLE_EXACT, None, INK)
    _fill(axes, data, data.square_broken, LIGHT_PAPER, "////", PAPER)
    axes.plot(*EXAMPLE, "o", color=INK, markersize=5)
    axes.annotate(
        f"at the dot, p = (6, 4)/10,\nq = (9, 1)/10, it changes\nby {data.example:.4f} $\\beta\\eta$".replace("-", "−"),
        EXAMPLE,
        xytext=(0.03, 0.9),
        fontsize=8.5,
        va="center",
        arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.8, "shrinkB": 3},
    )
    axes.text(0.03, 0.7, "hatched: lowered,\np less sharp than q", color=PAPER, va="center")
    axes.text(0.75, 0.3, "raised,\nproved where p\nis sharper than q", ha="center", va="center")
    axes.text(0.25, 0.3, "not the regime:\nthe entropy rises", color=MUTED, ha="center", va="center")
    axes.set_box_aspect(1)
    axes.set_anchor("N")
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.25, 0.5, 0.75, 1), yticks=(0, 0.25, 0.5, 0.75, 1))
    axes.set_xlabel("$p_1$, the policy; rewards 1, 0")
    axes.set_ylabel("$q_1$, the old policy")


def _draw_simplex(axes: Any, data: Data) -> None:
    axes.set_title("Three actions, rewards 1, 1/2, 0: it\nlowers it also by Eq. (22) as printed")
    region(axes, data.policies, data.regime, LIGHT_EXACT)
    for corners in data.sharper:
        axes.fill(*corners.T, color=MIDDLE_EXACT, linewidth=0)
    region(axes, data.policies, data.lowered, "none", "||||", INK, zorder=1.5)
    region(axes, data.policies, data.broken, LIGHT_PAPER, "////", PAPER, zorder=1.6)
    # What lies outside of the regime covers the triangles there.
    region(axes, data.policies, -data.regime, "white", zorder=1.7)
    axes.plot(*OLD, "o", color=INK, markersize=5)
    corner = {"transform": axes.transAxes, "va": "top", "fontsize": 8.5}
    axes.text(0, 0.98, "hatched: negative,\nalso by Eq. (22)", color=PAPER, **corner)
    axes.text(0, 0.86, "ruled: negative,\nnot by Eq. (22)", **corner)
    axes.text(
        0.68,
        0.98,
        "dark blue: p sharper\nthan q = (5, 3, 2)/10;\nEq. (22) is proved\nto be positive",
        color=EXACT,
        **corner,
    )
    axes.text(*OLD, "q ", ha="right", va="bottom")
    axes.text(0.13, 0.27, 0.6, "not the regime: the entropy\nrises, or C < 0", color=MUTED, ha="center", va="center")
