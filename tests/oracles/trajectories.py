"""Sums over every trajectory of a small process, in rational numbers.

No linear system is solved and no recursion on values is used: the return, the discounted state counts and
the score function of each trajectory are added up with the trajectory's probability.  The gradients are
those of the likelihood ratio, d/dz E[f] = E[f * sum_t (e_{a_t} - pi(.|s_t))] + E[df/dz], in rational numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath

from tests.oracles.decision import Process, field, state_entropy

Step = tuple[int, int]


@dataclass(frozen=True)
class Trajectory:
    """Probability, steps (s_t, a_t), and whether the episode ended (otherwise it was cut at the horizon)."""

    probability: Fraction
    steps: tuple[Step, ...]
    ended: bool


def trajectories(process: Process, policy: list[list[Fraction]], horizon: int) -> Iterator[Trajectory]:
    """Every trajectory of at most ``horizon`` steps, with its probability."""
    stack: list[tuple[Fraction, tuple[Step, ...], int]] = [
        (process.initial[s], (), s) for s in range(process.states) if process.initial[s]
    ]
    while stack:
        probability, steps, s = stack.pop()
        for a in range(process.actions):
            here = probability * policy[s][a]
            longer = (*steps, (s, a))
            end = here * process.termination[s][a]
            if end:
                yield Trajectory(end, longer, True)
            for t in range(process.states):
                reached = here * process.transition[s][a][t]
                if not reached:
                    continue
                if len(longer) == horizon:
                    yield Trajectory(reached, longer, False)
                else:
                    stack.append((reached, longer, t))


@dataclass(frozen=True)
class Sums:
    """Expected return, visitation, their gradients, the mean entropy and its gradient, and the mass cut off."""

    objective: Fraction
    visitation: list[Fraction]
    objective_gradient: list[list[Fraction]]
    mean_entropy: Any
    mean_entropy_gradient: list[list[Any]]
    cut: Fraction


def enumerate_all(process: Process, policy: list[list[Fraction]], horizon: int) -> Sums:
    """Add up all trajectories; exact if ``cut`` is zero."""
    states, actions, g = range(process.states), range(process.actions), process.discount
    entropy = [state_entropy([field(p) for p in row]) for row in policy]
    objective, cut = Fraction(0), Fraction(0)
    visitation = [Fraction(0) for _ in states]
    slope = [[Fraction(0) for _ in actions] for _ in states]
    count_slope = [[[Fraction(0) for _ in actions] for _ in states] for _ in states]
    for path in trajectories(process, policy, horizon):
        cut += 0 if path.ended else path.probability
        total = Fraction(0)
        counts = [Fraction(0) for _ in states]
        score = [[Fraction(0) for _ in actions] for _ in states]
        for t, (s, a) in enumerate(path.steps):
            total += g**t * process.reward[s][a]
            counts[s] += (1 - g) * g**t
            for b in actions:
                score[s][b] += (a == b) - policy[s][b]
        objective += path.probability * total
        for s in states:
            visitation[s] += path.probability * counts[s]
            for b in actions:
                slope[s][b] += path.probability * total * score[s][b]
                for u in states:
                    if counts[u]:
                        count_slope[u][s][b] += path.probability * counts[u] * score[s][b]
    mean = sum((field(visitation[s]) * entropy[s] for s in states), mpmath.mpf(0))
    mean_slope = []
    for s in states:
        row = []
        for b in actions:
            p = field(policy[s][b])
            own = -p * (mpmath.log(p) + entropy[s]) * field(visitation[s])
            row.append(own + sum((field(count_slope[u][s][b]) * entropy[u] for u in states), mpmath.mpf(0)))
        mean_slope.append(row)
    return Sums(objective, visitation, slope, mean, mean_slope, cut)
