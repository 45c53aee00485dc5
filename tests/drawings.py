"""What an axes of Matplotlib holds: curves, and regions of policies of three actions.

The triangle is drawn with p_1 upwards from 0 to 1 and ``(p_3 - p_2) / sqrt(3)`` to the right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.spatial import KDTree


def cartesian(p: Any) -> Any:
    """Where policies, or their velocities, stand in the triangle."""
    return np.stack([(p[..., 2] - p[..., 1]) / np.sqrt(3), p[..., 0]], axis=-1)


def shows_curve(axes: Axes, x: Any, y: Any) -> bool:
    """Whether a line or a set of markers has exactly these points."""
    points = np.stack([np.atleast_1d(x), np.atleast_1d(y)], axis=-1)
    return any(np.array_equal(np.asarray(line.get_xydata()), points, equal_nan=True) for line in axes.lines)


def words(axes: Axes) -> str:
    """All texts within the axes and their title, each on one line."""
    title = [axes.get_title(loc) for loc in ("left", "center", "right")]
    return "\n".join(text.replace("\n", " ") for text in [*title, *(t.get_text() for t in axes.texts)])


def contours(axes: Axes, filled: bool) -> list[Any]:
    """Filled regions or lines of a level, in the order in which they were drawn."""
    return [c for c in axes.collections if getattr(c, "filled", None) is filled]


def region_is(contour: Any, points: Any, margin: Any) -> None:
    """A filled contour is where `margin` is positive, at every 37th point but those next to the border of the region.

    A point is next to the border if its nearest neighbours are not all on its side. The points are moved inwards by a
    hair: those at the end of the grid lie on the outline itself.
    """
    inside = margin > 0
    chosen = np.arange(0, len(points), 37)
    _, near = KDTree(points).query(points[chosen], k=9)
    chosen = chosen[(inside[near] == inside[chosen][:, None]).all(-1)]
    assert len(chosen) > 0.8 * len(points) / 37
    assert len(np.unique(inside[chosen])) == 2
    moved = points[chosen] + 1e-6 * (points.mean(0) - points[chosen])
    np.testing.assert_array_equal(contour.get_paths()[0].contains_points(moved), inside[chosen])
