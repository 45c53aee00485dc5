"""How fast exact ascent converges: smoothness constants, runs, and two arms in closed form.

Write ``p = softmax(z)``, ``u_a = v_a - E_p v`` for a direction v, ``|.|`` for the Euclidean norm, ``osc = max - min``.

*Smoothness of J* (bandit). ``v' (Hess J) v = Cov_p(r, u^2)``, linear in r for fixed p and v, so its extremes over
rewards between two bounds are at ``r = osc(r) 1_S`` up to a constant. With ``s = P(S)``, m and V mean and variance of
v given S, m' and V' given its complement, and ``c = 1 - 2 s``, ``Cov_p(1_S, u^2) = s (1 - s) [V - V' + c (m -
m')^2]``. Exchanging S with its complement flips the sign, so an upper bound is enough. Let ``N = sum_S v_a^2`` and
``N' = |v|^2 - N``: ``m'^2 <= N'``, ``m^2 <= N``, ``V <= N - m^2`` and ``V <= N / 2``.

- c < 0: the bracket is at most ``V <= N / 2``, and ``s (1 - s) / 2 <= 1/8``.
- 0 <= c <= 1/2: ``V <= 2 c (N - m^2) + (1 - 2 c) N / 2`` and ``(m - m')^2 <= 2 m^2 + 2 m'^2`` bound the bracket by
  ``(1/2 + c) N + 2 c N' <= (1/2 + c) |v|^2``; and ``s (1 - s) (1/2 + c) = (1 - c^2) (1/2 + c) / 4 < 0.1896``.
- c >= 1/2: ``V <= N - m^2`` bounds it by ``N + (2 c - 1) m^2 + 2 c N' <= 2 c |v|^2``; and ``(1 - c^2) 2 c / 4 <= 1 / (3
  sqrt(3)) = 0.19245...``, with equality at ``c = 1 / sqrt(3)``.

So ``|v' (Hess J) v| <= osc(r) |v|^2 / (3 sqrt(3))``, with equality for two arms with ``p_1 = (1 - 1 / sqrt(3)) / 2``.

*Smoothness of H.* ``v' (Hess H) v = Cov_p(u^2, -x) - Var_p(v)``, x = log p. Split ``-x = y + g`` with ``y = min(-x, log
n)``, which has ``osc(y) <= log n``, and ``g = max(0, -x - log n)``. The bound above gives ``|Cov_p(u^2, y)| <= log(n)
|v|^2 / (3 sqrt(3))``. As ``p_a g_a <= 1 / (e n)`` and ``|u|^2 <= n |v|^2`` (the norm of the projection ``1 - 1 p'`` is
that of ``1 p'``, ``sqrt(n) |p|``), ``0 <= E[u^2 g] <= |v|^2 / e``; and ``E g <= s log(1 / s) <= 1 / e`` by Jensen's
inequality, s the mass of the actions where g > 0. With ``Var_p(v) <= |v|^2 / 2``, ``Cov_p(u^2, g) - Var_p(v)`` lies
between ``-(1 + 1/e) |v|^2 / 2`` and ``|v|^2 / e``. So ``|v' (Hess H) v| <= [log(n) / (3 sqrt(3)) + (1 + 1/e) / 2]
|v|^2``.

*Two arms.* With rewards (1, 0) and ``w = z_1 - z_2``, ``p_1 p_2 = 1 / (2 (1 + cosh w))``, an exact step is ``w' = w +
eta / (1 + cosh w)``, and along the flow ``dw/ds = 1 / (1 + cosh w)`` the quantity ``G(w) = w + sinh w`` grows at rate
one. With rewards that differ by a gap, eta gap and s gap take the place of eta and s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from inspect import signature
from itertools import accumulate, islice
from typing import Any, Protocol

import numpy as np

from entropy_theory.arithmetic import enclosed_root, is_ball, largest, midpoint, smallest
from entropy_theory.balls import Ball, UndecidedComparison
from entropy_theory.brief import brief
from entropy_theory.constants import Exact, exact
from entropy_theory.controls.fields import as_step_size, at_step, spread
from entropy_theory.gradients import Problem, checked_logits, policy_gradient
from entropy_theory.problems import Bandit
from entropy_theory.validation import (
    LARGEST,
    as_count,
    as_numbers,
    as_reals,
    as_scalar,
    broadcast,
    report,
    within_doubles,
)

Array = np.ndarray[Any, Any]

MOST_LOGIT = 700.0
"""Largest difference of logits of a two-armed run in floats: its hyperbolic sine is still a double."""

NEWTON_STEPS = 7
"""The first bound is at most 0.475 above the root, from where five steps reach the rounding of a double."""

MOST_NUMBERS_OF_A_PATH = 2**30
"""Eight gibibytes of logits; some hours of steps at least."""

CHUNK = 100_000
"""Step sizes that a two-armed run takes up at a time."""


class Ascent(Protocol):
    """What `ascend` asks of its control; those of `entropy_theory.controls` have it."""

    def update(self, problem: Problem, z: Any, eta: Any, *, anchor: Any = None, step: int = 0) -> Array:
        """The exact update of the logits."""
        ...


@dataclass(frozen=True)
class BiasedAscent:
    """Exact gradient ascent with a term added: ``z' = z + eta (grad J(z) + bias(z, t))``.

    Parameters
    ----------
    bias : callable
        Maps the logits and the number of the step to an array of the shape of the logits.
    """

    bias: Callable[[Array, int], Any]

    def __post_init__(self) -> None:
        if not callable(self.bias):
            raise ValueError(f"bias is {brief(self.bias)}, expected a function of the logits and the step")

    def update(self, problem: Problem, z: Any, eta: Any, *, anchor: Any = None, step: int = 0) -> Array:
        """The update ``eta (grad J(z) + bias(z, step))``.

        Parameters
        ----------
        problem, z, eta
            As in `Control.update`.
        anchor : array like `z`, optional
            Has no part in it.
        step : int, optional
            At which the bias is taken.

        Returns
        -------
        array of the shape of `z` broadcast against the problem

        Raises
        ------
        ValueError
            As `Control.update`, and if the bias is none that can be added.
        """
        size = spread(as_step_size(eta), 1 if isinstance(problem, Bandit) else 2)
        logits = checked_logits(problem, z)
        gradient, bias = policy_gradient(problem, logits), self.bias(logits, step)
        try:
            direction = np.asarray(gradient + bias)
        except (TypeError, ValueError):
            raise ValueError(f"bias gave {brief(bias)}, expected numbers of shape {gradient.shape}") from None
        return np.asarray(size * as_numbers(direction, "the gradient with bias at z"))


def reward_smoothness(reward: Any) -> Array:
    """Smoothness constant of the objective of a bandit, ``osc(r) / (3 sqrt(3))``.

    For all logits and directions ``|v' (Hess J) v| <= L |v|^2``, so ``grad J`` is L-Lipschitz; the proof is at the
    top of the file. No smaller constant serves all policies, for any number of actions. (Assumption VII.1 asks for
    some L.)

    Parameters
    ----------
    reward : array (..., A)

    Returns
    -------
    array (...)

    Raises
    ------
    ValueError
        If `reward` has no actions or an entry that is no finite real number.
    OverflowError
        If the difference of two rewards is beyond the doubles.

    Examples
    --------
    >>> round(float(reward_smoothness([1.0, 0.0])), 6)
    0.19245
    """
    r = as_reals(reward, "reward", axes=1)
    with within_doubles("reward"):
        oscillation = largest(r) - smallest(r)
    return np.asarray(oscillation / (3 * np.sqrt(exact(3))))


def entropy_smoothness(actions: int) -> Exact:
    """Smoothness constant of the entropy, ``log(n) / (3 sqrt(3)) + (1 + 1/e) / 2`` for n actions.

    For all logits and directions ``|v' (Hess H) v| <= L |v|^2``; the proof is at the top of the file. It is a constant
    that takes the arithmetic of the array it meets. At two actions it is 0.817 (the least that serves is 1/2), at six
    1.029 (0.582), and no constant that grows slower than log n serves.

    Parameters
    ----------
    actions : int
        Number n of actions.

    Returns
    -------
    Exact

    Raises
    ------
    ValueError
        If `actions` is no integer >= 1.

    Examples
    --------
    >>> round(float(entropy_smoothness(2)), 3)
    0.817
    """
    as_count(actions, "actions")
    constant: Exact = np.log(exact(int(actions))) / (3 * np.sqrt(exact(3))) + (1 + np.exp(exact(-1))) / 2
    return constant


def ascend(problem: Problem, control: Ascent, z0: Any, eta: Any, steps: int, *, anchor: Any = None) -> Array:
    """Logits along exact updates, ``z_{t+1} = z_t + control.update(problem, z_t, eta_t, anchor=..., step=t)``.

    Parameters
    ----------
    problem : Bandit, MDP or TokenTree
    control : object with a method `update`
        One of `entropy_theory.controls`, or `BiasedAscent`.
    z0 : array (..., S, A), for a bandit (..., A)
        Logits of the first policy.
    eta : number > 0, array (...) with an entry a problem, or callable of t that returns either
    steps : int >= 0
    anchor : array like z0, optional
        Logits of pi_old for all steps. Without it pi_old is z0 for a control whose `anchor` is "fixed" and the current
        policy for any other.

    Returns
    -------
    array (steps + 1, ..., S, A), for a bandit (steps + 1, ..., A)
        In balls if the problem or the logits are balls.

    Raises
    ------
    ValueError
        If a step size is not a finite number > 0 (the control says so), `steps` is no integer >= 0 or asks for a path
        that fits in no memory, or logits do not fit the problem, also those that a step leads to.
    UndecidedComparison
        If a step leads to balls that are not bounded.
    """
    as_count(steps, "steps", least=0)
    if not _updates(control):
        raise ValueError(
            f"control is {brief(control)}, expected one with a method update(problem, z, eta, anchor=, step=), such as "
            "PolicyGradient()"
        )
    z = checked_logits(problem, z0, "z0")
    if (steps + 1) * z.size > MOST_NUMBERS_OF_A_PATH:
        raise ValueError(f"steps is {steps}, expected a path of at most {MOST_NUMBERS_OF_A_PATH:,} numbers")
    fixed = getattr(control, "anchor", "moving") == "fixed"
    old = problem.check_logits(anchor, "anchor") if anchor is not None else z if fixed else None
    path = [z]
    for t in range(steps):
        size = at_step(eta, t, "eta") if callable(eta) else eta
        try:
            update = control.update(problem, z, size, anchor=z if old is None else old, step=t)
        except (ValueError, UndecidedComparison):
            problem.check_logits(z, f"at step {t} from z0 with eta, z")  # it may be these that the control refuses
            raise
        with np.errstate(over="ignore"):
            z = z + update
        path.append(z)
    problem.check_logits(z, f"at step {steps} from z0 with eta, z")
    return np.stack(np.broadcast_arrays(*path))


def _updates(control: Any) -> bool:
    """Whether it has an `update` that `ascend` can call; a dictionary has one that it cannot."""
    try:
        signature(control.update).bind(None, None, None, anchor=None, step=None)
    except (AttributeError, TypeError, ValueError):
        return False
    return True


def gradient_bound(gain: Any, eta: Any, squared_bias: Any) -> Array:
    """Bound on the mean squared gradient of a biased ascent, ``[2 gain / eta + sum_{t<T} B_t] / T`` for T = 1, 2, ...

    Let f be L-smooth and bounded above by f*, ``z_{t+1} = z_t + eta (g_t + b_t)`` with ``g_t = grad f(z_t)``, ``eta
    <= 1 / L`` and ``|b_t|^2 <= B_t``. Then ``f(z_{t+1}) - f(z_t) >= eta <g, g + b> - L eta^2 |g + b|^2 / 2 >= eta
    [<g, g + b> - |g + b|^2 / 2] = eta (|g_t|^2 - |b_t|^2) / 2``. The sum over t < T gives ``min_{t<T} |g_t|^2 <=
    (1/T) sum_{t<T} |g_t|^2 <= [2 (f* - f(z_0)) / eta + sum_{t<T} B_t] / T``. Without bias it is what Eq. (29) of
    Theorem VII.2 should say.

    Parameters
    ----------
    gain : array (...)
        ``f* - f(z_0)``.
    eta : array (...)
    squared_bias : array (..., T)

    Returns
    -------
    array (..., T)

    Raises
    ------
    ValueError
        If `eta` is not positive, a bias is negative, or a number is not finite or not real.
    OverflowError
        If the bound is beyond the doubles.
    """
    bias, rise, step = as_reals(squared_bias, "squared_bias", axes=1), as_reals(gain, "gain"), as_step_size(eta)
    report(np.asarray((bias < 0).astype(bool)), bias, "squared_bias", "a number >= 0")
    with within_doubles("gain", "eta", "squared_bias"):
        try:
            total = 2 * rise[..., None] / np.asarray(step)[..., None] + np.cumsum(bias, axis=-1)
        except ValueError:
            raise ValueError(
                f"gain has shape {rise.shape}, eta {np.shape(step)} and squared_bias {bias.shape}, expected (...) "
                "twice and (..., T) that broadcast"
            ) from None
        return np.asarray(total / np.arange(1, bias.shape[-1] + 1))


def two_armed_time(w: Any) -> Array:
    """``G(w) = w + sinh w``, which grows at the rate of the gap along exact two-armed ascent in continuous time."""
    x = np.asarray(w)
    return np.asarray(x + (np.expm1(x) - np.expm1(-x)) / 2)


def two_armed_speed(w: Any) -> Array:
    """``dw/ds = 1 / (1 + cosh w)``, twice the product of the two probabilities. No overflow for large w."""
    e = np.exp(-abs(np.asarray(w)))
    return np.asarray(2 * e / (1 + e) ** 2)


def two_armed_squared_gradient(w: Any) -> Array:
    """``|grad J|^2 = 2 (p_1 p_2)^2 = 1 / (2 (1 + cosh w)^2)`` for two arms with rewards (1, 0)."""
    return np.asarray(two_armed_speed(w) ** 2 / 2)


def two_armed_flow(w0: Any, s: Any) -> Array:
    """Difference of logits along the gradient flow of two arms: w with ``w + sinh w = s + w0 + sinh w0``.

    Parameters
    ----------
    w0 : array (...)
        ``z_1 - z_2`` at the start, arm 1 the better. In floats of size at most 700.
    s : array (...)
        Time, times the gap of the rewards, >= 0; for steps eta_t it stands for their sum. In floats at most 1e300; on
        balls of any size.

    Returns
    -------
    array (...)
        Relatively accurate to a few units of rounding given ``s + w0 + sinh w0``; on balls a rigorous enclosure.

    Raises
    ------
    ValueError
        If `s` is negative, a number is too large, not finite or not real, or shapes do not fit.

    Examples
    --------
    >>> w = float(two_armed_flow(0.0, 1e6))
    >>> round(w + float(np.sinh(w)), 3)
    1000000.0
    """
    start, time = as_reals(w0, "w0"), as_reals(s, "s")
    report(np.asarray((time < 0).astype(bool)), time, "s", "a number >= 0")
    if not is_ball(start):
        report(abs(start) > MOST_LOGIT, start, "w0", f"a number of size at most {MOST_LOGIT:g}")
    if not is_ball(time):
        report(time > LARGEST, time, "s", f"a number of at most {LARGEST:g}")
    try:
        y = np.asarray(time + two_armed_time(start))
    except ValueError:
        raise ValueError(f"w0 has shape {start.shape} and s {time.shape}, expected shapes that broadcast") from None
    return _enclosed_inverse(y) if is_ball(y) else _float_inverse(y)


def two_armed_bounds(w0: Any, total: Any, largest_step: Any) -> tuple[Array, Array]:
    """Bounds on the discrete two-armed run by the flow, for a run of any length that starts at w0 >= 0.

    A step from w >= 0 goes to ``w + delta``, ``delta = eta / (1 + cosh w) <= eta / 2``. G is convex there with slope
    ``1 + cosh``, and ``1 + cosh(w + delta) <= e^delta (1 + cosh w)``, so ``eta <= G(w + delta) - G(w) <= eta e^delta
    <= eta e^{eta / 2}``. Summed: the run after steps of total size S, each at most h, is at least the flow at S and
    at most the flow at ``S e^{h/2}``.

    Parameters
    ----------
    w0 : array (...)
        ``z_1 - z_2`` at the start, >= 0.
    total : array (...)
        Sum of the step sizes, times the gap of the rewards.
    largest_step : array (...)
        The largest of them, times the gap.

    Returns
    -------
    low, high : array (...)
        Rigorous on balls, on floats to rounding.

    Raises
    ------
    ValueError
        If `w0` is negative, and as `two_armed_flow`.
    """
    start, s, step = broadcast(
        w0=as_reals(w0, "w0"), total=as_reals(total, "total"), largest_step=as_reals(largest_step, "largest_step")
    )
    report(np.asarray((start < 0).astype(bool)), start, "w0", "a number >= 0")
    report(np.asarray((s < 0).astype(bool)), s, "total", "a number >= 0")
    report(np.asarray((step < 0).astype(bool)), step, "largest_step", "a number >= 0")
    with within_doubles("total", "largest_step"):
        longest = as_reals(s * np.exp(step / 2), "total with largest_step")
    for name, array in (("total", s), ("total with largest_step", longest)):
        if not is_ball(array):
            report(array > LARGEST, array, name, f"a number of at most {LARGEST:g}")
    return two_armed_flow(start, s), two_armed_flow(start, longest)


def two_armed_ascent(w0: float, etas: Iterable[float], betas: Iterable[float] | None = None) -> Array:
    """The discrete run of two arms with rewards (1, 0), in floats.

    ``w_{t+1} = w_t + eta_t [1 / (1 + cosh w_t) - beta_t tanh(w_t / 2)]``: exact steps, with a penalty ``beta_t KL(q ||
    p)`` on the divergence from the uniform policy q, whose gradient is ``p - q``, Eq. (21). Without `betas` the penalty
    is left out.

    Parameters
    ----------
    w0 : float
    etas : iterable of float
        Step sizes >= 0 (an array, or a generator for a long run), times the gap of the rewards.
    betas : iterable of float, optional
        Coefficients >= 0 of the penalty, one a step, divided by the gap of the rewards.

    Returns
    -------
    array (T + 1,)
        ``w_0, ..., w_T``. Some millions of steps a second.

    Raises
    ------
    ValueError
        If `w0`, a step size or a coefficient is not finite, if one is negative, or if there are fewer coefficients than
        step sizes.
    OverflowError
        If the run leaves the doubles.
    """
    w, rest = as_scalar(w0, "w0"), _iterated(etas, "etas")
    pulls = None if betas is None else _iterated(betas, "betas")
    parts, done = [np.array([w])], 0
    while len(sizes := _nonnegative(rest, CHUNK, "etas", done)):
        if pulls is None:
            run = accumulate(sizes.tolist(), _two_armed_step, initial=w)
        else:
            weights = _nonnegative(pulls, len(sizes), "betas", done)
            if len(weights) < len(sizes):
                raise ValueError(f"betas has {done + len(weights)} coefficients, expected one for each of the etas")
            run = accumulate(zip(sizes.tolist(), weights.tolist(), strict=True), _two_armed_penalised_step, initial=w)
        parts.append(np.fromiter(run, dtype=np.float64, count=len(sizes) + 1)[1:])
        if not np.isfinite(parts[-1]).all():
            raise OverflowError("etas or betas are too large, expected a run within the range of doubles")
        w, done = float(parts[-1][-1]), done + len(sizes)
    return np.concatenate(parts)


def _iterated(values: Any, name: str) -> Iterator[float]:
    if np.ma.is_masked(values):
        raise ValueError(f"{name} is {brief(values)}, a masked array, expected numbers that are all there")
    try:
        return iter(values)
    except TypeError:
        raise ValueError(f"{name} is {brief(values)}, expected numbers, one a step") from None


def _nonnegative(values: Iterator[float], count: int, name: str, done: int) -> Array:
    """The next numbers, at most `count` of them, after `done` of them."""
    found = as_numbers(list(islice(values, count)) or [], f"{name} from {done}")
    if found.ndim != 1 or found.dtype != np.float64:
        raise ValueError(
            f"{name} has entries of shape {found.shape[1:]} and dtype {found.dtype}, expected real numbers"
        )
    report(found < 0, found, f"{name} from {done}", "a number >= 0")
    return found


def _two_armed_step(w: float, eta: float) -> float:
    try:
        return w + eta / (1.0 + math.cosh(w))
    except OverflowError:
        return w


def _two_armed_penalised_step(w: float, step: tuple[float, float]) -> float:
    eta, beta = step
    return _two_armed_step(w, eta) - eta * beta * math.tanh(w / 2)


def _float_inverse(y: Array) -> Array:
    """The w with G(w) = y in floats. G is odd; for w > 0 it is convex and above 2 w and sinh w, so Newton's method from
    the smaller of the two bounds falls to the root."""
    target = np.abs(y)
    w = np.minimum(target / 2, np.arcsinh(target))
    for _ in range(NEWTON_STEPS):
        w = w - (two_armed_time(w) - target) / (1 + np.cosh(w))
    return np.asarray(np.sign(y) * w)


def _enclosed_inverse(y: Array) -> Array:
    """Enclosures of the w with G(w) = y; beyond the range of doubles Newton's method starts from log(2 y)."""
    flat = y.reshape(-1)
    sign = np.where(midpoint(flat) < 0, -1, 1)
    target = sign * flat
    centre = midpoint(target)
    guess = _float_inverse(np.clip(centre, 1 / LARGEST, LARGEST))
    far = centre > LARGEST
    if far.any():
        guess[far] = np.log(2) + midpoint(np.log(target[far]))
    # No interval around an exact zero is relatively small; what is infinite is left as it is.
    zero = np.array([Ball(x).rational == 0 for x in target], dtype=bool)
    guess[zero] = np.inf
    root = enclosed_root(lambda w: two_armed_time(w) - target, guess)
    root[zero] = target[zero]
    return np.asarray(sign * root).reshape(y.shape)
