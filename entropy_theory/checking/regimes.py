"""Random logits and probabilities from many regimes: nearly uniform, tied, nearly deterministic, wide, uniform."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Generator = np.random.Generator


def chosen(rng: Generator, n: int, share: float, ndim: int) -> Array:
    """A share of the batch, as a mask that broadcasts."""
    return (rng.random(n) < share).reshape(n, *(1,) * (ndim - 1))


def probabilities(z: Array) -> Array:
    e = np.exp(z - z.max(-1, keepdims=True))
    e = np.maximum(e, 1e-290)
    return np.asarray(e / e.sum(-1, keepdims=True))


def draw_logits(rng: Generator, shape: tuple[int, ...], widest: float) -> Array:
    n, ndim = shape[0], len(shape)
    column = (n,) + (1,) * (ndim - 1)
    z = rng.normal(size=shape) * 10.0 ** rng.uniform(-1, 1, size=column)
    z = np.where(chosen(rng, n, 0.1, ndim), rng.normal(size=shape) * 10.0 ** rng.uniform(-9, -1, size=column), z)
    z = np.where(chosen(rng, n, 0.2, ndim), rng.integers(-3, 4, size=shape), z)
    mode = np.arange(shape[-1]) == rng.integers(0, shape[-1], size=(*shape[:-1], 1))
    z = np.where(chosen(rng, n, 0.2, ndim) & mode, z + rng.uniform(0, 28, size=column), z)
    wide = np.clip(rng.normal(size=shape) * 10.0 ** rng.uniform(1, 3, size=column), -widest, widest)
    z = np.where(chosen(rng, n, 0.05, ndim), wide, z)
    return np.where(chosen(rng, n, 0.02, ndim), 0.0, z)
