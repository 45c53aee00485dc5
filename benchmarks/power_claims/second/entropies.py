"""Claims about entropies: bounds by the error, continuity, concavity, mixtures, Renyi orders near one."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import CHECKED, Labelled, constant
from benchmarks.power_claims.second.forms import about_policies

WINDOW = 1.911 / 20
"""Of seven of eight logits that are within log(0.25 / 0.037) = 1.911 of each other, in units of the box."""


def _error(xp: Any, p: Any) -> Any:
    return 1 - xp.max(p, -1)


def _fano(xp: Any, p: Any, others: Any) -> Any:
    """The entropy of the error, and the error times the log of the number of `others`."""
    e = _error(xp, p)
    return -e * xp.log(e) - (1 - e) * xp.log(1 - e) + e * np.log(others)


def _plain_fano(xp: Any, z: Any, fewer: int) -> Any:
    p = f.softmax(xp, z)
    e = _error(xp, p)
    bits = -e * xp.log(e) - (1 - e) * xp.log(1 - e)
    return f.entropy(xp, z), bits + e * xp.log(constant(z, z.shape[-1] - fewer))


def _continuity(xp: Any, p: Any, q: Any, others: Any, two: Any) -> Any:
    apart = xp.sum(xp.abs(p - q), -1) / 2
    shared = xp.sum(xp.min(xp.stack([p, q], -1), -1), -1)
    return apart * others + 2 * two * xp.sqrt(apart * shared)


def _plain_continuity(xp: Any, z: Any, w: Any) -> Any:
    bound = _continuity(
        xp, f.softmax(xp, z), f.softmax(xp, w), xp.log(constant(z, z.shape[-1] - 1)), xp.log(constant(z, 2))
    )
    return xp.abs(f.entropy(xp, z) - f.entropy(xp, w)), bound


def _mixed(p: Any, q: Any, weight: Any) -> Any:
    return p + weight[..., None] * (q - p)


def _shannon(xp: Any, p: Any) -> Any:
    return -xp.sum(p * xp.log(p), -1)


def _reversed(z: Any, a: Any) -> Any:
    p = et.softmax(z)
    return _shannon(CHECKED, _mixed(p, p[..., ::-1], a))


def _plain_reversed(xp: Any, z: Any, a: Any) -> Any:
    p = f.softmax(xp, z)
    return f.entropy(xp, z), f.entropy_of(xp, _mixed(p, p[..., ::-1], a))


def _perplexity(xp: Any, entropy: Any) -> Any:
    """The perplexity to the power 2/3."""
    return xp.exp(2 * entropy / 3)


def _plain_perplexity(xp: Any, z: Any, w: Any) -> Any:
    middle = (f.softmax(xp, z) + f.softmax(xp, w)) / 2
    ends = _perplexity(xp, f.entropy(xp, z)) + _perplexity(xp, f.entropy(xp, w))
    return ends / 2, _perplexity(xp, f.entropy_of(xp, middle))


def _collision(xp: Any, p: Any) -> Any:
    return -xp.log(xp.sum(p**2, -1))


def _plain_collision(xp: Any, z: Any, w: Any) -> Any:
    p, q = f.softmax(xp, z), f.softmax(xp, w)
    return (_collision(xp, p) + _collision(xp, q)) / 2, _collision(xp, (p + q) / 2)


def _renyi_sum(z: Any, a: Any) -> Any:
    return np.log(np.exp((1 + a[..., None]) * et.log_softmax(z)).sum(-1))


def _plain_renyi(xp: Any, z: Any, a: Any) -> Any:
    power_sum = xp.sum(xp.exp((1 + a[..., None]) * f.log_softmax(xp, z)), -1)
    return a * f.entropy(xp, z) + xp.log(power_sum), a**2 * f.variance(xp, z, z) / 2


BOTH = ("z", "w")

CLAIMS: list[Labelled] = [
    about_policies(
        "entropy-at-least-two-bits-an-error",
        True,
        "For m = max p >= 1/2, H >= h(m) >= 2 log 2 (1 - m), as h is concave; below, H >= -log m, which is convex and "
        "steeper than the chord at 1/2.",
        lambda z: 2 * np.log(et.exact(2)) * _error(CHECKED, et.softmax(z)),
        et.entropy,
        lambda xp, z: (2 * xp.log(constant(z, 2)) * _error(xp, f.softmax(xp, z)), f.entropy(xp, z)),
        [0, 0],
        [3, 3],
        actions=(2, 6),
    ),
    about_policies(
        "fano",
        True,
        "Chain rule: H is the entropy of the error plus its probability times the entropy of the others, at most "
        "log(n - 1); equality if they are tied.",
        et.entropy,
        lambda z: _fano(CHECKED, et.softmax(z), et.exact(z.shape[-1] - 1)),
        lambda xp, z: _plain_fano(xp, z, 1),
        [2, 0, 0],
        [5, 1, 1, 1],
        actions=(3, 5),
    ),
    about_policies(
        "entropy-continuous-in-variation",
        True,
        "Couple p and q best: |H(p) - H(q)| <= h(T) + T log(n - 1) by Fano, and h(T) <= 2 log 2 sqrt(T (1 - T)).",
        lambda z, w: np.abs(et.entropy(z) - et.entropy(w)),
        lambda z, w: _continuity(
            CHECKED, et.softmax(z), et.softmax(w), np.log(et.exact(z.shape[-1] - 1)), np.log(et.exact(2))
        ),
        _plain_continuity,
        [1, 0, 2, 1, 0, 2],
        actions=(2, 4),
        logits=BOTH,
    ),
    about_policies(
        "mixing-with-the-reversal-raises-entropy",
        True,
        "The mixture is a doubly stochastic image of p, hence majorized by it; equality at weight 0 or 1 and for a "
        "palindrome.",
        lambda z, a: et.entropy(z),
        _reversed,
        _plain_reversed,
        [1, 3, 0],
        [2, 0, 2, Fraction(1, 3)],
        [1, 4, 1],
        actions=(2, 5),
        scalars={"a": (0.0, 1.0)},
    ),
    about_policies(
        "fano-with-two-others-fewer",
        False,
        "The mode has n - 1 others, not n - 2: it fails if the others' own entropy is above log 4, of at most log 5.",
        et.entropy,
        lambda z: _fano(CHECKED, et.softmax(z), et.exact(z.shape[-1] - 2)),
        lambda xp, z: _plain_fano(xp, z, 2),
        [0] * 6,
        actions=6,
    ),
    about_policies(
        "collision-at-least-one-over-n-less-one",
        False,
        "sum p^2 >= 1/n, not 1/(n - 1). Below 1/7 no p is above 1/4, and the two least sum to 0.074 at least, so that "
        "seven of the eight logits are within 1.911 of each other.",
        lambda z: et.exact(1, 7) + 0 * z[..., 0],
        lambda z: (et.softmax(z) ** 2).sum(-1),
        lambda xp, z: (constant(z, 1, 7), xp.sum(f.softmax(xp, z) ** 2, -1)),
        [0] * 8,
        actions=8,
        share=comb(8, 7) * 7 * WINDOW**6,
        known="bound",
    ),
    about_policies(
        "power-of-perplexity-is-concave",
        False,
        "exp(c H) is concave where c Var(log p) <= 1. The variance is at most 1.4421 over six actions and 1.6174 over "
        "seven, so with c = 2/3 it fails only with seven, near one action against six equal ones.",
        lambda z, w: (_perplexity(np, et.entropy(z)) + _perplexity(np, et.entropy(w))) / 2,
        lambda z, w: _perplexity(np, _shannon(CHECKED, (et.softmax(z) + et.softmax(w)) / 2)),
        _plain_perplexity,
        [Fraction(33, 10), *[0] * 6, Fraction(317, 100), *[0] * 6],
        actions=(2, 7),
        logits=BOTH,
    ),
    about_policies(
        "collision-entropy-is-concave",
        False,
        "-log sum p^2 has a negative second derivative in all directions only while sum p^2 <= 2/n: of three actions "
        "it fails near the corners of the simplex.",
        lambda z, w: (_collision(CHECKED, et.softmax(z)) + _collision(CHECKED, et.softmax(w))) / 2,
        lambda z, w: _collision(CHECKED, (et.softmax(z) + et.softmax(w)) / 2),
        _plain_collision,
        [5, 0, 0, 3, 0, 0],
        logits=BOTH,
    ),
    about_policies(
        "geometric-mixture-is-no-more-random",
        False,
        "Half-way between two nearly deterministic policies with different modes the two modes are tied.",
        lambda z, w: et.entropy((z + w) / 2),
        lambda z, w: et.largest(np.stack([et.entropy(z), et.entropy(w)], -1)),
        lambda xp, z, w: (
            f.entropy(xp, (z + w) / 2),
            xp.max(xp.stack([f.entropy(xp, z), f.entropy(xp, w)], -1), -1),
        ),
        [8, 0, 0, 0, 8, 0],
        logits=BOTH,
    ),
    about_policies(
        "renyi-gap-below-half-the-varentropy",
        False,
        "a (H - H_{1+a}) = a^2 Var / 2 + a^3 k / 6 + ... with the third cumulant k of log p, which is positive where "
        "one action is a little likelier than two equal ones: it fails near the uniform policy.",
        lambda z, a: a * et.entropy(z) + _renyi_sum(z, a),
        lambda z, a: a**2 * et.varentropy(z) / 2,
        _plain_renyi,
        [Fraction(1, 2), 0, 0, 1],
        scalars={"a": (0.0, 1.0)},
        open_low=True,
    ),
]
