"""The picture of a verdict: the two sides of a claim at random instances, or a remainder against its step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from entropy_theory.figures.style import EXACT, INK, MUTED, PAPER, style


def draw_sides(title: str, sample: Sequence[tuple[float, float]], equality: bool, *, refuted: bool = False) -> Figure:
    """Left and right side at random instances, with the line on which they are equal.

    Parameters
    ----------
    title : str
    sample : sequence of (lhs, rhs)
    equality : bool
        Whether the claim says that they are equal; else that lhs <= rhs.
    refuted : bool
        Whether the claim is. Points that contradict an equality are marked only then: where one holds, two sides that
        cancel differ by their rounding alone, of which a relative bound knows nothing.
    """
    with style():
        figure = Figure(figsize=(5.6, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.set_title(title, pad=20)
        _sides(axes, np.array(sample), equality, refuted)
    return figure


def draw_remainder(title: str, evidence: Mapping[str, Any]) -> Figure:
    """A remainder against its step, and the slope that was claimed.

    Parameters
    ----------
    title : str
    evidence : mapping
        Of the certificate of an order: steps, remainders, claimed_order.
    """
    with style():
        figure = Figure(figsize=(5.6, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.set_title(title)
        _remainder(axes, evidence)
    return figure


def _sides(axes: Axes, sample: np.ndarray[Any, Any], equality: bool, refuted: bool) -> None:
    sizes = np.abs(sample)
    within = (sizes <= _reach(sizes)).all(-1)
    lhs, rhs = sample[within].T
    values = sizes[within].ravel()
    # Linear within the smallest tenth of the values, logarithmic beyond: they span many decades and both signs.
    threshold = float(np.quantile(values[values > 0], 0.1)) if (values > 0).any() else 1.0
    beyond = np.abs(lhs - rhs) if equality else lhs - rhs
    wrong = (beyond > 1e-9 * (np.abs(lhs) + np.abs(rhs))) & (refuted or not equality)
    axes.scatter(lhs[~wrong], rhs[~wrong], s=12, color=EXACT, alpha=0.6, linewidths=0)
    axes.scatter(lhs[wrong], rhs[wrong], s=18, color=PAPER, marker="x", linewidths=1)
    low, high = min(lhs.min(), rhs.min()), max(lhs.max(), rhs.max())
    grid = np.concatenate([-np.geomspace(max(-low, threshold), threshold / 10, 100), [0.0]])
    grid = np.concatenate([grid, np.geomspace(threshold / 10, max(high, threshold), 100)])
    axes.plot(grid[(grid >= low) & (grid <= high)], grid[(grid >= low) & (grid <= high)], color=INK, linewidth=1)
    axes.set_xscale("symlog", linthresh=threshold)
    axes.set_yscale("symlog", linthresh=threshold)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(_few(threshold, low, high))
    axes.set_xlabel("left side")
    axes.set_ylabel("right side")
    said = "the claim says: on the line" if equality else "the claim says: on or above the line"
    if not within.all():
        said += f"; {(~within).sum()} of {len(within)} instances lie far beyond"
    axes.annotate(said, (0, 1), (0, 4), "axes fraction", "offset points", color=MUTED)


def _reach(sizes: np.ndarray[Any, Any]) -> float:
    """Size up to which values are shown: all of them, unless a few are a million times as large as the rest."""
    most = float(np.quantile(sizes, 0.95))
    return 10 * most if 0 < 1e6 * most < sizes.max() else float(sizes.max())


def _few(threshold: float, low: float, high: float) -> FixedLocator:
    """Zero and a few powers of ten on each side."""
    ticks = [0.0]
    both = low < -threshold and high > threshold
    for sign, bound in ((1.0, high), (-1.0, -low)):
        if bound > threshold:
            first, last = np.ceil(np.log10(threshold)) + 1, np.floor(np.log10(bound))
            powers = np.linspace(last, min(first, last), 2 if both else 4)
            ticks += [sign * 10.0**k for k in np.unique(np.round(powers))]
    return FixedLocator(sorted(ticks))


def _remainder(axes: Axes, evidence: Mapping[str, Any]) -> None:
    steps = np.array([int(step.removeprefix("2^-")) for step in evidence["steps"]], dtype=float)
    sizes = np.array([_log2(text) for text in evidence["remainders"]])
    axes.plot(-steps, sizes, "o-", color=PAPER)
    claimed = float(evidence["claimed_order"])
    axes.plot(-steps, sizes[0] - claimed * (steps - steps[0]), "--", color=EXACT)
    measured = (sizes[1] - sizes[2]) / (steps[2] - steps[1])
    axes.annotate(
        f"order {measured:.3g}, measured", (-steps[1], sizes[1]), (0, 8), textcoords="offset points", ha="right"
    )
    end = sizes[0] - claimed * (steps[1] - steps[0])
    axes.annotate(f"order {claimed:g}, claimed", (-steps[1], end), (8, -12), textcoords="offset points")
    axes.set_xlabel("log2 of the step")
    axes.set_ylabel("log2 of the remainder")


def _log2(ball: str) -> float:
    """Binary logarithm of the centre of a printed ball, which may be far below the smallest double."""
    mantissa, _, exponent = ball.strip("[]").split(" ")[0].partition("e")
    return float(np.log2(float(abs(Fraction(mantissa)))) + int(exponent or 0) * np.log2(10))
