"""Section IV: the entropy gradient, and what a policy-gradient step does to the entropy."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

from entropy_theory.independent import processes
from entropy_theory.independent.domains import (
    are_policies,
    both,
    comonotone,
    is_constant,
    is_number,
    is_policy,
    is_process,
    is_vector,
    shape,
)
from entropy_theory.independent.numbers import exp, log, sign, total
from entropy_theory.independent.policies import (
    advantages,
    along,
    covariance,
    entropy,
    entropy_gradient,
    logs,
    mean,
    scaled,
    spread,
    tilted,
    times,
)
from entropy_theory.independent.statement import Statement
from entropy_theory.independent.tokens import policy_gradient

Vector = list[Any]
Matrix = list[Vector]

STEPS_IN_A_PROCESS, STEPS_IN_A_BANDIT, STEPS_OF_THE_REMARK = 4, 4, 8


def drift(p: Vector, change: Vector) -> Any:
    """``Cov_p(log p, change)``."""
    return covariance(p, logs(p), change)


def negative(x: Any) -> bool | None:
    """Whether a number is below 0, as far as that is decided."""
    side = sign(x)
    return None if side is None else side < 0


# Domains


def policy_and_direction(p: Any, v: Any) -> bool:
    """A policy of two to six actions and a direction."""
    return is_policy(p) and is_vector(v, len(p))


def only_policy(p: Any) -> bool:
    """A policy of two to six actions."""
    return is_policy(p)


def policy_and_change(p: Any, D: Any) -> bool:
    """A policy of two to six actions and a change of its logits."""
    return policy_and_direction(p, D)


def two_actions_and_change(p: Any, D: Any) -> bool:
    """A policy of two actions and a change of its logits."""
    return policy_and_direction(p, D) and len(p) == 2


def on_a_segment(p: Any, D: Any, t: Any) -> bool:
    """A policy, a change of at most 10 a logit, and a part of it."""
    return policy_and_direction(p, D) and is_vector(D, low=-10, high=10) and is_number(t, 0, 1)


def bandit(p: Any, r: Any) -> bool:
    """A policy of two to six actions and as many rewards."""
    return policy_and_direction(p, r)


def bandit_and_direction(p: Any, r: Any, v: Any) -> bool:
    """A bandit and a direction."""
    return bandit(p, r) and is_vector(v, len(p))


def two_arms(p: Any, r: Any) -> bool:
    """A bandit of two actions."""
    return bandit(p, r) and len(p) == 2


def process(mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any) -> bool:
    """A process of up to three states and a policy for it."""
    return is_process(mdp_transition, mdp_reward, mdp_discount, mdp_initial) and are_policies(p, mdp_reward)


def process_and_direction(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, v: Any
) -> bool:
    """A process, a policy for it and a direction of its shape."""
    inside = process(mdp_transition, mdp_reward, mdp_discount, mdp_initial, p)
    return inside and shape(v) == shape(mdp_reward)


def process_and_two_directions(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, u: Any, v: Any
) -> bool:
    """A process, a policy for it and two directions of its shape."""
    inside = process_and_direction(mdp_transition, mdp_reward, mdp_discount, mdp_initial, p, v)
    return inside and shape(u) == shape(v)


def calibrated_process(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, eta: Any
) -> bool | None:
    """One or two states with two actions, comonotone with the advantages and of positive covariance; eta up to 8."""
    if not is_process(mdp_transition, mdp_reward, mdp_discount, mdp_initial, (1, 2), (2, 2)):
        return False
    if not are_policies(p, mdp_reward) or not is_number(eta, above=0, high=8):
        return False
    gains = processes.advantages(mdp_transition, mdp_discount, mdp_reward, p)
    if not all(comonotone(row, g) for row, g in zip(p, gains, strict=True)):
        return False
    return both(*(negative(-drift(row, times(row, g))) for row, g in zip(p, gains, strict=True)))


def calibrated(p: Any, r: Any) -> bool:
    """Two to forty actions, comonotone, neither uniform nor of constant reward."""
    if not is_policy(p, 2, 40) or not is_vector(r, len(p)):
        return False
    return comonotone(p, r) and not is_constant(p) and not is_constant(r)


def calibrated_with_share(p: Any, r: Any, c: Any) -> bool:
    """Two to six actions, comonotone, of unequal rewards; c in (0, 1]."""
    return bandit(p, r) and comonotone(p, r) and not is_constant(r) and is_number(c, above=0, high=1)


def small_rewards(p: Any, r: Any, eta: Any, most: int) -> bool:
    """Up to `most` actions, rewards in [0, 1] and eta in (0, 1]."""
    return is_policy(p, 2, most) and is_vector(r, len(p), 0, 1) and is_number(eta, above=0, high=1)


def positive_covariance(p: Any, r: Any, eta: Any) -> bool | None:
    """Two to four actions, rewards in [0, 1], eta in (0, 1], and a covariance above 0."""
    return negative(-drift(p, policy_gradient(p, r))) if small_rewards(p, r, eta, 4) else False


def negative_covariance(p: Any, r: Any, eta: Any) -> bool | None:
    """Two to six actions, rewards in [0, 1], eta in (0, 1], and a covariance below 0."""
    return negative(drift(p, policy_gradient(p, r))) if small_rewards(p, r, eta, 6) else False


def negative_covariance_with_share(p: Any, r: Any, c: Any) -> bool | None:
    """A bandit with a covariance below 0; c in (0, 1]."""
    if not bandit(p, r) or not is_number(c, above=0, high=1):
        return False
    return negative(drift(p, policy_gradient(p, r)))


# Lemma IV.1


def lemma_iv_1(p: Any, v: Any) -> tuple[Any, Any]:
    """Eq. (7) along v: the slope of the entropy, and the sum of the printed entries times v."""
    x = logs(p)
    mu = mean(p, x)
    return entropy(along(p, v)).slope, -total(a * (b - mu) * c for a, b, c in zip(p, x, v, strict=True))


def lemma_iv_1_zero_sum(p: Any) -> tuple[Any, Any]:
    """The entries of Eq. (7) sum to zero."""
    return total(entropy_gradient(p)), Fraction(0)


def lemma_iv_1_threshold(p: Any) -> tuple[Any, Any]:
    """The first entry of Eq. (7) and ``exp(-H) - p`` have a product of at least 0."""
    return Fraction(0), entropy_gradient(p)[0] * (exp(-entropy(p)) - p[0])


# Lemma IV.2


def entropy_error(p: Vector, change: Vector) -> Any:
    """``H(z + change) - H(z) + Cov(log p, change)``."""
    return entropy(tilted(p, change)) - entropy(p) + drift(p, change)


def lemma_iv_2(p: Any, D: Any, step: Any) -> Any:
    """The remainder of Eq. (8)."""
    return entropy_error(p, scaled(step, D))


def lemma_iv_2_constant(p: Any, D: Any) -> tuple[Any, Any]:
    """The remainder of Eq. (8) is at most ``log(n) osc(D)**2 / 2``."""
    return abs(entropy_error(p, D)), log(Fraction(len(p))) * spread(D) ** 2 / 2


def lemma_iv_2_two_actions(p: Any, D: Any) -> tuple[Any, Any]:
    """For two actions it is at most ``osc(D)**2 / 8``."""
    return abs(entropy_error(p, D)), spread(D) ** 2 / 8


def lemma_iv_2_integral(p: Any, D: Any, t: Any) -> tuple[Any, Any]:
    """The derivative of the entropy along the segment is minus the covariance there."""
    there = tilted(p, scaled(t, D))
    return entropy(along(there, D)).slope, -drift(there, D)


# Proposition IV.1


def proposition_iv_1_bandit(p: Any, r: Any, v: Any) -> tuple[Any, Any]:
    """Eq. (9) in a bandit along v, per unit of eta."""
    return mean(along(p, v), r).slope, mean(policy_gradient(p, r), v)


def proposition_iv_1_mdp(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, u: Any, v: Any
) -> tuple[Any, Any]:
    """Eq. (9) in a process, up to one factor: slopes along u and v at the states in which an episode can start."""
    u, v = ([scaled(int(i > 0), row) for i, row in zip(mdp_initial, x, strict=True)] for x in (u, v))
    gains = processes.advantages(mdp_transition, mdp_discount, mdp_reward, p)
    local = [times(a, g) for a, g in zip(p, gains, strict=True)]
    first, second = (
        processes.objective(mdp_transition, mdp_discount, mdp_reward, mdp_initial, processes.moved(p, x)).slope
        for x in (u, v)
    )
    return first * processes.inner(local, v), second * processes.inner(local, u)


def proposition_iv_1_mdp_corrected(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, v: Any
) -> tuple[Any, Any]:
    """Eq. (9) with the number of visits, along v."""
    moved = processes.moved(p, v)
    left = processes.objective(mdp_transition, mdp_discount, mdp_reward, mdp_initial, moved).slope
    return left, processes.inner(processes.policy_gradient(mdp_transition, mdp_discount, mdp_reward, mdp_initial, p), v)


# Theorem IV.1


def theorem_iv_1_bandit(p: Any, r: Any, step: Any) -> Any:
    """The remainder of Eq. (10) in a bandit."""
    return entropy_error(p, scaled(step, policy_gradient(p, r)))


def local_covariances(p: Matrix, gains: Matrix) -> Vector:
    """``Cov_s(log p, p A)`` at every state."""
    return [drift(row, times(row, g)) for row, g in zip(p, gains, strict=True)]


def theorem_iv_1_mdp(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any
) -> tuple[Any, Any]:
    """Eq. (10) in a process, up to one factor: pairs of states in which an episode can start are compared."""
    step = processes.policy_gradient(mdp_transition, mdp_discount, mdp_reward, mdp_initial, p)
    slopes = [entropy(along(row, g)).slope for row, g in zip(p, step, strict=True)]
    local = local_covariances(p, processes.advantages(mdp_transition, mdp_discount, mdp_reward, p))
    starts = [s for s, i in enumerate(mdp_initial) if i > 0]
    pairs = [(s, t) for s in starts for t in starts if s < t]
    if not pairs:
        return Fraction(0), Fraction(0)
    return [slopes[s] * local[t] for s, t in pairs], [slopes[t] * local[s] for s, t in pairs]


def theorem_iv_1_mdp_corrected(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, step: Any
) -> Any:
    """The remainder of Eq. (10) with the number of visits, at every state."""
    gains = processes.advantages(mdp_transition, mdp_discount, mdp_reward, p)
    weights = processes.visits(mdp_transition, mdp_discount, mdp_initial, p)
    out = []
    for w, row, g in zip(weights, p, gains, strict=True):
        local = times(row, g)
        out.append(entropy(tilted(row, scaled(step * w, local))) - entropy(row) + step * w * drift(row, local))
    return out


def change_of_mean_entropy(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, step: Any
) -> Any:
    """How Eq. (4) changes by an exact gradient step."""
    g = processes.policy_gradient(mdp_transition, mdp_discount, mdp_reward, mdp_initial, p)
    after = [tilted(row, scaled(step, x)) for row, x in zip(p, g, strict=True)]
    before = processes.mean_entropy(mdp_transition, mdp_discount, mdp_initial, p)
    return processes.mean_entropy(mdp_transition, mdp_discount, mdp_initial, after) - before


def theorem_iv_1_eq_4(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, step: Any
) -> Any:
    """The remainder of Eq. (10) averaged as in Eq. (4) with the visitation held."""
    change = change_of_mean_entropy(mdp_transition, mdp_reward, mdp_discount, mdp_initial, p, step)
    local = local_covariances(p, processes.advantages(mdp_transition, mdp_discount, mdp_reward, p))
    weights = processes.visits(mdp_transition, mdp_discount, mdp_initial, p)
    return change + step * (1 - mdp_discount) * total(w**2 * c for w, c in zip(weights, local, strict=True))


def theorem_iv_1_eq_4_corrected(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, step: Any
) -> Any:
    """The same with the gradient of Eq. (4) itself."""
    change = change_of_mean_entropy(mdp_transition, mdp_reward, mdp_discount, mdp_initial, p, step)
    g = processes.policy_gradient(mdp_transition, mdp_discount, mdp_reward, mdp_initial, p)
    wide = processes.mean_entropy_gradient(mdp_transition, mdp_discount, mdp_initial, p)
    return change - step * processes.inner(wide, g)


def theorem_iv_1_natural_gradient(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, step: Any
) -> Any:
    """The remainder of Eq. (10) under the natural gradient, ``dz = eta A``, at every state."""
    gains = processes.advantages(mdp_transition, mdp_discount, mdp_reward, p)
    return [entropy_error(row, scaled(step, g)) for row, g in zip(p, gains, strict=True)]


def theorem_iv_1_two_actions(p: Any, r: Any) -> tuple[Any, Any]:
    """For two actions the covariances with ``pA`` and with A have a product of at least 0."""
    return Fraction(0), drift(p, policy_gradient(p, r)) * drift(p, advantages(p, r))


# Remark IV.1


def entropies(p: Vector, r: Vector, eta: Any, steps: int) -> Vector:
    """The entropy before and after each exact gradient step in a bandit."""
    out = [entropy(p)]
    for _ in range(steps):
        p = tilted(p, scaled(eta, policy_gradient(p, r)))
        out.append(entropy(p))
    return out


def remark_iv_1_comonotone(p: Any, r: Any) -> tuple[Any, Any]:
    """A well-calibrated policy has a covariance above 0."""
    return Fraction(0), drift(p, policy_gradient(p, r))


def remark_iv_1_monotone(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, eta: Any
) -> tuple[Any, Any]:
    """Monotonic entropy reduction in a process, over four exact gradient steps."""
    changes: Vector = []
    for _ in range(STEPS_IN_A_PROCESS):
        g = processes.policy_gradient(mdp_transition, mdp_discount, mdp_reward, mdp_initial, p)
        after = [tilted(row, scaled(eta, x)) for row, x in zip(p, g, strict=True)]
        changes += [entropy(b) - entropy(a) for a, b in zip(p, after, strict=True)]
        p = after
    return changes, Fraction(0)


def remark_iv_1_monotone_corrected(p: Any, r: Any, c: Any) -> tuple[Any, Any]:
    """The same in a bandit, with ``eta = 8 c / osc(r)``."""
    h = entropies(p, r, 8 * c / spread(r), STEPS_IN_A_BANDIT)
    return h[1:], h[:-1]


def remark_iv_1_monotone_covariance(p: Any, r: Any, eta: Any) -> tuple[Any, Any]:
    """Monotonic entropy reduction from a positive covariance, over eight steps."""
    h = entropies(p, r, eta, STEPS_OF_THE_REMARK)
    return [after - before for before, after in pairwise(h)], Fraction(0)


def remark_iv_1_order_kept(p: Any, r: Any, c: Any) -> tuple[Any, Any]:
    """After a step with ``eta = 8 c / osc(r)`` logits and rewards are comonotone."""
    step = scaled(8 * c / spread(r), policy_gradient(p, r))
    n = range(len(p))
    products = [(r[a] - r[b]) * (log(p[a] / p[b]) + step[a] - step[b]) for a in n for b in n if a < b]
    return [Fraction(0)] * len(products), products


def remark_iv_1_negative(p: Any, r: Any, eta: Any) -> tuple[Any, Any]:
    """A step from a negative covariance raises the entropy."""
    before, after = entropies(p, r, eta, 1)
    return Fraction(0), after - before


def remark_iv_1_negative_corrected(p: Any, r: Any, c: Any) -> tuple[Any, Any]:
    """The same with ``eta = -2 c Cov / (log(n) osc(pA)**2)``."""
    g = policy_gradient(p, r)
    eta = -2 * c * drift(p, g) / (log(Fraction(len(p))) * spread(g) ** 2)
    return remark_iv_1_negative(p, r, eta)


STATEMENTS = (
    Statement(claim="lemma-iv.1", kind="identity", domain=policy_and_direction, sides=lemma_iv_1),
    Statement(
        claim="lemma-iv.1/zero-sum", reading="corrected", kind="identity", domain=only_policy, sides=lemma_iv_1_zero_sum
    ),
    Statement(claim="lemma-iv.1/threshold", reading="corrected", domain=only_policy, sides=lemma_iv_1_threshold),
    Statement(claim="lemma-iv.2", kind="order", domain=policy_and_change, remainder=lemma_iv_2, power=2),
    Statement(claim="lemma-iv.2/constant", reading="corrected", domain=policy_and_change, sides=lemma_iv_2_constant),
    Statement(
        claim="lemma-iv.2/constant-two-actions",
        reading="corrected",
        domain=two_actions_and_change,
        sides=lemma_iv_2_two_actions,
    ),
    Statement(
        claim="lemma-iv.2/integral",
        reading="corrected",
        kind="identity",
        domain=on_a_segment,
        sides=lemma_iv_2_integral,
    ),
    Statement(
        claim="proposition-iv.1/bandit", kind="identity", domain=bandit_and_direction, sides=proposition_iv_1_bandit
    ),
    Statement(
        claim="proposition-iv.1/mdp", kind="identity", domain=process_and_two_directions, sides=proposition_iv_1_mdp
    ),
    Statement(
        claim="proposition-iv.1/mdp",
        reading="corrected",
        kind="identity",
        domain=process_and_direction,
        sides=proposition_iv_1_mdp_corrected,
    ),
    Statement(claim="theorem-iv.1/bandit", kind="order", domain=bandit, remainder=theorem_iv_1_bandit, power=2),
    Statement(claim="theorem-iv.1/mdp", kind="identity", domain=process, sides=theorem_iv_1_mdp),
    Statement(
        claim="theorem-iv.1/mdp",
        reading="corrected",
        kind="order",
        domain=process,
        remainder=theorem_iv_1_mdp_corrected,
        power=2,
    ),
    Statement(claim="theorem-iv.1/eq-4", kind="order", domain=process, remainder=theorem_iv_1_eq_4, power=2),
    Statement(
        claim="theorem-iv.1/eq-4",
        reading="corrected",
        kind="order",
        domain=process,
        remainder=theorem_iv_1_eq_4_corrected,
        power=2,
    ),
    Statement(
        claim="theorem-iv.1/natural-gradient",
        reading="corrected",
        kind="order",
        domain=process,
        remainder=theorem_iv_1_natural_gradient,
        power=2,
    ),
    Statement(claim="theorem-iv.1/two-actions", reading="corrected", domain=two_arms, sides=theorem_iv_1_two_actions),
    Statement(claim="remark-iv.1/comonotone", strict=True, domain=calibrated, sides=remark_iv_1_comonotone),
    Statement(claim="remark-iv.1/monotone", domain=calibrated_process, sides=remark_iv_1_monotone),
    Statement(
        claim="remark-iv.1/monotone",
        reading="corrected",
        domain=calibrated_with_share,
        sides=remark_iv_1_monotone_corrected,
    ),
    Statement(
        claim="remark-iv.1/monotone-covariance", domain=positive_covariance, sides=remark_iv_1_monotone_covariance
    ),
    Statement(
        claim="remark-iv.1/order-kept",
        reading="corrected",
        domain=calibrated_with_share,
        sides=remark_iv_1_order_kept,
    ),
    Statement(claim="remark-iv.1/negative", domain=negative_covariance, sides=remark_iv_1_negative),
    Statement(
        claim="remark-iv.1/negative",
        reading="corrected",
        domain=negative_covariance_with_share,
        sides=remark_iv_1_negative_corrected,
    ),
)
