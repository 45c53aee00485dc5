"""Values, visitation and both gradients of a policy in a grid world of up to a million states."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness import Benchmark, Contender, main

Array = np.ndarray[Any, Any]
Size = tuple[Any, ...]
Work = Callable[[], Mapping[str, Any]]
Solve = Callable[[Any, Array, bool], Array]

ACTIONS = 4

RESIDUAL = 8 * 2.0**-52
"""Normwise relative backward error that each contender must reach."""

PATIENCE = 60.0
"""Seconds: contenders whose work is known to take longer are left out."""


@dataclass(frozen=True)
class World:
    """A grid world: each move slips to either side with probability 1/10, walls stop, the last corner pays 1."""

    transition: Any
    successor: Array
    chance: Array
    reward: Array
    initial: Array
    z: Array
    discount: float


def world(size: Size) -> World:
    import scipy.sparse as sp

    side, discount = size
    states = side * side
    y, x = np.divmod(np.arange(states), side)
    reached = np.stack(
        [
            np.clip(y + dy, 0, side - 1) * side + np.clip(x + dx, 0, side - 1)
            for dy, dx in ((-1, 0), (0, 1), (1, 0), (0, -1))
        ],
        axis=-1,
    )
    successor = np.stack([np.roll(reached, -turn, axis=-1) for turn in (0, 1, 3)], axis=-1)
    chance = np.broadcast_to([0.8, 0.1, 0.1], successor.shape)
    row = np.repeat(np.arange(states * ACTIONS), 3)
    transition = sp.coo_matrix((chance.ravel(), (row, successor.ravel())), shape=(states * ACTIONS, states)).tocsr()
    reward = np.zeros((states, ACTIONS))
    reward[-1] = 1.0
    z = np.random.default_rng(0).standard_normal((states, ACTIONS))
    return World(transition, successor, chance, reward, np.full(states, 1 / states), z, discount)


def ours(size: Size) -> Work:
    import entropy_theory as et

    w = world(size)
    mdp = et.MDP(w.transition, w.reward, w.discount, w.initial)

    def work() -> Mapping[str, Any]:
        result = et.evaluate(mdp, w.z)
        return {
            "v": result.values.v,
            "visitation": result.values.visitation,
            "policy_gradient": result.policy_gradient,
            "mean_entropy_gradient": result.mean_entropy_gradient,
        }

    return work


def by_hand(size: Size, solver: Callable[[Any], Solve]) -> Work:
    """The formulas as one writes them down, with three systems of one matrix left to a solver."""
    import scipy.sparse as sp

    w = world(size)
    states = len(w.initial)
    rows = np.arange(0, states * ACTIONS + 1, ACTIONS)

    def work() -> Mapping[str, Any]:
        log_p = w.z - w.z.max(-1, keepdims=True)
        log_p = log_p - np.log(np.exp(log_p).sum(-1, keepdims=True))
        p = np.exp(log_p)
        mixing = sp.csr_matrix((p.ravel(), np.arange(states * ACTIONS), rows))
        matrix = (sp.identity(states, format="csr") - w.discount * (mixing @ w.transition)).tocsr()
        solve = solver(matrix)
        v = solve(matrix, (p * w.reward).sum(-1), False)
        entropies = solve(matrix, -(p * log_p).sum(-1), False)
        visits = solve(matrix, w.initial, True)
        ahead, later = (w.discount * (w.transition @ x).reshape(states, ACTIONS) for x in (v, entropies))
        visitation = (1 - w.discount) * visits
        return {
            "v": v,
            "visitation": visitation,
            "policy_gradient": visits[:, None] * p * (w.reward + ahead - v[:, None]),
            "mean_entropy_gradient": visitation[:, None] * p * (later - log_p - entropies[:, None]),
        }

    return work


def error(residual: Array, x: Array, right: Array, transposed: bool) -> float:
    """``|b - A x| / (2 |x| + |b|)``, in the sum norm for the transposed system, else in the maximum norm."""
    sizes = [np.abs(y).sum() if transposed else np.abs(y).max() for y in (residual, x, right)]
    return float(sizes[0] / (2 * sizes[1] + sizes[2]))


def bicgstab(size: Size) -> Work:
    from scipy.sparse.linalg import bicgstab as scipy_bicgstab

    def solver(_: Any) -> Solve:
        def solve(matrix: Any, right: Array, transposed: bool) -> Array:
            matrix = matrix.T.tocsr() if transposed else matrix
            x, residual = np.zeros_like(right), right
            while error(residual, x, right, transposed) > RESIDUAL:
                step, _ = scipy_bicgstab(matrix, residual, rtol=1e-10, atol=0.0, maxiter=20_000)
                x = x + step
                residual = right - matrix @ x
            return x

        return solve

    return by_hand(size, solver)


def direct(size: Size) -> Work:
    from scipy.sparse.linalg import splu

    def solver(matrix: Any) -> Solve:
        factors = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A")
        return lambda _, right, transposed: np.asarray(factors.solve(right, "T" if transposed else "N"))

    return by_hand(size, solver)


def sweeps(size: Size) -> int:
    """Sweeps of successive approximation until the error has shrunk by the discount's powers to rounding."""
    side, discount = size
    number = math.ceil(math.log(RESIDUAL) / math.log(discount))
    seconds = 3 * number * side * side * 5e-9
    if seconds > PATIENCE:
        raise RuntimeError(f"left out: three times {number} sweeps, about {seconds:.0f} s")
    return number


def successive(size: Size) -> Work:
    number = sweeps(size)

    def solver(_: Any) -> Solve:
        def solve(matrix: Any, right: Array, transposed: bool) -> Array:
            matrix = matrix.T.tocsr() if transposed else matrix
            x, residual = np.zeros_like(right), right
            for _ in range(number // 10 + 2):
                for _ in range(10):
                    x = x + residual
                    residual = right - matrix @ x
                if error(residual, x, right, transposed) <= RESIDUAL:
                    break
            return x

        return solve

    return by_hand(size, solver)


def jax_successive(size: Size) -> Work:
    """Successive approximation under jit, on a table of the three successors of each state and action."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    sweeps(size)  # raises where they would take too long
    w = world(size)
    states = len(w.initial)
    successor, chance = jnp.asarray(w.successor), jnp.asarray(w.chance)
    reward, initial, z = jnp.asarray(w.reward), jnp.asarray(w.initial), jnp.asarray(w.z)

    def ahead(v: Any) -> Any:
        return w.discount * (chance * v[successor]).sum(-1)

    @jax.jit
    def everything(z: Any) -> Any:
        p, log_p = jax.nn.softmax(z), jax.nn.log_softmax(z)
        between = (w.discount * p[..., None] * chance).reshape(states, -1)
        to = successor.reshape(states, -1)

        def forward(v: Any) -> Any:
            return (between * v[to]).sum(-1)

        def backward(visits: Any) -> Any:
            return jax.ops.segment_sum((between * visits[:, None]).ravel(), to.ravel(), num_segments=states)

        def solve(step: Any, right: Any) -> Any:
            def norm(y: Any) -> Any:
                return jnp.abs(y).sum() if step is backward else jnp.abs(y).max()

            def go_on(state: Any) -> Any:
                x, change = state
                return norm(change) > RESIDUAL * (2 * norm(x) + norm(right))

            def sweep(state: Any) -> Any:
                following = right + step(state[0])
                return following, following - state[0]

            return jax.lax.while_loop(go_on, sweep, (right, right))[0]

        v = solve(forward, (p * reward).sum(-1))
        entropies = solve(forward, -(p * log_p).sum(-1))
        visits = solve(backward, initial)
        visitation = (1 - w.discount) * visits
        gradient = visits[:, None] * p * (reward + ahead(v) - v[:, None])
        return v, visitation, gradient, visitation[:, None] * p * (ahead(entropies) - log_p - entropies[:, None])

    def work() -> Mapping[str, Any]:
        v, visitation, gradient, slope = jax.block_until_ready(everything(z))
        return {"v": v, "visitation": visitation, "policy_gradient": gradient, "mean_entropy_gradient": slope}

    return work


def one_product(size: Size) -> Work:
    """One product of the matrix of the policy with a vector."""
    import scipy.sparse as sp

    w = world(size)
    states = len(w.initial)
    rows = np.arange(0, states * ACTIONS + 1, ACTIONS)
    mixing = sp.csr_matrix((np.full(states * ACTIONS, 0.25), np.arange(states * ACTIONS), rows))
    matrix = (mixing @ w.transition).tocsr()
    return lambda: {"product": matrix @ w.initial}


OURS = "this package"

SPARSE = Benchmark(
    name="sparse",
    title="Grid worlds",
    about="Values, visitation, policy gradient and mean entropy gradient of a softmax policy in a square grid world "
    "with four slippery moves: three linear systems of one sparse matrix. Iterative contenders go on "
    f"until a normwise relative backward error of {RESIDUAL:.1e}; SciPy's LU has minimum degree ordering and its own "
    "pivoting. Successive approximation is left out where its sweeps would "
    f"take more than {PATIENCE:.0f} s. The floor is one product of the matrix with a vector; no method needs less, and "
    "every iterative one needs hundreds.",
    sizes=tuple((side, discount) for side in (100, 316, 1000) for discount in (0.95, 0.99, 0.999)),
    small=(12, 0.9),
    axes="side x discount",
    contenders={
        OURS: Contender(ours),
        "SciPy BiCGSTAB": Contender(bicgstab),
        "SciPy sparse LU": Contender(direct),
        "successive approximation": Contender(successive),
        "JAX jit, successive approximation": Contender(jax_successive, needs=("jax",)),
        "one product": Contender(one_product, compare=False),
    },
    reference=OURS,
    floor="one product",
    tolerance=1e-9,
    work=lambda size: (size[0] ** 2, "states"),
)

BENCHMARKS = (SPARSE,)

if __name__ == "__main__":
    main(BENCHMARKS)
