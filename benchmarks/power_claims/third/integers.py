"""Claims about integers: fourth powers, and a polynomial that is prime for long."""

from __future__ import annotations

from benchmarks.power_claims.labelled import Labelled, numbers

CLAIMS: list[Labelled] = [
    numbers(
        "two-fourth-powers-are-no-square",
        True,
        "Fermat: x^4 + y^4 = w^2 has no solution in positive integers.",
        lambda xp, x, y, w: (0 * x + 1, xp.abs(x**4 + y**4 - w**2)),
        {"x": (1, 30), "y": (1, 30), "w": (1, 1300)},
        [1, 2, 4],
        [3, 1, 9],
        integers=True,
    ),
    numbers(
        "euler-s-polynomial-is-prime",
        False,
        "n^2 + n + 41 is prime up to n = 39; m k = n^2 + n + 41 for n = 40, 41, 44 and 49, seven of 499,851 triples.",
        lambda xp, n, m, k: (0 * n + 1, xp.abs(n**2 + n + 41 - m * k)),
        {"n": (0, 50), "m": (2, 100), "k": (2, 100)},
        [40, 41, 41],
        [41, 41, 43],
        [41, 43, 41],
        [44, 43, 47],
        [44, 47, 43],
        [49, 47, 53],
        [49, 53, 47],
        integers=True,
        share=7 / 499_851,
        known="formula",
    ),
]
