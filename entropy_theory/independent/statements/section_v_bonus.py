"""Proposition V.1, Eq. (13) and Theorem V.1: what an entropy bonus does to the gradient and to the entropy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from entropy_theory.independent import processes
from entropy_theory.independent.domains import (
    are_policies,
    is_bandit,
    is_number,
    is_policy,
    is_process,
    is_vector,
    shape,
)
from entropy_theory.independent.numbers import total
from entropy_theory.independent.policies import (
    advantages,
    along,
    covariance,
    entropy,
    entropy_gradient,
    logs,
    mean,
    tilted,
    times,
    variance,
)
from entropy_theory.independent.statement import Statement

Vector = list[Any]
Matrix = list[Vector]

NEARLY = Fraction(1, 1000)
"""A policy is nearly deterministic if it leaves its first action by no more than this."""

HALF = Fraction(1, 2)


def own_entropy_slope(p: Vector) -> Any:
    """``K = sum_a p_a**2 (log p_a + H)**2``, what a step along the entropy gradient gains by its length."""
    return total(f**2 for f in entropy_gradient(p))


def collapsed(p: Vector, share: Any) -> Vector:
    """``1 - share`` on the first action plus `share` times `p`."""
    return [share * a + (1 - share if i == 0 else 0) for i, a in enumerate(p)]


# Proposition V.1


def regularised_process(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, v: Any, alpha: Any
) -> bool:
    """A process, a policy for it, a direction of its shape, and alpha above 0."""
    return directed_process(mdp_transition, mdp_reward, mdp_discount, mdp_initial, p, v) and is_number(alpha, above=0)


def directed_process(mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, v: Any) -> bool:
    """A process, a policy for it and a direction of its shape."""
    return (
        is_process(mdp_transition, mdp_reward, mdp_discount, mdp_initial)
        and are_policies(p, mdp_reward)
        and shape(v) == shape(mdp_reward)
    )


def proposition_v_1_eq_12(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, v: Any, alpha: Any
) -> tuple[Any, Any]:
    """Eq. (12) along v: the slope of ``J + alpha Hbar`` is that of J plus alpha times that of Hbar."""
    left = regularised_slope(mdp_transition, mdp_reward, mdp_discount, mdp_initial, p, v, alpha)
    up = processes.policy_gradient(mdp_transition, mdp_discount, mdp_reward, mdp_initial, p)
    wide = processes.mean_entropy_gradient(mdp_transition, mdp_discount, mdp_initial, p)
    return left, processes.inner(up, v) + alpha * processes.inner(wide, v)


def regularised_slope(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, v: Any, alpha: Any
) -> Any:
    """The slope of Eq. (11), ``J + alpha Hbar``, along v."""
    q = processes.moved(p, v)
    reward = processes.objective(mdp_transition, mdp_discount, mdp_reward, mdp_initial, q)
    return (reward + alpha * processes.mean_entropy(mdp_transition, mdp_discount, mdp_initial, q)).slope


def proposition_v_1_state_wise(p: Any, v: Any) -> tuple[Any, Any]:
    """Lemma IV.1 at every state: the slope of ``H_s`` along v, and the sum of its entries times v."""
    slopes = [entropy(along(a, b)).slope for a, b in zip(p, v, strict=True)]
    return slopes, [mean(entropy_gradient(a), b) for a, b in zip(p, v, strict=True)]


def several_states(p: Any, v: Any) -> bool:
    """Two or three states with two to four actions each, and a direction of their shape."""
    return len(shape(p)) == 2 and 2 <= len(p) <= 3 and all(is_policy(row, 2, 4) for row in p) and shape(v) == shape(p)


def proposition_v_1_eq_4(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, v: Any
) -> tuple[Any, Any]:
    """Eq. (4) along v, against ``sum_s d(s) grad H_s`` of Lemma IV.1."""
    left = processes.mean_entropy(mdp_transition, mdp_discount, mdp_initial, processes.moved(p, v)).slope
    weights = processes.visits(mdp_transition, mdp_discount, mdp_initial, p)
    local = [mean(entropy_gradient(a), b) for a, b in zip(p, v, strict=True)]
    return left, (1 - mdp_discount) * mean(weights, local)


def proposition_v_1_eq_4_corrected(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, v: Any
) -> tuple[Any, Any]:
    """Eq. (4) along v, against the gradient with the entropy advantage."""
    left = processes.mean_entropy(mdp_transition, mdp_discount, mdp_initial, processes.moved(p, v)).slope
    return left, processes.inner(processes.mean_entropy_gradient(mdp_transition, mdp_discount, mdp_initial, p), v)


# Equation (13)


def equation_13_bandit(p: Any, r: Any, alpha: Any, v: Any) -> tuple[Any, Any]:
    """Eq. (13) in a bandit along v, per unit of eta."""
    q = along(p, v)
    x, gains = logs(p), advantages(p, r)
    mu = mean(p, x)
    step = [a * g - alpha * a * (b - mu) for a, g, b in zip(p, gains, x, strict=True)]
    return (mean(q, r) + alpha * entropy(q)).slope, mean(step, v)


def equation_13_mdp(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, alpha: Any, v: Any
) -> tuple[Any, Any]:
    """Eq. (13) as printed in a process, along v and per unit of eta."""
    left = regularised_slope(mdp_transition, mdp_reward, mdp_discount, mdp_initial, p, v, alpha)
    gains = processes.advantages(mdp_transition, mdp_discount, mdp_reward, p)
    right = [mean(times(a, g), b) + alpha * mean(entropy_gradient(a), b) for a, g, b in zip(p, gains, v, strict=True)]
    return left, total(right)


def equation_13_mdp_corrected(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, alpha: Any, v: Any
) -> tuple[Any, Any]:
    """``w(s) p (A_soft - alpha (1 - discount)(log p + H_s))`` along v; the soft value earns the bonus too."""
    left = regularised_slope(mdp_transition, mdp_reward, mdp_discount, mdp_initial, p, v, alpha)
    bonus = alpha * (1 - mdp_discount)
    own = [entropy(row) for row in p]
    gain = [a + bonus * h for a, h in zip(processes.rewards(mdp_reward, p), own, strict=True)]
    value = processes.values(mdp_transition, mdp_discount, p, gain)
    table = processes.action_values(mdp_transition, mdp_discount, mdp_reward, value)
    weights = processes.visits(mdp_transition, mdp_discount, mdp_initial, p)
    right = []
    for w, row, q, h, b in zip(weights, p, table, own, v, strict=True):
        base = mean(row, q)
        step = [a * (c - base - bonus * (x + h)) for a, c, x in zip(row, q, logs(row), strict=True)]
        right.append(w * mean(step, b))
    return left, total(right)


# Theorem V.1


def with_alpha(p: Any, r: Any, alpha: Any) -> bool:
    """A bandit of two to six actions, and alpha above 0."""
    return is_bandit(p, r) and is_number(alpha, above=0)


def regularised_entropy_slope(p: Vector, r: Vector, alpha: Any) -> Any:
    """``dH / d eta`` under Eq. (13), from the entropy along that step."""
    step = [g * a + alpha * f for g, a, f in zip(advantages(p, r), p, entropy_gradient(p), strict=True)]
    return entropy(along(p, step)).slope


def eq_14(p: Vector, r: Vector, alpha: Any) -> Any:
    """The right side of Eq. (14) per unit of eta."""
    x = logs(p)
    return -covariance(p, x, times(p, advantages(p, r))) + alpha * variance(p, x)


def theorem_v_1_eq_14(p: Any, r: Any, alpha: Any) -> tuple[Any, Any]:
    """Eq. (14)."""
    return regularised_entropy_slope(p, r, alpha), eq_14(p, r, alpha)


def theorem_v_1_eq_14_corrected(p: Any, r: Any, alpha: Any) -> tuple[Any, Any]:
    """Eq. (14) with ``sum_a p_a**2 (log p_a + H)**2`` in place of the variance."""
    x = logs(p)
    right = -covariance(p, x, times(p, advantages(p, r))) + alpha * own_entropy_slope(p)
    return regularised_entropy_slope(p, r, alpha), right


def nearly(p: Any, gap: Any) -> bool:
    """A policy, and a share of at most 0.001 that is mixed in."""
    return is_policy(p) and is_number(gap, above=0, high=NEARLY)


def nearly_with_rewards(p: Any, gap: Any, r: Any, alpha: Any) -> bool:
    """As `nearly`, with rewards and alpha above 0."""
    return nearly(p, gap) and with_alpha(p, r, alpha)


def theorem_v_1_near_deterministic(p: Any, gap: Any) -> tuple[Any, Any]:
    """Below Eq. (14): where the policy is nearly deterministic, K is at least half of the variance."""
    q = collapsed(p, gap)
    return HALF * variance(q, logs(q)), own_entropy_slope(q)


def only_policy(p: Any) -> bool:
    """A policy of two to six actions."""
    return is_policy(p)


def theorem_v_1_near_deterministic_corrected(p: Any) -> tuple[Any, Any]:
    """``K <= 2 (1 - max p) Var(log p)``."""
    return own_entropy_slope(p), 2 * (1 - max(p)) * variance(p, logs(p))


def theorem_v_1_sign(p: Any, gap: Any, r: Any, alpha: Any) -> tuple[Any, Any]:
    """Below Eq. (14): nearly deterministic, the change of entropy and Eq. (14) have a product of at least 0."""
    q = collapsed(p, gap)
    return Fraction(0), regularised_entropy_slope(q, r, alpha) * eq_14(q, r, alpha)


def theorem_v_1_bound(p: Any) -> tuple[Any, Any]:
    """``K <= 2 max p(1 - p) Var(log p) <= Var(log p) / 2``."""
    var = variance(p, logs(p))
    middle = 2 * max(a * (1 - a) for a in p) * var
    return [own_entropy_slope(p), middle], [middle, HALF * var]


def up_to_forty(p: Any) -> bool:
    """A policy of two to forty actions."""
    return is_policy(p, 2, 40)


def two_actions(p: Any) -> bool:
    """A policy of two actions."""
    return is_policy(p, 2, 2)


def theorem_v_1_two_actions(p: Any) -> tuple[Any, Any]:
    """``K = 2 p_1 p_2 Var(log p)``."""
    return own_entropy_slope(p), 2 * p[0] * p[1] * variance(p, logs(p))


def second_covariance(p: Vector) -> Any:
    """``Cov(x, p (x - mu))`` with ``x = log p`` and ``mu = E x``."""
    x = logs(p)
    mu = mean(p, x)
    return covariance(p, x, [a * (b - mu) for a, b in zip(p, x, strict=True)])


def theorem_v_1_appendix_f(p: Any) -> tuple[Any, Any]:
    """Appendix F: ``sum p**2 x**2 - mu sum p**2 x`` as the second covariance."""
    x = logs(p)
    mu = mean(p, x)
    return second_covariance(p), total(a**2 * b**2 - mu * a**2 * b for a, b in zip(p, x, strict=True))


def theorem_v_1_appendix_f_corrected(p: Any) -> tuple[Any, Any]:
    """Appendix F with every term: ``sum p**2 x**2 - 2 mu sum p**2 x + mu**2 sum p**2``."""
    x = logs(p)
    mu = mean(p, x)
    right = total(a**2 * b**2 for a, b in zip(p, x, strict=True)) - 2 * mu * mean(times(p, p), x)
    return second_covariance(p), right + mu**2 * mean(p, p)


def theorem_v_1_appendix_f_delta(p: Any, gap: Any) -> tuple[Any, Any]:
    """Appendix F: ``|Delta| <= Var / 2`` nearly deterministic, ``Delta`` as printed there."""
    q = collapsed(p, gap)
    x = logs(q)
    mu = mean(q, x)
    delta = total(a * (a - 1) * b**2 for a, b in zip(q, x, strict=True)) - mu * mean(times(q, q), x) + mu**2
    return abs(delta), HALF * variance(q, x)


def two_shares(a: Any, b: Any) -> bool:
    """``1/2 <= a < b < 1``."""
    return is_number(a, low=HALF, below=1) and is_number(b, low=HALF, below=1) and a < b


def beside_the_peak(a: Any, b: Any) -> bool:
    """``1/2 <= a < b < 1``, both at most 0.916 or both at least 0.917."""
    return two_shares(a, b) and (b <= Fraction(916, 1000) or a >= Fraction(917, 1000))


def variance_of_two(a: Any) -> Any:
    """``Var(log p)`` for ``p = (a, 1 - a)``."""
    return variance([a, 1 - a], logs([a, 1 - a]))


def theorem_v_1_variance_grows(a: Any, b: Any) -> tuple[Any, Any]:
    """Below Theorem V.1: the variance of the log-probabilities is larger for the more deterministic of two."""
    return variance_of_two(a), variance_of_two(b)


def theorem_v_1_variance_grows_corrected(a: Any, b: Any) -> tuple[Any, Any]:
    """It rises up to the peak and falls beyond it."""
    one, other = variance_of_two(a), variance_of_two(b)
    return (one, other) if b <= Fraction(916, 1000) else (other, one)


def theorem_v_1_natural_gradient(p: Any, r: Any, alpha: Any, step: Any) -> Any:
    """The remainder of Eq. (14) under the natural gradient, with ``Cov(log p, A)`` as first term."""
    x, gains, h = logs(p), advantages(p, r), entropy(p)
    change = [step * (g - alpha * (b + h)) for g, b in zip(gains, x, strict=True)]
    first = -covariance(p, x, gains) + alpha * variance(p, x)
    return entropy(tilted(p, change)) - h - step * first


def with_alpha_and_direction(p: Any, r: Any, alpha: Any, v: Any) -> bool:
    """As `with_alpha`, with a direction."""
    return with_alpha(p, r, alpha) and is_vector(v, len(p))


STATEMENTS: tuple[Statement, ...] = (
    Statement(claim="proposition-v.1/eq-12", kind="identity", domain=regularised_process, sides=proposition_v_1_eq_12),
    Statement(
        claim="proposition-v.1/state-wise", kind="identity", domain=several_states, sides=proposition_v_1_state_wise
    ),
    Statement(claim="proposition-v.1/eq-4", kind="identity", domain=directed_process, sides=proposition_v_1_eq_4),
    Statement(
        claim="proposition-v.1/eq-4",
        reading="corrected",
        kind="identity",
        domain=directed_process,
        sides=proposition_v_1_eq_4_corrected,
    ),
    Statement(claim="equation-13/bandit", kind="identity", domain=with_alpha_and_direction, sides=equation_13_bandit),
    Statement(claim="equation-13/mdp", kind="identity", domain=regularised_process, sides=equation_13_mdp),
    Statement(
        claim="equation-13/mdp",
        reading="corrected",
        kind="identity",
        domain=regularised_process,
        sides=equation_13_mdp_corrected,
    ),
    Statement(claim="theorem-v.1/eq-14", kind="identity", domain=with_alpha, sides=theorem_v_1_eq_14),
    Statement(
        claim="theorem-v.1/eq-14",
        reading="corrected",
        kind="identity",
        domain=with_alpha,
        sides=theorem_v_1_eq_14_corrected,
    ),
    Statement(claim="theorem-v.1/near-deterministic", domain=nearly, sides=theorem_v_1_near_deterministic),
    Statement(
        claim="theorem-v.1/near-deterministic",
        reading="corrected",
        domain=only_policy,
        sides=theorem_v_1_near_deterministic_corrected,
    ),
    Statement(claim="theorem-v.1/sign", domain=nearly_with_rewards, sides=theorem_v_1_sign),
    Statement(claim="theorem-v.1/bound", reading="corrected", domain=up_to_forty, sides=theorem_v_1_bound),
    Statement(
        claim="theorem-v.1/two-actions",
        reading="corrected",
        kind="identity",
        domain=two_actions,
        sides=theorem_v_1_two_actions,
    ),
    Statement(claim="theorem-v.1/appendix-f", kind="identity", domain=only_policy, sides=theorem_v_1_appendix_f),
    Statement(
        claim="theorem-v.1/appendix-f",
        reading="corrected",
        kind="identity",
        domain=only_policy,
        sides=theorem_v_1_appendix_f_corrected,
    ),
    Statement(claim="theorem-v.1/appendix-f-delta", domain=nearly, sides=theorem_v_1_appendix_f_delta),
    Statement(claim="theorem-v.1/variance-grows", domain=two_shares, sides=theorem_v_1_variance_grows),
    Statement(
        claim="theorem-v.1/variance-grows",
        reading="corrected",
        domain=beside_the_peak,
        sides=theorem_v_1_variance_grows_corrected,
    ),
    Statement(
        claim="theorem-v.1/natural-gradient",
        reading="corrected",
        kind="order",
        domain=with_alpha,
        remainder=theorem_v_1_natural_gradient,
        power=2,
    ),
)
