"""Claims about divergences: swapped directions, variational formulas, importance ratios, Renyi and Chernoff sums."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import Labelled
from benchmarks.power_claims.second.forms import about_policies, log_sum_exp

BOTH = ("z", "w")
SIGNED = {"v": (-1.0, 1.0)}
LOSS = (-1 / 64, 1.0)


def _between(log_p: Any, log_q: Any, a: Any) -> Any:
    """Exponents of ``p^a q^(1 - a)``."""
    return a[..., None] * log_p + (1 - a[..., None]) * log_q


def _chernoff(z: Any, w: Any, a: Any) -> Any:
    return np.log(np.exp(_between(et.log_softmax(z), et.log_softmax(w), a)).sum(-1))


def _plain_chernoff(xp: Any, z: Any, w: Any, a: Any) -> Any:
    return xp.log(xp.sum(xp.exp(_between(f.log_softmax(xp, z), f.log_softmax(xp, w), a)), -1))


def _affinity(z: Any, w: Any) -> Any:
    return 2 * np.log(np.exp((et.log_softmax(z) + et.log_softmax(w)) / 2).sum(-1))


def _plain_affinity(xp: Any, z: Any, w: Any) -> Any:
    return 2 * xp.log(xp.sum(xp.exp((f.log_softmax(xp, z) + f.log_softmax(xp, w)) / 2), -1))


def _log_mean_exp(z: Any, v: Any) -> Any:
    return log_sum_exp(z + v) - log_sum_exp(z)


def _plain_log_mean_exp(xp: Any, z: Any, v: Any) -> Any:
    return f.log_sum_exp(xp, z + v) - f.log_sum_exp(xp, z)


def _ratio(z: Any, w: Any) -> Any:
    """The least importance ratio."""
    return et.smallest(np.exp(et.log_softmax(w) - et.log_softmax(z)))


CLAIMS: list[Labelled] = [
    about_policies(
        "jeffreys-as-a-pairing",
        True,
        "KL(p, q) + KL(q, p) = sum (p - q)(log p - log q), and the normalisers cancel.",
        lambda z, w: et.kl(z, w) + et.kl(w, z),
        lambda z, w: ((et.softmax(z) - et.softmax(w)) * (z - w)).sum(-1),
        lambda xp, z, w: (
            f.kl(xp, z, w) + f.kl(xp, w, z),
            xp.sum((f.softmax(xp, z) - f.softmax(xp, w)) * (z - w), -1),
        ),
        [1, 2, 3, 2, 0, 1],
        actions=(2, 5),
        logits=BOTH,
        identity=True,
    ),
    about_policies(
        "kl-below-renyi-above-one",
        True,
        "Jensen: a E_p log(p / q) <= log E_p (p / q)^a; equality if p = q.",
        lambda z, w, a: a * et.kl(z, w),
        lambda z, w, a: _chernoff(z, w, 1 + a),
        lambda xp, z, w, a: (a * f.kl(xp, z, w), _plain_chernoff(xp, z, w, 1 + a)),
        [0, 1, 3, 4, 1],
        actions=(2, 4),
        logits=BOTH,
        scalars={"a": (0.0, 1.0)},
        open_low=True,
    ),
    about_policies(
        "affinity-below-two-chernoff-sums",
        True,
        "log sum p^a q^(1 - a) is convex in a (Hoelder), so at 1/2 it is below its mean at a and 1 - a.",
        lambda z, w, a: _affinity(z, w),
        lambda z, w, a: _chernoff(z, w, a) + _chernoff(z, w, 1 - a),
        lambda xp, z, w, a: (
            _plain_affinity(xp, z, w),
            _plain_chernoff(xp, z, w, a) + _plain_chernoff(xp, z, w, 1 - a),
        ),
        [1, 5, 2, 0, Fraction(1, 2)],
        [1, 2, 0, 2, 3, 1, Fraction(1, 4)],
        actions=(2, 4),
        logits=BOTH,
        scalars={"a": (0.0, 1.0)},
    ),
    about_policies(
        "donsker-varadhan-with-the-other-divergence",
        False,
        "E_q v <= KL(q, p) + log E_p exp v, tight at q = p exp v / E_p exp v; with KL(p, q) it fails there if p is "
        "skewed against v.",
        lambda z, w, v: et.expectation(w, v),
        lambda z, w, v: et.kl(z, w) + _log_mean_exp(z, v),
        lambda xp, z, w, v: (f.mean(xp, w, v), f.kl(xp, z, w) + _plain_log_mean_exp(xp, z, v)),
        [-3, 0, -2, 0, 1, 0],
        actions=(2, 3),
        logits=BOTH,
        arrays=SIGNED,
    ),
    about_policies(
        "hoelder-without-the-absolute-value",
        False,
        "E_p v - E_q v <= 2 TV max |v|; with max v in place of max |v| it fails where v is negative, and more often.",
        lambda z, w, v: et.expectation(z, v) - et.expectation(w, v),
        lambda z, w, v: np.abs(et.softmax(z) - et.softmax(w)).sum(-1) * et.largest(v),
        lambda xp, z, w, v: (
            f.mean(xp, z, v) - f.mean(xp, w, v),
            2 * f.total_variation(xp, z, w) * xp.max(v, -1),
        ),
        [1, 0, 0, 0, 0, 1, 0, 0, Fraction(-1, 2), -1, -1, -1],
        actions=4,
        logits=BOTH,
        arrays=SIGNED,
    ),
    about_policies(
        "least-ratio-bounds-the-return",
        False,
        "min(q / p) E_p r <= E_q r needs r >= 0: it fails where q prefers one of the small losses, of at most 1/64.",
        lambda z, w, r: _ratio(z, w) * et.expectation(z, r),
        lambda z, w, r: et.expectation(w, r),
        lambda xp, z, w, r: (
            xp.min(xp.exp(f.log_softmax(xp, w) - f.log_softmax(xp, z)), -1) * f.mean(xp, z, r),
            f.mean(xp, w, r),
        ),
        [0, 0, 0, 0, 0, 5, 1, 1, Fraction(-1, 64)],
        logits=BOTH,
        arrays={"r": LOSS},
    ),
]
