"""Claims about temperatures, soft maxima, natural gradient steps, moments and baselines."""

from __future__ import annotations

from fractions import Fraction
from math import log, pi
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import CHECKED, Labelled, constant
from benchmarks.power_claims.second.forms import about_policies, log_sum_exp, spread

UNIT = {"r": (-1.0, 1.0)}
VALUES = {"v": (-1.0, 1.0)}

GAPS = (1.2284522, 1.3296255)
"""Roots of x / (1 + exp x) = 0.278186."""

TEMPERED = (GAPS[1] - GAPS[0]) * 9 / 16 - (GAPS[1] ** 2 - GAPS[0] ** 2) / 4 * (1 - 1 / 512) * 8 / 21
"""A gap of two rewards is below g with probability g - g^2 / 4; averaged over the temperature."""


def _soft(r: Any, alpha: Any) -> Any:
    """``alpha log sum exp(r / alpha)``."""
    return alpha * log_sum_exp(r / alpha[..., None])


def _bonus(z: Any, r: Any) -> Any:
    """Reward plus entropy."""
    return et.expectation(z, r) + et.entropy(z)


def _plain_bonus(xp: Any, z: Any, r: Any) -> Any:
    return f.mean(xp, z, r) + f.entropy(xp, z)


def _damped(z: Any, r: Any, u: Any) -> Any:
    return z + u[..., None] * (r - z)


def _gain(z: Any, r: Any, step: Any) -> Any:
    return step * (et.expectation(z + step[..., None] * r, r) - et.expectation(z, r))


def _plain_gain(xp: Any, z: Any, r: Any, step: Any) -> Any:
    return step * (f.mean(xp, z + step[..., None] * r, r) - f.mean(xp, z, r))


def _moved_kl(z: Any, r: Any, step: Any) -> Any:
    return et.kl(z + step[..., None] * r, z)


def _plain_moved_kl(xp: Any, z: Any, r: Any, step: Any) -> Any:
    return f.kl(xp, z + step[..., None] * r, z)


def _third(z: Any, v: Any) -> Any:
    return et.expectation(z, et.centred(z, v) ** 3)


def _plain_third(xp: Any, z: Any, v: Any) -> Any:
    return f.mean(xp, z, (v - f.mean(xp, z, v)[..., None]) ** 3)


def _lopsided(z: Any, v: Any) -> Any:
    return et.largest(v) + et.smallest(v) - 2 * et.expectation(z, v)


def _plain_lopsided(xp: Any, z: Any, v: Any) -> Any:
    return xp.max(v, -1) + xp.min(v, -1) - 2 * f.mean(xp, z, v)


def _scores(xp: Any, p: Any) -> Any:
    """Squared norms of the scores ``1_a - p``."""
    return 1 - 2 * p + xp.sum(p**2, -1)[..., None]


def _second_moment(xp: Any, p: Any, v: Any, b: Any) -> Any:
    """Of the gradient's estimate ``(v_a - b)(1_a - p)``."""
    return xp.sum(p * _scores(xp, p) * (v - b[..., None]) ** 2, -1)


def _plain_baselines(xp: Any, z: Any, v: Any, b: Any) -> Any:
    p = f.softmax(xp, z)
    return _second_moment(xp, p, v, f.mean(xp, z, v)), _second_moment(xp, p, v, b)


def _plain_dominated(xp: Any, z: Any, r: Any) -> Any:
    gradient = f.softmax(xp, z) * (r - f.mean(xp, z, r)[..., None])
    return (xp.max(r, -1) - f.mean(xp, z, r)) ** 2, xp.sum(gradient**2, -1) * 10**16 / 2


def _weighted(p: Any) -> Any:
    return 432 * p[..., 0] * p[..., 1] ** 2 * p[..., 2] ** 3


def _log_ratio(xp: Any, r: Any, alpha: Any) -> Any:
    """``log sum exp((r - max r) / alpha)``."""
    return xp.log(xp.sum(xp.exp((r - xp.max(r, -1)[..., None]) / alpha[..., None]), -1))


CLAIMS: list[Labelled] = [
    about_policies(
        "log-mean-exp-below-its-chord",
        True,
        "Jensen: log E exp(b z) <= b log E exp z for 0 <= b <= 1 and E uniform; equality at b = 0 and 1 and at ties.",
        lambda z, b: log_sum_exp(b[..., None] * z) - np.log(et.exact(z.shape[-1])),
        lambda z, b: b * (log_sum_exp(z) - np.log(et.exact(z.shape[-1]))),
        lambda xp, z, b: (
            f.log_sum_exp(xp, b[..., None] * z) - xp.log(constant(z, z.shape[-1])),
            b * (f.log_sum_exp(xp, z) - xp.log(constant(z, z.shape[-1]))),
        ),
        [1, 2, 0, 0],
        [4, 0, 1],
        [3, 3, 3, Fraction(1, 3)],
        actions=(2, 5),
        scalars={"b": (0.0, 1.0)},
    ),
    about_policies(
        "gibbs-variational-principle",
        True,
        "alpha log sum exp(r / alpha) - E r - alpha H is alpha times the divergence from softmax(r / alpha).",
        lambda z, r, alpha: et.expectation(z, r) + alpha * et.entropy(z),
        lambda z, r, alpha: _soft(r, alpha),
        lambda xp, z, r, alpha: (
            f.mean(xp, z, r) + alpha * f.entropy(xp, z),
            alpha * f.log_sum_exp(xp, r / alpha[..., None]),
        ),
        [1, 0, Fraction(1, 2), 0, Fraction(1, 2)],
        [2, 4, 8, Fraction(1, 4), Fraction(1, 2), 1, Fraction(1, 8)],
        actions=(2, 4),
        arrays=UNIT,
        scalars={"alpha": (0.125, 2.0)},
    ),
    about_policies(
        "log-sum-exp-is-nonexpansive",
        True,
        "Its gradient is a probability vector; equality if z - w is constant.",
        lambda z, w: np.abs(log_sum_exp(z) - log_sum_exp(w)),
        lambda z, w: et.largest(np.abs(z - w)),
        lambda xp, z, w: (
            xp.abs(f.log_sum_exp(xp, z) - f.log_sum_exp(xp, w)),
            xp.max(xp.abs(z - w), -1),
        ),
        [1, 2, 4, 3, 4, 6],
        actions=(2, 5),
        logits=("z", "w"),
    ),
    about_policies(
        "natural-step-gains-its-divergence",
        True,
        "step (E' r - E r) = KL(p', p) + KL(p, p') for p' the policy of z + step r; equality at step 0.",
        _moved_kl,
        _gain,
        lambda xp, z, r, step: (_plain_moved_kl(xp, z, r, step), _plain_gain(xp, z, r, step)),
        [0, 2, 1, -1, 0],
        [1, 2, 3, 1, 1, 1, 5],
        actions=(2, 4),
        arrays=UNIT,
        scalars={"step": (0.0, 10.0)},
    ),
    about_policies(
        "natural-step-gains-twice-its-divergence",
        False,
        "Only to second order are the two divergences of which the gain is the sum equal.",
        lambda z, r, step: 2 * _moved_kl(z, r, step),
        _gain,
        lambda xp, z, r, step: (2 * _plain_moved_kl(xp, z, r, step), _plain_gain(xp, z, r, step)),
        [-3, 0, 0, 1, 0, 0, 1],
        arrays=UNIT,
        scalars={"step": (0.0, 4.0)},
    ),
    about_policies(
        "sharpening-strictly-raises-the-mean-logit",
        False,
        "Equality, so a violation of <, if the three logits are tied, a set of measure zero.",
        lambda z: et.expectation(z, z),
        lambda z: et.expectation(2 * z, z),
        lambda xp, z: (f.mean(xp, z, z), f.mean(xp, 2 * z, z)),
        [Fraction(1, 2)] * 3,
        strict=True,
        share=0.0,
        known="formula",
    ),
    about_policies(
        "regularised-natural-step-below-twice-improves",
        False,
        "A step u takes the logits to r + (1 - u)(z - r), nearer to the optimum r for u < 2; but beyond it, at u > 1, "
        "the divergence from the optimum may be larger on the other side.",
        lambda z, r, u: _bonus(z, r),
        lambda z, r, u: _bonus(_damped(z, r, u), r),
        lambda xp, z, r, u: (_plain_bonus(xp, z, r), _plain_bonus(xp, _damped(z, r, u), r)),
        [10, 0, 1, 0, Fraction(3, 2)],
        [-10, 0, -1, 0, Fraction(3, 2)],
        actions=2,
        arrays=UNIT,
        scalars={"u": (0.0, 1.75)},
    ),
    about_policies(
        "boltzmann-mean-is-nonexpansive",
        False,
        "The derivative of E_z z by z_a is p_a (1 + z_a - E z), above one where a likely action is above the mean.",
        lambda z, w: np.abs(et.expectation(z, z) - et.expectation(w, w)),
        lambda z, w: et.largest(np.abs(z - w)),
        lambda xp, z, w: (xp.abs(f.mean(xp, z, z) - f.mean(xp, w, w)), xp.max(xp.abs(z - w), -1)),
        [2, 0, 3, 0],
        actions=(2, 4),
        logits=("z", "w"),
    ),
    about_policies(
        "jensen-gap-below-half-the-variance",
        False,
        "The next term of the gap is a sixth of the third cumulant of v, positive if the large values are rare.",
        lambda z, v: log_sum_exp(z + v) - log_sum_exp(z) - et.expectation(z, v),
        lambda z, v: et.covariance(z, v, v) / 2,
        lambda xp, z, v: (
            f.log_sum_exp(xp, z + v) - f.log_sum_exp(xp, z) - f.mean(xp, z, v),
            f.variance(xp, z, v) / 2,
        ),
        [-3, 0, 1, 0],
        actions=(2, 4),
        arrays=VALUES,
    ),
    about_policies(
        "third-moment-from-the-ends",
        False,
        "E (v - E v)^3 = (max v + min v - 2 E v) Var(v) for two values, so for two actions; with three it fails almost "
        "everywhere.",
        _third,
        lambda z, v: _lopsided(z, v) * et.covariance(z, v, v),
        lambda xp, z, v: (_plain_third(xp, z, v), _plain_lopsided(xp, z, v) * f.variance(xp, z, v)),
        [0, 0, 0, 1, Fraction(1, 2), -1],
        actions=(2, 4),
        arrays=VALUES,
        identity=True,
        share=2 / 3,
        known="formula",
    ),
    about_policies(
        "mean-baseline-is-best",
        False,
        "The estimate (v - b) score varies least at the mean of v weighted with the squared score, not at E v.",
        lambda z, v, b: _second_moment(CHECKED, et.softmax(z), v, et.expectation(z, v)),
        lambda z, v, b: _second_moment(CHECKED, et.softmax(z), v, b),
        _plain_baselines,
        [2, 0, 0, 1, 0, 0, Fraction(1, 2)],
        arrays=VALUES,
        scalars={"b": (-1.0, 1.0)},
    ),
    about_policies(
        "gradient-dominates-up-to-a-hundred-million",
        False,
        "With two actions the regret is at most the norm of the gradient over sqrt 2 p, p that of the better action: "
        "the factor is above 1e8 / sqrt 2 if its logit is 18.42068 below the other.",
        lambda z, r: (et.largest(r) - et.expectation(z, r)) ** 2,
        lambda z, r: et.exact(10**16, 2) * ((et.softmax(z) * et.centred(z, r)) ** 2).sum(-1),
        _plain_dominated,
        [10, -10, 0, 1],
        actions=2,
        arrays=UNIT,
        share=(20 - 18.4206807) ** 2 / 800,
        known="formula",
    ),
    about_policies(
        "soft-maximum-is-above-by-its-temperature",
        False,
        "alpha log sum exp(r / alpha) - max r is O(alpha), not Theta(alpha): below alpha / 1000 if the gap of the "
        "rewards is 6.907255 alpha. The mean gap of two is 2/3.",
        lambda r, alpha: alpha / 1000,
        lambda r, alpha: alpha * _log_ratio(CHECKED, r, alpha),
        lambda xp, r, alpha: (alpha / 1000, alpha * _log_ratio(xp, r, alpha)),
        [1, -1, Fraction(1, 8)],
        actions=2,
        logits=(),
        arrays=UNIT,
        scalars={"alpha": (0.0, 1.0)},
        open_low=True,
        share=2 / 3 / 6.907255,
        known="formula",
    ),
    about_policies(
        "tempering-costs-one-thousandth-less",
        False,
        "With two actions max r - E r <= alpha W(1/e) = 0.2784645 alpha, attained at a gap of 1.2784645 alpha; it "
        "fails for gaps from 1.2284522 to 1.3296255 alpha.",
        lambda r, alpha: et.largest(r) - et.expectation(r / alpha[..., None], r),
        lambda r, alpha: et.exact("0.278186") * alpha,
        lambda xp, r, alpha: (
            xp.max(r, -1) - f.mean(xp, r / alpha[..., None], r),
            alpha * 278186 / 10**6,
        ),
        [Fraction(1279, 2000), 0, Fraction(1, 2)],
        actions=2,
        logits=(),
        arrays=UNIT,
        scalars={"alpha": (0.125, 1.0)},
        share=TEMPERED,
        known="formula",
    ),
    about_policies(
        "third-moment-one-millionth-less",
        False,
        "Of two values E (v - E v)^3 is at most range^3 / (6 sqrt 3) = 0.0962250449 range^3, where the larger has "
        "probability 0.2113249 and its logit is 1.3169579 less; it fails within 1.42e-3 of that.",
        _third,
        lambda z, v: et.exact("0.0962249486") * spread(v) ** 3,
        lambda xp, z, v: (_plain_third(xp, z, v), f.spread(xp, v) ** 3 * 962249486 / 10**10),
        [Fraction(-131696, 100000), 0, 1, -1],
        actions=2,
        arrays=VALUES,
        share=2.829014e-3 * (20 - 1.316958) / 400,
        known="formula",
    ),
    about_policies(
        "weighted-product-one-billionth-less",
        False,
        "p q^2 s^3 is at most 1 / 432, at (1, 2, 3) / 6; it fails in an ellipse of area 2 pi 1e-9 of the two logit "
        "differences round (log 2, log 3).",
        lambda z: _weighted(et.softmax(z)),
        lambda z: et.exact(999999999, 10**9),
        lambda xp, z: (_weighted(f.softmax(xp, z)), constant(z, 999999999, 10**9)),
        [0, Fraction(69314718, 10**8), Fraction(109861229, 10**8)],
        share=2 * pi * 1e-9 * (20 - log(3)) / 8000,
        known="formula",
    ),
]
