"""Beyond the paper: the second derivative of the entropy, and how the Fisher matrix stretches."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from entropy_theory.independent.domains import is_constant, is_number, is_policy, is_vector
from entropy_theory.independent.numbers import log, sqrt, total
from entropy_theory.independent.policies import (
    centred,
    covariance,
    entropy,
    entropy_gradient,
    logs,
    path,
    softmax,
    spread,
    square,
    tilted,
    times,
    variance,
)
from entropy_theory.independent.statement import Statement, corrected

Vector = list[Any]

FIRST_POINT, LAST_POINT = Fraction(1, 16), 40


def curvature(p: Vector, v: Vector) -> Any:
    """The second derivative of the entropy along v."""
    return 2 * entropy(path(p, v, 2)).coefficients[2]


# The remainder of the first-order change


def changed(p: Any, D: Any) -> bool:
    """Two to eight actions and a change within 4 of zero, not constant."""
    return is_policy(p, 2, 8) and is_vector(D, len(p), -4, 4) and not is_constant(D)


def remainder_bound(p: Any, D: Any) -> tuple[Any, Any]:
    """``|H(z + D) - H(z) + Cov(log p, D)| <= [1/8 + log(n - 1) / (12 sqrt 3)] osc(D)**2``."""
    remainder = entropy(tilted(p, D)) - entropy(p) + covariance(p, logs(p), D)
    return abs(remainder), (Fraction(1, 8) + log(Fraction(len(p) - 1)) / sqrt(Fraction(432))) * spread(D) ** 2


def changed_within_one(p: Any, D: Any, most: int = 6) -> bool:
    """Two to `most` actions and a change within [0, 1], not constant."""
    return is_policy(p, 2, most) and is_vector(D, len(p), 0, 1) and not is_constant(D)


def changed_of_twelve(p: Any, D: Any) -> bool:
    """As `changed_within_one`, up to twelve actions."""
    return changed_within_one(p, D, 12)


def second_derivative(p: Any, D: Any) -> tuple[Any, Any]:
    """``|d2/dt2 H(z + t D)| <= [1/4 + log(n - 1) / (6 sqrt 3)] osc(D)**2``."""
    bound = Fraction(1, 4) + log(Fraction(len(p) - 1)) / sqrt(Fraction(108))
    return abs(curvature(p, D)), bound * spread(D) ** 2


def changed_of_six(p: Any, D: Any) -> bool:
    """As `changed_within_one`, up to six actions."""
    return changed_within_one(p, D)


def remainder_spread(p: Any, D: Any) -> tuple[Any, Any]:
    """``E (v - D_c**2)_+ <= v sqrt(1 - 4 v / osc(D)**2)``, squared and times ``osc(D)**2``; v the variance."""
    v, width = variance(p, D), spread(D)
    below = total(a * max(v - x**2, Fraction(0)) for a, x in zip(p, centred(p, D), strict=True))
    return (width * below) ** 2, v**2 * (width**2 - 4 * v)


def up_to_forty(p: Any) -> bool:
    """A policy of two to forty actions."""
    return is_policy(p, 2, 40)


def leading_constant(p: Any) -> tuple[Any, Any]:
    """The curvature along the first logit where all other actions share q evenly, in closed form; q from `p`."""
    n, q = len(p), 1 - p[0]
    even = [1 - q, *[q / (n - 1)] * (n - 1)]
    first = [Fraction(1), *[Fraction(0)] * (n - 1)]
    odds = log(Fraction(n - 1)) - log(q / (1 - q))
    return -curvature(even, first), q * (1 - q) * (1 + (2 * q - 1) * odds)


def first_point_to_last(w: Any) -> bool:
    """A number in [1/16, 40]."""
    return is_number(w, FIRST_POINT, LAST_POINT)


def remainder_two_actions(w: Any) -> tuple[Any, Any]:
    """``|d2H/dw2| < 1/4`` for the logits (w, 0)."""
    p = softmax([w, Fraction(0)])
    return abs(curvature(p, [Fraction(1), Fraction(0)])), Fraction(1, 4)


# The spectral gap


def directed(p: Any, v: Any) -> bool:
    """A policy of two to six actions and a direction within 10 of zero, not constant."""
    return is_policy(p) and is_vector(v, len(p), -10, 10) and not is_constant(v)


def stretch_bounds(largest: Any, least: Any, size: Any, spread_of: Any) -> tuple[Vector, Vector]:
    """``p_min Var <= size <= p_max min(1, 2 (1 - p_max)) Var``."""
    return [least * spread_of, size], [size, largest * min(Fraction(1), 2 * (1 - largest)) * spread_of]


def spectral_gap(p: Any, v: Any) -> tuple[Any, Any]:
    """Bounds of ``||F v||**2``, where ``(F v)_a = p_a (v_a - E v)``."""
    return stretch_bounds(max(p), min(p), square(times(p, centred(p, v))), variance(p, v))


def uneven_of_three(p: Any) -> bool:
    """Three to eight actions, not all equally probable."""
    return is_policy(p, 3, 8) and not is_constant(p)


def spectral_gap_entropy_gradient(p: Any) -> tuple[Any, Any]:
    """The same for the entropy gradient, ``-F log p``."""
    return stretch_bounds(max(p), min(p), square(entropy_gradient(p)), variance(p, logs(p)))


def gradient_and_variance(z: Vector) -> tuple[Any, Any, Vector]:
    """``||grad H||**2``, ``Var(log p)``, which is the variance of the logits, and p."""
    p = softmax(z)
    return square(times(p, centred(p, z))), variance(p, z), p


def two_logits(u: Any) -> bool:
    """A number in [1/16, 40]."""
    return is_number(u, FIRST_POINT, LAST_POINT)


def spectral_gap_two_actions(u: Any) -> tuple[Any, Any]:
    """``||grad H||**2 < Var(log p) / 2`` for the logits (0, -u)."""
    size, spread_of, _ = gradient_and_variance([Fraction(0), -u])
    return size, spread_of / 2


def three_logits(u: Any, v: Any) -> bool:
    """u in [0, 8] and v in [1/8, 8]."""
    return is_number(u, 0, 8) and is_number(v, Fraction(1, 8), 8)


def spectral_gap_three_actions(u: Any, v: Any) -> tuple[Any, Any]:
    """``||grad H||**2 < Var(log p) / 2`` for the logits (0, -u, -v)."""
    size, spread_of, _ = gradient_and_variance([Fraction(0), -u, -v])
    return size, spread_of / 2


def three_logits_mode(u: Any, v: Any) -> bool:
    """u in [0, 6] and v in [1/2, 6]."""
    return is_number(u, 0, 6) and is_number(v, Fraction(1, 2), 6)


def spectral_gap_three_actions_mode(u: Any, v: Any) -> tuple[Any, Any]:
    """``||grad H||**2 < p_max Var(log p)``; the first action is the mode."""
    size, spread_of, p = gradient_and_variance([Fraction(0), -u, -v])
    return size, p[0] * spread_of


STATEMENTS: tuple[Statement, ...] = (
    corrected("beyond/remainder-bound", changed, remainder_bound),
    corrected("beyond/remainder-bound/second-derivative", changed_of_twelve, second_derivative),
    corrected("beyond/remainder-bound/spread", changed_of_six, remainder_spread),
    corrected("beyond/remainder-bound/leading-constant", up_to_forty, leading_constant, kind="identity"),
    corrected("beyond/remainder-bound/two-actions", first_point_to_last, remainder_two_actions, strict=True),
    corrected("beyond/spectral-gap", directed, spectral_gap),
    corrected("beyond/spectral-gap/entropy-gradient", uneven_of_three, spectral_gap_entropy_gradient),
    corrected("beyond/spectral-gap/two-actions", two_logits, spectral_gap_two_actions, strict=True),
    corrected("beyond/spectral-gap/three-actions", three_logits, spectral_gap_three_actions, strict=True),
    corrected(
        "beyond/spectral-gap/three-actions-mode", three_logits_mode, spectral_gap_three_actions_mode, strict=True
    ),
)
