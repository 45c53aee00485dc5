"""Claims about entropies: of mixtures, Renyi's of two actions, bounds by other functions of the policy, Lipschitz."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims import plain as f
from benchmarks.power_claims.labelled import CHECKED, Labelled, constant
from benchmarks.power_claims.second.forms import about_policies

PAIR = ("z", "w")
HALF = Fraction(1, 2)


def _mixed(p: Any, q: Any, a: Any) -> Any:
    return a[..., None] * p + (1 - a[..., None]) * q


def _of(xp: Any, p: Any) -> Any:
    return -xp.sum(p * xp.log(p), -1)


def _bit(xp: Any, a: Any) -> Any:
    return -a * xp.log(a) - (1 - a) * xp.log(1 - a)


def _mixture_bound(xp: Any, h: Any, k: Any, a: Any) -> Any:
    return a * h + (1 - a) * k + _bit(xp, a)


def _collision(xp: Any, p: Any) -> Any:
    """Minus Renyi's entropy of order 2."""
    return xp.log(xp.sum(p**2, -1))


def _middle(xp: Any, p: Any, q: Any) -> tuple[Any, Any]:
    return _collision(xp, (p + q) / 2), (_collision(xp, p) + _collision(xp, q)) / 2


def _plain_product(xp: Any, z: Any) -> tuple[Any, Any]:
    return f.entropy(xp, z) * xp.sum(f.softmax(xp, z) ** 2, -1), constant(z, 58, 100)


def _error_power(xp: Any, p: Any) -> Any:
    """The error to the power 9/10."""
    return xp.exp(9 * xp.log(1 - xp.max(p, -1)) / 10)


def _plain_error(xp: Any, z: Any) -> tuple[Any, Any]:
    others = xp.sum(f.softmax(xp, z), -1) - xp.max(f.softmax(xp, z), -1)
    return f.entropy(xp, z), xp.exp(9 * xp.log(others) / 10) * 453 / 100


CLAIMS: list[Labelled] = [
    about_policies(
        "entropy-of-a-mixture-below-the-mean-and-a-bit",
        True,
        "Chain rule: the right side is the joint entropy of the action and of the policy that it is drawn from; the "
        "bound is approached at disjoint supports.",
        lambda z, w, a: _of(CHECKED, _mixed(et.softmax(z), et.softmax(w), a)),
        lambda z, w, a: _mixture_bound(CHECKED, et.entropy(z), et.entropy(w), a),
        lambda xp, z, w, a: (
            _of(xp, _mixed(f.softmax(xp, z), f.softmax(xp, w), a)),
            _mixture_bound(xp, f.entropy(xp, z), f.entropy(xp, w), a),
        ),
        actions=(2, 4),
        logits=PAIR,
        scalars={"a": (0.0, 0.5)},
        open_low=True,
    ),
    about_policies(
        "renyi-two-of-two-actions-is-concave",
        True,
        "With s = p^2 + (1 - p)^2 the second derivative of -log s is -8 p (1 - p) / s^2; equality at z = w.",
        lambda z, w: _middle(CHECKED, et.softmax(z), et.softmax(w))[0],
        lambda z, w: _middle(CHECKED, et.softmax(z), et.softmax(w))[1],
        lambda xp, z, w: _middle(xp, f.softmax(xp, z), f.softmax(xp, w)),
        [1, 0, 3, 2],
        [0, 0, 0, 0],
        actions=2,
        logits=PAIR,
    ),
    about_policies(
        "entropy-times-collision-from-seven-on",
        False,
        "H sum p^2 is greatest for one action against equal ones: 0.5574 over six actions, 0.5818 over seven, so above "
        "0.58 only with seven, the six others nearly tied.",
        lambda z: et.entropy(z) * (et.softmax(z) ** 2).sum(-1),
        lambda z: et.exact("0.58"),
        _plain_product,
        [Fraction(11, 4), 0, 0, 0, 0, 0, 0],
        actions=(5, 7),
        share=7e-10,
        known="bound",
    ),
    about_policies(
        "entropy-below-a-power-of-the-error",
        False,
        "H / (1 - max p)^0.9 is greatest if the others are tied, at a log-odds of 9 or so: 4.0657 over two actions, "
        "4.3574 over three, 4.5377 over four, above 4.53.",
        lambda z: et.entropy(z),
        lambda z: et.exact("4.53") * _error_power(CHECKED, et.softmax(z)),
        _plain_error,
        [9, 0, 0, 0],
        actions=(2, 4),
    ),
    about_policies(
        "entropy-is-lipschitz-in-the-logits",
        False,
        "Of two actions |dH| = |L| p (1 - p) |dL| for a log-odds L, at most 0.4477432 max |dz|, at |L| = 1.5434 and "
        "opposite changes; 0.447 fails for two policies close to that.",
        lambda z, w: np.abs(et.entropy(z) - et.entropy(w)),
        lambda z, w: et.exact("0.447") * et.largest(np.abs(z - w)),
        lambda xp, z, w: (
            xp.abs(f.entropy(xp, z) - f.entropy(xp, w)),
            xp.max(xp.abs(z - w), -1) * 447 / 1000,
        ),
        [Fraction(77, 100), Fraction(-77, 100), Fraction(78, 100), Fraction(-78, 100)],
        actions=2,
        logits=PAIR,
        share=7.8636e-10,
        known="formula",
    ),
    about_policies(
        "agreement-is-likeliest-for-the-uniform-policy-last",
        False,
        "Sum p^(1 + k) >= n^(-k) is Jensen for k >= 0; for k in (-1/64, 0), a 257th of the range, it turns round.",
        lambda z, k: np.exp(-k * np.log(et.exact(z.shape[-1]))),
        lambda z, k: np.exp((1 + k[..., None]) * et.log_softmax(z)).sum(-1),
        lambda xp, z, k: (
            xp.exp(-k * xp.log(constant(z, z.shape[-1]))),
            xp.sum(xp.exp((1 + k[..., None]) * f.log_softmax(xp, z)), -1),
        ),
        [1, 0, 0, Fraction(-1, 128)],
        scalars={"k": (-1 / 64, 4.0)},
        share=1 / 257,
        known="formula",
    ),
]
