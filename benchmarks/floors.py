"""What the machine allows: memory traffic and nothing else, in as many threads as there are cores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

Array = np.ndarray[Any, Any]

PIECE = 2**16


@njit(parallel=True)
def _copy(source: Array, target: Array) -> None:
    n = target.size
    for k in prange((n + PIECE - 1) // PIECE):
        target[k * PIECE : min(n, (k + 1) * PIECE)] = source[k * PIECE : min(n, (k + 1) * PIECE)]


@njit(parallel=True)
def _fill(target: Array) -> None:
    n = target.size
    for k in prange((n + PIECE - 1) // PIECE):
        target[k * PIECE : min(n, (k + 1) * PIECE)] = 1.0


def traffic(inputs: tuple[Array, ...], outputs: tuple[Array, ...]) -> None:
    """Read each input once and write each output once; there are no more inputs than outputs, all of one dtype."""
    for i, target in enumerate(outputs):
        if i < len(inputs):
            _copy(inputs[i], target)
        else:
            _fill(target)
