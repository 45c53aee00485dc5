"""Claims about discounted processes with two states and two actions, and their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import Known, Labelled, box, constant, rationals

d = et.domains

HALF = Fraction(1, 2)
LAST = Fraction(999999999, 10**9)


def _process(t: Any, r: Any, g: Any) -> et.MDP:
    """From the probability that state 0 is next, the rewards and the discount; it starts in state 0."""
    return et.MDP(np.stack([t, 1 - t], -1), r, g, np.array([1.0, 0.0]))


def _claim(
    name: str,
    true: bool,
    why: str,
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    plain: Callable[..., Any],
    *points: Sequence[Any],
    highest: float = 0.999,
    rewards: tuple[float, float] = (-1.0, 1.0),
    other: bool = False,
    discounts: int = 1,
    identity: bool = False,
    share: float | None = None,
    known: Known = "measured",
) -> Labelled:
    """A claim on logits z (and w), transitions t, rewards r and one or two discounts in [0, highest]."""
    arrays: dict[str, Any] = {"z": d.logits(actions=2, states=2)}
    arrays |= {"w": d.logits(like="z")} if other else {}
    arrays |= {"t": d.reals(0, 1, like="z"), "r": d.reals(*rewards, like="z")}
    scalars = ("g", "h")[:discounts]
    given = arrays | {k: d.reals(0, highest) for k in scalars}
    common: dict[str, Any] = {"name": name, "given": given, "lhs": lhs, "rhs": rhs}
    logits = [(-5.0, 5.0, 4)] * (2 if other else 1)

    def split(x: Any) -> dict[str, Any]:
        out = {k: x[..., 4 * i : 4 * i + 4] for i, k in enumerate(arrays)}
        return out | {k: x[..., 4 * len(arrays) + i] for i, k in enumerate(scalars)}

    def build(x: Any) -> dict[str, Any]:
        return {k: v.reshape(*v.shape[:-1], 2, 2) if k in arrays else v for k, v in split(x).items()}

    return Labelled(
        claim=et.Identity(**common) if identity else et.Inequality(**common),
        true=true,
        why=why,
        plain=lambda xp, x: plain(xp, **split(x)),
        boxes=(box(*logits, (0.0, 1.0, 4), (*rewards, 4), *([(0.0, highest, 1)] * discounts)),),
        build=build,
        points=[rationals(*p) for p in points],
        share=share,
        known="none" if true else known,
    )


def _largest(x: Any) -> Any:
    return et.largest(x.reshape(x.shape[0], -1))


def _value(z: Any, t: Any, r: Any, g: Any) -> Any:
    return _process(t, r, g).objective(z)


def _policies_apart(z: Any, w: Any) -> Any:
    """The largest total variation of a state."""
    return _largest(np.abs(et.softmax(z) - et.softmax(w)).sum(-1) / 2)


def _plain_apart(xp: Any, z: Any, w: Any) -> Any:
    first = f.total_variation(xp, z[..., :2], w[..., :2])
    second = f.total_variation(xp, z[..., 2:], w[..., 2:])
    return xp.max(xp.stack([first, second], -1), -1)


def _plain_gain(xp: Any, z: Any, w: Any, t: Any, r: Any, g: Any, new: bool) -> Any:
    """``sum_s visits(s) sum_a w(a | s) A(s, a)``, with the visits of w, or of z."""
    n0, n1 = f.visits(xp, w if new else z, t, g)
    a0, a1 = f.advantages(xp, z, t, r, g)
    return n0 * f.mean(xp, w[..., :2], a0) + n1 * f.mean(xp, w[..., 2:], a1)


def _gain(z: Any, w: Any, t: Any, r: Any, g: Any, new: bool) -> Any:
    m = _process(t, r, g)
    weight = m.values(w if new else z).visits
    return (weight * (et.softmax(w) * m.values(z).advantage).sum(-1)).sum(-1)


def _change(z: Any, w: Any, t: Any, r: Any, g: Any) -> Any:
    return _value(w, t, r, g) - _value(z, t, r, g)


def _plain_change(xp: Any, z: Any, w: Any, t: Any, r: Any, g: Any) -> Any:
    return f.values(xp, w, t, r, g)[0] - f.values(xp, z, t, r, g)[0]


def _visits_apart(z: Any, w: Any, t: Any, r: Any, g: Any) -> Any:
    m = _process(t, r, g)
    return np.abs(m.values(z).visitation - m.values(w).visitation).sum(-1) / 2


def _plain_visits_apart(xp: Any, z: Any, w: Any, t: Any, g: Any) -> Any:
    return (1 - g) * xp.abs(f.visits(xp, z, t, g)[0] - f.visits(xp, w, t, g)[0])


def _plain_largest(xp: Any, r: Any) -> Any:
    return xp.max(xp.abs(r), -1)


def _states_apart(z: Any, t: Any, r: Any, g: Any) -> Any:
    v = _process(t, r, g).values(z).v
    return np.abs(v[..., 0] - v[..., 1])


def _plain_states_apart(xp: Any, z: Any, t: Any, r: Any, g: Any) -> Any:
    v0, v1 = f.values(xp, z, t, r, g)
    return xp.abs(v0 - v1)


ZERO = (0, 0, 0, 0)
ONE = (1, 1, 1, 1)
STAY = (1, 1, 0, 0)

CLAIMS: list[Labelled] = [
    _claim(
        "value-at-most-horizon",
        True,
        "|v| <= sum_k gamma^k max |r|; equality for constant rewards.",
        lambda z, t, r, g: np.abs(_value(z, t, r, g)) * (1 - g),
        lambda z, t, r, g: _largest(np.abs(r)),
        lambda xp, z, t, r, g: (xp.abs(f.values(xp, z, t, r, g)[0]) * (1 - g), _plain_largest(xp, r)),
        [*ZERO, *ONE, *ONE, HALF],
    ),
    _claim(
        "performance-difference",
        True,
        "Telescope v_z along a run of w.",
        _change,
        lambda z, w, t, r, g: _gain(z, w, t, r, g, True),
        lambda xp, z, w, t, r, g: (_plain_change(xp, z, w, t, r, g), _plain_gain(xp, z, w, t, r, g, True)),
        [*ZERO, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, HALF, 0, HALF],
        other=True,
        identity=True,
    ),
    _claim(
        "perturbed-policy",
        True,
        "By the performance difference |dJ| <= max TV (max q - min q) / (1 - gamma), and q has range at most "
        "2 max |r| / (1 - gamma).",
        lambda z, w, t, r, g: np.abs(_change(z, w, t, r, g)) * (1 - g) ** 2,
        lambda z, w, t, r, g: 2 * _policies_apart(z, w) * _largest(np.abs(r)),
        lambda xp, z, w, t, r, g: (
            xp.abs(_plain_change(xp, z, w, t, r, g)) * (1 - g) ** 2,
            2 * _plain_apart(xp, z, w) * _plain_largest(xp, r),
        ),
        [*ZERO, *ZERO, *STAY, *ONE, HALF],
        other=True,
    ),
    _claim(
        "visitation-moves-by-horizon",
        True,
        "One step apart costs TV, and what is apart after k steps is discounted: at most TV gamma / (1 - gamma).",
        _visits_apart,
        lambda z, w, t, r, g: _policies_apart(z, w) * g / (1 - g),
        lambda xp, z, w, t, r, g: (_plain_visits_apart(xp, z, w, t, g), _plain_apart(xp, z, w) * g / (1 - g)),
        [*ZERO, *ZERO, *STAY, *ONE, HALF],
        other=True,
    ),
    _claim(
        "evaluation-contracts",
        True,
        "v - u = gamma P (v - u) for the backup of u = 0 and of v: |v - c| <= gamma |v| in the maximum norm.",
        lambda z, t, r, g: _largest(np.abs(_process(t, r, g).values(z).v - (et.softmax(z) * r).sum(-1))),
        lambda z, t, r, g: g * _largest(np.abs(_process(t, r, g).values(z).v)),
        lambda xp, z, t, r, g: _contraction(xp, z, t, r, g),
        [*ZERO, *ONE, *ONE, HALF],
    ),
    _claim(
        "value-rises-with-discount-for-positive-rewards",
        True,
        "For r >= 0 each term gamma^k E r_k rises with gamma.",
        lambda z, t, r, g, h: _value(z, t, r, g * h),
        lambda z, t, r, g, h: _value(z, t, r, g),
        lambda xp, z, t, r, g, h: (f.values(xp, z, t, r, g * h)[0], f.values(xp, z, t, r, g)[0]),
        [*ZERO, *ONE, 1, 1, 0, 0, 0, HALF],
        rewards=(0.0, 1.0),
        discounts=2,
    ),
    _claim(
        "value-rises-with-discount",
        False,
        "Not if the rewards to come are negative: on half of the box, by r -> -r.",
        lambda z, t, r, g, h: _value(z, t, r, g * h),
        lambda z, t, r, g, h: _value(z, t, r, g),
        lambda xp, z, t, r, g, h: (f.values(xp, z, t, r, g * h)[0], f.values(xp, z, t, r, g)[0]),
        [*ZERO, *ONE, -1, -1, -1, -1, HALF, HALF],
        discounts=2,
        share=0.5,
        known="formula",
    ),
    _claim(
        "normalised-value-rises-with-discount",
        False,
        "(1 - gamma) v is a mean over the run: it falls if the first rewards are the larger.",
        lambda z, t, r, g, h: _value(z, t, r, g * h) * (1 - g * h),
        lambda z, t, r, g, h: _value(z, t, r, g) * (1 - g) + et.exact(1, 5),
        lambda xp, z, t, r, g, h: (
            f.values(xp, z, t, r, g * h)[0] * (1 - g * h),
            f.values(xp, z, t, r, g)[0] * (1 - g) + constant(z, 1, 5),
        ),
        [*ZERO, *ZERO, 1, 1, 0, 0, Fraction(9, 10), 0],
        rewards=(0.0, 1.0),
        discounts=2,
    ),
    _claim(
        "performance-difference-with-old-visits",
        False,
        "The visits of the new policy belong there: with the old ones it errs in second order, almost everywhere.",
        _change,
        lambda z, w, t, r, g: _gain(z, w, t, r, g, False),
        lambda xp, z, w, t, r, g: (_plain_change(xp, z, w, t, r, g), _plain_gain(xp, z, w, t, r, g, False)),
        [*ZERO, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, HALF, 0, HALF],
        other=True,
        identity=True,
        share=1.0,
        known="formula",
    ),
    _claim(
        "value-below-a-thousand",
        False,
        "v reaches 1 / (1 - gamma): it fails only for gamma > 0.999, and rewards near 1.",
        lambda z, t, r, g: _value(z, t, r, g),
        lambda z, t, r, g: et.exact(1000) + 0 * g,
        lambda xp, z, t, r, g: (f.values(xp, z, t, r, g)[0], constant(z, 1000)),
        [*ZERO, *ONE, *ONE, Fraction(9999, 10000)],
        highest=0.9999,
        share=9e-4,
        known="bound",
    ),
    _claim(
        "value-below-a-hundred-million",
        False,
        "It fails only for gamma > 1 - 1e-8.",
        lambda z, t, r, g: _value(z, t, r, g),
        lambda z, t, r, g: et.exact(10**8) + 0 * g,
        lambda xp, z, t, r, g: (f.values(xp, z, t, r, g)[0], constant(z, 10**8)),
        [*ZERO, *ONE, *ONE, LAST],
        highest=0.999999999,
        share=1e-8,
        known="bound",
    ),
    _claim(
        "states-differ-by-at-most-fifty",
        False,
        "v(0) - v(1) = (c0 - c1) / (1 - gamma (p0 - p1)): above 50 only if both states are nearly absorbing under the "
        "policy, the discount above 0.96 and the rewards opposite.",
        _states_apart,
        lambda z, t, r, g: et.exact(50) + 0 * g,
        lambda xp, z, t, r, g: (_plain_states_apart(xp, z, t, r, g), constant(z, 50)),
        [*ZERO, *STAY, 1, 1, -1, -1, Fraction(998, 1000)],
        share=2e-5,
        known="bound",
    ),
    _claim(
        "states-differ-by-at-most-nineteen-hundred",
        False,
        "As above, but within 5 % of the largest difference, 2000 at the discount 0.999: rewards, discount and "
        "transitions are all at their ends.",
        _states_apart,
        lambda z, t, r, g: et.exact(1900) + 0 * g,
        lambda xp, z, t, r, g: (_plain_states_apart(xp, z, t, r, g), constant(z, 1900)),
        [*ZERO, *STAY, 1, 1, -1, -1, Fraction(99895, 100000)],
        share=1e-12,
        known="bound",
    ),
    _claim(
        "perturbed-policy-with-one-horizon",
        False,
        "The horizon enters twice: with one factor it fails if a state is nearly absorbing and the discount near 1.",
        lambda z, w, t, r, g: np.abs(_change(z, w, t, r, g)) * (1 - g),
        lambda z, w, t, r, g: 4 * _policies_apart(z, w) * _largest(np.abs(r)),
        lambda xp, z, w, t, r, g: (
            xp.abs(_plain_change(xp, z, w, t, r, g)) * (1 - g),
            4 * _plain_apart(xp, z, w) * _plain_largest(xp, r),
        ),
        [5, -5, 5, -5, 5, Fraction(-49, 10), 5, Fraction(-49, 10), 1, 0, 0, 1, 1, 1, -1, -1, Fraction(998, 1000)],
        other=True,
    ),
    _claim(
        "visitation-moves-by-variation",
        False,
        "Without the factor gamma / (1 - gamma) it fails for slow chains and discounts near 1.",
        _visits_apart,
        lambda z, w, t, r, g: 3 * _policies_apart(z, w),
        lambda xp, z, w, t, r, g: (_plain_visits_apart(xp, z, w, t, g), 3 * _plain_apart(xp, z, w)),
        [5, -5, 5, -5, 5, Fraction(-49, 10), 5, Fraction(-49, 10), 1, 0, 0, 1, 1, 1, -1, -1, Fraction(998, 1000)],
        other=True,
    ),
    _claim(
        "mean-logits-are-no-worse",
        False,
        "J is not quasi-concave in the logits: two policies may be good where the one between is not.",
        lambda z, w, t, r, g: et.smallest(np.stack([_value(z, t, r, g), _value(w, t, r, g)], -1)),
        lambda z, w, t, r, g: _value((z + w) / 2, t, r, g),
        lambda xp, z, w, t, r, g: (
            xp.min(xp.stack([f.values(xp, z, t, r, g)[0], f.values(xp, w, t, r, g)[0]], -1), -1),
            f.values(xp, (z + w) / 2, t, r, g)[0],
        ),
        [5, -5, 5, -5, -5, 5, -5, 5, 1, 0, 1, 0, 1, 0, 0, 1, Fraction(9, 10)],
        other=True,
    ),
]


def _contraction(xp: Any, z: Any, t: Any, r: Any, g: Any) -> tuple[Any, Any]:
    v0, v1 = f.values(xp, z, t, r, g)
    c0, c1 = f.mean(xp, z[..., :2], r[..., :2]), f.mean(xp, z[..., 2:], r[..., 2:])
    lhs = xp.max(xp.stack([xp.abs(v0 - c0), xp.abs(v1 - c1)], -1), -1)
    return lhs, g * xp.max(xp.stack([xp.abs(v0), xp.abs(v1)], -1), -1)
