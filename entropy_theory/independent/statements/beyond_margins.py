"""Beyond the paper: bounds of stability margins that hold whatever the policy.

The divergence rises along a ray: a margin is at least a step iff the divergence at the step is at most the level.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from entropy_theory.independent.domains import is_bandit, is_constant, is_number, is_policy, is_vector
from entropy_theory.independent.margins import margin, ray_divergence
from entropy_theory.independent.numbers import sqrt
from entropy_theory.independent.policies import plus, spread
from entropy_theory.independent.statement import Statement, corrected
from entropy_theory.independent.tokens import policy_gradient


def two_directions(p: Any, u: Any, v: Any, epsilon: Any) -> bool:
    """Three actions, two directions within 10 of zero, neither of them nor their sum constant, level in [1/1024, 8]."""
    return (
        is_policy(p, 3, 3)
        and is_vector(u, 3, -10, 10)
        and is_vector(v, 3, -10, 10)
        and not any(is_constant(x) for x in (u, v, plus(u, v)))
        and is_number(epsilon, Fraction(1, 1024), 8)
    )


def margin_gauge(p: Any, u: Any, v: Any, epsilon: Any) -> tuple[Any, Any]:
    """``1 / gamma(u + v) <= 1 / gamma(u) + 1 / gamma(v)``."""
    step = 1 / (1 / margin(p, u, epsilon) + 1 / margin(p, v, epsilon))
    return ray_divergence(p, plus(u, v), step), epsilon


def direction_and_level(p: Any, v: Any, epsilon: Any) -> bool:
    """Two or three actions, a direction within 10 of zero that is not constant, and a level in (0, 10]."""
    return (
        is_policy(p, 2, 3)
        and is_vector(v, len(p), -10, 10)
        and not is_constant(v)
        and is_number(epsilon, above=0, high=10)
    )


def margin_lower(p: Any, v: Any, epsilon: Any) -> tuple[Any, Any]:
    """``gamma(v) >= sqrt(8 epsilon) / osc(v)``."""
    return ray_divergence(p, v, sqrt(8 * epsilon) / spread(v)), epsilon


def unequal_bandit(p: Any, r: Any) -> bool:
    """Two to twenty actions, the rewards not all equal."""
    return is_bandit(p, r, 20) and not is_constant(r)


def margin_lower_policy_gradient(p: Any, r: Any) -> tuple[Any, Any]:
    """``osc(p A) <= osc(r) / 2``."""
    return spread(policy_gradient(p, r)), spread(r) / 2


STATEMENTS: tuple[Statement, ...] = (
    corrected("beyond/margin-gauge", two_directions, margin_gauge, own_sides=True),
    corrected("beyond/margin-lower", direction_and_level, margin_lower, own_sides=True),
    corrected("beyond/margin-lower/policy-gradient", unequal_bandit, margin_lower_policy_gradient),
)
