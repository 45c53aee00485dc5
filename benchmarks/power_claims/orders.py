"""Claims about the order of a remainder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import Known, Labelled, box, columns, of_arrays, parts, rationals

d = et.domains

ENDS = {"z": (-3.0, 3.0), "v": (-1.0, 1.0)}


def _policy(
    name: str,
    true: bool,
    why: str,
    power: float,
    remainder: Callable[..., Any],
    plain: Callable[..., Any],
    *points: Sequence[Any],
    actions: int = 3,
    share: float | None = None,
    known: Known = "formula",
) -> Labelled:
    """An order in the size t of a change v of logits z."""
    claim = et.Order(
        name=name,
        given={"z": d.logits(actions=actions), "v": d.reals(-1, 1, like="z")},
        remainder=lambda t, z, v: remainder(t[:, None], z, v),
        power=power,
    )
    return of_arrays(
        claim,
        true,
        why,
        lambda xp, x, t: plain(xp, *parts(x, 2), t),
        [actions],
        ENDS,
        *points,
        share=share,
        known=known,
    )


def _real(
    name: str,
    true: bool,
    why: str,
    power: float,
    remainder: Callable[..., Any],
    given: dict[str, tuple[float, float]],
    *points: Sequence[Any],
    share: float | None = None,
) -> Labelled:
    """An order in t of a function of real numbers, ``remainder(xp, t, *columns)``."""
    names = tuple(given)
    claim = et.Order(
        name=name,
        given={k: d.reals(*ends) for k, ends in given.items()},
        remainder=lambda t, **values: remainder(np, t, *(values[k] for k in names)),
        power=power,
    )
    return Labelled(
        claim=claim,
        true=true,
        why=why,
        plain=lambda xp, x, t: remainder(xp, 0 * x[..., 0] + t, *columns(x)),
        boxes=(box(*((a, b, 1) for a, b in given.values())),),
        build=lambda x: dict(zip(names, columns(x), strict=True)),
        points=[rationals(*p) for p in points],
        share=share,
        known="none" if true else "formula",
    )


def _lse_step(z: Any, u: Any) -> Any:
    """``lse(z + u) - lse(z) - E u``, which is KL(p_z || p_{z + u})."""
    return et.kl(z, z + u)


def _plain_trapezium(xp: Any, z: Any, v: Any, t: Any) -> Any:
    slopes = f.mean(xp, z, v) + f.mean(xp, z + t * v, v)
    return f.log_sum_exp(xp, z + t * v) - f.log_sum_exp(xp, z) - slopes * t / 2


def _trapezium(t: Any, z: Any, v: Any) -> Any:
    change = _lse_step(z, t * v) + t[:, 0] * et.expectation(z, v)
    return change - t[:, 0] * (et.expectation(z, v) + et.expectation(z + t * v, v)) / 2


def _midpoint(t: Any, z: Any, v: Any) -> Any:
    change = _lse_step(z, t * v) + t[:, 0] * et.expectation(z, v)
    return change - t[:, 0] * et.expectation(z + t * v / 2, v)


def _plain_midpoint(xp: Any, z: Any, v: Any, t: Any) -> Any:
    slope = f.mean(xp, z + v * t / 2, v)
    return f.log_sum_exp(xp, z + t * v) - f.log_sum_exp(xp, z) - slope * t


def _second(t: Any, z: Any, v: Any) -> Any:
    return et.kl(z, z + t * v) - t[:, 0] ** 2 * et.covariance(z, v, v) / 2


def _plain_second(xp: Any, z: Any, v: Any, t: Any) -> Any:
    return f.kl(xp, z, z + t * v) - t**2 * f.variance(xp, z, v) / 2


def _both_ways(t: Any, z: Any, v: Any) -> Any:
    return et.kl(z, z + t * v) + et.kl(z, z - t * v) - t[:, 0] ** 2 * et.covariance(z, v, v)


def _plain_both_ways(xp: Any, z: Any, v: Any, t: Any) -> Any:
    return f.kl(xp, z, z + t * v) + f.kl(xp, z, z - t * v) - t**2 * f.variance(xp, z, v)


def _first(t: Any, z: Any, v: Any) -> Any:
    return et.entropy_change(z, t * v) + t[:, 0] * et.covariance(z, z, v)


def _plain_first(xp: Any, z: Any, v: Any, t: Any) -> Any:
    return f.entropy(xp, z + t * v) - f.entropy(xp, z) + t * f.covariance(xp, z, z, v)


def _absolute(xp: Any, t: Any, x: Any, y: Any) -> Any:
    return xp.sqrt((x - y) ** 2 + t**2) - xp.abs(x - y)


POINT = (2, 0, 0, 1, 0, -1)

CLAIMS: list[Labelled] = [
    _policy(
        "entropy-to-first-order",
        True,
        "Taylor: the entropy is analytic in the logits.",
        2,
        _first,
        _plain_first,
    ),
    _policy(
        "kl-to-second-order", True, "Taylor: KL along a ray starts with t^2 Var(v) / 2.", 3, _second, _plain_second
    ),
    _policy(
        "kl-both-ways-to-third-order",
        True,
        "The cubic terms of KL(z, z + tv) and KL(z, z - tv) cancel.",
        4,
        _both_ways,
        _plain_both_ways,
    ),
    _policy(
        "trapezium-for-log-sum-exp", True, "The trapezium rule errs by f''' t^3 / 12.", 3, _trapezium, _plain_trapezium
    ),
    _real(
        "smoothed-absolute-value",
        True,
        "sqrt(x^2 + t^2) - |x| = t^2 / (sqrt(x^2 + t^2) + |x|) <= t.",
        1,
        lambda xp, t, x: xp.sqrt(x**2 + t**2) - xp.abs(x),
        {"x": (-1.0, 1.0)},
    ),
    _policy(
        "entropy-to-second-order",
        False,
        "The second-order term of the entropy does not vanish.",
        3,
        _first,
        _plain_first,
        POINT,
        share=1.0,
    ),
    _policy(
        "kl-to-third-order",
        False,
        "The term t^3 E(v - E v)^3 / 6 does not vanish.",
        4,
        _second,
        _plain_second,
        POINT,
        share=1.0,
    ),
    _policy(
        "kl-both-ways-to-fifth-order",
        False,
        "The fourth cumulant of v is left, t^4 / 12 times it.",
        5,
        _both_ways,
        _plain_both_ways,
        POINT,
        share=1.0,
    ),
    _policy(
        "midpoint-to-third-order",
        False,
        "The midpoint rule errs by f''' t^3 / 24, and f''' is the third cumulant.",
        4,
        _midpoint,
        _plain_midpoint,
        POINT,
        share=1.0,
    ),
    _real(
        "smooth-away-from-ties",
        False,
        "sqrt((x - y)^2 + t^2) - |x - y| is O(t^2) unless x = y, where it is t.",
        2,
        _absolute,
        {"x": (0.0, 1.0), "y": (0.0, 1.0)},
        ("1/2", "1/2"),
        share=0.0,
    ),
    _real(
        "smooth-unless-three-to-two",
        False,
        "sqrt((3 x - 2 y)^2 + t^3) - |3 x - 2 y| is O(t^2) unless x / y = 2 / 3, where it is t^1.5.",
        2,
        lambda xp, t, x, y: xp.sqrt((3 * x - 2 * y) ** 2 + t**3) - xp.abs(3 * x - 2 * y),
        {"x": (1.0, 2.0), "y": (1.0, 2.0)},
        (1, "3/2"),
        share=0.0,
    ),
    _real(
        "surprise-of-a-small-probability",
        False,
        "-t log t / t = -log t grows without bound, though more slowly than any power.",
        1,
        lambda xp, t, c: -c * t * xp.log(t),
        {"c": (1.0, 2.0)},
        (1,),
        share=1.0,
    ),
]
