"""Token trees in float64 by compiled passes: action values up the levels, visits and gradients down.

A tree is worked on in parts that fit in a core's cache: some consecutive states of one level, the split, with all
states below them. A part is left once both its passes are done, so that logits are read and results are written once.
The levels above the split are a small part of their own. Parts do not depend on the number of threads, nor do results.

The formulas are those of `entropy_theory.softmax.Policy`: odds against the mode, which is left out of their sum, and
differences to the mode's value. With ``soft`` the reward of a token is ``-log p`` in addition, whose expectation is the
entropy: ``q - log p`` takes the place of q, and for the gradient of the sum of entropies this is all that changes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange

from entropy_theory.fast import alone
from entropy_theory.fast.elementary import EXACTLY, exp_nonpositive, plus

Array = np.ndarray[Any, Any]

PART = 2**14
"""Numbers in a part, at most, where one state has no more."""


def state_values(
    z: Array, leaves: Array | None, now: Array | None, prompts: int, horizon: int, *, soft: bool = False
) -> Array:
    """Values of all states, shape (S,).

    Parameters
    ----------
    z : float array (S, V)
        Logits.
    leaves : float array (M V**T,) or None
        What follows the last token; nothing with None.
    now : float array (S,) or None
        What each state pays.
    prompts, horizon : int
        M and T.
    soft : bool
        Whether each token pays ``-log p`` in addition.
    """
    out = np.empty(z.shape[0])
    split, most = _division(z.shape[1], horizon)
    args = _flat(z), _leaves(leaves), None if now is None else _flat(now), prompts, z.shape[1]
    with alone:
        _state_values(*args, horizon, split, most, _flag(soft), out)
    return out


def gradient(z: Array, leaves: Array | None, weights: Array, horizon: int, out: Array, *, soft: bool = False) -> None:
    """Gradient ``w(s) p(a|s) (q(s,a) - v(s))`` of the expected sum of what is paid, into `out` (S, V).

    `leaves` and `soft` are as in `state_values`, `weights` (M,) the probabilities of the prompts.
    """
    split, most = _division(z.shape[1], horizon)
    args = _flat(z), _leaves(leaves), _flat(weights), z.shape[1], horizon, split, most, _flag(soft)
    with alone:
        _down(*args, out.reshape(-1), None, None)


def values(z: Array, leaves: Array, weights: Array, horizon: int, v: Array, advantage: Array, visits: Array) -> None:
    """Values (S,), advantages (S, V) and visits (S,) of a policy, into the last three arguments."""
    split, most = _division(z.shape[1], horizon)
    args = _flat(z), _leaves(leaves), _flat(weights), z.shape[1], horizon, split, most, None
    with alone:
        _down(*args, advantage.reshape(-1), v, visits)


def _flat(x: Array) -> Array:
    """In one axis; a copy of what may not be written to, for which numba would compile everything anew."""
    return np.require(x, requirements=["C", "W"]).reshape(-1)


def _leaves(leaves: Array | None) -> Array:
    return np.empty(0) if leaves is None else _flat(leaves)


def _flag(soft: bool) -> float | None:
    """Numba drops what is not needed when an argument is None."""
    return 1.0 if soft else None


def _division(actions: int, horizon: int) -> tuple[int, int]:
    """The level of the split, and how many of its states a part has."""
    below = [0]
    for _ in range(horizon):
        below.append(actions * (1 + below[-1]))
    split = next((t for t in range(horizon) if below[horizon - t] <= PART), horizon - 1)
    return split, max(1, PART // below[horizon - split])


@njit(**EXACTLY)
def _odds(z: Array, actions: int, odds: Array, mode: Array) -> None:
    """The mode of each row and the odds against it."""
    for i in range(mode.size):
        first, best, top = i * actions, 0, z[i * actions]
        for a in range(1, actions):
            x = z[first + a]
            if x > top:
                top = x
                best = a
        mode[i] = best
        for a in range(actions):
            odds[first + a] = z[first + a] - top
    for j in range(mode.size * actions):
        odds[j] = exp_nonpositive(odds[j])


@njit(**EXACTLY)
def _up(
    z: Array, q: Array, actions: int, soft: Any, odds: Array, mode: Array, mean: Array, inverse: Array, v: Array
) -> None:
    """Mean difference to the mode's action value, ``1 / sum of the odds`` and value, a number a row."""
    for i in range(mode.size):
        first, m = i * actions, mode[i]
        base, top = q[first + m], z[first + m]
        others, total = 0.0, 0.0
        for a in range(actions):
            e = odds[first + a]
            others = plus(others, e if a != m else 0.0)
            if soft is None:
                total = plus(total, e * (q[first + a] - base))
            else:
                total = plus(total, e * ((q[first + a] - base) - (z[first + a] - top)))
        inverse[i] = 1 / (1 + others)
        mean[i] = total * inverse[i]
        v[i] = base + mean[i]
        if soft is not None:
            v[i] += math.log1p(others)


@njit(**EXACTLY)
def _spread(visits: Array, odds: Array, actions: int, inverse: Array, below: Array) -> None:
    """Visits of the successors."""
    for i in range(visits.size):
        first, w, share = i * actions, visits[i], inverse[i]
        for a in range(actions):
            below[first + a] = w * (odds[first + a] * share)


@njit(**EXACTLY)
def _advantages(z: Array, q: Array, actions: int, soft: Any, mode: Array, mean: Array, out: Array) -> None:
    for i in range(mode.size):
        first, average = i * actions, mean[i]
        base, top = q[first + mode[i]], z[first + mode[i]]
        for a in range(actions):
            if soft is None:
                out[first + a] = (q[first + a] - base) - average
            else:
                out[first + a] = ((q[first + a] - base) - (z[first + a] - top)) - average


@njit(**EXACTLY)
def _gradients(z: Array, q: Array, actions: int, soft: Any, mode: Array, mean: Array, below: Array, out: Array) -> None:
    for i in range(mode.size):
        first, average = i * actions, mean[i]
        base, top = q[first + mode[i]], z[first + mode[i]]
        for a in range(actions):
            if soft is None:
                out[first + a] = below[first + a] * ((q[first + a] - base) - average)
            else:
                out[first + a] = below[first + a] * (((q[first + a] - base) - (z[first + a] - top)) - average)


@njit(**EXACTLY)
def _starts(prompts: int, actions: int, horizon: int) -> Array:
    """The first state of each level."""
    out = np.zeros(horizon + 1, np.int64)
    size = prompts
    for t in range(horizon):
        out[t + 1] = out[t] + size
        size *= actions
    return out


@njit(**EXACTLY)
def _part_up(
    z: Array, leaves: Array, now: Any, actions: int, soft: Any, starts: Array, rows: int, first: Array, v: Array
) -> None:
    """Values of the states of a part, into `v` (S,) at their places, and those of its first states into `first`."""
    levels = starts.size
    widest = rows * actions ** (levels - 1)
    odds, mode = np.empty(widest * actions), np.empty(widest, np.int64)
    mean, inverse = np.empty(widest), np.empty(widest)
    n, q = widest, leaves
    for level in range(levels - 1, -1, -1):
        s = starts[level]
        table = z[s * actions : (s + n) * actions]
        _odds(table, actions, odds, mode[:n])
        _up(table, q, actions, soft, odds, mode[:n], mean, inverse, v[s : s + n])
        if now is not None:
            for i in range(s, s + n):
                v[i] += now[i]
        q = v[s : s + n]
        n //= actions
    first[:] = q


@njit(parallel=True, **EXACTLY)
def _state_values(
    z: Array, leaves: Array, now: Any, prompts: int, actions: int, horizon: int, split: int, most: int, soft: Any,
    out: Array,
) -> None:  # fmt: skip
    starts = _starts(prompts, actions, horizon)
    roots, depth = prompts * actions**split, actions ** (horizon - split)
    at_split = np.empty(roots)
    nothing = np.zeros(most * depth if leaves.size == 0 else 0)
    for part in prange((roots + most - 1) // most):
        low, high = part * most, min(roots, (part + 1) * most)
        here = starts[split:horizon].copy()
        place = low
        for level in range(horizon - split):
            here[level] += place
            place *= actions
        after = leaves[low * depth : high * depth] if leaves.size else nothing[: (high - low) * depth]
        _part_up(z, after, now, actions, soft, here, high - low, at_split[low:high], out)
    if split:
        _part_up(z, at_split, now, actions, soft, starts[:split], prompts, np.empty(prompts), out)


@njit(**EXACTLY)
def _reached(z: Array, weights: Array, actions: int, starts: Array) -> Array:
    """Visits of the states below the levels that begin at `starts`."""
    visits = weights
    for level in range(starts.size):
        n, s = visits.size, starts[level]
        table, below = z[s * actions : (s + n) * actions], np.empty(n * actions)
        odds, mode = np.empty(n * actions), np.empty(n, np.int64)
        mean, inverse, v = np.empty(n), np.empty(n), np.empty(n)
        _odds(table, actions, odds, mode)
        _up(table, table, actions, None, odds, mode, mean, inverse, v)
        _spread(visits, odds, actions, inverse, below)
        visits = below
    return visits


@njit(**EXACTLY)
def _part_down(
    z: Array, leaves: Array, weights: Array, actions: int, soft: Any, starts: Array, out: Array, first: Array,
    values: Any, visits: Any,
) -> None:  # fmt: skip
    """Both passes over a part. The odds of a level wait in the table of results until the way down."""
    levels, rows = starts.size, weights.size
    ends = np.zeros(levels + 1, np.int64)
    n = rows
    for level in range(levels):
        ends[level + 1] = ends[level] + n
        n *= actions
    mode, mean = np.empty(ends[levels], np.int64), np.empty(ends[levels])
    inverse, v = np.empty(ends[levels]), np.empty(ends[levels])
    q = leaves
    for level in range(levels - 1, -1, -1):
        a, b = ends[level], ends[level + 1]
        begin, end = starts[level] * actions, (starts[level] + b - a) * actions
        _odds(z[begin:end], actions, out[begin:end], mode[a:b])
        _up(z[begin:end], q, actions, soft, out[begin:end], mode[a:b], mean[a:b], inverse[a:b], v[a:b])
        q = v[a:b]
    first[:] = q
    w = weights
    for level in range(levels):
        a, b = ends[level], ends[level + 1]
        begin, end = starts[level] * actions, (starts[level] + b - a) * actions
        q = v[b : ends[level + 2]] if level + 1 < levels else leaves
        if visits is None:
            below = np.empty(end - begin)
            _spread(w, out[begin:end], actions, inverse[a:b], below)
            _gradients(z[begin:end], q, actions, soft, mode[a:b], mean[a:b], below, out[begin:end])
        else:
            visits[starts[level] : starts[level] + b - a] = w
            values[starts[level] : starts[level] + b - a] = v[a:b]
            below = np.empty(end - begin if level + 1 < levels else 0)
            if level + 1 < levels:
                _spread(w, out[begin:end], actions, inverse[a:b], below)
            _advantages(z[begin:end], q, actions, soft, mode[a:b], mean[a:b], out[begin:end])
        w = below


@njit(parallel=True, **EXACTLY)
def _down(
    z: Array, leaves: Array, weights: Array, actions: int, horizon: int, split: int, most: int, soft: Any,
    out: Array, values: Any, visits: Any,
) -> None:  # fmt: skip
    prompts = weights.size
    starts = _starts(prompts, actions, horizon)
    roots, depth = prompts * actions**split, actions ** (horizon - split)
    reached = _reached(z, weights, actions, starts[:split])
    at_split = np.empty(roots)
    nothing = np.zeros(most * depth if leaves.size == 0 else 0)
    for part in prange((roots + most - 1) // most):
        low, high = part * most, min(roots, (part + 1) * most)
        here = starts[split:horizon].copy()
        place = low
        for level in range(horizon - split):
            here[level] += place
            place *= actions
        after = leaves[low * depth : high * depth] if leaves.size else nothing[: (high - low) * depth]
        w = reached[low:high]
        _part_down(z, after, w, actions, soft, here, out, at_split[low:high], values, visits)
    if split:
        _part_down(z, at_split, weights, actions, soft, starts[:split], out, np.empty(prompts), values, visits)
