"""Claims about the Kullback-Leibler divergence, total variation and their relatives."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import Labelled, numbers, of_arrays, parts

d = et.domains

WIDE = (-10.0, 10.0)
BOTH = {"z": WIDE, "w": WIDE}


def _pair(name: str, lhs: Any, rhs: Any, actions: Any = (2, 5)) -> et.Inequality:
    given = {"z": d.logits(actions=actions), "w": d.logits(like="z")}
    return et.Inequality(name=name, given=given, lhs=lhs, rhs=rhs)


def _kl(z: Any, w: Any) -> Any:
    return et.kl(z, w)


def _tv(z: Any, w: Any) -> Any:
    return np.abs(et.softmax(z) - et.softmax(w)).sum(-1) / 2


def _two(formula: Any) -> Any:
    """A plain function of two logits from one of (xp, z, w)."""
    return lambda xp, x: formula(xp, *parts(x, 2))


def _merged(p: Any) -> Any:
    """The first two outcomes taken together, of three."""
    return p[..., 0] + p[..., 1], p[..., 2]


def _coarse(xp: Any, p: Any, q: Any) -> Any:
    (a, b), (c, e) = _merged(p), _merged(q)
    return a * xp.log(a / c) + b * xp.log(b / e)


def _jensen_shannon(xp: Any, p: Any, q: Any) -> Any:
    m = (p + q) / 2
    return xp.sum(p * xp.log(p / m) + q * xp.log(q / m), -1) / 2


def _hellinger(xp: Any, p: Any, q: Any) -> Any:
    return xp.sum((xp.sqrt(p) - xp.sqrt(q)) ** 2, -1) / 2


CLAIMS: list[Labelled] = [
    of_arrays(
        _pair("pinsker", lambda z, w: 2 * _tv(z, w) ** 2, _kl),
        True,
        "Pinsker's inequality; equality at z = w, and the constant is approached at p near (1/2, 1/2).",
        _two(lambda xp, z, w: (2 * f.total_variation(xp, z, w) ** 2, f.kl(xp, z, w))),
        range(2, 6),
        BOTH,
        [1, 2, 1, 2],
    ),
    of_arrays(
        _pair("bretagnolle-huber", _tv, lambda z, w: np.sqrt(1 - np.exp(-et.kl(z, w))), actions=3),
        True,
        "sum min(p, q) sum max(p, q) >= (sum sqrt(pq))^2 >= exp(-KL), and sum min = 1 - TV, sum max = 1 + TV.",
        _two(lambda xp, z, w: (f.total_variation(xp, z, w), xp.sqrt(1 - xp.exp(-f.kl(xp, z, w))))),
        [3],
        BOTH,
    ),
    of_arrays(
        _pair(
            "kl-below-log-chi-square",
            _kl,
            lambda z, w: np.log((et.softmax(z) ** 2 / et.softmax(w)).sum(-1)),
        ),
        True,
        "Jensen: E_p log(p / q) <= log E_p (p / q); equality if p / q is constant.",
        _two(lambda xp, z, w: (f.kl(xp, z, w), xp.log(xp.sum(f.softmax(xp, z) ** 2 / f.softmax(xp, w), -1)))),
        range(2, 6),
        BOTH,
        [0, 3, 1, 4],
    ),
    of_arrays(
        _pair(
            "data-processing",
            lambda z, w: _coarse(np, et.softmax(z), et.softmax(w)),
            _kl,
            actions=3,
        ),
        True,
        "Log-sum inequality; equality if p / q agrees on the two outcomes that are merged.",
        _two(lambda xp, z, w: (_coarse(xp, f.softmax(xp, z), f.softmax(xp, w)), f.kl(xp, z, w))),
        [3],
        BOTH,
        [1, 2, 3, 0, 1, 5],
    ),
    of_arrays(
        _pair(
            "jensen-shannon-below-log-two",
            lambda z, w: _jensen_shannon(np, et.softmax(z), et.softmax(w)),
            lambda z, w: np.log(et.exact(2)),
            actions=(2, 4),
        ),
        True,
        "log(p / m) <= log 2 as m >= p / 2; the supremum is approached at disjoint supports, not attained.",
        _two(
            lambda xp, z, w: (
                _jensen_shannon(xp, f.softmax(xp, z), f.softmax(xp, w)),
                xp.log(0 * z[..., 0] + 2),
            )
        ),
        range(2, 5),
        BOTH,
    ),
    of_arrays(
        et.Identity(
            name="kl-as-bregman",
            given={"z": d.logits(actions=(2, 5)), "w": d.logits(like="z")},
            lhs=_kl,
            rhs=lambda z, w: et.expectation(z, z - w) + _lse(w) - _lse(z),
        ),
        True,
        "log p = z - lse(z) and log q = w - lse(w), averaged under p.",
        _two(
            lambda xp, z, w: (
                f.kl(xp, z, w),
                f.mean(xp, z, z - w) + f.log_sum_exp(xp, w) - f.log_sum_exp(xp, z),
            )
        ),
        range(2, 6),
        BOTH,
    ),
    of_arrays(
        _pair("kl-one-way", _kl, lambda z, w: et.kl(w, z), actions=3),
        False,
        "Exchanging z and w turns the claim round, so it fails on half of any symmetric box.",
        _two(lambda xp, z, w: (f.kl(xp, z, w), f.kl(xp, w, z))),
        [3],
        BOTH,
        [0, 0, 0, 5, 0, 0],
        share=0.5,
        known="formula",
    ),
    of_arrays(
        _pair("kl-below-four-squares", _kl, lambda z, w: 4 * _tv(z, w) ** 2, actions=3),
        False,
        "Pinsker reversed: KL is unbounded, total variation is not.",
        _two(lambda xp, z, w: (f.kl(xp, z, w), 4 * f.total_variation(xp, z, w) ** 2)),
        [3],
        BOTH,
        [0, 0, 0, 9, 0, 0],
    ),
    of_arrays(
        et.Inequality(
            name="kl-triangle",
            given={"z": d.logits(actions=3), "u": d.logits(like="z"), "w": d.logits(like="z")},
            lhs=lambda z, u, w: et.kl(z, w),
            rhs=lambda z, u, w: et.kl(z, u) + et.kl(u, w),
        ),
        False,
        "KL grows like a square: half-way points make it smaller.",
        lambda xp, x: _triangle(xp, *parts(x, 3)),
        [3],
        {"z": WIDE, "u": WIDE, "w": WIDE},
        [0, 0, 0, 1, 0, 0, 2, 0, 0],
    ),
    of_arrays(
        _pair(
            "variation-below-hellinger",
            lambda z, w: _tv(z, w) ** 2,
            lambda z, w: et.exact(196, 100) * _hellinger(np, et.softmax(z), et.softmax(w)),
            actions=3,
        ),
        False,
        "The sharp constant is 2, approached as p and q come together; 1.96 fails there.",
        _two(
            lambda xp, z, w: (
                f.total_variation(xp, z, w) ** 2,
                _hellinger(xp, f.softmax(xp, z), f.softmax(xp, w)) * 196 / 100,
            )
        ),
        [3],
        BOTH,
        [0, -9, 0, Fraction(1, 4), -9, 0],
    ),
    of_arrays(
        _pair(
            "pinsker-one-part-in-ten-thousand",
            lambda z, w: et.exact(20002, 10000) * _tv(z, w) ** 2,
            _kl,
            actions=2,
        ),
        False,
        "The constant 2 is sharp; 2.0002 fails only where p and q are both within about 1e-2 of (1/2, 1/2).",
        _two(lambda xp, z, w: (f.total_variation(xp, z, w) ** 2 * 20002 / 10000, f.kl(xp, z, w))),
        [2],
        BOTH,
        [0, 0, Fraction(1, 1000), 0],
    ),
    of_arrays(
        _pair(
            "pinsker-one-part-in-a-billion",
            lambda z, w: et.exact(2000000002, 10**9) * _tv(z, w) ** 2,
            _kl,
            actions=4,
        ),
        False,
        "As above, but the other two of four actions must be below 1e-9 and p and q within 5e-5 of each other.",
        _two(lambda xp, z, w: (f.total_variation(xp, z, w) ** 2 * 2000000002 / 10**9, f.kl(xp, z, w))),
        [4],
        BOTH,
        [10, 10, -10, -10, 10 - Fraction(1, 100000), 10, -10, -10],
        share=1e-12,
        known="bound",
    ),
    of_arrays(
        _pair(
            "bretagnolle-huber-tightened",
            lambda z, w: _tv(z, w) ** 2,
            lambda z, w: 1 - et.exact(11, 10) * np.exp(-et.kl(z, w)),
            actions=3,
        ),
        False,
        "At p = q the right side is negative; it fails wherever KL is small.",
        _two(lambda xp, z, w: (f.total_variation(xp, z, w) ** 2, 1 - xp.exp(-f.kl(xp, z, w)) * 11 / 10)),
        [3],
        BOTH,
        [0, 0, 0, 0, 0, 0],
    ),
    of_arrays(
        _pair(
            "jensen-shannon-one-billionth-less",
            lambda z, w: _jensen_shannon(np, et.softmax(z), et.softmax(w)),
            et.exact("0.6931471798"),
            actions=2,
        ),
        False,
        "The supremum log 2 = 0.69314718056 is approached only at disjoint supports: both policies must have an error "
        "below 1e-10 or so.",
        _two(
            lambda xp, z, w: (
                _jensen_shannon(xp, f.softmax(xp, z), f.softmax(xp, w)),
                (0 * z[..., 0] + 6931471798) / 10**10,
            )
        ),
        [2],
        {"z": (-20.0, 20.0), "w": (-20.0, 20.0)},
        [20, -20, -20, 20],
    ),
    of_arrays(
        _pair(
            "symmetric-kl-is-twice",
            lambda z, w: et.kl(z, w) + et.kl(w, z),
            lambda z, w: et.exact(21, 10) * et.kl(z, w),
            actions=2,
        ),
        False,
        "Only to second order are the two divergences equal.",
        _two(lambda xp, z, w: (f.kl(xp, z, w) + f.kl(xp, w, z), f.kl(xp, z, w) * 21 / 10)),
        [2],
        BOTH,
        [4, 0, 0, 0],
    ),
    numbers(
        "kl-of-bits-quartic-bound",
        False,
        "KL((1 + a) / 2 || 1/2) = a^2 / 2 + a^4 / 12 + a^6 / 30 + ...; the quartic bound with 0.0834 for 1 / 12 fails "
        "for |a| > 0.0447.",
        lambda xp, a: (
            ((1 + a) * xp.log(1 + a) + (1 - a) * xp.log(1 - a)) / 2,
            a**2 / 2 + a**4 * 834 / 10000,
        ),
        {"a": (-0.05, 0.05)},
        [Fraction(1, 20)],
    ),
]


def _triangle(xp: Any, z: Any, u: Any, w: Any) -> tuple[Any, Any]:
    return f.kl(xp, z, w), f.kl(xp, z, u) + f.kl(xp, u, w)


def _lse(z: Any) -> Any:
    """``log sum exp z``."""
    return z[..., 0] - et.log_softmax(z)[..., 0]
