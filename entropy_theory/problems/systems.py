"""The linear systems of a policy in a dense process: ``(I - discount P) v = b`` and its transpose.

``P`` is the S x S transition matrix between states under the policy. Its rows sum to at most one, so the rows of the
matrix are strictly diagonally dominant and both systems have one solution. One factorisation serves both, and as many
right sides as are asked for.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from entropy_theory.arithmetic import is_ball, solve
from entropy_theory.problems.elimination import SMALL, Elimination

Array = np.ndarray[Any, Any]


BACKWARD_ERROR = 8 * np.finfo(np.float64).eps
"""An iterative solution is accepted if its `backward_error` is at most this, as that of a factorisation is: then it
solves exactly a system that differs by a few units of rounding. Where a row has more than 64 entries, the root of their
number takes the place of 8, since the residual itself is not known better."""


class DenseSystem:
    """Batched over leading axes, in any arithmetic.

    Parameters
    ----------
    transition : array (..., S, A, S)
    policy : array (..., S, A)
        Probabilities.
    discount : array (...)
    batch : tuple of int
        The leading axes of all right sides and solutions.
    """

    def __init__(self, transition: Array, policy: Array, discount: Array, batch: tuple[int, ...]) -> None:
        self._build = transition, policy, discount
        self._factors: Elimination | _Lapack | None = None
        self._solved: list[tuple[Array, Array, bool]] = []
        self.batch = batch

    def values(self, right: Array) -> Array:
        """Solve ``(I - discount P) v = right``, both (..., S)."""
        return self._solve(right, transposed=False)

    def occupancy(self, right: Array) -> Array:
        """Solve ``(I - discount P)' w = right``, both (..., S)."""
        return self._solve(right, transposed=True)

    def found(self, right: Array, solution: Array, *, transposed: bool) -> None:
        """Take note of a solution, for `residual`; of a copy, since the caller may change what is handed out."""
        self._solved.append((right, solution.copy(), transposed))

    def residual(self) -> Array:
        """The largest `backward_error` of the solutions so far, shape (...); zero on balls.

        It is found when it is asked for, since for thousands of small systems it costs as much as their solution.
        """
        largest = np.zeros(self.batch)
        if not self._solved:
            return largest
        matrix = _matrix(*self._build)
        for right, solution, transposed in self._solved:
            product = products(np.swapaxes(matrix, -1, -2) if transposed else matrix, solution)
            error = backward_error(right - product, solution, right, transposed=transposed)
            largest = np.maximum(largest, error)
        return largest

    def __getstate__(self) -> dict[str, Any]:
        """Without the factors, which may be large."""
        return self.__dict__ | {"_factors": None}

    def release(self) -> None:
        """Give the memory of the factors back."""
        self._factors = None

    def _solve(self, right: Array, *, transposed: bool) -> Array:
        if self._factors is None:
            matrix = _matrix(*self._build)
            if is_ball(matrix) or is_ball(right):
                return solve(np.swapaxes(matrix, -1, -2) if transposed else matrix, right)
            self._factors = _factorised(matrix, self.batch)
        right = np.broadcast_to(right, (*self.batch, right.shape[-1]))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            solution = self._factors.solve(right.reshape(-1, right.shape[-1]), transposed=transposed)
        if not np.isfinite(solution).all():
            raise ArithmeticError(
                "the system of values is singular in floats, expected a discount farther from one, or smaller rewards "
                "where these are huge"
            )
        solution = solution.reshape(right.shape)
        self.found(right, solution, transposed=transposed)
        return solution


def _matrix(transition: Array, policy: Array, discount: Array) -> Array:
    """``I - discount P``."""
    weights = np.asarray(-discount[..., None, None] * policy)
    batch, states = np.broadcast_shapes(weights.shape[:-2], transition.shape[:-3]), transition.shape[-1]
    if is_ball(weights) or is_ball(transition) or (batch and states <= SMALL):
        matrix = np.asarray((weights[..., None, :] @ transition)[..., 0, :])
    else:  # without NumPy's BLAS, see `products`
        matrix = np.empty((*batch, states, states), np.result_type(weights, transition))
        weights = np.broadcast_to(weights, (*batch, *weights.shape[-2:]))
        transition = np.broadcast_to(transition, (*batch, *transition.shape[-3:]))
        for i in np.ndindex(batch):
            np.einsum("sa,sat->st", weights[i], transition[i], out=matrix[i])
    diagonal = np.arange(states)
    matrix[..., diagonal, diagonal] += 1
    return matrix


def backward_error(residual: Array, solution: Array, right: Array, *, transposed: bool) -> Array:
    """The normwise relative backward error ``|b - A x| / (2 |x| + |b|)`` of a solution, over the last axis.

    2 bounds the norm of A. The systems of values are well conditioned in the maximum norm, the transposed ones in the
    sum norm, and those are taken. An error e says that x solves exactly a system that differs by e, relative to its
    norm (Rigal and Gaches 1967).
    """
    scale = 2 * norm(solution, transposed=transposed) + norm(right, transposed=transposed)
    size = norm(residual, transposed=transposed)
    with np.errstate(invalid="ignore"):  # of what is infinite or undefined it is undefined
        return np.asarray(np.divide(size, scale, out=np.zeros_like(size), where=size != 0))


def norm(x: Array, *, transposed: bool) -> Array:
    """The norm of `backward_error`, over the last axis."""
    return np.asarray(np.abs(x).sum(-1) if transposed else np.abs(x).max(-1))


def _factorised(matrix: Array, batch: tuple[int, ...]) -> Elimination | _Lapack:
    states = matrix.shape[-1]
    # One system alone is quicker in LAPACK at every size. Within a batch only the size decides, so that no solution
    # depends on how many others there are.
    if batch and states <= SMALL:
        return Elimination(np.broadcast_to(matrix, (*batch, states, states)).reshape(-1, states, states))
    return _Lapack(matrix, batch)


@cache
def _routines(kind: str) -> tuple[Any, ...]:
    """LAPACK's factorisation and solve and BLAS's product, for float64 (``d``) or complex128 (``z``)."""
    from scipy.linalg import get_blas_funcs, get_lapack_funcs

    array = np.empty(0, kind)
    return *get_lapack_funcs(("getrf", "getrs"), (array,)), get_blas_funcs("gemv", (array,))


def products(rows: Array, v: Array) -> Array:
    """``rows @ v`` of each problem, (..., R, S) times (..., S), in any arithmetic.

    Large ones are left to the BLAS that the factorisation came from. NumPy brings another, and two of them hold each
    other's threads up: on two cores a gradient with 500 states took ten times as long.
    """
    states = v.shape[-1]
    batch = np.broadcast_shapes(rows.shape[:-2], v.shape[:-1])
    if rows.dtype != np.float64 or v.dtype.char not in "dD" or (batch and states <= SMALL):
        return np.asarray((rows @ v[..., None])[..., 0])
    if v.dtype.kind == "c":
        return np.asarray(products(rows, v.real) + 1j * products(rows, v.imag))
    gemv = _routines("d")[2]
    wide_rows, wide = np.broadcast_to(rows, (*batch, *rows.shape[-2:])), np.broadcast_to(v, (*batch, states))
    out = np.empty((*batch, rows.shape[-2]))
    for i in np.ndindex(batch):
        out[i] = gemv(1.0, wide_rows[i].T, wide[i], trans=1)
    return out


class _Lapack:
    """LU factors with partial pivoting of one matrix after the other; the matrices are overwritten."""

    def __init__(self, matrix: Array, batch: tuple[int, ...]) -> None:
        getrf, self._getrs, _ = _routines(matrix.dtype.char)
        leading, states = matrix.shape[:-2], matrix.shape[-1]
        self._complex = matrix.dtype.kind == "c"
        # Of a row-major matrix LAPACK sees the transpose, whose columns are dominant: it has no rows to exchange.
        self._factors = [getrf(m.T, overwrite_a=True)[:2] for m in matrix.reshape(-1, states, states)]
        self._which = np.broadcast_to(np.arange(len(self._factors)).reshape(leading), batch).ravel()

    def solve(self, right: Array, *, transposed: bool = False) -> Array:
        """Solutions (B, S) for right sides (B, S)."""
        if right.dtype.kind == "c" and not self._complex:
            real, imaginary = (self.solve(x, transposed=transposed) for x in (right.real, right.imag))
            return np.asarray(real + 1j * imaginary)
        trans = 0 if transposed else 1
        out = [self._getrs(*self._factors[i], b, trans=trans)[0] for i, b in zip(self._which, right, strict=True)]
        return np.array(out).reshape(right.shape)
