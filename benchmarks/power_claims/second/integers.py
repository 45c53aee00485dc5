"""Claims about integers that fail for a few of some ten thousand."""

from __future__ import annotations

from typing import Any

from benchmarks.power_claims.labelled import Labelled, numbers

CLAIMS: list[Labelled] = [
    numbers(
        "three-squares-are-not-seven-modulo-eight",
        True,
        "Squares are 0, 1 or 4 modulo 8, and no three of these sum to 7.",
        lambda xp, x, y, w, k: (0 * x + 1, xp.abs(x**2 + y**2 + w**2 - 8 * k - 7)),
        {"x": (0, 15), "y": (0, 15), "w": (0, 15), "k": (0, 20)},
        [1, 1, 2, 0],
        [2, 2, 0, 0],
        [3, 3, 2, 2],
        integers=True,
    ),
    numbers(
        "no-pyramid-of-squares-is-a-square",
        False,
        "1 + 4 + ... + n^2 = y^2 for n = 24 and y = 70 alone, one of 98,901 pairs.",
        lambda xp, n, y: (0 * n + 1, xp.abs(n * (n + 1) * (2 * n + 1) - 6 * y**2)),
        {"n": (2, 100), "y": (2, 1000)},
        [24, 70],
        integers=True,
        share=1 / 98_901,
        known="formula",
    ),
    numbers(
        "no-tetrahedral-number-is-triangular",
        False,
        "n (n + 1)(n + 2) / 6 = m (m + 1) / 2 for (20, 55) and (34, 119) beyond the small ones, two of 83,220 pairs.",
        lambda xp, n, m: (0 * n + 1, xp.abs(n * (n + 1) * (n + 2) - 3 * m * (m + 1))),
        {"n": (9, 300), "m": (16, 300)},
        [20, 55],
        [34, 119],
        integers=True,
        share=2 / 83_220,
        known="formula",
    ),
    numbers(
        "no-square-is-seven-below-a-power-of-two",
        False,
        "Ramanujan and Nagell: x^2 + 7 = 2^n for x = 1, 3, 5, 11 and 181 only; here for (181, 15) alone.",
        lambda xp, x, n: ((0 * x + 1) / 2, xp.abs(x**2 + 7 - xp.exp(n * xp.log(0 * x + 2)))),
        {"x": (12, 2000), "n": (1, 40)},
        [181, 15],
        integers=True,
        share=1 / 79_560,
        known="formula",
    ),
    numbers(
        "logarithm-of-a-number-over-it-falls",
        False,
        "log n / n falls from e on: from 2 to 3 it rises, and nowhere else.",
        lambda xp, n: _over(xp, n),
        {"n": (2, 100_000)},
        [2],
        integers=True,
        share=1 / 99_999,
        known="formula",
    ),
]


def _over(xp: Any, n: Any) -> tuple[Any, Any]:
    return n * xp.log(n + 1), (n + 1) * xp.log(n)
