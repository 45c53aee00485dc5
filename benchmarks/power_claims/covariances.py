"""Claims about covariances, Fisher norms, the Jacobian of softmax and log-sum-exp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import Labelled, constant, of_arrays, parts

d = et.domains

WIDE, UNIT = (-10.0, 10.0), (-1.0, 1.0)


def _inequality(name: str, lhs: Any, rhs: Any, actions: Any, strict: bool = False, more: Sequence[str] = ("v",)) -> Any:
    given = {"z": d.logits(actions=actions), **{v: d.reals(-1, 1, like="z") for v in more}}
    return et.Inequality(name=name, given=given, lhs=lhs, rhs=rhs, strict=strict)


def _ends(*more: str) -> dict[str, tuple[float, float]]:
    return {"z": WIDE, **dict.fromkeys(more, UNIT)}


def _two(formula: Callable[[Any, Any, Any], tuple[Any, Any]]) -> Any:
    return lambda xp, x: formula(xp, *parts(x, 2))


def _square(xp: Any, v: Any) -> Any:
    return xp.sum(v**2, -1)


def _jacobian(xp: Any, z: Any, v: Any) -> Any:
    p = f.softmax(xp, z)
    return p * (v - f.mean(xp, z, v)[..., None])


def _moved(z: Any, v: Any) -> Any:
    return et.softmax(z) * et.centred(z, v)


def _range(v: Any) -> Any:
    return et.largest(v) - et.smallest(v)


def _lse(z: Any) -> Any:
    """``log sum exp z``."""
    return z[..., 0] - et.log_softmax(z)[..., 0]


def _norm_below(name: str, numerator: int, denominator: int, n: int, share: float | None, known: Any) -> Labelled:
    top = et.exact(numerator, denominator)
    return of_arrays(
        _inequality(
            name,
            lambda z, v: (_moved(z, v) ** 2).sum(-1),
            lambda z, v: top * (v**2).sum(-1),
            n,
        ),
        False,
        "The squared norm of the Jacobian is 1/4 at p = (1/2, 1/2, 0, ...), v = (1, -1, 0, ...), and less elsewhere; "
        f"{numerator / denominator} fails only close by.",
        _two(
            lambda xp, z, v: (
                _square(xp, _jacobian(xp, z, v)),
                _square(xp, v) * numerator / denominator,
            )
        ),
        [n],
        _ends("v"),
        [10, 10, *([-10] * (n - 2)), 1, -1, *([0] * (n - 2))],
        share=share,
        known=known,
    )


CLAIMS: list[Labelled] = [
    of_arrays(
        _inequality(
            "jacobian-norm-one-half", lambda z, v: 4 * (_moved(z, v) ** 2).sum(-1), lambda z, v: (v**2).sum(-1), (2, 5)
        ),
        True,
        "The Jacobian diag(p) - p p' is positive with row sums of absolute values 2 p (1 - p) <= 1/2.",
        _two(lambda xp, z, v: (4 * _square(xp, _jacobian(xp, z, v)), _square(xp, v))),
        range(2, 6),
        _ends("v"),
        [0, 0, 1, -1],
    ),
    of_arrays(
        _inequality(
            "jacobian-maximum-norm",
            lambda z, v: et.largest(np.abs(_moved(z, v))),
            lambda z, v: et.largest(np.abs(v)) / 2,
            (2, 5),
        ),
        True,
        "|p_a (v_a - E v)| <= p_a (1 - p_a) 2 max |v| <= max |v| / 2.",
        _two(lambda xp, z, v: (xp.max(xp.abs(_jacobian(xp, z, v)), -1), xp.max(xp.abs(v), -1) / 2)),
        range(2, 6),
        _ends("v"),
        [0, 0, 1, -1],
    ),
    of_arrays(
        _inequality("popoviciu", lambda z, v: 4 * et.fisher_norm(z, v) ** 2, lambda z, v: _range(v) ** 2, (2, 5)),
        True,
        "Var v <= E (v - midrange)^2 <= (range / 2)^2; equality for half the mass at each end.",
        _two(lambda xp, z, v: (4 * f.variance(xp, z, v), f.spread(xp, v) ** 2)),
        range(2, 6),
        _ends("v"),
        [0, 0, 1, -1],
    ),
    of_arrays(
        _inequality(
            "bhatia-davis",
            lambda z, v: et.covariance(z, v, v),
            lambda z, v: (et.largest(v) - et.expectation(z, v)) * (et.expectation(z, v) - et.smallest(v)),
            (2, 5),
        ),
        True,
        "E (max - v)(v - min) >= 0; equality if v takes two values, so always for two actions.",
        _two(lambda xp, z, v: _bhatia_davis(xp, z, v)),
        range(2, 6),
        _ends("v"),
        [1, 3, 1, -1],
        [1, 2, 3, 1, -1, 1],
    ),
    of_arrays(
        _inequality("comonotone-covariance", 0, lambda z: et.covariance(z, z, np.tanh(z)), (2, 6), more=()),
        True,
        "Chebyshev's sum inequality: z and tanh z rise together; equality if z is constant.",
        lambda xp, x: (constant(x, 0), f.covariance(xp, x, x, _tanh(xp, x))),
        range(2, 7),
        {"z": WIDE},
        [2, 2, 2],
    ),
    of_arrays(
        _inequality(
            "log-sum-exp-above-maximum",
            lambda z: _lse(z) - et.largest(z),
            lambda z: np.log(et.exact(z.shape[-1])),
            (2, 6),
            more=(),
        ),
        True,
        "sum exp z <= n exp max z; equality at ties of all.",
        lambda xp, x: (f.log_sum_exp(xp, x) - xp.max(x, -1), xp.log(constant(x, x.shape[-1]))),
        range(2, 7),
        {"z": WIDE},
        [1] * 4,
    ),
    of_arrays(
        _inequality(
            "log-sum-exp-convex", lambda z, v: _lse(z + v / 2), lambda z, v: (_lse(z) + _lse(z + v)) / 2, (2, 5)
        ),
        True,
        "Its second derivative along v is Var(v) >= 0; equality if v is constant.",
        _two(
            lambda xp, z, v: (
                f.log_sum_exp(xp, z + v / 2),
                (f.log_sum_exp(xp, z) + f.log_sum_exp(xp, z + v)) / 2,
            )
        ),
        range(2, 6),
        _ends("v"),
        [1, 2, 1, 1],
    ),
    of_arrays(
        _inequality(
            "hoeffding-for-log-sum-exp",
            lambda z, v: _lse(z + v) - _lse(z) - et.expectation(z, v),
            lambda z, v: _range(v) ** 2 / 8,
            (2, 5),
        ),
        True,
        "Hoeffding's lemma: the second derivative Var(v) is at most range^2 / 4; equality if v is constant.",
        _two(lambda xp, z, v: (_hoeffding(xp, z, v), f.spread(xp, v) ** 2 / 8)),
        range(2, 6),
        _ends("v"),
        [0, 0, 1, 1],
    ),
    of_arrays(
        _inequality(
            "ascent-step-of-two",
            lambda z, v: et.expectation(z, v),
            lambda z, v: et.expectation(z + 2 * _moved(z, v), v),
            (2, 5),
        ),
        True,
        "J'' along u is E (v - E v)(u - E u)^2 <= range(v) |u|^2 / 2, so J is smooth with constant 1 for a range of "
        "at most 2, and a step of at most 2 does not lower it.",
        _two(lambda xp, z, v: (f.mean(xp, z, v), f.mean(xp, z + 2 * _jacobian(xp, z, v), v))),
        range(2, 6),
        _ends("v"),
        [1, 2, 1, 1],
    ),
    of_arrays(
        _inequality("covariance-is-positive", 0, lambda z, v: et.covariance(z, z, v), 4),
        False,
        "It changes sign with v, so it fails on half of any symmetric box.",
        _two(lambda xp, z, v: (constant(z, 0), f.covariance(xp, z, z, v))),
        [4],
        _ends("v"),
        [1, 0, 0, 0, -1, 0, 0, 0],
        share=0.5,
        known="formula",
    ),
    of_arrays(
        _inequality(
            "cauchy-schwarz-for-policies",
            lambda z, v: et.covariance(z, z, v) ** 2,
            lambda z, v: et.exact(99, 100) * et.varentropy(z) * et.covariance(z, v, v),
            4,
        ),
        False,
        "Equality is approached where v is nearly an affine function of z, or where two actions have all the mass.",
        _two(
            lambda xp, z, v: (
                f.covariance(xp, z, z, v) ** 2,
                f.variance(xp, z, z) * f.variance(xp, z, v) * 99 / 100,
            )
        ),
        [4],
        _ends("v"),
        [3, 2, 1, 0, 1, Fraction(2, 3), Fraction(1, 3), 0],
    ),
    of_arrays(
        _inequality(
            "entropy-falls-along-z-for-a-long-step",
            lambda z, v: et.entropy(z + 8 * v),
            lambda z, v: et.entropy(z) + 2 * np.abs(et.covariance(z, z, v)),
            3,
        ),
        False,
        "The first-order change says nothing of a step of eight.",
        _two(
            lambda xp, z, v: (
                f.entropy(xp, z + 8 * v),
                f.entropy(xp, z) + 2 * xp.abs(f.covariance(xp, z, z, v)),
            )
        ),
        [3],
        _ends("v"),
        [8, 0, 0, -1, 0, 0],
    ),
    _norm_below("jacobian-norm-one-thousandth-less", 24975, 100000, 2, None, "measured"),
    _norm_below("jacobian-norm-one-millionth-less", 249999750, 10**9, 4, 1e-9, "bound"),
    of_arrays(
        _inequality(
            "popoviciu-four-hundredths-less",
            lambda z, v: et.covariance(z, v, v),
            lambda z, v: et.exact(24, 100) * _range(v) ** 2,
            5,
        ),
        False,
        "Fails only if nearly half of the mass is at each end of v.",
        _two(lambda xp, z, v: (f.variance(xp, z, v), f.spread(xp, v) ** 2 * 24 / 100)),
        [5],
        _ends("v"),
        [10, 10, -10, -10, -10, 1, -1, 0, 0, 0],
    ),
    of_arrays(
        _inequality(
            "hoeffding-one-part-in-ten-thousand-less",
            lambda z, v: _lse(z + v) - _lse(z) - et.expectation(z, v),
            lambda z, v: et.exact(9999, 80000) * _range(v) ** 2,
            3,
        ),
        False,
        "The constant 1/8 is sharp for half of the mass at each end and a small range.",
        _two(lambda xp, z, v: (_hoeffding(xp, z, v), f.spread(xp, v) ** 2 * 9999 / 80000)),
        [3],
        _ends("v"),
        [10, 10, -10, Fraction(1, 200), Fraction(-1, 200), 0],
        share=1e-5,
        known="bound",
    ),
    of_arrays(
        _inequality(
            "bhatia-davis-is-strict",
            lambda z, v: et.covariance(z, v, v),
            lambda z, v: (et.largest(v) - et.expectation(z, v)) * (et.expectation(z, v) - et.smallest(v)),
            3,
            strict=True,
        ),
        False,
        "Equality, so a violation of <, if the middle value is tied with an end, a set of measure zero.",
        _two(lambda xp, z, v: _bhatia_davis(xp, z, v)),
        [3],
        _ends("v"),
        [0, 0, 0, 1, 1, 0],
        share=0.0,
        known="formula",
    ),
    of_arrays(
        _inequality(
            "log-sum-exp-of-five-nearly-tied", lambda z: _lse(z) - et.largest(z), et.exact("1.6094378"), 5, more=()
        ),
        False,
        "log 5 = 1.60943791 is reached at ties of all five only; 1.6094378 fails where they are within about 1e-7.",
        lambda xp, x: (f.log_sum_exp(xp, x) - xp.max(x, -1), constant(x, 16094378, 10**7)),
        [5],
        {"z": WIDE},
        [0] * 5,
        share=1e-27,
        known="bound",
    ),
    of_arrays(
        _inequality(
            "pattern-of-six-signs",
            lambda z, v: 1000 * _pattern(v) * et.smallest(et.softmax(z)),
            lambda z, v: et.exact(10000),
            6,
        ),
        False,
        "The product is at most 64, at v = (1, -1, 1, -1, 1, -1) alone, and the least of six probabilities at most "
        "1/6, at ties: 10666 there. It must be above 60 with probabilities within a few hundredths of equal.",
        _two(
            lambda xp, z, v: (
                1000 * _pattern(v) * xp.min(f.softmax(xp, z), -1),
                constant(z, 10000),
            )
        ),
        [6],
        _ends("v"),
        [0, 0, 0, 0, 0, 0, 1, -1, 1, -1, 1, -1],
        share=1e-15,
        known="bound",
    ),
]


def _pattern(v: Any) -> Any:
    out = 1 + v[..., 0]
    for i in range(1, 6):
        out = out * (1 + v[..., i] if i % 2 == 0 else 1 - v[..., i])
    return out


def _bhatia_davis(xp: Any, z: Any, v: Any) -> tuple[Any, Any]:
    mean = f.mean(xp, z, v)
    return f.variance(xp, z, v), (xp.max(v, -1) - mean) * (mean - xp.min(v, -1))


def _hoeffding(xp: Any, z: Any, v: Any) -> Any:
    return f.log_sum_exp(xp, z + v) - f.log_sum_exp(xp, z) - f.mean(xp, z, v)


def _tanh(xp: Any, x: Any) -> Any:
    return 1 - 2 / (xp.exp(2 * x) + 1)
