"""Theorem V.2 and Corollary V.1: what an entropy bonus costs at the optimum."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from entropy_theory.independent import processes
from entropy_theory.independent.domains import (
    are_policies,
    is_bandit,
    is_constant,
    is_number,
    is_policy,
    is_process,
    is_vector,
)
from entropy_theory.independent.jets import Jet
from entropy_theory.independent.numbers import log, total
from entropy_theory.independent.policies import (
    advantages,
    divergence,
    entropy,
    logs,
    mean,
    scaled,
    softmax,
    spread,
    tilted,
    times,
    variance,
)
from entropy_theory.independent.statement import Statement

Vector = list[Any]
Matrix = list[Vector]


def optimal(r: Vector, q: Vector) -> Vector:
    """The optimal policy in proportion to `q` on the actions of maximal reward."""
    best = max(r)
    weights = [b if a == best else Fraction(0) for a, b in zip(r, q, strict=True)]
    return [w / sum(weights) for w in weights]


def regularised(r: Vector, alpha: Any) -> Vector:
    """``softmax(r / alpha)``, the maximiser of ``E r + alpha H``."""
    return softmax([a / alpha for a in r])


def gap(r: Vector, p: Vector) -> Any:
    """``max r - E_p r``, term by term, so that it vanishes exactly where all rewards are equal."""
    best = max(r)
    return total(a * (best - b) for a, b in zip(p, r, strict=True))


# Theorem V.2


def rewards_and_alpha(r: Any, alpha: Any) -> bool:
    """Two to six rewards, and alpha above 0."""
    return is_vector(r) and 2 <= len(r) <= 6 and is_number(alpha, above=0)


def unequal_rewards(r: Any, alpha: Any) -> bool:
    """As `rewards_and_alpha`, the rewards not all equal."""
    return rewards_and_alpha(r, alpha) and not is_constant(r)


def with_optimum(r: Any, alpha: Any, q: Any) -> bool:
    """As `rewards_and_alpha`, with the weights of the optimal policy."""
    return rewards_and_alpha(r, alpha) and is_policy(q) and len(q) == len(r)


def with_uneven_optimum(r: Any, alpha: Any, q: Any) -> bool:
    """As `with_optimum`, the optimal policy not uniform on the optimal actions."""
    if not with_optimum(r, alpha, q):
        return False
    return not is_constant([a for a in optimal(r, q) if a > 0])


def theorem_v_2_eq_15(r: Any, alpha: Any) -> tuple[Any, Any]:
    """Eq. (15), written as a gap of at least 0."""
    return Fraction(0), gap(r, regularised(r, alpha))


def theorem_v_2_strict(r: Any, alpha: Any, q: Any) -> tuple[Any, Any]:
    """Below Eq. (15): strict if the optimal policy is not of maximal entropy, written as a gap above 0."""
    return Fraction(0), gap(r, regularised(r, alpha))


def theorem_v_2_eq_16(r: Any, alpha: Any) -> tuple[Any, Any]:
    """Eq. (16), with the optimal policy of most entropy."""
    p = regularised(r, alpha)
    ties = sum(a == max(r) for a in r)
    return alpha * (entropy(p) - log(Fraction(ties))), gap(r, p)


def theorem_v_2_eq_16_corrected(r: Any, alpha: Any, q: Any) -> tuple[Any, Any]:
    """The gap is ``alpha (H(reg) - H(opt) - KL(opt || reg))``."""
    p, best = regularised(r, alpha), optimal(r, q)
    return gap(r, p), alpha * (entropy(p) - entropy(best) - divergence(best, p))


def theorem_v_2_eq_16_reversed(r: Any, alpha: Any, q: Any) -> tuple[Any, Any]:
    """``0 <= gap <= alpha (H(reg) - H(opt))``."""
    p, best = regularised(r, alpha), optimal(r, q)
    loss = gap(r, p)
    return [Fraction(0), loss], [loss, alpha * (entropy(p) - entropy(best))]


def theorem_v_2_log_bound(r: Any, alpha: Any) -> tuple[Any, Any]:
    """``gap <= alpha log(n / m)`` with m optimal actions."""
    ties = sum(a == max(r) for a in r)
    return gap(r, regularised(r, alpha)), alpha * log(Fraction(len(r), ties))


def two_policies(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, q: Any, alpha: Any
) -> bool:
    """A process with two policies, and alpha above 0."""
    return (
        is_process(mdp_transition, mdp_reward, mdp_discount, mdp_initial)
        and are_policies(p, mdp_reward)
        and are_policies(q, mdp_reward)
        and is_number(alpha, above=0)
    )


def theorem_v_2_mdp(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, q: Any, alpha: Any
) -> tuple[Any, Any]:
    """The soft performance difference of two policies; the bonus here is alpha times ``H_s`` at every visit."""

    def soft(policy: Matrix) -> Vector:
        gain = processes.rewards(mdp_reward, policy)
        return processes.values(
            mdp_transition,
            mdp_discount,
            policy,
            [a + alpha * entropy(row) for a, row in zip(gain, policy, strict=True)],
        )

    value = soft(p)
    table = processes.action_values(mdp_transition, mdp_discount, mdp_reward, value)
    weights = processes.visits(mdp_transition, mdp_discount, mdp_initial, q)
    terms = [mean(row, actions) + alpha * entropy(row) - own for row, actions, own in zip(q, table, value, strict=True)]
    return mean(mdp_initial, soft(q)) - mean(mdp_initial, value), mean(weights, terms)


def bandit(p: Any, r: Any) -> bool:
    """A policy of two to six actions and a reward for each."""
    return is_bandit(p, r)


# Corollary V.1


def narrow(r: Any, alpha: Any) -> bool:
    """As `unequal_rewards`, alpha at most a tenth of their spread."""
    return unequal_rewards(r, alpha) and 10 * alpha <= max(r) - min(r)


def corollary_v_1_narrow_range(r: Any, alpha: Any) -> tuple[Any, Any]:
    """Half of alpha gives no more reward; compared are the gaps to the largest."""
    return gap(r, regularised(r, alpha)), gap(r, regularised(r, alpha / 2))


def corollary_v_1_narrow_range_corrected(r: Any, alpha: Any) -> tuple[Any, Any]:
    """The expected reward falls with alpha at the rate ``Var(r) / alpha**2``."""
    inverse = 1 / Jet([alpha, Fraction(1)])
    # A common shift of the rewards changes nothing.
    weights = [((a - max(r)) * inverse).exp() for a in r]
    left = total(w * a for w, a in zip(weights, r, strict=True)) / total(weights)
    return left.slope, -variance(regularised(r, alpha), r) / alpha**2


def corollary_v_1_too_small(p: Any, r: Any, step: Any) -> Any:
    """Eq. (13) with alpha = step less Eq. (9), per unit of eta, by logit."""
    x, gains = logs(p), advantages(p, r)
    mu = mean(p, x)
    return [a * g - step * a * (b - mu) - a * g for a, g, b in zip(p, gains, x, strict=True)]


def with_unequal_share(p: Any, r: Any, c: Any) -> bool:
    """A bandit with unequal rewards, and c in (0, 1]."""
    return is_bandit(p, r) and not is_constant(r) and is_number(c, above=0, high=1)


def corollary_v_1_too_small_progress(p: Any, r: Any, c: Any) -> tuple[Any, Any]:
    """With ``eta = 2 c / osc(r)`` a step gains at least ``eta / 2`` times the squared gradient."""
    eta = 2 * c / spread(r)
    g = times(p, advantages(p, r))
    after = tilted(p, scaled(eta, g))
    return mean(p, r) + eta / 2 * mean(g, g), mean(after, r)


def two_alphas(r: Any, alpha: Any, beta: Any) -> bool:
    """Unequal rewards and ``0 < alpha < beta``."""
    return unequal_rewards(r, alpha) and is_number(beta, above=alpha)


def corollary_v_1_too_large(r: Any, alpha: Any, beta: Any) -> tuple[Any, Any]:
    """The gap rises strictly with alpha."""
    return gap(r, regularised(r, alpha)), gap(r, regularised(r, beta))


def corollary_v_1_appendix_h(r: Any, alpha: Any, q: Any) -> tuple[Any, Any]:
    """Appendix H: ``gap >= alpha (H(opt) - H(reg))``."""
    p = regularised(r, alpha)
    return alpha * (entropy(optimal(r, q)) - entropy(p)), gap(r, p)


def corollary_v_1_appendix_h_vacuous(r: Any, alpha: Any, q: Any) -> tuple[Any, Any]:
    """Its right side is never above 0."""
    return alpha * (entropy(optimal(r, q)) - entropy(regularised(r, alpha))), Fraction(0)


STATEMENTS: tuple[Statement, ...] = (
    Statement(claim="theorem-v.2/eq-15", domain=rewards_and_alpha, sides=theorem_v_2_eq_15),
    Statement(claim="theorem-v.2/strict", strict=True, domain=with_uneven_optimum, sides=theorem_v_2_strict),
    Statement(
        claim="theorem-v.2/strict", reading="corrected", strict=True, domain=unequal_rewards, sides=theorem_v_2_eq_15
    ),
    Statement(claim="theorem-v.2/eq-16", domain=rewards_and_alpha, sides=theorem_v_2_eq_16),
    Statement(
        claim="theorem-v.2/eq-16",
        reading="corrected",
        kind="identity",
        domain=with_optimum,
        sides=theorem_v_2_eq_16_corrected,
    ),
    Statement(
        claim="theorem-v.2/eq-16-reversed", reading="corrected", domain=with_optimum, sides=theorem_v_2_eq_16_reversed
    ),
    Statement(
        claim="theorem-v.2/log-bound", reading="corrected", domain=rewards_and_alpha, sides=theorem_v_2_log_bound
    ),
    Statement(
        claim="theorem-v.2/mdp", reading="corrected", kind="identity", domain=two_policies, sides=theorem_v_2_mdp
    ),
    Statement(claim="corollary-v.1/narrow-range", domain=narrow, sides=corollary_v_1_narrow_range),
    Statement(
        claim="corollary-v.1/narrow-range",
        reading="corrected",
        kind="identity",
        domain=rewards_and_alpha,
        sides=corollary_v_1_narrow_range_corrected,
    ),
    Statement(claim="corollary-v.1/too-small", kind="order", domain=bandit, remainder=corollary_v_1_too_small, power=1),
    Statement(
        claim="corollary-v.1/too-small-progress",
        reading="corrected",
        domain=with_unequal_share,
        sides=corollary_v_1_too_small_progress,
    ),
    Statement(claim="corollary-v.1/too-large", strict=True, domain=two_alphas, sides=corollary_v_1_too_large),
    Statement(claim="corollary-v.1/appendix-h", domain=with_optimum, sides=corollary_v_1_appendix_h),
    Statement(
        claim="corollary-v.1/appendix-h-vacuous",
        reading="corrected",
        domain=with_optimum,
        sides=corollary_v_1_appendix_h_vacuous,
    ),
)
