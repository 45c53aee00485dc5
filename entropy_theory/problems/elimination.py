"""Gaussian elimination of many small systems at once, without pivoting."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

SMALL = 24
"""Systems of up to this many unknowns are eliminated here, larger ones by LAPACK one by one: measured, the two cost the
same at about 28."""

LANES = 16
"""Length of which the batch inside is a multiple, so that all systems take the same vector instructions: those of
complex numbers round differently from scalar ones."""

CHUNK = 2**19
"""Numbers that a chunk of the batch holds at most, 4 MiB: it stays in the cache."""


class Elimination:
    """Factors ``A = L U`` of a batch, U with a unit diagonal, which solve with A and with its transpose.

    The rows of each matrix must be strictly diagonally dominant. Then so are those of all that is left to eliminate,
    the entries of U are below one, and no entry grows by more than a factor of two: the elimination is as stable as
    one with pivoting (Higham, *Accuracy and Stability of Numerical Algorithms*, section 9.5). The batch is the last
    axis inside, so that each operation is one of NumPy's over thousands of systems, and none sees another system.
    """

    def __init__(self, matrices: Array) -> None:
        """Factorise an array (B, S, S) of floats, real or complex."""
        batch, size = matrices.shape[:2]
        self._step = max(CHUNK // size**2, 1)
        self._factors = []
        self._dtype = matrices.dtype
        for start in range(0, batch, self._step):
            m = _padded(matrices[start : start + self._step])
            scratch = np.empty_like(m)
            for k in range(size - 1):
                m[k, k + 1 :] /= m[k, k]
                rest, product = m[k + 1 :, k + 1 :], scratch[k + 1 :, k + 1 :]
                np.multiply(m[k + 1 :, k, None], m[k, None, k + 1 :], out=product)
                np.subtract(rest, product, out=rest)
            self._factors.append(m)

    def solve(self, right: Array, *, transposed: bool = False) -> Array:
        """Solutions (B, S) for right sides (B, S)."""
        if right.dtype.kind == "c" and self._dtype.kind != "c":
            real, imaginary = (self.solve(x, transposed=transposed) for x in (right.real, right.imag))
            return np.asarray(real + 1j * imaginary)
        dtype = np.result_type(right.dtype, self._dtype)
        out = np.empty(right.shape, dtype)
        for i, m in enumerate(self._factors):
            part = slice(i * self._step, (i + 1) * self._step)
            x = _padded(right[part].astype(dtype))
            (_upwards if transposed else _downwards)(m, x)
            out[part] = x[:, : len(right[part])].T
        return out


def _padded(batch: Array) -> Array:
    """The batch as the last axis, repeated up to a multiple of `LANES`; a copy."""
    size = len(batch)
    out = np.empty((*batch.shape[1:], -(-size // LANES) * LANES), batch.dtype)
    out[..., :size] = np.moveaxis(batch, 0, -1)
    out[..., size:] = out[..., :1]
    return out


def _downwards(m: Array, x: Array) -> None:
    """Solve ``L U x = x`` in place."""
    size = len(x)
    scratch = np.empty_like(x)
    for k in range(size):
        x[k] /= m[k, k]
        _subtract(x[k + 1 :], m[k + 1 :, k], x[k], scratch[k + 1 :])
    for k in reversed(range(1, size)):
        _subtract(x[:k], m[:k, k], x[k], scratch[:k])


def _upwards(m: Array, x: Array) -> None:
    """Solve ``U' L' x = x`` in place."""
    size = len(x)
    scratch = np.empty_like(x)
    for k in range(size - 1):
        _subtract(x[k + 1 :], m[k, k + 1 :], x[k], scratch[k + 1 :])
    for k in reversed(range(size)):
        x[k] /= m[k, k]
        _subtract(x[:k], m[k, :k], x[k], scratch[:k])


def _subtract(rest: Array, factors: Array, known: Array, scratch: Array) -> None:
    np.multiply(factors, known, out=scratch)
    np.subtract(rest, scratch, out=rest)
