"""The stability margin of a direction: how far a policy may move along it within a bounded KL divergence.

Along the ray ``z + eta v`` the divergence from the policy p at z is ``phi(eta) = KL(p || p_eta) = log E_p exp(eta
u)``, with ``u = v - E_p v``: convex, zero with slope zero at eta = 0, and, unless v is constant, strictly increasing to
infinity. So Definition VII.2 is well posed: ``phi(eta) = epsilon`` has one root, the margin. It is bracketed by
``phi(eta) <= eta^2 osc(v)^2 / 8`` (Hoeffding's lemma) and ``phi(eta) >= eta u_a + log p_a`` for every action a. A sum
over states with weights has the same properties.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from flint import arb

from entropy_theory.arithmetic import bracketed_root, enclosed_root, is_ball, midpoint, to_balls
from entropy_theory.balls import Ball, UndecidedComparison
from entropy_theory.softmax import centred, covariance, kl_along, log_softmax
from entropy_theory.validation import as_logits, as_numbers, broadcast, real_only, report

Array = np.ndarray[Any, Any]

_INFINITE = Ball(arb("inf"))
"""The margin of a constant direction among balls: above each number, and not to be ordered with another such margin."""


def stability_margin(z: Any, direction: Any, epsilon: Any, weights: Any = None) -> Array:
    """Exact stability margin ``gamma = max {eta > 0 : KL(p || p_eta) <= epsilon}``, Definition VII.2, Eq. (32).

    ``p_eta`` is the policy at ``z + eta * direction``. With weights the divergence is ``sum_s weights(s) KL_s``.

    Parameters
    ----------
    z, direction : array (..., A), with weights (..., S, A)
        Logits and a direction in logits, of shapes that broadcast.
    epsilon : float or array (...)
        Bound on the divergence, > 0, in nats.
    weights : array (..., S), optional
        Nonnegative weights of the states, such as the visitation of a policy in an MDP.

    Returns
    -------
    array (...)
        In units of the step size; infinite where the direction is constant at every state that has weight (in floats
        also where the margin exceeds the largest double). Relatively accurate to about 1e-14 for margins from 1e-8 to
        1e8 and far beyond; on balls a rigorous enclosure, infinite only where the direction is certainly constant.

    Raises
    ------
    ValueError
        If `epsilon` is not positive, a weight is negative, or shapes do not fit.
    OverflowError
        If in floats `epsilon` is too small beside direction and weights: the margin, or where its search begins, is
        below the doubles.
    UndecidedComparison
        If balls do not tell the direction from a constant one, or the margin leaves the range of doubles.

    Examples
    --------
    >>> import numpy as np, entropy_theory as et
    >>> z, g = np.log([0.9, 0.1]), np.array([0.09, -0.09])
    >>> float(et.kl(z, z + et.stability_margin(z, g, 0.01) * g))  # doctest: +ELLIPSIS
    0.01...
    """
    logits, change, bound, share = _arguments(z, direction, epsilon, weights)
    if any(is_ball(x) for x in (logits, change, bound, share)):
        return _enclosed(logits, change, bound, share)
    return _bracketed(logits, change, bound, share)


def quadratic_stability_margin(z: Any, direction: Any, epsilon: Any, weights: Any = None) -> Array:
    """Margin of the quadratic model of the divergence, ``sqrt(2 epsilon) / ||direction||_F``, Appendix O.

    Parameters
    ----------
    z, direction : array (..., A), with weights (..., S, A)
    epsilon : float or array (...)
    weights : array (..., S), optional
        As in `stability_margin`; then ``||v||_F^2 = sum_s weights(s) Var_s(v)``.

    Returns
    -------
    array (...)
        Infinite where the direction is constant.

    Raises
    ------
    ValueError
        As `stability_margin`.
    """
    logits, change, bound, share = _arguments(z, direction, epsilon, weights)
    if any(is_ball(x) for x in (logits, change, bound, share)):
        # Floats among balls would pass rounded exponentials off as exact numbers.
        logits, change, bound, share = (to_balls(x) for x in (logits, change, bound, share))
        squared = (share * covariance(logits, change, change)).sum(-1)
        return np.asarray(_FINITE_OR_INFINITE(squared, bound))
    unit, scale = _to_unit_spread(logits, change, share)
    squared = (share * covariance(logits, unit, unit)).sum(-1)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(np.sqrt(2 * bound) / np.sqrt(squared) / scale)


def _quotient(squared: Any, bound: Any) -> Any:
    return _INFINITE if Ball(squared).arb == 0 else (2 * Ball(bound) / squared).sqrt()


_FINITE_OR_INFINITE = np.frompyfunc(_quotient, 2, 1)


def _arguments(z: Any, direction: Any, epsilon: Any, weights: Any) -> tuple[Array, Array, Array, Array]:
    """Logits and direction (..., S, A), bound (...) and weights (..., S), without weights with S = 1."""
    logits, change = _real(as_logits(z), "z"), _real(as_logits(direction, "direction"), "direction")
    logits, change = broadcast(z=logits, direction=change)
    bound = _real(as_numbers(epsilon, "epsilon"), "epsilon")
    report(np.asarray(~(bound > 0).astype(bool)), bound, "epsilon", "a number > 0")
    if weights is None:
        logits, change = logits[..., None, :], change[..., None, :]
        share = np.ones(1)
    else:
        share = _real(as_numbers(weights, "weights", axes=1), "weights")
        report(np.asarray((share < 0).astype(bool)), share, "weights", "a number >= 0")
        if logits.ndim < 2 or share.shape[-1] != logits.shape[-2]:
            raise ValueError(f"weights has shape {share.shape}, expected (..., S) for z of shape {logits.shape}")
    try:
        batch = np.broadcast_shapes(logits.shape[:-2], bound.shape, share.shape[:-1])
    except ValueError:
        raise ValueError(
            f"epsilon has shape {bound.shape}, expected one that broadcasts against {logits.shape[:-2]}"
        ) from None
    states, actions = logits.shape[-2:]
    return (
        np.broadcast_to(logits, (*batch, states, actions)),
        np.broadcast_to(change, (*batch, states, actions)),
        np.broadcast_to(bound, batch),
        np.broadcast_to(share, (*batch, states)),
    )


def _real(array: Array, name: str) -> Array:
    return real_only(array, name, "a stability margin is not differentiated")


def _to_unit_spread(z: Array, direction: Array, weights: Array) -> tuple[Array, Array]:
    """The centred direction with largest spread one over the states that have weight, and that spread (1 if it is 0).

    Centred first: a large common part of the direction would otherwise be rounded by the division.
    """
    spread = np.where(weights > 0, direction.max(-1) - direction.min(-1), 0.0).max(-1)
    scale = np.where(spread > 0, spread, 1.0)
    return np.asarray(centred(z, direction) / scale[..., None, None]), scale


def _bracketed(z: Array, direction: Array, epsilon: Array, weights: Array) -> Array:
    batch = epsilon.shape
    z, direction = z.reshape(-1, *z.shape[-2:]), direction.reshape(-1, *z.shape[-2:])
    epsilon, weights = epsilon.reshape(-1), weights.reshape(-1, z.shape[-2])
    u, scale = _to_unit_spread(z, direction, weights)
    spread = np.where(weights > 0, u.max(-1) - u.min(-1), 0.0)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        low = np.sqrt(8 * epsilon / (weights * spread**2).sum(-1))
        reach = (epsilon[:, None, None] / weights[..., None] - log_softmax(z)) / u
        high = np.where(u > 0, reach, np.inf).min(axis=(-2, -1))
    margin = np.full(len(epsilon), np.inf)
    finite = np.isfinite(low) & np.isfinite(high)
    if finite.any():
        z, u, weights, epsilon = z[finite], u[finite], weights[finite], epsilon[finite]

        def excess(log_step: Array, i: Array) -> Array:
            with np.errstate(divide="ignore"):
                divergence = (weights[i] * kl_along(z[i], u[i], np.exp(log_step)[:, None])).sum(-1)
                return np.asarray(np.log(divergence) - np.log(epsilon[i]))

        if not (low[finite] / 2 > 0).all():
            raise OverflowError("epsilon is too small beside direction and weights, expected a margin that is a double")
        # Twice wider than the bounds, which can be attained to rounding.
        root = bracketed_root(excess, np.log(low[finite] / 2), np.log(np.maximum(2 * high, low)[finite]))
        with np.errstate(over="ignore"):
            margin[finite] = np.exp(root - np.log(scale[finite]))
    return margin.reshape(batch)


def _enclosed(z: Array, direction: Array, epsilon: Array, weights: Array) -> Array:
    batch = epsilon.shape
    # Floats among balls would pass rounded exponentials off as exact numbers.
    z, direction, epsilon, weights = (to_balls(x) for x in (z, direction, epsilon, weights))
    z, direction = z.reshape(-1, *z.shape[-2:]), direction.reshape(-1, *z.shape[-2:])
    epsilon, weights = epsilon.reshape(-1), weights.reshape(-1, z.shape[-2])
    moves = ~_still(z, direction, weights)
    out = np.full(epsilon.shape, _INFINITE, dtype=object)
    if moves.any():
        z, epsilon, weights = z[moves], epsilon[moves], weights[moves]
        # A power of two takes the direction into the range of doubles.
        unit = _powers_of_two(centred(z, direction[moves]))
        direction = direction[moves] / unit[:, None, None]
        centres = [midpoint(x) for x in (z, direction, epsilon, weights)]
        usable = all(np.isfinite(x).all() for x in centres) and bool((centres[2] > 0).all())
        guess = _bracketed(*centres) if usable else np.array([math.inf])
        if not np.isfinite(guess).all():
            raise UndecidedComparison("the direction, or epsilon, cannot be told from one without a finite margin")

        def excess(step: Array) -> Array:
            return np.asarray((weights * kl_along(z, direction, step[..., None])).sum(-1) - epsilon)

        out[moves] = enclosed_root(excess, guess) / unit
    return out.reshape(batch)


def _powers_of_two(change: Array) -> Array:
    """For each direction (S, A) of a batch the power of two nearest to its largest entry."""
    out = np.empty(len(change), dtype=object)
    for i, entries in enumerate(change):
        sizes = [abs(Ball(x)).arb.mid() for x in entries.flat]
        exponents = [round(float((s.log() / arb(2).log()).mid())) for s in sizes if s > 0 and s.is_finite()]
        out[i] = Ball(2) ** max(exponents, default=0)
    return out


def _still(z: Array, direction: Array, weights: Array) -> Array:
    """Whether the direction is certainly constant at every state that may have weight."""
    change = centred(z, direction)
    constant_there = [all(Ball(x).arb == 0 for x in row) for row in change.reshape(-1, change.shape[-1])]
    weightless = np.array([Ball(w).arb == 0 for w in weights.flat], dtype=bool).reshape(weights.shape)
    return np.asarray((np.array(constant_there, dtype=bool).reshape(weights.shape) | weightless).all(-1))
