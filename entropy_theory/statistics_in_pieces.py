"""The statistics of a large batch of policies with NumPy alone: in pieces that stay in the cache, in several threads.

The formulas are those of `softmax.Policy`; here each step writes into memory that the piece before has used.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import numpy as np

from entropy_theory.fast import SMALLEST_VARIANCE

Array = np.ndarray[Any, Any]

PIECE = 2**18
"""Numbers in one piece of an array, or one row where rows are longer."""

SHORT = 2**13
"""Up to so many actions BLAS adds up products; beyond it would do so in threads of its own, and less accurately."""


def threads() -> int:
    """How many threads work on pieces: as many as there are cores, or as OMP_NUM_THREADS says."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return int(limit) if limit.isdigit() and int(limit) > 0 else os.cpu_count() or 1


def statistics(z: Array, v: Array, rows: tuple[Array, Array, Array], sums: tuple[Array, ...]) -> None:
    """Fill in what `statistics.PolicyStatistics` holds, from logits and values (n, A).

    Parameters
    ----------
    z, v : array (n, A)
        Finite.
    rows : three arrays (n, A)
        Log-probabilities, entropy gradients and updates, to be written.
    sums : four arrays (n,)
        Entropies, means, covariances and Fisher norms, to be written.
    """
    n, actions = z.shape
    step = max(1, PIECE // actions)
    starts = range(0, n, step)
    number = max(1, min(threads(), len(starts)))

    def share(first: int) -> None:
        buffers = tuple(np.empty((min(step, n), actions)) for _ in range(3))
        for start in starts[first::number]:
            piece = slice(start, start + step)
            _fill(z[piece], v[piece], buffers, [x[piece] for x in rows], [x[piece] for x in sums])

    if number == 1:
        share(0)
        return
    with ThreadPoolExecutor(number) as pool:
        # Each thread sees the caller's context, such as what NumPy is to say about overflow.
        for future in [pool.submit(copy_context().run, share, i) for i in range(number)]:
            future.result()


def _fill(z: Array, v: Array, buffers: tuple[Array, ...], rows: list[Array], sums: list[Array]) -> None:
    relative, p, spare = (x[: len(z)] for x in buffers)
    log_probability, gradient, update = rows
    entropy, mean, covariance, norm = sums
    mode = np.argmax(z, axis=-1, keepdims=True)
    np.subtract(z, np.take_along_axis(z, mode, -1), out=relative)
    np.exp(relative, out=p)
    np.put_along_axis(p, mode, 0, -1)
    others = p.sum(-1, keepdims=True)
    np.put_along_axis(p, mode, 1, -1)
    shift, inverse = np.log1p(others), 1 / (1 + others)
    np.multiply(p, inverse, out=p)

    log_mean = _dot(p, relative, spare)
    np.subtract(relative, shift, out=log_probability)
    entropy[:] = (shift - log_mean)[:, 0]
    np.subtract(log_mean, relative, out=gradient)
    np.multiply(gradient, p, out=gradient)

    base = np.take_along_axis(v, mode, -1)
    np.subtract(v, base, out=update)
    average = _dot(p, update, spare)
    mean[:] = (base + average)[:, 0]
    np.subtract(update, average, out=update)
    np.multiply(update, p, out=update)

    apart = np.subtract(update, np.take_along_axis(update, mode, -1), out=relative)
    np.subtract(apart, _dot(p, apart, spare), out=apart)
    covariance[:] = -_dot(gradient, apart, spare)[:, 0]
    with np.errstate(over="ignore", under="ignore"):
        variance = _dot(np.multiply(p, apart, out=spare), apart, spare)[:, 0]
    norm[:] = np.sqrt(variance)
    wild = ~((variance > SMALLEST_VARIANCE) & (variance < 1 / SMALLEST_VARIANCE))
    if wild.any():
        size = np.maximum(np.abs(apart[wild]).max(-1, keepdims=True), np.finfo(np.float64).tiny)
        norm[wild] = size[:, 0] * np.sqrt((p[wild] * (apart[wild] / size) ** 2).sum(-1))


def _dot(x: Array, y: Array, spare: Array) -> Array:
    """``sum_a x_a y_a``, shape (n, 1)."""
    if x.shape[-1] <= SHORT:
        return np.asarray(np.vecdot(x, y)[:, None])
    return np.asarray(np.multiply(x, y, out=spare).sum(-1, keepdims=True))
