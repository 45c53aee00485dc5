"""The linear systems of policies: against exact rational arithmetic, each other, and what is documented of the choice
of a method.

Tolerances: a solution x with normwise backward error e has ``|x - y| <= h e (2 |x| + |b|)`` with ``h = 1 / (1 -
discount)``, the norm of the inverse, in the maximum norm for values and in the sum norm for occupancies. Elimination
and LAPACK's factorisation have ``e <= 4 S u`` on diagonally dominant matrices of these sizes (growth at most two), and
the matrix itself is known to ``(A + 3) u``.
"""

from __future__ import annotations

import math
import pickle
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import flint
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import entropy_theory as et
from entropy_theory import fast
from entropy_theory.problems import elimination, mdp, pieces, sparse_systems, systems
from entropy_theory.problems.elimination import SMALL, Elimination
from entropy_theory.problems.factor_cost import factor_cost
from entropy_theory.problems.sparse_systems import CONTRACTION, FACTORISATION, ITERATION, SparseSystem, _One
from entropy_theory.problems.systems import BACKWARD_ERROR, DenseSystem, _Lapack

Array = np.ndarray[Any, Any]

EPS = 2.0**-52


def tables(states: int, actions: int, batch: tuple[int, ...] = (), seed: int = 0) -> tuple[Array, Array]:
    """Transition probabilities (..., S, A, S) and a policy (..., S, A), of floats whose sums are one to rounding."""
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.full(states, 0.5), (*batch, states, actions))
    policy = rng.dirichlet(np.ones(actions), (*batch, states))
    return transition, policy


def dense(transition: Array, policy: Array, discount: Any, batch: tuple[int, ...] = ()) -> DenseSystem:
    return DenseSystem(transition, policy, np.asarray(discount), batch)


def sparse(transition: Array, policy: Array, discount: float, solves: int = 2) -> SparseSystem:
    return SparseSystem(sp.csr_matrix(transition.reshape(-1, transition.shape[-1])), policy, discount, solves)


def exact(transition: Array, policy: Array, discount: float, right: Array, transposed: bool) -> Array:
    """The solution in rational arithmetic for the floats as they are, rounded once."""
    states, actions = policy.shape

    def rational(x: float) -> flint.fmpq:
        fraction = Fraction(float(x))
        return flint.fmpq(fraction.numerator, fraction.denominator)

    rows = [[flint.fmpq(int(s == t)) for t in range(states)] for s in range(states)]
    for s in range(states):
        for t in range(states):
            for a in range(actions):
                rows[s][t] -= rational(discount) * rational(policy[s, a]) * rational(transition[s, a, t])
    matrix = flint.fmpq_mat(rows)
    column = flint.fmpq_mat([[rational(x)] for x in right])
    solution = (matrix.transpose() if transposed else matrix).solve(column)
    return np.array([float(Fraction(int(x.p), int(x.q))) for x in solution.entries()])


def size(x: Array, transposed: bool) -> Any:
    return np.abs(x).sum(-1) if transposed else np.abs(x).max(-1)


def allowed(states: int, actions: int, discount: float, x: Array, right: Array, transposed: bool) -> Any:
    error = (4 * states + actions + 3) * EPS + BACKWARD_ERROR
    return error / (1 - discount) * (2 * size(x, transposed) + size(right, transposed))


# --- dense ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("discount", [0.0, 0.5, 0.99, 1 - 1e-9])
@pytest.mark.parametrize("states", [1, 2, 7, 30])
def test_every_method_against_rational_arithmetic(states: int, discount: float, transposed: bool) -> None:
    transition, policy = tables(states, 2, seed=states)
    right = np.random.default_rng(1).standard_normal(states)
    wanted = exact(transition, policy, discount, right, transposed)
    limit = allowed(states, 2, discount, wanted, right, transposed)
    together = (np.stack([transition] * 3), np.stack([policy] * 3))
    for system in (dense(transition, policy, discount), sparse(transition, policy, discount)):
        got = (system.occupancy if transposed else system.values)(right)
        assert size(got - wanted, transposed) <= limit
        assert float(system.residual()) <= BACKWARD_ERROR + (4 * states + 5) * EPS
    batched = dense(*together, discount, (3,))
    got = (batched.occupancy if transposed else batched.values)(np.stack([right] * 3))
    assert np.all(size(got - wanted, transposed) <= limit)


@pytest.mark.parametrize("states", [2, SMALL, SMALL + 1, 60])
@pytest.mark.parametrize("batch", [(), (5,)])
def test_values_and_occupancies_are_dual(states: int, batch: tuple[int, ...]) -> None:
    """``c' (A^-1 b) = (A'^-1 c)' b``; the two sides differ by at most the errors of both solutions."""
    transition, policy = tables(states, 3, batch)
    rng = np.random.default_rng(2)
    b, c = rng.standard_normal((*batch, states)), rng.random((*batch, states))
    system = dense(transition, policy, 0.9, batch)
    v, w = system.values(b), system.occupancy(c)
    limit = allowed(states, 3, 0.9, v, b, False) * size(c, True) + allowed(states, 3, 0.9, w, c, True) * size(b, False)
    assert np.all(np.abs((c * v).sum(-1) - (w * b).sum(-1)) <= limit)


@pytest.mark.parametrize("kind", ["float64", "complex128"])
@pytest.mark.parametrize("states", [1, 3, 10, SMALL, SMALL + 1, 40])
def test_a_solution_does_not_depend_on_the_rest_of_the_batch(states: int, kind: str, monkeypatch: Any) -> None:
    """Bit for bit, whatever the others are, and wherever chunks and pieces end."""
    batch = 37
    transition, _ = tables(states, 2, (batch,))
    rng = np.random.default_rng(3)
    reward, z = rng.standard_normal((batch, states, 2)), rng.standard_normal((batch, states, 2)).astype(kind)
    z = z + 1e-200j * rng.standard_normal(z.shape) if kind == "complex128" else z
    initial = np.full(states, 1 / states)

    def everything(part: slice) -> Any:
        problem = et.MDP(transition[part], reward[part], 0.9, initial)
        with fast.disabled():  # which serve large batches only, and have a test of their own
            return et.evaluate(problem, z[part])

    whole = everything(slice(None))
    others = [everything(slice(i, j)) for i, j in ((0, 1), (5, 6), (5, 20), (36, 37))]
    monkeypatch.setattr(mdp, "PIECE", 7 * states**2 * 2)
    monkeypatch.setattr(mdp, "SMALL", 0)
    monkeypatch.setattr(elimination, "CHUNK", 3 * states**2)
    others.append(everything(slice(None)))
    for (i, j), other in zip(((0, 1), (5, 6), (5, 20), (36, 37), (0, 37)), others, strict=True):
        for name in ("objective", "mean_entropy", "policy_gradient", "mean_entropy_gradient"):
            np.testing.assert_array_equal(getattr(other, name), getattr(whole, name)[i:j], err_msg=name)
        for name in ("v", "q", "advantage", "visits", "visitation", "residual"):
            np.testing.assert_array_equal(getattr(other.values, name), getattr(whole.values, name)[i:j], err_msg=name)


@pytest.mark.parametrize("states", [4, SMALL + 1])
@pytest.mark.parametrize("where", ["one", "batch", "sparse"])
def test_a_complex_step_keeps_its_digits(where: str, states: int) -> None:
    """At 1e-200 the imaginary part of the objective is the derivative, as accurate as a real solution."""
    transition, _ = tables(states, 2)
    rng = np.random.default_rng(4)
    reward, z, direction = (rng.standard_normal((states, 2)) for _ in range(3))
    initial = np.full(states, 1 / states)
    step = z + 1e-200j * direction
    if where == "sparse":
        problem = et.MDP(sp.csr_matrix(transition.reshape(-1, states)), reward, 0.9, initial)
    else:
        problem = et.MDP(transition, reward, 0.9, initial)
    objective = problem.objective(np.stack([step, step]) if where == "batch" else step)
    got = np.ravel(objective.imag)[-1] / 1e-200
    wanted = (et.policy_gradient(problem, z) * direction).sum()
    # h^2 errors of a sum of terms of size h^2 |reward| |direction|, as in the docstring of this file.
    assert abs(got - wanted) <= 100 * (4 * states + 20) * EPS * np.abs(reward).max() * np.abs(direction).max()


def test_real_factors_serve_complex_right_sides() -> None:
    for states in (5, SMALL + 6):
        for batch in ((), (4,)):
            transition, policy = tables(states, 2, batch)
            rng = np.random.default_rng(5)
            right = rng.standard_normal((*batch, states)) + 1j * rng.standard_normal((*batch, states))
            system = dense(transition, policy, 0.9, batch)
            for solve in (system.values, system.occupancy):
                np.testing.assert_array_equal(solve(right).real, solve(right.real))
                np.testing.assert_array_equal(solve(right).imag, solve(right.imag))


def test_elimination_leaves_its_matrices_alone() -> None:
    """Also where no copy would be needed to bring the batch to the end."""
    for batch in (1, 3):
        matrices = np.eye(4) - 0.9 * tables(4, 1, (batch,))[0][..., 0, :]
        before = matrices.copy()
        Elimination(matrices).solve(np.ones((batch, 4)))
        np.testing.assert_array_equal(matrices, before)


def test_factors_solve_the_matrix_itself_unless_told_otherwise() -> None:
    """A (1, 2) = (0, 7/4) and A' (1, 2) = (1/2, 3/2), without a rounding."""
    matrix, x = np.array([[1.0, -0.5], [-0.25, 1.0]]), [[1.0, 2.0]]
    for solve in (Elimination(matrix[None]).solve, _Lapack(matrix.copy(), ()).solve):
        np.testing.assert_array_equal(solve(np.array([[0.0, 1.75]])), x)
        np.testing.assert_array_equal(solve(np.array([[0.5, 1.5]]), transposed=True), x)


@pytest.mark.parametrize(
    ("chunk", "count", "chunks"),
    [(elimination.CHUNK, 13, 1), (100, 13, 3), (96, 13, 3), (95, 13, 3), (64, 13, 4), (10, 13, 13), (256, 40, 3)],
)
def test_a_chunk_holds_as_many_systems_as_its_numbers_allow(
    chunk: int, count: int, chunks: int, monkeypatch: Any
) -> None:
    """Of systems of 16 numbers each 6, 6, 5, 4, as the least 1, and 16 fit."""
    monkeypatch.setattr(elimination, "CHUNK", chunk)
    transition, _ = tables(4, 1, (count,))
    matrices = np.eye(4) - 0.5 * transition[:, :, 0]
    factors = Elimination(matrices)
    assert len(factors._factors) == chunks
    x = np.random.default_rng(1).standard_normal((count, 4))
    right = (matrices @ x[..., None])[..., 0]
    # |A| <= 3/2 and |A^-1| <= 2 in the maximum norm, so that the right sides are off by 7 u |x| at most.
    assert np.abs(factors.solve(right) - x).max() <= 2 * (4 * 4 + 7) * EPS * 3 * np.abs(x).max()


def test_a_batch_is_padded_to_whole_lanes_and_no_more() -> None:
    lanes = elimination.LANES
    assert lanes % 8 == 0, "the longest vector registers hold eight doubles"
    for batch, padded in ((1, lanes), (lanes, lanes), (lanes + 1, 2 * lanes)):
        matrices = np.broadcast_to(np.eye(3), (batch, 3, 3))
        assert [m.shape for m in Elimination(matrices)._factors] == [(3, 3, padded)]


@pytest.mark.parametrize("states", [1, SMALL, SMALL + 1])
@pytest.mark.parametrize("batch", [(), (1,), (2, 3)])
def test_only_small_systems_of_a_batch_are_worked_on_together(
    states: int, batch: tuple[int, ...], monkeypatch: Any
) -> None:
    """All others are left to LAPACK one by one, and their products to the BLAS that belongs to it."""
    asked: list[str] = []
    routines, einsum = systems._routines, np.einsum

    def noted(kind: str) -> Any:
        asked.append(kind)
        return routines(kind)

    def summed(*arguments: Any, **options: Any) -> Any:
        asked.append("sum")
        return einsum(*arguments, **options)

    monkeypatch.setattr(systems, "_routines", noted)
    monkeypatch.setattr(np, "einsum", summed)
    transition, policy = tables(states, 2, batch)
    together = bool(batch) and states <= SMALL
    system = dense(transition, policy, 0.5, batch)
    v = system.values(np.ones((*batch, states)))
    assert asked == ([] if together else ["sum"] * math.prod(batch) + ["d"])
    asked.clear()
    rows = transition[..., 0, :]
    product = systems.products(rows, v)
    assert asked == ([] if together else ["d"])
    limit = (states + 2) * EPS * np.abs(v).max()
    assert np.abs(product - (rows @ v[..., None])[..., 0]).max() <= limit
    assert np.abs(systems.products(rows, 1j * v) - 1j * product).max() <= limit
    assert np.abs(systems.products(rows, v - 2j * v) - (product - 2j * product)).max() <= 2 * limit


def test_balls_are_neither_summed_nor_factorised_as_floats(monkeypatch: Any) -> None:
    monkeypatch.setattr(np, "einsum", lambda *_, **__: pytest.fail("they are balls"))
    monkeypatch.setattr(systems, "_factorised", lambda *_: pytest.fail("they are balls"))
    half = np.full((2, 1, 2), Fraction(1, 2), dtype=object)
    problem = et.MDP(half, np.array([[1], [0]], dtype=object), Fraction(1, 2), np.array([1, 0], dtype=object))
    assert problem.objective(np.zeros((2, 1)))[()] == Fraction(3, 2)


@pytest.mark.parametrize("batch", [(), (2,)])
def test_balls_beside_floats(batch: tuple[int, ...]) -> None:
    """A table of floats, with logits or rewards in balls.

    The first state pays 1 and is not left, the second pays nothing and is left with probability 1/2: at discount 1/2
    the values are 2 and 2/3, and from (3/4, 1/4) the visits 5/3 and 1/3.
    """
    transition = np.zeros((*batch, 2, 2, 2))
    transition[..., 0, :, 0], transition[..., 1, :, :] = 1.0, 0.5
    table = et.MDP(transition, [[1.0, 1.0], [0.0, 0.0]], 0.5, [0.75, 0.25])
    floats = np.zeros((2, 2))
    equal, pays = (np.vectorize(Fraction, otypes=[object])(x) for x in (floats, np.array([1.0, 0.0])))
    v, visits = (np.array(x, dtype=object) for x in ([2, Fraction(2, 3)], [Fraction(5, 3), Fraction(1, 3)]))
    values = table.values(equal)
    assert np.all(values.v == np.broadcast_to(v, (*batch, 2)))
    assert np.all(values.visits == np.broadcast_to(visits, (*batch, 2)))
    assert np.all(table.objective(equal) == Fraction(5, 3))
    assert np.all(table.state_values(floats, pays) == np.broadcast_to(v, (*batch, 2)))
    assert values.residual.shape == batch
    assert np.all(values.residual == 0)


def test_one_factorisation_serves_everything(monkeypatch: Any) -> None:
    made = []

    def counted(matrix: Array, batch: tuple[int, ...]) -> Any:
        made.append(matrix.shape)
        return factorised(matrix, batch)

    factorised = systems._factorised
    monkeypatch.setattr(systems, "_factorised", counted)
    transition, _ = tables(6, 2)
    problem = et.MDP(transition, np.ones((6, 2)), 0.9, np.full(6, 1 / 6))
    for compute in (et.evaluate, et.policy_gradient, et.mean_entropy_gradient, et.mean_entropy):
        made.clear()
        compute(problem, np.zeros((6, 2)))
        assert made == [(6, 6)]


@pytest.mark.parametrize("batch", [(), (3,)])
@pytest.mark.parametrize("states", [1, 9, SMALL + 3])
def test_zeros_and_ones(states: int, batch: tuple[int, ...]) -> None:
    """A deterministic cycle: v(s) = discount^(S - 1 - s) / (1 - discount^S) where only the last state pays."""
    discount = 1 - 2.0**-10
    transition = np.roll(np.eye(states), 1, axis=1)[:, None, :]
    reward = np.zeros((states, 1))
    reward[-1] = 1.0
    problem = et.MDP(np.broadcast_to(transition, (*batch, states, 1, states)), reward, discount, np.eye(states)[0])
    v = problem.values(np.zeros((states, 1))).v
    wanted = discount ** np.arange(states - 1, -1, -1.0) / (1 - discount**states)
    limit = allowed(states, 1, discount, wanted, reward[:, 0], False)
    assert np.abs(v - wanted).max() <= limit
    assert v.shape == (*batch, states)


# --- the residual -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dense", "sparse", "batch"])
def test_the_residual_is_what_an_independent_computation_finds(kind: str) -> None:
    """With sums of exact products: the computed residual may differ by the S + A roundings of each of its sums."""
    states, actions, discount = 40, 3, 0.99
    transition, _ = tables(states, actions)
    rng = np.random.default_rng(6)
    reward, z = rng.standard_normal((states, actions)), rng.standard_normal((states, actions))
    initial = rng.dirichlet(np.ones(states))
    table = sp.csr_matrix(transition.reshape(-1, states)) if kind == "sparse" else transition
    problem = et.MDP(table, reward, discount, initial)
    values = problem.values(np.stack([z, z]) if kind == "batch" else z)
    p = et.softmax(z).astype(np.longdouble)
    between = np.einsum("sa,sat->st", p, transition.astype(np.longdouble))
    v, w = (x[-1] if kind == "batch" else x for x in (values.v, values.visits))
    right = (p * reward).sum(-1)
    first = np.abs(right - v + discount * between @ v).max() / (2 * np.abs(v).max() + np.abs(right).max())
    second = np.abs(initial - w + discount * between.T @ w).sum() / (2 * w.sum() + initial.sum())
    found = np.ravel(values.residual)[-1]
    assert values.residual.shape == ((2,) if kind == "batch" else ())
    assert 0 < found <= BACKWARD_ERROR
    assert abs(found - max(first, second)) <= (states + actions) * EPS / 2


@pytest.mark.parametrize("function", ["objective", "values", "gradient", "evaluate"])
def test_a_batch_of_no_policies(function: str) -> None:
    problem, z = et.MDP(np.full((2, 2, 2), 0.5), np.ones((2, 2)), 0.5, [0.5, 0.5]), np.zeros((0, 2, 2))
    functions: dict[str, Any] = {
        "objective": problem.objective,
        "values": lambda z: problem.values(z).v[..., 0],
        "gradient": lambda z: et.policy_gradient(problem, z)[..., 0, 0],
        "evaluate": lambda z: et.evaluate(problem, z).mean_entropy,
    }
    assert functions[function](z).shape == (0,)


def test_the_residual_is_that_of_what_was_handed_out() -> None:
    rng = np.random.default_rng(0)
    problem = et.MDP(rng.dirichlet(np.ones(3), (5, 3, 2)), rng.random((5, 3, 2)), 0.9, np.full(3, 1 / 3))
    z = rng.random((5, 3, 2))
    values = et.evaluate(problem, z).values
    values.v[:] = 7.0
    z += 1.0 * np.arange(2)
    assert (values.residual < 1e-14).all()


def test_the_backward_error_by_hand() -> None:
    """In the maximum norm 1 / (2 * 3 + 2), in the sum norm 2 / (2 * 4 + 2); zero where nothing is asked for."""
    r, x, b = np.array([1.0, -1.0]), np.array([1.0, -3.0]), np.array([2.0, 0.0])
    assert systems.backward_error(r, x, b, transposed=False) == 1 / 8
    assert systems.backward_error(r, x, b, transposed=True) == 1 / 5
    assert systems.backward_error(0 * r, 0 * x, 0 * b, transposed=False) == 0


def test_values_that_overflow_are_an_error_also_of_one_problem_in_a_batch() -> None:
    """Of 1e308 a step the sum, at a horizon of 16, is beyond the doubles."""
    for states in (2, SMALL + 1):
        transition, _ = tables(states, 1)
        reward = np.stack([np.ones((states, 1)), np.full((states, 1), 1e308)])
        for rewards in (reward, reward[1]):
            problem = et.MDP(transition, rewards, 0.9375, np.full(states, 1 / states))
            with pytest.raises(ArithmeticError, match="singular in floats, expected a discount farther from one"):
                problem.values(np.zeros((states, 1)))


def test_the_residual_of_wrong_values_is_large() -> None:
    """A factorisation that is off by one part in a million shows."""
    transition, policy = tables(8, 2)
    for batch in ((), (2,)):
        system = dense(transition, policy, 0.9, batch)
        system.values(np.ones((*batch, 8)))
        right, solution, transposed = system._solved.pop()
        system._solved.append((right, solution * (1 + 1e-6), transposed))
        assert np.all(system.residual() > 1e-8)


def test_no_system_no_residual() -> None:
    bandit = et.Bandit([1.0, 0.0])
    tree = et.TokenTree(2, 2, [0.0, 0.0, 0.0, 1.0])
    assert float(bandit.values(np.zeros(2)).residual) == 0
    assert float(tree.values(np.zeros((tree.states, 2))).residual) == 0


def test_values_can_be_pickled() -> None:
    """With what finds their residual."""
    transition, _ = tables(5, 2, (3,))
    problem = et.MDP(transition, np.ones((3, 5, 2)), 0.9, np.full(5, 0.2))
    values = problem.values(np.zeros((5, 2)))
    again = pickle.loads(pickle.dumps(values))
    np.testing.assert_array_equal(again.v, values.v)
    np.testing.assert_array_equal(again.residual, values.residual)


# --- sparse -----------------------------------------------------------------------------------------------------------


def walk(states: int) -> Any:
    """A chain with two moves, as (S * 2, S)."""
    s = np.arange(states)
    reached = np.stack([np.clip(s - 1, 0, states - 1), np.clip(s + 1, 0, states - 1)], axis=-1).ravel()
    return sp.csr_matrix((np.ones(2 * states), (np.arange(2 * states), reached)), shape=(2 * states, states))


def grid(side: int) -> Any:
    y, x = np.divmod(np.arange(side * side), side)
    moves = ((-1, 0), (0, 1), (1, 0), (0, -1))
    reached = [np.clip(y + dy, 0, side - 1) * side + np.clip(x + dx, 0, side - 1) for dy, dx in moves]
    columns = np.stack(reached, axis=-1).ravel()
    return sp.csr_matrix((np.ones(columns.size), (np.arange(columns.size), columns)), shape=(columns.size, side * side))


def expander(states: int) -> Any:
    """Two actions, each to one of four random states."""
    rng = np.random.default_rng(7)
    rows = np.repeat(np.arange(2 * states), 4)
    columns = rng.integers(0, states, rows.size)
    return sp.coo_matrix((np.full(rows.size, 0.25), (rows, columns)), shape=(2 * states, states)).tocsr()


def uniform(transition: Any, discount: float = 0.9, solves: int = 2) -> SparseSystem:
    """The systems of the uniform policy."""
    states = transition.shape[1]
    actions = transition.shape[0] // states
    return SparseSystem(transition, np.full((states, actions), 1 / actions), discount, solves)


def solved(transition: Any, discount: float, solves: int = 2) -> SparseSystem:
    """Both systems of the uniform policy, each solved to the residual that is promised."""
    states = transition.shape[1]
    actions = transition.shape[0] // states
    system = uniform(transition, discount, solves)
    rng = np.random.default_rng(8)
    right, start = rng.standard_normal(states), np.full(states, 1 / states)
    v, w = system.values(right), system.occupancy(start)
    # The rows of the actions of a state are averaged.
    average = sp.kron(sp.identity(states), np.full((1, actions), 1 / actions), format="csr")
    between = average @ transition
    accepted = 2 * BACKWARD_ERROR
    assert np.abs(right - v + discount * (between @ v)).max() <= accepted * (2 * np.abs(v).max() + np.abs(right).max())
    assert np.abs(start - w + discount * (between.T @ w)).sum() <= accepted * (2 * w.sum() + 1)
    assert 0 < float(system.residual()) <= BACKWARD_ERROR
    return system


def test_a_chain_is_factorised() -> None:
    assert solved(walk(5000), 0.999).methods == [FACTORISATION] * 2


@pytest.mark.parametrize("discount", [0.1, 0.9999])
def test_a_chain_numbered_at_random_is_factorised_at_once(discount: float, monkeypatch: Any) -> None:
    """Neither an iteration nor an estimate is needed to see that it is one."""
    monkeypatch.setattr(SparseSystem, "_iterate", lambda self, one: pytest.fail("it is a chain"))
    monkeypatch.setattr(SparseSystem, "_estimate", lambda self: pytest.fail("it is a chain"))
    place = np.random.default_rng(3).permutation(3000)
    chain = walk(3000).tocoo()
    row = 2 * place[chain.row // 2] + chain.row % 2
    moved = sp.csr_matrix((chain.data, (row, place[chain.col])), shape=chain.shape)
    assert solved(moved, discount).methods == [FACTORISATION] * 2


def test_two_ways_out_of_each_state_are_no_chain(monkeypatch: Any) -> None:
    """As many entries as in a chain, but the ways lead to random states: there are no small separators."""
    monkeypatch.setattr(SparseSystem, "_factorise", lambda self, one: pytest.fail("it would take gigabytes"))
    rng = np.random.default_rng(4)
    columns = np.stack([rng.permutation(20_000), rng.permutation(20_000)], axis=-1).ravel()
    ways = sp.csr_matrix((np.ones(40_000), (np.arange(40_000), columns)), shape=(40_000, 20_000))
    assert solved(ways, 0.95).methods == [ITERATION] * 2


def test_a_grid_is_factorised_only_near_one() -> None:
    assert solved(grid(60), 0.999).methods == [FACTORISATION] * 2
    assert solved(grid(60), 0.5).methods == [ITERATION] * 2


@pytest.mark.parametrize("discount", [0.5, 0.95, 0.9999])
def test_an_expander_is_never_factorised(discount: float, monkeypatch: Any) -> None:
    monkeypatch.setattr(SparseSystem, "_factorise", lambda self, one: pytest.fail("it would take gigabytes"))
    assert solved(expander(20_000), discount).methods == [ITERATION] * 2


def test_few_states_are_factorised_at_once() -> None:
    assert solved(expander(sparse_systems.AT_ONCE), 0.5).methods == [FACTORISATION] * 2
    assert solved(expander(sparse_systems.AT_ONCE + 1), 0.5).methods == [ITERATION] * 2


def test_factors_beyond_the_bound_are_not_made(monkeypatch: Any) -> None:
    """The iteration goes on, and where it may not, successive approximation arrives."""
    monkeypatch.setattr(sparse_systems, "ENTRIES", 1000)
    monkeypatch.setattr(SparseSystem, "_factorise", lambda self, one: pytest.fail("it is too large"))
    assert solved(grid(40), 0.99).methods == [ITERATION] * 2
    monkeypatch.setattr(SparseSystem, "_iterate", lambda self, one: None)
    assert solved(grid(40), 0.9).methods == [CONTRACTION] * 2


@pytest.mark.parametrize("stop", [1, 3, 40])
def test_every_method_goes_on_where_the_iteration_was_left(stop: int, monkeypatch: Any) -> None:
    """Wherever the budget ends, the answer is the same to the accepted residual."""
    monkeypatch.setattr(SparseSystem, "_overspent", lambda self, one, *_: one.products >= 16 * stop)
    for entries in (sparse_systems.ENTRIES, 0):
        monkeypatch.setattr(sparse_systems, "ENTRIES", entries)
        solved(grid(30), 0.97)


def test_the_iteration_spends_no_more_than_a_factorisation_costs(monkeypatch: Any) -> None:
    """On a grid at a discount where it is slow: what was spent is within the budget and one look."""
    system = solved(grid(70), 0.9999, solves=3)
    assert system.methods == [FACTORISATION] * 2
    assert system._spent <= system._factor_products() + 16


def test_an_unconverged_answer_is_never_returned(monkeypatch: Any) -> None:
    monkeypatch.setattr(SparseSystem, "_iterate", lambda self, one: None)
    monkeypatch.setattr(SparseSystem, "_may_factorise", lambda self: False)
    monkeypatch.setattr(SparseSystem, "_sweeps", lambda self, one: 4)
    problem = et.MDP(grid(20), np.ones((400, 4)), 0.99, np.full(400, 1 / 400))
    z = np.random.default_rng(9).standard_normal((400, 4))
    for compute in (problem.values, problem.objective, lambda z: et.evaluate(problem, z)):
        with pytest.raises(ArithmeticError, match=r"relative residual of \S+ only, expected \S+, at discount 0\.99"):
            compute(z)


def test_a_failed_factorisation_is_survived(monkeypatch: Any) -> None:
    import scipy.sparse.linalg

    def fails(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(scipy.sparse.linalg, "splu", fails)
    assert set(solved(walk(300), 0.9).methods) <= {ITERATION, CONTRACTION}


@pytest.mark.parametrize("kind", ["chain", "grid", "expander"])
def test_the_cost_of_factors_follows_the_graph(kind: str) -> None:
    """Entries within a factor of four of SuperLU's own; in the dense block of an expander 1.6."""
    from scipy.sparse.linalg import splu

    transition = {"chain": walk(4000), "grid": grid(50), "expander": expander(1500)}[kind]
    matrix = uniform(transition)._matrix
    options = {"SymmetricMode": True}
    factors = splu(matrix.T, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    factor = 1.6 if kind == "expander" else 4
    assert 1 / factor <= factor_cost(matrix).entries / (factors.L.nnz + factors.U.nnz) <= factor


def test_the_cost_of_factors_grows_as_the_graph_does() -> None:
    """Linear on a chain, n^1.5 on a grid, n^3 on an expander, for twice the states; there the levels are few, and the
    share of the widest one jumps with their number."""
    cases = ((walk, 4000, 1.0, 1.2), (lambda n: grid(int(n**0.5)), 10_000, 1.5, 1.6), (expander, 4000, 3.0, 3.0))
    for make, small, power, factor in cases:
        costs = [factor_cost(uniform(make(n))._matrix).seconds for n in (small, 2 * small)]
        assert 2**power / factor <= costs[1] / costs[0] <= 2**power * factor
    assert factor_cost(uniform(grid(70))._matrix).seconds < factor_cost(uniform(expander(4900))._matrix).seconds / 20


def test_hubs_bushes_and_islands_cost_little() -> None:
    """States that all lead to one, a tree, and many separate pairs: none of them fills its factors."""
    states = 3000
    s = np.arange(states)
    hub = np.zeros_like(s)
    parent = np.maximum(s - 1, 0) // 2
    pair = s ^ 1
    for reached in (hub, parent, pair):
        table = sp.csr_matrix((np.ones(states), (s, reached)), shape=(states, states))
        assert factor_cost(uniform(table)._matrix).entries <= 30 * states


def test_the_largest_island_counts() -> None:
    """A grid beside two states apart, which come first."""
    alone = uniform(grid(50))._matrix
    beside = sp.block_diag([sp.csr_matrix([[1.0, -0.9], [-0.9, 1.0]]), alone], format="csr")
    assert factor_cost(beside).entries >= factor_cost(alone).entries


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("complex_", ["policy", "right side", "both"])
def test_the_iteration_keeps_the_digits_of_a_complex_step(complex_: str, transposed: bool) -> None:
    """The imaginary part, of size 1e-200, is the tangent that the same method finds at size one.

    Of ``A x = b`` that is ``A dx = db + discount dP x``, and the transposed matrices for the occupancy.
    """
    states = 2 * sparse_systems.AT_ONCE
    table = expander(states)
    rng = np.random.default_rng(13)
    policy, slope = rng.dirichlet(np.ones(2), states), rng.standard_normal((states, 2))
    right, change = rng.standard_normal((2, states))
    moving, given = policy + 1e-200j * slope, right + 1e-200j * change
    if complex_ == "policy":
        change, given = 0 * change, right
    if complex_ == "right side":
        slope, moving = 0 * slope, policy
    system, plain = SparseSystem(table, moving, 0.5), SparseSystem(table, policy, 0.5)
    got = (system.occupancy if transposed else system.values)(given)
    assert system.methods == [ITERATION] * 2
    if transposed:
        moved = change + 0.5 * (table.T @ (slope * got.real[:, None]).ravel())
    else:
        moved = change + 0.5 * (slope * (table @ got.real).reshape(states, 2)).sum(-1)
    wanted = (plain.occupancy if transposed else plain.values)(moved)
    limit = 2 * allowed(states, 2, 0.5, wanted, moved, transposed)
    assert size(got.imag / 1e-200 - wanted, transposed) <= limit


def cycles(length: int, number: int) -> Any:
    """Separate cycles of one length through states in random order; all go round."""
    states = length * number
    place, s = np.random.default_rng(1).permutation(states), np.arange(states)
    columns = np.empty(states, int)
    columns[place] = place[s // length * length + (s % length + 1) % length]
    return sp.csr_matrix((np.ones(states), (s, columns)), shape=(states, states))


@pytest.mark.parametrize(("length", "discount", "steps"), [(1, 0.5, 1), (3, 0.0, 1), (3, 0.5, 3), (5, 0.5, 5)])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("scale", [1.0, 1e-200])
def test_the_iteration_ends_with_the_last_eigenvalue(
    length: int, discount: float, steps: int, transposed: bool, scale: float, monkeypatch: Any
) -> None:
    """As many steps of two products as the matrix has eigenvalues, ``1 - discount w`` with ``w**length = 1``.

    So it is for any right side: with entries that are zero, and at a size at which products of its entries underflow.
    """
    monkeypatch.setattr(SparseSystem, "_at_once", False)
    states = 400 * length
    right = scale * np.random.default_rng(2).standard_normal(states)
    right[::7] = 0.0
    system = SparseSystem(cycles(length, 400), np.ones((states, 1)), discount)
    x = (system.occupancy if transposed else system.values)(right)
    assert (system.methods, system._spent) == ([ITERATION], 2 * steps)
    # x(s) = sum_k discount^k right(s + k along the cycle) / (1 - discount^length), against it for the occupancy
    step = cycles(length, 400).T if transposed else cycles(length, 400)
    wanted, term = np.zeros(states), right
    for k in range(length):
        wanted, term = wanted + discount**k * term, step @ term
    wanted /= 1 - discount**length
    assert size(x - wanted, transposed) <= allowed(1, 1, discount, wanted, right, transposed)


@pytest.mark.parametrize(
    ("discount", "eighths"),
    [
        (0.75, [[2, 2, 0, 0], [2, 0, 2, 0], [2, 0, 2, 2], [0, 2, 1, 1]]),
        (0.75, [[1, 0, 0, 1], [1, 2, 2, 1], [1, 1, 2, 0], [1, 0, 2, 1]]),
    ],
)
def test_an_iteration_that_breaks_down_goes_on_from_where_it_was(
    discount: float, eighths: list[list[int]], monkeypatch: Any
) -> None:
    """A product that the method divides by is exactly zero here, before it has arrived."""
    monkeypatch.setattr(SparseSystem, "_at_once", False)
    transition, right = np.array(eighths)[:, None] / 8, np.array([0.5, 0.0, 0.0, 0.0])
    system = sparse(transition, np.ones((4, 1)), discount)
    x = system.values(right)
    assert system.methods == [ITERATION]
    wanted = exact(transition, np.ones((4, 1)), discount, right, False)
    assert size(x - wanted, False) <= allowed(4, 1, discount, wanted, right, False)


def watched(monkeypatch: Any) -> list[tuple[int, float, float]]:
    """What each look at the iteration is told: products so far, and logarithms of the residuals reached and wanted."""
    looks: list[tuple[int, float, float]] = []

    def note(self: SparseSystem, one: _One, achieved: float, wanted: float) -> bool:
        looks.append((one.products, achieved, wanted))
        return False

    monkeypatch.setattr(SparseSystem, "_overspent", note)
    return looks


@pytest.mark.parametrize("transposed", [False, True])
def test_the_iteration_is_looked_at_every_sixteen_products(transposed: bool, monkeypatch: Any) -> None:
    """With how far it is, relative to the right side: what is wanted is between 1/2 and 1/2 + 1 / (1 - discount) of the
    accepted error, since ``|b| / 2 <= |x| <= |b| / (1 - discount)``, and what is reached is more but falls."""
    looks = watched(monkeypatch)
    system = uniform(grid(40), 0.9)
    right = np.random.default_rng(3).random(1600) + 0.5
    (system.occupancy if transposed else system.values)(right)
    assert len(looks) >= 3
    assert [products for products, _, _ in looks] == [16 * (i + 1) for i in range(len(looks))]
    for _, achieved, wanted in looks:
        assert math.log(BACKWARD_ERROR / 2) <= wanted <= math.log(BACKWARD_ERROR * (1 / 2 + 10))
        assert wanted < achieved < 0
    assert looks[-1][1] < looks[0][1] - math.log(1e3)


BUDGET = 400
LOOKS = {
    # products, spent, left, achieved, wanted: of a budget of 400, at a pace of products * wanted / achieved
    "nothing to go": ((32, 32, 1, -10.0, -20.0), False),
    "the budget is spent": ((64, 400, 1, -10.0, -20.0), True),
    "one product before it is": ((64, 399, 1, -10.0, -20.0), False),
    "a quarter, and all of it ahead": ((32, 100, 1, -10.0, -135.0), True),
    "all but one ahead": ((32, 100, 1, -32.0, -431.0), False),
    "not yet a quarter": ((32, 99, 1, -10.0, -135.0), False),
    "too soon": ((30, 100, 1, -10.0, -300.0), False),
    "for two systems": ((32, 100, 2, -10.0, -67.5), True),
    "for one system of the same pace": ((32, 100, 1, -10.0, -67.5), False),
    "it grows, but the budget is not spent": ((64, 399, 1, 0.5, -40.0), False),
    "it grows, and the budget is spent": ((64, 400, 1, 0.5, -40.0), True),
    "it has not moved": ((64, 400, 1, 0.0, -40.0), True),
}


@pytest.mark.parametrize("name", LOOKS)
def test_when_the_iteration_is_given_up(name: str, monkeypatch: Any) -> None:
    """Once the budget is spent, or a quarter of it and at the pace so far the whole of it is still ahead."""
    (products, spent, left, achieved, wanted), expected = LOOKS[name]
    for factorise in (True, False):
        monkeypatch.setattr(SparseSystem, "_may_factorise", lambda self, it=factorise: it)
        own, other = ("_factor_products", "_sweeps") if factorise else ("_sweeps", "_factor_products")
        monkeypatch.setattr(SparseSystem, own, lambda self, *_: BUDGET)
        monkeypatch.setattr(SparseSystem, other, lambda self, *_: pytest.fail("it is not the method that follows"))
        system = uniform(expander(300))
        system._left, system._spent = left, spent
        one: Any = SimpleNamespace(products=products)
        assert system._overspent(one, achieved, wanted) is expected


def test_fewer_products_than_the_estimate_costs_are_always_made(monkeypatch: Any) -> None:
    """Of a budget that is spent: 127 products in all, and 128."""
    monkeypatch.setattr(SparseSystem, "_may_factorise", lambda self: True)
    monkeypatch.setattr(SparseSystem, "_factor_products", lambda self: 1)
    system = uniform(expander(300), solves=1)
    one: Any = SimpleNamespace(products=64)
    for spent, expected in ((sparse_systems.FEW - 65, False), (sparse_systems.FEW - 64, True)):
        system._spent = spent
        assert system._overspent(one, -20.0, -40.0) is expected


def test_the_budget_is_shared_by_the_systems_that_are_left() -> None:
    for solves, counts in ((3, [3, 2, 1, 1]), (1, [1, 1]), (0, [1, 1])):
        system = uniform(expander(300), 0.5, solves)
        for count in counts:
            assert system._left == count
            system.values(np.ones(300))
    assert SparseSystem(expander(300), np.full((300, 2), 0.5), 0.5)._left == 2


@pytest.mark.parametrize("transposed", [False, True])
def test_an_iteration_that_is_given_up_is_not_begun_again(transposed: bool, monkeypatch: Any) -> None:
    looks = []

    def spent(self: SparseSystem, one: _One, achieved: float, wanted: float) -> bool:
        looks.append(one.products)
        return True

    monkeypatch.setattr(SparseSystem, "_overspent", spent)
    system = uniform(grid(30), 0.97)
    (system.occupancy if transposed else system.values)(np.random.default_rng(4).random(900))
    assert (looks, system.methods) == ([16], [FACTORISATION])


@pytest.mark.parametrize(("rough", "rounds"), [(0.45, sparse_systems.ROUNDS), (0.6, 3), (1.0, 1)])
def test_an_iteration_is_begun_again_while_it_halves_the_error(rough: float, rounds: int, monkeypatch: Any) -> None:
    """Of A = 1/2 each round leaves a share f of the residual: after k of them the error is ``f^k / (1 + 4 (1 - f^k))``.

    For f = 0.45 it falls to less than a half each time, at last to 0.45, and for f = 0.6 to 0.23, 0.44 and 0.53.
    """
    calls = []

    def part(self: SparseSystem, one: _One) -> tuple[Array, bool]:
        calls.append(one.error)
        return (1 - rough) * 2 * one.residual, False

    monkeypatch.setattr(SparseSystem, "_bicgstab", part)
    monkeypatch.setattr(SparseSystem, "_at_once", False)
    system = SparseSystem(sp.identity(300, format="csr"), np.ones((300, 1)), 0.5)
    np.testing.assert_allclose(system.values(np.ones(300)), 2.0, rtol=1e-14)
    assert len(calls) == rounds
    assert system.methods == [FACTORISATION]


def test_the_budget_is_what_the_factorisation_costs(monkeypatch: Any) -> None:
    """Twice the seconds are twice the products, of which none takes less than a microsecond or more than a second, and
    each takes longer where there are more states, or more entries."""
    system = uniform(expander(300))
    costs = []
    for seconds in (1.0, 2.0):
        monkeypatch.setattr(SparseSystem, "_estimate", lambda self, it=seconds: SimpleNamespace(seconds=it))
        costs.append(system._factor_products())
    assert costs[1] == 2 * costs[0]
    assert 1 < costs[0] < 1e6
    s = np.arange(3000)
    more_states, more_entries = neighbours((s + 1) % 3000), neighbours(*((s[:1500] + k) % 1500 for k in (1, 7, 20)))
    more_of_both = neighbours(*((s + k) % 3000 for k in (1, 7, 20)))
    few, many, both = (uniform(table) for table in (more_entries, more_states, more_of_both))
    assert few._matrix.nnz == many._matrix.nnz == 6000
    assert few._factor_products() > many._factor_products() > both._factor_products()


def test_factors_are_made_up_to_the_bound(monkeypatch: Any) -> None:
    """Of just as many entries as are allowed; and where they are there, or are made at once, without an estimate."""
    system = uniform(expander(300))
    entries = system._estimate().entries
    for bound, allowed in ((entries, True), (entries * (1 - EPS), False)):
        monkeypatch.setattr(sparse_systems, "ENTRIES", bound)
        assert system._may_factorise() is allowed
    monkeypatch.setattr(SparseSystem, "_estimate", lambda self: pytest.fail("there is no need"))
    system._factor = lambda right, kind: right
    assert system._may_factorise()
    assert uniform(expander(200))._may_factorise()


def neighbours(*columns: Array) -> Any:
    """As many actions as there are columns; each leads from a state to the one that its column names."""
    states = len(columns[0])
    reached = np.stack(columns, axis=-1).ravel()
    return sp.csr_matrix((np.ones(reached.size), (np.arange(reached.size), reached)), shape=(reached.size, states))


def test_which_graphs_are_factorised_at_once() -> None:
    """Few states, entries near the diagonal, and paths and cycles however they are numbered."""
    states = 300
    s = np.arange(states)
    shuffled = np.random.default_rng(5).permutation(states)
    back = np.argsort(shuffled)

    def moved(steps: int) -> Array:
        """So many states on in the random order."""
        return np.asarray(shuffled[(back + steps) % states])

    def near(distance: int) -> Any:
        return neighbours(*(np.clip(s + step, 0, states - 1) for step in (-distance, -1, 1, distance)))

    cycle, one_way = (moved(-1), moved(1)), (moved(1), moved(1))
    pairs = shuffled[back ^ 1]
    hub = np.where(s == shuffled[0], shuffled[1], shuffled[0])
    assert uniform(near(sparse_systems.NARROW))._at_once
    assert not uniform(near(sparse_systems.NARROW + 1))._at_once
    assert uniform(neighbours(*cycle))._at_once
    assert uniform(neighbours(pairs, pairs))._at_once
    assert not uniform(neighbours(*one_way))._at_once
    assert not uniform(neighbours(moved(1), moved(2)))._at_once
    assert not uniform(neighbours(*cycle, moved(states // 2)))._at_once
    assert not uniform(neighbours(hub, hub))._at_once


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("row", "units"), [(1, 8.0), (64, 8.0), (100, 10.0)])
def test_the_accepted_error(row: int, units: float, transposed: bool) -> None:
    """8 units up to rows of 64 entries, then the root of their number; the shorter rows do not count."""
    matrix = sp.lil_matrix((200, 200))
    matrix[:, 0] = 1.0
    matrix[7, :row] = 1.0
    right = np.linspace(0.5, 1.0, 200)
    one = _One(matrix.tocsr(), right, transposed)
    assert one.accepted == units * EPS
    one.solution, step = np.full(200, 3.0), np.full(200, 0.5)
    # A residual of that norm leaves half of the accepted error.
    residual = np.zeros(200)
    residual[3] = one.aim(step)
    error = systems.backward_error(residual, one.solution + step, right, transposed=transposed)
    assert abs(float(error) - one.accepted / 2) <= 4 * EPS * one.accepted


def test_only_corrections_that_correct_are_added() -> None:
    one = _One(sp.identity(3, format="csr"), np.array([1.0, 2.0, 4.0]), False)
    assert (one.error, one.solved) == (1.0, False)
    one.improve(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(one.solution, [1, 2, 3])
    np.testing.assert_array_equal(one.residual, [0, 0, 1])
    assert one.error == 1 / (2 * 3 + 4)
    one.improve(np.array([0.0, 0.0, -1.0]))
    np.testing.assert_array_equal(one.solution, [1, 2, 3])
    np.testing.assert_array_equal(one.residual, [0, 0, 1])
    one.improve(np.array([0.0, 0.0, 1.0]))
    assert (one.error, one.solved) == (0.0, True)


def test_an_error_that_is_just_accepted() -> None:
    """|b - x| / (2 |x| + |b|) = 2^-49, 8 units, with x = 1."""
    one = _One(sp.identity(1, format="csr"), np.ones(1), False)
    one.solution = np.ones(1)
    for error, solved in ((8 * EPS, True), (9 * EPS, False)):
        one.residual = np.full(1, 3 * error)
        assert (one.error, one.solved) == (error, solved)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("rough", "steps"), [(0.0, 1), (1e-3, 6), (0.45, sparse_systems.ROUNDS), (0.99, 1)])
def test_rough_factors_are_refined(rough: float, steps: int, transposed: bool, monkeypatch: Any) -> None:
    """Each step leaves a thousandth of the error, so that five or six do; accurate factors need one. Where a step
    leaves more than half, or all of them leave too much, another method goes on."""
    calls = []
    matrix = uniform(expander(200), 0.5)._matrix.toarray()
    inverse = np.linalg.inv(matrix)

    def factor(right: Array, kind: str) -> Array:
        calls.append(kind)
        return np.asarray((1 - rough) * (inverse.T if kind == "N" else inverse) @ right)

    system = uniform(expander(200), 0.5)
    system._factor = factor
    right = np.random.default_rng(6).standard_normal(200)
    x = (system.occupancy if transposed else system.values)(right)
    assert system.methods == [CONTRACTION if rough > 0.1 else FACTORISATION]
    assert calls == ["N" if transposed else "T"] * len(calls)
    assert steps - 1 <= len(calls) <= steps
    rows = matrix.T if transposed else matrix
    assert size(right - rows @ x, transposed) <= 2 * BACKWARD_ERROR * (
        2 * size(x, transposed) + size(right, transposed)
    )


def test_how_many_sweeps_a_contraction_needs() -> None:
    """With an accepted error of 2^-49, halved, from 3/2 * 2^-9: 42 factors 1/2, and two sweeps more."""
    system = uniform(expander(300), 0.5)
    for error, sweeps in ((1.5 * 2.0**-9, 44), (2.0**-60, 3)):
        one: Any = SimpleNamespace(accepted=2.0**-49, error=error)
        assert system._sweeps(one) == sweeps
    assert uniform(expander(300), 0.0)._sweeps(one) == 2


@pytest.mark.parametrize("discount", [0.5, 0.9])
def test_the_sweeps_of_a_contraction_end_with_the_first_eight_that_solve(discount: float, monkeypatch: Any) -> None:
    monkeypatch.setattr(SparseSystem, "_may_factorise", lambda self: False)
    monkeypatch.setattr(SparseSystem, "_iterate", lambda self, one: None)
    solved_after, sweep = [], _One.sweep

    def noted(self: _One) -> None:
        sweep(self)
        solved_after.append(self.solved)

    monkeypatch.setattr(_One, "sweep", noted)
    system = uniform(expander(300), discount)
    system.values(np.random.default_rng(7).standard_normal(300))
    assert system.methods == [CONTRACTION]
    assert len(solved_after) % 8 == 0
    assert solved_after[7::8] == [False] * (len(solved_after) // 8 - 1) + [True]
    # Where none of them does, twice as many as are needed.
    solved_after.clear()
    monkeypatch.setattr(_One, "sweep", lambda self: solved_after.append(False))
    monkeypatch.setattr(SparseSystem, "_sweeps", lambda self, one: 13)
    with pytest.raises(ArithmeticError, match="is solved to a relative residual of"):
        system.values(np.ones(300))
    assert len(solved_after) == 26


@pytest.mark.parametrize("batch", [(2,), (2, 3)])
def test_a_batch_of_policies_is_solved_one_by_one(batch: tuple[int, ...]) -> None:
    problem = et.MDP(grid(20), np.ones((400, 4)), 0.95, np.full(400, 1 / 400))
    z = np.random.default_rng(10).standard_normal((*batch, 400, 4))
    together = et.evaluate(problem, z)
    assert together.values.residual.shape == batch
    for i in np.ndindex(batch):
        alone = et.evaluate(problem, z[i])
        for name in ("objective", "mean_entropy", "policy_gradient", "mean_entropy_gradient"):
            np.testing.assert_array_equal(getattr(together, name)[i], getattr(alone, name))
        for name in ("v", "q", "advantage", "visits", "visitation", "residual"):
            np.testing.assert_array_equal(getattr(together.values, name)[i], getattr(alone.values, name))


# --- everything at once -----------------------------------------------------------------------------------------------

PROBLEMS: dict[str, Any] = {
    "bandit": lambda: (et.Bandit([[1.0, 0.5, -1.0]]), (1, 3)),
    "mdp": lambda: (et.MDP(tables(5, 3)[0], np.arange(15.0).reshape(5, 3), 0.9, np.full(5, 0.2)), (5, 3)),
    "sparse": lambda: (
        et.MDP(sp.csr_matrix(tables(5, 3)[0].reshape(15, 5)), np.arange(15.0).reshape(5, 3), 0.9, np.full(5, 0.2)),
        (5, 3),
    ),
    "batch": lambda: (
        et.MDP(tables(5, 3, (4,))[0], np.arange(60.0).reshape(4, 5, 3), 0.9, np.full(5, 0.2)),
        (4, 5, 3),
    ),
    "broadcast": lambda: (
        et.MDP(tables(5, 3)[0], np.arange(60.0).reshape(4, 5, 3), np.array([0, 0.3, 0.6, 0.9]), np.full(5, 0.2)),
        (2, 1, 5, 3),
    ),
    "tree": lambda: (et.TokenTree.random(3, 3, prompts=2), (26, 3)),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_everything_at_once_is_what_each_function_gives(name: str) -> None:
    """To rounding: a few hundred units of the largest entry, of which the horizon is ten."""
    problem, shape = PROBLEMS[name]()
    z = np.random.default_rng(11).standard_normal(shape)
    result = et.evaluate(problem, z)
    values = problem.values(z)
    pairs = {
        "objective": (result.objective, problem.objective(z)),
        "mean_entropy": (result.mean_entropy, et.mean_entropy(problem, z)),
        "policy_gradient": (result.policy_gradient, et.policy_gradient(problem, z)),
        "mean_entropy_gradient": (result.mean_entropy_gradient, et.mean_entropy_gradient(problem, z)),
        **{n: (getattr(result.values, n), getattr(values, n)) for n in ("v", "q", "advantage", "visits", "visitation")},
    }
    for what, (got, wanted) in pairs.items():
        assert got.shape == wanted.shape, what
        assert np.abs(got - wanted).max() <= 256 * EPS * np.abs(wanted).max(), what


def test_pieces_are_put_together_for_every_kind_of_batch(monkeypatch: Any) -> None:
    """Arguments with and without the batch axis, and one that is of length one."""
    transition = tables(3, 2, (20,))[0]
    rng = np.random.default_rng(12)
    z, reward = rng.standard_normal((20, 3, 2)), rng.standard_normal((20, 3, 2))
    discount, initial = np.linspace(0, 0.9, 20), np.full(3, 1 / 3)
    cases = [
        (et.MDP(transition, reward, discount, initial), z),
        (et.MDP(transition, reward[0], 0.5, initial), z[0]),
        (et.MDP(transition[0], reward[:1], 0.5, initial), z),
        (et.MDP(transition[0], reward[0], discount, initial), z[:1]),
        (et.MDP(transition[:1], reward[:1], 0.5, initial), z),
    ]
    whole = [et.evaluate(*case) for case in cases]
    monkeypatch.setattr(mdp, "PIECE", 7 * 3 * 2 * 3)
    monkeypatch.setattr(mdp, "SMALL", 0)
    for (problem, logits), wanted in zip(cases, whole, strict=True):
        assert len(problem.pieces(problem.check_logits(logits))) == 3
        got = et.evaluate(problem, logits)
        for name in ("objective", "policy_gradient", "mean_entropy_gradient"):
            np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name))
        np.testing.assert_array_equal(got.values.residual, wanted.values.residual)
        np.testing.assert_array_equal(et.policy_gradient(problem, logits), wanted.policy_gradient)


def test_what_pieces_may_return() -> None:
    """Arrays, functions of which each is asked when its array is wanted, and a lone result untouched."""
    parts = [(2.0, 0, slice(0, 2)), (1.0, 0, slice(2, 3))]
    got = pieces.by_pieces(lambda value, z: np.full(2 if value == 2 else 1, value), parts)
    np.testing.assert_array_equal(got, [2, 2, 1])
    asked = []

    def later(value: float, z: int) -> Any:
        return lambda: asked.append(value) or np.full(1, value)  # type: ignore[func-returns-value]

    function = pieces.by_pieces(later, parts)
    assert asked == []
    np.testing.assert_array_equal(function(), [2, 1])
    alone = np.zeros(1)
    assert pieces.by_pieces(lambda value, z: value, [(alone, 0, slice(None))]) is alone


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 4), st.sampled_from([0.0, 0.5, 0.99, 0.999999]))
def test_occupancies_add_up(seed: int, states: int, actions: int, discount: float) -> None:
    """Without termination the visits sum to the horizon, with termination of 1/2 to ``1 / (1 - discount / 2)``."""
    transition, policy = tables(states, actions, seed=seed)
    z, initial = np.log(policy), np.full(states, 1 / states)
    for share in (1.0, 0.5):
        termination = np.full((states, actions), 1 - share)
        for table in (share * transition, sp.csr_matrix(share * transition.reshape(-1, states))):
            problem = et.MDP(table, np.zeros((states, actions)), discount, initial, termination)
            visits = problem.values(z).visits
            wanted = 1 / (1 - share * discount)
            assert abs(visits.sum() - wanted) <= allowed(states, actions, share * discount, visits, initial, True)


def test_a_value_beyond_the_doubles_is_refused_whatever_the_table() -> None:
    """Under a discount of 0.99 a reward of 1e308 in each step is worth 1e310."""
    reward = np.array([[1.0], [1e308], [0.0]])
    for transition in (np.eye(3)[:, None], sp.csr_matrix(np.eye(3))):
        with pytest.raises(ArithmeticError, match="smaller rewards"):
            et.MDP(transition, reward, 0.99, [0.5, 0.5, 0]).values(np.zeros((3, 1)))


@pytest.mark.parametrize("transposed", [False, True])
def test_the_error_of_what_is_undefined_is_undefined(transposed: bool) -> None:
    one, nothing = np.ones(2), np.zeros(2)
    for broken in (np.array([np.nan, 0.0]), np.array([0.0, np.inf])):
        error = systems.backward_error(broken, broken, one, transposed=transposed)
        assert not error <= 1
    assert systems.backward_error(nothing, nothing, nothing, transposed=transposed) == 0
