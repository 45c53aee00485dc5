"""Theorems VI.1 and VI.2: what the KL penalty of selected tokens does to the entropy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from entropy_theory.independent.domains import (
    both,
    comonotone,
    is_at_least,
    is_bandit,
    is_constant,
    is_integer,
    is_number,
    is_policy,
    is_positive,
    is_vector,
)
from entropy_theory.independent.numbers import maximum, total
from entropy_theory.independent.policies import along, covariance, divergence, logs, mean, minus, scaled, tilted, times
from entropy_theory.independent.statement import Statement
from entropy_theory.independent.tokens import (
    centred_logs,
    entropy_fall,
    entropy_slope,
    gradient,
    influences,
    policy_gradient,
    token_covariances,
)

Vector = list[Any]

WIDEST = 10
"""Directions have entries of at most this size."""


def on_first(m: Any, x: Vector) -> Vector:
    """`x` on the first `m` actions and 0 on the others."""
    return [a if i < m else Fraction(0) for i, a in enumerate(x)]


def directed(p: Any, D: Any) -> bool:
    """A policy, and an update with entries in [-10, 10]."""
    return is_policy(p) and is_vector(D, len(p), -WIDEST, WIDEST)


# Theorem VI.1


def two_policies_directed(p: Any, q: Any, v: Any) -> bool:
    """Two policies of one size, and a direction with entries in [-10, 10]."""
    return directed(p, v) and is_policy(q) and len(q) == len(p)


def theorem_vi_1_gradient(p: Any, q: Any, v: Any) -> tuple[Any, Any]:
    """``KL(q || p)`` has the slope ``(p - q) . v`` along v."""
    slope = total(-b * a.log().slope for a, b in zip(along(p, v), q, strict=True))
    return slope, mean(minus(p, q), v)


def two_policies(p: Any, q: Any, r: Any) -> bool:
    """A bandit with an old policy."""
    return is_bandit(p, r) and is_policy(q) and len(q) == len(p)


def all_positive(p: Any, q: Any, r: Any) -> bool | None:
    """As `two_policies`, with C above 0 at every action."""
    return two_policies(p, q, r) and both(*map(is_positive, token_covariances(p, policy_gradient(p, r))))


def theorem_vi_1_opposes(p: Any, q: Any, r: Any) -> tuple[Any, Any]:
    """Along ``-(p - q)`` the entropy does not fall, or the covariance does not rise."""
    moved = along(p, minus(q, p))
    rise = covariance(moved, logs(moved), policy_gradient(moved, r)).slope
    return Fraction(0), maximum([entropy_slope(p, minus(q, p)), -rise])


def sharpened(p: Any, u: Any) -> bool:
    """A policy that is not uniform, and log-ratios to the old one that rise with it and are not constant."""
    return is_bandit(p, u) and comonotone(p, u) and not is_constant(p) and not is_constant(u)


def theorem_vi_1_opposes_corrected(p: Any, u: Any) -> tuple[Any, Any]:
    """The entropy rises along ``-(p - q)``, q in proportion to ``p exp(-u)``."""
    return Fraction(0), entropy_slope(p, minus(tilted(p, scaled(-1, u)), p))


# Theorem VI.2


def leading_selection(p: Any, r: Any, m: Any) -> bool | None:
    """The first m actions, but not all, have the largest ``|C|``, each with C above 0; the covariance is above 0."""
    c = token_covariances(p, policy_gradient(p, r))
    inside, outside = range(int(m)), range(int(m), len(p))
    order = (is_at_least(c[i], abs(c[j])) for i in inside for j in outside if (p[i], r[i]) != (p[j], r[j]))
    return both(is_positive(entropy_fall(p, r)), *(is_positive(c[i]) for i in inside), *order)


def typical(p: Any, q: Any, r: Any, m: Any) -> bool | None:
    """Two policies with rewards and `leading_selection`."""
    return two_policies(p, q, r) and is_integer(m, 1, 2) and m < len(p) and leading_selection(p, r, m)


def typical_with_penalty(p: Any, q: Any, r: Any, beta: Any, m: Any) -> bool | None:
    """As `typical`, with beta above 0."""
    return is_number(beta, above=0) and typical(p, q, r, m)


def any_selection(p: Any, q: Any, r: Any, beta: Any, m: Any) -> bool:
    """Two policies with rewards, beta above 0, and a number of selected actions of at most all."""
    return two_policies(p, q, r) and is_number(beta, above=0) and is_integer(m, 1, 6) and m <= len(p)


def penalised_slope(p: Vector, q: Vector, r: Vector, beta: Any, m: Any) -> Any:
    """The slope of the entropy along the KL-Cov update."""
    penalty = on_first(m, minus(p, q))
    return entropy_slope(p, minus(policy_gradient(p, r), scaled(beta, penalty)))


def theorem_vi_2_eq_22(p: Any, q: Any, r: Any, beta: Any, m: Any) -> tuple[Any, Any]:
    """Eq. (22), per unit of eta."""
    x = logs(p)
    delta = covariance(p, x, minus(p, q))
    return penalised_slope(p, q, r, beta, m), -covariance(p, x, policy_gradient(p, r)) + beta * delta


def selected_delta(p: Vector, q: Vector, m: Any) -> Any:
    """``sum_I f_a (p_a - q_a)`` over the first m actions."""
    return mean(influences(p), on_first(m, minus(p, q)))


def theorem_vi_2_eq_22_corrected(p: Any, q: Any, r: Any, beta: Any, m: Any) -> tuple[Any, Any]:
    """Eq. (22) with delta summed over the selected actions."""
    right = -covariance(p, logs(p), policy_gradient(p, r)) + beta * selected_delta(p, q, m)
    return penalised_slope(p, q, r, beta, m), right


def larger_delta(p: Vector, q: Vector, m: Any) -> Any:
    """The larger of delta of Eq. (22) and its sum over the selected actions."""
    return maximum([selected_delta(p, q, m), covariance(p, logs(p), minus(p, q))])


def theorem_vi_2_positive(p: Any, q: Any, r: Any, m: Any) -> tuple[Any, Any]:
    """Below Eq. (22): delta is at least 0."""
    return Fraction(0), larger_delta(p, q, m)


def sharpened_selection(p: Any, u: Any, m: Any) -> bool:
    """As `sharpened`, with a number of selected actions."""
    return sharpened(p, u) and is_integer(m, 1, 6)


def theorem_vi_2_positive_corrected(p: Any, u: Any, m: Any) -> tuple[Any, Any]:
    """The penalty on the m most probable actions, ties together, raises the entropy."""
    chosen = [Fraction(sum(b > a for b in p) < m) for a in p]
    return Fraction(0), entropy_slope(p, times(chosen, minus(tilted(p, scaled(-1, u)), p)))


def one_sign(p: Any, q: Any, m: Any) -> bool | None:
    """Two policies; on the first m actions ``log p_a + H`` and ``p_a - q_a`` have one sign, or one is 0."""
    if not (is_policy(p) and is_policy(q) and len(q) == len(p) and is_integer(m, 1, 3) and m <= len(p)):
        return False
    x = centred_logs(p)
    return both(*(is_at_least(x[i] * (p[i] - q[i]), Fraction(0)) for i in range(int(m))))


def theorem_vi_2_termwise(p: Any, q: Any, m: Any) -> tuple[Any, Any]:
    """Then the penalty on these actions does not lower the entropy."""
    return Fraction(0), entropy_slope(p, on_first(m, minus(q, p)))


def after_a_step(e: Any, w: Any, a: Any, b: Any, eta: Any) -> tuple[Vector, Vector, Vector]:
    """The old policy ``(e, (1 - e) w)``, the rewards ``(a, b)`` and the policy one exact step on."""
    q, r = [e, *scaled(1 - e, w)], [a, *b]
    return q, r, tilted(q, scaled(eta, policy_gradient(q, r)))


def one_step_behind(e: Any, w: Any, a: Any, b: Any, eta: Any) -> bool | None:
    """Three actions; after the step the first has the largest ``|C|``, with C and the covariance above 0."""
    if not (
        is_number(e, above=0, below=1)
        and is_policy(w, 2, 2)
        and is_number(a, 0, 1)
        and is_vector(b, 2, 0, 1)
        and is_number(eta, above=0, high=1)
    ):
        return False
    q, r, p = after_a_step(e, w, a, b, eta)
    c = token_covariances(p, policy_gradient(p, r))
    others = [i for i in (1, 2) if (q[i], r[i]) != (q[0], r[0])]
    order = (is_at_least(c[0], abs(c[i])) for i in others)
    return both(is_positive(entropy_fall(p, r)), is_positive(c[0]), *order)


def theorem_vi_2_one_step(e: Any, w: Any, a: Any, b: Any, eta: Any) -> tuple[Any, Any]:
    """Below Eq. (22), with the old policy one exact step behind: delta over ``eta p_1**2 C_1`` is at least 0."""
    q, r, p = after_a_step(e, w, a, b, eta)
    unit = eta * p[0] ** 2 * token_covariances(p, policy_gradient(p, r))[0]
    return Fraction(0), larger_delta(p, q, 1) / unit


def selection(q: Any, r: Any, m: Any) -> bool:
    """A bandit and a number of selected actions of at most all."""
    return is_bandit(q, r) and is_integer(m, 1, 6) and m <= len(q)


def theorem_vi_2_one_step_corrected(q: Any, r: Any, m: Any, step: Any) -> Any:
    """delta after a small step, less ``step sum_I q_a**2 C_a``."""
    change = policy_gradient(q, r)
    p = tilted(q, scaled(step, change))
    first = mean(times(q, q), on_first(m, token_covariances(q, change)))
    return selected_delta(p, q, m) - step * first


def on_policy(p: Any, r: Any, beta: Any, m: Any) -> bool:
    """A bandit of two to four actions, beta in [0, 10], and a number of selected actions of at most all."""
    return (
        is_policy(p, 2, 4) and is_vector(r, len(p)) and is_number(beta, 0, 10) and is_integer(m, 1, 4) and m <= len(p)
    )


def theorem_vi_2_on_policy(p: Any, r: Any, beta: Any, m: Any) -> tuple[Any, Any]:
    """With the current policy as the old one the KL-Cov update moves the entropy as the policy gradient does."""
    penalty = gradient(p, lambda moved: divergence(p, moved))
    change = policy_gradient(p, r)
    left = entropy_slope(p, minus(change, scaled(beta, on_first(m, penalty))))
    return left, -covariance(p, logs(p), change)


def theorem_vi_2_on_policy_released(p: Any, v: Any, step: Any) -> Any:
    """``|log ratio|`` at ``z + t v`` less that at ``z - t v``, by action."""
    ahead, behind = tilted(p, scaled(step, v)), tilted(p, scaled(-step, v))
    return minus([abs(x) for x in logs_of_ratios(ahead, p)], [abs(x) for x in logs_of_ratios(behind, p)])


def logs_of_ratios(q: Vector, p: Vector) -> Vector:
    """``log(q_a / p_a)``."""
    return logs([b / a for a, b in zip(p, q, strict=True)])


def with_direction(p: Any, v: Any) -> bool:
    """A policy and a direction with entries in [-10, 10]."""
    return directed(p, v)


STATEMENTS: tuple[Statement, ...] = (
    Statement(
        claim="theorem-vi.1/gradient", kind="identity", domain=two_policies_directed, sides=theorem_vi_1_gradient
    ),
    Statement(claim="theorem-vi.1/opposes", domain=all_positive, sides=theorem_vi_1_opposes),
    Statement(
        claim="theorem-vi.1/opposes",
        reading="corrected",
        strict=True,
        domain=sharpened,
        sides=theorem_vi_1_opposes_corrected,
    ),
    Statement(claim="theorem-vi.2/eq-22", kind="identity", domain=typical_with_penalty, sides=theorem_vi_2_eq_22),
    Statement(
        claim="theorem-vi.2/eq-22",
        reading="corrected",
        kind="identity",
        domain=any_selection,
        sides=theorem_vi_2_eq_22_corrected,
    ),
    Statement(claim="theorem-vi.2/positive", domain=typical, sides=theorem_vi_2_positive),
    Statement(
        claim="theorem-vi.2/positive",
        reading="corrected",
        strict=True,
        domain=sharpened_selection,
        sides=theorem_vi_2_positive_corrected,
    ),
    Statement(claim="theorem-vi.2/termwise", reading="corrected", domain=one_sign, sides=theorem_vi_2_termwise),
    Statement(claim="theorem-vi.2/one-step", domain=one_step_behind, sides=theorem_vi_2_one_step),
    Statement(
        claim="theorem-vi.2/one-step",
        reading="corrected",
        kind="order",
        domain=selection,
        remainder=theorem_vi_2_one_step_corrected,
        power=2,
    ),
    Statement(
        claim="theorem-vi.2/on-policy",
        reading="corrected",
        kind="identity",
        domain=on_policy,
        sides=theorem_vi_2_on_policy,
    ),
    Statement(
        claim="theorem-vi.2/on-policy-released",
        reading="corrected",
        kind="order",
        domain=with_direction,
        remainder=theorem_vi_2_on_policy_released,
        power=2,
    ),
)
