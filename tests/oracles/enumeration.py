"""Moments of a sampled update by listing every outcome, in rational numbers and plain loops.

An outcome is a probability and the update (a list, one number an entry) that is made. A policy is a list of rational
probabilities. One token of action a gives ``A_a (e_a - p)``; a batch the mean over its tokens.

The selection rules of the controls are restated from their definitions: Clip-Cov takes out tokens drawn at random
from those with ``low < C < high`` that PPO has not clipped, KL-Cov adds its penalty at the tokens of largest C. Only
logarithms, which rank tokens and give the gradient of the entropy, are floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Any

Vector = list[Any]
Outcome = tuple[Any, Vector]
Policy = Sequence[Fraction]


def score(p: Policy, a: int) -> Vector:
    """Gradient of log p_a with respect to the logits, ``e_a - p``."""
    return [(a == b) - p[b] for b in range(len(p))]


def combine(parts: Sequence[tuple[Any, Vector]], length: int) -> Vector:
    """Sum of multiples of vectors."""
    return [sum(c * v[b] for c, v in parts) for b in range(length)]


def moments(outcomes: Sequence[Outcome]) -> tuple[Vector, list[Vector]]:
    """Mean, and covariance as the mean of products of deviations."""
    total = sum(w for w, _ in outcomes)
    assert abs(total - 1) < 1e-12, total
    n = range(len(outcomes[0][1]))
    mean = [sum(w * x[b] for w, x in outcomes) for b in n]
    return mean, [[sum(w * (x[b] - mean[b]) * (x[c] - mean[c]) for w, x in outcomes) for c in n] for b in n]


def masked_tokens(p: Policy, advantage: Sequence[Any], keep: Sequence[Any], tokens: int) -> list[Outcome]:
    """Mean of N tokens, each kept with the probability that belongs to its action, else counted as zero."""
    n = len(p)
    out = []
    for sequence in product(product(range(n), (0, 1)), repeat=tokens):
        weight: Any = Fraction(1)
        for a, kept in sequence:
            weight *= p[a] * (keep[a] if kept else 1 - keep[a])
        parts = [(Fraction(kept, tokens) * advantage[a], score(p, a)) for a, kept in sequence]
        out.append((weight, combine(parts, n)))
    return out


def masked_entries(outcomes: Sequence[Outcome], keep: Sequence[Any]) -> list[Outcome]:
    """Each entry of each outcome kept with its own probability, independently, else zero."""
    out = []
    for weight, x in outcomes:
        for pattern in product((0, 1), repeat=len(keep)):
            chance = weight
            for k, kept in zip(keep, pattern, strict=True):
                chance *= k if kept else 1 - k
            out.append((chance, [kept * y for kept, y in zip(pattern, x, strict=True)]))
    return out


def masked_updates(outcomes: Sequence[Outcome], rho: Any) -> list[Outcome]:
    """Each outcome dropped with probability rho."""
    return [item for weight, x in outcomes for item in ((weight * (1 - rho), x), (weight * rho, [0 * y for y in x]))]


# Controls -----------------------------------------------------------------------------------------------------

Update = Callable[[tuple[int, ...]], Iterator[Outcome]]


def batches(q: Policy, tokens: int, update: Update) -> list[Outcome]:
    """Outcomes over all batches of N tokens sampled from q; `update` gives those of one batch."""
    out = []
    for sequence in product(range(len(q)), repeat=tokens):
        weight = math.prod((q[a] for a in sequence), start=Fraction(1))
        out += [(weight * chance, x) for chance, x in update(sequence)]
    return out


def clipped(p: Policy, q: Policy, advantage: Sequence[Any], a: int, clip: tuple[Fraction, Fraction] | None) -> bool:
    """Whether the PPO surrogate is flat: the ratio has left the clip range in the direction of the advantage."""
    if clip is None:
        return False
    ratio = p[a] / q[a]
    return bool((advantage[a] > 0 and ratio > 1 + clip[1]) or (advantage[a] < 0 and ratio < 1 - clip[0]))


def surrogate(p: Policy, q: Policy, advantage: Sequence[Any], clip: tuple[Fraction, Fraction] | None = None) -> Update:
    """Ascent on the mean of ``A ratio``, with flat tokens left out; without clip the policy gradient."""

    def update(sequence: tuple[int, ...]) -> Iterator[Outcome]:
        parts = [
            (advantage[a] * p[a] / q[a] / len(sequence), score(p, a))
            for a in sequence
            if not clipped(p, q, advantage, a, clip)
        ]
        yield Fraction(1), combine(parts, len(p))

    return update


def entropy_bonus(p: Policy, q: Policy, advantage: Sequence[Any], alpha: Any) -> Update:
    """The policy gradient plus alpha times ``grad H = -p (log p + H)``."""
    entropy = -sum(float(x) * math.log(x) for x in p)
    slope = [-float(x) * (math.log(x) + entropy) for x in p]
    base = surrogate(p, q, advantage)

    def update(sequence: tuple[int, ...]) -> Iterator[Outcome]:
        for chance, x in base(sequence):
            yield chance, [y + alpha * g for y, g in zip(x, slope, strict=True)]

    return update


def natural_gradient(p: Policy, q: Policy, advantage: Sequence[Any]) -> Update:
    """The solution u of ``(diag(p) - p p') u = row`` with mean zero under p."""
    base = surrogate(p, q, advantage)

    def update(sequence: tuple[int, ...]) -> Iterator[Outcome]:
        for chance, row in base(sequence):
            u = [y / x for y, x in zip(row, p, strict=True)]
            mean = sum(x * y for x, y in zip(p, u, strict=True))
            yield chance, [y - mean for y in u]

    return update


def covariances(p: Policy, advantage: Sequence[Any], sequence: tuple[int, ...], logit_change: bool) -> list[float]:
    """``C_t = (log p - mean)(y - mean)`` with plain means over the batch, y the advantage or p times it."""
    n = len(sequence)
    x = [math.log(p[a]) for a in sequence]
    y = [float(advantage[a] * (p[a] if logit_change else 1)) for a in sequence]
    return [(u - sum(x) / n) * (v - sum(y) / n) for u, v in zip(x, y, strict=True)]


def known_covariances(p: Policy, advantage: Sequence[Any]) -> list[float]:
    """Eq. (17) with the policy's own means and the logit change ``p A``, of each action."""
    x = [math.log(a) for a in p]
    y = [float(a * b) for a, b in zip(p, advantage, strict=True)]
    mean_x = sum(float(a) * b for a, b in zip(p, x, strict=True))
    mean_y = sum(float(a) * b for a, b in zip(p, y, strict=True))
    return [(u - mean_x) * (v - mean_y) for u, v in zip(x, y, strict=True)]


def clip_cov(
    p: Policy,
    q: Policy,
    advantage: Sequence[Any],
    *,
    count: int,
    low: float,
    high: float,
    of_mean: bool = False,
    closed: bool = False,
    logit_change: bool = False,
    logit_mask: bool = False,
    clip: tuple[Fraction, Fraction] | None = None,
    known: Sequence[float] | None = None,
) -> Update:
    """Up to `count` eligible tokens, every subset equally likely, are detached: from the loss, or their entries."""

    def update(sequence: tuple[int, ...]) -> Iterator[Outcome]:
        tokens, n = len(sequence), len(p)
        c = [known[a] for a in sequence] if known else covariances(p, advantage, sequence, logit_change)
        unit = sum(c) / tokens if of_mean else 1.0
        alive = [t for t, a in enumerate(sequence) if not clipped(p, q, advantage, a, clip)]
        ends = low * unit, high * unit
        eligible = [t for t in alive if ends[0] < c[t] < ends[1] or (closed and c[t] in ends)]
        subsets = list(combinations(eligible, min(count, len(eligible))))
        for chosen in subsets:
            kept = [t for t in alive if logit_mask or t not in chosen]
            parts = [
                (advantage[sequence[t]] * p[sequence[t]] / q[sequence[t]] / tokens, score(p, sequence[t])) for t in kept
            ]
            x = combine(parts, n)
            if logit_mask:
                gone = {sequence[t] for t in chosen}
                x = [0 * y if b in gone else y for b, y in enumerate(x)]
            yield Fraction(1, len(subsets)), x

    return update


def kl_cov(
    p: Policy,
    q: Policy,
    advantage: Sequence[Any],
    *,
    beta: Any,
    count: int,
    absolute: bool = False,
    logit_change: bool = False,
    penalty: str = "abs-log-ratio",
    known: Sequence[float] | None = None,
) -> Update:
    """The `count` tokens of largest C get a penalty.

    "abs-log-ratio": ``beta |log p_a - log q_a|`` in the loss. "kl": ``beta KL(q || p)``, whose gradient is ``p - q``.
    "kl-entries": ``p_a - q_a`` at each distinct selected entry.
    """
    base = surrogate(p, q, advantage)

    def update(sequence: tuple[int, ...]) -> Iterator[Outcome]:
        tokens, n = len(sequence), len(p)
        c = [known[a] for a in sequence] if known else covariances(p, advantage, sequence, logit_change)
        order = sorted(range(tokens), key=lambda t: (-abs(c[t]) if absolute else -c[t], t))
        chosen = [sequence[t] for t in order[:count]]
        gap = [x - y for x, y in zip(p, q, strict=True)]
        for chance, x in base(sequence):
            parts: list[tuple[Any, Vector]] = [(1, x)]
            if penalty == "abs-log-ratio":
                parts += [(-beta * ((p[a] > q[a]) - (p[a] < q[a])) / tokens, score(p, a)) for a in chosen]
            elif penalty == "kl":
                parts += [(-beta * Fraction(len(chosen), tokens), gap)]
            else:
                parts += [(-beta, [g if b in set(chosen) else 0 * g for b, g in enumerate(gap)])]
            yield chance, combine(parts, n)

    return update
