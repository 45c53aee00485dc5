"""Definition VII.1 and Theorem VII.1: what entropy control does to the variance of an update."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from entropy_theory.independent.domains import (
    both,
    comonotone,
    is_at_least,
    is_bandit,
    is_constant,
    is_number,
    is_policy,
    is_vector,
)
from entropy_theory.independent.laws import (
    average_of,
    covariance_matrix,
    expectation,
    masked_entries,
    masked_tokens,
    mean_of_tokens,
    one_token,
    quadratic_form,
    sampled,
    token_updates,
    variances,
)
from entropy_theory.independent.numbers import exp, log, minimum, sign, total
from entropy_theory.independent.policies import (
    advantages,
    entropy,
    entropy_gradient,
    mean,
    minus,
    plus,
    scaled,
    softmax,
    square,
    times,
    variance,
)
from entropy_theory.independent.statement import Statement, corrected
from entropy_theory.independent.tokens import entropy_slope, loss_gradient, policy_gradient, score, token_covariances

Vector = list[Any]
Matrix = list[Vector]
Law = list[tuple[Any, Vector]]

HALF = Fraction(1, 2)


def small_bandit(p: Any, r: Any, most: int = 3) -> bool:
    """A policy of two to `most` actions and a reward in [0, 1] for each."""
    return is_bandit(p, r, most, 0, 1)


# Definition VII.1


def first_weighted(p: Any, r: Any, keep: Any) -> bool:
    """A bandit, and a weight in [0, 1] of the first action's loss."""
    return is_bandit(p, r) and is_number(keep, 0, 1)


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


STATEMENTS = (
    Statement(claim="definition-vii.1/local", kind="identity", domain=first_weighted, sides=definition_vii_1_local),
    corrected("definition-vii.1/local", first_weighted, definition_vii_1_local_corrected, kind="identity"),
    Statement(claim="theorem-vii.1/eq-25", kind="identity", domain=with_eta_and_alpha, sides=theorem_vii_1_eq_25),
    Statement(claim="theorem-vii.1/dense", strict=True, domain=logits_in_bits, sides=theorem_vii_1_dense),
    corrected("theorem-vii.1/dense", unequal_logits, theorem_vii_1_dense_corrected, strict=True, own_sides=True),
    corrected("theorem-vii.1/zero-entry", rest_and_share, theorem_vii_1_zero_entry, kind="identity"),
    Statement(claim="theorem-vii.1/eq-26", kind="identity", domain=with_chances, sides=theorem_vii_1_eq_26),
    corrected("theorem-vii.1/eq-26", with_chances, theorem_vii_1_eq_26_corrected, kind="identity"),
    Statement(claim="theorem-vii.1/eq-27", domain=random_base, sides=theorem_vii_1_eq_27),
    corrected("theorem-vii.1/eq-27", with_rates, theorem_vii_1_eq_27_corrected, kind="identity"),
    corrected("theorem-vii.1/eq-27-iff", with_rate, theorem_vii_1_eq_27_iff),
    Statement(claim="theorem-vii.1/appendix-l", kind="identity", domain=random_base, sides=theorem_vii_1_appendix_l),
    corrected("theorem-vii.1/appendix-l", kept_by_action, theorem_vii_1_appendix_l_corrected, kind="identity"),
    Statement(claim="theorem-vii.1/eq-28", domain=kept_entries_calmer, sides=theorem_vii_1_eq_28),
    corrected("theorem-vii.1/eq-28", some_entry_random, theorem_vii_1_eq_28_corrected, strict=True),
    Statement(claim="theorem-vii.1/eq-28-tokens", domain=detached_calmer, sides=theorem_vii_1_eq_28_tokens),
    corrected("theorem-vii.1/eq-28-tokens", detached_no_zero, theorem_vii_1_eq_28_tokens_corrected),
    corrected("theorem-vii.1/eq-28-range", no_zero_advantage, theorem_vii_1_eq_28_range, kind="identity"),
    Statement(claim="theorem-vii.1/kl-cov", domain=collapsing, sides=theorem_vii_1_kl_cov),
    corrected("theorem-vii.1/kl-cov", scored, theorem_vii_1_kl_cov_corrected, kind="identity"),
)
