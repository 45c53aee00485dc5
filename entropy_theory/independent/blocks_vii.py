"""What Sections VI to VIII share: token covariances, losses, sampled updates and stability margins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from mpmath import libmp

from entropy_theory.independent.domains import is_number
from entropy_theory.independent.jets import Jet
from entropy_theory.independent.numbers import Interval, as_interval, exp, log, sign, sqrt, total
from entropy_theory.independent.policies import advantages, along, entropy, mean, times

Vector = Sequence[Any]
Matrix = Sequence[Sequence[Any]]

MOST_DOUBLINGS = 2000
"""Doublings after which a function that has not come above zero is left at that."""

MOST_STEPS = 200
"""Bound on Newton's steps, which are few."""

HALVINGS = 12
"""Bisections before Newton's method, which is slow far to the right of the root of an exponential."""

HALF = Fraction(1, 2)


def is_integer(x: Any, low: int, high: int) -> bool:
    """Whether `x` is a whole number within bounds.

    Parameters
    ----------
    x : object
    low, high : int

    Returns
    -------
    bool
    """
    return is_number(x, low=low, high=high) and x.denominator == 1


def both(*tests: bool | None) -> bool | None:
    """Whether all of some tests pass.

    Parameters
    ----------
    *tests : bool or None
        None for a test that is not decided.

    Returns
    -------
    bool or None
        False if one fails, else None if one is not decided.
    """
    if any(test is False for test in tests):
        return False
    return None if any(test is None for test in tests) else True


def is_positive(x: Any) -> bool | None:
    """Whether ``x > 0``.

    Parameters
    ----------
    x : Number

    Returns
    -------
    bool or None
        None if the interval does not decide it.
    """
    side = sign(x)
    return None if side is None and _reaches_above(x) else side == 1


def is_at_least(x: Any, y: Any) -> bool | None:
    """Whether ``x >= y``.

    Parameters
    ----------
    x, y : Number

    Returns
    -------
    bool or None
        None if the intervals do not decide it.
    """
    below = is_positive(y - x)
    return None if below is None else not below


def _reaches_above(x: Interval) -> bool:
    high = x.ends[1]
    return bool(high == libmp.fnan or libmp.mpf_sign(high) > 0)


def centred_logs(p: Vector) -> list[Any]:
    """``log p_a + H``, from the logarithms of ratios, so that it is exactly 0 for a uniform policy.

    Parameters
    ----------
    p : sequence of Number

    Returns
    -------
    list of Number
    """
    ratios = [log(a / p[0]) for a in p]
    average = mean(p, ratios)
    return [x - average for x in ratios]


def token_covariances(p: Vector, change: Vector) -> list[Any]:
    """Eq. (17), ``C_a = (log p_a - E log p)(change_a - E change)``.

    Parameters
    ----------
    p, change : sequence of Number

    Returns
    -------
    list of Number
    """
    average = mean(p, change)
    return [x * (d - average) for x, d in zip(centred_logs(p), change, strict=True)]


def influences(p: Vector) -> list[Any]:
    """``f_a = p_a (log p_a + H)``, minus the entropy gradient by logit.

    Parameters
    ----------
    p : sequence of Number

    Returns
    -------
    list of Number
    """
    return times(p, centred_logs(p))


def policy_gradient(p: Vector, r: Vector) -> list[Any]:
    """Eq. (9) by logit, ``p_a (r_a - E r)``.

    Parameters
    ----------
    p, r : sequence of Number

    Returns
    -------
    list of Number
    """
    return times(p, advantages(p, r))


def entropy_slope(p: Vector, v: Vector) -> Any:
    """``dH/dt`` of ``softmax(log p + t v)`` at 0, from the entropy itself.

    Parameters
    ----------
    p, v : sequence of Number

    Returns
    -------
    Number
    """
    return entropy(along(p, v)).slope


def gradient(p: Vector, function: Callable[[list[Jet]], Any]) -> list[Any]:
    """Derivatives of a function of the policy by every logit.

    Parameters
    ----------
    p : sequence of Number
    function : callable
        Takes the policy as a list of `Jet`.

    Returns
    -------
    list of Number
    """
    units = ([Fraction(a == b) for a in range(len(p))] for b in range(len(p)))
    return [function(along(p, unit)).slope for unit in units]


def loss_gradient(p: Vector, weights: Vector, gains: Vector) -> list[Any]:
    """The gradient by logit of ``sum_a pi_a weights_a gains_a``, Eq. (18) with weights and gains held.

    Parameters
    ----------
    p, weights, gains : sequence of Number

    Returns
    -------
    list of Number
    """
    held = times(weights, gains)
    return gradient(p, lambda q: mean(held, q))


def score(p: Vector, a: int) -> list[Any]:
    """``grad log p_a`` by logit, ``e_a - p``.

    Parameters
    ----------
    p : sequence of Number
    a : int

    Returns
    -------
    list of Number
    """
    return [Fraction(a == b) - x for b, x in enumerate(p)]


def sampled(p: Vector, tokens: int) -> list[tuple[Any, tuple[int, ...]]]:
    """Every outcome of drawing some tokens from `p`, with its probability.

    Parameters
    ----------
    p : sequence of Number
    tokens : int

    Returns
    -------
    list of (Number, tuple of int)
    """
    return [(chance([p[a] for a in drawn]), drawn) for drawn in product(range(len(p)), repeat=tokens)]


def chance(factors: Iterable[Any]) -> Any:
    """A product of probabilities.

    Parameters
    ----------
    factors : iterable of Number

    Returns
    -------
    Number
    """
    out: Any = Fraction(1)
    for factor in factors:
        out = out * factor
    return out


def average_of(rows: Sequence[Vector]) -> list[Any]:
    """The mean of some vectors.

    Parameters
    ----------
    rows : sequence of sequence of Number

    Returns
    -------
    list of Number
    """
    return [total(column) / len(rows) for column in zip(*rows, strict=True)]


def expectation(law: Sequence[tuple[Any, Vector]]) -> list[Any]:
    """The mean of a random vector.

    Parameters
    ----------
    law : sequence of (Number, sequence of Number)
        Every value with its probability.

    Returns
    -------
    list of Number
    """
    return [total(w * x[j] for w, x in law) for j in range(len(law[0][1]))]


def covariance_matrix(law: Sequence[tuple[Any, Vector]]) -> list[list[Any]]:
    """The covariance of a random vector.

    Parameters
    ----------
    law : sequence of (Number, sequence of Number)
        Every value with its probability.

    Returns
    -------
    list of list of Number
    """
    centre = expectation(law)
    moved = [(w, [a - b for a, b in zip(x, centre, strict=True)]) for w, x in law]
    indices = range(len(centre))
    return [[total(w * x[i] * x[j] for w, x in moved) for j in indices] for i in indices]


def variances(law: Sequence[tuple[Any, Vector]]) -> list[Any]:
    """The variance of every entry of a random vector.

    Parameters
    ----------
    law : sequence of (Number, sequence of Number)
        Every value with its probability.

    Returns
    -------
    list of Number
    """
    return [total(w * (x[j] - m) ** 2 for w, x in law) for j, m in enumerate(expectation(law))]


def quadratic_form(matrix: Matrix, v: Vector) -> Any:
    """``v' M v``.

    Parameters
    ----------
    matrix : sequence of sequence of Number
    v : sequence of Number

    Returns
    -------
    Number
    """
    return mean(v, [mean(row, v) for row in matrix])


def plus(*vectors: Vector) -> list[Any]:
    """The sum of vectors.

    Parameters
    ----------
    *vectors : sequence of Number

    Returns
    -------
    list of Number
    """
    return [total(column) for column in zip(*vectors, strict=True)]


def minus(x: Vector, y: Vector) -> list[Any]:
    """``x - y``.

    Parameters
    ----------
    x, y : sequence of Number

    Returns
    -------
    list of Number
    """
    return [a - b for a, b in zip(x, y, strict=True)]


def square(x: Vector) -> Any:
    """``||x||**2``.

    Parameters
    ----------
    x : sequence of Number

    Returns
    -------
    Number
    """
    return total(a**2 for a in x)


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
