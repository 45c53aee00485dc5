"""Claims about Shannon, Renyi and Tsallis entropies, and the variance of the log-probability."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import CHECKED, Labelled, constant, numbers, of_arrays

d = et.domains

WIDE, NARROW = (-10.0, 10.0), (-3.0, 3.0)

PEAK = {2: "2.399357280515467667833", 6: "3.125463748955549494186", 7: "3.235652053219281014627"}
"""Logit of one of n actions, the others at zero, at which the variance of log p is largest, to 21 decimals."""


def _power_sum(z: Any, order: Any) -> Any:
    return (et.softmax(z) ** order).sum(-1)


def _plain_power_sum(xp: Any, z: Any, order: int) -> Any:
    return xp.sum(f.softmax(xp, z) ** order, -1)


def _inequality(name: str, lhs: Any, rhs: Any, actions: Any = (2, 6), strict: bool = False) -> et.Inequality:
    return et.Inequality(name=name, given={"z": d.logits(actions=actions)}, lhs=lhs, rhs=rhs, strict=strict)


def _pair(name: str, lhs: Any, rhs: Any, actions: Any = (2, 6), strict: bool = False) -> et.Inequality:
    given = {"z": d.logits(actions=actions), "w": d.logits(like="z")}
    return et.Inequality(name=name, given=given, lhs=lhs, rhs=rhs, strict=strict)


def _below_log(name: str, text: str, n: int, why: str, share: float) -> Labelled:
    """Entropy of up to n actions below a decimal that is below log n."""
    top = Fraction(text)
    return of_arrays(
        _inequality(name, et.entropy, et.exact(text), (2, n)),
        False,
        why,
        lambda xp, x: (f.entropy(xp, x), constant(x, top.numerator, top.denominator)),
        range(2, n + 1),
        {"z": WIDE},
        [0] * n,
        share=share,
        known="bound",
    )


def _varentropy_below(
    name: str, text: str, n: int, true: bool, why: str, share: float | None = None, known: Any = "measured"
) -> Labelled:
    top = Fraction(text)
    points = [] if true else [[Fraction(PEAK[n]), *([0] * (n - 1))]]
    return of_arrays(
        _inequality(name, et.varentropy, et.exact(text), (2, n)),
        true,
        why,
        lambda xp, x: (f.variance(xp, x, x), constant(x, top.numerator, top.denominator)),
        range(2, n + 1),
        {"z": WIDE},
        *points,
        share=share,
        known=known,
    )


def _mixture(z: Any, w: Any) -> Any:
    return (et.softmax(z) + et.softmax(w)) / 2


def _joint(xp: Any, p: Any) -> tuple[Any, Any]:
    """Marginal probabilities of the first and of the second of two bits."""
    a = xp.stack([p[..., 0] + p[..., 1], p[..., 2] + p[..., 3]], -1)
    b = xp.stack([p[..., 0] + p[..., 2], p[..., 1] + p[..., 3]], -1)
    return a, b


def _shannon_two(xp: Any, p: Any) -> Any:
    return -p * xp.log(p) - (1 - p) * xp.log(1 - p)


def _power_of(xp: Any, base: Any, exponent: Any) -> Any:
    return xp.exp(exponent * xp.log(base))


CLAIMS: list[Labelled] = [
    of_arrays(
        _inequality("entropy-at-most-log-n", et.entropy, lambda z: np.log(et.exact(z.shape[-1]))),
        True,
        "Jensen: E log(1/p) <= log E(1/p) = log n, with equality if p is uniform.",
        lambda xp, x: (f.entropy(xp, x), xp.log(constant(x, x.shape[-1]))),
        range(2, 7),
        {"z": WIDE},
        [0] * 2,
        [3] * 5,
    ),
    of_arrays(
        _inequality("collision-entropy-below-shannon", lambda z: -np.log(_power_sum(z, 2)), et.entropy),
        True,
        "Jensen: log E p >= E log p; equality if p is constant.",
        lambda xp, x: (-xp.log(_plain_power_sum(xp, x, 2)), f.entropy(xp, x)),
        range(2, 7),
        {"z": WIDE},
        [0] * 4,
    ),
    of_arrays(
        _inequality(
            "renyi-three-below-two", lambda z: -np.log(_power_sum(z, 3)) / 2, lambda z: -np.log(_power_sum(z, 2))
        ),
        True,
        "Jensen for squares: E p^2 >= (E p)^2, so sum p^3 >= (sum p^2)^2; equality if p is constant.",
        lambda xp, x: (-xp.log(_plain_power_sum(xp, x, 3)) / 2, -xp.log(_plain_power_sum(xp, x, 2))),
        range(2, 7),
        {"z": WIDE},
        [1] * 3,
    ),
    of_arrays(
        _inequality("tsallis-two-below-shannon", lambda z: 1 - _power_sum(z, 2), et.entropy),
        True,
        "-log p >= 1 - p, averaged under p; equality is approached as p becomes deterministic.",
        lambda xp, x: (1 - _plain_power_sum(xp, x, 2), f.entropy(xp, x)),
        range(2, 7),
        {"z": WIDE},
    ),
    of_arrays(
        _pair(
            "entropy-is-concave",
            lambda z, w: (et.entropy(z) + et.entropy(w)) / 2,
            lambda z, w: -(_mixture(z, w) * np.log(_mixture(z, w))).sum(-1),
        ),
        True,
        "-p log p is concave in p; equality at z = w.",
        lambda xp, x: _concave(xp, x),
        range(2, 5),
        {"z": WIDE, "w": WIDE},
        [1, 2, 4, 1, 2, 4],
    ),
    of_arrays(
        _inequality("entropy-rises-with-temperature", et.entropy, lambda z: et.entropy(z / 2)),
        True,
        "d/ds H(s z) = -s Var(z) <= 0 for s > 0; equality if z is constant.",
        lambda xp, x: (f.entropy(xp, x), f.entropy(xp, x / 2)),
        range(2, 7),
        {"z": WIDE},
        [0] * 3,
    ),
    numbers(
        "binary-entropy-above-parabola",
        True,
        "h(p) / (p (1 - p)) is least at p = 1/2, where it is 4 log 2; equality there and at the ends.",
        lambda xp, p: (4 * p * (1 - p) * xp.log(0 * p + 2), _shannon_two(xp, p)),
        {"p": (0.0, 1.0)},
        [Fraction(1, 2)],
        open_ends=True,
    ),
    of_arrays(
        _inequality(
            "shannon-subadditive",
            et.entropy,
            lambda z: sum(-(m * np.log(m)).sum(-1) for m in _joint(np, et.softmax(z))),
            actions=4,
        ),
        True,
        "H(X) + H(Y) - H(X, Y) is the divergence from the product of the marginals; equality if independent.",
        lambda xp, x: (
            f.entropy(xp, x),
            sum(f.entropy_of(xp, m) for m in _joint(xp, f.softmax(xp, x))),
        ),
        [4],
        {"z": WIDE},
        [0, 1, 2, 3],
    ),
    _varentropy_below(
        "varentropy-of-three-actions",
        "0.762",
        3,
        True,
        "At a maximum the log-odds take two values (Reeb and Wolf 2015), so it is the largest "
        "p (1 - p) log^2 (2 p / (1 - p)) = 0.761802...",
    ),
    of_arrays(
        _inequality(
            "renyi-two-near-shannon", lambda z: et.exact(9, 10) * et.entropy(z), lambda z: -np.log(_power_sum(z, 2))
        ),
        False,
        "Near determinism H_2 / H tends to 0.",
        lambda xp, x: (f.entropy(xp, x) * 9 / 10, -xp.log(_plain_power_sum(xp, x, 2))),
        range(2, 7),
        {"z": WIDE},
        [0, 10],
    ),
    of_arrays(
        _pair(
            "min-entropy-is-concave",
            lambda z, w: -(np.log(et.largest(et.softmax(z))) + np.log(et.largest(et.softmax(w)))) / 2,
            lambda z, w: -np.log(et.largest(_mixture(z, w))),
            actions=(2, 3),
        ),
        False,
        "-log max p is convex on the segment from (1/2, 1/2) to (1, 0).",
        lambda xp, x: _min_entropy_concave(xp, x),
        (2, 3),
        {"z": WIDE, "w": WIDE},
        [0, 0, 8, 0],
    ),
    of_arrays(
        _inequality(
            "collision-entropy-subadditive",
            lambda z: -np.log(_power_sum(z, 2)),
            lambda z: sum(-np.log((m**2).sum(-1)) for m in _joint(np, et.softmax(z))),
            actions=4,
        ),
        False,
        "Only Shannon's entropy is subadditive: with p = (a, b, b, b) proportional to (2, 1, 1, 1) times more the "
        "marginals' collisions are more likely than independence gives.",
        lambda xp, x: (
            -xp.log(_plain_power_sum(xp, x, 2)),
            sum(-xp.log(xp.sum(m**2, -1)) for m in _joint(xp, f.softmax(xp, x))),
        ),
        [4],
        {"z": WIDE},
        [2, 1, 1, -5],
    ),
    of_arrays(
        _pair(
            "entropy-is-two-lipschitz",
            lambda z, w: np.abs(et.entropy(z) - et.entropy(w)),
            lambda z, w: np.abs(et.softmax(z) - et.softmax(w)).sum(-1),
            actions=3,
        ),
        False,
        "The slope of -p log p is unbounded at p = 0: from determinism the entropy rises faster than any multiple.",
        lambda xp, x: _lipschitz(xp, x),
        [3],
        {"z": WIDE, "w": WIDE},
        [10, 0, 0, 4, 0, 0],
    ),
    _below_log(
        "entropy-of-six-below-one-millionth-less",
        "1.79175767745",
        6,
        "At p uniform over six H = log 6 = 1.791759469; only within about 1e-3 of it.",
        1e-17,
    ),
    _below_log(
        "entropy-of-seven-below-1.94",
        "1.94",
        7,
        "log 6 < 1.94 < log 7: it fails only near the uniform policy of seven actions.",
        1e-7,
    ),
    _varentropy_below(
        "varentropy-of-two-one-thousandth-less",
        "0.4387896",
        2,
        False,
        "The maximum is 0.43922884; it fails where |z| is within about 0.037 of 2.3994.",
    ),
    _varentropy_below(
        "varentropy-of-two-one-millionth-less",
        "0.4392284006",
        2,
        False,
        "The maximum is 0.4392288399; it fails within about 2e-3 of the largest logit difference.",
    ),
    _varentropy_below(
        "varentropy-of-two-one-billionth-less",
        "0.4392288394514",
        2,
        False,
        "The maximum is 0.43922883989; it fails within about 6e-5 of the best logit difference.",
        1.1e-5,
        "bound",
    ),
    _varentropy_below(
        "varentropy-of-six-one-millionth-less",
        "1.4421294694",
        6,
        False,
        "The maximum over six actions is 1.4421309115, where one stands against five equal ones; fails within 1e-2 "
        "of it in five directions.",
        1e-12,
        "bound",
    ),
    _varentropy_below(
        "varentropy-from-seven-on",
        "1.6",
        7,
        False,
        "The maximum is 1.4421 over six actions and 1.6174 over seven, so it fails only with seven.",
        1e-5,
        "bound",
    ),
    of_arrays(
        _inequality(
            "entropy-at-most-twenty-times-error", et.entropy, lambda z: 20 * _error(CHECKED, et.softmax(z)), (2, 2)
        ),
        False,
        "H / (1 - max p) grows like 1 + log(1 / (1 - max p)), above 20 once 1 - max p < 5.6e-9.",
        lambda xp, x: (f.entropy(xp, x), 20 * _error(xp, f.softmax(xp, x))),
        [2],
        {"z": WIDE},
        [10, Fraction(-99, 10)],
    ),
    of_arrays(
        _inequality(
            "varentropy-at-most-thousand-times-error",
            et.varentropy,
            lambda z: 250 * _error(CHECKED, et.softmax(z)),
            (2, 4),
        ),
        False,
        "Var(log p) / (1 - max p) grows like log^2 (1 - max p): it is above 250 only if some logit is 15.8 below "
        "the mode and nothing else is near it.",
        lambda xp, x: (f.variance(xp, x, x), 250 * _error(xp, f.softmax(xp, x))),
        range(2, 5),
        {"z": WIDE},
        [9, -9],
    ),
    numbers(
        "binary-entropy-at-most-twenty-p",
        False,
        "h(p) / p = 1 - log p + O(p) is above 20 for p < e^-19 = 5.6e-9.",
        lambda xp, p: (-p * xp.log(p) - (1 - p) * xp.log(1 - p), 20 * p),
        {"p": (0.0, 1.0)},
        [Fraction(1, 10**9)],
        open_ends=True,
        share=5.6028e-9,
        known="formula",
    ),
    numbers(
        "surprise-at-most-twenty-eight",
        False,
        "-log p > 28 for p < e^-28 = 6.9e-13.",
        lambda xp, p: (-xp.log(p), 28 + 0 * p),
        {"p": (0.0, 1.0)},
        [Fraction(1, 10**13)],
        open_ends=True,
        share=6.9144e-13,
        known="formula",
    ),
    numbers(
        "binary-entropy-power",
        False,
        "h(p) <= log 2 (4 p (1 - p))^c holds for c = 1 / log 4 = 0.721348 at most; the exponent is larger by 3e-6, "
        "and it fails only near p = 1/2, where curvature decides.",
        lambda xp, p: (
            _shannon_two(xp, p),
            xp.log(0 * p + 2) * _power_of(xp, 4 * p * (1 - p), (0 * p + 72135) / 100000),
        ),
        {"p": (0.0, 1.0)},
        [Fraction(1001, 2000)],
        open_ends=True,
    ),
    of_arrays(
        _inequality(
            "mode-is-likelier-than-half", et.exact(1, 2), lambda z: et.largest(et.softmax(z)), (2, 2), strict=True
        ),
        False,
        "Equality, so a violation of <, at a tie of the two actions alone.",
        lambda xp, x: (constant(x, 1, 2), xp.max(f.softmax(xp, x), -1)),
        [2],
        {"z": WIDE},
        [0, 0],
        share=0.0,
        known="formula",
    ),
]


def _concave(xp: Any, x: Any) -> tuple[Any, Any]:
    z, w = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    mixture = (f.softmax(xp, z) + f.softmax(xp, w)) / 2
    return (f.entropy(xp, z) + f.entropy(xp, w)) / 2, f.entropy_of(xp, mixture)


def _min_entropy_concave(xp: Any, x: Any) -> tuple[Any, Any]:
    p = f.softmax(xp, x[..., : x.shape[-1] // 2])
    q = f.softmax(xp, x[..., x.shape[-1] // 2 :])
    lhs = -(xp.log(xp.max(p, -1)) + xp.log(xp.max(q, -1))) / 2
    return lhs, -xp.log(xp.max((p + q) / 2, -1))


def _lipschitz(xp: Any, x: Any) -> tuple[Any, Any]:
    z, w = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return xp.abs(f.entropy(xp, z) - f.entropy(xp, w)), 2 * f.total_variation(xp, z, w)


def _error(xp: Any, p: Any) -> Any:
    """``1 - max p``."""
    return 1 - xp.max(p, -1)
