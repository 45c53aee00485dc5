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

BACKWARD_ERROR = 8 * np.finfo(np.float64).eps
"""An iterative solution x of A x = b is accepted if its residual is at most this times ``2 norm(x) + norm(b)``, where
2 bounds the norm of A: then it solves exactly a system that differs by a few units of rounding, as a factorisation
would."""

ROUNDS = 6
"""Rounds of iterative refinement before the factorisation is tried."""


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
        # The systems are well conditioned in the maximum norm, the transposed ones in the sum norm.
        size = _sum_norm if transposed == "T" else _maximum_norm
        solution = np.zeros_like(right)
        residual = right
        for _ in range(ROUNDS):
            if size(residual) <= BACKWARD_ERROR * (2 * size(solution) + size(right)):
                return solution
            step, _ = bicgstab(matrix, residual, rtol=1e-10, atol=0.0, maxiter=3000)
            if not np.isfinite(step).all():
                break
            solution = solution + step
            residual = right - matrix @ solution
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


def _maximum_norm(x: Array) -> float:
    return float(np.abs(x).max())


def _sum_norm(x: Array) -> float:
    return float(np.abs(x).sum())
