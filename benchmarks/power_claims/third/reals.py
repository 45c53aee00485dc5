"""Claims about real numbers: logarithms, divergences of bits, and probabilities as functions of gaps."""

from __future__ import annotations

from typing import Any

from benchmarks.power_claims.labelled import Labelled, numbers

UNIT = (0.0, 1.0)
GAP = (0.5, 10.0)


def _bits(xp: Any, p: Any, q: Any) -> tuple[Any, Any]:
    """A bound on ``KL(p || q)`` by powers of p - q, and the divergence."""
    square = (p - q) ** 2
    divergence = p * (xp.log(p) - xp.log(q)) + (1 - p) * (xp.log(1 - p) - xp.log(1 - q))
    return 2 * square + square**2 / 2, divergence


def _first(xp: Any, x: Any, y: Any) -> Any:
    """The probability of an action whose logit is x and y above those of two others."""
    return 1 / (1 + xp.exp(-x) + xp.exp(-y))


CLAIMS: list[Labelled] = [
    numbers(
        "logarithm-below-a-power-of-its-argument",
        False,
        "log(1 + x) <= x / (1 + x)^c holds for c <= 1/2; with c = 0.501 it fails for x < 0.02429, where the second "
        "order decides.",
        lambda xp, x: (xp.log(1 + x), x * xp.exp(-501 * xp.log(1 + x) / 1000)),
        {"x": (0.0, 10_000.0)},
        ["1/100"],
        share=0.02429044e-4,
        known="formula",
    ),
    numbers(
        "pinsker-with-half-a-fourth-power",
        False,
        "KL(p, q) >= 2 d^2 + 4 d^4 / 9 for d = p - q; with 1/2 for 4/9 it fails near q = 1/2 - d / 3 alone.",
        lambda xp, p, q: _bits(xp, p, q),
        {"p": UNIT, "q": UNIT},
        ["3/5", "9/20"],
        open_ends=True,
    ),
    numbers(
        "probability-is-concave-in-gaps-from-a-half-on",
        False,
        "1 / (1 + exp(-x) + exp(-y)) is concave where it is at least 1/2, so for gaps of log 2 and more; between 1/2 "
        "and that it is not.",
        lambda xp, x, y, u, v: (
            (_first(xp, x, y) + _first(xp, u, v)) / 2,
            _first(xp, (x + u) / 2, (y + v) / 2),
        ),
        {"x": GAP, "y": GAP, "u": GAP, "v": GAP},
        ["1/2", "1/2", "11/20", "11/20"],
        share=1.3e-7,
        known="bound",
    ),
]
