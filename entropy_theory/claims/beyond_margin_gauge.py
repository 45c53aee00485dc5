"""The inverse stability margin is a gauge, hence subadditive.

Let ``D(v) = KL(p || p_{z+v}) = log E_p exp(v - E_p v)``. As a log-sum-exp of an affine function of v it is convex, D(0)
= 0. So ``C = {v : D(v) <= epsilon}`` is convex with 0 in its interior, and ``1/gamma(v) = inf {s > 0 : v/s in C}`` is
its gauge (Minkowski functional). With ``s > 1/gamma(u)``, ``t > 1/gamma(v)`` the point ``(u + v)/(s + t) = s/(s+t) u/s
+ t/(s+t) v/t`` lies in C, so ``1/gamma(u + v) <= s + t``. Equality for parallel directions.
"""

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.checking.claim import Inequality
from entropy_theory.claims._shared import Array, constant
from entropy_theory.constants import exact
from entropy_theory.stability import stability_margin

POSITION = 9.14


def _inverse(p: Array, epsilon: Array, *directions: Array) -> Array:
    stacked = np.stack(directions, axis=-2)
    return 1 / stability_margin(np.log(p)[..., None, :], stacked, epsilon[..., None])


_GAUGE = Inequality(
    name="beyond/margin-gauge",
    reading="corrected",
    statement=r"\frac1{\gamma(u+v)} \le \frac1{\gamma(u)} + \frac1{\gamma(v)}",
    given={
        "p": d.policies(actions=3),
        "u": d.reals(-10, 10, like="p"),
        "v": d.reals(-10, 10, like="p"),
        "epsilon": d.reals(1 / 1024, 8),
    },
    assuming=lambda u, v: ~constant(u) & ~constant(v) & ~constant(u + v),
    hypotheses="u, v and u + v are not constant, so that all three margins are finite.",
    lhs=lambda p, u, v, epsilon: _inverse(p, epsilon, u + v)[..., 0],
    rhs=lambda p, u, v, epsilon: _inverse(p, epsilon, u, v).sum(-1),
    tight=True,
    remark="Exact margins, any two directions. Equality where u and v are parallel.",
    proof="D(v) = KL(p || p_{z+v}) = log E_p exp(v - E_p v) is convex in v (log-sum-exp of an affine function) and "
    "D(0) = 0.\n"
    "C = {v : D(v) <= epsilon} is convex; 1/gamma(v) is the smallest s > 0 with v/s in C.\n"
    "Take s = 1/gamma(u), t = 1/gamma(v): u/s and v/t lie in C, so does (u + v)/(s + t) = s/(s+t) (u/s) + t/(s+t) "
    "(v/t).\n"
    "Hence 1/gamma(u + v) <= s + t.",
)
GAUGE = _GAUGE.with_mutants(
    _GAUGE.mutant("factor-0.99", rhs=lambda p, u, v, epsilon: exact(99, 100) * _inverse(p, epsilon, u, v).sum(-1))
)

CLAIMS = (GAUGE,)
