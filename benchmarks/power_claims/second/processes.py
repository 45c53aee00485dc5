"""Claims about discounted processes with two states and two actions, and with one state whose episodes may end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import Known, Labelled, box, rationals

d = et.domains

HALF = Fraction(1, 2)
ZERO, ONE, STAY, SWAP = (0, 0, 0, 0), (1, 1, 1, 1), (1, 1, 0, 0), (0, 0, 1, 1)
SLOW = Fraction(998, 1000)


def _process(t: Any, r: Any, g: Any) -> et.MDP:
    """From the probability that state 0 is next, the rewards and the discount; it starts in state 0."""
    return et.MDP(np.stack([t, 1 - t], -1), r, g, np.array([1.0, 0.0]))


def _two_states(
    name: str,
    true: bool,
    why: str,
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    plain: Callable[..., Any],
    *points: Sequence[Any],
    logits: Sequence[str] = ("z",),
    chances: Sequence[str] = ("t",),
    scalars: dict[str, tuple[float, float]] | None = None,
    identity: bool = False,
    share: float | None = None,
    known: Known = "measured",
) -> Labelled:
    """A claim on logits, chances of state 0, rewards r in [-1, 1], the discount g in [0, 0.999] and numbers."""
    scalars = {"g": (0.0, 0.999), **(scalars or {})}
    names = (*logits, *chances, "r")
    given: dict[str, Any] = {"z": d.logits(actions=2, states=2)}
    given |= {k: d.logits(like="z") for k in logits[1:]} | {k: d.reals(0, 1, like="z") for k in chances}
    given |= {"r": d.reals(-1, 1, like="z")} | {k: d.reals(*v) for k, v in scalars.items()}
    common: dict[str, Any] = {"name": name, "given": given, "lhs": lhs, "rhs": rhs}

    def split(x: Any) -> dict[str, Any]:
        out = {k: x[..., 4 * i : 4 * i + 4] for i, k in enumerate(names)}
        return out | {k: x[..., 4 * len(names) + i] for i, k in enumerate(scalars)}

    def build(x: Any) -> dict[str, Any]:
        return {k: v.reshape(*v.shape[:-1], 2, 2) if k in names else v for k, v in split(x).items()}

    parts = [(-5.0, 5.0, 4)] * len(logits) + [(0.0, 1.0, 4)] * len(chances) + [(-1.0, 1.0, 4)]
    return Labelled(
        claim=et.Identity(**common) if identity else et.Inequality(**common),
        true=true,
        why=why,
        plain=lambda xp, x: plain(xp, **split(x)),
        boxes=(box(*parts, *((*v, 1) for v in scalars.values())),),
        build=build,
        points=[rationals(*p) for p in points],
        share=share,
        known="none" if true else known,
    )


def _all(x: Any) -> Any:
    return x.reshape(x.shape[0], -1)


def _most(x: Any) -> Any:
    return et.largest(np.abs(_all(x)))


def _value(z: Any, t: Any, r: Any, g: Any) -> Any:
    return _process(t, r, g).objective(z)


def _rewards(z: Any, r: Any) -> Any:
    return (et.softmax(z) * r).sum(-1)


def _plain_rewards(xp: Any, z: Any, r: Any) -> tuple[Any, Any]:
    return f.mean(xp, z[..., :2], r[..., :2]), f.mean(xp, z[..., 2:], r[..., 2:])


def _by_visits(z: Any, t: Any, r: Any, g: Any) -> Any:
    return (_process(t, r, g).values(z).visits * _rewards(z, r)).sum(-1)


def _plain_by_visits(xp: Any, z: Any, t: Any, r: Any, g: Any) -> Any:
    (n0, n1), (c0, c1) = f.visits(xp, z, t, g), _plain_rewards(xp, z, r)
    return n0 * c0 + n1 * c1


def _moved(z: Any, t: Any, u: Any, r: Any, g: Any) -> Any:
    """How far the value moves with the transitions."""
    return np.abs(_value(z, t, r, g) - _value(z, u, r, g))


def _plain_moved(xp: Any, z: Any, t: Any, u: Any, r: Any, g: Any) -> Any:
    return xp.abs(f.values(xp, z, t, r, g)[0] - f.values(xp, z, u, r, g)[0])


def _plain_most(xp: Any, x: Any) -> Any:
    return xp.max(xp.abs(x), -1)


def _improved(z: Any, t: Any, r: Any, g: Any, step: Any) -> Any:
    m = _process(t, r, g)
    return m.objective(z + step[..., None, None] * m.values(z).advantage)


def _plain_improved(xp: Any, z: Any, t: Any, r: Any, g: Any, step: Any) -> Any:
    a0, a1 = f.advantages(xp, z, t, r, g)
    both = [a0[..., 0], a0[..., 1], a1[..., 0], a1[..., 1]]
    return f.values(xp, z + step[..., None] * xp.stack(both, -1), t, r, g)[0]


def _with_entropy(z: Any, t: Any, r: Any, g: Any, alpha: Any) -> Any:
    m = _process(t, r, g)
    return (1 - g) * (m.objective(z) + alpha * (m.values(z).visits * et.entropy(z)).sum(-1))


def _plain_with_entropy(xp: Any, z: Any, t: Any, r: Any, g: Any, alpha: Any) -> Any:
    n0, n1 = f.visits(xp, z, t, g)
    entropies = n0 * f.entropy(xp, z[..., :2]) + n1 * f.entropy(xp, z[..., 2:])
    return (1 - g) * (f.values(xp, z, t, r, g)[0] + alpha * entropies)


def _second_order(z: Any, w: Any, t: Any, r: Any, g: Any) -> Any:
    """What the advantages of z under its own visits leave of the change to w."""
    m = _process(t, r, g)
    old = m.values(z)
    first = (old.visits * (et.softmax(w) * old.advantage).sum(-1)).sum(-1)
    return np.abs(m.objective(w) - m.objective(z) - first)


def _plain_second_order(xp: Any, z: Any, w: Any, t: Any, r: Any, g: Any) -> Any:
    (n0, n1), (a0, a1) = f.visits(xp, z, t, g), f.advantages(xp, z, t, r, g)
    first = n0 * f.mean(xp, w[..., :2], a0) + n1 * f.mean(xp, w[..., 2:], a1)
    return xp.abs(f.values(xp, w, t, r, g)[0] - f.values(xp, z, t, r, g)[0] - first)


def _apart(z: Any, w: Any) -> Any:
    """The largest total variation of a state."""
    return et.largest(np.abs(et.softmax(z) - et.softmax(w)).sum(-1) / 2)


def _plain_apart(xp: Any, z: Any, w: Any) -> Any:
    first = f.total_variation(xp, z[..., :2], w[..., :2])
    second = f.total_variation(xp, z[..., 2:], w[..., 2:])
    return xp.max(xp.stack([first, second], -1), -1)


def _difference(x: Any) -> Any:
    return np.abs(x[..., 0] - x[..., 1])


def _plain_differences(xp: Any, z: Any, t: Any, r: Any, g: Any) -> tuple[Any, Any]:
    (c0, c1), (v0, v1) = _plain_rewards(xp, z, r), f.values(xp, z, t, r, g)
    return xp.abs(c0 - c1), xp.abs(v0 - v1) * 199 / 100


def _ending(x: Any) -> dict[str, Any]:
    """One state, two actions: logits, chances to stay, rewards, discount."""
    z, stay, r, g = x[..., None, 0:2], x[..., None, 2:4], x[..., None, 4:6], x[..., 6]
    return {"m": et.MDP(stay[..., None], r, g, np.ones((*g.shape, 1)), 1 - stay), "z": z}


def _plain_ending(xp: Any, x: Any) -> tuple[Any, Any]:
    z, stay, r, g = x[..., 0:2], x[..., 2:4], x[..., 4:6], x[..., 6]
    return f.mean(xp, z, r) / (1 - g * f.mean(xp, z, stay)), xp.max(r, -1) / (1 - g)


ENDING = Labelled(
    claim=et.Inequality(
        name="value-below-the-horizon-when-episodes-end",
        given={"m": d.mdps(states=1, actions=2, tables=False), "z": d.logits(like="m")},
        lhs=lambda m, z: m.objective(z),
        rhs=lambda m, z: et.largest(_all(m.reward)) / (1 - m.discount),
    ),
    true=False,
    why="An episode that ends earns less of a negative reward: it fails only if both rewards are negative.",
    plain=_plain_ending,
    boxes=(box((-5.0, 5.0, 2), (0.0, 1.0, 2), (-1.0, 1.0, 2), (0.125, 0.996, 1)),),
    build=_ending,
    points=[rationals(0, 0, 0, 0, -1, -1, HALF)],
    share=0.25,
    known="bound",
)


CLAIMS: list[Labelled] = [
    _two_states(
        "value-from-visits",
        True,
        "J = sum over s of visits(s) c(s): the inverse of I - gamma P applied from the left or from the right.",
        _value,
        _by_visits,
        lambda xp, z, t, r, g: (f.values(xp, z, t, r, g)[0], _plain_by_visits(xp, z, t, r, g)),
        [*ZERO, *STAY, *ONE, HALF],
        identity=True,
    ),
    _two_states(
        "simulation-lemma",
        True,
        "J_t - J_u = gamma times the discounted visits of (P_t - P_u) v_u, and the two values of u differ by at most "
        "the range of the rewards over 1 - gamma; equality for equal transitions.",
        lambda z, t, u, r, g: (1 - g) ** 2 * _moved(z, t, u, r, g),
        lambda z, t, u, r, g: g * _most(t - u) * (et.largest(_all(r)) - et.smallest(_all(r))),
        lambda xp, z, t, u, r, g: (
            (1 - g) ** 2 * _plain_moved(xp, z, t, u, r, g),
            g * _plain_most(xp, t - u) * f.spread(xp, r),
        ),
        [*ZERO, *STAY, *STAY, 1, 0, 0, -1, HALF],
        [*ZERO, *STAY, *SWAP, *ONE, HALF],
        chances=("t", "u"),
    ),
    _two_states(
        "natural-step-improves-a-process",
        True,
        "Performance difference: in each state the new mean of the old advantage is at least the old one, zero; "
        "equality for equal rewards.",
        lambda z, t, r, g, step: _value(z, t, r, g),
        _improved,
        lambda xp, z, t, r, g, step: (f.values(xp, z, t, r, g)[0], _plain_improved(xp, z, t, r, g, step)),
        [*ZERO, *STAY, *ONE, HALF, 1],
        scalars={"step": (0.0, 5.0)},
    ),
    ENDING,
    _two_states(
        "simulation-lemma-with-one-horizon",
        False,
        "The horizon enters twice: with one factor it fails if both states are nearly absorbing, the transitions "
        "close and the discount near 1.",
        lambda z, t, u, r, g: (1 - g) * _moved(z, t, u, r, g),
        lambda z, t, u, r, g: 2 * g * _most(t - u) * _most(r),
        lambda xp, z, t, u, r, g: (
            (1 - g) * _plain_moved(xp, z, t, u, r, g),
            2 * g * _plain_most(xp, t - u) * _plain_most(xp, r),
        ),
        [*ZERO, *STAY, *(2 * [Fraction(999, 1000)]), *(2 * [Fraction(1, 1000)]), 1, 1, -1, -1, SLOW],
        chances=("t", "u"),
    ),
    _two_states(
        "policy-change-to-second-order-with-two-horizons",
        False,
        "The error of the first order has three horizons, the visits' two and the advantage's one: with two it fails "
        "for slow chains and discounts near 1.",
        lambda z, w, t, r, g: (1 - g) ** 2 * _second_order(z, w, t, r, g),
        lambda z, w, t, r, g: 8 * _apart(z, w) ** 2 * _most(r),
        lambda xp, z, w, t, r, g: (
            (1 - g) ** 2 * _plain_second_order(xp, z, w, t, r, g),
            8 * _plain_apart(xp, z, w) ** 2 * _plain_most(xp, r),
        ),
        [5, -2, -5, 2, 5, -1, -5, 1, 1, 0, 1, 0, 1, 1, -1, -1, SLOW],
        logits=("z", "w"),
    ),
    _two_states(
        "entropy-bonus-counted-once",
        False,
        "The bonus is earned at each step, so its bound has the horizon as well: it fails where rewards and policies "
        "are nearly uniform.",
        _with_entropy,
        lambda z, t, r, g, alpha: _most(r) + (1 - g) * alpha * np.log(et.exact(2)),
        lambda xp, z, t, r, g, alpha: (
            _plain_with_entropy(xp, z, t, r, g, alpha),
            _plain_most(xp, r) + (1 - g) * alpha * xp.log(0 * g + 2),
        ),
        [*ZERO, *ONE, *ONE, HALF, 1],
        scalars={"alpha": (0.0, 1.0)},
    ),
    _two_states(
        "values-are-half-as-far-apart-as-rewards",
        False,
        "v(0) - v(1) = (c(0) - c(1)) / (1 - gamma (p0 - p1)): it fails if gamma (p1 - p0) > 0.99, so only for nearly "
        "periodic chains and discounts above 0.99. Both of p0 and 1 - p1 are then below 0.00901, and with them one of "
        "their two chances.",
        lambda z, t, r, g: _difference(_rewards(z, r)),
        lambda z, t, r, g: et.exact(199, 100) * _difference(_process(t, r, g).values(z).v),
        _plain_differences,
        [*ZERO, *SWAP, 1, 1, 0, 0, SLOW],
        share=0.00901 * (2 * 0.00901) ** 2,
        known="bound",
    ),
]
