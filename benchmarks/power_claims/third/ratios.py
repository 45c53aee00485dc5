"""Claims about importance ratios, clipping, and advantages normalised within a group."""

from __future__ import annotations

from fractions import Fraction
from math import pi
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import CHECKED, Labelled, numbers
from benchmarks.power_claims.second.forms import about_policies

PAIR = ("z", "w")
GAIN = {"v": (-1.0, 1.0)}

OUTLIER = (64 / 7.9524 - 8) / 9
"""The others' squared deviations, in units of the outlier's squared distance, below which 2.82 is exceeded by nine."""

BALL = 16 * pi**3 / 105
"""Volume of the unit ball in seven dimensions."""

FAR = (2**9 / 8 - 2**9 / 9) / 2
"""Mean of the seventh power of the distance of two numbers in [-1, 1]."""


def _clipped(xp: Any, ratio: Any, v: Any, e: Any) -> Any:
    """``min(ratio v, clip(ratio, 1 - e, 1 + e) v)``."""
    low, high = 0 * ratio + 1 - e, 0 * ratio + 1 + e
    kept = xp.max(xp.stack([xp.min(xp.stack([ratio, high], -1), -1), low], -1), -1)
    return xp.min(xp.stack([ratio * v, kept * v], -1), -1)


def _capped(xp: Any, ratio: Any, v: Any, e: Any) -> Any:
    return v * xp.min(xp.stack([ratio, 1 + e], -1), -1)


def _normalised(xp: Any, r: Any, n: Any) -> tuple[Any, Any]:
    """The largest squared deviation, and the variance."""
    deviation = r - (xp.sum(r, -1) / n)[..., None]
    return xp.max(deviation**2, -1), xp.sum(deviation**2, -1) / n


def _plain_normalised(xp: Any, r: Any) -> tuple[Any, Any]:
    top, variance = _normalised(xp, r, r.shape[-1])
    return top, variance * 79524 / 10000


CLAIMS: list[Labelled] = [
    about_policies(
        "clipped-objective-is-pessimistic",
        True,
        "The smaller of ratio v and its clipped form is at most ratio v, whose mean under p is E_q v; equality at p = "
        "q, and wherever the ratios are between 1 - e and 1 + e.",
        lambda z, w, v, e: (
            et.softmax(z) * _clipped(CHECKED, np.exp(et.log_softmax(w) - et.log_softmax(z)), v, e[..., None])
        ).sum(-1),
        lambda z, w, v, e: et.expectation(w, v),
        lambda xp, z, w, v, e: (
            f.mean(xp, z, _clipped(xp, xp.exp(f.log_softmax(xp, w) - f.log_softmax(xp, z)), v, e[..., None])),
            f.mean(xp, w, v),
        ),
        [0, 1, 1, 2, 1, -1, Fraction(1, 5)],
        [0, 1, 1, 2, 1, -1, 0],
        [0, 0, 0, Fraction(1, 8), 0, 0, 1, 0, Fraction(-1, 2), Fraction(1, 2)],
        actions=(2, 4),
        logits=PAIR,
        arrays=GAIN,
        scalars={"e": (0.0, 1.0)},
    ),
    numbers(
        "clipping-from-above-suffices",
        False,
        "min(ratio v, clip(ratio) v) = v min(ratio, 1 + e) for v >= 0; for v < 0 it is v max(ratio, 1 - e), different "
        "if the ratio is below 1 - e or above 1 + e.",
        lambda xp, x, v, e: (_clipped(xp, x, v, e), _capped(xp, x, v, e)),
        {"x": (0.5, 1.5), "v": (-0.25, 1.0), "e": (0.4, 0.5)},
        ["1/2", "-1/8", "9/20"],
        ["3/2", "-1/8", "9/20"],
        identity=True,
        share=0.2 * 0.1,
        known="formula",
    ),
    about_policies(
        "normalised-advantage-of-nine-below-2.82",
        False,
        "Samuelson: |r - mean| <= sqrt(n - 1) standard deviations, sqrt(8) = 2.8284 for nine, if the eight others are "
        "tied. Above 2.82 they are in a ball of seven dimensions, of radius 0.062 distances to the outlier.",
        lambda r: _normalised(CHECKED, r, et.exact(r.shape[-1]))[0],
        lambda r: et.exact("7.9524") * _normalised(CHECKED, r, et.exact(r.shape[-1]))[1],
        _plain_normalised,
        [1, *([0] * 8)],
        actions=(2, 9),
        logits=(),
        arrays={"r": (-1.0, 1.0)},
        share=9 / 8 * 8**0.5 * 4 * BALL * OUTLIER**3.5 * FAR / 2**9,
        known="bound",
    ),
    numbers(
        "second-moment-of-the-ratio-is-above-one",
        False,
        "E_q (p / q)^2 = 1 + E_q (p / q - 1)^2: equality, so a violation of <, on policy, where p = q.",
        lambda xp, a, b, c, e: (0 * a + 1, a**2 / c + b**2 / e + (1 - a - b) ** 2 / (1 - c - e)),
        dict.fromkeys(("a", "b", "c", "e"), (0.0, 0.5)),
        ["1/3", "1/4", "1/3", "1/4"],
        strict=True,
        open_ends=True,
        share=0.0,
        known="formula",
    ),
    about_policies(
        "variation-below-0.49-of-the-change",
        False,
        "Total variation is at most tanh(max |z - w| / 2), the constant 1/2 being approached for small changes up on "
        "half of the mass and down on the other; with 0.49 it fails only there.",
        lambda z, w: np.abs(et.softmax(z) - et.softmax(w)).sum(-1) / 2,
        lambda z, w: et.exact("0.49") * et.largest(np.abs(z - w)),
        lambda xp, z, w: (f.total_variation(xp, z, w), xp.max(xp.abs(z - w), -1) * 49 / 100),
        [0, 0, 0, 0, Fraction(1, 10), Fraction(1, 10), Fraction(-1, 10), Fraction(-1, 10)],
        actions=4,
        logits=PAIR,
        share=3e-10,
        known="bound",
    ),
]
