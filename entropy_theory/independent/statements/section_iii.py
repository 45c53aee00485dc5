"""Section III: entropy, the policy gradient and the advantage, as they are defined there."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from entropy_theory.independent import processes
from entropy_theory.independent.domains import are_policies, is_number, is_policy, is_process, shape
from entropy_theory.independent.numbers import exp, log, total
from entropy_theory.independent.policies import centred, entropy, logs, mean
from entropy_theory.independent.statement import Statement

Vector = list[Any]
Matrix = list[Vector]


def policy_and_shift(p: Any, shift: Any) -> bool:
    """A policy of two to six actions and a number within 10 of zero."""
    return is_policy(p) and is_number(shift, -10, 10)


def equation_3(p: Any, shift: Any) -> tuple[Any, Any]:
    """Eq. (3) for the logits ``log p + shift``: ``H = log sum_a exp(z_a) - sum_a p_a z_a``."""
    z = [x + shift for x in logs(p)]
    return entropy(p), log(total(exp(x) for x in z)) - mean(p, z)


def directed_process(mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, v: Any) -> bool:
    """A process of up to three states, a policy for it and a direction."""
    problem = (mdp_transition, mdp_reward, mdp_discount, mdp_initial)
    return is_process(*problem) and are_policies(p, mdp_reward) and shape(v) == shape(p)


def equation_5(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, v: Any
) -> tuple[Any, Any]:
    """Eq. (5) along v: the slope of J, and ``sum_s w(s) sum_a p_a (v_a - E v) A(s, a)``.

    The expected discounted number of visits w gathers the sum over time; ``(log p_a)' = v_a - E v``.
    """
    moved = processes.moved(p, v)
    slope = processes.objective(mdp_transition, mdp_discount, mdp_reward, mdp_initial, moved).slope
    visits = processes.visits(mdp_transition, mdp_discount, mdp_initial, p)
    gains = processes.advantages(mdp_transition, mdp_discount, mdp_reward, p)
    states = zip(visits, p, v, gains, strict=True)
    return slope, total(
        w * total(a * x * g for a, x, g in zip(row, centred(row, change), own, strict=True))
        for w, row, change, own in states
    )


def process(mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any) -> bool:
    """A process of up to three states and a policy for it."""
    return is_process(mdp_transition, mdp_reward, mdp_discount, mdp_initial) and are_policies(p, mdp_reward)


def equation_6(mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, p: Any) -> tuple[Any, Any]:
    """Below Eq. (6): the advantage has mean 0 at every state."""
    gains = processes.advantages(mdp_transition, mdp_discount, mdp_reward, p)
    return [mean(row, own) for row, own in zip(p, gains, strict=True)], Fraction(0)


STATEMENTS = (
    Statement(claim="equation-3", kind="identity", domain=policy_and_shift, sides=equation_3),
    Statement(claim="equation-5", kind="identity", domain=directed_process, sides=equation_5),
    Statement(claim="equation-6", kind="identity", domain=process, sides=equation_6),
)
