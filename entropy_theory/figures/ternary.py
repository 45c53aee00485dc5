"""What the pictures on the simplex of three actions share: axes, a lattice of policies, shading and regions.

A policy ``(p_1, p_2, p_3)`` is a point of a triangle: the corner a is the policy that always takes action a, and p_a is
the distance from the side opposite to it. Regions are drawn from a *margin*, a continuous function of the policy that
is positive inside of the region: its zero line, interpolated between the points of a fine lattice, is a crisp edge.
"""

from __future__ import annotations

from typing import Any

import mpltern
import numpy as np
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation

from entropy_theory.figures.style import INK

Array = np.ndarray[Any, Any]

SIZE = 240
"""Size of the fine lattice: it has 29,161 policies."""
_TICKS = (0.25, 0.5, 0.75)

# Importing the library is what makes Matplotlib know its projection.
_PROJECTION = mpltern.ternary.TernaryAxes.name


def lattice(size: int = SIZE) -> Array:
    """Interior policies of three actions, evenly spaced over the simplex.

    ``p = ((i + 1/3), (j + 1/3), (k + 1/3)) / (size + 1)`` for all integers i, j, k >= 0 with ``i + j + k = size``, in
    the order of i, then of j.

    Parameters
    ----------
    size : int

    Returns
    -------
    array ((size + 1)(size + 2)/2, 3)
        No probability is smaller than ``1 / (3 (size + 1))``.

    Examples
    --------
    >>> from entropy_theory.figures.ternary import lattice
    >>> (9 * lattice(2)[:4]).round(6)
    array([[1., 1., 7.],
           [1., 4., 4.],
           [1., 7., 1.],
           [4., 1., 4.]])
    """
    i, j = _indices(size)
    return np.asarray((np.stack([i, j, size - i - j], axis=-1) + 1 / 3) / (size + 1))


def _indices(size: int) -> tuple[Array, Array]:
    i, j = np.indices((size + 1, size + 1))
    inside = i + j <= size
    return i[inside], j[inside]


def _triangles(size: int) -> Array:
    """Corners of the small triangles of the lattice, as indices into it."""
    i, j = _indices(size)
    place = np.full((size + 2, size + 2), -1)
    place[i, j] = np.arange(len(i))
    up = np.stack([place[i, j], place[i + 1, j], place[i, j + 1]], axis=-1)
    down = np.stack([place[i + 1, j], place[i + 1, j + 1], place[i, j + 1]], axis=-1)
    both = np.concatenate([up, down])
    return np.asarray(both[(both >= 0).all(-1)])


def _mesh(axes: Any, policies: Array) -> tuple[Triangulation, dict[str, Any]]:
    """A lattice, whose size is read from its length, as triangles in the plane, and the option that says so."""
    size = (int(np.sqrt(8 * len(policies) + 1)) - 3) // 2
    x, y = axes.transProjection.transform(policies).T
    return Triangulation(x, y, _triangles(size)), {"transform": axes.transData}


def rival(score: Array) -> Array:
    """The highest score of the other actions, ``max_{b != a} score_b``, for each action a; array (..., A)."""
    own = np.eye(score.shape[-1], dtype=bool)
    return np.asarray(np.where(own, -np.inf, score[..., None, :]).max(-1))


def best_margin(score: Array, value: Array) -> Array:
    """Margin of "the action with the highest score has a positive value".

    ``max_a min(score_a - max_{b != a} score_b, value_a)``: positive where one action alone has the highest score and
    its value is positive; at most 0 elsewhere, so also where two actions tie.

    Parameters
    ----------
    score, value : array (..., A)

    Returns
    -------
    array (...)
    """
    return np.asarray(np.minimum(score - rival(score), value).max(-1))


def ternary_axes(figure: Figure, position: Any) -> Any:
    """Axes for policies of three actions: p_1 at the top, p_2 on the left, p_3 on the right.

    Parameters
    ----------
    figure : Figure
    position : SubplotSpec or int
        As in ``figure.add_subplot``.

    Returns
    -------
    mpltern's TernaryAxes
        Its methods take p_1, p_2, p_3 where those of other axes take x, y.
    """
    axes: Any = figure.add_subplot(position, projection=_PROJECTION)
    axes.set_anchor("N")
    for name, axis in zip("123", (axes.taxis, axes.laxis, axes.raxis), strict=True):
        axis.set_ticks(_TICKS, [f"${{p}}_{name} = 0.5$" if tick == 0.5 else f"{tick:g}" for tick in _TICKS])
    axes.tick_params(labelsize=8.5, labelrotation="horizontal")
    for a, (offset, align) in enumerate([((8, -4), "left"), ((-8, -6), "center"), ((8, -6), "center")]):
        axes.annotate(
            f"$p_{a + 1} = 1$",
            axes.transProjection.transform(np.eye(3)[a]),
            xytext=offset,
            textcoords="offset points",
            ha=align,
            va="top" if a else "center",
        )
    return axes


def shade(axes: Any, policies: Array, values: Array, **options: Any) -> Any:
    """Colour the simplex by a value at each policy of a lattice, interpolated; a bitmap also inside an SVG."""
    mesh, place = _mesh(axes, policies)
    return axes.tripcolor(mesh, values, shading="gouraud", rasterized=True, **place, **options)


def region(
    axes: Any, policies: Array, margin: Array, color: str, hatch: str | None = None, ink: str = INK, zorder: float = 1
) -> None:
    """Fill the region of a lattice where `margin` is positive, hatched in the colour `ink`."""
    if not (margin > 0).any():
        raise ValueError(f"margin is at most {margin.max():g}, expected a positive one somewhere: the region is empty")
    mesh, place = _mesh(axes, policies)
    filled = axes.tricontourf(mesh, margin, [0, 2 * margin.max()], colors=[color], hatches=[hatch], **place)
    filled.set(edgecolor=ink, linewidth=0, zorder=zorder)


def level(axes: Any, policies: Array, values: Array, levels: Any, **options: Any) -> Any:
    """Lines on which a value has the given levels."""
    mesh, place = _mesh(axes, policies)
    return axes.tricontour(mesh, values, levels, **place, **options)
