"""Claims about real numbers: bounds for bits, needles, ratios of coefficients, resonances, one corner of a cube."""

from __future__ import annotations

from fractions import Fraction
from math import factorial
from typing import Any

from benchmarks.power_claims.labelled import Labelled, numbers

UNIT = (0.0, 1.0)
CORNER = 0.0963
"""Above the root s of 6.5 exp(-s) + s = 6."""

MEETING = (Fraction(3719, 10**4), Fraction(6143, 10**4))
LEVELS = (MEETING[0] ** 2 + MEETING[1], MEETING[0] - MEETING[1] ** 2)


def _balance(xp: Any, a: Any, b: Any, p: int, q: int) -> Any:
    """``p (1 - p)`` for two actions of which one is pulled at p a and the other at q b."""
    up = 1 / (1 + xp.exp(q * b - p * a))
    return up * (1 - up)


def _meet(x: Any, y: Any) -> Any:
    u = x**2 + y - (0 * x + LEVELS[0].numerator) / LEVELS[0].denominator
    v = x - y**2 - (0 * x + LEVELS[1].numerator) / LEVELS[1].denominator
    return 1 / (1 + 10**8 * u**2) / (1 + 10**8 * v**2)


def _product(*x: Any) -> Any:
    out = x[0]
    for factor in x[1:]:
        out = out * factor
    return out


CLAIMS: list[Labelled] = [
    numbers(
        "logarithm-above-its-pade-fraction",
        True,
        "log(1 + s) - 2 s / (2 + s) has derivative s^2 / ((1 + s)(2 + s)^2) >= 0; equality at s = 0.",
        lambda xp, s: (2 * s, (2 + s) * xp.log(1 + s)),
        {"s": (0.0, 10.0)},
        [0],
    ),
    numbers(
        "bit-is-below-poisson",
        True,
        "log(1 + u) <= u at u = p (exp b - 1); equality where that is 0.",
        lambda xp, p, b: (xp.log(1 + p * (xp.exp(b) - 1)), p * (xp.exp(b) - 1)),
        {"p": UNIT, "b": (-5.0, 5.0)},
        [0, 3],
        [Fraction(1, 3), 0],
    ),
    numbers(
        "squared-surprise-one-billionth-less",
        False,
        "p log^2 p is at most 4 / e^2 = 0.54134113295, at p = 1 / e^2; it fails within 8.6e-6 of that.",
        lambda xp, p: (p * xp.log(p) ** 2, (0 * p + 5413411324) / 10**10),
        {"p": UNIT},
        [Fraction(1353352832, 10**10)],
        open_ends=True,
        share=1.719931e-5,
        known="formula",
    ),
    numbers(
        "two-pulls-never-balance",
        False,
        "Equality, so a violation of <, where 7 a = 3 b, and nowhere else.",
        lambda xp, a, b: (_balance(xp, a, b, 7, 3), (0 * a + 1) / 4),
        {"a": (1.0, 2.0), "b": (2.0, 5.0)},
        ["3/2", "7/2"],
        strict=True,
        share=0.0,
        known="formula",
    ),
    numbers(
        "pulls-are-out-of-balance-by-a-billionth",
        False,
        "p (1 - p) = 1 / (4 cosh^2(x / 2)) with x = 5 a - 2 b: it fails for |x| < 1.264911e-4.",
        lambda xp, a, b: (_balance(xp, a, b, 5, 2), (0 * a + 249999999) / 10**9),
        {"a": (1.0, 2.0), "b": (2.0, 5.0)},
        [1, "5/2"],
        share=1.264911e-4 / 3,
        known="formula",
    ),
    numbers(
        "resonance-of-an-oscillator",
        False,
        "1 / ((x^2 - c)^2 + 1e-8 x^2) with c = 0.4567 peaks at x^2 = c - 5e-9 with 1e8 / c; it is above nine tenths of "
        "that for |x^2 - c| < 2.2526e-5.",
        lambda xp, x: (
            (0 * x + 4567) / 10**12,
            ((x**2 - (0 * x + 4567) / 10**4) ** 2 + x**2 / 10**8) * 9 / 10,
        ),
        {"x": (0.5, 2.0)},
        [Fraction(67579583, 10**8)],
        share=3.333334e-5 / 1.5,
        known="formula",
    ),
    numbers(
        "two-resonances-do-not-meet",
        False,
        "Two parabolas of resonance, each 1e-4 wide, meet in one point (x, y) of the square. In units of 1e-4 the "
        "product of the peaks is above 1/2 on an area of 2.847835, and the map to these has determinant 1 + 4 x y.",
        lambda xp, x, y: (_meet(x, y), (0 * x + 1) / 2),
        {"x": UNIT, "y": UNIT},
        MEETING,
        share=2.847835e-8 / float(1 + 4 * MEETING[0] * MEETING[1]),
        known="formula",
    ),
    numbers(
        "product-of-six-below-their-sum",
        False,
        "6.5 times the product of six numbers is above their sum only near (1, ..., 1): as the product is at most "
        "exp(-s), s what the sum lacks of six, s must be below 0.0963.",
        lambda xp, *x: (13 * _product(*x) / 2, sum(x)),
        dict.fromkeys(("a", "b", "c", "e", "g", "h"), UNIT),
        [1] * 6,
        share=CORNER**6 / factorial(6),
        known="bound",
    ),
]
