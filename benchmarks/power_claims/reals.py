"""Claims about real numbers and integers: needles, ratios, resonances, valleys, steps of ascent."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import pi
from typing import Any

from benchmarks.power_claims.labelled import Labelled, numbers

UNIT, SIGNED = (0.0, 1.0), (-1.0, 1.0)


def _bump(name: str, sharpness: int, centre: tuple[Fraction, Fraction], share: float) -> Labelled:
    """A Lorentzian peak that is above one half within 1 / sqrt(sharpness) of a point."""
    a, b = centre

    def sides(xp: Any, x: Any, y: Any) -> tuple[Any, Any]:
        u = x - (0 * x + a.numerator) / a.denominator
        v = y - (0 * y + b.numerator) / b.denominator
        return 1 / (1 + sharpness * (u**2 + v**2)), (0 * x + 1) / 2

    return numbers(
        name,
        False,
        f"A peak of one at ({a}, {b}), above 1/2 in a disc of area pi / {sharpness}; its flanks fall off slowly.",
        sides,
        {"x": UNIT, "y": UNIT},
        [a, b],
        share=share,
        known="formula",
    )


def _spike(name: str, sharpness: int, centre: tuple[Fraction, Fraction], share: float) -> Labelled:
    """A Gaussian peak, whose flanks are zero in floats a little away from it."""
    a, b = centre

    def sides(xp: Any, x: Any, y: Any) -> tuple[Any, Any]:
        u = x - (0 * x + a.numerator) / a.denominator
        v = y - (0 * y + b.numerator) / b.denominator
        return xp.exp(-sharpness * (u**2 + v**2)), (0 * x + 1) / 2

    return numbers(
        name,
        False,
        f"A Gaussian peak at ({a}, {b}) above 1/2 in a disc of area pi log 2 / {sharpness}; elsewhere it is flat.",
        sides,
        {"x": UNIT, "y": UNIT},
        [a, b],
        share=share,
        known="formula",
    )


def _ratio(name: str, p: int, q: int, strict_only: bool, share: float) -> Labelled:
    """``(p a - q b)^2`` is positive, or at least 1e-9."""
    low: Callable[[Any], Any] = (lambda a: 0 * a) if strict_only else (lambda a: (0 * a + 1) / 10**9)
    return numbers(
        name,
        False,
        f"It is zero where a / b = {q}/{p}, and nowhere else.",
        lambda xp, a, b: (low(a), (p * a - q * b) ** 2),
        {"a": (1.0, 2.0), "b": (1.0, 2.0)},
        [Fraction(q, p), 1] if q >= p else [1, Fraction(p, q)],
        strict=strict_only,
        share=share,
        known="formula",
    )


def _step(xp: Any, level: Any, reward: Any, eta: Any) -> tuple[Any, Any]:
    """Two arms with entropy weight one: the objective before and after a step on the logit difference."""
    p = 1 / (1 + xp.exp(-level))
    after = level + eta * p * (1 - p) * (reward - level)
    return _bonus(xp, level, reward), _bonus(xp, after, reward)


def _bonus(xp: Any, level: Any, reward: Any) -> Any:
    """``p r + h(p)`` at the logit difference: ``log(1 + e^L) + p (r - L)``."""
    return xp.log(1 + xp.exp(level)) + (reward - level) / (1 + xp.exp(-level))


def _climb(xp: Any, level: Any) -> Any:
    """The worse arm's probability after sixteen steps of size one with rewards (1, 0)."""
    for _ in range(16):
        p = 1 / (1 + xp.exp(-level))
        level = level + 2 * p * (1 - p)
    return 1 / (1 + xp.exp(level))


CLAIMS: list[Labelled] = [
    numbers(
        "sum-of-squares-above-products",
        True,
        "Twice the difference is a sum of three squares; equality on the line a = b = c.",
        lambda xp, a, b, c: (a * b + b * c + c * a, a**2 + b**2 + c**2),
        {"a": (-5.0, 5.0), "b": (-5.0, 5.0), "c": (-5.0, 5.0)},
        [Fraction(1, 3)] * 3,
        [-2, -2, -2],
    ),
    numbers(
        "motzkin",
        True,
        "AM-GM of x^4 y^2, x^2 y^4 and 1, though it is no sum of squares; equality at |x| = |y| = 1.",
        lambda xp, x, y: (3 * x**2 * y**2, x**4 * y**2 + x**2 * y**4 + 1),
        {"x": (-3.0, 3.0), "y": (-3.0, 3.0)},
        [1, 1],
        [1, -1],
    ),
    numbers(
        "schur-of-degree-four",
        True,
        "Schur: sum a^2 (a - b)(a - c) >= 0; equality at a = b = c and at (1, 1, 0).",
        lambda xp, a, b, c: (
            a**3 * b + a**3 * c + b**3 * a + b**3 * c + c**3 * a + c**3 * b,
            a**4 + b**4 + c**4 + a * b * c * (a + b + c),
        ),
        {"a": UNIT, "b": UNIT, "c": UNIT},
        [1, 1, 1],
        [1, 1, 0],
    ),
    numbers(
        "squares-below-powers-of-two",
        True,
        "n^2 <= 2^n + 1 at n = 0, 1, 2, 3, 4 by hand, with equality at 3, and by induction after; 3/2 stands for 1.",
        lambda xp, n: (n**2, xp.exp(n * xp.log(0 * n + 2)) + (0 * n + 3) / 2),
        {"n": (0, 30)},
        integers=True,
    ),
    numbers(
        "root-two-is-irrational",
        True,
        "x^2 = 2 y^2 has no solution in positive integers; |x^2 - 2 y^2| = 1 at (1, 1), (3, 2), (7, 5), ...",
        lambda xp, x, y: (0 * x + 1, xp.abs(x**2 - 2 * y**2)),
        {"x": (1, 1000), "y": (1, 1000)},
        [7, 5],
        [577, 408],
        integers=True,
    ),
    numbers(
        "product-to-sum",
        True,
        "(x - y)^2 (x + y)^2 = x^4 - 2 x^2 y^2 + y^4, an identity that cancels where x and y are close.",
        lambda xp, x, y: ((x - y) ** 2 * (x + y) ** 2, x**4 - 2 * x**2 * y**2 + y**4),
        {"x": (-100.0, 100.0), "y": (-100.0, 100.0)},
        [3, 3],
        identity=True,
    ),
    numbers(
        "schur-one-part-in-ten-thousand",
        False,
        "Schur's inequality with the left side larger by 1e-4: it fails only near the rays (1, 1, 1) and (1, 1, 0).",
        lambda xp, a, b, c: (
            (a**3 * b + a**3 * c + b**3 * a + b**3 * c + c**3 * a + c**3 * b) * 10001 / 10000,
            a**4 + b**4 + c**4 + a * b * c * (a + b + c),
        ),
        {"a": UNIT, "b": UNIT, "c": UNIT},
        [1, 1, 1],
    ),
    numbers(
        "motzkin-lowered",
        False,
        "The Motzkin polynomial is 0 at |x| = |y| = 1, so lowered by 1e-7 it is negative within 1e-4 of these points: "
        "four ellipses of area pi 1e-7 / sqrt(12).",
        lambda xp, x, y: (3 * x**2 * y**2 + (0 * x + 1) / 10**7, x**4 * y**2 + x**2 * y**4 + 1),
        {"x": (-3.0, 3.0), "y": (-3.0, 3.0)},
        [1, 1],
        share=4 * pi * 1e-7 / 12**0.5 / 36,
        known="formula",
    ),
    numbers(
        "cauchy-schwarz-in-space",
        False,
        "(u . v)^2 <= (1 - 1e-8) u^2 v^2 fails where the angle between u and v is below 1e-4.",
        lambda xp, a, b, c, e, g, h: (
            (a * e + b * g + c * h) ** 2,
            (a**2 + b**2 + c**2) * (e**2 + g**2 + h**2) * 99999999 / 10**8,
        ),
        dict.fromkeys(("a", "b", "c", "e", "g", "h"), SIGNED),
        [1, Fraction(1, 2), 0, 1, Fraction(1, 2), 0],
        share=2e-8,
        known="bound",
    ),
    numbers(
        "valley-of-rosenbrock",
        False,
        "1e-6 <= (1 - x)^2 + 100 (y - x^2)^2 fails in a bent ellipse of area pi 1e-6 / 10 round (1, 1).",
        lambda xp, x, y: ((0 * x + 1) / 10**6, (1 - x) ** 2 + 100 * (y - x**2) ** 2),
        {"x": (-5.0, 5.0), "y": (-5.0, 5.0)},
        [1, 1],
        share=pi * 1e-6 / 10 / 100,
        known="formula",
    ),
    numbers(
        "many-wells",
        False,
        "Rastrigin's function with its least well at (906, 1047, 1924) / 10^4 has thousands of wells; in the others "
        "it is above 0.1, and here below 1e-4 within about 2e-4.",
        lambda xp, x, y, w: (
            (0 * x + 1) / 10**4,
            sum(
                10 * u**2 + (1 - xp.cos(60 * u))
                for u in (x - (0 * x + 906) / 10**4, y - (0 * y + 1047) / 10**4, w - (0 * w + 1924) / 10**4)
            ),
        ),
        {"x": SIGNED, "y": SIGNED, "w": SIGNED},
        [Fraction(906, 10**4), Fraction(1047, 10**4), Fraction(1924, 10**4)],
        share=4 / 3 * pi * (1e-4 / 1810) ** 1.5 / 8,
        known="formula",
    ),
    _ratio("ratio-two-thirds-excluded", 3, 2, True, 0.0),
    _ratio("ratio-twenty-nine-to-thirty-seven-excluded", 29, 37, True, 0.0),
    _ratio("ratio-five-to-seven-by-a-billionth", 5, 7, False, 5.42e-6),
    numbers(
        "no-three-are-tied",
        False,
        "Equality, so a violation of <, where x = y = w, a line in the cube.",
        lambda xp, x, y, w: (0 * x, xp.abs(x - y) + xp.abs(y - w)),
        {"x": UNIT, "y": UNIT, "w": UNIT},
        [Fraction(1, 2)] * 3,
        strict=True,
        share=0.0,
        known="formula",
    ),
    numbers(
        "four-are-a-ten-thousandth-apart",
        False,
        "It fails where four numbers are within 1e-4 of each other: measure about 4e-12.",
        lambda xp, x, y, w, v: (
            (0 * x + 1) / 10**4,
            xp.max(xp.stack([x, y, w, v], -1), -1) - xp.min(xp.stack([x, y, w, v], -1), -1),
        ),
        {"x": UNIT, "y": UNIT, "w": UNIT, "v": UNIT},
        [Fraction(1, 2)] * 4,
        share=4e-12,
        known="formula",
    ),
    numbers(
        "one-pattern-of-five-signs",
        False,
        "The alternating sum is 5 at one corner; above 4.9 only within 0.1 of it in all: volume 0.1^5 / 5! of 32.",
        lambda xp, a, b, c, e, g: (a - b + c - e + g, (0 * a + 49) / 10),
        dict.fromkeys(("a", "b", "c", "e", "g"), SIGNED),
        [1, -1, 1, -1, 1],
        share=0.1**5 / 120 / 32,
        known="formula",
    ),
    numbers(
        "resonance-of-two",
        False,
        "The peak 1 / ((a b - c)^2 + 1e-8) with c = 0.7321 is above 5e7 where |a b - c| < 1e-4: a hyperbola's strip of "
        "area 2e-4 log(1 / c).",
        lambda xp, a, b: (1 / ((a * b - (0 * a + 7321) / 10**4) ** 2 + (0 * a + 1) / 10**8), 0 * a + 5 * 10**7),
        {"a": UNIT, "b": UNIT},
        [1, Fraction(7321, 10**4)],
        share=2e-4 * 0.31184,
        known="formula",
    ),
    numbers(
        "resonance-of-two-in-three",
        False,
        "As above with two conditions at once, a b = 0.4142 and b c = 0.3183, each to 1e-5: the product of the two "
        "peaks is above 1/4 only along a curve.",
        lambda xp, a, b, c: (
            1
            / (1 + 10**10 * (a * b - (0 * a + 4142) / 10**4) ** 2)
            / (1 + 10**10 * (b * c - (0 * a + 3183) / 10**4) ** 2),
            (0 * a + 1) / 4,
        ),
        {"a": UNIT, "b": UNIT, "c": UNIT},
        [Fraction(4142, 5000), Fraction(1, 2), Fraction(3183, 5000)],
        share=1.7e-9,
        known="bound",
    ),
    _bump("peak-of-one-in-ten-million", 3 * 10**7, (Fraction(3137, 9973), Fraction(7069, 9967)), pi / 3e7),
    _bump("peak-of-three-in-ten-billion", 10**10, (Fraction(6173, 9973), Fraction(1607, 9967)), pi / 1e10),
    _spike("spike-of-two-in-ten-thousand", 10**4, (Fraction(3137, 9973), Fraction(7069, 9967)), pi * 0.693147 / 1e4),
    _spike("spike-of-two-in-a-million", 10**6, (Fraction(5813, 9973), Fraction(2203, 9967)), pi * 0.693147 / 1e6),
    _spike("spike-of-two-in-a-billion", 10**9, (Fraction(4001, 9973), Fraction(8117, 9967)), pi * 0.693147 / 1e9),
    numbers(
        "window-of-large-steps",
        False,
        "With entropy weight one a step eta multiplies the distance to the optimum by 1 - eta p (1 - p), below -1 only "
        "for eta > 4 near p = 1/2: it fails for eta > 8 alone, which leaves 8 < eta <= 8.02 and small L and r.",
        lambda xp, level, reward, eta: _step(xp, level, reward, eta),
        {"level": (-2.0, 2.0), "reward": (-2.0, 2.0), "eta": (0.0, 8.02)},
        [Fraction(1, 100), 0, Fraction(801, 100)],
    ),
    numbers(
        "sixteen-steps-suffice",
        False,
        "The error is below 1/16 after sixteen steps from most starts, not from small p.",
        lambda xp, level: (_climb(xp, level), (0 * level + 1) / 16),
        {"level": (-6.0, 6.0)},
        [-6],
    ),
    numbers(
        "no-pell-unit",
        False,
        "|x^2 - 13 y^2| >= 2 fails at (18, 5) and (649, 180) alone, two of a million pairs.",
        lambda xp, x, y: (0 * x + 2, xp.abs(x**2 - 13 * y**2)),
        {"x": (1, 1000), "y": (1, 1000)},
        [18, 5],
        [649, 180],
        integers=True,
        share=2e-6,
        known="formula",
    ),
    numbers(
        "no-taxicab",
        False,
        "|x^3 + y^3 - 1729| >= 1 fails at (1, 12), (9, 10) and their exchanges, four of 160,000 pairs.",
        lambda xp, x, y: (0 * x + 1, xp.abs(x**3 + y**3 - 1729)),
        {"x": (1, 400), "y": (1, 400)},
        [9, 10],
        integers=True,
        share=2.5e-5,
        known="formula",
    ),
    numbers(
        "no-nearly-pythagorean-triple",
        False,
        "x^2 + y^2 = w^2 + 1 with y = x + 9 has three solutions among 1.3e9 triples.",
        lambda xp, x, y, w: (0 * x + 1, xp.abs(x**2 + y**2 - w**2 - 1) + xp.abs(y - x - 9)),
        {"x": (40, 1000), "y": (40, 1000), "w": (40, 1500)},
        [151, 160, 220],
        [209, 218, 302],
        [902, 911, 1282],
        integers=True,
        share=3 / (961**2 * 1461),
        known="formula",
    ),
    numbers(
        "square-with-a-second-order-slip",
        False,
        "(x + y)^2 = x^2 + 2 x y + y^2 + 1e-9 x^2 y^2: wrong in a term of second order, everywhere but on the axes.",
        lambda xp, x, y: ((x + y) ** 2, x**2 + 2 * x * y + y**2 + x**2 * y**2 / 10**9),
        {"x": SIGNED, "y": SIGNED},
        [1, 1],
        identity=True,
        share=1.0,
        known="formula",
    ),
]
