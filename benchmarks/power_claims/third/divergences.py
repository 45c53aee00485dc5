"""Claims about divergences: Jeffreys and Jensen-Shannon, triangles, mixtures, permuted and merged actions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import CHECKED, Labelled
from benchmarks.power_claims.second.forms import about_policies, spread

PAIR = ("z", "w")
HALF = Fraction(1, 2)


def _apart(z: Any, w: Any) -> Any:
    return np.abs(et.softmax(z) - et.softmax(w)).sum(-1) / 2


def _jeffreys(z: Any, w: Any) -> Any:
    return et.kl(z, w) + et.kl(w, z)


def _plain_jeffreys(xp: Any, z: Any, w: Any) -> Any:
    return f.kl(xp, z, w) + f.kl(xp, w, z)


def _between(xp: Any, p: Any, q: Any) -> Any:
    """``KL(p || q)`` of probabilities."""
    return xp.sum(p * (xp.log(p) - xp.log(q)), -1)


def _jensen_shannon(xp: Any, p: Any, q: Any) -> Any:
    middle = (p + q) / 2
    return (_between(xp, p, middle) + _between(xp, q, middle)) / 2


def _triangular(xp: Any, p: Any, q: Any) -> Any:
    return xp.sum((p - q) ** 2 / (p + q), -1)


def _mixed(p: Any, q: Any, a: Any) -> Any:
    return a[..., None] * p + (1 - a[..., None]) * q


def _hyperbolic(xp: Any, width: Any) -> Any:
    """``tanh(width / 4)``."""
    return 1 - 2 / (1 + xp.exp(width / 2))


def _shift(z: Any) -> Any:
    """Each action takes the logit of the one before."""
    return z[..., [z.shape[-1] - 1, *range(z.shape[-1] - 1)]]


def _hellinger(xp: Any, log_p: Any, log_q: Any) -> Any:
    """Half the squared distance of the square roots."""
    return xp.sum((xp.exp(log_p / 2) - xp.exp(log_q / 2)) ** 2, -1) / 2


def _detour(xp: Any, log_p: Any, log_m: Any, log_q: Any) -> Any:
    return _hellinger(xp, log_p, log_m) + _hellinger(xp, log_m, log_q)


def _ratio_spread(xp: Any, p: Any, log_ratio: Any) -> Any:
    mean = xp.sum(p * log_ratio, -1)[..., None]
    return xp.sum(p * (log_ratio - mean) ** 2, -1)


def _merged(xp: Any, p: Any) -> Any:
    return xp.stack([p[..., 0], p[..., 1] + p[..., 2]], -1)


def _merging(xp: Any, p: Any, q: Any, before: Any) -> tuple[Any, Any]:
    """Variances of the log-ratio with actions 1 and 2 merged, and not."""
    both = _merged(xp, p), _merged(xp, q)
    return _ratio_spread(xp, both[0], xp.log(both[0]) - xp.log(both[1])), before


CLAIMS: list[Labelled] = [
    about_policies(
        "jeffreys-below-variation-times-the-spread-of-the-ratio",
        True,
        "It is sum (p - q)(z - w), at most the mass that moves times the range of z - w; equality for two actions.",
        _jeffreys,
        lambda z, w: _apart(z, w) * spread(z - w),
        lambda xp, z, w: (_plain_jeffreys(xp, z, w), f.total_variation(xp, z, w) * f.spread(xp, z - w)),
        [2, 0, -1, 0],
        [1, 0, 0, 2, 1, 0],
        actions=(2, 4),
        logits=PAIR,
    ),
    about_policies(
        "kl-of-a-mixture-to-its-part",
        True,
        "KL(. || q) is convex and zero at q; equality at weight 0 or 1 and at p = q.",
        lambda z, w, a: _between(CHECKED, _mixed(et.softmax(z), et.softmax(w), a), et.softmax(w)),
        lambda z, w, a: a * et.kl(z, w),
        lambda xp, z, w, a: (
            _between(xp, _mixed(f.softmax(xp, z), f.softmax(xp, w), a), f.softmax(xp, w)),
            a * f.kl(xp, z, w),
        ),
        [1, 0, 2, 3, 0],
        [1, 0, 2, 3, 1],
        [0, 1, 0, 1, HALF],
        actions=(2, 4),
        logits=PAIR,
        scalars={"a": (0.0, 1.0)},
    ),
    about_policies(
        "variation-below-a-hyperbolic-tangent",
        True,
        "Birkhoff: of all p, q whose log-ratio has range R the pair (1, exp(R / 2)) and its reversal are furthest "
        "apart, tanh(R / 4); equality there.",
        _apart,
        lambda z, w: _hyperbolic(CHECKED, spread(z - w)),
        lambda xp, z, w: (f.total_variation(xp, z, w), _hyperbolic(xp, f.spread(xp, z - w))),
        [1, -1, -1, 1],
        [2, 0, 0, 2],
        [0, 1, 2, 0, 1, 2],
        actions=(2, 4),
        logits=PAIR,
    ),
    about_policies(
        "jensen-shannon-below-an-eighth-of-jeffreys",
        True,
        "With p = m (1 + u), q = m (1 - u) the terms are m times (1 + u) log(1 + u) + (1 - u) log(1 - u), over 2, and "
        "m u log((1 + u) / (1 - u)) / 4: the second has the larger series; equality at p = q.",
        lambda z, w: _jensen_shannon(CHECKED, et.softmax(z), et.softmax(w)),
        lambda z, w: _jeffreys(z, w) / 8,
        lambda xp, z, w: (
            _jensen_shannon(xp, f.softmax(xp, z), f.softmax(xp, w)),
            _plain_jeffreys(xp, z, w) / 8,
        ),
        [1, 0, 3, 2],
        actions=(2, 4),
        logits=PAIR,
    ),
    about_policies(
        "kl-to-the-shifted-policy-is-symmetric",
        False,
        "True of a permutation that is its own inverse, so of the shift of two actions; of three and four it fails "
        "almost everywhere, in third order round the uniform policy.",
        lambda z: et.kl(z, _shift(z)),
        lambda z: et.kl(_shift(z), z),
        lambda xp, z: (f.kl(xp, z, _shift(z)), f.kl(xp, _shift(z), z)),
        [2, 1, 0],
        actions=(2, 4),
        identity=True,
        share=2 / 3,
        known="formula",
    ),
    about_policies(
        "squared-hellinger-relaxed-triangle",
        False,
        "The square of a metric satisfies the triangle with the factor 2; with 1.99 it fails where the second policy "
        "is half-way between two that are close in angle.",
        lambda z, m, w: _hellinger(CHECKED, et.log_softmax(z), et.log_softmax(w)),
        lambda z, m, w: et.exact("1.99") * _detour(CHECKED, et.log_softmax(z), et.log_softmax(m), et.log_softmax(w)),
        lambda xp, z, m, w: (
            _hellinger(xp, f.log_softmax(xp, z), f.log_softmax(xp, w)),
            _detour(xp, f.log_softmax(xp, z), f.log_softmax(xp, m), f.log_softmax(xp, w)) * 199 / 100,
        ),
        [Fraction(1, 8), 0, 0, 0, Fraction(-1, 8), 0],
        actions=(2, 3),
        logits=("z", "m", "w"),
    ),
    about_policies(
        "triangle-above-jensen-shannon-by-a-ten-thousandth",
        False,
        "A quarter of sum (p - q)^2 / (p + q) is below the Jensen-Shannon divergence, by a share of second order: with "
        "1.0001 it fails where p / q is nearly one on all that has mass.",
        lambda z, w: et.exact("1.0001") * _triangular(CHECKED, et.softmax(z), et.softmax(w)) / 4,
        lambda z, w: _jensen_shannon(CHECKED, et.softmax(z), et.softmax(w)),
        lambda xp, z, w: (
            _triangular(xp, f.softmax(xp, z), f.softmax(xp, w)) * 10001 / 40000,
            _jensen_shannon(xp, f.softmax(xp, z), f.softmax(xp, w)),
        ),
        [0, 0, 0, Fraction(1, 100), 0, 0],
        logits=PAIR,
    ),
    about_policies(
        "kl-below-half-the-largest-squared-ratio",
        False,
        "KL(p, q) is E_p u^2 / 2 - E_p u^3 / 3 + E_p u^4 / 4 - ... for u = q / p - 1, and E_p u^2 = max u^2 if p is "
        "even, where the fourth order is left.",
        lambda z, w: et.kl(z, w),
        lambda z, w: et.largest(np.abs(np.exp(et.log_softmax(w) - et.log_softmax(z)) - 1)) ** 2 / 2,
        lambda xp, z, w: (
            f.kl(xp, z, w),
            xp.max(xp.abs(xp.exp(f.log_softmax(xp, w) - f.log_softmax(xp, z)) - 1), -1) ** 2 / 2,
        ),
        [0, 0, 1, 0],
        actions=(2, 4),
        logits=PAIR,
    ),
    about_policies(
        "merging-lowers-the-spread-of-the-log-ratio",
        False,
        "The mean of the log-ratio falls, as for all f-divergences, its variance need not: it may be zero but for an "
        "unlikely action that the other policy prefers.",
        lambda z, w: _merging(CHECKED, et.softmax(z), et.softmax(w), None)[0],
        lambda z, w: _ratio_spread(CHECKED, et.softmax(z), et.log_softmax(z) - et.log_softmax(w)),
        lambda xp, z, w: _merging(
            xp,
            f.softmax(xp, z),
            f.softmax(xp, w),
            _ratio_spread(xp, f.softmax(xp, z), f.log_softmax(xp, z) - f.log_softmax(xp, w)),
        ),
        [10, 10, 0, 0, 0, 1],
        logits=PAIR,
    ),
]
