"""Stability margins: divergence along a ray, and the step at which it reaches a level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from mpmath import libmp

from entropy_theory.independent.numbers import Interval, as_interval, exp, log, sign, sqrt, total
from entropy_theory.independent.policies import mean

Vector = Sequence[Any]

MOST_DOUBLINGS = 2000
"""Doublings after which a function that has not come above zero is left at that."""

MOST_STEPS = 200
"""Bound on Newton's steps, which are few."""

HALVINGS = 12
"""Bisections before Newton's method, which is slow far to the right of the root of an exponential."""

HALF = Fraction(1, 2)


def fisher_norm(p: Vector, v: Vector) -> Any:
    """``||v||_F``, the standard deviation of `v` under `p`.

    Parameters
    ----------
    p, v : sequence of Number

    Returns
    -------
    Number
    """
    average = mean(p, v)
    return sqrt(total(a * (b - average) ** 2 for a, b in zip(p, v, strict=True)))


def ray_divergence(p: Vector, v: Vector, step: Any) -> Any:
    """``KL(p || q)`` in nats, q with the logits ``log p + step v``: ``log E exp(step v) - step E v``.

    Since ``log(p_a / q_a) = log E exp(step v) - step v_a``. A shift of `v` cancels. The
    largest entry, or one about as large, is moved to 0, so that no exponential is large.

    Parameters
    ----------
    p, v : sequence of Number
    step : Number

    Returns
    -------
    Number
    """
    top = max(range(len(v)), key=lambda a: middle_of(v[a]))
    moved = [Fraction(0) if a == top else x - v[top] for a, x in enumerate(v)]
    return log(mean(p, [exp(step * x) for x in moved])) - step * mean(p, moved)


def margin(p: Vector, v: Vector, level: Any) -> Interval:
    """The stability margin of Definition VII.2: the step at which `ray_divergence` reaches `level`.

    Parameters
    ----------
    p : sequence of Number
    v : sequence of Number
        Not constant.
    level : Fraction
        Above 0, in nats.

    Returns
    -------
    Interval
        Unbounded above where the digits do not show that the level is reached.
    """

    def slope(step: Fraction) -> Any:
        weights = [a * exp(step * (x - v[0])) for a, x in zip(p, v, strict=True)]
        return mean(weights, v) / total(weights) - mean(p, v)

    return convex_root(lambda step: ray_divergence(p, v, step) - level, slope)


def convex_root(value: Callable[[Fraction], Any], slope: Callable[[Fraction], Any]) -> Interval:
    """The positive root of a function that is below 0 at 0 and from there on convex and rising.

    Newton's method proposes two points close to the root. That the function is below 0 at the one and above 0 at the
    other is what encloses it.

    Parameters
    ----------
    value, slope : callable
        The function and its derivative.

    Returns
    -------
    Interval
        Unbounded above where the digits do not show that the function comes above 0.
    """
    low, high = _decided(value, -1, HALF), _decided(value, 1, Fraction(2))
    if low is None or high is None:
        return Interval((libmp.fzero if low is None else as_interval(low).ends[0], libmp.finf))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        side = sign(value(middle))
        low, high = (middle if side == -1 else low), (middle if side == 1 else high)
    guess = _newton(value, slope, high)
    reach = guess * _unit()
    while True:
        reach *= 2**8
        below, above = max(low, guess - reach), min(high, guess + reach)
        if sign(value(below)) == -1 and sign(value(above)) == 1:
            return Interval((as_interval(below).ends[0], as_interval(above).ends[1]))


def _decided(value: Callable[[Fraction], Any], side: int, factor: Fraction) -> Fraction | None:
    """The first power of `factor` at which the function has a sign; None if there is none within reach."""
    point = Fraction(1)
    for _ in range(MOST_DOUBLINGS):
        if sign(value(point)) == side:
            return point
        point *= factor
    return None


def _newton(value: Callable[[Fraction], Any], slope: Callable[[Fraction], Any], start: Fraction) -> Fraction:
    """A point near the root. From its right Newton's method falls towards it, since the function is convex."""
    point = start
    for _ in range(MOST_STEPS):
        steepness = middle_of(slope(point))
        change = middle_of(value(point)) / steepness if steepness > 0 else Fraction(0)
        point = middle_of(point - change)
        if abs(change) <= point * _unit() * 2**4:
            break
    return point


def _unit() -> Fraction:
    """About the relative error of a rounding at the precision in force."""
    low, high = (as_fraction(end) for end in as_interval(Fraction(1, 3)).ends)
    return 3 * (high - low)


def as_fraction(end: Any) -> Fraction:
    """A finite end of an interval, exactly.

    Parameters
    ----------
    end : tuple
        mpmath's raw number.

    Returns
    -------
    Fraction
    """
    negative, digits_of, power, _ = end
    value = int(digits_of) * (Fraction(2**power) if power >= 0 else Fraction(1, 2**-power))
    return -value if negative else value


def middle_of(x: Any) -> Fraction:
    """A fraction in the middle of an interval, rounded at the precision in force.

    Parameters
    ----------
    x : Number

    Returns
    -------
    Fraction
    """
    low, high = (as_fraction(end) for end in as_interval(x).ends)
    return as_fraction(as_interval((low + high) / 2).ends[0])
