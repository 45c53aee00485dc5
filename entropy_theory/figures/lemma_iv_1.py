"""Lemma IV.1, Eq. (7): the field of the entropy's gradient on the simplex of three actions.

Along the logit flow ``z' = h``, ``h = grad H`` with ``h_a = -p_a (log p_a + H)``, the policy moves by ``p'_a = p_a (h_a
- E_p h)``. It moves towards the uniform policy, but the speed vanishes also at the sides and the corners: where an
action has been lost, the gradient of the entropy hardly sees it. With ``p_1 = p_2`` and ``p_3 = e`` the third action
comes back at the rate ``(log p_3)' = h_3 - E_p h``, which tends to 0 with e as ``3/2 e log(1/e)``. Along the natural
gradient, ``z' = -(log p + H)``, the rate is ``log(1/e) - H``, which tends to infinity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from scipy.integrate import quad

from entropy_theory.claims._shared import ascent
from entropy_theory.figures.style import DASHED, EXACT, INK, MUTED, SHADES, style
from entropy_theory.figures.ternary import lattice, level, shade, ternary_axes
from entropy_theory.softmax import centred, entropy, entropy_gradient

Array = np.ndarray[Any, Any]

TITLE = "Lemma IV.1: where the gradient of the entropy leads, and how fast"
CAPTION = (
    "Left, all policies of three actions, the darker the more entropy: arrows show how a policy moves along the "
    "gradient of its entropy, and on each curve one entry of the gradient is zero, at a probability of exp(-H). Right, "
    "two actions equally likely, the third rare: along the gradient the rare action comes back ever more slowly, the "
    "rarer it is; along the natural gradient ever faster."
)
ABOUT = ("lemma-iv.1", "lemma-iv.1/threshold", "theorem-v.1/natural-gradient")

ARROWS = 13
"""Size of the lattice on which the arrows stand."""
RAREST, LEAST_RARE = 1e-6, 0.3
"""Probabilities of the third action at the ends of the curves on the right."""
LOST, FOUND = 1e-4, 0.25
"""Probabilities of the third action between which the time is taken."""


@dataclass(frozen=True)
class Data:
    """The numbers in the picture."""

    policies: Array
    """Policies of three actions, ``ternary.lattice()``, (29161, 3)."""
    entropy: Array
    """Entropy H at each of `policies`, in nats, (29161,)."""
    surplus: Array
    """``log p_a + H = -h_a / p_a`` at each of `policies`, (29161, 3): column a is zero where ``p_a = exp(-H)``, and
    there h_a is zero; positive where p_a is larger."""
    starts: Array
    """Policies on which the arrows stand, ``ternary.lattice(ARROWS)``, (105, 3)."""
    velocities: Array
    """``p_a (h_a - E_p h)`` at each of `starts`, (105, 3): the derivative of the policy in the time of the flow ``z' =
    h``. Each row adds up to 0."""
    rare: Array
    """Probability ``p_3 = e``, from `RAREST` to `LEAST_RARE` evenly on a logarithmic scale, (300,); the policy is ``((1
    - e)/2, (1 - e)/2, e)``."""
    vanilla: Array
    """``h_3 - E_p h`` at each of `rare`: the rate of log p_3 along ``z' = h``."""
    natural: Array
    """``-(log p_3 + H)`` at each of `rare`: the rate of log p_3 along ``z' = -(log p + H)``, whose mean under p is
    0."""
    times: tuple[float, float]
    """Time in which p_3 grows from `LOST` to `FOUND`, along the gradient and along the natural gradient: the integral
    of ``d(log p_3) / rate``, since the policies with ``p_1 = p_2`` stay so."""


def data() -> Data:
    """Compute the picture's numbers."""
    policies, starts = lattice(), lattice(ARROWS)
    z = np.log(policies)
    rare = np.geomspace(RAREST, LEAST_RARE, 300)
    return Data(
        policies=policies,
        entropy=entropy(z),
        surplus=centred(z, z),
        starts=starts,
        velocities=ascent(starts, entropy_gradient(np.log(starts))),
        rare=rare,
        vanilla=_vanilla_rate(rare),
        natural=_natural_rate(rare),
        times=(_time(_vanilla_rate), _time(_natural_rate)),
    )


def _with_rare(rare: Array) -> Array:
    """The policies ``((1 - e)/2, (1 - e)/2, e)``."""
    return np.stack([(1 - rare) / 2, (1 - rare) / 2, rare], axis=-1)


def _vanilla_rate(rare: Array) -> Array:
    z = np.log(_with_rare(rare))
    return centred(z, entropy_gradient(z))[..., 2]


def _natural_rate(rare: Array) -> Array:
    z = np.log(_with_rare(rare))
    return np.asarray(-centred(z, z)[..., 2])


def _time(rate: Any) -> float:
    """Time in which log p_3 runs from `LOST` to `FOUND`."""
    return float(quad(lambda x: 1 / float(rate(np.exp(x))), np.log(LOST), np.log(FOUND), epsabs=0, epsrel=1e-10)[0])


def draw(data: Data) -> Figure:
    """Draw the picture: the field on the simplex on the left, the rates of a rare action on the right."""
    with style():
        figure = Figure(figsize=(9, 4.4), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07, wspace=0.03))
        grid = figure.add_gridspec(1, 2)
        _draw_field(ternary_axes(figure, grid[0]), data)
        _draw_rates(figure.add_subplot(grid[1]), data)
        return figure


def _draw_field(axes: Any, data: Data) -> None:
    axes.set_title("The gradient leads to uniform, but\nhardly away from a side or a corner")
    axes.text(
        0,
        0.98,
        "dashed: one entry\nof $\\nabla H$ is zero,\n$p_a = e^{-H}$",
        transform=axes.transAxes,
        color=EXACT,
        va="top",
    )
    shade(axes, data.policies, data.entropy, cmap=SHADES, vmin=0)
    for a in range(3):
        level(axes, data.policies, data.surplus[:, a], [0], colors=EXACT, linewidths=1.2, linestyles=[DASHED])
    speed = np.linalg.norm(data.velocities, axis=-1)
    # The longest arrow is as long as the distance between neighbours on the lattice, sqrt(2) / (ARROWS + 1).
    longest = float(speed.max()) * (ARROWS + 1) / np.sqrt(2)
    axes.quiver(
        *data.starts.T,
        *data.velocities.T,
        angles="xy",
        scale_units="xy",
        scale=longest,
        pivot="mid",
        color=INK,
        width=0.0045,
    )


def _draw_rates(axes: Axes, data: Data) -> None:
    axes.set_title("The rarer an action, the slower\nthe gradient brings it back")
    axes.loglog(data.rare, data.natural, color=MUTED, linestyle=DASHED)
    axes.loglog(data.rare, data.vanilla, color=EXACT)
    way = f"$p_3$ from {LOST:g} to {FOUND:g} in"
    vanilla, natural = data.times
    axes.text(
        2e-6,
        0.75,
        f"natural gradient, $z' = -(\\log p + H)$:\n{way} {natural:.1f} units of time",
        color=MUTED,
        va="center",
    )
    axes.text(1e-4, 1e-4, f"gradient, $z' = \\nabla H$:\n{way}\n{vanilla:.0f} units of time", color=EXACT, va="center")
    axes.set_xticks(10.0 ** np.arange(-6, 0))
    axes.set_yticks(10.0 ** np.arange(-4, 2))
    axes.minorticks_off()
    axes.set_xlabel("probability $p_3$ of the rare action, with $p_1 = p_2$")
    axes.set_ylabel("growth rate of $\\log p_3$")
