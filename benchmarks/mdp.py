"""Values, visitation and both gradients of policies in dense MDPs: one large process, thousands of small ones, and
policy evaluation alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness import Benchmark, Contender, main

Array = np.ndarray[Any, Any]
Size = tuple[Any, ...]
Work = Callable[[], Mapping[str, Any]]

ACTIONS, DISCOUNT = 4, 0.95

SLICE = 500
"""Processes that JAX differentiates at once."""


@dataclass(frozen=True)
class Data:
    """A random process, or a batch of them, and the logits of a policy in each."""

    transition: Array
    reward: Array
    initial: Array
    z: Array


def data(size: Size) -> Data:
    """Of size (S,) one process, of size (B, S) a batch."""
    rng = np.random.default_rng(0)
    shape = (*size, ACTIONS)
    transition = rng.random((*shape, size[-1]))
    transition /= transition.sum(-1, keepdims=True)
    return Data(transition, rng.standard_normal(shape), np.full(size, 1 / size[-1]), rng.standard_normal(shape))


def ours(size: Size) -> Work:
    import entropy_theory as et

    d = data(size)
    mdp = et.MDP(d.transition, d.reward, DISCOUNT, d.initial)

    def work() -> Mapping[str, Any]:
        result = et.evaluate(mdp, d.z)
        return answers(result.values.v, result.values.visitation, result.policy_gradient, result.mean_entropy_gradient)

    return work


def answers(v: Any, visitation: Any, policy_gradient: Any, mean_entropy_gradient: Any) -> Mapping[str, Any]:
    return {
        "v": v,
        "visitation": visitation,
        "policy_gradient": policy_gradient,
        "mean_entropy_gradient": mean_entropy_gradient,
    }


def numpy_solves(size: Size) -> Work:
    """The formulas as one writes them down, with one solve for both rewards and one for the visits."""
    d = data(size)
    states = size[-1]

    def work() -> Mapping[str, Any]:
        log_p = d.z - d.z.max(-1, keepdims=True)
        log_p = log_p - np.log(np.exp(log_p).sum(-1, keepdims=True))
        p = np.exp(log_p)
        entropy = -(p * log_p).sum(-1)
        matrix = np.eye(states) - DISCOUNT * (p[..., None, :] @ d.transition)[..., 0, :]
        values = np.linalg.solve(matrix, np.stack([(p * d.reward).sum(-1), entropy], -1))
        visits = np.linalg.solve(np.swapaxes(matrix, -1, -2), d.initial[..., None])[..., 0]
        ahead = DISCOUNT * (d.transition.reshape(*size[:-1], -1, states) @ values)
        ahead = ahead.reshape(*d.z.shape, 2)
        advantage = d.reward + ahead[..., 0] - values[..., None, 0]
        soft = ahead[..., 1] - log_p - values[..., None, 1]
        visitation = (1 - DISCOUNT) * visits
        return answers(values[..., 0], visitation, visits[..., None] * p * advantage, visitation[..., None] * p * soft)

    return work


def jax_grad(size: Size) -> Work:
    if len(size) > 1 and hasattr(os, "sched_setaffinity"):
        # On two cores JAX comes to a standstill amid batches of factorisations.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    d = data(size)

    def everything(transition: Any, reward: Any, initial: Any, z: Any) -> Any:
        def matrix_of(p: Any) -> Any:
            return jnp.eye(size[-1]) - DISCOUNT * jnp.einsum("sa,sat->st", p, transition)

        def objective(z: Any) -> Any:
            p = jax.nn.softmax(z)
            v = jnp.linalg.solve(matrix_of(p), (p * reward).sum(-1))
            return initial @ v, v

        def mean_entropy(z: Any) -> Any:
            p = jax.nn.softmax(z)
            visitation = (1 - DISCOUNT) * jnp.linalg.solve(matrix_of(p).T, initial)
            return -visitation @ (p * jax.nn.log_softmax(z)).sum(-1), visitation

        gradient, v = jax.grad(objective, has_aux=True)(z)
        slope, visitation = jax.grad(mean_entropy, has_aux=True)(z)
        return v, visitation, gradient, slope

    arrays = [jnp.asarray(x) for x in (d.transition, d.reward, d.initial, d.z)]
    if len(size) == 1:
        compiled = jax.jit(everything)
        return lambda: answers(*jax.block_until_ready(compiled(*arrays)))
    batched = jax.jit(jax.vmap(everything))
    slices = [[x[i : i + SLICE] for x in arrays] for i in range(0, size[0], SLICE)]

    def work() -> Mapping[str, Any]:
        parts = [jax.block_until_ready(batched(*part)) for part in slices]
        return answers(*jax.block_until_ready([jnp.concatenate(x) for x in zip(*parts, strict=True)]))

    return work


def torch_grad(size: Size) -> Work:
    import torch

    d = data(size)
    transition, reward, initial = (torch.from_numpy(x) for x in (d.transition, d.reward, d.initial))
    one = torch.eye(size[-1], dtype=torch.float64)

    def work() -> Mapping[str, Any]:
        z = torch.from_numpy(d.z).requires_grad_()
        p, log_p = torch.softmax(z, -1), torch.log_softmax(z, -1)
        matrix = one - DISCOUNT * torch.einsum("...sa,...sat->...st", p, transition)
        v = torch.linalg.solve(matrix, (p * reward).sum(-1))
        visitation = (1 - DISCOUNT) * torch.linalg.solve(matrix.mT, initial)
        (gradient,) = torch.autograd.grad((initial * v).sum(), z, retain_graph=True)
        (slope,) = torch.autograd.grad(-(visitation * (p * log_p).sum(-1)).sum(), z)
        return answers(*(x.detach().numpy() for x in (v, visitation, gradient, slope)))

    return work


def lapack_floor(size: Size) -> Work:
    """One factorisation and three solves of a matrix that is there already."""
    from scipy.linalg import lu_factor, lu_solve

    d = data(size)
    matrix = np.eye(size[-1]) - DISCOUNT * d.transition.mean(-2)
    right = d.reward[:, 0]

    def work() -> Mapping[str, Any]:
        factors = lu_factor(matrix, check_finite=False)
        first, second = (lu_solve(factors, right, check_finite=False) for _ in range(2))
        return {"solutions": np.stack([first, second, lu_solve(factors, right, 1, check_finite=False)])}

    return work


def one_solve(size: Size) -> Work:
    """One factorisation and one solve of a matrix that is there already."""
    from scipy.linalg import lu_factor, lu_solve

    d = data(size)
    matrix = np.eye(size[-1]) - DISCOUNT * d.transition.mean(-2)
    right = d.reward[:, 0]
    return lambda: {"solution": lu_solve(lu_factor(matrix, check_finite=False), right, check_finite=False)}


def memory_floor(size: Size) -> Work:
    """The transition tensor is read once."""
    flat = data(size).transition.ravel()
    return lambda: {"square": np.asarray(flat @ flat)}


def our_values(size: Size) -> Work:
    import entropy_theory as et

    d, choice = data(size), choices(size)
    mdp = et.MDP(d.transition, d.reward, DISCOUNT, d.initial)
    # exp(-1e4) is zero: the policy is deterministic.
    z = np.where(np.arange(ACTIONS) == choice[:, None], 0.0, -1e4)
    return lambda: {"v": mdp.values(z).v}


def choices(size: Size) -> Array:
    return np.asarray(np.random.default_rng(1).integers(0, ACTIONS, size[-1]))


def quantecon(size: Size) -> Work:
    from quantecon.markov import DiscreteDP

    d, choice = data(size), choices(size)
    program = DiscreteDP(d.reward, d.transition, DISCOUNT)
    return lambda: {"v": program.evaluate_policy(choice)}


def numpy_values(size: Size) -> Work:
    """The rows of the chosen actions, and one solve."""
    d, choice = data(size), choices(size)
    states = np.arange(size[-1])

    def work() -> Mapping[str, Any]:
        matrix = np.eye(len(states)) - DISCOUNT * d.transition[states, choice]
        return {"v": np.linalg.solve(matrix, d.reward[states, choice])}

    return work


OURS = "this package"

DENSE = Benchmark(
    name="mdp_dense",
    title="One dense MDP",
    about=f"Values, visitation, policy gradient and mean entropy gradient of a softmax policy in a random process with "
    f"{ACTIONS} actions and discount {DISCOUNT}. The floor is one LU factorisation by LAPACK and three solves of a "
    "matrix that is there already.",
    sizes=((500,), (1000,), (2000,)),
    small=(20,),
    axes="states",
    contenders={
        OURS: Contender(ours),
        "NumPy, two solves": Contender(numpy_solves),
        "JAX jit(grad) through the solve": Contender(jax_grad, needs=("jax",)),
        "torch autograd": Contender(torch_grad, needs=("torch",)),
        "LAPACK LU": Contender(lapack_floor, compare=False),
    },
    reference=OURS,
    floor="LAPACK LU",
    tolerance=1e-10,
    work=lambda size: (2 / 3 * size[0] ** 3, "flops of the LU"),
)

BATCH = Benchmark(
    name="mdp_batch",
    title="Batches of small MDPs",
    about=f"The same answers for each process of a batch, each with a policy of its own; {ACTIONS} actions. JAX takes "
    f"slices of {SLICE}, on one core: on two it comes to a standstill amid batches of factorisations, and was measured "
    "to be no faster before it does. The floor reads the transition tensor once.",
    sizes=((10_000, 10), (30_000, 4), (1_000, 24), (300, 50)),
    small=(30, 5),
    axes="MDPs x states",
    contenders={
        "`fast`": Contender(ours, needs=("numba",)),
        "without `fast`": Contender(ours, environment={"ENTROPY_THEORY_FAST": "0"}),
        "NumPy, batched solves": Contender(numpy_solves),
        "JAX jit(vmap(grad)) through the solve": Contender(jax_grad, needs=("jax",)),
        "torch autograd": Contender(torch_grad, needs=("torch",)),
        "memory floor": Contender(memory_floor, compare=False),
    },
    reference="`fast`",
    floor="memory floor",
    tolerance=1e-10,
    work=lambda size: (size[0], "MDPs"),
)

EVALUATION = Benchmark(
    name="mdp_evaluation",
    title="Evaluation of a deterministic policy",
    about=f"v alone of a deterministic policy, {ACTIONS} actions. QuantEcon and NumPy take the rows of the chosen "
    "actions and give v alone. This package takes any stochastic policy, so it reads the whole transition tensor, and "
    "gives the action values, the advantages and the visitation as well. The floor is one LU factorisation by LAPACK "
    "and one solve.",
    sizes=((500,), (1000,), (2000,)),
    small=(20,),
    axes="states",
    contenders={
        OURS: Contender(our_values),
        "QuantEcon": Contender(quantecon, needs=("quantecon",)),
        "NumPy, one solve": Contender(numpy_values),
        "LAPACK LU": Contender(one_solve, compare=False),
    },
    reference=OURS,
    floor="LAPACK LU",
    tolerance=1e-10,
    work=lambda size: (2 / 3 * size[0] ** 3, "flops of the LU"),
)

BENCHMARKS = (DENSE, BATCH, EVALUATION)

if __name__ == "__main__":
    main(BENCHMARKS)
