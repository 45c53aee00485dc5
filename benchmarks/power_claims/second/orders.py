"""Claims about the order of a remainder, among them some that fail at one parameter alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import Labelled, box, columns, constant, rationals
from benchmarks.power_claims.second.forms import about_policies, log_sum_exp

d = et.domains


def _real(
    name: str,
    why: str,
    power: float,
    remainder: Callable[..., Any],
    given: dict[str, tuple[float, float]],
    *points: Sequence[Any],
) -> Labelled:
    """A false order in t of a function of real numbers, wrong on a set of measure zero."""
    names = tuple(given)
    return Labelled(
        claim=et.Order(
            name=name,
            given={k: d.reals(*ends) for k, ends in given.items()},
            remainder=lambda t, **values: remainder(np, t, *(values[k] for k in names)),
            power=power,
        ),
        true=False,
        why=why,
        plain=lambda xp, x, t: remainder(xp, 0 * x[..., 0] + t, *columns(x)),
        boxes=(box(*((a, b, 1) for a, b in given.values())),),
        build=lambda x: dict(zip(names, columns(x), strict=True)),
        points=[rationals(*p) for p in points],
        share=0.0,
        known="formula",
    )


def _uniform_variance(xp: Any, z: Any, n: Any) -> Any:
    return xp.sum(z**2, -1) / n - (xp.sum(z, -1) / n) ** 2


def _deficit(t: Any, z: Any) -> Any:
    n = et.exact(z.shape[-1])
    uniform = (z**2).sum(-1) / n - (z.sum(-1) / n) ** 2
    return np.log(n) - et.entropy(t[:, None] * z) - t**2 * uniform / 2


def _plain_deficit(xp: Any, t: Any, z: Any) -> Any:
    n = constant(z, z.shape[-1])
    return xp.log(n) - f.entropy(xp, t * z) - t**2 * _uniform_variance(xp, z, n) / 2


def _soft_maximum(t: Any, r: Any) -> Any:
    return t * log_sum_exp(r / t[:, None]) - et.largest(r)


def _plain_soft_maximum(xp: Any, t: Any, r: Any) -> Any:
    top = xp.max(r, -1)
    return t * xp.log(xp.sum(xp.exp((r - top[..., None]) / t), -1))


def _renyi(t: Any, z: Any, w: Any) -> Any:
    """The divergence of order 1 + t less that of order 1."""
    exponents = et.log_softmax(z) + t[:, None] * (et.log_softmax(z) - et.log_softmax(w))
    return np.log(np.exp(exponents).sum(-1)) / t - et.kl(z, w)


def _plain_renyi(xp: Any, t: Any, z: Any, w: Any) -> Any:
    exponents = f.log_softmax(xp, z) + t * (f.log_softmax(xp, z) - f.log_softmax(xp, w))
    return xp.log(xp.sum(xp.exp(exponents), -1)) / t - f.kl(xp, z, w)


def _surprise(xp: Any, p: Any) -> Any:
    return -p * xp.log(p)


NARROW = (-3.0, 3.0)
REWARDS = {"r": (-1.0, 1.0)}

CLAIMS: list[Labelled] = [
    about_policies(
        "entropy-deficit-at-high-temperature",
        True,
        "Taylor at the uniform policy: log n - H(t z) = t^2 Var(z) / 2 + O(t^3).",
        _deficit,
        None,
        _plain_deficit,
        actions=(2, 4),
        wide=NARROW,
        power=3,
    ),
    about_policies(
        "soft-maximum-to-first-order",
        True,
        "t log sum exp(r / t) - max r lies between 0 and t log n, tied or not.",
        _soft_maximum,
        None,
        _plain_soft_maximum,
        actions=3,
        logits=(),
        arrays=REWARDS,
        power=1,
    ),
    about_policies(
        "renyi-divergence-tends-to-kl",
        True,
        "The divergence of order 1 + t is KL + t Var_p(log(p / q)) / 2 + O(t^2).",
        _renyi,
        None,
        _plain_renyi,
        logits=("z", "w"),
        wide=NARROW,
        power=1,
    ),
    about_policies(
        "soft-maximum-to-second-order",
        False,
        "Exponentially close unless the maximum is tied: then it is above by t log 2.",
        _soft_maximum,
        None,
        _plain_soft_maximum,
        [Fraction(1, 3), Fraction(1, 3), -1],
        actions=3,
        logits=(),
        arrays=REWARDS,
        power=2,
        share=0.0,
        known="formula",
    ),
    _real(
        "second-difference-of-surprise",
        "The second difference of -x log x is O(t^2) unless x = 0, where it is t log(16 / 27).",
        2,
        lambda xp, t, x: _surprise(xp, x + t) - 2 * _surprise(xp, x + 2 * t) + _surprise(xp, x + 3 * t),
        {"x": (0.0, 1.0)},
        [0],
    ),
    _real(
        "logarithm-at-a-tie",
        "t log((x - y)^2 + t^2) is O(t) unless x = y, where it has a logarithm more, 2 t log t.",
        1,
        lambda xp, t, x, y: t * xp.log((x - y) ** 2 + t**2),
        {"x": (0.0, 1.0), "y": (0.0, 1.0)},
        ["1/3", "1/3"],
    ),
    _real(
        "small-denominator-at-five-to-two",
        "t / (t + (5 x - 2 y)^2) is O(t) unless y / x = 5 / 2, where it is one.",
        1,
        lambda xp, t, x, y: t / (t + (5 * x - 2 * y) ** 2),
        {"x": (1.0, 2.0), "y": (2.0, 5.0)},
        [1, "5/2"],
    ),
]
