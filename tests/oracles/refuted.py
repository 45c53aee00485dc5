"""Whether an instance violates some of the paper's refuted lines: exactly, or with mpmath at 200 digits.

Written from the statements alone, and often from what makes them false, so that nothing is shared with the evaluators.
Each function takes the numbers of an instance, in the bounds that the claim gives them, and answers None where it does
not know.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath

F = Fraction
Truth = bool | None


def policy(p: list[Fraction], most: int = 6) -> bool:
    return 2 <= len(p) <= most and min(p) > 0 and sum(p) == 1


def expected(p: list[Fraction], x: list[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(p, x, strict=True)), F(0))


def one_token(p: list[Fraction], r: list[Fraction]) -> list[tuple[Fraction, list[Fraction]]]:
    """The update ``A_a (e_a - p)`` of a sampled token, with its probability."""
    average = expected(p, r)
    n = range(len(p))
    return [(p[a], [(r[a] - average) * ((a == b) - p[b]) for b in n]) for a in n]


def variances(law: list[tuple[Fraction, list[Fraction]]]) -> list[Fraction]:
    n = range(len(law[0][1]))
    means = [sum(w * x[b] for w, x in law) for b in n]
    return [sum((w * (x[b] - means[b]) ** 2 for w, x in law), F(0)) for b in n]


def real(x: Fraction) -> Any:
    return mpmath.mpf(x.numerator) / x.denominator


def below(x: Any, y: Any) -> Truth:
    """Whether x < y, of numbers good to 150 digits."""
    size = abs(x) + abs(y)
    return None if abs(x - y) <= size * mpmath.mpf(10) ** -150 else bool(x < y)


def eq_14(p: list[Fraction], r: list[Fraction], alpha: Fraction) -> Truth:
    # K is at most half of the variance, and both are 0 only for a uniform policy.
    return policy(p) and alpha > 0 and len(set(p)) > 1


def appendix_f(p: list[Fraction]) -> Truth:
    # The sides differ by H Cov(p, log p), which is above 0 unless p is uniform.
    return policy(p) and len(set(p)) > 1


def variance_grows(a: Fraction, b: Fraction) -> Truth:
    if not F(1, 2) <= a < b < 1:
        return False
    left, right = (real(x * (1 - x)) * mpmath.log(real(x / (1 - x))) ** 2 for x in (a, b))
    return below(right, left)


def confidence(a: Fraction, b: Fraction) -> Truth:
    if not F(1, 2) <= a < b < 1:
        return False
    left, right = (real((x * (1 - x)) ** 2) * mpmath.log(real(x / (1 - x))) for x in (a, b))
    return below(right, left)


def strict_loss(r: list[Fraction], alpha: Fraction, q: list[Fraction]) -> Truth:
    # The optimum loses nothing iff all actions are optimal.
    return 2 <= len(r) <= 6 and alpha > 0 and policy(q) and len(set(r)) == 1 and len(set(q)) > 1


def eq_16(r: list[Fraction], alpha: Fraction) -> Truth:
    # The loss is less by alpha times the divergence from the uniform policy of the optimal actions.
    return 2 <= len(r) <= 6 and alpha > 0 and len(set(r)) > 1


def narrow_range(r: list[Fraction], alpha: Fraction) -> Truth:
    # Half the coefficient always earns more.
    return 2 <= len(r) <= 6 and len(set(r)) > 1 and 0 < 10 * alpha <= max(r) - min(r)


def band_is_large_enough(C: list[Fraction], m: Fraction, low: Fraction, high: Fraction) -> Truth:
    inside = sum(low <= x <= high for x in C)
    whole = m.denominator == 1 and m >= 1 and 2 * m <= len(C)
    return len(C) <= 8 and whole and low < high and inside >= 1 and m > inside


def clipped_locally(p: list[Fraction], r: list[Fraction], keep: Fraction) -> Truth:
    average = expected(p, r)
    return policy(p) and 0 <= keep < 1 and r[0] != average


def detached_for_sure(p: list[Fraction], r: list[Fraction], rho: list[Fraction]) -> Truth:
    if not (policy(p, 3) and all(0 <= x <= 1 for x in [*r, *rho])):
        return False
    law = one_token(p, r)
    parts = [(w * c, x) for (w, x), c in zip(law, rho, strict=True)]
    parts += [(w * (1 - c), [F(0)] * len(p)) for (w, _), c in zip(law, rho, strict=True)]
    return any(v != 0 for v in variances(parts))


def masked_calmer(p: list[Fraction], r: list[Fraction], rho: Fraction) -> Truth:
    if not (policy(p, 4) and all(0 <= x <= 1 for x in r) and 0 < rho <= 1):
        return False
    law = one_token(p, r)
    base = variances(law)
    if not all(v > 0 for v in base):
        return False
    means = [sum(w * x[b] for w, x in law) for b in range(len(p))]
    return any((1 - rho) * s + rho * (1 - rho) * m**2 > s for s, m in zip(base, means, strict=True))


def falls(p: list[Fraction], r: list[Fraction]) -> Truth:
    if not policy(p) or len(set(r)) == 1:
        return False
    average = expected(p, r)
    g = [a * (x - average) for a, x in zip(p, r, strict=True)]
    drift, rise = expected(p, g), sum(x * x for x in g)
    # Along g the entry p_a (r_a - E r) has the slope p_a (g_a - E g)(r_a - E r) - p_a ||g||**2.
    slopes = [a * ((y - drift) * (x - average) - rise) for a, x, y in zip(p, r, g, strict=True)]
    slope = sum(x * y for x, y in zip(g, slopes, strict=True))
    # An equality, which violates a strict inequality, is not to be seen in balls.
    return None if slope == 0 else slope > 0


def loss(r: list[Fraction], alpha: Any) -> Any:
    weights = [mpmath.exp(real(x - max(r)) / alpha) for x in r]
    return sum(w * real(max(r) - x) for w, x in zip(weights, r, strict=True)) / sum(weights)


def permanently_biased(r: list[Fraction], alpha: Fraction, k: Fraction) -> Truth:
    whole = k.denominator == 1 and 0 <= k <= 20
    if not (2 <= len(r) <= 6 and len(set(r)) > 1 and F(1, 1024) <= alpha <= 1024 and whole):
        return False
    return below(loss(r, real(alpha) / 2 ** int(k)), loss(r, real(alpha)) / 1000)


def tail_in_the_band(p: list[Fraction], r: list[Fraction]) -> Truth:
    if not policy(p):
        return False
    logs = [mpmath.log(real(a)) for a in p]
    average = expected(p, r)
    g = [a * (x - average) for a, x in zip(p, r, strict=True)]
    drift, low = expected(p, g), sum(real(a) * x for a, x in zip(p, logs, strict=True))
    C = [(x - low) * real(y - drift) for x, y in zip(logs, g, strict=True)]
    middle = sum(real(a) * c for a, c in zip(p, C, strict=True))
    if middle <= mpmath.mpf(10) ** -150 * max(map(abs, C)):
        return False if middle < 0 or not any(g) or len(set(p)) == 1 else None
    return below(5 * middle, max(C))


ORACLES: dict[str, Callable[..., Truth]] = {
    "theorem-v.1/eq-14": eq_14,
    "theorem-v.1/appendix-f": appendix_f,
    "theorem-v.1/variance-grows": variance_grows,
    "theorem-v.2/strict": strict_loss,
    "theorem-v.2/eq-16": eq_16,
    "corollary-v.1/narrow-range": narrow_range,
    "definition-vi.2": band_is_large_enough,
    "definition-vii.1/local": clipped_locally,
    "theorem-vii.1/eq-26": detached_for_sure,
    "theorem-vii.1/eq-27": masked_calmer,
    "theorem-vii.3/lyapunov": falls,
    "remark-vii.1": permanently_biased,
    "section-viii/confidence": confidence,
    "section-viii/tail-band": tail_in_the_band,
}
