"""Conversions between float64, mpmath and ball arithmetic, and the two comparisons the tests make."""

from __future__ import annotations

from typing import Any

import flint
import mpmath
import numpy as np


def to_arb(x: Any) -> Any:
    """Object array of balls of radius zero, from doubles or mpmath numbers."""
    source = np.asarray(x)
    out = np.empty(source.shape, dtype=object)
    for index in np.ndindex(*source.shape):
        value = source[index]
        out[index] = flint.arb(value if isinstance(value, mpmath.mpf) else float(value))
    return out


def objects(x: Any) -> Any:
    """Object array, also of a single number."""
    if isinstance(x, np.ndarray):
        return x.astype(object)
    out = np.empty((), dtype=object)
    out[()] = x
    return out


def assert_within(got: Any, exact: Any, allowed: Any, what: str = "") -> None:
    """|got - exact| <= allowed, entry by entry, the difference being taken with 60 digits beyond cancellation.

    ``got`` is float64 (or the real part of complex128), ``exact`` an array of mpmath numbers or doubles.
    """
    exact = objects(exact)
    measured = np.asarray(got)
    assert measured.dtype == np.float64, f"{what}: dtype {measured.dtype}"
    assert measured.shape == exact.shape, f"{what}: shape {measured.shape}, expected {exact.shape}"
    limit = np.broadcast_to(np.asarray(allowed, dtype=float), exact.shape)
    with mpmath.workdps(100):
        for index in np.ndindex(*exact.shape):
            value = float(measured[index])
            assert np.isfinite(value), f"{what}{index}: got {value}"
            error = abs(mpmath.mpf(value) - exact[index])
            assert error <= limit[index], (
                f"{what}{index}: got {value!r}, expected {mpmath.nstr(mpmath.mpf(exact[index]), 20)}, "
                f"error {mpmath.nstr(error, 3)} > {limit[index]:.3g}"
            )


def assert_encloses(got: Any, exact: Any, radius: Any, digits: int, what: str = "") -> None:
    """Every ball holds the exact value, and its radius is at most ``radius``.

    The exact value is itself known to ``digits`` digits relative to ``radius * 2**prec``; it is held by the
    ball 10**-digits around it, and two balls that do not meet cannot hold the same number.
    """
    balls, exact = objects(got), objects(exact)
    assert balls.shape == exact.shape, f"{what}: shape {balls.shape}, expected {exact.shape}"
    limit = np.broadcast_to(np.asarray(radius, dtype=float), exact.shape)
    for index in np.ndindex(*exact.shape):
        ball = balls[index]
        if not isinstance(ball, flint.arb):
            ball = flint.arb(ball)
        with mpmath.workdps(digits + 20):
            centre = mpmath.mpf(exact[index])
            slack = mpmath.mpf(10) ** -digits
        assert ball.is_finite(), f"{what}{index}: {ball}"
        assert ball.overlaps(flint.arb(centre, slack)), f"{what}{index}: {ball} does not hold {centre}"
        assert ball.rad() <= limit[index], f"{what}{index}: radius {ball.rad()} > {limit[index]:.3g}"
