"""All statistics of a batch of policies at once, next to JAX, PyTorch and plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.harness import Benchmark, Contender, Work, main

Array = np.ndarray[Any, Any]
Size = tuple[int, int]

ABOUT = """
From logits `z` and values `v`, float64: log-probabilities, entropy, its gradient, mean of `v`, the policy-gradient
update `u = p (v - E v)`, the covariance of `log p` and `u`, and the Fisher norm of `u`. The floor reads two arrays and
writes three large and four small ones, which exist already; so do those that are written with `out=`. The others hand
out fresh memory at each call, which takes the system longer to provide than the kernels to fill; JAX and PyTorch have
no way to overwrite a result. Compare a row with those that allocate alike.
"""


def data(size: Size) -> tuple[Array, Array]:
    """Logits and values."""
    rng = np.random.default_rng(0)
    return 2 * rng.standard_normal(size), rng.standard_normal(size)


def _as_answers(statistics: Any) -> dict[str, Array]:
    return dict(vars(statistics))


def reused(size: Size) -> Work:
    """The package, into arrays that exist."""
    import entropy_theory as et

    z, v = data(size)
    out = et.policy_statistics(z, v)
    return lambda: _as_answers(et.policy_statistics(z, v, out=out))


def ours(size: Size) -> Work:
    """The package."""
    import entropy_theory as et

    z, v = data(size)
    return lambda: _as_answers(et.policy_statistics(z, v))


def plain_numpy(size: Size) -> Work:
    """What one would write down with NumPy."""
    z, v = data(size)

    def work() -> dict[str, Array]:
        relative = z - z.max(-1, keepdims=True)
        log_probability = relative - np.log(np.exp(relative).sum(-1, keepdims=True))
        p = np.exp(log_probability)
        entropy = -(p * log_probability).sum(-1)
        gradient = -p * (log_probability + entropy[:, None])
        mean = (p * v).sum(-1)
        update = p * (v - mean[:, None])
        apart = update - (p * update).sum(-1, keepdims=True)
        return {
            "log_probability": log_probability,
            "entropy": entropy,
            "entropy_gradient": gradient,
            "mean": mean,
            "update": update,
            "covariance": (p * (log_probability + entropy[:, None]) * apart).sum(-1),
            "fisher_norm": np.sqrt((p * apart**2).sum(-1)),
        }

    return work


def jax_closed(size: Size) -> Work:
    """JAX, closed forms, compiled."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    @jax.jit
    def statistics(z: Any, v: Any) -> dict[str, Any]:
        x = jax.nn.log_softmax(z, axis=-1)
        p = jnp.exp(x)
        entropy = -(p * x).sum(-1)
        mean = (p * v).sum(-1)
        update = p * (v - mean[:, None])
        return {
            "log_probability": x,
            "entropy": entropy,
            "entropy_gradient": -p * (x + entropy[:, None]),
            "mean": mean,
            "update": update,
        } | _jax_moments(jnp, p, x, update)

    return _jax_work(jax, statistics, size)


def jax_grad(size: Size) -> Work:
    """JAX, gradients by automatic differentiation of one policy, mapped and compiled."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def entropy(z: Any) -> Any:
        x = jax.nn.log_softmax(z)
        return -(jnp.exp(x) * x).sum()

    def objective(z: Any, v: Any) -> Any:
        return (jax.nn.softmax(z) * v).sum()

    def one(z: Any, v: Any) -> dict[str, Any]:
        h, gradient = jax.value_and_grad(entropy)(z)
        mean, update = jax.value_and_grad(objective)(z, v)
        x = jax.nn.log_softmax(z)
        return {
            "log_probability": x,
            "entropy": h,
            "entropy_gradient": gradient,
            "mean": mean,
            "update": update,
        } | _jax_moments(jnp, jnp.exp(x), x, update)

    return _jax_work(jax, jax.jit(jax.vmap(one)), size)


def _jax_moments(jnp: Any, p: Any, x: Any, update: Any) -> dict[str, Any]:
    apart = update - (p * update).sum(-1, keepdims=True)
    centred = x - (p * x).sum(-1, keepdims=True)
    return {
        "covariance": (p * centred * apart).sum(-1),
        "fisher_norm": jnp.sqrt((p * apart**2).sum(-1)),
    }


def _jax_work(jax: Any, statistics: Callable[..., Any], size: Size) -> Work:
    z, v = (jax.device_put(x) for x in data(size))
    return lambda: dict(jax.block_until_ready(statistics(z, v)))


def torch_autograd(size: Size) -> Work:
    """PyTorch, gradients by autograd."""
    import torch

    z, v = (torch.from_numpy(x) for x in data(size))

    def work() -> dict[str, Any]:
        logits = z.detach().requires_grad_()
        x = torch.log_softmax(logits, -1)
        p = x.exp()
        entropy = -(p * x).sum(-1)
        mean = (p * v).sum(-1)
        (gradient,) = torch.autograd.grad(entropy.sum(), logits, retain_graph=True)
        (update,) = torch.autograd.grad(mean.sum(), logits)
        with torch.no_grad():
            apart = update - (p * update).sum(-1, keepdim=True)
            return {
                "log_probability": x.detach(),
                "entropy": entropy.detach(),
                "entropy_gradient": gradient,
                "mean": mean.detach(),
                "update": update,
                "covariance": (p * (x + entropy[:, None]) * apart).sum(-1),
                "fisher_norm": (p * apart**2).sum(-1).sqrt(),
            }

    return work


def memory(size: Size) -> Work:
    """The same traffic and nothing else."""
    from benchmarks.floors import traffic

    z, v = data(size)
    rows, sums = [np.zeros(z.size) for _ in range(3)], [np.zeros(len(z)) for _ in range(4)]

    def work() -> dict[str, Array]:
        traffic((z.reshape(-1), v.reshape(-1)), (*rows, *sums))
        return {}

    return work


BENCHMARKS = (
    Benchmark(
        name="policies",
        title="Batches of policies",
        about=ABOUT,
        sizes=((1_000_000, 4), (100_000, 64), (64, 151_936)),
        small=(2000, 20),
        axes="policies x actions",
        contenders={
            "`fast`, into `out`": Contender(reused, needs=("numba",)),
            "`fast`": Contender(ours, needs=("numba",)),
            "without `fast`, into `out`": Contender(reused, environment={"ENTROPY_THEORY_FAST": "0"}),
            "without `fast`": Contender(ours, environment={"ENTROPY_THEORY_FAST": "0"}),
            "JAX `jit`, closed forms": Contender(jax_closed, needs=("jax",)),
            "JAX `jit(vmap(grad))`": Contender(jax_grad, needs=("jax",)),
            "PyTorch autograd": Contender(torch_autograd, needs=("torch",)),
            "plain NumPy": Contender(plain_numpy),
            "memory floor": Contender(memory, needs=("numba",), compare=False),
        },
        reference="`fast`, into `out`",
        floor="memory floor",
        tolerance=1e-10,
        work=lambda size: (float(size[0] * size[1]), "actions"),
    ),
)

if __name__ == "__main__":
    main(BENCHMARKS)
