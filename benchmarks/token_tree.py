"""The exact policy gradient of a complete token tree, next to JAX, PyTorch and plain NumPy by levels."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.harness import Benchmark, Contender, Work, main

Array = np.ndarray[Any, Any]
Size = tuple[int, int, int]

ABOUT = """
The gradient of the expected reward with respect to all logits of a complete tree, in float64: V tokens, responses of T
tokens, M prompts. All contenders go level by level, with no work for a single node in Python: the package up with
values and down with visits, in parts that stay in the cache; JAX and PyTorch differentiate the objective. A node is an
entry (s, a). The floor reads the logits once and writes the gradient once, into an array that exists; all others hand
out fresh memory at each call.
"""


def nodes(size: Size) -> int:
    """Number of entries (s, a)."""
    vocabulary, horizon, prompts = size
    return int(prompts * sum(vocabulary ** (t + 1) for t in range(horizon)))


def data(size: Size) -> tuple[Array, Array, list[slice]]:
    """Logits (S, V), rewards (M, V^T) and the states of each level."""
    vocabulary, horizon, prompts = size
    rng = np.random.default_rng(0)
    ends = np.cumsum([0] + [prompts * vocabulary**t for t in range(horizon)])
    z = rng.standard_normal((int(ends[-1]), vocabulary))
    reward = (rng.random((prompts, vocabulary**horizon)) < 0.1).astype(float)
    return z, reward, [slice(int(a), int(b)) for a, b in pairwise(ends)]


def ours(size: Size) -> Work:
    """The package."""
    import entropy_theory as et

    z, reward, _ = data(size)
    tree = et.TokenTree(size[0], size[1], reward)
    return lambda: {"gradient": et.policy_gradient(tree, z)}


def plain_numpy(size: Size) -> Work:
    """What one would write down with NumPy."""
    z, reward, levels = data(size)
    vocabulary, prompts = size[0], size[2]

    def work() -> dict[str, Array]:
        gradient = np.empty_like(z)
        policies, deviations = [], []
        value = reward.reshape(-1)
        for level in reversed(levels):
            p = np.exp(z[level] - z[level].max(-1, keepdims=True))
            p /= p.sum(-1, keepdims=True)
            q = value.reshape(-1, vocabulary)
            value = (p * q).sum(-1)
            policies.append(p)
            deviations.append(q - value[:, None])
        visits = np.full(prompts, 1 / prompts)
        for level in levels:
            step = visits[:, None] * policies.pop()
            gradient[level] = step * deviations.pop()
            visits = step.reshape(-1)
        return {"gradient": gradient}

    return work


def jax_grad(size: Size) -> Work:
    """JAX, the objective by levels, differentiated and compiled."""
    import jax

    jax.config.update("jax_enable_x64", True)
    z, reward, levels = data(size)

    def objective(logits: Any, value: Any) -> Any:
        for level in reversed(levels):
            p = jax.nn.softmax(logits[level], axis=-1)
            value = (p * value.reshape(-1, size[0])).sum(-1)
        return value.mean()

    gradient = jax.jit(jax.grad(objective))
    logits, leaves = jax.device_put(z), jax.device_put(reward.reshape(-1))
    return lambda: {"gradient": gradient(logits, leaves).block_until_ready()}


def torch_autograd(size: Size) -> Work:
    """PyTorch, the objective by levels, autograd."""
    import torch

    z, reward, levels = data(size)
    held, leaves = torch.from_numpy(z), torch.from_numpy(reward.reshape(-1))

    def work() -> dict[str, Any]:
        logits = held.detach().requires_grad_()
        value = leaves
        for level in reversed(levels):
            p = torch.softmax(logits[level], -1)
            value = (p * value.reshape(-1, size[0])).sum(-1)
        (gradient,) = torch.autograd.grad(value.mean(), logits)
        return {"gradient": gradient}

    return work


def memory(size: Size) -> Work:
    """The same traffic and nothing else."""
    from benchmarks.floors import traffic

    z, _, _ = data(size)
    out = np.zeros(z.size)

    def work() -> dict[str, Array]:
        traffic((z.reshape(-1),), (out,))
        return {}

    return work


BENCHMARKS = (
    Benchmark(
        name="token_tree",
        title="Token trees",
        about=ABOUT,
        sizes=((8, 7, 1), (32, 4, 1), (2, 20, 1), (8, 5, 64)),
        small=(4, 3, 2),
        axes="vocabulary x horizon x prompts",
        contenders={
            "`fast`": Contender(ours, needs=("numba",)),
            "without `fast`": Contender(ours, environment={"ENTROPY_THEORY_FAST": "0"}),
            "JAX `jit(grad)` by levels": Contender(jax_grad, needs=("jax",)),
            "PyTorch autograd by levels": Contender(torch_autograd, needs=("torch",)),
            "plain NumPy by levels": Contender(plain_numpy),
            "memory floor": Contender(memory, needs=("numba",), compare=False),
        },
        reference="`fast`",
        floor="memory floor",
        tolerance=1e-11,
        work=lambda size: (float(nodes(size)), "nodes"),
    ),
)

if __name__ == "__main__":
    main(BENCHMARKS)
