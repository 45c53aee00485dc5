"""Definitions VI.1 to VI.3 and Proposition VI.1: token covariances, and clipping by them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from entropy_theory.independent.domains import (
    both,
    is_at_least,
    is_bandit,
    is_integer,
    is_number,
    is_policy,
    is_positive,
    is_vector,
)
from entropy_theory.independent.numbers import maximum, minimum
from entropy_theory.independent.policies import advantages, logs, mean, times
from entropy_theory.independent.statement import Statement
from entropy_theory.independent.tokens import (
    entropy_fall,
    entropy_slope,
    influences,
    loss_gradient,
    policy_gradient,
    token_covariances,
)

Vector = list[Any]

WIDEST = 10
"""Directions have entries of at most this size."""


def on_first(m: Any, x: Vector) -> Vector:
    """`x` on the first `m` actions and 0 on the others."""
    return [a if i < m else Fraction(0) for i, a in enumerate(x)]


def bandit(p: Any, r: Any) -> bool:
    """A policy of two to six actions and a reward for each."""
    return is_bandit(p, r)


# Definition VI.1


def directed(p: Any, D: Any) -> bool:
    """A policy, and an update with entries in [-10, 10]."""
    return is_policy(p) and is_vector(D, len(p), -WIDEST, WIDEST)


def definition_vi_1(p: Any, D: Any) -> tuple[Any, Any]:
    """Eq. (17): ``E C`` is the covariance, and minus the slope of the entropy along the update."""
    x = logs(p)
    average = mean(p, token_covariances(p, D))
    return [average, average], [mean(p, times(x, D)) - mean(p, x) * mean(p, D), -entropy_slope(p, D)]


# Definition VI.2


def in_band(C: Vector, low: Any, high: Any) -> list[int]:
    """The tokens whose covariance lies in the band, its ends included."""
    return [i for i, c in enumerate(C) if low <= c <= high]


def is_band(low: Any, high: Any) -> bool:
    """``-10 <= low < high <= 10``."""
    return is_number(low, -WIDEST, WIDEST) and is_number(high, -WIDEST, WIDEST) and low < high


def some_in_band(C: Any, m: Any, low: Any, high: Any) -> bool:
    """Four to eight tokens, of which at most half are to be taken and at least one lies in the band."""
    return (
        is_vector(C)
        and 4 <= len(C) <= 8
        and is_integer(m, 1, 4)
        and 2 * m <= len(C)
        and is_band(low, high)
        and bool(in_band(C, low, high))
    )


def definition_vi_2(C: Any, m: Any, low: Any, high: Any) -> tuple[Any, Any]:
    """Definition VI.2: the ``r N`` tokens to take are at most those in the band."""
    return m, Fraction(len(in_band(C, low, high)))


def with_keys(C: Any, u: Any, low: Any, high: Any, r: Any) -> bool:
    """Two to eight tokens with distinct keys in [0, 1], a band, and a share r in (0, 1]."""
    return (
        is_vector(C)
        and 2 <= len(C) <= 8
        and is_vector(u, len(C), 0, 1)
        and len(set(u)) == len(u)
        and is_band(low, high)
        and is_number(r, above=0, high=1)
    )


def definition_vi_2_corrected(C: Any, u: Any, low: Any, high: Any, r: Any) -> tuple[Any, Any]:
    """Of the band the ``max(floor(r N), 1)`` tokens with the smallest keys: a token is taken if its rank allows it."""
    band = in_band(C, low, high)
    ranks = [sum(u[j] < u[i] for j in band) for i in band]
    taken = sum(rank == 0 or rank + 1 <= r * len(C) for rank in ranks)
    wanted = max((r * len(C)).__floor__(), 1)
    return Fraction(taken), Fraction(min(wanted, len(band)))


# Proposition VI.1


def some_clipped(C: Any, m: Any) -> bool:
    """Two to eight tokens, of which the first m, but not all, are clipped."""
    return is_vector(C) and 2 <= len(C) <= 8 and is_integer(m, 1, 7) and m < len(C)


def clipped_above_mean(C: Any, m: Any) -> bool:
    """As `some_clipped`, the mean of the clipped above that of all."""
    return some_clipped(C, m) and sum(C[: int(m)]) / m > sum(C) / len(C)


def proposition_vi_1_identity(C: Any, m: Any) -> tuple[Any, Any]:
    """Eq. (19) for averages over tokens."""
    n, whole, clipped = len(C), sum(C) / len(C), sum(C[: int(m)]) / m
    share = m / n
    return sum(C[int(m) :]) / (n - m), whole - share / (1 - share) * (clipped - whole)


def proposition_vi_1_strict(C: Any, m: Any) -> tuple[Any, Any]:
    """Below Eq. (19): the mean of the kept tokens is below that of all."""
    return sum(C[int(m) :]) / (len(C) - m), sum(C) / len(C)


def first_has_largest(p: Any, r: Any) -> bool | None:
    """Two to four actions, rewards in [0, 1]; the first has the largest C, above the covariance, above 0."""
    if not (is_policy(p, 2, 4) and is_vector(r, len(p), 0, 1)):
        return False
    c = token_covariances(p, policy_gradient(p, r))
    fall = entropy_fall(p, r)
    others = [x for i, x in enumerate(c) if i and (p[i], r[i]) != (p[0], r[0])]
    return both(is_positive(fall), is_positive(c[0] - fall), *(is_at_least(c[0], x) for x in others))


def proposition_vi_1_predicts_entropy(p: Any, r: Any) -> tuple[Any, Any]:
    """With the first action clipped the entropy falls no faster; compared is the slower of the two readings.

    Clipping removes the logit entry of the update, or the token's loss.
    """
    full = policy_gradient(p, r)
    keep = [Fraction(i > 0) for i in range(len(p))]
    by_entry = -entropy_slope(p, times(keep, full))
    by_loss = -entropy_slope(p, loss_gradient(p, keep, advantages(p, r)))
    return minimum([by_entry, by_loss]), -entropy_slope(p, full)


def token_influences(p: Vector, r: Vector) -> Vector:
    """``I_a = A_a (f_a - E f)``."""
    f = influences(p)
    average = mean(p, f)
    return [gain * (x - average) for gain, x in zip(advantages(p, r), f, strict=True)]


def proposition_vi_1_predicts_entropy_corrected(p: Any, r: Any) -> tuple[Any, Any]:
    """Clipping the loss of the first action changes the rate by ``p_1 I_1``."""
    keep = [Fraction(i > 0) for i in range(len(p))]
    clipped = loss_gradient(p, keep, advantages(p, r))
    return entropy_slope(p, clipped) - entropy_slope(p, policy_gradient(p, r)), p[0] * token_influences(p, r)[0]


def with_entry_mask(p: Any, D: Any, m: Any) -> bool:
    """As `directed`, with weights in [0, 1]."""
    return directed(p, D) and is_vector(m, len(p), 0, 1)


def proposition_vi_1_logit_entry(p: Any, D: Any, m: Any) -> tuple[Any, Any]:
    """The entropy along the masked update falls by ``sum f_a m_a D_a``."""
    return entropy_slope(p, times(m, D)), -mean(influences(p), times(m, D))


def with_token_mask(p: Any, r: Any, m: Any) -> bool:
    """A bandit with weights in [0, 1]."""
    return is_bandit(p, r) and is_vector(m, len(p), 0, 1)


def proposition_vi_1_token_loss(p: Any, r: Any, m: Any) -> tuple[Any, Any]:
    """The update of a weighted loss is ``p_b (m_b A_b - E[mA])``, the entropy falls along it by ``E[m I]``."""
    gains = advantages(p, r)
    kept = times(m, gains)
    average = mean(p, kept)
    step = [a * (x - average) for a, x in zip(p, kept, strict=True)]
    left = [*loss_gradient(p, m, gains), entropy_slope(p, step)]
    return left, [*step, -mean(p, times(m, token_influences(p, r)))]


# Definition VI.3


def falling(p: Any, r: Any) -> bool | None:
    """A bandit whose policy gradient lowers the entropy."""
    return is_bandit(p, r) and is_positive(entropy_fall(p, r))


def falling_within_one(p: Any, r: Any) -> bool | None:
    """As `falling`, rewards in [0, 1]."""
    return is_policy(p) and is_vector(r, len(p), 0, 1) and falling(p, r)


def definition_vi_3(p: Any, r: Any) -> tuple[Any, Any]:
    """The largest ``|C_a|`` belongs to a positive one."""
    c = token_covariances(p, policy_gradient(p, r))
    return Fraction(0), maximum(c) + minimum(c)


def definition_vi_3_corrected(p: Any, r: Any) -> tuple[Any, Any]:
    """The largest C is at least the rate at which the entropy falls."""
    step = policy_gradient(p, r)
    return -entropy_slope(p, step), maximum(token_covariances(p, step))


STATEMENTS: tuple[Statement, ...] = (
    Statement(claim="definition-vi.1", kind="identity", domain=directed, sides=definition_vi_1),
    Statement(claim="definition-vi.2", domain=some_in_band, sides=definition_vi_2),
    Statement(
        claim="definition-vi.2",
        reading="corrected",
        kind="identity",
        domain=with_keys,
        sides=definition_vi_2_corrected,
    ),
    Statement(claim="proposition-vi.1/identity", kind="identity", domain=some_clipped, sides=proposition_vi_1_identity),
    Statement(claim="proposition-vi.1/strict", strict=True, domain=clipped_above_mean, sides=proposition_vi_1_strict),
    Statement(
        claim="proposition-vi.1/predicts-entropy", domain=first_has_largest, sides=proposition_vi_1_predicts_entropy
    ),
    Statement(
        claim="proposition-vi.1/predicts-entropy",
        reading="corrected",
        kind="identity",
        domain=bandit,
        sides=proposition_vi_1_predicts_entropy_corrected,
    ),
    Statement(
        claim="proposition-vi.1/logit-entry",
        reading="corrected",
        kind="identity",
        domain=with_entry_mask,
        sides=proposition_vi_1_logit_entry,
    ),
    Statement(
        claim="proposition-vi.1/token-loss",
        reading="corrected",
        kind="identity",
        domain=with_token_mask,
        sides=proposition_vi_1_token_loss,
    ),
    Statement(claim="definition-vi.3", domain=falling_within_one, sides=definition_vi_3),
    Statement(claim="definition-vi.3", reading="corrected", domain=falling, sides=definition_vi_3_corrected),
)
