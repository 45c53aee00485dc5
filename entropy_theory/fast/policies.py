"""The statistics of a batch of policies in one pass over memory; the formulas are those of `softmax.Policy`.

Where there are many actions, vector instructions go over the actions of one policy; where there are few, over `LANES`
policies, which are turned for it so that each action is a row. Sums that have to be centred are taken about the mode's
value, or about a first estimate of the centre and then corrected, so that nothing large cancels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic

from entropy_theory.fast import SMALLEST_VARIANCE, alone, inputs
from entropy_theory.fast.elementary import EXACTLY, exp_nonpositive, larger, log1p_nonnegative, plus

Array = np.ndarray[Any, Any]

NARROW = 24
"""Up to so many actions vector instructions go over policies."""

LANES = 128
"""Policies that are worked on together then."""

ROWS = 8192
"""Policies in one piece of work of a thread."""

IN_CACHE = 8192
"""Actions up to which a policy's logits are still in the nearest cache when they are read again."""

LINE = 8
"""Numbers in a line of the cache."""


def statistics(z: Array, v: Array, rows: tuple[Array, Array, Array], sums: tuple[Array, ...]) -> float:
    """Fill in what `statistics.PolicyStatistics` holds, from logits and values (n, A).

    Parameters
    ----------
    z, v : array (n, A)
        Contiguous.
    rows : three arrays (n, A)
        Log-probabilities, entropy gradients and updates, to be written.
    sums : four arrays (n,)
        Entropies, means, covariances and Fisher norms, to be written.

    Returns
    -------
    float
        The largest size of a logit or value; undefined entries are passed over, and make the sums undefined.
    """
    with alone:
        return float((narrow if z.shape[1] <= NARROW else wide)(*inputs(z, v), *rows, *sums))


# Many actions --------------------------------------------------------------------------------------------------


@njit(**EXACTLY)
def _peak(z: Array) -> float:
    peak = -np.inf
    for a in range(z.size):
        peak = larger(peak, z[a])
    return peak


@njit(**EXACTLY)
def _value_at(z: Array, v: Array, peak: float) -> float:
    value = -np.inf
    for a in range(z.size):
        value = larger(value, v[a] if z[a] == peak else -np.inf)
    return value


@njit(**EXACTLY)
def _scaled_norm(z: Array, update: Array, peak: float, inverse: float, centre: float) -> float:
    size = 0.0
    for a in range(z.size):
        size = larger(size, abs(update[a] - centre))
    total = 0.0
    if size > 0.0:
        for a in range(z.size):
            share = (update[a] - centre) / size
            total += exp_nonpositive(z[a] - peak) * inverse * share * share
    return size * math.sqrt(total)


@njit(**EXACTLY)
def _one_wide(
    z: Array, v: Array, log_probability: Array, gradient: Array, update: Array
) -> tuple[float, float, float, float, float]:
    if z.size <= IN_CACHE:
        peak = _peak(z)
        base = _value_at(z, v, peak)
    else:
        # Long rows come from memory: reading them faster than they are worked on was measured to be slower in all.
        mode = 0
        for a in range(z.size):
            mode = a if z[a] > z[mode] else mode
        peak, base = z[mode], v[mode]
    short = z.size <= IN_CACHE
    extent = ties = less = log_mean = mean = square = square_mean = 0.0
    for a in range(z.size):
        relative = z[a] - peak
        difference = v[a] - base
        extent = larger(extent, larger(abs(z[a]), abs(v[a])))
        odds = exp_nonpositive(relative)
        if short:
            update[a] = odds
        tied = 1.0 if relative == 0.0 else 0.0
        ties = plus(ties, tied)
        less = plus(less, odds - tied)
        log_mean = plus(log_mean, odds * relative)
        weighted = odds * difference
        mean = plus(mean, weighted)
        square = plus(square, odds * odds)
        square_mean = plus(square_mean, odds * weighted)
    others = less + (ties - 1.0)
    shift = log1p_nonnegative(others)
    inverse = 1.0 / (1.0 + others)
    log_mean *= inverse
    mean *= inverse
    centre = (square_mean - mean * square) * inverse * inverse
    off = covariance = variance = 0.0
    for a in range(z.size):
        relative = z[a] - peak
        p = (update[a] if short else exp_nonpositive(relative)) * inverse
        u = p * ((v[a] - base) - mean)
        g = p * (log_mean - relative)
        apart = u - centre
        log_probability[a] = relative - shift
        gradient[a] = g
        update[a] = u
        weighted = p * apart
        off = plus(off, weighted)
        covariance = plus(covariance, g * apart)
        variance = plus(variance, weighted * apart)
    variance -= off * off
    if SMALLEST_VARIANCE < variance < 1 / SMALLEST_VARIANCE:
        norm = math.sqrt(variance)
    else:
        norm = _scaled_norm(z, update, peak, inverse, centre + off)
    return shift - log_mean, base + mean, -covariance, norm, extent


@njit(parallel=True, **EXACTLY)
def wide(
    z: Array,
    v: Array,
    log_probability: Array,
    gradient: Array,
    update: Array,
    entropy: Array,
    mean: Array,
    covariance: Array,
    norm: Array,
) -> float:
    """Vector instructions over actions, threads over policies."""
    extent = 0.0
    for i in prange(z.shape[0]):
        entropy[i], mean[i], covariance[i], norm[i], size = _one_wide(
            z[i], v[i], log_probability[i], gradient[i], update[i]
        )
        extent = max(extent, size)
    return extent


# Few actions: x[a, b] belongs to action a of policy b ---------------------------------------------------------
# Each loop writes one array or two: with more, the compiler gives up on proving that they do not overlap.


def _fetcher(write: bool) -> Any:
    @intrinsic
    def fetch(typing_context: Any, array: Any, index: Any) -> Any:
        """Ask for a line of the cache ahead of its use."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            byte, integer = ir.PointerType(ir.IntType(8)), ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [byte, integer, integer, integer])
            function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
            place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
            builder.call(function, [place, integer(int(write)), integer(3), integer(1)])
            return context.get_dummy_value()

        return types.void(array, types.int64), generate

    return fetch


_fetch_to_read, _fetch_to_write = _fetcher(False), _fetcher(True)


@njit(**EXACTLY)
def _fetch(part: int, parts: int, inputs: tuple[Array, ...], outputs: tuple[Array, ...], start: int, end: int) -> None:
    lines = (end - start) // LINE
    for k in range(start + LINE * (lines * part // parts), start + LINE * (lines * (part + 1) // parts), LINE):
        _fetch_to_read(inputs[0], k)
        _fetch_to_read(inputs[1], k)
        _fetch_to_write(outputs[0], k)
        _fetch_to_write(outputs[1], k)
        _fetch_to_write(outputs[2], k)


@njit(**EXACTLY)
def _turned(x: Array, out: Array) -> None:
    for a in range(x.shape[1]):
        for b in range(x.shape[0]):
            out[a, b] = x[b, a]


@njit(**EXACTLY)
def _turned_back(x: Array, out: Array) -> None:
    for a in range(out.shape[1]):
        for b in range(out.shape[0]):
            out[b, a] = x[a, b]


@njit(**EXACTLY)
def _sizes(x: Array, size: Array) -> None:
    for a in range(x.shape[0]):
        for b in range(LANES):
            size[b] = larger(size[b], abs(x[a, b]))


@njit(**EXACTLY)
def _peaks(z: Array, peak: Array) -> None:
    for b in range(LANES):
        peak[b] = z[0, b]
    for a in range(1, z.shape[0]):
        for b in range(LANES):
            peak[b] = larger(peak[b], z[a, b])


@njit(**EXACTLY)
def _values_at(z: Array, v: Array, peak: Array, base: Array) -> None:
    for b in range(LANES):
        base[b] = -np.inf
    for a in range(z.shape[0]):
        for b in range(LANES):
            base[b] = larger(base[b], v[a, b] if z[a, b] == peak[b] else -np.inf)


@njit(**EXACTLY)
def _subtract(x: Array, y: Array) -> None:
    for a in range(x.shape[0]):
        for b in range(LANES):
            x[a, b] -= y[b]


@njit(**EXACTLY)
def _odds(relative: Array, odds: Array) -> None:
    for a in range(relative.shape[0]):
        for b in range(LANES):
            odds[a, b] = exp_nonpositive(relative[a, b])


@njit(**EXACTLY)
def _others(relative: Array, odds: Array, others: Array, ties: Array) -> None:
    for b in range(LANES):
        others[b] = 0.0
        ties[b] = -1.0
    for a in range(relative.shape[0]):
        for b in range(LANES):
            tied = 1.0 if relative[a, b] == 0.0 else 0.0
            others[b] += odds[a, b] - tied
            ties[b] += tied
    for b in range(LANES):
        others[b] += ties[b]


@njit(**EXACTLY)
def _weighted_sum(weight: Array, x: Array, out: Array) -> None:
    for b in range(LANES):
        out[b] = 0.0
    for a in range(x.shape[0]):
        for b in range(LANES):
            out[b] += weight[a, b] * x[a, b]


@njit(**EXACTLY)
def _normalise(others: Array, shift: Array, inverse: Array, log_mean: Array, mean: Array) -> None:
    for b in range(LANES):
        shift[b] = log1p_nonnegative(others[b])
    for b in range(LANES):
        inverse[b] = 1.0 / (1.0 + others[b])
    for b in range(LANES):
        log_mean[b] *= inverse[b]
    for b in range(LANES):
        mean[b] *= inverse[b]


@njit(**EXACTLY)
def _scale(x: Array, y: Array) -> None:
    for a in range(x.shape[0]):
        for b in range(LANES):
            x[a, b] *= y[b]


@njit(**EXACTLY)
def _log_probabilities(relative: Array, shift: Array, out: Array) -> None:
    for a in range(relative.shape[0]):
        for b in range(LANES):
            out[a, b] = relative[a, b] - shift[b]


@njit(**EXACTLY)
def _gradients(p: Array, relative: Array, log_mean: Array) -> None:
    for a in range(p.shape[0]):
        for b in range(LANES):
            relative[a, b] = p[a, b] * (log_mean[b] - relative[a, b])


@njit(**EXACTLY)
def _updates(p: Array, difference: Array, mean: Array) -> None:
    for a in range(p.shape[0]):
        for b in range(LANES):
            difference[a, b] = p[a, b] * (difference[a, b] - mean[b])


@njit(**EXACTLY)
def _negated(x: Array, out: Array) -> None:
    for b in range(out.size):
        out[b] = -x[b]


@njit(**EXACTLY)
def _scaled_column(p: Array, x: Array, b: int) -> float:
    size = 0.0
    for a in range(x.shape[0]):
        size = larger(size, abs(x[a, b]))
    total = 0.0
    if size > 0.0:
        for a in range(x.shape[0]):
            share = x[a, b] / size
            total += p[a, b] * share * share
    return size * math.sqrt(total)


@njit(**EXACTLY)
def _norms(p: Array, x: Array, off: Array, norm: Array) -> None:
    for b in range(LANES):
        off[b] = 0.0
    for a in range(x.shape[0]):
        for b in range(LANES):
            off[b] += (p[a, b] * x[a, b]) * x[a, b]
    for b in range(norm.size):
        norm[b] = math.sqrt(off[b])
    for b in range(norm.size):
        if not SMALLEST_VARIANCE < off[b] < 1 / SMALLEST_VARIANCE:
            norm[b] = _scaled_column(p, x, b)


@njit(**EXACTLY)
def _sum(x: Array, y: Array, out: Array) -> None:
    for b in range(out.size):
        out[b] = x[b] + y[b]


@njit(**EXACTLY)
def _difference(x: Array, y: Array, out: Array) -> None:
    for b in range(out.size):
        out[b] = x[b] - y[b]


@njit(parallel=True, **EXACTLY)
def narrow(
    z: Array,
    v: Array,
    log_probability: Array,
    gradient: Array,
    update: Array,
    entropy: Array,
    mean: Array,
    covariance: Array,
    norm: Array,
) -> float:
    """Vector instructions over policies, threads over pieces of the batch."""
    extent = 0.0
    n, actions = z.shape
    inputs = (z.reshape(-1), v.reshape(-1))
    outputs = (log_probability.reshape(-1), gradient.reshape(-1), update.reshape(-1))
    for piece in prange((n + ROWS - 1) // ROWS):
        scratch = np.zeros((4, actions, LANES))
        r, d, p, x = scratch[0], scratch[1], scratch[2], scratch[3]
        row = np.zeros((9, LANES))
        peak, base, others, shift = row[0], row[1], row[2], row[3]
        inverse, log_mean, average, spare, size = row[4], row[5], row[6], row[7], row[8]
        last = min(n, (piece + 1) * ROWS)
        for i in range(piece * ROWS, last, LANES):
            j = min(last, i + LANES)
            # What the next turn reads and writes is asked for in small parts, between the steps of this one.
            start, end = j * actions, min(n, j + LANES) * actions
            _turned(z[i:j], r)
            _turned(v[i:j], d)
            _sizes(r, size)
            _sizes(d, size)
            _peaks(r, peak)
            _fetch(0, 12, inputs, outputs, start, end)
            _values_at(r, d, peak, base)
            _fetch(1, 12, inputs, outputs, start, end)
            _subtract(r, peak)
            _subtract(d, base)
            _fetch(2, 12, inputs, outputs, start, end)
            _odds(r, p)
            _fetch(3, 12, inputs, outputs, start, end)
            _others(r, p, others, spare)
            _fetch(4, 12, inputs, outputs, start, end)
            _weighted_sum(p, r, log_mean)
            _weighted_sum(p, d, average)
            _fetch(5, 12, inputs, outputs, start, end)
            _normalise(others, shift, inverse, log_mean, average)
            _fetch(6, 12, inputs, outputs, start, end)
            _scale(p, inverse)
            _log_probabilities(r, shift, x)
            _turned_back(x, log_probability[i:j])
            _fetch(7, 12, inputs, outputs, start, end)
            _difference(shift, log_mean, entropy[i:j])
            _sum(base, average, mean[i:j])
            _gradients(p, r, log_mean)
            _turned_back(r, gradient[i:j])
            _fetch(8, 12, inputs, outputs, start, end)
            _updates(p, d, average)
            _turned_back(d, update[i:j])
            _fetch(9, 12, inputs, outputs, start, end)
            _weighted_sum(p, d, spare)
            _subtract(d, spare)
            _fetch(10, 12, inputs, outputs, start, end)
            _weighted_sum(r, d, spare)
            _negated(spare, covariance[i:j])
            _fetch(11, 12, inputs, outputs, start, end)
            _norms(p, d, spare, norm[i:j])
        extent = max(extent, _peak(size))
    return extent
