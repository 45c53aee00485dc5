"""The linear systems of a policy: ``(I - discount P) v = b`` and its transpose, dense or sparse.

``P`` is the S x S transition matrix between states under the policy. Its rows sum to at most one, so the matrix is
strictly diagonally dominant and both systems have one solution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import bicgstab, splu

from entropy_theory.arithmetic import solve

Array = np.ndarray[Any, Any]

RESIDUAL = 1e-13
"""Largest residual, relative to the right side in the maximum norm, with which an iterative solution is accepted."""


class DenseSystem:
    """Batched over leading axes, in any arithmetic."""

    def __init__(self, transition: Array, policy: Array, discount: Array) -> None:
        between = (policy[..., None, :] @ transition)[..., 0, :]
        self._matrix = np.eye(between.shape[-1]) - discount[..., None, None] * between

    def values(self, right: Array) -> Array:
        """Solve ``(I - discount P) v = right``."""
        return solve(self._matrix, right)

    def occupancy(self, right: Array) -> Array:
        """Solve ``(I - discount P)' w = right``."""
        return solve(np.swapaxes(self._matrix, -1, -2), right)


class SparseSystem:
    """One policy, float64 or complex128.

    Solved by BiCGSTAB, which needs no more memory than the matrix; where its residual does not reach `RESIDUAL`, by a
    sparse LU factorisation.
    """

    def __init__(self, transition: sp.csr_matrix, policy: Array, discount: float) -> None:
        states, actions = policy.shape
        rows = np.arange(0, states * actions + 1, actions)
        mixing = sp.csr_matrix((policy.ravel(), np.arange(states * actions), rows))
        self._matrix = (sp.identity(states, format="csr") - discount * (mixing @ transition)).tocsr()
        self._factor: Callable[..., Array] | None = None

    def values(self, right: Array) -> Array:
        """Solve ``(I - discount P) v = right``."""
        return self._solve(self._matrix, right, "N")

    def occupancy(self, right: Array) -> Array:
        """Solve ``(I - discount P)' w = right``."""
        return self._solve(self._matrix.T.tocsr(), right, "T")

    def _solve(self, matrix: sp.csr_matrix, right: Array, transposed: str) -> Array:
        dtype = np.result_type(matrix.dtype, right.dtype)
        if dtype.kind == "c":
            # Real and imaginary parts apart: at a complex step of 1e-200 a common norm would lose the second.
            return self._solve_complex(matrix, right, transposed)
        scale = np.abs(right).max()
        if scale == 0:
            return np.zeros_like(right)
        solution, residual = np.zeros_like(right), right / scale
        for _ in range(4):
            step, _ = bicgstab(matrix, residual, rtol=RESIDUAL / 10, atol=0.0, maxiter=2000)
            if not np.isfinite(step).all():
                break
            solution = solution + step
            residual = right / scale - matrix @ solution
            if np.abs(residual).max() <= RESIDUAL:
                return np.asarray(solution * scale)
        if self._factor is None:
            self._factor = splu(self._matrix.tocsc(), permc_spec="MMD_AT_PLUS_A").solve
        return np.asarray(self._factor(right, transposed))

    def _solve_complex(self, matrix: sp.csr_matrix, right: Array, transposed: str) -> Array:
        """First order in the imaginary parts: exact to rounding when they are those of a complex step."""
        real_part = SparseSystem.__new__(SparseSystem)
        real_part._matrix, real_part._factor = self._matrix.real.tocsr(), None
        real_matrix = matrix.real.tocsr()
        value = real_part._solve(real_matrix, np.ascontiguousarray(right.real), transposed)
        tangent = real_part._solve(real_matrix, np.ascontiguousarray(right.imag - matrix.imag @ value), transposed)
        return value + 1j * tangent
