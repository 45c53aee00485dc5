"""Beyond the paper: the influence of single tokens, and random masks of sampled updates."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from entropy_theory.independent.domains import is_bandit, is_constant, is_number, is_policy, is_vector
from entropy_theory.independent.jets import Jet
from entropy_theory.independent.laws import Law, covariance_matrix, expectation, one_token, quadratic_form
from entropy_theory.independent.numbers import total
from entropy_theory.independent.policies import (
    advantages,
    centred,
    covariance,
    entropy_gradient,
    logs,
    mean,
    minus,
    scaled,
    square,
    times,
)
from entropy_theory.independent.statement import Statement, corrected
from entropy_theory.independent.tokens import entropy_slope, influences, policy_gradient, score, token_covariances

Vector = list[Any]
Matrix = list[Vector]


def token_influences(p: Vector, r: Vector) -> Vector:
    """``I_a = A_a (f_a - E_p f)``."""
    return times(advantages(p, r), centred(p, influences(p)))


# Influence


def bandit(p: Any, r: Any) -> bool:
    """A policy of two to six actions and a reward for each."""
    return is_bandit(p, r)


def influence(p: Any, r: Any) -> tuple[Any, Any]:
    """Along ``A_a grad log p_a`` the entropy has the slope ``-I_a``."""
    gains = advantages(p, r)
    slopes = [entropy_slope(p, scaled(gain, score(p, a))) for a, gain in enumerate(gains)]
    return slopes, scaled(-1, token_influences(p, r))


def influence_mean(p: Any, r: Any) -> tuple[Any, Any]:
    """``E I = E C = Cov(log p, p A)``."""
    change = policy_gradient(p, r)
    middle = mean(p, token_covariances(p, change))
    return [mean(p, token_influences(p, r)), middle], [middle, covariance(p, logs(p), change)]


def weighted_bandit(p: Any, r: Any, m: Any, v: Any) -> bool:
    """A bandit, weights in [0, 1] and a direction within [-1, 1]."""
    return is_bandit(p, r) and is_vector(m, len(p), 0, 1) and is_vector(v, len(p), -1, 1)


def influence_weight(p: Any, r: Any, m: Any, v: Any) -> tuple[Any, Any]:
    """The slope along v, in the weights m, of the first-order change of the entropy under the weighted update."""
    own = policy_gradient(p, r)
    update = [
        total(Jet([a, b]) * (x * score(p, i)[j]) for i, (a, b, x) in enumerate(zip(m, v, own, strict=True)))
        for j in range(len(p))
    ]
    return mean(update, entropy_gradient(p)).slope, -mean(p, times(v, token_influences(p, r)))


def better_mode(p: Any, r: Any) -> bool:
    """A bandit whose most probable action has at least the mean reward."""
    return is_bandit(p, r) and advantages(p, r)[p.index(max(p))] >= 0


def influence_mode(p: Any, r: Any) -> tuple[Any, Any]:
    """The influence of the mode is at least 0."""
    return Fraction(0), token_influences(p, r)[p.index(max(p))]


# Random masks: B is 0 with the chance rho, else 1, whatever the token


def masked_bandit(p: Any, r: Any, rho: Any) -> bool:
    """Two to four actions, rewards within 10 of zero, and a chance strictly between 0 and 1."""
    return is_bandit(p, r, 4, -10, 10) and is_number(rho, above=0, below=1)


def masked(law: Law, rho: Any) -> Law:
    """The law of ``B X``."""
    return [part for w, x in law for part in ((w * (1 - rho), x), (w * rho, [0 * a for a in x]))]


def second_moments(law: Law) -> Matrix:
    """``E[X X']``."""
    indices = range(len(law[0][1]))
    return [[total(w * x[i] * x[j] for w, x in law) for j in indices] for i in indices]


def random_masking(p: Any, r: Any, rho: Any) -> tuple[Any, Any]:
    """``E||X - m||**2 - E||B X - m||**2 = rho (tr S - ||m||**2)``."""
    law = one_token(p, r)
    m, s = expectation(law), covariance_matrix(law)
    errors = [total(w * square(minus(x, m)) for w, x in each) for each in (law, masked(law, rho))]
    return errors[0] - errors[1], rho * (total(s[a][a] for a in range(len(p))) - square(m))


def random_masking_rescaled(p: Any, r: Any, rho: Any) -> tuple[Any, Any]:
    """``Cov(B X / (1 - rho)) - S = rho / (1 - rho) E[X X']``."""
    law = one_token(p, r)
    wide = covariance_matrix([(w, scaled(1 / (1 - rho), x)) for w, x in masked(law, rho)])
    base = covariance_matrix(law)
    return [minus(a, b) for a, b in zip(wide, base, strict=True)], [
        scaled(rho / (1 - rho), row) for row in second_moments(law)
    ]


def without_advantage(p: Vector, r: Vector) -> Vector:
    """The rewards, that of the first action replaced by the mean of the others, so that its advantage is 0."""
    return [mean(p[1:], r[1:]) / (1 - p[0]), *r[1:]]


def one_without_advantage(p: Any, r: Any, v: Any) -> bool:
    """Three to five actions, rewards within 10 of zero, the others' not all equal, a direction that is not constant."""
    return (
        is_policy(p, 3, 5)
        and is_vector(r, len(p), -10, 10)
        and is_vector(v, len(p), -10, 10)
        and not is_constant(r[1:])
        and not is_constant(v)
    )


def signal_and_noise(p: Vector, r: Vector, v: Vector) -> tuple[Any, Any]:
    """``p_1 (m' v)**2`` and ``(1 - p_1) v' S v``."""
    law = one_token(p, r)
    return p[0] * mean(expectation(law), v) ** 2, (1 - p[0]) * quadratic_form(covariance_matrix(law), v)


def random_masking_zero_advantage(p: Any, r: Any, v: Any) -> tuple[Any, Any]:
    """``p_1 (m' v)**2 <= (1 - p_1) v' S v`` where ``A_1 = 0``."""
    return signal_and_noise(p, without_advantage(p, r), v)


def only_one_without_advantage(p: Any, r: Any) -> bool:
    """Three to five actions, rewards within 10 of zero; none but the first has the advantage 0."""
    if not (is_policy(p, 3, 5) and is_vector(r, len(p), -10, 10)):
        return False
    return all(gain != 0 for gain in advantages(p, without_advantage(p, r))[1:])


def random_masking_attained(p: Any, r: Any) -> tuple[Any, Any]:
    """Equality along ``v_a = 1 / A_a`` for the others and ``v_1`` such that ``E v = 0``."""
    r = without_advantage(p, r)
    inverse = [1 / gain for gain in advantages(p, r)[1:]]
    return signal_and_noise(p, r, [-mean(p[1:], inverse) / p[0], *inverse])


STATEMENTS: tuple[Statement, ...] = (
    corrected("beyond/influence", bandit, influence, kind="identity"),
    corrected("beyond/influence/mean", bandit, influence_mean, kind="identity"),
    corrected("beyond/influence/weight", weighted_bandit, influence_weight, kind="identity"),
    corrected("beyond/influence/mode", better_mode, influence_mode),
    corrected("beyond/random-masking", masked_bandit, random_masking, kind="identity"),
    corrected("beyond/random-masking/rescaled", masked_bandit, random_masking_rescaled, kind="identity"),
    corrected("beyond/random-masking/zero-advantage", one_without_advantage, random_masking_zero_advantage),
    corrected("beyond/random-masking/attained", only_one_without_advantage, random_masking_attained, kind="identity"),
)
