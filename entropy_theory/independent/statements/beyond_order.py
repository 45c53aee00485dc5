"""Beyond the paper: what the order of the actions implies."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

from entropy_theory.independent.domains import comonotone, is_bandit, is_constant, is_number, is_policy, is_vector
from entropy_theory.independent.numbers import around, exp, log, maximum, sign, sqrt, total
from entropy_theory.independent.policies import advantages, entropy, mean, minus, scaled, spread, tilted
from entropy_theory.independent.statement import Statement, corrected
from entropy_theory.independent.tokens import centred_logs, influences, policy_gradient

Vector = list[Any]


def falling(p: Vector, r: Vector) -> list[int]:
    """The actions by falling probability, those of one probability by falling reward."""
    return sorted(range(len(p)), key=lambda a: (-p[a], -r[a]))


def leading_sets(p: Vector, after: Vector, order: list[int]) -> tuple[Vector, Vector]:
    """``p(S) p'(not S)`` and ``p'(S) p(not S)`` for the k leading actions S, k = 1, 2, ...; the first is at most the
    second where ``p(S) <= p'(S)``."""
    left, right = [], []
    for k in range(1, len(order)):
        inside, outside = order[:k], order[k:]
        left.append(total(p[a] for a in inside) * total(after[a] for a in outside))
        right.append(total(after[a] for a in inside) * total(p[a] for a in outside))
    return left, right


# Majorisation


def comonotone_step(p: Any, r: Any, eta: Any) -> bool:
    """A bandit in which no action that is more probable than another has less reward, and a step above 0."""
    return is_bandit(p, r) and comonotone(p, r) and is_number(eta, above=0)


def majorization(p: Any, r: Any, eta: Any) -> tuple[Any, Any]:
    """After a step of the policy gradient the leading actions have gained."""
    return leading_sets(p, tilted(p, scaled(eta, policy_gradient(p, r))), falling(p, r))


def unequal_comonotone_step(p: Any, r: Any, eta: Any) -> bool:
    """As `comonotone_step`, the rewards not all equal."""
    return comonotone_step(p, r, eta) and not is_constant(r)


def majorization_entropies(p: Any, r: Any, eta: Any) -> tuple[Any, Any]:
    """Entropy and ``sum sqrt(p)`` fall; ``sum p**2``, ``sum p**3`` and the largest probability rise."""
    after = tilted(p, scaled(eta, policy_gradient(p, r)))
    fall = [[entropy(x), total(sqrt(a) for a in x)] for x in (after, p)]
    rise = [[total(a**2 for a in x), total(a**3 for a in x), maximum(x)] for x in (p, after)]
    return [*fall[0], *rise[0]], [*fall[1], *rise[1]]


# Comonotone invariance


def two_apart(p: Any, r: Any) -> bool:
    """Three to eight actions, the first two not equally probable, the rewards not all equal."""
    return is_bandit(p, r, 8) and len(p) >= 3 and p[0] != p[1] and not is_constant(r)


def comonotone_invariance(p: Any, r: Any) -> tuple[Any, Any]:
    """``8 (p_2 A_2 - p_1 A_1) <= osc(r) log(p_1 / p_2)``, of two actions the more probable one with the more reward."""
    p = [max(p[:2]), min(p[:2]), *p[2:]]
    r = [max(r[:2]), min(r[:2]), *r[2:]]
    step = policy_gradient(p, r)
    return 8 * (step[1] - step[0]), spread(r) * log(p[0] / p[1])


def comonotone_invariance_natural(p: Any, r: Any, eta: Any) -> tuple[Any, Any]:
    """After a natural step the leading actions have gained, and their order is kept.

    Of two neighbours in the order, b after a, ``p_b exp(eta (A_b - A_a)) <= p_a``.
    """
    gains, order = advantages(p, r), falling(p, r)
    left, right = leading_sets(p, tilted(p, scaled(eta, gains)), order)
    pairs = list(pairwise(order))
    return [*left, *(p[b] * exp(eta * (gains[b] - gains[a])) for a, b in pairs)], [*right, *(p[a] for a, _ in pairs)]


# Sharpening: p against an old policy q with log(p / q) = s up to a constant


def sharpened(p: Any, s: Any) -> bool:
    """A policy that is not uniform; no action that is more probable has less of s; s not constant."""
    return is_bandit(p, s) and comonotone(p, s) and not is_constant(p) and not is_constant(s)


def penalty_rate(p: Vector, s: Vector) -> tuple[Any, Vector]:
    """``delta = sum_a f_a (p_a - q_a)``, and q."""
    q = tilted(p, [-x for x in s])
    return mean(influences(p), minus(p, q)), q


def sharpening(p: Any, s: Any) -> tuple[Any, Any]:
    """``delta > 0``."""
    return Fraction(0), penalty_rate(p, s)[0]


def sharpened_within(p: Any, s: Any) -> bool:
    """Two to five actions, p not uniform, s within 20 of zero and comonotone with p."""
    return is_policy(p, 2, 5) and is_vector(s, len(p), -20, 20) and comonotone(p, s) and not is_constant(p)


def sharpening_separated(p: Any, s: Any) -> tuple[Any, Any]:
    """``delta >= (1 - 1 / kappa) E_p f``, with ``1 / kappa`` the largest q/p of the actions with ``p_a >= exp(-H)``."""
    delta, q = penalty_rate(p, s)
    shares = [b / a for a, b in zip(p, q, strict=True)]
    # The mode is always one of them.
    sides = [1 if a == max(p) else sign(x) for a, x in zip(p, centred_logs(p), strict=True)]
    largest = maximum([x for x, side in zip(shares, sides, strict=True) if side in (0, 1)])
    for x in (x for x, side in zip(shares, sides, strict=True) if side is None):
        # Whether the action is one of them is not decided.
        largest = around(largest, maximum([largest, x]))
    return (1 - largest) * mean(p, influences(p)), delta


STATEMENTS: tuple[Statement, ...] = (
    corrected("beyond/majorization", comonotone_step, majorization, own_sides=True),
    corrected("beyond/majorization/entropies", unequal_comonotone_step, majorization_entropies, strict=True),
    corrected("beyond/comonotone-invariance", two_apart, comonotone_invariance),
    corrected("beyond/comonotone-invariance/natural", comonotone_step, comonotone_invariance_natural, own_sides=True),
    corrected("beyond/sharpening", sharpened, sharpening, strict=True),
    corrected("beyond/sharpening/separated", sharpened_within, sharpening_separated),
)
