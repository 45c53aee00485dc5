"""Pictures of verdicts: they show what the verdict holds, and say so when it holds nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking.verdict import Verdict
from entropy_theory.figures.verdict import draw_sides

d = et.domains


def test_the_sides_of_an_inequality() -> None:
    """Points below the line of equality are drawn apart: here every instance with x > 1/2."""
    claim = et.Inequality(name="x-at-most-half", given={"x": d.reals(0, 1)}, lhs=lambda x: x, rhs=et.exact(1, 2))
    verdict = et.verify(claim, budget=1000)
    assert isinstance(verdict, Verdict)
    kept, wrong = verdict.plot().axes[0].collections
    lhs = np.array(verdict.sample)[:, 0]
    assert len(wrong.get_offsets()) == (lhs > 0.5).sum()
    assert len(kept.get_offsets()) == (lhs <= 0.5).sum()


@pytest.mark.parametrize("refuted", [True, False])
def test_points_off_the_line_of_a_refuted_identity(refuted: bool) -> None:
    """By more than rounding; where the identity holds, rounding is all that there is, even of two sides near zero."""
    sample = [(x, x * (1 + 1e-12)) for x in (0.5, 1.0, 2.0)] + [(1.0, 1.1), (1.1, 1.0), (1e-17, 0.0)]
    figure: Any = draw_sides("an identity", sample, True, refuted=refuted)
    kept, wrong = figure.axes[0].collections
    assert len(wrong.get_offsets()) == (3 if refuted else 0)
    assert len(kept.get_offsets()) == (3 if refuted else 6)


def test_a_few_huge_values_do_not_hide_the_rest() -> None:
    """Three in a hundred are so large that on their scale the others are one dot: they are counted instead."""
    claim = et.Inequality(name="below-two", given={"x": d.reals(0, 1)}, lhs=lambda x: x, rhs=lambda x: 2 * x)
    sample = [(x, 2 * x) for x in np.linspace(0.1, 1, 97)] + [(1e80, 2e80)] * 3
    verdict = et.verify(claim, budget=100)
    assert isinstance(verdict, Verdict)
    axes = replace(verdict, sample=tuple(sample)).plot().axes[0]
    assert sum(len(points.get_offsets()) for points in axes.collections) == 97
    assert axes.get_xlim()[1] < 3
    assert any("3 of 100 instances lie far beyond" in text.get_text() for text in axes.texts)
    even = replace(verdict, sample=tuple((10.0**k, 2 * 10.0**k) for k in range(-50, 50))).plot().axes[0]
    assert sum(len(points.get_offsets()) for points in even.collections) == 100


def test_a_measured_order() -> None:
    claim = et.Order(name="linear", given={"x": d.reals(1, 2)}, power=2, remainder=lambda t, x: t * x)
    verdict = et.verify(claim, budget=1000)
    assert isinstance(verdict, Verdict)
    axes = verdict.plot().axes[0]
    measured, claimed = axes.lines
    slope = np.diff(measured.get_ydata()) / np.diff(measured.get_xdata())
    np.testing.assert_allclose(slope, 1, rtol=1e-12)
    slope = np.diff(claimed.get_ydata()) / np.diff(claimed.get_xdata())
    np.testing.assert_allclose(slope, 2, rtol=1e-12)


def test_nothing_to_draw() -> None:
    claim = et.Inequality(name="x-at-most-one", given={"x": d.reals(0, 1)}, lhs=lambda x: x, rhs=1)
    verdict = et.verify(claim, budget=100)
    assert isinstance(verdict, Verdict)
    with pytest.raises(ValueError, match=r"x-at-most-one.*nothing to draw"):
        Verdict.from_json(verdict.to_json()).plot()
