"""What the pictures of the experiments share."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy import stats

from entropy_theory.simulations.result import CONFIDENCE

Array = np.ndarray[Any, Any]

SERIES = ("#0072B2", "#BF5200", "#007A5A", "#8A4F7D", "#5A5A5A", "#B8860B", "#56B4E9", "#000000")
"""Colours for several lines, after Okabe and Ito, dark enough for words; a label or a dash says the same."""
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.3)), (0, (7, 2, 1.5, 2)), (0, (3, 1.2)), (0, (9, 3)), "-", "-")


def band(axes: Axes, x: Any, samples: Any, **options: Any) -> None:
    """A line of means over the seeds with their 95 % interval; `samples` has shape (seeds, points)."""
    values = np.asarray(samples, dtype=float)
    mean = values.mean(0)
    half = stats.sem(values, axis=0) * stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) if len(values) > 1 else 0
    (line,) = axes.plot(x, mean, **options)
    axes.fill_between(x, mean - half, mean + half, color=line.get_color(), alpha=0.18, linewidth=0)
