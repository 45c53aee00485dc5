"""Everything about a policy in each of thousands of small MDPs, in float64, one problem after the other in each thread.

The formulas are those of `gradients.evaluate`; the elimination is that of `problems.elimination`: without pivoting, as
``I - discount P`` is dominated by its diagonal. A problem's tables stay in the nearest cache from the first use of its
transition to the last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from entropy_theory.fast import alone, inputs
from entropy_theory.fast.elementary import EXACTLY, exp_nonpositive, log1p_nonnegative, plus

Array = np.ndarray[Any, Any]

TOGETHER = 64
"""Problems in one piece of work of a thread."""


def evaluate(
    transition: Array, reward: Array, discount: Array, initial: Array, z: Array, rows: tuple[Array, ...], sums: Any
) -> None:
    """Fill in the values, gradients and averages of a policy in each of B problems.

    Parameters
    ----------
    transition : array (B, S, A, S)
    reward, z : array (B, S, A)
    discount : array (B,)
    initial : array (B, S)
        All contiguous.
    rows : four arrays (B, S, A)
        Action values, advantages, policy gradient and mean entropy gradient, to be written.
    sums : two arrays (B, S) and two arrays (B,)
        State values, visits, objective and mean entropy, to be written.
    """
    with alone:
        _evaluate(*inputs(transition, reward, discount, initial, z), *rows, *sums)


@njit(parallel=True, **EXACTLY)
def _evaluate(
    transition: Array,
    reward: Array,
    discount: Array,
    initial: Array,
    z: Array,
    q: Array,
    advantage: Array,
    gradient: Array,
    slope: Array,
    v: Array,
    visits: Array,
    objective: Array,
    mean_entropy: Array,
) -> None:
    problems, states, actions = z.shape
    for piece in prange((problems + TOGETHER - 1) // TOGETHER):
        matrix = np.empty((states, states))
        p = np.empty((states, actions))
        entropy = np.empty(states)
        mode = np.empty(states, np.int64)
        for i in range(piece * TOGETHER, min(problems, (piece + 1) * TOGETHER)):
            _policies(z[i], p, entropy, mode, slope[i])
            _systems(transition[i], reward[i], discount[i], p, matrix, v[i])
            visits[i] = initial[i]
            _eliminate(matrix)
            _solve(matrix, v[i])
            _solve(matrix, entropy)
            _solve_transposed(matrix, visits[i])
            _rows(
                transition[i],
                reward[i],
                discount[i],
                p,
                mode,
                v[i],
                entropy,
                visits[i],
                q[i],
                advantage[i],
                gradient[i],
                slope[i],
            )
            value = total = 0.0
            for s in range(states):
                value += initial[i, s] * v[i, s]
                total += initial[i, s] * entropy[s]
            objective[i] = value
            mean_entropy[i] = total * (1.0 - discount[i])


@njit(**EXACTLY)
def _policies(z: Array, p: Array, entropy: Array, mode: Array, slope: Array) -> None:
    """Probabilities, entropies, modes, and the entropy gradient of each state."""
    states, actions = z.shape
    for s in range(states):
        best = 0
        for a in range(1, actions):
            best = a if z[s, a] > z[s, best] else best
        others = mean = 0.0
        for a in range(actions):
            relative = z[s, a] - z[s, best]
            p[s, a] = exp_nonpositive(relative)
            others += 0.0 if a == best else p[s, a]
            mean += p[s, a] * relative
        inverse = 1.0 / (1.0 + others)
        mean *= inverse
        mode[s] = best
        entropy[s] = log1p_nonnegative(others) - mean
        for a in range(actions):
            p[s, a] *= inverse
            slope[s, a] = p[s, a] * (mean - (z[s, a] - z[s, best]))


@njit(**EXACTLY)
def _systems(transition: Array, reward: Array, discount: float, p: Array, matrix: Array, right: Array) -> None:
    """``I - discount P``, and the mean reward of each state."""
    states, actions = p.shape
    for s in range(states):
        for t in range(states):
            matrix[s, t] = 0.0
        mean = 0.0
        for a in range(actions):
            weight = -discount * p[s, a]
            mean += p[s, a] * reward[s, a]
            for t in range(states):
                matrix[s, t] += weight * transition[s, a, t]
        matrix[s, s] += 1.0
        right[s] = mean


@njit(**EXACTLY)
def _eliminate(matrix: Array) -> None:
    """Factors in the place of the matrix, L with a unit diagonal."""
    states = matrix.shape[0]
    for k in range(states - 1):
        inverse = 1.0 / matrix[k, k]
        for s in range(k + 1, states):
            factor = matrix[s, k] * inverse
            matrix[s, k] = factor
            for t in range(k + 1, states):
                matrix[s, t] -= factor * matrix[k, t]


@njit(**EXACTLY)
def _solve(factors: Array, x: Array) -> None:
    states = x.size
    for s in range(1, states):
        total = 0.0
        for t in range(s):
            total = plus(total, factors[s, t] * x[t])
        x[s] -= total
    for s in range(states - 1, -1, -1):
        total = 0.0
        for t in range(s + 1, states):
            total = plus(total, factors[s, t] * x[t])
        x[s] = (x[s] - total) / factors[s, s]


@njit(**EXACTLY)
def _solve_transposed(factors: Array, x: Array) -> None:
    states = x.size
    for s in range(states):
        x[s] /= factors[s, s]
        for t in range(s + 1, states):
            x[t] -= factors[s, t] * x[s]
    for s in range(states - 1, 0, -1):
        for t in range(s):
            x[t] -= factors[s, t] * x[s]


@njit(**EXACTLY)
def _rows(
    transition: Array,
    reward: Array,
    discount: float,
    p: Array,
    mode: Array,
    v: Array,
    later: Array,
    visits: Array,
    q: Array,
    advantage: Array,
    gradient: Array,
    slope: Array,
) -> None:
    """Action values, advantages and both gradients; `slope` holds the entropy gradients of the states before."""
    states, actions = p.shape
    for s in range(states):
        for a in range(actions):
            following = entropies = 0.0
            for t in range(states):
                following = plus(following, transition[s, a, t] * v[t])
                entropies = plus(entropies, transition[s, a, t] * later[t])
            q[s, a] = reward[s, a] + discount * following
            gradient[s, a] = discount * entropies
        base, ahead = q[s, mode[s]], gradient[s, mode[s]]
        mean = mean_ahead = 0.0
        for a in range(actions):
            mean += p[s, a] * (q[s, a] - base)
            mean_ahead += p[s, a] * (gradient[s, a] - ahead)
        share = (1.0 - discount) * visits[s]
        for a in range(actions):
            slope[s, a] = share * (p[s, a] * ((gradient[s, a] - ahead) - mean_ahead) + slope[s, a])
            advantage[s, a] = (q[s, a] - base) - mean
            gradient[s, a] = visits[s] * p[s, a] * advantage[s, a]
