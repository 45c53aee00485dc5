"""The linear systems of policies: against exact rational arithmetic, each other, and what is documented of the choice
of a method.

Tolerances: a solution x with normwise backward error e has ``|x - y| <= h e (2 |x| + |b|)`` with ``h = 1 / (1 -
discount)``, the norm of the inverse, in the maximum norm for values and in the sum norm for occupancies. Elimination
and LAPACK's factorisation have ``e <= 4 S u`` on diagonally dominant matrices of these sizes (growth at most two), and
the matrix itself is known to ``(A + 3) u``.
"""

from __future__ import annotations

import pickle
from fractions import Fraction
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
from entropy_theory.problems.sparse_systems import CONTRACTION, FACTORISATION, ITERATION, SparseSystem
from entropy_theory.problems.systems import BACKWARD_ERROR, DenseSystem

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


def test_the_iteration_keeps_the_digits_of_a_complex_step() -> None:
    """The imaginary part, of size 1e-200, is the tangent that the same method finds at size one."""
    states = 2 * sparse_systems.AT_ONCE
    table = expander(states)
    rng = np.random.default_rng(13)
    policy, slope = rng.dirichlet(np.ones(2), states), rng.standard_normal((states, 2))
    right = rng.standard_normal(states)
    system = SparseSystem(table, policy + 1e-200j * slope, 0.5)
    got = system.values(right)
    assert system.methods == [ITERATION] * 2
    moved = 0.5 * (slope[..., None] * (table @ got.real).reshape(states, 2, 1)).sum((1, 2))
    wanted = SparseSystem(table, policy, 0.5).values(moved)
    assert np.abs(got.imag / 1e-200 - wanted).max() <= 2 * allowed(states, 2, 0.5, wanted, moved, False)


def test_a_batch_of_policies_is_solved_one_by_one() -> None:
    problem = et.MDP(grid(20), np.ones((400, 4)), 0.95, np.full(400, 1 / 400))
    z = np.random.default_rng(10).standard_normal((2, 3, 400, 4))
    together = et.evaluate(problem, z)
    assert together.values.residual.shape == (2, 3)
    for i in np.ndindex(2, 3):
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
