"""Definition VII.2 and Theorem VII.4: stability margins."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from entropy_theory.independent.domains import comonotone, is_bandit, is_constant, is_number, is_policy, is_vector
from entropy_theory.independent.margins import fisher_norm, margin, ray_divergence
from entropy_theory.independent.numbers import sign, sqrt, total
from entropy_theory.independent.policies import (
    along,
    divergence,
    entropy_gradient,
    fisher,
    logs,
    mean,
    minus,
    scaled,
    tilted,
    times,
    variance,
)
from entropy_theory.independent.statement import Statement, corrected
from entropy_theory.independent.tokens import centred_logs, policy_gradient, regularised_gradient

Vector = list[Any]

HALF = Fraction(1, 2)
LEAST_SHARE = Fraction(1, 1024)


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
    return two_policies_level(p, q, r, epsilon) and is_bandit(p, r, 3, 0, 1) and is_number(t, 0, LEAST_SHARE)


def theorem_vii_4_eq_34_uniform(p: Any, q: Any, r: Any, t: Any, epsilon: Any) -> tuple[Any, Any]:
    """``|gamma_KL - gamma_base| <= gamma_base / 2``, multiplied by ``||g - t b||_F / gamma_base``."""
    g = policy_gradient(p, r)
    moved = fisher_norm(p, minus(g, scaled(t, minus(p, q))))
    return abs(fisher_norm(p, g) - moved), HALF * moved


def theorem_vii_4_eq_34_summed(p: Any, q: Any, r: Any, epsilon: Any, step: Any) -> Any:
    """Appendix O: the same with the penalty summed over ``k N = 1 / k`` tokens, beta = 1, k = step."""
    return relative_gain(p, q, r, 1 / step)


STATEMENTS = (
    Statement(claim="definition-vii.2/well-posed", strict=True, domain=two_steps, sides=definition_vii_2_well_posed),
    Statement(claim="definition-vii.2/margin", kind="identity", domain=with_level, sides=definition_vii_2_margin),
    corrected("definition-vii.2/slope", ray, definition_vii_2_slope, kind="identity"),
    corrected("definition-vii.2/unbounded", ray, definition_vii_2_unbounded),
    Statement(claim="theorem-vii.4/eq-33", domain=exact_margins, sides=theorem_vii_4_eq_33, own_sides=True),
    corrected("theorem-vii.4/eq-33", exact_margins_of_three, theorem_vii_4_eq_33_corrected, own_sides=True),
    corrected("theorem-vii.4/quadratic", quadratic_margins, theorem_vii_4_quadratic, own_sides=True),
    corrected("theorem-vii.4/grows-iff", off_the_boundary, theorem_vii_4_grows_iff, strict=True, own_sides=True),
    Statement(claim="theorem-vii.4/norm-grows", domain=moving_bandit, sides=theorem_vii_4_norm_grows),
    corrected("theorem-vii.4/norm-grows", comonotone_bandit, theorem_vii_4_norm_grows_corrected, strict=True),
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
    Statement(
        claim="theorem-vii.4/eq-34-uniform", domain=uniform_level, sides=theorem_vii_4_eq_34_uniform, own_sides=True
    ),
    Statement(
        claim="theorem-vii.4/eq-34-summed",
        kind="order",
        domain=two_policies_level,
        remainder=theorem_vii_4_eq_34_summed,
        power=1,
    ),
)
