"""Statistics of one policy and of its update by their definitions, and how far a float evaluation may lie from them.

`exactly` follows the definitions with 60 digits. Means are taken relative to the mode's value, since else no number of
digits would do for all policies; ``tests.oracles.policies`` has the same with hundreds of digits and without that.

`limits` is a running error analysis. EPS is one unit, one rounding errs by at most half of it. The inputs are exact.

* Odds ``w_a = exp(d_a)``: the rounding of ``d_a = z_a - max z`` is known exactly and moves w_a by as much, relatively;
  exp and a product err by 2 units. Below exp(-745.2) they are 0, and 2**-1074 is the error of what is subnormal.
  Below exp(-2200) nothing is left of them whatever they are multiplied by.
* A sum of n terms in any order but with at least 8 partial sums errs by ``2 + sqrt(n) / 4`` units of the sum of sizes:
  n / 8 roundings in a row, of either sign, stay within six standard deviations of that.
* Differences are bounded by what is subtracted: values relative to the mode's (of several modes, to any), and their
  mean. A large common part does not enter.
* All else is the rule of products. Squares below 2**-1074 are lost from the norm; ``fisher_norm, scaled`` is the limit
  of an evaluation that scales before it squares.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import mpmath
import numpy as np

Array = np.ndarray[Any, Any]
Real = Any
"""An mpmath number (mpmath carries no type information)."""

FIELDS = ("log_probability", "entropy", "entropy_gradient", "mean", "update", "covariance", "fisher_norm")
ROWS = ("log_probability", "entropy_gradient", "update")

DIGITS = 60
EPS = 2.0**-52
TINY = 2.0**-1074
VANISHED = -746.0
"""Where exp is 0 in float64, so that digits beyond need not be carried."""
NOTHING = -2200.0


def exactly(z: Sequence[float], v: Sequence[float]) -> dict[str, Any]:
    """Each of FIELDS, the probabilities and the values less their mean, for one policy."""
    with mpmath.workdps(DIGITS):
        mode = max(range(len(z)), key=z.__getitem__)
        odds = [mpmath.exp(mpmath.mpf(a) - z[mode]) for a in z]
        others = mpmath.fsum(w for a, w in enumerate(odds) if a != mode)
        p = [w / (1 + others) for w in odds]
        x = [mpmath.mpf(a) - z[mode] - mpmath.log1p(others) for a in z]
        y, _ = deviations(p, z, mode)
        c, mean = deviations(p, v, mode)
        u = [a * b for a, b in zip(p, c, strict=True)]
        k, _ = deviations(p, u, mode)
        return {
            "probability": p,
            "centred": c,
            "log_probability": x,
            "entropy": -mpmath.fdot(p, x),
            "entropy_gradient": [-a * b for a, b in zip(p, y, strict=True)],
            "mean": mean,
            "update": u,
            "covariance": mpmath.fsum(a * b * c for a, b, c in zip(p, y, k, strict=True)),
            "fisher_norm": mpmath.sqrt(mpmath.fsum(a * b * b for a, b in zip(p, k, strict=True))),
        }


def deviations(p: Sequence[Real], x: Sequence[Any], mode: int) -> tuple[list[Real], Real]:
    """``x_a - E x`` and ``E x``."""
    relative = [mpmath.mpf(a) - x[mode] for a in x]
    mean = mpmath.fdot(p, relative)
    return [a - mean for a in relative], x[mode] + mean


def parts(number: Any) -> tuple[Any, Any]:
    """A number, or a list of them, as the nearest float and what it leaves, so that errors can be taken in float64."""
    if isinstance(number, list):
        pairs = [parts(x) for x in number]
        return np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    high = float(number)
    with mpmath.workdps(DIGITS):
        return high, float(number - mpmath.mpf(high))


def limits(z: Array, v: Array, exact: Mapping[str, Any]) -> dict[str, Any]:
    """Largest allowed errors of FIELDS, and of a scaled norm; `exact` holds the answers as floats."""
    n = z.size
    adding = (2 + math.sqrt(n) / 4) * EPS
    mode = int(z.argmax())
    d, d_off = difference(z, z[mode])
    size = np.abs(d)
    w = np.exp(np.maximum(d, VANISHED))
    least = np.where(d > NOTHING, 2 * TINY, 0.0)
    p = exact["probability"]

    other = np.arange(n) != mode
    others = w[other].sum()
    w_off = w * (d_off + 2 * EPS) + least
    others_off = w_off[other].sum() + adding * others
    p_off = p * (d_off + 4 * EPS + others_off / (1 + others)) + least

    shift = math.log1p(others)
    shift_off = others_off / (1 + others) + 4 * EPS * shift + TINY
    x = exact["log_probability"]
    x_off = np.where(other, d_off + EPS * size, 0.0) + shift_off
    x_off += EPS * np.abs(x)

    drop_off = (p_off * size + p * d_off).sum() + adding * (p * size).sum()
    y = np.abs(x + exact["entropy"])
    y_off = d_off + drop_off + EPS * y

    b = distance(v, v[d == 0])
    b_off = EPS * b
    m_off = (p_off * b + p * b_off).sum() + adding * (p * b).sum() + n * TINY
    c = np.abs(exact["centred"])
    c_off = b_off + m_off + EPS * c
    u = exact["update"]
    u_off = p_off * c + p * c_off + EPS * np.abs(u) + TINY

    # Scaled, so that squares neither overflow nor vanish.
    scale = max(float(np.abs(u).max()), TINY)
    k = np.abs(u / scale - (p * (u / scale)).sum())
    t = distance(u / scale, u[d == 0] / scale)
    k_off = u_off / scale + (p_off * t + p * (u_off / scale)).sum() + adding * (p * t).sum() + EPS * k
    covariance_off = (p_off * y * k + p * y_off * k + p * y * k_off).sum() + adding * (p * y * k).sum()
    square = (p * k * k).sum()
    square_off = (p_off * k * k + 2 * p * k * k_off + p * k_off * k_off).sum() + adding * square
    norm_off = math.sqrt(square + square_off) - math.sqrt(square) if square_off > 0.1 * square else 0.0
    norm_off = norm_off or square_off / (2 * math.sqrt(square) or 1.0)
    norm = math.sqrt(square) * scale
    scaled = norm_off * scale + 2 * EPS * norm + n * TINY
    lost = n * TINY
    squared = min(math.sqrt(lost), lost / (2 * norm) if norm > math.sqrt(TINY) else math.inf)
    entropy_off = shift_off + drop_off + (p_off * np.abs(x)).sum() + EPS * exact["entropy"]
    return {
        "log_probability": x_off,
        "entropy": entropy_off + TINY,
        "entropy_gradient": p_off * y + p * y_off + EPS * p * y + TINY,
        "mean": m_off + EPS * abs(exact["mean"]) + TINY,
        "update": u_off,
        "covariance": covariance_off * scale + n * TINY * (1 - VANISHED),
        "fisher_norm": scaled + squared,
        "fisher_norm, scaled": scaled,
    }


def distance(x: Array, of_modes: Array) -> Array:
    """The largest that ``|x - x_mode|`` may be."""
    return np.asarray(np.maximum(np.abs(x - of_modes.min()), np.abs(x - of_modes.max())))


def difference(x: Array, y: float) -> tuple[Array, Array]:
    """``x - y`` and the size of what its rounding leaves out, exactly (Knuth's two-sum)."""
    d = x - y
    back = d - x
    return d, np.abs((x - (d - back)) - (y + back))
