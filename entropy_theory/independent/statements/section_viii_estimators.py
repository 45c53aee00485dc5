"""Section VIII, what the estimators of the experiments do: the laws of their sampled updates exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from math import comb, factorial, prod
from typing import Any

from entropy_theory.independent.domains import is_constant, is_integer, is_number, is_policy, is_vector, shape
from entropy_theory.independent.laws import average_of, chance, sampled
from entropy_theory.independent.numbers import sqrt, total
from entropy_theory.independent.policies import along, divergence, mean, plus, scaled, square
from entropy_theory.independent.statement import Statement
from entropy_theory.independent.tokens import gradient, policy_gradient, score

Vector = list[Any]
Matrix = list[Vector]
Gains = Callable[[Vector], Vector]
"""The advantages of a group of responses, from their rewards."""

HALF = Fraction(1, 2)
GROUP = 8
"""Responses a prompt, as in the source of the experiments."""


def two_actions(a: Any) -> Vector:
    """The policy ``(a, 1 - a)``."""
    return [a, 1 - a]


def small_bandit(p: Any, r: Any) -> bool:
    """A policy of two or three actions and a reward for each."""
    return is_policy(p, 2, 3) and is_vector(r, len(p))


# Groups of responses


def leave_one_out(rewards: Vector) -> Vector:
    """RLOO: each reward less the mean of the others."""
    return [(len(rewards) * x - sum(rewards)) / (len(rewards) - 1) for x in rewards]


def centred(rewards: Vector) -> Vector:
    """Each reward less the mean of the group."""
    average = sum(rewards) / len(rewards)
    return [x - average for x in rewards]


def normalised(rewards: Vector, divisor: int | None = None) -> Vector:
    """GRPO: centred and divided by the standard deviation; zeros where all rewards are equal."""
    deviations = centred(rewards)
    deviation = sqrt(square(deviations) / (divisor or len(rewards)))
    return deviations if deviation == 0 else [x / deviation for x in deviations]


def group_update(p: Vector, r: Vector, size: int, gains: Gains) -> Vector:
    """``E[(1/K) sum_i A_i (e_{a_i} - p)]`` over all groups of K = size responses."""
    out = [Fraction(0)] * len(p)
    for counts in compositions(size, len(p)):
        drawn = [a for a, count in enumerate(counts) for _ in range(count)]
        ways = factorial(size) // prod(map(factorial, counts))
        weight = ways * chance(p[a] for a in drawn)
        rows = [scaled(gain, score(p, a)) for a, gain in zip(drawn, gains([r[a] for a in drawn]), strict=True)]
        out = plus(out, scaled(weight, average_of(rows)))
    return out


def compositions(size: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All ways to write `size` as an ordered sum of whole numbers of at least 0."""
    if parts == 1:
        yield (size,)
        return
    for first in range(size + 1):
        for rest in compositions(size - first, parts - 1):
            yield (first, *rest)


def reward_gradient(p: Vector, r: Vector) -> Vector:
    """``grad E r`` by logit, from the derivatives of the policy."""
    return gradient(p, lambda q: mean(q, r))


def rloo(p: Any, r: Any) -> tuple[Any, Any]:
    """The expected update of RLOO is the policy gradient, K = 2, 3, 4."""
    return [group_update(p, r, size, leave_one_out) for size in (2, 3, 4)], [reward_gradient(p, r)] * 3


def three_answers(p: Any, r: Any) -> bool:
    """Three actions with rewards in [0, 1]."""
    return is_policy(p, 3, 3) and is_vector(r, 3, 0, 1)


def grpo_update(p: Vector, r: Vector) -> Vector:
    """The expected update of GRPO with eight responses; the released divisor of the variance is ``K - 1``."""
    return group_update(p, r, GROUP, lambda rewards: normalised(rewards, GROUP - 1))


def grpo(p: Any, r: Any) -> tuple[Any, Any]:
    """The expected update U of GRPO is a multiple of the policy gradient g: ``U_a g_b = U_b g_a``, K = 8."""
    update, g = grpo_update(p, r), policy_gradient(p, r)
    pairs = [(a, b) for a in range(3) for b in range(a + 1, 3)]
    return [update[a] * g[b] for a, b in pairs], [update[b] * g[a] for a, b in pairs]


def grpo_direction(p: Any, r: Any) -> tuple[Any, Any]:
    """The expected update of GRPO is a direction of ascent, K = 8."""
    return Fraction(0), mean(grpo_update(p, r), policy_gradient(p, r))


def exact_match(p: Any, m: Any) -> bool:
    """Two or three actions, of which the first m, but not all, have reward 1 and the others 0."""
    return is_policy(p, 2, 3) and is_integer(m, 1, 2) and m < len(p)


def matches(p: Vector, m: Any) -> Vector:
    """The rewards of exact match."""
    return [Fraction(a < m) for a in range(len(p))]


def mean_deviation(chance_of_success: Any, size: int) -> Any:
    """``E sigma_N``, the mean standard deviation of a group with ``N ~ Bin(K, P)`` successes."""
    return total(
        comb(size, n)
        * chance_of_success**n
        * (1 - chance_of_success) ** (size - n)
        * sqrt(Fraction(n, size) * Fraction(size - n, size))
        for n in range(size + 1)
    )


def grpo_corrected(p: Any, m: Any) -> tuple[Any, Any]:
    """For exact match the update is ``E sigma_N / (P (1 - P))`` times the gradient of P, K = 2, 3, 4."""
    r = matches(p, m)
    success = mean(p, r)
    factors = [mean_deviation(success, size) / (success * (1 - success)) for size in (2, 3, 4)]
    left = [group_update(p, r, size, normalised) for size in (2, 3, 4)]
    return left, [scaled(factor, reward_gradient(p, r)) for factor in factors]


def grpo_direction_corrected(p: Any, m: Any) -> tuple[Any, Any]:
    """For exact match it is a direction of strict ascent, K = 8."""
    return grpo_direction(p, matches(p, m))


def two_prompts(p: Any, f: Any) -> bool:
    """Two policies of two actions, and for each the changes of its logits within [-1, 1]."""
    return (
        shape(p) == shape(f) == (2, 2)
        and all(is_policy(row) for row in p)
        and all(is_vector(row, 2, -1, 1) for row in f)
    )


FIRST_IS_RIGHT = [Fraction(1), Fraction(0)]


def mean_update(p: Matrix, f: Matrix) -> Any:
    """The expected update by GRPO of the parameter that two prompts share."""
    rows = [mean(grpo_update(row, FIRST_IS_RIGHT), v) for row, v in zip(p, f, strict=True)]
    return total(rows) / 2


def grpo_prompts(p: Any, f: Any) -> tuple[Any, Any]:
    """For exact match on two prompts it is a direction of ascent of the mean success, K = 8."""
    slope = total(mean(along(row, v), FIRST_IS_RIGHT).slope for row, v in zip(p, f, strict=True)) / 2
    return Fraction(0), slope * mean_update(p, f)


def climbed(success: Any) -> Any:
    """``Phi(P) = sqrt((K - 1) / K) E c_M``, ``M ~ Bin(K - 1, P)``, ``c_m = sum_{N <= m} 1 / sqrt(N (K - N))``."""
    terms = [1 / sqrt(Fraction(n * (GROUP - n))) for n in range(1, GROUP)]
    most = GROUP - 1
    law = [comb(most, m) * success**m * (1 - success) ** (most - m) for m in range(GROUP)]
    return total(w * total(terms[:m]) for m, w in enumerate(law)) * sqrt(Fraction(most, GROUP))


def grpo_prompts_corrected(p: Any, f: Any) -> tuple[Any, Any]:
    """It climbs the mean of Phi instead."""
    right = total(climbed(along(row, v)[0]).slope for row, v in zip(p, f, strict=True)) / 2
    return mean_update(p, f), right


def success_chance(a: Any) -> bool:
    """``0 < a < 1``."""
    return is_number(a, above=0, below=1)


def grpo_arcsine(a: Any) -> tuple[Any, Any]:
    """Bounds of ``E sigma_N / sqrt(P (1 - P))``, K = 2, 3, 4, 8, 16."""
    sizes = (2, 3, 4, 8, 16)
    middle = [mean_deviation(a, size) / sqrt(a * (1 - a)) for size in sizes]
    low = [1 - 1 / (2 * size * a * (1 - a)) for size in sizes]
    return [low, middle], [middle, [sqrt(Fraction(size - 1, size)) for size in sizes]]


def a_group(r: Any) -> bool:
    """The rewards of two to six responses."""
    return is_vector(r) and 2 <= len(r) <= 6


def grpo_ddof(r: Any) -> tuple[Any, Any]:
    """With the divisor ``K - 1`` the advantages of GRPO are smaller by ``sqrt((K - 1) / K)``."""
    k = len(r)
    return normalised(r, k - 1), scaled(sqrt(Fraction(k - 1, k)), normalised(r))


def grpo_centred(p: Any, r: Any) -> tuple[Any, Any]:
    """Without the division the update is ``1 - 1/K`` times the policy gradient, K = 2, 3, 4."""
    sizes, slope = (2, 3, 4), reward_gradient(p, r)
    left = [group_update(p, r, size, centred) for size in sizes]
    return left, [scaled(1 - Fraction(1, size), slope) for size in sizes]


def reinforce(p: Any, r: Any) -> tuple[Any, Any]:
    """With a constant baseline it is the policy gradient, K = 1, 2, 3 and baselines 0 and 1."""
    left = [
        group_update(p, r, size, lambda rewards, b=base: [x - b for x in rewards])  # type: ignore[misc]
        for base in (0, 1)
        for size in (1, 2, 3)
    ]
    return left, [reward_gradient(p, r)] * 6


def drawn_prompts(p: Any, c: Any) -> bool:
    """Two policies of two actions, and the chance of the first prompt."""
    return shape(p) == (2, 2) and all(is_policy(row) for row in p) and is_number(c, above=0, below=1)


def batch_update(p: Matrix, c: Any, size: int) -> Vector:
    """The expected update of all four logits by a batch that is normalised as a whole, first answers right."""
    pairs = list(product((0, 1), repeat=2))
    odds = [(c, 1 - c)[m] * p[m][a] for m, a in pairs]
    out = [Fraction(0)] * 4
    for weight, drawn in sampled(odds, size):
        gains = normalised([Fraction(pairs[i][1] == 0) for i in drawn])
        rows = []
        for gain, i in zip(gains, drawn, strict=True):
            m, a = pairs[i]
            own, other = scaled(gain, score(p[m], a)), [Fraction(0)] * 2
            rows.append([*own, *other] if m == 0 else [*other, *own])
        out = plus(out, scaled(weight, average_of(rows)))
    return out


def reinforce_normalised(p: Any, c: Any) -> tuple[Any, Any]:
    """REINFORCE++ for rewards 0 and 1: one factor for all prompts, batches of 2 and 4."""
    success = c * p[0][0] + (1 - c) * p[1][0]
    slope = [*scaled(c, reward_gradient(p[0], FIRST_IS_RIGHT)), *scaled(1 - c, reward_gradient(p[1], FIRST_IS_RIGHT))]
    left, right = [], []
    for size in (2, 4):
        left.append(batch_update(p, c, size))
        right.append(scaled(mean_deviation(success, size) / (success * (1 - success)), slope))
    return left, right


# PRIME


def with_process_rewards(p: Any, r: Any, u: Any) -> bool:
    """As `small_bandit`, with process rewards within [-1, 1]."""
    return small_bandit(p, r) and is_vector(u, len(p), -1, 1)


def unequal_with_process_rewards(p: Any, r: Any, u: Any) -> bool:
    """As `with_process_rewards`, the rewards not all equal."""
    return with_process_rewards(p, r, u) and not is_constant(r)


def prime_updates(p: Vector, r: Vector, u: Vector) -> Matrix:
    """The expected updates of PRIME with single-token responses, K = 2, 3."""
    return [group_update(p, plus(r, u), size, leave_one_out) for size in (2, 3)]


def prime(p: Any, r: Any, u: Any) -> tuple[Any, Any]:
    """The expected update of PRIME is the policy gradient."""
    return prime_updates(p, r, u), [policy_gradient(p, r)] * 2


def prime_corrected(p: Any, r: Any, u: Any) -> tuple[Any, Any]:
    """It is the gradient of the expected reward and process reward, the latter held."""
    return prime_updates(p, r, u), [reward_gradient(p, plus(r, u))] * 2


def two_token_responses(p: Any, u: Any, r: Any) -> bool:
    """Three policies of two actions, process rewards within [-1, 1] and four rewards."""
    return (
        shape(p) == shape(u) == (3, 2)
        and all(is_policy(row) for row in p)
        and all(is_vector(row, 2, -1, 1) for row in u)
        and is_vector(r, 4)
    )


def visited(response: int) -> list[tuple[int, int]]:
    """State and action of both tokens of a response; the first action leads to state 1 or 2."""
    first, second = divmod(response, 2)
    return [(0, first), (1 + first, second)]


def response_law(p: Matrix) -> Vector:
    """The probabilities of the four responses."""
    return [chance(p[s][a] for s, a in visited(i)) for i in range(4)]


def token_group_update(p: Matrix, u: Matrix, r: Vector, size: int) -> Vector:
    """The expected update of the six logits by PRIME.

    A token's advantage is the RLOO of the outcome, plus the process rewards from it on, each less the mean process
    reward a token of the other responses.
    """
    out = [Fraction(0)] * 6
    steps = [visited(i) for i in range(4)]
    process = [[u[s][a] for s, a in path] for path in steps]
    for weight, drawn in sampled(response_law(p), size):
        outcome = leave_one_out([r[i] for i in drawn])
        for i, response in enumerate(drawn):
            others = [sum(process[b]) / 2 for j, b in enumerate(drawn) if j != i]
            base = sum(others) / len(others)
            for t, (s, a) in enumerate(steps[response]):
                gain = outcome[i] + sum(x - base for x in process[response][t:])
                for b, x in enumerate(score(p[s], a)):
                    out[2 * s + b] += weight * gain * x / size
    return out


def prime_tokens(p: Any, u: Any, r: Any) -> tuple[Any, Any]:
    """With responses of two tokens it is the gradient of the expected sum of both rewards, K = 2, 3."""
    earned = [r[i] + sum(u[s][a] for s, a in visited(i)) for i in range(4)]
    slope = []
    for state, action in product(range(3), range(2)):
        unit = [Fraction(b == action) for b in range(2)]
        moved = [along(row, unit if s == state else [Fraction(0)] * 2) for s, row in enumerate(p)]
        slope.append(total(chance(moved[s][a] for s, a in visited(i)) * earned[i] for i in range(4)).slope)
    return [token_group_update(p, u, r, size) for size in (2, 3)], [slope] * 2


def first_step(p: Any, r: Any, beta: Any, rate: Any) -> bool:
    """Two to four actions, rewards in [0, 1], beta in (0, 1] and a learning rate in (0, 100]."""
    return (
        is_policy(p, 2, 4)
        and is_vector(r, len(p), 0, 1)
        and is_number(beta, above=0, high=1)
        and is_number(rate, above=0, high=100)
    )


def prime_first_step(p: Any, r: Any, beta: Any, rate: Any) -> tuple[Any, Any]:
    """After one exact step of its model PRIME ascends at least as fast as the policy gradient, K = 2.

    At ``phi = p`` every ``rho_a = beta log(phi_a / p_a)`` is 0 and the cross-entropy of ``sigmoid(rho_a)`` against
    ``r_a`` has the slope ``1/2 - r_a`` by rho_a. The logits of phi move by minus the rate times the gradient, and rho
    by beta times that, up to a constant, which the baseline takes away.
    """
    held = [HALF - x for x in r]
    process = [-rate * beta**2 * a * (x - mean(p, held)) for a, x in zip(p, held, strict=True)]
    g = policy_gradient(p, r)
    return square(g), mean(group_update(p, plus(r, process), 2, leave_one_out), g)


def with_reference(p: Any, q: Any) -> bool:
    """A policy of two or three actions and a reference."""
    return is_policy(p, 2, 3) and is_policy(q) and len(q) == len(p)


def reference_kl(p: Any, q: Any) -> tuple[Any, Any]:
    """The expected gradient of the released penalty ``q/p - log(q/p) - 1``: that of ``KL(q || p)``, ``p - q``."""

    def penalty(a: int) -> Sequence[Any]:
        return gradient(p, lambda moved: q[a] / moved[a] - (q[a] / moved[a]).log() - 1)

    each = [penalty(a) for a in range(len(p))]
    expected = [mean(p, column) for column in zip(*each, strict=True)]
    slope = gradient(p, lambda moved: divergence(q, moved))
    return [expected, slope], [[a - b for a, b in zip(p, q, strict=True)]] * 2


def _printed(part: str, domain: Any, sides: Any, **more: Any) -> Statement:
    return Statement(claim=f"section-viii/{part}", domain=domain, sides=sides, **more)


def _corrected(part: str, domain: Any, sides: Any, **more: Any) -> Statement:
    return Statement(claim=f"section-viii/{part}", reading="corrected", domain=domain, sides=sides, **more)


STATEMENTS: tuple[Statement, ...] = (
    _printed("rloo", small_bandit, rloo, kind="identity"),
    _printed("grpo", three_answers, grpo, kind="identity"),
    _corrected("grpo", exact_match, grpo_corrected, kind="identity"),
    _printed("grpo-direction", three_answers, grpo_direction),
    _corrected("grpo-direction", exact_match, grpo_direction_corrected, strict=True),
    _printed("grpo-prompts", two_prompts, grpo_prompts),
    _corrected("grpo-prompts", two_prompts, grpo_prompts_corrected, kind="identity"),
    _corrected("grpo-arcsine", success_chance, grpo_arcsine),
    _corrected("grpo-ddof", a_group, grpo_ddof, kind="identity"),
    _corrected("grpo-centred", small_bandit, grpo_centred, kind="identity"),
    _corrected("reinforce", small_bandit, reinforce, kind="identity"),
    _corrected("reinforce-normalised", drawn_prompts, reinforce_normalised, kind="identity"),
    _printed("prime", unequal_with_process_rewards, prime, kind="identity"),
    _corrected("prime", with_process_rewards, prime_corrected, kind="identity"),
    _corrected("prime-tokens", two_token_responses, prime_tokens, kind="identity"),
    _corrected("prime-first-step", first_step, prime_first_step),
    _corrected("reference-kl", with_reference, reference_kl, kind="identity"),
)
