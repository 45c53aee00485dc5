"""Section VIII, what the experiments say of covariance, confidence, entropy and annealing."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from entropy_theory.independent.domains import is_constant, is_number, is_policy, is_positive, is_vector
from entropy_theory.independent.jets import Jet
from entropy_theory.independent.numbers import exp, log, maximum
from entropy_theory.independent.policies import covariance, entropy, logs, mean, softmax
from entropy_theory.independent.statement import Statement
from entropy_theory.independent.tokens import policy_gradient, token_covariances

Vector = list[Any]

HALF = Fraction(1, 2)

RISING_UP_TO, FALLING_FROM = Fraction(739, 1000), Fraction(74, 100)


def two_actions(a: Any) -> Vector:
    """The policy ``(a, 1 - a)``."""
    return [a, 1 - a]


# Covariance and confidence


def confidence_covariance(a: Any) -> Any:
    """``Cov(log p, pA)`` for ``p = (a, 1 - a)`` and rewards (1, 0)."""
    p = two_actions(a)
    return covariance(p, logs(p), policy_gradient(p, [Fraction(1), Fraction(0)]))


def more_confident(a: Any, b: Any) -> bool:
    """``1/2 <= a < b < 1``."""
    return is_number(a, low=HALF, below=1) and is_number(b, low=HALF, below=1) and a < b


def beside_the_peak(a: Any, b: Any) -> bool:
    """``1/2 <= a < b < 1``, both at most 0.739 or both at least 0.74."""
    return more_confident(a, b) and (b <= RISING_UP_TO or a >= FALLING_FROM)


def confidence(a: Any, b: Any) -> tuple[Any, Any]:
    """Section VIII.C: the covariance scales with the confidence."""
    return confidence_covariance(a), confidence_covariance(b)


def confidence_corrected(a: Any, b: Any) -> tuple[Any, Any]:
    """It rises up to a peak and falls beyond it."""
    one, other = confidence_covariance(a), confidence_covariance(b)
    return (one, other) if b <= RISING_UP_TO else (other, one)


def below_the_peak(a: Any) -> bool:
    """``1/2 <= a <= 0.739``."""
    return is_number(a, HALF, RISING_UP_TO)


def above_the_peak(a: Any) -> bool:
    """``0.74 <= a <= 1 - 1e-6``."""
    return is_number(a, FALLING_FROM, 1 - Fraction(1, 10**6))


def twice_log_odds(a: Any) -> Any:
    """``2 (p - q) log(p / q)``."""
    return 2 * (2 * a - 1) * log(a / (1 - a))


def confidence_rises(a: Any) -> tuple[Any, Any]:
    """The slope ``2 p q (1 - 2 (p - q) log(p / q))`` of the covariance is positive."""
    return twice_log_odds(a), Fraction(1)


def confidence_falls(a: Any) -> tuple[Any, Any]:
    """It is negative."""
    return Fraction(1), twice_log_odds(a)


# The exponential law


def reward_by_exp_entropy(a: Any) -> Any:
    """``-dR / d(exp H)`` along the policies ``(a, 1 - a)`` with rewards (1, 0), from both slopes by a."""
    moved = [Jet([a, Fraction(1)]), Jet([1 - a, Fraction(-1)])]
    return -1 / exp(entropy(moved)).slope


def on_the_run(a: Any, b: Any) -> bool:
    """Two probabilities in [0.6, 0.999]."""
    return all(is_number(x, Fraction(6, 10), Fraction(999, 1000)) for x in (a, b))


def exponential_law(a: Any, b: Any) -> tuple[Any, Any]:
    """Section VIII.C: the coefficient of ``R = -k exp(H) + l`` is one number, to within a factor of two."""
    return reward_by_exp_entropy(a), 2 * reward_by_exp_entropy(b)


def better_arm(a: Any) -> bool:
    """``1/2 < a < 1``."""
    return is_number(a, above=HALF, below=1)


def exponential_law_corrected(a: Any) -> tuple[Any, Any]:
    """The coefficient is ``1 / (exp(H) log(p / q))``."""
    return reward_by_exp_entropy(a), 1 / (exp(entropy(two_actions(a))) * log(a / (1 - a)))


# The band of Clip-Cov


def falling(p: Any, r: Any) -> bool | None:
    """A bandit whose policy gradient lowers the entropy, rewards in [0, 1]."""
    return is_policy(p) and is_vector(r, len(p), 0, 1) and is_positive(mean(p, covariances(p, r)))


def falling_pair(p: Any, r: Any) -> bool | None:
    """Two actions whose policy gradient lowers the entropy."""
    return is_policy(p, 2, 2) and is_vector(r, 2) and is_positive(mean(p, covariances(p, r)))


def covariances(p: Vector, r: Vector) -> Vector:
    """C of Eq. (17) for the policy gradient."""
    return token_covariances(p, policy_gradient(p, r))


def tail_band(p: Any, r: Any) -> tuple[Any, Any]:
    """Section VIII.D: five times the mean is at least the largest C."""
    c = covariances(p, r)
    return maximum(c), 5 * mean(p, c)


def tail_band_corrected(p: Any, r: Any) -> tuple[Any, Any]:
    """For two actions the largest C is the mean times the ratio of their probabilities."""
    c = covariances(p, r)
    return maximum(c), max(p) / min(p) * mean(p, c)


# Annealing


def two_alphas(r: Any, alpha: Any, c: Any) -> bool:
    """Two to six rewards, not all equal; alpha above 0, and c strictly between 0 and 1."""
    return (
        is_vector(r)
        and 2 <= len(r) <= 6
        and not is_constant(r)
        and is_number(alpha, above=0)
        and is_number(c, above=0, below=1)
    )


def gap(r: Vector, alpha: Any) -> Any:
    """``max r - E r`` under softmax(r / alpha)."""
    return mean(softmax([x / alpha for x in r]), [max(r) - x for x in r])


def annealing(r: Any, alpha: Any, c: Any) -> tuple[Any, Any]:
    """Section VIII.D: the smaller alpha has the smaller gap, and the gap is below ``alpha log n``."""
    wide = gap(r, alpha)
    return [gap(r, c * alpha), wide], [wide, alpha * log(Fraction(len(r)))]


def _printed(part: str, domain: Any, sides: Any, **more: Any) -> Statement:
    return Statement(claim=f"section-viii/{part}", domain=domain, sides=sides, **more)


def _corrected(part: str, domain: Any, sides: Any, **more: Any) -> Statement:
    return Statement(claim=f"section-viii/{part}", reading="corrected", domain=domain, sides=sides, **more)


STATEMENTS: tuple[Statement, ...] = (
    _printed("confidence", more_confident, confidence),
    _corrected("confidence", beside_the_peak, confidence_corrected),
    _corrected("confidence-rises", below_the_peak, confidence_rises, strict=True),
    _corrected("confidence-falls", above_the_peak, confidence_falls, strict=True),
    _printed("exponential-law", on_the_run, exponential_law),
    _corrected("exponential-law", better_arm, exponential_law_corrected, kind="identity"),
    _printed("tail-band", falling, tail_band),
    _corrected("tail-band", falling_pair, tail_band_corrected, kind="identity"),
    _printed("annealing", two_alphas, annealing, strict=True),
)
