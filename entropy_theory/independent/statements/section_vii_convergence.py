"""Assumption VII.1, Theorems VII.2 and VII.3, Remark VII.1: smoothness, convergence and annealing."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from entropy_theory.independent.domains import is_bandit, is_constant, is_integer, is_number, is_policy, is_vector
from entropy_theory.independent.numbers import exp, log, minimum, sqrt, total
from entropy_theory.independent.policies import (
    along,
    entropy,
    entropy_gradient,
    logs,
    mean,
    minus,
    path,
    plus,
    scaled,
    softmax,
    spread,
    square,
    tilted,
    times,
)
from entropy_theory.independent.statement import Statement, corrected
from entropy_theory.independent.tokens import gradient, policy_gradient, regularised_gradient
from entropy_theory.independent.two_arms import hyperbolic, solved

Vector = list[Any]

HALF = Fraction(1, 2)
LEAST_SHARE = Fraction(1, 1024)
RUN = 3
"""Runs are followed for T = 1, ..., `RUN`."""


# Assumption VII.1


def reward_smoothness(r: Vector) -> Any:
    """``osc(r) / (3 sqrt 3)``."""
    return spread(r) / sqrt(Fraction(27))


def entropy_smoothness(n: int) -> Any:
    """``log(n) / (3 sqrt 3) + (1 + 1/e) / 2``."""
    return log(Fraction(n)) / sqrt(Fraction(27)) + (1 + exp(Fraction(-1))) / 2


def unequal_bandit_directed(p: Any, r: Any, v: Any) -> bool:
    """A bandit whose rewards are not all equal, and a direction."""
    return is_bandit(p, r) and not is_constant(r) and is_vector(v, len(p))


def assumption_vii_1_smoothness_reward(p: Any, r: Any, v: Any) -> tuple[Any, Any]:
    """``|v' (Hess J) v| <= osc(r) / (3 sqrt 3) ||v||**2``."""
    return abs(2 * mean(path(p, v, 2), r).coefficients[2]), reward_smoothness(r) * square(v)


def moving(p: Any, v: Any) -> bool:
    """A policy of two to twelve actions and a direction that is not zero."""
    return is_policy(p, 2, 12) and is_vector(v, len(p)) and any(x != 0 for x in v)


def assumption_vii_1_smoothness_entropy(p: Any, v: Any) -> tuple[Any, Any]:
    """``|v' (Hess H) v|`` is at most the constant times ``||v||**2``."""
    return abs(2 * entropy(path(p, v, 2)).coefficients[2]), entropy_smoothness(len(p)) * square(v)


# Theorem VII.2


def with_alpha(p: Any, r: Any, alpha: Any) -> bool:
    """A bandit and alpha above 0."""
    return is_bandit(p, r) and is_number(alpha, above=0)


def log_partition(r: Vector, alpha: Any) -> Any:
    """``log sum exp(r / alpha)`` less ``max r / alpha``."""
    return log(total(exp((x - max(r)) / alpha) for x in r))


def shortfall(p: Vector, r: Vector, alpha: Any) -> Any:
    """``J_reg* - J_reg``, with ``J_reg* = alpha log sum exp(r / alpha)``."""
    return alpha * log_partition(r, alpha) + mean(p, [max(r) - x for x in r]) - alpha * entropy(p)


def theorem_vii_2_optimum(p: Any, r: Any, alpha: Any) -> tuple[Any, Any]:
    """The shortfall is alpha times the divergence from softmax(r / alpha)."""
    best = [(x - max(r)) / alpha - log_partition(r, alpha) for x in r]
    return shortfall(p, r, alpha), alpha * mean(p, minus(logs(p), best))


def regularised_run(p: Any, r: Any, alpha: Any, c: Any) -> bool:
    """A bandit of two or three actions, alpha within [1/1024, 1024] and c within [1/1024, 1]."""
    return (
        is_policy(p, 2, 3)
        and is_vector(r, len(p))
        and is_number(alpha, LEAST_SHARE, 1024)
        and is_number(c, LEAST_SHARE, 1)
    )


def unequal_regularised_run(p: Any, r: Any, alpha: Any, c: Any) -> bool:
    """As `regularised_run`, the rewards not all equal."""
    return regularised_run(p, r, alpha, c) and not is_constant(r)


def regularised_step(r: Vector, alpha: Any, c: Any) -> Any:
    """``eta = c / L`` with the smoothness L of ``J + alpha H``."""
    return c / (reward_smoothness(r) + alpha * entropy_smoothness(len(r)))


def squared_gradients(p: Vector, r: Vector, alpha: Any, c: Any) -> Vector:
    """``||grad J_reg||**2`` along gradient ascent, t = 0, ..., RUN - 1."""
    eta, out = regularised_step(r, alpha, c), []
    for _ in range(RUN):
        change = regularised_gradient(p, r, alpha)
        out.append(square(change))
        p = tilted(p, scaled(eta, change))
    return out


def least_and_mean(sizes: Vector, bounds: Vector) -> tuple[Any, Any]:
    """The least of the first T is at most their mean, the mean at most the bound, T = 1, 2, ..."""
    least = [minimum(sizes[:t]) for t in range(1, RUN + 1)]
    means = [total(sizes[:t]) / t for t in range(1, RUN + 1)]
    return [least, means], [means, bounds]


def theorem_vii_2_eq_29(p: Any, r: Any, alpha: Any, c: Any) -> tuple[Any, Any]:
    """Eq. (29)."""
    sizes = squared_gradients(p, r, alpha, c)
    bound = -2 * shortfall(p, r, alpha) / regularised_step(r, alpha, c)
    return [minimum(sizes[:t]) for t in range(1, RUN + 1)], [bound / t for t in range(1, RUN + 1)]


def theorem_vii_2_eq_29_corrected(p: Any, r: Any, alpha: Any, c: Any) -> tuple[Any, Any]:
    """Eq. (29) with the difference reversed, for the mean as well."""
    bound = 2 * shortfall(p, r, alpha) / regularised_step(r, alpha, c)
    return least_and_mean(squared_gradients(p, r, alpha, c), [bound / t for t in range(1, RUN + 1)])


def theorem_vii_2_descent(p: Any, r: Any, alpha: Any, c: Any) -> tuple[Any, Any]:
    """Appendix M: a step gains at least ``eta / 2 ||grad J_reg||**2``."""
    eta, change = regularised_step(r, alpha, c), regularised_gradient(p, r, alpha)
    after = tilted(p, scaled(eta, change))
    gained = mean(minus(after, p), r) + alpha * (entropy(after) - entropy(p))
    return eta / 2 * square(change), gained


def unequal_with_alpha(r: Any, alpha: Any) -> bool:
    """Two to six rewards, not all equal, and alpha above 0."""
    return is_vector(r) and 2 <= len(r) <= 6 and not is_constant(r) and is_number(alpha, above=0)


def theorem_vii_2_eq_30(r: Any, alpha: Any) -> tuple[Any, Any]:
    """Eq. (30) at ``theta = r / alpha``."""
    p = softmax([x / alpha for x in r])
    return gradient(p, lambda q: mean(q, r)), scaled(-alpha, gradient(p, entropy))


def not_optimal(z: Any, r: Any, alpha: Any) -> bool:
    """Rewards, alpha above 0, and logits within 40 that differ from ``r / alpha`` by more than a constant."""
    return (
        is_vector(r)
        and 2 <= len(r) <= 6
        and is_number(alpha, above=0)
        and is_vector(z, len(r), -40, 40)
        and not is_constant(minus(r, scaled(alpha, z)))
    )


def theorem_vii_2_eq_30_corrected(z: Any, r: Any, alpha: Any) -> tuple[Any, Any]:
    """``grad J + alpha grad H`` is ``p_a (y_a - E y)`` with ``y = r - alpha z``, and not zero."""
    return Fraction(0), square(policy_gradient(softmax(z), minus(r, scaled(alpha, z))))


# Theorem VII.3


def two_arm_run(w0: Any, eta: Any) -> bool:
    """A first difference of logits in [0, 3] and eta in [1/1024, 1]."""
    return is_number(w0, 0, 3) and is_number(eta, LEAST_SHARE, 1)


def theorem_vii_3_stationary(w0: Any, eta: Any, step: Any) -> Any:
    """``1 / min p`` after ``T = 1 / step`` updates, at least.

    Two arms with rewards (1, 0) have ``w' = w + eta / (1 + cosh w)``, w the difference of logits. ``w + sinh w`` is
    convex where w >= 0 and has the slope ``1 + cosh w``, so it grows by at least eta a step.
    """
    return 1 + exp(solved(w0 + hyperbolic(w0)[0] + eta / step))


def unequal_bandit(p: Any, r: Any) -> bool:
    """A bandit whose rewards are not all equal."""
    return is_bandit(p, r) and not is_constant(r)


def theorem_vii_3_stationary_corrected(p: Any, r: Any) -> tuple[Any, Any]:
    """The policy gradient is nowhere zero."""
    return Fraction(0), square(policy_gradient(p, r))


def theorem_vii_3_rate(w0: Any, eta: Any, step: Any) -> Any:
    """``||grad J||**2`` after ``T = 1 / step`` updates with ``eta_t = eta / t``, at least.

    With d the change of w in a step ``w + sinh w`` grows by at most ``d (1 + cosh w) exp(d)``, which is at most
    ``eta_t exp(eta / 2)``; and ``sum 1/t <= 1 + log T``. The squared norm is ``1 / (2 (1 + cosh w)**2)``.
    """
    s = w0 + hyperbolic(w0)[0] + exp(eta / 2) * eta * (1 - log(step))
    return 1 / (2 * (1 + hyperbolic(solved(s))[1]) ** 2)


def penalised_run(p: Any, q: Any, r: Any, m: Any, beta: Any, c: Any) -> bool:
    """Two policies of two or three actions, unequal rewards, weights in [0, 1], beta in [0, 4], c in [1/1024, 1]."""
    return (
        is_policy(p, 2, 3)
        and is_policy(q)
        and len(q) == len(p)
        and is_vector(r, len(p))
        and not is_constant(r)
        and is_vector(m, len(p), 0, 1)
        and is_number(beta, 0, 4)
        and is_number(c, LEAST_SHARE, 1)
    )


def biased_run(p: Vector, r: Vector, c: Any, bias: Callable[[Vector, int], Vector]) -> tuple[Any, Vector]:
    """eta, and ``||grad J||**2`` along ascent with ``grad J + bias(p, t)``, t = 0, ..., RUN - 1."""
    eta, out = c / reward_smoothness(r), []
    for t in range(RUN):
        change = policy_gradient(p, r)
        out.append(square(change))
        p = tilted(p, scaled(eta, plus(change, bias(p, t))))
    return eta, out


def biased_bounds(p: Vector, r: Vector, eta: Any, size: Any, coefficient: Any) -> Vector:
    """``[2 (J* - J_0) / eta + size sum beta_t**2] / T`` with ``beta_t = coefficient / (t + 1)``, T = 1, 2, ..."""
    first = 2 * mean(p, [max(r) - x for x in r]) / eta
    squares = [(coefficient / t) ** 2 for t in range(1, RUN + 1)]
    return [(first + size * total(squares[:t])) / t for t in range(1, RUN + 1)]


def theorem_vii_3_rate_corrected(p: Any, q: Any, r: Any, m: Any, beta: Any, c: Any) -> tuple[Any, Any]:
    """The bound with a bias ``-beta_t m (p - q)``, ``beta_t = beta / (t + 1)``, whose square is at most 2 beta_t**2."""
    eta, sizes = biased_run(p, r, c, lambda now, t: scaled(-beta / (t + 1), times(m, minus(now, q))))
    return least_and_mean(sizes, biased_bounds(p, r, eta, Fraction(2), beta))


def small_beta(beta: Any) -> bool:
    """beta in [1/1024, 1/4]."""
    return is_number(beta, LEAST_SHARE, Fraction(1, 4))


def theorem_vii_3_vanishing_beta(beta: Any, step: Any) -> Any:
    """``||grad J||**2`` after ``T = 1 / step`` updates with ``beta_t = beta t**(-1/4)``, at least.

    The worse arm keeps ``b = beta_T / 4``, by the barrier below; the squared norm is ``2 (b (1 - b))**2``.
    """
    b = beta / 4 * sqrt(sqrt(step))
    return 2 * (b * (1 - b)) ** 2


def at_the_barrier(u: Any, beta: Any, eta: Any, share: Any) -> bool:
    """Shares in [0, 1], beta at most 1/4, eta in (0, 1/2]; u in (0, 1/2], the worse arm's, is at least beta / 4."""
    return (
        is_number(u, above=0, high=HALF)
        and is_number(beta, 0, Fraction(1, 4))
        and is_number(eta, above=0, high=HALF)
        and is_number(share, 0, 1)
        and 4 * u >= beta
    )


def theorem_vii_3_vanishing_beta_barrier(u: Any, beta: Any, eta: Any, share: Any) -> tuple[Any, Any]:
    """After a step the worse arm is still between ``share beta / 4`` and 1/2."""
    p = [1 - u, u]
    change = minus(policy_gradient(p, [Fraction(1), Fraction(0)]), scaled(beta, [1 - u - HALF, u - HALF]))
    after = tilted(p, scaled(eta, change))[1]
    return [share * beta / 4, after], [after, HALF]


def theorem_vii_3_lyapunov(p: Any, r: Any) -> tuple[Any, Any]:
    """Appendix N: ``||grad J||**2 / 2`` falls strictly along grad J."""
    return square(policy_gradient(along(p, policy_gradient(p, r)), r)).slope / 2, Fraction(0)


def theorem_vii_3_lyapunov_corrected(p: Any, r: Any) -> tuple[Any, Any]:
    """``J* - J`` does."""
    return -mean(along(p, policy_gradient(p, r)), r).slope, Fraction(0)


# Remark VII.1


def annealed(r: Any, alpha: Any, k: Any) -> bool:
    """Two to six rewards, alpha within [1/1024, 1024] and k from 0 to 20."""
    return is_vector(r) and 2 <= len(r) <= 6 and is_number(alpha, LEAST_SHARE, 1024) and is_integer(k, 0, 20)


def unequal_annealed(r: Any, alpha: Any, k: Any) -> bool:
    """As `annealed`, the rewards not all equal."""
    return annealed(r, alpha, k) and not is_constant(r)


def bias(r: Vector, alpha: Any) -> Any:
    """``J* - J(softmax(r / alpha))``."""
    return mean(softmax([x / alpha for x in r]), [max(r) - x for x in r])


def remark_vii_1(r: Any, alpha: Any, k: Any) -> tuple[Any, Any]:
    """Remark VII.1: a thousandth of the bias stays however far alpha falls."""
    return bias(r, alpha) / 1000, bias(r, alpha / 2 ** int(k))


def remark_vii_1_corrected(r: Any, alpha: Any, k: Any) -> tuple[Any, Any]:
    """The bias is at most ``alpha log n``, and so vanishes with alpha."""
    small = alpha / 2 ** int(k)
    return bias(r, small), small * log(Fraction(len(r)))


def policy(p: Any) -> bool:
    """A policy of two to six actions."""
    return is_policy(p)


def remark_vii_1_entropy_gradient(p: Any) -> tuple[Any, Any]:
    """``||grad H||**2 <= 2 H**2 <= 2 log(n)**2``."""
    middle = 2 * entropy(p) ** 2
    return [square(entropy_gradient(p)), middle], [middle, 2 * log(Fraction(len(p))) ** 2]


def annealed_run(p: Any, r: Any, alpha: Any, c: Any) -> bool:
    """Two or three actions, unequal rewards, alpha in [0, 4], c in [1/1024, 1]."""
    return penalised_run(p, p, r, [Fraction(0)] * len(p), alpha, c)


def remark_vii_1_annealed(p: Any, r: Any, alpha: Any, c: Any) -> tuple[Any, Any]:
    """The bound of Theorem VII.3 with the bias of an entropy bonus ``alpha / (t + 1)``."""
    eta, sizes = biased_run(p, r, c, lambda now, t: scaled(alpha / (t + 1), entropy_gradient(now)))
    return least_and_mean(sizes, biased_bounds(p, r, eta, 2 * log(Fraction(len(p))) ** 2, alpha))


STATEMENTS = (
    corrected("assumption-vii.1/smoothness-reward", unequal_bandit_directed, assumption_vii_1_smoothness_reward),
    corrected("assumption-vii.1/smoothness-entropy", moving, assumption_vii_1_smoothness_entropy),
    corrected("theorem-vii.2/optimum", with_alpha, theorem_vii_2_optimum, kind="identity"),
    Statement(claim="theorem-vii.2/eq-29", domain=unequal_regularised_run, sides=theorem_vii_2_eq_29),
    corrected("theorem-vii.2/eq-29", regularised_run, theorem_vii_2_eq_29_corrected, own_sides=True),
    Statement(claim="theorem-vii.2/descent", domain=regularised_run, sides=theorem_vii_2_descent),
    Statement(claim="theorem-vii.2/eq-30", kind="identity", domain=unequal_with_alpha, sides=theorem_vii_2_eq_30),
    corrected("theorem-vii.2/eq-30", not_optimal, theorem_vii_2_eq_30_corrected, strict=True),
    Statement(
        claim="theorem-vii.3/stationary", kind="order", domain=two_arm_run, remainder=theorem_vii_3_stationary, power=0
    ),
    corrected("theorem-vii.3/stationary", unequal_bandit, theorem_vii_3_stationary_corrected, strict=True),
    Statement(claim="theorem-vii.3/rate", kind="order", domain=two_arm_run, remainder=theorem_vii_3_rate, power=1),
    corrected("theorem-vii.3/rate", penalised_run, theorem_vii_3_rate_corrected, own_sides=True),
    Statement(
        claim="theorem-vii.3/vanishing-beta",
        kind="order",
        domain=small_beta,
        remainder=theorem_vii_3_vanishing_beta,
        power=1,
    ),
    corrected(
        "theorem-vii.3/vanishing-beta-barrier", at_the_barrier, theorem_vii_3_vanishing_beta_barrier, own_sides=True
    ),
    Statement(claim="theorem-vii.3/lyapunov", strict=True, domain=unequal_bandit, sides=theorem_vii_3_lyapunov),
    corrected("theorem-vii.3/lyapunov", unequal_bandit, theorem_vii_3_lyapunov_corrected, strict=True),
    Statement(claim="remark-vii.1", domain=unequal_annealed, sides=remark_vii_1),
    corrected("remark-vii.1", annealed, remark_vii_1_corrected),
    corrected("remark-vii.1/entropy-gradient", policy, remark_vii_1_entropy_gradient),
    corrected("remark-vii.1/annealed", annealed_run, remark_vii_1_annealed, own_sides=True),
)
