"""The linear systems of a policy in a sparse process, solved by iteration or by a sparse factorisation.

BiCGSTAB needs no memory beyond the matrix and a few vectors, and where the process mixes fast or the discount is far
from one it is also the quickest. A sparse LU factorisation is quicker on long or narrow graphs, on grids of moderate
size, and where the discount is close to one, but on a graph without small separators it takes time and memory without
measure. Which is better is not known before. So the iteration may spend about what the factorisation would cost, as
`factor_cost` estimates it from the graph; if it has not arrived by then, or clearly will not, the factorisation takes
over. That costs at most about twice as much as the better of the two. Where the factors would be too large, successive
approximation, a contraction by the discount, finishes what the iteration does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from entropy_theory.problems.factor_cost import FactorCost, factor_cost
from entropy_theory.problems.systems import BACKWARD_ERROR, backward_error, norm

Array = np.ndarray[Any, Any]

ENTRIES = 2**28
"""Estimated entries of the factors beyond which nothing is factorised: 4 GiB at 16 bytes each."""

ROUNDS = 8
"""Restarts of BiCGSTAB from the residual that was reached."""

FEW = 128
"""Matrix products that cost about as much as the estimate of a factorisation: for fewer than that it is not made."""

AT_ONCE = 256
"""States up to which a factorisation takes about as long as a hundred products, whatever the graph: it is made at once.
"""

NARROW = 8
"""Distance from the diagonal up to which entries make a factorisation as cheap as a few products: made at once, too."""

ITERATION = "BiCGSTAB"
FACTORISATION = "LU"
CONTRACTION = "successive approximation"


class SparseSystem:
    """One policy, float64 or complex128.

    Parameters
    ----------
    transition : scipy.sparse.csr_matrix (S * A, S)
    policy : array (S, A)
        Probabilities.
    discount : float
    solves : int
        How many systems are going to be solved: the cost of a factorisation is shared among them.
    """

    def __init__(self, transition: Any, policy: Array, discount: float, solves: int = 2) -> None:
        import scipy.sparse as sp

        states, actions = policy.shape
        rows = np.arange(0, states * actions + 1, actions)
        weights = sp.csr_matrix((-discount * policy.ravel(), np.arange(states * actions), rows))
        matrix = (sp.identity(states, format="csr") + weights @ transition).tocsr()
        self._error = 0.0
        self.methods: list[str] = []
        """How each system was solved."""
        self._discount, self._left = discount, max(solves, 1)
        self._tangent = matrix.imag.tocsr() if matrix.dtype.kind == "c" else None
        # A copy: the real part alone is no contiguous array.
        self._matrix = matrix.real.copy() if matrix.dtype.kind == "c" else matrix
        self._transposed: Any = None
        self._factor: Callable[..., Array] | None = None
        self._cost: FactorCost | None = None
        self._spent = 0

    def values(self, right: Array) -> Array:
        """Solve ``(I - discount P) v = right``."""
        return self._solve(right, transposed=False)

    def occupancy(self, right: Array) -> Array:
        """Solve ``(I - discount P)' w = right``."""
        return self._solve(right, transposed=True)

    def residual(self) -> Array:
        """The largest `backward_error` of the solutions so far, shape ()."""
        return np.asarray(self._error)

    def release(self) -> None:
        """Give the memory of the matrix and the factors back."""
        self._matrix = self._transposed = self._tangent = self._factor = None

    def _solve(self, right: Array, *, transposed: bool) -> Array:
        right = np.ascontiguousarray(right)
        if self._tangent is None and right.dtype.kind != "c":
            return self._solve_real(right, transposed)
        # First order in the imaginary parts, apart from the real ones: exact to rounding when they are those of a
        # complex step, and at a step of 1e-200 a common norm would lose them.
        value = self._solve_real(np.ascontiguousarray(right.real), transposed)
        slope = np.zeros_like(value) + right.imag
        if self._tangent is not None:
            slope -= (self._tangent.T if transposed else self._tangent) @ value
        return np.asarray(value + 1j * self._solve_real(slope, transposed))

    def _solve_real(self, right: Array, transposed: bool) -> Array:
        # By a power of two, so that products of what a complex step leaves do not underflow.
        exponent = int(np.frexp(np.abs(right).max())[1])
        one = _One(self._rows(transposed), np.ldexp(right, -exponent), transposed)
        if self._factor is None and not self._at_once:
            self._iterate(one)
        if not one.solved and self._may_factorise():
            self._factorise(one)
        if not one.solved:
            self._contract(one)
        if not one.solved:
            raise ArithmeticError(
                f"a system of the policy is solved to a relative residual of {one.error:.1e} only, expected "
                f"{one.accepted:.1e}, at discount {self._discount!r}: take a smaller discount, or a dense transition"
            )
        with np.errstate(over="ignore"):
            solution = np.asarray(np.ldexp(one.solution, exponent))
        if not np.isfinite(solution).all():
            raise ArithmeticError(
                "a system of the policy has a solution beyond the doubles, expected smaller rewards, or a discount "
                "farther from one"
            )
        self._left = max(self._left - 1, 1)
        self._error = max(self._error, one.error)
        self.methods.append(one.method)
        return solution

    def _rows(self, transposed: bool) -> Any:
        if not transposed:
            return self._matrix
        if self._transposed is None:
            self._transposed = self._matrix.T.tocsr()
        return self._transposed

    # Iteration ---------------------------------------------------------------------------------------------------

    def _iterate(self, one: _One) -> None:
        """BiCGSTAB, restarted from the residual, until it has arrived or has spent its share."""
        one.method = ITERATION
        for _ in range(ROUNDS):
            if one.solved:
                return
            before = one.error
            with np.errstate(all="ignore"):  # where it breaks down
                step, done = self._bicgstab(one)
                one.improve(step)
            if done or one.error > before / 2:
                return

    def _bicgstab(self, one: _One) -> tuple[Array, bool]:
        """A correction to a solution, and whether the method is given up (van der Vorst 1992)."""
        matrix, r = one.matrix, one.residual.copy()
        step, p = np.zeros_like(r), r.copy()
        # Not the residual itself: of a uniform start, or one state's, it is too regular, and the method breaks down.
        shadow = r * np.random.default_rng(0).uniform(0.5, 1.5, len(r))
        scratch = np.empty_like(r)
        rho = shadow @ r
        whole, start = (float(norm(x, transposed=one.transposed)) for x in (one.right, r))
        target = one.aim(step)
        while True:
            v = matrix @ p
            along = shadow @ v
            if along == 0 or not math.isfinite(along):
                return step, False
            alpha = rho / along
            r -= np.multiply(v, alpha, out=scratch)
            t = matrix @ r
            square = t @ t
            omega = (t @ r) / square if square > 0 else 0.0
            step += np.multiply(p, alpha, out=scratch)
            step += np.multiply(r, omega, out=scratch)
            r -= np.multiply(t, omega, out=scratch)
            one.products += 2
            self._spent += 2
            size = _norm(r, scratch, one.transposed)
            following = shadow @ r
            if not size > target or not size < 1e10 * start or following == 0 or omega == 0:
                return step, False
            if one.products % 16 == 0:
                target = one.aim(step)
                if self._overspent(one, math.log(size / whole), math.log(target / whole)):
                    return step, True
            beta = following / rho * (alpha / omega)
            rho = following
            p -= np.multiply(v, omega, out=scratch)
            p *= beta
            p += r

    def _overspent(self, one: _One, achieved: float, wanted: float) -> bool:
        """Whether another method is to take over.

        The budget is spent; or a quarter of it, and at the pace so far, which is rather too slow than too fast, the
        whole of it is still ahead.
        """
        pace = one.products * wanted / achieved if achieved < 0 else math.inf
        ahead = pace * self._left - one.products
        if self._spent + ahead < FEW:
            return False
        budget = self._factor_products() if self._may_factorise() else self._sweeps(one)
        # In its first steps the residual tells nothing: it may grow.
        clear = one.products >= 32 and self._spent >= budget / 4 and budget <= ahead < math.inf
        return self._spent >= budget or clear

    # Factorisation -----------------------------------------------------------------------------------------------

    def _estimate(self) -> FactorCost:
        if self._cost is None:
            self._cost = factor_cost(self._matrix)
        return self._cost

    @cached_property
    def _at_once(self) -> bool:
        matrix = self._matrix
        states = matrix.shape[0]
        if states <= AT_ONCE:
            return True
        degree = np.diff(matrix.indptr)
        row = np.repeat(np.arange(states, dtype=np.int64), degree)
        if np.abs(row - matrix.indices).max() <= NARROW:
            return True
        # Paths and cycles, however they are numbered: with itself at most three, and each neighbour's neighbour.
        if degree.max() > 3:
            return False
        forward, backward = row * states + matrix.indices, matrix.indices * np.int64(states) + row
        return bool(np.array_equal(np.sort(forward), np.sort(backward)))

    def _may_factorise(self) -> bool:
        return self._at_once or self._factor is not None or self._estimate().entries <= ENTRIES

    def _factor_products(self) -> float:
        """The matrix products, with the vector operations between them, that cost as much as a factorisation."""
        product = 1.2e-5 + 0.5e-9 * self._matrix.nnz + 1.2e-9 * self._matrix.shape[0]
        return float(self._estimate().seconds / product)

    def _factorise(self, one: _One) -> None:
        from scipy.sparse.linalg import splu

        one.method = FACTORISATION
        if self._factor is None:
            # The columns of the transpose are dominant: it needs no pivoting, which would undo the ordering.
            options = {"SymmetricMode": True}
            try:
                factors = splu(self._matrix.T, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
            except (RuntimeError, MemoryError):  # singular in floats, or larger than estimated
                return
            self._factor = factors.solve
        for _ in range(ROUNDS):
            before = one.error
            one.improve(np.asarray(self._factor(one.residual, "N" if one.transposed else "T")))
            if one.solved or one.error > before / 2:
                return

    # Contraction -------------------------------------------------------------------------------------------------

    def _sweeps(self, one: _One) -> int:
        """Sweeps after which a residual, in its norm at most the discount times the one before, is small enough."""
        if self._discount == 0:
            return 2
        return 2 + math.ceil(math.log(one.accepted / 2 / max(one.error, one.accepted)) / math.log(self._discount))

    def _contract(self, one: _One) -> None:
        """Successive approximation ``x + (b - A x) = b + discount P x``, which cannot fail but by rounding."""
        one.method = CONTRACTION
        for sweep in range(2 * self._sweeps(one)):
            one.sweep()
            if sweep % 8 == 7 and one.solved:
                return


class _One:
    """One system, and how far its solution is."""

    def __init__(self, matrix: Any, right: Array, transposed: bool) -> None:
        self.matrix, self.right, self.transposed = matrix, right, transposed
        self.method = ITERATION
        self.products = 0
        self.solution = np.zeros_like(right)
        self.residual = right
        longest = int(np.diff(matrix.indptr).max())
        self.accepted = float(np.finfo(np.float64).eps * max(BACKWARD_ERROR / np.finfo(np.float64).eps, longest**0.5))

    @property
    def error(self) -> float:
        """Backward error of the solution."""
        return float(backward_error(self.residual, self.solution, self.right, transposed=self.transposed))

    @property
    def solved(self) -> bool:
        """Whether the error is accepted."""
        return self.error <= self.accepted

    def aim(self, step: Array) -> float:
        """Norm of a residual that is safely accepted after a correction."""
        solution, right = (norm(x, transposed=self.transposed) for x in (self.solution + step, self.right))
        return float(0.5 * self.accepted * (2 * solution + right))

    def improve(self, step: Array) -> None:
        """Add a correction, if it is one."""
        solution = self.solution + step
        residual = self.right - self.matrix @ solution
        error = backward_error(residual, solution, self.right, transposed=self.transposed)
        if error < self.error:
            self.solution, self.residual = solution, residual

    def sweep(self) -> None:
        """One step of successive approximation."""
        self.solution = self.solution + self.residual
        self.residual = self.right - self.matrix @ self.solution


def _norm(x: Array, scratch: Array, transposed: bool) -> float:
    np.abs(x, out=scratch)
    return float(scratch.sum() if transposed else scratch.max())
