"""Claims about processes: shaping, advantages, variances of returns, soft backups, and a corridor with a way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import Labelled, box, rationals
from benchmarks.power_claims.second.forms import about_policies, log_sum_exp
from benchmarks.power_claims.third.forms import LOGITS, about_processes, process

d = et.domains

HALF = Fraction(1, 2)
ZERO, ONE, STAY = (0, 0, 0, 0), (1, 1, 1, 1), (1, 1, 0, 0)


def _spread(r: Any) -> Any:
    """Of the rewards of all states."""
    entries = r.reshape(r.shape[0], 4)
    return et.largest(entries) - et.smallest(entries)


def _advantage(z: Any, t: Any, r: Any, g: Any) -> Any:
    return process(t, r, g).values(z).advantage[..., 0, 0]


def _plain_advantage(xp: Any, z: Any, t: Any, r: Any, g: Any) -> Any:
    return f.advantages(xp, z, t, r, g)[0][..., 0]


def _shaped(z: Any, t: Any, r: Any, g: Any, x: Any, y: Any) -> Any:
    """The advantage with ``g E phi(next) - phi(s)`` added to the rewards, for the potentials x and y."""
    g, x, y = (a[..., None, None] for a in (g, x, y))
    own = np.concatenate([x, y], -2)
    return _advantage(z, t, r + g * (t * x + (1 - t) * y) - own, g[..., 0, 0])


def _plain_shaped(xp: Any, z: Any, t: Any, r: Any, g: Any, x: Any, y: Any) -> Any:
    own = xp.stack([x, x, y, y], -1)
    following = t * x[..., None] + (1 - t) * y[..., None]
    return _plain_advantage(xp, z, t, r + g[..., None] * following - own, g)


def _variance(z: Any, t: Any, r: Any, g: Any) -> Any:
    """Of the discounted return from state 0."""
    v = process(t, r, g).values(z).v[..., None, None, :]
    square = r**2 + 2 * g[..., None, None] * r * (t * v[..., 0] + (1 - t) * v[..., 1])
    return process(t, square, g**2).objective(z) - v[..., 0, 0, 0] ** 2


def _plain_variance(xp: Any, z: Any, t: Any, r: Any, g: Any) -> Any:
    v0, v1 = f.values(xp, z, t, r, g)
    square = r**2 + 2 * g[..., None] * r * (t * v0[..., None] + (1 - t) * v1[..., None])
    return f.values(xp, z, t, square, g**2)[0] - v0**2


def _backup(r: Any, t: Any, v: Any, u: Any, alpha: Any, g: Any) -> Any:
    """``alpha log sum exp(q / alpha)`` for the values v and u of the next state."""
    q = r + g[..., None] * (t * v[..., None] + (1 - t) * u[..., None])
    return alpha * log_sum_exp(q / alpha[..., None])


def _plain_backup(xp: Any, r: Any, t: Any, v: Any, u: Any, alpha: Any, g: Any) -> Any:
    q = (r + g[..., None] * (t * v[..., None] + (1 - t) * u[..., None])) / alpha[..., None]
    return alpha * f.log_sum_exp(xp, q)


def _furthest(xp: Any, v: Any, u: Any, x: Any, y: Any) -> Any:
    return xp.max(xp.stack([xp.abs(v - x), xp.abs(u - y)], -1), -1)


FORWARD = np.zeros((3, 2, 3))
FORWARD[0, 0, 1] = FORWARD[1, 0, 2] = 1
FORWARD[:, 1, 0] = 1

GOAL = np.zeros((3, 2))
GOAL[2, 0] = 1


def _corridor(z: Any, g: Any) -> Any:
    """The value of three steps in a row, each of which may lead back to the start; the last pays 1 and ends it."""
    return et.MDP(FORWARD, GOAL, g, np.array([1.0, 0.0, 0.0]), GOAL).objective(z)


def _chances(xp: Any, z: Any) -> Any:
    """Of the three steps forward, shape (B, 3)."""
    return xp.stack([f.softmax(xp, z[..., i : i + 2])[..., 0] for i in (0, 2, 4)], -1)


def _plain_corridor(xp: Any, z: Any, g: Any) -> Any:
    p = _chances(xp, z)
    a, b, c = p[..., 0], p[..., 1], p[..., 2]
    return g**2 * a * b * c / (1 - g * (1 - a) - g**2 * a * (1 - b) - g**3 * a * b * (1 - c))


def _about_the_corridor(
    name: str,
    true: bool,
    why: str,
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    plain: Callable[..., Any],
    *points: Sequence[Any],
) -> Labelled:
    def split(x: Any) -> dict[str, Any]:
        return {"z": x[..., :6], "g": x[..., 6]}

    return Labelled(
        claim=et.Inequality(
            name=name, given={"z": d.logits(actions=2, states=3), "g": d.reals(0, 0.999)}, lhs=lhs, rhs=rhs
        ),
        true=true,
        why=why,
        plain=lambda xp, x: plain(xp, **split(x)),
        boxes=(box((*LOGITS, 6), (0.0, 0.999, 1)),),
        build=lambda x: {"z": x[..., :6].reshape(*x.shape[:-1], 3, 2), "g": x[..., 6]},
        points=[rationals(*p) for p in points],
        known="none" if true else "measured",
    )


CLAIMS: list[Labelled] = [
    about_processes(
        "potentials-leave-advantages",
        True,
        "Ng, Harada and Russell: the values fall by the potential of the state, and so do those of the actions.",
        lambda z, t, r, g, x, y: _shaped(z, t, r, g, x, y),
        lambda z, t, r, g, x, y: _advantage(z, t, r, g),
        lambda xp, z, t, r, g, x, y: (
            _plain_shaped(xp, z, t, r, g, x, y),
            _plain_advantage(xp, z, t, r, g),
        ),
        [*ZERO, *STAY, 1, 0, 0, 1, HALF, 1, -1],
        scalars={"x": (-1.0, 1.0), "y": (-1.0, 1.0)},
        identity=True,
    ),
    about_policies(
        "soft-backup-contracts",
        True,
        "The soft maximum is monotone and moves with a constant, so by at most what its arguments move; equality if "
        "both values move by the same.",
        lambda r, t, v, u, x, y, alpha, g: np.abs(_backup(r, t, v, u, alpha, g) - _backup(r, t, x, y, alpha, g)),
        lambda r, t, v, u, x, y, alpha, g: g * et.largest(np.abs(np.stack([v - x, u - y], -1))),
        lambda xp, r, t, v, u, x, y, alpha, g: (
            xp.abs(_plain_backup(xp, r, t, v, u, alpha, g) - _plain_backup(xp, r, t, x, y, alpha, g)),
            g * _furthest(xp, v, u, x, y),
        ),
        [1, 0, HALF, 0, 1, 0, HALF, -HALF, 1, HALF],
        [1, 0, 1, HALF, 0, 1, HALF, HALF, HALF, HALF, 1, HALF],
        actions=(2, 3),
        logits=(),
        arrays={"r": (-1.0, 1.0), "t": (0.0, 1.0)},
        scalars={
            **dict.fromkeys(("v", "u", "x", "y"), (-1.0, 1.0)),
            "alpha": (0.125, 2.0),
            "g": (0.0, 0.999),
        },
    ),
    _about_the_corridor(
        "corridor-is-worth-its-first-attempt",
        True,
        "The first attempt succeeds with the product of the chances, and pays g^2 then; equality at g = 0.",
        lambda z, g: g**2 * et.softmax(z)[..., 0, 0] * et.softmax(z)[..., 1, 0] * et.softmax(z)[..., 2, 0],
        _corridor,
        lambda xp, z, g: (
            g**2 * _chances(xp, z)[..., 0] * _chances(xp, z)[..., 1] * _chances(xp, z)[..., 2],
            _plain_corridor(xp, z, g),
        ),
        [0, 0, 1, 0, 0, 2, 0],
    ),
    _about_the_corridor(
        "corridor-is-worth-its-hardest-step",
        False,
        "Attempts can be repeated: for discounts near 1 the value is above any one chance.",
        _corridor,
        lambda z, g: et.smallest(et.softmax(z)[..., 0]),
        lambda xp, z, g: (_plain_corridor(xp, z, g), xp.min(_chances(xp, z), -1)),
        [0, 0, 0, 0, 0, 0, Fraction(99, 100)],
    ),
    about_processes(
        "advantage-below-99-hundredths-of-the-horizon",
        False,
        "It is at most the range of the rewards over 1 - g, if the policy stays where the reward is least and the "
        "action leads to where it is greatest for good. As g >= 0.9, t(0, 0) is below 0.0112 and both states are left "
        "with at most 0.00125 a step, so that t(0, 1) is above 0.9987, one of t(1, .) below 0.0025, and z(0, 1) at "
        "least 6.6 above z(0, 0).",
        lambda z, t, r, g: (1 - g) * _advantage(z, t, r, g),
        lambda z, t, r, g: et.exact("0.99") * _spread(r),
        lambda xp, z, t, r, g: ((1 - g) * _plain_advantage(xp, z, t, r, g), f.spread(xp, r) * 99 / 100),
        [-5, 5, 0, 0, 0, 1, 0, 0, 1, -1, 1, 1, Fraction(19, 20)],
        discount=(0.9, 0.999),
        share=0.0112 * 0.0013 * 2 * 0.0025 * 3.4**2 / 200,
        known="bound",
    ),
    about_processes(
        "variance-of-the-return-as-of-independent-steps",
        False,
        "If the rewards of the steps were independent, the return had at most the variance range^2 / (4 (1 - g^2)); if "
        "the states are slow, they are not.",
        lambda z, t, r, g: (1 - g**2) * _variance(z, t, r, g),
        lambda z, t, r, g: _spread(r) ** 2 / 4,
        lambda xp, z, t, r, g: ((1 - g**2) * _plain_variance(xp, z, t, r, g), f.spread(xp, r) ** 2 / 4),
        [*ZERO, Fraction(15, 16), Fraction(15, 16), 0, 0, 0, 0, 1, 1, Fraction(9, 10)],
    ),
    about_processes(
        "variance-of-the-return-as-of-a-uniform-one",
        False,
        "Between 0 and 1 / (1 - g) a uniform return has 1/12 of its squared range as variance. If state 0 pays the "
        "least and is left for good with x (1 - g) a step, it is x / (x + 2) - x^2 / (x + 1)^2 near g = 1, 0.0902 for "
        "x = 0.618.",
        lambda z, t, r, g: 12 * (1 - g) ** 2 * _variance(z, t, r, g),
        lambda z, t, r, g: _spread(r) ** 2,
        lambda xp, z, t, r, g: (12 * (1 - g) ** 2 * _plain_variance(xp, z, t, r, g), f.spread(xp, r) ** 2),
        [*ZERO, Fraction(994, 1000), Fraction(994, 1000), 0, 0, 0, 0, 1, 1, Fraction(99, 100)],
        discount=(0.99, 0.999),
    ),
]
