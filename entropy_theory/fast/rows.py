"""Wide tables of logits in float64, a row a state: what a loss of sampled tokens needs of them, in compiled passes.

The formulas are those of `entropy_theory.softmax.Policy`; a table is read once to find the odds of each row, and once
more where a gradient is pushed through its softmax.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange

from entropy_theory.fast import alone
from entropy_theory.fast.elementary import EXACTLY, exp_nonpositive, plus

Array = np.ndarray[Any, Any]


def summaries(z: Array) -> tuple[Array, Array, Array]:
    """For each row of `z` (S, A): the mode, the sum of the others' odds and the entropy, arrays (S,)."""
    mode, others, entropy = np.empty(z.shape[0], np.int64), np.empty(z.shape[0]), np.empty(z.shape[0])
    with alone:
        _summaries(z, mode, others, entropy)
    return mode, others, entropy


@njit(parallel=True, **EXACTLY)
def _summaries(z: Array, mode: Array, others: Array, entropy: Array) -> None:
    for s in prange(z.shape[0]):
        row = z[s]
        best, top = 0, row[0]
        for a in range(1, row.size):
            if row[a] > top:
                top = row[a]
                best = a
        rest, total = 0.0, 0.0
        for a in range(row.size):
            relative = row[a] - top
            odds = exp_nonpositive(relative)
            rest = plus(rest, odds if a != best else 0.0)
            total = plus(total, odds * relative)
        mode[s] = best
        others[s] = rest
        entropy[s] = math.log1p(rest) - total / (1 + rest)


def push(z: Array, mode: Array, others: Array, sums: Array) -> None:
    """``G - p * (sum of G over the row)`` in the place of G, the table `sums` (S, A)."""
    with alone:
        _push(z, mode, others, sums)


@njit(parallel=True, **EXACTLY)
def _push(z: Array, mode: Array, others: Array, sums: Array) -> None:
    for s in prange(z.shape[0]):
        row, gradient, top = z[s], sums[s], z[s, mode[s]]
        total = 0.0
        for a in range(row.size):
            total = plus(total, gradient[a])
        if total != 0.0:
            share = total / (1 + others[s])
            for a in range(row.size):
                gradient[a] -= share * exp_nonpositive(row[a] - top)
