"""Two arms with rewards (1, 0): ascent on the difference w of their logits, through ``w + sinh w``."""

from __future__ import annotations

from typing import Any

from entropy_theory.independent.margins import convex_root
from entropy_theory.independent.numbers import exp


def hyperbolic(w: Any) -> tuple[Any, Any]:
    """``sinh w`` and ``cosh w``.

    Parameters
    ----------
    w : Number, or anything with a method ``exp``

    Returns
    -------
    tuple of (Number, Number)
    """
    up, down = exp(w), exp(-w)
    return (up - down) / 2, (up + down) / 2


def solved(s: Any) -> Any:
    """The w with ``w + sinh w = s``, s above 0.

    Parameters
    ----------
    s : Number

    Returns
    -------
    Interval
    """
    return convex_root(lambda w: w + hyperbolic(w)[0] - s, lambda w: 1 + hyperbolic(w)[1])
