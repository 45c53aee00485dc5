"""Claims about the order of a remainder in a step, a temperature or a weight of exploration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import CHECKED, Labelled, box, columns, rationals
from benchmarks.power_claims.second.forms import about_policies

d = et.domains

NARROW = (-3.0, 3.0)
VALUES = {"v": (-1.0, 1.0)}
HALF = Fraction(1, 2)


def _jensen_shannon(xp: Any, p: Any, q: Any) -> Any:
    middle = xp.log((p + q) / 2)
    return xp.sum(p * (xp.log(p) - middle) + q * (xp.log(q) - middle), -1) / 2


def _round_the_middle(t: Any, z: Any, v: Any) -> Any:
    move = t[:, None] * v
    apart = _jensen_shannon(CHECKED, et.softmax(z - move), et.softmax(z + move))
    return apart - t**2 * et.covariance(z, v, v) / 2


def _plain_round_the_middle(xp: Any, t: Any, z: Any, v: Any) -> Any:
    apart = _jensen_shannon(xp, f.softmax(xp, z - t * v), f.softmax(xp, z + t * v))
    return apart - t**2 * f.variance(xp, z, v) / 2


def _from_one_end(t: Any, z: Any, v: Any) -> Any:
    apart = _jensen_shannon(CHECKED, et.softmax(z), et.softmax(z + t[:, None] * v))
    return apart - t**2 * et.covariance(z, v, v) / 8


def _plain_from_one_end(xp: Any, t: Any, z: Any, v: Any) -> Any:
    apart = _jensen_shannon(xp, f.softmax(xp, z), f.softmax(xp, z + t * v))
    return apart - t**2 * f.variance(xp, z, v) / 8


def _regret(t: Any, r: Any) -> Any:
    return et.largest(r) - et.expectation(r / t[:, None], r)


def _plain_regret(xp: Any, t: Any, r: Any) -> Any:
    gap = xp.max(r, -1)[..., None] - r
    return xp.sum(xp.exp(-gap / t) * gap, -1) / xp.sum(xp.exp(-gap / t), -1)


def _real(
    name: str,
    why: str,
    power: float,
    remainder: Callable[..., Any],
    given: dict[str, tuple[float, float]],
    *points: Sequence[Any],
    share: float = 0.0,
) -> Labelled:
    """A false order in t of a function of real numbers."""
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
        share=share,
        known="formula",
    )


def _explored(xp: Any, t: Any, x: Any) -> Any:
    """What exploring with weight t adds to ``sqrt p + sqrt(1 - p)``."""
    moved = x + t * (1 - 2 * x) / 2
    return xp.sqrt(moved) - xp.sqrt(x) + xp.sqrt(1 - moved) - xp.sqrt(1 - x)


def _soft_backup(xp: Any, t: Any, x: Any, y: Any, g: Any, v: Any) -> Any:
    """The soft maximum of x and ``y + g v`` at temperature t, less their maximum."""
    return t * xp.log(1 + xp.exp(-xp.abs(x - y - g * v) / t))


def _rare(xp: Any, t: Any, x: Any, y: Any) -> Any:
    """``KL(p, q) + log(1 - q)`` of two actions, for ``p = t x / 2`` and q = y."""
    p = t * x / 2
    return p * (xp.log(p) - xp.log(y)) + (1 - p) * (xp.log(1 - p) - xp.log(1 - y)) + xp.log(1 - y)


CLAIMS: list[Labelled] = [
    about_policies(
        "jensen-shannon-round-the-middle-to-fourth-order",
        True,
        "It is even in t, and starts with t^2 Var(v) / 2.",
        _round_the_middle,
        None,
        _plain_round_the_middle,
        actions=(2, 4),
        arrays=VALUES,
        wide=NARROW,
        power=4,
    ),
    about_policies(
        "tempered-regret-vanishes-to-third-order",
        True,
        "A gap g costs g exp(-g / t) at most, so less than any power of t; a tie costs nothing.",
        _regret,
        None,
        _plain_regret,
        actions=(2, 3),
        logits=(),
        arrays={"r": (-1.0, 1.0)},
        power=3,
    ),
    about_policies(
        "jensen-shannon-from-one-end-to-fourth-order",
        False,
        "The variance half-way is Var(v) + t E(v - E v)^3 / 2, so that t^3 / 16 times the third moment is left.",
        _from_one_end,
        None,
        _plain_from_one_end,
        [0, 0, 0, 1, 0, 0],
        arrays=VALUES,
        wide=NARROW,
        power=4,
        share=1.0,
        known="formula",
    ),
    _real(
        "exploration-moves-tsallis-half-by-its-weight",
        "sqrt p is smooth, so exploration adds O(t), unless the policy is deterministic: then it is sqrt(t / 2).",
        1,
        _explored,
        {"x": (0.0, 1.0)},
        [0],
        [1],
    ),
    _real(
        "soft-backup-errs-to-second-order",
        "Exponentially close unless x = y + g v, where the two actions are tied: then it is above by t log 2.",
        2,
        _soft_backup,
        {"x": (-1.0, 1.0), "y": (-1.0, 1.0), "g": (0.0, 1.0), "v": (-1.0, 1.0)},
        [HALF, "1/4", HALF, HALF],
        ["5/8", "1/2", "1/4", HALF],
    ),
    _real(
        "divergence-of-a-rare-action-to-first-order",
        "The rare action, of probability x t / 2, adds that times log(x t / 2 y): a logarithm more than O(t).",
        1,
        _rare,
        {"x": (0.125, 1.0), "y": (0.125, 0.875)},
        [HALF, "1/4"],
        share=1.0,
    ),
]
