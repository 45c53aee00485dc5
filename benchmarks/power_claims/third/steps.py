"""Claims about temperatures, gradient and natural gradient steps, and the moments of rewards under a policy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import CHECKED, Labelled, constant
from benchmarks.power_claims.second.forms import about_policies

UNIT = {"r": (-1.0, 1.0)}
HALF = Fraction(1, 2)


def _regret(z: Any, r: Any) -> Any:
    return et.largest(r) - et.expectation(z, r)


def _plain_regret(xp: Any, z: Any, r: Any) -> Any:
    return f.mean(xp, z, xp.max(r, -1)[..., None] - r)


def _cost(r: Any, alpha: Any) -> Any:
    """What the temperature alpha costs in reward."""
    return _regret(r / alpha[..., None], r)


def _plain_cost(xp: Any, r: Any, alpha: Any) -> Any:
    return _plain_regret(xp, r / alpha[..., None], r)


def _moment(z: Any, v: Any, power: int) -> Any:
    return et.expectation(z, et.centred(z, v) ** power)


def _plain_moment(xp: Any, z: Any, v: Any, power: int) -> Any:
    return f.mean(xp, z, (v - f.mean(xp, z, v)[..., None]) ** power)


def _second_moment(xp: Any, p: Any, v: Any) -> Any:
    """Of the gradient's estimate ``v_a (1_a - p)``."""
    return xp.sum(p * (1 - 2 * p + xp.sum(p**2, -1)[..., None]) * v**2, -1)


def _climbed(p: Any, advantage: Any, z: Any, step: Any) -> Any:
    """The logits after a step along the exact policy gradient."""
    return z + step[..., None] * p * advantage


def _plain_climbed(xp: Any, z: Any, r: Any, step: Any) -> Any:
    p, advantage = f.softmax(xp, z), r - f.mean(xp, z, r)[..., None]
    return (f.softmax(xp, _climbed(p, advantage, z, step)) - p)[..., 0] * advantage[..., 0]


def _toward(z: Any, r: Any, step: Any, beta: Any) -> Any:
    """A step on reward and entropy with weight beta, ``z + step (r - beta z)``."""
    return z + step[..., None] * (r - beta[..., None] * z)


CLAIMS: list[Labelled] = [
    about_policies(
        "temperature-costs-half-a-log-n-up-to-nine-actions",
        True,
        "The regret of softmax(r / alpha) is greatest if all others are tied at alpha (1 + W((n - 1) / e)) below the "
        "best, and is alpha W((n - 1) / e) then: 0.4734 alpha log n for nine actions, less for fewer.",
        _cost,
        lambda r, alpha: alpha * np.log(et.exact(r.shape[-1])) / 2,
        lambda xp, r, alpha: (_plain_cost(xp, r, alpha), alpha * xp.log(constant(r, r.shape[-1])) / 2),
        actions=(2, 9),
        logits=(),
        arrays=UNIT,
        scalars={"alpha": (0.125, 2.0)},
    ),
    about_policies(
        "temperature-costs-0.466-of-alpha-log-n",
        False,
        "W((n - 1) / e) / log n is 0.4618 for seven actions and 0.4680 for eight: it fails from eight on, if all "
        "others are nearly tied, two temperatures below the best.",
        _cost,
        lambda r, alpha: et.exact("0.466") * alpha * np.log(et.exact(r.shape[-1])),
        lambda xp, r, alpha: (
            _plain_cost(xp, r, alpha),
            alpha * xp.log(constant(r, r.shape[-1])) * 466 / 1000,
        ),
        [HALF, *([Fraction(-1, 100)] * 8), Fraction(1, 4)],
        [HALF, *([Fraction(1, 100)] * 7), Fraction(1, 4)],
        actions=(2, 9),
        logits=(),
        arrays=UNIT,
        scalars={"alpha": (0.125, 0.25)},
        share=3.6e-9,
        known="bound",
    ),
    about_policies(
        "kurtosis-above-squared-skewness-and-one",
        True,
        "Pearson: the determinant of the moments of 1, c, c^2 for the centred value c; equality if v takes two values, "
        "so always for two actions.",
        lambda z, v: _moment(z, v, 3) ** 2 + _moment(z, v, 2) ** 3,
        lambda z, v: _moment(z, v, 4) * _moment(z, v, 2),
        lambda xp, z, v: (
            _plain_moment(xp, z, v, 3) ** 2 + _plain_moment(xp, z, v, 2) ** 3,
            _plain_moment(xp, z, v, 4) * _plain_moment(xp, z, v, 2),
        ),
        [2, 0, 1, HALF],
        [2, 0, 1, 1, HALF, 1],
        [2, 0, 1, 5, 1, HALF, 1, HALF],
        actions=(2, 4),
        arrays={"v": (-1.0, 1.0)},
    ),
    about_policies(
        "mean-baseline-beats-none-for-rewards-above-0.49",
        False,
        "The second moment of (v - b) score is least at a mean b* of v, and is larger at E v than at 0 if E v > 2 b*: "
        "impossible for rewards in [1/2, 1], but with 63/128 as the least it happens if the policy is nearly "
        "deterministic, its action is worth nearly 1 and the others nearly the least.",
        lambda z, v: _second_moment(CHECKED, et.softmax(z), et.centred(z, v)),
        lambda z, v: _second_moment(CHECKED, et.softmax(z), v),
        lambda xp, z, v: (
            _second_moment(xp, f.softmax(xp, z), v - f.mean(xp, z, v)[..., None]),
            _second_moment(xp, f.softmax(xp, z), v),
        ),
        [8, 0, 0, 1, Fraction(63, 128), Fraction(63, 128)],
        arrays={"v": (63 / 128, 1.0)},
    ),
    about_policies(
        "advantage-decides-the-change-of-probability",
        False,
        "So it is under a natural step of small size; under a policy gradient step another action with a smaller "
        "advantage, but a larger probability, may gain at its cost.",
        lambda z, r, step: 0 * step,
        lambda z, r, step: (
            (et.softmax(_climbed(et.softmax(z), et.centred(z, r), z, step)) - et.softmax(z))[..., 0]
            * et.centred(z, r)[..., 0]
        ),
        lambda xp, z, r, step: (0 * step, _plain_climbed(xp, z, r, step)),
        [0, 3, 3, 1, HALF, -1, 1],
        arrays=UNIT,
        scalars={"step": (0.0, 4.0)},
    ),
    about_policies(
        "variance-of-reward-rises-with-temperature",
        False,
        "Its derivative by 1 / alpha is the third cumulant: positive where large rewards are rare, so not for two "
        "actions, but for three.",
        lambda r, alpha, b: et.covariance(r / alpha[..., None], r, r),
        lambda r, alpha, b: et.covariance(r / (alpha * b)[..., None], r, r),
        lambda xp, r, alpha, b: (
            f.variance(xp, r / alpha[..., None], r),
            f.variance(xp, r / (alpha * b)[..., None], r),
        ),
        [HALF, -HALF, -HALF, 2, 2],
        actions=(2, 3),
        logits=(),
        arrays=UNIT,
        scalars={"alpha": (0.125, 2.0), "b": (1.0, 2.0)},
    ),
    about_policies(
        "regularised-step-does-not-land-on-the-optimum",
        False,
        "What is left of z - r / beta is multiplied by 1 - step beta: the divergence from the optimum is below 1e-10 "
        "along the curve step beta = 1, of a width of some 1e-5.",
        lambda z, r, step, beta: et.exact(1, 10**10) + 0 * step,
        lambda z, r, step, beta: et.kl(_toward(z, r, step, beta), r / beta[..., None]),
        lambda xp, z, r, step, beta: (
            (0 * step + 1) / 10**10,
            f.kl(xp, _toward(z, r, step, beta), r / beta[..., None]),
        ),
        [2, 0, 1, 0, HALF, 2],
        actions=2,
        arrays=UNIT,
        scalars={"step": (0.25, 1.0), "beta": (1.0, 4.0)},
    ),
]
