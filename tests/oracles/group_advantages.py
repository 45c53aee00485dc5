"""Advantages of sampled responses, by loops over groups, responses and tokens.

A reward is a list of groups, a group a list of numbers of any field. The formulas are those of the papers: REINFORCE
with a constant baseline, REINFORCE++ (standardised over the batch), GRPO and Dr. GRPO, leave-one-out (RLOO), and PRIME
(arXiv:2502.01456, Eq. 5), whose process reward is learnt by descent on a cross-entropy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from tests.oracles import dual
from tests.oracles.decision import add, softmax

Number = Any
Rows = list[list[Number]]
EPS = 2.0**-52


def mean(x: Sequence[Number]) -> Number:
    """Sum over number."""
    return add(x) / len(x)


def without(x: Sequence[Number], i: int) -> list[Number]:
    """All but the i-th."""
    return [v for j, v in enumerate(x) if j != i]


def reinforce(reward: Sequence[Sequence[Number]], baseline: Number = 0) -> list[list[Number]]:
    """R - baseline."""
    return [[r - baseline for r in group] for group in reward]


def leave_one_out(reward: Sequence[Sequence[Number]]) -> list[list[Number]]:
    """R_i minus the mean of the others."""
    return [[r - mean(without(group, i)) for i, r in enumerate(group)] for group in reward]


def centred(reward: Sequence[Sequence[Number]]) -> list[list[Number]]:
    """R_i minus the mean of the group: Dr. GRPO."""
    return [[r - mean(group) for r in group] for group in reward]


def squared_deviations(group: Sequence[Number]) -> Number:
    """sum_j (R_j - mean)^2."""
    m = mean(group)
    return add([(r - m) * (r - m) for r in group])


def grpo(reward: Sequence[Sequence[Number]], ddof: int = 1) -> list[list[Number]]:
    """Centred and divided by the standard deviation; zero in a group of equal rewards. mpmath numbers."""
    out = []
    for group in reward:
        if all(r == group[0] for r in group):
            out.append([group[0] * 0] * len(group))
            continue
        deviation = mpmath.sqrt(squared_deviations(group) / (len(group) - ddof))
        out.append([(r - mean(group)) / deviation for r in group])
    return out


def grpo_error(group: Sequence[float], ddof: int = 1) -> float:
    """How far GRPO in floating point may be off; infinite where the rewards are equal up to rounding, or so close that
    the squares underflow here.

    A mean of K numbers is known to (K + 2) EPS times the largest, |r|, and so is a deviation d, to that number e. The
    sum S of squares has the error ``2 sum |d| e + K e^2 + (K + 2) EPS S``, half of which, relative to S, is the
    relative error of the root, the division and the root itself adding 4 EPS.
    """
    k = len(group)
    exact = [Fraction(r) for r in group]
    d = [float(abs(r - mean(exact))) for r in exact]
    e = (k + 2) * EPS * max(abs(r) for r in group)
    total = sum(x * x for x in d)
    if total < 1e-290:
        return float("inf") if any(exact[0] != r for r in exact) else 0.0
    relative = (2 * sum(d) * e + k * e * e + (k + 2) * EPS * total) / (2 * total) + 4 * EPS
    if relative > 0.1:
        return float("inf")
    deviation = (total / (k - ddof)) ** 0.5
    return float((e + 2 * max(d) * relative) / deviation)


def standardised(reward: Sequence[Sequence[Number]], ddof: int) -> list[list[Number]]:
    """Minus the mean of the batch, over the standard deviation of the batch. mpmath numbers."""
    flat = [r for group in reward for r in group]
    m = mean(flat)
    deviation = mpmath.sqrt(squared_deviations(flat) / (len(flat) - ddof))
    return [[(r - m) / deviation if deviation else r * 0 for r in group] for group in reward]


# PRIME -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """Responses to one prompt: states[i][t], actions[i][t], reward[i]."""

    states: Sequence[Sequence[int]]
    actions: Sequence[Sequence[int]]
    reward: Sequence[Number]


def token_rewards(group: Group, phi: Rows, reference: Rows, beta: Number) -> list[list[Number]]:
    """rho_t = beta (log phi(a_t|s_t) - log phi_ref(a_t|s_t)); phi and reference are tables of probabilities."""
    return [
        [beta * (dual.log(phi[s][a]) - dual.log(reference[s][a])) for s, a in zip(states, actions, strict=True)]
        for states, actions in zip(group.states, group.actions, strict=True)
    ]


def prime(rho: Sequence[Sequence[Number]], reward: Sequence[Number]) -> list[list[Number]]:
    """Eq. 5 with discount one: what is still to come, each token's reward less the mean of the other responses."""
    means = [mean(row) for row in rho]
    out = []
    for i, row in enumerate(rho):
        outcome = reward[i] - mean(without(reward, i))
        others = mean(without(means, i))
        out.append([add([x - others for x in row[t:]]) + outcome for t in range(len(row))])
    return out


def cross_entropy(groups: Sequence[Group], phi: Rows, reference: Rows, beta: Number) -> Number:
    """Mean over the responses of ``-R log sigma(x) - (1 - R) log(1 - sigma(x))``, x the sum of the token rewards."""
    terms = []
    for group in groups:
        for row, r in zip(token_rewards(group, phi, reference, beta), group.reward, strict=True):
            sigma = 1 / (dual.exp(-add(row)) + 1)
            terms.append(-(dual.log(sigma) * r) - dual.log(1 - sigma) * (1 - r))
    return mean(terms)


def learnt(
    groups: Sequence[Group], logits: Any, reference: Any, beta: float, rate: float, digits: int = 40
) -> list[list[Number]]:
    """Logits after one step of descent on the cross-entropy, its gradient by dual numbers."""
    with mpmath.workdps(digits):
        rows = [[mpmath.mpf(float(x)) for x in row] for row in np.asarray(logits, dtype=float)]
        start = softmax([[mpmath.mpf(float(x)) for x in row] for row in np.asarray(reference, dtype=float)])
        n = len(rows[0])
        flat = dual.variables([x for row in rows for x in row])
        phi = softmax([list(flat[i * n : (i + 1) * n]) for i in range(len(rows))])
        loss = cross_entropy(groups, phi, start, mpmath.mpf(beta))
        return [
            [x - mpmath.mpf(rate) * loss.gradient[i * n + a] for a, x in enumerate(row)] for i, row in enumerate(rows)
        ]
