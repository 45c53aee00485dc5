"""Section VII: bias and variance, convergence, stability and cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import product
from typing import Any

from entropy_theory.independent.blocks_vii import (
    average_of,
    both,
    centred_logs,
    chance,
    convex_root,
    covariance_matrix,
    entropy_slope,
    expectation,
    fisher_norm,
    gradient,
    is_at_least,
    is_integer,
    loss_gradient,
    margin,
    minus,
    plus,
    policy_gradient,
    quadratic_form,
    ray_divergence,
    sampled,
    score,
    square,
    token_covariances,
    variances,
)
from entropy_theory.independent.domains import comonotone, is_constant, is_number, is_policy, is_vector, shape
from entropy_theory.independent.numbers import exp, log, minimum, sign, sqrt, total
from entropy_theory.independent.policies import (
    advantages,
    along,
    divergence,
    entropy,
    entropy_gradient,
    fisher,
    logs,
    mean,
    path,
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
Law = list[tuple[Any, Vector]]

HALF = Fraction(1, 2)
LEAST_SHARE = Fraction(1, 1024)
MOST_TOKENS = 2**26
RUN = 3
"""Runs are followed for T = 1, ..., `RUN`."""


def bandit(p: Any, r: Any) -> bool:
    """A policy of two to six actions and a reward for each."""
    return is_policy(p) and is_vector(r, len(p))


def small_bandit(p: Any, r: Any, most: int = 3) -> bool:
    """A policy of two to `most` actions and a reward in [0, 1] for each."""
    return is_policy(p, 2, most) and is_vector(r, len(p), 0, 1)


# Definition VII.1


def first_weighted(p: Any, r: Any, keep: Any) -> bool:
    """A bandit, and a weight in [0, 1] of the first action's loss."""
    return bandit(p, r) and is_number(keep, 0, 1)


def clipped_first(p: Vector, r: Vector, keep: Any) -> Vector:
    """The update of the loss in which the first action has the weight `keep` and all others one."""
    return loss_gradient(p, [keep, *[Fraction(1)] * (len(p) - 1)], advantages(p, r))


def definition_vii_1_local(p: Any, r: Any, keep: Any) -> tuple[Any, Any]:
    """Definition VII.1: clipping the first token leaves the others unaffected."""
    return clipped_first(p, r, keep)[1:], policy_gradient(p, r)[1:]


def definition_vii_1_local_corrected(p: Any, r: Any, keep: Any) -> tuple[Any, Any]:
    """It takes ``(1 - keep) p_a A_a`` times its score off all of them."""
    lost = (1 - keep) * p[0] * advantages(p, r)[0]
    return minus(clipped_first(p, r, keep), policy_gradient(p, r)), scaled(-lost, score(p, 0))


# Theorem VII.1: the law of the update of sampled tokens


def token_updates(p: Vector, r: Vector) -> Matrix:
    """``A_a (e_a - p)``, the update of one sampled token, by action."""
    return [scaled(gain, score(p, a)) for a, gain in enumerate(advantages(p, r))]


def one_token(p: Vector, r: Vector) -> Law:
    """The law of the update of one sampled token."""
    return list(zip(p, token_updates(p, r), strict=True))


def mean_of_tokens(p: Vector, r: Vector, tokens: int) -> Law:
    """The law of the mean update of some sampled tokens."""
    updates = token_updates(p, r)
    return [(w, average_of([updates[a] for a in drawn])) for w, drawn in sampled(p, tokens)]


def masks(keep: Vector) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Every mask of independent entries with its probability; `keep` holds the chances of a 1."""
    for mask in product((0, 1), repeat=len(keep)):
        yield chance(k if on else 1 - k for k, on in zip(keep, mask, strict=True)), mask


def masked_entries(law: Law, keep: Vector) -> Law:
    """The law of an update each entry of which is kept with its own chance, independently."""
    return [(w * c, times(mask, x)) for w, x in law for c, mask in masks(keep)]


def masked_tokens(p: Vector, r: Vector, keep: Vector) -> Law:
    """The law of the update of one token, which is kept with the chance of its action."""
    updates = token_updates(p, r)
    law = [(a * k, x) for a, k, x in zip(p, keep, updates, strict=True)]
    return [*law, *((a * (1 - k), scaled(Fraction(0), x)) for a, k, x in zip(p, keep, updates, strict=True))]


def with_eta_and_alpha(p: Any, r: Any, eta: Any, alpha: Any) -> bool:
    """A small bandit, eta and alpha above 0."""
    return small_bandit(p, r) and is_number(eta, above=0) and is_number(alpha, above=0)


def theorem_vii_1_eq_25(p: Any, r: Any, eta: Any, alpha: Any) -> tuple[Any, Any]:
    """Eq. (25), for one and two tokens: the exact entropy gradient shifts the mean and leaves the covariance."""
    left: list[Any] = []
    right: list[Any] = []
    bonus = scaled(alpha, entropy_gradient(p))
    for tokens in (1, 2):
        law = [(w, scaled(eta, x)) for w, x in mean_of_tokens(p, r, tokens)]
        moved = [(w, plus(x, bonus)) for w, x in law]
        left += [expectation(moved), covariance_matrix(moved)]
        right += [plus(scaled(eta, policy_gradient(p, r)), bonus), covariance_matrix(law)]
    return left, right


def logits_in_bits(m: Any) -> bool:
    """Six or seven logits in bits, within 4 of zero and not all equal."""
    return is_vector(m, low=-4, high=4) and 6 <= len(m) <= 7 and not is_constant(m)


def theorem_vii_1_dense(m: Any) -> tuple[Any, Any]:
    """Below Eq. (24): no entry of the entropy gradient is 0; compared is the least ``|log p_a + H|`` in bits."""
    weights = [Fraction(2) ** int(x) if x.denominator == 1 else exp(x * log(Fraction(2))) for x in m]
    average = mean(weights, m) / total(weights)
    return Fraction(0), minimum([abs(x - average) for x in m])


def unequal_logits(z: Any) -> bool:
    """Two to six logits, not all equal."""
    return is_vector(z) and 2 <= len(z) <= 6 and not is_constant(z)


def theorem_vii_1_dense_corrected(z: Any) -> tuple[Any, Any]:
    """The entropy gradient is not zero; its entries are ``-p_a (z_a - E z)``."""
    p = softmax(z)
    average = mean(p, z)
    return Fraction(0), square([a * (x - average) for a, x in zip(p, z, strict=True)])


def rest_and_share(q: Any, t: Any) -> bool:
    """A policy of one to five actions and the share of one more."""
    return is_policy(q, 1, 5) and is_number(t, above=0, below=1)


def theorem_vii_1_zero_entry(q: Any, t: Any) -> tuple[Any, Any]:
    """The slope of the entropy by the logit of the action whose probability is t."""
    unit = [Fraction(1), *[Fraction(0)] * len(q)]
    return entropy_slope([t, *scaled(1 - t, q)], unit), t * (1 - t) * (log((1 - t) / t) - entropy(q))


def with_chances(p: Any, r: Any, rho: Any) -> bool:
    """A small bandit and a chance for each action."""
    return small_bandit(p, r) and is_vector(rho, len(p), 0, 1)


def detached(p: Vector, r: Vector, rho: Vector) -> Law:
    """The law of what Clip-Cov takes from the update of two tokens, each detached with its action's chance."""
    taken = [(w, scaled(-HALF, x)) for w, x in masked_tokens(p, r, rho)]
    return [(v * w, plus(x, y)) for v, x in taken for w, y in taken]


def theorem_vii_1_eq_26(p: Any, r: Any, rho: Any) -> tuple[Any, Any]:
    """Eq. (26): ``beta B_cov`` is deterministic, so its variances are 0."""
    return variances(detached(p, r, rho)), Fraction(0)


def theorem_vii_1_eq_26_corrected(p: Any, r: Any, rho: Any) -> tuple[Any, Any]:
    """Its covariance for two tokens in closed form."""
    gains = advantages(p, r)
    w = [a * c * g**2 for a, c, g in zip(p, rho, gains, strict=True)]
    held = times(rho, gains)
    b = [a * (x - mean(p, held)) for a, x in zip(p, held, strict=True)]
    n = range(len(p))
    right = [
        [(w[i] * (i == j) - w[i] * p[j] - p[i] * w[j] + sum(w) * p[i] * p[j] - b[i] * b[j]) / 2 for j in n] for i in n
    ]
    return covariance_matrix(detached(p, r, rho)), right


def with_rate(p: Any, r: Any, rho: Any) -> bool:
    """Two to four actions, rewards in [0, 1] and a mask rate in (0, 1]."""
    return small_bandit(p, r, 4) and is_number(rho, above=0, high=1)


def random_base(p: Any, r: Any, rho: Any) -> bool:
    """As `with_rate`, every entry of the base update with a variance above 0."""
    return with_rate(p, r, rho) and all(v > 0 for v in variances(one_token(p, r)))


def masked_at_rate(p: Vector, r: Vector, rho: Any) -> Vector:
    """The variances of the update of one token, each entry dropped with the chance rho."""
    return variances(masked_entries(one_token(p, r), [1 - rho] * len(p)))


def theorem_vii_1_eq_27(p: Any, r: Any, rho: Any) -> tuple[Any, Any]:
    """Eq. (27)."""
    return masked_at_rate(p, r, rho), variances(one_token(p, r))


def with_rates(p: Any, r: Any, rho: Any) -> bool:
    """A bandit of two or three actions and a mask rate for each entry."""
    return is_policy(p, 2, 3) and is_vector(r, len(p)) and is_vector(rho, len(p), 0, 1)


def theorem_vii_1_eq_27_corrected(p: Any, r: Any, rho: Any) -> tuple[Any, Any]:
    """``(1 - rho) sigma**2 + rho (1 - rho) m**2``, entry by entry."""
    law = one_token(p, r)
    left = variances(masked_entries(law, [1 - c for c in rho]))
    terms = zip(rho, variances(law), policy_gradient(p, r), strict=True)
    return left, [(1 - c) * s + c * (1 - c) * m**2 for c, s, m in terms]


def theorem_vii_1_eq_27_iff(p: Any, r: Any, rho: Any) -> tuple[Any, Any]:
    """A mask lowers a variance iff ``(1 - rho) m**2 <= sigma**2``: two differences have one sign."""
    base = variances(one_token(p, r))
    masked = masked_at_rate(p, r, rho)
    means = policy_gradient(p, r)
    return Fraction(0), [(s - v) * (s - (1 - rho) * m**2) for s, v, m in zip(base, masked, means, strict=True)]


def theorem_vii_1_appendix_l(p: Any, r: Any, rho: Any) -> tuple[Any, Any]:
    """Appendix L: ``(1 - rho) sigma**2 + (1 - rho)**2 Var(E)``, the last variance read as 0 or as the mean squared.

    Compared with 0 is the distance to the nearer reading.
    """
    base, means = variances(one_token(p, r)), policy_gradient(p, r)
    left = []
    for v, s, m in zip(masked_at_rate(p, r, rho), base, means, strict=True):
        rest = v - (1 - rho) * s
        left.append(min(abs(rest), abs(rest - (1 - rho) ** 2 * m**2)))
    return left, Fraction(0)


def kept_by_action(p: Any, r: Any, k: Any) -> bool:
    """A bandit of two to four actions, each kept with a chance in (0, 1]."""
    return is_policy(p, 2, 4) and is_vector(r, len(p)) and is_vector(k, len(p), 0, 1) and all(x > 0 for x in k)


def theorem_vii_1_appendix_l_corrected(p: Any, r: Any, k: Any) -> tuple[Any, Any]:
    """The law of total variance, for tokens that are kept by their action."""
    kept = mean(p, k)
    law = [(a * c / kept, x) for a, c, x in zip(p, k, token_updates(p, r), strict=True)]
    right = [kept * v + kept * (1 - kept) * m**2 for v, m in zip(variances(law), expectation(law), strict=True)]
    return variances(masked_tokens(p, r, k)), right


def kept_entries(p: Any, r: Any, k: Any) -> bool:
    """A small bandit, each logit entry kept with a chance in [0, 1]."""
    return small_bandit(p, r) and is_vector(k, len(p), 0, 1)


def kept_entries_calmer(p: Any, r: Any, k: Any, v: Any) -> bool:
    """As `kept_entries`, Eq. (27) true of every entry, and a direction within [-1, 1]."""
    if not (kept_entries(p, r, k) and is_vector(v, len(p), -1, 1)):
        return False
    law = one_token(p, r)
    return all(a <= b for a, b in zip(variances(masked_entries(law, k)), variances(law), strict=True))


def theorem_vii_1_eq_28(p: Any, r: Any, k: Any, v: Any) -> tuple[Any, Any]:
    """Eq. (28) along v, for masked logit entries."""
    law = one_token(p, r)
    return tuple(quadratic_form(covariance_matrix(x), v) for x in (masked_entries(law, k), law))


def some_entry_random(p: Any, r: Any, k: Any) -> bool:
    """As `kept_entries`, rewards not all equal and some chance strictly between 0 and 1."""
    return kept_entries(p, r, k) and not is_constant(r) and any(0 < x < 1 for x in k)


def theorem_vii_1_eq_28_corrected(p: Any, r: Any, k: Any) -> tuple[Any, Any]:
    """The direction (1, ..., 1), in which the base update does not move, is exposed."""
    law, ones = one_token(p, r), [Fraction(1)] * len(p)
    return tuple(quadratic_form(covariance_matrix(x), ones) for x in (law, masked_entries(law, k)))


def token_covariance_pair(p: Vector, r: Vector, rho: Any) -> tuple[Matrix, Matrix]:
    """Covariance of the update of one token that is detached with the chance rho, and of the base update."""
    return covariance_matrix(masked_tokens(p, r, [1 - rho] * len(p))), covariance_matrix(one_token(p, r))


def detached_calmer(p: Any, r: Any, rho: Any, v: Any) -> bool:
    """As `with_rate`, Eq. (27) true of every entry, and a direction within [-1, 1]."""
    if not (with_rate(p, r, rho) and is_vector(v, len(p), -1, 1)):
        return False
    masked, base = token_covariance_pair(p, r, rho)
    return all(masked[i][i] <= base[i][i] for i in range(len(p)))


def theorem_vii_1_eq_28_tokens(p: Any, r: Any, rho: Any, v: Any) -> tuple[Any, Any]:
    """Eq. (28) along v, for masked tokens."""
    masked, base = token_covariance_pair(p, r, rho)
    return quadratic_form(masked, v), quadratic_form(base, v)


def no_zero_advantage(p: Any, r: Any) -> bool:
    """Two to four actions, rewards in [0, 1], none of them the mean."""
    return small_bandit(p, r, 4) and all(gain != 0 for gain in advantages(p, r))


def detached_no_zero(p: Any, r: Any, rho: Any, v: Any) -> bool:
    """As `no_zero_advantage`, a mask rate in (0, 1] and a direction within [-1, 1]."""
    return no_zero_advantage(p, r) and with_rate(p, r, rho) and is_vector(v, len(p), -1, 1)


def inverse_moments(p: Vector, r: Vector) -> tuple[Any, Any, Vector]:
    """``E[1/A]``, ``Var(1/A)`` and ``u = E[A**-2] / A - E[1/A] / A**2``."""
    inverse = [1 / gain for gain in advantages(p, r)]
    first, second = mean(p, inverse), mean(p, times(inverse, inverse))
    return first, variance(p, inverse), [second * x - first * x**2 for x in inverse]


def theorem_vii_1_eq_28_tokens_corrected(p: Any, r: Any, rho: Any, v: Any) -> tuple[Any, Any]:
    """Both directions of the criterion, as two inequalities of which the second is along u."""
    masked, base = token_covariance_pair(p, r, rho)
    first, spread_of, u = inverse_moments(p, r)
    c = first**2 - (1 - rho) * spread_of
    gain = [quadratic_form(base, x) - quadratic_form(masked, x) for x in (v, u)]
    return [rho * c * quadratic_form(base, v), gain[1]], [first**2 * gain[0], rho * spread_of * c]


def theorem_vii_1_eq_28_range(p: Any, r: Any) -> tuple[Any, Any]:
    """``Sigma u = E[1/A]**2 m`` and ``m' u = Var(1/A)``."""
    first, spread_of, u = inverse_moments(p, r)
    m = policy_gradient(p, r)
    left = [*(mean(row, u) for row in covariance_matrix(one_token(p, r))), mean(m, u)]
    return left, [*scaled(first**2, m), spread_of]


def penalised(p: Vector, r: Vector, q: Vector, beta: Any, first: Callable[[int, int], bool]) -> Law:
    """The law of the KL-Cov update of two tokens, the selected one of which gets ``-beta (p - q)`` at its entry.

    ``first(a, b)`` says whether a is selected from a and b.
    """
    updates = token_updates(p, r)
    law: Law = []
    for w, (a, b) in sampled(p, 2):
        chosen = a if first(a, b) else b
        penalty = [-beta * (p[i] - q[i]) * (i == chosen) for i in range(len(p))]
        law.append((w, plus(average_of([updates[a], updates[b]]), penalty)))
    return law


def two_policies_with_rewards(p: Any, r: Any, q: Any, beta: Any) -> bool:
    """A small bandit, an old policy, and beta in (0, 1]."""
    return small_bandit(p, r) and is_policy(q) and len(q) == len(p) and is_number(beta, above=0, high=1)


def larger_covariance(p: Vector, r: Vector) -> Callable[[int, int], bool]:
    """Whether of two actions the first has at least the ``|C|`` of the second."""
    size = [abs(c) for c in token_covariances(p, policy_gradient(p, r))]
    return lambda a, b: is_at_least(size[a], size[b]) is not False


def collapsing(p: Any, r: Any, q: Any, beta: Any) -> bool | None:
    """As `two_policies_with_rewards`, p and r comonotone and neither constant; not decided where ``|C|`` are tied."""
    if not two_policies_with_rewards(p, r, q, beta) or not comonotone(p, r) or is_constant(p) or is_constant(r):
        return False
    size = [abs(c) for c in token_covariances(p, policy_gradient(p, r))]
    pairs = [(a, b) for a in range(len(p)) for b in range(a)]
    return both(*(None if sign(size[a] - size[b]) in (None, 0) else True for a, b in pairs))


def theorem_vii_1_kl_cov(p: Any, r: Any, q: Any, beta: Any) -> tuple[Any, Any]:
    """Below Eq. (28): KL-Cov does not increase a variance; of two tokens that with the larger ``|C|`` is selected."""
    return variances(penalised(p, r, q, beta, larger_covariance(p, r))), variances(mean_of_tokens(p, r, 2))


def scored(p: Any, r: Any, q: Any, beta: Any, c: Any) -> bool:
    """As `two_policies_with_rewards`, with different scores in [0, 1]."""
    return two_policies_with_rewards(p, r, q, beta) and is_vector(c, len(p), 0, 1) and len(set(c)) == len(c)


def theorem_vii_1_kl_cov_corrected(p: Any, r: Any, q: Any, beta: Any, c: Any) -> tuple[Any, Any]:
    """The variance of the KL-Cov update with any score, from the moments given the selection."""
    gains, m, base = advantages(p, r), policy_gradient(p, r), variances(mean_of_tokens(p, r, 2))
    right = []
    for j, own in enumerate(p):
        below = [i for i in range(len(p)) if c[i] < c[j]]
        chosen = own * (2 * sum(p[i] for i in range(len(p)) if c[i] <= c[j]) - own)
        # Both tokens are j, or one is j and the other has a lower score.
        joint = own**2 * gains[j] * (1 - own)
        joint += sum(2 * own * p[i] * (gains[j] * (1 - own) - gains[i] * own) / 2 for i in below)
        size = beta * (p[j] - q[j])
        right.append(base[j] + size**2 * chosen * (1 - chosen) - 2 * size * (joint - m[j] * chosen))
    return variances(penalised(p, r, q, beta, lambda a, b: c[a] >= c[b])), right


# Assumption VII.1


def reward_smoothness(r: Vector) -> Any:
    """``osc(r) / (3 sqrt 3)``."""
    return spread(r) / sqrt(Fraction(27))


def entropy_smoothness(n: int) -> Any:
    """``log(n) / (3 sqrt 3) + (1 + 1/e) / 2``."""
    return log(Fraction(n)) / sqrt(Fraction(27)) + (1 + exp(Fraction(-1))) / 2


def unequal_bandit_directed(p: Any, r: Any, v: Any) -> bool:
    """A bandit whose rewards are not all equal, and a direction."""
    return bandit(p, r) and not is_constant(r) and is_vector(v, len(p))


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
    return bandit(p, r) and is_number(alpha, above=0)


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


def regularised_gradient(p: Vector, r: Vector, alpha: Any) -> Vector:
    """``grad J + alpha grad H`` by logit."""
    return plus(policy_gradient(p, r), scaled(alpha, entropy_gradient(p)))


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


def hyperbolic(w: Any) -> tuple[Any, Any]:
    """``sinh w`` and ``cosh w``."""
    up, down = exp(w), exp(-w)
    return (up - down) / 2, (up + down) / 2


def solved(s: Any) -> Any:
    """The w with ``w + sinh w = s``, s above 0."""
    return convex_root(lambda w: w + hyperbolic(w)[0] - s, lambda w: 1 + hyperbolic(w)[1])


def theorem_vii_3_stationary(w0: Any, eta: Any, step: Any) -> Any:
    """``1 / min p`` after ``T = 1 / step`` updates, at least.

    Two arms with rewards (1, 0) have ``w' = w + eta / (1 + cosh w)``, w the difference of logits. ``w + sinh w`` is
    convex where w >= 0 and has the slope ``1 + cosh w``, so it grows by at least eta a step.
    """
    return 1 + exp(solved(w0 + hyperbolic(w0)[0] + eta / step))


def unequal_bandit(p: Any, r: Any) -> bool:
    """A bandit whose rewards are not all equal."""
    return bandit(p, r) and not is_constant(r)


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


# Definition VII.2


def ray(p: Any, v: Any, eta: Any) -> bool:
    """A policy of two to four actions, a direction within [-10, 10] and a step in (0, 100]."""
    return is_policy(p, 2, 4) and is_vector(v, len(p), -10, 10) and is_number(eta, above=0, high=100)


def two_steps(p: Any, v: Any, eta: Any, c: Any) -> bool:
    """As `ray`, the direction not constant, and c in (0, 10]."""
    return ray(p, v, eta) and not is_constant(v) and is_number(c, above=0, high=10)


def definition_vii_2_well_posed(p: Any, v: Any, eta: Any, c: Any) -> tuple[Any, Any]:
    """The divergence rises strictly with the step."""
    return divergence(p, tilted(p, scaled(eta, v))), divergence(p, tilted(p, scaled(eta * (1 + c), v)))


def with_level(p: Any, v: Any, epsilon: Any) -> bool:
    """A policy of two or three actions, a direction that is not constant, and a level in [1/1024, 8]."""
    return (
        is_policy(p, 2, 3)
        and is_vector(v, len(p), -10, 10)
        and not is_constant(v)
        and is_number(epsilon, LEAST_SHARE, 8)
    )


def definition_vii_2_margin(p: Any, v: Any, epsilon: Any) -> tuple[Any, Any]:
    """Eq. (32): the divergence at the margin is the level."""
    return divergence(p, tilted(p, scaled(margin(p, v, epsilon), v))), epsilon


def definition_vii_2_slope(p: Any, v: Any, eta: Any) -> tuple[Any, Any]:
    """The divergence has the slope ``E_eta v - E v``."""
    after = tilted(p, scaled(eta, v))
    slope = total(-a * b.log().slope for a, b in zip(p, along(after, v), strict=True))
    return slope, mean(after, v) - mean(p, v)


def definition_vii_2_unbounded(p: Any, v: Any, eta: Any) -> tuple[Any, Any]:
    """The divergence is at least ``eta (v_a - E v) + log p_a``."""
    average = mean(p, v)
    low = [eta * (x - average) + y for x, y in zip(v, logs(p), strict=True)]
    return low, divergence(p, tilted(p, scaled(eta, v)))


# Theorem VII.4


def is_moving(p: Any, r: Any, fewest: int, most: int) -> bool:
    """A policy that is not uniform, with rewards that are not all equal."""
    return is_policy(p, fewest, most) and is_vector(r, len(p)) and not is_constant(p) and not is_constant(r)


def moving_bandit(p: Any, r: Any, alpha: Any) -> bool:
    """As `is_moving` with two to five actions, and alpha above 0."""
    return is_moving(p, r, 2, 5) and is_number(alpha, above=0)


def is_level(epsilon: Any) -> bool:
    """A level in [1/1024, 1]."""
    return is_number(epsilon, LEAST_SHARE, 1)


def exact_margins(p: Any, r: Any, alpha: Any, epsilon: Any) -> bool:
    """As `moving_bandit` with at most three actions, and a level."""
    return is_moving(p, r, 2, 3) and is_number(alpha, above=0) and is_level(epsilon)


def exact_margins_of_three(p: Any, r: Any, alpha: Any, epsilon: Any) -> bool:
    """As `moving_bandit` with three actions, and a level."""
    return is_moving(p, r, 3, 3) and is_number(alpha, above=0) and is_level(epsilon)


def theorem_vii_4_eq_33(p: Any, r: Any, alpha: Any, epsilon: Any) -> tuple[Any, Any]:
    """Eq. (33) read as ``gamma_reg <= gamma_base``.

    The divergence rises along a ray, so this says that along ``g + alpha h`` it is at least epsilon at gamma_base.
    """
    base = margin(p, policy_gradient(p, r), epsilon)
    return epsilon, ray_divergence(p, regularised_gradient(p, r, alpha), base)


def theorem_vii_4_eq_33_corrected(p: Any, r: Any, alpha: Any, epsilon: Any) -> tuple[Any, Any]:
    """``1 / gamma_reg <= 1 / gamma_base + alpha / gamma_H``: there the divergence is at most epsilon."""
    base, own = (margin(p, v, epsilon) for v in (policy_gradient(p, r), entropy_gradient(p)))
    return ray_divergence(p, regularised_gradient(p, r, alpha), 1 / (1 / base + alpha / own)), epsilon


def quadratic_margins(p: Any, r: Any, alpha: Any, epsilon: Any) -> bool:
    """As `moving_bandit` with two to five actions, and a level."""
    return moving_bandit(p, r, alpha) and is_level(epsilon)


def theorem_vii_4_quadratic(p: Any, r: Any, alpha: Any, epsilon: Any) -> tuple[Any, Any]:
    """Both bounds of ``gamma_reg = sqrt(2 epsilon) / ||g + alpha h||_F``, with the norms brought over."""
    g, h = policy_gradient(p, r), entropy_gradient(p)
    norm = fisher_norm(p, g)
    moved = fisher_norm(p, regularised_gradient(p, r, alpha))
    return [moved, norm + alpha * fisher(p, g, h) / norm], [norm + alpha * fisher_norm(p, h), moved]


def turning(p: Vector, r: Vector, alpha: Any) -> Any:
    """``2 <g, h>_F + alpha ||h||_F**2``."""
    h = entropy_gradient(p)
    return 2 * fisher(p, policy_gradient(p, r), h) + alpha * variance(p, h)


def off_the_boundary(p: Any, r: Any, alpha: Any, epsilon: Any) -> bool | None:
    """As `quadratic_margins`, alpha not the value at which the margin is unchanged."""
    if not quadratic_margins(p, r, alpha, epsilon):
        return False
    side = sign(turning(p, r, alpha))
    return None if side is None else side != 0


def theorem_vii_4_grows_iff(p: Any, r: Any, alpha: Any, epsilon: Any) -> tuple[Any, Any]:
    """``||g||_F**2 - ||g + alpha h||_F**2`` and ``-(2 <g, h>_F + alpha ||h||_F**2)`` have one sign."""
    gain = variance(p, policy_gradient(p, r)) - variance(p, regularised_gradient(p, r, alpha))
    return Fraction(0), -gain * turning(p, r, alpha)


def theorem_vii_4_norm_grows(p: Any, r: Any, alpha: Any) -> tuple[Any, Any]:
    """Appendix O: ``||g||_F <= ||g + alpha h||_F``."""
    return fisher_norm(p, policy_gradient(p, r)), fisher_norm(p, regularised_gradient(p, r, alpha))


def comonotone_bandit(p: Any, r: Any) -> bool:
    """Two to twenty actions; no action that is more probable than another has less reward; neither constant."""
    return is_moving(p, r, 2, 20) and comonotone(p, r)


def theorem_vii_4_norm_grows_corrected(p: Any, r: Any) -> tuple[Any, Any]:
    """``<g, h>_F < 0``."""
    return -fisher(p, policy_gradient(p, r), times(p, centred_logs(p))), Fraction(0)


def two_policies_level(p: Any, q: Any, r: Any, epsilon: Any) -> bool:
    """Two policies of two to five actions, unequal rewards and a level."""
    return (
        is_policy(p, 2, 5)
        and is_policy(q)
        and len(q) == len(p)
        and is_vector(r, len(p))
        and not is_constant(r)
        and is_level(epsilon)
    )


def relative_gain(p: Vector, q: Vector, r: Vector, t: Any) -> Any:
    """``||g||_F / ||g - t (p - q)||_F - 1``, 0 exactly where the norms are equal."""
    g = policy_gradient(p, r)
    moved = minus(g, scaled(t, minus(p, q)))
    one, other = fisher_norm(p, g), fisher_norm(p, moved)
    return (variance(p, g) - variance(p, moved)) / (other * (one + other))


def theorem_vii_4_eq_34(p: Any, q: Any, r: Any, epsilon: Any, step: Any) -> Any:
    """Eq. (34) in the quadratic model: ``gamma_KL - gamma_base`` with ``k beta = step``."""
    return sqrt(2 * epsilon) / fisher_norm(p, policy_gradient(p, r)) * relative_gain(p, q, r, step)


def theorem_vii_4_eq_34_expansion(p: Any, q: Any, r: Any, epsilon: Any, step: Any) -> Any:
    """``gamma_KL / gamma_base - 1`` less its first-order term."""
    g = policy_gradient(p, r)
    return relative_gain(p, q, r, step) - step * fisher(p, g, minus(p, q)) / variance(p, g)


def uniform_level(p: Any, q: Any, r: Any, t: Any, epsilon: Any) -> bool:
    """As `two_policies_level` with two or three actions, rewards in [0, 1] and t in [0, 1/1024]."""
    return two_policies_level(p, q, r, epsilon) and small_bandit(p, r) and is_number(t, 0, LEAST_SHARE)


def theorem_vii_4_eq_34_uniform(p: Any, q: Any, r: Any, t: Any, epsilon: Any) -> tuple[Any, Any]:
    """``|gamma_KL - gamma_base| <= gamma_base / 2``, multiplied by ``||g - t b||_F / gamma_base``."""
    g = policy_gradient(p, r)
    moved = fisher_norm(p, minus(g, scaled(t, minus(p, q))))
    return abs(fisher_norm(p, g) - moved), HALF * moved


def theorem_vii_4_eq_34_summed(p: Any, q: Any, r: Any, epsilon: Any, step: Any) -> Any:
    """Appendix O: the same with the penalty summed over ``k N = 1 / k`` tokens, beta = 1, k = step."""
    return relative_gain(p, q, r, 1 / step)


# Proposition VII.1


def rows_of_logits(z: Any) -> bool:
    """One or two rows of two to four logits."""
    return len(shape(z)) == 2 and 1 <= len(z) <= 2 and 2 <= len(z[0]) <= 4


def rows_of_unequal_logits(z: Any) -> bool:
    """As `rows_of_logits`, none of the rows constant, so that no probability is exp(-H)."""
    return rows_of_logits(z) and not any(is_constant(row) for row in z)


def logits_read(z: Matrix) -> Fraction:
    """How many logits the sum of the entropies has a slope by.

    The slope is ``-p_a (z_a - E z)``. ``sum_b exp(z_b) (z_a - z_b)`` with rational logits is 0 only if all of them
    are equal, since exponentials of different rational numbers are independent over the rationals (Lindemann).
    """
    return Fraction(sum(len(row) for row in z if not is_constant(row)))


def proposition_vii_1_entropy(z: Any) -> tuple[Any, Any]:
    """O(N) for the entropies of N tokens, whatever the vocabulary: at most 2 N logits are read."""
    return logits_read(z), Fraction(2 * len(z))


def proposition_vii_1_entropy_corrected(z: Any) -> tuple[Any, Any]:
    """It is the number of tokens times that of the actions."""
    return logits_read(z), Fraction(len(z) * len(z[0]))


def tokens(n: Any) -> bool:
    """2 to 2**26 tokens."""
    return is_integer(n, 2, MOST_TOKENS)


def rounds(n: Any) -> int:
    """``ceil(log2 n)``."""
    return (int(n) - 1).bit_length()


def proposition_vii_1_selection(n: Any) -> tuple[Any, Any]:
    """Merge sort takes at most ``n ceil(log2 n) - 2**ceil(log2 n) + 1`` comparisons, at most ``n log2 n``."""
    return n * rounds(n) - 2 ** rounds(n) + 1, n * log(n) / log(Fraction(2))


def few_selected(n: Any, k: Any) -> bool:
    """As `tokens`, at most one in 500 selected."""
    return tokens(n) and is_integer(k, 1, 2**17) and 500 * k <= n


def proposition_vii_1_selection_linear(n: Any, k: Any) -> tuple[Any, Any]:
    """A tournament finds the largest in ``n - 1`` comparisons and each next one in ``ceil(log2 n)`` more."""
    return n - 1 + (k - 1) * rounds(n), Fraction(11, 10) * n


def _corrected(claim: str, domain: Any, sides: Any, **more: Any) -> Statement:
    return Statement(claim=claim, reading="corrected", domain=domain, sides=sides, **more)


STATEMENTS = (
    Statement(claim="definition-vii.1/local", kind="identity", domain=first_weighted, sides=definition_vii_1_local),
    _corrected("definition-vii.1/local", first_weighted, definition_vii_1_local_corrected, kind="identity"),
    Statement(claim="theorem-vii.1/eq-25", kind="identity", domain=with_eta_and_alpha, sides=theorem_vii_1_eq_25),
    Statement(claim="theorem-vii.1/dense", strict=True, domain=logits_in_bits, sides=theorem_vii_1_dense),
    _corrected("theorem-vii.1/dense", unequal_logits, theorem_vii_1_dense_corrected, strict=True),
    _corrected("theorem-vii.1/zero-entry", rest_and_share, theorem_vii_1_zero_entry, kind="identity"),
    Statement(claim="theorem-vii.1/eq-26", kind="identity", domain=with_chances, sides=theorem_vii_1_eq_26),
    _corrected("theorem-vii.1/eq-26", with_chances, theorem_vii_1_eq_26_corrected, kind="identity"),
    Statement(claim="theorem-vii.1/eq-27", domain=random_base, sides=theorem_vii_1_eq_27),
    _corrected("theorem-vii.1/eq-27", with_rates, theorem_vii_1_eq_27_corrected, kind="identity"),
    _corrected("theorem-vii.1/eq-27-iff", with_rate, theorem_vii_1_eq_27_iff),
    Statement(claim="theorem-vii.1/appendix-l", kind="identity", domain=random_base, sides=theorem_vii_1_appendix_l),
    _corrected("theorem-vii.1/appendix-l", kept_by_action, theorem_vii_1_appendix_l_corrected, kind="identity"),
    Statement(claim="theorem-vii.1/eq-28", domain=kept_entries_calmer, sides=theorem_vii_1_eq_28),
    _corrected("theorem-vii.1/eq-28", some_entry_random, theorem_vii_1_eq_28_corrected, strict=True),
    Statement(claim="theorem-vii.1/eq-28-tokens", domain=detached_calmer, sides=theorem_vii_1_eq_28_tokens),
    _corrected("theorem-vii.1/eq-28-tokens", detached_no_zero, theorem_vii_1_eq_28_tokens_corrected),
    _corrected("theorem-vii.1/eq-28-range", no_zero_advantage, theorem_vii_1_eq_28_range, kind="identity"),
    Statement(claim="theorem-vii.1/kl-cov", domain=collapsing, sides=theorem_vii_1_kl_cov),
    _corrected("theorem-vii.1/kl-cov", scored, theorem_vii_1_kl_cov_corrected, kind="identity"),
    _corrected("assumption-vii.1/smoothness-reward", unequal_bandit_directed, assumption_vii_1_smoothness_reward),
    _corrected("assumption-vii.1/smoothness-entropy", moving, assumption_vii_1_smoothness_entropy),
    _corrected("theorem-vii.2/optimum", with_alpha, theorem_vii_2_optimum, kind="identity"),
    Statement(claim="theorem-vii.2/eq-29", domain=unequal_regularised_run, sides=theorem_vii_2_eq_29),
    _corrected("theorem-vii.2/eq-29", regularised_run, theorem_vii_2_eq_29_corrected),
    Statement(claim="theorem-vii.2/descent", domain=regularised_run, sides=theorem_vii_2_descent),
    Statement(claim="theorem-vii.2/eq-30", kind="identity", domain=unequal_with_alpha, sides=theorem_vii_2_eq_30),
    _corrected("theorem-vii.2/eq-30", not_optimal, theorem_vii_2_eq_30_corrected, strict=True),
    Statement(
        claim="theorem-vii.3/stationary", kind="order", domain=two_arm_run, remainder=theorem_vii_3_stationary, power=0
    ),
    _corrected("theorem-vii.3/stationary", unequal_bandit, theorem_vii_3_stationary_corrected, strict=True),
    Statement(claim="theorem-vii.3/rate", kind="order", domain=two_arm_run, remainder=theorem_vii_3_rate, power=1),
    _corrected("theorem-vii.3/rate", penalised_run, theorem_vii_3_rate_corrected),
    Statement(
        claim="theorem-vii.3/vanishing-beta",
        kind="order",
        domain=small_beta,
        remainder=theorem_vii_3_vanishing_beta,
        power=1,
    ),
    _corrected("theorem-vii.3/vanishing-beta-barrier", at_the_barrier, theorem_vii_3_vanishing_beta_barrier),
    Statement(claim="theorem-vii.3/lyapunov", strict=True, domain=unequal_bandit, sides=theorem_vii_3_lyapunov),
    _corrected("theorem-vii.3/lyapunov", unequal_bandit, theorem_vii_3_lyapunov_corrected, strict=True),
    Statement(claim="remark-vii.1", domain=unequal_annealed, sides=remark_vii_1),
    _corrected("remark-vii.1", annealed, remark_vii_1_corrected),
    _corrected("remark-vii.1/entropy-gradient", policy, remark_vii_1_entropy_gradient),
    _corrected("remark-vii.1/annealed", annealed_run, remark_vii_1_annealed),
    Statement(claim="definition-vii.2/well-posed", strict=True, domain=two_steps, sides=definition_vii_2_well_posed),
    Statement(claim="definition-vii.2/margin", kind="identity", domain=with_level, sides=definition_vii_2_margin),
    _corrected("definition-vii.2/slope", ray, definition_vii_2_slope, kind="identity"),
    _corrected("definition-vii.2/unbounded", ray, definition_vii_2_unbounded),
    Statement(claim="theorem-vii.4/eq-33", domain=exact_margins, sides=theorem_vii_4_eq_33),
    _corrected("theorem-vii.4/eq-33", exact_margins_of_three, theorem_vii_4_eq_33_corrected),
    _corrected("theorem-vii.4/quadratic", quadratic_margins, theorem_vii_4_quadratic),
    _corrected("theorem-vii.4/grows-iff", off_the_boundary, theorem_vii_4_grows_iff, strict=True),
    Statement(claim="theorem-vii.4/norm-grows", domain=moving_bandit, sides=theorem_vii_4_norm_grows),
    _corrected("theorem-vii.4/norm-grows", comonotone_bandit, theorem_vii_4_norm_grows_corrected, strict=True),
    Statement(
        claim="theorem-vii.4/eq-34", kind="order", domain=two_policies_level, remainder=theorem_vii_4_eq_34, power=1
    ),
    Statement(
        claim="theorem-vii.4/eq-34-expansion",
        reading="corrected",
        kind="order",
        domain=two_policies_level,
        remainder=theorem_vii_4_eq_34_expansion,
        power=2,
    ),
    Statement(claim="theorem-vii.4/eq-34-uniform", domain=uniform_level, sides=theorem_vii_4_eq_34_uniform),
    Statement(
        claim="theorem-vii.4/eq-34-summed",
        kind="order",
        domain=two_policies_level,
        remainder=theorem_vii_4_eq_34_summed,
        power=1,
    ),
    Statement(claim="proposition-vii.1/entropy", domain=rows_of_unequal_logits, sides=proposition_vii_1_entropy),
    _corrected(
        "proposition-vii.1/entropy", rows_of_unequal_logits, proposition_vii_1_entropy_corrected, kind="identity"
    ),
    Statement(claim="proposition-vii.1/selection", domain=tokens, sides=proposition_vii_1_selection),
    _corrected("proposition-vii.1/selection-linear", few_selected, proposition_vii_1_selection_linear),
)
