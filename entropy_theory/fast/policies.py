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


# Few actions: rows[a] holds numbers of an action, sums those of a policy, in each case runs of LANES ----------------
# A loop may write several runs of one array, as the compiler knows that they do not overlap, but not several arrays.

DIFFERENCE, ODDS, LOG_PROBABILITY, EACH = range(LANES, 5 * LANES, LANES)
"""Where these runs of an action begin, the logits being the first one, and how many numbers there are.

The gradient takes the place of the logits in the end, the update that of the difference, the probability of the odds.
"""

PEAK, BASE, OTHERS, TIES, LOG_MEAN, MEAN, SHIFT, INVERSE, CENTRE, COVARIANCE, VARIANCE, SUMS = range(
    0, 12 * LANES, LANES
)
"""Where these runs of a policy begin, and how many numbers there are."""

BLOCK = 4
"""Numbers on the side of a square that is turned in registers."""


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


@intrinsic
def _turn_block(typing_context: Any, x: Any, start: Any, step: Any, out: Any, out_start: Any, out_step: Any) -> Any:
    """Turn a square of a flat array, whose lines are `step` apart; left to the compiler it took twice as long."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.PointerType(ir.VectorType(ir.DoubleType(), BLOCK))

        def places(kind: Any, array: Any, at: Any, step: Any) -> Any:
            data = context.make_array(kind)(context, builder, array).data
            for _ in range(BLOCK):
                yield builder.bitcast(builder.gep(data, [at]), vector)
                at = builder.add(at, step)

        def pick(a: Any, b: Any, *which: int) -> Any:
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), which))

        a, b, c, d = (builder.load(place, align=8) for place in places(signature.args[0], *arguments[:3]))
        even, odd = (0, 4, 2, 6), (1, 5, 3, 7)
        left, right = (0, 1, 4, 5), (2, 3, 6, 7)
        turned = [pick(pick(a, b, *part), pick(c, d, *part), *half) for half in (left, right) for part in (even, odd)]
        for place, line in zip(places(signature.args[3], *arguments[3:]), turned, strict=True):
            builder.store(line, place, align=8)
        return context.get_dummy_value()

    return types.void(x, types.int64, types.int64, out, types.int64, types.int64), generate


@njit(**EXACTLY)
def _turned(x: Array, row: int, rows: Array) -> None:
    n, actions = x.shape
    source, target = x.reshape(-1), rows.reshape(-1)
    blocks = n - n % BLOCK
    whole = actions - actions % BLOCK
    for a in range(0, whole, BLOCK):
        for b in range(0, blocks, BLOCK):
            _turn_block(source, b * actions + a, actions, target, a * EACH + row + b, EACH)
        for k in range(a, a + BLOCK):
            for b in range(blocks, n):
                rows[k, row + b] = x[b, k]
    for a in range(whole, actions):
        for b in range(n):
            rows[a, row + b] = x[b, a]


@njit(**EXACTLY)
def _turned_back(rows: Array, row: int, out: Array) -> None:
    n, actions = out.shape
    source, target = rows.reshape(-1), out.reshape(-1)
    blocks = n - n % BLOCK
    whole = actions - actions % BLOCK
    for a in range(0, whole, BLOCK):
        for b in range(0, blocks, BLOCK):
            _turn_block(source, a * EACH + row + b, EACH, target, b * actions + a, actions)
        for k in range(a, a + BLOCK):
            for b in range(blocks, n):
                out[b, k] = rows[k, row + b]
    for a in range(whole, actions):
        for b in range(n):
            out[b, a] = rows[a, row + b]


@njit(**EXACTLY)
def _size(x: Array) -> float:
    size = 0.0
    for k in range(x.size):
        size = larger(size, abs(x[k]))
    return size


@njit(**EXACTLY)
def _modes(rows: Array, sums: Array) -> None:
    for b in range(LANES):
        sums[PEAK + b] = rows[0, b]
        sums[BASE + b] = -np.inf
    for a in range(1, rows.shape[0]):
        for b in range(LANES):
            sums[PEAK + b] = larger(sums[PEAK + b], rows[a, b])
    for a in range(rows.shape[0]):
        for b in range(LANES):
            value = rows[a, DIFFERENCE + b] if rows[a, b] == sums[PEAK + b] else -np.inf
            sums[BASE + b] = larger(sums[BASE + b], value)


@njit(**EXACTLY)
def _odds(
    rows: Array, sums: Array, inputs: tuple[Array, ...], outputs: tuple[Array, ...], start: int, end: int
) -> None:
    for b in range(LANES):
        sums[OTHERS + b] = 0.0
        sums[TIES + b] = -1.0
        sums[LOG_MEAN + b] = 0.0
        sums[MEAN + b] = 0.0
    for a in range(rows.shape[0]):
        _fetch(rows.shape[0] + a, 3 * rows.shape[0], inputs, outputs, start, end)
        for b in range(LANES):
            relative = rows[a, b] - sums[PEAK + b]
            difference = rows[a, DIFFERENCE + b] - sums[BASE + b]
            odds = exp_nonpositive(relative)
            tied = 1.0 if relative == 0.0 else 0.0
            rows[a, b] = relative
            rows[a, DIFFERENCE + b] = difference
            rows[a, ODDS + b] = odds
            sums[OTHERS + b] += odds - tied
            sums[TIES + b] += tied
            sums[LOG_MEAN + b] += odds * relative
            sums[MEAN + b] += odds * difference


@njit(**EXACTLY)
def _normalise(sums: Array) -> None:
    for b in range(LANES):
        others = sums[OTHERS + b] + sums[TIES + b]
        inverse = 1.0 / (1.0 + others)
        sums[SHIFT + b] = log1p_nonnegative(others)
        sums[INVERSE + b] = inverse
        sums[LOG_MEAN + b] *= inverse
        sums[MEAN + b] *= inverse


@njit(**EXACTLY)
def _directions(rows: Array, sums: Array) -> None:
    for b in range(LANES):
        sums[CENTRE + b] = 0.0
    for a in range(rows.shape[0]):
        for b in range(LANES):
            relative = rows[a, b]
            p = rows[a, ODDS + b] * sums[INVERSE + b]
            u = p * (rows[a, DIFFERENCE + b] - sums[MEAN + b])
            rows[a, LOG_PROBABILITY + b] = relative - sums[SHIFT + b]
            rows[a, b] = p * (sums[LOG_MEAN + b] - relative)
            rows[a, DIFFERENCE + b] = u
            rows[a, ODDS + b] = p
            sums[CENTRE + b] += p * u


@njit(**EXACTLY)
def _moments(rows: Array, sums: Array) -> None:
    for b in range(LANES):
        sums[COVARIANCE + b] = 0.0
        sums[VARIANCE + b] = 0.0
    for a in range(rows.shape[0]):
        for b in range(LANES):
            apart = rows[a, DIFFERENCE + b] - sums[CENTRE + b]
            sums[COVARIANCE + b] += rows[a, b] * apart
            sums[VARIANCE + b] += (rows[a, ODDS + b] * apart) * apart


@njit(**EXACTLY)
def _scaled_lane(rows: Array, sums: Array, b: int) -> float:
    size = 0.0
    for a in range(rows.shape[0]):
        size = larger(size, abs(rows[a, DIFFERENCE + b] - sums[CENTRE + b]))
    total = 0.0
    if size > 0.0:
        for a in range(rows.shape[0]):
            share = (rows[a, DIFFERENCE + b] - sums[CENTRE + b]) / size
            total += rows[a, ODDS + b] * share * share
    return size * math.sqrt(total)


@njit(**EXACTLY)
def _averages(sums: Array, entropy: Array, mean: Array) -> None:
    for b in range(entropy.size):
        entropy[b] = sums[SHIFT + b] - sums[LOG_MEAN + b]
        mean[b] = sums[BASE + b] + sums[MEAN + b]


@njit(**EXACTLY)
def _spreads(rows: Array, sums: Array, covariance: Array, norm: Array) -> None:
    for b in range(norm.size):
        covariance[b] = -sums[COVARIANCE + b]
        norm[b] = math.sqrt(sums[VARIANCE + b])
    usual = 0
    for b in range(norm.size):
        usual += 1 if SMALLEST_VARIANCE < sums[VARIANCE + b] < 1 / SMALLEST_VARIANCE else 0
    if usual < norm.size:
        for b in range(norm.size):
            if not SMALLEST_VARIANCE < sums[VARIANCE + b] < 1 / SMALLEST_VARIANCE:
                norm[b] = _scaled_lane(rows, sums, b)


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
        rows = np.zeros((actions, EACH))
        sums = np.zeros(SUMS)
        size = 0.0
        last = min(n, (piece + 1) * ROWS)
        for i in range(piece * ROWS, last, LANES):
            j = min(last, i + LANES)
            # What the next turn reads and writes is asked for in small parts, between the steps of this one; that of
            # the odds, the longest one, asks for the third from 4 / 12 to 8 / 12 itself.
            start, end = j * actions, min(n, j + LANES) * actions
            _turned(z[i:j], 0, rows)
            _fetch(0, 12, inputs, outputs, start, end)
            _turned(v[i:j], DIFFERENCE, rows)
            _fetch(1, 12, inputs, outputs, start, end)
            for x in inputs:
                size = larger(size, _size(x[i * actions : start]))
            _fetch(2, 12, inputs, outputs, start, end)
            _modes(rows, sums)
            _fetch(3, 12, inputs, outputs, start, end)
            _odds(rows, sums, inputs, outputs, start, end)
            _normalise(sums)
            _averages(sums, entropy[i:j], mean[i:j])
            _fetch(8, 12, inputs, outputs, start, end)
            _directions(rows, sums)
            _fetch(9, 12, inputs, outputs, start, end)
            _turned_back(rows, LOG_PROBABILITY, log_probability[i:j])
            _fetch(10, 12, inputs, outputs, start, end)
            _turned_back(rows, 0, gradient[i:j])
            _fetch(11, 12, inputs, outputs, start, end)
            _turned_back(rows, DIFFERENCE, update[i:j])
            _moments(rows, sums)
            _spreads(rows, sums, covariance[i:j], norm[i:j])
        extent = max(extent, size)
    return extent
