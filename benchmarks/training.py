"""Losses of sampled tokens and whole sampled updates, next to PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness import Benchmark, Contender, Work, main

Array = np.ndarray[Any, Any]
Size = tuple[Any, ...]

ABOUT_LOSSES = """
Token statistics at a published vocabulary: for each token of a slice, with the logits of the policy and of the old
policy given (float64), its log-probability, the entropy, and the gradients with respect to the logits of three
losses: PPO clipping, Clip-Cov (arXiv:2505.22617) and KL-Cov. The batch of 256 x 8 responses, one token of each, is 32
such slices of 64 tokens. PyTorch evaluates the log-softmax once and takes each gradient by autograd, or from the
closed form. The floor reads both tables and writes three.
"""

ABOUT_TOKENS = """
The token-level part for 256 x 8 responses of 1,024 tokens, log-probabilities and advantages given: the tokens that
KL-Cov selects (the top 0.2 % by covariance), and the derivatives of the KL-Cov loss and, with the same tokens
detached, of the Clip-Cov loss with respect to each log-probability. PyTorch takes `topk` and autograd. The floor
reads the three arrays and writes three.
"""

ABOUT_UPDATES = """
Sampled training on a token tree: 256 prompts with 8 responses each are sampled, and eight PPO updates (GRPO
advantages, the old policy held) are made on the rows of the logits that a batch visits. The responses that the
updates learn from are the same for both, so that the logits after them can be compared; those that are sampled within
the time are not used. PyTorch works on the visited rows as well, samples by `multinomial` and differentiates by
autograd. The floor reads and writes the visited rows once an update.
"""


def slices(size: Size) -> tuple[Array, ...]:
    """Logits, old logits, actions, advantages, and the tokens that Clip-Cov detaches."""
    number, vocabulary = size
    rng = np.random.default_rng(0)
    old = 3 * rng.standard_normal((number, vocabulary))
    z = old + 0.3 * rng.standard_normal((number, vocabulary))
    action = rng.integers(vocabulary, size=(number,))
    return z, old, action, rng.standard_normal((number,)), rng.random((number,)) < 0.1


def our_losses(size: Size) -> Work:
    """The package."""
    import entropy_theory as et
    from entropy_theory.controls.tokens import Batch

    z, old, action, advantage, detached = slices(size)
    state = np.arange(len(z))
    ppo, clip_cov, kl_cov = et.ClipHigher(0.2, 0.2), et.ClipCov.preset("cui2025"), et.KLCov.preset("cui2025")

    def work() -> dict[str, Array]:
        batch = Batch.of(z, state, action, advantage, old)
        return {
            "log_prob": batch.tokens.log_prob,
            "entropy": batch.state_entropy,
            "ppo": ppo.on_batch(batch)[0],
            "clip_cov": clip_cov.on_batch(batch, selected=detached)[0],
            "kl_cov": kl_cov.on_batch(batch)[0],
        }

    return work


def _torch_losses(torch: Any, x: Any, old: Any, a: Any, detached: Any) -> dict[str, Any]:
    """The mean losses as functions of the tokens' log-probabilities."""
    ratio = (x - old).exp()
    ppo = torch.maximum(-a * ratio, -a * ratio.clamp(0.8, 1.2))
    held, plain = x.detach(), -a * ratio
    covariance = (held - held.mean()) * (a - a.mean())
    mask = torch.zeros_like(a, dtype=torch.bool)
    mask[covariance.topk(max(int(2e-3 * len(a)), 1)).indices] = True
    return {
        "ppo": ppo.mean(),
        "clip_cov": torch.where(mask if detached is None else detached, torch.zeros_like(ppo), ppo).mean(),
        "kl_cov": torch.where(mask, plain + (x - old).abs(), plain).mean(),
        "selected": mask,
    }


def torch_autograd(size: Size) -> Work:
    """PyTorch, autograd."""
    import torch

    z, old, action, a, detached = (torch.from_numpy(x) for x in slices(size))

    def work() -> dict[str, Any]:
        logits = z.detach().requires_grad_()
        x = torch.log_softmax(logits, -1)
        with torch.no_grad():
            entropy = -(x.exp() * x).sum(-1)
            before = torch.log_softmax(old, -1).gather(-1, action[:, None])[:, 0]
        taken = x.gather(-1, action[:, None])[:, 0]
        losses = _torch_losses(torch, taken, before, a, detached)
        names = ("ppo", "clip_cov", "kl_cov")
        gradients = {n: torch.autograd.grad(losses[n], logits, retain_graph=n != names[-1])[0] for n in names}
        return {"log_prob": taken.detach(), "entropy": entropy, **gradients}

    return work


def torch_closed(size: Size) -> Work:
    """PyTorch, the gradient of a log-softmax in closed form."""
    import torch

    z, old, action, a, detached = (torch.from_numpy(x) for x in slices(size))

    def work() -> dict[str, Any]:
        with torch.no_grad():
            x = torch.log_softmax(z, -1)
            p = x.exp()
            entropy = -(p * x).sum(-1)
            before = torch.log_softmax(old, -1).gather(-1, action[:, None])[:, 0]
            taken = x.gather(-1, action[:, None])[:, 0]
        leaf = taken.detach().requires_grad_()
        losses = _torch_losses(torch, leaf, before, a, detached)
        out = {"log_prob": taken, "entropy": entropy}
        for name in ("ppo", "clip_cov", "kl_cov"):
            (each,) = torch.autograd.grad(losses[name], leaf, retain_graph=True)
            gradient = p * -each[:, None]
            out[name] = gradient.scatter_add_(-1, action[:, None], each[:, None])
        return out

    return work


def slice_traffic(size: Size) -> Work:
    """The same traffic and nothing else."""
    from benchmarks.floors import traffic

    z, old, *_ = slices(size)
    out = [np.zeros(z.size) for _ in range(3)]

    def work() -> dict[str, Array]:
        traffic((z.reshape(-1), old.reshape(-1)), tuple(out))
        return {}

    return work


def tokens(size: Size) -> tuple[Array, Array, Array]:
    """Log-probabilities, old ones and advantages of N tokens."""
    rng = np.random.default_rng(0)
    number = int(np.prod(size))
    old = -rng.exponential(0.7, number)
    return old + 0.1 * rng.standard_normal(number), old, rng.standard_normal(number)


def our_tokens(size: Size) -> Work:
    """The package."""
    import entropy_theory as et

    x, old, a = tokens(size)
    clip_cov, kl_cov = et.ClipCov.preset("cui2025"), et.KLCov.preset("cui2025")

    def work() -> dict[str, Array]:
        selected = kl_cov.select(x, a, old_log_prob=old)
        return {
            "selected": selected.astype(float),
            "kl_cov": kl_cov.token_gradient(x, a, old_log_prob=old, selected=selected),
            "clip_cov": clip_cov.token_gradient(x, a, old_log_prob=old, selected=selected),
        }

    return work


def torch_tokens(size: Size) -> Work:
    """PyTorch, autograd."""
    import torch

    x, old, a = (torch.from_numpy(x) for x in tokens(size))

    def work() -> dict[str, Any]:
        leaf = x.detach().requires_grad_()
        losses = _torch_losses(torch, leaf, old, a, None)
        out = {n: torch.autograd.grad(losses[n], leaf, retain_graph=True)[0] for n in ("kl_cov", "clip_cov")}
        return {"selected": losses["selected"].double(), **out}

    return work


def token_traffic(size: Size) -> Work:
    """The same traffic and nothing else."""
    from benchmarks.floors import traffic

    given = tokens(size)
    out = tuple(np.zeros_like(x) for x in given)

    def work() -> dict[str, Array]:
        traffic(given, out)
        return {}

    return work


ETA, UPDATES = 100.0, 8


def _tree(size: Size) -> tuple[Any, Array, Any]:
    """A tree, the logits of a policy, and responses of it."""
    import entropy_theory as et
    from entropy_theory.rollouts import sample

    prompts, responses, vocabulary, horizon = size
    reward = (np.random.default_rng(0).random((prompts, vocabulary**horizon)) < 0.3).astype(float)
    tree = et.TokenTree(vocabulary, horizon, reward)
    z = np.random.default_rng(1).standard_normal((tree.states, vocabulary))
    return tree, z, sample(tree, z, np.arange(prompts), responses, 2)


def our_updates(size: Size) -> Work:
    """The package."""
    import entropy_theory as et
    from entropy_theory.rollouts import sample
    from entropy_theory.training.sampling import Table, step_on

    tree, z, rollouts = _tree(size)
    control, estimator = et.ClipHigher(0.2, 0.2), et.Sampling().estimator
    groups = np.arange(rollouts.groups)

    def work() -> dict[str, Array]:
        sample(tree, z, rollouts.prompt, rollouts.responses, 3)
        advantage = estimator.advantages(rollouts)
        table = Table.of(rollouts, z, None)
        for step in range(UPDATES):
            places, batch = table.batch(groups, rollouts, advantage)
            step_on(table, places, batch, control, ETA, None, step)
        return {"rows": table.z}

    return work


def torch_updates(size: Size) -> Work:
    """PyTorch, autograd."""
    import torch

    tree, logits, rollouts = _tree(size)
    z, reward = torch.from_numpy(logits), torch.from_numpy(rollouts.reward)
    state, action = (torch.from_numpy(x.reshape(-1)) for x in (rollouts.state, rollouts.action))
    starts = [tree.level(t).start for t in range(tree.horizon)]

    def written() -> None:
        place = torch.from_numpy(rollouts.prompt).repeat_interleave(rollouts.responses)
        for start in starts:
            drawn = torch.multinomial(torch.softmax(z[start + place], -1), 1)[:, 0]
            place = place * tree.vocabulary + drawn

    def work() -> dict[str, Any]:
        with torch.no_grad():
            written()
            deviation = reward - reward.mean(-1, keepdim=True)
            spread = reward.std(-1, keepdim=True)
            each = torch.where(spread > 0, deviation / spread.clamp_min(1e-300), torch.zeros_like(deviation))
            a = each.reshape(-1).repeat_interleave(tree.horizon)
            rows, index = torch.unique(state, return_inverse=True)
            table = z[rows]
            old = torch.log_softmax(table, -1)[index, action]
        for _ in range(UPDATES):
            leaf = table.detach().requires_grad_()
            ratio = (torch.log_softmax(leaf, -1)[index, action] - old).exp()
            loss = torch.maximum(-a * ratio, -a * ratio.clamp(0.8, 1.2)).mean()
            (gradient,) = torch.autograd.grad(loss, leaf)
            table = table - ETA * gradient
        return {"rows": table}

    return work


def row_traffic(size: Size) -> Work:
    """The rows that the batch visits are read and written once an update."""
    from benchmarks.floors import traffic

    _, z, rollouts = _tree(size)
    rows = z[np.unique(rollouts.state)].reshape(-1)
    target = np.zeros_like(rows)

    def work() -> dict[str, Array]:
        for _ in range(UPDATES):
            traffic((rows,), (target,))
        return {}

    return work


OFF = {"ENTROPY_THEORY_FAST": "0"}

BENCHMARKS = (
    Benchmark(
        name="training_losses",
        title="Losses at a vocabulary of 151,936",
        about=ABOUT_LOSSES,
        sizes=((64, 151_936),),
        small=(8, 100),
        axes="tokens x vocabulary",
        contenders={
            "`fast`": Contender(our_losses, needs=("numba",)),
            "without `fast`": Contender(our_losses, environment=OFF),
            "PyTorch autograd": Contender(torch_autograd, needs=("torch",)),
            "PyTorch, closed form": Contender(torch_closed, needs=("torch",)),
            "memory floor": Contender(slice_traffic, needs=("numba",), compare=False),
        },
        reference="`fast`",
        floor="memory floor",
        tolerance=1e-10,
        work=lambda size: (float(size[0]), "tokens"),
    ),
    Benchmark(
        name="training_tokens",
        title="Selection and derivatives of two million tokens",
        about=ABOUT_TOKENS,
        sizes=((256, 8, 1024),),
        small=(4, 8, 16),
        axes="prompts x responses x tokens",
        contenders={
            "this package": Contender(our_tokens),
            "PyTorch autograd": Contender(torch_tokens, needs=("torch",)),
            "memory floor": Contender(token_traffic, needs=("numba",), compare=False),
        },
        reference="this package",
        floor="memory floor",
        tolerance=1e-10,
        work=lambda size: (float(np.prod(size)), "tokens"),
    ),
    Benchmark(
        name="training_updates",
        title="Sampled updates on a token tree",
        about=ABOUT_UPDATES,
        sizes=((256, 8, 8, 3), (256, 8, 64, 2), (256, 8, 512, 2)),
        small=(4, 8, 3, 2),
        axes="prompts x responses x vocabulary x horizon",
        contenders={
            "`fast`": Contender(our_updates, needs=("numba",)),
            "without `fast`": Contender(our_updates, environment=OFF),
            "PyTorch autograd": Contender(torch_updates, needs=("torch",)),
            "memory floor": Contender(row_traffic, needs=("numba",), compare=False),
        },
        reference="`fast`",
        floor="memory floor",
        tolerance=1e-9,
        work=lambda size: (float(size[0] * size[1] * size[3] * UPDATES), "tokens learned from"),
    ),
)

if __name__ == "__main__":
    main(BENCHMARKS)
